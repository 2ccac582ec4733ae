use strict;
use warnings FATAL => 'all';
use POSIX ();
use Test::More;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# Bad input is an error that names the argument, at the line of the call, and nothing is half done. No master is needed for that.

# Dies when it is asked for anything.
{ package Unwilling; use overload map { ($_ => sub { die 'asked' }) } qw("" 0+ bool) }

my %good = (master => '127.0.0.1:1', framework => {user => '', name => 'arguments'}, scheduler => Mesos::Scheduler->new);

# PERL_MESOS_DRIVER may choose libmesos, which takes other credentials and tells less.
my $is_native = Mesos::SchedulerDriver->new(%good)->backend eq 'native';

# Runs code, expects it to die with each of the patterns, at the line where the code stands.
sub dies_at {
    my ($line, $code, $name, @patterns) = @_;
    my $ok = eval { $code->(); 1 };
    my $error = $@;
    ok !$ok, $name;
    like $error, $_ for @patterns;
    like $error, qr/ at \Q${\__FILE__}\E line $line\b/, 'at the line of the call';
}

subtest 'constructor' => sub {
    for my $case (
        [[], qr/^Missing required arguments: framework, master, scheduler at /],
        [[(map { ($_ => $good{$_}) } qw(master framework)), schduler => 1], qr/^Missing required arguments: scheduler \('schduler' is none: did you mean 'scheduler'\?\) at /],
        [[%good, master => undef], qr/master/, qr/Undef did not pass type constraint "Str"/],
        [[%good, master => 'non sense'], qr/^master: expected .*got "non sense"/],
        [[%good, master => 'host:99999'], qr/^master: .*"host:99999"/],
        [[%good, master => ''], qr/^master: .*""/],
        [[%good, master => 'x' x 256], qr/^master: expected /],
        [[%good, on_exception => bless([], 'Unwilling')], qr/on_exception: expected 'die', 'warn' or a code reference, got an object of Unwilling/],
        [[%good, framework => 'x'], qr/framework/, qr/"x" did not pass type constraint "FrameworkInfo"/],
        [[%good, framework => {}], qr/Mesos::FrameworkInfo\.(?:user|name): required field is missing/],
        [[%good, framework => {user => '', name => 'n', failover_timeout => 'abc'}],
            qr/Mesos::FrameworkInfo\.failover_timeout: expected a number, got "abc"/],
        [[%good, scheduler => bless({}, 'Foo')],
            qr/^Reference bless\( \{\}, 'Foo' \) did not pass type constraint "Scheduler" \(in \$args->\{"scheduler"\}\) at /],
        [[%good, credential => undef], qr/credential/, qr/Undef did not pass type constraint "Credential"/],
        [[%good, credential => {secret => 's3cret'}], qr/Mesos::Credential\.principal: required field is missing/],
        [[%good, dispatcher => 'Nope'], qr{^coercion for "dispatcher" failed: Can't locate Mesos/Dispatcher/Nope\.pm in \@INC },
            qr/expected "AnyEvent", .*, got "Nope"\)/],
        [[%good, dispatcher => '+My::Nope'], qr/dispatcher/, qr{Can't locate My/Nope\.pm in \@INC}],
        [[%good, master_timeout => 'soon'], qr/master_timeout/, qr/"soon"/],
        [[%good, credential => 's3cret'], qr/credential/, qr/A plain value did not pass type constraint "Credential"/],
        [[%good, credential => ['s3cret']], qr/credential/, qr/ARRAY did not pass type constraint "Credential"/],
        $is_native ? (
            [[%good, credential => {principal => 'p', secret => 's3cret:'}], qr/credential: neither .* may contain ':'/],
            [[%good, credential => {principal => 'p', secret => "s3cret\xff"}], qr/credential/],
        ) : (),
        [[%good, master_timeout => -0.5], qr/master_timeout: expected a number of seconds, 0 for no limit, got -0\.5/],
        [[%good, max_unanswered_calls => 0], qr/max_unanswered_calls: expected 1 to 1000, got 0/],
        [[%good, max_unanswered_calls => 1001], qr/max_unanswered_calls: expected 1 to 1000, got 1001/],
        [[%good, max_unanswered_calls => 'many'], qr/max_unanswered_calls/, qr/"many"/],
        [[%good, max_queued_calls => -1], qr/max_queued_calls: expected 1 to \d+, got -1/],
        [[%good, framework_id_file => '/nonexistent/x'], qr{framework_id_file: /nonexistent/x: the driver cannot make a file in its directory}],
        [[%good, framework_id_file => '/'], qr{framework_id_file: /: cannot be read}],
    ) {
        my ($args, @patterns) = @$case;
        my $what = join ' ', map { ref $_ || ($_ // 'undef') } @$args[@$args ? (-2, -1) : ()];
        dies_at __LINE__, sub { Mesos::SchedulerDriver->new(@$args) }, "new: $what", @patterns;
        unlike $@, qr/s3cret/;
    }
};

subtest 'methods' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good);
    my $task = {task_id => {value => 1}, slave_id => {value => 2}, name => 'n'};
    for my $case (
        [launchTasks => [], qr/Wrong number of parameters; got 0; expected 2 to 3/],
        [launchTasks => [[], [], {}, 1], qr/got 4; expected 2 to 3/],
        [launchTasks => [{value => 'o'}, []], qr/launchTasks: offerIds: expected an array reference/],
        [launchTasks => [['o'], []], qr/launchTasks: offerIds->\[0\]: expected Mesos::OfferID or a hash reference, got "o"/],
        [launchTasks => [[], [$task, undef]], qr/launchTasks: tasks->\[1\]: expected Mesos::TaskInfo .*got undef/],
        [launchTasks => [[{value => 'o'}], [{%$task, name => undef}]], qr/Mesos::TaskInfo\.name: required field is missing/],
        [launchTasks => [[{}], [$task]], qr/Mesos::OfferID\.value: required field is missing/],
        # A real master ends itself when it meets such a resource. On libmesos nobody looks.
        (map {
                my $text = {name => 'x', type => $_, scalar => {value => 1}};
                my $task = {%$task, slave_id => {value => 's'}};
                my $executor = {executor_id => {value => 'e'}, command => {value => 'x'}, resources => [$text]};
                my %operation = (type => Mesos::Offer::Operation::Type::LAUNCH());
                my $end = qr/\.type: expected SCALAR, RANGES or SET, got $_ at /;
                (
                    [launchTasks => [[{value => 'o'}], [{%$task, resources => [$text]}]], qr/^tasks: TaskInfo\.resources\[0\]$end/],
                    [launchTasks => [[{value => 'o'}], [{%$task, executor => $executor}]], qr/^tasks: TaskInfo\.executor\.resources\[0\]$end/],
                    [acceptOffers => [[{value => 'o'}], [{%operation, launch => {task_infos => [{%$task, resources => [$text]}]}}]],
                        qr/operations: Offer\.Operation 0: launch\.task_infos\[0\]\.resources\[0\]$end/],
                    [acceptOffers => [[{value => 'o'}], [{type => Mesos::Offer::Operation::Type::LAUNCH_GROUP(), launch_group => {executor => $executor, task_group => {tasks => [$task]}}}]],
                        qr/operations: Offer\.Operation 0: launch_group\.executor\.resources\[0\]$end/],
                )
        } $driver->backend eq 'native' ? (Mesos::Value::Type::TEXT(), 9) : ()),
        [launchTasks => [[], [], 'x'], qr/launchTasks: filters: .*"x"/],
        [launchTask => [[], []], qr/launchTask: offerId: /],
        [acceptOffers => [[], [1]], qr/acceptOffers: operations->\[0\]: expected Mesos::Offer::Operation/],
        [killTask => [], qr/Wrong number of parameters; got 0; expected 1 to 2/],
        [killTask => [{value => 't'}, 5], qr/killTask: killPolicy: expected Mesos::KillPolicy or a hash reference, got "5"/],
        [killTask => [{value => 't'}, {grace_period => {}}], qr/Mesos::KillPolicy\.grace_period\.nanoseconds: required field is missing/],
        [killTask => [{value => 't'}, {}, 1], qr/got 3; expected 1 to 2/],
        [killTask => ['t'], qr/killTask: taskId: expected Mesos::TaskID or a hash reference, got "t"/, qr/not isa Mesos::TaskID/],
        [killTask => [undef], qr/killTask: taskId: .*got undef/],
        [killTask => [Mesos::OfferID->new({value => 1})], qr/killTask: taskId: .*an object of Mesos::OfferID/],
        [declineOffer => [{value => 'o'}, {refuse_seconds => 'x'}], qr/Mesos::Filters\.refuse_seconds: expected a number, got "x"/],
        [sendFrameworkMessage => [{value => 'e'}, {value => 's'}, undef], qr/sendFrameworkMessage: data: expected a string, got undef/],
        [sendFrameworkMessage => [{value => 'e'}, {value => 's'}, {}], qr/data: expected a string, got a reference/],
        [reconcileTasks => [undef], qr/reconcileTasks: statuses: expected an array reference .*got undef/],
        [requestResources => [{}], qr/requestResources: requests: /],
        [reviveOffers => [1], qr/reviveOffers: roles: expected an array reference .*"1"/],
        [reviveOffers => [[], 1], qr/Wrong number of parameters; got 2; expected 0 to 1/],
        [suppressOffers => [[undef]], qr/suppressOffers: roles->\[0\]: expected a string, got undef/],
        [updateFramework => [], qr/Wrong number of parameters; got 0; expected 1 to 2/],
        [updateFramework => [{user => '', name => 'n'}, 'a'], qr/updateFramework: suppressedRoles: expected an array reference/],
        [updateFramework => [{user => ''}], qr/Mesos::FrameworkInfo\.name: required field is missing/],
        [acceptInverseOffers => [{value => 'o'}], qr/acceptInverseOffers: inverseOfferIds: expected an array reference/],
        [declineInverseOffers => [[{}]], qr/Mesos::OfferID\.value: required field is missing/],
        [reconcileOperations => [[{}]], qr/ReconcileOperations::Operation\.operation_id: required field is missing/],
        [shutdownExecutor => [{value => 'e'}], qr/Wrong number of parameters; got 1; expected 2/],
        [acknowledgeOperationStatus => [{state => 1}], qr/implicit_acknowledgements => 0/],
        [acknowledgeOperationStatus => ['x'], qr/acknowledgeOperationStatus: status: expected Mesos::OperationStatus/],
        [acknowledgeStatusUpdate => [{task_id => {value => 1}, state => 1}], qr/implicit_acknowledgements => 0/],
    ) {
        my ($method, $args, @patterns) = @$case;
        dies_at __LINE__, sub { $driver->$method(@$args) }, $method, @patterns;
    }
    for my $attribute (qw(master credential framework scheduler dispatcher)) {
        dies_at __LINE__, sub { $driver->$attribute(1) }, "write $attribute", qr/^Usage: \S+::$attribute\(self\)|read-only/;
    }
    is $driver->status, Mesos::Status::DRIVER_NOT_STARTED, 'the driver is as before';
};

subtest 'calls on a driver that does not run return its status' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good);
    my $id = {value => 'x'};
    my %calls = (
        launchTasks => [[$id], []], launchTask => [$id, []], killTask => [$id, {grace_period => {nanoseconds => 1}}], declineOffer => [$id], reviveOffers => [],
        suppressOffers => [], sendFrameworkMessage => [$id, $id, 42], reconcileTasks => [[]], requestResources => [[]],
        acceptOffers => [[$id], []], updateFramework => [{user => '', name => 'n'}], acceptInverseOffers => [[$id]],
        declineInverseOffers => [[$id], {refuse_seconds => 1}], shutdownExecutor => [$id, $id],
        reconcileOperations => [[{operation_id => $id}]],
    );
    is $driver->$_(@{$calls{$_}}), Mesos::Status::DRIVER_NOT_STARTED, "$_ before start" for sort keys %calls;
    is $driver->declineOffer($id, undef), Mesos::Status::DRIVER_NOT_STARTED, 'explicit undef for optional filters';
    is $driver->stop, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->abort, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->join, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->start, Mesos::Status::DRIVER_RUNNING;
    is $driver->running, 1;
    is $driver->start, Mesos::Status::DRIVER_RUNNING;
    is $driver->abort, Mesos::Status::DRIVER_ABORTED;
    is $driver->running, 0;
    is $driver->$_(@{$calls{$_}}), Mesos::Status::DRIVER_ABORTED, "$_ after abort" for sort keys %calls;
    is $driver->run, Mesos::Status::DRIVER_ABORTED;
    is $driver->stop, Mesos::Status::DRIVER_ABORTED, 'stop after abort, once';
    is $driver->stop, Mesos::Status::DRIVER_STOPPED;
    is $driver->start, Mesos::Status::DRIVER_STOPPED, 'cannot be started again';
    is $driver->running, 0;
    is $driver->run, Mesos::Status::DRIVER_STOPPED;
    is $driver->run_once, Mesos::Status::DRIVER_STOPPED;
    is $driver->status, Mesos::Status::DRIVER_STOPPED;
};

subtest 'secrets' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good, credential => {principal => 'p', secret => 's3cret'});
    is_deeply [ref $driver->credential, $driver->credential->{secret}], ['Mesos::Credential', 's3cret'];
    require Data::Dumper;
    local $Data::Dumper::Deparse = $Data::Dumper::Deparse = 1;
    unlike Data::Dumper::Dumper($driver), qr/s3cret/, 'not in a dump';
    is +Mesos::SchedulerDriver->new(%good)->credential, undef;
    my $master = 'zk://me:s3cret@127.0.0.1:1,127.0.0.2:1/mesos';
    my $with = Mesos::SchedulerDriver->new(%good, master => $master);
    is $with->master, $master;
    like Data::Dumper::Dumper($with), qr{'zk://\*\*\*\@127\.0\.0\.1:1,127\.0\.0\.2:1/mesos'}, "a master's password is not in a dump";
    unlike Data::Dumper::Dumper($with), qr/s3cret/;
};

subtest 'statistics' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good);
    my $stats = $driver->stats;
    is_deeply { %$stats, last_heartbeat_age => 1 }, {
        events => {}, calls => {}, answers => {}, last_heartbeat_age => 1,
        map { ($_ => 0) } qw(
            queue_length queue_high_water calls_waiting calls_unanswered calls_dropped calls_refused updates_received
            updates_acknowledged updates_made subscriptions reconnects disconnects bytes_in bytes_out
        ),
    };
    is $stats->{last_heartbeat_age}, undef;
    $driver->start;
    $driver->killTask({value => 't'});
    my $end = time + 30;
    select undef, undef, undef, 0.01 until $driver->stats->{calls_dropped} || time > $end;
    is $driver->stats->{calls_dropped}, 1, 'a call without a master';
    is_deeply $driver->stats->{calls}, {};
};

subtest 'calls without a master' => sub {
    for my $capabilities ([], [{type => Mesos::FrameworkInfo::Capability::Type::PARTITION_AWARE()}]) {
        my @updates;
        my $scheduler = Mesos::Scheduler->new;
        no warnings 'redefine';
        local *Mesos::Scheduler::statusUpdate = sub { push @updates, $_[2] };
        my $driver = Mesos::SchedulerDriver->new(%good, scheduler => $scheduler, framework => {user => '', name => 'n', capabilities => $capabilities});
        $driver->start;
        my $task = {task_id => {value => 't'}, slave_id => {value => 's'}, name => 'n'};
        $driver->launchTasks([{value => 'o'}], [$task]);
        $driver->acceptOffers([{value => 'o'}], [
                {type => Mesos::Offer::Operation::Type::LAUNCH(), launch => {task_infos => [{%$task, task_id => {value => 'u'}}]}},
                {type => Mesos::Offer::Operation::Type::LAUNCH_GROUP(), launch_group => {
                        executor => {executor_id => {value => 'e'}}, task_group => {tasks => [{%$task, task_id => {value => 'v'}}]}}},
        ]);
        my $end = time + 30;
        # libmesos says nothing of a task group.
        my @lost = $is_native ? qw(t u v) : qw(t u);
        $driver->dispatcher->wait(1) until @updates == @lost || time > $end;
        my $state = @$capabilities ? Mesos::TaskState::TASK_DROPPED() : Mesos::TaskState::TASK_LOST();
        is_deeply [map { [$_->{task_id}{value}, @$_{qw(state message source reason uuid slave_id)}] } @updates], [
            map { [$_, $state, 'Master disconnected', Mesos::TaskStatus::Source::SOURCE_MASTER(),
                    Mesos::TaskStatus::Reason::REASON_MASTER_DISCONNECTED(), undef, undef] } @lost
        ];
        is $driver->stats->{updates_made}, @lost;
    }
};

subtest 'a closed driver' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good);
    $driver->DEMOLISH;
    dies_at __LINE__, sub { $driver->killTask({value => 1}) }, 'killTask', qr/closed/;
    dies_at __LINE__, sub { $driver->status }, 'status', qr/closed/;
};

subtest 'a forked child' => sub {
    my $driver = Mesos::SchedulerDriver->new(%good);
    $driver->start;
    pipe my $read, my $write or die $!;
    my $pid = fork // die $!;
    if (!$pid) {
        my $ok = !eval { $driver->killTask({value => 1}); 1 } && $@ =~ /before the fork/;
        undef $driver;
        syswrite $write, $ok ? 'ok' : "not ok: $@";
        POSIX::_exit(0);
    }
    close $write;
    is scalar(readline $read), 'ok', 'cannot use the driver';
    waitpid $pid, 0;
    is $?, 0;
    is $driver->stop, Mesos::Status::DRIVER_STOPPED, 'the parent can';
};

subtest 'an unreachable master' => sub {
    package Errors;
    use Moo;
    extends 'Mesos::Scheduler';
    has errors => (is => 'ro', default => sub { [] });
    sub error { my ($self, $driver, $message) = @_; push @{$self->errors}, [$message, $driver->status] }
    package main;
    my $scheduler = Errors->new;
    my $driver = Mesos::SchedulerDriver->new(%good, scheduler => $scheduler, master_timeout => 0.2);
    is $driver->run, Mesos::Status::DRIVER_ABORTED, 'run ends after an error by itself';
    is scalar @{$scheduler->errors}, 1;
    like $scheduler->errors->[0][0], $is_native ? qr/no master at 127\.0\.0\.1:1 .*refused/ : qr/no master at 127\.0\.0\.1:1 for 0\.2 s/;
    is $scheduler->errors->[0][1], Mesos::Status::DRIVER_ABORTED, 'aborted already in the callback';
};

subtest 'nothing leaks' => sub {
    my $descriptors = sub { opendir my $dir, '/proc/self/fd' or return 0; scalar(() = readdir $dir) };
    my $cycle = sub { my $driver = Mesos::SchedulerDriver->new(%good); $driver->start; $driver->stop };
    $cycle->();
    my $before = $descriptors->();
    $cycle->() for 1 .. 10;
    is $descriptors->(), $before, 'descriptors';
    if (eval { require Test::LeakTrace; 1 }) {
        Test::LeakTrace::no_leaks_ok(sub { my $driver = Mesos::SchedulerDriver->new(%good); $driver->killTask({value => 1}) }, 'memory');
    }
};

done_testing;
