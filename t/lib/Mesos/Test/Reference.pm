package Mesos::Test::Reference;

# Google::ProtocolBuffers' classes for our own proto files, in packages of their own: what our codec is compared with.

use 5.10.1;
use strict;
use warnings;

# { 'Mesos::TaskInfo' => 'GpbReference::Mesos::TaskInfo', ... }, messages and enums. Dies if Google::ProtocolBuffers is not there.
my $classes;

sub classes {
    return $classes ||= _make();
}

sub _make {
    require Google::ProtocolBuffers;
    Google::ProtocolBuffers->VERSION('0.12');
    my @made = Google::ProtocolBuffers->parse(_text(), {create_accessors => 1});
    my %classes;
    for my $made (@made) {
        (my $ours = $made) =~ s/^GpbReference:://;
        $ours = 'Mesos::HealthCheck::HTTP' if $ours eq 'Mesos::Compat::HealthCheckHTTP';
        $classes{$ours} = $made;
    }
    return \%classes;
}

# All proto files as one text, below a package of its own, with maps written as what they are on the wire.
sub _text {
    my $text = '';
    for my $name (qw(mesos scheduler executor compat)) {
        open my $file, '<', "proto/$name.proto" or die "proto/$name.proto: $!";
        my $proto = do { local $/; <$file> };
        $proto =~ s{//[^\n]*}{}g;
        $proto =~ s/^\s*(?:syntax|import)\b[^;]*;//mg;
        $proto =~ s/\bmesos\.(?=\w)/gpb_reference.mesos./g;
        $proto =~ s/^package mesos;/package gpb_reference.mesos;/m;
        # A field with options but no default gets the empty string as its default there, by accident.
        $proto =~ s/\[deprecated = true\]|, deprecated = true//g;
        # Its grammar knows options of fields only.
        $proto =~ s/^(\s*[A-Z_0-9]+\s*=\s*\d+)\s*\[[^\]]*\];/$1;/mg;
        $proto =~ s{map<(\S+),\s*(\S+)>\s+(\w+)\s*=\s*(\d+);}{_map($1, $2, $3, $4)}ge;
        $text .= $proto;
    }
    return $text;
}

sub _map {
    my ($key, $value, $name, $number) = @_;
    my $entry = join '', map {ucfirst} split /_/, "${name}_entry";
    return "message $entry { optional $key key = 1; optional $value value = 2; } repeated $entry $name = $number;";
}

1;
