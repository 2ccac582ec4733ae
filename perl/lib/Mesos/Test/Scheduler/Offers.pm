package Mesos::Test::Scheduler::Offers;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Messages ();
use Mesos::Test::Scheduler::Calls ();
use Scalar::Util qw(looks_like_number);

$Carp::Internal{+__PACKAGE__} = 1;

my ($SCALAR, $RANGES, $SET, $TEXT) = map { Mesos::Value::Type->can($_)->() } qw(SCALAR RANGES SET TEXT);
my @scalars = qw(cpus mem disk gpus);
my @known = (@scalars, qw(ports resources attributes id agent hostname role executor_ids unavailability domain));

# An offer, of what a test says about it.
sub offer {
    my ($method, $number, $framework_id, %spec) = @_;
    Mesos::Test::Scheduler::Calls::named($method, [%spec], @known);
    my $agent = defined $spec{agent} ? $spec{agent} : 'agent-1';
    croak "$method: resources: expected an array reference of Mesos::Resource" if defined $spec{resources} && ref $spec{resources} ne 'ARRAY';
    my @resources = @{$spec{resources} || []};
    for my $name (grep { defined $spec{$_} } @scalars) {
        croak "$method: $name: expected a number, got " . (ref $spec{$name} ? 'a reference' : qq("$spec{$name}")) unless looks_like_number($spec{$name});
        croak "$method: $name: expected 0 or more, got $spec{$name}" unless $spec{$name} >= 0;
        push @resources, {name => $name, type => $SCALAR, scalar => {value => $spec{$name}}};
    }
    push @resources, {name => 'ports', type => $RANGES, ranges => {range => _ranges($method, $spec{ports})}} if defined $spec{ports};
    my %offer = (
        id => {value => defined $spec{id} ? $spec{id} : "offer-$number"},
        framework_id => {value => $framework_id},
        slave_id => {value => $agent},
        hostname => defined $spec{hostname} ? $spec{hostname} : "$agent.example",
        resources => \@resources,
        attributes => _attributes($method, $spec{attributes}),
    );
    $offer{allocation_info} = {role => $spec{role}} if defined $spec{role};
    $offer{$_} = $spec{$_} for grep { defined $spec{$_} } qw(executor_ids unavailability domain);
    # As it comes from the wire, and checked on the way.
    return Mesos::Offer->decode(scalar Mesos::Offer->encode(\%offer));
}

# "31000-32000, 5-6", or [[31000, 32000], [5, 6]].
sub _ranges {
    my ($method, $ports) = @_;
    my @pairs = ref $ports eq 'ARRAY' ? @$ports : map { [/\A\s*\[?\s*(\d+)\s*-\s*(\d+)\s*\]?\s*\z/] } split /,/, $ports;
    croak "$method: ports: expected ranges, such as '31000-32000'" if !@pairs || grep { ref ne 'ARRAY' || @$_ != 2 } @pairs;
    return [map { {begin => $_->[0], end => $_->[1]} } @pairs];
}

sub _attributes {
    my ($method, $attributes) = @_;
    return [] unless defined $attributes;
    return $attributes if ref $attributes eq 'ARRAY';
    croak "$method: attributes: expected a hash reference, such as {rack => 'r1'}" unless ref $attributes eq 'HASH';
    return [map {
            my $value = $attributes->{$_};
            looks_like_number($value) ? {name => $_, type => $SCALAR, scalar => {value => $value}} : {name => $_, type => $TEXT, text => {value => $value}};
    } sort keys %$attributes];
}

# What a master would answer with TASK_LOST or TASK_ERROR, or take for something else.
sub problems {
    my ($offers, $tasks, $ids, $launched) = @_;
    my (@problems, %seen, @held);
    for my $id (@$ids) {
        my $offer = $offers->{$id};
        push @problems, !$offer ? "there is no offer '$id'" : $offer->{gone} ? "the offer '$id' is not valid any more: $offer->{gone}" : ();
        push @held, $offer->{offer} if $offer;
    }
    my %agents = map { ($_->{slave_id}{value} => 1) } @held;
    push @problems, 'the offers are of several agents: ' . join(', ', sort keys %agents) if keys %agents > 1;
    for my $task (@$launched) {
        my $id = $task->{task_id}{value};
        my $agent = $task->{slave_id}{value};
        push @problems, "the id '$id' is used twice" if $seen{$id}++ || $tasks->{$id};
        push @problems, "the task '$id' is for the agent '$agent', but the offer is of " . join ', ', map {"'$_'"} sort keys %agents
            if %agents && !$agents{$agent};
        push @problems, "the task '$id' has neither a command nor an executor" unless $task->{command} || $task->{executor};
        push @problems, "the task '$id' has both a command and an executor" if $task->{command} && $task->{executor};
        push @problems, "the task '$id' uses no resources" unless @{$task->{resources} || []};
    }
    return (@problems, @held == @$ids ? _too_much(\@held, $launched) : ());
}

# Sums of the scalars by name, whoever they are reserved for.
sub _too_much {
    my ($offers, $launched) = @_;
    my %left;
    $left{$_->{name}} += $_->{scalar}{value} for grep { $_->{type} == $SCALAR } map { @{$_->{resources} || []} } @$offers;
    my %used;
    $used{$_->{name}} += $_->{scalar}{value} for grep { $_->{type} == $SCALAR } map { @{$_->{resources} || []} } @$launched;
    return map { sprintf 'the tasks use %s %s, but the offers have only %s', $used{$_}, $_, $left{$_} || 0 }
        grep { $used{$_} > ($left{$_} || 0) + 0.0005 } sort keys %used;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler::Offers - makes offers for Mesos::Test::Scheduler, and checks what becomes of them

=head1 SYNOPSIS

    use Mesos::Test::Scheduler::Offers;

    my $offer = Mesos::Test::Scheduler::Offers::offer('offer', 1, 'framework-1', cpus => 4, mem => 1024);

=head1 DESCRIPTION

Internal to this distribution.

=head1 FUNCTIONS

=head2 offer

Makes a C<Mesos::Offer> of what L<Mesos::Test::Scheduler/offer> takes.

=head2 problems

Returns what a master would object to in a launch, as texts.

=cut
