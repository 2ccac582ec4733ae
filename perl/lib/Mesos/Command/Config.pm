package Mesos::Command::Config;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(read_config parse_toml);

# --- the part of TOML that such a file needs ------------------------------------------------------------------------------------------

my %ESCAPED = (b => "\b", t => "\t", n => "\n", f => "\f", r => "\r", '"' => '"', '\\' => '\\');

# {table => {key => value}} with names such as master.zookeeper; dies with the number of a line that it does not understand.
sub parse_toml {
    my ($text) = @_;
    my (%tables, @lines);
    my $table = '';
    @lines = split /\r?\n/, $text;
    while (@lines) {
        my $number = (my @all = split /\r?\n/, $text) - @lines + 1;
        my $line = shift @lines;
        next if $line =~ /\A\s*(?:#.*)?\z/;
        if ($line =~ /\A\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?\z/) { $table = $1; $tables{$table} ||= {}; next }
        my ($key, $rest) = $line =~ /\A\s*([\w.-]+)\s*=\s*(.*)\z/ or die "line $number: expected [table] or key = value\n";
        # An array may go on for some lines.
        $rest .= "\n" . shift @lines while $rest =~ /\A\[/ && _without_strings($rest) !~ /\]/ && @lines;
        my ($value, $left) = _value($rest);
        die "line $number: expected text in quotes, true, false, a number or an array of them, got $rest\n"
            unless defined $left && $left =~ /\A\s*(?:#.*)?\z/;
        $tables{$table}{$key} = $value;
    }
    return \%tables;
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

# What ClusterD's command reads: {master, credential, verify, agent_scheme, agent_credential, timeout, file}.
sub read_config {
    my ($file) = @_;
    my $given = defined $file;
    $file = $ENV{MESOS_CLI_CONFIG} unless $given;
    $file = "$ENV{HOME}/.mesos/config.toml" if !defined $file && defined $ENV{HOME};
    return {} unless defined $file && ($given || defined $ENV{MESOS_CLI_CONFIG} || -e $file);
    open my $in, '<:encoding(UTF-8)', $file or die "cannot read the configuration $file: $!\n";
    my $text = do { local $/; <$in> };
    my $tables = eval { parse_toml(defined $text ? $text : '') } or die "the configuration $file: $@";
    my ($master, $zookeeper, $agent) = map { $tables->{$_} || {} } qw(master master.zookeeper agent);
    my %config = (file => $file, verify => $master->{ssl_verify}, timeout => $agent->{timeout});
    $config{master} = $master->{address};
    if (my $addresses = $zookeeper->{addresses}) {
        my $path = defined $zookeeper->{path} ? $zookeeper->{path} : '/mesos';
        $config{master} = 'zk://' . join(',', ref $addresses ? @$addresses : $addresses) . ($path =~ m{\A/} ? $path : "/$path");
    }
    $config{credential} = _credential($master);
    $config{agent_credential} = _credential($agent);
    $config{agent_scheme} = $agent->{ssl} ? 'https' : 'http' if defined $agent->{ssl};
    return \%config;
}

sub _credential {
    my ($table) = @_;
    return unless defined $table->{principal};
    return {principal => $table->{principal}, secret => defined $table->{secret} ? $table->{secret} : ''};
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
