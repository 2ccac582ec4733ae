# Programs that are started, embedded, or interrupted in other ways than `perl program.pl`: taint mode, the debugger, an interpreter that
# frees all that it has, a web server with several processes, alarms, loops within loops.
use strict;
use warnings FATAL => 'all';
use lib 't/lib';
use Test::Files qw(output_of perl_command);
use Test::More;

# Runs a task to its end and says how it went. %s is what a way adds.
my $text = <<'END';
use strict;
use warnings;
use lib 't/lib';
use Test::Mesos qw(command);
$| = 1;
my $framework = Test::Framework->new(tasks => [ command('t', 'true') ]);
my $driver = Test::Mesos::driver_for('local', $framework);
%s
print "status $_\n" for $driver->run;
print "states @{ $framework->states->{t} }\n";
END

sub program { return sprintf $text, $_[0] // '' }

my $ran = "status 4\nstates 0 1 2\n";

sub ends_well {
    my ($name, @command) = @_;
    my ($printed, $status) = output_of(@command);
    $printed =~ s/^.*(?:Loading DB routines|Editor support|perldebguts|Debugged program).*\n//mg;
    is $printed, $ran, "$name: the task ran, and nothing else is said";
    is $status, 0, "$name: it ends well";
    return;
}

subtest 'taint mode' => sub {
    my $clean = "BEGIN { \$ENV{PATH} = '/usr/bin:/bin'; delete \@ENV{qw(IFS CDPATH ENV BASH_ENV)} }\n";
    ends_well 'taint mode', perl_command('-T', '-e', $clean . program());
    my ($printed) = output_of(perl_command('-T', '-e', $clean . <<'END'));
use Scalar::Util qw(tainted);
use Mesos::Messages;
my $from_outside = substr($ENV{HOME} . 'x', 0, 1);
die 'not tainted' unless tainted($from_outside);
my $bytes = Mesos::TaskID->encode({ value => "t$from_outside" });
print Mesos::TaskID->decode($bytes)->{value} eq "t$from_outside" ? "passes\n" : "lost\n";
END
    is $printed, "passes\n", 'what comes from outside passes through messages';
};

subtest 'the debugger' => sub {
    local $ENV{PERLDB_OPTS} = 'NonStop=1 TTY=/dev/null';
    ends_well 'perl -d', perl_command('-d', '-e', program());
};

subtest 'an interpreter that frees all' => sub {
    local $ENV{PERL_DESTRUCT_LEVEL} = 2;
    # Variable::Magic, which namespace::autoclean loads where it is installed, panics there by itself. (docs/faq.md says so, too.)
    local $ENV{B_HOOKS_ENDOFSCOPE_IMPLEMENTATION} = 'PP';
    ends_well 'PERL_DESTRUCT_LEVEL=2', perl_command('-e', program());
    # An interpreter that is embedded does the same as this at its end, with the driver in the middle of its work.
    my ($printed, $status) = output_of(perl_command('-It/lib', '-MTest::Mesos', '-e', <<'END'));
our $framework = Test::Framework->new(tasks => [ Test::Mesos::command('t', 'sleep 1000') ], stop_when_done => 0);
our $driver = Test::Mesos::driver_for('local', $framework);
$driver->run_once until @{ $framework->states->{t} || [] } == 2;
print "running\n";
END
    is "$printed$status", "running\n0", 'a driver at work when everything is freed';
};

subtest 'alarms' => sub {
    # A handler that dies leaves `run`, and the driver goes on: this is how Perl limits the time of anything.
    ends_well 'alarm around run', perl_command('-e', program(<<'END'));
use Time::HiRes ();
my $waiting = Test::Framework->new(tasks => [], stop_when_done => 0);
my $other = Test::Mesos::driver_for('local', $waiting);
for (1 .. 3) {
    eval {
        local $SIG{ALRM} = sub { die "too long\n" };
        Time::HiRes::alarm(0.2);
        $_ == 1 ? $other->run : $other->run_once while 1;
        1;
    } and die 'not interrupted';
    die $@ if $@ ne "too long\n";
}
die 'the driver has ended: ' . $other->status unless $other->status == Mesos::Status::DRIVER_RUNNING();
$other->stop;
$other->join;
END
};

subtest 'loops within loops' => sub {
    my $nested = <<'NESTED';
{
    package Outer;
    use Moo;
    extends 'Mesos::Scheduler';
    our $inner = '';

    sub registered {
        my ($self, $driver) = @_;
        my $framework = Test::Framework->new(tasks => [ Test::Mesos::command('t', 'true') ]);
        Test::Mesos::driver_for('local', $framework, dispatcher => '%s')->run;
        $inner = join ' ', @{ $framework->states->{t} };
        $driver->stop;
    }
    sub resourceOffers { }
}
eval { Test::Mesos::driver_for('local', Outer->new, dispatcher => '%s', on_exception => 'die')->run; 1 } or print "died: $@";
print "inner $Outer::inner\n";
NESTED
    for my $dispatcher (qw(IOAsync Mojo POE)) {
    SKIP: {
            skip "no $dispatcher", 2 unless eval "require Mesos::Dispatcher::$dispatcher; 1";    ## no critic (StringyEval): a name
            my ($printed, $status) = output_of(perl_command('-It/lib', '-MTest::Mesos', '-e', sprintf $nested, $dispatcher, $dispatcher));
            is $printed, "inner 0 1 2\n", "$dispatcher: a driver runs in the callback of another";
            is $status, 0, "$dispatcher: and both end";
        }
    }
    my ($printed) = output_of(perl_command('-It/lib', '-MTest::Mesos', '-e', sprintf $nested, 'AnyEvent', 'AnyEvent'));
    like $printed, qr/^died: AnyEvent::CondVar: recursive blocking wait attempted at -e line 10\.$/m, 'AnyEvent: its own loop refuses that, and says so';
};

# In every loop, and whatever `run` and `run_once` wait for at that time.
subtest 'stop in a callback of a callback' => sub {
    my $nested = <<'NESTED';
{
    package Nested;
    use Moo;
    extends 'Mesos::Scheduler';
    our $stopped = 0;

    sub registered { my ($self, $driver) = @_; $driver->run_once until $stopped; return }
    sub resourceOffers { my ($self, $driver) = @_; $stopped = 1; $driver->stop; return }
}
local $SIG{ALRM} = sub { print "run does not return\n"; exit 1 };
alarm 20;
my $status = Test::Mesos::driver_for('local', Nested->new, dispatcher => '%s', on_exception => 'die')->run;
print "run returned $status\n";
NESTED
    for my $dispatcher (qw(IOAsync Mojo POE)) {
    SKIP: {
            skip "no $dispatcher", 2 unless eval "require Mesos::Dispatcher::$dispatcher; 1";    ## no critic (StringyEval): a name
            my ($printed, $status) = output_of(perl_command('-It/lib', '-MTest::Mesos', '-e', sprintf $nested, $dispatcher));
            is $printed, "run returned 4\n", "$dispatcher: the outer run returns";
            is $status, 0, "$dispatcher: at once";
        }
    }
};

subtest 'a child of a callback that dies there' => sub {
    my $forks = <<'FORKS';
my $parent = $$;
{
    package Forks;
    use Moo;
    extends 'Mesos::Scheduler';

    sub resourceOffers {
        my ($self, $driver) = @_;
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        die "in the child\n" unless $pid;
        waitpid $pid, 0;
        $driver->stop;
    }
}
local $SIG{ALRM} = sub { print $$ == $parent ? "the parent hangs\n" : "the child stays in run\n"; POSIX::_exit(1) };
$SIG{__WARN__} = sub { print "warning: $_[0]" if $_[0] =~ /uninitialized/ };
my $driver = Test::Mesos::driver_for('local', Forks->new, dispatcher => '%s');
eval {
    alarm 20;
    print "run returned ", $driver->run, "\n";
    1;
} or print $@ eq "in the child\n" ? "the child's run ends: its exception\n" : $@ =~ /fork/ ? "the child's run ends: a fork\n" : "died: $@";
POSIX::_exit(0) if $$ != $parent;
FORKS
    for my $dispatcher (qw(AnyEvent IOAsync Mojo POE Interrupt)) {
    SKIP: {
            skip "no $dispatcher", 2 unless eval "require Mesos::Dispatcher::$dispatcher; 1";    ## no critic (StringyEval): a name
            my ($printed, $status) = output_of(perl_command('-It/lib', '-MTest::Mesos', '-MPOSIX', '-e', '$| = 1; ' . sprintf $forks, $dispatcher));
            like $printed, qr/\Athe child's run ends: (?:its exception|a fork)\nrun returned 4\n\z/, "$dispatcher: its run ends, and the parent's goes on";
            is $status, 0, "$dispatcher: it ends well";
        }
    }
};

subtest 'a web server with several processes' => sub {
    plan skip_all => 'no Mojolicious' unless eval { require Mojo::Server::Prefork; require Mojo::UserAgent; 1 };
    my ($printed, $status) = output_of(perl_command('-It/lib', '-e', <<'END'));
use strict;
use warnings;
use File::Spec;
use Mojo::Server::Prefork;
use Mojolicious::Lite;
use Mojo::IOLoop;
use Mojo::UserAgent;
use Test::Mesos qw(command);
$| = 1;
app->log->level('fatal');
app->secrets(['s']);

# Each worker makes a driver of its own when it starts to serve: one of the parent would end in it with an error.
my ($framework, $driver);
Mojo::IOLoop->next_tick(sub {
    $framework = Test::Framework->new(tasks => [ command("t$$", 'true') ], stop_when_done => 0);
    $driver = Test::Mesos::driver_for('local', $framework, dispatcher => 'Mojo');
    $driver->start;
});
get '/' => sub { my $c = shift; $c->render(text => join ' ', $$, @{ $framework->states->{"t$$"} || [] }) };

my $server = Mojo::Server::Prefork->new(app => app, listen => ['http://127.0.0.1'], workers => 2, spare => 0, silent => 1, graceful_timeout => 5);
$server->pid_file(File::Spec->tmpdir . "/mesos-prefork-$$.pid");
my $parent = $$;
my $asks = 0;
$server->on(spawn => sub {
    return if $asks++;
    my $port = $server->ports->[0];
    return if fork;
    # A client beside them, until both workers have answered that their task has ended.
    $SIG{$_} = 'DEFAULT' for qw(INT TERM QUIT CHLD);
    my $agent = Mojo::UserAgent->new(max_connections => 0, request_timeout => 5);
    my %done;
    my $end = time + 60;
    while (keys %done < 2 && time < $end) {
        my $text = eval { $agent->get("http://127.0.0.1:$port/")->result->body } // '';
        $done{$1}++ if $text =~ /^(\d+) 0 1 2$/;
        select undef, undef, undef, 0.02;
    }
    print 'workers ', scalar(keys %done), "\n";
    kill TERM => $parent;
    POSIX::_exit(0);
});
$server->run;
END
    is $printed, "workers 2\n", 'each worker has run a task with its own driver';
    is $status, 0, 'and the server ends well';
};

done_testing;
