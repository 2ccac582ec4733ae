package Mesos::SchedulerDriver;
use 5.10.1;
use Mesos::Error qw(croak);
use Hash::Util::FieldHash qw(fieldhash);
use Mesos::Arguments qw(check_arguments);
use Mesos::Constraint ();
use Mesos::Scheduler ();
use Mesos::Warnings::Methods ();
use Mesos::XS;
use Moo;
use namespace::autoclean;

my %type = map { ($_ => Mesos::Constraint->named($_)) } qw(
    Credential ExecutorID Filters FrameworkInfo KillPolicy OfferID OfferOperation OperationStatus ReconcileOperation Request
    Scheduler SlaveID TaskID TaskInfo TaskStatus
);

my ($str, $int, $num) = map { Mesos::Constraint->standard($_) } qw(Str Int Num);

my %is_optional = map { ($_ => 1) } qw(inverseOffers inverseOfferRescinded operationStatusUpdate);

# With a password in it not in the object, where dumps would show it.
fieldhash my %master;
has master => (is => 'bare', isa => $str->checker);    # BUILD wants it, framework and scheduler: it knows what was given instead.
# Empty: the default, which Mesos->backends tells.
has driver => (is => 'ro', isa => $str->checker, default => sub { Mesos::Constraint::_driver_of_environment() });
has framework => (is => 'ro', isa => $type{FrameworkInfo}->checker, coerce => $type{FrameworkInfo}->coercer);
has scheduler => (is => 'ro', isa => $type{Scheduler}->checker);
# Nor its secret.
fieldhash my %credential;
has credential => (is => 'bare', isa => \&_check_credential, coerce => $type{Credential}->coercer);
has implicit_acknowledgements => (is => 'ro', default => 1);
has master_timeout => (is => 'ro', isa => $num->checker, default => 0);
has framework_id_file => (is => 'ro', isa => $str->checker, default => '');
has reconcile_on_registration => (is => 'ro', default => 0);
has max_unanswered_calls => (is => 'ro', isa => $int->checker, default => 256);
has max_queued_calls => (is => 'ro', isa => $int->checker, default => 100_000);

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments, qw(framework master scheduler));
    Mesos::Warnings::check_callbacks($self->scheduler, 'Mesos::Scheduler', keys %is_optional);
    $credential{$self} = delete $self->{credential};
    Mesos::_log_init($self->framework->{name});
    $self->_xs_init($self->dispatcher->channel, {
            (map { ($_ => $self->$_) } qw(
                    driver master framework credential implicit_acknowledgements master_timeout framework_id_file reconcile_on_registration
                    max_unanswered_calls max_queued_calls
            )),
            helper => Mesos::XS::helper_path(),
            executor_environment => ['PERL5LIB=' . Mesos::XS::include_path()],
    });
    my $master = $self->{master};
    $master{$self} = $master if $self->{master} =~ s{^(\w+://)?.*@}{($1 || '') . '***@'}se;
    $self->_check_failover;
}

sub _check_failover {
    my ($self) = @_;
    return if $self->framework_id_file eq '' || $self->framework->get('failover_timeout');
    my $why = 'Mesos removes the framework when this program ends, and every second start fails';
    Mesos::Warnings::warn_user("framework_id_file without a failover_timeout in framework: $why", 'failover_timeout');
}

# As the type's own message, without the value.
sub _check_credential {
    my ($value) = @_;
    return if $type{Credential}->check($value);
    my $what = !defined $value ? 'Undef' : !ref $value ? 'A plain value' : 'A reference to ' . ref $value;
    Mesos::Constraint::_die(qq(credential: $what did not pass type constraint "Credential"));
}

sub master {
    croak 'Usage: Mesos::SchedulerDriver::master(self)' if @_ != 1;
    return exists $master{$_[0]} ? $master{$_[0]} : $_[0]{master};
}

sub credential {
    croak 'Usage: Mesos::SchedulerDriver::credential(self)' if @_ != 1;
    return $credential{$_[0]};
}

# What stands before the scheduler, if the driver declines and suppresses offers: Mesos::Role::GoodCitizen.
sub event_handler { $_[0]{_citizen} || $_[0]->scheduler }
sub _is_optional { $is_optional{$_[1]} }

sub start { $_[0]->_xs_start }
sub stop { $_[0]->_xs_stop($_[1] ? 1 : 0) }
sub abort { $_[0]->_xs_abort }

# After the methods that it modifies and requires.
with 'Mesos::Role::HasDispatcher', 'Mesos::Role::Warns', 'Mesos::Role::WarnsOfCalls', 'Mesos::Role::GoodCitizen';

Mesos::Warnings::Methods::watch_methods(__PACKAGE__, 'new', map { ($_ => undef) } qw(start run run_once join launchTasks balance_offers));
sub _is_alive { $_[0]->_xs_is_running }

# Offers that a call has used are not declined if the callback dies later, nor when their time is over.
sub _used {
    my ($self, $status, @offer_ids) = @_;
    if (my $open = $self->{_open_offers}) { delete $open->{$_->{value}} for @offer_ids }
    if (my $handled = $self->{_handled}) { $handled->{$_->{value}} = 1 for @offer_ids }
    return $status;
}

sub _make_up_for {
    my ($self, $event, $error, $first) = @_;
    if ($event eq 'resourceOffers') {
        my @unused = grep { !$self->{_handled}{$_} } map { $_->{id}{value} } @$first;
        # More calls than the driver takes: the offers come again when their time is over.
        my $declined = grep { my $id = $_; eval { $self->_xs_decline_offer({value => $id}, undef); 1 } } @unused;
        return "Unused offers: $declined. The driver declines them, and Mesos offers these resources again." if @unused;
        return 'It had used all of its offers.';
    }
    return '' unless $event eq 'statusUpdate' || $event eq 'operationStatusUpdate';
    return 'Unless your program acknowledges the update, Mesos sends it again.' unless $self->implicit_acknowledgements;
    return 'The driver does not acknowledge the update, so Mesos sends it again.';
}

sub requestResources {
    my $self = shift;
    return $self->_xs_request_resources(check_arguments('requestResources', \@_, [requests => [$type{Request}]]));
}

sub launchTasks {
    my $self = shift;
    my @args = check_arguments('launchTasks', \@_,
        [offerIds => [$type{OfferID}]], [tasks => [$type{TaskInfo}]], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_launch_tasks(@args), @{$args[0]});
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
    return $self->_used($self->_xs_accept_offers(@args), @{$args[0]});
}

sub declineOffer {
    my $self = shift;
    my @args = check_arguments('declineOffer', \@_, [offerId => $type{OfferID}], [filters => $type{Filters}, 1]);
    return $self->_used($self->_xs_decline_offer(@args), $args[0]);
}

sub reviveOffers {
    my $self = shift;
    return $self->_xs_revive_offers(check_arguments('reviveOffers', \@_, [roles => [$str], 1]));
}

sub suppressOffers {
    my $self = shift;
    return $self->_xs_suppress_offers(check_arguments('suppressOffers', \@_, [roles => [$str], 1]));
}

sub updateFramework {
    my $self = shift;
    return $self->_xs_update_framework(check_arguments('updateFramework', \@_,
            [frameworkInfo => $type{FrameworkInfo}], [suppressedRoles => [$str], 1]));
}

sub killTask {
    my $self = shift;
    return $self->_xs_kill_task(check_arguments('killTask', \@_, [taskId => $type{TaskID}], [killPolicy => $type{KillPolicy}, 1]));
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
    Mesos::Arguments::_throw("$method: this driver acknowledges implicitly: expected one made with implicit_acknowledgements => 0")
        if $self->implicit_acknowledgements;
    return $status;
}

sub sendFrameworkMessage {
    my $self = shift;
    return $self->_xs_send_framework_message(check_arguments('sendFrameworkMessage', \@_,
            [executorId => $type{ExecutorID}], [slaveId => $type{SlaveID}], [data => $str]));
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

sub DEMOLISH { $_[0]->_warn_if_running($_[1]); $_[0]->_xs_free }

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

Registers a framework with a Mesos master, passes the master's events to a L<Mesos::Scheduler>, and sends its calls. The class composes
L<Mesos::Role::HasDispatcher>, which describes C<run>, C<run_once>, C<join>, C<dispatcher>, C<on_exception> and C<running>, and
L<Mesos::Role::GoodCitizen>, which has C<offer_timeout> and C<auto_suppress> against hoarded offers.

All calls return at once and do not wait for the network. Callbacks tell you the outcome. Each call returns the driver's status, a number of
C<Mesos::Status>: C<DRIVER_NOT_STARTED> (1), C<DRIVER_RUNNING> (2), C<DRIVER_ABORTED> (3), C<DRIVER_STOPPED> (4). If the driver is not
running, a call does nothing but return the status.

If an argument is wrong, the call dies at its own line, names the argument, and sends nothing.

Where a method expects a message, you may pass a plain hash reference with its fields, such as C<< {value => 'task-1'} >> for a
C<Mesos::TaskID>.

=head1 ATTRIBUTES

All attributes are arguments of C<new>, and read-only.

=head2 driver

What the driver runs on: C<native> (Mesos' HTTP API) or C<libmesos> (its C++ driver, if it is built in: see L<Mesos/backends>). Default:
the value of C<PERL_MESOS_DRIVER>, else what the module was built for: C<libmesos> if its builder asked for that, otherwise C<native>. If
you ask for one that is not built in, C<new> dies. With the masters C<local>, C<http://...>, C<https://...> and lists of masters, the driver
is C<native> even if you ask for C<libmesos>. L</backend> tells you the outcome.

=head2 master

Required. A string; C<new> dies if it is none of these:

=over

=item C<local>

A master and an agent inside this process, for this driver alone. L<Mesos/ENVIRONMENT> lists their settings.

=item C<host:port>, C<http://host:port>, C<https://host:port>

A master. If it does not lead, it redirects the driver to the leader. You can give several, with commas between them: the driver tries them
in turn. Write an IPv6 address in brackets. Without C<http://> or C<https://>, the variable C<LIBPROCESS_SSL_ENABLED> decides.
Without a port it is 5050. The path of the web interface, C</master>, may stand at the end.

=item C<zk://host:port,host:port/path>, C<zk://user:password@host:port/path>

The leader that ZooKeeper names. The driver waits until there is one, and follows when another one is elected.

=item C<file:///path>

A file that holds one of these strings, except C<local>. C<new> reads it.

=back

=head2 framework

Required. A C<Mesos::FrameworkInfo> or a hash reference. If C<user> is empty, the driver fills in the user of this process. If C<hostname> is
missing, it fills in the name of this machine. C<new> encodes the message, so later changes have no effect.

=head2 scheduler

Required. The L<Mesos::Scheduler> whose methods the driver calls.

=head2 credential

A C<Mesos::Credential> or a hash reference, C<< {principal => ..., secret => ...} >>, with which the driver authenticates to the master (by
HTTP Basic). Default: none. The driver keeps it outside of the object, so dumps of a driver do not show the secret. Log lines and errors do
not show it either.

=head2 implicit_acknowledgements

If true (the default), the driver acknowledges a status update after its callback has returned normally. If the callback dies, Mesos sends
the update again. If false, your program calls C<acknowledgeStatusUpdate> itself.

The same is true of updates of operations and C<acknowledgeOperationStatus>. If the scheduler has no method C<operationStatusUpdate>, the
driver does not acknowledge them, because nobody has seen them. Mesos keeps them and sends them again, less and less often.

=head2 master_timeout

After this many seconds without a master, the driver fails with C<error>. The number may have a fraction. Default 0: the driver tries for
ever. A negative number is an error.

=head2 framework_id_file

The path of a file that keeps the framework's id. With it, a restarted program continues its framework and finds its tasks. Set
C<failover_timeout> in C<framework> as well, or Mesos removes the framework when its program ends, and you get a warning. Default: none.

The driver stores the id before it calls C<registered>. Only the file's owner can read the file (mode 0600). The driver writes it as a
whole. The next driver with this file registers with that id, and gets C<registered> with the same C<Mesos::FrameworkID>.

When a master has confirmed the end of the framework (C<stop> without failover), the driver removes the file. If C<stop> finds no master,
Mesos does not hear of it, and the file stays. If Mesos has removed the framework in the meantime, because its C<failover_timeout> is over,
you get C<error> once, with C<Framework has been removed>. The driver then removes the file, and the next driver registers a new framework.

C<new> dies if it cannot read the file, if the file is damaged, if the directory is not writable, or if C<framework> has another id. It also
dies if the id in C<framework> is one that no master accepts: one with control characters or slashes, or one longer than 255 bytes. If the
driver cannot store an id, you get an C<error>.

C<start> reads the file again. So you can make a standby before the leader has registered: it starts with the leader's id, and Mesos ends
the leader's driver with C<Framework failed over>. C<start> dies in the same cases as C<new>. On libmesos it also dies if the content of the
file has changed since C<new>; then make a new driver.

If two programs register at the same time, one of them stores its id. The other gets an C<error>, and the file stays as it is. A driver never
replaces or removes the id of another framework.

=head2 unknown_fields

What happens when a message that you give to the driver, C<framework> included, has a key that is no field of it, an array reference
where one value is expected, or a number that no value of its enum has: C<'warn'> (default), C<'die'> or C<'ignore'>. The text has the path
and the field that you probably meant: C<< Mesos::TaskInfo.cmd: Mesos::TaskInfo has no field 'cmd': did you mean 'command'? >> Keys that
begin with an underscore are your own. The driver does not look through tied hashes.

=head2 reconcile_on_registration

If true, the driver says C<reconcileTasks([])> after every registration. Default: false. Offers may come before the answers.

=head2 max_unanswered_calls

How many calls the driver sends before the master has answered the first of them: 1 to 1000, default 256. A master gains nothing beyond
some dozens. It has no effect on libmesos.

=head2 max_queued_calls

How many more calls may wait in the driver: at least 1, default 100000. The next one dies with C<calls wait for the master already>, and is
not sent. You can call again later. Implicit acknowledgements and C<stop> are not limited by this. C<stats> tells you how many wait.

=head1 METHODS

=head2 new

    my $driver = Mesos::SchedulerDriver->new(%attributes);

Makes a driver, and the embedded cluster for C<local>. It does not connect yet. Dies if an attribute is missing or wrong. Warns of
arguments with other names, and of methods of C<scheduler> whose names are nearly a callback's: see L<Mesos::Warnings>.

=head2 start

    my $status = $driver->start;

Connects to the master. You cannot start a driver again after it was stopped or aborted.

=head2 stop

    my $status = $driver->stop;
    my $status = $driver->stop($failover);

Ends the framework, and Mesos kills its tasks. If C<$failover> is true, the framework stays registered for its C<failover_timeout>, and
another process can continue it with the same framework id.

The driver makes no more callbacks. It still sends the calls that you made before. But if more than 256 calls wait and the framework ends, it
sends only the end. After C<abort>, the first C<stop> returns C<DRIVER_ABORTED>.

=head2 abort

    my $status = $driver->abort;

The driver makes no more callbacks and takes no more offers. The framework and its tasks stay.

=head2 status

    my $status = $driver->status;

Returns the driver's status, as described above.

=head2 backend

    my $name = $driver->backend;

Returns what this driver runs on: C<native> or C<libmesos>.

=head2 launchTasks

    my $status = $driver->launchTasks(\@offerIds, \@tasks);
    my $status = $driver->launchTasks(\@offerIds, \@tasks, $filters);

Launches tasks (C<Mesos::TaskInfo>) with the resources of offers (C<Mesos::OfferID>) of one agent. What is left of the offers is declined
with C<$filters> (C<Mesos::Filters>; by default the master does not offer the same resources for 5 seconds). Without tasks, the offers are
declined.

If there is no master, or if the master refuses the call, the driver itself calls C<statusUpdate> for each task. The state is C<TASK_LOST>, or
C<TASK_DROPPED> if the framework has the capability C<PARTITION_AWARE>. The source is C<SOURCE_MASTER>, and the message says why. If the
connection breaks before the answer, nobody knows what happened to the call: reconcile after C<reregistered>.

=head2 launchTask

    my $status = $driver->launchTask($offerId, \@tasks);
    my $status = $driver->launchTask($offerId, \@tasks, $filters);

Does the same with one offer. As in Mesos 1.07.1, it takes an array of tasks.

=head2 acceptOffers

    my $status = $driver->acceptOffers(\@offerIds, \@operations);
    my $status = $driver->acceptOffers(\@offerIds, \@operations, $filters);

Applies operations (C<Mesos::Offer::Operation>: launch, launch_group, reserve, unreserve, create, destroy, ...) to offers of one agent. If an
operation has an C<id>, Mesos reports its state through C<operationStatusUpdate>. Dies if a master would drop an operation without a word:
if it has no type, or not the part that its type names, or nothing in it, or resources that no master accepts there. Without an C<id> it also
dies of an operation on what the offers do not hold. (Not on libmesos, and not of operations after a launch, or on shared volumes.)

=head2 declineOffer

    my $status = $driver->declineOffer($offerId);
    my $status = $driver->declineOffer($offerId, $filters);

Gives an offer (C<Mesos::OfferID>) back. C<$filters> works as in C<launchTasks>.

=head2 reviveOffers

    my $status = $driver->reviveOffers;
    my $status = $driver->reviveOffers(\@roles);

Removes filters and ends suppression, for all roles of the framework or for those that you name. With an empty array, nothing happens. If
there is no master, the driver remembers the call for the next one.

=head2 suppressOffers

    my $status = $driver->suppressOffers;
    my $status = $driver->suppressOffers(\@roles);

Asks the master for no offers until C<reviveOffers>, for all roles of the framework or for those that you name. With an empty array, nothing
happens. Suppressed roles stay suppressed when the driver connects again.

=head2 updateFramework

    my $status = $driver->updateFramework($frameworkInfo);
    my $status = $driver->updateFramework($frameworkInfo, \@suppressedRoles);

Changes the framework. C<$frameworkInfo> (C<Mesos::FrameworkInfo>) is the whole new description, with the C<id> that C<registered> gave you.
You may change the name, C<failover_timeout>, roles, capabilities, labels and so on. A master refuses other values for C<user>, C<checkpoint>
and C<principal>. Then there is a log line of level ERROR, and the framework stays as it was. C<@suppressedRoles> are all roles that are
suppressed from now on. Without it, the roles that are suppressed stay suppressed.

Dies if the framework is not registered yet, if the id is missing or another one, or if a suppressed role is named twice or is not the
framework's. Needs Mesos 1.9.

If the connection is lost before a master has confirmed the update, or if there is no master, the update becomes part of the next
subscription. If the master refuses it there, you get an C<error>, and the driver ends. On libmesos, every refused update has that effect.

=head2 requestResources

    my $status = $driver->requestResources(\@requests);

Tells the master which resources you want (C<Mesos::Request>). Masters only log it.

=head2 killTask

    my $status = $driver->killTask($taskId);
    my $status = $driver->killTask($taskId, {grace_period => {nanoseconds => 30e9}});

Kills a task (C<Mesos::TaskID>). Mesos may lose the call: repeat it until a terminal update has come.

The optional C<Mesos::KillPolicy> says how much time the task has between the polite request to end (SIGTERM) and its forced end (SIGKILL).
Without one, the C<kill_policy> of the C<Mesos::TaskInfo> applies, or else the 3 seconds of Mesos' executor. If you call again with a shorter
time, the shorter time applies. Mesos' own executors obey the policy. A driver on libmesos takes none: the call dies.

=head2 shutdownExecutor

    my $status = $driver->shutdownExecutor($executorId, $slaveId);

Ends an executor and its tasks. C<executorLost> and C<statusUpdate> tell you the outcome. Mesos may lose the call.

=head2 acknowledgeStatusUpdate

    my $status = $driver->acknowledgeStatusUpdate($taskStatus);

Acknowledges an update that a callback got. Dies unless you made the driver with C<< implicit_acknowledgements => 0 >>. An update without a
uuid needs no acknowledgement; for such an update, the call does nothing.

=head2 reconcileTasks

    my $status = $driver->reconcileTasks(\@statuses);

Asks for the states of tasks; the answers are calls of C<statusUpdate>. Each element is a C<Mesos::TaskStatus>. Mesos uses only C<task_id> and
C<slave_id>, but C<state> must be set. With an empty array, it asks for all tasks of this framework, and no answer says that it is the last.

=head2 acknowledgeOperationStatus

    my $status = $driver->acknowledgeOperationStatus($operationStatus);

Does the same as C<acknowledgeStatusUpdate> for an update that C<operationStatusUpdate> got: a C<Mesos::OperationStatus>.

=head2 reconcileOperations

    my $status = $driver->reconcileOperations(\@operations);

Asks for the states of operations; the answers are calls of C<operationStatusUpdate>. Each element is a
C<Mesos::Scheduler::Call::ReconcileOperations::Operation>, or a hash reference with C<operation_id> and, if you know them, C<slave_id> or
C<resource_provider_id>. With an empty array, it asks for all operations.

=head2 acceptInverseOffers

    my $status = $driver->acceptInverseOffers(\@inverseOfferIds);
    my $status = $driver->acceptInverseOffers(\@inverseOfferIds, $filters);

Tells the master that the framework will leave the agents of these inverse offers (C<Mesos::OfferID>) in time.

=head2 declineInverseOffers

    my $status = $driver->declineInverseOffers(\@inverseOfferIds);
    my $status = $driver->declineInverseOffers(\@inverseOfferIds, $filters);

Tells the master that the framework will not leave these agents.

=head2 sendFrameworkMessage

    my $status = $driver->sendFrameworkMessage($executorId, $slaveId, $data);

Sends bytes to an executor. Mesos may lose them.

=head2 stats

    my $stats = $driver->stats;

Returns what the driver has counted since it was made: a new hash reference. L<Mesos::Stats> writes it for Prometheus. C<events> and C<calls> are hashes of counts by type
(C<< $stats->{events}{UPDATE} >>, C<< $stats->{calls}{ACCEPT} >>). C<answers> is a hash of counts by HTTP status
(C<< $stats->{answers}{202} >>). The others are numbers:

=over

=item queue_length, queue_high_water

How many events wait for their callbacks, now and at most. It counts the channel that this driver uses, perhaps with other drivers.

=item calls_waiting, calls_unanswered

How many calls wait in the driver, and how many were sent but not answered.

=item calls_dropped, calls_refused

How many calls were never sent because there was no master, and how many a master answered with an error.

=item updates_received, updates_acknowledged, updates_made

How many status updates came, how many acknowledgements the master has taken, and how many updates the driver made itself for tasks that
were never launched.

=item subscriptions, reconnects, disconnects

How often a master confirmed the subscription, how many of these were not the first, and how often the driver lost it.

=item bytes_in, bytes_out

How many bytes the driver has read and written. libmesos does not tell, nor does it tell of answers and heartbeats.

=item last_heartbeat_age

Seconds since the master's last heartbeat; undef before the first.

=back

=head2 event_handler

Returns the scheduler.

=cut
