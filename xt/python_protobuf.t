# Our codec beside Google's own library, from PyPI: it reads what we write, and we read what it writes.
#
# MESOS_TEST_MESSAGES=n: how many random messages of each class (20). MESOS_TEST_SEED=n: where the generator starts (1).
# The library is installed into target/python-protobuf, once.

use 5.10.1;
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Path qw(mkpath);
use Mesos::Messages;
use Mesos::Test::Random;

my $home = ($ENV{CARGO_TARGET_DIR} || 'target') . '/python-protobuf';
my $python = "$home/bin/python";
my $proto = "$home/mesos.descriptors";
my $each = $ENV{MESOS_TEST_MESSAGES} || 20;
my $random = Mesos::Test::Random->new($ENV{MESOS_TEST_SEED} || 1);

sub succeeds { return system(@_) == 0 }

plan skip_all => 'SKIP: no python3' unless succeeds('python3 --version >/dev/null 2>&1');
plan skip_all => 'SKIP: no protoc (Debian: protobuf-compiler)' unless succeeds('protoc --version >/dev/null 2>&1');
mkpath($home);
my $there = "$python -c 'import google.protobuf.message_factory as m; m.GetMessageClass' >$home/log 2>&1";
if (!succeeds($there)) {
    succeeds("python3 -m venv $home >$home/log 2>&1 && $python -m pip install -q 'protobuf>=5' >>$home/log 2>&1 && $there")
        or plan skip_all => "SKIP: PyPI's protobuf cannot be installed, see $home/log";
}
succeeds("protoc -I proto --include_imports --descriptor_set_out=$proto proto/*.proto") or die "protoc does not read our proto files\n";

sub proto_name {
    my ($class) = @_;
    return 'mesos.compat.HealthCheckHTTP' if $class eq 'Mesos::HealthCheck::HTTP';
    $class =~ s/^Mesos::(Scheduler|Executor)::/'Mesos::' . lc($1) . '::'/e;
    $class =~ s/^Mesos::/mesos::/;
    return join '.', split /::/, $class;
}

sub is_entry { return $_[0] =~ /Entry\z/ && join(' ', map { $_->[2] } @{$_[0]->_pb_fields_list}) eq 'key value' }

# What Google's library would not give back as it is: strings that are not UTF-8, two members of a oneof.
sub made_regular {
    my ($class, $message) = @_;
    if ($class->can('_pb_oneofs')) {
        for my $members (values %{$class->_pb_oneofs}) {
            my (undef, @others) = grep { exists $message->{$_} } @$members;
            delete @$message{@others};
        }
    }
    for my $field (@{$class->_pb_fields_list}) {
        my (undef, $type, $name) = @$field;
        next unless exists $message->{$name};
        for my $value (ref $message->{$name} eq 'ARRAY' ? @{$message->{$name}} : $message->{$name}) {
            if (ref $value) { made_regular($type, $value) }
            elsif ($type eq 9 && !utf8::is_utf8($value)) { my $copy = $value; utf8::upgrade($value) unless utf8::decode($copy) }
        }
    }
    return $message;
}

# The same text as xt/python_protobuf.py makes.
sub text_of {
    my ($class, $message) = @_;
    my %fields = map { ($_->[2] => $_) } @{$class->_pb_fields_list};
    my @shown;
    for my $name (sort keys %$message) {
        my ($label, $type) = @{$fields{$name}};
        my $value = $message->{$name};
        if ($label != 3) { push @shown, "$name=" . value_text($type, $value); next }
        # An empty list is not on the wire. Of equal keys of a map, the last one counts.
        my @items = map { value_text($type, $_) } @$value;
        if ($type =~ /\D/ && is_entry($type)) {
            my %by_key = map { ($value->[$_]{key} => $items[$_]) } 0 .. $#items;
            @items = sort values %by_key;
        }
        push @shown, "$name=[" . join(',', @items) . ']' if @items;
    }
    return '{' . join(',', @shown) . '}';
}

sub value_text {
    my ($type, $value) = @_;
    return unpack 'H*', $value if $type eq 9 || $type eq 12;
    return unpack 'H*', pack 'd>', $value if $type eq 1 || $type eq 2;
    return "$value" if $type =~ /^\d+$/ || $type->_pb_complex_type_kind == 3;
    return text_of($type, $value) unless is_entry($type);
    return '{key=' . unpack('H*', $value->{key}) . ',value=' . value_text($type->_pb_fields_by_name->{value}[1], $value->{value}) . '}';
}

# Entries of maps as their library has them: with key and value.
sub completed {
    my ($class, $message) = @_;
    for my $field (@{$class->_pb_fields_list}) {
        my ($label, $type, $name) = @$field;
        next if $type =~ /^\d+$/ || $type->_pb_complex_type_kind == 3 || !exists $message->{$name};
        for my $value ($label == 3 ? @{$message->{$name}} : $message->{$name}) {
            if (is_entry($type)) {
                $value->{key} = '' unless defined $value->{key};
                my $of = $type->_pb_fields_by_name->{value}[1];
                $value->{value} = $of =~ /^\d+$/ ? '' : bless({}, $of) unless defined $value->{value};
            }
            completed($type, $value);
        }
    }
    return $message;
}

# Entries are no messages of their own there; they are in the messages that have the maps.
my @classes = grep { !is_entry($_) } Mesos::Messages::classes();
my @messages;
for my $class (@classes) {
    push @messages, map { [$class, $class->encode(made_regular($class, $random->message($class, complete => 1)))] } 1 .. $each;
}
open my $in, '>', "$home/in" or die "$home/in: $!";
print {$in} proto_name($_->[0]), ' ', unpack('H*', $_->[1]), "\n" for @messages;
close $in or die "$home/in: $!";
ok(succeeds("$python xt/python_protobuf.py $proto <$home/in >$home/out 2>$home/log"), 'their library reads all that we write')
    or diag(do { open my $log, '<', "$home/log" or die $!; local $/; <$log> });
open my $out, '<', "$home/out" or die "$home/out: $!";
chomp(my @answers = <$out>);
is(scalar @answers, scalar @messages, 'an answer for each');

my %wrong;
for my $i (0 .. $#answers) {
    my ($class, $bytes) = @{$messages[$i]};
    my ($theirs, $text) = split / /, $answers[$i];
    my $ours = text_of($class, completed($class, $class->decode($bytes)));
    my $again = text_of($class, completed($class, $class->decode(pack 'H*', $theirs)));
    $wrong{$class} ||= "they read $text,\nwe read $ours" if $text ne $ours;
    $wrong{$class} ||= "they wrote $text,\nwe read $again" if $text ne $again;
}
for my $class (@classes) {
    ok(!$wrong{$class}, "$class: $each messages") or diag $wrong{$class};
}
cmp_ok(scalar(grep { length $_->[1] > 20 } @messages), '>', @messages / 4, 'many messages are not empty');

done_testing;
