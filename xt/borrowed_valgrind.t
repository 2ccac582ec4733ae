# t/borrowed.t again, where each access to freed memory is seen.
use 5.10.1;
use strict;
use warnings;
use Test::More;

plan skip_all => 'valgrind is not installed' if !grep { -x "$_/valgrind" } split /:/, $ENV{PATH};

my @include = map {"-I$_"} grep { !ref } @INC;
open my $run, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', qw(valgrind -q --fair-sched=yes --error-exitcode=9),
    '--suppressions=tests/libmesos-standin/valgrind.supp', $^X, @include, 't/borrowed.t'
    or die "cannot run valgrind: $!";
my @said = <$run>;
close $run;
is $?, 0, 'no access to freed memory' or diag grep {/^==|^not ok/} @said;
is scalar(grep {/^ok /} @said), 7, 'and all of it ran';

done_testing;
