package Mesos::Warnings::Methods;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Exporter qw(import);
use Mesos::Arguments ();
use Mesos::Warnings ();
use Scalar::Util qw(blessed looks_like_number);
use overload ();

our @EXPORT_OK = qw(watch_methods watch_timers pairs_of no_object);
$Carp::Internal{+__PACKAGE__} = 1;

# What is probably a mistake in how a method is called, whichever it is: without an object, and with more than it looks at.
# Classes that are cleaned of what they import call this when they run, after that.
sub watch_methods {
    my ($class, $maker, %most) = @_;
    no strict 'refs';
    no warnings 'redefine';
    for my $name (sort keys %most) {
        my $method = $class->can($name) or Carp::confess("$class has no method $name");
        my $most = $most{$name};
        *{"${class}::$name"} = sub {
            no_object($name, $class, $maker, $_[0]) unless blessed $_[0];
            Mesos::Warnings::warn_of_surplus($name, $most, @_[1 .. $#_]) if defined $most && @_ > $most + 1;
            # So that nobody sees that we were here.
            goto &$method;
        };
    }
    return;
}

# Dies: the method $name of $class, whose objects $maker makes, was called on what is none.
sub no_object {
    my ($name, $class, $maker, $got) = @_;
    my $what = !defined $got ? 'undef' : ref $got ? "a reference to \L@{[ref $got]}" : "'$got'";
    Mesos::Error::croak("$name: expected an object, as $class->$maker makes it, got $what");
    return;
}

# The methods timer and watch of a dispatcher: in the loop, nobody would know any more whose mistake it was.
sub watch_timers {
    my ($class) = @_;
    no strict 'refs';
    no warnings 'redefine';
    for my $of ([timer => \&_check_seconds], [watch => \&_check_handle]) {
        my ($name, $check) = @$of;
        my $method = $class->can($name);
        *{"${class}::$name"} = sub {
            $check->($_[1]);
            _check_code($name, $_[2]);
            Mesos::Warnings::warn_user("$name: what it returns is not kept, so that nothing is ever called", "$name void") unless defined wantarray;
            Mesos::Warnings::warn_of_surplus($name, 2, @_[1 .. $#_]) if @_ > 3;
            goto &$method;
        };
    }
    return;
}

sub _check_seconds {
    my ($seconds) = @_;
    return if looks_like_number($seconds) && $seconds == $seconds;
    Mesos::Warnings::warn_user('timer: expected a number of seconds, got ' . Mesos::Arguments::_describe($seconds), 'timer seconds');
    return;
}

sub _check_handle {
    my ($handle) = @_;
    return if defined $handle && !ref $handle && $handle =~ /\A\d+\z/;
    no strict 'refs';
    return if defined $handle && defined eval { ref $handle && blessed $handle && $handle->can('fileno') ? $handle->fileno : fileno $handle };
    Mesos::Error::croak('watch: expected an open handle, got ' . (ref \$handle eq 'GLOB' || ref $handle eq 'GLOB' ? 'one that is not open' : Mesos::Arguments::_describe($handle)));
    return;
}

sub _check_code {
    my ($name, $code) = @_;
    return if ref $code eq 'CODE' || blessed $code && (overload::Method($code, '&{}') || Scalar::Util::reftype($code) eq 'CODE');
    Mesos::Error::croak("$name: expected a code reference, got " . Mesos::Arguments::_describe($code));
    return;
}

# The named arguments of a method as a list, or death at the user's line.
sub pairs_of {
    my ($method, @given) = @_;
    return @given unless @given % 2;
    my $first = ref $given[0] eq 'HASH' ? ': a hash reference is no list, so leave out the braces' : '';
    Mesos::Error::croak("$method: expected pairs of a name and a value, got an odd number of arguments$first");
    return;
}

1;
__END__

=head1 NAME

Mesos::Warnings::Methods - notices methods that are called in a wrong way

=head1 SYNOPSIS

    package My::Class;
    use Mesos::Warnings::Methods qw(watch_methods);

    sub new { my ($class) = @_; return bless {}, $class }
    sub run { my ($self) = @_; return 1 }
    watch_methods(__PACKAGE__, 'new', run => 0);

    eval { My::Class->run };
    print $@;    # run: expected an object, as My::Class->new makes it, got 'My::Class' at ...

=head1 DESCRIPTION

Internal to this distribution.

=head1 FUNCTIONS

=head2 watch_methods

    watch_methods($class, $constructor, $method => $most, ...);

From now on these methods die at the caller's line if they are called without an object. You get a warning if they are called with more than
C<$most> arguments, which they do not look at. If C<$most> is undef, the method looks at all of them itself.

=head2 watch_timers

    watch_timers($class);

From now on the methods C<timer> and C<watch> of this class of dispatchers look at their arguments, and warn if nobody keeps what they return.

=head2 no_object

    no_object($method, $class, $constructor, $got);

Dies at the caller's line: C<$method> of C<$class> was called on C<$got>, which is no object.

=head2 pairs_of

    my %given = pairs_of($method, @arguments);

Returns the arguments, or dies at the caller's line if their number is odd.

=cut
