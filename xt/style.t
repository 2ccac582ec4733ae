# House rules that a program can check: strictness, sizes, versions that agree, no names of the machines it was written on.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;
use File::Find ();

# [path, text] of the files below these folders with one of these endings.
sub texts {
    my ($endings, @folders) = @_;
    my @paths;
    File::Find::find({no_chdir => 1, wanted => sub { push @paths, $_ if -f && /\.(?:$endings)$/ }}, grep {-e} @folders);
    return map { [$_, slurp($_)] } sort @paths;
}

# The lines of a text that match, as "path:number: line".
sub matching {
    my ($pattern, @texts) = @_;
    my @found;
    for my $text (@texts) {
        my $number = 0;
        for my $line (split /\n/, $text->[1]) {
            $number++;
            push @found, "$text->[0]:$number: $line" if $line =~ $pattern;
        }
    }
    return \@found;
}

my @perl = texts('pm|pl|t', qw(perl/lib perl/inc t xt examples benches));
push @perl, ['Build.PL', slurp('Build.PL')];
my @c = grep { $_->[0] ne 'perl/Mesos.c' } texts('xs|xsi|c|h', 'perl');
my @rust = texts('rs', qw(src tests benches build.rs));
my @made_by_tools = grep { $_->[0] =~ m{^src/(?:proto/mesos|message/(?:schema_tables|class|field_number)\b|ffi/class\b)} } @rust;
my %made = map { ($_->[0] => 1) } @made_by_tools;
my @written = grep { !$made{$_->[0]} } @perl, @c, @rust;
my @shell = map { [$_, slurp($_)] } grep {-f} glob('script/*'), '.ci/run';
my @documents = texts('md|toml|proto', qw(docs README.md Changes Cargo.toml cbindgen.toml proto));
cmp_ok scalar @$_, '>', 0, 'found files' for \@perl, \@c, \@rust, \@shell;

for my $text (@perl) {
    my ($path, $code) = @$text;
    # Moo and Moo::Role switch both on.
    my $moo = $code =~ /^use Moo(?:::Role)?\b/m;
    ok $moo || $code =~ /^use strict\b/m && $code =~ /^use warnings\b/m, "$path is strict and warns";
}

for my $text (@written) {
    my $lines = () = $text->[1] =~ /\n/g;
    cmp_ok $lines, '<=', 600, "$text->[0] is not too long";
}

# A function's first line, and what stands before the brace that ends it. Tests may tell a long story.
my %begins = (
    rs => qr/^(\s*)(?:pub(?:\(\w+\))? )?(?:const |async |unsafe |extern "C" )*fn (\w+)/,
    c => qr/^()(\w+)\(.*\)$/,
    pm => qr/^()sub (\w+)/,
);
my $functions = 0;
for my $text (grep { $_->[0] =~ m{^(?:src|perl)/} && $_->[0] !~ m{/tests?(?:/|\.rs)} } @written) {
    my ($path, $code) = @$text;
    my ($ending) = $path =~ /\.(\w+)$/;
    my $begin = $begins{$ending} or next;
    my (@lines) = split /\n/, $code;
    for my $first (0 .. $#lines) {
        my ($margin, $name) = $lines[$first] =~ $begin or next;
        next if $lines[$first] =~ /[;}]$/;
        my $last = $first;
        $last++ while $last < $#lines && $lines[$last] !~ /^$margin\}/;
        $functions++;
        my $length = $last - $first + 1;
        fail "$path: $name has $length lines, and 80 is the most" if $length > 80;
    }
}
cmp_ok $functions, '>', 1000, 'looked at the lengths of functions';

is_deeply matching(qr/[ \t]$/, @written, @shell), [], 'no white space at ends of lines';
is_deeply matching(qr/^\t/, @perl, @rust, @shell), [], 'no tabs';
is_deeply matching(qr{(?<![\w.])/(?:work|home/\w+|root)/}, @written, @shell, @documents), [], 'no paths of one machine';
is_deeply matching(qr/\bunsafe\b(?! code)(?=\s*(?:\{|fn|impl|extern|trait))/, grep { $_->[0] !~ m{^src/(?:ffi/|libmesos/bridge\.rs$)} && $_->[0] =~ m{^src/} } @rust), [],
    'unsafe only in src/ffi and the cxx bridge';

for my $script (@shell) {
    my ($path, $text) = @$script;
    is system('bash', '-n', $path), 0, "$path: bash reads it";
    next if $path =~ /\.bash$/;
    like $text, qr/\A#!\/usr\/bin\/env bash\n/, "$path starts bash";
    like $text, qr/^set -euo pipefail$/m, "$path stops at errors";
    ok -x $path, "$path can be executed";
}

is_deeply [grep { !m{^(?:t|xt)/[a-z0-9_]+\.t$} } glob('t/*.t xt/*.t')], [], 'names of Perl tests: lower case and _';
my @rust_tests = glob('tests/*.rs');
is_deeply [grep { !m{^tests/(?:(?:native|local|mesos_local|message)_[a-z0-9_]+|mesos_local|abi|floors|fuzz_corpus|generated|libmesos)\.rs$} } @rust_tests], [],
    'names of Rust tests: what they test first, see tests/support/README.md';

my ($version) = slurp('perl/lib/Mesos.pm') =~ /\$VERSION\s*=\s*'([^']+)'/;
my ($crate) = slurp('Cargo.toml') =~ /^version = "([^"]+)"/m;
my ($change) = slurp('Changes') =~ /^(\d\S*)/m;
is $crate, $version, 'the crate has the version of Mesos.pm';
is $change, $version, 'so does the first entry of Changes';

# docs/dependencies.md names everything that anything here requires.
my $reasons = slurp('docs/dependencies.md');
my ($dependencies) = slurp('Cargo.toml') =~ /^(\[dependencies\].*?)^\[(?!dev-dependencies)/ms;
my @crates = $dependencies =~ /^([\w-]+) = /mg;
cmp_ok scalar @crates, '>', 10, 'found crates';
like $reasons, qr/^\| `\Q$_\E` \|/m, "docs/dependencies.md has the crate $_" for @crates;
like $reasons, qr/^\| `\Q$_\E` \|/m, "docs/dependencies.md has the module $_" for slurp('cpanfile') =~ /^\s*(?:requires|recommends) '([^']+)'/mg;
my %packages = map { ($_ => 1) } slurp('script/setup') =~ /=((?:lib|perl)[\w-]*)/g;
like $reasons, qr/`\Q$_\E`/, "docs/dependencies.md has the package $_" for sort keys %packages;

done_testing;
