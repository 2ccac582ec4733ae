#!/usr/bin/env perl
# usage: test_framework.pl MASTER          ('local' or 'host:port')
# Launches five tasks in an executor of its own, test_executor.pl, and exchanges a message with each of them. Exits with 0 if
# everything worked. The agent needs the same perl, and Mesos. If Mesos is not installed there, set PERL5LIB for the agent's
# executors ('local' does that for you).
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Mesos::SchedulerDriver;

package TestScheduler;
use Moo;
extends 'Mesos::Scheduler';

use constant TASKS => 5;

has executor => (is => 'ro', required => 1);
has problems => (is => 'ro', default => sub { [] });
has [qw(launched finished received)] => (is => 'rw', default => 0);

sub registered {
    my ($self, $driver, $framework_id, $master_info) = @_;
    print "Registered with framework ID $framework_id->{value}\n";
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my %free = map { ($_->{name} => $_->{scalar}{value}) } grep { $_->{scalar} } @{$offer->{resources}};
        my @tasks;
        while ($self->launched < TASKS && ($free{cpus} || 0) >= 0.2 && ($free{mem} || 0) >= 64) {
            $self->launched($self->launched + 1);
            push @tasks, $self->task($self->launched, $offer);
            $free{cpus} -= 0.1;
            $free{mem} -= 16;
        }
        print "Offer $offer->{id}{value}: ", scalar(@tasks), " tasks\n";
        $driver->launchTasks([$offer->{id}], \@tasks);
    }
}

sub task {
    my ($self, $number, $offer) = @_;
    return Mesos::TaskInfo->new({
            name => "task $number",
            task_id => {value => $number},
            slave_id => $offer->{slave_id},
            executor => $self->executor,
            resources => resources(0.1, 16),
    });
}

sub resources {
    my ($cpus, $mem) = @_;
    return [
        {name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => $cpus}},
        {name => 'mem', type => Mesos::Value::Type::SCALAR, scalar => {value => $mem}},
    ];
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my ($task_id, $state) = ($status->{task_id}{value}, $status->{state});
    print "Task $task_id is in state $state\n";
    if ($state == Mesos::TaskState::TASK_RUNNING) {
        $self->problem($driver, "task $task_id: its data is wrong") unless $status->{data} eq "data with a \0 byte";
        $driver->sendFrameworkMessage($self->executor->{executor_id}, $status->{slave_id}, message($task_id));
    }
    elsif ($state == Mesos::TaskState::TASK_FINISHED) {
        $self->finished($self->finished + 1);
        $self->stop_if_done($driver);
    }
    elsif ($state != Mesos::TaskState::TASK_STAGING && $state != Mesos::TaskState::TASK_STARTING) {
        $self->problem($driver, "task $task_id: " . ($status->{message} || 'no message'));
    }
}

sub message { return "task $_[0]: data with a \0 byte" }

sub frameworkMessage {
    my ($self, $driver, $executor_id, $slave_id, $data) = @_;
    my ($task_id) = $data =~ /\Atask (\d+):/;
    return $self->problem($driver, 'a message is wrong') unless $task_id && $data eq message($task_id);
    print "Message of task $task_id came back\n";
    $self->received($self->received + 1);
    $self->stop_if_done($driver);
}

sub stop_if_done {
    my ($self, $driver) = @_;
    $driver->stop if $self->finished == TASKS && $self->received == TASKS;
}

sub problem {
    my ($self, $driver, $text) = @_;
    push @{$self->problems}, $text;
    $driver->abort;
}

sub error {
    my ($self, $driver, $message) = @_;
    push @{$self->problems}, $message;
}

package main;

my $master = shift or die "usage: $0 MASTER\n";

my $executor = Mesos::ExecutorInfo->new({
        executor_id => {value => 'default'},
        name => 'Test Executor (Perl)',
        command => {shell => 0, value => $^X, arguments => [$^X, abs_path(dirname(__FILE__)) . "/test_executor.pl"]},
        resources => TestScheduler::resources(0.1, 32),
});
my $scheduler = TestScheduler->new(executor => $executor);
my $framework = Mesos::FrameworkInfo->new({user => '', name => 'Test Framework (Perl)'});

my $status = Mesos::SchedulerDriver->new(
    master => $master, framework => $framework, scheduler => $scheduler, on_exception => 'die')->run;

print "PROBLEM: $_\n" for @{$scheduler->problems};
my $ok = $status == Mesos::Status::DRIVER_STOPPED && !@{$scheduler->problems};
printf "%s: %d tasks finished, %d messages came back\n", $ok ? 'ok' : 'FAILED', $scheduler->finished, $scheduler->received;
exit($ok ? 0 : 1);
