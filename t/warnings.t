use strict;
use warnings;
use lib 't/lib';
use B ();
use Mesos::Async;
use Mesos::Client;
use Mesos::ExecutorDriver;
use Mesos::Runner;
use Mesos::SchedulerDriver;
use Test::More;
use Test::Warned qw(warnings_of);

# What is probably a mistake: a warning at the user's line that names what was meant, and silence where all is right.

package Good;
use Moo;
extends 'Mesos::Scheduler';
has jobs => (is => 'ro', init_arg => 'work');
has errors => (is => 'ro', default => 0);
sub register { }
sub resourceOffers { }
sub statusUpdate { }
sub helper { }

package WithBuild;
use Moo;
extends 'Mesos::Scheduler';
sub BUILD { my ($self, $args) = @_; $self->{anything} = $args->{anything} }

package Plain;
our @ISA = 'Mesos::Scheduler';

package MyDriver;
use Moo;
extends 'Mesos::SchedulerDriver';
has colour => (is => 'ro');

package main;

# The code's warnings, all at the line that is named, without the place.
sub told {
    my ($line, $code) = @_;
    my @warnings = warnings_of($code);
    s/ at \Q${\__FILE__}\E line $line\.\n\z// or fail("not at line $line: $_") for @warnings;
    return \@warnings;
}

my %arguments = (master => '127.0.0.1:1', framework => {user => '', name => 'w'});
sub driver { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, @_) }

subtest 'constructors' => sub {
    is_deeply told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, dispacher => 'AnyEvent') }),
        ["Mesos::SchedulerDriver->new: unknown argument 'dispacher': did you mean 'dispatcher'?"];
    my $line = __LINE__ + 1;
    my @two = warnings_of(sub { Mesos::SchedulerDriver->new({%arguments, scheduler => Good->new, MasterTimeout => 3, quux => 1}) });
    like $two[0], qr/unknown argument 'MasterTimeout': did you mean 'master_timeout'\? at \Q${\__FILE__}\E line $line\.$/;
    like $two[1], qr/unknown argument 'quux' \(known are: auto_suppress, credential, dispatcher, driver, .*\.\.\.\) at/;
    {
        local $ENV{PERL_MESOS_TRACE} = 'QUIET';
        local @ENV{qw(PERL_MESOS_TARCE PERL_MESOS_ONEXCEPTION PERL_MESOS_OF_SOMEBODY_ELSE)} = (1) x 3;
        my $here = __LINE__ + 1;
        my $told = told($here, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new) for 1, 2 });
        is_deeply $told, ["environment: nothing reads the variable PERL_MESOS_ONEXCEPTION: did you mean 'PERL_MESOS_ON_EXCEPTION'?",
            "environment: nothing reads the variable PERL_MESOS_TARCE: did you mean 'PERL_MESOS_TRACE'?"], 'variables, once';
    }
    is_deeply told(__LINE__, sub { MyDriver->new(%arguments, scheduler => Good->new, color => 1) }),
        ["MyDriver->new: unknown argument 'color': did you mean 'colour'?"], 'of a subclass';
    is_deeply told(__LINE__, sub { Good->new(jobs => [1]) }), ["Good->new: unknown argument 'jobs' (known are: errors, work)"];
    is_deeply told(__LINE__, sub { Plain->new(jobs => [1]) }), ["Plain->new: unknown argument 'jobs' (it has none)"];
    is_deeply told(__LINE__, sub { Mesos::Dispatcher::AnyEvent->new(chanel => 1) }),
        ["Mesos::Dispatcher::AnyEvent->new: unknown argument 'chanel': did you mean 'channel'?"];
    package Elsewhere;
    main::is_deeply main::told(__LINE__, sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, auto_flush => 0) }),
        ["Mesos::ExecutorDriver->new: unknown argument 'auto_flush': did you mean 'autoflush'?"];
    main::is_deeply [main::warnings_of(sub {
                MyDriver->new(%arguments, scheduler => WithBuild->new(anything => 1), colour => 'red', _private => 1, on_exception => 'die');
                Good->new(work => 1, errors => 2);
                Good->new({});
    })], [], 'what is right is not told';
};

subtest 'silenced, fatal, and once' => sub {
    is_deeply [warnings_of(sub { no warnings 'Mesos'; driver(); Good->new(jobs => 1) })], [], "no warnings 'Mesos'";
    is_deeply [warnings_of(sub { no warnings; Good->new(jobs => 1) })], [], 'no warnings'; ## no critic (ProhibitNoWarnings): all of them is the case that is tested
    is scalar(warnings_of(sub { no warnings 'once'; Good->new(jobs => 1) })), 1, 'no other warnings';
    is scalar(warnings_of(sub { no warnings; use warnings 'Mesos'; Good->new(jobs => 1) })), 1, 'only these';    ## no critic (ProhibitNoWarnings): as above
    my $without = eval "no strict; sub { Good->new(jobs => 1) }" or die $@;
    is scalar(warnings_of(sub { Good->new(jobs => 1, errors => 1) for 1 .. 3 })), 1, 'once for a place';
    is scalar(warnings_of(sub { Good->new($_ => 1) for qw(a1 a2 a1) })), 2, 'and each name';
    {
        use warnings FATAL => 'all';
        is scalar(warnings_of(sub { Good->new(jobs => 1) })), 1, 'not fatal with all others';
    }
    use warnings FATAL => 'Mesos';
    ok !eval { Good->new(jobs => 1); 1 };
    is $@, "Good->new: unknown argument 'jobs' (known are: errors, work) at ${\__FILE__} line @{[__LINE__ - 1]}.\n", 'fatal';
};

subtest 'fields of messages' => sub {
    my $driver = driver();
    no warnings 'Mesos';
    my %of = (
        'Mesos::TaskInfo.cmd: Mesos::TaskInfo has no field \'cmd\': did you mean \'command\'?' => {cmd => {}},
        'Mesos::TaskInfo.command.environment.A: Mesos::Environment has no field \'A\' (its fields are: variables)'
            => {command => {environment => {A => 1}}},
        'Mesos::TaskInfo.resources[1].scaler: Mesos::Resource has no field \'scaler\': did you mean \'scalar\'?'
            => {resources => [{name => 'cpus', type => 0}, Mesos::Resource->new({name => 'mem', type => 0, scaler => {value => 1}})]},
        'Mesos::TaskInfo.agent_id: Mesos::TaskInfo has no field \'agent_id\': did you mean \'slave_id\'?' => {agent_id => {value => 's'}},
        'Mesos::TaskInfo.id: Mesos::TaskInfo has no field \'id\': did you mean \'task_id\'?' => {id => {value => 's'}},
        'Mesos::TaskInfo.limits{cpus}.valu: Mesos::Value::Scalar has no field \'valu\': did you mean \'value\'?'
            => {limits => {cpus => {value => 1, valu => 2}}},
    );
    my @base = (name => 't', task_id => {value => 't'}, slave_id => {value => 's'});
    for my $text (sort keys %of) {
        use warnings 'Mesos';
        my %task = (@base, %{$of{$text}});
        is_deeply [grep { !/not started/ } @{told(__LINE__, sub { $driver->launchTasks([{value => 'o'}], [\%task]) })}], [$text];
        is_deeply told(__LINE__, sub { Mesos::TaskInfo->new(\%task)->encode }), [$text], 'encoded by the program';
        my $strict = driver(unknown_fields => 'die');
        ok !eval { $strict->launchTasks([{value => 'o'}], [Mesos::TaskInfo->new(\%task)]); 1 };
        is $@, "$text at ${\__FILE__} line @{[__LINE__ - 1]}.\n", 'die';
        my $lax = driver(unknown_fields => 'ignore');
        is_deeply [grep { !/not started/ } warnings_of(sub { $lax->launchTasks([{value => 'o'}], [\%task]) })], [], 'ignore';
    }
    use warnings 'Mesos';
    my %framework = (user => '', name => 'n', failover_timout => 3);
    is_deeply told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, framework => \%framework) }),
        ["Mesos::FrameworkInfo.failover_timout: Mesos::FrameworkInfo has no field 'failover_timout': did you mean 'failover_timeout'?"];
    for my $bad ('no', undef) {
        ok !eval { driver(unknown_fields => $bad); 1 };
        like $@, qr/unknown_fields: expected "die", "warn" or "ignore", got /;
    }
    is_deeply [grep { !/not started/ } warnings_of(sub {
                $driver->launchTasks([{value => 'o'}], [{@base, _mine => 1, data => undef, command => {value => 'x', user => undef}}]);
                tie my %tied, 'Tied', (@base, cmd => 1);
                $driver->launchTasks([{value => 'o'}], [\%tied, Subclass->new({@base, extra => 1})]);
                $driver->declineOffer({value => 'o'}, {});
    })], [], 'what is right is not told';
};

# Whoever misspells a required field hears of both, and every class that takes a message says so at its user's line.
subtest 'a required field that is misspelt' => sub {
    my @new = (master => '127.0.0.1:1');
    my @driver = (@new, scheduler => Good->new);
    my $named = {user => '', name => 'n'};
    my $runner = Mesos::Runner->new(@new);
    my $driver = driver();
    my %meant = (nam => 'name', principle => 'principal', secert => 'secret', valu => 'value', typ => 'type', agent_id => 'slave_id', is_default => 'default');
    my $of = sub { my ($class, $wrong) = @_; return "$class has no field '$wrong': did you mean '$meant{$wrong}'?" };
    my $missing = sub { my ($path, $class, $wrong) = @_; return "$path.$meant{$wrong}: required field is missing (" . $of->($class, $wrong) . ')' };
    my $credential = $missing->(('Mesos::Credential') x 2, 'principle');
    my %task = (name => 't', task_id => {value => 't'}, slave_id => {value => 's'});
    for (
        [sub { Mesos::SchedulerDriver->new(@driver, framework => {user => '', nam => 'n'}) }, $missing->(('Mesos::FrameworkInfo') x 2, 'nam')],
        [sub { Mesos::SchedulerDriver->new(@driver, framework => Mesos::FrameworkInfo->new({user => '', nam => 'n'})) }, $missing->(('Mesos::FrameworkInfo') x 2, 'nam')],
        [sub { Mesos::SchedulerDriver->new(@driver, framework => {%$named, capabilities => [{typ => 1}], labels => {labels => [{key => 'k'}]}}) }, undef,
            'Mesos::FrameworkInfo.capabilities[0].typ: ' . $of->('Mesos::FrameworkInfo::Capability', 'typ')],
        [sub { Mesos::SchedulerDriver->new(@driver, framework => $named, credential => {principle => 'p', secret => 's'}) }, $credential],
        [sub { Mesos::SchedulerDriver->new(@driver, framework => $named, credential => {principal => 'p', secert => 's'}) }, undef, 'Mesos::Credential.secert: ' . $of->('Mesos::Credential', 'secert')],
        [sub { Mesos::Async->new(@new, framework => {user => '', nam => 'n'}) }, $missing->(('Mesos::FrameworkInfo') x 2, 'nam')],
        [sub { Mesos::Async->new(@new, framework => $named, credential => {principle => 'p'}) }, $credential],
        [sub { Mesos::Runner->new(@new, framework => {nam => 'n'}) }, undef, 'Mesos::FrameworkInfo.nam: ' . $of->('Mesos::FrameworkInfo', 'nam')],
        [sub { Mesos::Runner->new(@new, credential => {principle => 'p'}) }, $credential],
        [sub { Mesos::Runner->new(@new, agent_credential => {principle => 'p'}) }, $credential],
        [sub { Mesos::Runner->new(@new, driver_options => {framework => $named}) }, undef,
            "driver_options: 'framework' has no effect here: it is an argument of the runner"],
        [sub { $runner->add({command => {valu => 'true'}}) }, undef, 'Mesos::TaskInfo.command.valu: ' . $of->('Mesos::CommandInfo', 'valu')],
        [sub { $runner->add({info => {resources => [{nam => 'cpus', type => 0}]}}) },
            'add: task 0: ' . $missing->('Mesos::TaskInfo.resources[0]', 'Mesos::Resource', 'nam')],
        [sub { Mesos::Client->new(@new, credential => {principle => 'p'}) }, "credential: unknown key 'principle': did you mean 'principal'?"],
        [sub { $driver->launchTasks([{valu => 'o'}], []) }, $missing->(('Mesos::OfferID') x 2, 'valu')],
        [sub { $driver->launchTasks([{value => 'o'}], [{%task, slave_id => undef, agent_id => {value => 's'}}]) },
            $missing->(('Mesos::TaskInfo') x 2, 'agent_id')],
        [sub { $driver->launchTasks([{value => 'o'}], [{%task, resources => [{type => 0, nam => 'cpus'}]}]) },
            $missing->('Mesos::TaskInfo.resources[0]', 'Mesos::Resource', 'nam')],
        [sub { $driver->launchTasks([{value => 'o'}], [{%task, limits => {cpus => {valu => 1}}}]) },
            $missing->('Mesos::TaskInfo.limits{cpus}', 'Mesos::Value::Scalar', 'valu')],
        [sub { Mesos::TaskID->encode({valu => 't'}) }, $missing->(('Mesos::TaskID') x 2, 'valu')],
        [sub { Mesos::TaskID->encode({quux => 't'}) }, "Mesos::TaskID.value: required field is missing (Mesos::TaskID has no field 'quux')"],
        # The short form is for Mesos::Resources and what takes all that it takes.
        [sub { $driver->launchTasks([{value => 'o'}], [{%task, resources => {cpus => 1}}]) }, 'Mesos::TaskInfo.resources.name: required field is missing'
                . " (Mesos::Resource has no field 'cpus': Mesos::Resources->new({cpus => ...})->list makes a list of amounts)"],
    ) {
        my ($code, $dies, $warns) = @$_;
        my $line = B::svref_2object($code)->START->line;
        my @warnings = warnings_of(sub { eval { $code->(); 1 } ? is undef, $dies, 'it lives' : is $@, ($dies || 'it lives') . " at ${\__FILE__} line $line.\n" });
        is_deeply \@warnings, [map {"$_ at ${\__FILE__} line $line.\n"} grep {defined} $warns], $warns || 'no warning';
    }
};

BEGIN {
    package Tied;    # as far as encoding needs it
    sub TIEHASH { my ($class, %of) = @_; bless {%of}, $class }
    sub FETCH { $_[0]{$_[1]} }
    sub EXISTS { exists $_[0]{$_[1]} }
    package Subclass;
    our @ISA = 'Mesos::TaskInfo';
    sub extra { $_[0]{extra} }
}

subtest 'callbacks' => sub {
    for (
        [resource_offers => 'resourceOffers'], [resourceOffer => 'resourceOffers'], [ResourceOffers => 'resourceOffers'],
        [statusupdate => 'statusUpdate'], [statusUpdates => 'statusUpdate'], [status_update => 'statusUpdate'],
        [statsuUpdate => 'statusUpdate'], [onStatusUpdate => 'statusUpdate'], [agentLost => 'slaveLost'], [Registered => 'registered'],
        [registred => 'registered'], [disconected => 'disconnected'], [framework_message => 'frameworkMessage'],
        [operation_status_update => 'operationStatusUpdate'],
    ) {
        my ($wrong, $right) = @$_;
        my $class = "Near::$wrong";
        eval "package $class; our \@ISA = 'Mesos::Scheduler'; sub $wrong { } 1" or die $@;
        my $scheduler = $class->new;
        is_deeply told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => $scheduler) }),
            ["$class has a method '$wrong', which is never called: did you mean the callback '$right'?"];
        eval "package $class; sub $right { } 1" or die $@;
        is_deeply [warnings_of(sub { Mesos::SchedulerDriver->new(%arguments, scheduler => $scheduler) })], [], 'both are there';
    }
    eval 'package NearExecutor; our @ISA = "Mesos::Executor"; sub launch_task { } sub killtask { } 1' or die $@;
    is_deeply told(__LINE__, sub { Mesos::ExecutorDriver->new(executor => NearExecutor->new) }), [
        "NearExecutor has a method 'killtask', which is never called: did you mean the callback 'killTask'?",
        "NearExecutor has a method 'launch_task', which is never called: did you mean the callback 'launchTask'?",
    ];
    eval 'package Innocent; our @ISA = "Good"; sub register { } sub is_registered { } sub _status_update { } sub disconnect { } sub errors { }
        sub ERROR { } sub offers { } sub update { } sub on_error { } sub log_error { } 1' or die $@;
    is_deeply [warnings_of(sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Innocent->new) })], [], 'other names are not told';
};

subtest 'the id of a framework that does not outlive its program' => sub {
    my @file = (framework_id_file => "/tmp/mesos-perl-warnings-$$");
    is_deeply told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, @file) }),
        ['framework_id_file without a failover_timeout in framework: Mesos removes the framework when this program ends, and every second start fails'];
    is_deeply [warnings_of(sub { driver(@file, framework => {user => '', name => 'n', failover_timeout => 60}) })], [];
};

subtest 'calls that do nothing' => sub {
    my $driver = driver();
    for my $method (qw(stop abort join)) {
        is_deeply told(__LINE__, sub { $driver->$method }), ["$method: the driver was not started yet: nothing was done"];
    }
    for (
        [launchTasks => [], []], [acceptOffers => [], []], [declineOffer => {value => 'o'}], [killTask => {value => 't'}], [reviveOffers =>],
        [suppressOffers =>], [reconcileTasks => []], [requestResources => []],
        [sendFrameworkMessage => {value => 'e'}, {value => 's'}, ''],
    ) {
        my ($method, @args) = @$_;
        is_deeply told(__LINE__, sub { is $driver->$method(@args), Mesos::Status::DRIVER_NOT_STARTED }),
            ["$method: the driver was not started yet: nothing was done"];
    }
    my $executor = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new);
    is_deeply told(__LINE__, sub { $executor->sendFrameworkMessage('') }), ['sendFrameworkMessage: the driver was not started yet: nothing was done'];
    is_deeply [warnings_of(sub { $driver->start; $driver->stop; $driver->stop; $driver->launchTasks([], []) })], [], 'in order';
    is_deeply told(__LINE__, sub { $driver->start }), ['start: the driver was stopped, and cannot be started again: make a new one'];
    is_deeply told(__LINE__, sub { $driver->run }), ['start: the driver was stopped, and cannot be started again: make a new one'];
};

subtest 'operations that a master would drop' => sub {
    my $driver = driver();
    $driver->start;
    my %type = map { ($_ => Mesos::Offer::Operation::Type->can($_)->()) } qw(LAUNCH LAUNCH_GROUP RESERVE UNRESERVE CREATE DESTROY
        GROW_VOLUME SHRINK_VOLUME CREATE_DISK DESTROY_DISK);
    my %plain = (name => 'cpus', type => 0, scalar => {value => 1});
    my $resource = {%plain, reservations => [{type => 2, role => 'r'}]};
    my $space = {%$resource, name => 'disk'};
    my $volume = {%$space, disk => {persistence => {id => 'v'}, volume => {container_path => 'p', mode => 1}}};
    my $reserve = sub { my ($part, %of) = @_; $part = lc $part; return {type => $type{uc $part}, $part => {resources => [$resource, {%$resource, %of}]}} };
    my $raw = {%$space, provider_id => {value => 'p'}, disk => {source => {type => 4, id => 'd'}}};
    my $disk = sub { my (%of) = @_; return {%$raw, disk => {source => {%{$raw->{disk}{source}}, %of}}} };
    my $resized = sub { my ($part, %of) = @_; return {type => $type{uc $part}, $part => {volume => $volume, $part =~ /grow/ ? (addition => $space) : (subtract => {value => 0.5}), %of}} };
    my $made = sub { my ($part, %of) = @_; return {type => $type{uc $part}, $part => {source => $raw, $part =~ /create/ ? (target_type => 2, target_profile => 't') : (), %of}} };
    my $volumes = sub { my ($part, %of) = @_; $part = lc $part; return {type => $type{uc $part}, $part => {volumes => [{%$volume, %of}]}} };
    for (
        [{}, 'expected a type of Mesos::Offer::Operation::Type, as LAUNCH, got none'],
        [{launch => {task_infos => []}}, 'expected a type .* got none'],
        [{type => 0}, 'expected a type .* got 0'],
        (map { [{type => $type{$_}}, "its type is $_, but \L$_\E is missing"] } keys %type),
        [{type => $type{LAUNCH}, reserve => {resources => [$resource]}}, 'launch is missing'],
        [{type => $type{LAUNCH}, launch => {}}, 'launch\.task_infos is empty'],
        [{type => $type{LAUNCH_GROUP}, launch_group => {executor => {executor_id => {value => 'e'}}, task_group => {}}},
            'launch_group\.task_group\.tasks is empty'],
        [{type => $type{RESERVE}, reserve => {}}, 'reserve\.resources is empty'],
        [{type => $type{UNRESERVE}, unreserve => {}}, 'unreserve\.resources is empty'],
        [{type => $type{CREATE}, create => {}}, 'create\.volumes is empty'],
        [{type => $type{DESTROY}, destroy => {}}, 'destroy\.volumes is empty'],
        (map {
                my $part = $_;
                my $path = "$part\\.resources\\[1\\]";
                [$reserve->($part, name => ''), "$path\\.name is empty"],
                    [$reserve->($part, scalar => undef), "$path\\.scalar is missing"],
                    [$reserve->($part, type => 1), "$path\\.ranges is missing"],
                    [$reserve->($part, type => 2), "$path\\.set is missing"],
                    [$reserve->($part, type => 3), "$path\\.type: expected SCALAR, RANGES or SET, got 3"],
                    [$reserve->($part, reservations => undef), "$path\\.reservations is missing"],
                    [$reserve->($part, reservations => []), "$path\\.reservations is missing"],
                    [$reserve->($part, reservations => [{type => 2}]), "$path\\.reservations\\[0\\]\\.role is missing"],
                    [$reserve->($part, reservations => [{type => 2, role => ''}]), "$path\\.reservations\\[0\\]\\.role is empty"],
                    [$reserve->($part, reservations => [{role => 'r'}]), "$path\\.reservations\\[0\\]\\.type is missing"],
                    [$reserve->($part, reservations => [{type => 1, role => 'r'}]), "$path\\.reservations\\[0\\]\\.type: expected DYNAMIC"],
                    [$reserve->($part, allocation_info => {}), "$path\\.allocation_info\\.role is missing"],
        } qw(reserve unreserve)),
        (map {
                my $part = $_;
                my $path = "$part\\.volumes\\[0\\]";
                [$volumes->($part, name => ''), "$path\\.name is empty"],
                    [$volumes->($part, disk => undef), "$path\\.disk is missing"],
                    [$volumes->($part, disk => {volume => $volume->{disk}{volume}}), "$path\\.disk\\.persistence is missing"],
                    [$volumes->($part, disk => {%{$volume->{disk}}, persistence => {id => ''}}), "$path\\.disk\\.persistence\\.id is empty"],
                    [$volumes->($part, disk => {persistence => {id => 'v'}}), "$path\\.disk\\.volume is missing"],
                    [$volumes->($part, reservations => undef), "$path\\.reservations is missing"],
        } qw(create destroy)),
        (map {
                my $path = "$_\\.resources\\[1\\]";
                [$reserve->($_, scalar => {value => 0}), "$path: expected an amount above 0, got none"],
                    [$reserve->($_, type => 1, scalar => undef, ranges => {range => []}), "$path: expected an amount above 0, got none"],
                    [$reserve->($_, scalar => {value => -1}), "$path: Invalid scalar resource: value <= 0"],
                    [$reserve->($_, type => 1, scalar => undef, ranges => {range => [{begin => 5, end => 3}]}), "$path: Invalid ranges resource: begin > end"],
                    [$reserve->($_, type => 2, scalar => undef, set => {item => ['a', 'a']}), "$path: Invalid set resource: duplicated elements"],
                    [$reserve->($_, name => 'gpus', scalar => {value => 0.5}), "$path\\.scalar: expected a whole number of gpus"],
                    [$reserve->($_, role => 'a b', reservations => [{type => 2, role => 'a b'}]), "$path: Role .*'a b' .*"],
                    [$reserve->($_, reservations => [{type => 2, role => '*'}]), "$path: Invalid reservation: role \"\\*\" cannot be reserved"],
                    [$reserve->($_, reservations => [{type => 2, role => 'r'}, {type => 2, role => 'q'}]), "$path: Invalid refined reservation: role 'q' .*"],
                    [$reserve->($_, shared => {}), "$path: Resource cpus cannot be shared"],
        } qw(reserve unreserve)),
        [{type => $type{RESERVE}, reserve => {resources => [$resource], source => [$resource]}}, 'reserve\.source: masters take it from operators only'],
        [{type => $type{UNRESERVE}, unreserve => {resources => [$volume]}},
            'unreserve\.resources\[0\]\.disk\.persistence: a volume has to be destroyed before it is unreserved'],
        (map {
                my $path = "$_\\.volumes\\[0\\]";
                my $of = sub { (disk => {%{$volume->{disk}}, @_}) };
                [$volumes->($_, scalar => {value => 0}), "$path: expected an amount above 0, got none"],
                    [$volumes->($_, name => 'cpus'), "$path: DiskInfo should not be set for cpus resource"],
                    [$volumes->($_, $of->(persistence => {id => 'a/b'})), "$path: Invalid DiskInfo: Invalid persistence ID .*'a/b' contains invalid characters"],
                    [$volumes->($_, $of->(volume => {container_path => 'p', mode => 2})), "$path\\.disk\\.volume\\.mode: expected RW, got RO"],
                    [$volumes->($_, $of->(volume => {container_path => 'p', mode => 1, host_path => '/h'})), "$path: Invalid DiskInfo: Expecting 'host_path' to be unset .*"],
        } qw(create destroy)),
        [{type => $type{CREATE}, create => {volumes => [$volume, $volume]}}, 'create\.volumes\[1\]\.disk\.persistence\.id: another volume has this id'],
        [$resized->('grow_volume', addition => {%$space, scalar => {value => 0}}), 'grow_volume\.addition: expected an amount above 0, got none'],
        [$resized->('grow_volume', addition => {%$space, reservations => undef}), 'grow_volume\.addition is not of the kind that grow_volume\.volume is made of'],
        [$resized->('grow_volume', addition => $volume), 'grow_volume\.addition is not of the kind .*'],
        [$resized->('grow_volume', addition => $resource), 'grow_volume\.addition is not of the kind .*'],
        (map {
                [$resized->($_, volume => {%$volume, shared => {}}), "$_\\.volume\\.shared: the size of a shared volume cannot be changed"],
                    [$resized->($_, volume => {%$volume, reservations => undef}), "$_\\.volume\\.reservations is missing"],
                    [$resized->($_, volume => {%$volume, scalar => undef}), "$_\\.volume\\.scalar is missing"],
        } qw(grow_volume shrink_volume)),
        (map { [$resized->('shrink_volume', subtract => {value => $_}), "shrink_volume\\.subtract: expected more than 0 and less than the volume's size, got $_"] } 0, -1, 1, 2),
        (map {
                [$made->($_, source => {%$raw, provider_id => undef}), "$_\\.source\\.provider_id is missing"],
                    [$made->($_, source => $disk->(type => 1)), "$_\\.source\\.disk\\.source\\.type: expected .*RAW, got PATH"],
                    [$made->($_, source => {%$raw, scalar => {value => 0}}), "$_\\.source: expected an amount above 0, got none"],
        } qw(create_disk destroy_disk)),
        [$made->('create_disk', source => $disk->(type => 2)), 'create_disk\.source\.disk\.source\.type: expected RAW, got MOUNT'],
        (map { [$made->('create_disk', target_type => $_->[0]), "create_disk\\.target_type: expected MOUNT or BLOCK, got $_->[1]"] } [0, 'UNKNOWN'], [1, 'PATH'], [4, 'RAW']),
        [$made->('create_disk', target_profile => undef), 'create_disk\.target_profile is missing, and create_disk\.source has no profile'],
        [$made->('create_disk', source => $disk->(profile => 'x')), 'create_disk\.target_profile: create_disk\.source has a profile already'],
        [$made->('destroy_disk', source => {%$raw, disk => {%{$raw->{disk}}, %{$volume->{disk}}}}),
            'destroy_disk\.source\.disk\.persistence: a volume has to be destroyed before its disk'],
        [{type => $type{GROW_VOLUME}, grow_volume => {volume => $resource, addition => $resource}}, 'grow_volume\.volume\.disk is missing'],
        [{type => $type{GROW_VOLUME}, grow_volume => {volume => $volume, addition => {%plain, scalar => undef}}}, 'grow_volume\.addition\.scalar is missing'],
        [{type => $type{SHRINK_VOLUME}, shrink_volume => {volume => $resource, subtract => {value => 1}}}, 'shrink_volume\.volume\.disk is missing'],
        [{type => $type{CREATE_DISK}, create_disk => {source => $resource, target_type => 2}}, 'create_disk\.source\.disk\.source is missing'],
        [{type => $type{DESTROY_DISK}, destroy_disk => {source => $resource}}, 'destroy_disk\.source\.disk\.source is missing'],
    ) {
        my ($operation, $why) = @$_;
        my $good = {type => $type{RESERVE}, reserve => {resources => [$resource]}};
        ok !eval { $driver->acceptOffers([{value => 'o'}], [$good, $operation]); 1 };
        like $@, qr/operations: Offer\.Operation 1: .*$why at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
        is $driver->acceptOffers([{value => 'o'}], [$good]), Mesos::Status::DRIVER_RUNNING;
    }
    # As reservations were written before Mesos 1.4, and operations that are whole.
    is $driver->acceptOffers([{value => 'o'}], [$_]), Mesos::Status::DRIVER_RUNNING for
        $reserve->('reserve', reservations => undef, role => 'r', reservation => {principal => 'p'}),
        $volumes->('create', reservations => undef, role => 'r'), $volumes->('destroy'),
        $resized->('grow_volume'), $resized->('shrink_volume'), $made->('create_disk'), $made->('destroy_disk', source => $disk->(type => 2)),
        $made->('create_disk', source => $disk->(profile => 'x'), target_profile => undef);
    # Of one with an id the master tells what is wrong with it. But one of nothing would be its end.
    my $asked = sub { return {id => {value => 'op'}, %{$volumes->('create', @_)}} };
    is $driver->acceptOffers([{value => 'o'}], [$asked->(disk => {%{$volume->{disk}}, volume => {container_path => 'p', mode => 2}})]),
        Mesos::Status::DRIVER_RUNNING;
    ok !eval { $driver->acceptOffers([{value => 'o'}], [$asked->(scalar => {value => 0})]) };
    like $@, qr/create\.volumes\[0\]: expected an amount above 0, got none/;
    my $reservation = $reserve->('reserve');
    for (
        [acceptOffers => [[], [$reservation]], 'offerIds: expected at least one, got none'],
        [acceptOffers => [[{value => ''}], []], 'offerIds: OfferID\.value is empty'],
        [launchTasks => [[{value => ''}], []], 'offerIds: OfferID\.value is empty'],
        [declineOffer => [{value => ''}], 'offerId: OfferID\.value is empty'],
        [killTask => [{value => ''}], 'taskId: TaskID\.value is empty'],
        [sendFrameworkMessage => [{value => ''}, {value => 's'}, 'x'], 'executorId: ExecutorID\.value is empty'],
        [sendFrameworkMessage => [{value => 'e'}, {value => ''}, 'x'], 'slaveId: SlaveID\.value is empty'],
        [shutdownExecutor => [{value => ''}, {value => 's'}], 'executorId: ExecutorID\.value is empty'],
        [shutdownExecutor => [{value => 'e'}, {value => ''}], 'slaveId: SlaveID\.value is empty'],
        [acceptInverseOffers => [[]], 'inverseOfferIds: expected at least one, got none'],
        [acceptInverseOffers => [[{value => 'i'}, {value => ''}]], 'inverseOfferIds: OfferID\.value is empty'],
        [declineInverseOffers => [[]], 'inverseOfferIds: expected at least one, got none'],
    ) {
        my ($method, $args, $why) = @$_;
        ok !eval { $driver->$method(@$args); 1 }, "$method: $why";
        like $@, qr/\A$why at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
    }
    $driver->stop;
};

subtest 'calls that a master would ignore' => sub {
    my $driver = driver(framework => {user => '', name => 'n', principal => 'p', roles => ['a', 'b'], capabilities => [{type => 6}]});
    my ($offer, $default) = ({value => 'o'}, 'so the master takes its default, 5 seconds');
    my $resource = {name => 'disk', type => 0, scalar => {value => 1}, reservations => [{type => 2, role => 'a'}]};
    my $operation = sub {
        my ($kind, $list, %of) = @_;
        return {type => Mesos::Offer::Operation::Type->can($kind)->(), lc $kind => {$list => [{%$resource, %of}]}};
    };
    my $volume = sub { (disk => {persistence => {id => 'v', @_}, volume => {container_path => 'p', mode => 1}}) };
    my $of = "but the framework's principal is 'p': a master drops the operation";
    my $task = sub { return {name => 't', task_id => {value => 't'}, slave_id => {value => 's'}, command => {value => 'x', arguments => ['x'], shell => 0, @_ ? (shell => undef, @_) : ()}} };
    my $unused = '{command}{arguments} has no effect, for shell is not 0: a shell runs the value alone';
    my $mine = "is not a role of the framework (it has 'a', 'b'): a master ignores the whole call";
    $driver->start;
    for (
        [launchTasks => [[$offer], [], {refuse_seconds => -1}], "launchTasks: filters->{refuse_seconds} is -1, $default"],
        [launchTask => [$offer, [], {refuse_seconds => -1}], "launchTask: filters->{refuse_seconds} is -1, $default"],
        [acceptOffers => [[$offer], [], Mesos::Filters->new({refuse_seconds => -0.5})], "acceptOffers: filters->{refuse_seconds} is -0.5, $default"],
        [declineOffer => [$offer, {refuse_seconds => -9**9**9}], "declineOffer: filters->{refuse_seconds} is -Inf, $default"],
        [acceptInverseOffers => [[$offer], {refuse_seconds => -1}], "acceptInverseOffers: filters->{refuse_seconds} is -1, $default"],
        [declineInverseOffers => [[$offer], {refuse_seconds => -1}], "declineInverseOffers: filters->{refuse_seconds} is -1, $default"],
        [launchTasks => [[$offer], [$task->(), $task->(value => 'echo', arguments => ['a'])]], "tasks->[1]$unused"],
        [launchTask => [$offer, [$task->(value => 'echo', arguments => ['a'], shell => 1)]], "tasks->[0]$unused"],
        [acceptOffers => [[$offer], [{type => 1, launch => {task_infos => [$task->(arguments => ['a'], value => 'x')]}}]],
            "operations->[0]{launch}{task_infos}[0]$unused"],
        [acceptOffers => [[$offer], [{type => 6, launch_group => {executor => {executor_id => {value => 'e'}},
                            task_group => {tasks => [$task->(arguments => ['a'], value => 'x')]}}}]], "operations->[0]{launch_group}{task_group}{tasks}[0]$unused"],
        [launchTasks => [[], []], 'launchTasks: there are no offers and no tasks: nothing is done'],
        [requestResources => [[]], 'requestResources: there are no requests: nothing is done'],
        [requestResources => [[{}]], 'requestResources: requests->[0]{resources} is missing or empty: nothing is asked for'],
        [reviveOffers => [['a', 'c']], "reviveOffers: 'c' $mine"],
        [suppressOffers => [['']], "suppressOffers: '' $mine"],
        [suppressOffers => [['*']], "suppressOffers: '*' $mine"],
        [acceptOffers => [[$offer], [$operation->(RESERVE => 'resources')]],
            "acceptOffers: operations->[0]{reserve}{resources}[0]{reservations}[-1]{principal} is missing, $of"],
        [acceptOffers => [[$offer], [$operation->(CREATE => 'volumes', $volume->())]],
            "acceptOffers: operations->[0]{create}{volumes}[0]{disk}{persistence}{principal} is missing, $of"],
    ) {
        my ($method, $args, $text) = @$_;
        is_deeply told(__LINE__, sub { $driver->$method(@$args) }), [$text];
        is_deeply [warnings_of(sub { no warnings 'Mesos'; $driver->$method(@$args) })], [], 'silenced';
    }
    # At another line: each name is told once for each place.
    for (
        [declineOffer => [$offer, {refuse_seconds => 'nan'}], "declineOffer: filters->{refuse_seconds} is nan, $default"],
        [requestResources => [[{resources => [$resource]}, {slave_id => {value => 's'}, resources => []}]],
            'requestResources: requests->[1]{resources} is missing or empty: nothing is asked for'],
        [acceptOffers => [[$offer], [$operation->(RESERVE => 'resources', reservations => [{type => 2, role => 'a', principal => 'q'}])]],
            "acceptOffers: operations->[0]{reserve}{resources}[0]{reservations}[-1]{principal} is 'q', $of"],
    ) {
        my ($method, $args, $text) = @$_;
        is_deeply told(__LINE__, sub { $driver->$method(@$args) }), [$text];
    }
    is_deeply [warnings_of(sub {
                $driver->launchTasks([$offer], [], {refuse_seconds => 0});
                $driver->launchTasks([$offer], []);
                $driver->declineOffer($offer, $_) for { }, {refuse_seconds => 1e300}, {refuse_seconds => '5'}, undef;
                $driver->requestResources([{resources => [$resource]}]);
                $driver->reviveOffers(@$_), $driver->suppressOffers(@$_) for [], [[]], [['a']], [['b', 'a']];
                $driver->acceptOffers([$offer], [$operation->(RESERVE => 'resources', reservations => [{type => 2, role => 'a', principal => 'p'}]),
                        $operation->(CREATE => 'volumes', $volume->(principal => 'p')), $operation->(UNRESERVE => 'resources')]);
    })], [], 'what is right is not told';
    $driver->stop;
    for my $one (driver(), driver(framework => {user => '', name => 'n', role => 'r'})) {
        my $own = $one->framework->{role} || '*';
        $one->start;
        is_deeply [warnings_of(sub { $one->reviveOffers([$own]) })], [], "of the role $own";
        is_deeply told(__LINE__, sub { $one->reviveOffers(["no$own"]) }),
            ["reviveOffers: 'no$own' is not a role of the framework (it has '$own'): a master ignores the whole call"];
        $one->stop;
    }
};

subtest 'words that say no, and are true' => sub {
    for my $word (qw(false no OFF none)) {
        my $framework = {user => '', name => 'n', checkpoint => $word};
        for (['Mesos::FrameworkInfo.checkpoint', framework => $framework], map { [$_, $_ => $word] } qw(implicit_acknowledgements reconcile_on_registration)) {
            my ($what, @given) = @$_;
            is_deeply told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, @given) }),
                ["$what: '$word' is a true value in Perl: did you mean 0?"];
        }
        is_deeply told(__LINE__, sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new, autoflush => $word) }),
            ["autoflush: '$word' is a true value in Perl: did you mean 0?"];
    }
    my %task = (name => 't', task_id => {value => 't'}, slave_id => {value => 's'});
    for (['command.shell', shell => 'False'], ['command.uris[0].extract', uris => [{value => 'u', extract => 'no'}]]) {
        my ($path, @command) = @$_;
        my ($word) = map { ref ? $_->[0]{extract} : $_ } $command[1];
        my $driver = driver();
        is_deeply [grep { !/not started/ } @{told(__LINE__, sub { $driver->launchTasks([{value => 'o'}], [{%task, command => {@command}}]) })}],
            ["Mesos::TaskInfo.$path: '$word' is a true value in Perl: did you mean 0?"], $path;
    }
    is_deeply [warnings_of(sub { Mesos::CommandInfo->encode({shell => $_}) for 0, 1, '', '0', '1', 'true', 'yes', 2, !!0, !!1 })], [], 'what means what it says';
    is_deeply [warnings_of(sub { driver(implicit_acknowledgements => $_, reconcile_on_registration => $_) for 0, 1, '', 'yes', [], 2 })], [];
};

subtest 'arguments that nobody would look at' => sub {
    my $driver = driver();
    $driver->start;
    # So that run returns at once.
    $driver->stop;
    for (
        [run => [10], 'run: expected no arguments, got 1'], [run_once => [10, 1], 'run_once: expected no arguments, got 2'],
        [start => [1], 'start: expected no arguments, got 1'], [abort => ['now'], 'abort: expected no arguments, got 1'],
        [join => [1], 'join: expected no arguments, got 1'], [stop => [1, 1], 'stop: expected at most 1 argument, got 2'],
        [stop => ['no'], q(stop: failover: 'no' is a true value in Perl: did you mean 0?)],
    ) {
        my ($method, $args, $text) = @$_;
        is_deeply [grep { !/cannot be started again/ } @{told(__LINE__, sub { $driver->$method(@$args) })}], [$text];
    }
    is_deeply [warnings_of(sub { $driver->stop(@$_) for [], [0], [1], ['']; $driver->join; $driver->abort })], [], 'what is right is not told';
    my $executor = Mesos::ExecutorDriver->new(executor => Mesos::Executor->new);
    is_deeply [grep { !/not started/ } @{told(__LINE__, sub { $executor->stop(1); $executor->abort(1) })}],
        ['stop: expected no arguments, got 1', 'abort: expected no arguments, got 1'], 'of an executor';
    my $dispatcher = Mesos::Dispatcher::AnyEvent->new;
    is_deeply told(__LINE__, sub { $dispatcher->send('event'); $dispatcher->wait('x') }), ['wait: expected a number of seconds, got "x"'];
    is_deeply told(__LINE__, sub { $dispatcher->send('event'); $dispatcher->wait('1s') }), ['wait: expected a number of seconds, got "1s"'];
    is_deeply told(__LINE__, sub { $dispatcher->send('event'); $dispatcher->wait(1, 2) }), ['wait: expected at most 1 argument, got 2'];
    is_deeply [warnings_of(sub { for my $time (undef, 0, '', 1, '0.5', -1) { $dispatcher->send('event'); $dispatcher->wait($time) } })], [];
};

subtest 'values that are not what they seem' => sub {
    my %framework = (user => '', name => 'n');
    my $kept = 'a master then keeps the framework and its tasks for ever after it has gone';
    for (
        [{framework => {%framework, failover_timeout => -1}}, "framework: failover_timeout is -1: $kept"],
        [{framework => {%framework, failover_timeout => '-0.5'}}, "framework: failover_timeout is -0.5: $kept"],
        [{framework => {%framework, failover_timeout => 'nan'}}, "framework: failover_timeout is nan: $kept"],
        [{framework => {%framework, name => ''}}, 'framework: name is empty: Mesos shows the framework without one'],
        [{credential => {principal => 'p', secret => "s\n"}}, 'credential: secret ends with a line feed: did you mean to chomp it?'],
        [{credential => {principal => "p\n", secret => 's'}}, 'credential: principal ends with a line feed: did you mean to chomp it?'],
        [{framework => {%framework, failover_timeout => 1}, framework_id_file => "/tmp/mesos-perl-warnings-$$\n"},
            'framework_id_file ends with a line feed: did you mean to chomp it?'],
        (map { [{framework => {%framework, failover_timeout => 1}, framework_id_file => $_->[0]}, "framework_id_file $_->[1] with a blank, which is a part of the file's name"] }
                ["/tmp/mesos-perl-warnings-$$ ", 'ends'], [" mesos-perl-warnings-$$", 'begins']),
    ) {
        my ($given, $text) = @$_;
        is_deeply [grep { $_ eq $text } @{told(__LINE__, sub { Mesos::SchedulerDriver->new(%arguments, scheduler => Good->new, %$given) })}], [$text];
    }
    is_deeply told(__LINE__, sub { Mesos::Client->new(master => 'h', credential => {principal => 'p', secret => "s\n"}) }),
        ['credential: secret ends with a line feed: did you mean to chomp it?'];
    my @runner = (master => '127.0.0.1:1');
    is_deeply told(__LINE__, sub { Mesos::Runner->new(@runner, collect_output => 'no') }), [q(collect_output: 'no' is a true value in Perl: did you mean 0?)];
    for ([framework => 'x'], [driver_options => []], [state_file => ['x']], [state_file => '']) {
        my ($name, $value) = @$_;
        ok !eval { Mesos::Runner->new(@runner, $name => $value); 1 }, "$name of Mesos::Runner";
        like $@, qr/$name: expected (?:a hash reference|the name of a file), got (?:"x"|""|a reference to array) at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
    }
    is_deeply [warnings_of(sub {
                driver(framework => {%framework, failover_timeout => $_}) for 0, 1, 1e6, undef;
                driver(credential => {principal => 'p', secret => 's '}), driver(credential => {principal => 'p'});
                Mesos::Runner->new(@runner, collect_output => 0, framework => {name => 'n'}, driver_options => {});
    })], [], 'what is right is not told';
};

# One of several values is taken, as on the wire.
subtest 'lists for one value' => sub {
    my $driver = driver();
    my @base = (name => 't', task_id => {value => 't'}, slave_id => {value => 's'});
    my $list = 'expected one value, got an array reference, of which the last element counts';
    for (
        [{name => ['x']}, 'name'], [{data => ['x', 'y']}, 'data'], [{task_id => {value => ['t']}}, 'task_id.value'], [{task_id => [{value => 't'}]}, 'task_id'],
        [{command => {shell => [0], value => 'x'}}, 'command.shell'], [{resources => [{name => 'c', type => [0], scalar => {value => [1]}}]}, 'resources[0].scalar.value', 'resources[0].type'],
        [{limits => {cpus => [{value => 1}]}}, 'limits{cpus}'], [{max_completion_time => {nanoseconds => [1]}}, 'max_completion_time.nanoseconds'],
    ) {
        my ($more, @paths) = @$_;
        my %task = (@base, %$more);
        my @told = map {"Mesos::TaskInfo.$_: $list"} @paths;
        is_deeply [grep { !/not started/ } @{told(__LINE__, sub { $driver->launchTasks([{value => 'o'}], [\%task]) })}], \@told, "@paths";
        my $strict = driver(unknown_fields => 'die');
        ok !eval { $strict->launchTasks([{value => 'o'}], [Mesos::TaskInfo->new(\%task)]); 1 };
        is $@, "$told[0] at ${\__FILE__} line @{[__LINE__ - 1]}.\n", 'die';
        my $lax = driver(unknown_fields => 'ignore');
        is_deeply [grep { !/not started/ } warnings_of(sub { $lax->launchTasks([{value => 'o'}], [\%task]) })], [], 'ignore';
    }
};

subtest 'a running driver that is dropped' => sub {
    my $driver = driver();
    $driver->start;
    is_deeply told(__LINE__, sub { undef $driver }),
        ['a Mesos::SchedulerDriver is dropped while it runs, and no callback was ever called: call run, or keep it in a variable and run the '
            . 'event loop until the driver ends'];
    $driver = driver();
    $driver->start;
    $driver->dispatcher->wait(0.01);
    is_deeply told(__LINE__, sub { undef $driver }),
        ['a Mesos::SchedulerDriver is dropped while it runs: no callback comes any more. Keep it in a variable until stop'];
    for my $end (qw(stop abort none)) {
        is_deeply [warnings_of(sub { my $driver = driver(); $driver->start, $driver->$end if $end ne 'none' })], [], $end;
    }
};

done_testing;
