package Mesos::Test::Scheduler::Calls;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Messages ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods qw(pairs_of);
use Scalar::Util qw(blessed looks_like_number reftype);

$Carp::Internal{+__PACKAGE__} = 1;

# What a driver has written down (Mesos::Test::Scheduler::Driver), as tests speak of it.

my ($LAUNCH, $LAUNCH_GROUP) = map { Mesos::Offer::Operation::Type->can($_)->() } qw(LAUNCH LAUNCH_GROUP);

# "task-1" of a string, of {value => ...}, and of what has a task_id or an id.
sub id_of {
    my ($thing) = @_;
    return $thing unless (reftype($thing) || '') eq 'HASH';
    for my $field (qw(task_id id executor_id slave_id)) { return $thing->{$field}{value} if (reftype($thing->{$field}) || '') eq 'HASH' }
    return $thing->{value};
}

sub offer_ids {
    my ($call) = @_;
    return map { $_->{value} } @{$call->{offerIds} || []}, $call->{offerId} ? $call->{offerId} : ();
}

sub tasks {
    my ($call) = @_;
    return @{$call->{tasks} || []} if $call->{method} eq 'launchTasks';
    return map {
        my $type = $_->{type} || 0;
        $type == $LAUNCH ? @{$_->{launch}{task_infos} || []} : $type == $LAUNCH_GROUP ? @{$_->{launch_group}{task_group}{tasks} || []} : ();
    } @{$call->{operations} || []};
}

# --- for the methods of tests ------------------------------------------------------------------------------------------------------

# Named arguments, or death at the test's line.
sub named {
    my ($method, $arguments, @known) = @_;
    my %given = pairs_of($method, @$arguments);
    Mesos::Warnings::refuse_unknown("$method: unknown argument", \%given, @known);
    return %given;
}

# How many of our frames are between Test::Builder's caller and the test.
sub depth {
    my $level = 1;
    $level++ while ((caller $level)[0] || 'main') =~ /\AMesos::Test::Scheduler(?:::|\z)/;
    return $level - 1;
}

# --- kinds, and what is wanted of them ---------------------------------------------------------------------------------------------

# kind => [methods, {what a test names => the driver's argument}]
my %kinds = (
    accept => [acceptOffers => {operations => 'operations', filters => 'filters'}],
    kill => [killTask => {task => 'taskId', policy => 'killPolicy'}],
    revive => [reviveOffers => {roles => 'roles'}],
    suppress => [suppressOffers => {roles => 'roles'}],
    reconcile => [reconcileTasks => {}],
    request => [requestResources => {requests => 'requests'}],
    message => [sendFrameworkMessage => {data => 'data', executor => 'executorId', agent => 'slaveId'}],
    shutdown_executor => [shutdownExecutor => {executor => 'executorId', agent => 'slaveId'}],
    update_framework => [updateFramework => {framework => 'frameworkInfo', suppressed_roles => 'suppressedRoles'}],
    stop => [stop => {}],
    abort => [abort => {}],
    acknowledge => [acknowledgeStatusUpdate => {}],
    accept_inverse => [acceptInverseOffers => {filters => 'filters'}],
    decline_inverse => [declineInverseOffers => {filters => 'filters'}],
    reconcile_operations => [reconcileOperations => {operations => 'operations'}],
    launch => ['' => {filters => 'filters'}],
    decline => ['' => {filters => 'filters'}],
);

sub is_a {
    my ($call, $kind) = @_;
    my $method = $call->{method};
    return $method eq $kinds{$kind}[0] unless $kind eq 'launch' || $kind eq 'decline';
    return 0 + tasks($call) > 0 if $kind eq 'launch';
    # As for Mesos: who takes offers and does nothing with them declines them.
    return $method eq 'declineOffer' || $method eq 'launchTasks' && !tasks($call) || $method eq 'acceptOffers' && !@{$call->{operations} || []};
}

# What is different from what is wanted, as a text; undef if nothing is.
sub differs {
    my ($call, %want) = @_;
    my ($kind) = grep { is_a($call, $_) } qw(launch decline), grep { $kinds{$_}[0] eq $call->{method} } sort keys %kinds;
    my $names = {map { %{$kinds{$_}[1]} } grep { $_ eq $kind || $kinds{$_}[0] eq $call->{method} } keys %kinds};
    my @tasks = tasks($call);
    for my $name (sort keys %want) {
        my $want = $want{$name};
        my $difference
            = $name eq 'count' ? _unlike('the number of tasks', $want, scalar @tasks)
            : $name eq 'task' && $call->{method} ne 'killTask' ? _unlike('tasks', [$want], \@tasks)
            : $name eq 'tasks' && $call->{method} eq 'reconcileTasks' ? _same_ids('tasks', $want, map { id_of($_) } @{$call->{statuses} || []})
            : $name eq 'tasks' ? _unlike('tasks', $want, \@tasks)
            : $name eq 'offer' ? _same_ids('offers', [$want], offer_ids($call), map { $_->{value} } @{$call->{inverseOfferIds} || []})
            : $name eq 'offers' ? _same_ids('offers', $want, offer_ids($call), map { $_->{value} } @{$call->{inverseOfferIds} || []})
            : $name eq 'failover' ? ($want xor $call->{failover}) ? 'failover: expected ' . _bool($want) . ', got ' . _bool($call->{failover}) : undef
            : $name =~ /\A(?:task|executor|agent)\z/ ? _unlike($name, id_of($want), id_of($call->{$names->{$name}}))
            : _unlike($name, $name eq 'operations' ? _operations($want) : $want, $call->{$names->{$name} || $name});
        return $difference if defined $difference;
    }
    return;
}

sub _bool { $_[0] ? 'true' : 'false' }

# 'RESERVE' for {type => RESERVE}.
sub _operations {
    my ($want) = @_;
    return $want unless ref $want eq 'ARRAY';
    return [map {
            my $type = ref $_ ? undef : Mesos::Offer::Operation::Type->can($_);
            $type ? {type => $type->()} : $_;
    } @$want];
}

sub _same_ids {
    my ($name, $want, @got) = @_;
    my ($wanted, $got) = map { join ', ', sort @$_ } [map { id_of($_) } ref $want eq 'ARRAY' ? @$want : $want], \@got;
    return $wanted eq $got ? undef : "$name: expected " . ($wanted eq '' ? 'none' : $wanted) . ', got ' . ($got eq '' ? 'none' : $got);
}

# Whether a value lacks something that is wanted of it, and what: hashes may have more, the rest is as it is.
sub _unlike {
    my ($path, $want, $got) = @_;
    my $type = blessed $want && !$want->isa('Mesos::Message') ? 'OBJECT' : reftype($want) || '';
    return ref $got || defined $got ? "$path: expected nothing, got " . _shown($got) : undef unless defined $want;
    return "$path: expected " . _shown($want) . ', got nothing' unless defined $got || ref $want eq 'CODE';
    if (ref $want eq 'Regexp') { my $text = id_of($got); return !ref $text && $text =~ $want ? undef : "$path: expected what matches $want, got " . _shown($got) }
    if ($type eq 'CODE') { local $_ = $got; return $want->($got) ? undef : "$path: the test's function says no to " . _shown($got) }
    if ($type eq 'ARRAY') {
        return "$path: expected a list, got " . _shown($got) unless ref $got eq 'ARRAY';
        return "$path: expected " . @$want . ' of them, got ' . @$got . ': ' . _shown($got) if @$want != @$got;
        for my $index (0 .. $#$want) { my $difference = _unlike("$path\[$index]", $want->[$index], $got->[$index]); return $difference if defined $difference }
        return;
    }
    if ($type eq 'HASH') {
        return "$path: expected a message, got " . _shown($got) unless (reftype($got) || '') eq 'HASH';
        for my $key (sort keys %$want) { my $difference = _unlike("$path.$key", $want->{$key}, $got->{$key}); return $difference if defined $difference }
        return;
    }
    my $value = id_of($got);
    return if !ref $value && defined $value && ($value eq "$want" || looks_like_number($value) && looks_like_number("$want") && $value == "$want");
    return "$path: expected " . _shown($want) . ', got ' . _shown($got);
}

# --- texts -------------------------------------------------------------------------------------------------------------------------

sub _shown {
    my ($value) = @_;
    return 'nothing' unless defined $value;
    my $type = reftype($value) || '';
    return '[' . join(', ', map { _shown($_) } @$value) . ']' if $type eq 'ARRAY';
    return brief($value) if $type eq 'HASH';
    return ref $value ? "$value" : looks_like_number($value) ? $value : "'$value'";
}

# A message in a few words.
sub brief {
    my ($message) = @_;
    return 'nothing' unless defined $message;
    return ref $message eq 'ARRAY' ? '[' . join(', ', map { brief($_) } @$message) . ']' : $message unless (reftype($message) || '') eq 'HASH';
    my $class = ref $message;
    if ($class eq 'Mesos::TaskStatus') { return "$message->{task_id}{value} " . (Mesos::TaskState->name_of($message->{state}) || $message->{state}) }
    if ($class eq 'Mesos::Offer::Operation') { return Mesos::Offer::Operation::Type->name_of($message->{type} || 0) || 'an operation' }
    my $id = id_of($message);
    return $id if defined $id && !ref $id;
    return '{' . join(', ', map { "$_: " . _shown($message->{$_}) } sort keys %$message) . '}';
}

sub text {
    my ($call) = @_;
    my @parts;
    push @parts, map { ref $call->{$_} eq 'ARRAY' ? map { brief($_) } @{$call->{$_}} : brief($call->{$_}) }
        grep { defined $call->{$_} } qw(offerIds offerId inverseOfferIds);
    my @tasks = map { $_->{task_id}{value} } tasks($call);
    push @parts, (@tasks == 1 ? 'task ' : 'tasks ') . join ', ', @tasks if @tasks;
    for my $name (grep { !/\A(?:method|offerIds?|inverseOfferIds|tasks)\z/ } sort keys %$call) {
        next if $name eq 'filters' && !%{$call->{filters}};
        next if $name eq 'failover' && !$call->{failover};
        push @parts, "$name " . ($name eq 'failover' ? 'true' : _shown($call->{$name}));
    }
    return "$call->{method}(" . join('; ', @parts) . ')';
}

sub wanted_text {
    my ($kind, %want) = @_;
    (my $what = $kind) =~ tr/_/ /;
    $what = 'launch of ' . (defined $want{count} ? "$want{count} tasks" : 'tasks') if $kind eq 'launch';
    my @parts = map { "$_ " . (ref $want{$_} eq 'CODE' ? 'as the function says' : _shown($want{$_})) } grep { $_ ne 'count' } sort keys %want;
    return @parts ? "$what: " . join '; ', @parts : $what;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler::Calls - compares and describes calls for Mesos::Test::Scheduler

=head1 SYNOPSIS

    use Mesos::Test::Scheduler::Calls;

    print Mesos::Test::Scheduler::Calls::text({method => 'killTask', taskId => {value => 'task-1'}}), "\n";

=head1 DESCRIPTION

Internal to this distribution. A call is a hash reference as L<Mesos::Test::Scheduler::Driver/calls> has it.

=head1 FUNCTIONS

=head2 id_of

Returns the id in a message, or the string that it got.

=head2 offer_ids, tasks

Return the ids of the offers that a call uses, and the tasks that it launches.

=head2 named, depth

Read the named arguments of a method, and tell how many frames the test's line is away.

=head2 is_a

Tells whether a call is of a kind: C<launch>, C<decline>, C<kill> and so on.

=head2 differs

Returns what is different in a call from what is wanted of it, as a text, or undef.

=head2 brief, text, wanted_text

Describe a message, a call, and what is wanted.

=cut
