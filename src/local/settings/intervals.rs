//! How long things take: the intervals and limits of master and agents, with Mesos' own defaults.

use super::collection::Collection;
use crate::driver::duration;
use std::time::Duration;

/// All of them. Each says which flag of Mesos it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// Between HEARTBEAT events on a scheduler's stream.
    pub heartbeat: Duration,
    /// Between HEARTBEAT events on an executor's stream.
    pub executor_heartbeat: Duration,
    /// The allocator's period: `--allocation_interval`.
    pub allocation: Duration,
    /// Resources of finished tasks are offered again after this. Mesos waits for the next period; a laptop should feel quick.
    pub recovery: Duration,
    /// After it, offers that nobody used are rescinded: `--offer_timeout`. Never without it.
    pub offer: Option<Duration>,
    /// Between two pings of an agent: `--agent_ping_timeout`.
    pub ping: Duration,
    /// So many pings without an answer, and the agent is unreachable: `--max_agent_ping_timeouts`.
    pub pings: u32,
    /// So long has an agent to come back after a master's failover: `--agent_reregister_timeout`.
    pub reregister: Duration,
    /// An executor must have subscribed by then: `--executor_registration_timeout`.
    pub registration: Duration,
    /// So long has an executor to come back after an agent's restart: `--executor_reregistration_timeout`.
    pub reregistration: Duration,
    /// Between SHUTDOWN and SIGKILL, unless the ExecutorInfo says otherwise: `--executor_shutdown_grace_period`.
    pub shutdown_grace: Duration,
    /// How long a checkpointing executor waits for its agent: `--recovery_timeout`.
    pub recovery_timeout: Duration,
    /// An agent asks a master again after this if it got no answer, then after twice as long, at most a minute.
    pub register: Duration,
    /// An unacknowledged update is sent again after this, then after twice as long, at most `retry_max`.
    pub retry: Duration,
    pub retry_max: Duration,
    /// So long are several masters without a leader when the last one is gone.
    pub election: Duration,
    /// When sandboxes of what has ended are removed.
    pub collection: Collection,
}

const MINUTE: u64 = 60;

impl Default for Intervals {
    fn default() -> Self {
        Intervals {
            heartbeat: Duration::from_secs(15),
            executor_heartbeat: Duration::from_secs(30 * MINUTE),
            allocation: Duration::from_secs(1),
            recovery: Duration::from_millis(100),
            offer: None,
            ping: Duration::from_secs(15),
            pings: 5,
            reregister: Duration::from_secs(10 * MINUTE),
            registration: Duration::from_secs(MINUTE),
            reregistration: Duration::from_secs(2),
            shutdown_grace: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(15 * MINUTE),
            register: Duration::from_secs(1),
            retry: Duration::from_secs(10),
            retry_max: Duration::from_secs(10 * MINUTE),
            election: Duration::from_millis(100),
            collection: Collection::default(),
        }
    }
}

impl Intervals {
    /// The variable for each one that users may set, and where it goes. All are above zero.
    pub fn durations(&mut self) -> [(&'static str, &mut Duration); 7] {
        [
            ("MESOS_ALLOCATION_INTERVAL", &mut self.allocation),
            ("MESOS_AGENT_PING_TIMEOUT", &mut self.ping),
            ("MESOS_AGENT_REREGISTER_TIMEOUT", &mut self.reregister),
            ("MESOS_EXECUTOR_REGISTRATION_TIMEOUT", &mut self.registration),
            ("MESOS_EXECUTOR_REREGISTRATION_TIMEOUT", &mut self.reregistration),
            ("MESOS_ELECTION_DELAY", &mut self.election),
            ("MESOS_DISK_WATCH_INTERVAL", &mut self.collection.watch),
        ]
    }
}

/// A duration of Mesos that is above zero; the error says what is expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wanted = "a number above 0 with one of ns us ms secs mins hrs days weeks";
    let parsed = duration::parse(text).filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| format!("expected {wanted}, not '{text}'"))
}
