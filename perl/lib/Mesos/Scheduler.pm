package Mesos::Scheduler;
use 5.10.1;
use Mesos ();
use Mesos::Constraint ();
use Mesos::Warnings ();
use Scalar::Util ();
use Moo;
use namespace::autoclean;

sub registered { }
sub reregistered { }
sub disconnected { }
sub offerRescinded { }
sub statusUpdate { }
sub frameworkMessage { }
sub slaveLost { }
sub executorLost { }

# Nobody else gets what is offered and neither used nor declined. Who asks for events has no need of this callback, nor has who leaves
# old offers to the driver.
sub resourceOffers {
    my ($self, $driver) = @_;
    return if $self->can('resourceOffers') != \&resourceOffers || !Scalar::Util::blessed($driver) || !$driver->isa('Mesos::SchedulerDriver');
    return if $driver->{_told_of_offers}++ || $driver->isa('Mesos::Async') || $driver->offer_timeout;
    Mesos::_tell(ref($self) . ' has no method resourceOffers: what Mesos offers stays unused, and no other framework gets it');
    return;
}

# A driver that ends must not end without a word: it says so itself unless this method has.
sub error {
    my ($self, $driver, $message) = @_;
    Mesos::_tell("the driver of this framework has failed: $message");
    delete $driver->{_failure} if (Scalar::Util::reftype($driver) || '') eq 'HASH';
    return;
}

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }
sub BUILD { Mesos::Warnings::check_constructor(@_) }

1;
__END__

=head1 NAME

Mesos::Scheduler - base class of schedulers

=head1 SYNOPSIS

    package My::Scheduler;
    use Moo;
    extends 'Mesos::Scheduler';

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        $driver->declineOffer($_->{id}) for @$offers;
    }

=head1 DESCRIPTION

A L<Mesos::SchedulerDriver> calls the methods below, one at a time, while an event loop runs. In this class they do nothing,
except that C<error> prints its message, and that C<resourceOffers> prints once that nobody uses the offers. Override those that you need. The
driver ignores what they return.

Every method gets the driver first. Messages are objects of the named class (L<Mesos::Messages>), which are hashes of their fields. Strings
are byte strings.

L<Mesos::Role::HasDispatcher/on_exception> says what happens if a method dies.

=head1 METHODS

=head2 registered

    sub registered { my ($self, $driver, $frameworkId, $masterInfo) = @_; ... }

A master has registered the framework. The arguments are a C<Mesos::FrameworkID> and a C<Mesos::MasterInfo>.

=head2 reregistered

    sub reregistered { my ($self, $driver, $masterInfo) = @_; ... }

The driver has connected to a master again. Offers from before are no longer valid.

=head2 disconnected

    sub disconnected { my ($self, $driver) = @_; ... }

The driver has lost the master. Tasks continue to run, and the driver connects again by itself.

=head2 resourceOffers

    sub resourceOffers { my ($self, $driver, $offers) = @_; ... }

The master offers resources. C<$offers> is an array reference of C<Mesos::Offer>. Use each offer with C<launchTasks> or C<acceptOffers>, or
decline it. Until you do, nobody else gets these resources.

=head2 offerRescinded

    sub offerRescinded { my ($self, $driver, $offerId) = @_; ... }

The offer with this C<Mesos::OfferID> is no longer valid.

=head2 statusUpdate

    sub statusUpdate { my ($self, $driver, $status) = @_; ... }

The state of a task, as a C<Mesos::TaskStatus>. The same update may come more than once. The driver acknowledges it after this method has
returned. If the method dies, Mesos sends the update again.

C<< $status->{state} >> is a number. Compare it with a constant, or compare its name:

    $status->{state} == Mesos::TaskState::TASK_FINISHED
    Mesos::TaskState->name_of($status->{state}) eq 'TASK_FINISHED'

Perl does not tell you if you compare the number itself with a name: C<< $status->{state} eq 'TASK_FINISHED' >> is never true. With C<==>,
Perl takes the name for 0, the number of C<TASK_STARTING>, and warns only with C<use warnings>. The option C<enum_names> of
L<Mesos::Message/decode> gives you names in messages that you decode yourself.

=head2 frameworkMessage

    sub frameworkMessage { my ($self, $driver, $executorId, $slaveId, $data) = @_; ... }

An executor has sent these bytes.

=head2 slaveLost

    sub slaveLost { my ($self, $driver, $slaveId) = @_; ... }

The agent with this C<Mesos::SlaveID> is gone. C<statusUpdate> tells you about its tasks.

=head2 executorLost

    sub executorLost { my ($self, $driver, $executorId, $slaveId, $status) = @_; ... }

An executor has ended. C<$status> is the wait status as a decimal string (exit code 1 is C<256>), or C<-1>.

=head2 error

    sub error { my ($self, $driver, $message) = @_; ... }

The driver has failed, and C<$message> says why. The driver is now aborted: it makes no more callbacks, and C<run> returns.

In this class the method prints the message to standard error, unless C<PERL_MESOS_TRACE> is C<QUIET>. If your own method returns or exits
without having called this one, the driver prints the message afterwards: it never fails without a word. If your method dies, the exception
is enough.

=head1 OPTIONAL METHODS

Mesos 1.x has these events beyond the ten above. This class does not define the methods. If you do not want the events, leave the methods
out.

=head2 inverseOffers

    sub inverseOffers { my ($self, $driver, $inverseOffers) = @_; ... }

Agents are planned to go into maintenance, and the master asks the framework to leave them. C<$inverseOffers> is an array reference of
C<Mesos::InverseOffer>, with C<slave_id> and C<unavailability>. Answer with C<acceptInverseOffers> or C<declineInverseOffers>.

=head2 inverseOfferRescinded

    sub inverseOfferRescinded { my ($self, $driver, $offerId) = @_; ... }

The inverse offer with this C<Mesos::OfferID> is no longer valid.

=head2 operationStatusUpdate

    sub operationStatusUpdate { my ($self, $driver, $status) = @_; ... }

The state of an operation to which you gave an C<id>, as a C<Mesos::OperationStatus>. The driver acknowledges it as it does a status update.
Without this method, it does not acknowledge it.

=cut
