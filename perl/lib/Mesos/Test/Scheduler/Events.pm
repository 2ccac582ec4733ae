package Mesos::Test::Scheduler::Events;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Messages ();
use Mesos::Test::Scheduler::Calls ();
use Mesos::Test::Scheduler::Offers ();
use Mesos::Warnings::Methods qw(pairs_of);
use Scalar::Util qw(looks_like_number reftype);
use Moo::Role;

$Carp::Internal{+__PACKAGE__} = 1;

# --- what is sent to it ------------------------------------------------------------------------------------------------------------

# The driver makes up for a callback that dies as it always does; then the test hears of it.
sub _deliver {
    my ($self, $event, @arguments) = @_;
    my ($driver, $scheduler) = ($self->driver, $self->scheduler);
    my $died;
    if (my $method = $scheduler->can($event)) {
        local $driver->{_handled} = {};
        if (!eval { $scheduler->$method($driver, @arguments); 1 }) {
            $died = 1;
            my $error = $@;
            # The offers that it has not used are declined: those calls are the driver's, and yet a test wants to see them.
            $driver->_make_up_for($event, $error, @arguments);
            $self->_report;
            my $mode = $self->on_exception;
            die $error if $mode eq 'die';
            if (ref $mode) { $mode->($driver, $event, $error) }
            else { warn "Mesos: the callback $event died: $error" }
        }
    }
    else { $driver->_event_unhandled($event) }
    $self->_report;
    return !$died;
}

sub _must_run {
    my ($self, $method) = @_;
    my $driver = $self->driver;
    return if $driver->_xs_is_running;
    my $status = Mesos::Status->name_of($driver->status);
    croak "$method: no event comes to a driver that was not started: call register first" if $status eq 'DRIVER_NOT_STARTED';
    croak "$method: the driver has ended ($status), so no event comes to it any more";
}

sub _master {
    my ($method, %given) = @_;
    my $master = $given{master};
    croak "$method: master: expected a Mesos::MasterInfo or a hash reference, got " . Mesos::Arguments::_describe($master)
        if defined $master && (reftype($master) || '') ne 'HASH';
    my $info = {id => 'master-1', ip => 16_777_343, port => 5050, hostname => 'master.example', version => '1.11.0', %{$master || {}}};
    # As it comes from the wire, and checked on the way.
    return Mesos::MasterInfo->decode(scalar Mesos::MasterInfo->encode($info));
}

# The text of an id that a test gives.
sub _id_text {
    my ($what, $value) = @_;
    my $id = Mesos::Test::Scheduler::Calls::id_of($value);
    croak "$what: expected an id, got " . Mesos::Arguments::_describe($value) if !defined $id || ref $id || !length $id;
    return $id;
}

sub _number {
    my ($what, $value) = @_;
    croak "$what: expected a number of seconds, got " . Mesos::Arguments::_describe($value) unless looks_like_number($value);
    return $value;
}

sub register {
    my ($self, @arguments) = @_;
    my $master = _master('register', Mesos::Test::Scheduler::Calls::named('register', \@arguments, 'master'));
    my $driver = $self->driver;
    $driver->start if $driver->status == Mesos::Status::DRIVER_NOT_STARTED();
    $self->_must_run('register');
    croak 'register: the framework is registered already: see reregister' if $driver->_is_registered;
    $driver->_is_registered(1);
    $self->_deliver('registered', Mesos::FrameworkID->new({value => $driver->framework_id}), $master);
    return $self;
}

sub reregister {
    my ($self, @arguments) = @_;
    my $master = _master('reregister', Mesos::Test::Scheduler::Calls::named('reregister', \@arguments, 'master'));
    $self->_must_run('reregister');
    $self->_void_offers;
    $self->_deliver('reregistered', $master);
    return $self;
}

sub disconnect {
    my ($self) = @_;
    $self->_must_run('disconnect');
    $self->_void_offers;
    $self->_deliver('disconnected');
    return $self;
}

sub _void_offers {
    my ($self) = @_;
    $_->{gone} ||= 'the master was lost since' for values %{$self->{_offers}};
    return;
}

sub offer {
    my ($self, @spec) = @_;
    $self->_must_run('offer');
    my %spec = pairs_of('offer', @spec);
    my ($offer) = $self->_offers('offer', \%spec);
    return $offer;
}

sub offers {
    my ($self, @specs) = @_;
    $self->_must_run('offers');
    my ($wrong) = grep { ref $specs[$_] ne 'HASH' } 0 .. $#specs;
    croak 'offers: expected hash references, one for each offer, got ' . Mesos::Arguments::_describe($specs[$wrong]) if defined $wrong;
    return $self->_offers('offers', @specs);
}

sub _offers {
    my ($self, $method, @specs) = @_;
    my $driver = $self->driver;
    my @offers;
    for my $spec (@specs) {
        my $number = ++$self->{_offer_number};
        my $offer = Mesos::Test::Scheduler::Offers::offer($method, $number, $driver->framework_id, %$spec);
        my $id = $offer->{id}{value};
        croak "$method: there was an offer '$id' already" if $self->{_offers}{$id};
        # A copy: the scheduler may change its own.
        $self->{_offers}{$id} = {offer => $offer->copy, number => $number};
        push @offers, $offer;
    }
    $self->_deliver('resourceOffers', \@offers);
    return @offers;
}

sub rescind {
    my ($self, $offer) = @_;
    $self->_must_run('rescind');
    my $id = defined $offer ? Mesos::Test::Scheduler::Calls::id_of($offer) : croak 'rescind: expected an offer or its id';
    my $known = $self->{_offers}{$id} or croak "rescind: there is no offer '$id'";
    $known->{gone} ||= 'it was rescinded';
    $self->_deliver('offerRescinded', Mesos::OfferID->new({value => $id}));
    return $self;
}

sub update {
    my ($self, $state, @arguments) = @_;
    $self->_must_run('update');
    my %given = Mesos::Test::Scheduler::Calls::named('update', \@arguments, qw(
            task agent executor message reason source data healthy timestamp uuid labels container_status unreachable_time check_status limitation
    ));
    my $number = _state($state);
    my $id = defined $given{task} ? Mesos::Test::Scheduler::Calls::id_of(delete $given{task}) : $self->_only_task;
    my $task = $self->{_tasks}{$id} || {};
    my ($agent, $executor) = delete @given{qw(agent executor)};
    $agent = $task->{slave_id} unless defined $agent;
    $executor = $task->{info}{executor}{executor_id}{value} if !defined $executor && $task->{info} && $task->{info}{executor};
    my $uuid = sprintf 'update %09d', ++$self->{_update_number};
    my $status = Mesos::TaskStatus->new({
            task_id => {value => $id},
            state => $number,
            source => Mesos::TaskStatus::Source::SOURCE_EXECUTOR(),
            uuid => $uuid,
            (defined $agent ? (slave_id => {value => $agent}) : ()),
            (defined $executor ? (executor_id => {value => $executor}) : ()),
            %given,
    });
    delete $status->{uuid} unless defined $status->{uuid};
    # As it comes from the wire, and checked on the way.
    $status = Mesos::TaskStatus->decode(scalar $status->encode);
    $self->{_last_status} = $status->copy;
    $task->{state} = $number;
    my $returned = $self->_deliver('statusUpdate', $status);
    $self->{_acknowledged}{$status->{uuid}} = 1 if $returned && defined $status->{uuid} && $self->driver->implicit_acknowledgements;
    return $status;
}

sub _state {
    my ($state) = @_;
    croak 'update: expected a state, such as TASK_RUNNING' unless defined $state && !ref $state;
    return $state + 0 if $state =~ /\A\d+\z/ && defined Mesos::TaskState->name_of($state);
    my $constant = $state =~ /\A[A-Z_]+\z/ && (Mesos::TaskState->can($state) || Mesos::TaskState->can("TASK_$state"));
    return $constant->() if $constant && defined Mesos::TaskState->name_of($constant->());
    croak qq(update: expected a state, such as TASK_RUNNING, got "$state");
}

sub _only_task {
    my ($self) = @_;
    my @active = map { $_->{task_id}{value} } $self->active_tasks;
    return $active[0] if @active == 1;
    croak 'update: which task? ' . (@active ? 'These are active: ' . join(', ', @active) . '. Name one: task => $id'
        : @{$self->{_launched}} ? 'All have ended: name one with task => $id' : 'The scheduler has launched none: name one with task => $id');
}

sub message {
    my ($self, $data, @arguments) = @_;
    my %given = (executor => 'executor-1', agent => 'agent-1', Mesos::Test::Scheduler::Calls::named('message', \@arguments, qw(executor agent)));
    $self->_must_run('message');
    croak 'message: expected the data, a string, got ' . Mesos::Arguments::_describe($data) if !defined $data || ref $data;
    $given{$_} = _id_text("message: $_", $given{$_}) for qw(executor agent);
    $self->_deliver('frameworkMessage', Mesos::ExecutorID->new({value => $given{executor}}), Mesos::SlaveID->new({value => $given{agent}}), $data);
    return $self;
}

sub lose_agent {
    my ($self, $agent) = @_;
    $self->_must_run('lose_agent');
    $agent = defined $agent ? _id_text('lose_agent', $agent) : 'agent-1';
    for my $offer (grep { $_->{offer}{slave_id}{value} eq $agent } values %{$self->{_offers}}) { $offer->{gone} ||= 'its agent was lost' }
    $self->_deliver('slaveLost', Mesos::SlaveID->new({value => $agent}));
    return $self;
}

sub lose_executor {
    my ($self, $executor, @arguments) = @_;
    my %given = (agent => 'agent-1', status => -1, Mesos::Test::Scheduler::Calls::named('lose_executor', \@arguments, qw(agent status)));
    $self->_must_run('lose_executor');
    $executor = defined $executor ? _id_text('lose_executor', $executor) : 'executor-1';
    $given{agent} = _id_text('lose_executor: agent', $given{agent});
    $self->_deliver('executorLost', Mesos::ExecutorID->new({value => $executor}), Mesos::SlaveID->new({value => $given{agent}}), "$given{status}");
    return $self;
}

sub inverse_offer {
    my ($self, @arguments) = @_;
    my %given = (agent => 'agent-1', id => 'inverse-offer-' . ++$self->{_inverse_number}, start => 0,
        Mesos::Test::Scheduler::Calls::named('inverse_offer', \@arguments, qw(agent id start duration)));
    $self->_must_run('inverse_offer');
    _number("inverse_offer: $_", $given{$_}) for grep { defined $given{$_} } qw(start duration);
    my $offer = Mesos::InverseOffer->new({
            id => {value => $given{id}},
            framework_id => {value => $self->driver->framework_id},
            slave_id => {value => $given{agent}},
            unavailability => {
                start => {nanoseconds => $given{start} * 1_000_000_000},
                (defined $given{duration} ? (duration => {nanoseconds => $given{duration} * 1_000_000_000}) : ()),
            },
    });
    $offer = Mesos::InverseOffer->decode(scalar $offer->encode);
    $self->_deliver('inverseOffers', [$offer]);
    return $offer;
}

sub operation_update {
    my ($self, $status) = @_;
    $self->_must_run('operation_update');
    croak 'operation_update: expected a Mesos::OperationStatus or a hash reference, got ' . Mesos::Arguments::_describe($status)
        unless (reftype($status) || '') eq 'HASH';
    $status = Mesos::OperationStatus->decode(scalar Mesos::OperationStatus->encode($status));
    $self->_deliver('operationStatusUpdate', $status);
    return $status;
}

sub error {
    my ($self, $message) = @_;
    $self->_must_run('error');
    croak 'error: expected a text, got ' . Mesos::Arguments::_describe($message) if ref $message;
    $self->driver->_fail;
    $self->driver->running(0);
    $self->_deliver('error', defined $message ? $message : 'the test has failed the driver');
    return $self;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler::Events - the events of Mesos::Test::Scheduler

=head1 SYNOPSIS

    use Mesos::Scheduler;
    use Mesos::Test::Scheduler;

    my $t = Mesos::Test::Scheduler->new(scheduler => Mesos::Scheduler->new);
    $t->register->disconnect->reregister;

=head1 DESCRIPTION

A role of L<Mesos::Test::Scheduler>. Internal to this distribution. See L<Mesos::Test::Scheduler/EVENTS>: C<register>, C<reregister>,
C<disconnect>, C<offer>, C<offers>, C<rescind>, C<update>, C<message>, C<lose_agent>, C<lose_executor>, C<inverse_offer>,
C<operation_update>, C<error>.

=cut
