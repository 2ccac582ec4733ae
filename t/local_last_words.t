use strict;
use warnings;
use lib 't/lib';
use Test::Examples qw(start finish);
use Test::More;
BEGIN { delete @ENV{grep {/\APERL_MESOS_/} keys %ENV} }

# Sandboxes of the embedded cluster are deleted with it. What failed commands and executors wrote to stderr last is told before.

my $program = <<'PERL';
use strict;
use warnings;
use lib 't/lib';
use Test::Framework;
use Mesos::SchedulerDriver;
my $task = sub { return {task_id => {value => $_[0]}, name => $_[0], command => {value => $_[1]}} };
my $framework = Test::Framework->new(
    tasks => [
        $task->('fails', 'echo first >&2; echo "bad \033[31m news" >&2; exit 3'),
        $task->('talks', 'seq 1000 >&2; exit 1'),
        $task->('silent', 'exit 4'),
        $task->('works', 'echo nothing wrong >&2'),
        $task->('killed', 'echo why not >&2; sleep 1000'),
        {task_id => {value => 'left'}, name => 'left', executor => {executor_id => {value => 'leaves'}, command => {value => 'echo enough >&2'}}},
        {task_id => {value => 'custom'}, name => 'custom', executor => {executor_id => {value => 'early'}, command => {value => 'echo no module >&2; exit 2'}}},
    ],
    on_update => sub { my ($driver, $status) = @_; $driver->killTask($status->{task_id}) if $status->{task_id}{value} eq 'killed' && $status->{state} == 1 },
);
Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'last words'}, scheduler => $framework)->run;
print join ' ', map { "$_=$framework->{states}{$_}[-1]" } sort keys %{ $framework->{states} };
PERL

sub run_program {
    my (%environment) = @_;
    local @ENV{keys %environment} = values %environment;
    return finish(start('-e', $program), 60);
}

my ($status, $out, $err) = run_program();
is $status, 0, 'the program ended' or diag $err;
like $out, qr/\bfails=3 killed=4 left=3 silent=3 talks=3 works=2\z/, 'states';
like $err, qr/^Mesos: task fails: Command exited with status 3\. It ends its stderr with:\nMesos:     first\nMesos:     bad \\u\{1b\}\[31m news\n/m,
    'a command, with its name, and nothing that commands a terminal';
my ($talks) = $err =~ /^(Mesos: task talks: .*\n(?:Mesos:     \d+\n)+)/m;
is_deeply [($talks // '') =~ /(\d+)$/mg], [991 .. 1000], 'the last lines';
like $err, qr/^Mesos: executor early of task custom: Command exited with status 2\. .*:\nMesos:     no module\n/m, 'an executor';
like $err, qr/^Mesos: executor leaves of task left: Command exited with status 0\. .*:\nMesos:     enough\n/m,
    'an executor that leaves its task behind, though its status is 0';
unlike $err, qr/silent|works|killed|nothing wrong|why not/, 'not those that said nothing, or did not fail';

(undef, undef, $err) = run_program(PERL_MESOS_TRACE => 'INFO');
like $err, qr/\] task silent: Command exited with status 4, without a word on its stderr$/m, 'INFO tells of those, too';

(undef, undef, $err) = run_program(PERL_MESOS_TRACE => 'QUIET');
is $err, '', 'silence was asked for';

# A newcomer's program: it waits for TASK_FINISHED, and the task has failed without a word.
my $waits = <<'PERL';
use strict;
use warnings;
use AnyEvent;
use Mesos::SchedulerDriver;
package Waits;
use Moo;
extends 'Mesos::Scheduler';
has launched => (is => 'rw', default => 0);
has tasks => (is => 'ro', default => sub { [@ARGV] });
sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my $command = shift @{$self->tasks} or last;
        my $id = 't' . $self->launched($self->launched + 1);
        $driver->launchTasks([$offer->{id}], [{task_id => {value => $id}, name => $id, slave_id => $offer->{slave_id},
            resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}], command => {value => $command}}], {refuse_seconds => 0});
    }
}
sub statusUpdate { my ($self, $driver, $status) = @_; $driver->stop if $status->{state} == Mesos::TaskState::TASK_FINISHED && !@{$self->tasks} }
package main;
my $driver = Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'waits'}, scheduler => Waits->new);
my $end = AnyEvent->timer(after => 12, cb => sub { $driver->stop });
$driver->run;
PERL

sub waited {
    my (@commands) = @_;
    my (undef, undef, $told) = finish(start('-e', $waits, @commands), 60);
    return $told;
}
is waited('exit 3'), "Mesos: framework waits: its last task, t1, is TASK_FAILED, and it has launched none for 10 s. Does it wait for "
    . "TASK_FINISHED only? TASK_FAILED, TASK_KILLED and TASK_LOST are ends, too.\n", 'a program that waits in vain is told of it';
is waited('exit 3', 'sleep 1000'), '', 'not one that has a task';

done_testing;
