#!/usr/bin/perl
# The memory of a program and of its cluster while short tasks come and go: it grows until what is remembered of finished tasks
# (a thousand of a framework, a hundred and fifty of an agent) is full, and is flat then.
#
#   ./Build && perl -Mblib benches/memory.pl [TASKS, 10000 by default] [simulate]
#
# One program has mesos-local beside it, another one has its cluster inside (local). Kilobytes, of each process.
use 5.10.1;
use strict;
use warnings;
use Mesos::SchedulerDriver;
use Mesos::Test::Cluster;
use Time::HiRes qw(time);

STDOUT->autoflush(1);
my ($tasks, $simulate) = (shift // 10_000, shift);
die "expected 10 tasks or more, got $tasks\n" unless $tasks =~ /\A\d+\z/ && $tasks >= 10;
my @marks = map { int $_ * $tasks / 10 } 1, 5, 10;

{
    package Short;
    use Moo;
    extends 'Mesos::Scheduler';
    has [qw(wanted launched ended)] => (is => 'rw', default => 0);
    has at => (is => 'ro');

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my $count = $self->wanted - $self->launched;
            my ($cpus) = map { $_->{scalar}{value} } grep { $_->{name} eq 'cpus' } @{$offer->{resources}};
            $count = $_ for grep { $_ < $count } 100, int(100 * ($cpus || 0));
            my @batch = map { {
                    name => 'short',
                    task_id => {value => 'short-' . ++$self->{launched}},
                    slave_id => $offer->{slave_id},
                    command => {value => 'true'},
                    resources => [{name => 'cpus', type => 0, scalar => {value => 0.01}}, {name => 'mem', type => 0, scalar => {value => 1}}],
            } } 1 .. $count;
            $driver->launchTasks([$offer->{id}], \@batch, {refuse_seconds => 0});
        }
    }

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        return if $status->{state} == 6 || $status->{state} == 0 || $status->{state} == 1;
        die "$status->{task_id}{value}: $status->{state} $status->{message}\n" unless $status->{state} == 2;
        $self->at->(++$self->{ended});
        $driver->stop if $self->ended == $self->wanted;
    }
    sub error { die "error: $_[2]" }
}

sub kilobytes {
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!";
    my ($resident) = map {/^VmRSS:\s+(\d+)/} <$status>;
    return $resident;
}

sub measure {
    my ($title, $master, %pids) = @_;
    my ($begin, %seen) = time;
    my $scheduler = Short->new(wanted => $tasks, at => sub {
            my ($ended) = @_;
            return unless grep { $ended == $_ } @marks;
            my @shown = map { "$_ " . ($seen{$_}{$ended} = kilobytes($pids{$_})) } sort keys %pids;
            printf "%s, after %d tasks: %s (%.0f tasks/s)\n", $title, $ended, join(', ', @shown), $ended / (time - $begin);
    });
    Mesos::SchedulerDriver->new(master => $master, framework => {user => '', name => 'memory'}, scheduler => $scheduler, on_exception => 'die')->run;
    printf "%s, ratio of the last to the one before, %s: %.2f\n", $title, $_, $seen{$_}{$marks[-1]} / $seen{$_}{$marks[-2]} for sort keys %pids;
}

my %settings = (resources => 'cpus:2;mem:2048', allocation_interval => '20ms');
@ENV{qw(MESOS_RESOURCES MESOS_ALLOCATION_INTERVAL)} = @settings{qw(resources allocation_interval)};
$ENV{MESOS_SIMULATE} = 'true' if $simulate;
my $cluster = Mesos::Test::Cluster->start(%settings);
measure('mesos-local', $cluster->address, program => $$, cluster => $cluster->pid);
undef $cluster;
measure('local', 'local', program => $$);
