use strict;
use warnings;
use AnyEvent;
use Mesos::ExecutorDriver;

# The custom executor of the tests. A task ends when a message for it came, or as its data says: `exit 3`, `when FILE` exists, `stubborn`
# for an executor that does not heed shutdown. To `pid` it answers with its own, to `heard` with its callbacks.

package TestExecutor;
use Moo;
extends 'Mesos::Executor';

has data => (is => 'ro', default => sub { {} });
has timers => (is => 'ro', default => sub { {} });
has heard => (is => 'ro', default => sub { [] });
has stubborn => (is => 'rw');

for my $name (qw(registered reregistered disconnected)) {
    no strict 'refs';
    *$name = sub { push @{$_[0]->heard}, $name };
}

# Watches for the file, also while there is no agent.
sub finish_when {
    my ($self, $driver, $task_id, $file) = @_;
    $self->timers->{$task_id->{value}} = AnyEvent->timer(after => 0.05, interval => 0.05, cb => sub {
            return if !-e $file;
            delete $self->timers->{$task_id->{value}};
            $driver->sendStatusUpdate({task_id => $task_id, state => Mesos::TaskState::TASK_FINISHED});
    });
}

sub launchTask {
    my ($self, $driver, $task) = @_;
    my $data = $task->{data};
    exit $1 if $data =~ /\Aexit (\d+)\z/;
    $self->data->{$task->{task_id}{value}} = $data;
    $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_RUNNING});
    $self->finish_when($driver, $task->{task_id}, $1) if $data =~ /\Awhen (.+)\z/;
    # With a child of its own, in its process group.
    $self->stubborn(fork || exec 'sleep', 1000) if $data eq 'stubborn';
}

sub frameworkMessage {
    my ($self, $driver, $message) = @_;
    return $driver->sendFrameworkMessage(join ' ', 'pid', $$, $self->stubborn || ()) if $message eq 'pid';
    return $driver->sendFrameworkMessage("heard @{ $self->heard }") if $message eq 'heard';
    my ($id) = $message =~ /\A([^:]+):/;
    $driver->sendFrameworkMessage($message);
    $driver->sendStatusUpdate(
        {task_id => {value => $id}, state => Mesos::TaskState::TASK_FINISHED, data => $self->data->{$id}});
}

sub killTask {
    my ($self, $driver, $task_id) = @_;
    $driver->sendStatusUpdate({task_id => $task_id, state => Mesos::TaskState::TASK_KILLED});
}

sub shutdown { my ($self, $driver) = @_; $driver->stop unless $self->stubborn }

package main;

exit(Mesos::ExecutorDriver->new(executor => TestExecutor->new)->run == Mesos::Status::DRIVER_STOPPED ? 0 : 1);
