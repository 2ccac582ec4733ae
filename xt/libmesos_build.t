# Mesos::Build::Libmesos: what it finds in one place or another, and what it says. Needs the stand-in's compiler and protoc.
use strict;
use warnings;
use Test::More;
use lib 'perl/inc';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Mesos::Build::Libmesos;

my $scratch = tempdir(CLEANUP => 1);
delete @ENV{qw(PERL_MESOS_INCLUDE PERL_MESOS_LIB PKG_CONFIG_PATH)};

# A stand-in with these driver classes; the folders that the original's variables name.
sub standin {
    my ($shape, @halves) = @_;
    my $folder = join '-', "$scratch/$shape", @halves;
    is system('tests/libmesos-standin/build.sh', $folder, $shape, @halves), 0, "stand-in $shape @halves";
    return (PERL_MESOS_INCLUDE => "$folder/include", PERL_MESOS_LIB => "$folder/lib");
}

subtest 'options' => sub {
    for my $case ([[] => 'look'], [['--libmesos'] => 'insist'], [['--no-libmesos'] => 'never']) {
        my @options = (@{$case->[0]}, '--install_base=x');
        is(Mesos::Build::Libmesos::wanted(\@options), $case->[1]);
        is_deeply \@options, ['--install_base=x'], 'the others are Module::Build\'s';
    }
};

subtest 'not there' => sub {
    local %ENV = (%ENV, PERL_MESOS_INCLUDE => "$scratch/nowhere", PERL_MESOS_LIB => "$scratch/nowhere");
    my $found = Mesos::Build::Libmesos::find('look');
    is_deeply [keys %$found], ['said'];
    like $found->{said}, qr/not found, the native drivers only.*--libmesos says why/;
    is_deeply [Mesos::Build::Libmesos::objects($found)], [];
    ok !eval { Mesos::Build::Libmesos::find('insist'); 1 };
    like $@, qr{asked for.*mesos/mesos\.hpp}s, 'the compiler\'s words';
    like(Mesos::Build::Libmesos::find('never')->{said}, qr/not looked for/);
};

# A file with these lines, and its folders.
sub write_file {
    my ($path, @lines) = @_;
    make_path(dirname($path));
    open my $out, '>', $path or die "cannot write $path: $!";
    print $out map {"$_\n"} @lines;
    close $out or die $!;
}

subtest 'headers without a library' => sub {
    my %standin = standin('0.28', 'executor');
    local %ENV = (%ENV, PERL_MESOS_INCLUDE => $standin{PERL_MESOS_INCLUDE}, PERL_MESOS_LIB => "$scratch/nowhere");
    ok !eval { Mesos::Build::Libmesos::find('insist'); 1 };
    like $@, qr/the program for scheduler does not link:.*-lmesos/s, 'the linker\'s words';
};

subtest 'an old protobuf' => sub {
    my $include = "$scratch/old/include";
    write_file("$include/mesos/mesos.hpp", '');
    write_file("$include/mesos/version.hpp", '#define MESOS_VERSION "0.20.0"');
    write_file("$include/google/protobuf/stubs/common.h", '#define GOOGLE_PROTOBUF_VERSION 2004001');
    local %ENV = (%ENV, PERL_MESOS_INCLUDE => $include, PERL_MESOS_LIB => $include);
    ok !eval { Mesos::Build::Libmesos::find('insist'); 1 };
    like $@, qr/protobuf's headers are older than 2\.5\.0/;
};

subtest 'folders of the system' => sub {
    my %standin = standin('0.28', 'executor');
    local @Mesos::Build::Libmesos::SYSTEM = ("$scratch/nowhere", $standin{PERL_MESOS_INCLUDE});
    my $found = Mesos::Build::Libmesos::find('look');
    is_deeply $found->{halves}, ['executor'], 'the library beside the headers';
    is $found->{default}, 'native', 'merely found';
    like $found->{said}, qr/\Q$standin{PERL_MESOS_INCLUDE}\E\): built in beside the native drivers; default: native/;
    local $ENV{PERL_MESOS_INCLUDE} = "$scratch/nowhere";
    like(Mesos::Build::Libmesos::find('look')->{said}, qr/not found/, 'with a variable set, there only');
};

# The form of updateFramework between those of 0.28 and 1.11, on which tests/libmesos.rs runs: it has no constraints.
subtest 'methods of Mesos 1.9' => sub {
    my %standin = standin('1.9', 'scheduler');
    write_file("$scratch/features.cc", '#include "scheduler.cc"', '#include <cstdio>',
        'struct Nowhere : mesos_perl::Sink { void callback(mesos_perl::Callback, const mesos_perl::Strings &) noexcept override {} };',
        'int main() {', '  Nowhere sink;', '  mesos::FrameworkInfo info;', '  info.set_user("u");', '  info.set_name("n");',
        '  auto *proxy = mesos_perl_new_scheduler(&sink, info.SerializeAsString(), "127.0.0.1:1", "");',
        '  std::printf("%u", proxy->features());', '  info.mutable_id()->set_value("i");',
        '  try { proxy->update_framework(info.SerializeAsString(), {}); std::printf(" done"); }',
        '  catch (const std::logic_error &error) { std::printf(" %s", error.what()); }', '  delete proxy;', '}');
    is system('c++', '-std=c++17', '-Isrc/libmesos', '-isystem', $standin{PERL_MESOS_INCLUDE}, "$scratch/features.cc",
        "-L$standin{PERL_MESOS_LIB}", "-Wl,-rpath,$standin{PERL_MESOS_LIB}", '-lmesos', '-lprotobuf', '-o', "$scratch/features"), 0, 'compiles';
    is `$scratch/features`, '7 done', 'all features, and the call goes through';
};

subtest 'one half only' => sub {
    my %standin = standin('0.28', 'executor');
    local %ENV = (%ENV, %standin);
    my $found = Mesos::Build::Libmesos::find('look');
    is_deeply $found->{halves}, ['executor'];
    is $found->{version}, '0.28.1-standin';
    is $found->{default}, 'libmesos', 'the variables are asking for it';
    like $found->{said}, qr/no scheduler driver/;
    is_deeply [Mesos::Build::Libmesos::objects($found)], ['libmesos_perl_executor.so'];
};

subtest 'pkg-config' => sub {
    my %standin = standin('0.28', 'executor');
    plan skip_all => 'a Mesos is installed here' if -e '/usr/include/mesos/mesos.hpp' || -e '/usr/local/include/mesos/mesos.hpp';
    mkdir "$scratch/bin";
    open my $out, '>', "$scratch/bin/pkg-config" or die $!;
    print $out <<"END";
#!/bin/sh
case "\$1 \$2" in
    "--cflags mesos") echo "-isystem $standin{PERL_MESOS_INCLUDE}" ;;
    "--libs mesos") echo "-L$standin{PERL_MESOS_LIB} -lmesos" ;;
    *) exit 1 ;;
esac
END
    close $out;
    chmod 0755, "$scratch/bin/pkg-config" or die $!;
    local $ENV{PATH} = "$scratch/bin:$ENV{PATH}";
    is(Mesos::Build::Libmesos::find('insist')->{default}, 'libmesos', 'found, and asked for');
};

done_testing;
