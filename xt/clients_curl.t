use 5.10.1;
use strict;
use warnings;
BEGIN { delete @ENV{grep {/\AMESOS_/} keys %ENV} }
use lib 'xt/lib';
use Client;
use File::Temp qw(tempdir);
use JSON::PP ();
use Mesos::Test::Cluster;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

# Each call of Mesos' documentation of its three HTTP APIs, with curl: its status, and the keys of its answer.

plan skip_all => 'no curl here' if !grep { -x "$_/curl" } split /:/, $ENV{PATH};
$SIG{ALRM} = sub { die "the test takes too long\n" };
for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { die "the test was interrupted: SIG$name\n" } }
alarm 240;

# What the documentation says wrongly. Mesos 1.11.0 answers so, and mesos-local as Mesos.
my %status_of_mesos = map { ($_ => 200) } qw(UPDATE_WEIGHTS UPDATE_MAINTENANCE_SCHEDULE START_MAINTENANCE STOP_MAINTENANCE);

my $folder = tempdir('curl-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $cluster = Mesos::Test::Cluster->start(agents => 2, attributes => 'foo:bar', resources => 'cpus:4;mem:2048;disk:4096', allocation_interval => '50ms');
my $json = JSON::PP->new->utf8->canonical;
my %seen;

# --- curl ------------------------------------------------------------------------------------------------------------------------

sub curl {
    my ($path, $call, @headers) = @_;
    my $body = $json->encode($call);
    # A stream of calls, of one.
    if (grep {/\AContent-Type: application\/recordio\z/} @headers) { $body = length($body) . "\n$body" }
    else { push @headers, 'Content-Type: application/json' }
    push @headers, 'Accept: application/json' if !grep {/\AAccept:/i} @headers;
    return (qw(curl -sS --globoff --noproxy * --max-time 200), (map { ('-H', $_) } @headers), '--data-binary', $body, $cluster->url . $path);
}

# A call whose answer goes on, and which ends with what is given back.
sub stream {
    my ($path, $call, @headers) = @_;
    $seen{"$path $call->{type}"} = 1;
    my @command = curl($path, $call, @headers);
    return Client->start(command => [@command, '-iN'], read => \&records);
}

# The events behind the answer's head, without that of the chunks, which curl takes away.
sub records {
    my ($text) = @_;
    my @records;
    $text =~ /\r\n\r\n/g or return;
    while ($text =~ /\G(\d+)\n/gc && length($text) >= pos($text) + $1) {
        push @records, $json->decode(substr $text, pos $text, $1);
        pos($text) += $1;
    }
    return @records;
}

sub event {
    my ($stream, $type, @keys) = @_;
    my $event = $stream->hears(sub { $_->{type} eq $type });
    ok $event && !(grep { !has($event, $_) } @keys), "an event $type: @keys" or diag $stream->words;
    return $event || {};
}

# Whether there is something at a.b.0.c.
sub has {
    my ($value, $path) = @_;
    for my $key (split /[.]/, $path) { $value = ref $value eq 'ARRAY' ? $value->[$key] : ref $value ? $value->{$key} : undef }
    return defined $value;
}

# A call, the status that the documentation has, and keys of the answer. Gives the answer.
sub asked {
    my ($path, $call, $documented, @keys) = @_;
    my ($type, @headers) = ($call->{type}, @{delete $call->{-headers} || []});
    $seen{"$path $type"} = 1;
    open my $out, '-|', curl($path, $call, @headers), '-w', '\n%{http_code}' or die "curl: $!";
    my $said = do { local $/; <$out> };
    close $out;
    my ($body, $status) = $said =~ /\A(.*)\n(\d+)\z/s;
    is $status, $status_of_mesos{$type} || $documented, "$path $type" or diag $body;
    return if !length $body;
    my $answer = eval { $json->decode($body) } || {};
    is_deeply [grep { !has($answer, $_) } @keys], [], "it has @keys" or diag $body if @keys;
    is $answer->{type}, $type, 'and its type' if $status eq 200;
    return $answer;
}

sub scalar_of { my ($name, $value, @more) = @_; return {name => $name, type => 'SCALAR', scalar => {value => $value}, @more} }

# --- the scheduler's -------------------------------------------------------------------------------------------------------------

my ($master, $first_agent) = ('/api/v1', '/slave(1)/api/v1');
my $watcher = stream($master, {type => 'SUBSCRIBE'});
event($watcher, 'SUBSCRIBED', 'subscribed.get_state', 'subscribed.heartbeat_interval_seconds');

my %framework = (
    framework_info => {user => '', name => 'by curl', roles => [qw(test1 test2)], capabilities => [{type => 'MULTI_ROLE'}]},
    suppressed_roles => ['test2'],
    offer_constraints => {
        role_constraints => {
            test1 => {groups => [{attribute_constraints => [{selector => {attribute_name => 'foo'}, predicate => {exists => {}}}]}]},
        },
    },
);
my $scheduler = stream('/api/v1/scheduler', {type => 'SUBSCRIBE', subscribe => \%framework});
my $subscribed = event($scheduler, 'SUBSCRIBED', 'subscribed.framework_id.value', 'subscribed.heartbeat_interval_seconds');
my ($stream_id) = $scheduler->words =~ /^mesos-stream-id: (\S+)\r$/mi;
like $scheduler->words, qr{^HTTP/1.1 200 OK\r\n}m, 'the answer to SUBSCRIBE';
ok $stream_id && length $stream_id <= 128, 'with the id of its stream';
my $framework_id = $subscribed->{subscribed}{framework_id};

sub scheduler {
    my ($type, $documented, %members) = @_;
    return asked('/api/v1/scheduler', {type => $type, framework_id => $framework_id, %members, -headers => ["Mesos-Stream-Id: $stream_id"]}, $documented);
}

sub offer_of { my ($number) = @_; $scheduler->hears(sub { $_->{type} eq 'OFFERS' && grep { $_->{agent_id}{value} =~ /-S$number\z/ } @{$_->{offers}{offers}} }) }
event($scheduler, 'OFFERS', map {"offers.offers.0.$_"} qw(id.value framework_id.value agent_id.value hostname resources.0 attributes.0 allocation_info.role));
my ($offer) = grep { $_->{agent_id}{value} =~ /-S0\z/ } @{offer_of(0)->{offers}{offers}};
my ($other) = grep { $_->{agent_id}{value} =~ /-S1\z/ } @{offer_of(1)->{offers}{offers}};
my ($agent_id, $other_id) = ($offer->{agent_id}, $other->{agent_id});
my %allocated = (allocation_info => {role => 'test1'});
my $executor_id = {value => 'my-executor'};
my @tasks = map {
    {
        name => 'My Task', task_id => {value => $_}, agent_id => $agent_id,
        executor => {executor_id => $executor_id, command => {shell => JSON::PP::true, value => 'echo hello; exec sleep 1000'}},
        resources => [scalar_of(cpus => 1, %allocated), scalar_of(mem => 128, %allocated)],
    }
} 'my-task', 'another';
scheduler('ACCEPT', 202, accept => {
        offer_ids => [$offer->{id}],
        operations => [{type => 'LAUNCH', launch => {task_infos => \@tasks}}],
        filters => {refuse_seconds => 5},
});
scheduler('DECLINE', 202, decline => {offer_ids => [$other->{id}], filters => {refuse_seconds => 5}});

# --- the executor's --------------------------------------------------------------------------------------------------------------

sub executor {
    my ($type, %members) = @_;
    return asked('/slave(1)/api/v1/executor', {type => $type, executor_id => $executor_id, framework_id => $framework_id, %members}, 202);
}

# Of version 4.
sub uuid { return encode_base64(pack('n8', map({ int rand 2**16 } 1 .. 3), 0x4000 | int rand 2**12, 0x8000 | int rand 2**14, map { int rand 2**16 } 1 .. 3), '') }

# Its process is there, and does nothing: curl speaks for it.
$cluster->wait_for('the executor runs', sub { grep { $_->{executor_id} eq $executor_id->{value} } map { @{$_->{executors} || []} } @{$cluster->state->{frameworks}} });
my $executor = stream('/slave(1)/api/v1/executor', {
        type => 'SUBSCRIBE', executor_id => $executor_id, framework_id => $framework_id,
        subscribe => {unacknowledged_tasks => [], unacknowledged_updates => []},
});
event($executor, 'SUBSCRIBED', map {"subscribed.$_"} qw(executor_info.executor_id executor_info.command executor_info.framework_id framework_info.user framework_info.name
        agent_info.id.value agent_info.hostname agent_info.port));
event($executor, 'LAUNCH', 'launch.task.task_id.value', 'launch.task.name', 'launch.task.agent_id.value');
ok $executor->hears(sub { $_->{type} eq 'LAUNCH' && $_->{launch}{task}{task_id}{value} eq 'another' }), 'and of the other task';

sub update {
    my ($task, $state) = @_;
    my $uuid = uuid();
    executor('UPDATE', update => {status => {executor_id => $executor_id, source => 'SOURCE_EXECUTOR', state => $state, task_id => {value => $task}, uuid => $uuid}});
    my $event = $scheduler->hears(sub { $_->{type} eq 'UPDATE' && $_->{update}{status}{state} eq $state && $_->{update}{status}{task_id}{value} eq $task });
    ok $event && has($event, 'update.status.uuid') && has($event, 'update.status.executor_id'), "the update $state of $task" or diag $scheduler->words;
    scheduler('ACKNOWLEDGE', 202, acknowledge => {map { ($_ => $event->{update}{status}{$_}) } qw(agent_id task_id uuid)});
    ok $executor->hears(sub { $_->{type} eq 'ACKNOWLEDGED' && $_->{acknowledged}{uuid} eq $uuid }), 'it is acknowledged' or diag $executor->words;
    return;
}
update('my-task', 'TASK_RUNNING');
update('another', 'TASK_RUNNING');
executor('MESSAGE', message => {data => encode_base64('to the scheduler', '')});
is decode_base64(event($scheduler, 'MESSAGE', 'message.agent_id.value', 'message.executor_id.value')->{message}{data}), 'to the scheduler', 'the message';
scheduler('MESSAGE', 202, message => {agent_id => $agent_id, executor_id => $executor_id, data => encode_base64('to the executor', '')});
is decode_base64(event($executor, 'MESSAGE', 'message.data')->{message}{data}), 'to the executor', 'the message';
scheduler('RECONCILE', 202, reconcile => {tasks => [{task_id => {value => 'my-task'}, agent_id => $agent_id}]});
ok $scheduler->hears(sub { $_->{type} eq 'UPDATE' && ($_->{update}{status}{reason} || '') eq 'REASON_RECONCILIATION' }), 'the state that it is in';
scheduler('KILL', 202, kill => {task_id => {value => 'my-task'}, agent_id => $agent_id});
is event($executor, 'KILL', 'kill.task_id.value')->{kill}{task_id}{value}, 'my-task', 'the task to be killed';
update('my-task', 'TASK_KILLED');

scheduler('REVIVE', 202, revive => {roles => ['test1']});
scheduler('SUPPRESS', 202, suppress => {roles => ['test1']});
scheduler('REQUEST', 202, request => {requests => [{agent_id => $agent_id, resources => []}]});
scheduler('RECONCILE_OPERATIONS', 202, reconcile_operations => {operations => [{operation_id => {value => '312325'}, agent_id => $agent_id}]});
scheduler('ACKNOWLEDGE_OPERATION_STATUS', 202,
    acknowledge_operation_status => {agent_id => $agent_id, uuid => uuid(), operation_id => {value => '312325'}});
scheduler('UPDATE_FRAMEWORK', 200, update_framework => {%framework, framework_info => {%{$framework{framework_info}}, id => $framework_id}});

# --- the operators', of a master -------------------------------------------------------------------------------------------------

sub master {
    my ($type, $documented, @rest) = @_;
    my %members = ref $rest[0] ? (lc $type => shift @rest) : ();
    return asked($master, {type => $type, %members}, $documented, map { lc($type) . ".$_" } @rest);
}
master('GET_HEALTH', 200, 'healthy');
master('GET_FLAGS', 200, 'flags.0.name', 'flags.0.value');
master('GET_VERSION', 200, map {"version_info.$_"} qw(version build_date build_time build_user));
master('GET_METRICS', 200, {timeout => {nanoseconds => 5_000_000_000}}, 'metrics.0.name', 'metrics.0.value');
master('GET_LOGGING_LEVEL', 200, 'level');
master('GET_STATE', 200, 'get_tasks.tasks.0', 'get_executors.executors.0', 'get_frameworks.frameworks.0', 'get_agents.agents.0');
master('GET_AGENTS', 200, map {"agents.0.$_"} qw(active agent_info.id.value agent_info.hostname agent_info.port pid registered_time.nanoseconds total_resources.0 version));
master('GET_FRAMEWORKS', 200, map {"frameworks.0.$_"} qw(active connected framework_info.id.value registered_time.nanoseconds));
master('GET_EXECUTORS', 200, 'executors.0.agent_id.value', 'executors.0.executor_info.executor_id.value');
master('GET_TASKS', 200, map {"tasks.0.$_"} qw(agent_id.value executor_id.value framework_id.value name resources.0 state statuses.0 task_id.value status_update_state));
master('GET_ROLES', 200, 'roles.0.name', 'roles.0.weight');
master('GET_OPERATIONS', 200);
master('GET_MASTER', 200, map {"master_info.$_"} qw(address.ip address.port hostname id ip pid port version));
my $sandbox = "/frameworks/$framework_id->{value}/executors/$executor_id->{value}/runs/latest";
master('LIST_FILES', 200, {path => $sandbox}, map {"file_infos.0.$_"} qw(gid mode mtime.nanoseconds nlink path size uid));
my $read = master('READ_FILE', 200, {path => "$sandbox/stdout", offset => 1, length => 4}, 'data', 'size');
is decode_base64($read->{read_file}{data}), 'ello', 'what is read';

master('UPDATE_WEIGHTS', 202, {weight_infos => [{role => 'role', weight => 4}]});
master('GET_WEIGHTS', 200, 'weight_infos.0.role', 'weight_infos.0.weight');
master('UPDATE_QUOTA', 200, {force => JSON::PP::false, quota_configs => [{role => 'dev', limits => {cpus => {value => 10}, mem => {value => 2048}, disk => {value => 4096}}}]});
master('GET_QUOTA', 200, 'status.configs.0.role', 'status.configs.0.limits.cpus.value');
my @machines = ({hostname => 'myhost', ip => '0.0.0.3'}, {ip => '0.0.0.2'});
master('UPDATE_MAINTENANCE_SCHEDULE', 202, {schedule => {windows => [{machine_ids => \@machines, unavailability => {start => {nanoseconds => 1_470_820_233_192_017_920}}}]}});
master('GET_MAINTENANCE_SCHEDULE', 200, 'schedule.windows.0.machine_ids.0', 'schedule.windows.0.unavailability.start.nanoseconds');
master('GET_MAINTENANCE_STATUS', 200, 'status.draining_machines.0.id');
master('START_MAINTENANCE', 202, {machines => [$machines[0]]});
master('STOP_MAINTENANCE', 202, {machines => [$machines[0]]});

my %reserved = (reservations => [{type => 'DYNAMIC', role => 'role1'}]);
my $volume = sub { scalar_of(disk => $_[0], %reserved, disk => {persistence => {id => 'id1'}, volume => {container_path => 'path1', mode => 'RW'}}) };
master('RESERVE_RESOURCES', 202, {agent_id => $other_id, resources => [scalar_of(disk => 512, %reserved)]});
master('CREATE_VOLUMES', 202, {agent_id => $other_id, volumes => [$volume->(64)]});
master('GROW_VOLUME', 202, {agent_id => $other_id, volume => $volume->(64), addition => scalar_of(disk => 64, %reserved)});
master('SHRINK_VOLUME', 202, {agent_id => $other_id, volume => $volume->(128), subtract => {value => 64}});
master('DESTROY_VOLUMES', 202, {agent_id => $other_id, volumes => [$volume->(64)]});
my @moved = (reservations => [{type => 'DYNAMIC', role => 'role2'}]);
master('RESERVE_RESOURCES', 202, {agent_id => $other_id, source => [scalar_of(disk => 512, %reserved)], resources => [scalar_of(disk => 512, @moved)]});
master('UNRESERVE_RESOURCES', 202, {agent_id => $other_id, resources => [scalar_of(disk => 512, @moved)]});
master($_, 200, {agent_id => $other_id}) for qw(DEACTIVATE_AGENT REACTIVATE_AGENT);
master('DRAIN_AGENT', 200, {agent_id => $other_id, max_grace_period => {nanoseconds => 600_000_000_000}, mark_gone => JSON::PP::false});
master('MARK_AGENT_GONE', 200, {agent_id => $other_id});

# --- and of an agent -------------------------------------------------------------------------------------------------------------

sub agent {
    my ($type, $documented, @rest) = @_;
    my %members = ref $rest[0] ? (lc $type => shift @rest) : ();
    return asked($first_agent, {type => $type, %members}, $documented, map { lc($type) . ".$_" } @rest);
}
agent('GET_HEALTH', 200, 'healthy');
agent('GET_FLAGS', 200, 'flags.0.name');
agent('GET_VERSION', 200, 'version_info.version');
agent('GET_METRICS', 200, {timeout => {nanoseconds => 5_000_000_000}}, 'metrics.0.name');
agent('GET_LOGGING_LEVEL', 200, 'level');
agent('LIST_FILES', 200, {path => $sandbox}, 'file_infos.0.path');
agent('READ_FILE', 200, {path => "$sandbox/stdout", offset => 0, length => 5}, 'data', 'size');
agent('GET_STATE', 200, 'get_executors.executors.0', 'get_frameworks.frameworks.0', 'get_tasks.launched_tasks.0');
agent('GET_FRAMEWORKS', 200, 'frameworks.0.framework_info.id.value');
agent('GET_EXECUTORS', 200, 'executors.0.executor_info.executor_id.value');
agent('GET_TASKS', 200, 'launched_tasks.0.task_id.value', 'launched_tasks.0.state');
agent('GET_OPERATIONS', 200);
my $containers = agent('GET_CONTAINERS', 200, {show_nested => JSON::PP::true, show_standalone => JSON::PP::false},
    map {"containers.0.$_"} qw(container_id.value container_status executor_id.value executor_name framework_id.value));

my $parent = $containers->{get_containers}{containers}[0]{container_id};
my $nested = sub { return {container_id => {value => $_[0], parent => $parent}} };
my $command = sub {
    my %variable = (name => 'ENV_VAR_KEY', type => 'VALUE', value => 'env_var_value');
    return (command => {environment => {variables => [\%variable]}, shell => JSON::PP::true, value => $_[0]});
};
agent('LAUNCH_NESTED_CONTAINER', 200, {%{$nested->('ends')}, $command->('test "$ENV_VAR_KEY" = env_var_value')});
my $ended = agent('WAIT_NESTED_CONTAINER', 200, $nested->('ends'), 'exit_status');
is $ended->{wait_nested_container}{exit_status}, 0, 'it has had its variable';
agent('REMOVE_NESTED_CONTAINER', 200, $nested->('ends'));
my @as_stream = ('Accept: application/recordio', 'Message-Accept: application/json');
my $session = stream($first_agent,
    {type => 'LAUNCH_NESTED_CONTAINER_SESSION', launch_nested_container_session => {%{$nested->('session')}, $command->('while true; do date; sleep 0.1; done')}}, @as_stream);
is event($session, 'DATA', 'data.type', 'data.data')->{data}{type}, 'STDOUT', 'what it says';
like $session->words, qr{^content-type: application/recordio\r$}mi, 'as records';
like $session->words, qr{^message-content-type: application/json\r$}mi, 'of JSON';
my $attached = stream($first_agent, {type => 'ATTACH_CONTAINER_OUTPUT', attach_container_output => $nested->('session')}, @as_stream);
is event($attached, 'DATA', 'data.type', 'data.data')->{data}{type}, 'STDOUT', 'another one hears it, too';
# It has no input, and that is said.
asked($first_agent, {type => 'ATTACH_CONTAINER_INPUT', attach_container_input => {type => 'CONTAINER_ID', %{$nested->('session')}},
        -headers => ['Content-Type: application/recordio', 'Message-Content-Type: application/json']}, 501);
agent('KILL_NESTED_CONTAINER', 200, $nested->('session'));
is $_->status, 0, 'the answer ends with it' for $session, $attached;

# What mesos-local has not got, and says so.
asked($_, {type => 'SET_LOGGING_LEVEL', set_logging_level => {duration => {nanoseconds => 60_000_000_000}, level => 1}}, 501) for $master, $first_agent;
agent($_, 501, {}) for qw(GET_RESOURCE_PROVIDERS PRUNE_IMAGES);
agent('ADD_RESOURCE_PROVIDER_CONFIG', 501, {info => {type => 'some', name => 'one'}});
agent('UPDATE_RESOURCE_PROVIDER_CONFIG', 501, {info => {type => 'some', name => 'one'}});
agent('REMOVE_RESOURCE_PROVIDER_CONFIG', 501, {type => 'some', name => 'one'});

# --- the ends --------------------------------------------------------------------------------------------------------------------

$cluster->add_agent;
scheduler('SHUTDOWN', 202, shutdown => {executor_id => $executor_id, agent_id => $agent_id});
event($executor, 'SHUTDOWN');
scheduler('TEARDOWN', 202);
is $scheduler->status, 0, 'the stream of the framework ends';
event($watcher, @$_) for ['TASK_ADDED', 'task_added.task.task_id.value', 'task_added.task.state'],
    ['TASK_UPDATED', 'task_updated.framework_id.value', 'task_updated.status.task_id.value', 'task_updated.state'],
    ['FRAMEWORK_ADDED', 'framework_added.framework.framework_info', 'framework_added.framework.active'],
    ['FRAMEWORK_REMOVED', 'framework_removed.framework_info.id.value'],
    ['AGENT_ADDED', 'agent_added.agent.agent_info.id.value', 'agent_added.agent.total_resources.0'],
    ['AGENT_REMOVED', 'agent_removed.agent_id.value'];
$cluster->expect_nothing_left;
cmp_ok scalar keys %seen, '==', 80, 'each call was made' or diag join "\n", sort keys %seen;

done_testing;
