package Mesos::Dispatcher::IOAsync;
use 5.10.1;
use IO::Async::Handle;
use IO::Async::Loop;
use IO::Async::OS;
use Mesos::Constraint ();
use Mesos::Error qw(croak_as);
use Scalar::Util qw(weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher::Pipe';

has loop => (is => 'ro', isa => Mesos::Constraint->instance_of('IO::Async::Loop')->checker, default => sub { IO::Async::Loop->new });
has notifier => (is => 'lazy', init_arg => undef, predicate => '_has_notifier', clearer => '_clear_notifier');

sub _build_notifier {
    my ($self) = @_;
    weaken $self;
    return IO::Async::Handle->new(read_handle => $self->fh, on_read_ready => sub { $self->ready });
}

sub BUILD { $_[0]->loop->add($_[0]->notifier) }

# A signal handler may end a wait, but the loop polls on after a signal: a pipe tells it.
has _wake => (is => 'lazy', init_arg => undef);

sub _build__wake {
    no warnings 'io';
    my ($read, $write) = IO::Async::OS->pipepair or croak_as system => "cannot make a pipe: $!";
    my @pipe = (Mesos::Dispatcher::Pipe::_duplicate('<&', $read), Mesos::Dispatcher::Pipe::_duplicate('>&', $write));
    close $_ for $read, $write;
    $_->blocking(0) for @pipe;
    return \@pipe;
}

sub _reads_streams {1}

sub run_until {
    my ($self, $wait, $seconds) = @_;
    my $loop = $self->loop;
    my ($read, $write) = @{$self->_wake};
    my $expired;
    $wait->{finish} = sub { syswrite $write, "\0" };
    # A wait in a callback of another's shares its watcher, which must outlive it.
    my $watches = !$self->{_watches_wake};
    local $self->{_watches_wake} = 1;
    $loop->watch_io(handle => $read, on_read_ready => sub { sysread $read, my $bytes, 64 }) if $watches;
    my $timer = defined $seconds ? $loop->watch_time(after => $seconds, code => sub { $expired = 1 }) : undef;
    # The watchers must not outlive a wait that an exception ends.
    my $ok = eval { $loop->loop_once until $wait->{done} || $expired || $self->_is_in_child; 1 };
    my $error = $@;
    $loop->unwatch_io(handle => $read, on_read_ready => 1) if $watches;
    $loop->unwatch_time($timer) if defined $timer && !$expired;
    die $error unless $ok;
    return;
}

sub timer {
    my ($self, $seconds, $code) = @_;
    my $loop = $self->loop;
    my $id;
    $id = $loop->watch_time(after => $seconds, code => sub { undef $id; $code->() });
    return $self->_timer_until_dropped(sub {
            $loop->unwatch_time($id) if defined $id;
            # It holds the code, and the code holds this.
            undef $id;
    });
}

sub watch {
    my ($self, $fh, $code) = @_;
    my $loop = $self->loop;
    $loop->watch_io(handle => $fh, on_read_ready => sub { $code->() });
    return $self->_timer_until_dropped(sub { $loop->unwatch_io(handle => $fh, on_read_ready => 1) });
}

sub run {
    my ($self) = @_;
    return $self->loop->run;
}

sub unwatch {
    my ($self) = @_;
    return unless $self->_has_notifier;
    $self->loop->remove($self->notifier) if $self->notifier->loop;
    $self->_clear_notifier;
}

Mesos::Warnings::Methods::watch_timers(__PACKAGE__);

1;
__END__

=head1 NAME

Mesos::Dispatcher::IOAsync - brings events through IO::Async

=head1 SYNOPSIS

    use IO::Async::Loop;
    use Mesos::Dispatcher::IOAsync;
    use Mesos::SchedulerDriver;

    my $loop   = IO::Async::Loop->new;
    my $driver = Mesos::SchedulerDriver->new(
        master     => 'local',
        framework  => {user => '', name => 'example'},
        scheduler  => Mesos::Scheduler->new,
        dispatcher => Mesos::Dispatcher::IOAsync->new(loop => $loop),
    );
    $driver->start;
    $loop->run;

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher::Pipe>. Needs L<IO::Async>.

=head1 ATTRIBUTES

=head2 loop

The L<IO::Async::Loop>. Default: C<< IO::Async::Loop->new >>, which is the one loop of the process. Read-only.

=head2 notifier

The L<IO::Async::Handle> that the dispatcher has added to the loop.

=head1 METHODS

=head2 run

    $dispatcher->run;

Runs the loop until somebody calls the loop's C<stop>. Returns what C<stop> was given.

=cut
