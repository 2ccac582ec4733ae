//! The scheduler driver among masters that redirect: to each other, twice, too late, in the middle of a window of calls, in the
//! wrong order. The books of agents and framework are compared in the end, as in tests/native_network_faults.rs.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};
use support::agents::{Agents, Master};
use support::framework::Framework;
use support::proxy::{Proxy, Way};
use support::scheduler::{kill, options, start, subscribe};
use support::{expect, Server};

const SLOW: f64 = 15.0;
/// The watchdog bites after a second.
const FAST: f64 = 0.2;

fn masters<const N: usize>(agents: &Arc<Agents>, heartbeat: f64) -> [Master; N] {
    std::array::from_fn(|_| Master::new(agents, heartbeat))
}

fn address(master: &Master) -> Option<String> {
    Some(master.address().to_string())
}

/// Handles events for so long.
fn pass(framework: &mut Framework, time: Duration) {
    let until = Instant::now() + time;
    framework.until("time", |_| Instant::now() >= until);
}

/// Each call came at most once and in order; how many came.
fn in_order(agents: &Agents, prefix: &str) -> usize {
    let killed = agents.lock().killed.clone();
    let numbers: Vec<usize> = killed
        .iter()
        .filter_map(|k| Some(k.strip_prefix(prefix)?.parse().expect("a number")))
        .collect();
    assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
    numbers.len()
}

#[test]
fn redirects_in_circles_and_to_nowhere_are_survived() {
    let agents = Arc::new(Agents::default());
    let masters: Vec<Master> = (0..2).map(|_| Master::new(&agents, SLOW)).collect();
    let [a, b] = [masters[0].address().to_string(), masters[1].address().to_string()];
    let nowhere = {
        let mut gone = Master::new(&agents, SLOW);
        gone.end();
        gone.address().to_string()
    };
    // Each believes that the other one leads, then that one leads which is gone, then the first that it leads itself.
    masters[0].follow(Some(b.clone()));
    masters[1].follow(Some(a.clone()));
    let mut framework = Framework::start(&a);
    agents.update(0..100);
    let until = Instant::now() + Duration::from_millis(500);
    framework.until("time", |_| Instant::now() >= until);
    assert!(framework.connection.is_empty());
    masters[0].follow(Some(nowhere));
    let until = Instant::now() + Duration::from_millis(500);
    framework.until("time", |_| Instant::now() >= until);
    masters[0].follow(None);
    framework.until("registered", |f| f.registrations() == 1);
    // The leader changes, the old one still redirects to itself for a moment, and both answers come twice.
    masters[0].follow(Some(a));
    framework.until("disconnected", |f| f.connection.len() == 2);
    masters[1].follow(None);
    masters[0].follow(Some(b));
    framework.until("registered again", |f| f.registrations() == 2);
    framework.balance(&agents);
}

/// As gateways write them.
#[test]
fn redirects_to_another_path_of_the_same_server_are_followed() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let mut path = "/master/api/v1/scheduler".to_string();
    for (location, next) in [
        ("/mesos/api/v1/scheduler", "/mesos/api/v1/scheduler"),
        ("../../../m/api/v1/scheduler?a=b", "/m/api/v1/scheduler"),
    ] {
        let mut connection = server.accept();
        assert!(connection.request().head.starts_with(&format!("POST {path} HTTP/1.1")));
        connection.answer("307 Temporary Redirect", &format!("location: {location}\r\n"), "");
        path = next.to_string();
    }
    let (mut stream, request) = subscribe(&server);
    assert!(request.head.starts_with(&format!("POST {path} ")), "{}", request.head);
    expect(&channel, "registered");
    // Calls go there, too.
    driver.call(kill("t")).expect("kill");
    assert!(server.accept().request().head.starts_with(&format!("POST {path} ")));
    stream.chunk(b"0\n");
    driver.close();
}

#[test]
fn circles_that_open_and_redirects_that_come_twice() {
    let agents = Arc::new(Agents::default());
    let [a, b, c] = masters(&agents, SLOW);
    for master in [&a, &b, &c] {
        master.repeat_redirects();
    }
    a.follow(address(&b));
    b.follow(address(&a));
    let mut framework = Framework::start(&a.address().to_string());
    framework.dies = 7;
    agents.update(0..300);
    pass(&mut framework, Duration::from_millis(500));
    assert!(framework.connection.is_empty(), "{:?}", framework.connection);
    // The circle opens, closes around those who were in it, and opens elsewhere.
    a.follow(address(&c));
    b.follow(address(&c));
    framework.until("registered", |f| f.registrations() == 1 && f.delivered.len() > 100);
    c.follow(address(&b));
    framework.until("disconnected", |f| f.connection.len() == 2);
    pass(&mut framework, Duration::from_millis(500));
    assert_eq!(framework.registrations(), 1);
    agents.update(300..600);
    b.follow(None);
    framework.until("every update once", |f| f.delivered.len() == 600);
    // Those whose callbacks died come again.
    b.follow(None);
    framework.balance(&agents);
    assert_eq!(framework.registrations(), 3);
}

/// A window of calls is on its way to a master that steps down in the middle of it.
fn stepping_down(after: usize, newer_first: bool) {
    let agents = Arc::new(Agents::default());
    let [a, b, c] = masters(&agents, SLOW);
    // The last but one leader knows who leads now.
    b.follow(address(&c));
    let proxy = Proxy::new(a.address());
    let mut framework = Framework::start(&proxy.address());
    framework.until("registered", |f| f.registrations() == 1);
    proxy.freeze(Way::ToMaster, true);
    agents.update(0..150);
    framework.until("updates", |f| f.delivered.len() == 150);
    for task in 0..400 {
        framework.driver.call(kill(&format!("first-{task}"))).expect("kill");
    }
    match newer_first {
        true => a.step_down(after, &[&c, &b]),
        false => a.step_down(after, &[&b, &c]),
    }
    proxy.freeze(Way::ToMaster, false);
    framework.until("the new leader", |f| f.registrations() == 2);
    assert!(a.redirected() > 1, "several calls in a row are redirected");
    let (acknowledged, killed) = {
        let ledger = agents.lock();
        (ledger.acknowledged.len(), ledger.killed.len())
    };
    assert_eq!(in_order(&agents, "first-"), killed);
    assert!(acknowledged + killed >= after, "what came before was carried out");
    // What was redirected is not sent again by the driver: the agents send their updates again, and later calls come through.
    for task in 0..400 {
        framework.driver.call(kill(&format!("second-{task}"))).expect("kill");
    }
    framework.until("all later calls", |_| in_order(&agents, "second-") == 400);
    agents.update(150..300);
    framework.balance(&agents);
    assert_eq!(in_order(&agents, "first-"), killed);
    assert_eq!(framework.connection, ["registered", "disconnected", "reregistered"]);
}

#[test]
fn calls_are_redirected_from_the_first_on() {
    stepping_down(0, true);
}

#[test]
fn calls_are_redirected_in_the_middle_of_a_window() {
    stepping_down(100, true);
}

#[test]
fn a_later_redirect_names_an_older_leader() {
    stepping_down(40, false);
}

#[test]
fn redirects_that_come_when_their_connection_is_given_up() {
    let agents = Arc::new(Agents::default());
    let [a, b] = masters(&agents, FAST);
    let proxy = Proxy::new(a.address());
    let mut framework = Framework::start(&proxy.address());
    framework.until("registered", |f| f.registrations() == 1);
    for round in 0..2u64 {
        agents.update(round * 100..round * 100 + 50);
        framework.until("acknowledgements", |_| agents.lock().pending.is_empty());
        framework.dies = 5;
        // Answers pile up in the network: redirects of calls, then, of the next connections, those of SUBSCRIBE.
        proxy.freeze(Way::ToDriver, true);
        a.step_down(0, &[&b]);
        let before = a.redirected();
        for task in 0..20 {
            framework.driver.call(kill(&format!("{round}-{task}"))).expect("kill");
        }
        agents.update(round * 100 + 50..round * 100 + 100);
        let connections = framework.connection.len();
        framework.until("the watchdog", |f| f.connection.len() > connections);
        framework.until("redirects", |_| a.redirected() > before + 20);
        let registrations = framework.registrations();
        proxy.freeze(Way::ToDriver, false);
        framework.until("the other one", |f| f.registrations() > registrations);
        // Back to the first one, for the next round or the end. It sends again what was not acknowledged, but only once: callbacks must
        // not die any more. Which master an update comes from first is a matter of time.
        framework.dies = 0;
        let registrations = framework.registrations();
        a.follow(None);
        b.follow(address(&a));
        framework.until("the first one", |f| f.registrations() > registrations);
        b.follow(None);
    }
    framework.until("every update once", |f| f.delivered.len() == 200);
    a.follow(None);
    framework.balance(&agents);
    assert_eq!(
        in_order(&agents, "0-") + in_order(&agents, "1-"),
        0,
        "redirected calls are carried out by nobody"
    );
}
