use 5.10.1;
use strict;
use warnings;
BEGIN { delete @ENV{grep {/\AMESOS_(?!TEST_MESOS_GO\z)/} keys %ENV} }
use lib 'xt/lib';
use Client;
use Cwd qw(abs_path);
use File::Path qw(mkpath);
use File::Temp qw(tempdir);
use JSON::PP ();
use Mesos::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);

# Frameworks of other people's libraries on mesos-local: as they are in PyPI, which are installed into target/, once; and mesos-go's examples,
# built elsewhere, where MESOS_TEST_MESOS_GO is their directory (docs/mesos-local.md).

$SIG{ALRM} = sub { die "the test takes too long\n" };
for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { die "the test was interrupted: SIG$name\n" } }
alarm 400;

my $go = delete $ENV{MESOS_TEST_MESOS_GO};
my $target = $ENV{CARGO_TARGET_DIR} || 'target';
mkpath($target);
$target = abs_path($target);
my ($here, $stand_ins) = map { abs_path($_) } 'xt/clients', 'benches/pymesos';
# Commands of executors have this in them, so that none can hide.
my $mark = tempdir('clients-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# script/test shows these lines in its summary.
sub missing { print STDERR "SKIP xt/clients.t: $_[0]\n"; plan skip_all => $_[0]; return }

# A command's end, which comes within the time. What it says is in a file: it, and what it starts, have none of our descriptors.
sub succeeds {
    my ($seconds, $log, $command) = @_;
    my $program = Client->start(command => ['timeout', '--kill-after=5', $seconds, 'sh', '-c', "exec >'$log' 2>&1; $command"]);
    return ($program->status($seconds + 10) // 1) == 0;
}

# Python with packages of PyPI, or why not.
sub python_with {
    my ($name, $imports, @installs) = @_;
    my $venv = "$target/$name";
    my $log = "$target/$name.log";
    return (undef, 'no python3') unless succeeds(30, $log, 'python3 --version');
    # The package http-parser does not build for newer Pythons: pymesos gets what it needs of it.
    my $is_there = "PYTHONPATH='$stand_ins' '$venv/bin/python3' -c 'import $imports'";
    if (!succeeds(60, $log, $is_there)) {
        my $install = join ' && ', "python3 -m venv '$venv'", map {"'$venv/bin/pip' install -q --retries 1 --timeout 15 $_"} @installs;
        succeeds(240, $log, "$install && $is_there") or return (undef, "$name cannot be installed from PyPI, see $log");
    }
    return "$venv/bin/python3";
}

sub pymesos {
    return python_with('pymesos-venv', 'addict, kazoo, pymesos, six', 'six addict kazoo setuptools wheel pytest-runner',
        '--no-deps --no-build-isolation pymesos==0.3.15');
}

# What runs with the mark of this test in its command, and not the test itself.
sub running {
    my @found;
    for my $path (glob '/proc/[0-9]*/cmdline') {
        open my $in, '<', $path or next;
        my $command = do { local $/; <$in> } // '';
        close $in;
        next if index($command, $mark) < 0;
        $command =~ tr/\0/ /;
        push @found, $command;
    }
    return @found;
}

sub cluster { return Mesos::Test::Cluster->start(program => abs_path('blib/script/mesos-local'), resources => 'cpus:4;mem:2048', allocation_interval => '50ms') }

my $client;
sub hears { my ($name, @wanted) = @_; my $heard = $client->hears(sub { join(' ', map { $_ // '' } @$_[0 .. $#wanted]) eq "@wanted" }); return ok($heard, $name) ? $heard : !diag $client->words }

sub expect_its_end {
    my ($cluster) = @_;
    hears('it ends by itself', 'ended');
    is $client->status, 0, 'without an error' or diag $client->words;
    $cluster->expect_nothing_left;
    my $seconds = time + 30;
    sleep 0.05 while running() && time < $seconds;
    is_deeply [running()], [], 'no process is left';
    return;
}

subtest 'pymesos 0.3.15, with an executor of its own' => sub {
    my ($python, $why) = pymesos();
    $python or return missing("pymesos: $why");
    my $cluster = cluster();
    my $executor = "PYTHONPATH='$stand_ins' exec '$python' '$here/pymesos_executor.py' '$mark'";
    $client = Client->start(command => [$python, "$here/pymesos_framework.py", $cluster->address, $executor], environment => {PYTHONPATH => $stand_ins});

    my $registered = hears('it is registered', 'registered') or return;
    is $registered->[2]{version}, '1.11.0', 'and knows the version';
    $client->tell('launch first second third');
    hears("$_ runs, and its data has come", 'update', $_, 'TASK_RUNNING', "for $_") for qw(first second third);
    my @executors = map { $_->{executor_id} } $cluster->tasks;
    is_deeply [@executors], [('pymesos-executor') x 3], 'in one executor';

    $client->tell('message what is sent');
    hears('a message to the executor, and one back', 'message', 'pymesos-executor', 'WHAT IS SENT');
    $client->tell('kill second');
    hears('the executor kills', 'update', 'second', 'TASK_KILLED', 'as was wanted');

    $cluster->fail_over_master;
    hears('another master knows it', 'reregistered', $registered->[1]);
    $cluster->wait_for_agents(1);
    $cluster->wait_for_task('first', 'TASK_RUNNING');
    $client->tell('launch fourth');
    hears('it gets offers there', 'update', 'fourth', 'TASK_RUNNING', 'for fourth');
    $client->tell('message finish first');
    hears('and messages and updates go on', 'update', 'first', 'TASK_FINISHED', 'as was said');

    $client->tell('stop');
    expect_its_end($cluster);
    is_deeply [grep { $_->[0] =~ /error|lost/ } $client->said], [], 'nothing went wrong' or diag $client->words;
};

# What a method of the operator's driver returns, of which the cluster must not have refused anything.
sub answered {
    my ($method, @arguments) = @_;
    $client->tell("$method " . JSON::PP->new->canonical->encode(\@arguments));
    # No method is called twice.
    my $heard = $client->hears(sub { $_->[0] =~ /\A(?:answer|refused)\z/ && $_->[1] eq $method });
    ok $heard && $heard->[0] eq 'answer', $method or diag $client->words;
    return $heard && ref $heard->[2] ? $heard->[2] : {};
}

subtest "pymesos 0.3.15, the operator's driver" => sub {
    my ($python, $why) = pymesos();
    $python or return missing("pymesos: $why");
    my $cluster = cluster();
    $client = Client->start(command => [$python, "$here/pymesos_operator.py", $cluster->address], environment => {PYTHONPATH => $stand_ins});
    my $subscribed = hears('it is subscribed', 'subscribed') or return;
    is_deeply $subscribed->[1], [qw(get_agents get_executors get_frameworks get_tasks)], 'and gets the state';

    is answered('getHealth')->{get_health}{healthy}, JSON::PP::true(), 'healthy';
    is answered('getVersion')->{get_version}{version_info}{version}, '1.11.0', 'the version';
    ok scalar @{answered('getFlags')->{get_flags}{flags}}, 'flags';
    ok scalar(grep { $_->{name} eq 'master/slaves_active' && $_->{value} == 1 } @{answered('getMetrics', 1_000_000_000)->{get_metrics}{metrics}}), 'metrics';
    is answered('getMaster')->{get_master}{master_info}{version}, '1.11.0', 'the master';
    is answered('getLoggingLevel')->{get_logging_level}{level}, 0, 'the level of the log';
    my ($agent) = map { $_->{agent_info} } @{answered('getAgents')->{get_agents}{agents}};
    my $id = $agent->{id}{value};

    my @reserved = ({name => 'cpus', type => 'SCALAR', scalar => {value => 1}, reservations => [{type => 'DYNAMIC', role => 'dev', principal => 'op'}]});
    answered('reserveResources', $id, \@reserved);
    answered('unreserveResources', $id, \@reserved);
    answered('updateWeights', [{role => 'dev', weight => 2.5}]);
    is_deeply answered('getWeights')->{get_weights}{weight_infos}, [{role => 'dev', weight => 2.5}], 'weights';
    answered('setQuota', {role => 'dev', force => JSON::PP::true(), guarantee => [{name => 'cpus', type => 'SCALAR', scalar => {value => 1}}]});
    is answered('getQuota')->{get_quota}{status}{infos}[0]{role}, 'dev', 'a quota';
    answered('removeQuota', 'dev');
    my @machines = ({hostname => $agent->{hostname}, ip => '127.0.0.9'});
    answered('updateMaintenanceSchedule', [{machine_ids => \@machines, unavailability => {start => {nanoseconds => 1_900_000_000_000_000_000}}}]);
    is_deeply answered('getMaintenanceSchedule')->{get_maintenance_schedule}{schedule}{windows}[0]{machine_ids}, \@machines, 'a schedule';
    answered('startMaintenance', \@machines);
    is_deeply answered('getMaintenanceStatus')->{get_maintenance_status}{status}{down_machines}, \@machines, 'maintenance';
    answered('stopMaintenance', \@machines);

    my $run = sub { return system $^X, '-Mblib', 'blib/script/mesos-perl', 'run', '-q', '-m', $cluster->address, '--name', $_[0], '--', "exit 0 $mark" };
    is $run->('before'), 0, 'a framework runs';
    hears($_->[0], @$_) for ['framework added', 'before'], ['task added', "exit 0 $mark", 'TASK_STAGING'], ['task updated', 'TASK_FINISHED'], ['framework removed', 'before'];
    my $state = answered('getState')->{get_state};
    is $state->{get_tasks}{completed_tasks}[0]{state}, 'TASK_FINISHED', 'which is in the state';
    is_deeply [map { $_->{name} } @{answered('getRoles')->{get_roles}{roles}}], ['dev'], 'the role with a weight is known';

    $cluster->stop_agent(0);
    hears('an agent goes', 'agent removed', $id);
    $cluster->start_agent(0);
    hears('and another comes', 'agent added');
    $cluster->wait_for_agents(1);
    $cluster->fail_over_master;
    $cluster->wait_for_agents(1);
    ok $client->hears(sub { 1 < grep { $_->[0] eq 'subscribed' } $client->said }), 'it subscribes to the next master';
    is $run->('after'), 0;
    hears('and hears of what it does', 'framework removed', 'after');
    answered('markAgentGone', $cluster->client->agents->[0]{agent_info}{id}{value});
    $client->tell('stop');
    hears('it ends by itself', 'ended');
    is $client->status, 0, 'without an error';
    unlike $client->words, qr/ERROR/, 'and has understood all' or diag $client->words;
    $cluster->stop;
};

subtest 'mesoshttp 0.4.2, with commands' => sub {
    my ($python, $why) = python_with('mesoshttp-venv', 'mesoshttp.client', 'mesoshttp==0.4.2');
    $python or return missing("mesoshttp: $why");
    my $cluster = cluster();
    $client = Client->start(command => [$python, "$here/mesoshttp_framework.py", $cluster->address]);
    hears('it is subscribed', 'subscribed') or return;
    hears("a command $_->[1]", 'update', @$_) for ['ends', 'TASK_RUNNING'], ['ends', 'TASK_FINISHED'], ['stays', 'TASK_RUNNING'], ['stays', 'TASK_KILLED'];
    is $cluster->read_file('ends', 'stdout'), "it has run\n", 'what it has said is there';
    expect_its_end($cluster);
};

subtest 'the examples of mesos-go' => sub {
    $go or return missing('MESOS_TEST_MESOS_GO names no directory with example-scheduler and example-executor of mesos-go');
    for my $codec (qw(protobuf json)) {
        my $cluster = cluster();
        # It serves its executor itself, whose copy is in the sandbox.
        $client = Client->start(command => ["$go/example-scheduler", '-url', $cluster->url . '/api/v1/scheduler', '-executor', "$go/example-executor", '-codec', $codec,
                '-metrics.port', 0, '-tasks', 5, '-cpu', 0.5, '-user', '']);
        # That it has cancelled itself is an error to it.
        is $client->status, 1 << 8, "$codec: it ends by itself" or diag $client->words;
        like $client->words, qr/mission accomplished, terminating\n(?:.* context canceled\n)+\z/, 'when all of its tasks have ended';
        my ($framework) = map { @{$cluster->state->{$_}} } qw(completed_frameworks frameworks);
        is_deeply [map {"$_->{executor_id} $_->{state}"} @{$framework->{completed_tasks}}], [('default TASK_FINISHED') x 5], 'in its executor';
        # It leaves its framework to somebody who fails over: the cluster ends the executor.
        $cluster->stop;
    }
};

done_testing;
