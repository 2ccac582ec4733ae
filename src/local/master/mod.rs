//! The master: frameworks from SUBSCRIBE to their end, heartbeats, messages, reconciliation.

mod checks;
mod launch;
pub mod offers;
mod operations;
pub mod turns;
mod validate;

use super::api::stream::{scheduler_event, EventStream, Records, Subscriber};
use super::core::{is_terminal, now, status, Core, Framework, Kind, Subscription};
use super::ids;
use super::timers::Timer;
use crate::driver::framework::REMOVED;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::master_info;
use crate::proto::scheduler::{call, event, Event};
use crate::proto::task_status::{Reason, Source};
use crate::proto::{Address, FrameworkId, FrameworkInfo, MasterInfo, TaskState, TaskStatus};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Seconds between HEARTBEAT events, as announced in SUBSCRIBED.
const HEARTBEAT_SECONDS: f64 = 15.0;

/// The version of Mesos whose behaviour this is.
pub const VERSION: &str = "1.11.0";

/// An open answer to SUBSCRIBE.
pub struct Subscribed {
    /// The Mesos-Stream-Id.
    pub stream_id: String,
    pub records: Records,
    pub number: u64,
    pub subscriber: Subscriber,
}

/// The roles that `info` asks for, or why it may not.
#[allow(deprecated)]
pub fn roles_of(info: &FrameworkInfo) -> Result<Vec<String>, String> {
    let multi = info
        .capabilities
        .iter()
        .any(|c| c.r#type == Some(Capability::MultiRole as i32));
    if !multi {
        if !info.roles.is_empty() {
            return Err("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable".into());
        }
        let role = info.role.clone().unwrap_or_else(|| "*".into());
        ids::check_role(&role).map_err(|e| format!("'FrameworkInfo.role' is not a valid role: {e}"))?;
        return Ok(vec![role]);
    }
    if info.role.is_some() {
        return Err("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable".into());
    }
    let distinct: BTreeSet<&String> = info.roles.iter().collect();
    if distinct.len() != info.roles.len() {
        return Err("'FrameworkInfo.roles' contains duplicate items".into());
    }
    for role in &info.roles {
        ids::check_role(role).map_err(|e| format!("'FrameworkInfo.roles' contains invalid role: {e}"))?;
    }
    Ok(info.roles.clone())
}

fn validate(info: &FrameworkInfo, suppressed: &[String]) -> Result<Vec<String>, String> {
    let roles = roles_of(info)?;
    if let Some(id) = info.id.as_ref().filter(|id| !id.value.is_empty()) {
        ids::check(&id.value).map_err(|e| format!("'FrameworkInfo.id' is not a valid ID: {e}"))?;
    }
    if let Some(timeout) = info
        .failover_timeout
        .filter(|t| !t.is_finite() || t.abs() > i64::MAX as f64 / 1e9)
    {
        return Err(format!("The framework failover_timeout ({timeout}) is invalid"));
    }
    match suppressed.iter().find(|role| !roles.contains(role)) {
        Some(role) => Err(format!("Suppressed role '{role}' is not one of the framework's roles")),
        None => Ok(roles),
    }
}

impl Core {
    /// SUBSCRIBE. Whatever is wrong with the framework is an ERROR event on the stream, which then ends.
    pub fn subscribe(&mut self, mut info: FrameworkInfo, suppressed: Vec<String>) -> Subscribed {
        let number = self.number();
        let (stream, records, subscriber) = EventStream::open(number, self.relief.clone());
        let stream_id = ids::uuid();
        let subscribed = Subscribed {
            stream_id: stream_id.clone(),
            records,
            number,
            subscriber,
        };
        let given = info.id.as_ref().map(|id| id.value.clone()).filter(|id| !id.is_empty());
        let roles = match validate(&info, &suppressed) {
            Err(message) => return refuse(stream, message, subscribed),
            Ok(_) if given.as_ref().is_some_and(|id| self.removed.contains(id)) => {
                return refuse(stream, REMOVED.into(), subscribed);
            }
            Ok(roles) => roles,
        };
        let id = match given {
            Some(id) => FrameworkId { value: id },
            None => self.new_framework_id(),
        };
        info.id = Some(id.clone());
        if self
            .frameworks
            .get(&id.value)
            .is_some_and(|known| known.info.principal != info.principal)
        {
            return refuse(stream, "Changing framework's principal is not allowed.".into(), subscribed);
        }
        self.take_back_offers(&id.value);
        let subscription = Subscription { id: stream_id, stream };
        self.framework_subscribed(&id.value, info, roles, suppressed, subscription);
        self.allocate();
        self.resend_updates(&id.value);
        subscribed
    }

    fn framework_subscribed(
        &mut self,
        id: &str,
        mut info: FrameworkInfo,
        roles: Vec<String>,
        suppressed: Vec<String>,
        subscription: Subscription,
    ) {
        let number = subscription.stream.id;
        let suppressed = suppressed.into_iter().collect();
        subscription.stream.send(&self.subscribed_event(id));
        subscription.stream.send(&scheduler_event(event::Type::Heartbeat));
        match self.frameworks.get_mut(id) {
            Some(framework) => {
                if let Some(old) = framework.subscription.take() {
                    let message = "Framework failed over".to_string();
                    old.stream.send(&Event {
                        error: Some(event::Error { message }),
                        ..scheduler_event(event::Type::Error)
                    });
                }
                // These two cannot change: quietly kept.
                info.user = framework.info.user.clone();
                info.checkpoint = framework.info.checkpoint;
                framework.info = info;
                framework.roles = roles;
                framework.suppressed = suppressed;
                framework.filters.clear();
                framework.subscription = Some(subscription);
                framework.reregistered = Some(now());
            }
            None => {
                let framework = Framework {
                    info,
                    roles,
                    suppressed,
                    filters: Vec::new(),
                    subscription: Some(subscription),
                    allocated: BTreeMap::new(),
                    tasks: BTreeMap::new(),
                    completed_tasks: VecDeque::new(),
                    executors: BTreeMap::new(),
                    registered: now(),
                    reregistered: None,
                    unregistered: 0.0,
                    disconnection: 0,
                };
                self.frameworks.insert(id.to_string(), framework);
            }
        }
        log::info!("framework {id} subscribed to the embedded cluster");
        self.timers.add(
            Duration::from_secs_f64(HEARTBEAT_SECONDS),
            Timer::Heartbeat { stream: number },
        );
    }

    fn subscribed_event(&self, id: &str) -> Event {
        let subscribed = event::Subscribed {
            framework_id: FrameworkId { value: id.to_string() },
            heartbeat_interval_seconds: Some(HEARTBEAT_SECONDS),
            master_info: Some(self.master_info()),
        };
        Event {
            subscribed: Some(subscribed),
            ..scheduler_event(event::Type::Subscribed)
        }
    }

    pub fn master_info(&self) -> MasterInfo {
        let address = self.identity.address;
        let ip = match address.ip() {
            // In network order on the wire, as libprocess has it in memory.
            std::net::IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
            std::net::IpAddr::V6(_) => 0,
        };
        let capability = |kind: master_info::capability::Type| master_info::Capability {
            r#type: Some(kind as i32),
        };
        MasterInfo {
            id: self.identity.master_id.clone(),
            ip,
            port: u32::from(address.port()),
            pid: Some(format!("master@{address}")),
            hostname: Some(self.identity.hostname.clone()),
            version: Some(VERSION.into()),
            address: Some(self.address()),
            domain: None,
            capabilities: vec![capability(master_info::capability::Type::AgentUpdate)],
        }
    }

    pub fn address(&self) -> Address {
        Address {
            hostname: Some(self.identity.hostname.clone()),
            ip: Some(self.identity.address.ip().to_string()),
            port: i32::from(self.identity.address.port()),
        }
    }

    /// Sends `event` to the framework if it is connected.
    pub fn send(&self, framework: &str, event: &Event) -> bool {
        match self.frameworks.get(framework).and_then(|f| f.subscription.as_ref()) {
            Some(subscription) => {
                subscription.stream.send(event);
                true
            }
            None => false,
        }
    }

    /// Sends a status as it is. Those without a uuid are sent only here, and never again.
    pub fn send_status(&self, framework: &str, status: TaskStatus) -> bool {
        let update = Some(event::Update { status });
        self.send(
            framework,
            &Event {
                update,
                ..scheduler_event(event::Type::Update)
            },
        )
    }

    pub fn heartbeat(&mut self, stream: u64) {
        let subscriptions = self.frameworks.values().filter_map(|f| f.subscription.as_ref());
        if let Some(live) = subscriptions.into_iter().find(|s| s.stream.id == stream) {
            live.stream.send(&scheduler_event(event::Type::Heartbeat));
            self.timers
                .add(Duration::from_secs_f64(HEARTBEAT_SECONDS), Timer::Heartbeat { stream });
        }
    }

    /// The stream is gone: offers are taken back, and the failover timeout runs.
    pub fn disconnect(&mut self, id: &str) {
        self.take_back_offers(id);
        let disconnection = self.number();
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        framework.subscription = None;
        framework.disconnection = disconnection;
        framework.unregistered = now();
        let timeout = Duration::try_from_secs_f64(framework.info.failover_timeout.unwrap_or(0.0)).unwrap_or_default();
        log::info!("framework {id} disconnected, removed in {timeout:?} unless it comes back");
        self.timers.add(
            timeout,
            Timer::Failover {
                framework: id.to_string(),
                disconnection,
            },
        );
    }

    pub fn failover_timeout(&mut self, id: &str, disconnection: u64) {
        if self
            .frameworks
            .get(id)
            .is_some_and(|f| !f.is_connected() && f.disconnection == disconnection)
        {
            self.remove_framework(id);
        }
    }

    /// TEARDOWN, or a disconnection that lasted: executors are shut down, tasks end as killed without any update.
    pub fn remove_framework(&mut self, id: &str) {
        self.take_back_offers(id);
        let Some(mut framework) = self.frameworks.remove(id) else {
            return;
        };
        framework.unregistered = now();
        framework.subscription = None;
        for task in framework.tasks.values_mut().filter(|task| !is_terminal(task.state)) {
            // Still used until the process is gone.
            match self.containers.get_mut(&task.process) {
                Some(container) => container.held.add(&task.resources),
                None => self.free.add(&task.resources),
            }
            task.state = TaskState::TaskKilled;
            let mut removed = status(&task.info.task_id.value, TaskState::TaskKilled, Source::Master);
            removed.reason = Some(Reason::FrameworkRemoved as i32);
            removed.message = Some(format!("Framework {id} removed"));
            task.history.push(removed);
        }
        let ids: Vec<String> = framework.tasks.keys().cloned().collect();
        ids.iter().for_each(|task| framework.complete_task(task));
        self.remember_removed(id.to_string(), framework);
        let processes: Vec<u64> = self
            .containers
            .iter()
            .filter(|(_, c)| c.framework == id)
            .map(|(p, _)| *p)
            .collect();
        processes.into_iter().for_each(|process| self.shutdown(process));
        log::info!("framework {id} removed");
        self.keep_turns();
        self.allocate();
    }

    /// UPDATE_FRAMEWORK: the texts are those of a 400.
    pub fn update_framework(&mut self, id: &str, info: FrameworkInfo, suppressed: Vec<String>) -> Result<(), String> {
        let roles = validate(&info, &suppressed).map_err(|e| format!("Supplied FrameworkInfo is not valid: {e}"))?;
        let Some(framework) = self.frameworks.get_mut(id) else {
            return Err("Framework cannot be found".into());
        };
        let unsupported = |field: &str, from: &str, to: &str| {
            let what = format!("Updating 'FrameworkInfo.{field}' is unsupported; attempted to update from '{from}' to '{to}'");
            Err(format!("FrameworkInfo update is not valid: {what}"))
        };
        let old = &framework.info;
        if old.user != info.user {
            return unsupported("user", &old.user, &info.user);
        }
        if old.principal != info.principal {
            let text = |principal: &Option<String>| principal.clone().unwrap_or_default();
            return unsupported("principal", &text(&old.principal), &text(&info.principal));
        }
        if old.checkpoint.unwrap_or(false) != info.checkpoint.unwrap_or(false) {
            let text = |checkpoint: Option<bool>| checkpoint.unwrap_or(false).to_string();
            return unsupported("checkpoint", &text(old.checkpoint), &text(info.checkpoint));
        }
        framework.info = info;
        framework.roles = roles;
        framework.suppressed = suppressed.into_iter().collect();
        self.rescind_foreign_offers(id);
        self.allocate();
        Ok(())
    }

    /// A scheduler's MESSAGE to an executor: lost unless that is running.
    pub fn message_to_executor(&mut self, framework: &str, message: call::Message) {
        let Some(process) = self
            .frameworks
            .get(framework)
            .and_then(|f| f.executors.get(&message.executor_id.value))
        else {
            return;
        };
        if let Some(Kind::Custom(executor)) = self.containers.get(process).map(|c| &c.kind) {
            if let Some(stream) = executor
                .stream
                .as_ref()
                .filter(|_| message.slave_id.value == self.identity.agent_id)
            {
                match stream.is_full() {
                    false => super::agent::executors::send_message(stream, message.data),
                    true => log::warn!(
                        "a message to executor {} is dropped: it does not read",
                        message.executor_id.value
                    ),
                }
            }
        }
    }

    /// RECONCILE: every answer is an update without uuid. An empty list asks for all tasks.
    pub fn reconcile(&mut self, id: &str, asked: &[call::reconcile::Task]) {
        let Some(framework) = self.frameworks.get(id) else { return };
        if framework.is_full() {
            return log::warn!("framework {id} asks for states and does not read them: no answer");
        }
        if asked.is_empty() {
            let all: Vec<TaskStatus> = framework
                .tasks
                .keys()
                .map(|task| self.reconciled(framework, task, None))
                .collect();
            all.into_iter().for_each(|status| {
                self.send_status(id, status);
            });
            return;
        }
        for one in asked {
            let agent = one.slave_id.as_ref().map(|agent| agent.value.as_str());
            self.send_status(id, self.reconciled(framework, &one.task_id.value, agent));
        }
    }

    /// What is known of `task`; `agent` is where the framework believes it to be.
    pub fn reconciled(&self, framework: &Framework, task: &str, agent: Option<&str>) -> TaskStatus {
        let (state, message) = match framework.tasks.get(task) {
            Some(known) => (known.forwarded.unwrap_or(known.state), "Reconciliation: Latest task state"),
            None if agent == Some(self.identity.agent_id.as_str()) => (
                framework.lost(TaskState::TaskGone),
                "Reconciliation: Task is unknown to the agent",
            ),
            None => (framework.lost(TaskState::TaskUnknown), "Reconciliation: Task is unknown"),
        };
        let mut answer = status(task, state, Source::Master);
        answer.reason = Some(Reason::Reconciliation as i32);
        answer.message = Some(message.into());
        answer.slave_id = agent.map(|agent| crate::proto::SlaveId {
            value: agent.to_string(),
        });
        if let Some(known) = framework.tasks.get(task) {
            answer.slave_id = Some(self.agent_id());
            answer.executor_id = known.executor_id.clone().map(|value| crate::proto::ExecutorId { value });
            answer.healthy = known.healthy;
            answer.container_status = known.container_status.clone();
        }
        answer
    }
}

fn refuse(stream: EventStream, message: String, subscribed: Subscribed) -> Subscribed {
    stream.send(&Event {
        error: Some(event::Error { message }),
        ..scheduler_event(event::Type::Error)
    });
    subscribed
}
