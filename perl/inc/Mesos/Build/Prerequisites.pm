package Mesos::Build::Prerequisites;

# What must be on the machine before anything is built, and how Debian calls it.
# Loads core modules only: it runs before it is known whether Module::Build is there.

use strict;
use warnings;
use Config;
use File::Spec;

# Debian's package of each Perl module that is not in Debian's `perl` itself.
my %DEBIAN = (
    'AnyEvent' => 'libanyevent-perl',
    'Async::Interrupt' => 'libasync-interrupt-perl',
    'EV' => 'libev-perl',
    'IO::Async' => 'libio-async-perl',
    'IO::Socket::SSL' => 'libio-socket-ssl-perl',
    'Module::Build' => 'libmodule-build-perl',
    'Module::Runtime' => 'libmodule-runtime-perl',
    'Mojolicious' => 'libmojolicious-perl',
    'Moo' => 'libmoo-perl',
    'POE' => 'libpoe-perl',
    'Test::LeakTrace' => 'libtest-leaktrace-perl',
    'Test::Pod' => 'libtest-pod-perl',
    'Test::Pod::Coverage' => 'libtest-pod-coverage-perl',
    'Type::Tiny' => 'libtype-tiny-perl',
    'namespace::autoclean' => 'libnamespace-autoclean-perl',
);

# cpanfile as { phases => { PHASE => { requires|recommends => { MODULE => VERSION } } },
# features => { NAME => { description, requires => {...} } } }. The file is Perl; these five words are all that it uses.
sub cpanfile {
    my ($file) = @_;
    my %found = (phases => {}, features => {});
    our $into;
    local $into = $found{phases}{runtime} = {};
    my $add = sub { my ($kind, $module, $version) = @_; $into->{$kind}{$module} = $version || 0 };
    no warnings 'once';
    local *Mesos::Build::Cpanfile::requires = sub { $add->('requires', @_) };
    local *Mesos::Build::Cpanfile::recommends = sub { $add->('recommends', @_) };
    local *Mesos::Build::Cpanfile::on = sub {
        my ($phase, $body) = @_;
        local $into = $found{phases}{$phase} ||= {};
        $body->();
    };
    local *Mesos::Build::Cpanfile::feature = sub {
        my ($name, $description, $body) = @_;
        local $into = $found{features}{$name} = {description => $description};
        $body->();
    };
    open my $in, '<', $file or die "Cannot read $file: $!\n";
    my $text = do { local $/; <$in> };
    eval "package Mesos::Build::Cpanfile; use strict; no strict 'subs';\n#line 1 \"$file\"\n$text; 1" or die $@;
    return \%found;
}

# cpanfile's features as META.json has them.
sub optional_features {
    my ($cpanfile) = @_;
    my %features;
    while (my ($name, $feature) = each %{$cpanfile->{features}}) {
        $features{$name} = {
            description => $feature->{description},
            prereqs => {runtime => {requires => $feature->{requires}}},
        };
    }
    return \%features;
}

# A line for each module of { MODULE => VERSION } that cannot be loaded, with the Debian package that holds it.
sub missing_modules {
    my ($wanted) = @_;
    my @missing;
    for my $module (sort keys %$wanted) {
        next if $module eq 'perl';
        (my $file = "$module.pm") =~ s{::}{/}g;
        next if eval { require $file; $module->VERSION($wanted->{$module}) if $wanted->{$module}; 1 };
        my $version = $wanted->{$module} ? " $wanted->{$module}" : '';
        push @missing, sprintf '  %-30s Debian: %s', "$module$version", $DEBIAN{$module} || 'perl';
    }
    return @missing;
}

# What a C compilation for Perl lacks: one line a thing, or nothing.
sub missing_compiler {
    my @missing;
    my $core = File::Spec->catfile($Config{archlibexp}, 'CORE', 'perl.h');
    push @missing, "  Perl's headers ($core)  Debian: libperl-dev" unless -e $core;
    my $have = eval {
        require ExtUtils::CBuilder;
        open my $saved, '>&', \*STDERR or die $!;
        open STDERR, '>', File::Spec->devnull or die $!;
        my $able = ExtUtils::CBuilder->new(quiet => 1)->have_compiler;
        open STDERR, '>&', $saved or die $!;
        $able;
    };
    push @missing, "  a working C compiler ($Config{cc})  Debian: gcc libc6-dev" unless $have;
    return @missing;
}

1;
