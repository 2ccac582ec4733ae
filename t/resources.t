# Mesos::Resources: the same cases as in Rust, and what only Perl has: where resources come from, operators, and errors.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Mesos::Resources;
use Test::Files qw(slurp);
use Test::More;

sub r { return Mesos::Resources->new(@_) }

sub dies_with {
    my ($code, $pattern, $name) = @_;
    my $line = (caller)[2];
    ok !eval { $code->(); 1 }, $name || $pattern;
    like $@, $pattern;
    like $@, qr/ at \Q${\__FILE__}\E line $line\b/, 'at the line of the call';
    return;
}

subtest 'the table of cases, as in Rust' => sub {
    my %method = (ports => 'take_ports');
    my $cases = 0;
    for my $line (grep { /\S/ && !/\A#/ } split /\n/, slurp('t/resources.txt')) {
        my ($action, $left, $right, $wanted) = map {/\A\s*(.*?)\s*\z/} split /\|/, "$line ", -1;
        my $method = $method{$action} || $action;
        my $got = eval {
            my $resources = r($left);
            my $answer = $action eq 'parse' ? $resources : $resources->$method(length $right || $action =~ /\A(?:add|subtract|contains|equals|take|can_take)\z/ ? $right : ());
            !defined $answer ? 'error' : ref $answer ? $answer->text : $answer ? 'yes' : 'no';
        };
        $got = "error: $@" unless defined $got;
        # Where there is not enough, Perl has undef.
        if ($wanted =~ /\Aerror:?\s*(.*)/) { like $got, $got eq 'error' ? qr/\Aerror\z/ : qr/\Aerror.*\Q$1\E/, $line }
        else { is $got, $wanted, $line }
        $cases++;
    }
    cmp_ok $cases, '>', 50, 'cases';
};

subtest 'where they come from' => sub {
    my $scalar = Mesos::Value::Type::SCALAR();
    my $cpus = {name => 'cpus', type => $scalar, scalar => {value => 2}};
    my %same = (
        'a string' => 'cpus:2',
        'JSON' => '[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 2}}]',
        'amounts' => {cpus => 2},
        'a resource' => Mesos::Resource->new($cpus),
        'a hash of one' => $cpus,
        'a hash as in JSON' => {name => 'cpus', type => 'SCALAR', scalar => {value => 2}},
        'a list as in JSON' => [{name => 'cpus', type => 'SCALAR', scalar => {value => 1.5}}, {cpus => 0.5}],
        'a task as in JSON' => {name => 'n', agent_id => {value => 'a'}, resources => [{name => 'cpus', type => 'SCALAR', scalar => {value => 2}}]},
        'a list' => [Mesos::Resource->new({%$cpus, scalar => {value => 1.5}}), {cpus => 0.5}],
        'hashes in a list' => [$cpus],
        'a task' => Mesos::TaskInfo->new({resources => [$cpus]}),
        'a hash of a task' => {name => 'n', resources => [$cpus]},
        'an offer' => Mesos::Offer->new({resources => [{%$cpus, role => '*', allocation_info => {role => 'web'}}]}),
        'itself' => r('cpus:2'),
    );
    ok r('cpus:2') == $same{$_}, $_ for sort keys %same;
    my @reserved = ({name => 'disk', type => 'SCALAR', scalar => {value => 8}, reservations => [{type => 'STATIC', role => 'db'}]});
    is r(\@reserved), 'disk(db):8', 'reserved, in JSON';
    dies_with(sub { Mesos::Resources->new({%{$reserved[0]}, type => 'SCALER'}) }, qr/^Mesos::Resource\.type: Mesos::Value::Type has no value "SCALER" at /);
    ok r(Mesos::Offer->new({}))->is_empty, 'an offer of nothing';
    is r({ports => [[5, 6], [1, 2]], cpus => 1}), 'cpus:1;ports:[1-2, 5-6]';
    is r('cpus:1', {cpus => 2}, 'mem:1'), 'cpus:3;mem:1', 'the sum of several';
    is(Mesos::Resources->sum(), '', 'of none');
    my $given = Mesos::Resource->new({%$cpus});
    r($given);
    is_deeply $given, $cpus, 'what was given stays as it is';

    my $volume = '[{"name":"disk","type":"SCALAR","scalar":{"value":10},"role":"db","reservation":{"principal":"p"},"disk":{"persistence":{"id":"v"},"volume":{"container_path":"data","mode":"RW"}}}]';
    my $disk = r($volume, 'disk:5;disk(db):7');
    is $disk->volumes->list->[0]{disk}{persistence}{id}, 'v', 'volumes';
    is $disk->disk, 22;
    ok r($disk->json) == $disk, 'all of it is in its JSON';
    like $disk->text, qr/\Adisk\(reservations: \[\(DYNAMIC,db,p\)\]\)\[v:data\]:10;disk:5;disk\(db\):7\z/, 'what a setting cannot say is as Mesos prints it';
    ok !$disk->contains('[' . join(',', (substr $volume, 1, -1) x 2) . ']'), 'a volume is there once';
    is_deeply [sort keys %{$disk->by_role}], ['*', 'db'];
    is $disk->by_role->{'*'}, 'disk:5';
    ok $disk->can_take('disk:12') && !$disk->can_take('disk:13'), 'volumes are no free disk';
};

subtest 'names that are nearly right' => sub {
    my @told;
    local $SIG{__WARN__} = sub { push @told, @_ };
    my $here = qr/ at \Q${\__FILE__}\E line @{[__LINE__ + 1]}\.$/;
    Mesos::Resources->new('cpu:4;memory:5;cpu(web):1', {port => [[1, 2]]}); Mesos::Resources->parse('cpus:1;Disk:5'); my $sum = r('cpus:1')->add('gpu:1');
    is scalar @told, 5, 'each is told';
    like $told[$_->[0]], qr/^Mesos::Resources: '$_->[1]' is no name that Mesos uses: did you mean '$_->[2]'\?$here/, $_->[1]
        for [0, 'cpu', 'cpus'], [1, 'memory', 'mem'], [2, 'port', 'ports'], [3, 'Disk', 'disk'], [4, 'gpu', 'gpus'];
    @told = ();
    r('cpus:1; mem:2;disk(db):3;gpus:1;ports:[1-2];disks:{a,b};tpus:1;network_bandwidth:5', {cpus => 1});
    { no warnings 'Mesos'; Mesos::Resources->new('cpu:4') }
    is_deeply \@told, [], 'others are not';
};

subtest 'keys of JSON that are nearly right' => sub {
    my %json = (name => 'cpus', type => 'SCALAR', scalar => {value => 1});
    my $text = '[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"rolle":"x"}]';
    my $of_role = q(Mesos::Resource.rolle: Mesos::Resource has no field 'rolle': did you mean 'role'?);
    for my $case (
        ['new' => $of_role => sub { Mesos::Resources->new({%json, rolle => 'x'}) }],
        ['of a list' => $of_role => sub { Mesos::Resources->new([{%json, rolle => 'x'}]) }],
        ['of an offer' => $of_role => sub { Mesos::Resources->new({resources => [{%json, rolle => 'x'}]}) }],
        ['of a text' => $of_role => sub { Mesos::Resources->new($text) }],
        ['parse' => $of_role => sub { Mesos::Resources->parse($text) }],
        ['sum' => $of_role => sub { Mesos::Resources->sum('cpus:1', {%json, rolle => 'x'}) }],
        (map { my $method = $_; [$method => $of_role => sub { my $result = r('cpus:1')->$method({%json, rolle => 'x'}) }] } qw(add subtract contains equals can_take take)),
        ['an operator' => $of_role => sub { my $sum = r('cpus:1') + {%json, rolle => 'x'} }],
        ['deeper' => q(Mesos::Resource.scalar.vlaue: Mesos::Value::Scalar has no field 'vlaue': did you mean 'value'?) =>
                sub { Mesos::Resources->new({%json, scalar => {value => 1, vlaue => 2}}) }],
        ['numbers' => q(Mesos::Request.resources[0].rolle: Mesos::Resource has no field 'rolle': did you mean 'role'?) =>
                sub { Mesos::Resources->new({%json, type => 0, rolle => 'x'}) }],
        ['of a newer Mesos' => undef, sub { Mesos::Resources->new({%json, quantum_bits => 1}) }],
        ["the program's own" => undef, sub { Mesos::Resources->new({%json, _rolle => 1}) }],
    ) {
        my ($what, $text, $code) = @$case;
        my @told;
        # Several have one line.
        Mesos::Warnings::_forget();
        local $SIG{__WARN__} = sub { push @told, @_ };
        $code->();
        s/ at \Q${\__FILE__}\E line \d+\.\n\z// for @told;
        is_deeply \@told, [grep {defined} $text], $what;
    }
    dies_with(sub { Mesos::Resources->new({nmae => 'cpus', type => 'SCALAR', scalar => {value => 1}}) }, qr/^Mesos::Resources: scalar: expected ranges.* got a reference to hash \('nmae': did you mean 'name'\?\)/);
    dies_with(sub { Mesos::Resources->new({id => {value => 1}, resorces => []}) }, qr/^Mesos::Resources: id: expected ranges.*'resorces': did you mean 'resources'\?/);
};

subtest 'operators' => sub {
    my ($x, $y) = (r('cpus:0.1'), r('cpus:0.2'));
    is $x + $y, 'cpus:0.3';
    ok $x + $y == r('cpus:0.3') && $x != $y;
    is $x + 'mem:1', 'cpus:0.1;mem:1', 'with anything that has resources';
    is 'cpus:1' - $x, 'cpus:0.9', 'on either side';
    is $y - $x - $x, '';
    ok !($x - $x) && $x, 'true is what has something';
    my $sum = $x;
    $sum += $y;
    is "$x | $sum", 'cpus:0.1 | cpus:0.3', 'objects do not change';
    ok $x eq 'cpus:0.1' && $x ne 'cpus:0.2';
    dies_with(sub { my $less = $x < $y }, qr/^Mesos::Resources: resources have no order: use contains/);
    is 'has ' . $x . '!', 'has cpus:0.1!';
};

subtest 'looking at them' => sub {
    my $r = r('cpus:0.1;cpus(web):0.2;mem:1024.5;gpus:1;ports:[31005-31006];ports(web):[31000-31000];bandwidth:7');
    is $r->cpus, 0.3;
    is $r->mem, 1024.5;
    is $r->gpus, 1;
    is $r->disk, 0;
    is $r->scalar('bandwidth'), 7;
    is_deeply [$r->ports], [[31000, 31000], [31005, 31006]];
    is_deeply [$r->port_numbers], [31000, 31005, 31006];
    is_deeply [$r->names], [qw(cpus mem gpus ports bandwidth)];
    is_deeply [map {ref} @{$r->list}], [('Mesos::Resource') x 7];
    is $r->list->[1]{role}, 'web', 'the old spelling';
    my $new = r([{name => 'cpus', type => 0, scalar => {value => 1}, reservations => [{type => 1, role => 'web'}]}, 'mem:1'])->list;
    is $new->[0]{reservations}[0]{role}, 'web', 'the new one, if it came so';
    is r({cpus => 1})->filter(sub { $_[0]{name} eq 'mem' }), '';
    is $r->filter(sub { ($_[0]{role} || '') eq 'web' }), 'cpus(web):0.2;ports(web):[31000-31000]';
    is_deeply $r->take_ports(2)->list->[0]{ranges}{range}[0]{begin}, 31005;
    is $r->take_ports(4), undef, 'not so many';
    is $r->take('cpus:4'), undef, 'nor so much';
    my $all = r(map { {cpus => 0.001} } 1 .. 1000);
    is $all, 'cpus:1', 'exactly';
};

subtest 'errors' => sub {
    dies_with(sub { Mesos::Resources->new(undef) }, qr/^Mesos::Resources: expected resources .*got undef/);
    dies_with(sub { Mesos::Resources->new(sub { }) }, qr/got a reference to code/);
    dies_with(sub { Mesos::Resources->new('cpus=2') }, qr/^'cpus=2' is not of the form name:value/);
    my $in_a_hash = qr/^Mesos::Resources: 'cpus' has no amount: amounts by name are in a hash reference, \{cpus => \.\.\.\} at /;
    dies_with(sub { Mesos::Resources->new(cpus => 2, mem => 64) }, $in_a_hash);
    dies_with(sub { Mesos::Resources->new('cpus') }, qr/^'cpus' is not of the form name:value/);
    dies_with(sub { Mesos::Resources->new('cpus:1', 'mem') }, qr/^'mem' is not of the form name:value/);
    dies_with(sub { Mesos::Resources->new('[1') }, qr/^resources as JSON: /);
    dies_with(sub { Mesos::Resources->new('[{"name":"cpus"}]') }, qr/resources\[0\]\.type: required field is missing/);
    dies_with(sub { Mesos::Resources->new({cpus => undef}) }, qr/^Mesos::Resources: cpus: expected an amount, got undef/);
    dies_with(sub { Mesos::Resources->new({ports => [1]}) }, qr/^Mesos::Resources: ports: expected ranges/);
    dies_with(sub { Mesos::Resources->new({cpus => 'many'}) }, qr/^'many' is no amount of 'cpus'/);
    dies_with(sub { Mesos::Resources->new([{name => 'cpus', type => 0, scalar => {value => -1}}]) }, qr/^Invalid resources: .*value <= 0/);
    dies_with(sub { Mesos::Resources->new([{name => 'cpus', type => 0}]) }, qr/^Invalid resources: Invalid scalar resource/);
    dies_with(sub { Mesos::Resources->new(bless {}, 'Something') }, qr/expected a message with resources, got a Something/);
    dies_with(sub { my $sum = Mesos::Resources->new('cpus:1') + undef }, qr/got undef/);
    dies_with(sub { Mesos::Resources->new('cpus:1')->take_ports('x') }, qr/^take_ports: expected a number of ports, got "x"/);
    dies_with(sub { Mesos::Resources->new('cpus:1')->filter('x') }, qr/^filter: expected a code reference/);
    dies_with(sub { Mesos::Resources->new('cpus:1')->named }, qr/^named: expected a string/);
    dies_with(sub { Mesos::Resources->new('cpus:1')->flatten('a//b') }, qr/two adjacent slashes/);
};

done_testing;
