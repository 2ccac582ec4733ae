package Mesos::Arguments;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Exporter qw(import);
use Mesos::Error ();
use Scalar::Util qw(blessed looks_like_number);

our @EXPORT_OK = qw(check_arguments not_an_amount);

# Dies at the user's line, with a Mesos::Error, unless @$args fit the signature: [name => Type], [name => [Type]] for an array reference of them, each
# with a true third element if it may be missing or undef. Returns one value for each, undef for what is missing.
# A message may be a plain hash: it is encoded as it is, so that nothing is copied here.
sub check_arguments {
    my ($method, $args, @signature) = @_;
    my $required = grep { !$_->[2] } @signature;
    if (@$args < $required || @$args > @signature) {
        _throw(sprintf '%s(%s): Wrong number of parameters; got %d; expected %s', $method,
            join(', ', map { $_->[2] ? "$_->[0]?" : $_->[0] } @signature), scalar @$args,
            $required == @signature ? $required : "$required to " . @signature);
    }
    for my $i (0 .. $#signature) {
        my ($name, $type, $optional) = @{$signature[$i]};
        next if $optional && !defined $args->[$i];
        if (ref $type ne 'ARRAY') {
            _check("$method: $name", $type, $args->[$i]);
            next;
        }
        _throw("$method: $name: expected an array reference of $type->[0], got " . _describe($args->[$i]))
            if ref $args->[$i] ne 'ARRAY';
        _check("$method: $name\->[$_]", $type->[0], $args->[$i][$_]) for 0 .. $#{$args->[$i]};
    }
    return @$args[0 .. $#signature];
}

sub _check {
    my ($what, $type, $value) = @_;
    return if ref $value eq 'HASH' && $type->has_coercion || $type->check($value);
    $type = $type->type if $type->isa('Mesos::Constraint');
    my $expected = $type->isa('Type::Tiny::Class') ? $type->class . ($type->has_coercion ? ' or a hash reference' : '') : 'a string';
    _throw("$what: expected $expected, got " . _describe($value) . ' (' . $type->get_message($value) . ')');
}

# At the user's line, as croak does.
sub _throw { die Mesos::Error::_made_of(Carp::shortmess($_[0]), 'argument') }

# What is wrong with a number of cpus, MiB, seconds and the like.
sub not_an_amount {
    my ($value) = @_;
    return if looks_like_number($value) && $value >= 0 && $value < 9**9**9;
    return 'expected a number, at least 0, got ' . _describe($value);
}

sub _describe {
    my ($value) = @_;
    return !defined $value ? 'undef' : blessed $value ? 'an object of ' . ref $value : ref $value ? "a reference to \L@{[ref $value]}" : qq("$value");
}

1;
__END__

=head1 NAME

Mesos::Arguments - checks the arguments of the drivers' methods

=head1 SYNOPSIS

    use Mesos::Arguments qw(check_arguments);
    use Mesos::Types qw(Filters OfferID);

    sub declineOffer {
        my $self = shift;
        my ($id, $filters) = check_arguments('declineOffer', \@_, [offerId => OfferID], [filters => Filters, 1]);
        # ...
    }

=head1 DESCRIPTION

Internal to this distribution.

=head1 FUNCTIONS

=head2 check_arguments

    my @values = check_arguments($method, \@arguments, [$name, $type, $optional], ...);

Returns one value for each argument that the call describes. C<$type> is a L<Mesos::Constraint>, or any
object with the same methods, such as a type of L<Mesos::Types>, or an array reference with such a type for an array of such values. If an argument is wrong, it dies at the line of the user's call. The error names
the method and the argument, and says what was expected and what came.

=head2 not_an_amount

    my $wrong = not_an_amount($value);

What is wrong with a value that is to be an amount, a number that is at least 0, or undef.

=cut
