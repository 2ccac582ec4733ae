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
        slave_id  => $offer->{slave_id},
        resources => [ { name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => { value => 0.5 } } ],
    });
    my $bytes  = $task->encode;
    my $again  = Mesos::TaskInfo->decode($bytes);
    print $again->{task_id}{value}, ' ', $again->name, "\n";

=head1 DESCRIPTION

Loading this module makes a Perl class for each message and each enum of Mesos 1.11, with those of older releases that are gone
since. A class's name is the message's with C<Mesos::> for the package: C<mesos.TaskInfo> is C<Mesos::TaskInfo>, a message inside it
C<Mesos::TaskInfo::LimitsEntry>, and what C<scheduler.proto> and C<executor.proto> define is below C<Mesos::Scheduler> and
C<Mesos::Executor>, as C<Mesos::Scheduler::Call>. (L<Mesos::Scheduler> and L<Mesos::Executor> themselves are the base classes of
callbacks, not messages.)

The methods of message classes are described in L<Mesos::Message>, the constants of enums in L<Mesos::Enum>. The field names and types
are those of Mesos' own documentation, with the names of the v0 API (C<slave_id>, not C<agent_id>).

A class that exists already when this module is loaded (one with a method C<_pb_fields_list>) is left as it is.

=head2 Particular names

=over 4

=item C<Mesos::HealthCheck::HTTP>

The message of Mesos before 1.4, for programs that make one. What the field C<http> of C<Mesos::HealthCheck> holds is decoded as
C<Mesos::HealthCheck::HTTPCheckInfo>; both are the same bytes.

=item Map fields

A map, such as C<limits> of C<Mesos::TaskInfo>, may be given as a hash: C<< limits => { cpus => { value => 1 } } >>. It is decoded as an
array of entries with C<key> and C<value>, objects of an C<...Entry> class, or as a hash with the option C<maps> (see
L<Mesos::Message/decode>).

=back

=head1 FUNCTIONS

None is exported.

=head2 classes

    my @names = Mesos::Messages::classes();

The names of all message classes.

=head2 enums

    my @names = Mesos::Messages::enums();

The names of all enums.

=head1 SEE ALSO

L<Mesos::Message>, L<Mesos::Enum>

=cut
