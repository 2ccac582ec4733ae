package Mesos::Message;
use 5.10.1;
use strict;
use warnings;
no warnings 'recursion';
use Carp ();
use overload ();
use Scalar::Util ();

# The classes say that they are these, without needing them: a package that exists keeps Perl from warning about an unknown base.
{ package    # not indexed
        Google::ProtocolBuffers::Message; }
{ package    # not indexed
        Class::Accessor; }

# Errors are reported where our caller's code is.
$Carp::Internal{$_} = 1 for qw(Mesos::Message Mesos::Messages Mesos::Enum);

use constant { LABEL => 0, TYPE => 1, NAME => 2, NUMBER => 3, DEFAULT => 4 };

# --- objects -----------------------------------------------------------------------------------------------------------------

sub new {
    my ($proto, $fields) = @_;
    my $class = ref $proto || $proto;
    return bless {}, $class unless defined $fields;
    _croak("$class->new: expected a reference to a hash, got " . (ref $fields ? "a reference to $fields" : qq{"$fields"}))
        unless ref $fields eq 'HASH' || _is_hash($fields);
    return bless { %$fields }, $class unless $class->can('_pb_oneofs');

    my $self = bless {}, $class;
    for my $name (keys %$fields) {
        if (defined $fields->{$name}) {
            $self->set($name, $fields->{$name});
        }
        else {
            $self->{$name} = undef;
        }
    }
    return $self;
}

sub _is_hash {
    my ($value) = @_;
    return 1 if (Scalar::Util::reftype($value) || '') eq 'HASH';
    return Scalar::Util::blessed($value) && overload::Method($value, '%{}');
}

sub get {
    my $self = shift;
    Carp::confess('Wrong number of arguments received.') unless @_;
    my @values = map { defined $self->{$_} ? $self->{$_} : _default($self, $_) } @_;
    return @values == 1 ? $values[0] : @values;
}

sub _default {
    my ($self, $name) = @_;
    my $field = $self->_pb_fields_by_name->{$name};
    return $field ? $field->[DEFAULT] : undef;
}

sub set {
    my ($self, $name, @values) = @_;
    Carp::confess('Wrong number of arguments received.') unless @values;
    my $value = @values > 1 ? \@values : $values[0];
    if (defined $value) {
        $self->{$name} = $value;
    }
    else {
        $value = delete $self->{$name};
    }
    my $oneof = $self->can('_pb_oneofs_rev') ? $self->_pb_oneofs_rev->{$name} : undef;
    if (defined $oneof) {
        delete @$self{ grep { $_ ne $name } @{ $self->_pb_oneofs->{$oneof} } };
    }
    return $value;
}

sub which_oneof {
    my ($self, $oneof) = @_;
    my $members = $self->can('_pb_oneofs') ? $self->_pb_oneofs->{$oneof} : undef;
    my ($set) = grep { defined $self->{$_} } @{ $members || [] };
    return $set;
}

# --- conveniences that Google::ProtocolBuffers does not have -----------------------------------------------------------------------

sub TO_JSON {
    my ($self) = @_;
    require Mesos::Message::JSON;
    return Mesos::Message::JSON::from_message(ref $self, $self, ref $self);
}

sub encode_json {
    my $self    = shift;
    my $class   = ref $self || $self;
    my $message = ref $self ? $self : shift;
    require Mesos::Message::JSON;
    _croak("$class->encode_json: expected a hash") unless defined $message && _is_hash($message);
    _croak('encode_json: options are pairs of a name and a value') if @_ % 2;
    return Mesos::Message::JSON::text_of($class, $message, $class, @_);
}

sub decode_json {
    my ($class, $json, @options) = @_;
    $class = ref $class || $class;
    require Mesos::Message::JSON;
    _croak('decode_json: options are pairs of a name and a value') if @options % 2;
    return Mesos::Message::JSON::of_text($class, $json, @options);
}

sub dump {
    my ($self) = @_;
    require Mesos::Message::Text;
    return Mesos::Message::Text::from_message(ref $self, $self);
}

sub copy {
    my ($self) = @_;
    require Mesos::Message::Walk;
    local $Mesos::Message::Walk::values = 0;
    return _copy($self, ref $self, 1, {});
}

# As deep as a message of 100 within one another, each in a list.
my $MAX_REFERENCES = 200;

# What is referred to twice is copied once, so that a copy is no larger than what it is of.
sub _copy {
    my ($value, $path, $depth, $seen) = @_;
    my $type = Scalar::Util::reftype($value) || '';
    return $value unless $type eq 'HASH' || $type eq 'ARRAY';
    if ($depth > $MAX_REFERENCES) {
        $path =~ s/\A((?:[^.]*\.){10}[^.]*)\..*/$1 .../s;
        _croak("$path: nested too deep, or in a circle");
    }
    # What a tie gives lives only as long as we hold it, and its address with it.
    my $address = Scalar::Util::refaddr($value);
    return $seen->{$address}[1] if $seen->{$address};
    my @keys = $type eq 'HASH' ? Mesos::Message::Walk::keys_of($value, $path) : ();
    Mesos::Message::Walk::count($path, $type eq 'HASH' ? scalar @keys : scalar @$value);
    my $copy
        = $type eq 'HASH'
        ? { map { $_ => _copy($value->{$_}, "$path.$_", $depth + 1, $seen) } @keys }
        : [ map { _copy($value->[$_], "$path\[$_]", $depth + 1, $seen) } 0 .. $#$value ];
    my $class = Scalar::Util::blessed($value);
    bless $copy, $class if defined $class;
    $seen->{$address} = [ $value, $copy ];
    return $copy;
}

sub equals {
    my ($self, $other) = @_;
    return !!0 unless ref $other;
    return $self->encode eq (ref $self)->can('encode')->(ref $self, $other);
}

# --- extensions: Mesos declares none, so that a class has one only if a program added it to its table ----------------------------

sub getExtension {
    my $self = shift;
    my $data = ref $self ? $self : shift;
    my $name = shift;
    return $self->_pb_fields_by_name unless $name;
    my ($key, $field) = _extension($self, $name);
    return exists $data->{$key} ? $data->{$key} : $field->[DEFAULT];
}

sub setExtension {
    my $self = shift;
    my $data = ref $self ? $self : shift;
    my ($name, $value) = @_;
    my ($key) = _extension($self, $name);
    $data->{$key} = $value;
    return $value;
}

sub _extension {
    my ($self, $name) = @_;
    $name =~ s/::/./g;
    my $field = $self->_pb_fields_by_name->{"[$name]"};
    _croak("There is no extension '$name' in '" . (ref $self || $self) . "'") unless $field;
    return ("[$name]", $field);
}

# --- introspection -----------------------------------------------------------------------------------------------------------

sub _pb_complex_type_kind { return 1 }

my @LABELS = (undef, qw(OPTIONAL REQUIRED REPEATED));
my @TYPES  = (
    undef, qw(DOUBLE FLOAT INT64 UINT64 INT32 FIXED64 FIXED32 BOOL STRING GROUP MESSAGE BYTES UINT32 ENUM),
    qw(SFIXED32 SFIXED64 SINT32 SINT64)
);

sub getPerlCode {
    my ($self, $options) = @_;
    my $class = ref $self || $self;
    my $constants = 'Google::ProtocolBuffers::Constants';
    my $fields = join '', map {
        my $type = $_->[TYPE] =~ /\A\d+\z/ ? "$constants\::TYPE_$TYPES[$_->[TYPE]]()" : "'$_->[TYPE]'";
        "            [$constants\::LABEL_$LABELS[$_->[LABEL]](), $type, '$_->[NAME]', $_->[NUMBER], " . _literal($_->[DEFAULT]) . "],\n";
    } @{ $self->_pb_fields_list };
    my $oneofs = 'undef';
    if ($self->can('_pb_oneofs')) {
        my $of = $self->_pb_oneofs;
        $oneofs = '{ ' . join(', ', map { "'$_' => [" . join(', ', map {"'$_'"} @{ $of->{$_} }) . ']' } sort keys %$of) . ' }';
    }
    my $wanted = join ', ', map {"'$_' => 1"} grep { $options->{$_} } qw(create_accessors follow_best_practice);
    return <<"END";
    unless ($class->can('_pb_fields_list')) {
        Google::ProtocolBuffers->create_message('$class', [
$fields        ], $oneofs, { $wanted });
    }

END
}

sub _literal {
    my ($value) = @_;
    return 'undef' unless defined $value;
    return $value if $value =~ /\A-?\d+(?:\.\d+)?(?:e[-+]?\d+)?\z/i;
    $value =~ s/([^ !#&'()*+,.\/0-9:;<=>?A-Z\[\]^_`a-z{|}~-])/sprintf '\\x{%02x}', ord $1/ge;
    return qq{"$value"};
}

# --- what C calls --------------------------------------------------------------------------------------------------------------

sub _croak { Carp::croak(@_) }
sub _carp  { Carp::carp(@_) }

1;
__END__

=head1 NAME

Mesos::Message - what the classes of Mesos messages have in common

=head1 SYNOPSIS

    use Mesos::Messages;

    my $task = Mesos::TaskInfo->new({ name => 'sleeper', task_id => { value => 'task-1' } });
    $task->slave_id({ value => 'agent-1' });
    print $task->name;                     # the same as $task->{name}

    my $bytes = $task->encode;
    my $again = Mesos::TaskInfo->decode($bytes);
    print $again->task_id->value;

    print Mesos::CommandInfo->new->shell;  # 1: the declared default

=head1 DESCRIPTION

A message is a blessed hash: its keys are the fields that are set, and nothing else. Nested messages are hashes in it, repeated fields
array references, enums and booleans integers, strings byte strings. Reading and writing the hash directly is the usual style, and the
fastest.

All message classes, which L<Mesos::Messages> makes, have the methods below. They are those of L<Google::ProtocolBuffers> 0.12 with
C<create_accessors>; a message's C<isa> says that it is a C<Google::ProtocolBuffers::Message> and a C<Class::Accessor>, though
neither module is needed. Encoding and decoding is done in native code.

Errors are exceptions: strings that end with the file and line of the calling code.

=head1 METHODS

=head2 new

    my $message = Mesos::TaskID->new;
    my $message = Mesos::TaskID->new(\%fields);

A new object with a shallow copy of the hash. Nothing is checked: unknown keys are kept, and nested hashes stay plain hashes (which
C<encode> takes as well). In a class with a C<oneof>, the fields are set by C<set>, so that one of its members remains. Dies if the
argument is neither undef nor a hash reference (C<< Mesos::TaskID->new: expected a reference to a hash, got "value" at ... >>).

=head2 decode

    my $message = Mesos::TaskStatus->decode($bytes);
    my $message = Mesos::TaskStatus->decode($bytes, %options);

The object that a byte string encodes; sub-messages are objects of their classes. Strings are bytes, without Perl's utf8 flag: use
L<Encode/decode> where they are text. Unknown fields are dropped, unknown numbers of enums kept. If a field that is not repeated occurs
several times, the last one counts. Required fields may be missing.

Options, all off by default:

=over 4

=item maps => 'hash'

Map fields, such as C<limits> of C<Mesos::TaskInfo>, as hashes (C<< { cpus => { value => 1 } } >>). The default is C<'list'>: a list of
entries (C<< [ { key => 'cpus', value => { value => 1 } } ] >>), objects of an C<...Entry> class.

=item unblessed => 1

Plain hashes, without classes. They have no methods; C<< Mesos::TaskStatus->encode($hash) >> takes them.

=item enum_names => 1

Enums as the names of their values (C<'TASK_RUNNING'>) instead of numbers. Numbers that the enum does not know stay numbers.

=item reject_unknown => 1

Dies at a field that the class does not have, or that is of another type
(C<Mesos::TaskID: message is incomplete or invalid: its field 17 is unknown, or of another type (at byte 7) at ...>).

=back

Dies if the string is undefined or utf8-flagged (C<... wide-character string ...>), or if it is truncated or otherwise no message
(C<Mesos::TaskInfo.task_id: message is incomplete or invalid: it is truncated (at byte 2) at ...>).

=head2 encode

    my $bytes = $message->encode;
    my $bytes = Mesos::TaskStatus->encode(\%fields);
    my $bytes = $message->encode(%options);
    my $bytes = Mesos::TaskStatus->encode(\%fields, %options);

The encoding as a byte string: fields in the order of their numbers, unknown keys ignored, C<undef> as if it was not there. What a field
takes:

=over 4

=item messages

A hash reference, or an object of any class: it is encoded as the field's declared type.

=item strings and bytes

Any scalar. A utf8-flagged string is encoded as UTF-8, any other as the bytes that it is. Objects must overload C<"">.

=item integers and enums

A number, or a string that looks like one; fractions are cut off. Names of enum values are understood with the option
C<enum_names> only: use the constants (L<Mesos::Enum>). Out of the type's range is an error. Objects must overload C<0+> or C<"">.

=item doubles

A number, or a string that looks like one.

=item booleans

Perl's truth.

=item repeated fields

An array reference, or a single value for a list of one. An undefined element is a warning, and encoded as the empty string or 0; among
messages it is an error.

=item map fields

A hash from keys to values, which is encoded sorted by its keys, or a list of entries with C<key> and C<value>. A single object of the
C<...Entry> class is a list of one; every other hash is the map itself. An undefined value is what an undefined element is.

=item fields that are not repeated

Given an array reference, its last element.

=back

A required field that is not set is encoded as its default, if it has one; other defaults are not written.

Options, all off by default:

=over 4

=item enum_names => 1

Enums may be given as the names of their values.

=item reject_unknown => 1

Dies if a hash has a key that is no field: C<Mesos::TaskInfo.resources[0]: there is no field "naem" at ...>.

=back

A message that has more than 512 MiB of strings, or more than 4,194,304 values, is too large. So is a tied hash of more than 1,048,576
keys. Data without end is thus an error, and takes no more memory than that. C<copy>, C<dump> and C<encode_json> count values, too.

Tied and overloaded values may do anything, including encoding and decoding other messages; when they die, C<encode> does.

Dies with the path of the value that is wrong:

    Mesos::TaskID.value: required field is missing at ...
    Mesos::TaskInfo.resources[2].scalar.value: expected a number, got "abc" at ...
    Mesos::TaskInfo.limits{cpus}.value: required field is missing at ...
    Mesos::TaskStatus.state: expected a number (a constant of Mesos::TaskState), got "TASK_RUNNING" at ...
    Mesos::ContainerID.parent.parent ...: nested more than 100 messages deep, or in a circle at ...

=head2 NAME

    my $value = $message->name;    # get
    $message->name($value);        # set
    $message->name(undef);         # delete
    $message->name(@values);       # two or more: set to a reference to an array of them

An accessor for each field. It returns a copy of the field's value; if that is not defined, the declared default, or undef. Setting a
member of a C<oneof> deletes the others. A setter returns a copy of the value it has set (the reference to the array, if there are
several), or, given undef, the value it has deleted. Dies if it is not called on an object.

The field C<set> of C<Mesos::Attribute>, C<Mesos::Resource> and C<Mesos::Value> has no such accessor: use C<< $message->{set} >>.
Every accessor is also there as C<_NAME_accessor>.

=head2 get

    my $value  = $message->get($name);
    my @values = $message->get(@names);

Values of fields, with their defaults, as by the accessors. Dies (with a backtrace) without a name.

=head2 set

    $message->set($name, $value);
    $message->set($name, @values);

As the accessors. Dies (with a backtrace) without a value.

=head2 which_oneof

    my $name = $message->which_oneof('selector');

The name of the member of this C<oneof> that is set; undef if none is, or if the class has no such C<oneof>.

=head2 encode_json

    my $json = $message->encode_json;
    my $json = Mesos::TaskInfo->encode_json(\%fields);
    my $json = $message->encode_json(v0 => 1);

The message as JSON (bytes, keys sorted) that a Mesos master or agent reads, in the mapping of their HTTP APIs: C<agent_id> for
C<slave_id>, objects for maps, names for enums; see L<Mesos::Message::JSON>. With C<v0>, the names are those that the fields have here
(C<slave_id>). Enums may be given as names. Required fields are not checked. Dies with the path of the value that is wrong, as
C<encode> does.

=head2 decode_json

    my $message = Mesos::TaskInfo->decode_json($json);
    my $message = Mesos::TaskInfo->decode_json($json, %options);

The object that such JSON describes, with the names of either API. Dies if it is not JSON, or if a value is not what its field holds;
the text starts with the path of the value. Options, all off by default:

=over 4

=item unblessed => 1

=item enum_names => 1

=item maps => 'hash'

=item reject_unknown => 1

As for C<decode>. Without the last one, unknown names are ignored, as Mesos does.

=back

=head2 TO_JSON

What L<JSON::PP>, L<JSON::XS> and others call with C<convert_blessed>: the plain structure of what C<encode_json> writes. Those
modules write doubles with 15 digits; C<encode_json> is exact.

=head2 dump

    print $message->dump;

The message as text for people, in protobuf's text format: see L<Mesos::Message::Text>. It shows what cannot be encoded as well, and dies
only of messages that are nested more than 100 deep, or in a circle.

=head2 copy

    my $copy = $message->copy;

A deep copy, with unknown keys. References other than to hashes and arrays are shared. Two references to one hash or array become
two references to one copy. Dies if it is nested deeper than messages can be, or in a circle.

=head2 equals

    if ($message->equals($other)) { ... }

Whether both have the same encoding as a message of C<$message>'s class. C<$other> may be a plain hash reference. Dies if one of
them cannot be encoded.

=head2 getExtension, setExtension

    my $value = $message->getExtension($name);
    $message->setExtension($name, $value);

Mesos declares no extensions: these die with C<There is no extension 'NAME' in 'CLASS'>. C<getExtension> without a name returns
what C<_pb_fields_by_name> does.

=head2 _pb_fields_list, _pb_fields_by_name, _pb_fields_by_number

    my $fields = Mesos::TaskStatus->_pb_fields_list;

The fields, as a reference to an array in the order of their numbers, or to a hash by name or number. Each is
C<[ $label, $type, $name, $number, $default ]>: the label 1 for optional, 2 for required, 3 for repeated; the type a class name for
messages and enums, else the number that descriptor.proto has for it.

=head2 _pb_oneofs, _pb_oneofs_rev

In classes with a C<oneof> only: its members by its name, and its name by those of its members.

=head2 _pb_complex_type_kind

1: what Google::ProtocolBuffers calls a message.

=head2 getPerlCode

    my $code = Mesos::TaskStatus->getPerlCode({ create_accessors => 1 });

Perl code (a string) that makes the same class with C<Google::ProtocolBuffers-E<gt>create_message>, unless it exists.

=head1 SEE ALSO

L<Mesos::Messages>, L<Mesos::Enum>

=cut
