# A class that somebody has made before stays as it is, and the other messages still hold objects of it.

use 5.10.1;
use strict;
use warnings;
use Test::More;

BEGIN {
    package Mesos::Label;
    sub _pb_fields_list { return ['mine'] }
    sub key { return 'my accessor' }

    package Mesos::TaskState;
    sub _pb_fields_list { return ['mine'] }
}
use Mesos::Messages;

is_deeply(Mesos::Label->_pb_fields_list, ['mine'], 'the message');
ok(!Mesos::Label->can('encode'), 'nothing was added to it');
is_deeply(Mesos::TaskState->_pb_fields_list, ['mine'], 'the enum');
ok(!Mesos::TaskState->can('TASK_RUNNING'), 'nothing was added to it');

my $labels = Mesos::Labels->decode(Mesos::Labels->encode({labels => [{key => 'k'}]}));
is(ref $labels->labels->[0], 'Mesos::Label', 'decoded inside another message');
is($labels->labels->[0]->key, 'my accessor');

done_testing;
