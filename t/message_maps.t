# Map fields: hashes and lists of entries, in every place that takes a message.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Mesos::Messages;
no warnings 'Mesos';    # unknown fields are in here on purpose

my $AT = qr/ at \Q$0\E line \d+\.\n\z/;
my $ENTRY = 'Mesos::TaskInfo::LimitsEntry';
my $CSI = 'Mesos::Volume::Source::CSIVolume::StaticProvisioning';

my %csi = (volume_id => 'v', volume_capability => {mount => {}, access_mode => {mode => 1}});

sub scalar_of { return {value => $_[0]} }
my %basic = (name => 'n', task_id => {value => 't'}, slave_id => {value => 's'});
my $hash = {mem => scalar_of(2), cpus => scalar_of(1), disk => scalar_of(3)};
my $list = [map { {key => $_, value => $hash->{$_}} } sort keys %$hash];

subtest 'encode' => sub {
    my $bytes = Mesos::TaskInfo->encode({%basic, limits => $list});
    is(Mesos::TaskInfo->encode({%basic, limits => $hash}), $bytes, 'a hash is its entries, sorted by their keys');
    is(Mesos::TaskInfo->new({%basic, limits => $hash})->encode, $bytes, 'in the constructor');
    my $task = Mesos::TaskInfo->new({%basic});
    $task->limits($hash);
    is($task->encode, $bytes, 'by the setter');
    $task = Mesos::TaskInfo->new({%basic});
    $task->set(limits => $hash);
    is($task->encode, $bytes, 'by set');
    is($task->copy->encode, $bytes, 'a copy');
    ok($task->equals({%basic, limits => $list}), 'equals the list');
    is(Mesos::TaskInfo->encode({%basic, limits => [map { bless {%$_}, $ENTRY } @$list]}), $bytes, 'blessed entries');
    my $one = Mesos::TaskInfo->encode({%basic, limits => [$list->[0]]});
    is(Mesos::TaskInfo->encode({%basic, limits => bless({%{$list->[0]}}, $ENTRY)}), $one, 'one blessed entry');
    @My::Entry::ISA = ($ENTRY);
    is(Mesos::TaskInfo->encode({%basic, limits => bless({%{$list->[0]}}, 'My::Entry')}), $one, 'one of a subclass');
    is(Mesos::TaskInfo->encode({%basic, limits => {$list->[0]{key} => Mesos::Value::Scalar->new($list->[0]{value})}}), $one,
        'a value that is an object');
    is(Mesos::TaskInfo->encode({%basic, limits => bless({%$hash}, 'Some::Class')}), $bytes, 'a hash of another class');
    is(Mesos::TaskInfo->encode({%basic, limits => Hashlike->new(%$hash)}), $bytes, 'an object that is a hash by overloading');
    tie my %tied, 'Tied', %$hash;
    is(Mesos::TaskInfo->encode({%basic, limits => \%tied}), $bytes, 'a tied hash');
    is(Mesos::TaskInfo->encode({%basic, limits => {%$hash, cpus => [scalar_of(9), scalar_of(1)]}}), $bytes, 'the last of several values');
    is(Mesos::TaskInfo->encode({%basic, limits => {}}), Mesos::TaskInfo->encode({%basic}), 'an empty one');
    is(Mesos::TaskInfo->encode({%basic, limits => $hash}, reject_unknown => 1), $bytes, 'with reject_unknown');
    while (my ($key) = each %$hash) { Mesos::TaskInfo->encode({%basic, limits => $hash}); delete $tied{$key} }
    is_deeply([keys %tied], [], 'an each goes on');
    keys %$hash;
};

subtest 'every map' => sub {
    my @maps;
    for my $class (Mesos::Messages::classes()) {
        for my $field (@{$class->_pb_fields_list}) {
            my ($label, $type, $name) = @$field;
            push @maps, [$class, $type, $name] if $label == 3 && $type =~ /Entry\z/;
        }
    }
    is(@maps, 8, 'all are known');
    my %required = (%basic, framework_id => {value => 'f'}, state => 1, user => 'u', %csi);
    for (@maps) {
        my ($class, $type, $name) = @$_;
        my $of = $type->_pb_fields_by_name->{value}[1];
        my $value = $of =~ /^\d+$/ ? 'x' : $of eq 'Mesos::Value::Scalar' ? scalar_of(1) : $of->new;
        my %of = map { ($_ => $value) } qw(b a);
        my $bytes = $class->new({%required, $name => [map { {key => $_, value => $value} } qw(a b)]})->encode;
        is($class->new({%required, $name => \%of})->encode, $bytes, "$class.$name");
        is_deeply($class->decode($bytes, maps => 'hash', unblessed => 1)->{$name}, {map { ($_ => ref $value ? {%$value} : $value) } qw(a b)}, 'and back');
    }
};

subtest 'keys' => sub {
    my %strings = ("\xe9" => 'bytes', "\x{20ac}" => 'characters', '' => 'nothing', "a\0b" => 'NUL', 7 => 'a number');
    my $bytes = $CSI->encode({%csi, volume_context => \%strings});
    is_deeply($CSI->decode($bytes, maps => 'hash')->{volume_context},
        {"\xe9" => 'bytes', "\xe2\x82\xac" => 'characters', '' => 'nothing', "a\0b" => 'NUL', 7 => 'a number'}, 'of all kinds');
    my $flagged = "\xe9";
    utf8::upgrade($flagged);
    is_deeply([keys %{$CSI->decode($CSI->encode({%csi, volume_context => {$flagged => 1}}), maps => 'hash')->{volume_context}}], ["\xc3\xa9"],
        'as strings: UTF-8 where Perl has characters');
};

subtest 'decode' => sub {
    my $bytes = Mesos::TaskInfo->encode({%basic, limits => $hash});
    my $default = Mesos::TaskInfo->decode($bytes);
    is_deeply([map {ref} @{$default->{limits}}], [($ENTRY) x 3], 'a list of entries by default');
    is_deeply(Mesos::TaskInfo->decode($bytes, maps => 'list'), $default, 'or when asked for');
    is_deeply(Mesos::TaskInfo->decode($bytes, maps => $_), $default, 'or when not') for 0, '', undef;
    for my $how ('hash', 1) {
        my $task = Mesos::TaskInfo->decode($bytes, maps => $how);
        is_deeply($task->{limits}, $hash, "a hash: $how");
        is(ref $task->limits->{cpus}, 'Mesos::Value::Scalar', 'of objects');
        is($task->encode, $bytes, 'which is encoded the same');
    }
    is(ref Mesos::TaskInfo->decode($bytes, maps => 'hash', unblessed => 1)->{limits}{cpus}, 'HASH', 'of plain hashes');
    is_deeply(Mesos::TaskInfo->decode($bytes), $default, 'only where it is given');
    my $scattered = Mesos::TaskInfo->decode($bytes . Mesos::TaskInfo->encode({%basic, limits => {gpus => scalar_of(4), cpus => scalar_of(7)}}), maps => 'hash');
    is_deeply($scattered->{limits}, {%$hash, gpus => scalar_of(4), cpus => scalar_of(7)}, 'from scattered entries; the last of a key counts');
    is_deeply($CSI->decode($CSI->encode({%csi, volume_context => [{}, {key => 'k'}]}), maps => 'hash')->{volume_context}, {'' => '', k => ''},
        'without key or value: the empty ones');
    my $no_value = "\x7a\x03\x0a\x01k";    # an entry of limits
    is_deeply(Mesos::TaskInfo->decode($no_value, maps => 'hash')->{limits}, {k => {}});
    is_deeply(Mesos::TaskInfo->decode("$no_value\x12\x03\x0a\x01t$no_value", maps => 'hash')->{limits}, {k => {}}, 'scattered, too');
    dies_like { Mesos::TaskInfo->decode($bytes, maps => 'array') } qr/^decode: option maps: expected 'hash' or 'list', got "array"$AT/;
    dies_like { Mesos::TaskInfo->encode({}, maps => 'hash') } qr/^encode: there is no option "maps"$AT/;
    # On the stack of open messages.
    my $group = Mesos::TaskGroupInfo->encode({tasks => [{%basic, limits => $hash}, {%basic, limits => {}}, {%basic, limits => $hash}]});
    is_deeply([map { $_->{limits} } @{Mesos::TaskGroupInfo->decode($group, maps => 'hash')->{tasks}}], [$hash, undef, $hash], 'inside a list');
};

subtest 'JSON and text' => sub {
    my $task = Mesos::TaskInfo->new({%basic, limits => $hash});
    my $json = $task->encode_json;
    like($json, qr/"limits":\{"cpus":\{"value":1\.0\},"disk":\{"value":3\.0\},"mem":\{"value":2\.0\}\}/);
    is(Mesos::TaskInfo->new({%basic, limits => $list})->encode_json, $json, 'the same for a list');
    is_deeply(Mesos::TaskInfo->decode_json($json, maps => 'hash')->{limits}, $hash, 'and back');
    is_deeply([map { $_->{key} } @{Mesos::TaskInfo->decode_json($json, maps => 'list')->{limits}}], [qw(cpus disk mem)], 'as a list');
    is(Mesos::TaskInfo->decode_json($json)->encode, $task->encode, 'the same bytes');
    dies_like { Mesos::TaskInfo->decode_json($json, maps => 'array') } qr/^decode_json: option maps: expected 'hash' or 'list', got "array"$AT/;
    is(Mesos::TaskInfo->new({limits => $hash})->dump, Mesos::TaskInfo->new({limits => $list})->dump, 'dump');
};

subtest 'errors' => sub {
    for (
        [{cpus => 1}, qr/^Mesos::TaskInfo\.limits\{cpus\}: expected a hash or a Mesos::Value::Scalar, got "1"$AT/],
        [{cpus => {}}, qr/^Mesos::TaskInfo\.limits\{cpus\}\.value: required field is missing$AT/],
        [{a => scalar_of(1), cpus => scalar_of('x')}, qr/^Mesos::TaskInfo\.limits\{cpus\}\.value: expected a number, got "x"$AT/],
        [{cpus => undef}, qr/^Mesos::TaskInfo\.limits\{cpus\}: expected a hash or a Mesos::Value::Scalar, got undef$AT/],
        [{cpus => []}, qr/^Mesos::TaskInfo\.limits\{cpus\}: expected a hash or a Mesos::Value::Scalar, got undef$AT/],
        [{key => 'cpus', value => scalar_of(1)}, qr/^Mesos::TaskInfo\.limits\{key\}: expected a hash or a Mesos::Value::Scalar, got "cpus"$AT/],
        ['cpus', qr/^Mesos::TaskInfo\.limits: expected a hash or a Mesos::TaskInfo::LimitsEntry, got "cpus"$AT/],
        [{"a\n" . 'x' x 100 => 1}, qr/^Mesos::TaskInfo\.limits\{a\\nx{58}\.\.\.\}: expected a hash/],
        [[{key => 'cpus'}], qr/^Mesos::TaskInfo\.limits\[0\]\.value: required field is missing$AT/],
        [[{key => 'a', value => scalar_of(1)}, {key => 'cpus', value => undef}], qr/^Mesos::TaskInfo\.limits\[1\]\.value: required field is missing$AT/],
        [[{}], qr/^Mesos::TaskInfo\.limits\[0\]\.value: required field is missing$AT/],
        [bless({key => 'cpus'}, $ENTRY), qr/^Mesos::TaskInfo\.limits\.value: required field is missing$AT/],
        [[{key => 'cpus', value => 1}], qr/^Mesos::TaskInfo\.limits\[0\]\.value: expected a hash or a Mesos::Value::Scalar, got "1"$AT/],
    ) {
        my ($limits, $pattern) = @$_;
        dies_like { Mesos::TaskInfo->encode({%basic, limits => $limits}) } $pattern;
    }
    dies_like { Mesos::TaskInfo->encode_json({limits => {cpus => undef}}) }
    qr/^Mesos::TaskInfo\.limits\{cpus\}: expected a hash or a Mesos::Value::Scalar, got undef$AT/, 'as JSON';
    dies_like { Mesos::TaskInfo->encode({%basic, limits => {cpus => {value => 1, valeu => 1}}}, reject_unknown => 1) }
    qr/^Mesos::TaskInfo\.limits\{cpus\}: there is no field "valeu"$AT/, 'unknown keys';
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    is_deeply($CSI->decode($CSI->encode({%csi, volume_context => {k => undef}}), maps => 'hash')->{volume_context}, {k => ''}, 'an undefined string');
    is(@warnings, 1);
    like($warnings[0], qr/^undefined value of the key "k" of a map is encoded as the empty value at \Q$0\E line/);
};

done_testing;
