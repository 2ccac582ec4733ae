package Chromium;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use MIME::Base64 ();
use Mojo::IOLoop;
use Mojo::JSON ();
use Mojo::UserAgent;
use POSIX ();
use Time::HiRes qw(sleep time);

# A page in chromium without a window, over the DevTools protocol.

# How long chromium may take to start, to answer, and until what is waited for: far more than it needs.
my ($START, $ANSWER, $WAIT) = (60, 30, 30);

sub path {
    my ($path) = grep { -x && !-d } map {"$_/chromium"} split /:/, $ENV{PATH};
    return $path;
}

sub start {
    my ($class) = @_;
    my $self = bless {home => File::Temp->newdir('chromium-XXXXXX', TMPDIR => 1), owner => $$, last => 0, answers => {}, events => []}, $class;
    my $home = $self->{home}->dirname;
    # Root has no sandbox, and containers have a small /dev/shm.
    my @command = (
        path(), qw(--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --no-first-run --disable-background-networking --disable-extensions
            --mute-audio --remote-debugging-port=0), "--user-data-dir=$home/profile", 'about:blank',
    );
    $self->{pid} = fork // croak "cannot fork: $!";
    if (!$self->{pid}) {
        # It starts others. All of them end with its group.
        setpgrp;
        @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ($home) x 3;
        open STDIN, '<', '/dev/null' or POSIX::_exit(1);
        open STDOUT, '>', "$home/said" or POSIX::_exit(1);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
        no warnings 'exec';
        exec {$command[0]} @command or POSIX::_exit(1);
    }
    my $port = $self->_until($START, 'chromium says its port', sub { (_content("$home/profile/DevToolsActivePort") =~ /\A(\d+)\n/)[0] });
    $self->{agent} = Mojo::UserAgent->new(connect_timeout => $ANSWER, request_timeout => $ANSWER, inactivity_timeout => 0);
    $self->{agent}->proxy->http(undef);
    my ($page) = grep { $_->{type} eq 'page' } @{$self->{agent}->get("http://127.0.0.1:$port/json/list")->result->json};
    $self->{agent}->websocket($page->{webSocketDebuggerUrl} => sub { $self->_connected($_[1]) });
    $self->_until($ANSWER, 'chromium takes the connection', sub { $self->{socket} });
    $self->call("$_.enable") for qw(Page Runtime Log Accessibility);
    return $self;
}

sub _connected {
    my ($self, $socket) = @_;
    return unless $socket->is_websocket;
    # A picture is one message.
    $socket->max_websocket_size(1 << 26);
    $socket->on(message => sub {
            my $message = Mojo::JSON::decode_json($_[1]);
            if ($message->{id}) { $self->{answers}{$message->{id}} = $message }
            else { push @{$self->{events}}, $message }
    });
    $self->{socket} = $socket;
    return;
}

sub _content {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    my $content = <$in>;
    close $in;
    return $content // '';
}

sub _until {
    my ($self, $seconds, $what, $condition) = @_;
    my $end = time + $seconds;
    until (my $value = $condition->()) {
        croak "not within $seconds seconds: $what: " . _content($self->{home}->dirname . '/said') if time > $end;
        my $turn = Mojo::IOLoop->timer(0.02 => sub { });
        Mojo::IOLoop->one_tick;
        Mojo::IOLoop->remove($turn);
    }
    return $condition->();
}

sub call {
    my ($self, $method, %params) = @_;
    my $id = ++$self->{last};
    $self->{socket}->send({text => Mojo::JSON::encode_json({id => $id, method => $method, params => \%params})});
    my $answer = $self->_until($ANSWER, "an answer to $method", sub { $self->{answers}{$id} });
    delete $self->{answers}{$id};
    croak "$method: $answer->{error}{message}" if $answer->{error};
    return $answer->{result};
}

# The value of an expression, or of what it promises.
sub value {
    my ($self, $expression) = @_;
    my $answer = $self->call('Runtime.evaluate', expression => $expression, returnByValue => Mojo::JSON::true(), awaitPromise => Mojo::JSON::true());
    croak "$expression: " . ($answer->{exceptionDetails}{exception}{description} || $answer->{exceptionDetails}{text}) if $answer->{exceptionDetails};
    return $answer->{result}{value};
}

# Whether an expression becomes true.
sub becomes {
    my ($self, $expression) = @_;
    my $end = time + $WAIT;
    while (time < $end) {
        return 1 if $self->value($expression);
        sleep 0.05;
    }
    return 0;
}

sub mouse {
    my ($self, $type, $x, $y) = @_;
    return $self->call('Input.dispatchMouseEvent', type => $type, x => $x, y => $y, button => 'left', clickCount => 1);
}

sub key {
    my ($self, $name, $code, $text) = @_;
    my %key = (key => $name, code => $name, windowsVirtualKeyCode => $code);
    $self->call('Input.dispatchKeyEvent', %key, type => 'keyDown', defined $text ? (text => $text) : ());
    return $self->call('Input.dispatchKeyEvent', %key, type => 'keyUp');
}

sub picture {
    my ($self, $path) = @_;
    my $data = MIME::Base64::decode_base64($self->call('Page.captureScreenshot', format => 'png')->{data});
    open my $out, '>:raw', $path or croak "$path: $!";
    print {$out} $data;
    close $out or croak "$path: $!";
    return;
}

# What scripts have thrown, and what the page's policy has refused.
sub faults {
    my ($self) = @_;
    my @thrown = map { $_->{params}{exceptionDetails}{exception}{description} || $_->{params}{exceptionDetails}{text} }
        grep { $_->{method} eq 'Runtime.exceptionThrown' } @{$self->{events}};
    my @refused = map { $_->{params}{entry}{text} }
        grep { $_->{method} eq 'Log.entryAdded' && $_->{params}{entry}{source} =~ /\A(?:security|javascript|violation)\z/ } @{$self->{events}};
    return (@thrown, @refused);
}

sub stop {
    my ($self) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    local ($?, $!, $@);
    kill KILL => -$self->{pid}, $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

sub DESTROY { $_[0]->stop }

1;
