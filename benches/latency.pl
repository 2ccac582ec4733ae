#!/usr/bin/perl
# How long a single update takes on a connection that is idle otherwise, with each dispatcher, beside pymesos 0.3.15.
#
#   ./Build && perl -Mblib benches/latency.pl [ROUNDS, 7] [DISPATCHER ...]
#
# From just before the master's write (benches/firehose.rs) to the callback, an update every 2 milliseconds. All programs run in turns, each
# in a process of its own, and none while another does. A round's ratio is to the same round's pymesos: machines have slow and quick
# minutes. Prints medians of the rounds' medians, and the median of the rounds' ratios. Mojo and AnyEvent take EV where it is installed.
use 5.10.1;
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Mesos::SchedulerDriver;
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);

use constant RUN => 'latency 1000';

# --- a framework ---

if (@ARGV && $ARGV[0] eq 'run') {
    my (undef, $dispatcher, $address) = @ARGV;
    package Waiting;
    require Moo;
    Moo->import;
    extends('Mesos::Scheduler');
    my @latencies;
    no warnings 'once';
    *Waiting::statusUpdate = sub {
        push @latencies, Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) - substr($_[2]{message}, -20) / 1e9;
    };
    *Waiting::frameworkMessage = sub { $_[1]->stop };
    *Waiting::error = sub { die "error: $_[2]" };
    Mesos::SchedulerDriver->new(
        master => $address, framework => {user => 'root', name => main::RUN()}, scheduler => Waiting->new, dispatcher => $dispatcher)->run;
    print 1e6 * (sort { $a <=> $b } @latencies)[@latencies / 2], "\n";
    exit;
}

# --- all of them ---

require Firehose;
STDOUT->autoflush(1);
my $rounds = @ARGV && $ARGV[0] =~ /\A\d+\z/ ? shift : 7;
my @dispatchers = @ARGV ? @ARGV : qw(AnyEvent Interrupt IOAsync Mojo POE);
my $server = Firehose->start;
my %latency;
for my $round (1 .. $rounds) {
    for my $dispatcher (@dispatchers) {
        my $printed = qx('$^X' -Mblib '$0' run $dispatcher @{[$server->address]});
        die "$dispatcher: it failed\n" if $? || $printed !~ /\A[\d.]+\n\z/;
        push @{$latency{$dispatcher}}, $printed;
        $server->seconds;
    }
    my ($theirs) = map {/latency_us ([\d.]+)/} $server->run_pymesos('framework.py', RUN) || next;
    push @{$latency{pymesos}}, $theirs;
    $server->seconds;
}
my @theirs = @{$latency{pymesos} || []};
printf "%-10s %12s %9s  %s\n", '', 'this module', 'pymesos', 'ratio, at most 0.70 wanted';
for my $dispatcher (@dispatchers) {
    my @ours = @{$latency{$dispatcher}};
    printf "%-10s %9.1f us %6s us  %s\n", $dispatcher, Firehose::median(@ours), @theirs
        ? (sprintf('%.1f', Firehose::median(@theirs)), sprintf '%.2f', Firehose::median(map { $ours[$_] / $theirs[$_] } 0 .. $#theirs)) : ('-', '-');
}
$server->stop;
