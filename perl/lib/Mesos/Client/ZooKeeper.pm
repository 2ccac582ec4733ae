package Mesos::Client::ZooKeeper;
use 5.10.1;
use strict;
use warnings;
use IO::Select ();
use Mesos::Client::Address qw(authority);
use Mesos::Client::HTTP ();
use Time::HiRes qw(time);

$Carp::Internal{+__PACKAGE__}++;

my $SOCKET = eval { require IO::Socket::IP; 'IO::Socket::IP' } || do { require IO::Socket::INET; 'IO::Socket::INET' };
my ($GET_DATA, $GET_CHILDREN, $AUTH, $CLOSE) = (4, 8, 100, -11);
my $NO_NODE = -101;
my %ERROR = (-4 => 'connection loss', $NO_NODE => 'no such node', -102 => 'not allowed to read', -115 => 'authentication failed');
# No node of a master is nearly as large.
my $MOST = 4 * 1024 * 1024;

# The leader's {host, port}, or (undef, why). The whole takes at most $timeout seconds.
sub leader {
    my ($class, $url, $timeout) = @_;
    my $end = time + $timeout;
    my @why;
    for my $server (@{$url->{zookeeper}}) {
        my $found;
        my $lived = eval { $found = _ask($server, $url, $end); 1 };
        return $found if $found;
        (my $why = $lived ? 'no master is registered there' : $@) =~ s/ at \S+ line \d+\.\n\z|\n\z//;
        push @why, authority(@$server) . ": $why";
        last if time >= $end;
    }
    return (undef, "ZooKeeper names no leader: " . join '; ', @why);
}

sub _ask {
    my ($server, $url, $end) = @_;
    my $left = $end - time;
    my $socket = $SOCKET->new(PeerHost => $server->[0], PeerPort => $server->[1], Proto => 'tcp', Timeout => $left > 0.1 ? $left : 0.1)
        or die "cannot connect: " . ($@ || $!) . "\n";
    binmode $socket;
    my $zookeeper = {socket => $socket, end => $end, xid => 0};
    _send($socket, pack('N N2 N N2 N/a', 0, 0, 0, 10_000, 0, 0, "\0" x 16));
    _receive($zookeeper);
    _request($zookeeper, $AUTH, pack('N N/a N/a', 0, 'digest', $url->{credentials}), -4) if defined $url->{credentials};
    my $children = _request($zookeeper, $GET_CHILDREN, pack('N/a C', $url->{path}, 0));
    my @names = unpack 'N/(N/a)', $children;
    # Masters before 0.24 wrote info_N and N: none of them has this API, but one of them may lead.
    my %number = map { /\A(?:(?:json\.)?info_)?(\d+)\z/ ? ($_ => $1) : () } @names;
    my ($first) = sort { $number{$a} <=> $number{$b} } keys %number;
    return unless defined $first;
    die "the leader's node $first is one of a Mesos that is too old\n" unless $first =~ /\Ajson/;
    my $data = _request($zookeeper, $GET_DATA, pack('N/a C', "$url->{path}/$first", 0));
    my $info = Mesos::Client::HTTP->decode(unpack 'N/a', $data);
    eval { _send($socket, pack 'N N', ++$zookeeper->{xid}, $CLOSE & 0xffffffff) };
    return _address($info);
}

sub _address {
    my ($info) = @_;
    my $address = ref $info eq 'HASH' && $info->{address} || {};
    my ($port) = grep {defined} $address->{port}, ref $info eq 'HASH' ? $info->{port} : ();
    my ($host) = grep { defined && length } @$address{qw(hostname ip)}, ref $info eq 'HASH' ? $info->{hostname} : ();
    die "the leader's node has no address\n" unless defined $host && defined $port && $port =~ /\A\d+\z/;
    return {host => $host, port => $port, ip => defined $address->{ip} && length $address->{ip} ? $address->{ip} : $host};
}

# Answers of heartbeats and watches are not asked for here; another xid is an error.
sub _request {
    my ($zookeeper, $type, $body, $xid) = @_;
    $xid = ++$zookeeper->{xid} unless defined $xid;
    _send($zookeeper->{socket}, pack('N N', $xid & 0xffffffff, $type) . $body);
    my $answer = _receive($zookeeper);
    die "a short answer\n" if length $answer < 16;
    my ($for, undef, undef, $error) = unpack 'N4', $answer;
    die "an answer to another request\n" if $for != ($xid & 0xffffffff);
    $error = unpack 'l', pack 'L', $error;
    die +($ERROR{$error} || "error $error") . "\n" if $error;
    return substr $answer, 16;
}

sub _send {
    my ($socket, $body) = @_;
    my $bytes = pack 'N/a', $body;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $socket, $bytes;
        die "cannot write: $!\n" unless defined $sent;
        substr $bytes, 0, $sent, '';
    }
    return;
}

sub _receive {
    my ($zookeeper) = @_;
    my $length = unpack 'N', _read($zookeeper, 4);
    die "an answer of $length bytes: is this a ZooKeeper?\n" if $length > $MOST;
    return _read($zookeeper, $length);
}

sub _read {
    my ($zookeeper, $length) = @_;
    my $bytes = '';
    my $select = IO::Select->new($zookeeper->{socket});
    while (length $bytes < $length) {
        my $left = $zookeeper->{end} - time;
        die "no answer in time\n" if $left <= 0;
        next unless $select->can_read($left);
        my $got = sysread $zookeeper->{socket}, $bytes, $length - length $bytes, length $bytes;
        die "cannot read: $!\n" unless defined $got;
        die "it closed the connection\n" unless $got;
    }
    return $bytes;
}

1;
__END__

=head1 NAME

Mesos::Client::ZooKeeper - asks ZooKeeper which master leads

=head1 SYNOPSIS

    use Mesos::Client::Address qw(parse_master);
    use Mesos::Client::ZooKeeper;

    my ($leader, $why) = Mesos::Client::ZooKeeper->leader(parse_master('zk://127.0.0.1:2181/mesos'), 5);
    print $leader ? "$leader->{host}:$leader->{port}\n" : "$why\n";

=head1 DESCRIPTION

Internal to this distribution. Reads the masters' nodes once, on a connection of its own. The drivers, which must follow the leader, do it in
the Rust core and keep a session.

=head1 METHODS

=head2 leader

    my ($leader, $why) = Mesos::Client::ZooKeeper->leader($master, $timeout);

C<$master> is what C<parse_master> of L<Mesos::Client::Address> returns. Returns a hash reference with C<host> (a name, if there is one), C<ip> and C<port>, or undef
and the reason. It takes at most C<$timeout> seconds.

=cut
