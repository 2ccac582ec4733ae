# Every module loads by itself, and what they need at run time lies where they look for it.
use strict;
use warnings;
use Test::More;
use Config;
use File::Find ();
use File::Spec;

# Modules that are there only with another one, which the distribution does not require.
my %needs = (
    'Mesos::Async::Future' => 'Future',
    'Mesos::Dispatcher::IOAsync' => 'IO::Async::Handle',
    'Mesos::Dispatcher::Interrupt' => 'Async::Interrupt',
    'Mesos::Dispatcher::Mojo' => 'Mojo::Reactor',
    'Mesos::Dispatcher::POE' => 'POE',
);

# Where this perl finds Mesos: blib while testing, or an installation.
require Mesos;
(my $root = File::Spec->rel2abs($INC{'Mesos.pm'})) =~ s{Mesos\.pm$}{};
my @modules;
File::Find::find(
    {no_chdir => 1, wanted => sub { push @modules, $1 if /\.pm$/ && $File::Find::name =~ m{^\Q$root\E(.*)\.pm$} }},
    "${root}Mesos.pm", "${root}Mesos",
);
s{/}{::}g for @modules;
cmp_ok scalar @modules, '>=', 10, 'found the modules';

# Each in a process of its own: it must itself load all that it uses, and event loops do not share one.
my @include = map { '-I' . File::Spec->rel2abs($_) } grep { !ref } @INC;
sub loads {
    my ($module) = @_;
    (my $file = "$module.pm") =~ s{::}{/}g;
    # POE complains at exit when nobody has run its loop.
    my $program = 'open STDERR, ">&", STDOUT; require shift; POE::Kernel->run if POE::Kernel->can("run")';
    open my $out, '-|', $^X, @include, '-e', $program, $file or die "cannot run $^X: $!";
    my $said = do { local $/; <$out> };
    return (close $out) ? '' : $said || 'failed silently';
}

for my $module (sort @modules) {
SKIP: {
        my $needed = $needs{$module};
        skip "$module: no $needed here", 1 if $needed && loads($needed);
        is loads($module), '', "$module loads";
    }
}

# Type::Tiny takes as long to load as all the rest of a driver.
sub loaded_with_a_driver {
    my $program = 'require Mesos::Scheduler; require Mesos::SchedulerDriver; Mesos::SchedulerDriver->new(master => "localhost:1", '
        . 'framework => {user => "u", name => "n"}, scheduler => Mesos::Scheduler->new, dispatcher => "+Mesos::Dispatcher::Pipe")'
        . '->declineOffer({value => 1}); require Mesos::ExecutorDriver; print join "\n", sort keys %INC';
    open my $out, '-|', $^X, @include, '-e', $program or die "cannot run $^X: $!";
    return map { chomp; $_ } <$out>;
}
my @loaded = loaded_with_a_driver();
ok scalar(grep { $_ eq 'Mesos/ExecutorDriver.pm' } @loaded), 'drivers are loaded, and one is made';
is_deeply [grep {m{\ATypes?/|Error/TypeTiny}} @loaded], [], 'and no types';

is $Mesos::VERSION, '2.0.0', 'version';

my ($shared) = grep {-e} map {"$_/auto/Mesos/Mesos.$Config{dlext}"} @INC;
ok $shared, 'the shared object is in @INC' or BAIL_OUT('Mesos was not built');
(my $folder = $shared) =~ s{[^/]*$}{};
ok -s "${folder}libmesos_perl.so", 'the core lies beside it';
ok -x "${folder}mesos-local", 'so does the program, and it can be executed';
cmp_ok -s _, '<', 100_000, 'it has no second copy of the core';

done_testing;
