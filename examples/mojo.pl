#!/usr/bin/env perl
# A web application that runs commands as Mesos tasks. One process serves the web and drives the framework:
#
#   MESOS_MASTER=local examples/mojo.pl daemon -l http://127.0.0.1:3000
#   curl -d 'command=echo hello' http://127.0.0.1:3000/tasks
#   curl http://127.0.0.1:3000/tasks
#
# Not with prefork or hypnotoad: each of their processes would be a framework of its own, with its own queue (docs/faq.md).
use strict;
use warnings;
use Mojolicious::Lite;
use Mesos::SchedulerDriver;

package CommandQueue;
use Moo;
extends 'Mesos::Scheduler';

has tasks => (is => 'ro', default => sub { [] });


sub add {
    my ($self, $command) = @_;
    my $task = {id => 'task-' . (1 + @{$self->tasks}), command => $command, state => 'QUEUED', message => ''};
    push @{$self->tasks}, $task;
    return $task;
}

sub find {
    my ($self, $id) = @_;
    my ($task) = grep { $_->{id} eq $id } @{$self->tasks};
    return $task;
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my ($task) = grep { $_->{state} eq 'QUEUED' } @{$self->tasks};
        if (!$task) {
            # add() asks for offers again.
            $driver->declineOffer($offer->{id});
            $driver->suppressOffers;
            next;
        }
        $task->{state} = 'LAUNCHED';
        $driver->launchTasks([$offer->{id}], [{
                    name => $task->{id},
                    task_id => {value => $task->{id}},
                    slave_id => $offer->{slave_id},
                    command => {value => $task->{command}},
                    resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
        }], {refuse_seconds => 0});
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $task = $self->find($status->{task_id}{value}) or return;
    $task->{state} = Mesos::TaskState->name_of($status->{state});
    $task->{message} = $status->{message} if defined $status->{message};
}

sub error {
    my ($self, $driver, $message) = @_;
    Mojo::IOLoop->stop;
    die "the driver has failed: $message\n";
}

package main;

my $queue = CommandQueue->new;
my $driver = Mesos::SchedulerDriver->new(
    master => $ENV{MESOS_MASTER} || 'local',
    framework => {user => '', name => 'mojo.pl'},
    scheduler => $queue,
    on_exception => 'die',
    dispatcher => 'Mojo',
);

# Not before the server runs: other commands of the application need no framework.
app->hook(before_server_start => sub { $driver->start });

get '/tasks' => sub { $_[0]->render(json => $queue->tasks) };

post '/tasks' => sub {
    my ($c) = @_;
    my $command = $c->param('command');
    return $c->render(json => {error => 'expected a parameter "command"'}, status => 400) unless defined $command && length $command;
    my $task = $queue->add($command);
    $driver->reviveOffers;
    $c->render(json => $task, status => 201);
};

del '/tasks/:id' => sub {
    my ($c) = @_;
    my $task = $queue->find($c->param('id')) or return $c->reply->not_found;
    $driver->killTask({value => $task->{id}});
    $c->render(json => $task, status => 202);
};

app->start;
