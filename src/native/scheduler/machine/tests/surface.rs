//! Roles, updates of the framework, late refusals, the stored id, and what v1 adds.

use super::*;
use crate::proto::task_status::Reason;

/// The calls that were sent on the calls' link, which is opened if need be.
pub(super) fn calls_sent(machine: &mut SchedulerMachine, time: f64) -> Vec<wire::Call> {
    let mut actions = machine.take_actions();
    if actions
        .iter()
        .any(|a| matches!(a, Action::Link(LinkAction::Open(Link::Calls, _))))
    {
        machine.opened(Link::Calls, at(time));
        actions.extend(machine.take_actions());
    }
    let sent = actions.iter().flat_map(|action| match action {
        Action::Link(LinkAction::Send(Link::Calls, requests)) => captures::bodies(requests),
        _ => Vec::new(),
    });
    sent.map(|body| wire::Call::decode(body).expect("call")).collect()
}

pub(super) fn kinds(calls: &[wire::Call]) -> Vec<i32> {
    calls.iter().filter_map(|call| call.kind).collect()
}

pub(super) fn launch(task: &str) -> Command {
    Command::Call(Prepared::Send {
        name: "ACCEPT",
        call: Vec::new(),
        tasks: vec![fields::id(task)],
        offers: vec![],
    })
}

pub(super) fn answer(machine: &mut SchedulerMachine, status: &str, body: &str, time: f64) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    machine.received(Link::Calls, head.as_bytes(), at(time));
}

/// Waits for the next attempt and lets it connect; when.
fn reopened(machine: &mut SchedulerMachine, mut time: f64) -> f64 {
    while opens(&machine.take_actions()) == 0 {
        time = machine.deadline().expect("an attempt").as_secs_f64();
        machine.tick(at(time));
    }
    machine.opened(Link::Stream, at(time));
    time
}

/// Has the stream break, and another SUBSCRIBE be answered; what it said.
pub(super) fn resubscribe(
    machine: &mut SchedulerMachine,
    time: f64,
    meanwhile: impl FnOnce(&mut SchedulerMachine),
) -> wire::Subscribe {
    machine.broken(Link::Stream, "gone".into(), at(time));
    meanwhile(machine);
    let time = reopened(machine, time);
    let actions = machine.take_actions();
    let request = actions.iter().find_map(|action| match action {
        Action::Link(LinkAction::Send(Link::Stream, request)) => Some(request),
        _ => None,
    });
    let request = request.expect("SUBSCRIBE");
    let start = request.windows(4).position(|w| w == b"\r\n\r\n").expect("head") + 4;
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(time));
    wire::Call::decode(&request[start..])
        .expect("call")
        .subscribe
        .expect("subscribe")
}

#[test]
fn suppressed_roles_stay_those_of_the_framework_and_are_told_again() {
    let mut machine = subscribed();
    for (revive, roles, expected) in [
        (false, vec!["foreign".to_string()], vec![]),
        (false, vec![], vec!["*"]),
        (true, vec!["*".to_string()], vec![]),
        (false, vec!["*".to_string()], vec!["*"]),
    ] {
        machine.command(Command::Call(Prepared::Roles { revive, roles }), at(1.0));
        assert_eq!(machine.registration.content().1, expected);
    }
    assert_eq!(
        kinds(&calls_sent(&mut machine, 1.0)),
        [12, 12, 5, 12],
        "SUPPRESS, SUPPRESS, REVIVE, SUPPRESS"
    );
    assert_eq!(resubscribe(&mut machine, 2.0, |_| ()).suppressed_roles, [b"*"]);
    assert!(kinds(&calls_sent(&mut machine, 22.0)).is_empty(), "SUBSCRIBE has said all");
}

#[test]
fn calls_without_a_master_are_dropped() {
    let call = || {
        Command::Call(Prepared::Send {
            name: "REQUEST",
            call: wire::Call {
                kind: Some(12),
                ..Default::default()
            }
            .encode_to_vec(),
            tasks: vec![],
            offers: vec![],
        })
    };
    let mut machine = waiting();
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    machine.command(call(), at(0.0));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(0.0));
    assert!(calls_sent(&mut machine, 0.0).is_empty());
    machine.command(call(), at(0.0));
    assert_eq!(kinds(&calls_sent(&mut machine, 0.0)), [12]);
}

#[test]
fn what_changes_without_a_master_is_told_by_update_framework() {
    let mut machine = subscribed();
    let subscribe = resubscribe(&mut machine, 2.0, |machine| {
        let suppress = Prepared::Roles {
            revive: false,
            roles: vec![],
        };
        machine.command(Command::Call(suppress), at(3.0));
        let mut info = named();
        fields::append(&mut info, framework_info::HOSTNAME, b"elsewhere");
        let update = Prepared::Framework { info, suppressed: None };
        machine.command(Command::Call(update), at(3.0));
    });
    assert_eq!(subscribe.suppressed_roles, [b"*"]);
    assert_eq!(kinds(&calls_sent(&mut machine, 22.0)), [17]);
    // A change between SUBSCRIBE and SUBSCRIBED is in neither.
    machine.broken(Link::Stream, "gone".into(), at(40.0));
    let time = reopened(&mut machine, 40.0);
    machine.take_actions();
    let revive = Prepared::Roles {
        revive: true,
        roles: vec![],
    };
    machine.command(Command::Call(revive), at(time));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(time));
    let sent = calls_sent(&mut machine, time);
    assert_eq!(kinds(&sent), [17]);
    let update = sent[0].update_framework.clone().expect("update_framework");
    assert_eq!(update.suppressed_roles, Vec::<Vec<u8>>::new());
    let info = crate::native::wire::FrameworkInfo::decode(&update.framework_info[..]).expect("FrameworkInfo");
    assert_eq!(info.hostname.as_deref(), Some("elsewhere"));
    assert_eq!(
        info.id.and_then(|id| id.value).as_deref(),
        Some("F"),
        "as the call's framework_id"
    );
}

#[test]
fn a_refused_framework_is_not_subscribed_with() {
    let mut machine = subscribed();
    for (hostname, status) in [("good", "200 OK"), ("bad", "400 Bad Request"), ("worse", "403 Forbidden")] {
        let mut info = named();
        fields::append(&mut info, framework_info::HOSTNAME, hostname.as_bytes());
        let update = Prepared::Framework { info, suppressed: None };
        machine.command(Command::Call(update), at(1.0));
        assert_eq!(kinds(&calls_sent(&mut machine, 1.0)), [17]);
        answer(&mut machine, status, "FrameworkInfo update is not valid", 1.0);
        assert!(names(&machine.take_actions()).is_empty(), "the subscription goes on");
    }
    let info = resubscribe(&mut machine, 2.0, |_| ()).framework_info;
    let info = crate::native::wire::FrameworkInfo::decode(&info[..]).expect("FrameworkInfo");
    assert_eq!(info.hostname.as_deref(), Some("good"));
}

#[test]
fn a_late_refusal_is_told_to_the_tasks_of_its_call() {
    for (status, body, reason, callbacks) in [
        (
            "400 Bad Request",
            "Failed to validate",
            Reason::InvalidOffers,
            vec!["statusUpdate"],
        ),
        (
            "403 Forbidden",
            "not subscribed",
            Reason::MasterDisconnected,
            vec!["statusUpdate", "disconnected"],
        ),
        ("502 Bad Gateway", "", Reason::MasterDisconnected, vec!["disconnected"]),
    ] {
        let mut machine = subscribed();
        for task in ["a", "b"] {
            machine.command(launch(task), at(1.0));
        }
        calls_sent(&mut machine, 1.0);
        answer(&mut machine, "202 Accepted", "", 2.0);
        assert!(names(&machine.take_actions()).is_empty());
        answer(&mut machine, status, body, 2.0);
        // The event stream may still say why a subscription is gone.
        machine.tick(at(3.0));
        let actions = machine.take_actions();
        assert_eq!(names(&actions), callbacks, "{status}");
        let update = actions.iter().find_map(|action| match action {
            Action::Emit(Emission {
                name: "statusUpdate",
                args,
                ..
            }) => match &args[0] {
                Arg::Scalar(_, bytes) => proto::TaskStatus::decode(&bytes[..]).ok(),
                Arg::List(..) => None,
            },
            _ => None,
        });
        if let Some(update) = update {
            assert_eq!((update.task_id.value.as_str(), update.reason), ("b", Some(reason as i32)));
            let text = update.message.expect("message");
            assert!(text.contains(body) && text.contains(&status[..3]), "{text}");
            assert_eq!((update.uuid, update.slave_id), (None, None));
        }
    }
}

/// A store that remembers what was done to it.
struct Store(Arc<Mutex<Vec<String>>>);

impl FrameworkIdStore for Store {
    fn load(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn save(&mut self, id: &str) -> Result<(), String> {
        self.0.lock().expect("store").push(format!("save {id}"));
        Ok(())
    }

    fn remove(&mut self) -> Result<(), String> {
        self.0.lock().expect("store").push("remove".to_string());
        Ok(())
    }
}

#[test]
fn the_id_is_stored_and_forgotten_with_the_framework() {
    let error = Event {
        kind: Some(EventType::Error as i32),
        error: Some(wire::Error {
            message: Some(REMOVED.into()),
        }),
        ..Default::default()
    };
    for (end, expected) in [
        ("teardown", vec!["save F", "remove"]),
        ("failover", vec!["save F"]),
        ("no answer", vec!["save F"]),
        ("removed", vec!["save F", "remove"]),
    ] {
        let done = Arc::new(Mutex::new(Vec::new()));
        let mut machine = machine(named(), None);
        machine.config.store = Some(Box::new(Store(Arc::clone(&done))));
        machine.config.reconcile_on_registration = true;
        machine.start(at(0.0));
        machine.opened(Link::Stream, at(0.0));
        machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(0.0));
        assert_eq!(machine.config.known_id.lock().expect("id").as_deref(), Some("F"));
        assert_eq!(kinds(&calls_sent(&mut machine, 0.0)), [9], "RECONCILE after the subscription");
        answer(&mut machine, "202 Accepted", "", 0.5);
        match end {
            "removed" => {
                let record = error.encode_to_vec();
                let record = [format!("{}\n", record.len()).as_bytes(), &record].concat();
                let chunk = [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat();
                machine.received(Link::Stream, &chunk, at(1.0));
                assert_eq!(names(&machine.take_actions()), ["error"]);
            }
            end => {
                machine.command(
                    Command::Stop {
                        failover: end == "failover",
                    },
                    at(1.0),
                );
                if end == "teardown" {
                    answer(&mut machine, "202 Accepted", "", 1.1);
                }
            }
        }
        assert_eq!(*done.lock().expect("store"), expected, "{end}");
    }
}

#[test]
fn v1_events_have_callbacks_of_their_own() {
    let mut machine = subscribed();
    let status = proto::OperationStatus {
        operation_id: Some(proto::OperationId { value: "op".into() }),
        state: 1,
        uuid: Some(proto::Uuid {
            value: vec![7; 16].into(),
        }),
        slave_id: Some(proto::SlaveId { value: "S".into() }),
        ..Default::default()
    };
    let events = [
        Event {
            kind: Some(EventType::InverseOffers as i32),
            inverse_offers: Some(wire::InverseOffers {
                inverse_offers: vec![fields::id("i").into()],
            }),
            ..Default::default()
        },
        Event {
            kind: Some(EventType::RescindInverseOffer as i32),
            rescind_inverse_offer: Some(wire::Rescind {
                offer_id: Some(fields::id("i").into()),
            }),
            ..Default::default()
        },
        Event {
            kind: Some(EventType::UpdateOperationStatus as i32),
            update_operation_status: Some(wire::Update {
                status: Some(status.encode_to_vec().into()),
            }),
            ..Default::default()
        },
    ];
    for event in events {
        machine.record(event.encode_to_vec().into(), at(1.0));
    }
    machine.handle_session_events(at(1.0));
    let actions = machine.take_actions();
    assert_eq!(
        names(&actions),
        ["inverseOffers", "inverseOfferRescinded", "operationStatusUpdate"]
    );
    let Some(Action::Emit(emission)) = actions.last() else {
        panic!("{actions:?}")
    };
    let update = emission.acknowledgement.clone().expect("an acknowledgement");
    machine.command(Command::Acknowledge(update), at(1.0));
    let sent = calls_sent(&mut machine, 1.0);
    assert_eq!(kinds(&sent), [15]);
    let acknowledge = sent[0].acknowledge_operation_status.clone().expect("its content");
    assert_eq!(acknowledge.uuid, Some(vec![7; 16]));
    assert_eq!(acknowledge.operation_id, Some(fields::id("op")));
    assert_eq!(acknowledge.agent_id, Some(fields::id("S")));
}

#[test]
fn after_every_subscription_everything_is_asked_for() {
    let mut machine = machine(named(), None);
    machine.config.reconcile_on_registration = true;
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    machine.received(Link::Stream, &stream(&[subscribed_record(15.0)]), at(0.0));
    assert_eq!(kinds(&calls_sent(&mut machine, 0.0)), [9]);
    for round in 1..4 {
        resubscribe(&mut machine, f64::from(round) * 20.0, |_| ());
        let calls = calls_sent(&mut machine, f64::from(round) * 20.0 + 15.0);
        assert_eq!(kinds(&calls), [9], "after loss {round}");
        assert_eq!(calls[0].reconcile.as_ref().map(|r| r.tasks.len()), Some(0), "all tasks");
    }
}

#[test]
fn calls_without_an_answer_end_the_subscription() {
    let kill = || Prepared::Send {
        name: "KILL",
        call: Vec::new(),
        tasks: vec![],
        offers: vec![],
    };
    // The connection for calls does not come.
    let mut machine = subscribed();
    machine.command(Command::Call(kill()), at(1.0));
    machine.take_actions();
    assert_eq!(machine.deadline(), Some(Duration::from_secs(11)));
    machine.tick(at(11.0));
    assert_eq!(names(&machine.take_actions()), ["disconnected"]);
    // It comes, but no answer within a minute of the last one.
    let mut machine = subscribed();
    for _ in 0..2 {
        machine.command(Command::Call(kill()), at(1.0));
    }
    assert_eq!(calls_sent(&mut machine, 2.0).len(), 2);
    assert_eq!(machine.deadline(), Some(Duration::from_secs(62)));
    answer(&mut machine, "202 Accepted", "", 50.0);
    machine.resume(at(60.0));
    machine.tick(at(62.0));
    assert_eq!(names(&machine.take_actions()), [""; 0]);
    assert_eq!(machine.deadline(), Some(Duration::from_secs(110)));
    machine.tick(at(110.0));
    assert_eq!(names(&machine.take_actions()), ["disconnected"]);
    // After an idle time the connection may be forgotten on the way: a new one, and less patience for its first answer.
    let mut machine = subscribed();
    machine.command(Command::Call(kill()), at(1.0));
    calls_sent(&mut machine, 1.0);
    answer(&mut machine, "202 Accepted", "", 2.0);
    machine.resume(at(61.9));
    machine.command(Command::Call(kill()), at(61.9));
    let actions = machine.take_actions();
    assert!(
        matches!(actions[..], [Action::Link(LinkAction::Send(Link::Calls, _))]),
        "{actions:?}"
    );
    assert_eq!(machine.deadline(), Some(Duration::from_secs_f64(121.9)));
    answer(&mut machine, "202 Accepted", "", 62.0);
    for (call_at, answered) in [(122.0, true), (185.0, false)] {
        machine.resume(at(call_at));
        machine.command(Command::Call(kill()), at(call_at));
        machine.command(Command::Call(kill()), at(call_at));
        let actions = machine.take_actions();
        assert!(
            matches!(actions[..], [Action::Link(LinkAction::Open(Link::Calls, _))]),
            "{actions:?}"
        );
        machine.opened(Link::Calls, at(call_at));
        assert_eq!(calls_sent(&mut machine, call_at).len(), 2);
        assert_eq!(machine.deadline(), Some(Duration::from_secs_f64(call_at + 20.0)));
        if answered {
            answer(&mut machine, "202 Accepted", "", call_at + 1.0);
            assert_eq!(machine.deadline(), Some(Duration::from_secs_f64(call_at + 61.0)));
            answer(&mut machine, "202 Accepted", "", call_at + 2.0);
        }
    }
    machine.tick(at(205.0));
    assert_eq!(names(&machine.take_actions()), ["disconnected"]);
    // With all of them answered there is nothing to wait for.
    let mut machine = subscribed();
    machine.command(Command::Call(kill()), at(1.0));
    calls_sent(&mut machine, 1.0);
    answer(&mut machine, "202 Accepted", "", 2.0);
    assert_eq!(machine.deadline(), Some(Duration::from_secs(75)), "the watchdog's");
}
