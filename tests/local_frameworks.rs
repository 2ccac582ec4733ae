//! Frameworks on the embedded cluster: offers, launches, updates, reconciliation, life cycles.

#[path = "support/local.rs"]
mod local_support;

use local_support::*;
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::call::{self, Type};
use mesos_perl::proto::scheduler::Event;
use mesos_perl::proto::*;
use std::time::Instant;
use TaskState::*;

#[test]
fn roles_show_in_offers_of_those_that_have_several() {
    let cluster = cluster();
    let capabilities = vec![Capability {
        r#type: Some(capability::Type::MultiRole as i32),
    }];
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            capabilities,
            roles: vec!["web".into()],
            ..info("roles")
        },
    );
    let offer = framework.offer();
    let role = |info: &Option<resource::AllocationInfo>| info.as_ref().unwrap().role().to_string();
    assert_eq!(role(&offer.allocation_info), "web");
    assert!(offer.resources.iter().all(|r| role(&r.allocation_info) == "web"));
    let task = framework.command("t", "true");
    framework.launch_on(&offer, vec![task]);
    assert_eq!(framework.story("t").pop().unwrap().0, TaskFinished);
}

#[test]
fn refused_offers_stay_away() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let offer = framework.offer();
    let decline = |seconds| {
        Some(call::Decline {
            offer_ids: vec![offer.id.clone()],
            filters: Some(Filters {
                refuse_seconds: Some(seconds),
            }),
        })
    };
    let started = Instant::now();
    framework.accepted(scheduler::Call {
        decline: decline(1.5),
        ..call(Type::Decline)
    });
    let again = framework.offer();
    assert!(started.elapsed().as_secs_f64() >= 1.5);
    let filters = Some(Filters {
        refuse_seconds: Some(1e6),
    });
    let decline = Some(call::Decline {
        offer_ids: vec![again.id],
        filters,
    });
    framework.accepted(scheduler::Call {
        decline,
        ..call(Type::Decline)
    });
    let started = Instant::now();
    framework.accepted(call(Type::Revive));
    let offer = framework.offer();
    assert!(started.elapsed().as_secs_f64() < 0.9, "REVIVE offers at once");
    // A suppressed framework gets none: the next offer goes to the other.
    framework.accepted(call(Type::Suppress));
    let decline = Some(call::Decline {
        offer_ids: vec![offer.id],
        filters: Some(Filters {
            refuse_seconds: Some(0.0),
        }),
    });
    framework.accepted(scheduler::Call {
        decline,
        ..call(Type::Decline)
    });
    let mut other = Framework::new(&cluster);
    other.offer();
}

#[test]
fn offers_that_are_invalid_lose_the_tasks() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let offer = framework.offer();
    let launch = |framework: &mut Framework, ids: &[&str], task: &str| {
        let task_infos = vec![framework.command(task, "true")];
        let operation = offer::Operation {
            launch: Some(offer::operation::Launch { task_infos }),
            ..Default::default()
        };
        let offer_ids = ids.iter().map(|id| OfferId { value: id.to_string() }).collect();
        let accept = Some(call::Accept {
            offer_ids,
            operations: vec![operation],
            filters: None,
        });
        framework.accepted(scheduler::Call {
            accept,
            ..call(Type::Accept)
        });
        let status = framework.update(task);
        assert_eq!(
            (status.source(), status.reason()),
            (task_status::Source::Master, task_status::Reason::InvalidOffers)
        );
        assert!(status.uuid.is_none());
        (status.state(), status.message().to_string())
    };
    let id = offer.id.value.clone();
    let text = |error: String| (TaskLost, format!("Task launched with invalid offers: {error}"));
    assert_eq!(launch(&mut framework, &[], "a"), text("No offers specified".into()));
    assert_eq!(launch(&mut framework, &["x"], "b"), text("Offer x is no longer valid".into()));
    assert_eq!(
        launch(&mut framework, &[&id, &id], "c"),
        text(format!("Duplicate offer {id} in offer list"))
    );
    // It went back without a filter, so it comes again.
    assert_eq!(
        launch(&mut framework, &[&id], "d"),
        text(format!("Offer {id} is no longer valid"))
    );
    framework.offer();
}

#[test]
fn reconciliation() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    framework.acknowledge = false;
    let task = framework.command("t", "sleep 1000");
    framework.launch(vec![task]);
    let update = framework.update("t");
    framework.acknowledge("t", update.uuid.unwrap().to_vec());
    let update = framework.update("t");
    assert_eq!(update.state(), TaskRunning);
    let agent = framework.agent_id.clone();
    let ask = |framework: &mut Framework, task: &str, slave_id: Option<SlaveId>| {
        let tasks = vec![call::reconcile::Task {
            task_id: TaskId { value: task.into() },
            slave_id,
        }];
        framework.accepted(scheduler::Call {
            reconcile: Some(call::Reconcile { tasks }),
            ..call(Type::Reconcile)
        });
        let status = framework.update(task);
        assert_eq!(
            (status.source(), status.reason()),
            (task_status::Source::Master, task_status::Reason::Reconciliation)
        );
        assert!(status.uuid.is_none());
        (status.state(), status.message().to_string())
    };
    let latest = (TaskRunning, "Reconciliation: Latest task state".to_string());
    assert_eq!(ask(&mut framework, "t", None), latest);
    assert_eq!(
        ask(&mut framework, "x", None),
        (TaskLost, "Reconciliation: Task is unknown".into())
    );
    assert_eq!(
        ask(&mut framework, "x", Some(agent)),
        (TaskLost, "Reconciliation: Task is unknown to the agent".into())
    );
    framework.accepted(scheduler::Call {
        reconcile: Some(call::Reconcile::default()),
        ..call(Type::Reconcile)
    });
    let implicit = framework.update("t");
    assert_eq!((implicit.state(), implicit.message().to_string()), latest);
    framework.kill("nosuch", None);
    assert_eq!(framework.update("nosuch").state(), TaskLost);
}

#[test]
fn updates_come_again_until_they_are_acknowledged() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    framework.acknowledge = false;
    let task = framework.command("t", "true");
    framework.launch(vec![task]);
    let started = Instant::now();
    let first = framework.update("t");
    assert_eq!(first.state(), TaskStarting);
    let again = framework.update("t");
    assert!(started.elapsed().as_secs_f64() > 9.0);
    assert_eq!(again, first, "the same update, not the next one");
    // A wrong uuid acknowledges nothing.
    framework.acknowledge("t", vec![0x11, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    framework.acknowledge("t", first.uuid.unwrap().to_vec());
    assert_eq!(framework.update("t").state(), TaskRunning);
}

#[test]
fn a_second_subscription_takes_over() {
    let cluster = cluster();
    let mut first = Framework::of(
        &cluster,
        FrameworkInfo {
            failover_timeout: Some(60.0),
            ..info("failover")
        },
    );
    first.acknowledge = false;
    let task = first.command("t", "sleep 1000");
    first.launch(vec![task]);
    let update = first.update("t");
    let again = FrameworkInfo {
        id: Some(first.id.clone()),
        failover_timeout: Some(60.0),
        ..info("failover")
    };
    let mut second = Framework::of(&cluster, again);
    assert_eq!(second.id, first.id);
    assert_ne!(second.stream_id, first.stream_id);
    let message = first.find("an ERROR", |event| Some(event.error.as_ref()?.message.clone()));
    assert_eq!(message, "Framework failed over");
    assert!(first.ends());
    assert_eq!(first.post(call(Type::Revive)).status, 400);
    assert_eq!(second.update("t"), update, "sent again at once");
    second.wait_for("t", TaskRunning);
}

#[test]
fn frameworks_end_for_good() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.command("t", "echo $$ > pid; exec sleep 1000");
    framework.launch(vec![task]);
    let pid = number_in(&framework.sandbox(&cluster, "t").join("pid"));
    assert!(is_alive(pid));
    framework.accepted(call(Type::Teardown));
    assert!(framework.ends());
    until("the task is killed", || !is_alive(pid));
    let again = subscribe_call(FrameworkInfo {
        id: Some(framework.id.clone()),
        ..info("test")
    });
    let mut records = Records::open(cluster.address(), "/api/v1/scheduler", cluster.secret(), &again);
    let error: Event = records.next().unwrap();
    assert_eq!(error.error.unwrap().message, "Framework has been removed");
    assert!(records.next::<Event>().is_none());
    // Its resources are for others, maybe in two offers: the agent hears of the end a little later than we saw it.
    let (mut other, mut cpus) = (Framework::new(&cluster), 0.0);
    while cpus < 4.0 {
        cpus += other
            .offer()
            .resources
            .iter()
            .filter(|r| r.name == "cpus")
            .map(|r| r.scalar.unwrap().value)
            .sum::<f64>();
    }
}

#[test]
fn a_closed_stream_is_the_end_without_a_failover_timeout() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.command("t", "echo $$ > pid; exec sleep 1000");
    framework.launch(vec![task]);
    let pid = number_in(&framework.sandbox(&cluster, "t").join("pid"));
    let info = FrameworkInfo {
        failover_timeout: Some(3600.0),
        ..info("patient")
    };
    let mut patient = Framework::of(&cluster, info);
    patient.offer();
    drop(framework);
    until("the task is killed", || !is_alive(pid));
    let authorization = format!("Bearer {}", cluster.secret());
    let id = patient.id.value.clone();
    drop(patient);
    let frameworks = |key: &str| {
        let state = request(
            cluster.address(),
            "GET",
            "/master/state",
            &[("Authorization", &authorization)],
            b"",
        );
        let state: serde_json::Value = serde_json::from_slice(&state.body).unwrap();
        state[key].as_array().unwrap().clone()
    };
    until("the other is disconnected", || {
        frameworks("frameworks")
            .iter()
            .any(|f| f["id"] == id.as_str() && f["connected"] == false)
    });
    assert_eq!(frameworks("completed_frameworks").len(), 1);
    assert_eq!(frameworks("slaves")[0]["resources"]["cpus"], 4.0);
}
