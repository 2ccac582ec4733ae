use 5.10.1;
use strict;
use warnings;
my ($webui, $clusterd);
BEGIN { ($webui, $clusterd) = @ENV{qw(MESOS_WEBUI_DIR MESOS_CLUSTERD_WEBUI_DIR)}; delete @ENV{grep {/\AMESOS_/} keys %ENV} }
use lib 'xt/lib';
use Chromium;
use Client;
use File::Temp qw(tempdir);
use Mesos::Test::Cluster;
use Mesos::XS;
use Test::More;
use WebUI;

# Web UIs of others on mesos-local, in a browser. They are brought from elsewhere: MESOS_WEBUI_DIR names Mesos' own (src/webui of its
# sources), and MESOS_CLUSTERD_WEBUI_DIR what ClusterD's was built to (ui/build).

plan skip_all => 'no chromium here' if !Chromium::path();
plan skip_all => 'neither MESOS_WEBUI_DIR nor MESOS_CLUSTERD_WEBUI_DIR names a web UI' if !$webui && !$clusterd;
# Whoever ends the test ends chromium, too: END is run.
$SIG{ALRM} = sub { die "the test takes too long\n" };
for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { die "the test was interrupted: SIG$name\n" } }
alarm 240;

my ($cluster, $server, $framework, $chromium);
END { my $status = $?; undef $chromium; undef $framework; undef $server; undef $cluster; $? = $status }

my $program = <<'PERL';
my $runner = Mesos::Runner->new(framework => {name => 'word count', user => '', failover_timeout => 60}, max_running => 2, cpus => 0.5, mem => 200);
$runner->add({id => 'stays', info => {command => {value => 'echo first line; echo second line; exec sleep 1000'}}},
    {id => 'fails', info => {command => {value => 'exit 3'}}});
$runner->run;
PERL

# A cluster with a framework, a server for the UI's files, and a browser.
sub start {
    my ($files) = @_;
    undef $_ for $chromium, $framework, $server, $cluster;
    $server = WebUI->new($files);
    my $folder = tempdir(CLEANUP => 1);
    open my $out, '>', "$folder/config" or die "config: $!";
    print {$out} 'cors = ["' . $server->origin . "\"]\n";
    close $out or die "config: $!";
    $cluster = Mesos::Test::Cluster->start(config => "$folder/config", agents => 2, resources => 'cpus:2;mem:1024;disk:2048');
    $server->start($cluster->url);
    $framework = Client->start(
        command => [$^X, '-MMesos::Runner', '-e', $program],
        environment => {MESOS_MASTER => $cluster->address, PERL5LIB => Mesos::XS::include_path()},
    );
    $cluster->wait_for_task('stays.1', 'TASK_RUNNING') || diag $framework->words;
    $cluster->wait_for_task('fails.1', 'TASK_FAILED') || diag $framework->words;
    $chromium = Chromium->start;
    return $server->origin;
}

sub visit {
    my ($url) = @_;
    # Another fragment alone would load nothing.
    $chromium->call('Page.navigate', url => 'about:blank');
    $chromium->call('Page.navigate', url => $url);
    $chromium->becomes("location.href.startsWith('$url') && document.readyState === 'complete'") or die "$url is not loaded";
    return;
}

sub becomes { my ($expression, $name) = @_; return ok($chromium->becomes($expression), $name) || diag $chromium->value('location.href + "\n" + document.body.innerText') }

# Words that the page shows, in this order, and a picture for whoever wants to look.
my $pictures = 0;
sub shows {
    my ($name, @words) = @_;
    my $pattern = join '[^]*', map {quotemeta} @words;
    becomes("/$pattern/.test(document.body.innerText)", $name);
    $chromium->picture("$ENV{WEBUI_PICTURES}/" . ++$pictures . '.png') if $ENV{WEBUI_PICTURES};
    return;
}

sub click {
    my ($element) = @_;
    $chromium->becomes("!!($element)") or return fail "there is $element";
    $chromium->mouse($_, @{$chromium->value("(() => { const e = $element; e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
                    . ' return [r.x + r.width / 2, r.y + r.height / 2] })()')}) for qw(mousePressed mouseReleased);
    return;
}

# The first element of these whose text is this.
sub named { my ($selector, $text) = @_; return "[...document.querySelectorAll('$selector')].find((e) => e.textContent.trim() === '$text' && e.offsetParent)" }

sub in_row { my ($row, $text) = @_; return "[...document.querySelectorAll('tr')].filter((e) => e.textContent.includes('$row')).flatMap((e) => [...e.querySelectorAll('a')])"
        . ".find((e) => e.textContent.trim() === '$text' && e.offsetParent)" }

subtest "Mesos' own" => sub {
    $webui or plan skip_all => 'MESOS_WEBUI_DIR names no web UI';
    my $origin = start($webui);
    visit("$origin/");
    shows('the tasks', 'Activated', 2, 'Active Tasks', 'stays.1', 'RUNNING', 'localhost', 'Completed Tasks', 'fails.1', 'FAILED');
    # Another one would open windows that nobody reaches.
    $chromium->value('window.open = ((open) => (...given) => window.opened = open.apply(window, given))(window.open)');
    my ($agent) = map { $_->{slave_id} } $cluster->task('stays.1');
    my ($framework_id) = map { $_->{framework_id} } $cluster->task('stays.1');

    click(in_row('stays.1', 'Sandbox'));
    shows('its sandbox', 'mode', 'nlink', 'stderr', 'stdout');
    click(named('a', 'stdout'));
    becomes(q(window.opened && window.opened.document.body && window.opened.document.body.innerText.includes('first line\nsecond line')), 'and what is in its stdout');
    $chromium->value('window.opened.close()');

    for my $page (
        ['agents', 'Agents', 'localhost', 'Active', '/ 2', '/ 1'],
        ["agents/$agent", $agent, '1.11.0', 'Running', 'Allocated', 'Total', 'CPUs', '2', 'word count'],
        ["agents/$agent/frameworks/$framework_id", 'word count', 'Executors', 'stays.1'],
        ["agents/$agent/frameworks/$framework_id/executors/stays.1", 'Active Tasks', '1', '0.5', '200 MB', 'stays.1', 'TASK_RUNNING'],
        ['frameworks', 'Active Frameworks', 'word count', '0.5', '200 MB'],
        ["frameworks/$framework_id", 'word count', 'Active Tasks', 'stays.1', 'RUNNING', 'Completed Tasks', 'fails.1', 'FAILED'],
        ['roles', 'Roles', '*'],
        ['offers', 'Offers'],
        ['maintenance', 'Maintenance'],
    ) {
        my ($path, @words) = @$page;
        visit("$origin/#/$path");
        shows($path, @words);
        is $chromium->value(q([...document.querySelectorAll('.alert, .modal')].filter((e) => e.offsetParent).map((e) => e.innerText).join())), '', 'without a complaint';
    }
    visit("$origin/");
    click(in_row('fails.1', 'Sandbox'));
    shows('the sandbox of a task that has ended', 'mode', 'nlink', 'stderr', 'stdout');
    is_deeply [$chromium->faults], [], 'no script has failed, and nothing was refused';
};

subtest "ClusterD's" => sub {
    $clusterd or plan skip_all => 'MESOS_CLUSTERD_WEBUI_DIR names no web UI';
    my $origin = start($clusterd);
    visit("$origin/");
    # It has the address from its user, and asks a master of another origin.
    $chromium->becomes(q(document.querySelectorAll('input').length === 3)) or die 'no form';
    for my $field ([0, $cluster->url], [1, 'nobody'], [2, 'nothing']) {
        click("document.querySelectorAll('input')[$field->[0]]");
        $chromium->value('document.activeElement.select()');
        $chromium->call('Input.insertText', text => $field->[1]);
    }
    click(q(document.querySelector('button[type=submit]')));
    for my $page (
        ['Tasks', 'Active Tasks', 'stays.1', 'TASK_RUNNING', 'Completed Tasks', 'fails.1', 'TASK_FAILED'],
        ['Frameworks', 'Active Frameworks', 'word count', '0.5', '200'],
        ['Agents', '-S0', 'localhost', '1.11.0', 'true', '-S1'],
    ) {
        my ($tab, @words) = @$page;
        click(named('button', $tab));
        shows($tab, @words);
        next if $tab eq 'Frameworks';
        # It has all that the master says of one in a row below.
        click(q(document.querySelector('button[aria-label="expand row"]')));
        shows("$tab, one of them", 'id:', 'resources:', 'cpus:', $tab eq 'Tasks' ? 'statuses:' : 'pid:');
    }
    is_deeply [$chromium->faults], [], 'no script has failed, and nothing was refused';
};

done_testing;
