# Messages as JSON, copies, and comparison.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
BEGIN { eval { require JSON::PP; 1 } or plan skip_all => 'JSON::PP is not there' }
use Mesos::Messages;
no warnings 'Mesos';    # unknown fields are in here on purpose

my $status = Mesos::TaskStatus->new({
        task_id => {value => "t\xc3\xa9"}, state => 1, healthy => 'yes', uuid => "\0\1\2\xff", timestamp => '1.5',
        labels => {labels => [{key => 'k'}, {key => 'l', value => '17'}]}, unknown => 1,
});
my $json = $status->encode_json;
is($json, '{"healthy":true,"labels":{"labels":[{"key":"k"},{"key":"l","value":"17"}]},"state":"TASK_RUNNING",'
        . qq("task_id":{"value":"t\xc3\xa9"},"timestamp":1.5,"uuid":"AAEC/w=="}), 'encode_json');
my $back = Mesos::TaskStatus->decode_json($json);
is(ref $back->task_id, 'Mesos::TaskID');
is($back->encode, $status->encode, 'there and back');
is(JSON::PP->new->canonical->utf8->convert_blessed->encode([$status]), "[$json]", 'TO_JSON');

is_deeply({%{Mesos::TaskStatus->decode_json('{"state": 99, "healthy": false, "nonsense": 1, "message": null}')}}, {state => 99, healthy => 0},
    'numbers of enums, unknown names, null');
is(Mesos::DurationInfo->decode_json('{"nanoseconds": "-9223372036854775808"}')->encode_json, '{"nanoseconds":-9223372036854775808}', 'integers as strings');
is(Mesos::TaskStatus->new({state => 99})->encode_json, '{"state":99}', 'an unknown number of an enum');

is(Mesos::TaskID->decode_json(qq(\xef\xbb\xbf{"value":"t"}))->{value}, 't', 'after a byte order mark');
dies_like { Mesos::TaskStatus->decode_json('{') } qr/^Mesos::TaskStatus: not JSON: .* at \Q$0\E line \d+\.$/;
dies_like { Mesos::TaskStatus->decode_json('[]') } qr/^Mesos::TaskStatus: expected a JSON object, got an array at \Q$0\E line \d+\.$/;
dies_like { Mesos::TaskStatus->decode_json('{"state":"RUNNING"}') } qr/^Mesos::TaskStatus\.state: Mesos::TaskState has no value "RUNNING" at/;
dies_like { Mesos::TaskStatus->decode_json('{"labels":{"labels":[{"key":[]}]}}') } qr/^Mesos::TaskStatus\.labels\.labels\[0\]\.key: expected a string, got an array at/;
dies_like { Mesos::TaskStatus->decode_json('{"timestamp":"soon"}') } qr/^Mesos::TaskStatus\.timestamp: expected a number, got "soon" at/;
dies_like { Mesos::TaskStatus->new({labels => 'x'})->encode_json } qr/^Mesos::TaskStatus\.labels: expected a hash or a Mesos::Labels, got "x" at/;

my $copy = $status->copy;
is_deeply($copy, $status, 'a copy');
is(ref $copy, 'Mesos::TaskStatus');
$copy->{labels}{labels}[0]{key} = 'other';
is($status->{labels}{labels}[0]{key}, 'k', 'is deep');

ok($status->equals($back), 'equal');
ok($status->equals({%$status}), 'also to a plain hash');
ok(!$status->equals($copy), 'not equal');
ok(!$status->equals('x'), 'nor to something else');

# --- as Mesos has it -----------------------------------------------------------------------------------------------------------

use Mesos::Test::Random;
use Scalar::Util ();

sub json { return Mesos::TaskInfo->encode_json(@_) }

subtest 'names of the v1 API' => sub {
    my %task = (name => 'x', slave_id => {value => 's'});
    is(json({%task}), '{"agent_id":{"value":"s"},"name":"x"}', 'written');
    is(json({%task}, v0 => 1), '{"name":"x","slave_id":{"value":"s"}}', "this module's, when asked for");
    is(Mesos::TaskInfo->decode_json($_)->slave_id->value, 's', "read: $_") for json({%task}), json({%task}, v0 => 1);
    is(Mesos::Executor::Event::Subscribed->encode_json({slave_info => {hostname => 'h'}}), '{"agent_info":{"hostname":"h"}}');
    for my $of ([source => 1, 'SOURCE_SLAVE', 'SOURCE_AGENT'], [reason => 11, 'REASON_SLAVE_REMOVED', 'REASON_AGENT_REMOVED']) {
        my ($name, $number, $v0, $v1) = @$of;
        for my $given ($number, "$number", $number + 0.0, $v0, $v1) {
            is(Mesos::TaskStatus->encode_json({$name => $given}), qq({"$name":"$v1"}), "$name $given");
            is(Mesos::TaskStatus->encode_json({$name => $given}, v0 => 1), qq({"$name":"$v0"}));
        }
        is(Mesos::TaskStatus->decode_json(qq({"$name":"$_"}))->{$name}, $number, "$_ is read") for $v0, $v1;
        is(Mesos::TaskStatus->decode_json(qq({"$name":"$v1"}), enum_names => 1)->{$name}, $v0, 'as a name');
    }
    dies_like { json({}, v1 => 1) } qr/^encode_json: there is no option 'v1' \(known is: v0\) at \Q$0\E/;
    dies_like { Mesos::TaskInfo->decode_json('{}', v0 => 1) } qr/^decode_json: there is no option 'v0' \(known are: enum_names, .*\) at \Q$0\E/;
};

subtest 'maps' => sub {
    my $json = '{"limits":{"cpus":{"value":1.0},"m\u00e9m":{"value":"Infinity"}}}';
    my $list = [{key => 'cpus', value => {value => 1}}, {key => "m\xc3\xa9m", value => {value => 9**9**9}}];
    my $task = Mesos::TaskInfo->decode_json($json);
    is_deeply($task->{limits}, $list, 'a list of entries');
    is(ref $task->{limits}[0], 'Mesos::TaskInfo::LimitsEntry');
    is_deeply(Mesos::TaskInfo->decode_json($json, maps => 1, unblessed => 1), {limits => {map { ($_->{key} => $_->{value}) } @$list}}, 'or a hash');
    (my $written = $json) =~ s/\\u00e9/\xc3\xa9/;
    is(json({limits => $_}), $written, 'written from either') for $list, {map { ($_->{key} => $_->{value}) } @$list};
    is_deeply(JSON::PP->new->convert_blessed->decode(JSON::PP->new->convert_blessed->encode($task))->{limits}{cpus}, {value => 1}, 'by TO_JSON');
    is(json({limits => $task->{limits}[0]}), '{"limits":{"cpus":{"value":1.0}}}', 'one entry is a list of one');
    my $hash = Mesos::TaskInfo->new({limits => {cpus => {value => 1}}});
    is($hash->dump, qq(limits {\n  key: "cpus"\n  value {\n    value: 1\n  }\n}\n), 'dump');
    my $volume = 'Mesos::Volume::Source::CSIVolume::StaticProvisioning';
    is($volume->encode_json({volume_context => {b => 'x', a => ''}}), '{"volume_context":{"a":"","b":"x"}}', 'of strings');
    is($volume->decode_json('{"volume_context":{"a":"b"}}')->encode_json, '{"volume_context":{"a":"b"}}');
    dies_like { Mesos::TaskInfo->decode_json('{"limits":{"cpus":{"value":"x"}}}') } qr/^Mesos::TaskInfo\.limits\{cpus\}\.value: expected a number, got "x" at/;
    dies_like { Mesos::TaskInfo->decode_json('{"limits":"cpus"}') } qr/^Mesos::TaskInfo\.limits\[0\]: expected a JSON object, got "cpus" at/;
    dies_like { json({limits => {cpus => 1}}) } qr/^Mesos::TaskInfo\.limits\{cpus\}: expected a hash or a Mesos::Value::Scalar, got 1 at/;
};

subtest 'numbers' => sub {
    my @doubles = (0 => '0.0', 1 => '1.0', -2048 => '-2048.0', 0.1 => '0.1', 0.1 + 0.2 => '0.30000000000000004', 1e300 => '1e300', 1.5e-7 => '1.5e-7',
        123456789012345680000 => '123456789012345680000.0', 1795676678.325196 => '1795676678.325196', 1795376544.2533088 => '1795376544.2533088',
        1e-5 => '0.00001', 1.7976931348623157e308 => '1.7976931348623157e308', 2.2250738585072014e-308 => '2.2250738585072014e-308',
        1e21 => '1e21', 9**9**9 => '"Infinity"', -9**9**9 => '"-Infinity"');
    while (my ($value, $text) = splice @doubles, 0, 2) {
        is(Mesos::Value::Scalar->encode_json({value => $value}), qq({"value":$text}), $text);
        cmp_ok(Mesos::Value::Scalar->decode_json(qq({"value":$text}))->{value}, '==', $value);
    }
    like(Mesos::Value::Scalar->decode_json(Mesos::Value::Scalar->new({value => -sin(9**9**9)})->encode_json)->{value}, qr/nan/i, 'NaN');
    for my $of (['Mesos::DurationInfo', nanoseconds => '9223372036854775807', '-9223372036854775808'], ['Mesos::DiskStatistics', limit_bytes => '18446744073709551615', 0],
        ['Mesos::CheckInfo::Tcp', port => 4294967295, 0], ['Mesos::CheckStatusInfo::Command', exit_code => 2147483647, -2147483648]) {
        my ($class, $name, @ends) = @$of;
        for my $end (@ends) {
            my $next = $end =~ /^(-?)(.*)$/ && $2 eq '0' ? -1 : $1 . substr($2, 0, -1) . (substr($2, -1) + 1);
            is($class->encode_json({$name => $end}), qq({"$name":$end}), "$class: $end");
            is($class->decode_json(qq({"$name":$_}))->encode_json, qq({"$name":$end}), 'there and back') for $end, qq("$end");
            # A copy, so that $next itself stays a string without a numeric value.
            my $number = 0 + (my $copy = $next);
            for my $form ($next, $number, 1e30 * ($number <=> 0), Text->new($next), Number->new($number), -sin(9**9**9), 9**9**9) {
                next if $number == -2**63 && "$form" eq "$number";    # as a double it is in range
                dies_like { $class->encode({$name => $form}) } qr/^$class\.$name: expected an integer from /;
                dies_like { $class->encode_json({$name => $form}) } qr/^$class\.$name: expected an integer from \S+ to \S+ got \S+ at \Q$0\E line/;
            }
            # JSON::PP makes a double of such a number, as Perl does.
            my @written = $number == -2**63 ? () : $next;
            dies_like { $class->decode_json(qq({"$name":$_})) } qr/^$class\.$name: expected an integer from / for @written, qq("$next"), '1e30', '-1e30';
        }
    }
    dies_like { Mesos::TaskStatus->encode_json({state => $_}) } qr/^Mesos::TaskStatus\.state: expected an integer from / for 2**31, '-2147483649', 1e20;
    for my $value ('abc', '', '1e400', [], {}, \1, bless({}, 'Nothing')) {
        dies_like { Mesos::Value::Scalar->$_({value => [$value]}) } qr/^Mesos::Value::Scalar\.value: expected a number, got / for qw(encode encode_json);
    }
    dies_like { Mesos::Value::Scalar->decode_json(qq({"value":$_})) } qr/^Mesos::Value::Scalar\.value: expected a number/ for '1e400', '"-1e400"', '"inf"', '""', '" 1"', 'true', '[]', '{}';
    dies_like { Mesos::TaskStatus->encode_json({state => 'RUNNING'}) } qr/^Mesos::TaskStatus\.state: expected the name or the number of a value of Mesos::TaskState, got "RUNNING" at \Q$0\E/;
    is(Mesos::TaskStatus->decode(Mesos::TaskStatus->encode({task_id => {value => 't'}, state => 2}), enum_names => 1)->encode_json,
        '{"state":"TASK_FINISHED","task_id":{"value":"t"}}', 'decoded with enum_names');
};

subtest 'nothing is said of what is right' => sub {
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    my $json = Mesos::TaskInfo->encode_json({
            name => 't', task_id => {value => 't'}, slave_id => {value => 's'}, command => {value => 'x', shell => 0}, max_completion_time => {nanoseconds => 5},
            resources => [{name => 'cpus', type => 0, scalar => {value => 0.5}}, {name => 'ports', type => 1, ranges => {range => [{begin => 1, end => 2}]}}]});
    Mesos::TaskInfo->decode_json($json)->TO_JSON;
    is_deeply \@warnings, [];
};

subtest 'booleans' => sub {
    for my $of ([1, JSON::PP::true(), !!1, 1, '1', 'yes', 'false', '0.0', 0.5, [[]], Truth->new(1), \0], [0, JSON::PP::false(), !!0, 0, '0', '', 0.0, Truth->new(0), Truth->new('')]) {
        my ($truth, @values) = @$of;
        for my $value (@values) {
            my $command = Mesos::CommandInfo->new({shell => $value});
            my $word = $truth ? 'true' : 'false';
            is($command->encode_json, qq({"shell":$word}), "$word: " . (ref $value || "'$value'"));
            is(Mesos::CommandInfo->decode($command->encode)->{shell}, $truth);
            is($command->dump, "shell: $word\n");
            is(${$command->TO_JSON->{shell}}, $truth);
            is($command->copy->encode_json, qq({"shell":$word}));
        }
    }
    is(Mesos::CommandInfo->decode_json(qq({"shell":$_}))->{shell}, 1, "read: $_") for 'true', '1', '"true"', '"1"';
    is(Mesos::CommandInfo->decode_json(qq({"shell":$_}))->{shell}, 0, "read: $_") for 'false', '0', '"false"', '"0"';
    dies_like { Mesos::CommandInfo->decode_json(qq({"shell":$_})) } qr/^Mesos::CommandInfo\.shell: expected true or false, got / for '2', '"no"', '[]', '{}';
};

subtest 'strings and bytes' => sub {
    my %task = (name => "B\xfccher\x01\x7f\"\\/", data => join('', map {chr} 0 .. 255));
    my $json = json({%task});
    like($json, qr{"name":"B\xfccher\\u0001\\u007f\\"\\\\/"}, 'bytes that are no UTF-8, as Mesos writes them');
    is_deeply(Mesos::TaskInfo->decode_json($json, unblessed => 1), \%task, 'there and back');
    is(Mesos::TaskInfo->decode_json(qq({"name":"\xfc\\u00fc\\ud83d\\ude00\\\\u00fc\\u0041\\n"}))->{name}, "\xfc\xc3\xbc\xf0\x9f\x98\x80\\u00fcA\n", 'with escapes beside them');
    is(json({name => "\x{20ac}"}), qq({"name":"\xe2\x82\xac"}), 'characters');
    is(Mesos::TaskInfo->decode_json(qq({"data":"$_"}))->{data}, "\0s", "data $_") for 'AHM=', 'AHM', "AH M=";
    dies_like { Mesos::TaskInfo->decode_json(qq({"data":"$_"})) } qr/^Mesos::TaskInfo\.data: expected base64, got "/ for 'AH*M', 'AH-_', 'A', 'AA=A', 'AHM===';
    dies_like { Mesos::TaskInfo->decode_json(qq({"$_":5})) } qr/^Mesos::TaskInfo\.$_: expected a string, got 5 at/ for qw(name data);
    dies_like { Mesos::TaskInfo->decode_json('{"task_id":{"value":true}}') } qr/^Mesos::TaskInfo\.task_id\.value: expected a string, got true at/;
    dies_like { json({name => [[]]}) } qr/^Mesos::TaskInfo\.name: expected a string, got a reference to ARRAY at/;
};

subtest 'shapes' => sub {
    is(Mesos::TaskInfo->decode_json('{"resources":{"name":"cpus"}}')->{resources}[0]{name}, 'cpus', 'one for a list');
    dies_like { Mesos::TaskInfo->decode_json('{"resources":[null]}') } qr/^Mesos::TaskInfo\.resources\[0\]: expected a value, got null at/;
    dies_like { Mesos::TaskInfo->decode_json('{"task_id":[{"value":"x"}]}') } qr/^Mesos::TaskInfo\.task_id: expected a JSON object, got an array at/;
    dies_like { Mesos::TaskInfo->decode_json('{"agent_id":{"valu":"x"}}', reject_unknown => 1) } qr/^Mesos::TaskInfo\.agent_id: there is no field "valu" at/;
    is(ref Mesos::TaskInfo->decode_json('{"agent_id":{"value":"x"}}', reject_unknown => 1), 'Mesos::TaskInfo', 'a v1 name is known');
    dies_like { Mesos::TaskInfo->decode_json($_) } qr/^Mesos::TaskInfo: / for undef, '', 'null', '5', '"x"', '{"a":1} x', '[' x 100_000;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    is(Mesos::Scheduler::Call::Subscribe->encode_json({suppressed_roles => ['a', undef]}), '{"suppressed_roles":["a",""]}');
    like("@warnings", qr/^Mesos::Scheduler::Call::Subscribe\.suppressed_roles\[1\]: undefined element .* at \Q$0\E line \d+\.\n\z/, 'undef in a list warns');
};

subtest 'circles and depth' => sub {
    my $circle = Mesos::ContainerID->new({value => 'c'});
    $circle->{parent} = $circle;
    my $chain = Mesos::ContainerID->new({value => 0});
    my $json = '{"value":"0"}';
    for my $link (1 .. 99) {
        $chain = Mesos::ContainerID->new({value => $link, parent => $chain});
        $json = qq({"value":"$link","parent":$json});
    }
    my $longer = Mesos::ContainerID->new({value => 'x', parent => $chain});
    for my $deep ($circle, $longer) {
        dies_like { $deep->$_ } qr/^Mesos::ContainerID(?:\.parent)+(?: \.\.\.)?: nested more than 100 messages deep, or in a circle at \Q$0\E/, for qw(encode_json TO_JSON dump encode);
        dies_like { $deep->equals($deep) } qr/in a circle/;
    }
    dies_like { $circle->copy } qr/^Mesos::ContainerID(?:\.parent){10} \.\.\.: nested too deep, or in a circle at \Q$0\E/;
    is($chain->copy->encode, $chain->encode, '100 are copied');
    is(Mesos::ContainerID->decode_json($chain->encode_json)->encode, $chain->encode, 'and there and back');
    cmp_ok(length $chain->dump, '>', 1000, 'and dumped');
    dies_like { Mesos::ContainerID->decode_json(qq({"value":"x","parent":$json})) } qr/nested more than 100 messages deep/;
    my $list = [];
    push @$list, $list;
    dies_like { Mesos::Offer::Operation::Launch->new({task_infos => $list})->$_ } qr/^Mesos::Offer::Operation::Launch\.task_infos\[0\]: expected a / for qw(encode_json encode);
    dies_like { Mesos::TaskInfo->new({unknown => $list})->copy } qr/in a circle/;
    my $wide = 1;
    $wide = [$wide, $wide] for 1 .. 60;
    ok(Mesos::TaskInfo->new({unknown => $wide})->copy, 'what is shared is copied once, else this took all memory');
    delete $circle->{parent};
    @$list = ();
};

sub all_classes {
    my ($below) = @_;
    no strict 'refs';
    my @packages = map { /\A(\w+)::\z/ ? "$below$1" : () } sort keys %$below;
    return map { my $class = $_; (($class->can('_pb_fields_list') && $class->can('_pb_fields_by_name') ? $class : ()), all_classes("$class\::")) } @packages;
}

subtest 'every class, there and back' => sub {
    my $random = Mesos::Test::Random->new(20);
    my @classes = all_classes('Mesos::');
    cmp_ok(scalar @classes, '>', 200);
    for my $class (@classes) {
        for my $round (1 .. 3) {
            my $message = $random->message($class, complete => 1, shapes => $round % 2);
            my $want = $class->decode($class->encode($message));
            my $back = $class->decode_json($class->encode_json($message));
            # Maps are sorted by their keys, and have each but once.
            my $sorted = $class->decode_json($class->encode_json($want));
            is_deeply($back, $sorted, $class) or last;
            is($class->encode_json($want), $class->encode_json($back)) or last;
            is($back->encode, $want->encode) or last unless $class->encode_json($want) =~ /_(?:secrets|context|constraints|filters)"|"limits"|"quantities"/;
            my $v0 = $class->decode_json($class->encode_json($message, v0 => 1));
            is_deeply($v0, $back, 'with v0 names') or last;
            my $names = $class->decode($class->encode($message), enum_names => 1);
            is($class->encode_json($names), $class->encode_json($want), 'with names of enums') or last;
        }
    }
};

# --- what a real Mesos wrote and took --------------------------------------------------------------------------------------------

sub slurp { my ($file) = @_; open my $in, '<:raw', $file or die "$file: $!"; local $/; return scalar <$in> }

# Whether both say the same. Numbers may be written in several ways, and empty lists need not be: clients do, Mesos does not.
sub same {
    my ($captured, $ours) = @_;
    my $canonical = JSON::PP->new->canonical->utf8;
    return $canonical->encode(plain($canonical->decode($captured))) eq $canonical->encode(plain($canonical->decode($ours)));
}

sub plain {
    my ($value) = @_;
    my $is_empty = sub { ref $_[0] eq 'ARRAY' && !@{$_[0]} };
    return {map { ($_ => plain($value->{$_})) } grep { !$is_empty->($value->{$_}) } keys %$value} if ref $value eq 'HASH';
    return [map { plain($_) } @$value] if ref $value eq 'ARRAY';
    return ref $value || !Scalar::Util::looks_like_number($value) ? $value : sprintf '%.17g', $value;
}

SKIP: {
    my $captures = ($ENV{MESOS_TEST_SHARED} || '../shared') . '/captures';
    skip "no captures of a real Mesos in $captures", 1 unless -d $captures;
    my %seen;
    for my $file (glob "$captures/json*/*.recordio $captures/json*/*/*.recordio") {
        my $class = $file =~ m{/executor[^/]*/} ? 'Mesos::Executor::Event' : 'Mesos::Scheduler::Event';
        my $stream = slurp($file);
        while ($stream =~ s/\A(\d+)\n//) {
            last if length $stream < $1;
            my $record = substr $stream, 0, $1, '';
            my $event = $class->decode_json($record);
            my $ours = $class->decode($event->encode)->encode_json;
            same($record, $ours) or fail("$file: $record"), diag($ours);
            $seen{"$class $event->{type}"}++;
        }
    }
    cmp_ok(scalar keys %seen, '>', 12, 'many types of events');
    for my $file (glob "$captures/json*/*.request.http $captures/json*/*/*.request.http") {
        my ($head, $body) = split /\r\n\r\n/, slurp($file), 2;
        my ($api) = $head =~ m{^POST \S*/api/v1/(scheduler|executor) };
        next unless $api && $body =~ /\A\{/;
        my $class = "Mesos::\u$api\::Call";
        my $call = $class->decode_json($body);
        same($body, $call->encode_json) or fail("$file: $body"), diag($call->encode_json);
        $seen{"$class $call->{type}"}++;
    }
    cmp_ok(scalar keys %seen, '>', 30, 'many types of calls');
}

{
    package Text;
    use overload '""' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, $text) = @_; return bless \$text, $class }
}

{
    package Number;
    use overload '0+' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, $number) = @_; return bless \$number, $class }
}

{
    package Truth;
    use overload 'bool' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, $truth) = @_; return bless \$truth, $class }
}

done_testing;
