package Mesos::Constraint;
use 5.10.1;
use strict;
use warnings;
use Mesos::Messages ();
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

# For `isa` of an attribute. Dies as the type does; its error finds out itself which attribute Moo sets.
sub checker {
    my ($self) = @_;
    my $accepts = $self->{accepts};
    return sub {
        my ($value) = @_;
        return if $accepts->($value) || $self->type->check($value);
        require Error::TypeTiny::Assertion;
        my %context;
        @context{qw(package file line)} = caller _user_level(1);
        Error::TypeTiny::Assertion->throw(
            message => $self->type->get_message($value),
            type => $self->type,
            value => $value,
            context => \%context,
        );
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
    (my $problem = $@) =~ s/ at \S+ line \d+\.?\n\z//;
    # An event loop is missing, and not the dispatcher itself.
    if ($problem =~ m{\A(Can't locate (\S+)\.pm in \@INC)}) {
        my ($why, $module) = ($1, $2);
        $module =~ s{/}{::}g;
        $problem
            = $module ne $class ? "$class needs the module $module, which is not installed"
            : $class eq $name ? $problem
            : qq{$why (expected "AnyEvent", "IOAsync", "Mojo", "POE", "Interrupt" or "+" and the name of a class, got "$name")};
    }
    _die($problem);
}

# How many frames the user's is away from the caller. Constructors of subclasses are Moo's text in the subclass's package.
sub _user_level {
    my ($level) = @_;
    while (my ($package, $file) = caller $level) {
        last unless $package =~ /\A(?:Mesos|Moo|Type|Eval::TypeTiny|Method::Generate|Module::Runtime)\b/
            || $file =~ /\A\(eval / && ((caller $level + 1)[3] || '') =~ /(?:::new|::BUILDALL|::__ANON__|\A\(eval\))\z/;
        $level++;
    }
    return $level - 1;
}

# For the attribute `driver`, whose error would not name the variable.
sub _driver_of_environment {
    my $value = $ENV{PERL_MESOS_DRIVER};
    return '' unless defined $value && length $value;
    _die(qq(PERL_MESOS_DRIVER: expected "native" or "libmesos", got "$value")) unless $value =~ /\A(?:native|libmesos)\z/;
    return $value;
}

sub _die {
    my ($problem) = @_;
    # The user's line is behind the frames of Moo and Type::Tiny, which Carp does not look past.
    my (undef, $file, $line) = caller _user_level(1);
    die "$problem at $file line $line.\n";
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

=cut
