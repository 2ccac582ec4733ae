package Mesos::Runner::Sandbox;
use 5.10.1;
use strict;
use warnings;
use Fcntl qw(O_NOFOLLOW O_NONBLOCK O_RDONLY SEEK_SET);

# Each read gets at most this much; an agent gives no more at a time.
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
    require HTTP::Tiny;
    my $agent = $task->agent or die "the agent's address is not known\n";
    my $http = $self->{http} ||= HTTP::Tiny->new(timeout => 5, max_redirect => 0, verify_SSL => 1);
    my %headers;
    if (my $credential = $self->{credential}) {
        require MIME::Base64;
        $headers{authorization} = 'Basic ' . MIME::Base64::encode_base64("$credential->{principal}:$credential->{secret}", '');
    }
    my $host = $agent->{host} =~ /:/ ? "[$agent->{host}]" : $agent->{host};
    (my $escaped = $path) =~ s{([^\w./~-])}{sprintf '%%%02X', ord $1}ge;
    my $url = "$agent->{scheme}://$host:$agent->{port}/files/read?path=$escaped&offset=$offset&length=" . CHUNK;
    my $answer = $http->get($url, {headers => \%headers});
    return if $answer->{status} == 404;
    my $why = $answer->{status} == 599 ? $answer->{content} : $answer->{reason};
    $why =~ s/\s*\z//;
    die "$agent->{scheme}://$host:$agent->{port}/files/read answers $answer->{status}: $why\n" unless $answer->{success};
    return _data($answer->{content});
}

# Agents put the bytes of the file into the JSON text as they are, also those that are not UTF-8.
sub _data {
    my ($json) = @_;
    if ($json =~ /\A\{"data":"(.*)","offset":\d+\}\s*\z/s) {
        my $data = $1;
        state $plain = {b => "\b", f => "\f", n => "\n", r => "\r", t => "\t"};
        $data =~ s{\\(?:u([0-9a-fA-F]{4})|(.))}{defined $1 ? _character(hex $1) : $plain->{$2} || $2}gse;
        return $data;
    }
    require JSON::PP;
    my $data = eval { JSON::PP->new->decode($json)->{data} };
    return defined $data ? $data : die "/files/read gave an answer that is not understood\n";
}

sub _character {
    my ($code) = @_;
    my $character = chr $code;
    utf8::encode($character) if $code > 255;
    return $character;
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

Internal to L<Mesos::Runner>. On C<local> it reads files, on a real cluster it asks the agent (F</files/read>, with L<HTTP::Tiny>, which
blocks for at most some seconds).

=head1 METHODS

=head2 new

    my $sandbox = Mesos::Runner::Sandbox->new(framework_id => $id, work_dir => $directory, credential => \%credential);

C<work_dir> is the directory of an agent on this machine. Without it, agents are asked, with C<credential> if there is one.

=head2 get

    my $bytes = $sandbox->get($task, $file, $offset);

Some bytes of a file in the sandbox of a L<Mesos::Runner::Task>, the empty string at its end, undef if there is no such file. Dies with the
reason if it cannot be read. It follows no links.

=cut
