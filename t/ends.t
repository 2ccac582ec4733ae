# However a program with an embedded cluster ends, nothing of the cluster is left: no helper, no task, no work directory.
use strict;
use warnings FATAL => 'all';
use File::Temp qw(tempdir);
use lib 't/lib';
use Test::Examples qw(start finish wait_for);
use Test::More;

-d '/proc/self' or plan skip_all => 'no /proc here';

my $scratch = tempdir(CLEANUP => 1);

# The state of a process as /proc has it, undef if there is none. Zombies are gone: nobody here waits for them.
sub is_alive {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return;
    # A process that ends between the two has no line.
    my $line = readline $in;
    return defined $line && $line =~ /.*\) [^ZX]/;
}

sub descriptors {
    my ($process) = @_;
    opendir my $all, "/proc/$process->{pid}/fd" or die "no descriptors: $!";
    return [sort { $a <=> $b } grep {/\d/} readdir $all];
}

sub is_sleep {
    my ($process) = @_;
    open my $in, '<', "/proc/$process->{pid}/comm" or return;
    return (readline($in) // '') eq "sleep\n";
}

# The program: a task tells who it is and who its parent is; then the program ends in the way that %s shows.
my $text = <<'END';
use strict;
use warnings;
use lib 't/lib';
use Mesos::Dispatcher::IOAsync;
use POSIX ();
use Test::Mesos qw(command);
$| = 1;
my ($scratch) = @ARGV;
my $framework = Test::Framework->new(stop_when_done => 0, tasks => [
    command('t', "setsid sleep 1000 & echo \$! \$\$ \$PPID > $scratch/pids.new; pwd > $scratch/pwd; mv $scratch/pids.new $scratch/pids; wait"),
]);
our $driver = Test::Mesos::driver_for('local', $framework, dispatcher => 'IOAsync');
$driver->run_once until -e "$scratch/pids";
print "running\n";
%s
END

my %ways = (
    'the end of the program' => ['', 0],
    'exit' => ['exit 3;', 3],
    'exit in a callback' => ['$driver->dispatcher->set_cb(sub { exit 4 }); $driver->dispatcher->send("x"); $driver->dispatcher->wait(20);', 4],
    'die' => ['die "over\n";', 255],
    'POSIX::_exit' => ['POSIX::_exit(5);', 5],
    'SIGKILL' => ['kill KILL => $$; sleep 100', 'signal 9'],
    'SIGTERM' => ['kill TERM => $$; sleep 100', 'signal 15'],
    'exec' => ['exec "true" or die;', 0],
    'exec of one that lives on' => ['exec "sleep", "1000" or die;', 'timeout'],
    'a fork that lives on' => ['my $pid = fork; if (!$pid) { open STDOUT, ">", "/dev/null"; sleep 1000; POSIX::_exit(0) } exit 6', 6],
    'closing all descriptors' => ['POSIX::close($_) for 3 .. 200; POSIX::_exit(7)', 7],
);

for my $way (sort keys %ways) {
    subtest $way => sub {
        my ($ending, $expected) = @{$ways{$way}};
        unlink "$scratch/pids", "$scratch/pwd";
        (my $program = $text) =~ s/%s/$ending/;
        my $process = start('-e', $program, $scratch);
        my $running = wait_for(60, sub { -e "$scratch/pids" && Test::Examples::said($process, 'out') =~ /running/ });
        ok $running, 'the task runs';
        my $left = sub {
            open my $in, '<', "$scratch/pids" or return 'no pids';
            return join ' ', grep { is_alive($_) } split ' ', readline $in;
        };
        ok wait_for(20, sub { $left->() eq '' }), 'helper, task and what it started are dead' or diag $left->();
        open my $in, '<', "$scratch/pwd" or die $!;
        chomp(my $sandbox = readline $in);
        ok wait_for(20, sub { !-e $sandbox }), 'its sandbox is gone';
        if ($expected eq 'timeout') {
            ok is_alive($process->{pid}), 'the program in its place lives';
            # What this test has inherited itself counts for both. Both have their new name before the loader has opened and
            # closed the libraries of sleep: a descriptor of ours stays, one of the loader does not.
            my $plain = start('-e', 'exec "sleep", "1000"');
            ok wait_for(20, sub { is_sleep($plain) && is_sleep($process) }), 'both are sleep now';
            wait_for(20, sub { "@{descriptors($process)}" eq "@{descriptors($plain)}" });
            is_deeply descriptors($process), descriptors($plain), 'with no descriptor of ours';
            finish($plain, 0);
        }
        my ($status, $out, $err) = finish($process, $expected eq 'timeout' ? 0.1 : 60);
        is $status, $expected, 'exit status' or diag $err;
        kill KILL => -$process->{pid};
    };
}

done_testing;
