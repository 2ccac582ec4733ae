//! Operations on resources: reservations and volumes, from their ACCEPT until their updates are acknowledged.
//!
//! What reserves, or makes a volume, is taken for done at once: what comes after it in the same ACCEPT may use it. A volume that grows or
//! shrinks is with nobody until the agent has done that. All of this is so in Mesos.

use super::operation_checks::{self as checks, Against};
use super::state::{Agent, Offer, Operation};
use super::{slave_id, Master};
use crate::local::events::scheduler_event;
use crate::local::ids;
use crate::local::messages::{KnownOperation, MissingOperation, ToAgent};
use crate::proto::offer::{operation::Type, Operation as Wanted};
use crate::proto::scheduler::call::reconcile_operations;
use crate::proto::scheduler::{event, Event};
use crate::proto::{OperationId, OperationState, OperationStatus, SlaveId};
use crate::resources::conversion::{self, Conversion, Volume};
use crate::resources::Resources;
use bytes::Bytes;
use std::collections::BTreeSet;

/// What is left of the offers of an ACCEPT.
#[derive(Default)]
pub(super) struct Left {
    pub available: Resources,
    /// What of it was made by operations: it was never refused.
    pub converted: Resources,
    /// What tasks may share: one of them using it leaves it to the others.
    pub shared: Resources,
}

impl Left {
    pub fn new(offered: Resources) -> Self {
        Left {
            shared: offered.shared(),
            available: offered,
            converted: Resources::default(),
        }
    }

    pub fn take(&mut self, used: &Resources) {
        self.available.subtract(used);
        self.converted.subtract(used);
    }

    /// What a task may use.
    pub fn for_a_task(&self) -> Resources {
        let mut all = self.available.unshared();
        all.add(&self.shared);
        all
    }

    /// What of it tasks have used already, so that the next one shares it with them.
    pub fn shared_again(&self, used: &Resources) -> Resources {
        let mut more = used.shared();
        more.subtract(&self.available);
        more
    }

    /// An operation has made one of the other.
    fn convert(&mut self, kind: Type, conversion: &Conversion) {
        self.take(&conversion.consumed);
        self.available.add(&conversion.converted);
        self.converted.add(&conversion.converted);
        // As in Mesos: what tasks before it use, tasks after it cannot share.
        if matches!(kind, Type::Create | Type::Destroy) {
            self.shared = self.available.shared();
        }
    }
}

/// Nothing comes after it.
fn has_ended(state: OperationState) -> bool {
    use OperationState::*;
    matches!(
        state,
        OperationFinished | OperationFailed | OperationError | OperationDropped | OperationGoneByOperator
    )
}

impl Master {
    /// An operation of an ACCEPT.
    pub(super) fn operate(&mut self, framework_id: &str, wanted: Wanted, agent_id: &str, role: &str, left: &mut Left) {
        if wanted.r#type() == Type::Unknown {
            return log::warn!("framework {framework_id}: an operation of an unknown type is ignored");
        }
        let (Some(framework), Some(agent)) = (self.frameworks.get(framework_id), self.agents.get(agent_id)) else {
            return;
        };
        // To look through all tasks is only for those that ask for it.
        let used = match wanted.r#type() {
            Type::Destroy => self.used_on(agent_id),
            _ => Resources::default(),
        };
        let against = Against {
            framework: Some((framework_id, framework)),
            agent,
            role: Some(role),
            available: &left.available,
            used: &used,
        };
        let place = format!("; on{}", self.place(agent_id, agent));
        let valid = checks::resources(&wanted).and_then(|()| checks::operation(&wanted, &against).map_err(|why| why + &place));
        let fits = valid.clone().and_then(|()| checks::fits(&wanted, &against));
        if valid.is_ok() {
            self.rescind_destroyed(agent_id, &wanted);
        }
        if let Err(why) = fits {
            return self.refuse_operation(framework_id, &wanted, why);
        }
        let conversion = conversion::of(&wanted);
        let held = match conversion::is_speculative(&wanted) {
            true => {
                left.convert(wanted.r#type(), &conversion);
                self.convert(agent_id, framework_id, role, &conversion);
                Resources::default()
            }
            false => {
                left.take(&conversion.consumed);
                conversion.consumed
            }
        };
        let operation = Operation {
            framework: framework_id.to_string(),
            agent: agent_id.to_string(),
            role: role.to_string(),
            id: wanted.id.clone(),
            held,
            converted: conversion.converted,
            state: OperationState::OperationPending,
            forwarded: None,
        };
        let name = self.new_operation(operation);
        let (framework, operation) = (framework_id.to_string(), Box::new(wanted));
        self.send_agent(
            agent_id,
            ToAgent::Apply {
                name,
                framework,
                operation,
            },
        );
    }

    /// Takes back what others were offered of a shared volume that is to be destroyed.
    fn rescind_destroyed(&mut self, agent_id: &str, wanted: &Wanted) {
        let volumes = conversion::destroyed(wanted);
        let holds = |offer: &Offer| {
            offer
                .resources
                .items()
                .iter()
                .filter_map(Volume::of)
                .any(|held| volumes.contains(&held))
        };
        for id in self.offers_where(|offer| offer.agent == agent_id && holds(offer)) {
            self.rescind(&id);
        }
    }

    /// Where an agent is, in texts.
    pub(super) fn place(&self, id: &str, agent: &Agent) -> String {
        let pid = ids::agent_pid(agent.link, self.identity.agents);
        format!(" agent {id} at {pid} ({})", agent.info.hostname)
    }

    /// Keeps an operation until it has ended, under a name of the master's.
    pub(super) fn new_operation(&mut self, operation: Operation) -> String {
        let number = self.number();
        let name = format!("{}-P{number}", self.identity.id);
        self.operations.insert(name.clone(), operation);
        name
    }

    /// What tasks and executors on an agent use.
    pub(super) fn used_on(&self, agent: &str) -> Resources {
        let mut used = Resources::default();
        let tasks = self.frameworks.values().flat_map(|f| f.tasks.values());
        tasks
            .filter(|task| task.agent == agent)
            .for_each(|task| used.add(&task.resources));
        let executors = self.agents.get(agent).into_iter().flat_map(|agent| agent.executors.values());
        executors.for_each(|executor| used.add(&executor.resources));
        used
    }

    /// What of an agent is offered, and what is used.
    pub fn offered_and_used(&self, id: &str, agent: &Agent) -> (Resources, Resources) {
        let mut offered = Resources::default();
        let offers = self.offers.values().filter(|offer| offer.agent == id);
        offers.for_each(|offer| offered.add(&offer.resources));
        let mut used = agent.total.clone();
        used.subtract(&agent.free);
        used.subtract(&offered);
        used.add(&self.used_on(id).shared());
        (offered, used)
    }

    /// What a framework was offered of an agent has become something else.
    pub(super) fn convert(&mut self, agent: &str, framework: &str, role: &str, conversion: &Conversion) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.convert(conversion);
        }
        if let Some(framework) = self.frameworks.get_mut(framework) {
            framework.subtract_allocated(role, &conversion.consumed);
            framework.add_allocated(role, &conversion.converted);
        }
    }

    /// An operation that cannot be carried out; only those with an id are answered.
    pub(super) fn refuse_operation(&mut self, framework: &str, wanted: &Wanted, why: String) {
        log::warn!("{} of framework {framework} is refused: {why}", wanted.r#type().as_str_name());
        if let Some(id) = &wanted.id {
            let state = OperationState::OperationError;
            self.send_operation(framework, own_status(id, state, Some(why), None));
        }
    }

    fn send_operation(&mut self, framework: &str, status: OperationStatus) {
        let update_operation_status = Some(event::UpdateOperationStatus { status });
        self.send(
            framework,
            Event {
                update_operation_status,
                ..scheduler_event(event::Type::UpdateOperationStatus)
            },
        );
    }

    /// What an agent says of an operation.
    pub(super) fn operation_update(&mut self, link: usize, told: KnownOperation) {
        let Some(agent) = self.agent_at(link) else { return };
        let (Ok(state), Some(uuid)) = (OperationState::try_from(told.status.state), told.status.uuid.clone()) else {
            return;
        };
        let uuid = uuid.value;
        // One that is not known was forgotten with its agent, or by a failover of the master.
        let unknown = || Operation {
            framework: told.framework.clone(),
            agent: agent.clone(),
            role: String::new(),
            id: told.status.operation_id.clone(),
            held: Resources::default(),
            converted: Resources::default(),
            state,
            forwarded: None,
        };
        let known = self.operations.entry(told.name.clone()).or_insert_with(unknown);
        let ends = has_ended(state) && !has_ended(known.state);
        (known.state, known.forwarded) = (state, Some(uuid.clone()));
        let wants_feedback = known.id.is_some();
        if ends {
            self.settle(&told.name);
        }
        if !wants_feedback || self.removed.contains(&told.framework) {
            self.operations.remove(&told.name);
            self.acknowledge_to(&agent, told.name, uuid);
            return self.check_drains();
        }
        if self.frameworks.get(&told.framework).is_some_and(|f| !f.is_full()) {
            self.send_operation(&told.framework, told.status);
        }
    }

    /// What an operation held comes back: converted if it has finished, else as it was.
    fn settle(&mut self, name: &str) {
        let Some(known) = self.operations.get_mut(name) else { return };
        let held = std::mem::take(&mut known.held);
        if held.is_empty() {
            return;
        }
        let (agent, framework, role) = (known.agent.clone(), known.framework.clone(), known.role.clone());
        let (finished, converted) = (known.state == OperationState::OperationFinished, known.converted.clone());
        match finished {
            true => {
                let consumed = held;
                let conversion = Conversion { consumed, converted };
                self.convert(&agent, &framework, &role, &conversion);
                self.recover(&framework, &agent, &role, &conversion.converted);
            }
            false => self.recover(&framework, &agent, &role, &held),
        }
        self.allocate_soon();
    }

    fn acknowledge_to(&mut self, agent: &str, name: String, uuid: Bytes) {
        self.send_agent(agent, ToAgent::AcknowledgeOperation { name, uuid });
    }

    /// ACKNOWLEDGE_OPERATION_STATUS. The agent hears of it; an operation whose end is acknowledged is forgotten.
    pub fn acknowledge_operation(&mut self, framework: &str, id: &OperationId, uuid: &Bytes) {
        let its = |known: &Operation| {
            known.framework == framework && known.id.as_ref() == Some(id) && known.forwarded.as_ref() == Some(uuid)
        };
        let found = self.operations.iter().find(|(_, known)| its(known));
        let Some((name, known)) = found.map(|(name, known)| (name.clone(), known)) else {
            return log::debug!("an acknowledgement of an operation that nobody knows is dropped");
        };
        let agent = known.agent.clone();
        if !self.agents.get(&agent).is_some_and(|agent| agent.connected) {
            return log::debug!("an acknowledgement for an agent that is not connected is dropped");
        }
        if has_ended(known.state) {
            self.operations.remove(&name);
        }
        self.acknowledge_to(&agent, name, uuid.clone());
        self.check_drains();
    }

    /// RECONCILE_OPERATIONS: every answer is an update without uuid. An empty list asks for all operations.
    pub fn reconcile_operations(&mut self, framework: &str, asked: &[reconcile_operations::Operation]) {
        if self.frameworks.get(framework).map_or(true, |f| f.is_full()) {
            return log::warn!("framework {framework} asks for operations and does not read them: no answer");
        }
        let mine = || self.operations.values().filter(|known| known.framework == framework);
        let known = |known: &Operation| {
            let id = known.id.as_ref()?;
            Some(own_status(id, known.state, None, Some(slave_id(&known.agent))))
        };
        let answers: Vec<OperationStatus> = match asked {
            [] => mine().filter_map(known).collect(),
            asked => asked
                .iter()
                .map(|one| {
                    let found = mine().find(|known| known.id.as_ref() == Some(&one.operation_id));
                    found.and_then(known).unwrap_or_else(|| self.unknown_operation(one))
                })
                .collect(),
        };
        answers.into_iter().for_each(|answer| self.send_operation(framework, answer));
    }

    fn unknown_operation(&self, asked: &reconcile_operations::Operation) -> OperationStatus {
        use OperationState::*;
        let (state, text) = match asked.slave_id.as_ref().map(|agent| &agent.value) {
            None => (OperationUnknown, "Operation is unknown and no 'agent_id' was provided"),
            Some(agent) if self.recovered.contains_key(agent) => {
                (OperationRecovering, "Agent is recovered but has not reregistered")
            }
            Some(agent) if self.agents.contains_key(agent) => (OperationUnknown, "Operation is unknown"),
            Some(agent) if self.unreachable.contains_key(agent) => (OperationUnreachable, "Agent is unreachable"),
            Some(agent) if self.gone.contains(agent) => (OperationGoneByOperator, "Agent marked gone by operator"),
            Some(_) => (OperationUnknown, "Both operation and agent are unknown"),
        };
        let message = Some(format!("Reconciliation: {text}"));
        own_status(&asked.operation_id, state, message, asked.slave_id.clone())
    }

    /// An agent has come back with the operations that it `named`, and tells of them again. What it did not name, it will answer for.
    pub(super) fn operations_are_on(&mut self, agent: &str, named: &BTreeSet<String>) {
        let mut missing = Vec::new();
        for (name, known) in self.operations.iter_mut().filter(|(_, known)| known.agent == agent) {
            // The agent has said what it has: nothing is held any more.
            let held = std::mem::take(&mut known.held);
            if let Some(framework) = self.frameworks.get_mut(&known.framework) {
                framework.subtract_allocated(&known.role, &held);
            }
            if !named.contains(name) {
                missing.push(MissingOperation {
                    name: name.clone(),
                    framework: known.framework.clone(),
                    id: known.id.clone(),
                });
            }
        }
        if !missing.is_empty() {
            let operations = missing;
            self.send_agent(agent, ToAgent::MissingOperations { operations });
        }
    }

    /// The agent is no more: so is what it knew of operations. `told` is what their frameworks hear, if anything.
    pub(super) fn forget_operations(&mut self, agent: &str, told: Option<(OperationState, &str)>) {
        let names = self.operations.iter().filter(|(_, known)| known.agent == agent);
        for name in names.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let Some(known) = self.operations.remove(&name) else {
                continue;
            };
            self.recover(&known.framework, agent, &known.role, &known.held);
            if let (Some(id), Some((state, message))) = (&known.id, told) {
                let status = own_status(id, state, Some(message.to_string()), Some(slave_id(agent)));
                self.send_operation(&known.framework, status);
            }
        }
    }

    /// The framework is gone: nobody will acknowledge its operations. Those that have not ended are acknowledged then.
    pub(super) fn release_operations(&mut self, framework: &str) {
        let ended = |known: &Operation| known.framework == framework && has_ended(known.state);
        let names = self.operations.iter().filter(|(_, known)| ended(known));
        for name in names.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let known = self.operations.remove(&name);
            if let Some((agent, uuid)) = known.and_then(|known| Some((known.agent, known.forwarded?))) {
                self.acknowledge_to(&agent, name, uuid);
            }
        }
    }
}

/// The master's own word on an operation, which needs no acknowledgement.
fn own_status(id: &OperationId, state: OperationState, message: Option<String>, agent: Option<SlaveId>) -> OperationStatus {
    OperationStatus {
        operation_id: Some(id.clone()),
        state: state as i32,
        message,
        slave_id: agent,
        ..Default::default()
    }
}
