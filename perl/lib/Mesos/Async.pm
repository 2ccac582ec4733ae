package Mesos::Async;
use 5.10.1;
use Carp ();
use Mesos::Arguments ();
use Mesos::Async::Arguments qw(check_hash id_in options_of task_info);
use Mesos::Async::Handler;
use Mesos::Async::Promises;
use Mesos::Error;
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use Scalar::Util qw(blessed looks_like_number refaddr reftype weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::SchedulerDriver';

# So many events are kept for a next_event that was never called.
use constant KEPT => 100;

has '+scheduler' => (default => sub { Mesos::Async::Quiet->new });
has event_handler => (is => 'lazy', init_arg => undef, builder => sub { Mesos::Async::Handler->new($_[0]) });
has _promises => (is => 'lazy', init_arg => undef, builder => sub { Mesos::Async::Promises->for_dispatcher($_[0]->dispatcher) });

# Those that wait: by what they wait for. A list each.
has _waiting => (is => 'ro', init_arg => undef, default => sub { {} });
# Of launches, by the task's id, and of reconciliations.
has [qw(_launches _operations)] => (is => 'ro', init_arg => undef, default => sub { {} });
has _reconciliations => (is => 'ro', init_arg => undef, default => sub { [] });
has _timers => (is => 'ro', init_arg => undef, default => sub { {} });
# Of promises that wait, by their addresses: the method, and the place of its call.
has _asked => (is => 'ro', init_arg => undef, default => sub { {} });
# So many seconds after the first question for events, a start has been forgotten; and after the first offers, whoever is to take them.
use constant FORGOTTEN => 5;

# --- promises --------------------------------------------------------------------------------------------------------------

sub _new_promise { my ($self, $cancelled) = @_; return $self->_promises->{make}->($cancelled) }

sub _resolve {
    my ($self, $promise, @values) = @_;
    $self->{_at_once}{refaddr $promise } = '' unless delete $self->_asked->{refaddr $promise } || !$self->{_at_once};
    $self->_promises->{resolve}->($promise, @values);
    return;
}

# True if somebody hears of it. Only one of ours may hold the promise besides.
sub _reject {
    my ($self, $promise, $code, $text, %more) = @_;
    my $error = ref $text ? Mesos::Error->of($text) : Mesos::Error->new(text => $text, code => $code, %more);
    my $asked = delete $self->_asked->{refaddr $promise };
    my $is_kept = !$asked || $self->_promises->{is_kept}->($promise, 2);
    $self->_promises->{reject}->($promise, $error);
    if (!$is_kept) { $self->_tell_dropped($asked, $error) }
    elsif (!$asked && $self->{_at_once}) { $self->{_at_once}{refaddr $promise } = $error }
    return $is_kept;
}

# A promise that nobody has kept tells nobody. Who ends the driver or the task knows, and a driver that fails says so itself.
sub _tell_dropped {
    my ($self, $asked, $error) = @_;
    my ($method, $callback, @place) = @$asked;
    my $code = $error->code || '';
    return if $code eq 'driver' || $code eq 'cancelled';
    # Who looks at the updates knows, too.
    my $scheduler = $self->scheduler;
    return if $code eq 'task' && ($self->{_pulled} || $scheduler->can($callback) && $scheduler->can($callback) != (Mesos::Scheduler->can($callback) || 0));
    Mesos::Async::Promises::tell_dropped(\@place, $method, "$error", "$method $code");
    return;
}

for my $method (qw(start_p stopped_p launch_p reconcile_p operation_p message_p decline_p)) {
    my $callback = $method eq 'operation_p' ? 'operationStatusUpdate' : 'statusUpdate';
    around $method => sub {
        my ($orig, $self, @args) = @_;
        # What is settled before this returns.
        local $self->{_at_once} = {};
        my $promise = $self->$orig(@args);
        my $asked = [$method, $callback, Mesos::Warnings::place_of_user()];
        my $error = $self->{_at_once}{refaddr $promise };
        if (!defined $error) { $self->_asked->{refaddr $promise } = $asked }
        elsif ($error && !defined wantarray && !$self->_promises->{tells}) { $self->_tell_dropped($asked, $error) }
        return $promise;
    };
}

# Whoever asks before start may start it later, but nothing ever comes if not.
sub _expect_start {
    my ($self, $method) = @_;
    return if $self->{_expected}++ || $self->status != Mesos::Status::DRIVER_NOT_STARTED();
    my @place = Mesos::Warnings::place_of_user();
    weaken(my $driver = $self);
    $self->_timer(
        unstarted => FORGOTTEN,
        sub {
            return if !$driver || $driver->status != Mesos::Status::DRIVER_NOT_STARTED();
            Mesos::Warnings::warn_at(\@place, "$method: the driver was not started yet, and until then nothing comes: call start_p", $method);
        });
    return;
}
before start => sub { delete $_[0]->_timers->{unstarted} };

sub _wait_for {
    my ($self, $what, $promise) = @_;
    push @{$self->_waiting->{$what}}, $promise;
    return $promise;
}

sub _taken { my ($self, $what) = @_; return @{delete $self->_waiting->{$what} || []} }

# A call of the driver's; what it dies of rejects the promise.
sub _tried {
    my ($self, $promise, $code) = @_;
    local $self->{_promised} = 1;
    return 1 if eval { $code->(); 1 };
    $self->_reject($promise, error => Mesos::Error->of($@));
    return 0;
}

sub _is_over {
    my ($self) = @_;
    my $status = $self->status;
    return $status == Mesos::Status::DRIVER_STOPPED() || $status == Mesos::Status::DRIVER_ABORTED();
}

sub _timer {
    my ($self, $key, $seconds, $code) = @_;
    my $timers = $self->_timers;
    $timers->{$key} = $self->dispatcher->timer($seconds, sub { delete $timers->{$key}; $code->() });
    return;
}

sub start_p {
    my ($self) = @_;
    my $promise = $self->_new_promise;
    if (defined $self->{_registered} && !$self->_is_over) { $self->_resolve($promise, $self->{_registered}); return $promise }
    $self->_wait_for(start => $promise);
    $self->_tried($promise, sub { $self->start unless $self->running }) or $self->_taken('start');
    $self->_all_over('the driver has ended already') if $self->_is_over;
    return $promise;
}

sub stopped_p {
    my ($self) = @_;
    my $promise = $self->_new_promise;
    $self->_expect_start('stopped_p') unless $self->running;
    if (!$self->_is_over) { $self->_wait_for(stopped => $promise) }
    elsif (defined $self->{_failed_with}) { $self->_reject($promise, driver => $self->{_failed_with}) }
    else { $self->_resolve($promise, $self->status) }
    return $promise;
}

sub launch_p {
    my ($self, $offers, $task, @options) = @_;
    my %options = options_of('launch_p', \@options, qw(filters on_state));
    check_hash('launch_p: task', $task, 'Mesos::TaskInfo');
    my $id = id_in('launch_p: task', task_id => $task);
    $id = 'task-' . $$ . '-' . ++$self->{_launched} unless defined $id;
    my ($promise, $launch);
    weaken(my $driver = $self);
    $promise = $self->_new_promise(sub { $driver->_kill_launch($id) if $driver });
    $launch = $self->_launches->{$id} and do { $self->_reject($promise, argument => "launch_p: the task '$id' runs already"); return $promise };
    my @offers = ref $offers eq 'ARRAY' ? @$offers : $offers;
    my ($given, $missing) = task_info(\@offers, $task);
    if (defined $missing) { $self->_reject($promise, argument => "launch_p: the task '$id' does not fit: $missing"); return $promise }
    my ($of) = grep { ref && $_->{slave_id} } @offers;
    my %info = (name => $id, $of ? (slave_id => $of->{slave_id}) : (), %$given, task_id => {value => $id});
    $self->_launches->{$id} = {promise => $promise, on_state => $options{on_state}};
    my $ok = $self->_tried($promise, sub {
            $self->launchTasks([map { ref && $_->{id} ? $_->{id} : $_ } @offers], [\%info], $options{filters});
    });
    delete $self->_launches->{$id} unless $ok;
    $self->_all_over('the driver does not run') if $ok && !$self->running;
    return $promise;
}

# Mesos does not promise that a KILL arrives: it is repeated until the task has ended.
sub _kill_launch {
    my ($self, $id) = @_;
    my $launch = $self->_launches->{$id} or return;
    $launch->{cancelled} = 1;
    return unless $self->running;
    $self->killTask({value => $id}, $launch->{kill_policy});
    weaken(my $driver = $self);
    $self->_timer("kill $id", 5, sub { $driver->_kill_launch($id) if $driver });
    return;
}

sub cancel {
    my ($self, $promise, $kill_policy) = @_;
    Mesos::Arguments::_throw('cancel: expected a promise of launch_p, got ' . Mesos::Arguments::_describe($promise)) unless blessed $promise;
    my ($id) = grep { refaddr($self->_launches->{$_}{promise}) == refaddr $promise } keys %{$self->_launches};
    $self->_launches->{$id}{kill_policy} = $kill_policy if defined $id && defined $kill_policy;
    return $promise->cancel if $promise->can('on_cancel');
    Mesos::Error::croak('cancel: expected a promise of launch_p whose task has not ended') unless defined $id;
    return $self->_kill_launch($id);
}

sub reconcile_p {
    my ($self, $tasks, @options) = @_;
    my %options = options_of('reconcile_p', \@options, 'timeout');
    Mesos::Arguments::_throw('reconcile_p: expected an array reference of ids of tasks, or of Mesos::TaskStatus, got ' . Mesos::Arguments::_describe($tasks))
        if (reftype($tasks) || '') ne 'ARRAY';
    my $promise = $self->_new_promise;
    for my $index (0 .. $#$tasks) {
        next if defined $tasks->[$index] && !ref $tasks->[$index];
        check_hash("reconcile_p: element $index", $tasks->[$index], 'the id of a task, Mesos::TaskStatus');
        next if defined id_in("reconcile_p: element $index", task_id => $tasks->[$index]);
        Mesos::Arguments::_throw("reconcile_p: element $index: expected the id of a task, or a Mesos::TaskStatus with a task_id, which has none");
    }
    my @asked = map { ref $_ ? $_ : {task_id => {value => $_}, state => Mesos::TaskState::TASK_STAGING()} } @$tasks;
    my $wanted = {promise => $promise, answers => {}, all => !@asked, open => {map { ($_->{task_id}{value} => 1) } @asked}};
    # Before the call: with the dispatcher Interrupt, its answer may come before it returns.
    push @{$self->_reconciliations}, $wanted;
    my $ok = $self->_tried($promise, sub { $self->reconcileTasks(\@asked) });
    return $promise if $ok && !grep { $_ == $wanted } @{$self->_reconciliations};
    if (!$ok || !$self->running) {
        @{$self->_reconciliations} = grep { $_ != $wanted } @{$self->_reconciliations};
        $self->_reject($promise, driver => 'the driver does not run') if $ok;
        return $promise;
    }
    weaken(my $driver = $self);
    $self->_timer("reconcile " . refaddr $wanted, defined $options{timeout} ? $options{timeout} : 10, sub { $driver->_reconciled($wanted) if $driver });
    return $promise;
}

sub _reconciled {
    my ($self, $wanted) = @_;
    delete $self->_timers->{'reconcile ' . refaddr $wanted };
    @{$self->_reconciliations} = grep { $_ != $wanted } @{$self->_reconciliations};
    return $self->_resolve($wanted->{promise}, $wanted->{answers});
}

sub operation_p {
    my ($self, $offers, $operation, @options) = @_;
    my %options = options_of('operation_p', \@options, 'filters');
    check_hash('operation_p: operation', $operation, 'Mesos::Offer::Operation');
    my $type = Mesos::Offer::Operation::Type->name_of($operation->{type} || 0) || '';
    Mesos::Arguments::_throw("operation_p: $type has no state of its own, only its tasks have: call launch_p or acceptOffers") if $type =~ /\ALAUNCH/;
    my $promise = $self->_new_promise;
    my $id = id_in('operation_p: operation', id => $operation);
    $id = 'operation-' . $$ . '-' . ++$self->{_operated} unless defined $id;
    my @offers = ref $offers eq 'ARRAY' ? @$offers : $offers;
    $self->_operations->{$id} = $promise;
    my $ok = $self->_tried($promise, sub {
            $self->acceptOffers([map { ref && $_->{id} ? $_->{id} : $_ } @offers], [{%$operation, id => {value => $id}}], $options{filters});
    });
    delete $self->_operations->{$id} unless $ok;
    $self->_reject($promise, driver => 'the driver does not run') if $ok && !$self->running && delete $self->_operations->{$id};
    return $promise;
}

sub message_p {
    my ($self, $executor_id, $slave_id, $data, @options) = @_;
    my %options = options_of('message_p', \@options, 'timeout');
    my $promise = $self->_new_promise;
    my $what = join ' ', 'message', map { ref ? $_->{value} // '' : '' } $executor_id, $slave_id;
    $self->_wait_for($what => $promise);
    my $ok = $self->_tried($promise, sub { $self->sendFrameworkMessage($executor_id, $slave_id, $data) });
    return $promise if $ok && !grep { $_ == $promise } @{$self->_waiting->{$what} || []};
    if (!$ok || !$self->running) {
        @{$self->_waiting->{$what}} = grep { $_ != $promise } @{$self->_waiting->{$what}};
        $self->_reject($promise, driver => 'the driver does not run') if $ok;
        return $promise;
    }
    my $key = "$what " . refaddr $promise;
    weaken(my $driver = $self);
    $self->_timer($key, defined $options{timeout} ? $options{timeout} : 30, sub {
            my $waiting = $driver && $driver->_waiting->{$what} or return;
            my @others = grep { $_ != $promise } @$waiting;
            return if @others == @$waiting;
            @$waiting = @others;
            $driver->_reject($promise, timeout => "message_p: no answer of the executor '$executor_id->{value}'");
    });
    return $promise;
}

sub decline_p {
    my ($self, $offers, @filters) = @_;
    # With an offer, the driver looks at them.
    check_hash('decline_p: filters', $filters[0], 'Mesos::Filters') if defined $filters[0] && ref $offers eq 'ARRAY' && !@$offers;
    my $promise = $self->_new_promise;
    my $status = $self->status;
    my $ok = $self->_tried($promise, sub {
            $status = $self->declineOffer(ref && $_->{id} ? $_->{id} : $_, @filters) for ref $offers eq 'ARRAY' ? @$offers : $offers;
    });
    $self->_resolve($promise, $status) if $ok;
    return $promise;
}

# --- the stream of events --------------------------------------------------------------------------------------------------

sub next_event {
    my ($self) = @_;
    my $promise = $self->_new_promise;
    my $events = $self->{_events} ||= [];
    $self->{_pulled} = 1;
    $self->_expect_start('next_event') unless $self->running;
    if (@$events) { $self->_resolve($promise, @{shift @$events}) }
    elsif ($self->_is_over) { $self->_resolve($promise) }
    else { $self->_wait_for(event => $promise) }
    return $promise;
}

sub _stream {
    my ($self, @event) = @_;
    my $events = $self->{_events} ||= [];
    # Perhaps nobody will ever ask.
    shift @$events if !$self->{_pulled} && @$events >= KEPT;
    my $waiting = $self->_waiting->{event} || [];
    # A future that was cancelled wants nothing any more.
    shift @$waiting while @$waiting && $waiting->[0]->can('is_cancelled') && $waiting->[0]->is_cancelled;
    return push @$events, \@event unless @$waiting;
    return $self->_resolve(shift @$waiting, @event);
}

# --- events ----------------------------------------------------------------------------------------------------------------

# The program's own scheduler comes first: if it dies, Mesos sends the update again, and nothing is resolved.
sub _async_event {
    my ($self, $event, @args) = @_;
    my $scheduler = $self->scheduler;
    my $returned;
    # Only where the caller looks at it: see _callback_returned.
    if (my $method = $scheduler->can($event)) { defined wantarray ? $returned = $scheduler->$method($self, @args) : $scheduler->$method($self, @args) }
    $self->_expect_somebody if $event eq 'resourceOffers';
    my $mine = $self->can("_on_$event");
    $self->$mine(@args) if $mine;
    $self->_saw($event, @args) if $self->offer_timeout || $self->auto_suppress;
    $self->_stream($event, @args);
    return $returned;
}

# Offers that neither a scheduler nor next_event takes are nobody's.
sub _expect_somebody {
    my ($self) = @_;
    return if $self->{_pulled} || $self->{_unheard}++ || ref $self->scheduler ne 'Mesos::Async::Quiet';
    weaken(my $driver = $self);
    $self->_timer(
        unheard => FORGOTTEN,
        sub {
            return if !$driver || $driver->{_pulled};
            warn "Mesos: what Mesos offers stays unused: this Mesos::Async has no scheduler, and the program does not call next_event\n";
        });
    return;
}

sub _on_registered {
    my ($self, $framework_id) = @_;
    $self->{_registered} = $framework_id;
    $self->_resolve($_, $framework_id) for $self->_taken('start');
    return;
}

sub _on_statusUpdate {
    my ($self, $status) = @_;
    my $id = $status->{task_id}{value};
    my $state = Mesos::TaskState->name_of($status->{state}) || $status->{state};
    my $launch = $self->_launches->{$id};
    # First what can die.
    $launch->{on_state}->($status, $state) if $launch && $launch->{on_state};
    # Of what the master does not know, nothing more may come.
    if ($launch && (Mesos::TaskState->is_terminal($state) || $state eq 'TASK_UNKNOWN')) {
        delete $self->_launches->{$id};
        # Who is called for each state needs no promise.
        delete $self->_asked->{refaddr $launch->{promise}} if $launch->{on_state};
        delete $self->_timers->{"kill $id"};
        my $message = defined $status->{message} && length $status->{message} ? ": $status->{message}" : '';
        if ($state eq 'TASK_FINISHED') { $self->_resolve($launch->{promise}, $status) }
        else {
            $self->_reject($launch->{promise}, $launch->{cancelled} ? 'cancelled' : 'task', "$id: $state$message", status => $status, task_id => $id);
        }
    }
    for my $wanted (grep { $_->{all} || $_->{open}{$id} } @{$self->_reconciliations}) {
        $wanted->{answers}{$id} = $status;
        delete $wanted->{open}{$id};
        $self->_reconciled($wanted) unless $wanted->{all} || %{$wanted->{open}};
    }
    return;
}

sub _on_operationStatusUpdate {
    my ($self, $status) = @_;
    my $id = ($status->{operation_id} || {})->{value};
    my $state = Mesos::OperationState->name_of($status->{state}) || $status->{state};
    return unless defined $id && $self->_operations->{$id} && (Mesos::OperationState->is_terminal($state) || $state eq 'OPERATION_UNKNOWN');
    my $promise = delete $self->_operations->{$id};
    return $self->_resolve($promise, $status) if $state eq 'OPERATION_FINISHED';
    my $message = defined $status->{message} ? ": $status->{message}" : '';
    return $self->_reject($promise, task => "$id: $state$message", status => $status);
}

sub _on_frameworkMessage {
    my ($self, $executor_id, $slave_id, $data) = @_;
    my $what = "message $executor_id->{value} $slave_id->{value}";
    my $promise = shift @{$self->_waiting->{$what} || []} or return;
    delete $self->_timers->{"$what " . refaddr $promise };
    return $self->_resolve($promise, $data);
}

sub _on_error {
    my ($self, $message) = @_;
    $self->{_failed_with} = $message;
    my $told = $self->_all_over($message);
    # Somebody has heard of it.
    delete $self->{_failure} if $told;
    return;
}

# Whatever waits will never hear of Mesos again. How many promises were rejected that somebody has kept.
sub _all_over {
    my ($self, $message) = @_;
    my @rejected = ($self->_taken('start'), map({ $self->_taken($_) } grep {/^message/} sort keys %{$self->_waiting}));
    push @rejected, map { (delete $self->_launches->{$_})->{promise} } sort keys %{$self->_launches};
    push @rejected, map { delete $self->_operations->{$_} } sort keys %{$self->_operations};
    push @rejected, map { $_->{promise} } splice @{$self->_reconciliations};
    my @stopped = $self->_taken('stopped');
    %{$self->_timers} = ();
    if (defined $self->{_failed_with}) { push @rejected, @stopped }
    else { $self->_resolve($_, $self->status) for @stopped }
    my $heard = 0;
    $self->_reject($_, driver => $message) and $heard++ for @rejected;
    $self->_resolve($_) for $self->_taken('event');
    return $heard;
}

after [qw(stop abort)] => sub {
    my ($self) = @_;
    $self->_all_over('the driver was stopped') if $self->_is_over;
};

Mesos::Warnings::Methods::watch_methods(
    __PACKAGE__, 'new', cancel => 2, (map { ($_ => 0) } qw(start_p stopped_p next_event)),
    (map { ($_ => undef) } qw(launch_p reconcile_p operation_p message_p decline_p)),
);

1;
__END__

=head1 NAME

Mesos::Async - a scheduler driver with promises and futures

=head1 SYNOPSIS

    use Mesos::Async;

    my $driver = Mesos::Async->new(
        master     => 'local',
        framework  => {user => '', name => 'async'},
        dispatcher => 'AnyEvent',    # or IOAsync, POE; the promises of Mojo have no get
    );
    $driver->start_p->get;
    my ($event, $offers);
    do { ($event, $offers) = $driver->next_event->get } until $event eq 'resourceOffers';
    my $status = $driver->launch_p($offers, {command => 'echo hello', cpus => 0.1, mem => 32})->get;
    print "$status->{message}\n";
    $driver->stop;

With C<async> and C<await> (see F<examples/async_mojo.pl> and F<examples/async_future.pl>), it is C<await> in place of C<get>.

=head1 DESCRIPTION

Extends L<Mesos::SchedulerDriver>: all of its attributes and methods are there. The methods below return a promise of the dispatcher's loop:

=over

=item C<Mojo>

L<Mojo::Promise>

=item C<IOAsync>

L<IO::Async::Future>

=item C<AnyEvent>, C<Interrupt>, C<POE>

L<Mesos::Async::Future>, which is a L<Future>. If the module Future is not installed, condvars of L<AnyEvent> (not with POE).

=back

If a call dies, the promise is rejected instead. It is always rejected with a L<Mesos::Error>: as a text it says what is wrong, and its
C<code> is C<task> (the task or the operation has ended, but not well), C<cancelled>, C<timeout>, C<driver> (the driver has failed, or was
stopped), or one of a call's errors. A condvar's C<recv> dies with it.

The driver acknowledges an update after the promises were resolved that wait for it, and after C<on_state> and the callback of your scheduler
have returned. If one of these two dies, nothing is resolved, and Mesos sends the update again. What you do behind an C<await> may happen
after the acknowledgement: if that matters, use C<on_state>, or C<< implicit_acknowledgements => 0 >>.

=head1 ATTRIBUTES

Those of L<Mesos::SchedulerDriver>. These differ:

=head2 scheduler

Optional here. If you pass a L<Mesos::Scheduler>, its methods are called as usual, before promises are resolved.

=head2 event_handler

Not an argument of C<new>. Internal.

=head1 METHODS

=head2 start_p

    my $framework_id = await $driver->start_p;

Starts the driver unless it runs. Resolves with the C<Mesos::FrameworkID> when the framework is registered. Rejected if the driver fails or
is stopped before.

=head2 stopped_p

    my $status = await $driver->stopped_p;

Resolves with the driver's status, a number of C<Mesos::Status>, when it was stopped or aborted. Rejected if it fails.

=head2 launch_p

    my $status = await $driver->launch_p($offers, $task);
    my $status = await $driver->launch_p($offers, $task, on_state => sub { my ($status, $state) = @_; ... }, filters => $filters);

Launches one task on an offer, or on an array reference of offers of one agent (C<Mesos::Offer> or C<Mesos::OfferID>). C<$task> is a
C<Mesos::TaskInfo> or a hash reference. C<task_id>, C<name> and, if you pass whole offers, C<slave_id> are filled in if they are missing.

In a hash reference, C<command> may also be a string (for the shell) or an array reference (a program and its arguments). In place of
C<resources> there may be the numbers C<cpus>, C<mem> and C<disk> (in MiB) and C<gpus>; or C<resources> may be whatever
L<Mesos::Resources/new> takes. An array reference of C<Mesos::Resource> is passed on as it is. Everything else is taken out of the offers,
which must be whole then, with the roles and reservations that it has there. If they have too little, the promise is rejected (C<code> is
C<argument>), and the offers are still yours.

Resolves with the C<Mesos::TaskStatus> of C<TASK_FINISHED>. Rejected when the task ends in another way: the error's C<code> is C<task>,
its C<status> the last C<Mesos::TaskStatus>, its C<task_id> the id. C<on_state> is called with each update and the name of its state.

=head2 cancel

    $driver->cancel($promise);
    $driver->cancel($promise, {grace_period => {nanoseconds => 0}});

Kills the task of a promise of C<launch_p>, if you like with a kill policy (see L<Mesos::SchedulerDriver/killTask>), again and again until it has ended. A Mojo::Promise or condvar is then rejected with the code
C<cancelled>, unless the task has finished nevertheless. A L<Future> becomes cancelled at once; C<< $future->cancel >> does the same.

=head2 reconcile_p

    my $statuses = await $driver->reconcile_p(\@task_ids);
    my $statuses = await $driver->reconcile_p(\@task_ids, timeout => 10);

Asks for the states of tasks (ids, or C<Mesos::TaskStatus>). Resolves with a hash reference, from ids to statuses, as soon as all answers are
in, or after the time (default 10 seconds) with those that came. With an empty array it asks for all tasks, and always takes that time.

=head2 operation_p

    my $status = await $driver->operation_p($offers, $operation, filters => $filters);

Applies one C<Mesos::Offer::Operation> to offers of one agent. Resolves with the C<Mesos::OperationStatus> of C<OPERATION_FINISHED>. Rejected
if the operation ends in another way. The C<id> is filled in if it is missing.

=head2 message_p

    my $data = await $driver->message_p($executorId, $slaveId, $data, timeout => 30);

Sends bytes to an executor, and resolves with the next bytes that this executor sends. Mesos may lose either: rejected with the code
C<timeout> after the time (default 30 seconds).

=head2 decline_p

    await $driver->decline_p($offers, $filters);

Gives an offer or an array reference of offers back. Mesos does not answer: resolves at once, with the driver's status.

=head2 next_event

    while (my ($event, @args) = await $driver->next_event) { ... }

Resolves with the next event: the name of a callback and its arguments (as in L<Mesos::Scheduler>, without the driver). Events are kept
until you take them, but only the last 100 before your first call. Once the driver has ended and they are taken, it resolves with nothing.

=head1 SEE ALSO

L<Mesos::Runner> for many tasks. F<examples/async_mojo.pl>, F<examples/async_future.pl>.

=cut
