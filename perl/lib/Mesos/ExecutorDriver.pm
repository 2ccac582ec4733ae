package Mesos::ExecutorDriver;
use 5.10.1;
use IO::Handle ();
use Mesos::Arguments qw(check_arguments);
use Mesos::Executor ();
use Mesos::Types ();
use Mesos::XS;
use Types::Standard qw(Str);
use Moo;
use namespace::autoclean;

my %type = map { ($_ => Mesos::Types->get_type($_)) } qw(Executor TaskStatus);

has executor => (is => 'ro', isa => $type{Executor}, required => 1);
# Empty: the default, which Mesos->backends tells.
has driver => (is => 'ro', isa => Str, default => sub { defined $ENV{PERL_MESOS_DRIVER} ? $ENV{PERL_MESOS_DRIVER} : '' });
has autoflush => (is => 'ro', default => 1);

sub BUILD {
    my ($self) = @_;
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

sub stop { $_[0]->_restore_autoflush; $_[0]->_xs_stop }

sub abort { $_[0]->_restore_autoflush; $_[0]->_xs_abort }

sub _restore_autoflush {
    my ($self) = @_;
    my ($handle, $before) = @{ delete $self->{_flushed} || return };
    $handle->autoflush($before);
}

# After the methods that it modifies and requires.
with 'Mesos::Role::HasDispatcher';

sub _is_alive { $_[0]->status == Mesos::Status::DRIVER_RUNNING() }

sub sendStatusUpdate {
    my $self = shift;
    my ($update) = check_arguments('sendStatusUpdate', \@_, [status => $type{TaskStatus}]);
    my $status = $self->_xs_send_status_update($update);
    $self->{_handled}{ $update->{task_id}{value} } = 1 if $self->{_handled};
    return $status;
}

# The scheduler would wait for ever for news of a task that was never begun.
sub _make_up_for {
    my ($self, $event, $error, $task) = @_;
    return '' unless $event eq 'launchTask';
    return 'The task has had an update before: no other is sent.' if $self->{_handled}{ $task->{task_id}{value} };
    my $send = sub {
        my ($message) = "$error" =~ /\A\s*(.*)/;
        my $status = eval {
            $self->_xs_send_status_update({
                task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FAILED(), message => $message,
            });
        };
        $self->_tell("  TASK_FAILED could not be sent.\n") if !defined $status || $status != Mesos::Status::DRIVER_RUNNING();
    };
    return ('TASK_FAILED is sent for the task.', $send);
}

# To the sandbox, where whoever looks for the reason looks first.
sub _tell { print STDERR $_[1] }

sub _tells_always {1}

sub sendFrameworkMessage {
    my $self = shift;
    return $self->_xs_send_framework_message(check_arguments('sendFrameworkMessage', \@_, [data => Str]));
}

sub DEMOLISH { $_[0]->_xs_free }

1;
__END__

=head1 NAME

Mesos::ExecutorDriver - connects an executor to its Mesos agent

=head1 SYNOPSIS

    use Mesos::ExecutorDriver;

    my $status = Mesos::ExecutorDriver->new(executor => My::Executor->new)->run;
    exit($status == Mesos::Status::DRIVER_STOPPED ? 0 : 1);

=head1 DESCRIPTION

Registers an executor with the agent that started it, gives the agent's events to a L<Mesos::Executor>, and takes its calls.
Composes L<Mesos::Role::HasDispatcher>: C<run>, C<run_once>, C<join>, C<dispatcher> and C<running> are described there.

All calls return at once and give the driver's status, a number of C<Mesos::Status>, as those of L<Mesos::SchedulerDriver>.

Updates that were sent before the driver goes away reach the agent: its destruction waits for that, for some seconds at most.

=head1 ATTRIBUTES

All are arguments of C<new> and read-only.

=head2 executor

Required. The L<Mesos::Executor>, whose methods are called.

=head2 driver

What the driver runs on: C<native> (Mesos' HTTP API) or C<libmesos> (its C++ driver; only where that was built in, see
L<Mesos/backends>). Default: what C<PERL_MESOS_DRIVER> says, or else what the module was built for: C<libmesos> where its
builder asked for it, C<native> elsewhere. Asking for one that is not there is an error. L</backend> tells the
outcome.

=head2 autoflush

True (default): the handle that is selected at C<start> is unbuffered until C<stop> or C<abort>, which put it back as it was.

=head1 METHODS

=head2 new

    my $driver = Mesos::ExecutorDriver->new(executor => $executor);

=head2 start

    my $status = $driver->start;

Connects to the agent. Dies if the environment variables that an agent sets for its executors (C<MESOS_SLAVE_PID>,
C<MESOS_FRAMEWORK_ID>, ...) are missing or wrong, with the variable's name.

C<MESOS_EXECUTOR_AUTHENTICATION_TOKEN> is then removed from C<%ENV>, as Mesos' own driver does it: programs that your executor starts do
not get the agent's secret. Further drivers of the same process still use it.

=head2 stop

    my $status = $driver->stop;

Ends the driver. The executor should exit then: the agent takes notice of that only.

=head2 abort

    my $status = $driver->abort;

No more callbacks are made.

=head2 status

    my $status = $driver->status;

The driver's status.

=head2 backend

    my $name = $driver->backend;

C<native> or C<libmesos>: what this driver runs on.

=head2 sendStatusUpdate

    my $status = $driver->sendStatusUpdate($taskStatus);

Sends the state of a task (C<Mesos::TaskStatus> or a hash reference, with C<task_id> and C<state>). It is kept, and sent again if
the agent restarts, until the agent has recorded it. An update that the agent refuses is sent again with the task and its state only,
and a C<message> that says what the agent said. If it refuses that, too, C<error> is called.

=head2 sendFrameworkMessage

    my $status = $driver->sendFrameworkMessage($data);

Sends bytes to the scheduler. Not reliable. Dies with C<calls wait for the agent already> if 100,000 calls do, or 256 MiB of
messages, and if the message has more than 255 MiB.

=head2 stats

    my $stats = $driver->stats;

What the driver has counted since it was made, as L<Mesos::SchedulerDriver/stats> describes it: C<events>, C<calls> and C<answers>
by type and status, C<queue_length>, C<queue_high_water>, C<calls_waiting>, C<calls_unanswered>, C<calls_dropped>, C<calls_refused>,
C<updates_sent>, C<updates_acknowledged> (by the agent), C<subscriptions>, C<reconnects>, C<disconnects>, C<bytes_in>, C<bytes_out>
and C<last_heartbeat_age>. Agents send heartbeats every 30 minutes only.

=head2 event_handler

The executor.

=cut
