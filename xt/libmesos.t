use strict;
use warnings;
use lib 't/lib';
use Test::More;

# The scheduler half on a real libmesos against a real master, where the build has that libmesos (PERL_MESOS_INCLUDE and
# PERL_MESOS_LIB at Build.PL) and MESOS_TEST_MASTER=host:port names a master of about its version.
my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';
require Test::Libmesos;
my $libmesos = Test::Libmesos::libmesos() or plan skip_all => 'libmesos is not built in';
plan skip_all => 'the stand-in is built in, t/backends.t tests with it' if $libmesos->{version} =~ /-standin/;
diag "libmesos $libmesos->{version}, scheduler: $libmesos->{scheduler}, executor: $libmesos->{executor}";

# The master must be able to reach the driver.
$ENV{LIBPROCESS_IP} = '127.0.0.1' if $master =~ /\A(?:127\.|localhost:)/;
$ENV{PERL_MESOS_DRIVER} = 'libmesos';
require Test::Mesos;

my @scenarios = Test::Mesos::scenarios();
while (my ($name, $code) = splice @scenarios, 0, 2) {
    subtest $name => sub { $code->($master) };
}
Test::Mesos::hundred_tasks($master, qw(AnyEvent Interrupt));

# What the master knows of a framework: 'active', 'completed', or nothing.
sub known {
    my ($id) = @_;
    require HTTP::Tiny;
    require JSON::PP;
    my $answer = HTTP::Tiny->new(timeout => 10)->get("http://$master/master/state");
    my $state = JSON::PP::decode_json($answer->{content});
    return 'active' if grep { $_->{id} eq $id } @{$state->{frameworks}};
    return 'completed' if grep { $_->{id} eq $id } @{$state->{completed_frameworks}};
    return;
}

for my $case (
    ['stop' => 'completed', sub { $_[0]->stop }],
    ['stop after abort' => 'completed', sub { $_[0]->abort; $_[0]->stop }],
    ['stop with failover' => 'active', sub { $_[0]->stop(1) }],
    ['neither' => 'active', sub { }],
) {
    my ($name, $expected, $code) = @$case;
    subtest "the framework after: $name" => sub {
        my ($driver, $scheduler) = Test::Libmesos::registered(
            $master, framework => {user => '', name => 'libmesos test', failover_timeout => 30});
        $code->($driver);
        undef $driver;
        is known($scheduler->heard->[0][1]{value}), $expected;
    };
}

subtest 'errors' => sub {
    my $scheduler = Test::Framework->new;
    my $run = sub { Test::Mesos::driver_for($_[0], $scheduler, @_[1 .. $#_])->run };
    is $run->('zk://127.0.0.1:1'), Mesos::Status::DRIVER_ABORTED(), 'of the start';
    like $scheduler->heard->[-1][1], qr/Failed to create a master detector for 'zk:/;
    is $run->('127.0.0.1:1', master_timeout => 0.2), Mesos::Status::DRIVER_ABORTED(), 'no master';
    like $scheduler->heard->[-1][1], qr/^no master at 127\.0\.0\.1:1 for 0\.2 s/;
    is $run->($master, framework => {user => '', name => 'n', id => {value => 'unknown'}, role => 'a/../b'}),
        Mesos::Status::DRIVER_ABORTED(), 'of the master';
    {
        local $ENV{MESOS_registration_backoff_factor} = 'soon';
        is $run->($master), Mesos::Status::DRIVER_ABORTED(), 'a flag';
        like $scheduler->heard->[-1][1], qr/registration_backoff_factor/;
    }
    is_deeply [map { $_->[0] } @{$scheduler->heard}], [('error') x 4];
};

Test::Libmesos::lifecycle($master);

done_testing;
