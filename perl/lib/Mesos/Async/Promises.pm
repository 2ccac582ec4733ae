package Mesos::Async::Promises;
use 5.10.1;
use strict;
use warnings;
use B ();
use Mesos::Error ();
use Mesos::Warnings ();
use Module::Runtime qw(use_module);
use Scalar::Util qw(reftype);

# What makes the promises of a dispatcher's loop. Each kind has four functions: make, resolve, reject, and is_kept, which says whether
# somebody holds one, or waits for it by a callback, besides so many references of the caller's. Some tell of one that nobody looks at.
sub for_dispatcher {
    my ($class, $dispatcher) = @_;
    return _mojo($dispatcher) if $dispatcher->isa('Mesos::Dispatcher::Mojo');
    return _future(sub { $dispatcher->loop->new_future }) if $dispatcher->isa('Mesos::Dispatcher::IOAsync');
    if (eval { use_module('Mesos::Async::Future') }) {
        return _future(sub { Mesos::Async::Future->for_dispatcher($dispatcher) });
    }
    return _condvar() if $dispatcher->isa('Mesos::Dispatcher::AnyEvent') || $dispatcher->isa('Mesos::Dispatcher::Interrupt');
    Mesos::Error::croak('promises need the module Future with ' . ref $dispatcher);
}

sub _mojo {
    my ($dispatcher) = @_;
    use_module('Mojo::Promise');
    return {
        make => sub { my $promise = Mojo::Promise->new; $promise->ioloop($dispatcher->loop); return $promise },
        resolve => sub { my $promise = shift; $promise->resolve(@_) },
        reject => sub { $_[0]->reject($_[1]) },
        is_kept => sub {1},
        tells => 1,
    };
}

# Of one that was cancelled, nobody wants to hear. With details, get would die of a Future::Exception in place of the error.
sub _future {
    my ($make) = @_;
    return {
        make => sub { my ($cancelled) = @_; my $future = $make->(); $future->on_cancel($cancelled) if $cancelled; return $future },
        resolve => sub { my $future = shift; $future->done(@_) unless $future->is_ready },
        reject => sub { my ($future, $error) = @_; $future->fail($error) unless $future->is_ready },
        is_kept => sub { return $_[0]->is_ready || _is_kept($_[0], $_[1], 'callbacks') },
    };
}

# One that is written in C does not show its callbacks.
sub _is_kept {
    my (undef, $own, $callbacks) = @_;
    return 1 if reftype($_[0]) ne 'HASH';
    my $waits = $_[0]{$callbacks};
    return 1 if (reftype($waits) || '') eq 'ARRAY' ? @$waits : $waits;
    return B::svref_2object($_[0])->REFCNT > $own;
}

sub _condvar {
    return {
        make => sub { AnyEvent->condvar },
        resolve => sub { my $condvar = shift; $condvar->send(@_) },
        reject => sub { $_[0]->croak($_[1]) },
        is_kept => sub { return _is_kept($_[0], $_[1], '_ae_cb') },
    };
}

# A promise that is rejected, and that nobody has kept, tells nobody.
sub tell_dropped {
    my ($place, $method, $why, $path) = @_;
    $why =~ s/(?: at \S[^\n]* line \d+)?\.?\n*\z//;
    Mesos::Warnings::warn_at($place, "$method: its promise is rejected, and nobody has kept it: " . Mesos::Warnings::shown($why), $path);
    return;
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

A hash reference of code: C<make>, C<resolve>, C<reject> and C<is_kept>, and C<tells>: true if promises that nobody looks at say so. Dies if the dispatcher's loop has no promises here.

=head1 FUNCTIONS

=head2 tell_dropped

    Mesos::Async::Promises::tell_dropped(\@place, $method, $why, $path);

Warns, at a place as C<Mesos::Warnings::place_of_user> returns it, that the promise of this method is rejected, and why. Once for each path there.

=cut
