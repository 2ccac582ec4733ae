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
has on_exception => (is => 'ro', isa => \&_check_on_exception, default => sub { _default_on_exception() });
has running => (is => 'rw', default => 0, trigger => sub { $_[0]->_stopped unless $_[1] });

# Whatever waits in run or run_once returns, and what is queued waits for the next run.
sub _stopped { my $dispatcher = $_[0]{dispatcher}; $dispatcher->interrupt_wait if $dispatcher }

sub _is_on_exception { !defined $_[0] || ref $_[0] eq 'CODE' || $_[0] eq 'die' || $_[0] eq 'warn' }

sub _check_on_exception {
    my ($value) = @_;
    Mesos::Types::_die(qq(on_exception: expected 'die', 'warn' or a code reference, got "$value")) unless _is_on_exception($value);
}

sub _default_on_exception {
    my $value = $ENV{PERL_MESOS_ON_EXCEPTION};
    return undef unless defined $value && length $value;
    Mesos::Types::_die(qq(PERL_MESOS_ON_EXCEPTION: expected "die" or "warn", got "$value")) unless _is_on_exception($value);
    return $value;
}

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

# What the driver does for an event whose callback died, and says about it in a sentence.
sub _make_up_for {''}

sub _tell { warn $_[1] }

# True: the loop goes on. False: the exception is thrown again, for the loop to do with it what it does.
sub _callback_died {
    my ($self, $event, $error, @args) = @_;
    my $mode = $self->on_exception;
    # What makes up for it is sent after it was told: the answer may end this process.
    my ($outcome, $send) = $self->_make_up_for($event, $error, @args);
    my $what = eval {"$error"};
    $what = ref $error unless defined $what;
    $what =~ s/\.?\s*\z//;
    my $text = "Mesos: the callback $event died: $what.\n" . ($outcome ? "  $outcome\n" : '') . '  '
        . (defined $mode ? 'on_exception is ' . (ref $mode ? 'a code reference' : "'$mode'") : 'The event loop decides how the program goes on')
        . ": see on_exception => 'die', 'warn' or a code reference in Mesos::Role::HasDispatcher.\n";
    my $dispatcher = $self->dispatcher;
    if (ref $mode) {
        $self->_tell($text) if $self->_tells_always;
        $send->() if $send;
        return 1 if eval { $mode->($self, $event, $error); 1 };
        my $second = $@;
        return 1 if $dispatcher->_throw_from_wait($second);
        die $second;
    }
    my $leaves = ($mode || '') eq 'die' && $dispatcher->_throw_from_wait($error);
    $self->_tell($text) if !$leaves || $self->_tells_always;
    $send->() if $send;
    return $leaves || ($mode || '') eq 'warn';
}

sub _tells_always {0}

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

=head2 on_exception

What happens when a callback dies: C<'die'>, C<'warn'> or a code reference. Default: what the environment variable
C<PERL_MESOS_ON_EXCEPTION> says (C<die> or C<warn>), or else undef. Read-only.

=over

=item C<'die'>

The exception leaves C<run>, C<run_once>, C<join> or the dispatcher's C<wait>, as the very object that was thrown, whatever the event
loop is; so it ends the program unless that catches it. C<run> may be called again then. If the program runs the loop itself, there
is nothing to leave: it is as with undef. Recommended for new programs.

=item C<'warn'>

A warning, and the loop goes on.

=item a code reference

Is called with the driver, the callback's name and the exception. If it returns the loop goes on; what it throws is treated as with
C<'die'>.

=item undef

As in Mesos 1.07.1: a warning that says what happened, then the event loop gets the exception. EV, Mojo, and POE's kernel if the
program runs it itself, print it and go on; all others let it out of C<run>.

=back

Whatever is chosen, an update whose callback died is not acknowledged: Mesos sends it again. Offers that a C<resourceOffers> which
died had not used are declined with the default filter, and come again. When an executor's C<launchTask> dies before it sent an update
of the task, the driver sends C<TASK_FAILED> with the first line of the exception as its message.

=head2 running

True from a successful C<start> to C<stop>, C<abort> or the driver's end by an error. Setting it to 0 ends C<run> after the current
callback.

=head1 METHODS

=head2 run

    my $status = $driver->run;

Starts the driver unless it is running, and dispatches events until it is stopped, aborted, or has failed. Returns the status, a
number of C<Mesos::Status>. What becomes of exceptions of callbacks is told by L</on_exception>.

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
