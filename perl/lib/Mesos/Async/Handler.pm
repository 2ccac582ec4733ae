package Mesos::Async::Handler;
use 5.10.1;
use strict;
use warnings;
use Mesos::Scheduler ();
use Scalar::Util ();

# What the driver calls for each event: it knows all of them, the optional ones too.

sub new {
    my ($class, $driver) = @_;
    my $self = bless {driver => $driver}, $class;
    Scalar::Util::weaken($self->{driver});
    return $self;
}

for my $event (qw(
    registered reregistered disconnected resourceOffers offerRescinded statusUpdate frameworkMessage slaveLost executorLost error
    inverseOffers inverseOfferRescinded operationStatusUpdate
    )) {
    no strict 'refs';
    *$event = sub { my ($self, $driver, @args) = @_; $driver->_async_event($event, @args) };
}

# Who has no scheduler hears of errors by promises, or from the driver.
package Mesos::Async::Quiet;
our @ISA = ('Mesos::Scheduler');    ## no critic (ProhibitExplicitISA): a base class of Moo without attributes of its own
sub error { }

1;
__END__

=head1 NAME

Mesos::Async::Handler - hands the events of a driver to Mesos::Async

=head1 SYNOPSIS

    use Mesos::Async;

    my $driver = Mesos::Async->new(master => 'local', framework => {user => '', name => 'example'});
    print ref $driver->event_handler;    # Mesos::Async::Handler

=head1 DESCRIPTION

Internal to L<Mesos::Async>, which gives each event to the program's scheduler, to the promises that wait, and to C<next_event>.

=head1 METHODS

=head2 new

    my $handler = Mesos::Async::Handler->new($driver);

Has a method for each event that a driver may have. It does not keep the driver.

=cut
