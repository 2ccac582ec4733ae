use strict;
use warnings;
use Mesos::ExecutorDriver;

# The custom executor of the tests. A task ends when a message for it came, or as its data says. To `pid` it answers with its own.

package TestExecutor;
use Moo;
extends 'Mesos::Executor';

has data => (is => 'ro', default => sub { {} });

sub launchTask {
    my ($self, $driver, $task) = @_;
    my $data = $task->{data};
    exit $1 if $data =~ /\Aexit (\d+)\z/;
    $self->data->{ $task->{task_id}{value} } = $data;
    $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_RUNNING});
}

sub frameworkMessage {
    my ($self, $driver, $message) = @_;
    return $driver->sendFrameworkMessage("pid $$") if $message eq 'pid';
    my ($id) = $message =~ /\A([^:]+):/;
    $driver->sendFrameworkMessage($message);
    $driver->sendStatusUpdate(
        {task_id => {value => $id}, state => Mesos::TaskState::TASK_FINISHED, data => $self->data->{$id}});
}

sub killTask {
    my ($self, $driver, $task_id) = @_;
    $driver->sendStatusUpdate({task_id => $task_id, state => Mesos::TaskState::TASK_KILLED});
}

sub shutdown { my ($self, $driver) = @_; $driver->stop }

package main;

exit(Mesos::ExecutorDriver->new(executor => TestExecutor->new)->run == Mesos::Status::DRIVER_STOPPED ? 0 : 1);
