# Mesos::Client: promises of each loop, and the stream of events, from a server that plays a master and an agent.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Mesos::Client;
use POSIX ();
use Test::Dispatchers qw(each_dispatcher open_descriptors);
use Test::Files qw(perl_command);
use Test::More;
use Test::Operator qw(answer redirect serve stream);
use Time::HiRes ();

alarm 280;
# By its process group this run knows its own processes from those of another one of the same test.
POSIX::setpgid(0, 0) if getpgrp != $$;
my %class = (Mojo => 'Mojo::Promise', IOAsync => 'IO::Async::Future', map { ($_ => eval { require Future; 1 } ? 'Mesos::Async::Future' : 'AnyEvent::CondVar') } qw(AnyEvent Interrupt POE));

my $agents = '{"type":"GET_AGENTS","get_agents":{"agents":[{"agent_info":{"hostname":"node1","id":{"value":"S0"}},"active":true,"pid":"slave(1)@%s"}]}}';
my $tasks = '{"type":"GET_TASKS","get_tasks":{"tasks":[{"task_id":{"value":"t1"},"state":"TASK_RUNNING","framework_id":{"value":"F"},"agent_id":{"value":"S0"}}]}}';
my $agent = serve(sub {
        my ($call) = $_[0]{call};
        # The file is "hello".
        return answer('200 OK', '{"type":"READ_FILE","read_file":{"data":"' . ($call->{read_file}{offset} ? '' : 'aGVsbG8=') . '","size":5}}') if $call->{type} eq 'READ_FILE';
        return answer('404 Not Found', 'nothing here') if $call->{type} eq 'LIST_FILES';
        return answer('200 OK', '{"type":"GET_CONTAINERS","get_containers":{"containers":[{"container_id":{"value":"c"}}]}}');
});
my @events = map { sprintf "%d\n%s", length $_, $_ }
    '{"type":"SUBSCRIBED","subscribed":{}}', '{"type":"HEARTBEAT"}', '{"type":"TASK_ADDED","task_added":{"task":{"name":"one"}}}', '{"type":"TASK_ADDED","task_added":{"task":{"name":"two"}}}';
my $master = serve(sub {
        my $type = $_[0]{call}{type};
        return stream(@events, 'open') if $type eq 'SUBSCRIBE';
        return [] if $type eq 'GET_FLAGS';
        return answer('403 Forbidden', 'not you') if $type eq 'TEARDOWN';
        return answer('200 OK', $type eq 'GET_TASKS' ? $tasks : $type eq 'GET_AGENTS' ? sprintf $agents, $agent->{address} : '{"get_health":{"healthy":true}}');
});
my $follower = serve(sub { return redirect("//$master->{address}") });

# Processes of calls, which are nobody's children. They have the command line of who made them.
sub named {
    my @named;
    for my $folder (glob '/proc/[0-9]*') {
        my %read = map { my $name = $_; ($name => do { local $/; open my $in, '<', "$folder/$name" or next; scalar readline $in }) } qw(cmdline stat);
        my ($state, $parent, $group) = ($read{stat} || '') =~ /\) (\S) (\d+) (\d+)/ or next;
        next if $group != $$;
        my ($pid) = $folder =~ /(\d+)\z/;
        push @named, $pid if $state ne 'Z' && $parent != $$ && $pid != $$ && ($read{cmdline} || '') =~ /client_promises\.t|\Q$follower->{address}/;
    }
    return @named;
}
my %is_before = map { ($_ => 1) } named();
sub children { return grep { !$is_before{$_} } named() }

sub settled {
    my ($dispatcher, $promise) = @_;
    if ($promise->isa('Mojo::Promise')) {
        my @settled;
        $promise->then(sub { @settled = ('value', @_) }, sub { @settled = ('error', @_) });
        $dispatcher->wait(0.05) until @settled;
        return @settled;
    }
    my @values;
    return eval { @values = $promise->isa('Future') ? $promise->get : $promise->recv; 1 } ? ('value', @values) : ('error', $@);
}

each_dispatcher(sub {
        my ($name) = @_;
        my $client = Mesos::Client->new(master => $follower->{address}, dispatcher => $name, timeout => 60);
        my $dispatcher = $client->{async}{dispatcher};
        isa_ok $dispatcher, "Mesos::Dispatcher::$name";
        my $value_of = sub {
            my ($kind, @values) = settled($dispatcher, $_[0]);
            is $kind, 'value', 'no error' or diag @values;
            return wantarray ? @values : $values[0];
        };
        my $error_of = sub {
            my ($kind, $error) = settled($dispatcher, $_[0]);
            return $kind eq 'error' ? $error : fail 'no error';
        };
        my $promise = $client->tasks_p;
        isa_ok $promise, $class{$name};
        is $value_of->($promise)->[0]{task_id}{value}, 't1', 'what the method returns';
        my $asked = () = $follower->{requests}->();
        is_deeply [map { $value_of->($_) } $client->health_p, $client->task_p('t1', framework => 'none')], [1, undef], 'one value, even undef';
        is scalar(() = $follower->{requests}->()), $asked, 'the leader is remembered';

        my @many = map { $client->health_p } 1 .. 40;
        is_deeply [map { $value_of->($_) } @many], [(1) x 40], 'many at once';

        my $of = $value_of->($client->agent_p('node1'));
        isa_ok $of, 'Mesos::Client::Agent';
        is $of->hostname, 'node1';
        is $value_of->($of->containers_p)->[0]{container_id}{value}, 'c', 'an agent has promises';
        my $sandbox = $value_of->($client->sandbox_p('t1'));
        isa_ok $sandbox, 'Mesos::Client::Sandbox';
        is $value_of->($sandbox->read_file_p('stdout')), 'hello', 'a sandbox has promises';
        is $sandbox->read_file('stdout'), 'hello', 'and the methods that wait';

        my $refused = $error_of->($client->teardown_p('F'));
        isa_ok $refused, 'Mesos::Client::Error';
        is_deeply [$refused->code, $refused->status, $refused->call], ['refused', 403, 'TEARDOWN'], 'an error has its parts';
        is $error_of->($sandbox->list_p)->status, 404, 'of an agent, too';
        my $wrong = $error_of->($client->task_p(undef));
        like $wrong, qr/^task: id: expected an id, got undef at \Q${\__FILE__}\E line \d+/, 'a wrong argument, at the line of the call';
        my $line = __LINE__ + 1;
        my @wrong = map { $error_of->($_) } map { $_ % 2 ? $client->task_p(undef) : $client->teardown_p('F') } 1 .. 40;
        is_deeply [grep { "$_" !~ / at \Q${\__FILE__}\E line $line\.\n\z/ } @wrong], [], 'so are those that had to wait for others';
        is_deeply [grep { $_->file ne __FILE__ || $_->line != $line } @wrong], [], 'as parts, too';
        my $dies = $error_of->($sandbox->follow_file_p('stdout', sub { die "the receiver: $_[0]\n" }));
        is "$dies", "the receiver: hello\n", 'a receiver runs here, and may die';
        # Each process that makes a call has the same random numbers to come.
        srand(1), $error_of->($of->run_in_container_p('c', 'true')) for 1, 2;
        my @sessions = map { $_->{launch_nested_container_session}{container_id}{value} } grep { $_->{type} eq 'LAUNCH_NESTED_CONTAINER_SESSION' } map { $_->{call} } $agent->{requests}->();
        isnt $sessions[-1], $sessions[-2], 'each session in a container has a name of its own';

        my $stream = $client->event_stream;
        my @types = map { my $event = $value_of->($stream->next_event); $event->{type} . ($event->{task_added}{task}{name} // '') } 1 .. 3;
        is_deeply \@types, ['SUBSCRIBED', 'TASK_ADDEDone', 'TASK_ADDEDtwo'], 'events, one by one';
        my $open = $stream->next_event;
        $stream->stop;
        is $value_of->($open), undef, 'a stopped stream ends';
        is $value_of->($stream->next_event), undef;
        my $no = Mesos::Client->new(master => '127.0.0.1:1', dispatcher => $dispatcher)->event_stream;
        is $error_of->($no->next_event)->code, 'unreachable', 'without a master the first event is an error';

        is waitpid(-1, POSIX::WNOHANG()), 0, 'wait finds no process of ours, only the servers, which live';
        if ($promise->can('on_cancel')) {
            my $before = open_descriptors();
            my $never = $client->flags_p;
            is open_descriptors(), $before + 1, 'a call that is not answered';
            $never->cancel;
            is open_descriptors(), $before, 'and that is cancelled';
            my @followed = map { $sandbox->follow_file_p('stdout', sub { }) } 1 .. 20;
            is $value_of->($client->health_p), 1, 'what lasts keeps nobody from his turn';
            ok scalar(children()), 'each has a process';
            $_->cancel for @followed;
            my $limit = time + 20;
            $dispatcher->wait(0.05) while children() && time < $limit;
            is_deeply [children()], [], 'a call that is cancelled ends at once, whatever it has said';
            my @waiting = map { $client->flags_p } 1 .. 300;
            my @warnings;
            local $SIG{__WARN__} = sub { push @warnings, @_ };
            $_->cancel for @waiting;
            is_deeply \@warnings, [], 'as many as wait';
        }
});

subtest 'a stream that is stopped has nothing more' => sub {
    my $client = Mesos::Client->new(master => $follower->{address}, dispatcher => 'AnyEvent', timeout => 60);
    my $dispatcher = $client->{async}{dispatcher};
    my $stream = $client->event_stream;
    my (undef, $first) = settled($dispatcher, $stream->next_event);
    is $first->{type}, 'SUBSCRIBED';
    my $limit = time + 20;
    $dispatcher->wait(0.05) until @{$stream->{events}} >= 2 || time > $limit;
    $stream->stop;
    is_deeply [settled($dispatcher, $stream->next_event)], ['value'], 'not even what was kept';
};

subtest 'a process ends with its program' => sub {
    my $code = 'use Mesos::Client; my $client = Mesos::Client->new(master => shift, dispatcher => "AnyEvent"); my ($over, $sandbox);'
        . '$sandbox = $client->sandbox("t1");'
        . 'my $promise = $sandbox->follow_file_p("stdout", sub { $over = 1 }); $client->{async}{dispatcher}->wait(0.05) until $over;';
    is system(perl_command('-e', $code, $follower->{address})), 0;
    my $limit = time + 30;
    Time::HiRes::sleep(0.05) while children() && time < $limit;
    is_deeply [children()], [], 'though it would wait for long';
};


subtest 'the child has nothing of its parent' => sub {
    require Mesos::Client::Process;
    require Mesos::Dispatcher::AnyEvent;
    pipe my $in, my $out or die "pipe: $!";
    my $dispatcher = Mesos::Dispatcher::AnyEvent->new;
    my ($over, @told);
    my $process = Mesos::Client::Process->new(
        dispatcher => $dispatcher,
        work => sub { Mesos::Client::Process->tell(answer => scalar syswrite $out, 'x'); sleep 600 },
        told => sub { push @told, @_ },
        failed => sub { fail "failed: @_" },
        ended => sub { $over = 1 },
    );
    $process->start;
    $dispatcher->wait(0.05) until @told;
    close $out;
    is sysread($in, my $bytes, 1), 0, 'a pipe of the program is closed, although the process lives';
    $process->stop;
    ok $over, 'and ends when it is stopped';
    my $error;
    Mesos::Client::Process->new(dispatcher => $dispatcher, work => sub { kill KILL => $$ }, told => sub { }, failed => sub { ($error) = @_ }, ended => sub { })->start;
    $dispatcher->wait(0.05) until $error;
    like $error, qr/the process of the call has ended without an answer/, 'one that is killed';
};

my $plain = Mesos::Client->new(master => $master->{address});
for my $method (qw(tasks_p event_stream)) {
    ok !eval { $plain->$method; 1 };
    like $@, qr/^$method: expected a client that was made with a dispatcher, such as dispatcher => 'Mojo' at \Q${\__FILE__}\E/, "$method without a dispatcher";
}
ok !eval { Mesos::Client->new(master => $master->{address}, dispatcher => {}); 1 };
like $@, qr/^dispatcher: expected "AnyEvent", .* got a reference to hash at \Q${\__FILE__}\E/;
ok !eval { Mesos::Client->new(master => $master->{address}, dispatcher => 'AnyEvent')->follow_file_p('/x', sub { }, until => sub {1}); 1 };
like $@, qr/^follow_file_p: the option until is not possible here: cancel the promise at \Q${\__FILE__}\E/;

done_testing;
