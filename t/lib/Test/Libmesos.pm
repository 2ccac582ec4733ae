package Test::Libmesos;

# What only the libmesos backend can get wrong: threads that are not ours, and a C++ destructor that waits for one of them.
# t/backends.t runs it on the stand-in, xt/libmesos.t on a real libmesos.

use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use Mesos;
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
    my $scheduler = Test::Framework->new(stop_when_done => 0, %{ delete $more{scheduler} || {} });
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
        ok !$weak || 1, 'no deadlock';
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
        is $driver->status, Mesos::Status::DRIVER_RUNNING(), 'the parent goes on';
        is $driver->stop, Mesos::Status::DRIVER_STOPPED();
    };

    subtest 'a program that ends' => sub {
        my $run = sub {
            my ($code) = @_;
            local $ENV{PERL5LIB} = join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC;
            my $pid = open my $out, '-|', $^X, '-MTest::Libmesos', '-e', <<"END" or die $!;
                Test::More->builder->no_ending(1);
                our (\$driver, \$scheduler) = Test::Libmesos::registered('$master');
                $code
END
            local $SIG{ALRM} = sub { kill KILL => $pid };
            alarm 60;
            1 while <$out>;
            close $out;
            alarm 0;
            return $?;
        };
        require File::Spec;
        is $run->('exit 3'), 3 << 8, 'with a running driver';
        is $run->('$driver->stop; exit 3'), 3 << 8, 'with a stopped driver';
        is $run->('my $more = $driver; $driver->{itself} = $driver; exit 3'), 3 << 8, 'with one that only global destruction frees';
    };
    return;
}

1;
