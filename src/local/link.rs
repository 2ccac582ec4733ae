//! The links between the master and its agents, in memory. They keep the order of messages, and can be slow or cut.

use super::clock::Time;
use super::messages::{ToAgent, ToMaster};
use super::timers::Timers;
use std::time::Duration;

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    ToAgent(ToAgent),
    ToMaster(ToMaster),
}

#[derive(Debug, Default, Clone)]
struct Link {
    cut: bool,
    delay: Duration,
}

/// All links, by their number.
#[derive(Debug, Default)]
pub struct Links {
    links: Vec<Link>,
    under_way: Timers<(usize, Letter)>,
}

impl Links {
    /// One more; returns its number.
    pub fn add(&mut self) -> usize {
        self.links.push(Link::default());
        self.links.len() - 1
    }

    /// Messages are lost from now on, also those that are under way. Neither end is told.
    pub fn cut(&mut self, link: usize) {
        self.change(link, |link| link.cut = true);
    }

    pub fn heal(&mut self, link: usize) {
        self.change(link, |link| link.cut = false);
    }

    /// How long messages are under way from now on.
    pub fn delay(&mut self, link: usize, delay: Duration) {
        self.change(link, |link| link.delay = delay);
    }

    fn change(&mut self, link: usize, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(link) {
            change(link);
        }
    }

    pub fn is_cut(&self, link: usize) -> bool {
        self.links.get(link).map_or(true, |link| link.cut)
    }

    pub fn send(&mut self, now: Time, link: usize, letter: Letter) {
        if let Some(open) = self.links.get(link).filter(|link| !link.cut) {
            self.under_way.after(now, open.delay, (link, letter));
        }
    }

    /// The next message that has arrived.
    pub fn receive(&mut self, now: Time) -> Option<(usize, Letter)> {
        loop {
            let (link, letter) = self.under_way.take(now)?;
            if !self.is_cut(link) {
                return Some((link, letter));
            }
        }
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<Time> {
        self.under_way.next()
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
        links.cut(a);
        links.send(now, a, pong());
        assert_eq!(links.receive(now.plus(Duration::from_secs(9))), None);
        links.heal(a);
        links.send(now, a, pong());
        assert_eq!(links.receive(now.plus(Duration::from_secs(9))), Some((a, pong())));
    }
}
