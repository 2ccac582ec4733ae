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

Test::Mesos::hundred_tasks($master, 'AnyEvent');

done_testing;
