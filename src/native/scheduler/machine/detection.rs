//! What the detection of another leader, or of none, means for a framework.

use super::{SchedulerMachine, State};
use crate::native::detector::Detection;
use crate::native::machine::Now;
use std::time::Duration;

impl SchedulerMachine {
    /// Follows the leader: leaves another one, and subscribes to it at once.
    pub(super) fn leadership(&mut self, detection: Detection, now: Now) {
        let reason = match detection {
            Detection::Failed(why) => {
                if self.state != State::Ended {
                    self.fail(&format!("Failed to detect a master: {why}"));
                }
                return;
            }
            Detection::Leader(leader) => {
                let reason = format!("{leader} is detected as the leading master");
                self.session.set_servers(leader);
                self.backoff.reset();
                self.pause = Duration::ZERO;
                reason
            }
            Detection::NoLeader(why) => {
                self.session.set_servers(Vec::new());
                format!("no leading master: {why}")
            }
        };
        if self.session.is_active() {
            self.session.lose(reason);
        } else {
            log::info!("framework {}: {reason}", self.framework());
            self.last_reason = reason;
            if self.state == State::Running {
                self.connect(now);
            }
        }
    }
}
