# No public method of the embedded cluster and of the modules for tests leaves a value of Perl behind: t/leaks_methods.t, with a cluster.
use strict;
use warnings;
use lib 't/lib';
use Test::Leaks qw(all_free frees_all id methods_of offer reads resource status task $long @wrong);
use File::Spec ();
use Test::More;
use Mesos::Cluster;
use Mesos::Runner;
use Mesos::Scheduler;
use Mesos::Test::Cluster;
use Mesos::Test::Scheduler;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

my $why = Mesos::Cluster->why_not;
plan skip_all => $why if defined $why;
alarm 300;
local $SIG{__WARN__} = sub { };

my %small = (agents => 2, masters => 2, election_delay => '10ms', resources => 'cpus:32;mem:8192', allocation_interval => '20ms');
my ($idle, $fresh) = map { Mesos::Cluster->start(%small) } 1, 2;
# What is looked up in a cluster with a task.
my $busy = Mesos::Cluster->start(%small);
my $runner = Mesos::Runner->new(master => $busy->master, driver_options => {on_exception => 'die'}, framework => {name => 'busy'});
$runner->add({id => 'long', command => 'echo hello; exec sleep 1000'});
$runner->start;
$runner->driver->run_once until ($runner->task('long')->state || '') eq 'TASK_RUNNING';
my $task = 'long.1';

# A framework that answers everything, and dies of what a test tells it to.
{
    package Answering;
    use Moo;
    extends 'Mesos::Scheduler';
    sub registered { die "no\n" if $_[0]{dies} }
    sub resourceOffers { my ($self, $driver, $offers) = @_; die "no\n" if $self->{dies}; $driver->launchTasks([$_->{id}], [$self->{task} ? $self->{task}->() : ()]) for @$offers }
    sub statusUpdate { my ($self, $driver, $status) = @_; $driver->killTask($status->{task_id}); $driver->reviveOffers; die "no\n" if $self->{dies} }
}

# One of the two alone could be called only once.
sub pair {
    my ($take, $give, @which) = @_;
    return map {
        ($_ => sub { my ($cluster) = @_; eval { $cluster->$take(@which) }; eval { $cluster->$give(@which) } })
    } $take, $give;
}

my %cluster_calls = (
    map({ reads($_) } qw(address host jitter log master masters leader pid port url version work_dir credential why_not
            agents frameworks tasks state left pause_clock resume_clock fail_over_master)),
    reset => sub { $fresh->reset },
    start => sub { Mesos::Cluster->start(%small, attributes => {rack => $long}, credential => {principal => 'me', secret => $long}) },
    stop => sub { Mesos::Cluster->start->stop },
    driver => sub { $_[0]->driver(scheduler => Answering->new) },
    client => sub { $_[0]->client(timeout => 5) },
    pair('stop_agent', 'start_agent', 1), pair('cut_agent', 'heal_agent', 1), pair('stop_master', 'start_master', 1),
    crash_agent => sub { $_[0]->crash_agent(($_[0]->agents)[1]); $_[0]->start_agent(1) },
    delay_agent => sub { $_[0]->delay_agent(1, 0.001); $_[0]->delay_agent(1, 0) },
    add_agent => sub { $_[0]->stop_agent($_[0]->add_agent) },
    mark_agent_gone => sub { eval { $_[0]->mark_agent_gone($_[0]->add_agent) } },
    collect_sandboxes => sub { $_[0]->collect_sandboxes(1) },
    advance_clock => sub { $_[0]->pause_clock->advance_clock(1)->resume_clock },
    lose_updates => sub { $_[0]->lose_updates(1, $long) },
    duplicate_updates => sub { $_[0]->duplicate_updates(1, $long) },
    delay_call => sub { $_[0]->delay_call('UPDATE', 0.001, api => 'executor', times => 1) },
    refuse_call => sub { $_[0]->refuse_call('ACCEPT', status => 503, message => $long) },
    fail_launch => sub { $_[0]->fail_launch(reason => 'REASON_CONTAINER_LIMITATION_MEMORY', message => $long) },
    task => sub { $busy->task($task) },
    sandbox => sub { $busy->sandbox($task), $busy->sandbox($busy->task($task)) },
    read_file => sub { $busy->read_file($task, 'command.out'); eval { $busy->read_file($task, $long) } },
    kill_task => sub { eval { $busy->kill_task($long) } },
    map({ my $method = $_; ($method => sub { $busy->$method('busy') }) } qw(mute_framework unmute_framework)),
    disconnect_framework => sub { eval { $_[0]->disconnect_framework($long) } },
);

subtest 'a cluster' => sub {
    all_free('Mesos::Cluster', sub {$idle}, \%cluster_calls, {stop => [], start => [], reset => []});
    frees_all(sub { eval { Mesos::Cluster->start(@$_) } for @wrong }, 'start: wrong arguments of the class');
    frees_all(sub { eval { Mesos::Cluster->start(program => '/bin/false') } }, 'a program that ends at once');
    frees_all(sub { eval { Mesos::Cluster->start(resources => 'no resources') } }, 'a program that does not take its flags');
    my $over = Mesos::Cluster->start;
    $over->stop;
    frees_all(sub { eval { $over->tasks } }, 'a cluster that was stopped');
    my $killed = Mesos::Cluster->start;
    kill KILL => $killed->pid;
    frees_all(sub { eval { $killed->tasks } }, 'a cluster that was killed');
};

# Their tests are not ours. A builder keeps the results of all tests by design, so each call has one of its own, which goes with them.
sub aside {
    my ($code) = @_;
    local $Test::Builder::Test = Test::Builder->create;
    $Test::Builder::Test->$_(\my $written) for qw(output failure_output todo_output);
    # It would print what is wrong with it at its end.
    $Test::Builder::Test->no_ending(1);
    # A driver that fails says so, whatever else is silent.
    open my $null, '>', File::Spec->devnull or die $!;
    local *STDERR = $null;
    return $code->();
}

subtest 'a cluster of a test' => sub {
    my $cluster = Mesos::Test::Cluster->start(%small, timeout => 0.02);
    my %late = (timeout => 0.01);
    # What it has from its parent class is called above.
    my %own = map { ($_ => 1) } grep { Mesos::Test::Cluster->can($_) != (Mesos::Cluster->can($_) || 0) } methods_of('Mesos::Test::Cluster');
    all_free('Mesos::Test::Cluster', sub {$cluster}, {
            start => sub { Mesos::Test::Cluster->start(%small, timeout => 1) },
            start_or_skip => sub { Mesos::Test::Cluster->start_or_skip(%small, timeout => 1) },
            stop => sub { Mesos::Test::Cluster->start->stop },
            driver => sub { my $driver = $_[0]->driver(scheduler => Answering->new); $_[0]->run(0.02); $driver->stop },
            drive => sub { my $other = Mesos::Test::Cluster->start; $other->drive(sub { }); $other->run(0.01) },
            run => sub { $_[0]->run(0.01) },
            wait_for => sub { $_[0]->wait_for('truth', sub {1}), $_[0]->wait_for($long, sub {0}, %late) },
            wait_for_task => sub { $_[0]->wait_for_task($long, ['RUNNING', 'TASK_FINISHED'], %late) },
            wait_for_tasks => sub { $_[0]->wait_for_tasks(0, 'RUNNING'), $_[0]->wait_for_tasks(1, 'RUNNING', %late) },
            wait_for_agents => sub { $_[0]->wait_for_agents(2, timeout => 10), $_[0]->wait_for_agents(3, %late) },
            wait_for_framework => sub { $_[0]->wait_for_framework($long, %late) },
            wait_for_leader => sub { $_[0]->wait_for_leader },
            expect_nothing_left => sub { $_[0]->expect_nothing_left },
    }, {stop => [], start => [], drive => []}, around => \&aside, without => [grep { !$own{$_} } methods_of('Mesos::Test::Cluster')]);
    frees_all(sub { my $other = Mesos::Test::Cluster->start; eval { $other->drive(@$_) } for @wrong }, 'drive: wrong arguments');
    frees_all(sub { eval { Mesos::Test::Cluster->start(timeout => 1, @$_) } for @wrong }, 'start: wrong arguments of the class');
};

# --- a scheduler without a cluster ---------------------------------------------------------------------------------------------------

sub agents_task { return {%{task()}, slave_id => {value => 'agent-1'}} }

sub tested {
    my (%scheduler) = @_;
    my $test = Mesos::Test::Scheduler->new(scheduler => Answering->new, on_exception => sub { }, implicit_acknowledgements => 0);
    %{$test->scheduler} = (task => \&agents_task, %scheduler);
    $test->register;
    return $test;
}

# What a framework calls: as the driver has it, and as a test expects it.
my %driver_calls = (
    requestResources => [[{slave_id => id('s'), resources => [resource()]}]],
    launchTask => [id(1), [task()], {refuse_seconds => 1}],
    launchTasks => [[id(1), id(2)], [task(), task()], {refuse_seconds => 1}],
    acceptOffers => [[id(1)], [{type => 1, launch => {task_infos => [task()]}}], {refuse_seconds => 1}],
    declineOffer => [id(1), {refuse_seconds => 1}],
    reviveOffers => [["${long}1"]],
    suppressOffers => [["${long}1"]],
    updateFramework => [{user => 'test', name => $long, id => {value => 'framework-1'}, roles => ["${long}1"], capabilities => [{type => 6}]}, ["${long}1"]],
    acceptInverseOffers => [[id(1)], {refuse_seconds => 1}],
    declineInverseOffers => [[id(1)], {refuse_seconds => 1}],
    killTask => [id('t')],
    shutdownExecutor => [id('e'), id('s')],
    acknowledgeStatusUpdate => [status()],
    acknowledgeOperationStatus => [{operation_id => id('o'), state => 1, uuid => {value => 'u' x 16}, slave_id => id('s')}],
    sendFrameworkMessage => [id('e'), id('s'), $long],
    reconcileTasks => [[status(), status()]],
    reconcileOperations => [[{operation_id => id('o')}]],
    stop => [1],
    abort => [],
);

# A test of one call: expected, and not as it is.
sub expects {
    my ($kind, $method, %want) = @_;
    my $expect = "expect_$kind";
    return ($expect => sub {
            my ($test) = @_;
            for my $wanted (\%want, {map { ($_ => ref $want{$_} ? [$long] : $long) } grep { $_ ne 'count' && $_ ne 'operations' } keys %want}) {
                eval { $test->driver->$method(@{$driver_calls{$method}}) };
                $test->$expect(%$wanted);
            }
            $test->$expect;
    });
}

subtest 'a scheduler that is tested' => sub {
    my $one = sub { my ($method, @arguments) = @_; return ($method => sub { $_[0]->$method(@arguments) }) };
    all_free('Mesos::Test::Scheduler', \&tested, {
            new => sub { Mesos::Test::Scheduler->new(scheduler => Answering->new, framework => {user => 'u', name => $long}) },
            map({ reads($_) } qw(scheduler driver validate on_exception calls all_calls forget_calls open_offers active_tasks disconnect lose_agent
                    lose_executor expect_nothing expect_no_open_offers error inverse_offer)),
            register => sub { eval { $_[0]->register(master => {hostname => $long}) }, eval { tested(dies => 1) } },
            $one->(reregister => (master => {hostname => $long})),
            offer => sub { tested(dies => 1)->offer(cpus => 4); $_[0]->offer(cpus => 4, ports => '1-2', attributes => {rack => $long, level => 1}) },
            $one->(offers => ({cpus => 1}, {mem => 1, role => $long, resources => [resource()]})),
            rescind => sub { $_[0]->rescind($_[0]->offer(cpus => 1)) },
            update => sub { $_[0]->offer(cpus => 4); $_[0]->update('TASK_RUNNING', message => $long); $_[0]->{scheduler}{dies} = 1; $_[0]->update('TASK_LOST', task => $long) },
            $one->(message => ($long, executor => $long)),
            $one->(operation_update => {operation_id => id('o'), state => 1, uuid => {value => 'u' x 16}}),
            play => sub { $_[0]->play(['offer', cpus => 4], 'expect_launch', ['update', 'TASK_RUNNING'], 'disconnect', 'reregister') },
            expect_acknowledge => sub {
                my ($test) = @_;
                $test->offer(cpus => 4);
                my $status = $test->update('RUNNING');
                $test->driver->acknowledgeStatusUpdate($status);
                $test->expect_acknowledge($status) for 1, 2;
                my $implicit = Mesos::Test::Scheduler->new(scheduler => Answering->new)->register;
                $implicit->update('RUNNING', task => $long);
                $implicit->expect_acknowledge;
                $implicit->{scheduler}{dies} = 1;
                eval { $implicit->update('RUNNING', task => $long) };
                $implicit->expect_acknowledge;
            },
            expects(launch => 'launchTasks', count => 2, offers => [id(1), id(2)], tasks => [task(), sub {1}], filters => {refuse_seconds => 1}),
            expects(accept => 'acceptOffers', operations => ['LAUNCH'], offer => id(1)),
            expects(decline => 'declineOffer', offer => id(1), filters => {refuse_seconds => 1}),
            expects(kill => 'killTask', task => id('t')),
            expects(revive => 'reviveOffers', roles => ["${long}1"]),
            expects(suppress => 'suppressOffers', roles => [qr/1/]),
            expects(reconcile => 'reconcileTasks', tasks => [id('t'), id('t')]),
            expects(request => 'requestResources', requests => [{slave_id => id('s')}]),
            expects(message => 'sendFrameworkMessage', data => $long, executor => id('e'), agent => id('s')),
            expects(shutdown_executor => 'shutdownExecutor', executor => id('e'), agent => id('s')),
            expects(update_framework => 'updateFramework', framework => {name => $long}, suppressed_roles => ["${long}1"]),
            expects(stop => 'stop', failover => 1),
            expects(abort => 'abort'),
            expects(accept_inverse => 'acceptInverseOffers', offers => [id(1)], filters => {refuse_seconds => 1}),
            expects(decline_inverse => 'declineInverseOffers', offers => [id(1)]),
            expects(reconcile_operations => 'reconcileOperations', operations => [{operation_id => id('o')}]),
    }, {}, fresh => 1, around => \&aside);
};

subtest 'its driver' => sub {
    # The scheduler of a test that is gone goes on with its driver.
    my $make = sub { my $driver = tested()->driver; $driver->on_call(sub { }); return $driver };
    all_free('Mesos::Test::Scheduler::Driver', $make, {
            new => sub { Mesos::Test::Scheduler::Driver->new(scheduler => Answering->new, framework => {user => 'u', name => $long}) },
            map({ reads($_) } qw(scheduler framework master credential implicit_acknowledgements master_timeout framework_id framework_id_file
                    reconcile_on_registration max_unanswered_calls max_queued_calls offer_timeout auto_suppress dispatcher on_exception running
                    unknown_fields driver event_handler backend stats status calls on_call start balance_offers)),
            map({ my $method = $_; ($method => sub { eval { $_[0]->$method } }) } qw(run run_once join)),
            dispatch_event => sub { $_[0]->dispatcher->send('disconnected'); $_[0]->dispatch_event },
            map({ my $method = $_; ($method => sub { $_[0]->$method(@{$driver_calls{$method}}) }) } keys %driver_calls),
    }, {}, fresh => 1, around => \&aside);
};

done_testing;
