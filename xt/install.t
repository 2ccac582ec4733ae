# The ways from the distribution to an installation: dist, unpack, build, test, install; then without the sources, load.
# Slow: compiles the crate. Run from the top of a checkout in which `./Build` has been run: prove -b xt/install.t
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(output_of);
use Test::More;
use Config;
use Cwd qw(getcwd);
use File::Find ();
use File::Path qw(remove_tree);
use File::Spec;
use File::Temp qw(tempdir);
use JSON::PP ();

my $top = getcwd();
-x 'Build' or BAIL_OUT('run perl Build.PL && ./Build first');

# What the unpacked distribution must not find: this checkout.
delete @ENV{qw(PERL5LIB PERL5OPT)};
my $scratch = tempdir(CLEANUP => 1);

# Runs a command in a folder; its output is shown only when it fails.
sub run_in {
    my ($folder, $name, @command) = @_;
    chdir $folder or die "cannot enter $folder: $!";
    my ($said, $status) = output_of(@command);
    chdir $top or die "cannot return to $top: $!";
    is $status, 0, $name or diag $said;
    return $said;
}

sub files_below {
    my ($folder) = @_;
    my %files;
    File::Find::find({no_chdir => 1, wanted => sub { $files{File::Spec->abs2rel($_, $folder)} = 1 if -f }}, $folder);
    return \%files;
}

# What compilers, editors and crashes leave beside the sources.
my @leftovers = qw(t/core.1234 src/lib.rs.bk perl/message.gcno t/.channel.t.swp);
for my $name (@leftovers) { open my $out, '>', $name or die "cannot write $name: $!" }
END { unlink map {"$top/$_"} @leftovers if $top }

# As a Python environment has them: two ways to one folder.
mkdir 'target';
my $twice = tempdir(DIR => 'target', CLEANUP => 1);
mkdir "$twice/lib" or die $!;
symlink 'lib', "$twice/lib64" or die $!;

# Made here, since `dist` writes into the current folder.
my $had_manifest = -e 'MANIFEST';
run_in($top, 'dist', $^X, 'Build', 'dist');
my ($archive) = glob 'Mesos-*.tar.gz';
is $archive, 'Mesos-2.0.0.tar.gz', 'the archive has the plain version' or BAIL_OUT('no archive');
rename $archive, "$scratch/$archive" or die "cannot move $archive: $!";
unlink 'MANIFEST', glob('META.*') unless $had_manifest;
run_in($scratch, 'unpack', 'tar', 'xzf', $archive);
my $source = "$scratch/Mesos-2.0.0";

my $files = files_below($source);
ok $files->{$_}, "the archive has $_"
    for qw(Build.PL Cargo.lock Cargo.toml Changes LICENSE MANIFEST META.json META.yml cpanfile build.rs include/mesos_perl.h
    perl/Mesos.xs perl/inc/Mesos/Build.pm perl/lib/Mesos.pm perl/lib/Mesos/TaskInfo.pod proto/mesos.proto src/lib.rs t/00_load.t);
is_deeply [grep {m{^(?:target|blib|_build|\.git|\.ci)/|\.o$|^perl/Mesos\.c$}} sort keys %$files], [], 'and nothing that is made';
is_deeply [grep { $files->{$_} } @leftovers], [], 'or left over';

open my $in, '<', "$source/META.json" or die $!;
my $meta = JSON::PP::decode_json(do { local $/; <$in> });
is $meta->{'meta-spec'}{version}, 2, 'META.json version 2';
is_deeply $meta->{license}, ['perl_5'], 'licence';
is $meta->{provides}{Mesos}{file}, 'perl/lib/Mesos.pm', 'provides where Mesos is';
my @modules = grep {m{^perl/lib/.*\.pm$}} keys %$files;
my %provided = map { ($_->{file} => 1) } values %{$meta->{provides}};
is_deeply [grep { !$provided{$_} } @modules], [], 'provides every module';
# Module::Build writes a v before it.
is_deeply [grep { version->parse($meta->{provides}{$_}{version} || 0) != version->parse('v2.0.0') } sort keys %{$meta->{provides}}], [], 'each with its version';
ok $meta->{resources}{$_}, "resources: $_" for qw(bugtracker homepage license);
is_deeply [grep { $_ eq 't' } @{$meta->{no_index}{directory}}], [], 'nobody need hide tests';
unlike(JSON::PP->new->encode($meta), qr/localhost|\b10\.\d+\.\d+\.\d+|\.internal\b/, 'no hosts of a workplace');

# With MESOS_TEST_INSTALL=short only tests that start programs, modules or examples of the distribution run once more.
my @tests = ($ENV{MESOS_TEST_INSTALL} || '') eq 'short' ? map { ('--test_files', "t/$_.t") } qw(00_load cluster command_run examples tutorial) : ();
if (-e '.git') {
    chomp(my @tracked = `git ls-files t`);
    is_deeply [grep { !$files->{$_} } @tracked], [], 'the archive has every file of the tests';
}

# Compiled dependencies are used again, at first a copy of this checkout's; the crate itself is compiled for its new place.
{
    my $target = File::Spec->rel2abs($ENV{CARGO_TARGET_DIR} || 'target');
    local $ENV{CARGO_TARGET_DIR} = "$target/xt-install";
    if (-d "$target/release" && !-e "$target/xt-install/release") {
        mkdir "$target/xt-install";
        run_in($top, 'the dependencies', 'cp', '-a', "$target/release", "$target/xt-install/release");
    }
    run_in($source, 'Build.PL', $^X, 'Build.PL');
    run_in($source, 'Build', $^X, 'Build');
    my $said = run_in($source, 'Build test', $^X, 'Build', 'test', @tests);
    like $said, qr/^Result: PASS/m, 'the tests pass';
    unlike run_in($source, 'Build again', $^X, 'Build'), qr/\.o\b/, 'a second Build compiles no C';
    my $later = time + 2;
    utime $later, $later, "$source/include/mesos_perl.h";
    like run_in($source, 'Build with a newer header', $^X, 'Build'), qr{-o perl/Mesos\.o}, 'compiles C again';

    my $size_of = sub { my $all = 0; $all += -s "$source/$_" for map {"blib/arch/auto/Mesos/$_"} qw(Mesos.so libmesos_perl.so mesos-local); $all };
    my $has_debug = sub { my $sections = run_in($source, 'readelf', 'readelf', '-SW', "blib/arch/auto/Mesos/$_[0]"); $sections =~ /\.debug_info\b/ };
    my $stripped = $size_of->();
    # Three files, one of them the whole core.
    cmp_ok $stripped, '<', 11e6, 'what is installed has no debug information' or diag $stripped;
    ok !$has_debug->($_), "$_ has none" for qw(Mesos.so libmesos_perl.so mesos-local);
    run_in($source, 'Build.PL --debug', $^X, 'Build.PL', '--debug');
    run_in($source, 'Build with it', $^X, 'Build');
    cmp_ok $size_of->(), '>', $stripped, '--debug keeps it';
    ok $has_debug->('libmesos_perl.so'), 'libmesos_perl.so has it';
    run_in($source, 'Build.PL again', $^X, 'Build.PL');
    run_in($source, 'Build without it', $^X, 'Build');
    is $size_of->(), $stripped, 'and it goes again';

    run_in($source, 'install --install_base', $^X, 'Build', 'install', '--install_base', "$scratch/base");
    run_in($source, 'install --prefix', $^X, 'Build', 'install', '--prefix', "$scratch/prefix");
    run_in($source, 'install --destdir', $^X, 'Build', 'install', '--destdir', "$scratch/destdir");

    # As with sudo: root often has no Rust.
    local $ENV{PATH} = '/usr/bin:/bin';
    local $ENV{HOME} = "$scratch/nobody";
    delete local $ENV{CARGO_HOME};
    unlike run_in($source, 'install without Rust in PATH', $^X, 'Build', 'install', '--install_base', "$scratch/sudo"),
        qr/^\S*cargo rustc/m, 'installs what is built without cargo';
}
remove_tree($source);
ok !-e $source, 'the sources are gone';

# A framework on the embedded cluster, with a task and an executor in Perl, which has to find the installed module too.
my $framework = <<'END';
use strict;
use warnings;
use Mesos::SchedulerDriver;
package Framework;
use Moo;
extends 'Mesos::Scheduler';
has ended => (is => 'ro', default => sub { {} });
sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    my %task = (slave_id => $offers->[0]{slave_id}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}]);
    my $executor = {executor_id => {value => 'e'}, name => 'e', command => {value => "$^X $ARGV[0]"}};
    $driver->launchTasks([$offers->[0]{id}], $self->{launched}++ ? [] : [
        {%task, task_id => {value => 'command'}, name => 'c', command => {value => 'exit 0'}},
        {%task, task_id => {value => 'custom'}, name => 'e', executor => $executor},
    ]);
}
sub statusUpdate {
    my ($self, $driver, $update) = @_;
    $self->ended->{"$update->{task_id}{value} $update->{state}"}++ if $update->{state} > 1;
    $driver->stop if keys %{ $self->ended } == 2;
}
package main;
my $scheduler = Framework->new;
Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => $scheduler)->run;
print join(', ', sort keys %{ $scheduler->ended }), "\n";
END
my $executor = <<'END';
use strict;
use warnings;
use Mesos::ExecutorDriver;
package Executor;
use Moo;
extends 'Mesos::Executor';
sub launchTask { my ($self, $driver, $task) = @_; $driver->sendStatusUpdate({task_id => $task->{task_id}, state => 2}) }
sub shutdown { my ($self, $driver) = @_; $driver->stop }
package main;
Mesos::ExecutorDriver->new(executor => Executor->new)->run;
END
for my $file ([framework => $framework], [executor => $executor]) {
    open my $out, '>', "$scratch/$file->[0].pl" or die $!;
    print $out $file->[1];
    close $out or die $!;
}

my $program = 'print "$INC{q(Mesos.pm)} $Mesos::VERSION\n"';
for my $installed (qw(base prefix destdir sudo)) {
    my $root = "$scratch/$installed";
    my $there = files_below($root);
    my ($module) = grep {m{(?:^|/)Mesos\.pm$}} sort keys %$there;
    my ($shared) = grep {m{/auto/Mesos/Mesos\.$Config{dlext}$}} sort keys %$there;
    ok $module && $shared, "$installed: Mesos.pm and the shared object" or next;
    # With XS code all of a distribution goes below the folder for this architecture.
    (my $lib = "$root/$module") =~ s{/Mesos\.pm$}{};
    (my $auto = "$root/$shared") =~ s{/[^/]*$}{};
    my ($local) = grep {m{(?:^|/)bin/mesos-local$}} sort keys %$there;
    ok -x "$auto/mesos-local" && $local && -x "$root/$local", "$installed: mesos-local, for the module and for users";
    is run_in('/', "$installed: mesos-local runs", "$root/$local", '--version'), "mesos-local 2.0.0\n", "$installed: and finds what it needs by itself" if $local;
    ok -s "$auto/libmesos_perl.so", "$installed: the core";
    my ($command) = grep {m{(?:^|/)bin/mesos-perl$}} sort keys %$there;
    ok $command && -x "$root/$command", "$installed: mesos-perl";
    my @include = $installed eq 'base' || $installed eq 'sudo' ? ("-I$root/lib/perl5") : ("-I$lib");
    like run_in('/', "$installed: loads", $^X, @include, '-MMesos::SchedulerDriver', '-e', $program),
        qr/^\Q$lib\E\/Mesos\.pm 2\.0\.0$/, "$installed: and it is that one";
    is run_in('/', "$installed: a framework on the embedded cluster", 'timeout', 120, $^X, @include, "$scratch/framework.pl", "$scratch/executor.pl"),
        "command 2, custom 2\n", "$installed: the helper is found, and the executor finds the module";
    is run_in('/', "$installed: mesos-perl runs", $^X, @include, "$root/$command", 'version', '--client', '--no-header'), "mesos-perl\t2.0.0\t\n", "$installed: and has its modules"
        if $command;
    is_deeply [grep {/\.o$|Mesos\.(?:xs|c)$|\.rs$/} keys %$there], [], "$installed: no sources";
}

done_testing;
