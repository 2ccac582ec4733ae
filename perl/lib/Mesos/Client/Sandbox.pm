package Mesos::Client::Sandbox;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Client::Base qw(described);
use Mesos::Client::Promises ();

$Carp::Internal{+__PACKAGE__}++;

sub _of {
    my ($class, $client, $task) = @_;
    my $agent = $client->agent($task->{agent_id});
    my $id = $task->{task_id}{value};
    my $executor = ($task->{executor_id} || {})->{value};
    my $is_own = !defined $executor || !length $executor;
    my $path = "/frameworks/$task->{framework_id}{value}/executors/" . ($is_own ? $id : $executor) . '/runs/latest';
    # Tasks of a group have sandboxes of their own in that of Mesos' default executor.
    if (!$is_own) {
        my ($info) = grep { $_->{executor_id}{value} eq $executor && ($_->{framework_id} || {})->{value} eq $task->{framework_id}{value} }
            map { $_->{executor_info} } @{$agent->executors(all => 1)};
        $path .= "/tasks/$id" if $info && ($info->{type} || '') eq 'DEFAULT';
    }
    return bless {agent => $agent, path => $path, task => $task, async => $client->{async}}, $class;
}

sub agent { return $_[0]{agent} }
sub path { return $_[0]{path} }
sub task { return $_[0]{task} }

sub _below {
    my ($self, $method, $name) = @_;
    croak "$method: expected a path in the sandbox, got " . described($name) if !defined $name || ref $name || !length $name;
    croak "$method: expected a path in the sandbox, got \"$name\"" if grep { $_ eq '..' } split m{/}, $name;
    $name =~ s{\A/+}{};
    return "$self->{path}/$name";
}

# Names in the sandbox instead of the agent's paths.
sub list {
    my ($self, $folder) = @_;
    my $path = defined $folder && length $folder ? $self->_below('list', $folder) : $self->{path};
    $path =~ s{/+\z}{};
    my $files = $self->{agent}->list_files($path);
    my $before = length($self->{path}) + 1;
    return [map { +{%$_, path => substr($_->{path}, $before)} } @$files];
}

sub read_file {
    my ($self, $name, @options) = @_;
    return $self->{agent}->read_file($self->_below('read_file', $name), @options);
}

sub follow_file {
    my ($self, $name, $receiver, @options) = @_;
    return $self->{agent}->follow_file($self->_below('follow_file', $name), $receiver, @options);
}

Mesos::Client::Promises->install(__PACKAGE__, qw(follow_file list read_file));

1;
__END__

=head1 NAME

Mesos::Client::Sandbox - the files of a task

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    my $sandbox = $client->sandbox('task-1');
    print "$_->{path}: $_->{size} bytes\n" for @{ $sandbox->list };
    print $sandbox->read_file('stdout');

=head1 DESCRIPTION

A sandbox is the directory that an agent makes for a task. The output of a command is there in the files C<stdout> and C<stderr>. It stays
for some days after the task has ended, unless the agent needs the space. You get an object from L<Mesos::Client/sandbox>.

Each method has a second one with C<_p> at the end of its name, which returns a promise: see L<Mesos::Client/PROMISES>.

Tasks of one executor share its sandbox, except those of task groups, which have one each.

=head1 METHODS

=head2 list

    my $files = $sandbox->list;
    my $files = $sandbox->list($folder);

The files, an array reference of hash references: see L<Mesos::Client::Base/list_files>. C<path> is relative to the sandbox.

=head2 read_file

    my $bytes = $sandbox->read_file($name);
    my $bytes = $sandbox->read_file($name, offset => 1000, length => 500);

See L<Mesos::Client::Base/read_file>. A file that is not there is an error with the status 404.

=head2 follow_file

    $sandbox->follow_file('stdout', sub { print $_[0] }, until => sub { ... });

See L<Mesos::Client::Base/follow_file>.

=head2 task

The task, a hash reference, as the master knew it.

=head2 agent

The L<Mesos::Client::Agent> that has it.

=head2 path

The path of the sandbox in the agent's files.

=cut
