# mesos-perl: what it prints and how it ends, in a pipe and on a terminal, with a server that plays master and agent.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Temp ();
use JSON::PP ();
use Encode qw(decode);
use MIME::Base64 qw(encode_base64);
use Mesos::Command::Config qw(read_config);
use Test::Files qw(output_of perl_command);
use Test::Operator qw(answer serve stream);

my $home = File::Temp->newdir;
$ENV{HOME} = "$home";
delete @ENV{qw(MESOS_MASTER MESOS_CLI_CONFIG NO_COLOR), grep {/SSL_/} keys %ENV};

# --- a cluster -----------------------------------------------------------------------------------------------------------------------------

sub scalars { my %of = @_; return [map { +{name => $_, type => 'SCALAR', scalar => {value => $of{$_}}} } sort keys %of] }

sub task {
    my ($id, $name, $state, %more) = @_;
    return {task_id => {value => $id}, name => $name, state => $state, framework_id => {value => 'F-1'}, agent_id => {value => 'S-0'}, resources => scalars(cpus => 0.5, mem => 64), %more};
}
my $container = [{state => 'TASK_RUNNING', timestamp => time - 3661, container_status => {container_id => {value => 'C-1'}}}];
my @tasks = (task('web-1', 'web', 'TASK_RUNNING', statuses => $container), task('web-2', 'web', 'TASK_RUNNING'), task('db', "d\x{e4}ta\e[31m\tx", 'TASK_STAGING'));
my @ended = (task('old', 'old', 'TASK_FAILED'));
my %files = ('/frameworks/F-1/executors/web-1/runs/latest/stdout' => "one\ntwo\n\0\377\n", '/frameworks/F-1/executors/web-1/runs/latest/stderr' => "oops\n",
    '/frameworks/F-1/executors/old/runs/latest/stdout' => "Mesos says\n", '/frameworks/F-1/executors/old/runs/latest/command.out' => "the command says\n");
my %say = (
    GET_HEALTH => sub { +{healthy => JSON::PP::true()} },
    GET_VERSION => sub { +{version_info => {version => '1.11.0'}} },
    GET_STATE => sub { +{get_tasks => {tasks => \@tasks}} },
    GET_TASKS => sub { +{tasks => \@tasks, completed_tasks => \@ended} },
    GET_AGENTS => sub {
        +{agents => [{agent_info => {id => {value => 'S-0'}, hostname => 'node1', attributes => [{name => 'rack', text => {value => 'r1'}}]}, active => JSON::PP::true(), version => '1.11.0',
                    pid => "slave(1)\@$_[1]", total_resources => scalars(cpus => 4, mem => 2048), allocated_resources => scalars(cpus => 1.5, mem => 192)}]};
    },
    GET_FRAMEWORKS => sub {
        +{frameworks => [map { +{framework_info => {id => {value => "F-$_"}, name => $_ < 2 ? 'shop' : 'twin', user => 'me', role => '*'}, active => JSON::PP::true(), connected => JSON::PP::true()} } 1 .. 3]};
    },
    GET_CONTAINERS => sub { +{containers => []} },
    LIST_FILES => sub { my $path = $_[0]{list_files}{path}; +{file_infos => [map { +{path => $_, size => length $files{$_}} } grep {m{\A\Q$path/\E}} sort keys %files]} },
    TEARDOWN => sub {''},
    KILL_CONTAINER => sub {''},
    WAIT_NESTED_CONTAINER => sub { +{exit_status => 7 << 8} },
);
sub record { my $json = JSON::PP->new->canonical->encode($_[0]); return length($json) . "\n$json" }

my $answers = sub {
    my ($call, $host) = ($_[0]{call}, $_[0]{headers}{host});
    my $type = $call->{type};
    return stream(record({type => 'SUBSCRIBED', subscribed => {get_state => {get_agents => {agents => [{}]}}}}), record({type => 'HEARTBEAT'}),
        record({type => 'TASK_UPDATED', task_updated => {state => 'TASK_FAILED', status => {task_id => {value => 'web-1'}, message => "no\nluck"}}}), 'open') if $type eq 'SUBSCRIBE';
    return stream(map { record({type => 'DATA', data => {type => $_->[0], data => encode_base64($_->[1])}}) } ['STDOUT', "in it\n"], ['STDERR', "too\n"])
        if $type eq 'LAUNCH_NESTED_CONTAINER_SESSION';
    if ($type eq 'READ_FILE') {
        my $text = $files{$call->{read_file}{path}};
        return answer('404 Not Found', "'$call->{read_file}{path}' not found") unless defined $text;
        return answer('200 OK', {type => $type, read_file => {data => encode_base64(substr($text, $call->{read_file}{offset}), '')}});
    }
    my $said = $say{$type} ? $say{$type}->($call, $host) : return answer('403 Forbidden', 'not you');
    return answer('200 OK', ref $said ? {type => $type, lc $type => $said} : '');
};
my $server = serve($answers);
my @master = ('--master', $server->{address});
sub last_call { my @all = $server->{requests}->(); return $all[-1]{call} }

# --- in a pipe -------------------------------------------------------------------------------------------------------------------------------

my $script = 'perl/bin/mesos-perl';
# Gives the status, standard output and standard error.
sub mesos_perl {
    my (@arguments) = @_;
    my $errors = File::Temp->new;
    my ($out, $status) = output_of('sh', '-c', 'exec "$@" 2>"$0"', $errors->filename, perl_command($script, @arguments));
    open my $in, '<', $errors->filename or die $!;
    return ($status >> 8, $out, join '', <$in>);
}

# Checks a command's status, and its output: text, or a pattern. $error is the pattern for standard error; default: nothing.
sub gives {
    my ($arguments, $status, $out, $error) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @got = mesos_perl(@$arguments);
    my $name = join ' ', map { $_ eq $server->{address} ? 'ADDRESS' : $_ } @$arguments;
    is $got[0], $status, "$name: status";
    ref $out ? like $got[1], $out, "$name: output" : is $got[1], $out, "$name: output";
    like $got[2], defined $error ? qr/\Amesos-perl: $error\n\z/ : qr/\A\z/, "$name: errors";
    return;
}

gives(['ps', @master], 0, "TASK\tNAME\tSTATE\tFRAMEWORK\tHOST\tCPUS\tMEM\tAGE\nweb-1\tweb\tRUNNING\tshop\tnode1\t0.5\t64\t1h1m\nweb-2\tweb\tRUNNING\tshop\tnode1\t0.5\t64\t-\n"
        . "db\td\xc3\xa4ta\\x{1b}[31m\\x{9}x\tSTAGING\tshop\tnode1\t0.5\t64\t-\n");
gives([@master, 'ps', '--all', '--no-header'], 0, qr/^old\told\tFAILED\tshop\t/m);
gives(['ps', '--framework', 'shop', '--agent', 'node1', @master, '--no-header'], 0, qr/\A(?:[^\n]*\n){3}\z/);
gives(['ps', '--framework', 'F-2', @master, '--no-header'], 0, '');
gives(['ps', '--framework', 'shap', @master], 4, '', "no framework 'shap' is known: did you mean 'shop'\\?");
gives(['agents', @master], 0, "AGENT\tHOST\tSTATE\tCPUS\tMEM\tDISK\tGPUS\tVERSION\tATTRIBUTES\nS-0\tnode1\tactive\t1.5/4\t192/2048\t0/0\t0/0\t1.11.0\track=r1\n");
gives(['frameworks', @master, '--no-header'], 0, qr/\AF-1\tshop\tme\tactive\t\*\t3\t0\t0\t-\nF-2\t/);
gives(['version', @master, '--no-header'], 0, "mesos-perl\t2.0.0\t\nmaster\t1.11.0\thttp://$server->{address}\nagent\t1.11.0\tnode1\n");
gives([$_], 0, "WHAT\tVERSION\tWHERE\nmesos-perl\t2.0.0\t\n") for '--version', '-V';
my (undef, $json) = mesos_perl('ps', @master, '--format', 'json');
my @lines = map { JSON::PP::decode_json($_) } split /\n/, $json;
is_deeply [map { $_->{task_id}{value} } @lines], [qw(web-1 web-2 db)], 'ps as lines of JSON';
is $lines[2]{name}, "d\x{e4}ta\e[31m\tx", 'with what Mesos has';
(undef, $json) = mesos_perl('state', @master);
is scalar(@{JSON::PP::decode_json($json)->{get_tasks}{tasks}}), 3, 'state';
gives(['ps', @master, '--format', 'table', '--color'], 0, qr/\A\e\[1mTASK\e\[0m .*\nweb-1  web .*\e\[32mRUNNING\e\[0m  shop .* 0\.5   64  1h1m\n/);
gives(['ps', @master, '--format', 'table'], 0, qr/\ATASK   NAME  [^\e]*\nweb-1  web  [^\e]*\z/);
gives(['top', @master], 0, qr/\ATIME\t.*\n.*\t1\tTASK_RUNNING=2,TASK_STAGING=1\ttotal=4,used=1\.5\t/);
gives(['top', @master, '--format', 'table', '-n', 1], 0, qr/\Ahttp:\S+  1 agent, 3 frameworks, tasks: 2 running, 1 staging .*^cpus  \[#{8}\.{12}\] 1\.5 of 4\n.*^node1  active  1\.5\/4 .*^web-1  TASK_RUNNING /ms);

gives(['logs', 'web-1', @master], 0, "one\ntwo\n\0\377\n");
gives(['logs', '--stderr', 'web-1', @master], 0, "oops\n");
{
    my $before = () = $server->{requests}->();
    gives(['logs', 'web-1', @master], 0, "one\ntwo\n\0\377\n");
    my @all = $server->{requests}->();
    is scalar(grep { $_->{call}{type} eq 'GET_TASKS' } @all[$before .. $#all]), 1, 'logs: the tasks of a large cluster are much: asked for once';
}
gives(['logs', '--tail', 2, 'web-1', @master], 0, "two\n\0\377\n");
gives(['logs', '--tail', 0, 'web-1', @master], 0, '');
gives(['logs', 'old', @master], 0, "the command says\n");
gives(['logs', '--file', 'stdout', '-f', 'old', @master], 0, "Mesos says\n");
gives(['logs', '--file', 'none', 'old', @master], 4, '', 'READ_FILE: .* answered 404 Not Found: .*none.*');
gives(['logs', '--file', 'none', '-f', 'old', @master], 4, '', "logs: the task has ended, and there is no file 'none' in its sandbox");
gives(['logs', 'web-11', @master], 4, '', "no task 'web-11' is known to the master: did you mean 'web-1'\\?");
gives(['logs', 'web', @master], 2, '', "2 tasks have the name 'web'. Say which: web-1, web-2");
gives(['kill', 'web-1', @master], 0, "killed: web-1\n");
is_deeply last_call(), {type => 'KILL_CONTAINER', kill_container => {container_id => {value => 'C-1'}, signal => 9}}, 'the container is killed';
gives(['kill', '--signal', 'sigterm', 'web-1', @master], 0, "killed: web-1\n");
is last_call()->{kill_container}{signal}, 15, 'with a signal';
gives(['kill', '--signal', 'SIGFOO', 'web-1', @master], 2, '', 'kill: --signal: expected a number or one of .*, got \'SIGFOO\'');
gives(['kill', 'old', @master], 1, '', "kill: the task 'old' has ended: TASK_FAILED");
gives(['kill', 'web-2', @master], 1, '', "kill: the agent does not say which container is that of 'web-2'");
my @got = mesos_perl('exec', @master, 'web-1', '--', 'ls', '-l');
is_deeply \@got, [7, "in it\n", "too\n"], 'exec: status and output of the command';
gives(['exec', @master, 'web-1'], 2, '', 'exec: which task and which command\\? Usage: mesos-perl exec TASK -- COMMAND...');
gives(['teardown', 'shop', @master], 0, "ended: F-1\n");
is_deeply last_call(), {type => 'TEARDOWN', teardown => {framework_id => {value => 'F-1'}}}, 'the framework is ended';
gives(['teardown', 'twin', @master], 2, '', "2 frameworks have the name 'twin'. Say which: F-2, F-3");
gives(['teardown', 'f-1', @master], 4, '', "no framework 'f-1' is registered: did you mean 'F-1'\\?");

# Events go on until somebody ends them.
sub some_events {
    my (@arguments) = @_;
    my $pid = open my $in, '-|', perl_command($script, 'events', @master, @arguments) or die $!;
    my @seen = map { scalar <$in> } 1 .. 2;
    kill TERM => $pid;
    close $in;
    return @seen;
}
like join('', some_events()), qr/\A\d\d:\d\d:\d\d\tSUBSCRIBED\t1 agent, 0 frameworks, 0 tasks\n\d\d:\d\d:\d\d\tTASK_UPDATED\tweb-1 TASK_FAILED no\\x\{a\}luck\n\z/, 'events';
is join(' ', map { JSON::PP::decode_json($_)->{type} } some_events('--format', 'json', '--heartbeats')), 'SUBSCRIBED HEARTBEAT', 'events as JSON';

# Getopt::Long 2.55 and newer warn of it, and the command ends with every warning.
require Mesos::Command;
for my $name (sort keys %{Mesos::Command->commands}) {
    my %times;
    $times{$_}++ for map { split /\|/, (/\A([^=!]+)/)[0] } Mesos::Command::_specs(Mesos::Command->commands->{$name});
    is_deeply [grep { $times{$_} > 1 } sort keys %times], [], "no option of $name is there twice";
}

# --- mistakes ----------------------------------------------------------------------------------------------------------------------------------

gives(['state', '--format', 'table', @master], 2, '', q(state: --format: the state is always json, got 'table'));
gives([], 2, '', 'which command\\? One of: agents, .*, version. \'mesos-perl help\' says more');
gives(['pss'], 2, '', "there is no command 'pss': did you mean 'ps'\\?");
gives(['dance'], 2, '', "there is no command 'dance' \\(there are: agents, .*\\)");
gives(['ps'], 2, '', 'which master\\? Say --master HOST:PORT, or set MESOS_MASTER, or write it into ~/.mesos/config.toml.*');
gives(['ps', '--formt', 'json'], 2, '', "ps: unknown option '--formt': did you mean '--format'\\? See 'mesos-perl help ps'");
gives(['--nonsense'], 2, '', "unknown option '--nonsense'. See 'mesos-perl help'");
gives(['ps', '--format', 'xml'], 2, '', "--format: expected table, tsv or json, got 'xml'");
gives(['ps', 'x', @master], 2, '', "ps: it takes no argument, got 'x'");
gives(['logs', @master], 2, '', 'logs: which task\\? Usage: mesos-perl logs TASK');
gives(['ps', '--master', 'h:p'], 2, '', 'master: expected "host" or .*, got "h:p" \\(bad port\\)');
gives(['ps', '--master', 'local'], 2, '', "the master 'local' is there for 'run' only: .*mesos-local");
gives(['ps', '--master', '127.0.0.1:1'], 3, '', 'GET_\\w+: no leading master: http://127.0.0.1:1/master: .*refused');
gives(['run', @master], 2, '', 'run: which command\\? Usage: mesos-perl run \\[options\\] -- COMMAND');
gives(['run', @master, '-n', 0, '--', 'true'], 2, '', 'run: --number: expected a number above 0, got 0');
gives(['run', @master, '--env', '=x', '--', 'true'], 2, '', "run: --env: expected NAME=VALUE, or the NAME of a variable that is set, got '=x'");
gives(['run', '--master', 'h:p', '--', 'true'], 2, '', 'run: master: expected "local", .*got "h:p".*');
gives(['logs', @master, '--format', 'json', '--file', '', 'web-1'], 2, '', "logs: --format has no effect here: it prints no table\nmesos-perl: logs: --file: .*");
gives(['run', @master, '--no-header', '--number', 0, '--', 'true'], 2, '', "run: --header has no effect here: it prints no table\nmesos-perl: run: --number: .*");
gives(['completion', 'fish'], 2, '', "completion: expected bash or zsh, got 'fish'");
gives(['help', 'evnts'], 2, '', "help: there is no command 'evnts': did you mean 'events'\\?");
gives(['ps', @master, '--principal', 'me'], 2, '', '--principal needs --secret-file FILE, which has its password');
gives(['ps', '--master', '--all'], 2, '', "ps: option master requires an argument, and what follows is '--all'. See 'mesos-perl help ps'");
gives(['run', @master, '-e', '--', 'true'], 2, '', "run: option env requires an argument, and what follows is '--'. See 'mesos-perl help run'");
gives(['run', @master, "--$_", '', '--', 'true'], 2, '', "run: --$_: expected a text, got ''") for qw(user role host);
gives(['help', 'ps', 'run'], 2, '', "help: expected one command, got 'ps' 'run'");
gives(['exec', @master, 'web-1', '--', ''], 2, '', 'exec: which task and which command\\? Usage: .*');
gives(['logs', @master, '--stderr', '--file', 'x', 'web-1'], 2, '', 'logs: expected either --stderr or --file PATH, got both');
gives(['logs', @master, '--file', '', 'web-1'], 2, '', "logs: --file: expected the path of a file, got ''");
gives(['ps', @master, '--secret-file', '/dev/null'], 2, '', '--secret-file needs --principal NAME, whose password it has');
gives(['ps', @master, '--principal', 'me', '--secret-file', '/dev/null'], 2, '', '--secret-file /dev/null: expected a password in its first line, which is empty');
gives(['ps', @master, '--principal', 'me', '--secret-file', $home], 2, '', "cannot read --secret-file $home: Is a directory");
gives(['ps', @master, '--config', $home], 2, '', "cannot read the configuration $home: it is a directory");
my $refusing = serve(sub { return answer('403 Forbidden', 'not you') });
gives(['agents', '--master', $refusing->{address}], 1, '', 'GET_AGENTS: .* answered 403 Forbidden: not you');

for my $command (sort keys %{require Mesos::Command; Mesos::Command->commands}) {
    gives(['help', $command], 0, qr/\Ausage: mesos-perl $command\b/);
    gives([$command, '--help'], 0, qr/\Ausage: mesos-perl $command\b/) unless $command eq 'help';
}
gives(['--help'], 0, qr/^  run +run a command as a task$/m);

# --- the configuration ---------------------------------------------------------------------------------------------------------------------------

sub config {
    my ($text) = @_;
    mkdir "$home/.mesos";
    open my $out, '>', "$home/.mesos/config.toml" or die $!;
    print $out $text;
    close $out or die $!;
    return;
}
config(qq([master]\naddress = "$server->{address}"\nprincipal = "me"\nsecret = "hush"\nssl_verify = false\n[agent]\nssl = true\nssl_verify = true\ntimeout = 3\n));
is_deeply read_config(), {file => "$home/.mesos/config.toml", master => $server->{address}, verify => 0, credential => {principal => 'me', secret => 'hush'}, agent_credential => undef,
    agent_scheme => 'https', agent_verify_certificate => 1, timeout => 3}, 'a configuration';
gives(['ps', '--no-header'], 0, qr/^web-1\t/);
my @requests = $server->{requests}->();
is $requests[-1]{headers}{authorization}, 'Basic bWU6aHVzaA==', 'its credential is used';
{
    local $ENV{MESOS_MASTER} = '127.0.0.1:1';
    gives(['ps'], 3, '', '.*127.0.0.1:1.*');
    gives(['ps', @master, '--no-header'], 0, qr/^web-1\t/);
}
config(qq([master.zookeeper]\naddresses = ["a:1", "b:2"]\npath = "/m"\n));
is read_config()->{master}, 'zk://a:1,b:2/m', 'masters of ZooKeeper';
config("nonsense\n");
gives(['ps'], 2, '', 'the configuration .*config.toml: line 1: expected \\[table\\] or key = value: there is no = after nonsense, got the end of the line');
gives(['ps', '--config', "$home/none"], 2, '', 'cannot read the configuration .*none: .*');
for my $case (
    ['[master]', 'address = ""', 'master.address: expected text in quotes, got ""'], ['[master]', 'address = ["a"]', 'master.address: expected text in quotes, got an array'],
    ['[master]', 'ssl_verify = "no"', 'master.ssl_verify: expected true or false, got "no"'], ['[agent]', 'ssl = "off"', 'agent.ssl: expected true or false, got "off"'],
    ['[agent]', 'ssl_verify = 1', 'agent.ssl_verify: expected true or false, got 1'], ['[agent]', 'timeout = "x"', 'agent.timeout: expected a number of seconds above 0, got "x"'], ['[agent]', 'timeout = 0', 'agent.timeout: expected a number of seconds above 0, got 0'],
    ['[agent]', 'timeout = inf', 'agent.timeout: expected a number of seconds above 0, got .*'],
    ['[master.zookeeper]', 'addresses = []', 'master.zookeeper.addresses: expected an array of texts in quotes, got an empty array'],
    ['[master]', 'address = 5', 'master.address: expected text in quotes, got 5'], ['[master]', 'address = true', 'master.address: expected text in quotes, got true'],
    ['[master]', 'address = 2026-11-28', 'master.address: expected text in quotes, got a time'],
    # Nobody sees a password for want of its quotes.
    ['[master]', 'secret = 4711', 'master.secret: expected text in quotes, got a number'],
    (map { ['[master]', "secret = $_", 'expected [^\n]*(?<!hunter2)(?<!hunter2["\'])'] } 'hunter2', '"hunter2', '"a"hunter2', "'hunter2"),
    ['[master]', 'secret = """', 'expected the end of the line', '""" hunter2'],
    ['[master.zookeeper]', 'addresses = [1, 2]', 'master.zookeeper.addresses: expected an array of texts in quotes, got an array'],
    ['[master]', 'zookeeper = "x"', 'expected a table \\[master.zookeeper\\], got "x"'],
    ['[master]', 'secret = "x"', 'master.secret needs master.principal, whose password it is'],
    ['[master]', 'address = "a:1" # b', 'master.address is there twice, and was in line 2', 'address = "b:1"'],
) {
    my ($table, $line, $why, @more) = @$case;
    config(join "\n", $table, $line, @more, '');
    gives(['ps', @master], 2, '', 'the configuration .*config.toml: line ' . (2 + @more) . ": $why");
}
config(qq([mastr]\n[master]\nadress = "x"\ncolor = "x"\n[master.zookeper]\n[plugins]\nx = 1\n[[more]]\n"a key" = {b.c = 1}\n));
gives(['ps', @master, '--no-header'], 0, qr/^web-1\t/, join "\nmesos-perl: ", map {"the configuration .*config.toml: $_"} q(line 1: unknown table \[mastr\]: did you mean 'master'\?),
    q(line 3: unknown key master.adress: did you mean 'address'\?), q(line 5: unknown table \[master.zookeper\]: did you mean 'zookeeper'\?));
for my $case (
    ["[master]\n\n[agent]\n[master]", 'line 4: \\[master\\] is there twice, and was in line 1'],
    ["[master]\nzookeeper.path = \"/a\"\n[master.zookeeper]\npath = \"/b\"", 'line 3: \\[master.zookeeper\\] is there twice, and was in line 2'],
    ["master = \"x\"", 'line 1: expected a table \\[master\\], got "x"'], ["[[master]]\naddress = \"x\"", 'line 1: expected a table \\[master\\], got an array'],
    ["[master]\naddress = \"B\xfccher:1\"", 'line 2: expected UTF-8, got bytes that are none'],
) {
    config("$case->[0]\n");
    gives(['ps', @master], 2, '', "the configuration .*config.toml: $case->[1]");
}
config(qq('master' = {"address" = '$server->{address}', principal = """\nme""", secret = "h\\u0075sh"}\n));
gives(['ps', '--no-header'], 0, qr/^web-1\t/);
@requests = $server->{requests}->();
is $requests[-1]{headers}{authorization}, 'Basic bWU6aHVzaA==', 'the same in other words of TOML';
config("\xef\xbb\xbf[master]\naddress = \"$server->{address}\"\r\n");
gives(['ps', '--no-header'], 0, qr/^web-1\t/);
config(qq([master]\nzookeeper.addresses = ["a:1"]\n));
is read_config()->{master}, 'zk://a:1/mesos', 'a key with a dot';
config(qq([master]\naddress = "a:1"\n[master.zookeeper]\naddresses = "b:1"\n));
gives(['ps', @master, '--no-header'], 0, qr/^web-1\t/, 'the configuration .*config.toml: master.address has no effect beside master.zookeeper.addresses');
config(qq(address = "x"\nssl = true\n[master]\nprincipal = "me"\n));
gives(['ps', @master, '--no-header'], 0, qr/^web-1\t/, join "\nmesos-perl: ", map {"the configuration .*config.toml: $_"}
        'line 1: address has no effect before the first \\[table\\]: it belongs to \\[master\\]', 'line 2: ssl has no effect before the first \\[table\\]: it belongs to \\[agent\\]',
    'line 4: master.principal has no master.secret beside it: its password is empty');
unlink "$home/.mesos/config.toml";
my $secret = File::Temp->new;
print $secret "hush\n";
close $secret or die $!;
gives(['agents', @master, '--principal', 'me', '--secret-file', "$secret", '--no-header'], 0, qr/^S-0/);
@requests = $server->{requests}->();
is $requests[-1]{headers}{authorization}, 'Basic bWU6aHVzaA==', '--principal and --secret-file';

# --- completion ----------------------------------------------------------------------------------------------------------------------------------

# What bash offers after these words.
sub completes {
    my (@words) = @_;
    my $path = join ' ', map {"'$_'"} perl_command($script);
    my $bash = "mesos-perl() { $path \"\$@\"; }; source <(mesos-perl completion bash); COMP_WORDS=(mesos-perl \"\$@\"); COMP_CWORD=\$#; _mesos_perl; printf '%s\\n' \"\${COMPREPLY[\@]}\"";
    my ($said) = output_of('bash', '-c', $bash, 'bash', @words);
    return join ' ', split /\n/, $said;
}
is completes('fr'), 'frameworks', 'completion of a command';
is completes('logs', '--st'), '--stderr', 'of an option';
is completes('completion', ''), 'bash zsh', 'of an argument';
{
    local $ENV{MESOS_MASTER} = $server->{address};
    is completes('kill', 'web'), 'web-1 web-2', 'of a task';
    is completes('teardown', 'F'), 'F-1 F-2 F-3', 'of a framework';
}
my ($said, $status) = output_of('bash', '-n', '-c', (mesos_perl('completion', 'zsh'))[1]);
is $status, 0, 'zsh gets a script, too' or diag $said;

# --- output that cannot be written -----------------------------------------------------------------------------------------------------------------

sub said_with { my ($redirection, @arguments) = @_; return (output_of('sh', '-c', "\"\$@\" $redirection; echo \"status \$?\"", 'sh', perl_command($script, @arguments)))[0] }
SKIP: {
    skip 'no /dev/full', 1 unless -c '/dev/full';
    for my $command (['help'], ['version', '--client'], ['completion', 'bash'], map { [$_, @master] } qw(ps agents state top events), 'logs web-1') {
        my @words = map {split} @$command;
        is said_with('2>&1 >/dev/full', @words), "mesos-perl: cannot write the output: No space left on device\nstatus 1\n", "@words, and a full disk";
    }
}
for my $command (['help'], ['ps', @master], ['run', '--master', 'local', '--', "touch $home/has-run"]) {
    is said_with('2>&1 >&-', @$command),
        "mesos-perl: cannot write the output: standard output is closed (what nobody wants to see goes to /dev/null)\nstatus 1\n", "$command->[0] without standard output";
}
ok !-e "$home/has-run", 'nothing has run';
is said_with('>&- 2>&-', 'help'), "status 1\n", 'without standard error, too';
like said_with('2>&-', 'ps', @master, '--no-header'), qr/\Aweb-1\t.*^status 0\n\z/ms, 'without standard error only';

# --- on a terminal -------------------------------------------------------------------------------------------------------------------------------

SKIP: {
    skip 'no script(1) here', 13 if system 'command -v script >/dev/null 2>&1';
    my $on_terminal = sub {
        my ($environment, @arguments) = @_;
        my %set = (TERM => 'xterm', COLUMNS => '', LINES => '', %$environment);
        my ($lines, $columns) = @{delete $set{SIZE} || [0, 0]};
        # Only now: some shells set COLUMNS and LINES themselves.
        my $command = join ' ', "stty rows $lines cols $columns; exec env", map({"$_='$set{$_}'"} sort keys %set),
            map { my $word = $_; $word =~ s/'/'\\''/g; "'$word'" } perl_command($script, @arguments);
        my ($out) = output_of('script', '-qec', $command, '/dev/null');
        $out =~ s/\r//g;
        return $out;
    };
    like $on_terminal->({}, 'ps', @master), qr/\e\[1mTASK\e\[0m .*\e\[32mRUNNING\e\[0m/s, 'a table with colours';
    my $plain = $on_terminal->({NO_COLOR => 1}, 'ps', @master);
    like $plain, qr/^TASK   NAME .*^web-1  web /ms, 'NO_COLOR: a table';
    unlike $plain, qr/\e/, 'without colours';
    my $live = $on_terminal->({}, 'top', '-d', '0.1', '-n', 2, @master);
    is scalar(() = $live =~ /\e\[H\e\[2J/g), 2, 'top: screen after screen';
    # What is copied into the next command is whole.
    local $tasks[1] = {%{$tasks[1]}, task_id => {value => 'a-task-with-a-long-id'}, name => 'a name that is far too long for so narrow a terminal'};
    my $other = serve($answers);
    local $master[1] = $other->{address};
    for my $environment ({SIZE => [24, 80]}, {COLUMNS => 80}, {SIZE => [24, 200], COLUMNS => 80}) {
        my $narrow = $on_terminal->({%$environment, NO_COLOR => 1}, 'ps', @master);
        is_deeply [grep { length > 80 } split /\n/, decode('UTF-8', $narrow)], [], 'ps: no line is longer than the terminal';
        like $narrow, qr/^a-task-with-a-long-id  a name that ~  RUNNING /m, 'a name is cut, and the id is not';
    }
    like $on_terminal->({SIZE => [24, 20], NO_COLOR => 1}, 'ps', @master), qr/^a-task-with-a-long-id  a name ~  RUNNING  +shop +node1 /m, 'no more than down to 8';
    like $on_terminal->({SIZE => [24, 200], NO_COLOR => 1}, 'ps', @master), qr/ so narrow a terminal  /, 'or not at all';
    my $top = $on_terminal->({SIZE => [7, 90], NO_COLOR => 1}, 'top', '-n', 1, @master);
    is scalar(() = $top =~ /\n/g), 6, 'top: as many lines as fit';
}

done_testing;
