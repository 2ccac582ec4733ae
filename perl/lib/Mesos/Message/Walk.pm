package Mesos::Message::Walk;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error ();
use Exporter qw(import);
use Mesos::Message::Constants qw(MAX_KEYS MAX_VALUES);

our @EXPORT_OK = qw(count keys_of);

$Carp::Internal{+__PACKAGE__} = 1;

# Of the message that is walked over, so far.
our $values = 0;

sub count {
    my ($path, $more) = @_;
    _too_large($path) if ($values += $more) > MAX_VALUES;
    return;
}

sub keys_of {
    my ($hash, $path) = @_;
    my $tie = tied %$hash or return keys %$hash;
    my @keys;
    for (my $key = $tie->FIRSTKEY; defined $key; $key = $tie->NEXTKEY($key)) {
        _too_large($path) if @keys >= MAX_KEYS;
        push @keys, $key;
    }
    return @keys;
}

sub _too_large {
    my ($path) = @_;
    Mesos::Error::croak("$path: message is too large: more than " . MAX_VALUES . ' values');
}

1;
__END__

=head1 NAME

Mesos::Message::Walk - an end for walks over data that has none

=head1 SYNOPSIS

    use Mesos::Message::Walk qw(count keys_of);

    my ($path, $list, $hash) = ('Mesos::TaskInfo', [1, 2], {name => 'x'});
    local $Mesos::Message::Walk::values = 0;
    count($path, scalar @$list);
    my @keys = keys_of($hash, $path);

=head1 DESCRIPTION

Internal to this distribution. A tied array or hash may have no end. So the methods that walk over a message in Perl (C<copy>, C<dump>,
JSON) count its values, and die if there are more than C<encode> accepts. Each walk begins with C<$values> at 0.

=head1 FUNCTIONS

=head2 count

    count($path, $more);

Counts values before the walk looks at them. If they are too many, it dies; the error begins with the path.

=head2 keys_of

    my @keys = keys_of($hash, $path);

Returns the keys of a hash, in any order. Dies if a tied hash has too many.

=cut
