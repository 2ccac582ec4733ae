//! The links between the master and its agents, in memory. They keep the order of messages, and can be slow or cut.

use super::clock::Time;
use super::messages::{ToAgent, ToMaster};
use super::timers::Timers;
use std::collections::VecDeque;
use std::time::Duration;

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    ToAgent(ToAgent),
    ToMaster(ToMaster),
}

#[derive(Debug, Default)]
struct Link {
    /// What waits for the link to be healed, as TCP would keep it; absent while the link is whole.
    held: Option<Held>,
    /// How often it was reset: what is under way from before is lost.
    resets: u64,
    delay: Duration,
    /// When the newest message arrives: none overtakes another.
    newest: Time,
}

#[derive(Debug, Default)]
struct Held {
    letters: VecDeque<Letter>,
    /// So many of them were under way when the link was cut.
    under_way: usize,
}

/// All links, by their number.
#[derive(Debug, Default)]
pub struct Links {
    links: Vec<Link>,
    under_way: Timers<(usize, u64, Letter)>,
}

impl Links {
    /// One more; returns its number.
    pub fn add(&mut self) -> usize {
        self.links.push(Link::default());
        self.links.len() - 1
    }

    /// Nothing arrives any more, until the link is healed. Neither end is told.
    pub fn cut(&mut self, link: usize) {
        if let Some(link) = self.links.get_mut(link) {
            link.held.get_or_insert_with(Held::default);
        }
    }

    /// What was held arrives now.
    pub fn heal(&mut self, now: Time, link: usize) {
        let held = self.links.get_mut(link).and_then(|link| link.held.take());
        let letters = held.into_iter().flat_map(|held| held.letters);
        letters.for_each(|letter| self.send(now, link, letter));
    }

    /// The process at one end is another one from now on: messages that are under way are lost.
    pub fn reset(&mut self, link: usize) {
        if let Some(link) = self.links.get_mut(link) {
            link.resets += 1;
            link.newest = Time::default();
            link.held.iter_mut().for_each(|held| *held = Held::default());
        }
    }

    /// How long messages are under way from now on.
    pub fn delay(&mut self, link: usize, delay: Duration) {
        if let Some(link) = self.links.get_mut(link) {
            link.delay = delay;
        }
    }

    pub fn is_cut(&self, link: usize) -> bool {
        self.links.get(link).map_or(true, |link| link.held.is_some())
    }

    pub fn send(&mut self, now: Time, link: usize, letter: Letter) {
        let Some(open) = self.links.get_mut(link) else { return };
        match &mut open.held {
            None => {
                open.newest = open.newest.max(now.plus(open.delay));
                self.under_way.add(open.newest, (link, open.resets, letter));
            }
            Some(held) => held.add(letter),
        }
    }

    /// The next message that has arrived.
    pub fn receive(&mut self, now: Time) -> Option<(usize, Letter)> {
        loop {
            let (number, resets, letter) = self.under_way.take(now)?;
            let Some(link) = self.links.get_mut(number).filter(|link| link.resets == resets) else {
                continue;
            };
            match &mut link.held {
                None => return Some((number, letter)),
                Some(held) => held.add_first(letter),
            }
        }
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<Time> {
        self.under_way.next()
    }
}

impl Held {
    /// Keeps a message. An agent that asks again does not ask twice.
    fn add(&mut self, letter: Letter) {
        let asks = |letter: &Letter| matches!(letter, Letter::ToMaster(ToMaster::Register { .. } | ToMaster::Reregister(_)));
        if asks(&letter) {
            let before = self.letters.iter().skip(self.under_way).position(asks);
            before
                .into_iter()
                .for_each(|index| drop(self.letters.remove(self.under_way + index)));
        }
        self.letters.push_back(letter);
    }

    /// Keeps a message that was under way: before those that were sent since.
    fn add_first(&mut self, letter: Letter) {
        self.letters.insert(self.under_way, letter);
        self.under_way += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_in_order_late_or_not_at_all() {
        let mut links = Links::default();
        let (a, b) = (links.add(), links.add());
        let now = Time::from_epoch(Duration::from_secs(1));
        let pong = || Letter::ToMaster(ToMaster::Pong);
        let ping = || Letter::ToAgent(ToAgent::Ping { connected: true });
        links.send(now, a, pong());
        links.send(now, a, ping());
        assert_eq!(links.receive(now), Some((a, pong())));
        assert_eq!(links.receive(now), Some((a, ping())));
        links.delay(a, Duration::from_secs(2));
        links.send(now, a, pong());
        links.send(now, b, ping());
        assert_eq!(links.receive(now), Some((b, ping())));
        assert_eq!(
            (links.receive(now), links.next()),
            (None, Some(now.plus(Duration::from_secs(2))))
        );
        let later = now.plus(Duration::from_secs(9));
        links.cut(a);
        links.send(now, a, ping());
        let asks = || Letter::ToMaster(ToMaster::Reregister(Box::default()));
        links.send(now, a, asks());
        links.send(now, a, asks());
        assert_eq!(links.receive(later), None);
        links.heal(later, a);
        let much_later = later.plus(Duration::from_secs(9));
        // The one that was under way when the link was cut comes first.
        assert_eq!(links.receive(much_later), Some((a, pong())));
        assert_eq!(links.receive(much_later), Some((a, ping())));
        assert_eq!(links.receive(much_later), Some((a, asks())));
        assert_eq!(links.receive(much_later), None);
        links.send(much_later, a, pong());
        links.reset(a);
        assert_eq!(links.receive(much_later.plus(Duration::from_secs(9))), None);
    }
}
