# Mesos::Client against a real Apache Mesos, which script/test starts: one master and one agent.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Mesos::Client;
use Mesos::SchedulerDriver;
use Test::Values qw(dies_like);
use Time::HiRes qw(sleep time);

my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';
my $client = Mesos::Client->new(master => $master);

package OneTask;
use Moo;
extends 'Mesos::Scheduler';
has [qw(launched failed)] => (is => 'rw');
has on_running => (is => 'ro', required => 1);

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my @tasks = $self->launched ? () : {
            name => 'from the client test',
            task_id => {value => 'client-test'},
            slave_id => $offer->{slave_id},
            command => {value => 'echo hello; echo oops >&2; sleep 1; printf "\000\377"; mkdir deep; echo x > deep/file; sleep 1000'},
            resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}, {name => 'mem', type => 0, scalar => {value => 32}}],
        };
        $self->launched(1) if @tasks;
        $driver->launchTasks([$offer->{id}], \@tasks);
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    $self->on_running->() if $status->{state} == Mesos::TaskState::TASK_RUNNING();
}

sub error { my ($self, $driver, $message) = @_; $self->failed($message); return }

package main;

sub wait_until {
    my ($condition, $name, $seconds) = @_;
    my $end = time + ($seconds || 30);
    my $value;
    until ($value = $condition->()) { last if time > $end; sleep 0.05 }
    ok $value, $name;
    return $value;
}

# --- what a cluster says of itself -----------------------------------------------------------------------------------------------------

is $client->health, 1, 'health';
like $client->leader, qr{^http://[\w.]+:\d+$}, 'leader';
like $client->version->{version}, qr/^1\./, 'version';
is $client->master_info->{version}, $client->version->{version}, 'master_info';
ok exists $client->flags->{registry}, 'flags';
cmp_ok $client->metrics->{'master/elected'}, '==', 1, 'metrics';
is $client->logging_level, 0, 'logging_level';
$client->set_logging_level(1, duration => 60);
is $client->logging_level, 1, 'it is set';
$client->set_logging_level(0, duration => 1);
ok exists $client->state->{get_agents}, 'state';
my ($entry) = @{$client->agents};
ok $entry && $entry->{active}, 'agents';
my $id = $entry->{agent_info}{id}{value};
my $agent = $client->agent($id);
is $client->agent($entry->{agent_info}{hostname})->id, $id, 'an agent by its host';
is $agent->info->{id}{value}, $id, 'its info';
is $agent->health, 1, 'its health';
ok exists $agent->flags->{work_dir}, 'its flags';
ok exists $agent->metrics(timeout => 5)->{'slave/registered'}, 'its metrics';
ok exists $agent->state->{get_tasks}, 'its state';
# Agents redirect to the leader, as masters do that do not lead.
(my $by_agent = $agent->url) =~ s{/slave\(1\)$}{};
my ($port) = $client->leader =~ /(:\d+)$/;
like(Mesos::Client->new(master => $by_agent)->leader, qr/\Q$port\E$/, 'the leader through a server that does not lead');

dies_like { $client->read_log } qr/^READ_LOG: ClusterD has this call, but not the Mesos at http:/;
dies_like { $agent->read_log } qr/^READ_LOG: ClusterD has this call, but not the Mesos at http:/;

# --- settings ----------------------------------------------------------------------------------------------------------------------------

$client->update_quota({role => 'client-test', limits => {cpus => 1, mem => 64}}, force => 1);
my ($quota) = grep { $_->{role} eq 'client-test' } @{$client->quota};
is_deeply $quota && $quota->{limits}, {cpus => {value => 1}, mem => {value => 64}}, 'quota';
$client->update_quota({role => 'client-test'}, force => 1);
ok !(grep { $_->{role} eq 'client-test' && %{$_->{limits} || {}} } @{$client->quota}), 'no quota any more';
$client->update_weights({'client-test' => 2.5});
is $client->weights->{'client-test'}, 2.5, 'weights';
ok !(grep { !defined $_->{name} } @{$client->roles}), 'roles';

my %machine = (hostname => 'no-such-host', ip => '10.255.255.1');
my $start = int(time) + 3600;
$client->update_maintenance_schedule([{machines => [\%machine], start => $start, duration => 60}]);
is_deeply $client->maintenance_schedule, [{machines => [\%machine], start => $start, duration => 60}], 'maintenance_schedule';
is_deeply $client->maintenance_status, {draining => [\%machine], down => [], answers => []}, 'maintenance_status';
$client->start_maintenance([\%machine]);
is_deeply $client->maintenance_status->{down}, [\%machine], 'in maintenance';
$client->stop_maintenance([\%machine]);
is_deeply $client->maintenance_status->{down}, [], 'and up again';
$client->update_maintenance_schedule([]);
is_deeply $client->maintenance_schedule, [], 'no maintenance';

$client->deactivate_agent($id);
ok !$client->agents->[0]{active} || $client->agents->[0]{deactivated}, 'deactivate_agent';
$client->reactivate_agent($id);
ok $client->agents->[0]{active} && !$client->agents->[0]{deactivated}, 'reactivate_agent';
$client->drain_agent($id, max_grace_period => 5);
wait_until(sub { ($client->agents->[0]{drain_info} || {})->{state} }, 'drain_agent');
# What is draining cannot be activated. Tasks that other tests have left end with their frameworks, after a minute.
wait_until(sub { eval { $client->reactivate_agent($id); 1 } }, 'reactivate_agent ends it', 150);
wait_until(sub { my $now = $client->agents->[0]; $now->{active} && !$now->{deactivated} && !$now->{drain_info} }, 'the agent is as before');
dies_like { $client->mark_agent_gone('no-such-agent') } qr/^MARK_AGENT_GONE: .* answered 404 /;

# --- a task ------------------------------------------------------------------------------------------------------------------------------

# Events, in a child that tells of them.
pipe my $read, my $write or die $!;
defined(my $listener = fork) or die $!;
if (!$listener) {
    $write->autoflush;
    eval { $client->events(sub { print $write join(' ', $_[0]{type}, ($_[0]{task_updated} || {})->{state} || ''), "\n" }) };
    require POSIX;
    POSIX::_exit(0);
}
close $write or die $!;
is scalar(<$read>), "SUBSCRIBED \n", 'events: the first one';

my $scheduler = OneTask->new(on_running => \&look_at_the_task);
my $framework;
my $driver = Mesos::SchedulerDriver->new(
    master => $master, framework => {user => '', name => 'client test'}, scheduler => $scheduler, on_exception => 'die', master_timeout => 30);

sub look_at_the_task {
    return if $framework;
    my $task = $client->task('client-test');
    is $task && $task->{name}, 'from the client test', 'task';
    $framework = $task->{framework_id}{value};
    is scalar(@{$client->tasks(framework => $framework, agent => $id)}), 1, 'tasks of a framework on an agent';
    my ($entry) = grep { $_->{framework_info}{id}{value} eq $framework } @{$client->frameworks};
    is $entry && $entry->{framework_info}{name}, 'client test', 'frameworks';
    ok ref $client->executors, 'executors';
    ok + (grep { $_->{executor_info}{framework_id}{value} eq $framework } @{$agent->executors}), 'executors of the agent';
    is scalar(grep { $_->{framework_id}{value} eq $framework } @{$agent->containers}), 1, 'its containers';
    is scalar(grep { $_->{task_id}{value} eq 'client-test' } @{$agent->tasks}), 1, 'its tasks';

    my $sandbox = $client->sandbox('client-test');
    my $out = '';
    $sandbox->follow_file('stdout', sub { $out .= $_[0] }, until => sub { $out =~ /\377/ }, interval => 0.1);
    like $out, qr/^hello\n.*\0\377/ms, 'follow_file of what the task writes';
    like $sandbox->read_file('stderr'), qr/^oops$/m, 'read_file';
    wait_until(sub { grep { $_->{path} eq 'deep' } @{$sandbox->list} }, 'list');
    wait_until(sub { my $x = eval { $sandbox->read_file('deep/file') }; defined $x && $x eq "x\n" }, 'a file in a folder');
    is_deeply [map { $_->{path} } @{$sandbox->list('deep')}], ['deep/file'], 'list of a folder';
    dies_like { $sandbox->read_file('nothing') } qr/^READ_FILE: .* answered 404 /;
    $client->teardown($framework);
}

$driver->run;
ok $framework, 'the task ran';
is $scheduler->failed, 'Framework has been removed', 'teardown: its driver hears of it';
ok !(grep { $_->{framework_info}{id}{value} eq $framework } @{$client->frameworks}), 'it is no framework any more';
ok + (grep { $_->{framework_info}{id}{value} eq $framework } @{$client->frameworks(all => 1)}), 'but one that was';
is $client->task('client-test', framework => $framework)->{state}, 'TASK_KILLED', 'so is its task';

my $seen = '';
while (my $line = <$read>) { $seen .= $line; last if $seen =~ /FRAMEWORK_REMOVED/ }
like $seen, qr/^FRAMEWORK_ADDED .*^TASK_ADDED .*^TASK_UPDATED TASK_RUNNING\n.*^FRAMEWORK_REMOVED /ms, 'events';
kill KILL => $listener;
waitpid $listener, 0;

done_testing;
