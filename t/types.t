use strict;
use warnings FATAL => 'all';
use Test::More;
use Mesos::Types qw(:all);
use Types::Standard qw(ArrayRef);

for my $name (qw(CommandInfo Credential ExecutorID ExecutorInfo Filters FrameworkInfo OfferID OperationStatus Request SlaveID TaskID TaskInfo TaskStatus)) {
    my $type = Mesos::Types->get_type($name);
    my $class = "Mesos::$name";
    ok $type->check($class->new), "$name accepts a $class";
    ok !$type->check($_), "$name refuses " . (defined $_ ? $_ : 'undef') for undef, 'x', {}, [], Mesos::Offer->new;
    my $hash = {unknown => {nested => 1}};
    my $coerced = $type->coerce($hash);
    is ref $coerced, $class, "$name coerces a hash";
    is ref $coerced->{unknown}, 'HASH', 'nested hashes stay plain';
    is ref $hash, 'HASH', 'the hash itself stays as it was';
    isa_ok $type->new({}), $class, "${name}->new";
}

subtest 'lists' => sub {
    my $type = ArrayRef[OfferID];
    my $given = [{value => 1}, Mesos::OfferID->new({value => 2})];
    my $coerced = $type->coerce($given);
    is_deeply [map { [ref, $_->{value}] } @$coerced], [['Mesos::OfferID', 1], ['Mesos::OfferID', 2]];
    is ref $given->[0], 'HASH';
};

subtest 'exported functions' => sub {
    ok is_TaskID(Mesos::TaskID->new);
    ok !is_TaskID({});
    isa_ok to_TaskID({value => 1}), 'Mesos::TaskID';
    ok !eval { assert_TaskID('x'); 1 };
    like $@, qr/Value "x" did not pass type constraint "TaskID" \(not isa Mesos::TaskID\)/;
};

subtest 'Dispatcher' => sub {
    isa_ok +Dispatcher->coerce('AnyEvent'), 'Mesos::Dispatcher::AnyEvent';
    isa_ok +Dispatcher->coerce('+Mesos::Dispatcher::Pipe'), 'Mesos::Dispatcher::Pipe';
    ok !eval { Dispatcher->coerce('Nope'); 1 };
    like $@, qr{Can't locate Mesos/Dispatcher/Nope\.pm};
};

done_testing;
