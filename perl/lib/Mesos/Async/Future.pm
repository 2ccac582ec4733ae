package Mesos::Async::Future;
use 5.10.1;
use strict;
use warnings;
use Future 0.31;
use parent -norequire, 'Future';
use Hash::Util::FieldHash qw(fieldhash);

# Future may be written in C, where an object is no hash.
fieldhash my %dispatcher;

sub for_dispatcher {
    my ($class, $dispatcher) = @_;
    my $self = $class->SUPER::new;
    $dispatcher{$self} = $dispatcher;
    return $self;
}

# What then and others make of one is of the same kind.
sub new {
    my ($proto) = @_;
    my $self = $proto->SUPER::new;
    $dispatcher{$self} = $dispatcher{$proto} if ref $proto;
    return $self;
}

# Runs the loop until it is ready: get and result call this.
sub await {
    my ($self) = @_;
    return $self if $self->is_ready;
    my $dispatcher = $dispatcher{$self} or return $self->SUPER::await;
    $self->on_ready(sub { $dispatcher->interrupt_wait });
    $dispatcher->serve(sub { !$self->is_ready }) until $self->is_ready;
    return $self;
}

1;
__END__

=head1 NAME

Mesos::Async::Future - a Future that runs the loop of a dispatcher

=head1 SYNOPSIS

    use Mesos::Async::Future;
    use Mesos::Dispatcher::AnyEvent;

    my $future = Mesos::Async::Future->for_dispatcher(Mesos::Dispatcher::AnyEvent->new);
    $future->done('value');
    print $future->get, "\n";

=head1 DESCRIPTION

Extends L<Future>. L<Mesos::Async> gives these where the loop has no futures of its own: with AnyEvent, Interrupt and POE.

=head1 METHODS

=head2 for_dispatcher

    my $future = Mesos::Async::Future->for_dispatcher($dispatcher);

A new future that is not ready.

=head2 new

    my $other = $future->new;

A new one of the same dispatcher.

=head2 await

    $future->await;

Runs the loop until the future is ready, and returns it. C<get> calls this.

=cut
