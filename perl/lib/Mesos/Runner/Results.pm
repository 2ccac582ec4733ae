package Mesos::Runner::Results;
use 5.10.1;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Runner::Sandbox;
use Mesos::Runner::Task;
use Scalar::Util qw(blessed);
use Moo::Role;
use namespace::autoclean;

sub _call {
    my ($self, $name, @args) = @_;
    my $code = $self->$name or return;
    $code->($self, @args);
    return;
}

# The task is over when the program has heard of it, and the state file.
sub _finish {
    my ($self, $task, $was_lost, $has_failed) = @_;
    $self->_call('on_result', $task);
    $task->_set_losses($task->losses + 1) if $was_lost;
    $task->_set_failures($task->failures + 1) if $has_failed;
    $task->_set_phase('ended');
    $self->{_open}--;
    my @kept = qw(
        phase state message exit_code signal attempts failures losses hostname slave_id timed_out truncated output_error started ended
        stdout stderr
    );
    # What was interrupted is done by the next program with this file.
    my $is_left = $self->interrupted && ($task->state || '') ne 'TASK_FINISHED';
    $self->_record(1, {id => $task->id, $is_left ? (phase => 'queued') : map { ($_ => $task->$_) } @kept});
    return $self->_end_if_done;
}

sub _record {
    my ($self, $sync, @records) = @_;
    $self->{_journal}->write($sync, @records) if $self->{_journal} && @records;
    return;
}

sub _spec_of {
    my ($self, $task) = @_;
    return {id => $task->id, phase => 'queued', map { ($_ => $task->$_) } grep { defined $task->$_ } Mesos::Runner::Task::_kept()};
}

# What an earlier program has left.
sub _restore {
    my ($self) = @_;
    my $journal = $self->{_journal};
    for my $id (@{$journal->{order}}) {
        my $record = $journal->{tasks}{$id};
        my $task = Mesos::Runner::Task->new(
            map { ($_ => $record->{$_}) } grep { defined $record->{$_} } 'id', Mesos::Runner::Task::_kept(),
        );
        $task->{$_} = $record->{$_} for grep { defined $record->{$_} } qw(attempts failures losses mesos_id slave_id hostname agent);
        $task->{_restored} = 1;
        $self->_take($task);
        if ($record->{phase} eq 'ended') {
            $task->{$_} = $record->{$_} for qw(phase state message exit_code signal timed_out truncated output_error started ended stdout stderr);
            $self->{_open}--;
        }
        elsif ($record->{phase} eq 'launched') {
            $task->_set_phase('launched');
            $self->_scheduler->active->{$task->mesos_id} = $task;
        }
        else { push @{$self->_scheduler->queue}, $task }
    }
    return;
}

# New output of a task. What cannot be read is told in the task: its end is told all the same.
sub _read_output {
    my ($self, $task, $is_last) = @_;
    return unless $self->collect_output;
    my $sandbox = $self->{_sandbox} ||= Mesos::Runner::Sandbox->new(
        framework_id => $self->_scheduler->framework_id, work_dir => $self->{_work_dir}, credential => $self->{_agent_credential}->());
    my $files = $task->_files;
    my $error;
    for my $stream (qw(stdout stderr)) {
        if ($self->{_passes_output_on}) {
            my $why = $self->_pass_output_on($sandbox, $task, $stream, $is_last);
            $error = $why if defined $why;
            next;
        }
        my $new = '';
        my $had = length $task->$stream;
        my $ok = eval {
            while ($had + length $new <= $self->max_output) {
                my $bytes = $sandbox->get($task, $files->{$stream}, $had + length $new);
                # A command that has run to its end has had the file: the task, or somebody else, has removed it.
                die "there is no file $files->{$stream} in its sandbox\n" if !defined $bytes && $is_last;
                last unless defined $bytes && length $bytes;
                $new .= $bytes;
            }
            1;
        };
        $error = Mesos::Runner::Task::_reason($@) unless $ok;
        my $room = $self->max_output - $had;
        if (length $new > $room) { $new = substr $new, 0, $room > 0 ? $room : 0; $task->_set_truncated(1) }
        next unless length $new;
        $self->_call('on_output', $task, $stream, $new);
        $task->{$stream} .= $new;
    }
    $task->_set_output_error($error);
    return;
}

# For mesos-perl: all output goes to on_output and is not kept, so there is no limit. While the task runs, the loop must get its turns: what a
# task has written since the last look is read in parts.
sub _pass_output_on {
    my ($self, $sandbox, $task, $stream, $is_last) = @_;
    my $file = $task->_files->{$stream};
    my $at = \$task->{_passed_on}{$stream};
    for (my $parts = 0; defined $is_last || $parts < 64; $parts++) {
        my $bytes = eval { $sandbox->get($task, $file, $$at || 0) };
        return Mesos::Runner::Task::_reason($@) if $@;
        return "there is no file $file in its sandbox" if !defined $bytes && $is_last;
        return unless defined $bytes && length $bytes;
        $$at += length $bytes;
        $self->_call('on_output', $task, $stream, $bytes);
    }
    return;
}

sub _failed {
    my ($self, $message) = @_;
    warn "Mesos::Runner: $message\n" unless $self->{_in_run};
    return;
}

# Code of a timer: what dies in it leaves run; without run, the loop has it.
sub _guarded {
    my ($self, $code) = @_;
    return if eval { $code->(); 1 };
    my $error = $@;
    die $error unless $self->{_in_run};
    $self->{_died} = [$error];
    $self->driver->running(0);
    return;
}

sub task {
    my ($self, $id) = @_;
    croak 'task: expected the id of a task, got ' . Mesos::Arguments::_describe($id) if !defined $id || ref $id;
    return $self->{_by_id}{$id};
}

sub _check_own {
    my ($self, $method, $task) = @_;
    my $is_task = blessed $task && $task->isa('Mesos::Runner::Task');
    return if $is_task && ($self->{_by_id}{$task->id} || 0) == $task;
    croak "$method: expected a task of this runner, got " . ($is_task ? "the task '" . $task->id . "', which is none" : Mesos::Arguments::_describe($task));
}

sub counts {
    my ($self) = @_;
    my $scheduler = $self->_scheduler;
    my $running = keys %{$scheduler->active};
    return {queued => $self->{_open} - $running, running => $running, ended => @{$self->{_tasks}} - $self->{_open}};
}

sub forget {
    my ($self, $task) = @_;
    $self->_check_own('forget', $task);
    croak "forget: the task '" . $task->id . "' has not ended" unless $task->phase eq 'ended';
    delete $self->{_by_id}{$task->id};
    @{$self->{_tasks}} = grep { $_ != $task } @{$self->{_tasks}};
    $self->_record(0, {id => $task->id, forget => 1});
    return;
}

1;
__END__

=head1 NAME

Mesos::Runner::Results - what becomes of the tasks of a Mesos::Runner

=head1 SYNOPSIS

    use Mesos::Runner;

    my $runner = Mesos::Runner->new(master => 'local');
    print "results\n" if $runner->does('Mesos::Runner::Results');

=head1 DESCRIPTION

Internal to L<Mesos::Runner>, which composes this role. Its methods read the output of tasks, tell the program of their ends, and write the
state file.

=cut
