# Our codec beside Google::ProtocolBuffers 0.12, with classes that it makes of our own proto files: equal bytes, equal structures.
#
# MESOS_TEST_MESSAGES=n: how many random messages of each class (5). MESOS_TEST_SEED=n: where the generator starts (1).

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Mesos::Messages;
use Mesos::Test::Random;
use Mesos::Test::Reference;

my $reference = eval { Mesos::Test::Reference::classes() };
plan skip_all => "Google::ProtocolBuffers 0.12 is not there: $@" unless $reference;

my $each = $ENV{MESOS_TEST_MESSAGES} || 5;
my $seed = $ENV{MESOS_TEST_SEED} || 1;
my $random = Mesos::Test::Random->new($seed);

# As text, with the class of each object: theirs by the name of ours.
my %ours = reverse %$reference;
sub dump_value {
    my ($value) = @_;
    return 'undef' unless defined $value;
    return "'$value'" unless ref $value;
    return '[' . join(', ', map { dump_value($_) } @$value) . ']' if ref $value eq 'ARRAY';
    my $class = $ours{ref $value} || ref $value;
    return "$class\{" . join(', ', map { "$_ => " . dump_value($value->{$_}) } sort keys %$value) . '}';
}

# What both sides make of a call: a result, or the fact that it died.
sub attempt {
    my ($code) = @_;
    local $SIG{__WARN__} = sub { };
    my $result = eval { $code->() };
    return defined $result ? $result : 'died';
}

is_deeply([sort keys %$reference], [sort(Mesos::Messages::classes(), Mesos::Messages::enums())], 'the same classes');

subtest 'tables' => sub {
    for my $class (sort keys %$reference) {
        my $theirs = $reference->{$class};
        # Their types are class names with their prefix.
        my @fields = map { [map { defined && $ours{$_} ? $ours{$_} : $_ } @$_] } @{$theirs->_pb_fields_list};
        is_deeply($class->_pb_fields_list, \@fields, "$class: fields") or diag explain [$class->_pb_fields_list, \@fields];
        is($class->_pb_complex_type_kind, $theirs->_pb_complex_type_kind, "$class: kind");
        next if $class->_pb_complex_type_kind == 3;
        if ($theirs->can('_pb_oneofs')) {
            is_deeply($class->_pb_oneofs, $theirs->_pb_oneofs, "$class: oneofs");
            is_deeply($class->_pb_oneofs_rev, $theirs->_pb_oneofs_rev, "$class: oneofs by field");
        }
        my ($us, $them) = ($class->new({}), $theirs->new({}));
        for my $name (map { $_->[2] } @fields) {
            is($us->get($name), $them->get($name), "$class: default of $name");
            is(!!$class->can($name), !!$theirs->can($name), "$class: can $name");
            is(!!$class->can("_${name}_accessor"), !!$theirs->can("_${name}_accessor"), "$class: can _${name}_accessor");
        }
    }
};

my ($messages, $refused) = (0, 0);
for my $class (Mesos::Messages::classes()) {
    my $theirs = $reference->{$class};
    my $failed;
    my $last = '';
    for my $round (1 .. $each) {
        my $state = $random->{state};
        my $message = $random->message($class, complete => $round % 2, shapes => $round > 2);
        my $ours = attempt(sub { $class->encode($message) });
        my $bytes = attempt(sub { $theirs->encode($message) });
        $messages++;
        if ($ours ne $bytes) {
            $failed = "encode: ours " . unpack('H*', $ours) . ", theirs " . unpack('H*', $bytes) . ', of ' . dump_value($message);
        }
        elsif ($bytes eq 'died') {
            $refused++;
        }
        else {
            # Also twice in a row: repeated fields go on, the others have their last value.
            for my $wire ($bytes, $bytes . $last, $last . $bytes) {
                my @structures = map { dump_value($_->decode($wire)) } $class, $theirs;
                $failed = "decode: ours $structures[0], theirs $structures[1]" if $structures[0] ne $structures[1];
            }
            $last = $bytes;
        }
        if (defined $failed) {
            $failed .= "\n(generator's state $state)";
            last;
        }
    }
    ok(!defined $failed, "$class: $each messages") or diag $failed;
}
note "$messages messages, $refused refused by both";
cmp_ok($refused, '<', $messages / 2, 'most messages are encoded');

done_testing;
