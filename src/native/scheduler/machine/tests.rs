//! The machine without sockets: a captured session byte by byte, and everything that depends on the clock.

mod losses;
mod surface;

use super::*;
use crate::message::field_number::framework_info;
use crate::native::captures;
use crate::native::protocol::action::{Link, LinkAction};
use crate::native::Endpoint;
use crate::proto;

fn at(seconds: f64) -> Now {
    Now {
        elapsed: Duration::from_secs_f64(seconds),
        wall: 1.7e9 + seconds,
    }
}

fn machine(framework: Vec<u8>, master_timeout: Option<Duration>) -> SchedulerMachine {
    SchedulerMachine::new(Config {
        source: Endpoint::master("127.0.0.1", 15050).into(),
        framework,
        implicit_acknowledgements: true,
        master_timeout,
        window: 256,
        reconcile_on_registration: false,
        store: None,
        known_id: Arc::default(),
        offered: Arc::default(),
        counters: Arc::new(Counters::scheduler()),
        seed: 7,
    })
}

fn named() -> Vec<u8> {
    let mut info = Vec::new();
    fields::append(&mut info, framework_info::USER, b"user");
    fields::append(&mut info, framework_info::NAME, b"name");
    info
}

/// One that has not begun.
pub(super) fn waiting() -> SchedulerMachine {
    machine(named(), None)
}

fn names(actions: &[Action]) -> Vec<&'static str> {
    let emitted = actions.iter().filter_map(|action| match action {
        Action::Emit(emission) => Some(emission.name),
        _ => None,
    });
    emitted.collect()
}

fn opens(actions: &[Action]) -> usize {
    actions
        .iter()
        .filter(|a| matches!(a, Action::Link(LinkAction::Open(Link::Stream, _))))
        .count()
}

/// A response with these records.
fn stream(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n".to_vec();
    for record in records {
        let record = [format!("{}\n", record.len()).as_bytes(), record].concat();
        bytes.extend_from_slice(&[format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat());
    }
    bytes
}

fn subscribed_record(heartbeat: f64) -> Vec<u8> {
    Event {
        kind: Some(EventType::Subscribed as i32),
        subscribed: Some(wire::Subscribed {
            framework_id: Some(fields::id("F").into()),
            heartbeat_interval_seconds: Some(heartbeat),
            master_info: None,
        }),
        ..Default::default()
    }
    .encode_to_vec()
}

/// Subscribed at second 0, actions taken.
fn subscribed() -> SchedulerMachine {
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(0.0));
    assert_eq!(names(&machine.take_actions()), ["registered"]);
    machine
}

/// What the full messages say which callbacks a stream makes: names, and the arguments' bytes.
fn expected(records: &[Vec<u8>]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    use proto::scheduler::event::Type;
    let mut callbacks = Vec::new();
    for record in records {
        let event = proto::scheduler::Event::decode(&record[..]).expect("event");
        callbacks.push(match event.r#type() {
            Type::Subscribed => {
                let subscribed = event.subscribed.expect("subscribed");
                let master = subscribed.master_info.expect("master").encode_to_vec();
                ("registered", vec![subscribed.framework_id.encode_to_vec(), master])
            }
            Type::Offers => {
                let offers = event.offers.expect("offers").offers;
                ("resourceOffers", offers.iter().map(|o| o.encode_to_vec()).collect())
            }
            Type::Rescind => (
                "offerRescinded",
                vec![event.rescind.expect("rescind").offer_id.encode_to_vec()],
            ),
            Type::Update => ("statusUpdate", vec![event.update.expect("update").status.encode_to_vec()]),
            Type::Message => {
                let message = event.message.expect("message");
                let ids = [message.executor_id.encode_to_vec(), message.slave_id.encode_to_vec()];
                ("frameworkMessage", [&ids[..], &[message.data.to_vec()]].concat())
            }
            Type::Failure => {
                let failure = event.failure.expect("failure");
                let agent = failure.slave_id.expect("agent").encode_to_vec();
                match failure.executor_id {
                    Some(executor) => {
                        let status = failure.status.expect("status").to_string().into_bytes();
                        ("executorLost", vec![executor.encode_to_vec(), agent, status])
                    }
                    None => ("slaveLost", vec![agent]),
                }
            }
            Type::InverseOffers => {
                let offers = event.inverse_offers.expect("inverse offers").inverse_offers;
                ("inverseOffers", offers.iter().map(|o| o.encode_to_vec()).collect())
            }
            Type::UpdateOperationStatus => {
                let status = event.update_operation_status.expect("update").status;
                ("operationStatusUpdate", vec![status.encode_to_vec()])
            }
            Type::Error => ("error", vec![event.error.expect("error").message.into_bytes()]),
            _ => continue,
        });
    }
    callbacks
}

#[test]
fn captured_sessions_byte_by_byte() {
    for folder in ["protobuf", "protobuf-command", "protobuf-default-executor", "protobuf-group"] {
        let Some(request) = captures::read(&format!("{folder}/00-SUBSCRIBE.request.http")) else {
            return;
        };
        let response = captures::read(&format!("{folder}/00-SUBSCRIBE.response.http")).expect("response");
        let start = request.windows(4).position(|w| w == b"\r\n\r\n").expect("head") + 4;
        let call = wire::Call::decode(&request[start..]).expect("SUBSCRIBE");
        let mut machine = machine(call.subscribe.expect("subscribe").framework_info, None);
        machine.start(at(0.0));
        machine.opened(Link::Stream, at(0.1));
        let sent = machine.take_actions();
        assert_eq!(
            sent.last(),
            Some(&Action::Link(LinkAction::Send(Link::Stream, request))),
            "{folder}"
        );

        let mut emitted = Vec::new();
        for byte in response.chunks(1) {
            machine.received(Link::Stream, byte, at(0.2));
            for action in machine.take_actions() {
                if let Action::Emit(emission) = action {
                    let args = emission.args.iter().flat_map(|arg| match arg {
                        Arg::Scalar(_, bytes) => vec![bytes.to_vec()],
                        Arg::List(_, items) => items.iter().map(|item| item.to_vec()).collect(),
                    });
                    let uuid = emission.acknowledgement.as_ref().map(|a| a.uuid().to_vec());
                    if let ("statusUpdate", Some(Arg::Scalar(_, status))) = (emission.name, emission.args.first()) {
                        let status = proto::TaskStatus::decode(&status[..]).expect("status");
                        assert_eq!(uuid, status.uuid.map(|u| u.to_vec()), "{folder}");
                    } else if let ("operationStatusUpdate", Some(Arg::Scalar(_, status))) = (emission.name, emission.args.first())
                    {
                        let status = proto::OperationStatus::decode(&status[..]).expect("status");
                        assert_eq!(uuid, status.uuid.map(|u| u.value.to_vec()), "{folder}");
                    }
                    emitted.push((emission.name, args.collect::<Vec<_>>()));
                }
            }
        }
        let mut expected = expected(&captures::records(&format!("{folder}/00-SUBSCRIBE.recordio")));
        let ended = expected.last().map(|(name, _)| *name) == Some("error");
        if !ended && response.ends_with(b"\r\n0\r\n\r\n") {
            // After TEARDOWN the master ended the response.
            expected.push(("disconnected", vec![]));
        }
        assert!(
            emitted == expected,
            "{folder}: {:?}",
            emitted.iter().map(|e| e.0).collect::<Vec<_>>()
        );
        assert_eq!(machine.state == State::Ended, ended, "{folder}");
    }
}

#[test]
fn captured_refusals() {
    for (capture, expected) in [
        ("auth/wrong-password-401", Some("Master refused authentication")),
        ("protobuf/70-SUBSCRIBE-removed", Some("Framework has been removed")),
        ("errors/follower-no-leader-503", None),
        ("errors/notfound", None),
    ] {
        let Some(response) = captures::read(&format!("{capture}.response.http")) else {
            return;
        };
        let mut machine = machine(named(), None);
        machine.start(at(0.0));
        machine.opened(Link::Stream, at(0.0));
        machine.take_actions();
        machine.received(Link::Stream, &response, at(0.1));
        let actions = machine.take_actions();
        match expected {
            Some(message) => {
                assert!(
                    actions.contains(&Action::Emit(Emission::fatal(message))),
                    "{capture}: {actions:?}"
                );
                assert_eq!(actions.last(), Some(&Action::Done));
            }
            None => {
                assert_eq!(names(&actions), [""; 0], "{capture}");
                assert!(machine.deadline().is_some_and(|d| d < Duration::from_secs(1)), "tries again");
            }
        }
    }
    let Some(redirect) = captures::read("errors/follower-subscribe-307.response.http") else {
        return;
    };
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    machine.take_actions();
    machine.received(Link::Stream, &redirect, at(0.1));
    let leader = Endpoint::master("localhost", 15050);
    assert_eq!(
        machine.take_actions().last(),
        Some(&Action::Link(LinkAction::Open(Link::Stream, leader)))
    );
}

#[test]
fn redirects_in_a_circle_end_in_a_pause() {
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    let redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: //127.0.0.1:15050/\r\nContent-Length: 0\r\n\r\n";
    let mut attempts = 0;
    while opens(&machine.take_actions()) > 0 {
        attempts += 1;
        machine.opened(Link::Stream, at(0.0));
        machine.received(Link::Stream, redirect, at(0.0));
    }
    assert_eq!(attempts, 6);
    assert!(machine.deadline().is_some());
}

#[test]
fn a_redirect_for_an_attempt_that_is_given_up_is_not_followed() {
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    machine.take_actions();
    assert_eq!(
        machine.session().deadline(),
        Some(Duration::from_secs(30)),
        "no answer to SUBSCRIBE"
    );
    machine.tick(at(30.0));
    let late = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: //a.example:1/\r\nContent-Length: 0\r\n\r\n";
    machine.received(Link::Stream, late, at(30.0));
    assert_eq!(opens(&machine.take_actions()), 0);
    let next = machine.session().deadline().expect("a next attempt").as_secs_f64();
    machine.tick(at(next));
    machine.received(Link::Stream, late, at(next));
    let again = Action::Link(LinkAction::Open(Link::Stream, Endpoint::master("127.0.0.1", 15050)));
    assert_eq!(machine.take_actions(), [again]);
}

/// A master that has just been elected may need longer than the first attempt waits.
#[test]
fn each_attempt_without_an_answer_waits_longer() {
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    let mut now = 0.0;
    for wanted in [30.0, 60.0, 120.0, 240.0, 240.0] {
        machine.opened(Link::Stream, at(now));
        machine.take_actions();
        let end = machine.session().deadline().expect("an end").as_secs_f64();
        assert!((end - now - wanted).abs() < 1e-6, "{end} after {now}, not {wanted}");
        machine.tick(at(end));
        // That an attempt finds no connection says nothing of the master's speed.
        now = machine.session().deadline().expect("a next attempt").as_secs_f64();
        machine.tick(at(now));
        machine.broken(Link::Stream, "cannot connect: refused".into(), at(now));
        now = machine.session().deadline().expect("a next attempt").as_secs_f64();
        machine.tick(at(now));
    }
    machine.opened(Link::Stream, at(now));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(now + 200.0));
    assert_eq!(names(&machine.take_actions()), ["registered"]);
    // The next time begins anew.
    now += 300.0;
    machine.broken(Link::Stream, "gone".into(), at(now));
    machine.opened(Link::Stream, at(now));
    assert_eq!(machine.session().deadline(), Some(Duration::from_secs_f64(now + 30.0)));
}

#[test]
fn attempts_time_out_and_back_off_to_fifteen_seconds() {
    let mut machine = machine(named(), None);
    machine.start(at(0.0));
    assert_eq!(opens(&machine.take_actions()), 1, "at once");
    let mut now = 0.0;
    let mut pauses = Vec::new();
    for _ in 0..14 {
        // Neither connected nor refused.
        assert_eq!(machine.session().deadline(), Some(Duration::from_secs_f64(now + 10.0)));
        now += 10.0;
        machine.tick(at(now));
        assert_eq!(opens(&machine.take_actions()), 0);
        let next = machine.session().deadline().expect("a next attempt").as_secs_f64();
        pauses.push(next - now);
        now = next;
        machine.tick(at(now));
        assert_eq!(opens(&machine.take_actions()), 1);
    }
    assert!(
        pauses[0] <= 0.2 && pauses[13] >= 7.5 && pauses.iter().all(|p| *p <= 15.0),
        "{pauses:?}"
    );
}

#[test]
fn five_missed_heartbeats_are_a_loss_and_every_byte_counts() {
    let mut machine = subscribed();
    assert_eq!(machine.deadline(), Some(Duration::from_secs(75)));
    machine.received(Link::Stream, b"1", at(70.0));
    machine.tick(at(75.0));
    assert_eq!(names(&machine.take_actions()), [""; 0]);
    assert_eq!(machine.deadline(), Some(Duration::from_secs(145)));
    machine.tick(at(145.0));
    let actions = machine.take_actions();
    assert_eq!(names(&actions), ["disconnected"]);
    assert_eq!(opens(&actions), 1, "the first attempt comes at once");
}

#[test]
fn a_flapping_master_is_not_asked_in_a_tight_loop() {
    let mut machine = subscribed();
    let mut now = 0.0;
    for _ in 0..8 {
        machine.broken(Link::Stream, "gone".into(), at(now));
        assert_eq!(names(&machine.take_actions()), ["disconnected"]);
        now = machine.session().deadline().expect("a next attempt").as_secs_f64();
        machine.tick(at(now));
        machine.opened(Link::Stream, at(now));
        machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(now));
        assert_eq!(names(&machine.take_actions()), ["reregistered"]);
    }
    assert!(now > 8.0, "{now}");
    // A subscription that lasted is renewed at once.
    machine.broken(Link::Stream, "gone".into(), at(now + 6.0));
    assert_eq!(opens(&machine.take_actions()), 1);
}

#[test]
fn the_master_timeout_counts_from_the_loss() {
    let mut machine = machine(named(), Some(Duration::from_secs(30)));
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(29.0));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(29.0));
    machine.broken(Link::Stream, "gone".into(), at(60.0));
    machine.broken(Link::Stream, "cannot connect: refused".into(), at(61.0));
    machine.tick(at(89.9));
    let names_before = names(&machine.take_actions());
    assert_eq!(names_before, ["registered", "disconnected"]);
    machine.broken(Link::Stream, "cannot connect: refused".into(), at(89.9));
    assert_eq!(machine.deadline(), Some(Duration::from_secs(90)));
    machine.tick(at(90.0));
    let error = Emission::fatal("no master at 127.0.0.1:15050 for 30 s: cannot connect: refused");
    assert!(machine.take_actions().contains(&Action::Emit(error)));
}

#[test]
fn launches_that_never_left_are_lost_with_the_connection() {
    let mut machine = subscribed();
    let call = |task: &str| Prepared::Send {
        name: "ACCEPT",
        call: Vec::new(),
        tasks: vec![fields::id(task)],
        offers: vec![],
    };
    machine.command(Command::Call(call("a")), at(1.0));
    assert!(matches!(
        machine.take_actions()[..],
        [Action::Link(LinkAction::Open(Link::Calls, _))]
    ));
    machine.broken(Link::Calls, "refused".into(), at(2.0));
    let actions = machine.take_actions();
    assert_eq!(names(&actions), ["disconnected", "statusUpdate"]);
}

#[test]
fn a_stop_waits_for_the_answer_to_teardown_and_no_longer_than_five_seconds() {
    for answered in [true, false] {
        let mut machine = subscribed();
        machine.command(Command::Stop { failover: false }, at(1.0));
        machine.opened(Link::Calls, at(1.0));
        // The master closes the stream before it answers.
        machine.broken(Link::Stream, "closed".into(), at(1.1));
        let actions = machine.take_actions();
        assert!(!actions.contains(&Action::Done) && names(&actions).is_empty(), "{actions:?}");
        match answered {
            true => machine.received(Link::Calls, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", at(1.2)),
            false => {
                assert_eq!(machine.deadline(), Some(Duration::from_secs(6)));
                machine.tick(at(6.0));
            }
        }
        assert_eq!(machine.take_actions().last(), Some(&Action::Done));
    }
}

#[test]
fn no_heartbeat_interval_breaks_the_clock() {
    for interval in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 1e-300] {
        let mut machine = machine(named(), Some(Duration::MAX));
        machine.start(at(0.0));
        assert!(machine.deadline().is_some());
        machine.opened(Link::Stream, at(0.0));
        machine.received(Link::Stream, &stream(&[subscribed_record(interval)]), at(0.0));
        assert_eq!(names(&machine.take_actions()), ["registered"], "{interval}");
        assert!(
            machine.deadline().is_some_and(|d| d <= Duration::from_secs(5 * 86_400)),
            "{interval}"
        );
    }
}

#[test]
fn damaged_streams_never_panic() {
    let Some(response) = captures::read("protobuf/00-SUBSCRIBE.response.http") else {
        return;
    };
    let mut random = crate::native::protocol::backoff::Random(0x1234_5678_9abc_def1);
    let mut below = |limit: usize| (random.next_fraction() * limit as f64) as usize;
    for _ in 0..3000 {
        let mut damaged = response.clone();
        for _ in 0..1 + below(4) {
            let index = below(damaged.len());
            damaged[index] = below(256) as u8;
        }
        let mut machine = machine(named(), None);
        machine.start(at(0.0));
        machine.opened(Link::Stream, at(0.0));
        for piece in damaged.chunks(1 + below(3000)) {
            machine.received(Link::Stream, piece, at(0.1));
            // Errors come at most once, and nothing comes behind them.
            let actions = machine.take_actions();
            let error = names(&actions).iter().position(|name| *name == "error");
            assert!(error.map_or(true, |index| index + 1 == names(&actions).len()));
        }
    }
}
