# No runner leaves a value of Perl behind, however its tasks end, and no public method of it: t/leaks_methods.t, with a cluster.
use strict;
use warnings;
use lib 't/lib';
use Test::Leaks qw(all_free frees_all methods_of never_grows reads $long @wrong);
use File::Temp ();
use Scalar::Util qw(weaken);
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Mesos::Cluster;
use Mesos::Runner;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

my $why = Mesos::Cluster->why_not;
plan skip_all => $why if defined $why;
alarm 300;
local $SIG{__WARN__} = sub { };

# AnyEvent's own loop keeps a timer's place in its list until the time is over, if the timer was dropped long before. So this is another one.
my ($loop) = grep { eval "require Mesos::Dispatcher::$_; 1" } qw(Mojo IOAsync POE AnyEvent);    ## no critic (ProhibitStringyEval)
my $cluster = Mesos::Cluster->start(agents => 2, resources => 'cpus:32;mem:8192', allocation_interval => '20ms');
my $temporary = File::Temp->newdir;

sub runner { my (%more) = @_; return Mesos::Runner->new(master => $cluster->master, dispatcher => $loop, backoff => 0.01, framework => {user => '', name => $long, failover_timeout => 60}, %more) }

# How runs end, by name: what the runner has, its tasks, and how each of them has to end.
my %runs = (
    'tasks that finish' => [{on_result => sub { }, on_state => sub { }, on_output => sub { }}, ["echo $long", ['sh', '-c', "echo $long >&2"]], 'FINISHED', 'FINISHED'],
    'a task that fails, and again' => [{retry_failed => 1}, ['exit 3'], 'FAILED'],
    'a task whose time is over' => [{timeout => 0.01}, ['sleep 1000'], 'KILLED'],
    'a task that is killed' => [{on_state => sub { my ($runner, $task) = @_; $runner->kill($task) if $task->state eq 'TASK_RUNNING' }}, ['sleep 1000'], 'KILLED'],
    'tasks that are killed before they are launched' => [{max_running => 1, on_state => sub { my ($runner) = @_; $runner->kill($_) for $runner->tasks }}, ['sleep 1000', 'true'], 'KILLED', undef],
    'a run that is interrupted' => [{max_running => 1, on_state => sub { my ($runner, $task) = @_; $runner->interrupt if $task->state eq 'TASK_RUNNING' }}, ['sleep 1000', 'true'], 'KILLED', undef],
    'a task that Mesos does not accept' => [{}, [{info => {command => {value => 'true'}, resources => [{name => 'ports', type => 1, ranges => {range => [{begin => 1, end => 2}]}}]}}], 'ERROR'],
    'a task without its output' => [{}, ['rm command.out'], 'FINISHED'],
    'more output than is kept' => [{max_output => 1000}, ['yes | head -c 200000'], 'FINISHED'],
    'no output' => [{collect_output => 0}, ['true'], 'FINISHED'],
    'a task of its own' => [{accepts => sub {1}, placement => 'pack'}, [{id => 'own', command => ['printenv', 'VALUE'], env => {VALUE => $long}, cpus => 0.2, data => {key => [$long]}, accepts => sub {1}}], 'FINISHED'],
);

sub ends { return map { defined $_->state ? substr $_->state, 5 : undef } @_ }

# Runs it, and dies unless its tasks have ended as they should: else it would be another thing that leaks nothing.
sub run_as {
    my ($name, %more) = @_;
    my ($options, $tasks, @ends) = @{$runs{$name}};
    my $runner = runner(%$options, %more);
    $runner->add(@$tasks);
    my @ended = ends($runner->run);
    my $seen = join ', ', map { defined ? $_ : 'none' } @ended;
    my $wanted = join ', ', map { defined ? $_ : 'none' } @ends;
    die "$name: $seen, and not $wanted\n" if $seen ne $wanted;
    return;
}

for my $master ('local', $cluster->master) {
    subtest $master eq 'local' ? 'the embedded cluster' : 'a cluster elsewhere' => sub {
        for my $name (sort keys %runs) { never_grows(sub { run_as($name, master => $master) }, $name) }
    };
}
each_dispatcher(sub { my ($name) = @_; never_grows(sub { run_as('tasks that finish', dispatcher => $name) }, 'tasks that finish') });


# Runs it, while code does something to the cluster as soon as the task runs.
sub run_while {
    my ($code, %more) = @_;
    my $done;
    my $runner = runner(on_state => sub { my ($runner, $task) = @_; $code->($runner, $task) if $task->state eq 'TASK_RUNNING' && !$done++ }, %more);
    $runner->add('sleep 1000');
    eval { $runner->run; 1 } and return 'no error', ends($runner->tasks);
    my $error = "$@";
    return $error, ends($runner->tasks);
}

subtest 'runs that go wrong' => sub {
    my $of = sub { my ($task) = @_; return grep { $_->{id} eq $task->slave_id } $cluster->agents };
    my $check = sub { my ($name, $code, $wanted) = @_; never_grows(sub { my $seen = join ' ', map { defined ? $_ : 'none' } $code->(); die "$name: $seen\n" if $seen !~ $wanted }, $name) };
    $check->('an agent that goes', sub {
            my $agent;
            my @seen = run_while(sub { my ($runner, $task) = @_; ($agent) = $of->($task); $cluster->stop_agent($agent->{number}) }, retry_lost => 0);
            $cluster->start_agent($agent->{number});
            return @seen;
    }, qr/\Ano error LOST/);
    $check->('a task that is lost, and again', sub {
            my $agent;
            my @seen = run_while(sub { my ($runner, $task) = @_; $task->{timeout} = 0.01; ($agent) = $of->($task); $cluster->stop_agent($agent->{number}) });
            $cluster->start_agent($agent->{number});
            return @seen;
    }, qr/\Ano error KILLED/);
    $check->('a task that somebody else kills', sub { run_while(sub { $cluster->kill_task($_[1]->mesos_id) }) }, qr/\Ano error KILLED/);
    $check->('a launch that fails', sub { $cluster->fail_launch; run_while(sub { }) }, qr/\Ano error FAILED/);
    $check->('a framework that is torn down', sub { run_while(sub { $cluster->client->teardown($_[0]->driver->framework->{id} || $_[0]->_scheduler->framework_id) }) }, qr/removed|torn down|teardown/i);
    $check->('a connection that breaks', sub { run_while(sub { $cluster->disconnect_framework($_[0]->_scheduler->framework_id); $_[1]->{timeout} = 0.01; $_[0]->_scheduler->set_timer('t', 0.05, do { my ($runner, $task) = @_; weaken($runner); sub { $runner->kill($task) } }) }) }, qr/\Ano error KILLED/);
    $check->('a master that is not there', sub { run_while(sub { }, master => '127.0.0.1:1', master_timeout => 0.05) }, qr/no master|within/i);
    $check->('a callback that dies', sub { run_while(sub { die "$long\n" }) }, qr/\Ar+\n RUNNING/);
    $check->('a run that goes on after a callback has died', sub {
            my $dies = 1;
            my $runner = runner(on_result => sub { die "no\n" if $dies });
            $runner->add('exit 3');
            my $died = !eval { $runner->run; 1 };
            $dies = 0;
            return $died, ends($runner->run);
    }, qr/\A1 FAILED/);
    $check->('a runner that is dropped while its tasks run', sub { my $runner = runner(on_output => sub { }); $runner->add('sleep 1000'); $runner->start; $runner->driver->run_once until ($runner->task(1)->state || '') eq 'TASK_RUNNING'; return 1 }, qr/1/);
    $check->('a task that fits no offer', sub {
            my $runner = runner();
            $runner->add({command => 'true', cpus => 1000});
            $runner->_scheduler->set_timer('t', 0.1, do { weaken(my $weak = $runner); sub { $weak->interrupt } });
            return ends($runner->run);
    }, qr/none/);
    $check->('a state file', sub {
            my @seen;
            my $file = "$temporary/state";
            for my $pass (1, 2) {
                my $runner = runner(state_file => $file, max_running => 1, on_result => sub { my ($runner) = @_; $runner->interrupt if $pass == 1 });
                my @tasks = map { {id => "t$_", command => 'true', data => [$long]} } 1 .. 3;
                $runner->add(@tasks) if $pass == 1;
                push @seen, ends($runner->run);
            }
            return @seen;
    }, qr/\AFINISHED/);
    $check->('a state file that is none', sub { open my $out, '>', "$temporary/none" or die $!; print {$out} "$long\n$long\n"; close $out; eval { runner(state_file => "$temporary/none") }; return $@ }, qr/damaged/);
};

subtest 'a runner' => sub {
    my @options = qw(accepts backoff collect_output cpus disk dispatcher driver driver_options framework gpus master master_timeout max_backoff max_output
        max_running mem on_output on_result on_state placement reconcile_interval retry_failed retry_lost state_file timeout);
    all_free('Mesos::Runner', \&runner, {
            map({ reads($_) } @options, qw(interrupted interrupt run counts tasks)),
            new => sub { runner(on_result => sub { }, driver_options => {offer_timeout => 1}, credential => {principal => $long, secret => $long}) },
            add => sub { $_[0]->add($long, [$long], {command => $long}, {info => {command => {value => $long}, labels => {labels => [{key => $long}]}}}) },
            task => sub { $_[0]->add({id => $long, command => 'true'}); $_[0]->task($long) },
            kill => sub { $_[0]->kill(scalar $_[0]->add('true')) },
            forget => sub { my $task = $_[0]->add('true'); $_[0]->kill($task); $_[0]->forget($task) },
            start => sub { $_[0]->add('true'); $_[0]->start; $_[0]->stop },
            stop => sub { $_[0]->start; $_[0]->stop(1) },
    }, {start => [[]], run => [[]]}, fresh => 1);
    frees_all(sub { eval { runner(@$_) } for [\'x'], map({ my $name = $_; map { [$name => $_] } undef, [], {x => [$long]}, -1, 'x', sub { } } grep { $_ ne 'state_file' && $_ ne 'master' } @options) }, 'wrong options');
    frees_all(sub { eval { runner()->add({command => 'true', %$_}) } for map { my $name = $_; map { +{$name => $_} } [], {x => [$long]}, -1, "x\n", sub { } } qw(id accepts data info env user cpus timeout retry_lost no_such_option) }, 'wrong options of a task');
};

subtest 'a task' => sub {
    my $runner = runner();
    $runner->add("echo $long");
    my ($task) = $runner->run;
    all_free('Mesos::Runner::Task', sub {$task}, {
            map({ reads($_) } methods_of('Mesos::Runner::Task')),
            new => sub { Mesos::Runner::Task->new(id => $long, info => {command => {value => $long}}) },
    }, {});
};

subtest 'what a runner keeps in files' => sub {
    my $journal = sub { unlink "$temporary/journal"; return Mesos::Runner::Journal->new("$temporary/journal") };
    all_free('Mesos::Runner::Journal', $journal, {
            new => sub { my $file = "$temporary/new"; Mesos::Runner::Journal->new($file)->write(1, {id => $long, phase => 'queued', stdout => $long}); Mesos::Runner::Journal->new($file) },
            write => sub { $_[0]->write(1, {id => $long, info => {key => [$long, undef]}, stderr => "\xff"}, {id => $long, forget => 1}) },
            remove => sub { $_[0]->remove },
    }, {new => [[], ['/'], ["$temporary/no/such/folder"]], remove => [[]]}, fresh => 1);
    my $folder = sub { Mesos::Runner::Folder->new };
    all_free('Mesos::Runner::Folder', $folder, {new => $folder, reads('path')}, {}, fresh => 1);
};

done_testing;
