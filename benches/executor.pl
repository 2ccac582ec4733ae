#!/usr/bin/perl
# An executor whose agent is away, and which has updates for it: what one costs, with few and with many in the queue.
#
#   ./Build && perl -Mblib benches/executor.pl [UPDATES, 10000 100000]
#
# This program is the agent. The executor is a process of its own, whose CPU time counts, without that of its start. Half of the updates
# come while the agent is away, the other half when it has just come back. pymesos 0.3.15, which refuses updates while the agent is away,
# sends all when the agent is back.
use 5.10.1;
use strict;
use warnings;
use FindBin;
use IO::Select;
use IO::Socket::INET;
use Mesos::Messages;

my $root = "$FindBin::Bin/..";

# --- the executor ---

if (@ARGV && $ARGV[0] eq 'executor') {
    package Queueing;
    require Moo;
    Moo->import;
    extends('Mesos::Executor');
    my $half = $ARGV[1] / 2;
    my $number = 0;
    my $send = sub {
        my ($driver) = @_;
        $driver->sendStatusUpdate({task_id => {value => 'task-' . $number++}, state => Mesos::TaskState::TASK_RUNNING(), message => 'it runs'})
            for 1 .. $half;
    };
    no warnings 'once';
    *Queueing::disconnected = sub { $send->($_[1]); syswrite STDOUT, "queued\n" };
    *Queueing::reregistered = sub { $send->($_[1]) };
    *Queueing::frameworkMessage = sub { $_[1]->stop };
    require Mesos::ExecutorDriver;
    Mesos::ExecutorDriver->new(executor => Queueing->new)->run;
    exit;
}

# --- the agent ---

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 10) or die "listen: $!";
my $address = '127.0.0.1:' . $listener->sockport;

# The values of an encoded message's field.
sub field {
    my ($message, $wanted) = @_;
    my ($at, @found) = 0;
    my $varint = sub {
        my ($value, $shift) = (0, 0);
        while (1) {
            my $byte = ord substr $message, $at++, 1;
            $value |= ($byte & 127) << $shift;
            return $value if $byte < 128;
            $shift += 7;
        }
    };
    while ($at < length $message) {
        my $key = $varint->();
        my $length = ($key & 7) == 2 ? $varint->() : ($key & 7) == 1 ? 8 : 0;
        $varint->() if ($key & 7) == 0;
        push @found, substr $message, $at, $length if $key >> 3 == $wanted && ($key & 7) == 2;
        $at += $length;
    }
    return @found;
}

# The uuids of a call's updates, as they were sent.
sub uuids {
    my ($call, $json) = @_;
    return $call =~ /"uuid": "([^"]+)"/g if $json;
    my @updates = ((map { field($_, 2) } field($call, 4)), field($call, 5));
    return map { field($_, 11) } map { field($_, 1) } @updates;
}

sub framed {
    my ($event) = @_;
    my $record = length($event) . "\n$event";
    return sprintf "%x\r\n%s\r\n", length $record, $record;
}

sub bytes { return chr($_[0] << 3 | 2) . chr(length $_[1]) . $_[1] }

sub subscribed {
    my ($json) = @_;
    my $head = 'HTTP/1.1 200 OK' . "\r\nTransfer-Encoding: chunked\r\nContent-Type: application/" . ($json ? 'json' : 'x-protobuf') . "\r\n\r\n";
    return $head . framed($json
        ? '{"type":"SUBSCRIBED","subscribed":{"executor_info":{"executor_id":{"value":"E"}},"framework_info":{"id":{"value":"F"}},"agent_info":{}}}'
        : "\x08\x01" . bytes(2, ''));
}

sub acknowledged {
    my ($uuid, $json) = @_;
    return framed($json
        ? qq({"type":"ACKNOWLEDGED","acknowledged":{"task_id":{"value":"t"},"uuid":"$uuid"}})
        : "\x08\x04" . bytes(3, bytes(1, bytes(1, 't')) . bytes(2, $uuid)));
}

sub message { return framed($_[0] ? '{"type":"MESSAGE","message":{"data":""}}' : "\x08\x05" . bytes(6, bytes(1, ''))) }

# The next whole request of what has come and is not taken, from [bytes, how many are taken]: its head and its body.
sub request {
    my ($come) = @_;
    my $end = index $come->[0], "\r\n\r\n", $come->[1];
    my $head = $end < 0 ? '' : substr $come->[0], $come->[1], $end + 4 - $come->[1];
    my $length = $head =~ /Content-Length: (\d+)/i ? $1 : 0;
    if ($end < 0 || length($come->[0]) < $end + 4 + $length) {
        substr $come->[0], 0, $come->[1], '';
        $come->[1] = 0;
        return;
    }
    $come->[1] = $end + 4 + $length;
    return ($head, substr $come->[0], $end + 4, $length);
}

# The executor's seconds of CPU time.
sub run {
    my ($count, @command) = @_;
    local %ENV = (%ENV,
        MESOS_FRAMEWORK_ID => 'F', MESOS_EXECUTOR_ID => 'E', MESOS_SLAVE_ID => 'S', MESOS_AGENT_ENDPOINT => $address,
        MESOS_SLAVE_PID => "slave(1)\@$address", MESOS_DIRECTORY => '/tmp', MESOS_CHECKPOINT => 1, MESOS_RECOVERY_TIMEOUT => '15mins',
        MESOS_SUBSCRIPTION_BACKOFF_MAX => '100ms', MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD => '60secs',
    );
    my $before = (times)[2] + (times)[3];
    my $pid = open my $said, '-|', @command or die "cannot run @command: $!";
    my ($stream, $json, $was_away, $seen) = (undef, 0, 0, 0);
    my ($select, %come) = IO::Select->new($listener);
    while ($seen < $count) {
        for my $ready ($select->can_read) {
            if ($ready == $listener) {
                $select->add(scalar $listener->accept);
                next;
            }
            my $come = $come{$ready} ||= ['', 0];
            if (!sysread $ready, $come->[0], 1 << 20, length $come->[0]) {
                $select->remove($ready);
                delete $come{$ready};
                next;
            }
            while (my ($head, $body) = request($come)) {
                $json = $head =~ m{application/json} ? 1 : 0;
                my @uuids = uuids($body, $json);
                if ($json ? $body =~ /"type": "SUBSCRIBE"/ : scalar(my @subscribe = field($body, 4))) {
                    $stream = $ready;
                    $stream->print(subscribed($json));
                }
                else {
                    $ready->print("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
                }
                $ready->flush;
                $stream->print(map { acknowledged($_, $json) } @uuids);
                $stream->flush;
                $seen += @uuids;
            }
        }
        next if $was_away || !$stream;
        # Away until the executor has queued what it wants.
        $select->remove($stream);
        close $stream;
        ($stream, $was_away) = (undef, 1);
        die "the executor says nothing\n" unless defined <$said>;
    }
    $stream->print(message($json));
    $stream->flush;
    close $said;
    return (times)[2] + (times)[3] - $before;
}

# Microseconds for an update, without the start.
sub each_update { my ($count, @command) = @_; return (run($count, @command, $count) - run(2, @command, 2)) / $count * 1e6 }

my $target = $ENV{CARGO_TARGET_DIR} || "$root/target";
my $python = "$target/pymesos-venv/bin/python3";
my @counts = @ARGV ? @ARGV : (10_000, 100_000);
printf "%d updates: %.1f us of CPU time each\n", $_, each_update($_, $^X, (map {"-I$_"} grep { !ref } @INC), $0, 'executor') for @counts;
if (-x $python) {
    local $ENV{PYTHONPATH} = join ':', "$root/benches/pymesos", $ENV{PYTHONPATH} // ();
    my $count = 5_000;
    printf "%d updates with pymesos: %.1f us of CPU time each\n", $count, each_update($count, $python, "$root/benches/pymesos/executor.py");
}
else { print "no pymesos here: run benches/driver.pl first\n" }
