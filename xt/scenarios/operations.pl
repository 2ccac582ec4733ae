# Operations on resources: reservations and volumes, with feedback.
package Scenarios::Operations;
use strict;
use warnings;

my %capability = map { ($_ => {type => Mesos::FrameworkInfo::Capability::Type->can($_)->()}) } qw(MULTI_ROLE RESERVATION_REFINEMENT SHARED_RESOURCES);
my @refinement = @capability{qw(MULTI_ROLE RESERVATION_REFINEMENT)};
my ($cpus, $mem, $disk) = map { Test::Scenario::Framework->can($_) } qw(cpus mem disk);

sub framework {
    my ($scenario, %more) = @_;
    return $scenario->framework(roles => [$scenario->id('role')], principal => 'principal', capabilities => [@refinement], %more);
}
sub role_of { my ($framework) = @_; return $framework->scenario->id('role') }
sub dynamic { my ($role, %more) = @_; return {type => 2, role => $role, principal => 'principal', %more} }
sub reserved { my ($framework, $resource, @more) = @_; return {%$resource, reservations => [dynamic(role_of($framework)), @more], allocation_info => {role => role_of($framework)}} }
sub volume {
    my ($framework, $size, %more) = @_;
    return {%{reserved($framework, $disk->($size))}, disk => {persistence => {id => $framework->scenario->id('v'), principal => 'principal'}, volume => {container_path => 'data', mode => 1}}, %more};
}
sub has { my ($name) = @_; return sub { my ($offer) = @_; return scalar grep { $_->{name} eq $name && $_->{reservations} } @{$offer->{resources}} } }
sub has_volume { my ($offer) = @_; return scalar grep { $_->{disk} } @{$offer->{resources}} }

# Undoes what a scenario has reserved, until all is as it was. It may come back in several offers.
sub give_back {
    my ($framework) = @_;
    $framework->scenario->until('everything back', sub {
            my $offer = shift @{$framework->offers} or return 0;
            my @reserved = grep { $_->{reservations} && $_->{reservations}[-1]{type} == 2 } @{$offer->{resources}};
            my @volumes = grep { $_->{disk} } @reserved;
            my %has = map { ($_->{name} => $_->{scalar}{value}) } grep { $_->{scalar} && !$_->{reservations} } @{$offer->{resources}};
            $framework->accept($offer, (map { $framework->operation(DESTROY => {volumes => [$_]}) } @volumes),
                @reserved ? $framework->operation(UNRESERVE => {resources => [map { my %plain = %$_; delete $plain{disk}; \%plain } @reserved]}) : ());
            return !@reserved && ($has{cpus} // 0) == 4 && ($has{disk} // 0) == 4096;
    });
    return;
}

# What a master says of one operation on a whole offer.
sub refused {
    my ($name, $make, @more) = @_;
    return ["operation: $name", sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            $framework->accept($framework->offer, $make->($framework));
            $framework->until_operation('op');
    }, @more];
}

[
    ['operation: RESERVE and UNRESERVE', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [reserved($framework, $cpus->(1))]}, 'reserve'));
            $framework->until_operation('reserve');
            $framework->show(my $offer = $framework->offer(has('cpus')));
            $framework->accept($offer, $framework->operation(UNRESERVE => {resources => [reserved($framework, $cpus->(1))]}, 'unreserve'));
            $framework->until_operation('unreserve');
            $framework->show($framework->offer);
    }],
    ['operation: a part of a reservation is given back', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [reserved($framework, $cpus->(1))]}, 'reserve'));
            $framework->accept($framework->offer(has('cpus')), $framework->operation(UNRESERVE => {resources => [reserved($framework, $cpus->(0.25))]}, 'unreserve'));
            $framework->until_operation(qw(reserve unreserve));
            $framework->decline($framework->show($framework->offer(has('cpus'))));
            give_back($framework);
    }],
    ['operation: RESERVE and a task on it in one call', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            my $offer = $framework->offer;
            my $task = {%{$framework->custom('t', 'x')}, slave_id => $offer->{slave_id}, resources => [reserved($framework, $cpus->(0.5))]};
            $framework->accept($offer, $framework->operation(RESERVE => {resources => [reserved($framework, $cpus->(1))]}, 'reserve'),
                Test::Scenario::Framework::launch_of($task));
            $framework->until_operation('reserve');
            $framework->until_running('t');
            $framework->decline($framework->show($framework->offer(has('cpus')), 'the rest'));
            $framework->driver->killTask($framework->task_id('t'));
            $framework->until_end('t');
            give_back($framework);
    }],
    ['operation: a shared volume: two tasks of one call, offered while it is used, not destroyed then', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario, capabilities => [@refinement, $capability{SHARED_RESOURCES}]);
            my $shared = sub { volume($framework, 64, shared => {}) };
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [reserved($framework, $disk->(64))]}, 'reserve'),
                $framework->operation(CREATE => {volumes => [$shared->()]}, 'create'));
            $framework->until_operation(qw(reserve create));
            my $offer = $framework->show($framework->offer(\&has_volume));
            my $task = sub {
                return {%{$framework->custom($_[0], 'x')}, slave_id => $offer->{slave_id},
                    resources => [$cpus->(0.01, allocation_info => {role => role_of($framework)}), $shared->()]};
            };
            $framework->accept($offer, Test::Scenario::Framework::launch_of($task->('t'), $task->('u')));
            $framework->until_running('t', 'u');
            $framework->show($offer = $framework->offer(\&has_volume), 'while it is used');
            $framework->accept($offer, $framework->operation(DESTROY => {volumes => [$shared->()]}, 'early'));
            $framework->until_operation('early');
            $framework->driver->killTask($framework->task_id($_)) for 't', 'u';
            $framework->until_end('t', 'u');
            $framework->accept($framework->offer(\&has_volume), $framework->operation(DESTROY => {volumes => [$shared->()]}, 'destroy'));
            $framework->until_operation('destroy');
            $framework->decline($framework->show($framework->offer(has('disk'))));
            give_back($framework);
    }],
    ['operation: a shared volume: too much of it or beside it, and an executor that wants it', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario, capabilities => [@refinement, $capability{SHARED_RESOURCES}]);
            my $shared = sub { volume($framework, 64, shared => {}) };
            my $cpus_of = sub { $cpus->($_[0], allocation_info => {role => role_of($framework)}) };
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [reserved($framework, $disk->(64))]}, 'reserve'),
                $framework->operation(CREATE => {volumes => [$shared->()]}, 'create'));
            $framework->until_operation(qw(reserve create));
            my $offer = $framework->offer(\&has_volume);
            $framework->launch($offer, {%{$framework->custom('t', 'x')}, resources => [$cpus_of->(100), $shared->()]},
                {%{$framework->custom('u', 'x', executor => $framework->executor('e', resources => [$cpus_of->(0.01), $shared->()]))}, resources => [$cpus_of->(0.01)]},
                {%{$framework->custom('v', 'x')}, resources => [$cpus_of->(0.01), $shared->(), $shared->()]});
            $framework->until_end('t', 'u', 'v');
            $framework->accept($framework->offer(\&has_volume), $framework->operation(DESTROY => {volumes => [$shared->()]}, 'destroy'));
            $framework->until_operation('destroy');
            give_back($framework);
    }],
    ['operation: a volume is made, used, and destroyed', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            my $offer = $framework->offer;
            $framework->accept($offer, $framework->operation(RESERVE => {resources => [reserved($framework, $disk->(64))]}, 'reserve'),
                $framework->operation(CREATE => {volumes => [volume($framework, 64)]}, 'create'));
            $framework->until_operation(qw(reserve create));
            $framework->show($offer = $framework->offer(\&has_volume));
            $framework->launch($offer, {%{$framework->custom('t', 'x')}, resources => [$cpus->(0.01, allocation_info => {role => role_of($framework)}), volume($framework, 64)]});
            $framework->until_running('t');
            $framework->driver->killTask($framework->task_id('t'));
            $framework->until_end('t');
            $framework->accept($framework->offer(\&has_volume), $framework->operation(DESTROY => {volumes => [volume($framework, 64)]}, 'destroy'));
            $framework->until_operation('destroy');
            $framework->decline($framework->show($framework->offer(has('disk'))));
            give_back($framework);
    }],
    ['operation: a volume grows and shrinks', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            my $more = reserved($framework, $disk->(36));
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [reserved($framework, $disk->(100))]}, 'reserve'),
                $framework->operation(CREATE => {volumes => [volume($framework, 64)]}, 'create'));
            $framework->until_operation(qw(reserve create));
            $framework->accept($framework->offer(\&has_volume), $framework->operation(GROW_VOLUME => {volume => volume($framework, 64), addition => $more}, 'grow'));
            $framework->until_operation('grow');
            $framework->show(my $offer = $framework->offer(\&has_volume));
            $framework->accept($offer, $framework->operation(SHRINK_VOLUME => {volume => volume($framework, 100), subtract => {value => 60}}, 'shrink'));
            $framework->until_operation('shrink');
            $framework->decline($framework->show($framework->offer(\&has_volume)));
            give_back($framework);
    }],
    ['operation: a refined reservation', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario, roles => [$scenario->id('role') . '/child']);
            my $child = role_of($framework) . '/child';
            my %allocated = (allocation_info => {role => $child});
            $framework->accept($framework->offer, $framework->operation(RESERVE => {resources => [
                            {%{$cpus->(1)}, reservations => [dynamic($child)], %allocated}]}, 'child'));
            $framework->until_operation('child');
            $framework->show(my $offer = $framework->offer(has('cpus')));
            $framework->accept($offer, $framework->operation(UNRESERVE => {resources => [{%{$cpus->(1)}, reservations => [dynamic($child)], %allocated}]}, 'back'));
            $framework->until_operation('back');
    }],
    refused('RESERVE of more than there is', sub { my ($f) = @_; $f->operation(RESERVE => {resources => [reserved($f, $cpus->(100))]}, 'op') }),
    refused('RESERVE for another role', sub { my ($f) = @_; $f->operation(RESERVE => {resources => [{%{$cpus->(1)}, reservations => [dynamic('elsewhere')], allocation_info => {role => role_of($f)}}]}, 'op') }),
    refused('RESERVE of another principal', sub { my ($f) = @_; $f->operation(RESERVE => {resources => [{%{$cpus->(1)}, reservations => [dynamic(role_of($f), principal => 'other')], allocation_info => {role => role_of($f)}}]}, 'op') }),
    refused('UNRESERVE of what is not reserved', sub { my ($f) = @_; $f->operation(UNRESERVE => {resources => [reserved($f, $cpus->(1))]}, 'op') }),
    refused('CREATE from what is not reserved', sub { my ($f) = @_; $f->operation(CREATE => {volumes => [volume($f, 64)]}, 'op') }),
    refused('CREATE of a read-only volume', sub { my ($f) = @_; my $v = volume($f, 64); $v->{disk}{volume}{mode} = 2; $f->operation(CREATE => {volumes => [$v]}, 'op') }),
    refused('CREATE of a volume with a host path', sub { my ($f) = @_; my $v = volume($f, 64); $v->{disk}{volume}{host_path} = '/x'; $f->operation(CREATE => {volumes => [$v]}, 'op') }),
    refused('DESTROY of a volume that is not there', sub { my ($f) = @_; $f->operation(DESTROY => {volumes => [volume($f, 64)]}, 'op') }),
    refused('GROW_VOLUME of one that is not there', sub { my ($f) = @_; $f->operation(GROW_VOLUME => {volume => volume($f, 64), addition => reserved($f, $disk->(1))}, 'op') }),
    refused('SHRINK_VOLUME of one that is not there', sub { my ($f) = @_; $f->operation(SHRINK_VOLUME => {volume => volume($f, 64), subtract => {value => 1}}, 'op') }),
    ['operation: reconciliation of an unknown one', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            $framework->driver->reconcileOperations([{operation_id => {value => $scenario->id('op')}}]);
            $framework->until_operation('op');
    }],
    ['operation: reconciliation of an unknown one, with its agent', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            my $offer = $framework->offer;
            $framework->driver->reconcileOperations([{operation_id => {value => $scenario->id('op')}, slave_id => $offer->{slave_id}}]);
            $framework->until_operation('op');
    }],
    ['operation: on an unknown offer', sub {
            my ($scenario) = @_;
            my $framework = framework($scenario);
            $framework->accept({id => {value => 'unknown'}}, $framework->operation(RESERVE => {resources => [reserved($framework, $cpus->(1))]}, 'op'));
            $framework->until_operation('op');
    }],
]
