package Mesos::Runner::Folder;
use 5.10.1;
use strict;
use warnings;
use Fcntl qw(LOCK_EX LOCK_NB O_NOFOLLOW O_RDWR);
use File::Path ();
use File::Spec;
use File::Temp ();
use Mesos::Error qw(croak_as);
use Time::HiRes ();

# In each folder is a file that its program holds locked as long as it lives. Numbers of processes would not do: programs in containers
# may share the folder for temporary files, and not their numbers.
use constant {PREFIX => 'mesos-runner-', LOCK => 'in-use'};

sub new {
    my ($class) = @_;
    my $temporary = File::Spec->tmpdir;
    _remove_stale($temporary);
    my $folder = File::Temp::tempdir(PREFIX . 'XXXXXX', DIR => $temporary);
    # Locked before it has the name that others look for.
    my $lock;
    if (!open $lock, '>', "$folder/" . LOCK . '.new') {
        my $why = $!;
        # Without the file, nobody would know later that it is left.
        rmdir $folder;
        croak_as system => "cannot write to $folder: $why";
    }
    flock $lock, LOCK_EX | LOCK_NB and rename "$folder/" . LOCK . '.new', "$folder/" . LOCK;
    # Tasks of other users pass through it.
    chmod 0711, $folder;
    return bless {folder => $folder, lock => $lock, process => $$}, $class;
}

sub path { return $_[0]{folder} }

# Meanwhile the cluster, which has not ended yet, may remove sandboxes there itself: then it is not there any more, or not empty yet.
sub DESTROY {
    my ($self) = @_;
    return unless $self->{process} == $$;
    local ($@, $!, $?);
    for (1 .. 50) {
        eval { File::Path::remove_tree($self->{folder}, {error => \my $errors}); 1 };
        last unless -d $self->{folder};
        Time::HiRes::sleep(0.02);
    }
    return;
}

# What programs have left that were killed. Only our own, and only what has such a file that nobody holds.
sub _remove_stale {
    my ($temporary) = @_;
    opendir my $all, $temporary or return;
    for my $name (grep { index($_, PREFIX) == 0 } readdir $all) {
        my $folder = File::Spec->catdir($temporary, $name);
        my @is = lstat $folder;
        next unless @is && -d _ && $is[4] == $>;
        sysopen my $lock, "$folder/" . LOCK, O_RDWR | O_NOFOLLOW or next;
        next unless flock $lock, LOCK_EX | LOCK_NB;
        File::Path::remove_tree($folder, {error => \my $errors});
    }
    return;
}

1;
__END__

=head1 NAME

Mesos::Runner::Folder - the folder of the sandboxes that a Mesos::Runner on local makes

=head1 SYNOPSIS

    use Mesos::Runner::Folder;

    my $folder = Mesos::Runner::Folder->new;
    print $folder->path, "\n";    # /tmp/mesos-runner-zHQ3rT

=head1 DESCRIPTION

Internal to L<Mesos::Runner>. The folder is removed with its object. A program that is killed cannot remove it: the next one that makes
such a folder does, if it belongs to the same user.

=head1 METHODS

=head2 new

    my $folder = Mesos::Runner::Folder->new;

Makes a folder where temporary files are, after it has removed those that no program uses any more.

=head2 path

    my $path = $folder->path;

Its path.

=cut
