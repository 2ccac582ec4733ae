package Mesos::Dispatcher::Interrupt;
use 5.10.1;
use AnyEvent;
use Async::Interrupt;
use Mesos::Error qw(croak);
use Mesos::Dispatcher::AnyEvent;
use Mesos::Dispatcher::Pipe;
use Scalar::Util qw(refaddr weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher';

has interrupt => (is => 'ro', init_arg => undef, builder => '_build_interrupt');

# The drivers' threads call into Async::Interrupt: they must have stopped before global destruction frees it.
my %live;
END { $_ && $_->_xs_free for values %live }

# In a new thread, Async::Interrupt takes the copies of its objects for its own, and perl crashes when they go. Perl makes none of
# objects whose class says so.
for my $class (qw(Async::Interrupt Async::Interrupt::EventPipe)) {
    no strict 'refs';
    *{"$class\::CLONE_SKIP"} = sub {1} unless $class->can('CLONE_SKIP');
}

# Async::Interrupt interrupts the interpreter that has loaded it, whoever asks.
my $is_copy;
sub CLONE { $is_copy = 1; %live = () }

sub _build_interrupt {
    my ($self) = @_;
    croak 'Mesos::Dispatcher::Interrupt works only in the thread that has loaded it: take another dispatcher here' if $is_copy;
    weaken $self;
    return Async::Interrupt->new(cb => sub { $self->_interrupted if $self });
}

sub xs_init {
    my ($self) = @_;
    $self->_xs_init_interrupt($self->channel, $self->interrupt->signal_func);
    weaken($live{refaddr $self } = $self);
}

# Perl may be interrupted within a callback of ours again: its own round looks after what comes meanwhile.
sub _interrupted {
    my ($self) = @_;
    return if $self->{_interrupted};
    local $self->{_interrupted} = 1;
    my $ok = eval { $self->ready; 1 };
    my $error = $@;
    # One interrupt may stand for many events.
    $self->notify if $self->_pid == $$ && $self->channel->size;
    die $error unless $ok;
}

# Calls of block and unblock are counted.
sub _hold { my $interrupt = $_[0]->interrupt; $interrupt->block; return bless [$interrupt], 'Mesos::Dispatcher::Interrupt::_Held' }
sub Mesos::Dispatcher::Interrupt::_Held::DESTROY { local ($@, $!, $?); $_[0][0]->unblock }

sub ticker {
    my ($self, $tick) = @_;
    return AnyEvent->timer(after => 0, interval => $tick || 0.1, cb => sub { });
}

sub timer { goto &Mesos::Dispatcher::AnyEvent::timer }

sub watch { goto &Mesos::Dispatcher::AnyEvent::watch }

sub run_until {
    my ($self, $wait, $seconds) = @_;
    my $interrupt = $self->interrupt;
    # While this waits, events come in the loop's turn and not in between.
    $interrupt->block;
    my $ok = eval { local $self->{_interrupted} = 1; $self->_run_until($wait, $seconds); 1 };
    my $error = $@;
    $interrupt->unblock;
    die $error unless $ok;
    return;
}

# Async::Interrupt's own pipe is not for this: a mark that a thread sets while Perl takes the last one away gets lost, and all
# later ones with it. That of a channel is readable exactly while it holds events.
# For one run: outside of it, nobody watches it.
sub _run_until {
    my ($self, $wait, $seconds) = @_;
    my $pipe = Mesos::Dispatcher::Interrupt::_Pipe->new(channel => $self->channel);
    my $watcher = AnyEvent->io(fh => $pipe->fh, poll => 'r', cb => sub { $self->ready });
    return Mesos::Dispatcher::AnyEvent::run_until($self, $wait, $seconds);
}

{
    package Mesos::Dispatcher::Interrupt::_Pipe;
    use Moo;
    extends 'Mesos::Dispatcher::Pipe';
    sub _reads_streams { return Mesos::Dispatcher::AnyEvent->_reads_streams }
}

sub DEMOLISH { delete $live{refaddr $_[0]} }

1;
__END__

=head1 NAME

Mesos::Dispatcher::Interrupt - runs callbacks while your program does something else

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master     => 'local',
        framework  => {user => '', name => 'example'},
        scheduler  => Mesos::Scheduler->new,
        dispatcher => 'Interrupt',
    );
    $driver->start;
    compute_for_hours();    # callbacks run in between

    sub compute_for_hours { my $sum = 0; $sum += sqrt $_ for 1 .. 1e9; return $sum }

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher>. Needs L<Async::Interrupt>.

You need no event loop with this dispatcher. An event interrupts Perl between two of its operations, and the callback runs there. Write
your callbacks with care: at that point, the data of your program may be in any state. While Perl waits in a system call, or in an event
loop written in C, it executes no operations, so events wait too. L</ticker> helps with event loops.

An exception in a callback goes to C<$Async::Interrupt::DIED>, which prints a warning by default. If the callback runs within C<wait>,
the exception leaves C<wait>. C<wait> uses L<AnyEvent>.

Beside Perl's threads, this dispatcher works in the thread that has loaded it. A new thread gets no copy of it, so methods of the driver
die there. You cannot make one in another thread: use another dispatcher there. Async::Interrupt alone crashes when a thread ends that was
created while an object of it existed. This module keeps Perl from copying such objects.

=head1 ATTRIBUTES

=head2 interrupt

The L<Async::Interrupt>. Call its C<block> and C<unblock> around code that must not be interrupted. Read-only.

=head1 METHODS

=head2 ticker

    my $timer = $dispatcher->ticker;
    my $timer = $dispatcher->ticker($seconds);

Returns an AnyEvent timer that makes a blocking loop return to Perl regularly, by default every 0.1 seconds. It works for as long as you
keep it.

=cut
