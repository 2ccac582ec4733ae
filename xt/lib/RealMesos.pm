package RealMesos;

# Masters and agents of a real Mesos, for the tests that start their own. MESOS_TEST_REAL_MESOS is a directory with a start.sh that starts
# them: `start.sh NAME PORT master|agent [VAR=VALUE ...]`, its pid in run/NAME/pid.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Path qw(remove_tree);

our @EXPORT_OK = qw(up dies forget ended gone running pid_of environment);

my $tester = $$;
my %running;
END { if ($$ == $tester) { local $?; ended($_) for keys %running } }

# Where what this test's process of this name has is.
sub _folder { my ($name) = @_; return "$ENV{MESOS_TEST_REAL_MESOS}/run/$name-$$" }

# One master or agent; again under the same name it finds what it has left.
sub up {
    my ($name, $port, $kind, @settings) = @_;
    system("$ENV{MESOS_TEST_REAL_MESOS}/start.sh", "$name-$$", $port, $kind, @settings) == 0 or die "$name does not start";
    open my $in, '<', _folder($name) . '/pid' or die $!;
    chomp($running{$name} = readline $in);
    return;
}

sub pid_of { my ($name) = @_; return $running{$name} }

# It dies at once; what it has started lives on.
sub dies {
    my ($name) = @_;
    my $pid = delete $running{$name};
    kill KILL => $pid;
    gone($pid);
    return;
}

# Removes what one that has died has left.
sub forget { my ($name) = @_; remove_tree(_folder($name)); return }

sub ended {
    my ($name) = @_;
    kill TERM => -$running{$name};
    dies($name);
    forget($name);
    return;
}

# Whether all these processes are gone, at last.
sub gone {
    my (@pids) = @_;
    my $end = time + 60;
    select undef, undef, undef, 0.05 while (grep { running($_) } @pids) && time < $end;
    return !grep { running($_) } @pids;
}

# A zombie does not run: nobody may be there to reap it.
sub running {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    return (readline($in) // '') !~ /\) [ZX]/;
}

# What executors get as their environment, to find this module: a JSON object.
sub environment {
    my $lib = join ':', map { abs_path($_) } grep {-d} @INC;
    return qq({"PATH":"/usr/local/bin:/usr/bin:/bin","HOME":"/","PERL5LIB":"$lib"});
}

1;
