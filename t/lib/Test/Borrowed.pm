package Test::Borrowed;

# Values that do something while they are looked at: whatever the test has put into $main::strike, once. And calls to put them into.

use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(aliases calls_of clear leaves place share status);

# What the hostile values do, once each.
sub strike {
    my $do = $main::strike or return;
    $main::strike = undef;
    $do->();
    # Takes the memory that was freed.
    my @over = map { 'Z' x (8 * $_) } 1 .. 150;
    return;
}

{
    package Borrowed::String;
    use overload '""' => sub { Test::Borrowed::strike(); ${$_[0]} }, fallback => 1;
    sub new { my ($class, $text) = @_; return bless \$text, $class }

    package Borrowed::Truth;
    use overload 'bool' => sub { Test::Borrowed::strike(); 1 }, '0+' => sub { Test::Borrowed::strike(); 1 }, fallback => 1;
    sub new { return bless [], $_[0] }

    # Answers with an object: perl looks at the first one again.
    package Borrowed::Truth::Deep;
    use overload 'bool' => sub { Test::Borrowed::strike(); Borrowed::Truth->new }, '0+' => sub { Test::Borrowed::strike(); Borrowed::Truth->new },
        fallback => 1;
    sub new { return bless [], $_[0] }

    package Borrowed::Scalar;
    sub TIESCALAR { my ($class, $value) = @_; return bless \$value, $class }
    sub FETCH { Test::Borrowed::strike(); return ${$_[0]} }
    sub STORE { }

    package Borrowed::Array;
    require Tie::Array;
    our @ISA = ('Tie::StdArray');
    sub TIEARRAY { my ($class, @items) = @_; return bless [@items], $class }
    sub FETCH { my $item = $_[0][$_[1]]; Test::Borrowed::strike(); return $item }

    package Borrowed::Hash;
    require Tie::Hash;
    our @ISA = ('Tie::StdHash');
    sub TIEHASH { my ($class, %items) = @_; return bless {%items}, $class }
    sub FETCH { my $item = $_[0]{$_[1]}; Test::Borrowed::strike(); return $item }

    package Borrowed::Destroyed;
    use overload '""' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, $text) = @_; return bless \$text, $class }
    sub DESTROY { Test::Borrowed::strike() }
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
    [killTask => '_xs_kill_task' => sub { (id('t'), {grace_period => {nanoseconds => 5}}) }],
    [acknowledgeStatusUpdate => '_xs_acknowledge' => sub { status() }],
    [sendFrameworkMessage => '_xs_send_framework_message' => sub { (id('e'), id('s'), $long) }],
    [reconcileTasks => '_xs_reconcile_tasks' => sub { [status(), status()] }],
    [acknowledgeOperationStatus => '_xs_acknowledge_operation' =>
            sub { {operation_id => id('o'), state => 1, message => $long, uuid => {value => 'u' x 16}, slave_id => id('s')} }],
    [reconcileOperations => '_xs_reconcile_operations' => sub { [{operation_id => id('o')}, {operation_id => id('p')}] }],
);
my @executor_calls = (
    [sendStatusUpdate => '_xs_send_status_update' => sub { status() }],
    [sendFrameworkMessage => '_xs_send_framework_message' => sub {$long}],
);
my @channel_calls = ([send => '_xs_send' => sub { ("event$long", 'String', [$long, "${long}2"], 'String', $long) }]);

# Those of a class.
sub calls_of {
    my ($class) = @_;
    my %of = ('Mesos::SchedulerDriver' => \@scheduler_calls, 'Mesos::ExecutorDriver' => \@executor_calls, 'Mesos::Channel' => \@channel_calls);
    return @{$of{$class}};
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

1;
