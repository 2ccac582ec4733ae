package Mesos::Runner::Task;
use 5.10.1;
use Mesos::Error qw(croak);
use Mesos::Arguments qw(not_an_amount);
use Mesos::Messages ();
use Mesos::Role::WarnsOfCalls ();
use Mesos::Runner::Placement qw(needs_of);
use Mesos::Warnings ();
use Scalar::Util qw(blessed looks_like_number reftype);
use overload ();
use Moo;
use namespace::autoclean;

has id => (is => 'ro', required => 1);
has command => (is => 'ro');
has info => (is => 'ro');
has [qw(cpus mem disk gpus timeout retry_failed retry_lost)] => (is => 'ro', default => 0);
has env => (is => 'ro', default => sub { {} });
has user => (is => 'ro');
has accepts => (is => 'ro');
has data => (is => 'rw');

has phase => (is => 'rwp', init_arg => undef, default => 'queued');
has [qw(attempts failures losses)] => (is => 'rwp', init_arg => undef, default => 0);
has [qw(state message exit_code signal status hostname slave_id agent mesos_id output_error)] => (is => 'rwp', init_arg => undef);
has [qw(timed_out truncated)] => (is => 'rwp', init_arg => undef, default => 0);
has [qw(started ended)] => (is => 'rwp', init_arg => undef);
has [qw(stdout stderr)] => (is => 'rwp', init_arg => undef, default => '');

# What a runner has a default for, and what its state file keeps.
my @numbers = qw(cpus mem disk gpus timeout retry_failed retry_lost);
sub _kept { return qw(command info env user), @numbers }

# --- from what a program gives to add --------------------------------------------------------------------------------------

sub _of {
    my ($class, $runner, $what, $given) = @_;
    croak "$what: expected a command (a string or an array reference) or a hash reference, got " . Mesos::Arguments::_describe($given)
        if !defined $given || blessed $given && !$given->isa('Mesos::TaskInfo');
    my %option = _is_info($given) ? (info => $given) : ref $given eq 'HASH' ? %$given : (command => $given);
    if (!defined $option{id}) {
        my $own = reftype($option{info} || '') ? $option{info}{task_id} : undef;
        $option{id} = ref $own ? $own->{value} : ++$runner->{_last_id};
    }
    _check_options($what, \%option);
    $option{$_} = $runner->$_ for grep { !defined $option{$_} } @numbers;
    my $task = $class->new(%option);
    # What the codec does not take is told here, and not when an offer comes.
    my $ok = eval { Mesos::TaskInfo->new($task->_task_info($task->id, 'agent', []))->encode; 1 };
    croak "$what: " . _reason($@) unless $ok;
    return $task;
}

# Options belong into a hash reference with their command. In the list, their names and values are commands of their own.
sub _warn_of_options {
    my (@given) = @_;
    if (@given > 1 && defined $given[0] && ($given[0] eq 'command' || $given[0] eq 'info' && ref $given[1])) {
        Mesos::Warnings::warn_user("add: task 0 is the command '$given[0]': did you mean {$given[0] => ...}?", "add $given[0]");
    }
    for my $index (1 .. $#given - 1) {
        my ($before, $name, $value) = @given[$index - 1 .. $index + 1];
        next unless defined $name && $name =~ /\A(?:cpus|mem|disk|gpus|timeout|retry_failed|retry_lost)\z/ && looks_like_number($value);
        my $command = defined $before && !ref $before ? "'$before'" : '...';
        Mesos::Warnings::warn_user("add: task $index is the command '$name': did you mean {command => $command, $name => $value}?", "add $name");
        last;
    }
    return;
}

# A message's command is one itself.
sub _is_info {
    my ($given) = @_;
    return blessed $given || ref $given eq 'HASH' && ($given->{executor} || (reftype($given->{command} || '') || '') eq 'HASH');
}

sub _check_options {
    my ($what, $option) = @_;
    Mesos::Warnings::refuse_unknown("$what: there is no option", $option, qw(id accepts data), _kept());
    croak "$what: expected either command or info, got " . (defined $option->{command} ? 'both' : 'neither') unless 1 == grep { defined $option->{$_} } qw(command info);
    my ($command, $info, $env) = @$option{qw(command info env)};
    croak "$what: command: expected a string or an array reference of strings, got " . Mesos::Arguments::_describe($command)
        if ref $command && (ref $command ne 'ARRAY' || !@$command || grep { !defined || ref } @$command);
    croak "$what: command: expected a command, got " . Mesos::Arguments::_describe($command)
        if defined $command && (ref $command ? $command->[0] : $command) !~ /\S/;
    croak "$what: info: expected a Mesos::TaskInfo or a hash reference, got " . Mesos::Arguments::_describe($info)
        if defined $info && (reftype($info) || '') ne 'HASH';
    for my $of (grep { (reftype($_ || '') || '') eq 'HASH' } $info, $info && $info->{executor}) {
        my $resources = $of->{resources};
        croak "$what: resources: expected an array reference of Mesos::Resource, got " . Mesos::Arguments::_describe($resources)
            if defined $resources && (reftype($resources) || '') ne 'ARRAY';
    }
    for my $name (grep { defined $option->{$_} } @numbers) {
        my $wrong = $name =~ /\Aretry_/ ? _not_a_count($option->{$name}) : _not_a_number($option->{$name});
        croak "$what: $name: $wrong" if defined $wrong;
    }
    croak "$what: env: expected a hash reference, got " . Mesos::Arguments::_describe($env) if defined $env && ref $env ne 'HASH';
    for my $name (sort keys %{$env || {}}) {
        croak qq($what: env: expected the name of a variable, without '=', got "$name") if $name !~ /\A[^=\0]+\z/;
        croak "$what: env: $name: expected a string, got " . Mesos::Arguments::_describe($env->{$name}) unless _is_text($env->{$name});
    }
    for my $name ($info ? grep { ref $option->{$_} ? %{$option->{$_}} : defined $option->{$_} } qw(env user) : ()) {
        Mesos::Warnings::warn_user("$what: $name has no effect on a task with info: its command has it", "add info $name");
    }
    Mesos::Role::WarnsOfCalls::_check_task("$what: info", $info) if $info;
    croak "$what: user: expected the name of a user, got " . Mesos::Arguments::_describe($option->{user})
        if defined $option->{user} && !(_is_text($option->{user}) && length $option->{user});
    croak "$what: accepts: expected a code reference, got " . Mesos::Arguments::_describe($option->{accepts}) if defined $option->{accepts} && ref $option->{accepts} ne 'CODE';
    my $id = $option->{id};
    croak qq($what: id: expected at most 200 characters without slashes and control characters, got "$id")
        if ref $id || !length $id || length $id > 200 || $id =~ m{[/\\\x00-\x1f\x7f]} || $id =~ /\A\.\.?\z/;
    return;
}

sub _not_a_number { return not_an_amount($_[0]) }

sub _not_a_count {
    my ($value) = @_;
    my $wrong = _not_a_number($value);
    return defined $wrong || $value == int $value ? $wrong : 'expected a whole number, got ' . Mesos::Arguments::_describe($value);
}

# Without a pause, the runner would do nothing else.
sub _not_a_pause {
    my ($value) = @_;
    my $wrong = _not_a_number($value);
    return defined $wrong || $value > 0 ? $wrong : 'expected a number of seconds above 0, got ' . Mesos::Arguments::_describe($value);
}

sub _is_text {
    my ($value) = @_;
    return defined $value && (!ref $value || blessed $value && overload::Method($value, '""'));
}

# Without the line of ours that an error names.
sub _reason {
    my ($error) = @_;
    $error =~ s/ at \S+ line \d+\.?\s*\z//;
    $error =~ s/\s+\z//;
    return $error;
}

# --- a launch --------------------------------------------------------------------------------------------------------------

sub name {
    my ($self) = @_;
    my $command = $self->command;
    return ref $command ? "@$command" : $command if defined $command;
    my $name = $self->info->{name};
    return defined $name && length $name ? $name : $self->id;
}

sub is_success {
    my ($self) = @_;
    return ($self->phase eq 'ended' || defined $self->exit_code) && ($self->state || '') eq 'TASK_FINISHED';
}

sub seconds {
    my ($self) = @_;
    return defined $self->started && defined $self->ended ? $self->ended - $self->started : undef;
}

has _needs => (is => 'lazy', init_arg => undef);

sub _build__needs {
    my ($self) = @_;
    my $info = $self->info || {};
    my $own = $info->{resources} && @{$info->{resources}} ? $info->{resources} : {map { ($_ => $self->$_) } qw(cpus mem disk gpus)};
    my $needs = needs_of($own);
    my $executor = needs_of(($info->{executor} || {})->{resources} || []);
    return {%$needs, map { ($_ => ($needs->{$_} || 0) + $executor->{$_}) } keys %$executor};
}

# Tasks that need the same fit into the same offers.
has _signature => (is => 'lazy', init_arg => undef, builder => sub { my $needs = $_[0]->_needs; join ';', map {"$_:$needs->{$_}"} sort keys %$needs });

# Mesos' own executor writes into stdout, too. So the output of commands goes elsewhere.
sub _files { return $_[0]->info ? {stdout => 'stdout', stderr => 'stderr'} : {stdout => 'command.out', stderr => 'command.err'} }

sub _command_info {
    my ($self) = @_;
    my $command = $self->command;
    my $to = '>command.out 2>command.err';
    my $env = $self->env;
    my %info = ref $command
        ? (shell => 0, value => '/bin/sh', arguments => ['sh', '-c', qq{exec "\$@" $to}, 'sh', @$command])
        : (value => "exec $to\n$command");
    $info{user} = $self->user if defined $self->user;
    $info{environment} = {variables => [map { +{name => $_, value => $env->{$_}} } sort keys %$env]} if %$env;
    return \%info;
}

# The Mesos::TaskInfo of the next attempt.
sub _task_info {
    my ($self, $mesos_id, $slave_id, $resources) = @_;
    my %info = $self->info ? %{$self->info} : (name => substr($self->name, 0, 200), command => $self->_command_info);
    $info{name} = $self->id unless defined $info{name};
    $info{resources} = $resources unless $info{resources} && @{$info{resources}};
    return {%info, task_id => {value => $mesos_id}, slave_id => {value => $slave_id}};
}

# What `Command exited with status 3` and the like say.
my %number = (
    'Hangup' => 1, 'Interrupt' => 2, 'Quit' => 3, 'Illegal instruction' => 4, 'Aborted' => 6, 'Bus error' => 7,
    'Floating point exception' => 8, 'Killed' => 9, 'Segmentation fault' => 11, 'Broken pipe' => 13, 'Alarm clock' => 14,
    'Terminated' => 15,
);

sub _set_outcome {
    my ($self, $state, $message) = @_;
    $message = '' unless defined $message;
    $self->_set_exit_code($state eq 'TASK_FINISHED' ? 0 : undef);
    $self->_set_signal(undef);
    return $self->_set_exit_code(0 + $1) if $message =~ /exited with status (\d+)/;
    # Whoever kills a task knows why.
    return if $state eq 'TASK_KILLED';
    my ($signal) = $message =~ /terminated with signal (.+?)(?: \(core dumped\))?\z/ or return;
    $self->_set_signal($signal);
    $self->_set_exit_code(128 + $number{$signal}) if $number{$signal};
    return;
}

# Before another attempt: nothing of the last one.
sub _reset {
    my ($self) = @_;
    $self->{$_} = undef for qw(state message exit_code signal status output_error started ended);
    $self->{$_} = '' for qw(stdout stderr);
    $self->{$_} = 0 for qw(timed_out truncated);
    delete $self->{_passed_on};
    return;
}

1;
__END__

=head1 NAME

Mesos::Runner::Task - a task of a Mesos::Runner, and its result

=head1 SYNOPSIS

    use Mesos::Runner;

    my $runner = Mesos::Runner->new(master => 'local');
    $runner->add('make test', {command => ['sleep', 10], timeout => 5});
    for my $task ($runner->run) {
        printf "%s: %s, exit code %s\n%s", $task->name, $task->state // 'never launched', $task->exit_code // '-', $task->stdout;
    }

=head1 DESCRIPTION

L<Mesos::Runner/add> makes these objects, and C<run> and C<on_result> give them back. A task that is tried again has the values of its last
attempt.

=head1 WHAT YOU ASKED FOR

These are arguments of L<Mesos::Runner/add>, and read-only. Numbers that you do not give are those of the runner.

=head2 id

A string that no other task of the runner has. Default: 1, 2, and so on.

=head2 command

What you passed: a string for the shell, or an array reference of a program and its arguments. Undef for tasks with C<info>.

=head2 info

The C<Mesos::TaskInfo> that you passed, or undef.

=head2 cpus, mem, disk, gpus

Resources: a number of processors (down to 0.001), MiB of memory and disk, and a number of GPUs.

=head2 timeout

Seconds from C<TASK_RUNNING> after which the task is killed; 0 means never.

=head2 retry_failed, retry_lost

How often the task is tried again after it failed, and after it was lost.

=head2 env

A hash reference with environment variables of the command. It has no effect on a task with C<info> (you get a warning), and neither has C<user>.

=head2 user

The user of the command on the agent; undef means the framework's.

=head2 accepts

A code reference, or undef: see L<Mesos::Runner/accepts>.

=head2 data

Anything of yours. You may set it at any time: C<< $task->data($value) >>.

=head1 WHAT BECAME OF IT

=head2 phase

C<queued> (also while a retry waits), C<launched> or C<ended>.

=head2 state

The name of the last state: C<TASK_RUNNING>, C<TASK_FINISHED> and so on. Undef if it was never launched.

=head2 exit_code

The exit code of the command, from the message of its last update. 128+N if signal N ended it, 0 for C<TASK_FINISHED> without such a
message. Undef if it is not known: the task did not end by itself, or its executor does not tell.

=head2 signal

The name of the signal that ended it, as Mesos tells it (C<Killed>), or undef.

=head2 is_success

True if it has ended as C<TASK_FINISHED>.

=head2 message

The text of the last update, or why there was none; perhaps undef.

=head2 status

The last update, a C<Mesos::TaskStatus>; its C<data> are what an executor sent. Undef before the first, and for what comes from a state file.

=head2 timed_out

True if C<timeout> was over.

=head2 stdout, stderr

Output, as bytes. For a command it is exactly what the command wrote. For a task with C<info>, it is what is in the files F<stdout> and
F<stderr> of its sandbox: everything that its executor wrote. Empty if there is none, or if it could not be read: see C<output_error>.

=head2 truncated

True if there was more than L<Mesos::Runner/max_output>.

=head2 output_error

Why output could not be read, or undef. A command that has run to its end and whose file is gone is such a case.

=head2 attempts, failures, losses

How often it was launched, has failed and was lost.

=head2 hostname, slave_id

The agent of the last launch: its host's name and its id.

=head2 mesos_id

The C<task_id> that Mesos knows for the last attempt: the C<id>, a dot, and the number of the attempt.

=head2 agent

The agent's address, as a hash reference with C<scheme>, C<host>, C<port> and C<path>.

=head2 started, ended, seconds

When C<TASK_RUNNING> and the last update came (seconds since 1970, with a fraction), and the time between. Undef if they did not.

=head2 name

The command as a string, the C<name> in C<info>, or the C<id>.

=cut
