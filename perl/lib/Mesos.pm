package Mesos;
use 5.10.1;
use strict;
use warnings;
use parent 'Exporter';
use Scalar::Util qw(looks_like_number);

our $VERSION = '2.0.0';
our @EXPORT_OK = qw(trace);
our @_log_levels = qw(QUIET ERROR WARNING INFO);

sub trace {
    my ($level, $dir) = @_;
    $level = 'QUIET' unless defined $level and length $level;
    if (looks_like_number($level)) {
        # Truncated, and counted from the end below 0; what is out of range below, or no number ("nan"), is QUIET.
        my $number = $level >= $#_log_levels ? $#_log_levels : $level >= -@_log_levels ? int $level : 0;
        $level = $_log_levels[$number];
    }
    if ($level eq 'QUIET') {
        $ENV{MESOS_quiet} = 1;
        return;
    }
    $ENV{MESOS_logging_level} = $level;
    if ($dir) {
        $ENV{MESOS_quiet}   = 1;
        $ENV{MESOS_log_dir} = $dir;
    }
    else {
        $ENV{MESOS_quiet} = 0;
        delete $ENV{MESOS_log_dir};
    }
    return;
}

sub backends {
    require Mesos::XS;
    my @backends;
    while (my @backend = _backend(scalar @backends)) {
        my %backend;
        @backend{qw(name version scheduler executor default)} = @backend;
        push @backends, \%backend;
    }
    return @backends;
}

1;
__END__

=head1 NAME

Mesos - write Apache Mesos frameworks and executors in Perl

=head1 SYNOPSIS

    use strict;
    use warnings;
    use Mesos::SchedulerDriver;

    package MyScheduler;
    use Moo;
    extends 'Mesos::Scheduler';

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my @tasks = $self->{launched}++ ? () : {
                name      => 'hello',
                task_id   => {value => 'task-1'},
                slave_id  => $offer->{slave_id},
                command   => {value => 'echo hello'},
                resources => [{name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => {value => 0.1}}],
            };
            $driver->launchTasks([$offer->{id}], \@tasks);    # without tasks it declines the offer
        }
    }

    sub statusUpdate {
        my ($self, $driver, $status) = @_;
        my $state = Mesos::TaskState->name_of($status->{state});
        my $why = defined $status->{message} ? " ($status->{message})" : '';
        print "$status->{task_id}{value}: $state$why\n";
        $driver->stop unless $state =~ /STAGING|STARTING|RUNNING/;
    }

    package main;

    my $status = Mesos::SchedulerDriver->new(
        master    => $ARGV[0] || 'local',    # or 'host:port' of a Mesos master
        framework => {user => '', name => 'hello'},
        scheduler => MyScheduler->new,
        on_exception => 'die',               # an exception in a callback ends run
    )->run;
    exit($status == Mesos::Status::DRIVER_STOPPED ? 0 : 1);

=head1 DESCRIPTION

A framework is a L<Mesos::Scheduler>, which is run by a L<Mesos::SchedulerDriver>. If its tasks are Perl too, they are run by
a L<Mesos::Executor> with a L<Mesos::ExecutorDriver>. Messages (offers, tasks, updates) are described in L<Mesos::Messages>,
event loops in L<Mesos::Dispatcher>.

The drivers speak Mesos' v1 HTTP API: libmesos is not needed. Where it is installed they can run on it instead, as those of
Mesos 1.07.1 did: see L</backends>. With C<< master => 'local' >> a master and an agent run inside
the program, so that a framework can be tried on a laptop where no Mesos is installed.

Loading this module alone loads no shared object.

=head1 FUNCTIONS

=head2 trace

    use Mesos qw(trace);
    trace($level);
    trace($level, $dir);

Chooses what is logged; returns nothing. To have an effect it must be called before the first driver is made. C<$level> is
C<QUIET> (0), C<ERROR> (1), C<WARNING> (2) or C<INFO> (3); larger numbers mean INFO, and a level that is missing or empty
means QUIET. Lines go to standard error, or, with C<$dir>, to files in that directory, which is created if need be. Any other
word is accepted here and refused, with an error that names it, when the first driver is made.

It is called once when L<Mesos::XS> is loaded, with what the environment variable C<PERL_MESOS_TRACE> says: C<INFO>,
C<WARNING=/var/log/mesos>, ... Default: QUIET.

Levels and directory are kept in the environment variables C<MESOS_quiet>, C<MESOS_logging_level> and C<MESOS_log_dir>, which
programs started from here (executors) inherit.

=head1 METHODS

=head2 backends

    my @backends = Mesos->backends;
    printf "%s %s%s\n", @$_{qw(name version)}, $_->{default} ? ' (default)' : '' for @backends;

What the drivers of this installation can run on, as hash references: C<name> (C<native> or C<libmesos>), C<version> (of this
module, or of the libmesos that it was built with), true or false in C<scheduler> and C<executor> for the drivers that it has,
and in C<default> if it is taken where nothing else is asked for. See L<Mesos::SchedulerDriver/driver>. Loads the shared
object, but not libmesos.

=head1 ENVIRONMENT

=over

=item PERL_MESOS_DRIVER

C<native> or C<libmesos>: the drivers' attribute C<driver> where the program does not give it.

=item PERL_MESOS_ON_EXCEPTION

C<die> or C<warn>: L<Mesos::Role::HasDispatcher/on_exception> where the program does not give it.

=item PERL_MESOS_TRACE

C<LEVEL> or C<LEVEL=DIR>: see L</trace>.

=item MESOS_RESOURCES, MESOS_ATTRIBUTES, MESOS_HOSTNAME, MESOS_WORK_DIR, MESOS_EXECUTOR_ENVIRONMENT_VARIABLES

Read with C<< master => 'local' >>, as a Mesos agent reads them: what it offers (C<cpus:4;mem:2048>; what is not named is the machine's),
its attributes (C<rack:r1;level:3>) and host name, where the sandboxes go (by default a private directory that is removed at the
end), and a JSON object with more environment for tasks and executors.

=item LIBPROCESS_SSL_ENABLED, LIBPROCESS_SSL_CA_FILE, LIBPROCESS_SSL_CA_DIR, LIBPROCESS_SSL_CERT_FILE, LIBPROCESS_SSL_KEY_FILE

TLS, as libprocess knows it: C<1> for https where the address does not say otherwise; authorities to trust in place of the system's;
the program's own certificate and key. Files are PEM. C<SSL_> will do for C<LIBPROCESS_SSL_>.

=item LIBPROCESS_SSL_VERIFY_SERVER_CERT

C<0>: take any certificate for any name. Whoever answers then gets the credentials. Each driver warns of it, and of variables for TLS
that have no effect here: on standard error, or as a line of the log if C<PERL_MESOS_TRACE> is set.

=back

=head1 SEE ALSO

L<Mesos::SchedulerDriver>, L<Mesos::ExecutorDriver>, L<Mesos::Scheduler>, L<Mesos::Executor>, L<Mesos::Messages>,
L<Mesos::Dispatcher>, and F<docs/compatibility.md> in the distribution for the differences from Mesos 1.07.1.

=head1 LICENSE

The same terms as Perl itself.

=cut
