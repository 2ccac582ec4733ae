use strict;
use warnings;
use Little::Keeper;
use Mesos::Test::Cluster;
use Test::More;

my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 3, resources => 'cpus:1;mem:256');
$cluster->wait_for_agents(3);

my $keeper = Little::Keeper->new(command => 'echo started; sleep 1000', copies => 6);
my $driver = $cluster->driver(scheduler => $keeper, framework => {
        user => '', name => 'keeper', failover_timeout => 7 * 24 * 3600, checkpoint => 1,
});
$cluster->wait_for_tasks(6, 'TASK_RUNNING');
my ($some) = $cluster->tasks;
$cluster->wait_for('the output of a task is there', sub { $cluster->read_file($some, 'stdout') =~ /^started$/m });

# An agent is lost, with the tasks on it: the others take over.
$cluster->stop_agent(0);
$cluster->wait_for_agents(2);
$cluster->wait_for_tasks(6, 'TASK_RUNNING');

# A new master learns of all tasks again, and none is started twice.
my $number = $keeper->number;
$cluster->fail_over_master;
$cluster->wait_for_framework('keeper');
$cluster->wait_for_agents(2);
$cluster->wait_for_tasks(6, 'TASK_RUNNING');
is $keeper->number, $number, 'no task was replaced';

# A day later, all is as it was.
$cluster->pause_clock->advance_clock(24 * 3600)->resume_clock;
$cluster->wait_for_framework('keeper');
$cluster->wait_for_tasks(6, 'TASK_RUNNING');

$driver->stop;
$cluster->wait_for('the framework has ended', sub { !$cluster->left });
$cluster->expect_nothing_left;

done_testing;
