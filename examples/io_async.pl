#!/usr/bin/env perl
# usage: io_async.pl [MASTER]
# Five tasks, one after the other, and the program's own timer, in one IO::Async loop.
use strict;
use warnings;
use IO::Async::Loop;
use IO::Async::Timer::Periodic;
use Mesos::Dispatcher::IOAsync;
use Mesos::SchedulerDriver;

package OneByOne;
use Moo;
extends 'Mesos::Scheduler';

has loop => (is => 'ro', required => 1);
has [qw(launched finished)] => (is => 'rw', default => 0);

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my @tasks;
        if ($self->launched == $self->finished) {
            $self->launched($self->launched + 1);
            @tasks = {
                name => 'nap',
                task_id => {value => 'nap-' . $self->launched},
                slave_id => $offer->{slave_id},
                command => {value => 'sleep 0.1'},
                resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
            };
        }
        $driver->launchTasks([$offer->{id}], \@tasks, {refuse_seconds => 0});
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my ($id, $state) = ($status->{task_id}{value}, $status->{state});
    return if grep { $state == $_ } Mesos::TaskState::TASK_STAGING, Mesos::TaskState::TASK_STARTING, Mesos::TaskState::TASK_RUNNING;
    return $self->loop->stop("$id has failed: $status->{message}") if $state != Mesos::TaskState::TASK_FINISHED;
    $self->finished($self->finished + 1);
    print "$id is finished\n";
    $self->loop->stop if $self->finished == 5;
}

sub error {
    my ($self, $driver, $message) = @_;
    $self->loop->stop($message);
}

package main;

my $loop = IO::Async::Loop->new;
my $scheduler = OneByOne->new(loop => $loop);
my $driver = Mesos::SchedulerDriver->new(
    master => $ARGV[0] || 'local',
    framework => {user => '', name => 'io_async.pl'},
    scheduler => $scheduler,
    on_exception => 'die',
    dispatcher => Mesos::Dispatcher::IOAsync->new(loop => $loop),
);

my $ticks = 0;
my $timer = IO::Async::Timer::Periodic->new(interval => 0.1, on_tick => sub { $ticks++ });
$loop->add($timer->start);

$driver->start;
my $problem = $loop->run;    # what stop was given
$driver->stop;
die "$problem\n" if $problem;
print $scheduler->finished, " tasks, $ticks ticks\n";
