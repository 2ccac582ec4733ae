//! Both drivers against a real Apache Mesos 1.11: MESOS_TEST_MASTER=host:port names a master that has an agent on this machine.

mod support;

use mesos_perl::backends::scheduler;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::local::{Cluster, Config};
use mesos_perl::native::{self, Endpoint};
use mesos_perl::proto::{self, TaskState};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use support::{bytes, expect, list, message, next_event};

fn master() -> Option<String> {
    support::skip::wanted("native_real_mesos", "MESOS_TEST_MASTER")
}

struct Framework {
    driver: Arc<dyn SchedulerDriver>,
    channel: Channel,
    /// States of tasks in the order of their first sight.
    states: HashMap<String, Vec<TaskState>>,
    offers: Vec<proto::Offer>,
}

impl Framework {
    fn start(master: &str, info: proto::FrameworkInfo) -> Self {
        let channel = Channel::new();
        let options = SchedulerOptions {
            master: master.to_string(),
            framework: info.encode_to_vec(),
            implicit_acknowledgements: true,
            helper: env!("CARGO_BIN_EXE_mesos-local").into(),
            ..Default::default()
        };
        Framework::with(scheduler::new(options, channel.clone()).expect("driver"), channel)
    }

    /// On a cluster that others use, too.
    fn on(cluster: &Cluster, info: proto::FrameworkInfo) -> Self {
        let channel = Channel::new();
        let options = SchedulerOptions {
            framework: info.encode_to_vec(),
            implicit_acknowledgements: true,
            ..Default::default()
        };
        let address = cluster.address();
        let master = Endpoint::master(address.ip().to_string(), address.port()).with_bearer(cluster.secret());
        let driver = native::SchedulerDriver::new(master, options, channel.clone()).expect("driver");
        Framework::with(Arc::new(driver), channel)
    }

    fn with(driver: Arc<dyn SchedulerDriver>, channel: Channel) -> Self {
        assert_eq!(driver.start(), Ok(Status::Running));
        Framework {
            driver,
            channel,
            states: HashMap::new(),
            offers: Vec::new(),
        }
    }

    /// Takes one event and does what a dispatcher does after the callback.
    fn step(&mut self) -> Event {
        let event = next_event(&self.channel);
        match &*event.name {
            "statusUpdate" => {
                let status: proto::TaskStatus = message(&event, 0);
                let state = status.state();
                self.states.entry(status.task_id.value).or_default().push(state);
                let origin = event.origin.clone().expect("origin");
                if let (Some(update), Some(owner)) = (origin.acknowledgement, origin.owner.upgrade()) {
                    owner.acknowledge(update);
                }
            }
            "resourceOffers" => {
                let offers = list(&event, 0);
                self.offers
                    .extend(offers.iter().map(|o| proto::Offer::decode(&o[..]).expect("offer")));
            }
            _ => (),
        }
        event
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("{what}: {:?}", self.states);
    }

    fn reached(&self, task: &str, state: TaskState) -> bool {
        self.states.get(task).is_some_and(|s| s.contains(&state))
    }

    fn launch(&mut self, name: &str, command: &str) -> proto::SlaveId {
        let command = proto::CommandInfo {
            value: Some(command.to_string()),
            ..Default::default()
        };
        let task = proto::TaskInfo {
            command: Some(command),
            ..Default::default()
        };
        self.launch_task(name, task)
    }

    /// Launches `task`, completed by name, agent and resources, on the next offer.
    fn launch_task(&mut self, name: &str, task: proto::TaskInfo) -> proto::SlaveId {
        self.offers.clear();
        assert_eq!(
            self.driver.call(SchedulerCall::ReviveOffers { roles: None }),
            Ok(Status::Running)
        );
        self.until("an offer", |f| !f.offers.is_empty());
        let offer = self.offers.remove(0);
        let resource = |name: &str, value: f64| proto::Resource {
            name: name.to_string(),
            r#type: proto::value::Type::Scalar as i32,
            scalar: Some(proto::value::Scalar { value }),
            ..Default::default()
        };
        let task = proto::TaskInfo {
            name: name.to_string(),
            task_id: proto::TaskId { value: name.to_string() },
            slave_id: offer.slave_id.clone(),
            resources: vec![resource("cpus", 0.1), resource("mem", 32.0)],
            ..task
        };
        let call = SchedulerCall::LaunchTasks {
            offer_ids: vec![offer.id.encode_to_vec()],
            tasks: vec![task.encode_to_vec()],
            filters: None,
        };
        assert_eq!(self.driver.call(call), Ok(Status::Running));
        offer.slave_id
    }
}

fn info(name: &str) -> proto::FrameworkInfo {
    proto::FrameworkInfo {
        name: name.to_string(),
        ..Default::default()
    }
}

#[test]
fn tasks_run_are_killed_and_reconciled() {
    let Some(master) = master() else { return };
    let mut framework = Framework::start(&master, info("native driver test"));
    let registered = expect(&framework.channel, "registered");
    let id: proto::FrameworkId = message(&registered, 0);
    let master_info: proto::MasterInfo = message(&registered, 1);
    assert!(!id.value.is_empty());
    assert_eq!(
        u16::try_from(master_info.port).ok(),
        master.rsplit(':').next().and_then(|p| p.parse().ok())
    );

    framework.launch("quick", "sleep 0.1; exit 0");
    framework.until("quick finishes", |f| f.reached("quick", TaskState::TaskFinished));
    assert!(framework.reached("quick", TaskState::TaskRunning));
    let agent = framework.launch("slow", "sleep 1000");
    framework.until("slow runs", |f| f.reached("slow", TaskState::TaskRunning));

    // Explicit reconciliation tells the state again, without anything to acknowledge.
    framework.states.clear();
    let status = proto::TaskStatus {
        task_id: proto::TaskId { value: "slow".into() },
        state: TaskState::TaskStaging as i32,
        slave_id: Some(agent),
        ..Default::default()
    };
    let unknown = proto::TaskStatus {
        task_id: proto::TaskId { value: "unknown".into() },
        slave_id: None,
        ..status.clone()
    };
    let statuses = vec![status.encode_to_vec(), unknown.encode_to_vec()];
    assert_eq!(
        framework.driver.call(SchedulerCall::ReconcileTasks { statuses }),
        Ok(Status::Running)
    );
    framework.until("slow is reconciled", |f| f.reached("slow", TaskState::TaskRunning));
    framework.until("unknown is lost", |f| f.reached("unknown", TaskState::TaskLost));

    let task_id = proto::TaskId { value: "slow".into() }.encode_to_vec();
    assert_eq!(
        framework.driver.call(SchedulerCall::KillTask {
            task_id,
            kill_policy: None
        }),
        Ok(Status::Running)
    );
    framework.until("slow is killed", |f| f.reached("slow", TaskState::TaskKilled));

    // A task on an offer that is not ours is lost by the master's word.
    let task = proto::TaskInfo {
        name: "stale".into(),
        task_id: proto::TaskId { value: "stale".into() },
        slave_id: proto::SlaveId { value: "S".into() },
        ..Default::default()
    };
    let offer_id = proto::OfferId {
        value: "no such offer".into(),
    };
    let call = SchedulerCall::LaunchTasks {
        offer_ids: vec![offer_id.encode_to_vec()],
        tasks: vec![task.encode_to_vec()],
        filters: Some(proto::Filters::default().encode_to_vec()),
    };
    assert_eq!(framework.driver.call(call), Ok(Status::Running));
    framework.until("stale is lost", |f| f.reached("stale", TaskState::TaskLost));

    assert_eq!(framework.driver.stop(false), Status::Stopped);
    framework.driver.close();
    assert!(framework.channel.is_empty(), "nothing is delivered after stop");

    // TEARDOWN arrived: the id is of no use any more.
    let again = Framework::start(
        &master,
        proto::FrameworkInfo {
            id: Some(id),
            ..info("native driver test")
        },
    );
    let error = expect(&again.channel, "error");
    assert_eq!(bytes(&error, 0), b"Framework has been removed");
    error.origin.expect("origin").owner.upgrade().expect("owner").end_delivered();
    assert_eq!(again.driver.status(), Status::Aborted);
    assert_eq!(again.driver.stop(false), Status::Aborted);
    assert_eq!(again.driver.stop(false), Status::Stopped);
}

#[test]
fn a_second_driver_takes_the_framework_over() {
    let Some(master) = master() else { return };
    takes_over(|info| Framework::start(&master, info));
}

#[test]
fn a_second_driver_takes_the_framework_over_in_the_embedded_cluster() {
    let cluster = Cluster::start(Config {
        helper: env!("CARGO_BIN_EXE_mesos-local").into(),
        ..Default::default()
    });
    let cluster = cluster.expect("cluster");
    takes_over(|info| Framework::on(&cluster, info));
}

fn takes_over(start: impl Fn(proto::FrameworkInfo) -> Framework) {
    let lasting = proto::FrameworkInfo {
        failover_timeout: Some(60.0),
        ..info("native driver failover test")
    };
    let mut first = start(lasting.clone());
    let id: proto::FrameworkId = message(&expect(&first.channel, "registered"), 0);
    first.launch("t", "sleep 1000");
    first.until("the task runs", |f| f.reached("t", TaskState::TaskRunning));
    let with_id = proto::FrameworkInfo {
        id: Some(id.clone()),
        ..lasting
    };
    let second = start(with_id.clone());
    assert_eq!(message::<proto::FrameworkId>(&expect(&second.channel, "registered"), 0), id);
    loop {
        let event = next_event(&first.channel);
        if event.name == "error" {
            assert_eq!(bytes(&event, 0), b"Framework failed over");
            break;
        }
    }
    assert_eq!(second.driver.stop(true), Status::Stopped);
    second.driver.close();
    // Stopped for failover: still there, with its task.
    let mut third = start(with_id.clone());
    expect(&third.channel, "registered");
    let task_id = proto::TaskId { value: "t".into() }.encode_to_vec();
    assert_eq!(
        third.driver.call(SchedulerCall::KillTask {
            task_id,
            kill_policy: None
        }),
        Ok(Status::Running)
    );
    third.until("the task is killed", |f| f.reached("t", TaskState::TaskKilled));
    third.driver.stop(false);
    third.driver.close();
    // Torn down: gone for good.
    let last = start(with_id);
    assert_eq!(bytes(&expect(&last.channel, "error"), 0), b"Framework has been removed");
}

/// Not a test by itself: the test below has a real agent start this program once more, with this function as an executor.
#[test]
fn executor_process() {
    support::executor::run(|registered| {
        assert!(!message::<proto::SlaveInfo>(registered, 2).hostname.is_empty());
        assert_eq!(message::<proto::FrameworkInfo>(registered, 1).name, "native executor test");
    });
}

#[test]
fn an_executor_of_ours_runs_under_a_real_agent() {
    let Some(master) = master() else { return };
    run_our_executor(&master);
}

/// What holds under a real agent holds under ours; this one is always here.
#[test]
fn an_executor_of_ours_runs_in_the_embedded_cluster() {
    run_our_executor("local");
}

fn run_our_executor(master: &str) {
    let mut framework = Framework::start(master, info("native executor test"));
    expect(&framework.channel, "registered");
    let program = std::env::current_exe().expect("this program");
    let executor = proto::ExecutorInfo {
        executor_id: proto::ExecutorId { value: "ours".into() },
        command: Some(proto::CommandInfo {
            value: Some(format!("exec '{}' --exact executor_process --nocapture", program.display())),
            environment: Some(proto::Environment {
                variables: vec![proto::environment::Variable {
                    name: support::executor::ROLE.into(),
                    value: Some("1".into()),
                    ..Default::default()
                }],
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let task = proto::TaskInfo {
        executor: Some(Box::new(executor.clone())),
        ..Default::default()
    };
    framework.launch_task("short", task.clone());
    framework.until("short finishes", |f| f.reached("short", TaskState::TaskFinished));
    assert_eq!(framework.states["short"], [TaskState::TaskRunning, TaskState::TaskFinished]);
    let agent = framework.launch_task("long", task);
    framework.until("long runs", |f| f.reached("long", TaskState::TaskRunning));

    let call = SchedulerCall::SendFrameworkMessage {
        executor_id: executor.executor_id.encode_to_vec(),
        slave_id: agent.encode_to_vec(),
        data: b"\0ping\xff".to_vec(),
    };
    assert_eq!(framework.driver.call(call), Ok(Status::Running));
    let echo = loop {
        let event = framework.step();
        if event.name == "frameworkMessage" {
            break bytes(&event, 2);
        }
    };
    assert_eq!(echo, b"echo:\0ping\xff");

    let task_id = proto::TaskId { value: "long".into() }.encode_to_vec();
    assert_eq!(
        framework.driver.call(SchedulerCall::KillTask {
            task_id,
            kill_policy: None
        }),
        Ok(Status::Running)
    );
    framework.until("long is killed", |f| f.reached("long", TaskState::TaskKilled));
    let lost = loop {
        let event = framework.step();
        if event.name == "executorLost" {
            break event;
        }
    };
    assert_eq!(bytes(&lost, 2), b"0", "the executor ended without a failed assertion");
    framework.driver.stop(false);
}
