# Signals in great numbers, whose handler calls the driver, while a framework runs. (Those that Perl defers, as it does by default. An
# unsafe one that interrupts malloc ends in a deadlock or a crash if its handler does anything at all in Perl, without any module:
# t/unsafe_signals.t has what can be held there.)

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Dispatchers qw(each_dispatcher);
use Test::Mesos qw(driver_for);
use Time::HiRes qw(ITIMER_REAL setitimer);
use Mesos::SchedulerDriver;

my $TASKS = 10;

{
    package Busy;
    use Moo;
    extends 'Mesos::Scheduler';

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my @tasks = ($self->{launched} || 0) == $TASKS ? () : {
                name => 'n', task_id => {value => 'task-' . $self->{launched}++}, slave_id => $offer->{slave_id},
                command => {value => 'true'}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.01}}],
            };
            $driver->launchTasks([$offer->{id}], \@tasks);
        }
    }

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        my $id = $status->{task_id}{value};
        push @{$self->{states}{$id}}, $status->{state} if $id =~ /^task/;
        $driver->stop if $TASKS == grep { $_->[-1] == Mesos::TaskState::TASK_FINISHED } values %{$self->{states}};
    }
}

each_dispatcher(sub {
        my ($name) = @_;
        my $scheduler = Busy->new;
        my $driver = driver_for('local', $scheduler, dispatcher => $name, on_exception => 'die');
        my ($signals, $over, @odd) = 0;
        my @calls = (
            sub { $driver->status == Mesos::Status::DRIVER_RUNNING() || $driver->status == Mesos::Status::DRIVER_STOPPED() or die 'status' },
            sub { $driver->killTask({value => 'nobody'}) },
            sub { $driver->dispatcher->channel->size =~ /^\d+$/ or die 'size' },
            sub { $driver->reviveOffers },
            sub { $driver->stats->{queue_length} },
            sub { Mesos::TaskID->decode(Mesos::TaskID->encode({value => "t\x{20ac}"}))->{value} eq "t\xe2\x82\xac" or die 'codec' },
        );
        $driver->start;
        local $SIG{ALRM} = sub {
            $signals++;
            for my $call (@calls) { eval { $call->(); 1 } or push @odd, $@ }
            # Not at a fixed rate: on a slow machine nothing else would ever run.
            setitimer(ITIMER_REAL, 0.0001 + rand 0.0004) unless $over;
        };
        setitimer(ITIMER_REAL, 0.0001);
        my $status = eval { $driver->run };
        my $error = $@;
        # A handler may still run after the next line.
        $over = 1;
        setitimer(ITIMER_REAL, 0);
        is $error, '', "$name: nothing died";
        is $status, Mesos::Status::DRIVER_STOPPED();
        is_deeply $scheduler->{states}, {map { ("task-$_" => [0, 1, 2]) } 0 .. $TASKS - 1}, 'every update came once, in order';
        is_deeply \@odd, [], 'the calls of the handler worked';
        cmp_ok $signals, '>', 10, "in $signals signals";
});

done_testing;
