use strict;
use warnings;
use lib 't/lib';
use Test::Framework;
use Test::Mesos qw(command driver_for);
use Test::More;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here

# Reservations and persistent volumes on the embedded cluster: what a stateful framework does.

$ENV{MESOS_RESOURCES} = 'cpus:1;mem:512;disk:100;ports:[1-1]';

{
    package Stateful;
    use Moo;
    extends 'Test::Framework';

    has steps => (is => 'ro', required => 1);    # code($offer): what to do with it, or nothing while it does not fit

    sub resourceOffers {
        my ($self, $driver, $offers) = @_;
        for my $offer (@$offers) {
            my @operations = @{$self->steps} ? $self->steps->[0]->($offer) : ();
            shift @{$self->steps} if @operations;
            $driver->acceptOffers([$offer->{id}], \@operations, {refuse_seconds => 0});
        }
    }

    sub operationStatusUpdate {
        my ($self, $driver, $status) = @_;
        push @{$self->heard}, ['operation', $status->{operation_id}{value}, $status->{state}, $status->{message}];
        $driver->stop if $status->{operation_id}{value} eq 'destroy';
    }
}

my $driver;
my $reservation = {type => Mesos::Resource::ReservationInfo::Type::DYNAMIC(), role => 'eng'};
my $disk = {name => 'disk', type => 0, scalar => {value => 10}, reservations => [$reservation]};
my $volume = {%$disk, disk => {persistence => {id => 'state'}, volume => {container_path => 'state', mode => Mesos::Volume::Mode::RW()}}};
my %type = (map { ($_ => Mesos::Offer::Operation::Type->can($_)->()) } qw(RESERVE CREATE LAUNCH DESTROY UNRESERVE));

my $operation = sub {
    my ($type, $member, @items) = @_;
    return {type => $type{$type}, id => {value => lc $type}, lc $type => {$member => [@items]}};
};
my $task = sub {
    my ($offer, $id, $command) = @_;
    my @resources = ({name => 'cpus', type => 0, scalar => {value => 0.1}}, $volume);
    my $task = {%{command($id, $command)}, slave_id => $offer->{slave_id}, resources => \@resources};
    return {type => $type{LAUNCH}, launch => {task_infos => [$task]}};
};
# Whether the volume is there, and not in use.
my $offered = sub { my ($offer) = @_; return scalar grep { $_->{disk} } @{$offer->{resources}} };

# What the offers lack, and nobody would hear of, is refused at the call; and the offers are still there for what they hold.
my $unheard = sub { my $operation = $operation->(@_); delete $operation->{id}; return $operation };
my $lacks = sub {
    my ($offer) = @_;
    my $lack = qr/the offers do not hold what it takes, /;
    my %other = (reservations => [{%$reservation, role => 'ops'}]);
    for (
        ['more than there is', $lack, $unheard->(RESERVE => 'resources', {%$disk, scalar => {value => 101}})],
        ['what another name has', $lack, $unheard->(RESERVE => 'resources', {%$disk, name => 'gold'})],
        ['ports that are not offered', $lack, $unheard->(RESERVE => 'resources',
                {name => 'ports', type => 1, ranges => {range => [{begin => 2, end => 2}]}, reservations => [$reservation]})],
        ['of another role', qr/it reserves for the role 'ops', and the offers are for 'eng'/, $unheard->(RESERVE => 'resources', {%$disk, %other})],
        ['no such reservation', $lack, $unheard->(UNRESERVE => 'resources', $disk)],
        ['a volume of what is not reserved', $lack, $unheard->(CREATE => 'volumes', $volume)],
        ['no such volume', $lack, $unheard->(DESTROY => 'volumes', $volume)],
        ['a volume twice', qr/there is a volume with the id 'state' already/, $unheard->(RESERVE => 'resources', {%$disk, scalar => {value => 20}}),
            ($unheard->(CREATE => 'volumes', $volume)) x 2],
        ['the rest of what was taken', $lack, $unheard->(RESERVE => 'resources', {%$disk, scalar => {value => 60}}),
            $unheard->(RESERVE => 'resources', {%$disk, scalar => {value => 60}})],
    ) {
        my ($name, $why, @operations) = @$_;
        my $last = $#operations;
        ok !eval { $driver->acceptOffers([$offer->{id}], \@operations, {refuse_seconds => 0}); 1 }, $name;
        like $@, qr/\Aoperations: Offer\.Operation $last: $why.* at \Q${\__FILE__}\E line @{[__LINE__ - 1]}\.$/;
    }
    return;
};

my $framework = Stateful->new(stop_when_done => 0, steps => [
        # All of it in one call: each sees what the one before did.
        sub { $lacks->(@_); ($operation->(RESERVE => 'resources', $disk), $operation->(CREATE => 'volumes', $volume), $task->($_[0], 'writes', 'echo kept > state/file')) },
        sub { $offered->(@_) ? $task->($_[0], 'reads', 'read line < state/file && test "$line" = kept') : () },
        sub { $offered->(@_) ? ($operation->(DESTROY => 'volumes', $volume), $operation->(UNRESERVE => 'resources', {%$disk, scalar => {value => 11}})) : () },
]);
$driver = driver_for('local', $framework, framework => {
        user => '', name => 'stateful', roles => ['eng'],
        capabilities => [map { {type => $_} } Mesos::FrameworkInfo::Capability::Type::MULTI_ROLE(), Mesos::FrameworkInfo::Capability::Type::RESERVATION_REFINEMENT()],
});
local $SIG{ALRM} = sub { die 'no end after 120 s; heard: ' . explain($framework->heard) };
alarm 120;
is $driver->run, Mesos::Status::DRIVER_STOPPED();
alarm 0;
is $framework->states->{$_}[-1], Mesos::TaskState::TASK_FINISHED(), $_ for qw(writes reads);
my %finished = map { ($_->[1] => $_) } grep { $_->[0] eq 'operation' } @{$framework->heard};
is $finished{$_}[2], Mesos::OperationState::OPERATION_FINISHED(), $_ for qw(reserve create destroy);
is $finished{unreserve}[2], Mesos::OperationState::OPERATION_ERROR();
like $finished{unreserve}[3], qr/ does not contain disk\(allocated: eng\)\(reservations: \[\(DYNAMIC,eng\)\]\):11\z/;

done_testing;
