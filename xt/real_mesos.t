use strict;
use warnings;
use lib 't/lib';
use Test::More;

# The scenarios against a real Apache Mesos; script/test starts one. Its agent must give executors a PERL5LIB with this module.
my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';

require Test::Mesos;
my @scenarios = Test::Mesos::scenarios();
while (my ($name, $code) = splice @scenarios, 0, 2) {
    subtest $name => sub { $code->($master) };
}

subtest "a hundred tasks with $_" => sub {
    my ($scheduler, $status) = Test::Mesos::run_tasks(
        $master, [map { Test::Mesos::command("t$_", 'true') } 1 .. 100], scheduler => {cpus => 0.1}, dispatcher => $_);
    is $status, Mesos::Status::DRIVER_STOPPED();
    is_deeply $scheduler->states, {map { ("t$_" => [0, 1, 2]) } 1 .. 100};
} for qw(AnyEvent);

done_testing;
