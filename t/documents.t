# The code of README.md, docs/faq.md, docs/testing.md and docs/mesos-local.md, run as their readers would run it, and what they say it prints.
# Other tests have the rest: t/examples.t the first program of README.md, t/tutorial.t, t/cookbook.t and t/migration.t those of their documents.
use strict;
use warnings;
use lib 't/lib';
use Cwd qw(abs_path);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Mesos::Client;
use Mesos::Test::Cluster;
use Mesos::Test::Scheduler;
use Test::Examples qw(finish start wait_for);
use Test::Files qw(slurp);
use Test::More;

BEGIN { delete @ENV{grep { /\A(?:PERL_MESOS_|LIBPROCESS_|MESOS_)/ && $_ ne 'MESOS_LOCAL' } keys %ENV} }

# The blocks of a language; each is used once.
my %blocks = map {
    my ($document, $language) = @$_;
    ("$document $language" => [map { {code => $_, used => 0} } slurp($document) =~ /^```$language\n(.*?)^```$/msg])
} map { ([$_, 'perl'], [$_, 'sh']) } 'README.md', map {"docs/$_.md"} qw(faq testing mesos-local);

# The one with this text in it.
sub block {
    my ($of, $text) = @_;
    my ($block, @more) = grep { index($_->{code}, $text) >= 0 } @{$blocks{$of}};
    die "$of: not one block with $text\n" if !$block || @more;
    $block->{used}++;
    return $block->{code};
}

my $folder = File::Temp->newdir;

sub program {
    my ($name, $code) = @_;
    open my $out, '>', "$folder/$name" or die "cannot write $folder/$name: $!";
    print $out $code;
    close $out or die "cannot write $folder/$name: $!";
    return "$folder/$name";
}

# What it prints, if it ends well and complains of nothing.
sub says {
    my ($name, $code) = @_;
    my ($status, $out, $err) = finish(start(program('program.pl', $code)), 60);
    is $status, 0, "$name: exit status" or diag $err;
    is $err, '', "$name: no complaints";
    return $out;
}

sub replaced {
    my ($code, $this, $by) = @_;
    my $times = $code =~ s/\Q$this\E/$by/g;
    ok $times, "there is $this";
    return $code;
}

# The commands of the documents are found as after an installation.
mkdir "$folder/bin" or die $!;
for my $command (qw(mesos-perl mesos-local)) {
    my $include = join ' ', map { "'-I" . abs_path($_) . "'" } grep { !ref && -d } @INC;
    program("bin/$command", "#!/bin/sh\nexec '$^X' $include '" . abs_path("perl/bin/$command") . qq(' "\$\@"\n));
    chmod 0755, "$folder/bin/$command" or die $!;
}
my %bash = (PATH => "$folder/bin:$ENV{PATH}", HOME => "$folder");

# Starts lines of a shell; a process for finish().
sub bash {
    my ($lines, %environment) = @_;
    local @ENV{keys %bash, keys %environment} = (values %bash, values %environment);
    return start('-e', 'chdir shift or die; exec @ARGV or die', "$folder", 'bash', '-c', $lines);
}
my $has_bash = !system 'bash -c true >/dev/null 2>&1';

# --- README.md -------------------------------------------------------------------------------------------------------------------

block('README.md perl', 'package MyScheduler');
my ($printed) = slurp('README.md') =~ /^They print:\n\n((?: {4}.*\n)+)/m;
$printed =~ s/^ {4}//mg;
is says('Mesos::Runner', block('README.md perl', 'use Mesos::Runner')), $printed, 'Mesos::Runner: the output that README.md shows';

subtest 'Mesos::Offers' => sub {
    my $code = block('README.md perl', 'use Mesos::Offers');
    is says('alone', $code), '', 'without offers';
    my @tasks = map { +{name => $_, task_id => {value => $_}, command => {value => 'true'}, resources => {cpus => $_ eq 'large' ? 64 : 0.5, mem => 128}} } qw(one large two);
    # As the comment has it: the callback's arguments, and tasks of the program.
    $code = replaced($code, 'my ($driver, $offers, @tasks);', 'my ($driver, $offers) = @_[1, 2]; my @tasks = @{$_[0]{tasks}};');
    ok eval("package In::README; use Moo; extends 'Mesos::Scheduler'; has tasks => (is => 'ro'); sub resourceOffers { $code } 1"), 'in a scheduler' or diag $@;
    my $t = Mesos::Test::Scheduler->new(scheduler => In::README->new(tasks => \@tasks));
    $t->register;
    my $why = '';
    {
        local *STDOUT;
        open STDOUT, '>', \$why or die $!;
        $t->offer(cpus => 4, mem => 1024);
    }
    like $why, qr/\Alarge fits nowhere: .*cpus: it needs 64, and there is 3\.5\n\z/, 'why a task has no place';
    $t->expect_launch(tasks => [map { +{task_id => {value => $_}} } qw(one two)]);
    $t->expect_no_open_offers;
};

my $cluster = eval { Mesos::Test::Cluster->start(agents => 1) };
SKIP: {
    skip "no mesos-local: $@", 1 unless $cluster;
    subtest 'Mesos::Client' => sub {
        my ($first) = slurp('README.md') =~ /^```perl\n(.*?)^```$/ms;
        my $code = replaced(block('README.md perl', 'use Mesos::Client'), 'zk://10.0.0.1:2181/mesos', $cluster->address);
        my ($status) = finish(start(program('first.pl', $first), $cluster->address), 60);
        is $status, 0, 'the first program has run';
        like says('Mesos::Client', $code), qr/^hello$/m, 'what its task has written';
    };
}

SKIP: {
    skip 'no bash here', 1 unless $has_bash;
    my ($status, $out, $err) = finish(bash('set -e; ' . block('README.md sh', '--master local')), 60);
    is $status, 0, 'mesos-perl run' or diag $err;
    is_deeply [sort split /\n/, $out], [sort 'hello', map {"[$_] page $_"} 1 .. 10], 'the output of its tasks';
}

SKIP: {
    skip 'no bash or no mesos-local here', 1 unless $has_bash && $cluster;
    subtest 'mesos-perl' => sub {
        my $code = replaced(block('README.md sh', 'mesos-perl ps'), '127.0.0.1:5050', $cluster->address);
        my ($export, $clock, $ps, $logs, $agents, $completion) = split /\n/, $code;
        # By hand, nobody is so quick that the task is not there yet.
        my ($command) = $clock =~ /\A(.*) &\z/ or die "the clock runs in the background\n";
        my $running = bash("$export\nexec $command");
        my $task;
        ok wait_for(30, sub {
                my (undef, $out) = finish(bash("$export\n$ps"), 30);
                ($task) = $out =~ /^(\S+)\t.*\tRUNNING\tclock\t/m;
        }), 'ps shows the task, and its id';
        my $follower = bash("$export\nexec " . replaced($logs, 'TASK', $task || 'none'));
        ok wait_for(30, sub { Test::Examples::said($follower, 'out') =~ /\A.*\d\d:\d\d:\d\d.*\n.*\n/ }), 'logs -f follows its output';
        kill INT => $follower->{pid};
        finish($follower, 30);
        my ($status, $out, $err) = finish(bash("$export\n$agents"), 30);
        is decode_json($out)->{agent_info}{hostname}, 'localhost', 'agents' or diag $err;
        ($status, $out, $err) = finish(bash("$completion\ncomplete -p mesos-perl"), 30);
        is "$status $err", '0 ', 'completion';
        like $out, qr/\Acomplete .* mesos-perl\n\z/, 'bash completes';
        kill INT => $running->{pid};
        ($status) = finish($running, 60);
        is $status, 130, 'Ctrl-C ends the clock';
    };
}
# To build, to install and to find the module is what has been done when this runs: xt/install.t, script/test.
block('README.md sh', $_) for 'script/demo', 'perl Build.PL', 'blib/arch', '--install_base';

# --- docs/faq.md and docs/testing.md -------------------------------------------------------------------------------------------------

subtest 'faq.md' => sub {
    my $code = replaced(block('docs/faq.md perl', 'framework_id_file'), '/var/lib/shop', "$folder");
    my $local = replaced($code, 'zk://a:2181,b:2181/mesos', 'local');
    my $run = $local . 'exit($driver->run == Mesos::Status::DRIVER_STOPPED() ? 0 : 1)';
    my $scheduler = 'package My::Scheduler; use Moo; extends "Mesos::Scheduler"; sub resourceOffers { print -s "FOLDER/framework-id" ? "kept" : "lost"; $_[1]->stop }';
    is says('framework_id_file', replaced($scheduler, 'FOLDER', "$folder") . " package main; $run"), 'kept', 'the id is kept';
};

SKIP: {
    like says('a test of a scheduler', block('docs/testing.md perl', 'Mesos::Test::Scheduler')), qr/^1\.\.[1-9]/m, 'it has tested something';
    skip 'no mesos-local here', 1 unless $cluster;
    for my $name ('fail_over_master', 'cleaned up') {
        my $out = says("testing.md: $name", block('docs/testing.md perl', $name));
        like $out, qr/^1\.\.\d+$/m, 'a plan';
        unlike $out, qr/SKIP|^\s*not ok/m, 'nothing is left out';
    }
}

# --- docs/mesos-local.md -------------------------------------------------------------------------------------------------------------

SKIP: {
    skip 'no bash or no mesos-local here', 1 unless $has_bash && $cluster;
    # Root has to say so, and the port may be another one.
    my $more = ' --port 0' . ($> ? '' : ' --open');
    for my $case (['--agents 3 --resources', 3], ['--masters 3', 2]) {
        my ($text, $agents) = @$case;
        chomp(my $line = block('docs/mesos-local.md sh', $text));
        my $process = bash("exec $line$more");
        my $address;
        ok wait_for(30, sub { ($address) = Test::Examples::said($process, 'out') =~ /(127\.0\.0\.1:\d+)/ }), "$line: says where it listens"
            or diag Test::Examples::said($process, 'err');
        my $known = sub { my $of = eval { Mesos::Client->new(master => $address, retry_for => 5)->agents }; return scalar @{$of || []} };
        ok wait_for(30, sub { $known->() == $agents }), "$agents agents";
        kill TERM => $process->{pid};
        is((finish($process, 30))[0], 0, 'and ends in order');
    }
    chomp(my $line = block('docs/mesos-local.md sh', '--ready-fd 3'));
    my $process = bash("$line$more");
    my $ready = "$folder/ready.json";
    ok wait_for(30, sub { -s $ready }), '--ready-fd: a file';
    my $told = eval { decode_json(slurp($ready)) } || {};
    is_deeply [grep { !defined $told->{$_} } qw(address host port url pid master masters leader agents_url agents work_dir version)], [], 'with all that the table says';
    kill TERM => $told->{pid} || $process->{pid};
    finish($process, 30);

SKIP: {
        my $curl = replaced(block('docs/mesos-local.md sh', 'curl -N'), '127.0.0.1:5050', $cluster->address);
        skip 'no curl here', 1 if system 'curl --version >/dev/null 2>&1';
        my $stream = bash("exec $curl");
        ok wait_for(30, sub { Test::Examples::said($stream, 'out') =~ /\A\d+\n\{.*"SUBSCRIBED"/s }), 'curl subscribes' or diag Test::Examples::said($stream, 'err');
        kill TERM => $stream->{pid};
        finish($stream, 30);
    }
}

my @left = map { my $of = $_; map {"$of: $_->{code}"} grep { !$_->{used} } @{$blocks{$of}} } sort keys %blocks;
my %tested = map { ($_ => 1) } 'README.md', map {"docs/$_.md"} qw(cookbook faq migration testing tutorial);
is_deeply [grep { !$tested{$_} && slurp($_) =~ /^```perl$/m } 'README.md', glob 'docs/*.md'], [], 'no document with programs was left out';
is_deeply \@left, [], 'no block of code was left out' unless grep { !$_ } $has_bash, $cluster;

done_testing;
