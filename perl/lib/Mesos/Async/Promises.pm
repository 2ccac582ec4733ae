package Mesos::Async::Promises;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Module::Runtime qw(use_module);

# What makes the promises of a dispatcher's loop. Each kind has three functions: make, resolve and reject.
sub for_dispatcher {
    my ($class, $dispatcher) = @_;
    return _mojo($dispatcher) if $dispatcher->isa('Mesos::Dispatcher::Mojo');
    return _future(sub { $dispatcher->loop->new_future }) if $dispatcher->isa('Mesos::Dispatcher::IOAsync');
    if (eval { use_module('Mesos::Async::Future') }) {
        return _future(sub { Mesos::Async::Future->for_dispatcher($dispatcher) });
    }
    return _condvar() if $dispatcher->isa('Mesos::Dispatcher::AnyEvent') || $dispatcher->isa('Mesos::Dispatcher::Interrupt');
    Carp::croak('promises need the module Future with ' . ref $dispatcher);
}

sub _mojo {
    my ($dispatcher) = @_;
    use_module('Mojo::Promise');
    return {
        make => sub { my $promise = Mojo::Promise->new; $promise->ioloop($dispatcher->loop); return $promise },
        resolve => sub { my $promise = shift; $promise->resolve(@_) },
        reject => sub { $_[0]->reject($_[1]) },
    };
}

# Of one that was cancelled, nobody wants to hear. With details, get would die of a Future::Exception in place of the error.
sub _future {
    my ($make) = @_;
    return {
        make => sub { my ($cancelled) = @_; my $future = $make->(); $future->on_cancel($cancelled) if $cancelled; return $future },
        resolve => sub { my $future = shift; $future->done(@_) unless $future->is_ready },
        reject => sub { my ($future, $error) = @_; $future->fail($error) unless $future->is_ready },
    };
}

sub _condvar {
    return {
        make => sub { AnyEvent->condvar },
        resolve => sub { my $condvar = shift; $condvar->send(@_) },
        reject => sub { $_[0]->croak($_[1]) },
    };
}

1;
__END__

=head1 NAME

Mesos::Async::Promises - the promises of an event loop

=head1 SYNOPSIS

    use Mesos::Async::Promises;
    use Mesos::Dispatcher::AnyEvent;

    my $kind = Mesos::Async::Promises->for_dispatcher(Mesos::Dispatcher::AnyEvent->new);
    my $promise = $kind->{make}->();
    $kind->{resolve}->($promise, 'value');

=head1 DESCRIPTION

Internal to L<Mesos::Async>, which says which promises belong to which loop.

=head1 METHODS

=head2 for_dispatcher

    my $kind = Mesos::Async::Promises->for_dispatcher($dispatcher);

A hash reference of code: C<make>, C<resolve> and C<reject>. Dies if the dispatcher's loop has no promises here.

=cut
