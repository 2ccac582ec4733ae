package Mesos::Runner::Sandbox;
use 5.10.1;
use strict;
use warnings;
use Fcntl qw(O_NOFOLLOW O_NONBLOCK O_RDONLY SEEK_SET);
use Scalar::Util qw(blessed);

# Each read of a local file gets at most this much, as from an agent.
use constant CHUNK => 65_536;

sub new {
    my ($class, %options) = @_;
    return bless {%options}, $class;
}

# Some bytes of a sandbox's file from a position on, '' at its end, undef if there is no such file. Dies with the reason if it cannot
# be read.
sub get {
    my ($self, $task, $file, $offset) = @_;
    my $executor = (($task->status || {})->{executor_id} || {})->{value};
    $executor = $task->mesos_id unless defined $executor && length $executor;
    my $path = "/frameworks/$self->{framework_id}/executors/$executor/runs/latest/$file";
    return defined $self->{work_dir} ? $self->_local($task, $path, $offset) : $self->_remote($task, $path, $offset);
}

# A task owns its sandbox: what it puts there in the place of a file is neither followed nor waited for.
sub _local {
    my ($self, $task, $path, $offset) = @_;
    my $whole = "$self->{work_dir}/slaves/" . $task->slave_id . $path;
    my $in;
    if (!sysopen $in, $whole, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) {
        return if $!{ENOENT};
        die "cannot open $whole: $!\n";
    }
    die "$whole is not a file\n" unless -f $in;
    sysseek $in, $offset, SEEK_SET or die "cannot read $whole: $!\n";
    defined sysread $in, my $bytes, CHUNK or die "cannot read $whole: $!\n";
    return $bytes;
}

sub _remote {
    my ($self, $task, $path, $offset) = @_;
    require Mesos::Client::Agent;
    my $at = $task->agent or die "the agent's address is not known\n";
    my $host = $at->{host} =~ /:/ ? "[$at->{host}]" : $at->{host};
    my $url = "$at->{scheme}://$host:$at->{port}" . ($at->{path} || '');
    my $agent = $self->{agents}{$url} ||= Mesos::Client::Agent->new(url => $url, timeout => 5, credential => $self->{credential});
    my $bytes = eval { $agent->_read_some($path, $offset) };
    return $bytes if defined $bytes;
    my $error = $@;
    return if blessed $error && $error->isa('Mesos::Client::Error') && ($error->status || 0) == 404;
    die blessed $error && $error->isa('Mesos::Client::Error') ? $error->summary . "\n" : $error;
}

1;
__END__

=head1 NAME

Mesos::Runner::Sandbox - reads files of tasks' sandboxes

=head1 SYNOPSIS

    use Mesos::Runner::Sandbox;

    my $sandbox = Mesos::Runner::Sandbox->new(framework_id => 'framework', work_dir => '/var/lib/mesos');
    my $get_all = sub {
        my ($task) = @_;
        my $all = '';
        while (length(my $bytes = $sandbox->get($task, 'stdout', length $all) // '')) { $all .= $bytes }
        return $all;
    };

=head1 DESCRIPTION

Internal to L<Mesos::Runner>. On C<local> it reads files, on a real cluster it asks the agent as L<Mesos::Client::Agent>
does, with the same variables for TLS. That blocks for at most some seconds.

=head1 METHODS

=head2 new

    my $sandbox = Mesos::Runner::Sandbox->new(framework_id => $id, work_dir => $directory, credential => \%credential);

C<work_dir> is the directory of an agent on this machine. Without it, agents are asked, with C<credential> if there is one.

=head2 get

    my $bytes = $sandbox->get($task, $file, $offset);

Some bytes of a file in the sandbox of a L<Mesos::Runner::Task>, the empty string at its end, undef if there is no such file. Dies with the
reason if it cannot be read. It follows no links.

=cut
