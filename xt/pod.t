# The syntax of all POD.
use strict;
use warnings;
use Test::More;
use Test::Pod;

all_pod_files_ok(all_pod_files(grep {-e} qw(perl/bin perl/lib perl/inc examples benches)));
