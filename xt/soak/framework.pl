use strict;
use warnings;
use AnyEvent;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Getopt::Long;
use IO::Handle;
use Mesos::SchedulerDriver;
use Time::HiRes ();

# The framework of xt/soak.t: launches tasks of all kinds as long as it is let, dies in some callbacks, and writes down what happens, a line
# each, since books in memory would grow:
#   TIME launch ID | update ID STATE UUID dies|returns SOURCE REASON MESSAGE | message ID | stats NAME=NUMBER ... | drained
# SIGUSR1: it launches no more, and says `drained` when no task is left. SIGTERM: it stops.

GetOptions(\my %option, qw(master=s books=s seed=i commands! at-a-time=i)) or exit 2;
srand $option{seed};
open my $books, '>', $option{books} or die "$option{books}: $!";
$books->autoflush;
my $executor = join ' ', $^X, abs_path(dirname(__FILE__) . '/executor.pl');

package SoakFramework;
use Moo;
extends 'Mesos::Scheduler';

has running => (is => 'ro', default => sub { {} });    # task id => when it was heard of, where it is, and whether it is to be killed
has number => (is => 'rw', default => 0);
has draining => (is => 'rw');
has quiet => (is => 'rw', default => 0);    # seconds without a task while it drains

my %terminal = map { $_ => 1 } map { Mesos::TaskState->$_ } qw(TASK_FINISHED TASK_FAILED TASK_KILLED TASK_LOST TASK_ERROR TASK_DROPPED TASK_GONE);

sub note { printf {$books} "%.3f %s\n", Time::HiRes::time, "@_"; return }

# What a task does, and whether it is to be killed.
sub task {
    my ($self) = @_;
    my $id = 't' . $self->number($self->number + 1);
    my $kind = int rand 10;
    my %task = (task_id => {value => $id}, name => $id);
    if (!$option{commands} || $kind < 3) {
        # Few executors: another of three names each minute.
        my $name = 'e' . int(time / 60) % 3;
        return {%task, data => $kind < 2 ? rand 0.5 : 1000, kill => $kind >= 2,
            executor => {executor_id => {value => $name}, name => $name, command => {value => $executor}}};
    }
    my $command = $kind < 6 ? 'exit 0' : $kind < 7 ? 'exit 1' : $kind < 9 ? 'sleep 0.3; echo done' : 'sleep 1000';
    return {%task, command => {value => $command}, kill => $kind == 9};
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{$offer->{resources}};
        my @launch;
        while (!$self->draining && ($cpus // 0) >= 0.1 && keys %{$self->running} < $option{'at-a-time'}) {
            $cpus -= 0.1;
            my $task = $self->task;
            my $id = $task->{task_id}{value};
            $self->running->{$id} = {at => time, kill => delete $task->{kill}, slave => $offer->{slave_id}};
            note launch => $id;
            push @launch, {%$task, slave_id => $offer->{slave_id}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}]};
        }
        $driver->launchTasks([$offer->{id}], \@launch, {refuse_seconds => 0.5});
    }
    die "on purpose\n" if rand() < 0.02;
    return;
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my ($id, $state) = ($status->{task_id}{value}, $status->{state});
    my $dies = rand() < 0.05;
    note update => $id, $state, unpack('H*', $status->{uuid} // '') || '-', $dies ? 'dies' : 'returns', map { defined ? $_ : '-' } @$status{qw(source reason message)};
    die "on purpose\n" if $dies;
    return delete $self->running->{$id} if $terminal{$state};
    # One that was TASK_LOST with its agent may live on, and is back with it: not a task of ours any more.
    my $task = $self->running->{$id} ||= {kill => 1, slave => $status->{slave_id}};
    $task->{at} = time;
    $driver->killTask($status->{task_id}) if $task->{kill} && $state == Mesos::TaskState::TASK_RUNNING;
    return;
}

sub frameworkMessage { my ($self, $driver, $executor, $slave, $data) = @_; note message => $data; return }

# Asks for what has not been heard of for some time: messages, and whole launches, are lost on such days.
sub look_after {
    my ($self, $driver) = @_;
    my $running = $self->running;
    for my $id (keys %$running) {
        my $task = $running->{$id};
        next if time - $task->{at} < 8;
        $driver->killTask({value => $id}) if $task->{kill} || $self->draining;
        $driver->reconcileTasks([{task_id => {value => $id}, state => Mesos::TaskState::TASK_RUNNING, slave_id => $task->{slave}}]);
    }
    $self->draining or return;
    # What it has forgotten and the master has not.
    $driver->reconcileTasks([]) if time % 5 == 0;
    # Long enough for the answer.
    $self->quiet(%$running ? 0 : $self->quiet + 1);
    note 'drained' if $self->quiet == 12;
    return;
}

package main;

my $framework = SoakFramework->new;
my $driver = Mesos::SchedulerDriver->new(
    scheduler => $framework, master => $option{master}, on_exception => 'warn',
    framework => {user => '', name => 'soak', checkpoint => 1, failover_timeout => 3600},
);
my $look = AnyEvent->timer(after => 1, interval => 1, cb => sub { $framework->look_after($driver) });
my $drain = AnyEvent->signal(signal => 'USR1', cb => sub { $framework->draining(1) });
my $stop = AnyEvent->signal(signal => 'TERM', cb => sub {
        my $stats = $driver->stats;
        SoakFramework::note(stats => map {"$_=$stats->{$_}"} qw(updates_received updates_acknowledged updates_made calls_waiting calls_unanswered));
        $driver->stop;
});
exit($driver->run != Mesos::Status::DRIVER_STOPPED);
