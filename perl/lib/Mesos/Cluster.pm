package Mesos::Cluster;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak croak_as);
use Mesos::Cluster::Program ();
use Mesos::Arguments ();
use Mesos::Cluster::State ();
use Mesos::Warnings::Methods qw(pairs_of watch_methods);
use parent qw(Mesos::Cluster::Faults Mesos::Cluster::Masters);
use Scalar::Util qw(reftype);

$Carp::Internal{+__PACKAGE__} = 1;

sub start {
    my ($class, @arguments) = @_;
    my %given = pairs_of('start', @arguments);
    my $self = bless {}, $class;
    $self->{program} = Mesos::Cluster::Program->start(delete $given{program}, %given);
    $self->{state} = Mesos::Cluster::State->new($self->{program});
    return $self;
}

sub why_not { return Mesos::Cluster::Program::why_not($_[1]) }

sub stop { my ($self) = @_; return $self->{program}->stop }

# --- where it is -------------------------------------------------------------------------------------------------------------------

for my $name (qw(address host port url pid work_dir version jitter)) {
    no strict 'refs';
    *$name = sub { $_[0]{program}->ready->{$name} };
}

# All of them, as drivers take it.
sub master { my $ready = $_[0]{program}->ready; return $ready->{master} // $ready->{address} }

sub log { $_[0]{program}->said }    ## no critic (ProhibitBuiltinHomonyms): what it has written

sub credential { $_[0]{program}->credential }

# What drivers and clients need to speak to it.
sub _way { my ($self) = @_; my $credential = $self->credential; return (master => $self->master, $credential ? (credential => $credential) : ()) }

sub driver {
    my ($self, @given) = @_;
    require Mesos::SchedulerDriver;
    return Mesos::SchedulerDriver->new($self->_way, framework => {user => '', name => 'test'}, pairs_of('driver', @given));
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
    return $self->{program}->control('agents/' . $self->_agent('delay_agent', $agent) . '/delay', {seconds => $self->_seconds('delay_agent', $seconds)});
}

sub _agent {
    my ($self, $method, $agent) = @_;
    $agent = $agent->{number} // $agent->{id} if (reftype($agent) || '') eq 'HASH';
    croak "$method: expected the number of an agent (from 0), or its id" unless defined $agent && !ref $agent && $agent =~ /\A[\w.-]+\z/;
    return $agent;
}

sub add_agent { my ($self) = @_; return $self->{program}->control('agents') }

sub agents { my ($self) = @_; return @{$self->{program}->look('agents')} }

sub pause_clock { my ($self) = @_; $self->{program}->control('clock/pause'); return $self }
sub resume_clock { my ($self) = @_; $self->{program}->control('clock/resume'); return $self }

sub advance_clock {
    my ($self, $seconds) = @_;
    $self->{program}->control('clock/advance', {seconds => $self->_seconds('advance_clock', $seconds)});
    return $self;
}

sub kill_task {
    my ($self, $id) = @_;
    my $task = $self->_task('kill_task', $id) or croak "kill_task: there is no task '$id'";
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
    my ($self, @given) = @_;
    require Mesos::Client;
    return Mesos::Client->new($self->_way, pairs_of('client', @given));
}

sub state { my ($self) = @_; return $self->{state}->get }
sub frameworks { my ($self) = @_; return @{$self->{state}->frameworks} }
sub tasks { my ($self) = @_; return @{$self->{state}->tasks} }

sub task {
    my ($self, $id) = @_;
    return $self->_task('task', $id);
}

sub _task {
    my ($self, $method, $id) = @_;
    croak "$method: expected the id of a task, got " . Mesos::Arguments::_describe($id) if !defined $id || ref $id;
    my @found = grep { $_->{id} eq $id } $self->tasks;
    return $found[-1];
}

sub sandbox {
    my ($self, $id) = @_;
    return $self->_sandbox('sandbox', $id);
}

sub _sandbox {
    my ($self, $method, $id) = @_;
    croak "$method: expected the id of a task, or a task as the method task returns it, got " . Mesos::Arguments::_describe($id)
        if ref $id && (reftype($id) ne 'HASH' || grep { !defined $id->{$_} } qw(id slave_id framework_id));
    my $task = ref $id ? $id : $self->_task($method, $id);
    croak "$method: there is no task '$id'" unless $task;
    my $executor = length($task->{executor_id} || '') ? $task->{executor_id} : $task->{id};
    return join '/', $self->work_dir, 'slaves', $task->{slave_id}, 'frameworks', $task->{framework_id}, 'executors', $executor, 'runs', 'latest';
}

sub read_file {
    my ($self, $id, $name) = @_;
    croak 'read_file: expected the name of a file, such as stdout, got ' . Mesos::Arguments::_describe($name) if !defined $name || ref $name || !length $name;
    my $path = $self->_sandbox('read_file', $id) . "/$name";
    open my $in, '<:raw', $path or croak_as system => "read_file: cannot read $path: $!";
    local $/;
    my $content = <$in>;
    close $in or croak_as system => "read_file: cannot read $path: $!";
    return defined $content ? $content : '';
}

watch_methods(
    __PACKAGE__, 'start',
    (map { ($_ => 0) } qw(stop address host port url pid work_dir version jitter master log credential add_agent agents pause_clock resume_clock left reset state
            frameworks tasks masters leader fail_over_master)),
    (map { ($_ => 1) } qw(stop_agent crash_agent start_agent cut_agent heal_agent mark_agent_gone collect_sandboxes advance_clock kill_task task sandbox
            mute_framework unmute_framework disconnect_framework stop_master start_master)),
    (map { ($_ => 2) } qw(delay_agent read_file lose_updates duplicate_updates)),
    (map { ($_ => undef) } qw(driver client refuse_call delay_call fail_launch)),
);

1;
__END__

=head1 NAME

Mesos::Cluster - a small Mesos of your own, which any number of programs can use

=head1 SYNOPSIS

    use Mesos::Cluster;

    my $cluster = Mesos::Cluster->start(agents => 2, resources => 'cpus:4;mem:2048');
    print "a Mesos listens at ", $cluster->master, "\n";
    print "$_->{id} $_->{state}\n" for $cluster->tasks;
    $cluster->stop;

=head1 DESCRIPTION

Starts the program C<mesos-local> (F<docs/mesos-local.md>): a master and any number of agents, which run real processes on this machine. It
is ready in a moment, and ends with the object, or with the process that made it, even if that is killed. Tasks and their processes end with
it.

It has an address, as a Mesos has. Any number of drivers, processes and clients of other languages may use it at a time, and it outlives
each of them. This is the difference to C<< master => 'local' >>, which is for one driver. L<Mesos::Test::Cluster> is the same for tests.

=head1 STARTING AND ENDING

=head2 start

    my $cluster = Mesos::Cluster->start(agents => 3, resources => 'cpus:4;mem:2048', attributes => {rack => 'r1'});

Returns when the cluster answers. Dies with the program's own words if it cannot be started. The arguments are the flags of C<mesos-local>,
and optional: C<masters> and C<agents> (default: 1), C<resources> of each agent, C<attributes> (a string, or a hash reference), C<hostname>, C<port>
(default: any that is free), C<work_dir>, C<min_allocatable_resources>, C<allocation_interval>, C<offer_timeout>, C<election_delay>, C<agent_ping_timeout>, C<max_agent_ping_timeouts>,
C<agent_reregister_timeout>, C<executor_registration_timeout>, C<executor_reregistration_timeout>, C<gc_delay>, C<gc_disk_headroom>, C<disk_watch_interval>, C<executor_environment_variables>,
C<logging_level>, C<config> and C<jitter> (C<true>, or the seed of a run that is to be repeated). Two more are for this class:

=over

=item program

The path of C<mesos-local>. Default: the value of the environment variable C<MESOS_LOCAL>, else the program that was built or installed with
this module, else the one in C<PATH>.

=item credential

A hash reference, C<< {principal => 'me', secret => 'secret'} >>. Then the cluster serves only who has it (HTTP Basic). Default: it is open.

=back

Variables of the environment whose names begin with C<MESOS_> or C<LIBPROCESS_> are not passed on to it.

=head2 why_not

    my $why = Mesos::Cluster->why_not;
    die "$why\n" if defined $why;

Returns why a cluster cannot run here, or undef: the program is missing, or this is not Linux.

=head2 stop

    $cluster->stop;

Ends it, with all tasks. Happens by itself when the object goes. In a forked child it does nothing.

=head1 WHERE IT IS

=head2 master, address, url, host, port

    my $driver = Mesos::SchedulerDriver->new(master => $cluster->master, ...);
    system 'some-client', '--master', $cluster->url;

C<master> and C<address> return C<host:port>, C<url> the same with C<http://>. It listens on 127.0.0.1 only. Without
a C<credential> it is open to whoever can connect: all users of the machine. With several masters C<master> returns all of them, C<host:port,host:port,host:port>, which drivers and
L<Mesos::Client> take. The others are about the master that leads at first.

=head2 masters, leader

Return all masters, hash references with C<number>, C<address> and C<state> (C<leading>, C<standby>, C<stopped>), and the leader's address.

=head2 pid, work_dir, version, log

Return the program's process id, the directory with the sandboxes, its version, and what it has written to its standard error.

=head2 jitter

Returns the seed of its jitter (F<docs/local-cluster.md>), or C<undef> without one. Print it when a test fails: a cluster that is started with
C<< jitter => $seed >> delays the same updates and offers for the same time.

=head2 credential

Returns the C<credential> that it was started with, a hash reference, or undef.

=head2 driver

    my $driver = $cluster->driver(scheduler => MyScheduler->new, framework => {user => '', name => 'mine'});

Returns a L<Mesos::SchedulerDriver> for it, with its credential. Your arguments are passed on. Start it yourself (C<start>, C<run>).

=head2 client

    my $client = $cluster->client;

Returns a L<Mesos::Client> for it. Your arguments are passed on.

=head1 LOOKING

=head2 state

Returns the leading master's F</state>: a hash reference, with Mesos' names. It is empty while no master leads.

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
frameworks with their tasks, starts all masters, starts and heals the agents, stops those that were added, and lets the clock go on. So one cluster can serve
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

=head2 refuse_call, delay_call

    $cluster->refuse_call('ACCEPT', status => 503, message => 'Later', times => 2);
    $cluster->delay_call('UPDATE', 0.5, api => 'executor');

The next call of this type is not carried out, and answered with this status, by default 503. Or it is carried out and answered so many
seconds later, by the cluster's clock; calls on other connections overtake it. C<api> is C<scheduler> by default, C<executor> or C<operator>.

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

Another master takes over. It knows the agents that were registered, and nothing else, until agents and frameworks come back. Drivers get
C<disconnected> and C<reregistered>. A master that is alone has its successor at the same address. Of several, the next one in the line
leads after C<election_delay>, and the old one stands by.

=head2 stop_master, start_master

    $cluster->stop_master('leader');
    sleep 1 until $cluster->leader;

Ends one of several masters, so that its port refuses connections, and starts it again. A master is named by its number (from 0), its
address, or as C<leader>. If it was the leader, nobody leads for C<election_delay> of the cluster's clock (by default 0.1 s), and the others
answer 503. Then the one leads that has stood by for longest. One that is started stands by, and sends callers to the leader.

=head2 pause_clock, advance_clock, resume_clock

    $cluster->pause_clock->advance_clock(24 * 3600);

The cluster's clock: it stands, or is moved on by this many seconds, and every timer on the way fires in its turn. So a day takes
milliseconds. The processes of tasks have the time of the machine.

=cut
