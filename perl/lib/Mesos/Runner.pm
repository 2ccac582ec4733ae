package Mesos::Runner;
use 5.10.1;
use Mesos::Error qw(croak);
use File::Basename ();
use Mesos::Arguments ();
use Mesos::Constraint ();
use Mesos::Runner::Folder;
use Mesos::Runner::Journal;
use Mesos::Runner::Results;
use Mesos::Runner::Scheduler;
use Mesos::Runner::Task;
use Mesos::SchedulerDriver;
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use Scalar::Util qw(blessed looks_like_number reftype);
use Moo;
use namespace::autoclean;

sub _number_checker {
    my ($name) = @_;
    my $kind = $name =~ /\A(?:retry_|max_running)/ ? 'count' : $name eq 'reconcile_interval' ? 'pause' : 'number';
    my $check = Mesos::Runner::Task->can("_not_a_$kind");
    return sub { my $wrong = $check->($_[0]); Mesos::Constraint::_die("$name: $wrong") if defined $wrong };
}

sub _code_checker {
    my ($name) = @_;
    return sub {
        return if !defined $_[0] || ref $_[0] eq 'CODE';
        Mesos::Constraint::_die("$name: expected a code reference, got " . Mesos::Arguments::_describe($_[0]));
    };
}

sub _hash_checker {
    my ($name) = @_;
    return sub {
        return if ref $_[0] && reftype($_[0]) eq 'HASH';
        Mesos::Constraint::_die("$name: expected a hash reference, got " . Mesos::Arguments::_describe($_[0]));
    };
}

my %default = (
    cpus => 0.1, mem => 32, disk => 0, gpus => 0, timeout => 0, retry_failed => 0, retry_lost => 3, max_running => 0, backoff => 1,
    max_backoff => 60, max_output => 16 * 1024 * 1024, reconcile_interval => 600, master_timeout => 0,
);
for my $name (sort keys %default) {
    my $value = $default{$name};
    has $name => (is => 'ro', isa => _number_checker($name), default => sub {$value});
}
has $_ => (is => 'ro', isa => _code_checker($_)) for qw(accepts on_result on_state on_output);
has master => (is => 'ro', isa => sub {
        return if defined $_[0] && !ref $_[0];
        Mesos::Constraint::_die(q(master: expected "local", "host:port" or the like, got ) . Mesos::Arguments::_describe($_[0]));
}, default => sub { my $master = $ENV{MESOS_MASTER}; defined $master && length $master ? $master : 'local' });
has $_ => (is => 'ro', isa => _hash_checker($_), default => sub { {} }) for qw(framework driver_options);
has dispatcher => (is => 'ro', default => 'AnyEvent');
has [qw(credential agent_credential)] => (is => 'bare');
has collect_output => (is => 'ro', default => 1);
has state_file => (is => 'ro', isa => sub {
        return if !defined $_[0] || !ref $_[0] && length $_[0];
        Mesos::Constraint::_die('state_file: expected the name of a file, got ' . Mesos::Arguments::_describe($_[0]));
});
has placement => (is => 'ro', default => 'spread', isa => sub {
        return if defined $_[0] && $_[0] =~ /\A(?:spread|pack)\z/;
        Mesos::Constraint::_die("placement: expected 'spread' or 'pack', got " . Mesos::Arguments::_describe($_[0]));
});

has driver => (is => 'lazy', init_arg => undef);
has interrupted => (is => 'rwp', init_arg => undef, default => 0);
has _scheduler => (is => 'lazy', init_arg => undef, builder => sub { Mesos::Runner::Scheduler->new(runner => $_[0]) });

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments);
    Mesos::Warnings::warn_of_truth('collect_output', $self->collect_output);
    Mesos::Warnings::warn_of_file_name('state_file', $self->state_file);
    Mesos::Warnings::warn_user('backoff is ' . $self->backoff . ', but max_backoff is only ' . $self->max_backoff, 'backoff')
        if $self->backoff > $self->max_backoff;
    @$self{qw(_tasks _by_id _open)} = ([], {}, 0);
    # Not in the object, where dumps would show it.
    my $credential = delete $self->{credential};
    $self->{_credential} = sub {$credential};
    my $of_agents = delete $self->{agent_credential};
    # The one of the driver is looked at there, and this one, without that, only when there is output to be fetched.
    _hash_checker('agent_credential')->($of_agents), Mesos::Credential->encode($of_agents) if defined $of_agents;
    for my $name (grep { exists $self->driver_options->{$_} } qw(dispatcher framework master master_timeout scheduler)) {
        Mesos::Warnings::warn_user("driver_options: '$name' has no effect here" . ($name eq 'scheduler' ? '' : ': it is an argument of the runner'), "driver_options.$name");
    }
    my $acks = $self->driver_options->{implicit_acknowledgements};
    Mesos::Warnings::warn_user('driver_options: implicit_acknowledgements: nobody acknowledges updates then, so Mesos repeats them', 'acks') if defined $acks && !$acks;
    $self->{_agent_credential} = sub {$of_agents};
    $self->{_journal} = Mesos::Runner::Journal->new($self->state_file) if defined $self->state_file;
    $self->driver;
    $self->_restore if $self->{_journal};
}

# The embedded agents' sandboxes lie where the variable says when the driver is made.
sub _build_driver {
    my ($self) = @_;
    my $work_dir = $ENV{MESOS_WORK_DIR};
    if ($self->_is_local && !length($work_dir // '')) {
        $self->{_temporary} = Mesos::Runner::Folder->new;
        $work_dir = $self->{_temporary}->path;
    }
    local $ENV{MESOS_WORK_DIR} = defined $work_dir ? $work_dir : '';
    $self->{_work_dir} = $work_dir if $self->_is_local;
    my ($state_file, $credential) = ($self->state_file, $self->{_credential}->());
    return Mesos::SchedulerDriver->new(
        on_exception => 'die',
        %{$self->driver_options},
        master => $self->master,
        master_timeout => $self->master_timeout,
        framework => {
            user => '', name => File::Basename::basename($0),
            defined $state_file ? (failover_timeout => 7 * 24 * 3600) : (),
            %{$self->framework},
        },
        scheduler => $self->_scheduler,
        dispatcher => $self->dispatcher,
        defined $state_file ? (framework_id_file => "$state_file.framework") : (),
        $credential ? (credential => $credential) : (),
    );
}

sub _is_local { $_[0]->master eq 'local' }

# --- tasks ---------------------------------------------------------------------------------------------------------------

sub add {
    my ($self, @given) = @_;
    croak 'add: this runner has ended: make a new one' if $self->{_over};
    Mesos::Runner::Task::_warn_of_options(@given);
    my @tasks = map { Mesos::Runner::Task->_of($self, "add: task $_", $given[$_]) } 0 .. $#given;
    # All of them are looked at before one is taken.
    my (%is_given, @new);
    for my $task (@tasks) {
        my $id = $task->id;
        my $known = $self->{_by_id}{$id};
        croak "add: there is a task with the id '$id' already" if $is_given{$id}++ || $known && !$known->{_restored};
        croak "add: the task '$id' of the state file is another one: " . $known->name . ', and not ' . $task->name
            if $known && $known->name ne $task->name;
    }
    for my $task (@tasks) {
        my $known = $self->{_by_id}{$task->id};
        if (!$known) {
            push @new, $task;
            $self->_take($task);
            next;
        }
        # Of the state file: the program says again what it wants.
        delete $known->{_restored};
        $known->{$_} = $task->{$_} for grep { defined $task->{$_} } qw(accepts data);
        $task = $known;
    }
    $self->_record(0, map { $self->_spec_of($_) } @new);
    push @{$self->_scheduler->queue}, @new;
    $self->_scheduler->set_timer('add', 0, sub { $self->_scheduler->balance($self->driver, 1) }) if @new && $self->driver->running;
    return wantarray ? @tasks : $tasks[0];
}

sub _take {
    my ($self, $task) = @_;
    push @{$self->{_tasks}}, $task;
    $self->{_by_id}{$task->id} = $task;
    $self->{_open}++;
    return;
}

sub tasks { return @{$_[0]{_tasks}} }

sub kill {
    my ($self, $task) = @_;
    $self->_check_own('kill', $task);
    return if $task->phase eq 'ended';
    $task->{_killed} = 1;
    if ($self->_scheduler->withdraw($task)) {
        $task->_set_message('Killed before it was launched') unless defined $task->message;
        return $self->_finish($task);
    }
    return $self->_scheduler->kill_task($self->driver, $task->mesos_id);
}

# --- running -------------------------------------------------------------------------------------------------------------

sub start {
    my ($self) = @_;
    my $status = $self->driver->start;
    $self->_end_if_done;
    return $status;
}

sub run {
    my ($self) = @_;
    croak 'run: this runner has ended: make a new one' if $self->{_over};
    croak 'run: this runner runs already' if $self->{_in_run};
    local $self->{_in_run} = 1;
    if ($self->{_open}) {
        # Perl calls handlers only between its own operations, and a loop may sleep for long.
        my ($asked, $tick);
        # The second one ends the program. Who ignores the signal goes on to do so.
        local $SIG{INT} = ($SIG{INT} || '') eq 'IGNORE' ? 'IGNORE' : sub { $asked = 1; $SIG{INT} = 'DEFAULT' };
        $tick = sub {
            $self->_scheduler->set_timer('tick', 0.2, $tick);
            if ($asked) { $asked = 0; $self->interrupt }
        };
        $self->driver->start unless $self->driver->running;
        $tick->();
        my $ok = eval { $self->driver->join; 1 };
        my $error = $@;
        delete $self->_scheduler->timers->{tick};
        undef $tick;
        die $error unless $ok;
    }
    else { $self->driver->_needs_no_start }
    if (my $died = delete $self->{_died}) { die $died->[0] }
    my $failure = $self->_scheduler->failure;
    Mesos::Error->throw(text => Carp::shortmess("Mesos::Runner: $failure"), code => 'driver', method => 'run', argument => undef) if defined $failure;
    $self->_end if !$self->{_open} && !$self->{_over};
    return $self->tasks;
}

sub stop {
    my ($self, $failover) = @_;
    Mesos::Warnings::warn_of_truth('stop: failover', $failover);
    $self->_over;
    return $self->driver->stop($failover ? 1 : 0);
}

sub interrupt {
    my ($self) = @_;
    return if $self->interrupted;
    $self->_set_interrupted(1);
    my $scheduler = $self->_scheduler;
    for my $task (grep { $_->phase eq 'queued' } $self->tasks) {
        $scheduler->withdraw($task);
        $task->_set_message('Interrupted before it was launched') unless defined $task->message;
        $self->_finish($task);
    }
    $scheduler->kill_task($self->driver, $_) for sort keys %{$scheduler->active};
    return $self->_end_if_done;
}

sub _end_if_done {
    my ($self) = @_;
    return if $self->{_open};
    return $self->_tell_of_driver unless $self->{_in_run} || $self->interrupted;
    # The next program with this file goes on, where this one was told to leave off.
    return $self->_end;
}

# The run of the driver, in place of this one's, ends when somebody calls stop.
sub _tell_of_driver {
    my ($self) = @_;
    my $wait = $self->driver->dispatcher->{_wait};
    return if !$wait || !$wait->{serve} || $self->{_told_of_driver}++;
    warn "Mesos::Runner: all tasks have ended, but the driver's run goes on until the program calls stop: the runner's run ends by itself\n";
    return;
}

sub _end {
    my ($self) = @_;
    $self->_over;
    $self->driver->stop if $self->driver->status == Mesos::Status::DRIVER_RUNNING();
    return unless $self->{_journal};
    $self->interrupted ? undef $self->{_journal} : (delete $self->{_journal})->remove;
    return;
}

sub _over {
    my ($self) = @_;
    $self->{_over} = 1;
    %{$self->_scheduler->timers} = ();
    return;
}

with 'Mesos::Runner::Results';

Mesos::Warnings::Methods::watch_methods(
    __PACKAGE__, 'new', add => undef,
    (map { ($_ => 0) } qw(run start interrupt tasks counts)), (map { ($_ => 1) } qw(stop kill task forget)),
);

# The sandboxes are removed when the cluster has ended.
sub DEMOLISH {
    my ($self, $in_global_destruction) = @_;
    return if $in_global_destruction;
    %{$self->_scheduler->timers} = () if $self->{_scheduler};
    delete $self->{driver};
    delete $self->{_temporary};
}

1;
__END__

=head1 NAME

Mesos::Runner - runs commands on Mesos, so many at a time, and collects how they end and what they write

=head1 SYNOPSIS

    use Mesos::Runner;

    my $runner = Mesos::Runner->new(master => 'local', max_running => 4);    # or 'host:port' of a Mesos master
    $runner->add('echo one', 'sleep 1; echo two', ['printf', '%s\n', 'three'], 'exit 3');
    for my $task ($runner->run) {
        printf "%s: %s\n%s", $task->name, $task->exit_code // $task->message, $task->stdout;
    }

=head1 DESCRIPTION

The framework that most programs need: a queue of tasks. The runner places them on offers, launches at most C<max_running> at a time, tries
again what was lost, collects output, and gives you the results. It is written with L<Mesos::SchedulerDriver> and nothing else, so you can
write your own in the same way if it does too little.

The same program runs on the embedded cluster (C<local>) and on a real one.

=head2 Results

A result is the L<Mesos::Runner::Task> that C<add> has made. C<run> returns all of them at the end. If you set C<on_result>, you get each as
soon as it ends.

Mesos gets the acknowledgement of a task's last update after C<on_result> has returned. If C<on_result> dies, the exception leaves C<run>.
If your program calls C<run> again, Mesos sends the update again, and C<on_result> gets the task once more.

=head2 Retries

=over

=item *

A task that was I<lost> (C<TASK_LOST>, C<TASK_DROPPED>, C<TASK_GONE>, C<TASK_GONE_BY_OPERATOR>, C<TASK_UNKNOWN>) is launched again, at most
C<retry_lost> times. So a command may run more than once, though it wrote something: let it be one that can be repeated, or set the number to
0. If a lost task turns out to be alive, the runner kills it.

=item *

A task that I<failed> (C<TASK_FAILED>, or its C<timeout> was over) is launched again at most C<retry_failed> times: by default never.

=item *

A launch that the master has refused because the offer was gone does not count.

=item *

C<TASK_ERROR> (Mesos does not accept the task) and C<TASK_KILLED> by somebody else are final. C<TASK_UNREACHABLE> (only with the capability
C<PARTITION_AWARE>) is no end: the runner waits.

=back

Before attempt number I<n> + 1, the runner waits C<backoff> * 2 ** (I<n> - 1) seconds, and at most C<max_backoff>.

=head2 Output

Commands (strings and array references) write to the files F<command.out> and F<command.err> of their sandbox, because Mesos' own executor
writes into F<stdout> itself. For a task with C<info>, the runner reads F<stdout> and F<stderr>, which belong to its executor. On C<local> it
reads the files. On a real cluster it asks the agent, as L<Mesos::Client::Agent> does. Meanwhile the event loop stands still: usually for
some milliseconds, and up to 5 seconds for each look at a stream with an agent that does not answer. C<output_error> of the task says why output could not be read.
For agents with https you also need L<IO::Socket::SSL>.

On C<local> the sandboxes are in a folder F<mesos-runner-*> among the temporary files, unless C<MESOS_WORK_DIR> is set. It is removed with the
runner. If a program is killed, the next runner of the same user removes its folder.

=head2 Offers

Offers that the runner cannot use are declined at once. While no task waits, or C<max_running> tasks run, it asks the master for no offers;
when there is work, it asks again. If a task fits no offer, and would not if none of your tasks ran there, you get a warning with what it needs,
what was offered, and what does not suffice. You also get one if the master has offered nothing for 10 seconds. The tasks wait all the same.

=head2 Restarts

With C<state_file>, a program that was killed goes on where it was. Tasks that have ended are not run again, and the results have their
output. Tasks that run are found by the framework's id and reconciled. What waits in the queue is still there, without having been added.
The program may add its tasks again. A task whose C<id> is in the file is that task, and its command must be the same. Without ids of your
own, tasks are numbered as they come: add the same commands in the same order.

When all tasks have ended, C<run> removes the file. After Ctrl-C the file stays, and the next run does what was interrupted. On C<local>,
tasks end with their program, and are launched again.

C<on_result> may get a task twice if the program was killed in the middle of it.

=head2 Ctrl-C

During C<run>, SIGINT kills all tasks and forgets the queue (see C<interrupt>). C<run> waits until the tasks have ended, and returns. A second
SIGINT ends the program at once. If the signal is ignored, it stays ignored.

=head2 In a program that runs its own loop

Call C<start> in place of C<run>, and C<add> at any time. The runner never ends by itself then: call C<stop>. Results come to C<on_result>
only. Signals are yours. Call C<forget> for tasks that you have no more use for, because the runner keeps all of them.

=head1 ATTRIBUTES

All are arguments of C<new>, and read-only.

=head2 master

As L<Mesos::SchedulerDriver/master>. Default: the value of the environment variable C<MESOS_MASTER>, else C<local>.

=head2 max_running

How many tasks may run at a time. Default 0: as many as there are resources for.

=head2 cpus, mem, disk, gpus

What a task needs, unless it says so itself: a number of processors (default 0.1), MiB of memory (32), MiB of disk (0), GPUs (0).

=head2 timeout

Seconds from C<TASK_RUNNING> after which a task is killed, unless it says otherwise. Default 0: never.

=head2 retry_failed, retry_lost

How often a task is tried again that failed (default 0) or was lost (default 3), unless it says otherwise.

=head2 backoff, max_backoff

Seconds before the second attempt (default 1), and at most (default 60). See L</Retries>.

=head2 placement

C<'spread'> (the default): a task goes to the offer that got the fewest tasks yet. C<'pack'>: to the first offer that it fits into.

=head2 accepts

    accepts => sub { my ($task, $offer) = @_; return $offer->{hostname} =~ /^node/ }

A code reference that says whether a task (L<Mesos::Runner::Task>) may run on an offer (C<Mesos::Offer>) that has what it needs. A task may
have its own. Default: none.

=head2 on_result

    on_result => sub { my ($runner, $task) = @_; ... }

Called when a task has ended and is not tried again. It may call C<add>.

=head2 on_state

    on_state => sub { my ($runner, $task) = @_; print $task->id, ': ', $task->state, "\n" }

Called when the state of a task has changed, also before a retry.

=head2 on_output

    on_output => sub { my ($runner, $task, $stream, $bytes) = @_; print $bytes }

Called with new output of a task while it runs, at most once a second (on C<local> four times), and at its end: C<$stream> is C<stdout> or C<stderr>.

=head2 collect_output

False: the runner reads no output. Default: true.

=head2 max_output

How many bytes of each stream of a task are kept: the first ones. Default: 16777216 (16 MiB). See L<Mesos::Runner::Task/truncated>.

=head2 state_file

The path of a file that keeps what must survive the program: see L</Restarts>. Another file beside it, with the ending F<.framework>, keeps
the framework's id. The framework's C<failover_timeout> is a week unless C<framework> says otherwise. C<new> dies if another program uses the
file, or if it is damaged. Only the owner can read a file that the runner has made. Default: none.

=head2 framework

A hash reference with more fields of the C<Mesos::FrameworkInfo>, such as C<role>. Default: the program's name, and the user of this process.

=head2 credential, agent_credential

Hash references C<< {principal => ..., secret => ...} >>, for the master (as L<Mesos::SchedulerDriver/credential>) and for agents that ask for
a password before they give output. Default: none. They have no accessors, and dumps do not show them.

=head2 master_timeout

As L<Mesos::SchedulerDriver/master_timeout>. Default 0.

=head2 dispatcher

The event loop, as L<Mesos::Role::HasDispatcher/dispatcher>. Default C<AnyEvent>.

=head2 driver_options

A hash reference with more arguments of C<< Mesos::SchedulerDriver->new >>. You get a warning for those that the runner sets itself.

=head2 reconcile_interval

Every so many seconds, and after each connection, the runner asks the master for the states of its tasks. Default 600. 0 is an error.

=head2 driver

The L<Mesos::SchedulerDriver>. Not an argument of C<new>.

=head2 interrupted

True after C<interrupt>. Not an argument of C<new>.

=head1 METHODS

=head2 new

    my $runner = Mesos::Runner->new(%attributes);

Makes a runner and its driver, and reads the state file. Dies if an attribute is wrong.

=head2 add

    my @tasks = $runner->add('command', ['program', @arguments], {command => 'command', cpus => 2, timeout => 60}, \%task_info);

Queues tasks and returns a L<Mesos::Runner::Task> for each (in scalar context, the first). You may call it at any time until the runner has
ended, also in callbacks. A task is one of these:

=over

=item a string

A command for the shell of the agent's machine.

=item an array reference

A program and its arguments, without a shell's rules for them.

=item a hash reference with C<command> or C<info>, and options

C<command> is one of the two above, and C<info> a C<Mesos::TaskInfo>. The options are C<id>, C<cpus>, C<mem>, C<disk>, C<gpus>, C<timeout>,
C<retry_failed>, C<retry_lost>, C<env>, C<user>, C<accepts> and C<data>: see L<Mesos::Runner::Task>.

=item a C<Mesos::TaskInfo>

An object, or a hash reference whose C<command> is a hash, or that has an C<executor>. It needs no C<slave_id>. If it has C<resources>, they
are taken as they are. Otherwise the runner fills in what the options say. Its C<task_id> becomes the C<id>; each attempt has its own, with
a dot and the number of the attempt.

=back

Dies, and adds nothing, if an option is wrong, if there is a task with this C<id>, or if Mesos could not read the message.

=head2 run

    my @tasks = $runner->run;

Starts the driver, waits until all tasks have ended, ends the framework, and returns all tasks in the order in which they were added. Dies
with the driver's error if the driver fails (C<tasks> still tells you what was done), and with the exception of a callback if one dies.

=head2 start

    my $status = $runner->start;

Starts the driver and returns its status, a number of C<Mesos::Status>. See L</In a program that runs its own loop>.

=head2 stop

    my $status = $runner->stop;
    my $status = $runner->stop($failover);

Ends the framework and all of its tasks at once, without waiting. If C<$failover> is true, the tasks stay for the next program with this
C<state_file>. Returns the driver's status.

=head2 interrupt

    $runner->interrupt;

Kills all tasks and forgets the queue, as Ctrl-C does. C<on_result> gets the tasks that were never launched, too: they have no C<state>. When
all have ended, the framework ends. Returns nothing.

=head2 kill

    $runner->kill($task);

Kills a task, or takes it off the queue. It is not tried again. C<on_result> gets it when it has ended. Returns nothing.

=head2 tasks

    my @tasks = $runner->tasks;

All tasks, in the order in which they were added.

=head2 task

    my $task = $runner->task($id);

The task with this C<id>, or undef.

=head2 counts

    my $counts = $runner->counts;
    print "$counts->{queued} wait, $counts->{running} run, $counts->{ended} have ended\n";

How many tasks there are, as a new hash reference.

=head2 forget

    $runner->forget($task);

Forgets a task that has ended, also in the state file. Returns nothing.

=head1 SEE ALSO

F<examples/run_commands.pl> in the distribution, L<Mesos::Runner::Task>, L<Mesos::SchedulerDriver>.

=cut
