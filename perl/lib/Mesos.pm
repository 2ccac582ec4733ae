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
    if (!defined $level || !length $level) {
        _warn_of_no_level($dir) if defined $dir && length $dir;
        $level = 'QUIET';
    }
    if (looks_like_number($level)) {
        # Truncated, and counted from the end below 0; what is out of range below, or no number ("nan"), is QUIET.
        my $number = $level >= $#_log_levels ? $#_log_levels : $level >= -@_log_levels ? int $level : 0;
        $level = $_log_levels[$number];
    }
    if ($level eq 'QUIET') {
        $ENV{MESOS_quiet} = 1;
        # The core tells silence that was asked for from the default.
        $ENV{PERL_MESOS_TRACE} = 'QUIET' if @_ && caller ne 'Mesos::XS';
        return;
    }
    $ENV{MESOS_logging_level} = $level;
    if ($dir) {
        $ENV{MESOS_quiet} = 1;
        $ENV{MESOS_log_dir} = $dir;
    }
    else {
        $ENV{MESOS_quiet} = 0;
        delete $ENV{MESOS_log_dir};
    }
    return;
}

sub _warn_of_no_level {
    my ($dir) = @_;
    require Mesos::Warnings;
    # Mesos::XS, which says so of all modules, is perhaps not loaded.
    local $Carp::Internal{+__PACKAGE__} = 1;
    my $shown = Mesos::Warnings::shown($dir) . ': nothing is logged there. Levels are QUIET, ERROR, WARNING and INFO';
    return Mesos::Warnings::warn_user("trace: no level for $shown", 'trace') if (caller 1)[0] ne 'Mesos::XS';
    # The environment has no line.
    warn "PERL_MESOS_TRACE: expected LEVEL=DIRECTORY, got =$shown\n";
    return;
}

# What must not be missed: on standard error, unless somebody has asked for silence.
sub _tell {
    my ($text) = @_;
    my $asked = defined $ENV{PERL_MESOS_TRACE} && length $ENV{PERL_MESOS_TRACE};
    print STDERR "Mesos: $text\n" unless $asked && $ENV{MESOS_quiet} && !$ENV{MESOS_log_dir};
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
                name => 'hello',
                task_id => {value => 'task-1'},
                slave_id => $offer->{slave_id},
                command => {value => 'echo hello'},
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
        return if $state =~ /STAGING|STARTING|RUNNING/;
        $self->{is_finished} = $state eq 'TASK_FINISHED';
        $driver->stop;
    }

    package main;

    my $scheduler = MyScheduler->new;
    my $status = Mesos::SchedulerDriver->new(
        master => $ARGV[0] || 'local',    # or 'host:port' of a Mesos master
        framework => {user => '', name => 'hello'},
        scheduler => $scheduler,
        on_exception => 'die',    # an exception in a callback ends run
    )->run;
    exit($status == Mesos::Status::DRIVER_STOPPED && $scheduler->{is_finished} ? 0 : 1);

=head1 DESCRIPTION

You write a framework as a L<Mesos::Scheduler>, and a L<Mesos::SchedulerDriver> runs it. If its tasks are Perl, too, write a
L<Mesos::Executor>, which a L<Mesos::ExecutorDriver> runs. L<Mesos::Messages> describes the messages (offers, tasks, updates), and
L<Mesos::Dispatcher> the event loops.

The drivers speak Mesos' v1 HTTP API, so you do not need libmesos. If it is installed, the drivers can run on it instead, as those of Mesos
1.07.1 did: see L</backends>. With C<< master => 'local' >>, a master and an agent run inside your program, so you can try a framework on a
laptop without Mesos.

If you load only this module, it loads no shared object.

=head1 FUNCTIONS

=head2 trace

    use Mesos qw(trace);
    trace($level);
    trace($level, $dir);

Chooses what is logged. Returns nothing. Call it before you make the first driver; afterwards it has no effect.

C<$level> is C<QUIET> (0), C<ERROR> (1), C<WARNING> (2) or C<INFO> (3). A larger number means INFO, and a missing or empty level means QUIET (with
C<$dir>, it is also a warning of the category C<Mesos>).
C<trace> accepts any other word, but the first driver dies when it is made, with an error that names the word. Lines go to standard error, or,
with C<$dir>, to files in that directory. The module creates the directory if it does not exist.

If you do not choose a level, one kind of line still goes to standard error: if a driver fails, the line says why. If you choose QUIET yourself, this line does not appear either.

L<Mesos::XS> calls C<trace> once when it is loaded, with the value of the environment variable C<PERL_MESOS_TRACE>, such as C<INFO> or
C<WARNING=/var/log/mesos>. Default: QUIET.

The module keeps level and directory in the environment variables C<MESOS_quiet>, C<MESOS_logging_level> and C<MESOS_log_dir>. Programs
that you start inherit them.

=head1 METHODS

=head2 backends

    my @backends = Mesos->backends;
    printf "%s %s%s\n", @$_{qw(name version)}, $_->{default} ? ' (default)' : '' for @backends;

Lists what the drivers of this installation can run on, as hash references:

=over

=item C<name>

C<native> or C<libmesos>.

=item C<version>

The version of this module, or of the libmesos that it was built with.

=item C<scheduler>, C<executor>

True if it has that driver.

=item C<default>

True if a driver uses it unless you ask for another one. See L<Mesos::SchedulerDriver/driver>.

=back

This loads the shared object, but not libmesos.

=head1 ENVIRONMENT

=over

=item PERL_MESOS_DRIVER

C<native> or C<libmesos>: the attribute C<driver> of drivers that do not set it.

=item PERL_MESOS_ON_EXCEPTION

C<die> or C<warn>: L<Mesos::Role::HasDispatcher/on_exception> of drivers that do not set it.

=item PERL_MESOS_TRACE

C<LEVEL> or C<LEVEL=DIR>: see L</trace>.

=item MESOS_RESOURCES, MESOS_ATTRIBUTES, MESOS_HOSTNAME, MESOS_WORK_DIR, MESOS_EXECUTOR_ENVIRONMENT_VARIABLES

The embedded cluster (C<< master => 'local' >>) reads these as a Mesos agent does. In this order, they are:

=over

=item *

the resources that it offers, such as C<cpus:4;mem:2048>; those that you do not name are the machine's;

=item *

its attributes, such as C<rack:r1;level:3>;

=item *

its host name;

=item *

the directory for sandboxes, by default a private directory that is removed at the end;

=item *

a JSON object with additional environment variables for tasks and executors.

=back

C<MESOS_NUM_SLAVES> sets how many agents it has. F<docs/local-cluster.md> lists this and the variables for its timeouts.

A value of C<file:///path> means the text in that file. A value that no agent takes makes C<new> die. Each driver warns of other
variables that look like settings of a Mesos, because they have no effect here.

=item LIBPROCESS_SSL_ENABLED, LIBPROCESS_SSL_CA_FILE, LIBPROCESS_SSL_CA_DIR, LIBPROCESS_SSL_CERT_FILE, LIBPROCESS_SSL_KEY_FILE

TLS, as in libprocess. C<LIBPROCESS_SSL_ENABLED=1> means https for addresses that do not say otherwise. The others name the authorities to
trust instead of the system's, and your program's own certificate and key. All files are PEM. You can write C<SSL_> instead of
C<LIBPROCESS_SSL_>.

=item LIBPROCESS_SSL_VERIFY_SERVER_CERT

C<0>: the drivers accept any certificate for any name. Then anybody who answers in the master's place gets your credentials. Each driver
warns of it, and of TLS variables that have no effect here. The warning goes to standard error, or to the log if C<PERL_MESOS_TRACE> is set.

=back

=head1 SEE ALSO

L<Mesos::Runner> (many tasks, with output and retries), L<Mesos::Async> (promises, C<async> and C<await>), L<Mesos::Stats> (Prometheus),
L<Mesos::Error>.

L<Mesos::SchedulerDriver>, L<Mesos::ExecutorDriver>, L<Mesos::Scheduler>, L<Mesos::Executor>, L<Mesos::Messages>,
L<Mesos::Dispatcher>. L<Mesos::Client> asks and commands a cluster without being a framework, and so does the command L<mesos-perl>. In the distribution, F<docs/compatibility.md> lists the differences from Mesos 1.07.1.

=head1 LICENSE

This module is free software: you may use, change and pass it on under the same terms as Perl itself.

=cut
