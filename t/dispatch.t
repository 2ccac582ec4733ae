use strict;
use warnings FATAL => 'all';
use lib 't/lib';
# Its own loop: EV would catch exceptions.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl' }
use Mesos::Dispatcher::AnyEvent;
use Mesos::Messages;
use Test::More;

# Events reach their methods by a short way in C, unless somebody stands in between; either way the same has to happen.

package Consumer;
use Moo;
has event_handler => (is => 'rw', required => 1);
sub status {0}
sub start {1}
sub stop {0}
sub abort {0}
with 'Mesos::Role::HasDispatcher';

package Consumer::Watching;
use Moo;
extends 'Consumer';
has seen => (is => 'ro', default => sub { [] });
around dispatch_event => sub {
    my ($next, $self) = @_;
    my @event = $self->$next;
    push @{$self->seen}, @event ? "@event" : '-';
    return @event;
};

package Dispatcher::Counting;
use Moo;
extends 'Mesos::Dispatcher::AnyEvent';
has calls => (is => 'rw', default => 0);
before call => sub { $_[0]->calls($_[0]->calls + 1) };

package Handler;
our @got;
sub event { push @got, [@_[2 .. $#_]] }
sub stop_it { $_[1]->stop }
sub dies { die "dies\n" }
sub nested { $_[1]->dispatcher->ready }
sub context { push @got, [defined wantarray ? 'wanted' : 'void'] }
sub change { $_[2] = 'changed' }

package Handler::Other;
our @got;
sub event { push @got, $_[0] }

package main;

sub got { my @now = @Handler::got; @Handler::got = (); return \@now }

sub consumer { my ($class, %more) = @_; return $class->new(event_handler => bless({}, 'Handler'), %more) }

subtest 'a batch' => sub {
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    $dispatcher->send('event', $_) for 1 .. 100;
    $dispatcher->ready;
    is_deeply got(), [map { [$_] } 1 .. 64], 'no more than 64 for one wake-up';
    $dispatcher->ready;
    is_deeply got(), [map { [$_] } 65 .. 100], 'the rest for the next';
    $dispatcher->ready;
    is_deeply got(), [], 'none for none';
    $dispatcher->send('context');
    $dispatcher->ready;
    is_deeply got(), [['void']], 'methods are called in void context';
    $dispatcher->send($_, 1) for 'event', 'stop_it', 'event';
    $dispatcher->ready;
    is_deeply got(), [[1]], 'stop ends it';
    is_deeply [$dispatcher->recv], ['event', 1], 'and leaves what comes after';
    $dispatcher->send($_, 1) for 'nested', 'event', 'stop_it', 'event';
    $dispatcher->ready;
    is_deeply got(), [[1]], 'stop in a batch within a batch ends both';
    is_deeply [$dispatcher->recv], ['event', 1];
};

subtest 'who stands in between sees each event' => sub {
    my $watching = consumer('Consumer::Watching');
    $watching->dispatcher->send('event', $_) for 1 .. 3;
    $watching->dispatcher->ready;
    is_deeply $watching->seen, ['event 1', 'event 2', 'event 3'], 'a modifier of dispatch_event';
    is_deeply got(), [[1], [2], [3]];

    my $counting = Dispatcher::Counting->new;
    my $consumer = consumer('Consumer', dispatcher => $counting);
    $counting->send('event', $_) for 1 .. 3;
    $counting->ready;
    is $counting->calls, 3, 'a modifier of call';
    is_deeply got(), [[1], [2], [3]];

    $counting->send($_, 1) for 'nested', 'event', 'stop_it', 'event';
    $counting->ready;
    is_deeply got(), [[1]], 'stop ends both batches here, too';
    is_deeply [$counting->recv], ['event', 1];

    $consumer = consumer('Consumer');
    my @own;
    $consumer->dispatcher->set_cb(sub { push @own, [$consumer->dispatcher->recv] });
    $consumer->dispatcher->send('event', $_) for 1 .. 3;
    $consumer->dispatcher->ready;
    is_deeply \@own, [map { ['event', $_] } 1 .. 3], 'a callback that was set later';
    is_deeply got(), [];
};

subtest 'an exception' => sub {
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    $dispatcher->send($_, 1) for qw(event dies event);
    ok !eval { $dispatcher->ready; 1 }, 'leaves the batch';
    is $@, "dies\n";
    is_deeply got(), [[1]];
    $dispatcher->ready;
    is_deeply got(), [[1]], 'the next goes on where it was left';
    $dispatcher->channel->_xs_send('event', 'Mesos::TaskID', "\n\005ab");
    ok !eval { $dispatcher->ready; 1 }, 'an undecodable argument';
    like $@, qr/\AMesos::TaskID: message is incomplete or invalid: .* at \Q$0\E line/;
    is_deeply got(), [];
};

subtest 'the consumer goes in the middle' => sub {
    package Dropping;
    our ($consumer, $freed, $calls);
    sub new { bless {}, shift }
    sub event { $calls++; undef $consumer }
    sub DESTROY { $freed++ }
    package main;
    $Dropping::consumer = Consumer->new(event_handler => Dropping->new);
    my $dispatcher = $Dropping::consumer->dispatcher;
    $dispatcher->send('event') for 1 .. 3;
    $dispatcher->ready;
    is $Dropping::calls, 1, 'it gets no more';
    is $Dropping::freed, 1, 'and is freed, with its handler';
    is $dispatcher->channel->size, 2;
    # Nobody is there for them.
    $dispatcher->ready;
    is $dispatcher->channel->size, 2;
};

subtest 'handlers' => sub {
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    $consumer->event_handler('Handler::Other');
    $dispatcher->send('event');
    $dispatcher->ready;
    is_deeply \@Handler::Other::got, ['Handler::Other'], 'may be the name of a class';
    $consumer->event_handler(bless {}, 'Handler');
    $dispatcher->send('Handler::Other::event');
    $dispatcher->ready;
    is ref $Handler::Other::got[1], 'Handler', 'names are what can takes';
    {
        no warnings 'once';
        local *Handler::late = sub { push @Handler::got, ['late'] };
        $dispatcher->send('late');
        $dispatcher->ready;
        is_deeply got(), [['late']], 'a method that is defined late';
    }
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    $dispatcher->send('nothing', 1);
    $dispatcher->send('event', 2);
    $dispatcher->ready;
    is @warnings, 1;
    like $warnings[0], qr/\AEvent handler can't process event type nothing at \Q$0\E line /, 'at the line of the program';
    is_deeply got(), [[2]], 'the batch goes on';
};

subtest 'a class with a can of its own' => sub {
    package Handler::Choosy;
    our @ISA = 'Handler';
    sub can { my ($self, $name) = @_; return $name eq 'event' ? sub { push @Handler::got, ['chosen'] } : undef }
    package main;
    my $consumer = Consumer->new(event_handler => bless {}, 'Handler::Choosy');
    my $dispatcher = $consumer->dispatcher;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    $dispatcher->send($_) for qw(event context);
    $dispatcher->ready;
    is_deeply got(), [['chosen']], 'decides, also on methods that are there';
    is @warnings, 1;
};

subtest 'code that runs while the arguments are decoded' => sub {
    package Foreign;
    our $decode;
    sub encode {''}
    sub decode { $decode->(); bless {}, $_[0] }
    package main;
    no warnings qw(once redefine);
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    for my $defined (1, 0) {
        eval q{sub Handler::fleeting { push @Handler::got, ['old'] } 1} or die $@;
        $Foreign::decode = sub {
            undef *Handler::fleeting;
            eval q{sub Handler::fleeting { push @Handler::got, ['new'] } 1} or die $@ if $defined;
            my @reused = map { my $number = $_; sub {$number} } 1 .. 100;
        };
        $dispatcher->send('fleeting', bless {}, 'Foreign');
        $dispatcher->ready;
        is_deeply got(), [['old']], 'the method that was found is called';
    }
    no warnings 'exiting';
    $Foreign::decode = sub {last};
    for my $way (qw(recv dispatch_event)) {
        $dispatcher->send('event', bless {}, 'Foreign');
        for (1) {
            ok !eval { $way eq 'recv' ? $dispatcher->recv : $consumer->dispatch_event; 1 }, "no way out of $way";
            like $@, qr/\ACan't "last" outside a loop block/;
        }
    }
};

# Perl would go on in the loop, within the call that it has left.
subtest 'no way out of a method but return and die' => sub {
    no warnings 'exiting';
    my %way = (next => sub {next}, last => sub {last}, redo => sub {redo}, goto => sub { goto OUT });
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    for my $name (sort keys %way) {
        no strict 'refs';
        no warnings 'once';
        local *{'Handler::leaves'} = $way{$name};
        for my $dispatch (sub { $dispatcher->ready }, sub { $consumer->dispatch_event }) {
            $dispatcher->send($_, 1) for qw(leaves event);
            my $turns = 0;
            while ($turns++ < 1) {
                ok !eval { $dispatch->(); 1 }, $name;
                like $@, qr/\ACan't "$name" outside a loop block|\ACan't find label OUT/;
            }
            is $turns, 2;
            $dispatcher->ready;
            is_deeply got(), [[1]], 'the next event';
        }
    }
OUT: is got()->[0], undef;
};

subtest 'what dispatch_event returns' => sub {
    my $consumer = consumer('Consumer');
    my $dispatcher = $consumer->dispatcher;
    my $id = Mesos::TaskID->new({value => 't'});
    $dispatcher->send('event', 'text', [1, 2], $id, []);
    my @event = $consumer->dispatch_event;
    is_deeply \@event, ['event', 'text', [1, 2], $id, []], 'name and arguments';
    is ref $event[3], 'Mesos::TaskID';
    is_deeply got(), [['text', [1, 2], $id, []]];
    $dispatcher->send('change', 'x');
    is_deeply [$consumer->dispatch_event], ['change', 'changed'], 'the arguments that the method had';
    $dispatcher->send('nothing', 1);
    {
        local $SIG{__WARN__} = sub { };
        is_deeply [$consumer->dispatch_event], ['nothing', 1], 'also without a method';
    }
    is_deeply [$consumer->dispatch_event], [];
    $dispatcher->send('event', 'kept');
    $consumer->dispatch_event;
    is_deeply got(), [['kept']], 'arguments outlive the event';
};

done_testing;
