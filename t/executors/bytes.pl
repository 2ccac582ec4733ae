use strict;
use warnings;
use Mesos::ExecutorDriver;

# Answers a task with what it got, all of it in Latin-1.

package BytesExecutor;
use Moo;
extends 'Mesos::Executor';

has names => (is => 'rw');

sub registered {
    my ($self, $driver, $executor, $framework) = @_;
    $self->names([$executor->{name}, $framework->{name}, $executor->{executor_id}{value}]);
}

sub launchTask {
    my ($self, $driver, $task) = @_;
    my %status = (task_id => $task->{task_id}, labels => $task->{labels});
    my $seen = join '|', @{$self->names}, $task->{name}, $task->{task_id}{value}, $ENV{LATIN}, @ARGV;
    $driver->sendStatusUpdate({%status, state => Mesos::TaskState::TASK_RUNNING, message => "l\xe4uft", data => $seen});
    $driver->sendStatusUpdate({%status, state => Mesos::TaskState::TASK_FINISHED, message => "B\xfccher"});
}

package main;
Mesos::ExecutorDriver->new(executor => BytesExecutor->new, on_exception => 'die')->run;
