package Mesos::Build;

# Module::Build for this distribution's layout: Perl under perl/lib, C under perl, a Rust crate at the top.
# Everything that Perl loads lies in auto/Mesos/: Mesos.so, libmesos_perl.so (found through the rpath $ORIGIN) and the program
# mesos-local, which loads the same library, so that they find each other wherever they are installed.

use strict;
use warnings;
use parent 'Module::Build';
use ExtUtils::Manifest ();
use ExtUtils::ParseXS ();
use File::Copy ();
use File::Find ();
use File::Path ();
use File::Spec;
use Module::Metadata ();
use Mesos::Build::Cargo;
use Mesos::Build::Libmesos;

my $XS = 'perl/Mesos.xs';

# --- where things are ------------------------------------------------------------------------------------------------

sub find_pm_files { $_[0]->_below_perl_lib('pm') }
sub find_pod_files { $_[0]->_below_perl_lib('pod') }
sub find_xs_files { {} }

# "2.0.0", as Mesos.pm and the crate have it: Module::Build writes "v2.0.0" of the same version.
sub dist_version {
    my ($self, @set) = @_;
    my $version = $self->SUPER::dist_version(@set);
    $version =~ s/^v// if defined $version;
    return $version;
}

# { perl/lib/X => lib/X }: from the source tree to the place in blib.
sub _below_perl_lib {
    my ($self, $extension) = @_;
    my %files;
    for my $file (@{$self->rscan_dir('perl/lib', qr/(?<!\.)\.$extension$/)}) {
        ($files{$file} = $file) =~ s{^perl/}{};
    }
    return \%files;
}

# `provides` of META: Module::Build's own looks below lib/.
sub find_dist_packages {
    my ($self) = @_;
    my $provides = Module::Metadata->provides(version => 2, dir => 'perl/lib', prefix => 'perl/lib');
    # Only Mesos.pm says one: all are of one distribution.
    $_->{version} = $self->dist_version for grep { !defined $_->{version} } values %$provides;
    return $provides;
}

# --- the build -------------------------------------------------------------------------------------------------------

# Module::Build calls this for the build element `xs`; cargo comes first, since Mesos.so is linked to what it makes.
sub process_xs_files {
    my ($self) = @_;
    my $arch = File::Spec->catdir($self->blib, 'arch', 'auto', 'Mesos');
    File::Path::mkpath($arch);
    $self->_build_crate($arch);
    $self->_build_program($arch);
    my @objects = $self->_compile_c;
    my $shared = File::Spec->catfile($arch, 'Mesos.' . $self->config('dlext'));
    my $library = File::Spec->catfile($arch, 'libmesos_perl.so');
    $self->add_to_cleanup($shared);
    return if $self->up_to_date([@objects, $library], $shared) && !$self->_debug_changed($shared);
    $self->cbuilder->link(
        module_name => 'Mesos',
        objects => \@objects,
        lib_file => $shared,
        extra_linker_flags => [@{$self->extra_linker_flags}, "-L$arch", '-lmesos_perl', '-Wl,-rpath,$ORIGIN'],
    );
    $self->_strip($shared) unless $self->notes('debug');
    $self->notes("debug of $shared" => $self->notes('debug'));
}

# Whether this was made with another --debug than that of today.
sub _debug_changed { my ($self, $file) = @_; return !$self->notes("debug of $file") ne !$self->notes('debug') }

# Debug information is two thirds of what rustc writes. Whoever wants it says `perl Build.PL --debug`; packagers do, and put it elsewhere.
sub _strip {
    my ($self, $file) = @_;
    chmod 0755, $file;
    my ($strip) = grep { -x && !-d } map { File::Spec->catfile($_, 'strip') } File::Spec->path;
    if (!$strip) { $self->log_warn("There is no program strip here: $file keeps its debug information\n"); return }
    system($strip, '--strip-unneeded', $file) == 0 or $self->log_warn("$strip failed: $file keeps its debug information\n");
    chmod 0555, $file;
    return;
}

# Runs cargo and puts what it made into `$arch`.
# `./Build install` as another user (sudo) leaves cargo alone when nothing has changed since: root often has no Rust.
sub _build_crate {
    my ($self, $arch) = @_;
    my $library = File::Spec->catfile($arch, 'libmesos_perl.so');
    my $libmesos = $self->notes('libmesos') || {};
    my %proxies = map { ($_ => File::Spec->catfile($arch, $_)) } Mesos::Build::Libmesos::objects($libmesos);
    my @sources = ('Cargo.toml', 'Cargo.lock', 'build.rs', map { @{$self->rscan_dir($_, sub {-f})} } grep {-d} 'src');
    return if $self->invoked_action =~ /install/ && $self->up_to_date(\@sources, [$library, values %proxies]);
    my $had_target = -e 'target';
    local %ENV = (%ENV, %proxies ? Mesos::Build::Libmesos::environment($libmesos) : ());
    my $made = Mesos::Build::Cargo::build($self->notes('cargo'), %proxies ? 'libmesos' : ());
    $self->notes(made_target => 1) if !$had_target && -d 'target';
    $self->_copy_exactly($made->{library}, $library);
    $self->_copy_exactly(File::Spec->catfile($made->{out}, $_), $proxies{$_}) for sort keys %proxies;
    # What an earlier build with another libmesos has left.
    unlink grep { my $there = $_; !grep { $_ eq $there } values %proxies } glob File::Spec->catfile($arch, 'libmesos_perl_*.so');
}

# Copies when time or size differ, and keeps the time: with other RUSTFLAGS cargo brings back a file older than blib's.
# The old copy is removed first, since a running program may have it mapped.
sub _copy_exactly {
    my ($self, $from, $to) = @_;
    my @wanted = stat $from or die "Cannot find $from: $!\n";
    my @there = stat $to;
    my $is = join ' ', @wanted[7, 9], $self->notes('debug') ? 'debug' : 'stripped';
    # Stripped, it has another size: what it was copied of is written down.
    return if @there && $there[9] == $wanted[9] && ($self->notes("copied to $to") || '') eq $is;
    unlink $to;
    $self->log_verbose("Copying $from -> $to\n");
    File::Copy::copy($from, $to) or die "Cannot copy $from to $to: $!\n";
    $self->_strip($to) unless $self->notes('debug');
    $self->notes("copied to $to" => $is);
    chmod 0555, $to or die "Cannot change the mode of $to: $!\n";
    utime @wanted[9, 9], $to or die "Cannot change the time of $to: $!\n";
}

# The program in C that loads the library. The one in bin is Perl, and finds it.
sub _build_program {
    my ($self, $arch) = @_;
    my $source = File::Spec->catfile('perl', 'programs', 'mesos-local.c');
    my $program = File::Spec->catfile($arch, 'mesos-local');
    my $object = $self->cbuilder->object_file($source);
    $self->add_to_cleanup($object, $program);
    return if $self->up_to_date([$source, glob 'include/*.h'], $program) && !$self->_debug_changed($program);
    $self->_compile($source, $object);
    $self->cbuilder->link_executable(objects => [$object], exe_file => $program, extra_linker_flags => [@{$self->extra_linker_flags}, '-ldl']);
    $self->_strip($program) unless $self->notes('debug');
    $self->notes("debug of $program" => $self->notes('debug'));
}

# perl/Mesos.xs and every other perl/*.c, to object files. Any header counts for all: they are few and quick to compile.
sub _compile_c {
    my ($self) = @_;
    (my $generated = $XS) =~ s/\.xs$/.c/;
    my @headers = map {glob} qw(perl/*.h include/*.h);
    $self->add_to_cleanup($generated);
    unless ($self->up_to_date([grep {-e} glob('perl/*.xs perl/*.xsi perl/typemap')], $generated)) {
        $self->log_info("$XS -> $generated\n");
        my $parser = ExtUtils::ParseXS->new;
        $parser->process_file(filename => $XS, output => $generated, prototypes => 0);
        die "$XS has errors\n" if $parser->report_error_count;
    }
    my @objects;
    for my $source ($generated, grep { $_ ne $generated } sort(glob 'perl/*.c')) {
        my $object = $self->cbuilder->object_file($source);
        $self->add_to_cleanup($object);
        push @objects, $object;
        next if $self->up_to_date([$source, @headers], $object);
        $self->_compile($source, $object);
    }
    return @objects;
}

sub _compile {
    my ($self, $source, $object) = @_;
    my $version = $self->dist_version;
    $self->cbuilder->compile(
        source => $source,
        object_file => $object,
        include_dirs => ['perl', 'include'],
        defines => {VERSION => qq{"$version"}, XS_VERSION => qq{"$version"}},
        extra_compiler_flags => [@{$self->extra_compiler_flags}, '-Wall'],
    );
}

# --- the distribution ------------------------------------------------------------------------------------------------

# ExtUtils::Manifest's own goes through everything, along symbolic links too, and dies where two lead to one folder, as those of a
# Python environment below target/ do. What MANIFEST.SKIP leaves out need not be looked at.
sub _files {
    my $skips = ExtUtils::Manifest::maniskip();
    my %found;
    my $look = sub {
        (my $name = $File::Find::name) =~ s{^\./}{};
        return if $name eq '.';
        if (-d $name) { $File::Find::prune = 1 if $skips->("$name/") }
        else { $found{$name} = '' }
    };
    File::Find::find({no_chdir => 1, wanted => $look}, '.');
    return \%found;
}

sub _with_our_files {
    my ($self, $action) = @_;
    no warnings 'redefine';
    local *ExtUtils::Manifest::manifind = \&_files;
    return $self->$action;
}

sub ACTION_manifest { $_[0]->_with_our_files('SUPER::ACTION_manifest') }

# MANIFEST is not kept in the repository: MANIFEST.SKIP says what belongs to the distribution.
sub ACTION_distdir {
    my ($self) = @_;
    $self->depends_on('manifest');
    $self->SUPER::ACTION_distdir;
}

sub ACTION_distcheck {
    my ($self) = @_;
    $self->depends_on('manifest');
    $self->_with_our_files('SUPER::ACTION_distcheck');
}

# --- cleaning --------------------------------------------------------------------------------------------------------

# `clean` keeps cargo's target directory: it is what makes the next build quick. `realclean` removes ./target, if `./Build` made it.
sub ACTION_realclean {
    my ($self) = @_;
    my $made_target = $self->notes('made_target');
    $self->SUPER::ACTION_realclean;
    $self->delete_filetree('target') if $made_target;
}

1;
