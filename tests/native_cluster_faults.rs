//! The scheduler driver behind a failing network, with masters that really run tasks: the embedded cluster, and where
//! MESOS_TEST_MASTER=host:port names one a real Apache Mesos 1.11.

mod support;

use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::local::{Cluster, Config};
use mesos_perl::native;
use mesos_perl::proto::{self, TaskState};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};
use support::proxy::{Proxy, Way};
use support::scheduler::acknowledge;
use support::{list, message};

const TASKS: usize = 24;
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Default)]
struct Book {
    /// The states of each task, as delivered.
    states: BTreeMap<String, Vec<TaskState>>,
    agents: BTreeMap<String, proto::SlaveId>,
    launched: usize,
    connection: Vec<String>,
}

fn is_end(state: &TaskState) -> bool {
    [TaskState::TaskFinished, TaskState::TaskLost, TaskState::TaskDropped].contains(state)
}

impl Book {
    fn finished(&self) -> usize {
        let ended = |states: &&Vec<TaskState>| states.iter().any(is_end);
        self.states.values().filter(ended).count()
    }

    fn registrations(&self) -> usize {
        self.connection.iter().filter(|c| c.ends_with("registered")).count()
    }
}

fn launch(driver: &dyn SchedulerDriver, offer: &proto::Offer, book: &mut Book) {
    let resource = proto::Resource {
        name: "cpus".into(),
        r#type: proto::value::Type::Scalar as i32,
        scalar: Some(proto::value::Scalar { value: 0.05 }),
        ..Default::default()
    };
    let mut tasks = Vec::new();
    while tasks.len() < 8 && book.launched < TASKS {
        let name = format!("task-{}", book.launched);
        book.launched += 1;
        book.agents.insert(name.clone(), offer.slave_id.clone());
        let task = proto::TaskInfo {
            name: name.clone(),
            task_id: proto::TaskId { value: name },
            slave_id: offer.slave_id.clone(),
            resources: vec![resource.clone()],
            command: Some(proto::CommandInfo {
                value: Some("true".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        tasks.push(task.encode_to_vec());
    }
    let call = SchedulerCall::LaunchTasks {
        offer_ids: vec![offer.id.encode_to_vec()],
        tasks,
        filters: Some(
            proto::Filters {
                refuse_seconds: Some(0.1),
            }
            .encode_to_vec(),
        ),
    };
    assert_eq!(driver.call(call), Ok(Status::Running));
}

fn run(proxy: &mut Proxy, authorize: impl Fn(native::Endpoint) -> native::Endpoint) {
    let framework = proto::FrameworkInfo {
        name: "cluster faults".into(),
        failover_timeout: Some(60.0),
        ..Default::default()
    };
    let options = SchedulerOptions {
        framework: framework.encode_to_vec(),
        implicit_acknowledgements: true,
        ..Default::default()
    };
    let address = proxy.address().parse::<std::net::SocketAddr>().expect("address");
    let endpoint = authorize(native::Endpoint::master(address.ip().to_string(), address.port()));
    let channel = Channel::new();
    let driver = native::SchedulerDriver::new(endpoint, options, channel.clone()).expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    let mut book = Book::default();
    let (mut uuids, mut faults) = (BTreeSet::new(), 0);
    let end = Instant::now() + PATIENCE;
    while book.launched < TASKS || book.finished() < TASKS {
        assert!(Instant::now() < end, "{:?} {:?}", book.connection, book.states);
        let Some(event) = channel.take() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        match &*event.name {
            "resourceOffers" => {
                for offer in list(&event, 0) {
                    let offer = proto::Offer::decode(&offer[..]).expect("offer");
                    launch(&driver, &offer, &mut book);
                }
            }
            "statusUpdate" => {
                let status: proto::TaskStatus = message(&event, 0);
                let state = status.state();
                uuids.extend(status.uuid);
                book.states.entry(status.task_id.value).or_default().push(state);
                acknowledge(&event);
                // Four kinds of loss, each while updates are on their way.
                if uuids.len() > (faults + 1) * 4 && faults < 4 {
                    faults += 1;
                    match faults {
                        1 => proxy.cut(),
                        2 => proxy.reset(),
                        3 => proxy.cut_after(Way::ToDriver, 300),
                        _ => proxy.cut_after(Way::ToMaster, 100),
                    }
                }
            }
            "registered" | "reregistered" | "disconnected" => {
                book.connection.push(event.name.into_owned());
                // Launches may have been lost on their way: the master knows. (Of those that it may forget it would say LOST.)
                let open = book
                    .agents
                    .iter()
                    .filter(|(task, _)| !book.states.get(*task).is_some_and(|s| s.iter().any(is_end)));
                let statuses = open.map(|(task, agent)| {
                    let status = proto::TaskStatus {
                        task_id: proto::TaskId { value: task.clone() },
                        state: TaskState::TaskStaging as i32,
                        slave_id: Some(agent.clone()),
                        ..Default::default()
                    };
                    status.encode_to_vec()
                });
                let statuses: Vec<_> = statuses.collect();
                if !statuses.is_empty() {
                    driver.call(SchedulerCall::ReconcileTasks { statuses }).expect("reconcile");
                }
            }
            "offerRescinded" => (),
            other => panic!("{other}: {event:?}"),
        }
    }
    assert!(book.registrations() >= 3, "{:?}", book.connection);
    for (task, states) in &book.states {
        // An end is final: only repetitions follow.
        let end = states
            .iter()
            .position(|s| *s != TaskState::TaskRunning && *s != TaskState::TaskStaging && *s != TaskState::TaskStarting);
        let end = end.unwrap_or_else(|| panic!("{task}: {states:?}"));
        assert!(states[end..].iter().all(|s| *s == states[end]), "{task}: {states:?}");
    }
    driver.stop(false);
    driver.close();
    assert!(channel.is_empty());
}

#[test]
fn the_embedded_cluster_behind_a_failing_network() {
    let cluster = Cluster::start(Config {
        helper: env!("CARGO_BIN_EXE_mesos-perl-helper").into(),
        resources: Some("cpus:4;mem:4096".into()),
        ..Default::default()
    });
    let cluster = cluster.expect("cluster");
    let mut proxy = Proxy::new(cluster.address());
    run(&mut proxy, |endpoint| endpoint.with_bearer(cluster.secret()));
}

#[test]
fn a_real_mesos_behind_a_failing_network() {
    let Ok(master) = std::env::var("MESOS_TEST_MASTER") else {
        eprintln!("SKIPPED: MESOS_TEST_MASTER is not set");
        return;
    };
    let address = master.to_socket_addrs().expect("an address").next().expect("an address");
    run(&mut Proxy::new(address), |endpoint| endpoint);
}
