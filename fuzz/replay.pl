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

# Whatever decodes and encodes must decode to the same again; whatever dies must say a line of text.
sub Fuzz::replay {
    my ($class, $bytes) = @_;
    my $message = eval { $class->decode($bytes) };
    if (!$message) {
        die "no text: $@" unless $@ =~ /\A.+ at .+ line \d+\.?\n\z/;
        return;
    }
    my $encoded = eval { $message->encode };
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
