package Test::Examples;

# Runs the programs of examples/ as a user does: in processes of their own, with this perl and what this perl finds.

use strict;
use warnings;
use Exporter qw(import);
use File::Spec;
use File::Temp ();
use POSIX ();
use Time::HiRes ();

our @EXPORT_OK = qw(start finish run_example wait_for free_port is_loadable);

my $include = join ':', map { File::Spec->rel2abs($_) } grep { !ref } @INC;

# Starts perl with these arguments; gives a process for finish(). Its output goes into files.
sub start {
    my (@arguments) = @_;
    my %process = map { ($_ => File::Temp->new) } qw(out err);
    defined($process{pid} = fork) or die "cannot fork: $!";
    return \%process if $process{pid};
    # A group of its own, so that what it leaves behind can be killed with it.
    setpgrp;
    # A shell has background jobs ignore it, and the tests may be one.
    local $SIG{INT} = 'DEFAULT';
    local $ENV{PERL5LIB} = $include;
    open STDIN, '<', File::Spec->devnull or POSIX::_exit(99);
    open STDOUT, '>', $process{out}->filename or POSIX::_exit(99);
    open STDERR, '>', $process{err}->filename or POSIX::_exit(99);
    no warnings 'exec';
    exec {$^X} $^X, @arguments or POSIX::_exit(99);
}

# What the process has written so far.
sub said {
    my ($process, $stream) = @_;
    open my $in, '<:raw', $process->{$stream}->filename or die "cannot read the output: $!";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

# Waits until $condition->() is true, for at most that many seconds; returns what it returned last.
sub wait_for {
    my ($seconds, $condition) = @_;
    my $end = Time::HiRes::time() + $seconds;
    my $value;
    until ($value = $condition->()) {
        return if Time::HiRes::time() > $end;
        Time::HiRes::sleep(0.02);
    }
    return $value;
}

# Waits for the end, and kills what is not over by then. Gives (status, out, err): an exit code, 'signal N' or 'timeout'.
sub finish {
    my ($process, $seconds) = @_;
    my $status;
    if (wait_for($seconds, sub { waitpid($process->{pid}, POSIX::WNOHANG()) == $process->{pid} })) {
        $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    }
    else {
        kill KILL => -$process->{pid};
        waitpid $process->{pid}, 0;
        $status = 'timeout';
    }
    return ($status, said($process, 'out'), said($process, 'err'));
}

sub run_example {
    my ($seconds, $name, @arguments) = @_;
    return finish(start("examples/$name", @arguments), $seconds);
}

sub free_port {
    require IO::Socket::INET;
    return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
}

# In another process: event loops do not share one.
sub is_loadable {
    my ($module) = @_;
    my ($status) = finish(start('-e', "require $module; POE::Kernel->run if POE::Kernel->can('run')"), 60);
    return $status eq '0';
}

1;
