use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Temp qw(tempdir);
use IO::Socket::INET;

# Scenarios over https against a real Apache Mesos: a TLS proxy (a few lines of Python) in front of its master and its agent.
my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';
!system 'openssl version >/dev/null 2>&1 && python3 -c "import ssl" 2>/dev/null' or plan skip_all => 'no openssl, or no python3 with ssl';

my $folder = tempdir(CLEANUP => 1);
my ($tester, @proxies, @outputs) = $$;
END { if ($$ == ($tester // 0)) { local $?; kill KILL => @proxies; waitpid $_, 0 for @proxies } }

# An authority, and a certificate of it for this machine.
my @new = qw(openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch);
for my $command (
    [@new, '-x509', '-subj', '/CN=authority', '-keyout', "$folder/ca.key", '-out', "$folder/ca.pem"],
    [@new, '-x509', '-subj', '/CN=a master', '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
        '-CA', "$folder/ca.pem", '-CAkey', "$folder/ca.key", '-keyout', "$folder/key.pem", '-out', "$folder/certificate.pem"],
) {
    my $log = `@{[map { quotemeta } @$command]} 2>&1`;
    $? and plan skip_all => "openssl makes no certificates: $log";
}

my $proxy = <<'PYTHON';
import asyncio, ssl, sys
certificate, key, host, port = sys.argv[1:]
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def serve(reader, writer):
    theirs, ours = await asyncio.open_connection(host, int(port))
    await asyncio.gather(copy(reader, ours), copy(theirs, writer))
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
PYTHON

# The port through which this server is reached over TLS.
sub tls {
    my ($host, $port) = split /:/, $_[0];
    push @proxies, open my $out, '-|', 'python3', '-c', $proxy, "$folder/certificate.pem", "$folder/key.pem", $host, $port or die $!;
    chomp(my $found = readline($out) // die 'no proxy');
    push @outputs, $out;
    return "127.0.0.1:$found";
}

my $address = tls($master);
$ENV{LIBPROCESS_SSL_CA_FILE} = "$folder/ca.pem";

require Test::Mesos;
my %chosen = map { ($_ => 1) } 'states and messages of command tasks', 'kill', 'a custom executor in Perl, and framework messages with any bytes',
    'reconciliation', 'failover', 'a thousand tasks, acknowledged explicitly', 'frameworks that a master refuses', 'another driver with the same id';
my @scenarios = Test::Mesos::scenarios();
my $seen = 0;
while (my ($name, $code) = splice @scenarios, 0, 2) {
    next if !$chosen{$name};
    $seen++;
    subtest $name => sub { $code->("https://$address") };
}
is $seen, keys %chosen, 'all scenarios are there';

subtest 'an executor that reaches its agent over TLS' => sub {
    require HTTP::Tiny;
    require JSON::PP;
    my ($agent) = @{JSON::PP::decode_json(HTTP::Tiny->new->get("http://$master/master/state")->{content})->{slaves}};
    my ($plain) = $agent->{pid} =~ /\@(.*)/;
    my $executor = Test::Mesos::custom_executor('tls');
    $executor->{command}{environment}{variables} = [
        {name => 'LIBPROCESS_SSL_ENABLED', value => '1'}, {name => 'LIBPROCESS_SSL_CA_FILE', value => "$folder/ca.pem"},
        {name => 'MESOS_AGENT_ENDPOINT', value => tls($plain)},
    ];
    my ($scheduler) = Test::Mesos::run_tasks("https://$address",
        [{task_id => {value => 't'}, name => 't', data => 'over TLS', executor => $executor}], scheduler => {
            on_update => sub {
                my ($driver, $status) = @_;
                $driver->sendFrameworkMessage($status->{executor_id}, $status->{slave_id}, 't:') if $status->{state} == 1;
            },
        });
    is_deeply $scheduler->states, {t => [1, 2]};
    is $scheduler->last_status->{t}{data}, 'over TLS';
};

subtest 'a certificate of somebody else' => sub {
    $ENV{LIBPROCESS_SSL_CA_FILE} = "$folder/certificate.pem";
    my $framework = Test::Framework->new;
    my $driver = Test::Mesos::driver_for("https://$address", $framework, master_timeout => 1);
    is $driver->run, Mesos::Status::DRIVER_ABORTED();
    like $framework->heard->[0][1], qr/\Ano master at \Q$address\E for 1 s: .*certificate/;
};

done_testing;
