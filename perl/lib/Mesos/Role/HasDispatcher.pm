package Mesos::Role::HasDispatcher;
use 5.10.1;
use Carp qw(carp);
use Mesos::Arguments ();
use Mesos::Constraint ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use Mesos::XS;
use Scalar::Util qw(weaken);
use Moo::Role;
use namespace::autoclean;

requires qw(event_handler status start stop abort);

my $dispatcher = Mesos::Constraint->named('Dispatcher');

has dispatcher => (
    is => 'ro',
    isa => $dispatcher->checker,
    coerce => $dispatcher->coercer,
    default => 'AnyEvent',
);
has on_exception => (is => 'ro', isa => \&_check_on_exception, default => sub { _default_on_exception() });
has running => (is => 'rw', default => 0, trigger => sub { $_[0]->_stopped unless $_[1] });

# Whatever waits in run or run_once returns, and what is queued waits for the next run.
sub _stopped { my $dispatcher = $_[0]{dispatcher}; $dispatcher->interrupt_wait if $dispatcher }

# Objects are none, and are not asked: overloading can die.
sub _is_on_exception { !defined $_[0] || (ref $_[0] ? ref $_[0] eq 'CODE' : $_[0] eq 'die' || $_[0] eq 'warn') }

sub _check_on_exception {
    my ($value) = @_;
    return if _is_on_exception($value);
    Mesos::Constraint::_die(q(on_exception: expected 'die', 'warn' or a code reference, got ) . Mesos::Arguments::_describe($value));
}

sub _default_on_exception {
    my $value = $ENV{PERL_MESOS_ON_EXCEPTION};
    return undef unless defined $value && length $value;    ## no critic (ProhibitExplicitReturnUndef): a coercion gives one value
    Mesos::Constraint::_die(qq(PERL_MESOS_ON_EXCEPTION: expected "die" or "warn", got "$value")) unless _is_on_exception($value);
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
    weaken($dispatcher->{_drivers}{$self->_driver_id} = $self);
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

before start => sub { $_[0]->dispatcher->_advise };
after start => sub { $_[0]->running($_[0]->_is_alive ? 1 : 0) };

after stop => sub { $_[0]->running(0) };
after abort => sub { $_[0]->running(0) };

sub run {
    my ($self) = @_;
    my $held = $self->dispatcher->_hold;
    $self->start unless $self->running;
    return $self->join;
}

sub run_once {
    my ($self) = @_;
    my $held = $self->dispatcher->_hold;
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

sub dispatch_event {
    my ($self) = @_;
    Mesos::Warnings::Methods::no_object('dispatch_event', $self // __PACKAGE__, 'new', $self) unless ref $self;
    $self->dispatcher->{_ran} = 1;
    return Mesos::XS::_dispatch_event($self);
}

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

sub _text_of_exception {
    my ($self, $what, $error, $outcome) = @_;
    my $mode = $self->on_exception;
    my $why = eval {"$error"};
    $why = ref $error unless defined $why;
    $why =~ s/\.?\s*\z//;
    $why = Mesos::Warnings::shown($why);
    return "Mesos: $what: $why.\n" . ($outcome ? "  $outcome\n" : '') . '  '
        . (defined $mode ? 'on_exception is ' . (ref $mode ? 'a code reference' : "'$mode'") : 'The event loop decides how the program goes on')
        . ": see on_exception => 'die', 'warn' or a code reference in Mesos::Role::HasDispatcher.\n";
}

# True: the loop goes on. False: the exception is thrown again, for the loop to do with it what it does.
sub _callback_died {
    my ($self, $event, $error, @args) = @_;
    # In a child that a callback has forked there is no event: nobody makes up for it there, and its run ends with the exception itself.
    return $self->dispatcher->_throw_from_wait($error) unless defined $event;
    # What makes up for it is sent after it was told: the answer may end this process.
    my ($outcome, $send) = $self->_make_up_for($event, $error, @args);
    return $self->_tell_of_exception($event, $error, $self->_text_of_exception("the callback $event died", $error, $outcome), $send);
}

sub _tell_of_exception {
    my ($self, $event, $error, $text, $send) = @_;
    my $mode = $self->on_exception;
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

# An async sub returns a promise. One that has failed is an exception: a reference to it. One that waits is kept until it is settled,
# since nobody else may keep it.
sub _callback_returned {
    my ($self, $event, $promise) = @_;
    return unless eval { !grep { !$promise->can("AWAIT_$_") } qw(IS_READY IS_CANCELLED GET ON_READY) };
    return _failure_of($promise) if $promise->AWAIT_IS_READY;
    weaken $self;
    $promise->AWAIT_ON_READY(sub {
            my $failure = $promise ? _failure_of($promise) : undef;
            undef $promise;
            $self->_failed_later($event, $$failure) if $failure && $self;
    });
    return;
}

sub _failure_of {
    my ($promise) = @_;
    return if eval { $promise->AWAIT_IS_CANCELLED || do { $promise->AWAIT_GET; 1 } };
    return \(my $error = $@);
}

# What a driver had done when the callback returned, whose promise fails later.
my %DONE_BEFORE = (
    resourceOffers => 'Offers that it has not used stay with your program until it declines them: see offer_timeout.',
    launchTask => 'The driver does not know how far it was, so it sends no update of the task.',
    map { ($_ => 'The driver had acknowledged the update when the callback returned, unless implicit_acknowledgements is 0.') }
        qw(statusUpdate operationStatusUpdate),
);

sub _failed_later {
    my ($self, $event, $error) = @_;
    my $text = $self->_text_of_exception("the promise that the callback $event returned has failed", $error, $DONE_BEFORE{$event});
    $self->_tell_of_exception($event, $error, $text);
    return;
}

sub _tells_always {0}

# The driver has failed with this message, and its last event is handled next.
sub _event_is_last { }

# It was handled; true: by a callback that died.
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
    sub status {1}
    sub start  {1}
    sub stop   {1}
    sub abort  {1}
    with 'Mesos::Role::HasDispatcher';

    package main;

    my $driver = My::Driver->new(event_handler => My::Handler->new, dispatcher => 'AnyEvent');
    $driver->dispatcher->send('some_event', 1, 2);
    $driver->run_once;    # calls My::Handler's some_event($driver, 1, 2)

=head1 DESCRIPTION

L<Mesos::SchedulerDriver> and L<Mesos::ExecutorDriver> compose this role. You can compose it into any class of Moo or Moose that has the
methods C<event_handler>, C<status>, C<start>, C<stop> and C<abort>.

The name of an event is the name of a method of the handler. If the handler does not have that method, you get a warning, unless the
driver says that the method is optional.

Several drivers may share a dispatcher. The events of a driver reach its own handler. Events that your program sends reach the handler of
the driver that was made last.

=head1 ATTRIBUTES

=head2 dispatcher

A L<Mesos::Dispatcher>, or the name of one: C<'AnyEvent'> (the default), C<'Interrupt'>, C<'IOAsync'>, C<'Mojo'>, C<'POE'>, or
C<'+Full::Class::Name'>. The driver sets the dispatcher's callback. The constructor dies if it cannot load the module. Read-only.

=head2 on_exception

What happens when a callback dies: C<'die'>, C<'warn'> or a code reference. Default: the value of the environment variable
C<PERL_MESOS_ON_EXCEPTION> (C<die> or C<warn>), else undef. Read-only.

=over

=item C<'die'>

Recommended for new programs. The exception leaves C<run>, C<run_once>, C<join> or the dispatcher's C<wait>, in every event loop, as the
same object that the callback threw. So it ends the program unless the program catches it. You may call C<run> again afterwards. If your
program runs the loop itself, there is nothing that the exception could leave. The event loop then decides, as with undef.

=item C<'warn'>

The driver prints a warning, and the loop continues.

=item a code reference

The driver calls it with the driver, the callback's name and the exception. If it returns, the loop continues. If it dies, that exception
is treated as with C<'die'>.

=item undef

As in Mesos 1.07.1, the event loop gets the exception; before that, the driver prints a warning that says what happened. EV, Mojo, and
POE's kernel if your program runs it itself, print the exception and continue. With all others, it leaves C<run>.

=back

In what the driver prints, control characters of the exception are escaped, its further lines are indented, and a very long one is cut. The
exception itself stays what it is.

Whatever you choose, the driver does not acknowledge an update whose callback died, and Mesos sends it again. If C<resourceOffers> dies, the
driver declines the offers that it has not used, with the default filter, and Mesos offers those resources again later. If an executor's
C<launchTask> dies before it has sent an update of the task, the driver sends C<TASK_FAILED> with the first line of the exception as its
message.

A callback may be an C<async sub>: the driver looks at the promise that it returns, if that has the methods of
L<Future::AsyncAwait::Awaitable>, as C<Future> and C<Mojo::Promise> have. A promise that has failed when the callback returns is an
exception, and all that is said above holds. The driver keeps a promise that still waits, so that the C<async sub> goes on. If it fails
later, that is an exception, too, but it comes too late for what the driver does when a callback returns: an update has been acknowledged
(see L<Mesos::SchedulerDriver/implicit_acknowledgements>), offers stay with your program, and an executor's task gets no update.

=head2 running

True from a successful C<start> until C<stop>, C<abort> or an error that ends the driver. If you set it to 0, C<run> returns after the
current callback.

=head1 METHODS

=head2 run

    my $status = $driver->run;

Starts the driver unless it is running, and dispatches events until the driver is stopped, is aborted, or fails. Returns the status, a
number of C<Mesos::Status>. L</on_exception> says what happens if a callback dies.

=head2 run_once

    my $status = $driver->run_once;

Does the same as C<run>, for exactly one event.

=head2 join

    my $status = $driver->join;

Does the same as C<run>, but does not start the driver.

=head2 dispatch_event

    my ($event, @args) = $driver->dispatch_event;

Takes one event and calls the handler with it. It does not wait: if there is no event, it returns an empty list. If the handler returns
normally, the driver acknowledges a status update to Mesos. If the handler dies, the driver does not, and Mesos sends the update again.

=cut
