# The codec's options, texts for people, and names of enum values.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Values qw(dies_like);
use Mesos::Messages;
no warnings 'Mesos';    # unknown fields are in here on purpose

my $AT = qr/ at \Q$0\E line \d+\.\n\z/;

my $offer = {
    id => {value => 'o'}, framework_id => {value => 'f'}, slave_id => {value => 's'}, hostname => 'h',
    resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 2}}, {name => 'p', type => Mesos::Value::Type::RANGES}],
};
my $bytes = Mesos::Offer->encode($offer);

subtest unblessed => sub {
    my $plain = Mesos::Offer->decode($bytes, unblessed => 1);
    is(ref $plain, 'HASH');
    is(ref $plain->{id}, 'HASH');
    is(ref $plain->{resources}[0]{scalar}, 'HASH');
    is_deeply($plain, $offer);
    is(Mesos::Offer->encode($plain), $bytes, 'and back');
    is(ref Mesos::Offer->decode($bytes, unblessed => 0), 'Mesos::Offer', 'off');
    is(ref Mesos::Offer->decode($bytes)->{id}, 'Mesos::OfferID', 'only where it is given');
    # Scattered values take the decoder's other path.
    my $scattered = Mesos::Offer->decode($bytes . Mesos::Offer->encode($offer), unblessed => 1);
    is(scalar @{$scattered->{resources}}, 4);
    is(ref $scattered->{resources}[3], 'HASH');
    @My::Offer::ISA = ('Mesos::Offer');
    is(ref My::Offer->decode($bytes, unblessed => 1), 'HASH', 'of a subclass');
    is(ref My::Offer->decode($bytes), 'My::Offer');
};

subtest 'enum names' => sub {
    my $named = Mesos::Offer->decode($bytes, enum_names => 1);
    is(ref $named, 'Mesos::Offer');
    is_deeply([map { $_->{type} } @{$named->{resources}}], [qw(SCALAR RANGES)]);
    is($named->encode(enum_names => 1), $bytes, 'as a method of an object');
    is(Mesos::Offer->encode({%$named}, enum_names => 1), $bytes, 'as a method of the class');
    dies_like { $named->encode } qr/^Mesos::Offer\.resources\[0\]\.type: expected a number \(a constant of Mesos::Value::Type\), got "SCALAR"$AT/, 'not without the option';
    dies_like { Mesos::Resource->encode({name => 'x', type => 'SCALER'}, enum_names => 1) }
    qr/^Mesos::Resource\.type: expected a number \(a constant of Mesos::Value::Type\), got "SCALER"$AT/, 'no such name';
    dies_like { Mesos::TaskID->encode({value => 1, state => 'SCALAR'}, enum_names => 1); Mesos::Port->encode({number => 'SCALAR'}, enum_names => 1) }
    qr/^Mesos::Port\.number: expected a number, got "SCALAR"$AT/, 'a number is no enum';
    my $mixed = Mesos::Offer->encode({%$offer, resources => [{name => 'a', type => '0'}, {name => 'b', type => 'SET'}]}, enum_names => 1);
    is_deeply([map { $_->{type} } @{Mesos::Offer->decode($mixed)->{resources}}], [0, 2], 'numbers are taken as well');
    is(Mesos::Resource->decode("\x10\x63", enum_names => 1)->{type}, 99, 'a number without a name stays one');
    is(Mesos::TaskStatus->decode(Mesos::TaskStatus->encode({task_id => {value => 't'}, state => 1}), enum_names => 1)->{state}, 'TASK_RUNNING');
    my $packed = Mesos::FrameworkInfo::Capability->encode({type => 'GPU_RESOURCES'}, enum_names => 1);
    is(Mesos::FrameworkInfo::Capability->decode($packed)->{type}, Mesos::FrameworkInfo::Capability::Type::GPU_RESOURCES());
    my ($class, $field) = repeated_enum();
    my $list = $class->encode({$field->[2] => [map { $_->[0] } @{$field->[1]->_pb_fields_list}]}, enum_names => 1);
    is_deeply($class->decode($list, enum_names => 1)->{$field->[2]}, [map { $_->[0] } @{$field->[1]->_pb_fields_list}], "a list of $field->[1]");
    is_deeply($class->decode($list)->{$field->[2]}, [map { $_->[1] } @{$field->[1]->_pb_fields_list}]);
};

# Some class with a repeated enum and no required fields.
sub repeated_enum {
    for my $class (Mesos::Messages::classes()) {
        my @fields = @{$class->_pb_fields_list};
        next if grep { $_->[0] == 2 } @fields;
        for my $field (@fields) {
            return ($class, $field) if $field->[0] == 3 && $field->[1] !~ /^\d/ && $field->[1]->_pb_complex_type_kind == 3;
        }
    }
    die 'no class has a repeated enum';
}

subtest 'unknown fields' => sub {
    my $unknown = "\x0a\x01o\x88\x01\x05";    # field 17, 5
    is(Mesos::OfferID->decode($unknown)->{value}, 'o', 'are skipped');
    dies_like { Mesos::OfferID->decode($unknown, reject_unknown => 1) }
    qr/^Mesos::OfferID: message is incomplete or invalid: its field 17 is unknown, or of another type \(at byte 3\)$AT/;
    is(Mesos::OfferID->decode($unknown)->{value}, 'o', 'are skipped again');
    dies_like { Mesos::OfferID->decode("\x08\x01", reject_unknown => 1) } qr/its field 1 is unknown, or of another type \(at byte 0\)/, 'another type';
    dies_like { Mesos::Offer->decode("\x0a\x06$unknown", reject_unknown => 1) } qr/^Mesos::Offer\.id: .* its field 17 is unknown/, 'inside';
    # Field 5 (resources), 4 (hostname), 5: the other path.
    dies_like { Mesos::Offer->decode("\x2a\x00\x22\x00\x2a\x00\x98\x06\x01", reject_unknown => 1) } qr/its field 99 is unknown/, 'scattered';
    is(Mesos::Offer->decode($bytes, reject_unknown => 1)->{hostname}, 'h', 'nothing unknown');
    dies_like { Mesos::TaskID->decode("\x0a", reject_unknown => 1) } qr/it is truncated \(at byte 0\)/, 'other errors are themselves';

    is(Mesos::OfferID->encode({value => 'o', valeu => 1}), "\x0a\x01o", 'unknown keys are ignored');
    dies_like { Mesos::OfferID->encode({value => 'o', valeu => 1, zalue => 1}, reject_unknown => 1) } qr/^Mesos::OfferID: there is no field "valeu"$AT/;
    my $typo = {%$offer, resources => [$offer->{resources}[0], {name => 'x', type => 0, scalr => {}}]};
    dies_like { Mesos::Offer->new($typo)->encode(reject_unknown => 1) } qr/^Mesos::Offer\.resources\[1\]: there is no field "scalr"$AT/, 'with its path';
    is(Mesos::Offer->encode($offer, reject_unknown => 1), $bytes, 'nothing unknown');
    is(Mesos::Labels->encode({}, reject_unknown => 1), '', 'nothing at all');
    tie my %tied, 'Tied', value => 'o', other => 2;
    dies_like { Mesos::OfferID->encode(\%tied, reject_unknown => 1) } qr/there is no field "other"/, 'a tied hash';
    delete $tied{other};
    is(Mesos::OfferID->encode(\%tied, reject_unknown => 1), "\x0a\x01o");
    my %each = (value => 'o', a => 1);
    my @seen;
    while (my ($key) = each %each) {
        push @seen, $key;
        eval { Mesos::OfferID->encode(\%each, reject_unknown => 1) };
        die 'endless' if @seen > 2;
    }
    is(@seen, 2, 'does not disturb an each');
};

subtest together => sub {
    my $all = Mesos::Offer->decode($bytes, unblessed => 1, enum_names => 1, reject_unknown => 1);
    is(ref $all, 'HASH');
    is($all->{resources}[0]{type}, 'SCALAR');
    is(Mesos::Offer->encode($all, enum_names => 1, reject_unknown => 1), $bytes);
};

subtest 'wrong calls' => sub {
    dies_like { Mesos::TaskID->decode({value => 't'}) } qr/^Mesos::TaskID->decode: input is a reference \(HASH\): expected the bytes of a message$AT/;
    dies_like { Mesos::TaskID->decode(Mesos::TaskID->new({value => 't'})) } qr/^Mesos::TaskID->decode: input is a reference \(Mesos::TaskID\): expected the bytes of a message$AT/;
    dies_like { Mesos::TaskID->decode_json({value => 't'}) } qr/^Mesos::TaskID: not JSON: it is a reference \(HASH\), not a text$AT/;
    dies_like { Mesos::TaskID->decode(undef) } qr/^Mesos::TaskID->decode: input is undefined: expected the bytes of a message$AT/;
    dies_like { Mesos::TaskID->decode } qr/^Usage: Mesos::TaskID->decode\(\$bytes, %options\)$AT/;
    dies_like { Mesos::TaskID->decode('', 'unblessed') } qr/^decode: options are pairs of a name and a value$AT/;
    dies_like { Mesos::TaskID->decode('', unbless => 1) } qr/^decode: there is no option "unbless"$AT/;
    dies_like { Mesos::TaskID->encode({value => 1}, unblessed => 1) } qr/^encode: there is no option "unblessed"$AT/;
    dies_like { Mesos::TaskID->new(value => 1) } qr/^Mesos::TaskID->new: expected a reference to a hash, got "value"$AT/;
    dies_like { Mesos::Offer->new([]) } qr/^Mesos::Offer->new: expected a reference to a hash, got a reference to ARRAY\(0x\w+\)$AT/;
    is(Mesos::TaskID->new(Mesos::TaskID->new({value => 'x'}))->{value}, 'x', 'an object is a hash');
    is(Mesos::TaskID->new(Hashlike->new(value => 'y'))->{value}, 'y', 'what is overloaded to be one as well');
};

subtest 'is_terminal' => sub {
    my %over = (
        'Mesos::TaskState' => [qw(TASK_DROPPED TASK_ERROR TASK_FAILED TASK_FINISHED TASK_GONE TASK_GONE_BY_OPERATOR TASK_KILLED TASK_LOST)],
        'Mesos::OperationState' => [qw(OPERATION_DROPPED OPERATION_ERROR OPERATION_FAILED OPERATION_FINISHED OPERATION_GONE_BY_OPERATOR)],
    );
    for my $enum (sort keys %over) {
        my %number = map {@$_} @{$enum->_pb_fields_list};
        is_deeply([sort grep { $enum->is_terminal($number{$_}) } keys %number], $over{$enum}, "$enum: numbers");
        is_deeply([sort grep { $enum->is_terminal($_) } keys %number, 'TASK_FUNNY', 'is_terminal', ''], $over{$enum}, 'names');
    }
    ok(!Mesos::OperationState->is_terminal('TASK_FINISHED'), 'of another enum');
    ok(!Mesos::TaskState->is_terminal($_), 'no state') for undef, 99, '';
    ok(!Mesos::Value::Type->can('is_terminal'), 'other enums have none');
};

subtest 'name_of' => sub {
    is(Mesos::TaskState->name_of(1), 'TASK_RUNNING');
    is(Mesos::TaskState->name_of(Mesos::TaskState::TASK_LOST), 'TASK_LOST');
    is(Mesos::TaskState->name_of(99), undef);
    is(Mesos::TaskState->name_of(undef), undef);
    for my $enum (Mesos::Messages::enums()) {
        my %first;
        $first{$_->[1]} ||= $_->[0] for @{$enum->_pb_fields_list};
        is_deeply({map { ($_ => $enum->name_of($_)) } keys %first}, \%first, $enum);
    }
};

subtest dump => sub {
    my $task = Mesos::TaskInfo->new({
            name => "caf\xc3\xa9 \"x\"\n\\", task_id => {value => 't-1'}, slave_id => {value => 's'}, data => "\0\xff1",
            resources => [{name => 'cpus', type => 0, scalar => {value => 0.5}}, {name => 'x', type => 77}],
            command => {shell => 0}, labels => {}, extra => 1,
    });
    is($task->dump, <<'END', 'all kinds of values');
name: "caf\303\251 \"x\"\n\\"
task_id {
  value: "t-1"
}
slave_id {
  value: "s"
}
resources {
  name: "cpus"
  type: SCALAR
  scalar {
    value: 0.5
  }
}
resources {
  name: "x"
  type: 77
}
data: "\000\3771"
command {
  shell: false
}
labels {}
# not a field: "extra"
END
    is(Mesos::Labels->new->dump, '', 'nothing');
    is(Mesos::TaskID->new({value => "\x{20ac}"})->dump, qq(value: "\\342\\202\\254"\n), 'characters as UTF-8');
    is(Mesos::TaskID->new({value => ['a', 'b']})->dump, qq(value: "b"\n), 'a list for a single field');
    is(Mesos::Value::Scalar->new({value => 9**9**9})->dump, "value: inf\n");
    is(Mesos::Value::Scalar->new({value => -9**9**9})->dump, "value: -inf\n");
    like(Mesos::TaskInfo->new({task_id => 'x', resources => [undef]})->dump, qr/\Atask_id: # not a message: "x"\nresources: # undefined\n\z/, 'what is wrong');
    my $circle = Mesos::ContainerID->new({value => 'c'});
    $circle->{parent} = $circle;
    dies_like { $circle->dump } qr/\AMesos::ContainerID\.parent(?:\.parent){9} \.\.\.: nested more than 100 messages deep, or in a circle at \Q$0\E line/, 'ends';
    delete $circle->{parent};
};

done_testing;
