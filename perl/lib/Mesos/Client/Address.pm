package Mesos::Client::Address;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak croak_as);
use Exporter qw(import);

our @EXPORT_OK = qw(parse_master authority);
$Carp::Internal{+__PACKAGE__}++;

my $EXPECTED = '"host" or "host:port", "http://host:port", "https://host:port", a comma-separated list of those addresses, '
    . '"zk://[user:password@]host:port,.../path" or "file:///path"';
my $MASTER_PORT = 5050;
my $ZOOKEEPER_PORT = 2181;

# --- what the drivers' src/driver/master.rs does, for a client ------------------------------------------------------------------------

# A hash: {addresses => [{scheme, host, port}]}, where scheme may be undef, or {zookeeper => [[host, port]], path, credentials}.
sub parse_master {
    my ($text, $what) = @_;
    $what = 'master' unless defined $what;
    croak "$what: expected $EXPECTED, got undef" unless defined $text;
    my ($parsed, $why) = _parse($text);
    return $parsed if $parsed;
    croak "$what: expected $EXPECTED, got \"" . _masked($text) . "\" ($why)";
}

sub _parse {
    my ($text) = @_;
    $text =~ s/\A\s+|\s+\z//g;
    return (undef, 'the embedded cluster serves its own driver only: a client needs a master of its own') if $text eq 'local';
    return _file($1) if $text =~ m{\Afile://(.*)\z}s;
    return _zookeeper($1) if $text =~ m{\Azk://(.*)\z}s;
    my @addresses;
    for my $one (length $text ? split /,/, $text, -1 : '') {
        my ($address, $why) = _address($one);
        return (undef, $why) unless $address;
        push @addresses, $address;
    }
    return {addresses => \@addresses};
}

sub _file {
    my ($path) = @_;
    return (undef, 'the path of a file must begin with a slash') unless $path =~ m{\A/};
    open my $in, '<', $path or croak_as system => "master: cannot read $path: $!";
    my $text = do { local $/; <$in> };
    $text = '' unless defined $text;
    $text =~ s/\A\xef\xbb\xbf//;
    croak "master: the file $path names another file" if $text =~ m{\A\s*file://};
    my ($parsed, $why) = _parse($text);
    return $parsed if $parsed;
    croak "master: the file $path: expected $EXPECTED, got \"" . _masked($text) . "\" ($why)";
}

sub _address {
    my ($text) = @_;
    $text =~ s/\A\s+|\s+\z//g;
    my $scheme = $text =~ s{\A(https?)://}{} ? $1 : undef;
    return (undef, 'unknown scheme') if $text =~ m{://};
    $text =~ s/\Amaster\@//;
    return (undef, 'put user and password into the attribute credential') if $text =~ /\@/;
    return (undef, "a master's address has no path but /master") if $text =~ s{/(.*)\z}{}s && $1 !~ m{\A(?:master)?/*\z};
    return (undef, '"local" must stand alone and in lower case') if lc $text eq 'local' && !$scheme;
    my ($host, $port, $why) = _host_and_port($text, $MASTER_PORT);
    return (undef, $why) if $why;
    return {scheme => $scheme, host => $host, port => $port};
}

# Gives (host, port), or a reason as the third value.
sub _host_and_port {
    my ($text, $default) = @_;
    my $port = $default;
    if ($text =~ s/\A(\[[^\]]*\])(?::(.*))?\z/$1/s) { $port = $2 if defined $2 }
    elsif ($text =~ s/:([^:]*)\z//) { $port = $1 }
    return (undef, undef, 'bad port') unless $port =~ /\A\d{1,5}\z/ && $port >= 1 && $port <= 65_535;
    my $valid = $text =~ /\A(?:\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]{1,255})\z/;
    return (undef, undef, 'bad host') unless $valid;
    $text =~ s/\A\[|\]\z//g;
    return ($text, 0 + $port);
}

# As in libmesos the path begins at the first slash, and the credentials end at the last @ before it.
sub _zookeeper {
    my ($text) = @_;
    my ($authority, $path) = $text =~ m{\A([^/]*)(.*)\z}s;
    my $credentials = $authority =~ s/\A(.*)\@//s ? $1 : undef;
    return (undef, 'the credentials must be user:password') if defined $credentials && $credentials !~ /:/;
    my @servers;
    for my $one (length $authority ? split /,/, $authority, -1 : '') {
        my ($host, $port, $why) = _host_and_port($one, $ZOOKEEPER_PORT);
        return (undef, $why) if $why;
        push @servers, [$host, $port];
    }
    $path =~ s{/\z}{};
    return (undef, 'it has no path, such as /mesos') unless length $path;
    return (undef, 'bad path') if grep { $_ eq '' || $_ eq '.' || $_ eq '..' } (split m{/}, $path, -1)[1 .. ($path =~ tr{/}{})];
    return {zookeeper => \@servers, path => $path, credentials => $credentials};
}

# Without what may be a password.
sub _masked {
    my ($text) = @_;
    return $text if $text !~ /\@/ || $text =~ m{\A(?:https?://)?master\@[^\@]*\z};
    $text =~ s{\A(\w+://)?.*\@}{(defined $1 ? $1 : '') . '***@'}se;
    return $text;
}

sub authority {
    my ($host, $port) = @_;
    return ($host =~ /:/ ? "[$host]" : $host) . ":$port";
}

1;
__END__

=head1 NAME

Mesos::Client::Address - the strings that name a master

=head1 SYNOPSIS

    use Mesos::Client::Address qw(parse_master authority);

    my $master = parse_master('a:5050,https://b:5050');
    print authority(@$_{qw(host port)}), "\n" for @{ $master->{addresses} };

=head1 DESCRIPTION

Internal to this distribution. Reads the strings that L<Mesos::SchedulerDriver/master> describes.

=head1 FUNCTIONS

=head2 parse_master

    my $master = parse_master($text);
    my $master = parse_master($text, 'MESOS_MASTER');

Returns a hash reference. It has either C<addresses>, an array of C<< {scheme, host, port} >> (C<scheme> is undef if the string does not
say), or C<zookeeper>, an array of C<[host, port]>, with C<path> and C<credentials>. It reads the file of C<file:///path>. If the string is
none of the known forms, it dies at the line of the user's call, with C<master> or the other name. The error does not show passwords.

=head2 authority

    my $text = authority($host, $port);

C<host:port>, with brackets around an IPv6 address.

=cut
