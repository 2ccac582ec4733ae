# Nothing is left behind: by decoding, by encoding, and by failures of both.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
BEGIN { eval { require Test::LeakTrace; Test::LeakTrace->import; 1 } or plan skip_all => 'Test::LeakTrace is not there' }
use Mesos::Messages;
use Mesos::Test::Random;

my $random = Mesos::Test::Random->new(3);
for my $class (qw(Mesos::TaskStatus Mesos::Offer Mesos::TaskInfo Mesos::ContainerInfo)) {
    my $message = $random->message($class, complete => 1);
    my $bytes = $class->encode($message);
    no_leaks_ok { my $decoded = $class->decode($bytes) for 1 .. 3 } "$class, the same strings again and again"; ## no critic (ProhibitConditionalDeclarations): the value lives for one round
    no_leaks_ok {
        my $decoded = $class->decode($bytes);
        my $encoded = $decoded->encode;
        undef $decoded;
    } "$class, there and back";
}

my %limits = (name => 'n', task_id => {value => 't'}, slave_id => {value => 's'}, limits => {map { ($_ => {value => 1}) } qw(cpus mem)});
no_leaks_ok { my $decoded = Mesos::TaskInfo->decode(Mesos::TaskInfo->encode(\%limits), maps => 'hash') } 'a map, there and back';
# The first error of a process makes what all of them share.
eval { Mesos::TaskInfo->encode({}) };
no_leaks_ok { eval { Mesos::TaskInfo->encode({%limits, limits => {cpus => 'x'}}) } } 'a refused map';

no_leaks_ok { eval { Mesos::TaskInfo->decode("\x0a\x01x\x12\x02\x0a\x05") } } 'refused bytes';
no_leaks_ok { eval { Mesos::TaskInfo->encode({name => 'n', task_id => {value => 1}, slave_id => {}}) } } 'a refused value';
no_leaks_ok { eval { Mesos::TaskInfo->encode({name => 'n', task_id => 'x'}) } } 'a value of a wrong shape';

{
    package Leaking::Scalar;
    sub TIESCALAR { my ($class, $code) = @_; return bless {code => $code}, $class }
    sub FETCH { return $_[0]{code}->() }
}
tie my $dying, 'Leaking::Scalar', sub { die "no\n" };
tie my $inner, 'Leaking::Scalar', sub { Mesos::TaskID->encode({value => 'x'}) };
no_leaks_ok { eval { Mesos::Labels->encode({labels => [{key => 'k', value => $dying}]}) } } 'an exception in the walk';
no_leaks_ok { my $encoded = Mesos::Labels->encode({labels => [{key => 'k', value => $inner}]}) } 'an encoding in the walk';

my $selector = 'Mesos::Scheduler::AttributeConstraint::Selector';
my $warm = $selector->new({attribute_name => 'x'})->which_oneof('selector');
no_leaks_ok {
    my $object = $selector->new({attribute_name => 'x'});
    $object->pseudoattribute_type(1);
    my $name = $object->which_oneof('selector');
    my $value = $object->attribute_name;
    my $command = Mesos::CommandInfo->new;
    my $shell = $command->shell;
    $command->arguments(1, 2);
    $command->value('v');
    $command->value(undef);
    eval { Mesos::CommandInfo->value };
} 'objects';

done_testing;
