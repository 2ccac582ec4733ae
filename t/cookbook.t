# Every recipe of docs/cookbook.md: run on the embedded cluster, or where that cannot, held against the messages.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Examples qw(finish start);
use Test::Files qw(slurp);
use File::Temp ();
use Mesos::Client;
use Mesos::Runner;
use Mesos::Test::Cluster;

delete $ENV{MESOS_MASTER};
my %recipes;
my $text = slurp('docs/cookbook.md');
while ($text =~ /^## (.*?)\n(.*?)(?=^## |\z)/msg) {
    my ($title, $body) = ($1, $2);
    $recipes{$title} = [$body =~ /^```perl\n(.*?)^```$/msg];
}

# The program of a recipe, to its end: gives what it prints.
sub runs {
    my ($title) = @_;
    my $file = File::Temp->new(SUFFIX => '.pl');
    print $file $recipes{$title}[0];
    close $file or die $!;
    my ($status, $out, $err) = finish(start("$file"), 60);
    is $status, 0, "$title: it ends well" or diag $err;
    is $err, '', "$title: no complaints";
    return $out;
}

# The task of a recipe.
sub task_of {
    my ($title) = @_;
    my $task = eval "use strict; use warnings; $recipes{$title}[0]; \$task";
    is $@, '', "$title: compiles";
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    my $bytes = eval { Mesos::TaskInfo->new({task_id => {value => 't'}, slave_id => {value => 's'}, %$task})->encode };
    is $@, '', "$title: encodes";
    is "@warnings", '', "$title: has only fields that there are";
    is(Mesos::TaskInfo->decode($bytes)->{name}, $task->{name}, "$title: and can be read");
    return $task;
}

sub on_local {
    my ($task) = @_;
    my $runner = Mesos::Runner->new(master => 'local', framework => {name => 'cookbook'});
    $runner->add($task);
    my ($done) = $runner->run;
    return $done;
}

is runs('Run a task'), "TASK_FINISHED\nhello world\n", 'a task';
is runs('Persistent volumes'), "writer-1: TASK_FINISHED\n", 'a persistent volume';
is join('', sort split /^/, runs('Pods (task groups)')), "server: TASK_FINISHED\nsidecar: TASK_FINISHED\n", 'a pod';
{
    local $ENV{MESOS_RESOURCES} = 'gpus:1';
    is runs('GPUs'), "TASK_FINISHED\nwith a GPU\n", 'a GPU';
}
for my $title ('Labels and discovery', 'Health checks') {
    my $done = on_local(task_of($title));
    is $done->state, 'TASK_FINISHED', "$title: runs" or diag $done->message;
}
my %why = (
    'Docker' => qr/the embedded cluster has no containers, and this wants Docker/,
    'Volumes of the host' => qr/the volume at '\/scratch' is in a sandbox, so its container path must be relative/,
    'Secrets' => qr/secret/i,
);
for my $title (sort keys %why) {
    my $task = task_of($title);
    delete $task->{resources};
    my $done = on_local($task);
    like $done->state, qr/\ATASK_(?:ERROR|FAILED)\z/, "$title: local does not pretend to do it";
    like $done->message, $why{$title}, "$title: and says why";
}
for my $title (sort keys %recipes) {
    ok scalar @{$recipes{$title}}, "$title has a program";
}
subtest 'Maintenance' => sub {
    my ($polite) = grep {/package Polite/} @{$recipes{Maintenance}};
    # Keeps what it prints, and holds its offers.
    ok eval("$polite; sub resourceOffers { } 1"), 'compiles' or diag $@;
    my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 1);
    local $ENV{MESOS_MASTER} = $cluster->address;
    is runs('Maintenance'), '', 'an operator schedules a machine, takes it down and up again';

    my $client = $cluster->client;
    is_deeply $client->maintenance_schedule, [], 'it is in no schedule any more';
    my $driver = $cluster->driver(scheduler => Polite->new, framework => {user => '', name => 'polite'});
    $cluster->wait_for_framework('polite');
    my %machine = (hostname => $client->agents->[0]{agent_info}{hostname}, ip => '127.0.0.1');
    my $printed = '';
    {
        local *STDOUT;
        open STDOUT, '>', \$printed or die "cannot print: $!";
        $client->update_maintenance_schedule([{machines => [\%machine], start => time + 3600, duration => 1800}]);
        $cluster->wait_for('it is asked', sub { length $printed });
    }
    like $printed, qr/\Aan agent goes away at \w+ /, 'a framework hears of it';
    $cluster->wait_for('it has agreed', sub {
            my ($answer) = @{$client->maintenance_status->{answers}};
            $answer && $answer->{accepted} && $answer->{framework} eq $client->frameworks->[0]{framework_info}{id}{value} && $answer->{machine}{ip} eq '127.0.0.1';
    });
    $driver->stop;
};

done_testing;
