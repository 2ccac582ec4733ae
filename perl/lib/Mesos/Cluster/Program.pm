package Mesos::Cluster::Program;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak croak_as);
use Config ();
use Cwd ();
use Fcntl qw(F_GETFD F_SETFD FD_CLOEXEC);
use File::Spec ();
use File::Temp ();
use HTTP::Tiny ();
use JSON::PP ();
use MIME::Base64 ();
use Mesos::Arguments ();
use Mesos::Client::HTTP ();
use Mesos::Warnings ();
use POSIX ();
use overload ();
use Time::HiRes ();

$Carp::Internal{+__PACKAGE__} = 1;

# How long the program may take to be ready, to answer, and to end: far more than it needs.
my ($READY, $ANSWER, $END) = (60, 60, 10);

# What start takes: the program's own flags.
my @flags = qw(
    masters election_delay agents resources attributes hostname min_allocatable_resources allocation_interval offer_timeout agent_ping_timeout max_agent_ping_timeouts
    agent_reregister_timeout executor_registration_timeout executor_reregistration_timeout gc_delay gc_disk_headroom disk_watch_interval
    work_dir executor_environment_variables port logging_level config jitter
);

# --- where the program is ----------------------------------------------------------------------------------------------------------

sub find {
    my ($given) = @_;
    $given = $ENV{MESOS_LOCAL} if !defined $given && length($ENV{MESOS_LOCAL} || '');
    return $given if defined $given;
    # Beside the shared object of these very modules, in blib or installed; then where programs are.
    my @folders = map { File::Spec->catdir($_, 'auto', 'Mesos') } grep { !ref } @INC;
    push @folders, grep {defined} @Config::Config{qw(installsitebin installbin)}, File::Spec->path;
    for my $folder (@folders) {
        my $path = File::Spec->catfile($folder, 'mesos-local');
        return Cwd::abs_path($path) if -f $path && -x _;
    }
    return;
}

sub why_not {
    my ($given) = @_;
    return "mesos-local runs on Linux only, and this is $^O" if $^O ne 'linux';
    my $path = find($given);
    return 'mesos-local was not found, neither beside the modules nor in PATH' unless defined $path;
    return "mesos-local is not executable: $path" unless -f $path && -x _;
    return;
}

# --- starting it -------------------------------------------------------------------------------------------------------------------

sub start {
    my ($class, $given, %flags) = @_;
    my $why = why_not($given);
    croak "start: $why" if defined $why;
    Mesos::Warnings::refuse_unknown('start: unknown argument', \%flags, 'credential', 'program', 'timeout', @flags);
    for my $name (grep { ref $flags{$_} && $_ ne 'credential' && ($_ ne 'attributes' || ref $flags{$_} ne 'HASH') } sort keys %flags) {
        my $text = $name eq 'resources' ? ", such as 'cpus:4;mem:2048'" : $name eq 'attributes' ? " or a hash reference, such as {rack => 'r1'}" : '';
        croak "start: $name: expected a string$text, got " . Mesos::Arguments::_describe($flags{$name}) unless overload::Method($flags{$name}, '""');
    }
    if (defined $flags{resources}) {
        require Mesos::Resources;
        Mesos::Resources->_warn_of_text('start: resources', "$flags{resources}");
    }
    my $credential = _credential(delete $flags{credential});
    my $file = $credential && _credentials_file($credential);
    my @command = (find($given), '--control', $file ? '--credentials=' . $file->filename : '--open', '--port=' . (delete $flags{port} // 0),
        map { my $value = $flags{$_}; "--$_=" . ($_ eq 'attributes' && ref $value eq 'HASH' ? join ';', map {"$_:$value->{$_}"} sort keys %$value : $value) }
            grep { defined $flags{$_} } sort keys %flags);
    my $self = bless {owner => $$, credential => $credential, log => File::Temp->new(TEMPLATE => 'mesos-local-XXXXXX', TMPDIR => 1)}, $class;
    pipe my $ready, my $write or croak_as system => "start: cannot make a pipe: $!";
    my $pid = fork;
    croak_as system => "start: cannot fork: $!" unless defined $pid;
    _become($self->{log}, $ready, $write, @command) if !$pid;
    close $write;
    $self->{pid} = $pid;
    $self->{ready} = $self->_read_ready($ready);
    return $self;
}

sub _credential {
    my ($given) = @_;
    return unless defined $given;
    my ($principal, $secret) = ref $given eq 'HASH' ? @$given{qw(principal secret)} : ();
    my $is = defined $principal && defined $secret && 2 == keys %$given && "$principal$secret" !~ /\s/ && length $principal && length $secret;
    croak 'start: credential: expected {principal => ..., secret => ...}, without white space' unless $is;
    return {principal => "$principal", secret => "$secret"};
}

# It is read when the program starts, and nobody else may read it.
sub _credentials_file {
    my ($credential) = @_;
    my $file = File::Temp->new(TEMPLATE => 'mesos-local-XXXXXX', TMPDIR => 1);
    print {$file} "$credential->{principal} $credential->{secret}\n" or croak_as system => "start: cannot write a credential: $!";
    close $file or croak_as system => "start: cannot write a credential: $!";
    return $file;
}

sub credential { my ($self) = @_; return $self->{credential} && {%{$self->{credential}}} }

# In the child: nothing of Perl's may run here but this.
sub _become {
    my ($log, $ready, $write, @command) = @_;
    my $is_there = eval {
        $SIG{__WARN__} = $SIG{__DIE__} = 'DEFAULT';
        open STDIN, '<', File::Spec->devnull or die $!;
        open STDOUT, '>&', $log or die $!;
        open STDERR, '>&', $log or die $!;
        # A number that is close-on-exec in the parent.
        my $flags = fcntl $write, F_GETFD, 0 or die $!;
        fcntl $write, F_SETFD, $flags & ~FD_CLOEXEC or die $!;
        my $program = shift @command;
        # What the shell of the test says about Mesos is not for it.
        delete @ENV{grep {/\A(?:MESOS_|LIBPROCESS_)/} keys %ENV};
        no warnings 'exec';
        exec {$program} $program, '--ready_fd=' . fileno($write), '--with_parent=' . getppid(), @command or die "cannot start $program: $!\n";
    };
    print {$log} $@ if !$is_there;
    close $log;
    POSIX::_exit(127);
}

sub _read_ready {
    my ($self, $ready) = @_;
    my $line = '';
    my $end = Time::HiRes::time() + $READY;
    my $bits = '';
    vec($bits, fileno $ready, 1) = 1;
    while ($line !~ /\n/) {
        my $left = $end - Time::HiRes::time();
        my $found = $left > 0 ? select my $readable = $bits, undef, undef, $left : 0;
        next if $found < 0;
        last unless $found && sysread $ready, $line, 65_536, length $line;
    }
    my $answer = $line =~ /\n/ ? eval { JSON::PP->new->utf8->decode($line) } : undef;
    return $answer if $answer && $answer->{address};
    $self->stop;
    (my $said = $self->said) =~ s/\s+\z//;
    croak 'start: mesos-local was not ready' . (Time::HiRes::time() >= $end ? " within $READY seconds" : '') . ': ' . ($said eq '' ? 'it has said nothing' : $said);
}

sub ready { $_[0]{ready} }

sub said {
    my ($self) = @_;
    open my $in, '<', $self->{log}->filename or return '';
    local $/;
    my $said = <$in>;
    close $in;
    return defined $said ? $said : '';
}

# --- asking it ---------------------------------------------------------------------------------------------------------------------

sub _request {
    my ($self, $method, $path, $body, $url) = @_;
    croak 'the cluster was stopped' unless $self->{pid};
    my $http = $self->{http} ||= HTTP::Tiny->new(timeout => $ANSWER, proxy => undef, http_proxy => undef, agent => 'Mesos-Test-Cluster');
    my %options = (headers => {});
    $options{headers}{Authorization} = "Bearer $self->{ready}{control_token}" if $path =~ m{\A/mesos-local} && defined $self->{ready}{control_token};
    if (my $credential = !$options{headers}{Authorization} && $self->{credential}) {
        $options{headers}{Authorization} = 'Basic ' . MIME::Base64::encode_base64("$credential->{principal}:$credential->{secret}", '');
    }
    if (defined $body) {
        $options{content} = JSON::PP->new->utf8->canonical->encode($body);
        $options{headers}{'Content-Type'} = 'application/json';
    }
    # One master may be stopped: what all have together is at the agents' port.
    $url = $self->{ready}{agents_url} // $self->{ready}{url} unless defined $url;
    my $answer = $http->request($method, "$url$path", \%options);
    return Mesos::Client::HTTP->decode($answer->{content}) if $answer->{success};
    (my $why = $answer->{content} || '') =~ s/\s+\z//;
    croak "mesos-local: $method $path: $answer->{status} $answer->{reason}: $why" . ($answer->{status} == 599 ? $self->_last_words : '');
}

sub _last_words {
    my ($self) = @_;
    my $said = $self->said;
    return $self->_is_over ? ' The program has ended' . ($said eq '' ? '' : ": $said") : '';
}

sub _is_over {
    my ($self) = @_;
    return 1 unless $self->{pid};
    return waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
}

sub look { my ($self, $what) = @_; return $self->_request('GET', "/mesos-local/$what") }
sub control { my ($self, $what, $body) = @_; return $self->_request('POST', "/mesos-local/$what", $body) }
sub get { my ($self, $path) = @_; return $self->_request('GET', $path) }

# The leading master's /state; one with nothing in it while none leads.
sub state {
    my ($self) = @_;
    my $masters = $self->{ready}{masters} || [];
    return $self->get('/state') if @$masters < 2;
    # It may be another one by then.
    for (1 .. 3) {
        my ($leader) = grep { $_->{state} eq 'leading' } @{$self->look('masters')} or last;
        my $state = eval { $self->_request('GET', '/state', undef, $masters->[$leader->{number}]{url}) };
        return $state if $state;
    }
    return {};
}

# --- ending it ---------------------------------------------------------------------------------------------------------------------

sub stop {
    my ($self) = @_;
    return 1 if !$self->{pid} || $self->{owner} != $$;
    local ($?, $!, $@);
    my $pid = $self->{pid};
    kill TERM => $pid;
    my $end = Time::HiRes::time() + $END;
    until ($self->_is_over) {
        kill KILL => $pid if Time::HiRes::time() >= $end;
        Time::HiRes::sleep(0.005);
    }
    delete $self->{pid};
    return 1;
}

sub DESTROY { $_[0]->stop }

1;
__END__

=head1 NAME

Mesos::Cluster::Program - starts mesos-local for Mesos::Cluster, and asks it

=head1 SYNOPSIS

    use Mesos::Cluster::Program;

    my $program = Mesos::Cluster::Program->start(undef, agents => 2);
    print $program->ready->{address}, "\n";

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 find

Returns the path of the program, or undef.

=head2 why_not

Returns why it cannot run here, or undef.

=head2 start

Starts it with flags, and returns when it is ready.

=head2 ready

Returns what it has said when it was ready: a hash reference.

=head2 said

Returns what it has written to its standard error.

=head2 look, control, get

Ask its control API and the master's endpoints, and return the decoded answer. Die if there is none.

=head2 state

Returns the leading master's F</state>, decoded, or an empty hash reference while no master leads.

=head2 stop

Ends it.

=cut
