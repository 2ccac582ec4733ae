//! Reservations and persistent volumes of the embedded cluster, with real tasks. Texts and states are those of a real 1.11.0.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::executor::{Executor, COMMAND};
use local_support::*;
use mesos_perl::local::{Cluster, Control, Quota, Window};
use mesos_perl::proto::executor::call as executor_call;
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::offer::operation::{self, Type as Kind};
use mesos_perl::proto::offer::Operation;
use mesos_perl::proto::resource::{disk_info, reservation_info, DiskInfo, ReservationInfo};
use mesos_perl::proto::scheduler::call::{self, Type};
use mesos_perl::proto::{scheduler, MachineId, TimeInfo, Unavailability, Volume};
use mesos_perl::proto::{Filters, FrameworkInfo, Offer, OperationId, OperationState, OperationStatus, Resource, TaskState};
use std::time::Duration;

fn cluster() -> Cluster {
    Cluster::start(config("cpus:2;cpus(eng):1;mem:1024;disk:100;ports:[1-1]")).expect("cluster")
}

fn eng() -> FrameworkInfo {
    let capability = |kind: capability::Type| Capability {
        r#type: Some(kind as i32),
    };
    FrameworkInfo {
        roles: vec!["eng".into()],
        capabilities: vec![
            capability(capability::Type::MultiRole),
            capability(capability::Type::ReservationRefinement),
        ],
        checkpoint: Some(true),
        failover_timeout: Some(1e6),
        ..info("eng")
    }
}

fn reserved(name: &str, value: f64) -> Resource {
    let reservation = ReservationInfo {
        r#type: Some(reservation_info::Type::Dynamic as i32),
        role: Some("eng".into()),
        ..Default::default()
    };
    Resource {
        reservations: vec![reservation],
        ..scalar(name, value)
    }
}

/// 10 MB at `data` of a sandbox.
fn volume(id: &str) -> Resource {
    Resource {
        disk: Some(Box::new(DiskInfo {
            persistence: Some(disk_info::Persistence {
                id: id.into(),
                principal: None,
            }),
            volume: Some(Volume {
                container_path: "data".into(),
                ..Default::default()
            }),
            ..Default::default()
        })),
        ..reserved("disk", 10.0)
    }
}

fn of(kind: Kind, id: &str) -> Operation {
    Operation {
        r#type: Some(kind as i32),
        id: Some(OperationId { value: id.into() }),
        ..Default::default()
    }
}

fn reserve(id: &str) -> Operation {
    Operation {
        reserve: Some(operation::Reserve {
            resources: vec![reserved("disk", 10.0), reserved("cpus", 0.5)],
            ..Default::default()
        }),
        ..of(Kind::Reserve, id)
    }
}

fn create(id: &str) -> Operation {
    let volumes = vec![volume("v")];
    Operation {
        create: Some(operation::Create { volumes }),
        ..of(Kind::Create, id)
    }
}

fn destroy(id: &str) -> Operation {
    let volumes = vec![volume("v")];
    Operation {
        destroy: Some(operation::Destroy { volumes }),
        ..of(Kind::Destroy, id)
    }
}

fn launch(tasks: Vec<mesos_perl::proto::TaskInfo>) -> Operation {
    Operation {
        r#type: Some(Kind::Launch as i32),
        launch: Some(operation::Launch { task_infos: tasks }),
        ..Default::default()
    }
}

fn accept(framework: &mut Framework, offer: &Offer, operations: Vec<Operation>) {
    let accept = Some(call::Accept {
        offer_ids: vec![offer.id.clone()],
        operations,
        filters: Some(Filters {
            refuse_seconds: Some(0.0),
        }),
    });
    framework.accepted(scheduler::Call {
        accept,
        ..call(Type::Accept)
    });
}

/// What the framework hears of an operation.
fn status(framework: &mut Framework, id: &str) -> OperationStatus {
    framework.find(&format!("an update of operation {id}"), |event| {
        let status = &event.update_operation_status.as_ref()?.status;
        (status.operation_id.as_ref()?.value == id).then(|| status.clone())
    })
}

fn acknowledge(framework: &mut Framework, status: OperationStatus) {
    let acknowledge_operation_status = Some(call::AcknowledgeOperationStatus {
        slave_id: status.slave_id,
        uuid: status.uuid.expect("a uuid").value,
        operation_id: status.operation_id.expect("an id"),
        ..Default::default()
    });
    framework.accepted(scheduler::Call {
        acknowledge_operation_status,
        ..call(Type::AcknowledgeOperationStatus)
    });
}

/// The next offer that has all of the agent's disk, without those before it.
fn whole_offer(framework: &mut Framework) -> Offer {
    loop {
        let offer = framework.offer();
        let disks = offer.resources.iter().filter(|item| item.name == "disk");
        let sum: f64 = disks.filter_map(|item| item.scalar).map(|scalar| scalar.value).sum();
        if sum == 100.0 {
            return offer;
        }
        accept(framework, &offer, Vec::new());
    }
}

/// A command that uses the volume.
fn user_of_volume(framework: &Framework, id: &str, command: &str) -> mesos_perl::proto::TaskInfo {
    let mut task = framework.command(id, command);
    task.resources.push(volume("v"));
    task
}

#[test]
fn a_volume_outlives_tasks_agents_and_masters_and_not_its_destruction() {
    let cluster = cluster();
    let mut framework = Framework::of(&cluster, eng());
    let offer = framework.offer();
    let writes = user_of_volume(&framework, "writes", "echo kept > data/file && sleep 0");
    accept(&mut framework, &offer, vec![reserve("r"), create("c"), launch(vec![writes])]);
    for id in ["r", "c"] {
        let finished = status(&mut framework, id);
        assert_eq!(
            (finished.state(), finished.message.clone()),
            (OperationState::OperationFinished, None)
        );
        acknowledge(&mut framework, finished);
    }
    assert_eq!(framework.story("writes").pop().unwrap().0, TaskState::TaskFinished);
    let directory = cluster.work_dir().join("volumes/0/roles/eng/v");
    assert_eq!(std::fs::read_to_string(directory.join("file")).unwrap(), "kept\n");
    // As Mesos, which removes its link before it tells of the end.
    let link = framework.sandbox(&cluster, "writes").join("data");
    assert!(std::fs::symlink_metadata(&link).is_err(), "{}", link.display());
    for control in [
        Control::CrashAgent(0),
        Control::StartAgent(0),
        Control::AdvanceClock(Duration::from_secs(9)),
    ] {
        cluster.control(control);
    }
    whole_offer(&mut framework);
    cluster.control(Control::FailOverMaster);
    let id = Some(framework.id.clone());
    let mut framework = Framework::of(&cluster, FrameworkInfo { id, ..eng() });
    // The master is another one, the agent has its id.
    let offer = whole_offer(&mut framework);
    framework.agent_id = offer.slave_id.clone();
    let has = |item: &Resource| item.disk.as_ref().is_some_and(|disk| disk.persistence.is_some());
    assert_eq!(offer.resources.iter().filter(|item| has(item)).count(), 1);
    let reads = user_of_volume(&framework, "reads", "test \"$(cat data/file)\" = kept");
    accept(&mut framework, &offer, vec![launch(vec![reads]), destroy("in use")]);
    let refused = status(&mut framework, "in use");
    assert!(
        refused.message().starts_with("Persistent volumes in use; on agent "),
        "{refused:?}"
    );
    assert_eq!(framework.story("reads").pop().unwrap().0, TaskState::TaskFinished);
    let offer = whole_offer(&mut framework);
    accept(&mut framework, &offer, vec![destroy("d")]);
    assert_eq!(status(&mut framework, "d").state(), OperationState::OperationFinished);
    assert!(!directory.exists());
    // One of the same name is another one.
    let offer = whole_offer(&mut framework);
    let looks = user_of_volume(&framework, "looks", "test -z \"$(ls data)\"");
    accept(&mut framework, &offer, vec![create("again"), launch(vec![looks])]);
    assert_eq!(framework.story("looks").pop().unwrap().0, TaskState::TaskFinished);
}

#[test]
fn updates_of_operations_come_again_until_they_are_acknowledged() {
    let cluster = cluster();
    let mut framework = Framework::of(&cluster, eng());
    let offer = framework.offer();
    accept(&mut framework, &offer, vec![reserve("r")]);
    let first = status(&mut framework, "r");
    cluster.control(Control::AdvanceClock(Duration::from_secs(11)));
    let second = status(&mut framework, "r");
    assert_eq!(first, second);
    // Also by an agent that crashed, and by way of another master.
    cluster.control(Control::CrashAgent(0));
    cluster.control(Control::StartAgent(0));
    cluster.control(Control::FailOverMaster);
    let id = Some(framework.id.clone());
    let mut framework = Framework::of(&cluster, FrameworkInfo { id, ..eng() });
    cluster.control(Control::AdvanceClock(Duration::from_secs(25)));
    let third = status(&mut framework, "r");
    assert_eq!(first, third);
    let mut bad = first.clone();
    bad.slave_id = None;
    let acknowledge_operation_status = Some(call::AcknowledgeOperationStatus {
        uuid: bad.uuid.clone().unwrap().value,
        operation_id: bad.operation_id.clone().unwrap(),
        ..Default::default()
    });
    let reply = framework.post(scheduler::Call {
        acknowledge_operation_status,
        ..call(Type::AcknowledgeOperationStatus)
    });
    let error = "Failed to validate scheduler::Call: Expecting 'agent_id' to be present";
    assert_eq!((reply.status, reply.text()), (400, error));
    acknowledge(&mut framework, first);
    let reconciled = |framework: &mut Framework| {
        framework.accepted(scheduler::Call {
            reconcile_operations: Some(call::ReconcileOperations {
                operations: vec![call::reconcile_operations::Operation {
                    operation_id: OperationId { value: "r".into() },
                    ..Default::default()
                }],
            }),
            ..call(Type::ReconcileOperations)
        });
        framework.find("an answer", |event| {
            let status = &event.update_operation_status.as_ref()?.status;
            status.uuid.is_none().then(|| status.clone())
        })
    };
    let unknown = reconciled(&mut framework);
    assert_eq!(
        unknown.message(),
        "Reconciliation: Operation is unknown and no 'agent_id' was provided"
    );
}

#[test]
fn tasks_of_a_running_executor_see_their_volumes() {
    let cluster = cluster();
    let mut framework = Framework::of(&cluster, eng());
    let offer = framework.offer();
    let first = framework.task_of("first", "e", COMMAND);
    accept(&mut framework, &offer, vec![reserve("r"), create("c"), launch(vec![first])]);
    let mut executor = Executor::of(&cluster, &framework, "e");
    executor.subscribe(executor_call::Subscribe::default());
    executor.subscribed();
    assert_eq!(executor.launched(), "first");
    let link = framework.sandbox(&cluster, "e").join("data");
    assert!(!link.exists());
    let offer = framework.offer();
    let mut second = framework.task_of("second", "e", COMMAND);
    second.resources.push(volume("v"));
    accept(&mut framework, &offer, vec![launch(vec![second])]);
    assert_eq!(executor.launched(), "second");
    assert!(link.is_dir());
    // As Mesos, which removes it before it tells of the end. The volume and what is in it stay.
    std::fs::write(link.join("file"), "kept").unwrap();
    executor.update("second", TaskState::TaskFinished, 1);
    assert_eq!(framework.update("second").state(), TaskState::TaskFinished);
    assert!(std::fs::symlink_metadata(&link).is_err());
    let offer = framework.offer();
    let mut third = framework.task_of("third", "e", COMMAND);
    third.resources.push(volume("v"));
    accept(&mut framework, &offer, vec![launch(vec![third])]);
    assert_eq!(executor.launched(), "third");
    assert_eq!(std::fs::read_to_string(link.join("file")).unwrap(), "kept");
    // What is no link of ours is not touched.
    std::fs::remove_file(&link).unwrap();
    std::fs::write(&link, "the task's own").unwrap();
    executor.update("third", TaskState::TaskFinished, 2);
    assert_eq!(framework.update("third").state(), TaskState::TaskFinished);
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "the task's own");
}

/// Only root may give volumes away.
#[test]
fn a_volume_belongs_to_who_uses_it() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skip("a_volume_belongs_to_who_uses_it", "only root may give volumes away");
    }
    let cluster = cluster();
    let mut framework = Framework::of(&cluster, eng());
    let offer = framework.offer();
    let mut task = user_of_volume(&framework, "t", "id -u > data/uid");
    task.command.as_mut().unwrap().user = Some("nobody".into());
    accept(&mut framework, &offer, vec![reserve("r"), create("c"), launch(vec![task])]);
    assert_eq!(framework.story("t").pop().unwrap().0, TaskState::TaskFinished);
    let offer = whole_offer(&mut framework);
    let again = user_of_volume(&framework, "u", "test $(cat data/uid) != 0 && test $(stat -c %u data/.) = 0");
    accept(&mut framework, &offer, vec![launch(vec![again])]);
    assert_eq!(framework.story("u").pop().unwrap().0, TaskState::TaskFinished);
}

#[test]
#[allow(deprecated)]
fn frameworks_of_old_see_reservations_of_old() {
    let cluster = cluster();
    let role = Some("eng".to_string());
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            role: role.clone(),
            ..info("old")
        },
    );
    let offer = framework.offer();
    let cpus = |offer: &Offer| {
        let cpus = offer.resources.iter().filter(|item| item.name == "cpus");
        let mut seen: Vec<_> = cpus
            .map(|item| {
                (
                    item.role.clone().unwrap_or_default(),
                    item.reservation.is_some(),
                    item.scalar.unwrap().value,
                )
            })
            .collect();
        seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert!(offer
            .resources
            .iter()
            .all(|item| item.reservations.is_empty() && item.allocation_info.is_none()));
        seen
    };
    assert_eq!(cpus(&offer), [("*".into(), false, 2.0), ("eng".into(), false, 1.0)]);
    let item = Resource {
        role,
        reservation: Some(ReservationInfo::default()),
        ..scalar("cpus", 0.5)
    };
    let operation = Operation {
        id: None,
        reserve: Some(operation::Reserve {
            resources: vec![item],
            ..Default::default()
        }),
        ..of(Kind::Reserve, "")
    };
    accept(&mut framework, &offer, vec![operation]);
    assert_eq!(
        cpus(&framework.offer()),
        [
            ("*".into(), false, 1.5),
            ("eng".into(), false, 1.0),
            ("eng".into(), true, 0.5)
        ]
    );
}

#[test]
fn operators_limit_roles_and_plan_maintenance() {
    let cluster = cluster();
    let limits = [("cpus".to_string(), 1.5)].into();
    let quota = Quota {
        limits,
        ..Default::default()
    };
    cluster.control(Control::UpdateQuotas(vec![("eng".into(), quota)], false));
    let mut framework = Framework::of(&cluster, eng());
    let offer = framework.offer();
    let cpus = offer.resources.iter().filter(|item| item.name == "cpus");
    let cpus: f64 = cpus.filter_map(|item| item.scalar).map(|scalar| scalar.value).sum();
    assert_eq!(cpus, 1.5, "one of them is reserved");
    let machine = MachineId {
        hostname: Some("localhost".into()),
        ip: Some("127.0.0.1".into()),
    };
    let start = TimeInfo { nanoseconds: 1 << 60 };
    let unavailability = Unavailability { start, duration: None };
    let machines = vec![machine.clone()];
    cluster.control(Control::UpdateMaintenance(vec![Window {
        machines,
        unavailability,
    }]));
    assert_eq!(framework.offer().unavailability, Some(unavailability));
    let asked = |framework: &mut Framework| {
        framework.find("an inverse offer", |event| {
            let offers = &event.inverse_offers.as_ref()?.inverse_offers;
            offers.first().cloned()
        })
    };
    let inverse = asked(&mut framework);
    assert_eq!(
        (inverse.unavailability, inverse.slave_id),
        (unavailability, Some(offer.slave_id))
    );
    framework.accepted(scheduler::Call {
        decline_inverse_offers: Some(call::DeclineInverseOffers {
            inverse_offer_ids: vec![inverse.id.clone()],
            filters: Some(Filters {
                refuse_seconds: Some(0.0),
            }),
        }),
        ..call(Type::DeclineInverseOffers)
    });
    assert_ne!(asked(&mut framework).id, inverse.id);
    cluster.control(Control::StartMaintenance(vec![machine]));
    framework.find("the end of the agent", |event| event.failure.clone());
    framework.find("the end of the inverse offer", |event| event.rescind_inverse_offer.clone());
}
