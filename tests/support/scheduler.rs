//! A scripted master: its events, the calls of a framework, and a driver on it.

use super::{Connection, Request, Server};
use mesos_perl::backends::scheduler;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::proto::{self, scheduler as api, FrameworkId, FrameworkInfo, OfferId, SlaveId, TaskId, TaskState, TaskStatus};
use prost::Message;
use std::sync::Arc;

pub fn options(server: &Server) -> SchedulerOptions {
    let info = FrameworkInfo {
        name: "test".to_string(),
        ..Default::default()
    };
    SchedulerOptions {
        master: server.address(),
        framework: info.encode_to_vec(),
        implicit_acknowledgements: true,
        ..Default::default()
    }
}

pub fn start(options: SchedulerOptions) -> (Arc<dyn SchedulerDriver>, Channel) {
    let channel = Channel::new();
    let driver = scheduler::new(options, channel.clone()).expect("driver");
    assert_eq!(driver.status(), Status::NotStarted);
    assert_eq!(driver.start(), Ok(Status::Running));
    (driver, channel)
}

pub fn event(kind: api::event::Type) -> api::Event {
    api::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

pub fn subscribed(heartbeat: f64) -> api::Event {
    api::Event {
        subscribed: Some(api::event::Subscribed {
            framework_id: FrameworkId { value: "F".into() },
            heartbeat_interval_seconds: Some(heartbeat),
            master_info: Some(proto::MasterInfo {
                id: "M".into(),
                ..Default::default()
            }),
        }),
        ..event(api::event::Type::Subscribed)
    }
}

pub fn update(task: &str, uuid: Option<&[u8]>) -> api::Event {
    api::Event {
        update: Some(api::event::Update {
            status: TaskStatus {
                task_id: TaskId { value: task.into() },
                state: TaskState::TaskRunning as i32,
                slave_id: Some(SlaveId { value: "S".into() }),
                uuid: uuid.map(|u| u.to_vec().into()),
                ..Default::default()
            },
        }),
        ..event(api::event::Type::Update)
    }
}

pub fn offers(ids: &[&str]) -> api::Event {
    let offer = |id: &&str| proto::Offer {
        id: OfferId { value: id.to_string() },
        hostname: "h".into(),
        ..Default::default()
    };
    api::Event {
        offers: Some(api::event::Offers {
            offers: ids.iter().map(offer).collect(),
            ..Default::default()
        }),
        ..event(api::event::Type::Offers)
    }
}

/// Accepts a subscription and confirms it.
pub fn subscribe(server: &Server) -> (Connection, Request) {
    let (mut stream, request) = server.subscription();
    stream.record(&subscribed(15.0));
    (stream, request)
}

/// A server, and a driver that is registered there, over this stream.
pub fn registered() -> (Server, Arc<dyn SchedulerDriver>, Channel, Connection) {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (stream, _) = subscribe(&server);
    super::expect(&channel, "registered");
    (server, driver, channel, stream)
}

pub fn kill(task: &str) -> SchedulerCall {
    SchedulerCall::KillTask {
        kill_policy: None,
        task_id: TaskId { value: task.into() }.encode_to_vec(),
    }
}

pub fn launch(offer: &str, tasks: &[&str]) -> SchedulerCall {
    let task = |id: &&str| {
        let task = proto::TaskInfo {
            task_id: TaskId { value: id.to_string() },
            slave_id: SlaveId { value: "S".into() },
            ..Default::default()
        };
        task.encode_to_vec()
    };
    SchedulerCall::LaunchTasks {
        offer_ids: vec![OfferId { value: offer.into() }.encode_to_vec()],
        tasks: tasks.iter().map(task).collect(),
        filters: None,
    }
}

/// What a dispatcher does when a callback has returned.
pub fn acknowledge(event: &Event) -> bool {
    let origin = event.origin.as_ref().expect("origin");
    match (&origin.acknowledgement, origin.owner.upgrade()) {
        (Some(update), Some(owner)) => {
            owner.acknowledge(update.clone());
            true
        }
        _ => false,
    }
}
