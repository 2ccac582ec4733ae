package Test::Operator;

# A server in a child process that plays a master or an agent: an operator API whose answers the test gives.

use strict;
use warnings;
use Exporter qw(import);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

our @EXPORT_OK = qw(serve answer redirect stream);

my @children;
my $tester = $$;
END { if ($$ == $tester) { local $?; kill KILL => @children; waitpid $_, 0 for @children } }

sub answer {
    my ($status, $body, @headers) = @_;
    $body = JSON::PP->new->utf8->canonical->encode($body) if ref $body;
    return join "\r\n", "HTTP/1.1 $status", 'Content-Length: ' . length $body, @headers, '', $body;
}

sub redirect { return answer('307 Temporary Redirect', '', "Location: $_[0]") }

# Pieces of a chunked body; the server closes the connection after them unless the last is 'open'.
sub stream {
    my (@pieces) = @_;
    my $open = @pieces && $pieces[-1] eq 'open' && pop @pieces;
    my @chunks = map { sprintf "%x\r\n%s\r\n", length, $_ } @pieces;
    return ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", @chunks, $open ? () : ("0\r\n\r\n", undef)];
}

# Starts a server. $handler->({path, headers, call, number}) gives what is sent: text, an array of pieces (undef closes the
# connection), or undef for nothing. Options: listener. Gives {address, port, requests => code}: the requests until now.
sub serve {
    my ($handler, %option) = @_;
    my $listener = $option{listener} || IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', ReuseAddr => 1) || die "listen: $!";
    my $log = File::Temp->new;
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        # A client may be gone before it has its answer.
        $SIG{PIPE} = 'IGNORE';
        # By whoever opens it again: the parent's handle has another position.
        open my $out, '>>', $log->filename or POSIX::_exit(9);
        $out->autoflush;
        eval { _serve($listener, $handler, $out, $option{start}); 1 } or print STDERR "Test::Operator: $@";
        POSIX::_exit(1);
    }
    push @children, $pid;
    my $port = $listener->sockport;
    return {
        port => $port,
        address => "127.0.0.1:$port",
        pid => $pid,
        requests => sub {
            open my $in, '<', $log->filename or die "cannot read the log: $!";
            return map { JSON::PP::decode_json($_) } <$in>;
        },
    };
}

sub _serve {
    my ($listener, $handler, $log, $start) = @_;
    my ($select, %buffer, $number) = IO::Select->new($listener);
    while (my @ready = $select->can_read) {
        for my $socket (@ready) {
            if ($socket == $listener) {
                my $new = $listener->accept or next;
                $new = $start->($new) or next if $start;
                $select->add($new);
                $buffer{$new} = '';
                next;
            }
            my $open = sysread $socket, $buffer{$socket}, 65_536, length $buffer{$socket};
            while ($open && (my $request = _take(\$buffer{$socket}))) {
                $request->{number} = ++$number;
                print $log JSON::PP->new->utf8->canonical->encode($request), "\n";
                $open = _send($socket, $handler->($request));
            }
            next if $open;
            $select->remove($socket);
            delete $buffer{$socket};
            close $socket;
        }
    }
}

sub _take {
    my ($buffer) = @_;
    return unless $$buffer =~ /\A(\w+) (\S+) HTTP\/1\.1\r\n(.*?)\r\n\r\n/s;
    my ($method, $path, $head, $start) = ($1, $2, $3, $+[0]);
    my %headers = map { my ($name, $value) = split /:\s*/, $_, 2; (lc $name => $value) } split /\r\n/, $head;
    my $length = $headers{'content-length'} || 0;
    return if length $$buffer < $start + $length;
    my $body = substr $$buffer, $start, $length;
    substr $$buffer, 0, $start + $length, '';
    return {method => $method, path => $path, headers => \%headers, call => scalar eval { JSON::PP::decode_json($body) }};
}

sub _send {
    my ($socket, $what) = @_;
    for my $piece (ref $what ? @$what : $what) {
        return 0 unless defined $piece;
        syswrite $socket, $piece;
    }
    return 1;
}

1;
