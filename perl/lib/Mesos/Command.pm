package Mesos::Command;
use 5.10.1;
use strict;
use warnings;
use Fcntl qw(F_GETFL O_RDWR O_WRONLY);
use Getopt::Long ();
use IO::Handle ();
use Mesos ();
use Mesos::Command::Config qw(read_config);
use Mesos::Command::Output ();
use Mesos::Warnings qw(meant);
use Scalar::Util qw(blessed);

use constant {OK => 0, FAILED => 1, USAGE => 2, NO_MASTER => 3, NOT_FOUND => 4};

# Name => [module, what follows it, what it does, its options].
my %COMMANDS = (
    agents => ['Cluster', '', 'the agents and what they have', ['all']],
    completion => ['Completion', 'bash|zsh', 'completion for a shell', []],
    events => ['Cluster', '', 'what happens, as it happens', ['heartbeats']],
    exec => ['Tasks', 'TASK -- COMMAND...', 'run a command in the container of a task', ['framework=s']],
    frameworks => ['Cluster', '', 'the frameworks', ['all']],
    help => ['Help', '[COMMAND]', 'this text', []],
    kill => ['Tasks', 'TASK', 'kill the container of a task', ['framework=s', 'signal=s']],
    logs => ['Tasks', 'TASK', 'what a task has written', ['follow|f', 'framework=s', 'stderr', 'file=s', 'tail=i']],
    ps => ['Cluster', '', 'the tasks', ['all', 'framework=s', 'agent=s']],
    run => ['Run', '-- COMMAND', 'run a command as a task', [
            'number|n=i', 'parallel|p=i', 'cpus=f', 'mem=f', 'disk=f', 'gpus=f', 'docker=s', 'env|e=s@', 'user=s', 'role=s', 'name=s', 'timeout=f',
            'retry=i', 'host=s', 'quiet|q', 'wait=f']],
    state => ['Cluster', '', 'all that the master knows, as JSON', []],
    teardown => ['Cluster', 'FRAMEWORK', 'end a framework and kill its tasks', []],
    top => ['Top', '', 'the cluster, live', ['delay|d=f', 'iterations|n=i']],
    version => ['Cluster', '', 'the versions of this command, the master and the agents', ['client']],
);
# What these print has neither formats nor a header.
my %PRINTS_TEXT = map { ($_ => 1) } qw(completion exec help logs run);
my @GLOBAL = qw(master|m=s format=s color! header! config=s timeout=f principal=s secret-file=s help|h);

sub commands { return \%COMMANDS }

sub global_options { return @GLOBAL }

# run's --timeout is everybody's, with a meaning of its own: Getopt::Long of Perl 5.40 warns of what comes twice.
sub _specs {
    my ($command) = @_;
    my %seen;
    return grep { !$seen{$_}++ } @GLOBAL, @{$command->[3]};
}

# --- the way in ----------------------------------------------------------------------------------------------------------------------------

# The exit status for these arguments.
sub run {
    my ($class, @arguments) = @_;
    # What is opened next would have their numbers: a master's socket would get what is printed.
    _is_writable(\*STDERR) or open STDERR, '>', '/dev/null' or return FAILED;
    if (!_is_writable(\*STDOUT)) {
        $class->complain('cannot write the output: standard output is closed (what nobody wants to see goes to /dev/null)');
        # Perl would say it again at the end.
        open STDOUT, '>', '/dev/null' or return FAILED;
        return FAILED;
    }
    return $class->_flushed($class->_status(@arguments));
}

sub _is_writable {
    my ($handle) = @_;
    my $number = fileno $handle;
    # A handle in memory, or none of the system's.
    return 1 if defined $number && $number < 0 || tied *$handle;
    my $flags = defined $number ? fcntl $handle, F_GETFL, 0 : undef;
    # perl itself may have opened the script with this number, for reading.
    return defined $flags && $flags & (O_WRONLY | O_RDWR);
}

# Perl writes the rest of the output when the program has ended, and its words would be all that is said of a full disk.
sub _flushed {
    my ($class, $status) = @_;
    my $is_said = STDOUT->error;
    return $status if STDOUT->flush && !$is_said;
    $class->complain("cannot write the output: $!") unless $is_said;
    open STDOUT, '>', '/dev/null' or return FAILED;
    return $status || FAILED;
}

sub _status {
    my ($class, @arguments) = @_;
    my $status = eval { $class->_run(@arguments) };
    return $status if defined $status;
    my $error = $@;
    if (blessed $error && $error->isa('Mesos::Client::Error')) {
        $class->complain($error->summary);
        return NO_MASTER if $error->message =~ /\Ano leading master/;
        return NOT_FOUND if $error->code eq 'unknown' || ($error->status || 0) == 404;
        return FAILED;
    }
    if (ref $error eq 'ARRAY') {
        $class->complain($error->[1]);
        return $error->[0];
    }
    $error =~ s/ at \S+ line \d+\.?\n*\z//;
    $class->complain($error);
    return FAILED;
}

sub complain {
    my ($class, $text) = @_;
    $text =~ s/\n+\z//;
    utf8::encode($text) if utf8::is_utf8($text);
    print STDERR "mesos-perl: $text\n";
    return;
}

# Ends the command with a status and a text.
sub fail {
    my ($class, $status, $text) = @_;
    die [$status, $text];    ## no critic (RequireCarping): caught by run
}

sub _run {
    my ($class, @arguments) = @_;
    my ($before, @rest) = $class->_parse('', \@arguments, @GLOBAL, 'version|V');
    return $class->_load('Help')->main({}, []) if $before->{help};
    return $class->_load('Cluster')->version({%$before, client => 1}, []) if $before->{version};
    my $name = shift @rest;
    $class->fail(USAGE, "which command? One of: " . join(', ', sort keys %COMMANDS) . ". 'mesos-perl help' says more") unless defined $name;
    my $command = $COMMANDS{$name};
    if (!$command) {
        my $meant = meant($name, sort keys %COMMANDS);
        $class->fail(USAGE, "there is no command '$name'" . (length $meant ? $meant : ' (there are: ' . join(', ', sort keys %COMMANDS) . ')'));
    }
    my ($option, @left) = $class->_parse($name, \@rest, _specs($command));
    if ($PRINTS_TEXT{$name}) {
        $class->complain("$name: --$_ has no effect here: it prints no table") for grep { exists $option->{$_} } qw(format header);
    }
    $option = {%$before, %$option};
    return $class->_load('Help')->main({}, [$name]) if $option->{help};
    $class->fail(USAGE, "--format: expected table, tsv or json, got '$option->{format}'")
        if defined $option->{format} && $option->{format} !~ /\A(?:table|tsv|json)\z/;
    my $module = $class->_load($command->[0]);
    my $method = $module->can($name) || $module->can('main');
    return $module->$method($option, \@left);
}

# Gives the options and the arguments that are left.
sub _parse {
    my ($class, $name, $arguments, @specs) = @_;
    my $parser = Getopt::Long::Parser->new(config => [qw(require_order no_ignore_case bundling no_auto_abbrev)]);
    # What follows -- is the task's: GetOptions takes only the first one away.
    my (%option, @wrong);
    my @left = @$arguments;
    {
        local $SIG{__WARN__} = sub { push @wrong, @_ };
        local @ARGV = @left;
        # Options may stand on both sides of a command's own arguments, up to --.
        $parser->configure('permute') if length $name && !grep { $_ eq $name } qw(run exec);
        $parser->getoptions(\%option, @specs);
        @left = @ARGV;
    }
    push @wrong, _swallowed(\%option, @specs) unless @wrong;
    if (@wrong) {
        chomp(my $text = $wrong[0]);
        my ($unknown) = $text =~ /\AUnknown option: (.*)/;
        if (defined $unknown) {
            my @known = map { my $names = $_; $names =~ s/[=!].*//; grep { length > 1 } split /\|/, $names } @specs;
            my $dashes = length $unknown > 1 ? '--' : '-';
            $text = "unknown option '$dashes$unknown'" . (length $unknown > 1 ? meant("--$unknown", map {"--$_"} @known) : '');
        }
        $class->fail(USAGE, (length $name ? "$name: " : '') . lcfirst($text) . ($text =~ /\?\z/ ? '' : '.') . " See 'mesos-perl help" . (length $name ? " $name'" : q(')));
    }
    return (\%option, @left);
}

# An option that stands without its value has taken the next one for it, or the -- after which the command comes. Nothing that these options
# take begins like that.
sub _swallowed {
    my ($option, @specs) = @_;
    for my $spec (grep {/=s\@?\z/} @specs) {
        my ($name) = $spec =~ /\A([\w-]+)/;
        next unless exists $option->{$name};
        my ($value) = grep {/\A--/} ref $option->{$name} ? @{$option->{$name}} : $option->{$name};
        return "option $name requires an argument, and what follows is '$value'" if defined $value;
    }
    return;
}

sub _load {
    my ($class, $name) = @_;
    my $module = "Mesos::Command::$name";
    (my $file = "$module.pm") =~ s{::}{/}g;
    require $file;
    return $module;
}

# --- for the commands ------------------------------------------------------------------------------------------------------------------------

sub output { my ($class, $option) = @_; return Mesos::Command::Output->new(map { exists $option->{$_} ? ($_ => $option->{$_}) : () } qw(format color header)) }

# {master, credential, ...} of the options, the environment and the file, in this order.
sub settings {
    my ($class, $option) = @_;
    my $config = eval { read_config($option->{config}) };
    if (!$config) { chomp(my $why = $@); $class->fail(USAGE, $why) }
    my ($master) = grep { defined && length } $option->{master}, $ENV{MESOS_MASTER}, $config->{master};
    $class->fail(USAGE, 'which master? Say --master HOST:PORT, or set MESOS_MASTER, or write it into ~/.mesos/config.toml. '
            . "'mesos-perl run --master local -- COMMAND' and 'mesos-perl --version' need none") unless defined $master;
    my %settings = (%$config, master => $master);
    $settings{timeout} = $option->{timeout} if defined $option->{timeout};
    $class->fail(USAGE, '--secret-file needs --principal NAME, whose password it has') if defined $option->{'secret-file'} && !defined $option->{principal};
    if (defined $option->{principal}) {
        my $file = $option->{'secret-file'};
        $class->fail(USAGE, '--principal needs --secret-file FILE, which has its password') unless defined $file;
        open my $in, '<', $file or $class->fail(USAGE, "cannot read --secret-file $file: $!");
        my $secret = <$in>;
        $class->fail(USAGE, "cannot read --secret-file $file: $!") if !defined $secret && -d $file;
        chomp $secret if defined $secret;
        $class->fail(USAGE, "--secret-file $file: expected a password in its first line, which is empty") unless defined $secret && length $secret;
        $settings{credential} = {principal => $option->{principal}, secret => $secret};
    }
    return \%settings;
}

sub client {
    my ($class, $option) = @_;
    my $settings = $class->settings($option);
    $class->fail(USAGE, "the master 'local' is there for 'run' only: it lives and ends with one program. For a master that stays, start mesos-local")
        if $settings->{master} eq 'local';
    require Mesos::Client;
    my %arguments = (master => $settings->{master}, credential => $settings->{credential}, verify_certificate => $settings->{verify});
    $arguments{$_} = $settings->{$_} for grep { defined $settings->{$_} } qw(agent_credential agent_scheme agent_verify_certificate timeout);
    my $client = eval { Mesos::Client->new(%arguments) };
    return $client if $client;
    (my $why = $@) =~ s/ at \S+ line \d+\.?\n*\z//;
    return $class->fail(USAGE, $why);
}

sub no_arguments {
    my ($class, $name, $arguments) = @_;
    $class->fail(USAGE, "$name: it takes no argument, got '$arguments->[0]'") if @$arguments;
    return;
}

sub one_argument {
    my ($class, $name, $what, $arguments) = @_;
    $class->fail(USAGE, "$name: which $what? Usage: mesos-perl $name $COMMANDS{$name}[1]") unless @$arguments && length $arguments->[0];
    $class->fail(USAGE, "$name: expected one $what, got '" . join(q(' '), @$arguments) . q(')) if @$arguments > 1;
    return $arguments->[0];
}

1;
__END__

=head1 NAME

Mesos::Command - what the command mesos-perl does

=head1 SYNOPSIS

    use Mesos::Command;

    exit(Mesos::Command->run('version', '--client'));

=head1 DESCRIPTION

Internal to this distribution: the script L<mesos-perl> is three lines that call C<run>. The commands are in C<Mesos::Command::*>.

=head1 METHODS

=head2 run

    my $status = Mesos::Command->run(@arguments);

Does what the arguments say, and returns the exit status. Errors go to standard error.

=head2 commands

A hash reference: for each command the module, the arguments, a line of text, and the options as for L<Getopt::Long>.

=head2 global_options

The options of all commands.

=head2 settings

The master and how to reach it, from options, environment and configuration file.

=head2 client

A L<Mesos::Client> for them.

=head2 output

A L<Mesos::Command::Output> for the options.

=head2 complain

Prints a text as an error.

=head2 fail

    Mesos::Command->fail($status, $text);

Leaves C<run> with this status and text.

=head2 no_arguments

=head2 one_argument

Check the arguments of a command.

=cut
