//! Operations on resources, with a made-up clock. Texts and states are those of a real 1.11.0 that the same ACCEPTs were sent to.

mod shared;
mod texts;

use super::tests::{info, master, register, subscribe, told, update, wait};
use super::*;
use crate::local::messages::{KnownOperation, Reregister};
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::offer::operation::{self as part, Type};
use crate::proto::offer::Operation as Wanted;
use crate::proto::resource::{disk_info::Persistence, reservation_info, AllocationInfo, DiskInfo, ReservationInfo};
use crate::proto::scheduler::call::{reconcile_operations, Accept};
use crate::proto::value::Scalar;
use crate::proto::volume::Mode;
use crate::proto::{
    FrameworkInfo, OperationId, OperationState, OperationStatus, Resource, TaskId, TaskInfo, TaskState, Uuid, Volume,
};
use crate::resources::{text::parse, to_text, Resources};
use bytes::Bytes;

const AGENT: &str = "cpus:4;cpus(eng):2;mem:2048;mem(eng):512;disk:4096;ports:[31000-31099]";

/// A framework of the role `eng` that knows refined reservations.
fn framework(id: &str) -> FrameworkInfo {
    FrameworkInfo {
        roles: vec!["eng".into()],
        ..info(id, &[Capability::MultiRole, Capability::ReservationRefinement], true)
    }
}

/// A master with an agent and a framework that has its offer.
fn started() -> Master {
    let mut master = master();
    register(&mut master, 0, AGENT);
    subscribe(&mut master, 1, framework("f"));
    told(&mut master);
    master
}

fn dynamic(role: &str) -> ReservationInfo {
    ReservationInfo {
        r#type: Some(reservation_info::Type::Dynamic as i32),
        role: Some(role.into()),
        ..Default::default()
    }
}

/// `text` with dynamic reservations for `role`.
fn reserved(text: &str, role: &str) -> Vec<Resource> {
    let mut items = parse(text).unwrap();
    items.iter_mut().for_each(|item| item.reservations.push(dynamic(role)));
    items
}

fn volume(id: &str, size: f64) -> Resource {
    let mut item = reserved("disk:1", "eng").remove(0);
    item.scalar = Some(Scalar { value: size });
    item.disk = Some(Box::new(DiskInfo {
        persistence: Some(Persistence {
            id: id.into(),
            principal: None,
        }),
        volume: Some(Volume {
            mode: Mode::Rw as i32,
            container_path: "data".into(),
            ..Default::default()
        }),
        ..Default::default()
    }));
    item
}

fn operation(kind: Type, items: Vec<Resource>) -> Wanted {
    let first = items.first().cloned();
    let mut operation = Wanted {
        r#type: Some(kind as i32),
        ..Default::default()
    };
    match kind {
        Type::Reserve => {
            operation.reserve = Some(part::Reserve {
                resources: items,
                source: Vec::new(),
            });
        }
        Type::Unreserve => operation.unreserve = Some(part::Unreserve { resources: items }),
        Type::Create => operation.create = Some(part::Create { volumes: items }),
        Type::Destroy => operation.destroy = Some(part::Destroy { volumes: items }),
        Type::CreateDisk => {
            operation.create_disk = first.map(|source| part::CreateDisk {
                source,
                ..Default::default()
            });
        }
        _ => {}
    }
    operation
}

fn grow(volume: Resource, addition: Resource) -> Wanted {
    Wanted {
        grow_volume: Some(part::GrowVolume { volume, addition }),
        ..operation(Type::GrowVolume, Vec::new())
    }
}

fn shrink(volume: Resource, subtract: f64) -> Wanted {
    let subtract = Scalar { value: subtract };
    Wanted {
        shrink_volume: Some(part::ShrinkVolume { volume, subtract }),
        ..operation(Type::ShrinkVolume, Vec::new())
    }
}

fn launch(task: &str, resources: Vec<Resource>) -> Wanted {
    let task = TaskInfo {
        name: task.into(),
        task_id: TaskId { value: task.into() },
        slave_id: slave_id("M-S0"),
        resources,
        command: Some(Default::default()),
        ..Default::default()
    };
    Wanted {
        launch: Some(part::Launch { task_infos: vec![task] }),
        ..operation(Type::Launch, Vec::new())
    }
}

/// ACCEPT of the framework's offer; operations that can have ids have `a`, `b` and so on.
fn accept(master: &mut Master, framework: &str, operations: Vec<Wanted>) {
    let offer = master.offers.iter().find(|(_, offer)| offer.framework == framework);
    let value = offer.expect("an offer").0.clone();
    let with_id = |(at, mut operation): (usize, Wanted)| {
        operation.id = (operation.launch.is_none()).then(|| OperationId {
            value: char::from(b'a' + at as u8).to_string(),
        });
        operation
    };
    let accept = Accept {
        offer_ids: vec![crate::proto::OfferId { value }],
        operations: operations.into_iter().enumerate().map(with_id).collect(),
        filters: Some(crate::proto::Filters {
            refuse_seconds: Some(0.0),
        }),
    };
    master.accept(framework, accept);
}

/// What the framework hears of operations, and the agent of anything.
fn heard(master: &mut Master) -> (Vec<String>, Vec<ToAgent>) {
    let (mut events, letters) = told(master);
    events.retain(|event| !event.contains(" offers of "));
    (events, letters)
}

/// The agent has done what it was told to.
fn done(master: &mut Master, letters: &[ToAgent]) {
    for letter in letters {
        if let ToAgent::Apply {
            name,
            framework,
            operation,
        } = letter
        {
            let status = OperationStatus {
                operation_id: operation.id.clone(),
                state: OperationState::OperationFinished as i32,
                uuid: Some(Uuid {
                    value: Bytes::from(name.clone()),
                }),
                ..Default::default()
            };
            let told = KnownOperation {
                name: name.clone(),
                framework: framework.clone(),
                status,
            };
            master.agent_message(0, ToMaster::OperationUpdate(Box::new(told)));
        }
    }
}

/// All of the agent's resources.
fn total(master: &Master) -> String {
    to_text(&master.agents["M-S0"].total, None)
}

#[test]
fn each_operation_of_an_accept_sees_what_the_one_before_did() {
    let mut master = started();
    let eng = |text| reserved(text, "eng");
    accept(
        &mut master,
        "f",
        vec![
            operation(Type::Reserve, eng("cpus:1;disk:100")),
            operation(Type::Create, vec![volume("v", 64.0)]),
            launch(
                "t",
                [eng("cpus:1"), parse("mem:32").unwrap(), vec![volume("v", 64.0)]].concat(),
            ),
            operation(Type::Destroy, vec![volume("v", 64.0)]),
            operation(Type::Unreserve, eng("disk:36")),
            launch("u", parse("disk:4096;mem:32").unwrap()),
        ],
    );
    let (events, letters) = heard(&mut master);
    let place = "on agent M-S0 at slave(1)@127.0.0.1:1 (host)";
    assert_eq!(events[0], format!("1 d OPERATION_ERROR Persistent volumes in use; {place}"));
    assert!(
        events[1].starts_with("1 u TASK_ERROR Total resources disk(allocated: eng):4096; mem(allocated: eng):32 required"),
        "{}",
        events[1]
    );
    assert_eq!((events.len(), letters.len()), (2, 4));
    done(&mut master, &letters);
    let finished = [
        "1 a OPERATION_FINISHED ",
        "1 b OPERATION_FINISHED ",
        "1 e OPERATION_FINISHED ",
    ];
    assert_eq!(heard(&mut master).0, finished);
    let left = "disk:4032; cpus(reservations: [(DYNAMIC,eng)]):1; disk(reservations: [(DYNAMIC,eng)])[v:data]:64";
    let rest = total(&master);
    assert!(left.split("; ").all(|item| rest.contains(item)), "{rest}");
    // What is left is offered again soon: nothing of that was refused.
    wait(&mut master, 1);
    let offered = &master.offers.values().next().expect("an offer").resources;
    assert!(to_text(offered, None).contains("disk:4032"));
    // Reservations stay when the task ends, and when the framework does.
    update(
        &mut master,
        0,
        "f",
        "t",
        TaskState::TaskFinished,
        b"u",
        TaskState::TaskFinished,
    );
    master.remove_framework("f");
    assert_eq!(to_text(&master.agents["M-S0"].free, None).len(), total(&master).len());
    assert!(master.agents["M-S0"].free.contains(&master.agents["M-S0"].total));
}

#[test]
fn a_volume_that_grows_or_shrinks_is_nobodys_until_the_agent_has_done_it() {
    let mut master = started();
    let disk = reserved("disk:100", "eng");
    accept(
        &mut master,
        "f",
        vec![
            operation(Type::Reserve, disk),
            operation(Type::Create, vec![volume("v", 64.0)]),
        ],
    );
    let letters = heard(&mut master).1;
    done(&mut master, &letters);
    wait(&mut master, 1);
    heard(&mut master);
    let more = reserved("disk:10", "eng").remove(0);
    accept(
        &mut master,
        "f",
        vec![grow(volume("v", 64.0), more), shrink(volume("v", 74.0), 4.0)],
    );
    let (events, letters) = heard(&mut master);
    assert!(
        events[0].starts_with("1 b OPERATION_ERROR Invalid SHRINK_VOLUME operation: "),
        "{events:?}"
    );
    assert!(events[0].ends_with("does not contain disk(allocated: eng)(reservations: [(DYNAMIC,eng)])[v:data]:74"));
    wait(&mut master, 1);
    let volumes = |master: &Master| {
        let items = master.offers.values().flat_map(|offer| offer.resources.items().to_vec());
        let volumes: Vec<Resource> = items.filter(|item| item.disk.is_some()).collect();
        to_text(&Resources::new(&volumes), None)
    };
    assert_eq!(volumes(&master), "{}");
    done(&mut master, &letters);
    // Without the rest it is nothing that could be offered.
    master.take_back_offers("f");
    wait(&mut master, 1);
    assert_eq!(volumes(&master), "disk(reservations: [(DYNAMIC,eng)])[v:data]:74");
    accept(&mut master, "f", vec![shrink(volume("v", 74.0), 24.0)]);
    let letters = heard(&mut master).1;
    done(&mut master, &letters);
    // Without the rest it is nothing that could be offered.
    master.take_back_offers("f");
    wait(&mut master, 1);
    assert_eq!(volumes(&master), "disk(reservations: [(DYNAMIC,eng)])[v:data]:50");
    assert_eq!(master.agents["M-S0"].total.scalar("disk"), 4096.0);
}

#[test]
fn refined_reservations_are_for_those_who_know_them() {
    let mut master = master();
    register(&mut master, 0, "cpus(eng):4;mem(eng):512");
    let web = |id, capabilities: &[Capability]| FrameworkInfo {
        roles: vec!["eng/web".into()],
        ..info(id, capabilities, true)
    };
    subscribe(&mut master, 1, web("old", &[Capability::MultiRole]));
    let mut refined = parse("cpus(eng):1").unwrap();
    refined[0] = crate::resources::item::canonical(&refined[0]);
    refined[0].reservations.push(dynamic("eng/web"));
    accept(&mut master, "old", vec![operation(Type::Reserve, refined.clone())]);
    wait(&mut master, 1);
    let of = |master: &Master, id: &str| {
        let offers = master.offers.values().filter(|offer| offer.framework == id);
        offers.map(|offer| offer.resources.scalar("cpus")).sum::<f64>()
    };
    assert_eq!(of(&master, "old"), 3.0);
    subscribe(
        &mut master,
        2,
        web("new", &[Capability::MultiRole, Capability::ReservationRefinement]),
    );
    assert_eq!(of(&master, "new"), 1.0);
    accept(&mut master, "new", vec![operation(Type::Unreserve, refined)]);
    assert_eq!(
        total(&master),
        "cpus(reservations: [(STATIC,eng)]):4; mem(reservations: [(STATIC,eng)]):512"
    );
}

fn reconcile(master: &mut Master, asked: &[(&str, Option<&str>)]) -> Vec<String> {
    heard(master);
    let one = |(id, agent): &(&str, Option<&str>)| reconcile_operations::Operation {
        operation_id: OperationId { value: id.to_string() },
        slave_id: agent.map(slave_id),
        ..Default::default()
    };
    master.reconcile_operations("f", &asked.iter().map(one).collect::<Vec<_>>());
    heard(master).0
}

#[test]
fn operations_are_acknowledged_and_reconciled() {
    let mut master = started();
    accept(&mut master, "f", vec![operation(Type::Reserve, reserved("cpus:1", "eng"))]);
    let letters = heard(&mut master).1;
    assert_eq!(reconcile(&mut master, &[]), ["1 a OPERATION_PENDING "]);
    done(&mut master, &letters);
    done(&mut master, &letters);
    assert_eq!(
        heard(&mut master).0,
        ["1 a OPERATION_FINISHED ", "1 a OPERATION_FINISHED "],
        "and again"
    );
    let known = [("a", None), ("a", Some("M-S0")), ("a", Some("else"))];
    assert_eq!(reconcile(&mut master, &known), ["1 a OPERATION_FINISHED "; 3]);
    let id = OperationId { value: "a".into() };
    master.acknowledge_operation("f", &id, &Bytes::from_static(b"another"));
    assert_eq!(reconcile(&mut master, &[]), ["1 a OPERATION_FINISHED "]);
    let uuid = master.operations.values().next().unwrap().forwarded.clone().unwrap();
    master.acknowledge_operation("g", &id, &uuid);
    master.acknowledge_operation("f", &id, &uuid);
    assert!(matches!(
        heard(&mut master).1.as_slice(),
        [ToAgent::AcknowledgeOperation { .. }]
    ));
    assert_eq!(
        reconcile(&mut master, &[("a", Some("M-S0")), ("a", None), ("a", Some("else"))]),
        [
            "1 a OPERATION_UNKNOWN Reconciliation: Operation is unknown",
            "1 a OPERATION_UNKNOWN Reconciliation: Operation is unknown and no 'agent_id' was provided",
            "1 a OPERATION_UNKNOWN Reconciliation: Both operation and agent are unknown",
        ]
    );
    assert!(reconcile(&mut master, &[]).is_empty());
}

#[test]
fn operations_of_agents_that_are_lost() {
    let mut master = started();
    accept(&mut master, "f", vec![operation(Type::Reserve, reserved("cpus:1", "eng"))]);
    let letters = heard(&mut master).1;
    done(&mut master, &letters);
    wait(&mut master, 15 * 6);
    let events = heard(&mut master).0;
    let unreachable = "1 a OPERATION_UNREACHABLE Agent was marked unreachable".to_string();
    assert!(events.contains(&unreachable), "{events:?}");
    assert_eq!(
        reconcile(&mut master, &[("a", Some("M-S0"))]),
        ["1 a OPERATION_UNREACHABLE Reconciliation: Agent is unreachable"]
    );
    // It comes back with what it has: the reservation, and its update, which is not acknowledged.
    let ToAgent::Apply { name, operation, .. } = &letters[0] else {
        panic!()
    };
    let mut info = crate::proto::SlaveInfo {
        hostname: "host".into(),
        id: Some(slave_id("M-S0")),
        ..Default::default()
    };
    info.resources = [parse("cpus:3;mem:512").unwrap(), reserved("cpus:1", "eng")].concat();
    let status = OperationStatus {
        operation_id: operation.id.clone(),
        state: OperationState::OperationFinished as i32,
        uuid: Some(Uuid {
            value: Bytes::from_static(b"u"),
        }),
        ..Default::default()
    };
    let back = |operations: BTreeSet<String>| {
        let info = info.clone();
        ToMaster::Reregister(Box::new(Reregister {
            info,
            operations,
            ..Default::default()
        }))
    };
    let known = KnownOperation {
        name: name.clone(),
        framework: "f".into(),
        status,
    };
    master.agent_message(0, back([name.clone()].into()));
    master.agent_message(0, ToMaster::OperationUpdate(Box::new(known)));
    assert_eq!(reconcile(&mut master, &[]), ["1 a OPERATION_FINISHED "]);
    // One that it does not name got lost on the way: it will say so.
    master.agent_message(0, back(Default::default()));
    let missing = heard(&mut master).1;
    assert!(missing
        .iter()
        .any(|letter| matches!(letter, ToAgent::MissingOperations { operations } if operations[0].name == *name)));
    assert!(master.mark_gone("M-S0"));
    let events = heard(&mut master).0;
    let gone = "1 a OPERATION_GONE_BY_OPERATOR Agent has been marked gone".to_string();
    assert!(events.contains(&gone), "{events:?}");
    assert_eq!(
        reconcile(&mut master, &[("a", Some("M-S0"))]),
        ["1 a OPERATION_GONE_BY_OPERATOR Reconciliation: Agent marked gone by operator"]
    );
}

#[test]
fn operations_on_invalid_offers_are_errors() {
    let mut master = started();
    let mut reserve = operation(Type::Reserve, reserved("cpus:1", "eng"));
    reserve.id = Some(OperationId { value: "x".into() });
    let accept = Accept {
        offer_ids: vec![crate::proto::OfferId { value: "nope".into() }],
        operations: vec![reserve, operation(Type::Reserve, Vec::new())],
        ..Default::default()
    };
    master.accept("f", accept);
    assert_eq!(
        heard(&mut master).0,
        ["1 x OPERATION_ERROR Operation attempted with invalid offers: Offer nope is no longer valid"]
    );
}
