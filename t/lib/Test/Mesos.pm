package Test::Mesos;

# Scenarios that hold for any Mesos: t/ runs them on the embedded cluster, xt/ on a real one.

use 5.10.1;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here
use Test::Framework;
use Test::Mesos::Surface ();
use Test::More;

our @EXPORT_OK = qw(driver_for run_tasks command custom_executor scenarios hundred_tasks);

sub driver_for {
    my ($master, $scheduler, %more) = @_;
    return Mesos::SchedulerDriver->new(
        master => $master, framework => {user => '', name => 'perl test'}, scheduler => $scheduler, master_timeout => 30, %more);
}

# Runs tasks to their ends; the scheduler, and what run returned.
sub run_tasks {
    my ($master, $tasks, %more) = @_;
    my $scheduler = Test::Framework->new(tasks => [@$tasks], %{delete $more{scheduler} || {}});
    my $driver = driver_for($master, $scheduler, %more);
    local $SIG{ALRM} = sub { die "no end after 120 s; states: " . explain($scheduler->states) };
    alarm 120;
    my $status = $driver->run;
    alarm 0;
    return ($scheduler, $status);
}

# A subtest for each of these dispatchers.
sub hundred_tasks {
    my ($master, @dispatchers) = @_;
    for my $dispatcher (@dispatchers) {
        subtest "a hundred tasks with $dispatcher" => sub {
            my ($scheduler, $status) = run_tasks(
                $master, [map { command("t$_", 'true') } 1 .. 100], scheduler => {cpus => 0.1}, dispatcher => $dispatcher);
            is $status, Mesos::Status::DRIVER_STOPPED();
            is_deeply $scheduler->states, {map { ("t$_" => [0, 1, 2]) } 1 .. 100};
        };
    }
    return;
}

sub command {
    my ($id, $value, %more) = @_;
    return {task_id => {value => $id}, name => $id, command => {value => $value, %more}};
}

my $executor = abs_path(dirname(__FILE__) . '/../../executors/test_executor.pl');

sub custom_executor {
    my ($id) = @_;
    return {executor_id => {value => $id}, name => 'perl test executor', command => {value => "$^X $executor"}};
}

sub _custom {
    my ($id, $data, $executor_id) = @_;
    return {task_id => {value => $id}, name => $id, data => $data, executor => custom_executor($executor_id || 'e')};
}

# name => code($master)
sub scenarios {
    return (
        'states and messages of command tasks' => sub {
            my ($master) = @_;
            my ($scheduler, $status) = run_tasks($master, [
                    command('good', 'exit 0'), command('bad', 'exit 3'), command('variable', 'test "$GREETING" = hello',
                        environment => {variables => [{name => 'GREETING', value => 'hello'}]}),
                    command('program', '/bin/sh', shell => 0, arguments => ['sh', '-c', 'exit 0']),
            ]);
            is $status, Mesos::Status::DRIVER_STOPPED(), 'run returns DRIVER_STOPPED';
            is_deeply $scheduler->states, {
                (map { ($_ => [0, 1, 2]) } qw(good variable program)), bad => [0, 1, 3],
            }, 'STARTING, RUNNING, FINISHED or FAILED';
            is $scheduler->last_status->{bad}{message}, 'Command exited with status 3';
            is $scheduler->count('registered'), 1;
            is_deeply [map {ref} @{$scheduler->heard->[0]}[1, 2]], ['Mesos::FrameworkID', 'Mesos::MasterInfo'];
            my ($offers) = map { $_->[1] } grep { $_->[0] eq 'resourceOffers' } @{$scheduler->heard};
            is ref $offers->[0], 'Mesos::Offer';
            is ref $offers->[0]{resources}[0]{scalar} || 'Mesos::Value::Scalar', 'Mesos::Value::Scalar';
            is ref $scheduler->last_status->{good}, 'Mesos::TaskStatus';
        },
        'kill' => sub {
            my ($master) = @_;
            my ($scheduler) = run_tasks($master, [command('long', 'sleep 1000')], scheduler => {
                    on_update => sub { my ($driver, $status) = @_; $driver->killTask($status->{task_id}) if $status->{state} == 1 },
            });
            is $scheduler->states->{long}[-1], Mesos::TaskState::TASK_KILLED();
        },
        'a custom executor in Perl, and framework messages with any bytes' => sub {
            my ($master) = @_;
            my $bytes = join '', map {chr} 0 .. 255;
            my @echo;
            # Messages and updates take different ways to a driver of libmesos: either may be the last.
            my $finished = 0;
            my $stop_after_all = sub { my ($driver) = @_; $driver->stop if $finished == 3 && @echo == 3 };
            my ($scheduler, $status) = run_tasks($master, [map { _custom("t$_", "data $_ \0 \xff") } 1 .. 3], scheduler => {
                    stop_when_done => 0,
                    on_update => sub {
                        my ($driver, $update) = @_;
                        $driver->sendFrameworkMessage($update->{executor_id}, $update->{slave_id}, "$update->{task_id}{value}:$bytes")
                            if $update->{state} == 1;
                        $finished++ if $update->{state} == 2;
                        $stop_after_all->($driver);
                    },
                    on_message => sub {
                        my ($driver, $executor_id, $slave_id, $data) = @_;
                        push @echo, [ref $executor_id, ref $slave_id, $data];
                        $stop_after_all->($driver);
                    },
            });
            is $status, Mesos::Status::DRIVER_STOPPED();
            is_deeply $scheduler->states, {map { ("t$_" => [1, 2]) } 1 .. 3};
            is_deeply [sort { $a->[2] cmp $b->[2] } @echo],
                [map { ['Mesos::ExecutorID', 'Mesos::SlaveID', "t$_:$bytes"] } 1 .. 3], 'each message came back';
            is $scheduler->last_status->{t2}{data}, "data 2 \0 \xff", 'data of the task, through the executor';
        },
        'an executor that dies' => sub {
            my ($master) = @_;
            my $framework = Test::Framework->new(tasks => [_custom('t', 'exit 7', 'dies')], stop_when_done => 0);
            my $driver = driver_for($master, $framework);
            $driver->run_once until $framework->count('executorLost') && $framework->done || $framework->count('error');
            is $framework->last_status->{t}{state}, Mesos::TaskState::TASK_FAILED();
            is $framework->last_status->{t}{message}, 'Executor terminated';
            my ($lost) = grep { $_->[0] eq 'executorLost' } @{$framework->heard};
            is_deeply [map { ref || $_ } @$lost], ['executorLost', 'Mesos::ExecutorID', 'Mesos::SlaveID', 7 << 8];
            is $driver->stop, Mesos::Status::DRIVER_STOPPED();
        },
        'tasks that cannot be' => sub {
            my ($master) = @_;
            my ($scheduler) = run_tasks($master, [
                    {task_id => {value => 'neither'}, name => 'n'},
                    {%{command('much', 'true')}, resources => [{name => 'cpus', type => 0, scalar => {value => 100_000}}]},
                    {%{command('nothing', 'true')}, resources => []},
            ]);
            is_deeply $scheduler->states, {map { ($_ => [Mesos::TaskState::TASK_ERROR()]) } qw(neither much nothing)};
            like $scheduler->last_status->{neither}{message}, qr/at least one \(but not both\) of CommandInfo or ExecutorInfo/;
            like $scheduler->last_status->{much}{message}, qr/Total resources .* is more than available/;
            is $scheduler->last_status->{nothing}{message}, 'Task uses no resources';
        },
        'reconciliation' => sub {
            my ($master) = @_;
            my $asked;
            my ($scheduler) = run_tasks($master, [command('running', 'sleep 1000')], scheduler => {
                    expected => 2,
                    on_update => sub {
                        my ($driver, $status) = @_;
                        my $id = $status->{task_id}{value};
                        $driver->reconcileTasks([map { {task_id => {value => $_}, state => 1} } qw(running unknown)])
                            if $id eq 'running' && $status->{state} == 1 && !$asked++;
                        $driver->killTask({value => 'running'}) if $id eq 'unknown';
                    },
            });
            is $scheduler->states->{unknown}[0], Mesos::TaskState::TASK_LOST();
            is $scheduler->last_status->{unknown}{reason}, Mesos::TaskStatus::Reason::REASON_RECONCILIATION();
            is_deeply $scheduler->states->{running}, [0, 1, 1, 4];
        },
        'an update whose callback died comes again' => sub {
            my ($master) = @_;
            my $framework = Test::Framework->new(tasks => [command('t', 'true')], stop_when_done => 0);
            my $died;
            $framework->on_update(sub { my ($driver, $status) = @_; die "not now\n" if $status->{state} == 2 && !$died++ });
            # A dispatcher whose exceptions come out of run_once whatever loop there is.
            my $driver = driver_for($master, $framework, dispatcher => 'IOAsync');
            my $end = time + 100;
            until ($died && $framework->{states}{t} && @{$framework->states->{t}} >= 4 || time > $end) {
                eval { $driver->run_once; 1 } or is $@, "not now\n";
            }
            is_deeply $framework->states->{t}, [0, 1, 2, 2], 'TASK_FINISHED came twice';
            $driver->stop;
        },
        'explicit acknowledgements' => sub {
            my ($master) = @_;
            my ($scheduler) = run_tasks($master, [command('t', 'true')], implicit_acknowledgements => 0, scheduler => {
                    on_update => sub { my ($driver, $status) = @_; $driver->acknowledgeStatusUpdate($status) },
            });
            is_deeply $scheduler->states->{t}, [0, 1, 2];
        },
        'failover' => sub {
            my ($master) = @_;
            my %framework = (user => '', name => 'failover', failover_timeout => 60);
            my $first = Test::Framework->new(tasks => [command('t', 'sleep 1000')], stop_when_done => 0);
            my $driver = driver_for($master, $first, framework => \%framework);
            $driver->run_once until @{$first->states->{t} || []} >= 2;
            my $id = $first->heard->[0][1];
            is $driver->stop(1), Mesos::Status::DRIVER_STOPPED();
            if ($master eq 'local') {
                note 'the embedded cluster ends with its driver: no second one can take over';
                return;
            }
            undef $driver;
            my $second = Test::Framework->new(expected => 1, on_update => sub {
                    my ($driver, $status) = @_;
                    $driver->killTask($status->{task_id}) if $status->{state} == 1;
            });
            my $next = driver_for($master, $second, framework => {%framework, id => $id});
            $next->start;
            $next->run_once until $second->count('registered');
            is $second->heard->[0][1]{value}, $id->{value}, 'registered under the same id';
            $next->reconcileTasks([]);
            $next->run;
            is $second->states->{t}[-1], Mesos::TaskState::TASK_KILLED();
        },
        Test::Mesos::Surface::scenarios(),
    );
}

1;
