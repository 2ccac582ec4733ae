package Mesos::XS;
use 5.10.1;
use strict;
use warnings;
use parent 'Exporter';
use Carp ();
use Cwd ();
use File::Basename ();
use File::Spec ();
use Mesos ();
use Mesos::Error ();
use XSLoader ();

# Errors are the caller's: Carp looks past the frames of these.
$Carp::Internal{$_} = 1 for qw(
    Mesos Mesos::XS Mesos::Error Mesos::Arguments Mesos::Channel Mesos::Dispatcher Mesos::Dispatcher::Pipe Mesos::Dispatcher::AnyEvent
    Mesos::Dispatcher::Interrupt Mesos::Dispatcher::IOAsync Mesos::Dispatcher::Mojo Mesos::Dispatcher::POE
    Mesos::Role::HasDispatcher Mesos::Role::Warns Mesos::Role::WarnsOfCalls Mesos::Role::GoodCitizen Mesos::Role::GoodCitizen::Handler Mesos::Warnings Mesos::SchedulerDriver Mesos::ExecutorDriver
    Mesos::Async Mesos::Async::Handler Mesos::Async::Promises
    Mesos::Runner Mesos::Runner::Task Mesos::Runner::Scheduler Mesos::Runner::Results Mesos::Runner::Journal
);

Mesos::trace(split /=/, defined $ENV{PERL_MESOS_TRACE} ? $ENV{PERL_MESOS_TRACE} : 'QUIET', 2);
XSLoader::load('Mesos', $Mesos::VERSION);

# What @INC and DynaLoader name relatively lies below this, also when the program goes elsewhere, as daemons do.
my $loaded_in = Cwd::getcwd();
sub _absolute { File::Spec->rel2abs($_[0], $loaded_in) }

# How the shared object throws: Carp looks for the caller of the package that called it, and C has none.
sub _croak { die Mesos::Error::_made_of(Carp::shortmess($_[0]), $_[1]) }

# What lies beside the shared object, wherever that was found.
# The cluster's helper is the same program, which the core starts under another name.
sub program_path { _beside('mesos-local') }
sub helper_path { program_path() }

sub _beside {
    my ($name) = @_;
    my @objects = grep {m{(?:\A|/)auto/Mesos/Mesos\.[^/]+\z}} reverse @DynaLoader::dl_shared_objects;
    Mesos::Error::croak('the shared object of Mesos is not in DynaLoader\'s list: cannot find ' . $name) unless @objects;
    return _absolute(File::Spec->catfile(File::Basename::dirname($objects[0]), $name));
}

sub include_path { join ':', map { _absolute($_) } grep { !ref } @INC }

1;
__END__

=head1 NAME

Mesos::XS - loads the shared object

=head1 SYNOPSIS

    use Mesos::XS;

=head1 DESCRIPTION

Calls L<Mesos/trace> with the value of C<PERL_MESOS_TRACE>, and loads F<auto/Mesos/Mesos.so>, which must have the version of L<Mesos>. Every
module that needs the shared object loads this one. Your program does not need to.

=head1 FUNCTIONS

=head2 helper_path

    my $path = Mesos::XS::helper_path();

Returns the absolute path of the program that becomes the parent of all tasks of the embedded cluster. It is F<mesos-local>, which the core
starts under the name F<mesos-perl-helper>. Dies if DynaLoader has not loaded the shared object.

=head2 program_path

    my $path = Mesos::XS::program_path();

The same for F<mesos-local>, the embedded cluster as a program. The C<mesos-local> that C<./Build install> puts where programs go turns into
it.

=head2 include_path

    my $path = Mesos::XS::include_path();

Returns C<@INC> as executors of the embedded cluster get it in C<PERL5LIB>: absolute paths, joined with colons, without code references.

=cut
