use strict;
use warnings;
use Mesos::SchedulerDriver;

package MyScheduler;
use Moo;
extends 'Mesos::Scheduler';

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my @tasks = $self->{launched}++ ? () : {
            name => 'hello',
            task_id => {value => 'task-1'},
            slave_id => $offer->{slave_id},
            command => {value => 'echo hello'},
            resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
        };
        $driver->launchTasks([$offer->{id}], \@tasks);    # without tasks it declines the offer
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $state = Mesos::TaskState->name_of($status->{state});
    my $why = defined $status->{message} ? " ($status->{message})" : '';
    print "$status->{task_id}{value}: $state$why\n";
    return if $state =~ /STAGING|STARTING|RUNNING/;
    $self->{is_finished} = $state eq 'TASK_FINISHED';
    $driver->stop;
}

package main;

my $scheduler = MyScheduler->new;
my $status = Mesos::SchedulerDriver->new(
    master => $ARGV[0] || 'local',    # or 'host:port' of a Mesos master
    framework => {user => '', name => 'hello'},
    scheduler => $scheduler,
    on_exception => 'die',    # an exception in a callback ends run
)->run;
exit($status == Mesos::Status::DRIVER_STOPPED && $scheduler->{is_finished} ? 0 : 1);
