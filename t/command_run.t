# mesos-perl run and its tasks, on the embedded cluster, or on the master that MESOS_TEST_MASTER names.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Test::Examples qw(finish start wait_for);
use Test::Files qw(output_of perl_command);
use Test::Operator qw(answer serve);

my $home = File::Temp->newdir;
$ENV{HOME} = "$home";
delete @ENV{qw(MESOS_MASTER MESOS_CLI_CONFIG)};
my $master = $ENV{MESOS_TEST_MASTER} || 'local';
my $script = 'perl/bin/mesos-perl';

sub run { my (@arguments) = @_; return finish(start($script, 'run', '--master', $master, @arguments), 60) }

my ($status, $out, $err) = run('--', 'echo hello; echo oops >&2; printf "\\000\\377"; exit 3');
is $status, 3, "the command's exit status" or diag $err;
is $out, "hello\n\0\377", 'output, byte for byte';
like $err, qr/^oops$/m, 'error output';
like $err, qr/^mesos-perl: TASK_FAILED: /m, 'and why it ended';
unlike $err, qr/\r/, 'no progress in a pipe';

($status, $out, $err) = run('--quiet', '--', 'printf', '%s|', 'a', 'b  c', '$HOME');
is_deeply [$status, $out, $err], [0, 'a|b  c|$HOME|', ''], 'a program and its arguments, and nothing else';

{
    local $ENV{GIVEN} = 'from here';
    ($status, $out) = run('-q', '-e', 'A=b=c', '--env', 'GIVEN', '--', 'echo "$A $GIVEN $MESOS_PERL_TASK"');
    is $out, "b=c from here 1\n", 'environment';
}

($status, $out, $err) = run('-q', '--role', 'web', '--', 'echo in a role');
is_deeply [$status, $out, $err], [0, "in a role\n", ''], 'with the resources of a role';

($status, $out, $err) = run('-n', 3, '-p', 2, '--', 'echo "task $MESOS_PERL_TASK"; printf end; [ $MESOS_PERL_TASK != 2 ] || exit 5');
is $status, 5, 'the status of the one that failed';
is join('', sort split /(?<=\n)/, $out), join('', map {"[$_] end\n[$_] task $_\n"} 1 .. 3), 'lines of several tasks';
like $err, qr/^mesos-perl: \[2\] TASK_FAILED: /m, 'which one failed';

($status, $out, $err) = run('--timeout', 1, '--', 'echo begun; sleep 1000');
is $status, 124, 'timeout';
is $out, "begun\n", 'with its output';
like $err, qr/^mesos-perl: killed after 1 s$/m, 'it says so';

my $process = start($script, 'run', '--master', $master, '--', 'echo begun; sleep 1000');
ok wait_for(60, sub { Test::Examples::said($process, 'out') =~ /begun/ }), 'output comes while the command runs';
if ($master ne 'local') {
    subtest 'other commands meanwhile' => sub {
        my $ask = sub { my @all = finish(start($script, $_[0], '--master', $master, @_[1 .. $#_]), 60); diag $all[2] if $all[0] && !$_[2]; return @all };
        my (undef, $ps) = $ask->('ps', '--no-header');
        my ($id) = $ps =~ /^(run-\S+)\techo begun; sleep 1000\tRUNNING\tmesos-perl run\t/m;
        ok $id, 'ps' or diag $ps;
        like + ($ask->('logs', $id))[1], qr/^begun$/m, 'logs';
        my $following = start($script, 'logs', '-f', '--master', $master, $id);
        ok wait_for(60, sub { Test::Examples::said($following, 'out') =~ /begun/ }), 'logs -f';
        like + ($ask->('frameworks'))[1], qr/\tmesos-perl run\t/, 'frameworks';
        like + ($ask->('agents'))[1], qr/\tactive\t0\.1\//, 'agents';
        like + ($ask->('top', '--format', 'table'))[1], qr/^\Q$id\E +TASK_RUNNING /m, 'top';
        is + ($ask->('kill', $id))[1], "killed: $id\n", 'kill';
        is + (finish($following, 60))[0], 0, 'logs -f ends with the task';
    };
    ($status, $out, $err) = finish($process, 60);
    is $status, 125, 'killed by somebody else';
    $process = start($script, 'run', '--master', $master, '--', 'echo begun; sleep 1000');
    wait_for(60, sub { Test::Examples::said($process, 'out') =~ /begun/ });
}
kill INT => $process->{pid};
($status, $out, $err) = finish($process, 60);
is $status, 130, 'Ctrl-C' or diag $err;
like $err, qr/TASK_KILLED/, 'kills the task';

# Longer than what a runner would keep of it.
if ($master eq 'local') {
    my ($said) = output_of('sh', '-c', '"$@" | tail -n 1', 'sh', perl_command($script, 'run', '--master', $master, '--', 'seq 1 2500000'));
    is $said, "2500000\n", 'long output';
}

# Somebody who reads one line of an endless output, and a disk that is full.
my $endless = 'while :; do echo x; sleep 0.1; done';
my $one_line = 'pipe my $in, my $to or die; if (!fork) { open STDOUT, ">&", $to or die; exec @ARGV } close $to; print scalar <$in>; close $in; wait; exit $? >> 8';
for my $number (1, 2) {
    ($status, $out, $err) = finish(start('-e', $one_line, perl_command($script, 'run', '--master', $master, '-n', $number, '--', $endless)), 60);
    is $status, 141, "$number: nobody reads its output any more" or diag $err;
    like $out, qr/\A(?:\[\d\] )?x\n\z/, 'after one line';
    is $err, '', 'which is no error';
}
SKIP: {
    skip 'no /dev/full', 2 unless -c '/dev/full';
    ($status, $out, $err) = finish(start('-e', 'open STDOUT, ">", "/dev/full"; exec @ARGV', perl_command($script, 'run', '--master', $master, '--', $endless)), 60);
    is $status, 1, 'output that cannot be written';
    is $err, "mesos-perl: run: cannot write the output: No space left on device\n", 'is told';
}

my $patient = start('-MMesos::Command', '-MMesos::Command::Run', '-e', '$Mesos::Command::Run::PATIENCE = 0.2; exit(Mesos::Command->run(@ARGV))',
    'run', '--master', '127.0.0.1:1', '--wait', 0.5, '--', 'true');
($status, $out, $err) = finish($patient, 60);
like $err, qr/\Amesos-perl: run: no master at 127\.0\.0\.1:1 for 0\.2 s: it gives up after 0\.5 s \(--wait\)\nmesos-perl: run: no master at .*\n\z/, 'what it waits for';

($status, $out, $err) = finish(start($script, 'run', '--master', '127.0.0.1:1', '--wait', 0.5, '--', 'true'), 60);
is $status, 3, 'no master';
like $err, qr/\Amesos-perl: run: no master at 127\.0\.0\.1:1 for 0\.5 s: .*\n\z/, 'in one line';

SKIP: {
    skip 'Docker is refused by local', 2 if $master ne 'local';
    ($status, $out, $err) = run('--docker', 'alpine', '--', 'true');
    is $status, 125, 'a task that is not accepted';
    like $err, qr/^mesos-perl: TASK_FAILED: .*this wants Docker/m, 'and why';
}

# Output by way of an agent's HTTP API.
if ($master eq 'local') {
    require Mesos::Test::Cluster;
    my $cluster = Mesos::Test::Cluster->start;
    my $at = $cluster->address;
    ($status, $out, $err) = finish(start($script, 'run', '--master', $at, '--', 'echo hello; exit 3'), 60);
    is_deeply [$status, $out], [3, "hello\n"], 'the output of a task on mesos-local' or diag $err;
    my ($task) = $cluster->tasks;
    for my $case (['--cpus', 1000, 'offers cpus:.*, and cpus is \S+, not 1000'], ['--host', 'nowhere', 'offers cpus:.*, but accepts refuses it']) {
        my ($option, $value, $why) = @$case;
        my $waiting = start($script, 'run', '--master', $at, $option, $value, '--', 'true');
        ok wait_for(60, sub { Test::Examples::said($waiting, 'err') =~ /fits no offer so far: .*$why/ }), "$option: why it fits nowhere";
        kill INT => $waiting->{pid};
        is + (finish($waiting, 60))[0], 130, 'and it waits';
    }
    my $running = start($script, 'run', '--master', $at, '--', 'echo begun; sleep 1000');
    wait_for(60, sub { Test::Examples::said($running, 'out') =~ /begun/ });
    my ($alive) = grep { $_->{state} eq 'TASK_RUNNING' } $cluster->tasks;
    my $following = start($script, 'logs', '--master', $at, qw(-f --tail 3 --file later), $alive->{id});
    ok wait_for(60, sub { Test::Examples::said($following, 'err') =~ /^mesos-perl: logs: later is not in the sandbox yet: waiting for it, until the task ends$/m }),
        'logs -f says what it waits for';
    kill INT => $running->{pid};
    finish($running, 60);
    ($status, undef, $err) = finish($following, 60);
    is $status, 4, 'and fails if it never comes';
    like $err, qr/there is no file 'later' in its sandbox$/m, 'with the reason';
    ($status, $out, $err) = finish(start($script, 'logs', '--master', $at, '--file', 'command.out', $task->{id}), 60);
    is_deeply [$status, $out], [0, "hello\n"], 'and its file' or diag $err;
}

SKIP: {
    skip 'IO::Socket::SSL is not installed', 1 unless eval { require IO::Socket::SSL; require IO::Socket::SSL::Utils; 1 };
    my ($certificate, $key) = IO::Socket::SSL::Utils::CERT_create(subject => {CN => 'localhost'}, subjectAltNames => [[DNS => 'localhost']]);
    my $server = serve(sub { return answer('200 OK', '{}') }, start => sub {
            return IO::Socket::SSL->start_SSL($_[0], SSL_server => 1, SSL_cert => $certificate, SSL_key => $key);
    });
    my $config = "$home/config.toml";
    for my $verify (qw(true false)) {
        open my $to, '>', $config or die "cannot write $config: $!";
        print $to qq([master]\naddress = "https://localhost:$server->{port}"\nssl_verify = $verify\n);
        close $to or die "cannot write $config: $!";
        ($status, $out, $err) = finish(start($script, 'run', '--config', $config, '--wait', 1, '--', 'true'), 60);
        is $status, 3, "ssl_verify = $verify: no master";
        is $err =~ /certificate/ ? 'true' : 'false', $verify, 'whether its certificate counts' or diag $err;
    }
}

done_testing;
