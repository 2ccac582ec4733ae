package Mesos::Command::TOML;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(parse_toml plain_of);

# A value is a hash of its kind, its line, and the value itself: of a table, the values by their names; of an array, a list of values.
# Of a table, `made` says who may still add to it: a header [a.b] leaves [a] to be made, and what stands in braces is complete.

my %ESCAPED = (b => "\b", t => "\t", n => "\n", f => "\f", r => "\r", e => "\e", '"' => '"', '\\' => '\\');

# The root of what the text says; dies with the number of a line that is no TOML.
sub parse_toml {
    my ($text) = @_;
    # Editors of Windows put it there.
    $text =~ s/\A\x{feff}//;
    $text =~ s/\r\n/\n/g;
    my $root = {kind => 'table', line => 1, value => {}, made => 'header'};
    my $self = bless {text => \$text, table => $root, path => [], counted => 0, line => 1}, __PACKAGE__;
    pos($text) = 0;
    while (1) {
        $self->_skip_lines;
        last if pos $text == length $text;
        if ($text =~ /\G\[\[/gc) { $self->_header($root, ']]') }
        elsif ($text =~ /\G\[/gc) { $self->_header($root, ']') }
        else { $self->_pair($self->{table}, @{$self->{path}}) }
        $text =~ /\G[ \t]*(?:#[^\n]*)?(?=\n|\z)/gc or $self->_fail('expected the end of the line' . $self->_got);
    }
    return $root;
}

# The same as hashes, arrays and texts; a boolean is 1 or 0.
sub plain_of {
    my ($value) = @_;
    return $value->{kind} eq 'table' ? {map { ($_ => plain_of($value->{value}{$_})) } keys %{$value->{value}}}
        : $value->{kind} eq 'array' ? [map { plain_of($_) } @{$value->{value}}]
        : $value->{value};
}

# --- where we are ----------------------------------------------------------------------------------------------------------------

# Counted on from where it was asked last: counting from the beginning for each value would take the square of the time.
sub _line {
    my ($self) = @_;
    my ($text, $from) = @$self{qw(text counted)};
    my $at = pos $$text;
    $self->{counted} = $at;
    return $self->{line} += substr($$text, $from, $at - $from) =~ tr/\n//;
}

sub _fail {
    my ($self, $why, $line) = @_;
    die 'line ' . (defined $line ? $line : $self->_line) . ": $why\n";
}

sub _got {
    my ($self) = @_;
    my ($next) = ${$self->{text}} =~ /\G([^\n]*)/;
    $next =~ s/\A\s+|\s+\z//g;
    return ', got ' . (length $next ? $next : 'the end of the line');
}

# Blanks, ends of lines and comments.
sub _skip_lines { my ($self) = @_; ${$self->{text}} =~ /\G(?:[ \t\n]|#[^\n]*)+/gc; return }

# How a name is written in a text for people.
sub _named { return join '.', map { /\A[A-Za-z0-9_-]+\z/ ? $_ : qq("$_") } @_ }

# --- keys and tables -----------------------------------------------------------------------------------------------------------------

# The names of a key: a."b.c".d
sub _key {
    my ($self, $expected) = @_;
    my $text = $self->{text};
    my @names;
    do {
        $$text =~ /\G[ \t]*/gc;
        if ($$text =~ /\G([A-Za-z0-9_-]+)/gc) { push @names, $1 }
        elsif ($$text =~ /\G(?!"""|''')["']/) { push @names, $self->_string }
        else { $self->_fail("expected $expected" . $self->_got) }
        $$text =~ /\G[ \t]*/gc;
    } while $$text =~ /\G[.]/gc;
    return @names;
}

# The table of this name in another, which is made unless it is there.
sub _inner {
    my ($self, $table, $name, $made, @path) = @_;
    my $inner = $table->{value}{$name} ||= {kind => 'table', line => $self->_line, value => {}, made => $made};
    # Of an array of tables it is the last one.
    $inner = $inner->{value}[-1] if $inner->{kind} eq 'array' && $inner->{made};
    my $is_open = $inner->{kind} eq 'table' && $inner->{made} ne 'braces';
    $self->_fail(_named(@path, $name) . " is there twice, and was in line $inner->{line}") unless $is_open;
    return $inner;
}

# [a.b], or [[a.b]], up to its end.
sub _header {
    my ($self, $root, $end) = @_;
    my $text = $self->{text};
    my @path = $self->_key('the name of a table, [table]');
    $$text =~ /\G\Q$end\E/gc or $self->_fail("expected $end after the name of a table" . $self->_got);
    my ($table, @above) = $root;
    my $last = pop @path;
    for my $name (@path) {
        $table = $self->_inner($table, $name, 'above', @above);
        push @above, $name;
    }
    my $before = $table->{value}{$last};
    my $shown = $end eq ']' ? '[' . _named(@path, $last) . ']' : '[[' . _named(@path, $last) . ']]';
    if ($end eq ']]') {
        $before = $table->{value}{$last} = {kind => 'array', line => $self->_line, value => [], made => 'header'} unless $before;
        $self->_fail("$shown is there twice, and was in line $before->{line}") unless $before->{kind} eq 'array' && $before->{made};
        push @{$before->{value}}, {kind => 'table', line => $self->_line, value => {}, made => 'header'};
        $table = $before->{value}[-1];
    }
    else {
        $self->_fail("$shown is there twice, and was in line $before->{line}")
            if $before && !($before->{kind} eq 'table' && $before->{made} eq 'above');
        $table = $self->_inner($table, $last, 'header', @above);
        @$table{qw(made line)} = ('header', $self->_line);
    }
    @$self{qw(table path)} = ($table, [@path, $last]);
    return;
}

# key = value, into a table.
sub _pair {
    my ($self, $table, @path) = @_;
    my $text = $self->{text};
    my @names = $self->_key('[table] or key = value');
    $$text =~ /\G=[ \t]*/gc or $self->_fail('expected [table] or key = value: there is no = after ' . _named(@names) . $self->_got);
    my $line = $self->_line;
    my $last = pop @names;
    for my $name (@names) {
        my $inner = $self->_inner($table, $name, 'dots', @path);
        # What has a [header] of its own is written below that.
        $self->_fail(_named(@path, $name) . " is there twice, and was in line $inner->{line}") unless $inner->{made} eq 'dots';
        $table = $inner;
        push @path, $name;
    }
    my $before = $table->{value}{$last};
    $self->_fail(_named(@path, $last) . " is there twice, and was in line $before->{line}") if $before;
    my $value = $self->_value(@path, $last);
    $value->{line} = $line;
    $table->{value}{$last} = $value;
    return;
}

# --- values ------------------------------------------------------------------------------------------------------------------------------

# What stands after a number, or the like.
my $end = qr/(?=[ \t\n,\]}#]|\z)/;
my $date = qr/\d{4}-\d\d-\d\d/;
my $time = qr/\d\d:\d\d(?::\d\d(?:[.]\d+)?)?/;

sub _value {
    my ($self, @path) = @_;
    my $text = $self->{text};
    my $line = $self->_line;
    my ($kind, $value);
    if ($$text =~ /\G["']/) { ($kind, $value) = (string => $self->_string) }
    elsif ($$text =~ /\G\[/gc) { ($kind, $value) = (array => $self->_array(@path)) }
    elsif ($$text =~ /\G\{/gc) { return $self->_braces($line, @path) }
    elsif ($$text =~ /\G(true|false)$end/gc) { ($kind, $value) = (boolean => $1 eq 'true' ? 1 : 0) }
    elsif ($$text =~ /\G($date(?:[Tt ]$time(?:[Zz]|[-+]\d\d:\d\d)?)?|$time)$end/gc) { ($kind, $value) = (time => $1) }
    elsif ($$text =~ /\G(0x[[:xdigit:]]+(?:_[[:xdigit:]]+)*|0o[0-7]+(?:_[0-7]+)*|0b[01]+(?:_[01]+)*)$end/gc) { ($kind, $value) = (number => _whole($1)) }
    elsif ($$text =~ /\G([-+]?(?:0|[1-9]\d*(?:_\d+)*)(?:[.]\d+(?:_\d+)*)?(?:[eE][-+]?\d+(?:_\d+)*)?)$end/gc) { ($kind, $value) = (number => _number($1)) }
    elsif ($$text =~ /\G([-+]?)(inf|nan)$end/gc) { ($kind, $value) = (number => ($2 eq 'nan' ? -sin 9**9**9 : 9**9**9) * ($1 eq '-' ? -1 : 1)) }
    else { $self->_fail('expected text in quotes, true, false, a number, a time, an array or a table of them' . $self->_got) }
    return {kind => $kind, line => $line, value => $value};
}

sub _number { my ($digits) = @_; $digits =~ tr/_//d; return 0 + $digits }

sub _whole {
    my ($digits) = @_;
    $digits =~ tr/_//d;
    $digits =~ s/\A0o/0/;
    no warnings qw(overflow portable);
    return oct $digits;
}

sub _array {
    my ($self, @path) = @_;
    my $text = $self->{text};
    my $begin = $self->_line;
    my @values;
    while (1) {
        $self->_skip_lines;
        last if $$text =~ /\G\]/gc;
        $self->_fail('expected the ] of the array that begins here', $begin) if pos $$text == length $$text;
        push @values, $self->_value(@path);
        $self->_skip_lines;
        $$text =~ /\G,/gc or $$text =~ /\G(?:\]|\z)/ or $self->_fail('expected , or ] in an array' . $self->_got);
    }
    return \@values;
}

# {a = 1, b.c = 2}
sub _braces {
    my ($self, $line, @path) = @_;
    my $text = $self->{text};
    my $table = {kind => 'table', line => $line, value => {}, made => 'dots'};
    while (1) {
        $self->_skip_lines;
        last if $$text =~ /\G\}/gc;
        $self->_fail('expected the } of the table that begins here', $line) if pos $$text == length $$text;
        $self->_pair($table, @path);
        $self->_skip_lines;
        $$text =~ /\G,/gc or $$text =~ /\G(?:\}|\z)/ or $self->_fail('expected , or } in a table' . $self->_got);
    }
    $self->_close($table);
    return $table;
}

# Nothing is added to it later, nor to what is in it.
sub _close {
    my ($self, $table) = @_;
    $table->{made} = 'braces';
    $self->_close($_) for grep { $_->{kind} eq 'table' } values %{$table->{value}};
    return;
}

# The text in quotes that begins here.
sub _string {
    my ($self) = @_;
    my $text = $self->{text};
    my $line = $self->_line;
    # Of three quotes or more at the end, the last three are the end.
    return $1 if $$text =~ /\G'''\n?(.*?'{0,2})'''(?!')/gcs;
    $self->_fail("expected the end of the text that begins here with '''", $line) if $$text =~ /\G'''/;
    return $self->_unescaped($self->_lines($line), $line) if $$text =~ /\G"""\n?/gc;
    return $1 if $$text =~ /\G'([^'\n]*)'/gc;
    return $self->_unescaped($1, $line) if $$text =~ /\G"((?:[^"\\\n]++|\\[^\n])*)"/gc;
    return $self->_fail('expected text in quotes, and there is no second quote' . $self->_got, $line);
}

# What stands up to the next """: piece by piece, because perl's patterns repeat a group only so often.
sub _lines {
    my ($self, $line) = @_;
    my $text = $self->{text};
    my $string = '';
    while (1) {
        return $string . substr $1, 3 if $$text =~ /\G("{3,5})(?!")/gc;
        $$text =~ /\G([^"\\]+|\\.|"{1,2}(?!"))/gcs or $self->_fail('expected the end of the text that begins here with """', $line);
        $string .= $1;
    }
    return;
}

sub _unescaped {
    my ($self, $string, $line) = @_;
    $string =~ s{\\(?:u([[:xdigit:]]{4})|U([[:xdigit:]]{8})|x([[:xdigit:]]{2})|[ \t]*\n[ \t\n]*|(.))}{
        my ($code) = grep {defined} $1, $2, $3;
        defined $code ? $self->_character($code, $line) : !defined $4 ? '' : defined $ESCAPED{$4} ? $ESCAPED{$4}
            : $self->_fail("expected \\\\ for a backslash in double quotes, or single quotes around the text, got \\$4", $line);
    }gesx;
    return $string;
}

sub _character {
    my ($self, $code, $line) = @_;
    my $number = hex $code;
    $self->_fail("expected the number of a character, got \\u$code", $line) if $number > 0x10ffff || $number >= 0xd800 && $number <= 0xdfff;
    return chr $number;
}

1;
__END__

=head1 NAME

Mesos::Command::TOML - reads TOML, the language of configuration files

=head1 SYNOPSIS

    use Mesos::Command::TOML qw(parse_toml plain_of);

    my $root = parse_toml(qq([master]\naddress = "10.0.0.1:5050"\n));
    print plain_of($root)->{master}{address}, "\n";
    print $root->{value}{master}{value}{address}{line}, "\n";    # 2

=head1 DESCRIPTION

Internal to this distribution. All of TOML 1.0 is read: tables, arrays of tables, tables in braces, keys in quotes, and all kinds of values.
Control characters in texts are not refused.

=head1 FUNCTIONS

=head2 parse_toml

    my $root = parse_toml($text);

Takes characters, not bytes. Returns a hash reference for the whole, which is a table. It has C<kind> (C<table>, C<array>, C<string>,
C<number>, C<boolean> or C<time>), C<line>, and C<value>: of a table a hash of these by name, of an array a list of these, of a time its text.
Dies if the text is no TOML, or if something is there twice. The exception begins with C<line> and its number.

=head2 plain_of

    my $tree = plain_of($root);

Returns the same as hashes, arrays, texts and numbers. Booleans are 1 and 0.

=cut
