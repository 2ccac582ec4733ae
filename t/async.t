# Mesos::Async: promises of each loop, on the embedded cluster.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Mesos::Async;
use Test::Dispatchers qw(each_dispatcher);
use Test::Examples ();
use Test::Files qw(slurp);
use Test::More;
use Test::Warned qw(warnings_of);

delete @ENV{qw(MESOS_MASTER MESOS_WORK_DIR)};
local $ENV{MESOS_RESOURCES} = 'cpus:4;mem:2048';
alarm 280;

my %class = (Mojo => 'Mojo::Promise', IOAsync => 'IO::Async::Future', map { ($_ => eval { require Future; 1 } ? 'Mesos::Async::Future' : 'AnyEvent::CondVar') } qw(AnyEvent Interrupt POE));

sub driver_with { return Mesos::Async->new(master => 'local', framework => {user => '', name => 'async'}, master_timeout => 60, @_) }

# Waits for a promise of any kind: ('value', @values) or ('error', $error).
sub settled {
    my ($driver, $promise) = @_;
    if ($promise->isa('Mojo::Promise')) {
        my @settled;
        $promise->then(sub { @settled = ('value', @_) }, sub { @settled = ('error', @_) });
        # A promise is told of in the loop's next turn.
        $driver->dispatcher->wait(0.05) until @settled;
        return @settled;
    }
    my @values;
    return eval { @values = $promise->isa('Future') ? $promise->get : $promise->recv; 1 } ? ('value', @values) : ('error', $@);
}

sub value_of {
    my ($kind, @values) = settled(@_);
    return wantarray ? @values : $values[0] if $kind eq 'value';
    fail "no value: $values[0]";
    return;
}

sub error_of {
    my ($kind, $error) = settled(@_);
    return $error if $kind eq 'error';
    fail 'no error';
    return Mesos::Error->new(text => 'none');
}

sub offers_of {
    my ($driver) = @_;
    while (my ($event, @args) = value_of($driver, $driver->next_event)) { return $args[0] if $event eq 'resourceOffers' }
    fail 'no offers';
    return [];
}

sub task {
    my ($command, %more) = @_;
    return {command => {value => $command}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}], %more};
}

my @now = (filters => {refuse_seconds => 0});

each_dispatcher(sub {
        my ($name) = @_;
        my $driver = driver_with(dispatcher => $name);
        my $started = $driver->start_p;
        isa_ok $started, $class{$name};
        my ($id) = value_of($driver, $started);
        isa_ok $id, 'Mesos::FrameworkID';
        is value_of($driver, $driver->start_p)->{value}, $id->{value}, 'start_p again';

        my @states;
        my $status = value_of($driver, $driver->launch_p(offers_of($driver), task('true'), @now, on_state => sub { push @states, $_[1] }));
        is $status->{message}, 'Command exited with status 0', 'launch_p: the last status';
        is_deeply \@states, [qw(TASK_STARTING TASK_RUNNING TASK_FINISHED)], 'on_state';

        my $error = error_of($driver, $driver->launch_p(offers_of($driver), task('exit 3', task_id => {value => 'bad'}), @now));
        isa_ok $error, 'Mesos::Error';
        is_deeply [$error->code, $error->task_id, $error->status->{message}, "$error"],
            ['task', 'bad', 'Command exited with status 3', 'bad: TASK_FAILED: Command exited with status 3'], 'a task that fails';
        is error_of($driver, $driver->launch_p('no offer', task('true')))->argument, 'offerIds->[0]', 'a call that dies';

        my ($running, $killed);
        my $long = $driver->launch_p(offers_of($driver)->[0], task('exec sleep 1000', task_id => {value => 'long'}), @now, on_state => sub {
                my ($update, $state) = @_;
                $running = 1 if $state eq 'TASK_RUNNING';
                $killed = 1 if $state eq 'TASK_KILLED';
        });
        $driver->dispatcher->wait(0.05) until $running;
        my $answers = value_of($driver, $driver->reconcile_p(['long', 'unknown']));
        is_deeply { map { ($_ => Mesos::TaskState->name_of($answers->{$_}{state})) } keys %$answers }, {long => 'TASK_RUNNING', unknown => 'TASK_LOST'}, 'reconcile_p';
        is_deeply [sort keys %{value_of($driver, $driver->reconcile_p([], timeout => 1))}], ['long'], 'of all tasks';
        $driver->cancel($long);
        if ($long->can('is_cancelled')) {
            ok $long->is_cancelled, 'a future is cancelled at once';
            $driver->dispatcher->wait(0.05) until $killed;
        }
        else {
            is error_of($driver, $long)->code, 'cancelled', 'cancelled';
        }
        ok $killed, 'and its task killed';

        my $open = $driver->launch_p(offers_of($driver), task('exec sleep 1000'), @now);
        my $stopped = $driver->stopped_p;
        my $declined = $driver->decline_p([]);
        is value_of($driver, $declined), Mesos::Status::DRIVER_RUNNING(), 'decline_p';
        $driver->stop;
        is value_of($driver, $stopped), Mesos::Status::DRIVER_STOPPED(), 'stopped_p';
        is value_of($driver, $driver->stopped_p), Mesos::Status::DRIVER_STOPPED(), 'stopped_p of one that has ended';
        my $why = error_of($driver, $open);
        is_deeply [$why->code, "$why"], ['driver', 'the driver was stopped'], 'what waits is rejected';
        is error_of($driver, $driver->launch_p(['x'], task('true')))->code, 'argument', 'a wrong call';
        is error_of($driver, $driver->launch_p({value => 'x'}, task('true', slave_id => {value => 's'})))->code, 'driver', 'a call after the end';
        1 while value_of($driver, $driver->next_event);
        pass 'and the stream ends';
});

subtest 'a driver that fails' => sub {
    my $port = Test::Examples::free_port();
    my $driver = Mesos::Async->new(master => "127.0.0.1:$port", master_timeout => 0.2, framework => {user => '', name => 'async'});
    my $stopped = $driver->stopped_p;
    my $error = error_of($driver, $driver->start_p);
    is $error->code, 'driver', 'code';
    like "$error", qr/^no master at 127\.0\.0\.1:$port /, 'text';
    is error_of($driver, $stopped)->code, 'driver', 'stopped_p';
    is error_of($driver, $driver->stopped_p)->code, 'driver', 'stopped_p afterwards';
};

subtest "the program's own scheduler, and updates whose on_state dies" => sub {
    { package Own; use Moo; extends 'Mesos::Scheduler'; sub statusUpdate { push @{$_[0]{seen}}, $_[2]{state} } }
    my $own = Own->new;
    my $driver = driver_with(scheduler => $own, on_exception => 'warn');
    value_of($driver, $driver->start_p);
    my $died;
    local $SIG{__WARN__} = sub { $died .= $_[0] };
    my $promise = $driver->launch_p(offers_of($driver), task('true'), on_state => sub { die "not now\n" if $_[1] eq 'TASK_FINISHED' && !$died });
    is value_of($driver, $promise)->{state}, Mesos::TaskState::TASK_FINISHED(), 'resolved';
    is_deeply $own->{seen}, [0, 1, 2, 2], 'when the update came again';
    like $died, qr/statusUpdate died: not now/, 'after it died';
    $driver->stop;
};

subtest 'tasks as a runner takes them' => sub {
    my $driver = driver_with();
    value_of($driver, $driver->start_p);
    my $dir = tempdir(CLEANUP => 1);
    my $print = sub { ['sh', '-c', 'printf %s "$1" >"$2"', 'sh', '* \'', "$dir/$_[0]"] };
    value_of($driver, $driver->launch_p(offers_of($driver), {command => "echo \$((6 * 7)) >$dir/text", cpus => 0.1}, @now));
    is slurp("$dir/text"), "42\n", 'a command for the shell';
    my $offers = offers_of($driver);
    value_of($driver, $driver->launch_p($offers, {command => $print->('list'), cpus => 0.1, mem => '32'}, @now));
    is slurp("$dir/list"), q(* '), 'a program with its arguments';

    $offers = offers_of($driver);
    my $much = $driver->launch_p($offers, {command => 'true', cpus => 0.1, mem => 4096});
    my $error = error_of($driver, $much);
    like "$error", qr/^launch_p: the task 'task-\d+-\d+' does not fit: it needs cpus:0.1;mem:4096, but what is offered is cpus:4;mem:2048;\S+$/, 'too much';
    is_deeply [$error->code, $error->method, $error->argument], ['argument', 'launch_p', undef], 'its parts';
    like error_of($driver, $driver->launch_p($offers, {command => 'true', gpus => 1}))->message, qr/it needs gpus:1, but/, 'of what is not there';
    my $status = value_of($driver, $driver->launch_p($offers, {command => 'true', cpus => 0.1, disk => 0}, @now));
    is $status->{state}, Mesos::TaskState::TASK_FINISHED(), 'the offer is still there';

    like error_of($driver, $driver->launch_p({%{$offers->[0]}, resources => []}, {command => 'true', cpus => 1}))->message, qr/it needs cpus:1, but what is offered is nothing$/;
    my $seen = error_of($driver, $driver->launch_p(offers_of($driver), {command => 'exit 7', resources => 'cpus:0.1;ports:[31007-31008]'}, @now))->status;
    is $seen->{message}, 'Command exited with status 7', 'whatever is resources';

    for my $case (
        [{command => 'true', resources => {cpus => 'x'}}, qr/^launch_p: task: resources: 'x' is no amount of 'cpus' at $0 /],
        [{command => 'true', cpus => -1}, qr/^launch_p: task: cpus: expected a number, at least 0, got "-1" at $0 line \d+/],
        [{command => 'true', mem => '32MB'}, qr/^launch_p: task: mem: expected a number, at least 0, got "32MB" at /],
        [{command => 'true', cpus => 1, resources => []}, qr/^launch_p: task: expected either resources or cpus and the like, got both at $0 /],
        [{command => [], cpus => 1}, qr/^launch_p: task: command: expected a program and its arguments, got an empty list at $0 /],
        [{command => ['echo', undef], cpus => 1}, qr/^launch_p: task: command: expected a program and its arguments, got something else among them at $0 /],
        )
    {
        my ($task, $wanted) = @$case;
        ok !eval { $driver->launch_p($offers, $task); 1 }, 'refused';
        like $@, $wanted, 'in words';
    }
    ok !eval { $driver->launch_p({value => 'O1'}, {command => 'true', mem => 1, slave_id => {value => 's'}}); 1 }, 'an id has no resources';
    like $@, qr/^launch_p: task: mem: expected a whole offer \(Mesos::Offer\) to take it of, got a reference to hash at $0 /, 'in words' or diag $@;
    $driver->stop;
};

subtest 'messages of executors' => sub {
    require Test::Mesos;
    my $driver = driver_with();
    value_of($driver, $driver->start_p);
    my $update;
    my $task = {task_id => {value => 't'}, name => 't', executor => Test::Mesos::custom_executor('e'), resources => task('')->{resources}};
    my $end = $driver->launch_p(offers_of($driver), $task, on_state => sub { $update ||= $_[0] });
    $driver->dispatcher->wait(0.05) until $update;
    is value_of($driver, $driver->message_p($update->{executor_id}, $update->{slave_id}, "t:ping")), 't:ping', 'message_p';
    is error_of($driver, $driver->message_p({value => 'nobody'}, $update->{slave_id}, 'x', timeout => 0.1))->code, 'timeout', 'nobody answers';
    is value_of($driver, $end)->{state}, Mesos::TaskState::TASK_FINISHED(), 'the task';
    $driver->stop;
};

subtest 'operations' => sub {
    my $reserve = sub {
        my ($driver) = @_;
        value_of($driver, $driver->start_p);
        my $resources = [{name => 'cpus', type => 0, scalar => {value => 1}, reservations => [{type => 2, role => 'r', principal => 'p'}]}];
        return $driver->operation_p(offers_of($driver), {type => Mesos::Offer::Operation::Type::RESERVE(), reserve => {resources => $resources}});
    };
    my $driver = driver_with();
    like error_of($driver, $reserve->($driver)),
        qr/^operation-\d+-1: OPERATION_ERROR: A reserve operation was attempted for a resource with role 'r', but the resource was allocated to role '\*'/,
        'one that Mesos refuses is rejected';
    $driver->stop;
    my @capabilities = map { {type => Mesos::FrameworkInfo::Capability::Type->can($_)->()} } qw(MULTI_ROLE RESERVATION_REFINEMENT);
    my $of_role = driver_with(framework => {user => '', name => 'async', principal => 'p', roles => ['r'], capabilities => \@capabilities});
    is value_of($of_role, $reserve->($of_role))->{state}, Mesos::OperationState::OPERATION_FINISHED(), 'one that is done is resolved';
    $of_role->stop;
};

subtest 'names that are nearly right' => sub {
    my $driver = driver_with();
    my @told;
    local $SIG{__WARN__} = sub { push @told, @_ };
    no warnings 'void';
    my $line = __LINE__ + 1;
    { $driver->launch_p([], {}, on_sate => sub { }); $driver->reconcile_p([], timout => 1); $driver->operation_p([], {}, filter => {}); $driver->message_p({value => 'e'}, {value => 's'}, '', timeot => 1); $driver->launch_p([], {}, 'filters') }
    s/ at \Q${\__FILE__}\E line $line\.\n\z// or fail("not at line $line: $_") for @told;
    is_deeply [grep { !/not started|nobody has kept it/ } @told], [
        "launch_p: unknown argument 'on_sate': did you mean 'on_state'?", "reconcile_p: unknown argument 'timout': did you mean 'timeout'?",
        "operation_p: unknown argument 'filter': did you mean 'filters'?", "message_p: unknown argument 'timeot': did you mean 'timeout'?",
        'launch_p: expected pairs of a name and a value after the arguments, got an odd number',
    ];
};

subtest 'values that are wrong' => sub {
    no warnings 'Mesos';
    my $driver = driver_with();
    for my $case (
        [launch_p => [[], {}, on_state => 'states'], 'on_state: expected a code reference, got "states"'],
        [launch_p => [[], {}, on_state => []], 'on_state: expected a code reference, got a reference to array'],
        [reconcile_p => ['t'], 'expected an array reference of ids of tasks, or of Mesos::TaskStatus, got "t"'],
        [reconcile_p => [[], timeout => '1s'], 'timeout: expected a number of seconds, got "1s"'],
        [message_p => [{value => 'e'}, {value => 's'}, '', timeout => -1], 'timeout: expected a number of seconds, got "-1"'],
        [launch_p => [[], 'true'], 'task: expected Mesos::TaskInfo or a hash reference, got "true"'],
        [launch_p => [[], undef], 'task: expected Mesos::TaskInfo or a hash reference, got undef'],
        [operation_p => [[], []], 'operation: expected Mesos::Offer::Operation or a hash reference, got a reference to array'],
        (map { [operation_p => [[], {type => Mesos::Offer::Operation::Type->can($_)->()}], "$_ has no state of its own, only its tasks have: call launch_p or acceptOffers"] }
                qw(LAUNCH LAUNCH_GROUP)),
    ) {
        my ($method, $arguments, $text) = @$case;
        my $line = __LINE__ + 1;
        eval { $driver->$method(@$arguments); 1 } and fail "$method lives";
        is $@, "$method: $text at ${\__FILE__} line $line.\n", 'at the line of the call';
    }
};

# Mojo's promises tell by themselves.
my %dropped = (
    launch_p => sub { $_[0]->launch_p(offers_of_scheduler($_[0]), task('exit 3', task_id => {value => 't'}), @now); return },
    message_p => sub { $_[0]->message_p({value => 'e'}, {value => 's'}, 'x', timeout => 0.1); return },
    'a call that dies' => sub { $_[0]->launch_p('no offer', task('true')); return },
);
my %why = (
    launch_p => "launch_p: its promise is rejected, and nobody has kept it: t: TASK_FAILED: Command exited with status 3",
    message_p => "message_p: its promise is rejected, and nobody has kept it: message_p: no answer of the executor 'e'",
    'a call that dies' => 'launch_p: its promise is rejected, and nobody has kept it: launchTasks: offerIds->[0]: expected Mesos::OfferID or a hash reference, '
        . 'got "no offer" (Value "no offer" did not pass type constraint "OfferID" (not isa Mesos::OfferID))',
);
{ package Offered; use Moo; extends 'Mesos::Scheduler'; sub resourceOffers { $_[0]{offers} = $_[2] } }
{ package Updated; use Moo; extends 'Offered'; sub statusUpdate { } }
sub offers_of_scheduler { my ($driver) = @_; $driver->dispatcher->wait(0.05) until $driver->scheduler->{offers}; return $driver->scheduler->{offers}[0] }
sub after_three_updates { my ($driver) = @_; $driver->dispatcher->wait(0.05) until $driver->stats->{updates_acknowledged} >= 3; return }

each_dispatcher(sub {
        my ($name) = @_;
        my $driver = driver_with(dispatcher => $name, scheduler => Offered->new);
        value_of($driver, $driver->start_p);
        for my $what (sort keys %dropped) {
            my @told;
            local $SIG{__WARN__} = sub { push @told, @_ };
            $dropped{$what}->($driver);
            $driver->dispatcher->wait(0.05) until @told;
            is scalar(@told), 1, "$what, which nobody keeps";
            if ($name eq 'Mojo') { like $told[0], qr/\AUnhandled rejected promise: / }
            else { like $told[0], qr/\A\Q$why{$what} at ${\__FILE__}\E line \d+\.\n\z/ }
            # Once for a line, and there are several dispatchers.
            Mesos::Warnings::_forget();
        }
        $driver->stop;
});

subtest 'promises that nobody needs to keep' => sub {
    my @told = warnings_of(sub {
            my $driver = driver_with(scheduler => Updated->new);
            value_of($driver, $driver->start_p);
            $driver->launch_p(offers_of_scheduler($driver), task('exit 3'), @now);
            after_three_updates($driver);
            $driver->stop;

            my ($last, $failure) = ('', '');
            $driver = driver_with(scheduler => Offered->new);
            value_of($driver, $driver->start_p);
            $driver->launch_p(offers_of_scheduler($driver), task('exit 3'), @now, on_state => sub { $last = $_[1] });
            after_three_updates($driver);
            is $last, 'TASK_FAILED', 'on_state';
            $driver->message_p({value => 'e'}, {value => 's'}, 'x', timeout => 0.1)->on_fail(sub { $failure = $_[0] }) if $class{AnyEvent} =~ /Future/;
            my $kept = $driver->message_p({value => 'e'}, {value => 's'}, 'x', timeout => 0.2);
            is error_of($driver, $kept)->code, 'timeout';
            like $failure, qr/no answer/, 'on_fail' if $class{AnyEvent} =~ /Future/;
            $driver->launch_p({value => 'o'}, task('true', slave_id => {value => 's'}));
            $driver->stop;

            $driver = driver_with();
            value_of($driver, $driver->start_p);
            $driver->launch_p(offers_of($driver), task('exit 3'), @now);
            my $updates = 0;
            while ($updates < 3) { my ($event) = value_of($driver, $driver->next_event); $updates++ if $event eq 'statusUpdate' }
            $driver->stop;
            is_deeply $driver->_asked, {}, 'and nothing of them is left';
    });
    is_deeply \@told, [];
};

subtest 'a start that fails, and nobody looks' => sub {
    my $port = Test::Examples::free_port();
    my $program = sprintf 'use Mesos::Async; my $driver = Mesos::Async->new(master => "127.0.0.1:%d", master_timeout => 0.2, framework => {user => "", name => "n"}); '
        . '$driver->start_p; $driver->dispatcher->wait(0.05) while $driver->running; print "end\n"', $port;
    my ($status, $out, $err) = Test::Examples::finish(Test::Examples::start('-e', $program), 60);
    is_deeply [$status, $out], [0, "end\n"];
    like $err, qr/\AMesos: the driver of this framework has failed: no master at 127\.0\.0\.1:$port for 0\.2 s: [^\n]*\n\z/, 'the driver tells';
};

subtest 'an unreferenced driver goes' => sub {
    no warnings 'Mesos';
    my $driver = driver_with();
    $driver->reconcile_p([], timeout => 1000);
    Scalar::Util::weaken(my $gone = $driver);
    undef $driver;
    is $gone, undef, 'no circle holds it';
};

done_testing;
