# The pages of messages (perl/lib/Mesos/TaskInfo.pod and its siblings) are those that proto/ makes, and what they show works.
# MESOS_REGENERATE=1 prove -b xt/message_pages.t writes them anew.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;
use File::Basename qw(dirname);
use File::Find ();
use File::Path qw(mkpath);
use lib 'xt/lib';
use MessagePages;
use Mesos::Messages;

sub spew {
    my ($path, $text) = @_;
    mkpath(dirname($path));
    open my $out, '>', $path or die "cannot write $path: $!";
    print $out $text;
    close $out or die "cannot write $path: $!";
    return;
}

my ($pages, $links) = MessagePages::made_from(map {"proto/$_.proto"} qw(mesos scheduler executor compat));
my $messages = 'perl/lib/Mesos/Messages.pm';
my $between = qr/(?<=^=for comment made by xt\/message_pages\.t\n\n).*?(?=\n\n^=for comment end of what is made)/ms;
like slurp($messages), $between, "$messages has the place for links";

my %committed;
File::Find::find({no_chdir => 1, wanted => sub { $committed{$1} = 1 if m{^perl/lib/(.*\.pod)$} }}, 'perl/lib');
if ($ENV{MESOS_REGENERATE}) {
    unlink map {"perl/lib/$_"} grep { !$pages->{$_} } keys %committed;
    spew("perl/lib/$_", $pages->{$_}) for sort keys %$pages;
    (my $text = slurp($messages)) =~ s/$between/$links/;
    spew($messages, $text);
    %committed = map { ($_ => 1) } keys %$pages;
}

my $again = 'is what proto/ makes (else: MESOS_REGENERATE=1 prove -b xt/message_pages.t)';
is_deeply [sort keys %committed], [sort keys %$pages], "the pages that are there $again";
is -e "perl/lib/$_" ? slurp("perl/lib/$_") : '', $pages->{$_}, "$_ $again" for sort keys %$pages;
my ($listed) = slurp($messages) =~ /($between)/;
is $listed, $links, "the list of $messages $again";

my %class_of = map { my $class = $_; $class =~ s{/}{::}g; $class =~ s/\.pod$//; ($class => $_) } keys %$pages;
is_deeply [sort keys %class_of], [sort(Mesos::Messages::classes(), Mesos::Messages::enums())], 'each class has a page, and no other';
is_deeply [grep { (my $module = "perl/lib/$_") =~ s/\.pod$/.pm/; -e $module } sort keys %$pages], [], 'no page hides that of a module';

# Names that say it themselves: counters, and constants that are the kernel's.
my $speaks = qr/Statistics$|^Mesos::(?:RLimitInfo::RLimit::Type|CapabilityInfo::Capability)$/;
for my $class (sort keys %class_of) {
    my $page = $pages->{$class_of{$class}};
    unlike $page, qr/^The (?:message|enum) C<\S+> of Mesos\.$/m, "$class: proto/ has a comment";
    next if $class =~ $speaks;
    is_deeply [$page =~ /^=item (\w+)(?: = \d+)?\n\n(?:[^\n]+\n)+\n(?==)/mg], [], "$class: so have all of its members";
}

# The releases, where the facts about Mesos are beside the checkout.
my $facts = ($ENV{MESOS_TEST_SHARED} || '../shared') . '/spec/schema-v0.tsv';
SKIP: {
    skip("no $facts", 2) unless -e $facts;
    my ($head, @rows) = map { [split /\t/] } split /\n/, slurp($facts);
    my %column = map { ($head->[$_] => $_) } 0 .. $#$head;
    my %since = map { ("@$_[@column{qw(full_name name)}]" => $_->[$column{since}]) } grep { $_->[$column{kind}] ne 'message_empty' } @rows;
    my %told;
    for my $page (values %$pages) {
        my ($of) = $page =~ /^Mesos\S+ - the \w+ (\S+)$/m;
        (my $plain = $page) =~ s/(?<=\S)\n(?=\S)/ /g;
        while ($plain =~ /^=item (\w+).*\n\n.*\bSince Mesos ([\d.]+\d)/mg) { $told{"$of $1"} = $2 }
    }
    # What is there at all is tests/message_schema.rs' business.
    cmp_ok scalar keys %told, '>', 1000, 'found members';
    is_deeply \%told, {map { ($_ => $since{$_}) } keys %told}, 'since when members are there';
}

my @labels = (undef, qw(optional required repeated));
for my $class (sort keys %class_of) {
    my $page = $pages->{$class_of{$class}};
    my @declared = map { ref $_ ? $_ : () } @{$class->_pb_fields_list};
    if ($class->isa('Mesos::Enum')) {
        is_deeply [$page =~ /^=item (\w+ = \d+)$/mg], [map {"$_->[0] = $_->[1]"} @declared], "$class: its constants";
    }
    else {
        my %label = $page =~ /^=item (\w+)\n\n(\w+)/mg;
        my %expected = map { ($_->[2] => ucfirst $labels[$_->[0]]) } @declared;
        $label{$_} = 'Repeated' for grep { $label{$_} eq 'Map' } keys %label;
        is_deeply \%label, \%expected, "$class: its fields";
    }
    my ($synopsis) = $page =~ /^=head1 SYNOPSIS\n\n(.*?)\n(?==)/ms;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    ok eval "use strict; use warnings;\n$synopsis\n1", "$class: what its SYNOPSIS does" or diag $@;
    is_deeply \@warnings, [], "$class: without warnings";
}

done_testing;
