package Mesos::Client::Events;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Client::Base qw(check_options described);
use Mesos::Client::Error ();
use Mesos::Client::HTTP ();
use Scalar::Util qw(blessed refaddr);
use Time::HiRes ();

$Carp::Internal{+__PACKAGE__}++;

# The master sends a heartbeat every 15 seconds. As the drivers: five that are missing are too many.
my $SILENCE = 75;
my $LONGEST_PAUSE = 15;
my $STOP = \'stop';

sub _run {
    my ($class, $client, $receiver, @options) = @_;
    croak 'events: expected code that gets the events, got ' . described($receiver) unless ref $receiver eq 'CODE';
    my $option = check_options('events', \@options, qw(heartbeats on_disconnect reconnect));
    my $on_disconnect = $option->{on_disconnect};
    croak 'events: on_disconnect: expected code, got ' . described($on_disconnect) if defined $on_disconnect && ref $on_disconnect ne 'CODE';
    my $self = bless {receiver => $receiver, client => $client, heartbeats => $option->{heartbeats}}, $class;
    my $reconnect = !exists $option->{reconnect} || $option->{reconnect};
    while (!$self->{stopped}) {
        $self->{subscribed} = 0;
        my $why = $self->_subscribe;
        last if $self->{stopped};
        # Before the first event: what is wrong now is wrong later, too.
        die $why if ref $why && !$self->{seen};    ## no critic (RequireCarping): it has its place
        Mesos::Client::Error->throw(call => 'SUBSCRIBE', message => "the stream of events has ended: $why") unless $reconnect;
        $on_disconnect->("$why") if $on_disconnect;
        $self->_pause;
    }
    return;
}

sub _pause {
    my ($self) = @_;
    $self->{pause} = $self->{subscribed} || !$self->{pause} ? 0.2 : 2 * $self->{pause} < $LONGEST_PAUSE ? 2 * $self->{pause} : $LONGEST_PAUSE;
    # Half of it by chance, so that clients do not come back all at once.
    Time::HiRes::sleep($self->{pause} * (0.5 + rand 0.5));
    return;
}

# One subscription until it ends; gives the reason.
sub _subscribe {
    my ($self) = @_;
    my $read = Mesos::Client::HTTP->record_reader('SUBSCRIBE', sub { $self->_receive($_[0]) });
    my $lived = eval { $self->{client}->_send({type => 'SUBSCRIBE'}, stream => $read, timeout => $SILENCE); 1 };
    return 'the master closed it' if $lived;
    my $error = $@;
    return if ref $error && refaddr($error) == refaddr($STOP);
    # What one master says that is none may be another's word the next time.
    return $error->code eq 'protocol' ? $error->message : $error if blessed $error && $error->isa('Mesos::Client::Error');
    die $error;    ## no critic (RequireCarping): the user's own
}

sub _receive {
    my ($self, $event) = @_;
    @$self{qw(subscribed seen)} = (1, 1);
    my $type = $event->{type} || '';
    return if $type eq 'HEARTBEAT' && !$self->{heartbeats};
    $self->{receiver}->($event, $self);
    die $STOP if $self->{stopped};    ## no critic (RequireCarping): caught by _subscribe
    return;
}

sub stop { $_[0]{stopped} = 1; return }

1;
__END__

=head1 NAME

Mesos::Client::Events - the stream of what happens in a cluster

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    $client->events(sub {
        my ($event, $stream) = @_;
        return unless $event->{type} eq 'TASK_UPDATED';
        my $status = $event->{task_updated}{status};
        print "$status->{task_id}{value}: $status->{state}\n";
        $stream->stop if $status->{state} eq 'TASK_FINISHED';
    });

=head1 DESCRIPTION

The second argument of the code that L<Mesos::Client/events> calls.

=head1 METHODS

=head2 stop

    $stream->stop;

Ends the stream: C<events> returns when your code has returned.

=cut
