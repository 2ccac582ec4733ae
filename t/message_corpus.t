use strict;
use warnings FATAL => 'all';
use Test::More;
use Mesos::Messages;

# The fuzzer's inputs once more, without fuzzer: whatever they are, an object or an error, and what encodes decodes to the same.

my @inputs = glob 'fuzz/corpus/replay/*';
plan skip_all => 'fuzz/corpus is not part of this distribution' unless @inputs;

my @classes = @{(Mesos::Message::_names())[0]};
my ($objects, $errors) = (0, 0);
for my $input (@inputs) {
    open my $file, '<:raw', $input or die "$input: $!";
    my $data = do { local $/; readline $file };
    next if length $data < 2;
    my ($low, $high, $bytes) = unpack 'CCa*', $data;
    my $class = $classes[($low + 256 * $high) % @classes];
    my $message = eval { $class->decode($bytes) };
    if (!$message) {
        like $@, qr/\A.+ at .+ line \d+\.?\n\z/, "$input: no text of an error" or last;
        $errors++;
        next;
    }
    my $encoded = eval { $message->encode };
    next if !defined $encoded && $@ =~ /\AMesos::[\w:.\[\]]+: /;
    is unpack('H*', $class->decode($encoded)->encode), unpack('H*', $encoded), "$input: $class" or last
        if defined $encoded;
    $objects++;
}
cmp_ok $objects, '>', 10, "$objects objects";
cmp_ok $errors, '>', 0, "$errors errors";

done_testing;
