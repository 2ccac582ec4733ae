# Mesos::Runner on the embedded cluster.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use File::Temp qw(tempdir);
use Mesos::Runner;
use File::Temp ();
use IPC::Open3 qw(open3);
use Mesos::Runner::Placement;
use Mesos::Test::Cluster;
use Mesos::Runner::Sandbox;
use Mesos::Runner::Task;
use Test::Dispatchers qw(each_dispatcher);
use Test::Examples ();
use Test::Files qw(output_of perl_command slurp);
use Test::More;
use Test::Operator qw(answer serve);
use Time::HiRes qw(time);

delete @ENV{qw(MESOS_MASTER MESOS_WORK_DIR)};
local $ENV{MESOS_RESOURCES} = 'cpus:4;mem:2048';
# Longer than any test may take: an end that does not come is a failure.
alarm 280;

sub runner { return Mesos::Runner->new(master => 'local', backoff => 0, @_) }
sub summary { return join ' ', map { ($_->state // 'none') . ':' . ($_->exit_code // '-') } @_ }
sub error_of { my ($code) = @_; return eval { $code->(); 1 } ? 'nothing' : $@ }

subtest 'commands, exit codes and output' => sub {
    my $runner = runner();
    my @added = $runner->add(
        'echo one; echo err >&2', ['printf', '%s|', 'a b', '$HOME', "\xff"], 'exit 3', 'kill -9 $$',
        {command => 'echo $GREETING', env => {GREETING => 'hello'}, id => 'greeting', data => [1]}, ['/no/such/program'],
    );
    my @tasks = $runner->run;
    is_deeply \@tasks, \@added, 'in their order';
    is summary(@tasks), 'TASK_FINISHED:0 TASK_FINISHED:0 TASK_FAILED:3 TASK_FAILED:137 TASK_FINISHED:0 TASK_FAILED:127', 'states and exit codes';
    is_deeply [map { $_->stdout } @tasks[0, 1, 4]], ["one\n", "a b|\$HOME|\xff|", "hello\n"], 'standard output';
    is $tasks[0]->stderr, "err\n", 'standard error';
    like $tasks[5]->stderr, qr/not found/, 'of a program that is not there';
    is $tasks[3]->signal, 'Killed', 'signal';
    is_deeply [map { !!$_->is_success } @tasks], [1, 1, '', '', 1, ''], 'is_success';
    is_deeply [map { $_->id } @tasks], [1, 2, 3, 4, 'greeting', 5], 'ids';
    is $tasks[4]->data->[0], 1, 'data';
    is $tasks[0]->mesos_id, '1.1', 'id of the attempt';
    cmp_ok $tasks[0]->seconds, '>=', 0, 'seconds';
    is_deeply $runner->counts, {queued => 0, running => 0, ended => 6}, 'counts';
    is_deeply [grep { defined $_->output_error } @tasks], [], 'all output could be read';
    like error_of(sub { $runner->run }), qr/^run: this runner has ended: make a new one at \Q${\__FILE__}\E line/, 'once only';
    like error_of(sub { $runner->add('true') }), qr/^add: this runner has ended: make a new one at \Q${\__FILE__}\E line/, 'nor add';
    my $directory = $runner->{_temporary}->path;
    ok -d $directory, 'the sandboxes are there';
    undef $runner;
    ok !-e $directory, 'and are removed';
};

subtest 'no tasks' => sub {
    is_deeply [runner()->run], [], 'run returns at once';
    is said_by('Mesos::Runner->new(master => "local")->run'), '', 'and a program that had nothing to do hears nothing of it';
    like said_by('Mesos::Runner->new(master => "local")'), qr/^the program ends, and its Mesos::SchedulerDriver was never started: call run at -e/,
        'as one does that has forgotten to run it';
};

# What a program of its own writes to standard error.
sub said_by {
    my ($code) = @_;
    my $pid = open3(my $in, my $out, undef, $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::Runner', '-we', $code);
    my $said = join '', <$out>;
    waitpid $pid, 0;
    return $said;
}

subtest 'folders of programs that were killed' => sub {
    my $temporary = File::Temp->newdir;
    local $ENV{TMPDIR} = "$temporary";
    my $folders = sub { my @all = glob "$temporary/mesos-runner-*"; return @all };
    my $pid = open3(my $in, my $out, undef, $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::Runner', '-e',
        'my $r = Mesos::Runner->new(master => "local", on_output => sub { syswrite STDOUT, "begun\n" }); $r->add("echo begun; sleep 1000"); $r->run');
    is scalar <$out>, "begun\n", 'a program runs a task';
    my ($live) = $folders->();
    my $other = Mesos::Runner::Folder->new;
    mkdir "$temporary/mesos-runner-of-somebody" or die $!;
    kill KILL => $pid;
    waitpid $pid, 0;
    ok -e $live, 'it is killed, and leaves its folder';
    # Its tasks end soon after it, and write until then.
    my $end = time + 60;
    while (-e $live && time < $end) { Mesos::Runner::Folder->new; select undef, undef, undef, 0.1 }
    is_deeply [sort $folders->()], [sort $other->path, "$temporary/mesos-runner-of-somebody"], 'the next one removes it, and nothing else';
};

# The cluster removes its sandboxes itself when it ends, so that each of them may be gone, or not empty yet.
subtest 'a folder in which somebody else removes things' => sub {
    my ($printed, $status) = output_of(perl_command('-we', <<'END'));
        my ($gone, $not_yet) = (0, 0);
        BEGIN {
            *CORE::GLOBAL::rmdir = sub (_) {
                my ($folder) = @_;
                $gone++, CORE::rmdir($folder) if $folder =~ /gone/;
                if ($folder =~ /not-yet/ && $not_yet++ < 2) { $! = 39; return 0 }
                return CORE::rmdir($folder);
            };
        }
        use Mesos::Runner::Folder;
        my $folder = Mesos::Runner::Folder->new;
        my $path = $folder->path;
        mkdir "$path/$_" or die $! for qw(gone not-yet not-yet/within);
        open my $file, '>', "$path/not-yet/file" or die $!;
        if (!fork) { undef $folder; exit }
        wait;
        print -d "$path/gone" ? 'stays in a child, ' : 'removed by a child, ';
        undef $folder;
        print -e $path ? "left\n" : $gone && $not_yet > 2 ? "removed\n" : "not tried\n";
END
    is $printed, "stays in a child, removed\n", 'is removed without a word';
    is $status, 0, 'exit status';
};

each_dispatcher(sub {
        my ($name) = @_;
        my $most = 0;
        my @order;
        my $runner = runner(dispatcher => $name, max_running => 2, on_state => sub {
                my ($self) = @_;
                my $running = $self->counts->{running};
                $most = $running if $running > $most;
            }, on_result => sub {
                my ($self, $task) = @_;
                push @order, $task->id;
                $self->add({command => 'exit 7', id => 'more'}) if $task->id eq 'first';
            });
        $runner->add({command => 'true', id => 'first'}, map {"sleep 0.2; echo $_"} 1 .. 5);
        my @tasks = $runner->run;
        is $most, 2, 'at most two at a time';
        is join('', map { $_->stdout } @tasks), "1\n2\n3\n4\n5\n", 'output';
        is $tasks[-1]->exit_code, 7, 'a task that a callback has added';
        is_deeply [sort @order], [sort map { $_->id } @tasks], 'each result came once';
});

subtest 'timeouts and retries' => sub {
    my $directory = tempdir(CLEANUP => 1);
    my @states;
    my $runner = runner(on_state => sub { my ($self, $task) = @_; push @states, $task->state if $task->id eq 'flaky' });
    $runner->add(
        {command => 'echo begun; exec sleep 1000', timeout => 0.3, id => 'slow'},
        {command => "test -e $directory/flaky || { touch $directory/flaky; echo first; exit 1; }; echo second", retry_failed => 2, id => 'flaky'},
        {command => 'exit 1', retry_failed => 2, id => 'bad'},
    );
    my ($slow, $flaky, $bad) = $runner->run;
    is summary($slow), 'TASK_KILLED:-', 'killed';
    ok $slow->timed_out, 'timed out';
    is $slow->stdout, "begun\n", 'its output';
    is summary($flaky), 'TASK_FINISHED:0', 'the second attempt';
    is $flaky->stdout, "second\n", 'output of the last attempt only';
    is_deeply [$flaky->attempts, $flaky->failures], [2, 1], 'counts';
    is_deeply \@states, [map { ('TASK_STARTING', 'TASK_RUNNING', $_) } 'TASK_FAILED', 'TASK_FINISHED'], 'on_state';
    is summary($bad), 'TASK_FAILED:1', 'no more than these retries';
    is_deeply [$bad->attempts, $bad->failures], [3, 3], 'counts';
};

subtest 'backoff, and offers while it lasts' => sub {
    my $runner = runner(backoff => 0.3);
    $runner->add({command => 'exit 1', retry_failed => 2});
    my $events = $runner->driver;
    my $begun = time;
    my ($task) = $runner->run;
    is $task->attempts, 3, 'attempts';
    my $calls = $events->stats->{calls};
    cmp_ok $calls->{SUPPRESS}, '>=', 2, 'suppressed while nothing could be launched';
    cmp_ok $calls->{REVIVE}, '>=', 2, 'revived for each attempt';
    cmp_ok $task->started - $begun, '>', 0.9, 'after 0.3 and 0.6 seconds';
};

subtest 'an update is acknowledged after on_result' => sub {
    my @got;
    my $runner = runner(on_result => sub { my ($self, $task) = @_; push @got, $task->state; die "not now\n" if @got == 1 });
    $runner->add('echo out');
    is error_of(sub { $runner->run }), "not now\n", 'the exception leaves run';
    # The master may take a moment to take them.
    my $acknowledged = sub { return $runner->driver->stats->{updates_acknowledged} };
    Test::Examples::wait_for(10, sub { $acknowledged->() >= 2 });
    Time::HiRes::sleep(0.1);
    is $acknowledged->(), 2, 'the last update is not acknowledged';
    my ($task) = $runner->run;
    is_deeply \@got, ['TASK_FINISHED', 'TASK_FINISHED'], 'Mesos has sent it again';
    is $task->stdout, "out\n", 'output is there once';
};

subtest 'kill' => sub {
    my $runner = runner(max_running => 1, retry_failed => 3, on_state => sub {
            my ($self, $task) = @_;
            return unless $task->state eq 'TASK_RUNNING';
            $self->kill($self->task('waits'));
            $self->kill($task);
    });
    $runner->add({command => 'sleep 1000', id => 'runs'}, {command => 'true', id => 'waits'});
    my ($runs, $waits) = $runner->run;
    is summary($runs, $waits), 'TASK_KILLED:- none:-', 'both';
    is $waits->message, 'Killed before it was launched', 'message';
    is $runs->attempts, 1, 'no retry';
};

subtest 'output as it comes, and its limit' => sub {
    my %got;
    my $runner = runner(max_output => 10, on_output => sub {
            my ($self, $task, $stream, $bytes) = @_;
            push @{$got{"$stream of " . $task->id}}, [$task->state, $bytes];
            $self->kill($task) if $task->id eq 'endless';
    });
    $runner->add({command => 'echo begin; exec sleep 1000', id => 'endless'}, {command => 'printf 12345678901 >&2', id => 'long'});
    my ($endless, $long) = $runner->run;
    is_deeply $got{'stdout of endless'}, [['TASK_RUNNING', "begin\n"]], 'while it runs';
    is $endless->stdout, "begin\n", 'and collected';
    is join('', map { $_->[1] } @{$got{'stderr of long'}}), '1234567890', 'no more than max_output';
    is $long->stderr, '1234567890', 'the first of it';
    ok $long->truncated, 'truncated';
    ok !$endless->truncated, 'or not';
};

subtest 'what a task has put in the place of its output' => sub {
    my $runner = runner();
    my ($link, $fifo, $folder, $none) = $runner->add(
        'rm command.out; ln -s /etc/passwd command.out', 'rm command.out; mkfifo command.out', 'rm command.out; mkdir command.out', 'rm command.out');
    $runner->run;
    is_deeply [map { $_->stdout } $link, $fifo, $folder, $none], [('') x 4], 'is not followed, nor waited for';
    like $link->output_error, qr/cannot open .*command\.out: /, 'a link';
    like $_->output_error, qr/command\.out is not a file/, 'no file' for $fifo, $folder;
    is $none->output_error, 'there is no file command.out in its sandbox', 'none';
};

subtest 'output from an agent' => sub {
    my $agent = serve(sub {
            my $read = $_[0]{call}{read_file};
            return answer('404 Not Found', '') if $read->{path} =~ /stderr/;
            return answer('403 Forbidden', 'not you') if $read->{path} =~ /secret/;
            # "\xff\n", which is no text.
            return answer('200 OK', '{"type":"READ_FILE","read_file":{"size":2,"data":"' . ($read->{offset} ? '' : '/wo=') . '"}}');
    });
    my $task = Mesos::Runner::Task->new(id => 't', command => 'true');
    $task->_set_mesos_id('t.1');
    $task->_set_agent({scheme => 'http', host => '127.0.0.1', port => $agent->{port}, path => '/slave(1)'});
    # A proxy is for the program's own requests, and passwords have any characters.
    local @ENV{qw(http_proxy HTTP_PROXY)} = ('http://127.0.0.1:1') x 2;
    my $sandbox = Mesos::Runner::Sandbox->new(framework_id => 'F', credential => {principal => 'p', secret => "\x{263a}"});
    is_deeply [map { $sandbox->get($task, 'stdout', $_) } 0, 2], ["\xff\n", ''], 'bytes, and its end';
    my ($asked) = $agent->{requests}->();
    is_deeply [$asked->{path}, $asked->{call}{read_file}{path}], ['/slave(1)/api/v1', '/frameworks/F/executors/t.1/runs/latest/stdout'], 'where it is';
    is $asked->{headers}{authorization}, 'Basic cDrimLo=', 'with the credential, in UTF-8';
    is $sandbox->get($task, 'stderr', 0), undef, 'no such file';
    ok !eval { $sandbox->get($task, 'secret', 0); 1 };
    like $@, qr/answered 403 Forbidden: not you$/, 'what the agent refuses';
};

subtest 'TaskInfo messages' => sub {
    my $runner = runner();
    my $cpus = [{name => 'cpus', type => 0, scalar => {value => 0.5}}];
    $runner->add(
        {name => 'plain', task_id => {value => 'mine'}, command => {value => 'echo out; echo err >&2'}, resources => $cpus},
        {info => {command => {value => 'exec sleep 1000'}}, timeout => 0.2},
        Mesos::TaskInfo->new({name => 'object', task_id => {value => 'object'}, slave_id => {value => ''}, command => {value => 'exit 4'}}),
    );
    my @tasks = $runner->run;
    is summary(@tasks), 'TASK_FINISHED:0 TASK_KILLED:- TASK_FAILED:4', 'states';
    is_deeply [map { $_->id } @tasks], ['mine', 1, 'object'], 'ids';
    is $tasks[0]->stdout . $tasks[0]->stderr, "out\nerr\n", 'stdout and stderr of the sandbox';
};

subtest 'what fits nowhere is told' => sub {
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    my $runner;
    $runner = runner(driver_options => {}, on_result => sub { });
    my ($task) = $runner->add({command => 'true', cpus => 100, id => 'big'});
    my $timer;
    my $look;
    $look = sub { @warnings ? $runner->interrupt : ($timer = $runner->driver->dispatcher->timer(0.1, $look)) };
    $look->();
    $runner->run;
    undef $look;
    is scalar @warnings, 1, 'once' or diag @warnings;
    like $warnings[0], qr/^Mesos::Runner: task 'big' fits no offer so far: it needs cpus:100;mem:32\. localhost offers cpus:4;.*, and cpus is 4, not 100$/, 'with numbers';
    is $task->message, 'Interrupted before it was launched', 'interrupted';
};

subtest 'what fits nowhere is told beside tasks that run' => sub {
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    my $runner = runner(driver_options => {}, on_result => sub { });
    my ($long, $big) = $runner->add({command => 'sleep 1000', cpus => 3}, {command => 'true', cpus => 5, id => 'big'}, {command => 'true', cpus => 2});
    my ($timer, $look);
    $look = sub { @warnings ? $runner->interrupt : ($timer = $runner->driver->dispatcher->timer(0.1, $look)) };
    $look->();
    $runner->run;
    undef $look;
    is scalar @warnings, 1, 'what waits for the end of another task is not' or diag @warnings;
    like $warnings[0], qr/^Mesos::Runner: task 'big' fits no offer so far: it needs cpus:5;mem:32\. localhost offers cpus:1;.*, and cpus is 1, not 5$/;
    is $long->state, 'TASK_KILLED', 'while another runs';
};

subtest 'that nothing is offered is told' => sub {
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    local $Mesos::Runner::Scheduler::OFFERS_WITHIN = 0.2;
    my $cluster = Mesos::Test::Cluster->start;
    $cluster->stop_agent(0);
    $cluster->wait_for_agents(0);
    my $runner = runner(master => $cluster->master, framework => {roles => ['r'], capabilities => [{type => Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE()}]});
    $runner->add('true');
    my ($timer, $look);
    $look = sub { @warnings ? $runner->interrupt : ($timer = $runner->driver->dispatcher->timer(0.1, $look)) };
    $look->();
    $runner->run;
    undef $look;
    is_deeply \@warnings, ["Mesos::Runner: the master has offered nothing for 0.2 s. Others may have all resources, or no agent is there for the role 'r'. The tasks wait\n"], 'once';
};

subtest 'output that is gone is told' => sub {
    my $runner = runner();
    $runner->add('echo out; rm command.out; true', 'rm command.err; exit 3', {command => 'sleep 1000', timeout => 0.1}, 'true');
    my @tasks = $runner->run;
    my @errors = ((map {"there is no file command.$_ in its sandbox"} qw(out err)), undef, undef);
    is_deeply [map { $_->output_error } @tasks], \@errors, 'of what has run to its end';
};

sub offer {
    my ($host, @resources) = @_;
    my $id = {value => $host};
    return {id => $id, slave_id => $id, hostname => $host, resources => [map { my ($name, $value, %more) = @$_; +{name => $name, type => 0, scalar => {value => $value}, %more} } @resources]};
}

subtest 'placement' => sub {
    my $place = sub {
        my ($tasks, $offers, @more) = @_;
        my $runner = runner(mem => 0, @more);
        $runner->add(@$tasks);
        my @places = map { +{offer => $_, free => Mesos::Runner::Placement::free_of($_), tasks => []} } @$offers;
        my $left = $runner->_scheduler->_place(\@places);
        my $shown = join ' ', map { my $of = $_; $of->{offer}{hostname} . ':' . join ',', map { $_->[0]->id } @{$of->{tasks}} } @places;
        return ($shown . ' left:' . join(',', map { $_->id } @$left), map { map { $_->[1] } @{$_->{tasks}} } @places);
    };
    my @two = (offer('a', ['cpus', 0.3]), offer('b', ['cpus', 0.2]));
    my @five = ('true') x 5;
    is scalar(($place->(\@five, \@two))[0]), 'a:1,3,5 b:2,4 left:', 'spread: three tenths are three tasks';
    is scalar(($place->(\@five, \@two, placement => 'pack'))[0]), 'a:1,2,3 b:4,5 left:', 'pack';
    is scalar(($place->(\@five, \@two, max_running => 2))[0]), 'a:1 b:2 left:3,4,5', 'max_running';
    is scalar(($place->([{command => 'true', cpus => 0.25}, ({command => 'true', cpus => 0.2}) x 3], \@two))[0]), 'a:1 b:2 left:3,4', 'sizes';
    is scalar(($place->(\@five, \@two, accepts => sub { my ($task, $offer) = @_; $task->id % 2 && $offer->{hostname} eq 'b' }))[0]), 'a: b:1,3 left:2,4,5', 'accepts';
    is scalar(($place->(['true', {command => 'true', accepts => sub {0}}], \@two))[0]), 'a:1 b: left:2', 'of a task';
    my ($shown, $resources) = $place->([{command => 'true', cpus => 0.75, mem => 10}], [offer('a',
                ['cpus', 0.5, reservations => [{type => 2, role => 'r'}]], ['cpus', 1], ['mem', 100, revocable => {}], ['disk', 5, disk => {}], ['mem', 10])]);
    is_deeply $resources, [
        {name => 'cpus', type => 0, scalar => {value => 0.5}, reservations => [{type => 2, role => 'r'}]},
        {name => 'cpus', type => 0, scalar => {value => 0.25}}, {name => 'mem', type => 0, scalar => {value => 10}},
    ], 'resources with their reservations, and none that are revocable';
    is scalar(($place->([{command => 'true', disk => 1}], [offer('a', ['cpus', 1], ['disk', 5, disk => {}])]))[0]), 'a: left:1', 'no volumes';
};

subtest 'what fits later is found out once' => sub {
    my $runner = runner(mem => 0);
    my ($running, $waits, $same) = $runner->add({command => 'true', cpus => 3}, ({command => 'true', cpus => 2}) x 2, {command => 'true', cpus => 5, id => 'big'});
    my $scheduler = $runner->_scheduler;
    $running->_set_slave_id('a');
    my %active = ($running->id => $running);
    %{$scheduler->active} = %active;
    my $looks = 0;
    my $look = Mesos::Runner::Scheduler->can('_large_enough');
    no warnings 'redefine';
    local *Mesos::Runner::Scheduler::_large_enough = sub { $looks++; $look->(@_) };
    my $never = sub { my ($task, @offers) = @_; return $scheduler->_never_fits($task, [map { +{offer => $_, free => Mesos::Runner::Placement::free_of($_)} } @offers]) ? 1 : 0 };
    my ($a, $b) = map { offer($_, ['cpus', 1]) } qw(a b);
    is_deeply [map { $never->($_, $a) } $waits, $waits, $same], [0, 0, 0], 'it fits when another has ended';
    is $looks, 1, 'which is looked at once';
    is $never->($waits, $b), 0, 'where nothing is known of the agent';
    is $never->($waits, $b, offer('a', ['cpus', 0.5])), 0;
    is $looks, 2, 'only where it is not known already';
    my $big = $runner->task('big');
    is $never->($big, $a), 1, 'one that is too large';
    is $never->($big, $a), 1;
    is $looks, 4, 'until it is told';
    $big->{_refused} = 2;
    is $never->($big, $a), 0, 'and not again';
    is $looks, 4;
    %{$scheduler->active} = ();
};

subtest 'a driver that fails' => sub {
    my $port = Test::Examples::free_port();
    my $runner = Mesos::Runner->new(master => "127.0.0.1:$port", master_timeout => 0.2);
    $runner->add('true');
    like error_of(sub { $runner->run }), qr/^Mesos::Runner: no master at 127\.0\.0\.1:$port .* at \Q${\__FILE__}\E line/s, 'leaves run';
    is summary($runner->tasks), 'none:-', 'the tasks are there';
};

subtest 'Ctrl-C' => sub {
    my $program = 'my $r = Mesos::Runner->new(master => "local", max_running => 2, on_output => sub { syswrite STDERR, $_[3] });
        $r->add(("echo begun; exec sleep 1000") x 3); $SIG{INT} = "IGNORE" if $ARGV[0];
        print map { ($_->state // "none") . ":" . $_->stdout } $r->run; print $r->interrupted, "\n"';
    my $process = Test::Examples::start('-MMesos::Runner', '-e', "use 5.10.1; $program");
    ok Test::Examples::wait_for(60, sub { Test::Examples::said($process, 'err') =~ /begun\nbegun\n/ }), 'two tasks run';
    kill INT => $process->{pid};
    my ($status, $out, $err) = Test::Examples::finish($process, 60);
    is $status, 0, 'the program goes on' or diag $err;
    is $out, "TASK_KILLED:begun\nTASK_KILLED:begun\nnone:1\n", 'with what it has';
};

subtest 'restarts' => sub {
    my $directory = tempdir(CLEANUP => 1);
    my $file = "$directory/state";
    my @commands = ("echo done >> $directory/ran; printf '\\377\\n'", "echo begun >> $directory/ran; test -e $directory/go && echo went || exec sleep 1000", 'echo last');
    my $program = 'my $r = Mesos::Runner->new(master => "local", backoff => 0, state_file => shift, max_running => 2, on_result => sub { syswrite STDERR, "over\n" });
        $r->add(@ARGV); print map { $_->id . $_->state . ":" . $_->stdout } $r->run';
    # Whatever framework ids and sandboxes are: of another cluster each time.
    my @arguments = ('-MMesos::Runner', '-e', $program, $file, @commands);
    my $process = Test::Examples::start(@arguments);
    ok Test::Examples::wait_for(60, sub { -e "$directory/ran" && slurp("$directory/ran") =~ /done/ && slurp("$directory/ran") =~ /begun/ && Test::Examples::said($process, 'err') =~ /over\n.*over\n/s }), 'one has ended, one runs';
    kill KILL => $process->{pid};
    Test::Examples::finish($process, 60);
    like error_of(sub { my $first = runner(state_file => $file); runner(state_file => $file) }), qr/^state_file: another program uses \Q$file\E at \Q${\__FILE__}\E line/, 'the file is locked';
    like error_of(sub { runner(state_file => $file)->add('echo another') }), qr/^add: the task '1' of the state file is another one: echo done .* at \Q${\__FILE__}\E line/, 'another command';
    # What a crash leaves of a record.
    open my $out, '>>', $file or die $!;
    print {$out} '{"id":"2","phase":"en';
    close $out;
    open my $go, '>', "$directory/go" or die $!;
    my ($status, $said, $err) = Test::Examples::finish(Test::Examples::start(@arguments), 60);
    is $status, 0, 'the next program' or diag $err;
    is $said, "1TASK_FINISHED:\377\n2TASK_FINISHED:went\n3TASK_FINISHED:last\n", 'has all results';
    is join(' ', sort split /\n/, slurp("$directory/ran")), 'begun begun done', 'what had ended did not run again';
    ok !-e $file, 'the file is removed';
    ok !-e "$file.framework", 'and that of the framework';
};

subtest 'wrong arguments' => sub {
    my $here = qr/ at \Q${\__FILE__}\E line \d+\.?$/;
    my $runner = runner();
    my %wrong = (
        'add: task 0: expected a command \(a string or an array reference\) or a hash reference, got undef' => [undef],
        'add: task 1: expected a command .* got an object of' => ['true', bless [], 'Nothing'],
        'add: task 0: command: expected a string or an array reference of strings, got a reference to array' => [[]],
        q(add: task 0: there is no option 'comand': did you mean 'command'\?) => [{comand => 'true'}],
        q{add: task 0: there is no option 'wait' \(known are: accepts, command, cpus, .*\)} => [{command => 'true', wait => 1}],
        'add: task 0: expected either command or info' => [{cpus => 1}],
        'add: task 0: command: expected a command, got " "' => [' '],
        'add: task 0: command: expected a command, got ' => [['', 'x']],
        'add: task 0: env: expected a hash reference, got a reference to array' => [{command => 'true', env => ['A=1']}],
        'add: task 0: env: A: expected a string, got a reference to array' => [{command => 'true', env => {A => ['x']}}],
        'add: task 0: env: B: expected a string, got undef' => [{command => 'true', env => {A => 1, B => undef}}],
        'add: task 0: user: expected the name of a user, got a reference to array' => [{command => 'true', user => ['x']}],
        'add: task 0: user: expected the name of a user, got ""' => [{command => 'true', user => ''}],
        'add: task 0: retry_lost: expected a whole number, got "1.5"' => [{command => 'true', retry_lost => 1.5}],
        'add: task 0: cpus: expected a number, at least 0, got "many"' => [{command => 'true', cpus => 'many'}],
        'add: task 0: timeout: expected a number, at least 0, got "-1"' => [{command => 'true', timeout => -1}],
        'add: task 0: id: expected at most 200 characters without slashes .*, got "a/b"' => [{command => 'true', id => 'a/b'}],
        'add: task 0: Mesos::TaskInfo.*' => [{executor => {executor_id => {value => 'e'}, command => 'no message'}}],
    );
    like error_of(sub { $runner->add(@{$wrong{$_}}) }), qr/^$_.*$here/, $_ for sort keys %wrong;
    my @twice = map { {command => $_, id => 'again'} } qw(true false);
    like error_of(sub { $runner->add(@twice) }), qr/^add: there is a task with the id 'again' already$here/, 'an id twice in one call';
    is_deeply [$runner->tasks], [], 'nothing was added';
    $runner->add({command => 'true', id => 'twice'});
    like error_of(sub { $runner->add({command => 'true', id => 'twice'}) }), qr/^add: there is a task with the id 'twice' already$here/, 'an id twice';
    like error_of(sub { $runner->forget($runner->task('twice')) }), qr/^forget: the task 'twice' has not ended$here/, 'forget';
    like error_of(sub { runner(cpus => 'x') }), qr/cpus: expected a number, at least 0, got "x"/, 'new';
    like error_of(sub { runner(max_running => 0.5) }), qr/max_running: expected a whole number, got "0.5"/, 'new';
    like error_of(sub { runner(on_result => 1) }), qr/on_result: expected a code reference, got "1"/, 'new';
    like error_of(sub { runner(placement => 'best') }), qr/placement: expected 'spread' or 'pack', got "best"/, 'new';
};

done_testing;
