use strict;
use warnings;
use lib 't/lib';
use Time::HiRes qw(time);
use Mesos;
use Test::Framework;
use Test::Mesos qw(driver_for);

# Events per second from a master to Perl's callbacks, through libmesos and through the native driver, in turns; medians, and the
# ratio of the two.   perl -Mblib benches/libmesos.pl [COUNT [ROUNDS]]
# Each driver asks its master COUNT times to reconcile an unknown task, 500 asked at a time: the way there and back. The master is
# that of MESOS_TEST_MASTER=host:port for both. Without it, and with the stand-in built in, libmesos' side has the stand-in's (in
# the process, without a network) and the native one the embedded cluster's (over HTTP); then the stand-in's script also makes
# events that nobody asks for: what the bridge, the channel and the dispatcher take.

my ($count, $rounds) = (@ARGV, (20_000, 5)[@ARGV .. 1]);
my ($libmesos) = grep { $_->{name} eq 'libmesos' && $_->{scheduler} } Mesos->backends;
if (!$libmesos) {
    print "SKIP: libmesos is not built in: perl Build.PL --libmesos\n";
    exit;
}
my $is_standin = $libmesos->{version} =~ /-standin\z/;
my $master = $ENV{MESOS_TEST_MASTER};
if (!$master && !$is_standin) {
    print "SKIP: MESOS_TEST_MASTER=host:port names no master for libmesos $libmesos->{version}\n";
    exit;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

# Events a second of one run. The code is called for each event, and says true at the last one.
sub run {
    my ($began, %given) = (undef, @_);
    my $scheduler = Test::Framework->new(stop_when_done => 0);
    my $seen = 0;
    no strict 'refs';
    no warnings 'redefine';
    local *Test::Framework::registered = sub { $began = time; $given{start}->($_[1]) };
    local *{"Test::Framework::$given{event}"} = sub {
        my (undef, $driver) = @_;
        return $driver->stop if ++$seen >= $count;
        $given{more}->($driver) if $seen % 500 == 0;
    };
    driver_for($given{master}, $scheduler, driver => $given{driver}, framework => {user => '', name => $given{name}})->run;
    $seen >= $count or die "$given{driver}: $seen of $count events came\n";
    return $count / (time - $began);
}

my $ask = sub { $_[0]->reconcileTasks([map { {task_id => {value => "unknown $_"}, state => 1} } 1 .. 500]) };
my %rates;
for (1 .. $rounds) {
    for my $driver (qw(native libmesos)) {
        push @{$rates{$driver}}, run(driver => $driver, event => 'statusUpdate', start => $ask, more => $ask, name => 'benchmark',
            master => $master || ($driver eq 'native' ? 'local' : '127.0.0.1:5050'));
    }
}
my %median = map { ($_ => median(@{$rates{$_}})) } keys %rates;
printf "libmesos %s, medians of %d rounds of %d answers to reconciliation:\n", $libmesos->{version}, $rounds, $count;
printf "  %-10s %9.0f a second (%s)\n", $_, $median{$_}, join ' ', map { sprintf '%.0f', $_ } sort { $a <=> $b } @{$rates{$_}}
    for qw(native libmesos);
printf "  libmesos / native: %.2f\n", $median{libmesos} / $median{native};

if ($is_standin && !$master) {
    for my $case (['messages', 'frameworkMessage'], ['updates', 'statusUpdate'], ['offers', 'resourceOffers']) {
        my ($kind, $event) = @$case;
        my @some = map {
            run(driver => 'libmesos', event => $event, start => sub { }, more => sub { }, master => '127.0.0.1:5050', name => "standin: $kind $count")
        } 1 .. $rounds;
        printf "  unasked %-8s %9.0f a second through libmesos (%s)\n", $kind, median(@some), join ' ', map { sprintf '%.0f', $_ } sort { $a <=> $b } @some;
    }
}
