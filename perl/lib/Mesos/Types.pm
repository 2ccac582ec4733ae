package Mesos::Types;
use 5.10.1;
use strict;
use warnings;
use Mesos::Constraint ();
use Mesos::Messages ();
use Type::Library -base;
use Type::Tiny;
use Type::Tiny::Class;
use Types::Standard qw(HashRef InstanceOf Str);

for my $name (@Mesos::Constraint::MESSAGES) {
    my $class = $Mesos::Constraint::CLASS{$name} || "Mesos::$name";
    my $type = Type::Tiny::Class->new(name => $name, class => $class, library => __PACKAGE__);
    $type->coercion->add_type_coercions(HashRef, sub { $class->new($_) });
    __PACKAGE__->add_type($type);
}

for my $name (qw(Channel Dispatcher Executor ExecutorDriver Scheduler SchedulerDriver)) {
    # Named after their parents, not classes themselves: the texts of their errors are the original's.
    my $type = Type::Tiny->new(name => $name, parent => InstanceOf ["Mesos::$name"], library => __PACKAGE__);
    $type->coercion->add_type_coercions(Str, \&Mesos::Constraint::_dispatcher) if $name eq 'Dispatcher';
    __PACKAGE__->add_type($type);
}

__PACKAGE__->add_type(
    Type::Tiny::Class->new(name => 'AsyncInterrupt', class => 'Async::Interrupt', library => __PACKAGE__));

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

=item CommandInfo, Credential, ExecutorID, ExecutorInfo, Filters, FrameworkInfo, KillPolicy, OfferID, OperationStatus, Request, SlaveID,
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
