package Mesos::Test::Cluster;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use parent qw(Mesos::Cluster);
use Mesos::Warnings ();
use Mesos::Warnings::Methods qw(pairs_of watch_methods);
use Scalar::Util qw(blessed looks_like_number weaken);
use Test::Builder ();
use Time::HiRes ();

$Carp::Internal{+__PACKAGE__} = 1;

# Between two looks at the cluster.
my $LOOK = 0.02;

sub start {
    my ($class, @arguments) = @_;
    my %given = pairs_of('start', @arguments);
    my $timeout = delete $given{timeout};
    $class->_seconds('start: timeout', $timeout) if defined $timeout;
    my $self = $class->SUPER::start(%given);
    @$self{qw(timeout drivers)} = ($timeout || 30, []);
    return $self;
}

sub start_or_skip {
    my ($class, @given) = @_;
    my %given = pairs_of('start_or_skip', @given);
    my $why = $class->why_not($given{program});
    return $class->start(%given) unless defined $why;
    Test::Builder->new->plan(skip_all => $why);
    return;
}

sub stop {
    my ($self) = @_;
    delete $self->{drivers};
    return $self->SUPER::stop;
}

# --- drivers in the test -----------------------------------------------------------------------------------------------------------

sub driver {
    my ($self, @given) = @_;
    my %given = pairs_of('driver', @given);
    my $driver = $self->SUPER::driver(
        on_exception => 'die',
        dispatcher => 'Interrupt',
        %given,
        ($given{dispatcher} || eval { require Async::Interrupt; 1 } ? () : (dispatcher => 'AnyEvent')),
    );
    $self->drive($driver);
    $driver->start;
    return $driver;
}

# Weakly: the test owns its drivers.
sub drive {
    my ($self, $driver) = @_;
    croak 'drive: expected a driver, or a code reference' unless ref $driver eq 'CODE' || blessed $driver && $driver->can('dispatcher');
    push @{$self->{drivers}}, $driver;
    weaken $self->{drivers}[-1] unless ref $driver eq 'CODE';
    return $self;
}

# Lets the test's own drivers handle what has come, for a moment.
sub _turn {
    my ($self) = @_;
    @{$self->{drivers}} = grep {defined} @{$self->{drivers}};
    for my $index (0 .. $#{$self->{drivers}}) { weaken $self->{drivers}[$index] unless ref $self->{drivers}[$index] eq 'CODE' }
    my @drivers = grep { ref eq 'CODE' || $_->running } @{$self->{drivers}};
    return Time::HiRes::sleep($LOOK) unless @drivers;
    for my $driver (@drivers) {
        if (ref $driver eq 'CODE') { $driver->() }
        else { $driver->dispatcher->wait($LOOK / @drivers) }
    }
    return;
}

sub run {
    my ($self, $seconds) = @_;
    my $end = Time::HiRes::time() + (defined $seconds ? $self->_seconds('run', $seconds) : 0);
    do { $self->_turn } while Time::HiRes::time() < $end;
    return $self;
}

# --- waiting: each is a test -------------------------------------------------------------------------------------------------------

sub _wait {
    my ($self, $method, $what, $code, @given) = @_;
    my %given = pairs_of($method, @given);
    my $timeout = delete $given{timeout};
    $timeout = $self->_seconds("$method: timeout", defined $timeout ? $timeout : $self->{timeout});
    Mesos::Warnings::refuse_unknown("$method: unknown argument", \%given, 'timeout');
    my $end = Time::HiRes::time() + $timeout;
    my ($answer, $late);
    until ($answer = $code->()) {
        last if $late;
        # Once more after the end: the last look may be old.
        $late = Time::HiRes::time() >= $end;
        $self->_turn;
    }
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $answer if $test->ok($answer, $what);
    $test->diag("not within $timeout seconds. Seen instead:");
    $test->diag($self->{state}->text);
    return;
}

sub wait_for {
    my ($self, $what, $code, @given) = @_;
    croak 'wait_for: expected a text and a code reference' if !defined $what || ref $what || ref $code ne 'CODE';
    return $self->_wait('wait_for', $what, $code, @given);
}

sub wait_for_task {
    my ($self, $id, $state, @given) = @_;
    croak 'wait_for_task: expected the id of a task, and a state such as TASK_RUNNING' if !defined $id || ref $id || !defined $state;
    my %states = map { ($_ => 1) } Mesos::Cluster::State::names('wait_for_task', ref $state eq 'ARRAY' ? @$state : $state);
    return $self->_wait('wait_for_task', "$id is " . join(' or ', sort keys %states), sub { my $task = $self->task($id); $task && $states{$task->{state}} && $task }, @given);
}

sub wait_for_tasks {
    my ($self, $count, $state, @given) = @_;
    croak 'wait_for_tasks: expected a number, and a state such as TASK_RUNNING' if !looks_like_number($count) || !defined $state;
    ($state) = Mesos::Cluster::State::names('wait_for_tasks', $state);
    return $self->_wait('wait_for_tasks', "$count tasks are $state", sub { my @are = grep { $_->{state} eq $state } $self->tasks; @are == $count && (\@are || 1) }, @given);
}

sub wait_for_agents {
    my ($self, $count, @given) = @_;
    croak 'wait_for_agents: expected a number' unless looks_like_number($count);
    return $self->_wait('wait_for_agents', "$count agents are active", sub { my @are = grep { $_->{active} } @{$self->{state}->agents}; @are == $count && \@are }, @given);
}

sub wait_for_framework {
    my ($self, $name, @given) = @_;
    croak 'wait_for_framework: expected the name or the id of a framework' if !defined $name || ref $name;
    return $self->_wait('wait_for_framework', "the framework '$name' is connected",
        sub { my ($is) = grep { ($_->{name} eq $name || $_->{id} eq $name) && $_->{connected} && !$_->{is_completed} } $self->frameworks; $is }, @given);
}

sub wait_for_leader {
    my ($self, @given) = @_;
    return $self->_wait('wait_for_leader', 'a master leads', sub { $self->leader }, @given);
}

sub expect_nothing_left {
    my ($self) = @_;
    # A driver that was stopped has sent that it goes, and the master may not have read it yet.
    my $end = time + 5;
    my @left;
    Time::HiRes::sleep(0.02) while (@left = $self->left) && time < $end;
    my $test = Test::Builder->new;
    my $ok = $test->ok(!@left, 'nothing is left over');
    for my $framework (@left) {
        $test->diag("left over: the framework '$framework->{name}' ($framework->{id})" . ($framework->{connected} ? ', connected' : ''));
        $test->diag("  its task $_->{id} is $_->{state}") for @{$framework->{tasks}};
    }
    return $ok;
}

watch_methods(
    __PACKAGE__, 'start', (map { ($_ => 0) } qw(stop expect_nothing_left)), (map { ($_ => 1) } qw(drive run)),
    (map { ($_ => undef) } qw(driver wait_for wait_for_task wait_for_tasks wait_for_agents wait_for_framework wait_for_leader)),
);

1;
__END__

=head1 NAME

Mesos::Test::Cluster - a Mesos for the time of a test, with faults on demand

=head1 SYNOPSIS

    use Test::More;
    use Mesos::Test::Cluster;

    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 3, resources => 'cpus:4;mem:2048');
    $cluster->wait_for_agents(3);

    my $driver = $cluster->driver(scheduler => My::Scheduler->new, framework => {user => '', name => 'mine'});
    $cluster->wait_for_framework('mine');

    $cluster->fail_over_master;
    $cluster->wait_for_framework('mine');

    $driver->stop;
    $cluster->expect_nothing_left;
    done_testing;

=head1 DESCRIPTION

A L<Mesos::Cluster>: a master and any number of agents, which run real processes on this machine, ready in a moment. That class has the
methods that say where it is (C<master>, C<url>), that look at it (C<task>, C<tasks>, C<agents>, C<read_file>, C<left>, C<client>), and
that cause faults (C<crash_agent>, C<fail_over_master>, C<lose_updates>, C<advance_clock>, C<reset> and more). What is here makes tests of
that.

What needs a moment is waited for, not slept for: C<wait_for_task> and its like return as soon as it is so. Each of them is one test (C<ok>
or C<not ok>), and if time runs out, the diagnostics say how the cluster is instead:

    not ok 4 - web-1 is TASK_RUNNING
    # not within 30 seconds. Seen instead:
    #   the agent 5b1ce9a2-...-S0 is active
    #   the framework 'web' (5b1ce9a2-...-0000) is connected
    #     its task web-1 is TASK_FAILED, on the agent 5b1ce9a2-...-S0

F<docs/testing.md> is a tutorial. L<Mesos::Test::Scheduler> tests a scheduler without any cluster.

=head1 STARTING AND ENDING

=head2 start

    my $cluster = Mesos::Test::Cluster->start(agents => 3, resources => 'cpus:4;mem:2048', attributes => {rack => 'r1'});

Takes what L<Mesos::Cluster/start> takes, and C<timeout>: how many seconds the methods below wait at most. Default: 30. A test that passes
does not wait so long.

=head2 start_or_skip

    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 3);

Does the same, but if the cluster cannot run here, it skips the whole test file, or the subtest in which it is called, and says why.

=head2 why_not

    my $why = Mesos::Test::Cluster->why_not;
    plan skip_all => $why if defined $why;

Returns why a cluster cannot run here, or undef: the program is missing, or this is not Linux.

=head2 stop

    $cluster->stop;

Ends it, with all tasks. Happens by itself when the object goes. In a forked child it does nothing.

=head1 DRIVERS IN THE TEST

While your test waits, the callbacks of its own drivers must go on. So the methods that wait run the event loops of the drivers that the
cluster knows. A framework in another process needs nothing of this.

=head2 driver

    my $driver = $cluster->driver(scheduler => MyScheduler->new, framework => {user => '', name => 'mine'});

Makes a L<Mesos::SchedulerDriver> for this cluster, and starts it. C<framework> has a default, C<on_exception> is C<'die'>, and
C<dispatcher> is C<'Interrupt'> if Async::Interrupt is installed. Keep the driver in a variable: the cluster does not.

=head2 drive

    $cluster->drive($driver);
    $cluster->drive(sub { $loop->loop_once(0.01) });

Tells the cluster of a driver that you have made and started, or of code to be run again and again while it waits.

=head2 run

    $cluster->run(0.1);

Lets these drivers run for this long. For what must I<not> happen. For all else, use the methods that wait.

=head1 WAITING

All of these are tests. They take C<< timeout => $seconds >> as further arguments.

=head2 wait_for_task

    my $task = $cluster->wait_for_task('web-1', 'TASK_RUNNING');
    my $task = $cluster->wait_for_task('web-1', ['TASK_LOST', 'TASK_FAILED'], timeout => 5);

Waits until the task is in this state, or in one of these, as the master sees it. Returns the task as C<task> does, or undef.

=head2 wait_for_tasks

    $cluster->wait_for_tasks(3, 'TASK_RUNNING');

Waits until exactly so many tasks are in this state. Returns them, an array reference, or 1 if there are to be none.

=head2 wait_for_agents

    $cluster->wait_for_agents(2);

Waits until exactly so many agents are registered and active. Returns them, as the master describes them.

=head2 wait_for_framework

    my $framework = $cluster->wait_for_framework('mine');

Waits until the framework with this name or id is connected. Returns it.

=head2 wait_for_leader

    $cluster->stop_master('leader')->wait_for_leader;

Waits until one of several masters leads. Returns its address.

=head2 wait_for

    $cluster->wait_for('three offers were seen', sub { $scheduler->offers >= 3 });

Waits until your code returns true, and returns what it returned.

=head2 expect_nothing_left

    $cluster->expect_nothing_left;

Expects that all frameworks have ended: see C<left>. It gives those five seconds that are about to end.

=cut
