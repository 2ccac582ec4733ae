package Mesos::Test::Cluster;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use parent 'Mesos::Test::Cluster::Faults';
use Mesos::Test::Cluster::Program ();
use Mesos::Test::Cluster::State ();
use Mesos::Warnings ();
use Scalar::Util qw(blessed looks_like_number reftype weaken);
use Test::Builder ();
use Time::HiRes ();

$Carp::Internal{+__PACKAGE__} = 1;

# Between two looks at the cluster.
my $LOOK = 0.02;

my @own = qw(program timeout);

sub start {
    my ($class, @arguments) = @_;
    croak 'start: expected pairs of a name and a value' if @arguments % 2;
    my %given = @arguments;
    my %own = map { ($_ => delete $given{$_}) } @own;
    croak 'start: timeout: expected a number of seconds' if defined $own{timeout} && !looks_like_number($own{timeout});
    my $self = bless {timeout => $own{timeout} || 30, drivers => []}, $class;
    $self->{program} = Mesos::Test::Cluster::Program->start($own{program}, %given);
    $self->{state} = Mesos::Test::Cluster::State->new($self->{program});
    return $self;
}

sub why_not { return Mesos::Test::Cluster::Program::why_not($_[1]) }

sub start_or_skip {
    my ($class, %given) = @_;
    my $why = $class->why_not($given{program});
    return $class->start(%given) unless defined $why;
    Test::Builder->new->plan(skip_all => $why);
    return;
}

sub stop {
    my ($self) = @_;
    delete $self->{drivers};
    return $self->{program}->stop;
}

# --- where it is -------------------------------------------------------------------------------------------------------------------

for my $name (qw(address host port url pid work_dir version jitter)) {
    no strict 'refs';
    *$name = sub { $_[0]{program}->ready->{$name} };
}

sub master { $_[0]->address }

sub log { $_[0]{program}->said }    ## no critic (ProhibitBuiltinHomonyms): what it has written

sub driver {
    my ($self, %given) = @_;
    require Mesos::SchedulerDriver;
    my $driver = Mesos::SchedulerDriver->new(
        master => $self->master,
        framework => {user => '', name => 'test'},
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
    my $end = Time::HiRes::time() + ($seconds || 0);
    do { $self->_turn } while Time::HiRes::time() < $end;
    return $self;
}

# --- faults ------------------------------------------------------------------------------------------------------------------------

for my $action (qw(stop crash start cut heal)) {
    no strict 'refs';
    my $method = "${action}_agent";
    *$method = sub {
        my ($self, $agent) = @_;
        return $self->{program}->control('agents/' . $self->_agent($method, $agent) . "/$action");
    };
}

sub collect_sandboxes { my ($self, $agent) = @_; $self->{program}->control('agents/' . $self->_agent('collect_sandboxes', $agent) . '/collect'); return $self }

sub mark_agent_gone { my ($self, $agent) = @_; return $self->{program}->control('agents/' . $self->_agent('mark_agent_gone', $agent) . '/gone') }

sub delay_agent {
    my ($self, $agent, $seconds) = @_;
    return $self->{program}->control('agents/' . $self->_agent('delay_agent', $agent) . '/delay', {seconds => _seconds('delay_agent', $seconds)});
}

sub _agent {
    my ($self, $method, $agent) = @_;
    $agent = $agent->{number} // $agent->{id} if (reftype($agent) || '') eq 'HASH';
    croak "$method: expected the number of an agent (from 0), or its id" unless defined $agent && !ref $agent && $agent =~ /\A[\w.-]+\z/;
    return $agent;
}

sub _seconds {
    my ($method, $seconds) = @_;
    croak "$method: expected a number of seconds, got " . (defined $seconds ? qq("$seconds") : 'undef') unless looks_like_number($seconds) && $seconds >= 0;
    return 0 + $seconds;
}

sub add_agent { my ($self) = @_; return $self->{program}->control('agents') }

sub agents { my ($self) = @_; return @{$self->{program}->look('agents')} }

sub fail_over_master { my ($self) = @_; $self->{program}->control('master/failover'); return $self }

sub pause_clock { my ($self) = @_; $self->{program}->control('clock/pause'); return $self }
sub resume_clock { my ($self) = @_; $self->{program}->control('clock/resume'); return $self }

sub advance_clock {
    my ($self, $seconds) = @_;
    $self->{program}->control('clock/advance', {seconds => _seconds('advance_clock', $seconds)});
    return $self;
}

sub kill_task {
    my ($self, $id) = @_;
    my $task = $self->task($id) or croak "kill_task: there is no task '$id'";
    $self->{program}->control('tasks/kill', {framework_id => $task->{framework_id}, task_id => $task->{id}});
    return $self;
}

sub left { my ($self) = @_; return @{$self->{program}->look('left')->{frameworks}} }

sub reset {    ## no critic (ProhibitBuiltinHomonyms): the word for it
    my ($self) = @_;
    my $report = $self->{program}->control('reset');
    croak 'reset: the cluster did not come to rest: ' . $self->{state}->text unless $report->{settled};
    return @{$report->{frameworks} || []};
}

# --- looking at it -----------------------------------------------------------------------------------------------------------------

sub client {
    my ($self, %given) = @_;
    require Mesos::Client;
    return Mesos::Client->new(master => $self->master, %given);
}

sub state { my ($self) = @_; return $self->{state}->get }
sub frameworks { my ($self) = @_; return @{$self->{state}->frameworks} }
sub tasks { my ($self) = @_; return @{$self->{state}->tasks} }

sub task {
    my ($self, $id) = @_;
    croak 'task: expected the id of a task' if !defined $id || ref $id;
    my @found = grep { $_->{id} eq $id } $self->tasks;
    return $found[-1];
}

sub sandbox {
    my ($self, $id) = @_;
    my $task = ref $id ? $id : $self->task($id);
    croak "sandbox: there is no task '$id'" unless $task;
    my $executor = length($task->{executor_id} || '') ? $task->{executor_id} : $task->{id};
    return join '/', $self->work_dir, 'slaves', $task->{slave_id}, 'frameworks', $task->{framework_id}, 'executors', $executor, 'runs', 'latest';
}

sub read_file {
    my ($self, $id, $name) = @_;
    my $path = $self->sandbox($id) . "/$name";
    open my $in, '<:raw', $path or croak "read_file: cannot read $path: $!";
    local $/;
    my $content = <$in>;
    close $in or croak "read_file: cannot read $path: $!";
    return defined $content ? $content : '';
}

# --- waiting: each is a test -------------------------------------------------------------------------------------------------------

sub _wait {
    my ($self, $what, $code, %given) = @_;
    my $timeout = delete $given{timeout};
    $timeout = $self->{timeout} unless defined $timeout;
    Mesos::Warnings::refuse_unknown('unknown argument', \%given, 'timeout');
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
    my ($self, $what, $code, %given) = @_;
    croak 'wait_for: expected a text and a code reference' if !defined $what || ref $what || ref $code ne 'CODE';
    return $self->_wait($what, $code, %given);
}

sub wait_for_task {
    my ($self, $id, $state, %given) = @_;
    croak 'wait_for_task: expected the id of a task, and a state such as TASK_RUNNING' if !defined $id || ref $id || !defined $state;
    my %states = map { ($_ => 1) } map { /\ATASK_/ ? $_ : "TASK_$_" } ref $state eq 'ARRAY' ? @$state : $state;
    return $self->_wait("$id is " . join(' or ', sort keys %states), sub { my $task = $self->task($id); $task && $states{$task->{state}} && $task }, %given);
}

sub wait_for_tasks {
    my ($self, $count, $state, %given) = @_;
    croak 'wait_for_tasks: expected a number, and a state such as TASK_RUNNING' if !looks_like_number($count) || !defined $state;
    $state = "TASK_$state" unless $state =~ /\ATASK_/;
    return $self->_wait("$count tasks are $state", sub { my @are = grep { $_->{state} eq $state } $self->tasks; @are == $count && (\@are || 1) }, %given);
}

sub wait_for_agents {
    my ($self, $count, %given) = @_;
    croak 'wait_for_agents: expected a number' unless looks_like_number($count);
    return $self->_wait("$count agents are active", sub { my @are = grep { $_->{active} } @{$self->{state}->agents}; @are == $count && \@are }, %given);
}

sub wait_for_framework {
    my ($self, $name, %given) = @_;
    croak 'wait_for_framework: expected the name or the id of a framework' if !defined $name || ref $name;
    return $self->_wait("the framework '$name' is connected",
        sub { my ($is) = grep { ($_->{name} eq $name || $_->{id} eq $name) && $_->{connected} && !$_->{is_completed} } $self->frameworks; $is }, %given);
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

1;
__END__

=head1 NAME

Mesos::Test::Cluster - a Mesos for the time of a test, with faults on demand

=head1 SYNOPSIS

    use Test::More;
    use Mesos::Scheduler;
    use Mesos::Test::Cluster;

    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 3, resources => 'cpus:4;mem:2048');
    $cluster->wait_for_agents(3);

    my $driver = $cluster->driver(scheduler => Mesos::Scheduler->new, framework => {user => '', name => 'mine'});
    $cluster->wait_for_framework('mine');

    $cluster->fail_over_master;
    $cluster->wait_for_framework('mine');

    $driver->stop;
    $cluster->expect_nothing_left;
    done_testing;

=head1 DESCRIPTION

Starts the program C<mesos-local> (F<docs/mesos-local.md>): a master and any number of agents, which run real processes on this machine. It
is ready in a moment, and ends with the object, or with the process that made it, even if that is killed. Tasks and their processes end with
it.

It has an address, as a Mesos has. Any number of drivers, processes and clients of other languages may use it at a time, and it outlives
each of them. This is the difference to C<< master => 'local' >>, which is for one driver.

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

Returns when the cluster answers. Dies with the program's own words if it cannot be started. The arguments are the flags of C<mesos-local>,
and optional: C<agents> (default: 1), C<resources> of each agent, C<attributes> (a string, or a hash reference), C<hostname>, C<port>
(default: any that is free), C<work_dir>, C<min_allocatable_resources>, C<allocation_interval>, C<offer_timeout>, C<agent_ping_timeout>, C<max_agent_ping_timeouts>,
C<agent_reregister_timeout>, C<executor_registration_timeout>, C<executor_reregistration_timeout>, C<gc_delay>, C<gc_disk_headroom>, C<disk_watch_interval>, C<executor_environment_variables>,
C<logging_level>, C<config> and C<jitter> (C<true>, or the seed of a run that is to be repeated). Two more are for this class:

=over

=item timeout

How many seconds the methods below wait at most. Default: 30. A test that passes does not wait so long.

=item program

The path of C<mesos-local>. Default: the value of the environment variable C<MESOS_LOCAL>, else the program that was built or installed with
this module, else the one in C<PATH>.

=back

Variables of the environment whose names begin with C<MESOS_> or C<LIBPROCESS_> are not passed on to it.

=head2 start_or_skip

    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 3);

Does the same, but if the cluster cannot run here, it skips the whole test file, or the subtest in which it is called, and says why.

=head2 why_not

    plan skip_all => $why if defined(my $why = Mesos::Test::Cluster->why_not);

Returns why a cluster cannot run here, or undef: the program is missing, or this is not Linux.

=head2 stop

    $cluster->stop;

Ends it, with all tasks. Happens by itself when the object goes. In a forked child it does nothing.

=head1 WHERE IT IS

=head2 master, address, url, host, port

    my $driver = Mesos::SchedulerDriver->new(master => $cluster->master, ...);
    system 'some-client', '--master', $cluster->url;

C<master> and C<address> return C<host:port>, C<url> the same with C<http://>. It listens on 127.0.0.1 only, and is open to whoever can
connect: all users of the machine.

=head2 pid, work_dir, version, log

Return the program's process id, the directory with the sandboxes, its version, and what it has written to its standard error.

=head2 jitter

Returns the seed of its jitter (F<docs/local-cluster.md>), or C<undef> without one. Print it when a test fails: a cluster that is started with
C<< jitter => $seed >> delays the same updates and offers for the same time.

=head2 client

    my $client = $cluster->client;

Returns a L<Mesos::Client> for it. Your arguments are passed on.

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

=head2 wait_for

    $cluster->wait_for('three offers were seen', sub { $scheduler->offers >= 3 });

Waits until your code returns true, and returns what it returned.

=head2 expect_nothing_left

    $cluster->expect_nothing_left;

Expects that all frameworks have ended: see C<left>. It gives those five seconds that are about to end.

=head1 LOOKING

=head2 state

Returns the master's F</state>: a hash reference, with Mesos' names.

=head2 frameworks, tasks, task

    my $task = $cluster->task('web-1');
    print "$_->{id} $_->{state}\n" for $cluster->tasks;

Return what is in it, completed frameworks and tasks included: a list of hash references, and the last task of an id (or undef). A task has
C<id>, C<name>, C<state> (the name), C<slave_id>, C<framework_id>, C<executor_id>, C<resources>, C<statuses>, C<labels> and so on.

=head2 agents

    print "$_->{number} $_->{id} $_->{state}\n" for $cluster->agents;

Returns the agents, those that do not run included: a list of hash references with C<number>, C<id>, C<hostname>, C<state> and C<cut>.

=head2 sandbox, read_file

    my $output = $cluster->read_file('web-1', 'stdout');

Return the directory of a task, and the content of a file in it, a byte string. Take a task's id, or a task.

=head2 left, reset

    my @left = $cluster->reset;

C<left> returns the frameworks that have not ended: a list of hash references with C<id>, C<name>, C<connected>, and C<tasks>, an array
reference of C<< {id => ..., state => ...} >>. C<reset> returns the same, and then makes the cluster what it was at first: it ends all
frameworks with their tasks, starts and heals the agents, stops those that were added, and lets the clock go on. So one cluster can serve
many tests. Stop your drivers before, or they will register again.

=head1 FAULTS

An agent is named by its number (from 0), its id, or an element of C<agents>.

=head2 stop_agent, crash_agent, start_agent

    $cluster->crash_agent(1);
    $cluster->start_agent(1);

C<stop_agent> ends an agent in order, with its tasks: the master removes it at once. C<crash_agent> kills it, and leaves its executors
alone. C<start_agent> starts it again. After a crash it goes on from what it had written down. Return the agent, as C<agents> has it.

=head2 cut_agent, heal_agent, delay_agent

    $cluster->cut_agent(0)   and $cluster->advance_clock(80);    # the master believes that it is lost
    $cluster->heal_agent(0);
    $cluster->delay_agent(0, 0.5);

C<cut_agent> lets nothing pass between the agent and the master, and C<heal_agent> ends that. With C<delay_agent>, what passes takes this
many seconds.

=head2 collect_sandboxes

    $cluster->collect_sandboxes(0);

Has the agent remove the sandboxes of all executors that have ended, as if C<gc_delay> were over.

=head2 mark_agent_gone

    $cluster->mark_agent_gone(0);

Tells the master that the agent will never come back, as an operator would.

=head2 add_agent

    my $agent = $cluster->add_agent;

Starts one more agent, and returns it.

=head2 kill_task

    $cluster->kill_task('web-1');

Kills a task without its framework having asked for it.

=head2 lose_updates, duplicate_updates

    $cluster->lose_updates(2)->advance_clock(10);
    $cluster->duplicate_updates(1, 'web-1');

The next updates that agents send to the master do not arrive, or arrive twice. By default it is one. With the id of a task it is those of
that task. An agent repeats a lost update after 10 seconds of the cluster's clock.

=head2 refuse_call

    $cluster->refuse_call('ACCEPT', status => 503, message => 'Later', times => 2);
    $cluster->refuse_call('UPDATE', api => 'executor');

The next call of this type is not carried out, and answered with this status, by default 503. C<api> is C<scheduler> by default, C<executor>
or C<operator>.

=head2 fail_launch

    $cluster->fail_launch(reason => 'REASON_CONTAINER_LIMITATION_MEMORY', message => 'Memory limit exceeded', times => 3);

The next command or executor is not started: its tasks are TASK_FAILED with this reason, by default REASON_CONTAINER_LAUNCH_FAILED.

=head2 mute_framework, unmute_framework, disconnect_framework

    $cluster->mute_framework('mine');
    $cluster->unmute_framework('mine');

The master's events for a framework, which is named by its id or its name, are held back, heartbeats too. They arrive after
C<unmute_framework>. C<disconnect_framework> breaks the connection: drivers make a new one. Of all faults that still wait, C<reset> makes
an end.

=head2 fail_over_master

    $cluster->fail_over_master;

Another master takes over, at the same address. It knows the agents that were registered, and nothing else. Drivers get C<disconnected> and
C<reregistered>.

=head2 pause_clock, advance_clock, resume_clock

    $cluster->pause_clock->advance_clock(24 * 3600);

The cluster's clock: it stands, or is moved on by this many seconds, and every timer on the way fires in its turn. So a day takes
milliseconds. The processes of tasks have the time of the machine.

=cut
