#!/usr/bin/env perl
# Counts the words of files with an executor in Perl, which is this program, too, and prints the most frequent ones:
#
#   examples/word_count.pl FILE...    (on the master of MESOS_MASTER, else on the embedded cluster)
use strict;
use warnings;
use Cwd qw(abs_path);
use JSON::PP qw(decode_json encode_json);

package WordCounter;
use Moo;
extends 'Mesos::Executor';

sub launchTask {
    my ($self, $driver, $task) = @_;
    my %count;
    $count{lc $_}++ for $task->{data} =~ /(\w+)/g;
    $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FINISHED(), data => JSON::PP::encode_json(\%count)});
}

sub shutdown { $_[1]->stop }

package main;
if (@ARGV && $ARGV[0] eq '--executor') {
    require Mesos::ExecutorDriver;
    exit(Mesos::ExecutorDriver->new(executor => WordCounter->new, on_exception => 'die')->run == Mesos::Status::DRIVER_STOPPED() ? 0 : 1);
}
require Mesos::Runner;
my $runner = Mesos::Runner->new;
my $executor = {executor_id => {value => 'counter'}, command => {value => "$^X " . abs_path($0) . ' --executor'}};
local $/ = '';    # a task for each paragraph
while (my $text = <>) { $runner->add({name => 'count', data => $text, executor => $executor}) }
my %total;
for my $task ($runner->run) {
    die $task->state, ': ', $task->message // '', "\n" unless $task->is_success;
    my $count = decode_json($task->status->{data});
    $total{$_} += $count->{$_} for keys %$count;
}
printf "%5d %s\n", $total{$_}, $_ for grep {defined} (sort { $total{$b} <=> $total{$a} || $a cmp $b } keys %total)[0 .. 9];
