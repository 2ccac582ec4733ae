# What .perlcriticrc asks of all Perl.
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

done_testing;
