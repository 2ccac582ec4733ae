package Test::Values;

# What the tests of messages share: an assertion about errors, and values that behave like hashes.

use strict;
use warnings;
use Exporter qw(import);
use Test::More;

our @EXPORT_OK = qw(dies_like);

sub dies_like(&$;$) {
    my ($code, $pattern, $name) = @_;
    my $lived = eval { $code->(); 1 };
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like($lived ? 'lived' : $@, $pattern, $name || "dies: $pattern");
}

{
    package Tied;
    require Tie::Hash;
    our @ISA;
    BEGIN { @ISA = ('Tie::StdHash') }
    sub TIEHASH { my ($class, %of) = @_; return bless {%of}, $class }
}

{
    package Hashlike;
    use overload '%{}' => sub { ${$_[0]} }, fallback => 1;
    sub new { my ($class, %of) = @_; my $of = \%of; return bless \$of, $class }
}

1;
