# Mesos::Runner, Mesos::Client, Mesos::Cluster, Mesos::Resources, Mesos::Async and the modules for tests: what is probably a mistake is told
# at once, at the user's line, with what was expected and what came.
use strict;
use warnings;
use lib 't/lib';
use B ();
use Mesos::Async;
use Mesos::Client;
use Mesos::Cluster;
use Mesos::Dispatcher::AnyEvent;
use Mesos::Error;
use Mesos::Offers;
use Mesos::Resources;
use Mesos::Runner;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
use Mesos::Stats qw(prometheus);
use Mesos::Test::Cluster;
use Mesos::Test::Scheduler;
use Test::More;
use Test::Operator qw(answer serve);
use Test::Warned qw(warnings_of);

# What is told at the line where the code begins: the warnings, and what it dies of.
sub told {
    my ($code) = @_;
    my $line = B::svref_2object($code)->START->line;
    my $died;
    my @told = warnings_of(sub { eval { $code->(); 1 } or $died = "$@" });
    push @told, "died: $died" if defined $died;
    s/ at \Q${\__FILE__}\E line $line\.\n\z// or fail("not at line $line: $_") for @told;
    return \@told;
}

# The same of what other modules tell as well, at lines of theirs.
sub told_at_all {
    my ($code) = @_;
    my @told = warnings_of($code);
    s/ at \S+ line \d+(?:, <\w+> line \d+)?\.\n\z// for @told;
    return \@told;
}

# Of each: [what is told, code].
sub all_told {
    my (@cases) = @_;
    is_deeply told($_->[1]), ref $_->[0] ? $_->[0] : ["died: $_->[0]"], ref $_->[0] ? "@{$_->[0]}" || 'nothing' : $_->[0] for @cases;
    return;
}

my $server = serve(sub { answer('200 OK', '{}') });
my %arguments = (master => '127.0.0.1:1', framework => {user => '', name => 'w'});

subtest 'enums' => sub {
    my $unknown = sub { my ($path, $number, $enum) = @_; return "$path: $number is no value of $enum: a Mesos that does not know it either takes the field as not set" };
    my $state = $unknown->('Mesos::TaskStatus.state', 77, 'Mesos::TaskState');
    my $type = 'Mesos::FrameworkInfo::Capability::Type';
    my @of = (task_id => {value => 't'});
    my $framework = sub { +{user => '', name => 'w', capabilities => [{type => 6}, @_]} };
    all_told(
        [[$state], sub { Mesos::TaskStatus->new({@of, state => 77})->encode }],
        [[$state], sub { Mesos::TaskStatus->new({@of, state => '77'})->encode }],
        [[$state], sub { Mesos::TaskStatus->new({@of, state => 154 / 2})->encode }],
        [[$unknown->('Mesos::TaskStatus.state', -1, 'Mesos::TaskState')], sub { Mesos::TaskStatus->new({@of, state => -1})->encode }],
        [[], sub { Mesos::TaskStatus->new({@of, state => $_})->encode for map({ $_->[1] } @{Mesos::TaskState->_pb_fields_list}), '2', 2.0, '1.0' }],
        # A Mesos that has sent a number knows it: it goes back without a word, from what came or from what a program makes of it. The
        # numbers of other enums are still told.
        [[], sub { Mesos::TaskStatus->decode(scalar Mesos::TaskStatus->decode("\x0a\x03\x0a\x01t\x10\x4e")->encode)->{state} == 78 or die "lost\n" }],
        [[], sub { Mesos::TaskStatus->new({@of, state => $_})->encode for 78, '78' }],
        [[], sub { Mesos::TaskStatus->decode("\x0a\x03\x0a\x01t\x10\x4f", enum_names => 1)->encode }],
        [[$unknown->('Mesos::TaskStatus.source', 78, 'Mesos::TaskStatus::Source')], sub { Mesos::TaskStatus->new({@of, state => 78, source => 78})->encode }],
        [[$unknown->('Mesos::FrameworkInfo.capabilities[1].type', 99, $type)], sub { Mesos::SchedulerDriver->new(%arguments, framework => $framework->({type => 99}), scheduler => Mesos::Scheduler->new) }],
        ["Mesos::FrameworkInfo.capabilities[1].type: 99 is no value of $type: a Mesos that does not know it either takes the field as not set",
            sub { Mesos::SchedulerDriver->new(%arguments, framework => $framework->({type => 99}), scheduler => Mesos::Scheduler->new, unknown_fields => 'die') }],
        [['framework: capabilities->[1] has no type: Mesos takes it for none'], sub { Mesos::SchedulerDriver->new(%arguments, framework => $framework->({}), scheduler => Mesos::Scheduler->new) }],
        [['framework: capabilities->[1] has no type: Mesos takes it for none'],
            sub { Mesos::SchedulerDriver->new(%arguments, framework => $framework->({type => undef}), scheduler => Mesos::Scheduler->new) }],
        [[], sub { Mesos::SchedulerDriver->new(%arguments, framework => $framework->({type => 99}), scheduler => Mesos::Scheduler->new, unknown_fields => 'ignore') }],
    );
};

subtest 'what is written as JSON' => sub {
    my $message = sub { my (@of) = @_; return sub { Mesos::TaskStatus->new({task_id => {value => 't'}, state => 1, @of})->encode_json } };
    my $state = 'Mesos::TaskStatus.state: 77 is no value of Mesos::TaskState: a Mesos that does not know it either takes the field as not set';
    (my $received = $state) =~ s/77/76/;
    all_told(
        [[$state], $message->(state => 77)], [[$state], sub { Mesos::TaskStatus->encode_json({state => '77'}) }],
        [[$state], sub { Mesos::TaskStatus->encode_json({state => 77}) }],
        [[$received], $message->(state => 76)],
        [[], sub { Mesos::TaskStatus->decode("\x0a\x03\x0a\x01t\x10\x4c")->encode_json =~ /76/ or die "lost\n" }],
        [[], $message->(state => 76)],
        [["Mesos::TaskStatus.agent_id: Mesos::TaskStatus has no field 'agent_id': did you mean 'slave_id'?"], $message->(agent_id => {value => 'a'})],
        [["Mesos::TaskStatus.labels.labels[1].vale: Mesos::Label has no field 'vale': did you mean 'value'?"], $message->(labels => {labels => [{key => 'a'}, {key => 'b', vale => 'c'}]})],
        [['Mesos::TaskStatus.message: expected one value, got an array reference, of which the last element counts'], $message->(message => ['a', 'b'])],
        [["Mesos::TaskStatus.healthy: 'no' is a true value in Perl: did you mean 0?"], $message->(healthy => 'no')],
        [[], $message->(healthy => 'yes', message => 'x', _own => 1, labels => {labels => [{key => 'a'}]}, source => undef)],
        [[], sub { my %of = (value => 1); my $count = 0; while (my ($key) = each %of) { Mesos::TaskID->encode_json(\%of); $count++ < 5 or die "for ever\n" } }],
    );
};

subtest 'fields by name' => sub {
    my $task = Mesos::TaskInfo->new({name => 'x', own => 1});
    all_told(
        [["get: Mesos::TaskInfo has no field 'nmae': did you mean 'name'?"], sub { defined $task->get('nmae') and die "set\n" }],
        [["get: Mesos::Labels has no field 'quux' (there are: labels)"], sub { @{[Mesos::Labels->new->get('quux', 'labels')]} == 2 or die "not two\n" }],
        [[], sub { $task->get($_) for qw(name own _mine data) }],
        map({ my $method = $_; ["$method: expected an object, as Mesos::TaskInfo->new makes it, got 'Mesos::TaskInfo'", sub { Mesos::TaskInfo->$method('name', 1) }] }
            qw(get set which_oneof dump copy equals)),
        ["dispatch_event: expected an object, as Mesos::SchedulerDriver->new makes it, got 'Mesos::SchedulerDriver'", sub { Mesos::SchedulerDriver->dispatch_event }],
        ["recv: expected an object, as Mesos::Dispatcher::AnyEvent->new makes it, got 'Mesos::Dispatcher::AnyEvent'", sub { Mesos::Dispatcher::AnyEvent->recv }],
        [["which_oneof: Mesos::TaskInfo has no oneof 'kind' (it has none)"], sub { @{[$task->which_oneof('kind')]} == 1 or die "not one\n" }],
    );
};

subtest 'without an object' => sub {
    for (
        ['run', 'Mesos::Runner'], ['add', 'Mesos::Runner'], ['cpus', 'Mesos::Resources'], ['contains', 'Mesos::Resources'], ['tasks', 'Mesos::Client'],
        ['call', 'Mesos::Client'], ['containers', 'Mesos::Client::Agent'], ['master', 'Mesos::Cluster', 'start'], ['fail_launch', 'Mesos::Cluster', 'start'],
        ['wait_for_task', 'Mesos::Test::Cluster', 'start'], ['start_p', 'Mesos::Async'], ['launch_p', 'Mesos::Async'],
    ) {
        my ($method, $class, $maker) = (@$_, 'new');
        my $text = "$method: expected an object, as $class->$maker makes it, got ";
        all_told(["$text'$class'", sub { $class->$method('x') }], ["${text}undef", sub { no strict 'refs'; &{"${class}::$method"}(undef) }]);
    }
    all_told(['new: expected to be called as Mesos::Resources->new(...), got "cpus:1" as the class', sub { Mesos::Resources::new('cpus:1') }]);
};

subtest 'drivers, dispatchers and offers without an object' => sub {
    for my $of (
        (map { [$_, 'Mesos::SchedulerDriver'] } qw(start run run_once join launchTasks balance_offers)), (map { [$_, 'Mesos::ExecutorDriver'] } qw(start run)),
        (map { [$_, 'Mesos::Offers'] } qw(list count ids resources filter place by_agent by_hostname by_role by_attribute)),
    ) {
        my ($method, $class) = @$of;
        eval "require $class" or die $@;
        all_told(["$method: expected an object, as $class->new makes it, got '$class'", sub { $class->$method }]);
    }
    for my $method (qw(wait serve)) {
        all_told(['expected an object, as Mesos::Dispatcher::AnyEvent->new makes it', sub { Mesos::Dispatcher::AnyEvent->$method() }]);
    }
};

subtest 'timers and handles' => sub {
    for my $name (qw(AnyEvent IOAsync Mojo Interrupt)) {
        my $class = "Mesos::Dispatcher::$name";
        next unless eval "require $class; 1";
        my $dispatcher = $class->new;
        my $code = sub { };
        Mesos::Warnings::_forget();
        all_told(['timer: expected a code reference, got undef', sub { my $timer = $dispatcher->timer(1) }], ['timer: expected a code reference, got "5"', sub { my $timer = $dispatcher->timer(1, 5) }],
            ['watch: expected an open handle, got undef', sub { my $watch = $dispatcher->watch(undef, $code) }], ['watch: expected an open handle, got "x"', sub { my $watch = $dispatcher->watch('x', $code) }],
            ['watch: expected an open handle, got one that is not open', sub { no warnings 'once'; my $watch = $dispatcher->watch(\*CLOSED, $code) }],
            ['watch: expected a code reference, got a reference to hash', sub { my $watch = $dispatcher->watch(\*STDIN, {}) }],
            [['timer: what it returns is not kept, so that nothing is ever called'], sub { $dispatcher->timer(1, $code); 1 }],
            [['watch: what it returns is not kept, so that nothing is ever called'], sub { $dispatcher->watch(\*STDIN, $code); 1 }],
            [['timer: expected at most 2 arguments, got 3'], sub { my $timer = $dispatcher->timer(1, $code, 2) }],
            [[], sub { my @timers = ($dispatcher->timer(0, $code), $dispatcher->timer('1.5', $code)); my $watch = $dispatcher->watch(\*STDIN, $code) }],
            ['serve: expected a code reference, got "1"', sub { $dispatcher->serve(1) }]);
        my @told = grep { !/isn't numeric/ } @{told_at_all(sub { my $timer = $dispatcher->timer('1s', $code) })};
        is_deeply \@told, ['timer: expected a number of seconds, got "1s"'], $name;
    }
};

subtest 'numbers for Prometheus' => sub {
    my $stats = {events => {OFFERS => 1}, bytes_in => 2};
    all_told(['prometheus: expected pairs of a name and a value after the numbers, got an odd number of them', sub { prometheus($stats, 'x') }],
        ['prometheus: framework: expected a string, got undef', sub { prometheus($stats, framework => undef) }], ['prometheus: events: expected a hash reference, got "1"', sub { prometheus({events => 1}) }],
        ['prometheus: bytes_in: expected a number, got a reference to hash', sub { prometheus({bytes_in => {}}) }],
        ['prometheus: expected a driver or what its stats returns, got a hash without any of its numbers', sub { prometheus({evnts => {}}) }],
        [[q(prometheus: the label 'type' has another meaning in mesos_driver_events_total, which keeps its own)], sub { prometheus($stats, type => 'x') }],
        [[], sub { prometheus($stats, framework => 'x') }]);
};

subtest 'names of states' => sub {
    all_told([[q(Mesos::TaskState->is_terminal: expected a state, got "TASK_FINISHD": did you mean 'TASK_FINISHED'?)], sub { Mesos::TaskState->is_terminal('TASK_FINISHD') }],
        [[q(Mesos::TaskState->is_terminal: expected a state, got "FINISHED": did you mean 'TASK_FINISHED'?)], sub { Mesos::TaskState->is_terminal('FINISHED') }],
        [[q(Mesos::OperationState->is_terminal: expected a state, got "TASK_LOST")], sub { Mesos::OperationState->is_terminal('TASK_LOST') }],
        [['Mesos::TaskState->name_of: expected a number, got "TASK_LOST"'], sub { Mesos::TaskState->name_of('TASK_LOST') }],
        [[], sub { Mesos::TaskState->is_terminal($_) for undef, 2, 99, 'TASK_LOST', 'TASK_RUNNING'; Mesos::TaskState->name_of($_) for undef, 2, 99, -1 }]);
};

subtest 'units' => sub {
    no warnings 'Mesos';
    my $driver = Mesos::SchedulerDriver->new(%arguments, scheduler => Mesos::Scheduler->new);
    my ($id, %task) = ({value => 'x'}, name => 't', task_id => {value => 't'}, slave_id => {value => 's'}, command => {value => 'x'});
    $driver->start;
    use warnings 'Mesos';
    my $second = 'is 5: a second has 1e9 of them';
    all_told([["killTask: killPolicy->{grace_period}{nanoseconds} $second"], sub { $driver->killTask($id, {grace_period => {nanoseconds => 5}}) }],
        [["tasks->[0]{kill_policy}{grace_period}{nanoseconds} $second"], sub { $driver->launchTasks([$id], [{%task, kill_policy => {grace_period => {nanoseconds => 5}}}]) }],
        [["tasks->[0]{max_completion_time}{nanoseconds} $second"], sub { $driver->launchTasks([$id], [{%task, max_completion_time => {nanoseconds => 5}}]) }],
        [['declineOffer: filters->{refuse_seconds} is 86400000, so the master takes 365 days, which is its most'], sub { $driver->declineOffer($id, {refuse_seconds => 86_400_000}) }],
        [[], sub { $driver->killTask($id, {grace_period => {nanoseconds => $_}}) for 0, 5e6, 5e9; $driver->declineOffer($id, {refuse_seconds => $_}) for 31_536_000, 1e300 }]);
    { no warnings 'Mesos'; $driver->stop; undef $driver }
};

subtest 'more than a method looks at' => sub {
    my $client = Mesos::Client->new(master => $server->{address});
    my $resources = Mesos::Resources->new('cpus:1');
    no warnings 'Mesos';
    my $runner = Mesos::Runner->new(%arguments);
    my $async = Mesos::Async->new(%arguments);
    use warnings 'Mesos';
    all_told([['health: expected no arguments, got 1'], sub { $client->health(1) }], [['flags: expected no arguments, got 2'], sub { $client->flags(1, 2) }],
        [['teardown: expected at most 1 argument, got 2'], sub { $client->teardown('f', 1) }], [['counts: expected no arguments, got 1'], sub { $runner->counts(1) }],
        [['contains: expected at most 1 argument, got 2'], sub { $resources->contains('cpus:1', 'mem:2') }], [['text: expected no arguments, got 1'], sub { $resources->text(1) }],
        [['next_event: expected no arguments, got 1'], sub { $async->next_event(1) }]);
    { no warnings 'Mesos'; undef $runner; undef $async }
};

subtest 'resources' => sub {
    my $r = Mesos::Resources->new('cpus:1;ports:[1-9]');
    my $ranges = 'Mesos::Resources: ports: expected ranges, such as [[31000, 32000]], or an amount, got';
    all_told(["$ranges [31000, 31001]", sub { Mesos::Resources->new({ports => [31000, 31001]}) }], ["$ranges a reference to hash", sub { Mesos::Resources->new({ports => {}}) }],
        ['Mesos::Resources: expected resources (a string, a message, an array reference or a hash reference), got undef', sub { $r->contains(undef) }],
        ['reserved: expected the name of a role, got a reference to hash', sub { my $x = $r->reserved({}) }], ['flatten: expected the name of a role, got a reference to array', sub { my $x = $r->flatten([]) }],
        [['add: what it returns is not used, and the object itself never changes'], sub { $r->add('cpus:1'); 1 }],
        [['subtract: what it returns is not used, and the object itself never changes'], sub { $r->subtract('cpus:1'); 1 }],
        [[q(scalar: 'cpu' is no name that Mesos uses: did you mean 'cpus'?)], sub { $r->scalar('cpu') }], [[q(named: 'memory' is no name that Mesos uses: did you mean 'mem'?)], sub { $r->named('memory') }],
        [[], sub { $r->scalar($_), $r->named($_) for qw(cpus gpus license); my $own = do { no warnings 'Mesos'; Mesos::Resources->new('cpu:1') }; $own->scalar('cpu') }],
        [[], sub { my $sum = $r->add('cpus:1') + $r - $r; $r->named('cpus')->reserved('x')->text }]);
};

subtest 'offers' => sub {
    my %id = (id => {value => 'o'}, slave_id => {value => 's'});
    all_told(['Mesos::Offers->new: element 0: slave_id: expected a hash reference with the key value, got "s"', sub { Mesos::Offers->new([{%id, slave_id => 's'}]) }],
        ['Mesos::Offers->new: element 0: id: expected a hash reference with the key value, got a reference to hash', sub { Mesos::Offers->new([{%id, id => {vlaue => 1}}]) }]);
    my $offers = Mesos::Offers->new([\%id]);
    my $role_of = 'role_of: expected an offer (it is a function: Mesos::Offers::role_of($offer)), got';
    all_told(["$role_of an object of Mesos::Offers", sub { $offers->role_of }], ["$role_of \"x\"", sub { Mesos::Offers::role_of('x') }],
        ['filter: attributes: rack: expected a string, a regular expression, a function, or a list of these, got undef', sub { $offers->filter(attributes => {rack => undef}) }],
        ['place: counts: s: expected a number, got "x"', sub { $offers->place([], strategy => 'spread', counts => {s => 'x'}) }],
        [['count: expected no arguments, got 1'], sub { $offers->count(1) }], [['by_attribute: expected at most 1 argument, got 2'], sub { $offers->by_attribute('rack', 'r1') }]);
    all_told([[], sub { $offers->filter(hostname => 'h', resources => 'cpus:1'), $offers->resources, $offers->place([{task_id => {value => 't'}, resources => []}]) }]);
    is $offers->resources, '', 'an offer without resources has none';
    is $offers->filter(agent => 's')->count, 1;
};

subtest 'errors' => sub {
    all_told(["Mesos::Error->new: expected pairs of a name and a value, such as text => 'what is wrong', got an odd number of arguments", sub { Mesos::Error->new('x') }],
        [["Mesos::Error->new: unknown argument 'txt': did you mean 'text'?"], sub { Mesos::Error->new(txt => 'x') }], [[], sub { Mesos::Error->of(undef) }],
        [[], sub { Mesos::Error->new(text => 'x', colour => 1, task_id => 2, code => 'c') }]);
    is(Mesos::Error->of(undef), 'unknown error');
};

subtest 'runner' => sub {
    my $prefix = 'isa check for "master" failed: master: expected "local", "host:port" or the like, got';
    all_told(["$prefix undef", sub { Mesos::Runner->new(master => undef) }], ["$prefix a reference to hash", sub { Mesos::Runner->new(master => {}) }]);
    no warnings 'Mesos';
    my ($runner, $other) = map { Mesos::Runner->new(%arguments) } 1, 2;
    my $strange = $other->add('true');
    use warnings 'Mesos';
    all_told(['task: expected the id of a task, got undef', sub { $runner->task }], ['task: expected the id of a task, got a reference to hash', sub { $runner->task({}) }],
        ['kill: expected a task of this runner, got "1"', sub { $runner->kill(1) }], ['kill: expected a task of this runner, got an object of Mesos::Runner', sub { $runner->kill($other) }],
        ["forget: expected a task of this runner, got the task '1', which is none", sub { $runner->forget($strange) }],
        [[q(stop: failover: 'no' is a true value in Perl: did you mean 0?)], sub { no warnings 'once'; local *Mesos::SchedulerDriver::stop = sub { }; $other->stop('no') }]);
    my $env = "add: task 0: env: expected the name of a variable, without '=', got";
    my $resources = 'add: task 0: resources: expected an array reference of Mesos::Resource, got';
    all_told([qq($env "A=B"), sub { $runner->add({command => 'true', env => {'A=B' => 1}}) }], [qq($env ""), sub { $runner->add({command => 'true', env => {'' => 1}}) }],
        [qq($resources "cpus:1"), sub { $runner->add({info => {command => {value => 'true'}, resources => 'cpus:1'}}) }],
        [qq($resources "cpus:1"), sub { $runner->add({info => {executor => {resources => 'cpus:1'}}}) }]);
    all_told([["add: task 1 is the command 'cpus': did you mean {command => 'echo', cpus => 2}?"], sub { $runner->add('echo', cpus => 2) }],
        [["add: task 1 is the command 'timeout': did you mean {command => ..., timeout => 2}?"], sub { $runner->add(['echo'], timeout => 2) }],
        [["add: task 0 is the command 'command': did you mean {command => ...}?"], sub { $runner->add(command => 'true') }],
        [['add: task 0: env has no effect on a task with info: its command has it'], sub { $runner->add({info => {command => {value => 'true'}}, env => {A => 1}}) }],
        [['add: task 0: user has no effect on a task with info: its command has it'], sub { $runner->add({info => {command => {value => 'true'}}, user => 'me'}) }],
        [['add: task 0: info{command}{arguments} has no effect, for shell is not 0: a shell runs the value alone'],
            sub { $runner->add({info => {command => {value => 'echo', arguments => ['echo', 'x']}}}) }],
        [['add: task 0: info{max_completion_time}{nanoseconds} is 5: a second has 1e9 of them'],
            sub { $runner->add({info => {command => {value => 'true'}, max_completion_time => {nanoseconds => 5}}}) }],
        [[], sub { $runner->add('timeout', 'echo', 'env', 'id'); $runner->add('info', 'true'); $runner->add({info => {command => {value => 'true'}}, env => {}}) }]);
    my @told;
    for my $of ([reconcile_interval => 0], [driver_options => {implicit_acknowledgements => 0}]) {
        my $made;
        push @told, @{told(sub { $made = Mesos::Runner->new(%arguments, @$of) })};
        no warnings 'Mesos';
        undef $made;
    }
    is_deeply \@told, ['died: isa check for "reconcile_interval" failed: reconcile_interval: expected a number of seconds above 0, got "0"',
        'driver_options: implicit_acknowledgements: nobody acknowledges updates then, so Mesos repeats them'];
    { no warnings 'Mesos'; undef $_ for $runner, $other, $strange }
};

subtest 'a runner that runs' => sub {
    my ($runner, $again);
    $runner = Mesos::Runner->new(master => 'local', backoff => 0.1, on_result => sub { eval { $_[0]->run }; $again = $@ });
    $runner->add('true');
    is_deeply [map { $_->state } $runner->run], ['TASK_FINISHED'];
    like $again, qr/\Arun: this runner runs already at \Q${\__FILE__}\E line @{[__LINE__ - 3]}\.$/;
    undef $runner;
    no warnings 'Mesos';
    my @told = do { use warnings 'Mesos'; @{told(sub { $runner = Mesos::Runner->new(%arguments, backoff => 9, max_backoff => 1) })} };
    is_deeply \@told, ['backoff is 9, but max_backoff is only 1'];
};

subtest 'client' => sub {
    my $client = Mesos::Client->new(master => $server->{address}, dispatcher => 'AnyEvent');
    my $agent = Mesos::Client::Agent->new(url => "http://$server->{address}");
    my $machine = 'start_maintenance: machine: expected {hostname => ..., ip => ...}, got';
    all_told([q(update_quota: unknown key 'rle': did you mean 'role'?), sub { $client->update_quota({rle => 'x'}) }], ['update_quota: role: expected the name of a role, got undef', sub { $client->update_quota({}) }],
        ['update_quota: expected {role => ..., limits => {...}}, got "x"', sub { $client->update_quota(['x']) }],
        ['update_quota: x: limits: expected a hash reference, such as {cpus => 4}, got a reference to array', sub { $client->update_quota({role => 'x', limits => []}) }],
        [q(start_maintenance: machine: unknown key 'host': did you mean 'hostname'?), sub { $client->start_maintenance([{host => 'x'}]) }], ["$machine \"x\"", sub { $client->start_maintenance(['x']) }],
        ["$machine neither of them", sub { $client->start_maintenance([{}]) }], [[q(agents: all: 'no' is a true value in Perl: did you mean 0?)], sub { $client->agents(all => 'no') }]);
    all_told(['kill_container: signal: expected the number of a signal, such as 15, got "KILL"', sub { $agent->kill_container('c', signal => 'KILL') }],
        ['run_in_container: stdout: expected code that gets the output, got a reference to scalar', sub { $agent->run_in_container('c', 'ls', stdout => \my $x) }],
        ['run_in_container: timeout: expected a number of seconds, got "-1"', sub { $agent->run_in_container('c', 'ls', timeout => -1) }]);
    all_told(['event_stream: expected names and values after the arguments, got an odd number of them', sub { $client->event_stream('x') }],
        [q(event_stream: unknown argument 'heartbeets': did you mean 'heartbeats'?), sub { $client->event_stream(heartbeets => 1) }],
        ['event_stream: on_disconnect: expected code, got "x"', sub { $client->event_stream(on_disconnect => 'x') }]);
};

subtest 'promises' => sub {
    my $driver = Mesos::Async->new(%arguments);
    my $value = 'expected a hash reference with the key value, got';
    all_told([qq(launch_p: task: task_id: $value "t"), sub { $driver->launch_p([], {task_id => 't'}) }], [qq(operation_p: operation: id: $value "o"), sub { $driver->operation_p([], {type => 2, id => 'o'}) }],
        ['reconcile_p: element 1: expected the id of a task, Mesos::TaskStatus or a hash reference, got undef', sub { $driver->reconcile_p(['x', undef]) }],
        [qq(reconcile_p: element 0: task_id: $value "x"), sub { $driver->reconcile_p([{task_id => 'x'}]) }],
        ['reconcile_p: element 0: expected the id of a task, or a Mesos::TaskStatus with a task_id, which has none', sub { $driver->reconcile_p([{value => 'x'}]) }],
        ['decline_p: filters: expected Mesos::Filters or a hash reference, got "x"', sub { $driver->decline_p([], 'x') }], ['cancel: expected a promise of launch_p, got undef', sub { $driver->cancel }]);
    # Nothing would ever come, and nobody shall wait for it.
    no warnings 'Mesos';
    my ($executor, $agent, $offer) = map { {value => $_} } qw(e s o);
    my %reserve = (type => 2, reserve => {resources => [{name => 'cpus', type => 0, scalar => {value => 1}, reservations => [{type => 2, role => 'r', principal => 'p'}]}]});
    my @calls = (sub { $driver->reconcile_p(['x']) }, sub { $driver->message_p($executor, $agent, 'x') }, sub { $driver->operation_p($offer, \%reserve) });
    for my $when ('before it starts', 'after its end') {
        for my $call (@calls) {
            my $error;
            my $promise = $call->();
            eval { $promise->can('get') ? $promise->get : $promise->recv; 1 } or $error = $@;
            is $error, 'the driver does not run', $when;
            is $error->code, 'driver';
        }
        $driver->start, $driver->stop if $when =~ /before/;
    }
    my $promise = $driver->start_p;
    ok !eval { $promise->can('get') ? $promise->get : $promise->recv; 1 };
    is $@, 'the driver has ended already';
};

subtest 'scheduler under test' => sub {
    my $t = Mesos::Test::Scheduler->new(scheduler => Mesos::Scheduler->new);
    all_told(['register: master: expected a Mesos::MasterInfo or a hash reference, got "x"', sub { $t->register(master => 'x') }],
        [q(play: step 0: expected the name of a method of this class, got "regster": did you mean 'register'?), sub { $t->play('regster') }],
        ['play: step 0: expected the name of a method, or an array reference with it and its arguments, got a reference to hash', sub { $t->play({}) }]);
    all_told([["Mesos::MasterInfo.hostnme: Mesos::MasterInfo has no field 'hostnme': did you mean 'hostname'?"], sub { $t->register(master => {hostnme => 1}) }]);
    my $pairs = 'offer: expected pairs of a name and a value, got an odd number of arguments';
    all_told([$pairs, sub { $t->offer('x') }], ["$pairs: a hash reference is no list, so leave out the braces", sub { $t->offer({cpus => 1}) }],
        ['offers: expected hash references, one for each offer, got "cpus"', sub { $t->offers(cpus => 1) }], ['message: expected the data, a string, got undef', sub { $t->message }],
        ['message: executor: expected an id, got a reference to array', sub { $t->message('x', executor => []) }], ['lose_agent: expected an id, got a reference to hash', sub { $t->lose_agent({}) }],
        ['lose_executor: expected an id, got ""', sub { $t->lose_executor('') }], ['inverse_offer: start: expected a number of seconds, got "x"', sub { $t->inverse_offer(start => 'x') }],
        ['operation_update: expected a Mesos::OperationStatus or a hash reference, got "x"', sub { $t->operation_update('x') }], ['error: expected a text, got a reference to hash', sub { $t->error({}) }],
        ['expect_acknowledge: expected a Mesos::TaskStatus, as update returns it, got "x"', sub { $t->expect_acknowledge('x') }],
        ['expect_decline: offers: expected at least one offer, got an empty list', sub { $t->expect_decline(offers => []) }],
        [q(expect_accept: operations: there is no operation 'RESERV': did you mean 'RESERVE'?), sub { $t->expect_accept(operations => ['RESERV']) }],
        ['expect_accept: operations: expected an array reference, got "RESERVE"', sub { $t->expect_accept(operations => 'RESERVE') }]);
    my $builder = Test::More->builder;
    my $before = $builder->current_test;
    no warnings 'Mesos';
    my $offer = $t->offer(cpus => 1);
    $t->driver->declineOffer($offer->{id});
    $t->expect_decline(offers => $offer);
    is $builder->current_test, $before + 1, 'one offer that is no list is looked at';
};

subtest 'cluster' => sub {
    plan skip_all => Mesos::Cluster->why_not if defined Mesos::Cluster->why_not;
    all_told([q(start: resources: expected a string, such as 'cpus:4;mem:2048', got a reference to hash), sub { Mesos::Cluster->start(resources => {cpus => 1}) }],
        [q(start: attributes: expected a string or a hash reference, such as {rack => 'r1'}, got a reference to array), sub { Mesos::Cluster->start(attributes => ['a']) }]);
    my $c = Mesos::Test::Cluster->start;
    my $pairs = 'expected pairs of a name and a value, got an odd number of arguments';
    all_told(["driver: $pairs", sub { $c->driver('x') }], ["client: $pairs", sub { $c->client('x') }], ["fail_launch: $pairs", sub { $c->fail_launch('x') }],
        ["refuse_call: $pairs", sub { $c->refuse_call('ACCEPT', 'x') }], ["delay_call: $pairs", sub { $c->delay_call('ACCEPT', 1, 'x') }], ["wait_for: $pairs", sub { $c->wait_for('x', sub {1}, 1) }],
        ["wait_for_framework: $pairs", sub { $c->wait_for_framework('x', 5) }], ["wait_for_leader: $pairs", sub { $c->wait_for_leader(5) }],
        [q(wait_for_agents: unknown argument 'timout': did you mean 'timeout'?), sub { $c->wait_for_agents(1, timout => 1) }],
        ['refuse_call: status: expected a number from 400 to 599, got "x"', sub { $c->refuse_call('ACCEPT', status => 'x') }],
        [[q(refuse_call: there is no call 'ACEPT': did you mean 'ACCEPT'?)], sub { $c->refuse_call('ACEPT') }],
        [[q(delay_call: there is no call 'UPDAT': did you mean 'UPDATE'?)], sub { $c->delay_call('UPDAT', 1, api => 'executor') }],
        [[], sub { $c->refuse_call('ACCEPT'); $c->delay_call('UPDATE', 1, api => 'executor'); $c->refuse_call('GET_TASKS', api => 'operator') }]);
    all_told(['kill_task: expected the id of a task, got undef', sub { $c->kill_task }], ['read_file: expected the id of a task, got undef', sub { $c->read_file(undef, 'stdout') }],
        ["read_file: there is no task 'nope'", sub { $c->read_file('nope', 'stdout') }], ['read_file: expected the name of a file, such as stdout, got undef', sub { $c->read_file('nope') }],
        ['sandbox: expected the id of a task, or a task as the method task returns it, got a reference to hash', sub { $c->sandbox({}) }],
        [['stop: expected no arguments, got 1'], sub { $c->stop(1) }]);
};

subtest 'names of resources' => sub {
    my $client = Mesos::Client->new(master => $server->{address});
    all_told(
        [[q(update_quota: dev: limits: 'cpu' is no name that Mesos uses: did you mean 'cpus'?)], sub { $client->update_quota({role => 'dev', limits => {cpu => 1, mem => 2}}) }],
        [[q(update_quota: dev: guarantees: 'memory' is no name that Mesos uses: did you mean 'mem'?)], sub { $client->update_quota({role => 'dev', guarantees => {memory => 1, license => 2}}) }],
        [[q(start: resources: 'gpu' is no name that Mesos uses: did you mean 'gpus'?)], sub { Mesos::Cluster->start(resources => 'cpus:1;gpu:1')->stop }],
        [[], sub { Mesos::Cluster->start(resources => '[{"name":"cpus","type":"SCALAR","scalar":{"value":3}}]')->stop }],
    );
};

subtest 'a promise of a client that nobody keeps' => sub {
    my $refusing = serve(sub { answer('403 Forbidden', 'not you') });
    my $client = Mesos::Client->new(master => $refusing->{address}, dispatcher => 'AnyEvent');
    my ($line, $settled);
    my $call = sub {
        my ($keep) = @_;
        $line = __LINE__ + 1;
        $keep ? ($settled = $client->teardown_p('nope')) : $client->teardown_p('nope');
        return;
    };
    my @warnings = warnings_of(sub {
            $call->(0);
            # The second is answered no earlier than the first.
            $client->{async}{dispatcher}->wait(0.05) while $client->{async}{running};
    });
    is @warnings, 1, 'is told';
    like $warnings[0], qr/\Ateardown_p: its promise is rejected, and nobody has kept it: TEARDOWN: http:\S+ answered 403 Forbidden: not you at \Q${\__FILE__}\E line $line\.\n\z/, 'at the line of the call';
    @warnings = warnings_of(sub {
            $call->(1);
            $client->{async}{dispatcher}->wait(0.05) while $client->{async}{running};
    });
    is_deeply \@warnings, [], 'one that is kept is not';
    ok $settled, 'and is there';
};

subtest 'the run of the driver in place of the runner\'s' => sub {
    my $runner = Mesos::Runner->new(master => 'local', framework => {user => '', name => 'w'}, collect_output => 0);
    $runner->add('true');
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_; $runner->driver->stop };
    local $SIG{ALRM} = sub { die "no end\n" };
    alarm 60;
    is eval { $runner->driver->run }, Mesos::Status::DRIVER_STOPPED(), 'stopped by the test' or diag $@;
    alarm 0;
    is_deeply \@warnings, ["Mesos::Runner: all tasks have ended, but the driver's run goes on until the program calls stop: the runner's run ends by itself\n"], 'told';
};

subtest 'offers for nobody' => sub {
    my ($driver, @warnings);
    local $SIG{ALRM} = sub { die "no end\n" };
    local $SIG{__WARN__} = sub { push @warnings, @_; $driver->stop };
    alarm 60;
    $driver = Mesos::Async->new(master => 'local', framework => {user => '', name => 'w'});
    is eval { $driver->run }, Mesos::Status::DRIVER_STOPPED(), 'stopped by the test' or diag $@;
    alarm 0;
    is_deeply \@warnings, ["Mesos: what Mesos offers stays unused: this Mesos::Async has no scheduler, and the program does not call next_event\n"], 'told';
};

done_testing;
