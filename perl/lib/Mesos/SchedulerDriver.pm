package Mesos::SchedulerDriver;
use 5.10.1;
use Carp qw(croak);
use File::Spec;
use Mesos::Arguments qw(check_arguments);
use Mesos::Types ();
use Mesos::XS;
use Types::Standard qw(Num Str);
use Moo;
use namespace::autoclean;

my %type = map { ($_ => Mesos::Types->get_type($_)) } qw(
    Credential ExecutorID Filters FrameworkInfo OfferID OfferOperation Request Scheduler SlaveID TaskID TaskInfo TaskStatus
);

has master => (is => 'ro', isa => Str, required => 1);
# Empty: the default, which Mesos->backends tells.
has driver => (is => 'ro', isa => Str, default => sub { defined $ENV{PERL_MESOS_DRIVER} ? $ENV{PERL_MESOS_DRIVER} : '' });
has framework => (is => 'ro', isa => $type{FrameworkInfo}, coerce => $type{FrameworkInfo}->coercion, required => 1);
has scheduler => (is => 'ro', isa => $type{Scheduler}, required => 1);
has credential => (is => 'ro', isa => $type{Credential}, coerce => $type{Credential}->coercion);
has implicit_acknowledgements => (is => 'ro', default => 1);
has master_timeout => (is => 'ro', isa => Num, default => 0);

sub BUILD {
    my ($self) = @_;
    Mesos::_log_init($self->framework->{name});
    $self->_xs_init($self->dispatcher->channel, {
        (map { ($_ => $self->$_) } qw(driver master framework credential implicit_acknowledgements master_timeout)),
        helper               => Mesos::XS::helper_path(),
        executor_environment => ['PERL5LIB=' . join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC],
    });
}

sub event_handler { $_[0]->scheduler }

sub start { $_[0]->_xs_start }

sub stop { $_[0]->_xs_stop($_[1] ? 1 : 0) }

sub abort { $_[0]->_xs_abort }

# After the methods that it modifies and requires.
with 'Mesos::Role::HasDispatcher';

sub _is_alive { $_[0]->status == Mesos::Status::DRIVER_RUNNING() }

sub requestResources {
    my $self = shift;
    return $self->_xs_request_resources(check_arguments('requestResources', \@_, [requests => [$type{Request}]]));
}

sub launchTasks {
    my $self = shift;
    return $self->_xs_launch_tasks(check_arguments('launchTasks', \@_,
        [offerIds => [$type{OfferID}]], [tasks => [$type{TaskInfo}]], [filters => $type{Filters}, 1]));
}

sub launchTask {
    my $self = shift;
    my ($offer_id, $tasks, $filters) = check_arguments('launchTask', \@_,
        [offerId => $type{OfferID}], [tasks => [$type{TaskInfo}]], [filters => $type{Filters}, 1]);
    return $self->_xs_launch_tasks([$offer_id], $tasks, $filters);
}

sub acceptOffers {
    my $self = shift;
    return $self->_xs_accept_offers(check_arguments('acceptOffers', \@_,
        [offerIds => [$type{OfferID}]], [operations => [$type{OfferOperation}]], [filters => $type{Filters}, 1]));
}

sub declineOffer {
    my $self = shift;
    return $self->_xs_decline_offer(check_arguments('declineOffer', \@_,
        [offerId => $type{OfferID}], [filters => $type{Filters}, 1]));
}

sub reviveOffers {
    my $self = shift;
    check_arguments('reviveOffers', \@_);
    return $self->_xs_revive_offers;
}

sub suppressOffers {
    my $self = shift;
    check_arguments('suppressOffers', \@_);
    return $self->_xs_suppress_offers;
}

sub killTask {
    my $self = shift;
    return $self->_xs_kill_task(check_arguments('killTask', \@_, [taskId => $type{TaskID}]));
}

sub acknowledgeStatusUpdate {
    my $self = shift;
    my ($status) = check_arguments('acknowledgeStatusUpdate', \@_, [status => $type{TaskStatus}]);
    croak 'acknowledgeStatusUpdate: this driver acknowledges implicitly: expected one made with implicit_acknowledgements => 0'
        if $self->implicit_acknowledgements;
    return $self->_xs_acknowledge($status);
}

sub sendFrameworkMessage {
    my $self = shift;
    return $self->_xs_send_framework_message(check_arguments('sendFrameworkMessage', \@_,
        [executorId => $type{ExecutorID}], [slaveId => $type{SlaveID}], [data => Str]));
}

sub reconcileTasks {
    my $self = shift;
    return $self->_xs_reconcile_tasks(check_arguments('reconcileTasks', \@_, [statuses => [$type{TaskStatus}]]));
}

sub DEMOLISH { $_[0]->_xs_free }

sub CLONE_SKIP {1}

1;
__END__

=head1 NAME

Mesos::SchedulerDriver - connects a framework to Mesos

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master    => '127.0.0.1:5050',
        framework => {user => '', name => 'my framework'},
        scheduler => My::Scheduler->new,
    );
    my $status = $driver->run;
    exit($status == Mesos::Status::DRIVER_STOPPED ? 0 : 1);

=head1 DESCRIPTION

Registers a framework with a Mesos master, gives the master's events to a L<Mesos::Scheduler>, and takes its calls. Composes
L<Mesos::Role::HasDispatcher>: C<run>, C<run_once>, C<join>, C<dispatcher> and C<running> are described there.

All calls return at once; none waits for the network. What becomes of them is told by callbacks. They return the driver's
status, a number of C<Mesos::Status>: C<DRIVER_NOT_STARTED> (1), C<DRIVER_RUNNING> (2), C<DRIVER_ABORTED> (3), C<DRIVER_STOPPED>
(4). A driver that is not running does nothing but return its status. A wrong argument dies, at the line of the call, with its
name; nothing was sent then.

Where a message is expected, a plain hash reference with its fields will do: C<< {value => 'task-1'} >> for a C<Mesos::TaskID>.

=head1 ATTRIBUTES

All are arguments of C<new> and read-only.

=head2 driver

What the driver runs on: C<native> (Mesos' HTTP API) or C<libmesos> (its C++ driver; only where that was built in, see
L<Mesos/backends>). Default: what C<PERL_MESOS_DRIVER> says, or else what the module was built for: C<libmesos> where its
builder asked for it, C<native> elsewhere. Asking for one that is not there is an error. The masters C<local>, C<http://...>,
C<https://...> and lists of masters are C<native> whatever is asked for. L</backend> tells the outcome.

=head2 master

Required. A string: C<host:port>, C<http://host:port>, or C<local>, which starts a master and an agent inside this process for
this driver alone. C<new> dies if it is none of these.

=head2 framework

Required. A C<Mesos::FrameworkInfo> or a hash reference. An empty C<user> means the user of this process, an absent C<hostname> this
machine. It is encoded when the driver is made: later changes have no effect.

=head2 scheduler

Required. The L<Mesos::Scheduler>, whose methods are called.

=head2 credential

A C<Mesos::Credential> or a hash reference, C<< {principal => ..., secret => ...} >>: how to authenticate with the master (HTTP
Basic). Default: none.

=head2 implicit_acknowledgements

True (default): a status update is acknowledged when its callback has returned normally; one whose callback died comes again.
False: the program calls C<acknowledgeStatusUpdate> itself.

=head2 master_timeout

Seconds without a master after which the driver fails with C<error>. Default 0: it tries for ever.

=head1 METHODS

=head2 new

    my $driver = Mesos::SchedulerDriver->new(%attributes);

Makes a driver, and its cluster for C<local>; does not connect. Dies if an attribute is missing or wrong.

=head2 start

    my $status = $driver->start;

Connects to the master. A stopped or aborted driver cannot be started again.

=head2 stop

    my $status = $driver->stop;
    my $status = $driver->stop($failover);

Ends the framework: its tasks are killed. With a true C<$failover> it stays registered for its C<failover_timeout>, and another
process can continue it with the same framework id. Callbacks that were not made yet are not made any more. After C<abort> it
returns C<DRIVER_ABORTED> once.

=head2 abort

    my $status = $driver->abort;

No more callbacks are made and no more offers taken; framework and tasks stay.

=head2 status

    my $status = $driver->status;

=head2 backend

    my $name = $driver->backend;

C<native> or C<libmesos>: what this driver runs on.

=head2 launchTasks

    my $status = $driver->launchTasks(\@offerIds, \@tasks);
    my $status = $driver->launchTasks(\@offerIds, \@tasks, $filters);

Launches tasks (C<Mesos::TaskInfo>) with the resources of offers (C<Mesos::OfferID>) of one agent; what is left of them is
declined with C<$filters> (C<Mesos::Filters>; default: no offers of the same for 5 seconds). Without tasks the offers are declined.

=head2 launchTask

    my $status = $driver->launchTask($offerId, \@tasks);
    my $status = $driver->launchTask($offerId, \@tasks, $filters);

The same with one offer. As in Mesos 1.07.1 it takes an array of tasks.

=head2 acceptOffers

    my $status = $driver->acceptOffers(\@offerIds, \@operations);
    my $status = $driver->acceptOffers(\@offerIds, \@operations, $filters);

Applies operations (C<Mesos::Offer::Operation>: launch, reserve, create, ...) to offers.

=head2 declineOffer

    my $status = $driver->declineOffer($offerId);
    my $status = $driver->declineOffer($offerId, $filters);

=head2 reviveOffers

    my $status = $driver->reviveOffers;

Takes all filters and the suppression back.

=head2 suppressOffers

    my $status = $driver->suppressOffers;

Asks for no offers until C<reviveOffers>.

=head2 requestResources

    my $status = $driver->requestResources(\@requests);

Tells the master what is wanted (C<Mesos::Request>). Masters only log it.

=head2 killTask

    my $status = $driver->killTask($taskId);

Kills a task (C<Mesos::TaskID>). Not reliable: call it again while no terminal update has come.

=head2 acknowledgeStatusUpdate

    my $status = $driver->acknowledgeStatusUpdate($taskStatus);

Acknowledges an update that a callback got. Dies unless the driver was made with C<< implicit_acknowledgements => 0 >>.
Updates without a uuid need none and are let pass.

=head2 reconcileTasks

    my $status = $driver->reconcileTasks(\@statuses);

Asks for the states of tasks (C<Mesos::TaskStatus>; only C<task_id> and C<slave_id> count, but C<state> must be there), or with
an empty array of all tasks of this framework.

=head2 sendFrameworkMessage

    my $status = $driver->sendFrameworkMessage($executorId, $slaveId, $data);

Sends bytes to an executor. Not reliable.

=head2 event_handler

The scheduler.

=cut
