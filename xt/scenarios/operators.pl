# What operators do to agents: deactivating, draining, and operations on resources. Each leaves the agent as it was.
# Each is [name, code($scenario), why the two clusters differ].
package Scenarios::Operators;
use strict;
use warnings;
use JSON::PP ();

my $multi = [map { {type => Mesos::FrameworkInfo::Capability::Type->can($_)->()} } qw(MULTI_ROLE RESERVATION_REFINEMENT)];

# What the master says of its agent.
sub agent {
    my ($scenario) = @_;
    my ($status, $text) = $scenario->operator('GET_AGENTS');
    return JSON::PP::decode_json($text)->{get_agents}{agents}[0];
}

sub agent_id { my ($scenario) = @_; return {value => agent($scenario)->{agent_info}{id}{value}} }

# Says how the agent is.
sub show_agent {
    my ($scenario, $when) = @_;
    my $agent = agent($scenario);
    my $drain = $agent->{drain_info};
    my @said = map { "$_ " . ($agent->{$_} ? 'yes' : 'no') } qw(active deactivated);
    push @said, "$drain->{state} " . JSON::PP->new->canonical->encode($drain->{config}) if $drain;
    push @said, 'with its start' if $agent->{estimated_drain_start_time};
    return $scenario->say('agent', "$when: " . join ', ', @said);
}

# Makes a call and says its answer. What is not there is listed in any order.
sub order {
    my ($scenario, $what, $type, %member) = @_;
    my ($status, $text) = $scenario->operator($type, %member ? \%member : undef);
    $text = '' if $status == 409;
    return $scenario->say(operator => "$what: $status $text");
}

sub drained {
    my ($scenario) = @_;
    return $scenario->until('an agent that is drained', sub { (agent($scenario)->{drain_info} || {state => ''})->{state} eq 'DRAINED' });
}

# Without executors a real agent has done with draining: as long as one is there, it kills what is launched.
sub executor_ends {
    my ($framework, $agent) = @_;
    $framework->driver->shutdownExecutor({value => $framework->scenario->id('executor-t')}, $agent);
    return $framework->until_heard('executorLost');
}

# A scalar that is reserved for a role by an operator.
sub reserved { my ($name, $value, %more) = @_; return {plain($name, $value), reservations => [{type => 'DYNAMIC', role => 'ops'}], %more} }
sub plain { my ($name, $value) = @_; return (name => $name, type => 'SCALAR', scalar => {value => $value}) }

sub volume {
    my ($id, $value) = @_;
    return reserved('disk', $value, disk => {persistence => {id => $id}, volume => {container_path => 'data', mode => 'RW'}});
}

[
    ['calls on agents that are refused', sub {
            my ($scenario) = @_;
            my $agent = agent_id($scenario);
            for my $type (qw(DRAIN_AGENT DEACTIVATE_AGENT REACTIVATE_AGENT)) {
                order($scenario, "$type without member", $type);
                order($scenario, "$type without agent", $type, other => 1);
                order($scenario, "$type without value", $type, agent_id => {});
                order($scenario, "$type of a text", $type, agent_id => 'x');
                order($scenario, "$type of nobody", $type, agent_id => {value => 'nobody'});
            }
            order($scenario, 'REACTIVATE_AGENT of an active one', 'REACTIVATE_AGENT', agent_id => $agent);
            order($scenario, 'DRAIN_AGENT with a text', 'DRAIN_AGENT', agent_id => $agent, max_grace_period => '3s');
            order($scenario, 'DRAIN_AGENT with a list', 'DRAIN_AGENT', agent_id => $agent, max_grace_period => []);
            order($scenario, 'DRAIN_AGENT gone by number', 'DRAIN_AGENT', agent_id => $agent, mark_gone => 1);
            show_agent($scenario, 'afterwards');
    }],
    ['an agent that is deactivated', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $agent = {value => $framework->offer->{slave_id}{value}};
            order($scenario, 'deactivate', 'DEACTIVATE_AGENT', agent_id => $agent);
            $framework->until_heard('offerRescinded');
            order($scenario, 'again', 'DEACTIVATE_AGENT', agent_id => $agent);
            show_agent($scenario, 'deactivated');
            $scenario->for_a_while(0.5);
            $framework->_says(scalar(@{$framework->offers}) . ' offers');
            order($scenario, 'reactivate', 'REACTIVATE_AGENT', agent_id => $agent);
            show_agent($scenario, 'reactivated');
            $framework->show($framework->offer);
    }],
    ['a task on an agent that is deactivated lives on', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            my $agent = {value => $offer->{slave_id}{value}};
            $framework->launch($offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            order($scenario, 'deactivate', 'DEACTIVATE_AGENT', agent_id => $agent);
            $framework->driver->killTask($framework->task_id('t'));
            $framework->until_end('t');
            order($scenario, 'reactivate', 'REACTIVATE_AGENT', agent_id => $agent);
    }],
    ['an agent that is drained', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            my $agent = {value => $offer->{slave_id}{value}};
            $framework->launch($offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            order($scenario, 'drain', 'DRAIN_AGENT', agent_id => $agent, max_grace_period => {seconds => 3});
            $framework->until_end('t');
            drained($scenario);
            executor_ends($framework, $agent);
            show_agent($scenario, 'drained');
            $scenario->for_a_while(0.3);
            $framework->_says(scalar(@{$framework->offers}) . ' offers');
            order($scenario, 'drain again', 'DRAIN_AGENT', agent_id => $agent);
            drained($scenario);
            show_agent($scenario, 'drained again');
            order($scenario, 'reactivate', 'REACTIVATE_AGENT', agent_id => $agent);
            show_agent($scenario, 'reactivated');
            $framework->show($framework->offer);
    }],
    ['an agent that is draining', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework(options => {implicit_acknowledgements => 0});
            my $offer = $framework->offer;
            my $agent = {value => $offer->{slave_id}{value}};
            $framework->launch($offer, $framework->custom('t', 'x'));
            my $acknowledged = sub {
                my ($state) = @_;
                $scenario->until($state, sub {
                        my ($status) = grep { $_->[0]{state} == Mesos::TaskState->can($state)->() } @{$framework->events->{statusUpdate} || []};
                        $framework->driver->acknowledgeStatusUpdate($status->[0]) if $status && $state ne 'TASK_KILLED';
                        return $status;
                });
            };
            $acknowledged->('TASK_RUNNING');
            order($scenario, 'drain', 'DRAIN_AGENT', agent_id => $agent);
            $acknowledged->('TASK_KILLED');
            $scenario->for_a_while(0.3);
            show_agent($scenario, 'with an update that is not acknowledged');
            order($scenario, 'reactivate', 'REACTIVATE_AGENT', agent_id => $agent);
            order($scenario, 'deactivate', 'DEACTIVATE_AGENT', agent_id => $agent);
            $framework->driver->acknowledgeStatusUpdate($framework->last->{$scenario->id('t')});
            drained($scenario);
            executor_ends($framework, $agent);
            show_agent($scenario, 'acknowledged');
            order($scenario, 'reactivate', 'REACTIVATE_AGENT', agent_id => $agent);
    }],
    ['operations of operators', sub {
            my ($scenario) = @_;
            my $agent = agent_id($scenario);
            my $do = sub { my ($what, $type, %member) = @_; order($scenario, $what, $type, agent_id => $agent, %member); $scenario->for_a_while(0.2) };
            $do->('reserve', 'RESERVE_RESOURCES', resources => [reserved('cpus', 1), reserved('disk', 100)]);
            $do->('reserve too much', 'RESERVE_RESOURCES', resources => [reserved('cpus', 100)]);
            $do->('create', 'CREATE_VOLUMES', volumes => [volume('operators', 10)]);
            $do->('create again', 'CREATE_VOLUMES', volumes => [volume('operators', 10)]);
            $do->('create too large', 'CREATE_VOLUMES', volumes => [volume('other', 1000)]);
            $do->('grow', 'GROW_VOLUME', volume => volume('operators', 10), addition => reserved('disk', 5));
            $do->('grow what was', 'GROW_VOLUME', volume => volume('operators', 10), addition => reserved('disk', 5));
            $do->('grow by cpus', 'GROW_VOLUME', volume => volume('operators', 15), addition => reserved('cpus', 1));
            $do->('shrink', 'SHRINK_VOLUME', volume => volume('operators', 15), subtract => {value => 5});
            $do->('shrink wholly', 'SHRINK_VOLUME', volume => volume('operators', 10), subtract => {value => 10});
            $do->('shrink by nothing', 'SHRINK_VOLUME', volume => volume('operators', 10), subtract => {value => 0});
            my $framework = $scenario->framework(roles => ['ops'], capabilities => $multi);
            $framework->show($framework->offer);
            $framework->driver->stop;
            $framework->driver(undef);
            $do->('unreserve with a volume', 'UNRESERVE_RESOURCES', resources => [reserved('disk', 100)]);
            $do->('destroy another', 'DESTROY_VOLUMES', volumes => [volume('other', 10)]);
            $do->('destroy', 'DESTROY_VOLUMES', volumes => [volume('operators', 10)]);
            $do->('unreserve', 'UNRESERVE_RESOURCES', resources => [reserved('cpus', 1), reserved('disk', 100)]);
            $do->('unreserve again', 'UNRESERVE_RESOURCES', resources => [reserved('cpus', 1)]);
    }],
    ['operators move reservations', sub {
            my ($scenario) = @_;
            my $agent = agent_id($scenario);
            my $for = sub {
                my ($amount, @roles) = @_;
                return {plain('cpus', $amount), reservations => [map { {type => 'DYNAMIC', role => $_} } @roles]};
            };
            my $move = sub {
                my ($what, $source, $resources, %other) = @_;
                order($scenario, $what, 'RESERVE_RESOURCES', agent_id => $agent, source => $source, resources => $resources, %other);
                $scenario->for_a_while(0.2);
            };
            my ($ops, $dev, $web) = ($for->(1, 'ops'), $for->(1, 'dev'), $for->(1, 'dev', 'dev/web'));
            $move->('of nothing', [], [$ops]);
            $move->('to another role', [$ops], [$dev]);
            $move->('what is moved', [$ops], [$dev]);
            $move->('refined', [$dev], [$web]);
            $move->('from refined', [$web], [$ops]);
            $move->('to the same', [$ops], [$ops]);
            $move->('unreserved', [$for->(0.5)], [$for->(0.5, 'dev')]);
            $move->('to nobody', [$for->(0.5, 'dev')], [$for->(0.5)]);
            $move->('to nothing', [$ops], []);
            $move->('other amounts', [$ops], [$for->(0.5, 'dev')]);
            $move->('several', [$ops, {plain('mem', 1), reservations => $ops->{reservations}}], [$dev]);
            $move->('mixed', [$for->(0.5, 'dev'), $ops], [$for->(1.5, 'ops')]);
            $move->('to mixed', [$ops], [$for->(0.5, 'ops'), $for->(0.5, 'dev')]);
            $move->('less than nothing', [$for->(-1, 'ops')], [$ops]);
            $move->('of a wrong role', [$for->(1, 'a//b')], [$ops]);
            $move->('without name', [{plain('', 1)}], [$ops]);
            $move->('without type', [{name => 'cpus'}], [$ops]);
            $move->('of no list', 5, [$ops]);
            $move->('of nobody', [$ops], [$dev], agent_id => {value => 'nobody'});
            $move->('what is allocated', [{%{$ops}, allocation_info => {role => 'ops'}}], [$dev]);
            order($scenario, 'unreserve', 'UNRESERVE_RESOURCES', agent_id => $agent, resources => [$ops]);
            order($scenario, 'unreserve', 'UNRESERVE_RESOURCES', agent_id => $agent, resources => [$for->(0.5, 'dev')]);
    }],
    ['operations of operators that are refused', sub {
            my ($scenario) = @_;
            my ($agent, $nobody) = (agent_id($scenario), {value => 'nobody'});
            my %member = (RESERVE_RESOURCES => 'resources', UNRESERVE_RESOURCES => 'resources', CREATE_VOLUMES => 'volumes', DESTROY_VOLUMES => 'volumes');
            for my $type (sort keys %member) {
                my $do = sub { my ($what, $agent, @items) = @_; order($scenario, "$type $what", $type, agent_id => $agent, $member{$type} => \@items) };
                order($scenario, "$type without member", $type);
                order($scenario, "$type without agent", $type, other => 1);
                $do->('of nobody', $nobody, reserved('cpus', 1));
                $do->('of nothing', $agent);
                $do->('that is not reserved', $agent, {plain('cpus', 1)});
                $do->('without type', $agent, {name => 'cpus'});
                $do->('for a static role', $agent, {plain('cpus', 1), reservations => [{type => 'STATIC', role => 'ops'}]});
                $do->('of less than nothing', $agent, reserved('cpus', -1)) if $type =~ /RESERVE/;
                $do->('for a wrong role', $agent, {plain('cpus', 1), reservations => [{type => 'DYNAMIC', role => 'a//b'}]}) if $type =~ /RESERVE/;
            }
            order($scenario, 'reserve what is allocated', 'RESERVE_RESOURCES', agent_id => $agent, resources => [reserved('cpus', 1, allocation_info => {role => 'ops'})]);
            order($scenario, 'create of the unreserved', 'CREATE_VOLUMES', agent_id => $agent, volumes => [{%{volume('v', 1)}, reservations => []}]);
            for my $type (qw(GROW_VOLUME SHRINK_VOLUME)) {
                my %more = $type eq 'GROW_VOLUME' ? (addition => reserved('disk', 1)) : (subtract => {value => 1});
                order($scenario, "$type without member", $type);
                order($scenario, "$type of nothing", $type, other => 1);
                order($scenario, "$type without agent", $type, volume => volume('v', 1), %more);
                order($scenario, "$type of nobody", $type, agent_id => $nobody, volume => volume('v', 1), %more);
            }
    }],
    ['an operation of an operator takes offers back', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $agent = {value => $framework->offer->{slave_id}{value}};
            order($scenario, 'reserve', 'RESERVE_RESOURCES', agent_id => $agent, resources => [reserved('cpus', 1)]);
            $framework->until_heard('offerRescinded');
            $framework->show($framework->offer);
            order($scenario, 'unreserve', 'UNRESERVE_RESOURCES', agent_id => $agent, resources => [reserved('cpus', 1)]);
    }],
]
