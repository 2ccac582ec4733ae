package Mesos::Message::JSON;
use 5.10.1;
use strict;
use warnings;
no warnings 'recursion';
use B ();
use Carp ();
use Mesos::Error ();
use Mesos::Message::Constants qw(
    KIND_MESSAGE LABEL_REPEATED MAX_DEPTH is_message
    TYPE_BOOL TYPE_BYTES TYPE_DOUBLE TYPE_FLOAT TYPE_INT32 TYPE_INT64 TYPE_STRING TYPE_UINT32 TYPE_UINT64
);
use Mesos::Message::Walk qw(count keys_of);
use Mesos::Warnings ();
use MIME::Base64 ();
use overload ();
use Scalar::Util qw(blessed reftype);

$Carp::Internal{+__PACKAGE__} = 1;

my $INFINITY = 9**9**9;

# --- names -------------------------------------------------------------------------------------------------------------------

# What Mesos' HTTP APIs (v1) call a field or a value of an enum: agents were slaves once.
sub _v1 {
    my ($name) = @_;
    $name =~ s/slave/agent/;
    $name =~ s/SLAVE/AGENT/;
    return $name;
}

my %ENUMS;    # by class: what is known of its values

sub _enum {
    my ($type) = @_;
    return $ENUMS{$type} ||= do {
        my $values = $type->_pb_fields_list;
        # The first of several names of a number.
        {name => {map { ($_->[1] => $_->[0]) } reverse @$values},
            number => {map { (_v1($_->[0]) => $_->[1], $_->[0] => $_->[1]) } @$values},
        };
    };
}

# Whether a field is a map: its type is then a message of a key and a value that is named after it.
sub is_map {
    my ($type, $name) = @_;
    my ($entry) = $type =~ /::(\w+)Entry\z/ or return 0;
    (my $camel = "_$name") =~ s/_(\w)/\u$1/g;
    return $camel eq $entry;
}

my %FIELDS;    # by class: [label, type, name, v1 name, whether it is a map, whether it holds no messages] of its fields

sub _fields {
    my ($class) = @_;
    return $FIELDS{$class} ||= [
        map {
            my ($label, $type, $name) = @$_;
            [$label, $type, $name, _v1($name), $label == LABEL_REPEATED && is_map($type, $name), !is_message($type)];
        } @{$class->_pb_fields_list}
    ];
}

# --- what scalars are: as `encode` has it, for which each is encoded alone and decoded -----------------------------------------

my %ALONE = (
    TYPE_DOUBLE() => ['Mesos::Filters', 'refuse_seconds'],
    TYPE_INT64() => ['Mesos::DurationInfo', 'nanoseconds'],
    TYPE_UINT64() => ['Mesos::DiskStatistics', 'limit_bytes'],
    TYPE_INT32() => ['Mesos::CheckStatusInfo::Command', 'exit_code'],
    TYPE_BOOL() => ['Mesos::CommandInfo', 'shell'],
    TYPE_STRING() => ['Mesos::CommandInfo', 'value'],
    TYPE_UINT32() => ['Mesos::CheckInfo::Tcp', 'port'],
);

sub _normal {
    my ($type, $value, $path) = @_;
    # What most values are needs no trial.
    return _bytes("$value") if $type == TYPE_STRING && defined $value && !ref $value;
    my ($class, $name) = @{$ALONE{$type}};
    my ($normal, $error);
    {
        local ($@, $SIG{__DIE__});
        # The list of one is ours.
        local $Mesos::Warnings::silent = 1;
        $error = $@ unless eval { $normal = $class->decode($class->encode({$name => [$value]}))->{$name}; 1 };
    }
    return $normal unless defined $error;
    $error = "$error" if blessed($error) && $error->isa('Mesos::Error');
    # What the value's own code dies with is passed on as it is.
    die $error unless !ref $error && $error =~ s/\A\Q$class.$name\E(?:\[0\])?: //;
    $error =~ s/ at \S[^\n]* line \d+\.?\n\z//;
    Mesos::Error::croak("$path: $error");
}

sub _overloaded { return blessed($_[0]) && overload::Overloaded($_[0]) }

sub _is_hash {
    my ($value) = @_;
    return (reftype($value) || '') eq 'HASH' || blessed($value) && overload::Method($value, '%{}');
}

# Shows the beginning of the path: the rest repeats it.
sub too_deep {
    my ($path) = @_;
    $path =~ s/\A((?:[^.]*\.){10}[^.]*)\..*/$1 .../s;
    Mesos::Error::croak("$path: nested more than " . MAX_DEPTH . ' messages deep, or in a circle');
}

# An array that is overloaded to be a string or number is one, where the field holds these.
sub is_array {
    my ($value, $scalar) = @_;
    return (reftype($value) || '') eq 'ARRAY' && !($scalar && _overloaded($value));
}

# Several values for one: the last counts.
sub _last {
    my ($value, $scalar) = @_;
    return is_array($value, $scalar) ? $value->[-1] : $value;
}

sub _bytes {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}

# --- to JSON -----------------------------------------------------------------------------------------------------------------

# The plain structure that a JSON module encodes.
sub from_message {
    my ($class, $message, $path, %options) = @_;
    local $Mesos::Message::Walk::values = 0;
    return _object({%options, text => 0}, $class, $message, $path, 1);
}

# JSON as Mesos writes it: other modules write numbers with 15 digits, and cannot write bytes that are no UTF-8.
sub text_of {
    my ($class, $message, $path, %options) = @_;
    Mesos::Warnings::refuse_unknown('encode_json: there is no option', \%options, 'v0') if %options;
    local $Mesos::Message::Walk::values = 0;
    my $how = {%options, text => 1};
    my $json = _object($how, $class, $message, $path, 1);
    # As `encode` does.
    Mesos::Warnings::warn_unknown_fields($class, $message) if $how->{strange};
    return $json;
}

# How many keys a hash has, without a look at them, which would begin a loop of `each` anew.
sub _keys {
    my ($message) = @_;
    return 0 if reftype($message) ne 'HASH' || tied %$message || overload::Method($message, '%{}');
    return B::svref_2object($message)->KEYS;
}

sub _object {
    my ($how, $class, $message, $path, $depth) = @_;
    too_deep($path) if $depth > MAX_DEPTH;
    my %plain;
    my $unseen = _keys($message);
    for my $field (@{_fields($class)}) {
        my ($label, $type, $name, $v1, $is_map, $scalar) = @$field;
        $unseen-- if exists $message->{$name};
        my $value = $message->{$name};
        next unless defined $value;
        my $here = "$path.$name";
        my $array = ref $value && is_array($value, $scalar);
        my $known = $how->{v0} ? $name : $v1;
        if ($label == LABEL_REPEATED) {
            if ($is_map) {
                my $entries = entries($type, $value, $here);
                $plain{$known} = _map($how, $type, $entries, $here, $depth) if @$entries;
                next;
            }
            my $items = $array ? $value : [$value];
            next unless @$items;
            count($here, scalar @$items);
            my @plain = map { _plain($how, $type, _item($type, $items->[$_], "$here\[$_\]"), "$here\[$_\]", $depth) } 0 .. $#$items;
            $plain{$known} = $how->{text} ? '[' . join(',', @plain) . ']' : \@plain;
        }
        else {
            count($here, 1);
            ($value, $how->{strange}) = ($value->[-1], 1) if $array;
            $plain{$known} = _plain($how, $type, $value, $here, $depth) if defined $value;
        }
    }
    $how->{strange} = 1 if $unseen > 0;
    return _braces($how, \%plain);
}

sub _braces {
    my ($how, $plain) = @_;
    return $plain unless $how->{text};
    return '{' . join(',', map { _quoted($_) . ':' . $plain->{$_} } sort keys %$plain) . '}';
}

# undef among the items of a list is what `encode` makes of it.
sub _item {
    my ($type, $value, $path) = @_;
    return $value if defined $value;
    Mesos::Error::croak("$path: expected a hash or a $type, got undef") if is_message($type);
    Carp::carp("$path: undefined element of a repeated field is encoded as the empty value");
    return $type eq TYPE_STRING || $type eq TYPE_BYTES ? '' : 0;
}

sub _map {
    my ($how, $type, $entries, $path, $depth) = @_;
    my %plain;
    my $of = $type->_pb_fields_by_name->{value}[1];
    for my $entry (@$entries) {
        Mesos::Error::croak("$path: expected a hash, or a list of entries with a key and a value") unless _is_hash($entry);
        my ($key, $item) = map { _last($entry->{$_}, $_ eq 'key' || $of =~ /\A\d+\z/) } qw(key value);
        $key = defined $key ? _normal(TYPE_STRING, $key, "$path.key") : '';
        $item = $of =~ /\A\d+\z/ ? '' : {} unless defined $item;
        my $plain = _plain($how, $of, $item, "$path\{" . _shown($key) . '}', $depth);
        $plain{$how->{text} ? $key : _characters($key)} = $plain;
    }
    return _braces($how, \%plain);
}

# The entries of a map field, whose value is a hash from keys to values, a list of entries, or one entry. With a path, undefined
# values of a hash are what `encode` makes of them.
sub entries {
    my ($type, $value, $path) = @_;
    if ((reftype($value) || '') eq 'ARRAY') {
        count(defined $path ? $path : $type, scalar @$value);
        return $value;
    }
    return [$value] if !_is_hash($value) || blessed($value) && $value->isa($type);
    my $of = $type->_pb_fields_by_name->{value}[1];
    my @entries = map { {key => $_, value => $value->{$_}} } sort(keys_of($value, defined $path ? $path : $type));
    count(defined $path ? $path : $type, scalar @entries);
    for my $entry (defined $path ? @entries : ()) {
        $entry->{value} = _item($of, $entry->{value}, "$path\{" . _shown($entry->{key}) . '}');
    }
    return \@entries;
}

sub _plain {
    my ($how, $type, $value, $path, $depth) = @_;
    my $text = $how->{text};
    if ($type !~ /\A\d+\z/) {
        if ($type->_pb_complex_type_kind == KIND_MESSAGE) {
            Mesos::Error::croak("$path: expected a hash or a $type, got " . _what($value)) unless _is_hash($value);
            return _object($how, $type, $value, $path, $depth + 1);
        }
        my ($name, $number) = _value_of_enum($type, $value, $path);
        # What has no name stays a number. Mesos refuses that, and decode_json reads it.
        $how->{strange} ||= !defined $name;
        return $number unless defined $name;
        $name = _v1($name) unless $how->{v0};
        return $text ? qq{"$name"} : $name;
    }
    if ($type == TYPE_BYTES) {
        my $base64 = MIME::Base64::encode_base64(_normal(TYPE_STRING, $value, $path), '');
        return $text ? qq{"$base64"} : $base64;
    }
    my $normal = _normal($type, $value, $path);
    # A word may be no.
    $how->{strange} ||= $type == TYPE_BOOL && !ref $value && $value =~ /\A[a-z]/i;
    return $text ? ($normal ? 'true' : 'false') : ($normal ? \1 : \0) if $type == TYPE_BOOL;
    return $text ? _quoted($normal) : _characters($normal) if $type == TYPE_STRING;
    return $type == TYPE_DOUBLE || $type == TYPE_FLOAT ? _double($normal, $text) : $text ? "$normal" : $normal;
}

sub _value_of_enum {
    my ($type, $value, $path) = @_;
    my $enum = _enum($type);
    if (!ref $value || _overloaded($value)) {
        my $given = "$value";
        return ($enum->{name}{$enum->{number}{$given}}, $enum->{number}{$given}) if defined $enum->{number}{$given};
    }
    Mesos::Error::croak("$path: expected the name or the number of a value of $type, got " . _what($value))
        unless ref $value || Scalar::Util::looks_like_number($value);
    my $number = _normal(TYPE_INT32, $value, $path);
    return ($enum->{name}{$number}, $number);
}

# Strings of messages are UTF-8 bytes as a rule; what is not is taken for Latin-1.
sub _characters {
    my ($text) = @_;
    utf8::decode($text);
    return $text;
}

my %ESCAPES = ('"' => '\"', '\\' => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t');

sub _quoted {
    my ($bytes) = @_;
    $bytes =~ s/(["\\\x00-\x1f\x7f])/$ESCAPES{$1} || sprintf '\\u%04x', ord $1/ge;
    return qq{"$bytes"};
}

# As Mesos has them: as few digits as tell the number from all others, and those that JSON does not have as strings.
sub _double {
    my ($value, $text) = @_;
    my $word = $value != $value ? 'NaN' : $value == $INFINITY ? 'Infinity' : $value == -$INFINITY ? '-Infinity' : undef;
    return $text ? qq{"$word"} : $word if defined $word;
    return $value + 0 unless $text;
    my $written;
    for my $digits (14 .. 16) {
        $written = sprintf '%.*e', $digits, $value;
        last if $written == $value;
    }
    my ($sign, $first, $rest, $exponent) = $written =~ /\A(-?)(\d)[.,]?(\d*)e([-+]\d+)\z/i;
    (my $digits = "$first$rest") =~ s/(?<=.)0+\z//;
    my $point = $exponent + 1;    # where the decimal point is among the digits
    my $count = length $digits;
    return $sign . $digits . '0' x ($point - $count) . '.0' if $count <= $point && $point <= 21;
    return $sign . substr($digits, 0, $point) . '.' . substr($digits, $point) if 0 < $point && $point <= 21;
    return $sign . '0.' . '0' x -$point . $digits if -6 < $point && $point <= 0;
    return $sign . $first . ($count > 1 ? '.' . substr($digits, 1) : '') . 'e' . ($point - 1);
}

# --- from JSON ---------------------------------------------------------------------------------------------------------------

my @READING = qw(enum_names maps reject_unknown unblessed);

# The object that JSON text describes.
sub of_text {
    my ($class, $json, %options) = @_;
    Mesos::Warnings::refuse_unknown('decode_json: there is no option', \%options, @READING) if %options;
    if ($options{maps} && $options{maps} !~ /\A(?:hash|list|1)\z/) {
        Mesos::Error::croak("decode_json: option maps: expected 'hash' or 'list', got " . _what($options{maps}));
    }
    $options{maps} = 0 if ($options{maps} || '') eq 'list';
    Mesos::Error::croak("$class: not JSON: it is undefined") unless defined $json;
    Mesos::Error::croak("$class: not JSON: it is a reference (" . ref($json) . '), not a text') if ref $json && !overload::Method($json, '""');
    require JSON::PP;
    # Some editors begin a file with a byte order mark.
    $json =~ s{\A\xef\xbb\xbf}{};
    # Mesos passes strings on that are no UTF-8. Then all are taken as bytes, with what is escaped among them as UTF-8.
    my $is_utf8 = !utf8::downgrade($json, 1) || do { my $copy = $json; utf8::decode($copy) };
    $json = _unescaped($json) unless $is_utf8;
    my $plain;
    {
        local ($@, $SIG{__DIE__});
        if (!eval { $plain = JSON::PP->new->utf8($is_utf8)->decode($json); 1 }) {
            (my $why = $@) =~ s/ at \S+ line \d+\.?\n\z//;
            Mesos::Error::croak("$class: not JSON: $why");
        }
    }
    return to_message($class, $plain, $class, %options, bytes => !$is_utf8);
}

sub _unescaped {
    my ($json) = @_;
    $json =~ s{\\(?:u([dD][89abAB]\w\w)\\u([dD][c-fC-F]\w\w)|u(?!00[0-7])([[:xdigit:]]{4})|(.))}{
        my $code = defined $1 ? 0x10000 + ((hex($1) & 0x3ff) << 10) + (hex($2) & 0x3ff) : defined $3 ? hex $3 : undef;
        defined $code && ($code < 0xd800 || $code > 0xdfff) ? _bytes(chr($code) . "\x{100}") =~ /\A(.*)\xc4\x80\z/s && $1 : $&
    }gesx;
    return $json;
}

# The object that a decoded JSON structure describes.
sub to_message {
    my ($class, $plain, $path, %options) = @_;
    return _message(\%options, $class, $plain, $path, 1);
}

sub _message {
    my ($how, $class, $plain, $path, $depth) = @_;
    Mesos::Error::croak("$path: expected a JSON object, got " . _what($plain)) unless ref $plain eq 'HASH';
    too_deep($path) if $depth > MAX_DEPTH;
    my $message = $how->{unblessed} ? {} : bless {}, $class;
    my %known;
    for my $field (@{_fields($class)}) {
        my ($label, $type, $name, $v1, $is_map) = @$field;
        @known{$name, $v1} = () if $how->{reject_unknown};
        my $key = defined $plain->{$v1} ? $v1 : $name;
        my $value = $plain->{$key};
        next unless defined $value;
        my $here = "$path.$key";
        if ($label != LABEL_REPEATED) {
            $message->{$name} = _value($how, $type, $value, $here, $depth);
        }
        elsif ($is_map && ref $value eq 'HASH') {
            $message->{$name} = _entries($how, $type, $value, $here, $depth);
        }
        else {
            # One value is a list of one, as for Mesos.
            my $items = ref $value eq 'ARRAY' ? $value : [$value];
            $message->{$name} = [map { _value($how, $type, $items->[$_], "$here\[$_\]", $depth) } 0 .. $#$items];
            next unless $how->{maps} && $is_map;
            $message->{$name} = {map { ($_->{key} => $_->{value}) } @{$message->{$name}}};
        }
    }
    if ($how->{reject_unknown}) {
        my ($unknown) = sort grep { !exists $known{$_} } keys %$plain;
        Mesos::Error::croak("$path: there is no field " . _what($unknown)) if defined $unknown;
    }
    return $message;
}

sub _entries {
    my ($how, $type, $plain, $path, $depth) = @_;
    my $of = $type->_pb_fields_by_name->{value}[1];
    my @entries = map { +{key => _text($how, $_), value => _value($how, $of, $plain->{$_}, "$path\{" . _shown($_) . '}', $depth)} }
        sort keys %$plain;
    return {map { ($_->{key} => $_->{value}) } @entries} if $how->{maps};
    return \@entries if $how->{unblessed};
    return [map { bless $_, $type } @entries];
}

sub _text {
    my ($how, $text) = @_;
    $how->{bytes} ? utf8::downgrade($text) : utf8::encode($text);
    return $text;
}

sub _value {
    my ($how, $type, $value, $path, $depth) = @_;
    Mesos::Error::croak("$path: expected a value, got null") unless defined $value;
    if ($type !~ /\A\d+\z/) {
        return _message($how, $type, $value, $path, $depth + 1) if $type->_pb_complex_type_kind == KIND_MESSAGE;
        Mesos::Error::croak("$path: expected the name of a value of $type, got " . _what($value)) if ref $value;
        my $number = _enum($type)->{number}{$value};
        if (!defined $number) {
            Mesos::Error::croak("$path: $type has no value " . _what($value)) unless $value =~ /\A-?\d+\z/;
            $number = _normal(TYPE_INT32, $value, $path);
        }
        my $name = $how->{enum_names} ? _enum($type)->{name}{$number} : undef;
        return defined $name ? $name : $number;
    }
    if ($type == TYPE_BOOL) {
        return $value ? 1 : 0 if blessed $value;
        $value = $$value if ref $value eq 'SCALAR';
        return 1 if !ref $value && $value =~ /\A(?:1|true)\z/;
        return 0 if !ref $value && $value =~ /\A(?:0|false|)\z/;
        Mesos::Error::croak("$path: expected true or false, got " . _what($value));
    }
    if ($type == TYPE_STRING || $type == TYPE_BYTES) {
        Mesos::Error::croak("$path: expected a string, got " . _what($value)) if ref $value || _is_number($value);
        return _text($how, "$value") if $type == TYPE_STRING;
        (my $base64 = $value) =~ s/\s+//g;
        Mesos::Error::croak("$path: expected base64, got " . _what($value))
            unless $base64 =~ m{\A[A-Za-z0-9+/]*={0,2}\z} && ($base64 =~ tr/=//c) % 4 != 1;
        $base64 =~ tr/=//d;
        return MIME::Base64::decode_base64($base64 . '=' x (-length($base64) % 4));
    }
    my $is_double = $type == TYPE_DOUBLE || $type == TYPE_FLOAT;
    if (!ref $value || blessed($value) && $value->isa('Math::BigInt') || blessed($value) && $value->isa('Math::BigFloat')) {
        my $text = "$value";
        if ($is_double && $text =~ /\A(?:(-?)Infinity|NaN)\z/ && !_is_number($value)) {
            return $text eq 'NaN' ? -sin($INFINITY) : $1 ? -$INFINITY : $INFINITY;
        }
        if (_is_number($value) || $text =~ /\A-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\z/) {
            my $number = _normal($type, ref $value ? $text : $value, $path);
            return $number unless $is_double && abs($number) == $INFINITY;
            Mesos::Error::croak("$path: expected a number that a double holds, got $text");
        }
    }
    Mesos::Error::croak("$path: expected a number, got " . _what($value));
}

# Whether JSON had a number there: what a JSON module makes of a string has no numeric value yet.
sub _is_number {
    my ($value) = @_;
    return 0 if ref $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK);
}

# A string for error texts: escaped, and not all of a long one.
sub _shown {
    my ($text) = @_;
    return substr _quoted(_bytes(length $text > 100 ? substr($text, 0, 100) . '...' : $text)), 1, -1;
}

# A value in words, for error texts.
sub _what {
    my ($value) = @_;
    return 'null' unless defined $value;
    if (!ref $value) {
        return _is_number($value) ? "$value" : '"' . _shown($value) . '"';
    }
    return $$value ? 'true' : 'false' if ref $value eq 'SCALAR' || ref $value eq 'JSON::PP::Boolean';
    return 'an object of class ' . ref $value if blessed $value;
    return ref $value eq 'HASH' ? 'an object' : ref $value eq 'ARRAY' ? 'an array' : 'a reference to ' . reftype $value;
}

1;
__END__

=head1 NAME

Mesos::Message::JSON - Mesos messages as JSON

=head1 SYNOPSIS

    use Mesos::Messages;

    my $json    = Mesos::TaskInfo->new({name => 'sleeper'})->encode_json;    # {"name":"sleeper"}
    my $message = Mesos::TaskInfo->decode_json($json);

=head1 DESCRIPTION

This module maps messages to the JSON of Mesos' HTTP APIs (v1) and back. It reads what a master or an agent writes, and they read what it
writes. Your program calls the methods of L<Mesos::Message>.

=over 4

=item messages

Objects with the names of the v1 API: C<agent_id> for the field C<slave_id>, C<agent_info> for C<slave_info>. With the option C<v0>, the names
are those of the fields. Both kinds of names are read. If an object has both, C<agent_id> counts.

=item map fields

Objects, as C<< {"limits":{"cpus":{"value":1.0}}} >>. In the message they are a list of entries or a hash: see C<maps> in
L<Mesos::Message/decode>.

=item enums

Names of values. These are the v1 API's names, too: C<SOURCE_AGENT> for C<SOURCE_SLAVE>, C<REASON_AGENT_REMOVED> for C<REASON_SLAVE_REMOVED>.
The message may have numbers or names. A number that the enum does not know is written as that number, which Mesos refuses, with a warning.
Numbers are also read.

=item strings

The bytes of the message, with the escapes that JSON demands. Bytes that are not UTF-8 are written unchanged, as Mesos does; then the JSON is
not UTF-8 either. Such JSON can also be read.

=item bytes

Base64. On reading, white space in it and missing padding do no harm.

=item integers

Numbers with all of their digits. Fractions are cut off, as C<encode> does. Strings that hold a JSON number are also read.

=item doubles

Numbers with as few digits as are exact, and always with a fraction or an exponent: C<2.0>. JSON has no infinity and no NaN. They are written
as the strings C<"Infinity">, C<"-Infinity"> and C<"NaN">. Mesos does not read the last one.

=item booleans

C<true> and C<false>. 1 and 0, and strings of all of these, are also read.

=item lists

Arrays. Empty ones are not written. A single value is read as a list of one.

=back

A field that is C<null> counts as absent. Unknown names are ignored, unless you set the option C<reject_unknown>. Defaults of fields that are
not set are not written. (Mesos writes the declared ones.)

Numbers, booleans, strings and lists in a message are treated as C<encode> treats them, with the same errors.

=head1 FUNCTIONS

=head2 from_message

    my $plain = Mesos::Message::JSON::from_message($class, $message, $path, %options);

Returns a structure for another JSON module: hashes, arrays, strings (of characters), numbers, and references to 1 and 0 for booleans. Strings
that are not UTF-8 are taken for Latin-1. Error texts begin with C<$path>. The option is C<v0>.

=head2 text_of

    my $json = Mesos::Message::JSON::text_of($class, $message, $path, %options);

Returns the JSON as bytes, with sorted names.

=head2 to_message

    my $message = Mesos::Message::JSON::to_message($class, $plain, $path, %options);

The reverse of C<from_message>. Returns an object of C<$class> with strings as UTF-8 bytes. Dies if a value does not fit its field; the error
begins with the path of the value. It has the options of L<Mesos::Message/decode_json>.

=head2 of_text

    my $message = Mesos::Message::JSON::of_text($class, $json, %options);

The reverse of C<text_of>.

=head2 is_array

    my $is_array = Mesos::Message::JSON::is_array($value, $scalar);

Returns true if the value of a field (of scalars, or of messages) counts as a list.

=head2 too_deep

    Mesos::Message::JSON::too_deep($path);

Dies, saying that messages are nested more than 100 deep.

=head2 is_map, entries

    my $entries = Mesos::Message::JSON::entries($type, $value) if Mesos::Message::JSON::is_map($type, $name);

Whether the field of this type and name is a map; the list of entries that its value stands for.

=cut
