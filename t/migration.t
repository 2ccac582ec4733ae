# The programs of docs/migration.md: pymesos' minimal scheduler, alone and with its executor.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Test::More;
use Test::Examples qw(finish start);
use Test::Files qw(slurp);

my ($scheduler, $executor, $info) = slurp('docs/migration.md') =~ /^```perl\n(.*?)^```$/msg;
my $folder = File::Temp->newdir;

sub program {
    my ($name, $code) = @_;
    open my $out, '>', "$folder/$name" or die "cannot write $folder/$name: $!";
    print $out $code;
    close $out or die "cannot write $folder/$name: $!";
    return "$folder/$name";
}

# What it says of its task to its end.
sub says {
    my ($name, $code) = @_;
    my ($status, $out, $err) = finish(start(program('scheduler.pl', $code), 'local'), 60);
    is $status, 0, "$name: exit status" or diag $err;
    is $err, '', "$name: no complaints";
    return $out;
}

is says('a command', $scheduler), join('', map {"Status update task-1 TASK_$_\n"} qw(STARTING RUNNING FINISHED)), 'a command';

my $path = program('executor.pl', $executor);
$info =~ s{/opt/minimal/executor\.pl}{$path} or fail 'the command names the executor';
# What the tests were given to find the module.
$info =~ s{'/opt/mesos/lib/perl5'}{\$ENV{PERL5LIB}} or fail 'the command sets PERL5LIB';
$scheduler =~ s/command +=> \{.*?\},$/executor => \$executor, data => "Hello from \$id",/m or fail 'the scheduler has a command';
$scheduler =~ s/^(?=package MinimalScheduler)/$info/m;
is says('with an executor', $scheduler), join('', map {"Status update task-1 TASK_$_\n"} qw(RUNNING FINISHED)), 'with an executor';

done_testing;
