package Mesos::Client::Error;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use overload '""' => sub { $_[0]->as_string }, bool => sub {1}, fallback => 1;

$Carp::Internal{ +__PACKAGE__ }++;

sub throw {
    my ($class, %fields) = @_;
    $fields{at} = Carp::shortmess('');
    die bless \%fields, $class;
}

for my $name (qw(call url status reason message)) {
    no strict 'refs';
    *$name = sub { $_[0]{$name} };
}

sub as_string {
    my ($self) = @_;
    return $self->text . $self->{at};
}

sub text {
    my ($self) = @_;
    my $call = defined $self->{call} ? "$self->{call}: " : '';
    return $call . $self->{message} unless $self->{status};
    my $answer = join ' ', grep { defined && length } $self->{status}, $self->{reason};
    return $call . "$self->{url} answered $answer" . (length $self->{message} ? ": $self->{message}" : '');
}

1;
__END__

=head1 NAME

Mesos::Client::Error - what went wrong with a call of Mesos::Client

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    eval { $client->teardown('no-such-framework'); 1 } or do {
        my $error = $@;
        die $error unless ref $error && $error->isa('Mesos::Client::Error');
        printf "HTTP status %d: %s\n", $error->status || 0, $error->message;
    };

=head1 DESCRIPTION

Methods of L<Mesos::Client> and its relatives die with an object of this class if a server cannot be reached, or refuses a call. As a string
it is one line, which ends with the place of your call. (Wrong arguments are plain strings, as everywhere in Perl.)

=head1 METHODS

=head2 status

The HTTP status of the answer, a number such as 400 or 403. Undef if there was no answer.

=head2 reason

The text after the status, such as C<Forbidden>. Undef if there was no answer.

=head2 message

What the server said, or why there is no answer. A string, which may be empty.

=head2 call

The type of the call, such as C<GET_TASKS>.

=head2 url

Where the call went. Undef if it went nowhere.

=head2 text

All of these in one line, without the place of your call.

=head2 as_string

The same with the place. This is what you get if you print the object.

=head2 throw

    Mesos::Client::Error->throw(%fields);

Internal: dies with a new object.

=cut
