package Test::Files;

# What tests read: files as a whole, and what programs print.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(output_of perl_command slurp);

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "cannot read $path: $!";
    local $/;
    return scalar <$in>;
}

# A command of this perl, which finds the modules that the test finds.
sub perl_command {
    my (@arguments) = @_;
    return ($^X, (map {"-I$_"} grep { !ref } @INC), @arguments);
}

# What a command prints, on either of its outputs, and its exit status.
sub output_of {
    my (@command) = @_;
    my $pid = open my $out, '-|';
    die "cannot fork: $!" unless defined $pid;
    if (!$pid) { open STDERR, '>&', \*STDOUT or die $!; exec @command or die "cannot run $command[0]: $!" }
    local $/;
    my $printed = readline $out;
    close $out;
    return (defined $printed ? $printed : '', $?);
}

1;
