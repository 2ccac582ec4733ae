#!/usr/bin/env perl
# The executor of test_framework.pl. It runs no programs: it reports each task as running, sends each message of the framework
# back, and then reports the message's task as finished.
use strict;
use warnings;
use Mesos::ExecutorDriver;

package TestExecutor;
use Moo;
extends 'Mesos::Executor';

sub registered {
    my ($self, $driver, $executor_info, $framework_info, $slave_info) = @_;
    print "Registered on $slave_info->{hostname}\n";
}

sub launchTask {
    my ($self, $driver, $task) = @_;
    print "Running task $task->{task_id}{value}\n";
    $driver->sendStatusUpdate({
            task_id => $task->{task_id},
            state => Mesos::TaskState::TASK_RUNNING,
            data => "data with a \0 byte",
    });
}

sub frameworkMessage {
    my ($self, $driver, $data) = @_;
    $driver->sendFrameworkMessage($data);
    my ($task_id) = $data =~ /\Atask (\d+):/ or return;
    $driver->sendStatusUpdate({
            task_id => {value => $task_id},
            state => Mesos::TaskState::TASK_FINISHED,
            data => "data with a \0 byte",
    });
}

sub shutdown {
    my ($self, $driver) = @_;
    $driver->stop;
}

package main;

my $status = Mesos::ExecutorDriver->new(executor => TestExecutor->new, on_exception => 'die')->run;
exit($status == Mesos::Status::DRIVER_STOPPED ? 0 : 1);
