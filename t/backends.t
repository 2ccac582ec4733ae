use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Spec;
use Mesos;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
use Test::Examples qw(start finish);
use Test::Libmesos ();

# The choice of what drivers run on; and, in a build with the stand-in for libmesos, the drivers' scenarios on that.

my %good = (master => '127.0.0.1:1', framework => {user => '', name => 'backends'}, scheduler => Mesos::Scheduler->new);
my @backends = Mesos->backends;
my $libmesos = Test::Libmesos::libmesos();
my ($default) = grep { $_->{default} } @backends;
note join ', ', map {"$_->{name} $_->{version}"} @backends;

subtest 'what is built in' => sub {
    is $backends[0]{name}, 'native';
    is $backends[0]{version}, $Mesos::VERSION;
    ok $backends[0]{scheduler} && $backends[0]{executor}, 'has both drivers';
    is scalar(grep { $_->{default} } @backends), 1, 'one is the default';
    is scalar(@backends), $libmesos ? 2 : 1;
    ok $libmesos->{scheduler} || $libmesos->{executor}, 'libmesos has a driver' if $libmesos;
};

subtest 'choice' => sub {
    local $ENV{PERL_MESOS_DRIVER};
    is(Mesos::SchedulerDriver->new(%good, driver => 'native')->backend, 'native');
    is(Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, driver => 'native')->backend, 'native');
    is(Mesos::SchedulerDriver->new(%good)->backend, $default->{scheduler} ? $default->{name} : 'native', 'default');
    $ENV{PERL_MESOS_DRIVER} = 'native';
    is(Mesos::SchedulerDriver->new(%good)->backend, 'native', 'PERL_MESOS_DRIVER');
    $ENV{PERL_MESOS_DRIVER} = 'nonsense';
    is(Mesos::SchedulerDriver->new(%good, driver => 'native')->backend, 'native', 'the argument is stronger');
    my $line = __LINE__ + 1;
    ok !eval { Mesos::SchedulerDriver->new(%good); 1 };
    like $@, qr/^PERL_MESOS_DRIVER: expected "native" or "libmesos", got "nonsense" at \Q${\__FILE__}\E line $line\b/;
    ok !eval { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new); 1 };
    like $@, qr/^PERL_MESOS_DRIVER: expected "native" or "libmesos", got "nonsense"/;
    ok !eval { Mesos::SchedulerDriver->new(%good, driver => 'nonsense'); 1 };
    like $@, qr/^driver: expected "native" or "libmesos", got "nonsense" at/;
};

# Halves that are not there, each by its driver.
my %make = (
    scheduler => sub { Mesos::SchedulerDriver->new(%good, driver => 'libmesos') },
    executor => sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, driver => 'libmesos') },
);
for my $half (sort keys %make) {
    next if $libmesos && $libmesos->{$half};
    ok !eval { $make{$half}->(); 1 }, "libmesos has no $half driver here";
    like $@, $libmesos ? qr/^driver: libmesos \S+ was built in without its $half driver/ : qr/^driver: libmesos is not built in.*PERL_MESOS_INCLUDE.*--libmesos/s;
}

if (!$libmesos || $libmesos->{version} !~ /-standin\z/) {
    note 'the stand-in for libmesos is not built in: script/test has a step with it';
    done_testing;
    exit;
}

$ENV{PERL_MESOS_DRIVER} = 'libmesos';
# The stand-in gives executors the environment of this process.
$ENV{PERL5LIB} = join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC;

subtest 'some masters are always native' => sub {
    is(Mesos::SchedulerDriver->new(%good, master => $_)->backend, 'native', $_) for 'http://127.0.0.1:1';
    is(Mesos::SchedulerDriver->new(%good, master => 'local')->backend, 'native', 'local');
};

subtest 'errors of the executor driver' => sub {
    local %ENV = %ENV;
    delete @ENV{qw(MESOS_SLAVE_PID MESOS_EXECUTOR_ID)};
    my $driver = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new);
    is $driver->backend, 'libmesos';
    ok !eval { $driver->start; 1 };
    like $@, qr/^environment: MESOS_SLAVE_PID is not set/, 'libmesos would end the process';
    is $driver->status, Mesos::Status::DRIVER_NOT_STARTED();
};

subtest 'an error of the constructor is told at the start' => sub {
    local $ENV{MESOS_STANDIN_BAD_FLAG} = 1;
    my $scheduler = Test::Framework->new;
    is(Mesos::SchedulerDriver->new(%good, scheduler => $scheduler)->run, Mesos::Status::DRIVER_ABORTED());
    is_deeply $scheduler->heard, [['error', "Failed to load flag 'standin_bad_flag'"]];
};

subtest 'no master for five seconds' => sub {
    my $program = '$| = 1; my $status = Mesos::SchedulerDriver->new(master => "127.0.0.1:1", master_timeout => 5.5,
        framework => {user => "", name => "absent"}, scheduler => Mesos::Scheduler->new)->run; print "status $status\n"';
    my %process = map { local $ENV{PERL_MESOS_TRACE} = $_; delete $ENV{PERL_MESOS_TRACE} unless $_; ($_ => start('-MMesos::SchedulerDriver', '-e', $program)) } '', 'QUIET';
    my $target = '127.0.0.1:1';
    for ('', 'QUIET') {
        my ($code, $out, $err) = finish($process{$_}, 100);
        is $out, "status 3\n", 'ends with an error';
        is $err, $_ ? '' : qq(Mesos: framework "absent": no master at $target for 5 s: not registered (the driver goes on trying)\n)
            . "Mesos: the driver of this framework has failed: no master at $target for 5.5 s: not registered\n", $_ || 'told';
    }
};

subtest 'INFO has a line for every event and every call' => sub {
    local $ENV{PERL_MESOS_TRACE} = 'INFO';
    my $program = 'use lib "t/lib"; use Test::Framework; my $task = {task_id => {value => "t"}, name => "t", command => {value => "true"}};
        Mesos::SchedulerDriver->new(master => "127.0.0.1:5050", framework => {user => "", name => "told"}, scheduler => Test::Framework->new(tasks => [$task]))->run';
    my ($code, $out, $err) = finish(start('-MMesos::SchedulerDriver', '-e', $program), 100);
    is $code, 0, 'it ends' or diag $err;
    for my $line ('event registered', 'event resourceOffers', 'call ACCEPT', 'event statusUpdate', 'call ACKNOWLEDGE', 'call TEARDOWN') {
        like $err, qr/^I\d{4} .*\] libmesos: $line$/m, $line;
    }
};

my $master = '127.0.0.1:5050';
my @scenarios = Test::Mesos::scenarios();
# Written for masters and agents that do more than the stand-in does.
my %beyond = map { ($_ => 1) } 'an executor that is started again', 'offers are rescinded with their role',
    'operations that are acknowledged explicitly', 'requests, single tasks, and an abort', 'teardown ends tasks and executors';
while (my ($name, $code) = splice @scenarios, 0, 2) {
    subtest $name => sub {
        plan skip_all => 'beyond the stand-in' if $beyond{$name};
        $code->($master);
    };
}
Test::Mesos::hundred_tasks($master, qw(AnyEvent Interrupt));
Test::Libmesos::lifecycle($master);

done_testing;
