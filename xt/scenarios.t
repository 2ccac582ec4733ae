# The same scenarios on the embedded cluster and on a real Apache Mesos: the transcripts must be equal. Where they are not, the scenario
# says why, and docs/local-cluster.md has that sentence. xt/scenarios/*.pl are the scenarios.
#
# SCENARIO=text runs those whose names have this text, and prints their transcripts.
use 5.10.1;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use lib 't/lib';
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $real = $ENV{MESOS_TEST_REAL_MESOS} or plan skip_all => 'MESOS_TEST_REAL_MESOS names no directory of a real Mesos';

require Test::Scenario;

# [name, code, why the transcripts differ]
my @scenarios;
for my $file (sort glob 'xt/scenarios/*.pl') {
    my $read = do "./$file" or die "$file: ", $@ || $!;
    push @scenarios, @$read;
}
my %names;
$names{ $_->[0] }++ and die "two scenarios are called '$_->[0]'" for @scenarios;
my $wanted = $ENV{SCENARIO};
@scenarios = grep { index($_->[0], $wanted) >= 0 } @scenarios if defined $wanted;

my $scratch = tempdir(CLEANUP => 1);
my $lib = join ':', map { abs_path($_) } grep { -d } @INC;
my %same = (
    MESOS_RESOURCES => 'cpus:4;mem:2048;disk:4096;ports:[31000-31099];cpus(static):1', MESOS_ATTRIBUTES => 'rack:r1;level:3', MESOS_HOSTNAME => 'localhost',
    MESOS_EXECUTOR_ENVIRONMENT_VARIABLES => qq({"PATH":"/usr/local/bin:/usr/bin:/bin","HOME":"/","PERL5LIB":"$lib"}),
);
my %master = (MESOS_ALLOCATION_INTERVAL => '50ms');

my (@started, $tester);
$tester = $$;
END {
    if ($$ == $tester) {
        local $?; ## no critic (RequireInitializationForLocalVars): kept as it is
        for my $name (@started) {
            open my $in, '<', "$real/run/$name/pid" or next;
            chomp(my $pid = readline $in);
            kill TERM => -$pid;
            remove_tree("$real/run/$name");
        }
    }
}

# The socket is closed before somebody else may take its port.
sub port { my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1'); my $port = $socket->sockport; close $socket or die $!; return $port }

sub start {
    my ($name, $port, $kind, %settings) = @_;
    push @started, "$name-$$";
    system("$real/start.sh", "$name-$$", $port, $kind, map { "$_=$settings{$_}" } sort keys %settings) == 0 or die "$name does not start";
    return;
}

# Runs all on one cluster, in a process of its own; the file of its transcripts.
sub run_on {
    my ($side, $master) = @_;
    my $pid = fork // die $!;
    return ($pid, "$scratch/$side") if $pid;
    my %transcripts;
    for my $index (0 .. $#scenarios) {
        my $name = $scenarios[$index][0];
        my $since = time;
        my $scenario = Test::Scenario->new(master => $master, id => "s$index");
        local $SIG{__WARN__} = sub { my ($text) = @_; warn $text if $text !~ /\AMesos: / };
        my $done = eval { $scenario->{side} = $side; $scenarios[$index][1]->($scenario); 1 };
        $scenario->say('scenario', "died: $@") if !$done;
        $transcripts{$name} = $scenario->finish;
        diag sprintf '%s: %.1f s: %s', $side, time - $since, $name if defined $wanted || time - $since > 15;
    }
    open my $out, '>', "$scratch/$side" or die $!;
    print $out JSON::PP::encode_json(\%transcripts);
    close $out or die $!;
    POSIX::_exit(0);
}

# The embedded cluster as a program, so that the frameworks of a scenario share it.
sub start_local {
    my (%settings) = @_;
    local $^F = 1000;    # The program inherits the pipe.
    pipe my $ready, my $ready_writer or die $!;
    my $pid = fork // die $!;
    if (!$pid) {
        $ENV{$_} = $settings{$_} for keys %settings;
        exec 'blib/bin/mesos-local', qw(--port 0 --open --with-parent --ready-fd), fileno $ready_writer or POSIX::_exit(127);
    }
    close $ready_writer or die $!;
    my $said = JSON::PP::decode_json(readline($ready) // die 'mesos-local does not start');
    return $said->{address};
}

my $port = port();
start('scenario-master', $port, 'master', %master);
start('scenario-agent', port(), 'agent', %same, NODE_MASTER => "127.0.0.1:$port");
my @runs = ([run_on('real', "127.0.0.1:$port")], [run_on('local', start_local(%same, %master))]);
my ($theirs, $ours) = map {
    my ($pid, $file) = @$_;
    waitpid $pid, 0;
    is $?, 0, "$file: it ran to its end";
    open my $in, '<', $file or die "no $file: $!";
    local $/;
    JSON::PP::decode_json(readline $in);
} @runs;

my $page = do { open my $in, '<', 'docs/local-cluster.md' or die $!; local $/; readline $in };
for my $scenario (@scenarios) {
    my ($name, undef, $reason) = @$scenario;
    my ($their, $our) = ($theirs->{$name}, $ours->{$name});
    diag "$name\n  real:\n", map({"    $_\n"} @$their), "  local:\n", map({"    $_\n"} @$our) if defined $wanted;
    is_deeply [grep {/\Ascenario: /} @$their, @$our], [], "$name: it ran to its end";
    cmp_ok scalar(@$their), '>', 0, "$name: it says something";
    if (defined $reason) {
        isnt "@$their", "@$our", "$name differs: $reason";
        ok index($page, $reason) >= 0, "$name: docs/local-cluster.md says so";
    }
    else { is_deeply $our, $their, $name }
}
cmp_ok scalar(@scenarios), '>=', 80, 'no fewer than eighty' if !defined $wanted;

done_testing;
