# The programs of docs/migration.md: pymesos' minimal scheduler, alone and with its executor, and its operator.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Test::More;
use Mesos::Client;
use Mesos::Client::Agent;
use Mesos::Test::Cluster;
use Test::Examples qw(finish start wait_for);
use Test::Files qw(slurp);

my ($scheduler, $executor, $info, $operator) = slurp('docs/migration.md') =~ /^```perl\n(.*?)^```$/msg;
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

subtest 'an operator' => sub {
    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 1);
    my $process = start(program('operator.pl', $operator), $cluster->address);
    my $said = sub { return Test::Examples::said($process, 'out') };
    ok wait_for(30, sub { $said->() =~ /^SUBSCRIBED\n/m }), 'it hears of events';
    my ($status) = finish(start(program('scheduler.pl', $scheduler), $cluster->address), 60);
    is $status, 0, 'a framework has run';
    ok wait_for(30, sub { $said->() =~ /^FRAMEWORK_REMOVED\n/m }), 'to its end';
    $cluster->client->mark_agent_gone($cluster->client->agents->[0]{agent_info}{id}{value});
    ok wait_for(30, sub { $said->() =~ /^Agent removed: \S+\n/m }), 'an agent goes';
    kill TERM => $process->{pid};
    my (undef, $out, $err) = finish($process, 30);
    is $err, '', 'no complaints';
    like $out, qr/\Ahealthy\nSUBSCRIBED\n(?:.*\n)*?Framework added: MinimalFramework\n(?:.*\n)*?Task added: task-1\n(?:.*\n)*?Task updated: task-1 TASK_FINISHED\n/, 'it has told of all';
};

# Each method that the table names for an operator is one.
my ($table) = slurp('docs/migration.md') =~ /^### Its operator\n.*?\n(\| pymesos.*?)\n\n/ms;
my @named = $table =~ /`([a-z][a-z_]+)(?=[`(])/g;
cmp_ok scalar @named, '>', 15, 'found methods';
ok(Mesos::Client->can($_) || Mesos::Client::Agent->can($_), "there is a method $_") for @named;

done_testing;
