use 5.10.1;
use strict;
use warnings;
use IO::Socket::INET;
use Mesos::SchedulerDriver;
use POSIX ();
use Test::More;
BEGIN { delete @ENV{grep {/\A(?:PERL_MESOS_|LIBPROCESS_)/} keys %ENV} }

# No master, or something else where one should be: what is told, and when.

package Patient;
use Moo;
extends 'Mesos::Scheduler';
has [qw(message registrations)] => (is => 'rw', default => 0);
sub error { $_[0]->message($_[2]) }
sub registered { my ($self, $driver) = @_; $driver->stop(1) }

package main;

my @children;
END { my $status = $?; kill KILL => $_ for @children; waitpid $_, 0 for @children; $? = $status }

sub listener { IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', ReuseAddr => 1, @_) or die "listen: $@" }

# Serves every connection with these bytes in a child.
sub serve {
    my ($socket, $answer, $keep) = @_;
    my $pid = fork;
    die $! unless defined $pid;
    return push @children, $pid if $pid;
    my @kept;
    while (my $client = $socket->accept) {
        sysread $client, my $request, 65536;
        syswrite $client, $answer;
        push @kept, $client if $keep;
    }
    POSIX::_exit(0);
}

sub ends_with {
    my ($master) = @_;
    my $scheduler = Patient->new;
    local $SIG{ALRM} = sub { die "no end\n" };
    alarm 60;
    my $status = Mesos::SchedulerDriver->new(
        master => $master, framework => {user => '', name => 'stranger'}, scheduler => $scheduler, master_timeout => 0.5, driver => 'native')->run;
    alarm 0;
    is $status, Mesos::Status::DRIVER_ABORTED;
    return $scheduler->message;
}

for (
    ["HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 70\r\n\r\n<html><head><title>404 Not\nFound</title></head><body>nginx</body></html>",
        qr/404 Not Found: an HTML page, "404 Not Found": is this a Mesos master\?/],
    ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", qr/404 Not Found: is this a Mesos master\?/],
    ["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>hello</h1", qr/content type "text\/html": is this a Mesos master\?/],
    ["HTTP/1.1 400 Bad Request\r\nContent-Length: 30\r\n\r\n<p>speak TLS</p><p>please</p>\n\n", qr/an HTML page, "speak TLS please": is this a Mesos master\?/],
    ["SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", qr/not an HTTP response: .*: is this a Mesos master\?/],
    ["\x15\x03\x01\x00\x02\x02\x46", qr{the answer is TLS, the address needs https://: is this a Mesos master\?}],
) {
    my ($answer, $told) = @$_;
    my $socket = listener();
    serve($socket, $answer);
    my $message = ends_with('127.0.0.1:' . $socket->sockport);
    like $message, $told;
    unlike $message, qr/\n/, 'one line';
}

SKIP: {
    my $socket = listener();
    serve($socket, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    my $message = ends_with('https://127.0.0.1:' . $socket->sockport);
    like $message, qr{the answer is not TLS .*: does the address need http://\?}, 'TLS on plain HTTP';
}

# A program that finds its master after it was told that there is none.
my $program = <<'END';
    package S; use Moo; extends 'Mesos::Scheduler';
    sub registered { $_[1]->stop(1) }
    package main;
    my $port = shift;
    my $name = shift;
    Mesos::SchedulerDriver->new(master => "127.0.0.1:$port", framework => {user => '', name => $name}, scheduler => S->new, driver => 'native')->run;
END

subtest 'no master for five seconds' => sub {
    my $subscribed = Mesos::Scheduler::Event->new({
            type => Mesos::Scheduler::Event::Type::SUBSCRIBED(), subscribed => {framework_id => {value => 'F'}},
    })->encode;
    my $record = length($subscribed) . "\n$subscribed";
    my $reserved = listener();
    my $port = $reserved->sockport;
    close $reserved;
    my %told;
    my %process;
    for my $trace ('', 'QUIET', 'INFO') {
        local $ENV{PERL_MESOS_TRACE} = $trace;
        delete $ENV{PERL_MESOS_TRACE} unless $trace;
        my $pid = open my $out, '-|';
        die $! unless defined $pid;
        if (!$pid) {
            open STDERR, '>&', \*STDOUT or die $!;
            exec $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::SchedulerDriver', '-e', $program, $port, "absent$trace" or die $!;
        }
        push @children, $pid;
        $process{$trace} = $out;
    }
    my $first = readline $process{''};
    like $first, qr/\AMesos: framework "absent" \(no id yet\): no master at 127\.0\.0\.1:$port for 5 s: cannot connect: .*\(the driver goes on trying\)\n\z/;
    # The programs count from their own starts: the master must not be there before each of them has missed it.
    my $log = '';
    while (defined(my $line = readline $process{INFO})) {
        $log .= $line;
        last if $line =~ /no master at/;
    }
    # Answers as far as the programs need it: they leave when they are registered.
    serve(listener(LocalPort => $port), "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n"
            . sprintf("%x\r\n%s\r\n", length $record, $record), 1);
    local $/;
    like readline $process{''}, qr/\AMesos: framework F: found the master at 127\.0\.0\.1:$port after \d+ s\n\z/, 'and that it is found';
    is readline $process{QUIET} // '', '', 'silence, if asked for';
    $log .= readline $process{INFO};
    like $log, qr/^W.*no master at 127\.0\.0\.1:$port for 5 s/m, 'a line of the log where that is on stderr';
    unlike $log, qr/^Mesos: /m, 'and nothing twice';
    like $log, qr/call SUBSCRIBE$/m, 'INFO has a line for every call';
    like $log, qr/event SUBSCRIBED$/m, 'and every event';
};

done_testing;
