use strict;
use warnings;
use File::Temp qw(tempdir);
use lib 't/lib';
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Test::Mesos qw(command run_tasks scenarios);
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# The embedded cluster: the scenarios that hold for any Mesos, and what only it can do.

my @scenarios = scenarios();
while (my ($name, $code) = splice @scenarios, 0, 2) {
    subtest $name => sub { $code->('local') };
}

subtest 'a hundred tasks with each dispatcher' => sub {
    each_dispatcher(sub {
            my ($dispatcher) = @_;
            my ($scheduler, $status) = run_tasks('local', [map { command("t$_", 'true') } 1 .. 100], dispatcher => $dispatcher);
            is $status, Mesos::Status::DRIVER_STOPPED();
            is_deeply $scheduler->states, {map { ("t$_" => [0, 1, 2]) } 1 .. 100};
    });
};

subtest 'no task is a child of this process' => sub {
    my $signals = 0;
    my @children;
    {
        local $SIG{CHLD} = sub { $signals++ };
        my ($scheduler) = run_tasks('local', [command('t', 'true'), command('u', 'exit 1')], scheduler => {
                on_update => sub { push @children, wait }});
        is_deeply $scheduler->states, {t => [0, 1, 2], u => [0, 1, 3]};
    }
    is_deeply [grep { $_ != -1 } @children], [], 'wait finds none';
    cmp_ok $signals, '<=', 1, 'and SIGCHLD is left to the program';
};

subtest 'a task for a container is not run on the bare machine' => sub {
    my ($scheduler) = run_tasks('local', [
            {%{command('docker', 'true')}, container => {type => Mesos::ContainerInfo::Type::DOCKER(), docker => {image => 'debian'}}},
            {%{command('plain', 'true')}, container => {type => Mesos::ContainerInfo::Type::MESOS()}},
    ]);
    is $scheduler->states->{docker}[-1], Mesos::TaskState::TASK_FAILED();
    like $scheduler->last_status->{docker}{message}, qr/Failed to launch container: .*Docker/;
    is_deeply $scheduler->states->{plain}, [0, 1, 2];
};

subtest 'killTask with a policy: it goes before that of the task' => sub {
    my $ready = tempdir(CLEANUP => 1) . '/ready';
    my ($scheduler) = run_tasks('local', [
            {%{command('t', "trap '' TERM; : > $ready; while :; do sleep 1; done")}, kill_policy => {grace_period => {nanoseconds => 3600e9}}},
        ], scheduler => {
            on_update => sub {
                my ($driver, $status) = @_;
                return unless $status->{state} == Mesos::TaskState::TASK_RUNNING();
                my $end = time + 60;
                select undef, undef, undef, 0.02 until -e $ready || time > $end;
                $driver->killTask($status->{task_id}, {grace_period => {nanoseconds => 0}});
            },
        });
    is $scheduler->states->{t}[-1], Mesos::TaskState::TASK_KILLED();
    is $scheduler->last_status->{t}{message}, 'Command terminated with signal Killed';
};

subtest 'what runs ends with the driver' => sub {
    my $scratch = tempdir(CLEANUP => 1);
    # It ignores what asks it to end.
    my $framework = Test::Framework->new(stop_when_done => 0, tasks => [
            command('t', "trap '' TERM INT HUP; echo \$\$ > $scratch/new; mv $scratch/new $scratch/pid; while :; do sleep 1; done")]);
    my $driver = Test::Mesos::driver_for('local', $framework);
    my $end = time + 60;
    until (-e "$scratch/pid" || time > $end) {
        $driver->start unless $driver->running;
        $driver->dispatcher->wait(0.05);
    }
    open my $in, '<', "$scratch/pid" or return fail 'the task runs';
    chomp(my $pid = readline $in);
    ok kill(0, $pid), 'the task runs';
    my $start = time;
    undef $driver;
    cmp_ok time - $start, '<', 4, 'its driver ends without waiting out a grace period';
    ok !kill(0, $pid), 'and the process is gone';
};

done_testing;
