#!/usr/bin/env perl
# Runs commands as Mesos tasks, so many at a time, and prints what each has written and how it ended:
#
#   examples/run_commands.pl -j 2 'echo one' 'sleep 1; echo two' 'exit 3'
#   MESOS_MASTER=master.example.org:5050 examples/run_commands.pl -j 100 < commands
#
# Ctrl-C kills the tasks, waits for their ends, and prints what they have written so far.
use strict;
use warnings;
use Getopt::Long qw(GetOptions);
use Mesos::Runner;

my %option = (jobs => 4, cpus => 0.1, mem => 32, timeout => 0, retries => 0);
GetOptions(\%option, qw(jobs|j=i cpus=f mem=f timeout=f retries=i state-file=s))
    or die "usage: $0 [-j N] [--cpus N] [--mem MB] [--timeout SECONDS] [--retries N] [--state-file FILE] [COMMAND...]\n";
chomp(my @commands = @ARGV ? @ARGV : <STDIN>);

my $runner = Mesos::Runner->new(
    max_running => $option{jobs},
    cpus => $option{cpus},
    mem => $option{mem},
    timeout => $option{timeout},
    retry_failed => $option{retries},
    state_file => $option{'state-file'},
    on_result => sub { my ($self, $task) = @_; printf STDERR "%s: %s\n", $task->name, $task->message || $task->state },
);
$runner->add(@commands);

my $failed = 0;
for my $task ($runner->run) {
    print $task->stdout;
    print STDERR $task->stderr, map {"cannot read its output: $_\n"} grep {defined} $task->output_error;
    $failed++ unless $task->is_success;
}
exit($runner->interrupted ? 130 : $failed ? 1 : 0);
