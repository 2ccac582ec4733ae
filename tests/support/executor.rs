//! An executor as a process: what an agent starts a test program for once more.

use super::{bytes, expect, message, next_event};
use mesos_perl::backends::executor;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{ExecutorCall, ExecutorDriver, Status};
use mesos_perl::event::Event;
use mesos_perl::proto::{TaskId, TaskInfo, TaskState, TaskStatus};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A driver with the environment of an executor of the agent at this address, with these changes. MESOS_LOCAL keeps the grace period
/// from killing the test.
pub fn start(agent: &str, changes: &[(&str, &str)]) -> (Arc<dyn ExecutorDriver>, Channel) {
    let mut variables: BTreeMap<String, String> = [
        ("MESOS_SLAVE_PID", format!("slave(1)@{agent}")),
        ("MESOS_SLAVE_ID", "S".into()),
        ("MESOS_FRAMEWORK_ID", "F".into()),
        ("MESOS_EXECUTOR_ID", "E".into()),
        ("MESOS_DIRECTORY", "/tmp".into()),
        ("MESOS_LOCAL", "1".into()),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    variables.extend(changes.iter().map(|(n, v)| (n.to_string(), v.to_string())));
    let channel = Channel::new();
    let driver = executor::new("native", move |name| variables.get(name).cloned(), channel.clone()).expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    (driver, channel)
}

/// The variable that tells the started program to be an executor.
pub const ROLE: &str = "MESOS_TEST_EXECUTOR";

/// Returns at once unless an agent started this program. Otherwise runs tasks until they are killed, finishes those called `short` at
/// once, and echoes messages; ends with the first task that is killed. `check` sees the registration.
pub fn run(check: impl FnOnce(&Event)) {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let channel = Channel::new();
    let driver = executor::new("native", |name| std::env::var(name).ok(), channel.clone()).expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    let update = |task_id: Vec<u8>, state: TaskState| {
        let status = TaskStatus {
            task_id: TaskId::decode(&task_id[..]).expect("TaskID"),
            state: state as i32,
            message: Some("from the executor".into()),
            ..Default::default()
        };
        let status = status.encode_to_vec();
        assert_eq!(driver.call(ExecutorCall::SendStatusUpdate { status }), Ok(Status::Running));
    };
    check(&expect(&channel, "registered"));
    loop {
        let event = next_event(&channel);
        match &*event.name {
            "launchTask" => {
                let task: TaskInfo = message(&event, 0);
                update(task.task_id.encode_to_vec(), TaskState::TaskRunning);
                if task.name == "short" {
                    update(task.task_id.encode_to_vec(), TaskState::TaskFinished);
                }
            }
            "killTask" => {
                update(bytes(&event, 0), TaskState::TaskKilled);
                // No waiting: close sees to it that the agent has the update.
                assert_eq!(driver.stop(), Status::Stopped);
                return driver.close();
            }
            "frameworkMessage" => {
                let data = [b"echo:", &bytes(&event, 0)[..]].concat();
                assert_eq!(driver.call(ExecutorCall::SendFrameworkMessage { data }), Ok(Status::Running));
            }
            // The agent restarts.
            "disconnected" | "reregistered" => (),
            other => panic!("{other}"),
        }
    }
}
