package Mesos::Cluster::Faults;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Messages ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods qw(pairs_of);
use Scalar::Util qw(looks_like_number);

$Carp::Internal{+__PACKAGE__} = 1;

# The methods of Mesos::Cluster that make updates, calls, launches and connections go wrong.

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

sub _seconds {
    my ($self, $method, $seconds) = @_;
    croak "$method: expected a number of seconds, got " . (defined $seconds ? qq("$seconds") : 'undef') unless looks_like_number($seconds) && $seconds >= 0;
    return 0 + $seconds;
}

sub _type {
    my ($method, $type, $api) = @_;
    croak qq($method: expected the type of a call, as "ACCEPT", got ) . Mesos::Arguments::_describe($type) unless defined $type && $type =~ /\A[A-Z_]+\z/;
    # The operators' have no messages here.
    my $class = {scheduler => 'Mesos::Scheduler::Call::Type', executor => 'Mesos::Executor::Call::Type'}->{defined $api ? $api : 'scheduler'} or return $type;
    my @known = sort map { $_->[0] } @{$class->_pb_fields_list};
    Mesos::Warnings::warn_user("$method: there is no call '$type'" . Mesos::Warnings::suggestion($type, 'there are', @known), "$method $type")
        unless grep { $_ eq $type } @known;
    return $type;
}

sub delay_call {
    my ($self, $type, $seconds, @given) = @_;
    my %fault = (seconds => $self->_seconds('delay_call', $seconds), _fault('delay_call', [qw(api times)], @given));
    $self->{program}->control('calls/delay', {%fault, type => _type('delay_call', $type, $fault{api})});
    return $self;
}

sub refuse_call {
    my ($self, $type, @given) = @_;
    my %fault = _fault('refuse_call', [qw(api message status times)], @given);
    $fault{type} = _type('refuse_call', $type, $fault{api});
    if (defined $fault{status}) {
        croak 'refuse_call: status: expected a number from 400 to 599, got ' . Mesos::Arguments::_describe($fault{status}) unless $fault{status} =~ /\A[45]\d\d\z/;
        $fault{status} += 0;
    }
    $self->{program}->control('calls/refuse', \%fault);
    return $self;
}

sub fail_launch {
    my ($self, @given) = @_;
    $self->{program}->control('launches/fail', {_fault('fail_launch', [qw(message reason times)], @given)});
    return $self;
}

sub _fault {
    my ($method, $known, @given) = @_;
    my %given = pairs_of($method, @given);
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

Mesos::Cluster::Faults - methods of Mesos::Cluster for faults of updates, calls, launches and connections

=head1 SYNOPSIS

    use Mesos::Cluster;

    my $cluster = Mesos::Cluster->start;
    $cluster->lose_updates(1)->refuse_call('ACCEPT');

=head1 DESCRIPTION

Internal. L<Mesos::Cluster> inherits its methods, and says what they do.

=head1 METHODS

=head2 lose_updates, duplicate_updates

See L<Mesos::Cluster/lose_updates, duplicate_updates>.

=head2 refuse_call, delay_call

See L<Mesos::Cluster/refuse_call, delay_call>.

=head2 fail_launch

See L<Mesos::Cluster/fail_launch>.

=head2 mute_framework, unmute_framework, disconnect_framework

See L<Mesos::Cluster/mute_framework, unmute_framework, disconnect_framework>.

=cut
