//! Operations on the agent's resources. What they made of them outlives the agent's process, and the volumes are directories.

use super::launch::Mount;
use super::state::Operation;
use super::volumes;
use super::{Action, Agent, Timer};
use crate::local::events::uuid;
use crate::local::messages::{KnownOperation, MissingOperation, ToMaster};
use crate::proto::offer::Operation as Wanted;
use crate::proto::{OperationId, OperationState, OperationStatus, Resource, Uuid};
use crate::resources::conversion::{self, Volume};
use crate::resources::item::canonical;

impl Agent {
    /// APPLY of the master.
    pub(super) fn apply(&mut self, name: String, framework: String, wanted: &Wanted) {
        let conversion = conversion::of(wanted);
        let (state, message) = match self.total.contains(&conversion.consumed) {
            true => {
                self.total.subtract(&conversion.consumed);
                self.total.add(&conversion.converted);
                self.change_volumes(wanted);
                (OperationState::OperationFinished, None)
            }
            false => {
                let why = "The agent does not have the resources of the operation".to_string();
                (OperationState::OperationFailed, Some(why))
            }
        };
        self.operation_ended(name, framework, wanted.id.clone(), state, message);
    }

    fn change_volumes(&mut self, wanted: &Wanted) {
        let path = |volume: &Volume| volumes::path(&self.identity.work_dir, self.identity.number, volume);
        let make: Vec<_> = conversion::created(wanted).iter().map(path).collect();
        let remove: Vec<_> = conversion::destroyed(wanted).iter().map(path).collect();
        if !make.is_empty() || !remove.is_empty() {
            self.actions.push(Action::Volumes { make, remove });
        }
    }

    fn operation_ended(
        &mut self,
        name: String,
        framework: String,
        operation_id: Option<OperationId>,
        state: OperationState,
        message: Option<String>,
    ) {
        let status = OperationStatus {
            operation_id,
            state: state as i32,
            message,
            uuid: uuid().map(|value| Uuid { value }),
            slave_id: self.id.clone(),
            ..Default::default()
        };
        let known = KnownOperation {
            name: name.clone(),
            framework,
            status,
        };
        let backoff = self.identity.intervals.retry;
        self.operations.insert(name.clone(), Operation { known, backoff });
        self.send_operation(&name);
    }

    /// Sends an update, and again when the time has come.
    pub(super) fn send_operation(&mut self, name: &str) {
        let most = self.identity.intervals.retry_max;
        let Some(operation) = self.operations.get_mut(name) else {
            return;
        };
        let wait = operation.backoff;
        operation.backoff = (wait * 2).min(most);
        let name = name.to_string();
        self.timers.after(self.now, wait, Timer::Operation { name: name.clone() });
        self.tell_operation(&name);
    }

    fn tell_operation(&mut self, name: &str) {
        let registered = self.is_registered();
        if let Some(operation) = self.operations.get(name).filter(|_| registered) {
            let known = Box::new(operation.known.clone());
            self.tell_master(ToMaster::OperationUpdate(known));
        }
    }

    /// The master is a new one, or had lost this agent. The retries stay armed.
    pub(super) fn resend_operations(&mut self) {
        let names: Vec<String> = self.operations.keys().cloned().collect();
        names.iter().for_each(|name| self.tell_operation(name));
    }

    /// Timers of what a former agent left.
    pub(super) fn arm_operations(&mut self) {
        let first = self.identity.intervals.retry;
        let names: Vec<String> = self.operations.keys().cloned().collect();
        for name in names {
            if let Some(operation) = self.operations.get_mut(&name) {
                operation.backoff = first;
            }
            self.send_operation(&name);
        }
    }

    pub(super) fn operation_acknowledged(&mut self, name: &str, uuid: &[u8]) {
        let is_it = |operation: &Operation| {
            let waits_for = operation.known.status.uuid.as_ref();
            waits_for.is_some_and(|waits_for| waits_for.value == uuid)
        };
        if self.operations.get(name).is_some_and(is_it) {
            self.operations.remove(name);
            self.drain_if_empty();
        }
    }

    /// The master has operations of which nothing is known here: they got lost.
    pub(super) fn missing_operations(&mut self, missing: Vec<MissingOperation>) {
        for one in missing {
            if !self.operations.contains_key(&one.name) {
                self.operation_ended(one.name, one.framework, one.id, OperationState::OperationDropped, None);
            }
        }
    }

    /// The volumes among `resources`, and how a task is to see them.
    pub(super) fn mounts(&self, resources: &[Resource]) -> Vec<Mount> {
        let mount = |item: &Resource| {
            let item = canonical(item);
            let volume = Volume::of(&item)?;
            let mounted = item.disk?.volume?;
            Some(Mount {
                name: mounted.container_path,
                volume: volumes::path(&self.identity.work_dir, self.identity.number, &volume),
            })
        };
        resources.iter().filter_map(mount).collect()
    }

    /// Lets a running executor see the volumes of one more task.
    pub(super) fn mount(&mut self, process: u64, resources: &[Resource]) {
        let mounts = self.mounts(resources);
        let Some(container) = self.containers.get(&process).filter(|_| !mounts.is_empty()) else {
            return;
        };
        let directory = container.directory.clone();
        self.actions.push(Action::Mount { directory, mounts });
    }

    /// A task has ended: its sandbox no longer shows those of its volumes that neither another task of its executor nor that itself has.
    pub(super) fn unmount(&mut self, framework: &str, task: &str) {
        let known = self.frameworks.get(framework).and_then(|f| f.tasks.get(task));
        let mut mounts = known.map_or_else(Vec::new, |task| self.mounts(&task.info.resources));
        let around = self.container_around(framework, task).filter(|_| !mounts.is_empty());
        let Some(container) = around.and_then(|process| self.containers.get(&process)) else {
            return;
        };
        let others = self
            .live_tasks(framework, &container.executor_id)
            .map(|task| &task.info.resources);
        let own = container.kind.executor().map(|executor| &executor.resources);
        let kept: Vec<Mount> = others.chain(own).flat_map(|resources| self.mounts(resources)).collect();
        mounts.retain(|mount| !kept.contains(mount));
        if !mounts.is_empty() {
            let directory = container.directory.clone();
            self.actions.push(Action::Unmount { directory, mounts });
        }
    }
}
