//! What goes wrong on demand, where it happens.

use super::Core;
use crate::local::faults::{Faults, OnUpdate};
use crate::local::messages::ToMaster;

impl Core {
    /// A message of an agent arrives, unless it is to be lost.
    pub(super) fn arrives_at_master(&mut self, link: usize, message: ToMaster) {
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

    /// What is held back goes its way, and nothing waits to go wrong.
    pub fn forget_faults(&mut self) {
        self.faults = Faults::default();
        self.streams.values().for_each(|stream| stream.mute(false));
    }

    /// Ends a stream, as a broken connection would.
    pub fn end_stream(&mut self, stream: u64) {
        self.streams.remove(&stream);
        self.stream_closed(stream);
    }
}
