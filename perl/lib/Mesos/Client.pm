package Mesos::Client;
use 5.10.1;
use Mesos::Error qw(croak);
use Mesos::Client::Agent ();
use Mesos::Client::Base qw(answers_of check_keys check_options credential_of described duration id_of instant machines_of seconds_of);
use Mesos::Client::Error ();
use Mesos::Client::Events ();
use Mesos::Client::HTTP ();
use Mesos::Client::Leader ();
use Mesos::Client::Promises ();
use Mesos::Client::Sandbox ();
use Mesos::Client::TLS qw(tls_enabled);
use Mesos::Constraint ();
use Mesos::Warnings::Methods ();
use Scalar::Util qw(looks_like_number);
use Moo;
use namespace::autoclean;

extends 'Mesos::Client::Leader';
$Carp::Internal{+__PACKAGE__}++;

has timeout => (is => 'ro', default => 10);
has retry_for => (is => 'ro', default => 0);
has [qw(dispatcher verify_certificate agent_verify_certificate)] => (is => 'ro');
has agent_scheme => (is => 'lazy');

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    my @known = qw(agent_credential agent_scheme agent_verify_certificate credential dispatcher master retry_for timeout verify_certificate);
    check_options('Mesos::Client->new', [%$arguments], @known);
    seconds_of(timeout => $self->timeout, 'above 0');
    seconds_of(retry_for => $self->retry_for);
    croak 'agent_scheme: expected "http" or "https", got ' . described($arguments->{agent_scheme})
        if exists $arguments->{agent_scheme} && ($arguments->{agent_scheme} || '') !~ /\Ahttps?\z/;
    $self->_set_master($arguments);
    my $credential = credential_of(credential => $arguments->{credential});
    my $for_agents = exists $arguments->{agent_credential} ? credential_of(agent_credential => $arguments->{agent_credential}) : undef;
    $self->{async} = Mesos::Client::Promises->_shared($self->{dispatcher}) if defined $self->{dispatcher};
    $self->{http} = $self->_http($credential, $self->verify_certificate);
    my ($verify) = grep {defined} $self->agent_verify_certificate, $self->verify_certificate;
    my $agents = $self->_http(exists $arguments->{agent_credential} ? $for_agents : $credential, $verify);
    # By the agents' scheme: without a credential of theirs, the master's does not leave https.
    $self->{agents_http} = {http => $self->_may_send_plainly || exists $arguments->{agent_credential} ? $agents : $self->_http(undef, $verify), https => $agents};
    return;
}

sub _http {
    my ($self, $credential, $verify) = @_;
    return Mesos::Client::HTTP->new(timeout => $self->timeout, credential => $credential, verify => $verify);
}

# Whether a master is asked over plain http with the same credential anyway.
sub _may_send_plainly {
    my ($self) = @_;
    my $master = $self->{master}->();
    my @schemes = map { $self->_scheme($_->{scheme}) } $master->{addresses} ? @{$master->{addresses}} : {};
    return scalar grep { $_ eq 'http' } @schemes;
}

sub _build_agent_scheme { return tls_enabled() || !$_[0]->_may_send_plainly ? 'https' : 'http' }

sub _class_of_calls {'Mesos::Master::Call'}

# --- what there is ---------------------------------------------------------------------------------------------------------------------

sub state { return $_[0]->call('GET_STATE') }

sub master_info { return $_[0]->call('GET_MASTER')->{master_info} || {} }

sub agents {
    my ($self, @options) = @_;
    my $option = check_options('agents', \@options, 'all');
    my $answer = $self->call('GET_AGENTS');
    my @recovered = map { +{agent_info => $_, active => 0, recovered => 1} } @{$answer->{recovered_agents} || []};
    return [@{$answer->{agents} || []}, $option->{all} ? @recovered : ()];
}

sub frameworks {
    my ($self, @options) = @_;
    my $option = check_options('frameworks', \@options, 'all');
    my $answer = $self->call('GET_FRAMEWORKS');
    return [@{$answer->{frameworks} || []}, $option->{all} ? @{$answer->{completed_frameworks} || []} : ()];
}

sub executors { return $_[0]->call('GET_EXECUTORS')->{executors} || [] }

sub operations { return $_[0]->call('GET_OPERATIONS')->{operations} || [] }

sub tasks {
    my ($self, @options) = @_;
    my $option = check_options('tasks', \@options, qw(agent all framework));
    my $answer = $self->call('GET_TASKS');
    my @lists = (qw(pending_tasks tasks unreachable_tasks orphan_tasks), $option->{all} ? 'completed_tasks' : ());
    my @tasks = map { @{$answer->{$_} || []} } @lists;
    for my $name (grep { defined $option->{$_} } qw(agent framework)) {
        my $id = id_of('tasks', $name, $option->{$name})->{value};
        @tasks = grep { ($_->{"${name}_id"} || {})->{value} eq $id } @tasks;
    }
    return \@tasks;
}

# Of several with the same id the one that runs, or the latest.
sub task {
    my ($self, $id, @options) = @_;
    my $wanted = id_of('task', 'id', $id)->{value};
    my $option = check_options('task', \@options, 'framework');
    my @named = grep { $_->{task_id}{value} eq $wanted } @{$self->tasks(all => 1, %$option)};
    return _current(@named);
}

sub _current {
    my (@named) = @_;
    my ($active) = grep { ($_->{state} || '') =~ /STAGING|STARTING|RUNNING|KILLING|UNREACHABLE/ } @named;
    return $active || (sort { _last_time($b) <=> _last_time($a) } @named)[0];
}

sub _last_time {
    my ($task) = @_;
    my @statuses = @{$task->{statuses} || []};
    return @statuses && $statuses[-1]{timestamp} || 0;
}

sub roles { return $_[0]->call('GET_ROLES')->{roles} || [] }

sub weights { return {map { ($_->{role} => $_->{weight}) } @{$_[0]->call('GET_WEIGHTS')->{weight_infos} || []}} }

sub update_weights {
    my ($self, $weights, @rest) = @_;
    croak 'update_weights: expected a hash reference of roles and weights, got ' . described($weights) if ref $weights ne 'HASH' || !%$weights || @rest;
    for my $role (sort keys %$weights) {
        croak "update_weights: $role: expected a number above 0, got " . described($weights->{$role})
            unless looks_like_number($weights->{$role}) && $weights->{$role} > 0;
    }
    $self->call('UPDATE_WEIGHTS', {weight_infos => [map { +{role => $_, weight => 0 + $weights->{$_}} } sort keys %$weights]});
    return;
}

sub quota { return ($_[0]->call('GET_QUOTA')->{status} || {})->{configs} || [] }

sub update_quota {
    my ($self, $configs, @options) = @_;
    my $option = check_options('update_quota', \@options, 'force');
    $configs = [$configs] if ref $configs eq 'HASH';
    croak 'update_quota: expected {role => ..., limits => {...}}, or an array reference of them, got ' . described($configs) if ref $configs ne 'ARRAY';
    for my $config (@$configs) {
        croak 'update_quota: expected {role => ..., limits => {...}}, got ' . described($config) if ref $config ne 'HASH';
        check_keys('update_quota' . (defined $config->{role} && !ref $config->{role} ? ": $config->{role}" : ''), $config, qw(guarantees limits role));
        croak 'update_quota: role: expected the name of a role, got ' . described($config->{role}) if !defined $config->{role} || ref $config->{role};
    }
    my @configs;
    for my $config (@$configs) {
        my %one = (role => $config->{role});
        for my $kind (qw(guarantees limits)) {
            my $of = $config->{$kind} or next;
            croak "update_quota: $config->{role}: $kind: expected a hash reference, such as {cpus => 4}, got " . described($of) if ref $of ne 'HASH';
            require Mesos::Resources;
            Mesos::Resources->_warn_of_text("update_quota: $config->{role}: $kind", join ';', map {"$_:1"} sort keys %$of);
            $one{$kind} = {map { ($_ => _scalar("update_quota: $config->{role}: $kind: $_", $of->{$_})) } sort keys %$of};
        }
        push @configs, \%one;
    }
    $self->call('UPDATE_QUOTA', {force => $option->{force} ? \1 : \0, quota_configs => \@configs});
    return;
}

sub _scalar {
    my ($what, $value) = @_;
    my $number = ref $value eq 'HASH' ? $value->{value} : $value;
    croak "$what: expected a number, got " . described($number) unless looks_like_number($number) && $number >= 0;
    return {value => 0 + $number};
}

sub read_log {
    my ($self, @options) = @_;
    my $option = check_options('read_log', \@options, qw(length offset));
    my %arguments = map { ($_ => Mesos::Client::Base::_number_of('read_log', $_, $option->{$_})) } keys %$option;
    return Mesos::Client::Base::_log_part($self->_call_of_clusterd('READ_LOG', \%arguments));
}

# --- maintenance -----------------------------------------------------------------------------------------------------------------------

sub _seconds { return defined $_[0] && defined $_[0]{nanoseconds} ? $_[0]{nanoseconds} / 1e9 : undef }

sub maintenance_schedule {
    my ($self) = @_;
    my $windows = ($self->call('GET_MAINTENANCE_SCHEDULE')->{schedule} || {})->{windows} || [];
    return [
        map { +{machines => $_->{machine_ids} || [], start => _seconds($_->{unavailability}{start}), duration => _seconds($_->{unavailability}{duration})} }
            @$windows
    ];
}

sub update_maintenance_schedule {
    my ($self, $windows, @rest) = @_;
    croak 'update_maintenance_schedule: expected an array reference of {machines => [...], start => ..., duration => ...}, got ' . described($windows)
        if ref $windows ne 'ARRAY' || @rest || grep { ref ne 'HASH' } @$windows;
    my @windows;
    for my $window (@$windows) {
        check_keys('update_maintenance_schedule: window', $window, qw(duration machines start));
        my %unavailability = (start => instant('update_maintenance_schedule: start', $window->{start}));
        $unavailability{duration} = duration('update_maintenance_schedule: duration', $window->{duration}) if defined $window->{duration};
        push @windows, {machine_ids => machines_of('update_maintenance_schedule: machines', $window->{machines}), unavailability => \%unavailability};
    }
    $self->call('UPDATE_MAINTENANCE_SCHEDULE', {schedule => {windows => \@windows}});
    return;
}

sub maintenance_status {
    my ($self) = @_;
    my ($draining, $down) = map { $_ || [] } @{$self->call('GET_MAINTENANCE_STATUS')->{status} || {}}{qw(draining_machines down_machines)};
    return {draining => [map { $_->{id} } @$draining], down => $down, answers => answers_of($draining)};
}

sub start_maintenance {
    my ($self, $machines) = @_;
    $self->call('START_MAINTENANCE', {machines => machines_of('start_maintenance', $machines)});
    return;
}

sub stop_maintenance {
    my ($self, $machines) = @_;
    $self->call('STOP_MAINTENANCE', {machines => machines_of('stop_maintenance', $machines)});
    return;
}

# --- acts ------------------------------------------------------------------------------------------------------------------------------

sub teardown {
    my ($self, $framework) = @_;
    $self->call('TEARDOWN', {framework_id => id_of('teardown', 'framework id', $framework)});
    return;
}

sub mark_agent_gone {
    my ($self, $agent) = @_;
    $self->call('MARK_AGENT_GONE', {agent_id => id_of('mark_agent_gone', 'agent id', $agent)});
    return;
}

sub drain_agent {
    my ($self, $agent, @options) = @_;
    my $option = check_options('drain_agent', \@options, qw(mark_gone max_grace_period));
    my %arguments = (agent_id => id_of('drain_agent', 'agent id', $agent));
    if (defined $option->{max_grace_period}) {
        # Unlike all other durations it is one of protobuf's own.
        my $nanoseconds = duration('drain_agent: max_grace_period', $option->{max_grace_period})->{nanoseconds};
        $arguments{max_grace_period} = {seconds => int($nanoseconds / 1_000_000_000), nanos => $nanoseconds % 1_000_000_000};
    }
    $arguments{mark_gone} = \1 if $option->{mark_gone};
    $self->call('DRAIN_AGENT', \%arguments);
    return;
}

sub deactivate_agent {
    my ($self, $agent) = @_;
    $self->call('DEACTIVATE_AGENT', {agent_id => id_of('deactivate_agent', 'agent id', $agent)});
    return;
}

sub reactivate_agent {
    my ($self, $agent) = @_;
    $self->call('REACTIVATE_AGENT', {agent_id => id_of('reactivate_agent', 'agent id', $agent)});
    return;
}

# --- agents and tasks ------------------------------------------------------------------------------------------------------------------

sub agent {
    my ($self, $which, @rest) = @_;
    croak 'agent: expected the id or the host name of an agent, got ' . described($which) if @rest || !defined $which;
    my $name = id_of('agent', 'agent', $which)->{value};
    my @agents = @{$self->agents(all => 1)};
    my @found = grep { $_->{agent_info}{id}{value} eq $name } @agents;
    @found = grep { $_->{agent_info}{hostname} eq $name || $name eq "$_->{agent_info}{hostname}:" . ($_->{agent_info}{port} || 5051) } @agents
        unless @found;
    my $known = join(', ', map {"$_->{agent_info}{id}{value} ($_->{agent_info}{hostname})"} @agents) || 'none';
    Mesos::Client::Error->throw(code => 'unknown', message => "no agent '$name' is known (known are: $known)") unless @found;
    Mesos::Client::Error->throw(code => 'unknown', message => scalar(@found) . " agents are on the host '$name': " . join ', ', map { $_->{agent_info}{id}{value} } @found)
        if @found > 1;
    my $agent = Mesos::Client::Agent->_of($found[0], $self->agent_scheme, $self->{agents_http}{$self->agent_scheme});
    $agent->{async} = $self->{async};
    return $agent;
}

sub sandbox {
    my ($self, $task, @options) = @_;
    my $option = check_options('sandbox', \@options, 'framework');
    if (!ref $task || !$task->{agent_id}) {
        my $id = id_of('sandbox', 'task', ref $task && $task->{task_id} ? $task->{task_id} : $task)->{value};
        $task = $self->task($id, %$option)
            or Mesos::Client::Error->throw(code => 'unknown', message => "no task '$id' is known to the master" . ($option->{framework} ? ' in that framework' : ''));
    }
    return Mesos::Client::Sandbox->_of($self, $task);
}
Mesos::Client::Promises->install(__PACKAGE__, @Mesos::Client::Promises::OF_CLIENT);
Mesos::Warnings::Methods::watch_methods(
    __PACKAGE__, 'new', Mesos::Client::Base::methods_of_base(),
    (map { ($_ => 0) } qw(state master_info executors operations roles weights quota maintenance_schedule maintenance_status leader)),
    (map { ($_ => 1) } qw(start_maintenance stop_maintenance teardown mark_agent_gone deactivate_agent reactivate_agent)),
    (map { ($_ => undef) } qw(agents frameworks tasks task agent sandbox update_weights update_quota update_maintenance_schedule drain_agent read_log)),
);

sub events {
    my ($self, $receiver, @options) = @_;
    return Mesos::Client::Events->_run($self, $receiver, @options);
}

sub event_stream { my ($self, @options) = @_; return Mesos::Client::Promises->event_stream($self, @options) }

1;
__END__

=head1 NAME

Mesos::Client - asks and commands a Mesos cluster

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');    # or zk://..., as for the drivers

    for my $agent (@{ $client->agents }) {
        print "$agent->{agent_info}{hostname}: ", $agent->{active} ? 'active' : 'not active', "\n";
    }
    for my $task (@{ $client->tasks }) {
        print "$task->{task_id}{value}: $task->{state}\n";
    }
    print $client->sandbox('task-1')->read_file('stdout');

=head1 DESCRIPTION

The operator API (v1) of Mesos: what people who run a cluster ask its master and its agents, and what they tell them to do. It is for any
program, with or without a framework. It needs no event loop, and each method waits for its answer. In a program with an event loop, use
L</PROMISES>.

Answers are plain hashes and arrays, with the fields that Mesos' JSON has: C<agent_id> and not C<slave_id>, names of states such as
C<TASK_RUNNING>, and booleans that are true or false in Perl. Lists are array references, which may be empty.

An agent's own calls are in L<Mesos::Client::Agent>, and a task's files in L<Mesos::Client::Sandbox>. C<call>, C<health>, C<version>,
C<flags>, C<metrics>, C<logging_level>, C<set_logging_level>, C<list_files>, C<read_file> and C<follow_file> are the same for master and
agents: L<Mesos::Client::Base> describes them.

The client finds the leading master before its first call, and remembers it. When another master leads, the next call finds that one.

=head1 ATTRIBUTES

All attributes are arguments of C<new>.

=head2 master

Default: the value of the environment variable C<MESOS_MASTER>. One of the two is required. It takes the same strings as
L<Mesos::SchedulerDriver/master>: C<host:port>, C<http://host:port>, C<https://host:port>, several of these with commas between them,
C<zk://...>, or C<file:///path>. The client follows redirects to the leader, but not from https to http. It refuses C<local>, because an
embedded cluster serves its own driver only.

=head2 credential

A hash reference or a C<Mesos::Credential>, C<< {principal => ..., secret => ...} >>, for HTTP Basic. Default: none. Dumps of the client do
not show it. Agents get the same, unless the master is asked by https and agents by http.

=head2 agent_credential

Another one for agents. Undef: none. Default: C<credential>.

=head2 agent_scheme

How agents are asked: C<http> or C<https>. Default: https if C<LIBPROCESS_SSL_ENABLED=1>, or if all addresses in C<master> are https.

=head2 verify_certificate, agent_verify_certificate

Whether certificates must be valid for the server's name; the second is for agents (default: as the first). Default: true, unless
C<LIBPROCESS_SSL_VERIFY_SERVER_CERT=0>. Others of these are as for drivers: see L<Mesos/ENVIRONMENT>. For https you need L<IO::Socket::SSL>.

=head2 dispatcher

The event loop for L</PROMISES>: C<AnyEvent>, C<IOAsync>, C<Mojo>, C<POE>, C<Interrupt>, C<+My::Dispatcher> or a L<Mesos::Dispatcher>, such as
that of a driver. Default: none.

=head2 timeout

How many seconds to wait for a connection, and for each part of an answer. Default 10.

=head2 retry_for

For how many seconds to look for a leading master. Default 0: each master is asked once.

=head1 METHODS

=head2 new

    my $client = Mesos::Client->new(%attributes);

Connects to nothing yet. Dies if an attribute is missing, wrong or unknown.

=head2 leader

The URL of the leading master, such as C<http://10.0.0.1:5050>.

=head2 master_info

The leading master's C<MasterInfo>, a hash reference.

=head2 state

All that the master knows, a hash reference: C<get_tasks>, C<get_executors>, C<get_frameworks> and C<get_agents>, each with the lists of the
call of that name. On a large cluster this is much.

=head2 tasks

    my $tasks = $client->tasks;
    my $tasks = $client->tasks(framework => $framework_id, agent => $agent_id, all => 1);

The tasks that have not ended, unreachable ones included. With C<all> it has also those that have ended, as far as the master remembers them
(1000 for each framework, unless its flags say otherwise). Each has C<task_id>, C<name>, C<state>, C<framework_id>, C<agent_id>, C<resources>,
C<statuses> and more.

=head2 task

    my $task = $client->task($task_id);
    my $task = $client->task($task_id, framework => $framework_id);

One task, or undef. If several have this id, it is one that has not ended, else the one that ended last.

=head2 agents

    my $agents = $client->agents;
    my $agents = $client->agents(all => 1);

The registered agents. Each has C<agent_info>, C<active>, C<version>, C<pid>, C<total_resources>, C<allocated_resources> and more. With C<all>
it has also those that the master knows from its registry, and that have not come back since it leads: they have C<recovered>.

=head2 frameworks

    my $frameworks = $client->frameworks;
    my $frameworks = $client->frameworks(all => 1);

The registered frameworks. Each has C<framework_info>, C<active>, C<connected>, C<registered_time> and more. With C<all> it has also those that
have ended.

=head2 executors

All executors. Each has C<agent_id> and C<executor_info>.

=head2 operations

The operations on resources, and their states.

=head2 roles

The roles that are in use. Each has C<name>, C<weight>, C<frameworks> and C<resources>.

=head2 quota

The roles' quotas. Each has C<role>, C<guarantees> and C<limits>, hashes of C<< {value => ...} >> by the name of the resource.

=head2 update_quota

    $client->update_quota({role => 'dev', limits => {cpus => 4, mem => 1024}});
    $client->update_quota([\%one, \%two], force => 1);

Sets the quota of one role or of several, all or none. Without C<limits> and C<guarantees> the role has no quota any more. With C<force>, the
master does not check whether the cluster can satisfy it.

=head2 weights

A hash reference: the weights of roles that have another weight than 1.

=head2 update_weights

    $client->update_weights({dev => 2.5});

=head2 maintenance_schedule

The windows, an array reference. Each is a hash reference with C<machines> (an array of C<< {hostname, ip} >>), C<start> (seconds since 1970)
and C<duration> (seconds, or undef for ever).

=head2 update_maintenance_schedule

    $client->update_maintenance_schedule([
        {machines => [{hostname => 'node1', ip => '10.0.0.5'}], start => time + 3600, duration => 1800},
    ]);

Replaces the whole schedule. Frameworks get inverse offers for the agents on these machines. Hostname and address must be those that the
agents registered with.

=head2 maintenance_status

A hash reference with two arrays of machines, C<draining> (in the schedule) and C<down> (in maintenance), and the array C<answers>: what
frameworks have said to inverse offers, as hash references of C<machine>, C<framework> (an id), C<accepted> (1 or 0) and C<time> (in seconds).

=head2 start_maintenance

=head2 stop_maintenance

    $client->start_maintenance([{hostname => 'node1', ip => '10.0.0.5'}]);
    $client->stop_maintenance([{hostname => 'node1', ip => '10.0.0.5'}]);

Takes machines of the schedule down: the master removes their agents, and their tasks are lost. C<stop_maintenance> brings them up again.

=head2 teardown

    $client->teardown($framework_id);

Ends a framework, and kills all of its tasks.

=head2 drain_agent

    $client->drain_agent($agent_id, max_grace_period => $seconds, mark_gone => 1);

The agent gets no more tasks, and its tasks are killed, each with its kill policy's grace period, but at most C<max_grace_period>. With
C<mark_gone> the agent is marked as gone when this is done.

=head2 deactivate_agent

=head2 reactivate_agent

    $client->deactivate_agent($agent_id);
    $client->reactivate_agent($agent_id);

Offers no more resources of the agent, or offers them again. Tasks go on. C<reactivate_agent> ends a draining, too.

=head2 mark_agent_gone

    $client->mark_agent_gone($agent_id);

Says that the agent never comes back: its tasks get C<TASK_GONE_BY_OPERATOR>. It cannot be undone.

=head2 read_log

    my $part = $client->read_log(offset => 0, length => 1000);
    print $part->{data};

Only ClusterD: the master's own log, from C<offset> (default 0) on, at most C<length> bytes. Returns a hash reference with C<data> (bytes) and
C<size>, the size of the whole log. If the master is a Mesos that does not have the call, it dies and says so.

=head2 agent

    my $agent = $client->agent($id);
    my $agent = $client->agent($hostname);

A L<Mesos::Client::Agent>. Dies if there is none, or if several are on that host; then use the id or C<hostname:port>.

=head2 sandbox

    my $sandbox = $client->sandbox($task_id);
    my $sandbox = $client->sandbox($task_id, framework => $framework_id);

The L<Mesos::Client::Sandbox> of a task. Dies if the master does not know the task.

=head2 events

    $client->events(sub { my ($event, $stream) = @_; ... });
    $client->events($code, heartbeats => 1, reconnect => 0, on_disconnect => sub { my ($why) = @_; ... });

Calls the code with each event of the cluster, until it calls C<< $stream->stop >>. The first event is C<SUBSCRIBED>, with the whole state in
C<< $event->{subscribed}{get_state} >>. Others are C<TASK_ADDED>, C<TASK_UPDATED>, C<AGENT_ADDED>, C<AGENT_REMOVED>, C<FRAMEWORK_ADDED>,
C<FRAMEWORK_UPDATED>, C<FRAMEWORK_REMOVED>; each has a field with its name in lower case. You get C<HEARTBEAT> only if you ask for it.

When the stream ends or is silent for 75 seconds, it calls C<on_disconnect> with the reason, finds the leader and subscribes again. Then you get
C<SUBSCRIBED> again: what happened in between is only in its state. With C<< reconnect => 0 >> it dies instead. If the first subscription
fails, it dies as every method.

An exception in your code, or in a signal handler such as that of C<alarm>, leaves C<events>.

=head1 ERRORS

A wrong argument dies at the line of your call, and says what was expected and what came. If a master or an agent cannot be reached, or refuses
a call, the exception is a L<Mesos::Client::Error> with the HTTP status and what the server said. A call that changes something is never sent
twice: if there is no answer to it, you get an error, and it may have happened.

=head1 PROMISES

    my $client = Mesos::Client->new(master => $master, dispatcher => 'Mojo');
    my $tasks  = await $client->tasks_p;
    my $bytes  = await((await $client->sandbox_p('task-1'))->read_file_p('stdout'));

If you make the client with a C<dispatcher>, each method of it that is described here or in L<Mesos::Client::Base>, except C<new> and
C<events>, has a second one with C<_p> at the end of its name: C<tasks_p>, C<teardown_p>, C<call_p>. So have the methods of its agents and
sandboxes. It returns at once, with a promise of the loop, as L<Mesos::Async/DESCRIPTION> lists them. The promise is resolved with what the
method returns, or rejected with what it dies of, a L<Mesos::Error>. If it is a L<Future>, C<cancel> ends the call.

Each call runs in a child process, so that nothing blocks the loop. At most 16 calls of a client run at once; those that last
(C<follow_file_p>, C<run_in_container_p>, C<wait_container_p>) do not count. C<wait> does not find these processes: they are children of
init. In a container without one, start your program under one (C<docker run --init>). Code that you pass for a stream is called in your
program. C<follow_file_p> takes no C<until>. It goes on until you cancel it, or until your code dies: promises of Mojo and condition
variables of AnyEvent cannot be cancelled. The exception is the one that rejects the promise.

=head2 event_stream

    my $stream = $client->event_stream(%options);
    while (my $event = await $stream->next_event) { ... }    # and $stream->stop

The events of the master, to be pulled one by one. The options are those of L</events>. C<next_event> returns a promise of the next event. It
is resolved without a value after C<stop>, and rejected where C<events> would die. Events are kept until you take them; from 1000 on the
connection waits. When you drop the stream, it ends.

=cut
