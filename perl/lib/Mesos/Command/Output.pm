package Mesos::Command::Output;
use 5.10.1;
use strict;
use warnings;
use Config ();

# What asks a terminal for its size: TIOCGWINSZ of Linux.
use constant SIZE => $Config::Config{archname} =~ /\A(?:alpha|mips|powerpc|ppc|sparc)/ ? 0x40087468 : 0x5413;
# A column that is cut keeps so many characters.
use constant NARROWEST => 8;

# Arguments: format (table, tsv, json or undef: as fits standard output), color (undef: as fits), header (default true).
sub new {
    my ($class, %arguments) = @_;
    my $terminal = -t STDOUT;    ## no critic (ProhibitInteractiveTest): IO::Interactive would be one more dependency
    my $format = defined $arguments{format} ? $arguments{format} : $terminal ? 'table' : 'tsv';
    my $color = defined $arguments{color} ? $arguments{color} : $terminal && !length($ENV{NO_COLOR} || '') && ($ENV{TERM} || 'dumb') ne 'dumb';
    return bless {format => $format, color => $color && $format eq 'table', terminal => $terminal, header => !exists $arguments{header} || $arguments{header}}, $class;
}

sub format { return $_[0]{format} }
sub is_terminal { return $_[0]{terminal} }

# How many columns and lines the terminal has: undef if nobody knows.
sub size {
    my ($self) = @_;
    return (undef, undef) unless $self->{terminal};
    my $answer = "\0" x 8;
    my ($lines, $columns) = ioctl(STDOUT, SIZE, $answer) ? unpack('S2', $answer) : ();
    return map { my ($name, $asked) = @$_; ($ENV{$name} || '') =~ /\A([1-9]\d{0,3})\z/ ? $1 : $asked || undef } [COLUMNS => $columns], [LINES => $lines];
}

my %CODE = (bold => 1, dim => 2, red => 31, green => 32, yellow => 33, cyan => 36);

sub colored {
    my ($self, $text, $color) = @_;
    return $text unless $self->{color} && defined $color && $CODE{$color};
    return "\e[$CODE{$color}m$text\e[0m";
}

my @STATES = (
    [qr/RUNNING|FINISHED|\Aactive\z|\Atrue\z/, 'green'], [qr/STAGING|STARTING|KILLING|UNREACHABLE|drain|inactive|disconnected/i, 'yellow'],
    [qr/FAILED|LOST|ERROR|DROPPED|GONE|UNKNOWN/, 'red'], [qr/KILLED/, 'dim'],
);

sub color_of_state {
    my ($class, $state) = @_;
    for my $rule (@STATES) { return $rule->[1] if $state =~ $rule->[0] }
    return;
}

# Text from elsewhere commands no terminal, and keeps lines and columns together.
sub plain {
    my ($class, $text) = @_;
    return '' unless defined $text;
    $text =~ s/([\x00-\x1f\x7f-\x9f\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}])/sprintf '\\x{%x}', ord $1/ge;
    return $text;
}

# What the commands print comes here, but that of run: its tasks go on while it writes.
sub write {
    my ($class, @bytes) = @_;
    print STDOUT @bytes or die "cannot write the output: $!\n";
    return;
}

sub say {
    my ($self, $text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $self->write("$text\n");
}

# $columns is [[TITLE => code that gives a row's value, alignment, whether it may be cut]]; the rows are what json prints.
sub table {
    my ($self, $columns, $rows) = @_;
    if ($self->{format} eq 'json') {
        $self->say_json($_) for @$rows;
        return;
    }
    my @cells = map { my $row = $_; [map { $self->plain($_->[1]->($row)) } @$columns] } @$rows;
    my @titles = map { $_->[0] } @$columns;
    if ($self->{format} eq 'tsv') {
        $self->say(join "\t", @$_) for $self->{header} ? \@titles : (), @cells;
        return;
    }
    $self->say($_) for $self->lines($columns, \@cells);
    return;
}

# The widths of columns so that the table fits the terminal, as far as columns may be cut. The widest gives first.
sub _fit {
    my ($self, $columns, @widths) = @_;
    my ($most) = $self->size;
    my $sum = 2 * $#widths;
    $sum += $_ for @widths;
    while (defined $most && $sum > $most) {
        my ($widest) = sort { $widths[$b] <=> $widths[$a] || $a <=> $b } grep { $columns->[$_][3] && $widths[$_] > NARROWEST && $widths[$_] > length $columns->[$_][0] } 0 .. $#widths;
        last unless defined $widest;
        $widths[$widest]--;
        $sum--;
    }
    return @widths;
}

# An aligned table as lines.
sub lines {
    my ($self, $columns, $cells) = @_;
    my @titles = map { $_->[0] } @$columns;
    my @widths = map { my $i = $_; my $most = 0; for (\@titles, @$cells) { $most = length $_->[$i] if length $_->[$i] > $most } $most } 0 .. $#titles;
    @widths = $self->_fit($columns, @widths);
    my $line = sub {
        my ($row, $color) = @_;
        $row = [map { length $row->[$_] > $widths[$_] ? substr($row->[$_], 0, $widths[$_] - 1) . '~' : $row->[$_] } 0 .. $#widths];
        my @padded;
        for my $i (0 .. $#titles) {
            my $space = ' ' x ($widths[$i] - length $row->[$i]);
            my $shown = $self->colored($row->[$i], $color || ($titles[$i] eq 'STATE' ? $self->color_of_state($row->[$i]) : undef));
            push @padded, ($columns->[$i][2] || '') eq 'right' ? "$space$shown" : $i < $#titles ? "$shown$space" : $shown;
        }
        return join '  ', @padded;
    };
    return ($self->{header} ? $line->(\@titles, 'bold') : (), map { $line->($_) } @$cells);
}

sub say_json {
    my ($self, $value) = @_;
    # Help and completion need no client.
    require Mesos::Client::HTTP;
    return $self->write(Mesos::Client::HTTP->encode($value), "\n");
}

1;
__END__

=head1 NAME

Mesos::Command::Output - tables, JSON lines and colours of mesos-perl

=head1 SYNOPSIS

    use Mesos::Command::Output;

    my $output = Mesos::Command::Output->new(format => 'table');
    $output->table([[NAME => sub { $_[0]{name} }], [CPUS => sub { $_[0]{cpus} }, 'right']], [{name => 'a', cpus => 1}]);

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 new

    my $output = Mesos::Command::Output->new(format => $format, color => $boolean, header => $boolean);

=head2 table

    $output->table(\@columns, \@rows);

Prints rows as an aligned table, as lines with tabs, or as lines of JSON. A column is its title, code that gives the text of a row,
perhaps C<right>, and whether its texts may be cut where the terminal is too narrow.

=head2 lines

The lines of an aligned table of cells.

=head2 write

    Mesos::Command::Output->write(@bytes);

Prints bytes, or dies of why they cannot be written.

=head2 say

Prints a line.

=head2 say_json

Prints a value as a line of JSON.

=head2 colored

    my $text = $output->colored($text, $color);

=head2 color_of_state

The colour of a task's or an agent's state.

=head2 plain

Text without control characters.

=head2 format

C<table>, C<tsv> or C<json>.

=head2 size

    my ($columns, $lines) = $output->size;

The size of the terminal, or undef: what the variables C<COLUMNS> and C<LINES> say, else what the terminal itself says.

=head2 is_terminal

Whether standard output is a terminal.

=cut
