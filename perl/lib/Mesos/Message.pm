package Mesos::Message;
use 5.10.1;
use strict;
use warnings;
use Carp ();

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
    if (@values > 1) {
        $self->{$name} = \@values;
    }
    elsif (defined $values[0]) {
        $self->{$name} = $values[0];
    }
    else {
        delete $self->{$name};
    }
    my $oneof = $self->can('_pb_oneofs_rev') ? $self->_pb_oneofs_rev->{$name} : undef;
    if (defined $oneof) {
        delete @$self{ grep { $_ ne $name } @{ $self->_pb_oneofs->{$oneof} } };
    }
    return;
}

sub which_oneof {
    my ($self, $oneof) = @_;
    my $members = $self->can('_pb_oneofs') ? $self->_pb_oneofs->{$oneof} : undef;
    my ($set) = grep { defined $self->{$_} } @{ $members || [] };
    return $set;
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
