# What .perlcriticrc and .perltidyrc ask of all Perl.
use strict;
use warnings;
use Test::More;

BEGIN {
    eval { require Perl::Critic; 1 } or plan skip_all => 'Perl::Critic is not installed';
}

my @files = grep {-f} qw(Build.PL), map {glob} map { my $folder = $_; map {"$folder/*.$_"} qw(pm pl t) } folders(qw(perl/lib perl/inc t xt examples benches));
cmp_ok scalar @files, '>', 80, 'found the files';

sub folders {
    my @folders = @_;
    return map { ($_, folders(grep {-d} glob "$_/*")) } @folders;
}

my $critic = Perl::Critic->new(-profile => '.perlcriticrc');
for my $file (@files) {
    is join('', $critic->critique($file)), '', $file;
}

# Other versions of it lay out some lines in another way: this is Debian 12's.
SKIP: {
    my $wanted = '20220613';
    skip "perltidy $wanted is not installed", 1 unless eval { require Perl::Tidy; Perl::Tidy->VERSION } && Perl::Tidy->VERSION eq $wanted;
    my @wrong;
    for my $file (@files, glob 'perl/bin/*') {
        open my $in, '<', $file or die "$file: $!";
        my $text = do { local $/; <$in> };
        my ($laid_out, $problems) = ('', '');
        Perl::Tidy::perltidy(source => \$text, destination => \$laid_out, stderr => \$problems, errorfile => \my $errors, argv => '', perltidyrc => '.perltidyrc');
        push @wrong, $file if $laid_out ne $text || length $problems;
    }
    is "@wrong", '', 'these are laid out as perltidy does it: perltidy -b -bext=/ FILE';
}

done_testing;
