# A million queued events all arrive, in order, through AnyEvent's loop; and the loop's other watchers get their turns meanwhile.
# (Mesos 1.07.1 lost the wake-ups of all after the first 65,536.)
use strict;
use warnings FATAL => 'all';
use Test::More;
use AnyEvent;
use Mesos::Dispatcher::AnyEvent;

use constant COUNT => 1_000_000;

my $dispatcher = Mesos::Dispatcher::AnyEvent->new;
my $readable = sub { my $bits = ''; vec($bits, $dispatcher->fd, 1) = 1; scalar select $bits, undef, undef, 0 };
is $readable->(), 0, 'nothing is queued, nothing readable';

$dispatcher->send('e', $_) for 1 .. COUNT;
is $dispatcher->channel->size, COUNT, 'all are queued';
is $readable->(), 1, 'readable';

my ($received, $out_of_order, $turns) = (0, 0, 0);
my $done = AnyEvent->condvar;
$dispatcher->set_cb(sub {
        my (undef, $number) = $dispatcher->recv;
        $out_of_order++ if $number != ++$received;
        $done->send if $received == COUNT;
});
my $other = AnyEvent->timer(after => 0.001, interval => 0.001, cb => sub { $turns++ });
my $patience = AnyEvent->timer(after => 300, cb => sub { $done->send });
$done->recv;

is $received, COUNT, 'all have arrived';
is $out_of_order, 0, 'in order';
cmp_ok $turns, '>', 10, 'a timer ran in between';
is $dispatcher->channel->size, 0, 'nothing is left';
is $readable->(), 0, 'and nothing readable';

done_testing;
