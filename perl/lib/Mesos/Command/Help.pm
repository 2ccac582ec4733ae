package Mesos::Command::Help;
use 5.10.1;
use strict;
use warnings;
use Mesos::Command ();
use Mesos::Command::Output ();
use Mesos::Warnings qw(meant);

# What an option's value is, and what it does.
my %OPTIONS = (
    master => ['M', 'host:port, zk://..., a list, file:///path; default: MESOS_MASTER, or ~/.mesos/config.toml'],
    format => ['F', 'table, tsv or json (one object a line); default: table on a terminal, else tsv'],
    color => ['', 'colours, also in a pipe; --no-color: none. NO_COLOR counts, too'],
    header => ['', '--no-header: no line with the names of the columns'],
    config => ['FILE', 'another configuration file'],
    principal => ['NAME', 'HTTP Basic; the password is in --secret-file'],
    'secret-file' => ['FILE', 'a file with the password, on its first line'],
    help => ['', 'this text'], version => ['', q(the version of this command, as 'version --client')],
    all => ['', 'also what has ended or is away'], client => ['', 'only of this command'], framework => ['ID', 'only of this framework (ps: or name)'],
    agent => ['ID', 'only on this agent (or host)'], heartbeats => ['', 'also the heartbeats'], signal => ['S', 'this signal instead of KILL'],
    follow => ['', 'go on until the task ends'], stderr => ['', 'the standard error'], file => ['PATH', 'another file of the sandbox'], tail => ['N', 'only the last N lines'],
    delay => ['S', 'seconds between two looks (2)'], iterations => ['N', 'end after N looks'],
    number => ['N', 'so many tasks; each has its number in MESOS_PERL_TASK'], parallel => ['N', 'at most N of them at a time'], cpus => ['N', 'processors (0.1)'], mem => ['MIB', 'memory (32)'],
    disk => ['MIB', 'disk (0)'], gpus => ['N', 'GPUs (0)'], docker => ['IMAGE', 'in a Docker container'], env => ['NAME=VALUE', 'a variable for the command, or NAME of one that is set here'],
    user => ['NAME', 'as this user'], role => ['ROLE', 'with the resources of this role'], name => ['NAME', 'the name of the framework'], host => ['HOST', 'only on this host'],
    timeout => ['S', 'seconds to wait for an answer; run: seconds that a task may run'], retry => ['N', 'try a task that failed N times more (0)'],
    quiet => ['', 'only the output of the tasks'], wait => ['S', 'give up after S seconds without a master (30)'],
);

sub main {
    my ($class, $option, $arguments) = @_;
    my $commands = Mesos::Command->commands;
    my $name = $arguments->[0];
    if (defined $name && !$commands->{$name}) {
        Mesos::Command->fail(Mesos::Command::USAGE, "help: there is no command '$name'" . meant($name, sort keys %$commands));
    }
    Mesos::Command->fail(Mesos::Command::USAGE, q(help: expected one command, got ') . join(q(' '), @$arguments) . q(')) if @$arguments > 1;
    Mesos::Command::Output->write(defined $name ? _of($name, $commands->{$name}) : _all($commands));
    return Mesos::Command::OK;
}

sub _all {
    my ($commands) = @_;
    return "usage: mesos-perl COMMAND [options] [arguments]\n\nCommands:\n" . join('', map { sprintf "  %-11s %s\n", $_, $commands->{$_}[2] } sort keys %$commands)
        . "\nOptions of all commands:\n" . _options(Mesos::Command->global_options) . _options('version|V')
        . "\n'mesos-perl help COMMAND' has those of a command, and 'man mesos-perl' the exit codes and more.\n";
}

sub _of {
    my ($name, $command) = @_;
    my $usage = join ' ', 'usage: mesos-perl', $name, @{$command->[3]} ? '[options]' : (), length $command->[1] ? $command->[1] : ();
    return "$usage\n\n" . ucfirst($command->[2]) . ".\n" . (@{$command->[3]} ? "\nOptions:\n" . _options(@{$command->[3]}) : '')
        . "\n'mesos-perl help' has the options of all commands.\n";
}

sub _options {
    my (@specs) = @_;
    my $text = '';
    for my $spec (@specs) {
        my ($long, $short) = $spec =~ /\A([\w-]+)(?:\|(\w))?/;
        my ($value, $what) = @{$OPTIONS{$long}};
        $text .= sprintf "  %-26s %s\n", join(', ', defined $short ? "-$short" : (), "--$long" . (length $value ? " $value" : '')), $what;
    }
    return $text;
}

1;
__END__

=head1 NAME

Mesos::Command::Help - mesos-perl help

=head1 SYNOPSIS

    use Mesos::Command::Help;

    exit(Mesos::Command::Help->main({}, ['run']));

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 main

    my $status = Mesos::Command::Help->main(\%options, [$command]);

=cut
