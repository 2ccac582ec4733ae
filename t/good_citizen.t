# offer_timeout and auto_suppress of a driver.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Mesos::Async;
use Mesos::SchedulerDriver;
use Test::Dispatchers qw(each_dispatcher);
use Test::Framework;
use Test::Mesos qw(command driver_for);
use Test::More;

delete @ENV{qw(MESOS_MASTER MESOS_WORK_DIR)};
local $ENV{MESOS_RESOURCES} = 'cpus:4;mem:2048';
alarm 200;

# Keeps offers.
{ package Hoarder; use Moo; extends 'Test::Framework'; sub resourceOffers { push @{$_[0]{offers}}, @{$_[2]} } }

each_dispatcher(sub {
        my ($name) = @_;
        my @warnings;
        local $SIG{__WARN__} = sub { push @warnings, @_ };
        my $hoarder = Hoarder->new;
        my $driver = driver_for('local', $hoarder, offer_timeout => 0.2, dispatcher => $name);
        $driver->start;
        $driver->dispatcher->wait(0.1) until @warnings;
        is_deeply \@warnings, ["Mesos: declined an offer that nobody has used for 0.2 s, of localhost: launch tasks on offers, or decline them\n"], 'a warning';
        my $declined = sub { $driver->stats->{calls}{DECLINE} // 0 };
        # A call is counted when it is sent.
        $driver->dispatcher->wait(0.05) until $declined->() == 1;
        pass 'the offer is declined';
        $driver->reviveOffers;
        $driver->dispatcher->wait(0.1) until @{$hoarder->{offers}} > 1;
        $driver->declineOffer($hoarder->{offers}[1]{id});
        # Longer than the time: the test's own timer was set after the driver's.
        my $over;
        my $timer = $driver->dispatcher->timer(0.4, sub { $over = 1 });
        $driver->dispatcher->wait(0.1) until $over;
        is scalar @warnings, 1, 'none for an offer that was declined in time';
        is $declined->(), 2, 'and not twice';
        $driver->stop;
});

for my $class (qw(Mesos::SchedulerDriver Mesos::Async)) {
    subtest "auto_suppress of $class" => sub {
        my $framework = Test::Framework->new(tasks => [command('one', 'true')], stop_when_done => 0);
        my $driver = $class->new(master => 'local', framework => {user => '', name => 'idle'}, scheduler => $framework, master_timeout => 30,
            auto_suppress => sub { !@{$framework->tasks} });
        $driver->start;
        $driver->run_once until $framework->done;
        # Calls are counted when they are sent.
        $driver->dispatcher->wait(0.05) until $driver->stats->{calls}{SUPPRESS};
        is $driver->stats->{calls}{SUPPRESS}, 1, 'suppressed when there is no work';
        is $driver->stats->{calls}{REVIVE}, undef, 'and not revived';
        push @{$framework->tasks}, command('two', 'true');
        $driver->balance_offers;
        $driver->balance_offers;
        $driver->run_once until $framework->done > 1;
        $driver->dispatcher->wait(0.05) until $driver->stats->{calls}{SUPPRESS} > 1;
        is_deeply [@{$driver->stats->{calls}}{qw(REVIVE SUPPRESS)}], [1, 2], 'once for each change';
        is_deeply $framework->states, {one => [0, 1, 2], two => [0, 1, 2]}, 'callbacks are called as ever';
        $driver->stop;
    };
}

subtest 'wrong values' => sub {
    for my $case ([offer_timeout => 'soon'], [offer_timeout => -1], [auto_suppress => 1]) {
        ok !eval { driver_for('local', Hoarder->new, @$case); 1 }, "@$case";
        like $@, qr/$case->[0]: expected .*, got "$case->[1]"/, 'says so';
    }
};

done_testing;
