# Agents that die, come back or are gone, and masters that fail over: the same on the embedded cluster and on a real Apache Mesos, with equal
# transcripts. Each case has a cluster of its own. SCENARIO=text runs those whose names have this text, and prints their transcripts.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib', 'xt/lib';
use RealMesos qw(up dies ended forget pid_of environment);
use Test::Examples qw(free_port);
use Test::More;

$ENV{MESOS_TEST_REAL_MESOS} or plan skip_all => 'MESOS_TEST_REAL_MESOS names no directory of a real Mesos';

require Mesos::Test::Cluster;
require Test::Scenario;

my %agent = (
    resources => 'cpus:4;mem:2048;disk:4096', hostname => 'localhost', executor_environment_variables => environment(), executor_reregistration_timeout => '5secs',
);
my %master = (allocation_interval => '50ms', agent_ping_timeout => '1secs', max_agent_ping_timeouts => '2');

# --- the two clusters: how things are done to them ---------------------------------------------------------------------------------------

sub variables { my (%given) = @_; return map { uc("MESOS_$_") . "=$given{$_}" } sort keys %given }

sub real {
    my ($port, $agent_port) = (free_port(), free_port());
    my $master = sub { up('faults-master', $port, 'master', variables(%master), 'MESOS_REGISTRY=replicated_log', 'MESOS_QUORUM=1') };
    my $agent = sub { up('faults-agent', $agent_port, 'agent', variables(%agent), "NODE_MASTER=127.0.0.1:$port") };
    $_->() for $master, $agent;
    return {
        master => "127.0.0.1:$port",
        agent_dies => sub { dies('faults-agent') },
        agent_is_back => $agent,
        # Its agent does not look for masters by itself.
        master_fails_over => sub { dies('faults-master'); $master->(); kill USR1 => pid_of('faults-agent') },
        ends => sub { ended($_) for grep { pid_of($_) } 'faults-agent', 'faults-master'; forget('faults-agent') },
    };
}

sub embedded {
    my $cluster = Mesos::Test::Cluster->start(%agent, %master);
    my ($agent) = map { $_->{number} // 0 } $cluster->agents;
    return {
        master => $cluster->address,
        agent_dies => sub { $cluster->crash_agent($agent) },
        agent_is_back => sub { $cluster->start_agent($agent) },
        master_fails_over => sub { $cluster->fail_over_master },
        ends => sub { $cluster->stop },
    };
}

# --- the cases ---------------------------------------------------------------------------------------------------------------------------

my $aware = [{type => Mesos::FrameworkInfo::Capability::Type::PARTITION_AWARE()}];

# A framework with a task of an executor that runs.
sub with_task {
    my ($scenario, %info) = @_;
    my $framework = $scenario->framework(failover_timeout => 60, %info);
    $framework->launch($framework->offer, $framework->custom('t', 'x'));
    $framework->until_running('t');
    return $framework;
}

# Kills a task until it has heard of it: the first call may find nobody.
sub killed {
    my ($scenario, $framework) = @_;
    $scenario->until('the end of t', sub {
            $framework->driver->killTask($framework->task_id('t'));
            $scenario->for_a_while(0.3);
            # Nothing, as long as the framework has failed over and has not heard of it.
            my $state = $framework->last->{$scenario->id('t')}{state};
            return defined $state && $state == Mesos::TaskState::TASK_KILLED();
    });
    return;
}

sub agent_id {
    my ($framework) = @_;
    return {value => $framework->last->{$framework->scenario->id('t')}{slave_id}{value}};
}

my @cases = (
    ['an agent dies and is back, with checkpointing', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario, checkpoint => 1);
            $cluster->{$_}->() for qw(agent_dies agent_is_back);
            killed($scenario, $framework);
    }],
    ['an agent dies and is back, without checkpointing', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario);
            $cluster->{agent_dies}->();
            $framework->until_end('t');
            @{$framework->offers} = ();
            $cluster->{agent_is_back}->();
            $framework->show($framework->offer);
    }],
    ['an agent stays away, without checkpointing', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario, capabilities => $aware);
            $cluster->{agent_dies}->();
            $framework->until_heard('slaveLost');
    }],
    ['an agent stays away, with checkpointing, and is back', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario, checkpoint => 1, capabilities => $aware);
            # So that the agent has heard that its update has arrived.
            $scenario->for_a_while(0.5);
            $cluster->{agent_dies}->();
            $framework->until_state('t', 'TASK_UNREACHABLE');
            $cluster->{agent_is_back}->();
            $framework->until_running('t');
            killed($scenario, $framework);
    }],
    ['an agent is gone', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario, capabilities => $aware);
            my $agent = agent_id($framework);
            my ($status, $text) = $scenario->operator('MARK_AGENT_GONE', {agent_id => $agent});
            $scenario->say(operator => "$status $text");
            $framework->until_heard('slaveLost');
            $framework->until_end('t');
            $framework->driver->reconcileTasks([{task_id => $framework->task_id('t'), slave_id => $agent, state => 0}]);
            $scenario->for_a_while;
    }],
    ['a drained agent is gone', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario, capabilities => $aware);
            my ($status, $text) = $scenario->operator('DRAIN_AGENT', {agent_id => agent_id($framework), mark_gone => JSON::PP::true()});
            $scenario->say(operator => "$status $text");
            $framework->until_end('t');
            $framework->until_heard('slaveLost');
    }],
    ['a master fails over, and the task runs on', sub {
            my ($scenario, $cluster) = @_;
            my $framework = with_task($scenario);
            $cluster->{master_fails_over}->();
            $framework->until_heard('reregistered');
            killed($scenario, $framework);
            @{$framework->offers} = ();
    }],
    ['a master fails over, and another driver takes the framework', sub {
            my ($scenario, $cluster) = @_;
            my $first = with_task($scenario);
            my $second = $scenario->framework(failover_timeout => 60, id => $first->id);
            $scenario->until('the end of the first', sub { $first->heard('error') });
            $cluster->{master_fails_over}->();
            $second->until_heard('reregistered');
            killed($scenario, $second);
    }],
    ['a deactivated agent that dies is still that when it is back', sub {
            my ($scenario, $cluster) = @_;
            my $framework = $scenario->framework(failover_timeout => 60);
            my $agent = {value => $framework->offer->{slave_id}{value}};
            $scenario->operator('DEACTIVATE_AGENT', {agent_id => $agent});
            $framework->until_heard('offerRescinded');
            $cluster->{agent_dies}->();
            $cluster->{agent_is_back}->();
            $scenario->for_a_while(1);
            $framework->_says(scalar(@{$framework->offers}) . ' offers');
            $scenario->say(operator => join ' ', $scenario->operator('REACTIVATE_AGENT', {agent_id => $agent}));
            $framework->show($framework->offer);
    }],
);

my $wanted = $ENV{SCENARIO};
@cases = grep { index($_->[0], $wanted) >= 0 } @cases if defined $wanted;
for my $case (@cases) {
    my ($name, $code) = @$case;
    my %lines;
    for my $side ([real => \&real], [local => \&embedded]) {
        my ($which, $start) = @$side;
        my $cluster = $start->();
        my $scenario = Test::Scenario->new(master => $cluster->{master}, id => 's');
        local $SIG{__WARN__} = sub { my ($text) = @_; warn $text if $text !~ /\AMesos: / };
        eval { $code->($scenario, $cluster); 1 } or $scenario->say('scenario', "died: $@");
        # An update is sent again if the agent dies before it hears that it has arrived.
        my $last = '';
        $lines{$which} = [grep { my $new = $_ ne $last; $last = $_; $new } @{$scenario->finish}];
        diag "$name, $which:\n", map {"    $_\n"} @{$lines{$which}} if defined $wanted;
        $cluster->{ends}->();
    }
    is_deeply [grep {/\Ascenario: /} map {@$_} values %lines], [], "$name: it ran to its end";
    cmp_ok scalar(@{$lines{real}}), '>', 0, "$name: it says something";
    is_deeply $lines{local}, $lines{real}, $name;
}

done_testing;
