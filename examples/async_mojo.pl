#!/usr/bin/env perl
# Two commands one after the other, and one beside them, with async and await of Mojolicious. Needs Future::AsyncAwait.
#
#   examples/async_mojo.pl HOST:PORT    (default: the embedded cluster)
use strict;
use warnings;
use Mojo::Base -strict, -async_await;
use Mojo::IOLoop;
use Mesos::Async;

my $driver = Mesos::Async->new(
    master => $ARGV[0] || 'local', framework => {user => '', name => 'async_mojo.pl'}, dispatcher => 'Mojo', on_exception => 'die');

async sub offers_p {
    while (my ($event, $offers) = await $driver->next_event) { return $offers if $event eq 'resourceOffers' }
}

async sub run_p {
    my ($command) = @_;
    my ($offer, @others) = @{await offers_p()};
    await $driver->decline_p(\@others);
    my $status = await $driver->launch_p($offer, {
            command => {value => $command},
            resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
    }, filters => {refuse_seconds => 0});
    say "$command: $status->{message}";
}

async sub main_p {
    await $driver->start_p;
    await run_p('true');
    await Mojo::Promise->all(run_p('sleep 0.1'), run_p('exit 3')->catch(sub { my ($error) = @_; say 'exit 3: ', $error->status->{message} }));
    $driver->stop;
}

# What nobody catches would only be a warning.
my $error;
main_p()->catch(sub { $error = $_[0] })->wait;
die $error if defined $error;
