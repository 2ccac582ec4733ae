package Mesos::Test::Cluster::State;
use 5.10.1;
use strict;
use warnings;

# The master's /state, for those who wait and for those who read why a test has failed.

sub new { my ($class, $program) = @_; return bless {program => $program}, $class }

sub get { my ($self) = @_; return $self->{program}->get('/state') }

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

1;
__END__

=head1 NAME

Mesos::Test::Cluster::State - what a cluster's master says of it

=head1 SYNOPSIS

    use Mesos::Test::Cluster::Program;
    use Mesos::Test::Cluster::State;

    my $program = Mesos::Test::Cluster::Program->start(undef);
    print Mesos::Test::Cluster::State->new($program)->text, "\n";

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 new

Makes one for a L<Mesos::Test::Cluster::Program>.

=head2 get

Returns the master's F</state>, decoded.

=head2 agents, frameworks, tasks

Return array references of what is in it, completed ones as well.

=head2 text

Describes it for people.

=cut
