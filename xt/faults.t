use strict;
use warnings;
use lib 't/lib';
use Test::More;
use IO::Handle;
use Time::HiRes ();

# A framework's process that is killed, dies or dawdles between the delivery of an update and its acknowledgement, against a real
# Apache Mesos (the embedded cluster would end with the process). An agent sends an update again after 10 seconds, or at once to a
# framework that has subscribed again.
my $master = $ENV{MESOS_TEST_MASTER} or plan skip_all => 'MESOS_TEST_MASTER=host:port names no real Mesos';

require Mesos::SchedulerDriver;
require Mesos::Types;
require Test::Framework;

{
    package Reporting;
    use Moo;
    extends 'Test::Framework';
    has [qw(out at_update)] => (is => 'ro');

    sub report { my $self = shift; print {$self->out} join(' ', @_), "\n" }
    before registered => sub { $_[0]->report('registered', $_[2]{value}) };
    around statusUpdate => sub {
        my ($next, $self, $driver, $status) = @_;
        $self->report('update', $status->{task_id}{value}, $status->{state}, unpack 'H*', $status->{uuid} // '');
        $self->at_update->($self, $driver, $status);
        $self->$next($driver, $status);
        $self->report('handled', unpack 'H*', $status->{uuid} // '');
    };
}

# A framework in a process of its own: what it reports, line by line, and its exit status at the end.
sub framework {
    my ($id, $tasks, $at_update) = @_;
    pipe my $in, my $out or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $in;
        $out->autoflush(1);
        alarm 100;
        my $scheduler = Reporting->new(tasks => $tasks, expected => @$tasks || 1, out => $out, at_update => $at_update);
        my $driver = Mesos::SchedulerDriver->new(
            master => $master, scheduler => $scheduler,
            framework => {user => '', name => 'faults', failover_timeout => 100, $id ? (id => {value => $id}) : ()});
        until (eval { $driver->run; 1 }) { $scheduler->report('died') }
        $scheduler->report('status', $driver->status);
        $driver = undef;
        require POSIX;
        POSIX::_exit(0);
    }
    close $out;
    my @lines = <$in>;
    waitpid $pid, 0;
    chomp @lines;
    return ($?, @lines);
}

sub task { return {task_id => {value => $_[0]}, name => $_[0], command => {value => 'true'}} }
sub uuids { my $what = shift; return map {/^\Q$what\E .*?(\w{32})$/} @_ }

subtest 'SIGKILL between delivery and acknowledgement' => sub {
    my ($exit, @first) = framework(undef, [task('killed')], sub { kill KILL => $$ if $_[2]{state} == 2 });
    is $exit & 127, 9, 'the process was killed';
    my ($id) = map {/^registered (\S+)/} @first;
    my ($lost) = $first[-1] =~ /^update killed 2 (\w{32})$/;
    ok $id && $lost, 'while it handled TASK_FINISHED' or return diag explain \@first;

    ($exit, my @second) = framework($id, [], sub { });
    is $exit, 0;
    is_deeply [map {/^registered (\S+)/} @second], [$id], 'another process goes on with the framework';
    is_deeply [grep { $_ eq $lost } uuids(handled => @second)], [$lost], 'and gets the same update';
    my %handled = map { ($_ => 1) } uuids(handled => @first);
    is_deeply [grep { $handled{$_} } uuids(update => @second)], [], 'but none that the first had handled';
};

subtest 'a callback that dies' => sub {
    my $died;
    my ($exit, @lines) = framework(undef, [task('dies')], sub { die "no\n" if $_[2]{state} == 2 && !$died++ });
    is $exit, 0;
    # Whether run dies with it is the event loop's choice.
    my ($lost) = map {/^update dies 2 (\w{32})/} @lines;
    is_deeply [uuids('update dies 2' => @lines)], [$lost, $lost], 'the update came twice';
    is_deeply [grep { $_ eq $lost } uuids(handled => @lines)], [$lost], 'and was handled once';
};

subtest 'a slow callback' => sub {
    my ($exit, @lines) = framework(undef, [map { task("slow$_") } 1 .. 3], sub { Time::HiRes::sleep(1) });
    is $exit, 0;
    my @updates = uuids(update => @lines);
    my %once = map { ($_ => 1) } @updates;
    is scalar(@updates), scalar(keys %once), 'no update comes twice';
    is_deeply \@updates, [uuids(handled => @lines)], 'each is handled';
};

done_testing;
