# docs/event-path.svg is the picture of docs/event-path.txt, and what that names is there.
# MESOS_REGENERATE=1 prove -b xt/diagram.t draws it anew.
use strict;
use warnings;
use lib qw(t/lib xt/lib);
use Diagram;
use Test::Files qw(slurp);
use Test::More;

my $diagram = Diagram::parsed(slurp('docs/event-path.txt'));
my $made = Diagram::svg($diagram);
if ($ENV{MESOS_REGENERATE}) {
    open my $out, '>', 'docs/event-path.svg' or die "cannot write: $!";
    print $out $made;
    close $out or die "cannot write: $!";
}
is slurp('docs/event-path.svg'), $made, 'the picture is that of its text (else: MESOS_REGENERATE=1 prove -b xt/diagram.t)';

my @places = grep {m{/}} map { split /, /, $_->[0] } map { @{$_->{boxes}} } @{$diagram->{lanes}};
cmp_ok scalar @places, '>', 8, 'found places';
ok -e $_, "$_ is there" for @places;
# Which tells the same at length.
my ($steps) = slurp('docs/architecture.md') =~ /^## The path of an event$(.*?)^## /ms;
for my $place (@places) {
    (my $name = $place) =~ s{^(?:src|perl/lib)/}{};
    ok index($steps, $name) >= 0, "docs/architecture.md has $name on the path";
}
for my $text ($made =~ m{<text [^>]*>([^<]+)</text>}g) {
    cmp_ok length $text, '<=', 110, "fits: $text";
}

done_testing;
