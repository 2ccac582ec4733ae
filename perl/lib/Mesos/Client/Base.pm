package Mesos::Client::Base;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Mesos::Arguments ();
use Mesos::Client::Error ();
use Mesos::Warnings ();
use MIME::Base64 qw(decode_base64);
use Scalar::Util qw(blessed looks_like_number reftype);
use Time::HiRes ();

our @EXPORT_OK = qw(id_of duration instant check_keys check_options credential_of described seconds_of);
$Carp::Internal{+__PACKAGE__}++;

# --- arguments -----------------------------------------------------------------------------------------------------------------------

*described = \&Mesos::Arguments::_describe;

# {value => ...} of an id that is text or a message.
sub id_of {
    my ($method, $name, $value) = @_;
    my $text = ref $value && reftype($value) eq 'HASH' ? $value->{value} : $value;
    croak "$method: $name: expected an id, got " . described($value) if !defined $text || ref $text || !length $text;
    return {value => "$text"};
}

sub _nanoseconds {
    my ($what, $seconds) = @_;
    croak "$what: expected seconds, got " . described($seconds) unless looks_like_number($seconds) && abs($seconds) < 9e9;
    my $whole = int $seconds;
    return {nanoseconds => $whole * 1_000_000_000 + int(($seconds - $whole) * 1e9 + 0.5)};
}

sub duration {
    my ($what, $seconds) = @_;
    croak "$what: expected a number of seconds that is not negative, got $seconds" if looks_like_number($seconds) && $seconds < 0;
    return _nanoseconds($what, $seconds);
}

sub instant { return _nanoseconds(@_) }

# A hash of named arguments of which all are known.
sub check_options {
    my ($method, $options, @known) = @_;
    croak "$method: expected names and values after the arguments, got an odd number of them" if @$options % 2;
    my %option = @$options;
    Mesos::Warnings::refuse_unknown("$method: unknown argument", \%option, @known);
    return \%option;
}

# Dies of keys of a hash that nobody would look at.
sub check_keys {
    my ($what, $given, @known) = @_;
    return Mesos::Warnings::refuse_unknown("$what: unknown key", $given, @known);
}

# A credential as a hash, if there is one.
sub credential_of {
    my ($name, $value) = @_;
    return unless defined $value;
    check_keys($name, $value, qw(principal secret)) if my $is_hash = ref $value && reftype($value) eq 'HASH';
    croak "$name: expected a Mesos::Credential or a hash reference with principal and secret"
        unless $is_hash && defined $value->{principal} && !ref $value->{principal};
    Mesos::Warnings::warn_of_line_end("$name: $_", $value->{$_}) for qw(principal secret);
    croak "$name: the principal must not contain a colon" if $value->{principal} =~ /:/;
    return {principal => $value->{principal}, secret => defined $value->{secret} ? $value->{secret} : ''};
}

# A time, above 0 if that is said.
sub seconds_of {
    my ($name, $value, $above) = @_;
    croak "$name: expected a number of seconds" . ($above ? ' above 0' : '') . ', got ' . described($value)
        unless looks_like_number($value) && ($above ? $value > 0 : $value >= 0);
    return $value;
}

# --- calls: what master and agents have in common ----------------------------------------------------------------------------------------

# A class has _send($call, %options), which returns the answer of HTTP.
sub call {
    my ($self, $type, $arguments, @rest) = @_;
    croak 'call: expected the name of a call such as "GET_TASKS", got ' . described($type)
        unless defined $type && $type =~ /\A[A-Z][A-Z_]*\z/;
    croak "call: the arguments of $type: expected a hash reference, got " . described($arguments)
        if defined $arguments && (!ref $arguments || reftype($arguments) ne 'HASH');
    croak 'call: expected a type and its arguments, got ' . (2 + @rest) . ' arguments' if @rest;
    my %call = (type => $type);
    $call{lc $type} = $arguments if $arguments;
    my $answer = $self->_send(\%call);
    return {} unless length $answer->{content};
    my $decoded = eval { $self->{http}->decode($answer->{content}) };
    Mesos::Client::Error->throw(code => 'protocol', call => $type, url => $answer->{url}, message => "$answer->{url} answered with what is no JSON object")
        unless ref $decoded eq 'HASH';
    return $decoded->{lc $type} || {};
}

sub health { return $_[0]->call('GET_HEALTH')->{healthy} ? 1 : 0 }

sub version { return $_[0]->call('GET_VERSION')->{version_info} || {} }

sub flags {
    my ($self) = @_;
    return {map { ($_->{name} => $_->{value}) } @{$self->call('GET_FLAGS')->{flags} || []}};
}

sub metrics {
    my ($self, @options) = @_;
    my $option = check_options('metrics', \@options, 'timeout');
    my $arguments = defined $option->{timeout} ? {timeout => duration('metrics: timeout', $option->{timeout})} : {};
    return {map { ($_->{name} => $_->{value}) } @{$self->call('GET_METRICS', $arguments)->{metrics} || []}};
}

sub logging_level { return $_[0]->call('GET_LOGGING_LEVEL')->{level} || 0 }

sub set_logging_level {
    my ($self, $level, @options) = @_;
    croak 'set_logging_level: expected a level, which is a whole number, got ' . described($level)
        unless defined $level && $level =~ /\A\d{1,2}\z/;
    my $option = check_options('set_logging_level', \@options, 'duration');
    croak 'set_logging_level: expected duration => SECONDS, after which the level is the old one' unless defined $option->{duration};
    $self->call('SET_LOGGING_LEVEL', {level => 0 + $level, duration => duration('set_logging_level: duration', $option->{duration})});
    return;
}

# --- logs: ClusterD ---------------------------------------------------------------------------------------------------------------------

sub _number_of {
    my ($method, $name, $value) = @_;
    croak "$method: $name: expected a whole number, got " . described($value) unless defined $value && $value =~ /\A\d+\z/;
    return 0 + $value;
}

# Of what ClusterD sends for a part of a log.
sub _log_part {
    my ($part) = @_;
    return {size => $part->{size} || 0, data => defined $part->{data} ? decode_base64($part->{data}) : ''};
}

# What an older Mesos says of a call that it does not know is of no help.
sub _call_of_clusterd {
    my ($self, $type, $arguments) = @_;
    my $answer = eval { $self->call($type, $arguments) };
    return $answer if $answer;
    my $error = $@;
    die $error unless blessed $error && $error->isa('Mesos::Client::Error') && ($error->status || 0) == 400 && $error->message =~ /'type' to be present/; ## no critic (RequireCarping): it has its place
    Mesos::Client::Error->throw(code => 'refused', call => $type, url => $error->url, message => 'ClusterD has this call, but not the Mesos at ' . $error->url);
    return;
}

# --- files ---------------------------------------------------------------------------------------------------------------------------

sub _path {
    my ($method, $path) = @_;
    croak "$method: path: expected text, got " . described($path) if !defined $path || ref $path || !length $path;
    return "$path";
}

sub list_files {
    my ($self, $path, @rest) = @_;
    $path = _path('list_files', $path);
    check_options('list_files', \@rest);
    return $self->call('LIST_FILES', {path => $path})->{file_infos} || [];
}

# Reads the whole file from an offset on, or at most length bytes of it.
sub read_file {
    my ($self, $path, @options) = @_;
    $path = _path('read_file', $path);
    my $option = check_options('read_file', \@options, qw(offset length));
    _number_of('read_file', $_, $option->{$_}) for sort keys %$option;
    my ($offset, $left) = ($option->{offset} || 0, $option->{length});
    my $bytes = '';
    while (!defined $left || $left > 0) {
        my $some = $self->_read_some($path, $offset, $left);
        last unless length $some;
        $bytes .= $some;
        $offset += length $some;
        $left -= length $some if defined $left;
    }
    return $bytes;
}

# An agent sends at most 16 pages at a time, whatever the length.
sub _read_some {
    my ($self, $path, $offset, $length) = @_;
    my %arguments = (path => $path, offset => 0 + $offset);
    $arguments{length} = 0 + $length if defined $length;
    my $read = $self->call('READ_FILE', \%arguments);
    my $data = defined $read->{data} ? decode_base64($read->{data}) : '';
    $data = substr $data, 0, $length if defined $length && length $data > $length;
    return $data;
}

# Calls $receiver->($bytes) with what comes, until it or `until` says that this is enough.
sub follow_file {
    my ($self, $path, $receiver, @options) = @_;
    $path = _path('follow_file', $path);
    croak 'follow_file: expected code that gets the bytes, got ' . described($receiver) unless ref $receiver eq 'CODE';
    my $option = check_options('follow_file', \@options, qw(offset interval until));
    my $interval = defined $option->{interval} ? $option->{interval} : 0.5;
    croak 'follow_file: interval: expected seconds above 0, got ' . described($interval) unless looks_like_number($interval) && $interval > 0;
    my $until = $option->{until};
    croak 'follow_file: until: expected code, got ' . described($until) if defined $until && ref $until ne 'CODE';
    my $offset = $option->{offset} || 0;
    while (1) {
        # Asked before the last reading: what was written before it became true is read.
        my $is_last = $until && $until->();
        while (1) {
            my $bytes = $self->_read_if_there($path, $offset);
            last unless length $bytes;
            $offset += length $bytes;
            $receiver->($bytes);
        }
        return $offset if $is_last;
        Time::HiRes::sleep($interval);
    }
    return;
}

# A task that has just begun has not made its files yet.
sub _read_if_there {
    my ($self, $path, $offset) = @_;
    my $bytes = eval { $self->_read_some($path, $offset) };
    return $bytes if defined $bytes;
    my $error = $@;
    return '' if blessed $error && $error->isa('Mesos::Client::Error') && ($error->status || 0) == 404;
    die $error;    ## no critic (RequireCarping): it has its place
}

# What every answer but a success means.
sub _refused {
    my ($self, $call, $url, $answer) = @_;
    Mesos::Client::Error->throw(call => $call->{type}, url => $url, message => "no answer from $url: $answer->{why}")
        if $answer->{status} == 599;
    my $message = $self->{http}->message_of($answer);
    $message .= '. It asks for a password: see the attribute credential' if $answer->{status} == 401;
    Mesos::Client::Error->throw(call => $call->{type}, url => $url, status => $answer->{status}, reason => $answer->{reason}, message => $message);
    return;
}

1;
__END__

=head1 NAME

Mesos::Client::Base - what clients of masters and of agents have in common

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    my $version = $client->version;                          # of the master
    print "$version->{version}\n";
    print $_->version->{version}, "\n" for map { $client->agent($_->{agent_info}{id}) } @{ $client->agents };

=head1 DESCRIPTION

The base class of L<Mesos::Client> and L<Mesos::Client::Agent>. It has the calls that masters and agents both answer. L<Mesos::Client> tells
you about errors.

=head1 METHODS

=head2 call

    my $answer = $client->call($type, \%arguments);

Makes any call of Mesos' operator API, also one that has no method here. C<$type> is the name that Mesos gives it, such as C<GET_TASKS>, and
C<%arguments> are the fields of its member. Returns a hash reference with the fields of the answer's member, which is empty if there is none:

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    my @resources = ({name => 'cpus', type => 'SCALAR', scalar => {value => 1},
        reservations => [{type => 'DYNAMIC', role => 'dev'}]});
    $client->call('RESERVE_RESOURCES', {agent_id => {value => 'S1'}, resources => \@resources});

Field names and values are those of Mesos' JSON: enum values are names, and bytes are Base64.

=head2 health

True if the server says that it is healthy.

=head2 version

A hash reference with C<version>, C<build_date>, C<git_sha> and more.

=head2 flags

A hash reference: the server's flags, and the values that it runs with. All values are text.

=head2 metrics

    my $metrics = $client->metrics;
    my $metrics = $client->metrics(timeout => $seconds);

A hash reference: names of metrics, such as C<master/tasks_running>, and numbers. A server leaves out what it cannot find out within
C<timeout>.

=head2 logging_level

The level of verbose logging, a number.

=head2 set_logging_level

    $client->set_logging_level($level, duration => $seconds);

Sets it for some time.

=head2 list_files

    my $files = $client->list_files($path);

The files in a folder that the server serves, an array reference. Each is a hash reference with C<path>, C<size>, C<mode>, C<uid>, C<gid>,
C<nlink> and C<mtime>, which has C<nanoseconds>. Paths are virtual: see L<Mesos::Client::Sandbox> for those of tasks.

=head2 read_file

    my $bytes = $client->read_file($path);
    my $bytes = $client->read_file($path, offset => 1000, length => 500);

The bytes of a file: from C<offset> (default 0) to its end, or at most C<length> of them.

=head2 follow_file

    my $offset = $client->follow_file($path, sub { my ($bytes) = @_; ... }, until => sub { ... });

Calls the code with what is in the file, and then with what is added to it. It asks every C<interval> seconds (default 0.5). A file that is
not there yet is waited for. It ends when C<until> returns true, after it has read what is there at that time. Without C<until> it ends only
if your code dies. C<offset> is where it begins (default 0). Returns the offset of the end.

=head1 FUNCTIONS

These are internal to this distribution.

=head2 check_options

=head2 described

=head2 duration

=head2 id_of

=head2 instant

=cut
