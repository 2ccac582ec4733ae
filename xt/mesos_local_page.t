use 5.10.1;
use strict;
use warnings;
BEGIN { delete @ENV{grep {/\AMESOS_(?!PAGE_)/} keys %ENV} }
use lib 'xt/lib';
use Chromium;
use File::Temp qw(tempdir);
use Mesos::Test::Cluster;
use Mesos::XS;
use Mojo::JSON qw(false true);
use POSIX ();
use Test::More;
binmode Test::More->builder->$_, ":utf8" for qw(output failure_output todo_output);

# The page of mesos-local in a browser. With MESOS_PAGE_PICTURES=docs it makes the pictures of docs/mesos-local.md anew.

plan skip_all => 'no chromium here' if !Chromium::path();
# Whoever ends the test ends chromium, too: END is run.
$SIG{ALRM} = sub { die "the test takes too long\n" };
for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { die "the test was interrupted: SIG$name\n" } }
alarm 240;

my $folder = tempdir(CLEANUP => 1);
my $cluster = Mesos::Test::Cluster->start(agents => 2, resources => 'cpus:2;mem:1024;disk:2048');
my $token = $cluster->{program}->ready->{control_token};

sub touch { open my $out, '>', "$folder/$_[0]" or die "$_[0]: $!"; close $out; return }
my $await = sub {"until [ -e $folder/$_[0] ]; do sleep 0.05; done"};
my @commands = ("echo first; @{[$await->('more')]}; echo '<b>second</b>'; @{[$await->('end')]}", 'echo to be killed; exec sleep 1000',
    'echo stays; exec sleep 1000', 'exit 3');
# The first writes to the sandbox's standard output, and the others to where the runner has its commands' output.
my $program = <<'PERL';
my $runner = Mesos::Runner->new(framework => {name => 'word count', user => '', failover_timeout => 60}, max_running => 4, cpus => 0.5, mem => 200);
$runner->add({info => {command => {value => shift}}}, @ARGV);
$runner->run;
PERL

my $framework = fork // die "fork: $!";
if (!$framework) {
    open STDOUT, '>', '/dev/null' or POSIX::_exit(1);
    open STDERR, '>', "$folder/framework" or POSIX::_exit(1);
    @ENV{qw(MESOS_MASTER PERL5LIB)} = ($cluster->address, Mesos::XS::include_path());
    exec $^X, '-MMesos::Runner', '-e', $program, @commands or POSIX::_exit(1);
}
my $chromium;
END {
    my $status = $?;
    undef $chromium;
    if ($framework) { kill KILL => $framework; waitpid $framework, 0 }
    $? = $status;
}
$chromium = Chromium->start;

# --- helpers in the page ---------------------------------------------------------------------------------------------------------

my $helpers = <<'JS';
window.labelled = (label) => [...document.querySelectorAll('button, [aria-label]')].find((e) => (e.getAttribute('aria-label') || e.textContent) === label);
window.row = (task) => [...document.querySelectorAll('#tasks tr')].find((row) => row.cells[0].textContent === task);
window.stateOf = (task) => row(task) ? row(task).cells[1].textContent : '';
window.places = () => [...document.querySelectorAll('#agents article')].map((card) => card.innerText).join('\n');
// How well text is read on what is behind it, as WCAG computes it.
window.contrast = (element) => {
    const parts = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => parts(color).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = element;
    const back = (e) => getComputedStyle(e).backgroundColor;
    while (behind.parentElement && parts(back(behind))[3] === 0) behind = behind.parentElement;
    const [a, b] = [light(getComputedStyle(element).color), light(back(behind))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
};
JS

sub visit {
    my ($url) = @_;
    # Another fragment alone would load nothing.
    $chromium->call('Page.navigate', url => 'about:blank');
    $chromium->call('Page.navigate', url => $url);
    $chromium->becomes("location.href === '$url' && document.readyState === 'complete'") or die "$url is not loaded";
    $chromium->value($helpers);
    return;
}

sub click {
    my ($label, $between) = @_;
    $chromium->becomes("!!labelled('$label')") or return fail "a button '$label'";
    my $place = $chromium->value("(() => { const e = labelled('$label'); e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            . ' return [r.x + r.width / 2, r.y + r.height / 2] })()');
    $chromium->mouse(mousePressed => @$place);
    $between->() if $between;
    return $chromium->mouse(mouseReleased => @$place);
}

sub becomes { my ($expression, $name) = @_; return ok($chromium->becomes($expression), $name) || diag $chromium->value('document.body.innerText') }

# --- without the token -----------------------------------------------------------------------------------------------------------

$chromium->call('Emulation.setDeviceMetricsOverride', width => 1100, height => 980, deviceScaleFactor => 1, mobile => false);
visit($cluster->url . '/');
becomes("\$('connection').textContent === 'connected to the leading master, " . $cluster->address . q(') . q( && stateOf('4.1') === 'FAILED' && stateOf('1.1') === 'RUNNING'), 'it shows tasks');
becomes(q(document.querySelectorAll('#agents article').length === 2 && /cpus\s+(0\.5|1|1\.5) \/ 2\s+mem/.test(places())), 'agents');
becomes(q([...document.querySelectorAll('.bar')].some((bar) => bar.firstChild.getBoundingClientRect().width > 5)), 'bars of resources');
becomes(q(/word count\s+connected\s+3 tasks that have not ended/.test($('frameworks').innerText)), 'a framework');
ok !$chromium->value(q(!!labelled('kill task 2.1') || !!labelled('Fail the master over').offsetParent)), 'no faults without the token';

# --- the sandbox, by the keyboard ------------------------------------------------------------------------------------------------

my %reached;
for (1 .. 20) {
    $chromium->key(Tab => 9);
    my $label = $chromium->value(q((document.activeElement.getAttribute('aria-label') || document.activeElement.textContent)));
    $reached{$label} = 1;
    last if $label eq 'sandbox of task 1.1';
}
ok $reached{'sandbox of task 1.1'}, 'the keyboard reaches a task' or diag join ', ', sort keys %reached;
$chromium->key(Enter => 13, "\r");
becomes(q($('stdout') && $('stdout').textContent === 'first\n'), 'the sandbox');
touch('more');
becomes(q($('stdout').textContent === 'first\n<b>second</b>\n'), 'it follows');
touch('end');
becomes(q(stateOf('1.1') === 'FINISHED' && /1\.1 is TASK_FINISHED/.test($('events').textContent)), 'states change without loading the page again');
click('sandbox of task 2.1');
becomes(q($('command.out') && $('command.out').textContent === 'to be killed\n' && $('stdout').textContent === ''), 'another sandbox, with output of a command');
click('Close');
becomes(q($('sandbox').hidden && document.activeElement === labelled('sandbox of task 2.1')), 'who closes it is where he was');

# --- with the token --------------------------------------------------------------------------------------------------------------

$chromium->value(q(labelled('Use it').form.querySelector('input').value = 'wrong'));
click('Use it');
becomes(q($('control-said').textContent === 'This is not the token.' && $('control-actions').hidden), 'a wrong token is said');

visit($cluster->url . "/#token=$token");
# The buttons of agents move what stands below them when they come.
becomes(q($('connection').textContent.startsWith('connected') && (places().match(/\bcut\b/g) || []).length === 2 && !!row('2.1')), 'the page is complete');
click('kill task 2.1', sub {
        # The page asks for the agents' resources all the while, which must not take the button away.
        my $asked = q(performance.getEntriesByType('resource').filter((e) => /agents$/.test(e.name)).length);
        my $before = $chromium->value($asked);
        $chromium->becomes("$asked > $before + 1") or fail 'the page asks for agents';
});
becomes(q(stateOf('2.1') === 'KILLED'), 'a click that takes a while kills a task');
becomes(q(!labelled('kill task 2.1')), 'which has no such button any more');

my %scheme;
for my $scheme (qw(light dark)) {
    $chromium->call('Emulation.setEmulatedMedia', features => [{name => 'prefers-color-scheme', value => $scheme}]);
    $scheme{$scheme} = $chromium->value('getComputedStyle(document.body).backgroundColor');
    my $pale = $chromium->value(q([...document.querySelectorAll('h1, h2, h3, p, td, th, button, pre, label, .measure span')]
        .filter((e) => e.offsetParent && e.textContent && contrast(e) < 4.5).map((e) => e.outerHTML)));
    is_deeply $pale, [], "everything is read in $scheme";
    $chromium->value('window.scrollTo(0, 0)');
    $chromium->mouse(mouseMoved => 0, 0);
    $chromium->picture("$ENV{MESOS_PAGE_PICTURES}/mesos-local-$scheme.png") if $ENV{MESOS_PAGE_PICTURES};
}
isnt $scheme{light}, $scheme{dark}, 'dark is another thing than light';

subtest 'what a screen reader gets' => sub {
    my %is;
    for my $node (grep { !$_->{ignored} } @{$chromium->call('Accessibility.getFullAXTree')->{nodes}}) {
        push @{$is{$node->{role}{value}}}, $node->{name}{value} // '';
    }
    my $has = sub { my ($role, $name) = @_; ok + (grep { $_ =~ $name } @{$is{$role} || []}), "$role $name" or diag join ', ', map {"'$_'"} @{$is{$role} || []} };
    $has->(heading => qr/\A$_\z/) for qw(mesos-local Agents Frameworks Tasks Events), 'Faults on demand';
    $has->(region => qr/\A$_\z/) for qw(Agents Frameworks Tasks);
    $has->(article => qr/\Aagent .*-S0\z/);
    $has->(article => qr/\Aframework word count\z/);
    $has->(image => qr/\Acpus: [\d.]+ used and [\d.]+ offered of 2\z/);
    $has->(table => qr/\ATasks\z/);
    $has->(rowheader => qr/\A3\.1\z/);
    $has->(columnheader => qr/\A$_\z/) for qw(Task State Framework Agent Message Actions);
    $has->(button => qr/\Akill task 3\.1\z/);
    $has->(textbox => qr/\AToken of the ready line/);
    $has->(status => qr//);
    $has->(log => qr/\Aevents, the newest first\z/);
    is_deeply [grep { !length } map {@$_} @is{qw(button textbox article image region)}], [], 'all of these have names';
};

subtest 'on a phone' => sub {
    $chromium->call('Emulation.setDeviceMetricsOverride', width => 390, height => 844, deviceScaleFactor => 1, mobile => true);
    cmp_ok $chromium->value('document.documentElement.scrollWidth'), '<=', 390, 'nothing needs scrolling sideways';
    is_deeply $chromium->value(q([...document.querySelectorAll('button, input, td, th[scope=row], .measure, h3')].filter((e) => e.offsetParent)
        .filter((e) => e.getBoundingClientRect().right > 390 || parseFloat(getComputedStyle(e).fontSize) < 12).map((e) => e.outerHTML))), [], 'all is within, and large enough';
    my $rows = grep { !$_->{ignored} && $_->{role}{value} =~ /\A(?:rowheader|columnheader)\z/ } @{$chromium->call('Accessibility.getFullAXTree')->{nodes}};
    is $rows, 10, 'the table is still one for screen readers';
    $chromium->call('Emulation.clearDeviceMetricsOverride');
};

# --- agents and the master -------------------------------------------------------------------------------------------------------

my ($first) = map { $_->{id} } grep { $_->{number} == 0 } $cluster->agents;
click("stop agent \x{2026}" . substr $first, -12);
becomes(q(/localhost number 0\s+ended/.test(places()) || /localhost number 0\s+not connected/.test(places())), 'a stopped agent is still there');
click('start agent number 0');
becomes(q(/-S2\s+active/.test(places()) && !/number 0/.test(places())), 'and starts again');
my ($second) = map { $_->{id} } grep { $_->{number} == 1 } $cluster->agents;
click("cut agent \x{2026}" . substr $second, -12);
becomes(q(/-S1\s+[a-z ]+, cut off/.test(places())), 'an agent that is cut off');
click("heal agent \x{2026}" . substr $second, -12);
becomes(q(/-S1\s+active/.test(places()) && !/cut off/.test(places())), 'and healed');
click('Add an agent');
becomes(q(document.querySelectorAll('#agents article').length === 3), 'one more');
click('Fail the master over');
becomes(q($('control-said').textContent === 'master/failover: done'), 'another master');
becomes(q($('connection').textContent.startsWith('connected') && $('frameworks').innerText.includes('word count') && (places().match(/\bactive/g) || []).length === 3),
    'which the page follows');

$cluster->stop;
becomes(q($('connection').textContent === 'not connected: trying again'), 'the end of it all is said');
is_deeply [$chromium->faults], [], 'no script has failed, and nothing was refused';

# --- behind credentials ------------------------------------------------------------------------------------------------------------

my $closed = Mesos::Test::Cluster->start(credential => {principal => 'me', secret => 'hush'});
my ($port) = $closed->address =~ /:(\d+)\z/;
$chromium->call('Page.navigate', url => "http://me:hush\@127.0.0.1:$port/");
becomes(qq(location.port === '$port' && document.readyState === 'complete' && \$('connection').textContent.startsWith('connected')), 'a principal and a secret in the address open it');

done_testing;
