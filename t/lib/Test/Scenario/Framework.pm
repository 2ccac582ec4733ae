package Test::Scenario::Framework;

# A scheduler of a scenario: it does nothing by itself, and says what it hears to the transcript.

use 5.10.1;
use Moo;
extends 'Mesos::Scheduler';
use Cwd qw(abs_path);
use File::Basename qw(dirname);

has scenario => (is => 'ro', weak_ref => 1);
has title => (is => 'ro');
has driver => (is => 'rw');
has offers => (is => 'ro', default => sub { [] });    # those that were not used
has events => (is => 'ro', default => sub { {} });    # name => [[args], ...]
has last => (is => 'ro', default => sub { {} });    # task or operation => its last status
has id => (is => 'rw');

my $executor = abs_path(dirname(__FILE__) . '/../../../executors/test_executor.pl');

sub heard { my ($self, $name) = @_; return scalar @{$self->events->{$name} || []} }

sub _hears { my ($self, $name, @args) = @_; push @{$self->events->{$name}}, \@args; return }

sub _says { my ($self, $text) = @_; $self->scenario->say($self->title, $text); return }

sub _name_of {
    my ($enum, $value) = @_;
    return '-' if !defined $value;
    state %names;
    $names{$enum} ||= {map { my $code = $enum->can($_); ($code->() => $_) } _constants($enum)};
    return $names{$enum}{$value} // $value;
}

sub _constants { my ($enum) = @_; no strict 'refs'; return grep { /\A[A-Z][A-Z0-9_]+\z/ && $enum->can($_) } keys %{"${enum}::"} }

# --- callbacks -----------------------------------------------------------------------------------------------------------------------

sub registered { my ($self, $driver, $id) = @_; $self->id($id); $self->_hears('registered'); $self->_says('registered'); return }
sub reregistered { my ($self) = @_; $self->_hears('reregistered'); $self->_says('reregistered'); return }
sub disconnected { my ($self) = @_; $self->_hears('disconnected'); $self->_says('disconnected'); return }
sub error { my ($self, $driver, $text) = @_; $self->_hears(error => $text); $self->_says("error: $text"); return }
sub resourceOffers { my ($self, $driver, $offers) = @_; push @{$self->offers}, @$offers; $self->_hears('resourceOffers', $offers); return }

sub offerRescinded {
    my ($self, $driver, $id) = @_;
    @{$self->offers} = grep { $_->{id}{value} ne $id->{value} } @{$self->offers};
    $self->_hears('offerRescinded', $id);
    return;
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $task = $status->{task_id}{value};
    $self->last->{$task} = $status;
    my @said = (_name_of('Mesos::TaskState', $status->{state}), _name_of('Mesos::TaskStatus::Source', $status->{source}),
        _name_of('Mesos::TaskStatus::Reason', $status->{reason}));
    push @said, 'executor ' . $status->{executor_id}{value} if $status->{executor_id};
    push @said, 'no agent' if !$status->{slave_id};
    push @said, 'healthy ' . ($status->{healthy} ? 'yes' : 'no') if defined $status->{healthy};
    push @said, 'with unreachable_time' if $status->{unreachable_time};
    push @said, 'wants acknowledgement' if defined $status->{uuid};
    push @said, qq("$status->{message}") if length($status->{message} // '');
    push @said, qq(data "$status->{data}") if length($status->{data} // '');
    $self->_hears(statusUpdate => $status);
    $self->scenario->say("task $task", join ' ', @said);
    return;
}

sub operationStatusUpdate {
    my ($self, $driver, $status) = @_;
    my $operation = $status->{operation_id}{value} // '-';
    $self->last->{"operation $operation"} = $status;
    my @said = _name_of('Mesos::OperationState', $status->{state});
    push @said, 'agent' if $status->{slave_id};
    push @said, 'wants acknowledgement' if defined $status->{uuid};
    push @said, 'converted ' . resources_text($status->{converted_resources}) if @{$status->{converted_resources} || []};
    push @said, qq("$status->{message}") if length($status->{message} // '');
    $self->_hears(operationStatusUpdate => $status);
    $self->scenario->say("operation $operation", join ' ', @said);
    return;
}

sub frameworkMessage { my ($self, $driver, $executor, $agent, $data) = @_; $self->_hears(frameworkMessage => $data); $self->_says("message from $executor->{value}: $data"); return }
sub executorLost { my ($self, $driver, $executor, $agent, $status) = @_; $self->_hears(executorLost => $status); $self->_says("executor $executor->{value} lost: $status"); return }
sub slaveLost { my ($self) = @_; $self->_hears('slaveLost'); $self->_says('agent lost'); return }

sub inverseOffers { my ($self, $driver, $offers) = @_; $self->_hears(inverseOffers => $offers); return }
sub inverseOfferRescinded { my ($self, $driver, $id) = @_; $self->_hears(inverseOfferRescinded => $id); return }

# --- steps ---------------------------------------------------------------------------------------------------------------------------

sub until_heard {
    my ($self, $name, $count) = @_;
    $count ||= 1;
    return $self->scenario->until("$count $name", sub { $self->heard($name) >= $count });
}

# The next offer; one that a condition is true of, if there is one given. Others are declined.
sub offer {
    my ($self, $condition) = @_;
    my $found;
    $self->scenario->until('an offer', sub {
            while (my $offer = shift @{$self->offers}) {
                return $found = $offer if !$condition || $condition->($offer);
                $self->driver->declineOffer($offer->{id}, {refuse_seconds => 0});
            }
            return $self->heard('error');
    });
    return $found || {id => {value => 'none'}, slave_id => {value => 'none'}, resources => []};
}

# Says what an offer has, and gives it.
sub show { my ($self, $offer, $name) = @_; $self->_says(($name || 'offer') . ': ' . resources_text($offer->{resources})); return $offer }

sub accept {
    my ($self, $offer, @operations) = @_;
    return $self->driver->acceptOffers([$offer->{id}], \@operations, {refuse_seconds => 0});
}

sub launch { my ($self, $offer, @tasks) = @_; return $self->accept($offer, launch_of(map { {slave_id => $offer->{slave_id}, %$_} } @tasks)) }

sub decline { my ($self, $offer, $seconds) = @_; return $self->driver->declineOffer($offer->{id}, {refuse_seconds => $seconds || 0}) }

# Waits for a task to be in one of these states.
sub until_state { my ($self, $task, @states) = @_; return $self->_until_state($task, $self->scenario->id($task), @states) }

sub _until_state {
    my ($self, $task, $id, @states) = @_;
    return $self->scenario->until("task $task: @states", sub {
            my $status = $self->last->{$id} or return 0;
            my $name = _name_of('Mesos::TaskState', $status->{state});
            return scalar grep { $name eq $_ } @states;
    });
}

my @terminal = map {"TASK_$_"} qw(FINISHED FAILED KILLED LOST ERROR DROPPED GONE UNREACHABLE GONE_BY_OPERATOR);
sub until_end { my ($self, @tasks) = @_; $self->until_state($_, @terminal) for @tasks; return }
sub until_end_of { my ($self, $id) = @_; return $self->_until_state($id, $id, @terminal) }
sub until_running { my ($self, @tasks) = @_; $self->until_state($_, 'TASK_RUNNING') for @tasks; return }

sub until_operation {
    my ($self, @operations) = @_;
    for my $operation (@operations) {
        $self->scenario->until("operation $operation", sub { $self->last->{'operation ' . $self->scenario->id($operation)} });
    }
    return;
}

# --- messages ------------------------------------------------------------------------------------------------------------------------

sub task_id { my ($self, $name) = @_; return {value => $self->scenario->id($name)} }

sub cpus { my ($value, %more) = @_; return {name => 'cpus', type => 0, scalar => {value => $value}, %more} }
sub mem { my ($value, %more) = @_; return {name => 'mem', type => 0, scalar => {value => $value}, %more} }
sub disk { my ($value, %more) = @_; return {name => 'disk', type => 0, scalar => {value => $value}, %more} }
sub ports { my ($begin, $end, %more) = @_; return {name => 'ports', type => 1, ranges => {range => [{begin => $begin, end => $end}]}, %more} }

# A task that runs this command.
sub command {
    my ($self, $name, $value, %more) = @_;
    return {task_id => $self->task_id($name), name => $name, resources => [cpus(0.01)], command => {value => $value}, %more};
}

# A task of the tests' executor.
sub custom {
    my ($self, $name, $data, %more) = @_;
    return {task_id => $self->task_id($name), name => $name, resources => [cpus(0.01)], data => $data, executor => $self->executor($name), %more};
}

sub executor {
    my ($self, $name, %more) = @_;
    return {executor_id => {value => $self->scenario->id("executor-$name")}, name => 'executor', command => {value => "$^X $executor"}, %more};
}

# Asks the tests' executor to end a task.
sub ask {
    my ($self, $task, $text) = @_;
    my $status = $self->last->{$self->scenario->id($task)} or return;
    return $self->driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, $text // $self->scenario->id($task) . ':');
}

sub launch_of { my (@tasks) = @_; return {type => Mesos::Offer::Operation::Type::LAUNCH(), launch => {task_infos => \@tasks}} }

# RESERVE and its like, with an id if there is a name.
sub operation {
    my ($self, $type, $part, $name) = @_;
    return {type => Mesos::Offer::Operation::Type->can($type)->(), lc $type => $part, $name ? (id => {value => $self->scenario->id($name)}) : ()};
}

# --- words ---------------------------------------------------------------------------------------------------------------------------

# Resources as one line, in an order of their own.
sub resources_text {
    my ($resources) = @_;
    return join '; ', sort map { _resource_text($_) } @$resources;
}

sub _resource_text {
    my ($resource) = @_;
    my $text = $resource->{name};
    $text .= "($resource->{role})" if defined $resource->{role} && $resource->{role} ne '*';
    $text .= "(dynamic)" if $resource->{reservation};
    for my $reservation (@{$resource->{reservations} || []}) {
        $text .= '(' . join(', ', _name_of('Mesos::Resource::ReservationInfo::Type', $reservation->{type}), $reservation->{role}, $reservation->{principal} // ()) . ')';
    }
    $text .= "[$resource->{disk}{persistence}{id}:$resource->{disk}{volume}{container_path}]" if $resource->{disk} && $resource->{disk}{persistence};
    $text .= '<shared>' if $resource->{shared};
    $text .= '<revocable>' if $resource->{revocable};
    $text .= " for $resource->{allocation_info}{role}" if $resource->{allocation_info};
    return "$text:" . _value_text($resource);
}

sub _value_text {
    my ($resource) = @_;
    return 0 + sprintf '%.3f', $resource->{scalar}{value} if $resource->{scalar};
    return '[' . join(', ', map {"$_->{begin}-$_->{end}"} sort { $a->{begin} <=> $b->{begin} } @{$resource->{ranges}{range}}) . ']' if $resource->{ranges};
    return '{' . join(', ', sort @{$resource->{set}{item}}) . '}';
}

1;
