# Data without end, too deep or in a circle, and numbers that do not fit: each is an error, and takes no more than so much memory.

use 5.10.1;
use strict;
use warnings;
use Math::BigInt;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Mesos::Messages;

my $AT = qr/ at \Q$0\E line \d+\.\n\z/;
my $LONG = qr/: message is too large: more than 512 MiB, or more than 4194304 values$AT/;
my $DEEP = qr/: nested more than 100 messages deep, or in a circle$AT/;

# The most memory that this process ever had, in MiB; 0 where the system does not tell.
sub peak {
    open my $status, '<', '/proc/self/status' or return 0;
    my ($peak) = map { /^VmHWM:\s*(\d+)/ ? $1 : () } <$status>;
    return ($peak || 0) / 1024;
}

{
    package Endless::Array;
    sub TIEARRAY { my ($class, $item) = @_; return bless {item => $item, fetched => 0}, $class }
    sub FETCH { $_[0]{fetched}++; return ref $_[0]{item} eq 'CODE' ? $_[0]{item}->() : $_[0]{item} }
    sub FETCHSIZE { return $_[0]{fetched} + 10 }

    package Endless::Hash;
    sub TIEHASH { my ($class, $item) = @_; return bless {item => $item, key => 'k0'}, $class }
    sub FETCH { return $_[0]{item} }
    sub EXISTS { return 1 }
    sub FIRSTKEY { return $_[0]{key} }
    sub NEXTKEY { return ++$_[0]{key} }

    package Number;
    use overload '0+' => sub { ${$_[0]} }, fallback => 1;
    sub of { my ($class, $number) = @_; return bless \$number, $class }

    package Texted;
    use overload '""' => sub { ${$_[0]} }, fallback => 1;
    sub of { my ($class, $number) = @_; return bless \$number, $class }
}

{
    package Encoding;
    no warnings 'recursion';
    our $depth = 0;
    use overload '""' => sub { $depth++; Mesos::TaskID->encode({value => $_[0]}) }, fallback => 1;
}

sub endless { my ($item) = @_; tie my @array, 'Endless::Array', $item; return \@array }

subtest 'data without end' => sub {
    my $before = peak();
    dies_like { Mesos::Value::Set->encode({item => endless('x')}) } qr/^Mesos::Value::Set\.item\[\d+\]$LONG/, 'strings';
    dies_like { Mesos::Value::Set->encode({item => endless('x' x 1_000_000)}) } qr/^Mesos::Value::Set\.item\[53\d\]$LONG/, 'long strings';
    dies_like { Mesos::Value::Ranges->encode({range => endless(sub { {begin => 1, end => 2} })}) }
    qr/^Mesos::Value::Ranges\.range\[\d+\]\S*$LONG/, 'messages, new ones each time';
    tie my %hash, 'Endless::Hash', {value => 1};
    dies_like { Mesos::TaskInfo->encode({limits => \%hash, name => 'n', task_id => {value => 't'}, slave_id => {value => 's'}}) }
    qr/^Mesos::TaskInfo$LONG/, 'a map';
    tie my %strings, 'Endless::Hash', 'x';
    dies_like { Mesos::TaskID->encode(\%strings, reject_unknown => 1) } qr/^Mesos::TaskID$LONG/, 'keys that are no fields';
    my $huge = [];
    $#$huge = 5_000_000;
    my $messages = Mesos::Value::Set->new({item => $huge});
    my $map = Mesos::TaskInfo->new({limits => \%hash});
    for my $walk (qw(encode_json TO_JSON dump copy)) {
        dies_like { $messages->$walk } qr/^Mesos::Value::Set\.item: message is too large: more than 4194304 values$AT/, "$walk: a list";
        next if $walk eq 'TO_JSON';    # the same code as encode_json
        dies_like { $map->$walk } qr/^Mesos::TaskInfo\S*: message is too large: more than 4194304 values$AT/, "$walk: keys";
    }
    my @warnings;
    {
        local $SIG{__WARN__} = sub { push @warnings, @_ };
        my @undefined;
        $#undefined = 20_000_000;
        dies_like { Mesos::Value::Set->encode({item => \@undefined}) } qr/^Mesos::Value::Set\.item\[\d+\]$LONG/, 'undefined values';
        dies_like { Mesos::TaskStatus->encode({task_id => {value => 't'}, state => 1, labels => {labels => \@undefined}}) }
        qr/^Mesos::TaskStatus\.labels\.labels\[0\]: expected a hash or a Mesos::Label, got undef$AT/, 'undefined messages';
    }
    is(@warnings, 1, 'with one warning for all');
    # What all of them may take together: 512 MiB of strings, 96 MiB of tokens, a million keys, the list of undefined values.
    cmp_ok(peak() - $before, '<', 1024, 'in bounded memory') if peak();
    is(length Mesos::Value::Set->encode({item => [('x') x 100_000]}), 300_000, 'and a message that ends is encoded');
};

subtest 'deep and cyclic' => sub {
    my $circle = {value => 'c'};
    $circle->{parent} = $circle;
    my $deep = {value => 'd'};
    $deep = {value => 'd', parent => $deep} for 1 .. 10_000;
    for ([circle => $circle], [deep => $deep]) {
        my ($name, $message) = @$_;
        dies_like { Mesos::ContainerID->encode($message) } qr/^Mesos::ContainerID(?:\.parent)+$DEEP/, $name;
        dies_like { Mesos::ContainerID->new($message)->equals({value => 'x'}) } qr/^Mesos::ContainerID(?:\.parent)+$DEEP/, "$name, compared";
        dies_like { Mesos::ContainerID->new($message)->$_ } qr/deep, or in a circle$AT/, "$name, $_" for qw(encode_json TO_JSON dump copy);
    }
    delete $circle->{parent};
    my $list = [];
    push @$list, $list;
    dies_like { Mesos::Value::Set->encode({item => $list}) } qr/^Mesos::Value::Set\.item\[0\]: expected a string, got a reference to ARRAY$AT/, 'a list in itself';
};

subtest 'a value that encodes itself' => sub {
    dies_like { Mesos::TaskID->encode({value => bless [], 'Encoding'}) } qr/^100 encodings are within one another: a value encodes itself$AT/;
    is($Encoding::depth, 100, 'after a hundred');
    is(Mesos::TaskID->encode({value => 'v'}), "\x0a\x01v", 'nothing of that stays');
};

# --- numbers -------------------------------------------------------------------------------------------------------------------

my %FIELDS = (
    int32 => ['Mesos::CheckStatusInfo::Command', 'exit_code'],
    int64 => ['Mesos::DurationInfo', 'nanoseconds'],
    uint32 => ['Mesos::CheckInfo::Tcp', 'port'],
    uint64 => ['Mesos::DiskStatistics', 'limit_bytes'],
    enum => ['Mesos::Resource', 'type', name => 'n'],
    double => ['Mesos::Filters', 'refuse_seconds'],
);

# How a number can be given, from its decimal text; undef where this way cannot hold it.
my %FORMS = (
    'string' => sub { $_[0] },
    'string as a number' => sub { my $text = $_[0]; no warnings 'numeric'; my $used = $text + 0; $text },
    'string as an integer' => sub { my $text = $_[0]; no warnings 'numeric'; my $used = $text | 0; $text },
    'string as both' => sub { my $text = $_[0]; no warnings 'numeric'; my @used = (int $text, $text * 1.5, $text == 1, sprintf '%d', $text); $text },
    'string with space' => sub {" $_[0] "},
    'number' => sub { $_[0] =~ /\A-?\d+\z/ && ($_[0] + 0) eq $_[0] ? $_[0] + 0 : undef },
    'number as a string' => sub { $_[0] =~ /\A-?\d+\z/ && ($_[0] + 0) eq $_[0] ? do { my $n = $_[0] + 0; my $text = "$n"; $n } : undef },
    'double' => sub { $_[0] =~ /\A-?\d+\z/ && Math::BigInt->new($_[0])->copy->babs <= 2**53 ? do { my $n = $_[0] * 1.0; $n } : undef },
    'overloaded number' => sub { ($_[0] + 0) eq $_[0] ? Number->of($_[0] + 0) : undef },
    'overloaded string' => sub { Texted->of($_[0]) },
    'Math::BigInt' => sub { $_[0] =~ /\A-?\d+\z/ ? Math::BigInt->new($_[0]) : undef },
    'list' => sub { [$_[0]] },
);

my %RANGES = (
    int32 => ['-2147483648', '2147483647'],
    enum => ['-2147483648', '2147483647'],
    int64 => ['-9223372036854775808', '9223372036854775807'],
    uint32 => ['0', '4294967295'],
    uint64 => ['0', '18446744073709551615'],
);

sub encoded {
    my ($type, $value) = @_;
    my ($class, $field, @other) = @{$FIELDS{$type}};
    return $class->decode($class->encode({@other, $field => $value}))->{$field};
}

subtest 'ranges' => sub {
    for my $type (sort keys %RANGES) {
        my ($least, $most) = map { Math::BigInt->new($_) } @{$RANGES{$type}};
        my ($class, $field) = @{$FIELDS{$type}};
        for my $form (sort keys %FORMS) {
            my @wrong;
            for my $off ([$least, 0], [$least, 1], [$most, 0], [$most, -1]) {
                my $text = ($off->[0] + $off->[1])->bstr;
                my $value = $FORMS{$form}->($text);
                next if !defined $value;
                my $got = eval { encoded($type, $value) };
                push @wrong, "$text: " . (defined $got ? $got : $@) if !defined $got || "$got" ne $text;
            }
            for my $off ([$least, -1], [$least, -2], [$least, -300], [$least, -1000], [$most, 1], [$most, 2], [$most, 300], [$most * 10, 0]) {
                my $text = ($off->[0] + $off->[1])->bstr;
                my $value = $FORMS{$form}->($text);
                next if !defined $value;
                my $got = eval { encoded($type, $value) };
                push @wrong, "$text is $got" if defined $got;
                push @wrong, "$text: $@" if !defined $got && $@ !~ /^\Q$class.$field\E: expected an integer from $RANGES{$type}[0] to $RANGES{$type}[1], got /;
            }
            is_deeply(\@wrong, [], "$type: $form");
        }
    }
};

subtest 'what is no number' => sub {
    my $infinity = 9**9**9;
    my $nan = -sin $infinity;
    for my $type (sort keys %FIELDS) {
        my $is_double = $type eq 'double';
        for my $text ('', ' ', '-', 'x', '0x10', '12abc', '1e', '1 2', '--1', '1e400', '-1e400', "1\0", "\x{661}") {
            my @values = ([$text => $text]);
            for my $form ('string as a number', 'string as an integer', 'string as both', 'overloaded string', 'list') {
                push @values, ["$text, $form" => $FORMS{$form}->($text)];
            }
            for (@values) {
                my ($name, $value) = @$_;
                $name =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ge;
                dies_like { encoded($type, $value) } qr/: expected a number.*, got "/, "$type: '$name'";
            }
        }
        for ([inf => $infinity], ['-inf' => -$infinity], [nan => $nan], map { ["'$_'", $_] } qw(inf Infinity -inf nan NaN)) {
            my ($name, $value) = @$_;
            if ($is_double) {
                my $got = encoded($type, $value);
                is("$got", $value + 0 . '', "$type: $name");
            } else {
                dies_like { encoded($type, $value) } qr/: expected an integer from -?\d+ to \d+, got /, "$type: $name";
                dies_like { encoded($type, Number->of($value)) } qr/: expected an integer from -?\d+ to \d+, got /, "$type: $name, overloaded";
            }
        }
        is(encoded($type, ' 12'), 12, "$type: space around it");
        is(encoded($type, '12.0'), 12, "$type: a fraction of nothing");
        is(encoded($type, '1e1'), 10, "$type: an exponent");
    }
};

done_testing;
