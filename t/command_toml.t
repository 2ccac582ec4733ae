# The configuration of mesos-perl is TOML, all of it.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Mesos::Command::TOML qw(parse_toml plain_of);

sub reads {
    my ($text, $want, $name) = @_;
    my $root = eval { parse_toml($text) } or return fail("$name: $@");
    return is_deeply plain_of($root), $want, $name;
}

reads('', {}, 'nothing');
reads("\x{feff}# c\r\na = 1\r\n", {a => 1}, 'a byte order mark, a comment, and the ends of lines of Windows');
reads("a = 1\n[b] # x\nc = \"h:1\" # y\nd = 'e\\b\"'\n [ f . g ] \nh = true\ni=false\n", {a => 1, b => {c => 'h:1', d => 'e\\b"'}, f => {g => {h => 1, i => 0}}}, 'tables');

# --- keys ------------------------------------------------------------------------------------------------------------------------
reads(qq("a b" = 1\n'c"d' = 2\n"e\\"\\u00e9" = 3\n"" = 4\n1-2_3 = 5\n3.14 = 6\n), {'a b' => 1, 'c"d' => 2, 'e"é' => 3, '' => 4, '1-2_3' => 5, 3 => {14 => 6}}, 'keys in quotes');
reads("a.b = 1\na . 'c.d' . e = 2\n[f]\ng.h = 3\n", {a => {b => 1, 'c.d' => {e => 2}}, f => {g => {h => 3}}}, 'keys with dots');
reads("[a.'b.c']\nd = 1\n[\"e ]\"]\n", {a => {'b.c' => {d => 1}}, 'e ]' => {}}, 'tables in quotes');
reads("[a.b]\nc = 1\n[a]\nd = 2\n[a.b.e]\n", {a => {b => {c => 1, e => {}}, d => 2}}, 'a table above comes later');

# --- tables in braces, and arrays of tables ------------------------------------------------------------------------------------------
reads("a = {b = 1, c.d = 'x', e = {}}\nf = [{g = 1}, {g = 2}]\n", {a => {b => 1, c => {d => 'x'}, e => {}}, f => [{g => 1}, {g => 2}]}, 'tables in braces');
reads("[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2\n[[a.e]]\nf = 3\n[[a.e]]\n", {a => [{b => 1}, {c => {d => 2}, e => [{f => 3}, {}]}]}, 'arrays of tables');

# --- texts -------------------------------------------------------------------------------------------------------------------------
reads(qq(a = "q\\"\\\\\\b\\t\\n\\f\\r\\U0001F600"\n), {a => "q\"\\\b\t\n\f\r\x{1f600}"}, 'escapes');
reads(qq(a = """\nb\n  "c" \\\n\n   d\\n"""""\ne = '''\nf\\\n''g'''''\nh = ""\ni = ''\nj = """"""\n), {a => qq(b\n  "c" d\n""), e => "f\\\n''g''", h => '', i => '', j => ''}, 'texts of several lines');
reads("a = \"# no comment\" # one\n", {a => '# no comment'}, 'no comment');
my $long = 'x "' x 100_000;
reads(qq(a = """$long """\n), {a => "$long "}, 'a long text');

# --- other values ----------------------------------------------------------------------------------------------------------------------
reads("a = [ +99, -17, 0, 1_000, 0xDEAD_beef, 0o755, 0b1101, 6.626e-34, -0.01, 5e+2, 1_0.2_5 ]\n", {a => [99, -17, 0, 1000, 0xdeadbeef, 0755, 13, 6.626e-34, -0.01, 500, 10.25]}, 'numbers');
is plain_of(parse_toml("a = -inf\n"))->{a}, -9**9**9, 'infinity';
like plain_of(parse_toml("a = nan\n"))->{a}, qr/nan/i, 'no number';
reads("a = [\n  'b', # c ]\n\n [ 1, 2 ], true,\n]\n", {a => ['b', [1, 2], 1]}, 'arrays');
my @times = ('1979-05-27T07:32:00Z', '1979-05-27T00:32:00.999999-07:00', '1979-05-27 07:32:00', '1979-05-27', '07:32:00');
reads(join('', map {"a$_ = $times[$_]\n"} 0 .. $#times), {map { ("a$_" => $times[$_]) } 0 .. $#times}, 'times');

# --- where and what things are -----------------------------------------------------------------------------------------------------------
my $root = parse_toml("a = 'x\ty'\n[b]\nc = [\n1,\n2]\nd = 1\n[[e]]\nf = true\n");
my %of = map { ($_ => $root->{value}{$_}) } qw(a b e);
is_deeply [map { [@$_{qw(kind line)}] } @of{qw(a b)}, @{$of{b}{value}}{qw(c d)}, $of{e}, $of{e}{value}[0]{value}{f}],
    [[string => 1], [table => 2], [array => 3], [number => 6], [array => 7], [boolean => 8]], 'kinds and lines';

# Four times the lines take four times as long, and not sixteen times.
sub seconds_for {
    my ($lines) = @_;
    my $text = join '', map {"key$_ = $_\n"} 1 .. $lines;
    my $before = times;
    my $last = parse_toml($text)->{value}{"key$lines"};
    is $last->{line}, $lines, "the last of $lines lines";
    return times - $before;
}
my ($few, $many) = map { seconds_for($_) } 10_000, 40_000;
cmp_ok $many, '<', 10 * $few + 0.5, 'a long text takes no longer than its lines do';

# --- what is none ----------------------------------------------------------------------------------------------------------------------
for my $case (
    ['x', 1, 'expected [table] or key = value: there is no = after x, got the end of the line'], ["[a]\nb = c", 2, 'expected text in quotes, true, false, a number, a time, an array or a table of them, got c'],
    ['= 1', 1, 'expected [table] or key = value, got = 1'], ['a = ', 1, 'expected text in quotes, true, false, a number, a time, an array or a table of them, got the end of the line'],
    ['a = "x', 1, 'expected text in quotes, and there is no second quote, got "x'], ["\na = 'x\n'", 2, q(expected text in quotes, and there is no second quote, got 'x)],
    ["\na = [1,\n 2", 2, 'expected the ] of the array that begins here'], ['a = [1 2]', 1, 'expected , or ] in an array, got 2]'],
    ["\na = {b = 1", 2, 'expected the } of the table that begins here'], ['a = {b = 1 c = 2}', 1, 'expected , or } in a table, got c = 2}'],
    ['a = 1 2', 1, 'expected the end of the line, got 2'], ['[a', 1, 'expected ] after the name of a table, got the end of the line'], ['[[a]', 1, 'expected ]] after the name of a table, got ]'],
    ['[]', 1, 'expected the name of a table, [table], got ]'], ['[a.]', 1, 'expected the name of a table, [table], got ]'],
    ["a = '''\nb", 1, q(expected the end of the text that begins here with ''')], ["\n\na = \"\"\"\nb", 3, 'expected the end of the text that begins here with """'],
    ['a = "C:\\dir"', 1, 'expected \\\\ for a backslash in double quotes, or single quotes around the text, got \\d'], ['a = "\\ud800"', 1, 'expected the number of a character, got \\ud800'],
    (map { ["a = $_", 1, "expected text in quotes, true, false, a number, a time, an array or a table of them, got $_"] } qw(1_ 01 _1 0x 1. .5 1e True yes 0o8 1__0)),
    # What is there twice.
    ["a = 1\nb = 1\na = 2", 3, 'a is there twice, and was in line 1'], ["a.b = 1\na.b = 2", 2, 'a.b is there twice, and was in line 1'], ["'x y' = 1\n\"x y\" = 2", 2, '"x y" is there twice, and was in line 1'],
    ["a = 1\na.b = 2", 2, 'a is there twice, and was in line 1'], ["[a]\n[b]\n[a]", 3, '[a] is there twice, and was in line 1'], ["a = 1\n[a]", 2, '[a] is there twice, and was in line 1'],
    ["a.b = 1\n[a]", 2, '[a] is there twice, and was in line 1'], ["[a.b]\n[a]\nb.c = 1", 3, 'a.b is there twice, and was in line 1'], ["a = {b = 1}\na.c = 2", 2, 'a is there twice, and was in line 1'],
    ["a = {b = 1}\n[a.c]", 2, 'a is there twice, and was in line 1'], ["a = {b.c = 1}\n[a.b.d]", 2, 'a is there twice, and was in line 1'], ["a = {b = 1, b = 2}", 1, 'a.b is there twice, and was in line 1'],
    ["a = [1]\n[[a]]", 2, '[[a]] is there twice, and was in line 1'], ["[[a]]\n[a]", 2, '[a] is there twice, and was in line 1'], ["[a]\n[[a]]", 2, '[[a]] is there twice, and was in line 1'],
) {
    my ($text, $line, $why) = @$case;
    dies_like { parse_toml("$text\n") } qr/\Aline $line: \Q$why\E\n\z/, $text;
}

done_testing;
