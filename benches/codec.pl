#!/usr/bin/perl
# The codec's speed beside Google::ProtocolBuffers', Sereal's and JSON::XS', whichever of them are installed.
#
#   ./Build && perl -Mblib benches/codec.pl [seconds for each measurement, 1 by default]
#
# Prints microseconds a message, the best of five runs, and what the others need relative to us.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Time::HiRes qw(time);
use Mesos::Messages;

my $seconds = (shift || 1) / 5;

my %messages = (
    TaskStatus => {
        task_id      => { value => 'task-00001' },
        state        => Mesos::TaskState::TASK_RUNNING(),
        message      => 'Command exited with status 0',
        source       => Mesos::TaskStatus::Source::SOURCE_EXECUTOR(),
        slave_id     => { value => '20151117-154117-16777343-5050-24210-S0' },
        executor_id  => { value => 'default' },
        timestamp    => 1447779683.17,
        uuid         => pack('H*', '9c1d5ba6e1b94c3c8d2a3f5c0d9e8f71'),
        container_status => { network_infos => [ { ip_addresses => [ { ip_address => '10.1.2.3' } ] } ] },
    },
    Offer => {
        id           => { value => '20151117-154117-16777343-5050-24210-O17' },
        framework_id => { value => '20151117-154117-16777343-5050-24210-0000' },
        slave_id     => { value => '20151117-154117-16777343-5050-24210-S0' },
        hostname     => 'agent-17.example.org',
        url          => {
            scheme => 'http', address => { hostname => 'agent-17.example.org', ip => '10.1.2.3', port => 5051 }, path => '/slave(1)',
        },
        resources => [
            (map { { name => $_->[0], type => 0, scalar => { value => $_->[1] }, role => '*' } } [ cpus => 8 ], [ mem => 16384 ], [ disk => 409600 ]),
            { name => 'ports', type => 1, ranges => { range => [ { begin => 31000, end => 32000 } ] }, role => '*' },
        ],
        attributes => [
            { name => 'rack', type => 3, text   => { value => 'r42' } },
            { name => 'ssd',  type => 0, scalar => { value => 1 } },
        ],
    },
);

sub measure {
    my ($code) = @_;
    my $best;
    $code->() for 1 .. 20;
    for (1 .. 5) {
        my ($count, $start, $step) = (0, time, 20);
        my $now;
        do {
            $code->() for 1 .. $step;
            $count += $step;
            $now = time;
        } while $now - $start < $seconds;
        my $took = ($now - $start) / $count * 1e6;
        $best = $took if !defined $best || $took < $best;
    }
    return $best;
}

my $reference = eval { require Mesos::Test::Reference; Mesos::Test::Reference::classes() } or print "no Google::ProtocolBuffers: $@";
my $sereal = eval { require Sereal::Encoder; require Sereal::Decoder; 1 } or print "no Sereal\n";
my $json = eval { require JSON::XS; 1 } or print "no JSON::XS\n";

for my $name (sort keys %messages) {
    my $class  = "Mesos::$name";
    my $bytes  = $class->encode($messages{$name});
    my $object = $class->decode($bytes);
    printf "%s: %d bytes\n", $name, length $bytes;
    my @rows = (
        [ 'this codec', sub { my $x = $class->decode($bytes) }, sub { my $x = $object->encode } ],
    );
    if ($reference) {
        my $other = $reference->{$class};
        my $theirs = $other->decode($bytes);
        push @rows, [ 'Google::ProtocolBuffers', sub { my $x = $other->decode($bytes) }, sub { my $x = $theirs->encode } ];
    }
    if ($sereal) {
        my ($encoder, $decoder) = (Sereal::Encoder->new, Sereal::Decoder->new);
        my $encoded = $encoder->encode($object);
        push @rows, [ 'Sereal', sub { my $x = $decoder->decode($encoded) }, sub { my $x = $encoder->encode($object) } ];
    }
    if ($json) {
        my $coder = JSON::XS->new->latin1;
        my $plain = $messages{$name};
        my $encoded = $coder->encode($plain);
        push @rows, [ 'JSON::XS (not blessed)', sub { my $x = $coder->decode($encoded) }, sub { my $x = $coder->encode($plain) } ];
    }
    my ($decode_base, $encode_base);
    printf "  %-24s %12s %8s %12s %8s\n", '', 'decode us', 'ratio', 'encode us', 'ratio';
    for my $row (@rows) {
        my ($what, @code) = @$row;
        my ($decode, $encode) = map { measure($_) } @code;
        $decode_base ||= $decode;
        $encode_base ||= $encode;
        printf "  %-24s %12.2f %7.2fx %12.2f %7.2fx\n", $what, $decode, $decode / $decode_base, $encode, $encode / $encode_base;
    }
}
