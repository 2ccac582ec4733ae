package Mesos::Resources;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Messages ();
use Mesos::Arguments ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods qw(watch_methods);
use Mesos::XS;
use Scalar::Util qw(blessed reftype);
use overload
    '+' => sub { $_[0]->add($_[1]) },
    '-' => sub { $_[2] ? (ref $_[0])->new($_[1])->subtract($_[0]) : $_[0]->subtract($_[1]) },
    '==' => sub { $_[0]->equals($_[1]) },
    '!=' => sub { !$_[0]->equals($_[1]) },
    '""' => sub { $_[0]->text },
    'bool' => sub { !$_[0]->is_empty },
    'eq' => sub { $_[2] ? "$_[1]" eq $_[0]->text : $_[0]->text eq "$_[1]" },
    'ne' => sub { $_[0]->text ne "$_[1]" },
    '<=>' => sub { croak 'Mesos::Resources: resources have no order: use contains' },
    fallback => undef;

$Carp::Internal{+__PACKAGE__} = 1;

# An object has the bytes of a Mesos::Request with the resources, which is what the core reckons with (src/resources/reckon.rs).

sub new {
    my ($class, @things) = @_;
    $class = ref $class || $class;
    croak 'new: expected to be called as Mesos::Resources->new(...), got ' . Mesos::Arguments::_describe($class) . ' as the class'
        unless defined $class && $class->isa(__PACKAGE__);
    # A pair of a name and an amount is neither text of an agent's nor two lots of resources.
    croak "$class: '$things[0]' has no amount: amounts by name are in a hash reference, {$things[0] => ...}"
        if @things > 1 && defined $things[0] && $things[0] =~ /\A[A-Za-z_]\w*\z/;
    my $all = bless {bytes => ''}, $class;
    for my $thing (@things) {
        my $bytes = $class->_bytes_of($thing);
        $all = $all->_with(length $all->{bytes} ? _reckon('add', $all->{bytes}, $bytes) : $bytes);
    }
    return $all;
}

sub parse {
    my ($class, $text) = @_;
    croak 'parse: expected a string, got ' . Mesos::Arguments::_describe($text) if !defined $text || ref $text;
    return $class->new($text);
}

sub sum { my ($class, @things) = @_; return $class->new(@things) }

sub _with { my ($self, $bytes) = @_; return bless {bytes => $bytes}, ref $self || $self }

# The bytes of whatever people have resources in.
sub _bytes_of {
    my ($class, $thing) = @_;
    $class = ref $class || $class;
    croak "$class: expected resources (a string, a message, an array reference or a hash reference), got undef" unless defined $thing;
    return $thing->{bytes} if blessed $thing && $thing->isa(__PACKAGE__);
    return _bytes_of_text($thing) unless ref $thing;
    my $type = reftype $thing;
    if ($type eq 'ARRAY') {
        return $class->new(@$thing)->{bytes} if grep { !_is_resource($_) } @$thing;
        return _canonical($thing, 1);
    }
    croak "$class: expected resources (a string, a message, an array reference or a hash reference), got a reference to \L$type" if $type ne 'HASH';
    return _canonical([$thing], 1) if _is_resource($thing);
    return _canonical($thing->{resources} || [], 0)
        if exists $thing->{resources} || blessed $thing && $thing->can('_pb_fields_by_name') && $thing->_pb_fields_by_name->{resources};
    croak "$class: expected a message with resources, got a " . ref $thing if blessed $thing;
    return _bytes_of_text(join ';', map { _amount($class, $_, $thing) } sort keys %$thing);
}

sub _is_resource { my ($thing) = @_; return blessed $thing ? $thing->isa('Mesos::Resource') : ref $thing eq 'HASH' && exists $thing->{name} && exists $thing->{type} }

# {cpus => 2, ports => [[31000, 32000]]}
sub _amount {
    my ($class, $name, $thing) = @_;
    my $amount = $thing->{$name};
    croak "$class: $name: expected an amount, got undef" . _hint_of($thing) unless defined $amount;
    return "$name:$amount" unless ref $amount;
    croak "$class: $name: expected ranges, such as [[31000, 32000]], or an amount, got " . _described($amount) . _hint_of($thing)
        if ref $amount ne 'ARRAY' || grep { ref ne 'ARRAY' || @$_ != 2 } @$amount;
    return "$name:[" . join(',', map {"$_->[0]-$_->[1]"} @$amount) . ']';
}

# The keys that tell other hashes from one of amounts: who misspells them passes one of amounts.
sub _hint_of {
    my ($thing) = @_;
    my @others = qw(name resources type);
    for my $name (sort keys %$thing) {
        my $nearest = Mesos::Warnings::nearest($name, @others);
        return " ('$name': did you mean '$nearest'?)" if defined $nearest && $nearest ne $name;
    }
    return '';
}

sub _described {
    my ($value) = @_;
    return Mesos::Arguments::_describe($value) if ref $value ne 'ARRAY';
    return '[' . join(', ', map { ref || (defined ? $_ : 'undef') } @$value) . ']';
}

sub _bytes_of_text {
    my ($text) = @_;
    if ($text !~ /\A\s*\[/) {
        my $bytes = _reckon('parse', $text, '');
        # Mesos takes any name. Its own need no second look.
        _warn_of_names($bytes) if $text =~ /(?:\A|;)\s*(?!(?:cpus|mem|disk|gpus|ports)\s*[:(])[^;\s]/;
        return $bytes;
    }
    require JSON::PP;
    my $json = JSON::PP->new->utf8->allow_nonref;
    my $list = eval { $json->decode($text) };
    if (!$list) {
        (my $why = $@) =~ s/ at \S+ line \d+\.?\n\z//;
        croak "resources as JSON: $why";
    }
    _warn_of_json($_) for @$list;
    return _canonical([map { Mesos::Resource->decode_json($json->encode($_)) } @$list], 1);
}

sub _warn_of_names {
    my ($bytes, $what) = @_;
    $what = 'Mesos::Resources' unless defined $what;
    Mesos::Warnings::warn_user("$what: $_", "$what $_") for split /\n/, _reckon('misnamed', $bytes, '');
    return;
}

# Who asks for what is not there, by a name that is nearly one of Mesos', has probably not meant that.
sub _warn_of_absent {
    my ($self, $method, $name) = @_;
    return if (caller 1)[0] =~ /\AMesos(?:::|\z)/;
    return if $name =~ /\A(?:cpus|mem|disk|gpus|ports)\z/ || grep { $_ eq $name } $self->names;
    my $bytes = do { local $@; eval { _reckon('parse', "$name:1", '') } };
    _warn_of_names($bytes, $method) if defined $bytes;
    return;
}

# The same for resources elsewhere, as the text of an agent's.
sub _warn_of_text {
    my ($class, $what, $text) = @_;
    my $bytes = eval { _reckon('parse', $text, '') };
    return defined $bytes ? _warn_of_names($bytes, $what) : ();
}

sub _has_numbers { my ($resource) = @_; return ref $resource ne 'HASH' || !defined $resource->{type} || $resource->{type} !~ /\A[A-Z]+\z/ }

# JSON may come from a Mesos that is newer than this module, so a key that is like no other is none of the program's mistakes.
sub _warn_of_json {
    my ($resource) = @_;
    Mesos::Warnings::_unknown('Mesos::Resource', $resource, 'Mesos::Resource', 0, \my @found);
    for my $found (grep { defined $_->[2] } @found) {
        my ($of, $path, $name, @known) = @$found;
        my $meant = Mesos::Warnings::meant($name, @known);
        Mesos::Warnings::warn_user("$path: $of has no field '$name'$meant", $path) if length $meant;
    }
    return;
}

sub _canonical {
    my ($list, $validate) = @_;
    # What Mesos::Client gets is JSON, with names for enums.
    if (grep { !_has_numbers($_) } ref $list eq 'ARRAY' ? @$list : ()) {
        require Mesos::Message::JSON;
        _warn_of_json($_) for grep { !_has_numbers($_) } @$list;
        $list = [map { _has_numbers($_) ? $_ : Mesos::Message::JSON::to_message('Mesos::Resource', $_, 'Mesos::Resource') } @$list];
    }
    my $bytes = Mesos::Request->encode({resources => $list});
    _reckon('validate', $bytes, '') if $validate;
    return _reckon('canonical', $bytes, '');
}

# --- looking at them ---------------------------------------------------------------------------------------------------------------

sub list { my ($self) = @_; return Mesos::Request->decode($self->{bytes})->{resources} || [] }

sub text { my ($self) = @_; return _reckon('text', $self->{bytes}, '') }

sub json { my ($self) = @_; return '[' . join(',', map { $_->encode_json } @{$self->list}) . ']' }

sub is_empty { my ($self) = @_; return !length $self->{bytes} }

sub names { my ($self) = @_; my %seen; return grep { !$seen{$_}++ } map { $_->{name} } @{$self->list} }

# In thousandths, as the core counts them: a sum of doubles would not be exact.
sub scalar {    ## no critic (ProhibitBuiltinHomonyms): Mesos' word for it
    my ($self, $name) = @_;
    croak 'scalar: expected the name of a resource, got ' . Mesos::Arguments::_describe($name) if !defined $name || ref $name;
    $self->_warn_of_absent('scalar', $name);
    my $thousandths = 0;
    $thousandths += sprintf '%.0f', 1000 * $_->{scalar}{value} for grep { $_->{name} eq $name && $_->{scalar} } @{$self->list};
    return $thousandths / 1000;
}

for my $name (qw(cpus mem disk gpus)) {
    no strict 'refs';
    *$name = sub { $_[0]->scalar($name) };
}

sub ports {
    my ($self) = @_;
    my @ranges = map { [$_->{begin}, $_->{end}] } map { @{$_->{ranges}{range} || []} } @{$self->named('ports')->list};
    @ranges = sort { $a->[0] <=> $b->[0] } @ranges;
    return @ranges;
}

sub _port_count { my ($self) = @_; my $count = 0; $count += $_->[1] - $_->[0] + 1 for $self->ports; return $count }

sub port_numbers { my ($self) = @_; return map { $_->[0] .. $_->[1] } $self->ports }

# --- arithmetic --------------------------------------------------------------------------------------------------------------------

for my $action (qw(add subtract)) {
    no strict 'refs';
    *$action = sub {
        my ($self, $other) = @_;
        Mesos::Warnings::warn_user("$action: what it returns is not used, and the object itself never changes", $action) unless defined wantarray;
        return $self->_with(_reckon($action, $self->{bytes}, $self->_bytes_of($other)));
    };
}

for my $action (qw(contains equals can_take)) {
    no strict 'refs';
    *$action = sub { my ($self, $other) = @_; return !!_reckon($action, $self->{bytes}, $self->_bytes_of($other)) };
}

sub take {
    my ($self, $wanted) = @_;
    my $bytes = $self->_bytes_of($wanted);
    return unless _reckon('can_take', $self->{bytes}, $bytes);
    return $self->_with(_reckon('take', $self->{bytes}, $bytes));
}

sub take_ports {
    my ($self, $count) = @_;
    croak 'take_ports: expected a number of ports, got ' . (defined $count ? qq("$count") : 'undef') unless defined $count && $count =~ /\A\d{1,15}\z/;
    return if $self->_port_count < $count;
    return $self->_with(_reckon('ports', $self->{bytes}, $count));
}

# --- parts of them -----------------------------------------------------------------------------------------------------------------

for my $action (qw(unreserved revocable nonrevocable shared nonshared volumes)) {
    no strict 'refs';
    *$action = sub { my ($self) = @_; return $self->_with(_reckon($action, $self->{bytes}, '')) };
}

for my $action (qw(named usable_by)) {
    no strict 'refs';
    *$action = sub {
        my ($self, $word) = @_;
        croak "$action: expected a string, got " . Mesos::Arguments::_describe($word) if !defined $word || ref $word;
        $self->_warn_of_absent($action, $word) if $action eq 'named';
        return $self->_with(_reckon($action, $self->{bytes}, $word));
    };
}

for my $action (qw(reserved flatten)) {
    no strict 'refs';
    *$action = sub {
        my ($self, $role) = @_;
        croak "$action: expected the name of a role, got " . Mesos::Arguments::_describe($role) if ref $role;
        return $self->_with(_reckon($action, $self->{bytes}, defined $role ? $role : ''));
    };
}

sub filter {
    my ($self, $code) = @_;
    croak 'filter: expected a code reference, got ' . Mesos::Arguments::_describe($code) if ref $code ne 'CODE';
    return $self->_with(_canonical([grep { $code->($_) } @{$self->list}], 0));
}

sub by_role {
    my ($self) = @_;
    my %roles;
    for my $resource (@{$self->list}) {
        my $last = ($resource->{reservations} || [])->[-1];
        my $role = $last ? $last->{role} : $resource->{role};
        push @{$roles{defined $role ? $role : '*'}}, $resource;
    }
    return {map { ($_ => $self->_with(_canonical($roles{$_}, 0))) } keys %roles};
}

sub TO_JSON { my ($self) = @_; return [map { $_->TO_JSON } @{$self->list}] }

watch_methods(
    __PACKAGE__, 'new',
    (map { ($_ => 0) } qw(list text json is_empty names cpus mem disk gpus ports port_numbers unreserved revocable nonrevocable shared nonshared volumes by_role)),
    (map { ($_ => 1) } qw(scalar add subtract contains equals can_take take take_ports named usable_by reserved flatten filter)),
);

1;
__END__

=head1 NAME

Mesos::Resources - arithmetic on resources, as exact as Mesos'

=head1 SYNOPSIS

    use Mesos::Resources;

    my $offered = Mesos::Resources->new('cpus:4;mem:1024;ports:[31000-32000];cpus(web):2');
    my $needed  = Mesos::Resources->new({cpus => 0.5, mem => 128});

    my $left = $offered;
    my $count = 0;
    while ($left->contains($needed)) {
        $left = $left - $needed;
        $count++;
    }
    print "$count tasks; $left is left\n";    # 8 tasks; ports:[31000-32000];cpus(web):2 is left

    my $ports = $offered->take_ports(2);
    print join(' ', $ports->port_numbers), "\n";    # 31000 31001

=head1 DESCRIPTION

A bag of resources, such as those of an offer or of a task. Objects never change: every method that reckons returns a new one. The
embedded cluster reckons with the same code, by the rules of Mesos:

=over

=item *

Scalars are counted in thousandths, so C<0.1 + 0.2> is C<0.3>. What is beyond the third decimal is rounded. C<mem> and C<disk> are in MiB
(2**20 bytes), C<cpus> and C<gpus> in devices.

=item *

Ranges are closed intervals; those that overlap or meet become one. Sets are united.

=item *

Amounts are combined only if everything else is equal: the name, the reservations, the volume, whether they are revocable, shared or of
a provider. A persistent volume, and a disk of a device, is used as a whole or not at all. To whom a resource is offered
(C<allocation_info>) does not count, and is not kept.

=item *

There is no negative amount, and no item of nothing. Subtracting what is not there changes nothing.

=back

=head1 WHERE RESOURCES COME FROM

C<new>, and every method and operator that takes other resources, takes any of these:

=over

=item a string

As in an agent's C<--resources>: C<cpus:2;mem:1024;ports:[31000-32000];disks:{a,b};disk(db):10>. The word in parentheses is the role that
they are reserved for. Or JSON: an array of objects as C<Mesos::Resource> has them, with all of its fields.

=item a hash reference of amounts

C<< {cpus => 0.5, mem => 128, ports => [[31000, 31001]]} >>.

=item a message with resources

A C<Mesos::Offer>, C<Mesos::TaskInfo>, C<Mesos::ExecutorInfo> and so on, or a hash reference with the key C<resources>.

=item a C<Mesos::Resource>

Or a hash reference with its fields (C<name>, C<type> and others), or the same as JSON has it, as in what L<Mesos::Client> gets:
C<< Mesos::Resources->new($agent->{total_resources}) >>.

=item an array reference

Of all of these.

=item a C<Mesos::Resources>

=back

What Mesos would not take dies at your line, with the reason in the words of Mesos. You get a warning of a key that is no field of a
C<Mesos::Resource>. In JSON, it comes only if the key is nearly a field's name, because a newer Mesos may have more fields.

=head1 OPERATORS

C<+> and C<-> are C<add> and C<subtract>, C<==> and C<!=> compare as C<equals> does, a string is what C<text> returns, and C<eq> and C<ne>
compare this string. An object is false if there is nothing in it. There is no order, so there is no C<< < >>: use C<contains>.

=head1 METHODS

=head2 new

    my $resources = Mesos::Resources->new(@of);

Returns the sum of what it gets: see above. Without arguments there is nothing in it.

=head2 parse

    my $resources = Mesos::Resources->parse('cpus:2;mem:1024');

Does the same for one string.

=head2 sum

    my $all = Mesos::Resources->sum(@offers);

Another name of C<new>.

=head2 add, subtract

    my $sum = $resources->add($other);
    my $left = $resources->subtract($other);

=head2 contains

    if ($resources->contains($other)) { ... }

Returns whether all of C<$other> is in it. What is reserved is not what is not reserved: see C<can_take>.

=head2 equals

    if ($resources->equals($other)) { ... }

Returns whether both contain each other.

=head2 can_take, take

    my $taken = $offered->take({cpus => 3}) or next;
    $offered = $offered - $taken;

C<take> returns that part of the resources which is as much as you want, or nothing (undef) if there is not enough. If you ask for
unreserved resources, it takes those that are reserved as well, and those with the deepest role first, because nobody else can use them.
Give the result to a task: C<< resources => $taken->list >>. C<can_take> returns whether there is enough.

=head2 take_ports

    my $ports = $offered->take_ports(2) or next;

Returns this many of the ports, the lowest of the first item that has any, or undef if there are not enough.

=head2 list

    my $task = {resources => $resources->list, ...};

Returns an array reference of C<Mesos::Resource>: new objects each time. Reservations are in the old spelling (C<role>, C<reservation>),
unless the resources came in the new one (C<reservations>), as for frameworks with the capability C<RESERVATION_REFINEMENT>.

=head2 text

    print $resources->text, "\n";

Returns a string as C<new> takes it: C<cpus:2;disk(db):10>. Resources that this form cannot tell (volumes, revocable ones, reservations
made at run time) are as Mesos prints them: C<disk(reservations: [(DYNAMIC,db)])[volume:path]:10>. C<new> does not take those.

=head2 json, TO_JSON

    my $json = $resources->json;

C<json> returns a string that C<new> takes, with everything in it. C<TO_JSON> returns the data for your own encoder.

=head2 is_empty

Returns whether there is nothing in it.

=head2 names

    my @names = $resources->names;

Returns the names of what is in it, each once.

=head2 cpus, mem, disk, gpus

    my $cpus = $resources->cpus;

Return the sum of all such amounts, reserved or not, a number; 0 if there are none. Volumes count as C<disk>.

=head2 scalar

    my $bandwidth = $resources->scalar('network_bandwidth');

Returns the same for any name.

=head2 ports

    for my $range ($resources->ports) { my ($first, $last) = @$range; ... }

Returns the ranges of all ports, the lowest first.

=head2 port_numbers

    my ($port) = $resources->take_ports(1)->port_numbers;

Returns the ports themselves. There may be thousands of them in an offer.

=head2 named

    my $cpus = $resources->named('cpus');

Returns the resources of this name.

=head2 unreserved, reserved

    my $reserved = $resources->reserved;
    my $reserved = $resources->reserved('web');

Return what is not reserved, what is reserved, and what is reserved for exactly this role.

=head2 usable_by

    my $usable = $resources->usable_by('eng/web');

Returns what a framework of this role may use: what is not reserved, and what is reserved for it or for a role above it.

=head2 by_role

    my $by_role = $resources->by_role;
    print "$_: $by_role->{$_}\n" for sort keys %$by_role;

Returns a hash reference: for each role, what is reserved for it. What is not reserved is under C<*>.

=head2 flatten

    my $amounts = $resources->flatten;
    my $reserved = $resources->flatten('web');

Returns the same amounts without reservations, or reserved for this role alone.

=head2 revocable, nonrevocable, shared, nonshared

Return what Mesos may take away at any time, and the rest; the volumes that several tasks may use at a time, and the rest.

=head2 volumes

    my @ids = map { $_->{disk}{persistence}{id} } @{ $resources->volumes->list };

Returns the persistent volumes.

=head2 filter

    my $ssd = $resources->filter(sub { my ($resource) = @_; ($resource->{disk}{source}{profile} || '') eq 'ssd' });

Returns the items for which your code returns true. It gets a C<Mesos::Resource>.

=head1 SEE ALSO

L<Mesos::Offers> picks offers for tasks.

=cut
