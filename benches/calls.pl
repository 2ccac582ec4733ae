#!/usr/bin/perl
# Calls a second, and CPU time for a call, of this module and of pymesos 0.3.15 beside it, on the same server (benches/firehose.rs).
#
#   ./Build && perl -Mblib benches/calls.pl [ROUNDS, 5]
#
# From the first call to the master's word that all have come. Medians; CPU time is that of the whole process, with all its threads.
use 5.10.1;
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Firehose;
use Mesos::SchedulerDriver;
use Time::HiRes qw(CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID clock_gettime);

STDOUT->autoflush(1);
my $rounds = shift // 5;
my $server = Firehose->start;
my $address = $server->address;
my $python = Firehose::python();

my @tasks = map { {
        name => 'task',
        task_id => {value => "task-$_"},
        slave_id => {value => 'agent-0'},
        resources => [map { {name => $_->[0], type => Mesos::Value::Type::SCALAR(), scalar => {value => $_->[1]}} } ['cpus', 0.5], ['mem', 64]],
        command => {value => 'exec /usr/bin/env true', environment => {variables => [{name => 'A', value => 'b'}]}},
} } 0 .. 99;
my %call = (
    launch1 => sub { $_[0]->launchTasks([{value => "offer-$_[1]"}], [$tasks[0]]) },
    launch100 => sub { $_[0]->launchTasks([{value => "offer-$_[1]"}], \@tasks) },
    decline => sub { $_[0]->declineOffer({value => "offer-$_[1]"}) },
    kill => sub { $_[0]->killTask({value => "task-$_[1]"}) },
    acknowledge => sub {
        $_[0]->acknowledgeStatusUpdate({
                task_id => {value => "task-$_[1]"},
                state => Mesos::TaskState::TASK_RUNNING(),
                slave_id => {value => 'agent-0'},
                uuid => "\xfe" x 16,
        });
    },
);

{
    package Calling;
    use Moo;
    extends 'Mesos::Scheduler';
    has [qw(call count began cpu took)] => (is => 'rw');

    sub registered {
        my ($self, $driver) = @_;
        $self->began(Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()));
        $self->cpu(Time::HiRes::clock_gettime(Time::HiRes::CLOCK_PROCESS_CPUTIME_ID()));
        my $call = $self->call;
        $call->($driver, $_) for 1 .. $self->count;
        $driver->suppressOffers;
    }

    sub frameworkMessage {
        my ($self, $driver) = @_;
        $self->took([
                Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) - $self->began,
                Time::HiRes::clock_gettime(Time::HiRes::CLOCK_PROCESS_CPUTIME_ID()) - $self->cpu,
        ]);
        $driver->stop;
    }
    sub error { die "error: $_[2]" }
}

# Calls a second, and microseconds of CPU time for each.
sub run_mesos {
    my ($kind, $count) = @_;
    my $scheduler = Calling->new(call => $call{$kind}, count => $count);
    Mesos::SchedulerDriver->new(
        master => $address,
        framework => {user => 'root', name => 'offers 0'},
        scheduler => $scheduler,
        implicit_acknowledgements => 0,
        max_queued_calls => 1_000_000,
    )->run;
    $server->seconds;
    my ($wall, $cpu) = @{$scheduler->took};
    return [$count / $wall, $cpu / $count * 1e6];
}

sub run_pymesos {
    my ($kind, $count) = @_;
    my $printed = $server->run_pymesos('calls.py', $kind, $count);
    $server->seconds;
    my @both = $printed =~ /calls (\S+) (\S+)/ or die "pymesos: $printed";
    return \@both;
}

printf "%-14s %12s %12s %8s   %10s %10s %8s\n", '', 'calls/s', 'pymesos', 'ratio', 'us of CPU', 'pymesos', 'ratio';
for my $plan (['launch1', 50_000, 1_000], ['launch100', 2_000, 200], (map { [$_, 100_000, 1_000] } qw(decline kill acknowledge))) {
    my ($kind, $ours, $theirs) = @$plan;
    my (@ours, @theirs);
    for (1 .. $rounds) {
        push @ours, run_mesos($kind, $ours);
        push @theirs, run_pymesos($kind, $theirs) if $python;
    }
    my ($rate, $cpu) = map { my $i = $_; Firehose::median(map { $_->[$i] } @ours) } 0, 1;
    my ($their_rate, $their_cpu) = $python ? map { my $i = $_; Firehose::median(map { $_->[$i] } @theirs) } 0, 1 : (0, 0);
    printf "%-14s %12.0f %12.0f %7.1fx   %10.2f %10.2f %7.1fx\n", $kind, $rate, $their_rate, $python ? $rate / $their_rate : 0,
        $cpu, $their_cpu, $python ? $their_cpu / $cpu : 0;
}

$server->stop;
