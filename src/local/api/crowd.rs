//! What all connections are doing, and which of them has to go when there are too many.
//!
//! A flood consists of connections that do the same. So when descriptors run short, one has to go that does what most of them do: the one
//! that has done so for longest without a sign of life. A few that send large bodies slowly, or listen for days, stay.

use std::collections::BTreeMap;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Has not shown yet that it may call.
    Guest,
    /// Sends the body of a request.
    Sending,
    /// Waits for an answer, or takes a long one.
    Answered,
    /// Is between two requests.
    Idle,
    /// Hears the operators' events.
    Listening,
    /// Has the event stream of a framework or an executor. It is never sent away.
    Kept,
}

const STAGES: [Stage; 6] = [
    Stage::Guest,
    Stage::Sending,
    Stage::Answered,
    Stage::Idle,
    Stage::Listening,
    Stage::Kept,
];

/// So many guests at a time.
pub const MOST_GUESTS: usize = 64;

/// So many bodies come at a time.
pub const MOST_SENDING: usize = 512;

/// So many listeners, as Mesos' `--max_operator_event_stream_subscribers` says.
pub const MOST_LISTENING: usize = 1000;

/// Where one is: what it does, and the number under which it began that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub stage: Stage,
    number: u64,
}

/// All connections; of each `T` is what sends it away, and `U` when it began to do what it does, or last gave a sign of life.
pub struct Crowd<T, U> {
    /// In the order of [`STAGES`], and in each the one first that has been there for longest.
    stages: [BTreeMap<u64, (T, U)>; STAGES.len()],
    next: u64,
}

impl<T, U> Default for Crowd<T, U> {
    fn default() -> Self {
        let stages = STAGES.map(|_| BTreeMap::new());
        Crowd { stages, next: 0 }
    }
}

impl<T, U: Copy> Crowd<T, U> {
    pub fn enter(&mut self, stage: Stage, one: T, now: U) -> Place {
        let number = self.next;
        self.next += 1;
        self.stages[stage as usize].insert(number, (one, now));
        Place { stage, number }
    }

    /// None if it has had to go.
    pub fn leave(&mut self, place: Place) -> Option<T> {
        self.stages[place.stage as usize].remove(&place.number).map(|(one, _)| one)
    }

    /// Does something else from now on, or the same anew.
    pub fn go_on(&mut self, place: Place, stage: Stage, now: U) -> Option<Place> {
        self.leave(place).map(|one| self.enter(stage, one, now))
    }

    pub fn count(&self, stage: Stage) -> usize {
        self.stages[stage as usize].len()
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.stages.iter().map(BTreeMap::len).sum()
    }

    /// What one does that has to go before another may come, if there may be `most` in all.
    pub fn too_many(&self, most: usize) -> Option<Stage> {
        let is_full = |(stage, bound)| (self.count(stage) >= bound).then_some(stage);
        let bounds = [(Stage::Guest, MOST_GUESTS), (Stage::Sending, MOST_SENDING)];
        let full = bounds.into_iter().find_map(is_full);
        full.or_else(|| self.largest().filter(|_| self.total() >= most))
    }

    /// What most of them do, of those that may be sent away.
    pub fn largest(&self) -> Option<Stage> {
        let some = STAGES
            .into_iter()
            .filter(|stage| *stage != Stage::Kept && self.count(*stage) > 0);
        some.max_by_key(|stage| self.count(*stage))
    }

    /// Since when the one has been there that has to go first.
    pub fn since(&self, stage: Stage) -> Option<U> {
        self.stages[stage as usize].values().next().map(|(_, since)| *since)
    }

    /// The one that has to go first.
    pub fn send_away(&mut self, stage: Stage) -> Option<T> {
        self.stages[stage as usize].pop_first().map(|(_, (one, _))| one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_those_has_to_go_of_which_there_are_most() {
        let mut crowd = Crowd::default();
        let stream = crowd.enter(Stage::Guest, "stream", 0);
        let stream = crowd.go_on(stream, Stage::Kept, 1).unwrap();
        let slow = crowd.enter(Stage::Sending, "slow", 2);
        for number in 0..3 {
            crowd.enter(Stage::Sending, "half", 10 + number);
            crowd.enter(Stage::Kept, "another stream", 10 + number);
        }
        crowd.enter(Stage::Idle, "idle", 3);
        assert_eq!((crowd.too_many(10), crowd.too_many(9)), (None, Some(Stage::Sending)));
        // It has sent something more.
        let slow = crowd.go_on(slow, Stage::Sending, 20).unwrap();
        assert_eq!(crowd.since(Stage::Sending), Some(10));
        let gone: Vec<_> = (0..3).filter_map(|_| crowd.send_away(Stage::Sending)).collect();
        assert_eq!(gone, ["half"; 3]);
        assert_eq!(crowd.leave(slow), Some("slow"));
        assert_eq!(crowd.too_many(5), Some(Stage::Idle));
        assert_eq!(crowd.send_away(Stage::Idle), Some("idle"));
        // Streams of frameworks stay, whatever comes.
        assert_eq!((crowd.total(), crowd.too_many(0)), (4, None));
        assert!(crowd.leave(stream).is_some() && crowd.leave(stream).is_none());
        assert!(crowd.go_on(slow, Stage::Idle, 0).is_none(), "it has gone");
    }

    #[test]
    fn guests_and_bodies_are_few_however_much_room_there_is() {
        let mut crowd = Crowd::default();
        for (stage, most) in [(Stage::Sending, MOST_SENDING), (Stage::Guest, MOST_GUESTS)] {
            for _ in 0..most {
                assert_ne!(crowd.too_many(usize::MAX), Some(stage));
                crowd.enter(stage, (), ());
            }
            assert_eq!(crowd.too_many(usize::MAX), Some(stage));
        }
    }
}
