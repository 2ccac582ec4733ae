# Mesos::Test::Scheduler: a framework's callbacks and calls without any cluster, and failures that say what was seen instead.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use File::Temp ();
use Mesos::Test::Scheduler;
use Test::Files qw(output_of perl_command);
use Test::More;

# A framework as people write it: one command as a task, again when it is lost, and stop when it is done.
my $framework = <<'END';
package MyScheduler;
use Moo;
extends 'Mesos::Scheduler';
has jobs => (is => 'ro', default => sub { ['true'] });
has heard => (is => 'ro', default => sub { [] });

for my $name (qw(registered reregistered disconnected offerRescinded frameworkMessage slaveLost executorLost error inverseOffers operationStatusUpdate)) {
    no strict 'refs';
    *$name = sub { my ($self, $driver, @rest) = @_; push @{ $self->heard }, [$name, @rest] };
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{ $offer->{resources} };
        if (!@{ $self->jobs } || $cpus < 1) {
            $driver->declineOffer($offer->{id}, {refuse_seconds => 60});
            next;
        }
        my $command = shift @{ $self->jobs };
        die "no such job\n" if $command eq 'die';
        $driver->launchTasks([$offer->{id}], [{
            name => 'job', task_id => {value => 'task-' . ++$self->{count}}, slave_id => $offer->{slave_id}, command => {value => $command},
            resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR(), scalar => {value => 1}}],
        }]);
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $state = Mesos::TaskState->name_of($status->{state});
    die "odd\n" if ($status->{message} || '') eq 'odd';
    if ($state eq 'TASK_LOST') { push @{ $self->jobs }, 'again'; $driver->reviveOffers }
    $driver->killTask($status->{task_id}) if $state eq 'TASK_RUNNING' && ($status->{message} || '') eq 'slow';
    $driver->stop if $state eq 'TASK_FINISHED';
}
END
{ my $ok = eval "$framework; 1"; die $@ unless $ok }    ## no critic (ProhibitStringyEval)

sub tester { my (%more) = @_; my $jobs = delete $more{jobs} || ['true']; return Mesos::Test::Scheduler->new(scheduler => MyScheduler->new(jobs => $jobs), %more) }

subtest 'send this, expect that' => sub {
    my $t = tester();
    is $t->register, $t, 'register';
    is_deeply [map {ref} @{$t->scheduler->heard->[0]}], ['', 'Mesos::FrameworkID', 'Mesos::MasterInfo'], 'as a master registers it';
    is $t->driver->status, Mesos::Status::DRIVER_RUNNING();
    $t->expect_nothing;
    my $offer = $t->offer(cpus => 4, mem => 1024, ports => '31000-32000, 5-6', attributes => {rack => 'r1', level => 3});
    is ref $offer, 'Mesos::Offer';
    is $offer->{attributes}[1]{text}{value}, 'r1';
    is $offer->{attributes}[0]{scalar}{value}, 3;
    is_deeply [map {"$_->{begin}-$_->{end}"} @{$offer->{resources}[2]{ranges}{range}}], ['31000-32000', '5-6'];
    my $task = $t->expect_launch(count => 1, offer => $offer, task => {task_id => 'task-1', command => {value => qr/^true$/}, data => undef, name => sub { $_ eq 'job' }});
    is $task->{resources}[0]{scalar}{value}, 1, 'the launched task';
    is_deeply [map { $_->{task_id}{value} } $t->active_tasks], ['task-1'];
    my $status = $t->update('TASK_RUNNING', message => 'slow');
    is $status->{slave_id}{value}, 'agent-1', 'the agent is known from the launch';
    $t->expect_acknowledge;
    $t->expect_kill(task => $task, policy => undef);
    $t->driver->killTask($task->{task_id}, {grace_period => {nanoseconds => 5e9}});
    $t->expect_kill(task => $task, policy => {grace_period => {nanoseconds => 5e9}});
    $t->update(Mesos::TaskState::TASK_LOST());
    is_deeply [$t->active_tasks], [], 'it is over';
    $t->expect_revive;
    my @offers = $t->offers({cpus => 0.5}, {cpus => 2, agent => 'agent-2'}, {cpus => 2, agent => 'agent-3'});
    $t->expect_decline(offers => [@offers[0, 2]], filters => {refuse_seconds => 60});
    $t->expect_launch(offer => $offers[1]);
    $t->expect_no_open_offers;
    $t->update('FINISHED', task => 'task-2');
    $t->expect_stop(failover => 0);
    $t->expect_nothing;
    is $t->driver->status, Mesos::Status::DRIVER_STOPPED();
    ok !$t->driver->running;
    ok !eval { $t->offer(cpus => 1); 1 };
    like $@, qr/^offer: the driver has ended \(DRIVER_STOPPED\), so no event comes to it any more at \S+test_scheduler\.t line/;
    is scalar(map { $_->{method} } $t->all_calls), 8, 'all calls';
};

subtest 'every event, and every call' => sub {
    my $t = tester();
    my ($driver, $heard) = ($t->driver, $t->scheduler->heard);
    $t->register(master => {hostname => 'm.example'})->disconnect->reregister;
    my $offer = $t->offer(cpus => 0);
    $t->expect_decline;
    $t->rescind($offer)->message('hello', executor => 'e')->lose_agent('agent-9')->lose_executor('e', status => 256);
    $t->inverse_offer(agent => 'agent-1', duration => 10);
    $t->operation_update({state => Mesos::OperationState::OPERATION_FINISHED()});
    is_deeply [map { $_->[0] } @$heard], [qw(registered disconnected reregistered offerRescinded frameworkMessage slaveLost executorLost inverseOffers operationStatusUpdate)];
    is $heard->[0][2]{hostname}, 'm.example';
    is_deeply [map { ref ? $_->{value} : $_ } @{$heard->[6]}[1 .. 3]], ['e', 'agent-1', '256'];
    $driver->reconcileTasks([]);
    $t->expect_reconcile(tasks => []);
    $driver->reconcileTasks([{task_id => {value => 'a'}, state => 0}]);
    $t->expect_reconcile(tasks => ['a']);
    $driver->suppressOffers(['*']);
    $t->expect_suppress(roles => ['*']);
    $driver->sendFrameworkMessage({value => 'e'}, {value => 's'}, "\0data");
    $t->expect_message(data => "\0data", executor => 'e', agent => 's');
    $driver->shutdownExecutor({value => 'e'}, {value => 's'});
    $t->expect_shutdown_executor(executor => 'e');
    $driver->updateFramework({user => 'u', name => 'n', id => {value => 'framework-1'}});
    $t->expect_update_framework(framework => {name => 'n'});
    $driver->requestResources([{resources => [{name => 'cpus', type => 0, scalar => {value => 1}}]}]);
    $t->expect_request;
    $driver->acceptInverseOffers([{value => 'inverse-offer-1'}]);
    $t->expect_accept_inverse(offer => 'inverse-offer-1');
    $driver->declineInverseOffers([{value => 'inverse-offer-1'}]);
    $t->expect_decline_inverse;
    $driver->reconcileOperations([]);
    $t->expect_reconcile_operations;
    @{$t->scheduler->jobs} = ();
    { package Taker; our @ISA = 'MyScheduler'; sub resourceOffers { } }
    bless $t->scheduler, 'Taker';
    my $taken = $t->offer(cpus => 2);
    is_deeply [map { $_->{id}{value} } $t->open_offers], [$taken->{id}{value}];
    my $task = {name => 'n', task_id => {value => 'x'}, slave_id => {value => 'agent-1'}, command => {value => 'true'},
        resources => [{name => 'cpus', type => 0, scalar => {value => 1}}]};
    $driver->acceptOffers([$taken->{id}], [{type => Mesos::Offer::Operation::Type::LAUNCH(), launch => {task_infos => [$task]}}]);
    $t->expect_accept(operations => ['LAUNCH'], offer => $taken);
    $t->update('RUNNING');
    $t->error('no more');
    is_deeply $heard->[-1], ['error', 'no more'];
    is $driver->status, Mesos::Status::DRIVER_ABORTED(), 'an error ends the driver';
    is $driver->killTask({value => 'x'}), Mesos::Status::DRIVER_ABORTED(), 'calls do nothing then';
    $t->expect_nothing;
};

subtest 'acknowledgements' => sub {
    my $t = tester();
    $t->register->offer(cpus => 1);
    $t->expect_launch;
    ok !eval { $t->update('RUNNING', message => 'odd'); 1 };
    is $@, "odd\n", 'the exception of a callback comes to the test';
    ok !$t->{_acknowledged}{$t->{_last_status}{uuid}}, 'and the update is not acknowledged';
    ok !eval { $t->driver->acknowledgeStatusUpdate({task_id => {value => 1}, state => 1}); 1 };
    like $@, qr/this driver acknowledges implicitly/, 'as the driver says it';

    my $explicit = tester(implicit_acknowledgements => 0);
    $explicit->register->offer(cpus => 1);
    $explicit->expect_launch;
    my $status = $explicit->update('RUNNING');
    $explicit->expect_nothing;
    $explicit->driver->acknowledgeStatusUpdate($status);
    $explicit->expect_acknowledge;
    $explicit->update('RUNNING', uuid => undef);
    ok !eval { $explicit->expect_acknowledge; 1 };
    like $@, qr/an update without a uuid is never acknowledged/;

    my $dies = tester(jobs => ['die'], on_exception => sub { push @{$_[0]{caught}}, [@_[1, 2]] });
    $dies->register->offer(cpus => 1);
    is_deeply $dies->driver->{caught}, [['resourceOffers', "no such job\n"]], 'on_exception';
    $dies->expect_decline;
};

subtest 'arguments are checked as a driver checks them' => sub {
    my $t = tester();
    my $driver = $t->driver;
    isa_ok $driver, 'Mesos::SchedulerDriver';
    my $task = {task_id => {value => 1}, slave_id => {value => 2}, name => 'n'};
    for my $is_registered (0, 1) {
        $t->register if $is_registered;
        for my $case (
            [launchTasks => [[{value => 1}]], qr/^launchTasks\(offerIds, tasks, filters\?\): Wrong number of parameters; got 1; expected 2 to 3 at /],
            [launchTasks => [['o'], []], qr/^launchTasks: offerIds->\[0\]: expected Mesos::OfferID or a hash reference, got "o"/],
            [launchTasks => [[], [{%$task, name => undef}]], qr/Mesos::TaskInfo\.name: required field is missing/],
            [killTask => ['t'], qr/^killTask: taskId: expected Mesos::TaskID/],
            [acceptOffers => [[{value => 'o'}], [{type => Mesos::Offer::Operation::Type::LAUNCH()}]], qr/Offer\.Operation 0: its type is LAUNCH, but launch is missing/],
            [acceptOffers => [[{value => 'o'}], [{}]], qr/Offer\.Operation 0: expected a type/],
            [updateFramework => [{user => '', name => 'n'}], $is_registered ? qr/frameworkInfo: .*id/ : qr/the framework is not registered yet/],
        ) {
            my ($method, $arguments, $pattern) = @$case;
            ok !eval { $driver->$method(@$arguments); 1 }, "$method dies";
            like $@, $pattern;
            like $@, qr/ at \Q${\__FILE__}\E line \d+\.?$/, 'at the line of the call';
        }
        is_deeply [$t->calls], [], 'and nothing is sent';
    }
    my @warnings;
    { local $SIG{__WARN__} = sub { push @warnings, @_ }; $driver->killTask({value => 't', valu => 1}); $driver->declineOffer({value => 'o'}, {refuse_seconds => -1}) }
    like $warnings[0], qr/Mesos::TaskID has no field 'valu': did you mean 'value'\?/, 'as warnings are';
    like $warnings[1], qr/refuse_seconds\} is -1/;
    is @warnings, 2, 'each once';
    for my $call (
        [update => ['TASK_RUNING', task => 1], qr/^update: expected a state, such as TASK_RUNNING, got "TASK_RUNING"/],
        [update => ['TASK_RUNNING'], qr/^update: which task\? The scheduler has launched none/],
        [offer => [cpu => 1], qr/^offer: unknown argument 'cpu': did you mean 'cpus'\?/],
        [offer => [cpus => 'many'], qr/^offer: cpus: expected a number, got "many"/],
        [offer => [cpus => -1], qr/^offer: cpus: expected 0 or more, got -1/],
        [offer => [resources => {cpus => 1}], qr/^offer: resources: expected an array reference of Mesos::Resource/],
        [offer => [ports => '31000'], qr/^offer: ports: expected ranges/],
        [expect_launch => [tsk => {}], qr/^expect_launch: unknown argument 'tsk': did you mean 'task'\?/],
        [rescind => ['o'], qr/^rescind: there is no offer 'o'/],
        [register => [], qr/^register: the framework is registered already/],
        [play => [['offr']], qr/^play: step 0: expected the name of a method/],
    ) {
        my ($method, $arguments, $pattern) = @$call;
        ok !eval { $t->$method(@$arguments); 1 }, "$method dies";
        like $@, $pattern;
        like $@, qr/ at \Q${\__FILE__}\E line/, 'at the line of the test';
    }
    for my $method (qw(run join run_once)) {
        ok !eval { $driver->$method; 1 };
        like $@, qr/^$method: this driver has no master/;
    }
};

subtest 'a script' => sub {
    tester()->play(
        'register',
        [offer => cpus => 1],
        [expect_launch => count => 1],
        [update => 'TASK_FINISHED'],
        'expect_stop',
        'expect_nothing',
    );
};

# What a program prints with one test of it that fails; $code gets $t, with a scheduler that has registered.
sub failure_of {
    my ($code) = @_;
    my $file = File::Temp->new(SUFFIX => '.t');
    print $file "use strict; use warnings; use Test::More; use Mesos::Test::Scheduler;\n$framework\npackage main;\n"
        . "my \$t = Mesos::Test::Scheduler->new(scheduler => MyScheduler->new)->register;\n# line 1 \"unit.t\"\n$code\ndone_testing;\n";
    close $file or die $!;
    my ($out, $status) = output_of(perl_command("$file"));
    isnt $status, 0, 'the test fails';
    return $out;
}

subtest 'failures say what was seen instead' => sub {
    my $out = failure_of('$t->offer(cpus => 0.5); $t->driver->reviveOffers;' . "\n" . '$t->expect_launch(count => 1);');
    like $out, qr/^not ok 1 - launch of 1 tasks\n/m;
    like $out, qr/at unit\.t line 2\.\n/, 'the line of the test';
    like $out, qr/^# expected: launch of 1 tasks\n# seen instead: declineOffer\(offer-1; filters \{refuse_seconds: 60\}\)\n# seen instead: reviveOffers\(\)\n/m;

    $out = failure_of('$t->offer(cpus => 1); $t->expect_launch(task => {command => {value => "false"}});');
    like $out, qr/^# not as wanted: launchTasks\(offer-1; task task-1\):\n#     tasks\[0\]\.command\.value: expected 'false', got 'true'\n/m;

    $out = failure_of('$t->expect_kill(task => "task-1");');
    like $out, qr/^# expected: kill: task 'task-1'\n# the scheduler has called nothing\n/m;

    $out = failure_of('$t->offer(cpus => 1); $t->expect_nothing;');
    like $out, qr/^# seen instead: launchTasks\(offer-1; task task-1\)\n/m;

    $out = failure_of("no warnings; sub MyScheduler::resourceOffers { }\n" . '$t->offer(cpus => 1); $t->expect_nothing; $t->expect_no_open_offers;');
    like $out, qr/^not ok 2 - the scheduler has answered every offer\n/m;
    like $out, qr/^# neither used nor declined: offer-1 of agent-1\n/m;
};

subtest 'what a master would not take' => sub {
    my $launch = 'no warnings "redefine"; sub MyScheduler::resourceOffers { my ($self, $driver, $offers) = @_; $driver->launchTasks([map { $_->{id} } @$offers], [{'
        . 'name => "n", task_id => {value => "a"}, slave_id => $offers->[0]{slave_id}, command => {value => "true"},'
        . 'resources => [{name => "cpus", type => 0, scalar => {value => 2}}]}]) }' . "\n";
    like failure_of($launch . '$t->offer(cpus => 1);'),
        qr/^not ok 1 - launchTasks: the tasks use 2 cpus, but the offers have only 1\n.*at unit\.t line 2\./sm;
    like failure_of($launch . '$t->offer(cpus => 2); $t->offer(cpus => 2);'), qr/^not ok 1 - launchTasks: the id 'a' is used twice\n/m;
    like failure_of($launch . '$t->offers({cpus => 2}, {cpus => 2, agent => "b"});'), qr/^not ok 1 - launchTasks: the offers are of several agents: agent-1, b\n/m;
    like failure_of('my $o = $t->offer(cpus => 0); $t->driver->declineOffer($o->{id}); $t->driver->declineOffer({value => "x"}); $t->expect_decline;'),
        qr/^not ok 1 - declineOffer: the offer 'offer-1' is not valid any more: declineOffer has used it\n.*^not ok 2 - declineOffer: there is no offer 'x'\n/sm;
    like failure_of($launch . '$t->disconnect; my @o = $t->{_offers}; $t->driver->launchTasks([], [{name => "n", task_id => {value => 1}, slave_id => {value => 1}}]); $t->expect_launch;'),
        qr/has neither a command nor an executor/;
    my $t = tester(validate => 0);
    $t->register;
    $t->driver->declineOffer({value => 'x'});
    $t->expect_decline(offer => 'x');
};

done_testing;
