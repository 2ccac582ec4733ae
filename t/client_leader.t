# Mesos::Client: the strings that name a master, the way to the leader, credentials, and errors.
use strict;
use warnings;
use POSIX ();
use lib 't/lib';
use Test::More;
use Data::Dumper ();
use File::Temp ();
use IO::Socket::INET;
use Mesos::Client;
use Mesos::Client::Address qw(authority parse_master);
use Test::Operator qw(answer redirect serve);
use Test::Values qw(dies_like);
use Time::HiRes qw(time);

delete @ENV{grep {/SSL_/} keys %ENV};
my $here = quotemeta(__FILE__) . ' line \d+\.$';

# --- the strings, as src/driver/master.rs tests them ------------------------------------------------------------------------------------

sub parsed {
    my ($text) = @_;
    my $parsed = parse_master($text);
    return join ',', map { ($_->{scheme} ? "$_->{scheme}://" : '') . authority(@$_{qw(host port)}) } @{$parsed->{addresses}} if $parsed->{addresses};
    return join '|', join(',', map { authority(@$_) } @{$parsed->{zookeeper}}), $parsed->{path}, defined $parsed->{credentials} ? $parsed->{credentials} : ();
}

my @good = (
    [' mesos.example.org:1 ', 'mesos.example.org:1'], ['http://m:5050/', 'http://m:5050'], ['https://[::1]:5050', 'https://[::1]:5050'],
    ['master@10.0.0.1:5050', '10.0.0.1:5050'], ['[::1]', '[::1]:5050'], ['a:1, http://b:2/,https://[fe80::1]:3', 'a:1,http://b:2,https://[fe80::1]:3'],
    (map { [$_, 'm:5050'], ["http://$_", 'http://m:5050'], ["https://$_/", 'https://m:5050'] } qw(m m:5050 m:5050/master m/master/ master@m)),
    ['zk://us:e@r:pass@h1:1,[::1]:2,h3/a/b/', 'h1:1,[::1]:2,h3:2181|/a/b|us:e@r:pass'], ['zk://h:1/mesos', 'h:1|/mesos'],
);
is parsed($_->[0]), $_->[1], "master '$_->[0]'" for @good;
my $file = File::Temp->new;
print $file "\xef\xbb\xbfa:1,b:2\n";
close $file or die $!;
is parsed("file://$file"), 'a:1,b:2', 'master in a file';

my @bad = (
    ['', 'bad host'], ['http://', 'bad host'], ['host/x', 'no path but /master'], ['http://h:5050/api/v1', 'no path but /master'], ['Local', 'in lower case'],
    ['a:1,local', 'stand alone'], ['host:', 'bad port'], ['host:0', 'bad port'], ['host:65536', 'bad port'], [':5050', 'bad host'], ['ho st:1', 'bad host'],
    ['[x]:1', 'bad host'], ['h:50x', 'bad port'], ['::1:5050', 'bad host'], ['ftp://h:1', 'unknown scheme'], ['a:1,,b:2', 'bad host'], ['a:1,', 'bad host'],
    ['a:1,zk://h:1/x', 'unknown scheme'], ['file://relative', 'must begin with a slash'], ['zk://h:1', 'path'], ['zk://h:1/', 'path'], ['zk://h:1/a//b', 'bad path'],
    ['zk:///mesos', 'bad host'], ['zk://h:x/mesos', 'bad port'], ['local', 'serves its own driver only'],
);
dies_like { Mesos::Client->new(master => $_->[0]) } qr/^master: expected "host".*got "\Q$_->[0]\E" \(.*\Q$_->[1]\E.*\) at $here/, "master '$_->[0]'" for @bad;
for my $text ('zk://hush@h:1/mesos', 'zk://me:hush@h:1', 'zk://me:hu/sh@h:1/mesos', 'http://me:hush@h:1', 'me:hush@h:1,http://x:1') {
    my $error = eval { parse_master($text) } || $@;
    ok $error !~ /hu/ && $error =~ /\*\*\*\@h:1/, "no password in: $error";
}
dies_like { Mesos::Client->new(master => 'file:///no/such/file') } qr/^master: cannot read \/no\/such\/file: .* at $here/;

# --- the leader --------------------------------------------------------------------------------------------------------------------------

my $health = sub { return answer('200 OK', {type => 'GET_HEALTH', get_health => {healthy => JSON::PP::true()}}) };
sub closed_port { return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport }
my $dead = '127.0.0.1:' . closed_port();

my $leader = serve($health);
my $follower = serve(sub { return redirect("//$leader->{address}/master/api/v1") });
my $without = serve(sub { return answer('503 Service Unavailable', 'No leader elected') });

my $client = Mesos::Client->new(master => "$dead,$without->{address},$follower->{address}");
is $client->leader, "http://$leader->{address}", 'the leader is found through those that are not';
$client->health for 1 .. 3;
is scalar(my @f = $follower->{requests}->()), 1, 'and remembered';
is scalar(my @l = $leader->{requests}->()), 4, 'where the calls go';

my $loop = serve(sub { my ($request) = @_; return redirect($request->{path}) });
dies_like { Mesos::Client->new(master => "$dead,$without->{address},$loop->{address}")->tasks }
qr/^GET_TASKS: no leading master: http:\/\/$dead\/master: .*refused; http:\/\/$without->{address}\/master: 503 Service Unavailable: No leader elected; http:\/\/$loop->{address}\/master redirects to .* at $here/,
    'no leader: what each of them said';
my $lost = serve(sub { return redirect('ftp://x/') });
dies_like { Mesos::Client->new(master => $lost->{address})->tasks } qr/redirects to ftp:\/\/x\/, which is no address of a master/;

# The leader changes: the old one redirects, then it is gone.
my $second = serve(sub { my ($request) = @_; return $request->{number} > 1 ? redirect("http://$leader->{address}/master/api/v1") : $health->() });
$client = Mesos::Client->new(master => "$second->{address},$leader->{address}");
is $client->leader, "http://$second->{address}", 'one leader';
is $client->leader, "http://$leader->{address}", 'and the next one';
kill KILL => $second->{pid};
waitpid $second->{pid}, 0;
is $client->leader, "http://$leader->{address}", 'whoever has led before';
my $brief = serve(sub { my ($request) = @_; return $request->{number} > 1 ? [undef] : $health->() });
$client = Mesos::Client->new(master => "$brief->{address},$leader->{address}");
$client->health;
is $client->health, 1, 'a call that only asks is sent to the next one';

my $mute = serve(sub { return [undef] });
$client = Mesos::Client->new(master => "$mute->{address},$leader->{address}");
my $before = () = $leader->{requests}->();
dies_like { $client->teardown('F') } qr/^TEARDOWN: no answer from http:\/\/$mute->{address}\/master\/api\/v1: .+ at $here/, 'an act without an answer';
is scalar(() = $mute->{requests}->()), 1, 'is sent once';
is scalar(() = $leader->{requests}->()), $before, 'and to nobody else';

my $late = serve(sub { my ($request) = @_; return $request->{number} < 4 ? answer('503 Service Unavailable', 'Master has not finished recovery') : $health->() });
is eval { Mesos::Client->new(master => $late->{address}, retry_for => 30)->health } || $@, 1, 'retry_for: it waits for a leader';
my $begun = time;
dies_like { Mesos::Client->new(master => $without->{address}, retry_for => 0.3)->health } qr/^GET_HEALTH: no leading master/;
cmp_ok time - $begun, '>', 0.25, 'for as long as it says';

my $stalled = serve(sub {''});
dies_like { Mesos::Client->new(master => $stalled->{address}, timeout => 0.2)->health } qr/^GET_HEALTH: no leading master: .*[Tt]imed out/, 'timeout';

# --- ZooKeeper ---------------------------------------------------------------------------------------------------------------------------

# A server of three requests: (the data of nodes by name, the password it wants).
sub zookeeper {
    my ($nodes, $digest) = @_;
    my $socket = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') || die "listen: $!";
    my $started = serve(sub { }, listener => $socket, start => sub { _speak_zookeeper($_[0], $nodes, $digest); return });
    return "zk://" . (defined $digest ? "$digest\@" : '') . "$started->{address}/mesos";
}

sub _speak_zookeeper {
    my ($in, $nodes, $digest) = @_;
    my $packet = sub { my $bytes = ''; read $in, $bytes, 4; length $bytes or return; read $in, $bytes, unpack 'N', $bytes; return $bytes };
    my $say = sub { syswrite $in, pack 'N/a', $_[0] };
    $packet->();
    $say->(pack 'N N N2 N/a', 0, 10_000, 0, 1, 'x' x 16);
    my $allowed = !defined $digest;
    while (defined(my $request = $packet->())) {
        my ($xid, $type) = unpack 'N N', $request;
        my $path = $type == 4 ? unpack 'x8 N/a', $request : '';
        if ($type == 100) { $allowed = 1 if $request =~ /\Q$digest\E\z/; $say->(pack 'N N2 N', $xid, 0, 0, 0) }
        elsif (!$allowed) { $say->(pack 'N N2 N', $xid, 0, 0, -102 & 0xffffffff) }
        elsif ($type == 8) { $say->(pack 'N N2 N N/(N/a)', $xid, 0, 0, 0, sort keys %$nodes) }
        elsif ($type == 4) { $say->(pack('N N2 N N/a', $xid, 0, 0, 0, $nodes->{($path =~ m{([^/]+)\z})[0]}) . "\0" x 68) }
        else {return}
    }
    return;
}

my $json = qq({"hostname":"nowhere.invalid","address":{"hostname":"nowhere.invalid","ip":"127.0.0.1","port":$leader->{port}}});
my %nodes = ('json.info_0000000012' => '{}', 'json.info_0000000009' => $json, log_replicas => '');
is eval { Mesos::Client->new(master => zookeeper(\%nodes))->leader } || $@, "http://$leader->{address}", 'ZooKeeper names the leader';
is eval { Mesos::Client->new(master => zookeeper(\%nodes, 'us:hush'))->leader } || $@, "http://$leader->{address}", 'with a password';
my $guarded = zookeeper(\%nodes, 'us:hush');
(my $wrong = $guarded) =~ s/hush/hash/;
dies_like { Mesos::Client->new(master => $wrong)->leader } qr/^GET_HEALTH: no leading master: ZooKeeper names no leader: 127\.0\.0\.1:\d+: not allowed to read at $here/;
dies_like { Mesos::Client->new(master => zookeeper({log_replicas => ''}))->leader } qr/no master is registered there/;
dies_like { Mesos::Client->new(master => zookeeper({info_0000000001 => 'x', %nodes}))->leader } qr/info_0000000001 is one of a Mesos that is too old/;
dies_like { Mesos::Client->new(master => "zk://$dead/mesos")->leader } qr/$dead: cannot connect: /;
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
dies_like { Mesos::Client->new(master => 'zk://127.0.0.1:' . $silent->sockport . '/mesos', timeout => 0.2)->leader } qr/no answer in time/;

# A master's address where ZooKeeper's belongs.
my $stranger = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
defined(my $speaker = fork) or die "fork: $!";
if (!$speaker) {
    my $connection = $stranger->accept;
    print {$connection} "HTTP/1.1 400 Bad Request\r\n\r\n";
    $connection->flush;
    1 while sysread $connection, my $all, 4096;
    POSIX::_exit(0);
}
dies_like { Mesos::Client->new(master => 'zk://127.0.0.1:' . $stranger->sockport . '/mesos')->leader } qr/an answer of \d+ bytes: is this a ZooKeeper\?/;
waitpid $speaker, 0;

# --- credentials and errors --------------------------------------------------------------------------------------------------------------

my $guard = serve(sub {
        my ($request) = @_;
        return answer('401 Unauthorized', '401 Unauthorized.', 'WWW-Authenticate: Basic realm="mesos"') if ($request->{headers}{authorization} || '') ne 'Basic bcOka2U6aHVzaA==';
        return answer('403 Forbidden', "Not\r\n  authorized\n") if $request->{call}{type} eq 'TEARDOWN';
        return answer('200 OK', '[1]') if $request->{call}{type} eq 'GET_STATE';
        return answer('200 OK', {type => 'GET_AGENTS', get_agents => {agents => [{agent_info => {hostname => 'node1', id => {value => 'S0'}}, pid => 'slave(1)@' . $request->{headers}{host}}]}})
            if $request->{call}{type} eq 'GET_AGENTS';
        return $health->();
});
my %credential = (principal => "m\x{e4}ke", secret => 'hush');
$client = Mesos::Client->new(master => $guard->{address}, credential => \%credential);
is $client->health, 1, 'Basic';
is $client->agent('S0')->health, 1, 'for agents, too';
unlike(Data::Dumper->new([$client, $client->agent('S0')])->Deparse(0)->Dump, qr/hush|aHVzaA/, 'dumps do not show it');
dies_like { Mesos::Client->new(master => $guard->{address})->health }
qr/^GET_HEALTH: http:\/\/$guard->{address}\/master\/api\/v1 answered 401 Unauthorized: 401 Unauthorized\.\. It asks for a password: see the attribute credential at $here/;
dies_like { Mesos::Client->new(master => $guard->{address}, credential => \%credential, agent_credential => undef)->agent('S0')->health } qr/answered 401/;
# As if it had been asked by https: what is sent to agents by http.
my $https = Mesos::Client->new(master => "https://$guard->{address}", credential => \%credential, agent_scheme => 'http');
is $https->{agents_http}{http}{authorization}->(), undef, 'a credential for https does not go over http';
my $both = Mesos::Client->new(master => "https://$guard->{address}", credential => \%credential, agent_credential => \%credential);
is $both->agent_scheme, 'https', 'agents of masters by https';
like $both->{agents_http}{http}{authorization}->(), qr/^Basic /, 'unless it is given for agents';

my $error = eval { $client->teardown('F'); 1 } ? undef : $@;
isa_ok $error, 'Mesos::Client::Error';
is_deeply [map { $error->$_ } qw(status reason message call url)],
    [403, 'Forbidden', 'Not authorized', 'TEARDOWN', "http://$guard->{address}/master/api/v1"], 'what it knows';
is $error->summary, "TEARDOWN: http://$guard->{address}/master/api/v1 answered 403 Forbidden: Not authorized", 'in one line';
like "$error", qr/\A\Q@{[$error->summary]}\E at $here/, 'with the place of the call';
isa_ok $error, 'Mesos::Error';
is_deeply [$error->code, $error->text, $error->file, $error->line], ['refused', "$error", __FILE__, ("$error" =~ /line (\d+)/)[0]], 'as every error';
is_deeply [map { eval { $_->(); 1 } ? 'lived' : $@->code } sub { Mesos::Client->new(master => $dead)->health }, sub { $client->agent('x') }, sub { $client->state }],
    [qw(unreachable unknown protocol)], 'words for programs';
dies_like { $client->state } qr/answered with what is no JSON object at $here/;

# Signal handlers that die: alarm and Ctrl-C.
local $SIG{ALRM} = sub { die "enough\n" };
alarm 1;
is eval { Mesos::Client->new(master => $stalled->{address}, timeout => 60)->health; 1 } ? 'lived' : $@, "enough\n", 'alarm ends a call that waits';
alarm 0;

# --- TLS ---------------------------------------------------------------------------------------------------------------------------------

SKIP: {
    skip 'IO::Socket::SSL is not installed', 1 unless eval { require IO::Socket::SSL; require IO::Socket::SSL::Utils; 1 };
    subtest TLS => sub {
        my ($ca, $ca_key) = IO::Socket::SSL::Utils::CERT_create(CA => 1, subject => {CN => 'a test'});
        my ($certificate, $key) = IO::Socket::SSL::Utils::CERT_create(subject => {CN => 'localhost'}, subjectAltNames => [[DNS => 'localhost']],
            issuer_cert => $ca, issuer_key => $ca_key);
        my $folder = File::Temp->newdir;
        IO::Socket::SSL::Utils::PEM_cert2file($ca, "$folder/ca.pem");
        my $server = serve($health, start => sub {
                return IO::Socket::SSL->start_SSL($_[0], SSL_server => 1, SSL_cert => $certificate, SSL_key => $key);
        });
        my $by_name = "https://localhost:$server->{port}";
        my $ask = sub { my @arguments = @_; return eval { Mesos::Client->new(@arguments)->health } || $@ };
        like $ask->(master => $by_name), qr/no leading master: .*certificate verify failed/s, 'an unknown authority';
        is $ask->(master => $by_name, verify_certificate => 0), 1, 'not verified';
        {
            local $ENV{LIBPROCESS_SSL_CA_FILE} = "$folder/ca.pem";
            is $ask->(master => $by_name), 1, 'its authority is trusted';
            like $ask->(master => "https://127.0.0.1:$server->{port}"), qr/no leading master: .*(?:verif|hostname)/s, 'the wrong name';
            is $ask->(master => "https://127.0.0.1:$server->{port}", verify_certificate => 0), 1, 'not verified';
            local $ENV{LIBPROCESS_SSL_ENABLED} = 1;
            is $ask->(master => "localhost:$server->{port}"), 1, 'https is the default now';
        }
        my $listed = qq({"get_agents":{"agents":[{"agent_info":{"hostname":"localhost","id":{"value":"S0"}},"active":true,"pid":"slave(1)\@127.0.0.1:$server->{port}"}]}});
        my $plain = serve(sub { return answer('200 OK', $listed) });
        my $of_agent = sub { my @more = @_; return eval { Mesos::Client->new(master => $plain->{address}, agent_scheme => 'https', @more)->agent('S0')->health } || $@ };
        like $of_agent->(@$_), qr/certificate verify failed/, 'an agent, too' for [], [verify_certificate => 0, agent_verify_certificate => 1];
        is $of_agent->(@$_), 1, 'not verified' for [verify_certificate => 0], [agent_verify_certificate => 0];
        local $ENV{LIBPROCESS_SSL_VERIFY_SERVER_CERT} = 0;
        is $ask->(master => $by_name), 1, 'not verified, as the environment says';
        my $down = serve(sub { return redirect("http://$leader->{address}/master/api/v1") }, start => sub {
                return IO::Socket::SSL->start_SSL($_[0], SSL_server => 1, SSL_cert => $certificate, SSL_key => $key);
        });
        like $ask->(master => "https://localhost:$down->{port}"), qr/what came by https does not go over plain http/, 'no way from https to http';
    };
}
{
    local $ENV{LIBPROCESS_SSL_ENABLED} = 'yes';
    dies_like { Mesos::Client->new(master => 'h') } qr/^environment: LIBPROCESS_SSL_ENABLED is "yes", expected 1 or 0 at $here/;
    local $ENV{LIBPROCESS_SSL_ENABLED} = 1;
    local $ENV{LIBPROCESS_SSL_KEY_FILE} = '/k';
    dies_like { Mesos::Client->new(master => 'h')->health } qr/^environment: LIBPROCESS_SSL_KEY_FILE is set, but not its certificate, LIBPROCESS_SSL_CERT_FILE at $here/;
}

done_testing;
