# The programs of docs/tutorial.md, and the example distribution, run as their readers would run them.
use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::Files qw(output_of slurp);
use Test::More;
use Time::HiRes ();

BEGIN { delete @ENV{grep { /\A(?:PERL_MESOS_|LIBPROCESS_|MESOS_)/ && $_ ne 'MESOS_LOCAL' } keys %ENV} }

my $home = abs_path('.');
my @modules = map { '-I' . abs_path($_) } grep { !ref && -d } @INC;

# In a directory, as nobody but the reader of the tutorial is there.
sub said_in {
    my ($folder, @command) = @_;
    chdir $folder or die $!;
    my ($out, $status) = output_of($^X, @modules, @command);
    chdir $home or die $!;
    return ($out, $status);
}

my $folder = tempdir(CLEANUP => 1);
my %names;
my $text = slurp('docs/tutorial.md');
while ($text =~ /^```perl\n# (\S+)\n(.*?)^```$/msg) {
    my ($name, $code) = ($1, $2);
    $names{$name} = 0;
    open my $out, '>', "$folder/$name" or die $!;
    print $out $code;
    close $out or die $!;
}
is scalar(() = $text =~ /^```perl$/mg), keys %names, 'each program has a name';

my %expected = (
    'hello.pl' => qr/\A(?:hello-1 is TASK_STARTING\n)hello-1 is TASK_RUNNING\nhello-1 is TASK_FINISHED\n\z/,
    'jobs.pl' => qr/\Ajob-0: TASK_FINISHED\njob-1: TASK_FAILED\njob-2: TASK_FAILED\njob-3: TASK_FAILED\n\z/,
    'durable.pl' => qr/\A3 jobs are done\n\z/,
    'unit.t' => qr/^1\.\.\d+$/m,
    'cluster.t' => qr/^1\.\.\d+$/m,
);
for my $name (sort keys %expected) {
    $names{$name}++;
    my ($out, $status) = said_in($folder, $name);
    is $status, 0, $name;
    like $out, $expected{$name};
    unlike $out, qr/SKIP|^not ok/m, 'nothing was left out';
}
$names{'Jobs.pm'}++;
is_deeply [grep { !$names{$_} } sort keys %names], [], 'all programs were tried';

for my $test (sort glob 'examples/little-framework/t/*.t') {
    (my $name = $test) =~ s{\Aexamples/little-framework/}{};
    my $begun = Time::HiRes::time();
    my ($out, $status) = said_in('examples/little-framework', '-Ilib', $name);
    note sprintf '%s: %.1f s', $test, Time::HiRes::time() - $begun;
    is $status, 0, $test or diag $out;
    like $out, qr/^1\.\.\d+$/m;
    unlike $out, qr/SKIP|^not ok/m;
}

done_testing;
