use 5.10.1;
use strict;
use warnings;
BEGIN { delete @ENV{grep {/\AMESOS_/} keys %ENV} }
use JSON::PP ();
use Mesos::XS;
use POSIX ();
use lib 't/lib';
use Test::More;
use Test::Mesos qw(scenarios);

# Drivers on the program mesos-local, over its port: the scenarios that hold for any Mesos.

my $path = Mesos::XS::program_path();
ok -x $path, 'the program is there';

# What users start is a script that turns into it.
sub said_by {
    my (@command) = @_;
    open my $out, '-|', @command or die "cannot run $command[0]: $!";
    my $said = do { local $/; <$out> };
    close $out;
    return ($said, $? >> 8);
}
is_deeply [said_by($^X, (map {"-I$_"} grep { !ref } @INC), 'perl/bin/mesos-local', '--version')], ["mesos-local $Mesos::VERSION\n", 0], 'the script is the program';
is_deeply [said_by('sh', '-c', 'exec 2>&1; exec "$0" --nonsense', $path)]->[1], 2, 'and has its status';

pipe my $read, my $write or die "pipe: $!";
my $variables = JSON::PP::encode_json({PERL5LIB => Mesos::XS::include_path()});
my $pid = fork;
die "fork: $!" unless defined $pid;
if (!$pid) {
    # The program closes it when it has told.
    POSIX::dup2(fileno $write, 9) or POSIX::_exit(1);
    open STDOUT, '>', '/dev/null' or POSIX::_exit(1);
    $SIG{PIPE} = 'DEFAULT';
    close STDIN;
    exec {$path} 'mesos-local', qw(--open --port=0 --ready-fd=9 --with-parent), '--resources=cpus:8;mem:4096;disk:4096;ports:[31000-32000]',
        "--executor_environment_variables=$variables";
}
END { my $status = $?; kill KILL => $pid if $pid; waitpid $pid, 0 if $pid; $? = $status }
close $write or die "close: $!";
my $ready = JSON::PP::decode_json(do { local $/; <$read> });
is $ready->{pid}, $pid, 'it says who it is';
is readlink "/proc/$pid/fd/0", '/dev/null', 'nothing that it has opened is its standard input';
open my $status, '<', "/proc/$pid/status" or die "status: $!";
my ($ignored) = map {/^SigIgn:\s*(\S+)/} <$status>;
ok hex($ignored) & 1 << POSIX::SIGPIPE() - 1, 'a closed pipe does not end it';

my @scenarios = scenarios();
while (my ($name, $code) = splice @scenarios, 0, 2) {
    subtest $name => sub { $code->($ready->{address}) };
}

kill TERM => $pid;
waitpid $pid, 0;
is $?, 0, 'it ends in order';
undef $pid;

done_testing;
