package Test::Leaks;

# What the tests share that look whether any public method of a class leaves a value of Perl behind. They are skipped without Test::LeakTrace.
# It is loaded before any event loop is.

use strict;
use warnings;
# EV keeps values of its own.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl'; $ENV{MOJO_REACTOR} = 'Mojo::Reactor::Poll' }
use B ();
use Exporter qw(import);
use Mesos::Messages ();
use Mesos::Resources ();
use Mesos::Warnings ();
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here
use Test::More;
BEGIN {
    eval { require Test::LeakTrace; Test::LeakTrace->import; 1 } or plan skip_all => 'Test::LeakTrace is not installed';
}

our @EXPORT_OK = qw(all_free frees_all id methods_of never_grows offer reads resource status task $long @wrong);

# The public methods of a class, its parents' and its roles' among them.
sub methods_of {
    my ($class) = @_;
    my %found;
    for my $package (grep {/^Mesos\b/} @{mro::get_linear_isa($class)}) {
        no strict 'refs';
        for my $name (keys %{"${package}::"}) {
            next if $name !~ /^[a-z]\w*\z|^TO_JSON\z/ || $name =~ /^(?:import|bootstrap|meta|watch_methods|pairs_of|croak(?:_as)?)\z/;
            my $code = *{"${package}::$name"}{CODE} or next;
            # Those that are imported from elsewhere are no methods.
            $found{$name} = 1 if B::svref_2object($code)->GV->STASH->NAME =~ /^Mesos\b/;
        }
    }
    my @names = sort keys %found;
    return @names;
}

{
    package Test::Leaks::Dying;
    sub TIESCALAR { return bless {}, $_[0] }
    sub FETCH { die "no\n" }
}
tie my $dying, 'Test::Leaks::Dying';

# What hardly any method takes. What it returns is dropped.
our @wrong = (
    [], [undef], [[]], [{}], ['text'], [-1], [sub { die "no\n" }], [bless [], 'Strange'], [[undef]], [['text']], [{no_such_key => [{}]}], [\'text'],
    [{value => 'x'}, {value => 'y'}, undef], [[{value => 'x'}], [{name => 'n', task_id => {}}], {}], [1, 2, 3, 4, 5, 6, 7],
    ['x', [], no_such_option => 1], [[], [], []],
);

# Whatever is made once and kept (method caches, what is loaded later) is made before anything is counted.
sub frees_all {
    my ($code, $name) = @_;
    $code->() for 1 .. 3;
    no_leaks_ok { $code->() } $name;
    return;
}

# The same for what waits for other programs. What comes first is another thing each time, so that Perl makes here and there a value that it
# keeps for later calls, and frees another. What leaks grows with each run.
sub never_grows {
    my ($code, $name) = @_;
    $code->() for 1, 2;
    my ($runs, $grown) = (0, 0);
    do { $runs++; $grown += leaked_count { $code->() } } until $grown < $runs || $runs == 6;
    return if ok $grown < $runs, "$name (leaks $grown in $runs runs)";
    diag "$_->[1] line $_->[2]: $_->[0]" for leaked_info { $code->() };
    return;
}

# Each public method of what $make returns: in order, as %$calls has it, and with wrong arguments. Those in %$waiting have wrong arguments of
# their own, because they would wait for ever with some of the others. Options: fresh: each call has an object of its own, because it keeps
# what it is given, or has ended after the call; around: code that calls the code it gets, for what has to be so during a call; without:
# methods that are looked at elsewhere.
sub all_free {
    my ($class, $make, $calls, $waiting, %option) = @_;
    my $around = $option{around} || sub { $_[0]->() };
    my %elsewhere = map { ($_ => 1) } @{$option{without} || []};
    my @methods = grep { !$elsewhere{$_} } methods_of($class);
    is_deeply [grep { !$calls->{$_} } @methods], [], "$class: each public method is called in order";
    is_deeply [grep { !$class->can($_) } sort keys %$calls], [], 'and none that there is not';
    for my $method (grep { $calls->{$_} } @methods) {
        my $shared = $option{fresh} ? undef : $make->();
        frees_all(sub { $around->(sub { my @dropped = $calls->{$method}->($shared || $make->()) }); return }, "$class, $method");
        my @lists = $waiting->{$method} ? @{$waiting->{$method}} : (@wrong, undef);
        next if !@lists;
        my $kept = $option{fresh} ? undef : $make->();
        frees_all(sub {
                for my $list (@lists) {
                    my $thing = $kept || $make->();
                    # The list that is none has an argument that dies when it is read.
                    $around->(sub { my @dropped = eval { $list ? $thing->$method(@$list) : $thing->$method($dying) } });
                }
                return;
        }, "$class, $method: wrong arguments");
    }
    return;
}

# What an accessor does.
sub reads { my ($name) = @_; return ($name => sub { $_[0]->$name }) }

# --- messages -----------------------------------------------------------------------------------------------------------------------

our $long = 'r' x 200;
sub id { return {value => "$long$_[0]"} }
sub resource { return {name => 'cpus', type => 0, scalar => {value => 1}} }
sub task { return {name => $long, task_id => id('t'), slave_id => id('s'), resources => [resource(), resource()], command => {value => 'true'}} }
sub status { return {task_id => id('t'), state => 1, message => $long, uuid => 'u' x 16, slave_id => id('s')} }

sub offer {
    return Mesos::Offer->new({id => id('o'), framework_id => id('f'), slave_id => id('s'), hostname => 'h', resources => Mesos::Resources->new('cpus:4;mem:64;ports:[1-9]')->list});
}

1;
