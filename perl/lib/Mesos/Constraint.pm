package Mesos::Constraint;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error ();
use Mesos::Messages ();
use Mesos::Warnings ();
use Module::Runtime qw(require_module);
use Scalar::Util qw(blessed);
use overload '""' => sub { $_[0]{name} }, 'bool' => sub {1}, fallback => 1;

# The types of Mesos::Types and Types::Standard, for our own classes: loading those takes longer than everything else of a driver together.
# A constraint accepts by itself what is right beyond doubt. Anything else it leaves to the type, which may accept it too, or says what is
# wrong.

$Carp::Internal{+__PACKAGE__} = 1;

# Of the types whose name is not their class's, without Mesos:: before it.
our %CLASS = (
    OfferOperation => 'Mesos::Offer::Operation',
    ReconcileOperation => 'Mesos::Scheduler::Call::ReconcileOperations::Operation',
);

our @MESSAGES = qw(
    CommandInfo Credential ExecutorID ExecutorInfo Filters FrameworkInfo KillPolicy OfferID OfferOperation OperationStatus ReconcileOperation
    Request SlaveID TaskID TaskInfo TaskStatus
);
my %is_message = map { ($_ => 1) } @MESSAGES;

my %plain = (
    Str => sub { defined $_[0] && ref \$_[0] eq 'SCALAR' },
    Int => sub { defined $_[0] && ref \$_[0] eq 'SCALAR' && $_[0] =~ /\A-?[0-9]{1,15}\z/ },
    Num => sub { defined $_[0] && ref \$_[0] eq 'SCALAR' && $_[0] =~ /\A-?[0-9]{1,15}(?:\.[0-9]{1,15})?\z/ },
);

# Str, Int or Num of Types::Standard.
sub standard {
    my ($class, $name) = @_;
    return bless {name => $name, accepts => $plain{$name}, load => sub { require Types::Standard; Types::Standard->get_type($name) }}, $class;
}

# InstanceOf of Types::Standard.
sub instance_of {
    my ($class, $of) = @_;
    return bless {
        name => qq(InstanceOf["$of"]),
        accepts => sub { blessed $_[0] && $_[0]->isa($of) },
        load => sub { require Types::Standard; Types::Standard::InstanceOf([$of]) },
    }, $class;
}

# CodeLike of Types::TypeTiny.
sub code {
    my ($class) = @_;
    my $load = sub { require Types::TypeTiny; Types::TypeTiny::CodeLike() };
    return bless {name => 'CodeLike', accepts => sub { ref $_[0] eq 'CODE' }, load => $load}, $class;
}

# A type of Mesos::Types.
sub named {
    my ($class, $name) = @_;
    my $of = $CLASS{$name} || "Mesos::$name";
    return bless {
        name => $name,
        class => $of,
        accepts => sub { blessed $_[0] && $_[0]->isa($of) },
        coerces => $is_message{$name} || $name eq 'Dispatcher',
        load => sub { require Mesos::Types; Mesos::Types->get_type($name) },
    }, $class;
}

# The type itself.
sub type { $_[0]{type} ||= $_[0]{load}->() }

sub has_coercion { $_[0]{coerces} }

sub check { $_[0]{accepts}->($_[1]) || $_[0]->type->check($_[1]) }

# For `isa` of an attribute. The text is the type's; its error finds out itself which attribute Moo sets.
sub checker {
    my ($self) = @_;
    my $accepts = $self->{accepts};
    return sub {
        my ($value) = @_;
        return if $accepts->($value) || $self->type->check($value);
        require Error::TypeTiny::Assertion;
        my %context;
        @context{qw(file line)} = Mesos::Warnings::place_of_user();
        my $why = Error::TypeTiny::Assertion->new(
            message => $self->type->get_message($value),
            type => $self->type,
            value => $value,
            context => \%context,
        );
        my %part = (_of_attribute(), message => $why->message, cause => $why);
        die Mesos::Error::_made_of("$why", 'argument', %part, %context);
    };
}

# For `coerce` of an attribute.
sub coercer {
    my ($self) = @_;
    my ($accepts, $class) = @{$self}{qw(accepts class)};
    my $from = $is_message{$self->{name}} ? sub { ref $_[0] eq 'HASH' } : sub { defined $_[0] && ref \$_[0] eq 'SCALAR' };
    my $make = $is_message{$self->{name}} ? sub { $class->new($_[0]) } : \&_dispatcher;
    return sub {
        return $_[0] if $accepts->($_[0]);
        return $make->($_[0]) if $from->($_[0]);
        return $self->type->coerce($_[0]);
    };
}

# 'Name' is Mesos::Dispatcher::Name, '+Full::Name' is Full::Name.
sub _dispatcher {
    my ($name) = @_;
    my $class = $name =~ s/\A\+// ? $name : "Mesos::Dispatcher::$name";
    return $class->new if eval { require_module($class); 1 };
    (my $problem = $@) =~ s/\n? at \S+ line \d+\.?\n\z//;
    my $expected = qq{expected "AnyEvent", "IOAsync", "Mojo", "POE", "Interrupt" or "+" and the name of a class, got "$name"};
    $problem = $expected if $problem =~ /is not a module name/;
    # An event loop is missing, and not the dispatcher itself.
    if ($problem =~ m{\A(Can't locate (\S+)\.pm in \@INC)}) {
        my ($why, $module) = ($1, $2);
        $module =~ s{/}{::}g;
        $problem
            = $module ne $class ? "$class needs the module $module, which is not installed"
            : $class eq $name ? $problem
            : "$why ($expected)";
    }
    _die($problem, argument => 'dispatcher');
}

# The attribute that Moo sets, and the method for it, if that is a constructor.
sub _of_attribute {
    my $attribute = $Method::Generate::Accessor::CurrentAttribute or return;
    my $argument = defined $attribute->{init_arg} ? $attribute->{init_arg} : $attribute->{name};
    my $method = Mesos::Error::_called();
    # A coercion of Type::Tiny's is named to_Dispatcher, whoever has called the constructor.
    return (argument => $argument, method => defined $method && $method !~ /\Ato_/ ? $method : 'new');
}

# For BUILDARGS: as Moo's own, whose errors would be plain texts.
sub arguments_of_new {
    my ($class, @given) = @_;
    return {%{$given[0]}} if @given == 1 && ref $given[0] eq 'HASH';
    return {@given} unless @given % 2;
    require Mesos::Arguments;
    my $got = @given == 1 ? Mesos::Arguments::_describe($given[0]) : 'an odd number of arguments';
    return Mesos::Warnings::die_user("$class->new: expected pairs of a name and a value, or a hash reference, got $got", 'argument', method => 'new');
}

# For the attribute `driver`, whose error would not name the variable.
sub _driver_of_environment {
    my $value = $ENV{PERL_MESOS_DRIVER};
    return '' unless defined $value && length $value;
    _die(qq(PERL_MESOS_DRIVER: expected "native" or "libmesos", got "$value")) unless $value =~ /\A(?:native|libmesos)\z/;
    return $value;
}

# What a check of an attribute, or a coercion, dies of. The text is what Moo makes of one; an object Moo leaves alone.
sub _die {
    my ($problem, @part) = @_;
    my %part = _of_attribute() or return Mesos::Warnings::die_user($problem, 'argument', @part);
    ($part{message} = $problem) =~ s/\A\Q$part{argument}\E: //;
    my $step = $Method::Generate::Accessor::CurrentAttribute->{step};
    return Mesos::Warnings::die_user(qq($step for "$part{argument}" failed: $problem), 'argument', %part);
}

1;
__END__

=head1 NAME

Mesos::Constraint - stands for a type until something seems to be wrong

=head1 SYNOPSIS

    use Moo;
    use Mesos::Constraint ();

    my $task_info = Mesos::Constraint->named('TaskInfo');
    has task => (is => 'ro', isa => $task_info->checker, coerce => $task_info->coercer);

=head1 DESCRIPTION

For Mesos' own classes. To load L<Type::Tiny>, L<Types::Standard> and L<Mesos::Types> takes as long as to load all the rest of a driver. A
constraint accepts what is right beyond doubt, and asks its type, which it loads for that, about anything else. So values are accepted and
refused as the type does it, and errors are the type's.

=head1 METHODS

=head2 named($name), standard($name), instance_of($class), code

Constructors: a type of L<Mesos::Types>, C<Str>, C<Int> or C<Num>, C<InstanceOf>, and C<CodeLike>.

=head2 check($value), has_coercion

As a type's.

=head2 checker, coercer

Code references for C<isa> and C<coerce> of an attribute.

=head2 type

The type itself.

=head1 FUNCTIONS

=head2 arguments_of_new

    sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

Does what Moo's own C<BUILDARGS> does. If the arguments are no pairs, it dies with a L<Mesos::Error>.

=cut
