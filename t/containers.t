# Commands beside a task: run_in_container, wait_container and kill_container of Mesos::Client::Agent, mesos-perl exec and kill.
use 5.10.1;
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use AE;
use Mesos::Client;
use Mesos::Test::Cluster;
use Test::Files qw(output_of perl_command);
use Test::Framework;
use Test::More;
use Time::HiRes ();

my $cluster = Mesos::Test::Cluster->start(agents => 1, resources => 'cpus:4;mem:512', allocation_interval => '50ms');

my @tasks = map {
    {task_id => {value => $_}, name => $_, command => {value => "echo \$\$ > pid; echo $_ > file; exec sleep 1000",
            environment => {variables => [{name => 'GREETING', value => "hello $_"}]}}}
} qw(a b c);
my $scheduler = Test::Framework->new(tasks => [@tasks], stop_when_done => 0);
my $driver = $cluster->driver(scheduler => $scheduler, framework => {user => '', name => 'sleepers'});
$cluster->wait_for_task($_, 'RUNNING') for qw(a b c);

my $client = Mesos::Client->new(master => $cluster->master);
my $agent = $client->agent($client->agents->[0]{agent_info}{id});
my %containers = map { ($_->{executor_id}{value} => $_->{container_id}) } @{$agent->containers};
is_deeply [sort keys %containers], [qw(a b c)], 'each task has a container';

# Whatever is in there already.
sub eventually {
    my ($what, $is_so) = @_;
    my $limit = Time::HiRes::time() + 20;
    while (!$is_so->()) {
        return fail "$what, within 20 s" if Time::HiRes::time() > $limit;
        # The driver's loop goes on meanwhile.
        my $soon = AE::cv;
        my $timer = AE::timer(0.01, 0, $soon);
        $soon->recv;
    }
    return pass $what;
}

subtest 'a command sees what its task sees' => sub {
    eventually 'the task has written its file' => sub {
        my ($out, $status) = ('');
        $status = $agent->run_in_container($containers{a}, 'cat file', stdout => sub { $out .= $_[0] });
        return $status == 0 && $out eq "a\n";
    };
    my %out = (stdout => '', stderr => '');
    my @into = map { my $name = $_; ($name => sub { $out{$name} .= $_[0] }) } sort keys %out;
    is $agent->run_in_container($containers{a}, 'echo "$GREETING"; echo bad >&2; exit 3', @into), 3 << 8, 'its wait status';
    is_deeply \%out, {stdout => "hello a\n", stderr => "bad\n"}, 'its output';
    $out{stdout} = '';
    is $agent->run_in_container($containers{a}, ['printf', '%s|', 'one two', '$HOME'], @into), 0, 'words are no text for a shell';
    is $out{stdout}, 'one two|$HOME|';
    is $agent->run_in_container($containers{a}, 'kill -9 $$'), 9, 'ended by a signal';
    is $agent->run_in_container($containers{a}, ['/no/such/program']), 1 << 8, 'a program that is not there';
};

subtest 'much output arrives whole' => sub {
    my ($length, $sum) = (0, 0);
    my $status = $agent->run_in_container($containers{a}, 'seq 1 400000', stdout => sub { $length += length $_[0]; $sum += unpack '%32C*', $_[0] });
    my $wanted = join '', map {"$_\n"} 1 .. 400_000;
    is_deeply [$status, $length, $sum % 2**32], [0, length $wanted, unpack('%32C*', $wanted)];
};

# The status and the text of an answer that is an error.
sub refused {
    my ($code) = @_;
    eval { $code->(); 1 } and return 'no error';
    my $error = $@;
    return join ' ', $error->status, "$error" =~ /: (.*?) at /s;
}

subtest 'ends are waited for' => sub {
    my $id = {value => 'mine', parent => $containers{b}};
    $agent->call('LAUNCH_NESTED_CONTAINER', {container_id => $id, command => {value => 'pwd > here; exec sleep 1000'}});
    my @nested = grep { $_->{container_id}{parent} } @{$agent->containers(nested => 1)};
    is_deeply [map { $_->{container_id} } @nested], [$id], 'it is in the list of nested containers';
    is scalar(@{$agent->containers}), 3, 'and in no other';
    like refused(sub { $agent->call('REMOVE_NESTED_CONTAINER', {container_id => $id}) }), qr/\A500 .*Nested container has not terminated yet/;
    $agent->kill_container($id, signal => 15);
    is $agent->wait_container($id), 15, 'the signal that ended it';
    is $agent->wait_container($id), 15, 'whoever asks, as long as it is there';
    like refused(sub { $agent->kill_container($id) }), qr/\A404 .*cannot be found \(or is already killed\)/;
    $agent->call('REMOVE_NESTED_CONTAINER', {container_id => $id});
    like refused(sub { $agent->wait_container($id) }), qr/\A404 .*Container \S+\.mine cannot be found/;
};

subtest 'what is wrong is told in the words of an agent' => sub {
    my $nowhere = {value => 'x', parent => {value => 'nobody'}};
    my $launch = sub { my ($id, $kind) = @_; sub { $agent->call($kind || 'LAUNCH_NESTED_CONTAINER', {container_id => $id, command => {value => 'ls'}}) } };
    like refused($launch->($nowhere)), qr/\A400 .*Parent container nobody does not exist/;
    like refused($launch->({value => 'x'})), qr/\A400 .*Expecting 'launch_nested_container\.container_id\.parent' to be present/;
    like refused($launch->({value => 'x/y', parent => $containers{a}})),
        qr/\A400 .*'launch_nested_container\.container_id' is invalid: 'x\/y' contains invalid characters/;
    like refused(sub { $agent->call('ATTACH_CONTAINER_OUTPUT', {container_id => $containers{a}}) }),
        qr/\A500 .*I\/O switchboard server was disabled for this container/;
    my %terminal = (container_id => {value => 'x', parent => $containers{a}}, command => {value => 'sh'}, container => {type => 'MESOS', tty_info => {}});
    like refused(sub { $agent->call('LAUNCH_NESTED_CONTAINER_SESSION', \%terminal) }), qr/\A501 .*mesos-local has no terminals/;
};

subtest 'a listener that leaves takes its command along' => sub {
    my $out = '';
    eval { $agent->run_in_container($containers{a}, 'echo $$ >&2; exec sleep 1000', stderr => sub { $out .= $_[0]; die "enough\n" if $out =~ /\n/ }); 1 };
    my ($pid) = $out =~ /\A(\d+)\n\z/ or return fail "no pid in '$out'";
    eventually 'it is gone' => sub { !kill 0, $pid };
};

subtest 'a task that is killed takes its containers along' => sub {
    my $id = {value => 'inner', parent => $containers{b}};
    my $pid = '';
    $agent->call('LAUNCH_NESTED_CONTAINER', {container_id => $id, command => {value => 'echo $$ > pid; exec sleep 1000'}});
    eventually 'it runs' => sub {
        $agent->run_in_container($containers{b}, 'cat containers/inner/pid', stdout => sub { $pid = $_[0] });
        return $pid =~ /\A\d+\n\z/;
    };
    chomp $pid;
    $agent->kill_container($containers{b});
    $cluster->wait_for_task('b', 'FAILED');
    eventually 'its scheduler is told' => sub { ($scheduler->last_status->{b}{state} // 0) == 3 };
    is $scheduler->last_status->{b}{message}, 'Executor terminated', 'as an agent says it whose executor of a command was killed';
    is $client->task('b')->{statuses}[-1]{reason}, 'REASON_EXECUTOR_TERMINATED';
    eventually 'it is gone' => sub { !kill 0, $pid };
};

subtest 'the command' => sub {
    my $script = 'perl/bin/mesos-perl';
    my @master = ('--master', $cluster->master);
    my ($out, $status) = output_of(perl_command($script, 'exec', @master, 'c', '--', 'echo "$GREETING"; exit 7'));
    is_deeply [$out, $status >> 8], ["hello c\n", 7], 'mesos-perl exec';
    ($out, $status) = output_of(perl_command($script, 'kill', @master, 'c'));
    is_deeply [$out, $status], ["killed: c\n", 0], 'mesos-perl kill';
    $cluster->wait_for_task('c', 'FAILED');
};

$driver->stop;
done_testing;
