#!/usr/bin/env perl
# A command, and one that is cancelled as soon as it runs, with IO::Async's futures and Future::AsyncAwait.
#
#   examples/async_future.pl HOST:PORT    (default: the embedded cluster)
use strict;
use warnings;
use Future::AsyncAwait;
use IO::Async::Loop;
use Mesos::Async;

my $loop = IO::Async::Loop->new;
my $driver = Mesos::Async->new(
    master => $ARGV[0] || 'local', framework => {user => '', name => 'async_future.pl'}, dispatcher => 'IOAsync', on_exception => 'die');

async sub launch {
    my ($command, @options) = @_;
    my ($event, $offers);
    do { ($event, $offers) = await $driver->next_event } until $event eq 'resourceOffers';
    my ($offer, @others) = @$offers;
    await $driver->decline_p(\@others);
    return await $driver->launch_p($offer, {
            command => {value => $command},
            resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
    }, filters => {refuse_seconds => 0}, @options);
}

async sub main {
    await $driver->start_p;
    my $status = await launch('echo hello');
    print "echo hello: $status->{message}\n";
    my $killed = $loop->new_future;
    my $sleeps;
    $sleeps = launch('sleep 1000', on_state => sub {
            my ($update, $state) = @_;
            $loop->later(sub { $sleeps->cancel }) if $state eq 'TASK_RUNNING';
            $killed->done($state) if $state eq 'TASK_KILLED';
    });
    print 'sleep 1000: ', await($killed), "\n";
    $driver->stop;
}

main()->get;
