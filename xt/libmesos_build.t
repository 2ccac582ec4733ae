# Mesos::Build::Libmesos: what it finds in one place or another, and what it says. Needs the stand-in's compiler and protoc.
use strict;
use warnings;
use Test::More;
use lib 'perl/inc';
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
        my @options = (@{ $case->[0] }, '--install_base=x');
        is(Mesos::Build::Libmesos::wanted(\@options), $case->[1]);
        is_deeply \@options, ['--install_base=x'], 'the others are Module::Build\'s';
    }
};

subtest 'not there' => sub {
    local %ENV = (%ENV, PERL_MESOS_INCLUDE => "$scratch/nowhere", PERL_MESOS_LIB => "$scratch/nowhere");
    my $found = Mesos::Build::Libmesos::find('look');
    is_deeply [keys %$found], ['said'];
    like $found->{said}, qr/not found, the native drivers only/;
    is_deeply [Mesos::Build::Libmesos::objects($found)], [];
    ok !eval { Mesos::Build::Libmesos::find('insist'); 1 };
    like $@, qr{asked for.*mesos/mesos\.hpp}s, 'the compiler\'s words';
    like(Mesos::Build::Libmesos::find('never')->{said}, qr/not looked for/);
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
    is(Mesos::Build::Libmesos::find('look')->{default}, 'native', 'merely found');
    is(Mesos::Build::Libmesos::find('insist')->{default}, 'libmesos');
};

done_testing;
