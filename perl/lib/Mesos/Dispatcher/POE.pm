package Mesos::Dispatcher::POE;
use 5.10.1;
use POE::Kernel;
use POE::Session;
use Mesos::Warnings ();
use Scalar::Util qw(weaken);
use Moo;
use namespace::autoclean;
extends 'Mesos::Dispatcher::Pipe';

has session => (is => 'ro', init_arg => undef, writer => 'set_session', clearer => 'clear_session');

sub BUILD {
    my ($self) = @_;
    # Else POE warns at exit that its kernel never ran. With no session but the kernel's own this returns at once.
    POE::Kernel->run if $poe_kernel->_data_ses_count <= 1;
    weaken $self;
    my $session = POE::Session->create(inline_states => {
            _start => sub { $poe_kernel->select_read($self->fh, 'ready') },
            ready => sub { $self->_ready },
            arm => sub { my ($seconds, $expired) = @_[POE::Session::ARG0(), POE::Session::ARG1()];
                $poe_kernel->delay_set('expire', $seconds, $expired) },
            disarm => sub { $poe_kernel->alarm_remove($_[POE::Session::ARG0()]) },
            expire => sub { ${$_[POE::Session::ARG0()]} = 1 },
            wake => sub { },
            after => sub { my ($seconds, $code) = @_[POE::Session::ARG0(), POE::Session::ARG1()];
                $poe_kernel->delay_set('timer', $seconds, $code) },
            timer => sub { $self->_guarded($_[POE::Session::ARG0()]) },
            watch => sub { my ($fh, $code) = @_[POE::Session::ARG0(), POE::Session::ARG1()];
                $poe_kernel->select_read($fh, 'readable', $code) },
            readable => sub { $self->_guarded($_[POE::Session::ARG2()]) },
            forget => sub { $poe_kernel->select_read($_[POE::Session::ARG0()]) },
            shutdown => sub {
                my $fh = $_[POE::Session::ARG0()];
                $poe_kernel->select_read($fh);
                $poe_kernel->alarm_remove_all;
            },
    });
    $self->set_session($session);
}

# POE ends a session whose handler dies, and with it the delivery of events.
sub _ready { my ($self) = @_; $self->_guarded(sub { $self->ready }) }

sub _guarded {
    my ($self, $code) = @_;
    return if eval { $code->(); 1 };
    my $error = $@;
    if ($self->{_rethrow}) { push @{$self->{_errors}}, $error }
    else { warn ref $error ? $error : Mesos::Warnings::shown($error) }
}

sub _rethrow {
    my ($self) = @_;
    my $error = shift @{$self->{_errors} || []};
    die $error if defined $error;
}

# Its loop on IO::Poll asks for POLLRDNORM, and Linux does not wake it for an epoll descriptor.
sub _reads_streams { return !$INC{'POE/Loop/IO_Poll.pm'} }

sub run_until {
    my ($self, $wait, $seconds) = @_;
    my $expired;
    my $id = $self->session->ID;
    local $self->{_rethrow} = 1;
    local $self->{_errors} = [];
    $wait->{finish} = sub { $poe_kernel->post($id, 'wake') };
    my $alarm = defined $seconds ? $poe_kernel->call($id, 'arm', $seconds, \$expired) : undef;
    until ($wait->{done} || $expired || @{$self->{_errors}} || $self->_is_in_child) {
        last unless $poe_kernel->run_one_timeslice;
    }
    $poe_kernel->call($id, 'disarm', $alarm) if defined $alarm && !$expired;
    $self->_rethrow;
    return;
}

sub timer {
    my ($self, $seconds, $code) = @_;
    my $session = $self->session->ID;
    my $id;
    $id = $poe_kernel->call($session, 'after', $seconds, sub { undef $id; $code->() });
    # Without the session, its alarms are gone.
    return $self->_timer_until_dropped(sub { $poe_kernel->call($session, 'disarm', $id) if defined $id });
}

sub watch {
    my ($self, $fh, $code) = @_;
    my $session = $self->session->ID;
    $poe_kernel->call($session, 'watch', $fh, $code);
    return $self->_timer_until_dropped(sub { $poe_kernel->call($session, 'forget', $fh) });
}

sub run {
    my ($self) = @_;
    local $self->{_rethrow} = 1;
    local $self->{_errors} = [];
    POE::Kernel->run;
    $self->_rethrow;
    return;
}

sub unwatch {
    my ($self) = @_;
    my $session = $self->session or return;
    $self->clear_session;
    $poe_kernel->call($session->ID, 'shutdown', $self->fh);
}

Mesos::Warnings::Methods::watch_timers(__PACKAGE__);

1;
__END__

=head1 NAME

Mesos::Dispatcher::POE - brings events through POE

=head1 SYNOPSIS

    use POE;
    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master     => 'local',
        framework  => {user => '', name => 'example'},
        scheduler  => Mesos::Scheduler->new,
        dispatcher => 'POE',
    );
    $driver->start;
    POE::Kernel->run;

=head1 DESCRIPTION

Extends L<Mesos::Dispatcher::Pipe>. Needs L<POE>.

The dispatcher has a session of its own, which lives as long as the dispatcher. So C<< POE::Kernel->run >> does not return while there is a
dispatcher.

An exception in a callback does not end this session. C<wait> and C<run>, and so C<run> and C<run_once> of a driver, throw the exception
again. If your program runs POE's kernel itself, the exception becomes a warning.

=head1 ATTRIBUTES

=head2 session

The L<POE::Session>. Read-only.

=head1 METHODS

=head2 run

    $dispatcher->run;

Calls C<< POE::Kernel->run >>. When that has returned, throws the first exception that a callback threw in the meantime.

=head2 set_session, clear_session

Internal.

=cut
