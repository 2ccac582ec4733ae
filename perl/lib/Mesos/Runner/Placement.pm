package Mesos::Runner::Placement;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use Mesos::Messages ();

our @EXPORT_OK = qw(free_of needs_of shortage take describe);

# Mesos counts scalars in thousandths, and floating point numbers do not add up.
sub _thousandths { return 0 + sprintf '%.0f', 1000 * $_[0] }

# What of an offer a task may simply use: not its volumes, nor what Mesos may take back.
sub free_of {
    my ($offer) = @_;
    my @free;
    for my $resource (@{$offer->{resources} || []}) {
        next if !$resource->{scalar} || grep { $resource->{$_} } qw(disk revocable shared);
        push @free, {name => $resource->{name}, left => _thousandths($resource->{scalar}{value} || 0), of => $resource};
    }
    return \@free;
}

# The same of what a task asks for: an array reference of Mesos::Resource, or a hash of numbers.
sub needs_of {
    my ($wanted) = @_;
    my %needs;
    if (ref $wanted eq 'ARRAY') {
        $needs{$_->{name}} += _thousandths($_->{scalar}{value} || 0) for grep { $_->{scalar} } @$wanted;
    }
    else {
        $needs{$_} = _thousandths($wanted->{$_}) for grep { $wanted->{$_} } keys %$wanted;
    }
    return \%needs;
}

# The name of a resource of which there is too little, or undef.
sub shortage {
    my ($free, $needs) = @_;
    my %left;
    $left{$_->{name}} += $_->{left} for @$free;
    for my $name (sort keys %$needs) { return $name if $needs->{$name} > ($left{$name} || 0) }
    return;
}

# Takes them, and gives them as Mesos::Resource with the roles and reservations that they have in the offer.
sub take {
    my ($free, $needs) = @_;
    my @taken;
    for my $name (sort keys %$needs) {
        my $missing = $needs->{$name};
        for my $part (grep { $_->{name} eq $name && $_->{left} > 0 } @$free) {
            my $amount = $missing < $part->{left} ? $missing : $part->{left};
            $part->{left} -= $amount;
            $missing -= $amount;
            push @taken, {%{$part->{of}}, scalar => {value => $amount / 1000}};
            last unless $missing;
        }
    }
    return \@taken;
}

sub describe {
    my ($needs) = @_;
    return join ';', map { "$_:" . $needs->{$_} / 1000 } sort keys %$needs;
}

1;
__END__

=head1 NAME

Mesos::Runner::Placement - what of an offer a task may take

=head1 SYNOPSIS

    use Mesos::Runner::Placement qw(free_of needs_of shortage take);

    my $offer = Mesos::Offer->new({resources => [{name => 'cpus', type => 0, scalar => {value => 4}}]});
    my $free  = free_of($offer);
    my $needs = needs_of({cpus => 0.1});
    my $resources = take($free, $needs) unless defined shortage($free, $needs);

=head1 DESCRIPTION

Internal to L<Mesos::Runner>. It knows scalar resources only (cpus, mem, disk, gpus and others), and counts in thousandths, as Mesos does.

=head1 FUNCTIONS

=head2 free_of

    my $free = free_of($offer);

What a C<Mesos::Offer> has to give: an array reference for C<shortage> and C<take>. Volumes, revocable and shared resources are left out.

=head2 needs_of

    my $needs = needs_of({cpus => 1, mem => 64});
    my $needs = needs_of(\@resources);

Numbers by name, or the scalars of an array of C<Mesos::Resource>, as a hash reference of thousandths.

=head2 shortage

    my $name = shortage($free, $needs);

The name of the first resource, in the order of the alphabet, of which there is too little; undef if everything fits.

=head2 take

    my $resources = take($free, $needs);

Takes the needs off C<$free>, and returns an array reference of C<Mesos::Resource>, with the roles and reservations of the offer.

=head2 describe

    my $text = describe($needs);

Returns C<cpus:1;mem:64>.

=cut
