# Every function that the module has in C, and every public method above them, with random arguments that change while they are looked at:
# overloaded, tied, destroyed. They free all arguments, close the object that is called, call it again, or die. Nothing of freed memory may be
# in what comes of it; xt/borrowed_valgrind.t sees each access. t/borrowed.t does the same in order, for each string of each call.
#
# MESOS_TEST_ROUNDS=100000 goes on for longer; MESOS_TEST_SEED=7 begins elsewhere; MESOS_TEST_SHOW=1 says what is called. A round follows from
# its number, so MESOS_TEST_SEED=NUMBER MESOS_TEST_ROUNDS=1 repeats it.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl' }
use B ();
use Scalar::Util qw(blessed);
use Test::Borrowed qw(aliases calls_of clear leaves place share status);
use Test::More;
use Mesos::Async;
use Mesos::Dispatcher::AnyEvent;
use Mesos::Error;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Offers;
use Mesos::Resources;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
use Mesos::Stats ();
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

alarm 3600;
our $strike;
my $from = $ENV{MESOS_TEST_SEED} || 1;
my $rounds = $ENV{MESOS_TEST_ROUNDS} || 3000;
local $SIG{__WARN__} = sub { };

{
    # What events lead to: methods of a handler, and a class of the program's own that is decoded.
    package Striking;
    our @ISA = ('Mesos::Scheduler');
    sub statusUpdate { Test::Borrowed::strike(); return Borrowed::Truth->new }
    sub frameworkMessage { Test::Borrowed::strike(); die Borrowed::Truth->new }

    package Foreign;
    sub new { my ($class, $text) = @_; return bless \$text, $class }
    sub encode { return ${$_[0]} }
    sub decode { my ($class, $bytes) = @_; Test::Borrowed::strike(); return $class->new($bytes) }
}
# Two events of which one is a status, with arguments of each kind.
sub with_events {
    my ($object, $channel) = @_;
    my $status = Mesos::TaskStatus->new({task_id => {value => 't'}, state => 1, message => 'r' x 200});
    $channel->send(one_of(qw(statusUpdate frameworkMessage disconnected unheard_of)), $status, Foreign->new('r' x 200), ['r' x 200, 's'], [$status, $status]) for 1, 2;
    return $object;
}

my @offers = map { {id => {value => $_}, framework_id => {value => 'f'}, slave_id => {value => 's'}, hostname => 'h', resources => Mesos::Resources->new('cpus:4')->list} } 'o', 'p';
my %make;
%make = (
    'Mesos::Channel' => sub { my $channel = Mesos::Channel->new; with_events($channel, $channel) },
    'Mesos::Dispatcher' => sub { my $dispatcher = Mesos::Dispatcher::AnyEvent->new; with_events($dispatcher, $dispatcher) },
    'Mesos::SchedulerDriver' => sub {
        my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', scheduler => Striking->new, framework => {user => 'u', name => 'n', id => {value => 'f'}});
        $driver->start;
        return with_events($driver, $driver->dispatcher);
    },
    # A dispatcher whose loop calls it.
    'Mesos::Dispatcher::AnyEvent' => sub { state @kept; push @kept, $make{'Mesos::SchedulerDriver'}->(); shift @kept if @kept > 3; $kept[-1]->dispatcher },
    'Mesos::ExecutorDriver' => sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new) },
    'Mesos::TaskStatus' => sub { Mesos::TaskStatus->new({task_id => {value => 't'}, state => 1}) },
    # What of it C keeps: messages in messages, lists, maps, a oneof.
    'Mesos::TaskInfo' => sub { Mesos::TaskInfo->new({name => 't', slave_id => {value => 's'}, resources => [{name => 'cpus', type => 0, scalar => {value => 1}}]}) },
    'Mesos::FrameworkInfo' => sub { Mesos::FrameworkInfo->new({name => 'f', user => 'u', roles => ['r', 's'], offer_filters => {r => {}}}) },
    'Mesos::Scheduler::AttributeConstraint::Selector' => sub { Mesos::Scheduler::AttributeConstraint::Selector->new({attribute_name => 'r' x 200}) },
    'Mesos::Resources' => sub { Mesos::Resources->new('cpus:4;mem:64') },
    'Mesos::Async' => sub {
        my $driver = Mesos::Async->new(master => '127.0.0.1:1', framework => {user => 'u', name => 'n', id => {value => 'f'}});
        $driver->start;
        return $driver;
    },
    'Mesos::Offers' => sub { Mesos::Offers->new(\@offers) },
    'Mesos::Offers::Plan' => sub { Mesos::Offers->new(\@offers)->place([{task_id => {value => 't'}, name => 't', resources => 'cpus:1'}]) },
    'Mesos::Error' => sub { Mesos::Error->new(text => 'r' x 200, code => 'error') },
    'Mesos::XS' => sub { $make{one_of(qw(Mesos::SchedulerDriver Mesos::ExecutorDriver))}->() },
    # These have no objects.
    map({ my $class = $_; ($class => sub {$class}) } qw(Mesos Mesos::Messages Mesos::Stats Mesos::TaskState)),
);

# Those that wait for what does not come here, and those that are told addresses, or make what is made once in a process.
my $never = qr/^(?:start|run|run_once|join|wait|serve|run_until|interrupt_wait|bootstrap|CLONE|_define_classes|_log_init|_xs_init_interrupt|import|meta)\z/;

sub is_ours_in_c { my ($code) = @_; return $code->XSUB && $code->FILE =~ m{\b(?:Mesos|message\w*)\.(?:c|xs|xsi)\z|Message\.xsi\z} }

# [name, code, is it in C, the class of its object]
sub functions {
    my %found;
    for my $class (sort keys %make, 'Mesos::XS', 'Mesos::Message', 'Mesos::Role::HasDispatcher') {
        no strict 'refs';
        for my $package (grep {/^Mesos\b/} @{mro::get_linear_isa($class)}) {
            for my $name (keys %{"${package}::"}) {
                my $code = $name !~ $never && *{"${package}::$name"}{CODE} or next;
                my $of = B::svref_2object($code);
                next if $of->GV->STASH->NAME !~ /^Mesos\b/ || $of->CvFLAGS & B::CVf_CONST;
                my $is_ours_in_c = is_ours_in_c($of);
                $found{"${class}::$name"} = [$class, $code, $is_ours_in_c] if $is_ours_in_c || $name =~ /^[a-z]/ && !$of->XSUB;
            }
        }
    }
    return map { [$_, @{$found{$_}}[1, 2, 0]] } sort keys %found;
}

# Those in C that are not called, by what perl says. Of the messages' accessors, all of which are one function, some are.
sub not_called {
    my %called = map { ($_->[1] => 1) } @_;
    my %is_message = map { ($_ => 1) } Mesos::Messages->classes, Mesos::Messages->enums;
    my (@packages, @forgotten) = 'Mesos';
    while (my $package = shift @packages) {
        no strict 'refs';
        for my $name (sort keys %{"${package}::"}) {
            if ($name =~ s/::\z//) { push @packages, "${package}::$name"; next }
            my $code = !$is_message{$package} && $name !~ $never && *{"${package}::$name"}{CODE} or next;
            push @forgotten, "${package}::$name" if is_ours_in_c(B::svref_2object($code)) && !$called{$code};
        }
    }
    return @forgotten;
}

sub one_of { return $_[rand @_] }

my $bytes = Mesos::TaskStatus->encode({task_id => {value => 'r' x 200}, state => 1, message => 'r' x 200});
my @texts = ('', '0', 1, -1, 1e300, 'cpus:1', 'Mesos::TaskStatus', 'enum_names', 'unblessed', 'String', 'add', '{}', $bytes, 'r' x 200, 'r' x 5000, "\x{263a}");
my @keys = qw(value name task_id slave_id resources type scalar roles id user state message uuid executor command labels key task_infos launch refuse_seconds);

# Something to call a function with. What is hostile strikes when it is looked at.
sub thing {
    my ($depth, $is_in_c) = @_;
    my $kind = int rand($depth > 3 ? 7 : 14);
    return undef if $kind == 0;    ## no critic (ProhibitExplicitReturnUndef): it is a value
    return one_of(@texts) if $kind < 4;
    return Borrowed::String->new(one_of(@texts)) if $kind == 4;
    return Borrowed::Destroyed->new(one_of(@texts)) if $kind == 5;
    return one_of('Borrowed::Truth', 'Borrowed::Truth::Deep')->new if $kind == 6;
    return [map { thing($depth + 1, $is_in_c) } 1 .. rand 4] if $kind < 9;
    return {map { one_of(@keys) => thing($depth + 1, $is_in_c) } 1 .. rand 6} if $kind < 12;
    return $make{one_of(sort keys %make)}->() if $kind == 12;
    # Perl code copies lists, and while it does so it reads what a tied element frees. Only C gets along without that.
    return thing($depth + 1, $is_in_c) if !$is_in_c;
    my $tied = int rand 3;
    if ($tied == 0) { tie my @list, 'Borrowed::Array', map { thing($depth + 1, 1) } 1 .. rand 4; return \@list }
    if ($tied == 1) { tie my %hash, 'Borrowed::Hash', map { one_of(@keys) => thing($depth + 1, 1) } 1 .. rand 4; return \%hash }
    tie my $scalar, 'Borrowed::Scalar', one_of(@texts);
    return \$scalar;
}

# Arguments that are right, by the function's name.
my %right = (
    map({ my $class = $_; map { my ($public, $private, $make) = @$_; (("${class}::$public") => $make, ("${class}::$private") => $make) } calls_of($class eq 'Mesos::Async' ? 'Mesos::SchedulerDriver' : $class) } qw(Mesos::SchedulerDriver Mesos::Async Mesos::ExecutorDriver Mesos::Channel)),
    map({ ("Mesos::TaskStatus::$_" => sub { (unblessed => 1, enum_names => 1) }) } qw(encode)),
    'Mesos::TaskStatus::message' => sub { ('r' x 200, 'r' x 300) },
    'Mesos::Message::_encode' => sub { ('Mesos::TaskStatus', status()) },
    'Mesos::Message::_decode' => sub { ('Mesos::TaskStatus', "$bytes") },
    'Mesos::Resources::_reckon' => sub { ('add', ('') x 2) },
    'Mesos::_backend' => sub {0},
    'Mesos::XS::_json_surplus' => sub { ('Mesos::TaskStatus', '{"state": "x", "no": 1}') },
);

# Those that are no methods: they have no object before their arguments.
my $no_method = qr/::(?:_backend|_encode|_decode|_is_direct|_json_surplus|_names|_reckon)\z/;

# Mostly what is right, but for some of it.
sub arguments {
    my ($name, $is_in_c) = @_;
    my $right = rand(10) > 1 && $right{$name} or return rand(3) < 1 ? [] : [map { thing(0, $is_in_c) } 1 .. rand 6];
    my $args = [$right->()];
    for my $place (grep { rand(4) < 1 } leaves($args)) {
        my ($container, $at) = @$place;
        if (rand(6) < 1) { (ref $container eq 'ARRAY' ? $container->[$at] : $container->{$at}) = thing(1, $is_in_c) }
        else { place($container, $at, one_of(qw(overloaded destroyed), $is_in_c ? qw(tied tied-list) : ())) }
    }
    return $args;
}

# One call. What it has said that it must not.
sub round {
    my ($number, @functions) = @_;
    srand $number;
    my ($name, $code, $is_in_c, $class) = @{one_of(@functions)};
    note "$number: $name" if $ENV{MESOS_TEST_SHOW};
    my $object = $make{$class} && rand(10) > 1 ? $make{$class}->() : thing(0, $is_in_c);
    my $args = arguments($name, $is_in_c);
    my @held = $is_in_c ? () : ($object, map { \$_ } @$args);
    my $stack = aliases($name =~ $no_method ? () : $object, @$args);
    my $does = int rand 8;
    my $inner = one_of(@functions);
    local $strike = sub {
        if ($does == 0) { die "no\n" }
        if ($does == 1) { eval { $inner->[1]->($object, 'x', [{}]) }; return }
        if ($does == 2 && blessed $object && $object->can('_xs_free')) { eval { $object->_xs_free } }
        clear($args);
        undef $object;
        @$stack = () if $is_in_c;
    };
    my @result = eval { share($stack, $code) };
    my $error = $@;
    $strike = undef;
    return grep {/ZZZZ/} map { !defined || ref ? () : $_ } $error, @result;
}

my @functions = functions();
cmp_ok scalar(grep { $_->[2] } @functions), '>', 70, 'functions in C are called';
cmp_ok scalar(grep { !$_->[2] } @functions), '>', 60, 'and methods in Perl';
is_deeply [not_called(@functions)], [], 'no function in C is forgotten';
my @wrong;
for my $number ($from .. $from + $rounds - 1) {
    push @wrong, map {"$number: $_"} round($number, @functions);
}
is_deeply \@wrong, [], "nothing of freed memory is in a text in $rounds rounds";

done_testing;
