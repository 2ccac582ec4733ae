package Mesos::Test::Cluster::Faults;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use Mesos::Warnings ();

$Carp::Internal{+__PACKAGE__} = 1;

# The methods of Mesos::Test::Cluster that make updates, calls, launches and connections go wrong.

sub lose_updates { my ($self, @given) = @_; return $self->_on_updates('lose_updates', 'lose', @given) }
sub duplicate_updates { my ($self, @given) = @_; return $self->_on_updates('duplicate_updates', 'duplicate', @given) }

sub _on_updates {
    my ($self, $method, $what, $count, $task) = @_;
    my %fault = (count => _count($method, $count));
    $fault{task_id} = "$task" if defined $task;
    $self->{program}->control("updates/$what", \%fault);
    return $self;
}

sub _count {
    my ($method, $count) = @_;
    $count = 1 unless defined $count;
    croak qq($method: expected how often, from 1, got "$count") unless !ref $count && $count =~ /\A[1-9][0-9]{0,5}\z/;
    return 0 + $count;
}

sub refuse_call {
    my ($self, $type, %given) = @_;
    croak 'refuse_call: expected the type of a call, as "ACCEPT"' unless defined $type && $type =~ /\A[A-Z_]+\z/;
    my %fault = (type => $type, _fault('refuse_call', [qw(api message status times)], %given));
    $fault{status} += 0 if defined $fault{status};
    $self->{program}->control('calls/refuse', \%fault);
    return $self;
}

sub fail_launch {
    my ($self, %given) = @_;
    $self->{program}->control('launches/fail', {_fault('fail_launch', [qw(message reason times)], %given)});
    return $self;
}

sub _fault {
    my ($method, $known, %given) = @_;
    Mesos::Warnings::refuse_unknown("$method: there is no option", \%given, @$known);
    return (count => _count($method, delete $given{times}), %given);
}

for my $action (qw(mute unmute disconnect)) {
    no strict 'refs';
    my $method = "${action}_framework";
    *$method = sub {
        my ($self, $framework) = @_;
        croak "$method: expected the id or the name of a framework" unless defined $framework && !ref $framework && length $framework;
        $self->{program}->control("frameworks/$action", {framework => "$framework"});
        return $self;
    };
}

1;

__END__

=encoding utf8

=head1 NAME

Mesos::Test::Cluster::Faults - methods of Mesos::Test::Cluster for faults of updates, calls, launches and connections

=head1 SYNOPSIS

    use Mesos::Test::Cluster;

    my $cluster = Mesos::Test::Cluster->start;
    $cluster->lose_updates(1)->refuse_call('ACCEPT');

=head1 DESCRIPTION

Internal. L<Mesos::Test::Cluster> inherits its methods, and says what they do.

=head1 METHODS

=head2 lose_updates, duplicate_updates

See L<Mesos::Test::Cluster/lose_updates, duplicate_updates>.

=head2 refuse_call

See L<Mesos::Test::Cluster/refuse_call>.

=head2 fail_launch

See L<Mesos::Test::Cluster/fail_launch>.

=head2 mute_framework, unmute_framework, disconnect_framework

See L<Mesos::Test::Cluster/mute_framework, unmute_framework, disconnect_framework>.

=cut
