package Mesos::Error;
use 5.10.1;
use strict;
use warnings;
use Carp ();
use Exporter qw(import);
use Scalar::Util qw(blessed);
use overload '""' => sub { $_[0]{text} }, bool => sub {1}, fallback => 1;

our @EXPORT_OK = qw(croak croak_as);

# The numbers of MesosCode, in include/mesos_perl.h.
my %name = (1 => 'panic', 2 => 'panic', 3 => 'forked', 4 => 'argument', 5 => 'system', 6 => 'decode', 7 => 'encode', 8 => 'full', 9 => 'inside');

# As croak of Carp, with an object. All that is wrong with arguments says what was expected, so that the code need not be said, too.
sub croak {
    my (@text) = @_;
    die $text[0] if @text == 1 && ref $text[0];
    my $text = join '', @text;
    return croak_as($text =~ /\bexpected\b|\bunknown argument\b|\bthere is no option\b/ ? 'argument' : 'error', $text);
}

sub croak_as {
    my ($code, $text) = @_;
    local $Carp::CarpInternal{+__PACKAGE__} = 1;
    die _made_of(Carp::shortmess($text), $code);
}

# An error with this text, which names file and line as croak does. The method is what the user has called. %more is what the caller knows better.
sub _made_of {
    my ($text, $code, %more) = @_;
    my $called = defined $more{method} ? $more{method} : _called();
    my $self = bless {code => $name{$code} || $code, _parts($text, $called), %more}, __PACKAGE__;
    $self->{method} = $called unless defined $self->{method};
    # Those of JSON say which message and field, those of its options do not.
    $self->{code} = $1 if $code =~ /\A(?:argument|error)\z/ && $text =~ /\AMesos::/ && ($called || '') =~ /\A(encode|decode)_json\z/;
    # Those of messages are in C, where no frame tells.
    $self->{method} = $self->{code} if !defined $self->{method} && $self->{code} =~ /\A(?:en|de)code\z/;
    return $self;
}

sub _parts {
    my ($text, $called) = @_;
    my %part = (text => $text);
    (my $message = $text) =~ s/\.?\s*\z//;
    # Only the last place: a message may have words like it.
    @part{qw(file line)} = ($1, $2) if $message =~ s/ at ((?:(?! at ).)+?) line (\d+)(?:, <\w+> (?:line|chunk) \d+)?\z//s;
    my $rest = $message;
    if (defined $called && $rest =~ s/\A(?:\w[\w:]*->)?\Q$called\E: //) { $part{method} = $called }
    elsif ($rest =~ s/\A([a-z]\w*)\([^)]*\): (?=Wrong number of parameters)// || $rest =~ s/\A([a-z]\w*(?:[A-Z]\w*|_p)): //) { $part{method} = $1 }
    elsif ($rest =~ s/\A(start|stop|abort|send|new|timer|watch): //) { $part{method} = $1 }
    if ($rest =~ /\Aunknown argument '([^']*)'/) { $part{argument} = $1 }
    elsif ($rest =~ s/\A([a-z]\w*(?:->\[\d+\]| \d+)?|Mesos::[\w:]+(?:\.\w+(?:\[\d+\]|\{[^}]*\})*)*): //i) { $part{argument} = $1 }
    $part{message} = $rest;
    return %part;
}

# What may stand between a method of ours and the program that called it.
my $is_between = qr/\A(?:Mesos|Moo|Method::Generate|Sub::Quote|Class::Method::Modifiers|Type|Eval::TypeTiny)(?:::|\z)/;

# The method of ours that was called from outside.
sub _called {
    my $level = 1;
    my $found;
    while (my @frame = caller $level++) {
        my ($of, $method) = $frame[3] =~ /\A(.*)::(\w+)\z/;
        $found = $method if defined $of && $of =~ /\AMesos(?:::|\z)/ && $of ne __PACKAGE__ && $method !~ /\A_/;
        last if $frame[0] !~ $is_between;
    }
    # The constructor of a program's own class calls this one.
    return defined $found && $found eq 'BUILD' ? 'new' : $found;
}

sub new {
    my ($class, @given) = @_;
    die _made_of(Carp::shortmess("$class->new: expected pairs of a name and a value, such as text => 'what is wrong', got an odd number of arguments"), 'argument', method => 'new')
        if @given % 2;
    my %part = @given;
    # A class of the program's own may have more.
    for my $name (sort grep { !$class->can($_) } keys %part) {
        require Mesos::Warnings;
        my $meant = Mesos::Warnings::meant($name, qw(argument cause code file line message method status task_id text));
        Mesos::Warnings::warn_user("$class->new: unknown argument '$name'$meant", "$class.$name") if length $meant;
    }
    my $text = delete $part{text};
    $text = delete $part{message} unless defined $text;
    return bless {code => 'error', _parts(defined $text ? $text : 'unknown error'), %part}, $class;
}

sub of {
    my ($class, $error) = @_;
    return $error if blessed $error && $error->isa(__PACKAGE__);
    return $class->new(text => "$error", code => 'error', cause => $error) if ref $error;
    my %part = _parts(defined $error ? $error : 'unknown error');
    return bless {%part, code => defined $part{argument} ? 'argument' : 'error'}, $class;
}

sub throw {
    my ($class, @parts) = @_;
    die $class->new(@parts);
}

for my $part (qw(code method argument message text file line status task_id cause)) {
    no strict 'refs';
    *$part = sub { $_[0]{$part} };
}

1;
__END__

=head1 NAME

Mesos::Error - what the methods of this distribution die with

=head1 SYNOPSIS

    use Mesos::Error;
    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master => 'local', framework => {user => '', name => 'example'}, scheduler => Mesos::Scheduler->new);
    if (!eval { $driver->killTask('task-1'); 1 }) {
        my $error = Mesos::Error->of($@);
        print $error->code, "\n";        # argument
        print $error->method, "\n";      # killTask
        print $error->argument, "\n";    # taskId
        print $error->message, "\n";     # expected Mesos::TaskID or a hash reference, got "task-1" (...)
        print $error;                    # the whole text, with file and line
    }

=head1 DESCRIPTION

The methods of this distribution die with objects of this class, and those of messages, too. As a string, such an object is the text that
always was: it names what was wrong, what was expected and what came, and the line of your call. So code that looks at C<$@> as a text goes on
to work.

Constructors do the same, also for a class of your own that extends one of ours: C<code> is C<argument>, C<method> is C<new>, and C<argument>
is the name of the attribute. If several are missing, it is the first. What your own code throws, such as a C<BUILD> or a check of your
attributes, comes to you as you threw it. In a class that is made with Moose, Moose checks the attributes and throws objects of its own. L</of>
makes an object of any error.

The promises of L<Mesos::Async> are rejected with these objects, too.

=head1 METHODS

=head2 new

    my $error = Mesos::Error->new(text => $text, code => 'error', %parts);

Makes an error. C<file>, C<line>, C<method>, C<argument> and C<message> are taken from the text unless you give them.

=head2 of

    my $error = Mesos::Error->of($@);

Returns the error if it is one of this class. Otherwise makes one of the text, as far as the text tells; C<cause> is what you passed if that
was another object.

=head2 throw

    Mesos::Error->throw(text => $text, code => 'error');

Dies with a new error.

=head2 croak

A function, and internal to this distribution: dies at the line of the user's call with an object of this text, as C<croak> of L<Carp> does
with the text. C<code> is C<argument> if the text says what was expected, else C<error>.

=head2 croak_as

The same with another code, which comes first.

=head2 code

A word for programs:

=over

=item C<argument>

An argument is wrong. Nothing was done.

=item C<encode>, C<decode>

A message cannot be encoded (a field is missing or has a wrong value), or bytes or JSON are no message.

=item C<full>

Too many calls wait. Nothing was sent; try again later.

=item C<forked>, C<inside>

The object belongs to the process that forked this one; or a signal handler has interrupted another call.

=item C<system>

The operating system refused something, such as to read a file.

=item C<panic>

A bug in this module.

=item C<task>, C<driver>, C<timeout>, C<cancelled>

Of L<Mesos::Async>.

=item C<error>

Anything else.

=back

=head2 method

The name of the method that was called, or undef.

=head2 argument

The argument that is wrong, and the place in it: C<offerIds>, C<< tasks->[1] >>, C<Mesos::TaskInfo.task_id>. Undef if the error is not about
one.

=head2 message

The text without method, argument, file and line.

=head2 text

The whole text.

=head2 file, line

The place of your call, or undef.

=head2 status, task_id

Of errors of L<Mesos::Async>: the C<Mesos::TaskStatus>, and the task's id. Else undef.

=head2 cause

The error that this one was made of, such as the L<Error::TypeTiny> of an attribute with a wrong type. Else undef.

=cut
