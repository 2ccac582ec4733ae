# What message and enum classes offer. The expectations are what Google::ProtocolBuffers 0.12 does with create_accessors.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Mesos::Messages;

my @warnings;
BEGIN { $SIG{__WARN__} = sub { push @warnings, @_ } }

subtest 'inheritance' => sub {
    my $id = Mesos::TaskID->new;
    isa_ok($id, $_) for qw(Mesos::TaskID Mesos::Message Google::ProtocolBuffers::Message Class::Accessor);
    ok(Mesos::TaskState->isa($_), "an enum is a $_") for qw(Mesos::Enum Google::ProtocolBuffers::Enum);
    ok(!$INC{'Google/ProtocolBuffers.pm'}, 'without loading Google::ProtocolBuffers');
    ok(!$INC{'Class/Accessor.pm'}, 'without loading Class::Accessor');
    ok(!Mesos::TaskID->can('no_such_method'), 'no such method');
    dies_like { Mesos::TaskID->no_such_method } qr/Can't locate object method "no_such_method"/;
};

subtest 'new' => sub {
    is_deeply(Mesos::TaskID->new, {}, 'nothing');
    is_deeply(Mesos::TaskID->new(undef), {}, 'undef');
    my $hash = {value => 'x', unknown => [1]};
    my $id = Mesos::TaskID->new($hash);
    is(ref $id, 'Mesos::TaskID');
    is_deeply({%$id}, $hash, 'a copy with unknown keys');
    isnt("$id", "$hash", 'not the hash itself');
    is($id->{unknown}, $hash->{unknown}, 'shallow');
    is(ref $id->new, 'Mesos::TaskID', 'as an object method');
    dies_like { Mesos::TaskID->new(value => 1) } qr/^Mesos::TaskID->new: expected a reference to a hash, got "value" at \Q$0\E line/;
    my $task = Mesos::TaskInfo->new({task_id => {value => 1}});
    is(ref $task->task_id, 'HASH', 'a nested hash stays one');
};

subtest 'accessors' => sub {
    my $task = Mesos::TaskInfo->new;
    is($task->name, undef, 'not set');
    $task->name('n');
    is($task->name, 'n');
    is($task->{name}, 'n');
    $task->name(undef);
    ok(!exists $task->{name}, 'undef deletes');
    $task->resources(1, 2, 3);
    is_deeply($task->{resources}, [1, 2, 3], 'several values are an array');
    $task->resources([4]);
    is_deeply($task->resources, [4]);
    my ($copy) = map { $_ .= 'changed'; $_ } Mesos::TaskID->new({value => 'v'})->value;    ## no critic (ProhibitMutatingListFunctions): that is the test
    my $id = Mesos::TaskID->new({value => 'v'});
    $_ .= '!' for $id->value;
    is($id->{value}, 'v', 'a value is a copy');
    ok(Mesos::TaskInfo->can('slave_id'), 'can slave_id');
    ok(!Mesos::TaskInfo->can('agent_id'), 'cannot agent_id');
    $task->_name_accessor("z");
    is($task->name, 'z', '_name_accessor is the accessor');
    dies_like { Mesos::TaskID->value } qr/^value is a method of a message object at \Q$0\E line \d+\.$/;
    my %tied_values;
    tie my %tied, 'Counting', \%tied_values;
    my $tied = bless \%tied, 'Mesos::TaskID';
    $tied->value('t');
    is($tied->value, 't', 'a tied object');
    is_deeply(\%tied_values, {value => 't'});
};

# Google::ProtocolBuffers' set ends with an assignment or a delete, and its accessors return what it returns.
subtest 'setters return what they set' => sub {
    my $task = Mesos::TaskInfo->new;
    my %set = (
        accessor => sub { my $name = shift; $task->$name(@_) },
        _accessor => sub { my $name = shift; my $accessor = "_$name\_accessor"; $task->$accessor(@_) },
        set => sub { $task->set(@_) },
    );
    for my $how (sort keys %set) {
        my $set = $set{$how};
        is_deeply([$set->(name => 'x')], ['x'], "$how: the value");
        is_deeply([$set->(name => '')], [''], 'also a false one');
        is_deeply([$set->(name => undef)], [''], 'of undef: what it deletes');
        is_deeply([$set->(name => undef)], [undef], 'or undef if that is nothing');
        my $list = $set->(resources => 1, 2);
        is_deeply($list, [1, 2], 'of several: the array');
        is($list, $task->{resources}, 'which is the very one');
        my $id = {value => 't'};
        is(scalar $set->(task_id => $id), $id, 'a reference is the same');
        (my $copy = $set->(name => 'n')) .= '!';
        is($task->{name}, 'n', 'a copy');
        $_ .= '!' for $set->(name => 'n');
        is($task->{name}, 'n', 'also where it is an alias');
    }
    my $selector = Mesos::Scheduler::AttributeConstraint::Selector->new;
    is($selector->attribute_name('x'), 'x', 'a member of a oneof');
    is($selector->set(pseudoattribute_type => 1), 1);
    tie my %tied, 'Counting', {};
    is(bless(\%tied, 'Mesos::TaskID')->value('t'), 't', 'a tied object');
};

subtest 'get and set' => sub {
    my $command = Mesos::CommandInfo->new({value => 'v'});
    is($command->get('value'), 'v');
    is($command->get('shell'), 1, 'a default');
    is_deeply([$command->get('value', 'shell', 'user')], ['v', 1, undef], 'several');
    no warnings 'Mesos';
    is($command->get('nonsense'), undef, 'no such field');
    $command->set(user => 'u');
    is($command->{user}, 'u');
    $command->set(user => undef);
    ok(!exists $command->{user});
    $command->set(arguments => 1, 2);
    is_deeply($command->{arguments}, [1, 2]);
    dies_like { $command->get } qr/^Wrong number of arguments received\./;
    dies_like { $command->set('user') } qr/^Wrong number of arguments received\./;
    my $resource = Mesos::Resource->new;
    dies_like { $resource->set } qr/^Wrong number of arguments received\./, 'the field called set has no accessor';
    $resource->_set_accessor({item => ['a']});
    is_deeply($resource->{set}, {item => ['a']}, 'but by its other name');
};

subtest 'defaults' => sub {
    my %defaults = (
        'Mesos::CommandInfo' => {shell => 1},
        'Mesos::CommandInfo::URI' => {extract => 1},
        'Mesos::HealthCheck' => {
            delay_seconds => 15, interval_seconds => 10, timeout_seconds => 20, consecutive_failures => 3, grace_period_seconds => 10,
        },
        'Mesos::HealthCheck::HTTP' => {path => '/'},
        'Mesos::MasterInfo' => {port => 5050},
        'Mesos::SlaveInfo' => {port => 5051, checkpoint => 0},
        'Mesos::FrameworkInfo' => {failover_timeout => 0, checkpoint => 0, role => '*'},
        'Mesos::Resource' => {role => '*'},
        'Mesos::Filters' => {refuse_seconds => 5},
        'Mesos::ContainerInfo::DockerInfo' => {network => 1, privileged => 0},
    );
    for my $class (sort keys %defaults) {
        is($class->new->$_, $defaults{$class}{$_}, "$class $_") for sort keys %{$defaults{$class}};
        is_deeply($class->new, {}, "$class: not in the hash");
    }
};

subtest 'oneofs' => sub {
    my $class = 'Mesos::Scheduler::AttributeConstraint::Selector';
    my $selector = $class->new({attribute_name => 'rack'});
    is($selector->which_oneof('selector'), 'attribute_name');
    $selector->pseudoattribute_type(1);
    is_deeply({%$selector}, {pseudoattribute_type => 1}, 'setting one deletes the others');
    is($selector->which_oneof('selector'), 'pseudoattribute_type');
    { no warnings 'Mesos'; is($selector->which_oneof('nonsense'), undef); }
    is($class->new->which_oneof('selector'), undef, 'none is set');
    $selector->set(attribute_name => 'x');
    is_deeply({%$selector}, {attribute_name => 'x'});
    is_deeply($class->new({attribute_name => undef, other => 1}), {attribute_name => undef, other => 1}, 'new keeps undef');
    is(scalar keys %{$class->new({attribute_name => 1, pseudoattribute_type => 1})}, 1, 'new keeps one of them');
};

subtest 'extensions' => sub {
    my $id = Mesos::TaskID->new;
    for my $call (sub { $id->getExtension('x::y') }, sub { $id->setExtension('x.y', 1) }, sub { Mesos::TaskID->getExtension({}, 'x.y') }) {
        dies_like { $call->() } qr/^There is no extension 'x\.y' in 'Mesos::TaskID' at \Q$0\E line \d+\.$/;
    }
    is_deeply([keys %{$id->getExtension}], ['value'], 'without a name: all fields');
};

subtest 'introspection' => sub {
    is_deeply(
        Mesos::Filters->_pb_fields_list,
        [[1, 1, 'refuse_seconds', 1, 5]],
    );
    my ($state) = grep { $_->[2] eq 'state' } @{Mesos::TaskStatus->_pb_fields_list};
    is_deeply($state, [2, 'Mesos::TaskState', 'state', 2, undef]);
    is(Mesos::TaskStatus->_pb_fields_by_name->{state}, $state, 'the same one by name');
    is(Mesos::TaskStatus->_pb_fields_by_number->{2}, $state, 'and by number');
    is(Mesos::TaskStatus->_pb_complex_type_kind, 1);
    is(Mesos::TaskState->_pb_complex_type_kind, 3);
    is_deeply(Mesos::Status->_pb_fields_list->[3], [DRIVER_STOPPED => 4]);
};

subtest 'enums' => sub {
    is(Mesos::TaskState::TASK_RUNNING(), 1);
    is(Mesos::TaskState->TASK_LOST, 5);
    is(Mesos::Status::DRIVER_STOPPED(), 4);
    is(Mesos::Value::Type::SCALAR(), 0);
    is(Mesos::TaskState::TASK_UNKNOWN(), 13);
    Mesos::TaskState->import('TASK_KILLED');
    is(main->can('TASK_KILLED')->(), 4, 'imported by name');
    Mesos::Status->import(':constants');
    is(main->can('DRIVER_ABORTED')->(), 3, 'imported by tag');
    dies_like { Mesos::Status->import('DRIVER_NONSENSE') } qr/DRIVER_NONSENSE/;
};

subtest 'getPerlCode' => sub {
    my $code = Mesos::MasterInfo->getPerlCode({create_accessors => 1}) . Mesos::Resource->getPerlCode . Mesos::Status->getPerlCode;
    ok(eval "sub { $code }", 'is Perl') or diag $@;
    plan skip_all => 'no Google::ProtocolBuffers' unless eval { require Google::ProtocolBuffers };
    $code =~ s/Mesos::(MasterInfo|Status)\b(?!::)/Copied::$1/g;
    eval "$code; 1" or diag $@;
    is_deeply(Copied::MasterInfo->_pb_fields_list, Mesos::MasterInfo->_pb_fields_list, 'makes the same message');
    is_deeply(Copied::Status->_pb_fields_list, Mesos::Status->_pb_fields_list, 'makes the same enum');
    is(Copied::MasterInfo->new->port, 5050);
    # Now that the real ones are loaded:
    is_deeply(Mesos::TaskID->decode(Mesos::TaskID->encode({value => 'x'})), {value => 'x'}, 'ours are still ours');
    ok(Copied::MasterInfo->isa('Google::ProtocolBuffers::Message'), 'theirs still work');
    is(Copied::MasterInfo->decode(Copied::MasterInfo->encode({id => 'i', ip => 1}))->port, 5050);
};

subtest 'subclasses' => sub {
    @My::TaskID::ISA = ('Mesos::TaskID');
    my $mine = My::TaskID->decode("\x0a\x01x");
    is(ref $mine, 'My::TaskID');
    is($mine->value, 'x');
    is($mine->encode, "\x0a\x01x");
};

subtest 'decoded objects are ordinary hashes' => sub {
    require Hash::Util;
    require Storable;
    my $bytes = Mesos::Label->encode({key => 'k', value => 'v'});
    for my $size (1, 2, 3, 7, 8, 9, 500) {
        my $label = Mesos::Label->decode($bytes);
        $label->{"extra$_"} = $_ for 1 .. $size;
        is(scalar keys %$label, $size + 2, "$size more keys");
        is(join(',', sort grep { !/^extra/ } keys %$label), 'key,value');
        is($label->{value} . $label->{"extra$size"}, "v$size");
        delete $label->{"extra$_"} for 1 .. $size;
        is($label->encode, $bytes, 'and as before without them');
    }
    my $label = Mesos::Label->decode($bytes);
    is_deeply(Storable::dclone($label), $label, 'dclone');
    Hash::Util::lock_ref_keys($label);
    dies_like { $label->{nonsense} = 1 } qr/disallowed key 'nonsense'/;
    Hash::Util::unlock_ref_keys($label);
    my $holes = Mesos::Label->decode($bytes);
    Hash::Util::lock_ref_keys($holes);
    delete $holes->{value};
    is($holes->encode, "\x0a\x01k", 'a deleted key of a locked hash is not there');
    my %copy = %$label;
    is_deeply(\%copy, {key => 'k', value => 'v'}, 'copied');
    $label->{key} .= 'more';
    is($label->{key}, 'kmore', 'a string can grow');
    my $string = Mesos::Label->decode($bytes)->{key};
    substr($string, 0, 0) = 'x' x 100;
    is(length $string, 101, 'so can its copy');
    %$label = ();
    is_deeply($label, {}, 'emptied');
    was_empty($_) for Mesos::Label->decode(''), Mesos::Labels->decode('');
};

sub was_empty {
    my ($object) = @_;
    is(scalar(%$object) ? 1 : 0, 0, 'empty is false');
    $object->{x} = 1;
    is_deeply([%$object], [x => 1]);
}

is_deeply(\@warnings, [], 'no warnings');

{
    package Counting;
    sub TIEHASH { my ($class, $values) = @_; return bless $values, $class }
    sub FETCH { return $_[0]{$_[1]} }
    sub STORE { $_[0]{$_[1]} = $_[2] }
    sub EXISTS { return exists $_[0]{$_[1]} }
    sub DELETE { return delete $_[0]{$_[1]} }
}

done_testing;
