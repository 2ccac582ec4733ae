#!/usr/bin/perl
# How soon the embedded cluster is ready, and how soon a task runs: milliseconds, medians. With MESOS_TEST_MASTER=host:port the same of a
# real Mesos beside it, in turns.
#
#   ./Build && perl -Mblib benches/local.pl [ROUNDS, 30]
#
# Wanted of the embedded cluster: registered and offered within 20 ms of start, TASK_RUNNING within 10 ms of the launch. The real master runs
# already, and its agent starts an executor for each task; the embedded cluster begins with each round.
use 5.10.1;
use strict;
use warnings;
use Mesos::SchedulerDriver;
use Time::HiRes qw(time);

my $rounds = shift // 30;
my @steps = ('registered', 'first offer', 'launch to TASK_STARTING', 'launch to TASK_RUNNING');

{
    package Stopwatch;
    use Moo;
    extends 'Mesos::Scheduler';
    use Time::HiRes qw(time);

    has at => (is => 'ro', default => sub { {} });

    sub registered { my ($self) = @_; $self->at->{registered} = time; return }

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        my $offer = $offers->[0];
        return $driver->declineOffer($offer->{id}) if $self->at->{launched};
        $self->at->{offered} = time;
        my @resources = map { {name => $_->[0], type => 0, scalar => {value => $_->[1]}} } ['cpus', 0.1], ['mem', 32];
        my %task = (name => 'sleeper', task_id => {value => 'sleeper'}, slave_id => $offer->{slave_id}, resources => \@resources);
        $self->at->{launched} = time;
        $driver->launchTasks([$offer->{id}], [{%task, command => {value => 'exec sleep 60'}}]);
        return;
    }

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        my $state = Mesos::TaskState->name_of($status->{state});
        $self->at->{$state} //= time;
        return if $state eq 'TASK_STARTING';
        die "the task is $state: $status->{message}\n" if $state ne 'TASK_RUNNING';
        $driver->stop;
        return;
    }
}

# The milliseconds of each step.
sub one {
    my ($master) = @_;
    my $watch = Stopwatch->new;
    my $driver = Mesos::SchedulerDriver->new(
        master => $master,
        framework => {user => '', name => 'stopwatch'},
        scheduler => $watch,
        on_exception => 'die',
    );
    my $start = time;
    $driver->run;
    my $at = $watch->at;
    my @spans = ([$start, 'registered'], [$start, 'offered'], map { [$at->{launched}, $_] } qw(TASK_STARTING TASK_RUNNING));
    return map { defined $at->{$_->[1]} ? 1000 * ($at->{$_->[1]} - $_->[0]) : undef } @spans;
}

sub median { my @sorted = sort { $a <=> $b } grep {defined} @_; return @sorted ? $sorted[@sorted / 2] : undef }

my @masters = ('local', length($ENV{MESOS_TEST_MASTER} // '') ? $ENV{MESOS_TEST_MASTER} : ());
my %took;
for my $round (0 .. $rounds) {
    for my $master (@masters) {
        my @spans = one($master);
        # The first round loads what the others have loaded.
        push @{$took{$master}[$_]}, $spans[$_] for $round ? 0 .. $#spans : ();
    }
}
for my $step (0 .. $#steps) {
    my @medians = map { median(@{$took{$_}[$step]}) } @masters;
    next if grep { !defined } @medians;
    my $beside = @medians > 1 ? sprintf '; a real Mesos %.1f ms, ratio %.3f', $medians[1], $medians[0] / $medians[1] : '';
    printf "%s: %.1f ms%s\n", $steps[$step], $medians[0], $beside;
}
