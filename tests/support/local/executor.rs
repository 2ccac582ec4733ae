//! An executor's side of the API: the test itself speaks for a process that only shows its environment.

use super::*;
use mesos_perl::local::Cluster;
use mesos_perl::proto::executor::{call, event, Call, Event};

/// Says who it is, then waits.
pub const COMMAND: &str = "tr '\\0' '\\n' < /proc/self/environ > environment; echo $$ > pid; exec sleep 1000";

/// An executor's side of the API.
pub struct Executor {
    pub address: std::net::SocketAddr,
    pub token: String,
    pub id: ExecutorId,
    pub framework_id: FrameworkId,
    /// Its agent's, `slave(1)`.
    pub agent: String,
    pub records: Option<Records>,
}

impl Executor {
    /// From the environment that the process with `id` was given.
    pub fn of(cluster: &Cluster, framework: &Framework, id: &str) -> Executor {
        let sandbox = framework.sandbox(cluster, id);
        number_in(&sandbox.join("pid"));
        let text = std::fs::read_to_string(sandbox.join("environment")).unwrap();
        let variable = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name} in {text}")).to_string()
        };
        assert_eq!(variable("MESOS_SLAVE_ID"), framework.agent_id.value);
        assert_eq!(variable("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), "5secs");
        let pid = variable("MESOS_SLAVE_PID");
        let (agent, address) = pid.split_once('@').expect("a pid");
        assert_eq!(address, cluster.address().to_string());
        assert_eq!(
            std::path::Path::new(&variable("MESOS_SANDBOX")),
            sandbox.canonicalize().unwrap()
        );
        Executor {
            address: variable("MESOS_AGENT_ENDPOINT").parse().unwrap(),
            token: variable("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
            id: ExecutorId {
                value: variable("MESOS_EXECUTOR_ID"),
            },
            framework_id: FrameworkId {
                value: variable("MESOS_FRAMEWORK_ID"),
            },
            agent: agent.to_string(),
            records: None,
        }
    }

    pub fn call(&self, kind: call::Type) -> Call {
        Call {
            executor_id: self.id.clone(),
            framework_id: self.framework_id.clone(),
            r#type: Some(kind as i32),
            ..Default::default()
        }
    }

    pub fn subscribe(&mut self, subscribe: call::Subscribe) {
        let call = Call {
            subscribe: Some(subscribe),
            ..self.call(call::Type::Subscribe)
        };
        self.records = Some(Records::open(
            self.address,
            &format!("/{}/api/v1/executor", self.agent),
            &self.token,
            &call,
        ));
    }

    pub fn next(&mut self, kind: event::Type) -> Event {
        let event: Event = self.records.as_mut().unwrap().next().expect("an event");
        assert_eq!(event.r#type(), kind, "{event:?}");
        event
    }

    pub fn post(&self, call: Call) -> (u16, String) {
        let authorization = format!("Bearer {}", self.token);
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Authorization", authorization.as_str()),
        ];
        let reply = request(self.address, "POST", "/api/v1/executor", &headers, &call.encode_to_vec());
        (reply.status, reply.text().to_string())
    }

    pub fn status(task: &str, state: TaskState, uuid: u8) -> TaskStatus {
        TaskStatus {
            task_id: TaskId { value: task.into() },
            state: state as i32,
            source: Some(task_status::Source::Executor as i32),
            uuid: Some([uuid, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0].to_vec().into()),
            data: Some(b"\0\xff"[..].into()),
            ..Default::default()
        }
    }

    pub fn update(&mut self, task: &str, state: TaskState, uuid: u8) {
        let update = Some(call::Update {
            status: Self::status(task, state, uuid),
        });
        assert_eq!(
            self.post(Call {
                update,
                ..self.call(call::Type::Update)
            }),
            (202, String::new())
        );
        let acknowledged = self.next(event::Type::Acknowledged).acknowledged.unwrap();
        assert_eq!((acknowledged.task_id.value.as_str(), acknowledged.uuid[0]), (task, uuid));
    }

    /// What follows a SUBSCRIBE.
    pub fn subscribed(&mut self) -> event::Subscribed {
        self.next(event::Type::Subscribed).subscribed.unwrap()
    }

    pub fn launched(&mut self) -> String {
        self.next(event::Type::Launch).launch.unwrap().task.task_id.value
    }
}
