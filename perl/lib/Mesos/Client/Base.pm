package Mesos::Client::Base;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Exporter qw(import);
use Mesos::Arguments ();
use Mesos::Client::Error ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods ();
use MIME::Base64 qw(decode_base64);
use Scalar::Util qw(blessed looks_like_number reftype);
use Time::HiRes ();

our @EXPORT_OK = qw(answers_of id_of duration machines_of instant check_keys check_options credential_of described seconds_of);
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

# What master, agents and sandboxes have.
sub methods_of_base { return (call => undef, metrics => undef, map({ ($_ => 0) } qw(health version flags logging_level))) }

sub machines_of {
    my ($method, $machines) = @_;
    croak "$method: expected an array reference of machines, {hostname => ..., ip => ...}, got " . described($machines) if ref $machines ne 'ARRAY';
    croak "$method: expected an array reference of machines, {hostname => ..., ip => ...}, got an empty one" unless @$machines;
    for my $machine (@$machines) {
        croak "$method: machine: expected {hostname => ..., ip => ...}, got " . described($machine) if ref $machine ne 'HASH';
        check_keys("$method: machine", $machine, qw(hostname ip));
        croak "$method: machine: expected {hostname => ..., ip => ...}, got neither of them" unless grep {defined} @$machine{qw(hostname ip)};
    }
    return [map { my $machine = $_; +{map { defined $machine->{$_} ? ($_ => $machine->{$_}) : () } qw(hostname ip)} } @$machines];
}

# What frameworks have said to their inverse offers.
sub answers_of {
    my ($draining) = @_;
    my %accepted = (ACCEPT => 1, DECLINE => 0);
    my @answers;
    for my $machine (@$draining) {
        for my $said (@{$machine->{statuses} || []}) {
            my %answer = (machine => $machine->{id}, framework => $said->{framework_id}{value}, accepted => $accepted{$said->{status}});
            push @answers, {%answer, time => $said->{timestamp}{nanoseconds} / 1e9};
        }
    }
    return \@answers;
}

# A hash of named arguments of which all are known.
sub check_options {
    my ($method, $options, @known) = @_;
    croak "$method: expected names and values after the arguments, got an odd number of them" if @$options % 2;
    croak "$method: expected a name and a value, got undef for a name" if grep { !($_ % 2) && !defined $options->[$_] } 0 .. $#$options;
    my %option = @$options;
    Mesos::Warnings::refuse_unknown("$method: unknown argument", \%option, @known);
    Mesos::Warnings::warn_of_truth("$method: $_", $option{$_}) for grep { exists $option{$_} } qw(agent_verify_certificate all force heartbeats mark_gone nested reconnect standalone verify_certificate);
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
    # What the methods send is right.
    $self->_warn_of_call($type, $arguments) unless caller =~ /\AMesos::Client(?:::|\z)/;
    my %call = (type => $type);
    $call{lc $type} = $arguments if $arguments;
    my $answer = $self->_send(\%call);
    return {} unless length $answer->{content};
    my $decoded = eval { $self->{http}->decode($answer->{content}) };
    Mesos::Client::Error->throw(code => 'protocol', call => $type, url => $answer->{url}, message => "$answer->{url} answered with what is no JSON object")
        unless ref $decoded eq 'HASH';
    return $decoded->{lc $type} || {};
}

# What the server does not know in a call, as [path, name, message or enum, whether that is an enum, known names]. It would pass over it.
sub _unknown_in {
    my ($class, $call) = @_;
    require Mesos::XS;
    # What is no JSON is told when it is sent.
    my $json = eval { Mesos::Client::HTTP->encode($call) };
    return unless defined $json;
    my $unknown = Mesos::Client::HTTP->decode(Mesos::XS::_json_surplus($class, $json));
    return map { [@$_{qw(path name of is_value)}, @{$_->{known}}] } @$unknown;
}

# Calls that are newer than this module are nothing to warn of, nor are keys that begin with an underscore.
sub _warn_of_call {
    my ($self, $type, $arguments) = @_;
    return unless defined $type && ref $arguments && reftype($arguments) eq 'HASH' && %$arguments;
    my @unknown = grep { $_->[1] !~ /\A_/ } _unknown_in($self->_class_of_calls, {type => $type, lc $type => $arguments});
    return if grep { $_->[0] eq 'type' } @unknown;
    for my $unknown (@unknown) {
        my ($path, $name, $of, $is_value, @known) = @$unknown;
        $path =~ s/\A\w+/$type/;
        my $text = $path eq $type ? "$type takes no arguments: what it got is not looked at"
            : "$path: $of has no " . ($is_value ? 'value' : 'field') . " '$name'"
            . Mesos::Warnings::suggestion($name, $is_value ? 'its values are' : 'its fields are', sort @known);
        Mesos::Warnings::warn_user("call: $text", $path);
    }
    return;
}

# A server says of a call that it does not know only that it has no type.
sub _hint_of_type {
    my ($self, $type) = @_;
    my ($unknown) = _unknown_in($self->_class_of_calls, {type => $type}) or return '';
    my (undef, undef, undef, undef, @known) = @$unknown;
    my ($own, $other) = $self->_class_of_calls =~ /Master/ ? ('a master', 'an agent') : ('an agent', 'a master');
    my $is_other = !_unknown_in($other eq 'a master' ? 'Mesos::Master::Call' : 'Mesos::Agent::Call', {type => $type});
    return ". $type is no call of $own" . ($is_other ? ", but one of $other" : Mesos::Warnings::meant($type, @known));
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
    $message .= $self->_hint_of_type($call->{type}) if $answer->{status} == 400 && $message =~ /'type' to be present/;
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

Field names and values are those of Mesos' JSON: enum values are names, and bytes are Base64. A master passes over fields and enum values that it does not
know without a word. So you get a warning of the category C<Mesos> (see L<Mesos::Warnings>) with the path of each, and the name that you
probably meant. Objects with a method C<TO_JSON>, such as those of L<Mesos::Messages>, may be in it as well.

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
