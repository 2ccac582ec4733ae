package Mesos::Offers;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Messages ();
use Mesos::Offers::Plan ();
use Mesos::Resources ();
use Mesos::Warnings ();
use Mesos::Warnings::Methods qw(watch_methods);
use Scalar::Util qw(blessed looks_like_number reftype);

$Carp::Internal{+__PACKAGE__} = 1;

sub new {
    my ($class, $offers) = @_;
    croak "$class->new: expected an array reference of offers, got " . Mesos::Arguments::_describe($offers) if (reftype($offers) || '') ne 'ARRAY';
    for my $index (0 .. $#$offers) {
        my $offer = $offers->[$index];
        croak "$class->new: element $index: expected a Mesos::Offer or a hash reference, got " . Mesos::Arguments::_describe($offer) if (reftype($offer) || '') ne 'HASH';
        croak "$class->new: element $index: an offer without an id or a slave_id" unless $offer->{id} && $offer->{slave_id};
        for my $name (qw(id slave_id)) {
            croak "$class->new: element $index: $name: expected a hash reference with the key value, got " . Mesos::Arguments::_describe($offer->{$name})
                unless (reftype($offer->{$name}) || '') eq 'HASH' && defined $offer->{$name}{value};
        }
        _warn_of_fields("$class->new: element $index", $offer);
    }
    return bless {list => [@$offers]}, ref $class || $class;
}

# The messages of an offer that its methods look at. Mesos::Resources tells of the resources.
my %read = (id => 'Mesos::OfferID', slave_id => 'Mesos::SlaveID', allocation_info => 'Mesos::Resource::AllocationInfo', attributes => 'Mesos::Attribute');

sub _warn_of_fields {
    my ($what, $offer) = @_;
    Mesos::Warnings::warn_fields($what, 'Mesos::Offer', $offer);
    for my $name (grep { defined $offer->{$_} } sort keys %read) {
        my $value = $offer->{$name};
        Mesos::Warnings::warn_fields("$what: $name", $read{$name}, $_) for (reftype($value) || '') eq 'ARRAY' ? @$value : $value;
    }
    return;
}

sub list { my ($self) = @_; return [@{$self->{list}}] }

sub count { my ($self) = @_; return scalar @{$self->{list}} }

sub ids { my ($self) = @_; return map { $_->{id} } @{$self->{list}} }

sub resources { my ($self) = @_; return Mesos::Resources->sum(map { _resources_of($_) } @{$self->{list}}) }

# A hash without any is no hash of amounts.
sub _resources_of { my ($offer) = @_; return {resources => $offer->{resources} || []} }

# --- what is in an offer -----------------------------------------------------------------------------------------------------------

sub role_of {
    my ($offer) = @_;
    croak 'role_of: expected an offer (it is a function: Mesos::Offers::role_of($offer)), got ' . Mesos::Arguments::_describe($offer)
        if (reftype($offer) || '') ne 'HASH' || blessed $offer && $offer->isa(__PACKAGE__);
    return defined $offer->{allocation_info}{role} ? $offer->{allocation_info}{role} : '*' if $offer->{allocation_info};
    return '*';
}

# The values of an attribute: what may be asked for of it.
sub _attributes {
    my ($offer, $name) = @_;
    return grep { $_->{name} eq $name } @{$offer->{attributes} || []};
}

sub _attribute_text {
    my ($attribute) = @_;
    return $attribute->{text}{value} if $attribute->{text};
    return 0 + $attribute->{scalar}{value} if $attribute->{scalar};
    return '[' . join(', ', map {"$_->{begin}-$_->{end}"} @{$attribute->{ranges}{range} || []}) . ']' if $attribute->{ranges};
    return '{' . join(', ', @{$attribute->{set}{item} || []}) . '}';
}

# Whether a value is as wanted: a string, a number, a regular expression, a function, or one of several.
sub _is_wanted {
    my ($want, $value) = @_;
    return !!grep { _is_wanted($_, $value) } @$want if ref $want eq 'ARRAY';
    return $value =~ $want if ref $want eq 'Regexp';
    if (ref $want eq 'CODE') { local $_ = $value; return !!$want->($value) }
    return looks_like_number($want) && looks_like_number($value) ? $want == $value : $want eq $value;
}

sub _attribute_is_wanted {
    my ($want, $attribute) = @_;
    if ($attribute->{ranges} && looks_like_number($want)) {
        return !!grep { $want >= $_->{begin} && $want <= $_->{end} } @{$attribute->{ranges}{range} || []};
    }
    return !!grep { _is_wanted($want, $_) } @{$attribute->{set}{item} || []} if $attribute->{set};
    return _is_wanted($want, _attribute_text($attribute));
}

sub _wanted_text {
    my ($want) = @_;
    return join ' or ', map { _wanted_text($_) } @$want if ref $want eq 'ARRAY';
    return ref $want eq 'CODE' ? 'what the function wants' : ref $want ? "$want" : "'$want'";
}

# --- filters -----------------------------------------------------------------------------------------------------------------------

my @constraints = qw(resources attributes hostname role agent ports where);

sub _check {
    my ($method, $want) = @_;
    Mesos::Warnings::refuse_unknown("$method: unknown constraint", $want, @constraints);
    croak "$method: attributes: expected a hash reference, got " . Mesos::Arguments::_describe($want->{attributes}) if defined $want->{attributes} && ref $want->{attributes} ne 'HASH';
    my $attributes = $want->{attributes} || {};
    for my $of (map({ [$_, $want->{$_}] } qw(agent hostname role)), map { ["attributes: $_", $attributes->{$_}] } sort keys %$attributes) {
        croak "$method: $of->[0]: expected a string, a regular expression, a function, or a list of these, got undef"
            if !defined $of->[1] && $of->[0] =~ /\Aattributes: /;
        my ($wrong) = grep { ref eq 'HASH' || blessed $_ && $_->isa('Mesos::Message') } ref $of->[1] eq 'ARRAY' ? @{$of->[1]} : $of->[1];
        croak "$method: $of->[0]: expected a string, a regular expression, a function, or a list of these, got " . Mesos::Arguments::_describe($wrong)
            if defined $wrong;
    }
    croak "$method: where: expected a code reference, got " . Mesos::Arguments::_describe($want->{where}) if defined $want->{where} && ref $want->{where} ne 'CODE';
    croak qq($method: ports: expected a number, got "$want->{ports}") if defined $want->{ports} && $want->{ports} !~ /\A\d+\z/;
    return;
}

# Why an offer is not as wanted, apart from its resources; undef if it is.
sub _objection {
    my ($offer, %want) = @_;
    my %value = (hostname => defined $offer->{hostname} ? $offer->{hostname} : '', agent => $offer->{slave_id}{value}, role => role_of($offer));
    for my $name (qw(agent hostname role)) {
        next if !defined $want{$name} || _is_wanted($want{$name}, $value{$name});
        return "its $name is '$value{$name}', not " . _wanted_text($want{$name});
    }
    my $wanted = $want{attributes} || {};
    for my $name (sort keys %$wanted) {
        my @attributes = _attributes($offer, $name);
        return "it has no attribute '$name'" unless @attributes;
        next if grep { _attribute_is_wanted($wanted->{$name}, $_) } @attributes;
        return "its attribute '$name' is " . join(' and ', map { q(') . _attribute_text($_) . q(') } @attributes) . ', not ' . _wanted_text($wanted->{$name});
    }
    return 'the function says no' if $want{where} && !$want{where}->($offer);
    return;
}

# What is missing of resources, as a text; undef if nothing is.
sub _lack {
    my ($left, $needed, $ports) = @_;
    if ($left->can_take($needed)) {
        return unless $ports;
        my $there = $left->subtract($left->take($needed))->_port_count;
        return $there < $ports ? "ports: it needs $ports, and there are $there" : undef;
    }
    my ($has, $wants) = ($left->flatten, $needed->flatten);
    for my $name ($wants->names) {
        my ($want, $have) = ($wants->scalar($name), $has->scalar($name));
        return "$name: it needs $want, and there is $have" if $want > $have;
    }
    for my $name ($wants->names) {
        my ($want, $have) = ($wants->named($name), $has->named($name));
        return "$name: it needs $want, and there is " . ($have->is_empty ? 'none' : $have) unless $have->can_take($want);
    }
    return "it needs $needed, and there is $left";
}

sub filter {
    my ($self, @arguments) = @_;
    my %want = @arguments == 1 && ref $arguments[0] eq 'CODE' ? (where => $arguments[0]) : @arguments % 2 ? croak('filter: expected pairs of a name and a value, got an odd number of arguments') : @arguments;
    _check('filter', \%want);
    my $needed = defined $want{resources} ? Mesos::Resources->new($want{resources}) : Mesos::Resources->new;
    my @fit = grep { !defined _objection($_, %want) && !defined _lack(Mesos::Resources->new(_resources_of($_)), $needed, $want{ports}) } @{$self->{list}};
    return (ref $self)->new(\@fit);
}

# --- indices -----------------------------------------------------------------------------------------------------------------------

sub _index {
    my ($self, $key) = @_;
    my %index;
    for my $offer (@{$self->{list}}) { push @{$index{$_}}, $offer for $key->($offer) }
    return {map { ($_ => (ref $self)->new($index{$_})) } keys %index};
}

sub by_agent { my ($self) = @_; return $self->_index(sub { $_[0]{slave_id}{value} }) }
sub by_hostname { my ($self) = @_; return $self->_index(sub { $_[0]{hostname} }) }
sub by_role { my ($self) = @_; return $self->_index(sub { role_of($_[0]) }) }

sub by_attribute {
    my ($self, $name) = @_;
    croak 'by_attribute: expected the name of an attribute, got ' . Mesos::Arguments::_describe($name) if !defined $name || ref $name;
    return $self->_index(sub { map { $_->{set} ? @{$_->{set}{item} || []} : _attribute_text($_) } _attributes($_[0], $name) });
}

# --- tasks -------------------------------------------------------------------------------------------------------------------------

sub place {
    my ($self, $tasks, @options) = @_;
    croak 'place: expected pairs of a name and a value after the tasks, got an odd number of them' if @options % 2;
    return Mesos::Offers::Plan->_make($self, $tasks, @options);
}

watch_methods(
    __PACKAGE__, 'new', (map { ($_ => 0) } qw(list count ids resources by_agent by_hostname by_role)),
    by_attribute => 1, (map { ($_ => undef) } qw(filter place)),
);

1;
__END__

=head1 NAME

Mesos::Offers - finds the offers that fit, and places tasks on them

=head1 SYNOPSIS

    use Mesos::Offers;

    my @queue;    # of tasks without slave_id: hash references, or Mesos::TaskInfo

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        my $plan = Mesos::Offers->new($offers)->place(\@queue, strategy => 'spread');
        @queue = map { $_->{wanted} } $plan->unplaced;
        warn $plan->why($_), "\n" for $plan->unplaced;
        $plan->launch($driver, {refuse_seconds => 60});    # and declines what is not used
    }

=head1 DESCRIPTION

A list of offers, as C<resourceOffers> gets it: you can filter it, look things up in it, and let it find places for tasks. Objects never
change, and neither do the offers in them.

=head1 METHODS

=head2 new

    my $offers = Mesos::Offers->new(\@offers);

The elements are C<Mesos::Offer>, or hash references with their fields.

=head2 list, count, ids

    for my $offer (@{ $offers->list }) { ... }
    $driver->declineOffer($_) for $offers->ids;

Return an array reference of the offers, how many there are, and their C<Mesos::OfferID>s.

=head2 resources

    my $cpus = $offers->resources->cpus;

Returns all that is offered, as a L<Mesos::Resources>.

=head2 filter

    my $fast = $offers->filter(resources => {cpus => 4, mem => 1024}, attributes => {rack => ['r1', 'r2'], disk => 'ssd'});

Returns the offers that fit. The constraints, all optional:

=over

=item resources

What must be there for a task: anything that L<Mesos::Resources/new> takes.

=item ports

How many ports must be there beside that.

=item attributes

A hash reference: what an attribute of this name must be. If an attribute is a set, one of its elements; if it has ranges, a number in them.

=item hostname, agent, role

What the name of the agent's host must be, the agent's id, and the role to which the offer is made.

=item where

A code reference that gets the offer and says whether it fits. You may also give it as the only argument.

=back

A value is a string, a number, a regular expression, a code reference that gets the value (also in C<$_>), or an array reference of those,
of which one must do.

=head2 by_agent, by_hostname, by_role

    my $by_hostname = $offers->by_hostname;
    my $there = $by_hostname->{'node1.example'};

Return a hash reference: for each agent's id, host name or role, a C<Mesos::Offers>.

=head2 by_attribute

    my $racks = $offers->by_attribute('rack');

Returns the same for the values of an attribute. Offers without it are left out; those with several values are under each.

=head2 role_of

    my $role = Mesos::Offers::role_of($offer);

A function. Returns the role to which an offer is made: C<*> if none is in it.

=head2 place

    my $plan = $offers->place(\@tasks, strategy => 'pack');

Finds a place for each task, in their order, and returns a L<Mesos::Offers::Plan>. Nothing is sent before C<launch> of the plan. A task is

=over

=item *

a C<Mesos::TaskInfo>, or a hash reference with its fields, without C<slave_id>. Its C<resources> may be anything that L<Mesos::Resources/new>
takes: C<< {name => 'web', task_id => {value => 'web-1'}, command => {value => 'httpd'}, resources => {cpus => 1, mem => 128}} >>;

=item *

or a hash reference with such a C<task>, and with constraints for the place as C<filter> has them:
C<< {task => $task, attributes => {rack => 'r1'}, ports => 2} >>. Constraint C<resources> is added to what the task says.

=back

The resources of offers of the same agent are taken together. Unreserved resources of a task are taken from what is reserved first: see
L<Mesos::Resources/take>. If a task has an executor that the agent does not have yet, there must be room for that, too. The options:

=over

=item strategy

C<first_fit> (the default) takes the first agent that fits, in the order of the offers. C<spread> takes the one with the fewest tasks of
this plan. C<pack> takes one that has tasks already, and of those the one with the least CPUs and memory left, so that whole agents stay free.

=item by

With C<spread>: the name of an attribute. Then it is the value of this attribute (a rack, for example) with the fewest tasks that counts
first, and the agent after that.

=item counts

With C<spread>: a hash reference with the number of tasks that run already, by the agent's id and, with C<by>, by the attribute's value.

=back

=cut
