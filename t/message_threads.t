# Every thread has its own interpreter, and its own state of the codec.

use 5.10.1;
use strict;
use warnings;
use Config;
BEGIN {
    if (!$Config{useithreads}) {
        print "1..0 # SKIP this Perl has no threads\n";
        exit 0;
    }
}
use threads;
use Test::More;
use Mesos::Messages;

my $status = {task_id => {value => 't'}, state => Mesos::TaskState::TASK_RUNNING(), message => 'm', labels => {labels => [{key => 'k'}]}};
my $bytes = Mesos::TaskStatus->encode($status);
my $before = Mesos::TaskStatus->decode($bytes);
my $fields = Mesos::TaskStatus->_pb_fields_list;

sub work {
    for (1 .. 200) {
        my $decoded = Mesos::TaskStatus->decode($bytes);
        return 'class' unless ref $decoded eq 'Mesos::TaskStatus' && ref $decoded->{task_id} eq 'Mesos::TaskID';
        return 'bytes' unless $decoded->encode eq $bytes && $before->encode eq $bytes;
        return 'accessor' unless $decoded->message eq 'm' && !defined $decoded->reason;
        return 'error' if eval { Mesos::TaskStatus->encode({}) } || $@ !~ /^Mesos::TaskStatus\.task_id: required field is missing at /;
        return 'fields' unless Mesos::TaskStatus->_pb_fields_list->[0][2] eq 'task_id';
        return 'default' unless Mesos::CommandInfo->new->shell == 1;
    }
    my $nested = threads->create(sub { Mesos::TaskStatus->decode($bytes)->{message} })->join;
    return $nested eq 'm' ? 'well' : 'nested';
}

for my $round (1 .. 3) {
    my @threads = map { threads->create(\&work) } 1 .. 4;
    is(work(), 'well', "round $round: the parent");
    is($_->join, 'well', "round $round: a child") for @threads;
}
is(Mesos::TaskStatus->_pb_fields_list, $fields, "the parent's tables are the same as before");
is(Mesos::TaskStatus->decode($bytes)->encode, $bytes, 'and it still works');

done_testing;
