#!/usr/bin/env perl
# xt/advisories.pl CHECKOUT >xt/advisories.txt: what RustSec's database of advisories says about versions of crates, in a form that
# xt/supply_chain.t reads without a network. CHECKOUT is a clone of github.com/RustSec/advisory-db, which is in the public domain; it may be a
# bare one.
use 5.10.1;
use strict;
use warnings;

@ARGV == 1 or die "usage: xt/advisories.pl CHECKOUT\n";
my ($checkout) = @ARGV;

sub git {
    open my $out, '-|', 'git', '-C', $checkout, @_ or die "cannot run git: $!\n";
    my $said = do { local $/; <$out> };
    close $out or die "git @_ failed\n";
    return $said;
}

# A list of version requirements in TOML.
sub list {
    my ($text, $name) = @_;
    my ($items) = $text =~ /^$name\s*=\s*\[(.*?)\]/ms or return '';
    return join ' | ', $items =~ /"([^"]*)"/g;
}

my ($commit, $date) = split / /, git(qw(log -1 --date=short), '--format=%h %cd');
chomp $date;
print "# The advisories of RustSec at $commit of $date: crate, advisory, versions that are well. Made by xt/advisories.pl.\n";
for my $path (sort grep {m{\Acrates/.*\.md\z}} split /\n/, git(qw(ls-tree -r --name-only HEAD crates))) {
    my $text = git('show', "HEAD:$path");
    # Those that say only that nobody looks after a crate any more say nothing of a fault.
    next if $text =~ /^withdrawn\s*=/m || $text =~ /^informational\s*=\s*"(?:unmaintained|notice)"/m;
    my ($crate, $id) = $path =~ m{\Acrates/([^/]+)/(.*)\.md\z};
    say join ' ', $crate, $id, join(' | ', grep {length} list($text, 'patched'), list($text, 'unaffected')) || 'none';
}
