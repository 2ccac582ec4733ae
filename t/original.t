# What the tests of Mesos 1.07.1 pin down, written anew: a program that kept to them keeps working.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Mesos::Channel;
use Mesos::Messages;
use Mesos::SchedulerDriver;
use Mesos::Types qw(FrameworkInfo);
use Type::Params ();

subtest 'channel' => sub {
    my $channel = Mesos::Channel->new;
    is scalar($channel->recv), undef, 'undef from an empty channel, in scalar context';

    my @command = ('test command', qw(some test args), [qw(and an array ref)]);
    $channel->send(@command);
    is_deeply [$channel->recv], \@command, 'strings and an array of strings';

    my $id = Mesos::FrameworkID->new({value => 'an id'});
    my $master = Mesos::MasterInfo->new({id => 'master', ip => 0x0100007f, port => 5050});
    $channel->send('registered', $id, $master);
    my ($event, @args) = $channel->recv;
    is $event, 'registered';
    is_deeply \@args, [$id, $master], 'messages';
    is_deeply [map {ref} @args], [qw(Mesos::FrameworkID Mesos::MasterInfo)], 'of their classes';
    is_deeply [sort keys %{$args[1]}], [qw(id ip port)], 'with the fields that were set, and no defaults';

    my $offers = [map { Mesos::Offer->new({
                    id => Mesos::OfferID->new({value => "offer $_"}),
                    framework_id => $id,
                    slave_id => Mesos::SlaveID->new({value => 'agent'}),
                    hostname => 'host',
    }) } 1 .. 3];
    $channel->send('resourceOffers', $offers);
    is_deeply [$channel->recv], ['resourceOffers', $offers], 'an array of messages';
    is_deeply [$channel->recv], [], 'nothing is left';
};

subtest 'types' => sub {
    my $given = {user => 'test user', name => 'test name'};
    my $framework = FrameworkInfo->assert_coerce($given);
    isa_ok $framework, 'Mesos::FrameworkInfo';
    is_deeply {%$framework}, $given;
    my ($validated) = Type::Params::validate([$given], FrameworkInfo);
    isa_ok $validated, 'Mesos::FrameworkInfo', 'what Type::Params makes of it';
};

package Listens;
use Moo;
extends 'Mesos::Scheduler';
has [qw(on_registered on_offers)] => (is => 'ro');
sub registered { my ($self, @args) = @_; $self->on_registered->(@args) }
sub resourceOffers { my ($self, @args) = @_; $self->on_offers->(@args) }

package main;

# The original's handlers are objects of any class, with a method for each event, whatever the events are called.
my $handler_class = 'Handler000';

sub handler {
    my (%methods) = @_;
    my $class = $handler_class++;
    no strict 'refs';
    *{"${class}::$_"} = $methods{$_} for keys %methods;
    return bless {}, $class;
}

# A Moose class that says what the role requires.
my $moose = eval q{
    package WithDispatcher;
    use Moose;
    has event_handler => (is => 'ro', required => 1);
    sub status {Mesos::Status::DRIVER_RUNNING()}
    sub start {}
    sub stop {}
    sub abort {}
    sub BUILD {}
    with 'Mesos::Role::HasDispatcher';
    __PACKAGE__->meta->make_immutable;
    1;
};
diag "Moose is not installed: $@" unless $moose;

each_dispatcher(sub {
        my ($name) = @_;
        my $class = "Mesos::Dispatcher::$name";

        subtest 'set_cb, send, recv' => sub {
            my $dispatcher = $class->new;
            my @command = ('test command', qw(with some args), ['and arrays']);
            my @received;
            $dispatcher->set_cb(sub { @received = $dispatcher->recv });
            # Interrupt may call it already here.
            $dispatcher->send(@command);
            $dispatcher->wait(10) unless @received;
            is_deeply \@received, \@command;
            $dispatcher->set_cb(sub { });
        };

        subtest 'wait' => sub {
            my $dispatcher = $class->new;
            $dispatcher->set_cb(sub { $dispatcher->recv; 'what the callback', 'returned' });
            is_deeply [$dispatcher->wait(0.1)], [], 'nothing after the time';
            {
                local $SIG{ALRM} = sub { die "still waiting\n" };
                alarm 1;
                ok !eval { $dispatcher->wait; 1 }, 'no time and no event: waits';
                is $@, "still waiting\n";
                alarm 0;
            }
            $dispatcher->interrupt->block if $name eq 'Interrupt';
            $dispatcher->send('event');
            is_deeply [$dispatcher->wait], ['what the callback', 'returned'];
            $dispatcher->interrupt->unblock if $name eq 'Interrupt';
            $dispatcher->set_cb(sub { });
        };

        subtest 'the role in a class of Moose' => sub {
            plan skip_all => 'no Moose' unless $moose;
            my @calls;
            my $handler = handler(map { my $event = $_; ($event => sub { shift; push @calls, [$event, @_] }) }
                    qw(anything at_all resourceOffers _even_this));
            my $driver = WithDispatcher->new(event_handler => $handler, dispatcher => $class->new);
            $driver->dispatcher->interrupt->block if $name eq 'Interrupt';
            $driver->dispatcher->send(@$_) for my @events = (['anything', 1], ['at_all', [2, 3]], ['resourceOffers'], ['_even_this', '']);
            is_deeply [$driver->dispatcher->wait], $_, "wait returns the event $_->[0]" for @events;
            is_deeply \@calls, [map { my ($event, @args) = @$_; [$event, $driver, @args] } @events], 'methods were called with the driver';
            $driver->dispatcher->interrupt->unblock if $name eq 'Interrupt';
        };

        subtest 'the first events of a scheduler driver' => sub {
            my (@registered, @offered);
            my $driver = Mesos::SchedulerDriver->new(
                master => $ENV{MESOS_TEST_MASTER} || 'local',
                framework => FrameworkInfo->new({user => 'root', name => 'the original'}),
                scheduler => Listens->new(on_registered => sub { @registered = @_ }, on_offers => sub { @offered = @_ }),
                dispatcher => $class->new,
            );
            # Else events come whenever they want, and not one for one run_once.
            $driver->dispatcher->interrupt->block if $name eq 'Interrupt';
            is $driver->run_once, Mesos::Status::DRIVER_RUNNING, 'run_once';
            is_deeply [map {ref} @registered], [qw(Mesos::SchedulerDriver Mesos::FrameworkID Mesos::MasterInfo)], 'registered comes first';
            is_deeply \@offered, [], 'and alone';
            is $driver->run_once, Mesos::Status::DRIVER_RUNNING, 'run_once again';
            my ($self, $offers, @more) = @offered;
            is $self, $driver, 'then resourceOffers';
            is ref $offers, 'ARRAY', 'one array';
            is_deeply [map {ref} @$offers], ['Mesos::Offer'], 'of Mesos::Offer';
            is_deeply \@more, [], 'and nothing else';
            is $driver->declineOffer($_->{id}), Mesos::Status::DRIVER_RUNNING, 'declineOffer' for @$offers;
            is $driver->stop, Mesos::Status::DRIVER_STOPPED, 'stop';
            $driver->dispatcher->interrupt->unblock if $name eq 'Interrupt';
        };
});

done_testing;
