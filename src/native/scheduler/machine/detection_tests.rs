//! Leaders that detection finds, loses and changes.

use super::*;
use crate::driver::master::Master;
use crate::native::protocol::action::{Link, LinkAction};
use crate::native::protocol::http;
use crate::native::Endpoint;
use crate::proto;

fn at(elapsed: f64) -> Now {
    Now {
        elapsed: Duration::from_secs_f64(elapsed),
        wall: 1.7e9,
    }
}

fn machine() -> SchedulerMachine {
    let framework = proto::FrameworkInfo {
        user: "u".to_string(),
        name: "n".to_string(),
        ..Default::default()
    };
    let master = Master::parse("zk://u:hush@h:1/mesos").expect("master");
    SchedulerMachine::new(Config {
        source: Source::new(master, |_| None).expect("source"),
        framework: framework.encode_to_vec(),
        implicit_acknowledgements: true,
        master_timeout: Some(Duration::from_secs(60)),
        window: 256,
        reconcile_on_registration: false,
        store: None,
        known_id: Arc::default(),
        offered: Arc::default(),
        counters: Arc::new(Counters::scheduler()),
        seed: 1,
    })
}

/// The hosts that are connected to and the callbacks.
fn seen(machine: &mut SchedulerMachine) -> Vec<String> {
    let told = machine.take_actions().into_iter().filter_map(|action| match action {
        Action::Link(LinkAction::Open(Link::Stream, endpoint)) => Some(endpoint.host),
        Action::Emit(emission) => Some(format!("{}!", emission.name)),
        Action::Detect(source) => Some(source.to_string()),
        _ => None,
    });
    told.collect()
}

fn leader(host: &str) -> Detection {
    Detection::Leader(Endpoint::master(host, 5050))
}

fn subscribe(machine: &mut SchedulerMachine, now: Now) {
    machine.opened(Link::Stream, now);
    // Field numbers of scheduler.Event: type SUBSCRIBED, subscribed { framework_id { value "F" } }.
    let event = [8, 1, 18, 5, 10, 3, 10, 1, b'F'];
    let record = [b"9\n", &event[..]].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        http::PROTOBUF,
        record.len()
    );
    machine.received(Link::Stream, &[head.as_bytes(), &record, b"\r\n"].concat(), now);
}

#[test]
fn one_disconnected_for_each_time_of_being_connected() {
    let mut machine = machine();
    machine.start(at(0.0));
    assert_eq!(seen(&mut machine), ["zk://h:1/mesos"], "nothing to connect to yet");
    machine.detected(Detection::NoLeader("none yet".to_string()), at(1.0));
    assert_eq!(seen(&mut machine), [""; 0]);
    machine.detected(leader("a"), at(2.0));
    assert_eq!(seen(&mut machine), ["a"]);
    // Another one before the first was connected, and while it was.
    machine.detected(leader("b"), at(2.1));
    assert_eq!(seen(&mut machine), ["b"]);
    subscribe(&mut machine, at(2.2));
    assert_eq!(seen(&mut machine), ["registered!"]);
    machine.detected(leader("c"), at(2.3));
    assert_eq!(seen(&mut machine), ["disconnected!", "c"]);
    subscribe(&mut machine, at(2.4));
    assert_eq!(seen(&mut machine), ["reregistered!"]);
    // The connection ends before detection knows why.
    machine.broken(Link::Stream, "reset".to_string(), at(2.5));
    assert_eq!(seen(&mut machine), ["disconnected!"], "a pause first");
    machine.detected(Detection::NoLeader("expired".to_string()), at(2.6));
    machine.tick(at(30.0));
    assert_eq!(seen(&mut machine), [""; 0], "no attempts without a leader");
    machine.detected(leader("c"), at(31.0));
    assert_eq!(seen(&mut machine), ["c"]);
    subscribe(&mut machine, at(31.1));
    assert_eq!(seen(&mut machine), ["reregistered!"]);
}

#[test]
fn the_time_without_a_master_is_limited_and_a_refusal_is_final() {
    let mut waiting = machine();
    waiting.start(at(0.0));
    waiting.detected(Detection::NoLeader("nobody is there".to_string()), at(1.0));
    waiting.take_actions();
    waiting.tick(at(60.0));
    let error = match &waiting.take_actions()[..] {
        [Action::Emit(emission), Action::Done] => emission.clone(),
        other => panic!("{other:?}"),
    };
    let expected = "no master at zk://h:1/mesos for 60 s: no leading master: nobody is there";
    assert_eq!(error, Emission::fatal(expected));

    let mut refused = machine();
    refused.start(at(0.0));
    refused.take_actions();
    refused.detected(Detection::Failed("no permission".to_string()), at(1.0));
    let expected = Action::Emit(Emission::fatal("Failed to detect a master: no permission"));
    assert_eq!(refused.take_actions(), [expected, Action::Done]);
}

#[test]
fn after_an_abort_no_other_leader_is_looked_for() {
    let mut machine = machine();
    machine.start(at(0.0));
    machine.detected(leader("a"), at(0.1));
    subscribe(&mut machine, at(0.2));
    machine.command(Command::Abort, at(0.3));
    machine.take_actions();
    machine.detected(leader("b"), at(0.4));
    assert_eq!(seen(&mut machine), [""; 0]);
}
