use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;

# zk:// in Perl, and in a child that was forked while the parent's driver ran: a driver's detector is its own and survives a fork.
# Real ZooKeeper (Debian's libzookeeper-java); the master is a few lines of this file, or MESOS_TEST_MASTER=host:port.
my @jars = map {"/usr/share/java/$_.jar"}
    qw(zookeeper zookeeper-jute slf4j-api slf4j-simple netty-all snappy-java metrics-core commons-io commons-cli);
-e $jars[0] && !system 'java -version 2>/dev/null' or plan skip_all => 'no java or no /usr/share/java/zookeeper.jar';

require Mesos::Client;
require Mesos::SchedulerDriver;
require Test::Framework;

my @java = ('java', '-Xmx64m', '-XX:TieredStopAtLevel=1', '-cp', join ':', @jars);
my $folder = tempdir(CLEANUP => 1);
my ($tester, @children) = $$;
END { if ($$ == $tester) { local $?; kill KILL => @children; waitpid $_, 0 for @children } }

sub child {
    my ($code) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $code->();
    require POSIX;
    POSIX::_exit(0);
}

sub listener { return IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1', ReuseAddr => 1) || die "listen: $!" }

# Answers SUBSCRIBE with SUBSCRIBED under the id F, and accepts every call.
sub serve {
    my ($listener) = @_;
    my ($select, %buffer) = IO::Select->new($listener);
    while (my @ready = $select->can_read) {
        for my $socket (@ready) {
            if ($socket == $listener) {
                $select->add(scalar $listener->accept);
                next;
            }
            if (!sysread $socket, $buffer{$socket}, 65536, length($buffer{$socket} // '')) {
                $select->remove($socket);
                delete $buffer{$socket};
                next;
            }
            while ($buffer{$socket} =~ /\A((?=.*?\r\nContent-Length: (\d+)\r\n).*?\r\n\r\n)/s && length $buffer{$socket} >= length($1) + $2) {
                my $head = $1;
                substr($buffer{$socket}, 0, length($head) + $2) = '';
                # Event: type SUBSCRIBED, subscribed { framework_id { value: "F" } }
                my $record = "9\n\x08\x01\x12\x05\x0a\x03\x0a\x01F";
                syswrite $socket, $head =~ m{^Mesos-Stream-Id:|\APOST /master/api/v1 }m
                    ? "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nMesos-Stream-Id: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    . sprintf "%x\r\n%s\r\n", length $record, $record;
            }
        }
    }
}

my $master = $ENV{MESOS_TEST_MASTER};
if (!$master) {
    my $listener = listener();
    $master = '127.0.0.1:' . $listener->sockport;
    push @children, child(sub { serve($listener) });
}

# --- ZooKeeper -------------------------------------------------------------------------------------------------------

my $port = listener()->sockport;
{
    mkdir "$folder/data";
    open my $out, '>', "$folder/zoo.cfg" or die $!;
    print $out "tickTime=200\nminSessionTimeout=200\nmaxSessionTimeout=60000\ndataDir=$folder/data\nclientPort=$port\n"
        . "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist=*\n";
    close $out or die $!;
}
push @children, child(sub {
        open STDOUT, '>', "$folder/log" or die $!;
        open STDERR, '>&', \*STDOUT or die $!;
        exec @java, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', "$folder/zoo.cfg" or die "exec: $!";
});

sub mode {
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or return '';
    print $socket 'srvr';
    # One that is asked while it starts may never answer, or not to the end.
    my ($select, $answer) = (IO::Select->new($socket), '');
    1 while $select->can_read(2) && sysread $socket, $answer, 4096, length $answer;
    return $answer =~ /^Mode: (\w+)/m ? $1 : '';
}

my $end = time + 60;
select undef, undef, undef, 0.1 until mode() || time > $end;
ok mode(), 'ZooKeeper serves' or BAIL_OUT('no ZooKeeper');

# One command of ZooKeeper's own client.
sub zookeeper { return !system "@{[map { quotemeta } @java]} org.apache.zookeeper.ZooKeeperMain -server 127.0.0.1:$port @_ >$folder/client 2>&1" }

my ($host, $master_port) = split /:/, $master;
my $info = qq({"address":{"ip":"$host","port":$master_port},"port":$master_port});
ok zookeeper(q(create /mesos '')) && zookeeper("create -s /mesos/json.info_ '$info'"), 'a master\'s node';

# --- the drivers -----------------------------------------------------------------------------------------------------

sub driver {
    my ($framework) = @_;
    return Mesos::SchedulerDriver->new(
        master => "zk://127.0.0.1:$port/mesos", scheduler => $framework, framework => {user => '', name => 'zk'}, master_timeout => 30);
}

# Whether it happened within a minute.
sub happens {
    my ($driver, $code) = @_;
    my $end = time + 60;
    $driver->dispatcher->wait(0.2) until $code->() || time > $end;
    return $code->();
}

sub registers {
    my ($framework) = @_;
    my $driver = driver($framework);
    $driver->start;
    return happens($driver, sub { $framework->count('registered') || $framework->count('error') }) && $framework->count('registered') && $driver;
}

# The operator client asks in Perl.
my $client = Mesos::Client->new(master => "zk://127.0.0.1:$port/mesos");
is eval { $client->leader } || $@, "http://$master", 'the operator client asks the master that ZooKeeper names';

my $framework = Test::Framework->new;
my $driver = registers($framework);
ok $driver, 'registered with the master that ZooKeeper names';

for my $round (1 .. 3) {
    my $pid = child(sub {
            require POSIX;
            alarm 60;
            my $own = Test::Framework->new;
            my $made = registers($own);
            my $stopped = $made && $made->stop == Mesos::Status::DRIVER_STOPPED();
            undef $made;
            POSIX::_exit($stopped ? 0 : 1);
    });
    waitpid $pid, 0;
    is $?, 0, "child $round finds the master, too";
}

# The parent's driver has not noticed any of this, and still watches.
is_deeply [grep { !/Offer/ } map { $_->[0] } @{$framework->heard}], ['registered'];
my $second = listener();
push @children, child(sub { serve($second) });
my $other = qq({"address":{"ip":"127.0.0.1","port":@{[$second->sockport]}},"port":@{[$second->sockport]}});
ok zookeeper("create -s /mesos/json.info_ '$other'") && zookeeper('delete /mesos/json.info_0000000000'), 'another one leads';
ok happens($driver, sub { $framework->count('disconnected') }), 'and the parent\'s driver is told';
$driver->stop;
is(eval { Mesos::Client->new(master => "zk://127.0.0.1:$port/mesos")->leader } || $@, 'http://127.0.0.1:' . $second->sockport, 'and so is the operator client');
ok zookeeper('delete /mesos/json.info_0000000001'), 'nobody leads';
is eval { Mesos::Client->new(master => "zk://127.0.0.1:$port/mesos")->leader } || $@ =~ /no master is registered there/ && 'nobody', 'nobody', 'which it says';
my $missing = eval { Mesos::Client->new(master => "zk://127.0.0.1:$port/missing")->leader } || $@;
like $missing, qr/ZooKeeper names no leader: 127\.0\.0\.1:$port: no such node/, 'and so does a path that is not there';

done_testing;
