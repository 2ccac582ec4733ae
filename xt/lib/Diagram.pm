# Draws docs/event-path.svg of docs/event-path.txt.
package Diagram;
use 5.10.1;
use strict;
use warnings;

my ($WIDTH, $MARGIN, $BOX, $GAP, $HEAD, $ARROW) = (760, 20, 46, 10, 30, 46);
my $FONT = 'font-family="sans-serif"';

sub _escaped { my ($text) = @_; my %of = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;'); $text =~ s/([&<>])/$of{$1}/g; return $text }

# {lanes => [{name, boxes => [[places, what], ...], arrow}, ...], back}
sub parsed {
    my ($text) = @_;
    my %diagram = (lanes => []);
    for my $line (grep { /\S/ && !/^#/ } split /\n/, $text) {
        my ($kind, $rest) = $line =~ /^(lane|box|arrow|back): (.+)$/ or die "cannot read: $line\n";
        if ($kind eq 'lane') { push @{$diagram{lanes}}, {name => $rest, boxes => []} }
        elsif ($kind eq 'back') { $diagram{back} = $rest }
        elsif ($kind eq 'arrow') { $diagram{lanes}[-1]{arrow} = $rest }
        else { push @{$diagram{lanes}[-1]{boxes}}, [split / \| /, $rest, 2] }
    }
    return \%diagram;
}

sub _text {
    my ($x, $y, $size, $text, $more) = @_;
    return sprintf '<text x="%d" y="%d" font-size="%d" %s%s>%s</text>', $x, $y, $size, $FONT, $more ? " $more" : '', _escaped($text);
}

sub svg {
    my ($diagram) = @_;
    my ($y, @parts, $first) = ($MARGIN);
    my $inner = $WIDTH - 2 * $MARGIN - 40;
    for my $lane (@{$diagram->{lanes}}) {
        my $height = $HEAD + @{$lane->{boxes}} * ($BOX + $GAP);
        $first = $y + $height / 2 unless defined $first;
        push @parts, sprintf '<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#eef2f7" stroke="#8194ab"/>', $MARGIN, $y, $inner, $height;
        push @parts, _text($MARGIN + 12, $y + 20, 14, $lane->{name}, 'font-weight="bold" fill="#22303f"');
        my $at = $y + $HEAD;
        for my $box (@{$lane->{boxes}}) {
            push @parts, sprintf '<rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="#ffffff" stroke="#8194ab"/>', $MARGIN + 12, $at, $inner - 24, $BOX;
            push @parts, _text($MARGIN + 22, $at + 19, 12, $box->[0], 'fill="#1b4f8a"'), _text($MARGIN + 22, $at + 36, 12, $box->[1], 'fill="#22303f"');
            $at += $BOX + $GAP;
        }
        $y += $height;
        next unless $lane->{arrow};
        push @parts, sprintf '<line x1="120" y1="%d" x2="120" y2="%d" stroke="#22303f" stroke-width="2" marker-end="url(#tip)"/>', $y, $y + $ARROW - 8;
        push @parts, _text(134, $y + 28, 12, $lane->{arrow}, 'fill="#22303f"');
        $y += $ARROW;
    }
    my ($last, $right) = ($y - 40, $WIDTH - $MARGIN - 16);
    push @parts, sprintf '<path d="M %d %d H %d V %d H %d" fill="none" stroke="#22303f" stroke-width="2" stroke-dasharray="6 4" marker-end="url(#tip)"/>',
        $MARGIN + $inner, $last, $right, $first, $MARGIN + $inner + 8;
    push @parts, _text($MARGIN + 12, $y + 22, 12, "Back (dashed): $diagram->{back}", 'fill="#22303f"');
    $y += 22 + $MARGIN;
    return join "\n", qq(<svg xmlns="http://www.w3.org/2000/svg" width="$WIDTH" height="$y" viewBox="0 0 $WIDTH $y" role="img" aria-label="The path of an event">),
        '<!-- Made of event-path.txt by xt/diagram.t; do not edit. -->',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="4" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" fill="#22303f"/></marker></defs>',
        sprintf('<rect width="%d" height="%d" fill="#ffffff"/>', $WIDTH, $y), @parts, "</svg>\n";
}

1;
