use strict;
use warnings;
use lib 't/lib';
use Mesos::Channel;
use Mesos::Dispatcher::Pipe;
use Test::Dispatchers qw(each_dispatcher);
use Test::More;

# Which descriptor a dispatcher watches: its pipe, or the one that tells of a driver's stream, too.

my $fd_of = sub { readlink '/proc/self/fd/' . fileno $_[0] };
plan skip_all => 'no /proc here' unless defined $fd_of->(*STDIN) || -d '/proc/self/fd';

sub is_readable {
    my ($fh) = @_;
    vec(my $set = '', fileno $fh, 1) = 1;
    return scalar select $set, undef, undef, 0;
}

sub checks {
    my ($dispatcher, $kind) = @_;
    like $fd_of->($dispatcher->fh), $kind, 'what it watches';
    my @seen;
    $dispatcher->set_cb(sub { push @seen, ($dispatcher->recv)[0] });
    ok !is_readable($dispatcher->fh), 'nothing is there';
    $dispatcher->send($_) for 1 .. 3;
    ok is_readable($dispatcher->fh), 'events are';
    $dispatcher->ready;
    is_deeply \@seen, [1 .. 3], 'ready takes them';
    ok !is_readable($dispatcher->fh), 'and nothing is there again';

    # A turn that an exception ends.
    $dispatcher->set_cb(sub { push @seen, ($dispatcher->recv)[0]; die "enough\n" });
    $dispatcher->send($_) for 4 .. 5;
    is eval { $dispatcher->ready; 1 }, undef, 'an exception leaves ready';
    is $@, "enough\n", 'as it is';
    ok is_readable($dispatcher->fh), 'the other event is still to be taken';
    eval { $dispatcher->ready };
    is_deeply \@seen, [1 .. 5], 'and comes next';
    ok !is_readable($dispatcher->fh), 'all is taken';
    return;
}

each_dispatcher(sub {
        my ($name) = @_;
        my $dispatcher = "Mesos::Dispatcher::$name"->new;
        return pass 'it watches a descriptor while it waits only' if $name eq 'Interrupt';
        my $is_poll = $name eq 'POE' && POE::Kernel::poe_kernel_loop() eq 'POE::Loop::IO_Poll';
        checks($dispatcher, $is_poll ? qr/^pipe:/ : qr/eventpoll/);
});

subtest "a subclass of somebody else's" => sub { checks(Mesos::Dispatcher::Pipe->new, qr/^pipe:/) };

for my $wrong (undef, 'Mesos::Dispatcher::Pipe', []) {
    ok !eval { Mesos::Dispatcher::ready($wrong); 1 }, 'ready of what is no object';
    like $@, qr/^ready: expected an object of Mesos::Dispatcher at \Q$0\E line/, 'says so';
}

done_testing;
