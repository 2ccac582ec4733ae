# Every program of examples/ runs to its end, on the embedded cluster or on the master that MESOS_TEST_MASTER names.
use 5.10.1;
use strict;
use warnings;
use File::Temp ();
use Test::More;
use lib 't/lib';
use Test::Files qw(slurp);
use Mesos;
use Test::Examples qw(start finish run_example wait_for free_port is_loadable);

my $master = $ENV{MESOS_TEST_MASTER} || 'local';
my $seconds = 60;
# The stand-in's master serves no files of sandboxes, and is there at every address.
my $serves_files = !grep { $_->{version} =~ /-standin\z/ && ($ENV{PERL_MESOS_DRIVER} // '') eq 'libmesos' } Mesos->backends;

# Name of each: whether it was run. Checked at the end.
my %seen = map { m{([^/]+)\z}; ($1 => 0) } glob 'examples/*.pl';

sub example {
    my ($name, $code) = @_;
    $seen{$name}++;
    subtest($name => $code);
}

sub ends_well {
    my ($name, @arguments) = @_;
    my ($status, $out, $err) = run_example($seconds, $name, @arguments);
    is $status, 0, 'exit status' or diag $out, $err;
    is $err, '', 'no complaints';
    return $out;
}

subtest 'the synopsis is the same everywhere' => sub {
    my $code = slurp('examples/synopsis.pl');
    my ($pod) = slurp('perl/lib/Mesos.pm') =~ /^=head1 SYNOPSIS\n\n(.*?)\n=head1/ms;
    $pod =~ s/^    //mg;
    is $pod, $code, 'Mesos.pm';
    my ($readme) = slurp('README.md') =~ /^```perl\n(.*?)^```$/ms;
    is $readme, $code, 'README.md';
};

example('synopsis.pl' => sub {
        like ends_well('synopsis.pl', $master), qr/^task-1: TASK_RUNNING.*\ntask-1: TASK_FINISHED.*\n\z/m, 'the task ran';
});

subtest 'an example says with its status that a task has failed' => sub {
    my %fails = ('synopsis.pl' => ['echo hello', 'exit 3'], 'io_async.pl' => ['sleep 0.1', 'exit 3'], 'poe.pl' => ['sleep 0.1', 'exit 3'],
        'async_mojo.pl' => ["run_p('true')", "run_p('exit 3')"], 'async_future.pl' => ["launch('echo hello')", "launch('exit 3')"]);
    my %needs = ('io_async.pl' => ['IO::Async::Loop'], 'poe.pl' => ['POE'], 'async_mojo.pl' => ['Mojolicious', 'Future::AsyncAwait'],
        'async_future.pl' => ['IO::Async::Loop', 'Future::AsyncAwait']);
    for my $name (sort keys %fails) {
        next if grep { !is_loadable($_) } @{$needs{$name} || []};
        my ($from, $to) = @{$fails{$name}};
        my $code = slurp("examples/$name");
        $code =~ s/\Q$from/$to/ or fail "$name has no $from";
        my $changed = File::Temp->new(SUFFIX => '.pl');
        print {$changed} $code;
        close $changed or die $!;
        my ($status, $out, $err) = finish(start("$changed", $master), $seconds);
        ok $status && $status =~ /\A\d+\z/, "$name: $status" or diag $out, $err;
    }
};

# The other half of the pair.
$seen{'test_executor.pl'}++;
example('test_framework.pl' => sub {
        my $out = ends_well('test_framework.pl', $master);
        like $out, qr/^ok: 5 tasks finished, 5 messages came back\n\z/m, 'tasks and messages';
        is scalar(() = $out =~ /^Task \d is in state 1$/mg), 5, 'each task was seen running';
});

example('unit_test.pl' => sub {
        plan skip_all => 'it needs no master' unless $master eq 'local';
        like ends_well('unit_test.pl'), qr/^ok 1 - declineOffer.*^1\.\.\d+$/ms, 'the tests in it pass';
});

example('run_command.pl' => sub {
        plan skip_all => 'it gets output from the agent' unless $serves_files;
        my @runner = ('--master', $master);
        my ($status, $out, $err) = run_example($seconds, 'run_command.pl', @runner, '--', 'echo hello; echo oops >&2; printf "\\000\\377"');
        is $status, 0, 'exit status' or diag $err;
        is $out, "hello\n\0\377", 'output, byte for byte';
        like $err, qr/TASK_RUNNING.*TASK_FINISHED/s, 'states';
        like $err, qr/^oops$/m, 'error output';

        ($status, $out, $err) = run_example($seconds, 'run_command.pl', @runner, qw(--quiet --env A=b --env), 'C=d  e', '--',
            'echo "$A $C"; for i in 1 2 3 4 5 6 7 8 9; do head -c 20000 /dev/zero | tr "\\0" x; done; exit 7');
        is $status, 7, "the command's exit status";
        is $out, "b d  e\n" . 'x' x 180_000, 'environment, and much output';
        is $err, '', 'quiet';

        # The time runs from TASK_RUNNING, which an executor may tell of before the command has written anything.
        ($status, $out, $err) = run_example($seconds, 'run_command.pl', @runner, '--timeout', '2', '--', 'echo begun; sleep 1000');
        is $status, 124, 'timeout' or diag $err;
        is $out, "begun\n", 'output of a command that was killed';

        # What stands in for Mesos' command executor in the tests with a real Mesos names signals in its own way.
        if ($master eq 'local') {
            ($status, $out, $err) = run_example($seconds, 'run_command.pl', @runner, '--', 'kill -9 $$');
            is $status, 128 + 9, 'ended by a signal' or diag $err;
        }

        my $process = start('examples/run_command.pl', @runner, '--', 'sleep 1000');
        ok wait_for($seconds, sub { Test::Examples::said($process, 'err') =~ /TASK_RUNNING/ }), 'a command runs';
        kill INT => $process->{pid};
        ($status, $out, $err) = finish($process, $seconds);
        is $status, 130, 'Ctrl-C' or diag $err;
        like $err, qr/TASK_KILLED/, '... ends the command';

        my $closed = free_port();
        ($status, $out, $err) = run_example($seconds, 'run_command.pl', '--master', "127.0.0.1:$closed", '--master-timeout', '0.5', '--', 'true');
        is $status, 2, 'no master';
        like $err, qr/^run_command: no master at 127\.0\.0\.1:$closed for 0\.5 s: .+/m, '... and says so';

        ($status, $out, $err) = run_example($seconds, 'run_command.pl', '--master', 'non sense', '--', 'true');
        is $status, 2, 'no such master string';
        like $err, qr/^run_command: master: expected .* got "non sense"/, '... and says so';

        ($status, $out, $err) = run_example($seconds, 'run_command.pl', @runner);
        is $status, 2, 'no command';
        like $err, qr/^usage:/, '... and says how';
});

example('run_commands.pl' => sub {
        plan skip_all => 'it gets output from the agent' unless $serves_files;
        local $ENV{MESOS_MASTER} = $master;
        my @commands = ('echo one; echo oops >&2', 'sleep 0.5; echo two', 'printf "\000\377\n"', 'exit 3');
        my ($status, $out, $err) = run_example($seconds, 'run_commands.pl', '-j', 2, @commands);
        is $status, 1, 'one of them has failed';
        is $out, "one\ntwo\n\0\377\n", 'output, in the order of the commands';
        like $err, qr/^\Q$_\E: Command exited with status \d/m, "$_" for @commands;
        like $err, qr/^oops$/m, 'error output';

        # The task's own output is known only at its end: that it runs shows in its process, which is like no other.
        my $nap = 100_000 + $$;
        my $process = start('examples/run_commands.pl', "echo begun; exec sleep $nap");
        my $runs = sub {
            for my $file (glob '/proc/[0-9]*/cmdline') {
                open my $in, '<', $file or next;
                return 1 if (readline($in) // '') =~ /sleep\x{0}$nap\x{0}/;
            }
            return 0;
        };
        ok wait_for($seconds, $runs), 'a command runs';
        kill INT => $process->{pid};
        ($status, $out, $err) = finish($process, $seconds);
        is $status, 130, 'Ctrl-C' or diag $err;
        is $out, "begun\n", '... ends it, and its output is there';
        ok wait_for($seconds, sub { !$runs->() }), '... and so is its process';
});

for my $case (['io_async.pl', 'IO::Async::Loop'], ['poe.pl', 'POE']) {
    my ($name, $module) = @$case;
    example($name => sub {
            plan skip_all => "$module is not installed" unless is_loadable($module);
            like ends_well($name, $master), qr/^nap-5 is finished\n5 tasks, [1-9]\d* ticks\n\z/m, 'tasks, and the timer beside them';
    });
}

# The tasks of the stand-in for libmesos write where the program writes. All others have a sandbox.
my $task_writes = ($ENV{PERL_MESOS_DRIVER} || '') eq 'libmesos' ? "hello\n" : '';
for my $case (
    ['async_mojo.pl', 'Mojolicious', qr/\Atrue: Command exited with status 0\n(?=.*^sleep 0\.1: Command exited with status 0$)(?=.*^exit 3: Command exited with status 3$)/ms],
    ['async_future.pl', 'IO::Async::Loop', qr/\A${task_writes}echo hello: Command exited with status 0\nsleep 1000: TASK_KILLED\n\z/],
) {
    my ($name, $module, $wanted) = @$case;
    example($name => sub {
            my ($missing) = grep { !is_loadable($_) } $module, 'Future::AsyncAwait';
            plan skip_all => "$missing is not installed" if defined $missing;
            like ends_well($name, $master), $wanted, 'promises';
    });
}

example('word_count.pl' => sub {
        local $ENV{MESOS_MASTER} = $master;
        my $text = File::Temp->new;
        print {$text} "The cat and the dog\n\nthe end of the cat\n";
        close $text;
        is ends_well('word_count.pl', "$text"), "    4 the\n    2 cat\n    1 and\n    1 dog\n    1 end\n    1 of\n", 'words';
});

example('cron.pl' => sub {
        plan skip_all => 'Mojolicious is not installed' unless is_loadable('Mojolicious::Lite');
        require HTTP::Tiny;
        require JSON::PP;
        my $url = 'http://127.0.0.1:' . free_port();
        local @ENV{qw(MESOS_MASTER MOJO_LOG_LEVEL)} = ($master, 'warn');
        my $process = start('examples/cron.pl', 'daemon', '-l', $url);
        my $http = HTTP::Tiny->new(timeout => $seconds);
        my $jobs = sub { my $answer = $http->get("$url/jobs"); $answer->{success} && JSON::PP::decode_json($answer->{content}) };
        is_deeply wait_for($seconds, $jobs), [], 'no jobs yet';
        is $http->post_form("$url/jobs", {every => 0.2, command => 'echo tick'})->{status}, 201, 'a job';
        is $http->post_form("$url/jobs", {command => 'date'})->{status}, 400, 'a job without a time';
        ok wait_for($seconds, sub { $jobs->()->[0]{runs} >= 2 }), 'it runs again and again';
        is $jobs->()->[0]{last}, 'Command exited with status 0', 'message';
        is $jobs->()->[0]{output}, $serves_files ? "tick\n" : '', 'output';
        my $metrics = $http->get("$url/metrics");
        is $metrics->{headers}{'content-type'}, 'text/plain; version=0.0.4', 'metrics';
        like $metrics->{content}, qr/^mesos_driver_calls_total\{type="ACCEPT"\} [1-9]/m, 'calls';
        kill TERM => $process->{pid};
        my ($status, $out, $err) = finish($process, $seconds);
        is $status, 0, 'exit status';
        is $err, '', 'no complaints';
});

subtest 'the jobs of a newcomer are short' => sub {
    for my $name (qw(run_commands.pl cron.pl word_count.pl)) {
        my $lines = () = slurp("examples/$name") =~ /\n/g;
        cmp_ok $lines, '<', 40, $name;
    }
};

example('mojo.pl' => sub {
        plan skip_all => 'Mojolicious is not installed' unless is_loadable('Mojolicious::Lite');
        # In the core of every perl that Mojolicious runs on.
        require HTTP::Tiny;
        require JSON::PP;
        my $url = 'http://127.0.0.1:' . free_port();
        local @ENV{qw(MESOS_MASTER MOJO_LOG_LEVEL)} = ($master, 'warn');
        my $process = start('examples/mojo.pl', 'daemon', '-l', $url);
        my $http = HTTP::Tiny->new(timeout => $seconds);
        my $tasks = sub { my $answer = $http->get("$url/tasks"); $answer->{success} && JSON::PP::decode_json($answer->{content}) };
        is_deeply wait_for($seconds, $tasks), [], 'no tasks yet';

        is $http->post_form("$url/tasks", {command => $_})->{status}, 201, "POST $_" for 'echo hello', 'exit 3', 'sleep 1000';
        is $http->post_form("$url/tasks", {})->{status}, 400, 'POST without a command';
        my $states = sub { join ' ', map { $_->{state} } @{$tasks->()} };
        my $wanted = 'TASK_FINISHED TASK_FAILED TASK_RUNNING';
        ok wait_for($seconds, sub { $states->() eq $wanted }), $wanted or diag $states->();
        is $tasks->()->[1]{message}, 'Command exited with status 3', 'message';

        is $http->delete("$url/tasks/task-3")->{status}, 202, 'DELETE';
        $wanted =~ s/RUNNING/KILLED/;
        ok wait_for($seconds, sub { $states->() eq $wanted }), $wanted or diag $states->();

        kill TERM => $process->{pid};
        my ($status, $out, $err) = finish($process, $seconds);
        is $status, 0, 'exit status';
        is $err, '', 'no complaints';
});

is_deeply [grep { !$seen{$_} } sort keys %seen], [], 'no example was left out';

done_testing;
