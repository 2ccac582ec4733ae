# Mesos::Error: errors are objects, and as strings what they always were.
use strict;
use warnings;
use Mesos::Client;
use Mesos::Error;
use Mesos::ExecutorDriver;
use Mesos::Offers;
use Mesos::Resources;
use Mesos::Runner;
use Mesos::SchedulerDriver;
use Mesos::Stats qw(prometheus);
use Test::More;
no warnings 'Mesos';    # the driver is never started

my $driver = Mesos::SchedulerDriver->new(master => '127.0.0.1:1', framework => {user => '', name => 'errors'}, scheduler => Mesos::Scheduler->new);
my $here = " at ${\__FILE__} line";

sub error_of {
    my ($code) = @_;
    return eval { $code->(); 1 } ? undef : $@;
}

my $task = {task_id => {value => 1}, slave_id => {value => 2}, name => 'n'};
for my $case (
    [sub { $driver->killTask('t') }, argument => 'killTask', 'taskId', qr/^expected Mesos::TaskID or a hash reference, got "t" \(.*\)$/],
    [sub { $driver->launchTasks([], [$task, undef]) }, argument => 'launchTasks', 'tasks->[1]', qr/^expected Mesos::TaskInfo/],
    [sub { $driver->launchTasks({}, []) }, argument => 'launchTasks', 'offerIds', qr/^expected an array reference/],
    [sub { $driver->killTask }, argument => 'killTask', undef, qr/^Wrong number of parameters; got 0; expected 1 to 2$/],
    [sub { $driver->acknowledgeStatusUpdate({task_id => {value => 1}, state => 1}) }, argument => 'acknowledgeStatusUpdate', undef, qr/^this driver acknowledges implicitly/],
    [sub { $driver->declineOffer({}) }, encode => 'declineOffer', 'Mesos::OfferID.value', qr/^required field is missing$/],
    [sub { $driver->launchTasks([{value => 'o'}], [{%$task, resources => [{name => 'cpus', type => 0, scalar => {value => 'x'}}]}]) },
        encode => 'launchTasks', 'Mesos::TaskInfo.resources[0].scalar.value', qr/^expected a number, got "x"$/],
    [sub { Mesos::TaskID->new({})->encode }, encode => 'encode', 'Mesos::TaskID.value', qr/^required field is missing$/],
    [sub { Mesos::TaskID->decode("\xff") }, decode => 'decode', 'Mesos::TaskID', qr/./],
) {
    my ($code, $kind, $method, $argument, $message) = @$case;
    my $error = error_of($code);
    subtest "$error" => sub {
        isa_ok $error, 'Mesos::Error';
        is $error->code, $kind, 'code';
        is $error->method, $method, 'method';
        is $error->argument, $argument, 'argument';
        like $error->message, $message, 'message';
        is $error->file, __FILE__, 'file';
        like "$error", qr/\Q$here\E @{[$error->line]}\.\n\z/, 'as a string, with file and line';
        is "$error", $error->text, 'text';
        ok $error, 'true';
        ok $error eq $error->text && $error =~ /line/ && length $error, 'works as a string';
        is(Mesos::Error->of($error), $error, 'of leaves it alone');
    };
}

# The other modules, whose methods croak.
my $client = Mesos::Client->new(master => '127.0.0.1:1');
my $runner = Mesos::Runner->new(master => '127.0.0.1:1');
for my $case (
    [sub { $client->tasks(frame => 1) }, argument => 'tasks', 'frame', qr/^unknown argument 'frame': did you mean 'framework'\?$/],
    [sub { $client->update_weights([]) }, argument => 'update_weights', undef, qr/^expected a hash reference of roles and weights, got /],
    [sub { Mesos::Client->new(master => 'h:p') }, argument => 'new', 'master', qr/^expected "host" .* got "h:p" \(bad port\)$/],
    # What the user has written says nothing of the kind.
    [sub { $runner->add({command => 'true', cpus => 'cannot open'}) }, argument => 'add', 'task 0', qr/^cpus: expected a number.*, got "cannot open"$/],
    [sub { Mesos::Dispatcher->new }, error => 'new', undef, qr/^you cannot make a Mesos::Dispatcher/],
    [sub { $runner->add('true', {cpus => 1}) }, argument => 'add', 'task 1', qr/^expected either command or info, got neither$/],
    [sub { Mesos::Resources->new('cpus:2')->take_ports('x') }, argument => 'take_ports', undef, qr/^expected /],
    [sub { Mesos::Offers->new({}) }, argument => 'new', undef, qr/^expected an array reference of offers, got a reference to hash$/],
    [sub { Mesos::Offers->new([])->place([1]) }, argument => 'place', 'tasks->[0]', qr/^expected a Mesos::TaskInfo or a hash reference, got "1"$/],
    [sub { prometheus($driver, 'a b' => 1) }, argument => 'prometheus', undef, qr/^expected the name of a label/],
    [sub { Mesos::TaskID->encode_json({value => {}}) }, encode => 'encode_json', 'Mesos::TaskID.value', qr/^expected a string/],
    [sub { Mesos::TaskID->decode_json('{"value": 1}') }, decode => 'decode_json', 'Mesos::TaskID.value', qr/^expected a string, got 1$/],
    [sub { Mesos::TaskID->decode_json('{}', foo => 1) }, argument => 'decode_json', undef, qr/^there is no option 'foo'/],
    [sub { $driver->dispatcher->timer(1) }, argument => 'timer', undef, qr/^expected /],
    [sub { Mesos::Runner->new(master => '127.0.0.1:1', state_file => '/') }, system => 'new', 'state_file', qr/^cannot open \/: /],
) {
    my ($code, $kind, $method, $argument, $message) = @$case;
    my $error = error_of($code);
    subtest "$error" => sub {
        isa_ok $error, 'Mesos::Error' or return;
        is_deeply [map { $error->$_ } qw(code method argument file)], [$kind, $method, $argument, __FILE__], 'code, method, argument and file';
        like $error->message, $message, 'message';
        like "$error", qr/\Q$here\E @{[$error->line]}\.\n\z/, 'as a string, with file and line';
    };
}

# In a child of the process that made the driver.
pipe my $from, my $to or die "pipe: $!";
my $pid = fork;
die "fork: $!" unless defined $pid;
if (!$pid) {
    my $error = error_of(sub { $driver->killTask({value => 't'}) });
    syswrite $to, eval { $error->code . ' ' . $error->method } || "no object: $error";
    my $of_loop = error_of(sub { $driver->dispatcher->wait(0.1) });
    syswrite $to, eval { ', ' . $of_loop->code . ' ' . $of_loop->method } || ", no object: $of_loop";
    require POSIX;
    POSIX::_exit(0);
}
close $to;
is readline $from, 'forked killTask, forked wait', 'a child of the process';
waitpid $pid, 0;

subtest 'of a text' => sub {
    my $text = error_of(sub { Mesos::SchedulerDriver->new(master => 'non sense', framework => {user => '', name => 'n'}, scheduler => Mesos::Scheduler->new) });
    my $error = Mesos::Error->of("$text");
    is $error->argument, 'master', 'argument';
    is $error->code, 'argument', 'code';
    like $error->message, qr/^expected .*got "non sense"/, 'message';
    is "$error", "$text", 'text';
    my $other = Mesos::Error->of("at a loss\n");
    is_deeply [map { $other->$_ } qw(code method argument message line)], ['error', undef, undef, 'at a loss', undef], 'of something else';
    my $object = bless {}, 'Other';
    is(Mesos::Error->of($object)->cause, $object, 'of another object');
    ok !eval { Mesos::Error->throw(text => "gone\n", code => 'driver', task_id => 't'); 1 }, 'throw';
    is $@->code . $@->task_id . $@, "drivertgone\n", '... with its parts';
};

subtest 'methods with promises' => sub {
    my $error = Mesos::Error->of("launch_p: task: cpus: expected a number, at least 0, got -1 at program.pl line 3.\n");
    is_deeply { map { ($_ => $error->$_) } qw(code method argument message file line) },
        {code => 'argument', method => 'launch_p', argument => 'task', message => 'cpus: expected a number, at least 0, got -1', file => 'program.pl', line => 3}, 'an argument of one';
    $error = Mesos::Error->new(text => "message_p: no answer of the executor 'e'", code => 'timeout');
    is_deeply [$error->method, $error->argument, $error->message], ['message_p', undef, "no answer of the executor 'e'"], 'and nothing wrong with one';
};

done_testing;
