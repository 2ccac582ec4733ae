//! A scheduler driver's logic: which callback an event is, what is remembered, what is answered, when to subscribe again.

use super::backoff::Backoff;
use super::detector::{Detection, Source};
use super::endpoint::Endpoint;
use super::fields;
use super::machine::{Action, Emission, Link, Machine, Now};
use super::pipeline::{Answer, Outgoing};
use super::scheduler_calls::{self as calls, Prepared};
use super::session::{Session, SessionEvent};
use super::wire::scheduler::{self as wire, Event};
use super::wire::{FrameworkInfo, Id, Offer};
use crate::event::{Acknowledgement, Arg, ArgType};
use crate::message::class;
use crate::proto;
use prost::Message;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

mod detection;

/// The longest pause between attempts to subscribe.
const BACKOFF_CAP: Duration = Duration::from_secs(15);
/// A subscription that lived this long was good: the next attempt comes at once again.
const STABLE: Duration = Duration::from_secs(5);
/// Heartbeats that may be missed (Mesos' recommendation).
const MISSED_HEARTBEATS: f64 = 5.0;
const DEFAULT_HEARTBEAT: f64 = 15.0;
const LONGEST_HEARTBEAT: f64 = 86_400.0;
/// How long queued calls may take after `stop`, and after `close` alone.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// For offers that come after an abort: a day.
const ABORTED_REFUSAL: f64 = 86_400.0;

/// FrameworkInfo.Capability.Type
const PARTITION_AWARE: i32 = 5;
const MULTI_ROLE: i32 = 6;

/// What a machine is made from.
pub struct Config {
    /// Where the master is, or how it is found.
    pub source: Source,
    /// Encoded FrameworkInfo with user and hostname filled in.
    pub framework: Vec<u8>,
    pub implicit_acknowledgements: bool,
    pub master_timeout: Option<Duration>,
    /// For jitter.
    pub seed: u64,
}

/// What the driver's methods want.
pub enum Command {
    Call(Prepared),
    Acknowledge(Acknowledgement),
    Stop { failover: bool },
    Abort,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Deliver nothing, keep the subscription, refuse offers.
    Aborted,
    /// Queued calls are being sent.
    Ending,
    Ended,
}

/// See the module.
pub struct SchedulerMachine {
    session: Session,
    state: State,
    config: Config,
    info: FrameworkInfo,
    /// Encoded FrameworkID.
    framework_id: Option<Vec<u8>>,
    /// The next success is `registered` though the id is known: another process had it.
    failover: bool,
    subscribed_since: Option<Duration>,
    /// Since when there has been no master, and why.
    absent_since: Duration,
    last_reason: String,
    backoff: Backoff,
    /// Roles for which the program wants no offers; sent with every SUBSCRIBE.
    suppressed: BTreeSet<String>,
    /// REVIVE and SUPPRESS that came while there was no master.
    remembered: Vec<(bool, Vec<String>)>,
    /// Offers that the program may use, to be given back by an abort.
    offers: HashSet<Vec<u8>>,
    end_by: Option<Duration>,
    actions: Vec<Action>,
}

impl SchedulerMachine {
    pub fn new(config: Config) -> Self {
        let info = FrameworkInfo::decode(&config.framework[..]).unwrap_or_default();
        let id = info.id.as_ref().and_then(|id| id.value.clone()).filter(|v| !v.is_empty());
        SchedulerMachine {
            session: Session::new("scheduler", config.source.fixed()),
            state: State::Running,
            framework_id: id.as_deref().map(fields::id),
            failover: id.is_some(),
            info,
            subscribed_since: None,
            absent_since: Duration::ZERO,
            last_reason: "no answer yet".to_string(),
            backoff: Backoff::new(BACKOFF_CAP, config.seed),
            suppressed: BTreeSet::new(),
            remembered: Vec::new(),
            offers: HashSet::new(),
            end_by: None,
            actions: Vec::new(),
            config,
        }
    }

    fn emit(&mut self, emission: Emission) {
        if self.state == State::Running {
            self.actions.push(Action::Emit(emission));
        }
    }

    /// For log lines.
    fn framework(&self) -> String {
        let id = self
            .framework_id
            .as_deref()
            .and_then(|id| Id::decode(id).ok())
            .and_then(|id| id.value);
        id.unwrap_or_else(|| format!("{:?} (no id yet)", self.info.name.as_deref().unwrap_or("")))
    }

    fn fail(&mut self, message: &str) {
        log::error!("framework {}, master {}: {message}", self.framework(), self.session.target());
        self.emit(Emission::fatal(message));
        self.end();
    }

    fn end(&mut self) {
        self.session.close();
        self.state = State::Ended;
    }

    /// Handles what the session tells, until it has nothing more.
    fn settle(&mut self, now: Now) {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Ready => self.subscribe(now),
                SessionEvent::Record(record) => self.record(&record, now),
                SessionEvent::Answered(answer) => self.answered(&answer),
                SessionEvent::Refused { head, body } => self.refused(head.status, &head.reason, &body, now),
                SessionEvent::Lost { reason, unsent } => self.lost(reason, unsent, now),
            }
        }
        if self.state == State::Ending && self.session.is_drained() {
            self.end();
        }
        self.actions.extend(self.session.take_actions());
        if self.state == State::Ended && self.actions.last() != Some(&Action::Done) {
            self.actions.push(Action::Done);
        }
    }

    fn subscribe(&mut self, now: Now) {
        let mut info = fields::without(&self.config.framework, &[3]).unwrap_or_default();
        if let Some(id) = &self.framework_id {
            fields::append(&mut info, 3, id);
        }
        let (kind, _) = wire::SUBSCRIBE;
        let call = wire::Call {
            framework_id: self.framework_id.clone(),
            kind: Some(kind),
            subscribe: Some(wire::Subscribe {
                framework_info: info,
                suppressed_roles: self.suppressed.iter().cloned().collect(),
            }),
            ..Default::default()
        };
        self.session.subscribe(&call.encode_to_vec(), now.elapsed);
    }

    fn record(&mut self, record: &[u8], now: Now) {
        let event = match Event::decode(record) {
            Ok(event) => event,
            Err(why) => return self.session.lose(format!("undecodable event: {why}")),
        };
        match (event.kind, self.session.is_subscribed()) {
            (Some(wire::ERROR), _) => {
                let message = event.error.and_then(|e| e.message).unwrap_or_default();
                self.fail(&String::from_utf8_lossy(&message));
            }
            (Some(wire::SUBSCRIBED), false) => match event.subscribed {
                Some(subscribed) => self.subscribed(subscribed, now),
                None => self.session.lose("SUBSCRIBED without its content".to_string()),
            },
            (_, true) => self.event(event, now),
            (kind, false) => log::warn!("event {kind:?} before SUBSCRIBED is ignored"),
        }
    }

    fn subscribed(&mut self, subscribed: wire::Subscribed, now: Now) {
        let Some(id) = subscribed.framework_id else {
            return self.session.lose("SUBSCRIBED without a framework id".to_string());
        };
        if self
            .framework_id
            .as_ref()
            .is_some_and(|known| Id::decode(&known[..]) != Id::decode(&id[..]))
        {
            return self.fail("The master registered this framework under another id");
        }
        let interval = subscribed.heartbeat_interval_seconds.filter(|s| s.is_finite() && *s > 0.0);
        let interval = interval.unwrap_or(DEFAULT_HEARTBEAT).min(LONGEST_HEARTBEAT);
        let silence = Duration::from_secs_f64(interval * MISSED_HEARTBEATS);
        self.session.subscribed(Some(silence), now.elapsed);
        self.subscribed_since = Some(now.elapsed);
        self.offers.clear();
        let first = self.framework_id.is_none() || self.failover;
        self.framework_id = Some(id.clone());
        self.failover = false;
        log::info!(
            "framework {} is {} with master {}",
            self.framework(),
            if first { "registered" } else { "reregistered" },
            self.session.target()
        );
        for (revive, roles) in std::mem::take(&mut self.remembered) {
            self.send(calls::roles(revive, roles), now);
        }
        let master = subscribed.master_info.unwrap_or_else(|| master_info(self.session.target()));
        let master = Arg::message(class::MASTER_INFO, master);
        self.emit(match first {
            true => Emission::new("registered", vec![Arg::message(class::FRAMEWORK_ID, id), master]),
            false => Emission::new("reregistered", vec![master]),
        });
    }

    fn event(&mut self, event: Event, now: Now) {
        log::debug!(
            "framework {}, master {}: event {:?}",
            self.framework(),
            self.session.target(),
            event.kind
        );
        match event.kind {
            Some(wire::OFFERS) => self.offered(event.offers.unwrap_or_default().offers, now),
            Some(wire::RESCIND) => {
                if let Some(id) = event.rescind.and_then(|r| r.offer_id) {
                    self.offers.remove(&id);
                    self.emit(Emission::new("offerRescinded", vec![Arg::message(class::OFFER_ID, id)]));
                }
            }
            Some(wire::UPDATE) => {
                if let Some(status) = event.update.and_then(|u| u.status) {
                    self.update(status);
                }
            }
            Some(wire::MESSAGE) => {
                let message = event.message.unwrap_or_default();
                if let (Some(executor), Some(agent)) = (message.executor_id, message.agent_id) {
                    let args = vec![
                        Arg::message(class::EXECUTOR_ID, executor),
                        Arg::message(class::SLAVE_ID, agent),
                        Arg::string(message.data.unwrap_or_default()),
                    ];
                    self.emit(Emission::new("frameworkMessage", args));
                }
            }
            Some(wire::FAILURE) => self.failure(event.failure.unwrap_or_default()),
            // HEARTBEAT has done its work by arriving; inverse offers, operations and later inventions have no callback.
            _ => (),
        }
    }

    fn offered(&mut self, offers: Vec<Vec<u8>>, now: Now) {
        let ids: Vec<Vec<u8>> = offers.iter().filter_map(|o| Offer::decode(&o[..]).ok()?.id).collect();
        match self.state {
            State::Running if !offers.is_empty() => {
                self.offers.extend(ids);
                let offers = Arg::List(ArgType::Message(class::OFFER), offers);
                self.emit(Emission::new("resourceOffers", vec![offers]));
            }
            State::Aborted => self.refuse(ids, now),
            _ => (),
        }
    }

    /// Gives offers back for long.
    fn refuse(&mut self, ids: Vec<Vec<u8>>, now: Now) {
        if !ids.is_empty() {
            let mut filters = Vec::new();
            fields::append_double(&mut filters, 1, ABORTED_REFUSAL);
            self.send(calls::decline(ids, Some(filters)), now);
        }
    }

    fn update(&mut self, status: Vec<u8>) {
        let acknowledgement = match calls::acknowledgement("status", &status) {
            Ok(update) => update.filter(|_| self.config.implicit_acknowledgements),
            Err(why) => return log::error!("framework {}: an update is ignored: {why}", self.framework()),
        };
        let mut emission = Emission::new("statusUpdate", vec![Arg::message(class::TASK_STATUS, status)]);
        emission.acknowledgement = acknowledgement;
        self.emit(emission);
    }

    fn failure(&mut self, failure: wire::Failure) {
        match (failure.agent_id, failure.executor_id) {
            (Some(agent), Some(executor)) => {
                let args = vec![
                    Arg::message(class::EXECUTOR_ID, executor),
                    Arg::message(class::SLAVE_ID, agent),
                    Arg::string(failure.status.unwrap_or(-1).to_string()),
                ];
                self.emit(Emission::new("executorLost", args));
            }
            (Some(agent), None) => self.emit(Emission::new("slaveLost", vec![Arg::message(class::SLAVE_ID, agent)])),
            (None, _) => (),
        }
    }

    fn answered(&mut self, answer: &Answer) {
        let status = answer.head.status;
        let what = || format!("{} ({}) for {}", status, answer.body, answer.call.name);
        match status {
            200..=299 => log::debug!("framework {}: {} accepted", self.framework(), answer.call.name),
            401 => self.fail("Master refused authentication"),
            // Another leader, or one that does not know this subscription (any more).
            _ if self.state == State::Ending => log::warn!("framework {}: answer {}", self.framework(), what()),
            300..=399 | 403 | 404 | 429 | 500..=599 => self.session.lose(what()),
            400 if ["stream ID", "cannot be found"].iter().any(|t| answer.body.contains(t)) => self.session.lose(what()),
            _ => log::error!(
                "framework {}, master {}: answer {}",
                self.framework(),
                self.session.target(),
                what()
            ),
        }
    }

    fn refused(&mut self, status: u16, reason: &str, body: &str, now: Now) {
        match status {
            401 => self.fail("Master refused authentication"),
            404 | 408 | 429 | 500..=599 => self.lost(format!("{status} {reason}: {body}"), Vec::new(), now),
            _ => self.fail(&format!("Received unexpected '{status} {reason}' ({body}) for SUBSCRIBE")),
        }
    }

    fn lost(&mut self, reason: String, unsent: Vec<Outgoing>, now: Now) {
        log::warn!("framework {}, master {}: {reason}", self.framework(), self.session.target());
        self.last_reason = reason;
        self.offers.clear();
        let since = self.subscribed_since.take();
        if let Some(since) = since {
            if now.elapsed >= since + STABLE {
                self.backoff.reset();
            }
            self.absent_since = now.elapsed;
            self.emit(Emission::new("disconnected", vec![]));
        }
        for call in unsent {
            self.lose_tasks(call.tasks, now);
        }
        if self.state == State::Running {
            self.connect(now);
        }
    }

    fn connect(&mut self, now: Now) {
        let when = now.elapsed + self.backoff.next_delay();
        self.session.connect_at(when, now.elapsed);
    }

    /// What libmesos tells of tasks that are launched while there is no master.
    fn lose_tasks(&mut self, tasks: Vec<Vec<u8>>, now: Now) {
        let aware = self.info.capabilities.iter().any(|c| c.kind == Some(PARTITION_AWARE));
        let state = if aware {
            proto::TaskState::TaskDropped
        } else {
            proto::TaskState::TaskLost
        };
        for task_id in tasks {
            let mut status = Vec::new();
            fields::append(&mut status, 1, &task_id);
            fields::append_varint(&mut status, 2, state as u64);
            fields::append(&mut status, 4, b"Master disconnected");
            fields::append_double(&mut status, 6, now.wall);
            fields::append_varint(&mut status, 9, proto::task_status::Source::Master as u64);
            fields::append_varint(&mut status, 10, proto::task_status::Reason::MasterDisconnected as u64);
            self.emit(Emission::new("statusUpdate", vec![Arg::message(class::TASK_STATUS, status)]));
        }
    }

    /// Carries a call out, or what takes its place while there is no master.
    fn send(&mut self, prepared: Prepared, now: Now) {
        match prepared {
            Prepared::Send {
                name,
                mut call,
                tasks,
                offers,
            } => {
                if !self.session.is_subscribed() {
                    log::debug!("framework {}: no master, {name} is dropped", self.framework());
                    return self.lose_tasks(tasks, now);
                }
                for id in &offers {
                    self.offers.remove(id);
                }
                call.framework_id = self.framework_id.clone();
                let mut outgoing = Outgoing::new(name, call.encode_to_vec());
                outgoing.tasks = tasks;
                self.session.call(outgoing, now.elapsed);
            }
            Prepared::Roles { revive, roles } => self.change_roles(revive, roles, now),
            Prepared::Nothing => (),
        }
    }

    fn change_roles(&mut self, revive: bool, roles: Vec<String>, now: Now) {
        let own = self.roles();
        let changed: Vec<String> = match roles.is_empty() {
            true => own,
            // A master ignores a call with a foreign role, but refuses a SUBSCRIBE with one.
            false if roles.iter().all(|r| own.contains(r)) => roles.clone(),
            false => Vec::new(),
        };
        for role in changed {
            match revive {
                true => drop(self.suppressed.remove(&role)),
                false => drop(self.suppressed.insert(role)),
            }
        }
        if self.session.is_subscribed() {
            self.send(calls::roles(revive, roles), now);
        } else {
            if roles.is_empty() {
                self.remembered.clear();
            }
            self.remembered.retain(|earlier| earlier.1 != roles);
            self.remembered.push((revive, roles));
        }
    }

    fn roles(&self) -> Vec<String> {
        match self.info.capabilities.iter().any(|c| c.kind == Some(MULTI_ROLE)) {
            true => self.info.roles.clone(),
            false => vec![self.info.role.clone().unwrap_or_else(|| "*".to_string())],
        }
    }

    /// Lets queued calls go out until then, and ends.
    fn end_within(&mut self, limit: Duration, now: Now) {
        if self.state == State::Ended {
            return;
        }
        if !self.session.is_subscribed() {
            return self.end();
        }
        self.state = State::Ending;
        self.session.drain();
        self.end_by = Some(self.end_by.unwrap_or(Duration::MAX).min(now.elapsed + limit));
    }
}

impl Machine for SchedulerMachine {
    type Command = Command;

    fn start(&mut self, now: Now) {
        self.absent_since = now.elapsed;
        match self.config.source.is_fixed() {
            true => self.connect(now),
            false => self.actions.push(Action::Detect(self.config.source.clone())),
        }
        self.settle(now);
    }

    fn detected(&mut self, detection: Detection, now: Now) {
        self.leadership(detection, now);
        self.settle(now);
    }

    fn opened(&mut self, link: Link, now: Now) {
        self.session.opened(link, now.elapsed);
        self.settle(now);
    }

    fn broken(&mut self, link: Link, reason: String, now: Now) {
        self.session.broken(link, reason, now.elapsed);
        self.settle(now);
    }

    fn received(&mut self, link: Link, data: &[u8], now: Now) {
        self.session.received(link, data, now.elapsed);
        self.settle(now);
    }

    fn command(&mut self, command: Command, now: Now) {
        match command {
            _ if self.state == State::Ended => (),
            Command::Call(prepared) if self.state != State::Ending => self.send(prepared, now),
            Command::Acknowledge(update) if self.state == State::Running => self.send(calls::acknowledge(update), now),
            Command::Call(_) | Command::Acknowledge(_) => (),
            Command::Stop { failover } => {
                if !failover {
                    self.send(calls::teardown(), now);
                }
                self.end_within(STOP_LIMIT, now);
            }
            Command::Abort if self.state == State::Running => {
                self.state = State::Aborted;
                if self.session.is_subscribed() {
                    self.send(calls::roles(false, Vec::new()), now);
                    let outstanding = self.offers.drain().collect();
                    self.refuse(outstanding, now);
                } else {
                    self.session.close();
                }
            }
            Command::Abort => (),
            Command::Close if self.state == State::Ending => (),
            Command::Close => self.end_within(CLOSE_LIMIT, now),
        }
        self.settle(now);
    }

    fn tick(&mut self, now: Now) {
        self.session.tick(now.elapsed);
        self.settle(now);
        if self.state == State::Ending && self.end_by.is_some_and(|end| end <= now.elapsed) {
            log::warn!("framework {}: calls are unanswered, giving up", self.framework());
            self.end();
        }
        if self.absence_ends().is_some_and(|end| end <= now.elapsed) {
            let waited = self.config.master_timeout.unwrap_or_default().as_secs_f64();
            let message = format!("no master at {} for {waited} s: {}", self.config.source, self.last_reason);
            self.fail(&message);
        }
        self.settle(now);
    }

    fn deadline(&self) -> Option<Duration> {
        [self.session.deadline(), self.end_by, self.absence_ends()]
            .into_iter()
            .flatten()
            .min()
    }

    fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

impl SchedulerMachine {
    fn absence_ends(&self) -> Option<Duration> {
        let waits = self.state == State::Running && self.subscribed_since.is_none();
        self.config
            .master_timeout
            .filter(|_| waits)
            .map(|limit| self.absent_since.saturating_add(limit))
    }
}

/// For masters before 1.1, which do not tell their MasterInfo.
fn master_info(endpoint: &Endpoint) -> Vec<u8> {
    let ip = endpoint
        .host
        .parse::<std::net::Ipv4Addr>()
        .map(|ip| u32::from_le_bytes(ip.octets()));
    proto::MasterInfo {
        id: format!("master@{endpoint}"),
        ip: ip.unwrap_or(0),
        port: u32::from(endpoint.port),
        pid: Some(format!("master@{endpoint}")),
        hostname: Some(endpoint.host.clone()),
        ..Default::default()
    }
    .encode_to_vec()
}

#[cfg(test)]
mod detection_tests;
#[cfg(test)]
mod tests;
