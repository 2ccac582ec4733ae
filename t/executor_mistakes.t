# Mistakes of an executor, each in a whole program, in every event loop: the text that is told in its sandbox, the line that it names, how
# the program ends, and what the scheduler learns of it.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
BEGIN { delete @ENV{grep {/\A(?:PERL_MESOS_|LIBPROCESS_|MOJO_|MESOS_)/} keys %ENV} }
use File::Spec;
use File::Temp qw(tempdir);
use Mesos::SchedulerDriver;
use Mesos::Test::Cluster;
use Test::Examples qw(is_loadable);
use Test::More;

# The dispatcher and the variables of each loop.
my %loops = (
    'EV' => ['AnyEvent', 'PERL_ANYEVENT_MODEL=EV'],
    "AnyEvent's own" => ['AnyEvent', 'PERL_ANYEVENT_MODEL=Perl'],
    'IO::Async' => ['IOAsync'],
    'Mojo, on EV' => ['Mojo', 'MOJO_REACTOR=Mojo::Reactor::EV'],
    "Mojo's own" => ['Mojo', 'MOJO_REACTOR=Mojo::Reactor::Poll'],
    'POE' => ['POE'],
    'none (Interrupt)' => ['Interrupt', 'PERL_ANYEVENT_MODEL=EV'],
);
my %needs = ('EV' => 'EV', 'IO::Async' => 'IO::Async', 'Mojo, on EV' => 'Mojo::Reactor::EV', "Mojo's own" => 'Mojo::IOLoop', 'POE' => 'POE', 'none (Interrupt)' => 'Async::Interrupt');

# A program that is right: it runs one task to its end. Mistakes change parts of it. `#here` marks the line that must be named.
my %right = (
    class => '',
    launch => '$self->finish($driver, $task);',
    make => 'my $driver = Mesos::ExecutorDriver->new(%arguments);',
    run => 'my $status = $driver->run;',
    more => '',
    launch_name => 'launchTask',
);
my $skeleton = <<'END';
use strict;
use warnings;
use Mesos::ExecutorDriver;
package MyExecutor;
use Moo;
extends "Mesos::Executor";
%(class)
sub %(launch_name) {
    my ($self, $driver, $task) = @_;
    %(launch)
}
sub send {
    my ($self, $driver, $task, $state, %more) = @_;
    return $driver->sendStatusUpdate({task_id => $task->{task_id}, state => $state, %more});
}
sub finish {
    my ($self, $driver, $task) = @_;
    $self->send($driver, $task, Mesos::TaskState::TASK_FINISHED);
    $driver->stop;
}
package main;
my ($loop) = @ARGV;
my %arguments = (dispatcher => $loop, executor => MyExecutor->new, on_exception => 'die', %(more));
%(make)
%(run)
print "status $status\n";
END

my $died = sub {
    my ($callback, $text, $outcome) = @_;
    return "Mesos: the callback $callback died: $text.\n" . ($outcome ? "  $outcome\n" : '')
        . "  on_exception is 'die': see on_exception => 'die', 'warn' or a code reference in Mesos::Role::HasDispatcher.\n";
};
my ($fails, $has_sent) = ('The driver sends TASK_FAILED for the task.', 'The executor had sent an update of the task, so the driver sends none.');
# The error of a callback that dies: first what the driver says, then the error itself.
my $refused = sub {
    my ($text) = @_;
    my $told = $died->('launchTask', $text, $fails);
    $told =~ s/\.\n/ LINE\n/;
    return "$told$text LINE\n";
};
my $status = sub { '$driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FINISHED, ' . $_[0] . '}); #here' };

# name, what is changed, what is told (LINE: "at FILE line N."), how the program ends (the status of the
# driver, 'dies', or a number for exit), and the task's last state with its message.
my ($stopped, $aborted) = ('status 4', 'status 3');
my @mistakes = (
    ['none', {}, '', $stopped, 'TASK_FINISHED'],
    ['none, with modifiers in place of callbacks', {launch_name => 'launched', class => 'after launchTask => sub { launched(@_) };'}, '', $stopped, 'TASK_FINISHED'],
    ['an unknown argument of the driver', {make => 'my $driver = Mesos::ExecutorDriver->new(%arguments, auto_flush => 0); #here'},
        "Mesos::ExecutorDriver->new: unknown argument 'auto_flush': did you mean 'autoflush'? LINE\n", $stopped, 'TASK_FINISHED'],
    ['an unknown argument of the executor', {make => 'my $driver = Mesos::ExecutorDriver->new(%arguments, executor => MyExecutor->new(jobs => 1)); #here'},
        "MyExecutor->new: unknown argument 'jobs' (it has none) LINE\n", $stopped, 'TASK_FINISHED'],
    ['a callback that dies', {launch => 'die "not now\n";'}, $died->('launchTask', 'not now', $fails) . "not now\n", 'dies', 'TASK_FAILED', 'not now'],
    ['a callback that dies with an object', {launch => 'die {an => "object"};'},
        qr/\AMesos: the callback launchTask died: HASH\(\w+\)\.\n  \Q$fails\E\n/, 'dies', 'TASK_FAILED', qr/\AHASH/],
    ['a callback that dies after an update', {launch => '$self->send($driver, $task, Mesos::TaskState::TASK_RUNNING); die "too late\n";'},
        $died->('launchTask', 'too late', $has_sent) . "too late\n", 'dies', 'TASK_FAILED', qr/Executor terminated|exited/],
    ['a callback that dies, which warns', {class => 'sub registered { die "at once\n" }', more => 'on_exception => "warn"'},
        qr/\AMesos: the callback registered died: at once\.\n  on_exception is 'warn': .*\n\z/, $stopped, 'TASK_FINISHED'],
    ['a callback that dies, for a function', {launch => 'die "not now\n";', more => 'on_exception => sub { print STDERR "$_[1]: $_[2]"; $_[0]->stop }'},
        qr/\AMesos: the callback launchTask died: not now\.\n  \Q$fails\E\n  on_exception is a code reference: .*\nlaunchTask: not now\n\z/, $stopped, 'TASK_FAILED', 'not now'],
    ['a callback with a wrong name', {class => 'sub kill_task { }', make => 'my $driver = Mesos::ExecutorDriver->new(%arguments); #here'},
        "MyExecutor has a method 'kill_task', which is never called: did you mean the callback 'killTask'? LINE\n", $stopped, 'TASK_FINISHED'],
    ['no launchTask', {launch_name => 'launch_task', class => 'sub shutdown { $_[1]->stop }', make => 'my $driver = Mesos::ExecutorDriver->new(%arguments); #here'},
        "MyExecutor has a method 'launch_task', which is never called: did you mean the callback 'launchTask'? LINE\n"
            . "Mesos: MyExecutor has no method launchTask: the task fails\n", $stopped, 'TASK_FAILED', 'MyExecutor has no method launchTask'],
    ['no killTask', {launch => '$self->send($driver, $task, Mesos::TaskState::TASK_RUNNING);', class => 'sub shutdown { $_[1]->stop }', kill => 1},
        "Mesos: MyExecutor has no method killTask: the task 'TASK' is not killed\n", $stopped, qr/\ATASK_(?:FAILED|KILLED|LOST|GONE)\z/],
    ['an unknown field in a status', {launch => $status->('mesage => "x"') . "\n\$driver->stop;"},
        "Mesos::TaskStatus.mesage: Mesos::TaskStatus has no field 'mesage': did you mean 'message'? LINE\n", $stopped, 'TASK_FINISHED'],
    ['an unknown field in a message of its class', {launch => '$driver->sendStatusUpdate(Mesos::TaskStatus->new({task_id => {value => $task->{task_id}{value}, id => 1}, state => 2})); #here'
                . "\n\$driver->stop;"}, "Mesos::TaskStatus.task_id.id: Mesos::TaskID has no field 'id' (its fields are: value) LINE\n", $stopped, 'TASK_FINISHED'],
    ['an unknown field that is fatal', {launch => $status->('mesage => "x"'), more => 'unknown_fields => "die"'},
        $refused->("Mesos::TaskStatus.mesage: Mesos::TaskStatus has no field 'mesage': did you mean 'message'?"), 'dies', 'TASK_FAILED', qr/did you mean 'message'/],
    ['an unknown field that is wanted', {launch => $status->('mesage => "x"') . "\n\$driver->stop;", more => 'unknown_fields => "ignore"'}, '', $stopped, 'TASK_FINISHED'],
    ['a list for one value', {launch => $status->('message => ["x"]') . "\n\$driver->stop;"},
        "Mesos::TaskStatus.message: expected one value, got an array reference, of which the last element counts LINE\n", $stopped, 'TASK_FINISHED'],
    ['a word that says no', {launch => $status->('healthy => "no"') . "\n\$driver->stop;"},
        "Mesos::TaskStatus.healthy: 'no' is a true value in Perl: did you mean 0? LINE\n", $stopped, 'TASK_FINISHED'],
    ['an update without its task', {launch => '$driver->sendStatusUpdate({state => 2}); #here'},
        $refused->('Mesos::TaskStatus.task_id: required field is missing'), 'dies', 'TASK_FAILED', qr/task_id: required field is missing/],
    ['an update without a state', {launch => '$driver->sendStatusUpdate({task_id => $task->{task_id}}); #here'},
        $refused->('Mesos::TaskStatus.state: required field is missing'), 'dies', 'TASK_FAILED', qr/state: required field is missing/],
    ['a misspelt required field', {launch => '$driver->sendStatusUpdate({task => $task->{task_id}, state => 2}); #here'},
        $refused->("Mesos::TaskStatus.task_id: required field is missing (Mesos::TaskStatus has no field 'task': did you mean 'task_id'?)"), 'dies', 'TASK_FAILED', qr/did you mean 'task_id'/],
    ['a state that is none', {launch => '$driver->sendStatusUpdate({task_id => $task->{task_id}, state => "TASK_DONE"}); #here'},
        qr/\A.*Mesos::TaskStatus\.state: .*TASK_DONE.* LINE\n\z/s, 'dies', 'TASK_FAILED', qr/TASK_DONE/],
    ['a state of which no update may be', {launch => '$driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_STAGING}); #here'},
        qr/\A.*status: TASK_STAGING is not for executors: agents refuse it LINE\n\z/s, 'dies', 'TASK_FAILED', qr/TASK_STAGING/],
    ['a number that is no state', {launch => '$driver->sendStatusUpdate({task_id => $task->{task_id}, state => 99}); #here'},
        qr/\A.*status: .*99.* LINE\n\z/s, 'dies', 'TASK_FAILED', qr/99/],
    ['an id that is text', {launch => '$driver->sendStatusUpdate({task_id => $task->{task_id}{value}, state => 2}); #here'},
        qr/\A.*Mesos::TaskStatus\.task_id: .* LINE\n\z/s, 'dies', 'TASK_FAILED', qr/task_id/],
    ['an id that is empty', {launch => '$driver->sendStatusUpdate({task_id => {value => ""}, state => 2}); #here'},
        qr/\A.*status: TaskStatus\.task_id is empty LINE\n\z/s, 'dies', 'TASK_FAILED', qr/empty/],
    ['a status that is none', {launch => '$driver->sendStatusUpdate("TASK_FINISHED"); #here'},
        qr/\A.*sendStatusUpdate: status: expected Mesos::TaskStatus or a hash reference, got "TASK_FINISHED" .*LINE\n\z/s, 'dies', 'TASK_FAILED', qr/expected Mesos::TaskStatus/],
    ['no status', {launch => '$driver->sendStatusUpdate; #here'}, qr/\A.*sendStatusUpdate\(status\): Wrong number of parameters; got 0; expected 1 LINE\n\z/s, 'dies', 'TASK_FAILED', qr/Wrong number/],
    ['a message that is none', {launch => '$driver->sendFrameworkMessage({a => 1}); #here'},
        qr/\A.*sendFrameworkMessage: data: expected a string, got a reference to hash .*LINE\n\z/s, 'dies', 'TASK_FAILED', qr/expected a string/],
    ['an update before start', {make => 'my $driver = Mesos::ExecutorDriver->new(%arguments);
        $driver->sendStatusUpdate({task_id => {value => "t"}, state => 1}), $driver->sendFrameworkMessage("x"); #here'},
        "sendStatusUpdate: the driver was not started yet: nothing was done LINE\nsendFrameworkMessage: the driver was not started yet: nothing was done LINE\n", $stopped, 'TASK_FINISHED'],
    ['an update after stop', {launch => '$self->finish($driver, $task); ' . $status->('')},
        "sendStatusUpdate: the driver was stopped: the update is lost LINE\n", $stopped, 'TASK_FINISHED'],
    ['arguments of run', {run => 'my $status = $driver->run(10); #here'}, "run: expected no arguments, got 1 LINE\n", $stopped, 'TASK_FINISHED'],
    ['a second run', {run => 'my $status = $driver->run;
        $status = $driver->run; #here'}, "start: the driver was stopped, and cannot be started again: make a new one LINE\n", $stopped, 'TASK_FINISHED'],
    ['a driver that is never started', {make => 'my $driver = Mesos::ExecutorDriver->new(%arguments); #here', run => 'my $status = $driver->status;'},
        "the program ends, and its Mesos::ExecutorDriver was never started: call run LINE\n", 'status 1', 'TASK_FAILED', qr/./],
    ['a start and nothing else', {run => 'our $kept = $driver;
        $driver->start; #here
        my $status = $driver->status;', not => qr/Interrupt/},
        "the program ends while a Mesos::ExecutorDriver runs whose callbacks were never called: call run, or run the event loop until the driver ends LINE\n", 'status 2', 'TASK_FAILED', qr/./],
    ['a running driver that is dropped', {run => '$driver->run_once;
        undef $driver; #here
        my $status = 0;', not => qr/Interrupt/},
        "a Mesos::ExecutorDriver is dropped while it runs: no callback comes any more. Keep it in a variable until stop LINE\n", 'status 0', 'TASK_FAILED', qr/./],
    ['a stop before the last update', {launch => '$self->send($driver, $task, Mesos::TaskState::TASK_RUNNING);
        $driver->stop; #here'}, "stop: the last update of the task 'TASK' was TASK_RUNNING: Mesos makes it TASK_FAILED LINE\n", $stopped, 'TASK_FAILED', qr/terminated|exited/],
    ['a stop before the last update, as it was told to', {launch => '$self->send($driver, $task, Mesos::TaskState::TASK_RUNNING);',
            class => 'sub killTask { $_[1]->sendStatusUpdate({task_id => $_[2], state => Mesos::TaskState::TASK_KILLING}) } sub shutdown { $_[1]->stop }', kill => 1},
        '', $stopped, qr/\ATASK_(?:FAILED|KILLING|KILLED|LOST|GONE)\z/],
    ['an exit without an update', {launch => 'exit 0;'}, '', 0, 'TASK_FAILED', qr/./],
    ['a program that does not compile', {run => 'my $status = ;'}, qr/syntax error/, 'dies', 'TASK_FAILED', qr/./],
    ['a missing module', {class => 'use Not::There;'}, qr/Can't locate Not\/There\.pm/, 'dies', 'TASK_FAILED', qr/./],
);

package Launcher;
use Moo;
extends 'Mesos::Scheduler';
has waiting => (is => 'ro');
has [qw(active ends kill)] => (is => 'ro', default => sub { {} });

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        # Two at a time, as even small machines can.
        my @tasks = keys %{$self->active} < 2 && @{$self->waiting} ? shift @{$self->waiting} : ();
        $self->active->{$_->{name}} = 1 for @tasks;
        $driver->launchTasks([$offer->{id}], [map { +{%$_, slave_id => $offer->{slave_id}} } @tasks], {refuse_seconds => 0});
    }
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $id = $status->{task_id}{value};
    my $state = Mesos::TaskState->name_of($status->{state}) || 'none';
    # The order matters: the executor's callback killTask comes before its callback shutdown.
    if ($state eq 'TASK_RUNNING') {
        return unless delete $self->kill->{$id};
        $driver->killTask({value => $id});
    }
    else {
        $self->ends->{$id} ||= [$state, defined $status->{message} ? $status->{message} : ''];
        delete $self->active->{$id};
    }
    $driver->shutdownExecutor({value => $id}, $status->{slave_id});
}

package main;

my $folder = tempdir(CLEANUP => 1);
my $include = join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC;

sub slurp { my ($path) = @_; open my $in, '<', $path or return ''; local $/; my $text = <$in>; return defined $text ? $text : '' }

# Writes the program, and gives its task.
sub task_of {
    my ($id, $loop, $mistake) = @_;
    my ($dispatcher, @variables) = @{$loops{$loop}};
    my %part = (%right, %{$mistake->[1]});
    (my $text = $skeleton) =~ s/%\((\w+)\)/$part{$1}/g;
    mkdir "$folder/$id" or die $!;
    open my $out, '>', "$folder/$id/executor.pl" or die $!;
    print $out $text;
    close $out or die $!;
    my $command = join ' ', 'cd', "$folder/$id;", @variables, "PERL5LIB='$include'", $^X, 'executor.pl', $dispatcher, '>out 2>err; echo $? >code.new; mv code.new code';
    return {
        name => $id, task_id => {value => $id}, resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}],
        executor => {executor_id => {value => $id}, command => {value => $command}},
    };
}

sub check {
    my ($id, $mistake, $end) = @_;
    my ($name, $change, $told, $how, $state, $message) = @$mistake;
    my @lines = split /\n/, slurp("$folder/$id/executor.pl");
    my ($line) = grep { $lines[$_ - 1] =~ /#here/ } 1 .. @lines;
    my ($code, $out, $err) = map { slurp("$folder/$id/$_") } qw(code out err);
    my $place = 'at executor.pl line ' . ($line || 0);
    $err =~ s/\Q$place\E\.\n/LINE\n/g;
    $err =~ s/'\Q$id\E'/'TASK'/g;
    subtest $name => sub {
        ref $told ? like($err, $told, 'it tells') : is($err, $told, 'it tells');
        $how eq 'dies' ? like($code, qr/\A[1-9]\d*\n\z/, 'how the program ends') : is($code, $how =~ /status/ ? "0\n" : "$how\n", 'how the program ends');
        is $out, $how =~ /status/ ? "$how\n" : '', 'and with what';
        ref $state ? like($end->[0], $state, 'the task') : is($end->[0], $state, 'the task');
        ref $message ? like($end->[1], $message, 'and why') : is($end->[1], $message, 'and why') if defined $message;
    };
}

my %can = map { my $loop = $_; ($loop => !$needs{$loop} || is_loadable($needs{$loop})) } keys %loops;
my (@waiting, %kill, %run);
my $number = 0;
for my $loop (grep { $can{$_} } sort keys %loops) {
    for my $mistake (grep { !$_->[1]{not} || $loop !~ $_->[1]{not} } @mistakes) {
        my $id = 'task-' . ++$number;
        push @waiting, task_of($id, $loop, $mistake);
        push @{$run{$loop}}, [$id, $mistake];
        $kill{$id} = 1 if $mistake->[1]{kill};
    }
}

my $cluster = Mesos::Test::Cluster->start_or_skip(agents => 1, resources => 'cpus:4;mem:4096', allocation_interval => '100ms');
my $launcher = Launcher->new(waiting => [@waiting], kill => \%kill);
my $driver = $cluster->driver(scheduler => $launcher);
$cluster->wait_for('all programs end', sub { !grep { !$launcher->ends->{$_->{name}} || !-e "$folder/$_->{name}/code" } @waiting }, timeout => 600)
    or diag join ' ', 'not:', map { $_->{name} } grep { !$launcher->ends->{$_->{name}} || !-e "$folder/$_->{name}/code" } @waiting;
$driver->stop;
for my $loop (sort keys %loops) {
    subtest $loop => sub {
        plan skip_all => "$needs{$loop} is not installed" unless $can{$loop};
        check(@$_, $launcher->ends->{$_->[0]} || ['no end', '']) for @{$run{$loop}};
    };
}

done_testing;
