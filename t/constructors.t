# What is wrong in a call of a constructor, of every class that is found, and of a program's own class that extends it: an object of
# Mesos::Error, which names what is wrong, and the line of the call.
use strict;
use warnings;
use File::Find ();
use File::Spec;
use Scalar::Util qw(blessed);
use Test::More;
use Mesos;
use Mesos::Cluster;
use Mesos::Error;
use Mesos::SchedulerDriver;
BEGIN { delete @ENV{grep {/\A(?:PERL_MESOS_|LIBPROCESS_|MESOS_)/} keys %ENV} }

(my $root = File::Spec->rel2abs($INC{'Mesos.pm'})) =~ s{Mesos\.pm$}{};
my @modules;
File::Find::find({no_chdir => 1, wanted => sub { push @modules, $1 if m{^\Q$root\E(.*)\.pm$} }}, "${root}Mesos");
s{/}{::}g for @modules;

# Others make these, and no program does.
my %is_internal = map { ($_ => 1) } qw(Mesos::Runner::Scheduler Mesos::Runner::Task);
# Modules of event loops may be missing.
my @classes = grep { !$is_internal{$_} && eval "require $_" && $Moo::MAKERS{$_} && $Moo::MAKERS{$_}{is_class} } sort @modules;
my %is_found = map { ($_ => 1) } @classes;
ok $is_found{$_}, "$_ is found" for map {"Mesos::$_"} qw(
    Async Channel Client Client::Agent Dispatcher Dispatcher::AnyEvent Dispatcher::Pipe Executor ExecutorDriver Runner Scheduler SchedulerDriver
    Test::Scheduler
);

# What each must have, by the class that it is or extends: the first counts.
my $scheduler = Mesos::Scheduler->new;
my @needed = (
    ['Mesos::Test::Scheduler::Driver' => scheduler => $scheduler],
    ['Mesos::Async' => master => '127.0.0.1:1', framework => {user => '', name => 'n'}],
    ['Mesos::SchedulerDriver' => master => '127.0.0.1:1', framework => {user => '', name => 'n'}, scheduler => $scheduler],
    ['Mesos::ExecutorDriver' => executor => Mesos::Executor->new],
    ['Mesos::Test::Scheduler' => scheduler => $scheduler],
    ['Mesos::Client' => master => '127.0.0.1:1'],
    ['Mesos::Client::Agent' => url => 'http://127.0.0.1:1'],
);

# The line of a call, and the call; the second takes warnings for errors.
my @lines = (__LINE__ + 1, __LINE__ + 2);
sub make { my ($class, @given) = @_; no warnings 'Mesos'; return $class->new(@given) }
sub make_strictly { my ($class, @given) = @_; use warnings FATAL => 'Mesos'; return $class->new(@given) }

sub error_of {
    my ($class, @given) = @_;
    local $SIG{__WARN__} = sub { };
    return eval { make($class, @given); 1 } ? undef : $@;
}

sub is_error {
    my ($error, $argument, $message, $what, $line) = @_;
    $line ||= $lines[0];
    subtest $what => sub {
        isa_ok $error, 'Mesos::Error' or return diag $error;
        is $error->code, 'argument', 'code';
        is $error->method, 'new', 'method';
        is $error->argument, $argument, 'argument';
        like $error->message, $message, 'message';
        is_deeply [$error->file, $error->line], [__FILE__, $line], 'file and line';
        like "$error", qr/ at \Q${\__FILE__}\E line $line\b/, 'and as a text';
    };
}

# Each attribute that `new` takes, and whether it is checked.
sub attributes_of {
    my ($class) = @_;
    my $specs = Moo->_constructor_maker_for($class)->all_attribute_specs;
    return map { ($_ => $specs->{$_}{isa}) } grep { !/\A_/ && !(exists $specs->{$_}{init_arg} && !defined $specs->{$_}{init_arg}) } keys %$specs;
}

my $number = 0;
for my $of (@classes) {
    my ($needed) = grep { $of->isa($_->[0]) } @needed;
    my (undef, %good) = @{$needed || []};
    # A runner needs no master, and would make an embedded cluster each time.
    local $ENV{MESOS_MASTER} = $of->isa('Mesos::Runner') ? '127.0.0.1:1' : '';
    my $own = 'Own' . ++$number;
    eval "package $own; use Moo; extends '$of'; has own => (is => 'ro'); 1" or die $@;
    for my $class ($of, $own) {
        # There is none of this class itself.
        my $why_none = error_of($class, %good);
        $of eq 'Mesos::Dispatcher' ? ok $why_none, "no $class" : is $why_none, undef, "$class can be made";
        is_error error_of($class, %good, 'odd'), undef, qr/^expected pairs of a name and a value, or a hash reference, got /, "$class: odd";
        is_error error_of($class, []), undef, qr/^expected pairs of a name and a value, or a hash reference, got a reference to array$/, "$class: no hash";
        for my $name (sort keys %good) {
            my %given = %good;
            delete $given{$name};
            is_error error_of($class, %given), $name, qr/^(?:Missing required arguments: $name|expected .*)$/, "$class: without $name";
        }
        my %attributes = attributes_of($class);
        for my $name (sort keys %attributes) {
            my $error = error_of($class, %good, $name => bless [], 'Nothing::Known');
            # Where no class is expected, another check of the constructor's may know better.
            next if !defined $error && !$attributes{$name} || $of eq 'Mesos::Dispatcher' && !$attributes{$name};
            is_error $error, $name, qr/\S/, "$class: $name";
        }
        my $unknown = eval { make_strictly($class, %good, thing_of_no_class => 1); 1 } ? undef : $@;
        is_error $unknown, 'thing_of_no_class', qr/^unknown argument 'thing_of_no_class'/, "$class: unknown argument", $lines[1];
    }
}

# What a program's own class throws comes as it was thrown.
{
    package Own::Exception;
    sub new { my ($class, $text) = @_; return bless {text => $text}, $class }
}
for my $case (
    [BUILD => 'sub BUILD { die our $exception }'],
    [BUILDARGS => 'around BUILDARGS => sub { die our $exception }'],
    ['check' => 'has own => (is => "ro", isa => sub { die our $exception }, default => 1)'],
    ['coercion' => 'has own => (is => "ro", coerce => sub { die our $exception }, default => 1)'],
    ['check of one of ours' => 'has "+driver" => (isa => sub { die our $exception })'],
) {
    my ($what, $code) = @$case;
    my $class = 'Own' . ++$number;
    for my $exception (Own::Exception->new('no'), "a text\n") {
        eval "package $class; use Moo; extends 'Mesos::SchedulerDriver'; $code; 1" or die $@ unless $class->can('new');
        no strict 'refs';
        no warnings 'once';
        local ${"${class}::exception"} = $exception;
        my $error = error_of($class, master => '127.0.0.1:1', framework => {user => '', name => 'n'}, scheduler => $scheduler);
        if (ref $exception) { is $error, $exception, "$what: an object" }
        else { like $error, qr/\A(?:(?:isa check|coercion) for "\w+" failed: )?a text\n\z/, "$what: a text" }
        is ref $error, ref $exception, '... and nothing else';
    }
}
my $required = 'Own' . ++$number;
eval "package $required; use Moo; extends 'Mesos::Scheduler'; has own => (is => 'ro', required => 1); 1" or die $@;
like error_of($required), qr/\AMissing required arguments: own at \Q${\__FILE__}\E line $lines[0]\.\n\z/, 'an own attribute is missing';

# A class of the program's own that has nothing of ours but a type.
{
    require Mesos::Types;
    my $class = 'Own' . ++$number;
    eval "package $class; use Moo; has loop => (is => 'ro', isa => Mesos::Types::Dispatcher(), coerce => Mesos::Types::Dispatcher()->coercion); 1" or die $@;
    is_error error_of($class, loop => 'Nope'), 'loop', qr/^Can't locate .*got "Nope"/, 'a coercion of ours';
}

# A setter is no constructor.
{
    my $dispatcher = Mesos::Dispatcher::Pipe->new;
    ok !eval { $dispatcher->set_cb('x'); 1 }, 'a setter';
    is_deeply [map { $@->$_ } qw(code method argument line)], ['argument', 'set_cb', 'cb', __LINE__ - 1], '... has its own name';
    isa_ok $@->cause, 'Error::TypeTiny', 'what the type has thrown';
}

# Those that are not Moo's.
my %other = (
    'Mesos::Offers' => ['new', 'x'], 'Mesos::Resources' => ['new', undef], 'Mesos::Error' => ['new', 'odd'], 'Mesos::TaskID' => ['new', 'x'],
    'Mesos::Cluster' => ['start', 'odd'], 'Mesos::Test::Cluster' => ['start', 'odd'],
);
for my $class (sort keys %other) {
    my ($method, @given) = @{$other{$class}};
    eval "require $class" or eval 'require Mesos::Messages' or die $@;
    ok !eval { $class->$method(@given); 1 }, "$class: wrong arguments";
    isa_ok $@, 'Mesos::Error' or next;
    is_deeply [map { $@->$_ } qw(code method file line)], ['argument', $method, __FILE__, __LINE__ - 2], '... with its parts';
    like $@->message, qr/expected .*, got /, '... and what was expected and what came';
}

done_testing;
