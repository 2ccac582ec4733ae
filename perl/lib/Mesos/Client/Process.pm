package Mesos::Client::Process;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use IO::Poll ();
use Mesos::Client::Error ();
use Mesos::Error ();
use POSIX ();
use Scalar::Util qw(blessed);
use Storable ();
use Time::HiRes ();

$Carp::Internal{+__PACKAGE__}++;

# In a child: where what it tells goes.
my $out;

# Arguments: dispatcher; work: what the process does; told: gets what it tells; failed: gets the error; ended: called once at the end;
# checks: every so many seconds the process looks whether anybody listens.
sub new {
    my ($class, %arguments) = @_;
    return bless {%arguments, buffer => ''}, $class;
}

sub start {
    my ($self) = @_;
    return $self->_end if $self->{stopped};
    my ($in, $write, $who, $says);
    if (!pipe($in, $write) || !pipe $who, $says) { return $self->_cannot("pipe: $!") }
    # Twice, so that the process is init's child: those of the program are its own business. The first says who it is.
    my $pid = fork;
    return $self->_cannot("fork: $!") unless defined $pid;
    if (!$pid) {
        my $second = fork;
        if (!defined $second || $second) {
            syswrite $says, defined $second ? pack 'N', $second : "fork: $!";
            POSIX::_exit(0);
        }
        _child($write, $self->{work}, $self->{checks});
    }
    close $_ for $write, $says;
    { local ($?, $!); waitpid $pid, 0 }
    # By now it is there.
    sysread $who, my $said, 1000;
    return $self->_cannot(length $said ? $said : 'it has ended at once') unless defined $said && length $said == 4;
    $self->{pid} = unpack 'N', $said;
    fcntl $in, F_SETFL, O_NONBLOCK | fcntl $in, F_GETFL, 0;
    $self->{in} = $in;
    $self->pause(0);
    return;
}

sub _cannot {
    my ($self, $why) = @_;
    $self->{failed}->(_error("cannot make a process: $why"));
    return $self->_end;
}

sub _error { my ($message) = @_; eval { Mesos::Client::Error->throw(code => 'unreachable', message => $message) }; return $@ }

# --- in the child ------------------------------------------------------------------------------------------------------------------------

# Perl's part of the program, and nothing else: its connections must not stay open because a child has them, too.
sub _child {
    my ($write, $work, $checks) = @_;
    $SIG{$_} = 'DEFAULT' for grep { defined $SIG{$_} } keys %SIG;    ## no critic (RequireLocalizedPunctuationVars): of this process
    my $mine = fileno $write;
    # Not closed: a number that is used again would be closed by whoever had it before.
    my $null = POSIX::open('/dev/null', POSIX::O_RDWR());
    if (opendir my $all, '/proc/self/fd') {
        POSIX::dup2($null, $_) for grep { /\A\d+\z/ && $_ != 2 && $_ != $mine && $_ != $null } readdir $all;
    }
    $out = $write;
    binmode $out;
    if ($checks) {
        $SIG{ALRM} = \&_end_unheard;    ## no critic (RequireLocalizedPunctuationVars): of this process
        Time::HiRes::setitimer(Time::HiRes::ITIMER_REAL(), $checks, $checks);
    }
    my $ok = eval { $work->(); 1 };
    if (!$ok) {
        my $error = $@;
        my %plain = blessed $error && $error->isa('Mesos::Error') ? (class => ref $error, fields => {%$error}) : (text => "$error");
        eval { __PACKAGE__->tell(error => \%plain); 1 } or eval { __PACKAGE__->tell(error => {text => "$error"}) };
    }
    POSIX::_exit(0);
    return;
}

# A process that waits for long would not notice that nobody listens any more.
sub _end_unheard {
    my $poll = IO::Poll->new;
    $poll->mask($out => IO::Poll::POLLOUT());
    $poll->poll(0);
    POSIX::_exit(0) if $poll->events($out) & (IO::Poll::POLLERR() | IO::Poll::POLLHUP());
    return;
}

sub tell {
    my ($class, @what) = @_;
    my $bytes = Storable::freeze(\@what);
    $bytes = pack('N', length $bytes) . $bytes;
    while (length $bytes) {
        my $sent = syswrite $out, $bytes;
        if (defined $sent) { substr $bytes, 0, $sent, '' }
        else { POSIX::_exit(1) unless $!{EINTR} }
    }
    return;
}

# --- in the program ------------------------------------------------------------------------------------------------------------------------

# A process that cannot write waits.
sub pause {
    my ($self, $pause) = @_;
    if ($pause || !$self->{in}) { delete $self->{watch}; return }
    $self->{watch} ||= $self->{dispatcher}->watch($self->{in}, sub { $self->_read });
    return;
}

sub _read {
    my ($self) = @_;
    my $in = $self->{in} or return;
    my $read = sysread $in, $self->{buffer}, 65_536, length $self->{buffer};
    return if !defined $read && ($!{EAGAIN} || $!{EINTR});
    while (length $self->{buffer} >= 4) {
        my $length = unpack 'N', $self->{buffer};
        last if length $self->{buffer} < 4 + $length;
        my $what = Storable::thaw(substr $self->{buffer}, 4, $length);
        substr $self->{buffer}, 0, 4 + $length, '';
        $self->_told(@$what);
    }
    $self->_end unless $read;
    return;
}

sub _told {
    my ($self, $kind, @what) = @_;
    return if $self->{stopped};
    if ($kind eq 'error') {
        $self->{answered} = 1;
        my $plain = $what[0];
        $self->{failed}->($plain->{class} ? bless($plain->{fields}, $plain->{class}) : Mesos::Error->of($plain->{text}));
    }
    else {
        $self->{answered} = 1;
        $self->{told}->($kind, @what);
    }
    return;
}

sub stop {
    my ($self) = @_;
    return if $self->{stopped}++ || !$self->{in};
    kill KILL => $self->{pid};
    return $self->_end;
}

sub _end {
    my ($self) = @_;
    return if $self->{over}++;
    delete $self->{watch};
    close delete $self->{in} if $self->{in};
    $self->{failed}->(_error('the process of the call has ended without an answer'))
        unless $self->{answered} || $self->{stopped};
    my $ended = $self->{ended};
    delete @$self{qw(told failed ended work)};
    $ended->() if $ended;
    return;
}

1;
__END__

=head1 NAME

Mesos::Client::Process - runs Perl code in a process of its own, beside an event loop

=head1 SYNOPSIS

    use Mesos::Client::Process;
    use Mesos::Dispatcher::AnyEvent;

    my $process = Mesos::Client::Process->new(
        dispatcher => Mesos::Dispatcher::AnyEvent->new,
        work       => sub { Mesos::Client::Process->tell(answer => 42) },
        told       => sub { my ($kind, @what) = @_; print "$kind: @what\n" },
        failed     => sub { my ($error) = @_; print "$error\n" },
        ended      => sub { print "over\n" },
    );
    $process->start;

=head1 DESCRIPTION

Internal to L<Mesos::Client::Promises>.

=head1 METHODS

=head2 new

    my $process = Mesos::Client::Process->new(%arguments);

C<work> runs in the process. C<told> gets what it tells, C<failed> the L<Mesos::Error> that it dies of, or of its end without any word.
C<ended> is called once, at the end. With C<checks> the process looks every so many seconds whether the program is still there, and ends
otherwise. C<dispatcher> is a L<Mesos::Dispatcher> with C<watch>.

=head2 start

    $process->start;

Makes the process.

=head2 tell

    Mesos::Client::Process->tell($kind, @data);

For C<work>: gives plain data to C<told>.

=head2 pause

    $process->pause(1);
    $process->pause(0);

Reads nothing more, or goes on. A process that has told much waits then.

=head2 stop

    $process->stop;

Kills the process. Nothing is told any more.

=cut
