use strict;
use warnings FATAL => 'all';
use Config;
# EV's objects cannot be copied into threads.
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl' }
BEGIN { if ($Config{useithreads}) { require threads; threads->import } }
use lib 't/lib';
use Test::Files qw(output_of perl_command);
use Test::Mesos qw(command);
use Test::More;

# When objects end: threads, forks, global destruction, callbacks that take the ground from under themselves. On the embedded
# cluster, or on the master that MESOS_TEST_MASTER names, with the driver that PERL_MESOS_DRIVER names.

my $master = $ENV{MESOS_TEST_MASTER} || 'local';

# What a program prints, and its exit status.
sub program { return output_of(perl_command('-It/lib', '-MTest::Mesos', '-e', $_[0])) }

subtest 'threads' => sub {
    plan skip_all => 'this perl has no threads' unless $Config{useithreads};
    my $framework = Test::Framework->new(tasks => [command('t', 'true')]);
    my $driver = Test::Mesos::driver_for($master, $framework);
    my $offer = Mesos::OfferID->new({value => 'o'});
    my ($answer, $bytes) = threads->create({context => 'list'}, sub { (eval { $driver->status } // $@, Mesos::OfferID->new({value => 'in thread'})->encode) })->join;
    like $answer, qr/closed, or belongs to another thread/, 'a new thread cannot use the driver';
    is(Mesos::OfferID->decode($bytes)->{value}, 'in thread', 'but can use messages');
    is $driver->run, Mesos::Status::DRIVER_STOPPED(), 'the driver works on';
    is_deeply $framework->states, {t => [0, 1, 2]};
};

subtest 'global destruction' => sub {
    for my $keep ('our $driver = ', 'my $cycle = {}; $cycle->{self} = $cycle; $cycle->{driver} = ', 'our @list; push @list, ') {
        for my $dispatcher (qw(AnyEvent Interrupt IOAsync Mojo POE)) {
        SKIP: {
                skip "no $dispatcher", 2 unless eval "require Mesos::Dispatcher::$dispatcher; 1";
                my ($printed, $status) = program(qq{
                    my \$framework = Test::Framework->new(tasks => [Test::Mesos::command('t', 'sleep 1000')], stop_when_done => 0);
                    $keep my \$d = Test::Mesos::driver_for('$master', \$framework, dispatcher => '$dispatcher');
                    \$d->run_once until \@{ \$framework->states->{t} || [] } == 2;
                    print "running\\n";
                });
                is $printed, "running\n", "$keep with $dispatcher: nothing is said";
                is $status, 0, 'and it ends well';
            }
        }
    }
};

subtest 'a callback that drops the driver' => sub {
    my ($printed, $status) = program(q{
        package Drops; use Moo; extends 'Mesos::Scheduler';
        our $driver;
        sub registered { undef $driver; print "dropped\n" }
        package main;
        $Drops::driver = Test::Mesos::driver_for($ENV{MESOS_TEST_MASTER} || 'local', Drops->new);
        my $dispatcher = $Drops::driver->dispatcher;
        $Drops::driver->start;
        $dispatcher->wait(20);
        $dispatcher->wait(0.1);
        print "alive\n";
    });
    is $printed, "dropped\nalive\n";
    is $status, 0;
};

subtest 'calls in a callback after stop, and a second driver beside' => sub {
    my @order;
    package Stops;
    use Moo;
    extends 'Mesos::Scheduler';
    has log => (is => 'ro');
    sub registered {
        my ($self, $driver) = @_;
        push @{$self->log}, $driver->stop, $driver->stop, $driver->killTask({value => 'x'}), $driver->abort;
    }
    package main;
    my $first = Test::Mesos::driver_for($master, Stops->new(log => \@order));
    my $framework = Test::Framework->new(tasks => [command('t', 'true')]);
    my $second = Test::Mesos::driver_for($master, $framework, dispatcher => $first->dispatcher);
    $_->start for $first, $second;
    is $first->run, Mesos::Status::DRIVER_STOPPED();
    is_deeply \@order, [(Mesos::Status::DRIVER_STOPPED()) x 4];
    is $second->run, Mesos::Status::DRIVER_STOPPED(), 'two drivers on one dispatcher each get their own events';
    is_deeply $framework->states, {t => [0, 1, 2]};
};

subtest 'a child that goes on' => sub {
    # Loops share what they have in the kernel with a child, until somebody tells them of the fork: EV, and whatever lies on it.
    for my $loops (['Perl', 'AnyEvent', 'IOAsync'], ['EV', 'AnyEvent', 'AnyEvent'], ['EV', 'Interrupt', 'Interrupt'], ['EV', 'Mojo', 'Mojo']) {
        my ($model, $parents, $childs) = @$loops;
    SKIP: {
            # Looked for only: two loops in one process would quarrel.
            my %file = (EV => 'EV', IOAsync => 'IO/Async/Loop', Interrupt => 'Async/Interrupt', Mojo => 'Mojolicious');
            for my $file (grep {$_} @file{$model, $parents, $childs}) {
                skip "no $file", 2 unless grep { !ref && -e "$_/$file.pm" } @INC;
            }
            my ($printed, $status) = program(q{
                BEGIN { $ENV{PERL_ANYEVENT_MODEL} = '} . $model . q{'; delete $ENV{MOJO_REACTOR} }
                my ($parents, $childs) = qw(} . "$parents $childs" . q{);
                my $framework = Test::Framework->new(tasks => [Test::Mesos::command('t', 'true')]);
                my $driver = Test::Mesos::driver_for($ENV{MESOS_TEST_MASTER} || 'local', $framework, dispatcher => $parents);
                $driver->start;
                $driver->run_once;
                my $pid = fork // die;
                if (!$pid) {
                    # Its own framework, and its own end, with all of the parent's objects in it. Never on libmesos, which allows no fork.
                    my $own = Test::Framework->new(tasks => [Test::Mesos::command('c', 'true')]);
                    alarm 60;
                    my $status = Test::Mesos::driver_for('local', $own, dispatcher => $childs)->run;
                    print "child $status\n";
                    exit 0;
                }
                waitpid $pid, 0;
                $| = 1;
                alarm 60;
                # Interrupt may have served everything until here: then run finds a driver that was stopped, and warns of that.
                no warnings 'Mesos';
                print "ended $?\n", 'parent ', $driver->run, "\n";
            });
            is $printed, "child 4\nended 0\nparent 4\n", "$model: parent with $parents, child with $childs";
            is $status, 0;
        }
    }
};

subtest 'a child does not keep its parent alive for a master' => sub {
    require IO::Socket::INET;
    require IPC::Open2;
    my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
    my $port = $listener->sockport;
    my $code = q{
        $| = 1;
        my $driver = Test::Mesos::driver_for('127.0.0.1:} . $port . q{', Test::Framework->new, driver => 'native');
        $driver->start;
        readline STDIN;
        # It never touches anything of ours.
        my $pid = fork // die;
        print "child $$\n" if !$pid;
        sleep 100;
    };
    my @command = ($^X, (map {"-I$_"} grep { !ref } @INC), '-It/lib', '-MTest::Mesos', '-e', $code);
    my $pid = IPC::Open2::open2(my $out, my $in, @command);
    local $SIG{ALRM} = sub { die "too late\n" };
    alarm 60;
    my $child;
    my $closed = eval {
        my $connection = $listener->accept or die $!;
        my $data = '';
        sysread $connection, $data, 4096, length $data or die 'closed' until $data =~ /\r\n\r\n/;
        print $in "go\n";
        close $in;
        ($child) = readline($out) =~ /^child (\d+)$/ or die 'no child';
        kill KILL => $pid;
        waitpid $pid, 0;
        my $length;
        1 while $length = sysread $connection, $data, 4096;
        # A reset, if something was unread, is an end, too.
        defined $length || $!{ECONNRESET};
    };
    my $error = $@;
    alarm 0;
    ok $closed, 'the master sees the end of the parent' or diag $error;
    ok $child && kill(0, $child), 'while the child lives';
    kill KILL => grep {$_} $child, $pid;
};

subtest 'a socket that is still connecting is closed in a child' => sub {
    plan skip_all => 'needs /proc' if !-e '/proc/net/tcp';
    require IO::Select;
    require IO::Socket::INET;
    # Nobody accepts. When there is no more room, the next connection stays on its way.
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $!;
    my ($port, @full) = $listener->sockport;
    while (@full < 64) {
        my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Blocking => 0) or die $@;
        last if !IO::Select->new($socket)->can_write(0.3);
        push @full, $socket;
    }
    # Inodes of sockets that have sent SYN to that port.
    my $connecting = sub {
        open my $in, '<', '/proc/net/tcp' or die $!;
        return map { (split ' ')[9] } grep { (split ' ')[2] eq sprintf '0100007F:%04X', $port and (split ' ')[3] eq '02' } readline $in;
    };
    my $own = sub {
        my ($inode) = @_;
        return scalar grep { (readlink || '') eq "socket:[$inode]" } glob '/proc/self/fd/*';
    };
    my $driver = Test::Mesos::driver_for("127.0.0.1:$port", Test::Framework->new, driver => 'native');
    $driver->start;
    my ($inode, $end) = (undef, time + 60);
    until (defined $inode || time > $end) {
        ($inode) = grep { $own->($_) } $connecting->();
        select undef, undef, undef, 0.01;
    }
    ok defined $inode, 'the driver connects' or return;
    my $pid = fork // die $!;
    POSIX::_exit($own->($inode)) if !$pid;
    waitpid $pid, 0;
    is $?, 0, 'the child does not have its socket';
    ok $own->($inode), 'the parent has';
    $driver->stop;
};

done_testing;
