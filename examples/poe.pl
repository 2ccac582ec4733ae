#!/usr/bin/env perl
# usage: poe.pl [MASTER]
# Five tasks, one after the other, and the program's own timer, in one POE kernel.
use strict;
use warnings;
use POE;
use Mesos::SchedulerDriver;

package OneByOne;
use Moo;
extends 'Mesos::Scheduler';

has [qw(launched finished)] => (is => 'rw', default => 0);
has problem => (is => 'rw');

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
    return $self->end("$id has failed: $status->{message}") if $state != Mesos::TaskState::TASK_FINISHED;
    $self->finished($self->finished + 1);
    print "$id is finished\n";
    $self->end if $self->finished == 5;
}

sub error {
    my ($self, $driver, $message) = @_;
    $self->end($message);
}

sub end {
    my ($self, $problem) = @_;
    $self->problem($problem);
    POE::Kernel->post(program => 'end');
}

package main;

my $scheduler = OneByOne->new;
my $driver = Mesos::SchedulerDriver->new(
    master => $ARGV[0] || 'local',
    framework => {user => '', name => 'poe.pl'},
    scheduler => $scheduler,
    on_exception => 'die',
    dispatcher => 'POE',
);

my $ticks = 0;
POE::Session->create(inline_states => {
        _start => sub {
            $_[KERNEL]->alias_set('program');
            $_[KERNEL]->delay(tick => 0.1);
            $driver->start;
        },
        tick => sub { $ticks++; $_[KERNEL]->delay(tick => 0.1) },
        end => sub {
            $_[KERNEL]->alias_remove('program');
            $_[KERNEL]->delay('tick');
            $driver->stop;
            undef $driver;    # and with it the dispatcher's session: the kernel's last
        },
});
POE::Kernel->run;

die $scheduler->problem, "\n" if $scheduler->problem;
print $scheduler->finished, " tasks, $ticks ticks\n";
