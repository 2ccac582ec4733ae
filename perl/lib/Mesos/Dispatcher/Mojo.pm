package Mesos::Dispatcher::Mojo;
use 5.10.1;
use Mesos::Constraint ();
use Mojo::IOLoop;
use Scalar::Util qw(weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher::Pipe';

has loop => (is => 'ro', isa => Mesos::Constraint->instance_of('Mojo::IOLoop')->checker, lazy => 1, default => sub { Mojo::IOLoop->singleton });

sub BUILD {
    my ($self) = @_;
    weaken $self;
    $self->loop->reactor->io($self->fh, sub { $self->ready })->watch($self->fh, 1, 0);
}

sub _reads_streams {1}

sub run_until {
    my ($self, $wait, $seconds) = @_;
    my $reactor = $self->loop->reactor;
    my $expired;
    my @timers;
    push @timers, $reactor->timer($seconds => sub { $expired = 1 }) if defined $seconds;
    # A tick ends with a watcher or a timer: what ends the wait outside of both (a signal handler) needs one.
    $wait->{finish} = sub { push @timers, $reactor->timer(0 => sub { }) };
    $reactor->one_tick until $wait->{done} || $expired || $self->_is_in_child;
    $reactor->remove($_) for @timers;
    return;
}

sub timer {
    my ($self, $seconds, $code) = @_;
    my $reactor = $self->loop->reactor;
    my $id = $reactor->timer($seconds => sub { $code->() });
    return $self->_timer_until_dropped(sub { $reactor->remove($id) });
}

sub watch {
    my ($self, $fh, $code) = @_;
    my $reactor = $self->loop->reactor;
    $reactor->io($fh, sub { $code->() })->watch($fh, 1, 0);
    return $self->_timer_until_dropped(sub { $reactor->remove($fh) });
}

sub unwatch {
    my ($self) = @_;
    $self->loop->reactor->remove($self->fh);
}

Mesos::Warnings::Methods::watch_timers(__PACKAGE__);

1;
__END__

=head1 NAME

Mesos::Dispatcher::Mojo - brings events through Mojo::IOLoop

=head1 SYNOPSIS

    use Mojolicious::Lite;
    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master     => 'local',
        framework  => {user => '', name => 'example'},
        scheduler  => Mesos::Scheduler->new,
        dispatcher => 'Mojo',
    );
    $driver->start;
    app->start;

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher::Pipe>. Needs L<Mojolicious>.

The reactor reports an exception in a callback through its C<error> event, which prints a warning by default. The loop then continues,
and so does C<wait>. L<Mesos::Role::HasDispatcher/on_exception> changes that.

=head1 ATTRIBUTES

=head2 loop

The L<Mojo::IOLoop>. Default: C<< Mojo::IOLoop->singleton >>. Read-only.

=cut
