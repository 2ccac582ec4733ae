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
use Mesos::Dispatcher::AnyEvent;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Resources;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

alarm 3600;
our $strike;
my $from = $ENV{MESOS_TEST_SEED} || 1;
my $rounds = $ENV{MESOS_TEST_ROUNDS} || 3000;
local $SIG{__WARN__} = sub { };

my %make = (
    'Mesos::Channel' => sub { Mesos::Channel->new },
    'Mesos::Dispatcher' => sub { Mesos::Dispatcher::AnyEvent->new },
    'Mesos::SchedulerDriver' => sub {
        my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', scheduler => Mesos::Scheduler->new, framework => {user => 'u', name => 'n', id => {value => 'f'}});
        $driver->start;
        return $driver;
    },
    'Mesos::ExecutorDriver' => sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new) },
    'Mesos::TaskStatus' => sub { Mesos::TaskStatus->new({task_id => {value => 't'}, state => 1}) },
    'Mesos::Resources' => sub { Mesos::Resources->new('cpus:4;mem:64') },
);

# Those that wait for what does not come here, and those that are told addresses, or make what is made once in a process.
my $never = qr/^(?:start|run|run_once|join|wait|serve|run_until|interrupt_wait|bootstrap|CLONE|_define_classes|_log_init|_xs_init_interrupt|import|meta)\z/;

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
                my $is_ours_in_c = $of->XSUB && $of->FILE =~ m{\b(?:Mesos|message\w*)\.(?:c|xs|xsi)\z|Message\.xsi\z};
                $found{"${class}::$name"} = [$class, $code, $is_ours_in_c] if $is_ours_in_c || $name =~ /^[a-z]/ && !$of->XSUB;
            }
        }
    }
    return map { [$_, @{$found{$_}}[1, 2, 0]] } sort keys %found;
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
    map({ my $class = $_; map { my ($public, $private, $make) = @$_; (("${class}::$public") => $make, ("${class}::$private") => $make) } calls_of($class) } qw(Mesos::SchedulerDriver Mesos::ExecutorDriver Mesos::Channel)),
    map({ ("Mesos::TaskStatus::$_" => sub { (unblessed => 1, enum_names => 1) }) } qw(encode)),
    'Mesos::TaskStatus::message' => sub { ('r' x 200, 'r' x 300) },
    'Mesos::Message::_encode' => sub { ('Mesos::TaskStatus', status()) },
    'Mesos::Message::_decode' => sub { ('Mesos::TaskStatus', "$bytes") },
    'Mesos::Resources::_reckon' => sub { ('add', ('') x 2) },
    'Mesos::XS::_json_surplus' => sub { ('Mesos::TaskStatus', '{"state": "x", "no": 1}') },
);

# Mostly what is right, but for some of it.
sub arguments {
    my ($name, $is_in_c) = @_;
    my $right = rand(10) > 1 && $right{$name} or return [map { thing(0, $is_in_c) } 1 .. rand 6];
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
    my $stack = aliases($object, @$args);
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
my @wrong;
for my $number ($from .. $from + $rounds - 1) {
    push @wrong, map {"$number: $_"} round($number, @functions);
}
is_deeply \@wrong, [], "nothing of freed memory is in a text in $rounds rounds";

done_testing;
