package Mesos::Command::Run;
use 5.10.1;
use strict;
use warnings;
use Errno ();
use IO::Handle ();
use Mesos::Command ();

# As of docker run and timeout(1).
use constant {NOT_RUN => 125, TIMED_OUT => 124, INTERRUPTED => 130, NOBODY_READS => 141};

# Seconds without a master after which it is told what the command waits for.
our $PATIENCE = 5;

my $VERIFY = 'LIBPROCESS_SSL_VERIFY_SERVER_CERT';

sub main {
    my ($class, $option, $command) = @_;
    Mesos::Command->fail(Mesos::Command::USAGE, 'run: which command? Usage: mesos-perl run [options] -- COMMAND') unless @$command && length $command->[0];
    my $number = defined $option->{number} ? $option->{number} : 1;
    $class->_positive($option, $_) for qw(number parallel cpus mem timeout wait);
    for my $name (grep { defined $option->{$_} && $option->{$_} < 0 } qw(disk gpus retry)) {
        Mesos::Command->fail(Mesos::Command::USAGE, "run: --$name: expected a number that is not negative, got $option->{$name}");
    }
    for my $name (grep { defined $option->{$_} && !length $option->{$_} } qw(docker host name role user)) {
        Mesos::Command->fail(Mesos::Command::USAGE, "run: --$name: expected a text, got ''");
    }
    my %env = map {
        /\A([^=]+)=(.*)\z/s ? ($1 => $2)
            : defined $ENV{$_} ? ($_ => $ENV{$_})
            : Mesos::Command->fail(Mesos::Command::USAGE, "run: --env: expected NAME=VALUE, or the NAME of a variable that is set, got '$_'")
    } @{$option->{env} || []};
    my $settings = Mesos::Command->settings($option);
    # The driver's line about its own end would say the same again.
    local $ENV{PERL_MESOS_TRACE} = defined $ENV{PERL_MESOS_TRACE} ? $ENV{PERL_MESOS_TRACE} : 'QUIET';
    # A driver has no argument for that.
    local $ENV{$VERIFY} = defined $settings->{verify} ? $settings->{verify} : defined $ENV{$VERIFY} ? $ENV{$VERIFY} : '';
    delete $ENV{$VERIFY} unless length $ENV{$VERIFY};
    require Mesos::Runner;
    my $self = bless {option => $option, number => $number, partial => {}, ended => 0, terminal => -t STDERR}, $class;    ## no critic (ProhibitInteractiveTest)
    my $runner = $self->_runner($settings);
    my @tasks = map { $self->_task($_, $command, \%env) } 1 .. $number;
    $runner->add(@tasks);
    binmode $_ for \*STDOUT, \*STDERR;
    STDOUT->autoflush;
    # Event loops ignore SIGPIPE: what cannot be written is seen where it is written.
    local $SIG{PIPE} = sub { };
    $self->_watch_for_master;
    local $SIG{TERM} = sub { $self->{terminated} = 1; $runner->interrupt };
    my @ended;
    if (!eval { @ended = $runner->run; 1 }) {
        chomp(my $why = $@);
        $why =~ s/\AMesos::Runner: //;
        $why =~ s/ at \S+ line \d+\.\z//;
        $self->_clear;
        Mesos::Command->fail($why =~ /\A[Nn]o master/ ? Mesos::Command::NO_MASTER : NOT_RUN, "run: $why");
    }
    $self->_clear;
    return $self->_exit_status($runner, @ended);
}

sub _positive {
    my ($class, $option, $name) = @_;
    return if !defined $option->{$name} || $option->{$name} > 0;
    Mesos::Command->fail(Mesos::Command::USAGE, "run: --$name: expected a number above 0, got $option->{$name}");
    return;
}

sub _runner {
    my ($self, $settings) = @_;
    my $option = $self->{option};
    my %framework = (name => defined $option->{name} ? $option->{name} : 'mesos-perl run', defined $option->{user} ? (user => $option->{user}) : ());
    # MULTI_ROLE.
    @framework{qw(roles capabilities)} = ([$option->{role}], [{type => 6}]) if defined $option->{role};
    my %arguments = (
        master => $settings->{master},
        framework => \%framework,
        max_running => $option->{parallel} || 0,
        master_timeout => $option->{wait} || 30,
        retry_failed => $option->{retry} || 0,
        on_output => sub { $self->_print(@_[1 .. 3]) },
        on_result => sub { $self->_ended($_[1]) },
        on_state => sub { $self->_state($_[1]) },
    );
    $arguments{credential} = $settings->{credential} if $settings->{credential};
    my ($for_agents) = grep {defined} @$settings{qw(agent_credential credential)};
    $arguments{agent_credential} = $for_agents if $for_agents;
    $arguments{accepts} = sub { $_[1]{hostname} eq $option->{host} } if defined $option->{host};
    my $runner = eval { Mesos::Runner->new(%arguments) };
    if ($runner) {
        # All of the output is printed, and none of it kept.
        $runner->{_passes_output_on} = 1;
        return $self->{runner} = $runner;
    }
    (my $why = $@) =~ s/ at \S+ line \d+\.?\n*\z//;
    return Mesos::Command->fail(Mesos::Command::USAGE, "run: $why");
}

# One argument is text for a shell, several are a program and its arguments.
sub _task {
    my ($self, $index, $command, $env) = @_;
    my $option = $self->{option};
    my %env = (%$env, MESOS_PERL_TASK => $index);
    my %common = (id => "run-$$-$index", env => \%env, map { defined $option->{$_} ? ($_ => $option->{$_}) : () } qw(cpus mem disk gpus timeout user));
    return {%common, command => @$command == 1 ? $command->[0] : [@$command]} unless defined $option->{docker};
    delete @common{qw(env user)};
    my %info = (
        name => "@$command",
        command => {
            @$command == 1 ? (value => $command->[0]) : (shell => 0, value => $command->[0], arguments => [@$command]),
            environment => {variables => [map { +{name => $_, value => $env{$_}} } sort keys %env]},
            defined $option->{user} ? (user => $option->{user}) : (),
        },
        # DOCKER of both types.
        container => {type => 1, docker => {image => $option->{docker}}},
    );
    return {%common, info => \%info};
}

# The driver is silent about that, since it would also say what the command says.
sub _watch_for_master {
    my ($self) = @_;
    my $runner = $self->{runner};
    my $scheduler = $runner->driver->scheduler;
    return if $self->{option}{quiet};
    $scheduler->set_timer('master', $PATIENCE, sub {
            return if defined $scheduler->framework_id;
            Mesos::Command->complain('run: no master at ' . $runner->driver->master . " for $PATIENCE s: it gives up after " . $runner->master_timeout . ' s (--wait)');
    });
    return;
}

# --- what the user sees ----------------------------------------------------------------------------------------------------------------------

# Output of several tasks comes in whole lines, with the task's number.
sub _print {
    my ($self, $task, $stream, $bytes) = @_;
    $self->_clear;
    my $to = $stream eq 'stderr' ? \*STDERR : \*STDOUT;
    if ($self->{number} == 1) { $self->_write($to, $bytes) }
    else {
        my $partial = \$self->{partial}{$task->id}{$stream};
        $$partial = (defined $$partial ? $$partial : '') . $bytes;
        $self->_write($to, _index($task), $1) while $$partial =~ s/\A(.*\n)//;
    }
    $self->_progress;
    return;
}

# Nobody reads the output any more, or the disk is full: the tasks have nothing to go on for.
sub _write {
    my ($self, $to, @bytes) = @_;
    return if defined $self->{unwritable} || print {$to} @bytes;
    return if $to == \*STDERR;
    my $why = $!;
    $self->{unwritable} = $why == Errno::EPIPE() ? NOBODY_READS : Mesos::Command::FAILED;
    Mesos::Command->complain("run: cannot write the output: $why") unless $self->{unwritable} == NOBODY_READS;
    # Perl would say it again at the end.
    open STDOUT, '>', '/dev/null' or return;
    return $self->{runner}->interrupt;
}

sub _index { my ($task) = @_; return '[' . ($task->id =~ /(\d+)\z/)[0] . '] ' }

sub _state {
    my ($self, $task) = @_;
    $self->{started} = 1;
    if ($self->{option}{quiet}) {return}
    my $state = $task->state;
    if ($self->{terminal} && $self->{number} == 1 && $state =~ /STAGING|STARTING/) { $self->_note("starting on " . $task->hostname) }
    else { $self->_progress }
    return;
}

sub _ended {
    my ($self, $task) = @_;
    $self->{ended}++;
    $self->_clear;
    for my $stream (qw(stdout stderr)) {
        my $left = delete $self->{partial}{$task->id}{$stream};
        next unless defined $left && length $left;
        $self->_write($stream eq 'stderr' ? \*STDERR : \*STDOUT, _index($task), $left, "\n");
    }
    Mesos::Command->complain(($self->{number} > 1 ? _index($task) : '') . 'its output could not be read: ' . $task->output_error) if defined $task->output_error;
    if (!$task->is_success && !$self->{option}{quiet} && !defined $self->{unwritable}) {
        my $why = $task->timed_out ? "killed after $self->{option}{timeout} s" : join ': ', grep { defined && length } $task->state, $task->message;
        Mesos::Command->complain(($self->{number} > 1 ? _index($task) : '') . ($why || 'not launched'));
    }
    $self->_progress;
    return;
}

# A line that is written over again and again, on a terminal only.
sub _note {
    my ($self, $text) = @_;
    return unless $self->{terminal} && !$self->{option}{quiet};
    $self->_clear;
    print STDERR "\r$text";
    $self->{note} = length $text;
    return;
}

sub _progress {
    my ($self) = @_;
    return unless $self->{number} > 1 && $self->{runner};
    my $counts = $self->{runner}->counts;
    $self->_note("$counts->{ended} of $self->{number} ended, $counts->{running} running");
    return;
}

sub _clear {
    my ($self) = @_;
    my $length = delete $self->{note} or return;
    print STDERR "\r", ' ' x $length, "\r";
    return;
}

# That of the first task that did not end well.
sub _exit_status {
    my ($self, $runner, @tasks) = @_;
    return 143 if $self->{terminated};
    return $self->{unwritable} if defined $self->{unwritable};
    return INTERRUPTED if $runner->interrupted;
    for my $task (grep { !$_->is_success } @tasks) {
        return TIMED_OUT if $task->timed_out;
        return $task->exit_code if $task->exit_code;
        return NOT_RUN;
    }
    return 0;
}

1;
__END__

=head1 NAME

Mesos::Command::Run - mesos-perl run

=head1 SYNOPSIS

    use Mesos::Command::Run;

    exit(Mesos::Command::Run->main({master => 'local'}, ['echo hello']));

=head1 DESCRIPTION

Internal to this distribution: a L<Mesos::Runner> for the command line. L<mesos-perl> describes it.

=head1 METHODS

=head2 main

    my $status = Mesos::Command::Run->main(\%options, \@command);

=cut
