package Mesos::Offers::Plan;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Messages ();
use Mesos::Resources ();
use Mesos::Warnings ();
use Scalar::Util qw(blessed looks_like_number reftype);

$Carp::Internal{+__PACKAGE__} = 1;

# What each makes of an agent: numbers, the smaller the better.
my %strategies = (first_fit => sub { }, spread => \&_spread, pack => \&_pack);

# Mesos::Offers makes it.
sub _make {
    my ($class, $offers, $tasks, %options) = @_;
    croak 'place: expected an array reference of tasks, got ' . Mesos::Arguments::_describe($tasks) if (reftype($tasks) || '') ne 'ARRAY';
    my $strategy = delete $options{strategy};
    $strategy = 'first_fit' unless defined $strategy;
    croak qq(place: strategy: expected "first_fit", "spread" or "pack", got "$strategy") . Mesos::Warnings::meant($strategy, sort keys %strategies)
        unless $strategies{$strategy};
    my ($by, $counts) = delete @options{qw(by counts)};
    Mesos::Warnings::refuse_unknown('place: unknown option', \%options, qw(by counts strategy));
    for my $of ([by => $by], [counts => $counts]) {
        next if !defined $of->[1] || $strategy eq 'spread';
        Mesos::Warnings::warn_user("place: $of->[0] counts for the strategy 'spread' only, not for '$strategy'", "place.$of->[0]");
    }
    croak 'place: by: expected the name of an attribute, got a reference' if ref $by;
    croak 'place: counts: expected a hash reference of names and numbers, got ' . Mesos::Arguments::_describe($counts) if defined $counts && (reftype($counts) || '') ne 'HASH';
    for my $name (sort keys %{$counts || {}}) {
        croak "place: counts: $name: expected a number, got " . Mesos::Arguments::_describe($counts->{$name}) unless looks_like_number($counts->{$name});
    }
    _check_attribute($by, @{$offers->list}) if defined $by;
    my $self = bless {placed => [], unplaced => [], agents => [], by => $by, counts => {%{$counts || {}}}}, $class;
    my %agents;
    for my $offer (@{$offers->list}) {
        my $id = $offer->{slave_id}{value};
        my $agent = $agents{$id};
        push @{$self->{agents}}, $agent = $agents{$id} = {id => $id, offers => [], left => Mesos::Resources->new, tasks => [], executors => {}, order => scalar keys %agents}
            unless $agent;
        push @{$agent->{offers}}, $offer;
        $agent->{left} = $agent->{left} + Mesos::Offers::_resources_of($offer);
        $agent->{executors}{$_->{value}} = 1 for @{$offer->{executor_ids} || []};
    }
    my $index = 0;
    $self->_place_one($strategies{$strategy}, 'tasks->[' . $index++ . ']', $_) for @$tasks;
    return $self;
}

# Not every agent has every attribute. But where none has it, and it looks like another one, that was meant.
sub _check_attribute {
    my ($name, @offers) = @_;
    my %is_there = map { ($_->{name} => 1) } map { @{$_->{attributes} || []} } @offers;
    return if $is_there{$name};
    my $meant = Mesos::Warnings::meant($name, sort keys %is_there);
    Mesos::Warnings::warn_user("place: by: no offer has the attribute '$name'$meant", "place.by $name") if length $meant;
    return;
}

sub _place_one {
    my ($self, $rank, $path, $wanted) = @_;
    croak "place: $path: expected a Mesos::TaskInfo or a hash reference, got " . Mesos::Arguments::_describe($wanted) if (reftype($wanted) || '') ne 'HASH';
    my $constraints = !blessed $wanted && ref $wanted->{task} ? {%$wanted} : {task => $wanted};
    my $task = delete $constraints->{task};
    croak "place: $path: a task without a task_id" unless (reftype($task->{task_id}) || '') eq 'HASH';
    Mesos::Offers::_check("place: $path", $constraints);
    Mesos::Warnings::warn_fields("place: $path", 'Mesos::TaskInfo', $task);
    Mesos::Warnings::warn_fields("place: $path\{executor}", 'Mesos::ExecutorInfo', $task->{executor}) if (reftype($task->{executor}) || '') eq 'HASH';
    my $needed = Mesos::Resources->new($task->{resources} || [], defined $constraints->{resources} ? $constraints->{resources} : ());
    my $executor = $task->{executor};
    my $executor_id = $executor ? $executor->{executor_id}{value} : undef;
    my $for_executor = Mesos::Resources->new($executor && $executor->{resources} || []);
    my (@fit, @reasons);
    for my $agent (@{$self->{agents}}) {
        my $all = defined $executor_id && !$agent->{executors}{$executor_id} ? $needed + $for_executor : $needed;
        my ($objection) = grep {defined} map { Mesos::Offers::_objection($_, %$constraints) } @{$agent->{offers}};
        $objection = Mesos::Offers::_lack($agent->{left}, $all, $constraints->{ports}) unless defined $objection;
        push @fit, $agent unless defined $objection;
        push @reasons, "$agent->{id} ($agent->{offers}[0]{hostname}): $objection" if defined $objection;
    }
    if (!@fit) {
        push @{$self->{unplaced}}, {wanted => $wanted, task => $task, reasons => \@reasons};
        return;
    }
    my $agent = _first(map { [$_, $rank->($self, $_), $_->{order}] } @fit);
    my $taken = $self->_take($agent, $needed);
    my $ports = $constraints->{ports} ? $agent->{left}->take_ports($constraints->{ports}) : Mesos::Resources->new;
    $agent->{left} = $agent->{left} - $ports;
    my %task = (%$task, slave_id => {value => $agent->{id}}, resources => ($taken + $ports)->list);
    if (defined $executor_id && !$agent->{executors}{$executor_id}++) {
        $task{executor} = bless {%$executor, resources => $self->_take($agent, $for_executor)->list}, blessed $executor || 'Mesos::ExecutorInfo';
    }
    elsif ($executor) { $task{executor} = $self->{executor_infos}{$agent->{id}, $executor_id} || $executor }
    $self->{executor_infos}{$agent->{id}, $executor_id} = $task{executor} if $executor;
    $self->{counts}{$_}++ for $agent->{id}, $self->_group($agent);
    push @{$agent->{tasks}}, my $made = bless \%task, 'Mesos::TaskInfo';
    push @{$self->{placed}}, {wanted => $wanted, task => $made, agent => $agent->{id}, offers => [@{$agent->{offers}}], ports => [$ports->port_numbers]};
    return;
}

sub _take {
    my ($self, $agent, $needed) = @_;
    my $taken = $agent->{left}->take($needed);
    $agent->{left} = $agent->{left} - $taken;
    return $taken;
}

# --- strategies: how good an agent is -----------------------------------------------------------------------------------------------

# Each [agent, numbers...]: the agent whose first different number is the smallest.
sub _first {
    my ($best, @others) = @_;
    for my $other (@others) {
        for my $i (1 .. $#$best) {
            my $order = $other->[$i] <=> $best->[$i] or next;
            $best = $other if $order < 0;
            last;
        }
    }
    return $best->[0];
}

sub _group {
    my ($self, $agent) = @_;
    return () unless defined $self->{by};
    return map { Mesos::Offers::_attribute_text($_) } Mesos::Offers::_attributes($agent->{offers}[0], $self->{by});
}

sub _spread {
    my ($self, $agent) = @_;
    my ($group) = $self->_group($agent);
    return (defined $group ? $self->{counts}{$group} || 0 : 0, $self->{counts}{$agent->{id}} || 0);
}

sub _pack {
    my ($self, $agent) = @_;
    return (@{$agent->{tasks}} ? 0 : 1, $agent->{left}->cpus, $agent->{left}->mem);
}

# --- what came of it ---------------------------------------------------------------------------------------------------------------

sub placed { my ($self) = @_; return @{$self->{placed}} }
sub unplaced { my ($self) = @_; return @{$self->{unplaced}} }

sub launches {
    my ($self) = @_;
    return map { [[map { $_->{id} } @{$_->{offers}}], [@{$_->{tasks}}]] } grep { @{$_->{tasks}} } @{$self->{agents}};
}

sub unused {
    my ($self) = @_;
    return Mesos::Offers->new([map { @{$_->{offers}} } grep { !@{$_->{tasks}} } @{$self->{agents}}]);
}

sub why {
    my ($self, $of) = @_;
    my $id = (reftype($of) || '') eq 'HASH' ? ($of->{task} || $of)->{task_id}{value} : $of;
    croak 'why: expected a task, or its id' unless defined $id;
    my ($found) = grep { $_->{task}{task_id}{value} eq $id } @{$self->{unplaced}} or return;
    return "$id fits nowhere: " . (join('; ', @{$found->{reasons}}) || 'there are no offers');
}

sub launch {
    my ($self, $driver, $filters) = @_;
    croak 'launch: expected a driver, got ' . Mesos::Arguments::_describe($driver) unless blessed $driver && $driver->can('launchTasks');
    my @filters = defined $filters ? $filters : ();
    my $status = $driver->status;
    $status = $driver->launchTasks(@$_, @filters) for $self->launches;
    $status = $driver->declineOffer($_, @filters) for $self->unused->ids;
    return $status;
}

1;
__END__

=head1 NAME

Mesos::Offers::Plan - which task goes where, and why not

=head1 SYNOPSIS

    use Mesos::Offers;

    my ($driver, $offers, @tasks);
    sub place {
        my $plan = Mesos::Offers->new($offers)->place(\@tasks);
        print "$_->{task}{task_id}{value} goes to $_->{agent}\n" for $plan->placed;
        print $plan->why($_), "\n" for $plan->unplaced;
        $plan->launch($driver);
    }

=head1 DESCRIPTION

What L<Mesos::Offers/place> returns.

=head1 METHODS

=head2 placed

    for my $place ($plan->placed) { ... }

Returns a hash reference for each task that has a place, in the order of the tasks: C<task>, a C<Mesos::TaskInfo> with C<slave_id> and the
C<resources> that were taken; C<agent>, the agent's id; C<offers>, an array reference of its offers; C<ports>, an array reference of the
numbers of the ports that the constraint C<ports> asked for; C<wanted>, what you gave. The task is a copy of yours. You may change it before
C<launch>, such as its command, to tell it its ports.

=head2 unplaced

Returns a hash reference for each task that has none: C<task> and C<wanted>, what you gave, and C<reasons>, an array reference of texts,
one for each agent.

=head2 why

    print $plan->why('task-1'), "\n";
    # task-1 fits nowhere: agent-1 (node1.example): cpus: it needs 4, and there is 2

Returns the reasons in one line, or nothing if the task has a place. Takes a task, its id, or an element of C<unplaced>.

=head2 launches

    $driver->launchTasks(@$_) for $plan->launches;

Returns the arguments of C<launchTasks>, one array reference for each agent: C<Mesos::OfferID>s, and tasks.

=head2 unused

Returns the offers of agents that got no task, as a L<Mesos::Offers>.

=head2 launch

    my $status = $plan->launch($driver, $filters);

Launches the tasks that have a place, and declines the unused offers. C<$filters> is for both: see L<Mesos::SchedulerDriver/launchTasks>.
Returns the driver's status.

=cut
