package Mesos::Warnings;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error ();
use Exporter qw(import);
use List::Util qw(min);
use overload ();
use Scalar::Util qw(blessed reftype);
use mro ();

our @EXPORT_OK = qw(place_of_user warn_at warn_user warn_of_truth warn_of_line_end warn_of_file_name warn_of_surplus die_user nearest meant warn_unknown refuse_unknown check_constructor check_callbacks warn_unknown_fields shown);

# The category "Mesos", in a byte of the bitmasks of its own: code that was compiled before has masks that do not reach it, and then
# what the code says of all warnings counts.
{
    require warnings::register;
    my $before = 0;
    while (!$before++ || ($warnings::Offsets{"Mesos::Warnings::$before"} || 0) % 8 != 6) {
        warnings::register_categories("Mesos::Warnings::" . ($before + 1));
    }
    warnings::register_categories('Mesos');
}

# --- whose line, and whether they want to hear of it -------------------------------------------------------------------------------

my $machinery = qr/\A(?:Moo|Moose|Mouse|Class::MOP|Class::Method::Modifiers|Role::Tiny|Sub::Quote|Sub::Defer|Type|Eval::TypeTiny|
    Method::Generate|Module::Runtime|Mesos::Arguments|Mesos::Types|Mesos::Warnings|Mesos::Scheduler|Mesos::Executor)(?:::|\z)/x;

# What caller says of the innermost frame that is neither ours nor that of the modules below us; else of the outermost.
my $is_users;
sub _user_frame {
    my $level = 1;
    my @frame;
    $is_users = 0;
    while (my @this = caller $level++) {
        my ($package, $file) = @frame = @this;
        next if $Carp::Internal{$package} || $Carp::CarpInternal{$package} || $package =~ $machinery;
        # Constructors and destructors of subclasses are Moo's text in the subclass's package.
        next if $file =~ /\A\((?:eval |generated )/
            && ((caller $level)[3] || '') =~ /(?:::new|::BUILDALL|::DEMOLISHALL|::DESTROY|::__ANON__|\A\(eval\))\z/;
        $is_users = $frame[2] > 0;
        last;
    }
    return @frame;
}

# Nobody has called us but what ends a program that has died.
sub is_end_of_program { _user_frame(); return !$is_users }

sub _is_on {
    my ($bits) = @_;
    return 1 unless defined $bits;
    my $offset = $warnings::Offsets{Mesos};
    $offset = $warnings::Offsets{all} if length $bits <= $offset >> 3;
    return vec $bits, $offset, 1;
}

# Only where this very category was made fatal: a program with FATAL => 'all' that has always run goes on running.
sub _is_fatal {
    my ($bits) = @_;
    return 0 unless defined $bits;
    return vec($bits, $warnings::Offsets{Mesos} + 1, 1) && !vec $bits, $warnings::Offsets{all} + 1, 1;
}

# Where what was told: all of it in one string, since a program that counts its values must not find one of ours for each warning.
my $told = '';

# The file and line of the user's call, and what of warnings holds there.
sub place_of_user {
    my @frame = _user_frame();
    return @frame ? @frame[1, 2, 9] : ($0, 0, undef);
}

# Warns at such a place, unless `no warnings 'Mesos'` holds there, and once for each place and $path.
sub warn_at {
    my ($place, $text, $path) = @_;
    my ($file, $line, $bits) = @$place;
    return unless _is_on($bits);
    $text .= " at $file line $line.\n";
    die Mesos::Error::_made_of($text, 'argument') if _is_fatal($bits);
    my $this = join "\0", '', $file, $line, $path, "\n";
    return if index($told, $this) >= 0;
    # Programs that make up their code or their names must not fill the memory.
    $told = '' if length $told > 500_000;
    $told .= $this;
    warn $text;
    return;
}

# How many bytes of a text that somebody else made up are shown.
my $SHOWN = 16_384;

# Such a text as it may stand on a terminal and in a log, as the core shows the texts of masters: without characters that command a
# terminal, turn the direction of writing, or look like a line of somebody else's. It may have lines, for stack traces have.
sub shown {
    my ($text) = @_;
    my $length = length $text;
    $text = substr $text, 0, $SHOWN;
    # Bytes that are UTF-8 are looked at as characters; a cut may have left half of one.
    my $bytes = !utf8::is_utf8($text);
    my $partial = $bytes && $length > $SHOWN ? _without_half($text) : $text;
    $bytes &&= utf8::decode($partial);
    $text = $partial if $bytes;
    $text =~ s/\t/    /g;
    $text =~ s/([\x00-\x09\x0b-\x1f\x7f-\x9f\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}])/_escaped($1)/ge;
    $text =~ s/\n(?!\z)/\n    /g;
    utf8::encode($text) if $bytes;
    $text = substr($text, 0, $SHOWN) . "... (of $length characters)" if $length > $SHOWN || length $text > 2 * $SHOWN;
    return $text;
}

sub _without_half {
    my ($text) = @_;
    $text =~ s/[\xc0-\xff][\x80-\xbf]*\z//;
    return $text;
}

sub _escaped { return $_[0] eq "\r" ? '\r' : sprintf '\u{%x}', ord $_[0] }

# For tests.
sub _forget { $told = ''; return }

sub warn_user {
    my ($text, $path) = @_;
    return warn_at([place_of_user()], $text, $path);
}

sub die_user {
    my ($text, $code, %part) = @_;
    my (undef, $file, $line) = _user_frame();
    die Mesos::Error::_made_of("$text at $file line $line.\n", $code, %part);
}

# --- names that are nearly right ---------------------------------------------------------------------------------------------------

# Letters to be inserted, removed, replaced or exchanged with the next one.
sub _distance {
    my ($from, $to) = @_;
    my @from = split //, $from;
    my @to = split //, $to;
    my @rows = ([0 .. @to]);
    for my $i (1 .. @from) {
        my @row = ($i);
        for my $j (1 .. @to) {
            my $same = $from[$i - 1] eq $to[$j - 1];
            push @row, min($row[-1] + 1, $rows[-1][$j] + 1, $rows[-1][$j - 1] + ($same ? 0 : 1));
            $row[-1] = min($row[-1], $rows[-2][$j - 2] + 1)
                if $i > 1 && $j > 1 && $from[$i - 1] eq $to[$j - 2] && $from[$i - 2] eq $to[$j - 1];
        }
        push @rows, \@row;
    }
    return $rows[-1][-1];
}

# Without what people write in different ways. Mesos' later API says agent for slave.
sub _plain {
    my ($name) = @_;
    $name = lc $name;
    $name =~ tr/_-//d;
    $name =~ s/agent/slave/g;
    return $name;
}

# Whether all letters of $short come in $long, in this order: cmd, command.
sub _abbreviates {
    my ($short, $long) = @_;
    return 0 if length $short < 2 || length $short > length $long;
    my $pattern = join '.*', map {quotemeta} split //, $short;
    return $long =~ /\A$pattern/s;
}

# The one of @known that was probably meant by $name, or undef. Of equally near ones it is the first.
sub nearest {
    my ($name, @known) = @_;
    my $plain = substr _plain($name), 0, 60;
    my ($best, $least);
    for my $known (@known) {
        my $right = _plain($known);
        my $distance
            = $plain eq $right ? 0
            : abs(length($plain) - length $right) <= 2 ? _distance($plain, $right)
            : 99;
        my $most = length $plain >= 7 ? 2 : length $plain >= 3 ? 1 : 0;
        # Less near than a slip of the pen.
        $distance = $distance <= $most ? $distance : _abbreviates($plain, $right) ? 10 : $known =~ /_\Q$name\E\z/ ? 11 : next;
        ($best, $least) = ($known, $distance) if !defined $least || $distance < $least;
    }
    return $best;
}

# What a message about a wrong name ends with: empty, unless another one was probably meant.
sub meant {
    my ($name, @known) = @_;
    my $nearest = nearest($name, @known);
    return defined $nearest ? ": did you mean '$nearest'?" : '';
}

# The same, with the known names if none is near.
sub suggestion {
    my ($name, $what, @known) = @_;
    my $meant = meant($name, @known);
    return $meant if length $meant;
    my @some = sort @known;
    return " (it has none)" unless @some;
    splice @some, 12, @some, '...' if @some > 12;
    return " ($what: " . join(', ', @some) . ')';
}

# The keys of a hash that are not @known.
sub _unknown_names {
    my ($given, @known) = @_;
    my %is_known = map { ($_ => 1) } @known;
    my @unknown = sort grep { !$is_known{$_} } keys %$given;
    return @unknown;
}

sub _of_known { my ($name, @known) = @_; return suggestion($name, @known == 1 ? 'known is' : 'known are', @known) }

# Warns of the keys of a hash that are not @known and would be ignored. Those that begin with an underscore are the program's own.
sub warn_unknown {
    my ($what, $given, @known) = @_;
    warn_user("$what '$_'" . _of_known($_, @known), "$what.$_") for grep { !/\A_/ } _unknown_names($given, @known);
    return;
}

# Dies of such a key, where croak of the caller would. $what is the text before it: "add: unknown argument".
sub refuse_unknown {
    my ($what, $given, @known) = @_;
    my ($name) = _unknown_names($given, @known) or return;
    local $Carp::CarpInternal{+__PACKAGE__} = 1;
    Mesos::Error::croak("$what '$name'" . _of_known($name, @known));
}

# --- constructors ------------------------------------------------------------------------------------------------------------------

# The names that the constructor of an object's class takes, and whether the class may take others in code of its own.
sub _constructor {
    my ($class) = @_;
    my (%known, $open);
    for my $of (@{mro::get_linear_isa($class)}) {
        no strict 'refs';
        my $is_moo = $Moo::MAKERS{$of} && $Moo::MAKERS{$of}{is_class};
        if ($is_moo) {
            my $specs = Moo->_constructor_maker_for($of)->all_attribute_specs;
            for my $name (keys %$specs) {
                my $init = exists $specs->{$name}{init_arg} ? $specs->{$name}{init_arg} : $name;
                $known{$init} = 1 if defined $init;
            }
        }
        elsif ($INC{'Class/MOP.pm'} and my $meta = Class::MOP::class_of($of)) {
            defined $_->init_arg and $known{$_->init_arg} = 1 for $meta->can('get_all_attributes') ? $meta->get_all_attributes : ();
        }
        next if $of =~ /\A(?:Moo|Moose|Mouse|UNIVERSAL)(?:::|\z)/ || $Carp::Internal{$of} || $of eq 'Mesos::Scheduler' || $of eq 'Mesos::Executor';
        $open ||= grep { defined &{"${of}::$_"} } qw(BUILD BUILDARGS), $is_moo ? () : 'new';
    }
    return (\%known, $open);
}

# For BUILD: warns of arguments that the class does not know. A class with code of its own for them may know more than it declares.
sub check_constructor {
    my ($self, $arguments, @required) = @_;
    if (my @missing = grep { !exists $self->{$_} } @required) {
        my ($known) = _constructor(ref $self);
        my @meant = map { my $meant = nearest($_, @missing); defined $meant ? " ('$_' is none: did you mean '$meant'?)" : () }
            ref $arguments eq 'HASH' ? _unknown_names($arguments, keys %$known) : ();
        # As Moo says it.
        die_user('Missing required arguments: ' . join(', ', @missing) . join('', @meant), 'argument', method => 'new', argument => $missing[0]);
    }
    return unless ref $arguments eq 'HASH' && %$arguments;
    my $class = ref $self;
    my ($known, $open) = _constructor($class);
    my %unknown = map { ($_ => 1) } grep { !$open || defined nearest($_, sort keys %$known) } _unknown_names($arguments, keys %$known);
    warn_unknown("$class->new: unknown argument", \%unknown, sort grep { !/\A_/ } keys %$known);
    return;
}

# Warns of what a program says to mean no, and Perl takes for true.
sub warn_of_truth {
    my ($what, $value) = @_;
    my $text = _true_word($value);
    return defined $text && warn_user("$what: $text", "$what $value");
}

sub _true_word {
    my ($value) = @_;
    return unless defined $value && !ref $value && $value =~ /\A(?:no|off|false|none|never|n|f)\z/i;
    return "'$value' is a true value in Perl: did you mean 0?";
}

# Warns of the end of a line that was read from a file and not cut off: nothing that means it looks like that.
sub warn_of_line_end {
    my ($what, $value) = @_;
    return unless defined $value && !ref $value && $value =~ /\n\z/;
    return warn_user("$what ends with a line feed: did you mean to chomp it?", "$what \n");
}

# The same for the name of a file, and of a blank at either end.
sub warn_of_file_name {
    my ($what, $value) = @_;
    return unless defined $value && !ref $value;
    return warn_of_line_end($what, $value) if $value =~ /\n\z/;
    my $where = $value =~ /\A\s/ ? 'begins' : $value =~ /\s\z/ ? 'ends' : return;
    return warn_user("$what $where with a blank, which is a part of the file's name", "$what $where");
}

# Warns of arguments after those that a method takes, which it would not look at.
sub warn_of_surplus {
    my ($method, $most, @given) = @_;
    return if @given <= $most;
    return warn_user("$method: expected " . ($most ? "at most $most argument" . ($most > 1 ? 's' : '') : 'no arguments') . ', got ' . @given, "$method surplus");
}

# --- callbacks ---------------------------------------------------------------------------------------------------------------------

# Whether a method of this name was probably meant to be the callback. Words of everyday life are methods of their own right.
sub _is_near_callback {
    my ($name, $callback) = @_;
    my ($plain, $right) = (_plain($name), _plain($callback));
    my $several_words = $callback =~ /[A-Z]/;
    return 0 if !$several_words && $name eq uc $name;
    return 1 if $plain eq $right || $several_words && $plain =~ /\A(?:on|handle)\Q$right\E\z/;
    return 0 if abs(length($plain) - length $right) > 2 || length $right < 8;
    return 0 if !$several_words && ($plain eq "${right}s" || substr($plain, 0, 2) ne substr $right, 0, 2);
    return _distance($plain, $right) <= ($several_words && length $right > 10 ? 2 : 1);
}

# Warns of methods of a handler whose names are nearly a callback's, which they would not be called for.
sub check_callbacks {
    my ($handler, $base, @more) = @_;
    my $class = ref $handler;
    my ($attributes) = _constructor($class);
    no strict 'refs';
    my %callback = map { ($_ => 1) } @more, grep { !/\A(?:BUILD|new|meta|does|DOES|import)\z/ && /\A[a-z]/ && defined &{"${base}::$_"} } keys %{"${base}::"};
    my @open = grep { my $own = $class->can($_); !$own || $base->can($_) && $own == $base->can($_) } sort keys %callback;
    for my $of (grep { $_ ne $base && $class->isa($base) && !$base->isa($_) } @{mro::get_linear_isa($class)}) {
        for my $name (sort grep { /\A[A-Za-z]\w+\z/ && !$callback{$_} && !$attributes->{$_} && defined &{"${of}::$_"} } keys %{"${of}::"}) {
            my ($meant) = grep { _is_near_callback($name, $_) } @open;
            warn_user("$of has a method '$name', which is never called: did you mean the callback '$meant'?", "$of.$name")
                if defined $meant;
        }
    }
    return;
}

# --- fields of messages ------------------------------------------------------------------------------------------------------------

sub _is_known {
    my ($message, $name) = @_;
    return 1 if $name =~ /\A[_\[]/;
    my $class = blessed $message;
    return defined $class && $class->can($name) && $class->isa('Mesos::Message');
}

my $LAST_COUNTS = 'expected one value, got an array reference, of which the last element counts';

# Adds [class, path, key, known keys] of each key that is no field, and [class, path, undef, text] of what is not what it seems.
sub _unknown {
    my ($class, $message, $path, $depth, $found) = @_;
    # Tied hashes may not know their keys, and overloaded objects are asked only once.
    return if $depth > 100 || (reftype($message) || '') ne 'HASH' || tied %$message || overload::Method($message, '%{}');
    my $fields = $class->_pb_fields_by_name;
    for my $name (sort keys %$message) {
        my $field = $fields->{$name};
        if (!$field) {
            # An `id` in a TaskInfo is a task_id.
            my %is_own = map { ($_ => index(lc $class, (split /_/)[0]) >= 0) } keys %$fields;
            my @known = sort { !!$is_own{$b} <=> !!$is_own{$a} || $a cmp $b } keys %$fields;
            push @$found, [$class, "$path.$name", $name, @known] unless _is_known($message, $name);
            next;
        }
        my $of = $field->[1];
        my $value = $message->{$name};
        my $is_repeated = $field->[0] == Mesos::Message::Constants::LABEL_REPEATED();
        push @$found, [$class, "$path.$name", undef, $LAST_COUNTS] if !$is_repeated && ref $value eq 'ARRAY';
        if ($of eq Mesos::Message::Constants::TYPE_BOOL()) {
            push @$found, map { [$class, "$path.$name", undef, $_] } grep {defined} map { scalar _true_word($_) } ref $value eq 'ARRAY' ? @$value : $value;
        }
        next unless $of =~ /\D/;
        push @$found, map { [$class, "$path.$name", undef, $_] } $of->_unknown_numbers(ref $value eq 'ARRAY' ? @$value : $value)
            if $of->can('_unknown_numbers');
        next unless $of->can('_pb_fields_by_name');
        if (ref $value && reftype($value) eq 'ARRAY') {
            _unknown($of, $value->[$_], "$path.$name\[$_]", $depth + 1, $found) for 0 .. $#$value;
        }
        elsif ($is_repeated && $of =~ /Entry\z/ && ref $value eq 'HASH') {
            my $entry = $of->_pb_fields_by_name->{value}[1];
            push @$found, map { [$of, "$path.$name\{$_}", undef, $LAST_COUNTS] } grep { ref $value->{$_} eq 'ARRAY' } sort keys %$value;
            next unless $entry =~ /\D/;
            _unknown($entry, $value->{$_}, "$path.$name\{$_}", $depth + 1, $found) for sort keys %$value;
        }
        else {
            _unknown($of, $value, "$path.$name", $depth + 1, $found);
        }
    }
    return;
}

# Warns of keys of one message that are no fields of it, without a look at the messages in it: for what reads some of its fields only.
sub warn_fields {
    my ($what, $class, $message) = @_;
    return if (reftype($message) || '') ne 'HASH' || tied %$message || overload::Method($message, '%{}');
    my $fields = $class->_pb_fields_by_name;
    for my $name (sort grep { !$fields->{$_} && !_is_known($message, $_) } keys %$message) {
        warn_user("$what: $class has no field '$name'" . suggestion($name, 'its fields are', sort keys %$fields), "$class.$name");
    }
    return;
}

# While it is true, nothing is said of what is encoded: that is not the user's.
our $silent;

# The codec has met more keys in a message than it has fields for, a list for one value, a word that may
# mean no, or a number that its enum has not.
# $driver, if there is one, says what to do about it.
sub warn_unknown_fields {
    my ($class, $message, $driver) = @_;
    my $mode = $driver && $driver->{unknown_fields} || 'warn';
    return if $silent || $mode eq 'ignore';
    my @found;
    {
        # It was encoded already: code behind tied values that dies the second time is no reason to fail.
        local $@;
        eval { _unknown($class, $message, $class, 0, \@found) };
    }
    for my $found (@found) {
        my ($of, $path, $name, @known) = @$found;
        my $text = "$path: " . (defined $name ? "$of has no field '$name'" . suggestion($name, 'its fields are', @known) : $known[0]);
        die_user($text, 'encode') if $mode eq 'die';
        warn_user($text, defined $name ? $path : $text);
    }
    return;
}

# For the codec: what it says of a message that lacks a required field, with the key that was probably meant to be this field.
sub with_hint {
    my ($class, $message, $text) = @_;
    my ($path, $missing) = $text =~ /\A(.*)\.(\w+): required field is missing\z/s or return $text;
    my @found;
    do { local $@; eval { _unknown($class, $message, $class, 0, \@found) } };
    my @here = grep { defined $_->[2] && $_->[1] eq "$path.$_->[2]" } @found;
    my ($hint) = ((grep { (nearest(@$_[2 .. $#$_]) || '') eq $missing } @here), @here) or return $text;
    my ($of, undef, $name, @known) = @$hint;
    my $meant = meant($name, @known);
    # {cpus => 1} is what Mesos::Offers and others take in place of a list.
    $meant ||= ": Mesos::Resources->new({$name => ...})->list makes a list of amounts" if $of eq 'Mesos::Resource' && $missing eq 'name';
    return "$text ($of has no field '$name'$meant)";
}

# --- calls that do nothing ---------------------------------------------------------------------------------------------------------

# For the glue: a call of a driver that was never started.
sub _not_started {
    my ($driver) = @_;
    return if $driver->_is_rehearsal;
    my ($method) = ((caller 1)[3] || '') =~ /\AMesos::(?:Scheduler|Executor)Driver::(\w+)\z/;
    $method = 'call' unless defined $method;
    warn_user("$method: the driver was not started yet: nothing was done", $method);
    return;
}

1;
__END__

=head1 NAME

Mesos::Warnings - warns you of what is probably a mistake

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;
    use warnings FATAL => 'Mesos';    # these warnings become errors

    {
        no warnings 'Mesos';          # none of them in this block
        My::Task->launch;
    }

=head1 DESCRIPTION

If something cannot be right, a call dies. If something is probably not what you meant, you get a warning of the category C<Mesos>, at your
line. Each warning comes once for each place and each name. There are warnings of these mistakes:

=over

=item *

You pass an argument to C<new> that the class does not have. The warning names the argument that you probably meant. Attributes of your
subclasses are known. If a subclass has a C<BUILD>, C<BUILDARGS> or C<new> of its own, it may accept other names, so you get a warning only
for names that are nearly right.

=item *

A message has a key that is not a field of it. The warning contains the path of the key: see L<Mesos::SchedulerDriver/unknown_fields>. Keys
that begin with an underscore are yours, and give no warning. The same of a number that no value of its enum has (C<< state => 77 >>). It is
encoded, since a newer Mesos may know it.

=item *

You pass a name that a method does not know to L<Mesos::Async>, or such a field of an offer, a task or a resource to L<Mesos::Offers> or
L<Mesos::Resources>. (Most other methods die of it.)

=item *

A resource has nearly the name of one that Mesos gives out (C<cpu>, C<memory>). Mesos takes any name.

=item *

A scheduler or executor has a method whose name is nearly a callback's (C<resource_offers>), but does not have the callback itself.

=item *

A field of a message that has one value is an array reference. As always, the last element is taken.

=item *

A name of a file, a principal or a secret ends with a line feed, or a name of a file begins or ends with a blank.

=item *

C<framework> has an empty C<name>, or a C<failover_timeout> that is negative or C<nan>: a real master then keeps the framework for
ever after it has gone.

=item *

You pass arguments to C<start>, C<abort>, C<run>, C<run_once> or C<join>, more than one to C<stop>, or to C<wait> of a dispatcher something
else than a number of seconds.

=item *

A timer or a watcher of a dispatcher is not kept, so it is gone at once. Or the time is no number. Or a C<grace_period> or
C<max_completion_time> is less than a microsecond: it is in nanoseconds. Or C<is_terminal> gets a word that is no state (C<FINISHED>).

=item *

You set what is true or false, such as a boolean field of a message, to a word that says no (C<'false'>, C<'off'>), which Perl takes for true.

=item *

You set C<framework_id_file> without a C<failover_timeout>.

=item *

A variable of the environment has nearly the name of one that this module reads, such as C<PERL_MESOS_TARCE>.

=item *

The same of a variable of libprocess, such as C<LIBPROCESS_SSL_VERIFY_CRET>.

=item *

C<webui_url> of C<framework> is no URL.

=item *

A promise of L<Mesos::Async> is rejected, your program has dropped it, and nothing else tells your program of it. (Promises of Mojo say so
themselves.) Or your program asks L<Mesos::Async> for events, and the driver was not started five seconds later.

=item *

You make a call before C<start>, call C<stop> before C<start>, or call C<start> after C<stop>.

=item *

You launch tasks, or send an update, after C<stop>.

=item *

An executor calls C<stop>, and not in its callback C<shutdown>, before it has sent the last update of a task.

=item *

C<call> of L<Mesos::Client> gets a field or an enum value that the master or the agent does not know.

=item *

A call would have no effect, or another one than it says, and the master tells only its own log: see L<Mesos::Role::WarnsOfCalls>.

=item *

Your program drops a driver that is running. (Not if an exception leaves C<run> or ends the program, or if a callback calls C<exit>.)

=item *

Your program makes a driver and ends, and has never started one.

=item *

Your program ends after C<start>, and neither the program nor an event loop has asked the driver for an event. The warning names the line of
C<start>.

=back

C<no warnings 'Mesos'> switches these warnings off in its block. C<< use warnings FATAL => 'Mesos' >> turns them into errors (L<Mesos::Error>).
C<< FATAL => 'all' >> alone does not turn them into errors, so that old programs continue to run. The category exists as soon as your program
has loaded a driver.

The functions of this module are internal to this distribution.

=cut
