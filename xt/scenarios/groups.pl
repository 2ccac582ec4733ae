# Task groups: what a master refuses of them. A real agent that can run them is not at hand: captures of one are what src/local is held to.
package Scenarios::Groups;
use strict;
use warnings;

my ($cpus, $mem, $disk) = map { Test::Scenario::Framework->can($_) } qw(cpus mem disk);

sub executor {
    my ($framework, %more) = @_;
    return {type => 1, executor_id => {value => $framework->scenario->id('default')}, framework_id => $framework->id,
        resources => [$cpus->(0.1), $mem->(32), $disk->(10)], %more};
}

# A group of tasks that is refused, and what its tasks hear.
sub refused {
    my ($name, $executor, @tasks) = @_;
    return ["group: $name", sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            my $offer = $framework->offer;
            my @infos = map { my ($id, %more) = @$_; +{%{$framework->command($id, 'true')}, slave_id => $offer->{slave_id}, resources => [$cpus->(0.1), $mem->(32)], %more} } @tasks;
            $framework->accept($offer, {type => Mesos::Offer::Operation::Type::LAUNCH_GROUP(),
                    launch_group => {executor => executor($framework, %$executor), task_group => {tasks => \@infos}}});
            $scenario->until('an end for each', sub { $framework->heard('statusUpdate') >= @infos });
    }];
}

[
    refused('more than there is', {}, ['a', resources => [$cpus->(50), $mem->(32)]], ['b']),
    refused('more than there is together', {}, map { [$_, resources => [$cpus->(2.5), $mem->(32)]] } qw(a b)),
    refused('an executor without cpus', {resources => [$mem->(32)]}, ['a'], ['b']),
    refused('an executor without memory', {resources => [$cpus->(0.1)]}, ['a']),
    refused('an executor with little memory', {resources => [$cpus->(0.1), $mem->(1)]}, ['a']),
    refused('an executor with a command', {command => {value => 'true'}}, ['a']),
    refused('an executor of no type', {type => 0}, ['a']),
    refused('an executor of another framework', {framework_id => {value => 'other'}}, ['a']),
    refused('a task without resources', {}, ['a', resources => []], ['b']),
    refused('a task of another agent', {}, ['a', slave_id => {value => 'elsewhere'}], ['b']),
    refused('a task with an executor', {}, ['a', executor => {type => 1, executor_id => {value => 'e'}}], ['b']),
    refused('a task id with a slash', {}, ['a', task_id => {value => 'x/y'}], ['b']),
    refused('a task with a Docker container', {}, ['a', container => {type => 1, docker => {image => 'busybox'}}]),
    refused('a health check without its part', {}, ['a', health_check => {type => 3}], ['b']),
    refused('a negative kill policy', {}, ['a', kill_policy => {grace_period => {nanoseconds => -1}}], ['b']),
]
