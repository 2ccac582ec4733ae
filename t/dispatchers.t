use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use POSIX ();
use Scalar::Util qw(weaken);
use Test::Dispatchers qw(each_dispatcher open_descriptors);
use Test::More;
use Time::HiRes qw(time);

sub dispatcher { "Mesos::Dispatcher::$_[0]"->new(@_[1 .. $#_]) }

# Runs the loop until $done->() is true; fails the test after a generous time.
sub loop_until {
    my ($dispatcher, $done) = @_;
    my $end = time + 30;
    $dispatcher->wait(0.01) until $done->() || time > $end;
    ok $done->(), 'came in time';
}

each_dispatcher(sub {
        my ($name) = @_;

        subtest 'send, callback, recv' => sub {
            my $dispatcher = dispatcher($name);
            isa_ok $dispatcher, 'Mesos::Dispatcher';
            my @got;
            $dispatcher->set_cb(sub { push @got, [$dispatcher->recv]; 'returned', scalar @got });
            # Interrupted Perl would not wait for the wait.
            $dispatcher->interrupt->block if $name eq 'Interrupt';
            $dispatcher->send('first', 1, [2, 3]);
            is_deeply [$dispatcher->wait], ['returned', 1], 'wait returns what the callback returned';
            is_deeply \@got, [['first', 1, [2, 3]]];
            is_deeply [$dispatcher->recv], [], 'nothing left';
            if ($name eq 'Interrupt') {
                $dispatcher->interrupt->unblock;
                @got = ();
                $dispatcher->send('second');
                is_deeply \@got, [['second']], 'without any loop';
            }
            $dispatcher->set_cb(sub { });
        };

        subtest 'wait delivers exactly one event' => sub {
            my @got;
            my $dispatcher = dispatcher($name);
            $dispatcher->set_cb(sub { push @got, [$dispatcher->recv] });
            $dispatcher->interrupt->block if $name eq 'Interrupt';
            $dispatcher->send("n$_") for 1 .. 5;
            for my $n (1 .. 5) {
                $dispatcher->wait(20);
                is scalar @got, $n;
            }
            is_deeply [map { $_->[0] } @got], [map {"n$_"} 1 .. 5];
            $dispatcher->interrupt->unblock if $name eq 'Interrupt';
            $dispatcher->set_cb(sub { });
        };

        # t/other_mistakes.t has the others.
        subtest 'mistakes at timers and handles' => sub {
            my $dispatcher = dispatcher($name);
            for my $of ([sub { $dispatcher->timer(1) }, 'timer: expected a code reference, got undef'], [sub { $dispatcher->watch('x', sub { }) }, 'watch: expected an open handle, got "x"']) {
                my ($code, $text) = @$of;
                ok !eval { my @kept = $code->(); 1 }, $text;
                is $@, "$text at " . __FILE__ . ' line ' . (__LINE__ - 3) . ".\n";
            }
        };

        subtest 'timers' => sub {
            my $dispatcher = dispatcher($name);
            my @came;
            my $start = time;
            my $late = $dispatcher->timer(0.1, sub { push @came, ['late', time - $start, scalar @_] });
            my $soon = $dispatcher->timer(0, sub { push @came, ['soon'] });
            my $dropped = $dispatcher->timer(0.01, sub { push @came, ['dropped'] });
            undef $dropped;
            loop_until($dispatcher, sub { @came > 1 });
            is_deeply [map { $_->[0] } @came], ['soon', 'late'], 'each once, and a dropped one not at all';
            cmp_ok $came[1][1], '>=', 0.09, 'not before its time';
            is $came[1][2], 0, 'without arguments';
            my $again;
            $again = $dispatcher->timer(0, sub { undef $again; $again = $dispatcher->timer(0, sub { push @came, ['again'] }) });
            loop_until($dispatcher, sub { @came > 2 });
            weaken(my $gone = $dispatcher);
            my $left = $dispatcher->timer(60, sub { });
            undef $dispatcher;
            is $gone, undef, 'a timer does not keep the dispatcher';
            undef $left;
            pass 'and may go after it';
        };

        subtest 'watching a handle' => sub {
            my $dispatcher = dispatcher($name);
            pipe my $in, my $out or die "pipe: $!";
            my @came;
            my $watch = $dispatcher->watch($in, sub { sysread $in, my $bytes, 1; push @came, [$bytes, scalar @_] });
            syswrite $out, 'ab';
            loop_until($dispatcher, sub { @came > 1 });
            is_deeply \@came, [['a', 0], ['b', 0]], 'called for as long as there is something, without arguments';
            undef $watch;
            syswrite $out, 'c';
            my $later = $dispatcher->timer(0.05, sub { push @came, 'later' });
            loop_until($dispatcher, sub { @came > 2 });
            is $came[2], 'later', 'not once it is dropped';
            weaken(my $gone = $dispatcher);
            $watch = $dispatcher->watch($in, sub { });
            undef $dispatcher;
            is $gone, undef, 'a watch does not keep the dispatcher';
            undef $watch;
            pass 'and may go after it';
        };

        subtest 'wait times out' => sub {
            my $dispatcher = dispatcher($name);
            my $start = time;
            is_deeply [$dispatcher->wait(0.15)], [];
            my $took = time - $start;
            cmp_ok $took, '>=', 0.1, 'after the time';
            cmp_ok $took, '<', 10, 'and not much later';
            is_deeply [$dispatcher->wait(-1)], [], 'a negative time is over';
            # Without a time it waits: here until the alarm's handler dies.
            ok !eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; $dispatcher->wait; 1 };
            is $@, "alarm\n";
            alarm 0;
        };

        subtest 'wait can be ended from a signal handler' => sub {
            my $dispatcher = dispatcher($name);
            local $SIG{ALRM} = sub { $dispatcher->interrupt_wait };
            Time::HiRes::ualarm(100_000);
            is_deeply [$dispatcher->wait(30)], [];
        };

        subtest 'a wait in a callback of another' => sub {
            my $dispatcher = dispatcher($name);
            # AnyEvent has no nested blocking waits.
            return plan skip_all => 'not with AnyEvent' if $name =~ /AnyEvent|Interrupt/;
            my @got;
            $dispatcher->set_cb(sub {
                    my ($event) = $dispatcher->recv;
                    push @got, $event;
                    $dispatcher->wait(30) if $event =~ /outer/;
                    $dispatcher->interrupt_wait if $event eq 'stop';
                    return;
            });
            # The alarm's handler dies where the outer wait does not end.
            local $SIG{ALRM} = sub { die "still waiting\n" };
            for my $way (qw(serve wait)) {
                @got = ();
                $dispatcher->send($_) for 'outer', 'another outer', 'stop';
                alarm 20;
                ok eval { $dispatcher->$way; 1 }, "interrupt_wait in the innermost ends $way" or diag $@;
                alarm 0;
                is_deeply \@got, ['outer', 'another outer', 'stop'];
            }
            # What the inner wait leaves behind: the outer one can still be ended by a signal.
            $dispatcher->set_cb(sub { $dispatcher->recv; $dispatcher->wait(0.001); Time::HiRes::ualarm(200_000); return });
            local $SIG{ALRM} = sub { $dispatcher->interrupt_wait };
            local $SIG{VTALRM} = sub { die "still waiting\n" };
            my $guard = fork // die $!;
            if (!$guard) { my $parent = getppid; select undef, undef, undef, 20; kill VTALRM => $parent; POSIX::_exit(0) }
            $dispatcher->send('outer');
            ok eval { $dispatcher->serve; 1 }, 'a signal ends the outer one after the inner one' or diag $@;
            kill KILL => $guard;
            waitpid $guard, 0;
            $dispatcher->set_cb(sub { });
        };

        subtest 'a child that comes back from a callback' => sub {
            for my $way (qw(serve wait)) {
                for my $dies (0, 1) {
                    my $dispatcher = dispatcher($name);
                    pipe my $read, my $write or die $!;
                    my ($parent, $child) = $$;
                    $dispatcher->set_cb(sub {
                            $dispatcher->recv;
                            $child = fork // die $!;
                            die "in the child\n" if $dies && !$child;
                            $dispatcher->interrupt_wait if $child;
                            return;
                    });
                    $dispatcher->interrupt->block if $name eq 'Interrupt';
                    $dispatcher->send('e');
                    local $SIG{__WARN__} = sub { };
                    my $ended = eval { $dispatcher->$way; 1 } ? 'returned' : $@;
                    if ($$ != $parent) {
                        my $again = eval { $dispatcher->$way; 1 } ? 'returned' : $@;
                        syswrite $write, "$ended$again";
                        POSIX::_exit(0);
                    }
                    close $write;
                    my $bits = '';
                    vec($bits, fileno $read, 1) = 1;
                    my $said = select($bits, undef, undef, 20) ? join '', readline $read : 'nothing';
                    kill KILL => $child;
                    waitpid $child, 0;
                    my $refused = qr/Mesos::Dispatcher::$name: the loop cannot run here: .* at \Q${\__FILE__}\E line \d+\.\n/;
                    like $said, $dies ? qr/\A(?:in the child\n|$refused)$refused\z/ : qr/\A$refused$refused\z/,
                        "$way, " . ($dies ? 'with an exception' : 'normally');
                    is $ended, 'returned', 'the parent goes on';
                    $dispatcher->interrupt->unblock if $name eq 'Interrupt';
                    $dispatcher->set_cb(sub { });
                }
            }
        };

        subtest 'an exception of the callback' => sub {
            my $dispatcher = dispatcher($name);
            my (@got, @warnings);
            local $SIG{__WARN__} = sub { push @warnings, @_ };
            $dispatcher->set_cb(sub { my ($event) = $dispatcher->recv; push @got, $event; die "no\n" if $event eq 'bad'; 'fine' });
            $dispatcher->interrupt->block if $name eq 'Interrupt';
            $dispatcher->send($_) for qw(bad good);
            my $died = !eval { is_deeply [$dispatcher->wait(20)], ['fine'], 'wait went on'; 1 };
            # Mojo's reactor and EV catch it, and wait goes on; the others let it through. Either way delivery goes on.
            my $catches = $name eq 'Mojo' || $name =~ /AnyEvent|Interrupt/ && AnyEvent::detect() eq 'AnyEvent::Impl::EV';
            is $died ? 'died' : 'went on', $catches ? 'went on' : 'died';
            is $@, "no\n" if $died;
            like "@warnings", qr/no/ unless $died;
            is_deeply [$dispatcher->wait(20)], ['fine'] if $died;
            is_deeply \@got, [qw(bad good)];
            $dispatcher->interrupt->unblock if $name eq 'Interrupt';
        };

        subtest 'batches' => sub {
            my $dispatcher = dispatcher($name);
            my $got = 0;
            $dispatcher->set_cb(sub { $dispatcher->recv; $got++ });
            $dispatcher->channel->send('e') for 1 .. 1000;
            loop_until($dispatcher, sub { $got >= 1000 });
            is $got, 1000;
            is $dispatcher->channel->size, 0;

            # ready is what a loop calls for one wake-up.
            if ($name ne 'Interrupt') {
                $got = 0;
                $dispatcher->send('e') for 1 .. 1000;
                $dispatcher->ready;
                cmp_ok $got, '>', 1, 'one wake-up dispatches several';
                cmp_ok $got, '<', 1000, 'but lets others have their turn';
                my $calls = 0;
                $dispatcher->set_cb(sub { $calls++ });
                $dispatcher->ready;
                is $calls, 1, 'a callback that takes nothing ends the batch';
                $dispatcher->set_cb(sub { $calls++; $dispatcher->recv; $dispatcher->interrupt_wait });
                $dispatcher->ready;
                is $calls, 2, 'so does a stop';
                $dispatcher->set_cb(sub { $calls++; $dispatcher->recv; die "x\n" });
                eval { $dispatcher->ready };
                is $@, "x\n";
                is $calls, 3, 'and an exception';
            }
            $dispatcher->set_cb(sub { });
        };

        subtest 'nothing leaks' => sub {
            # Once before, for what loops keep for ever.
            dispatcher($name)->wait(0.001);
            my $before = open_descriptors();
            my $gone;
            for (1 .. 20) {
                my $dispatcher = dispatcher($name);
                $dispatcher->send('e');
                my $weak = $dispatcher;
                weaken $weak;
                $dispatcher->set_cb(sub { $weak->recv });
                $dispatcher->wait(5) if $dispatcher->channel->size;
                undef $dispatcher;
                $gone++ unless defined $weak;
            }
            is $gone, 20, 'every dispatcher was freed';
            is open_descriptors(), $before, 'every descriptor was closed' if defined $before;
        };

        subtest 'channel and dispatcher may go in any order' => sub {
            my $dispatcher = dispatcher($name);
            my $channel = $dispatcher->channel;
            $channel->send('e');
            undef $dispatcher;
            is $channel->size, 1, 'the channel lives on';
            my $second = dispatcher($name, channel => $channel);
            undef $channel;
            my @got;
            $second->set_cb(sub { push @got, $second->recv });
            $second->wait(20) unless @got;
            is_deeply \@got, ['e'], 'an event that was queued before wakes the new one';
            $second->set_cb(sub { });
        };

        subtest 'arguments of the wrong type' => sub {
            my $dispatcher = dispatcher($name);
            my @cases = (
                [cb => sub { dispatcher($name, cb => 'x') }], [cb => sub { dispatcher($name, cb => undef) }],
                [channel => sub { dispatcher($name, channel => {}) }], [channel => sub { dispatcher($name, channel => undef) }],
                [qr/\$_\[1\]|"cb"|\$value/ => sub { $dispatcher->set_cb(undef) }],
                $name =~ /IOAsync|Mojo/ ? [loop => sub { dispatcher($name, loop => bless [], 'Loop') }] : (),
            );
            for my $case (@cases) {
                my ($argument, $code) = @$case;
                my @warnings;
                local $SIG{__WARN__} = sub { push @warnings, @_ };
                ok !eval { $code->(); 1 }, 'dies';
                # Looked at as text: the types' own errors are objects.
                my $error = "$@";
                like $error, qr/did not pass type constraint .*$argument.* at \Q${\__FILE__}\E line \d+/, "names $argument";
                is_deeply \@warnings, [], 'and says nothing else';
            }
        };

        subtest 'fork' => sub {
            my $dispatcher = dispatcher($name);
            my $got = 0;
            $dispatcher->set_cb(sub { $dispatcher->recv; $got++ });
            $dispatcher->interrupt->block if $name eq 'Interrupt';
            $dispatcher->send('e');
            pipe my $read, my $write or die $!;
            my $pid = fork // die $!;
            if (!$pid) {
                my $ok = !eval { $dispatcher->recv; 1 } && $@ =~ /fork/ && !eval { $dispatcher->send('x'); 1 } && $@ =~ /fork/;
                undef $dispatcher;
                syswrite $write, $ok ? 'ok' : "not ok: $@";
                POSIX::_exit(0);
            }
            close $write;
            is scalar(readline $read), 'ok', 'the child gets errors';
            waitpid $pid, 0;
            $dispatcher->wait(20);
            is $got, 1, 'the parent its event';
            $dispatcher->interrupt->unblock if $name eq 'Interrupt';
            $dispatcher->set_cb(sub { });
        };
});

subtest 'descriptor' => sub {
    require Mesos::Dispatcher::Pipe;
    my $dispatcher = Mesos::Dispatcher::Pipe->new;
    my $readable = sub { my $bits = ''; vec($bits, $dispatcher->fd, 1) = 1; select($bits, undef, undef, 0) };
    is $readable->(), 0;
    # More events than a pipe holds bytes: Mesos 1.07.1 lost wake-ups here.
    $dispatcher->send('e') for 1 .. 100_000;
    is $readable->(), 1;
    is $dispatcher->read_pipe, 1;
    $dispatcher->recv for 1 .. 99_999;
    is $readable->(), 1, 'one is left';
    $dispatcher->recv;
    is $readable->(), 0;
    is $dispatcher->read_pipe, -1;
    my $fd = $dispatcher->fd;
    # Neither the descriptor nor Perl's duplicate of it is there in a program that is started from here.
    my @pipes = map { readlink "/proc/self/fd/$_" } $fd, fileno $dispatcher->fh;
SKIP: {
        skip 'no /proc here', 3 unless @pipes;
        is $pipes[1], $pipes[0], 'the handle is a duplicate';
        my @command = ($^X, '-e', 'opendir my $all, "/proc/self/fd"; print map { readlink("/proc/self/fd/$_") . "\n" } grep {/\d/} readdir $all');
        open my $program, '-|', @command or die $!;
        chomp(my @inherited = readline $program);
        cmp_ok scalar @inherited, '>=', 3, 'a program has descriptors';
        ok !grep({ $_ eq $pipes[0] } @inherited), 'but none of ours: close-on-exec';
    }
    close $dispatcher->fh;
    $dispatcher->send('e');
    is $readable->(), 1, 'closing the handle leaves the descriptor alone';
};

subtest 'without standard handles' => sub {
    my $program = 'use warnings; close STDIN; close STDOUT; my $d = Mesos::Dispatcher::Pipe->new; open STDIN, "<", "/dev/null" or die;
        open STDOUT, ">&", \*STDERR or die; print STDOUT join " ", "low", grep { $_ <= 2 } fileno $d->fh';
    open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), '-e', 'open STDERR, ">&", \*STDOUT; exec @ARGV',
        $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::Dispatcher::Pipe', '-e', $program or die $!;
    is do { local $/; readline $out }, 'low', 'no warning, and their numbers are left alone';
};

subtest 'a timer that is left at the end of the program' => sub {
    each_dispatcher(sub {
            my ($name) = @_;
            my $program = 'package Keeper; our ($d, $x, $t) = "Mesos::Dispatcher::$ARGV[0]"->new; $t = $x = $d->timer(60, sub { }); $d->{kept} = [$t, $d]; $d->set_cb(sub { $t })';
            open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), '-e', 'open STDERR, ">&", \*STDOUT; exec @ARGV',
                $^X, (map {"-I$_"} grep { !ref } @INC), "-MMesos::Dispatcher::$name", '-e', $program, $name or die $!;
            is do { local $/; readline($out) // '' }, '', 'goes without a word';
    });
};

# Mesos 1.07.1 died when the loop had stopped: it asked the dispatcher for the status of a driver.
subtest 'run of a dispatcher' => sub {
    my %program = (
        IOAsync => 'my $d = Mesos::Dispatcher::IOAsync->new; $d->set_cb(sub { print $d->recv; $d->loop->stop("stopped") });
            $d->send("e"); print " ", $d->run, "\n"; $d->set_cb(sub { })',
        POE => 'our $d = Mesos::Dispatcher::POE->new; $d->set_cb(sub { print $d->recv; POE::Kernel->stop });
            $d->send("e"); $d->run; print " stopped\n"; $d->set_cb(sub { })',
    );
    each_dispatcher(sub {
            my ($name) = @_;
            # Stopping a loop is for good in some: a process of its own.
            open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), "-MMesos::Dispatcher::$name", '-e', $program{$name} or die $!;
            is do { local $/; readline $out }, "e stopped\n", 'returns when the loop was stopped';
            ok close $out, 'and the program ends well';
    }, sort keys %program);
};

subtest 'the base class' => sub {
    require Mesos::Dispatcher;
    ok !eval { Mesos::Dispatcher->new; 1 };
    like $@, qr/you cannot make a Mesos::Dispatcher.* at \Q${\__FILE__}\E line/;
    require Mesos::Dispatcher::Pipe;
    ok !eval { Mesos::Dispatcher::Pipe->new->timer(1, sub { }); 1 };
    like $@, qr/Mesos::Dispatcher::Pipe has no timer: .* at \Q${\__FILE__}\E line/, 'who has no loop has no timer';
    ok !eval { Mesos::Dispatcher::Pipe->new->watch(\*STDIN, sub { }); 1 };
    like $@, qr/Mesos::Dispatcher::Pipe has no watch: .* at \Q${\__FILE__}\E line/, 'nor does it watch';
};

done_testing;
