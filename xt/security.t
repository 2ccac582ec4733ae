# The limits that docs/security.md promises are those of the code, and each has its test.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;
use File::Find ();

# What looks like a limit by its name, and is none of what comes from elsewhere.
my %other = map { split / /, $_, 2 } split /\n/, <<'NAMES';
driver/address.rs:MAX_HOST a longer name is refused
driver/framework_id_file.rs:MAX_ID a longer id is refused, as Mesos does
driver/limits.rs:MAX_QUEUED_CALLS what a program may ask for
driver/limits.rs:MAX_WINDOW what a program may ask for
ffi/error.rs:MOST in a test
local/agent/companions.rs:REMEMBERED_ENDS for those who wait for the end of a container
local/agent/state.rs:REMEMBERED_UPDATES to know what comes twice
local/api/files.rs:MOST_SENT a download goes in pieces
local/api/jsonp.rs:MOST a longer name is refused
local/faults.rs:MOST what a test may ask for
local/helper_protocol.rs:MAX_PROGRAM what the kernel refuses
local/master/constraints.rs:MOST what RE2 refuses, too
local/master/history.rs:MOST what is shown, of one task
local/master/mod.rs:REMEMBERED_FRAMEWORKS what is shown, as in Mesos
local/master/mod.rs:REMEMBERED_IDS one short text each
local/settings/access.rs:MOST the user's own file
local/settings/config.rs:MOST the user's own file
local/settings/config.rs:MOST_AGENTS what a user may ask for
local/settings/config.rs:MOST_MASTERS what a user may ask for
local/settings/tls.rs:MOST the user's own file
local/stage/requests.rs:MOST for tests
message/encode.rs:MAX_SIZE what protobuf allows
message/wire.rs:MAX_FIELD_NUMBER what protobuf allows
native/detector/file.rs:MAX_DEPTH the user's own file
native/detector/file.rs:MAX_LENGTH the user's own file
native/protocol/recordio.rs:MAX_DIGITS those of MAX_RECORD
native/protocol/session.rs:MAX_DOUBLINGS of a pause
native/scheduler/machine/unacknowledged.rs:REMEMBERED for one advice
native/tls/client.rs:MOST the user's own file
programs/mesos_local/file.rs:MOST the user's own file
NAMES

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
my ($count, %listed) = (0);
for my $row (grep {/\A\|.*`/} split /\n/, $limits) {
    my (undef, $what, $limit, $place, $test) = split /\s*\|\s*/, $row;
    my ($file, $name) = $place =~ /`(.+?)` `(.+?)`/ or die "no place in the code: $row";
    my ($value) = slurp($file) =~ /\bconst $name: \w+ = (.+?);$/m;
    is promised($limit), written($value), "$what: $name of $file";
    $listed{"$file:$name"} = 1;
    my ($by, $function) = $test =~ /`(.+?)` `(.+?)`/ or die "no test: $row";
    my $found = $by =~ /\.rs\z/ ? qr/^ *#\[test\]\n(?: *#\[.*\n)* *fn $function\(\)/m : qr/\Q$function\E/;
    like slurp($by), $found, "$what: $by has $function";
    $count++;
}

my @left;
File::Find::find({
        no_chdir => 1,
        wanted => sub {
            my $file = $_;
            return if $file !~ /\.rs\z/ || $file =~ m{^src/(?:proto|simulation)/|/field_number\.rs\z};
            my @names = slurp($file) =~ /\bconst ((?:MESOS_)?(?:MAX|MOST|QUEUED|REMEMBERED)(?:_[A-Z_]+)?): (?:usize|u32|u64) /mg;
            push @left, map {"$file:$_"} grep { !$listed{"$file:$_"} } @names;
        },
    },
    'src'
);
is_deeply [sort map { substr $_, 4 } @left], [sort keys %other], 'and no limit is left out';
cmp_ok $count, '>', 20, 'limits were looked at';

done_testing;
