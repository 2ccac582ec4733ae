use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use File::Find ();
use File::Temp ();
use Test::Consumer;
use Test::Dispatchers qw(each_dispatcher);
use Test::Mesos qw(driver_for);
use Scalar::Util ();
use Test::More;
BEGIN { delete $ENV{PERL_MESOS_ON_EXCEPTION} }

# An exception in a callback: what becomes of the loop, in each loop, and of what the callback was given.

package Handler;
our ($thrown, @got);
sub bad { push @got, 'bad'; die $thrown }
sub good { push @got, 'good'; $_[1]->stop }

package Falsy;
use overload bool => sub {0}, '""' => sub {'falsy'}, fallback => 1;

package Nesting;
use Moo;
extends 'Mesos::Scheduler';
sub registered { $_[1]->dispatcher->ready; die "no\n" }
sub resourceOffers { }

package main;

my $explanation = qr/\AMesos: the callback bad died: no\.\n.*\bon_exception => 'die', 'warn' or a code reference/;

sub queue {
    my ($consumer, @events) = @_;
    @Handler::got = ();
    return $consumer->queue(@events);
}

each_dispatcher(sub {
        my ($name) = @_;
        my @warnings;
        local $SIG{__WARN__} = sub { push @warnings, @_ };
        # A loop that swallowed the exception would wait for ever.
        local $SIG{ALRM} = sub { die "no end\n" };

        subtest 'die' => sub {
            my $consumer = Test::Consumer->new(dispatcher => $name, on_exception => 'die');
            for my $how (qw(run run_once wait)) {
                for my $error ({an => 'object'}, bless({}, 'Falsy'), "text\n") {
                    local $Handler::thrown = $error;
                    my $unblock = queue($consumer, 'bad', 'good');
                    alarm 60;
                    my $ok = eval { $how eq 'wait' ? $consumer->dispatcher->wait : $consumer->$how; 1 };
                    my $caught = $@;
                    ok !$ok, "$how dies";
                    ref $error ? ok(ref $caught && Scalar::Util::refaddr($caught) == Scalar::Util::refaddr($error), 'with the very object') : is($caught, $error);
                    is_deeply \@Handler::got, ['bad'], 'and nothing else was handled';
                    $consumer->run;
                    is_deeply \@Handler::got, ['bad', 'good'], 'run goes on';
                    alarm 0;
                    $unblock->();
                }
            }
            is_deeply \@warnings, [], 'no warning';
        };

        subtest 'warn' => sub {
            my $consumer = Test::Consumer->new(dispatcher => $name, on_exception => 'warn');
            local $Handler::thrown = "no\n";
            my $unblock = queue($consumer, qw(bad bad good));
            alarm 60;
            $consumer->run;
            alarm 0;
            $unblock->();
            is_deeply \@Handler::got, [qw(bad bad good)];
            is scalar @warnings, 2;
            like $_, $explanation for splice @warnings;
        };

        subtest 'code' => sub {
            my @told;
            my $consumer = Test::Consumer->new(dispatcher => $name, on_exception => sub { push @told, [@_]; die "enough\n" if @told == 2 });
            local $Handler::thrown = {};
            my $unblock = queue($consumer, qw(bad bad good));
            alarm 60;
            ok !eval { $consumer->run; 1 };
            is $@, "enough\n", 'what it throws leaves run';
            alarm 0;
            $unblock->();
            is_deeply \@told, [([$consumer, 'bad', $Handler::thrown]) x 2];
            is_deeply \@warnings, [], 'no warning';
            $consumer->dispatcher->recv;
        };

        subtest 'without it' => sub {
            my $consumer = Test::Consumer->new(dispatcher => $name);
            is $consumer->on_exception, undef;
            local $Handler::thrown = "no\n";
            my $unblock = queue($consumer, qw(bad good));
            my $catches = $name eq 'Mojo' || $name =~ /AnyEvent|Interrupt/ && AnyEvent::detect() eq 'AnyEvent::Impl::EV';
            alarm 60;
            my $ok = eval { $consumer->run; 1 };
            alarm 0;
            is $ok ? 'goes on' : "dies: $@", $catches ? 'goes on' : "dies: no\n", 'as in 1.07.1';
            like $warnings[0], $explanation, 'and says first what happened';
            like $warnings[1], qr/no/, 'then the loop itself' if $catches;
            $consumer->run unless $ok;
            is_deeply \@Handler::got, [qw(bad good)];
            $unblock->();
            @warnings = ();
        };
});

subtest 'the value' => sub {
    for my $bad ('', 'Die', {}, []) {
        my $got = ref $bad ? 'a reference to ' . lc ref $bad : qq("$bad");
        ok !eval { Test::Consumer->new(on_exception => $bad); 1 };
        like "$@", qr/on_exception: expected 'die', 'warn' or a code reference, got \Q$got\E at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
    }
    local $ENV{PERL_MESOS_ON_EXCEPTION} = 'warn';
    is +Test::Consumer->new->on_exception, 'warn', 'from the environment';
    is +Test::Consumer->new(on_exception => 'die')->on_exception, 'die', 'the argument counts more';
    $ENV{PERL_MESOS_ON_EXCEPTION} = 'dye';
    ok !eval { Test::Consumer->new; 1 };
    like "$@", qr/PERL_MESOS_ON_EXCEPTION: expected "die" or "warn", got "dye" at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
    $ENV{PERL_MESOS_ON_EXCEPTION} = '';
    is +Test::Consumer->new->on_exception, undef;
};

package Hoarder;
use Moo;
extends 'Mesos::Scheduler';
has [qw(offered uses)] => (is => 'rw', default => 0);
sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    return $driver->stop if $self->offered($self->offered + 1) == 2;
    # With its own arguments gone, too.
    my $offer = shift @$offers;
    $driver->launchTasks([$offer->{id}], [], {refuse_seconds => 0}) if $self->uses;
    die "not now\n";
}
sub statusUpdate { }

package main;

subtest 'texts of exceptions' => sub {
    my $long = 'x' x 5_000_000 . "\n";
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    local $SIG{ALRM} = sub { die "no end\n" };
    for (
        ["\e[2Jcls\r\0\x7f at x line 1.\n", '\u{1b}[2Jcls\r\u{0}\u{7f} at x line 1'],
        ["one\nE0101 00:00:00 forged.rs:1] two\n\tthree\n", "one\n    E0101 00:00:00 forged.rs:1] two\n        three"],
        ["caf\xc3\xa9 \xe2\x80\xae\n", "caf\xc3\xa9 \\u{202e}"],
        ["\x{20ac}\x{202e}\x{9b}2J\n", "\x{20ac}\\u{202e}\\u{9b}2J"],
        ["\xe9\x9b2J\n", "\xe9\\u{9b}2J"],
        [$long, 'x' x 16_384 . '... (of 5000000 characters)'],
        ["\e" x 5_000_000 . "\n", qr/\A(?:\\u\{1b\})+.{0,5}\.\.\. \(of 5000000 characters\)\z/],
        ["\xc3\xa9" x 100_000 . "\n", qr/\A(?:\xc3\xa9)+\.\.\. \(of 200000 characters\)\z/],
    ) {
        my ($error, $shown) = @$_;
        local $Handler::thrown = $error;
        @warnings = ();
        my $consumer = Test::Consumer->new(dispatcher => 'AnyEvent', on_exception => 'warn');
        my $unblock = queue($consumer, 'bad', 'good');
        alarm 60;
        $unblock->();
        $consumer->run;
        alarm 0;
        my ($said) = "@warnings" =~ /\AMesos: the callback bad died: (.*)\.\n  on_exception is/s;
        ok(ref $shown ? $said =~ $shown : $said eq $shown, 'escaped') or diag explain substr $said, 0, 200;
        cmp_ok length "@warnings", '<', 40_000, 'and bounded';
        $consumer = Test::Consumer->new(dispatcher => 'AnyEvent', on_exception => 'die');
        $unblock = queue($consumer, 'bad', 'good');
        $unblock->();
        eval { $consumer->run };
        (my $before = $error) =~ s/\n\z//;
        ok(0 == index($@, $before), 'what is thrown stays as it is');
    }
};

subtest 'offers' => sub {
    for my $uses (0, 1) {
        my @warnings;
        local $SIG{__WARN__} = sub { push @warnings, @_ };
        local $SIG{ALRM} = sub { die "no second offer\n" };
        alarm 60;
        my $scheduler = Hoarder->new(uses => $uses);
        my $driver = driver_for('local', $scheduler, on_exception => 'warn');
        $driver->run;
        alarm 0;
        is $scheduler->offered, 2, 'the offer comes again';
        is scalar @warnings, 1;
        like $warnings[0], qr/\AMesos: the callback resourceOffers died: not now\.\n/;
        like $warnings[0], $uses ? qr/It had used all of its offers\./ : qr/Unused offers: 1\. The driver declines them, and Mesos offers/;
        is $driver->stats->{calls}{decline} || $driver->stats->{calls}{DECLINE}, $uses ? undef : 1 or diag explain $driver->stats;
    }
};

my $executor = File::Temp->new(SUFFIX => '.pl');
print $executor <<'END' or die $!;
use strict;
use warnings;
use Mesos::ExecutorDriver;
package Dying;
use Moo;
extends 'Mesos::Executor';
sub launchTask {
    my ($self, $driver, $task) = @_;
    $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_RUNNING}) if $task->{data} =~ /told/;
    $driver->sendStatusUpdate({task_id => $task->{task_id}, state => Mesos::TaskState::TASK_FINISHED}) if $task->{data} =~ /told/;
    die "cannot do it\nreally\n";
}
package main;
my $mode = shift;
exit Mesos::ExecutorDriver->new(executor => Dying->new, $mode ? (on_exception => $mode) : ())->run;
END
$executor->flush;

subtest 'executors' => sub {
    local $SIG{ALRM} = sub { die "no end of the task\n" };
    for my $mode ('', 'warn', 'die') {
        my $dir = File::Temp->newdir;
        local $ENV{MESOS_WORK_DIR} = "$dir";
        my @tasks = map {
            {task_id => {value => $_}, name => $_, data => $_,
                executor => {executor_id => {value => "e-$_"}, command => {value => "$^X $executor $mode"}}}
        } $mode eq 'die' ? 'silent' : qw(silent told);
        alarm 100;
        my ($scheduler) = Test::Mesos::run_tasks('local', \@tasks);
        alarm 0;
        is_deeply $scheduler->states->{silent}, [3], 'TASK_FAILED' or diag explain $scheduler->last_status;
        is $scheduler->last_status->{silent}{message}, 'cannot do it', 'with the first line of the exception';
        is_deeply $scheduler->states->{told}, [1, 2], 'not where there was an update before' unless $mode eq 'die';
        my @files;
        File::Find::find(sub { push @files, $File::Find::name if $_ eq 'stderr' }, $dir);
        my $said = join '', map { open my $in, '<', $_ or die $!; readline $in } @files;
        like $said, qr/^Mesos: the callback launchTask died: cannot do it\n    really\.\n  The driver sends TASK_FAILED for the task\./m, "stderr, mode '$mode'";
    }
};

# With Interrupt they come between any two statements, and run has some before it waits.
subtest 'no callback before run waits' => sub {
    my ($starting, $early) = (0, 0);
    my $scheduler = Test::Framework->new(tasks => [], stop_when_done => 0);
    my $driver = driver_for('local', $scheduler, dispatcher => 'Interrupt');
    no warnings 'redefine';
    my $start = \&Mesos::SchedulerDriver::start;
    local *Mesos::SchedulerDriver::start = sub {
        my ($status) = $start->(@_);
        my $end = time + 20;
        # The interrupt would come here, or just after.
        1 until $driver->dispatcher->channel->size || $scheduler->count('registered') || time > $end;
        1 for 1 .. 10_000;
        $early += $scheduler->count('registered');
        return $status;
    };
    $driver->run_once;
    is $early, 0, 'none in the statements before';
    is $scheduler->count('registered'), 1, 'then it comes';
    $driver->stop;
};

# IO::Async passes on what a callback of its own dies of. What has been told already is not told again when the driver goes.
subtest 'after another turn within the callback' => sub {
    eval { require IO::Async::Loop; 1 } or plan skip_all => 'IO::Async is not installed';
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    my $died = !eval {
        my $driver = driver_for('local', Nesting->new, dispatcher => 'IOAsync');
        $driver->start;
        $driver->dispatcher->loop->run;
        1;
    };
    ok $died, 'the loop ends';
    is $@, "no\n";
    is @warnings, 1;
    like $warnings[0], qr/\AMesos: the callback registered died: no\./;
};

subtest 'an executor without launchTask' => sub {
    local $SIG{ALRM} = sub { die "no end of the task\n" };
    my $program = File::Temp->new(SUFFIX => '.pl');
    print $program 'use Mesos::ExecutorDriver; exit Mesos::ExecutorDriver->new(executor => Mesos::Executor->new)->run' or die $!;
    $program->flush;
    alarm 100;
    my ($scheduler) = Test::Mesos::run_tasks('local', [
            {task_id => {value => 't'}, name => 't', executor => {executor_id => {value => 'e'}, command => {value => "$^X $program"}}}]);
    alarm 0;
    is_deeply $scheduler->states->{t}, [3], 'TASK_FAILED';
    is $scheduler->last_status->{t}{message}, 'Mesos::Executor has no method launchTask';
};

done_testing;
