package Mesos::Channel;
use 5.10.1;
use Mesos::Constraint ();
use Mesos::Error qw(croak);
use Mesos::Warnings ();
use Scalar::Util qw(blessed);
use overload ();
use Mesos::XS;
use Moo;
use namespace::autoclean;

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    Mesos::Warnings::check_constructor($self, $arguments);
    $self->_xs_init;
}

sub send {
    my ($self, $name, @args) = @_;
    croak 'Mesos::Channel::send: expected the name of an event (a string), got ' . _describe($name)
        if !defined $name || ref $name;
    my $position = 0;
    $self->_xs_send($name, map { _typed(++$position, $_) } @args);
    return;
}

sub recv {
    my ($self) = @_;
    my @event = $self->_take;
    return wantarray ? @event : @event ? $#event : undef;
}

# One argument of an event as (type, bytes) or (type, [bytes, ...]).
sub _typed {
    my ($position, $arg) = @_;
    return _item($position, $arg) unless ref $arg eq 'ARRAY';
    my ($type, @bytes) = 'String';
    for my $i (0 .. $#$arg) {
        my ($item_type, $item) = _item("$position, element $i", $arg->[$i]);
        $type = $item_type unless $i;
        croak "Mesos::Channel::send: argument $position: expected elements of one type, got $type and $item_type"
            if $item_type ne $type;
        push @bytes, $item;
    }
    return ($type, \@bytes);
}

sub _item {
    my ($position, $arg) = @_;
    return (_decoding_class($arg), scalar $arg->encode) if blessed $arg && $arg->can('encode');
    return ('String', $arg) if defined $arg && (!ref $arg || overload::Method($arg, '""'));
    croak "Mesos::Channel::send: argument $position: expected a string, a message or an array reference of them, got "
        . _describe($arg);
}

# As in Mesos 1.07.1, names of message classes may lack their first part.
sub _decoding_class {
    my $class = ref $_[0];
    return $class =~ /\AMesos::/ || $class->can('decode') ? $class : "Mesos::$class";
}

sub _describe { defined $_[0] ? ref $_[0] ? "a reference ($_[0])" : qq("$_[0]") : 'undef' }

sub DEMOLISH { $_[0]->_xs_free }

sub CLONE_SKIP {1}

package Mesos::Channel::Event;
sub CLONE_SKIP {1}

1;
__END__

=head1 NAME

Mesos::Channel - the queue of events between a driver and a program

=head1 SYNOPSIS

    use Mesos::Channel;

    my $channel = Mesos::Channel->new;
    $channel->send('greeting', 'hello', [1, 2]);
    my ($name, @args) = $channel->recv;    # 'greeting', 'hello', ['1', '2']

=head1 DESCRIPTION

An unbounded queue: first in, first out. The drivers' threads write to it. Programs rarely use it directly. A L<Mesos::Dispatcher> has a
channel, and passes its events to the handler.

=head1 METHODS

=head2 new

    my $channel = Mesos::Channel->new;

=head2 send

    $channel->send($name, @args);

Queues an event and wakes the dispatchers of this channel. Returns nothing.

C<$name> is a string. Each argument is a string, a number, a message, or an array reference. An array holds strings and numbers, or messages of
one class. (An object counts as a message if it has a method
C<encode> and its class has C<decode>, and as a string if it overloads C<"">.) If an argument is something else, C<send>
dies and queues nothing.

=head2 recv

    my ($name, @args) = $channel->recv;

Takes the oldest event off the queue. It does not wait: if there is no event, it returns an empty list. Call it in list context; in scalar
context it returns undef if there is no event. Dies if it cannot decode a message.

Strings are byte strings. A string that was sent with the UTF-8 flag arrives as its UTF-8 bytes.

If you take a status update that a driver has queued, it counts as delivered, and the driver acknowledges it to Mesos at once. The driver
acknowledges events that it dispatches itself only after their callback has returned.

=head2 size

    my $n = $channel->size;

Returns the number of queued events.

=head1 THREADS AND PROCESSES

A channel is not copied into new threads. It does not work in a forked child either: there, C<send> and C<recv> die.

=cut
