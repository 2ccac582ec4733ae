package Mesos::SchedulerDriver;
use 5.10.1;
use Carp qw(croak);
use Hash::Util::FieldHash qw(fieldhash);
use Mesos::Arguments qw(check_arguments);
use Mesos::Scheduler ();
use Mesos::Types ();
use Mesos::XS;
use Types::Standard qw(Int Num Str);
use Moo;
use namespace::autoclean;

my %type = map { ($_ => Mesos::Types->get_type($_)) } qw(
    Credential ExecutorID Filters FrameworkInfo OfferID OfferOperation OperationStatus ReconcileOperation Request Scheduler
    SlaveID TaskID TaskInfo TaskStatus
);

# With a password in it not in the object, where dumps would show it.
fieldhash my %master;
has master => (is => 'bare', isa => Str, required => 1);
# Empty: the default, which Mesos->backends tells.
has driver => (is => 'ro', isa => Str, default => sub { defined $ENV{PERL_MESOS_DRIVER} ? $ENV{PERL_MESOS_DRIVER} : '' });
has framework => (is => 'ro', isa => $type{FrameworkInfo}, coerce => $type{FrameworkInfo}->coercion, required => 1);
has scheduler => (is => 'ro', isa => $type{Scheduler}, required => 1);
# Nor its secret.
fieldhash my %credential;
has credential => (is => 'bare', isa => \&_check_credential, coerce => $type{Credential}->coercion);
has implicit_acknowledgements => (is => 'ro', default => 1);
has master_timeout => (is => 'ro', isa => Num, default => 0);
has framework_id_file => (is => 'ro', isa => Str, default => '');
has reconcile_on_registration => (is => 'ro', default => 0);
has max_unanswered_calls => (is => 'ro', isa => Int, default => 256);
has max_queued_calls => (is => 'ro', isa => Int, default => 100_000);

sub BUILD {
    my ($self) = @_;
    $credential{$self} = delete $self->{credential};
    Mesos::_log_init($self->framework->{name});
    $self->_xs_init($self->dispatcher->channel, {
        (map { ($_ => $self->$_) } qw(
            driver master framework credential implicit_acknowledgements master_timeout framework_id_file reconcile_on_registration
            max_unanswered_calls max_queued_calls
        )),
        helper               => Mesos::XS::helper_path(),
        executor_environment => ['PERL5LIB=' . Mesos::XS::include_path()],
    });
    my $master = $self->{master};
    $master{$self} = $master if $self->{master} =~ s{^(\w+://)?.*@}{($1 || '') . '***@'}se;
}

# As the type's own message, without the value.
sub _check_credential {
    my ($value) = @_;
    return if $type{Credential}->check($value);
    my $what = !defined $value ? 'Undef' : !ref $value ? 'A plain value' : 'A reference to ' . ref $value;
    Mesos::Types::_die(qq(credential: $what did not pass type constraint "Credential"));
}

sub master {
    croak 'Usage: Mesos::SchedulerDriver::master(self)' if @_ != 1;
    return exists $master{ $_[0] } ? $master{ $_[0] } : $_[0]{master};
}

sub credential {
    croak 'Usage: Mesos::SchedulerDriver::credential(self)' if @_ != 1;
    return $credential{ $_[0] };
}

sub event_handler { $_[0]->scheduler }

my %is_optional = map { ($_ => 1) } qw(inverseOffers inverseOfferRescinded operationStatusUpdate);
sub _is_optional { $is_optional{ $_[1] } }

sub start { $_[0]->_xs_start }

sub stop { $_[0]->_xs_stop($_[1] ? 1 : 0) }

sub abort { $_[0]->_xs_abort }

# After the methods that it modifies and requires.
with 'Mesos::Role::HasDispatcher';

sub _is_alive { $_[0]->_xs_is_running }

# Offers that a call has used are not declined if the callback dies later.
sub _used {
    my ($self, $status, @offer_ids) = @_;
    if (my $handled = $self->{_handled}) { $handled->{ $_->{value} } = 1 for @offer_ids }
    return $status;
}

sub _make_up_for {
    my ($self, $event, $error, $first) = @_;
    if ($event eq 'resourceOffers') {
        my @unused = grep { !$self->{_handled}{$_} } map { $_->{id}{value} } @$first;
        # More calls than the driver takes: the offers come again when their time is over.
        my $declined = grep { my $id = $_; eval { $self->_xs_decline_offer({value => $id}, undef); 1 } } @unused;
        return "Of its offers $declined were not used: they are declined, and come again." if @unused;
        return 'Its offers were all used before.';
    }
    return '' unless $event eq 'statusUpdate' || $event eq 'operationStatusUpdate';
    return 'The update is not acknowledged unless the program does: Mesos sends it again.' unless $self->implicit_acknowledgements;
    return 'The update is not acknowledged: Mesos sends it again.';
}

sub requestResources {
    my $self = shift;
    return $self->_xs_request_resources(check_arguments('requestResources', \@_, [requests => [$type{Request}]]));
}

sub launchTasks {
    my $self = shift;
    my @args = check_arguments('launchTasks', \@_,
        [offerIds => [$type{OfferID}]], [tasks => [$type{TaskInfo}]], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_launch_tasks(@args), @{ $args[0] });
}

sub launchTask {
    my $self = shift;
    my ($offer_id, $tasks, $filters) = check_arguments('launchTask', \@_,
        [offerId => $type{OfferID}], [tasks => [$type{TaskInfo}]], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_launch_tasks([$offer_id], $tasks, $filters), $offer_id);
}

sub acceptOffers {
    my $self = shift;
    my @args = check_arguments('acceptOffers', \@_,
        [offerIds => [$type{OfferID}]], [operations => [$type{OfferOperation}]], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_accept_offers(@args), @{ $args[0] });
}

sub declineOffer {
    my $self = shift;
    my @args = check_arguments('declineOffer', \@_, [offerId => $type{OfferID}], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_decline_offer(@args), $args[0]);
}

sub reviveOffers {
    my $self = shift;
    return $self->_xs_revive_offers(check_arguments('reviveOffers', \@_, [roles => [Str], 1]));
}

sub suppressOffers {
    my $self = shift;
    return $self->_xs_suppress_offers(check_arguments('suppressOffers', \@_, [roles => [Str], 1]));
}

sub updateFramework {
    my $self = shift;
    return $self->_xs_update_framework(check_arguments('updateFramework', \@_,
        [frameworkInfo => $type{FrameworkInfo}], [suppressedRoles => [Str], 1]));
}

sub killTask {
    my $self = shift;
    return $self->_xs_kill_task(check_arguments('killTask', \@_, [taskId => $type{TaskID}]));
}

sub acknowledgeStatusUpdate {
    my $self = shift;
    return $self->_xs_acknowledge($self->_explicit('acknowledgeStatusUpdate', \@_, $type{TaskStatus}));
}

sub acknowledgeOperationStatus {
    my $self = shift;
    return $self->_xs_acknowledge_operation($self->_explicit('acknowledgeOperationStatus', \@_, $type{OperationStatus}));
}

sub _explicit {
    my ($self, $method, $args, $type) = @_;
    my ($status) = check_arguments($method, $args, [status => $type]);
    croak "$method: this driver acknowledges implicitly: expected one made with implicit_acknowledgements => 0"
        if $self->implicit_acknowledgements;
    return $status;
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

sub reconcileOperations {
    my $self = shift;
    return $self->_xs_reconcile_operations(check_arguments('reconcileOperations', \@_, [operations => [$type{ReconcileOperation}]]));
}

sub acceptInverseOffers {
    my $self = shift;
    return $self->_xs_accept_inverse_offers(check_arguments('acceptInverseOffers', \@_,
        [inverseOfferIds => [$type{OfferID}]], [filters => $type{Filters}, 1]));
}

sub declineInverseOffers {
    my $self = shift;
    return $self->_xs_decline_inverse_offers(check_arguments('declineInverseOffers', \@_,
        [inverseOfferIds => [$type{OfferID}]], [filters => $type{Filters}, 1]));
}

sub shutdownExecutor {
    my $self = shift;
    return $self->_xs_shutdown_executor(check_arguments('shutdownExecutor', \@_,
        [executorId => $type{ExecutorID}], [slaveId => $type{SlaveID}]));
}

sub DEMOLISH { $_[0]->_xs_free }

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

Required. A string; C<new> dies if it is none of these:

=over

=item C<local>

A master and an agent inside this process for this driver alone (L<Mesos/ENVIRONMENT> has its settings).

=item C<host:port>, C<http://host:port>, C<https://host:port>

A master, or one that redirects to the leader; several with commas between them are tried in turn. An IPv6 address stands in brackets.
Without C<http://> or C<https://> the variable C<LIBPROCESS_SSL_ENABLED> decides.

=item C<zk://host:port,host:port/path>, C<zk://user:password@host:port/path>

The leader that ZooKeeper knows. Until there is one, and when it changes, the driver waits.

=item C<file:///path>

The file holds one of these strings but C<local>. It is read by C<new>.

=back

=head2 framework

Required. A C<Mesos::FrameworkInfo> or a hash reference. An empty C<user> means the user of this process, an absent C<hostname> this
machine. It is encoded when the driver is made: later changes have no effect.

=head2 scheduler

Required. The L<Mesos::Scheduler>, whose methods are called.

=head2 credential

A C<Mesos::Credential> or a hash reference, C<< {principal => ..., secret => ...} >>: how to authenticate with the master (HTTP
Basic). Default: none. It is kept outside of the object: dumps of a driver do not show the secret, nor do log lines and errors.

=head2 implicit_acknowledgements

True (default): a status update is acknowledged when its callback has returned normally; one whose callback died comes again.
False: the program calls C<acknowledgeStatusUpdate> itself.

The same holds for updates of operations and C<acknowledgeOperationStatus>. If the scheduler has no method
C<operationStatusUpdate>, they are not acknowledged: Mesos keeps what nobody has seen, and sends it again, less and less often.

=head2 master_timeout

Seconds without a master, perhaps with a fraction, after which the driver fails with C<error>. Default 0: it tries for ever. Less is an
error.

=head2 framework_id_file

The path of a file that keeps the framework's id, so that a restarted program continues its framework and finds its tasks (with a
C<failover_timeout> in C<framework>, or Mesos removes the framework when its program ends). Default: none.

The id is stored before C<registered> is called, in a file that only its owner can read (mode 0600), replaced as a whole. The next
driver with this file registers with that id: it gets C<registered>, with the same C<Mesos::FrameworkID>. The file is removed when a
master has confirmed the end of the framework (C<stop> without failover). If C<stop> finds no master, Mesos does not hear of it, and
the file stays.

C<new> dies if the file cannot be read or is damaged, if its directory is not writable, or if C<framework> has another id. It dies,
too, for an id in C<framework> that no master accepts: one with control characters or slashes, or longer than 255 bytes. An id that
cannot be stored is an C<error>. If Mesos has removed the framework meanwhile (its C<failover_timeout> is over), there is one
C<error>, C<Framework has been removed>; the file is removed then, and the next driver registers a new framework.

C<start> reads the file again. A standby that was made before the leader had registered therefore starts with the leader's id, and
Mesos ends the leader's driver with C<Framework failed over>. C<start> dies as C<new> does; on libmesos it also dies if the
file's content has changed since C<new>, and the driver has to be made anew. If two programs register at the same time, one of them stores its
id. The other gets an C<error>, and the file stays as it is: no driver replaces or removes the id of another framework.

=head2 reconcile_on_registration

True: after every registration the driver asks for the states of all tasks, as C<reconcileTasks([])> does. Default: false.

=head2 max_unanswered_calls

How many calls are sent before the master has answered the first of them: 1 to 1000, default 256. A master gains nothing beyond
some dozens. Without effect on libmesos.

=head2 max_queued_calls

How many calls may wait in the driver behind those, at least 1, default 100000. A call beyond dies with C<calls wait for the master
already>, and nothing was sent: it can be made again later. Implicit acknowledgements and C<stop> are not bound by this.
C<stats> tells how many wait.

=head1 METHODS

=head2 new

    my $driver = Mesos::SchedulerDriver->new(%attributes);

Makes a driver, and its cluster for C<local>; does not connect. Dies if an attribute is missing or wrong. Arguments with other
names are ignored, as by every class of Moo: beware of typing errors in those that may be left out.

=head2 start

    my $status = $driver->start;

Connects to the master. A stopped or aborted driver cannot be started again.

=head2 stop

    my $status = $driver->stop;
    my $status = $driver->stop($failover);

Ends the framework: its tasks are killed. With a true C<$failover> it stays registered for its C<failover_timeout>, and another
process can continue it with the same framework id. Callbacks that were not made yet are not made any more. Calls that were made
before are still sent; but if more than 256 wait and the framework ends, only its end is. After C<abort> it returns
C<DRIVER_ABORTED> once.

=head2 abort

    my $status = $driver->abort;

No more callbacks are made and no more offers taken; framework and tasks stay.

=head2 status

    my $status = $driver->status;

The driver's status, as above.

=head2 backend

    my $name = $driver->backend;

C<native> or C<libmesos>: what this driver runs on.

=head2 launchTasks

    my $status = $driver->launchTasks(\@offerIds, \@tasks);
    my $status = $driver->launchTasks(\@offerIds, \@tasks, $filters);

Launches tasks (C<Mesos::TaskInfo>) with the resources of offers (C<Mesos::OfferID>) of one agent; what is left of them is
declined with C<$filters> (C<Mesos::Filters>; default: no offers of the same for 5 seconds). Without tasks the offers are declined.

If there is no master, or the master refuses the call, the driver itself calls C<statusUpdate> for each task, with C<TASK_LOST>
(C<TASK_DROPPED> for a framework with the capability C<PARTITION_AWARE>), C<SOURCE_MASTER> and a message that says why. If the
connection breaks before the answer, nobody knows what became of the call: reconcile after C<reregistered>.

=head2 launchTask

    my $status = $driver->launchTask($offerId, \@tasks);
    my $status = $driver->launchTask($offerId, \@tasks, $filters);

The same with one offer. As in Mesos 1.07.1 it takes an array of tasks.

=head2 acceptOffers

    my $status = $driver->acceptOffers(\@offerIds, \@operations);
    my $status = $driver->acceptOffers(\@offerIds, \@operations, $filters);

Applies operations (C<Mesos::Offer::Operation>: launch, launch_group, reserve, unreserve, create, destroy, ...) to offers of one
agent. For an operation with an C<id> Mesos reports by C<operationStatusUpdate>.

=head2 declineOffer

    my $status = $driver->declineOffer($offerId);
    my $status = $driver->declineOffer($offerId, $filters);

Gives an offer (C<Mesos::OfferID>) back. C<$filters> as for C<launchTasks>.

=head2 reviveOffers

    my $status = $driver->reviveOffers;
    my $status = $driver->reviveOffers(\@roles);

Takes filters and suppression back, for all roles of the framework or for those named. With an empty array nothing happens. While
there is no master it is remembered for the next one.

=head2 suppressOffers

    my $status = $driver->suppressOffers;
    my $status = $driver->suppressOffers(\@roles);

Asks for no offers until C<reviveOffers>, for all roles of the framework or for those named. With an empty array nothing happens.
Suppressed roles stay suppressed when the driver connects again.

=head2 updateFramework

    my $status = $driver->updateFramework($frameworkInfo);
    my $status = $driver->updateFramework($frameworkInfo, \@suppressedRoles);

Changes the framework: C<$frameworkInfo> (C<Mesos::FrameworkInfo>) is the whole of it, with the C<id> that C<registered> has told.
Name, C<failover_timeout>, roles, capabilities, labels and so on may change; a master refuses other values for C<user>,
C<checkpoint> and C<principal> (a log line of level ERROR, and the earlier framework stays). C<@suppressedRoles> are all roles that are
suppressed from now on; without it those that are suppressed stay so.

Dies if the framework is not registered yet, if the id is missing or another one, or if a suppressed role is named twice or is
not the framework's. Needs Mesos 1.9. An update that no master has confirmed when the connection is lost, or that is made without one,
is part of the next subscription: refused there it is an C<error>, which ends the driver. On libmesos every refused update is.

=head2 requestResources

    my $status = $driver->requestResources(\@requests);

Tells the master what is wanted (C<Mesos::Request>). Masters only log it.

=head2 killTask

    my $status = $driver->killTask($taskId);

Kills a task (C<Mesos::TaskID>). Not reliable: call it again while no terminal update has come.

=head2 shutdownExecutor

    my $status = $driver->shutdownExecutor($executorId, $slaveId);

Ends an executor and its tasks. What comes of it is told by C<executorLost> and C<statusUpdate>. Not reliable.

=head2 acknowledgeStatusUpdate

    my $status = $driver->acknowledgeStatusUpdate($taskStatus);

Acknowledges an update that a callback got. Dies unless the driver was made with C<< implicit_acknowledgements => 0 >>.
Updates without a uuid need none and are let pass.

=head2 reconcileTasks

    my $status = $driver->reconcileTasks(\@statuses);

Asks for the states of tasks (C<Mesos::TaskStatus>; only C<task_id> and C<slave_id> count, but C<state> must be there), or with
an empty array of all tasks of this framework.

=head2 acknowledgeOperationStatus

    my $status = $driver->acknowledgeOperationStatus($operationStatus);

The same for what C<operationStatusUpdate> got: a C<Mesos::OperationStatus>.

=head2 reconcileOperations

    my $status = $driver->reconcileOperations(\@operations);

Asks for the states of operations, each a C<Mesos::Scheduler::Call::ReconcileOperations::Operation> or a hash reference with
C<operation_id> and, best, C<slave_id> or C<resource_provider_id>; with an empty array, of all operations. The answers are calls
of C<operationStatusUpdate>.

=head2 acceptInverseOffers

    my $status = $driver->acceptInverseOffers(\@inverseOfferIds);
    my $status = $driver->acceptInverseOffers(\@inverseOfferIds, $filters);

Tells the master that the framework will have left the agents of these inverse offers (C<Mesos::OfferID>) in time.

=head2 declineInverseOffers

    my $status = $driver->declineInverseOffers(\@inverseOfferIds);
    my $status = $driver->declineInverseOffers(\@inverseOfferIds, $filters);

Tells the master that it will not.

=head2 sendFrameworkMessage

    my $status = $driver->sendFrameworkMessage($executorId, $slaveId, $data);

Sends bytes to an executor. Not reliable.

=head2 stats

    my $stats = $driver->stats;

What the driver has counted since it was made: a new hash reference. C<events>, C<calls> and C<answers> are hashes of counts, by type
(C<< $stats->{events}{UPDATE} >>, C<< $stats->{calls}{ACCEPT} >>) and by HTTP status (C<< $stats->{answers}{202} >>). The others are
numbers:

=over

=item queue_length, queue_high_water

Events that wait for their callbacks, now and at most, in the channel that this driver uses, perhaps with others.

=item calls_waiting, calls_unanswered

Calls that wait in the driver, and calls that were sent and not answered.

=item calls_dropped, calls_refused

Calls that were never sent for want of a master, and calls that a master answered with an error.

=item updates_received, updates_acknowledged, updates_made

Status updates that came, acknowledgements that the master has taken, and updates that the driver made itself for tasks that were
never launched.

=item subscriptions, reconnects, disconnects

Times that a master confirmed the subscription, those of them that were not the first, and losses of it.

=item bytes_in, bytes_out

Without those of libmesos, which also tells nothing of answers and heartbeats.

=item last_heartbeat_age

Seconds since the master's last heartbeat; undef before the first.

=back

=head2 event_handler

The scheduler.

=cut
