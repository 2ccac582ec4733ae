package Mesos::Runner::Journal;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak croak_as);
use Fcntl qw(LOCK_EX LOCK_NB O_APPEND O_CREAT O_RDWR SEEK_SET);
use IO::Handle ();
use JSON::PP ();
use Scalar::Util ();

my $json = JSON::PP->new->ascii->canonical->allow_blessed;

# Opens the file, and reads what is in it: tasks by id, in {tasks}, in the order of {order}.
sub new {
    my ($class, $path) = @_;
    sysopen my $file, $path, O_RDWR | O_APPEND | O_CREAT, 0600 or croak_as system => "state_file: cannot open $path: $!";
    flock $file, LOCK_EX | LOCK_NB or croak "state_file: another program uses $path";
    binmode $file;
    my $self = bless {path => $path, file => $file, tasks => {}, order => []}, $class;
    $self->_read;
    return $self;
}

# A record is a line of JSON, with the lengths of the bytes that follow it. What a crash has left of one does not count.
sub _read {
    my ($self) = @_;
    my $file = $self->{file};
    my $good = 0;
    # Perl begins at the end of what it may append to.
    seek $file, 0, SEEK_SET;
    while (defined(my $line = readline $file)) {
        my $record = $line =~ /\n\z/ ? eval { $json->decode($line) } : undef;
        last unless ref $record eq 'HASH' && defined $record->{id};
        _downgrade($record);
        my $whole = 1;
        for my $stream (grep { defined $record->{$_} } qw(stdout stderr)) {
            my $length = $record->{$stream};
            my $got = read $file, $record->{$stream}, $length;
            $whole = 0 if !defined $got || $got != $length;
        }
        last unless $whole;
        $good = tell $file;
        $self->_apply($record);
    }
    my $size = -s $file;
    croak "state_file: $self->{path} is damaged, or is no state file (at byte $good)" if $good < $size && ($good == 0 || $self->_has_more($good));
    truncate $file, $good or croak_as system => "state_file: cannot write $self->{path}: $!";
    seek $file, 0, 2;
    return;
}

# Whether a whole record follows what could not be read.
sub _has_more {
    my ($self, $at) = @_;
    my $file = $self->{file};
    seek $file, $at, SEEK_SET;
    readline $file;
    while (defined(my $line = readline $file)) { return 1 if $line =~ /\A\{"/ && eval { $json->decode($line); 1 } }
    return 0;
}

sub _apply {
    my ($self, $record) = @_;
    my $id = $record->{id};
    if ($record->{forget}) {
        delete $self->{tasks}{$id};
        @{$self->{order}} = grep { $_ ne $id } @{$self->{order}};
        return;
    }
    push @{$self->{order}}, $id unless $self->{tasks}{$id};
    $self->{tasks}{$id} = {%{$self->{tasks}{$id} || {}}, %$record};
    return;
}

# Everything as bytes, which JSON keeps as characters.
sub _bytes {
    my ($value) = @_;
    my $type = Scalar::Util::reftype($value) || '';
    return {map { ($_ => _bytes($value->{$_})) } grep { !/\A_/ } keys %$value} if $type eq 'HASH';
    return [map { _bytes($_) } @$value] if $type eq 'ARRAY';
    return "$value" if $type;
    utf8::encode($value) if defined $value && utf8::is_utf8($value);
    return $value;
}

sub _downgrade {
    my ($value) = @_;
    for my $inner (ref $value eq 'HASH' ? values %$value : @$value) {
        if (ref $inner eq 'HASH' || ref $inner eq 'ARRAY') { _downgrade($inner) }
        elsif (defined $inner && utf8::is_utf8($inner)) { utf8::downgrade($inner) }
    }
    return;
}

# Appends records; {sync} asks that they outlive the machine.
sub write {
    my ($self, $sync, @records) = @_;
    my $text = '';
    for my $given (@records) {
        my %record = %$given;
        my $bytes = '';
        for my $stream (qw(stdout stderr)) {
            next unless defined $record{$stream};
            $bytes .= $record{$stream};
            $record{$stream} = length $record{$stream};
        }
        $text .= $json->encode(_bytes(\%record)) . "\n$bytes";
    }
    my $file = $self->{file};
    while (length $text) {
        my $written = syswrite $file, $text;
        next if !defined $written && $!{EINTR};
        croak_as system => "state_file: cannot write $self->{path}: $!" unless defined $written;
        substr $text, 0, $written, '';
    }
    $file->sync if $sync;
    return;
}

sub remove {
    my ($self) = @_;
    unlink $self->{path};
    close $self->{file};
    return;
}

1;
__END__

=head1 NAME

Mesos::Runner::Journal - the state file of a Mesos::Runner

=head1 SYNOPSIS

    use Mesos::Runner::Journal;

    my $journal = Mesos::Runner::Journal->new('runner.state');
    print "$_: $journal->{tasks}{$_}{phase}\n" for @{ $journal->{order} };
    $journal->write(1, {id => 'task', phase => 'queued', command => 'true'});

=head1 DESCRIPTION

Internal to L<Mesos::Runner>. The file is a sequence of records, each a line of JSON. Later records of a task add to its earlier ones. The
output of a task follows its record, as bytes. What a crash has left of the last record is cut off. Only the owner may read a file that it makes.

=head1 METHODS

=head2 new

    my $journal = Mesos::Runner::Journal->new($path);

Opens, locks and reads the file. Dies if it cannot, if another process has locked it, or if the file is something else or damaged.

=head2 write

    $journal->write($sync, @records);

Appends hash references with an C<id>. If C<$sync> is true, waits until they are on the disk. Dies if it cannot write.

=head2 remove

    $journal->remove;

Removes the file.

=cut
