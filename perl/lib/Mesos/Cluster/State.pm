package Mesos::Cluster::State;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Warnings ();

$Carp::Internal{+__PACKAGE__} = 1;

# The master's /state, for those who wait and for those who read why a test has failed.

sub new { my ($class, $program) = @_; return bless {program => $program}, $class }

sub get { my ($self) = @_; return $self->{program}->state }

sub agents { my ($self) = @_; return $self->get->{slaves} || [] }

sub frameworks {
    my ($self, $state) = @_;
    $state ||= $self->get;
    return [@{$state->{frameworks} || []}, map { { %$_, is_completed => 1 } } @{$state->{completed_frameworks} || []}];
}

# All tasks that the master knows, those that have ended first.
sub tasks {
    my ($self, $state) = @_;
    my @frameworks = @{$self->frameworks($state)};
    return [map { my $kind = $_; map { @{$_->{$kind} || []} } @frameworks } qw(completed_tasks unreachable_tasks tasks)];
}

sub text {
    my ($self) = @_;
    my $state = eval { $self->get } or return "  the cluster does not answer: $@";
    my @lines;
    push @lines, 'no master leads' unless defined $state->{leader};
    for my $agent (@{$state->{slaves} || []}) {
        push @lines, "the agent $agent->{id} is " . ($agent->{active} ? 'active' : 'not active');
    }
    push @lines, 'there are no agents' unless @{$state->{slaves} || []};
    for my $framework (@{$self->frameworks($state)}) {
        push @lines, "the framework '$framework->{name}' ($framework->{id}) is "
            . ($framework->{is_completed} ? 'completed' : $framework->{connected} ? 'connected' : 'disconnected')
            . (@{$framework->{offers} || []} ? ', and holds ' . @{$framework->{offers}} . ' offers' : '');
        for my $kind (qw(tasks unreachable_tasks completed_tasks)) {
            push @lines, map {"  its task $_->{id} is $_->{state}, on the agent $_->{slave_id}"} @{$framework->{$kind} || []};
        }
    }
    push @lines, 'there are no frameworks' unless @{$self->frameworks($state)};
    return join "\n", map {"  $_"} @lines;
}

# Names of states, which may lack TASK_ at their beginning. For one that is none a test would wait in vain.
sub names {
    my ($method, @given) = @_;
    require Mesos::Messages;
    my @known = map { $_->[0] } @{Mesos::TaskState->_pb_fields_list};
    my @states;
    for my $given (@given ? @given : 'none') {
        croak "$method: expected a state such as TASK_RUNNING, got " . ($given // 'undef') if !defined $given || ref $given || $given eq 'none';
        my ($state) = grep { $_ eq $given || $_ eq "TASK_$given" } @known;
        croak "$method: there is no state '$given'" . Mesos::Warnings::meant($given =~ /\ATASK_/ ? $given : "TASK_$given", @known) unless defined $state;
        push @states, $state;
    }
    return @states;
}

1;
__END__

=head1 NAME

Mesos::Cluster::State - what a cluster's master says of it

=head1 SYNOPSIS

    use Mesos::Cluster::Program;
    use Mesos::Cluster::State;

    my $program = Mesos::Cluster::Program->start(undef);
    print Mesos::Cluster::State->new($program)->text, "\n";

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 new

Makes one for a L<Mesos::Cluster::Program>.

=head2 get

Returns the leading master's F</state>, decoded: without anything in it while none leads.

=head2 agents, frameworks, tasks

Return array references of what is in it, completed ones as well.

=head2 text

Describes it for people.

=head2 names

    my @states = Mesos::Cluster::State::names($method, @given);

The full names of states, which may be given without C<TASK_>. Dies of one that is none.

=cut
