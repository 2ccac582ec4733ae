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
    return unless defined $number;
    my $name = $names->{$number};
    _warn_of($class, 'name_of: expected a number', $number, '') if !defined $name && $number !~ /\A-?\d+\z/;
    return $name;
}

# Numbers that a Mesos has sent and no value of ours has, as "CLASS NUMBER". The codec writes it.
our %RECEIVED;

# For the codec, which has refused what is no number: a text for each of these that no value has. It encodes them, for a newer Mesos may know
# them. What a Mesos has sent goes back without a word: nobody has made a mistake.
sub _unknown_numbers {
    my ($class, @numbers) = @_;
    return map {"$_ is no value of $class: a Mesos that does not know it either takes the field as not set"}
        grep { defined && !ref && /\A\s*[-+]?\d/ && !defined $class->name_of(int) && !$RECEIVED{"$class " . int} } @numbers;
}

# A name that is none compares as false, or gives undef, and whoever waits for the true one waits for ever.
sub _warn_of {
    my ($class, $what, $got, $meant) = @_;
    require Mesos::Arguments;
    require Mesos::Warnings;
    Mesos::Warnings::warn_user("$class->$what, got " . Mesos::Arguments::_describe($got) . $meant, "$class $what $got");
    return;
}

sub _warn_of_state {
    my ($class, $got) = @_;
    require Mesos::Warnings;
    my @names = ref $got ? () : map { $_->[0] } @{$class->_pb_fields_list};
    my $meant = @names ? Mesos::Warnings::meant($got, @names) : '';
    my ($long) = length $meant ? () : grep {/_\Q$got\E\z/} @names;
    return _warn_of($class, 'is_terminal: expected a state', $got, defined $long ? ": did you mean '$long'?" : $meant);
}

# As src/common/protobuf_utils.cpp of Mesos has it: of a state that is unknown or unreachable, more may come.
my @task_is_over = qw(FINISHED FAILED KILLED ERROR LOST DROPPED GONE GONE_BY_OPERATOR);
my @operation_is_over = qw(FINISHED FAILED ERROR DROPPED GONE_BY_OPERATOR);
my %IS_TERMINAL = ((map { ("TASK_$_" => 1) } @task_is_over), map { ("OPERATION_$_" => 1) } @operation_is_over);

# In the two enums that have such states: a method of all would be a trap.
for my $of (qw(Mesos::TaskState Mesos::OperationState)) {
    no strict 'refs';
    *{"$of\::is_terminal"} = sub {
        my ($self, $state) = @_;
        my $name = defined $state && $state =~ /\A\d+\z/ ? name_of($self, $state) : $state;
        return !!0 unless defined $name;
        my $is_known = $self->can($name);
        _warn_of_state($of, $name) if !$is_known || $name !~ /\A[A-Z_]+\z/;
        return !!($IS_TERMINAL{$name} && $is_known);
    };
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

=head2 is_terminal

    my $is_over = Mesos::TaskState->is_terminal($status->{state});

Only of C<Mesos::TaskState> and C<Mesos::OperationState>: returns whether a task or an operation with this state (a number or its name) has
ended, as Mesos sees it. So it is false for C<TASK_UNREACHABLE> and C<TASK_UNKNOWN>, which may change.

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
