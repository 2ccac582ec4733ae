# Threads that wake each other, in every order: xt/loom/tests/models.rs. Needs cargo. Run from the top: prove xt/loom.t
use strict;
use warnings;
use lib 't/lib';
use File::Spec;
use Test::Files qw(output_of);
use Test::More;

my $models = 'xt/loom/tests/models.rs';
open my $in, '<', $models or die "cannot read $models: $!";
my @wanted = do { local $/; <$in> =~ /^#\[test\]\nfn (\w+)/mg };
close $in or die $!;
cmp_ok scalar @wanted, '>', 5, "$models has models";

my $target = File::Spec->rel2abs($ENV{CARGO_TARGET_DIR} || 'target') . '/xt-loom';
my ($said, $status) = output_of(qw(cargo test --locked --manifest-path xt/loom/Cargo.toml --target-dir), $target);
my @held = $said =~ /^test (\w+) \.\.\. ok$/mg;
is_deeply [sort @held], [sort @wanted], 'whatever order their threads run in, each holds' or diag $said;
is $status, 0, 'and cargo says so';

done_testing;
