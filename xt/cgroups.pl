# What xt/cgroups.bash runs in its virtual machine, as root: mesos-local with --isolation=cgroups/..., and tasks that use too much.
# Every user's cgroups are as systemd makes them: /sys/fs/cgroup/user is the user's, and a program is in a cgroup below it.
use 5.10.1;
use strict;
use warnings;
use HTTP::Tiny ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $CGROUPS = '/sys/fs/cgroup';
my $json = JSON::PP->new->utf8->canonical;

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "cannot open $path: $!\n";
    syswrite $out, $text or die "cannot write $text to $path: $!\n";
    close $out or die "cannot write $text to $path: $!\n";
    return;
}

# Waits until something is true.
sub until_true {
    my ($what) = @_;
    my $end = time + 120;
    until ($what->()) {
        return 0 if time > $end;
        sleep 0.2;
    }
    return 1;
}

# Runs a program in a cgroup, as a user, with its standard output and error in a file. Returns its process.
sub start {
    my ($cgroup, $user, $log, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    # Where a cluster was before, its programs' cgroup is left, and no process can be beside that.
    my ($leaf) = grep {-d} "$CGROUPS/$cgroup/mesos-programs";
    spew(($leaf // "$CGROUPS/$cgroup") . '/cgroup.procs', $$);
    open STDOUT, '>', $log or die "cannot open $log: $!\n";
    open STDERR, '>&', \*STDOUT or die "dup: $!\n";
    my @as = $user ? ('setpriv', "--reuid=$user", "--regid=$user", '--clear-groups') : ();
    exec @as, @command or die "exec: $!\n";
}

# A cluster, which is ready.
my $port = 5050;

sub cluster {
    my ($cgroup, $user, @flags) = @_;
    $port++;
    my $log = "/tmp/log-$port";
    push @flags, '--isolation=cgroups/cpu,cgroups/mem' if "@flags" !~ /isolation/;
    my $pid = start($cgroup, $user, $log, 'mesos-local', '--open', "--port=$port", '--resources=cpus:4;mem:2048;disk:100', @flags);
    until_true(sub { slurp($log) =~ /a master/ || waitpid($pid, POSIX::WNOHANG()) == $pid });
    return {pid => $pid, said => slurp($log), url => "http://127.0.0.1:$port"};
}

# The cgroups of a pattern.
sub there {
    my ($pattern) = @_;
    my @found = glob "$CGROUPS/$pattern";
    return grep {-e} @found;
}

# Ends a cluster by a signal, and says whether everything of it goes: all cgroups below this one are gone but that for programs.
sub ends {
    my ($cluster, $root, $signal) = @_;
    kill $signal, $cluster->{pid};
    waitpid $cluster->{pid}, 0;
    return until_true(sub { !there("$root/mesos-local-*") });
}

# Runs tasks to their end. Each is [id, command, cpus, mem, more => ...]. `running` is called when all of them run. Returns the last update of each.
sub run_tasks {
    my ($cluster, $running, @tasks) = @_;
    my (%last, %runs, $stream, $framework);
    my $call = sub {
        my ($call) = @_;
        $call->{framework_id} = $framework;
        my $answer = HTTP::Tiny->new->post(
            "$cluster->{url}/api/v1/scheduler",
            {content => $json->encode($call), headers => {'Content-Type' => 'application/json', 'Mesos-Stream-Id' => $stream}},
        );
        $answer->{success} or die "$call->{type}: $answer->{status} $answer->{content}\n";
    };
    my %handlers = (
        SUBSCRIBED => sub { $framework = $_[0]{subscribed}{framework_id} },
        OFFERS => sub {
            my ($offer) = @{$_[0]{offers}{offers}};
            my @infos = map { info($offer, @$_) } splice @tasks;
            my $is_group = grep { delete $_->{group} } @infos;
            my $executor = {type => 'DEFAULT', executor_id => {value => 'group'}, framework_id => $framework, resources => resources(0.1, 32, 10)};
            my $operation
                = $is_group
                ? {type => 'LAUNCH_GROUP', launch_group => {executor => $executor, task_group => {tasks => \@infos}}}
                : {type => 'LAUNCH', launch => {task_infos => \@infos}};
            $call->({type => 'ACCEPT', accept => {offer_ids => [$offer->{id}], operations => [$operation], filters => {refuse_seconds => 1000}}});
            $last{$_->{task_id}{value}} = undef for @infos;
        },
        UPDATE => sub {
            my $status = $_[0]{update}{status};
            my $id = $status->{task_id}{value};
            diag "$id: $status->{state} $status->{message}" if $status->{state} eq 'TASK_ERROR';
            $call->({type => 'ACKNOWLEDGE', acknowledge => {map { ($_ => $status->{$_}) } qw(agent_id task_id uuid)}}) if $status->{uuid};
            $runs{$id} = 1 if $status->{state} eq 'TASK_RUNNING';
            $last{$id} = $status if $status->{state} !~ /STARTING|RUNNING/;
            if ($running && keys %runs == keys %last) {
                my $now = $running;
                undef $running;
                $now->($call);
            }
            if (!grep { !defined } values %last) {
                $call->({type => 'TEARDOWN'});
                die "done\n";
            }
        },
    );
    my $buffer = '';
    my $take = sub {
        my ($data, $answer) = @_;
        $stream = $answer->{headers}{'mesos-stream-id'};
        $buffer .= $data;
        while ($buffer =~ /\A([0-9]+)\n/ && length $buffer >= length($1) + 1 + $1) {
            my $event = $json->decode(substr $buffer, length($1) + 1, $1);
            substr $buffer, 0, length($1) + 1 + $1, '';
            my $handler = $handlers{$event->{type}};
            $handler->($event) if $handler;
        }
    };
    my $subscribe = {type => 'SUBSCRIBE', subscribe => {framework_info => {user => '', name => 'trial'}}};
    my $answer = HTTP::Tiny->new(timeout => 120)->post(
        "$cluster->{url}/api/v1/scheduler",
        {content => $json->encode($subscribe), headers => {'Content-Type' => 'application/json'}, data_callback => $take},
    );
    diag $answer->{content} if ($answer->{content} // '') ne "done\n";
    return \%last;
}

sub resources {
    my %of;
    @of{qw(cpus mem disk)} = @_;
    return [map { {name => $_, type => 'SCALAR', scalar => {value => 0 + $of{$_}}} } grep { defined $of{$_} } sort keys %of];
}

# Without a command it is for `executor`, or one of a `group`.
sub info {
    my ($offer, $id, $command, $cpus, $mem, %more) = @_;
    my @command = defined $command ? (command => {value => $command}) : ();
    return {name => $id, task_id => {value => $id}, agent_id => $offer->{agent_id}, resources => resources($cpus, $mem), @command, %more};
}

# Uses twice so many megabytes, for the text and for its copy.
sub eats {
    my ($megabytes) = @_;
    return "exec perl -e 'my \$x = q(x) x ($megabytes << 20); print length \$x'";
}

sub first_line { return (split /\n/, $_[0]{message} // '')[0] }

# The time that each container's cgroup has used within some seconds, in a fraction of a second a second, from the least to the most.
sub used_in {
    my ($root, $seconds) = @_;
    my $look = sub {
        return {map { ($_ => slurp($_) =~ /^usage_usec ([0-9]+)/m ? $1 / 1e6 : 0) } there("$root/mesos-local-*/*/cpu.stat")};
    };
    my ($begin, $before) = (time, $look->());
    sleep $seconds;
    my ($after, $passed) = ($look->(), time - $begin);
    my @used = sort { $a <=> $b } map { sprintf '%.3f', ($after->{$_} - $before->{$_}) / $passed } keys %$before;
    return @used;
}

my $spins = 'while :; do :; done';
diag 'Linux ' . (POSIX::uname())[2];
spew("$CGROUPS/cgroup.subtree_control", '+cpu +memory');
mkdir "$CGROUPS/user" or die $!;
spew("$CGROUPS/user/cgroup.subtree_control", '+cpu +memory');
mkdir "$CGROUPS/user/$_" or die $! for qw(scope cpus crowd);
for my $cgroup ("$CGROUPS/user", map {"$CGROUPS/user/$_"} qw(scope cpus crowd)) {
    chown 1000, 1000, $cgroup, map {"$cgroup/cgroup.$_"} qw(procs subtree_control threads);
}
mkdir "$CGROUPS/other" or die $!;

subtest 'a user, in a cgroup of his own' => sub {
    my $cluster = cluster('user/scope', 1000);
    like $cluster->{said}, qr/\Amesos-local [^\n]*\n\z/, 'it starts without a warning';
    like slurp("/proc/$cluster->{pid}/cgroup"), qr{^0::/user/scope/mesos-programs$}m, 'it has moved out of the way';

    my $updates = run_tasks(
        $cluster, undef, ['eats', 'echo $$ > /tmp/eats; ' . eats(150), 0.5, 96], ['fits', eats(40), 0.5, 96],
        ['more', eats(100), 0.5, 96, limits => {mem => {value => 256}}],
        ['neighbour', 'until [ -s /tmp/eats ]; do sleep 1; done; while [ -e /proc/`cat /tmp/eats` ]; do sleep 1; done', 0.5, 96],
    );
    my $eats = $updates->{eats};
    is "$eats->{state} $eats->{reason} $eats->{source}", 'TASK_FAILED REASON_CONTAINER_LIMITATION_MEMORY SOURCE_AGENT', 'a task that eats memory';
    like first_line($eats), qr/\AMemory limit exceeded: Requested: 128MB Maximum Used: 12[78][0-9]*[KM]?B\z/, 'Mesos\' message';
    diag first_line($eats);
    like $eats->{message}, qr/^anon [0-9]+$/m, 'with the kernel\'s figures';
    cmp_ok $eats->{limitation}{resources}[0]{scalar}{value}, '>', 120, 'and the limitation';
    is $updates->{$_}{state}, 'TASK_FINISHED', $_ for qw(fits more neighbour);

    my (@used, @weights);
    my $spin = sub {
        my ($call) = @_;
        @used = used_in('user/scope', 5);
        @weights = sort { $a <=> $b } map { 0 + slurp($_) } there('user/scope/mesos-local-*/*/cpu.weight');
        $call->({type => 'KILL', kill => {task_id => {value => $_}}}) for qw(little much);
    };
    run_tasks($cluster, $spin, ['little', $spins, 0.1, 32], ['much', $spins, 0.9, 32]);
    is_deeply \@weights, [20, 100], 'weights';
    cmp_ok $used[1] / ($used[0] || 1e-9), '>', 3, 'who has five times the cpus gets more, if all want some';
    diag "0.2 and 1 cpus, of one: @used";

    my $daemon = 'setsid=$(perl -MPOSIX -e "fork and exit; POSIX::setsid(); fork and exit; exec q(sleep), 1234" >/dev/null 2>&1); sleep 5; exit 0';
    my $sleeps = sub {
        return grep { slurp("$_/cmdline") =~ /\Asleep\0(?:1234)/ } glob '/proc/[0-9]*';
    };
    my ($seen, $stranger) = (0);
    my $look = sub {
        $seen = until_true($sleeps);
        # Not of the task's descent: only the cgroup tells that it belongs there.
        my ($container) = there('user/scope/mesos-local-*/*/');
        $stranger = start(substr($container, 1 + length $CGROUPS), 0, '/tmp/stranger', 'sleep', 1235);
    };
    $updates = run_tasks($cluster, $look, ['daemon', $daemon, 0.1, 32]);
    ok $seen, 'a daemon';
    is $updates->{daemon}{state}, 'TASK_FINISHED', 'its task finishes';
    ok until_true(sub { !$sleeps->() }), 'it ends with its task';
    ok until_true(sub { waitpid($stranger, POSIX::WNOHANG()) == $stranger && $? == 9 }), 'and so does all that is in its cgroup';
    ok until_true(sub { !there('user/scope/mesos-local-*/*/') }), 'no cgroup is left of a task';
    ok ends($cluster, 'user/scope', 'TERM'), 'none of the cluster';
};

subtest 'executors' => sub {
    my $cluster = cluster('user/scope', 1000);
    # It may use what it has itself, and what its task has.
    my $executor = sub { {executor_id => {value => $_[0]}, command => {value => $_[1]}, resources => resources(0.1, 64)} };
    my $updates = run_tasks($cluster, undef, ['of eater', undef, 0.1, 32, executor => $executor->('eater', eats(150))]);
    my $eats = $updates->{'of eater'};
    is "$eats->{state} $eats->{reason}", 'TASK_FAILED REASON_CONTAINER_LIMITATION_MEMORY', 'the task of an executor that eats memory';
    is $eats->{executor_id}{value}, 'eater', 'and its executor';
    like first_line($eats), qr/\AMemory limit exceeded: Requested: 96MB /, 'the limit is that of both';
    diag first_line($eats);

    # A group has one container around it.
    $updates = run_tasks($cluster, undef, ['eats', eats(150), 0.1, 64, group => 1], ['sleeps', 'sleep 1000', 0.1, 32]);
    is "$updates->{$_}{state} $updates->{$_}{reason}", 'TASK_FAILED REASON_CONTAINER_LIMITATION_MEMORY', "$_, of a group" for qw(eats sleeps);
    like first_line($updates->{sleeps}), qr/\AMemory limit exceeded: Requested: 128MB /, 'the limit is that of all';
    ok until_true(sub { !there('user/scope/mesos-local-*/*/') }), 'no cgroup is left of them';
    ok ends($cluster, 'user/scope', 'TERM'), 'none of the cluster';
};

subtest 'no more than the cpus' => sub {
    my $cluster = cluster('user/cpus', 1000, '--isolation=cgroups/cpu', '--cgroups-enable-cfs');
    my @used;
    my $spin = sub {
        my ($call) = @_;
        @used = used_in('user/cpus', 5);
        $call->({type => 'KILL', kill => {task_id => {value => 'spins'}}});
    };
    run_tasks($cluster, $spin, ['spins', $spins, 0.2, 32]);
    ok $used[0] > 0.2 && $used[0] < 0.35, 'a task of 0.2 cpus, and 0.1 for the executor, alone on a machine';
    diag "0.3 cpus: @used";

    # In the middle of it.
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        run_tasks($cluster, undef, ['sleeps', 'sleep 1000', 0.1, 32]);
        POSIX::_exit(0);
    }
    ok until_true(sub { there('user/cpus/mesos-local-*/*/') }), 'a task runs';
    ok ends($cluster, 'user/cpus', 'KILL'), 'nothing is left of a cluster that was killed';
    waitpid $pid, 0;
};

subtest 'what is left if all are killed at once' => sub {
    my $cluster = cluster('user/scope', 1000);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        run_tasks($cluster, undef, ['sleeps', 'sleep 4321 & sleep 4321', 0.1, 32]);
        POSIX::_exit(0);
    }
    my $sleeps = sub {
        return grep { slurp("$_/cmdline") =~ /\Asleep\0(?:4321)/ } glob '/proc/[0-9]*';
    };
    ok until_true(sub { 2 == (my @all = $sleeps->()) }), 'a task runs';
    my @helpers = grep { slurp("/proc/$_/cmdline") =~ /\Amesos-perl-helper\0/ } split /\n/, slurp("$CGROUPS/user/scope/mesos-programs/cgroup.procs");
    is scalar @helpers, 2, 'and two helpers';
    kill 'STOP', $cluster->{pid}, @helpers;
    kill 'KILL', $cluster->{pid}, @helpers;
    waitpid $_, 0 for $cluster->{pid}, $pid;
    ok scalar(there('user/scope/mesos-local-*')), 'cgroups are left';
    $cluster = cluster('user/scope', 1000);
    ok until_true(sub { !$sleeps->() }), 'the next cluster ends what is left';
    is scalar(there('user/scope/mesos-local-*')), 1, 'and only its own cgroups are there';
    ok ends($cluster, 'user/scope', 'TERM'), 'they go with it';
};

subtest 'what cannot be' => sub {
    my $other = cluster('other', 1000);
    like $other->{said}, qr{MESOS_ISOLATION: cannot move [^:]*/other/mesos-programs: Permission denied.*systemd-run}s, 'somebody else\'s cgroup';
    diag $other->{said};
    my $shell = start('user/crowd', 1000, '/tmp/shell', 'sleep', 1000);
    ok until_true(sub { slurp("$CGROUPS/user/crowd/cgroup.procs") =~ /^$shell$/m }), 'a shell';
    my $crowd = cluster('user/crowd', 1000);
    like $crowd->{said}, qr/other processes are in it \($shell\), such as a shell.*systemd-run/s, 'is in the way';
    diag $crowd->{said};
    is_deeply [there('user/crowd/*/')], [], 'nothing is left of the attempt';
    kill 'KILL', $shell;
    waitpid $shell, 0;
};

subtest 'root, with a cgroup of a name' => sub {
    my $cluster = cluster('', 0, '--cgroups-root=mesos/trial');
    like slurp("/proc/$cluster->{pid}/cgroup"), qr{^0::/$}m, 'it stays where it is';
    my $user = {value => eats(300), user => 'nobody'};
    my $updates = run_tasks($cluster, undef, ['eats', '', 0.5, 96, command => $user]);
    is $updates->{eats}{reason}, 'REASON_CONTAINER_LIMITATION_MEMORY', 'a task of another user';
    ok ends($cluster, 'mesos/trial', 'TERM'), 'all goes';
};

done_testing;
