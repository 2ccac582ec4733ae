package Mesos::Message;
use 5.10.1;
use strict;
use warnings;
no warnings 'recursion';
use Carp ();
use Mesos::Error ();
use Mesos::Message::Constants ();
use Mesos::Warnings ();
use overload ();
use Scalar::Util ();

# The classes say that they are these, without needing them: a package that exists keeps Perl from warning about an unknown base.
{ package    # not indexed
        Google::ProtocolBuffers::Message; }
{ package    # not indexed
        Class::Accessor; }

# Errors are reported where our caller's code is.
$Carp::Internal{$_} = 1 for qw(Mesos::Message Mesos::Messages Mesos::Enum);

use constant {LABEL => 0, TYPE => 1, NAME => 2, NUMBER => 3, DEFAULT => 4};

# --- objects -----------------------------------------------------------------------------------------------------------------

sub new {
    my ($proto, $fields) = @_;
    my $class = ref $proto || $proto;
    return bless {}, $class unless defined $fields;
    _croak("$class->new: expected a reference to a hash, got " . (ref $fields ? "a reference to $fields" : qq{"$fields"}))
        unless ref $fields eq 'HASH' || _is_hash($fields);
    return bless {%$fields}, $class unless $class->can('_pb_oneofs');

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

# What a message has, and its class has not.
sub _no_object {
    my ($self, $method) = @_;
    require Mesos::Warnings::Methods;
    return Mesos::Warnings::Methods::no_object($method, $self, 'new', $self);
}

sub get {
    my $self = shift;
    _no_object($self, 'get') unless ref $self;
    Carp::confess('Wrong number of arguments received.') unless @_;
    my @values = map { defined $self->{$_} ? $self->{$_} : _default($self, $_) } @_;
    return @values == 1 ? $values[0] : @values;
}

sub _default {
    my ($self, $name) = @_;
    my $fields = $self->_pb_fields_by_name;
    my $field = $fields->{$name} or return scalar _warn_of_name($self, 'get', "field '$name'", $name, sort keys %$fields);
    return $field->[DEFAULT];
}

# Nothing is ever there by a name that is none. Keys of the user's own are his.
sub _warn_of_name {
    my ($self, $method, $what, $name, @known) = @_;
    return if !defined $name || exists $self->{$name} || $name =~ /\A[_\[]/;
    require Mesos::Warnings;
    my $class = ref $self;
    Mesos::Warnings::warn_user("$method: $class has no $what" . Mesos::Warnings::suggestion($name, 'there are', @known), "$class $method $name");
    return;
}

sub set {
    my ($self, $name, @values) = @_;
    _no_object($self, 'set') unless ref $self;
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
        delete @$self{grep { $_ ne $name } @{$self->_pb_oneofs->{$oneof}}};
    }
    return $value;
}

sub which_oneof {
    my ($self, $oneof) = @_;
    _no_object($self, 'which_oneof') unless ref $self;
    my $oneofs = $self->can('_pb_oneofs') ? $self->_pb_oneofs : {};
    my $members = $oneofs->{$oneof} or return scalar _warn_of_name($self, 'which_oneof', "oneof '$oneof'", $oneof, sort keys %$oneofs);
    my ($set) = grep { defined $self->{$_} } @{$members || []};
    return $set;
}

# --- conveniences that Google::ProtocolBuffers does not have -----------------------------------------------------------------------

sub TO_JSON {
    my ($self) = @_;
    require Mesos::Message::JSON;
    return Mesos::Message::JSON::from_message(ref $self, $self, ref $self);
}

sub encode_json {
    my $self = shift;
    my $class = ref $self || $self;
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
    _no_object($self, 'dump') unless ref $self;
    require Mesos::Message::Text;
    return Mesos::Message::Text::from_message(ref $self, $self);
}

sub copy {
    my ($self) = @_;
    _no_object($self, 'copy') unless ref $self;
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
        ? {map { $_ => _copy($value->{$_}, "$path.$_", $depth + 1, $seen) } @keys}
        : [map { _copy($value->[$_], "$path\[$_]", $depth + 1, $seen) } 0 .. $#$value];
    my $class = Scalar::Util::blessed($value);
    bless $copy, $class if defined $class;
    $seen->{$address} = [$value, $copy];
    return $copy;
}

sub equals {
    my ($self, $other) = @_;
    _no_object($self, 'equals') unless ref $self;
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

sub _pb_complex_type_kind { return Mesos::Message::Constants::KIND_MESSAGE }

sub getPerlCode {
    my ($self, $options) = @_;
    my $class = ref $self || $self;
    my $constants = 'Google::ProtocolBuffers::Constants';
    my $fields = join '', map {
        my $type = $_->[TYPE] =~ /\A\d+\z/ ? "$constants\::" . Mesos::Message::Constants::name_of('TYPE', $_->[TYPE]) . '()' : "'$_->[TYPE]'";
        my $label = Mesos::Message::Constants::name_of('LABEL', $_->[LABEL]);
        "            [$constants\::$label(), $type, '$_->[NAME]', $_->[NUMBER], " . _literal($_->[DEFAULT]) . "],\n";
    } @{$self->_pb_fields_list};
    my $oneofs = 'undef';
    if ($self->can('_pb_oneofs')) {
        my $of = $self->_pb_oneofs;
        $oneofs = '{ ' . join(', ', map { "'$_' => [" . join(', ', map {"'$_'"} @{$of->{$_}}) . ']' } sort keys %$of) . ' }';
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

sub _croak { Mesos::Error::croak(@_) }
sub _carp { Carp::carp(@_) }

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

A message is a blessed hash. Its keys are the fields that are set, and nothing else. In it, nested messages are hashes, repeated fields are
array references, enums and booleans are integers, and strings are byte strings. Programs usually read and write the hash directly, which is
also the fastest way.

L<Mesos::Messages> makes all message classes, and they all have the methods below. These include the methods of L<Google::ProtocolBuffers>
0.12 with C<create_accessors>. The C<isa> of a message says that it is a C<Google::ProtocolBuffers::Message> and a C<Class::Accessor>, but you
need neither module. Encoding and decoding run in native code.

Errors are exceptions: objects of L<Mesos::Error>, which as strings end with the file and the line of your code.

=head1 METHODS

=head2 new

    my $message = Mesos::TaskID->new;
    my $message = Mesos::TaskID->new(\%fields);

Returns a new object with a shallow copy of the hash. It checks nothing: unknown keys stay, and nested hashes stay plain hashes (C<encode>
accepts them, too). In a class with a C<oneof>, it sets the fields with C<set>, so that only one member of the C<oneof> remains. Dies if the
argument is neither undef nor a hash reference (C<< Mesos::TaskID->new: expected a reference to a hash, got "value" at ... >>).

=head2 decode

    my $message = Mesos::TaskStatus->decode($bytes);
    my $message = Mesos::TaskStatus->decode($bytes, %options);

Returns the object that a byte string encodes. Nested messages are objects of their classes. Strings are bytes, without Perl's utf8 flag:
call L<Encode/decode> if they are text. C<decode> drops unknown fields, and keeps unknown numbers of enums. If a field that is not repeated
occurs several times, the last one counts. Required fields may be missing.

Options, all off by default:

=over 4

=item maps => 'hash'

Returns map fields, such as C<limits> of C<Mesos::TaskInfo>, as hashes (C<< { cpus => { value => 1 } } >>). The default is C<'list'>: a list of
entries (C<< [ { key => 'cpus', value => { value => 1 } } ] >>), objects of an C<...Entry> class.

=item unblessed => 1

Returns plain hashes, without classes. They have no methods, but C<< Mesos::TaskStatus->encode($hash) >> accepts them.

=item enum_names => 1

Returns the names of enum values (C<'TASK_RUNNING'>) instead of numbers. Numbers that the enum does not know stay numbers.

=item reject_unknown => 1

Dies at a field that the class does not have, or that is of another type
(C<Mesos::TaskID: message is incomplete or invalid: its field 17 is unknown, or of another type (at byte 7) at ...>).

=back

Dies if the string is undefined or utf8-flagged (C<... wide-character string ...>), and if it is truncated or otherwise not a message
(C<Mesos::TaskInfo.task_id: message is incomplete or invalid: it is truncated (at byte 2) at ...>).

=head2 encode

    my $bytes = $message->encode;
    my $bytes = Mesos::TaskStatus->encode(\%fields);
    my $bytes = $message->encode(%options);
    my $bytes = Mesos::TaskStatus->encode(\%fields, %options);

Returns the encoding as a byte string, with the fields in the order of their numbers. C<encode> ignores unknown keys, and keys whose value is
undef. These are the values that a field accepts:

=over 4

=item messages

A hash reference, or an object of any class. It is encoded as the declared type of the field.

=item strings and bytes

Any scalar. A utf8-flagged string is encoded as UTF-8, and every other string byte for byte. Objects must overload C<"">.

=item integers and enums

A number, or a string that looks like one. Fractions are cut off. A number outside the type's range is an error. For enums, use the constants
(L<Mesos::Enum>); names of their values are accepted only with the option C<enum_names>. Objects must overload C<0+> or C<"">.

=item doubles

A number, or a string that looks like one.

=item booleans

Any value; Perl's rules decide whether it is true.

=item repeated fields

An array reference, or a single value for a list of one. An undefined element gives a warning and is encoded as the empty string or 0. Among
messages, it is an error.

=item map fields

A hash from keys to values, or a list of entries with C<key> and C<value>. A hash is encoded in the order of its keys. A single object of the
C<...Entry> class is a list of one; every other hash is the map itself. An undefined value is treated as an undefined element of a repeated
field.

=item fields that are not repeated

A single value. If you give an array reference, its last element counts.

=back

If a required field is not set, C<encode> writes its default, if it has one. It writes no other defaults. A required field without a default
must be set, in all messages within the message. An entry of a map that has no C<value> counts as one with an empty message.

Options, all off by default:

=over 4

=item enum_names => 1

Accepts the names of enum values.

=item reject_unknown => 1

Dies if a hash has a key that is no field: C<Mesos::TaskInfo.resources[0]: there is no field "naem" at ...>.

=back

C<encode> dies if a message has more than 512 MiB of strings or more than 4,194,304 values, or if a tied hash has more than 1,048,576 keys. So
tied data without end is an error, and does not take more memory than that. C<copy>, C<dump> and C<encode_json> count values, too.

The methods of tied and overloaded values may do anything, and may even encode and decode other messages. If such a method dies, so does
C<encode>.

If a value is wrong, the error begins with its path:

    Mesos::TaskID.value: required field is missing at ...
    Mesos::TaskInfo.resources[2].scalar.value: expected a number, got "abc" at ...
    Mesos::TaskInfo.limits{cpus}.value: required field is missing at ...
    Mesos::TaskStatus.state: expected a number (a constant of Mesos::TaskState), got "TASK_RUNNING" at ...
    Mesos::ContainerID.parent.parent ...: nested more than 100 messages deep, or in a circle at ...

If a required field is missing, and the same message has a key that is no field, the error names this key, too:

    Mesos::FrameworkInfo.name: required field is missing (Mesos::FrameworkInfo has no field 'nam': did you mean 'name'?) at ...

=head2 NAME

    my $value = $message->name;    # get
    $message->name($value);        # set
    $message->name(undef);         # delete
    $message->name(@values);       # two or more: set to a reference to an array of them

Each field has an accessor. As a getter, it returns a copy of the field's value. If the value is not defined, it returns the declared default, or
undef. As a setter, it returns a copy of the value that it has set (of several values: the reference to the array). If you set undef, it
returns the value that it has deleted. If you set a member of a C<oneof>, it deletes the other members. Dies if you do not call it on an
object.

The field C<set> of C<Mesos::Attribute>, C<Mesos::Resource> and C<Mesos::Value> has no such accessor: use C<< $message->{set} >>.
Every accessor also exists as C<_NAME_accessor>.

=head2 get

    my $value  = $message->get($name);
    my @values = $message->get(@names);

Returns the values of these fields, or their defaults, as the accessors do. A name that is no field's gives undef, with a warning, unless you
have set such a key yourself or it begins with an underscore. Dies (with a backtrace) without a name.

=head2 set

    $message->set($name, $value);
    $message->set($name, @values);

Sets a field as its accessor does. Dies (with a backtrace) without a value.

=head2 which_oneof

    my $name = $message->which_oneof('selector');

Returns the name of the member of this C<oneof> that is set. Returns undef if none is set, and with a warning if the class has no
such C<oneof>.

=head2 encode_json

    my $json = $message->encode_json;
    my $json = Mesos::TaskInfo->encode_json(\%fields);
    my $json = $message->encode_json(v0 => 1);

Returns the message as JSON (bytes, with sorted keys) that a Mesos master or agent reads. The mapping is that of their HTTP APIs: C<agent_id>
for C<slave_id>, objects for maps, and names for enums (see L<Mesos::Message::JSON>). With C<v0>, it writes the names that the fields have in
Perl (C<slave_id>). In the message, enums may be numbers or names. C<encode_json> does not check required fields. If a value is wrong, it
dies with the path of the value, as C<encode> does. It gives the same warnings, too: of a key that is no field (C<agent_id> is one in JSON
only), and of a number that its enum has not.

=head2 decode_json

    my $message = Mesos::TaskInfo->decode_json($json);
    my $message = Mesos::TaskInfo->decode_json($json, %options);

Returns the object that such JSON describes. It accepts the names of both APIs. Dies if the text is not JSON, or if a value does not fit its
field; the error begins with the path of the value. Options, all off by default:

=over 4

=item unblessed => 1

=item enum_names => 1

=item maps => 'hash'

=item reject_unknown => 1

The same as for C<decode>. Without C<reject_unknown>, unknown names are ignored, as Mesos ignores them.

=back

=head2 TO_JSON

Returns what C<encode_json> writes, as a plain structure. L<JSON::PP>, L<JSON::XS> and others call this method if you set C<convert_blessed>.
They write doubles with 15 digits, while C<encode_json> is exact.

=head2 dump

    print $message->dump;

Returns the message as text for people, in protobuf's text format: see L<Mesos::Message::Text>. It also shows what C<encode> would refuse. It
dies only if messages are nested more than 100 deep, if a message contains itself, or if there are too many values.

=head2 copy

    my $copy = $message->copy;

Returns a deep copy, which includes unknown keys. The copy shares references to anything other than hashes and arrays. Two references to one
hash or array become two references to one copy. Dies if the message is nested more than 100 deep, or contains itself.

=head2 equals

    if ($message->equals($other)) { ... }

Returns true if both have the same encoding as a message of C<$message>'s class. C<$other> may be a plain hash reference. Dies if C<encode>
refuses one of them.

=head2 getExtension, setExtension

    my $value = $message->getExtension($name);
    $message->setExtension($name, $value);

Mesos declares no extensions, so both die with C<There is no extension 'NAME' in 'CLASS'>. Without a name, C<getExtension> returns the same as
C<_pb_fields_by_name>.

=head2 _pb_fields_list, _pb_fields_by_name, _pb_fields_by_number

    my $fields = Mesos::TaskStatus->_pb_fields_list;

Return the fields: as a reference to an array in the order of their numbers, or to a hash by name or by number. Each field is
C<[ $label, $type, $name, $number, $default ]>. The label is 1 for optional, 2 for required, 3 for repeated. The type is a class name for
messages and enums, else the number that descriptor.proto gives it.

=head2 _pb_oneofs, _pb_oneofs_rev

Only classes with a C<oneof> have these. The first returns the members of each C<oneof>, the second the C<oneof> of each member.

=head2 _pb_complex_type_kind

Returns 1, which is Google::ProtocolBuffers' number for a message.

=head2 getPerlCode

    my $code = Mesos::TaskStatus->getPerlCode({ create_accessors => 1 });

Returns Perl code (a string) that makes the same class with C<< Google::ProtocolBuffers->create_message >>, unless it exists.

=head1 SEE ALSO

L<Mesos::Messages>, L<Mesos::Enum>

=cut
