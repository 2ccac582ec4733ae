//! What comes together with the end of a connection, of a subscription, or of the framework.

use super::surface::{answer, calls_sent, kinds, launch, resubscribe};
use super::*;

fn update_record() -> Vec<u8> {
    let status = proto::TaskStatus {
        task_id: proto::TaskId { value: "t".into() },
        state: proto::TaskState::TaskRunning as i32,
        ..Default::default()
    };
    let status = Some(status.encode_to_vec().into());
    let event = Event {
        kind: Some(EventType::Update as i32),
        update: Some(wire::Update { status }),
        ..Default::default()
    };
    let event = event.encode_to_vec();
    [format!("{}\n", event.len()).as_bytes(), &event].concat()
}

fn error_record(message: &str) -> Vec<u8> {
    let message = Some(message.as_bytes().to_vec().into());
    let event = Event {
        kind: Some(EventType::Error as i32),
        error: Some(wire::Error { message }),
        ..Default::default()
    };
    let event = event.encode_to_vec();
    let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
    [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat()
}

/// However the network cuts it.
#[test]
fn events_before_the_end_of_the_stream_are_told() {
    for end in [&b"0\r\n\r\n"[..], b"1\r\nx\r\n", b"garbage"] {
        let record = update_record();
        let chunk = [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat();
        for together in [true, false] {
            let mut machine = subscribed();
            if together {
                machine.received(Link::Stream, &[&chunk, end].concat(), at(1.0));
            } else {
                machine.received(Link::Stream, &chunk, at(1.0));
                machine.received(Link::Stream, end, at(1.0));
            }
            assert_eq!(names(&machine.take_actions()), ["statusUpdate", "disconnected"]);
        }
    }
}

#[test]
fn a_refused_update_leaves_the_suppressed_roles() {
    let all = || vec!["*".to_string()];
    // What was suppressed before, what the update says, and a call behind it; what holds in the end.
    for (before, given, behind, after) in [
        (all(), vec![], None, all()),
        (vec![], all(), None, vec![]),
        (vec![], all(), Some(false), all()),
        (all(), vec![], Some(true), vec![]),
    ] {
        let mut machine = subscribed();
        let roles = |revive, roles| Command::Call(Prepared::Roles { revive, roles });
        if !before.is_empty() {
            machine.command(roles(false, before), at(1.0));
            calls_sent(&mut machine, 1.0);
            answer(&mut machine, "202 Accepted", "", 1.0);
        }
        let mut info = named();
        fields::append(&mut info, framework_info::HOSTNAME, b"bad");
        let suppressed = Some(given);
        machine.command(Command::Call(Prepared::Framework { info, suppressed }), at(1.0));
        if let Some(revive) = behind {
            machine.command(roles(revive, vec![]), at(1.0));
        }
        calls_sent(&mut machine, 1.0);
        answer(&mut machine, "400 Bad Request", "FrameworkInfo update is not valid", 1.0);
        assert_eq!(resubscribe(&mut machine, 2.0, |_| ()).suppressed_roles, wire::roles(&after));
    }
}

fn kill_call() -> Prepared {
    Prepared::Send {
        name: "KILL",
        call: Vec::new(),
        tasks: vec![],
        offers: vec![],
    }
}

#[test]
fn an_answer_that_closes_the_connection_is_the_last_that_was_waited_for() {
    let mut machine = subscribed();
    machine.command(Command::Call(kill_call()), at(1.0));
    assert_eq!(calls_sent(&mut machine, 1.0).len(), 1);
    let closes = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    machine.received(Link::Calls, closes, at(2.0));
    machine.take_actions();
    for second in (10..120).step_by(10) {
        let heartbeat = at(f64::from(second));
        machine.resume(heartbeat);
        machine.tick(heartbeat);
        assert_eq!(names(&machine.take_actions()), [""; 0], "{}", machine.last_reason);
    }
}

#[test]
fn the_end_of_a_framework_does_not_wait_behind_a_backlog() {
    let mut machine = subscribed();
    for _ in 0..5000 {
        machine.command(Command::Call(kill_call()), at(1.0));
    }
    assert_eq!(calls_sent(&mut machine, 1.0).len(), WINDOW);
    machine.command(Command::Stop { failover: false }, at(1.1));
    assert_eq!(calls_sent(&mut machine, 1.1).len(), 0);
    for _ in 0..WINDOW {
        answer(&mut machine, "202 Accepted", "", 1.1);
    }
    assert_eq!(kinds(&calls_sent(&mut machine, 1.1)), [CallType::Teardown as i32]);
    answer(&mut machine, "202 Accepted", "", 1.2);
    assert_eq!(machine.take_actions().last(), Some(&Action::Done));
}

/// Each is told of its own answer, also when the first says that the subscription is gone, and the others come a little later.
#[test]
fn answers_behind_a_refusal_are_still_heard() {
    let launches = || {
        let mut machine = subscribed();
        for task in ["a", "b", "c"] {
            machine.command(launch(task), at(1.0));
        }
        calls_sent(&mut machine, 1.0);
        answer(&mut machine, "503 Service Unavailable", "not elected", 2.0);
        machine
    };
    let mut machine = launches();
    assert_eq!(names(&machine.take_actions()), ["statusUpdate"]);
    // Not sent any more; the task is lost with the subscription.
    machine.command(launch("d"), at(2.1));
    assert_eq!(calls_sent(&mut machine, 2.1).len(), 0);
    answer(&mut machine, "503 Service Unavailable", "not elected", 2.2);
    assert_eq!(names(&machine.take_actions()), ["statusUpdate"]);
    answer(&mut machine, "503 Service Unavailable", "not elected", 2.3);
    assert_eq!(
        names(&machine.take_actions()),
        ["statusUpdate", "disconnected", "statusUpdate"]
    );
    // Those that never come are not waited for.
    let mut machine = launches();
    machine.tick(at(2.9));
    assert_eq!(names(&machine.take_actions()), ["statusUpdate"]);
    machine.tick(at(3.0));
    assert_eq!(names(&machine.take_actions()), ["disconnected"]);
    // Nor behind the end of their connection.
    let mut machine = launches();
    machine.broken(Link::Calls, "gone".into(), at(2.5));
    assert_eq!(names(&machine.take_actions()), ["statusUpdate", "disconnected"]);
}

/// The master has given the framework to another driver: the answer to a call may be there before the event that says so. Who subscribes
/// again without that event takes the framework from its successor.
#[test]
fn why_a_subscription_is_gone_is_heard_from_its_stream() {
    for (status, body) in [
        (
            "400 Bad Request",
            "The stream ID 'x' included in this request didn't match the stream ID",
        ),
        ("403 Forbidden", "Framework is not subscribed"),
        ("400 Bad Request", "Framework cannot be found"),
    ] {
        let refused = || {
            let mut machine = subscribed();
            machine.command(Command::Call(kill_call()), at(1.0));
            calls_sent(&mut machine, 1.0);
            answer(&mut machine, status, body, 2.0);
            assert_eq!(names(&machine.take_actions()).len(), 0);
            machine
        };
        let mut machine = refused();
        machine.received(Link::Stream, &error_record("Framework failed over"), at(2.9));
        let actions = machine.take_actions();
        assert_eq!(names(&actions), ["error"], "{body}");
        assert_eq!((opens(&actions), actions.last()), (0, Some(&Action::Done)), "{body}");
        // A stream that says nothing more is not waited for.
        let mut machine = refused();
        machine.tick(at(2.9));
        assert_eq!(names(&machine.take_actions()).len(), 0);
        machine.tick(at(3.0));
        assert_eq!(names(&machine.take_actions()), ["disconnected"], "{body}");
        // One that is not read, because the program has too many events, is.
        let mut machine = refused();
        for tenth in 25..60 {
            let now = at(f64::from(tenth) / 10.0);
            machine.resume(now);
            machine.tick(now);
        }
        assert_eq!(names(&machine.take_actions()).len(), 0);
        machine.broken(Link::Stream, "the end".into(), at(6.1));
        assert_eq!(names(&machine.take_actions()), ["disconnected"], "{body}");
    }
}

fn offers_event(ids: std::ops::Range<u32>) -> Event {
    let offer = |number: u32| {
        let mut offer = Vec::new();
        fields::append(&mut offer, 1, &fields::id(&number.to_string()));
        offer.into()
    };
    Event {
        kind: Some(EventType::Offers as i32),
        offers: Some(wire::Offers {
            offers: ids.map(offer).collect(),
        }),
        ..Default::default()
    }
}

#[test]
fn a_master_that_offers_without_end_is_not_remembered_without_end() {
    let mut machine = subscribed();
    for thousand in 0..1000 {
        machine.event(offers_event(thousand * 1000..thousand * 1000 + 1000), at(1.0));
        machine.take_actions();
    }
    assert_eq!(machine.offers.count(), crate::native::remembered::MAX_COUNT);
    // Nor are the refusals after an abort, which nobody answers.
    machine.command(Command::Abort, at(2.0));
    let mut read = 0;
    while read < 1_000_000 && machine.takes_events() {
        machine.event(offers_event(read..read + 1), at(2.0));
        read += 1;
    }
    assert!(read < 20_000 && machine.session.calls().0 < 20_000, "{read}");
}

/// However long each subscription lives before.
#[test]
fn a_record_that_is_too_long_makes_pauses_that_grow() {
    let mut machine = subscribed();
    let mut time = 0.0;
    for round in 0..8 {
        time += 10.0;
        machine.received(Link::Stream, b"b\r\n268435457\n1\r\n", at(time));
        assert_eq!(names(&machine.take_actions()), ["disconnected"], "round {round}");
        assert!(machine.last_reason.contains("256 MiB"), "{}", machine.last_reason);
        let pause = machine.session.deadline().expect("an attempt").as_secs_f64() - time;
        let full = (0.2 * f64::from(1 << round)).min(15.0);
        assert!(pause >= full / 2.0 - 1e-6 && pause <= full, "round {round}: {pause}");
        time += pause + 1e-6;
        machine.tick(at(time));
        assert_eq!(opens(&machine.take_actions()), 1);
        machine.opened(Link::Stream, at(time));
        machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(time));
        assert_eq!(names(&machine.take_actions()), ["reregistered"]);
    }
}
