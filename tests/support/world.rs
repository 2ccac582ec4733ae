//! A driver behind a network that fails, and its master.

use super::agents::{Agents, Master};
use super::framework::Framework;
use super::proxy::Proxy;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// A heartbeat interval that lets the watchdog bite after a second.
pub const FAST: f64 = 0.2;
pub const SLOW: f64 = 15.0;

/// One framework, one master, and the network in between.
pub struct World {
    pub agents: Arc<Agents>,
    pub master: Master,
    pub proxy: Proxy,
    pub framework: Framework,
}

impl World {
    pub fn new(heartbeat: f64) -> Self {
        let agents = Arc::new(Agents::default());
        let master = Master::new(&agents, heartbeat);
        let proxy = Proxy::new(master.address());
        let mut framework = Framework::start(&proxy.address());
        framework.until("registered", |f| f.registrations() == 1);
        World {
            agents,
            master,
            proxy,
            framework,
        }
    }

    /// Handles events until the driver has registered so many times.
    pub fn registered(&mut self, times: usize) {
        self.framework
            .until(&format!("registration {times}"), |f| f.registrations() >= times);
    }

    pub fn balance(&mut self) {
        self.framework.balance(&self.agents);
    }
}

/// Runs `test` in a world of its own for each number, some at a time. Few losses each: the driver's pauses between attempts
/// double while no subscription has lasted five seconds.
pub fn worlds(count: usize, test: impl Fn(&mut World, usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let mut world = World::new(SLOW);
                test(&mut world, number);
                world.balance();
            });
        }
    });
}
