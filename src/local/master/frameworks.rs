//! Frameworks: SUBSCRIBE, heartbeats, UPDATE_FRAMEWORK, disconnections, TEARDOWN.

use super::constraints::Constraints;
use super::state::{Framework, Subscription};
use super::{Action, Master, Timer, REMEMBERED_FRAMEWORKS, REMEMBERED_IDS};
use crate::driver::framework::REMOVED;
use crate::local::capabilities;
use crate::local::events::{is_terminal, scheduler_event, status, Stream};
use crate::local::ids;
use crate::local::messages::ToAgent;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::scheduler::{event, Event, OfferConstraints};
use crate::proto::task_status::{Reason, Source};
use crate::proto::{FrameworkId, FrameworkInfo, TaskState};
use crate::resources::role;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a framework says of itself when it subscribes, or later.
#[derive(Default)]
pub struct Wish {
    pub info: FrameworkInfo,
    pub suppressed: Vec<String>,
    pub constraints: Option<OfferConstraints>,
}

/// The roles that `info` asks for, or why it may not.
#[allow(deprecated)]
pub fn roles_of(info: &FrameworkInfo) -> Result<Vec<String>, String> {
    if !capabilities::has(info, Capability::MultiRole) {
        if !info.roles.is_empty() {
            return Err("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable".into());
        }
        let role = info.role.clone().unwrap_or_else(|| "*".into());
        role::check_role(&role).map_err(|e| format!("'FrameworkInfo.role' is not a valid role: {e}"))?;
        return Ok(vec![role]);
    }
    if info.role.is_some() {
        return Err("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable".into());
    }
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for role in &info.roles {
        if !seen.insert(role) {
            twice.insert(role.as_str());
        }
    }
    if !twice.is_empty() {
        let twice: Vec<&str> = twice.into_iter().collect();
        return Err(format!(
            "'FrameworkInfo.roles' contains duplicate items: {{ {} }}",
            twice.join(", ")
        ));
    }
    for role in &info.roles {
        role::check_role(role).map_err(|e| format!("'FrameworkInfo.roles' contains invalid role: {e}"))?;
    }
    Ok(info.roles.clone())
}

/// A number as a C++ stream prints it: six digits, with an exponent of two at least if it is large.
fn as_stream_prints(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.abs() < 1e6 || number.is_infinite() {
        return number.to_string();
    }
    let text = format!("{number:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e+{exponent:0>2}")
}

fn validate(info: &FrameworkInfo, suppressed: &[String]) -> Result<Vec<String>, String> {
    let roles = roles_of(info)?;
    if let Some(id) = info.id.as_ref().filter(|id| !id.value.is_empty()) {
        ids::check(&id.value).map_err(|e| format!("'FrameworkInfo.id' is not a valid ID: {e}"))?;
    }
    if let Some(timeout) = info.failover_timeout.filter(|t| t.abs() > i64::MAX as f64 / 1e9) {
        return Err(format!(
            "The framework failover_timeout ({}) is invalid",
            as_stream_prints(timeout)
        ));
    }
    match suppressed.iter().find(|role| !roles.contains(role)) {
        Some(role) => Err(format!("Suppressed role '{role}' is not one of the framework's roles")),
        None => Ok(roles),
    }
}

impl Master {
    /// SUBSCRIBE on a fresh stream, with the id that is its Mesos-Stream-Id. Whatever is wrong with the framework is an ERROR event on it,
    /// which then ends.
    pub fn subscribe(&mut self, wish: Wish, stream: Stream, stream_id: String) {
        let (mut info, suppressed) = (wish.info, wish.suppressed);
        let given = info.id.as_ref().map(|id| id.value.clone()).filter(|id| !id.is_empty());
        let roles = match validate(&info, &suppressed) {
            Err(message) => return self.end_with(stream.id, message),
            Ok(_) if given.as_ref().is_some_and(|id| self.removed.contains(id)) => {
                return self.end_with(stream.id, REMOVED.into());
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
            return self.end_with(stream.id, "Changing framework's principal is not allowed.".into());
        }
        let constraints = match Constraints::new(wish.constraints) {
            Err(message) => return self.end_with(stream.id, message),
            Ok(constraints) => constraints,
        };
        self.take_back_offers(&id.value);
        self.forget_inverse_offers(&id.value);
        let subscription = Subscription { id: stream_id, stream };
        self.subscribed(&id.value, info, roles, suppressed, subscription);
        if let Some(framework) = self.frameworks.get_mut(&id.value) {
            framework.constraints = constraints;
        }
        self.allocate();
    }

    /// An ERROR event, which ends the stream.
    fn end_with(&mut self, stream: u64, message: String) {
        let event = Box::new(Event {
            error: Some(event::Error { message }),
            ..scheduler_event(event::Type::Error)
        });
        self.actions.push(Action::Send { stream, event });
        self.actions.push(Action::End { stream });
    }

    fn subscribed(
        &mut self,
        id: &str,
        mut info: FrameworkInfo,
        roles: Vec<String>,
        suppressed: Vec<String>,
        subscription: Subscription,
    ) {
        let (now, stream) = (self.now, subscription.stream.id);
        let mut replaced = None;
        match self.frameworks.get_mut(id) {
            Some(framework) => {
                replaced = framework.subscription.take();
                // These two cannot change: quietly kept. What agents told of a framework is complete, too.
                info.user = framework.info.user.clone();
                info.checkpoint = framework.info.checkpoint;
                framework.info = info;
                framework.roles = roles;
                match std::mem::take(&mut framework.recovered) {
                    true => framework.registered = now.seconds(),
                    false => framework.reregistered = Some(now.seconds()),
                }
            }
            None => {
                let framework = Framework::new(info, roles, now);
                self.frameworks.insert(id.to_string(), framework);
            }
        }
        match replaced {
            // What the framework refused before is refused still: only its driver is another one.
            Some(old) => self.end_with(old.stream.id, "Framework failed over".to_string()),
            None => self.forget_refusals(id, |_| true),
        }
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.subscription = Some(subscription);
            framework.suppressed = suppressed.into_iter().collect();
        }
        let subscribed = self.subscribed_event(id);
        self.send(id, subscribed);
        self.send(id, scheduler_event(event::Type::Heartbeat));
        log::info!("framework {id} subscribed to the embedded cluster");
        self.timers
            .after(now, self.identity.intervals.heartbeat, Timer::Heartbeat { stream });
        self.tell_agents_of(id, true);
    }

    /// Agents that run something of the framework hear of it, and whether it is `back`.
    fn tell_agents_of(&mut self, id: &str, back: bool) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let info = framework.info.clone();
        let of_tasks = framework.tasks.values().map(|task| task.agent.clone());
        let of_executors = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.executors_of(id).next().is_some())
            .map(|(agent, _)| agent.clone());
        let agents: BTreeSet<String> = of_tasks.chain(of_executors).collect();
        for agent in agents {
            let framework = Box::new(info.clone());
            self.send_agent(&agent, ToAgent::UpdateFramework { framework, resend: back });
        }
    }

    fn subscribed_event(&self, id: &str) -> Event {
        let subscribed = event::Subscribed {
            framework_id: FrameworkId { value: id.to_string() },
            heartbeat_interval_seconds: Some(self.identity.intervals.heartbeat.as_secs_f64()),
            master_info: Some(self.master_info()),
        };
        Event {
            subscribed: Some(subscribed),
            ..scheduler_event(event::Type::Subscribed)
        }
    }

    pub(super) fn heartbeat(&mut self, stream: u64) {
        let mut subscriptions = self.frameworks.values().filter_map(|f| f.subscription.as_ref());
        if subscriptions.any(|s| s.stream.id == stream) {
            let event = Box::new(scheduler_event(event::Type::Heartbeat));
            self.actions.push(Action::Send { stream, event });
            self.timers
                .after(self.now, self.identity.intervals.heartbeat, Timer::Heartbeat { stream });
        }
    }

    /// The reader of a stream has gone.
    pub fn stream_closed(&mut self, stream: u64) {
        let of = |f: &&Framework| f.subscription.as_ref().is_some_and(|s| s.stream.id == stream);
        if let Some(id) = self.frameworks.values().find(of).map(|f| f.id().to_string()) {
            self.disconnect(&id);
        }
    }

    /// The stream is gone: offers are taken back, and the failover timeout runs.
    fn disconnect(&mut self, id: &str) {
        self.take_back_offers(id);
        self.forget_inverse_offers(id);
        match self.await_return(id) {
            Some(timeout) => log::info!("framework {id} disconnected, removed in {timeout:?} unless it comes back"),
            None => log::info!("framework {id} disconnected, and is never removed: its failover_timeout is negative"),
        }
    }

    /// Starts the failover timeout of a framework that has no stream. A negative one, which Mesos takes, never ends.
    pub(super) fn await_return(&mut self, id: &str) -> Option<Duration> {
        let disconnection = self.number();
        let now = self.now;
        let Some(framework) = self.frameworks.get_mut(id) else {
            return Some(Duration::ZERO);
        };
        framework.subscription = None;
        framework.disconnection = disconnection;
        framework.unregistered = now.seconds();
        // What is no time is negative, or no number at all: it was checked when the framework subscribed.
        let timeout = Duration::try_from_secs_f64(framework.info.failover_timeout.unwrap_or(0.0)).ok()?;
        let framework = id.to_string();
        let timer = Timer::Failover {
            framework,
            disconnection,
        };
        self.timers.after(now, timeout, timer);
        Some(timeout)
    }

    pub(super) fn failover_timeout(&mut self, id: &str, disconnection: u64) {
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
        self.forget_refusals(id, |_| true);
        self.forget_inverse_offers(id);
        self.inverse_offers.answers.retain(|(owner, _), _| owner != id);
        let Some(mut framework) = self.frameworks.remove(id) else {
            return;
        };
        framework.unregistered = self.now.seconds();
        if let Some(subscription) = framework.subscription.take() {
            let stream = subscription.stream.id;
            self.actions.push(Action::End { stream });
        }
        let now = self.now;
        for (_, mut task) in std::mem::take(&mut framework.tasks) {
            if let Some(agent) = self.agents.get_mut(&task.agent) {
                agent.give_back(&task.resources);
            }
            if !is_terminal(task.state) {
                task.state = TaskState::TaskKilled;
                let mut removed = status(now, &task.info.task_id.value, TaskState::TaskKilled, Source::Master);
                removed.reason = Some(Reason::FrameworkRemoved as i32);
                removed.message = Some(format!("Framework {id} removed"));
                task.record(&removed);
            }
            framework.remember(task);
        }
        for (_, task) in std::mem::take(&mut framework.unreachable_tasks) {
            framework.remember(task);
        }
        framework.allocated.clear();
        let mut ended = Vec::new();
        for agent in self.agents.values_mut() {
            let executors = std::mem::take(&mut agent.executors);
            let (theirs, others): (Vec<_>, Vec<_>) = executors.into_iter().partition(|((owner, _), _)| owner == id);
            agent.executors = others.into_iter().collect();
            theirs.iter().for_each(|(_, executor)| agent.give_back(&executor.resources));
            agent.kills.retain(|(owner, _), _| owner != id);
            if agent.connected {
                ended.push(agent.link);
            }
        }
        for link in ended {
            let framework = id.to_string();
            self.send_link(link, ToAgent::ShutdownFramework { framework });
        }
        self.release_operations(id);
        self.check_drains();
        self.remember_removed(framework);
        log::info!("framework {id} removed");
        self.keep_turns();
        self.allocate_soon();
    }

    fn remember_removed(&mut self, framework: Framework) {
        if self.removed.len() >= REMEMBERED_IDS {
            self.removed.pop_first();
        }
        self.removed.insert(framework.id().to_string());
        self.completed.push_back(framework);
        if self.completed.len() > REMEMBERED_FRAMEWORKS {
            self.completed.pop_front();
        }
    }

    /// UPDATE_FRAMEWORK: the texts are those of a 400.
    pub fn update_framework(&mut self, id: &str, wish: Wish) -> Result<(), String> {
        let (info, suppressed) = (wish.info, wish.suppressed);
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
        let constraints = Constraints::new(wish.constraints);
        let constraints = constraints.map_err(|e| format!("'UpdateFramework.offer_constraints' are not valid: {e}"))?;
        framework.info = info;
        framework.roles = roles;
        framework.suppressed = suppressed.into_iter().collect();
        framework.constraints = constraints;
        self.rescind_foreign_offers(id);
        self.tell_agents_of(id, false);
        self.allocate();
        Ok(())
    }
}
