package Little::Keeper;

# Keeps so many copies of a command running.

use 5.10.1;
use Mesos::Offers;
use Moo;
extends 'Mesos::Scheduler';

has command => (is => 'ro', required => 1);
has copies => (is => 'ro', default => 1);
has cpus => (is => 'ro', default => 0.1);
has mem => (is => 'ro', default => 32);
has tasks => (is => 'ro', init_arg => undef, default => sub { {} });    # id => the last known state, or 'launched'
has number => (is => 'rw', init_arg => undef, default => 0);
has is_suppressed => (is => 'rw', init_arg => undef, default => 0);

my %is_terminal = map { (Mesos::TaskState->can($_)->() => 1) }
    qw(TASK_FINISHED TASK_FAILED TASK_KILLED TASK_ERROR TASK_LOST TASK_DROPPED TASK_GONE TASK_GONE_BY_OPERATOR);

sub missing { my ($self) = @_; return $self->copies - keys %{$self->tasks} }

# After a new master, nobody knows what was missed: ask about all tasks.
sub reregistered { my ($self, $driver) = @_; $driver->reconcileTasks([]) }

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    my @wanted = map { $self->_task } 1 .. $self->missing;
    my $plan = Mesos::Offers->new($offers)->place(\@wanted, strategy => 'spread');
    $self->tasks->{$_->{task}{task_id}{value}} = 'launched' for $plan->placed;
    $plan->launch($driver, {refuse_seconds => 1});
    return if $self->missing;
    # Others may have the offers while nothing is missing.
    $driver->suppressOffers;
    $self->is_suppressed(1);
}

sub _task {
    my ($self) = @_;
    $self->number($self->number + 1);
    my $id = 'copy-' . $self->number;
    return {name => 'copy', task_id => {value => $id}, command => {value => $self->command}, resources => {cpus => $self->cpus, mem => $self->mem}};
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my ($id, $state) = ($status->{task_id}{value}, $status->{state});
    if (!$is_terminal{$state}) {
        # Not one of ours any more: it has come back after we had given it up.
        return $driver->killTask($status->{task_id}) unless exists $self->tasks->{$id};
        $self->tasks->{$id} = $state;
        return;
    }
    return unless delete $self->tasks->{$id};
    $driver->reviveOffers if $self->is_suppressed;
    $self->is_suppressed(0);
}

1;
