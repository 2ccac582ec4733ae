package Mesos::Cluster::Masters;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Scalar::Util qw(reftype);

$Carp::Internal{+__PACKAGE__} = 1;

# The methods of Mesos::Cluster for its masters.

sub masters { my ($self) = @_; return @{$self->{program}->look('masters')} }

sub leader { my ($self) = @_; my ($leader) = grep { $_->{state} eq 'leading' } $self->masters; return $leader && $leader->{address} }

sub fail_over_master { my ($self) = @_; $self->{program}->control('master/failover'); return $self }

for my $action (qw(stop start)) {
    no strict 'refs';
    my $method = "${action}_master";
    *$method = sub {
        my ($self, $master) = @_;
        $master = $master->{number} if (reftype($master) || '') eq 'HASH';
        croak "$method: expected the number of a master (from 0), its address, or 'leader'" unless defined $master && !ref $master && $master =~ /\A[\w.:\[\]-]+\z/;
        $self->{program}->control("masters/$master/$action");
        return $self;
    };
}

1;
__END__

=head1 NAME

Mesos::Cluster::Masters - methods of Mesos::Cluster for its masters

=head1 SYNOPSIS

    use Mesos::Cluster;

    my $cluster = Mesos::Cluster->start(masters => 3);
    $cluster->stop_master('leader');

=head1 DESCRIPTION

Internal. L<Mesos::Cluster> inherits its methods, and says what they do.

=head1 METHODS

=head2 masters, leader, wait_for_leader

See L<Mesos::Cluster/masters, leader, wait_for_leader>.

=head2 fail_over_master

See L<Mesos::Cluster/fail_over_master>.

=head2 stop_master, start_master

See L<Mesos::Cluster/stop_master, start_master>.

=cut
