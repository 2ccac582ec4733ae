//! A framework on masters that really run tasks, and what it counts while faults happen to it.

use super::scheduler::acknowledge;
use super::{list, message};
use mesos_perl::channel::Channel;
use mesos_perl::driver::{Driver, SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::native::{self, Source};
use mesos_perl::proto::task_status::Reason;
use mesos_perl::proto::{self, TaskState};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const TASKS: usize = 24;
const PATIENCE: Duration = Duration::from_secs(90);

/// What the framework knows.
#[derive(Default)]
pub struct Book {
    /// The states of each task, as delivered.
    pub states: BTreeMap<String, Vec<TaskState>>,
    /// Updates of agents: each has an uuid of its own.
    pub uuids: BTreeSet<Vec<u8>>,
    /// How many updates of masters and agents were delivered, and how many of them were acknowledged.
    pub delivered: usize,
    pub acknowledged: usize,
    /// Those among them that answer to reconciliation, by task and number: see `check`.
    reconciled: BTreeSet<(String, usize)>,
    /// Who sent them and why, and how many of each.
    origins: BTreeMap<String, usize>,
    pub connection: Vec<String>,
    pub framework_id: String,
    agents: BTreeMap<String, proto::SlaveId>,
    launched: usize,
}

fn is_end(state: &TaskState) -> bool {
    [TaskState::TaskFinished, TaskState::TaskLost, TaskState::TaskDropped].contains(state)
}

impl Book {
    fn finished(&self) -> usize {
        let ended = |states: &&Vec<TaskState>| states.iter().any(is_end);
        self.states.values().filter(ended).count()
    }

    pub fn registrations(&self) -> usize {
        self.connection.iter().filter(|c| c.ends_with("registered")).count()
    }

    fn launch(&mut self, driver: &dyn SchedulerDriver, offer: &proto::Offer) {
        let resource = proto::Resource {
            name: "cpus".into(),
            r#type: proto::value::Type::Scalar as i32,
            scalar: Some(proto::value::Scalar { value: 0.05 }),
            ..Default::default()
        };
        let mut tasks = Vec::new();
        while tasks.len() < 8 && self.launched < TASKS {
            let name = format!("task-{}", self.launched);
            self.launched += 1;
            self.agents.insert(name.clone(), offer.slave_id.clone());
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
        let filters = proto::Filters {
            refuse_seconds: Some(0.1),
        };
        let call = SchedulerCall::LaunchTasks {
            offer_ids: vec![offer.id.encode_to_vec()],
            tasks,
            filters: Some(filters.encode_to_vec()),
        };
        assert_eq!(driver.call(call), Ok(Status::Running));
    }

    /// Asks for the tasks whose end is not known. (Of others, which it may have forgotten, a master would say LOST.)
    fn reconcile(&self, driver: &dyn SchedulerDriver) {
        let known = |task: &String| self.states.get(task).is_some_and(|s| s.iter().any(is_end));
        let open = self.agents.iter().filter(|(task, _)| !known(task));
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

    fn update(&mut self, event: &Event) {
        let status: proto::TaskStatus = message(event, 0);
        let state = status.state();
        // Else the driver made it: of a launch that found no master, or one that would not have it.
        let made = status.reason() == Reason::MasterDisconnected || status.message().starts_with("Master answered");
        self.delivered += usize::from(!made);
        let origin = format!("{state:?} {:?} {:?} {}", status.source, status.reason(), status.message());
        *self.origins.entry(origin).or_default() += 1;
        self.uuids.extend(status.uuid.as_ref().map(|u| u.to_vec()));
        let states = self.states.entry(status.task_id.value.clone()).or_default();
        if status.reason() == Reason::Reconciliation {
            self.reconciled.insert((status.task_id.value, states.len()));
        }
        states.push(state);
        self.acknowledged += usize::from(acknowledge(event));
    }

    /// Ends are final: only repetitions follow. An answer to reconciliation may be ahead of them: a master that could not forward a
    /// task's updates, because the framework was disconnected, answers with the task's latest state, which each of them names; then
    /// the agent sends them again, from the first that was not acknowledged.
    fn check(&self) {
        for (task, states) in &self.states {
            let updates = states
                .iter()
                .enumerate()
                .filter(|(i, _)| !self.reconciled.contains(&(task.clone(), *i)));
            let updates: Vec<TaskState> = updates.map(|(_, state)| *state).collect();
            let told = || format!("{task}: {states:?}, of which {updates:?} are no answers to reconciliation");
            let end = states.iter().rfind(|s| is_end(s)).unwrap_or_else(|| panic!("{}", told()));
            let first = updates.iter().position(is_end).unwrap_or(updates.len());
            assert!(updates[first..].iter().all(|s| s == end), "{}", told());
            let started = [TaskState::TaskStaging, TaskState::TaskStarting, TaskState::TaskRunning];
            let known = |s: &TaskState| started.contains(s) || s == end;
            assert!(states.iter().all(known), "{}", told());
        }
    }
}

/// A framework that masters keep while its connection is lost.
pub fn start(source: impl Into<Source>) -> (native::SchedulerDriver, Channel) {
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
    let channel = Channel::new();
    let driver = native::SchedulerDriver::new(source, options, channel.clone()).expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    (driver, channel)
}

/// Runs tasks to their ends. `fault` is asked after each event. `has_agent` tells by its port whether a master has the tasks' agent:
/// others know nothing of the tasks. Before the framework ends, `balance` sees the book.
pub fn run(
    source: impl Into<Source>,
    mut fault: impl FnMut(&Book),
    has_agent: impl Fn(u32) -> bool,
    balance: impl FnOnce(&Book),
) {
    let (driver, channel) = start(source);
    let mut book = Book::default();
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
                    book.launch(&driver, &proto::Offer::decode(&offer[..]).expect("offer"));
                }
            }
            "statusUpdate" => book.update(&event),
            "registered" | "reregistered" => {
                if event.name == "registered" {
                    book.framework_id = message::<proto::FrameworkId>(&event, 0).value;
                }
                let master: proto::MasterInfo = message(&event, event.args.len() - 1);
                book.connection.push(event.name.into_owned());
                if has_agent(master.port) {
                    // Launches may have been lost on their way: the master knows.
                    book.reconcile(&driver);
                }
            }
            "disconnected" => book.connection.push(event.name.into_owned()),
            "offerRescinded" => (),
            other => panic!("{other}: {event:?}"),
        }
        fault(&book);
    }
    book.check();
    balance(&book);
    driver.stop(false);
    driver.close();
    assert!(channel.is_empty());
}

/// The JSON that a real master has at this path.
pub fn get(master: &str, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(master).expect("the master");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {master}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).expect("JSON")
}

/// Compares the book with those of real masters: their counters of this framework, and the tasks that still wait for acknowledgements.
/// The first master has the tasks' agent. The others answer too, for one: LOST for launches on offers that are not theirs.
pub fn balance_with(masters: &[&str], book: &Book) {
    let tasks = |kind: &str| {
        let state = get(masters[0], "/master/state");
        let found = state["frameworks"].as_array().expect("frameworks").iter();
        let mut found = found.filter(|f| f["id"] == *book.framework_id);
        found.next().expect("the framework")[kind].as_array().expect("tasks").len()
    };
    // A task is completed when its last update is acknowledged. Launches that were lost with a connection have never been tasks.
    super::wait_for("all acknowledgements", || (tasks("tasks") == 0).then_some(()));
    assert!(tasks("completed_tasks") > 0 && tasks("completed_tasks") <= TASKS);
    let snapshots: Vec<_> = masters.iter().map(|master| get(master, "/metrics/snapshot")).collect();
    let metric = |name: &str| -> usize {
        let suffix = format!("{}/{name}", book.framework_id);
        let counters = snapshots.iter().map(|snapshot| {
            let all = snapshot.as_object().expect("metrics");
            let found = all.iter().find(|(key, _)| key.ends_with(&suffix));
            found.and_then(|(_, v)| v.as_f64()).expect(name) as usize
        });
        counters.sum()
    };
    let (sent, acknowledged) = (metric("events/update"), metric("calls/acknowledge"));
    let delivered = book.delivered;
    assert!(
        delivered <= sent,
        "{delivered} deliveries of {sent} updates: {:#?}",
        book.origins
    );
    assert!(
        acknowledged <= book.acknowledged,
        "{acknowledged} acknowledgements of {}",
        book.acknowledged
    );
    assert!(
        acknowledged >= book.uuids.len().min(book.acknowledged),
        "each update is acknowledged"
    );
}
