# Makes the pictures of mesos-local and mesos-perl in a terminal anew: docs/terminal-*.svg. Needs tmux, and ./Build before.
# From the top of a checkout: perl xt/terminal.pl
use 5.10.1;
use strict;
use warnings;
use lib qw(t/lib xt/lib);
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use IO::Socket::INET ();
use Terminal;

my $COLUMNS = 116;
my $top = getcwd();
-d 'blib' or die "run ./Build first\n";
my $scratch = tempdir(CLEANUP => 1);

# The commands as if they were installed.
for my $name (qw(mesos-local mesos-perl)) {
    open my $out, '>', "$scratch/$name" or die "cannot write: $!\n";
    print {$out} qq{#!/bin/sh\nexec $^X -I$top/blib/lib -I$top/blib/arch $top/perl/bin/$name "\$@"\n};
    close $out or die "cannot write: $!\n";
    chmod 0755, "$scratch/$name" or die "cannot chmod: $!\n";
}
my $port = do { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport };
delete @ENV{grep {/\AMESOS_/} keys %ENV};

sub terminal {
    my ($name, $lines) = @_;
    mkdir "$scratch/in-$name" or die "cannot make a folder: $!\n";
    my %variables = (PS1 => '$ ', PATH => "$scratch:$ENV{PATH}", MESOS_MASTER => "127.0.0.1:$port", HOME => $scratch);
    return Terminal->new("$scratch/in-$name", columns => $COLUMNS, lines => $lines, variables => \%variables);
}

sub draw {
    my ($name, $title, $screen) = @_;
    open my $out, '>', "docs/terminal-$name.svg" or die "cannot write: $!\n";
    print {$out} Terminal::svg($screen, $COLUMNS, $title);
    close $out or die "cannot write: $!\n";
}

# Types a command, and waits until the screen looks like this.
sub command {
    my ($terminal, $command, $looks) = @_;
    $terminal->type($command, 'Enter');
    return $terminal->screen($looks);
}

my $cluster = terminal('local', 10);
draw('mesos-local', 'mesos-local starts', command($cluster, "mesos-local --open --port $port --agents 2 --resources 'cpus:4;mem:4096;disk:8192'", qr/a master and 2 agents.*sandboxes/));
my $runs = terminal('runs', 24);
command($runs, q{mesos-perl run --name nightly -n 3 --cpus 1.5 --mem 1024 -- 'sleep 1000'}, qr/3 running/);
my $shell = terminal('shell', 34);
command($shell, 'mesos-perl agents', qr/HOST.*\$\s*\z/s);
command($shell, 'mesos-perl ps', qr/nightly.*\$\s*\z/s);
command($shell, q{mesos-perl run -n 3 -p 2 -- 'echo page $MESOS_PERL_TASK; test $MESOS_PERL_TASK -ne 2'}, qr/page 3.*\$\s*\z/s);
draw('commands', 'mesos-perl agents, ps and run', command($shell, 'echo $?', qr/echo \$\?\n\d+\n\$\s*\z/));
my $live = terminal('top', 24);
draw('top', 'mesos-perl top', command($live, 'mesos-perl top', qr/(?:TASK_RUNNING.*){3}/s));
$live->type('C-c');
$runs->type('C-c');
$cluster->type('C-c');
