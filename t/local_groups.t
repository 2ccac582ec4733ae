use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Mesos qw(command driver_for);
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# Task groups on the embedded cluster, launched with acceptOffers.

{
    package Test::GroupFramework;
    use Moo;
    extends 'Test::Framework';
    has group => (is => 'rw');

    sub scalars {
        my (%amounts) = @_;
        return [map { {name => $_, type => 0, scalar => {value => $amounts{$_}}} } sort keys %amounts];
    }

    sub registered { my ($self, undef, $id) = @_; push @{$self->heard}, ['registered', $id]; return }

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my $group = $self->group or next;
            $self->group(undef);
            my ($registered) = grep { $_->[0] eq 'registered' } @{$self->heard};
            $driver->acceptOffers([$offer->{id}], [{
                        type => Mesos::Offer::Operation::Type::LAUNCH_GROUP(),
                        launch_group => {
                            executor => {
                                type => Mesos::ExecutorInfo::Type::DEFAULT(), executor_id => {value => 'group'},
                                framework_id => $registered->[1], resources => scalars(cpus => 0.1, mem => 32, disk => 16),
                            },
                            task_group => {tasks => [map { {
                                            slave_id => $offer->{slave_id}, resources => scalars(cpus => 0.1, mem => 32), %$_,
                            } } @$group]},
                        },
            }], {});
        }
        return;
    }
}

sub run_group {
    my (@tasks) = @_;
    my $framework = Test::GroupFramework->new(group => [@tasks], stop_when_done => 0);
    my $driver = driver_for('local', $framework);
    local $SIG{ALRM} = sub { die 'no end after 120 s; states: ' . explain($framework->states) };
    alarm 120;
    $driver->run_once until $framework->done == @tasks && ($framework->count('executorLost') || $framework->last_status->{a}{state} == 7);
    alarm 0;
    $driver->stop;
    return $framework;
}

subtest 'a group of two tasks' => sub {
    my $framework = run_group(command('a', 'test -d ../../containers'), command('b', 'true'));
    is $framework->last_status->{$_}{state}, Mesos::TaskState::TASK_FINISHED(), "$_ finished" for qw(a b);
    is $framework->last_status->{$_}{executor_id}{value}, 'group' for qw(a b);
    my ($lost) = grep { $_->[0] eq 'executorLost' } @{$framework->heard};
    is_deeply [$lost->[1]{value}, $lost->[3]], ['group', 0], 'its executor has ended well';
};

subtest 'one that fails takes the other along' => sub {
    my $framework = run_group(command('a', 'exit 4'), command('b', 'exec sleep 1000'));
    is $framework->last_status->{a}{state}, Mesos::TaskState::TASK_FAILED();
    is $framework->last_status->{a}{message}, 'Command exited with status 4';
    is $framework->last_status->{b}{state}, Mesos::TaskState::TASK_KILLED();
};

subtest 'a group that is not valid' => sub {
    my $framework = run_group(command('a', 'true'), {%{command('b', 'true')}, resources => []});
    is $framework->last_status->{$_}{state}, Mesos::TaskState::TASK_ERROR() for qw(a b);
    is $framework->last_status->{a}{message}, q{Task 'b' is invalid: Task uses no resources};
};

done_testing;
