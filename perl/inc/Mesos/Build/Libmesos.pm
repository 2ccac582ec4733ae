package Mesos::Build::Libmesos;

# Looks for libmesos and its headers, as the original module's Makefile.PL did, by compiling and linking small programs. Each
# driver class is linked on its own: one unresolved symbol would keep a whole shared object from loading.
# Loads core modules only.

use strict;
use warnings;
use Config;
use File::Spec;
use File::Temp ();

# Where packages put headers; libraries are beside, in lib.
our @SYSTEM = qw(/usr/include /usr/local/include);

my %PROGRAM = (
    headers => <<'END',
#include <mesos/mesos.hpp>
#include <mesos/version.hpp>
#include <google/protobuf/stubs/common.h>
#if GOOGLE_PROTOBUF_VERSION < 2005000
#error "protobuf's headers are older than 2.5.0"
#endif
int main() { return 0; }
END
    scheduler => <<'END',
#include <mesos/scheduler.hpp>
int main(int argc, char **argv) {
  return argc > 9 ? mesos::MesosSchedulerDriver(nullptr, mesos::FrameworkInfo(), argv[0], false).start() : 0;
}
END
    executor => <<'END',
#include <mesos/executor.hpp>
int main(int argc, char **) { return argc > 9 ? mesos::MesosExecutorDriver(nullptr).start() : 0; }
END
);

# What `perl Build.PL OPTIONS` wants: 'look', 'insist' (--libmesos) or 'never' (--no-libmesos); takes the option away.
sub wanted {
    my ($options) = @_;
    my $wanted = 'look';
    @$options = grep {
        my $ours = /\A--(no-)?libmesos\z/;
        $wanted = $1 ? 'never' : 'insist' if $ours;
        !$ours;
    } @$options;
    return $wanted;
}

# Looks in one place after another, as wanted. Returns { version, cxxflags, ldflags, halves => [...], default, said } where it is,
# else { said }, and dies with the compiler's words where it must be.
sub find {
    my ($wanted) = @_;
    return {said => 'libmesos: not looked for (--no-libmesos)'} if $wanted eq 'never';
    my @why;
    for my $place (places()) {
        my $found = _try($place, \@why) or next;
        my $asked = $wanted eq 'insist' || grep { defined && length } @ENV{qw(PERL_MESOS_INCLUDE PERL_MESOS_LIB)};
        $found->{default} = $asked ? 'libmesos' : 'native';
        my @lacking = grep { my $half = $_; !grep { $_ eq $half } @{$found->{halves}} } qw(scheduler executor);
        $found->{said} = "libmesos $found->{version} ($place->{name}): built in beside the native drivers; default: $found->{default}"
            . join '', map {"\n  its library has no $_ driver, only the native one is there"} @lacking;
        return $found;
    }
    push @why, 'no headers: mesos/mesos.hpp is in none of ' . join(', ', @SYSTEM) . ', pkg-config knows no package "mesos", and '
        . 'neither PERL_MESOS_INCLUDE nor PERL_MESOS_LIB is set' unless @why;
    die join "\n", 'you asked for libmesos (--libmesos), but it cannot be used:', @why, '' if $wanted eq 'insist';
    return {said => 'libmesos: not found, the native drivers only'
            . (_given() ? " (PERL_MESOS_INCLUDE or PERL_MESOS_LIB are set; perl Build.PL --libmesos says why)" : '')};
}

# Where to look, as [name, flags of the compiler, flags of the linker]. With the variables of the original set, there only.
sub places {
    my ($include, $lib) = map { defined && length ? File::Spec->rel2abs($_) : undef } @ENV{qw(PERL_MESOS_INCLUDE PERL_MESOS_LIB)};
    my $link = $lib ? "-L$lib -Wl,-rpath,$lib -lmesos" : '-lmesos';
    if ($include || $lib) {
        my @includes = $include ? $include : _with_headers();
        return map { _place("$_, " . ($lib || 'the linker\'s folders'), "-isystem $_", $link) } @includes ? @includes : '/usr/include';
    }
    # The compiler looks into /usr/include by itself, and named as a folder of its own it breaks #include_next.
    my @places = map { _system_place($_) } _with_headers();
    my ($cflags, $libs) = map { _output(qw(pkg-config), $_, 'mesos') } qw(--cflags --libs);
    push @places, _place('pkg-config mesos', $cflags, $libs) if defined $cflags && defined $libs;
    return @places;
}

sub _system_place {
    my ($include) = @_;
    return _place($include, '', '-lmesos') if $include eq '/usr/include';
    (my $lib = $include) =~ s{include\z}{lib};
    return _place($include, "-isystem $include", "-L$lib -Wl,-rpath,$lib -lmesos");
}

sub _place { return {name => $_[0], cxxflags => $_[1], ldflags => $_[2]} }

sub _given { return scalar grep { defined && length } @ENV{qw(PERL_MESOS_INCLUDE PERL_MESOS_LIB)} }

sub _with_headers { return grep { -e "$_/mesos/mesos.hpp" } @SYSTEM }

# The variables for cargo, which src/libmesos/compile.rs reads. Always all of them: what the user's shell has is in them already.
sub environment {
    my ($found) = @_;
    return (
        PERL_MESOS_CXXFLAGS => $found->{cxxflags} || ' ',
        PERL_MESOS_LDFLAGS => $found->{ldflags},
        PERL_MESOS_DEFAULT_DRIVER => $found->{default},
    );
}

# The shared objects that the build then makes beside libmesos_perl.so.
sub objects {
    my ($found) = @_;
    return map {"libmesos_perl_$_.so"} @{$found->{halves} || []};
}

# A place's description if its headers compile and at least one driver links, else nothing, and why in @$why.
sub _try {
    my ($place, $why) = @_;
    my @compile = ('-fPIC', split ' ', $place->{cxxflags});
    my $version = _version(@compile);
    my (undef, $problem) = _object('headers', @compile);
    if ($problem || !defined $version) {
        push @$why, "$place->{name}: " . ($problem || 'mesos/version.hpp says no MESOS_VERSION');
        return;
    }
    # Compiled once: Mesos' headers are slow.
    my (%objects, %problems);
    ($objects{$_}, $problems{$_}) = _object($_, @compile) for qw(scheduler executor);
    # Some libmesos hold protobuf themselves, some want the system's.
    for my $link ($place->{ldflags}, "$place->{ldflags} -lprotobuf") {
        my %said = map { ($_ => $problems{$_} || _links($_, $objects{$_}, split ' ', $link)) } keys %objects;
        my @halves = grep { !$said{$_} } qw(scheduler executor);
        return {%$place, ldflags => $link, version => $version, halves => \@halves} if @halves;
        push @$why, map {"$place->{name}: $said{$_}"} sort keys %said if $link eq $place->{ldflags};
    }
    return;
}

# (object file, nothing) of a program, or (nothing, what the compiler said).
sub _object {
    my ($name, @flags) = @_;
    my $folder = File::Temp::tempdir(CLEANUP => 1);
    my ($source, $object) = map { File::Spec->catfile($folder, "$name.$_") } qw(cc o);
    open my $out, '>', $source or die "Cannot write $source: $!\n";
    print $out $PROGRAM{$name};
    close $out or die "Cannot write $source: $!\n";
    my ($said, $status) = _run(_cxx(), @flags, '-c', $source, '-o', $object);
    return $status == 0 ? ($object, undef) : (undef, "the program for $name does not compile:\n$said");
}

# Nothing when the object links, else what the linker said.
sub _links {
    my ($name, $object, @flags) = @_;
    my ($said, $status) = _run(_cxx(), $object, @flags, '-o', "$object.program");
    return $status == 0 ? undef : "the program for $name does not link:\n$said";
}

sub _version {
    my (@flags) = @_;
    my ($said, $status) = _run(_cxx(), @flags, '-E', '-P', 'src/libmesos/version.cc');
    return $status == 0 && $said =~ /^mesos_perl_version\s+"([^"]+)"/m ? $1 : undef;
}

sub _cxx { return split ' ', $ENV{CXX} || 'c++' }

sub _output {
    my (@command) = @_;
    my ($said, $status) = _run(@command);
    return $status == 0 && $said =~ /\S/ ? join ' ', split ' ', $said : undef;
}

# (all output, exit status) of a command without a shell.
sub _run {
    my (@command) = @_;
    my $pid = open my $out, '-|';
    defined $pid or die "Cannot fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec {$command[0]} @command or do { print "$command[0]: $!\n"; require POSIX; POSIX::_exit(127) };
    }
    my $said = do { local $/; <$out> };
    close $out;
    return (defined $said ? $said : '', $?);
}

1;
