package Mesos::Command::Config;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use Mesos::Command::TOML qw(parse_toml plain_of);
use Mesos::Warnings qw(meant);

our @EXPORT_OK = qw(read_config);

# --- the file ----------------------------------------------------------------------------------------------------------------------------

# What ClusterD's command reads: {master, credential, verify, agent_scheme, agent_verify_certificate, agent_credential, timeout, file}.
sub read_config {
    my ($file) = @_;
    my $given = defined $file;
    $file = $ENV{MESOS_CLI_CONFIG} unless $given;
    $file = "$ENV{HOME}/.mesos/config.toml" if !defined $file && defined $ENV{HOME};
    return {} unless defined $file && ($given || defined $ENV{MESOS_CLI_CONFIG} || -e $file);
    open my $in, '<:raw', $file or die "cannot read the configuration $file: $!\n";
    die "cannot read the configuration $file: it is a directory\n" if -d $in;
    my $text = '';
    while (my $line = <$in>) {
        utf8::decode($line) or die "the configuration $file: line $.: expected UTF-8, got bytes that are none\n";
        $text .= $line;
    }
    my $root = eval { parse_toml($text) } or die "the configuration $file: " . _discreet($@, $text);
    _check($file, $root);
    my $tables = plain_of($root);
    my ($master, $agent) = map { $tables->{$_} || {} } qw(master agent);
    my $zookeeper = $master->{zookeeper} || {};
    my %config = (file => $file, verify => $master->{ssl_verify}, timeout => $agent->{timeout});
    $config{master} = $master->{address};
    if (my $addresses = $zookeeper->{addresses}) {
        _complain("the configuration $file: master.address has no effect beside master.zookeeper.addresses") if defined $master->{address};
        my $path = defined $zookeeper->{path} ? $zookeeper->{path} : '/mesos';
        $config{master} = 'zk://' . join(',', ref $addresses ? @$addresses : $addresses) . ($path =~ m{\A/} ? $path : "/$path");
    }
    $config{credential} = _credential($file, $root, 'master');
    $config{agent_credential} = _credential($file, $root, 'agent');
    $config{agent_verify_certificate} = $agent->{ssl_verify} if defined $agent->{ssl_verify};
    $config{agent_scheme} = $agent->{ssl} ? 'https' : 'http' if defined $agent->{ssl};
    return \%config;
}

# A password is shown to nobody, also where it is no TOML. In three quotes it may go on for some lines.
sub _discreet {
    my ($why, $text) = @_;
    my ($number) = $why =~ /\Aline (\d+):/ or return $why;
    my @lines = (split /\r?\n/, $text, -1)[0 .. $number - 1];
    pop @lines while @lines > 1 && $lines[-1] !~ /=|secret/;
    $why =~ s/, got .*/\n/s if $lines[-1] =~ /secret/;
    return $why;
}

my $is_text = [sub { $_[0]{kind} eq 'string' && length $_[0]{value} }, 'text in quotes'];
my $is_secret = [sub { $_[0]{kind} eq 'string' }, 'text in quotes'];
my $is_true = [sub { $_[0]{kind} eq 'boolean' }, 'true or false'];
my $is_list = [
    sub {
        my ($given) = @_;
        my @of = $given->{kind} eq 'array' ? @{$given->{value}} : $given;
        return @of && !grep { !$is_text->[0]->($_) } @of;
    },
    'an array of texts in quotes'
];
my $is_time = [sub { $_[0]{kind} eq 'number' && $_[0]{value} > 0 && $_[0]{value} < 9**9**9 }, 'a number of seconds above 0'];
my %KEYS = (
    'master' => {address => $is_text, principal => $is_text, secret => $is_secret, ssl_verify => $is_true},
    'master.zookeeper' => {addresses => $is_list, path => $is_text},
    'agent' => {principal => $is_text, secret => $is_secret, ssl => $is_true, ssl_verify => $is_true, timeout => $is_time},
);

# Other commands read this file, too, so that only what is nearly a name of ours is a mistake.
sub _check {
    my ($file, $root) = @_;
    for my $name (sort keys %{$root->{value}}) {
        my $given = $root->{value}{$name};
        if ($given->{kind} eq 'table' && !$KEYS{$name}) {
            my $meant = meant($name, sort keys %KEYS);
            _complain("the configuration $file: line $given->{line}: unknown table [$name]$meant") if length $meant;
        }
        next if $KEYS{$name};
        my @of = grep { $KEYS{$_}{$name} } sort keys %KEYS;
        _complain("the configuration $file: line $given->{line}: $name has no effect before the first [table]: it belongs to [" . join('] or [', @of) . ']') if @of;
    }
    for my $table (sort keys %KEYS) {
        my $at = $root;
        for my $name (split /[.]/, $table) { $at &&= $at->{value}{$name} }
        next unless $at;
        die "the configuration $file: line $at->{line}: expected a table [$table], got " . _shown($at) . "\n" unless $at->{kind} eq 'table';
        _check_table($file, $table, $at);
    }
    return;
}

sub _check_table {
    my ($file, $table, $given) = @_;
    my $keys = $KEYS{$table};
    for my $key (sort keys %{$given->{value}}) {
        my $value = $given->{value}{$key};
        my $where = "the configuration $file: line $value->{line}:";
        next if $KEYS{"$table.$key"};
        if (!$keys->{$key}) {
            my @tables = map { /\A\Q$table\E[.](.*)\z/ ? $1 : () } sort keys %KEYS;
            my $close = meant($key, $value->{kind} eq 'table' ? @tables : sort keys %$keys);
            _complain("$where unknown " . ($value->{kind} eq 'table' ? "table [$table.$key]" : "key $table.$key") . $close) if length $close;
            next;
        }
        my ($is_right, $expected) = @{$keys->{$key}};
        # A password is shown to nobody, also where it lacks its quotes.
        die "$where $table.$key: expected $expected, got " . ($is_right == $is_secret->[0] ? _kind($value) : _shown($value)) . "\n" unless $is_right->($value);
    }
    return;
}

my %KIND = (array => 'an array', boolean => 'a boolean', number => 'a number', string => 'text', table => 'a table', time => 'a time');

sub _kind { my ($value) = @_; return $KIND{$value->{kind}} }

sub _shown {
    my ($value) = @_;
    my ($kind, $of) = @$value{qw(kind value)};
    return $kind eq 'string' ? qq("$of") : $kind eq 'number' ? $of : $kind eq 'boolean' ? ($of ? 'true' : 'false')
        : $kind eq 'array' && !@$of ? 'an empty array' : _kind($value);
}

sub _complain {
    my ($text) = @_;
    require Mesos::Command;
    Mesos::Command->complain($text);
    return;
}

sub _credential {
    my ($file, $root, $name) = @_;
    my ($principal, $secret) = @{($root->{value}{$name} || {})->{value} || {}}{qw(principal secret)};
    die "the configuration $file: line $secret->{line}: $name.secret needs $name.principal, whose password it is\n" if $secret && !$principal;
    return unless $principal;
    _complain("the configuration $file: line $principal->{line}: $name.principal has no $name.secret beside it: its password is empty") unless $secret;
    return {principal => $principal->{value}, secret => $secret ? $secret->{value} : ''};
}

1;
__END__

=head1 NAME

Mesos::Command::Config - the configuration file of mesos-perl

=head1 SYNOPSIS

    use Mesos::Command::Config qw(read_config);

    my $config = read_config();    # of ~/.mesos/config.toml
    print $config->{master} || 'none', "\n";

=head1 DESCRIPTION

Internal to this distribution. L<mesos-perl> describes the file.

=head1 FUNCTIONS

=head2 read_config

    my $config = read_config($file);

Reads C<$file>, or the file that C<MESOS_CLI_CONFIG> names, or F<~/.mesos/config.toml>. Returns a hash reference, which is empty if nobody
asked for a file and there is none. Dies if the file cannot be read or understood.

=cut
