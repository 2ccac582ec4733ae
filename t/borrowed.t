# Values that free their neighbours while a call looks at them: nothing of what a call has read may be read again once Perl code has
# run. Whatever went wrong shows as bytes of freed memory here, and for certain under valgrind (xt/borrowed_valgrind.t).

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Scalar::Util qw(reftype);
use Test::More;
use Mesos::Channel;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# What the hostile values do, once each.
our $strike;
sub strike {
    my $do = $strike or return;
    $strike = undef;
    $do->();
    # Takes the memory that was freed.
    my @over = map { 'Z' x (8 * $_) } 1 .. 150;
    return;
}

{
    package Borrowed::String;
    use overload '""' => sub { main::strike(); ${$_[0]} }, fallback => 1;
    sub new { my ($class, $text) = @_; return bless \$text, $class }

    package Borrowed::Truth;
    use overload 'bool' => sub { main::strike(); 1 }, '0+' => sub { main::strike(); 1 }, fallback => 1;
    sub new { return bless [], $_[0] }

    # Answers with an object: perl looks at the first one again.
    package Borrowed::Truth::Deep;
    use overload 'bool' => sub { main::strike(); Borrowed::Truth->new }, '0+' => sub { main::strike(); Borrowed::Truth->new },
        fallback => 1;
    sub new { return bless [], $_[0] }

    package Borrowed::Scalar;
    sub TIESCALAR { my ($class, $value) = @_; return bless \$value, $class }
    sub FETCH { main::strike(); return ${$_[0]} }
    sub STORE { }

    package Borrowed::Array;
    require Tie::Array;
    our @ISA = ('Tie::StdArray');
    sub TIEARRAY { my ($class, @items) = @_; return bless [@items], $class }
    sub FETCH { my $item = $_[0][$_[1]]; main::strike(); return $item }

    package Borrowed::Hash;
    require Tie::Hash;
    our @ISA = ('Tie::StdHash');
    sub TIEHASH { my ($class, %items) = @_; return bless {%items}, $class }
    sub FETCH { my $item = $_[0]{$_[1]}; main::strike(); return $item }

    package Borrowed::Destroyed;
    use overload '""' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, $text) = @_; return bless \$text, $class }
    sub DESTROY { main::strike() }
}

# Empties everything that a value leads to.
sub clear {
    my ($value) = @_;
    if (ref $value eq 'ARRAY') {
        my @parts = @$value;
        @$value = ();
        clear($_) for @parts;
    } elsif (ref $value eq 'HASH') {
        my @parts = values %$value;
        %$value = ();
        clear($_) for @parts;
    }
    return;
}

# [container, key or index] of all plain strings below.
sub leaves {
    my ($value) = @_;
    my @keys = ref $value eq 'ARRAY' ? 0 .. $#$value : sort keys %$value;
    return map {
        my $part = ref $value eq 'ARRAY' ? $value->[$_] : $value->{$_};
        ref $part ? leaves($part) : [$value, $_];
    } @keys;
}

sub place {
    my ($container, $at, $kind) = @_;
    my $slot = ref $container eq 'ARRAY' ? \$container->[$at] : \$container->{$at};
    my $text = $$slot;
    if ($kind eq 'tied') { tie $$slot, 'Borrowed::Scalar', $text }
    # A whole list or message, whose values strike when they are fetched.
    elsif ($kind eq 'tied-list') {
        if (ref $container eq 'ARRAY') { my @copy = @$container; tie @$container, 'Borrowed::Array', @copy }
        else { my %copy = %$container; tie %$container, 'Borrowed::Hash', %copy }
    }
    else { $$slot = ($kind eq 'overloaded' ? 'Borrowed::String' : 'Borrowed::Destroyed')->new($text) }
    return;
}

# The calls: a method, its name in C, and arguments whose strings are long enough to have memory of their own.
my $long = 'r' x 200;
sub id { return {value => "$long$_[0]"} }
sub resource { return {name => "$long.cpus", type => 0, scalar => {value => 1}} }
sub task { return {name => $long, task_id => id('t'), slave_id => id('s'), resources => [resource(), resource()]} }
sub status { return {task_id => id('t'), state => 1, message => $long, uuid => 'u' x 16, slave_id => id('s')} }

my @scheduler_calls = (
    [requestResources => '_xs_request_resources' => sub { [{slave_id => id('s'), resources => [resource()]}, {slave_id => id('u')}] }],
    [launchTasks => '_xs_launch_tasks' => sub { ([id(1), id(2)], [task(), task()], {refuse_seconds => 1}) }],
    [acceptOffers => '_xs_accept_offers' =>
            sub { ([id(1), id(2)], [{type => 1, launch => {task_infos => [task()]}}, {type => 1}], {refuse_seconds => 1}) }],
    [declineOffer => '_xs_decline_offer' => sub { (id(1), {refuse_seconds => 1}) }],
    [reviveOffers => '_xs_revive_offers' => sub { ["${long}1", "${long}2", "${long}3"] }],
    [suppressOffers => '_xs_suppress_offers' => sub { ["${long}1", "${long}2", "${long}3"] }],
    [updateFramework => '_xs_update_framework' =>
            sub { ({user => 'u', name => $long, id => {value => 'framework'}, roles => [$long, "${long}2"]}, ["${long}1", "${long}2"]) }],
    [acceptInverseOffers => '_xs_accept_inverse_offers' => sub { ([id(1), id(2)], {refuse_seconds => 1}) }],
    [declineInverseOffers => '_xs_decline_inverse_offers' => sub { ([id(1), id(2)], {refuse_seconds => 1}) }],
    [shutdownExecutor => '_xs_shutdown_executor' => sub { (id('e'), id('s')) }],
    [killTask => '_xs_kill_task' => sub { id('t') }],
    [acknowledgeStatusUpdate => '_xs_acknowledge' => sub { status() }],
    [sendFrameworkMessage => '_xs_send_framework_message' => sub { (id('e'), id('s'), $long) }],
    [reconcileTasks => '_xs_reconcile_tasks' => sub { [status(), status()] }],
    [acknowledgeOperationStatusUpdate => '_xs_acknowledge_operation' =>
            sub { {operation_id => id('o'), state => 1, message => $long, uuid => {value => 'u' x 16}, slave_id => id('s')} }],
    [reconcileOperations => '_xs_reconcile_operations' => sub { [{operation_id => id('o')}, {operation_id => id('p')}] }],
);
my @executor_calls = (
    [sendStatusUpdate => '_xs_send_status_update' => sub { status() }],
    [sendFrameworkMessage => '_xs_send_framework_message' => sub {$long}],
);
my @channel_calls = ([send => '_xs_send' => sub { ("event$long", 'String', [$long, "${long}2"], 'String', $long) }]);

sub scheduler_driver {
    my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', scheduler => Mesos::Scheduler->new,
        framework => {user => 'u', name => 'n', id => {value => 'framework'}});
    $driver->start;
    return $driver;
}

# An array of the values themselves. To copy them would be to look at them: that strikes in the middle of perl's own list assignment,
# which reads freed memory then, and crashes Perl 5.40, without any module:
#     @list = (1, 2); tie $list[0], 'Class whose FETCH does @list = ()'; @copy = @list;
sub aliases { return \@_ }

# Calls code with an array as its @_: no copies are made, and the array holds all that there is.
sub share {
    my ($stack, $code) = @_;
    local *_ = $stack;
    return &$code;
}

# Each call with a hostile value in the place of each string; it frees all arguments, or also the object that is called.
sub attack {
    my ($make, @calls) = @_;
    for my $call (@calls) {
        my ($public, $private, $arguments) = @$call;
        my ($object, $struck, $calls, @leaked, @odd) = ($make->(), 0, 0);
        for my $method (grep { $object->can($_) } $public, $private) {
            my $count = () = leaves([$arguments->()]);
            for my $kind (qw(overloaded tied destroyed tied-list)) {
                # With & an XSUB gets the elements of its caller's @_, which nobody counts, and which the caller can empty meanwhile.
                for my $i (map { ($_) x ($method eq $private ? 2 : 1) } 0 .. $count - 1) {
                    my $shared = $method eq $private && !($calls++ % 2);
                    my $args = [$arguments->()];
                    my @place = @{(leaves($args))[$i]};
                    # The last one of each kind takes the object's handle, too.
                    my $close = $i == $count - 1 && $method eq $private;
                    place(@place, $kind);
                    undef @place;
                    my $stack = $shared ? aliases(@{[$object]}, @$args) : [];
                    # The array must hold the only references.
                    @$args = () if $shared;
                    local $strike = sub { $struck++; clear($args); @$stack = (); $object->_xs_free if $close };
                    local $SIG{__WARN__} = sub { };
                    # A sub in Perl that copies @_ is perl's own business, which holds nothing of it: only XSUBs get along without this.
                    my @held = $method eq $public && $public ne $private ? map { \$_ } @$args : ();
                    eval { $shared ? share($stack, $object->can($method)) : $object->$method(@$args); 1 } or do {
                        push @leaked, $@ if $@ =~ /ZZZZ/;
                        # The call goes on with what it was given, its object too.
                        push @odd, $@ if $@ !~ / line \d+\.$/ || $shared && !$close && $@ =~ /^expected an (?:object|array)/;
                    };
                    $strike = undef;
                    $object = $make->() if $close;
                }
            }
        }
        cmp_ok $struck, '>', 0, "$public: values were freed while it looked at them";
        is_deeply [@leaked, @odd], [], 'and nothing of freed memory is in a text';
    }
    return;
}

subtest 'a scheduler driver' => sub { attack(\&scheduler_driver, @scheduler_calls) };
subtest 'an executor driver' => sub { attack(sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new) }, @executor_calls) };
subtest 'a channel' => sub { attack(sub { Mesos::Channel->new }, @channel_calls) };

# Truths and numbers, which a signature could convert before anything is held.
subtest 'what is not text' => sub {
    my (@stack, $struck);
    my $free = sub { $struck++; @stack = (); push @stack, map { 'Z' x 20 } 1 .. 300; @stack = () };
    for my $class ('Borrowed::Truth', 'Borrowed::Truth::Deep') {
        for my $case (
            [stop => scheduler_driver(), \&Mesos::SchedulerDriver::_xs_stop],
            [dispatch => scheduler_driver()->dispatcher, \&Mesos::Dispatcher::_dispatch_batch],
        ) {
            my ($name, $object, $code) = @$case;
            local $strike = $free;
            $struck = 0;
            @stack = ($object, $class->new);
            ok eval { share(\@stack, $code); 1 }, "$name: $class" or diag $@;
            is $struck, 1;
        }
        for my $name (qw(implicit_acknowledgements master_timeout reconcile_on_registration max_unanswered_calls max_queued_calls)) {
            my %options = (master => '127.0.0.1:1', framework => {user => 'u', name => 'n'}, driver => '', helper => '',
                executor_environment => [], master_timeout => 0, map({ ($_ => 5) } qw(max_unanswered_calls max_queued_calls)), $name => $class->new);
            local $strike = sub { $struck++; delete $options{$name}; $options{$_} = 'Z' x 20 for 1 .. 300; delete @options{1 .. 300} };
            $struck = 0;
            ok eval { bless({}, 'Mesos::SchedulerDriver')->_xs_init(Mesos::Channel->new, \%options); 1 }, "new: $name: $class" or diag $@;
            is $struck, 1;
        }
    }
};

subtest 'what was read stays what it was' => sub {
    my $channel = Mesos::Channel->new;
    my @list = ('a' x 1000, Borrowed::String->new('b' x 1000));
    local $strike = sub { @list = () };
    $channel->_xs_send('name', 'String', \@list, 'String', 'c');
    is_deeply [$channel->recv], ['name', ['a' x 1000, 'b' x 1000], 'c'], 'the elements of a list';

    my $driver = scheduler_driver();
    my @roles = ('r' x 1000);
    local $strike = sub { @roles = () };
    eval { $driver->updateFramework({user => 'u', id => {value => 'framework'}, name => Borrowed::String->new('n')}, \@roles) };
    unlike $@, qr/ZZ|r{9}/, 'roles that an overloaded name frees';
    $driver->stop;
};

subtest 'messages called with &' => sub {
    my $bytes = Mesos::TaskStatus->encode(status());
    for my $kind ('Borrowed::String', 'Borrowed::Destroyed') {
        for my $call (
            [decode => sub { ('Mesos::TaskStatus', $kind->new($bytes)) }],
            [decode => sub { ('Mesos::TaskStatus', $bytes, unblessed => $kind->new('1'), enum_names => 1) }],
            [decode => sub { ($kind->new('Mesos::TaskStatus'), $bytes, maps => 'hash') }],
            [encode => sub { (Mesos::TaskStatus->new({%{status()}, message => $kind->new($long)})) }],
            [encode => sub { ('Mesos::TaskStatus', {%{status()}, message => $kind->new($long)}, $kind->new('enum_names'), 1) }],
            [message => sub { (Mesos::TaskStatus->new({message => $kind->new($long)}), "${long}1") }],
            [message => sub { (Mesos::TaskStatus->new({message => $kind->new($long)}), $kind->new($long), "${long}1") }],
            [message => sub { (Mesos::TaskStatus->new({message => $kind->new($long)}), undef) }],
        ) {
            my ($method, $arguments) = @$call;
            my $stack = aliases($arguments->());
            local $strike = sub { @$stack = () };
            my @result = eval { share($stack, Mesos::TaskStatus->can($method)) };
            $strike = undef;
            no warnings 'uninitialized';
            my $text = join ' ', $@, map { (reftype($_) || '') eq 'HASH' ? $_->{message} : $_ } @result;
            unlike $text, qr/ZZZZ/, "$kind, $method";
        }
    }
};

subtest 'messages' => sub {
    my $bytes = Mesos::TaskStatus->encode(status());
    my $message = Mesos::TaskStatus->new(status());
    my $holder = {message => $message};
    undef $message;
    $holder->{message}{message} = Borrowed::Destroyed->new('x');
    { local $strike = sub { %$holder = () }; $holder->{message}->message('y' x 100); }
    is_deeply $holder, {}, 'an accessor whose old value drops the message';

    my @classes = ('Mesos::TaskStatus');
    tie my $input, 'Borrowed::Scalar', $bytes;
    local $strike = sub { @classes = () };
    is eval { Mesos::Message::_decode($classes[0], $input)->{message} }, $long, 'bytes that free the name of their class';

    my @inputs = ($bytes);
    tie my $option, 'Borrowed::Scalar', 1;
    local $strike = sub { @inputs = () };
    is eval { Mesos::TaskStatus->decode($inputs[0], unblessed => $option)->{message} }, $long, 'an option that frees the bytes';

    my @values = (status());
    local $strike = sub { @values = () };
    $values[0]{message} = Borrowed::String->new('m' x 100);
    is(Mesos::TaskStatus->decode(Mesos::TaskStatus->encode($values[0]))->{message}, 'm' x 100, 'a string that frees its message');
};

done_testing;
