# Messages as JSON, copies, and comparison.

use 5.10.1;
use strict;
use warnings;
use Test::More;
BEGIN { eval { require JSON::PP; 1 } or plan skip_all => 'JSON::PP is not there' }
use Mesos::Messages;

sub dies_like(&$) {
    my ($code, $pattern) = @_;
    my $lived = eval { $code->(); 1 };
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like($lived ? 'lived' : $@, $pattern);
}

my $status = Mesos::TaskStatus->new({
    task_id => { value => "t\xc3\xa9" }, state => 1, healthy => 'yes', uuid => "\0\1\2\xff", timestamp => '1.5',
    labels => { labels => [ { key => 'k' }, { key => 'l', value => '17' } ] }, unknown => 1,
});
my $json = $status->encode_json;
is($json, '{"healthy":true,"labels":{"labels":[{"key":"k"},{"key":"l","value":"17"}]},"state":"TASK_RUNNING",'
    . qq("task_id":{"value":"t\xc3\xa9"},"timestamp":1.5,"uuid":"AAEC/w=="}), 'encode_json');
my $back = Mesos::TaskStatus->decode_json($json);
is(ref $back->task_id, 'Mesos::TaskID');
is($back->encode, $status->encode, 'there and back');
is(JSON::PP->new->canonical->utf8->convert_blessed->encode([$status]), "[$json]", 'TO_JSON');

is_deeply({ %{ Mesos::TaskStatus->decode_json('{"state": 99, "healthy": false, "nonsense": 1, "message": null}') } }, { state => 99, healthy => 0 },
    'numbers of enums, unknown names, null');
is(Mesos::DurationInfo->decode_json('{"nanoseconds": "-9223372036854775808"}')->encode_json, '{"nanoseconds":-9223372036854775808}', 'integers as strings');
is(Mesos::TaskStatus->new({ state => 99 })->encode_json, '{"state":99}', 'an unknown number of an enum');

dies_like { Mesos::TaskStatus->decode_json('{') } qr/^Mesos::TaskStatus: not JSON: .* at \Q$0\E line \d+\.$/;
dies_like { Mesos::TaskStatus->decode_json('[]') } qr/^Mesos::TaskStatus: expected a JSON object at \Q$0\E line \d+\.$/;
dies_like { Mesos::TaskStatus->decode_json('{"state":"RUNNING"}') } qr/^Mesos::TaskStatus\.state: Mesos::TaskState has no value "RUNNING" at/;
dies_like { Mesos::TaskStatus->decode_json('{"labels":{"labels":[{"key":[]}]}}') } qr/^Mesos::TaskStatus\.labels\.labels\[0\]\.key: expected a single value at/;
dies_like { Mesos::TaskStatus->decode_json('{"timestamp":"soon"}') } qr/^Mesos::TaskStatus\.timestamp: expected a number, got "soon" at/;
dies_like { Mesos::TaskStatus->new({ labels => 'x' })->encode_json } qr/^Mesos::TaskStatus\.labels: expected a hash or a Mesos::Labels at/;

my $copy = $status->copy;
is_deeply($copy, $status, 'a copy');
is(ref $copy, 'Mesos::TaskStatus');
$copy->{labels}{labels}[0]{key} = 'other';
is($status->{labels}{labels}[0]{key}, 'k', 'is deep');

ok($status->equals($back), 'equal');
ok($status->equals({%$status}), 'also to a plain hash');
ok(!$status->equals($copy), 'not equal');
ok(!$status->equals('x'),   'nor to something else');

done_testing;
