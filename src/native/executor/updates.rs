//! The updates that the agent has not acknowledged, in order. While an agent is away there can be very many, so no step looks at all of
//! them, but for those that tell the agent of all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An UPDATE that the agent has not recorded yet.
pub struct Unacknowledged {
    uuid: Vec<u8>,
    /// Encoded TaskStatus, complete.
    pub status: Vec<u8>,
    /// Was refused, and is only a part of what it was.
    pub reduced: bool,
}

/// See the module.
#[derive(Default)]
pub struct Updates {
    order: BTreeMap<u64, Unacknowledged>,
    /// Where a uuid stands in the order.
    places: HashMap<Vec<u8>, u64>,
    /// Those that were not sent to the present subscription, neither by UPDATE nor with SUBSCRIBE.
    unsent: BTreeSet<u64>,
    next: u64,
}

impl Updates {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Updates::default();
    }

    /// Adds an update that is not sent yet. Its uuid is new: the driver has just made it.
    pub fn push(&mut self, uuid: Vec<u8>, status: Vec<u8>) {
        self.places.insert(uuid.clone(), self.next);
        self.unsent.insert(self.next);
        let reduced = false;
        self.order.insert(self.next, Unacknowledged { uuid, status, reduced });
        self.next += 1;
    }

    /// The agent has it.
    pub fn remove(&mut self, uuid: &[u8]) {
        if let Some(place) = self.places.remove(uuid) {
            self.order.remove(&place);
            self.unsent.remove(&place);
        }
    }

    pub fn get(&self, uuid: &[u8]) -> Option<&Unacknowledged> {
        self.order.get(self.places.get(uuid)?)
    }

    /// What stands in the place of a refused update, and is sent there.
    pub fn reduce(&mut self, uuid: &[u8], status: Vec<u8>) {
        let place = self.places.get(uuid);
        if let Some((place, update)) = place.and_then(|place| Some((place, self.order.get_mut(place)?))) {
            (update.status, update.reduced) = (status, true);
            self.unsent.insert(*place);
        }
    }

    /// The subscription is gone, and with it what it was sent.
    pub fn none_is_sent(&mut self) {
        if self.unsent.len() < self.order.len() {
            self.unsent = self.order.keys().copied().collect();
        }
    }

    /// All statuses, the oldest first, which count as sent from now on.
    pub fn send_all(&mut self) -> impl Iterator<Item = &Vec<u8>> {
        self.unsent.clear();
        self.order.values().map(|update| &update.status)
    }

    /// The oldest that was not sent: its uuid and its status. It counts as sent from now on.
    pub fn send_next(&mut self) -> Option<(&Vec<u8>, &Vec<u8>)> {
        let update = self.order.get(&self.unsent.pop_first()?)?;
        Some((&update.uuid, &update.status))
    }
}
