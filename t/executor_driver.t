use strict;
use warnings FATAL => 'all';
use Test::More;
BEGIN { delete @ENV{grep {/\AMESOS_/} keys %ENV} }
use Mesos::Executor;
use Mesos::ExecutorDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# Without an agent: arguments, states, environment. With one: t/local.t.


sub dies_at {
    my ($line, $code, $name, @patterns) = @_;
    my $ok = eval { $code->(); 1 };
    ok !$ok, $name;
    my $error = $@;
    like $error, $_ for @patterns, qr/ at \Q${\__FILE__}\E line $line\b/;
}

subtest 'constructor' => sub {
    dies_at __LINE__, sub { Mesos::ExecutorDriver->new }, 'no executor', qr/^Missing required arguments: executor at /;
    dies_at __LINE__, sub { Mesos::ExecutorDriver->new(exector => 1) }, 'a misspelt one', qr/^Missing required arguments: executor \('exector' is none: did you mean 'executor'\?\) at /;
    dies_at __LINE__, sub { Mesos::ExecutorDriver->new(executor => bless {}, 'Foo') }, 'wrong class', qr/executor/, qr/"Executor"/;
};

my $driver = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new);
my $update = {task_id => {value => 't'}, state => Mesos::TaskState::TASK_RUNNING};

subtest 'methods' => sub {
    for my $case (
        [sendStatusUpdate => [], qr/Wrong number of parameters; got 0; expected 1/],
        [sendStatusUpdate => ['x'], qr/sendStatusUpdate: status: expected Mesos::TaskStatus or a hash reference, got "x"/],
        [sendStatusUpdate => [{state => 1}], qr/Mesos::TaskStatus\.task_id: required field is missing/],
        [sendStatusUpdate => [{%$update, state => 'x'}], qr/Mesos::TaskStatus\.state: expected .*got "x"/],
        [sendFrameworkMessage => [undef], qr/sendFrameworkMessage: data: expected a string, got undef/],
    ) {
        my ($method, $args, @patterns) = @$case;
        dies_at __LINE__, sub { $driver->$method(@$args) }, $method, @patterns;
    }
};

subtest 'before start' => sub {
    is $driver->status, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->sendStatusUpdate($update), Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->sendFrameworkMessage(42), Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->stop, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->abort, Mesos::Status::DRIVER_NOT_STARTED;
    is $driver->join, Mesos::Status::DRIVER_NOT_STARTED;
};

subtest 'statistics' => sub {
    my $stats = $driver->stats;
    is $stats->{last_heartbeat_age}, undef;
    is_deeply { %$stats, last_heartbeat_age => 0 }, {
        events => {}, calls => {}, answers => {},
        map { ($_ => 0) } qw(
            queue_length queue_high_water calls_waiting calls_unanswered calls_dropped calls_refused updates_sent
            updates_acknowledged subscriptions reconnects disconnects bytes_in bytes_out last_heartbeat_age
        ),
    };
};

subtest 'an environment without agent' => sub {
    dies_at __LINE__, sub { $driver->start }, 'start', qr/MESOS_\w+ is not set/, qr/agent/;
    dies_at __LINE__, sub { $driver->run }, 'run', qr/MESOS_\w+ is not set/;
    is $driver->running, 0;
    is $driver->status, Mesos::Status::DRIVER_NOT_STARTED, 'start can be tried again';
    local @ENV{qw(MESOS_FRAMEWORK_ID MESOS_EXECUTOR_ID MESOS_SLAVE_ID MESOS_DIRECTORY)} = qw(f e s /tmp);
    local $ENV{MESOS_SLAVE_PID} = 'nonsense';
    dies_at __LINE__, sub { $driver->start }, 'start', qr/MESOS_SLAVE_PID/, qr/nonsense/;
};

subtest 'autoflush goes back to what it was' => sub {
    local @ENV{qw(MESOS_FRAMEWORK_ID MESOS_EXECUTOR_ID MESOS_SLAVE_ID MESOS_DIRECTORY MESOS_SLAVE_PID MESOS_LOCAL)} =
        ('f', 'e', 's', '/tmp', 'slave(1)@127.0.0.1:1', 1);
    for my $before (0, 1) {
        for my $end (qw(stop abort)) {
            local $| = $before;
            my $driver = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new);
            $driver->stop;
            is $|, $before, 'stop without start changes nothing';
            is $driver->start, Mesos::Status::DRIVER_RUNNING;
            is $|, 1;
            $driver->start;
            $driver->$end;
            is $|, $before, $end;
        }
    }
    local $| = 0;
    my $driver = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, autoflush => 0);
    $driver->start;
    is $|, 0, 'autoflush => 0';
    $driver->stop;
};

subtest 'the token is not for others' => sub {
    require IO::Socket::INET;
    my $agent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
    my $address = '127.0.0.1:' . $agent->sockport;
    my $token = 'MESOS_EXECUTOR_AUTHENTICATION_TOKEN';
    local @ENV{qw(MESOS_FRAMEWORK_ID MESOS_EXECUTOR_ID MESOS_SLAVE_ID MESOS_DIRECTORY)} = ('F', 'E', 'S', '/tmp');
    local $ENV{$token} = 'to.k.en';
    my $new = sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, driver => 'native') };
    my $refused = $new->();
    ok !eval { $refused->start; 1 }, 'without an agent';
    is $ENV{$token}, 'to.k.en', 'a driver that did not start leaves it';
    local @ENV{qw(MESOS_SLAVE_PID MESOS_AGENT_ENDPOINT)} = ("slave(1)\@$address", $address);
    for my $name ('the first driver', 'a second one') {
        my $driver = $new->();
        $driver->start;
        ok !exists $ENV{$token}, "$name: not in the environment";
        is `$^X -e 'print defined \$ENV{$token} ? 1 : 0'`, 0, 'nor in that of other programs';
        local $SIG{ALRM} = sub { die "no connection\n" };
        alarm 60;
        my $connection = $agent->accept;
        my $head = '';
        sysread $connection, $head, 4096, length $head or die 'no head' until $head =~ /\r\n\r\n/;
        alarm 0;
        like $head, qr/^Authorization: Bearer to\.k\.en\r$/mi, 'the driver has it';
    }
    $ENV{$token} = 'new';
    my $driver = $new->();
    $driver->start;
    ok !exists $ENV{$token}, 'another one';
};

done_testing;
