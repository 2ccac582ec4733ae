# No public method leaves a value of Perl behind: when it does what it should, and when it dies of wrong arguments. Which methods there are,
# says perl: one that is new and not here fails this test. What Rust holds: tests/abi.rs.
use strict;
use warnings;
use lib 't/lib';
use Test::Leaks qw(all_free frees_all id methods_of offer reads resource status task $long @wrong);
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Mesos::Async;
use Mesos::Client;
use Mesos::Error;
use Mesos::Executor;
use Mesos::ExecutorDriver;
use Mesos::Offers;
use Mesos::Resources;
use Mesos::Scheduler;
use Mesos::SchedulerDriver;
use Mesos::Stats ();
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

alarm 300;
local $SIG{__WARN__} = sub { };

my %framework = (user => 'u', name => $long, id => {value => 'f'}, roles => ["${long}1", "${long}2"], capabilities => [{type => Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE()}]);
my @options = (master => '127.0.0.1:1', framework => \%framework);
sub scheduler_driver { return Mesos::SchedulerDriver->new(@options, scheduler => Mesos::Scheduler->new, implicit_acknowledgements => 0) }
sub started { my $driver = scheduler_driver(); $driver->start; return $driver }

# A driver's callbacks are called by an event of its own: no Mesos is here.
sub one_event { my ($driver) = @_; $driver->dispatcher->send('disconnected'); return }

my %scheduler_calls = (
    new => sub { scheduler_driver() },
    map({ reads($_) } qw(scheduler framework master credential implicit_acknowledgements master_timeout framework_id_file reconcile_on_registration
            max_unanswered_calls max_queued_calls offer_timeout auto_suppress dispatcher on_exception running unknown_fields driver event_handler
            backend stats status)),
    start => sub { $_[0]->start },
    stop => sub { my $driver = started(); $driver->stop(1); $driver->join },
    abort => sub { my $driver = started(); $driver->abort },
    join => sub { my $driver = started(); $driver->stop; $driver->join },
    run => sub { my $driver = scheduler_driver(); $driver->dispatcher->set_cb(sub { $driver->stop; undef $driver }); one_event($driver); $driver->run },
    run_once => sub { my $driver = started(); one_event($driver); $driver->run_once; $driver->stop },
    dispatch_event => sub { my $driver = started(); one_event($driver); $driver->dispatch_event; $driver->stop },
    balance_offers => sub { $_[0]->balance_offers },
    requestResources => sub { $_[0]->requestResources([{slave_id => id('s'), resources => [resource()]}]) },
    launchTask => sub { $_[0]->launchTask(id(1), [task()], {refuse_seconds => 1}) },
    launchTasks => sub { $_[0]->launchTasks([id(1), id(2)], [task(), task()], {refuse_seconds => 1}) },
    acceptOffers => sub { $_[0]->acceptOffers([id(1)], [{type => 1, launch => {task_infos => [task()]}}], {refuse_seconds => 1}) },
    declineOffer => sub { $_[0]->declineOffer(id(1), {refuse_seconds => 1}) },
    reviveOffers => sub { $_[0]->reviveOffers(["${long}1", "${long}2"]) },
    suppressOffers => sub { $_[0]->suppressOffers(["${long}1", "${long}2"]) },
    updateFramework => sub { $_[0]->updateFramework(\%framework, ["${long}1"]) },
    acceptInverseOffers => sub { $_[0]->acceptInverseOffers([id(1)], {refuse_seconds => 1}) },
    declineInverseOffers => sub { $_[0]->declineInverseOffers([id(1)], {refuse_seconds => 1}) },
    killTask => sub { $_[0]->killTask(id('t')) },
    shutdownExecutor => sub { $_[0]->shutdownExecutor(id('e'), id('s')) },

    acknowledgeStatusUpdate => sub { $_[0]->acknowledgeStatusUpdate(status()) },
    acknowledgeOperationStatus => sub { $_[0]->acknowledgeOperationStatus({operation_id => id('o'), state => 1, uuid => {value => 'u' x 16}, slave_id => id('s')}) },
    sendFrameworkMessage => sub { $_[0]->sendFrameworkMessage(id('e'), id('s'), $long) },
    reconcileTasks => sub { $_[0]->reconcileTasks([status(), status()]) },
    reconcileOperations => sub { $_[0]->reconcileOperations([{operation_id => id('o')}]) },
);
# These take no arguments, and what they wait for does not come.
my %scheduler_waits = map { ($_ => []) } qw(start run run_once join);

subtest 'a scheduler driver' => sub { all_free('Mesos::SchedulerDriver', \&started, \%scheduler_calls, \%scheduler_waits) };

subtest 'an executor driver' => sub {
    my $make = sub { Mesos::ExecutorDriver->new(executor => Mesos::Executor->new) };
    my %same = map { ($_ => $scheduler_calls{$_}) } qw(dispatcher on_exception running unknown_fields driver event_handler backend stats status);
    all_free('Mesos::ExecutorDriver', $make, {
            %same,
            new => $make,
            map({ reads($_) } qw(executor autoflush)),
            # There is no agent: all of these say so, or do nothing.
            map({ my $method = $_; ($_ => sub { eval { $_[0]->$method } }) } qw(start stop abort join run run_once)),
            dispatch_event => sub { one_event($_[0]); $_[0]->dispatch_event },
            sendStatusUpdate => sub { eval { $_[0]->sendStatusUpdate(status()) } },
            sendFrameworkMessage => sub { eval { $_[0]->sendFrameworkMessage($long) } },
    }, {});
};

# Promises go with the driver that makes them, so that each call has one of its own.
subtest 'an asynchronous driver' => sub {
    my $make = sub { Mesos::Async->new(@options) };
    my $has_mojo = eval { require Mesos::Dispatcher::Mojo; 1 } or diag 'no Mojolicious: cancel is not looked at';
    my $promise = sub {
        my ($method, @arguments) = @_;
        return ($method => sub {
                my $driver = $make->();
                $driver->start;
                my $promise = $driver->$method(@arguments);
                $driver->stop;
                $driver->dispatcher->wait(0.001);
                return;
        });
    };
    all_free('Mesos::Async', $make, {
            %scheduler_calls,
            new => $make,
            # It answers for its own events, and acknowledges implicitly.
            map({ my $method = $_; ($_ => sub { eval { $_[0]->$method(status()) } }) } qw(acknowledgeStatusUpdate acknowledgeOperationStatus)),
            $promise->('start_p'), $promise->('stopped_p'), $promise->(launch_p => offer(), task()), $promise->(reconcile_p => ["${long}t"]),
            $promise->(operation_p => offer(), {type => Mesos::Offer::Operation::Type::RESERVE(), reserve => {resources => [resource()]}}), $promise->(message_p => id('e'), id('s'), $long),
            $promise->(decline_p => offer(), {refuse_seconds => 1}), $promise->('next_event'),
            # Another loop: AnyEvent's own keeps a timer's place in its list until the time is over, if the timer was dropped long before.
            cancel => sub {
                my $driver = Mesos::Async->new(@options, $has_mojo ? (dispatcher => 'Mojo') : ());
                $driver->start;
                return if !$has_mojo;
                $driver->cancel($driver->launch_p(offer(), task()));
                $driver->stop;
                $driver->dispatcher->wait(0.001) for 1, 2;
                return;
            },
    }, {%scheduler_waits, map { ($_ => []) } qw(next_event start_p stopped_p)});
};

subtest 'a channel' => sub {
    all_free('Mesos::Channel', sub { Mesos::Channel->new }, {
            new => sub { Mesos::Channel->new },
            send => sub { $_[0]->send('e', $long, [$long], Mesos::TaskID->new(id('t')), [Mesos::TaskID->new(id('u'))]); $_[0]->recv },
            recv => sub { $_[0]->send('e', $long); $_[0]->recv },
            reads('size'),
    }, {});
};

each_dispatcher(sub {
        my ($name) = @_;
        my $class = "Mesos::Dispatcher::$name";
        my %own = map({ reads($_) } grep { $class->can($_) } qw(ae_watcher loop notifier session interrupt read_pipe fd fh));
        my $make = sub { $class->new };
        my $with_event = sub {
            my ($code) = @_;
            return sub {
                my $dispatcher = $class->new;
                $dispatcher->set_cb(sub { $dispatcher && $dispatcher->recv; $dispatcher && $dispatcher->interrupt_wait });
                $dispatcher->interrupt->block if $name eq 'Interrupt';
                $dispatcher->send('e');
                $code->($dispatcher);
                $dispatcher->interrupt->unblock if $name eq 'Interrupt';
                undef $dispatcher;
                # POE frees a session that has ended in the next turn of its loop.
                $_[0]->wait(0.001);
            };
        };
        # A loop may forget a timer that was dropped only in its next turn. A turn of POE's loop would wait for the next event, which is far away.
        my $timed = sub {
            my ($method, @arguments) = @_;
            return sub { my $timer = $_[0]->$method(@arguments); undef $timer; $_[0]->wait(0.001) if $name ne 'POE' };
        };
        my @insides = grep { $class->can($_) } qw(setup_ae_watcher xs_init clear_session set_session run);
        all_free($class, $make, {
                %own,
                map({ reads($_) } qw(cb channel)),
                new => sub { $class->new; $_[0]->wait(0.001) },
                set_cb => sub { $_[0]->set_cb(sub { }) },
                send => sub { $_[0]->send('e'); $_[0]->recv },
                recv => sub { $_[0]->recv },
                call => sub { $_[0]->call },
                notify => sub { $_[0]->notify },
                ready => sub { $_[0]->ready },
                unwatch => $with_event->(sub { $_[0]->unwatch }),
                interrupt_wait => sub { $_[0]->interrupt_wait },
                wait => $with_event->(sub { $_[0]->wait(5) }),
                serve => $with_event->(sub { $_[0]->serve }),
                run_until => $with_event->(sub { $_[0]->run_until({}, 0.001) }),
                timer => $timed->('timer', 100, sub { }),
                watch => sub { my $watch = $_[0]->watch(\*STDIN, sub { }) },
                $class->can('ticker') ? (ticker => $timed->('ticker')) : (),
                map({ ($_ => sub { }) } @insides),
        }, {map { ($_ => []) } qw(wait serve run_until unwatch interrupt_wait new ticker), @insides});
});

subtest 'messages' => sub {
    my $class = 'Mesos::TaskStatus';
    my $bytes = $class->encode(status());
    my $json = $class->new(status())->encode_json;
    all_free($class, sub { $class->new(status()) }, {
            map({ reads($_) } grep { !/^(?:new|en|de|get|set|dump|copy|equals|which)/ } methods_of($class)),
            new => sub { $class->new(status()) },
            encode => sub { $_[0]->encode; $class->encode({%{status()}, state => 'TASK_RUNNING'}, enum_names => 1) },
            decode => sub { $class->decode($bytes, unblessed => 1, enum_names => 1) },
            encode_json => sub { $_[0]->encode_json },
            decode_json => sub { $class->decode_json($json) },
            dump => sub { $_[0]->dump },
            copy => sub { $_[0]->copy },
            equals => sub { $_[0]->equals($_[0]->copy) },
            get => sub { $_[0]->get('message', 'state') },
            set => sub { $_[0]->set(message => $long) },
            which_oneof => sub { Mesos::Scheduler::AttributeConstraint::Selector->new({attribute_name => 'x'})->which_oneof('selector') },
            getExtension => sub { eval { $_[0]->getExtension('x') } },
            setExtension => sub { eval { $_[0]->setExtension(x => 1) } },
            getPerlCode => sub { $class->getPerlCode({create_accessors => 1}) },
    }, {});
    all_free('Mesos::TaskState', sub {'Mesos::TaskState'}, {
            name_of => sub { $_[0]->name_of(1) },
            is_terminal => sub { $_[0]->is_terminal(2) },
            getPerlCode => sub { $_[0]->getPerlCode },
    }, {});
};

subtest 'errors' => sub {
    my $make = sub { Mesos::Error->new(text => $long, code => 'error') };
    all_free('Mesos::Error', $make, {
            map({ reads($_) } qw(argument cause code file line message method status task_id text)),
            new => $make,
            of => sub { Mesos::Error->of("x: expected a number, got 'y' at f line 1.\n") },
            throw => sub { eval { $_[0]->throw(text => 'x', code => 'error') } },
    }, {});
};

subtest 'resources' => sub {
    my $make = sub { Mesos::Resources->new('cpus:4;mem:64;disk(db):10;ports:[1-9]') };
    my %with = (add => 'cpus:1', subtract => 'cpus:1', contains => 'cpus:1', equals => 'cpus:1', can_take => 'cpus:3', take => 'cpus:3', take_ports => 2,
        scalar => 'cpus', named => 'cpus', reserved => 'db', usable_by => 'db', filter => sub {1});
    all_free('Mesos::Resources', $make, {
            new => $make,
            parse => sub { Mesos::Resources->parse('cpus:2;mem:1024') },
            sum => sub { Mesos::Resources->sum('cpus:2', {mem => 1}, offer()) },
            map({ reads($_) } grep { !/^(?:new|parse|sum)\z/ && !exists $with{$_} } methods_of('Mesos::Resources')),
            map({ my $method = $_; ($method => sub { $_[0]->$method($with{$method}) }) } keys %with),
    }, {});
};

subtest 'offers' => sub {
    my $make = sub { Mesos::Offers->new([offer()]) };
    all_free('Mesos::Offers', $make, {
            new => $make,
            map({ reads($_) } qw(list count ids resources by_agent by_hostname by_role)),
            by_attribute => sub { $_[0]->by_attribute('rack') },
            role_of => sub { Mesos::Offers::role_of(offer()) },
            filter => sub { $_[0]->filter(resources => 'cpus:1', ports => 2, where => sub {1}) },
            place => sub { $_[0]->place([task()]) },
    }, {});
    my $plan = sub { $make->()->place([task(), {%{task()}, task_id => id('u'), resources => 'cpus:100'}]) };
    all_free('Mesos::Offers::Plan', $plan, {
            map({ reads($_) } qw(placed unplaced launches unused)),
            why => sub { $_[0]->why("${long}u") },
            launch => sub { my $driver = started(); $plan->()->launch($driver, {refuse_seconds => 1}); $driver->stop },
    }, {});
};

# No master is there: this is about what is left of calls that fail. Those with _p do the same in a process of their own.
subtest 'a client' => sub {
    my $client = Mesos::Client->new(master => '127.0.0.1:1', timeout => 1);
    for my $method (grep { !/_p\z|^event_stream\z/ } methods_of('Mesos::Client')) {
        my @lists = $method eq 'new' ? @wrong : ([\'agent'], ['text'], @wrong);
        frees_all(sub {
                for my $list (@lists) {
                    my @dropped = eval { $client->$method(@$list) };
                }
                return;
        }, "Mesos::Client, $method");
    }
};

subtest 'functions' => sub {
    my $driver = started();
    frees_all(sub { Mesos::Stats::prometheus($driver, framework => $long) }, 'prometheus');
    frees_all(sub { Mesos::Stats::prometheus($driver->stats) }, 'prometheus of numbers');
    frees_all(sub { eval { Mesos::Stats::prometheus(@$_) } for @wrong }, 'prometheus: wrong arguments');
    frees_all(sub { my @dropped = Mesos->backends }, 'backends');
    frees_all(sub { my @dropped = (Mesos::Messages->classes, Mesos::Messages->enums) }, 'classes and enums');
};

done_testing;
