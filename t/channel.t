use strict;
use warnings FATAL => 'all';
use Test::More;
use Mesos::Channel;

my $channel = Mesos::Channel->new;

subtest 'first in, first out' => sub {
    is scalar($channel->recv), undef, 'scalar recv of an empty channel';
    is_deeply [$channel->recv], [], 'list recv of an empty channel';
    is $channel->size, 0;
    my @event = ('test command', qw(some test args), [qw(and an array ref)]);
    is_deeply [$channel->send(@event)], [], 'send returns nothing';
    $channel->send("n$_") for 1 .. 3;
    is $channel->size, 4;
    is_deeply [$channel->recv], \@event, 'strings and lists of strings';
    is_deeply [map { $channel->recv } 1 .. 3], [qw(n1 n2 n3)];
};

subtest 'values that Mesos 1.07.1 refused or crashed on' => sub {
    my $used_as_number = "42";
    { no warnings 'void'; $used_as_number + 0 }
    tie my $tied, 'Tied';
    $channel->send('e', 7, 1.5, $used_as_number, $tied, [], [1, 2], '');
    is_deeply [$channel->recv], ['e', '7', '1.5', '42', 'tied', [], ['1', '2'], ''];
    $channel->send(1);
    is_deeply [$channel->recv], ['1'], 'a number as name';
    $channel->send('');
    is_deeply [$channel->recv], [''], 'an empty name is an event';
};

subtest 'bytes' => sub {
    $channel->send('e', "a\0b", "\xe9", "\x{20ac}");
    my (undef, @args) = $channel->recv;
    is_deeply \@args, ["a\0b", "\xe9", "\xe2\x82\xac"];
    ok !utf8::is_utf8($_), 'no utf8 flag' for @args;
};

subtest 'errors name the argument at the caller\'s line, and queue nothing' => sub {
    for my $case (
        [[undef], qr/name of an event.*got undef/],
        [[{}], qr/name of an event.*got a reference/],
        [['e', undef], qr/argument 1: expected a string.*got undef/],
        [['e', 1, {}], qr/argument 2: .*got a reference/],
        [['e', sub { }], qr/argument 1: .*got a reference/],
        [['e', [1, undef]], qr/argument 1, element 1: .*got undef/],
        [['e', [1, Encodes->new(1)]], qr/argument 1: expected elements of one type, got String and Mesos::Encodes/],
    ) {
        my ($args, $expected) = @$case;
        is eval { $channel->send(@$args); 1 }, undef; my $line = __LINE__;
        like $@, $expected;
        like $@, qr/ at \Q${\__FILE__}\E line $line\.$/, 'at the caller\'s line';
    }
    is $channel->size, 0;
};

subtest 'objects of classes with encode and decode' => sub {
    $channel->send('e', Encodes->new(5), [Encodes->new(1), Encodes->new(2)]);
    my (undef, $one, $list) = $channel->recv;
    isa_ok $one, 'Mesos::Encodes::Decoded';
    is_deeply [map {$$_} $one, @$list], [5, 1, 2];
};

subtest 'not a channel' => sub {
    ok !eval { Mesos::Channel::size({}); 1 };
    like $@, qr/expected an object of Mesos::Channel, got HASH/;
    ok !eval { Mesos::Channel::size(undef); 1 };
    like $@, qr/expected an object of Mesos::Channel, got undef/;
    my $closed = Mesos::Channel->new;
    $closed->DEMOLISH;
    ok !eval { $closed->size; 1 };
    like $@, qr/closed/;
};

subtest 'a channel that closes while an event is made' => sub {
    # What Rust holds is not among Perl's values: what counts is memory.
    my $memory = sub {
        open my $statm, '<', '/proc/self/statm' or return;
        return 4 * (split ' ', readline $statm)[1];
    };
    plan skip_all => 'there is no /proc' unless $memory->();
    my $send = sub {
        my $closing = Mesos::Channel->new;
        return eval { $closing->_xs_send('e', Closes->new($closing), 'x' x 1_000_000); 1 } ? 'sent' : $@;
    };
    like $send->(), qr/^this Mesos::Channel is closed/, 'it is not sent';
    my $before = $memory->();
    $send->() for 1 .. 300;
    cmp_ok $memory->() - $before, '<', 100_000, 'and 300 MB of events are freed';
};

done_testing;

package Tied;
sub TIESCALAR { bless [], shift }
sub FETCH {'tied'}

# Closes a channel when it is looked at.
package Closes;
use overload '""' => sub { ${$_[0]}->_xs_free; 'String' }, fallback => 1;
sub new { my ($class, $channel) = @_; bless \$channel, $class }

package Encodes;
sub new { my ($class, $n) = @_; bless \$n, $class }
sub encode { my ($self) = @_; "n=$$self" }

# As in Mesos 1.07.1: a class that does not begin with Mesos:: is looked for below it when decoding.
package Mesos::Encodes;
sub decode { my ($class, $bytes) = @_; my ($n) = $bytes =~ /\An=(\d+)\z/; bless \$n, 'Mesos::Encodes::Decoded' }
