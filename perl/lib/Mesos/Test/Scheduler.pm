package Mesos::Test::Scheduler;
use 5.10.1;
use Carp qw(croak);
use Mesos::Messages ();
use Mesos::Test::Scheduler::Calls ();
use Mesos::Test::Scheduler::Driver ();
use Mesos::Test::Scheduler::Offers ();
use Mesos::Warnings ();
use Scalar::Util qw(reftype weaken);
use Test::Builder ();
use Moo;
use namespace::autoclean;

$Carp::Internal{ +__PACKAGE__ } = 1;

has scheduler => (is => 'ro', required => 1);
has driver    => (is => 'ro', init_arg => undef);
has validate  => (is => 'ro', default => 1);
has on_exception => (is => 'ro', default => 'die');

my @of_driver = qw(framework framework_id implicit_acknowledgements reconcile_on_registration unknown_fields);
has [@of_driver] => (is => 'bare');

my %is_terminal = map { (Mesos::TaskState->can("TASK_$_")->() => 1) } qw(FINISHED FAILED KILLED ERROR LOST DROPPED GONE GONE_BY_OPERATOR);

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments);
    my $mode = $self->on_exception;
    croak q(on_exception: expected 'die', 'warn' or a code reference) unless ref $mode ? ref $mode eq 'CODE' : ($mode // '') =~ /\A(?:die|warn)\z/;
    my %more = map { ($_ => delete $self->{$_}) } grep { exists $self->{$_} } @of_driver;
    $self->{driver} = Mesos::Test::Scheduler::Driver->new(scheduler => $self->scheduler, %more);
    $self->{_pending}  = [];     # calls that no expectation has met yet
    $self->{_problems} = [];     # what a master would object to
    $self->{_offers}   = {};     # id => {offer, gone => undef or why}
    $self->{_tasks}    = {};     # id => {info, slave_id, state}
    $self->{_launched} = [];     # ids, in order
    weaken(my $weak = $self);
    $self->driver->on_call(sub { $weak->_called(@_) });
}

# --- what the scheduler calls ----------------------------------------------------------------------------------------------------

sub _called {
    my ($self, $call) = @_;
    push @{ $self->{_pending} }, $call;
    my @ids = Mesos::Test::Scheduler::Calls::offer_ids($call);
    my @tasks = Mesos::Test::Scheduler::Calls::tasks($call);
    if ($self->validate) {
        push @{ $self->{_problems} }, map {"$call->{method}: $_"}
            Mesos::Test::Scheduler::Offers::problems($self->{_offers}, $self->{_tasks}, \@ids, \@tasks);
    }
    for my $id (@ids) {
        my $offer = $self->{_offers}{$id} or next;
        $offer->{gone} ||= "$call->{method} has used it";
    }
    for my $task (@tasks) {
        my $id = $task->{task_id}{value};
        push @{ $self->{_launched} }, $id;
        $self->{_tasks}{$id} = {info => $task, slave_id => $task->{slave_id}{value}, state => undef};
    }
    return;
}

sub calls { my ($self) = @_; return @{ $self->{_pending} } }

sub all_calls { my ($self) = @_; return @{ $self->driver->calls } }

sub forget_calls { my ($self) = @_; @{ $self->{_pending} } = (); return $self }

sub open_offers {
    my ($self) = @_;
    my $offers = $self->{_offers};
    return map { $_->{offer} } sort { $a->{number} <=> $b->{number} } grep { !$_->{gone} } values %$offers;
}

sub active_tasks {
    my ($self) = @_;
    return map { $self->{_tasks}{$_}{info} } grep { !$self->_is_over($_) } @{ $self->{_launched} };
}

sub _is_over { my ($self, $id) = @_; my $state = $self->{_tasks}{$id}{state}; return defined $state && $is_terminal{$state} }

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
            else           { warn "Mesos: the callback $event died: $error" }
        }
    }
    elsif (!$driver->_is_optional($event)) {
        Carp::carp("Event handler can't process event type $event");
    }
    $self->_report;
    return !$died;
}

# The problems that came up since, at the line of the test.
sub _report {
    my ($self) = @_;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + _depth();
    $test->ok(0, $_) for splice @{ $self->{_problems} };
    return;
}

# How many of our frames are between Test::Builder's caller and the test.
sub _depth {
    my $level = 1;
    $level++ while ((caller $level)[0] || 'main') =~ /\AMesos::Test::Scheduler(?:::|\z)/;
    return $level - 1;
}

sub _must_run {
    my ($self, $method) = @_;
    my $driver = $self->driver;
    return if $driver->_xs_is_running;
    my $status = Mesos::Status->name_of($driver->status);
    croak "$method: no event comes to a driver that was not started: call register first" if $status eq 'DRIVER_NOT_STARTED';
    croak "$method: the driver has ended ($status), so no event comes to it any more";
}

sub _named {
    my ($method, $arguments, @known) = @_;
    croak "$method: expected pairs of a name and a value" if @$arguments % 2;
    my %given = @$arguments;
    my %is_known = map { ($_ => 1) } @known;
    for my $name (sort grep { !$is_known{$_} } keys %given) {
        my $nearest = Mesos::Warnings::nearest($name, @known);
        croak "$method: unknown argument '$name'" . (defined $nearest ? ": did you mean '$nearest'?" : ' (known are: ' . join(', ', @known) . ')');
    }
    return %given;
}

sub _master {
    my (%given) = @_;
    return Mesos::MasterInfo->new({id => 'master-1', ip => 16_777_343, port => 5050, hostname => 'master.example', version => '1.11.0',
        %{ $given{master} || {} }});
}

sub register {
    my ($self, @arguments) = @_;
    my %given = _named('register', \@arguments, 'master');
    my $driver = $self->driver;
    $driver->start if $driver->status == Mesos::Status::DRIVER_NOT_STARTED();
    $self->_must_run('register');
    croak 'register: the framework is registered already: see reregister' if $driver->_is_registered;
    $driver->_is_registered(1);
    $self->_deliver('registered', Mesos::FrameworkID->new({value => $driver->framework_id}), _master(%given));
    return $self;
}

sub reregister {
    my ($self, @arguments) = @_;
    my %given = _named('reregister', \@arguments, 'master');
    $self->_must_run('reregister');
    $self->_void_offers;
    $self->_deliver('reregistered', _master(%given));
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
    $_->{gone} ||= 'the master was lost since' for values %{ $self->{_offers} };
    return;
}

sub offer {
    my ($self, %spec) = @_;
    $self->_must_run('offer');
    my ($offer) = $self->_offers('offer', \%spec);
    return $offer;
}

sub offers {
    my ($self, @specs) = @_;
    $self->_must_run('offers');
    croak 'offers: expected hash references, one for each offer' if grep { ref ne 'HASH' } @specs;
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
    my %given = _named('update', \@arguments, qw(
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
        state   => $number,
        source  => Mesos::TaskStatus::Source::SOURCE_EXECUTOR(),
        uuid    => $uuid,
        (defined $agent    ? (slave_id    => {value => $agent})    : ()),
        (defined $executor ? (executor_id => {value => $executor}) : ()),
        %given,
    });
    delete $status->{uuid} unless defined $status->{uuid};
    # As it comes from the wire, and checked on the way.
    $status = Mesos::TaskStatus->decode(scalar $status->encode);
    $self->{_last_status} = $status->copy;
    $task->{state} = $number;
    my $returned = $self->_deliver('statusUpdate', $status);
    $self->{_acknowledged}{ $status->{uuid} } = 1 if $returned && defined $status->{uuid} && $self->driver->implicit_acknowledgements;
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
        : @{ $self->{_launched} } ? 'All have ended: name one with task => $id' : 'The scheduler has launched none: name one with task => $id');
}

sub message {
    my ($self, $data, @arguments) = @_;
    my %given = (executor => 'executor-1', agent => 'agent-1', _named('message', \@arguments, qw(executor agent)));
    $self->_must_run('message');
    $self->_deliver('frameworkMessage', Mesos::ExecutorID->new({value => $given{executor}}), Mesos::SlaveID->new({value => $given{agent}}), $data);
    return $self;
}

sub lose_agent {
    my ($self, $agent) = @_;
    $self->_must_run('lose_agent');
    $agent = 'agent-1' unless defined $agent;
    for my $offer (grep { $_->{offer}{slave_id}{value} eq $agent } values %{ $self->{_offers} }) { $offer->{gone} ||= 'its agent was lost' }
    $self->_deliver('slaveLost', Mesos::SlaveID->new({value => $agent}));
    return $self;
}

sub lose_executor {
    my ($self, $executor, @arguments) = @_;
    my %given = (agent => 'agent-1', status => -1, _named('lose_executor', \@arguments, qw(agent status)));
    $self->_must_run('lose_executor');
    $executor = 'executor-1' unless defined $executor;
    $self->_deliver('executorLost', Mesos::ExecutorID->new({value => $executor}), Mesos::SlaveID->new({value => $given{agent}}), "$given{status}");
    return $self;
}

sub inverse_offer {
    my ($self, @arguments) = @_;
    my %given = (agent => 'agent-1', id => 'inverse-offer-' . ++$self->{_inverse_number}, start => 0,
        _named('inverse_offer', \@arguments, qw(agent id start duration)));
    $self->_must_run('inverse_offer');
    my $offer = Mesos::InverseOffer->new({
        id             => {value => $given{id}},
        framework_id   => {value => $self->driver->framework_id},
        slave_id       => {value => $given{agent}},
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
    croak 'operation_update: expected a Mesos::OperationStatus or a hash reference' 
        unless (reftype($status) || '') eq 'HASH';
    $status = Mesos::OperationStatus->decode(scalar Mesos::OperationStatus->encode($status));
    $self->_deliver('operationStatusUpdate', $status);
    return $status;
}

sub error {
    my ($self, $message) = @_;
    $self->_must_run('error');
    $self->driver->_fail;
    $self->driver->running(0);
    $self->_deliver('error', defined $message ? $message : 'the test has failed the driver');
    return $self;
}

# --- what is expected of it --------------------------------------------------------------------------------------------------------

# Meets the first pending call of a kind that is as wanted; its text is the name of the test.
sub _expect {
    my ($self, $kind, $what, $differs) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + _depth();
    my $pending = $self->{_pending};
    my (@reasons, $nearest);
    for my $index (grep { Mesos::Test::Scheduler::Calls::is_a($pending->[$_], $kind) } 0 .. $#$pending) {
        my $call = $pending->[$index];
        my $difference = $differs ? $differs->($call) : undef;
        if (!defined $difference) {
            splice @$pending, $index, 1;
            $test->ok(1, Mesos::Test::Scheduler::Calls::text($call));
            return $call;
        }
        $nearest = $index unless defined $nearest;
        push @reasons, Mesos::Test::Scheduler::Calls::text($call) . ":\n    $difference";
    }
    $test->ok(0, $what);
    my @others = map { Mesos::Test::Scheduler::Calls::text($_) } grep { !Mesos::Test::Scheduler::Calls::is_a($_, $kind) } @$pending;
    $test->diag("expected: $what");
    $test->diag("not as wanted: $_") for @reasons;
    $test->diag("seen instead: $_") for @others;
    $test->diag('the scheduler has called nothing' . (@{ $self->driver->calls } ? ' more' : '')) if !@reasons && !@others;
    # Nothing says it a second time.
    splice @$pending, $nearest, 1 if defined $nearest;
    return;
}

my %expectations = (
    launch            => [qw(count task tasks offer offers filters)],
    decline           => [qw(offer offers filters)],
    accept            => [qw(operations offer offers filters)],
    kill              => [qw(task policy)],
    revive            => [qw(roles)],
    suppress          => [qw(roles)],
    reconcile         => [qw(tasks)],
    request           => [qw(requests)],
    message           => [qw(data executor agent)],
    shutdown_executor => [qw(executor agent)],
    update_framework  => [qw(framework suppressed_roles)],
    stop              => [qw(failover)],
    abort             => [],
    accept_inverse    => [qw(offer offers filters)],
    decline_inverse   => [qw(offer offers filters)],
    reconcile_operations => [qw(operations)],
);

for my $kind (sort keys %expectations) {
    my @known = @{ $expectations{$kind} };
    no strict 'refs';
    *{"expect_$kind"} = sub {
        my ($self, @arguments) = @_;
        my %want = _named("expect_$kind", \@arguments, @known);
        # Several offers are declined by several calls.
        my @each = $kind eq 'decline' && $want{offers} ? map { ({%want, offers => undef, offer => $_}) } @{ $want{offers} } : \%want;
        my @calls;
        for my $one (@each) {
            my %one = map { ($_ => $one->{$_}) } grep { defined $one->{$_} } keys %$one;
            my $call = $self->_expect($kind, Mesos::Test::Scheduler::Calls::wanted_text($kind, %one),
                sub { Mesos::Test::Scheduler::Calls::differs($_[0], %one) });
            push @calls, $call if $call;
        }
        my @result = $kind eq 'launch' ? map { Mesos::Test::Scheduler::Calls::tasks($_) } @calls : @calls;
        return wantarray ? @result : $result[0];
    };
}

sub expect_acknowledge {
    my ($self, $status) = @_;
    $status = $self->{_last_status} || croak 'expect_acknowledge: there was no update' unless defined $status;
    my $uuid = $status->{uuid};
    croak 'expect_acknowledge: an update without a uuid is never acknowledged' unless defined $uuid;
    my $what = 'acknowledgement of ' . Mesos::Test::Scheduler::Calls::brief($status);
    if (!$self->driver->implicit_acknowledgements) {
        return $self->_expect('acknowledge', $what, sub { ($_[0]{status}{uuid} // '') eq $uuid ? undef : 'it is of another update' });
    }
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + _depth();
    return $test->ok($self->{_acknowledged}{$uuid}, $what) || !$test->diag('the callback has died, so the driver does not acknowledge it');
}

sub expect_nothing {
    my ($self) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + _depth();
    my @left = splice @{ $self->{_pending} };
    my $ok = $test->ok(!@left, 'the scheduler has called nothing more');
    $test->diag('seen instead: ' . Mesos::Test::Scheduler::Calls::text($_)) for @left;
    return $ok;
}

sub expect_no_open_offers {
    my ($self) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + _depth();
    my @open = $self->open_offers;
    my $ok = $test->ok(!@open, 'the scheduler has answered every offer');
    $test->diag("neither used nor declined: $_->{id}{value} of $_->{slave_id}{value}") for @open;
    return $ok;
}

sub play {
    my ($self, @steps) = @_;
    for my $index (0 .. $#steps) {
        my $step = $steps[$index];
        my ($method, @arguments) = ref $step eq 'ARRAY' ? @$step : $step;
        croak "play: step $index: expected the name of a method of this class" if !defined $method || ref $method || $method =~ /\A_/ || !$self->can($method);
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
