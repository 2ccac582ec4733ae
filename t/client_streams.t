# Mesos::Client: the stream of events, and files of agents and tasks.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Mesos::Client;
use Test::Operator qw(answer serve stream);
use Test::Values qw(dies_like);

my $here = quotemeta(__FILE__) . ' line \d+\.$';

sub record { my $json = ref $_[0] ? JSON::PP->new->canonical->encode($_[0]) : $_[0]; return length($json) . "\n$json" }

my $subscribed = record({type => 'SUBSCRIBED', subscribed => {get_state => {}}});
my $heartbeat = record({type => 'HEARTBEAT'});
sub task { return record({type => 'TASK_ADDED', task_added => {task => {name => $_[0]}}}) }

# --- events ------------------------------------------------------------------------------------------------------------------------------

# Records that are cut anywhere, and a stream that breaks within one.
my $bytes = join '', $subscribed, $heartbeat, map { task($_) } 1 .. 3;
my $whole = $bytes . substr task(4), 0, 9;
my $server = serve(sub { my ($request) = @_; return $request->{number} == 1 ? stream($whole =~ /(.{1,7})/gs) : stream($subscribed . task(5), 'open') });
my $client = Mesos::Client->new(master => $server->{address});
my (@seen, @why);
my $collect = sub {
    my ($event, $stream) = @_;
    push @seen, $event->{type} eq 'TASK_ADDED' ? $event->{task_added}{task}{name} : $event->{type};
    $stream->stop if $seen[-1] eq '5';
};
$client->events($collect, on_disconnect => sub { push @why, @_ });
is "@seen", 'SUBSCRIBED 1 2 3 SUBSCRIBED 5', 'events of two connections, without heartbeats';
is_deeply \@why, ['the master closed it'], 'the reason why there were two';
my ($request) = $server->{requests}->();
is_deeply $request->{call}, {type => 'SUBSCRIBE'}, 'the call';

@seen = ();
my $one = serve(sub { return stream($bytes) });
$client = Mesos::Client->new(master => $one->{address});
dies_like { $client->events($collect, heartbeats => 1, reconnect => 0) } qr/^SUBSCRIBE: the stream of events has ended: the master closed it at $here/;
is "@seen", 'SUBSCRIBED HEARTBEAT 1 2 3', 'with heartbeats, once';
dies_like { $client->events(sub { die "mine\n" }) } qr/^mine$/, 'an exception of the code leaves events';
is scalar(() = $one->{requests}->()), 2, 'and it does not connect again';
{
    my $open = serve(sub { return stream($subscribed, 'open') });
    local $SIG{ALRM} = sub { die "enough\n" };
    dies_like { Mesos::Client->new(master => $open->{address})->events(sub { alarm 1 }) } qr/^enough$/, 'so does one of a signal handler';
}
my $refuses = serve(sub { return answer('403 Forbidden', 'not you') });
dies_like { Mesos::Client->new(master => $refuses->{address})->events(sub { }) } qr/^SUBSCRIBE: .* answered 403 Forbidden: not you at $here/, 'a refusal';
my $strange = serve(sub { return stream("hello\n") });
dies_like { Mesos::Client->new(master => $strange->{address})->events(sub { }, reconnect => 0) } qr/has ended: the stream is not RecordIO at $here/;
my $other = serve(sub { return stream("7\n[1,2,3]", 'open') });
dies_like { Mesos::Client->new(master => $other->{address})->events(sub { }, reconnect => 0) } qr/has ended: a record of the stream is no JSON object at $here/;
for my $case ([$strange, 'the stream is not RecordIO'], [$other, 'a record of the stream is no JSON object']) {
    my $agent = Mesos::Client::Agent->new(url => "http://$case->[0]{address}");
    dies_like { $agent->run_in_container('c', 'true') } qr/^LAUNCH_NESTED_CONTAINER_SESSION: $case->[1] at $here/;
    is $@->code, 'protocol';
}

# --- files -------------------------------------------------------------------------------------------------------------------------------

# As an agent: at most so many bytes for each call. The file log is not there at first, and it grows with each call for its end.
my $content = join '', map { chr $_ % 256 } 0 .. 999;
my @grows = ('', "one\n", "one\ntwo\n", "one\ntwo\nthree\n");
my ($missing, $ends) = (2, 0);
my $agent = serve(sub {
        my ($request) = @_;
        my $read = $request->{call}{read_file};
        my $text = $content;
        if ($read->{path} =~ /log\z/) {
            return answer('404 Not Found', "'log' not found") if $missing-- > 0;
            $text = $grows[$ends < $#grows ? $ends : $#grows];
            $ends++ if $read->{offset} >= length $text;
        }
        return answer('404 Not Found', "'$read->{path}' not found") if $read->{path} =~ /missing/;
        my $most = defined $read->{length} && $read->{length} < 300 ? $read->{length} : 300;
        my $some = $read->{offset} < length $text ? substr $text, $read->{offset}, $most : '';
        return answer('200 OK', {type => 'READ_FILE', read_file => {size => length $text, data => encode_base64($some, '')}});
});
my $direct = Mesos::Client::Agent->new(url => "http://$agent->{address}/");
ok $direct->read_file('/x') eq $content, 'a file, byte for byte, in several calls';
ok $direct->read_file('/x', offset => 990) eq substr($content, 990), 'its end';
ok $direct->read_file('/x', offset => 10, length => 400) eq substr($content, 10, 400), 'a part';
is $direct->read_file('/x', offset => 2000), '', 'nothing after its end';
is $direct->read_file('/x', length => 0), '', 'nothing wanted';
dies_like { $direct->read_file('/missing') } qr/^READ_FILE: http:\/\/$agent->{address}\/api\/v1 answered 404 Not Found: '\/missing' not found at $here/;

my $got = '';
my $end = $direct->follow_file('/log', sub { $got .= $_[0] }, interval => 0.01, until => sub { $got =~ /three/ });
is $got, "one\ntwo\nthree\n", 'a file that is not there yet is followed as it grows';
is $end, 14, 'to this offset';
dies_like { $direct->follow_file('/log', sub { die "mine\n" }) } qr/^mine$/, 'an exception of the code';
dies_like { $direct->follow_file('/log', sub { }, interval => 0) } qr/^follow_file: interval: expected seconds above 0, got "0" at $here/;

# --- sandboxes ---------------------------------------------------------------------------------------------------------------------------

my @tasks = map { +{task_id => {value => $_->[0]}, state => 'TASK_RUNNING', framework_id => {value => 'F'}, agent_id => {value => 'S0'}, executor_id => {value => $_->[1]}} }
    ['own', ''], ['custom', 'E'], ['pod', 'D'];
my $cluster = serve(sub {
        my ($call, $host) = ($_[0]{call}, $_[0]{headers}{host});
        my %say = (
            GET_AGENTS => sub { +{agents => [{agent_info => {hostname => 'node1', id => {value => 'S0'}}, pid => "slave(1)\@$host"}]} },
            GET_TASKS => sub { +{tasks => \@tasks} },
            GET_EXECUTORS => sub { +{executors => [map { +{executor_info => {executor_id => {value => $_->[0]}, framework_id => {value => 'F'}, type => $_->[1]}} } ['E', 'CUSTOM'], ['D', 'DEFAULT']]} },
            LIST_FILES => sub { +{file_infos => [{path => "$call->{list_files}{path}/stdout", size => 3}]} },
            READ_FILE => sub { +{size => 3, data => $call->{read_file}{offset} ? '' : encode_base64($call->{read_file}{path})} },
        );
        return answer('200 OK', {type => $call->{type}, lc $call->{type} => $say{$call->{type}}->()});
});
$client = Mesos::Client->new(master => $cluster->{address});
is $client->sandbox('own')->path, '/frameworks/F/executors/own/runs/latest', 'the sandbox of a command';
is $client->sandbox('custom')->path, '/frameworks/F/executors/E/runs/latest', 'of an executor';
my $sandbox = $client->sandbox({value => 'pod'});
is $sandbox->path, '/frameworks/F/executors/D/runs/latest/tasks/pod', 'of a task in a group';
is $sandbox->task->{state}, 'TASK_RUNNING', 'its task';
is $sandbox->agent->hostname, 'node1', 'its agent';
is_deeply $sandbox->list, [{path => 'stdout', size => 3}], 'names in it';
is_deeply $sandbox->list('a/'), [{path => 'a/stdout', size => 3}], 'names in a folder';
is $sandbox->read_file('/a/x'), $sandbox->path . '/a/x', 'a file in it';
dies_like { $sandbox->read_file('../x') } qr/^read_file: expected a path in the sandbox, got "\.\.\/x" at $here/;
dies_like { $sandbox->read_file } qr/^read_file: expected a path in the sandbox, got undef at $here/;
is $client->sandbox($client->task('own'))->path, '/frameworks/F/executors/own/runs/latest', 'of a task that is known';

# --- a command in a container --------------------------------------------------------------------------------------------------------------

my $container;
my $runs = serve(sub {
        my ($call, $headers) = @{$_[0]}{qw(call headers)};
        if ($call->{type} eq 'LAUNCH_NESTED_CONTAINER_SESSION') {
            return answer('406 Not Acceptable', '') unless "$headers->{accept} $headers->{'message-accept'}" eq 'application/recordio application/json';
            $container = $call->{launch_nested_container_session};
            my @io = map { record({type => 'DATA', data => {type => $_->[0], data => encode_base64($_->[1], '')}}) } ['STDOUT', "a\0b"], ['STDERR', "oops\n"], ['STDOUT', "c\n"];
            return stream(@io, record({type => 'CONTROL', control => {type => 'HEARTBEAT'}}));
        }
        my $same = $call->{wait_nested_container}{container_id}{value} eq $container->{container_id}{value};
        my $command = JSON::PP->new->canonical->encode($container->{command});
        return answer('200 OK', {type => $call->{type}, wait_nested_container => {exit_status => $same && $command eq '{"value":"true"}' ? 0 : 256 * 3}});
});
$direct = Mesos::Client::Agent->new(url => "http://$runs->{address}");
my %out = (stdout => '', stderr => '');
my $status = $direct->run_in_container('C', [qw(sh -c x)], map { my $name = $_; ($name => sub { $out{$name} .= $_[0] }) } sort keys %out);
is $status, 256 * 3, 'the wait status of a command in a container';
is_deeply \%out, {stdout => "a\0bc\n", stderr => "oops\n"}, 'its output';
my ($session) = $runs->{requests}->();
is_deeply [@{$session->{call}{launch_nested_container_session}{command}}{qw(value arguments shell)}], ['sh', [qw(sh -c x)], JSON::PP::false()], 'words are no text for a shell';
is $session->{call}{launch_nested_container_session}{container_id}{parent}{value}, 'C', 'in the container';
is $direct->run_in_container('C', 'true'), 0, 'text for a shell';
dies_like { $direct->run_in_container('C', []) } qr/^run_in_container: expected a command, .*got a reference to array at $here/;

done_testing;
