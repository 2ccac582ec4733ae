package Mesos::Test::Scheduler::Driver;
use 5.10.1;
use Mesos::Error qw(croak);
use Mesos::Constraint ();
use Mesos::Dispatcher::Pipe ();
use Mesos::SchedulerDriver ();
use Moo;
use namespace::autoclean;
extends 'Mesos::SchedulerDriver';

$Carp::Internal{+__PACKAGE__} = 1;

# No event loop: the test itself sends the events.
has '+dispatcher' => (default => sub { Mesos::Dispatcher::Pipe->new });
has '+driver' => (default => 'native');
has '+framework' => (required => 0, default => sub { Mesos::FrameworkInfo->new({user => 'test', name => 'test'}) });
# Never asked for anything, since the native driver below is never started: it only looks at what it is given.
has '+master' => (required => 0, default => '127.0.0.1:1');

has framework_id => (is => 'ro', isa => Mesos::Constraint->standard('Str')->checker, default => 'framework-1');
has calls => (is => 'ro', init_arg => undef, default => sub { [] });
has on_call => (is => 'rw', init_arg => undef, default => sub { sub { } });

my $NOT_STARTED = Mesos::Status::DRIVER_NOT_STARTED();
my $RUNNING = Mesos::Status::DRIVER_RUNNING();

has _status => (is => 'rw', init_arg => undef, default => $NOT_STARTED);
has _is_registered => (is => 'rw', init_arg => undef, default => 0);

sub BUILD { $_[0]->dispatcher->{_ran} = 1 }

# The native driver knows the id from the beginning, so that it can check updateFramework.
sub _xs_init {
    my ($self, $channel, $options) = @_;
    my %framework = (id => {value => $self->framework_id}, %{$options->{framework}});
    return $self->SUPER::_xs_init($channel, {%$options, framework => bless \%framework, 'Mesos::FrameworkInfo'});
}

sub _is_rehearsal {1}

sub _warn_if_running { }

sub status { $_[0]->_status }

sub _xs_is_running { $_[0]->_status == $RUNNING }

sub _xs_start {
    my ($self) = @_;
    $self->_status($RUNNING) if $self->_status == $NOT_STARTED;
    return $self->_status;
}

sub _xs_stop {
    my ($self, $failover) = @_;
    my $before = $self->_status;
    return $before unless $before == $RUNNING || $before == Mesos::Status::DRIVER_ABORTED();
    $self->_record('stop', failover => $failover);
    $self->_status(Mesos::Status::DRIVER_STOPPED());
    return $before == $RUNNING ? $self->_status : $before;
}

sub _xs_abort {
    my ($self) = @_;
    return $self->_status unless $self->_status == $RUNNING;
    $self->_record('abort');
    return $self->_fail;
}

# What an error of the driver leaves: nobody has called abort.
sub _fail { $_[0]->_status(Mesos::Status::DRIVER_ABORTED()) }

for my $method (qw(run run_once join)) {
    no strict 'refs';
    *$method = sub { croak "$method: this driver has no master, and its test sends the events: see Mesos::Test::Scheduler" };
}

# The driver's methods below those of Perl: name, arguments, and the classes of those that are messages.
my %calls = (
    request_resources => [requestResources => [requests => 'Request']],
    launch_tasks => [launchTasks => [offerIds => 'OfferID'], [tasks => 'TaskInfo'], [filters => 'Filters']],
    accept_offers => [acceptOffers => [offerIds => 'OfferID'], [operations => 'Offer::Operation'], [filters => 'Filters']],
    decline_offer => [declineOffer => [offerId => 'OfferID'], [filters => 'Filters']],
    revive_offers => [reviveOffers => [roles => '']],
    suppress_offers => [suppressOffers => [roles => '']],
    update_framework => [updateFramework => [frameworkInfo => 'FrameworkInfo'], [suppressedRoles => '']],
    accept_inverse_offers => [acceptInverseOffers => [inverseOfferIds => 'OfferID'], [filters => 'Filters']],
    decline_inverse_offers => [declineInverseOffers => [inverseOfferIds => 'OfferID'], [filters => 'Filters']],
    acknowledge_operation => [acknowledgeOperationStatus => [status => 'OperationStatus']],
    reconcile_operations => [reconcileOperations => [operations => 'Scheduler::Call::ReconcileOperations::Operation']],
    shutdown_executor => [shutdownExecutor => [executorId => 'ExecutorID'], [slaveId => 'SlaveID']],
    kill_task => [killTask => [taskId => 'TaskID'], [killPolicy => 'KillPolicy']],
    acknowledge => [acknowledgeStatusUpdate => [status => 'TaskStatus']],
    send_framework_message => [sendFrameworkMessage => [executorId => 'ExecutorID'], [slaveId => 'SlaveID'], [data => '']],
    reconcile_tasks => [reconcileTasks => [statuses => 'TaskStatus']],
);

for my $xs (sort keys %calls) {
    my ($method, @parameters) = @{$calls{$xs}};
    my $check = Mesos::SchedulerDriver->can("_xs_$xs");
    no strict 'refs';
    *{"_xs_$xs"} = sub {
        my ($self, @arguments) = @_;
        croak "$method: the framework is not registered yet" if $method eq 'updateFramework' && !$self->_is_registered;
        $self->$check(@arguments);
        return $self->_status unless $self->_status == $RUNNING;
        my %given;
        for my $parameter (@parameters) {
            my ($name, $class) = @$parameter;
            my $value = shift @arguments;
            $given{$name} = _copy($class, $value) if defined $value;
        }
        $self->_record($method, %given);
        return $self->_status;
    };
}

# As a master would see it: what the program does later to its own does not change it.
sub _copy {
    my ($class, $value) = @_;
    return [map { _copy($class, $_) } @$value] if ref $value eq 'ARRAY';
    return $value unless length $class;
    $class = "Mesos::$class";
    # The check has told of unknown fields already, if anybody wanted to hear of them.
    local $SIG{__WARN__} = sub { };
    return $class->decode(scalar $class->encode($value));
}

sub _record {
    my ($self, $method, %arguments) = @_;
    my $call = {method => $method, %arguments};
    push @{$self->calls}, $call;
    $self->on_call->($call);
    return;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler::Driver - a driver without a master, which writes down what it is asked for

=head1 SYNOPSIS

    use Mesos::Scheduler;
    use Mesos::Test::Scheduler::Driver;

    my $driver = Mesos::Test::Scheduler::Driver->new(scheduler => Mesos::Scheduler->new);
    $driver->start;
    $driver->killTask({value => 'task-1'});
    print "$_->{method}\n" for @{ $driver->calls };    # killTask

=head1 DESCRIPTION

The driver that L<Mesos::Test::Scheduler> gives to the scheduler under test. It is a L<Mesos::SchedulerDriver> with all of its methods,
warnings and errors: it looks at arguments with the same code. But it connects to nothing, and calls no callback. You seldom need it
directly.

=head1 ATTRIBUTES

Those of L<Mesos::SchedulerDriver>. C<framework> and C<master> are optional here, and C<dispatcher> needs no event loop.

=head2 framework_id

The id of the framework, a string. Default: C<framework-1>.

=head2 calls

What the scheduler has called, the oldest first: an array reference of hash references. In each, C<method> is the name of the driver's
method, and the other keys are the names of its arguments, as in L<Mesos::SchedulerDriver/METHODS>: C<offerIds>, C<tasks>, C<filters> and
so on. Messages are copies. Arguments that were left out are missing. C<launchTask> is written down as C<launchTasks>. Calls that a driver
does not send (those before C<start>, and after C<stop> or C<abort>) are not in it.

=head2 on_call

    $driver->on_call(sub { my ($call) = @_; ... });

A code reference that gets each call as it comes, the same hash reference as in C<calls>.

=head1 METHODS

Those of L<Mesos::SchedulerDriver>. C<start>, C<stop> and C<abort> change C<status>, and C<running>, as there.

=head2 run, run_once, join

Die: there is no master that could send anything.

=cut
