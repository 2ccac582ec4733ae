package Mesos::Scheduler;
use 5.10.1;
use Moo;
use namespace::autoclean;

sub registered       { }
sub reregistered     { }
sub disconnected     { }
sub resourceOffers   { }
sub offerRescinded   { }
sub statusUpdate     { }
sub frameworkMessage { }
sub slaveLost        { }
sub executorLost     { }
sub error            { }

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

The methods below are called by a L<Mesos::SchedulerDriver>, one at a time, when an event loop runs. All do nothing here; override
what you need. What they return is ignored. What this class lacks, below L</OPTIONAL METHODS>, is called only if you write it. Every
method gets the driver first. Messages are objects of the named class (L<Mesos::Messages>), which are hashes of their fields; strings
are byte strings. What becomes of an exception is told by
L<Mesos::Role::HasDispatcher/on_exception>.

=head1 METHODS

=head2 registered

    sub registered { my ($self, $driver, $frameworkId, $masterInfo) = @_; ... }

The framework is known to a master: C<Mesos::FrameworkID>, C<Mesos::MasterInfo>.

=head2 reregistered

    sub reregistered { my ($self, $driver, $masterInfo) = @_; ... }

The connection to a master is back. Offers from before are void.

=head2 disconnected

    sub disconnected { my ($self, $driver) = @_; ... }

The master was lost. Tasks go on; the driver connects again by itself.

=head2 resourceOffers

    sub resourceOffers { my ($self, $driver, $offers) = @_; ... }

C<$offers> is an array reference of C<Mesos::Offer>. Each offer is to be used by C<launchTasks> or C<acceptOffers>, or declined.

=head2 offerRescinded

    sub offerRescinded { my ($self, $driver, $offerId) = @_; ... }

A C<Mesos::OfferID> is void.

=head2 statusUpdate

    sub statusUpdate { my ($self, $driver, $status) = @_; ... }

The state of a task: a C<Mesos::TaskStatus>. An update may come more than once. It is acknowledged when this method has
returned; if it dies the update comes again.

=head2 frameworkMessage

    sub frameworkMessage { my ($self, $driver, $executorId, $slaveId, $data) = @_; ... }

Bytes from an executor.

=head2 slaveLost

    sub slaveLost { my ($self, $driver, $slaveId) = @_; ... }

An agent (C<Mesos::SlaveID>) is gone. Its tasks are reported by C<statusUpdate>.

=head2 executorLost

    sub executorLost { my ($self, $driver, $executorId, $slaveId, $status) = @_; ... }

An executor has ended. C<$status> is the wait status as a decimal string (exit code 1 is C<256>), or C<-1>.

=head2 error

    sub error { my ($self, $driver, $message) = @_; ... }

The driver has failed, is aborted, and makes no more callbacks; C<run> returns. C<$message> says why.

=head1 OPTIONAL METHODS

What Mesos 1.x has beyond the ten methods above. This class does not have them: a scheduler that does not want these events just
leaves them out.

=head2 inverseOffers

    sub inverseOffers { my ($self, $driver, $inverseOffers) = @_; ... }

An agent is to be maintained, and the framework is asked to leave it: an array reference of C<Mesos::InverseOffer>, with C<slave_id> and
C<unavailability>. Answer with C<acceptInverseOffers> or C<declineInverseOffers>.

=head2 inverseOfferRescinded

    sub inverseOfferRescinded { my ($self, $driver, $offerId) = @_; ... }

The id of an inverse offer (C<Mesos::OfferID>) is void.

=head2 operationStatusUpdate

    sub operationStatusUpdate { my ($self, $driver, $status) = @_; ... }

The state of an operation that was given an C<id>: a C<Mesos::OperationStatus>. It is acknowledged as a status update is; without
this method it is not.

=cut
