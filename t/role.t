use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Scalar::Util qw(weaken);
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Time::HiRes ();

# A driver of the tester's own: Mesos::Role::HasDispatcher is for any class.
package TestDriver;
use Moo;
has event_handler => (is => 'ro', required => 1);
has log => (is => 'ro', default => sub { [] });
sub status {'a status'}
sub start { push @{$_[0]->log}, 'start'; 'started' }
sub stop { push @{$_[0]->log}, 'stop'; 'stopped' }
sub abort { push @{$_[0]->log}, 'abort'; 'aborted' }
with 'Mesos::Role::HasDispatcher';

package Handler;
sub new { bless {got => []}, shift }
sub AUTOLOAD { }
sub can { $_[1] ne 'unknown' && ($_[0]->SUPER::can($_[1]) || sub {1}) }
for my $event (qw(some_event other)) {
    no strict 'refs';
    *$event = sub { my ($self, $driver, @args) = @_; push @{$self->{got}}, [$event, ref $driver, @args]; 'dropped' };
}
sub stop_it { $_[1]->stop }
sub abort_it { $_[1]->abort }
sub end_it { $_[1]->running(0) }
sub die_now { die "died in the callback\n" }

package main;

my %class = (Moo => 'TestDriver');
if (eval { require Moose; 1 }) {
    eval q{
        package TestDriver::Moose;
        use Moose;
        has event_handler => (is => 'ro', required => 1);
        has log => (is => 'ro', default => sub { [] });
        sub status {'a status'}
        sub start { push @{ $_[0]->log }, 'start'; 'started' }
        sub stop { push @{ $_[0]->log }, 'stop'; 'stopped' }
        sub abort { push @{ $_[0]->log }, 'abort'; 'aborted' }
        sub BUILD { push @{ $_[0]->log }, 'BUILD' }
        with 'Mesos::Role::HasDispatcher';
        1;
    } or die $@;
    $class{Moose} = 'TestDriver::Moose';
}
else { diag 'Moose is not installed: only Moo classes are tested' }

for my $kind (sort keys %class) {
    my $class = $class{$kind};
    subtest $kind => sub {
        each_dispatcher(sub {
                my ($name) = @_;
                my $handler = Handler->new;
                my $driver = $class->new(event_handler => $handler, dispatcher => $name);
                isa_ok $driver->dispatcher, "Mesos::Dispatcher::$name";
                my $dispatcher = $driver->dispatcher;
                @{$driver->log} = ();
                is $driver->running, 0;
                $dispatcher->interrupt->block if $name eq 'Interrupt';

                $dispatcher->send('some_event', 1, [2]);
                is $driver->run_once, 'a status', 'run_once returns the status';
                is_deeply $driver->log, ['start'], 'and has started the driver';
                is_deeply $handler->{got}, [['some_event', $class, 1, [2]]];
                is $driver->running, 1;

                $dispatcher->send('some_event', $_) for 1 .. 3;
                is_deeply [$dispatcher->wait(20)], ['some_event', 1], 'wait returns the event';
                is_deeply [$driver->dispatch_event], ['some_event', 2], 'and so does dispatch_event';
                $dispatcher->recv;
                is_deeply [$driver->dispatch_event], [], 'nothing left';
                is_deeply [$dispatcher->wait(0.05)], [];

                my @warnings;
                {
                    local $SIG{__WARN__} = sub { push @warnings, @_ };
                    $dispatcher->send('unknown');
                    $driver->dispatch_event;
                }
                like "@warnings", qr/Event handler can't process event type unknown/;

                for my $end (qw(stop_it abort_it end_it)) {
                    $driver->running(1);
                    @{$handler->{got}} = ();
                    $dispatcher->send($_) for 'some_event', $end, 'other';
                    is $driver->run, 'a status', "$end ends run";
                    is $driver->running, 0;
                    is_deeply [map { $_->[0] } @{$handler->{got}}], ['some_event'], 'at once';
                    is_deeply [$dispatcher->recv], ['other'], 'what was queued behind it is still there';
                }

                # Mesos 1.07.1 needed one more event for run to end.
                $driver->running(1);
                {
                    local $SIG{ALRM} = sub { $driver->stop };
                    Time::HiRes::ualarm(50_000);
                    $driver->run;
                }
                pass 'stop from a signal handler ends run';

                unless ($name eq 'Mojo' || $name =~ /AnyEvent|Interrupt/ && AnyEvent::detect() eq 'AnyEvent::Impl::EV') {
                    $driver->running(1);
                    $dispatcher->send($_) for 'die_now', 'stop_it';
                    ok !eval { $driver->run; 1 }, 'run passes exceptions on';
                    is $@, "died in the callback\n";
                    is $driver->running, 1;
                    is $driver->run, 'a status', 'and can be called again';
                }
                $dispatcher->interrupt->unblock if $name eq 'Interrupt';

                my ($weak_driver, $weak_dispatcher) = ($driver, $dispatcher);
                weaken $_ for $weak_driver, $weak_dispatcher;
                undef $driver;
                is $weak_driver, undef, 'the driver is freed, and the dispatcher does not mind';
                my $orphan = eval { $dispatcher->send('some_event'); $dispatcher->channel->size ? [$dispatcher->wait(0.05)] : []; };
                is $@, '';
                is_deeply $orphan, [];
                undef $dispatcher;
                is $weak_dispatcher, undef;
        });
    };
}

subtest 'a shared dispatcher' => sub {
    my @handler = map { Handler->new } 1 .. 2;
    my $first = TestDriver->new(event_handler => $handler[0]);
    my $second = TestDriver->new(event_handler => $handler[1], dispatcher => $first->dispatcher);
    $first->dispatcher->send('some_event');
    $first->dispatcher->wait(20);
    is scalar @{$handler[1]{got}}, 1, 'what the program sends goes to the driver that was made last';
    for my $way (qw(ready call)) {
        undef $second;
        $first->dispatcher->send('some_event');
        $first->dispatcher->$way;
        is scalar @{delete $handler[0]{got}}, 1, 'or, when that is gone, to the one before';
        $second = TestDriver->new(event_handler => $handler[1], dispatcher => $first->dispatcher);
    }
};

subtest 'an event loop that is not installed' => sub {
    my %first = (AnyEvent => 'AnyEvent', Interrupt => 'Async::Interrupt', IOAsync => 'IO::Async::Handle', Mojo => 'Mojo::IOLoop', POE => 'POE::Kernel');
    for my $name (sort keys %first) {
        (my $file = "$first{$name}.pm") =~ s{::}{/}g;
        # In a process that has not loaded it; @INC is as if it were nowhere.
        my $code = qq{require Mesos::Types; unshift \@INC, sub { \@INC = () if \$_[1] eq '$file'; return };
            eval { Mesos::Types::Dispatcher()->coerce('$name') }; print \$@};
        $code =~ s/\\([\@\$])/$1/g;
        open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), '-e', $code or die $!;
        my $said = do { local $/; <$out> };
        is $said, "Mesos::Dispatcher::$name needs the module $first{$name}, which is not installed at -e line 2.\n", $name;
    }
};

subtest 'bad dispatchers' => sub {
    for my $bad ('Nope', undef, {}, 'x y') {
        ok !eval { TestDriver->new(event_handler => 1, dispatcher => $bad); 1 };
        like $@, qr/dispatcher/, 'the error names it';
    }
};

done_testing;
