use strict;
use warnings;
use Little::Keeper;
use Mesos::Test::Scheduler;
use Test::More;

my $t = Mesos::Test::Scheduler->new(scheduler => Little::Keeper->new(command => 'sleep 1000', copies => 3));
$t->register;

# There is room for one on the first agent, and for none on the second.
my @offers = $t->offers({cpus => 0.1, mem => 64}, {cpus => 0.05, mem => 64, agent => 'agent-2'});
$t->expect_launch(offer => $offers[0], tasks => [{task_id => 'copy-1', command => {value => 'sleep 1000'}}]);
$t->expect_decline(offer => $offers[1]);
$t->expect_nothing;

# The others are spread over two agents, and then no more offers are wanted.
$t->offers({cpus => 4, mem => 512}, {cpus => 4, mem => 512, agent => 'agent-2'});
$t->expect_launch(count => 1);
$t->expect_launch(count => 1);
$t->expect_suppress;
$t->expect_no_open_offers;

# What is lost is replaced; what comes back after that is killed.
my ($first) = $t->active_tasks;
$t->update('TASK_RUNNING', task => $first);
$t->update('TASK_LOST', task => $first, message => 'its agent is gone');
$t->expect_revive;
$t->offer(cpus => 1, mem => 64);
$t->expect_launch(count => 1);
$t->expect_suppress;
$t->update('TASK_RUNNING', task => $first);
$t->expect_kill(task => $first);

# A new master: ask it for all tasks.
$t->disconnect->reregister;
$t->expect_reconcile(tasks => []);
$t->expect_nothing;

done_testing;
