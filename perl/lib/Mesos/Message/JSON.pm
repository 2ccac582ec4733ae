package Mesos::Message::JSON;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use MIME::Base64 ();
use Scalar::Util qw(reftype);

$Carp::Internal{ +__PACKAGE__ } = 1;

# Descriptor numbers of labels and types.
use constant { REPEATED => 3, DOUBLE => 1, FLOAT => 2, BOOL => 8, STRING => 9, BYTES => 12 };
use constant { MESSAGE => 1, ENUM => 3 };

# --- to JSON -----------------------------------------------------------------------------------------------------------------

# The plain structure that a JSON module encodes: as the v1 API of Mesos writes it.
sub from_message {
    my ($class, $message, $path) = @_;
    my %plain;
    for my $field (@{ $class->_pb_fields_list }) {
        my ($label, $type, $name) = @$field;
        my $value = $message->{$name};
        next unless defined $value;
        my $here = "$path.$name";
        if ($label == REPEATED) {
            my $items = (reftype($value) || '') eq 'ARRAY' ? $value : [$value];
            $plain{$name} = [ map { _plain($type, $items->[$_], "$here\[$_\]") } 0 .. $#$items ];
        }
        else {
            $value = $value->[-1] if (reftype($value) || '') eq 'ARRAY';
            $plain{$name} = _plain($type, $value, $here) if defined $value;
        }
    }
    return \%plain;
}

sub _plain {
    my ($type, $value, $path) = @_;
    if ($type !~ /\A\d+\z/) {
        return from_message($type, $value, $path) if $type->_pb_complex_type_kind == MESSAGE && (reftype($value) || '') eq 'HASH';
        Carp::croak("$path: expected a hash or a $type") if $type->_pb_complex_type_kind == MESSAGE;
        my ($name) = map { $_->[0] } grep { $_->[1] == $value } @{ $type->_pb_fields_list };
        return defined $name ? $name : $value + 0;
    }
    return $value ? \1 : \0 if $type == BOOL;
    return _text($value) if $type == STRING;
    if ($type == BYTES) {
        my $bytes = "$value";
        utf8::encode($bytes) if utf8::is_utf8($bytes);
        return MIME::Base64::encode_base64($bytes, '');
    }
    return $value + 0;
}

# Strings of messages are UTF-8 bytes as a rule; what is not is taken for Latin-1, and characters are characters.
sub _text {
    my $text = "$_[0]";
    utf8::decode($text) unless utf8::is_utf8($text);
    return $text;
}

# --- from JSON ---------------------------------------------------------------------------------------------------------------

# The object that a decoded JSON structure describes. Unknown names are ignored.
sub to_message {
    my ($class, $plain, $path) = @_;
    Carp::croak("$path: expected a JSON object") unless ref $plain eq 'HASH';
    my $message = bless {}, $class;
    for my $field (@{ $class->_pb_fields_list }) {
        my ($label, $type, $name) = @$field;
        my $value = $plain->{$name};
        next unless defined $value;
        my $here = "$path.$name";
        if ($label == REPEATED) {
            Carp::croak("$here: expected a JSON array") unless ref $value eq 'ARRAY';
            $message->{$name} = [ map { _value($type, $value->[$_], "$here\[$_\]") } 0 .. $#$value ];
        }
        else {
            $message->{$name} = _value($type, $value, $here);
        }
    }
    return $message;
}

sub _value {
    my ($type, $value, $path) = @_;
    Carp::croak("$path: expected a value, got null") unless defined $value;
    if ($type !~ /\A\d+\z/) {
        return to_message($type, $value, $path) if $type->_pb_complex_type_kind == MESSAGE;
        Carp::croak("$path: expected a name of $type") if ref $value;
        return $value + 0 if $value =~ /\A-?\d+\z/;
        my ($number) = map { $_->[1] } grep { $_->[0] eq $value } @{ $type->_pb_fields_list };
        Carp::croak("$path: $type has no value \"$value\"") unless defined $number;
        return $number;
    }
    return $value ? 1 : 0 if $type == BOOL;
    Carp::croak("$path: expected a single value") if ref $value;
    if ($type == STRING) {
        my $bytes = "$value";
        utf8::encode($bytes);
        return $bytes;
    }
    return MIME::Base64::decode_base64($value) if $type == BYTES;
    return $value + 0 if $value =~ /\A\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*\z/;
    return 9**9**9 * ($value eq '-Infinity' ? -1 : 1) if $type <= FLOAT && $value =~ /\A-?Infinity\z/;
    return -sin(9**9**9) if $type <= FLOAT && $value eq 'NaN';
    Carp::croak("$path: expected a number, got \"$value\"");
}

1;
__END__

=head1 NAME

Mesos::Message::JSON - Mesos messages as JSON

=head1 SYNOPSIS

    my $json    = $message->encode_json;
    my $message = Mesos::TaskInfo->decode_json($json);

=head1 DESCRIPTION

The mapping between messages and JSON that Mesos' HTTP APIs use: fields by their names, enums by the names of their values, C<bytes> in
base64, integers of all widths as numbers. Programs call the methods of L<Mesos::Message>.

Reading takes more than is written: enums by number, and numbers as strings. Unknown names are ignored; C<null> is as if it was not
there.

=head1 FUNCTIONS

=head2 from_message

    my $plain = Mesos::Message::JSON::from_message($class, $message, $path);

A structure of hashes, arrays, strings (of characters), numbers, and references to 1 and 0 for booleans. C<$path> stands at the
beginning of error texts. Dies if a nested message is not a hash.

=head2 to_message

    my $message = Mesos::Message::JSON::to_message($class, $plain, $path);

The reverse: an object of C<$class>, its strings as UTF-8 bytes. Dies if a value is not what its field holds; the text starts with the
path of the value.

=cut
