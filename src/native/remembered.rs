//! What a driver remembers of what the other side sends, in the order in which it came. A master or agent that sends without end makes
//! it forget the oldest.

use std::collections::{BTreeMap, HashMap};

/// Things that are remembered at most, and bytes of them (offers: about three for each agent of the largest clusters).
pub const MAX_COUNT: usize = 100_000;
pub const MAX_BYTES: usize = 256 << 20;

/// Encoded messages under encoded ids.
#[derive(Default)]
pub struct Remembered {
    /// Where an id stands in the order.
    places: HashMap<Vec<u8>, u64>,
    order: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    next: u64,
    bytes: usize,
    /// Something was forgotten.
    overflowed: bool,
}

impl Remembered {
    /// Whether this id is known.
    pub fn has(&self, id: &[u8]) -> bool {
        self.places.contains_key(id)
    }

    /// Remembers what is not known yet. True: for the first time something older was forgotten for it.
    pub fn insert(&mut self, id: Vec<u8>, message: Vec<u8>) -> bool {
        if self.has(&id) {
            return false;
        }
        self.bytes += 2 * id.len() + message.len();
        self.places.insert(id.clone(), self.next);
        self.order.insert(self.next, (id, message));
        self.next += 1;
        let mut forgets = false;
        // What came last stays, however long it is: it was accepted as a record.
        while self.order.len() > 1 && (self.order.len() > MAX_COUNT || self.bytes > MAX_BYTES) {
            let Some((_, (oldest, message))) = self.order.pop_first() else {
                break;
            };
            self.places.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(2 * oldest.len() + message.len());
            forgets = true;
        }
        forgets && !std::mem::replace(&mut self.overflowed, true)
    }

    pub fn remove(&mut self, id: &[u8]) {
        if let Some((id, message)) = self.places.remove(id).and_then(|place| self.order.remove(&place)) {
            self.bytes = self.bytes.saturating_sub(2 * id.len() + message.len());
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.take_ids();
    }

    /// The ids, the oldest first. They are forgotten.
    pub fn take_ids(&mut self) -> Vec<Vec<u8>> {
        self.places = HashMap::new();
        self.bytes = 0;
        std::mem::take(&mut self.order).into_values().map(|(id, _)| id).collect()
    }

    /// The messages, the oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.order.values().map(|(_, message)| message)
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        assert_eq!(self.places.len(), self.order.len());
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_by_count_and_by_size() {
        let mut few = Remembered::default();
        let long = || vec![0; MAX_BYTES / 4];
        let warns: Vec<bool> = (0..6u8).map(|id| few.insert(vec![id], long())).collect();
        assert_eq!(warns, [false, false, false, true, false, false], "once");
        few.remove(&[4]);
        assert!(!few.insert(vec![5], long()), "known");
        assert_eq!((few.count(), few.take_ids(), few.bytes), (2, vec![vec![3], vec![5]], 0));
        let mut many = Remembered::default();
        let id = |number: usize| number.to_be_bytes().to_vec();
        let warned = (0..=MAX_COUNT).filter(|number| many.insert(id(*number), Vec::new()));
        assert_eq!(warned.count(), 1);
        assert_eq!(many.count(), MAX_COUNT);
        assert!(!many.has(&id(0)) && many.has(&id(1)) && many.has(&id(MAX_COUNT)));
    }
}
