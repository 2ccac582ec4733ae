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

sub unwatch { $_[0]->ae_watcher(undef) }

1;
__END__

=head1 NAME

Mesos::Dispatcher::AnyEvent - events through AnyEvent

=head1 SYNOPSIS

    my $driver = Mesos::SchedulerDriver->new(..., dispatcher => 'AnyEvent');   # the default
    $driver->run;

    # or, where a loop runs anyway:
    $driver->start;
    AnyEvent->condvar->recv;

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher::Pipe>. Works with every loop that L<AnyEvent> knows. If the loop is EV, an exception in a callback is
printed by EV, and C<wait> goes on waiting. In a forked child, EV's loop must be told so before it runs, else it takes the parent's
watchers away. Making a dispatcher or driver in the child does that, and so does dropping the parent's; a child that does neither
but runs the loop calls C<< EV::default_loop->loop_fork >> itself.

C<wait> is a blocking wait of AnyEvent, which cannot be nested: calling it, or C<run> or C<run_once> of a driver, in a callback
that such a wait called dies with AnyEvent's "recursive blocking wait attempted".

=head1 ATTRIBUTES

=head2 ae_watcher

The watcher.

=head1 METHODS

=head2 setup_ae_watcher

    $dispatcher->setup_ae_watcher;

Makes the watcher; called by the constructor.

=cut
