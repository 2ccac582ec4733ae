package Test::Warned;

# What code warns of.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(warnings_of);

# The warnings of a code reference, in their order. They are printed nowhere.
sub warnings_of {
    my ($code) = @_;
    my @warnings;
    local $SIG{__WARN__} = sub { push @warnings, @_ };
    $code->();
    return @warnings;
}

1;
