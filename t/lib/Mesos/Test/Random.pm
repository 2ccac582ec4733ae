package Mesos::Test::Random;

# Random messages, the same ones for the same seed on every machine.

use 5.10.1;
use strict;
use warnings;

sub new {
    my ($class, $seed) = @_;
    return bless {state => $seed & 0xffff_ffff || 1}, $class;
}

# An integer from 0 to $below - 1 (xorshift, 32 bits).
sub below {
    my ($self, $below) = @_;
    my $x = $self->{state};
    $x ^= $x << 13 & 0xffff_ffff;
    $x ^= $x >> 17;
    $x ^= $x << 5 & 0xffff_ffff;
    $self->{state} = $x;
    return $x % $below;
}

sub one_of {
    my ($self, @of) = @_;
    return $of[$self->below(scalar @of)];
}

# Descriptor numbers of types.
my %number = (
    1 => sub { $_[0]->one_of(0, 0.5, -2.25, 1e300, 31000, '0.1', '-3', 1447779683.17) },
    3 => sub { $_[0]->one_of(0, 1, -1, 9223372036854775807, -9223372036854775807 - 1, '12', 1 << 40) },
    4 => sub { $_[0]->one_of(0, 1, 127, 128, 9223372036854775807, '300', 1 << 52) },
    5 => sub { $_[0]->one_of(0, 1, -1, 2147483647, -2147483648, '5') },
    8 => sub { $_[0]->one_of(0, 1, '', 'true', 'false', '0', 2) },
    13 => sub { $_[0]->one_of(0, 1, 4294967295, '5050') },
);

my @strings = ('', 'x', 'default', "\xe9t\xe9", "\x{20ac}uro", 'y' x 200, "nul\0byte", 42, 1.5);

# A hash for the message class: only values that every codec must take. Options:
#   complete => 1   all required fields are there (else one may be missing)
#   shapes   => 1   also a scalar in a repeated field's place, a list in a single field's, objects of unrelated classes
sub message {
    my ($self, $class, %options) = @_;
    my $depth = $options{depth} || 0;
    my %message;
    for my $field (@{$class->_pb_fields_list}) {
        my ($label, $type, $name) = @$field;
        # An entry of a map needs a value that is a message. Google::ProtocolBuffers does not know that, so it is never left out.
        my $of_map = $class =~ /Entry\z/ && $name eq 'value' && $type =~ /^Mesos::/;
        next if $label == 2 ? !$options{complete} && $self->below(40) == 0 : !$of_map && ($depth > 4 || $self->below(3));
        my $value = sub { $self->_value($type, %options, depth => $depth + 1) };
        if ($label == 3) {
            $message{$name} = [map { $value->() } 1 .. $self->below(4)];
            # A hash in a map's place is the map, not an entry.
            $message{$name} = $message{$name}[0] if $type !~ /Entry\z/ && $options{shapes} && @{$message{$name}} && $self->below(5) == 0;
        }
        else {
            $message{$name} = $value->();
            $message{$name} = [$value->(), $message{$name}] if $options{shapes} && $self->below(10) == 0;
        }
    }
    $message{"not_a_field_$depth"} = 'ignored' if $options{shapes};
    return \%message;
}

sub _value {
    my ($self, $type, %options) = @_;
    return $self->one_of(@strings) if $type eq 9 || $type eq 12;
    return $number{$type}->($self) if $number{$type};
    die "no values for type $type" if $type =~ /^\d/;
    return $self->one_of(map { $_->[1] } @{$type->_pb_fields_list}) if $type->_pb_complex_type_kind == 3;
    my $message = $self->message($type, %options);
    return $options{shapes} && $self->below(4) == 0 ? bless($message, $self->one_of($type, 'Some::Other::Class')) : $message;
}

1;
