package Mesos::Runner::Scheduler;
use 5.10.1;
use List::Util qw(min);
use Mesos::Runner::Placement qw(free_of shortage take describe);
use Scalar::Util ();
use Time::HiRes ();
use Moo;
use namespace::autoclean;
extends 'Mesos::Scheduler';

# Seconds after which it is told that a master has offered nothing.
our $OFFERS_WITHIN = 10;
# So many offers in a row are nothing for a task before that is told.
my $TOLD_AT = 2;

has runner => (is => 'ro', weak_ref => 1, required => 1);
# Tasks that wait for an offer, in their order, and those that are launched, by their Mesos ids.
has queue => (is => 'rw', default => sub { [] });
has active => (is => 'ro', default => sub { {} });
# Timers by what they are for.
has timers => (is => 'ro', default => sub { {} });
has [qw(connected suppressed)] => (is => 'rw', default => 0);
has framework_id => (is => 'rw');
has failure => (is => 'rw');
has _unanswered => (is => 'rw', default => sub { {} });

# The end of an attempt that may be made again. What the master does not know is one, too.
my %is_lost = map { ("TASK_$_" => 1) } qw(LOST DROPPED GONE GONE_BY_OPERATOR UNKNOWN);

# --- connections ---------------------------------------------------------------------------------------------------------

sub registered {
    my ($self, $driver, $framework_id) = @_;
    $self->framework_id($framework_id->{value});
    return $self->_connected($driver);
}

sub reregistered { $_[0]->_connected($_[1]) }

sub disconnected { $_[0]->connected(0) }

sub error {
    my ($self, $driver, $message) = @_;
    $self->failure($message);
    $self->runner->_failed($message);
    return;
}

sub _connected {
    my ($self, $driver) = @_;
    $self->connected(1);
    $self->_reconcile($driver);
    $self->balance($driver);
    return;
}

# A launch can get lost with its connection, and so can an update's sender. A master that is new does not answer for agents that it has
# not met again: it is asked until it does, and from time to time anyway.
sub _reconcile {
    my ($self, $driver) = @_;
    $self->_unanswered({%{$self->active}});
    return $self->_ask($driver, 5);
}

sub _ask {
    my ($self, $driver, $pause) = @_;
    my $unanswered = $self->_unanswered;
    my @statuses = map {
        my $task = $unanswered->{$_};
        my $agent = $task->slave_id;
        +{task_id => {value => $_}, state => Mesos::TaskState::TASK_STAGING(), defined $agent ? (slave_id => {value => $agent}) : ()};
    } grep { $self->active->{$_} } sort keys %$unanswered;
    if (!@statuses) {
        $self->set_timer('reconcile', $self->runner->reconcile_interval, sub { $self->_reconcile($driver) });
        return;
    }
    $driver->reconcileTasks(\@statuses) if $self->connected;
    $self->set_timer('reconcile', $pause, sub { $self->_ask($driver, min(2 * $pause, 60)) });
    return;
}

# --- offers --------------------------------------------------------------------------------------------------------------

sub _room {
    my ($self) = @_;
    my $max = $self->runner->max_running;
    return $max ? $max - keys %{$self->active} : 9**9**9;
}

sub wants_offers {
    my ($self) = @_;
    return @{$self->queue} && $self->_room > 0;
}

# Others get the offers while there is nothing to launch. True: what was refused before is wanted again.
sub balance {
    my ($self, $driver, $again) = @_;
    return unless $self->connected && $driver->running;
    my $wants = $self->wants_offers;
    $self->_watch_for_offers;
    if ($wants && ($again || $self->suppressed)) {
        $driver->reviveOffers;
        $self->suppressed(0);
    }
    elsif (!$wants && !$self->suppressed) {
        $driver->suppressOffers;
        $self->suppressed(1);
    }
    return;
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    $self->{_has_offers} = 1;
    my @places = map { +{offer => $_, free => free_of($_), tasks => []} } @$offers;
    my $left = $self->_place(\@places);
    # Nothing has changed until here, should code of the program's have died.
    $self->queue($left);
    for my $place (@places) {
        if (@{$place->{tasks}}) { $self->_launch($driver, $place) }
        else { $driver->declineOffer($place->{offer}{id}) }
    }
    $self->_complain(\@places) if @$left && $self->_never_fits($left->[0], \@places);
    $self->balance($driver);
    return;
}

# Finds places for tasks of the queue, and returns the rest of it.
sub _place {
    my ($self, $places) = @_;
    my @queue = @{$self->queue};
    my $room = $self->_room;
    my (@left, %fits_nowhere);
    while (@queue && $room > 0) {
        my $task = shift @queue;
        my $signature = $task->_signature;
        my $place = $fits_nowhere{$signature} ? undef : $self->_place_for($task, $places);
        if (!$place) {
            $fits_nowhere{$signature} = 1 unless $task->accepts || $self->runner->accepts;
            push @left, $task;
            next;
        }
        push @{$place->{tasks}}, [$task, take($place->{free}, $task->_needs)];
        $room--;
    }
    return [@left, @queue];
}

sub _place_for {
    my ($self, $task, $places) = @_;
    my $accepts = $task->accepts || $self->runner->accepts;
    my @order = @$places;
    @order = sort { @{$a->{tasks}} <=> @{$b->{tasks}} } @order if $self->runner->placement eq 'spread';
    for my $place (@order) {
        next if defined shortage($place->{free}, $task->_needs);
        return $place if !$accepts || $accepts->($task, $place->{offer});
    }
    return;
}

sub _launch {
    my ($self, $driver, $place) = @_;
    my $offer = $place->{offer};
    my $url = $offer->{url} || {};
    my $address = $url->{address} || {};
    my $agent = {
        scheme => $url->{scheme} || 'http', port => $address->{port} || 5051,
        path => $url->{path}, host => (($url->{scheme} || '') eq 'https' ? undef : $address->{ip}) || $address->{hostname} || $offer->{hostname},
    };
    my @infos;
    for my $placed (@{$place->{tasks}}) {
        my ($task, $resources) = @$placed;
        $task->_reset;
        $task->_set_attempts($task->attempts + 1);
        $task->_set_mesos_id($task->id . '.' . $task->attempts);
        $task->_set_phase('launched');
        $task->_set_hostname($offer->{hostname});
        $task->_set_slave_id($offer->{slave_id}{value});
        $task->_set_agent($agent);
        $self->active->{$task->mesos_id} = $task;
        push @infos, $task->_task_info($task->mesos_id, $task->slave_id, $resources);
    }
    # Before Mesos hears of them: they cannot be lost.
    $self->runner->_record(1, map { $self->_record_of($_->[0]) } @{$place->{tasks}});
    $driver->launchTasks([$offer->{id}], \@infos);
    return;
}

sub _record_of {
    my ($self, $task) = @_;
    return {id => $task->id, map { ($_ => $task->$_) } qw(phase attempts failures losses mesos_id slave_id hostname agent)};
}

# Not even if all tasks of ours had ended. Where some run on an agent that offers nothing now, nobody knows. All of them are looked at only until
# an agent is known that is large enough, or the user has been told.
sub _never_fits {
    my ($self, $task, $places) = @_;
    return 0 if ($task->{_refused} || 0) >= $TOLD_AT;
    # What `accepts` refuses may wait for the end of one of ours.
    return 1 unless %{$self->active};
    my ($signature, $agent) = @{$self->{_fits} || ['']};
    return 0 if $signature eq $task->_signature && grep { $_->{offer}{slave_id}{value} eq $agent } @$places;
    $agent = $self->_large_enough($task, $places);
    $self->{_fits} = [$task->_signature, $agent] if defined $agent && length $agent;
    return !defined $agent;
}

# An agent among these with enough for the task, or undef if there is none; empty if it cannot be told.
sub _large_enough {
    my ($self, $task, $places) = @_;
    my %held = map { ($_->{offer}{slave_id}{value} => []) } @$places;
    for my $active (values %{$self->active}) {
        my $of_agent = $held{defined $active->slave_id ? $active->slave_id : ''} or return '';
        my $needs = $active->_needs;
        push @$of_agent, map { +{name => $_, left => $needs->{$_}} } keys %$needs;
    }
    for my $place (@$places) {
        my $agent = $place->{offer}{slave_id}{value};
        return $agent unless defined shortage([@{$place->{free}}, @{$held{$agent}}], $task->_needs);
    }
    return;
}

# A task that fits nowhere would wait for ever without a word.
sub _complain {
    my ($self, $places) = @_;
    my $task = $self->queue->[0];
    return if ++$task->{_refused} != $TOLD_AT;
    my $needs = $task->_needs;
    my @reasons = map {
        my $place = $_;
        my %sum;
        $sum{$_->{name}} += $_->{left} for @{$place->{free}};
        my $short = shortage($place->{free}, $needs);
        "$place->{offer}{hostname} offers " . describe(\%sum) . ', '
            . (defined $short ? "and $short is " . (($sum{$short} || 0) / 1000) . ', not ' . $needs->{$short} / 1000 : 'but accepts refuses it');
    } @$places;
    splice @reasons, 3, @reasons, '...' if @reasons > 3;
    warn "Mesos::Runner: task '" . $task->id . "' fits no offer so far: it needs " . describe($needs) . '. ' . join('; ', @reasons) . "\n";
    return;
}

# Nor would one be told of for which no offers come at all.
sub _watch_for_offers {
    my ($self) = @_;
    return if $self->timers->{offers} || $self->{_has_offers} || !$self->wants_offers;
    $self->set_timer('offers', $OFFERS_WITHIN, sub {
            return if $self->{_has_offers} || !$self->connected || !$self->wants_offers || %{$self->active};
            $self->{_has_offers} = 1;
            my $role = $self->_roles;
            warn "Mesos::Runner: the master has offered nothing for $OFFERS_WITHIN s. Others may have all resources, or no agent is there for "
                . "$role. The tasks wait\n";
    });
    return;
}

sub _roles {
    my ($self) = @_;
    my $framework = $self->runner->driver->framework;
    my @roles = @{$framework->{roles} || []};
    return @roles ? 'the role ' . join(' or ', map {"'$_'"} @roles) : defined $framework->{role} ? "the role '$framework->{role}'" : "this framework";
}

# --- updates -------------------------------------------------------------------------------------------------------------

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $id = $status->{task_id}{value};
    my $state = Mesos::TaskState->name_of($status->{state}) || "TASK_$status->{state}";
    delete $self->_unanswered->{$id};
    my $task = $self->active->{$id};
    return $self->_stranger($driver, $status, $state) unless $task;
    my $changed = !defined $task->state || $task->state ne $state;
    $task->_set_status($status);
    $task->_set_state($state);
    $task->_set_message($status->{message});
    $task->_set_slave_id($status->{slave_id}{value}) if $status->{slave_id};
    $self->_has_begun($driver, $task) if $state eq 'TASK_RUNNING' && !defined $task->started;
    $self->runner->_call('on_state', $task) if $changed;
    $self->_has_ended($driver, $task, $state) if _is_over($state);
    return;
}

sub _is_over { my ($state) = @_; return $is_lost{$state} || Mesos::TaskState->is_terminal($state) }

# An attempt that was given up for lost, and lives. (Others may share a framework's id: they are left alone.)
sub _stranger {
    my ($self, $driver, $status, $state) = @_;
    my ($id) = $status->{task_id}{value} =~ /\A(.+)\.\d+\z/s or return;
    $driver->killTask($status->{task_id}) if !_is_over($state) && $self->runner->task($id);
    return;
}

sub _has_begun {
    my ($self, $driver, $task) = @_;
    $task->_set_started(Time::HiRes::time());
    my $id = $task->mesos_id;
    $self->set_timer("timeout $id", $task->timeout, sub { $task->_set_timed_out(1); $self->kill_task($driver, $id) }) if $task->timeout;
    $self->_follow if $self->runner->on_output && !$self->timers->{follow};
    return;
}

# Mesos does not promise that a KILL arrives: it is repeated until the task has ended.
sub kill_task {
    my ($self, $driver, $id) = @_;
    return unless $self->active->{$id};
    $driver->killTask({value => $id}) if $self->connected;
    $self->set_timer("kill $id", 5, sub { $self->kill_task($driver, $id) });
    return;
}

# All that can die comes first: then Mesos sends the update again.
sub _has_ended {
    my ($self, $driver, $task, $state) = @_;
    my $runner = $self->runner;
    my $id = $task->mesos_id;
    delete $self->timers->{"timeout $id"};
    $task->_set_ended(Time::HiRes::time());
    $task->_set_outcome($state, $task->message);
    $task->_set_timed_out(0) if $state eq 'TASK_FINISHED';
    my $was_lost = $is_lost{$state} ? 1 : 0;
    my $has_failed = !$was_lost && ($state eq 'TASK_FAILED' || $task->timed_out) ? 1 : 0;
    my $never_ran = $was_lost && $self->_never_ran($task);
    my $has_files = defined $task->started && $state =~ /FINISHED|FAILED/;
    $runner->_read_output($task, $has_files) unless $was_lost || $state eq 'TASK_ERROR';
    my $may_retry = !$task->{_killed} && !$runner->interrupted;
    if ($may_retry && ($never_ran || $was_lost && $task->losses < $task->retry_lost || $has_failed && $task->failures < $task->retry_failed)) {
        $task->_set_losses($task->losses + 1) if $was_lost && !$never_ran;
        $task->_set_failures($task->failures + 1) if $has_failed;
        $self->_forget($id);
        $self->_try_again($driver, $task);
    }
    else {
        $runner->_finish($task, $was_lost && !$never_ran, $has_failed);
        $self->_forget($id);
    }
    $self->balance($driver);
    return;
}

# The master or the driver has refused the launch.
sub _never_ran {
    my ($self, $task) = @_;
    my $reason = ($task->status || {})->{reason};
    return defined $reason && grep { $reason == $_ } Mesos::TaskStatus::Reason::REASON_INVALID_OFFERS(),
        Mesos::TaskStatus::Reason::REASON_MASTER_DISCONNECTED();
}

sub _forget {
    my ($self, $id) = @_;
    delete $self->active->{$id};
    delete $self->timers->{$_} for "timeout $id", "kill $id";
    return;
}

sub _try_again {
    my ($self, $driver, $task) = @_;
    my $runner = $self->runner;
    $task->_set_phase('queued');
    $runner->_record(0, $self->_record_of($task));
    my $pause = min($runner->max_backoff, $runner->backoff * 2**min($task->attempts - 1, 30));
    $self->{_delayed}{$task->id} = $task;
    $self->set_timer('retry ' . $task->id, $pause, sub { $self->_is_due($driver, $task) });
    return;
}

sub _is_due {
    my ($self, $driver, $task) = @_;
    delete $self->{_delayed}{$task->id} or return;
    push @{$self->queue}, $task;
    return $self->balance($driver, 1);
}

# Takes a task back that is not launched; true if it was there.
sub withdraw {
    my ($self, $task) = @_;
    delete $self->timers->{'retry ' . $task->id};
    return 1 if delete $self->{_delayed}{$task->id};
    my $before = @{$self->queue};
    @{$self->queue} = grep { $_ != $task } @{$self->queue};
    return @{$self->queue} < $before;
}

sub _follow {
    my ($self) = @_;
    my @running = grep { defined $_->started } values %{$self->active};
    delete $self->timers->{follow};
    return unless @running;
    $self->runner->_read_output($_) for @running;
    $self->set_timer('follow', $self->runner->_is_local ? 0.25 : 1, sub { $self->_follow });
    return;
}

# --- time ----------------------------------------------------------------------------------------------------------------

# One timer for each purpose. What dies in it leaves the runner's run, as what dies in a callback does.
sub set_timer {
    my ($self, $what, $seconds, $code) = @_;
    my $runner = $self->runner;
    Scalar::Util::weaken($runner);
    my $timers = $self->timers;
    $timers->{$what} = $runner->driver->dispatcher->timer($seconds, sub {
            delete $timers->{$what};
            $runner->_guarded($code) if $runner;
    });
    return;
}

1;
__END__

=head1 NAME

Mesos::Runner::Scheduler - the scheduler of a Mesos::Runner

=head1 SYNOPSIS

    use Mesos::Runner;

    my $runner = Mesos::Runner->new(master => 'local');
    print ref $runner->driver->scheduler, "\n";    # Mesos::Runner::Scheduler

=head1 DESCRIPTION

Internal to L<Mesos::Runner>. Extends L<Mesos::Scheduler>: places tasks on offers, follows their updates, and tries again.

=head1 ATTRIBUTES

=head2 runner, queue, active, timers, connected, suppressed, framework_id, failure

The L<Mesos::Runner>, the tasks that wait, those that are launched by their Mesos ids, the timers by what they are for, whether there is a
master, whether it was asked for no offers, the framework's id, and the driver's error.

=head1 METHODS

=head2 balance

    $scheduler->balance($driver, $again);

Suppresses offers, or revives them.

=head2 kill_task

    $scheduler->kill_task($driver, $mesos_id);

Kills a task, and again every 5 seconds until it has ended.

=head2 set_timer

    $scheduler->set_timer($what, $seconds, sub { ... });

Sets the timer of this name.

=head2 wants_offers

    my $wants = $scheduler->wants_offers;

True if a task waits and may be launched.

=head2 withdraw

    my $was_there = $scheduler->withdraw($task);

Takes a task off the queue.

=cut
