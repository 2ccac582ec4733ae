use strict;
use warnings FATAL => 'all';
use File::Temp qw(tempdir);
use lib 't/lib';
use Test::Files qw(output_of perl_command);
use Test::More;
use Mesos qw(trace);

is_deeply \@Mesos::_log_levels, [qw(QUIET ERROR WARNING INFO)];

# level, directory => MESOS_quiet, MESOS_logging_level, MESOS_log_dir ('kept': as it was before)
for my $case (
    [[], 1, 'kept', 'kept'],
    [['QUIET'], 1, 'kept', 'kept'],
    [['0'], 1, 'kept', 'kept'],
    [['-4'], 1, 'kept', 'kept'],
    [['QUIET', '/d'], 1, 'kept', 'kept'],
    [[''], 1, 'kept', 'kept'],
    [['1'], 0, 'ERROR', undef],
    [['1.9'], 0, 'ERROR', undef],
    [['ERROR'], 0, 'ERROR', undef],
    [['2'], 0, 'WARNING', undef],
    [['-2'], 0, 'WARNING', undef],
    [['WARNING', ''], 0, 'WARNING', undef],
    [['3'], 0, 'INFO', undef],
    [['4'], 0, 'INFO', undef],
    [['99'], 0, 'INFO', undef],
    [['-1'], 0, 'INFO', undef],
    [['inf'], 0, 'INFO', undef],
    [['nan'], 1, 'kept', 'kept'],
    [['-inf'], 1, 'kept', 'kept'],
    [['-5'], 1, 'kept', 'kept'],
    [['WARNING', undef], 0, 'WARNING', undef],
    [['0', '/d'], 1, 'kept', 'kept'],
    [[' 3'], 0, 'INFO', undef],
    [['03'], 0, 'INFO', undef],
    [['1e1'], 0, 'INFO', undef],
    [['INFO', '0'], 0, 'INFO', undef],
    [['INFO', '/tmp/x'], 1, 'INFO', '/tmp/x'],
    [['info'], 0, 'info', undef],
    [['3x'], 0, '3x', undef],
) {
    my ($args, @expected) = @$case;
    local @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)} = ('kept') x 3;
    is_deeply [trace(@$args)], [], 'returns nothing';
    is_deeply [@ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)}], \@expected, 'trace(' . join(', ', map { $_ // 'undef' } @$args) . ')';
}

# What PERL_MESOS_TRACE makes of the three variables when the module is loaded; '-': unset.
for my $case (
    [undef, '1,a,b'], ['QUIET', '1,a,b'], ['0', '1,a,b'], ['nan', '1,a,b'], ['QUIET=/d', '1,a,b'], ['0=/d', '1,a,b'],
    ['1', '0,ERROR,-'], ['ERROR', '0,ERROR,-'], ['-2', '0,WARNING,-'], ['WARNING=', '0,WARNING,-'], ['inf', '0,INFO,-'],
    ['INFO=0', '0,INFO,-'], ['INFO=/tmp/x', '1,INFO,/tmp/x'],
    # Mesos 1.07.1 lost the second part.
    ['INFO=/a=b', '1,INFO,/a=b'],
) {
    my ($given, $expected) = @$case;
    local @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)} = qw(q a b);
    local $ENV{PERL_MESOS_TRACE} = $given;
    delete $ENV{PERL_MESOS_TRACE} unless defined $given;
    open my $out, '-|', $^X, (map {"-I$_"} grep { !ref } @INC), '-MMesos::XS', '-e',
        'print join ",", map { $_ // "-" } @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)}' or die $!;
    is scalar(readline $out), $expected, 'PERL_MESOS_TRACE ' . ($given // 'unset');
}

# A directory without a level gets no log, and that is told.
{
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    local @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)} = ('kept') x 3;
    trace('', '/d'); my $line = __LINE__;
    is_deeply \@warnings,
        ["trace: no level for /d: nothing is logged there. Levels are QUIET, ERROR, WARNING and INFO at $0 line $line.\n"],
        'a directory without a level';
    @warnings = ();
    trace('', '');
    trace(undef);
    is_deeply \@warnings, [], 'nothing at all is no mistake';
    local $ENV{PERL_MESOS_TRACE} = '=/d';
    my $said = qx{$^X @{[map {"'-I$_'"} grep { !ref } @INC]} -MMesos::SchedulerDriver -e 1 2>&1};
    is $said, "PERL_MESOS_TRACE: expected LEVEL=DIRECTORY, got =/d: nothing is logged there. "
        . "Levels are QUIET, ERROR, WARNING and INFO\n", 'nor in the environment';
}

# What a program with PERL_MESOS_TRACE set to $_[0] prints to stderr: it makes and starts a driver without a master.
sub traced {
    my ($trace, $code) = @_;
    local $ENV{PERL_MESOS_TRACE} = $trace;
    delete local $ENV{PERL_MESOS_TRACE} unless defined $trace;
    delete local @ENV{qw(MESOS_quiet MESOS_logging_level MESOS_log_dir)};
    $code ||= 'Mesos::SchedulerDriver->new(master => "127.0.0.1:1", framework => {user => "", name => "traced/by test"},
        scheduler => Mesos::Scheduler->new, master_timeout => 0.3, driver => "native")->run';
    return (output_of(perl_command('-MMesos::SchedulerDriver', '-MMesos::Scheduler', '-e', $code)))[0];
}

my $failed = qr/\AMesos: the driver of this framework has failed: no master at 127\.0\.0\.1:1 for 0\.3 s: .*\n\z/;
like traced(undef), $failed, 'by default nothing but the end by an error';
is traced('QUIET'), '';
is traced('0'), '';
like traced(''), $failed;
is traced('-4'), '';
is traced('nan'), '';
my $line = qr/^[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.rs:\d+\] .+$/m;
like traced('INFO'), $line, 'lines in glog\'s format on stderr';
like traced('3'), $line;
like traced('WARNING'), qr/^W\d{4}/m;
unlike traced('WARNING'), qr/^I\d{4}/m, 'only what is as bad as that';
like traced('loud'), qr/expected QUIET, ERROR, WARNING or INFO, got "loud" at -e line 1/, 'an error, at the line that makes the driver';

{
    local $ENV{LIBPROCESS_SSL_VERIFY_SERVER_CERT} = 0;
    my $code = 'no warnings "Mesos"; Mesos::SchedulerDriver->new(master => "https://127.0.0.1:1", framework => {user => "", name => "traced"},
        scheduler => Mesos::Scheduler->new, driver => "native")';
    my $warning = qr/LIBPROCESS_SSL_VERIFY_SERVER_CERT=0: certificates are not verified/;
    like traced(undef, $code), qr/\AMesos: $warning.*\n\z/, 'servers that are not verified: a warning by default';
    is traced('QUIET', $code), '', 'not if silence was asked for';
    like traced('WARNING', $code), qr/\AW\d{4}.*\] $warning.*\n\z/, 'in the log, once';
}

subtest 'files' => sub {
    my $dir = tempdir(CLEANUP => 1) . '/new/log';
    like traced("WARNING=$dir"), $failed, 'no line of the log on stderr';
    opendir my $handle, $dir or return fail "no directory: $!";
    my @names = sort grep { !/\A\./ } readdir $handle;
    my ($file) = grep {/\Aby test\.[^.]+.*\.log\.WARNING\.\d{8}-\d{6}\.\d+\z/} @names;
    ok $file, 'named after the framework, as glog does' or diag explain \@names;
    is readlink "$dir/by test.WARNING", $file, 'and a link to it';
    open my $log, '<', "$dir/$file" or die $!;
    local $/;
    my $text = readline $log;
    like $text, qr/\ALog file created at: .*\nRunning on machine: .*\nLog line format: .*\n/;
    like $text, qr/WARNING level logging started!/;
    like $text, qr/^W\d{4}.*127\.0\.0\.1:1/m, 'names the master';
};

done_testing;
