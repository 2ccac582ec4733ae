package Mesos::Build::Cargo;

# The Rust half of the build: finding a toolchain that is new enough, running cargo, and learning what it made.

use strict;
use warnings;
use File::Basename ();
use File::Spec;

# The crate's `rust-version`, e.g. "1.75": Cargo.toml is the only place that says it.
sub wanted_version {
    open my $in, '<', 'Cargo.toml' or die "Cannot read Cargo.toml: $!\n";
    while (<$in>) {
        return $1 if /^rust-version\s*=\s*"([\d.]+)"/;
    }
    die "Cargo.toml has no rust-version\n";
}

# (path of cargo, undef) or (undef, why there is none that will do).
# Looked for in $CARGO, PATH, and where rustup puts it, for shells that have not read its `env` file; the first good one counts.
sub find {
    my $wanted = wanted_version();
    my @homes = map {"$_/bin"} grep { defined && length } $ENV{CARGO_HOME}, (defined $ENV{HOME} ? "$ENV{HOME}/.cargo" : ());
    my @candidates = $ENV{CARGO} ? _in($ENV{CARGO}, File::Spec->path) : _in('cargo', File::Spec->path, @homes);
    my $why = $ENV{CARGO} ? "$ENV{CARGO} was not found" : 'cargo was not found';
    for my $cargo (map { File::Spec->rel2abs($_) } @candidates) {
        local $ENV{PATH} = path_with($cargo);
        my $rustc = $ENV{RUSTC} || 'rustc';
        my $version = _version($rustc);
        if (!defined _version($cargo)) { $why = "$cargo does not work" }
        elsif (!defined $version) { $why = "$rustc was not found or does not work" }
        elsif (_number($version) < _number($wanted)) { $why = "$rustc for $cargo is version $version" }
        else { return ($cargo, undef) }
    }
    return (undef, $why);
}

# What a person without a toolchain is told. `$why` comes from find().
sub advice {
    my ($why) = @_;
    my $wanted = wanted_version();
    return <<"END";
Mesos needs Rust $wanted or newer to build its core: $why.
  Debian 12:                 apt-get install rustc-web cargo-web
  Debian 13, Ubuntu 24.04:   apt-get install rustc cargo
  everywhere else:           https://rustup.rs
Set CARGO (and RUSTC) for a toolchain that is not in PATH, then run perl Build.PL again.
END
}

# Builds the shared object and returns { library => path, out => folder } of what was made or was still fresh; `out` is where the build
# script puts what it makes. `@features` are the crate's.
# Cargo's progress goes to the terminal; its answers come as JSON, so that any target directory or target triple is right.
sub build {
    my ($cargo, @features) = @_;
    my @options = qw(--locked --lib --crate-type cdylib --message-format=json-render-diagnostics);
    my $profile = length($ENV{PERL_MESOS_PROFILE} // '') ? $ENV{PERL_MESOS_PROFILE} : 'release';
    my @command = ($cargo, 'rustc', '--profile', $profile, @options, map { ('--features', $_) } @features);
    print "@command\n";
    local $ENV{PATH} = path_with($cargo);
    open my $answers, '-|', @command or die "Cannot run $cargo: $!\n";
    require JSON::PP;
    my %made;
    while (my $line = <$answers>) {
        next unless $line =~ /^\{/;
        my $answer = JSON::PP::decode_json($line);
        $made{out} = $answer->{out_dir} if ($answer->{reason} || '') eq 'build-script-executed' && $answer->{package_id} =~ /\bmesos-perl\b/;
        next unless ($answer->{reason} || '') eq 'compiler-artifact';
        my $kinds = join ' ', @{$answer->{target}{kind}};
        if ($answer->{target}{name} eq 'mesos_perl' && $kinds =~ /\bcdylib\b/) {
            ($made{library}) = grep {/\.(?:so|dylib|dll)$/} @{$answer->{filenames}};
        }
    }
    close $answers or die "cargo failed\n";
    $made{library} or die "cargo did not say where it put the library\n";
    return \%made;
}

# PATH in which cargo finds the rustc beside it.
sub path_with {
    my ($cargo) = @_;
    return join ':', File::Basename::dirname($cargo), (defined $ENV{PATH} ? $ENV{PATH} : ());
}

# The executables of this name in these folders, or the one that the name is the path of.
sub _in {
    my ($name, @folders) = @_;
    return grep { -x && !-d } $name =~ m{/} ? $name : map { File::Spec->catfile($_, $name) } @folders;
}

sub _version {
    my ($program) = @_;
    my $said = '';
    open my $saved, '>&', \*STDERR or return;
    open STDERR, '>', File::Spec->devnull;
    if (open my $out, '-|', $program, '--version') {
        local $/;
        $said = <$out>;
        close $out or $said = '';
    }
    open STDERR, '>&', $saved;
    return defined $said && $said =~ /(\d+\.\d+(?:\.\d+)?)/ ? $1 : undef;
}

sub _number {
    my ($major, $minor, $patch) = split /\./, $_[0];
    return $major * 1_000_000 + ($minor || 0) * 1_000 + ($patch || 0);
}

1;
