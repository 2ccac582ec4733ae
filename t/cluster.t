# A cluster for programs: no test waits in it, and who does not know its credential is not served.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use HTTP::Tiny;
use Mesos::Cluster;
use Socket ();
use Test::Framework;
use Test::Mesos qw(command);
use Test::More;

my $why = Mesos::Cluster->why_not;
plan skip_all => $why if defined $why;

my $credential = {principal => 'me', secret => 's3cret'};
my $cluster = Mesos::Cluster->start(resources => 'cpus:4;mem:1024', credential => $credential, allocation_interval => '50ms');
like $cluster->master, qr/\A127\.0\.0\.1:[0-9]+\z/, 'its address';
is_deeply $cluster->credential, $credential, 'its credential';
my $answer = HTTP::Tiny->new->get($cluster->url . '/state');
is $answer->{status}, 401, 'others are not served';

my $framework = Test::Framework->new(tasks => [command('t', 'echo output')]);
my $driver = $cluster->driver(scheduler => $framework, on_exception => 'die');
my $status = $driver->run;
is $status, Mesos::Status::DRIVER_STOPPED(), 'its driver has the credential';
is $framework->last_status->{t}{state}, Mesos::TaskState::TASK_FINISHED(), 'a task runs';
is $cluster->task('t')->{state}, 'TASK_FINISHED', 'it is seen from here';
is $cluster->read_file('t', 'stdout'), "output\n", 'its output, too';
my $client = $cluster->client;
is scalar @{$client->agents}, 1, 'its client has the credential';
# On its connection, which it keeps, what it writes goes at once: else a call would take 40 ms.
$client->health for 1, 2;
my ($kept) = map { $_->{handle} || () } values %{$client->{http}{agents}};
SKIP: {
    skip 'this HTTP::Tiny keeps its connections elsewhere', 1 unless $kept && $kept->{fh};
    ok unpack('i', getsockopt $kept->{fh}, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY()), 'without delay';
}

# The framework has no time to come back, and the master may not have read yet that it goes.
my $end = time + 10;
select undef, undef, undef, 0.01 while $cluster->left && time < $end;
is_deeply [$cluster->reset], [], 'nothing is left';
$cluster->crash_agent(0);
is(($cluster->agents)[0]{state}, 'crashed', 'faults');

for my $wrong ('me:s3cret', {principal => 'me'}, {principal => 'me', secret => ''}, {principal => 'm e', secret => 's'}) {
    eval { Mesos::Cluster->start(credential => $wrong); 1 } and fail 'it started';
    like $@, qr/^start: credential: expected \{principal => \.\.\., secret => \.\.\.\}, without white space at \Q$0\E line/, 'no credential';
}
eval { Mesos::Cluster->start(agent => 1); 1 } and fail 'it started';
like $@, qr/^start: unknown argument 'agent': did you mean 'agents'\? at \Q$0\E line/, 'no argument';

my $pid = $cluster->pid;
$cluster->stop;
ok !kill(0 => $pid), 'it has ended';

done_testing;
