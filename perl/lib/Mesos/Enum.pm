package Mesos::Enum;
use 5.10.1;
use strict;
use warnings;
use Exporter ();

our @ISA = ('Exporter');

# The classes say that they are this, without needing it: a package that exists keeps Perl from warning about an unknown base.
{ package    # not indexed
        Google::ProtocolBuffers::Enum; }

sub _pb_complex_type_kind { return 3 }

my %NAMES;    # of the numbers, by class: made when first asked for

sub name_of {
    my ($self, $number) = @_;
    my $class = ref $self || $self;
    # The first of several names, as everywhere.
    my $names = $NAMES{$class} ||= { map { ($_->[1] => $_->[0]) } reverse @{ $class->_pb_fields_list } };
    return defined $number ? $names->{$number} : undef;
}

sub getPerlCode {
    my ($self) = @_;
    my $class = ref $self || $self;
    my $values = join '', map {"            ['$_->[0]', $_->[1]],\n"} @{ $self->_pb_fields_list };
    return <<"END";
    unless ($class->can('_pb_fields_list')) {
        Google::ProtocolBuffers->create_enum('$class', [
$values        ]);
    }

END
}

1;
__END__

=head1 NAME

Mesos::Enum - what the enums of Mesos have in common

=head1 SYNOPSIS

    use Mesos::Messages;

    print Mesos::TaskState->name_of($status->{state}), "\n";
    print "it runs\n" if $status->{state} == Mesos::TaskState::TASK_RUNNING;

    BEGIN { Mesos::TaskState->import(':constants') }
    print "it is done\n" if $status->{state} == TASK_FINISHED;

=head1 DESCRIPTION

Each enum of Mesos is a package, as C<Mesos::TaskState> or C<Mesos::Value::Type>, with a constant sub for each of its values.
L<Mesos::Messages> makes them all. In messages, enums are plain integers.

Every enum is a C<Mesos::Enum> and, by its C<isa>, a C<Google::ProtocolBuffers::Enum>; that module need not be installed.

=head1 METHODS

=head2 import

    Mesos::TaskState->import(':constants');
    Mesos::TaskState->import(qw(TASK_RUNNING TASK_LOST));

L<Exporter>'s: makes constants known in the calling package; C<:constants> are all of them. Since the enums are not files of their
own, call it in a C<BEGIN> block if the names are to be used without parentheses. Dies if a name is not a value of the enum.

=head2 name_of

    my $name = Mesos::TaskState->name_of($status->{state});    # 'TASK_RUNNING'

The name of the value with this number; undef if there is none, or for undef.

=head2 getPerlCode

    my $code = Mesos::TaskState->getPerlCode;

Perl code (a string) that makes the same enum with C<Google::ProtocolBuffers-E<gt>create_enum>, unless it exists.

=head2 _pb_fields_list

The values: an array ref of C<[ $name, $number ]>, in the order of their declaration.

=head2 _pb_complex_type_kind

3: what Google::ProtocolBuffers calls an enum.

=head1 SEE ALSO

L<Mesos::Messages>, L<Mesos::Message>

=cut
