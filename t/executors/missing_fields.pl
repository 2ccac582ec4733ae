#!/usr/bin/env perl
# For xt/missing_fields.t: sends an update with each of its fields missing, and tells the scheduler which of them died at the call. Those
# that were sent say in their message what is missing in them.
use strict;
use warnings;
use Mesos::ExecutorDriver;
use Storable qw(dclone);

package MyExecutor;
use Moo;
extends 'Mesos::Executor';

sub places {
    my ($value, @path) = @_;
    my @keys = ref $value eq 'HASH' ? sort keys %$value : ref $value eq 'ARRAY' ? 0 .. $#$value : ();
    return map { my @to = (@path, $_); (\@to, places(ref $value eq 'HASH' ? $value->{$_} : $value->[$_], @to)) } @keys;
}

sub launchTask {
    my ($self, $driver, $task) = @_;
    my %whole = (
        task_id => {value => $task->{task_id}{value}}, state => Mesos::TaskState::TASK_RUNNING, message => 'm', data => 'd', healthy => 1,
        source => Mesos::TaskStatus::Source::SOURCE_EXECUTOR, reason => Mesos::TaskStatus::Reason::REASON_COMMAND_EXECUTOR_FAILED,
        timestamp => 1, labels => {labels => [{key => 'k', value => 'v'}]}, check_status => {type => 1, command => {exit_code => 0}},
        executor_id => {value => 'missing'}, slave_id => $task->{slave_id},
        container_status => {network_infos => [{ip_addresses => [{ip_address => '127.0.0.1'}]}]},
    );
    my @all;
    for my $place (places(\%whole)) {
        my $update = Storable::dclone(\%whole);
        my ($in, $last) = ($update, $place->[-1]);
        $in = ref $in eq 'HASH' ? $in->{$_} : $in->[$_] for @$place[0 .. $#$place - 1];
        if (ref $in eq 'HASH') { delete $in->{$last} } else { splice @$in, $last, 1 }
        my $what = 'without ' . join '.', @$place;
        my $is_message = $what eq 'without message';
        push @all, $what unless $is_message;
        $update->{message} = $what unless $is_message;
        next if eval { $driver->sendStatusUpdate($update); 1 };
        $driver->sendFrameworkMessage("dies $what: $@");
    }
    $driver->sendFrameworkMessage('all ' . join "\n", @all);
}

sub shutdown { $_[1]->stop }

package main;

exit Mesos::ExecutorDriver->new(executor => MyExecutor->new, on_exception => 'die')->run != Mesos::Status::DRIVER_STOPPED;
