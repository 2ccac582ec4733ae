package Test::Framework;

# A scheduler for tests: launches what it is told to, in order, as offers allow, and keeps what it hears.

use 5.10.1;
use Moo;
extends 'Mesos::Scheduler';

has tasks => (is => 'ro', default => sub { [] });    # TaskInfo hashes without slave_id and resources, to be launched
has cpus => (is => 'ro', default => 0.01);    # for each task
has on_update => (is => 'rw', default => sub { sub { } });
has on_message => (is => 'rw', default => sub { sub { } });
has heard => (is => 'ro', default => sub { [] });    # [callback, @args]
has states => (is => 'ro', default => sub { {} });    # task id => [state, ...]
has last_status => (is => 'ro', default => sub { {} });    # task id => last TaskStatus
has stop_when_done => (is => 'ro', default => 1);
has expected => (is => 'rwp');

sub BUILD { my ($self) = @_; $self->_set_expected(scalar @{$self->tasks}) unless defined $self->expected }

my %terminal = map { $_ => 1 } 2, 3, 4, 5, 7, 9, 11, 12;

for my $name (qw(registered reregistered disconnected offerRescinded slaveLost executorLost error)) {
    no strict 'refs';
    *$name = sub { my ($self, $driver, @args) = @_; push @{$self->heard}, [$name, @args] };
}

sub count { my ($self, $name) = @_; scalar grep { $_->[0] eq $name } @{$self->heard} }

sub done { my ($self) = @_; scalar grep { $terminal{$_->[-1]} } values %{$self->states} }

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    push @{$self->heard}, ['resourceOffers', $offers];
    for my $offer (@$offers) {
        my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{$offer->{resources}};
        my @launch;
        while (@{$self->tasks} && ($cpus // 0) >= $self->cpus) {
            $cpus -= $self->cpus;
            push @launch, {
                slave_id => $offer->{slave_id},
                resources => [{name => 'cpus', type => 0, scalar => {value => $self->cpus}}],
                %{shift @{$self->tasks}},
            };
        }
        $driver->launchTasks([$offer->{id}], \@launch, {refuse_seconds => 0.1});
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $id = $status->{task_id}{value};
    push @{$self->states->{$id}}, $status->{state};
    $self->last_status->{$id} = $status;
    $self->on_update->($driver, $status);
    $driver->stop if $self->stop_when_done && $self->done >= $self->expected;
}

sub frameworkMessage {
    my ($self, $driver, @args) = @_;
    push @{$self->heard}, ['frameworkMessage', @args];
    $self->on_message->($driver, @args);
}

1;
