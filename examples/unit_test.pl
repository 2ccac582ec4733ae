#!/usr/bin/env perl
# A unit test of a framework, without any cluster: send this, expect that. Run it with prove, or as any program.
use strict;
use warnings;
use Mesos::Test::Scheduler;
use Test::More;

# The framework: runs a command as a task, and once more if it is lost.
{
    package Retrying;
    use Moo;
    extends 'Mesos::Scheduler';
    has command => (is => 'ro', required => 1);
    has waits => (is => 'rw', default => 1);
    has runs => (is => 'rw', default => 0);

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{$offer->{resources}};
            if (!$self->waits || ($cpus || 0) < 1) {
                $driver->declineOffer($offer->{id}, {refuse_seconds => 60});
                next;
            }
            $self->waits(0);
            $self->runs($self->runs + 1);
            $driver->launchTasks([$offer->{id}], [{
                        name => 'job',
                        task_id => {value => 'job-' . $self->runs},
                        slave_id => $offer->{slave_id},
                        command => {value => $self->command},
                        resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 1}}],
            }]);
        }
    }

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        my $state = Mesos::TaskState->name_of($status->{state});
        return if $state =~ /STAGING|STARTING|RUNNING/;
        return $driver->stop if $state ne 'TASK_LOST' || $self->runs > 1;
        $self->waits(1);
        $driver->reviveOffers;
    }
}

my $t = Mesos::Test::Scheduler->new(scheduler => Retrying->new(command => 'make'));
$t->register;
my ($small, $large) = $t->offers({cpus => 0.5}, {cpus => 4, mem => 1024, agent => 'agent-2'});
$t->expect_decline(offer => $small, filters => {refuse_seconds => 60});
$t->expect_launch(offer => $large, task => {task_id => 'job-1', command => {value => 'make'}});

$t->update('TASK_RUNNING');
$t->expect_acknowledge;
$t->update('TASK_LOST', message => 'the agent is gone');
$t->expect_revive;

$t->offer(cpus => 1);
$t->expect_launch(task => {task_id => 'job-2'});
$t->update('TASK_FINISHED');
$t->expect_stop;
$t->expect_nothing;

done_testing;
