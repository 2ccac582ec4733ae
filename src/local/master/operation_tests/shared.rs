//! Shared volumes: any number of tasks use one, and it is offered while they do.

use super::*;

/// The same volume, for whoever wants it.
fn shared() -> Resource {
    Resource {
        shared: Some(Default::default()),
        ..volume("v", 64.0)
    }
}

fn knows_shared(id: &str) -> FrameworkInfo {
    let mut info = framework(id);
    info.capabilities.push(crate::proto::framework_info::Capability {
        r#type: Some(Capability::SharedResources as i32),
    });
    info
}

/// A master whose framework `M-0000` has made the volume, and has been offered it.
fn with_volume() -> Master {
    let mut master = master();
    register(&mut master, 0, AGENT);
    subscribe(&mut master, 1, knows_shared("f"));
    told(&mut master);
    let operations = vec![
        operation(Type::Reserve, reserved("disk:64", "eng")),
        operation(Type::Create, vec![shared()]),
    ];
    accept(&mut master, "f", operations);
    let letters = heard(&mut master).1;
    done(&mut master, &letters);
    heard(&mut master);
    wait(&mut master, 1);
    master
}

fn task(name: &str) -> Wanted {
    launch(name, [parse("cpus:0.5").unwrap(), vec![shared()]].concat())
}

/// Who is offered the volume.
fn offered(master: &Master) -> Vec<&str> {
    let has = |offer: &&state::Offer| !offer.resources.shared().is_empty();
    master
        .offers
        .values()
        .filter(has)
        .map(|offer| offer.framework.as_str())
        .collect()
}

fn ends(master: &mut Master, task: &'static str) {
    update(
        master,
        0,
        "f",
        task,
        TaskState::TaskFinished,
        task.as_bytes(),
        TaskState::TaskFinished,
    );
}

fn allocated(master: &Master) -> String {
    let of_role = master.frameworks["f"].allocated.get("eng");
    of_role.map_or("nothing".into(), |resources| to_text(&resources.shared(), None))
}

#[test]
fn tasks_of_one_accept_share_it_and_it_is_offered_meanwhile() {
    let mut master = with_volume();
    assert_eq!(offered(&master), ["f"]);
    accept(&mut master, "f", vec![task("t"), task("u")]);
    let (events, letters) = heard(&mut master);
    assert_eq!((events, letters.len()), (vec![], 2), "both run");
    assert!(allocated(&master).ends_with("64<2>"), "{}", allocated(&master));
    wait(&mut master, 1);
    assert_eq!(offered(&master), ["f"], "others may use it, too");
    accept(&mut master, "f", vec![operation(Type::Destroy, vec![shared()])]);
    let (events, _) = heard(&mut master);
    assert!(
        events[0].starts_with("1 a OPERATION_ERROR Persistent volumes in use; "),
        "{events:?}"
    );
    for name in ["t", "u"] {
        ends(&mut master, name);
    }
    wait(&mut master, 1);
    accept(&mut master, "f", vec![operation(Type::Destroy, vec![shared()])]);
    let letters = heard(&mut master).1;
    done(&mut master, &letters);
    assert!(!total(&master).contains("SHARED"), "{}", total(&master));
    master.remove_framework("f");
    let agent = &master.agents["M-S0"];
    assert!(agent.free.contains(&agent.total) && agent.total.contains(&agent.free));
}

#[test]
fn nobody_else_can_use_it_without_the_capability() {
    let mut master = with_volume();
    accept(&mut master, "f", vec![task("t")]);
    subscribe(&mut master, 2, framework("g"));
    wait(&mut master, 1);
    assert!(master.offers.values().any(|offer| offer.framework == "g") || offered(&master) == ["f"]);
    assert!(!offered(&master).contains(&"g"));
}

#[test]
fn it_goes_to_one_framework_at_a_time() {
    let mut master = with_volume();
    subscribe(&mut master, 2, knows_shared("g"));
    accept(&mut master, "f", vec![task("t")]);
    wait(&mut master, 1);
    assert_eq!(offered(&master).len(), 1);
}

#[test]
fn who_was_offered_a_destroyed_volume_loses_the_offer() {
    let mut master = with_volume();
    // Of the rest of the agent somebody else is to get an offer, with the volume.
    accept(&mut master, "f", vec![launch("t", parse("cpus:1").unwrap())]);
    wait(&mut master, 1);
    let first = offered(&master)[0].to_string();
    assert_eq!(first, "f");
    let all: Vec<_> = master.offers.keys().cloned().collect();
    // It keeps its offer; when the task ends, the other framework is offered its cpus, and the volume again.
    subscribe(&mut master, 2, knows_shared("g"));
    update(
        &mut master,
        0,
        "f",
        "t",
        TaskState::TaskFinished,
        b"1",
        TaskState::TaskFinished,
    );
    wait(&mut master, 1);
    assert_eq!(offered(&master), ["f", "g"]);
    told(&mut master);
    let accept = Accept {
        offer_ids: all.into_iter().map(|value| crate::proto::OfferId { value }).collect(),
        operations: vec![operation(Type::Destroy, vec![shared()])],
        filters: None,
    };
    master.accept("f", accept);
    let events = told(&mut master).0;
    assert!(events.contains(&"2 rescind".to_string()), "{events:?}");
    assert!(offered(&master).is_empty());
}

#[test]
fn what_executors_and_operations_must_not_do_with_it() {
    let mut master = with_volume();
    let mut wanted = task("t");
    let task = &mut wanted.launch.as_mut().unwrap().task_infos[0];
    task.command = None;
    task.executor = Some(Box::new(crate::proto::ExecutorInfo {
        executor_id: crate::proto::ExecutorId { value: "e".into() },
        command: Some(Default::default()),
        resources: vec![shared()],
        ..Default::default()
    }));
    accept(&mut master, "f", vec![wanted]);
    let (events, _) = heard(&mut master);
    let text =
        "1 t TASK_ERROR Executor resources disk(allocated: eng)(reservations: [(DYNAMIC,eng)])[v:data]<SHARED>:64<1> should not";
    assert!(events[0].starts_with(text), "{events:?}");
}
