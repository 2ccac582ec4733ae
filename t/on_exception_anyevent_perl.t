# The dispatchers' tests once more on AnyEvent's own loop, which lets exceptions through, whatever other loop is installed.
use strict;
use warnings;
BEGIN { $ENV{PERL_ANYEVENT_MODEL} = 'Perl'; $ENV{MOJO_REACTOR} = 'Mojo::Reactor::Poll' }
require './t/on_exception.t';
