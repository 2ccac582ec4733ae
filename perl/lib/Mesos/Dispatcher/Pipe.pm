package Mesos::Dispatcher::Pipe;
use 5.10.1;
use Mesos::Error qw(croak_as);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher';

sub xs_init { $_[0]->_xs_init_pipe($_[0]->channel) }

sub fd { $_[0]->_xs_fd }

# The number belongs to the shared object, and loops close what they watch: watch a duplicate.
has fh => (is => 'lazy', init_arg => undef, clearer => '_close_fh');

sub _build_fh {
    my ($self) = @_;
    my $stream = $self->_reads_streams ? $self->_xs_stream_fd : -1;
    return _duplicate('<&', $stream >= 0 ? $stream : $self->fd);
}

# Whether the loop watches so that ready may be called also when something has come that is no event yet: drivers may lend their stream
# to this thread then, which saves the time in which theirs wakes. A subclass of somebody else's is called while there are events only.
sub _reads_streams {0}

# A program without a STDIN or STDOUT may open it again: their numbers are not for us. (Perl warns of such a reuse.)
sub _duplicate {
    my ($mode, $of) = @_;
    no warnings 'io';
    my @standard;
    while (1) {
        open my $fh, $mode, $of or croak_as system => "cannot duplicate the dispatcher's descriptor: $!";
        if (fileno $fh > 2) {
            # Explicitly: Perl does not close a handle by itself whose buffer stands where that of STDIN stood.
            close $_ for @standard;
            return $fh;
        }
        push @standard, $fh;
    }
}

sub read_pipe { $_[0]->channel->size ? 1 : -1 }

1;
__END__

=head1 NAME

Mesos::Dispatcher::Pipe - base of the dispatchers that watch a descriptor

=head1 SYNOPSIS

    package My::Dispatcher;
    use Moo;
    extends 'Mesos::Dispatcher::Pipe';

    sub BUILD {
        my ($self) = @_;
        Scalar::Util::weaken($self);
        My::Loop->watch_readable($self->fh, sub { $self->ready });
    }

    sub unwatch { my ($self) = @_; My::Loop->unwatch($self->fh) }

    sub run_until {
        my ($self, $wait, $seconds) = @_;
        my $end = defined $seconds ? time + $seconds : undef;
        My::Loop->turn($end) until $wait->{done} || defined $end && time >= $end;
    }

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher>, which describes how to L<write a dispatcher|Mesos::Dispatcher/WRITING A DISPATCHER>.

The descriptor is readable exactly while the channel holds events. It is close-on-exec, and the dispatcher closes it when it goes away.

What the dispatchers of this distribution watch is another one (C<fh>). It is readable also when something has come for a driver that may
be no whole event yet, which C<ready> then reads: events that come one at a time wake one thread, not two. It is an epoll descriptor.

=head1 METHODS

=head2 fd

    my $number = $dispatcher->fd;

The number of the descriptor that is readable exactly while the channel holds events. It belongs to the dispatcher: do not close it, and do not read from it.

=head2 fh

    my $handle = $dispatcher->fh;

A file handle on a duplicate of the descriptor, for your loop to watch, which stays that of C<fd> in a subclass of yours. Every call returns the same handle. Dies if the process has no
free descriptor.

=head2 read_pipe

    my $n = $dispatcher->read_pipe;

Returns 1 if there are events, else -1. It reads nothing. Mesos 1.07.1 had this method because there each event was a byte to be read.

=cut
