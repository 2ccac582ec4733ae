//! What goes wrong on demand, where it happens.

use super::Core;
use crate::local::faults::{Faults, OnUpdate};
use crate::local::messages::ToMaster;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

impl Core {
    /// A message of an agent arrives, unless it is to be lost, or there is nobody.
    pub(super) fn arrives_at_master(&mut self, link: usize, message: ToMaster) {
        if self.masters.leader().is_none() {
            return;
        }
        let fault = match &message {
            ToMaster::Update { status, .. } => self.faults.of_update(&status.task_id.value),
            _ => None,
        };
        match fault {
            Some(OnUpdate::Lose) => return,
            Some(OnUpdate::Duplicate) => self.master.agent_message(link, message.clone()),
            None => {}
        }
        self.master.agent_message(link, message);
    }

    /// Holds back what a stream has to say, or lets it say all that.
    pub fn mute(&self, stream: u64, muted: bool) {
        if let Some(stream) = self.streams.get(&stream) {
            stream.mute(muted);
        }
    }

    /// Holds a call back for so long. Whoever carries it out is notified then.
    pub fn hold(&mut self, time: Duration) -> Rc<Notify> {
        let (due, go) = (self.clock.now().plus(time), Rc::new(Notify::new()));
        self.held.push((due, go.clone()));
        self.changed.notify_one();
        go
    }

    /// Calls that were held back long enough go their way.
    pub(super) fn let_go(&mut self) {
        let now = self.clock.now();
        self.held.retain(|(due, go)| {
            if *due <= now {
                go.notify_one();
            }
            *due > now
        });
    }

    /// What is held back goes its way, and nothing waits to go wrong.
    pub fn forget_faults(&mut self) {
        self.faults = Faults::default();
        self.held.drain(..).for_each(|(_, go)| go.notify_one());
        self.streams.values().for_each(|stream| stream.mute(false));
    }

    /// Ends a stream, as a broken connection would.
    pub fn end_stream(&mut self, stream: u64) {
        self.streams.remove(&stream);
        self.stream_closed(stream);
    }
}
