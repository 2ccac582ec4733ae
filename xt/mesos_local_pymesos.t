use 5.10.1;
use strict;
use warnings;
BEGIN { delete @ENV{grep {/\AMESOS_/ && !/\AMESOS_TEST_/} keys %ENV} }
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IPC::Open3 qw(open3);
use JSON::PP ();
use Mesos::XS;
use Symbol qw(gensym);
use Test::More;

# A scheduler and an executor of pymesos, unmodified, on mesos-local, over JSON. What pymesos needs of http-parser is in benches/pymesos.

my $site = tempdir(CLEANUP => 1);
my $pip = qx(python3 -m pip install -q --disable-pip-version-check --no-deps --target '$site' pymesos==0.3.15 addict six 2>&1);
if ($?) {
    print STDERR "SKIP mesos_local_pymesos: pip cannot install pymesos: $pip\n";
    plan skip_all => 'pip cannot install pymesos';
}

my $path = join ':', $site, abs_path('benches/pymesos');
my $executor = abs_path('xt/pymesos_executor.py');
chomp(my $python = qx(python3 -c 'import sys; print(sys.executable)'));

my @flags = (qw(--open --port=0 --ready-fd=1 --with-parent), '--resources=cpus:4;mem:1024');
my $pid = open my $ready, '-|', Mesos::XS::program_path(), @flags or die "mesos-local: $!";
END { kill TERM => $pid if $pid }
<$ready>;
my $address = JSON::PP::decode_json(scalar <$ready>)->{address};

local $ENV{PYTHONPATH} = $path;
my $scheduler = open3('<&STDIN', my $out, my $err = gensym, 'timeout', 60, $python, 'xt/pymesos_scheduler.py', $address, "PYTHONPATH=$path exec $python $executor");
my $said = do { local $/; <$out> };
my $log = do { local $/; <$err> };
waitpid $scheduler, 0;
is $?, 0, 'the framework ends' or diag $log;
is $said, "command TASK_STARTING TASK_RUNNING TASK_FAILED\nown TASK_RUNNING TASK_FINISHED\n[b'data\\x00\\xff']\n", 'with all that it did';

done_testing;
