# The code that documentation shows compiles: each SYNOPSIS under strict and warnings, and each fenced block of README.md and docs/.
use strict;
use warnings;
use lib 't/lib';
use Test::Files qw(slurp);
use Test::More;
use File::Find ();
use File::Temp ();

# What a program says of the code, which is given to it as a file.
sub said_of {
    my ($code, @command) = @_;
    my $file = File::Temp->new(SUFFIX => '.code');
    print $file $code;
    close $file or die "cannot write $file: $!";
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command, "$file" or die "cannot run $command[0]: $!";
    local $/;
    my $text = <$out>;
    close $out;
    $text = '' unless defined $text;
    $text .= "exit status $?\n" if $?;
    $text =~ s/^\Q$file\E syntax OK\n//m;
    $text =~ s/\Q$file\E/the code/g;
    return $text;
}

sub compiles {
    my ($name, $code, @options) = @_;
    is said_of("use strict;\nuse warnings;\n# line 1\n$code", $^X, '-Mblib', @options, '-c'), '', "$name compiles";
}

# A folder with the modules that a document shows, for its other programs: those blocks have the file's name in their first line.
sub modules_in {
    my ($text) = @_;
    my $folder = File::Temp->newdir;
    while ($text =~ /^```perl\n# (\w+\.pm)\n(.*?)^```$/msg) {
        my ($name, $code) = ($1, $2);
        open my $out, '>', "$folder/$name" or die "cannot write $folder/$name: $!";
        print $out $code;
        close $out or die "cannot write $folder/$name: $!";
    }
    return $folder;
}

# A test of the test: what is wrong shows.
like said_of("use strict;\n\$undeclared = 1;\n", $^X, '-c'), qr/Global symbol .*exit status/s, 'an undeclared variable is found';
like said_of("if true; then\n", 'bash', '-n'), qr/exit status/, 'an unfinished shell command is found';

my @modules;
File::Find::find({no_chdir => 1, wanted => sub { push @modules, $_ if /\.pm\z/ }}, 'perl/lib');
for my $module (sort @modules) {
    my ($synopsis) = slurp($module) =~ /^=head1 SYNOPSIS\n\n(.*?)\n(?==)/ms;
    ok defined $synopsis, "$module has a SYNOPSIS" or next;
    # Only indented lines are code.
    my $code = join '', map {"$_\n"} grep { s/^ {4}// || !/\S/ } split /\n/, $synopsis;    ## no critic (ProhibitMutatingListFunctions): on copies
    compiles("SYNOPSIS of $module", $code);
}

my @documents = ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'fuzz/README.md', sort glob 'docs/*.md');
my $blocks = 0;
for my $document (@documents) {
    my $text = slurp($document);
    my $folder = modules_in($text);
    while ($text =~ /^```(\w*)\n(.*?)^```$/msg) {
        my ($language, $code) = ($1, $2);
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        my $name = "$document, line $line";
        $blocks++;
        if ($language eq 'perl') { compiles($name, $code, "-I$folder") }
        elsif ($language eq 'sh') { is said_of($code, 'bash', '-n'), '', "$name: bash reads it" }
        elsif ($language ne 'text') { fail("$name: expected ```perl, ```sh or ```text, got ```$language") }
    }
    $text =~ s/^```.*?^```$//msg;
    my @unfenced = $text =~ /^( {4}(?:\$|(?:[A-Z_]+=\S+ )*(?:perl|cargo|prove|script\/|export|\.\/Build)|use |my ).*)$/mg;
    is_deeply \@unfenced, [], "$document: code is fenced, so that this test sees it";
}
cmp_ok $blocks, '>', 2, 'found blocks';

my $readme = slurp('README.md');
like $readme, qr/\(\Q$_\E\)/, "README.md links to $_" for sort glob 'docs/*.md';
# Links between documents, and to headings in them.
for my $document (@documents) {
    my ($folder) = $document =~ m{\A(.*/)?};
    $folder = '' unless defined $folder;
    for my $link (slurp($document) =~ /\]\((?!https?:)([^)\s]+)\)/g) {
        my ($path, $heading) = split /#/, $link, 2;
        my $file = length $path ? "$folder$path" : $document;
        ok -e $file, "$document: $link is there" or next;
        next unless defined $heading;
        my %headings = map { (anchor($_) => 1) } slurp($file) =~ /^#+ (.*)$/mg;
        ok $headings{$heading}, "$document: $link is a heading";
    }
}

# Paths in backquotes are of files and folders that are there; architecture.md names those of src/ and perl/ without it.
for my $document (@documents) {
    my @missing;
    for my $path (slurp($document) =~ m{`([\w.-]+/[\w./-]*)`}g) {
        next unless $path =~ m{^(?:perl|src|t|tests|xt|docs|examples|script|benches|proto|include|fuzz)/} || $path =~ /\.(?:rs|c|pm|t|pl)\z/;
        push @missing, $path unless grep { -e "$_$path" || $document =~ m{^fuzz/} && -e "fuzz/$path" } '', 'src/', 'perl/', 'perl/lib/', 'src/native/';
    }
    is_deeply \@missing, [], "$document: the paths in it are there";
}

# Who compares has read it somewhere: what docs/comparison.md says of others has its source beside it, and what it says of us is there.
{
    my $comparison = slurp('docs/comparison.md');
    my %sources = $comparison =~ /^\[([\w-]+)\]: (\S+)$/mg;
    my %known = map { ($_ => 1) } map { slurp($_) =~ /^=(?:head2|item) (.*)$/mg } @modules;
    %known = map { s/C<|>//g; ($_ => 1) } map { split /, / } keys %known;    ## no critic (ProhibitMutatingListFunctions): on copies
    my ($rows, @wrong) = 0;
    for my $row ($comparison =~ /^\| (?!feature)(.* \|)$/mg) {
        my ($feature, @cells) = split / \|\s*/, $row;
        my $where = pop @cells;
        is scalar @cells, 4, "$feature: others, and here" or next;
        $rows++;
        for my $cell (@cells[0 .. 2]) {
            push @wrong, "$feature: no source: $cell" unless $cell =~ /\]\[/;
        }
        push @wrong, "$feature: no test: $where" unless $where =~ m{`(?:t|xt|tests)/} || $where =~ /\.md/;
        for my $name (grep { !m{\A(?:t|xt|tests)/} } $where =~ /`([^`]+)`/g) {
            my ($module, $heading) = $name =~ m{\A(Mesos::[\w:]+)(?:/(\w+))?\z};
            (my $file = "perl/lib/" . ($module || '') . '.pm') =~ s{::}{/}g;
            next if !$module && $known{$name} || $module && -e $file && (!$heading || slurp($file) =~ /^=head[12] $heading$/m);
            push @wrong, "$feature: there is no $name";
        }
    }
    push @wrong, map {"$_: not defined"} grep { !$sources{$_} } $comparison =~ /\]\[([\w-]+)\]/g;
    push @wrong, map {"$_: of no fixed version"} grep {m{github\.com/[^/]+/[^/]+/(?:blob|tree)/(?:main|master)/}} values %sources;
    is_deeply \@wrong, [], 'docs/comparison.md: sources and names';
    cmp_ok $rows, '>', 30, 'found rows';
}

# As GitHub and others make it of a heading.
sub anchor {
    my ($anchor) = lc $_[0];
    $anchor =~ s/[^\w -]//g;
    $anchor =~ tr/ /-/;
    return $anchor;
}

done_testing;
