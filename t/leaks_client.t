# No call of a client leaves a value of Perl behind, answered or refused, at once or by a promise: t/leaks_methods.t, with a cluster.
use strict;
use warnings;
use lib 't/lib';
use Test::Leaks qw(all_free frees_all methods_of never_grows reads $long @wrong);
use Scalar::Util qw(blessed);
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Test::Operator qw(answer redirect serve stream);
use Mesos::Client;
use Mesos::Cluster;
use Mesos::Runner;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

my $why = Mesos::Cluster->why_not;
plan skip_all => $why if defined $why;
alarm 300;
local $SIG{__WARN__} = sub { };

my $cluster = Mesos::Cluster->start(resources => 'cpus:32;mem:8192', allocation_interval => '20ms');
my $runner = Mesos::Runner->new(master => $cluster->master, framework => {name => $long});
$runner->add({id => 'long', command => 'echo hello; exec sleep 1000'});
$runner->start;
$runner->driver->run_once until ($runner->task('long')->state || '') eq 'TASK_RUNNING';
my $task = $runner->task('long')->mesos_id;
my $agent_of_cluster = $cluster->client->agent($cluster->client->agents->[0]{agent_info}{id});
my $container = $agent_of_cluster->containers->[0]{container_id};
my $output = $cluster->client->sandbox($task)->path . '/command.out';

# What the embedded cluster has no answer to: a server that plays a master and an agent.
my %answers = (
    READ_LOG => {size => 5, data => 'aGVsbG8=', map { ($_ => {size => 5, data => 'aGVsbG8='}) } qw(stdout stderr)},
    GET_RESOURCE_PROVIDERS => {resource_providers => [{name => $long}]},
    LIST_FILES => {file_infos => [{path => $long}]},
);
my $other = serve(sub {
        my $type = $_[0]{call}{type} || '';
        return stream(map { sprintf "%d\n%s", length $_, $_ } '{"type":"SUBSCRIBED","subscribed":{}}', '{"type":"HEARTBEAT"}', qq({"type":"TASK_ADDED","task_added":{"task":{"name":"$long"}}}))
            if $type eq 'SUBSCRIBE';
        return stream('what is no RecordIO') if $type eq 'LAUNCH_NESTED_CONTAINER_SESSION';
        return answer('200 OK', 'what is no JSON') if $type eq 'GET_FLAGS';
        # A connection that is closed without an answer.
        return [undef] if $type eq 'GET_METRICS';
        return answer('200 OK', {type => $type, lc $type => $answers{$type} || {}});
});
my $follower = serve(sub { return redirect("//$other->{address}") });

# A client goes with each of its calls: a connection that lives on would wait for the other side's delayed acknowledgement.
sub agent { my (%more) = @_; return Mesos::Client::Agent->new(url => $agent_of_cluster->url, %more) }
sub elsewhere { my ($class, %more) = @_; return $class eq 'Mesos::Client' ? Mesos::Client->new(master => $other->{address}, timeout => 5, %more) : Mesos::Client::Agent->new(url => "http://$other->{address}", timeout => 5, %more) }

# The arguments of each method. Those that a method_p has are the same.
my %of_both = (
    call => ['GET_TASKS', {}], health => [], version => [], flags => [], metrics => [timeout => 1], logging_level => [], tasks => [all => 1], frameworks => [all => 1],
    executors => [], operations => [], state => [],
);
my %of_files = (list_files => ['/'], read_file => [$output, offset => 1, length => 3], follow_file => [$output, sub { }, interval => 0.01]);
my %of_client = (
    %of_both, %of_files, master_info => [], agents => [all => 1], roles => [], weights => [], quota => [], leader => [], maintenance_schedule => [], maintenance_status => [],
    task => [$task], agent => [$agent_of_cluster->id], sandbox => [$task],
    update_weights => [{$long => 2}], update_quota => [{role => 'other', limits => {cpus => 1000}}], teardown => [$long],
    update_maintenance_schedule => [[{machines => [{hostname => $long}], start => 1e9, duration => 5}]],
    map({ ($_ => [[{hostname => $long}]]) } qw(start_maintenance stop_maintenance)),
    map({ ($_ => [$long]) } qw(mark_agent_gone drain_agent deactivate_agent reactivate_agent)),
    set_logging_level => [1, duration => 1], read_log => [length => 5],
);
my %of_agent = (
    %of_both, list_files => ['/'], read_file => [$output], follow_file => [$output, sub { }, interval => 0.01],
    info => [], containers => [nested => 1], resource_providers => [], kill_container => [$long, signal => 9], wait_container => [$long],
    run_in_container => [$container, 'echo hello; echo error >&2', stdout => sub { }, stderr => sub { }],
    set_logging_level => [1, duration => 1], read_log => [container => $long], update_container_memory_limit => [$long, 64],
);
# Both what answers and what refuses: an error's text and its fields must go, too.
my %answers_elsewhere = map { ($_ => 1) } qw(list_files read_log resource_providers set_logging_level update_container_memory_limit flags metrics run_in_container);

# In a method that is not a promise's, the end of a file that is followed is said by `until`.
sub calls_of {
    my ($class, $arguments) = @_;
    return map {
        my $method = $_;
        my @arguments = (@{$arguments->{$method}}, $method eq 'follow_file' ? (until => sub {1}) : ());
        ($method => sub {
                my ($thing) = @_;
                for my $of ($thing, $answers_elsewhere{$method} ? elsewhere($class) : ()) {
                    next if eval { my @dropped = $of->$method(@arguments); 1 };
                    die $@ unless blessed $@ && $@->isa('Mesos::Client::Error');
                }
        });
    } keys %$arguments;
}

# Functions of theirs that the methods call.
my @functions = qw(answers_of authority check_keys check_options credential_of described duration id_of instant machines_of methods_of_base parse_master seconds_of tls_enabled);

subtest 'a client' => sub {
    my $class = 'Mesos::Client';
    my %calls = (
        calls_of($class, \%of_client),
        new => sub { $cluster->client(credential => {principal => $long, secret => $long}, agent_scheme => 'http', retry_for => 1) },
        map({ reads($_) } qw(agent_scheme agent_verify_certificate dispatcher retry_for timeout verify_certificate)),
        events => sub {
            my ($client) = @_;
            my $stop = sub { my ($event, $events) = @_; $events->stop };
            $client->events($stop);
            eval { $client->events(sub { die "$long\n" }) };
            eval { elsewhere($class)->events(sub { }, reconnect => 0, heartbeats => 1) };
            my $seen = 0;
            elsewhere($class)->events(sub { $_[1]->stop if $seen++ }, on_disconnect => sub { });
        },
    );
    # A promise needs a dispatcher, and says so: whatever it is called with.
    my @promises = grep {/_p\z|\Aevent_stream\z/} methods_of($class);
    all_free($class, sub { $cluster->client(timeout => 5) }, \%calls, {}, fresh => 1, without => [@functions, @promises]);
    frees_all(sub { my $client = $cluster->client; eval { $client->$_ } for @promises }, 'no dispatcher');
    frees_all(sub { my $client = $cluster->client; $client->tasks for 1, 2 }, 'several calls');
    frees_all(sub { Mesos::Client->new(master => $follower->{address})->tasks }, 'a master that redirects');
    frees_all(sub { eval { Mesos::Client->new(master => '127.0.0.1:1')->tasks } }, 'no master');
    frees_all(sub { $cluster->refuse_call('GET_TASKS', api => 'operator', status => 500, message => $long); eval { $cluster->client->tasks } }, 'a call that is refused');
    frees_all(sub { eval { $cluster->client->call('GET_NOTHING', {key => [$long]}) } }, 'a call that there is not');
};

subtest 'an agent' => sub {
    my $class = 'Mesos::Client::Agent';
    my %calls = (
        calls_of($class, \%of_agent),
        new => sub { agent(credential => {principal => $long, secret => $long}, timeout => 1) },
        map({ reads($_) } qw(hostname id url)),
    );
    all_free($class, \&agent, \%calls, {}, fresh => 1, without => [@functions, grep {/_p\z/} methods_of($class)]);
};

subtest 'a sandbox' => sub {
    my $make = sub { $cluster->client->sandbox($task) };
    all_free('Mesos::Client::Sandbox', $make, {
            map({ reads($_) } qw(agent path task)),
            list => sub { $_[0]->list; eval { $_[0]->list($long) } },
            read_file => sub { $_[0]->read_file('command.out'); eval { $_[0]->read_file($long) } },
            follow_file => sub { $_[0]->follow_file('command.out', sub { }, until => sub {1}) },
    }, {}, fresh => 1, without => ['described', grep {/_p\z/} methods_of('Mesos::Client::Sandbox')]);
};

subtest 'an error' => sub {
    my $make = sub { eval { $cluster->client->teardown($long) }; return $@ };
    all_free('Mesos::Client::Error', $make, {
            map({ reads($_) } methods_of('Mesos::Client::Error')),
            new => sub { Mesos::Client::Error->new(text => $long, code => 'refused', status => 404) },
            of => sub { Mesos::Client::Error->of("x: expected a number, got 'y' at f line 1.\n") },
            throw => sub { eval { Mesos::Client::Error->throw(url => $long, status => 404, message => $long) } },
    }, {});
};

# --- promises ------------------------------------------------------------------------------------------------------------------------

# A loop is made once, and so is its dispatcher: what both keep is looked at in t/leaks_methods.t. Each call has its own client.
sub settled {
    my ($dispatcher, $promise) = @_;
    my @settled;
    if ($promise->isa('Mojo::Promise')) {
        $promise->then(sub { @settled = ('value', @_) }, sub { @settled = ('error', @_) });
        $dispatcher->wait(0.05) until @settled;
        return @settled;
    }
    my @values;
    return eval { @values = $promise->isa('Future') ? $promise->get : $promise->recv; 1 } ? ('value', @values) : ('error', $@);
}

# A process that has ended is seen in the loop's next turns, and so is a promise that has settled.
sub settle {
    my ($dispatcher, $object, $method, @arguments) = @_;
    my ($kind, $what) = settled($dispatcher, $object->$method(@arguments));
    die $what if $kind eq 'error' && !(blessed $what && $what->isa('Mesos::Client::Error'));
    $dispatcher->wait(0.001) for 1, 2;
    return $what;
}

each_dispatcher(sub {
        my ($name) = @_;
        my $dispatcher = "Mesos::Dispatcher::$name"->new;
        my @with = (dispatcher => $dispatcher);
        my $client = sub { $cluster->client(@with) };
        my $grows = sub { my ($what, $code) = @_; never_grows(sub { $code->(); $dispatcher->wait(0.001) for 1, 2 }, $what) };
        $grows->('a call', sub { my $tasks = settle($dispatcher, $client->(), 'tasks_p'); die 'no tasks' unless @$tasks });
        $grows->('a call that is refused', sub { die 'not refused' unless settle($dispatcher, $client->(), 'teardown_p', $long)->status == 400 });
        $grows->('no master', sub { settle($dispatcher, Mesos::Client->new(master => '127.0.0.1:1', @with), 'tasks_p')->isa('Mesos::Client::Error') or die });
        $grows->('more calls than there may be at once', sub {
                my $one = $client->();
                my @promises = map { $one->health_p } 1 .. 20;
                settled($dispatcher, $_) for @promises;
        });
        $grows->('what follows a promise', sub {
                my $value;
                my $promise = $client->()->tasks_p;
                my $next = $promise->can('then') ? $promise->then(sub { $value = $_[0]; $promise->isa('Mojo::Promise') ? 1 : Future->done(1) }) : $promise;
                settled($dispatcher, $next);
        });
        $grows->('a promise that is dropped', sub {
                my $one = $client->();
                my $all = $one->{async};
                $one->teardown_p($long);
                undef $one;
                $dispatcher->wait(0.01) while $all->{running};
        });
        $grows->('a promise that is cancelled', sub {
                my $promise = agent(@with)->wait_container_p($container);
                $promise->cancel if $promise->can('cancel');
                settled($dispatcher, $promise) if !$promise->can('cancel') && $cluster->kill_task($task);
        }) if $name ne 'Mojo' && eval { require Future; 1 };
        $grows->('a receiver of output', sub {
                my $said = '';
                my $status = settle($dispatcher, agent(@with), 'run_in_container_p', $container, 'echo hello', stdout => sub { $said .= $_[0] });
                die "$status: $said" if $said ne "hello\n";
        });
        $grows->('a receiver of output that dies', sub { settled($dispatcher, agent(@with)->run_in_container_p($container, 'echo hello', stdout => sub { die "$long\n" })) });
        $grows->('an agent and a sandbox', sub {
                my $sandbox = settle($dispatcher, $client->(), 'sandbox_p', $task);
                die 'no output' if settle($dispatcher, $sandbox, 'read_file_p', 'command.out') ne "hello\n";
        });
        # --- streams
        my $stream_of = sub { my ($of, @options) = @_; return $of->event_stream(@options) };
        $grows->('a stream', sub {
                my $stream = $stream_of->($client->(), heartbeats => 1);
                die 'no event' if (settled($dispatcher, $stream->next_event))[1]{type} ne 'SUBSCRIBED';
        });
        $grows->('a stream that is stopped', sub {
                my $stream = $stream_of->($client->());
                my @promises = map { $stream->next_event } 1 .. 3;
                settled($dispatcher, shift @promises);
                $stream->stop;
                settled($dispatcher, $_) for @promises, $stream->next_event;
        });
        $grows->('a stream that ends', sub {
                my $stream = $stream_of->(elsewhere('Mesos::Client', @with), reconnect => 0);
                my $seen = 0;
                $seen++ while (settled($dispatcher, $stream->next_event))[0] eq 'value';
                die "$seen events" if $seen != 2;
                settled($dispatcher, $stream->next_event);
        });
        $grows->('a stream that comes back', sub {
                my $broken = 0;
                my $stream = $stream_of->(elsewhere('Mesos::Client', @with), on_disconnect => sub { $broken++ });
                settled($dispatcher, $stream->next_event) for 1 .. 3;
                die 'not broken' if !$broken;
        });
        $grows->('a stream that is dropped unseen', sub { my $stream = $stream_of->($client->()); my $promise = $stream->next_event });
        $grows->('a stream of no master', sub { my $stream = $stream_of->(Mesos::Client->new(master => '127.0.0.1:1', @with)); settled($dispatcher, $stream->next_event) });
});

# All of them make their promises in the same way, whichever the loop is.
subtest 'each promise' => sub {
    my ($name) = grep { eval "require Mesos::Dispatcher::$_; 1" } qw(Mojo IOAsync POE AnyEvent);    ## no critic (ProhibitStringyEval)
    my $dispatcher = "Mesos::Dispatcher::$name"->new;
    my %makes = (
        'Mesos::Client' => [sub { $cluster->client(dispatcher => $dispatcher) }, \%of_client],
        'Mesos::Client::Agent' => [sub { agent(dispatcher => $dispatcher) }, \%of_agent],
        'Mesos::Client::Sandbox' => [sub { $cluster->client(dispatcher => $dispatcher)->sandbox($task) }, {list => [], read_file => ['command.out'], follow_file => ['command.out', sub { }]}],
    );
    for my $class (sort keys %makes) {
        my ($make, $arguments) = @{$makes{$class}};
        my @methods = map {/(.+)_p\z/} methods_of($class);
        is_deeply [grep { !$arguments->{$_} } @methods], [], "$class: each is called in order";
        for my $method (@methods) {
            # This one would follow for ever. One that is dropped goes on until its process sees that nobody listens.
            my @arguments = @{$arguments->{$method}};
            @arguments[1 .. $#arguments] = (sub { die "enough\n" }) if $method eq 'follow_file';
            never_grows(sub { my ($kind, $what) = settled($dispatcher, $make->()->can("${method}_p")->($make->(), @arguments)); $dispatcher->wait(0.001) for 1, 2 }, "$class, ${method}_p");
            # In the program itself, the others are all the same, and each list is a process.
            my @lists = $method =~ /\A(?:call|tasks|follow_file)\z/ ? @wrong : ['text', 'text', []];
            never_grows(sub {
                    for my $list ($method =~ /\A(?:follow_file|run_in_container|wait_container)\z/ ? grep { !grep { ref eq 'CODE' } @$_ } @lists : @lists) {
                        my $promise = eval { $make->()->can("${method}_p")->($make->(), @$list) } or next;
                        settled($dispatcher, $promise);
                    }
                    $dispatcher->wait(0.001) for 1, 2;
            }, "$class, ${method}_p: wrong arguments");
        }
    }
    my $make = sub { $cluster->client(dispatcher => $dispatcher) };
    never_grows(sub { for my $list (@wrong) { my $stream = eval { $make->()->event_stream(@$list) } } }, 'event_stream: wrong arguments');
};

done_testing;
