package Mesos::Message::Text;
use 5.10.1;
use strict;
use warnings;
no warnings 'recursion';
use Carp ();
use Mesos::Message::Constants qw(LABEL_REPEATED MAX_DEPTH TYPE_BOOL TYPE_BYTES TYPE_DOUBLE TYPE_FLOAT TYPE_STRING is_message);
use Mesos::Message::JSON ();
use Mesos::Message::Walk qw(count keys_of);
use Scalar::Util qw(reftype);

$Carp::Internal{+__PACKAGE__} = 1;

my $INDENT = '  ';

# The fields of a message as lines. Shows whatever there is, also what cannot be encoded, but circles.
sub from_message {
    my ($class, $message, $depth, $path) = @_;
    $depth ||= 0;
    $path = $class unless defined $path;
    local $Mesos::Message::Walk::values = 0 unless $depth;
    my $text = '';
    my %known;
    for my $field (@{$class->_pb_fields_list}) {
        my ($label, $type, $name) = @$field;
        $known{$name} = 1;
        my $value = $message->{$name};
        next unless defined $value;
        my $scalar = !is_message($type);
        $value = Mesos::Message::JSON::entries($type, $value) if $label == LABEL_REPEATED && Mesos::Message::JSON::is_map($type, $name);
        my $is_array = Mesos::Message::JSON::is_array($value, $scalar);
        count("$path.$name", $is_array ? scalar @$value : 1);
        my @values = $is_array ? @$value : $value;
        @values = $values[-1] if $label != LABEL_REPEATED && @values;
        $text .= _field($type, $name, $_, $depth, "$path.$name") for @values;
    }
    $text .= $INDENT x $depth . '# not a field: ' . _quoted($_) . "\n" for
        sort grep { !$known{$_} } keys_of($message, $path);
    return $text;
}

sub _field {
    my ($type, $name, $value, $depth, $path) = @_;
    my $margin = $INDENT x $depth;
    return "$margin$name: # undefined\n" unless defined $value;
    if (!is_message($type)) {
        return "$margin$name: " . _scalar($type, $value) . "\n";
    }
    return "$margin$name: # not a message: " . _quoted($value) . "\n" if (reftype($value) || '') ne 'HASH';
    Mesos::Message::JSON::too_deep($path) if $depth + 1 >= MAX_DEPTH;
    my $inside = from_message($type, $value, $depth + 1, $path);
    return $inside eq '' ? "$margin$name {}\n" : "$margin$name {\n$inside$margin}\n";
}

sub _scalar {
    my ($type, $value) = @_;
    return _quoted($value) if $type eq TYPE_STRING || $type eq TYPE_BYTES;
    return $value ? 'true' : 'false' if $type eq TYPE_BOOL;
    if ($type !~ /\A\d+\z/) {
        my $name = $value =~ /\A-?\d+\z/ ? $type->name_of($value) : undef;
        return $name if defined $name;
    }
    # A name, or a number as Perl writes it, with the words of protobuf's text format for the two that C libraries write differently.
    if ($type eq TYPE_DOUBLE || $type eq TYPE_FLOAT) {
        return $value < 0 ? '-inf' : 'inf' if $value =~ /\A-?inf(?:inity)?\z/i;
        return 'nan' if $value =~ /\A-?nan\z/i;
    }
    return $value =~ /\A[-+.\w]+\z/ ? $value : _quoted($value);
}

my %ESCAPES = ("\n" => '\n', "\r" => '\r', "\t" => '\t', '"' => '\"', '\\' => '\\\\');

# In double quotes; all that is not printable ASCII as three octal digits, a character above that as its UTF-8.
sub _quoted {
    my $bytes = "$_[0]";
    utf8::encode($bytes) if utf8::is_utf8($bytes);
    $bytes =~ s/(["\\\n\r\t])|([^ -~])/defined $1 ? $ESCAPES{$1} : sprintf '\\%03o', ord $2/ge;
    return qq{"$bytes"};
}

1;
__END__

=head1 NAME

Mesos::Message::Text - Mesos messages as text for people

=head1 SYNOPSIS

    use Mesos::Messages;

    print Mesos::TaskInfo->new({name => 'sleeper', task_id => {value => 't-1'}})->dump;

=head1 DESCRIPTION

The method C<dump> of L<Mesos::Message> writes this format. It is protobuf's text format, with a line for each value, in the order of the
fields' numbers. (C<protoc --decode> prints the same, and C<protoc --encode> reads it.)

    name: "sleeper"
    task_id {
      value: "t-1"
    }
    resources {
      name: "cpus"
      type: SCALAR
      scalar {
        value: 0.5
      }
    }

Strings and bytes are in double quotes. Everything in them that is not printable ASCII is in octal: C<"t\303\251">. Enums are names, or
numbers if they have no name. Booleans are C<true> and C<false>. Comments, which begin with C<#>, show what is not part of the message: keys
that are no fields, undefined elements, and values that are no messages.

=head1 FUNCTIONS

=head2 from_message

    my $text = Mesos::Message::Text::from_message($class, $message);

Returns the lines for a hash as a message of the class. It does not check that C<encode> would accept the message. It dies if messages are
nested more than 100 deep, or if a message contains itself.

=cut
