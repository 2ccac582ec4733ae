package Mesos::Command::Tasks;
use 5.10.1;
use strict;
use warnings;
use IO::Handle ();
use Mesos::Command ();
use Mesos::Command::Output ();
use Mesos::Warnings qw(meant);
use Scalar::Util qw(blessed);
use Time::HiRes ();

my %SIGNALS = (HUP => 1, INT => 2, QUIT => 3, KILL => 9, USR1 => 10, USR2 => 12, TERM => 15, CONT => 18, STOP => 19);
my $ALIVE = qr/STAGING|STARTING|RUNNING|KILLING|UNREACHABLE/;

# The task of this id, or the only one of this name.
sub find {
    my ($class, $client, $wanted, $option) = @_;
    my @all = @{$client->tasks(all => 1)};
    @all = grep { $_->{framework_id}{value} eq $option->{framework} } @all if defined $option->{framework};
    my $task = Mesos::Client::_current(grep { $_->{task_id}{value} eq $wanted } @all);
    return $task if $task;
    my @named = grep { defined $_->{name} && $_->{name} eq $wanted } @all;
    my @alive = grep { ($_->{state} || '') =~ $ALIVE } @named;
    @named = @alive if @alive;
    return $named[0] if @named == 1;
    Mesos::Command->fail(Mesos::Command::USAGE, scalar(@named) . " tasks have the name '$wanted'. Say which: " . join ', ', map { $_->{task_id}{value} } @named)
        if @named;
    my $meant = meant($wanted, sort map { ($_->{task_id}{value}, grep {defined} $_->{name}) } @all);
    return Mesos::Command->fail(Mesos::Command::NOT_FOUND,
        "no task '$wanted' is known to the master" . (length $meant ? $meant : '. \'mesos-perl ps --all\' lists them'));
}

# --- logs ----------------------------------------------------------------------------------------------------------------------------------

sub logs {
    my ($class, $option, $arguments) = @_;
    my $wanted = Mesos::Command->one_argument('logs', 'task', $arguments);
    Mesos::Command->fail(Mesos::Command::USAGE, "logs: --tail: expected a number of lines, got $option->{tail}") if defined $option->{tail} && $option->{tail} < 0;
    Mesos::Command->fail(Mesos::Command::USAGE, 'logs: expected either --stderr or --file PATH, got both') if $option->{stderr} && defined $option->{file};
    Mesos::Command->fail(Mesos::Command::USAGE, "logs: --file: expected the path of a file, got ''") if defined $option->{file} && !length $option->{file};
    my $client = Mesos::Command->client($option);
    my $task = $class->find($client, $wanted, $option);
    my $sandbox = $client->sandbox($task);
    my $file = defined $option->{file} ? $option->{file} : $class->_file($sandbox, $option->{stderr} ? 'err' : 'out');
    binmode STDOUT;
    STDOUT->autoflush;
    my $offset = 0;
    my $is_there = !$option->{follow} || _is_there($sandbox, $file);
    if (defined $option->{tail} && $is_there) {
        my $bytes = $sandbox->read_file($file);
        $offset = length $bytes;
        _write(_last_lines($bytes, $option->{tail}));
    }
    if (!$option->{follow}) {
        _write($sandbox->read_file($file, offset => $offset)) unless defined $option->{tail};
        return Mesos::Command::OK;
    }
    my ($checked, $over) = (Time::HiRes::time(), ($task->{state} || '') !~ $ALIVE);
    Mesos::Command->complain("logs: $file is not in the sandbox yet: waiting for it, until the task ends") if !$is_there && !$over;
    $sandbox->follow_file($file, \&_write, offset => $offset, until => sub {
            # The master is asked less often than the agent.
            return $over if $over || Time::HiRes::time() - $checked < 1;
            $checked = Time::HiRes::time();
            my $now = $client->task($task->{task_id}, framework => $task->{framework_id});
            $over = 1 unless $now && ($now->{state} || '') =~ $ALIVE;
            return $over;
    });
    Mesos::Command->fail(Mesos::Command::NOT_FOUND, "logs: the task has ended, and there is no file '$file' in its sandbox")
        unless $is_there || _is_there($sandbox, $file);
    return Mesos::Command::OK;
}

sub _is_there {
    my ($sandbox, $file) = @_;
    return 1 if eval { $sandbox->read_file($file, length => 1); 1 };
    my $error = $@;
    return 0 if blessed $error && $error->isa('Mesos::Client::Error') && ($error->status || 0) == 404;
    die $error;    ## no critic (RequireCarping): it has its place
}

# What Mesos::Runner has started writes to files of its own, since Mesos' executor writes into stdout itself.
sub _file {
    my ($class, $sandbox, $ending) = @_;
    my $files = eval { $sandbox->list } || [];
    my ($own) = grep { $_->{path} eq "command.$ending" } @$files;
    return $own ? $own->{path} : "std$ending";
}

sub _write { return Mesos::Command::Output->write(@_) }

sub _last_lines {
    my ($bytes, $count) = @_;
    return '' unless $count;
    my @lines = split /(?<=\n)/, $bytes;
    splice @lines, 0, @lines - $count if @lines > $count;
    return join '', @lines;
}

# --- acts ----------------------------------------------------------------------------------------------------------------------------------

sub _container {
    my ($class, $name, $task) = @_;
    Mesos::Command->fail(Mesos::Command::FAILED, "$name: the task '$task->{task_id}{value}' has ended: $task->{state}") if ($task->{state} || '') !~ $ALIVE;
    for my $status (reverse @{$task->{statuses} || []}) {
        my $id = ($status->{container_status} || {})->{container_id};
        return $id if $id;
    }
    return;
}

# The operator API kills containers. A task is its framework's, which Mesos tells of the end.
sub kill {
    my ($class, $option, $arguments) = @_;
    my $wanted = Mesos::Command->one_argument('kill', 'task', $arguments);
    my $signal = defined $option->{signal} ? uc $option->{signal} : 'KILL';
    $signal =~ s/\ASIG//;
    my $number = $signal =~ /\A\d+\z/ ? $signal : $SIGNALS{$signal};
    Mesos::Command->fail(Mesos::Command::USAGE, "kill: --signal: expected a number or one of " . join(', ', sort keys %SIGNALS) . ", got '$option->{signal}'") unless $number;
    my $client = Mesos::Command->client($option);
    my $task = $class->find($client, $wanted, $option);
    my $container = $class->_container('kill', $task);
    my $agent = $client->agent($task->{agent_id});
    if (!$container) {
        # Tasks of executors that say nothing of containers: the executor's own.
        my $executor = ($task->{executor_id} || {})->{value};
        $executor = $task->{task_id}{value} unless defined $executor && length $executor;
        my ($of) = grep { $_->{executor_id}{value} eq $executor && $_->{framework_id}{value} eq $task->{framework_id}{value} } @{$agent->containers};
        $container = $of && $of->{container_id};
    }
    Mesos::Command->fail(Mesos::Command::FAILED, "kill: the agent does not say which container is that of '$task->{task_id}{value}'") unless $container;
    $agent->kill_container($container, signal => $number);
    Mesos::Command->output($option)->say("killed: $task->{task_id}{value}");
    return Mesos::Command::OK;
}

sub exec {
    my ($class, $option, $arguments) = @_;
    my ($wanted, @command) = @$arguments;
    shift @command if @command && $command[0] eq '--';
    Mesos::Command->fail(Mesos::Command::USAGE, 'exec: which task and which command? Usage: mesos-perl exec TASK -- COMMAND...') unless @command && length $command[0] && length $wanted;
    my $client = Mesos::Command->client($option);
    my $task = $class->find($client, $wanted, $option);
    my $container = $class->_container('exec', $task)
        or Mesos::Command->fail(Mesos::Command::FAILED, "exec: the master does not know the container of '$task->{task_id}{value}'");
    binmode $_ for \*STDOUT, \*STDERR;
    STDOUT->autoflush;
    my $status = $client->agent($task->{agent_id})
        ->run_in_container($container, @command == 1 ? $command[0] : \@command, stdout => \&_write, stderr => sub { print STDERR $_[0] });
    Mesos::Command->fail(Mesos::Command::FAILED, 'exec: the agent does not say how the command has ended') unless defined $status;
    return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

1;
__END__

=head1 NAME

Mesos::Command::Tasks - what mesos-perl does with one task

=head1 SYNOPSIS

    use Mesos::Command::Tasks;

    exit(Mesos::Command::Tasks->logs({master => '127.0.0.1:5050', follow => 1}, ['task-1']));

=head1 DESCRIPTION

Internal to this distribution. L<mesos-perl> describes the commands. Each method gets the options and the arguments, and returns the exit
status.

=head1 METHODS

=head2 exec

=head2 kill

=head2 logs

=head2 find

    my $task = Mesos::Command::Tasks->find($client, $id_or_name, \%option);

The task, or an end of the command that says what was probably meant.

=cut
