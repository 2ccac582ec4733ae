package Firehose;

# The server of benches/firehose.rs, and pymesos 0.3.15 on it: what the benchmarks of drivers share.
use 5.10.1;
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;
use IO::Socket::INET;
use IPC::Open2;
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);

my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $target = $ENV{CARGO_TARGET_DIR} || "$root/target";

# Builds and starts the server.
sub start {
    my ($class) = @_;
    my ($program) = map {/"executable":"([^"]+)"/} grep {/"name":"firehose"/}
        qx(cd '$root' && cargo bench --locked --no-run --bench firehose --message-format=json 2>/dev/null);
    die "benches/firehose.rs cannot be built\n" unless $program;
    my $pid = open2(my $results, my $stop, $program, 'serve');
    chomp(my $address = <$results>);
    return bless {program => $program, pid => $pid, results => $results, stop => $stop, address => $address}, $class;
}

sub address { return $_[0]{address} }

# What the server says of the run that has just ended: seconds.
sub seconds { my (undef, undef, $seconds) = split ' ', readline $_[0]{results}; return $seconds }

# What one wake-up of this machine takes, in microseconds.
sub wake_up { my ($self) = @_; return scalar qx('$self->{program}' wake) }

sub stop {
    my ($self) = @_;
    close $self->{stop};
    waitpid $self->{pid}, 0;
    return;
}

# The Python that has pymesos, installed where that is needed and can be done.
sub python {
    my $venv = "$target/pymesos-venv";
    my $python = "$venv/bin/python3";
    return $python if -x $python && !system "$python -c 'import addict, kazoo, pymesos, six' 2>/dev/null";
    system "python3 -m venv '$venv' && '$venv/bin/pip' install -q six addict kazoo setuptools wheel pytest-runner"
        . " && '$venv/bin/pip' install -q --no-deps --no-build-isolation pymesos==0.3.15" or return $python;
    print "SKIPPED: pymesos cannot be installed here, no comparison\n";
    return;
}

# One of the programs in benches/pymesos, with the server's address: what it prints.
sub run_pymesos {
    my ($self, $program, @arguments) = @_;
    my $python = python() or return;
    local $ENV{PYTHONPATH} = "$root/benches/pymesos";
    my $command = join ' ', map {"'$_'"} $python, "$root/benches/pymesos/$program", $self->{address}, @arguments;
    my $printed = qx($command 2>&1);
    die "pymesos: $printed" if $?;
    return $printed;
}

# A socket on which the server's events of such a run come, for a program that only reads: it acknowledges nothing, and so the server says
# nothing of it.
sub subscribed {
    my ($address, $name) = @_;
    my $field = sub { pack('CC', $_[0] << 3 | 2, length $_[1]) . $_[1] };
    my $info = $field->(1, 'root') . $field->(2, $name);
    # Call: type SUBSCRIBE, subscribe.framework_info
    my $call = "\x10\x01" . $field->(3, $field->(1, $info));
    my $socket = IO::Socket::INET->new(PeerAddr => $address) or die "the server: $!";
    print {$socket} join "\r\n", 'POST /api/v1/scheduler HTTP/1.1', 'Host: x', 'Content-Type: application/x-protobuf',
        'Accept: application/x-protobuf', 'Content-Length: ' . length $call, '', $call;
    $socket->flush;
    return $socket;
}

# Reads once; the latencies of the updates that have come, in seconds.
sub latency_now {
    my ($socket) = @_;
    sysread $socket, my $read, 65536 or die "the server has closed";
    my $now = clock_gettime(CLOCK_MONOTONIC);
    return map { $now - $_ / 1e9 } $read =~ /([0-9]{20})/g;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

1;
