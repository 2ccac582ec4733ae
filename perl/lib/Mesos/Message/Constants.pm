package Mesos::Message::Constants;
use 5.10.1;
use strict;
use warnings;
use Exporter qw(import);
use Mesos::XS ();

# Mesos::XS has made all but these two, of the numbers that Rust and C have.
use constant {KIND_MESSAGE => 1, KIND_ENUM => 3};

our @EXPORT_OK = grep {/^(?:KIND|LABEL|MAX|TYPE)_/} sort keys %Mesos::Message::Constants::;

# The name of the constant with this prefix and this number.
sub name_of {
    my ($prefix, $number) = @_;
    my ($name) = grep { /^\Q$prefix\E_/ && __PACKAGE__->can($_)->() == $number } @EXPORT_OK;
    return $name;
}

# Whether a field of this type holds messages: the type is the number of a scalar's, or a class.
sub is_message {
    my ($type) = @_;
    return $type !~ /\A\d+\z/ && $type->_pb_complex_type_kind == KIND_MESSAGE;
}

push @EXPORT_OK, 'is_message', 'name_of';

1;
__END__

=head1 NAME

Mesos::Message::Constants - numbers of messages that Rust, C and Perl share

=head1 SYNOPSIS

    use Mesos::Message::Constants qw(LABEL_REPEATED MAX_DEPTH is_message);

    my ($label, $type, $name) = @{ Mesos::TaskInfo->_pb_fields_by_name->{resources} };
    print "$name: a list of messages\n" if $label == LABEL_REPEATED && is_message($type);

=head1 DESCRIPTION

Internal to this distribution. The constants that begin with C<LABEL_> and C<TYPE_> are the numbers in the lists of C<_pb_fields_list>, see
L<Mesos::Message>. C<KIND_MESSAGE> and C<KIND_ENUM> are what C<_pb_complex_type_kind> of a class returns. Those that begin with C<MAX_> say
how deep messages may be nested (C<MAX_DEPTH>), how many values a message may have (C<MAX_VALUES>), and how many keys a tied hash
(C<MAX_KEYS>).

=head1 FUNCTIONS

=head2 is_message

    my $is_message = is_message($type);

Returns true if C<$type>, as it stands in C<_pb_fields_list>, is the class of a message.

=head2 name_of

    my $name = name_of('TYPE', 9);    # TYPE_STRING

Returns the name of the constant that begins with this word and has this number.

=cut
