package Mesos::Messages;
use 5.10.1;
use strict;
use warnings;
use Mesos::XS;
use Mesos::Message;
use Mesos::Enum;

Mesos::Message::_define_classes();

sub classes { return @{ (Mesos::Message::_names())[0] } }
sub enums   { return @{ (Mesos::Message::_names())[1] } }

1;
__END__

=head1 NAME

Mesos::Messages - the classes of all Mesos messages

=head1 SYNOPSIS

    use Mesos::Messages;

    my $task = Mesos::TaskInfo->new({
        name      => 'sleeper',
        task_id   => { value => 'task-1' },
        slave_id  => { value => 'agent-1' },
        resources => [ { name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => { value => 0.5 } } ],
    });
    my $bytes  = $task->encode;
    my $again  = Mesos::TaskInfo->decode($bytes);
    print $again->{task_id}{value}, ' ', $again->name, "\n";

=head1 DESCRIPTION

When you load this module, it makes a Perl class for each message and each enum of Mesos 1.11, and for those of older releases that newer
ones have dropped.

A class is named after its message, with C<Mesos::> in front: C<mesos.TaskInfo> is C<Mesos::TaskInfo>, and a message inside it is
C<Mesos::TaskInfo::LimitsEntry>. The messages of C<scheduler.proto> and C<executor.proto> are below C<Mesos::Scheduler> and
C<Mesos::Executor>, for example C<Mesos::Scheduler::Call>. (L<Mesos::Scheduler> and L<Mesos::Executor> themselves are not messages, but the
base classes of callbacks.)

L<Mesos::Message> describes the methods of message classes, and L<Mesos::Enum> the constants of enums. Mesos' own documentation describes
the fields. Their names are those of the v0 API (C<slave_id>, not C<agent_id>).

If a class exists already when you load this module (it has a method C<_pb_fields_list>), the module leaves it as it is.

=head2 Particular names

=over 4

=item C<Mesos::HealthCheck::HTTP>

The message of Mesos before 1.4, for programs that make one. C<decode> makes a C<Mesos::HealthCheck::HTTPCheckInfo> of the field C<http> of
C<Mesos::HealthCheck>. Both have the same bytes.

=item Map fields

A map, such as C<limits> of C<Mesos::TaskInfo>, may be given as a hash: C<< limits => { cpus => { value => 1 } } >>. It is decoded as an
array of entries with C<key> and C<value>, objects of an C<...Entry> class, or as a hash with the option C<maps> (see
L<Mesos::Message/decode>).

=back

=head1 FUNCTIONS

The module exports none of them.

=head2 classes

    my @names = Mesos::Messages::classes();

Returns the names of all message classes.

=head2 enums

    my @names = Mesos::Messages::enums();

Returns the names of all enums.

=head1 SEE ALSO

L<Mesos::Message>, L<Mesos::Enum>

=cut
