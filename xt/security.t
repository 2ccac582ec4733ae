# The limits that docs/security.md promises are those of the code, and each has its test.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;

# The number in "64 KiB", "4,194,304", "30 s".
sub promised {
    my ($text) = @_;
    my ($digits, $unit) = $text =~ /\A([\d,]+)(?: (KiB|MiB|bytes|s)\b)?/ or return;
    $digits =~ tr/,//d;
    my %times = (KiB => 2**10, MiB => 2**20);
    return $digits * ($unit && $times{$unit} || 1);
}

# The number in "64 << 10", "16 * 4096", "100_000", "Duration::from_secs(30)".
sub written {
    my ($text) = @_;
    $text =~ s/\ADuration::from_secs\((.*)\)\z/$1/;
    $text =~ tr/_//d;
    return $text =~ /\A\d+(?: (?:<<|\*) \d+)*\z/ ? eval $text : undef;    ## no critic (StringyEval): only numbers
}

is promised($_->[0]), $_->[1], "$_->[0] is understood" for ['64 KiB', 65_536], ['4,096 bytes', 4096], ['30 s', 30], ['4 MiB, then', 4 << 20];
is written($_->[0]), $_->[1], "$_->[0] is understood" for ['64 << 10', 65_536], ['16 * 4096', 65_536], ['Duration::from_secs(30)', 30], ['1_000', 1000];

my ($limits) = slurp('docs/security.md') =~ /^## Limits$(.*?)^## /ms;
my $count = 0;
for my $row (grep {/\A\|.*`/} split /\n/, $limits) {
    my (undef, $what, $limit, $place, $test) = split /\s*\|\s*/, $row;
    my ($file, $name) = $place =~ /`(.+?)` `(.+?)`/ or die "no place in the code: $row";
    my ($value) = slurp($file) =~ /\bconst $name: \w+ = (.+?);$/m;
    is promised($limit), written($value), "$what: $name of $file";
    my ($by, $function) = $test =~ /`(.+?)` `(.+?)`/ or die "no test: $row";
    my $found = $by =~ /\.rs\z/ ? qr/^ *#\[test\]\n(?: *#\[.*\n)* *fn $function\(\)/m : qr/\Q$function\E/;
    like slurp($by), $found, "$what: $by has $function";
    $count++;
}
cmp_ok $count, '>', 20, 'limits were looked at';

done_testing;
