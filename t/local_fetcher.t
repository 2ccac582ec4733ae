use strict;
use warnings;
use File::Temp qw(tempdir);
use lib 't/lib';
use Test::More;
use Test::Mesos qw(command run_tasks);
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# URIs of tasks on the embedded cluster.

my $scratch = tempdir(CLEANUP => 1);
mkdir "$scratch/program" or die "mkdir: $!";
open my $out, '>', "$scratch/program/run" or die "open: $!";
print {$out} "#!/bin/sh\necho from the archive\n";
close $out or die "close: $!";
chmod 0755, "$scratch/program/run";
system('tar', '-C', $scratch, '-czf', "$scratch/program.tgz", 'program') == 0 or die 'tar failed';

subtest 'an archive is unpacked into the sandbox' => sub {
    my ($scheduler) = run_tasks('local', [
            command('t', 'test "$(program/run)" = "from the archive"', uris => [{value => "file://$scratch/program.tgz"}]),
            command('u', 'test -f program.tgz && test ! -e program', uris => [{value => "$scratch/program.tgz", extract => 0}]),
    ]);
    is_deeply $scheduler->states, {t => [0, 1, 2], u => [0, 1, 2]};
};

subtest 'a URI that cannot be fetched' => sub {
    my ($scheduler) = run_tasks('local', [command('t', 'true', uris => [{value => "$scratch/nothing"}])]);
    is $scheduler->states->{t}[-1], Mesos::TaskState::TASK_FAILED();
    like $scheduler->last_status->{t}{message},
        qr{^Failed to launch container: Failed to fetch all URIs for container '[-0-9a-f]+': exited with status 1: .*/nothing};
};

done_testing;
