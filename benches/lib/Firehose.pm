package Firehose;

# The server of benches/firehose.rs, and pymesos 0.3.15 on it: what the benchmarks of drivers share.
use 5.10.1;
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;
use IPC::Open2;

my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $target = $ENV{CARGO_TARGET_DIR} || "$root/target";

# Builds and starts the server.
sub start {
    my ($class) = @_;
    my ($program) = map {/"executable":"([^"]+)"/} grep {/"name":"firehose"/}
        qx(cd '$root' && cargo bench --locked --no-run --bench firehose --message-format=json 2>/dev/null);
    die "benches/firehose.rs cannot be built\n" unless $program;
    my $pid = open2(my $results, my $stop, $program, 'serve');
    chomp(my $address = <$results>);
    return bless {program => $program, pid => $pid, results => $results, stop => $stop, address => $address}, $class;
}

sub address { return $_[0]{address} }

# What the server says of the run that has just ended: seconds.
sub seconds { my (undef, undef, $seconds) = split ' ', readline $_[0]{results}; return $seconds }

# What one wake-up of this machine takes, in microseconds.
sub wake_up { my ($self) = @_; return scalar qx('$self->{program}' wake) }

sub stop {
    my ($self) = @_;
    close $self->{stop};
    waitpid $self->{pid}, 0;
    return;
}

# The Python that has pymesos, installed where that is needed and can be done.
sub python {
    my $venv = "$target/pymesos-venv";
    my $python = "$venv/bin/python3";
    return $python if -x $python && !system "$python -c 'import addict, kazoo, pymesos, six' 2>/dev/null";
    system "python3 -m venv '$venv' && '$venv/bin/pip' install -q six addict kazoo setuptools wheel pytest-runner"
        . " && '$venv/bin/pip' install -q --no-deps --no-build-isolation pymesos==0.3.15" or return $python;
    print "SKIPPED: pymesos cannot be installed here, no comparison\n";
    return;
}

# One of the programs in benches/pymesos, with the server's address: what it prints.
sub run_pymesos {
    my ($self, $program, @arguments) = @_;
    my $python = python() or return;
    local $ENV{PYTHONPATH} = "$root/benches/pymesos";
    my $command = join ' ', map {"'$_'"} $python, "$root/benches/pymesos/$program", $self->{address}, @arguments;
    my $printed = qx($command 2>&1);
    die "pymesos: $printed" if $?;
    return $printed;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

1;
