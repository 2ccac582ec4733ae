package Mesos::Command::Top;
use 5.10.1;
use strict;
use warnings;
use IO::Handle ();
use Mesos::Command ();
use Mesos::Command::Cluster ();
use POSIX ();
use Time::HiRes ();

*count = \&Mesos::Command::Cluster::count;
*number = \&Mesos::Command::Cluster::number;
*resource = \&Mesos::Command::Cluster::resource;

sub main {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('top', $arguments);
    for my $name (grep { defined $option->{$_} && $option->{$_} <= 0 } qw(delay iterations)) {
        Mesos::Command->fail(Mesos::Command::USAGE, "top: --$name: expected a number above 0, got $option->{$name}");
    }
    my $client = Mesos::Command->client($option);
    my $output = Mesos::Command->output($option);
    my $live = $output->is_terminal && $output->format eq 'table';
    my $left = $option->{iterations} || ($live ? 0 : 1);
    my $stopped;
    local $SIG{INT} = sub { $stopped = 1 };
    STDOUT->autoflush;
    while (1) {
        my $shown = $output->format eq 'table' ? eval { $class->screen($client, $output); } : $class->_rows($client, $output);
        die $@ unless defined $shown || $live && ref $@ && $@->isa('Mesos::Client::Error');    ## no critic (RequireCarping): caught by Mesos::Command
                                                                                               # A master that is away for a moment ends nothing.
        $shown = $output->colored($@->summary, 'red') . "\n" unless defined $shown;
        utf8::encode($shown) if utf8::is_utf8($shown);
        $output->write($live ? "\e[H\e[2J$shown" : $shown);
        last if $stopped || $left && !--$left;
        Time::HiRes::sleep($option->{delay} || 2);
        last if $stopped;
    }
    return Mesos::Command::OK;
}

sub _rows {
    my ($class, $client, $output) = @_;
    my $state = $class->look($client);
    $output->table([map { my $name = $_; [uc $name => sub { ref $_[0]{$name} ? join ',', map {"$_=$_[0]{$name}{$_}"} sort keys %{$_[0]{$name}} : $_[0]{$name} }] }
                qw(time master agents tasks cpus mem)], [$state->{summary}]);
    return '';
}

# What there is to see: {summary, agents, tasks, frameworks}.
sub look {
    my ($class, $client) = @_;
    my $agents = $client->agents;
    my @tasks = @{$client->tasks};
    my (%states, %sum);
    $states{$_->{state} || '-'}++ for @tasks;
    for my $name (qw(cpus mem disk gpus)) {
        $sum{$name} = {used => 0, total => 0};
        for my $agent (@$agents) {
            $sum{$name}{used} += resource($agent->{allocated_resources}, $name);
            $sum{$name}{total} += resource($agent->{total_resources}, $name);
        }
    }
    my %summary = (time => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), master => $client->leader, agents => scalar @$agents, tasks => \%states, %sum);
    return {summary => \%summary, agents => $agents, tasks => \@tasks, frameworks => $client->frameworks};
}

sub _bar {
    my ($output, $name, $of) = @_;
    my $part = $of->{total} ? $of->{used} / $of->{total} : 0;
    my $full = int(20 * ($part > 1 ? 1 : $part) + 0.5);
    my $bar = $output->colored('#' x $full, $part > 0.9 ? 'red' : $part > 0.7 ? 'yellow' : 'green') . '.' x (20 - $full);
    return sprintf '%-5s [%s] %s of %s', $name, $bar, number($of->{used}), number($of->{total});
}

sub screen {
    my ($class, $client, $output) = @_;
    my $state = $class->look($client);
    my $summary = $state->{summary};
    my @states = map { (my $name = $_) =~ s/\ATASK_//; "$summary->{tasks}{$_} \L$name" } sort keys %{$summary->{tasks}};
    my @lines = (
        $output->colored($summary->{master}, 'bold') . '  ' . count($summary->{agents}, 'agent') . ', ' . count(scalar @{$state->{frameworks}}, 'framework') . ', tasks: '
            . (join(', ', @states) || 'none') . "  $summary->{time}",
        (map { $summary->{$_}{total} ? _bar($output, $_, $summary->{$_}) : () } qw(cpus mem disk gpus)), '',
    );
    my %names = map { ($_->{framework_info}{id}{value} => $_->{framework_info}{name}) } @{$state->{frameworks}};
    my %hosts = map { ($_->{agent_info}{id}{value} => $_->{agent_info}{hostname}) } @{$state->{agents}};
    push @lines, _table($output, [[HOST => 'left'], [STATE => 'left'], [CPUS => 'right'], [MEM => 'right'], [AGENT => 'left']], map {
            [$_->{agent_info}{hostname}, Mesos::Command::Cluster::agent_state($_),
                Mesos::Command::Cluster::used($_, 'cpus'), Mesos::Command::Cluster::used($_, 'mem'), $_->{agent_info}{id}{value}]
    } sort { $a->{agent_info}{hostname} cmp $b->{agent_info}{hostname} } @{$state->{agents}});
    my @largest = sort { resource($b->{resources}, 'cpus') <=> resource($a->{resources}, 'cpus') } @{$state->{tasks}};
    push @lines, '', _table($output, [[TASK => 'left'], [STATE => 'left'], [CPUS => 'right'], [MEM => 'right'], [FRAMEWORK => 'left'], [HOST => 'left']], map {
            my ($framework, $agent) = ($_->{framework_id}{value}, ($_->{agent_id} || {})->{value});
            [$_->{task_id}{value}, $_->{state} || '-', number(resource($_->{resources}, 'cpus')), number(resource($_->{resources}, 'mem')),
                $names{$framework} || $framework, defined $agent ? $hosts{$agent} || $agent : '-']
    } @largest) if @largest;
    my $height = ($output->size)[1] || 50;
    splice @lines, $height - 1 if @lines >= $height && $height > 5;
    return join '', map {"$_\n"} @lines;
}

sub _table {
    my ($output, $columns, @rows) = @_;
    return $output->lines([map { [$_->[0], undef, $_->[1], $_->[1] eq 'left' && $_->[0] ne 'STATE'] } @$columns], [map { [map { $output->plain($_) } @$_] } @rows]);
}

1;
__END__

=head1 NAME

Mesos::Command::Top - mesos-perl top

=head1 SYNOPSIS

    use Mesos::Command::Top;

    exit(Mesos::Command::Top->main({master => '127.0.0.1:5050', iterations => 1}, []));

=head1 DESCRIPTION

Internal to this distribution. L<mesos-perl> describes it.

=head1 METHODS

=head2 main

    my $status = Mesos::Command::Top->main(\%options, []);

=head2 look

What there is to see, as a hash reference.

=head2 screen

One screen of it.

=cut
