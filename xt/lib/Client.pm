package Client;
use 5.10.1;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

# A program of somebody else's that runs beside a test. It gets lines, and says lines of JSON, or what `read` makes a list of. It ends with
# the test, with all that it has started. It has none of the test's descriptors: whoever reads what the test says would wait for it, too.

# For each wait: far more than it needs.
my $LIMIT = 60;

sub start {
    my ($class, %given) = @_;
    my $self = bless {owner => $$, read => $given{read} || \&_lines, folder => File::Temp->newdir('client-XXXXXX', TMPDIR => 1)}, $class;
    pipe my $read, my $write or croak "cannot make a pipe: $!";
    $self->{pid} = fork // croak "cannot fork: $!";
    _become($self->{folder}->dirname, $read, %given) if !$self->{pid};
    close $read or croak "cannot close: $!";
    $write->autoflush(1);
    $self->{commands} = $write;
    return $self;
}

sub _become {
    my ($folder, $commands, %given) = @_;
    # All that it starts ends with its group.
    setpgrp;
    %ENV = (%ENV, %{$given{environment} || {}});
    $SIG{$_} = 'DEFAULT' for qw(PIPE ALRM TERM INT HUP);
    open STDIN, '<&', $commands or POSIX::_exit(1);
    open STDOUT, '>', "$folder/said" or POSIX::_exit(1);
    open STDERR, '>', "$folder/log" or POSIX::_exit(1);
    no warnings 'exec';
    exec {$given{command}[0]} @{$given{command}} or POSIX::_exit(127);
}

sub tell {
    my ($self, $line) = @_;
    local $SIG{PIPE} = 'IGNORE';
    return print {$self->{commands}} "$line\n";
}

sub _content {
    my ($self, $name) = @_;
    open my $in, '<:raw', $self->{folder}->dirname . "/$name" or return '';
    local $/;
    my $content = <$in>;
    close $in;
    return $content // '';
}

sub _lines { return map { JSON::PP->new->utf8->decode($_) } $_[0] =~ /^(.*)\n/mg }

# What it has said so far.
sub said { my ($self) = @_; return $self->{read}->($self->_content('said')) }

# All it has written, for whoever wants to know why.
sub words { my ($self) = @_; return "said:\n" . $self->_content('said') . "its errors:\n" . $self->_content('log') }

# Waits until a line is as wanted, which the code finds in $_, and returns it; nothing if the program has ended or the time is over.
sub hears {
    my ($self, $code) = @_;
    my $end = Time::HiRes::time() + $LIMIT;
    while (1) {
        my $is_over = $self->_is_over;
        for ($self->said) { return $_ if $code->() }
        return if $is_over || Time::HiRes::time() > $end;
        Time::HiRes::sleep(0.02);
    }
}

sub _is_over {
    my ($self) = @_;
    return 1 if defined $self->{status};
    return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) != $self->{pid};
    $self->{status} = $?;
    return 1;
}

# Its exit status, when it has ended by itself. It may have other time to do so.
sub status {
    my ($self, $seconds) = @_;
    my $end = Time::HiRes::time() + ($seconds || $LIMIT);
    Time::HiRes::sleep(0.02) until $self->_is_over || Time::HiRes::time() > $end;
    return $self->{status};
}

sub stop {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    kill KILL => -$self->{pid}, $self->{pid};
    if (!defined $self->{status}) { waitpid $self->{pid}, 0; $self->{status} = $? }
    return;
}

sub DESTROY { $_[0]->stop }

1;
