# t/borrowed.t and t/borrowed_random.t again, where each access to freed memory is seen.
use 5.10.1;
use strict;
use warnings;
use Test::More;

plan skip_all => 'valgrind is not installed' if !grep { -x "$_/valgrind" } split /:/, $ENV{PATH};

my @include = map {"-I$_"} grep { !ref } @INC;
# Each takes some twenty times as long here.
local $ENV{MESOS_TEST_ROUNDS} = $ENV{MESOS_TEST_ROUNDS} || 1500;
my %subtests = ('t/borrowed.t' => 7, 't/borrowed_random.t' => 4);
for my $test (sort keys %subtests) {
    open my $run, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', qw(valgrind -q --fair-sched=yes --error-exitcode=9),
        '--suppressions=tests/libmesos-standin/valgrind.supp', $^X, @include, $test
        or die "cannot run valgrind: $!";
    my @said = <$run>;
    close $run;
    is $?, 0, "$test: no access to freed memory" or diag grep {/^==|^not ok/} @said;
    is scalar(grep {/^ok /} @said), $subtests{$test}, 'and all of it ran';
}

done_testing;
