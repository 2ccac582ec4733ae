# A terminal for a program, and pictures of it: tmux, and SVG of what tmux says is there.
package Terminal;
use 5.10.1;
use strict;
use warnings;
use Time::HiRes ();

my ($COLUMN, $LINE, $MARGIN) = (8, 18, 12);
my @COLOURS = map {"#$_"} qw(5c6370 e06c75 98c379 e5c07b 61afef c678dd 56b6c2 dcdfe4);
my ($PAPER, $INK) = ('#20242c', '#dcdfe4');
# How long a program may take to show what is waited for.
my $PATIENCE = 30;

# A terminal of `columns` and `lines` in which a shell runs, with these variables in its environment.
sub new {
    my ($class, $folder, %options) = @_;
    my $self = bless {socket => "$folder/tmux", owner => $$}, $class;
    my @shell = ('env', (map {"$_=$options{variables}{$_}"} sort keys %{$options{variables}}), qw(bash --norc --noprofile));
    $self->_tmux('new-session', '-d', '-s', 'terminal', '-x', $options{columns}, '-y', $options{lines}, @shell);
    $self->screen(qr/\$\s*\z/);
    return $self;
}

sub _tmux {
    my ($self, @command) = @_;
    open my $out, '-|', 'tmux', '-S', $self->{socket}, '-f', '/dev/null', @command or die "cannot run tmux: $!\n";
    my $said = do { local $/; <$out> };
    close $out or die "tmux @command failed\n";
    return $said;
}

sub type { my ($self, @keys) = @_; $self->_tmux('send-keys', '-t', 'terminal', @keys); return }

# The screen, with its colours, as soon as it looks like this.
sub screen {
    my ($self, $looks) = @_;
    my ($end, $plain) = (Time::HiRes::time() + $PATIENCE);
    while (Time::HiRes::time() < $end) {
        my $screen = $self->_tmux('capture-pane', '-t', 'terminal', '-e', '-p');
        ($plain = $screen) =~ s/\e\[[\d;]*m//g;
        return $screen =~ s/\s+\z/\n/r if $plain =~ $looks;
        Time::HiRes::sleep(0.1);
    }
    die "the terminal does not look like $looks:\n$plain";
}

sub DESTROY { my ($self) = @_; $self->_tmux('kill-server') if $self->{owner} == $$; return }

sub _escaped { my ($text) = @_; my %of = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;'); $text =~ s/([&<>])/$of{$1}/g; return $text }

# What is written on a line, and how: [[column, text, {bold, faint, inverse, colour}], ...]. `$look` is that of the line's beginning, and
# then that of its end.
sub _pieces {
    my ($line, $look) = @_;
    my ($column, @pieces) = (0);
    for my $part (split /(\e\[[\d;]*m)/, $line) {
        if ($part =~ /^\e\[([\d;]*)m$/) {
            for my $code (length $1 ? split /;/, $1 : 0) {
                if ($code == 0) { %$look = () }
                elsif ($code == 1) { $look->{bold} = 1 }
                elsif ($code == 2) { $look->{faint} = 1 }
                elsif ($code == 7) { $look->{inverse} = 1 }
                elsif ($code == 27) { delete $look->{inverse} }
                elsif ($code == 22) { delete @$look{qw(bold faint)} }
                elsif ($code == 39) { delete $look->{colour} }
                elsif ($code =~ /^[39]([0-7])$/) { $look->{colour} = $COLOURS[$1] }
            }
            next;
        }
        push @pieces, [$column, $part, {%$look}] if length $part;
        $column += length $part;
    }
    return @pieces;
}

# A picture of a screen of so many columns.
sub svg {
    my ($screen, $columns, $title) = @_;
    my @lines = split /\n/, $screen;
    my ($width, $height) = ($columns * $COLUMN + 2 * $MARGIN, @lines * $LINE + 2 * $MARGIN);
    my @parts = (
        qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height" viewBox="0 0 $width $height" role="img">},
        '<title>' . _escaped($title) . '</title>',
        qq{<rect width="$width" height="$height" rx="8" fill="$PAPER"/>},
        '<g font-family="monospace" font-size="13">',
    );
    my ($y, %look) = ($MARGIN);
    for my $line (@lines) {
        for my $piece (_pieces($line, \%look)) {
            my ($column, $text, $how) = @$piece;
            my ($x, $long) = ($MARGIN + $column * $COLUMN, length($text) * $COLUMN);
            my $ink = $how->{colour} || $INK;
            push @parts, sprintf '<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>', $x, $y, $long, $LINE, $ink if $how->{inverse};
            $ink = $PAPER if $how->{inverse};
            my $more = join '', $how->{bold} ? ' font-weight="bold"' : '', $how->{faint} ? ' opacity="0.6"' : '';
            # As wide as it is in a terminal, whatever font there is.
            push @parts, sprintf '<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="%s"%s>%s</text>',
                $x, $y + 13, $long, $ink, $more, _escaped($text)
                if $text =~ /\S/;
        }
        $y += $LINE;
    }
    return join "\n", @parts, '</g>', '</svg>', '';
}

1;
