package Test::Scenario;

# One scenario on one cluster: frameworks that do what the scenario says, and the transcript of what they heard, without ids and times.

use 5.10.1;
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP ();
use Mesos::SchedulerDriver;
no warnings 'Mesos';    # what is probably a mistake elsewhere is meant here
use Test::Scenario::Framework;
use Time::HiRes qw(time);

# How long a step may take. What did not happen by then is in the transcript.
my $patience = 20;

sub new {
    my ($class, %args) = @_;
    return bless {master => $args{master}, frameworks => [], transcript => [], names => {}, id => $args{id}}, $class;
}

sub master { $_[0]{master} }

# A framework that has subscribed, or failed.
sub framework {
    my ($self, %info) = @_;
    my $framework = $self->_made(%info);
    $self->until('a subscription', sub { $framework->heard('registered') || $framework->heard('reregistered') || $framework->heard('error') });
    return $framework;
}

sub _made {
    my ($self, %info) = @_;
    my $options = delete $info{options} || {};
    my $name = 'framework ' . (@{$self->{frameworks}} + 1);
    my $framework = Test::Scenario::Framework->new(scenario => $self, title => $name);
    push @{$self->{frameworks}}, $framework;
    $framework->driver(Mesos::SchedulerDriver->new(
            master => $self->{master}, scheduler => $framework, master_timeout => 30, driver => 'native', dispatcher => 'AnyEvent',
            framework => {user => 'root', name => $name, %info}, %$options,
    ));
    $framework->driver->start;
    return $framework;
}

# Waits for something; the transcript has a line if it does not happen.
sub until {
    my ($self, $what, $code) = @_;
    my $end = time + $patience;
    while (!$code->()) {
        if (time > $end) {
            $self->say(cluster => "not within $patience s: $what");
            return 0;
        }
        $_->driver->dispatcher->wait(0.01) for grep { $_->driver } @{$self->{frameworks}};
    }
    return 1;
}

# What happens within a time, for things that must not happen.
sub for_a_while {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds || 0.6);
    while (time < $end) { $_->driver->dispatcher->wait(0.02) for grep { $_->driver } @{$self->{frameworks}} }
    return;
}

# --- without a driver ----------------------------------------------------------------------------------------------------------------

sub _call {
    my ($self, $path, $call, $headers, %more) = @_;
    my $master = $self->{master};
    my %headers = ('Content-Type' => 'application/json', Accept => 'application/json', %{$headers || {}});
    return HTTP::Tiny->new(timeout => 0.7)->post("http://$master$path", {content => JSON::PP::encode_json($call), headers => \%headers, %more});
}

# What an operator's call is answered with: the status and the text.
sub operator {
    my ($self, $type, $member) = @_;
    my $answer = $self->_call('/api/v1', {type => $type, defined $member ? (lc $type => $member) : ()});
    return ($answer->{status}, $answer->{content});
}

# Says what comes of a SUBSCRIBE as it is in JSON: an error, or whether there is an offer, and in which roles. $then is an UPDATE_FRAMEWORK,
# made once the framework is subscribed; the answer to it is said, too.
sub subscribed_as {
    my ($self, $title, $subscribe, $then) = @_;
    my ($buffer, @said) = ('');
    my $event = sub {
        my ($event, $stream) = @_;
        my $type = $event->{type};
        push @said, "error: $event->{error}{message}" if $type eq 'ERROR';
        push @said, 'offer in ' . join ' ', sort map { $_->{allocation_info}{role} // '-' } @{$event->{offers}{offers}} if $type eq 'OFFERS';
        die "enough\n" if $type eq 'ERROR' || $type eq 'OFFERS';
        return if $type ne 'SUBSCRIBED' || !$then;
        my $id = $event->{subscribed}{framework_id};
        my $call = {type => 'UPDATE_FRAMEWORK', framework_id => $id, update_framework => {%$then, framework_info => {%{$then->{framework_info}}, id => $id}}};
        my $answer = $self->_call('/master/api/v1/scheduler', $call, {'Mesos-Stream-Id' => $stream});
        push @said, "update: $answer->{status} $answer->{content}";
    };
    my $answer = $self->_call('/master/api/v1/scheduler', {type => 'SUBSCRIBE', subscribe => $subscribe}, {}, data_callback => sub {
            my ($data, $answer) = @_;
            $buffer .= $data;
            return if $answer->{status} != 200;
            while ($buffer =~ /\A(\d+)\n/ && length($buffer) >= length($1) + 1 + $1) {
                my $record = substr $buffer, length($1) + 1, $1;
                substr $buffer, 0, length($1) + 1 + $1, '';
                $event->(JSON::PP::decode_json($record), $answer->{headers}{'mesos-stream-id'});
            }
    });
    push @said, "$answer->{status}: $answer->{content}" if $answer->{status} != 599;
    $self->say($title, join ', ', @said ? @said : 'no offer');
    return;
}

# An id that no other scenario has.
sub id { my ($self, $name) = @_; return "$self->{id}-$name" }

# Adds a line about a subject to the transcript.
sub say {
    my ($self, $subject, $text) = @_;
    push @{$self->{transcript}}, [map { $self->plain($_) } $subject, $text];
    return;
}

my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

# A text without what is different at each run.
sub plain {
    my ($self, $text) = @_;
    # The order of the resources in a text is that of a hash table.
    $text =~ s{(?<= more than available )([^"]*)|((?:[a-z]+\(allocated: \S+; )+[a-z]+\(allocated: \S+)(?= does not contain)}{join '; ', sort split /; /, $1 // $2}e;
    for ($text) {
        s/\b$self->{id}-//g;
        s/$uuid-F?\d{4}\b/<framework>/g;
        s/$uuid-S\d+/<agent>/g;
        s/$uuid-O\d+/<offer>/g;
        s/$uuid/<uuid>/g;
        s/0x[0-9a-f]{4,}/<pointer>/g;
        s/127\.0\.0\.1:\d+/<address>/g;
    }
    return $text;
}

# Ends all frameworks, and gives the lines: those of each subject in their order, for between subjects Mesos promises none.
sub finish {
    my ($self) = @_;
    for my $framework (reverse @{$self->{frameworks}}) {
        next if !$framework->driver;
        $framework->driver->stop;
        $framework->driver(undef);
    }
    my (%lines, @subjects);
    for my $entry (@{$self->{transcript}}) {
        my ($subject, $text) = @$entry;
        push @subjects, $subject if !$lines{$subject};
        push @{$lines{$subject}}, "$subject: $text";
    }
    return [map { @{$lines{$_}} } sort @subjects];
}

1;
