#!/usr/bin/perl
# How long a single update takes on a connection that is idle otherwise, with each dispatcher, beside pymesos 0.3.15.
#
#   ./Build && perl -Mblib benches/latency.pl [ROUNDS, 7] [DISPATCHER ...]
#
# From just before the master's write (benches/firehose.rs) to the callback, an update every 2 milliseconds. All programs run in turns, each
# in a process of its own, and none while another does. A round's ratio is to the same round's pymesos: machines have slow and quick
# minutes. Prints medians of the rounds' medians, and the median of the rounds' ratios; and, as "its loop", what a program takes that reads
# the socket in a watcher of that loop and does nothing else. Mojo and AnyEvent take EV where it is installed.
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

# --- its loop alone ---

# Who reads the socket in a watcher of the loop, and does nothing else: what the loop and the machine take.
if (@ARGV && $ARGV[0] eq 'bare') {
    my (undef, $dispatcher, $address) = @ARGV;
    require Firehose;
    my $socket = Firehose::subscribed($address, RUN);
    my (@latencies, $end);
    # The last ones come when the server waits for acknowledgements.
    my $read = sub { push @latencies, Firehose::latency_now($socket); $end->() if @latencies >= 900 };
    my %loop = (
        AnyEvent => sub {
            require AnyEvent;
            my $ended = AnyEvent->condvar;
            $end = $ended;
            my $watcher = AnyEvent->io(fh => $socket, poll => 'r', cb => $read);
            $ended->recv;
        },
        Mojo => sub {
            require Mojo::IOLoop;
            $end = sub { Mojo::IOLoop->stop };
            Mojo::IOLoop->singleton->reactor->io($socket, $read)->watch($socket, 1, 0);
            Mojo::IOLoop->start;
        },
        IOAsync => sub {
            require IO::Async::Loop;
            my $loop = IO::Async::Loop->new;
            $end = sub { $loop->stop };
            $loop->watch_io(handle => $socket, on_read_ready => $read);
            $loop->run;
        },
        POE => sub {
            require POE::Kernel;
            POE::Kernel->import;
            require POE::Session;
            $end = sub { POE::Kernel->select_read($socket) };
            POE::Session->create(inline_states => {_start => sub { POE::Kernel->select_read($socket, 'read') }, read => $read});
            POE::Kernel->run;
        },
    );
    $loop{Interrupt} = $loop{AnyEvent};
    $loop{$dispatcher}->();
    print 1e6 * Firehose::median(@latencies), "\n";
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
        for my $what ('run', 'bare') {
            my $printed = qx('$^X' -Mblib '$0' $what $dispatcher @{[$server->address]});
            die "$what $dispatcher: it failed\n" if $? || $printed !~ /\A[\d.]+\n\z/;
            push @{$latency{"$what $dispatcher"}}, $printed;
            $server->seconds if $what eq 'run';
        }
    }
    my ($theirs) = map {/latency_us ([\d.]+)/} $server->run_pymesos('framework.py', RUN) || next;
    push @{$latency{pymesos}}, $theirs;
    $server->seconds;
}
my @theirs = @{$latency{pymesos} || []};
printf "%-10s %14s %12s %12s  %s\n", '', 'this module', 'its loop', 'pymesos', 'ratio to pymesos, at most 0.70 wanted';
for my $dispatcher (@dispatchers) {
    my @ours = @{$latency{"run $dispatcher"}};
    printf "%-10s %11.1f us %9.1f us %9s us  %s\n", $dispatcher, Firehose::median(@ours), Firehose::median(@{$latency{"bare $dispatcher"}}),
        @theirs ? (sprintf('%.1f', Firehose::median(@theirs)), sprintf '%.2f', Firehose::median(map { $ours[$_] / $theirs[$_] } 0 .. $#theirs))
        : ('-', '-');
}
$server->stop;
