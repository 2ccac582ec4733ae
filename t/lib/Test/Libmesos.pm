package Test::Libmesos;

# What only the libmesos backend can get wrong: threads that are not ours, and a C++ destructor that waits for one of them.
# t/backends.t runs it on the stand-in, xt/libmesos.t on a real libmesos.

use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use File::Spec;
use File::Temp ();
use Mesos;
use POSIX ();
use Scalar::Util ();
use Test::Framework;
use Test::Mesos qw(driver_for run_tasks command);
use Test::More;

our @EXPORT_OK = qw(libmesos registered lifecycle);

# The description of the libmesos that is built in, or nothing.
sub libmesos {
    my ($found) = grep { $_->{name} eq 'libmesos' } Mesos->backends;
    return $found;
}

# (driver, scheduler) of a framework that has been registered. Dies after a minute.
sub registered {
    my ($master, %more) = @_;
    my $scheduler = Test::Framework->new(stop_when_done => 0, %{delete $more{scheduler} || {}});
    my $driver = driver_for($master, $scheduler, driver => 'libmesos', %more);
    $driver->start;
    local $SIG{ALRM} = sub { die 'not registered' };
    alarm 60;
    $driver->run_once until $scheduler->count('registered') || $scheduler->count('error');
    alarm 0;
    is $driver->backend, 'libmesos';
    ok $scheduler->count('registered'), 'registered';
    return ($driver, $scheduler);
}

# The code runs in a process of its own, which must end by itself with the status that the code returns.
sub ends_well {
    my ($name, $code) = @_;
    my $pid = fork;
    defined $pid or die "cannot fork: $!";
    if (!$pid) {
        # Without an END block or a test's summary; global destruction is part of what is tested.
        Test::More->builder->no_ending(1);
        exit $code->();
    }
    local $SIG{ALRM} = sub { kill KILL => $pid };
    alarm 60;
    waitpid $pid, 0;
    alarm 0;
    is $?, 0, $name;
}

sub lifecycle {
    my ($master) = @_;

    subtest 'states' => sub {
        my ($driver) = registered($master);
        is $driver->start, Mesos::Status::DRIVER_RUNNING(), 'start again';
        is $driver->abort, Mesos::Status::DRIVER_ABORTED();
        is $driver->killTask({value => 'none'}), Mesos::Status::DRIVER_ABORTED(), 'a call after the abort';
        is $driver->stop, Mesos::Status::DRIVER_ABORTED(), 'stop tells of the abort once';
        is $driver->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'a driver freed inside its own callback' => sub {
        my ($driver, $scheduler) = registered($master, scheduler => {tasks => [command('t', 'true')]});
        my $weak = $driver;
        Scalar::Util::weaken($weak);
        my $dispatcher = $driver->dispatcher;
        my $called;
        $scheduler->on_update(sub { $called++; undef $driver });
        $weak->run_once while $weak && !$called;
        is $called, 1;
        is $weak, undef, 'it is gone, and there was no deadlock';
    };

    subtest 'stop from the callback of another driver' => sub {
        my ($one, $first) = registered($master);
        my ($other) = registered($master, scheduler => {tasks => [command('u', 'true')], on_update => sub { $one->stop }});
        local $SIG{ALRM} = sub { die 'no update' };
        alarm 60;
        $other->run_once until $one->status == Mesos::Status::DRIVER_STOPPED();
        alarm 0;
        is $other->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'destruction in any order' => sub {
        my ($driver, $scheduler) = registered($master);
        my ($dispatcher, $channel) = ($driver->dispatcher, $driver->dispatcher->channel);
        undef $channel;
        undef $dispatcher;
        undef $driver;
        my ($second) = registered($master);
        ($dispatcher, $channel) = ($second->dispatcher, $second->dispatcher->channel);
        undef $second;
        is $channel->size, 0, 'a driver that is gone leaves no event';
    };

    subtest 'signals stay with Perl' => sub {
        my ($driver) = registered($master);
        my $caught = 0;
        local $SIG{USR1} = sub { $caught++ };
        kill USR1 => $$ for 1 .. 50;
        is $caught, 50;
        is $driver->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'fork' => sub {
        my ($driver) = registered($master);
        ends_well 'a child says what is wrong, and ends' => sub {
            return 1 if eval { $driver->status; 1 };
            my $said = $@ =~ /before the fork/;
            undef $driver;
            return $said ? 0 : 2;
        };
        ends_well 'a new driver of libmesos in a child is refused, a native one is not' => sub {
            return 1 if eval { driver_for($master, Test::Framework->new, driver => 'libmesos'); 1 };
            return 2 if $@ !~ /^libmesos was loaded before the fork/;
            my $native = driver_for('127.0.0.1:1', Test::Framework->new, driver => 'native');
            $native->start;
            return $native->stop == Mesos::Status::DRIVER_STOPPED() ? 0 : 3;
        };
        is $driver->status, Mesos::Status::DRIVER_RUNNING(), 'the parent goes on';
        is $driver->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'stop from a signal handler' => sub {
        my ($driver) = registered($master);
        local $SIG{USR1} = sub { $driver->stop };
        my $timer = fork // die "cannot fork: $!";
        if (!$timer) { kill USR1 => getppid; POSIX::_exit(0) }
        is $driver->run, Mesos::Status::DRIVER_STOPPED();
        waitpid $timer, 0;
    };

    subtest 'a callback that dies' => sub {
        my ($driver, $scheduler) = registered($master, dispatcher => 'IOAsync', scheduler => {
                tasks => [command('t', 'true')], on_update => sub { die "no\n" }});
        my $end = time + 60;
        my $died;
        until ($died || time > $end) { $died = 1 if !eval { $driver->run_once; 1 } }
        is $@, "no\n";
        is $driver->status, Mesos::Status::DRIVER_RUNNING(), 'the driver goes on';
        undef $driver;
    };

    subtest "what libmesos' driver does not have, and what would end the process" => sub {
        my $id = {value => 'x'};
        my $early = driver_for($master, Test::Framework->new, driver => 'libmesos');
        is $early->updateFramework({user => '', name => 'n'}), Mesos::Status::DRIVER_NOT_STARTED(), 'nothing before the start';
        my ($driver) = registered($master, implicit_acknowledgements => 0);
        my %lacks = (
            acceptInverseOffers => [[$id]], declineInverseOffers => [[$id]], shutdownExecutor => [$id, $id],
            reconcileOperations => [[{operation_id => $id}]],
            acknowledgeOperationStatus => [{state => 1, operation_id => $id, uuid => {value => 'u' x 16}}],
        );
        for my $method (sort keys %lacks) {
            ok !eval { $driver->$method(@{$lacks{$method}}); 1 }, $method;
            like $@, qr/^$method: not possible on libmesos' driver: use driver => 'native' at \Q${\__FILE__}\E/;
        }
        my $operation = {type => Mesos::Offer::Operation::Type::LAUNCH(), id => $id, launch => {task_infos => []}};
        ok !eval { $driver->acceptOffers([$id], [$operation]); 1 };
        like $@, qr/^operations: an operation has an id, which libmesos' driver does not allow/;
        ok !eval { $driver->killTask($id, {grace_period => {nanoseconds => 0}}); 1 };
        like $@, qr/^killPolicy: libmesos' driver takes none: use driver => 'native'/;
        ok !eval { $driver->updateFramework({user => '', name => 'n'}); 1 };
        like $@, qr/^frameworkInfo: FrameworkInfo\.id is missing/;
        # Of a role that is not the framework's a master would end the driver, later.
        is $driver->suppressOffers(['foreign']), Mesos::Status::DRIVER_RUNNING();
        is $driver->stats->{calls}{SUPPRESS}, undef;
        is $driver->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'a program that ends' => sub {
        is scalar(program($master, 'exit 3')), 3 << 8, 'with a running driver';
        is scalar(program($master, '$driver->stop; exit 3')), 3 << 8, 'with a stopped driver';
        is scalar(program($master, 'my $more = $driver; $driver->{itself} = $driver; exit 3')), 3 << 8, 'with one that only global destruction frees';
        is scalar(program($master, '$! = $? = 0; die "over\n"')), 255 << 8, 'by die';
        is scalar(program($master, '$scheduler->on_update(sub { exit 4 }); push @{ $scheduler->tasks }, Test::Mesos::command("t", "true"); $driver->run')),
            4 << 8, 'by exit in a callback';
        is scalar(program($master, 'POSIX::_exit(5)')), 5 << 8, 'by _exit';
        is scalar(program($master, 'exec "true"')), 0, 'by exec';
        # Whoever starts the tests in the background may ignore SIGINT.
        is scalar(program($master, "\$SIG{$_} = 'DEFAULT'; kill $_ => \$\$; \$driver->run")), $_ eq 'INT' ? 2 : 15, "by SIG$_" for qw(INT TERM);
        is scalar(program($master, '$SIG{INT} = sub { exit 6 }; my $pid = fork; if (!$pid) { kill INT => getppid; POSIX::_exit(0) } $driver->run')),
            6 << 8, 'by exit in a signal handler';
    };

    subtest 'PERL_MESOS_TRACE' => sub {
        my %log = (standin => [qr/^standin: logs INFO of/m, qr/^standin: logs WARNING of/m, qr/^standin: logs/m],
            # A warning about the loopback address comes before libmesos' logging is set up, whatever is chosen.
            real => [qr/^I\d{4} .* sched\.cpp:\d+\]/m, qr/\A/, qr/^I\d{4} .* sched\.cpp:\d+\]/m]);
        my ($info, $warning, $any) = @{$log{libmesos()->{version} =~ /-standin\z/ ? 'standin' : 'real'}};
        my $said = sub {
            local $ENV{PERL_MESOS_TRACE} = $_[0];
            delete local @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)};
            my ($status, $text) = program($master, '$driver->stop');
            return $text;
        };
        unlike $said->('QUIET'), $any, 'QUIET';
        like $said->('INFO'), $info, 'INFO';
        like $said->('WARNING'), $warning, 'WARNING';
        unlike $said->('WARNING'), $info;
        my $folder = File::Temp::tempdir(CLEANUP => 1);
        unlike $said->("INFO=$folder"), $any, 'a folder: nothing on standard error';
        return if libmesos()->{version} =~ /-standin\z/;
        ok scalar(glob "$folder/*.INFO"), "but in libmesos' files";
    };
    return;
}

# Runs a program with a registered driver in $driver, and its scheduler in $scheduler, which has a minute for that. Gives its wait
# status and, if a list is wanted, what it wrote to standard error.
sub program {
    my ($master, $code) = @_;
    my $wants_error = wantarray;
    local $ENV{PERL5LIB} = join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC;
    my $error = File::Temp->new;
    my $pid = open my $out, '-|';
    defined $pid or die "cannot fork: $!";
    if (!$pid) {
        open STDERR, '>', $error->filename if $wants_error;
        exec $^X, '-MTest::Libmesos', '-e', <<"END" or POSIX::_exit(99);
            Test::More->builder->no_ending(1);
            our (\$driver, \$scheduler) = Test::Libmesos::registered('$master');
            $code
END
    }
    local $SIG{ALRM} = sub { kill KILL => $pid };
    alarm 60;
    while (defined(my $line = readline $out)) { }
    close $out;
    my $status = $?;
    alarm 0;
    return $status unless $wants_error;
    open my $in, '<', $error->filename or die "cannot read standard error: $!";
    return ($status, join '', readline $in);
}

1;
