package Test::Consumer;

# Whom a dispatcher brings events that a test sends: they reach the methods of the test's own package Handler.

use Moo;

sub event_handler { return bless {}, 'Handler' }
sub status {0}
sub start {1}
sub stop {0}
sub abort {0}
with 'Mesos::Role::HasDispatcher';

# Waits until the loop cannot interrupt it, so that events come while the wait waits. Call what it returns afterwards.
sub queue {
    my ($self, @events) = @_;
    my $dispatcher = $self->dispatcher;
    my $block = $dispatcher->can('interrupt') && $dispatcher->interrupt;
    $block->block if $block;
    $dispatcher->send($_) for @events;
    return sub { $block->unblock if $block };
}

1;
