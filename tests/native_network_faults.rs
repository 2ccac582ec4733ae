//! The scheduler driver behind a network that fails. In each test masters, agents and the framework count, and the books are
//! compared in the end: no update lost, none acknowledged that no callback took, none delivered more often than sent.

mod support;

use mesos_perl::driver::SchedulerOptions;
use mesos_perl::proto::FrameworkInfo;
use nix::sys::signal::{kill as kill_process, Signal};
use nix::unistd::Pid;
use prost::Message;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::agents::{Agents, Master};
use support::framework::{alone, resident, Framework};
use support::proxy::Way;
use support::scheduler::{kill, options, start, subscribe};
use support::world::{worlds, World, FAST, SLOW};
use support::{expect, text, wait_for, Server};

#[test]
fn cuts_at_any_byte_of_the_event_stream() {
    // A record is about 70 bytes with its chunk, the head of the answer 130.
    worlds(40, |world, number| {
        world.framework.dies = 7;
        for cut in 1..3 {
            let (cuts, base) = (world.proxy.cuts(), 100 * cut as u64);
            world.proxy.cut_after(Way::ToDriver, 1 + number * 7 * cut);
            world.agents.update(base..base + 20);
            let proxy = &world.proxy;
            world.framework.until("the cut", |_| proxy.cuts() > cuts);
        }
        // Those whose callbacks died come again.
        world.framework.until("every update once", |f| f.delivered.len() == 40);
        world.proxy.cut();
    });
}

#[test]
fn cuts_at_any_byte_of_the_calls() {
    worlds(40, |world, number| {
        for cut in 1..3 {
            let (cuts, base) = (world.proxy.cuts(), 100 * cut as u64);
            world.proxy.cut_after(Way::ToMaster, 1 + number * 11 * cut);
            world.agents.update(base..base + 20);
            let proxy = &world.proxy;
            world.framework.until("the cut", |_| proxy.cuts() > cuts);
        }
    });
}

#[test]
fn resets_under_load() {
    worlds(8, |world, number| {
        world.framework.dies = 11;
        for round in 0..3 {
            world.agents.update(round * 500..round * 500 + 500);
            let wanted = round as usize * 400 + number * 20 + 1;
            world.framework.until("some updates", |f| f.delivered.len() >= wanted);
            let seen = world.framework.registrations();
            world.proxy.reset();
            world.registered(seen + 1);
        }
        // Those that died in the last round.
        world.proxy.reset();
        world.framework.until("all updates", |f| f.delivered.len() == 1500);
        world.proxy.reset();
    });
}

#[test]
fn half_open_silence_is_noticed_by_the_watchdog() {
    let mut world = World::new(FAST);
    for round in 0..2u64 {
        world.agents.update(round * 10..round * 10 + 5);
        world
            .framework
            .until("updates", |f| f.delivered.len() as u64 == round * 10 + 5);
        let since = Instant::now();
        world.proxy.freeze(Way::ToDriver, true);
        world.agents.update(round * 10 + 5..round * 10 + 10);
        world
            .framework
            .until("disconnected", |f| f.connection.last().is_some_and(|c| c == "disconnected"));
        assert!(since.elapsed() >= Duration::from_millis(600), "{:?}", since.elapsed());
        world.proxy.freeze(Way::ToDriver, false);
        world.registered(round as usize + 2);
    }
    world.balance();
}

#[test]
fn every_byte_alone_in_both_directions() {
    let mut world = World::new(SLOW);
    for way in [Way::ToDriver, Way::ToMaster] {
        world.proxy.portions(way, Some((1, Duration::ZERO)));
    }
    world.agents.update(0..200);
    world.framework.until("updates", |f| f.delivered.len() == 200);
    // The subscription itself, too.
    world.proxy.cut();
    world.registered(2);
    world.agents.update(200..300);
    world.balance();
}

#[test]
fn chunk_boundaries_at_every_byte() {
    // A record with its length has fewer than 90 bytes: its first chunk ends at each of them once.
    worlds(90, |world, number| {
        world.framework.dies = 5;
        world.master.chunks(number + 1);
        world.proxy.cut();
        world.registered(2);
        world.agents.update(0..100);
        world.framework.until("every update once", |f| f.delivered.len() == 100);
        // Those that died come again, in another stream.
        world.proxy.cut();
    });
}

#[test]
fn a_master_restarts_with_a_full_window_of_calls() {
    let mut world = World::new(SLOW);
    world.master.silent(true);
    for task in 0..1000 {
        world.framework.driver.call(kill(&format!("first-{task}"))).expect("kill");
    }
    world.agents.update(0..600);
    let agents = Arc::clone(&world.agents);
    world.framework.until("a full window", |f| {
        f.delivered.len() == 600 && agents.lock().killed.len() >= 256
    });
    assert_eq!(agents.lock().killed.len(), 256, "the others wait for answers");
    world.master.end();
    world
        .framework
        .until("disconnected", |f| f.connection.last().is_some_and(|c| c == "disconnected"));
    world.master.silent(false);
    world.master.begin();
    world.registered(2);
    // What was not answered is not sent again by the driver; later calls are in order.
    for task in 0..500 {
        world.framework.driver.call(kill(&format!("second-{task}"))).expect("kill");
    }
    world.framework.until("all kills", |_| agents.lock().killed.len() >= 756);
    let killed = agents.lock().killed.clone();
    assert!(killed[..256].iter().enumerate().all(|(i, k)| *k == format!("first-{i}")));
    assert!(killed[256..].iter().enumerate().all(|(i, k)| *k == format!("second-{i}")));
    world.balance();
}

#[test]
fn a_master_that_reads_slowly_gets_every_call_in_order() {
    let mut world = World::new(SLOW);
    world.proxy.portions(Way::ToMaster, Some((700, Duration::from_millis(1))));
    world.agents.update(0..200);
    for task in 0..600 {
        world.framework.driver.call(kill(&task.to_string())).expect("kill");
    }
    let agents = Arc::clone(&world.agents);
    world.framework.until("all kills", |_| agents.lock().killed.len() == 600);
    assert!(agents.lock().killed.iter().enumerate().all(|(i, k)| *k == i.to_string()));
    world.balance();
    assert_eq!(world.framework.connection, ["registered"]);
}

#[test]
fn a_master_that_writes_slowly_is_followed_as_it_writes() {
    // Each portion is far from a record's border, and the whole takes several of the watchdog's times.
    let mut world = World::new(FAST);
    world.framework.dies = 9;
    world.proxy.portions(Way::ToDriver, Some((37, Duration::from_millis(4))));
    world.agents.update(0..300);
    world.framework.until("updates", |f| f.delivered.len() == 300);
    assert_eq!(world.framework.connection, ["registered"], "slow is not silent");
    // Those whose callbacks died come again, and the head of an answer comes slowly, too.
    world.proxy.cut();
    world.registered(2);
    world.proxy.portions(Way::ToDriver, None);
    world.balance();
}

#[test]
fn a_record_that_is_too_long_ends_the_subscription_and_a_long_one_does_not() {
    if !alone("a_record_that_is_too_long_ends_the_subscription_and_a_long_one_does_not") {
        return;
    }
    let mut world = World::new(SLOW);
    let before = resident();
    for (round, length) in ["268435457", "999999999", "99999999999999999999"].into_iter().enumerate() {
        let first = round as u64 * 20;
        world.agents.update(first..first + 10);
        let agents = Arc::clone(&world.agents);
        world.framework.until("quiet", |_| agents.lock().pending.is_empty());
        world.master.next_record(length, 4096);
        world.agents.update(first + 10..first + 20);
        world.registered(round + 2);
    }
    assert!(
        resident().saturating_sub(before) < 32 << 20,
        "nothing is kept for what is announced"
    );
    // As long as it may be told, and some of it: a cut within it is a cut within a record.
    let proxy = &world.proxy;
    let passed = proxy.passed();
    world.agents.update(60..70);
    world.master.next_record("268435456", 30 << 20);
    world.agents.update(70..80);
    world
        .framework
        .until("a part of it", |_| proxy.passed() > passed + (30 << 20));
    assert_eq!(world.framework.registrations(), 4);
    world.proxy.cut();
    world.registered(5);
    // A whole one: an event of a later Mesos, unknown, of 20 MB.
    world.master.unknown_event(20 << 20);
    world.agents.update(80..90);
    world.balance();
    assert_eq!(world.framework.registrations(), 5);
    let grown = resident().saturating_sub(before);
    assert!(grown < 160 << 20, "{grown} bytes more");
}

#[test]
fn a_master_that_stops_reading_for_a_while() {
    let mut world = World::new(SLOW);
    world.proxy.freeze(Way::ToMaster, true);
    world.agents.update(0..5000);
    world.framework.until("all updates", |f| f.delivered.len() == 5000);
    assert!(world.agents.lock().acknowledged.is_empty());
    world.proxy.freeze(Way::ToMaster, false);
    world.balance();
    assert_eq!(world.framework.connection, ["registered"]);
}

#[test]
fn garbage_ends_the_subscription_and_nothing_else() {
    if !alone("garbage_ends_the_subscription_and_nothing_else") {
        return;
    }
    let garbage: [&[u8]; 6] = [
        b"\0\xff\xfe garbage",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"ffffffffffffffffffff\r\n",
        b"3\r\nxyz\r\n",
        // A record of 999,999,999 bytes is announced.
        b"a\r\n999999999\n\r\n",
    ];
    let before = resident();
    worlds(12, |world, number| {
        for round in 0..2 {
            world.agents.update(round * 10..round * 10 + 10);
            // Both connections are open and quiet: the garbage stands between records and between answers.
            let agents = Arc::clone(&world.agents);
            world.framework.until("quiet", |_| agents.lock().pending.is_empty());
            world.proxy.inject(garbage[number % garbage.len()]);
            world.registered(round as usize + 2);
        }
    });
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more");
}

/// By its name the first to start: it spends its time waiting, beside the others.
#[test]
fn a_30_second_refusal() {
    if !alone("a_30_second_refusal") {
        return;
    }
    let mut world = World::new(SLOW);
    world.framework.dies = 3;
    world.agents.update(0..100);
    world.framework.until("updates", |f| f.delivered.len() == 100);
    world.framework.dies = 0;
    let before = resident();
    world.proxy.refuse();
    world.agents.update(100..200);
    world.framework.until("disconnected", |f| f.connection.len() == 2);
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        // Calls of this time are dropped, and nothing is queued for later.
        world.framework.driver.call(kill("nobody")).expect("kill");
        std::thread::sleep(Duration::from_millis(20));
        while world.framework.step() {}
    }
    assert_eq!(world.framework.connection, ["registered", "disconnected"], "told once");
    assert!(resident().saturating_sub(before) < 32 << 20);
    world.proxy.listen();
    // The longest pause is 15 seconds.
    let since = Instant::now();
    world.registered(2);
    assert!(since.elapsed() < Duration::from_secs(18), "{:?}", since.elapsed());
    assert_eq!(world.agents.lock().killed, [""; 0]);
    world.balance();
}

#[test]
fn refused_for_a_while() {
    let mut world = World::new(SLOW);
    for round in 0..2u64 {
        world.agents.update(round * 50..round * 50 + 50);
        world.proxy.refuse();
        world
            .framework
            .until("disconnected", |f| f.connection.len() as u64 == 2 * round + 2);
        // Long enough for several attempts.
        let until = Instant::now() + Duration::from_millis(700);
        world.framework.until("time", |_| Instant::now() >= until);
        world.proxy.listen();
        world.registered(round as usize + 2);
    }
    world.balance();
}

#[test]
fn memory_stays_flat_over_many_updates_and_reconnections() {
    if !alone("memory_stays_flat_over_many_updates_and_reconnections") {
        return;
    }
    let mut world = World::new(SLOW);
    let mut next = 0;
    let mut base = 0;
    for round in 0..30 {
        world.agents.update(next..next + 4000);
        next += 4000;
        let agents = Arc::clone(&world.agents);
        world
            .framework
            .until("all acknowledged", |_| agents.lock().pending.is_empty());
        // The books themselves would grow.
        world.framework.delivered.clear();
        world.framework.handled.clear();
        let mut ledger = agents.lock();
        ledger.sent.clear();
        ledger.acknowledged.clear();
        drop(ledger);
        if round % 8 == 0 {
            let seen = world.framework.registrations();
            world.proxy.cut();
            world.registered(seen + 1);
        }
        if round == 4 {
            base = resident();
        }
    }
    let grown = resident().saturating_sub(base);
    assert!(grown < 32 << 20, "{grown} bytes more after 100,000 updates");
}

#[test]
fn a_framework_that_handles_nothing_does_not_fill_the_memory() {
    if !alone("a_framework_that_handles_nothing_does_not_fill_the_memory") {
        return;
    }
    let mut world = World::new(0.5);
    // Some 50 MB: more than the buffers of all the sockets on the way hold.
    world.agents.update(0..250_000);
    // The driver stops reading; the master is stuck with what the sockets do not hold.
    let (proxy, channel) = (&world.proxy, world.framework.channel.clone());
    let mut before = (proxy.passed(), Instant::now());
    wait_for("the stream to stand still", || {
        if proxy.passed() != before.0 {
            before = (proxy.passed(), Instant::now());
        }
        // Longer than the watchdog's five intervals: it must not take our own silence for the master's.
        (!channel.is_empty() && before.1.elapsed() > Duration::from_secs(3)).then_some(())
    });
    let queued = channel.len();
    assert!(queued > 1000 && queued < 50_000, "{queued} events wait");
    let agents = Arc::clone(&world.agents);
    world.framework.until("all updates", |f| f.delivered.len() == 250_000);
    assert_eq!(world.framework.connection, ["registered"]);
    wait_for("all acknowledgements", || agents.lock().pending.is_empty().then_some(()));
    world.balance();
}

/// The program of the test below: a framework that handles what comes until it is killed.
#[test]
fn framework_process() {
    let Ok(master) = std::env::var(FRAMEWORK_OF) else { return };
    let mut framework = Framework::start(&master);
    framework.until("the end", |_| false);
}

const FRAMEWORK_OF: &str = "MESOS_TEST_FRAMEWORK_OF";

#[test]
fn a_process_that_was_stopped_does_not_take_its_own_pause_for_silence() {
    let agents = Arc::new(Agents::default());
    let master = Master::new(&agents, FAST);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "framework_process", "--nocapture"]);
    let mut child = command
        .env(FRAMEWORK_OF, master.address().to_string())
        .spawn()
        .expect("a framework");
    let pid = Pid::from_raw(child.id() as i32);
    for round in 0..6 {
        agents.update(round..round + 1);
        wait_for("an acknowledgement", || agents.lock().pending.is_empty().then_some(()));
        kill_process(pid, Signal::SIGSTOP).expect("stop");
        let stopped = Instant::now();
        // The subject of the test: longer than the watchdog's five intervals.
        wait_for("the end of the pause", || {
            (stopped.elapsed() > Duration::from_millis(1200)).then_some(())
        });
        kill_process(pid, Signal::SIGCONT).expect("go on");
    }
    agents.update(6..7);
    wait_for("the last acknowledgement", || agents.lock().pending.is_empty().then_some(()));
    let subscriptions = agents.lock().subscriptions;
    child.kill().and_then(|()| child.wait()).expect("the end");
    assert_eq!(subscriptions, 1);
}

/// The number of the fault that needs a watchdog that bites.
const SILENCE: usize = 10;

/// In a circle, to another master, and back.
fn redirects(world: &mut World) {
    let other = Master::new(&world.agents, SLOW);
    world.master.follow(Some(world.proxy.address()));
    world.framework.until("the end", |f| f.connection.len() == 2);
    world.master.follow(Some(other.address().to_string()));
    world.registered(2);
    world.master.follow(None);
    other.follow(Some(world.proxy.address()));
    world.registered(3);
}

/// One life of a driver with a fault in it, by its number.
fn life(world: &mut World, fault: usize) {
    if fault == SILENCE {
        *world = World::new(FAST);
    }
    world.framework.dies = 7;
    world.agents.update(0..400);
    world.framework.until("some updates", |f| f.delivered.len() > 100);
    let agents = Arc::clone(&world.agents);
    match fault {
        0 => world.proxy.cut_after(Way::ToDriver, 1000),
        1 => world.proxy.cut_after(Way::ToMaster, 1000),
        2 => world.proxy.reset(),
        3 => world.proxy.inject(b"\0garbage"),
        4 => world.master.next_record("999999999", 100),
        5 => {
            world.master.silent(true);
            for task in 0..400 {
                world.framework.driver.call(kill(&task.to_string())).expect("kill");
            }
            world.framework.until("a full window", |_| agents.lock().unanswered == 256);
            world.master.end();
            world.framework.until("the end", |f| f.connection.len() == 2);
            world.master.silent(false);
            world.master.begin();
        }
        6 => {
            world.proxy.refuse();
            world.framework.until("the end", |f| f.connection.len() == 2);
            world.proxy.listen();
        }
        7 => {
            for way in [Way::ToDriver, Way::ToMaster] {
                world.proxy.portions(way, Some((300, Duration::from_millis(1))));
            }
            world.framework.until("all of them", |f| f.delivered.len() == 400);
            world.proxy.cut();
        }
        8 => {
            world.proxy.freeze(Way::ToMaster, true);
            world.framework.until("all of them", |f| f.delivered.len() == 400);
            world.proxy.cut();
            world.proxy.freeze(Way::ToMaster, false);
        }
        9 => redirects(world),
        SILENCE => {
            world.proxy.freeze(Way::ToDriver, true);
            world.framework.until("the watchdog", |f| f.connection.len() == 2);
            world.proxy.freeze(Way::ToDriver, false);
        }
        // Chunks and what is read end at every byte.
        _ => {
            world.master.chunks(1);
            for way in [Way::ToDriver, Way::ToMaster] {
                world.proxy.portions(way, Some((1, Duration::ZERO)));
            }
            world.proxy.cut();
            world.registered(2);
            world.framework.until("all of them", |f| f.delivered.len() == 400);
        }
    }
    world.agents.update(400..500);
    world.registered(2);
    world.framework.until("every update once", |f| f.delivered.len() == 500);
    world.proxy.cut();
}

#[test]
fn no_fault_costs_memory() {
    if !alone("no_fault_costs_memory") {
        return;
    }
    const FAULTS: usize = 12;
    worlds(3 * FAULTS, |world, number| life(world, number % FAULTS));
    let before = resident();
    worlds(9 * FAULTS, |world, number| life(world, number % FAULTS));
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more after {} drivers", 9 * FAULTS);
}

#[test]
fn a_master_that_takes_no_acknowledgements_does_not_fill_the_memory() {
    let mut world = World::new(FAST);
    world.proxy.freeze(Way::ToMaster, true);
    world.agents.update(0..100_000);
    let mut before = (0, Instant::now());
    world.framework.until("the updates to stand still", |framework| {
        if framework.delivered.len() != before.0 {
            before = (framework.delivered.len(), Instant::now());
        }
        // Longer than the watchdog's five intervals, as above.
        before.0 > 0 && before.1.elapsed() > Duration::from_millis(1500)
    });
    assert!(before.0 > 1000 && before.0 < 50_000, "{} updates were read", before.0);
    assert!(world.agents.lock().acknowledged.is_empty());
    world.proxy.freeze(Way::ToMaster, false);
    world
        .framework
        .until("all updates", |framework| framework.delivered.len() == 100_000);
    world.balance();
    assert_eq!(world.framework.connection, ["registered"]);
}

/// A limit of threads (`ulimit -u`), which resolving needs.
#[test]
fn without_room_for_a_thread_a_name_is_tried_again() {
    use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
    if !alone("without_room_for_a_thread_a_name_is_tried_again") {
        return;
    }
    if nix::unistd::getuid().is_root() {
        // The limit is not for root.
        nix::unistd::setuid(nix::unistd::Uid::from_raw(54_321)).expect("another user");
    }
    let port = Server::new().port();
    let info = FrameworkInfo {
        user: "u".into(),
        name: "test".into(),
        ..Default::default()
    };
    let start_with = |master_timeout| {
        start(SchedulerOptions {
            master: format!("localhost:{port}"),
            framework: info.encode_to_vec(),
            master_timeout,
            ..options(&Server::new())
        })
    };
    let (patient, registered) = start_with(None);
    let (impatient, failed) = start_with(Some(Duration::from_secs(2)));
    let before = getrlimit(Resource::Nproc);
    let none = Rlimit {
        current: Some(1),
        maximum: before.maximum,
    };
    setrlimit(Resource::Nproc, none).expect("a limit");
    let why = text(&expect(&failed, "error"), 0);
    assert!(why.contains("no thread to resolve localhost"), "{why}");
    setrlimit(Resource::Nproc, before).expect("the limit of before");
    let server = Server::on(&format!("127.0.0.1:{port}")).expect("the port of before");
    let (_stream, _) = subscribe(&server);
    expect(&registered, "registered");
    patient.close();
    impatient.close();
}
