use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use lib 't/lib', 'xt/lib';
use List::Util qw(max);
use Mesos::Client;
use Mesos::Cluster;
use RealMesos qw(up dies pid_of environment);
use Samples;
use Test::Examples qw(free_port);
use Test::More;
use Time::HiRes qw(sleep time);

# A framework under mixed load, while masters, agents, connections and the framework itself fail at random; then the books are compared.
# MESOS_TEST_SOAK: for how many minutes; some seconds by default. MESOS_TEST_REAL_MESOS: on a real Mesos, and not on the embedded cluster.
# MESOS_TEST_SOAK_SVG: where a picture of memory and descriptors is put. MESOS_TEST_SEED: the faults and tasks of another run, though not
# their times.

my $minutes = $ENV{MESOS_TEST_SOAK} || 0.25;
my $seed = $ENV{MESOS_TEST_SEED} || int rand 2**31;
srand $seed;
note "MESOS_TEST_SEED=$seed";
my $real = $ENV{MESOS_TEST_REAL_MESOS};
my $why = $real ? undef : Mesos::Cluster->why_not;
defined $why and plan skip_all => "no cluster here: $why";

my $scratch = tempdir(CLEANUP => 1);
my $framework;
END { kill KILL => $framework if $framework }
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

# Another process, since what this one does would be measured as well.
sub begin_framework {
    my ($books, @options) = @_;
    my $log = "$books.log";
    defined($framework = fork) or die $!;
    return if $framework;
    open STDERR, '>', $log or die $!;
    exec $^X, '-Mblib', 'xt/soak/framework.pl', '--books', $books, '--seed', $seed, @options or die $!;
}

sub until_true {
    my ($name, $seconds, $code) = @_;
    my $end = time + $seconds;
    sleep 0.2 until $code->() || time > $end;
    return ok $code->(), $name;
}

sub book_has {
    my ($books, $line) = @_;
    open my $in, '<', $books or return 0;
    return scalar grep {/\A\S+ $line/} readline $in;
}

# Whether a step of a fault was possible, and what it returned. A framework that is not connected, for example, cannot be muted.
sub possible {
    my ($step, @state) = @_;
    my $result;
    return (1, $result) if eval { $result = $step->(@state); 1 };
    return 0 if $@ =~ / 409 Conflict: |no leader/;
    die $@;
}

# Faults for some minutes, one at a time; each is a pair: what begins it, and what ends it.
sub soak {
    my ($for, $samples, @faults) = @_;
    my ($end, %times) = (time + 60 * $for);
    my $next_sample = 0;
    my $pause = sub {
        my $until = time + $_[0];
        while (time < $until) {
            if (time >= $next_sample) { $samples->take; $next_sample = time + max(1, $for / 4) }
            sleep 0.1;
        }
    };
    while (time < $end) {
        my ($name, $begin, $finish) = @{$faults[rand @faults]};
        my ($is_possible, $state) = possible($begin);
        $times{$is_possible ? $name : "$name (not possible then)"}++;
        $pause->(0.2 + rand 2);
        if ($is_possible && $finish) {
            my $last_try = time + 10;
            $pause->(0.5) until (possible($finish, $state))[0] || time > $last_try;
        }
        $pause->(0.5 + rand 2);
    }
    note join ', ', map {"$_: $times{$_}"} sort keys %times;
    return;
}

# The story of some tasks, for who has to find out.
sub tell_of {
    my ($books, @ids) = @_;
    splice @ids, 3;
    for my $id (map {/\A(\S+)/} @ids) {
        open my $in, '<', $books or die "$books: $!";
        diag grep {/ $id(?: |$)/} readline $in;
    }
    return;
}

# What the framework has written down: all books balance.
sub audit {
    my ($books) = @_;
    my (%launched, %ends, %returned, %died, %stats, $returns);
    open my $in, '<', $books or die "$books: $!";
    my %is_end = map { $_ => 1 } map { Mesos::TaskState->$_ }
        qw(TASK_FINISHED TASK_FAILED TASK_KILLED TASK_LOST TASK_ERROR TASK_DROPPED TASK_GONE);
    my %is_own = map { $_ => 1 } map { Mesos::TaskState->$_ } qw(TASK_FINISHED TASK_FAILED TASK_KILLED);
    while (my $line = readline $in) {
        my (undef, $what, @words) = split ' ', $line;
        if ($what eq 'launch') { $launched{$words[0]} = 1 }
        elsif ($what eq 'stats') { %stats = map { split /=/ } @words }
        elsif ($what eq 'update') {
            my ($id, $state, $uuid, $how) = @words;
            $ends{$id}{$state} = 1 if $is_end{$state} && $how eq 'returns';
            $returns++ if $uuid ne '-' && $how eq 'returns';
            $how eq 'dies' ? $died{"$id $uuid"}++ : $returned{"$id $uuid"}++;
        }
    }
    my @without = grep { !$ends{$_} } sort keys %launched;
    is_deeply \@without, [], keys(%launched) . ' tasks ended' or tell_of($books, @without);
    is_deeply [grep { !$launched{$_} } keys %ends], [], 'and no others';
    # Those of masters that have lost sight of a task may come beside its own.
    my @twice = grep { 1 < grep { $is_own{$_} } keys %{$ends{$_}} } sort keys %ends;
    is_deeply \@twice, [], 'each ended in one way' or tell_of($books, @twice);
    my @lost = grep { !/ -\z/ && !$returned{$_} } sort keys %died;
    is_deeply \@lost, [], keys(%died) . ' updates whose callbacks died came again' or tell_of($books, @lost);
    cmp_ok $stats{updates_acknowledged}, '<=', $returns, "no more acknowledgements than the $returns callbacks that returned";
    is $stats{calls_waiting} + $stats{calls_unanswered}, 0, 'no call waits';
    return;
}

# Whether a process has this path among its arguments.
sub runs {
    my ($path) = @_;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        open my $in, '<', $file or next;
        return 1 if index(readline($in) // '', $path) >= 0;
    }
    return 0;
}

# The end: no new faults, no new tasks.
sub drain {
    my ($books, $client, $agents) = @_;
    # An agent of a real Mesos whose master was killed and is back at the same address notices it after 75 s without a ping.
    until_true('all agents are there', 150, sub {
            my $answer = eval { $client->call('GET_AGENTS') } or return 0;
            return $agents == grep { $_->{active} } @{$answer->{agents}};
    });
    kill USR1 => $framework;
    until_true('the framework has no task left', 180, sub { book_has($books, 'drained') });
    # A task is active until its last update is acknowledged.
    my @active;
    until_true('and neither has the master', 60, sub {
            my $answer = eval { $client->call('GET_TASKS') } or return 0;
            @active = @{$answer->{tasks}};
            !@active;
    }) or diag explain \@active;
    kill TERM => $framework;
    waitpid $framework, 0;
    is $?, 0, 'the framework ends in order';
    undef $framework;
    return;
}

sub compare {
    my ($samples, $for) = @_;
    for my $name (sort keys %{$samples->{pids}}) {
        note sprintf '%s: at most %.1f MiB, %d descriptors', $name, map { $samples->highest($_, $name) } qw(memory descriptors);
        # Before that nothing is warm.
        next if $for < 3;
        cmp_ok $samples->growth(memory => $name), '<', 4, "$name: flat memory";
        cmp_ok $samples->growth(descriptors => $name), '<', 10, "$name: flat descriptors";
    }
    return;
}

sub draw {
    my ($samples, $title) = @_;
    my $path = $ENV{MESOS_TEST_SOAK_SVG} or return;
    open my $out, '>', $path or die "$path: $!";
    print $out $samples->svg($title) or die $!;
    close $out or die $!;
    return;
}

my @of_the_framework = (
    ['framework stopped', sub { kill STOP => $framework }, sub { kill CONT => $framework }],
);

subtest 'the embedded cluster' => sub {
    plan skip_all => 'it is the turn of the real Mesos' if $real;
    my $cluster = Mesos::Cluster->start(
        masters => 3, agents => 3, resources => 'cpus:4;mem:4096;disk:4096', gc_delay => '30secs', jitter => 'true',
        executor_environment_variables => environment());
    my $books = "$scratch/books";
    begin_framework($books, '--master', $cluster->master, '--commands', '--at-a-time', 40);
    my $samples = Samples->new(framework => $framework, 'mesos-local' => $cluster->pid);
    my $an_agent = sub { int rand 3 };
    my @faults = (
        @of_the_framework,
        ['agent crashed', sub { my $n = $an_agent->(); $cluster->crash_agent($n); $n }, sub { $cluster->start_agent($_[0]) }],
        ['agent cut off', sub { my $n = $an_agent->(); $cluster->cut_agent($n); $n }, sub { $cluster->heal_agent($_[0]) }],
        ['agent lost', sub { my $n = $an_agent->(); $cluster->cut_agent($n); $cluster->advance_clock(80); $n }, sub { $cluster->heal_agent($_[0]) }],
        ['agent slow', sub { my $n = $an_agent->(); $cluster->delay_agent($n, 0.3); $n }, sub { $cluster->delay_agent($_[0], 0) }],
        ['updates lost', sub { $cluster->lose_updates(1 + int rand 5) }],
        ['updates twice', sub { $cluster->duplicate_updates(1 + int rand 5) }],
        ['calls refused', sub { $cluster->refuse_call((qw(ACCEPT ACKNOWLEDGE KILL RECONCILE DECLINE))[rand 5]) }],
        ['calls slow', sub { $cluster->delay_call((qw(ACCEPT ACKNOWLEDGE KILL))[rand 3], 0.5) }],
        ['launch failed', sub { $cluster->fail_launch(reason => 'REASON_CONTAINER_LAUNCH_FAILED', message => 'on purpose') }],
        ['framework muted', sub { $cluster->mute_framework('soak') }, sub { $cluster->unmute_framework('soak') }],
        ['framework cut off', sub { $cluster->disconnect_framework('soak') }],
        ['failover', sub { $cluster->fail_over_master }],
        ['leader ended', sub { my ($leader) = grep { $_->{state} eq 'leading' } $cluster->masters or die "no leader\n";
                $cluster->stop_master($leader->{number});
                $leader->{number} }, sub { $cluster->start_master($_[0]) }],
        ['clock advanced', sub { $cluster->advance_clock(20) }],
    );
    until_true('it begins', 30, sub { book_has($books, 'update') });
    soak($minutes, $samples, @faults);
    drain($books, $cluster->client, 3);
    audit($books);
    compare($samples, $minutes);
    draw($samples, sprintf('%g minutes of faults on the embedded cluster', $minutes));
    $cluster->stop;
};

subtest 'a real Mesos' => sub {
    plan skip_all => 'MESOS_TEST_REAL_MESOS names no directory of a real Mesos' unless $real;
    my ($port, $agent_port) = (free_port(), free_port());
    my $books = "$scratch/real";
    my $master = sub { up('master', $port, 'master') };
    my $agent = sub {
        up('agent', $agent_port, 'agent', "NODE_MASTER=127.0.0.1:$port",
            'MESOS_EXECUTOR_ENVIRONMENT_VARIABLES=' . environment());
    };
    $master->();
    $agent->();

    my $client = Mesos::Client->new(master => "127.0.0.1:$port");
    begin_framework($books, '--master', "127.0.0.1:$port", '--at-a-time', 20);
    my $samples = Samples->new(framework => $framework);
    my $stopped = sub { my $pid = pid_of($_[0]); kill STOP => $pid; $pid };
    my @faults = (
        @of_the_framework,
        ['master stopped', sub { $stopped->('master') }, sub { kill CONT => $_[0] }],
        ['agent stopped', sub { $stopped->('agent') }, sub { kill CONT => $_[0] }],
        ['master killed', sub { dies('master') }, sub { $master->() }],
        ['agent killed', sub { dies('agent') }, sub { $agent->() }],
    );
    until_true('it begins', 60, sub { book_has($books, 'update') });
    soak($minutes, $samples, @faults);
    drain($books, $client, 1);
    audit($books);
    compare($samples, $minutes);
    draw($samples, sprintf('%g minutes of faults on Mesos 1.11.0', $minutes));
    # One that is left when its agent ends waits for that for a quarter of an hour.
    my $executor = abs_path('xt/soak/executor.pl');
    until_true('no executor is left', 60, sub { !runs($executor) });
    RealMesos::ended($_) for qw(agent master);
};

done_testing;
