package Mesos::Client::Promises;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Arguments ();
use Mesos::Client::Error ();
use Mesos::Warnings ();
use Mesos::Client::Process ();
use Scalar::Util qw(blessed weaken);

$Carp::Internal{+__PACKAGE__}++;

our @OF_CLIENT = qw(
    agent agents call deactivate_agent drain_agent executors flags follow_file frameworks health leader list_files logging_level maintenance_schedule
    maintenance_status mark_agent_gone master_info metrics operations quota reactivate_agent read_file read_log roles sandbox set_logging_level
    start_maintenance state stop_maintenance task tasks teardown update_maintenance_schedule update_quota update_weights version weights
);

# So many calls of a client at once: each is a process.
use constant AT_ONCE => 16;

# Those that take as long as they take have no place among these, and look every so many seconds whether the program is still there.
my %LASTS = map { ($_ => 1) } qw(follow_file run_in_container wait_container);
use constant LOOKS_AFTER => 5;

# Gives a class a method NAME_p for each of these methods. At run time, since namespace::autoclean takes those of others away.
sub install {
    my (undef, $class, @methods) = @_;
    no strict 'refs';
    for my $method (@methods) {
        *{"$class\::${method}_p"} = sub { my ($self, @arguments) = @_; return __PACKAGE__->_promise($self, $method, @arguments) };
    }
    return;
}

# What a client and its agents and sandboxes share: the dispatcher, what makes its promises, and the calls that run or wait.
sub _shared {
    my ($class, $dispatcher) = @_;
    require Mesos::Async::Promises;
    require Mesos::Types;
    my $type = Mesos::Types->get_type('Dispatcher');
    croak 'dispatcher: expected "AnyEvent", "IOAsync", "Mojo", "POE", "Interrupt", or a Mesos::Dispatcher, got ' . Mesos::Arguments::_describe($dispatcher)
        unless $type->check($dispatcher) || !ref $dispatcher && length $dispatcher;
    $dispatcher = $type->coerce($dispatcher);
    croak 'dispatcher: expected one with the method watch, got ' . ref $dispatcher if $dispatcher->can('watch') == Mesos::Dispatcher->can('watch');
    return {dispatcher => $dispatcher, promises => Mesos::Async::Promises->for_dispatcher($dispatcher), running => 0, waiting => []};
}

sub _shared_of {
    my ($self, $method) = @_;
    return $self->{async} || croak "$method: expected a client that was made with a dispatcher, such as dispatcher => 'Mojo'";
}

sub _promise {
    my ($class, $object, $method, @arguments) = @_;
    my $shared = _shared_of($object, "${method}_p");
    croak "${method}_p: the option until is not possible here: cancel the promise" if $method eq 'follow_file' && grep { defined && $_ eq 'until' } @arguments[grep { !($_ % 2) } 2 .. $#arguments];
    # In the process the line of the user's call may be gone.
    $object->_warn_of_call(@arguments) if $method eq 'call';
    my @place = Mesos::Warnings::place_of_user();
    # Of a process that starts only when another has ended, the line of the call is not in the stack.
    my ($process, $is_late);
    my $promise = $shared->{promises}{make}->(sub { $process->stop if $process });
    my @receivers;
    # What gets the pieces of a stream is called here, and not in the process.
    my @there = map { my $it = $_; ref $it ne 'CODE' ? $it : do { push @receivers, $it; my $index = $#receivers; sub { Mesos::Client::Process->tell(piece => $index, @_) } } } @arguments;
    $process = Mesos::Client::Process->new(
        dispatcher => $shared->{dispatcher},
        work => sub {
            my $result;
            eval { $result = $object->$method(@there); 1 } or die $is_late ? _moved($@, @place) : $@;
            Mesos::Client::Process->tell(result => $object->{leader}, _packed($result));
        },
        told => sub {
            my ($kind, @what) = @_;
            if ($kind eq 'piece') {
                my $receiver = $receivers[shift @what];
                return if eval { $receiver->(@what); 1 };
                $shared->{promises}{reject}->($promise, Mesos::Error->of($@));
                return $process->stop;
            }
            my ($leader, $result) = @what;
            $object->{leader} = $leader if defined $leader;
            $shared->{promises}{resolve}->($promise, _unpacked($object, $result));
            return;
        },
        failed => sub {
            my ($error) = @_;
            my $is_kept = $shared->{promises}{is_kept}->($promise, 1);
            $shared->{promises}{reject}->($promise, $error);
            return if $is_kept;
            my $why = blessed $error && $error->can('summary') ? $error->summary : "$error";
            Mesos::Async::Promises::tell_dropped(\@place, "${method}_p", $why, "${method}_p");
        },
        ended => sub { undef $process; return if $LASTS{$method}; $shared->{running}--; _start_next($shared) },
        checks => $LASTS{$method} && LOOKS_AFTER,
    );
    if ($LASTS{$method}) { $process->start; return $promise }
    push @{$shared->{waiting}}, $process;
    _start_next($shared);
    $is_late = 1;
    return $promise;
}

# An error with the place of the user's call. One that names a line of ours is a bug, and stays as it is.
sub _moved {
    my ($error, $file, $line) = @_;
    my $text = blessed $error && $error->isa('Mesos::Error') ? $error->text : ref $error ? return $error : $error;
    return $error if $text =~ m{ at \S+/Mesos/Client\S* line \d+\.?\n?\z};
    $text =~ s/ at (?:(?! at ).)+? line \d+(?:, <\w+> (?:line|chunk) \d+)?\.?\n?\z/ at $file line $line.\n/s or return $error;
    return ref $error ? bless {%$error, text => $text, file => $file, line => $line}, ref $error : $text;
}

sub _start_next {
    my ($shared) = @_;
    # One that has been cancelled ends as it starts: not each within the one before.
    return if $shared->{starts};
    local $shared->{starts} = 1;
    while ($shared->{running} < AT_ONCE and my $next = shift @{$shared->{waiting}}) {
        $shared->{running}++;
        $next->start;
    }
    return;
}

# Agents and sandboxes have a connection of the client's, which stays where it is.
sub _packed {
    my ($value) = @_;
    return {plain => $value} unless blessed $value;
    return {agent => {map { ($_ => $value->$_) } qw(hostname id url)}} if $value->isa('Mesos::Client::Agent');
    return {sandbox => {agent => _packed($value->agent), path => $value->path, task => $value->task}} if $value->isa('Mesos::Client::Sandbox');
    return {plain => $value};
}

sub _unpacked {
    my ($object, $packed) = @_;
    if (my $agent = $packed->{agent}) {
        my ($scheme) = $agent->{url} =~ /\A(\w+):/;
        my $made = Mesos::Client::Agent->new(%$agent, http => $object->{agents_http}{$scheme});
        $made->{async} = $object->{async};
        return $made;
    }
    if (my $sandbox = $packed->{sandbox}) {
        return bless {%$sandbox, agent => _unpacked($object, $sandbox->{agent}), async => $object->{async}}, 'Mesos::Client::Sandbox';
    }
    return $packed->{plain};
}

# --- the stream of events --------------------------------------------------------------------------------------------------------------

sub event_stream {
    my ($class, $client, @options) = @_;
    my $shared = _shared_of($client, "event_stream");
    # What is wrong here is told in the process, where nobody may hear of it.
    my $option = Mesos::Client::Base::check_options('event_stream', \@options, qw(heartbeats on_disconnect reconnect));
    croak 'event_stream: on_disconnect: expected code, got ' . Mesos::Arguments::_describe($option->{on_disconnect})
        if defined $option->{on_disconnect} && ref $option->{on_disconnect} ne 'CODE';
    my %stream = (shared => $shared, events => [], waiting => []);
    my $stream = bless \%stream, 'Mesos::Client::Promises::Stream';
    # The process goes on for as long as somebody holds the stream.
    weaken(my $weak = $stream);
    $stream->{process} = Mesos::Client::Process->new(
        dispatcher => $shared->{dispatcher},
        work => sub {
            my %option = @options;
            my $on_disconnect = delete $option{on_disconnect};
            $client->events(
                sub { my ($event) = @_; Mesos::Client::Process->tell(event => $event) }, %option, heartbeats => 1,
                defined $on_disconnect ? (on_disconnect => ref $on_disconnect eq 'CODE' ? sub { Mesos::Client::Process->tell(disconnect => @_) } : $on_disconnect) : (),
            );
        },
        told => sub {
            my ($kind, $what) = @_;
            my %option = @options;
            return $option{on_disconnect}->($what) if $kind eq 'disconnect';
            # They are there so that the process notices when nobody listens any more.
            return if !$weak || ($what->{type} || '') eq 'HEARTBEAT' && !$option{heartbeats};
            return $weak->_came($what);
        },
        failed => sub { $weak->_over($_[0]) if $weak },
        ended => sub { $weak->_over if $weak },
    );
    $stream->{process}->start;
    return $stream;
}

package Mesos::Client::Promises::Stream;
use 5.10.1;
use strict;
use warnings;

# Above this the process has to wait for the program.
my $KEPT = 1000;

sub next_event {
    my ($self) = @_;
    my $promises = $self->{shared}{promises};
    my $promise = $promises->{make}->();
    if (@{$self->{events}}) { $promises->{resolve}->($promise, shift @{$self->{events}}) }
    elsif (defined $self->{failed}) { $promises->{reject}->($promise, delete $self->{failed}) }
    elsif ($self->{over}) { $promises->{resolve}->($promise) }
    else { push @{$self->{waiting}}, $promise }
    $self->{process}->pause(0) if @{$self->{events}} < $KEPT && !$self->{over};
    return $promise;
}

sub _came {
    my ($self, $event) = @_;
    my $waiting = $self->{waiting};
    # A future that was cancelled wants nothing any more.
    shift @$waiting while @$waiting && $waiting->[0]->can('is_cancelled') && $waiting->[0]->is_cancelled;
    if (my $promise = shift @$waiting) { return $self->{shared}{promises}{resolve}->($promise, $event) }
    push @{$self->{events}}, $event;
    $self->{process}->pause(1) if @{$self->{events}} >= $KEPT;
    return;
}

sub _over {
    my ($self, $error) = @_;
    return if $self->{over}++;
    my ($first, @others) = splice @{$self->{waiting}};
    my $promises = $self->{shared}{promises};
    if (!$first) { $self->{failed} = $error }
    elsif (!defined $error) { $promises->{resolve}->($first) }
    else { $promises->{reject}->($first, $error) }
    $promises->{resolve}->($_) for @others;
    return;
}

sub stop { my ($self) = @_; $self->{process}->stop; @{$self->{events}} = (); $self->_over; return }

sub DESTROY { my ($self) = @_; local ($@, $!, $?); $self->{process}->stop if $self->{process} && (${^GLOBAL_PHASE} || '') ne 'DESTRUCT'; return }

1;
__END__

=head1 NAME

Mesos::Client::Promises - the calls of Mesos::Client that return promises

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => '127.0.0.1:5050', dispatcher => 'AnyEvent');
    my $running = sub {
        my $tasks = $client->tasks_p->get;    # `await $client->tasks_p` in an async sub
        return map { $_->{task_id}{value} } @$tasks;
    };
    my $follow = sub {
        my $stream = $client->event_stream;
        while (my $event = $stream->next_event->get) { print "$event->{type}\n" }
    };

=head1 DESCRIPTION

Internal to L<Mesos::Client>, which describes the methods. Each call runs in a child process, with the same code as the method that waits: so
it works in every event loop, over https and with ZooKeeper, and nothing blocks the loop. A client runs at most 16 calls at once, others wait
for their turn. C<follow_file>, C<run_in_container> and C<wait_container> do not count. The child has none of the program's descriptors but standard error, and is nobody's child whom C<wait> would find.

=head1 METHODS

=head2 install

    Mesos::Client::Promises->install($class, @methods);

Gives a class a method C<NAME_p> for each method.

=head2 event_stream

    my $stream = Mesos::Client::Promises->event_stream($client, %options);

An object with the methods C<next_event> and C<stop>: see L<Mesos::Client/event_stream>.

=cut
