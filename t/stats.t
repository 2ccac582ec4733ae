# Mesos::Stats: what Prometheus reads.
use strict;
use warnings;
use Mesos::SchedulerDriver;
use Mesos::Stats qw(prometheus);
use Test::More;
no warnings 'Mesos';    # the driver is never started

my $text = prometheus({events => {UPDATE => 3, OFFERS => 1}, calls_dropped => 0, queue_length => 2, last_heartbeat_age => undef, other => 1}, b => qq(x"y\\z\n), a => 1);
is $text, <<'END', 'all of it';
# HELP mesos_driver_events_total Events from the master or the agent
# TYPE mesos_driver_events_total counter
mesos_driver_events_total{a="1",b="x\"y\\z\n",type="OFFERS"} 1
mesos_driver_events_total{a="1",b="x\"y\\z\n",type="UPDATE"} 3
# HELP mesos_driver_queue_length Events that wait for their callbacks
# TYPE mesos_driver_queue_length gauge
mesos_driver_queue_length{a="1",b="x\"y\\z\n"} 2
# HELP mesos_driver_calls_dropped_total Calls that were never sent because there was no master
# TYPE mesos_driver_calls_dropped_total counter
mesos_driver_calls_dropped_total{a="1",b="x\"y\\z\n"} 0
END

my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', framework => {user => '', name => 'stats'}, scheduler => Mesos::Scheduler->new);
my $of_driver = prometheus($driver);
is $of_driver, prometheus($driver->stats), 'of a driver';
# Whatever a driver counts has its metric.
for my $key (grep { defined $driver->stats->{$_} } sort keys %{$driver->stats}) {
    my $all = prometheus({$key => ref $driver->stats->{$key} ? {X => 1} : 1});
    like $all, qr/^mesos_driver_\w+(?:\{\w+="X"\})? 1$/m, $key;
}
is_deeply [grep { !/^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{.*\})? [\d.e+-]+)$/ } split /\n/, $of_driver], [], 'each line is one that Prometheus reads';

ok !eval { prometheus('driver'); 1 };
like $@, qr/^prometheus: expected a driver or what its stats returns, got .* at \Q${\__FILE__}\E line/, 'something else';
ok !eval { prometheus({}, 'a-b' => 1); 1 };
like $@, qr/^prometheus: expected the name of a label .*, got "a-b" at \Q${\__FILE__}\E line/, 'a label';

done_testing;
