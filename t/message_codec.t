# Encoding and decoding: what is accepted, what is refused and in which words, and Perl code that runs in the middle of it.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Scalar::Util qw(dualvar);
use Mesos::Messages;
no warnings 'Mesos';    # unknown fields are in here on purpose

sub hex_of { return unpack 'H*', $_[0] }

my $AT = qr/ at \Q$0\E line \d+\.\n\z/;

subtest 'there and back' => sub {
    my $task = {
        name => 'n', task_id => {value => 17}, slave_id => Mesos::SlaveID->new({value => 's'}),
        resources => [{name => 'cpus', type => 0, scalar => {value => 0.5}}, {name => 'p', type => 1, ranges => {range => [{begin => 1, end => 2}]}}],
    };
    my $bytes = Mesos::TaskInfo->encode($task);
    my $again = Mesos::TaskInfo->decode($bytes);
    is_deeply($again, {%$task, task_id => {value => '17'}});
    is(ref $again, 'Mesos::TaskInfo');
    is(ref $again->{resources}[1]{ranges}{range}[0], 'Mesos::Value::Range', 'nested objects are of their classes');
    is($again->encode, $bytes);
    ok(!utf8::is_utf8($bytes), 'bytes');
    is(Mesos::TaskInfo->new($task)->encode, $bytes, 'as an object method');
    is(Mesos::Labels->encode, '', 'nothing');
    is_deeply(Mesos::TaskInfo->decode(''), {}, 'required fields may be missing in what is decoded');
};

subtest 'strings' => sub {
    is(hex_of(Mesos::TaskID->encode({value => "\xe9"})), '0a01e9', 'bytes as they are');
    my $text = "\xe9";
    utf8::upgrade($text);
    is(hex_of(Mesos::TaskID->encode({value => $text})), '0a02c3a9', 'characters as UTF-8');
    is(hex_of(Mesos::TaskID->encode({value => "\x{20ac}"})), '0a03e282ac');
    is(hex_of(Mesos::TaskID->encode({value => 1.5})), '0a03312e35', 'a number');
    is(hex_of(Mesos::TaskID->encode({value => ''})), '0a00', 'empty is not missing');
    my $back = Mesos::TaskID->decode(Mesos::TaskID->encode({value => "\x{20ac}"}));
    ok(!utf8::is_utf8($back->{value}), 'decoded strings are bytes');
    dies_like { Mesos::TaskID->encode({value => []}) } qr/^Mesos::TaskID\.value: required field is missing$AT/, 'an empty list is nothing';
    dies_like { Mesos::TaskID->encode({value => {}}) } qr/^Mesos::TaskID\.value: expected a string, got a reference to HASH$AT/;
    dies_like { Mesos::TaskID->encode({value => sub { }}) } qr/^Mesos::TaskID\.value: expected a string, got a reference to CODE$AT/;
    dies_like { Mesos::TaskID->encode({value => Mesos::TaskID->new}) } qr/got an object of class Mesos::TaskID$AT/;
};

subtest 'numbers' => sub {
    my $scalar = sub { hex_of(Mesos::Value::Scalar->encode({value => $_[0]})) };
    my $half = '09000000000000e03f';
    is($scalar->(0.5), $half);
    is($scalar->('0.5'), $half, 'from a string');
    is($scalar->(" 0.5\n"), $half, 'with space around it');
    is($scalar->(dualvar(0.5, 'abc')), $half, 'a dualvar is its number');
    is(hex_of(Mesos::TaskID->encode({value => dualvar(0.5, 'abc')})), '0a03616263', 'or its string');
    dies_like { $scalar->('abc') } qr/^Mesos::Value::Scalar\.value: expected a number, got "abc"$AT/;
    dies_like { $scalar->('12abc') } qr/expected a number, got "12abc"/;
    { no warnings 'numeric'; my $used = '12abc'; my $sum = $used + 1; dies_like { $scalar->($used) } qr/got "12abc"/, 'also after use as a number'; }
    dies_like { $scalar->('') } qr/expected a number, got ""/;
    dies_like { $scalar->([1, {}]) } qr/expected a number, got a reference to HASH/;
    my $duration = sub { hex_of(Mesos::DurationInfo->encode({nanoseconds => $_[0]})) };
    is($duration->(-1), '08ffffffffffffffffff01');
    is($duration->('-1'), '08ffffffffffffffffff01');
    is($duration->(1e3), '08e807');
    is($duration->('1e3'), '08e807');
    is($duration->(2.9), '0802', 'a fraction is cut off');
    is($duration->('-9223372036854775808'), '0880808080808080808001');
    dies_like { $duration->(1e19) } qr/^Mesos::DurationInfo\.nanoseconds: expected an integer from -9223372036854775808 to 9223372036854775807, got 1000/;
    dies_like { $duration->('nan') } qr/nanoseconds: expected an integer/;
    my $range = sub { hex_of(Mesos::Value::Range->encode({begin => $_[0], end => 0})) };
    is($range->(~0), '08ffffffffffffffffff011000');
    is($range->('18446744073709551615'), '08ffffffffffffffffff011000');
    dies_like { $range->(-1) } qr/^Mesos::Value::Range\.begin: expected an integer from 0 to 18446744073709551615, got -1$AT/;
    dies_like { Mesos::TaskStatus->encode({task_id => {value => 1}, state => 'TASK_RUNNING'}) } qr/^Mesos::TaskStatus\.state: expected a number \(a constant of Mesos::TaskState\), got "TASK_RUNNING"/;
    dies_like { Mesos::Port->encode({number => 4294967296}) } qr/^Mesos::Port\.number: expected an integer from 0 to 4294967295, got 4294967296/;
    is(hex_of(Mesos::TaskStatus->encode({task_id => {value => 1}, state => 999})), '0a030a013110e707', 'any number of an enum');
    for my $true (1, 'false', '0.0', {}, '00', -1) {
        my $value = $true;
        is(hex_of(Mesos::TaskStatus->encode({task_id => {value => 1}, state => 0, healthy => $value})),
            '0a030a013110004001', "$true is true");
    }
    is(hex_of(Mesos::TaskStatus->encode({task_id => {value => 1}, state => 0, healthy => $_})), '0a030a013110004000', "'$_' is false") for 0, '', '0';
};

subtest 'shapes' => sub {
    is(hex_of(Mesos::Value::Set->encode({item => 'a'})), '0a0161', 'a scalar for a repeated field');
    is(hex_of(Mesos::Value::Set->encode({item => []})), '', 'no elements');
    is(hex_of(Mesos::TaskID->encode({value => ['a', 'b']})), '0a0162', 'the last of several');
    is(hex_of(Mesos::TaskInfo->encode({name => 'n', task_id => bless({value => 1}, 'Any'), slave_id => [{value => 2}]})),
        '0a016e12030a01311a030a0132', 'objects of any class, and lists of them');
    is(hex_of(Mesos::Labels->encode({labels => {key => 'k'}})), '0a030a016b', 'one message for a repeated field');
    is(hex_of(Mesos::Label->encode({key => 'k', value => undef, other => 1})), '0a016b', 'undef is absent, unknown keys are ignored');
    is(hex_of(Mesos::MasterInfo->encode({id => 1, ip => 2})), '0a0131100218ba27', 'the default of a required field');
    dies_like { Mesos::TaskInfo->encode({name => 'n', task_id => 'x'}) } qr/^Mesos::TaskInfo\.task_id: expected a hash or a Mesos::TaskID, got "x"$AT/;
    dies_like { Mesos::TaskInfo->encode({name => 'n', task_id => sub { }}) } qr/task_id: expected a hash or a Mesos::TaskID, got a reference to CODE$AT/;
    dies_like { Mesos::TaskInfo->encode({name => 'n', task_id => {}}) } qr/^Mesos::TaskInfo\.task_id\.value: required field is missing$AT/;
    dies_like { Mesos::TaskInfo->encode('x') } qr/^Mesos::TaskInfo: expected a hash or an object, got "x"$AT/;
    dies_like { Mesos::TaskInfo->encode([]) } qr/^Mesos::TaskInfo: expected a hash or an object, got a reference to ARRAY$AT/;
    dies_like { Mesos::Labels->encode({labels => [{key => 1}, 7]}) } qr/^Mesos::Labels\.labels\[1\]: expected a hash or a Mesos::Label, got "7"$AT/;
    dies_like { Mesos::Labels->encode({labels => [{key => 1}, undef]}) } qr/^Mesos::Labels\.labels\[1\]: expected a hash or a Mesos::Label, got undef$AT/;
    dies_like { Mesos::Labels->encode({labels => [[]]}) } qr/^Mesos::Labels\.labels\[0\]: expected a hash or a Mesos::Label, got a reference to ARRAY/;
    my $status = sub { Mesos::TaskInfo->encode({name => 'n', task_id => {value => 1}, slave_id => {value => 1},
                resources => [map { {name => 'cpus', type => 0, scalar => {value => $_}} } @_]}) };
    dies_like { $status->(1, 2, 'abc') } qr/^Mesos::TaskInfo\.resources\[2\]\.scalar\.value: expected a number, got "abc"$AT/, 'the path';
    my @warnings;
    {
        local $SIG{__WARN__} = sub { push @warnings, @_ };
        is(hex_of(Mesos::Value::Set->encode({item => ['a', undef, 'b']})), '0a01610a000a0162', 'undef among strings is empty');
    }
    like("@warnings", qr/undefined element of the repeated field 'item' is encoded as the empty value$AT/, 'with a warning');
};

# Of each class: [label, class or number of the type, name, number, default] of its fields.
my %fields_of = map { ($_ => $_->_pb_fields_list) } Mesos::Messages::classes();

# Which fields a message of the class must have. An entry of a map needs its value, unless an empty message is one.
sub required_of {
    my ($class) = @_;
    return grep { $_->[0] == 2 || $class =~ /Entry\z/ && $_->[2] eq 'value' && $fields_of{$_->[1]} && required_of($_->[1]) } @{$fields_of{$class}};
}

# A message of the class with all that is required, to any depth, and nothing else.
sub complete_one {
    my ($class) = @_;
    return {map { ($_->[2] => $fields_of{$_->[1]} ? complete_one($_->[1]) : 1) } required_of($class)};
}

subtest 'required fields, in every place of every class' => sub {
    my $tried = 0;
    for my $class (sort keys %fields_of) {
        my $around = complete_one($class);
        for my $field (@{$fields_of{$class}}) {
            my ($label, $type, $name) = @$field;
            next if !$fields_of{$type};
            my $complete = complete_one($type);
            my $repeated = $label == 3;
            ok(eval { $class->encode({%$around, $name => $repeated ? [$complete] : $complete}); 1 }, "$class.$name is complete") or diag $@;
            for my $missing (map { $_->[2] } grep { !defined $_->[4] } required_of($type)) {
                my %without = %$complete;
                delete $without{$missing};
                for my $shape (!$repeated ? \%without : (), [\%without], [$complete, \%without]) {
                    my $path = "$class.$name" . ($repeated ? "[$#$shape]" : '') . ".$missing";
                    dies_like { $class->encode({%$around, $name => $shape}) } qr/^\Q$path\E: required field is missing$AT/, $path;
                    $tried++;
                }
            }
        }
    }
    cmp_ok($tried, '>', 500);
};

subtest 'depth' => sub {
    my $nested = sub { my $id = {value => 0}; $id = {value => $_, parent => $id} for 2 .. $_[0]; return $id };
    my $bytes = Mesos::ContainerID->encode($nested->(100));
    is(Mesos::ContainerID->decode($bytes)->encode, $bytes, '100 messages inside one another');
    dies_like { Mesos::ContainerID->encode($nested->(101)) } qr/^Mesos::ContainerID(?:\.parent){100}: nested more than 100 messages deep, or in a circle$AT/;
    my $circle = {value => 1};
    $circle->{parent} = $circle;
    dies_like { Mesos::ContainerID->encode($circle) } qr/nested more than 100 messages deep, or in a circle/;
    delete $circle->{parent};    # or it is never freed
};

subtest 'refused bytes' => sub {
    dies_like { Mesos::TaskID->decode("\x0a\x05abc") } qr/^Mesos::TaskID: message is incomplete or invalid: it is truncated \(at byte 0\)$AT/;
    dies_like { Mesos::TaskInfo->decode("\x12\x02\x0a\x05") } qr/^Mesos::TaskInfo\.task_id: message is incomplete or invalid: it is truncated \(at byte 2\)$AT/;
    dies_like { Mesos::TaskID->decode("\x{20ac}") } qr/wide-character string.*$AT/;
    my $ascii = "\x0a\x01x";
    utf8::upgrade($ascii);
    dies_like { Mesos::TaskID->decode($ascii) } qr/wide-character string/, 'utf8-flagged is refused whatever it holds';
    dies_like { Mesos::TaskID->decode } qr/^Usage: Mesos::TaskID->decode\(\$bytes, %options\)$AT/;
    is(Mesos::TaskID->decode("\x0a\x01x")->{value}, 'x', 'and all is well afterwards');
};

subtest 'where errors are' => sub {
    package Elsewhere;
    sub inner { Mesos::TaskID->encode({}) }
    sub outer { inner() }
    my $line = __LINE__ - 2;
    main::dies_like { outer() } qr/ at \Q$0\E line $line\.\n\z/, 'at the call, without a backtrace';
};

subtest 'magic' => sub {
    tie my %hash, 'Magic::Hash', {value => 'tied'};
    is(hex_of(Mesos::TaskID->encode(\%hash)), '0a0474696564', 'a tied hash');
    tie my @array, 'Magic::Array', 'a', 'b';
    is(hex_of(Mesos::Value::Set->encode({item => \@array})), '0a01610a0162', 'a tied array');
    is(hex_of(Mesos::TaskID->encode({value => \@array})), '0a0162', 'its last element');
    tie my $scalar, 'Magic::Scalar', sub {'sc'};
    is(hex_of(Mesos::TaskID->encode({value => $scalar})), '0a027363', 'a tied scalar');
    my %holder;
    tie $holder{value}, 'Magic::Scalar', sub {'sc'};
    is(hex_of(Mesos::TaskID->encode(\%holder)), '0a027363', 'a tied value');
    my $string = bless {}, 'Magic::String';
    is(hex_of(Mesos::TaskID->encode({value => $string})), '0a03737472', 'overloaded as a string');
    my $number = bless {}, 'Magic::Number';
    is(hex_of(Mesos::DurationInfo->encode({nanoseconds => $number})), '082a', 'overloaded as a number');
    is(hex_of(Mesos::TaskStatus->encode({task_id => {value => 1}, state => 0, healthy => bless({}, 'Magic::False')})),
        '0a030a013110004000', 'overloaded as false');
    is(hex_of(Mesos::TaskID->encode(bless [], 'Magic::HashLike')), '0a026868', 'overloaded as a hash');
    'abc' =~ /(b)/;
    is(hex_of(Mesos::TaskID->encode({value => $1})), '0a0162', 'a capture');
    require Math::BigInt;
    is(hex_of(Mesos::Value::Range->encode({begin => Math::BigInt->new('18446744073709551615'), end => 0})), '08ffffffffffffffffff011000', 'Math::BigInt');
};

subtest 'Perl code in the middle' => sub {
    my $inner = sub { Mesos::TaskID->decode(Mesos::TaskID->encode({value => 'inner' x 100}))->{value} };
    my $labels = {labels => [map { {key => "k$_", value => 'x' x $_} } 1 .. 50]};
    my $plain = Mesos::Labels->encode({labels => [@{$labels->{labels}}, {key => 'inner' x 100}]});
    tie my $scalar, 'Magic::Scalar', $inner;
    push @{$labels->{labels}}, {};
    tie $labels->{labels}[-1]{key}, 'Magic::Scalar', $inner;
    is(Mesos::Labels->encode($labels), $plain, 'encodes and decodes other messages') for 1 .. 3;

    tie $labels->{labels}[-1]{key}, 'Magic::Scalar', sub { die "no key today\n" };
    for (1 .. 3) {
        dies_like { Mesos::Labels->encode($labels) } qr/^no key today$/;
        is(hex_of(Mesos::TaskID->encode({value => 'v'})), '0a0176', 'the next encoding is not disturbed');
    }
    tie $labels->{labels}[-1]{key}, 'Magic::Scalar', sub { eval { Mesos::TaskID->encode({}) }; eval { Mesos::TaskID->decode("\x0a") }; 'k' };
    like(Mesos::Labels->encode($labels), qr/\x0a\x03\x0a\x01k\z/, 'fails at others');

    # It takes away what the walk is in.
    my $victim = {labels => [{key => 'a'}, {}, {key => 'c'}]};
    tie $victim->{labels}[1]{key}, 'Magic::Scalar', sub { delete $victim->{labels}; my @fill = map { {x => $_} } 1 .. 100; 'b' };
    is(hex_of(Mesos::Labels->encode($victim)), '0a030a01610a030a01620a030a0163', 'removes the list');
    my $shrinking = {labels => [{key => 'a'}, {}, {key => 'c'}]};
    tie $shrinking->{labels}[1]{key}, 'Magic::Scalar', sub { $#{$shrinking->{labels}} = 0; 'b' };
    is(hex_of(Mesos::Labels->encode($shrinking)), '0a030a01610a030a0162', 'shortens the list');
    my $value = 'before' x 20;
    my $changing = {labels => [{key => $value}, {}]};
    tie $changing->{labels}[1]{key}, 'Magic::Scalar', sub { $changing->{labels}[0]{key} = undef; 'b' };
    like(Mesos::Labels->encode($changing), qr/\Q$value\E/, 'changes what was walked over');
};

subtest 'a failed tie does not stay' => sub {
    my $depth = 0;
    tie my %recursive, 'Magic::Recursive', \$depth;
    is(hex_of(Mesos::TaskID->encode(\%recursive)), hex_of(Mesos::TaskID->encode({value => Mesos::TaskID->encode({value => Mesos::TaskID->encode({value => 'end'})})})),
        'encodings inside one another');
};

BEGIN {
    package Magic::Hash;
    require Tie::Hash;
    our @ISA = ('Tie::ExtraHash');
    sub TIEHASH { my ($class, $hash) = @_; return bless [$hash], $class }

    package Magic::Array;
    require Tie::Array;
    our @ISA = ('Tie::StdArray');
    sub TIEARRAY { my ($class, @values) = @_; return bless \@values, $class }

    package Magic::Scalar;
    sub TIESCALAR { my ($class, $code) = @_; return bless {code => $code}, $class }
    sub FETCH { return $_[0]{code}->() }
    sub STORE { }

    package Magic::Recursive;
    sub TIEHASH { my ($class, $depth) = @_; return bless {depth => $depth}, $class }
    sub EXISTS { return 1 }
    sub FETCH {
        my ($self) = @_;
        return 'end' if ${$self->{depth}}++ == 2;
        tie my %again, 'Magic::Recursive', $self->{depth};
        return Mesos::TaskID->encode(\%again);
    }

    package Magic::String;
    use overload '""' => sub {'str'};

    package Magic::Number;
    use overload '0+' => sub {42}, fallback => 1;

    package Magic::False;
    use overload 'bool' => sub { !1 }, fallback => 1;

    package Magic::HashLike;
    use overload '%{}' => sub { return {value => 'hh'} }, fallback => 1;
}

done_testing;
