package Samples;

# Memory and descriptors of processes over time, and their picture.

use strict;
use warnings;
use List::Util qw(max min);
use Time::HiRes qw(time);

sub new {
    my ($class, %pids) = @_;
    return bless {pids => \%pids, begun => time, rows => []}, $class;
}

# One row: resident memory in MiB and open descriptors of each process.
sub take {
    my ($self) = @_;
    my %row = (minute => (time - $self->{begun}) / 60);
    for my $name (keys %{$self->{pids}}) {
        my $pid = $self->{pids}{$name};
        open my $status, '<', "/proc/$pid/status" or next;
        my ($kilobytes) = map { /\AVmRSS:\s+(\d+)/ ? $1 : () } readline $status;
        my $descriptors = () = glob "/proc/$pid/fd/*";
        $row{memory}{$name} = ($kilobytes || 0) / 1024;
        $row{descriptors}{$name} = $descriptors;
    }
    push @{$self->{rows}}, \%row;
    return;
}

# How much the highest value of the last third is above that of the second: what grows shows there, what warms up does not.
sub growth {
    my ($self, $what, $name) = @_;
    my @values = map { $_->{$what}{$name} // () } @{$self->{rows}};
    my $third = int(@values / 3);
    return max(@values[-$third .. -1]) - max(@values[$third .. 2 * $third - 1]);
}

sub highest { my ($self, $what, $name) = @_; return max(map { $_->{$what}{$name} // 0 } @{$self->{rows}}) }

my %colour = (0 => '#0b6e99', 1 => '#b3541e');
my ($width, $height, $left, $top, $gap) = (860, 200, 60, 50, 70);

sub _panel {
    my ($self, $y, $what, $unit) = @_;
    my @names = sort keys %{$self->{pids}};
    my $minutes = max(map { $_->{minute} } @{$self->{rows}}) || 1;
    my $most = max(map { $self->highest($what, $_) } @names) * 1.1 || 1;
    my $svg = sprintf qq(<text x="%d" y="%d">%s</text>\n), $left, $y - 12, $unit;
    for my $step (0 .. 4) {
        my $at = $y + $height - $height * $step / 4;
        $svg .= sprintf qq(<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="grid"/>\n<text x="%d" y="%.1f" class="end">%.0f</text>\n),
            $left, $at, $left + $width, $at, $left - 8, $at + 4, $most * $step / 4;
    }
    for my $step (0 .. 5) {
        $svg .= sprintf qq(<text x="%.1f" y="%d" class="middle">%.1f min</text>\n),
            $left + $width * $step / 5, $y + $height + 18, $minutes * $step / 5;
    }
    for my $number (0 .. $#names) {
        my @points = map {
            my $value = $_->{$what}{$names[$number]};
            defined $value ? sprintf '%.1f,%.1f', $left + $width * $_->{minute} / $minutes, $y + $height - $height * $value / $most : ();
        } @{$self->{rows}};
        $svg .= qq(<polyline points="@points" stroke="$colour{$number}" class="line"/>\n);
        $svg .= sprintf qq(<text x="%d" y="%d" style="fill: %s" class="end">%s</text>\n),
            $left + $width - 150 * $number, $y - 12, $colour{$number}, $names[$number];
    }
    return $svg;
}

# An SVG with two panels.
sub svg {
    my ($self, $title) = @_;
    my ($all, $high) = ($left + $width + 30, 2 * ($height + $gap) + $top);
    my $style = 'text { font: 13px sans-serif; fill: #333 } .end { text-anchor: end } .middle { text-anchor: middle } '
        . '.grid { stroke: #ddd } .line { fill: none; stroke-width: 1.5 }';
    return qq(<svg xmlns="http://www.w3.org/2000/svg" width="$all" height="$high" viewBox="0 0 $all $high">\n)
        . qq(<title>$title</title>\n<style>$style</style>\n<rect width="100%" height="100%" fill="#fff"/>\n)
        . qq(<text x="$left" y="20">$title</text>\n)
        . $self->_panel($top + 10, 'memory', 'resident memory, MiB')
        . $self->_panel($top + 10 + $height + $gap, 'descriptors', 'open descriptors')
        . "</svg>\n";
}

1;
