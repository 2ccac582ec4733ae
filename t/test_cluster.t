# Mesos::Test::Cluster: a cluster that several drivers share, its faults, what waiting says when time runs out, and that nothing is left.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use File::Temp ();
use Mesos::Test::Cluster;
use Test::Files qw(output_of perl_command);
use Test::Framework;
use Test::More;
use Time::HiRes ();

# In a build of this module, the program is there: else these tests would be skipped, and nobody would see it.
is(Mesos::Test::Cluster->why_not, undef, 'a cluster can run here') or do { done_testing; exit };

my $cluster = Mesos::Test::Cluster->start(agents => 2, resources => 'cpus:2;mem:512', attributes => {rack => 'r1', level => 3}, allocation_interval => '50ms');

sub command { my ($id, $value) = @_; return {task_id => {value => $id}, name => $id, command => {value => $value}} }

# A driver of this cluster with tasks; the scheduler as well.
sub started {
    my ($name, @tasks) = @_;
    my $scheduler = Test::Framework->new(tasks => [@tasks], stop_when_done => 0);
    return ($cluster->driver(scheduler => $scheduler, framework => {user => '', name => $name, failover_timeout => 3600, checkpoint => 1}), $scheduler);
}

subtest 'where it is' => sub {
    like $cluster->master, qr/\A127\.0\.0\.1:\d+\z/;
    is $cluster->url, 'http://' . $cluster->address;
    is $cluster->host . ':' . $cluster->port, $cluster->address;
    cmp_ok $cluster->pid, '>', 1;
    ok -d $cluster->work_dir;
    is_deeply [map { $_->{number} } $cluster->agents], [0, 1];
    my $agents = $cluster->wait_for_agents(2);
    is_deeply $agents->[0]{attributes}, {rack => 'r1', level => 3};
};

subtest 'two drivers share it, and it outlives them' => sub {
    my ($one, $first) = started('one', command('a', 'echo hello; echo oops >&2; sleep 1000'));
    my ($two, $second) = started('two', command('b', 'exit 3'));
    is $cluster->wait_for_task('a', 'RUNNING')->{name}, 'a';
    $cluster->wait_for_task('b', 'TASK_FAILED');
    $cluster->wait_for('both callbacks were called', sub { @{$first->states->{a} || []} > 1 && @{$second->states->{b} || []} > 2 });
    $cluster->wait_for('the output is there', sub { $cluster->read_file('a', 'stdout') eq "hello\n" });
    is $cluster->read_file('a', 'stderr'), "oops\n";
    is $cluster->task('none'), undef;
    is_deeply [sort map { $_->{name} } $cluster->frameworks], ['one', 'two'];
    $cluster->kill_task('a');
    $cluster->wait_for_task('a', ['TASK_KILLED', 'TASK_FAILED']);
    $one->stop;
    $cluster->wait_for('one has ended', sub { my @left = $cluster->left; @left == 1 && $left[0]{name} eq 'two' });
    $two->stop;
    $cluster->wait_for('both have ended', sub { !$cluster->left });
    $cluster->expect_nothing_left;
};

subtest 'faults of updates, calls, launches and connections' => sub {
    my ($driver, $scheduler) = started('faulty', command('f1', 'sleep 1000'));
    $cluster->wait_for_task('f1', 'TASK_RUNNING');
    $cluster->wait_for('its update is there', sub { @{$scheduler->states->{f1} || []} > 1 });
    $cluster->mute_framework('faulty')->kill_task('f1');
    $cluster->wait_for_task('f1', ['TASK_KILLED', 'TASK_FAILED']);
    is scalar @{$scheduler->states->{f1}}, 2, 'nothing arrives at a muted framework';
    $cluster->unmute_framework('faulty');
    $cluster->wait_for('it hears of it', sub { @{$scheduler->states->{f1}} > 2 });
    $cluster->disconnect_framework('faulty');
    $cluster->wait_for_framework('faulty');
    $driver->stop;
    $cluster->wait_for('it has ended', sub { !$cluster->left });

    $cluster->fail_launch(reason => 'REASON_CONTAINER_LIMITATION_MEMORY')->lose_updates(1, 'f3')->duplicate_updates(2, 'f3');
    ($driver, $scheduler) = started('failing', command('f2', 'sleep 1000'));
    $cluster->wait_for_task('f2', 'TASK_FAILED');
    $cluster->refuse_call('KILL', status => 429, times => 2);
    $cluster->pause_clock->delay_call('KILL', 3600)->delay_call('GET_TASKS', 0, api => 'operator');
    $driver->stop;
    $cluster->wait_for('it has ended', sub { !$cluster->left });
    is_deeply $cluster->{program}->look('faults'), {updates => 3, calls => 4, launches => 0}, 'what waits';
    $cluster->reset;
    is_deeply $cluster->{program}->look('faults'), {updates => 0, calls => 0, launches => 0}, 'and is forgotten';
    for my $wrong (
        [sub { $cluster->lose_updates(0) }, qr/^lose_updates: expected how often, from 1, got "0" at \Q$0\E/],
        [sub { $cluster->refuse_call('accept') }, qr/^refuse_call: expected the type of a call, as "ACCEPT", got "accept" at \Q$0\E/],
        [sub { $cluster->delay_call('KILL') }, qr/^delay_call: expected a number of seconds, got undef at \Q$0\E/],
        [sub { $cluster->delay_call('KILL', 1, status => 503) }, qr/^delay_call: there is no option 'status' \(known are: api, times\) at \Q$0\E/],
        [sub { $cluster->fail_launch(why => 1) }, qr/^fail_launch: there is no option 'why' \(known are: message, reason, times\) at \Q$0\E/],
        [sub { $cluster->fail_launch(reason => 'none') }, qr/Expecting 'reason' to be one of TaskStatus, not 'none'/],
        [sub { $cluster->mute_framework('nobody') }, qr/There is no framework 'nobody'/],
    ) {
        eval { $wrong->[0]->(); 1 } and fail 'it died';
        like $@, $wrong->[1];
    }
};

subtest 'faults' => sub {
    my ($driver, $scheduler) = started('faults', map { command("t$_", 'sleep 1000') } 1, 2);
    $cluster->wait_for_tasks(2, 'TASK_RUNNING');
    my $agent = $cluster->task('t1')->{slave_id};
    $cluster->cut_agent($agent);
    ok + (grep { $_->{id} eq $agent && $_->{cut} } $cluster->agents), 'cut';
    $cluster->pause_clock->advance_clock(120)->resume_clock;
    $cluster->wait_for_agents(1);
    $cluster->heal_agent($agent);
    $cluster->wait_for_agents(2);
    $cluster->wait_for_task('t1', 'TASK_RUNNING');
    $cluster->crash_agent($agent);
    $cluster->start_agent($agent);
    $cluster->wait_for_agents(2);
    is $cluster->add_agent->{number}, 2, 'one more';
    $cluster->wait_for_agents(3);
    $cluster->fail_over_master;
    $cluster->wait_for_framework('faults');
    $cluster->wait_for('the scheduler has heard of it', sub { $scheduler->count('reregistered') });
    $cluster->wait_for_agents(3);
    my $agent_of_t2 = $cluster->wait_for_task('t2', 'TASK_RUNNING')->{slave_id};
    my $heard = @{$scheduler->states->{t2}};
    $cluster->mark_agent_gone($agent_of_t2);
    # It was lost with its agent before, and came back.
    $cluster->wait_for('the task is gone', sub { my @since = @{$scheduler->states->{t2}}; grep { $_ != 1 && $_ != 6 && $_ != 0 } @since[$heard .. $#since] });
    $driver->stop;
    $cluster->wait_for('it has ended', sub { !$cluster->left });
};

subtest 'reset says what was left over' => sub {
    my ($driver) = started('forgotten', command('left', 'sleep 1000'));
    my $task = $cluster->wait_for_task('left', 'TASK_RUNNING');
    my $sandbox = $cluster->sandbox('left');
    $driver->stop(1);
    my @left = $cluster->reset;
    is_deeply [map { [$_->{name}, map {"$_->{id} $_->{state}"} @{$_->{tasks}}] } @left], [['forgotten', 'left TASK_RUNNING']];
    $cluster->expect_nothing_left;
    ok -e $sandbox, 'but the sandbox';
    $cluster->collect_sandboxes($task->{slave_id});
    $cluster->wait_for('it goes on request', sub { !-e $sandbox });
    is_deeply [$cluster->reset], [], 'and nothing the next time';
    $cluster->wait_for_agents(2);
};

# What is on its way to an agent ends it only after the reset.
subtest 'a reset while an agent comes back that is gone' => sub {
    $cluster->delay_agent(1, 0.3);
    $cluster->crash_agent(1);
    $cluster->start_agent(1);
    $cluster->mark_agent_gone(1);
    is_deeply [$cluster->reset], [];
    $cluster->wait_for_agents(2);
};

subtest 'errors' => sub {
    for my $case (
        [sub { Mesos::Test::Cluster->start(agent => 1) }, qr/^start: unknown argument 'agent': did you mean 'agents'\?/],
        [sub { Mesos::Test::Cluster->start('agents') }, qr/^start: expected pairs/],
        [sub { Mesos::Test::Cluster->start(resources => 'cpus:-1') }, qr/^start: mesos-local was not ready: .*negative values are not supported/s],
        [sub { Mesos::Test::Cluster->start(program => '/nonexistent/mesos-local') }, qr{^start: mesos-local is not executable: /nonexistent/mesos-local}],
        [sub { $cluster->stop_agent }, qr/^stop_agent: expected the number of an agent/],
        [sub { $cluster->stop_agent(77) }, qr{^mesos-local: POST /mesos-local/agents/77/stop: 404 .*There is no agent '77'}],
        [sub { $cluster->advance_clock('x') }, qr/^advance_clock: expected a number of seconds, got "x"/],
        [sub { $cluster->kill_task('none') }, qr/^kill_task: there is no task 'none'/],
        [sub { $cluster->sandbox('none') }, qr/^sandbox: there is no task 'none'/],
        [sub { $cluster->wait_for('x', sub {1}, timout => 1) }, qr/^wait_for: unknown argument 'timout': did you mean 'timeout'\?/],
        [sub { $cluster->wait_for('x', sub {1}, timeout => '1s') }, qr/^wait_for: timeout: expected a number of seconds, got "1s"/],
        [sub { $cluster->run('1s') }, qr/^run: expected a number of seconds, got "1s"/],
        [sub { Mesos::Test::Cluster->start(timeout => '1s') }, qr/^start: timeout: expected a number of seconds, got "1s"/],
        [sub { $cluster->wait_for_task('a', 'RUNING') }, qr/^wait_for_task: there is no state 'RUNING': did you mean 'TASK_RUNNING'\?/],
        [sub { $cluster->wait_for_task('a', ['TASK_FAILED', 'finished']) }, qr/^wait_for_task: there is no state 'finished': did you mean 'TASK_FINISHED'\?/],
        [sub { $cluster->wait_for_task('a', []) }, qr/^wait_for_task: expected a state such as TASK_RUNNING, got none/],
        [sub { $cluster->wait_for_tasks(2, 'TASK_BUSY') }, qr/^wait_for_tasks: there is no state 'TASK_BUSY' at/],
        [sub { $cluster->wait_for_tasks(2, ['TASK_LOST']) }, qr/^wait_for_tasks: expected a state such as TASK_RUNNING, got ARRAY/],
        [sub { $cluster->wait_for('x') }, qr/^wait_for: expected a text and a code reference/],
    ) {
        my ($code, $pattern) = @$case;
        ok !eval { $code->(); 1 }, $pattern;
        like $@, $pattern;
        like $@, qr/ at \Q${\__FILE__}\E line \d+\.?$/, 'at the line of the call';
    }
};

# What a program prints that uses the running cluster's program for one of its own.
sub program {
    my ($code) = @_;
    my $file = File::Temp->new(SUFFIX => '.t');
    print $file "use strict; use warnings; use Test::More; use Mesos::Test::Cluster;\n# line 1 \"mine.t\"\n$code\n";
    close $file or die $!;
    return output_of(perl_command("$file"));
}

subtest 'what was seen instead' => sub {
    my ($out) = program('my $c = Mesos::Test::Cluster->start;' . "\n" . '$c->wait_for_task("web", "TASK_RUNNING", timeout => 0.1); done_testing;');
    like $out, qr/^not ok 1 - web is TASK_RUNNING\n/m;
    like $out, qr/at mine\.t line 2\.$/m;
    like $out, qr/^# not within 0\.1 seconds\. Seen instead:\n#   the agent \S+-S0 is active\n#   there are no frameworks\n/m;
};

subtest 'jitter' => sub {
    is $cluster->jitter, undef, 'not unless it is asked for';
    is(Mesos::Test::Cluster->start(jitter => 7)->jitter, 7, 'the seed that was given');
    my $drawn = Mesos::Test::Cluster->start(jitter => 'true')->jitter;
    like $drawn, qr/\A[1-9][0-9]*\z/, 'or one that was drawn';
    ok !eval { Mesos::Test::Cluster->start(jitter => 'much') };
    like $@, qr/^start: mesos-local was not ready: .*--jitter: expected true, false, or a seed from 1 to 4294967295, not 'much'/s;
};

subtest 'several masters' => sub {
    my $cluster = Mesos::Test::Cluster->start(masters => 3, resources => 'cpus:2;mem:512', allocation_interval => '50ms', election_delay => '50ms');
    my ($first, $second, $third) = map { $_->{address} } $cluster->masters;
    is $cluster->master, "$first,$second,$third";
    is_deeply [map {"$_->{number} $_->{state}"} $cluster->masters], ['0 leading', '1 standby', '2 standby'];
    is $cluster->leader, $first;

    my $scheduler = Test::Framework->new(tasks => [command('t', 'sleep 1000')], stop_when_done => 0);
    my $driver = $cluster->driver(scheduler => $scheduler, framework => {user => '', name => 'f', failover_timeout => 3600});
    my $agent = $cluster->wait_for_task('t', 'TASK_RUNNING')->{slave_id};
    my $client = $cluster->client;
    is $client->leader, "http://$first";

    # The driver is at the second address of its list then, or is sent on by another one.
    $cluster->pause_clock->stop_master('leader');
    is $cluster->leader, undef, 'nobody leads for a moment';
    $cluster->resume_clock;
    is $cluster->wait_for_leader, $second;
    $cluster->wait_for_framework('f');
    $cluster->wait_for('the driver has come back', sub { $scheduler->count('reregistered') == 1 });
    is $scheduler->count('disconnected'), 1;
    is $cluster->wait_for_task('t', 'TASK_RUNNING')->{slave_id}, $agent, 'its task lives on';
    is $client->leader, "http://$second", 'a client follows';
    is scalar @{$client->tasks}, 1;

    # Who knows only the address of one that stands by is sent to the leader.
    is $cluster->client(master => $third)->leader, "http://$second";
    my $other = Test::Framework->new(tasks => [command('sent', 'exit 0')], stop_when_done => 0);
    my $sent = $cluster->driver(scheduler => $other, master => $third, framework => {user => '', name => 'sent'});
    $cluster->wait_for_task('sent', 'TASK_FINISHED');
    $sent->stop;

    $cluster->start_master($first);
    $cluster->fail_over_master;
    is $cluster->wait_for_leader, $third;
    is_deeply [map { $_->{state} } $cluster->masters], ['standby', 'standby', 'leading'], 'the old one stands by';
    $cluster->wait_for('the driver has come back again', sub { $scheduler->count('reregistered') == 2 });
    $cluster->wait_for_task('t', 'TASK_RUNNING');
    my $last = 0 + @{$scheduler->states->{t}};
    $driver->killTask({value => 't'});
    $cluster->wait_for('its driver kills it', sub { @{$scheduler->states->{t}} > $last });

    $cluster->stop_master(0)->stop_master(1)->stop_master({number => 2});
    eval { $cluster->client(retry_for => 0)->leader; 1 } and fail 'there is none';
    like $@, qr/no leading master/;
    is_deeply $cluster->state, {};
    is scalar(() = $cluster->frameworks), 0;
    like $cluster->{state}->text, qr/^  no master leads$/m, 'and whoever waits in vain reads it';
    $driver->stop(1);
    $cluster->reset;
    is $cluster->wait_for_leader, $first;
    $cluster->wait_for_agents(1);
    is_deeply [map { $_->{state} } $cluster->masters], ['leading', 'standby', 'standby'], 'a reset starts them all';
    $cluster->expect_nothing_left;
    for my $case (
        [sub { $cluster->stop_master }, qr/^stop_master: expected the number of a master \(from 0\), its address, or 'leader' at \Q$0\E/],
        [sub { $cluster->start_master(7) }, qr{^mesos-local: POST /mesos-local/masters/7/start: 404 .*There is no master '7' at \Q$0\E}],
        [sub { Mesos::Test::Cluster->start(masters => 'many') }, qr/^start: mesos-local was not ready: .*--masters: expected a whole number from 1 to 9, not 'many'/s],
    ) {
        my ($code, $pattern) = @$case;
        ok !eval { $code->(); 1 };
        like $@, $pattern;
    }
};

subtest 'where it cannot run' => sub {
    my ($out, $status) = program('my $c = Mesos::Test::Cluster->start_or_skip(program => "/nonexistent"); fail; done_testing;');
    is $status, 0;
    like $out, qr/^1\.\.0 # SKIP mesos-local is not executable: \/nonexistent$/m;
};

subtest 'it ends with the test' => sub {
    for my $case (['exit 0', 'at the end'], ['die "oops\n"', 'at an exception'], ['kill KILL => $$', 'if it is killed'], ['undef $c; print -d "/proc/$pid" ? "alive\n" : "over\n"; exit', 'with the object']) {
        my ($code, $name) = @$case;
        my ($out) = program('my $c = Mesos::Test::Cluster->start; my $pid = $c->pid; $| = 1; print "pid $pid\n"; ' . $code);
        my ($pid) = $out =~ /^pid (\d+)$/m;
        ok $pid, $name or diag $out;
        my $end = Time::HiRes::time() + 30;
        Time::HiRes::sleep(0.02) while -d "/proc/$pid" && Time::HiRes::time() < $end;
        ok !-d "/proc/$pid", 'the program has ended';
        like $out, qr/^over$/m, 'at once' if $name eq 'with the object';
    }
};

my $pid = $cluster->pid;
ok $cluster->stop && !-d "/proc/$pid", 'stop';
ok !eval { $cluster->tasks; 1 };
like $@, qr/^the cluster was stopped at /;

done_testing;
