use strict;
use warnings FATAL => 'all';
use Test::More;
use Mesos::Channel;
use Mesos::Constraint;
use Mesos::Dispatcher::Pipe;
use Mesos::Scheduler;
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
    my $type = ArrayRef [OfferID];
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

# Drivers check with these, so that they need not load the types.
subtest 'constraints say what the types say' => sub {
    { package Text; use overload '""' => sub {'text'}, fallback => 1; sub new { bless [], shift } }
    { package Code; use overload '&{}' => sub { sub { } }; sub new { bless [], shift } }
    my @values = (
        undef, '', 0, '0', 1, -1, '07', '1.5', '-1.5', 1.5, 1e300, '1e3', ' 1', '1 ', "1\n", '1.', '.5', '-', 'inf', 'nan', '9' x 40, "\xe9",
        'x', \'x', [], {}, sub { }, qr/x/, \*STDOUT, *STDOUT, v1.2, Text->new, Code->new, Mesos::Channel->new, Mesos::TaskID->new,
        Mesos::Dispatcher::Pipe->new,
        Mesos::Scheduler->new, Mesos::Offer::Operation->new,
    );
    my %pairs = (
        (map { ($_ => [Mesos::Constraint->standard($_), Types::Standard->get_type($_)]) } qw(Str Int Num)),
        (map { ($_ => [Mesos::Constraint->named($_), Mesos::Types->get_type($_)]) } qw(TaskID OfferOperation Scheduler Channel Dispatcher)),
        'InstanceOf' => [Mesos::Constraint->instance_of('Mesos::Channel'), Types::Standard::InstanceOf(['Mesos::Channel'])],
        'CodeLike' => [Mesos::Constraint->code, Types::TypeTiny::CodeLike()],
    );
    for my $name (sort keys %pairs) {
        my ($ours, $theirs) = @{$pairs{$name}};
        is !!$ours->has_coercion, !!$theirs->has_coercion, "$name: has_coercion" if $ours->{class};
        my @wrong = grep { !$ours->check($_) ne !$theirs->check($_) } @values;
        is_deeply \@wrong, [], $name;
        # What a constraint accepts by itself, the type accepts.
        @wrong = grep { $ours->{accepts}->($_) && !$theirs->check($_) } @values;
        is_deeply \@wrong, [], "$name: no more than the type";
        cmp_ok scalar(grep { $ours->{accepts}->($_) } @values), '>=', 1, "$name: something";
    }
};

done_testing;
