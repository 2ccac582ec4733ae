package Mesos::Client::TLS;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak croak_as);
use Exporter qw(import);

our @EXPORT_OK = qw(tls_enabled tls_settings socket_options);
$Carp::Internal{+__PACKAGE__}++;

# The value of a variable, under its name or the older one, and the name.
sub _variable {
    my ($name) = @_;
    for my $full ("LIBPROCESS_SSL_$name", "SSL_$name") {
        return ($ENV{$full}, $full) if defined $ENV{$full} && length $ENV{$full};
    }
    return;
}

sub _flag {
    my ($name) = @_;
    my ($value, $full) = _variable($name);
    return unless defined $value;
    return $value eq '1' || $value eq 'true' ? 1 : 0 if $value =~ /\A(?:0|1|true|false)\z/;
    croak qq(environment: $full is "$value", expected 1 or 0);
}

sub tls_enabled { return _flag('ENABLED') || 0 }

# {verify, ca_file, ca_dir, cert_file, key_file, versions}
sub tls_settings {
    my $verify = _flag('VERIFY_SERVER_CERT');
    $verify = _flag('VERIFY_CERT') unless defined $verify;
    my %settings = (verify => defined $verify ? $verify : 1);
    ($settings{lc $_}) = _variable($_) for qw(CA_FILE CA_DIR);
    my ($certificate, $certificate_name) = _variable('CERT_FILE');
    my ($key, $key_name) = _variable('KEY_FILE');
    # To OpenSSL SSL_CERT_FILE is a file of authorities. It is libprocess' variable only together with SSL_KEY_FILE.
    $certificate = undef if defined $certificate && !defined $key && $certificate_name eq 'SSL_CERT_FILE';
    croak "environment: $certificate_name is set, but not its key, LIBPROCESS_SSL_KEY_FILE" if defined $certificate && !defined $key;
    croak "environment: $key_name is set, but not its certificate, LIBPROCESS_SSL_CERT_FILE" if defined $key && !defined $certificate;
    @settings{qw(cert_file key_file)} = ($certificate, $key) if defined $certificate;
    my %use = map { my $on = _flag("ENABLE_TLS_V1_$_"); ($_ => !defined $on || $on) } 2, 3;
    croak 'environment: LIBPROCESS_SSL_ENABLE_TLS_V1_2 and _V1_3 are both 0' unless $use{2} || $use{3};
    $settings{versions} = !$use{2} ? 'TLSv1_3' : !$use{3} ? 'TLSv1_2' : 'SSLv23:!SSLv2:!SSLv3:!TLSv1:!TLSv1_1';
    return \%settings;
}

# The same for IO::Socket::SSL.
sub socket_options {
    my ($settings) = @_;
    my %options = (SSL_version => $settings->{versions});
    my %names = (ca_file => 'SSL_ca_file', ca_dir => 'SSL_ca_path', cert_file => 'SSL_cert_file', key_file => 'SSL_key_file');
    for my $name (sort keys %names) {
        my $path = $settings->{$name};
        next unless defined $path;
        croak_as system => "environment: LIBPROCESS_SSL_\U$name\E names $path, which cannot be read: $!" unless -r $path;
        $options{$names{$name}} = $path;
    }
    return \%options;
}

1;
__END__

=head1 NAME

Mesos::Client::TLS - TLS settings of Mesos' clients in the environment

=head1 SYNOPSIS

    use Mesos::Client::TLS qw(tls_enabled tls_settings socket_options);

    my $options = tls_enabled() ? socket_options(tls_settings()) : {};

=head1 DESCRIPTION

Internal to this distribution. Reads the variables C<LIBPROCESS_SSL_...>, which also may be written C<SSL_...>, as the drivers do. Dies at
the line of the user's call if they contradict each other.

=head1 FUNCTIONS

=head2 tls_enabled

Whether addresses without C<http://> or C<https://> mean https.

=head2 tls_settings

A hash reference with C<verify>, C<ca_file>, C<ca_dir>, C<cert_file>, C<key_file> and C<versions>.

=head2 socket_options

    my $options = socket_options($settings);

The same as options of L<IO::Socket::SSL>.

=cut
