# Mesos::Offers: filters, indices, and places for tasks, with the reason where there is none.
use strict;
use warnings FATAL => 'all';
use Mesos::Offers;
use Mesos::Test::Scheduler;
use Test::More;

my $number = 0;

sub offer {
    my ($resources, %more) = @_;
    my $agent = $more{agent} || 'agent-' . ++$number;
    my $attributes = $more{attributes} || {};
    my ($scalar, $ranges, $set, $text) = map { Mesos::Value::Type->can($_)->() } qw(SCALAR RANGES SET TEXT);
    return Mesos::Offer->new({
            id => {value => $more{id} || "offer-$agent"}, framework_id => {value => 'f'}, slave_id => {value => $agent}, hostname => $more{hostname} || "$agent.example",
            resources => Mesos::Resources->new($resources)->list,
            attributes => [map {
                    my $value = $attributes->{$_};
                    ref $value eq 'HASH' ? {name => $_, type => $set, set => {item => [sort keys %$value]}}
                        : ref $value ? {name => $_, type => $ranges, ranges => {range => [{begin => $value->[0], end => $value->[1]}]}}
                        : $value =~ /\A\d+\z/ ? {name => $_, type => $scalar, scalar => {value => $value}} : {name => $_, type => $text, text => {value => $value}};
            } sort keys %$attributes],
            ($more{role} ? (allocation_info => {role => $more{role}}) : ()), ($more{executors} ? (executor_ids => [map { {value => $_} } @{$more{executors}}]) : ()),
    });
}

sub task { my ($id, $resources, %more) = @_; return {name => $id, task_id => {value => $id}, command => {value => 'true'}, resources => $resources, %more} }

sub ids_of { my ($offers) = @_; return join ' ', map { $_->{slave_id}{value} } @{$offers->list} }

sub places { my ($plan) = @_; return join ' ', map {"$_->{task}{task_id}{value}:$_->{agent}"} $plan->placed }

sub dies_with {
    my ($code, $pattern) = @_;
    my $line = (caller)[2];
    ok !eval { $code->(); 1 }, $pattern;
    like $@, $pattern;
    like $@, qr/ at \Q${\__FILE__}\E line $line\b/, 'at the line of the call';
    return;
}

my $offers = Mesos::Offers->new([
        offer('cpus:2;mem:512', agent => 'a', attributes => {rack => 'r1', level => 3, zones => {x => 1, y => 1}}),
        offer('cpus:4;mem:2048;ports:[1-3]', agent => 'b', attributes => {rack => 'r2', level => 5, vlans => [10, 20]}, role => 'web'),
        offer('cpus:8;mem:1024', agent => 'c', hostname => 'big.example', attributes => {rack => 'r1'}),
]);

subtest 'filters' => sub {
    for my $case (
        [[resources => {cpus => 4}], 'b c'],
        [[resources => 'cpus:4;mem:2048'], 'b'],
        [[resources => 'cpus:4', ports => 3], 'b'],
        [[ports => 4], ''],
        [[ports => 2, resources => 'ports:[1-2]'], ''],
        [[hostname => 'big.example'], 'c'],
        [[hostname => qr/^[ab]\./], 'a b'],
        [[agent => ['a', 'c']], 'a c'],
        [[role => 'web'], 'b'],
        [[role => '*'], 'a c'],
        [[attributes => {rack => 'r1'}], 'a c'],
        [[attributes => {rack => 'r1', level => 3}], 'a'],
        [[attributes => {level => '3.0'}], 'a'],
        [[attributes => {level => sub { $_ > 3 }}], 'b'],
        [[attributes => {zones => 'y'}], 'a'],
        [[attributes => {zones => 'z'}], ''],
        [[attributes => {vlans => 15}], 'b'],
        [[attributes => {vlans => 21}], ''],
        [[where => sub { $_[0]{slave_id}{value} gt 'a' }], 'b c'],
        [[sub { $_[0]{slave_id}{value} eq 'a' }], 'a'],
        [[], 'a b c'],
    ) {
        my ($arguments, $wanted) = @$case;
        is ids_of($offers->filter(@$arguments)), $wanted, join ' ', map { ref eq 'HASH' ? %$_ : $_ } @$arguments;
    }
    is $offers->count, 3;
    is_deeply [map { $_->{value} } $offers->ids], [qw(offer-a offer-b offer-c)];
    is $offers->resources->cpus, 14;
};

subtest 'indices' => sub {
    is_deeply [map { my $index = $offers->$_; join ' ', map { "$_=" . ids_of($index->{$_}) } sort keys %$index } qw(by_agent by_hostname by_role)],
        ['a=a b=b c=c', 'a.example=a b.example=b big.example=c', '*=a c web=b'];
    my %wanted = (rack => 'r1=a c r2=b', level => '3=a 5=b', zones => 'x=a y=a', vlans => '[10-20]=b', none => '');
    for my $name (sort keys %wanted) {
        my $index = $offers->by_attribute($name);
        is join(' ', map { "$_=" . ids_of($index->{$_}) } sort keys %$index), $wanted{$name}, $name;
    }
};

subtest 'places' => sub {
    my @tasks = map { task("t$_", {cpus => 1, mem => 100}) } 1 .. 6;
    is places($offers->place(\@tasks)), 't1:a t2:a t3:b t4:b t5:b t6:b', 'first_fit';
    is places($offers->place(\@tasks, strategy => 'spread')), 't1:a t2:b t3:c t4:a t5:b t6:c', 'spread';
    is places($offers->place(\@tasks, strategy => 'spread', by => 'rack')), 't1:a t2:b t3:c t4:b t5:a t6:b', 'over racks';
    is places($offers->place(\@tasks, strategy => 'spread', by => 'rack', counts => {r2 => 10})), 't1:a t2:c t3:a t4:c t5:c t6:c', 'beside what runs';
    is places($offers->place(\@tasks, strategy => 'pack')), 't1:a t2:a t3:b t4:b t5:b t6:b', 'pack: the fullest first';
    my $plan = $offers->place([task('large', {cpus => 8}), task('a', {cpus => 2}), {task => task('racks', {cpus => 1}), attributes => {rack => 'r2'}}]);
    is places($plan), 'large:c a:a racks:b';
    is_deeply [$plan->unplaced], [];
    is $plan->why('large'), undef;
    my ($launch) = $plan->launches;
    is_deeply [map {ref} $launch->[0][0], $launch->[1][0]], ['HASH', 'Mesos::TaskInfo'];
    is $launch->[1][0]{slave_id}{value}, 'a';
    is +Mesos::Resources->new($launch->[1][0]), 'cpus:2';
    is_deeply $tasks[0], task('t1', {cpus => 1, mem => 100}), 'what was given stays as it is';
};

subtest 'reserved resources and ports' => sub {
    my $one = Mesos::Offers->new([offer('cpus:2;cpus(web):2;mem:100;ports:[31000-31002]', agent => 'x')]);
    my $plan = $one->place([{task => task('t', {cpus => 3}), ports => 2}, {task => task('u', {cpus => 1}), ports => 1}]);
    my ($t, $u) = $plan->placed;
    is +Mesos::Resources->new($t->{task}), 'cpus(web):2;cpus:1;ports:[31000-31001]', 'reserved first';
    is_deeply $t->{ports}, [31000, 31001];
    is_deeply $u->{ports}, [31002];
    is $one->place([{task => task('t', {cpus => 1}), ports => 4}])->why('t'), 't fits nowhere: x (x.example): ports: it needs 4, and there are 3';
};

subtest 'several offers of an agent are one place' => sub {
    my $two = Mesos::Offers->new([offer('cpus:1;mem:10', agent => 'x', id => 'o1'), offer('cpus(web):1', agent => 'x', id => 'o2')]);
    my ($launch) = $two->place([task('t', {cpus => 2})])->launches;
    is_deeply [map { $_->{value} } @{$launch->[0]}], ['o1', 'o2'];
};

subtest 'executors' => sub {
    my $executor = {executor_id => {value => 'e'}, command => {value => 'run'}, resources => {cpus => 1}};
    my $of = sub { my ($id) = @_; return {name => $id, task_id => {value => $id}, resources => {cpus => 1}, executor => $executor} };
    my $plan = Mesos::Offers->new([offer('cpus:2.5;mem:1', agent => 'x')])->place([map { $of->($_) } qw(t u)]);
    is places($plan), 't:x', 'there must be room for it';
    is_deeply [map { $_->{scalar}{value} } @{($plan->placed)[0]{task}{executor}{resources}}], [1];
    is places(Mesos::Offers->new([offer('cpus:2.5;mem:1', agent => 'x', executors => ['e'])])->place([map { $of->($_) } qw(t u)])), 't:x u:x', 'unless it is there';
};

subtest 'why not' => sub {
    my $plan = $offers->place([
            task('t', {cpus => 9}), {task => task('u', {cpus => 1}), attributes => {gpu => 'yes'}}, {task => task('v', {cpus => 1}), hostname => 'x', role => 'y'},
            {task => task('w', 'ports:[3-4]'), agent => 'b'}, {task => task('x', {cpus => 1}), attributes => {rack => ['r3', qr/^q/]}, agent => 'a'}, task('y', 'cpus(db):1'),
    ]);
    is places($plan), '';
    is $plan->why('t'), 't fits nowhere: a (a.example): cpus: it needs 9, and there is 2; b (b.example): cpus: it needs 9, and there is 4; '
        . 'c (big.example): cpus: it needs 9, and there is 8';
    my @unplaced = $plan->unplaced;
    is $unplaced[1]{reasons}[0], q(a (a.example): it has no attribute 'gpu');
    is $unplaced[2]{reasons}[0], q(a (a.example): its hostname is 'a.example', not 'x');
    is $unplaced[3]{reasons}[0], q(a (a.example): its agent is 'a', not 'b');
    is $unplaced[3]{reasons}[1], 'b (b.example): ports: it needs ports:[3-4], and there is ports:[1-3]';
    like $unplaced[4]{reasons}[0], qr/\Aa \(a\.example\): its attribute 'rack' is 'r1', not 'r3' or /;
    is $unplaced[5]{reasons}[0], 'a (a.example): it needs cpus(db):1, and there is cpus:2;mem:512';
    is $plan->why($unplaced[0]), $plan->why('t');
    is +Mesos::Offers->new([])->place([task('t', {})])->why('t'), 't fits nowhere: there are no offers';
};

subtest 'a launch' => sub {
    { package Placing; use Moo; extends 'Mesos::Scheduler'; has tasks => (is => 'ro');
        sub resourceOffers { my ($self, $driver, $list) = @_; Mesos::Offers->new($list)->place($self->tasks)->launch($driver, {refuse_seconds => 9}) } }
    my $t = Mesos::Test::Scheduler->new(scheduler => Placing->new(tasks => [task('t', {cpus => 3}), task('u', {cpus => 1})]));
    $t->register;
    my @made = $t->offers({cpus => 2, agent => 'a'}, {cpus => 3, agent => 'b'}, {cpus => 1, agent => 'c'});
    $t->expect_launch(offer => $made[0], task => {task_id => 'u'}, filters => {refuse_seconds => 9});
    $t->expect_launch(offer => $made[1], task => {task_id => 't'});
    $t->expect_decline(offer => $made[2], filters => {refuse_seconds => 9});
    $t->expect_nothing;
};

# The warnings of code that is all in one line, without that line.
sub told {
    my ($code) = @_;
    my $line = (caller)[2];
    my @told;
    local $SIG{__WARN__} = sub { push @told, @_ };
    $code->();
    s/ at \Q${\__FILE__}\E line $line\.\n\z// or fail("not at line $line: $_") for @told;
    return \@told;
}

subtest 'names that are nearly right' => sub {
    my $task = task('t', 'cpus:1');
    is_deeply told(sub { $offers->place([$task, {task => $task, ports => 1}], strategy => 'spread', by => 'rack', counts => {}) }), [], 'none';
    is_deeply told(sub { $offers->place([{%$task, _mine => 1}, Mesos::TaskInfo->new($task)]) }), [], "and what is the program's own";
    is_deeply told(sub { $offers->place([$task, {%$task, resorces => 'cpus:9'}]) }),
        ["place: tasks->[1]: Mesos::TaskInfo has no field 'resorces': did you mean 'resources'?"], 'a task';
    is_deeply told(sub { $offers->place([{task => {%$task, slave => 'a'}}]) }),
        ["place: tasks->[0]: Mesos::TaskInfo has no field 'slave': did you mean 'slave_id'?"], 'a task with constraints';
    is_deeply told(sub { $offers->place([{%$task, executor => {executor_id => {value => 'e'}, resource => 'cpus:1', command => {value => 'e'}}}]) }),
        ["place: tasks->[0]{executor}: Mesos::ExecutorInfo has no field 'resource': did you mean 'resources'?"], 'an executor';
    is_deeply told(sub { Mesos::Offers->new([{id => {value => 'o'}, slave_id => {value => 's'}, resource => []}]) }),
        ["Mesos::Offers->new: element 0: Mesos::Offer has no field 'resource': did you mean 'resources'?"], 'an offer';
    my @of_spread = map {"place: $_ counts for the strategy 'spread' only, not for 'first_fit'"} qw(by counts);
    is_deeply told(sub { $offers->place([], by => 'rack', counts => {}) }), \@of_spread, 'options of another strategy';
    is_deeply told(sub { $offers->place([task('t', {cpu => 9})]) }), ["Mesos::Resources: 'cpu' is no name that Mesos uses: did you mean 'cpus'?"], 'resources';
    my %offer = %{$offers->list->[0]};
    for my $case (
        ['id' => {id => {value => 'x', vlue => 1}}, "id: Mesos::OfferID has no field 'vlue': did you mean 'value'?"],
        ['an attribute' => {attributes => [{name => 'rack', type => 3, text => {value => 'r'}, txt => 1}]}, "attributes: Mesos::Attribute has no field 'txt': did you mean 'text'?"],
        ['its role' => {allocation_info => {rolle => 'x'}}, "allocation_info: Mesos::Resource::AllocationInfo has no field 'rolle': did you mean 'role'?"],
    ) {
        my ($what, $change, $text) = @$case;
        is_deeply told(sub { Mesos::Offers->new([{%offer, %$change}]) }), ["Mesos::Offers->new: element 0: $text"], "$what of an offer";
    }
    is_deeply told(sub { Mesos::Offers->new([bless {%offer, hostnmae => 'h'}, 'Mesos::Offer']) }),
        ["Mesos::Offers->new: element 0: Mesos::Offer has no field 'hostnmae': did you mean 'hostname'?"], 'an object';
    my %json = (name => 'cpus', type => 'SCALAR', scalar => {value => 1}, rolle => 'x');
    my $of_role = q(Mesos::Resource.rolle: Mesos::Resource has no field 'rolle': did you mean 'role'?);
    is_deeply told(sub { $offers->filter(resources => \%json) }), [$of_role], 'resources of a filter';
    is_deeply told(sub { $offers->place([{task_id => {value => 't'}, resources => [\%json]}]) }), [$of_role], 'resources of a task';
    is_deeply told(sub { $offers->place([], strategy => 'spread', by => 'rak') }), ["place: by: no offer has the attribute 'rak': did you mean 'rack'?"], 'an attribute';
    is_deeply told(sub { $offers->place([], strategy => 'spread', by => 'datacentre') }), [], 'one that no agent has today';
    dies_with(sub { $offers->place([], stratgy => 'pack') }, qr/^place: unknown option 'stratgy': did you mean 'strategy'\?/);
};

subtest 'errors' => sub {
    dies_with(sub { Mesos::Offers->new(1) }, qr/^Mesos::Offers->new: expected an array reference of offers/);
    dies_with(sub { Mesos::Offers->new([1]) }, qr/^Mesos::Offers->new: element 0: expected a Mesos::Offer/);
    dies_with(sub { Mesos::Offers->new([{}]) }, qr/element 0: an offer without an id or a slave_id/);
    dies_with(sub { $offers->filter(attribute => {}) }, qr/^filter: unknown constraint 'attribute': did you mean 'attributes'\?/);
    dies_with(sub { $offers->filter('x') }, qr/^filter: expected pairs/);
    dies_with(sub { $offers->filter(ports => 'x') }, qr/^filter: ports: expected a number, got "x"/);
    dies_with(sub { $offers->place(1) }, qr/^place: expected an array reference of tasks/);
    dies_with(sub { $offers->place([1]) }, qr/^place: tasks->\[0\]: expected a Mesos::TaskInfo/);
    dies_with(sub { $offers->place([{}]) }, qr/^place: tasks->\[0\]: a task without a task_id/);
    dies_with(sub { $offers->place([], strategy => 'best') }, qr/^place: strategy: expected "first_fit", "spread" or "pack", got "best"/);
    dies_with(sub { $offers->place([{task => task('t', {}), host => 1}]) }, qr/^place: tasks->\[0\]: unknown constraint 'host'/);
    dies_with(sub { $offers->place([], strategy => 'Spread') }, qr/^place: strategy: expected .*got "Spread": did you mean 'spread'\?/);
    dies_with(sub { $offers->place([], 'spread') }, qr/^place: expected pairs of a name and a value after the tasks/);
    dies_with(sub { $offers->place([], strategy => 'spread', by => ['rack']) }, qr/^place: by: expected the name of an attribute, got a reference/);
    dies_with(sub { $offers->place([], strategy => 'spread', counts => 'x') }, qr/^place: counts: expected a hash reference/);
    dies_with(sub { $offers->place([{task => task('t', {}), agent => {value => 'a'}}]) }, qr/^place: tasks->\[0\]: agent: expected a string, .*got a reference to hash/);
    dies_with(sub { $offers->filter(attributes => {rack => ['r1', {}]}) }, qr/^filter: attributes: rack: expected a string, .*got a reference to hash/);
    dies_with(sub { $offers->place([])->launch(1) }, qr/^launch: expected a driver/);
};

done_testing;
