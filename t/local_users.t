# Root's programs on the embedded cluster: whose rights tasks have, whatever the program does with its own.
use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Mesos::XS;
use POSIX ();
use Test::Framework;
use Test::Mesos qw(command driver_for);
use Test::More;

plan skip_all => 'only root may be other users' if $> != 0;
my (undef, undef, $uid, $gid) = getpwnam 'nobody' or plan skip_all => 'there is no user "nobody"';

# Where nobody may go, also if he may not where this is installed.
my $scratch = tempdir(CLEANUP => 1);
chmod 0755, $scratch;
my $helper = "$scratch/helper";
my %copies = (Mesos::XS::helper_path() => $helper, Mesos::XS::_beside('libmesos_perl.so') => "$scratch/libmesos_perl.so");
for my $from (keys %copies) {
    copy($from, $copies{$from}) or die "cannot copy $from: $!";
    chmod 0755, $copies{$from};
}
{ no warnings 'redefine'; *Mesos::XS::helper_path = sub {$helper} }

# Nobody may not read what is below a private directory, as that of an unpacked archive may be: all that is needed is loaded before.
# (A perl that meets such a directory in @INC dies, though the module may be in the next one.)
driver_for('127.0.0.1:1', Test::Framework->new, framework => {user => 'nobody', name => 'users'});

# What the last update of a task of nobody's says. Run in a process of its own, which `before` and `after` change: before the driver is
# made, and after that.
sub story {
    my ($command, $work_dir, %do) = @_;
    pipe my $from, my $to or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        eval {
            local $ENV{MESOS_WORK_DIR} = $work_dir;
            delete $ENV{MESOS_WORK_DIR} unless defined $work_dir;
            $do{before}->() if $do{before};
            @INC = grep { ref || -x } @INC;
            my $scheduler = Test::Framework->new(tasks => [command('t', $command, user => 'nobody')]);
            my $driver = driver_for('local', $scheduler, framework => {user => 'nobody', name => 'users'});
            $do{after}->() if $do{after};
            $driver->run;
            my $status = $scheduler->last_status->{t};
            print {$to} Mesos::TaskState->name_of($status->{state}), ' ', $status->{message};
            1;
        } or print {$to} "died: $@";
        close $to;
        POSIX::_exit(0);
    }
    close $to;
    my $story = do { local $/; <$from> };
    waitpid $pid, 0;
    return $story;
}

sub nobodys_directory {
    my $directory = tempdir(DIR => $scratch);
    chown $uid, $gid, $directory or die "chown: $!";
    return $directory;
}

for my $umask (0, 077) {
    my $name = sprintf 'umask %03o', $umask;
    my $before = sub { umask $umask };
    is story('touch here', undef, before => $before), 'TASK_FINISHED Command exited with status 0', "$name: in a private directory";
    my $work_dir = "$scratch/$umask/work";
    is story('touch here', $work_dir, before => $before), 'TASK_FINISHED Command exited with status 0', "$name: in a given one";
    my @open = grep { (lstat)[2] & 022 && !-l } split /\n/, `find $scratch/$umask -type d`;
    is_deeply \@open, [], 'nobody else may write to it';
}

my $become = sub { POSIX::setgid($gid); POSIX::setuid($uid) };
like story('true', nobodys_directory(), after => $become), qr/\ATASK_LOST .*'root', and this process has become 'nobody' since/,
    'who gives up his rights when the helper has them runs nothing';
my $become_for_now = sub { $) = "$gid $gid"; $> = $uid };
like story('true', nobodys_directory(), after => $become_for_now), qr/\ATASK_LOST .*has become 'nobody'/, 'nor if only for now';

my $return = qq{$^X -e '\$> = 0; exit(\$> == 0)'};
is story($return, nobodys_directory(), before => $become), 'TASK_FINISHED Command exited with status 0', 'before that he does';
is story($return, nobodys_directory(), before => $become_for_now), 'TASK_FINISHED Command exited with status 0',
    'a task does not go back to the real user';

# Who is not root cannot look into a directory of his own that is closed to him, and removes it nevertheless.
{
    my $temporary = nobodys_directory();
    local $ENV{TMPDIR} = $temporary;
    is story('mkdir -p closed/below && touch closed/below/file && chmod 000 closed/below && chmod 000 closed', undef, before => $become),
        'TASK_FINISHED Command exited with status 0', 'a task closes a directory';
    is_deeply [glob "$temporary/*"], [], 'nothing of it is left';
}

# A task's child can become root (sudo): nobody may not kill it. The helper ends nevertheless, also while that one has a child
# that has ended and is not waited for: nobody may signal such a child, again and again, and nothing comes of it.
SKIP: {
    my $rootly = "$scratch/rootly";
    copy($^X, $rootly) or die "cannot copy perl: $!";
    chmod 04755, $rootly;
    my $directory = nobodys_directory();
    my $child = "$rootly -MPOSIX -e '\$< = \$>; exit if \$<; fork or setuid($uid), _exit(0); "
        . "open my \$to, q(>), q($scratch/becomes); print {\$to} \$\$; close \$to; rename q($scratch/becomes), q($scratch/is); sleep 1000'";
    my $task = "$child & while [ ! -e $scratch/is ]; do kill -0 \$! || exit 3; sleep 0.01; done";
    my $story = story($task, $directory, before => $become);
    skip 'a copy of perl does not become root', 1 if $story =~ /status 3/;
    is $story, 'TASK_FINISHED Command exited with status 0', 'a child that is root';
    open my $in, '<', "$scratch/is" or die "cannot open $scratch/is: $!";
    my $pid = <$in>;
    ok kill(0 => $pid), 'it lives';
    my @helpers = map {m{(\d+)}} grep { (readlink || '') eq $helper } glob '/proc/[0-9]*/exe';
    is_deeply \@helpers, [], 'and the helper has ended';
    kill KILL => $pid;
}

done_testing;
