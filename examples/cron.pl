#!/usr/bin/env perl
# A web program that runs commands on Mesos every so many seconds, and shows how they went:
#
#   MESOS_MASTER=local examples/cron.pl daemon -l http://127.0.0.1:3000
#   curl -d every=10 -d 'command=date' http://127.0.0.1:3000/jobs
#   curl http://127.0.0.1:3000/jobs
#   curl http://127.0.0.1:3000/metrics
use strict;
use warnings;
use Mojolicious::Lite;
use Mesos::Runner;
use Mesos::Stats qw(prometheus);

my @jobs;
my $runner = Mesos::Runner->new(dispatcher => 'Mojo', on_result => sub {
        my ($self, $task) = @_;
        my $job = $task->data;
        @$job{qw(runs last output)} = ($job->{runs} + 1, $task->message || $task->state, $task->stdout);
        $self->forget($_) for grep { $_->phase eq 'ended' } $self->tasks;
});
app->hook(before_server_start => sub { $runner->start });

get '/jobs' => sub { $_[0]->render(json => \@jobs) };

post '/jobs' => sub {
    my ($c) = @_;
    my ($every, $command) = map { $c->param($_) // '' } qw(every command);
    return $c->render(json => {error => 'expected every and command'}, status => 400) if $every !~ /\A\d*\.?\d+\z/ || $command eq '';
    push @jobs, my $job = {id => scalar @jobs, every => $every, command => $command, runs => 0};
    Mojo::IOLoop->recurring($every => sub { $runner->add({command => $command, data => $job}) });
    $c->render(json => $job, status => 201);
};

get '/metrics' => sub { $_[0]->res->headers->content_type('text/plain; version=0.0.4'); $_[0]->render(data => prometheus($runner->driver)) };

app->start;
