#!/usr/bin/perl
# The codec's speed beside Google::ProtocolBuffers', Sereal's (blessed) and JSON::XS' (not blessed), whichever are installed, and
# beside a Perl literal of the same structure.
#
#   ./Build && perl -Mblib benches/codec.pl [seconds of CPU for each number, 1 by default]
#
# Prints microseconds of this process' CPU time a message, freeing included: medians of nine rounds, in which all take their turn,
# and what the others need relative to us. Then the cost per field from small to large offers.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Scalar::Util qw(blessed);
use Time::HiRes qw(clock_gettime CLOCK_PROCESS_CPUTIME_ID);
use Mesos::Messages;

my $ROUNDS = 9;
my $seconds = (shift || 1) / $ROUNDS;

sub offer {
    my ($resources) = @_;
    my @resources = (
        (map { {name => $_->[0], type => 0, scalar => {value => $_->[1]}, role => '*'} } [cpus => 8], [mem => 16384], [disk => 409600]),
        {name => 'ports', type => 1, ranges => {range => [{begin => 31000, end => 32000}]}, role => '*'},
    );
    push @resources, {name => 'cpus', type => 0, scalar => {value => 0.5 + @resources}, role => 'role-' . @resources}
        while @resources < $resources;
    return {
        id => {value => '20151117-154117-16777343-5050-24210-O17'},
        framework_id => {value => '20151117-154117-16777343-5050-24210-0000'},
        slave_id => {value => '20151117-154117-16777343-5050-24210-S0'},
        hostname => 'agent-17.example.org',
        url => {
            scheme => 'http', address => {hostname => 'agent-17.example.org', ip => '10.1.2.3', port => 5051}, path => '/slave(1)',
        },
        resources => \@resources,
        attributes => [
            {name => 'rack', type => 3, text => {value => 'r42'}},
            {name => 'ssd', type => 0, scalar => {value => 1}},
        ],
    };
}

sub task {
    my (%more) = @_;
    return {
        name => 'web.17',
        task_id => {value => 'web.17.6e1c2a5e-8d0b-11e5-8994-feff819cdc9f'},
        slave_id => {value => '20151117-154117-16777343-5050-24210-S0'},
        resources => [map { {name => $_->[0], type => 0, scalar => {value => $_->[1]}, role => '*'} } [cpus => 0.5], [mem => 256]],
        command => {
            shell => 1, value => 'exec ./web --port $PORT0',
            environment => {variables => [map { {name => $_->[0], value => $_->[1]} } [PORT0 => 31017], [STAGE => 'production']]},
            uris => [{value => 'http://repository.example.org/web-1.17.tar.gz', extract => 1}],
        },
        labels => {labels => [{key => 'team', value => 'shop'}]},
        %more,
    };
}

my %messages = (
    'TaskStatus' => ['Mesos::TaskStatus', {
            task_id => {value => 'task-00001'},
            state => Mesos::TaskState::TASK_RUNNING(),
            message => 'Command exited with status 0',
            source => Mesos::TaskStatus::Source::SOURCE_EXECUTOR(),
            slave_id => {value => '20151117-154117-16777343-5050-24210-S0'},
            executor_id => {value => 'default'},
            timestamp => 1447779683.17,
            uuid => pack('H*', '9c1d5ba6e1b94c3c8d2a3f5c0d9e8f71'),
            container_status => {network_infos => [{ip_addresses => [{ip_address => '10.1.2.3'}]}]},
    }],
    'Offer, 4 resources' => ['Mesos::Offer', offer(4)],
    'Offer, 50 resources' => ['Mesos::Offer', offer(50)],
    'TaskInfo' => ['Mesos::TaskInfo', task()],
    'TaskInfo with a container' => ['Mesos::TaskInfo', task(
            container => {
                type => Mesos::ContainerInfo::Type::DOCKER(),
                volumes => [{mode => Mesos::Volume::Mode::RW(), container_path => '/data', host_path => '/srv/web'}],
                docker => {
                    image => 'registry.example.org/web:1.17', network => Mesos::ContainerInfo::DockerInfo::Network::BRIDGE(),
                    port_mappings => [{host_port => 31017, container_port => 8080, protocol => 'tcp'}],
                    parameters => [{key => 'hostname', value => 'web-17'}],
                },
            },
    )],
    'FrameworkInfo' => ['Mesos::FrameworkInfo', {
            user => 'web', name => 'web-scheduler', id => {value => '20151117-154117-16777343-5050-24210-0000'}, failover_timeout => 604800,
            checkpoint => 1, hostname => 'scheduler.example.org', principal => 'web', webui_url => 'http://scheduler.example.org:8080/',
            roles => [qw(web batch)], capabilities => [map { {type => $_} } 2, 5, 7],
            labels => {labels => [{key => 'team', value => 'shop'}]},
    }],
);

# Perl code for a structure.
sub literal {
    my ($value) = @_;
    if (!ref $value) {
        return $value if $value =~ /\A[1-9]\d{0,8}\z/;
        (my $text = $value) =~ s/([^\w .:-])/sprintf '\x{%02x}', ord $1/ge;
        return qq{"$text"};
    }
    return '[' . join(',', map { literal($_) } @$value) . ']' if ref $value eq 'ARRAY';
    my $hash = '{' . join(',', map { "'$_'," . literal($value->{$_}) } sort keys %$value) . '}';
    return blessed $value ? "bless($hash,'" . ref($value) . "')" : "+$hash";
}

# How many hashes, and how many entries of them.
sub count {
    my ($value) = @_;
    my ($hashes, $entries) = UNIVERSAL::isa($value, 'HASH') ? (1, scalar keys %$value) : (0, 0);
    for my $inside ($hashes ? values %$value : ref $value ? @$value : ()) {
        my ($more, $more_entries) = ref $inside ? count($inside) : (0, 0);
        $hashes += $more;
        $entries += $more_entries;
    }
    return ($hashes, $entries);
}

sub once {
    my ($code) = @_;
    my ($count, $step, $start) = (0, 1, clock_gettime(CLOCK_PROCESS_CPUTIME_ID));
    my $took;
    do {
        $code->() for 1 .. $step;
        $count += $step;
        $took = clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $start;
        $step *= 2 if $step < 512 && $took < $seconds / 4;
    } while $took < $seconds;
    return $took / $count * 1e6;
}

# The medians of several subs.
sub measure {
    my (@code) = @_;
    my @took;
    for my $round (1 .. $ROUNDS) {
        push @{$took[$_]}, once($code[$_]) for 0 .. $#code;
    }
    return map { (sort { $a <=> $b } @$_)[$ROUNDS / 2] } @took;
}

my $reference = eval { require Mesos::Test::Reference; Mesos::Test::Reference::classes() } or print "no Google::ProtocolBuffers: $@";
my $sereal = eval { require Sereal::Encoder; require Sereal::Decoder; 1 } or print "no Sereal\n";
my $json = eval { require JSON::XS; 1 } or print "no JSON::XS\n";

for my $name ('TaskStatus', 'Offer, 4 resources', 'Offer, 50 resources', 'TaskInfo', 'TaskInfo with a container', 'FrameworkInfo') {
    my ($class, $plain) = @{$messages{$name}};
    my $bytes = $class->encode($plain);
    my $object = $class->decode($bytes);
    printf "%s: %d bytes, %d hashes, %d entries\n", $name, length $bytes, count($object);
    my @rows = (['this codec', sub { my $x = $class->decode($bytes) }, sub { my $x = $object->encode }]);
    push @rows, ['the same, unblessed', sub { my $x = $class->decode($bytes, unblessed => 1) }, sub { my $x = $class->encode($plain) }];
    if ($reference) {
        my $other = $reference->{$class};
        my $theirs = $other->decode($bytes);
        push @rows, ['Google::ProtocolBuffers', sub { my $x = $other->decode($bytes) }, sub { my $x = $theirs->encode }];
    }
    if ($sereal) {
        my ($encoder, $decoder) = (Sereal::Encoder->new, Sereal::Decoder->new);
        my $encoded = $encoder->encode($object);
        push @rows, ['Sereal', sub { my $x = $decoder->decode($encoded) }, sub { my $x = $encoder->encode($object) }];
    }
    if ($json) {
        my $coder = JSON::XS->new->latin1;
        my $encoded = $coder->encode($plain);
        push @rows, ['JSON::XS', sub { my $x = $coder->decode($encoded) }, sub { my $x = $coder->encode($plain) }];
    }
    my $literal = eval 'sub { my $x = ' . literal($object) . '}' or die $@;
    push @rows, ['Perl literal', $literal];
    my @decode = measure(map { $_->[1] } @rows);
    my @encode = measure(map { $_->[2] || () } @rows);
    printf "  %-24s %12s %8s %12s %8s\n", '', 'decode us', 'ratio', 'encode us', 'ratio';
    for my $i (0 .. $#rows) {
        printf "  %-24s %12.2f %7.2fx", $rows[$i][0], $decode[$i], $decode[$i] / $decode[0];
        printf ' %12.2f %7.2fx', $encode[$i], $encode[$i] / $encode[0] if $rows[$i][2];
        print "\n";
    }
}

print "Offers by size: nanoseconds per entry\n";
printf "  %9s %9s %9s %9s\n", qw(resources entries decode encode);
for my $resources (4, 50, 500, 5000) {
    my $bytes = Mesos::Offer->encode(offer($resources));
    my $object = Mesos::Offer->decode($bytes);
    my (undef, $entries) = count($object);
    my ($decode, $encode) = measure(sub { my $x = Mesos::Offer->decode($bytes) }, sub { my $x = $object->encode });
    printf "  %9d %9d %9.0f %9.0f\n", $resources, $entries, $decode / $entries * 1e3, $encode / $entries * 1e3;
}
