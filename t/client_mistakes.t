# Mesos::Client->call and call_p: what a master or an agent would pass over in a call is a warning at the user's line.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Mesos::Client;
use Mesos::Messages;
use Test::More;
use Test::Dispatchers qw(each_dispatcher);
use Test::Operator qw(answer serve);
use Test::Warned qw(warnings_of);

my $server = serve(sub {
        my $type = $_[0]{call}{type};
        return answer('400 Bad Request', "Failed to validate master::Call: Expecting 'type' to be present") if $type =~ /GET_TASK\z|GET_CONTAINERS|DRAIN_AGENT|QUUX/;
        return answer('200 OK', '{}');
});
my $master = Mesos::Client->new(master => $server->{address});
my $agent = Mesos::Client::Agent->new(url => "http://$server->{address}");

sub at { return " at ${\__FILE__} line $_[0].\n" }

my %resource = (name => 'cpus', type => 'SCALAR', scalar => {value => 1});
my @wrong = (
    [$master, GET_TASKS => {framework_id => {value => 'F'}}, 'GET_TASKS takes no arguments: what it got is not looked at'],
    [$master, TEARDOWN => {framework => 'F'}, q(TEARDOWN.framework: mesos.master.Call.Teardown has no field 'framework': did you mean 'framework_id'?)],
    [$master, RESERVE_RESOURCES => {slave_id => {value => 'S'}, resources => []},
        q(RESERVE_RESOURCES.slave_id: mesos.master.Call.ReserveResources has no field 'slave_id': did you mean 'agent_id'?)],
    [$master, RESERVE_RESOURCES => {agent_id => {value => 'S'}, resources => [{%resource}, {%resource, scaler => 1, reservations => [{type => 'DYNAMC', quux => 1}]}]},
        q(RESERVE_RESOURCES.resources[1].reservations[0].quux: mesos.Resource.ReservationInfo has no field 'quux' (its fields are: labels, principal, role, type)),
        q(RESERVE_RESOURCES.resources[1].reservations[0].type: mesos.Resource.ReservationInfo.Type has no value 'DYNAMC': did you mean 'DYNAMIC'?),
        q(RESERVE_RESOURCES.resources[1].scaler: mesos.Resource has no field 'scaler': did you mean 'scalar'?)],
    [$master, UPDATE_QUOTA => {quota_configs => [{role => 'r', limits => {cpus => {vlaue => 1}}}]},
        q(UPDATE_QUOTA.quota_configs[0].limits{cpus}.vlaue: mesos.Value.Scalar has no field 'vlaue': did you mean 'value'?)],
    [$agent, KILL_CONTAINER => {container_id => {value => 'c'}, signl => 9}, q(KILL_CONTAINER.signl: mesos.agent.Call.KillContainer has no field 'signl': did you mean 'signal'?)],
    [$agent, GET_CONTAINERS => {show_nestd => \1}, q(GET_CONTAINERS.show_nestd: mesos.agent.Call.GetContainers has no field 'show_nestd': did you mean 'show_nested'?)],
);

subtest 'what nobody would look at' => sub {
    for (@wrong) {
        my ($client, $type, $arguments, @texts) = @$_;
        is_deeply [warnings_of(sub { eval { $client->call($type => $arguments) } })], [map { "call: $_" . at(__LINE__) } @texts], $type;
        is_deeply [warnings_of(sub { no warnings 'Mesos'; eval { $client->call($type => $arguments) } })], [], 'silenced';
        use warnings FATAL => 'Mesos';
        ok !eval { $client->call($type => $arguments); 1 };
        is $@, "call: $texts[0]" . at(__LINE__ - 1), 'fatal';
    }
    is_deeply((map { $_->{call} } ($server->{requests}->())[0]), {type => 'GET_TASKS', get_tasks => {framework_id => {value => 'F'}}}, 'it is sent all the same');
};

subtest 'what is right' => sub {
    is_deeply [warnings_of(sub {
                $master->call('GET_TASKS'), $master->call('GET_TASKS', {});
                $master->call(RESERVE_RESOURCES => {agent_id => {value => 'S'}, resources => [{%resource, reservations => [{type => 'DYNAMIC', role => 'r'}]}], _mine => 1});
                $master->call(GET_METRICS => {timeout => {nanoseconds => 5}}), $master->call(READ_NEWS => {anything => [1]});
                $master->call(UPDATE_QUOTA => {force => JSON::PP::true(), quota_configs => [{role => 'r', limits => {cpus => {value => 1}}}]});
                $agent->call(LAUNCH_NESTED_CONTAINER => {container_id => {value => 'c', parent => {value => 'p'}}, command => {value => 'true'}});
                $agent->call(ATTACH_CONTAINER_INPUT => {type => 'CONTAINER_ID', container_id => {value => 'c'}});
    })], [];
};

subtest 'messages' => sub {
    my $reserve = {agent_id => Mesos::SlaveID->new({value => 'S'}), resources => [Mesos::Resource->new({%resource, type => 0, disk => {}})]};
    is_deeply [warnings_of(sub { $master->call(RESERVE_RESOURCES => $reserve) })], [];
    my @all = $server->{requests}->();
    is_deeply $all[-1]{call}{reserve_resources}, {agent_id => {value => 'S'}, resources => [{%resource, disk => {}}]}, 'they become JSON';
    for my $value (sub { }, \*STDOUT, bless [], 'Strange') {
        ok !eval { $master->call(TEARDOWN => {framework_id => $value}); 1 };
        like $@, qr/\Acall: the arguments of TEARDOWN are no JSON: [^\n]+ at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.\n/, ref $value;
    }
    is scalar(@all), scalar(my @now = $server->{requests}->()), 'and nothing else is sent';
};

subtest 'names of calls' => sub {
    for (
        [$master, 'GET_TASK', q( is no call of a master: did you mean 'GET_TASKS'?)], [$master, 'GET_CONTAINERS', ' is no call of a master, but one of an agent'],
        [$agent, 'DRAIN_AGENT', ' is no call of an agent, but one of a master'], [$agent, 'QUUX', ' is no call of an agent'],
    ) {
        my ($client, $type, $hint) = @$_;
        my $url = "http://$server->{address}" . ($client == $master ? '/master' : '') . '/api/v1';
        ok !eval { $client->call($type); 1 };
        $@ =~ s/answered .*?: //;
        is $@, "$type: $url Failed to validate master::Call: Expecting 'type' to be present. $type$hint" . at(__LINE__ - 2), $type;
    }
};

each_dispatcher(sub {
        my ($dispatcher) = @_;
        my $client = Mesos::Client->new(master => $server->{address}, dispatcher => $dispatcher);
        my $promise;
        # Each in a file of its own, for a warning comes once for a line.
        my $call = eval qq(# line 1 "$dispatcher"\n) . "sub { \$client->call_p(TEARDOWN => {framework => 'F'}) }" or die $@;
        my @warnings = warnings_of(sub { $promise = $call->() });
        is scalar(@warnings), 1;
        like $warnings[0], qr/\Acall: TEARDOWN\.framework: .* did you mean 'framework_id'\? at $dispatcher line 1\.\n\z/, 'at its line';
        if ($promise->isa('Mojo::Promise')) {
            my $is_settled;
            $promise->then(sub { $is_settled = 1 }, sub { $is_settled = 1 });
            $client->{async}{dispatcher}->wait(0.05) until $is_settled;
        }
        else { $promise->isa('Future') ? $promise->get : $promise->recv }
});

done_testing;
