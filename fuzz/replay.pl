use strict;
use warnings FATAL => 'all';

# Mesos.xs is linked in; all other modules load as ever.
BEGIN {
    require XSLoader;
    my $load = \&XSLoader::load;
    no warnings 'redefine';
    *XSLoader::load = sub {
        my $module = @_ ? $_[0] : caller;
        return Fuzz::boot('Mesos', $Mesos::VERSION) if $module eq 'Mesos';
        @_ = ($module) unless @_;
        goto &$load;
    };
}
use Mesos::Messages;

my $said = qr/\A.+ at .+ line \d+\.?\n\z/;

# Whatever decodes and encodes must decode to the same again, with any options; whatever dies must say a line of text.
sub Fuzz::replay {
    my ($class, $bytes) = @_;
    my $message = eval { $class->decode($bytes) };
    if (!$message) {
        die "no text: $@" unless $@ =~ $said;
    }
    my $encoded = $message && eval { $message->encode };
    my $why = $@;
    # In turns, as the input says: all of them would be slow.
    my $turn = length($bytes) ? ord($bytes) : 0;
    my %options = (unblessed => $turn & 1, enum_names => $turn & 2, reject_unknown => $turn & 4);
    my $other = eval { $class->decode($bytes, %options) };
    if (!$other) {
        die "no text: $@" unless $@ =~ $said;
        die "an option makes a difference: $@" if $message && !$options{reject_unknown};
    }
    else {
        die 'an option makes invalid bytes valid' unless $message;
        die 'another class' if ref $other ne ($options{unblessed} ? 'HASH' : $class);
        delete $options{unblessed};
        my $same = eval { $class->encode($other, %options) };
        die "$class: another encoding with options" if defined $same ? !defined $encoded || $same ne $encoded : defined $encoded;
    }
    return unless $message;
    $@ = $why;
    if (!defined $encoded) {
        # A required field may be missing, or an enum have an unknown number.
        die "no path: $@" unless $@ =~ /\AMesos::[\w:.\[\]]+: .+ at .+ line \d+\.?\n\z/;
        return;
    }
    my $again = $class->decode($encoded)->encode;
    die "$class: another encoding" if $again ne $encoded;
    return;
}

1;
