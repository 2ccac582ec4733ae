# Handlers of unsafe signals, which run in the middle of calls: nothing waits for a lock that the interrupted call holds.

use 5.10.1;
use strict;
use warnings;
use Test::More;

# Perl reads it when it starts.
if (($ENV{PERL_SIGNALS} || '') ne 'unsafe') {
    local $ENV{PERL_SIGNALS} = 'unsafe';
    exec $^X, (map {"-I$_"} grep { !ref } @INC), $0 or die "cannot run $^X: $!";
}

use Mesos::Dispatcher::Pipe;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
use Time::HiRes qw(ITIMER_REAL setitimer);

my $REFUSED = qr/^called from a signal handler that interrupted another call of this module at /;
my $dispatcher = Mesos::Dispatcher::Pipe->new;
my $channel = $dispatcher->channel;
my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', framework => {user => '', name => 'n'},
    scheduler => Mesos::Scheduler->new, dispatcher => Mesos::Dispatcher::Pipe->new);
$driver->start;

# What a handler tries.
my %calls = (
    send => sub { $channel->send('event') },
    recv => sub { my @event = $channel->recv },
    waiting => sub { my $taken = $channel->_waiting },
    notify => sub { $dispatcher->notify },
    status => sub { my $status = $driver->status },
    killTask => sub { $driver->killTask({value => 't'}) },
    encode => sub { Mesos::TaskID->encode({value => 't'}) },
    decode => sub { Mesos::TaskID->decode("\x0a\x01t") },
    new => sub { Mesos::Channel->new },
);
my @names = sort keys %calls;
my ($sizes, %done, %refused, @odd) = (0);
$SIG{ALRM} = sub {
    $sizes++ if $channel->size =~ /^\d+$/;
    for my $name (@names) {
        if (eval { $calls{$name}->(); 1 }) { $done{$name}++ }
        elsif ($@ =~ $REFUSED) { $refused{$name}++ }
        else { push @odd, $@ }
    }
};

# Between two operations: the handler interrupts `kill`.
kill ALRM => $$;
is_deeply \%done, {map { ($_ => 1) } @names}, 'everything works';
is_deeply \%refused, {}, 'and nothing is refused';
is $sizes, 1;

# In the middle of a call that waits for threads. It may be over when the signal comes; then another one is tried.
for my $round (1 .. 100) {
    my $cluster = Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new,
        dispatcher => Mesos::Dispatcher::Pipe->new);
    $cluster->start;
    setitimer(ITIMER_REAL, 0.001 * (1 + $round % 20));
    undef $cluster;
    setitimer(ITIMER_REAL, 0);
    last if $refused{send};
}
is_deeply [sort keys %refused], \@names, 'in the middle of a call all are refused';
is $sizes, $done{send} + $refused{send}, 'but for size';
is_deeply \@odd, [], 'nothing else went wrong';

my @event;
1 while @event = $channel->recv;
$channel->send('a', 'b');
is_deeply [$channel->recv], ['a', 'b'], 'afterwards everything works';
is $driver->stop, Mesos::Status::DRIVER_STOPPED();

done_testing;
