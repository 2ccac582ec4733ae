# No call leaves a value of Perl behind. What Rust holds: tests/abi.rs.
use strict;
use warnings;
# EV keeps values of its own.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl'; $ENV{MOJO_REACTOR} = 'Mojo::Reactor::Poll' }
use lib 't/lib';
use Scalar::Util qw(weaken);
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
BEGIN {
    eval { require Test::LeakTrace; Test::LeakTrace->import; 1 } or plan skip_all => 'Test::LeakTrace is not installed';
}
use Mesos::Channel;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# As a program counts that knows nothing of what is inside: nothing is done before, and what is sent comes twice.
sub send_and_receive {
    my ($to) = @_;
    for (1, 2) {
        $to->send('an event', 'text', ['texts'], Mesos::TaskID->new({value => 'a task'}), [map { Mesos::TaskID->new({value => "task $_"}) } 1, 1]);
        my @event = $to->recv;
    }
    return;
}

no_leaks_ok { send_and_receive(Mesos::Channel->new) } 'a channel, the first time';
each_dispatcher(sub {
        my ($name) = @_;
        my $dispatcher = "Mesos::Dispatcher::$name"->new;
        no_leaks_ok { send_and_receive($dispatcher) } "$name, the first time";
});

# Whatever is made once and kept (method caches, loops' own tables) is made before anything is counted.
sub frees_all {
    my ($code, $name) = @_;
    $code->() for 1 .. 3;
    no_leaks_ok { $code->() } $name;
}

my $message = Mesos::TaskStatus->new({task_id => {value => 't'}, state => 1, data => "\0"});

subtest 'channel' => sub {
    frees_all(sub { Mesos::Channel->new }, 'new');
    my $channel = Mesos::Channel->new;
    frees_all(sub { $channel->send('e', 1, 'two', [3, 4]); my @event = $channel->recv }, 'strings');
    frees_all(sub { $channel->send('e', $message, [$message, $message]); my @event = $channel->recv }, 'messages');
    frees_all(sub { my @event = $channel->recv }, 'nothing to receive');
    frees_all(sub { eval { $channel->send('e', $message, undef) } }, 'an error');
    frees_all(sub { my $dropped = Mesos::Channel->new; $dropped->send('e', $message) for 1 .. 10 }, 'events that nobody takes');
    # Bytes of a class whose decode dies.
    frees_all(sub { $channel->send('e', Broken->new); eval { my @event = $channel->recv } }, 'an argument that cannot be decoded');
};

each_dispatcher(sub {
        my ($name) = @_;
        my $class = "Mesos::Dispatcher::$name";
        # POE frees a session that has ended in the next turn of its loop.
        my $turn = $name eq 'POE' ? sub { POE::Kernel->run_one_timeslice } : sub { };
        frees_all(sub { $class->new; $turn->() }, 'new');
        frees_all(sub {
                my $dispatcher = $class->new;
                weaken(my $weak = $dispatcher);
                $dispatcher->set_cb(sub { $weak->recv });
                $dispatcher->interrupt->block if $name eq 'Interrupt';
                $dispatcher->send('e', $message) for 1 .. 3;
                $dispatcher->wait(5) for 1 .. 3;
                $dispatcher->wait(0.001);
                $dispatcher->interrupt->unblock if $name eq 'Interrupt';
        }, 'send, wait, recv');
        frees_all(sub {
                my $dispatcher = $class->new;
                weaken(my $weak = $dispatcher);
                $dispatcher->set_cb(sub { $weak->recv; die "no\n" });
                $dispatcher->interrupt->block if $name eq 'Interrupt';
                $dispatcher->send('e');
                local $SIG{__WARN__} = sub { };
                eval { $dispatcher->wait(0.05) };
                $dispatcher->interrupt->unblock if $name eq 'Interrupt';
        }, 'a callback that dies');
        my $timers = $class->new;
        # A turn of POE's loop waits for the next event, which is far away then.
        frees_all(sub { my $timer = $timers->timer(100, sub { }); undef $timer; $timers->wait(0.001) }, 'a timer that is dropped') if $name ne 'POE';
        frees_all(sub {
                my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', framework => {user => '', name => 'n'},
                    scheduler => Mesos::Scheduler->new, dispatcher => $name);
                $driver->dispatcher->channel->send('statusUpdate', $message);
                $driver->dispatch_event;
                $driver->start;
                $driver->stop;
                undef $driver;
                $turn->();
        }, 'a driver');
});

subtest 'drivers' => sub {
    my $id = {value => 'x'};
    my $driver = Mesos::SchedulerDriver->new(
        master => '127.0.0.1:1', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new);
    $driver->start;
    frees_all(sub { $driver->launchTasks([$id], [{task_id => $id, slave_id => $id, name => 'n'}], {refuse_seconds => 1}) }, 'launchTasks');
    frees_all(sub { $driver->sendFrameworkMessage($id, $id, 'data') }, 'sendFrameworkMessage');
    frees_all(sub { eval { $driver->launchTasks([$id], [{task_id => $id, slave_id => $id}]) } }, 'an error of the codec');
    frees_all(sub { eval { $driver->launchTasks([$id], undef) } }, 'an error of the arguments');
    $driver->stop;
    frees_all(sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new)->sendStatusUpdate($message) }, 'an executor driver');
    frees_all(sub {
            my $local = Mesos::SchedulerDriver->new(master => $ENV{MESOS_TEST_MASTER} || 'local', framework => {user => '', name => 'n'},
                scheduler => Mesos::Scheduler->new);
            $local->run_once for 1 .. 2;
            $local->stop;
    }, 'a driver that has run, and its cluster');
};

# What was told is remembered, and not as values that a program's own leak test would find.
subtest 'warnings' => sub {
    my ($line, @told) = (0);
    local $SIG{__WARN__} = sub { push @told, @_ };
    frees_all(sub { $line++; Mesos::Warnings::warn_at(['file', $line, undef], 'text', 'path') for 1, 2; @told = () }, 'at ever other lines');
    Mesos::Warnings::warn_at(['file', $_, undef], 'text', 'path') for 1 .. 3, $line + 1, $line + 1;
    is_deeply \@told, ['text at file line ' . ($line + 1) . ".\n"], 'and each is told once';
};

done_testing;

package Broken;
sub new { bless {}, shift }
sub encode {'x'}
sub decode { die "cannot be decoded\n" }
