# What the environment tells the embedded cluster, and who may speak with it.
use strict;
use warnings FATAL => 'all';
use File::Find ();
use File::Spec;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(encode_json);
use POSIX ();
use lib 't/lib';
use Test::Files qw(slurp);
use Test::Mesos qw(command custom_executor driver_for run_tasks);
use Test::More;

delete @ENV{qw(MESOS_WORK_DIR MESOS_RESOURCES MESOS_ATTRIBUTES MESOS_HOSTNAME MESOS_EXECUTOR_ENVIRONMENT_VARIABLES)};
my $scratch = tempdir(CLEANUP => 1);

sub first_offer {
    my ($scheduler) = @_;
    my ($heard) = grep { $_->[0] eq 'resourceOffers' } @{$scheduler->heard};
    return $heard->[1][0];
}

subtest 'settings' => sub {
    local @ENV{qw(MESOS_WORK_DIR MESOS_RESOURCES MESOS_HOSTNAME MESOS_EXECUTOR_ENVIRONMENT_VARIABLES)} = (
        "$scratch/work", 'cpus:3;mem:100;ports:[5-9,20-30]', 'a.host.of.tests',
        encode_json({GREETING => 'hello world', PATH => "/opt/nothing:$ENV{PATH}"}));
    my ($scheduler) = run_tasks('local', [command('t', 'echo "$GREETING $PATH $LEAKED"; pwd')]);
    my $offer = first_offer($scheduler);
    is $offer->{hostname}, 'a.host.of.tests', 'MESOS_HOSTNAME';
    my %resources = map { ($_->{name} => $_) } @{$offer->{resources}};
    is $resources{cpus}{scalar}{value}, 3, 'MESOS_RESOURCES: cpus';
    is $resources{mem}{scalar}{value}, 100, 'mem';
    is_deeply [map { [@$_{qw(begin end)}] } @{$resources{ports}{ranges}{range}}], [[5, 9], [20, 30]], 'ports';

    my @stdout;
    File::Find::find({no_chdir => 1, wanted => sub { push @stdout, $_ if m{/stdout\z} && !m{/latest/} }}, "$scratch/work");
    is scalar @stdout, 1, 'MESOS_WORK_DIR has the sandbox, and keeps it';
    my ($said, $sandbox) = split /\n/, slurp($stdout[0]);
    is $said, "hello world /opt/nothing:$ENV{PATH} ", 'MESOS_EXECUTOR_ENVIRONMENT_VARIABLES';
    is "$sandbox/stdout", $stdout[0], 'the task ran in it';
};

subtest 'values in files, ranges that overlap' => sub {
    my %file = (MESOS_RESOURCES => 'cpus:1;ports:[31000-31010,31005-31020]', MESOS_HOSTNAME => 'a.file', MESOS_ATTRIBUTES => 'rack:r 1');
    local @ENV{keys %file};
    for my $name (sort keys %file) {
        open my $out, '>', "$scratch/$name" or die $!;
        print {$out} "$file{$name}\n";
        close $out or die $!;
        $ENV{$name} = "file://$scratch/$name";
    }
    my ($scheduler) = run_tasks('local', [command('t', 'true')]);
    my $offer = first_offer($scheduler);
    is $offer->{hostname}, 'a.file', 'MESOS_HOSTNAME';
    is $offer->{attributes}[0]{text}{value}, 'r1', 'MESOS_ATTRIBUTES, without blanks, as an agent has it';
    my ($ports) = grep { $_->{name} eq 'ports' } @{$offer->{resources}};
    is_deeply [map { [@$_{qw(begin end)}] } @{$ports->{ranges}{range}}], [[31000, 31020]], 'MESOS_RESOURCES';
};

# Answers no offer.
{
    package Hoards;
    use Moo;
    extends 'Mesos::Scheduler';
    has offers => (is => 'ro', default => sub { [] });
    has rescinded => (is => 'rw', default => 0);
    sub resourceOffers { my ($self, undef, $offers) = @_; push @{$self->offers}, @$offers }
    sub offerRescinded { my ($self) = @_; $self->rescinded($self->rescinded + 1) }
}

subtest 'how many agents, and how long they are offered' => sub {
    local @ENV{qw(MESOS_RESOURCES MESOS_NUM_SLAVES MESOS_ALLOCATION_INTERVAL MESOS_OFFER_TIMEOUT)} = ('cpus:1;mem:64', 3, '50ms', '100ms');
    my $scheduler = Hoards->new;
    my $driver = driver_for('local', $scheduler);
    my $end = time + 60;
    $driver->start;
    $driver->run_once until $scheduler->rescinded >= 3 && @{$scheduler->offers} >= 6 || time > $end;
    my %agents = map { ($_->{slave_id}{value} => 1) } @{$scheduler->offers};
    is scalar keys %agents, 3, 'MESOS_NUM_SLAVES';
    cmp_ok $scheduler->rescinded, '>=', 3, 'MESOS_OFFER_TIMEOUT';
    $driver->stop;
};

subtest 'tasks that are only played' => sub {
    local $ENV{MESOS_SIMULATE} = 'true';
    my $start = time;
    my ($scheduler) = run_tasks('local', [
            command('t', 'sleep 1000'), {%{command('u', 'exit 1')}, labels => {labels => [{key => 'simulate', value => '10ms'}]}},
    ]);
    is_deeply $scheduler->states, {t => [0, 1, 2], u => [0, 1, 2]}, 'MESOS_SIMULATE';
    cmp_ok time - $start, '<', 60, 'nobody sleeps';
};

subtest 'jitter has a seed, and can be repeated' => sub {
    my $said = sub {
        open my $saved, '>&', \*STDERR or die $!;
        open STDERR, '>', "$scratch/jitter" or die $!;
        my ($scheduler) = run_tasks('local', [map { command("t$_", 'true') } 1 .. 5]);
        open STDERR, '>&', $saved or die $!;
        is_deeply $scheduler->states, {map { ("t$_" => [0, 1, 2]) } 1 .. 5}, 'never within a task';
        return slurp("$scratch/jitter");
    };
    delete local $ENV{PERL_MESOS_TRACE};
    local $ENV{MESOS_SIMULATE} = 'true';
    local $ENV{MESOS_JITTER} = 'true';
    my ($seed) = $said->() =~ /\AMesos: master 'local': this run's jitter is that of MESOS_JITTER=([1-9][0-9]*)\n/;
    ok $seed, 'the seed is told';
    $ENV{MESOS_JITTER} = 7;
    like $said->(), qr/MESOS_JITTER=7\n/, 'or is given';
};

subtest 'settings without effect are named' => sub {
    # That it is never started has a warning of its own.
    my $code = q{no warnings 'Mesos'; Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new)};
    my $said = sub {
        delete local $ENV{PERL_MESOS_TRACE};
        open my $saved, '>&', \*STDERR or die $!;
        open STDERR, '>', "$scratch/stderr" or die $!;
        system $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::SchedulerDriver', '-e', $code;
        open STDERR, '>&', $saved or die $!;
        return slurp("$scratch/stderr");
    };
    local @ENV{qw(MESOS_RESOURCES MESOS_SANDBOX)} = ('cpus:1', '/sandbox');
    is $said->(), '', 'none of a task that is a scheduler';
    local @ENV{qw(MESOS_RESOURCE MESOS_REGISTRY_FETCH_TIMEOUT)} = ('cpus:1', '2secs');
    like $said->(), qr/MESOS_REGISTRY_FETCH_TIMEOUT, MESOS_RESOURCE without effect/, 'those that nobody reads';
};

subtest 'names of resources that are nearly right' => sub {
    my $code = q{no warnings 'Mesos'; Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new)};
    delete local $ENV{PERL_MESOS_TRACE};
    for my $case (['cpu:4;memory:8;tpus:1', 'cpu' => 'cpus', 'memory' => 'mem'], ['cpus:4;disks:{a,b}']) {
        local $ENV{MESOS_RESOURCES} = my $given = shift @$case;
        open my $saved, '>&', \*STDERR or die $!;
        open STDERR, '>', "$scratch/stderr" or die $!;
        system $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::SchedulerDriver', '-e', $code;
        open STDERR, '>&', $saved or die $!;
        my %meant = @$case;
        is slurp("$scratch/stderr"), join('', map {"Mesos: resources of the agents: '$_' is no name that Mesos uses: did you mean '$meant{$_}'?\n"} sort keys %meant), $given;
    }
};

subtest 'settings that are wrong name themselves, at the line that makes the driver' => sub {
    for my $case (
        [MESOS_RESOURCES => 'cpus:many'], [MESOS_RESOURCES => 'cpus'], [MESOS_EXECUTOR_ENVIRONMENT_VARIABLES => '{"A":1}'],
        [MESOS_EXECUTOR_ENVIRONMENT_VARIABLES => 'A=1'], [MESOS_ATTRIBUTES => 'rack:nan'], [MESOS_RESOURCES => 'file:///nonexistent'],
        [MESOS_NUM_SLAVES => 0], [MESOS_NUM_MASTERS => 10], [MESOS_MAX_AGENT_PING_TIMEOUTS => 'few'], [MESOS_OFFER_TIMEOUT => 5], [MESOS_ALLOCATION_INTERVAL => '0secs'],
        [MESOS_SIMULATE => 'perhaps'], [MESOS_JITTER => 'much'], [MESOS_ISOLATION => 'cgroups/disk'],
    ) {
        my ($name, $value) = @$case;
        local $ENV{$name} = $value;
        ok !eval { Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new); 1 };
        like $@, qr/$name: .* at \Q${\__FILE__}\E line ${\(__LINE__ - 1)}\b/, "$name=$value";
    }
};

# Each in a process of its own, which does not wait for ever.
subtest 'what is no file is not read' => sub {
    POSIX::mkfifo("$scratch/fifo", 0600) or die "mkfifo: $!";
    my $run = q{
        alarm 30;
        ($ENV{$ARGV[0]}, my $master) = @ARGV[1, 2];
        eval { Mesos::SchedulerDriver->new(master => $master, framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new) };
        print $@;
    };
    my @cases = map { ([$_, 'file://', 'local']) }
        qw(MESOS_RESOURCES MESOS_ATTRIBUTES MESOS_HOSTNAME MESOS_WORK_DIR MESOS_EXECUTOR_ENVIRONMENT_VARIABLES);
    push @cases, [MESOS_EXECUTOR_ENVIRONMENT_VARIABLES => '', 'local'];
    push @cases, map { ([$_, '', 'https://127.0.0.1:1']) } qw(LIBPROCESS_SSL_CA_FILE SSL_CERT_FILE);
    for my $case (@cases) {
        my ($name, $before, $master) = @$case;
        delete local @ENV{qw(LIBPROCESS_SSL_CA_FILE LIBPROCESS_SSL_CA_DIR SSL_CERT_FILE)};
        for my $file ("$scratch/fifo", '/dev/zero') {
            open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::SchedulerDriver', '-e', $run, $name, "$before$file", $master
                or die "cannot run perl: $!";
            my $said = do { local $/; <$out> };
            close $out;
            like $said, qr/\b$name\b.*$file.*not a regular file/, "$name=$before$file";
        }
    }
};

subtest 'what is too long is quoted in part' => sub {
    local $ENV{MESOS_RESOURCES} = 'x' x 100_000;
    ok !eval { Mesos::SchedulerDriver->new(master => 'local', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new); 1 };
    like $@, qr/\AMESOS_RESOURCES: 'xxx+\.\.\. \(\d+ bytes\) \.\.\.x+' is not of the form name:value/;
    cmp_ok length $@, '<', 10_000;
};

subtest 'a program that has left the folder that its @INC is relative to' => sub {
    my $code = q{
        require Test::Mesos;
        # Perl itself finds nothing more there.
        require Mesos::Dispatcher::AnyEvent;
        chdir '/' or die;
        my $task = {task_id => {value => 't'}, name => 't', data => 'd', executor => Test::Mesos::custom_executor('e')};
        my $seen;
        my ($scheduler) = Test::Mesos::run_tasks('local', [$task], scheduler => {
            on_update => sub { my ($driver, $update) = @_;
                $driver->sendFrameworkMessage(@$update{qw(executor_id slave_id)}, 't:x') if $update->{state} == 1 },
        });
        print "@{ $scheduler->states->{t} }\n";
    };
    # Without PERL5LIB: it would help the executor.
    delete local $ENV{PERL5LIB};
    open my $out, '-|', $^X, (map { '-I' . File::Spec->abs2rel($_) } grep { !ref } @INC), '-e', $code or die $!;
    my $said = do { local $/; readline $out };
    is $said, "1 2\n", 'helper and executor are found';
};

subtest 'nobody else may use it' => sub {
    # The variables of an executor: where the agent is, and what it takes to be heard there.
    my $task = {task_id => {value => 't'}, name => 't', executor => custom_executor('e')};
    $task->{executor}{command} = {value => "env > $scratch/env.new; mv $scratch/env.new $scratch/env; sleep 1000"};
    my $scheduler = Test::Framework->new(tasks => [$task], stop_when_done => 0);
    my $driver = driver_for('local', $scheduler);
    my $end = time + 60;
    until (-e "$scratch/env" || time > $end) {
        $driver->run_once if $driver->dispatcher->channel->size;
        $driver->dispatcher->wait(0.05) if $driver->running;
        $driver->start unless $driver->running;
    }
    my %environment = slurp("$scratch/env") =~ /^(\w+)=(.*)$/mg;
    my $address = $environment{MESOS_AGENT_ENDPOINT};
    my $secret = $environment{MESOS_EXECUTOR_AUTHENTICATION_TOKEN};
    like $address, qr/\A127\.0\.0\.1:\d+\z/, 'it listens on loopback only';
    cmp_ok length $secret, '>=', 32, 'the secret is long';

    my $http = HTTP::Tiny->new(timeout => 20);
    my %call = (headers => {'Content-Type' => 'application/json', Accept => 'application/json'}, content => encode_json(
            {type => 'SUBSCRIBE', subscribe => {framework_info => {user => 'root', name => 'intruder'}}}));
    for my $path ('/api/v1/scheduler', '/api/v1/executor', '/api/v1', '/state', '/health', '/') {
        for my $with ('no secret', 'a wrong one', 'another scheme') {
            my %given = %call;
            $given{headers} = {%{$call{headers}}, Authorization => $with eq 'a wrong one' ? "Bearer x$secret" : 'Basic eDp5'}
                unless $with eq 'no secret';
            is $http->post("http://$address$path", \%given)->{status}, 401, "POST $path with $with";
        }
        is $http->get("http://$address$path")->{status}, 401, "GET $path";
    }

    my @shown;
    for my $process (glob '/proc/[0-9]*') {
        open my $in, '<', "$process/cmdline" or next;
        my $line = do { local $/; <$in> };
        push @shown, $line if defined $line && index($line, $secret) >= 0;
    }
    is_deeply \@shown, [], 'no command line shows the secret';
    my ($work_dir) = $environment{MESOS_SANDBOX} =~ m{\A(.*?)/slaves/};
    # Tasks of other users have to come through, so it is not 0700.
    is sprintf('%04o', (stat $work_dir)[2] & 07777), '0711', 'nobody else can list the work directory';
    undef $driver;
    ok !-e $work_dir, 'and goes with it';
};

subtest 'the log keeps the secret' => sub {
    # A program of its own: logging is set up once in a process.
    my $directory = "$scratch/log";
    my $code = q{
        my $task = {task_id => {value => 't'}, name => 't', executor => Test::Mesos::custom_executor('e')};
        $task->{executor}{command} = {value => "echo \\$MESOS_EXECUTOR_AUTHENTICATION_TOKEN; exit 1"};
        Test::Mesos::run_tasks('local', [$task]);
    };
    local @ENV{qw(PERL_MESOS_TRACE GLOG_v MESOS_WORK_DIR)} = ("INFO=$directory", 9, "$scratch/logged");
    is system($^X, (map {"-I$_"} grep { !ref } @INC), '-MTest::Mesos', '-e', $code), 0, 'a program with a trace';
    my ($stdout) = map { glob "$scratch/logged/slaves/*/frameworks/*/executors/e/runs/latest/stdout" } 1;
    chomp(my $secret = slurp($stdout));
    cmp_ok length $secret, '>=', 32, 'an executor knows the secret';
    my @files = grep { -f && !-l } glob "$directory/*";
    cmp_ok scalar @files, '>', 0, 'there are logs';
    my $log = join '', map { slurp($_) } @files;
    like $log, qr/\bt\b|perl test|subscri/i, 'with something in them';
    is index($log, $secret), -1, 'and not the secret';
};

done_testing;
