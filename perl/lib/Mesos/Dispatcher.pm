package Mesos::Dispatcher;
use 5.10.1;
use Mesos::Error qw(croak croak_as);
use Mesos::Arguments ();
use Mesos::Channel;
use Mesos::Constraint ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use Mesos::XS;
use Scalar::Util qw(blessed looks_like_number);
use Moo;
use namespace::autoclean;

# At most this many events are dispatched for one wake-up, so that the loop's other watchers get their turn.
use constant BATCH => 64;

has channel => (is => 'ro', isa => Mesos::Constraint->instance_of('Mesos::Channel')->checker, default => sub { Mesos::Channel->new });
has cb => (
    is => 'ro',
    isa => Mesos::Constraint->code->checker,
    writer => 'set_cb',
    default => sub { sub { } },
    trigger => sub { delete $_[0]{_consumer} },
);
# Whose events `cb` dispatches, if it does no more than that: Mesos::Role::HasDispatcher sets it, weakly.
has _consumer => (is => 'bare', init_arg => undef);

# How often somebody has ended the batches that were running.
has _ended => (is => 'bare', init_arg => undef, default => 0);

# Whether a loop, or the program, has ever asked for events.
has _ran => (is => 'bare', init_arg => undef);
has _in_turn => (is => 'bare', init_arg => undef);

# Threads and watchers do not survive a fork: the child must not serve its parent's events.
has _pid => (is => 'ro', init_arg => undef, default => sub {$$});

# EV's loop, on which those of AnyEvent, Mojo and others may lie, shares its descriptor with a child until it is told of the fork:
# what the child changes would be changed for its parent.
my $process = $$;
sub _after_fork {
    return if $process == $$;
    $process = $$;
    EV::default_loop()->loop_fork if $INC{'EV.pm'};
    return;
}

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments);
    _after_fork();
    croak 'you cannot make a Mesos::Dispatcher: use Mesos::Dispatcher::AnyEvent or another subclass'
        unless $self->can('xs_init');
    $self->xs_init;
}

sub send { shift->channel->send(@_) }

sub recv {
    my ($self) = @_;
    Mesos::Warnings::Methods::no_object('recv', $self // __PACKAGE__, 'new', $self) unless ref $self;
    $self->{_ran} = 1;
    return $self->channel->recv;
}

sub call {
    my ($self) = @_;
    my $wait = $self->{_wait};
    # A loop that a callback runs itself is no business of the wait that this callback answers.
    return $self->{cb}->() if !$wait || $wait->{busy} || $wait->{serve};
    return if $wait->{done};
    local $wait->{busy} = 1;
    my @result = $self->cb->();
    $wait->{result} = \@result;
    $self->_finish($wait);
    return @result;
}

# Whatever a callback was doing when it forked: in the child its loop must not go on, also where the loop catches what it died of.
sub Mesos::Dispatcher::_Turn::DESTROY { local ($@, $!, $?); ${$_[0]}->_is_in_child }

# Nothing comes to a child of the process that made this: whatever waits here ends, with an error.
sub _is_in_child {
    my ($self) = @_;
    return 0 if $self->{_pid} == $$;
    _after_fork();
    $self->unwatch;
    $self->interrupt_wait;
    return 1;
}

sub _not_in_child {
    my ($self) = @_;
    croak 'expected an object, as ' . (defined $self ? $self : __PACKAGE__) . '->new makes it' unless ref $self;
    return unless $self->_is_in_child;
    croak_as forked => ref($self) . ': the loop cannot run here: this process was forked from the one that made the dispatcher';
}

# ready is in C: dispatch.c.

sub _turn {
    my ($self) = @_;
    my $channel = $self->{channel};
    my $taken = $channel->_waiting;
    return unless defined $taken;
    my $wait = $self->{_wait};
    return $self->call if $wait && !$wait->{busy} && !$wait->{serve};
    return $self->_dispatch_batch(BATCH) if $self->{_consumer} && $self->can('call') == \&call;
    my $ended = $self->{_ended};
    for (1 .. BATCH) {
        my $before = $taken;
        $self->call;
        $taken = $channel->_waiting;
        last if !defined $taken || $taken == $before || $self->{_ended} != $ended;
    }
    return;
}

sub wait {
    my ($self, $time, @more) = @_;
    Mesos::Warnings::warn_of_surplus('wait', 1, $time, @more) if @more;
    Mesos::Warnings::warn_user('wait: expected a number of seconds, got ' . Mesos::Arguments::_describe($time), 'wait')
        if $time && !looks_like_number($time);
    _not_in_child($self);
    $self->{_ran} = 1;
    my $wait = {outer => $self->{_wait}};
    local $self->{_wait} = $wait;
    if ($time) {
        no warnings 'numeric';
        $self->run_until($wait, $time > 0 ? $time + 0 : 0);
    }
    else {
        $self->run_until($wait);
    }
    $self->_rethrow_from($wait);
    $self->_not_in_child;
    return @{$wait->{result} || []};
}

# While the code returns true: asked again here, since a signal handler may stop the driver before there is a wait to be ended.
sub serve {
    my ($self, $goes_on) = @_;
    _not_in_child($self);
    croak 'serve: expected a code reference, got ' . Mesos::Arguments::_describe($goes_on) if $goes_on && !(ref $goes_on eq 'CODE' || blessed $goes_on);
    $self->{_ran} = 1;
    my $wait = {serve => 1, outer => $self->{_wait}};
    local $self->{_wait} = $wait;
    $self->run_until($wait) if !$goes_on || $goes_on->();
    $self->_rethrow_from($wait);
    $self->_not_in_child;
    return;
}

# While somebody holds what this returns, callbacks come in waits only: an exception of one that came before the wait would not end it.
sub _hold {return}

# Ends the running wait or serve, which throws the exception when the loop has returned; loops that catch exceptions never see it. The
# waits around it go on: whoever began this one may catch the exception. False if nothing of ours waits.
sub _throw_from_wait {
    my ($self, $error) = @_;
    my $wait = $self->{_wait} or return 0;
    $wait->{exception} ||= [$error];
    $self->{_ended}++;
    $self->_finish($wait);
    return 1;
}

sub _rethrow_from {
    my ($self, $wait) = @_;
    my $exception = $wait->{exception} or return;
    $self->{_in_turn} = 1;
    die $exception->[0];
}

# stop and abort of a driver: no further event of this batch, and waits that have none yet end without one: also those in whose
# callbacks the innermost began.
sub interrupt_wait {
    my ($self) = @_;
    $self->{_ended}++;
    for (my $wait = $self->{_wait}; $wait; $wait = $wait->{outer}) { $self->_finish($wait) }
    return;
}

sub _finish {
    my ($self, $wait) = @_;
    return if $wait->{done};
    $wait->{done} = 1;
    $wait->{finish}->() if $wait->{finish};
    return;
}

sub timer { croak ref($_[0]) . ' has no timer: expected a dispatcher that has one, such as AnyEvent, IOAsync, Mojo or POE' }

# For timer of subclasses: what takes a timer off its loop when it is dropped. A child's loop is a copy.
sub _timer_until_dropped { return bless [$$, $_[1]], 'Mesos::Dispatcher::_Timer' }
sub Mesos::Dispatcher::_Timer::DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    # At the end of the program, the loop may have gone before.
    $self->[1]->() if $self->[0] == $$ && (${^GLOBAL_PHASE} || '') ne 'DESTRUCT';
}

sub watch { croak ref($_[0]) . ' has no watch: expected a dispatcher that has one, such as AnyEvent, IOAsync, Mojo or POE' }

sub run_until { croak ref($_[0]) . ' has no run_until: wait is not possible with it' }

# Whether what happens now is the end of a turn that a callback has left by an exception or by exit.
sub _is_left {
    my ($self) = @_;
    return $self->{_in_turn} && !$self->{_turns};
}

# The modules of event loops, what runs them, and the dispatchers that fit.
my @loops = (
    ['AnyEvent', 'AnyEvent->condvar->recv', 'AnyEvent'], ['EV', 'EV::run', 'AnyEvent'], ['IO::Async::Loop', 'IO::Async::Loop->new->run', 'IOAsync'],
    ['Mojo::IOLoop', 'Mojo::IOLoop->start', 'Mojo'], ['POE::Kernel', 'POE::Kernel->run', 'POE'],
);

sub _is_loaded { my ($file) = @_; $file =~ s{::}{/}g; return $INC{"$file.pm"} }

# Before a start: what the driver tells if the program then runs a loop that is another one. Without another there is nothing to say.
sub _advise {
    my ($self) = @_;
    my ($own) = ref($self) =~ /\AMesos::Dispatcher::(AnyEvent|IOAsync|Mojo|POE)\z/ or return;
    my ($mine) = grep { $_->[2] eq $own } @loops;
    my @others = grep { $_->[2] ne $own && _is_loaded($_->[0]) } @loops or return;
    $self->channel->_xs_advise("events have come for the driver, and the program waits in an event loop that is not the dispatcher's: its dispatcher "
            . "is $own. Call run of the driver, or $mine->[1], or make the driver with the dispatcher of the loop that you run ("
            . join(', ', map {"'$_->[2]' for $_->[0]"} @others) . ')');
    return;
}

sub unwatch { }

sub DEMOLISH {
    my ($self, $in_global_destruction) = @_;
    # The copy in a new thread has no handle, and its watchers are the other thread's. (CLONE_SKIP would spare the copy, but perl
    # panics where there are weak references to what it skips.)
    if (!$in_global_destruction && $self->_xs_is_open) {
        _after_fork();
        $self->unwatch;
    }
    $self->_xs_free;
}

1;
__END__

=head1 NAME

Mesos::Dispatcher - calls a callback for each event when an event loop runs

=head1 SYNOPSIS

    use Mesos::Dispatcher::AnyEvent;

    my $dispatcher = Mesos::Dispatcher::AnyEvent->new;
    $dispatcher->set_cb(sub { my ($event, @args) = $dispatcher->recv; print "$event: @args\n" });
    $dispatcher->send('greeting', 'hello');
    $dispatcher->wait;       # runs the loop until the callback ran once
    $dispatcher->wait(0.5);  # for at most half a second

=head1 DESCRIPTION

A driver's threads write events into a L<Mesos::Channel>. A dispatcher connects this channel to an event loop. There is one class for each
loop: L<Mesos::Dispatcher::AnyEvent> (the default of the drivers), L<Mesos::Dispatcher::IOAsync>, L<Mesos::Dispatcher::Mojo> and
L<Mesos::Dispatcher::POE>. L<Mesos::Dispatcher::Interrupt> works without a loop. L<Mesos::Dispatcher::Pipe> is the base for others. You
cannot make an object of this class itself.

A driver sets the callback. If your program runs the loop anyway, you need nothing else. Otherwise C<run> and C<run_once> of the driver, and
C<wait>, run the loop. If your program runs another loop than the dispatcher's, a line on standard error says so after some seconds (unless
you have set C<PERL_MESOS_TRACE=QUIET>).

The loop wakes a dispatcher for as long as events are queued, so none can be left behind. For one wake-up, the dispatcher handles up to 64
events. It handles fewer if a callback dies, stops or aborts its driver, or takes nothing from the channel. C<wait> handles exactly one.

If a callback dies, the event loop decides what happens to the exception. With AnyEvent's own loop, IO::Async and POE, it leaves C<wait>, and
so C<run>. EV and Mojo print it and continue. L<Mesos::Role::HasDispatcher/on_exception> makes all loops behave alike.

=head1 ATTRIBUTES

=head2 channel

The L<Mesos::Channel>, by default a new one. Read-only.

=head2 cb

A code reference. The dispatcher calls it without arguments when there is an event, and it takes the event with C<recv>. C<wait> returns what
it returns. The default does nothing. Read-only; see C<set_cb>.

=head1 METHODS

=head2 new

    my $dispatcher = Mesos::Dispatcher::AnyEvent->new(channel => $channel, cb => sub { ... });

=head2 set_cb

    $dispatcher->set_cb(sub { ... });

Replaces the callback. If you make a driver with this dispatcher, the driver sets its own.

=head2 send

    $dispatcher->send($name, @args);

See L<Mesos::Channel/send>.

=head2 recv

    my ($name, @args) = $dispatcher->recv;

See L<Mesos::Channel/recv>.

=head2 notify

    $dispatcher->notify;

Wakes the dispatcher again if its channel holds events. Otherwise it does nothing. Returns nothing.

=head2 call

    my @result = $dispatcher->call;

Calls the callback and returns what the callback returned.

=head2 wait

    my @result = $dispatcher->wait;
    my @result = $dispatcher->wait($seconds);

Runs the event loop until the callback was called for one event, and returns what the callback returned. C<$seconds> may have a fraction.
If no event comes in that time, C<wait> returns an empty list. Without a time, or with 0, it waits as long as it takes. If a driver is
stopped or aborted in the meantime, it returns an empty list at once. In a forked child it dies: see L</FORK>.

=head2 serve

    $dispatcher->serve;
    $dispatcher->serve(sub { $driver->running });

Runs the event loop and calls the callback for each event, until somebody calls C<interrupt_wait>. Returns nothing. In a forked child it
dies: see L</FORK>.

If you pass a code reference, C<serve> calls it first, and begins only if it returns true. That matters for signal handlers: a handler that
calls C<interrupt_wait> ends only a C<serve> that has begun already.

=head2 timer

    my $timer = $dispatcher->timer($seconds, sub { print "time is over\n" });

Calls the code reference once, without arguments, when the loop runs and this time is over. C<$seconds> may have a fraction. Keep what it
returns: when that is dropped, the timer is gone. (If you do not look at it at all, you get a warning.) So you can write code for every loop. If the code dies, the event loop decides what
happens, as with other timers of that loop. Dies if the dispatcher has no timers.

=head2 watch

    my $watch = $dispatcher->watch($handle, sub { sysread $handle, my $bytes, 4096 });

Calls the code reference, without arguments, whenever the loop runs and the handle can be read, until you drop what it returns. Drop that
before you close the handle. The rest is as with C<timer>.

=head1 WRITING A DISPATCHER

Extend L<Mesos::Dispatcher::Pipe>, watch a duplicate of C<fd> for reading, and call C<ready> when it is readable.

=head2 ready

    $dispatcher->ready;

Call it when the loop finds the descriptor readable. It handles one event within C<wait>, otherwise up to 64. You may call C<call> instead,
which handles one event. In a forked child, C<ready> removes the watcher.

=head2 run_until

    sub run_until { my ($self, $wait, $seconds) = @_; ... }

Write this method to run the loop until C<< $wait->{done} >> is true, and for at most C<$seconds> if given. You may set
C<< $wait->{finish} >> to a code reference that makes the loop return. It is called once, when C<done> becomes true.

=head2 timer of your own

    sub timer { my ($self, $seconds, $code) = @_; ... }

You may write the method C<timer>, as it is described above. L<Mesos::Runner>, L<Mesos::Async> and C<offer_timeout> of the scheduler's driver need it.

=head2 watch of your own

    sub watch { my ($self, $handle, $code) = @_; ... }

The same holds for C<watch>, which L<Mesos::Client> needs for its promises.

=head2 unwatch

    sub unwatch { my ($self) = @_; ... }

Write this method to remove the watchers from the loop. It is called when the dispatcher goes away, and in a forked child.

=head2 interrupt_wait

    $dispatcher->interrupt_wait;

Ends the running batch of events. Every running C<wait> returns an empty list, and every running C<serve> returns, also those that were
called from callbacks of others. The drivers call this method when they are stopped or aborted. You may call it from a handler in C<%SIG>:
see L</SIGNALS>.

=head1 FORK

A dispatcher serves the process that made it. In a child, C<wait> and C<serve> die with C<the loop cannot run here>, and so do C<run>,
C<run_once> and C<join> of a driver. If you fork in a callback and the child comes back from the callback, the C<run> around the callback
dies in the child in the same way. If the child leaves the callback by an exception, C<run> dies of that exception or in this way, as the
loop decides.

Some cases remain:

=over

=item *

You fork elsewhere (in a signal handler, or in another watcher of the same loop), and the child goes back into the loop. It may stay there
until the next event.

=item *

Your program runs the loop itself. Then the loop continues in the child, without our watchers.

=back

All descriptors are close-on-exec, so C<system> and C<exec> are safe. End other children with C<POSIX::_exit>, or let them call C<exec>. If a
child is to live long, fork it before you make the first driver.

=head1 SIGNALS

Perl runs its usual handlers in C<%SIG> between two operations. They may call everything in this module.

With C<PERL_SIGNALS=unsafe>, or with C<POSIX::sigaction> unless you set C<< $action->safe(1) >>, a handler interrupts the middle of an
operation. If that is a call of this module, the call may hold a lock. In such a handler C<size> of a L<Mesos::Channel> works, and every
other call dies without having done anything:

    called from a signal handler that interrupted another call of this module at ...

If the handler interrupts anything else, it may call everything in this module. But Perl itself may be in the middle of allocating memory.
Then any Perl code in the handler can hang or crash the program, with this module or without. An object of ours that loses its last reference in such a handler is leaked. And a handler must
not leave an interrupted call with C<die>, because the locks stay behind. It is better to let the handler set a variable that a timer of
the loop checks.

=cut
