//! What the embedded cluster keeps for those who do not read is bounded: who has more waits, or it is lost where Mesos promises nothing.

#[path = "support/local.rs"]
mod local_support;

use local_support::executor::{Executor, COMMAND};
use local_support::*;
use mesos_perl::local::{Cluster, Config};
use mesos_perl::proto::executor::{call, Call};
use mesos_perl::proto::{scheduler, Label, Labels, TaskInfo, TaskState};
use prost::Message;
use std::io::{BufReader, ErrorKind, Read};
use std::ops::Range;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TIMES: usize = 150;
const MEGABYTE: usize = 1 << 20;
/// A few on each side of the bound, and what the test itself holds.
const BOUND: usize = 64 * MEGABYTE;

/// Runs the test of this name alone in a process of its own, where this is true: its memory is measured.
fn alone(test: &str) -> bool {
    const ALONE: &str = "MESOS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let status = command.args(["--exact", test, "--nocapture"]).env(ALONE, test).status();
    assert!(status.unwrap().success(), "{test}: see above");
    false
}

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn started() -> (Cluster, Framework, Executor) {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.task_of("t", "e", COMMAND);
    framework.launch(vec![task]);
    let mut executor = Executor::of(&cluster, &framework, "e");
    executor.subscribe(call::Subscribe::default());
    executor.subscribed();
    assert_eq!(executor.launched(), "t");
    (cluster, framework, executor)
}

/// Posts `calls` on one connection, each when the one before is answered. How many were, until now and in the end.
fn post_all(executor: &Executor, calls: impl Fn(usize) -> Call + Send + 'static) -> (Arc<AtomicUsize>, JoinHandle<()>) {
    let answered = Arc::new(AtomicUsize::new(0));
    let (count, address) = (answered.clone(), executor.address);
    let authorization = format!("Bearer {}", executor.token);
    let sender = std::thread::spawn(move || {
        let mut connection = BufReader::new(connect(address));
        for number in 0..TIMES {
            let headers = [
                ("Content-Type", "application/x-protobuf"),
                ("Authorization", authorization.as_str()),
            ];
            let body = calls(number).encode_to_vec();
            send(connection.get_mut(), "POST", "/api/v1/executor", &headers, &body);
            assert_eq!(read_head(&mut connection).status, 202);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (answered, sender)
}

/// Returns when all were answered, or when no answer comes any more. Should it only be late, less is tested, and nothing fails.
fn settled(answered: &AtomicUsize) {
    let mut seen = (0, Instant::now());
    until("an end", || {
        let now = answered.load(Ordering::SeqCst);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
        now == TIMES || now > 0 && seen.1.elapsed() > Duration::from_secs(1)
    });
}

#[test]
fn messages_of_an_executor_wait_for_a_framework_that_does_not_read() {
    if !alone("messages_of_an_executor_wait_for_a_framework_that_does_not_read") {
        return;
    }
    let (_cluster, mut framework, executor) = started();
    let before = peak();
    let of_executor = executor.call(call::Type::Message);
    let (answered, sender) = post_all(&executor, move |number| Call {
        message: Some(call::Message {
            data: vec![number as u8; MEGABYTE].into(),
        }),
        ..of_executor.clone()
    });
    settled(&answered);
    for number in 0..TIMES {
        let first = framework.find("a message", |event| event.message.as_ref().map(|m| m.data[0]));
        assert_eq!(first, number as u8, "none is lost, and the order kept");
    }
    sender.join().unwrap();
    let grown = peak() - before;
    println!("{TIMES} messages of 1 MiB: {grown} bytes more");
    assert!(grown < BOUND, "{grown} bytes more");
}

#[test]
fn updates_of_an_executor_wait_for_acknowledgements() {
    if !alone("updates_of_an_executor_wait_for_acknowledgements") {
        return;
    }
    let (_cluster, mut framework, mut executor) = started();
    let before = peak();
    let of_executor = executor.call(call::Type::Update);
    let (answered, sender) = post_all(&executor, move |number| {
        let mut status = Executor::status("t", mesos_perl::proto::TaskState::TaskRunning, number as u8);
        let uuid = [&(number as u32).to_be_bytes()[..], b"\0\0\x40\0\x80\0\0\0\0\0\0\0"].concat();
        status.uuid = Some(uuid.into());
        status.data = Some(vec![number as u8; MEGABYTE].into());
        Call {
            update: Some(call::Update { status }),
            ..of_executor.clone()
        }
    });
    settled(&answered);
    for number in 0..TIMES {
        // Reading acknowledges. One that is waited for long is sent again.
        let first = framework.find("an update", |event| {
            let data = event.update.as_ref()?.status.data.as_ref()?;
            Some(data[0]).filter(|first| *first == number as u8)
        });
        assert_eq!(first, number as u8);
    }
    sender.join().unwrap();
    let grown = peak() - before;
    println!("{TIMES} updates of 1 MiB: {grown} bytes more");
    assert!(grown < BOUND, "{grown} bytes more");
    executor.next(mesos_perl::proto::executor::event::Type::Acknowledged);
}

#[test]
fn messages_to_a_deaf_executor_are_dropped() {
    if !alone("messages_to_a_deaf_executor_are_dropped") {
        return;
    }
    let (_cluster, mut framework, mut executor) = started();
    let before = peak();
    let message = |framework: &Framework, number: u8, length: usize| scheduler::Call {
        message: Some(scheduler::call::Message {
            slave_id: framework.agent_id.clone(),
            executor_id: executor.id.clone(),
            data: vec![number; length].into(),
        }),
        ..call(scheduler::call::Type::Message)
    };
    for number in 0..TIMES {
        let call = message(&framework, number as u8, MEGABYTE);
        framework.accepted(call);
    }
    let grown = peak() - before;
    println!("{TIMES} messages of 1 MiB to a deaf executor: {grown} bytes more");
    assert!(grown < BOUND, "{grown} bytes more");
    // The beginning comes through when it listens again, and so does what is sent then.
    let last = message(&framework, 255, 1);
    let mut numbers = Vec::new();
    loop {
        let event = executor.next(mesos_perl::proto::executor::event::Type::Message);
        let data = event.message.unwrap().data;
        if data.len() == 1 {
            break;
        }
        numbers.push(data[0]);
        if numbers.len() == 4 {
            framework.accepted(last.clone());
        }
    }
    assert!(numbers.len() >= 4 && numbers.len() < TIMES);
    assert!(
        numbers.iter().enumerate().all(|(index, number)| index as u8 == *number),
        "{numbers:?}"
    );
}

/// As a real 1.11.0 passes it on. What is larger is refused, and the answer arrives though the body was not read to its end.
#[test]
fn large_calls_pass_and_larger_ones_are_refused_in_words() {
    if !alone("large_calls_pass_and_larger_ones_are_refused_in_words") {
        return;
    }
    let (_cluster, mut framework, executor) = started();
    let of_executor = executor.call(call::Type::Message);
    let message = |length: usize| Call {
        message: Some(call::Message {
            data: vec![7; length].into(),
        }),
        ..of_executor.clone()
    };
    let body = message(70 * MEGABYTE).encode_to_vec();
    let authorization = format!("Bearer {}", executor.token);
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Authorization", authorization.as_str()),
    ];
    assert_eq!(
        request(executor.address, "POST", "/api/v1/executor", &headers, &body).status,
        202
    );
    let length = framework.find("the message", |event| event.message.as_ref().map(|m| m.data.len()));
    assert_eq!(length, 70 * MEGABYTE);
    let mut status = Executor::status("t", mesos_perl::proto::TaskState::TaskFinished, 9);
    status.data = Some(vec![7; 70 * MEGABYTE].into());
    let update = Call {
        update: Some(call::Update { status }),
        ..executor.call(call::Type::Update)
    };
    let body = update.encode_to_vec();
    assert_eq!(
        request(executor.address, "POST", "/api/v1/executor", &headers, &body).status,
        202
    );
    let length = framework.find("the update", |event| {
        let status = &event.update.as_ref()?.status;
        status
            .data
            .as_ref()
            .map(|data| data.len())
            .filter(|length| *length > MEGABYTE)
    });
    assert_eq!(length, 70 * MEGABYTE);

    let mut connection = connect(executor.address);
    let head = format!("POST /api/v1/executor HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-protobuf\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n\r\n", 300 * MEGABYTE);
    std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
        result => drop(result.unwrap()),
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("256 MiB"), "{answer}");
}

/// Launches so many simulated tasks, each of which takes this time, and waits until all of them are in this state.
fn simulate(framework: &mut Framework, numbers: Range<usize>, time: &str, state: TaskState) {
    const BATCH: usize = 250;
    for first in numbers.step_by(BATCH) {
        let task = |number: usize| {
            let label = Label {
                key: "simulate".into(),
                value: Some(time.into()),
            };
            TaskInfo {
                labels: Some(Labels { labels: vec![label] }),
                ..framework.command(&format!("t{number}"), "true")
            }
        };
        let tasks = (first..first + BATCH).map(task).collect();
        // Not one of those with what a few tasks have given back.
        let offer = framework.find("a large offer", |event| {
            let offer = event.offers.as_ref()?.offers.first()?;
            let cpus = offer.resources.iter().find(|resource| resource.name == "cpus")?;
            (cpus.scalar.as_ref()?.value > 100.0).then(|| offer.clone())
        });
        framework.agent_id = offer.slave_id.clone();
        framework.launch_on(&offer, tasks);
        for _ in 0..BATCH {
            framework.find("a state", |event| {
                let update = event.update.as_ref()?;
                (update.status.state() == state).then_some(())
            });
        }
        // Not the offers, of which the next one is.
        framework.forget_updates();
    }
}

fn simulation() -> Cluster {
    let config = Config {
        simulate: true,
        ..config("cpus:10000;mem:1000000")
    };
    Cluster::start(config).expect("the cluster starts")
}

/// What is remembered of tasks that have ended is bounded.
#[test]
fn tasks_that_have_ended_take_no_more_memory() {
    if !alone("tasks_that_have_ended_take_no_more_memory") {
        return;
    }
    let cluster = simulation();
    let mut framework = Framework::new(&cluster);
    // As many as are remembered, and then some.
    simulate(&mut framework, 0..1500, "0secs", TaskState::TaskFinished);
    let before = peak();
    simulate(&mut framework, 1500..3500, "0secs", TaskState::TaskFinished);
    let grown = peak() - before;
    println!("2000 more tasks: {grown} bytes more");
    assert!(grown < 4 * MEGABYTE, "{grown} bytes more");
}

/// A tenth of a GiB for 10,000 tasks.
#[test]
fn a_task_takes_little_memory_while_it_lives() {
    if !alone("a_task_takes_little_memory_while_it_lives") {
        return;
    }
    const TASKS: usize = 4000;
    let cluster = simulation();
    let mut framework = Framework::new(&cluster);
    simulate(&mut framework, 0..500, "1hrs", TaskState::TaskRunning);
    let before = peak();
    simulate(&mut framework, 500..500 + TASKS, "1hrs", TaskState::TaskRunning);
    let each = (peak() - before) / TASKS;
    println!("{each} bytes for each of {TASKS} tasks that run");
    assert!(each < 10 << 10, "{each} bytes for each");
}

#[test]
fn a_task_takes_little_memory_after_its_end() {
    if !alone("a_task_takes_little_memory_after_its_end") {
        return;
    }
    const TASKS: usize = 1000;
    const FRAMEWORKS: usize = 3;
    let cluster = simulation();
    let run = || {
        let mut framework = Framework::new(&cluster);
        // All of these are remembered.
        simulate(&mut framework, 0..TASKS, "0secs", TaskState::TaskFinished);
        framework.accepted(call(scheduler::call::Type::Teardown));
    };
    run();
    let before = peak();
    (0..FRAMEWORKS).for_each(|_| run());
    let each = (peak() - before) / (TASKS * FRAMEWORKS);
    println!("{each} bytes for each task that has ended");
    assert!(each < 5 << 10, "{each} bytes for each");
}
