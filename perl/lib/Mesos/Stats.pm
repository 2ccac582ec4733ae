package Mesos::Stats;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Exporter qw(import);
use Mesos::Arguments ();
use Mesos::Warnings ();
use Scalar::Util ();
use overload ();

$Carp::Internal{+__PACKAGE__} = 1;

our @EXPORT_OK = qw(prometheus);

# What stats calls it: the metric's name, its type, what it is. Of those that count by something, what that is.
my @metrics = (
    [events => 'events_total', counter => 'Events from the master or the agent', 'type'],
    [calls => 'calls_total', counter => 'Calls that were made', 'type'],
    [answers => 'answers_total', counter => 'Answers to calls', 'status'],
    [queue_length => 'queue_length', gauge => 'Events that wait for their callbacks'],
    [queue_high_water => 'queue_high_water', gauge => 'Most events that ever waited'],
    [calls_waiting => 'calls_waiting', gauge => 'Calls that wait in the driver'],
    [calls_unanswered => 'calls_unanswered', gauge => 'Calls that were sent and not answered'],
    [calls_dropped => 'calls_dropped_total', counter => 'Calls that were never sent because there was no master'],
    [calls_refused => 'calls_refused_total', counter => 'Calls that were answered with an error'],
    [updates_received => 'updates_received_total', counter => 'Status updates that came'],
    [updates_acknowledged => 'updates_acknowledged_total', counter => 'Acknowledgements that were taken'],
    [updates_made => 'updates_made_total', counter => 'Status updates that the driver made itself'],
    [subscriptions => 'subscriptions_total', counter => 'Confirmed subscriptions'],
    [reconnects => 'reconnects_total', counter => 'Confirmed subscriptions after the first'],
    [disconnects => 'disconnects_total', counter => 'Subscriptions that were lost'],
    [bytes_in => 'received_bytes_total', counter => 'Bytes that the driver has read'],
    [bytes_out => 'sent_bytes_total', counter => 'Bytes that the driver has written'],
    [last_heartbeat_age => 'last_heartbeat_age_seconds', gauge => 'Seconds since the last heartbeat'],
);

sub _quoted {
    my ($text) = @_;
    $text =~ s/([\\"])/\\$1/g;
    $text =~ s/\n/\\n/g;
    return qq("$text");
}

sub _line {
    my ($name, $labels, $value) = @_;
    my $text = join ',', map { "$_=" . _quoted($labels->{$_}) } sort keys %$labels;
    return $name . (length $text ? "{$text}" : '') . " $value\n";
}

sub prometheus {
    my ($stats, @labels) = @_;
    croak 'prometheus: expected pairs of a name and a value after the numbers, got an odd number of them' if @labels % 2;
    my %labels = @labels;
    $stats = $stats->stats if Scalar::Util::blessed($stats) && $stats->can('stats');
    croak 'prometheus: expected a driver or what its stats returns, got ' . Mesos::Arguments::_describe($stats) unless ref $stats eq 'HASH';
    for my $label (sort keys %labels) {
        croak qq(prometheus: expected the name of a label (letters, digits and _), got "$label") unless $label =~ /\A[a-zA-Z_][a-zA-Z0-9_]*\z/;
    }
    for my $label (sort keys %labels) {
        croak "prometheus: $label: expected a string, got " . Mesos::Arguments::_describe($labels{$label})
            if !defined $labels{$label} || ref $labels{$label} && !overload::Method($labels{$label}, '""');
        my ($own) = grep { defined $_->[4] && $_->[4] eq $label } @metrics;
        Mesos::Warnings::warn_user("prometheus: the label '$label' has another meaning in mesos_driver_$own->[1], which keeps its own", "prometheus $label") if $own;
    }
    croak 'prometheus: expected a driver or what its stats returns, got a hash without any of its numbers' unless grep { exists $stats->{$_->[0]} } @metrics;
    my $text = '';
    for my $metric (@metrics) {
        my ($key, $suffix, $type, $help, $by) = @$metric;
        my $value = $stats->{$key};
        next unless defined $value;
        croak "prometheus: $key: expected " . ($by ? 'a hash reference' : 'a number') . ', got ' . Mesos::Arguments::_describe($value)
            if $by ? ref $value ne 'HASH' : ref $value;
        my $name = "mesos_driver_$suffix";
        $text .= "# HELP $name $help\n# TYPE $name $type\n";
        if ($by) { $text .= _line($name, {%labels, $by => $_}, $value->{$_}) for sort keys %$value }
        else { $text .= _line($name, \%labels, $value) }
    }
    return $text;
}

1;
__END__

=head1 NAME

Mesos::Stats - what a driver counts, as Prometheus reads it

=head1 SYNOPSIS

    use Mesos::SchedulerDriver;
    use Mesos::Stats qw(prometheus);

    my $driver = Mesos::SchedulerDriver->new(
        master => 'local', framework => {user => '', name => 'example'}, scheduler => Mesos::Scheduler->new);
    print prometheus($driver, framework => 'example');

=head1 DESCRIPTION

Serve the text from a path such as F</metrics>, with the content type C<text/plain; version=0.0.4>. F<examples/cron.pl> does so with
Mojolicious.

=head1 FUNCTIONS

=head2 prometheus

    my $text = prometheus($driver, %labels);
    my $text = prometheus($driver->stats, %labels);

Returns the numbers of L<Mesos::SchedulerDriver/stats> (or those of an executor's driver) in Prometheus' text format. The names of the
metrics begin with C<mesos_driver_>; counters end with C<_total>. C<events_total> and C<calls_total> have the label C<type>,
C<answers_total> has C<status>. Each line gets your own labels, too. A number that is not known is left out. Dies if the first argument is
something else, or a label has a name that Prometheus does not take, or no value. Warns of a label of yours that some of the numbers have already.

=cut
