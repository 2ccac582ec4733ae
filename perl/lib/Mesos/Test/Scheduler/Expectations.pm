package Mesos::Test::Scheduler::Expectations;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Messages ();
use Mesos::Test::Scheduler::Calls ();
use Mesos::Warnings ();
use Scalar::Util qw(reftype);
use Test::Builder ();
use Moo::Role;

$Carp::Internal{+__PACKAGE__} = 1;

# --- what is expected of it --------------------------------------------------------------------------------------------------------

# Meets the first pending call of a kind that is as wanted; its text is the name of the test.
sub _expect {
    my ($self, $kind, $what, $differs) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + Mesos::Test::Scheduler::Calls::depth();
    my $pending = $self->{_pending};
    my (@reasons, $nearest);
    for my $index (grep { Mesos::Test::Scheduler::Calls::is_a($pending->[$_], $kind) } 0 .. $#$pending) {
        my $call = $pending->[$index];
        my $difference = $differs ? $differs->($call) : undef;
        if (!defined $difference) {
            splice @$pending, $index, 1;
            $test->ok(1, Mesos::Test::Scheduler::Calls::text($call));
            return $call;
        }
        $nearest = $index unless defined $nearest;
        push @reasons, Mesos::Test::Scheduler::Calls::text($call) . ":\n    $difference";
    }
    $test->ok(0, $what);
    my @others = map { Mesos::Test::Scheduler::Calls::text($_) } grep { !Mesos::Test::Scheduler::Calls::is_a($_, $kind) } @$pending;
    $test->diag("expected: $what");
    $test->diag("not as wanted: $_") for @reasons;
    $test->diag("seen instead: $_") for @others;
    $test->diag('the scheduler has called nothing' . (@{$self->driver->calls} ? ' more' : '')) if !@reasons && !@others;
    # Nothing says it a second time.
    splice @$pending, $nearest, 1 if defined $nearest;
    return;
}

my %expectations = (
    launch => [qw(count task tasks offer offers filters)],
    decline => [qw(offer offers filters)],
    accept => [qw(operations offer offers filters)],
    kill => [qw(task policy)],
    revive => [qw(roles)],
    suppress => [qw(roles)],
    reconcile => [qw(tasks)],
    request => [qw(requests)],
    message => [qw(data executor agent)],
    shutdown_executor => [qw(executor agent)],
    update_framework => [qw(framework suppressed_roles)],
    stop => [qw(failover)],
    abort => [],
    accept_inverse => [qw(offer offers filters)],
    decline_inverse => [qw(offer offers filters)],
    reconcile_operations => [qw(operations)],
);

for my $kind (sort keys %expectations) {
    my @known = @{$expectations{$kind}};
    no strict 'refs';
    *{"expect_$kind"} = sub {
        my ($self, @arguments) = @_;
        my %want = Mesos::Test::Scheduler::Calls::named("expect_$kind", \@arguments, @known);
        # One is as good as a list of it, as for the others.
        $want{offers} = [$want{offers}] if $kind eq 'decline' && defined $want{offers} && ref $want{offers} ne 'ARRAY';
        croak 'expect_decline: offers: expected at least one offer, got an empty list' if $kind eq 'decline' && $want{offers} && !@{$want{offers}};
        _check_operations("expect_$kind", $want{operations}) if $kind eq 'accept' && defined $want{operations};
        # Several offers are declined by several calls.
        my @each = $kind eq 'decline' && $want{offers} ? map { ({%want, offers => undef, offer => $_}) } @{$want{offers}} : \%want;
        my @calls;
        for my $one (@each) {
            my %one = map { ($_ => $one->{$_}) } grep { defined $one->{$_} } keys %$one;
            my $call = $self->_expect($kind, Mesos::Test::Scheduler::Calls::wanted_text($kind, %one),
                sub { Mesos::Test::Scheduler::Calls::differs($_[0], %one) });
            push @calls, $call if $call;
        }
        my @result = $kind eq 'launch' ? map { Mesos::Test::Scheduler::Calls::tasks($_) } @calls : @calls;
        return wantarray ? @result : $result[0];
    };
}

sub _check_operations {
    my ($method, $operations) = @_;
    return if ref $operations eq 'CODE';
    croak "$method: operations: expected an array reference, got " . Mesos::Arguments::_describe($operations) if ref $operations ne 'ARRAY';
    my @known = sort map { $_->[0] } @{Mesos::Offer::Operation::Type->_pb_fields_list};
    for my $name (grep { defined && !ref } @$operations) {
        croak "$method: operations: there is no operation '$name'" . Mesos::Warnings::suggestion($name, 'there are', @known) unless grep { $_ eq $name } @known;
    }
    return;
}

sub expect_acknowledge {
    my ($self, $status) = @_;
    croak 'expect_acknowledge: expected a Mesos::TaskStatus, as update returns it, got ' . Mesos::Arguments::_describe($status)
        if defined $status && (reftype($status) || '') ne 'HASH';
    $status = $self->{_last_status} || croak 'expect_acknowledge: there was no update' unless defined $status;
    my $uuid = $status->{uuid};
    croak 'expect_acknowledge: an update without a uuid is never acknowledged' unless defined $uuid;
    my $what = 'acknowledgement of ' . Mesos::Test::Scheduler::Calls::brief($status);
    if (!$self->driver->implicit_acknowledgements) {
        return $self->_expect('acknowledge', $what, sub { ($_[0]{status}{uuid} // '') eq $uuid ? undef : 'it is of another update' });
    }
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + Mesos::Test::Scheduler::Calls::depth();
    return $test->ok($self->{_acknowledged}{$uuid}, $what) || !$test->diag('the callback has died, so the driver does not acknowledge it');
}

sub expect_nothing {
    my ($self) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + Mesos::Test::Scheduler::Calls::depth();
    my @left = splice @{$self->{_pending}};
    my $ok = $test->ok(!@left, 'the scheduler has called nothing more');
    $test->diag('seen instead: ' . Mesos::Test::Scheduler::Calls::text($_)) for @left;
    return $ok;
}

sub expect_no_open_offers {
    my ($self) = @_;
    $self->_report;
    my $test = Test::Builder->new;
    local $Test::Builder::Level = $Test::Builder::Level + Mesos::Test::Scheduler::Calls::depth();
    my @open = $self->open_offers;
    my $ok = $test->ok(!@open, 'the scheduler has answered every offer');
    $test->diag("neither used nor declined: $_->{id}{value} of $_->{slave_id}{value}") for @open;
    return $ok;
}

1;
__END__

=head1 NAME

Mesos::Test::Scheduler::Expectations - the expectations of Mesos::Test::Scheduler

=head1 SYNOPSIS

    use Mesos::Scheduler;
    use Mesos::Test::Scheduler;

    my $t = Mesos::Test::Scheduler->new(scheduler => Mesos::Scheduler->new);
    $t->register;
    $t->expect_nothing;

=head1 DESCRIPTION

A role of L<Mesos::Test::Scheduler>. Internal to this distribution. See L<Mesos::Test::Scheduler/EXPECTATIONS>.

=cut
