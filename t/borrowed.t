# Values that free their neighbours while a call looks at them: nothing of what a call has read may be read again once Perl code has
# run. Whatever went wrong shows as bytes of freed memory here, and for certain under valgrind (xt/borrowed_valgrind.t).

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Scalar::Util qw(reftype);
use Test::Borrowed qw(aliases calls_of leaves clear place share status);
use Test::More;
use Mesos::Channel;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

our $strike;

my $long = 'r' x 200;

sub scheduler_driver {
    my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', scheduler => Mesos::Scheduler->new,
        framework => {user => 'u', name => 'n', id => {value => 'framework'}});
    $driver->start;
    return $driver;
}

# Each call with a hostile value in the place of each string; it frees all arguments, or also the object that is called.
sub attack {
    my ($make, @calls) = @_;
    for my $call (@calls) {
        my ($public, $private, $arguments) = @$call;
        my ($object, $struck, $calls, @leaked, @odd) = ($make->(), 0, 0);
        can_ok $object, $public, $private;
        for my $method ($public, $private) {
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
                        push @odd, $@ if $@ !~ / line \d+\.$/ || $@ =~ /^Usage:/ || $shared && !$close && $@ =~ /^expected an (?:object|array)/;
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

subtest 'a scheduler driver' => sub { attack(\&scheduler_driver, calls_of('Mesos::SchedulerDriver')) };
subtest 'an executor driver' => sub { attack(sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new) }, calls_of('Mesos::ExecutorDriver')) };
subtest 'a channel' => sub { attack(sub { Mesos::Channel->new }, calls_of('Mesos::Channel')) };

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
