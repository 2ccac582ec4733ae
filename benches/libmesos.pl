use strict;
use warnings;
use lib 't/lib';
use Time::HiRes qw(time);
use Mesos;
use Test::Framework;
use Test::Mesos qw(driver_for);

# Events per second from a driver to Perl's callbacks, through libmesos and through the native driver.
#   perl -Mblib benches/libmesos.pl [COUNT]
# With the stand-in built in, its master's script makes the events in the same process: what the bridge, the channel and the
# dispatcher take, without a network. With MESOS_TEST_MASTER=host:port, both drivers ask that master COUNT times to reconcile an
# unknown task, 500 asked at a time: the way through the network and back.

my $count = $ARGV[0] || 20_000;
my ($libmesos) = grep { $_->{name} eq 'libmesos' && $_->{scheduler} } Mesos->backends;

sub report { printf "%-40s %8d events, %9.0f a second\n", $_[0], $count, $count / $_[1] }

if ($libmesos && $libmesos->{version} =~ /-standin\z/) {
    for my $kind (qw(messages updates offers)) {
        my ($seen, $began) = (0);
        my $scheduler = Test::Framework->new(stop_when_done => 0);
        no strict 'refs';
        no warnings 'redefine';
        my $name = {messages => 'frameworkMessage', updates => 'statusUpdate', offers => 'resourceOffers'}->{$kind};
        local *{"Test::Framework::$name"} = sub { $began ||= time; $_[1]->stop if ++$seen == $count };
        driver_for('127.0.0.1:5050', $scheduler, driver => 'libmesos',
            framework => {user => '', name => "standin: $kind $count"})->run;
        report("libmesos $libmesos->{version}, $kind", time - $began);
    }
}
if (my $master = $ENV{MESOS_TEST_MASTER}) {
    for my $backend ('native', $libmesos ? 'libmesos' : ()) {
        my ($seen, $began) = (0);
        my $scheduler = Test::Framework->new(stop_when_done => 0);
        my $ask = sub {
            my ($driver, $many) = @_;
            $driver->reconcileTasks([map { {task_id => {value => "unknown $_"}, state => 1} } 1 .. $many]);
        };
        $scheduler->on_update(sub {
            my ($driver) = @_;
            $seen++;
            return $driver->stop if $seen >= $count;
            $ask->($driver, 500) if $seen % 500 == 0;
        });
        no warnings 'redefine';
        local *Test::Framework::registered = sub { $began = time; $ask->($_[1], 500) };
        driver_for($master, $scheduler, driver => $backend)->run;
        report("$backend, updates of a real master", time - $began);
    }
}
