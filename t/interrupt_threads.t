# Perl's threads beside dispatcher => 'Interrupt': Async::Interrupt alone crashes there.

use 5.10.1;
use strict;
use warnings;
use Config;
use Test::More;

BEGIN {
    plan skip_all => 'this perl has no threads' unless $Config{useithreads};
    plan skip_all => 'Async::Interrupt is not installed' unless eval { require Async::Interrupt; 1 };
}
# EV warns of its own watchers in threads.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl' }
use threads;
use Mesos::Dispatcher::Interrupt;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;

my @warnings;
$SIG{__WARN__} = sub { push @warnings, @_ };

my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', framework => {user => '', name => 'n'},
    scheduler => Mesos::Scheduler->new, dispatcher => 'Interrupt');
$driver->start;
my $dispatcher = Mesos::Dispatcher::Interrupt->new;
my @got;
$dispatcher->set_cb(sub { push @got, $dispatcher->recv });

my @threads;
for my $round (1 .. 20) {
    push @threads, threads->create(sub { my $sum = 0; $sum += $_ for 1 .. 20_000; $sum });
    $dispatcher->send("event $round");
    $dispatcher->wait(10) while !@got || $got[-1] ne "event $round";
    (shift @threads)->join if @threads > 5;
}
is scalar(grep { $_->join == 200_010_000 } @threads), 5, 'threads run and end';
is_deeply \@got, [map {"event $_"} 1 .. 20], 'events come in the first thread';

my ($there, $method, $new) = threads->create({context => 'list'}, sub {
        my $died = !eval { Mesos::Dispatcher::Interrupt->new; 1 } && $@;
        my $driver_died = !eval { $driver->stop; 1 } && $@;
        my $other = Mesos::Dispatcher::Pipe->new;
        $other->send('x');
        return ($died, $driver_died, ($other->recv)[0]);
})->join;
like $there, qr/^Mesos::Dispatcher::Interrupt works only in the thread that has loaded it: take another dispatcher here at \Q$0\E line/, 'none is made there';
like $method, qr/belongs to another thread at \Q$0\E line/, 'the driver is not there';
is $new, 'x', 'another dispatcher works there';
is $driver->status, Mesos::Status::DRIVER_RUNNING(), 'here it runs on';
$driver->stop;
is_deeply \@warnings, [], 'no warnings';

done_testing;
