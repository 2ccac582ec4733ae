//! Checks and health checks of commands: when a probe is made, and what comes of its result. These are the rules of Mesos' executors.

use super::launch::Launch;
use super::state::Kind;
use super::{environment, Action, Agent, Timer};
use crate::local::clock::Time;
use crate::local::events::{status, uuid};
use crate::local::helper_protocol::Program;
use crate::local::probe::{Seen, Target};
use crate::message::text;
use crate::proto::check_status_info::{Command, Http, Tcp};
use crate::proto::network_info::Protocol;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{check_info, health_check};
use crate::proto::{CheckInfo, CheckStatusInfo, CommandInfo, HealthCheck, TaskInfo, TaskState, TaskStatus};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

/// A probe that follows at once would leave no time for anything else.
const SHORTEST: Duration = Duration::from_millis(1);

/// How a task is looked at.
#[derive(Debug, Clone)]
enum Probe {
    Command(Box<CommandInfo>),
    Net(Target),
}

/// What the results are for.
#[derive(Debug, Clone)]
enum Purpose {
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
    purpose: Purpose,
    probe: Probe,
    delay: Duration,
    interval: Duration,
    timeout: Option<Duration>,
    started: Time,
    /// The number of the probe that is under way.
    running: Option<u64>,
}

/// What the last status of a command says of its checks, and what runs them.
#[derive(Clone, Default)]
pub struct Checks {
    checkers: Vec<Checker>,
    healthy: Option<bool>,
    check_status: Option<CheckStatusInfo>,
    /// What a checking command is made from: the task's own program.
    program: Option<Box<Program>>,
    user: String,
}

impl std::fmt::Debug for Checks {
    /// Without the program, whose environment may have secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks")
            .field("checkers", &self.checkers)
            .finish_non_exhaustive()
    }
}

/// Of a result of a health check.
enum Health {
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
        Some(Checker {
            purpose: Purpose::Health {
                grace: seconds(check.grace_period_seconds()),
                limit: check.consecutive_failures(),
                failures: 0,
                initializing: true,
            },
            probe,
            delay: seconds(check.delay_seconds()),
            interval: seconds(check.interval_seconds()),
            timeout: limit(check.timeout_seconds()),
            started: Time::default(),
            running: None,
        })
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
        Some(Checker {
            purpose: Purpose::Check,
            probe,
            delay: seconds(check.delay_seconds()),
            interval: seconds(check.interval_seconds()),
            timeout: limit(check.timeout_seconds()),
            started: Time::default(),
            running: None,
        })
    }

    /// Counts a result of a health check.
    fn health(&mut self, now: Time, good: bool) -> Health {
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
fn is_good(seen: &Result<Seen, String>) -> bool {
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
fn status_of(check: &CheckInfo, seen: &Result<Seen, String>) -> CheckStatusInfo {
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
    /// Of a task, which `user` runs as `program`.
    pub fn of(task: &TaskInfo, program: Option<&Program>, user: &str) -> Checks {
        let health = task.health_check.as_ref().and_then(Checker::of_health);
        let check = task.check.as_ref().and_then(Checker::of_check);
        let checkers: Vec<Checker> = health.into_iter().chain(check).collect();
        let runs_commands = checkers.iter().any(|one| matches!(one.probe, Probe::Command(_)));
        let program = program.filter(|_| runs_commands).map(|program| {
            Box::new(Program {
                fetches: Vec::new(),
                ..program.clone()
            })
        });
        Checks {
            checkers,
            healthy: None,
            check_status: task.check.as_ref().map(empty_status),
            program,
            user: user.to_string(),
        }
    }

    /// What a checking command is run as. It writes to the task's standard error.
    fn program(&self, command: &CommandInfo) -> Option<Program> {
        let task = self.program.as_deref()?;
        let mut environment: BTreeMap<Vec<u8>, Vec<u8>> = task.environment.iter().cloned().collect();
        environment.extend(environment::given(command));
        let (file, arguments) = environment::command_line(command);
        Some(Program {
            stdout: task.stderr.clone(),
            file,
            arguments,
            environment: environment.into_iter().collect(),
            ..task.clone()
        })
    }
}

impl Agent {
    /// A status of a command as its executor makes it: nothing of former ones is in it.
    pub(super) fn fresh_status(&self, framework: &str, task: &str, process: u64, state: TaskState) -> TaskStatus {
        let mut fresh = status(self.now, task, state, Source::Executor);
        fresh.uuid = uuid();
        let known = self.frameworks.get(framework).and_then(|f| f.tasks.get(task));
        fresh.check_status = known.and_then(|known| known.info.check.as_ref()).map(empty_status);
        self.fill_container(&mut fresh, process);
        fresh
    }

    /// The command runs from now on.
    pub(super) fn start_checks(&mut self, process: u64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        for (index, checker) in container.checks.checkers.iter_mut().enumerate() {
            checker.started = now;
            self.timers.after(now, checker.delay, Timer::Check { process, index });
        }
    }

    /// The agent was started again: probes that were under way are lost, others are due.
    pub(super) fn restart_checks(&mut self, process: u64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        for (index, checker) in container.checks.checkers.iter_mut().enumerate() {
            if checker.started > Time::default() {
                checker.running = None;
                let due = checker.started.plus(checker.delay);
                let due = if due > now {
                    due
                } else {
                    now.plus(checker.interval.max(SHORTEST))
                };
                self.timers.add(due, Timer::Check { process, index });
            }
        }
    }

    /// Whether the task still runs, and nobody has killed it.
    fn is_checked(&self, process: u64) -> bool {
        let kind = self.containers.get(&process).map(|container| &container.kind);
        matches!(kind, Some(Kind::Command { killed: false, .. }))
    }

    /// It is time for a probe.
    pub(super) fn check(&mut self, process: u64, index: usize) {
        if !self.is_checked(process) {
            return;
        }
        let number = self.next_process;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let Some(checker) = container.checks.checkers.get(index).filter(|one| one.running.is_none()) else {
            return;
        };
        let action = match &checker.probe {
            Probe::Net(target) => Action::Probe {
                probe: number,
                target: target.clone(),
            },
            Probe::Command(command) => {
                let Some(program) = container.checks.program(command) else {
                    return;
                };
                let wanted = command.user.clone();
                let launch = Launch {
                    place: None,
                    user: wanted.unwrap_or_else(|| container.checks.user.clone()),
                    program: Ok(program),
                };
                Action::Start {
                    process: number,
                    launch: Box::new(launch),
                }
            }
        };
        let timeout = checker.timeout;
        if let Some(checker) = container.checks.checkers.get_mut(index) {
            checker.running = Some(number);
        }
        self.next_process += 1;
        self.probes.insert(number, (process, index));
        self.actions.push(action);
        if let Some(timeout) = timeout {
            self.timers.after(self.now, timeout, Timer::Probe { probe: number });
        }
    }

    /// A probe has taken too long.
    pub(super) fn probe_timeout(&mut self, probe: u64) {
        if self.probes.contains_key(&probe) {
            self.end_probe(probe);
            self.probed(probe, Err("it timed out".into()));
        }
    }

    fn end_probe(&mut self, probe: u64) {
        let (process, signal) = (probe, Signal::SIGKILL);
        // Whichever of the two it is: nobody has the number of the other.
        self.actions.push(Action::Signal { process, signal });
        self.actions.push(Action::EndProbe { probe });
    }

    /// Nobody wants to know any more.
    pub(super) fn end_checks(&mut self, process: u64) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let running = container.checks.checkers.iter_mut().filter_map(|one| one.running.take());
        for probe in running.collect::<Vec<_>>() {
            self.probes.remove(&probe);
            self.end_probe(probe);
        }
    }

    /// What a probe has found, or why it found nothing. Late ones are ignored.
    pub fn probed(&mut self, probe: u64, seen: Result<Seen, String>) {
        let Some((process, index)) = self.probes.remove(&probe) else {
            return;
        };
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let framework = container.framework.clone();
        let Kind::Command { task, .. } = &container.kind else { return };
        let task = task.clone();
        let checks = &mut container.checks;
        let Some(checker) = checks.checkers.get_mut(index) else {
            return;
        };
        checker.running = None;
        let next = checker.interval.max(SHORTEST);
        self.timers.after(now, next, Timer::Check { process, index });
        if let Err(why) = &seen {
            log::info!("a check of task {task} failed: {why}");
        }
        match checker.purpose {
            Purpose::Health { .. } => {
                if let Health::Tell { healthy, kill } = checker.health(now, is_good(&seen)) {
                    checks.healthy = Some(healthy);
                    self.tell_checked(&framework, &task, process, Reason::TaskHealthCheckStatusUpdated);
                    if kill {
                        self.kill_unhealthy(&framework, &task, process);
                    }
                }
            }
            Purpose::Check => {
                let known = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task));
                let check = known.and_then(|known| known.info.check.as_ref());
                let status = check.map(|check| status_of(check, &seen));
                if checks.check_status != status {
                    checks.check_status = status;
                    self.tell_checked(&framework, &task, process, Reason::TaskCheckStatusUpdated);
                }
            }
        }
    }

    /// The last status again, with what is new of the checks.
    fn tell_checked(&mut self, framework: &str, task: &str, process: u64, reason: Reason) {
        let mut update = self.fresh_status(framework, task, process, TaskState::TaskRunning);
        update.reason = Some(reason as i32);
        if let Some(container) = self.containers.get(&process) {
            update.healthy = container.checks.healthy;
            update.check_status = container.checks.check_status;
        }
        self.update(framework, update);
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
