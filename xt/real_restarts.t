use strict;
use warnings;
use File::Temp qw(tempdir);
use lib 't/lib', 'xt/lib';
use RealMesos qw(up dies forget ended gone running pid_of environment);
use Test::Examples qw(free_port);
use Test::More;

# Real masters and agents that end, stay away or come back, and masters with rules: each subtest starts its own.
$ENV{MESOS_TEST_REAL_MESOS} or plan skip_all => 'MESOS_TEST_REAL_MESOS names no directory of a real Mesos';

require Test::Mesos;

sub agent {
    my ($master, $port, @settings) = @_;
    up('agent', $port, 'agent', "NODE_MASTER=$master",
        'MESOS_EXECUTOR_ENVIRONMENT_VARIABLES=' . environment(), @settings);
    return;
}

# A framework with one executor, which it asks for its pids and for what it has heard.
sub framework {
    my ($master, %info) = @_;
    my %told;
    my $framework = Test::Framework->new(stop_when_done => 0, tasks => [], on_message => sub {
            my ($kind, @words) = split / /, $_[3];
            $told{$kind} = \@words;
    });
    my $driver = Test::Mesos::driver_for($master, $framework,
        framework => {user => '', name => 'restarts', failover_timeout => 60, %info}, reconcile_on_registration => 1);
    $driver->start;
    return ($framework, $driver, \%told);
}

sub until_ok {
    my ($driver, $name, $code) = @_;
    my $end = time + 90;
    $driver->dispatcher->wait(0.2) until $code->() || time > $end;
    return ok $code->(), $name;
}

sub runs { my ($framework, $id) = @_; return grep { $_ == 1 } @{$framework->states->{$id} || []} }

# Asks the executor, again and again: messages may be lost.
sub asked {
    my ($framework, $driver, $told, $what) = @_;
    my $status = $framework->last_status->{t};
    delete $told->{$what};
    until_ok($driver, "the executor answers: $what", sub {
            $driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, $what) unless $told->{$what};
            $told->{$what};
    });
    return @{$told->{$what} || []};
}

subtest 'an agent that comes back finds its executor' => sub {
    my $scratch = tempdir(CLEANUP => 1);
    my ($master, $agent_port) = ('127.0.0.1:' . free_port(), free_port());
    up('master', $master =~ /:(\d+)/, 'master');
    agent($master, $agent_port);
    my ($framework, $driver, $told) = framework($master, checkpoint => 1);
    push @{$framework->tasks}, Test::Mesos::_custom('t', 'x'), Test::Mesos::_custom('late', "when $scratch/go");
    until_ok($driver, 'tasks run', sub { runs($framework, 't') && runs($framework, 'late') });
    my ($pid) = asked($framework, $driver, $told, 'pid');
    dies('agent');
    # Its update finds no agent: it is kept, and sent again with the subscription.
    open my $out, '>', "$scratch/go" or die $!;
    $driver->dispatcher->wait(0.2) for 1 .. 5;
    ok running($pid), 'the executor waits';
    agent($master, $agent_port);
    until_ok($driver, 'the update of that time comes', sub { $framework->states->{late}[-1] == Mesos::TaskState::TASK_FINISHED() });
    is_deeply [asked($framework, $driver, $told, 'pid')], [$pid], 'the executor is the same';
    is_deeply [asked($framework, $driver, $told, 'heard')], [qw(registered disconnected reregistered)];
    push @{$framework->tasks}, Test::Mesos::_custom('new', 'x');
    until_ok($driver, 'it takes tasks', sub { runs($framework, 'new') });
    $driver->killTask({value => 'new'});
    until_ok($driver, 'and kills them', sub { $framework->states->{new}[-1] == Mesos::TaskState::TASK_KILLED() });
    is_deeply [grep { $_ > 4 } map {@$_} values %{$framework->states}], [], 'none was ever lost';
    $driver->stop;
    ok gone($pid), 'the executor ends with its framework';
    ended($_) for qw(agent master);
};

subtest 'an agent that stays away' => sub {
    for my $case (
        ['with checkpointing: after the recovery timeout', 1, 'x', 3],
        ['without: at once', 0, 'x', 0],
        # Its shutdown callback does nothing: SIGKILL to its process group after the grace period.
        ['a stubborn executor', 0, 'stubborn', 2],
    ) {
        my ($name, $checkpoint, $data, $seconds) = @$case;
        my ($master, $agent_port) = ('127.0.0.1:' . free_port(), free_port());
        up('master', $master =~ /:(\d+)/, 'master', 'MESOS_AGENT_PING_TIMEOUT=1secs', 'MESOS_MAX_AGENT_PING_TIMEOUTS=2');
        agent($master, $agent_port, 'MESOS_RECOVERY_TIMEOUT=3secs', 'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=2secs');
        my ($framework, $driver, $told) = framework($master, checkpoint => $checkpoint);
        push @{$framework->tasks}, Test::Mesos::_custom('t', $data);
        until_ok($driver, 'a task runs', sub { runs($framework, 't') });
        my @pids = asked($framework, $driver, $told, 'pid');
        is scalar(@pids), $data eq 'stubborn' ? 2 : 1;
        my $since = time;
        dies('agent');
        ok gone(@pids), "$name: it is gone";
        cmp_ok time - $since, '>=', $seconds - 1, 'not before its time';
        my $agent_id = $framework->last_status->{t}{slave_id};
        until_ok($driver, 'the agent is lost', sub { $framework->count('slaveLost') });
        is_deeply [grep { $_->[0] eq 'slaveLost' } @{$framework->heard}], [['slaveLost', $agent_id]], 'once';
        until_ok($driver, 'and its task', sub { $framework->states->{t}[-1] == Mesos::TaskState::TASK_LOST() });
        $driver->stop;
        undef $driver;
        forget('agent');
        ended('master');
    }
};

subtest 'a master that restarts' => sub {
    my $scratch = tempdir(CLEANUP => 1);
    my ($master, $agent_port) = ('127.0.0.1:' . free_port(), free_port());
    up('master', $master =~ /:(\d+)/, 'master');
    agent($master, $agent_port);
    my ($framework, $driver, $told) = framework($master);
    push @{$framework->tasks}, Test::Mesos::_custom('t', 'x'), Test::Mesos::_custom('late', "when $scratch/go");
    until_ok($driver, 'tasks run', sub { runs($framework, 't') && runs($framework, 'late') });
    my ($pid) = asked($framework, $driver, $told, 'pid');
    dies('master');
    until_ok($driver, 'disconnected', sub { $framework->count('disconnected') });
    open my $out, '>', "$scratch/go" or die $!;
    up('master', $master =~ /:(\d+)/, 'master');
    # This agent does not look for masters by itself.
    kill USR1 => pid_of('agent');
    until_ok($driver, 'reregistered', sub { $framework->count('reregistered') });
    until_ok($driver, 'the update of that time comes', sub { $framework->states->{late}[-1] == Mesos::TaskState::TASK_FINISHED() });
    is_deeply [asked($framework, $driver, $told, 'pid')], [$pid], 'the executor has not noticed';
    is_deeply [asked($framework, $driver, $told, 'heard')], ['registered'];
    $driver->killTask({value => 't'});
    until_ok($driver, 'calls arrive', sub { $framework->states->{t}[-1] == Mesos::TaskState::TASK_KILLED() });
    $driver->stop;
    ended($_) for qw(agent master);
};

subtest 'a master that wants credentials' => sub {
    my $scratch = tempdir(CLEANUP => 1);
    open my $out, '>', "$scratch/credentials" or die $!;
    print $out '{"credentials":[{"principal":"test","secret":"secret"}]}';
    close $out or die $!;
    my $master = '127.0.0.1:' . free_port();
    up('master', $master =~ /:(\d+)/, 'master', 'MESOS_AUTHENTICATE_HTTP_FRAMEWORKS=true', 'MESOS_HTTP_FRAMEWORK_AUTHENTICATORS=basic',
        "MESOS_CREDENTIALS=file://$scratch/credentials");
    my $run = sub {
        my ($credential, %info) = @_;
        my $framework = Test::Framework->new;
        my $driver = Test::Mesos::driver_for($master, $framework, framework => {user => '', name => 'credentials', %info},
            $credential ? (credential => $credential) : ());
        $driver->start;
        my $end = time + 60;
        $driver->dispatcher->wait(0.2) until @{$framework->heard} || time > $end;
        my $status = $driver->status;
        $driver->stop;
        return ($status, map { $_->[0] eq 'error' ? $_->[1] : $_->[0] } $framework->heard->[0] || ['nothing']);
    };
    my %right = (principal => 'test', secret => 'secret');
    is_deeply [$run->(\%right)], [Mesos::Status::DRIVER_RUNNING(), 'registered'];
    for my $wrong ({%right, secret => 'hush'}, {%right, principal => 'nobody'}, undef) {
        is_deeply [$run->($wrong)], [Mesos::Status::DRIVER_ABORTED(), 'Master refused authentication'];
    }
    my ($status, $error) = $run->(\%right, principal => 'other');
    is $status, Mesos::Status::DRIVER_ABORTED();
    like $error, qr/principal/i, 'a framework of somebody else';
    ended('master');
};

subtest 'a master with rules' => sub {
    my $master = '127.0.0.1:' . free_port();
    up('master', $master =~ /:(\d+)/, 'master', 'MESOS_ROOT_SUBMISSIONS=false', 'MESOS_ROLES=web');
    for my $case (
        [{user => 'root'}, qr/User 'root' is not allowed to run frameworks without --root_submissions set/],
        [{user => 'nobody', role => 'db'}, qr/[Rr]oles? .*db.* not present in the master's --roles/],
    ) {
        my ($info, $text) = @$case;
        my $framework = Test::Framework->new;
        is Test::Mesos::driver_for($master, $framework, framework => {name => 'rules', %$info})->run, Mesos::Status::DRIVER_ABORTED();
        is_deeply [map { $_->[0] } @{$framework->heard}], ['error'];
        like $framework->heard->[0][1], $text;
    }
    ended('master');
};

done_testing;
