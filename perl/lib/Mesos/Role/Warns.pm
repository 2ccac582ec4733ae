package Mesos::Role::Warns;
use 5.10.1;
use Mesos::Types ();
use Mesos::Warnings qw(warn_user);
use Mesos::XS;
use Moo::Role;
use namespace::autoclean;

requires qw(start stop abort join status);

has unknown_fields => (is => 'ro', isa => \&_check_unknown_fields, default => 'warn');

sub _check_unknown_fields {
    my ($value) = @_;
    return if defined $value && $value =~ /\A(?:die|warn|ignore)\z/;
    Mesos::Types::_die('unknown_fields: expected "die", "warn" or "ignore", got ' . (defined $value ? qq("$value") : 'undef'));
}

# All of these return the status, and nothing else would tell that they did nothing.
before start => sub {
    my ($self) = @_;
    my $status = $self->status;
    my $end = $status == Mesos::Status::DRIVER_STOPPED() ? 'stopped' : $status == Mesos::Status::DRIVER_ABORTED() ? 'aborted' : return;
    warn_user("start: the driver was $end, and cannot be started again: make a new one", 'start');
};

for my $method (qw(stop abort join)) {
    before $method => sub {
        my ($self) = @_;
        return if $self->status != Mesos::Status::DRIVER_NOT_STARTED();
        warn_user("$method: the driver was not started yet: nothing was done", $method);
    };
}

# In a child of the process that made it, and in another thread, a driver is only a copy, whose methods die.
sub _warn_if_running {
    my ($self, $in_global_destruction) = @_;
    return if $in_global_destruction;
    local ($@, $!);
    return unless eval { $self->status == Mesos::Status::DRIVER_RUNNING() };
    warn_user('a ' . ref($self) . ' is dropped while it runs: no callback comes any more. Keep it in a variable until stop', 'dropped');
}

1;
__END__

=head1 NAME

Mesos::Role::Warns - the drivers' warnings of calls that do nothing

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;

    my $driver = Mesos::SchedulerDriver->new(
        master         => 'local',
        framework      => {user => '', name => 'example'},
        scheduler      => Mesos::Scheduler->new,
        unknown_fields => 'die',
    );

=head1 DESCRIPTION

L<Mesos::SchedulerDriver> and L<Mesos::ExecutorDriver> compose this role. L<Mesos::Warnings> lists the warnings.

=head1 ATTRIBUTES

=head2 unknown_fields

What happens when a message that you give to the driver, C<framework> and C<credential> included, has a key that is no field of it:
C<'warn'> (the default), C<'die'> or C<'ignore'>. The text contains the path of the key, and the field that you probably meant.

=cut
