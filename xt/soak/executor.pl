use strict;
use warnings;
use AnyEvent;
use Mesos::ExecutorDriver;

# The executor of xt/soak.t: says that a task runs, tells the scheduler so in a message, and ends the task after the time in its data.

package SoakExecutor;
use Moo;
extends 'Mesos::Executor';

has timers => (is => 'ro', default => sub { {} });

sub launchTask {
    my ($self, $driver, $task) = @_;
    my $id = $task->{task_id};
    $driver->sendStatusUpdate({task_id => $id, state => Mesos::TaskState::TASK_RUNNING});
    $driver->sendFrameworkMessage("runs $id->{value}");
    $self->timers->{$id->{value}} = AnyEvent->timer(after => $task->{data}, cb => sub {
            delete $self->timers->{$id->{value}};
            $driver->sendStatusUpdate({task_id => $id, state => Mesos::TaskState::TASK_FINISHED, data => $id->{value}});
    });
    return;
}

sub killTask {
    my ($self, $driver, $id) = @_;
    # One that has ended has said so.
    delete $self->timers->{$id->{value}} or return;
    $driver->sendStatusUpdate({task_id => $id, state => Mesos::TaskState::TASK_KILLED});
    return;
}

sub shutdown { $_[1]->stop; return }

package main;

exit(Mesos::ExecutorDriver->new(executor => SoakExecutor->new, on_exception => 'die')->run != Mesos::Status::DRIVER_STOPPED);
