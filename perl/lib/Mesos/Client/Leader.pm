package Mesos::Client::Leader;
use 5.10.1;
use strict;
use warnings;
use Mesos::Error qw(croak);
use Mesos::Client::Address qw(authority parse_master);
use Mesos::Client::Error ();
use Mesos::Client::TLS qw(tls_enabled);
use Mesos::Client::ZooKeeper ();
use Time::HiRes ();
use parent 'Mesos::Client::Base';

$Carp::Internal{+__PACKAGE__}++;

sub _set_master {
    my ($self, $arguments) = @_;
    my ($what, $text) = exists $arguments->{master} ? (master => $arguments->{master}) : (MESOS_MASTER => $ENV{MESOS_MASTER});
    croak 'master: expected an argument master => "host:port", or the like, or the environment variable MESOS_MASTER'
        if $what eq 'MESOS_MASTER' && !(defined $text && length $text);
    my $master = parse_master($text, $what);
    # What holds passwords is in closures, which dumps do not show.
    $self->{master} = sub {$master};
    return;
}

sub _scheme { my ($self, $scheme) = @_; return $scheme || (tls_enabled() ? 'https' : 'http') }

# Base URLs of the masters to ask; reasons why there are none go to @$why.
sub _candidates {
    my ($self, $why) = @_;
    my $master = $self->{master}->();
    if ($master->{addresses}) {
        return map { $self->_scheme($_->{scheme}) . '://' . authority(@$_{qw(host port)}) . '/master' } @{$master->{addresses}};
    }
    my $scheme = $self->_scheme;
    my ($leader, $reason) = Mesos::Client::ZooKeeper->leader($master, $self->timeout);
    return "$scheme://" . authority($scheme eq 'https' ? $leader->{host} : $leader->{ip}, $leader->{port}) . '/master' if $leader;
    push @$why, $reason;
    return;
}

# A call that changes something must not be sent again when nobody knows whether it has arrived.
sub _may_have_arrived {
    my ($call, $answer) = @_;
    return $answer->{why} !~ /\ACould not connect/ && $call->{type} !~ /\A(?:GET_|LIST_|READ_|SUBSCRIBE)/;
}

sub _send {
    my ($self, $call, %option) = @_;
    my $end = Time::HiRes::time() + $self->retry_for;
    my $pause = 0.1;
    while (1) {
        my @why;
        my $answer = $self->_ask_masters($call, \@why, \%option);
        return $answer if $answer;
        my $left = $end - Time::HiRes::time();
        if ($left <= 0) {
            my $said = join '; ', @why;
            Mesos::Client::Error->throw(call => $call->{type}, message => "no leading master: $said");
        }
        Time::HiRes::sleep($pause < $left ? $pause : $left);
        $pause = $pause < 1 ? 2 * $pause : 2;
    }
    return;
}

# Asks the last leader, then each master, and follows where they redirect to.
sub _ask_masters {
    my ($self, $call, $why, $option) = @_;
    my @to_ask = defined $self->{leader} ? $self->{leader} : $self->_candidates($why);
    my $knew = defined $self->{leader};
    my %asked;
    while (defined(my $base = shift @to_ask)) {
        if (!$asked{$base}++) {
            my ($answer, $next) = $self->_ask($base, $call, $why, $option);
            if ($answer) { $self->{leader} = $base; return $answer }
            unshift @to_ask, $next if defined $next;
        }
        next if @to_ask || !$knew;
        ($knew, $self->{leader}) = (0, undef);
        @to_ask = $self->_candidates($why);
    }
    return;
}

# Gives the answer, or undef and where to ask next, if anywhere.
sub _ask {
    my ($self, $base, $call, $why, $option) = @_;
    my $url = "$base/api/v1";
    my $answer = $self->{http}->post($url, $call, %$option);
    $answer->{url} = $url;
    my $status = $answer->{status};
    return $answer if $status =~ /\A2/;
    if ($status == 307 || $status == 308 || $status == 302) {
        my ($next, $reason) = $self->{http}->redirected($base, $answer->{headers}{location});
        push @$why, defined $next ? "$base redirects to $next" : "$base: $reason";
        return (undef, $next);
    }
    if ($status == 503 || $status == 599 && !_may_have_arrived($call, $answer)) {
        push @$why, "$base: " . ($status == 599 ? $answer->{why} : "503 $answer->{reason}: " . $self->{http}->message_of($answer));
        return;
    }
    $self->{leader} = undef if $status == 599;
    return $self->_refused($call, $url, $answer);
}

sub leader {
    my ($self) = @_;
    $self->call('GET_HEALTH');
    return $self->{leader} =~ m{\A(\w+://[^/]+)} ? $1 : $self->{leader};
}

1;
__END__

=head1 NAME

Mesos::Client::Leader - how Mesos::Client finds the leading master

=head1 SYNOPSIS

    use Mesos::Client;

    my $client = Mesos::Client->new(master => 'a:5050,b:5050', retry_for => 30);
    print $client->leader, "\n";

=head1 DESCRIPTION

Internal to this distribution: a part of L<Mesos::Client>. It asks the last leader first, then each master that the string names, or the one
that ZooKeeper names, and follows redirects. A master that does not answer, or says that there is no leader, is not the one. A call that
changes something is not sent again once it may have arrived.

=head1 METHODS

=head2 leader

See L<Mesos::Client/leader>.

=cut
