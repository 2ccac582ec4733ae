package Mesos::Executor;
use 5.10.1;
use Mesos ();
use Mesos::Constraint ();
use Mesos::Warnings ();
use Scalar::Util ();
use Moo;
use namespace::autoclean;

sub registered { }
sub reregistered { }
sub disconnected { }
sub frameworkMessage { }
sub shutdown { }

# Whether a class is without this callback. One that modifies it, or calls this one, has it.
sub _lacks {
    my ($self, $callback) = @_;
    return $self->can($callback) == Mesos::Executor->can($callback);
}

# Or the scheduler would wait for ever for news of the task.
sub launchTask {
    my ($self, $driver, $task) = @_;
    return unless _lacks($self, 'launchTask');
    my $message = ref($self) . ' has no method launchTask';
    Mesos::_tell("$message: the task fails");
    return $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FAILED(), message => $message});
}

# Whoever asked for it waits for the task's end.
sub killTask {
    my ($self, $driver, $task_id) = @_;
    Mesos::_tell(ref($self) . " has no method killTask: the task '$task_id->{value}' is not killed") if _lacks($self, 'killTask');
    return;
}

# A driver that ends must not end without a word: it says so itself unless this method has.
sub error {
    my ($self, $driver, $message) = @_;
    Mesos::_tell("the driver of this executor has failed: $message");
    delete $driver->{_failure} if (Scalar::Util::reftype($driver) || '') eq 'HASH';
    return;
}

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }
sub BUILD { Mesos::Warnings::check_constructor(@_) }

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

A L<Mesos::ExecutorDriver> calls the methods below, one at a time, while an event loop runs. In this class they do nothing,
except that C<error> prints its message, C<launchTask> reports C<TASK_FAILED>, and C<killTask> prints that the task is not killed. Override
those that you need. The driver ignores what they return.

Every method gets the driver first. Messages are objects of the named class (L<Mesos::Messages>).

=head1 METHODS

=head2 registered

    sub registered { my ($self, $driver, $executorInfo, $frameworkInfo, $slaveInfo) = @_; ... }

The agent has registered the executor. The arguments are a C<Mesos::ExecutorInfo>, a C<Mesos::FrameworkInfo> and a C<Mesos::SlaveInfo>.

=head2 reregistered

    sub reregistered { my ($self, $driver, $slaveInfo) = @_; ... }

The agent was restarted, and knows the executor again.

=head2 disconnected

    sub disconnected { my ($self, $driver) = @_; ... }

The driver has lost the agent, and waits for it to come back.

=head2 launchTask

    sub launchTask { my ($self, $driver, $task) = @_; ... }

Run this task (a C<Mesos::TaskInfo>), and report its states with C<sendStatusUpdate>. Return soon, because other callbacks wait until you
do.

=head2 killTask

    sub killTask { my ($self, $driver, $taskId) = @_; ... }

End the task with this C<Mesos::TaskID>, and report C<TASK_KILLED>.

=head2 frameworkMessage

    sub frameworkMessage { my ($self, $driver, $data) = @_; ... }

The scheduler has sent these bytes.

=head2 shutdown

    sub shutdown { my ($self, $driver) = @_; ... }

End all tasks, report them, and exit. The driver makes no callback after this one. When the agent's grace period is over (by default 5
seconds), the driver kills the executor's process group.

=head2 error

    sub error { my ($self, $driver, $message) = @_; ... }

The driver has failed and is now aborted. C<$message> says why. In this class the method prints it to standard error, unless
C<PERL_MESOS_TRACE> is C<QUIET>. If your own method returns or exits without having called this one, the driver prints the message
afterwards.

=cut
