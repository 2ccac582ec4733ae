package Mesos::Dispatcher;
use 5.10.1;
use Carp qw(croak);
use Mesos::Channel;
use Mesos::XS;
use Types::Standard qw(InstanceOf);
use Types::TypeTiny qw(CodeLike);
use Moo;
use namespace::autoclean;

# At most this many events are dispatched for one wake-up, so that the loop's other watchers get their turn.
use constant BATCH => 64;

has channel => (is => 'ro', isa => InstanceOf['Mesos::Channel'], default => sub { Mesos::Channel->new });
has cb => (
    is      => 'ro',
    isa     => CodeLike,
    writer  => 'set_cb',
    default => sub { sub { } },
    trigger => sub { delete $_[0]{_consumer} },
);
# Whose events `cb` dispatches, if it does no more than that: Mesos::Role::HasDispatcher sets it, weakly.
has _consumer => (is => 'bare', init_arg => undef);

# How often somebody has ended the batches that were running.
has _ended => (is => 'bare', init_arg => undef, default => 0);

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

sub BUILD {
    my ($self) = @_;
    _after_fork();
    croak 'Mesos::Dispatcher cannot be used itself: take Mesos::Dispatcher::AnyEvent or another subclass'
        unless $self->can('xs_init');
    $self->xs_init;
}

sub send { shift->channel->send(@_) }

sub recv { $_[0]->channel->recv }

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
sub Mesos::Dispatcher::_Turn::DESTROY { local ($@, $!, $?); ${ $_[0] }->_is_in_child }

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
    return unless $self->_is_in_child;
    croak ref($self) . ': the loop cannot run here: this process was forked from the one that made the dispatcher';
}

sub ready {
    my ($self) = @_;
    return if $self->_is_in_child;
    my $turn = bless \(my $of = $self), 'Mesos::Dispatcher::_Turn';
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
    my ($self, $time) = @_;
    $self->_not_in_child;
    my $wait = {outer => $self->{_wait}};
    local $self->{_wait} = $wait;
    if ($time) {
        no warnings 'numeric';
        $self->run_until($wait, $time > 0 ? $time + 0 : 0);
    }
    else {
        $self->run_until($wait);
    }
    die $wait->{exception}[0] if $wait->{exception};
    $self->_not_in_child;
    return @{ $wait->{result} || [] };
}

# While the code returns true: asked again here, since a signal handler may stop the driver before there is a wait to be ended.
sub serve {
    my ($self, $goes_on) = @_;
    $self->_not_in_child;
    my $wait = {serve => 1, outer => $self->{_wait}};
    local $self->{_wait} = $wait;
    $self->run_until($wait) if !$goes_on || $goes_on->();
    die $wait->{exception}[0] if $wait->{exception};
    $self->_not_in_child;
    return;
}

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

sub run_until { croak ref($_[0]) . ' has no run_until: wait is not possible with it' }

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

Mesos::Dispatcher - gives events to a callback when an event loop runs

=head1 SYNOPSIS

    use Mesos::Dispatcher::AnyEvent;

    my $dispatcher = Mesos::Dispatcher::AnyEvent->new;
    $dispatcher->set_cb(sub { my ($event, @args) = $dispatcher->recv; ... });
    $dispatcher->send('greeting', 'hello');
    $dispatcher->wait;       # runs the loop until the callback ran once
    $dispatcher->wait(0.5);  # for at most half a second

=head1 DESCRIPTION

A dispatcher ties a L<Mesos::Channel>, into which a driver's threads write, to an event loop. There is one class for each loop:
L<Mesos::Dispatcher::AnyEvent> (the default of the drivers), L<Mesos::Dispatcher::IOAsync>, L<Mesos::Dispatcher::Mojo>,
L<Mesos::Dispatcher::POE>, and L<Mesos::Dispatcher::Interrupt>, which works without a loop. L<Mesos::Dispatcher::Pipe> is the
base for others. This class itself cannot be instantiated.

A driver sets the callback; if the loop runs anyway, nothing else is needed. C<run> and C<run_once> of the driver, and
C<wait>, run the loop.

Events wake a dispatcher by level, not by count: it is woken while events are queued, so that none can be left behind. For one
wake-up up to 64 events are dispatched; fewer if a callback dies, stops or aborts its driver, or takes nothing from the channel.
C<wait> dispatches exactly one.

An exception that leaves the callback goes where the event loop lets it go: out of C<wait>, and so out of C<run>, with AnyEvent's
own loop, IO::Async and POE; EV and Mojo print it and go on. L<Mesos::Role::HasDispatcher/on_exception> makes them all alike.

=head1 ATTRIBUTES

=head2 channel

The L<Mesos::Channel>; a new one by default. Read-only.

=head2 cb

The code reference that is called, without arguments, when there is an event; it takes the event with C<recv>. What it returns
is what C<wait> returns. Read-only; see C<set_cb>. The default does nothing.

=head1 METHODS

=head2 new

    my $dispatcher = Mesos::Dispatcher::AnyEvent->new(channel => $channel, cb => sub { ... });

=head2 set_cb

    $dispatcher->set_cb(sub { ... });

Replaces the callback. A driver that is made with this dispatcher sets its own.

=head2 send

    $dispatcher->send($name, @args);

L<Mesos::Channel/send>.

=head2 recv

    my ($name, @args) = $dispatcher->recv;

L<Mesos::Channel/recv>.

=head2 notify

    $dispatcher->notify;

Wakes the dispatcher again if its channel holds events; does nothing otherwise. Returns nothing.

=head2 call

    my @result = $dispatcher->call;

Calls the callback and returns what it returned.

=head2 wait

    my @result = $dispatcher->wait;
    my @result = $dispatcher->wait($seconds);

Runs the event loop until the callback was called for one event, and returns what it returned. With a number of seconds, which
may have a fraction, an empty list after that time. Without a time, or with 0, it waits as long as it takes. If
a driver is stopped or aborted meanwhile, it returns an empty list at once. Dies in a forked child: see L</FORK>.

=head2 serve

    $dispatcher->serve;
    $dispatcher->serve(sub { $driver->running });

Runs the event loop, and calls the callback for each event, until C<interrupt_wait> is called. Returns nothing.

With a code reference it only begins if that returns true. A signal handler that calls C<interrupt_wait> later ends it, while one that
did so before would not. Dies in a forked child: see L</FORK>.

=head1 WRITING A DISPATCHER

Extend L<Mesos::Dispatcher::Pipe>, watch a duplicate of C<fd> for reading, and call C<ready> when it is readable.

=head2 ready

    $dispatcher->ready;

To be called when the loop finds the descriptor readable: dispatches what C<wait>, or one wake-up, has a right to. Calling
C<call> instead works too, one event at a time. In a process that was forked off, it removes the watcher.

=head2 run_until

    sub run_until { my ($self, $wait, $seconds) = @_; ... }

Runs the loop until C<< $wait->{done} >> is true, for at most C<$seconds> if given. C<< $wait->{finish} >> may be set to a code
reference that makes the loop return; it is called once, when C<done> becomes true.

=head2 unwatch

    sub unwatch { my ($self) = @_; ... }

Removes the watchers from the loop. Called when the dispatcher goes away, and in a forked child.

=head2 interrupt_wait

    $dispatcher->interrupt_wait;

Ends the running batch, makes each running C<wait> return an empty list, and each running C<serve> return, also those in whose
callbacks others run. The drivers call it when they are stopped or aborted. It may be called from a handler in C<%SIG>; see
L</SIGNALS>.

=head1 FORK

A dispatcher serves the process that made it. In a child C<wait> and C<serve>, and so C<run>, C<run_once> and C<join> of a driver, die
with C<the loop cannot run here>. A child that is forked in a callback and comes back from it, normally or by an exception, dies in
the same way, out of the C<run> that it shares with its parent, unless the loop let the exception out before.

What remains: a child that is forked elsewhere (in a signal handler, or by another watcher of the same loop) and goes back into the
loop may stay there until the next event. A loop that the program itself runs goes on in the child, without our watchers. And a
child that never touches anything of this module holds the parent's connections: if the parent is killed, the master learns of
it only when that child has ended, too. All descriptors are close-on-exec, so C<system> and C<exec> are safe. End other children
with C<POSIX::_exit>, or let them call C<exec>; fork those that live long before the first driver is made.

=head1 SIGNALS

Perl's usual handlers in C<%SIG> run between two operations: they may call everything. Handlers that interrupt the middle of an
operation (C<PERL_SIGNALS=unsafe>, or C<POSIX::sigaction> without C<safe>, which is its default) must call nothing of this module: what
was interrupted may hold a lock that the call would wait for, for ever. Let them set a variable, which a timer of the
loop looks at, or ask C<POSIX::sigaction> for C<< $action->safe(1) >>.

=cut
