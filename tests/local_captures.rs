//! The events of the embedded cluster carry the fields that a real Mesos 1.11 sends, as captured on the wire.
//!
//! The captures are below `MESOS_TEST_SHARED`, by default `../shared`; without them nothing can be compared.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::*;
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::{event, Event};
use mesos_perl::proto::*;
use prost::Message;
use std::collections::BTreeSet;

fn captured() -> Option<Vec<Event>> {
    let shared = std::env::var("MESOS_TEST_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into());
    let path = format!("{shared}/captures/protobuf-command/00-SUBSCRIBE.recordio");
    let Ok(bytes) = std::fs::read(&path) else {
        assert!(std::env::var_os("MESOS_TEST_SHARED").is_none(), "no captures at {path}");
        skip::skip("local_captures", &format!("none at {path}"));
        return None;
    };
    let (mut rest, mut events) = (bytes.as_slice(), Vec::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let length: usize = std::str::from_utf8(&rest[..end]).unwrap().parse().unwrap();
        events.push(Event::decode(&rest[end + 1..end + 1 + length]).unwrap());
        rest = &rest[end + 1 + length..];
    }
    Some(events)
}

/// The names of the set fields of a message, nested ones joined by dots, from its debug text.
fn fields(message: &impl std::fmt::Debug) -> BTreeSet<String> {
    let text = format!("{message:#?}");
    let (mut path, mut fields): (Vec<String>, _) = (Vec::new(), BTreeSet::new());
    for line in text.lines().map(str::trim) {
        let name = line.split_once(": ").map(|(name, _)| name.to_string()).unwrap_or_default();
        let is_set = !name.is_empty() && !line.ends_with(": None,") && !line.ends_with(": [],") && !line.ends_with(": {},");
        if is_set {
            let parts = path.iter().filter(|part| !part.is_empty()).cloned().chain([name.clone()]);
            fields.insert(parts.collect::<Vec<_>>().join("."));
        }
        match line.chars().last() {
            Some('{' | '(' | '[') => path.push(name),
            _ if line.starts_with(['}', ')', ']']) => {
                path.pop();
            }
            _ => {}
        }
    }
    fields
}

#[test]
fn events_have_the_fields_of_the_real_ones() {
    let Some(captured) = captured() else { return };
    let cluster = cluster();
    let capability = |kind: capability::Type| Capability {
        r#type: Some(kind as i32),
    };
    let capabilities = [capability::Type::MultiRole, capability::Type::TaskKillingState]
        .map(capability)
        .to_vec();
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            capabilities,
            roles: vec!["web".into()],
            ..info("captures")
        },
    );
    let offers = framework.find("OFFERS", |event| event.offers.clone());
    let tasks = vec![framework.command("ok", "true"), framework.command("long", "sleep 1000")];
    framework.launch_on(&offers.offers[0], tasks);
    let starting = framework.update("ok");
    let finished = framework.wait_for("ok", TaskState::TaskFinished);
    framework.wait_for("long", TaskState::TaskRunning);
    framework.kill("long", None);
    let killing = framework.update("long");

    let real = |task: &str, state: TaskState| {
        let updates = captured.iter().filter_map(|event| event.update.as_ref());
        let mut found = updates.filter(|u| u.status.task_id.value == task && u.status.state() == state);
        found.next().expect("a captured update").status.clone()
    };
    for (ours, real) in [
        (fields(&starting), fields(&real("ok", TaskState::TaskStarting))),
        (fields(&finished), fields(&real("ok", TaskState::TaskFinished))),
        (fields(&killing), fields(&real("long", TaskState::TaskKilling))),
        (
            fields(&offers),
            fields(captured.iter().find_map(|event| event.offers.as_ref()).unwrap()),
        ),
    ] {
        assert!(real.len() > 5);
        assert_eq!(ours, real);
    }
    assert_eq!(killing.state(), TaskState::TaskKilling);
    assert_eq!(event_type(&captured[0]), event::Type::Subscribed);
}
