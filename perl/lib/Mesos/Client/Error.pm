package Mesos::Client::Error;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Mesos::Error ();
use parent -norequire, 'Mesos::Error';

$Carp::Internal{+__PACKAGE__}++;

sub throw {
    my ($class, %fields) = @_;
    my $summary = _summary(\%fields);
    $fields{code} = $fields{status} ? 'refused' : 'unreachable' unless defined $fields{code};
    die $class->SUPER::new(%fields, summary => $summary, text => $summary . Carp::shortmess(''));
}

sub _summary {
    my ($fields) = @_;
    my $call = defined $fields->{call} ? "$fields->{call}: " : '';
    return $call . $fields->{message} unless $fields->{status};
    my $answer = join ' ', grep { defined && length } @$fields{qw(status reason)};
    return $call . "$fields->{url} answered $answer" . (length $fields->{message} ? ": $fields->{message}" : '');
}

for my $name (qw(call reason summary url)) {
    no strict 'refs';
    *$name = sub { $_[0]{$name} };
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

Methods of L<Mesos::Client> and its relatives die with an object of this class, a L<Mesos::Error>, if a server cannot be reached, or refuses a
call. As a string it is one line, which ends with the place of your call. (Wrong arguments are other objects of L<Mesos::Error>.)

=head1 METHODS

All methods of L<Mesos::Error>, among them C<text> (the whole text), C<message>, C<file> and C<line>, and these:

=head2 code

A word for programs: C<refused> (the server's answer says no), C<unreachable> (there was no answer, or no leading master), C<unknown> (there is
no such task or agent), or C<protocol> (the answer is no answer of Mesos).

=head2 status

The HTTP status of the answer, a number such as 400 or 403. Undef if there was no answer.

=head2 reason

The text after the status, such as C<Forbidden>. Undef if there was no answer.

=head2 message

What the server said, or why there is no answer. A string, which may be empty.

=head2 call

The type of the call, such as C<GET_TASKS>. Undef if it is about no call.

=head2 url

Where the call went. Undef if it went nowhere.

=head2 summary

All of these in one line, without the place of your call.

=head2 throw

    Mesos::Client::Error->throw(%fields);

Internal: dies with a new object.

=cut
