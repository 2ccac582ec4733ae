package Test::Mesos::Surface;

# Scenarios of Test::Mesos for what MesosSchedulerDriver has since 0.28, and for what v1 adds to it: libmesos' driver lacks that.

use 5.10.1;
use strict;
use warnings;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here
use Test::Framework;
use Test::More;

# Capabilities by the numbers of FrameworkInfo.Capability.Type.
my %capability = map { ($_ => {type => Mesos::FrameworkInfo::Capability::Type->can($_)->()}) } qw(MULTI_ROLE RESERVATION_REFINEMENT);

{
    package Test::Framework::V1;
    use Moo;
    extends 'Test::Framework';
    has on_offers => (is => 'rw');
    for my $name (qw(inverseOffers inverseOfferRescinded operationStatusUpdate)) {
        no strict 'refs';
        *$name = sub { my ($self, $driver, @args) = @_; push @{$self->heard}, [$name, @args] };
    }
    around resourceOffers => sub {
        my ($code, $self, $driver, $offers) = @_;
        return $self->$code($driver, $offers) unless $self->on_offers;
        push @{$self->heard}, ['resourceOffers', $offers];
        $self->on_offers->($driver, $offers);
    };
}

sub _last { my ($framework, $name) = @_; my ($last) = grep { $_->[0] eq $name } reverse @{$framework->heard}; $last }

# Runs the driver until the code returns true; whether it did within five minutes, which in valgrind on a busy machine are not much.
sub _until {
    my ($driver, $code) = @_;
    my $end = time + 300;
    $driver->start;
    $driver->dispatcher->wait(0.2) until $code->() || time > $end;
    return ok($code->(), 'it happened within five minutes');
}

sub _is_native { my ($driver) = @_; return $driver->backend eq 'native' }

sub _roles { my ($name, @roles) = @_; return (user => '', name => $name, capabilities => [$capability{MULTI_ROLE}], roles => [@roles]) }

# Calls an endpoint of the master; the decoded answer.
sub _http {
    my ($master, $method, $path, $body) = @_;
    my $answer = HTTP::Tiny->new->request($method, "http://$master$path",
        {$body ? (headers => {'Content-Type' => 'application/json'}, content => encode_json($body)) : ()});
    die "$method $path: $answer->{status} $answer->{content}" unless $answer->{success};
    return length $answer->{content} ? eval { decode_json($answer->{content}) } : undef;
}

# name => code($master), as Test::Mesos::scenarios
sub scenarios {
    my $driver_for = \&Test::Mesos::driver_for;
    return (
        'suppress and revive' => sub {
            my ($master) = @_;
            my $framework = Test::Framework::V1->new(tasks => []);
            my $driver = $driver_for->($master, $framework);
            # Suppressed before the offer goes back: it cannot come again.
            $framework->on_offers(sub {
                    my ($driver, $offers) = @_;
                    $driver->suppressOffers;
                    $driver->declineOffer($_->{id}, {refuse_seconds => 0}) for @$offers;
            });
            _until($driver, sub { $framework->count('resourceOffers') });
            # Longer than two allocation intervals.
            $driver->dispatcher->wait(2.5);
            is $framework->count('resourceOffers'), 1, 'no offers while suppressed';
            is $driver->reviveOffers([]), Mesos::Status::DRIVER_RUNNING();
            $driver->dispatcher->wait(1.5);
            is $framework->count('resourceOffers'), 1, 'no roles: nothing';
            $driver->reviveOffers(['*']);
            _until($driver, sub { $framework->count('resourceOffers') == 2 });
            _until($driver, sub { $driver->stats->{calls}{SUPPRESS} == 2 });
            is $driver->stats->{calls}{REVIVE}, 1;
            $driver->stop;
        },
        'suppress by role, and updateFramework' => sub {
            my ($master) = @_;
            my %info = _roles('roles', 'a', 'b');
            my $framework = Test::Framework::V1->new(tasks => []);
            my $driver = $driver_for->($master, $framework, framework => {%info});
            my ($suppress, %roles) = (['b']);
            $framework->on_offers(sub {
                    my ($driver, $offers) = @_;
                    $driver->suppressOffers($suppress);
                    for my $offer (@$offers) {
                        $roles{$offer->{allocation_info}{role}}++;
                        $driver->declineOffer($offer->{id}, {refuse_seconds => 0});
                    }
            });
            _until($driver, sub { $roles{a} });
            %roles = ();
            _until($driver, sub { ($roles{a} || 0) >= 2 });
            ok !$roles{b}, 'offers for the other role only';
            my $id = $framework->heard->[0][1];
            for my $case (
                [[{%info}], qr/FrameworkInfo\.id is missing, this framework's is \Q$id->{value}\E/],
                [[{%info, id => {value => 'x'}}], qr/FrameworkInfo\.id is x, .* cannot change/],
                [[{%info, id => $id}, ['a', 'a']], qr/suppressedRoles: "a" is there twice/],
                [[{%info, id => $id}, ['c']], qr/suppressedRoles: "c" is not a role/],
                [['x'], qr/updateFramework: frameworkInfo: expected Mesos::FrameworkInfo/],
            ) {
                ok !eval { $driver->updateFramework(@{$case->[0]}); 1 };
                like $@, $case->[1];
            }
            $suppress = [];
            is $driver->updateFramework({%info, id => $id, name => 'other', roles => [qw(a c)]}, ['a']), Mesos::Status::DRIVER_RUNNING();
            _until($driver, sub { $roles{c} });
            is $driver->stats->{calls}{UPDATE_FRAMEWORK}, 1;
            # What only the master can refuse does not end the driver, unless it is libmesos'.
            $driver->updateFramework({%info, id => $id, checkpoint => 1});
            if (!_is_native($driver)) {
                _until($driver, sub { $framework->count('error') });
                like _last($framework, 'error')->[1], qr/checkpoint/;
                is $driver->status, Mesos::Status::DRIVER_ABORTED();
                is $driver->stop, Mesos::Status::DRIVER_ABORTED();
                return;
            }
            is $driver->stats->{answers}{200}, 2, 'SUBSCRIBE and UPDATE_FRAMEWORK';
            _until($driver, sub { $driver->stats->{calls_refused} });
            is $driver->status, Mesos::Status::DRIVER_RUNNING();
            is $driver->stats->{answers}{400}, 1;
            $driver->stop;
        },
        'shutdownExecutor' => sub {
            my ($master) = @_;
            my $framework = Test::Framework->new(tasks => [Test::Mesos::_custom('t', 'x', 'ends')], stop_when_done => 0, on_update => sub {
                    my ($driver, $status) = @_;
                    $driver->shutdownExecutor($status->{executor_id}, $status->{slave_id}) if $status->{state} == 1;
            });
            my $driver = $driver_for->($master, $framework);
            plan skip_all => 'not in libmesos' unless _is_native($driver);
            _until($driver, sub { $framework->count('executorLost') && $framework->done });
            my $lost = _last($framework, 'executorLost');
            is_deeply [$lost->[1]{value}, $lost->[3]], ['ends', 0], 'the executor has stopped by itself';
            is $framework->last_status->{t}{message}, 'Executor terminated';
            $driver->stop;
        },
        'a thousand tasks, acknowledged explicitly' => sub {
            my ($master) = @_;
            my $acknowledged = 0;
            my ($scheduler, $status, $driver);
            # Update's uuid: when it was made. An agent sends one again that was not acknowledged for 10 s, as happens on a busy machine,
            # where the first one may have waited long before it came here.
            my (%came, @early);
            my $finish = sub {
                my ($driver, $status) = @_;
                $driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, "$status->{task_id}{value}:");
            };
            $scheduler = Test::Framework->new(
                tasks => [map { Test::Mesos::_custom("t$_", 'x', 'many') } 1 .. 1000], cpus => 0.001,
                stop_when_done => 0, on_update => sub {
                    my ($driver, $status) = @_;
                    $acknowledged++ if $status->{uuid};
                    $driver->acknowledgeStatusUpdate($status);
                    if (my $first = $came{$status->{uuid} // ''}) {
                        push @early, $status->{task_id}{value} if time - $first < 9;
                        pop @{$scheduler->states->{$status->{task_id}{value}}};
                        return;
                    }
                    $came{$status->{uuid}} = $status->{timestamp} || time if $status->{uuid};
                    $finish->($driver, $status) if $status->{state} == 1;
                },
            );
            $driver = $driver_for->($master, $scheduler, implicit_acknowledgements => 0, max_unanswered_calls => 32);
            # Of a burst of messages libmesos may lose some: it sends them to the agent itself, and closes that connection at once.
            my ($done, $again) = (0, time + 5);
            my $repeat = sub {
                ($done, $again) = ($scheduler->done, time + 5) if $scheduler->done > $done;
                return if _is_native($driver) || time < $again;
                $again = time + 5;
                $finish->($driver, $_) for grep { $_->{state} == 1 } values %{$scheduler->last_status};
            };
            _until($driver, sub {
                    $repeat->();
                    return $scheduler->done == 1000 && $driver->stats->{updates_acknowledged} == $acknowledged;
            });
            # What is sent again may be answered again.
            my $states = $scheduler->states;
            if (!_is_native($driver)) {
                $states = {map { my %once; my $all = $states->{$_}; ($_ => [grep { !$once{$_}++ } @$all]) } keys %$states};
            }
            is_deeply $states, {map { ("t$_" => [1, 2]) } 1 .. 1000};
            is_deeply \@early, [], 'no update came twice at once';
            my $stats = $driver->stats;
            is $stats->{events}{UPDATE}, $stats->{updates_received};
            is $stats->{calls}{ACKNOWLEDGE}, $acknowledged;
            cmp_ok $stats->{queue_high_water}, '>', 0;
            cmp_ok $stats->{bytes_in}, '>', 100_000 if _is_native($driver);
            $driver->stop;
        },
        'an unknown offer' => sub {
            my ($master) = @_;
            my $framework = Test::Framework->new(tasks => [], stop_when_done => 0);
            my $driver = $driver_for->($master, $framework);
            _until($driver, sub { $framework->count('resourceOffers') });
            my $agent = _last($framework, 'resourceOffers')->[1][0]{slave_id};
            $driver->launchTasks([{value => 'no-such'}], [{%{Test::Mesos::command('t', 'true')}, slave_id => $agent}]);
            _until($driver, sub { $framework->done });
            is $framework->last_status->{t}{state}, Mesos::TaskState::TASK_LOST();
            is $framework->last_status->{t}{reason}, Mesos::TaskStatus::Reason::REASON_INVALID_OFFERS();
            is $driver->stop, Mesos::Status::DRIVER_STOPPED();
        },
        'frameworks that a master refuses' => sub {
            my ($master) = @_;
            for my $case (
                [{roles => ['a']}, qr/'FrameworkInfo\.roles' must not be set when the framework is not MULTI_ROLE capable/],
                [{role => 'a b'}, qr/'FrameworkInfo\.role' is not a valid role/],
                [{_roles('n', 'a'), role => 'a'}, qr/'FrameworkInfo\.role' must not be set when the framework is MULTI_ROLE capable/],
                [{_roles('n', 'a', 'a')}, qr/'FrameworkInfo\.roles' contains duplicate/],
                [{failover_timeout => 1e300}, qr/The framework failover_timeout \(.*\) is invalid/],
                [{id => {value => 'a/b'}}, qr/'a\/b'|'FrameworkInfo\.id'|ID/],
            ) {
                my ($info, $text) = @$case;
                my $framework = Test::Framework->new;
                my $driver = $driver_for->($master, $framework, framework => {user => '', name => 'n', %$info});
                is $driver->run, Mesos::Status::DRIVER_ABORTED();
                is_deeply [map { $_->[0] } @{$framework->heard}], ['error'];
                like $framework->heard->[0][1], $text;
                is $driver->killTask({value => 't'}), Mesos::Status::DRIVER_ABORTED();
            }
        },
        'another driver with the same id' => sub {
            my ($master) = @_;
            plan skip_all => 'the embedded cluster is for its driver alone' if $master eq 'local';
            my %info = (user => '', name => 'twice', failover_timeout => 60);
            my $first = Test::Framework->new;
            my $driver = $driver_for->($master, $first, framework => \%info);
            _until($driver, sub { $first->count('registered') });
            my $second = Test::Framework->new;
            my $next = $driver_for->($master, $second, framework => {%info, id => $first->heard->[0][1]});
            _until($next, sub { $second->count('registered') });
            _until($driver, sub { $first->count('error') });
            is _last($first, 'error')->[1], 'Framework failed over';
            is $driver->status, Mesos::Status::DRIVER_ABORTED();
            is $next->stop, Mesos::Status::DRIVER_STOPPED();
        },
        'operations with feedback' => sub {
            my ($master) = @_;
            my %info = _roles('operations', 'web');
            push @{$info{capabilities}}, $capability{RESERVATION_REFINEMENT};
            my $resource = {name => 'cpus', type => 0, scalar => {value => 0.1}, allocation_info => {role => 'web'},
                reservations => [{type => Mesos::Resource::ReservationInfo::Type::DYNAMIC(), role => 'web'}]};
            my @operations = ({type => Mesos::Offer::Operation::Type::RESERVE(), id => {value => 'reserve'}, reserve => {resources => [$resource]}});
            my $framework = Test::Framework::V1->new(tasks => []);
            my $driver = $driver_for->($master, $framework, framework => \%info);
            plan skip_all => 'not in libmesos' unless _is_native($driver);
            $framework->on_offers(sub {
                    my ($driver, $offers) = @_;
                    for my $offer (@$offers) {
                        # What is to be unreserved must be in the offer.
                        my $fits = @operations && ($operations[0]{reserve} || grep { $_->{reservations} && $_->{name} eq 'cpus' } @{$offer->{resources}});
                        $driver->acceptOffers([$offer->{id}], [$fits ? shift @operations : ()], {refuse_seconds => 0});
                    }
            });
            _until($driver, sub { $framework->count('operationStatusUpdate') });
            my $status = _last($framework, 'operationStatusUpdate')->[1];
            is ref $status, 'Mesos::OperationStatus';
            is $status->{operation_id}{value}, 'reserve';
            is $status->{state}, Mesos::OperationState::OPERATION_FINISHED();
            is length $status->{uuid}{value}, 16;
            push @operations, {type => Mesos::Offer::Operation::Type::UNRESERVE(), id => {value => 'unreserve'}, unreserve => {resources => [$resource]}};
            _until($driver, sub { $framework->count('operationStatusUpdate') == 2 });
            is _last($framework, 'operationStatusUpdate')->[1]{state}, Mesos::OperationState::OPERATION_FINISHED();
            _until($driver, sub { ($driver->stats->{calls}{ACKNOWLEDGE_OPERATION_STATUS} || 0) == 2 && !$driver->stats->{calls_unanswered} });
            is $driver->stats->{calls_refused}, 0, 'and acknowledged';
            $driver->reconcileOperations([{operation_id => {value => 'unknown'}}]);
            _until($driver, sub { _last($framework, 'operationStatusUpdate')->[1]{operation_id}{value} eq 'unknown' });
            $status = _last($framework, 'operationStatusUpdate')->[1];
            is $status->{state}, Mesos::OperationState::OPERATION_UNKNOWN();
            is $status->{message}, "Reconciliation: Operation is unknown and no 'agent_id' was provided";
            $driver->stop;
        },
        'operations that are acknowledged explicitly' => sub {
            my ($master) = @_;
            my %info = _roles('explicit operations', 'web');
            push @{$info{capabilities}}, $capability{RESERVATION_REFINEMENT};
            my @resources = ({name => 'cpus', type => 0, scalar => {value => 0.1}, allocation_info => {role => 'web'},
                    reservations => [{type => Mesos::Resource::ReservationInfo::Type::DYNAMIC(), role => 'web'}]});
            my @operations = map { {type => Mesos::Offer::Operation::Type->can(uc)->(), id => {value => $_}, $_ => {resources => [@resources]}} } qw(reserve unreserve);
            my $framework = Test::Framework::V1->new(tasks => []);
            my $driver = $driver_for->($master, $framework, framework => \%info, implicit_acknowledgements => 0);
            plan skip_all => 'not in libmesos' unless _is_native($driver);
            $framework->on_offers(sub {
                    my ($driver, $offers) = @_;
                    for my $offer (@$offers) {
                        my $fits = @operations && ($operations[0]{reserve} || grep { $_->{reservations} && $_->{name} eq 'cpus' } @{$offer->{resources}});
                        $driver->acceptOffers([$offer->{id}], [$fits ? shift @operations : ()], {refuse_seconds => 0});
                    }
            });
            for my $count (1, 2) {
                _until($driver, sub { $framework->count('operationStatusUpdate') == $count });
                my $status = _last($framework, 'operationStatusUpdate')->[1];
                ok $status->{uuid};
                is + ($driver->stats->{calls}{ACKNOWLEDGE_OPERATION_STATUS} || 0), $count - 1, 'not by itself';
                is $driver->acknowledgeOperationStatus($status), Mesos::Status::DRIVER_RUNNING();
                _until($driver, sub { ($driver->stats->{calls}{ACKNOWLEDGE_OPERATION_STATUS} || 0) == $count && !$driver->stats->{calls_unanswered} });
            }
            is $driver->stats->{calls_refused}, 0;
            $driver->stop;
        },
        'rescinded offers and inverse offers' => sub {
            my ($master) = @_;
            plan skip_all => 'the embedded cluster has no operators: t/mesos_local.t' if $master eq 'local';
            my $framework = Test::Framework::V1->new(tasks => [], on_offers => sub { });
            my $driver = $driver_for->($master, $framework);
            plan skip_all => 'libmesos tells of no inverse offers' unless _is_native($driver);
            _until($driver, sub { $framework->count('resourceOffers') });
            my ($agent) = @{_http($master, GET => '/master/state')->{slaves}};
            my ($ip) = $agent->{pid} =~ /\@(.*):/;
            my $schedule = sub { _http($master, POST => '/master/maintenance/schedule', {windows => [@_]}) };
            my $planned = sub {
                $schedule->({machine_ids => [{hostname => $agent->{hostname}, ip => $ip}],
                        unavailability => {start => {nanoseconds => (time + $_[0]) * 1_000_000_000}}});
            };
            $planned->(3600);
            _until($driver, sub { $framework->count('inverseOffers') && $framework->count('offerRescinded') });
            my ($inverse) = @{_last($framework, 'inverseOffers')->[1]};
            is ref $inverse, 'Mesos::InverseOffer';
            is $inverse->{slave_id}{value}, $agent->{id};
            # Another time: the offer for the first one is void.
            $planned->(7200);
            _until($driver, sub { $framework->count('inverseOfferRescinded') && $framework->count('inverseOffers') > 1 });
            is_deeply _last($framework, 'inverseOfferRescinded')->[1], $inverse->{id};
            my $count = $framework->count('inverseOffers');
            ($inverse) = @{_last($framework, 'inverseOffers')->[1]};
            $driver->acceptInverseOffers([$inverse->{id}], {refuse_seconds => 1});
            _until($driver, sub { $framework->count('inverseOffers') > $count });
            my ($next) = @{_last($framework, 'inverseOffers')->[1]};
            $driver->declineInverseOffers([$next->{id}]);
            _until($driver, sub { $driver->stats->{calls}{DECLINE_INVERSE_OFFERS} && !$driver->stats->{calls_unanswered} });
            is $driver->stats->{calls_refused}, 0;
            $schedule->();
            $driver->stop;
        },
        'offers are rescinded with their role' => sub {
            my ($master) = @_;
            my %info = _roles('rescinded', 'a', 'b');
            my %offers;
            my $framework = Test::Framework::V1->new(tasks => [], on_offers => sub { $offers{$_->{id}{value}} = $_ for @{$_[1]} });
            my $driver = $driver_for->($master, $framework, framework => {%info});
            _until($driver, sub {%offers});
            # Which of the roles got it is the allocator's choice; both lose theirs.
            my %before = %offers;
            my $id = $framework->heard->[0][1];
            $driver->updateFramework({%info, id => $id, roles => ['c']});
            _until($driver, sub { $framework->count('offerRescinded') >= keys %before });
            my @rescinded = map { $_->[1] } grep { $_->[0] eq 'offerRescinded' } @{$framework->heard};
            is_deeply [map {ref} @rescinded], [('Mesos::OfferID') x @rescinded];
            my %rescinded = map { ($_->{value} => 1) } @rescinded;
            is_deeply [grep { !$rescinded{$_} } keys %before], [], 'each offer of a role that is gone';
            _until($driver, sub { grep { $_->{allocation_info}{role} eq 'c' } values %offers });
            # What is rescinded cannot be used.
            my ($old) = values %before;
            $driver->launchTasks([$old->{id}], [{%{Test::Mesos::command('t', 'true')}, slave_id => $old->{slave_id}}]);
            _until($driver, sub { $framework->done });
            is $framework->last_status->{t}{reason}, Mesos::TaskStatus::Reason::REASON_INVALID_OFFERS();
            $driver->stop;
        },
        'an executor that is started again' => sub {
            my ($master) = @_;
            my @pids;
            my $framework = Test::Framework->new(tasks => [], stop_when_done => 0, on_message => sub { push @pids, $_[3] =~ /\Apid (\d+)\z/ });
            $framework->on_update(sub {
                    my ($driver, $status) = @_;
                    $driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, 'pid') if $status->{state} == 1;
            });
            my $driver = $driver_for->($master, $framework);
            for my $round (1 .. 3) {
                push @{$framework->tasks}, Test::Mesos::_custom("runs$round", 'x', 'again');
                _until($driver, sub { @pids == $round });
                push @{$framework->tasks}, Test::Mesos::_custom("ends$round", 'exit 3', 'again');
                _until($driver, sub { $framework->count('executorLost') == $round && $framework->done == 2 * $round });
            }
            my %different = map { ($_ => 1) } @pids;
            is scalar(keys %different), 3, 'three processes, one after the other';
            is_deeply [map { [$_->[1]{value}, $_->[3]] } grep { $_->[0] eq 'executorLost' } @{$framework->heard}], [(['again', 3 << 8]) x 3];
            is_deeply $framework->states, {map { ("runs$_" => [1, 3], "ends$_" => [3]) } 1 .. 3};
            is $framework->last_status->{$_}{message}, 'Executor terminated' for qw(runs3 ends3);
            $driver->stop;
        },
        'teardown ends tasks and executors' => sub {
            my ($master) = @_;
            my $scratch = tempdir(CLEANUP => 1);
            my $framework = Test::Framework->new(stop_when_done => 0, tasks => [
                    Test::Mesos::command('command', "echo \$\$ > $scratch/new; mv $scratch/new $scratch/pid; exec sleep 1000"),
                    Test::Mesos::_custom('custom', 'x', 'torn down')]);
            my @pids;
            $framework->on_update(sub {
                    my ($driver, $status) = @_;
                    $driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, 'pid')
                        if $status->{state} == 1 && $status->{task_id}{value} eq 'custom';
            });
            $framework->on_message(sub { push @pids, $_[3] =~ /\Apid (\d+)\z/ });
            my $driver = $driver_for->($master, $framework);
            _until($driver, sub { @pids && -e "$scratch/pid" });
            open my $in, '<', "$scratch/pid" or return fail 'a pid';
            push @pids, readline($in) + 0;
            is + (grep { kill 0, $_ } @pids), 2, 'both run';
            is $driver->stop, Mesos::Status::DRIVER_STOPPED();
            undef $driver;
            my $end = time + 60;
            select undef, undef, undef, 0.05 while (grep { kill 0, $_ } @pids) && time < $end;
            is + (grep { kill 0, $_ } @pids), 0, 'and end with their framework';
        },
        'requests, single tasks, and an abort' => sub {
            my ($master) = @_;
            my $scratch = tempdir(CLEANUP => 1);
            my $framework = Test::Framework::V1->new(tasks => [], stop_when_done => 0);
            my $driver = $driver_for->($master, $framework, framework => {user => '', name => 'abort', failover_timeout => 60});
            $framework->on_offers(sub {
                    my ($driver, $offers) = @_;
                    my $offer = shift @$offers;
                    $driver->launchTask($offer->{id}, [{
                                %{Test::Mesos::command('t', "echo \$\$ > $scratch/new; mv $scratch/new $scratch/pid; exec sleep 1000")},
                                slave_id => $offer->{slave_id}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.01}}],
                    }]);
                    $framework->on_offers(sub { });
            });
            $driver->start;
            _until($driver, sub { $framework->count('registered') });
            is $driver->requestResources([{resources => [{name => 'cpus', type => 0, scalar => {value => 1}}]}]), Mesos::Status::DRIVER_RUNNING();
            _until($driver, sub { -e "$scratch/pid" && @{$framework->states->{t} || []} == 2 && !$driver->stats->{calls_unanswered} });
            is $driver->stats->{calls}{REQUEST}, 1;
            is $driver->stats->{calls_refused}, 0;
            open my $in, '<', "$scratch/pid" or return fail 'a pid';
            my $pid = readline($in) + 0;
            my $heard = @{$framework->heard};
            is $driver->abort, Mesos::Status::DRIVER_ABORTED();
            is $driver->killTask({value => 't'}), Mesos::Status::DRIVER_ABORTED();
            # libmesos' driver sends nothing when it is aborted, it only stops to deliver.
            _until($driver, sub { $driver->stats->{calls}{SUPPRESS} && !$driver->stats->{calls_unanswered} }) if _is_native($driver);
            # Longer than two allocation intervals.
            select undef, undef, undef, 2.5;
            ok kill(0, $pid), 'the task runs on';
            is @{$framework->heard}, $heard, 'no callback any more';
            is $driver->stop, Mesos::Status::DRIVER_ABORTED();
            is $driver->stop, Mesos::Status::DRIVER_STOPPED();
            undef $driver;
            my $end = time + 60;
            select undef, undef, undef, 0.05 while kill(0, $pid) && time < $end;
            ok !kill(0, $pid), 'and ends with the framework';
        },
        'schedulers without the optional methods are not disturbed' => sub {
            my ($master) = @_;
            my @warnings;
            local $SIG{__WARN__} = sub { push @warnings, @_ };
            my $framework = Test::Framework->new(tasks => []);
            my $driver = $driver_for->($master, $framework);
            plan skip_all => 'not in libmesos' unless _is_native($driver);
            $driver->start;
            _until($driver, sub { $framework->count('registered') });
            $driver->reconcileOperations([{operation_id => {value => 'unknown'}}]);
            _until($driver, sub { $driver->stats->{events}{UPDATE_OPERATION_STATUS} && !$driver->stats->{queue_length} });
            is_deeply \@warnings, [];
            $driver->stop;
        },
        'the id in a file, and reconciliation' => sub {
            my ($master) = @_;
            my $file = tempdir(CLEANUP => 1) . '/id';
            my @options = (framework_id_file => $file, reconcile_on_registration => 1,
                framework => {user => '', name => 'id file', failover_timeout => 60});
            my $content = sub { open my $in, '<', $file or return; local $/; readline $in };
            my $first = Test::Framework->new(tasks => [Test::Mesos::command('t', 'sleep 1000')], stop_when_done => 0);
            my $driver = $driver_for->($master, $first, @options);
            _until($driver, sub { @{$first->states->{t} || []} >= 2 });
            my $id = $first->heard->[0][1]{value};
            is $content->(), "$id\n";
            is + (stat $file)[2] & 0777, 0600;
            is $driver->stats->{calls}{RECONCILE}, 1;
            $driver->stop(1);
            undef $driver;
            is $content->(), "$id\n", 'kept by a stop with failover';

            my $second = Test::Framework->new(expected => 1, stop_when_done => 0);
            $driver = $driver_for->($master, $second, @options);
            _until($driver, sub { $second->count('registered') });
            is $second->heard->[0][1]{value}, $id, 'registered under the stored id';
            if ($master ne 'local') {
                _until($driver, sub { $second->states->{t} });
                is $second->last_status->{t}{reason}, Mesos::TaskStatus::Reason::REASON_RECONCILIATION(), 'and told of its task';
            }
            $driver->stop;
            undef $driver;
            ok !-e $file, 'removed with the framework';

            open my $out, '>', $file or die $!;
            print $out "$id\n";
            close $out;
            ok !eval { $driver_for->($master, $second, @options, framework => {user => '', name => 'x', id => {value => 'other'}}); 1 };
            like $@, qr/framework_id_file: it holds \Q$id\E, but framework\.id is other/;
            return if $master eq 'local';
            my $third = Test::Framework->new;
            is $driver_for->($master, $third, @options)->run, Mesos::Status::DRIVER_ABORTED();
            is_deeply [_last($third, 'error')], [['error', 'Framework has been removed']];
            ok !-e $file, 'the next one starts anew';
        },
    );
}

1;
