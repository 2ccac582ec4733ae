package Mesos::Test::Scheduler;
use 5.10.1;
use Mesos::Arguments ();
use Mesos::Constraint ();
use Mesos::Error qw(croak);
use Mesos::Messages ();
use Mesos::Test::Scheduler::Calls ();
use Mesos::Test::Scheduler::Driver ();
use Mesos::Test::Scheduler::Events ();
use Mesos::Test::Scheduler::Expectations ();
use Mesos::Test::Scheduler::Offers ();
use Mesos::Warnings ();
use Scalar::Util qw(weaken);
use Test::Builder ();
use Moo;
use namespace::autoclean;

$Carp::Internal{+__PACKAGE__} = 1;

has scheduler => (is => 'ro');
has driver => (is => 'ro', init_arg => undef);
has validate => (is => 'ro', default => 1);
has on_exception => (is => 'ro', default => 'die');

my @of_driver = qw(framework framework_id implicit_acknowledgements reconcile_on_registration unknown_fields);
has [@of_driver] => (is => 'bare');

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments, 'scheduler');
    Mesos::Warnings::warn_of_truth('validate', $self->validate);
    my $mode = $self->on_exception;
    croak q(on_exception: expected 'die', 'warn' or a code reference, got ) . Mesos::Arguments::_describe($mode) unless ref $mode ? ref $mode eq 'CODE' : ($mode // '') =~ /\A(?:die|warn)\z/;
    my %more = map { ($_ => delete $self->{$_}) } grep { exists $self->{$_} } @of_driver;
    $self->{driver} = Mesos::Test::Scheduler::Driver->new(scheduler => $self->scheduler, %more);
    $self->{_pending} = [];    # calls that no expectation has met yet
    $self->{_problems} = [];    # what a master would object to
    $self->{_offers} = {};    # id => {offer, gone => undef or why}
    $self->{_tasks} = {};    # id => {info, slave_id, state}
    $self->{_launched} = [];    # ids, in order
    weaken(my $weak = $self);
    $self->driver->on_call(sub { $weak->_called(@_) });
}

with 'Mesos::Test::Scheduler::Events', 'Mesos::Test::Scheduler::Expectations';

# --- what the scheduler calls ----------------------------------------------------------------------------------------------------

sub _called {
    my ($self, $call) = @_;
    push @{$self->{_pending}}, $call;
    my @ids = Mesos::Test::Scheduler::Calls::offer_ids($call);
    my @tasks = Mesos::Test::Scheduler::Calls::tasks($call);
    if ($self->validate) {
        push @{$self->{_problems}}, map {"$call->{method}: $_"}
            Mesos::Test::Scheduler::Offers::problems($self->{_offers}, $self->{_tasks}, \@ids, \@tasks);
    }
    for my $id (@ids) {
        my $offer = $self->{_offers}{$id} or next;
        $offer->{gone} ||= "$call->{method} has used it";
    }
    for my $task (@tasks) {
        my $id = $task->{task_id}{value};
        push @{$self->{_launched}}, $id;
        $self->{_tasks}{$id} = {info => $task, slave_id => $task->{slave_id}{value}, state => undef};
    }
    return;
}

sub calls { my ($self) = @_; return @{$self->{_pending}} }

sub all_calls { my ($self) = @_; return @{$self->driver->calls} }

sub forget_calls { my ($self) = @_; @{$self->{_pending}} = (); return $self }

sub open_offers {
    my ($self) = @_;
    my $offers = $self->{_offers};
    return map { $_->{offer} } sort { $a->{number} <=> $b->{number} } grep { !$_->{gone} } values %$offers;
}

sub active_tasks {
    my ($self) = @_;
    return map { $self->{_tasks}{$_}{info} } grep { !$self->_is_over($_) } @{$self->{_launched}};
}

sub _is_over { my ($self, $id) = @_; my $state = $self->{_tasks}{$id}{state}; return Mesos::TaskState->is_terminal($state) }

# The problems that came up since, at the line of the test.
sub _report {
    my ($self) = @_;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + Mesos::Test::Scheduler::Calls::depth();
    $test->ok(0, $_) for splice @{$self->{_problems}};
    return;
}

sub _methods {
    no strict 'refs';
    return grep { /\A[a-z]/ && defined &{__PACKAGE__ . "::$_"} } sort keys %{__PACKAGE__ . '::'};
}

sub play {
    my ($self, @steps) = @_;
    for my $index (0 .. $#steps) {
        my $step = $steps[$index];
        my ($method, @arguments) = ref $step eq 'ARRAY' ? @$step : $step;
        croak "play: step $index: expected the name of a method, or an array reference with it and its arguments, got " . Mesos::Arguments::_describe($method)
            if !defined $method || ref $method;
        croak qq(play: step $index: expected the name of a method of this class, got "$method") . Mesos::Warnings::meant($method, _methods()) if $method =~ /\A_/ || !$self->can($method);
        $self->$method(@arguments);
    }
    return $self;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler - tests a scheduler without any cluster

=head1 SYNOPSIS

    use Test::More;
    use Mesos::Scheduler;
    use Mesos::Test::Scheduler;

    {
        package MyScheduler;
        our @ISA = 'Mesos::Scheduler';
        sub resourceOffers { my ($self, $driver, $offers) = @_; $driver->declineOffer($_->{id}) for @$offers }
    }

    my $t = Mesos::Test::Scheduler->new(scheduler => MyScheduler->new);
    $t->register;
    my $offer = $t->offer(cpus => 4, mem => 1024);
    $t->expect_decline(offer => $offer);
    $t->expect_nothing;
    done_testing;

=head1 DESCRIPTION

A unit test of a framework: you send an event to your L<Mesos::Scheduler>, and say which calls you expect of it. There is no master, no
process and no clock, so a test takes milliseconds, and can have cases that no cluster makes on demand. It works with L<Test::More>, and
with everything else that is made of L<Test::Builder>.

The events reach the scheduler as from a real master: messages have been encoded and decoded. The driver that the scheduler gets is a
L<Mesos::Test::Scheduler::Driver>. It has all methods of L<Mesos::SchedulerDriver>, and looks at their arguments with the same code. It
writes down the calls instead of sending them.

A method that sends an event returns when the callback has returned. If the callback dies, the driver does what it always does: it declines
unused offers, and does not acknowledge the update. Then the exception leaves the method, so the test sees it.

Each method that begins with C<expect_> is one test (C<ok> or C<not ok>). It looks for the first call of its kind that is as wanted and
that no expectation has met yet. If there is none, the diagnostics say what is different in the calls of this kind, and which others there
are:

    not ok 3 - launch of 1 tasks
    #   Failed test 'launch of 1 tasks'
    #   at t/scheduler.t line 12.
    # expected: launch of 1 tasks
    # seen instead: declineOffer(offer-1; filters {refuse_seconds: 60})

For tests with real tasks, lost agents and a new master, see F<docs/testing.md>.

=head1 ATTRIBUTES

All are arguments of C<new>, and read-only.

=head2 scheduler

Required. The scheduler under test.

=head2 driver

The driver that the scheduler gets. You may call it as well, such as for what your program does beside its callbacks. Not an argument of
C<new>; these arguments are for the driver: C<framework> (default: C<< {user => 'test', name => 'test'} >>), C<framework_id> (default:
C<framework-1>), C<implicit_acknowledgements>, C<reconcile_on_registration> and C<unknown_fields>.

=head2 validate

If true (the default), a launch that no master would take is a failed test, at the line that sent the event: an offer that was never made,
was used before or is no longer valid, offers of several agents, a task for another agent than that of the offer, an id that was used
before, a task without resources or without a command or executor, or more C<cpus>, C<mem> and so on than the offers have.

=head2 on_exception

What happens when a callback dies: C<'die'> (the default here), C<'warn'> or a code reference, as in
L<Mesos::Role::HasDispatcher/on_exception>.

=head1 EVENTS

These methods call the scheduler. Unless something else is said, they return the object, so you can chain them. They die if the driver was
not started (C<register> does that), or has ended.

=head2 register

    $t->register;
    $t->register(master => {hostname => 'other.example'});

Starts the driver and calls C<registered>. C<master> has fields of the C<Mesos::MasterInfo>.

=head2 disconnect, reregister

    $t->disconnect->reregister;

The master is lost, and found again. Offers from before are no longer valid. C<reregister> takes C<master> as C<register> does.

=head2 offer

    my $offer = $t->offer(cpus => 4, mem => 1024, ports => '31000-32000');

Calls C<resourceOffers> with one offer, and returns it, a C<Mesos::Offer>. The arguments, all optional:

=over

=item cpus, mem, disk, gpus

Numbers; memory and disk in MiB.

=item ports

Ranges, as a string (C<'31000-32000, 5-6'>) or as C<[[31000, 32000], [5, 6]]>.

=item resources

More resources, an array reference of C<Mesos::Resource>.

=item attributes

Attributes of the agent, a hash reference (C<< {rack => 'r1', level => 3} >>) or an array reference of C<Mesos::Attribute>.

=item id, agent, hostname

Strings. By default C<offer-1> and so on, C<agent-1>, and the agent with C<.example> behind it.

=item role

The role to which the offer is made. By default none is in it.

=item executor_ids, unavailability, domain

Fields of the C<Mesos::Offer>.

=back

=head2 offers

    my @offers = $t->offers({cpus => 4}, {cpus => 2, agent => 'agent-2'});

The same with several offers in one call of C<resourceOffers>. Returns the offers.

=head2 rescind

    $t->rescind($offer);

Calls C<offerRescinded>. Takes an offer or its id.

=head2 update

    my $status = $t->update('TASK_RUNNING');
    my $status = $t->update('TASK_FAILED', task => 'task-2', message => 'Command exited with status 1');

Calls C<statusUpdate>, and returns the C<Mesos::TaskStatus>. The state is a name, with or without C<TASK_>, or a number of
C<Mesos::TaskState>. C<task> is the id of a task, a C<Mesos::TaskInfo> or a C<Mesos::TaskID>; you may leave it out while exactly one task is
active. The task need not have been launched: updates of unknown tasks come in life as well. C<agent> and C<executor> are ids, and known
from the launch. The other arguments are fields of the status: C<message>, C<reason>, C<source>, C<data>, C<healthy>, C<timestamp>,
C<labels>, C<container_status>, C<check_status>, C<limitation>, C<unreachable_time>. C<< uuid => undef >> makes an update that wants no
acknowledgement, as the answers to a reconciliation are.

=head2 message

    $t->message("some bytes", executor => 'executor-1', agent => 'agent-1');

Calls C<frameworkMessage>.

=head2 lose_agent

    $t->lose_agent('agent-1');

Calls C<slaveLost>. The agent's offers are no longer valid. A master would send updates of its tasks as well: use C<update>.

=head2 lose_executor

    $t->lose_executor('executor-1', agent => 'agent-1', status => 256);

Calls C<executorLost>. The status is a wait status.

=head2 inverse_offer

    my $offer = $t->inverse_offer(agent => 'agent-1', start => time + 60, duration => 3600);

Calls C<inverseOffers> with one C<Mesos::InverseOffer>, and returns it. Times are in seconds.

=head2 operation_update

    $t->operation_update({state => Mesos::OperationState::OPERATION_FINISHED});

Calls C<operationStatusUpdate> with a C<Mesos::OperationStatus>, and returns that.

=head2 error

    $t->error('Framework has been removed');

The driver fails: its status is C<DRIVER_ABORTED>, and C<error> is called.

=head1 EXPECTATIONS

In the arguments below, what you want is compared with what was called. Hashes may have more fields than you name. Of a list, every element
counts. A regular expression is matched, a code reference gets the value (also in C<$_>) and says whether it is right, and C<undef> means
that the field is missing. Where there is a message with an id, you may give the id alone: C<< {task_id => 'task-1'} >>.

=head2 expect_launch

    my $task  = $t->expect_launch(task => {command => {value => qr/^sleep/}});
    my @tasks = $t->expect_launch(count => 2, offer => $offer);

Expects a call that launches tasks: C<launchTasks>, C<launchTask>, or C<acceptOffers> with such operations. Returns the tasks. C<count> is
how many there are. C<tasks> is a list of what you want of each, and C<task> the same for a single one. C<offer> or C<offers> name the
offers that must have been used. C<filters> is for the C<Mesos::Filters>.

=head2 expect_decline

    $t->expect_decline;
    $t->expect_decline(offers => \@offers, filters => {refuse_seconds => 60});

Expects C<declineOffer>, or a call that uses offers for nothing. With C<offers>, it is a test for each of them.

=head2 expect_accept

    $t->expect_accept(operations => ['RESERVE', 'LAUNCH'], offer => $offer);

Expects C<acceptOffers>. An operation is a hash reference, or the name of its type.

=head2 expect_kill

    $t->expect_kill(task => 'task-1');

Expects C<killTask>. C<policy> is for the kill policy.

=head2 expect_acknowledge

    $t->expect_acknowledge;
    $t->expect_acknowledge($status);

Expects that an update, by default the last one, was acknowledged: by the driver, because C<statusUpdate> has returned, or, with
C<< implicit_acknowledgements => 0 >>, by C<acknowledgeStatusUpdate>.

=head2 expect_revive, expect_suppress

    $t->expect_revive(roles => ['web']);

=head2 expect_reconcile

    $t->expect_reconcile(tasks => ['task-1', 'task-2']);

Expects C<reconcileTasks>. With C<< tasks => [] >> it must ask for all tasks.

=head2 expect_message

    $t->expect_message(data => 'bytes', executor => 'executor-1', agent => 'agent-1');

Expects C<sendFrameworkMessage>.

=head2 expect_shutdown_executor

    $t->expect_shutdown_executor(executor => 'executor-1', agent => 'agent-1');

=head2 expect_update_framework

    $t->expect_update_framework(framework => {name => 'new name'}, suppressed_roles => []);

=head2 expect_request

    $t->expect_request(requests => sub { @$_ == 1 });

Expects C<requestResources>.

=head2 expect_accept_inverse, expect_decline_inverse

    $t->expect_accept_inverse(offer => $inverse_offer);

=head2 expect_reconcile_operations

    $t->expect_reconcile_operations(operations => []);

=head2 expect_stop, expect_abort

    $t->expect_stop(failover => 1);

=head2 expect_nothing

    $t->expect_nothing;

Expects that there are no calls that no expectation has met. The calls that are left are shown, and forgotten. Implicit acknowledgements
are no calls.

=head2 expect_no_open_offers

    $t->expect_no_open_offers;

Expects that the scheduler keeps no offers to itself.

=head1 OTHER METHODS

=head2 new

    my $t = Mesos::Test::Scheduler->new(scheduler => $scheduler, %attributes);

=head2 play

    $t->play('register', [offer => cpus => 1], [expect_launch => count => 1], [update => 'TASK_FINISHED'], 'expect_stop');

Calls one method after the other: a test as a table. Returns the object.

=head2 calls, all_calls, forget_calls

    my @calls = $t->calls;

C<calls> returns the calls that no expectation has met yet, as L<Mesos::Test::Scheduler::Driver/calls> describes them. C<all_calls> returns
all of them. C<forget_calls> lets them count as met.

=head2 open_offers

Returns the offers that are valid and that the scheduler has neither used nor declined.

=head2 active_tasks

Returns the tasks (C<Mesos::TaskInfo>) that were launched and whose last update was not terminal.

=cut
