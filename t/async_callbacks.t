# Callbacks that are async subs: what becomes of a promise that a callback returns, in each loop.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Mesos::SchedulerDriver;
use Mesos::Scheduler;
use Test::Consumer;
use Test::Dispatchers qw(each_dispatcher);
use Test::More;
use Test::Warned qw(warnings_of);

BEGIN {
    delete @ENV{qw(PERL_MESOS_ON_EXCEPTION MESOS_MASTER MESOS_WORK_DIR)};
    plan skip_all => 'Future::AsyncAwait is not installed' unless eval { require Future; require Future::AsyncAwait; 1 };
}
alarm 120;

package Handler;
use Future::AsyncAwait;
our ($gate, @got);
async sub fails { push @got, 'fails'; die "at once\n" }
async sub fails_later { push @got, 'fails_later'; await $gate; push @got, 'resumed'; die "later\n" }
async sub waits { push @got, 'waits'; await $gate; push @got, 'resumed' }
async sub returns { push @got, 'returns'; return bless {}, 'Handler' }
sub context { push @got, wantarray ? 'list' : 'no list' }
sub cancelled { push @got, 'cancelled'; my $future = Future->new; $future->cancel; return $future }
sub object { push @got, 'object'; return $_[0] }
sub odd { push @got, 'odd'; return bless [], 'Odd' }
sub end { $_[1]->running(0) }

package Odd;
our $AUTOLOAD;
sub can { die "never asked\n" }
sub AUTOLOAD { die "never called\n" unless $AUTOLOAD =~ /DESTROY/ }

package main;

sub run_events {
    my ($consumer, @events) = @_;
    @Handler::got = ();
    my $unblock = $consumer->queue(@events, 'end');
    $consumer->run;
    $unblock->();
    return \@Handler::got;
}

each_dispatcher(sub {
        my ($name) = @_;
        my @told;
        my $consumer = Test::Consumer->new(dispatcher => $name, on_exception => sub { push @told, "$_[1]: $_[2]" });
        is_deeply run_events($consumer, qw(context returns object odd cancelled)), ['no list', qw(returns object odd cancelled)], 'what is no promise, and what was cancelled';
        is_deeply \@told, [], 'are no exceptions';

        run_events($consumer, 'fails');
        is_deeply \@told, ["fails: at once\n"], 'one that has failed is an exception';

        @told = ();
        $Handler::gate = Future->new;
        run_events($consumer, 'fails_later', 'waits');
        is_deeply \@told, [], 'nothing has failed yet';
        is_deeply [warnings_of(sub { $Handler::gate->done })], [], 'nobody else keeps them, and they are not lost';
        is_deeply \@Handler::got, [qw(fails_later waits resumed resumed)], 'they went on';
        is_deeply \@told, ["fails_later: later\n"], 'one that fails later is told, too';

        my $dies = Test::Consumer->new(dispatcher => $name, on_exception => 'die');
        ok !eval { run_events($dies, 'fails'); 1 } && $@ eq "at once\n", "'die' leaves run" or diag $@;
        $Handler::gate = Future->new;
        my $warns = Test::Consumer->new(dispatcher => $name, on_exception => 'warn');
        my @warnings = warnings_of(sub { run_events($warns, 'fails') });
        like "@warnings", qr/\AMesos: the callback fails died: at once\.\n/, "'warn' warns";
        run_events($warns, 'fails_later');
        @warnings = warnings_of(sub { $Handler::gate->done });
        like "@warnings", qr/\AMesos: the promise that the callback fails_later returned has failed: later\.\n  on_exception is 'warn'/, 'of what comes later, too';
});

{

    package Framework;
    use Moo;
    use Future::AsyncAwait;
    extends 'Mesos::Scheduler';
    has [qw(states driver_status)] => (is => 'rw', default => sub { [] });
    has [qw(died refused)] => (is => 'rw');

    async sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        die "no offers yet\n" unless $self->refused($self->refused ? 2 : 1) > 1;
        $driver->launchTasks([$offers->[0]{id}], [{
                    name => 'once', task_id => {value => 'once'}, slave_id => $offers->[0]{slave_id}, command => {value => 'true'},
                    resources => [{name => 'cpus', type => 0, scalar => {value => 0.1}}],
        }]) unless @{$self->states};
        return;
    }

    async sub statusUpdate {
        my ($self, $driver, $status) = @_;
        push @{$self->states}, $status->{state};
        die "not now\n" unless $self->died($self->died ? 2 : 1) > 1;
        $driver->stop if $status->{state} == Mesos::TaskState::TASK_FINISHED();
        return;
    }
}

subtest 'offers come again, and so does an update' => sub {
    my $framework = Framework->new;
    my $driver = Mesos::SchedulerDriver->new(master => 'local', scheduler => $framework, framework => {user => '', name => 'async'}, on_exception => 'warn');
    my ($status, @warnings);
    @warnings = warnings_of(sub { $status = $driver->run });
    is $status, Mesos::Status::DRIVER_STOPPED(), 'it ends';
    my $first = $framework->states->[0];
    is $framework->states->[1], $first, 'the first update came twice';
    like $warnings[0], qr/\AMesos: the callback resourceOffers died: no offers yet\.\n  Unused offers: 1\. The driver declines them/, 'the offers are declined';
    like $warnings[1], qr/\AMesos: the callback statusUpdate died: not now\.\n  The driver does not acknowledge the update, so Mesos sends it again\./, 'the update is not acknowledged';
    is @warnings, 2, 'and nothing else is told' or diag @warnings;
};

subtest 'of Mesos::Async, too' => sub {
    require Mesos::Async;
    my @told;
    my $driver = Mesos::Async->new(
        master => 'local', scheduler => Framework->new, framework => {user => '', name => 'async'},
        on_exception => sub { my ($driver, $event, $error) = @_; push @told, "$event: $error"; $driver->stop });
    is $driver->run, Mesos::Status::DRIVER_STOPPED(), 'stopped by the test';
    is_deeply \@told, ["resourceOffers: no offers yet\n"], 'the exception of its scheduler';
};

done_testing;
