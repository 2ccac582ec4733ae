package Mesos::ExecutorDriver;
use 5.10.1;
use IO::Handle ();
use Mesos::Arguments qw(check_arguments);
use Mesos::Constraint ();
use Mesos::Executor ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use Mesos::XS;
use Moo;
use namespace::autoclean;

my $str = Mesos::Constraint->standard('Str');
my %type = map { ($_ => Mesos::Constraint->named($_)) } qw(Executor TaskStatus);

has executor => (is => 'ro', isa => $type{Executor}->checker);
# Empty: the default, which Mesos->backends tells.
has driver => (is => 'ro', isa => $str->checker, default => sub { Mesos::Constraint::_driver_of_environment() });
has autoflush => (is => 'ro', default => 1);

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments, 'executor');
    Mesos::Warnings::check_callbacks($self->executor, 'Mesos::Executor');
    Mesos::_log_init('mesos');
    $self->_xs_init($self->dispatcher->channel, $self->driver);
}

sub event_handler { $_[0]->executor }

# The agent's secret, for further drivers of this process. As in Mesos' own driver, programs that an executor starts do not get it.
my $TOKEN = 'MESOS_EXECUTOR_AUTHENTICATION_TOKEN';
my $token;

# The driver reads the environment in here.
sub _start_with_token {
    my ($self) = @_;
    my $given = $ENV{$TOKEN};
    if (defined $given || !defined $token) {
        my $status = $self->_xs_start;
        $token = delete $ENV{$TOKEN} if defined $given;
        return $status;
    }
    local $ENV{$TOKEN} = $token;
    return $self->_xs_start;
}

sub start {
    my ($self) = @_;
    my $status = $self->_start_with_token;
    if ($self->autoflush && !$self->{_flushed}) {
        my $handle = select;
        no strict 'refs';
        $self->{_flushed} = [ref $handle ? $handle : \*{$handle}, $|];
        $| = 1;
    }
    return $status;
}

sub stop { $_[0]->_warn_of_open_tasks; $_[0]->_restore_autoflush; $_[0]->_xs_stop }

my %is_open = map { ($_ => 1) } Mesos::TaskState::TASK_STARTING(), Mesos::TaskState::TASK_RUNNING(), Mesos::TaskState::TASK_KILLING();

# Without a last update the scheduler hears only that the executor has terminated. One that was told to shut down need not say more.
sub _warn_of_open_tasks {
    my ($self) = @_;
    my ($id, @more) = sort keys %{$self->{_open_tasks} || {}} or return;
    return if $self->status != Mesos::Status::DRIVER_RUNNING();
    for (my $level = 1; my $sub = (caller $level)[3]; $level++) { return if $sub =~ /::shutdown\z/ }
    my $state = Mesos::TaskState->name_of($self->{_open_tasks}{$id});
    my $what = "the task '$id'" . (@more ? ' (and of ' . @more . ' more)' : '');
    Mesos::Warnings::warn_user("stop: the last update of $what was $state: Mesos makes it TASK_FAILED", 'stop.open');
    return;
}

sub abort { $_[0]->_restore_autoflush; $_[0]->_xs_abort }

sub _restore_autoflush {
    my ($self) = @_;
    my ($handle, $before) = @{delete $self->{_flushed} || return};
    $handle->autoflush($before);
}

# After the methods that it modifies and requires.
with 'Mesos::Role::HasDispatcher', 'Mesos::Role::Warns';

Mesos::Warnings::Methods::watch_methods(__PACKAGE__, 'new', map { ($_ => undef) } qw(start run run_once join));

sub _is_alive { $_[0]->status == Mesos::Status::DRIVER_RUNNING() }

sub sendStatusUpdate {
    my $self = shift;
    my ($update) = check_arguments('sendStatusUpdate', \@_, [status => $type{TaskStatus}]);
    my $status = $self->_xs_send_status_update($update);
    Mesos::Warnings::warn_user('sendStatusUpdate: the driver was stopped: the update is lost', 'sendStatusUpdate.stopped')
        if $status == Mesos::Status::DRIVER_STOPPED();
    my ($id, $state) = ($update->{task_id}{value}, $update->{state});
    if (!$is_open{$state}) { delete $self->{_open_tasks}{$id} }
    elsif ($status == Mesos::Status::DRIVER_RUNNING()) { $self->{_open_tasks}{$id} = $state }
    $self->{_handled}{$id} = 1 if $self->{_handled};
    return $status;
}

# The scheduler would wait for ever for news of a task that was never begun.
sub _make_up_for {
    my ($self, $event, $error, $task) = @_;
    return '' unless $event eq 'launchTask';
    return 'The executor had sent an update of the task, so the driver sends none.' if $self->{_handled}{$task->{task_id}{value}};
    my $send = sub {
        my ($message) = "$error" =~ /\A\s*(.*)/;
        my $status = eval {
            $self->_xs_send_status_update({
                    task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FAILED(), message => $message,
            });
        };
        $self->_tell("  The driver could not send TASK_FAILED.\n") if !defined $status || $status != Mesos::Status::DRIVER_RUNNING();
    };
    return ('The driver sends TASK_FAILED for the task.', $send);
}

# To the sandbox, where whoever looks for the reason looks first.
sub _tell { print STDERR $_[1] }

sub _tells_always {1}

sub sendFrameworkMessage {
    my $self = shift;
    return $self->_xs_send_framework_message(check_arguments('sendFrameworkMessage', \@_, [data => $str]));
}

sub DEMOLISH { $_[0]->_warn_if_running($_[1]); $_[0]->_xs_free }

1;
__END__

=head1 NAME

Mesos::ExecutorDriver - connects an executor to its Mesos agent

=head1 SYNOPSIS

    use Mesos::ExecutorDriver;

    my $status = Mesos::ExecutorDriver->new(executor => My::Executor->new)->run;
    exit($status == Mesos::Status::DRIVER_STOPPED ? 0 : 1);

=head1 DESCRIPTION

Registers an executor with the agent that started it, passes the agent's events to a L<Mesos::Executor>, and sends its calls. The class
composes L<Mesos::Role::HasDispatcher>, which describes C<run>, C<run_once>, C<join>, C<dispatcher>, C<on_exception> and C<running>.

All calls return at once. They return the driver's status, a number of C<Mesos::Status>, as those of L<Mesos::SchedulerDriver> do.

When the driver is destroyed, it waits until the agent has the updates that you sent, for at most 5 seconds.

=head1 ATTRIBUTES

All attributes are arguments of C<new>, and read-only.

=head2 executor

Required. The L<Mesos::Executor> whose methods the driver calls.

=head2 driver

What the driver runs on: C<native> (Mesos' HTTP API) or C<libmesos> (its C++ driver, if it is built in: see L<Mesos/backends>). Default:
the value of C<PERL_MESOS_DRIVER>, else what the module was built for: C<libmesos> if its builder asked for that, otherwise C<native>. If
you ask for one that is not built in, C<new> dies. L</backend> tells you the outcome.

=head2 autoflush

If true (the default), C<start> switches off buffering for the selected handle. C<stop> and C<abort> restore it.

=head2 unknown_fields

What happens when an update has a key that is no field of it: see L<Mesos::SchedulerDriver/unknown_fields>. L<Mesos::Warnings> tells what
else is warned of.

=head1 METHODS

=head2 new

    my $driver = Mesos::ExecutorDriver->new(executor => $executor);

Makes a driver. It does not connect yet.

=head2 start

    my $status = $driver->start;

Connects to the agent. An agent sets environment variables for its executors (C<MESOS_SLAVE_PID>, C<MESOS_FRAMEWORK_ID>, ...). If one of
them is missing or wrong, C<start> dies and names it.

C<start> removes C<MESOS_EXECUTOR_AUTHENTICATION_TOKEN> from C<%ENV>, as Mesos' own driver does, so that programs which your executor starts
do not get the agent's secret. Other drivers of the same process can still use it.

=head2 stop

    my $status = $driver->stop;

Ends the driver. Your executor should exit afterwards, because the agent notices only that. Send the last update of each task before: the
scheduler otherwise learns only that the executor has terminated, and you get a warning (but not in C<shutdown>).

=head2 abort

    my $status = $driver->abort;

Ends the driver's callbacks.

=head2 status

    my $status = $driver->status;

Returns the driver's status.

=head2 backend

    my $name = $driver->backend;

Returns what this driver runs on: C<native> or C<libmesos>.

=head2 sendStatusUpdate

    my $status = $driver->sendStatusUpdate($taskStatus);

Sends the state of a task: a C<Mesos::TaskStatus> or a hash reference, with C<task_id> and C<state>. The driver keeps the update until the
agent has recorded it. If the agent restarts before that, the driver sends it again.

If the agent refuses the update, the driver sends it again with the task and its state only, and with a C<message> that contains the agent's
answer. If the agent refuses that, too, the driver calls C<error>.

=head2 sendFrameworkMessage

    my $status = $driver->sendFrameworkMessage($data);

Sends bytes to the scheduler. Mesos may lose them. Dies with C<calls wait for the agent already> if 100,000 calls or 256 MiB of messages wait
in the driver. Dies, too, if the message has more than 255 MiB.

=head2 stats

    my $stats = $driver->stats;

Returns what the driver has counted since it was made, as L<Mesos::SchedulerDriver/stats> describes it: C<events>, C<calls> and C<answers>
by type and status, C<queue_length>, C<queue_high_water>, C<calls_waiting>, C<calls_unanswered>, C<calls_dropped>, C<calls_refused>,
C<updates_sent>, C<updates_acknowledged> (by the agent), C<subscriptions>, C<reconnects>, C<disconnects>, C<bytes_in>, C<bytes_out> and
C<last_heartbeat_age>. An agent sends a heartbeat only every 30 minutes.

=head2 event_handler

Returns the executor.

=cut
