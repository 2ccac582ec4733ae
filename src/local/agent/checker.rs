//! What is known of a command's checks, and how their results count.

use crate::local::clock::Time;
use crate::local::probe::{Seen, Target};
use crate::message::text;
use crate::proto::check_status_info::{Command, Http, Tcp};
use crate::proto::network_info::Protocol;
use crate::proto::{check_info, health_check};
use crate::proto::{CheckInfo, CheckStatusInfo, CommandInfo, HealthCheck, TaskInfo};
use std::time::Duration;

/// How a task is looked at.
#[derive(Debug, Clone)]
pub enum Probe {
    Command(Box<CommandInfo>),
    Net(Target),
}

/// What the results are for.
#[derive(Debug, Clone)]
pub enum Purpose {
    Health {
        grace: Duration,
        /// So many failures in a row, and the task is killed.
        limit: u32,
        failures: u32,
        /// There was no success yet.
        initializing: bool,
    },
    /// Its results are only told.
    Check,
}

/// One check of a command, from the time on at which that runs.
#[derive(Debug, Clone)]
pub struct Checker {
    pub purpose: Purpose,
    pub probe: Probe,
    pub delay: Duration,
    pub interval: Duration,
    pub timeout: Option<Duration>,
    pub started: Time,
    /// The number of the probe that is under way.
    pub running: Option<u64>,
}

/// What the last status of a command says of its checks, and what runs them.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    pub checkers: Vec<Checker>,
    pub healthy: Option<bool>,
    pub check_status: Option<CheckStatusInfo>,
}

/// Of a result of a health check.
pub enum Health {
    Silent,
    Tell { healthy: bool, kill: bool },
}

fn seconds(given: f64) -> Duration {
    match given > 0.0 {
        true => Duration::try_from_secs_f64(given).unwrap_or(Duration::MAX),
        false => Duration::ZERO,
    }
}

/// Zero is no limit.
fn limit(given: f64) -> Option<Duration> {
    Some(seconds(given)).filter(|limit| !limit.is_zero())
}

impl Checker {
    /// Delay, interval and timeout are in seconds.
    fn new(purpose: Purpose, probe: Probe, [delay, interval, timeout]: [f64; 3]) -> Checker {
        Checker {
            purpose,
            probe,
            delay: seconds(delay),
            interval: seconds(interval),
            timeout: limit(timeout),
            started: Time::default(),
            running: None,
        }
    }

    fn of_health(check: &HealthCheck) -> Option<Checker> {
        let port = |port: u32| u16::try_from(port).unwrap_or(0);
        let probe = match check.r#type() {
            health_check::Type::Command => Probe::Command(Box::new(check.command.clone()?)),
            health_check::Type::Http => check.http.as_ref().map(|http| {
                Probe::Net(Target::Http {
                    secure: http.scheme() == "https",
                    v6: http.protocol() == Protocol::IPv6,
                    port: port(http.port),
                    path: text::to_bytes(http.path()).into_owned(),
                })
            })?,
            health_check::Type::Tcp => check.tcp.as_ref().map(|tcp| {
                Probe::Net(Target::Tcp {
                    v6: tcp.protocol() == Protocol::IPv6,
                    port: port(tcp.port),
                })
            })?,
            health_check::Type::Unknown => return None,
        };
        let purpose = Purpose::Health {
            grace: seconds(check.grace_period_seconds()),
            limit: check.consecutive_failures(),
            failures: 0,
            initializing: true,
        };
        let times = [check.delay_seconds(), check.interval_seconds(), check.timeout_seconds()];
        Some(Checker::new(purpose, probe, times))
    }

    fn of_check(check: &CheckInfo) -> Option<Checker> {
        let port = |port: u32| u16::try_from(port).unwrap_or(0);
        let probe = match check.r#type() {
            check_info::Type::Command => Probe::Command(Box::new(check.command.clone()?.command)),
            check_info::Type::Http => check.http.as_ref().map(|http| {
                Probe::Net(Target::Http {
                    secure: false,
                    v6: false,
                    port: port(http.port),
                    path: text::to_bytes(http.path()).into_owned(),
                })
            })?,
            check_info::Type::Tcp => Probe::Net(Target::Tcp {
                v6: false,
                port: port(check.tcp.as_ref()?.port),
            }),
            check_info::Type::Unknown => return None,
        };
        let times = [check.delay_seconds(), check.interval_seconds(), check.timeout_seconds()];
        Some(Checker::new(Purpose::Check, probe, times))
    }

    /// Counts a result of a health check.
    pub fn health(&mut self, now: Time, good: bool) -> Health {
        let started = self.started;
        let Purpose::Health {
            grace,
            limit,
            failures,
            initializing,
        } = &mut self.purpose
        else {
            return Health::Silent;
        };
        if good {
            // The first, and the first after failures.
            let news = *initializing || *failures > 0;
            (*initializing, *failures) = (false, 0);
            return match news {
                true => Health::Tell {
                    healthy: true,
                    kill: false,
                },
                false => Health::Silent,
            };
        }
        if *initializing && !grace.is_zero() && now.after(started) <= *grace {
            return Health::Silent;
        }
        *failures += 1;
        Health::Tell {
            healthy: false,
            kill: *failures >= *limit,
        }
    }
}

/// Whether a task with this result is healthy.
pub fn is_good(seen: &Result<Seen, String>) -> bool {
    match seen {
        Ok(Seen::Exit(raw)) => *raw == 0,
        Ok(Seen::Status(code)) => (200..400).contains(code),
        Ok(Seen::Connected(connected)) => *connected,
        Err(_) => false,
    }
}

/// The check's status without a result: each status of a task with a check has at least this.
pub fn empty_status(check: &CheckInfo) -> CheckStatusInfo {
    let kind = check.r#type();
    CheckStatusInfo {
        r#type: Some(kind as i32),
        command: (kind == check_info::Type::Command).then(Command::default),
        http: (kind == check_info::Type::Http).then(Http::default),
        tcp: (kind == check_info::Type::Tcp).then(Tcp::default),
    }
}

/// A probe that failed says nothing.
pub fn status_of(check: &CheckInfo, seen: &Result<Seen, String>) -> CheckStatusInfo {
    let mut status = empty_status(check);
    match seen {
        Ok(Seen::Exit(raw)) => {
            status.command = Some(Command {
                exit_code: Some(*raw >> 8 & 0xff),
            });
        }
        Ok(Seen::Status(code)) => {
            status.http = Some(Http {
                status_code: Some((*code).into()),
            });
        }
        Ok(Seen::Connected(connected)) => {
            status.tcp = Some(Tcp {
                succeeded: Some(*connected),
            });
        }
        Err(_) => {}
    }
    status
}

impl Checks {
    pub fn of(task: &TaskInfo) -> Checks {
        let health = task.health_check.as_deref().and_then(Checker::of_health);
        let check = task.check.as_deref().and_then(Checker::of_check);
        Checks {
            checkers: health.into_iter().chain(check).collect(),
            healthy: None,
            check_status: task.check.as_deref().map(empty_status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(health: Health) -> Option<(bool, bool)> {
        match health {
            Health::Silent => None,
            Health::Tell { healthy, kill } => Some((healthy, kill)),
        }
    }

    #[test]
    fn failures_count_from_the_first_success_or_the_end_of_the_grace_period() {
        let check = HealthCheck {
            r#type: Some(health_check::Type::Tcp as i32),
            tcp: Some(health_check::TcpCheckInfo::default()),
            grace_period_seconds: Some(10.0),
            consecutive_failures: Some(2),
            ..Default::default()
        };
        let start = Time::from_epoch(Duration::from_secs(1000));
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        let fresh = || Checker {
            started: start,
            ..Checker::of_health(&check).unwrap()
        };
        let mut one = fresh();
        assert_eq!(told(one.health(at(10), false)), None, "the grace period has its last moment");
        assert_eq!(told(one.health(at(11), false)), Some((false, false)));
        assert_eq!(told(one.health(at(12), true)), Some((true, false)));
        assert_eq!(told(one.health(at(13), true)), None, "no news");
        assert_eq!(told(one.health(at(14), false)), Some((false, false)));
        assert_eq!(told(one.health(at(15), false)), Some((false, true)));
        let mut one = fresh();
        assert_eq!(told(one.health(at(1), true)), Some((true, false)));
        assert_eq!(
            told(one.health(at(2), false)),
            Some((false, false)),
            "the grace period ends with a success"
        );
        let mut one = fresh();
        one.purpose = Purpose::Health {
            grace: Duration::ZERO,
            limit: 0,
            failures: 0,
            initializing: true,
        };
        assert_eq!(told(one.health(at(0), false)), Some((false, true)));
    }

    #[test]
    fn what_is_healthy() {
        for (seen, good) in [
            (Ok(Seen::Exit(0)), true),
            (Ok(Seen::Exit(1 << 8)), false),
            (Ok(Seen::Exit(9)), false),
            (Ok(Seen::Status(200)), true),
            (Ok(Seen::Status(399)), true),
            (Ok(Seen::Status(400)), false),
            (Ok(Seen::Status(199)), false),
            (Ok(Seen::Connected(true)), true),
            (Ok(Seen::Connected(false)), false),
            (Err("why".into()), false),
        ] {
            assert_eq!(is_good(&seen), good, "{seen:?}");
        }
    }

    #[test]
    fn times_that_are_no_times() {
        assert_eq!(seconds(-1.0), Duration::ZERO);
        assert_eq!(seconds(f64::NAN), Duration::ZERO);
        assert_eq!(seconds(f64::INFINITY), Duration::MAX);
        assert_eq!(limit(0.0), None);
        assert_eq!(limit(0.5), Some(Duration::from_millis(500)));
    }
}
