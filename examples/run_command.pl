#!/usr/bin/env perl
# Runs one shell command as a Mesos task. States and errors go to standard error. The command's own output goes to standard output and
# standard error, as if you had run it here.
use strict;
use warnings;
use AnyEvent;
use File::Temp ();
use Getopt::Long qw(GetOptions);
use Mesos::SchedulerDriver;

my $USAGE = <<'END';
usage: run_command.pl [--master local|HOST:PORT] [options] -- 'COMMAND'
  --cpus N  --mem MB      the resources of the task (default: 0.1 and 32)
  --env NAME=VALUE        set a variable for the command; may be repeated
  --timeout SECONDS       kill the command after this time
  --master-timeout S      give up after this time without a master (default: 10)
  --quiet                 do not print states
Exit status: the command's, 128+N if signal N ended it, 124 after --timeout, 130 after Ctrl-C, 2 if it could not be run.

The command writes its output to the files command.out and command.err of its sandbox. This program reads them from there: with
--master local as files, otherwise through the agent's /files/read. If the agent asks for a password or cannot be reached, the output
stays in the sandbox.
END

my %option = (master => 'local', cpus => 0.1, mem => 32, timeout => 0, 'master-timeout' => 10, env => {});
GetOptions(\%option, qw(master=s cpus=f mem=f env=s% timeout=f master-timeout=f quiet help)) or die_with($USAGE);
if ($option{help}) { print $USAGE; exit 0 }
@ARGV == 1 or die_with($USAGE);

sub die_with { print STDERR @_; exit 2 }

package CommandRunner;
use Moo;
extends 'Mesos::Scheduler';

has [qw(command option)] => (is => 'ro', required => 1);
has [qw(framework_id offer sandbox poll killer timer killed_as)] => (is => 'rw');
has task_id => (is => 'ro', default => sub {"command-$$"});
has read => (is => 'ro', default => sub { {} });
has exit_code => (is => 'rw', default => 2);


# The agent names signals as strsignal(3) does.
my %SIGNAL = (
    'Hangup' => 1, 'Interrupt' => 2, 'Quit' => 3, 'Illegal instruction' => 4, 'Aborted' => 6, 'Bus error' => 7,
    'Floating point exception' => 8, 'Killed' => 9, 'Segmentation fault' => 11, 'Broken pipe' => 13, 'Alarm clock' => 14,
    'Terminated' => 15,
);

sub say_state {
    my ($self, $text) = @_;
    print STDERR "run_command: $text\n" unless $self->option->{quiet};
}

sub registered {
    my ($self, $driver, $framework_id) = @_;
    $self->framework_id($framework_id->{value});
    $self->say_state("registered as $framework_id->{value}, waiting for an offer");
}

sub resourceOffers {
    my ($self, $driver, $offers) = @_;
    for my $offer (@$offers) {
        my @tasks;
        if (!$self->offer && $self->fits($offer)) {
            $self->offer($offer);
            @tasks = $self->task($offer);
            $self->say_state("launching on $offer->{hostname}");
        }
        $driver->launchTasks([$offer->{id}], \@tasks);
    }
}

sub fits {
    my ($self, $offer) = @_;
    my %free;
    $free{$_->{name}} += $_->{scalar}{value} for grep { $_->{scalar} } @{$offer->{resources}};
    return !grep { ($free{$_} || 0) < $self->option->{$_} } qw(cpus mem);
}

sub task {
    my ($self, $offer) = @_;
    my $environment = $self->option->{env};
    return {
        name => $self->command,
        task_id => {value => $self->task_id},
        slave_id => $offer->{slave_id},
        command => {
            value => "exec >command.out 2>command.err\n" . $self->command,
            environment => {variables => [map { +{name => $_, value => $environment->{$_}} } sort keys %$environment]},
        },
        resources => [
            map { +{name => $_, type => Mesos::Value::Type::SCALAR, scalar => {value => $self->option->{$_}}} } qw(cpus mem)
        ],
    };
}

sub statusUpdate {
    my ($self, $driver, $status) = @_;
    my $state = Mesos::TaskState->name_of($status->{state}) || $status->{state};
    my $message = $status->{message};
    $self->say_state($state . (defined $message && length $message ? ": $message" : ''));
    if ($state eq 'TASK_RUNNING') {
        my $timeout = $self->option->{timeout};
        $self->timer(AnyEvent->timer(after => $timeout, cb => sub { $self->kill_task($driver, 124) })) if $timeout && !$self->timer;
        $self->poll(AnyEvent->timer(after => 0.2, interval => 0.5, cb => sub { $self->copy_output }));
    }
    return if $state =~ /STAGING|STARTING|RUNNING|KILLING|UNREACHABLE/;
    $self->copy_output;
    $self->exit_code($self->status_of($state, defined $message ? $message : ''));
    $driver->stop;
}

sub status_of {
    my ($self, $state, $message) = @_;
    return $self->killed_as if $self->killed_as && $state ne 'TASK_FINISHED';
    return $1 if $message =~ /exited with status (\d+)/;
    my ($signal) = $message =~ /terminated with signal (.+?)(?: \(core dumped\))?\z/;
    return 128 + $SIGNAL{$signal} if defined $signal && $SIGNAL{$signal};
    print STDERR "run_command: the command's status is not known: $state $message\n" if $state ne 'TASK_FINISHED';
    return $state eq 'TASK_FINISHED' ? 0 : 2;
}

# Mesos does not promise that a KILL arrives: it is repeated until the task has ended.
sub kill_task {
    my ($self, $driver, $code) = @_;
    $self->killed_as($code);
    return if $self->killer;
    if ($self->offer) {
        $self->killer(AnyEvent->timer(after => 0, interval => 5, cb => sub { $driver->killTask({value => $self->task_id}) }));
    }
    else {
        $self->exit_code($code);
        $driver->stop;
    }
}

sub error {
    my ($self, $driver, $message) = @_;
    print STDERR "run_command: $message\n";
}

# --- the command's output ------------------------------------------------------------------------------------------------

sub copy_output {
    my ($self) = @_;
    for (['command.out', \*STDOUT], ['command.err', \*STDERR]) {
        my ($file, $to) = @$_;
        while (defined(my $bytes = $self->read_sandbox($file, $self->read->{$file} || 0))) {
            last unless length $bytes;
            $self->read->{$file} += length $bytes;
            print {$to} $bytes;
        }
    }
    STDOUT->flush;
}

# Some of a sandbox's file from a position on, '' at its end, undef if it cannot be read.
sub read_sandbox {
    my ($self, $file, $offset) = @_;
    my $runs = '/frameworks/' . $self->framework_id . '/executors/' . $self->task_id . '/runs/latest';
    if ($self->option->{master} eq 'local') {
        open my $in, '<:raw', "$ENV{MESOS_WORK_DIR}/slaves/$self->{offer}{slave_id}{value}$runs/$file" or return;
        seek $in, $offset, 0;
        read $in, my $bytes, 65536;
        return $bytes;
    }
    require HTTP::Tiny;
    require JSON::PP;
    return if $self->{unreadable};
    my $address = $self->offer->{url}{address} || {};
    my ($host, $port) = ($address->{ip} || $address->{hostname} || $self->offer->{hostname}, $address->{port} || 5051);
    $host = "[$host]" if $host =~ /:/;
    my $answer = HTTP::Tiny->new(timeout => 5)->get("http://$host:$port/files/read?path=$runs/$file&offset=$offset");
    return if $answer->{status} == 404;
    # Not decoded as UTF-8: the agent puts the file's bytes into the JSON text as they are.
    return JSON::PP->new->decode($answer->{content})->{data} if $answer->{success};
    $self->{unreadable} = 1;
    print STDERR "run_command: the output stays on $host, in ...$runs/command.{out,err} of the agent's work directory: ",
        "$answer->{status} $answer->{reason}\n";
    return;
}

package main;

# Where the embedded agent makes its sandboxes.
my $work_dir;
if ($option{master} eq 'local' && !$ENV{MESOS_WORK_DIR}) {
    $work_dir = File::Temp->newdir;
    $ENV{MESOS_WORK_DIR} = "$work_dir";
}

my $scheduler = CommandRunner->new(command => $ARGV[0], option => \%option);
my $driver = eval {
    Mesos::SchedulerDriver->new(
        master => $option{master},
        master_timeout => $option{'master-timeout'},
        framework => {user => '', name => 'run_command.pl'},
        scheduler => $scheduler,
        on_exception => 'die',
    );
} or die_with("run_command: $@");

my %code = (INT => 130, TERM => 143);
my @signals = map { my $name = $_; AnyEvent->signal(signal => $name, cb => sub { $scheduler->kill_task($driver, $code{$name}) }) }
    sort keys %code;

$driver->run;
undef $driver;    # the cluster has ended when this returns, and with it who writes below $work_dir
exit $scheduler->exit_code;
