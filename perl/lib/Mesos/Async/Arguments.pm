package Mesos::Async::Arguments;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use Mesos::Arguments ();
use Mesos::Warnings ();
use Scalar::Util qw(blessed looks_like_number reftype);

our @EXPORT_OK = qw(check_hash id_in options_of task_info);
$Carp::Internal{+__PACKAGE__} = 1;

# The named arguments of a method. What is misspelt is told: a promise that is not looked at would tell nobody.
sub options_of {
    my ($method, $given, @known) = @_;
    Mesos::Warnings::warn_user("$method: expected pairs of a name and a value after the arguments, got an odd number", $method), return if @$given % 2;
    my %options = @$given;
    Mesos::Warnings::warn_unknown("$method: unknown argument", \%options, @known);
    Mesos::Arguments::_throw("$method: on_state: expected a code reference, got " . Mesos::Arguments::_describe($options{on_state}))
        if defined $options{on_state} && (reftype($options{on_state}) || '') ne 'CODE';
    Mesos::Arguments::_throw("$method: timeout: expected a number of seconds, got " . Mesos::Arguments::_describe($options{timeout}))
        if defined $options{timeout} && !(looks_like_number($options{timeout}) && $options{timeout} >= 0);
    return %options;
}

sub check_hash {
    my ($what, $value, $class) = @_;
    return if (reftype($value) || '') eq 'HASH';
    Mesos::Arguments::_throw("$what: expected $class or a hash reference, got " . Mesos::Arguments::_describe($value));
}

# The text in the id of a message, if it has one.
sub id_in {
    my ($what, $name, $message) = @_;
    my $id = $message->{$name};
    return $id->{value} if !defined $id || (reftype($id) || '') eq 'HASH';
    Mesos::Arguments::_throw("$what: $name: expected a hash reference with the key value, got " . Mesos::Arguments::_describe($id));
    return;
}

# What a task may ask for by a number.
my @AMOUNTS = qw(cpus mem disk gpus);

# A task as Mesos::Runner and Mesos::Offers take it: its command as text or as a list, and what it needs as numbers, or as anything that is
# resources, to be taken out of the offers. Returns the Mesos::TaskInfo, and what the offers do not have.
sub task_info {
    my ($offers, $task) = @_;
    return {%$task} if blessed $task;
    my %info = %$task;
    $info{command} = _command_info($info{command}) if defined $info{command} && (!ref $info{command} || reftype($info{command}) eq 'ARRAY');
    my @asked = grep { defined $info{$_} } @AMOUNTS;
    for my $name (@asked) {
        my $wrong = Mesos::Arguments::not_an_amount($info{$name});
        Mesos::Arguments::_throw("launch_p: task: $name: $wrong") if defined $wrong;
    }
    my $name = @asked ? $asked[0] : 'resources';
    Mesos::Arguments::_throw("launch_p: task: expected either resources or $name and the like, got both") if @asked && defined $info{resources};
    my $wanted = @asked ? {map { ($_ => $info{$_}) } @asked} : $info{resources};
    delete @info{@AMOUNTS};
    return \%info if !defined $wanted || (reftype($wanted) || '') eq 'ARRAY';
    for my $offer (@$offers) {
        next if (reftype($offer) || '') eq 'HASH' && $offer->{id};
        Mesos::Arguments::_throw("launch_p: task: $name: expected a whole offer (Mesos::Offer) to take it of, got " . Mesos::Arguments::_describe($offer));
    }
    require Mesos::Resources;
    my ($there, $needed) = map { _resources($_) } $offers, $wanted;
    my $taken = $there->take($needed);
    return (\%info, "it needs $needed, but what is offered is " . ("$there" || 'nothing')) unless defined $taken;
    $info{resources} = $taken->list;
    return \%info;
}

sub _resources {
    my ($of) = @_;
    my $resources = eval { Mesos::Resources->new($of) };
    return $resources if defined $resources;
    (my $why = $@) =~ s/ at \S+ line \d+\.?\n\z//;
    Mesos::Arguments::_throw("launch_p: task: resources: $why");
    return;
}

sub _command_info {
    my ($command) = @_;
    return {value => $command} unless ref $command;
    Mesos::Arguments::_throw('launch_p: task: command: expected a program and its arguments, got ' . (@$command ? 'something else among them' : 'an empty list'))
        if !@$command || grep { !defined || ref } @$command;
    return {shell => 0, value => $command->[0], arguments => [@$command]};
}

1;
__END__

=head1 NAME

Mesos::Async::Arguments - looks at the arguments of Mesos::Async

=head1 SYNOPSIS

    use Mesos::Async::Arguments qw(check_hash id_in options_of);

    sub launch_p {
        my ($self, $task, @options) = @_;
        check_hash('launch_p: task', $task, 'Mesos::TaskInfo');
        my $id = id_in('launch_p: task', task_id => $task);
        my %options = options_of('launch_p', \@options, qw(filters));
        return ($id, \%options);
    }

=head1 DESCRIPTION

Internal to L<Mesos::Async>. What is wrong dies at the line of the user's call.

=head1 FUNCTIONS

=head2 check_hash

    check_hash($what, $value, $class);

Dies unless the value is a hash reference, or an object that is one.

=head2 id_in

    my $id = id_in($what, $name, $message);

Returns the text of an id in a message, or undef if there is none.

=head2 options_of

    my %options = options_of($method, \@given, @known);

Returns named arguments. You get a warning of those that are not known.

=head2 task_info

    my ($task_info, $missing) = task_info(\@offers, $task);

Returns a C<Mesos::TaskInfo> of a task as C<launch_p> takes it, and what the offers lack for it, or undef.

=cut
