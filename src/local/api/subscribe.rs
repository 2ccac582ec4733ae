//! SUBSCRIBE of the operator API: what changes in the cluster, as it changes.
//!
//! The master does not tell of events: a subscriber's task looks at what there is after each turn of the core, and tells what is new. If
//! its reader is slow, it looks more rarely. So nothing waits for it, and it holds only what it has told.

use super::content;
use super::reply::{self, Reply};
use super::views;
use crate::local::core::Core;
use crate::local::master::state::Task;
use crate::local::stream::{record, Format};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::Response;
use serde_json::{json, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// So many records wait for a reader at most.
const WAITING: usize = 64;

/// An answer that goes on until the reader or the master has gone.
pub fn open(core: Rc<RefCell<Core>>, format: Format) -> Reply {
    let (sender, body) = reply::records(WAITING);
    tokio::task::spawn_local(async move {
        // An error: nobody reads any more.
        let _ = follow(core, Told { sender, format }).await;
    });
    let mut reply = Response::new(body);
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    reply
}

async fn follow(core: Rc<RefCell<Core>>, told: Told) -> Result<(), ()> {
    let mut turns = core.borrow().turns();
    let mut seen = {
        let (first, seen) = {
            let core = core.borrow();
            let subscribed = json!({ "get_state": views::state(&core), "heartbeat_interval_seconds": HEARTBEAT.as_secs_f64() });
            (json!({ "type": "SUBSCRIBED", "subscribed": subscribed }), Seen::of(&core))
        };
        told.send(&first).await?;
        // What was the cluster's state is not kept for as long as somebody listens.
        seen
    };
    loop {
        let turned = tokio::select! {
            turned = tokio::time::timeout(HEARTBEAT, turns.changed()) => turned,
            () = told.sender.closed() => return Ok(()),
        };
        match turned {
            Err(_) => told.send(&json!({ "type": "HEARTBEAT" })).await?,
            Ok(Err(_)) => return Ok(()),
            Ok(Ok(())) => {
                let events = seen.news(&core.borrow());
                // Of another master somebody else tells.
                for event in events.ok_or(())? {
                    told.send(&event).await?;
                }
            }
        }
    }
}

/// Somebody who listens, and how he wants to hear it.
struct Told {
    sender: Sender<Bytes>,
    format: Format,
}

impl Told {
    async fn send(&self, event: &Value) -> Result<(), ()> {
        let body = content::written(self.format, "Mesos::Master::Event", event).map_err(drop)?;
        self.sender.send(record(&body)).await.map_err(drop)
    }
}

/// The framework and the id of a task, and what tells it from others that had this id: the uuid and the bits of the time of its first
/// status. None before that: of these there is only one.
type TaskKey = (String, String, Option<(Vec<u8>, u64)>);

fn key_of(framework: &str, task: &Task) -> TaskKey {
    let first = task.history.first().map(|status| {
        let uuid = status.uuid.as_ref().map(|uuid| uuid.to_vec()).unwrap_or_default();
        (uuid, status.timestamp().to_bits())
    });
    (framework.to_string(), task.info.task_id.value.clone(), first)
}

/// What a subscriber has been told.
struct Seen {
    master: String,
    agents: BTreeSet<String>,
    /// And whether each is connected.
    frameworks: BTreeMap<String, (bool, Value)>,
    /// How many statuses of each.
    tasks: BTreeMap<TaskKey, usize>,
}

impl Seen {
    fn of(core: &Core) -> Seen {
        let mut seen = Seen {
            master: core.master.identity.id.clone(),
            agents: BTreeSet::new(),
            frameworks: BTreeMap::new(),
            tasks: BTreeMap::new(),
        };
        let _ = seen.news(core);
        seen
    }

    /// The events since the last look; none if the master is another one.
    fn news(&mut self, core: &Core) -> Option<Vec<Value>> {
        if core.master.identity.id != self.master {
            return None;
        }
        let mut events = Vec::new();
        self.of_agents(core, &mut events);
        self.of_frameworks(core, &mut events);
        self.of_tasks(core, &mut events);
        Some(events)
    }

    fn of_agents(&mut self, core: &Core, events: &mut Vec<Value>) {
        let gone = self.agents.iter().filter(|id| !core.master.agents.contains_key(*id));
        for id in gone.cloned().collect::<Vec<_>>() {
            events.push(json!({ "type": "AGENT_REMOVED", "agent_removed": { "agent_id": { "value": id } } }));
            self.agents.remove(&id);
        }
        for (id, agent) in &core.master.agents {
            if self.agents.insert(id.clone()) {
                let agent = views::agent(core, id, agent);
                events.push(json!({ "type": "AGENT_ADDED", "agent_added": { "agent": agent } }));
            }
        }
    }

    fn of_frameworks(&mut self, core: &Core, events: &mut Vec<Value>) {
        let gone = self.frameworks.keys().filter(|id| !core.master.frameworks.contains_key(*id));
        for id in gone.cloned().collect::<Vec<_>>() {
            let info = self.frameworks.remove(&id).map(|(_, info)| info);
            events.push(json!({ "type": "FRAMEWORK_REMOVED", "framework_removed": { "framework_info": info } }));
        }
        for (id, framework) in &core.master.frameworks {
            let connected = framework.is_connected();
            let kind = match self.frameworks.get(id) {
                Some((before, _)) if *before == connected => continue,
                Some(_) => "FRAMEWORK_UPDATED",
                None => "FRAMEWORK_ADDED",
            };
            let info = views::message("Mesos::FrameworkInfo", &framework.info);
            self.frameworks.insert(id.clone(), (connected, info));
            let mut event = json!({ "type": kind });
            event[kind.to_ascii_lowercase()] = json!({ "framework": views::framework(core, framework) });
            events.push(event);
        }
    }

    fn of_tasks(&mut self, core: &Core, events: &mut Vec<Value>) {
        let mut there = BTreeMap::new();
        let mut tasks: Vec<(&str, &Task)> = core.master.all_tasks().collect();
        // One that has its first status since was told as one without: before another of its id is, which has none.
        tasks.sort_by_key(|(_, task)| task.history.is_empty());
        for (framework, task) in tasks {
            let key = key_of(framework, task);
            let fresh = (key.0.clone(), key.1.clone(), None);
            let told = self
                .tasks
                .remove(&key)
                .or_else(|| self.tasks.remove(&fresh))
                .unwrap_or_else(|| {
                    events.push(json!({ "type": "TASK_ADDED", "task_added": { "task": views::task(framework, task) } }));
                    0
                });
            for status in task.history.after(told) {
                let status = views::message("Mesos::TaskStatus", &status);
                let updated = json!({ "framework_id": { "value": framework }, "status": status, "state": status["state"] });
                events.push(json!({ "type": "TASK_UPDATED", "task_updated": updated }));
            }
            there.insert(key, task.history.len());
        }
        // Those that the master has forgotten are forgotten here, too.
        self.tasks = there;
    }
}
