# A program that runs an event loop which is not the dispatcher's: it would wait for ever, and hears of that while it waits. Whoever waits
# for something else hears nothing.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Test::Examples qw(start finish);
use Test::More;
BEGIN { delete @ENV{grep {/\A(?:PERL_MESOS_|LIBPROCESS_|MOJO_|MESOS_|PERL_ANYEVENT_)/} keys %ENV} }

# Each runs a loop for so many seconds that all looks of the driver fall into them, with a descriptor to wait for, as programs have.
my $seconds = 15;
my %run = (
    'EV' => 'use EV; my $io = EV::io($read, EV::READ, sub { }); my $end = EV::timer($seconds, 0, sub { EV::break() }); EV::run();',
    'AnyEvent' => 'use AnyEvent; my $done = AnyEvent->condvar; my $io = AnyEvent->io(fh => $read, poll => "r", cb => sub { });
        my $end = AnyEvent->timer(after => $seconds, cb => sub { $done->send }); $done->recv;',
    'IO::Async::Loop' => 'use IO::Async::Loop; my $loop = IO::Async::Loop->new; $loop->watch_io(handle => $read, on_read_ready => sub { });
        $loop->watch_time(after => $seconds, code => sub { $loop->stop }); $loop->run;',
    'Mojo::IOLoop' => 'use Mojo::IOLoop; Mojo::IOLoop->singleton->reactor->io($read, sub { })->watch($read, 1, 0);
        Mojo::IOLoop->timer($seconds => sub { Mojo::IOLoop->stop }); Mojo::IOLoop->start;',
    'POE::Kernel' => 'use POE; POE::Session->create(inline_states => {_start => sub { $poe_kernel->select_read($read, "ready"); $poe_kernel->delay(end => $seconds) },
        ready => sub { }, end => sub { $poe_kernel->select_read($read) }}); POE::Kernel->run;',
);
my %fitting = (EV => 'AnyEvent', AnyEvent => 'AnyEvent', 'IO::Async::Loop' => 'IOAsync', 'Mojo::IOLoop' => 'Mojo', 'POE::Kernel' => 'POE');
my $wait = 'wait_for($seconds - 5);';    # in a call that looks like one of a loop, but for its lack of descriptors

my $skeleton = <<'END';
use strict;
use warnings;
use Mesos::SchedulerDriver;
%(use)
package MyScheduler;
use Moo;
extends 'Mesos::Scheduler';
sub registered { %(registered) }
sub resourceOffers { }
package main;
my $seconds = %(seconds);
pipe my $read, my $write or die $!;
sub wait_for { my $end = time + $_[0]; while ((my $left = $end - time) > 0) { select undef, undef, undef, $left } }
my $driver = Mesos::SchedulerDriver->new(master => 'local', dispatcher => shift, on_exception => 'die', scheduler => MyScheduler->new,
    framework => {user => '', name => 'loops'});
$driver->start;
%(run)
$driver->stop;
print "end\n";
END

# name, dispatcher, the parts, the environment, and the loops that are named, if it is told.
my @programs = (
    (map { my ($dispatcher, $loop, %more) = @$_; ["$dispatcher, and $loop runs", $dispatcher, {run => $run{$loop}}, \%more, $loop] }
            ['AnyEvent', 'Mojo::IOLoop', MOJO_REACTOR => 'Mojo::Reactor::Poll'], ['AnyEvent', 'IO::Async::Loop', PERL_ANYEVENT_MODEL => 'Perl'],
        ['IOAsync', 'POE::Kernel'], ['IOAsync', 'EV'], ['Mojo', 'IO::Async::Loop'], ['POE', 'AnyEvent', PERL_ANYEVENT_MODEL => 'Perl']),
    ['silence that was asked for', 'IOAsync', {run => $run{EV}}, {PERL_MESOS_TRACE => 'QUIET'}],
    ['the loop of the dispatcher', 'IOAsync', {use => 'use EV;', run => $run{'IO::Async::Loop'}}, {}],
    ['a program that waits before it runs the loop', 'IOAsync', {use => 'use EV;', run => $wait}, {}],
    ['a program that sleeps', 'POE', {use => 'use EV;', run => 'sleep $seconds - 5;'}, {}],
    ['a callback that waits in another loop', 'IOAsync', {use => 'use EV;', registered => $run{EV} . '$_[1]->stop;', run => '$driver->join;'}, {}],
);

sub text_of {
    my (%part) = @_;
    $part{seconds} = $seconds;
    $part{registered} = "my \$seconds = $seconds - 5; pipe my \$read, my \$write; $part{registered}" if $part{registered};
    (my $text = $skeleton) =~ s/%\((\w+)\)/defined $part{$1} ? $part{$1} : ''/ge;
    return $text;
}

my @started = map {
    my (undef, $dispatcher, $parts, $environment) = @$_;
    my $file = File::Temp->new(SUFFIX => '.pl');
    print $file text_of(%$parts) or die $!;
    $file->flush or die $!;
    local %ENV = (%ENV, %$environment);
    [$_, $file, start($file->filename, $dispatcher)];
} @programs;

for my $of (@started) {
    my ($program, undef, $process) = @$of;
    my ($name, $dispatcher, undef, undef, $loop) = @$program;
    my ($code, $out, $err) = finish($process, 100);
    is $out, "end\n", "$name: it goes on";
    next unless is $err =~ tr/\n//, $loop ? 1 : 0, "$name: how many lines it tells" or diag $err;
    next unless $loop;
    like $err, qr/\AMesos: events have come for the driver, and the program waits in an event loop that is not the dispatcher's: its dispatcher is $dispatcher\. Call run of the driver, or \S.*, or make the driver with the dispatcher of the loop that you run \(.*'$fitting{$loop}' for $loop.*\)\n\z/,
        'it names the dispatchers, and what to do';
}

done_testing;
