# What is probably a mistake, made in a whole program, in every event loop: the text that is told, the line that it names, and that the
# program then ends, or goes on to its proper end, as promised.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use IO::Socket::INET;
use Test::Examples qw(start finish free_port);
use Test::More;
BEGIN { delete @ENV{grep {/\A(?:PERL_MESOS_|LIBPROCESS_|MOJO_|MESOS_)/} keys %ENV} }

# The variables and the dispatcher of each loop.
my %loops = (
    'EV' => ['AnyEvent', PERL_ANYEVENT_MODEL => 'EV'],
    "AnyEvent's own" => ['AnyEvent', PERL_ANYEVENT_MODEL => 'Perl'],
    'IO::Async' => ['IOAsync'],
    'Mojo, on EV' => ['Mojo', MOJO_REACTOR => 'Mojo::Reactor::EV'],
    "Mojo's own" => ['Mojo', MOJO_REACTOR => 'Mojo::Reactor::Poll'],
    'POE' => ['POE'],
    'none (Interrupt)' => ['Interrupt', PERL_ANYEVENT_MODEL => 'EV'],
);

# A program that is right: it runs one task to its end. Mistakes change parts of it. `#here` marks the line that must be named.
my %right = (
    class => 'extends "Mesos::Scheduler";',
    offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : task($_)]) for @$offers;',
    update => '$driver->stop if $status->{state} == Mesos::TaskState::TASK_FINISHED;',
    task => 'return {name => "t", task_id => {value => "t"}, slave_id => $_[0]{slave_id}, command => {value => "true"},
        resources => [{name => "cpus", type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}]};',
    make => 'my $driver = Mesos::SchedulerDriver->new(%arguments);',
    run => 'my $status = $driver->run;',
    framework => 'user => "", name => "mistakes"',
    more => '',
    end => '',
    offers_name => 'resourceOffers',
);
my $skeleton = <<'END';
use strict;
use warnings;
use Mesos::SchedulerDriver;
package MyScheduler;
use Moo;
%(class)
sub %(offers_name) {
    my ($self, $driver, $offers) = @_;
    %(offers)
}
sub statusUpdate {
    my ($self, $driver, $status) = @_;
    %(update)
}
sub task {
    %(task)
}
package main;
$| = 1;
my ($loop, $master) = @ARGV;
my %arguments = (dispatcher => $loop, master => $master, on_exception => 'die', scheduler => MyScheduler->new,
    framework => {%(framework)}, master_timeout => 60, %(more));
%(make)
%(run)
print "status $status, loop ", $loop =~ /AnyEvent/ ? AnyEvent::detect() : $loop eq 'Mojo' ? ref Mojo::IOLoop->singleton->reactor : $loop, "\n"; %(end)
END

sub program_of {
    my (%change) = @_;
    my %part = (%right, %change);
    (my $text = $skeleton) =~ s/%\((\w+)\)/$part{$1}/g;
    return $text;
}

my ($stopped, $aborted) = (4, 3);    # Mesos::Status
my $failed = 'Mesos: the driver of this framework has failed: ';

# A server that answers everything with a page of its own.
my $stranger = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die $!;
my $server = fork;
die $! unless defined $server;
if (!$server) {
    my $page = '<html><head><title>Welcome</title></head></html>';
    while (my $client = $stranger->accept) {
        sysread $client, my $request, 65536;
        print $client "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: ", length $page, "\r\n\r\n$page";
    }
    exit;
}
END { my $status = $?; if ($server) { kill KILL => $server; waitpid $server, 0 } $? = $status }
my $page = '127.0.0.1:' . $stranger->sockport;
my $nobody = '127.0.0.1:' . free_port();

my $dies = 'die "not now\n" unless $self->{died}++;
    $driver->stop if $status->{state} == Mesos::TaskState::TASK_FINISHED;';

# name, what is changed, what is told (LINE: "at FILE line N.", of the line with #here), and the status
# that it prints at its end, unless it dies or calls exit.
my @mistakes = (
    ['none', {}, '', $stopped],
    ['an unknown argument of the driver', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments, master_time => 3); #here'},
        "Mesos::SchedulerDriver->new: unknown argument 'master_time': did you mean 'master_timeout'? LINE\n", $stopped],
    ['an unknown argument of the scheduler', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments, scheduler => MyScheduler->new(jobs => 1)); #here'},
        "MyScheduler->new: unknown argument 'jobs' (it has none) LINE\n", $stopped],
    ['an unknown field in a task', {offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : {%{ task($_) }, cmd => 1}]) for @$offers; #here'},
        "Mesos::TaskInfo.cmd: Mesos::TaskInfo has no field 'cmd': did you mean 'command'? LINE\n", $stopped],
    ['an unknown field that is fatal', {offers => '$driver->launchTasks([$_->{id}], [{%{ task($_) }, cmd => 1}]) for @$offers; #here',
            more => 'unknown_fields => "die"'},
        "Mesos::TaskInfo.cmd: Mesos::TaskInfo has no field 'cmd': did you mean 'command'? LINE\n"],
    ['an unknown field in a message of its class', {offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : Mesos::TaskInfo->new({%{ task($_) }, cmd => 1})]) for @$offers; #here'},
        "Mesos::TaskInfo.cmd: Mesos::TaskInfo has no field 'cmd': did you mean 'command'? LINE\n", $stopped],
    ['an unknown field that is wanted', {offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : {%{ task($_) }, cmd => 1}]) for @$offers;',
            more => 'unknown_fields => "ignore"'}, '', $stopped],
    ['a list for one value', {offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : {%{ task($_) }, name => ["t"]}]) for @$offers; #here'},
        "Mesos::TaskInfo.name: expected one value, got an array reference, of which the last element counts LINE\n", $stopped],
    ['a map without a required part', {offers => '$driver->launchTasks([$_->{id}], [{%{ task($_) }, limits => {cpus => {}}}]) for @$offers; #here'},
        "Mesos::TaskInfo.limits{cpus}.value: required field is missing LINE\n"],
    ['a callback that dies, which warns', {update => $dies, more => 'on_exception => "warn"'},
        qr/\AMesos: the callback statusUpdate died: not now\.\n  The driver does not acknowledge the update, so Mesos sends it again\.\n  on_exception is 'warn': .*\n\z/, $stopped],
    ['a callback that dies, for a function', {update => $dies, more => 'on_exception => sub { print STDERR "$_[1]: $_[2]" }'},
        "statusUpdate: not now\n", $stopped],
    ['a callback that dies', {update => $dies, run => 'eval { $driver->run }; print STDERR "it was: $@"; undef $driver; exit 1; my $status;'},
        "it was: not now\n"],
    ['arguments of run', {run => 'my $status = $driver->run(10); #here'}, "run: expected no arguments, got 1 LINE\n", $stopped],
    ['a word that says no', {update => '$driver->stop("no") if $status->{state} == Mesos::TaskState::TASK_FINISHED; #here'},
        "stop: failover: 'no' is a true value in Perl: did you mean 0? LINE\n", $stopped],
    ['a failover_timeout below 0', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here', framework => 'user => "", name => "n", failover_timeout => -1'},
        "framework: failover_timeout is -1: a master then keeps the framework and its tasks for ever after it has gone LINE\n", $stopped],
    ['an unknown field of the framework', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here', framework => 'user => "", name => "n", failover_timout => 3'},
        "Mesos::FrameworkInfo.failover_timout: Mesos::FrameworkInfo has no field 'failover_timout': did you mean 'failover_timeout'? LINE\n", $stopped],
    ['a callback with a wrong name', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here',
            class => 'extends "Mesos::Scheduler"; sub frameworkMessages { }'},
        "MyScheduler has a method 'frameworkMessages', which is never called: did you mean the callback 'frameworkMessage'? LINE\n", $stopped],
    ['an id file without a failover_timeout', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here',
            more => 'framework_id_file => "/tmp/mesos-perl-mistakes-$$"'},
        'framework_id_file without a failover_timeout in framework: Mesos removes the framework when this program ends, and every second start fails LINE' . "\n", $stopped],
    ['a web interface without http://', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here', framework => 'user => "", name => "n", webui_url => "localhost:8080"'},
        "framework: webui_url 'localhost:8080' has no http:// or https://: the link in Mesos' web interface leads nowhere LINE\n", $stopped],
    ['a variable of TLS with a wrong name', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here', environment => {LIBPROCESS_SSL_VERIFY_CRET => 1}},
        "environment: nothing reads the variable LIBPROCESS_SSL_VERIFY_CRET: did you mean 'LIBPROCESS_SSL_VERIFY_CERT'? LINE\n", $stopped],
    ['a promise that nobody keeps', {class => 'use Mesos::Async; extends "Mesos::Scheduler";', make => 'my $driver = Mesos::Async->new(%arguments);',
            offers => '$driver->message_p({value => "e"}, $offers->[0]{slave_id}, "x", timeout => 0.01) unless $self->{launched}; #here
        $driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : {%{ task($_) }, command => {value => "sleep 1"}}]) for @$offers;'},
        qr/\A(?:message_p: its promise is rejected, and nobody has kept it: message_p: no answer of the executor 'e' LINE|Unhandled rejected promise: message_p: no answer of the executor 'e'[^\n]*)\n\z/, $stopped],
    ['events of a driver that is not started', {class => 'use Mesos::Async; extends "Mesos::Scheduler";', make => 'my $driver = Mesos::Async->new(%arguments);
        my $event = $driver->next_event; #here', run => 'my $told;
        local $SIG{__WARN__} = sub { print STDERR $told = shift };
        $driver->dispatcher->wait(0.1) until $told;
        my $status = $driver->run;'},
        "next_event: the driver was not started yet, and until then nothing comes: call start_p LINE\n", $stopped, 'slow'],
    ['events of a driver that starts later', {class => 'use Mesos::Async; extends "Mesos::Scheduler";', make => 'my $driver = Mesos::Async->new(%arguments);
        my $event = $driver->next_event;'}, '', $stopped],
    ['calls before start', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments);
        $driver->launchTasks([], []), $driver->stop; #here'},
        "launchTasks: the driver was not started yet: nothing was done LINE\nstop: the driver was not started yet: nothing was done LINE\n", $stopped],
    ['a second run', {run => 'my $status = $driver->run;
        $status = $driver->run; #here'},
        "start: the driver was stopped, and cannot be started again: make a new one LINE\n", $stopped],
    ['a running driver that is dropped', {run => '$driver->run_once;
        undef $driver; #here
        my $status = Mesos::SchedulerDriver->new(%arguments, scheduler => MyScheduler->new)->run;'},
        "a Mesos::SchedulerDriver is dropped while it runs: no callback comes any more. Keep it in a variable until stop LINE\n", $stopped],
    ['a running driver that goes with the frame of a croak', {run => '$driver->run_once;
        sub lose { my $kept = shift @{$_[0]}; require Carp; Carp::confess("lost") }
        my $holder = [$driver];
        undef $driver;
        eval { lose($holder) }; #here
        my $status = Mesos::SchedulerDriver->new(%arguments, scheduler => MyScheduler->new)->run;'},
        "a Mesos::SchedulerDriver is dropped while it runs: no callback comes any more. Keep it in a variable until stop LINE\n", $stopped],
    ['an exception that ends the program while a driver runs', {run => '$driver->run_once;
        $driver->killTask("t"); #here
        my $status = 0;'}, qr/\AkillTask: taskId: expected Mesos::TaskID or a hash reference, got "t" [^\n]* LINE\n\z/],
    ['an operation without a type', {offers => '$driver->acceptOffers([$_->{id}], [{launch => {task_infos => [task($_)]}}]) for @$offers; #here'},
        qr/\Aoperations: Offer\.Operation 0: expected a type of Mesos::Offer::Operation::Type, as LAUNCH, got none LINE\n\z/],
    ['a launch of nothing', {offers => '$driver->acceptOffers([$_->{id}], [{type => Mesos::Offer::Operation::Type::LAUNCH, launch => {}}]) for @$offers; #here'},
        qr/\Aoperations: Offer\.Operation 0: .*task_infos.* LINE\n\z/],
    ['an operation without its part', {offers => '$driver->acceptOffers([$_->{id}], [{type => Mesos::Offer::Operation::Type::LAUNCH}]) for @$offers; #here'},
        qr/\A\S.*its type is LAUNCH, but launch is missing LINE\n\z/],
    ['a task without its name', {offers => '$driver->launchTasks([$_->{id}], [{task_id => {value => "t"}, slave_id => $_->{slave_id}}]) for @$offers; #here'},
        qr/\A.*name.* LINE\n\z/],
    ['a call that the master refuses', {offers => '$driver->updateFramework({user => "", name => "n", id => $offers->[0]{framework_id}, checkpoint => 1})
            unless $self->{launched};
        $driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : task($_)]) for @$offers;'},
        qr/\AMesos: framework \S+, master \S+: answer 400 \(FrameworkInfo update is not valid: .*\) for UPDATE_FRAMEWORK\n\z/, $stopped],
    ['a task after stop', {update => 'return if $status->{state} != Mesos::TaskState::TASK_FINISHED;
        $driver->stop;
        $driver->launchTasks([{value => "o"}], [task({slave_id => {value => "s"}})]); #here'}, "launchTasks: the driver was stopped: no task is launched LINE\n", $stopped],
    ['no resourceOffers', {offers_name => 'offered', run => '$driver->start;
        $driver->dispatcher->wait(0.1) until $driver->{_told_of_offers};
        $driver->stop;
        my $status = $driver->status;'},
        "Mesos: MyScheduler has no method resourceOffers: what Mesos offers stays unused, and no other framework gets it\n", $stopped],
    ['offers that go elsewhere by a modifier', {class => 'extends "Mesos::Scheduler"; after resourceOffers => sub { offered(@_) };', offers_name => 'offered'}, '', $stopped],
    ['updates that nobody acknowledges', {update => 'print STDERR "update\n"; $driver->stop if $self->{updates}++;', more => 'implicit_acknowledgements => 0'},
        qr/\Aupdate\nMesos: framework \S+: the update TASK_STARTING of the task 't' comes again, for the program has acknowledged none: call acknowledgeStatusUpdate .*\nupdate\n\z/, $stopped, 'slow'],
    ['a role that is not the framework\'s', {offers => '$driver->suppressOffers(["other"]); #here
        $driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : task($_)]) for @$offers;'},
        "suppressOffers: 'other' is not a role of the framework (it has '*'): a master ignores the whole call LINE\n", $stopped],
    ['offers that are refused for a negative time', {offers => '$driver->launchTasks([$_->{id}], [$self->{launched}++ ? () : task($_)], {refuse_seconds => -1}) for @$offers; #here'},
        "launchTasks: filters->{refuse_seconds} is -1, so the master takes its default, 5 seconds LINE\n", $stopped],
    ['an id that is empty', {offers => '$driver->killTask({value => ""}); #here'}, "taskId: TaskID.value is empty LINE\n"],
    ['a wrong address', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments, master => "http://localhost:5050/mesos"); #here'},
        qr{\A.*master.*/mesos.* LINE\n\z}],
    ['none, and the program runs the loop and exits in a callback', {update => 'exit 0 if $status->{state} == Mesos::TaskState::TASK_FINISHED;',
            run => '$driver->start; my $status = 0; $driver->dispatcher->serve;'}, '', 'exit'],
    ['none, and a callback dies while the program runs the loop', {update => 'die "enough\n" if $status->{state} == Mesos::TaskState::TASK_FINISHED;',
            more => 'on_exception => "die"', run => '$driver->start; my $status = 0; $driver->dispatcher->serve;'}, "enough\n"],
    ['a driver that is never started', {make => 'my $driver = Mesos::SchedulerDriver->new(%arguments); #here', run => 'my $status = $driver->status;'},
        "the program ends, and its Mesos::SchedulerDriver was never started: call run LINE\n", 1],
    ['a start and nothing else', {run => 'our $kept = $driver;
        $driver->start; #here
        my $status = 0;'},
        "the program ends while a Mesos::SchedulerDriver runs whose callbacks were never called: call run, or run the event loop until the driver ends LINE\n", 0],
    ['a start and nothing else, in a variable of the file', {run => '$driver->start;
        my $status = 0;', end => '#here'},
        "a Mesos::SchedulerDriver is dropped while it runs, and no callback was ever called: call run, or keep it in a variable and run the event loop until the driver ends LINE\n", 0],
    (map {
            ["a failure that the scheduler's error hides: $_", {more => 'master_timeout => 0.1', master => $nobody, class => "extends 'Mesos::Scheduler'; sub error { $_ }"},
                qr/\A${failed}no master at $nobody for 0\.1 s: .*\n\z/, /stop/ ? $stopped : $aborted]
    } '', '$_[1]->stop', '$_[0]->SUPER::error(@_[1, 2])'),
    ['a failure in whose error the program ends', {more => 'master_timeout => 0.1', master => $nobody, class => 'extends "Mesos::Scheduler"; sub error { exit 1 }'},
        qr/\A${failed}no master at $nobody for 0\.1 s: .*\n\z/],
    ['a failure whose error dies', {more => 'master_timeout => 0.1', master => $nobody, class => 'extends "Mesos::Scheduler"; sub error { die "no: $_[2]\n" }'},
        qr/\Ano: no master at $nobody for 0\.1 s: .*\n\z/],
    ['no Mesos master', {more => 'master_timeout => 0.3', master => $page},
        qr/\A${failed}no master at \Q$page\E for 0\.3 s: .*404 Not Found: an HTML page, "Welcome": is this a Mesos master\?\n\z/, $aborted],
    ['no master for five seconds', {more => 'master_timeout => 5.5', master => $nobody},
        qr/\AMesos: framework "mistakes" \(no id yet\): no master at $nobody for 5 s: cannot connect: .*\(the driver goes on trying\)\n${failed}no master at $nobody for 5\.5 s: .*\n\z/, $aborted, 'slow'],
    ['the same in silence', {more => 'master_timeout => 5.5', master => $nobody, environment => {PERL_MESOS_TRACE => 'QUIET'}}, '', $aborted, 'slow'],
);

my %file;
sub start_mistake {
    my ($loop, $mistake) = @_;
    my ($name, $change) = @$mistake;
    my ($dispatcher, %environment) = @{$loops{$loop}};
    my $text = program_of(%$change);
    my $path = $file{$name} ||= do {
        my $out = File::Temp->new(SUFFIX => '.pl');
        print $out $text or die $!;
        $out->flush or die $!;
        $out;
    };
    local %ENV = (%ENV, %environment, %{$change->{environment} || {}});
    my $process = start($path->filename, $dispatcher, $change->{master} || 'local');
    my ($line) = grep { (split /\n/, $text)[$_ - 1] =~ /#here/ } 1 .. ($text =~ tr/\n//);
    $process->{line} = "at $path line " . ($line || 0) . '.';
    return $process;
}

sub check_mistake {
    my ($loop, $mistake, $process) = @_;
    my ($name, undef, $told, $end) = @$mistake;
    my ($got, $out, $err) = finish($process, 100);
    subtest $name => sub {
        is $got =~ /\D/ ? $got : $got ? 'dies' : 'ends', defined $end ? 'ends' : 'dies', 'how the program ends';
        $err =~ s/\Q$process->{line}\E/LINE/g;
        ref $told ? like($err, $told, 'it tells') : is($err, $told, 'it tells');
        my $of = $loop =~ /EV/ ? 'EV' : $loop =~ /Any/ ? 'AnyEvent::Impl::Perl' : $loop =~ /own/ ? 'Poll' : '';
        defined $end && $end ne 'exit' ? like($out, qr/\Astatus $end, loop .*$of\n\z/, 'and goes on') : is($out, '', 'and does not go on');
    };
}

my %slow;
for my $loop (keys %loops) {
    $slow{$loop} = [map { start_mistake($loop, $_) } grep { $_->[4] } @mistakes];
}
for my $loop (sort keys %loops) {
    subtest $loop => sub {
        # Without a loop, callbacks come between statements as soon as there is an event: a start may be enough.
        my @waiting = grep { !$_->[4] && !($loop =~ /Interrupt/ && $_->[0] =~ /a start and nothing else/) } @mistakes;
        my @started;
        while (@waiting || @started) {
            # Two at a time, as even small machines can.
            push @started, [$waiting[0], start_mistake($loop, shift @waiting)] while @waiting && @started < 2;
            check_mistake($loop, @{shift @started});
        }
        check_mistake($loop, $_, shift @{$slow{$loop}}) for grep { $_->[4] } @mistakes;
    };
}

# What the log promises: a line for every call and every event.
subtest 'PERL_MESOS_TRACE=INFO' => sub {
    for my $loop (sort keys %loops) {
        my $process = start_mistake($loop, ['traced', {environment => {PERL_MESOS_TRACE => 'INFO'}}]);
        my ($code, $out, $err) = finish($process, 100);
        is $code, 0;
        like $err, qr/$_$/m, "$loop: $_" for 'call SUBSCRIBE', 'event SUBSCRIBED', 'event OFFERS.*', 'call ACCEPT.*', 'event UPDATE.*', 'call ACKNOWLEDGE.*', 'call TEARDOWN';
    }
};

done_testing;
