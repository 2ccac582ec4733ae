# Each call with each of its fields missing, and with each of its texts empty, on a real Apache Mesos: either the call dies or warns, or
# Mesos answers. What Mesos swallows without a word, this module must not let through.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';

use Cwd qw(abs_path);
use Mesos::SchedulerDriver;
use Storable qw(dclone);
use Time::HiRes qw(time);

package Listener;
use Moo;
extends 'Mesos::Scheduler';
has [qw(offers tasks operations messages)] => (is => 'ro', default => sub { [] });
has framework_id => (is => 'rw');
has failure => (is => 'rw');
sub registered { $_[0]->framework_id($_[2]) }
sub resourceOffers { push @{$_[0]->offers}, @{$_[2]} }
sub statusUpdate { push @{$_[0]->tasks}, $_[2] }
sub operationStatusUpdate { push @{$_[0]->operations}, $_[2] }
sub frameworkMessage { push @{$_[0]->messages}, $_[4] }
sub error { $_[0]->failure($_[2]) }

package main;

my ($role, $principal) = ('missing', 'missing-principal');
my $capabilities = [map { {type => $_} } Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE(),
    Mesos::FrameworkInfo::Capability::Type::RESERVATION_REFINEMENT()];

sub driver_of {
    my ($of, $listener) = @_;
    my $driver = Mesos::SchedulerDriver->new(
        master => $of, scheduler => $listener, master_timeout => $of eq $master ? 60 : 0, on_exception => 'die', driver => 'native',
        framework => {user => '', name => 'missing fields', roles => [$role], principal => $principal, capabilities => $capabilities},
    );
    $driver->start;
    return $driver;
}

my $listener = Listener->new;
my $driver = driver_of($master, $listener);
# Calls are checked before they are sent, and this one's are never sent.
my $checker = driver_of('127.0.0.1:1', Listener->new);

sub until_true {
    my ($what, $code) = @_;
    my $end = time + 60;
    $driver->dispatcher->wait(0.1) until $code->() || defined $listener->failure || time > $end;
    return ok($code->(), $what) || diag $listener->failure // 'it did not happen within a minute';
}

sub offer {
    my $offers = $listener->offers;
    until_true('an offer', sub { scalar @$offers });
    return shift @$offers;
}

# --- the variants of a message -------------------------------------------------------------------------------------------------------

sub places {
    my ($value, @path) = @_;
    my @keys = ref $value eq 'HASH' ? sort keys %$value : ref $value eq 'ARRAY' ? 0 .. $#$value : ();
    return map { my @to = (@path, $_); (\@to, places(ref $value eq 'HASH' ? $value->{$_} : $value->[$_], @to)) } @keys;
}

# [what is done, the message]: each place of a whole one is left out, and each text made empty.
sub variants {
    my ($whole) = @_;
    my @variants = (['whole', $whole]);
    for my $place (places($whole)) {
        for my $how ('without', 'empty') {
            my $copy = dclone($whole);
            my ($in, $last) = ($copy, $place->[-1]);
            $in = ref $in eq 'HASH' ? $in->{$_} : $in->[$_] for @$place[0 .. $#$place - 1];
            if ($how eq 'without') { ref $in eq 'HASH' ? delete $in->{$last} : splice @$in, $last, 1 }
            else {
                my $value = ref $in eq 'HASH' ? \$in->{$last} : \$in->[$last];
                next if ref $$value || $$value !~ /[^\d.]/;
                $$value = '';
            }
            push @variants, ["$how " . join('.', @$place), $copy];
        }
    }
    return @variants;
}

# What a call of the driver without a master says: the text of its death or its warning, or undef.
my $calls = 0;
sub said_at_once {
    my ($method, @args) = @_;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    # Each call is a place of its own, where nothing was told yet.
    my $place = ++$calls;
    return $@ unless eval qq{#line 1 "call $place"\n\$checker->\$method(\@args); 1};    ## no critic (ProhibitStringyEval): for its line
    return join '', @warnings if @warnings;
    return undef;    ## no critic (ProhibitExplicitReturnUndef): one value
}

# --- tasks ---------------------------------------------------------------------------------------------------------------------------

my $number = 0;
sub scalar_of { my ($name, $value, %more) = @_; return {name => $name, type => 0, scalar => {value => $value}, allocation_info => {role => $role}, %more} }
sub task_of {
    my ($offer, %more) = @_;
    $number++;
    return {name => 'missing', task_id => {value => "task-$number"}, slave_id => {%{$offer->{slave_id}}}, resources => [scalar_of('cpus', 0.01)], %more};
}

my %tasks = (
    'a command' => sub {
        return task_of($_[0],
            command => {value => 'true', user => 'root', environment => {variables => [{name => 'A', value => 'b'}]}},
            labels => {labels => [{key => 'k', value => 'v'}]}, kill_policy => {grace_period => {nanoseconds => 1_000_000_000}},
            discovery => {visibility => 1, name => 'n', ports => {ports => [{number => 1, name => 'x', protocol => 'tcp'}]}});
    },
    'checks' => sub {
        return task_of($_[0], command => {value => 'true'}, health_check => {type => 1, command => {value => 'true'}},
            check => {type => 1, command => {command => {value => 'true'}}});
    },
    'HTTP checks' => sub {
        return task_of($_[0], command => {value => 'true'}, health_check => {type => 2, http => {port => 1, path => '/x'}},
            check => {type => 2, http => {port => 1}});
    },
    'ranges, and a volume' => sub {
        return task_of($_[0], command => {value => 'true'}, container => {type => 2, volumes => [{container_path => 'x', mode => 1, host_path => '/tmp'}]},
            resources => [scalar_of('cpus', 0.01),
                {name => 'ports', type => 1, allocation_info => {role => $role}, ranges => {range => [{begin => 31_000, end => 31_000}]}}]);
    },
    'an executor' => sub {
        my $task = task_of($_[0], data => 'x');
        return {%$task, executor => {executor_id => {value => "e-$number"}, framework_id => {%{$listener->framework_id}}, name => 'e', source => 's',
                command => {value => 'exit 1'}, resources => [scalar_of('mem', 1)]}};
    },
);

for my $kind (sort keys %tasks) {
    subtest "launchTasks: $kind" => sub {
        my @left = variants($tasks{$kind}->(offer_like()));
        my $launched = 0;
        my %of;
        while (@left) {
            # The whole message anew for each: task ids are used once, and the agent of this offer.
            my $offer = offer();
            my @operations;
            while (@left && @operations < 12) {
                my ($what, $task) = @{shift @left};
                my $id = $task->{task_id} && $task->{task_id}{value};
                $task->{slave_id}{value} = $offer->{slave_id}{value} if $task->{slave_id} && $task->{slave_id}{value};
                $task->{task_id}{value} = $id = "$id-" . ++$launched if $id;
                $task->{executor}{executor_id}{value} .= "-$launched" if $task->{executor} && $task->{executor}{executor_id} && $task->{executor}{executor_id}{value};
                my $said = said_at_once(launchTasks => [{value => 'o'}], [$task]);
                if (defined $said) { like $said, qr/\AMesos::TaskInfo\S*: (?:required|expected)/, "$what dies"; next }
                $of{$id // ''}{$what} = 1;
                push @operations, {type => Mesos::Offer::Operation::Type::LAUNCH(), launch => {task_infos => [$task]}};
            }
            $driver->acceptOffers([$offer->{id}], \@operations, {refuse_seconds => 0});
        }
        my $answered = sub { my %told = map { ($_->{task_id}{value} => 1) } @{$listener->tasks}; return !grep { !$told{$_} } keys %of };
        until_true('each of the others has an update', $answered);
    };
}

sub offer_like { return {slave_id => {value => 'agent'}} }

# --- operations: an `id` makes the master say what it would swallow without one ------------------------------------------------------

my $reservations = [{type => 2, role => $role, principal => $principal}];
my $cpus = scalar_of('cpus', 0.001, reservations => $reservations);
my $disk = scalar_of('disk', 1, reservations => $reservations);
sub volume_of { return {%$disk, disk => {persistence => {id => "v$$-$_[0]", principal => $principal}, volume => {container_path => 'p', mode => 1}}} }
sub operation_of {
    my ($type, %part) = @_;
    return {type => Mesos::Offer::Operation::Type->can($type)->(), lc $type => {%part}};
}
# What must come before it in the same call, and the operation.
my %operations = (
    RESERVE => sub { ([], operation_of(RESERVE => (resources => [$cpus]))) },
    UNRESERVE => sub { ([operation_of(RESERVE => (resources => [$cpus]))], operation_of(UNRESERVE => (resources => [$cpus]))) },
    CREATE => sub { ([operation_of(RESERVE => (resources => [$disk]))], operation_of(CREATE => (volumes => [volume_of($_[0])]))) },
    DESTROY => sub {
        ([operation_of(RESERVE => (resources => [$disk])), operation_of(CREATE => (volumes => [volume_of($_[0])]))],
            operation_of(DESTROY => (volumes => [volume_of($_[0])])));
    },
);
my $finished = Mesos::OperationState::OPERATION_FINISHED();

for my $kind (sort keys %operations) {
    subtest "acceptOffers: $kind" => sub {
        my $count = variants(($operations{$kind}->(1))[1]);
        for my $index (0 .. $count - 1) {
            my ($before, $whole) = $operations{$kind}->(++$number);
            my ($what, $operation) = @{(variants($whole))[$index]};
            if (defined(my $said = said_at_once(acceptOffers => [{value => 'o'}], [$operation]))) {
                my $field = (split /[. ]/, $what)[-1];
                like $said, qr/$field|resources is|volumes is|reservations is/, "$what: it says the field";
                next;
            }
            # Names another resource than the one that is there, which nobody but the master can know.
            next if $what =~ /reservations\.0\.principal/;
            my $id = "operation-$number";
            my $offer = offer();
            $driver->acceptOffers([$offer->{id}], [@$before, {%$operation, id => {value => $id}}], {refuse_seconds => 0});
            my $status;
            until_true("$what: an answer", sub { ($status) = grep { ($_->{operation_id}{value} // '') eq $id } @{$listener->operations}; $status }) or next;
            is $status->{state}, $finished, "$what: what dies not, the master does" or diag $status->{message};
        }
    };
}

# --- calls with ids ------------------------------------------------------------------------------------------------------------------

subtest 'other calls' => sub {
    my ($id, $agent) = ({value => 'nosuch'}, {value => 'nosuch'});
    # method, whole arguments
    for (
        [declineOffer => $id], [killTask => $id], [sendFrameworkMessage => $id, $agent, 'x'], [shutdownExecutor => $id, $agent],
        [acceptInverseOffers => [$id]], [declineInverseOffers => [$id]],
        [reviveOffers => [$role]], [suppressOffers => [$role]], [acceptOffers => [$id], [operation_of(RESERVE => (resources => [$cpus]))]],
        [reconcileTasks => [{task_id => $id, state => 1}]], [reconcileOperations => [{operation_id => $id}]],
    ) {
        my ($method, @whole) = @$_;
        for my $variant (variants(\@whole)) {
            my ($what, $args) = @$variant;
            my $said = said_at_once($method => @$args);
            next if $what eq 'whole' ? is($said, undef, "$method, whole") : defined $said;
            # The first is not needed, the others ask for everything, and a master answers about any task and operation.
            next if $what =~ /allocation_info/ || $method =~ /revive|suppress/ && !@{$args->[0] // []};
            next if $method eq 'sendFrameworkMessage' && $what eq 'empty 2' || $method eq 'acceptOffers' && $what eq 'without 1.0';
            my $before = @{$listener->tasks} + @{$listener->operations};
            $driver->$method(@$args);
            until_true("$method, $what: an answer", sub { @{$listener->tasks} + @{$listener->operations} > $before });
        }
    }
};

# --- an executor's calls -------------------------------------------------------------------------------------------------------------

subtest 'sendStatusUpdate' => sub {
    my $offer = offer();
    my $program = abs_path('t/executors/missing_fields.pl');
    my $task = {%{task_of($offer)}, executor => {executor_id => {value => 'missing'}, command => {value => "$^X $program"}}};
    my $id = $task->{task_id}{value};
    $driver->launchTasks([$offer->{id}], [$task]);
    my $all = sub { my ($last) = grep {/\Aall /} @{$listener->messages}; return $last ? split /\n/, substr $last, 4 : () };
    until_true('the executor has tried all', sub { scalar(() = $all->()) });
    my %told;
    until_true('each update that was sent has arrived', sub {
            %told = map { (($_->{message} // '') => 1) } grep { $_->{task_id}{value} eq $id } @{$listener->tasks};
            # What the agent refuses comes without what was wrong, and says why.
            $told{$_} = 1 for map { ($_->{message} // '') =~ /agent refused .*'(command|type)'/ ? "without check_status.$1" : () } @{$listener->tasks};
            for (@{$listener->messages}) { $told{$1} = 1 if /\Adies (.*?): / }
            return !grep { !$told{$_} } $all->();
    }) or diag explain [grep { !$told{$_} } $all->()];
};

$_->stop for $driver, $checker;
done_testing;
