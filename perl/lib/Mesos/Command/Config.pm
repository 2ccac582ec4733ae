package Mesos::Command::Config;
use 5.10.1;
use strict;
use warnings;
use B ();
use Exporter qw(import);
use Mesos::Warnings qw(meant);
use Scalar::Util qw(looks_like_number);

our @EXPORT_OK = qw(read_config parse_toml);

# --- the part of TOML that such a file needs ------------------------------------------------------------------------------------------

my %ESCAPED = (b => "\b", t => "\t", n => "\n", f => "\f", r => "\r", '"' => '"', '\\' => '\\');

# {table => {key => value}} with names such as master.zookeeper; dies with the number of a line that it does not understand.
sub parse_toml {
    my ($text) = @_;
    my (%tables, %seen, @lines);
    my $table = '';
    # Editors of Windows put it there.
    $text =~ s/\A\x{feff}//;
    @lines = split /\r?\n/, $text;
    while (@lines) {
        my $number = (my @all = split /\r?\n/, $text) - @lines + 1;
        my $line = shift @lines;
        next if $line =~ /\A\s*(?:#.*)?\z/;
        if ($line =~ /\A\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?\z/) {
            $table = $1;
            $tables{$table} ||= {};
            _once(\%seen, "[$table]", $number);
            next;
        }
        my ($key, $rest) = $line =~ /\A\s*([\w.-]+)\s*=\s*(.*)\z/ or die "line $number: expected [table] or key = value\n";
        # An array may go on for some lines.
        $rest .= "\n" . shift @lines while $rest =~ /\A\[/ && _without_strings($rest) !~ /\]/ && @lines;
        my ($value, $left) = _value($rest);
        die "line $number: expected text in quotes, true, false, a number or an array of them, got $rest\n"
            unless defined $left && $left =~ /\A\s*(?:#.*)?\z/;
        # zookeeper.path in [master] is path in [master.zookeeper].
        my ($into, $name) = (length $table ? "$table.$key" : $key) =~ /\A(?:(.*)[.])?(.*)\z/;
        $into = '' unless defined $into;
        _once(\%seen, length $into ? "$into.$name" : $name, $number);
        $tables{$into}{$name} = $value;
    }
    return \%tables;
}

# Which of two is meant is for their author to say.
sub _once {
    my ($seen, $name, $number) = @_;
    die "line $number: $name is there twice, and was in line $seen->{$name}\n" if $seen->{$name};
    $seen->{$name} = $number;
    return;
}

sub _without_strings { my ($text) = @_; $text =~ s/"(?:[^"\\]|\\.)*"|'[^']*'//g; $text =~ s/#.*//g; return $text }

# A value and what is left of the text, or nothing.
sub _value {
    my ($text) = @_;
    return ($1, $2) if $text =~ /\A'([^'\n]*)'(.*)\z/s;
    if ($text =~ /\A"((?:[^"\\\n]|\\.)*)"(.*)\z/s) {
        my ($string, $left) = ($1, $2);
        $string =~ s/\\(.)/exists $ESCAPED{$1} ? $ESCAPED{$1} : "\\$1"/ge;
        return ($string, $left);
    }
    return ($1 eq 'true' ? 1 : 0, $2) if $text =~ /\A(true|false)\b(.*)\z/s;
    return (0 + $1, $2) if $text =~ /\A([+-]?\d+(?:\.\d+)?)(.*)\z/s;
    return unless $text =~ s/\A\[//;
    my @values;
    while (1) {
        $text =~ s/\A(?:\s|#[^\n]*\n)+//;
        return (\@values, $1) if $text =~ /\A\](.*)\z/s;
        my ($value, $left) = _value($text);
        return unless defined $left;
        push @values, $value;
        $text = $left;
        $text =~ s/\A\s*,// or $text =~ /\A\s*\]/ or return;
    }
    return;
}

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
    my $tables = eval { parse_toml($text) } or die "the configuration $file: $@";
    _check($file, $tables);
    my ($master, $zookeeper, $agent) = map { $tables->{$_} || {} } qw(master master.zookeeper agent);
    my %config = (file => $file, verify => $master->{ssl_verify}, timeout => $agent->{timeout});
    $config{master} = $master->{address};
    if (my $addresses = $zookeeper->{addresses}) {
        _complain("the configuration $file: master.address has no effect beside master.zookeeper.addresses") if defined $master->{address};
        my $path = defined $zookeeper->{path} ? $zookeeper->{path} : '/mesos';
        $config{master} = 'zk://' . join(',', ref $addresses ? @$addresses : $addresses) . ($path =~ m{\A/} ? $path : "/$path");
    }
    $config{credential} = _credential($file, 'master', $master);
    $config{agent_credential} = _credential($file, 'agent', $agent);
    $config{agent_verify_certificate} = $agent->{ssl_verify} if defined $agent->{ssl_verify};
    $config{agent_scheme} = $agent->{ssl} ? 'https' : 'http' if defined $agent->{ssl};
    return \%config;
}

# What stood in quotes. A number of the parser's is none until somebody has used it as text.
sub _is_string { my ($value) = @_; return !ref $value && B::svref_2object(\$value)->FLAGS & B::SVf_POK() }

my $is_text = [sub { _is_string($_[0]) && length $_[0] }, 'text in quotes'];
my $is_secret = [sub { _is_string($_[0]) }, 'text in quotes'];
my $is_true = [sub { !ref $_[0] && $_[0] =~ /\A[01]\z/ }, 'true or false'];
my $is_list = [sub { ref $_[0] ? @{$_[0]} && !grep { !_is_string($_) || !length } @{$_[0]} : _is_string($_[0]) && length $_[0] }, 'an array of texts in quotes'];
my $is_time = [sub { !ref $_[0] && looks_like_number($_[0]) && $_[0] > 0 }, 'a number of seconds above 0'];
my %KEYS = (
    'master' => {address => $is_text, principal => $is_text, secret => $is_secret, ssl_verify => $is_true},
    'master.zookeeper' => {addresses => $is_list, path => $is_text},
    'agent' => {principal => $is_text, secret => $is_secret, ssl => $is_true, ssl_verify => $is_true, timeout => $is_time},
);

# Other commands read this file, too, so that only what is nearly a name of ours is a mistake.
sub _check {
    my ($file, $tables) = @_;
    for my $key (sort keys %{$tables->{''} || {}}) {
        die "the configuration $file: expected a table [$key], got $key = ...\n" if $KEYS{$key};
        my @of = grep { $KEYS{$_}{$key} } sort keys %KEYS;
        _complain("the configuration $file: $key has no effect before the first [table]: it belongs to [" . join('] or [', @of) . ']') if @of;
    }
    for my $table (sort keys %$tables) {
        my $keys = $KEYS{$table};
        my $meant = $keys ? '' : meant($table, sort keys %KEYS);
        _complain("the configuration $file: unknown table [$table]$meant") if length $meant;
        for my $key ($keys ? sort keys %{$tables->{$table}} : ()) {
            my $value = $tables->{$table}{$key};
            die "the configuration $file: expected a table [$table.$key], got $key = ... in [$table]\n" if $KEYS{"$table.$key"};
            my ($is_right, $expected) = @{$keys->{$key} || [sub {1}]};
            my $close = $keys->{$key} ? '' : meant($key, sort keys %$keys);
            _complain("the configuration $file: unknown key $table.$key$close") if length $close;
            # Before it is looked at as text: older perls keep that.
            my $is_string = _is_string($value);
            next if $is_right->($value);
            my $got = !ref $value ? $is_string ? qq("$value") : $value : @$value ? 'an array' : 'an empty array';
            die "the configuration $file: $table.$key: expected $expected, got $got\n";
        }
    }
    return;
}

sub _complain {
    my ($text) = @_;
    require Mesos::Command;
    Mesos::Command->complain($text);
    return;
}

sub _credential {
    my ($file, $name, $table) = @_;
    my ($principal, $secret) = @$table{qw(principal secret)};
    die "the configuration $file: $name.secret needs $name.principal, whose password it is\n" if defined $secret && !defined $principal;
    return unless defined $principal;
    _complain("the configuration $file: $name.principal has no $name.secret beside it: its password is empty") unless defined $secret;
    return {principal => $principal, secret => defined $secret ? $secret : ''};
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

=head2 parse_toml

    my $tables = parse_toml($text);

Tables, text, numbers, booleans and arrays of TOML.

=cut
