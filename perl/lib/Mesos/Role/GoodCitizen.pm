package Mesos::Role::GoodCitizen;
use 5.10.1;
use Mesos::Arguments ();
use Mesos::Constraint ();
use Scalar::Util qw(looks_like_number weaken);
use Moo::Role;
use namespace::autoclean;

requires qw(BUILD scheduler dispatcher declineOffer suppressOffers reviveOffers);

has offer_timeout => (is => 'ro', default => 0, isa => sub {
        return if looks_like_number($_[0]) && $_[0] >= 0 && $_[0] < 9**9**9;
        Mesos::Constraint::_die('offer_timeout: expected a number of seconds, 0 for no limit, got ' . Mesos::Arguments::_describe($_[0]));
});
has auto_suppress => (is => 'ro', isa => sub {
        return if !defined $_[0] || ref $_[0] eq 'CODE';
        Mesos::Constraint::_die('auto_suppress: expected a code reference, got ' . Mesos::Arguments::_describe($_[0]));
});

# Only who asks for something pays for it: the driver asks for its handler at each event.
after BUILD => sub {
    my ($self) = @_;
    $self->{_citizen} = Mesos::Role::GoodCitizen::Handler->new($self) if $self->offer_timeout || $self->auto_suppress;
};

# The scheduler's method for this event has returned.
sub _saw {
    my ($self, $event, @args) = @_;
    $self->{_is_registered} = 1 if $event eq 'registered';
    if ($event eq 'resourceOffers') { $self->_watch_offers($args[0]) if $self->offer_timeout }
    elsif ($event eq 'offerRescinded') { delete $self->{_open_offers}{$args[0]{value}} }
    elsif ($event =~ /\A(?:disconnected|reregistered)\z/) { $self->{_open_offers} = {} }
    return $self->balance_offers;
}

sub _watch_offers {
    my ($self, $offers) = @_;
    my $used = $self->{_handled} || {};
    my %open = map { ($_->{id}{value} => $_->{hostname}) } grep { !$used->{$_->{id}{value}} } @$offers;
    return unless %open;
    $self->{_open_offers} ||= {};
    @{$self->{_open_offers}}{keys %open} = values %open;
    my $number = ++$self->{_offer_timer};
    weaken(my $driver = $self);
    $self->{_offer_timers}{$number} = $self->dispatcher->timer($self->offer_timeout, sub {
            return unless $driver;
            delete $driver->{_offer_timers}{$number};
            $driver->_decline_late(keys %open);
    });
    return;
}

sub _decline_late {
    my ($self, @ids) = @_;
    my $open = $self->{_open_offers};
    my @late = sort grep { exists $open->{$_} } @ids;
    return if !@late || !$self->running;
    my %hosts = map { ($open->{$_} => 1) } @late;
    warn sprintf "Mesos: declined %s that nobody has used for %s s, of %s: launch tasks on offers, or decline them\n",
        @late == 1 ? 'an offer' : @late . ' offers', $self->offer_timeout, join ', ', sort keys %hosts;
    $self->declineOffer({value => $_}) for @late;
    return;
}

sub balance_offers {
    my ($self) = @_;
    my $code = $self->auto_suppress;
    return unless $code && $self->{_is_registered} && $self->running;
    my $is_idle = $code->($self) ? 1 : 0;
    return if $is_idle == ($self->{_is_suppressed} || 0);
    $self->{_is_suppressed} = $is_idle;
    $is_idle ? $self->suppressOffers : $self->reviveOffers;
    return;
}

# In the scheduler's place: the same methods, with what the role does behind each.
package Mesos::Role::GoodCitizen::Handler;

sub new {
    my ($class, $driver) = @_;
    my $self = bless {driver => $driver}, $class;
    Scalar::Util::weaken($self->{driver});
    return $self;
}

sub can {
    my ($self, $name) = @_;
    my $code = ref $self ? $self->{driver} && $self->{driver}->scheduler->can($name) : undef;
    return $self->SUPER::can($name) unless $code;
    return sub {
        my (undef, $driver, @args) = @_;
        $driver->scheduler->$code($driver, @args);
        $driver->_saw($name, @args);
    };
}

1;
__END__

=head1 NAME

Mesos::Role::GoodCitizen - a driver that does not hoard offers

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my @queue;
    my $driver = Mesos::SchedulerDriver->new(
        master        => 'local',
        framework     => {user => '', name => 'example'},
        scheduler     => Mesos::Scheduler->new,
        offer_timeout => 60,
        auto_suppress => sub { !@queue },
    );
    push @queue, 'work';
    $driver->balance_offers;

=head1 DESCRIPTION

L<Mesos::SchedulerDriver> composes this role. While a framework holds an offer, nobody else can use those resources. And while it gets offers
that it does not want, the master works in vain.

=head1 ATTRIBUTES

Both are arguments of the driver's C<new>, and read-only.

=head2 offer_timeout

After this many seconds, the driver declines an offer that your program has neither used nor declined, and prints a warning with the hosts.
The number may have a fraction. Default 0: never. It needs a dispatcher with C<timer>.

=head2 auto_suppress

    auto_suppress => sub { my ($driver) = @_; return !@queue }

A code reference that says whether your program has nothing to launch. The driver calls it after each callback, once it is registered. When
the answer changes to true, the driver calls C<suppressOffers>; when it changes to false, C<reviveOffers>. Default: none.

=head1 METHODS

=head2 balance_offers

    $driver->balance_offers;

Asks C<auto_suppress> now: call this when you have queued work outside of a callback. Returns nothing.

=cut
