package Test::Dispatchers;

# What the tests of dispatchers share: which ones can run here, and objects to watch them with.

use strict;
use warnings;
use Exporter qw(import);
use Module::Runtime qw(require_module);

our @EXPORT_OK = qw(each_dispatcher open_descriptors);

my %loop = (AnyEvent => 'AnyEvent', Interrupt => 'Async::Interrupt', IOAsync => 'IO::Async', Mojo => 'Mojo::IOLoop', POE => 'POE');

# Runs $code->($name) for each dispatcher in a subtest, and says which cannot run for want of their loop.
sub each_dispatcher {
    my ($code, @names) = @_;
    for my $name (@names ? @names : sort keys %loop) {
        Test::More::subtest($name => sub {
                eval { require_module($loop{$name}); 1 }
                    or return Test::More::plan(skip_all => "$loop{$name} is not installed");
                require_module("Mesos::Dispatcher::$name");
                $code->($name);
        });
    }
}

# How many descriptors the process has open.
sub open_descriptors {
    opendir my $dir, '/proc/self/fd' or return;
    return scalar(() = readdir $dir);
}

1;
