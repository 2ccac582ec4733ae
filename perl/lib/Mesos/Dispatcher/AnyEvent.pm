package Mesos::Dispatcher::AnyEvent;
use 5.10.1;
use AnyEvent;
use Scalar::Util qw(weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher::Pipe';

has ae_watcher => (is => 'rw');

sub BUILD { $_[0]->setup_ae_watcher }

sub setup_ae_watcher {
    my ($self) = @_;
    weaken $self;
    $self->ae_watcher(AnyEvent->io(fh => $self->fh, poll => 'r', cb => sub { $self->ready }));
}

# POE's loop may not notice such a descriptor: Mesos::Dispatcher::POE.
sub _reads_streams { return AnyEvent::detect() ne 'AnyEvent::Impl::POE' }

sub run_until {
    my ($self, $wait, $seconds) = @_;
    my $done = AnyEvent->condvar;
    $wait->{finish} = sub { $done->send };
    # By a signal handler, a moment ago.
    return if $wait->{done};
    # Loops remember the time of their last turn, which may be long ago.
    AnyEvent->now_update;
    my $timer = defined $seconds ? AnyEvent->timer(after => $seconds, cb => sub { $done->send }) : undef;
    $done->recv;
    return;
}

sub timer {
    my ($self, $seconds, $code) = @_;
    AnyEvent->now_update;
    return AnyEvent->timer(after => $seconds, cb => sub { $code->() });
}

sub watch {
    my ($self, $fh, $code) = @_;
    return AnyEvent->io(fh => $fh, poll => 'r', cb => sub { $code->() });
}

sub unwatch { $_[0]->ae_watcher(undef) }

Mesos::Warnings::Methods::watch_timers(__PACKAGE__);

1;
__END__

=head1 NAME

Mesos::Dispatcher::AnyEvent - brings events through AnyEvent

=head1 SYNOPSIS

    use AnyEvent;
    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master     => 'local',
        framework  => {user => '', name => 'example'},
        scheduler  => Mesos::Scheduler->new,
        dispatcher => 'AnyEvent',    # the default
    );
    $driver->run;

    # If your program runs the loop itself:
    $driver->start;
    AnyEvent->condvar->recv;

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher::Pipe>. It works with every loop that L<AnyEvent> knows.

If the loop is EV, EV prints an exception in a callback, and C<wait> continues to wait.
L<Mesos::Role::HasDispatcher/on_exception> changes that.

C<wait> is a blocking wait of AnyEvent, and AnyEvent does not allow such waits inside each other. So if a callback that AnyEvent called
from such a wait calls C<wait>, or C<run> or C<run_once> of a driver, that call dies with AnyEvent's "recursive blocking wait attempted".

In a forked child, EV's loop must be told of the fork before it runs; otherwise it takes the parent's watchers away. This module tells it
when the child makes a dispatcher or a driver, or drops the parent's. If your child does neither but runs the loop, call
C<< EV::default_loop->loop_fork >> yourself.

=head1 ATTRIBUTES

=head2 ae_watcher

The watcher.

=head1 METHODS

=head2 setup_ae_watcher

    $dispatcher->setup_ae_watcher;

Makes the watcher. The constructor calls it.

=cut
