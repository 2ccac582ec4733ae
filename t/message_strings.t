# Strings that come again and again are one string of Perl's, shared as keys of hashes are: nothing of that may be seen.

use 5.10.1;
use strict;
use warnings;
use Mesos::Messages;
use Test::More;

# xt/asan.bash sees what else could be wrong with it.
is(Mesos::TaskID->encode({value => ''}), "\x0a\0", 'the first string of all may be empty');

my $bytes = Mesos::TaskStatus->encode({
        task_id => {value => 't'}, state => 1, message => 'the same', data => "\xe9\0\xff", slave_id => {value => ''},
});
my @same = map { Mesos::TaskStatus->decode($bytes) } 1 .. 6;
$same[1]{message} .= ' no more';
substr $same[2]{message}, 0, 3, 'not quite the';
$same[3]{message} =~ s/same/other/;
$same[4]{message} = undef;
utf8::upgrade($same[1]{data});
chop $same[2]{data};
$same[3]{slave_id}{value} .= 'x';
is_deeply [map { $_->{message} } @same], ['the same', 'the same no more', 'not quite the same', 'the other', undef, 'the same'],
    'each changes for itself';
is_deeply [map { $_->{data} } @same], ["\xe9\0\xff", "\xe9\0\xff", "\xe9\0", ("\xe9\0\xff") x 3];
is_deeply [map { $_->{slave_id}{value} } @same], ['', '', '', 'x', '', ''];
ok !utf8::is_utf8($same[5]{data}), 'and stays bytes';
is(Mesos::TaskStatus->decode($bytes)->encode, $bytes, 'the next are as the first');

# More strings than are remembered, of the same and of other lengths, and such as differ in the middle only.
my @values = map { my $n = $_; map { $_ . $n . $_ } 'a', 'aaaaaaaaaa', 'b' x 40 } 1 .. 2000;
for (1 .. 3) {
    my $wrong = grep { Mesos::TaskID->decode(Mesos::TaskID->encode({value => $_}))->{value} ne $_ } @values;
    is $wrong, 0, 'many strings come out as they went in';
}

done_testing;
