package Mesos::Role::Warns;
use 5.10.1;
use Mesos::Arguments ();
use Mesos::Constraint ();
use Mesos::Warnings qw(place_of_user warn_at warn_of_file_name warn_of_line_end warn_of_surplus warn_of_truth warn_user);
use Mesos::XS;
use Scalar::Util qw(looks_like_number refaddr reftype weaken);
use Moo::Role;
use namespace::autoclean;

requires qw(start stop abort join run run_once status dispatcher);

has unknown_fields => (is => 'ro', isa => \&_check_unknown_fields, default => 'warn');

sub _check_unknown_fields {
    my ($value) = @_;
    return if defined $value && $value =~ /\A(?:die|warn|ignore)\z/;
    Mesos::Constraint::_die('unknown_fields: expected "die", "warn" or "ignore", got ' . Mesos::Arguments::_describe($value));
}

# The drivers that were started, and where, by their addresses.
my %started;

# What a master takes in another way than it looks.
sub _check_framework {
    my ($self) = @_;
    my $framework = $self->framework;
    warn_user('framework: name is empty: Mesos shows the framework without one', 'framework.name')
        if !ref $framework->{name} && $framework->{name} eq '';
    my $timeout = $framework->{failover_timeout};
    warn_user("framework: failover_timeout is $timeout: a master then keeps the framework and its tasks for ever after it has gone",
        "framework.failover_timeout $timeout") if looks_like_number($timeout) && !($timeout >= 0);
    warn_of_file_name('framework_id_file', $self->framework_id_file);
    my $url = $framework->{webui_url};
    warn_user("framework: webui_url '$url' has no http:// or https://: the link in Mesos' web interface leads nowhere", "framework.webui_url")
        if defined $url && !ref $url && length $url && $url !~ m{\A(?:\w[\w+.-]*://|/)};
    my $capabilities = $framework->{capabilities};
    my @of = (reftype($capabilities) || '') eq 'ARRAY' ? @$capabilities : $capabilities;
    # What has another key is told for that.
    warn_user("framework: capabilities->[$_] has no type: Mesos takes it for none", 'framework.capabilities')
        for grep { (reftype($of[$_]) || '') eq 'HASH' && !grep {defined} values %{$of[$_]} } 0 .. $#of;
    my $credential = $self->credential or return;
    warn_of_line_end("credential: $_", $credential->{$_}) for qw(principal secret);
    return;
}

# The variables of the environment that anything of ours reads.
my @variables = map {"PERL_MESOS_$_"} qw(CXXFLAGS DEFAULT_DRIVER DRIVER INCLUDE LDFLAGS LIB ON_EXCEPTION PROFILE TRACE);

# Those of libprocess. Without one that is misspelt a connection may be less safe than was meant.
push @variables, map {"LIBPROCESS_SSL_$_"} qw(
    CA_DIR CA_FILE CERT_FILE CIPHERS ECDH_CURVES ENABLED ENABLE_SSL_V3 ENABLE_TLS_V1_0 ENABLE_TLS_V1_1 ENABLE_TLS_V1_2
    ENABLE_TLS_V1_3 HOSTNAME_VALIDATION_SCHEME KEY_FILE REQUIRE_CERT REQUIRE_CLIENT_CERT SUPPORT_DOWNGRADE VERIFICATION_DEPTH VERIFY_CERT
    VERIFY_IPADD VERIFY_SERVER_CERT
);

# Nobody reads one that is misspelt. Told once for each, whichever driver comes first.
my %told_of;
sub _check_variables {
    my %is_read = map { ($_ => 1) } @variables;
    for my $name (grep { /\A(?:PERL_MESOS|LIBPROCESS_SSL)_/ && !$is_read{$_} && !$told_of{$_}++ } sort keys %ENV) {
        my $meant = Mesos::Warnings::meant($name, @variables);
        warn_user("environment: nothing reads the variable $name$meant", "environment $name") if length $meant;
    }
    return;
}

# Where the first driver was made, unless one was started: a program that makes drivers and starts none has forgotten that.
my ($first_made, $has_started);
after BUILD => sub {
    my ($self) = @_;
    _check_variables();
    warn_of_truth($_, $self->{$_}) for qw(autoflush implicit_acknowledgements reconcile_on_registration);
    _check_framework($self) if $self->isa('Mesos::SchedulerDriver');
    return if $self->_is_rehearsal;
    $first_made ||= {pid => $$, class => ref $self, place => [place_of_user()]};
};
before start => sub { $has_started = 1 };
# Whoever has nothing to do for it has not forgotten it.
sub _needs_no_start { $has_started = 1; return }

after start => sub {
    my ($self) = @_;
    # One of a test is never dropped while it runs, and nothing would take it away here.
    return if $self->_is_rehearsal || $self->status != Mesos::Status::DRIVER_RUNNING();
    my $started = $started{refaddr $self } = {driver => $self, place => [place_of_user()]};
    weaken $started->{driver};
};

# A driver that only tests talk to, and that has nothing to start.
sub _is_rehearsal {0}

# Where an exception leaves the loop, whoever sees it needs no warning of what goes with it.
around [qw(join run_once)] => sub {
    my ($orig, $self, @args) = @_;
    $self->{_left} = 1;
    my $status = $self->$orig(@args);
    delete $self->{_left};
    return $status;
};

# A driver never fails without a word, whatever the program's own `error` does with its message.
before _event_is_last => sub {
    my ($self, $message) = @_;
    $self->{_failure} = $message;
};
before _event_was_last => sub {
    my ($self, $has_died) = @_;
    my $message = delete $self->{_failure};
    $self->_tell_failure($message) if defined $message && !$has_died;
};
sub _tell_failure {
    my ($self, $message) = @_;
    delete $self->{_failure};
    Mesos::_tell('the driver of this ' . ($self->isa('Mesos::ExecutorDriver') ? 'executor' : 'framework') . " has failed: $message");
}

# With what the program ends, as soon as it does.
my $ends_with;
END {
    my $exit_code = $ends_with = $?;
    local ($@, $!);
    # The parent of a child that ends here may still start its own.
    if ($first_made && !$has_started && !$exit_code && $first_made->{pid} == $$) {
        warn_at($first_made->{place}, "the program ends, and its $first_made->{class} was never started: call run", 'never started');
    }
    for my $started (values %started) {
        my $driver = $started->{driver} or next;
        $driver->_tell_failure($driver->{_failure}) if defined $driver->{_failure};
        next if $exit_code || $driver->dispatcher->{_ran} || !eval { $driver->status == Mesos::Status::DRIVER_RUNNING() };
        warn_at($started->{place}, 'the program ends while a ' . ref($driver) . ' runs whose callbacks were never called: call run, or run '
                . 'the event loop until the driver ends', 'never run');
    }
    $? = $exit_code;
}

# All of these return the status, and nothing else would tell that they did nothing.
before start => sub {
    my ($self) = @_;
    my $status = $self->status;
    my $end = $status == Mesos::Status::DRIVER_STOPPED() ? 'stopped' : $status == Mesos::Status::DRIVER_ABORTED() ? 'aborted' : return;
    warn_user("start: the driver was $end, and cannot be started again: make a new one", 'start');
};

# Nobody would look at them: run and join do not end after some seconds.
for my $method (qw(start stop abort run run_once join)) {
    before $method => sub {
        my ($self, @given) = @_;
        my $takes_failover = $method eq 'stop' && $self->isa('Mesos::SchedulerDriver');
        warn_of_surplus($method, $takes_failover ? 1 : 0, @given);
        warn_of_truth('stop: failover', $given[0]) if $takes_failover;
    };
}

for my $method (qw(stop abort join)) {
    before $method => sub {
        my ($self) = @_;
        return if $self->status != Mesos::Status::DRIVER_NOT_STARTED();
        warn_user("$method: the driver was not started yet: nothing was done", $method);
    };
}

# In a child of the process that made it, and in another thread, a driver is only a copy, whose methods die.
sub _warn_if_running {
    my ($self, $in_global_destruction) = @_;
    return if $in_global_destruction;
    delete $started{refaddr $self };
    $self->_tell_failure($self->{_failure}) if defined $self->{_failure};
    # Without one, the constructor has died.
    my $dispatcher = $self->{dispatcher} or return;
    # An exception that ends the program was told, and its variables end nowhere in it.
    return if $self->{_left} || $dispatcher->_is_left || $ends_with || Mesos::Warnings::is_end_of_program();
    local ($@, $!);
    return unless eval { $self->status == Mesos::Status::DRIVER_RUNNING() };
    my $what = 'a ' . ref($self) . ' is dropped while it runs';
    return warn_user("$what: no callback comes any more. Keep it in a variable until stop", 'dropped') if $dispatcher->{_ran};
    warn_user("$what, and no callback was ever called: call run, or keep it in a variable and run the event loop until the driver ends", 'dropped');
}

1;
__END__

=head1 NAME

Mesos::Role::Warns - the drivers' warnings of calls that do nothing

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master         => 'local',
        framework      => {user => '', name => 'example'},
        scheduler      => Mesos::Scheduler->new,
        unknown_fields => 'die',
    );

=head1 DESCRIPTION

L<Mesos::SchedulerDriver> and L<Mesos::ExecutorDriver> compose this role. L<Mesos::Warnings> lists the warnings.

=head1 ATTRIBUTES

=head2 unknown_fields

What happens when a message that you give to the driver, C<framework> and C<credential> included, has a key that is no field of it, or an
array reference where one value is expected: C<'warn'> (the default), C<'die'> or C<'ignore'>. The text contains the path of the key, and the field that you probably meant.

=cut
