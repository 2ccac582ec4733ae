package Mesos::Client::Agent;
use 5.10.1;
use Mesos::Error qw(croak);
use Mesos::Client::Address qw(authority);
use Mesos::Client::Base qw(check_options credential_of described id_of seconds_of);
use Mesos::Constraint ();
use Mesos::Warnings::Methods ();
use Mesos::Client::HTTP ();
use Mesos::Client::Promises ();
use MIME::Base64 qw(decode_base64);
use Scalar::Util qw(looks_like_number);
use Time::HiRes ();
use Moo;
use namespace::autoclean;

extends 'Mesos::Client::Base';
$Carp::Internal{+__PACKAGE__}++;

has [qw(id hostname url)] => (is => 'ro');
has dispatcher => (is => 'bare');

# The agent of an entry of GET_AGENTS. Its pid has the address that it listens on; a certificate names the host.
sub _of {
    my ($class, $entry, $scheme, $http) = @_;
    my $info = $entry->{agent_info};
    my ($prefix, $host, $port) = ($entry->{pid} || '') =~ /\A([^@\/\s]+)\@\[?([^\]\/\s]+)\]?:(\d+)\z/;
    my $base = defined $prefix && $scheme eq 'http'
        ? "http://" . authority($host, $port) . "/$prefix"
        : "$scheme://" . authority($info->{hostname}, $port || $info->{port} || 5051) . '/' . (defined $prefix ? $prefix : 'slave(1)');
    return $class->new(id => $info->{id}{value}, hostname => $info->{hostname}, url => $base, http => $http);
}

sub BUILDARGS { goto &Mesos::Constraint::arguments_of_new }

sub BUILD {
    my ($self, $arguments) = @_;
    check_options('Mesos::Client::Agent->new', [%$arguments], qw(credential dispatcher hostname http id timeout url verify_certificate));
    croak 'url: expected "http://host:port" or "https://host:port" of an agent, got ' . described($self->url)
        unless defined $self->url && $self->url =~ m{\Ahttps?://[^/\s]+(?:/\S*)?\z};
    $self->{async} = Mesos::Client::Promises->_shared(delete $self->{dispatcher}) if defined $arguments->{dispatcher};
    $self->{url} =~ s{/+\z}{};
    $self->{http} = $arguments->{http} || do {
        my $timeout = defined $arguments->{timeout} ? seconds_of(timeout => $arguments->{timeout}, 'above 0') : 10;
        my $credential = credential_of(credential => $arguments->{credential});
        Mesos::Client::HTTP->new(timeout => $timeout, credential => $credential, verify => $arguments->{verify_certificate});
    };
    return;
}

sub _send {
    my ($self, $call, %option) = @_;
    my $url = $self->url . '/api/v1';
    my $answer = $self->{http}->post($url, $call, %option);
    $answer->{url} = $url;
    return $answer if $answer->{status} =~ /\A2/;
    return $self->_refused($call, $url, $answer);
}

sub _class_of_calls {'Mesos::Agent::Call'}

sub state { return $_[0]->call('GET_STATE') }

sub info { return $_[0]->call('GET_AGENT')->{agent_info} || {} }

sub frameworks {
    my ($self, @options) = @_;
    return $self->_lists('GET_FRAMEWORKS', [qw(frameworks)], [qw(completed_frameworks)], check_options('frameworks', \@options, 'all'));
}

sub executors {
    my ($self, @options) = @_;
    return $self->_lists('GET_EXECUTORS', [qw(executors)], [qw(completed_executors)], check_options('executors', \@options, 'all'));
}

sub tasks {
    my ($self, @options) = @_;
    return $self->_lists('GET_TASKS', [qw(pending_tasks queued_tasks launched_tasks)], [qw(terminated_tasks completed_tasks)],
        check_options('tasks', \@options, 'all'));
}

sub _lists {
    my ($self, $type, $active, $ended, $option) = @_;
    my $answer = $self->call($type);
    return [map { @{$answer->{$_} || []} } @$active, $option->{all} ? @$ended : ()];
}

sub operations { return $_[0]->call('GET_OPERATIONS')->{operations} || [] }

sub resource_providers { return $_[0]->call('GET_RESOURCE_PROVIDERS')->{resource_providers} || [] }

sub containers {
    my ($self, @options) = @_;
    my $option = check_options('containers', \@options, qw(nested standalone));
    my %arguments = map { ("show_$_" => $option->{$_} ? \1 : \0) } keys %$option;
    return $self->call('GET_CONTAINERS', \%arguments)->{containers} || [];
}

# --- containers ------------------------------------------------------------------------------------------------------------------------

sub _container {
    my ($method, $id) = @_;
    return $id if ref $id && ref $id->{parent};
    return id_of($method, 'container id', $id);
}

sub kill_container {
    my ($self, $container, @options) = @_;
    my $option = check_options('kill_container', \@options, 'signal');
    my %arguments = (container_id => _container('kill_container', $container));
    if (defined $option->{signal}) {
        croak 'kill_container: signal: expected the number of a signal, such as 15, got ' . described($option->{signal}) unless $option->{signal} =~ /\A[1-9]\d?\z/;
        $arguments{signal} = 0 + $option->{signal};
    }
    $self->call('KILL_CONTAINER', \%arguments);
    return;
}

# Undef if the agent does not know it. The agent answers when the container has ended, so this waits as long as it takes.
sub wait_container {
    my ($self, $container) = @_;
    my %call = (type => 'WAIT_CONTAINER', wait_container => {container_id => _container('wait_container', $container)});
    my $answer = $self->_send(\%call, timeout => 10 * 365 * 86_400);
    return ($self->{http}->decode($answer->{content})->{wait_container} || {})->{exit_status};
}

# --- ClusterD ---------------------------------------------------------------------------------------------------------------------------

# The agent's own log, or with container => ID its output.
sub read_log {
    my ($self, @options) = @_;
    my $option = check_options('read_log', \@options, qw(container length stderr_offset stdout_offset));
    my %arguments = map { ($_ => Mesos::Client::Base::_number_of('read_log', $_, $option->{$_})) } grep { $_ ne 'container' } keys %$option;
    $arguments{source} = defined $option->{container} ? 'CONTAINER' : 'AGENT';
    $arguments{container_id} = _container('read_log', $option->{container}) if defined $option->{container};
    my $answer = $self->_call_of_clusterd('READ_LOG', \%arguments);
    return {map { ($_ => Mesos::Client::Base::_log_part($answer->{$_} || {})) } qw(stdout stderr)};
}

sub update_container_memory_limit {
    my ($self, $container, $mem) = @_;
    croak 'update_container_memory_limit: expected MiB above 0, got ' . described($mem) unless looks_like_number($mem) && $mem > 0;
    $self->_call_of_clusterd('UPDATE_CONTAINER_MEMORY_LIMIT',
        {container_id => _container('update_container_memory_limit', $container), memory_limit => {value => 0 + $mem}});
    return;
}

# Never the same twice: a name that is there already stands for that container. Processes that were forked have the same random numbers to
# come, and so have programs that call srand with a number.
my $sessions = 0;
sub _name_of_session { return join '-', 'session', map { sprintf '%x', $_ } $$, Time::HiRes::time() * 1e6, $sessions++, rand 2**31 }

sub run_in_container {
    my ($self, $parent, $command, @options) = @_;
    croak 'run_in_container: expected a command, text for a shell or an array reference of words, got ' . described($command)
        if !defined $command || (ref $command ? ref $command ne 'ARRAY' || !@$command : !length $command);
    my $option = check_options('run_in_container', \@options, qw(stderr stdout timeout));
    for my $name (grep { defined $option->{$_} } qw(stdout stderr)) {
        croak "run_in_container: $name: expected code that gets the output, got " . described($option->{$name}) if ref $option->{$name} ne 'CODE';
    }
    Mesos::Client::Base::seconds_of('run_in_container: timeout', $option->{timeout}) if defined $option->{timeout};
    my %container = (parent => _container('run_in_container', $parent), value => _name_of_session());
    my %command = ref $command ? (value => $command->[0], arguments => $command, shell => \0) : (value => $command);
    my $read = Mesos::Client::HTTP->record_reader(
        'LAUNCH_NESTED_CONTAINER_SESSION',
        sub {
            my $data = $_[0]{data} || return;
            my $receiver = $option->{lc($data->{type} || '')} || return;
            $receiver->(decode_base64($data->{data})) if defined $data->{data};
        });
    my %call = (
        type => 'LAUNCH_NESTED_CONTAINER_SESSION',
        launch_nested_container_session => {container_id => \%container, command => \%command},
    );
    my $answer = $self->_send(\%call, stream => $read, timeout => $option->{timeout} || 10 * 365 * 86_400,
        headers => {Accept => 'application/recordio', 'Message-Accept' => 'application/json'});
    my $end = $self->call('WAIT_NESTED_CONTAINER', {container_id => \%container});
    return $end->{exit_status};
}

Mesos::Warnings::Methods::watch_methods(
    __PACKAGE__, 'new', Mesos::Client::Base::methods_of_base(),
    (map { ($_ => 0) } qw(info state operations resource_providers)), wait_container => 1,
    (map { ($_ => undef) } qw(tasks executors frameworks containers kill_container read_log run_in_container)),
);
Mesos::Client::Promises->install(__PACKAGE__, qw(
        call containers executors flags follow_file frameworks health info kill_container list_files logging_level metrics operations read_file read_log
        resource_providers run_in_container set_logging_level state tasks update_container_memory_limit version wait_container
));

1;
__END__

=head1 NAME

Mesos::Client::Agent - asks and commands an agent of Mesos

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050');
    for my $entry (@{ $client->agents }) {
        my $agent = $client->agent($entry->{agent_info}{id});
        printf "%s runs %d containers\n", $agent->hostname, scalar @{ $agent->containers };
    }

=head1 DESCRIPTION

The operator API (v1) of one agent. You get an object from L<Mesos::Client/agent>. All methods of L<Mesos::Client::Base> are here as well:
C<call>, C<health>, C<version>, C<flags>, C<metrics>, C<list_files>, C<read_file>, C<follow_file>, and more. Errors are those of
L<Mesos::Client/ERRORS>. Each method has a second one with C<_p> at the end of its name, which returns a promise: see L<Mesos::Client/PROMISES>.

=head1 ATTRIBUTES

=head2 id

The agent's id. Undef if you made the object with C<new>.

=head2 hostname

The agent's host name. Undef if you made the object with C<new>.

=head2 url

The address that is asked, such as C<http://10.0.0.5:5051/slave(1)>.

=head1 METHODS

=head2 new

    my $agent = Mesos::Client::Agent->new(url => 'http://10.0.0.5:5051');

For an agent whose address you know. C<credential>, C<dispatcher>, C<timeout> and C<verify_certificate> are as for L<Mesos::Client>.

=head2 info

The agent's C<AgentInfo>, a hash reference.

=head2 state

    my $state = $agent->state;

All tasks, executors and frameworks of the agent, as Mesos' C<GET_STATE> gives them.

=head2 tasks

=head2 executors

=head2 frameworks

    my $tasks = $agent->tasks;
    my $tasks = $agent->tasks(all => 1);

What is active on this agent, an array reference. With C<all> it has also what has ended.

=head2 operations

=head2 resource_providers

Array references.

=head2 containers

    my $containers = $agent->containers;
    my $containers = $agent->containers(nested => 1, standalone => 1);

The containers, an array reference. Each has C<container_id>, C<framework_id>, C<executor_id>, C<container_status>, and
C<resource_statistics> with the memory and CPU time that it uses.

=head2 kill_container

    $agent->kill_container($container_id);
    $agent->kill_container($container_id, signal => 15);

Sends the signal (default 9) to a nested or standalone container.

=head2 wait_container

    my $status = $agent->wait_container($container_id);

Waits until a nested or standalone container has ended. Returns its wait status as in Perl's C<$?>: the exit code is C<<< $status >> 8 >>>.

=head2 run_in_container

    my $status = $agent->run_in_container($container_id, 'ls -l', stdout => sub { print $_[0] }, stderr => sub { print STDERR $_[0] });

Runs a command beside a task, in a container nested in the task's, and calls your code with its output. The command is text for a shell, or
an array reference with a program and its arguments. Returns the wait status. The agent needs Mesos' own containerizer, with its I/O
switchboard, for that.

=head2 read_log

    my $log = $agent->read_log(stdout_offset => 0, stderr_offset => 0, length => 1000);
    my $log = $agent->read_log(container => $container_id);
    print $log->{stderr}{data};

Only ClusterD: the agent's own log, or the output of a container. Returns a hash reference with C<stdout> and C<stderr>. Each has C<data>
(bytes, at most C<length> from the offset on) and C<size>, the size of the whole.

=head2 update_container_memory_limit

    $agent->update_container_memory_limit($container_id, 512);

Only ClusterD: sets the memory limit of a container that runs, in MiB.

With both, an agent of a Mesos that does not have the call is an error that says so. ClusterD's C<resource_statistics> of C<containers> have
more fields than Mesos 1.11 knows (C<net_rate_statistics>, C<mem_kmem_usage_bytes>, ...); you get them as they come.

=cut
