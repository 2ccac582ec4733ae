package Mesos::Enum;
use 5.10.1;
use strict;
use warnings;
use Exporter ();
use Mesos::Message::Constants ();

our @ISA = ('Exporter');

# The classes say that they are this, without needing it: a package that exists keeps Perl from warning about an unknown base.
{ package    # not indexed
        Google::ProtocolBuffers::Enum; }

sub _pb_complex_type_kind { return Mesos::Message::Constants::KIND_ENUM }

my %NAMES;    # of the numbers, by class: made when first asked for

sub name_of {
    my ($self, $number) = @_;
    my $class = ref $self || $self;
    # The first of several names, as everywhere.
    my $names = $NAMES{$class} ||= {map { ($_->[1] => $_->[0]) } reverse @{$class->_pb_fields_list}};
    return defined $number ? $names->{$number} : undef;
}

sub getPerlCode {
    my ($self) = @_;
    my $class = ref $self || $self;
    my $values = join '', map {"            ['$_->[0]', $_->[1]],\n"} @{$self->_pb_fields_list};
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

    my $status = Mesos::TaskStatus->new({task_id => {value => 'task-1'}, state => Mesos::TaskState::TASK_RUNNING});
    print Mesos::TaskState->name_of($status->{state}), "\n";
    print "it runs\n" if $status->{state} == Mesos::TaskState::TASK_RUNNING;

    BEGIN { Mesos::TaskState->import(':constants') }
    print "it is done\n" if $status->{state} == TASK_FINISHED;

=head1 DESCRIPTION

Each enum of Mesos is a package, such as C<Mesos::TaskState> or C<Mesos::Value::Type>, with a constant sub for each of its values.
L<Mesos::Messages> makes all of these packages. In messages, enums are plain integers: compare them with C<==> and a constant, or compare
what C<name_of> returns. C<< $status->{state} eq 'TASK_RUNNING' >> is never true, and Perl says nothing.

Every enum is a C<Mesos::Enum>. Its C<isa> also says that it is a C<Google::ProtocolBuffers::Enum>, but you need not install that module.

=head1 METHODS

=head2 import

    Mesos::TaskState->import(':constants');
    Mesos::TaskState->import(qw(TASK_RUNNING TASK_LOST));

Exports constants into the calling package, as L<Exporter> does. C<:constants> means all of them. The enums are not files of their own, so
call this in a C<BEGIN> block if you want to use the names without parentheses. Dies if a name is not a value of the enum.

=head2 name_of

    my $name = Mesos::TaskState->name_of($status->{state});    # 'TASK_RUNNING'

Returns the name of the value with this number, or undef if there is none. Returns undef for undef.

=head2 getPerlCode

    my $code = Mesos::TaskState->getPerlCode;

Returns Perl code (a string) that makes the same enum with C<< Google::ProtocolBuffers->create_enum >>, unless it exists.

=head2 _pb_fields_list

Returns the values: an array reference of C<[ $name, $number ]>, in the order of their declaration.

=head2 _pb_complex_type_kind

Returns 3, which is Google::ProtocolBuffers' number for an enum.

=head1 SEE ALSO

L<Mesos::Messages>, L<Mesos::Message>

=cut
