package Mesos::Types;
use 5.10.1;
use strict;
use warnings;
use Mesos::Messages ();
use Module::Runtime qw(require_module);
use Type::Library -base;
use Type::Tiny;
use Type::Tiny::Class;
use Types::Standard qw(HashRef InstanceOf Str);

my %class = (
    OfferOperation     => 'Mesos::Offer::Operation',
    ReconcileOperation => 'Mesos::Scheduler::Call::ReconcileOperations::Operation',
);

for my $name (qw(
    CommandInfo Credential ExecutorID ExecutorInfo Filters FrameworkInfo OfferID OfferOperation OperationStatus ReconcileOperation
    Request SlaveID TaskID TaskInfo TaskStatus
)) {
    my $class = $class{$name} || "Mesos::$name";
    my $type = Type::Tiny::Class->new(name => $name, class => $class, library => __PACKAGE__);
    $type->coercion->add_type_coercions(HashRef, sub { $class->new($_) });
    __PACKAGE__->add_type($type);
}

for my $name (qw(Channel Dispatcher Executor ExecutorDriver Scheduler SchedulerDriver)) {
    # Named after their parents, not classes themselves: the texts of their errors are the original's.
    my $type = Type::Tiny->new(name => $name, parent => InstanceOf ["Mesos::$name"], library => __PACKAGE__);
    $type->coercion->add_type_coercions(Str, \&_dispatcher) if $name eq 'Dispatcher';
    __PACKAGE__->add_type($type);
}

__PACKAGE__->add_type(
    Type::Tiny::Class->new(name => 'AsyncInterrupt', class => 'Async::Interrupt', library => __PACKAGE__));

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
            : $class eq $name   ? $problem
            :   qq{$why (expected "AnyEvent", "IOAsync", "Mojo", "POE", "Interrupt" or "+" and the name of a class, got "$name")};
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

__PACKAGE__->make_immutable;

1;
__END__

=head1 NAME

Mesos::Types - type constraints for Mesos' messages and classes

=head1 SYNOPSIS

    use Moo;
    use Mesos::Types qw(TaskInfo is_TaskInfo Dispatcher);

    has task       => (is => 'ro', isa => TaskInfo,   coerce => TaskInfo->coercion);
    has dispatcher => (is => 'ro', isa => Dispatcher, coerce => Dispatcher->coercion);

    my $task = TaskInfo->new({name => 'x'});    # a Mesos::TaskInfo
    print "a task\n" if is_TaskInfo($task);

=head1 DESCRIPTION

A L<Type::Library>. For each type it exports C<X>, C<is_X>, C<to_X> and C<assert_X> on request, and everything with C<:all>.

=head1 TYPES

=over

=item CommandInfo, Credential, ExecutorID, ExecutorInfo, Filters, FrameworkInfo, OfferID, OperationStatus, Request, SlaveID,
TaskID, TaskInfo, TaskStatus

Objects of C<Mesos::CommandInfo> and so on (L<Mesos::Messages>). A hash reference is coerced by the class's C<new>.

=item OfferOperation

Objects of C<Mesos::Offer::Operation>. A hash reference is coerced.

=item ReconcileOperation

Objects of C<Mesos::Scheduler::Call::ReconcileOperations::Operation>. A hash reference is coerced.

=item Channel, Dispatcher, Executor, ExecutorDriver, Scheduler, SchedulerDriver

Objects of C<Mesos::Channel> and so on. C<Dispatcher> is coerced from a string: C<'AnyEvent'> loads C<Mesos::Dispatcher::AnyEvent> and makes
an object of it without arguments, C<'+My::Dispatcher'> does the same with C<My::Dispatcher>. The coercion dies if there is no such module.

=item AsyncInterrupt

Objects of C<Async::Interrupt>.

=back

=cut
