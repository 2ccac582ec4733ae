# Mesos::Client: what each method sends, and what it makes of the answer.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use JSON::PP ();
use Mesos::Client;
use Mesos::Messages;
use Test::Operator qw(serve answer);
use Test::Values qw(dies_like);

# As a real Mesos 1.11.0 answers.
my %ANSWER = (
    GET_HEALTH => '{"type":"GET_HEALTH","get_health":{"healthy":true}}',
    GET_VERSION => '{"type":"GET_VERSION","get_version":{"version_info":{"version":"1.11.0","build_time":1606232317.0}}}',
    GET_FLAGS => '{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"port","value":"5050"},{"name":"quorum","value":""}]}}',
    GET_METRICS => '{"type":"GET_METRICS","get_metrics":{"metrics":[{"name":"master/tasks_running","value":2.0}]}}',
    GET_LOGGING_LEVEL => '{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":0}}',
    GET_MASTER => '{"type":"GET_MASTER","get_master":{"master_info":{"id":"M","ip":16777343,"port":5050},"start_time":1.5}}',
    GET_AGENTS => '{"type":"GET_AGENTS","get_agents":{"agents":[{"agent_info":{"hostname":"node1","port":5051,"id":{"value":"S0"}},"active":true,"pid":"slave(1)@127.0.0.1:1"},'
        . '{"agent_info":{"hostname":"node2","id":{"value":"S1"}},"active":true},{"agent_info":{"hostname":"node2","port":5052,"id":{"value":"S2"}},"active":false}],'
        . '"recovered_agents":[{"hostname":"node3","port":5051,"id":{"value":"S3"}}]}}',
    GET_FRAMEWORKS => '{"type":"GET_FRAMEWORKS","get_frameworks":{"frameworks":[{"framework_info":{"name":"one"}}],"completed_frameworks":[{"framework_info":{"name":"two"}}]}}',
    GET_EXECUTORS => '{"type":"GET_EXECUTORS","get_executors":{"executors":[{"agent_id":{"value":"S0"}}]}}',
    GET_OPERATIONS => '{"type":"GET_OPERATIONS","get_operations":{}}',
    GET_TASKS => '{"type":"GET_TASKS","get_tasks":{"tasks":[{"task_id":{"value":"t1"},"state":"TASK_RUNNING","framework_id":{"value":"F1"},"agent_id":{"value":"S0"}}],'
        . '"unreachable_tasks":[{"task_id":{"value":"t2"},"state":"TASK_UNREACHABLE","framework_id":{"value":"F2"},"agent_id":{"value":"S1"}}],'
        . '"completed_tasks":[{"task_id":{"value":"t3"},"state":"TASK_FINISHED","framework_id":{"value":"F1"},"agent_id":{"value":"S0"},"statuses":[{"timestamp":5.0}]},'
        . '{"task_id":{"value":"t3"},"state":"TASK_FAILED","framework_id":{"value":"F2"},"agent_id":{"value":"S0"},"statuses":[{"timestamp":1.0},{"timestamp":7.0}]},'
        . '{"task_id":{"value":"t1"},"state":"TASK_LOST","framework_id":{"value":"F1"},"agent_id":{"value":"S0"},"statuses":[{"timestamp":9.0}]}]}}',
    # Mesos hands on a Latin-1 name as it is, and what is UTF-8, too.
    GET_ROLES => qq({"type":"GET_ROLES","get_roles":{"roles":[{"name":"*","weight":1.0},{"name":"b\xfcro \xc3\xa4","weight":1.0}]}}),
    GET_WEIGHTS => '{"type":"GET_WEIGHTS","get_weights":{"weight_infos":[{"weight":2.5,"role":"dev"}]}}',
    GET_QUOTA => '{"type":"GET_QUOTA","get_quota":{"status":{"configs":[{"role":"dev","limits":{"cpus":{"value":4.0}}}]}}}',
    GET_MAINTENANCE_STATUS => '{"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{"draining_machines":[{"id":{"hostname":"node1","ip":"10.0.0.5"},"statuses":['
        . join(',', map {qq({"status":"$_->[1]","framework_id":{"value":"$_->[0]"},"timestamp":{"nanoseconds":1795711914500000000}})} ['F1', 'ACCEPT'], ['F2', 'DECLINE'], ['F3', 'UNKNOWN'])
        . ']},{"id":{"ip":"10.0.0.6"}}],"down_machines":[{"hostname":"node2"}]}}}',
    GET_MAINTENANCE_SCHEDULE => '{"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"node1"}],'
        . '"unavailability":{"start":{"nanoseconds":1795711914500000000},"duration":{"nanoseconds":3600000000000}}},{"machine_ids":[{"ip":"10.0.0.5"}],"unavailability":{"start":{"nanoseconds":1000000000}}}]}}}',
    GET_STATE => '{"type":"GET_STATE","get_state":{"get_tasks":{}}}',
    LIST_FILES => '{"type":"LIST_FILES","list_files":{"file_infos":[{"path":"/a/b","size":3}]}}',
);

my $server = serve(sub { my ($request) = @_; return answer('200 OK', $ANSWER{$request->{call}{type}} || '') });
my $client = Mesos::Client->new(master => $server->{address});

my $requests = 0;
sub last_request {
    my @all = $server->{requests}->();
    my @new = @all[$requests .. $#all];
    $requests = @all;
    return @new == 1 ? $new[0] : {error => scalar(@new) . ' requests'};
}

{
    local $ENV{MESOS_MASTER} = $server->{address};
    is(Mesos::Client->new->health, 1, 'the master of MESOS_MASTER');
    local $ENV{MESOS_MASTER} = '127.0.0.1:1';
    is(Mesos::Client->new(master => $server->{address})->health, 1, 'which an argument is preferred to');
    $requests = 2;
}
is $client->health, 1, 'health';
my $request = last_request();
is "$request->{method} $request->{path}", 'POST /master/api/v1', 'where calls go';
is $request->{headers}{'content-type'}, 'application/json', 'exactly this type';
is $request->{headers}{accept}, 'application/json', 'and this one back';
ok !exists $request->{headers}{authorization}, 'no credential, no header';

sub gives {
    my ($method, $arguments, $call, $result, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $client->$method(@$arguments);
    is_deeply last_request()->{call}, JSON::PP::decode_json($call), $name || "$method: the call";
    is_deeply $got, $result, ($name || $method) . ': the result';
}
my $minute = '{"nanoseconds":60000000000}';

gives(version => [], '{"type":"GET_VERSION"}', {version => '1.11.0', build_time => 1_606_232_317});
gives(flags => [], '{"type":"GET_FLAGS"}', {port => '5050', quorum => ''});
gives(metrics => [], '{"type":"GET_METRICS","get_metrics":{}}', {'master/tasks_running' => 2});
gives(metrics => [timeout => 60], qq({"type":"GET_METRICS","get_metrics":{"timeout":$minute}}), {'master/tasks_running' => 2}, 'metrics with a timeout');
gives(logging_level => [], '{"type":"GET_LOGGING_LEVEL"}', 0);
gives(set_logging_level => [2, duration => 60], qq({"type":"SET_LOGGING_LEVEL","set_logging_level":{"level":2,"duration":$minute}}), undef);
gives(master_info => [], '{"type":"GET_MASTER"}', {id => 'M', ip => 16_777_343, port => 5050});
gives(state => [], '{"type":"GET_STATE"}', {get_tasks => {}});
gives(executors => [], '{"type":"GET_EXECUTORS"}', [{agent_id => {value => 'S0'}}]);
gives(operations => [], '{"type":"GET_OPERATIONS"}', []);
gives(roles => [], '{"type":"GET_ROLES"}', [{name => '*', weight => 1}, {name => "b\x{fffd}ro \xe4", weight => 1}]);
gives(weights => [], '{"type":"GET_WEIGHTS"}', {dev => 2.5});
gives(update_weights => [{dev => '2.5', ops => 1}],
    '{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"dev","weight":2.5},{"role":"ops","weight":1}]}}', undef);
gives(quota => [], '{"type":"GET_QUOTA"}', [{role => 'dev', limits => {cpus => {value => 4}}}]);
gives(update_quota => [{role => 'dev', limits => {cpus => '4'}, guarantees => {mem => {value => 1}}}],
    '{"type":"UPDATE_QUOTA","update_quota":{"force":false,"quota_configs":[{"role":"dev","limits":{"cpus":{"value":4}},"guarantees":{"mem":{"value":1}}}]}}', undef);
gives(update_quota => [[{role => 'a'}, {role => 'b'}], force => 1],
    '{"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"a"},{"role":"b"}]}}', undef, 'several quotas');
gives(
    maintenance_status => [],
    '{"type":"GET_MAINTENANCE_STATUS"}', {
        draining => [{hostname => 'node1', ip => '10.0.0.5'}, {ip => '10.0.0.6'}],
        down => [{hostname => 'node2'}],
        answers => [map { {machine => {hostname => 'node1', ip => '10.0.0.5'}, framework => $_->[0], accepted => $_->[1], time => 1_795_711_914.5} } ['F1', 1], ['F2', 0], ['F3', undef]],
    });
gives(maintenance_schedule => [], '{"type":"GET_MAINTENANCE_SCHEDULE"}', [
        {machines => [{hostname => 'node1'}], start => 1_795_711_914.5, duration => 3600},
        {machines => [{ip => '10.0.0.5'}], start => 1, duration => undef},
]);
gives(update_maintenance_schedule => [[{machines => [{hostname => 'node1', ip => undef}], start => 1_795_711_914.5, duration => 60}]],
    '{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"node1"}],'
        . qq("unavailability":{"start":{"nanoseconds":1795711914500000000},"duration":$minute}}]}}}), undef);
gives(update_maintenance_schedule => [[]], '{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[]}}}', undef, 'no window');
gives("${_}_maintenance" => [[{ip => '10.0.0.5'}]], qq({"type":"\U$_\E_MAINTENANCE","${_}_maintenance":{"machines":[{"ip":"10.0.0.5"}]}}), undef) for qw(start stop);
gives(teardown => ['F1'], '{"type":"TEARDOWN","teardown":{"framework_id":{"value":"F1"}}}', undef);
gives($_ => [{value => 'S1'}], qq({"type":"\U$_\E","$_":{"agent_id":{"value":"S1"}}}), undef) for qw(mark_agent_gone drain_agent deactivate_agent reactivate_agent);
gives(drain_agent => ['S1', max_grace_period => 60, mark_gone => 1],
    qq({"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"S1"},"max_grace_period":{"nanos":0,"seconds":60},"mark_gone":true}}), undef, 'drain_agent with more');
gives(list_files => ['/a'], '{"type":"LIST_FILES","list_files":{"path":"/a"}}', [{path => '/a/b', size => 3}]);
gives(call => ['RESERVE_RESOURCES', {agent_id => {value => 'S1'}}], '{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"S1"}}}', {});

my @cpus = (name => 'cpus', scalar => {value => 1});
gives(call => ['RESERVE_RESOURCES', {agent_id => Mesos::SlaveID->new({value => 'S1'}), resources => [Mesos::Resource->new({@cpus, type => 0})]}],
    '{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"S1"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}}]}}', {}, 'messages become JSON');

sub names {
    my ($list, @path) = @_;
    my @names = map { my $of = $_; $of = $of->{$_} for @path; $of } @$list;
    return "@names";
}
is names($client->agents, qw(agent_info id value)), 'S0 S1 S2', 'agents';
is names($client->agents(all => 1), qw(agent_info id value)), 'S0 S1 S2 S3', 'and those to come back';
is names($client->frameworks, qw(framework_info name)), 'one', 'frameworks';
is names($client->frameworks(all => 1), qw(framework_info name)), 'one two', 'and ended ones';
is names($client->tasks, qw(task_id value)), 't1 t2', 'tasks';
is names($client->tasks(all => 1), qw(state)), 'TASK_RUNNING TASK_UNREACHABLE TASK_FINISHED TASK_FAILED TASK_LOST', 'and ended ones';
is names($client->tasks(framework => 'F2'), qw(task_id value)), 't2', 'of a framework';
is names($client->tasks(agent => {value => 'S0'}, all => 1), qw(task_id value)), 't1 t3 t3 t1', 'of an agent';
is $client->task('t1')->{state}, 'TASK_RUNNING', 'the task that runs, and not what had its id before';
is $client->task('t3')->{state}, 'TASK_FAILED', 'the last of those that have ended';
is $client->task('t3', framework => 'F1')->{state}, 'TASK_FINISHED', 'in a framework';
is $client->task('t4'), undef, 'no such task';
is $client->agent('S0')->url, 'http://127.0.0.1:1/slave(1)', 'an agent by its id';
is $client->agent('node1')->id, 'S0', 'by its host';
is $client->agent('node2:5051')->id, 'S1', 'by host and port, where no port means 5051';
is $client->agent('node2:5052')->url, 'http://node2:5052/slave(1)', 'an agent without a pid';
my $secure = Mesos::Client->new(master => $server->{address}, agent_scheme => 'https');
is $secure->agent('node1')->url, 'https://node1:1/slave(1)', 'https, by the name that its certificate has';

# --- ClusterD --------------------------------------------------------------------------------------------------------------------------------

my $clusterd = serve(sub {
        my ($call) = $_[0]{call};
        my $data = '"size":9,"data":"bG9nAP8="';
        return answer('200 OK', $call->{type} ne 'READ_LOG' ? '' : $_[0]{path} =~ /master/ ? qq({"type":"READ_LOG","read_log":{$data}})
            : qq({"type":"READ_LOG","read_log":{"stdout":{"size":0,"data":""},"stderr":{$data}}}));
});
my $newer = Mesos::Client->new(master => $clusterd->{address});
my $newer_agent = Mesos::Client::Agent->new(url => "http://$clusterd->{address}");
is_deeply $newer->read_log(offset => 3, length => 5), {size => 9, data => "log\0\xff"}, "ClusterD: the master's log";
is_deeply $newer_agent->read_log, {stdout => {size => 0, data => ''}, stderr => {size => 9, data => "log\0\xff"}}, "ClusterD: the agent's log";
$newer_agent->read_log(container => {value => 'c', parent => {value => 'p'}}, stderr_offset => 1, length => 2);
$newer_agent->update_container_memory_limit('c', '512');
is_deeply [map { $_->{call} } $clusterd->{requests}->()], JSON::PP::decode_json('[{"type":"READ_LOG","read_log":{"offset":3,"length":5}},'
        . '{"type":"READ_LOG","read_log":{"source":"AGENT"}},{"type":"READ_LOG","read_log":{"source":"CONTAINER","container_id":{"value":"c","parent":{"value":"p"}},"stderr_offset":1,"length":2}},'
        . '{"type":"UPDATE_CONTAINER_MEMORY_LIMIT","update_container_memory_limit":{"container_id":{"value":"c"},"memory_limit":{"value":512}}}]'), 'the calls of ClusterD';
my $older = serve(sub { return answer('400 Bad Request', "Failed to validate master::Call: Expecting 'type' to be present") });
dies_like { Mesos::Client->new(master => $older->{address})->read_log }
qr/^READ_LOG: ClusterD has this call, but not the Mesos at http:\/\/$older->{address}\/master\/api\/v1 at .* line \d+\.$/;
dies_like { $newer->read_log(offset => -1) } qr/^read_log: offset: expected a whole number, got "-1" at /;
dies_like { $newer_agent->update_container_memory_limit('c', 0) } qr/^update_container_memory_limit: expected MiB above 0, got "0" at /;

# --- mistakes --------------------------------------------------------------------------------------------------------------------------

my $here = quotemeta(__FILE__) . ' line \d+\.$';
$client->health;
last_request();
for my $case (
    [sub { $client->call('get_tasks') }, qr/^call: expected the name of a call such as "GET_TASKS", got "get_tasks" at $here/],
    [sub { $client->call('GET_TASKS', 1) }, qr/^call: the arguments of GET_TASKS: expected a hash reference, got "1" at $here/],
    (map { my $value = $_; [sub { $client->call(TEARDOWN => {framework_id => $value}) }, qr/^call: the arguments of TEARDOWN are no JSON: \S.* at $here/] } sub { }, \*STDOUT, bless [], 'Strange'),
    [sub { $client->teardown }, qr/^teardown: framework id: expected an id, got undef at $here/],
    [sub { $client->teardown([]) }, qr/^teardown: framework id: expected an id, got a reference to array at $here/],
    [sub { $client->mark_agent_gone('') }, qr/^mark_agent_gone: agent id: expected an id, got "" at $here/],
    [sub { $client->drain_agent('S', grace => 1) }, qr/^drain_agent: unknown argument 'grace' \(known are: mark_gone, max_grace_period\) at $here/],
    [sub { $client->drain_agent('S', undef, 1) }, qr/^drain_agent: expected a name and a value, got undef for a name at $here/],
    [sub { $client->drain_agent('S', 'mark_gone') }, qr/^drain_agent: expected names and values.*odd number/],
    [sub { $client->drain_agent('S', max_grace_period => -1) }, qr/^drain_agent: max_grace_period: expected a number of seconds that is not negative, got -1 at $here/],
    [sub { $client->drain_agent('S', max_grace_period => 'x') }, qr/^drain_agent: max_grace_period: expected seconds, got "x" at $here/],
    [sub { $client->update_weights({dev => 0}) }, qr/^update_weights: dev: expected a number above 0, got "0" at $here/],
    [sub { $client->update_weights([]) }, qr/^update_weights: expected a hash reference of roles and weights, got a reference to array at $here/],
    [sub { $client->update_quota({limits => {}}) }, qr/^update_quota: role: expected the name of a role, got undef at $here/],
    [sub { $client->update_quota({role => 'dev', limits => {cpus => 'x'}}) }, qr/^update_quota: dev: limits: cpus: expected a number, got "x" at $here/],
    [sub { $client->update_maintenance_schedule({}) }, qr/^update_maintenance_schedule: expected an array reference.*got a reference to hash at $here/],
    [sub { $client->update_maintenance_schedule([{machines => [{}], start => 1}]) }, qr/^update_maintenance_schedule: machines: machine: expected \{hostname => ..., ip => ...\}, got neither of them/],
    [sub { $client->update_maintenance_schedule([{machines => [{ip => '::1'}]}]) }, qr/^update_maintenance_schedule: start: expected seconds, got undef at $here/],
    [sub { $client->start_maintenance('node1') }, qr/^start_maintenance: expected an array reference of machines.*got "node1" at $here/],
    [sub { $client->set_logging_level(1) }, qr/^set_logging_level: expected duration => SECONDS.* at $here/],
    [sub { $client->tasks(id => 1) }, qr/^tasks: unknown argument 'id' \(known are: agent, all, framework\) at $here/],
    [sub { $client->events }, qr/^events: expected code that gets the events, got undef at $here/],
    [sub { $client->read_file('/x', offset => -1) }, qr/^read_file: offset: expected a whole number, got "-1" at $here/],
    [sub { $client->follow_file('/x') }, qr/^follow_file: expected code that gets the bytes, got undef at $here/],
    [sub { delete local $ENV{MESOS_MASTER}; Mesos::Client->new }, qr/^master: expected an argument master => "host:port".*MESOS_MASTER at $here/],
    [sub { local $ENV{MESOS_MASTER} = ''; Mesos::Client->new }, qr/^master: expected an argument master => "host:port".* at $here/],
    [sub { local $ENV{MESOS_MASTER} = 'h:p'; Mesos::Client->new }, qr/^MESOS_MASTER: expected "host" or .*, got "h:p" \(bad port\) at $here/],
    [sub { local $ENV{MESOS_MASTER} = 'local'; Mesos::Client->new }, qr/^MESOS_MASTER: .*its own driver only.* at $here/],
    # Who passes it has meant something.
    [sub { local $ENV{MESOS_MASTER} = 'h:1'; Mesos::Client->new(master => undef) }, qr/^master: expected .*, got undef at $here/],
    [sub { Mesos::Client->new(masters => 1) }, qr/^Mesos::Client->new: unknown argument 'masters': did you mean 'master'\? at $here/],
    [sub { Mesos::Client->new(master => 'h', timeout => 0) }, qr/^timeout: expected a number of seconds above 0, got "0" at $here/],
    [sub { Mesos::Client->new(master => 'h', credential => 'me') }, qr/^credential: expected a Mesos::Credential or a hash reference with principal and secret at $here/],
    [sub { Mesos::Client->new(master => 'h', credential => {principal => 'a:b'}) }, qr/^credential: the principal must not contain a colon at $here/],
    [sub { Mesos::Client->new(master => 'h', credential => {principal => 'a', secrt => 'b'}) }, qr/^credential: unknown key 'secrt': did you mean 'secret'\? at $here/],
    [sub { Mesos::Client->new(master => 'h', agent_credential => {principal => 'a', pass => 'b'}) }, qr/^agent_credential: unknown key 'pass' \(known are: principal, secret\) at $here/],
    [sub { $client->update_quota({role => 'dev', limit => {cpus => 1}}) }, qr/^update_quota: dev: unknown key 'limit': did you mean 'limits'\? at $here/],
    [sub { $client->start_maintenance([{hostname => 'h', ipp => '::1'}]) }, qr/^start_maintenance: machine: unknown key 'ipp': did you mean 'ip'\? at $here/],
    [sub { $client->update_maintenance_schedule([{machines => [{ip => '::1'}], start => 1, duraton => 5}]) }, qr/^update_maintenance_schedule: window: unknown key 'duraton': did you mean 'duration'\? at $here/],
    [sub { $client->tasks(framewrk => 1) }, qr/^tasks: unknown argument 'framewrk': did you mean 'framework'\? at $here/],
    [sub { Mesos::Client->new(master => 'h', agent_scheme => 'ftp') }, qr/^agent_scheme: expected "http" or "https", got "ftp" at $here/],
    [sub { Mesos::Client::Agent->new(url => 'http://h', timeout => 'x') }, qr/^timeout: expected a number of seconds above 0, got "x" at $here/],
    [sub { Mesos::Client::Agent->new(url => 'http://h', credential => {principal => 'a', secrt => 'b'}) }, qr/^credential: unknown key 'secrt': did you mean 'secret'\? at $here/],
    [sub { Mesos::Client::Agent->new(ulr => 'http://h') }, qr/^Mesos::Client::Agent->new: unknown argument 'ulr': did you mean 'url'\? at $here/],
    [sub { Mesos::Client::Agent->new(url => 'h:5051') }, qr/^url: expected "http:\/\/host:port" or .*got "h:5051" at $here/],
) {
    dies_like { $case->[0]->() } $case->[1];
}
is scalar(my @none = $server->{requests}->()), $requests, 'none of them sent anything';
dies_like { $client->agent('node9') } qr/^no agent 'node9' is known \(known are: S0 \(node1\), .*\) at $here/;
dies_like { $client->agent('node2') } qr/^2 agents are on the host 'node2': S1, S2 at $here/;
dies_like { $client->sandbox('t4') } qr/^no task 't4' is known to the master at $here/;

done_testing;
