#!/usr/bin/perl
# The driver with all of Perl beside pymesos 0.3.15, on the same server (benches/firehose.rs) in the same run.
#
#   ./Build && perl -Mblib benches/driver.pl [EVENTS OF THE MEMORY RUN, 10,000,000 by default, 0: none] [ROUNDS, 5]
#
# Prints medians and ratios. Updates: from the first that is sent to the last acknowledgement that has come. Offers: ten in an
# event, each decoded into objects, to the SUPPRESS after the last. Latency: from just before the master's write to the callback,
# the median. An event loop that waits is part of it: AnyEvent with whatever it finds.
use 5.10.1;
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Firehose;
use Mesos::Messages;
use Mesos::SchedulerDriver;
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);

STDOUT->autoflush(1);
my ($memory_events, $rounds) = (shift // 10_000_000, shift // 5);

my $server = Firehose->start;
my $address = $server->address;
my $python = Firehose::python();

# Median latency, if that is what was measured.
sub run_pymesos { return $server->run_pymesos('framework.py', $_[0]) =~ /latency_us ([\d.]+)/ ? $1 : undef }

# --- this module ---

{
    package Counting;
    use Moo;
    extends 'Mesos::Scheduler';
    has [qw(offers seen latencies at)] => (is => 'rw', default => 0);

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        $self->{seen}++;
        push @{$self->{latencies}}, Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) - substr($status->{message}, -20) / 1e9
            if $self->{latencies};
        $self->{at}->($self->{seen}) if $self->{at};
    }

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        $driver->suppressOffers if ($self->{seen} += @$offers) == $self->{offers};
    }
    sub frameworkMessage { $_[1]->stop }
    sub error { die "error: $_[2]" }
}

sub run_mesos {
    my ($name, %scheduler) = @_;
    my $count = (split ' ', $name)[1];
    my $scheduler = Counting->new(offers => 10 * $count, %scheduler);
    Mesos::SchedulerDriver->new(master => $address, framework => {user => 'root', name => $name}, scheduler => $scheduler)->run;
    return $scheduler;
}

# --- no framework at all ---

# Median latency of a program that reads from the socket and does nothing else: what is left when all that a framework does takes no
# time.
sub run_bare {
    my ($name, $count) = @_;
    my $socket = Firehose::subscribed($address, $name);
    my @latencies;
    push @latencies, Firehose::latency_now($socket) while @latencies < $count;
    return Firehose::median(@latencies);
}

# --- the runs ---

sub row {
    my ($what, $unit, $ours, $theirs, $ratio, $target) = @_;
    printf "%-42s %12.1f %-8s %12s %9s  %s\n", $what, $ours, $unit, defined $theirs ? sprintf '%.1f', $theirs : '-',
        defined $ratio ? sprintf '%.2fx', $ratio : '-', $target;
}

printf "%-42s %12s %-8s %12s %9s  %s\n", '', 'this module', '', 'pymesos', 'ratio', 'target';
my %plan = (updates => [200_000, 4_000], offers => [6_000, 1_500]);
for my $kind (qw(updates offers)) {
    my ($ours, $theirs) = @{$plan{$kind}};
    my (@ours, @theirs);
    for (1 .. $rounds) {
        run_mesos("$kind $ours");
        push @ours, $ours / $server->seconds;
        next unless $python;
        run_pymesos("$kind $theirs");
        push @theirs, $theirs / $server->seconds;
    }
    my ($rate, $other) = (Firehose::median(@ours), $python ? Firehose::median(@theirs) : undef);
    row($kind eq 'offers' ? 'events of 10 offers' : 'updates, acknowledged', '/s', $rate, $other, $other && $rate / $other,
        $kind eq 'offers' ? '2.5x' : '40x and 100,000/s');
}
my @delayed = map { run_mesos('updates 50000 delay 1'); 50_000 / $server->seconds } 1 .. $rounds;
row('updates with 1 ms of round-trip time', '/s', Firehose::median(@delayed), undef, undef, '20,000/s');

for my $run (['latency 1000', 'latency, an update every 2 ms'], ['latency 2000 burst 10 5', 'latency, 10 updates every 5 ms']) {
    my ($name, $what) = @$run;
    my (@ours, @theirs);
    for (1 .. $rounds) {
        push @ours, 1e6 * Firehose::median(@{run_mesos($name, latencies => [])->latencies});
        $server->seconds;
        next unless $python;
        push @theirs, run_pymesos($name);
        $server->seconds;
    }
    my ($latency, $other) = (Firehose::median(@ours), $python ? Firehose::median(@theirs) : undef);
    row($what, 'us', $latency, $other, $other && $latency / $other, 'at most 0.33x');
}
# Nothing that sleeps until something comes can be quicker.
printf "%-42s %12.1f us\n", 'a Perl program that only reads, every 2 ms', 1e6 * Firehose::median(map { run_bare('latency 1000', 900) } 1 .. $rounds);
printf "%-42s %12.1f us\n", 'one wake-up of this machine, for comparison', Firehose::median(map { $server->wake_up } 1 .. $rounds);

if ($memory_events) {
    my %resident;
    my $resident = sub { open my $fh, '<', '/proc/self/status' or die "no /proc: $!"; (map {/^VmRSS:\s+(\d+)/} <$fh>)[0] };
    my $early = int $memory_events / 20;
    run_mesos("updates $memory_events", at => sub { $resident{$_[0]} = $resident->() if $_[0] == $early || $_[0] == $memory_events });
    my $seconds = $server->seconds;
    printf "memory over %d updates (%.0f/s): %d kB after %d, %d kB at the end, %+d kB\n", $memory_events, $memory_events / $seconds,
        $resident{$early}, $early, $resident{$memory_events}, $resident{$memory_events} - $resident{$early};
}

$server->stop;
