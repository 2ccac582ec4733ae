# The pages of messages and enums (perl/lib/Mesos/TaskInfo.pod and its siblings), made from proto/*.proto and the comments there.
package MessagePages;
use 5.10.1;
use strict;
use warnings;

# The releases whose schemas were compared; see the top of proto/mesos.proto.
my @RELEASES = qw(0.20.0 0.28.1 1.0.0 1.4.0 1.11.0);
my %PERL = ('mesos.compat.HealthCheckHTTP' => 'Mesos::HealthCheck::HTTP');
my $WIDTH = 140;

# The pages by path below perl/lib, and the list of links for Mesos::Messages.
sub made_from {
    my (@protos) = @_;
    my @types = map { _types_of($_) } @protos;
    my %by_proto = map { ($_->{proto} => $_) } @types;
    for my $type (@types) {
        for my $field (grep { $_->{of} } @{$type->{members}}) {
            my $of = $by_proto{$field->{of}} or die "$type->{proto}.$field->{name}: no type $field->{of}\n";
            $of->{used_by}{$type->{class}} = 1 unless $of == $type;
        }
    }
    my %pages;
    for my $type (@types) {
        (my $path = "$type->{class}.pod") =~ s{::}{/}g;
        $pages{$path} = _page($type, \%by_proto);
    }
    return (\%pages, _links(@types));
}

# --- reading proto/ ----------------------------------------------------------------------------------------------------------------

sub _types_of {
    my ($path) = @_;
    open my $in, '<', $path or die "cannot read $path: $!";
    my ($package, @open, @types, @comment);
    while (my $line = <$in>) {
        if ($line =~ m{^\s*// ?(.*)}) { push @comment, $1; next }
        my $comment = join ' ', splice @comment;
        if ($line =~ /^\s*$|^(?:syntax|import) /) {next}
        if ($line =~ /^package ([\w.]+);/) { $package = $1; next }
        if ($line =~ /^\s*(message|enum|oneof) (\w+) \{(\})?$/) {
            my ($kind, $name, $closed) = ($1, $2, $3);
            my $type = $kind eq 'oneof' ? {oneof => $name} : _type($kind, join('.', $package, _names(@open), $name), $comment);
            push @types, $type unless $type->{oneof};
            push @open, $type unless $closed;
        }
        elsif ($line =~ /^\s*\}$/) { pop @open }
        else {
            my $member = _member($line) or die "$path:$.: cannot read: $line";
            $member->{comment} = $comment;
            $member->{oneof} = $open[-1]{oneof};
            my ($in_type) = grep { $_->{members} } reverse @open;
            _qualify_map($in_type, $member, \@types) if $member->{map};
            push @{$in_type->{members}}, $member;
        }
    }
    return @types;
}

sub _names { map { $_->{name} } grep { $_->{name} } @_ }

sub _type {
    my ($kind, $proto, $comment) = @_;
    my ($name) = $proto =~ /(\w+)$/;
    my $class = $PERL{$proto};
    ($class = ucfirst $proto) =~ s{\.(\w)}{"::\U$1"}ge unless $class;
    return {kind => $kind, name => $name, proto => $proto, class => $class, comment => $comment, members => []};
}

sub _member {
    my ($line) = @_;
    my ($said, $number, $options, $note) = $line =~ m{^\s*(.*?) = (\d+)(?: \[(.*)\])?;(?:  // (.*))?$} or return;
    $options = '' unless defined $options;
    my %member = (number => $number, deprecated => scalar($options =~ /\bdeprecated = true/), notes($note));
    ($member{default}) = $options =~ /\bdefault = ("[^"]*"|[^,\s]+)/;
    if ($said =~ /^\w+$/) { return {%member, name => $said} }
    if ($said =~ /^map<(\w+), ([\w.]+)> (\w+)$/) {
        return {%member, map => [$1, $2], name => $3, label => 'map'};
    }
    my ($label, $type, $name) = $said =~ /^(?:(optional|required|repeated) )?([\w.]+) (\w+)$/ or return;
    return {%member, label => $label || 'optional', type => $type, name => $name, $type =~ /\./ ? (of => $type) : ()};
}

# protoc makes a message of the entries of a map: the class that Perl has.
sub _qualify_map {
    my ($in_type, $member, $types) = @_;
    my $name = join '', map {ucfirst} split /_/, $member->{name};
    my $entry = _type('message', "$in_type->{proto}.${name}Entry", "An entry of the map `$member->{name}` of `$in_type->{class}`.");
    my ($key, $value) = @{$member->{map}};
    my @both = (label => 'optional', since => $member->{since});
    $entry->{members} = [
        {@both, name => 'key', number => 1, type => $key, comment => 'What the entry is found by.'},
        {@both, name => 'value', number => 2, type => $value, comment => 'What it holds.', $value =~ /\./ ? (of => $value) : ()},
    ];
    $entry->{map_entry} = 1;
    push @$types, $entry;
    $member->{of} = $entry->{proto};
    return;
}

# "since 1.4.0, until 1.11.0", each of which may be missing.
sub notes {
    my ($note) = @_;
    return () unless defined $note;
    my ($since, $until) = $note =~ /^(?:since (ClusterD|[\d.]+))?(?:, |^|$)(?:until ([\d.]+))?$/ or die "cannot read the comment: $note\n";
    return (since => $since, until => $until);
}

# --- writing pages -------------------------------------------------------------------------------------------------------------------

sub _page {
    my ($type, $by_proto) = @_;
    my $is_enum = $type->{kind} eq 'enum';
    my $what = $is_enum ? 'enum' : 'message';
    (my $proto = $type->{proto}) =~ s/^mesos\.compat\.HealthCheckHTTP$/mesos.HealthCheck.HTTP/;
    my @blocks = (
        '=head1 NAME',
        "$type->{class} - the $what $proto",
        '=head1 SYNOPSIS',
        $is_enum ? _enum_synopsis($type) : _synopsis($type, $by_proto),
        '=head1 DESCRIPTION',
        _text($type->{comment} || "The $what `$proto` of Mesos."),
        $is_enum ? _constants($type) : _fields($type, $by_proto),
        '=head1 SEE ALSO',
        _wrapped(join ', ', map {"L<$_>"} 'Mesos::Messages', $is_enum ? 'Mesos::Enum' : 'Mesos::Message'),
    );
    my @used_by = sort keys %{$type->{used_by} || {}};
    push @blocks, _used_in(@used_by) if @used_by;
    return join("\n\n", @blocks, '=cut') . "\n";
}

# Manual pages are justified, and groff warns of a line that it cannot fill since the next name is longer than a line: such a list stays
# ragged. The text of an item goes on after .na, where a paragraph would be justified again.
sub _used_in {
    my (@classes) = @_;
    my $list = join ', ', map {"L<$_>"} @classes;
    return _wrapped("It is used in $list.") unless grep { length > 70 } @classes;
    return ('=over 4', '=item It is used in', '=for man .na', _wrapped($list), '=back');
}

sub _enum_synopsis {
    my ($type) = @_;
    my $first = $type->{members}[0]{name};
    return "    use Mesos::Messages;\n\n    my \$number = $type->{class}::$first();\n"
        . "    my \$name   = $type->{class}->name_of(\$number);    # '$first'";
}

sub _synopsis {
    my ($type, $by_proto) = @_;
    my @lines = _sample($type, $by_proto, 1);
    my $new = @lines ? join("\n", '({', @lines, '    })') : '';
    return "    use Mesos::Messages;\n\n    my \$message = $type->{class}->new$new;\n    my \$bytes   = \$message->encode;\n"
        . "    my \$again   = $type->{class}->decode(\$bytes);";
}

# What must be set, and what is in it, of an entry of a map all; else the first field that needs no more than a value.
sub _sample {
    my ($type, $by_proto, $depth) = @_;
    my @fields = grep { $type->{map_entry} || $_->{label} eq 'required' } @{$type->{members}};
    my $indent = '    ' x ($depth + 1);
    if (!@fields && $depth == 1) {
        @fields = grep { !$_->{until} && !$_->{map} && $_->{label} ne 'repeated' && (!$_->{of} || $by_proto->{$_->{of}}{kind} eq 'enum') }
            @{$type->{members}};
        splice @fields, 1;
    }
    my @lines;
    for my $field (@fields) {
        my $of = $field->{of} && $by_proto->{$field->{of}};
        if ($of && $of->{kind} eq 'message') {
            my @inner = _sample($of, $by_proto, $depth + 1);
            push @lines, @inner ? ("$indent$field->{name} => {", @inner, "$indent},") : "$indent$field->{name} => {},";
        }
        else { push @lines, "$indent$field->{name} => " . _value($field, $of) . ',' }
    }
    return @lines;
}

sub _value {
    my ($field, $of) = @_;
    if ($of) {
        my ($first) = grep { $_->{name} ne 'UNKNOWN' } @{$of->{members}};
        return "$of->{class}::$first->{name}()";
    }
    return "'...'" if $field->{type} =~ /^(?:string|bytes)$/;
    return $field->{type} eq 'double' ? '1.5' : 1;
}

sub _fields {
    my ($type, $by_proto) = @_;
    return "=head1 FIELDS\n\nIt has none: that it is there says all." unless @{$type->{members}};
    return ('=head1 FIELDS', '=over 4', (map { _field($_, $by_proto) } @{$type->{members}}), '=back');
}

sub _field {
    my ($field, $by_proto) = @_;
    my $of = $field->{of} && $by_proto->{$field->{of}};
    my $type = $of ? "L<$of->{class}>" : "C<$field->{type}>";
    if ($field->{map}) {
        my $to = $by_proto->{$field->{map}[1]};
        $type = "from C<$field->{map}[0]> to " . ($to ? "L<$to->{class}>" : "C<$field->{map}[1]>") . " (entries: $type)";
    }
    my $facts = "$field->{label} $type";
    $facts .= ", by default C<$field->{default}>" if defined $field->{default};
    $facts .= ", one of the oneof C<$field->{oneof}>" if $field->{oneof};
    return ("=item $field->{name}", _wrapped(ucfirst "$facts. " . _releases($field)), $field->{comment} ? _text($field->{comment}) : ());
}

sub _constants {
    my ($type) = @_;
    my @items = map { ("=item $_->{name} = $_->{number}", _wrapped(_releases($_)), $_->{comment} ? _text($_->{comment}) : ()) } @{$type->{members}};
    return ('=head1 CONSTANTS', '=over 4', @items, '=back');
}

sub _releases {
    my ($member) = @_;
    my $since = $member->{since};
    return 'Not in Mesos 1.11.0: ClusterD has it.' if defined $since && $since eq 'ClusterD';
    my $text = defined $since ? "Since Mesos $since at the latest, not yet in " . _release_before($since) : "Since Mesos $RELEASES[0] or earlier";
    $text .= "; gone in Mesos $member->{until}" if $member->{until};
    return "$text." . ($member->{deprecated} ? ' Deprecated.' : '');
}

sub _release_before {
    my ($release) = @_;
    my ($index) = grep { $RELEASES[$_] eq $release } 1 .. $#RELEASES or die "since $release: expected one of @RELEASES[1 .. $#RELEASES]\n";
    return $RELEASES[$index - 1];
}

# A comment as POD: `code` is C<code>.
sub _text {
    my ($comment) = @_;
    $comment =~ s/([<>])/$1 eq '<' ? 'E<lt>' : 'E<gt>'/ge;
    $comment =~ s/`(Mesos::[\w:]+)`/L<$1>/g;
    $comment =~ s/`([^`]+)`/C<$1>/g;
    return _wrapped($comment);
}

# --- links ---------------------------------------------------------------------------------------------------------------------------

sub _links {
    my (@types) = @_;
    my %names;
    for my $type (@types) {
        my $group = $type->{class} =~ /^Mesos::Scheduler::/ ? 'scheduler' : $type->{class} =~ /^Mesos::Executor::/ ? 'executor' : 'common';
        push @{$names{$group}{$type->{kind}}}, $type->{class};
    }
    my @said = (
        [common => message => 'Messages of frameworks and agents'],
        [common => enum => 'Enums of these'],
        [scheduler => message => 'Messages of the scheduler API'],
        [scheduler => enum => 'Enums of the scheduler API'],
        [executor => message => 'Messages of the executor API'],
        [executor => enum => 'Enums of the executor API'],
    );
    return join "\n\n", '=over 4',
        (map {
            my ($group, $kind, $title) = @$_;
            ("=item $title", '=for man .na', _wrapped(join ', ', map {"L<$_>"} sort @{$names{$group}{$kind}}))
        } @said),
        '=back';
}

sub _wrapped {
    my ($text) = @_;
    my @lines = ('');
    for my $word (split ' ', $text) {
        if (!length $lines[-1]) { $lines[-1] = $word }
        elsif (length($lines[-1]) + 1 + length($word) <= $WIDTH) { $lines[-1] .= " $word" }
        else { push @lines, $word }
    }
    return join "\n", @lines;
}

1;
