# What the library is made of: where each crate comes from, under which licence, in how many versions, and how much of ours is unsafe.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;
use File::Find ();
use JSON::PP ();

# A crate needs one of these for each part of its licence. None of them asks for more than a notice of who wrote it, but for MPL-2.0,
# which asks that changes to the crate's own files are published: we make none.
my %allowed = map { ($_ => 1) } qw(MIT Apache-2.0 ISC BSD-2-Clause BSD-3-Clause 0BSD Zlib Unlicense Unicode-3.0 MPL-2.0);

# Several versions of one crate are built twice, and are mended twice. These are here because others ask for both.
my %several = (
    'getrandom' => 'tempfile, a dependency of tests, has another one than ours',
    'heck' => 'cbindgen and prost-build, for tests only',
    'linux-raw-sys' => 'goes with rustix',
    'rustix' => 'tempfile, a dependency of tests, has another one than ours',
    'syn' => 'macros of serde and of others; nothing of it is in the library',
    'windows-link' => 'not for Linux',
    'windows-sys' => 'not for Linux',
);

# The most lines with `unsafe` that each of our files may have. It may only shrink: who needs more says here why.
my %unsafe = map { my ($file, $count) = split; $file =~ s/^/src\//; ($file => $count) } grep {/\S/} split /\n/, <<'FILES';
ffi/backend.rs 1
ffi/bytes.rs 10
ffi/channel.rs 10
ffi/dispatcher.rs 8
ffi/event.rs 12
ffi/executor_driver.rs 8
ffi/guard.rs 1
ffi/handle.rs 15
ffi/json.rs 1
ffi/log.rs 1
ffi/message.rs 14
ffi/process.rs 2
ffi/program.rs 1
ffi/resources.rs 1
ffi/scheduler_driver.rs 23
ffi/signals.rs 1
ffi/stats.rs 3
libmesos/bridge.rs 1
FILES

# Whether a licence of Cargo's kind has a part that is allowed: `A OR B`, `A AND B`, `(A OR B) AND C`, `A/B` (the older way to say OR).
sub is_allowed {
    my ($licence) = @_;
    $licence =~ s/\s+WITH LLVM-exception//g;
    $licence =~ s{\s*/\s*}{ OR }g;
    $licence =~ s/\(([^()]*)\)/is_allowed($1) ? 'MIT' : 'refused'/ge;
    return !!$licence && !grep {
        !grep { $allowed{$_} } split /\s+OR\s+/
    } split /\s+AND\s+/, $licence;
}

ok is_allowed($_), "$_ is allowed" for 'MIT', 'MIT/Apache-2.0', 'GPL-3.0 OR MIT', '(MIT OR GPL-3.0) AND ISC', 'Apache-2.0 WITH LLVM-exception';
ok !is_allowed($_), "$_ is not allowed" for '', 'GPL-3.0', 'MIT AND GPL-3.0', '(GPL-2.0 OR GPL-3.0) AND MIT';

my $text = do {
    open my $out, '-|', qw(cargo metadata --format-version 1 --locked --offline) or die "cannot run cargo: $!";
    local $/;
    <$out>;
};
my $all = JSON::PP::decode_json($text)->{packages};
my ($ours, @crates) = sort { defined $a->{source} <=> defined $b->{source} } @$all;
is $ours->{name}, 'mesos-perl', 'one package is ours';
cmp_ok scalar @crates, '>', 100, 'and the others are listed';

is_deeply [map {"$_->{name} $_->{version}: $_->{source}"} grep { $_->{source} !~ m{\Aregistry\+https://github\.com/rust-lang/crates\.io-index\z} } @crates],
    [], 'all of them come from crates.io';
is_deeply [map { "$_->{name} $_->{version}: " . ($_->{license} || 'none') } grep { !is_allowed($_->{license} || '') } @crates], [], 'under licences that are allowed';
my %versions;
$versions{$_->{name}}++ for @crates;
is_deeply [grep { $versions{$_} > 1 } sort keys %versions], [sort keys %several], 'in one version each, but for those that have a reason';
my @unlocked = grep { !/^checksum = "[0-9a-f]{64}"$/m && /^source = /m } split /^\[\[package\]\]$/m, slurp('Cargo.lock');
is_deeply \@unlocked, [], 'each with the checksum of what was tried';

# What is compiled on Linux says which Rust it wants. Where a crate says nothing, xt/oldest_rust.bash compiles it.
my ($oldest) = slurp('Cargo.toml') =~ /^rust-version = "1\.(\d+)"$/m;
my %compiled = do {
    open my $out, '-|', qw(cargo tree --locked --offline --features libmesos --edges), 'normal,build', qw(--target x86_64-unknown-linux-gnu),
        qw(--prefix none --format {p})
        or die "cannot run cargo: $!";
    map { /^(\S+) v(\S+)/ ? ("$1 $2" => 1) : () } <$out>;
};
cmp_ok scalar(keys %compiled), '>', 50, 'crates are compiled on Linux';
my $is_too_new = sub {
    my ($crate) = @_;
    my (undef, $wanted) = split /\./, $crate->{rust_version} || '1.0';
    return $wanted > $oldest || $crate->{edition} > 2021;
};
is_deeply [map {"$_->{name} $_->{version}"} grep { $compiled{"$_->{name} $_->{version}"} && $is_too_new->($_) } @crates], [], "none of them wants a newer Rust than 1.$oldest";

# What is known of each version, by the database of that day (xt/advisories.txt): cargo-deny knows what has come since.
sub compare { my ($left, $right) = map { [split /\./] } @_; return $left->[0] <=> $right->[0] || ($left->[1] || 0) <=> ($right->[1] || 0) || ($left->[2] || 0) <=> ($right->[2] || 0) }

# Whether a version fits `>= 1.2, < 1.3`, `^1.2`, `=1.2.3`, with Cargo's meaning of them.
sub fits {
    my ($version, $wanted) = @_;
    s/[-+].*// for $version;
    for my $part (split /\s*,\s*/, $wanted) {
        my ($how, $than) = $part =~ /\A\s*(>=|<=|>|<|=|\^|~)?\s*([\d.]+)/ or die "not understood: $wanted";
        my $order = compare($version, $than);
        $how ||= '^';
        my $holds = $how eq '>=' ? $order >= 0 : $how eq '<=' ? $order <= 0 : $how eq '>' ? $order > 0 : $how eq '<' ? $order < 0 : $how eq '=' ? !$order : undef;
        if (!defined $holds) {
            # What may not change: up to the first number that is not 0, and for ~ the second one.
            my @numbers = split /\./, $than;
            my $fixed = $how eq '~' ? ($#numbers > 0 ? 1 : 0) : (grep { $numbers[$_] } 0 .. $#numbers)[0] // $#numbers;
            my @have = split /\./, $version;
            $holds = $order >= 0 && !grep { $have[$_] != $numbers[$_] } 0 .. $fixed;
        }
        return 0 if !$holds;
    }
    return 1;
}

ok fits(@$_), "@$_" for ['1.2.3', '>= 1.2, < 1.3'], ['0.20.5', '^0.20.2'], ['1.9.0', '^1.2'], ['1.2.9', '~1.2.3'], ['0.2.3', '=0.2.3'], ['1.2.3', '1.2'];
ok !fits(@$_), "not @$_" for ['1.3.0', '>= 1.2, < 1.3'], ['0.21.0', '^0.20.2'], ['2.0.0', '^1.2'], ['1.3.0', '~1.2.3'], ['0.2.4', '=0.2.3'], ['1.1.9', '1.2'];

my (undef, @advisories) = split /\n/, slurp('xt/advisories.txt');
cmp_ok scalar @advisories, '>', 400, 'advisories are known';
for my $lock (qw(Cargo.lock fuzz/Cargo.lock xt/loom/Cargo.lock)) {
    my %locked;
    my $locks = slurp($lock);
    push @{$locked{$1}}, $2 while $locks =~ /^name = "(.*)"\nversion = "(.*)"\nsource = /mg;
    my @bad;
    for my $advisory (@advisories) {
        my ($crate, $id, $well) = split / /, $advisory, 3;
        for my $version (@{$locked{$crate} || []}) {
            push @bad, "$crate $version: $id" unless grep { $_ ne 'none' && fits($version, $_) } split / \| /, $well;
        }
    }
    is_deeply \@bad, [], "$lock has no version with a known fault";
}

my %found;
File::Find::find({
        no_chdir => 1,
        wanted => sub {
            /\.rs\z/ or return;
            my $count = grep { !m{^\s*//} && /\bunsafe\b(?!-)/ && !/unsafe_/ } split /\n/, slurp($_);
            $found{$_} = $count if $count;
        },
    },
    'src'
);
for my $file (sort keys %{{%found, %unsafe}}) {
    cmp_ok $found{$file} || 0, '<=', $unsafe{$file} || 0, "$file has no more unsafe code than before";
}

done_testing;
