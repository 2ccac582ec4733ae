# Tasks: what a master refuses, and how they live and end with an executor of the framework's.
package Scenarios::Tasks;
use strict;
use warnings;

# A task that is launched on a whole offer; what it hears until its end.
sub task {
    my ($name, $make, @more) = @_;
    return ["task: $name", sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            my $task = $make->($framework, $offer);
            $framework->launch($offer, $task);
            $framework->until_end_of($task->{task_id}{value});
    }, @more];
}

# One that has this besides a command.
sub with { my ($name, %more) = @_; return task($name, sub { $_[0]->command('t', 'true', %more) }) }
sub resources { my (@list) = @_; return resources => [map { ref $_ ? $_ : Test::Scenario::Framework::cpus($_) } @list] }
my $command = {value => 'true'};
my ($mem, $disk, $ports, $cpus) = map { Test::Scenario::Framework->can($_) } qw(mem disk ports cpus);

[
    task('neither command nor executor', sub { my $t = $_[0]->command('t', 'true'); delete $t->{command}; $t }),
    task('both command and executor', sub { my $t = $_[0]->custom('t', 'x'); $t->{command} = $command; $t }),
    with('no resources', resources => []),
    with('more cpus than offered', resources(100)),
    with('more ports than offered', resources(0.1, $ports->(31_000, 32_000))),
    with('ports of another range', resources(0.1, $ports->(1, 2))),
    with('a port twice', resources(0.1, $ports->(31_000, 31_001), $ports->(31_001, 31_002))),
    with('an unknown resource', resources(0.1, {name => 'bananas', type => 0, scalar => {value => 1}})),
    with('a resource with an empty name', resources(0.1, {name => '', type => 0, scalar => {value => 1}})),
    with('negative cpus', resources(-1)),
    with('cpus as ranges', resources({name => 'cpus', type => 1, ranges => {range => [{begin => 1, end => 2}]}})),
    with('a resource of another role', resources($cpus->(0.1, role => 'elsewhere'))),
    with('what is reserved for another role', resources($cpus->(0.1, role => 'static'))),
    with('a revocable resource', resources($cpus->(0.1, revocable => {}))),
    with('a shared resource that is no volume', resources($cpus->(0.1, shared => {}))),
    with('a volume that is not there', resources(0.1, $disk->(1, disk => {persistence => {id => 'v'}, volume => {container_path => 'p', mode => 1}}))),
    with('a task id with a slash', task_id => {value => 'a/b'}),
    with('a task id that is too long', task_id => {value => 'x' x 256}),
    with('a task id that is .', task_id => {value => '.'}),
    with('another agent', slave_id => {value => 'elsewhere'}),
    with('a health check without its part', health_check => {type => 2}),
    with('a health check of no type', health_check => {consecutive_failures => 1}),
    with('a health check with a negative delay', health_check => {type => 1, command => $command, delay_seconds => -1}),
    with('a health check whose command is a program without its name', health_check => {type => 1, command => {shell => 0, arguments => ['x']}}),
    with('an HTTP health check of another scheme', health_check => {type => 2, http => {port => 1, scheme => 'ftp'}}),
    with('an HTTP health check with a path that is none', health_check => {type => 2, http => {port => 1, path => 'x'}}),
    with('a check without its part', check => {type => 1}),
    with('a check of no type', check => {}),
    with('a check with a negative interval', check => {type => 3, tcp => {port => 1}, interval_seconds => -1}),
    with('a kill policy with a negative grace period', kill_policy => {grace_period => {nanoseconds => -1}}),
    with('a negative max_completion_time', max_completion_time => {nanoseconds => -1}),
    with('an environment variable without a value', command => {value => 'true', environment => {variables => [{name => 'A'}]}}),
    with('an environment variable with both', command => {value => 'true', environment => {variables => [{name => 'A', value => 'x', type => 2, secret => {type => 2, value => {data => 'x'}}}]}}),
    with('limits below the request', resources(0.5), limits => {cpus => {value => 0.1}}),
    with('limits of what is not requested', resources(0.5), limits => {mem => {value => 64}}),
    with('limits of another kind', resources(0.5), limits => {disk => {value => 64}}),
    with('a volume without a source', container => {type => 2, volumes => [{container_path => 'x', mode => 1}]}),
    with('fractional gpus', resources(0.1, {name => 'gpus', type => 0, scalar => {value => 0.5}})),
    ['task: the same id twice in one call', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            $framework->launch($offer, map { $framework->custom('t', 'x', name => $_) } 1, 2);
            $scenario->until('two updates', sub { $framework->heard('statusUpdate') >= 2 });
            $scenario->for_a_while(0.3);
    }],
    ['task: an id that is in use', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            $framework->launch($framework->offer, $framework->custom('t', 'x'));
            $scenario->until('two updates', sub { $framework->heard('statusUpdate') >= 2 });
    }],
    ['task: an id that was in use', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            for my $round (1, 2) {
                $framework->launch($framework->offer, $framework->custom('t', 'x', executor => $framework->executor("e$round")));
                $scenario->until('running', sub { $framework->heard('statusUpdate') == 2 * $round - 1 });
                $framework->ask('t');
                $scenario->until('ended', sub { $framework->heard('statusUpdate') == 2 * $round });
            }
    }],
    ['task: two of which one is invalid', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('good', 'x'), $framework->command('bad', 'true', resources => []));
            $framework->until_running('good');
            $framework->until_end('bad');
    }],
    ['task: one invalid resource, and another task', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('good', 'x'), $framework->command('bad', 'true', resources(-1)));
            $framework->until_end('bad', 'good');
    }],
    ['task: two that fit only alone', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, map { $framework->custom($_, 'x', resources(2.5)) } qw(first second));
            $framework->until_running('first');
            $framework->until_end('second');
    }],
    ['task: on an unknown offer', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            $framework->accept({id => {value => 'unknown'}}, Test::Scenario::Framework::launch_of({%{$framework->custom('t', 'x')}, slave_id => $offer->{slave_id}}));
            $framework->until_end('t');
    }],
    ['task: on an offer that was declined', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            $framework->decline($offer, 60);
            $framework->launch($offer, $framework->custom('t', 'x'));
            $framework->until_end('t');
    }],
    ['task: on the same offer twice in a call', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            $framework->driver->launchTasks([$offer->{id}, $offer->{id}], [{%{$framework->custom('t', 'x')}, slave_id => $offer->{slave_id}}], {refuse_seconds => 0});
            $framework->until_end('t');
    }],
    ['task: runs, and finishes', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'bytes'));
            $framework->until_running('t');
            $framework->ask('t');
            $framework->until_end('t');
            $scenario->until('the message', sub { $framework->heard('frameworkMessage') });
    }],
    ['task: is killed', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            $framework->driver->killTask($framework->task_id('t'));
            $framework->until_end('t');
    }],
    ['task: is killed with a policy', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            $framework->driver->killTask($framework->task_id('t'), {grace_period => {nanoseconds => 5e9}});
            $framework->until_end('t');
    }],
    ['task: is killed, but there is none', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->driver->killTask($framework->task_id('t'));
            $framework->until_end('t');
    }],
    ['reconciliation of a task that is not there', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->driver->reconcileTasks([{task_id => $framework->task_id('t'), state => 1}]);
            $framework->until_end('t');
    }],
    ['reconciliation of a task on an agent that is not there', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->driver->reconcileTasks([{task_id => $framework->task_id('t'), state => 1, slave_id => {value => 'elsewhere'}}]);
            $framework->until_end('t');
    }],
    ['reconciliation for PARTITION_AWARE', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework(capabilities => [{type => Mesos::FrameworkInfo::Capability::Type::PARTITION_AWARE()}]);
            $framework->driver->reconcileTasks([{task_id => $framework->task_id('t'), state => 1},
                    {task_id => $framework->task_id('u'), state => 1, slave_id => {value => 'elsewhere'}}]);
            $scenario->until('both', sub { $framework->heard('statusUpdate') == 2 });
    }],
    ['reconciliation of one that runs', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            $framework->driver->reconcileTasks([{task_id => $framework->task_id('t'), state => 1}]);
            $scenario->until('an answer', sub { $framework->heard('statusUpdate') == 2 });
            $framework->driver->reconcileTasks([]);
            $scenario->until('another', sub { $framework->heard('statusUpdate') == 3 });
    }],
    ['an executor that exits with its task', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'exit 3'));
            $framework->until_end('t');
            $framework->until_heard('executorLost');
    }],
    ['an executor that cannot start', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x', executor => {%{$framework->executor('e')}, command => {value => 'exit 4'}}));
            $framework->until_end('t');
            $framework->until_heard('executorLost');
    }],
    ['two tasks of one executor, which exits', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $executor = $framework->executor('e');
            $framework->launch($framework->offer, $framework->custom('first', 'x', executor => $executor));
            $framework->until_running('first');
            $framework->launch($framework->offer, $framework->custom('second', 'exit 5', executor => $executor));
            $framework->until_end('first', 'second');
            $framework->until_heard('executorLost');
    }],
    ['an executor id that is used with another ExecutorInfo', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('first', 'x', executor => $framework->executor('e')));
            $framework->until_running('first');
            $framework->launch($framework->offer, $framework->custom('second', 'x', executor => {%{$framework->executor('e')}, name => 'other'}));
            $framework->until_end('second');
    }, 'writes the two ExecutorInfos of an incompatible executor in another notation', qr/(?<=Existing ExecutorInfo:\n).*/s],
    ['an executor with an invalid id', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x', executor => {%{$framework->executor('e')}, executor_id => {value => 'a/b'}}));
            $framework->until_end('t');
    }],
    ['an executor of another framework', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x', executor => {%{$framework->executor('e')}, framework_id => {value => 'other'}}));
            $framework->until_end('t');
    }],
    ['an executor with a negative grace period', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x', executor => {%{$framework->executor('e')}, shutdown_grace_period => {nanoseconds => -1}}));
            $framework->until_end('t');
    }],
    ['an executor that is DEFAULT and has a command', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->launch($framework->offer, $framework->custom('t', 'x', executor => {%{$framework->executor('e')}, type => 1}));
            $framework->until_end('t');
    }],
    ['an executor that is shut down', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            $framework->launch($offer, $framework->custom('t', 'x'));
            $framework->until_running('t');
            $framework->driver->shutdownExecutor({value => $scenario->id('executor-t')}, $offer->{slave_id});
            $framework->until_end('t');
            $framework->until_heard('executorLost');
    }],
]
