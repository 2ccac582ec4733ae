//! What frameworks have refused of an agent, and until when: Mesos' filters.
//!
//! The allocator looks for those of each framework in each run. So an agent has those of all frameworks side by side, sorted by numbers;
//! and what many have refused, mostly all that the agent has, is there once.

use crate::local::clock::Time;
use crate::resources::Resources;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A framework in one of its roles.
pub type Seat = u64;

struct Filter {
    seat: Seat,
    until: Time,
    refused: Rc<Resources>,
}

/// Those of one agent.
#[derive(Default)]
pub struct Filters {
    /// By seat.
    all: Vec<Filter>,
}

impl Filters {
    pub fn add(&mut self, seat: Seat, until: Time, refused: &Resources) {
        let known = self.all.iter().find(|filter| *filter.refused == *refused);
        let refused = known.map_or_else(|| Rc::new(refused.clone()), |known| known.refused.clone());
        let place = self.all.partition_point(|filter| filter.seat <= seat);
        self.all.insert(place, Filter { seat, until, refused });
    }

    /// Whether an unexpired refusal covers all of `resources`.
    pub fn keep_away(&self, seat: Seat, resources: &Resources, now: Time) -> bool {
        let first = self.all.partition_point(|filter| filter.seat < seat);
        let mut own = self.all.iter().skip(first).take_while(|filter| filter.seat == seat);
        own.any(|filter| filter.until > now && filter.refused.contains(resources))
    }

    pub fn forget(&mut self, seats: &BTreeSet<Seat>) {
        self.all.retain(|filter| !seats.contains(&filter.seat));
    }

    pub fn forget_expired(&mut self, now: Time) {
        self.all.retain(|filter| filter.until > now);
    }

    /// When each of them expires.
    pub fn ends(&self) -> impl Iterator<Item = Time> + '_ {
        self.all.iter().map(|filter| filter.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn resources(text: &str) -> Resources {
        Resources::new(&crate::resources::text::parse(text).unwrap())
    }

    #[test]
    fn each_seat_has_its_own() {
        let at = |seconds| Time::from_epoch(Duration::from_secs(seconds));
        let (much, little) = (resources("cpus:4;mem:512"), resources("cpus:1;mem:32"));
        let mut filters = Filters::default();
        for (seat, until, refused) in [(2, 10, &little), (1, 10, &much), (3, 20, &much), (2, 5, &much)] {
            filters.add(seat, at(until), refused);
        }
        let kept = |filters: &Filters, resources: &Resources, now| -> Vec<Seat> {
            let seats = 0..5;
            seats.filter(|seat| filters.keep_away(*seat, resources, at(now))).collect()
        };
        assert_eq!(kept(&filters, &much, 0), [1, 2, 3]);
        assert_eq!(kept(&filters, &much, 5), [1, 3], "one of two has expired");
        assert_eq!(kept(&filters, &little, 5), [1, 2, 3]);
        assert!(kept(&filters, &resources("cpus:5"), 0).is_empty(), "more than was refused");
        filters.forget_expired(at(10));
        assert_eq!(filters.ends().collect::<Vec<_>>(), [at(20)]);
        filters.forget(&BTreeSet::from([3]));
        assert!(kept(&filters, &little, 0).is_empty());
    }

    #[test]
    fn what_several_refuse_is_there_once() {
        let mut filters = Filters::default();
        (0..3).for_each(|seat| filters.add(seat, Time::default(), &resources("cpus:4;mem:512")));
        filters.add(3, Time::default(), &resources("cpus:4"));
        let others = |filter: &Filter| Rc::strong_count(&filter.refused);
        assert_eq!(filters.all.iter().map(others).collect::<Vec<_>>(), [3, 3, 3, 1]);
    }
}
