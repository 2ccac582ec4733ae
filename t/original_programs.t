# Programs as they were written for Mesos 1.07.1 run unchanged, with each dispatcher; on the embedded cluster, or on the master that
# MESOS_TEST_MASTER names.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Test::Dispatchers qw(each_dispatcher);
use Test::Examples qw(start finish);
use Test::More;

my $master = $ENV{MESOS_TEST_MASTER} || 'local';

# A framework in the style of the original's examples/test_framework.pl. %s: master, dispatcher.
my $framework = <<'END';
use strict;
use warnings;
package MyScheduler;
use Mesos::Messages;
use Moo;
extends 'Mesos::Scheduler';
has taskIds => (is => 'rw', default => 0);
has tasksFinished => (is => 'rw', default => 0);
has totalTasks => (is => 'ro', default => 100);

sub registered {
    my ($self, $driver, $frameworkId, $masterInfo) = @_;
    printf "Registered with framework ID %s\n", $frameworkId->{value};
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my @tasks;
        my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{$offer->{resources}};
        while ($self->taskIds < $self->totalTasks && $cpus >= 0.1) {
            my $tid = $self->taskIds;
            $self->taskIds($tid + 1);
            my $task = Mesos::TaskInfo->new({
                task_id  => {value => $tid},
                slave_id => {value => $offer->{slave_id}{value}},
                name     => "task $tid",
                command  => {value => 'true'},
                resources => [
                    Mesos::Resource->new({name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}),
                ],
            });
            push @tasks, $task;
            $cpus -= 0.1;
        }
        # Declines where there is nothing left to launch.
        $driver->launchTasks([$offer->{id}], \@tasks, {refuse_seconds => 0.1});
    }
}

sub statusUpdate {
    my ($self, $driver, $update) = @_;
    printf "Task %s is in state %d\n", $update->{task_id}{value}, $update->{state};
    if ($update->{state} == Mesos::TaskState::TASK_FINISHED) {
        $self->tasksFinished($self->tasksFinished + 1);
        $driver->stop if $self->tasksFinished == $self->totalTasks;
    }
}

package main;
use Mesos::SchedulerDriver;
my $framework = Mesos::FrameworkInfo->new({
    user => "", # Have Mesos fill in the current user.
    name => "Test Framework (Perl)",
});
$framework->checkpoint(1);
my $driver = Mesos::SchedulerDriver->new(
    framework => $framework, scheduler => MyScheduler->new, master => '%s', dispatcher => '%s');
exit( ($driver->run == Mesos::Status::DRIVER_STOPPED) ? 0 : 1 );
END

# In the style of its examples/mojo.pl: the scheduler makes and starts its driver in BUILD and holds it, a cycle that lasts
# until the program ends. It has no run: the program's own loop delivers the events. %s: master, dispatcher, loop.
my $queue = <<'END';
use strict;
use warnings;
package CommandQueue;
use Mesos::SchedulerDriver;
use Moo;
extends 'Mesos::Scheduler';
has queued => (is => 'ro', default => sub {[]});
has offers => (is => 'ro', default => sub {[]});
has ended => (is => 'rw', default => 0);
has driver => (is => 'ro', lazy => 1, builder => 'build_driver', handles => [qw(start)]);

sub build_driver {
    my ($self) = @_;
    return Mesos::SchedulerDriver->new(
        master => '%s', dispatcher => '%s', scheduler => $self,
        framework => Mesos::FrameworkInfo->new({user => '', name => 'queue'}));
}

sub BUILD { my ($self) = @_; $self->start }

sub queue {
    my ($self, $name) = @_;
    push @{$self->queued}, $name;
    $self->driver->reviveOffers;
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my $id = $offer->{id}{value};
        if (my $name = shift @{$self->queued}) {
            my $tasks = [Mesos::TaskInfo->new({
                task_id => {value => $name}, slave_id => $offer->{slave_id}, name => $name, command => {value => 'true'},
                resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
            })];
            $driver->launchTasks([{value => $id}], $tasks, {refuse_seconds => 0});
        }
        else {
            $driver->declineOffer({value => $id});
        }
    }
}

sub statusUpdate {
    my ($self, $driver, $update) = @_;
    return unless $update->{state} == Mesos::TaskState::TASK_FINISHED;
    print "$update->{task_id}{value}\n";
    $self->ended($self->ended + 1);
}

package main;
my $queue = CommandQueue->new;
$queue->queue("task-$_") for 1 .. 3;
my $end = time + 50;
%s
print "all ended\n";
exit($queue->ended == 3 ? 0 : 1);
END

my %loop = (
    AnyEvent => 'my $cv = AnyEvent->condvar; my $t = AnyEvent->timer(interval => 0.05, cb => sub { $cv->send if $queue->ended == 3 || time > $end }); $cv->recv;',
    Interrupt => 'until ($queue->ended == 3 || time > $end) { select undef, undef, undef, 0.01 }',
    IOAsync => 'my $loop = IO::Async::Loop->new; $loop->loop_once(0.05) until $queue->ended == 3 || time > $end;',
    Mojo => 'Mojo::IOLoop->recurring(0.05 => sub { Mojo::IOLoop->stop if $queue->ended == 3 || time > $end }); Mojo::IOLoop->start;',
    POE => 'POE::Session->create(inline_states => {_start => sub { $_[POE::Session::KERNEL()]->delay(tick => 0.05) }, '
        . 'tick => sub { $queue->ended == 3 || time > $end ? POE::Kernel->stop : $_[POE::Session::KERNEL()]->delay(tick => 0.05) }}); POE::Kernel->run;',
);

sub program {
    my ($text, @values) = @_;
    $text =~ s/'%s'|^%s$/my $value = shift @values; $& eq '%s' ? $value : "'$value'"/gme;
    return finish(start('-e', $text), 100);
}

each_dispatcher(sub {
        my ($name) = @_;
        my ($status, $out, $err) = program($framework, $master, $name);
        is $err, '', 'the framework: no complaints';
        is $status, 0, 'run returned DRIVER_STOPPED';
        like $out, qr/\ARegistered with framework ID \S+\n/, 'registered';
        is_deeply [sort { $a <=> $b } $out =~ /^Task (\d+) is in state 2$/mg], [0 .. 99], 'a hundred tasks were TASK_FINISHED';

        ($status, $out, $err) = program($queue, $master, $name, $loop{$name});
        is $err, '', 'the queue: no complaints';
        is $status, 0, 'exit status';
        is join(' ', sort split /\n/, $out), 'all ended task-1 task-2 task-3', 'its tasks were finished by the loop of the program';
});

done_testing;
