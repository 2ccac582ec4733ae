# The same scenarios on the embedded cluster and on a real Apache Mesos: the transcripts must be equal. Where they are not, the scenario
# says why, and docs/local-cluster.md has that sentence. xt/scenarios/*.pl are the scenarios.
#
# SCENARIO=text runs those whose names have this text, and prints their transcripts.
use 5.10.1;
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP ();
use lib 't/lib', 'xt/lib';
use POSIX ();
use RealMesos qw(up environment);
use Test::Examples qw(free_port);
use Test::More;
use Time::HiRes qw(time);

$ENV{MESOS_TEST_REAL_MESOS} or plan skip_all => 'MESOS_TEST_REAL_MESOS names no directory of a real Mesos';

require Mesos::Test::Cluster;
require Test::Scenario;

# [name, code, why the transcripts differ, what of a line differs]
my @scenarios;
for my $file (sort glob 'xt/scenarios/*.pl') {
    my $read = do "./$file" or die "$file: ", $@ || $!;
    push @scenarios, @$read;
}
my %names;
$names{$_->[0]}++ and die "two scenarios are called '$_->[0]'" for @scenarios;
my $wanted = $ENV{SCENARIO};
@scenarios = grep { index($_->[0], $wanted) >= 0 } @scenarios if defined $wanted;

my $scratch = tempdir(CLEANUP => 1);
my %same = (
    resources => 'cpus:4;mem:2048;disk:4096;ports:[31000-31099];cpus(static):1', attributes => 'rack:r1;level:3', hostname => 'localhost',
    executor_environment_variables => environment(),
);
my %master = (allocation_interval => '50ms');

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

my $variables = sub { my (%given) = @_; return map { uc("MESOS_$_") . "=$given{$_}" } sort keys %given };
my $port = free_port();
my $agent_port = free_port();
up('scenario-master', $port, 'master', $variables->(%master));
up('scenario-agent', $agent_port, 'agent', $variables->(%same), "NODE_MASTER=127.0.0.1:$port");
# As a program, so that the frameworks of a scenario share it.
my $local = Mesos::Test::Cluster->start(%same, %master);
my @runs = ([run_on('real', "127.0.0.1:$port")], [run_on('local', $local->address)]);
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
    my ($name, undef, $reason, $part) = @$scenario;
    my ($their, $our) = ($theirs->{$name}, $ours->{$name});
    diag "$name\n  real:\n", map({"    $_\n"} @$their), "  local:\n", map({"    $_\n"} @$our) if defined $wanted;
    is_deeply [grep {/\Ascenario: /} @$their, @$our], [], "$name: it ran to its end";
    cmp_ok scalar(@$their), '>', 0, "$name: it says something";
    if (defined $reason) {
        isnt "@$their", "@$our", "$name differs: $reason";
        is_deeply [map { (my $line = $_) =~ s{$part}{<differs>}; $line } @$our], [map { (my $line = $_) =~ s{$part}{<differs>}; $line } @$their], "$name: and in nothing else";
        ok index($page, $reason) >= 0, "$name: docs/local-cluster.md says so";
    }
    else { is_deeply $our, $their, $name }
}
cmp_ok scalar(@scenarios), '>=', 80, 'no fewer than eighty' if !defined $wanted;

done_testing;
