package Mesos::Command::Cluster;
use 5.10.1;
use strict;
use warnings;
use Mesos ();
use Mesos::Command ();
use Mesos::Warnings qw(meant);
use POSIX ();

# --- what tables show ----------------------------------------------------------------------------------------------------------------------

sub number {
    my ($value) = @_;
    return '-' unless defined $value;
    my $text = sprintf '%.2f', $value;
    $text =~ s/\.?0+\z// if $text =~ /\./;
    return $text;
}

# 1 agent, 2 agents
sub count { my ($number, $what) = @_; return "$number $what" . ($number == 1 ? '' : 's') }

# The sum of a scalar resource in a list.
sub resource {
    my ($list, $name) = @_;
    my $sum = 0;
    $sum += ($_->{scalar} || {})->{value} || 0 for grep { $_->{name} eq $name } @{$list || []};
    return $sum;
}

sub age {
    my ($seconds) = @_;
    return '-' unless defined $seconds;
    $seconds = 0 if $seconds < 0;
    my ($days, $hours, $minutes) = (int $seconds / 86_400, int($seconds / 3600) % 24, int($seconds / 60) % 60);
    return $days ? "${days}d${hours}h" : $hours ? "${hours}h${minutes}m" : $minutes ? sprintf('%dm%02ds', $minutes, $seconds % 60) : int($seconds) . 's';
}

sub agent_state {
    my ($agent) = @_;
    return 'recovered' if $agent->{recovered};
    my $drain = ($agent->{drain_info} || {})->{state};
    return lc $drain if $drain;
    return $agent->{deactivated} ? 'deactivated' : $agent->{active} ? 'active' : 'inactive';
}

# When a task's first update came.
sub task_age {
    my ($task) = @_;
    my @times = grep {defined} map { $_->{timestamp} } @{$task->{statuses} || []};
    return @times ? age(time - $times[0]) : '-';
}

sub used { my ($agent, $name) = @_; return number(resource($agent->{allocated_resources}, $name)) . '/' . number(resource($agent->{total_resources}, $name)) }

# --- commands ------------------------------------------------------------------------------------------------------------------------------

sub ps {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('ps', $arguments);
    my $output = Mesos::Command->output($option);
    my $client = Mesos::Command->client($option);
    my %names = map { ($_->{framework_info}{id}{value} => $_->{framework_info}{name}) } @{$client->frameworks(all => 1)};
    my %hosts = map { ($_->{agent_info}{id}{value} => $_->{agent_info}{hostname}) } @{$client->agents(all => 1)};
    my @tasks = @{$client->tasks(all => $option->{all})};
    for my $of (['framework', \%names], ['agent', \%hosts]) {
        my ($kind, $known) = @$of;
        my $wanted = $option->{$kind};
        next unless defined $wanted;
        Mesos::Command->fail(Mesos::Command::NOT_FOUND, "no $kind '$wanted' is known" . _meant($wanted, %$known))
            unless grep { defined && $_ eq $wanted } %$known;
        @tasks = grep { my $id = ($_->{"${kind}_id"} || {})->{value}; defined $id && ($id eq $wanted || ($known->{$id} || '') eq $wanted) } @tasks;
    }
    $output->table([
            [TASK => sub { $_[0]{task_id}{value} }], [NAME => sub { $_[0]{name} }, 'left', 'cut'], [STATE => sub { my $state = $_[0]{state} || '-'; $state =~ s/\ATASK_//; $state }],
            [FRAMEWORK => sub { my $id = $_[0]{framework_id}{value}; $names{$id} || $id }, 'left', 'cut'],
            [HOST => sub { my $id = ($_[0]{agent_id} || {})->{value}; defined $id ? $hosts{$id} || $id : '-' }, 'left', 'cut'],

            [CPUS => sub { number(resource($_[0]{resources}, 'cpus')) }, 'right'], [MEM => sub { number(resource($_[0]{resources}, 'mem')) }, 'right'],
            [AGE => sub { task_age($_[0]) }, 'right'],
    ], \@tasks);
    return Mesos::Command::OK;
}

sub _meant {
    my ($wanted, @known) = @_;
    return meant($wanted, sort grep {defined} @known);
}

sub agents {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('agents', $arguments);
    my $agents = Mesos::Command->client($option)->agents(all => $option->{all});
    Mesos::Command->output($option)->table([
            [AGENT => sub { $_[0]{agent_info}{id}{value} }], [HOST => sub { $_[0]{agent_info}{hostname} }, 'left', 'cut'], [STATE => sub { agent_state($_[0]) }],
            (map { my $name = $_; [uc $name => sub { used($_[0], $name) }, 'right'] } qw(cpus mem disk gpus)),
            [VERSION => sub { $_[0]{version} || '-' }],
            [ATTRIBUTES => sub { join ' ', map { "$_->{name}=" . _attribute($_) } @{$_[0]{agent_info}{attributes} || []} }, 'left', 'cut'],
    ], $agents);
    return Mesos::Command::OK;
}

sub _attribute {
    my ($attribute) = @_;
    my ($value) = grep {defined} map { ($attribute->{$_} || {})->{value} } qw(text scalar);
    return $value if defined $value;
    return join ',', @{($attribute->{set} || {})->{item} || []}, map {"$_->{begin}-$_->{end}"} @{($attribute->{ranges} || {})->{range} || []};
}

sub frameworks {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('frameworks', $arguments);
    my $client = Mesos::Command->client($option);
    my %tasks;
    $tasks{$_->{framework_id}{value}}++ for @{$client->tasks};
    Mesos::Command->output($option)->table([
            [FRAMEWORK => sub { $_[0]{framework_info}{id}{value} }], [NAME => sub { $_[0]{framework_info}{name} }, 'left', 'cut'], [USER => sub { $_[0]{framework_info}{user} }, 'left', 'cut'],
            [STATE => sub { $_[0]{active} ? 'active' : $_[0]{connected} ? 'inactive' : $_[0]{unregistered_time} ? 'ended' : 'disconnected' }],
            [ROLES => sub { join ',', @{$_[0]{framework_info}{roles} || []}, grep {defined} $_[0]{framework_info}{role} }, 'left', 'cut'],
            [TASKS => sub { $tasks{$_[0]{framework_info}{id}{value}} || 0 }, 'right'],
            [CPUS => sub { number(resource($_[0]{allocated_resources}, 'cpus')) }, 'right'], [MEM => sub { number(resource($_[0]{allocated_resources}, 'mem')) }, 'right'],
            [AGE => sub { my $at = ($_[0]{registered_time} || {})->{nanoseconds}; age(defined $at ? time - $at / 1e9 : undef) }, 'right'],
    ], $client->frameworks(all => $option->{all}));
    return Mesos::Command::OK;
}

sub state {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('state', $arguments);
    Mesos::Command->fail(Mesos::Command::USAGE, "state: --format: the state is always json, got '$option->{format}'")
        if defined $option->{format} && $option->{format} ne 'json';
    Mesos::Command->output($option)->say_json(Mesos::Command->client($option)->state);
    return Mesos::Command::OK;
}

sub teardown {
    my ($class, $option, $arguments) = @_;
    my $wanted = Mesos::Command->one_argument('teardown', 'framework', $arguments);
    my $client = Mesos::Command->client($option);
    my @all = @{$client->frameworks};
    my @found = grep { $_->{framework_info}{id}{value} eq $wanted } @all;
    @found = grep { $_->{framework_info}{name} eq $wanted } @all unless @found;
    Mesos::Command->fail(Mesos::Command::NOT_FOUND, "no framework '$wanted' is registered" . _meant($wanted, map { ($_->{framework_info}{id}{value}, $_->{framework_info}{name}) } @all))
        unless @found;
    Mesos::Command->fail(Mesos::Command::USAGE, scalar(@found) . " frameworks have the name '$wanted'. Say which: " . join ', ', map { $_->{framework_info}{id}{value} } @found)
        if @found > 1;
    $client->teardown($found[0]{framework_info}{id});
    Mesos::Command->output($option)->say("ended: $found[0]{framework_info}{id}{value}");
    return Mesos::Command::OK;
}

sub version {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('version', $arguments);
    my $output = Mesos::Command->output($option);
    my @rows = {what => 'mesos-perl', version => $Mesos::VERSION, where => ''};
    if (!$option->{client}) {
        my $client = Mesos::Command->client($option);
        my $leader = $client->leader;
        push @rows, {what => 'master', version => $client->version->{version}, where => $leader},
            map { +{what => 'agent', version => $_->{version}, where => $_->{agent_info}{hostname}} } @{$client->agents};
    }
    $output->table([[WHAT => sub { $_[0]{what} }], [VERSION => sub { $_[0]{version} }], [WHERE => sub { $_[0]{where} }]], \@rows);
    return Mesos::Command::OK;
}

# --- events --------------------------------------------------------------------------------------------------------------------------------

# What a line says of an event of each type.
my %SAYS = (
    SUBSCRIBED => sub {
        my ($state) = $_[0]{get_state};
        return join ', ', map { count(scalar @{($state->{"get_${_}s"} || {})->{"${_}s"} || []}, $_) } qw(agent framework task);
    },
    TASK_ADDED => sub { "$_[0]{task}{task_id}{value} $_[0]{task}{state} " . ($_[0]{task}{name} || '') },
    TASK_UPDATED => sub { join ' ', grep {defined} $_[0]{status}{task_id}{value}, $_[0]{state} || $_[0]{status}{state}, $_[0]{status}{message} },
    AGENT_ADDED => sub {"$_[0]{agent}{agent_info}{id}{value} $_[0]{agent}{agent_info}{hostname}"},
    AGENT_REMOVED => sub { $_[0]{agent_id}{value} },
    FRAMEWORK_ADDED => sub {"$_[0]{framework}{framework_info}{id}{value} $_[0]{framework}{framework_info}{name}"},
    FRAMEWORK_UPDATED => sub {"$_[0]{framework}{framework_info}{id}{value} $_[0]{framework}{framework_info}{name}"},
    FRAMEWORK_REMOVED => sub {"$_[0]{framework_info}{id}{value} $_[0]{framework_info}{name}"},
);

sub events {
    my ($class, $option, $arguments) = @_;
    Mesos::Command->no_arguments('events', $arguments);
    my $output = Mesos::Command->output($option);
    STDOUT->autoflush;
    Mesos::Command->client($option)->events(sub {
            my ($event) = @_;
            my $type = $event->{type} || 'UNKNOWN';
            return $output->say_json($event) if $output->format eq 'json';
            my $text = $SAYS{$type} ? $output->plain($SAYS{$type}->($event->{lc $type} || {})) : '';
            my $time = POSIX::strftime('%H:%M:%S', localtime);
            my ($state) = $text =~ /\b(TASK_[A-Z]+)\b/;
            return $output->say(join "\t", $time, $type, $text) if $output->format eq 'tsv';
            return $output->say(sprintf '%s  %s  %s', $output->colored($time, 'dim'), $output->colored(sprintf('%-17s', $type), 'bold'),
                $output->colored($text, defined $state ? $output->color_of_state($state) : undef));
    }, heartbeats => $option->{heartbeats}, on_disconnect => sub { Mesos::Command->complain("events: $_[0]: connecting again") });
    return Mesos::Command::OK;
}

1;
__END__

=head1 NAME

Mesos::Command::Cluster - what mesos-perl tells of a cluster

=head1 SYNOPSIS

    use Mesos::Command::Cluster;

    exit(Mesos::Command::Cluster->agents({master => '127.0.0.1:5050'}, []));

=head1 DESCRIPTION

Internal to this distribution. L<mesos-perl> describes the commands. Each method gets the options and the arguments, and returns the exit
status.

=head1 METHODS

=head2 agents

=head2 events

=head2 frameworks

=head2 ps

=head2 state

=head2 teardown

=head2 version

=head1 FUNCTIONS

=head2 age

Seconds as text, such as C<3h5m>.

=head2 agent_state

=head2 task_age

=head2 number

=head2 count

=head2 resource

=head2 used

What tables show of agents, tasks and their resources.

=cut
