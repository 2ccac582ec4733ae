# A program without STDIN, STDOUT or STDERR: the numbers 0, 1 and 2 stay free for it. What is written to "standard error" must not
# end up in a pipe or a socket of ours.

use 5.10.1;
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

plan skip_all => 'SKIP: no /proc' unless -e '/proc/self/fd/0';

# [the dispatcher's name, the module that it needs]
my @dispatchers = ([AnyEvent => 'AnyEvent'], [IOAsync => 'IO::Async::Loop'], [Mojo => 'Mojo::IOLoop'], [POE => 'POE'], [Interrupt => 'Async::Interrupt']);
@dispatchers = grep { eval "require $_->[1]; 1" } @dispatchers;
my $folder = tempdir(CLEANUP => 1);

# The program. It runs one task, and looks at the numbers that it has closed at every turn.
my $program = <<'PROGRAM';
my ($dispatcher, $report, @closed);
BEGIN {
    ($dispatcher, $report, @closed) = @ARGV;
    # What the loops make is not ours, so they make it before.
    if ($dispatcher =~ /AnyEvent|Interrupt/) { require AnyEvent; AnyEvent::detect(); my $turn = AnyEvent->condvar; AnyEvent::postpone(sub { $turn->send }); $turn->recv }
    if ($dispatcher eq 'Mojo') { require Mojo::IOLoop; require Mojo::DOM; Mojo::IOLoop->next_tick(sub { Mojo::IOLoop->stop }); Mojo::IOLoop->start }
    if ($dispatcher eq 'POE') { require POE::Kernel; POE::Kernel->import; require POE::Session; POE::Session->create(inline_states => { _start => sub { $_[POE::Session::KERNEL()]->alias_set('x') } }) }
    close +(\*STDIN, \*STDOUT, \*STDERR)[$_] for @closed;
}
use strict;
use warnings;
use Mesos::SchedulerDriver;

my %seen;
sub look {
    my ($when) = @_;
    for my $number (@closed) {
        my $there = readlink "/proc/self/fd/$number";
        # Somebody may be holding the number free at this moment.
        $seen{"$when: $number is $there"} = 1 if defined $there && $there !~ /mesos-standard/;
    }
}

{
    package Look;
    use Moo;
    extends 'Mesos::Scheduler';
    sub registered { main::look('registered') }
    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        main::look('resourceOffers');
        for my $offer (@$offers) {
            my @tasks = $self->{launched}++ ? () : { name => 'n', task_id => {value => 't'}, slave_id => $offer->{slave_id},
                command => {value => 'true'}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}] };
            $driver->launchTasks([$offer->{id}], \@tasks);
        }
    }
    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        main::look('statusUpdate');
        $self->{state} = $status->{state};
        $driver->stop if $status->{state} == Mesos::TaskState::TASK_FINISHED;
    }
}
my $scheduler = Look->new;
my $driver = Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => $scheduler,
    framework_id_file => "$report.id", dispatcher => $dispatcher, on_exception => 'die', master_timeout => 30);
look('new');
$driver->run;
look('run');
undef $driver;
look('the end');
open my $out, '>', $report or exit 1;
print $out map {"$_\n"} 'state ' . $scheduler->{state}, sort keys %seen;
close $out or exit 1;
PROGRAM

my @combinations = grep {@$_} map { my $bits = $_; [grep { $bits & 1 << $_ } 0 .. 2] } 0 .. 7;
my $runs = 0;
for my $closed (@combinations) {
    # All of them with each; the others in turn.
    for my $dispatcher (@$closed == 3 ? @dispatchers : $dispatchers[$runs++ % @dispatchers]) {
        my $name = "$dispatcher->[0], without @$closed";
        my $report = "$folder/" . $name =~ tr{a-zA-Z0-9}{}cdr;
        local $ENV{PERL_MESOS_TRACE} = 'INFO';
        open my $source, '>', "$folder/program.pl" or die "program.pl: $!";
        print $source $program;
        close $source or die "program.pl: $!";
        my $log = "$folder/log";
        my $status = system "$^X -Mblib '$folder/program.pl' $dispatcher->[0] '$report' @$closed >$log 2>&1 </dev/null";
        open my $in, '<', $report or do { fail "$name: status $status"; next };
        my @lines = <$in>;
        chomp @lines;
        is_deeply [@lines], ['state 2'], "$name: the task has run, and nobody has taken a number";
    }
}

done_testing;
