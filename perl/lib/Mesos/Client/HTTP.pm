package Mesos::Client::HTTP;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Carp ();
use HTTP::Tiny ();
use Mesos::Client::Error ();
use MIME::Base64 qw(encode_base64);
use Mesos::Client::TLS qw(socket_options tls_settings);
use Socket ();

$Carp::Internal{+__PACKAGE__}++;

# JSON::PP comes with Perl; the states of large clusters are megabytes, for which it needs many seconds.
my $json = eval { require JSON::XS; JSON::XS->new->utf8->canonical->convert_blessed->allow_nonref } || do { require JSON::PP; JSON::PP->new->utf8->canonical->convert_blessed->allow_nonref };

my @INTERRUPTING = qw(ALRM HUP INT QUIT TERM USR1 USR2);

# Arguments: timeout, credential ({principal, secret} or undef), verify (undef: as the environment says).
sub new {
    my ($class, %arguments) = @_;
    my ($timeout, $credential, $verify) = @arguments{qw(timeout credential verify)};
    my $authorization = $credential
        ? 'Basic ' . encode_base64(join(':', map { my $text = $_; utf8::encode($text); $text } @$credential{qw(principal secret)}), '')
        : undef;
    # In a closure, since dumps of an object show what is in it.
    return bless {timeout => $timeout, verify => $verify, authorization => sub {$authorization}, agents => {}}, $class;
}

sub _agent {
    my ($self, $scheme, $timeout) = @_;
    return $self->{agents}{"$scheme $timeout"} ||= do {
        my %tls;
        if ($scheme eq 'https') {
            croak q(https needs the Perl module IO::Socket::SSL, 1.42 or newer (Debian's package libio-socket-ssl-perl)) unless HTTP::Tiny->can_ssl;
            my $settings = tls_settings();
            my $verify = defined $self->{verify} ? $self->{verify} : $settings->{verify};
            %tls = (verify_SSL => $verify ? 1 : 0, SSL_options => socket_options($settings));
        }
        HTTP::Tiny->new(agent => 'mesos-perl-client', timeout => $timeout, max_redirect => 0, proxy => undef, http_proxy => undef,
            https_proxy => undef, %tls);
    };
}

# One POST. Gives HTTP::Tiny's answer; one of status 599 has no answer but a reason.
# Options: headers, timeout, stream => code that gets the body's bytes as they come.
sub post {
    my ($self, $url, $call, %option) = @_;
    my ($scheme) = $url =~ /\A(\w+):/;
    my %headers = ('Content-Type' => 'application/json', Accept => 'application/json', %{$option{headers} || {}});
    my $authorization = $self->{authorization}->();
    $headers{Authorization} = $authorization if defined $authorization;
    my $died;
    my %request = (headers => \%headers, content => ref $call ? _content($call) : $call);
    if (my $stream = $option{stream}) {
        $request{data_callback} = sub {
            my ($bytes) = @_;
            return if eval { $stream->($bytes); 1 };
            $died = {error => $@};
            die "the receiver of the stream died\n";
        };
    }
    my $agent = $self->_agent($scheme, $option{timeout} || $self->{timeout});
    # HTTP::Tiny turns every exception into an answer, those of signal handlers, too: alarm and Ctrl-C would be lost.
    local @SIG{@INTERRUPTING} = map { _remembering($SIG{$_}, \$died) } @INTERRUPTING;
    _without_delay($agent);
    my $answer = $agent->request(POST => $url, \%request);
    die $died->{error} if $died;    ## no critic (RequireCarping): it is the user's own
    $answer->{content} = '' unless defined $answer->{content};
    if ($answer->{status} == 599) {
        (my $why = $answer->{content}) =~ s/ at \S+ line \d+\.?\n?\z//;
        $why =~ s/\s+\z//;
        $answer->{why} = $why;
    }
    return $answer;
}

# HTTP::Tiny writes head and body apart. On a connection that it has kept, Linux would hold the body back for 40 ms, until the head is
# acknowledged. There is no option for this; a version that keeps its connection elsewhere is slow and not wrong.
sub _without_delay {
    my ($agent) = @_;
    my $socket = ref $agent->{handle} ? $agent->{handle}{fh} : undef;
    setsockopt $socket, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1 if $socket;
    return;
}

sub _content {
    my ($call) = @_;
    my $content = eval { $json->encode($call) };
    return $content if defined $content;
    (my $why = $@) =~ s/ at \S+ line \d+\.?\n\z//;
    croak "call: the arguments of $call->{type} are no JSON: $why";
}

sub _remembering {
    my ($handler, $died) = @_;
    return defined $handler ? $handler : 'DEFAULT' unless ref $handler eq 'CODE';
    return sub {
        my @arguments = @_;
        return if eval { $handler->(@arguments); 1 };
        $$died = {error => $@};
        die "a signal handler died\n";
    };
}

# Mesos hands on the strings of frameworks as they are, and one Latin-1 name among them makes the state of a whole cluster invalid JSON:
# bytes that are no UTF-8 become U+FFFD.
sub decode {
    my ($self, $text) = @_;
    my $decoded;
    return $decoded if eval { $decoded = $json->decode($text); 1 };
    require Encode;
    return $json->decode(Encode::encode('UTF-8', Encode::decode('UTF-8', $text)));
}

sub encode { return $json->encode($_[1]) }

# What a server said about its refusal, as one line.
sub message_of {
    my ($self, $answer) = @_;
    my $text = substr $answer->{content}, 0, 2000;
    utf8::decode($text);
    $text =~ s/\s+/ /g;
    $text =~ s/\A | \z//g;
    return $text;
}

# Where a Location leads: a base URL without /api/v1, or (undef, why).
sub redirected {
    my ($self, $base, $location) = @_;
    my ($scheme) = $base =~ /\A(\w+):/;
    return (undef, 'it redirects without saying where to') unless defined $location && length $location;
    my $url = $location =~ m{\A//} ? "$scheme:$location" : $location =~ m{\A/} ? ($base =~ m{\A(\w+://[^/]*)})[0] . $location : $location;
    my ($new, $rest) = $url =~ m{\A(https?)(://[^/?\#]+.*?)(?:/api/v1)?/?(?:[?\#].*)?\z}is;
    return (undef, "it redirects to $location, which is no address of a master") unless defined $new;
    $new = lc $new;
    return (undef, "it redirects to $location: what came by https does not go over plain http") if $scheme eq 'https' && $new ne 'https';
    return $new . $rest;
}

# A decoder of a stream that answers a call: gives code that takes bytes of RecordIO, and calls $receive->(...) with what each record says.
sub record_reader {
    my ($class, $call, $receive) = @_;
    my $buffer = '';
    my $strange = sub {
        # The user's line is behind the frames of the library that reads.
        local @Carp::Internal{qw(HTTP::Tiny HTTP::Tiny::Handle)} = (1, 1);
        Mesos::Client::Error->throw(code => 'protocol', call => $call, message => $_[0]);
    };
    return sub {
        $buffer .= $_[0];
        while ($buffer =~ /\A([0-9]{1,10})\n/) {
            my ($header, $length) = (length($1) + 1, $1);
            return if length $buffer < $header + $length;
            my $bytes = substr $buffer, $header, $length;
            substr $buffer, 0, $header + $length, '';
            my $said = eval { $class->decode($bytes) };
            $strange->('a record of the stream is no JSON object') if ref $said ne 'HASH';
            $receive->($said);
        }
        $strange->('the stream is not RecordIO') if $buffer =~ /\A[0-9]*[^0-9\n]/ || length $buffer && $buffer =~ /\A(?:[0-9]{11}|\n)/;
        return;
    };
}

1;
__END__

=head1 NAME

Mesos::Client::HTTP - how Mesos::Client speaks HTTP

=head1 SYNOPSIS

    use Mesos::Client::HTTP;

    my $http = Mesos::Client::HTTP->new(timeout => 10);
    my $answer = $http->post('http://127.0.0.1:5050/master/api/v1', {type => 'GET_HEALTH'});
    print "$answer->{status} $answer->{content}\n";

=head1 DESCRIPTION

Internal to this distribution. L<HTTP::Tiny> with what a client of Mesos needs around it.

=head1 METHODS

=head2 new

    my $http = Mesos::Client::HTTP->new(timeout => $seconds, credential => {principal => ..., secret => ...}, verify => $boolean);

=head2 post

    my $answer = $http->post($url, $call, %options);

Sends a call, a hash reference or bytes, and returns the answer of HTTP::Tiny. If there was none, its status is 599, and C<why> tells the
reason. Options: C<headers>; C<timeout> in seconds; C<stream>, code that gets the body's bytes as they come. Exceptions of that code and of
signal handlers leave C<post>.

=head2 decode

=head2 encode

JSON text (bytes) to Perl values, and back.

=head2 message_of

    my $text = $http->message_of($answer);

The body of an answer as one line.

=head2 redirected

    my ($base, $why) = $http->redirected($base, $location);

The base URL that a C<Location> names, or undef and the reason why it is not followed.

=head2 record_reader

    my $read = Mesos::Client::HTTP->record_reader('SUBSCRIBE', sub { my ($event) = @_; ... });

Code that takes the bytes of a stream of RecordIO, which answers this call, and passes on what the JSON of each record says. It dies with a
L<Mesos::Client::Error> of the code C<protocol> where they are something else.

=cut
