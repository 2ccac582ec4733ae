# Mesos::Async: promises of each loop, on the embedded cluster.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Mesos::Async;
use Test::Dispatchers qw(each_dispatcher);
use Test::Examples ();
use Test::More;

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
    is_deeply [grep { !/not started/ } @told], [
        "launch_p: unknown argument 'on_sate': did you mean 'on_state'?", "reconcile_p: unknown argument 'timout': did you mean 'timeout'?",
        "operation_p: unknown argument 'filter': did you mean 'filters'?", "message_p: unknown argument 'timeot': did you mean 'timeout'?",
        'launch_p: expected pairs of a name and a value after the arguments, got an odd number',
    ];
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
