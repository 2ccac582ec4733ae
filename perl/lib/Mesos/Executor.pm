package Mesos::Executor;
use 5.10.1;
use Moo;
use namespace::autoclean;

sub registered       { }
sub reregistered     { }
sub disconnected     { }
sub launchTask       { }
sub killTask         { }
sub frameworkMessage { }
sub shutdown         { }
sub error            { }

1;
__END__

=head1 NAME

Mesos::Executor - base class of executors

=head1 SYNOPSIS

    package My::Executor;
    use Mesos::Messages;
    use Moo;
    extends 'Mesos::Executor';

    sub launchTask {
        my ($self, $driver, $task) = @_;
        $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_RUNNING});
        # ... the work ...
        $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FINISHED});
    }

    sub shutdown { my ($self, $driver) = @_; $driver->stop }

=head1 DESCRIPTION

The methods below are called by a L<Mesos::ExecutorDriver>, one at a time, when an event loop runs. All do nothing here; override
what you need. What they return is ignored. Every method gets the driver first. Messages are objects of the named class
(L<Mesos::Messages>).

=head1 METHODS

=head2 registered

    sub registered { my ($self, $driver, $executorInfo, $frameworkInfo, $slaveInfo) = @_; ... }

The agent knows the executor: C<Mesos::ExecutorInfo>, C<Mesos::FrameworkInfo>, C<Mesos::SlaveInfo>.

=head2 reregistered

    sub reregistered { my ($self, $driver, $slaveInfo) = @_; ... }

The agent was restarted and knows the executor again.

=head2 disconnected

    sub disconnected { my ($self, $driver) = @_; ... }

The agent was lost; the driver waits for it.

=head2 launchTask

    sub launchTask { my ($self, $driver, $task) = @_; ... }

Run a task (C<Mesos::TaskInfo>) and report its states with C<sendStatusUpdate>. Return soon: other callbacks wait meanwhile.

=head2 killTask

    sub killTask { my ($self, $driver, $taskId) = @_; ... }

End a task (C<Mesos::TaskID>) and report C<TASK_KILLED>.

=head2 frameworkMessage

    sub frameworkMessage { my ($self, $driver, $data) = @_; ... }

Bytes from the scheduler.

=head2 shutdown

    sub shutdown { my ($self, $driver) = @_; ... }

End all tasks, report them, and exit. No callback follows. The process group is killed when the agent's grace period (5 seconds unless
set otherwise) is over.

=head2 error

    sub error { my ($self, $driver, $message) = @_; ... }

The driver has failed and is aborted. C<$message> says why.

=cut
