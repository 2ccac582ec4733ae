# Build.PL on machines that lack something: what it says, how it ends, and that it leaves no Build file.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(output_of);
use Test::More;
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

my $top = getcwd();
my $scratch = tempdir(CLEANUP => 1);

# As much of the distribution as Build.PL reads.
make_path(map {"$scratch/$_"} qw(perl/inc/Mesos/Build perl/lib bin));
copy($_, "$scratch/$_") or die "cannot copy $_: $!"
    for qw(Build.PL Cargo.toml cpanfile perl/lib/Mesos.pm perl/inc/Mesos/Build.pm), glob 'perl/inc/Mesos/Build/*.pm';

make_path("$scratch/src/libmesos");
copy('src/libmesos/version.cc', "$scratch/src/libmesos") or die "cannot copy version.cc: $!";

# A program in bin/ that says only its version.
sub fake {
    my ($name, $said) = @_;
    open my $out, '>', "$scratch/bin/$name" or die $!;
    print $out "#!/bin/sh\necho '$said'\n";
    close $out;
    chmod 0755, "$scratch/bin/$name" or die $!;
}

# (exit status, output) of Build.PL in an environment.
sub build_pl {
    my ($environment, @options) = @_;
    local %ENV = (PATH => '/usr/bin:/bin', HOME => $scratch, %$environment);
    chdir $scratch or die $!;
    unlink 'Build';
    my ($said, $status) = output_of($^X, (grep { !/^--/ } @options), 'Build.PL', grep {/^--/} @options);
    chdir $top or die $!;
    return ($status >> 8, $said);
}

{
    my ($status, $said) = build_pl({CARGO => "$scratch/bin/none"});
    is $status, 0, 'no Rust: exit status 0';
    like $said, qr{needs Rust 1\.75 or newer.*bin/none was not found.*rustc-web.*rustup}s, 'says what, and how to get it';
    ok !-e "$scratch/Build", 'no Build';
}

fake(cargo => 'cargo 1.63.0');
fake(rustc => 'rustc 1.63.0 (4b91a6ea7 2022-08-08)');
{
    my ($status, $said) = build_pl({CARGO => "$scratch/bin/cargo"});
    is $status, 0, 'Rust too old: exit status 0';
    like $said, qr/1\.75 or newer.*is version 1\.63\.0/s, 'says so';
    ok !-e "$scratch/Build", 'no Build';
}

fake(rustc => 'rustc 1.75.0 (82e1608df 2023-12-21)');
{
    my ($status, $said) = build_pl({CARGO => "$scratch/bin/cargo"});
    is $status, 0, 'Rust just new enough';
    ok -x "$scratch/Build", 'Build is made' or diag $said;
}

make_path("$scratch/.cargo/bin");
rename "$scratch/bin/$_", "$scratch/.cargo/bin/$_" or die $! for qw(cargo rustc);
fake(cargo => 'cargo 1.63.0');
fake(rustc => 'rustc 1.63.0');
{
    my ($status, $said) = build_pl({PATH => "$scratch/bin:/usr/bin:/bin"});
    ok -x "$scratch/Build", 'a good Rust of rustup is taken before an old one in PATH' or diag $said;
}

# A perl that cannot find some modules: a hook in @INC that refuses them.
sub without {
    my @modules = @_;
    open my $out, '>', "$scratch/Refuse.pm" or die $!;
    my $files = join ' ', map { (my $file = "$_.pm") =~ s{::}{/}g; $file } @modules;
    print $out "package Refuse; my %no = map { (\$_ => 1) } qw($files); unshift \@INC, sub { die qq(no \$_[1]\\n) if \$no{\$_[1]} }; 1;\n";
    close $out;
    return ("-I$scratch", '-MRefuse');
}
{
    my ($status, $said) = build_pl({}, without('Module::Build'));
    isnt $status, 0, 'no Module::Build: fails';
    like $said, qr/^\s+Module::Build \S+\s+Debian: libmodule-build-perl$/m, 'and names the package';
    ok !-e "$scratch/Build", 'no Build';
}
{
    my ($status, $said) = build_pl({}, without('Moo', 'AnyEvent'));
    is $status, 0, 'no Moo: goes on, CPAN clients install it';
    like $said, qr/^\s+AnyEvent\s+Debian: libanyevent-perl$/m, 'names the package';
    like $said, qr/^\s+Moo \S+\s+Debian: libmoo-perl$/m, 'and that of the other module';
    ok -x "$scratch/Build", 'Build is made';
}
{
    my ($status, $said) = build_pl({}, without('ExtUtils::CBuilder'));
    is $status, 0, 'no C compiler: exit status 0';
    like $said, qr/working C compiler.*Debian: gcc libc6-dev/, 'says so';
    ok !-e "$scratch/Build", 'no Build';
}

{
    my ($status, $said) = build_pl({CARGO => "$scratch/bin/none"}, without('Module::Build', 'ExtUtils::CBuilder'));
    isnt $status, 0, 'nothing is there: fails';
    like $said, qr/Debian: libmodule-build-perl\n.*working C compiler.*needs Rust/s, 'and says all of it at once';
}

{
    my %nowhere = (PERL_MESOS_INCLUDE => "$scratch/nowhere", PERL_MESOS_LIB => "$scratch/nowhere");
    my ($status, $said) = build_pl({%nowhere}, '--libmesos');
    isnt $status, 0, '--libmesos without one: fails';
    like $said, qr{asked for libmesos \(--libmesos\).*mesos/mesos\.hpp}s, "with the compiler's words";
    ok !-e "$scratch/Build", 'no Build';
    # Where it would be by itself, unless this machine has one.
    if (!grep { -e "$_/mesos/mesos.hpp" } qw(/usr/include /usr/local/include)) {
        ($status, $said) = build_pl({PKG_CONFIG_LIBDIR => "$scratch/nowhere"}, '--libmesos');
        isnt $status, 0, '--libmesos without headers anywhere: fails';
        like $said, qr{cannot be used:\nno headers: mesos/mesos\.hpp is in none of /usr/include, .*pkg-config}, 'and says why';
        ok !-e "$scratch/Build", 'no Build';
    }
    ($status, $said) = build_pl({%nowhere});
    is $status, 0, 'not asked for: goes on';
    like $said, qr/^libmesos: not found, the native drivers only/m, 'and says so';
    ok -x "$scratch/Build", 'Build is made';
    ($status, $said) = build_pl({%nowhere, CXX => "$scratch/bin/none"}, '--no-libmesos');
    like $said, qr/^libmesos: not looked for/m, '--no-libmesos';
    ok -x "$scratch/Build", 'Build is made';
}

done_testing;
