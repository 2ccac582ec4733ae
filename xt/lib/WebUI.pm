package WebUI;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use Mojo::Server::Daemon;
use Mojo::URL;
use Mojolicious;
use POSIX ();

# The files of a web UI, served by a process of their own. What is no file is asked of a master, as if that served its UI itself.

# The server's address is known before the master's: that has to know of it.
sub new {
    my ($class, $files) = @_;
    croak "$files/index.html is not there" unless -f "$files/index.html";
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or croak "cannot listen: $!";
    return bless {files => $files, listener => $listener, owner => $$}, $class;
}

sub origin { return 'http://127.0.0.1:' . $_[0]{listener}->sockport }

sub start {
    my ($self, $master) = @_;
    $self->{pid} = fork // croak "cannot fork: $!";
    return $self if $self->{pid};
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP ALRM);
    # Nobody waits for the end of what it writes.
    open STDIN, '<', '/dev/null' or POSIX::_exit(1);
    open STDOUT, '>', '/dev/null' or POSIX::_exit(1);
    my $is_done = eval { $self->_serve($master); 1 };
    print STDERR "WebUI: $@" if !$is_done;
    POSIX::_exit(1);
}

sub _serve {
    my ($self, $master) = @_;
    my $app = Mojolicious->new;
    $app->log->level('fatal');
    $app->secrets(['no cookies']);
    $app->static->paths([$self->{files}]);
    $app->routes->any('/' => sub { $_[0]->reply->static('index.html') });
    $app->ua->inactivity_timeout(0);
    $app->ua->proxy->http(undef);
    $app->routes->any(
        '/*rest' => sub {
            my ($c) = @_;
            my $asked = $c->req->clone;
            $asked->url(Mojo::URL->new($master . $c->req->url->path_query));
            $asked->headers->remove('Host');
            $c->proxy->start_p($c->ua->build_tx($asked->method, $asked->url, $asked->headers->to_hash, $asked->body))
                ->catch(sub { $c->render(text => "no master: $_[0]", status => 502) });
        }
    );
    return Mojo::Server::Daemon->new(app => $app, listen => ['http://127.0.0.1?fd=' . fileno $self->{listener}], silent => 1)->run;
}

sub stop {
    my ($self) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    local ($?, $!, $@);
    kill KILL => $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

sub DESTROY { $_[0]->stop }

1;
