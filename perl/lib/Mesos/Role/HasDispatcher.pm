package Mesos::Role::HasDispatcher;
use 5.10.1;
use Carp qw(carp);
use Mesos::Types ();
use Mesos::XS;
use Scalar::Util qw(weaken);
use Moo::Role;
use namespace::autoclean;

requires qw(event_handler status start stop abort);

has dispatcher => (
    is      => 'ro',
    isa     => Mesos::Types::Dispatcher(),
    coerce  => Mesos::Types::Dispatcher()->coercion,
    default => 'AnyEvent',
);
has running => (is => 'rw', default => 0, trigger => sub { $_[0]->_stopped unless $_[1] });

# Whatever waits in run or run_once returns, and what is queued waits for the next run.
sub _stopped { my $dispatcher = $_[0]{dispatcher}; $dispatcher->interrupt_wait if $dispatcher }

# What consumers may say about themselves; the drivers do.
sub _driver_id {0}
sub _is_alive {1}
# Events that a handler need not know.
sub _is_optional {0}

# A class without BUILD of its own gets one to hang the modifier on.
sub BUILD { }
after BUILD => sub {
    my ($self) = @_;
    weaken $self;
    my $dispatcher = $self->dispatcher;
    weaken($dispatcher->{_drivers}{ $self->_driver_id } = $self);
    # The one that was made last, of those which are still there.
    my $consumers = $dispatcher->{_consumers} ||= [];
    weaken($consumers->[@$consumers] = $self);
    $dispatcher->set_cb(sub {
        pop @$consumers while @$consumers && !$consumers->[-1];
        return @$consumers ? $consumers->[-1]->dispatch_event : ();
    });
    # Its batches need not pass through a callback for each event, unless somebody wants to see each.
    weaken($dispatcher->{_consumer} = $self) if $self->can('dispatch_event') == \&dispatch_event;
};

after start => sub { $_[0]->running($_[0]->_is_alive ? 1 : 0) };

after stop => sub { $_[0]->running(0) };
after abort => sub { $_[0]->running(0) };

sub run {
    my ($self) = @_;
    $self->start unless $self->running;
    return $self->join;
}

sub run_once {
    my ($self) = @_;
    $self->start unless $self->running;
    $self->dispatcher->wait if $self->running;
    return $self->status;
}

sub join {
    my ($self) = @_;
    my $goes_on = sub { $self->running && $self->_is_alive };
    $self->dispatcher->serve($goes_on) while $goes_on->();
    return $self->status;
}

sub dispatch_event { return Mesos::XS::_dispatch_event($_[0]) }

# The handler has no method for this event; true: it counts as handled all the same. Nobody has seen what is not acknowledged.
sub _event_unhandled {
    my ($self, $event) = @_;
    return 0 if $self->_is_optional($event);
    carp "Event handler can't process event type $event";
    return 1;
}

# The driver has failed, and its last event was handled.
sub _event_was_last {
    my ($self) = @_;
    $self->running(0) if $self->running && !$self->_is_alive;
    return;
}

1;
__END__

=head1 NAME

Mesos::Role::HasDispatcher - a class that handles the events of a dispatcher

=head1 SYNOPSIS

    package My::Driver;
    use Moo;    # or Moose

    has event_handler => (is => 'ro');
    sub status {...}
    sub start  {...}
    sub stop   {...}
    sub abort  {...}
    with 'Mesos::Role::HasDispatcher';

    my $driver = My::Driver->new(event_handler => $object, dispatcher => 'AnyEvent');
    $driver->dispatcher->send('some_event', 1, 2);
    $driver->run_once;    # calls $object->some_event($driver, 1, 2)

=head1 DESCRIPTION

Composed into L<Mesos::SchedulerDriver> and L<Mesos::ExecutorDriver>, and into any class of Moo or Moose that has the methods
C<event_handler>, C<status>, C<start>, C<stop> and C<abort>.

Each event is the name of a method of the handler. If the handler has no such method there is a warning, unless the driver calls
the method optional. Several drivers may share
a dispatcher: events of a driver reach its own handler, events that the program itself sends reach that of the driver made last.

=head1 ATTRIBUTES

=head2 dispatcher

A L<Mesos::Dispatcher>, or the name of one: C<'AnyEvent'> (default), C<'Interrupt'>, C<'IOAsync'>, C<'Mojo'>, C<'POE'>, or
C<'+Full::Class::Name'>. The driver sets the dispatcher's callback. Read-only. Dies, at construction, if the module cannot be
loaded.

=head2 running

True from a successful C<start> to C<stop>, C<abort> or the driver's end by an error. Setting it to 0 ends C<run> after the current
callback.

=head1 METHODS

=head2 run

    my $status = $driver->run;

Starts the driver unless it is running, and dispatches events until it is stopped, aborted, or has failed. Returns the status, a
number of C<Mesos::Status>. Exceptions of callbacks pass through where the event loop lets them; C<run> may be called again
then.

=head2 run_once

    my $status = $driver->run_once;

As C<run>, for exactly one event.

=head2 join

    my $status = $driver->join;

As C<run>, without starting.

=head2 dispatch_event

    my ($event, @args) = $driver->dispatch_event;

Takes one event and calls the handler with it, without waiting; an empty list if there is none. A status update is acknowledged
to Mesos when the handler has returned normally; if it dies it is not, and Mesos sends it again.

=cut
