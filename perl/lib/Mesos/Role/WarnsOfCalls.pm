package Mesos::Role::WarnsOfCalls;
use 5.10.1;
use strict;
use warnings;
use Mesos::Messages ();
use Mesos::Warnings qw(warn_user);
use Scalar::Util qw(looks_like_number reftype);

# Before Moo::Role is loaded: functions, not methods of whoever composes the role.
sub _field {
    my ($message, $name) = @_;
    return (reftype($message) || '') eq 'HASH' ? $message->{$name} : undef;
}

sub _list {
    my ($value) = @_;
    return (reftype($value) || '') eq 'ARRAY' ? @$value : ();
}

sub _check_filters {
    my ($method, $filters) = @_;
    my $seconds = _field($filters, 'refuse_seconds');
    return unless looks_like_number($seconds);
    my $year = 365 * 24 * 3600;
    my $taken = !($seconds >= 0) ? 'its default, 5 seconds' : $seconds > $year && $seconds < 1e18 ? '365 days, which is its most' : return;
    warn_user("$method: filters->{refuse_seconds} is $seconds, so the master takes $taken", "$method.refuse_seconds");
    return;
}

# Mesos gives arguments to programs only, and not to the shell, which is its default.
sub _check_task {
    my ($path, $task) = @_;
    for my $of (['', $task], ['{executor}', _field($task, 'executor')]) {
        my ($in, $message) = @$of;
        _check_nanoseconds("$path\{$_->[0]}" . ($_->[1] ? "{$_->[1]}" : ''), $_->[1] ? _field(_field($task, $_->[0]), $_->[1]) : _field($task, $_->[0]))
            for $in ? () : (['kill_policy', 'grace_period'], ['max_completion_time']);
        my $command = _field($message, 'command');
        my $shell = _field($command, 'shell');
        next if !_list(_field($command, 'arguments')) || defined $shell && !$shell;
        warn_user("$path$in\{command}{arguments} has no effect, for shell is not 0: a shell runs the value alone", "$path$in.arguments");
    }
    return;
}

# Somebody has meant seconds or milliseconds. 0 is no time.
sub _check_nanoseconds {
    my ($path, $duration) = @_;
    my $number = _field($duration, 'nanoseconds');
    return if !looks_like_number($number) || $number <= 0 || $number >= 1000;
    warn_user("$path\{nanoseconds} is $number: a second has 1e9 of them", "$path.nanoseconds");
    return;
}

# The framework's roles as the last call has set them.
sub _roles {
    my ($self) = @_;
    my $framework = $self->{_updated} || $self->framework;
    my $is_multi = grep { (_field($_, 'type') || 0) == Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE() } _list($framework->{capabilities});
    return $is_multi ? _list($framework->{roles}) : defined $framework->{role} ? $framework->{role} : '*';
}

use Moo::Role;
use namespace::autoclean;

requires qw(
    launchTasks launchTask acceptOffers declineOffer acceptInverseOffers declineInverseOffers reviveOffers suppressOffers
    updateFramework requestResources killTask
);

# A master does something else than was asked for, or nothing, and says so only in its own log. What is wrong in another way, the call
# itself tells: these modifiers come before it looks at its arguments.

# The position of filters among the arguments.
my %filters = (launchTasks => 2, launchTask => 2, acceptOffers => 2, declineOffer => 1, acceptInverseOffers => 1, declineInverseOffers => 1);
for my $method (sort keys %filters) {
    my $position = $filters{$method} + 1;
    before $method => sub { _check_filters($method, $_[$position]) if @_ > $position };
}

before killTask => sub { _check_nanoseconds('killTask: killPolicy->{grace_period}', _field($_[2], 'grace_period')) };

before launchTasks => sub {
    my ($self, $offers, $tasks) = @_;
    return if !$self->running || !ref $offers || _list($offers) || _list($tasks);
    warn_user('launchTasks: there are no offers and no tasks: nothing is done', 'launchTasks.empty');
};

# A call after stop has no effect, which is no loss unless there is something in it.
for my $method (qw(launchTasks launchTask acceptOffers)) {
    before $method => sub {
        my ($self, undef, $wanted) = @_;
        # A promise is rejected then, which says it.
        return if $self->running || $self->{_promised} || !_list($wanted) || $self->status != Mesos::Status::DRIVER_STOPPED();
        my $what = $method eq 'acceptOffers' ? 'no operation is carried out' : 'no task is launched';
        warn_user("$method: the driver was stopped: $what", "$method.stopped");
    };
}

before requestResources => sub {
    my ($self, $requests) = @_;
    return unless $self->running && (reftype($requests) || '') eq 'ARRAY';
    my @requests = @$requests;
    return warn_user('requestResources: there are no requests: nothing is done', 'requestResources.empty') unless @requests;
    for my $index (0 .. $#requests) {
        next if (reftype($requests[$index]) || '') ne 'HASH' || _list(_field($requests[$index], 'resources'));
        warn_user("requestResources: requests->[$index]{resources} is missing or empty: nothing is asked for", 'requestResources.resources');
    }
};

for my $method (qw(launchTasks launchTask)) {
    before $method => sub {
        my $index = -1;
        for my $task (_list($_[2])) { _check_task('tasks->[' . ++$index . ']', $task) }
    };
}

before acceptOffers => sub {
    my ($self, $offers, $operations) = @_;
    my $index = -1;
    for my $operation (_list($operations)) {
        my $path = 'operations->[' . ++$index . ']';
        my $group = _field($operation, 'launch_group');
        my $at = -1;
        for my $task (_list(_field(_field($operation, 'launch'), 'task_infos'))) { _check_task("$path\{launch}{task_infos}[" . ++$at . ']', $task) }
        for my $task (_list(_field(_field($group, 'task_group'), 'tasks'))) { _check_task("$path\{launch_group}{task_group}{tasks}[" . ++$at . ']', $task) }
    }
};

# With a principal, a master wants it in all that the framework reserves or creates.
before acceptOffers => sub {
    my ($self, $offers, $operations) = @_;
    my $principal = $self->framework->{principal};
    return unless defined $principal && $self->running;
    my $index = -1;
    for my $operation (_list($operations)) {
        $index++;
        my @of;
        for my $of ([reserve => 'resources'], [create => 'volumes']) {
            my ($part, $list) = @$of;
            my $at = -1;
            for my $resource (_list(_field(_field($operation, $part), $list))) {
                my $path = "operations->[$index]{$part}{$list}[" . ++$at . ']';
                my @reservations = _list(_field($resource, 'reservations'));
                push @of, ["$path\{reservations}[-1]", $reservations[-1]] if $part eq 'reserve' && @reservations;
                my $persistence = _field(_field($resource, 'disk'), 'persistence');
                push @of, ["$path\{disk}{persistence}", $persistence] if $part eq 'create' && $persistence;
            }
        }
        for my $of (@of) {
            my ($path, $message) = @$of;
            my $got = _field($message, 'principal');
            next if defined $got && $got eq $principal;
            warn_user("acceptOffers: $path\{principal} is " . (defined $got ? "'$got'" : 'missing') . ", but the framework's principal is "
                    . "'$principal': a master drops the operation", $path);
        }
    }
};

after updateFramework => sub {
    my ($self, $framework) = @_;
    $self->{_updated} = $framework if (reftype($framework) || '') eq 'HASH';
};

for my $method (qw(reviveOffers suppressOffers)) {
    before $method => sub {
        my ($self, $roles) = @_;
        return unless $self->running && _list($roles);
        my @own = _roles($self);
        my %is_own = map { ($_ => 1) } @own;
        for my $role (grep { defined && !$is_own{$_} } _list($roles)) {
            warn_user("$method: '$role' is not a role of the framework (it has " . (@own ? join(', ', map {"'$_'"} @own) : 'none')
                    . '): a master ignores the whole call', "$method.$role");
        }
    };
}

1;
__END__

=head1 NAME

Mesos::Role::WarnsOfCalls - warns you of calls that a master would ignore

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master    => 'local',
        framework => {user => '', name => 'example'},
        scheduler => Mesos::Scheduler->new,
    );

=head1 DESCRIPTION

L<Mesos::SchedulerDriver> composes this role. L<Mesos::Warnings> lists the warnings. They come from the arguments of these calls:

=over

=item *

C<refuse_seconds> of filters that is negative. The master uses 5 seconds.

=item *

C<arguments> of a C<command> whose C<shell> is not 0. The shell, which is the default, gets the C<value> alone.

=item *

C<launchTasks> without offers and without tasks, and C<requestResources> without requests or without resources. Nothing happens.

=item *

Roles of C<reviveOffers> and C<suppressOffers> that the framework does not have. The master ignores the whole call.

=item *

C<acceptOffers> that reserves resources or creates volumes, if the C<principal> in them is not that of C<framework>. The master drops the
operation.

=back

=cut
