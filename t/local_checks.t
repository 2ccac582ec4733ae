use strict;
use warnings;
use IO::Socket::INET;
use lib 't/lib';
use Test::More;
use Test::Mesos qw(command run_tasks);
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# Checks and health checks on the embedded cluster, as a framework sees them.

my %soon = (delay_seconds => 0, interval_seconds => 0.05, grace_period_seconds => 0);

subtest 'a task that becomes unhealthy is killed' => sub {
    my @healthy;
    my ($scheduler) = run_tasks('local', [{
                %{command('t', 'exec sleep 1000')},
                health_check => {
                    %soon, type => Mesos::HealthCheck::Type::COMMAND(), consecutive_failures => 2,
                    # Once healthy, never again.
                    command => {value => 'mkdir once'},
                },
    }], scheduler => {on_update => sub { my ($driver, $status) = @_; push @healthy, $status->{healthy} }});
    is_deeply $scheduler->states->{t}, [0, 1, 1, 1, 1, Mesos::TaskState::TASK_KILLED()];
    is_deeply [map { defined() ? $_ ? 'yes' : 'no' : '' } @healthy], ['', '', 'yes', 'no', 'no', 'no'];
};

subtest 'a port that nobody listens on' => sub {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or return fail "listen: $@";
    my $port = $listener->sockport;
    undef $listener;
    my ($scheduler) = run_tasks('local', [{
                %{command('t', 'exec sleep 1000')},
                health_check => {%soon, type => Mesos::HealthCheck::Type::TCP(), consecutive_failures => 1, tcp => {port => $port}},
    }]);
    is_deeply $scheduler->states->{t}, [0, 1, 1, Mesos::TaskState::TASK_KILLED()];
    ok !$scheduler->last_status->{t}{healthy};
};

subtest 'what a check finds is told when it changes' => sub {
    my @codes;
    my ($scheduler) = run_tasks('local', [{
                %{command('t', 'exec sleep 1000')},
                check => {
                    delay_seconds => 0, interval_seconds => 0.05, type => Mesos::CheckInfo::Type::COMMAND(),
                    command => {command => {value => 'test -d a && exit 2; mkdir a; exit 1'}},
                },
        }], scheduler => {on_update => sub {
                my ($driver, $status) = @_;
                push @codes, $status->{check_status}{command}{exit_code};
                $driver->killTask($status->{task_id}) if ($codes[-1] // 0) == 2;
        }});
    is_deeply \@codes, [undef, undef, 1, 2, undef];
    is $scheduler->states->{t}[-1], Mesos::TaskState::TASK_KILLED();
};

done_testing;
