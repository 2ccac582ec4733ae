//! Tells of a program that is to acknowledge updates itself and has forgotten to: of each task it hears of the first update only, again
//! and again, and waits for the next one for ever.

use crate::driver::framework::value;
use crate::logging::shown;
use crate::native::wire::TaskStatus;
use crate::proto::TaskState;
use bytes::Bytes;
use prost::Message;
use std::collections::HashSet;

/// So many updates are remembered: who acknowledges none does not hear of many.
const REMEMBERED: usize = 100;

/// The updates of this subscription of which none was acknowledged.
#[derive(Default)]
pub struct Unacknowledged {
    seen: HashSet<Bytes>,
    /// The program knows how to, or was told.
    over: bool,
}

impl Unacknowledged {
    /// An encoded TaskStatus has come. Gives what is to be told, once.
    pub fn came(&mut self, status: &Bytes) -> Option<String> {
        if self.over {
            return None;
        }
        let status = TaskStatus::decode(status.clone()).ok()?;
        let uuid = status.uuid.filter(|uuid| !uuid.is_empty())?;
        if !self.seen.contains(&uuid) {
            if self.seen.len() < REMEMBERED {
                self.seen.insert(uuid);
            }
            return None;
        }
        self.acknowledged();
        let state = status.state.and_then(|state| TaskState::try_from(state).ok());
        let task = value(&status.task_id.unwrap_or_default()).unwrap_or_default();
        Some(format!(
            "the update {} of the task '{}' comes again, for the program has acknowledged none: call acknowledgeStatusUpdate for each, \
            or leave implicit_acknowledgements as it is",
            state.map_or("of an unknown state", |state| state.as_str_name()),
            shown(&task)
        ))
    }

    pub fn acknowledged(&mut self) {
        self.over = true;
        self.seen = HashSet::new();
    }

    /// Agents send again what was not acknowledged before another subscription, be it ever so new.
    pub fn lost(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fields;

    fn update(uuid: &'static [u8]) -> Bytes {
        let status = TaskStatus {
            task_id: Some(fields::id("t").into()),
            state: Some(TaskState::TaskStarting as i32),
            agent_id: None,
            uuid: Some(Bytes::from_static(uuid)),
        };
        status.encode_to_vec().into()
    }

    #[test]
    fn the_second_time_is_told_once() {
        let mut updates = Unacknowledged::default();
        assert_eq!(updates.came(&update(b"a")), None);
        assert_eq!(updates.came(&update(b"b")), None);
        let told = updates.came(&update(b"a")).expect("it comes again");
        assert!(
            told.starts_with("the update TASK_STARTING of the task 't' comes again"),
            "{told}"
        );
        assert_eq!(updates.came(&update(b"a")), None);
    }

    #[test]
    fn others_are_not_told_of() {
        let mut updates = Unacknowledged::default();
        for _ in 0..3 {
            // Answers to questions need no acknowledgement.
            assert_eq!(updates.came(&update(b"")), None);
        }
        updates.came(&update(b"a"));
        updates.lost();
        assert_eq!(updates.came(&update(b"a")), None, "of another subscription");
        updates.acknowledged();
        assert_eq!(updates.came(&update(b"a")), None, "somebody who acknowledges, and is slow");
    }
}
