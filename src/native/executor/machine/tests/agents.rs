//! Agents of other versions, and agents that want tokens.

use super::*;

/// The environment that an agent of 0.28 sets, with a captured session from which everything later is removed.
#[test]
fn an_agent_of_0_28() {
    let folder = "protobuf/executor";
    let Some(json) = captures::read(&format!("{folder}/executor-environment.json")) else {
        return;
    };
    let mut all: BTreeMap<String, String> = serde_json::from_slice(&json).expect("JSON");
    // Later: which protocol the command executor speaks. The rest is as in 0.28, which sets these when it checkpoints.
    all.remove("MESOS_HTTP_COMMAND_EXECUTOR");
    for (name, value) in [
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        ("MESOS_NATIVE_JAVA_LIBRARY", "/usr/lib/libmesos-0.28.1.so"),
    ] {
        all.insert(name.to_string(), value.to_string());
    }
    let environment = Environment::read(|name| all.get(name).cloned()).expect("environment");
    assert_eq!(environment.recovery_timeout, Some(Duration::from_secs(900)));
    let mut machine = ExecutorMachine::new(environment, Arc::new(Counters::executor()), 3);
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    let actions = machine.take_actions();
    let request = actions.iter().find_map(|action| match action {
        Action::Link(LinkAction::Send(Link::Stream, bytes)) => Some(bytes),
        _ => None,
    });
    assert!(request
        .expect("SUBSCRIBE")
        .starts_with(b"POST /slave(1)/api/v1/executor HTTP/1.1\r\n"));

    use proto::executor::event::Type;
    let mut stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n".to_vec();
    let mut kinds = Vec::new();
    for record in captures::records(&format!("{folder}/00-SUBSCRIBE.recordio")) {
        let mut event = proto::executor::Event::decode(&record[..]).expect("event");
        if matches!(event.r#type(), Type::Heartbeat | Type::LaunchGroup) {
            continue;
        }
        if let Some(subscribed) = &mut event.subscribed {
            subscribed.container_id = None;
        }
        kinds.push(event.r#type());
        let event = event.encode_to_vec();
        let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
        stream.extend_from_slice(&[format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat());
    }
    assert!(
        kinds.contains(&Type::Acknowledged) && kinds.contains(&Type::Shutdown),
        "{kinds:?}"
    );
    let mut told = Vec::new();
    for byte in stream.chunks(1) {
        machine.received(Link::Stream, byte, at(1.0));
        told.extend(names(&machine.take_actions()));
    }
    let expected = [
        "registered",
        "launchTask",
        "launchTask",
        "frameworkMessage",
        "killTask",
        "shutdown",
    ];
    assert_eq!(told, expected);
}

#[test]
fn captured_refusals_of_tokens() {
    for capture in ["bad-token-401", "no-token-401"] {
        let Some(response) = captures::read(&format!("auth-executor/{capture}.response.http")) else {
            return;
        };
        for subscribes in [true, false] {
            let link = if subscribes { Link::Stream } else { Link::Calls };
            let mut machine = match subscribes {
                true => ExecutorMachine::new(environment(&[]), Arc::new(Counters::executor()), 3),
                false => registered(&[]),
            };
            if subscribes {
                machine.start(at(0.0));
            } else {
                machine.command(update(b"u"), at(0.5));
            }
            machine.opened(link, at(0.5));
            machine.take_actions();
            for byte in response.chunks(1) {
                machine.received(link, byte, at(1.0));
            }
            let actions = machine.take_actions();
            let error = Action::Emit(Emission::fatal("Agent refused authentication"));
            assert!(actions.contains(&error), "{capture}: {actions:?}");
            assert_eq!(actions.last(), Some(&Action::Done));
        }
    }
}

#[test]
fn heartbeats_go_out_every_thirty_minutes_unless_the_agent_is_too_old() {
    let mut machine = registered(&[
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
    ]);
    for round in 1..4 {
        let due = at(1800.0 * f64::from(round));
        assert_eq!(machine.deadline(), Some(due.elapsed));
        machine.tick(due);
        machine.opened(Link::Calls, due);
        let calls = sent(&machine.take_actions());
        let id = |value: &str| Some(fields::id(value));
        let expected = wire::Call {
            kind: Some(proto::executor::call::Type::Heartbeat as i32),
            executor_id: id("E"),
            framework_id: id("F"),
            ..Default::default()
        };
        assert_eq!(calls, [expected]);
        let answer = match round {
            3 => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        };
        machine.received(Link::Calls, answer.as_bytes(), due);
    }
    assert_eq!(machine.deadline(), None);
    assert_eq!(names(&machine.take_actions()), [""; 0]);
    // A newer agent may come back.
    machine.broken(Link::Stream, "gone".into(), at(6000.0));
    let next = machine.deadline().expect("an attempt").as_secs_f64();
    machine.tick(at(next));
    subscribe(&mut machine, next);
    assert_eq!(machine.deadline(), Some(at(next + 1800.0).elapsed));
    machine.command(Command::Stop, at(next));
    assert_eq!(machine.take_actions().last(), Some(&Action::Done));
}
