# script/dist makes the same bytes of the same commit, wherever, whenever and by whomever it is run: both the archive for CPAN and the one
# with the crates. Run from the top of a checkout: prove xt/dist.t
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(output_of);
use Test::More;
use Cwd qw(getcwd);
use Digest::SHA ();
use ExtUtils::Manifest ();
use File::Find ();
use File::Temp qw(tempdir);

my $top = getcwd();
my $scratch = tempdir(CLEANUP => 1);
delete @ENV{grep {/\A(?:GIT_|PERL_HASH_SEED|PERL_PERTURB_KEYS|SOURCE_DATE_EPOCH)/} keys %ENV};

sub run {
    my ($name, @command) = @_;
    my ($said, $status) = output_of(@command);
    is $status, 0, $name or BAIL_OUT($said);
    return $said;
}

# A repository of what is here now, committed or not. Its clones have other names and times than this folder.
my @git = ('git', "--git-dir=$scratch/git", "--work-tree=$top", qw(-c user.name=Nobody -c user.email=nobody@example.org));
run('a repository', @git, qw(init -q));
run('of all that is here', @git, qw(add -A));
run('with a commit', @git, qw(commit -q -m all));

# Runs script/dist in a clone of its own. Gives the archive and its SHA-256.
sub made {
    my ($clone, $mask, $variables, @arguments) = @_;
    my $before = umask $mask;
    mkdir $_ or die "cannot make $_: $!" for grep { !-d } "$scratch/$clone", "$scratch/tmp-$clone";
    run("clone $clone", qw(git clone -q), "$scratch/git", "$scratch/$clone/tree") if !-d "$scratch/$clone/tree";
    local %ENV = (%ENV, TMPDIR => "$scratch/tmp-$clone", %$variables);
    my $said = run("script/dist @arguments in $clone", "$scratch/$clone/tree/script/dist", @arguments, '--output', "$scratch/$clone");
    umask $before;
    my ($archive) = $said =~ m{^(\Q$scratch/$clone\E/Mesos-\S+\.tar\.gz)$}m or BAIL_OUT("no archive: $said");
    return ($archive, Digest::SHA->new(256)->addfile($archive)->hexdigest);
}

# What CPANTS looks at in the archive for CPAN, beside META, which xt/install.t checks.
sub check_archive {
    my ($archive) = @_;
    run('unpack', qw(tar xzf), $archive, '-C', $scratch);
    chdir "$scratch/Mesos-2.0.0" or die "cannot enter what was unpacked: $!";
    my $skips = ExtUtils::Manifest::maniskip();
    my @skipped;
    my $look = sub {
        (my $name = $File::Find::name) =~ s{^\./}{};
        push @skipped, $name if $name ne '.' && $skips->($name);
    };
    File::Find::find({no_chdir => 1, wanted => $look}, '.');
    is_deeply \@skipped, [], 'MANIFEST.SKIP leaves out no file and no folder that is in it: without t, CPANTS counts no tests';
    open my $in, '<', 'perl/lib/Mesos.pm' or die $!;
    like do { local $/; <$in> }, qr/^=head1 LICENSE\n\n[^\n]*\bunder the same terms as Perl itself\.$/m, 'the licence in words that CPANTS knows';
    chdir $top or die $!;
    return;
}

for my $arguments ([], ['--vendor']) {
    my ($archive, $one) = made('here', 022, {TZ => 'UTC', LC_ALL => 'C', PERL_HASH_SEED => 1}, @$arguments);
    my (undef, $other) = made('elsewhere', 077, {TZ => 'Asia/Tokyo', LC_ALL => 'C.UTF-8', PERL_HASH_SEED => 2, CARGO_TARGET_DIR => "$scratch/target"}, @$arguments);
    is $other, $one, join ' ', 'the same bytes:', 'script/dist', @$arguments;
    check_archive($archive) if !@$arguments;
}

done_testing;
