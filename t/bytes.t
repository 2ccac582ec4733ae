use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Mesos::SchedulerDriver;
use lib 't/lib';
use Test::Framework;
use Test::Mesos qw(command);
use Test::More;

# To Mesos the strings of messages are bytes, whether they are UTF-8 or not. With MESOS_TEST_MASTER: on that master.

my $master = $ENV{MESOS_TEST_MASTER} || 'local';
my $executor = abs_path(dirname(__FILE__) . '/executors/bytes.pl');
my $labels = {labels => [{key => "gr\xf6\xdfe", value => "\xff\x80"}, {key => "gr\xc3\xb6\xc3\x9fe", value => "\xf4\x8f\xbe\x80"}]};

sub plain { return [map { [$_->{key}, $_->{value}] } @{$_[0]{labels}}] }

# Runs tasks of a framework whose own name is Latin-1.
sub run_bytes {
    my ($tasks, %more) = @_;
    my $scheduler = Test::Framework->new(tasks => [@$tasks], %{delete $more{scheduler} || {}});
    my $driver = Mesos::SchedulerDriver->new(
        master => $master, scheduler => $scheduler, master_timeout => 30, on_exception => 'die',
        framework => {
            user => '', name => "Pr\xfcfung", labels => $labels, role => "b\xfcro", %{delete $more{framework} || {}}},
        %more);
    local $SIG{ALRM} = sub { die 'no end after 120 s; states: ' . explain($scheduler->states) };
    alarm 120;
    my $status = $driver->run;
    alarm 0;
    is $status, Mesos::Status::DRIVER_STOPPED(), 'stopped';
    return $scheduler;
}

sub executor_task {
    my ($id, $executor_id) = @_;
    return {
        task_id => {value => $id}, name => "Stra\xdfe", labels => $labels,
        executor => {
            executor_id => {value => $executor_id}, name => "ausf\xfchren", labels => $labels,
            command => {
                value => "$^X $executor \xe9t\xe9",
                environment => {variables => [
                        {name => 'LATIN', value => "a\xfcb"}, {name => 'PERL5LIB', value => join ':', map { abs_path $_ } grep { !ref && -e } @INC}]},
            },
        },
    };
}

for my $ids (['task', 'executor'], ["\xfcbung", "l\xe4ufer"]) {
    my ($id, $executor_id) = @$ids;
    my @updates;
    my $scheduler = run_bytes([executor_task($id, $executor_id)], scheduler => {on_update => sub { push @updates, $_[1] }});
    is_deeply $scheduler->states, {$id => [1, 2]}, 'both updates came';
    is_deeply [map { $_->{message} } @updates], ["l\xe4uft", "B\xfccher"], 'with their messages';
    is $updates[0]{data}, join('|', "ausf\xfchren", "Pr\xfcfung", $executor_id, "Stra\xdfe", $id, "a\xfcb", "\xe9t\xe9"),
        'what the executor saw';
    is_deeply plain($updates[0]{labels}), plain($labels), 'labels';
    is $updates[0]{executor_id}{value}, $executor_id;
    ok !(grep { utf8::is_utf8($_) } $updates[0]{message}, $updates[0]{labels}{labels}[1]{key}), 'bytes, as all strings';
}

subtest 'what only the embedded cluster has' => sub {
    plan skip_all => 'on another master' if $master ne 'local';
    my $scratch = tempdir(CLEANUP => 1);
    local $ENV{MESOS_WORK_DIR} = "$scratch/w\xfcrfel";
    local $ENV{MESOS_ATTRIBUTES} = "ort:K\xf6ln";
    open my $out, '>', "$scratch/qu\xe4lle" or die $!;
    close $out;
    my $scheduler = run_bytes([
            {%{command("\xe4", "test \"\$LATIN\" = '\xfc' && printf \xf6 > 'd\xfc' && test -e qu\xe4lle && test -e zi\xe8l",
                        environment => {variables => [{name => 'LATIN', value => "\xfc"}]},
                        uris => [{value => "$scratch/qu\xe4lle"}, {value => "file://$scratch/qu\xe4lle", output_file => "zi\xe8l"}])},
                labels => $labels},
            command('no_file', 'true', uris => [{value => "$scratch/n\xefx"}]),
            command('no_user', 'true', user => "n\xf6"),
            command('arguments', '/bin/sh', shell => 0, arguments => ['sh', '-c', "test \$0 = \xe9", "\xe9"]),
    ]);
    my ($offers) = map { $_->[1] } grep { $_->[0] eq 'resourceOffers' } @{$scheduler->heard};
    is $offers->[0]{attributes}[0]{text}{value}, "K\xf6ln", 'attributes of the agent';
    is_deeply [map { $scheduler->states->{$_}[-1] } "\xe4", 'arguments', 'no_file', 'no_user'], [2, 2, 3, 5]
        or diag explain $scheduler->last_status;
    like $scheduler->last_status->{no_user}{message}, qr/'n\xf6'/, 'an error text quotes the bytes';
    my ($file) = glob "$scratch/w\xfcrfel/slaves/*/frameworks/*/executors/\xe4/runs/latest/d\xfc";
    ok $file && -s $file == 1, 'the sandbox has the name of the task';
};

subtest 'roles' => sub {
    my @heard;
    my $scheduler = run_bytes([command('t', 'true')], framework => {
            role => undef, roles => ["b\xfcro", "w\xe4rme"], capabilities => [{type => Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE()}]},
        scheduler => {on_update => sub {
                my ($driver, $status) = @_;
                $driver->suppressOffers(["w\xe4rme"]);
                $driver->reviveOffers(["b\xfcro"]);
                push @heard, $status->{state};
        }});
    is $heard[-1], Mesos::TaskState::TASK_FINISHED();
} if $master eq 'local';

done_testing;
