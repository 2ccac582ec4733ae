//! A scheduler driver's logic: which callback an event is, what is remembered, what is answered, when to subscribe again.

use super::calls::{self as calls, Prepared};
use super::events::{callback, master_info};
use super::registration::{self, Registration};
use crate::driver::absence::FIRST_TOLD;
use crate::driver::counters::Counters;
use crate::driver::framework::REMOVED;
use crate::driver::framework_id_file::FrameworkIdStore;
use crate::driver::limits::WINDOW;
use crate::event::{Acknowledgement, Arg, ArgType};
use crate::logging::{bounded, tell};
use crate::message::class;
use crate::message::field_number::filters;
use crate::message::fields;
use crate::native::detector::{Detection, Source};
use crate::native::machine::{self, Action, Emission, Machine, Now};
use crate::native::protocol::backoff::Backoff;
use crate::native::protocol::pipeline::Outgoing;
use crate::native::protocol::recordio;
use crate::native::protocol::session::{Session, SessionEvent};
use crate::native::remembered::Remembered;
use crate::native::scheduler::offered::Offered;
use crate::native::scheduler::wire::{self, CallType, Event, EventType};
use crate::native::wire::Offer;
use bytes::Bytes;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod absence;
mod answers;
mod detection;
mod unacknowledged;

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
/// Acknowledgements that may wait or be unanswered. While there are more, the master's next updates are not read. The same holds for
/// refused offers after an abort.
const ACKNOWLEDGEMENTS: usize = 10_000;
/// For offers that come after an abort: a day. Nobody else refuses for so long.
pub const ABORTED_REFUSAL: f64 = 86_400.0;
/// What a machine is made from.
pub struct Config {
    /// Where the master is, or how it is found.
    pub source: Source,
    /// Encoded FrameworkInfo with user and hostname filled in.
    pub framework: Vec<u8>,
    pub implicit_acknowledgements: bool,
    pub master_timeout: Option<Duration>,
    /// How many calls may be unanswered.
    pub window: usize,
    pub reconcile_on_registration: bool,
    pub store: Option<Box<dyn FrameworkIdStore>>,
    /// The framework's id as soon as it is known, for those who call from other threads.
    pub known_id: Arc<Mutex<Option<String>>>,
    /// The offers that the program may use, for them too.
    pub offered: Arc<Offered>,
    pub counters: Arc<Counters>,
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
    registration: Registration,
    /// The next success is `registered` though the id is known: another process had it.
    failover: bool,
    subscribed_since: Option<Duration>,
    /// Since when there has been no master, and why.
    absent_since: Duration,
    /// When the user is told next that there is none, and whether that has happened.
    tells_at: Duration,
    has_told: bool,
    last_reason: String,
    backoff: Backoff,
    /// How long the master has asked not to be asked again.
    pause: Duration,
    /// Offers that the program may use, to be given back by an abort.
    offers: Remembered,
    /// How many acknowledgements were queued to this subscription and are not answered.
    acknowledgements: usize,
    /// Of a program that acknowledges itself.
    unacknowledged: unacknowledged::Unacknowledged,
    end_by: Option<Duration>,
    actions: Vec<Action>,
}

impl SchedulerMachine {
    pub fn new(config: Config) -> Self {
        let registration = Registration::new(&config.framework);
        let mut session = Session::new("scheduler", config.source.fixed());
        session.set_window(config.window);
        SchedulerMachine {
            session,
            state: State::Running,
            failover: registration.id().is_some(),
            registration,
            subscribed_since: None,
            absent_since: Duration::ZERO,
            tells_at: FIRST_TOLD,
            has_told: false,
            last_reason: "no answer yet".to_string(),
            backoff: Backoff::new(BACKOFF_CAP, config.seed),
            pause: Duration::ZERO,
            offers: Remembered::default(),
            acknowledgements: 0,
            unacknowledged: Default::default(),
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
        self.registration.name()
    }

    fn fail(&mut self, message: &str) {
        let message = &bounded(message, crate::logging::ERROR);
        log::error!("framework {}, master {}: {message}", self.framework(), self.session.target());
        self.emit(Emission::fatal(message));
        self.end();
    }

    fn end(&mut self) {
        self.session.close();
        self.state = State::Ended;
    }

    fn subscribe(&mut self, now: Now) {
        self.config.counters.call("SUBSCRIBE");
        let call = self.registration.subscribe();
        self.session.subscribe(&call, now.elapsed);
    }

    fn record(&mut self, record: Bytes, now: Now) {
        let event = match Event::decode(record) {
            Ok(event) => event,
            Err(why) => return self.session.lose(format!("undecodable event: {why}")),
        };
        self.config.counters.event(event.kind().as_str_name());
        log::info!(
            "framework {}, master {}: event {}",
            self.framework(),
            self.session.target(),
            event.kind().as_str_name()
        );
        // The session itself may have ended with what came behind this record.
        match (event.kind(), self.subscribed_since.is_some()) {
            (EventType::Error, _) => {
                let message = event.error.and_then(|e| e.message).unwrap_or_default();
                let message = String::from_utf8_lossy(&message);
                if message == REMOVED {
                    // The next run registers a new framework.
                    self.forget_id();
                }
                self.fail(&message);
            }
            (EventType::Subscribed, false) => match event.subscribed {
                Some(subscribed) => self.subscribed(subscribed, now),
                None => self.session.lose("SUBSCRIBED without its content".to_string()),
            },
            (_, true) => self.event(event, now),
            // The stream may end while calls are drained: what came before its end is of no use then.
            (_, false) if self.state != State::Running => (),
            (kind, false) => log::warn!("event {} before SUBSCRIBED is ignored", kind.as_str_name()),
        }
    }

    fn subscribed(&mut self, subscribed: wire::Subscribed, now: Now) {
        let Some(id) = subscribed.framework_id else {
            return self.session.lose("SUBSCRIBED without a framework id".to_string());
        };
        let known = self.registration.id().is_some();
        if !self.registration.subscribed(id.to_vec()) {
            return self.fail("The master registered this framework under another id");
        }
        let text = registration::value(&id).unwrap_or_default();
        if let Some(Err(why)) = self.config.store.as_mut().map(|store| store.save(&text)) {
            return self.fail(&why);
        }
        *crate::thread::lock(&self.config.known_id) = Some(text);
        self.config.counters.answer(200);
        self.config.counters.count("subscriptions");
        let interval = subscribed.heartbeat_interval_seconds.filter(|s| s.is_finite() && *s > 0.0);
        let interval = interval.unwrap_or(DEFAULT_HEARTBEAT).min(LONGEST_HEARTBEAT);
        let silence = Duration::from_secs_f64(interval * MISSED_HEARTBEATS);
        self.session.set_call_beginning(calls::framework_id_field(&id));
        self.session.subscribed(Some(silence), now.elapsed);
        self.subscribed_since = Some(now.elapsed);
        self.tell_found(now);
        self.forget_offers();
        let first = !known || self.failover;
        self.failover = false;
        log::info!(
            "framework {} is {} with master {}",
            self.framework(),
            if first { "registered" } else { "reregistered" },
            self.session.target()
        );
        if let Some(update) = self.registration.pending_update() {
            self.send(update, now);
        }
        if self.config.reconcile_on_registration && self.state == State::Running {
            self.send(calls::reconcile(), now);
        }
        let master = subscribed
            .master_info
            .unwrap_or_else(|| master_info(self.session.target()).into());
        let master = Arg::message(class::MASTER_INFO, master);
        self.emit(match first {
            true => Emission::new("registered", vec![Arg::message(class::FRAMEWORK_ID, id), master]),
            false => Emission::new("reregistered", vec![master]),
        });
    }

    fn event(&mut self, event: Event, now: Now) {
        match event.kind() {
            EventType::Offers => self.offered(event.offers.unwrap_or_default().offers, now),
            EventType::InverseOffers if event.inverse_offers.is_none() => (),
            kind => {
                if kind == EventType::Update {
                    self.config.counters.count("updates_received");
                    let explicit = !self.config.implicit_acknowledgements && self.state == State::Running;
                    let status = event
                        .update
                        .as_ref()
                        .and_then(|update| update.status.as_ref())
                        .filter(|_| explicit);
                    if let Some(text) = status.and_then(|status| self.unacknowledged.came(status)) {
                        tell(&format!("framework {}: {text}", self.framework()));
                    }
                }
                if let Some(id) = event.rescind.as_ref().and_then(|r| r.offer_id.as_ref()) {
                    self.offers.remove(&id[..]);
                    self.config.offered.remove([&id[..]]);
                }
                match callback(event, self.config.implicit_acknowledgements) {
                    Ok(Some(emission)) => self.emit(emission),
                    Ok(None) => (),
                    Err(why) => log::error!("framework {}: an update is ignored: {why}", self.framework()),
                }
            }
        }
    }

    fn offered(&mut self, offers: Vec<Bytes>, now: Now) {
        let ids: Vec<Vec<u8>> = offers.iter().filter_map(|o| Offer::decode(&o[..]).ok()?.id).collect();
        match self.state {
            State::Running if !offers.is_empty() => {
                if ids.len() == offers.len() {
                    self.config.offered.insert(ids.iter().cloned().zip(offers.iter().cloned()));
                }
                for id in ids {
                    if self.offers.insert(id, Vec::new()) {
                        log::warn!(
                            "framework {}: too many offers, an abort will not give back the oldest",
                            self.framework()
                        );
                    }
                }
                let offers = Arg::List(ArgType::Message(class::OFFER), offers);
                self.emit(Emission::new("resourceOffers", vec![offers]));
            }
            State::Aborted => self.refuse(ids, now),
            _ => (),
        }
    }

    fn forget_offers(&mut self) {
        self.offers.clear();
        self.config.offered.clear();
    }

    /// Gives offers back for long.
    fn refuse(&mut self, ids: Vec<Vec<u8>>, now: Now) {
        if !ids.is_empty() {
            let mut for_long = Vec::new();
            fields::append_double(&mut for_long, filters::REFUSE_SECONDS, ABORTED_REFUSAL);
            self.send(calls::decline(ids, Some(for_long)), now);
        }
    }

    fn lost(&mut self, reason: String, unsent: Vec<Outgoing>, now: Now) {
        let line = format!("framework {}, master {}: {reason}", self.framework(), self.session.target());
        // It comes again, however long a subscription has lived, and each SUBSCRIBED in between hides it from `tell_absent`.
        let too_long = recordio::is_too_long(&reason);
        match too_long && self.state == State::Running {
            true => tell(&format!("{line}; the driver drops the connection and subscribes again")),
            false => log::warn!("{line}"),
        }
        self.last_reason = reason;
        self.forget_offers();
        self.acknowledgements = 0;
        self.unacknowledged.lost();
        let since = self.subscribed_since.take();
        if let Some(since) = since {
            if now.elapsed >= since + STABLE && !too_long {
                self.backoff.reset();
            }
            self.absent(now);
            self.config.counters.count("disconnects");
            self.emit(Emission::new("disconnected", vec![]));
        }
        for call in unsent {
            self.drop_call(call.name, call.tasks, now);
        }
        if self.state == State::Running {
            self.connect(now);
        }
    }

    fn connect(&mut self, now: Now) {
        let pause = self.backoff.next_delay().max(std::mem::take(&mut self.pause));
        let when = now.elapsed + pause;
        self.session.connect_at(when, now.elapsed);
    }

    /// Carries a call out, or what takes its place while there is no master.
    fn send(&mut self, prepared: Prepared, now: Now) {
        match prepared {
            Prepared::Send {
                name,
                call,
                tasks,
                offers,
            } => {
                if !self.session.is_subscribed() {
                    return self.drop_call(name, tasks, now);
                }
                for id in &offers {
                    self.offers.remove(id);
                }
                self.config.counters.call(name);
                self.acknowledgements += usize::from(name == CallType::Acknowledge.as_str_name());
                let mut outgoing = Outgoing::new(name, call);
                outgoing.tasks = tasks;
                self.session.call(outgoing);
            }
            Prepared::Roles { revive, roles } => {
                self.registration.change_roles(revive, &roles);
                match self.session.is_subscribed() {
                    true => self.send(calls::roles(revive, roles), now),
                    false => self.registration.announce_later(),
                }
            }
            Prepared::Framework { info, suppressed } => {
                self.registration.change(&info, suppressed);
                match self.session.is_subscribed() {
                    true => {
                        let update = self.registration.update();
                        self.send(update, now);
                    }
                    false => self.registration.announce_later(),
                }
            }
            Prepared::Nothing => (),
        }
    }

    /// The end of a framework must not wait behind calls to which it puts an end too, if they are many: there is not much time.
    fn drop_backlog(&mut self, now: Now) {
        self.session.pump(now.elapsed);
        if self.session.calls().0 > WINDOW {
            let dropped = self.session.drop_waiting();
            log::warn!("framework {}: {dropped} calls are not sent any more", self.framework());
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

    fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn counters(&self) -> &Counters {
        &self.config.counters
    }

    /// Handles what the session tells, until it has nothing more.
    fn handle_session_events(&mut self, now: Now) {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Ready => self.subscribe(now),
                SessionEvent::Record(record) => self.record(record, now),
                SessionEvent::Answered(answer) => self.answered(answer, now),
                SessionEvent::Refused { head, body } => self.refused(&head, &body, now),
                SessionEvent::Lost { reason, unsent } => self.lost(reason, unsent, now),
            }
        }
        if self.state == State::Ending && self.session.is_drained() {
            self.end();
        }
        let ended = self.state == State::Ended;
        machine::collect(&mut self.session, &mut self.actions, &self.config.counters, ended, now);
    }

    fn start(&mut self, now: Now) {
        self.absent(now);
        match self.config.source.is_fixed() {
            true => self.connect(now),
            false => self.actions.push(Action::Detect(self.config.source.clone())),
        }
        self.handle_session_events(now);
    }

    fn detected(&mut self, detection: Detection, now: Now) {
        self.leadership(detection, now);
        self.handle_session_events(now);
    }

    fn takes_events(&self) -> bool {
        // After an abort every event with offers makes a call.
        let refusals = if self.state == State::Aborted {
            self.session.calls().0
        } else {
            0
        };
        self.acknowledgements.max(refusals) <= ACKNOWLEDGEMENTS
    }

    fn handle_command(&mut self, command: Command, now: Now) {
        if matches!(command, Command::Call(_)) {
            self.config.counters.taken();
        }
        match command {
            _ if self.state == State::Ended => (),
            Command::Call(prepared) if self.state != State::Ending => self.send(prepared, now),
            Command::Acknowledge(update) if self.state == State::Running => {
                self.unacknowledged.acknowledged();
                self.send(calls::acknowledge(update), now);
            }
            Command::Call(_) | Command::Acknowledge(_) => (),
            Command::Stop { failover } => {
                if !failover {
                    self.drop_backlog(now);
                    self.send(calls::teardown(), now);
                }
                self.end_within(STOP_LIMIT, now);
            }
            Command::Abort if self.state == State::Running => {
                self.state = State::Aborted;
                if self.session.is_subscribed() {
                    self.send(calls::roles(false, Vec::new()), now);
                    let outstanding = self.offers.take_ids();
                    self.refuse(outstanding, now);
                } else {
                    self.session.close();
                }
            }
            Command::Abort => (),
            Command::Close if self.state == State::Ending => (),
            Command::Close => self.end_within(CLOSE_LIMIT, now),
        }
    }

    fn tick(&mut self, now: Now) {
        self.session.tick(now.elapsed);
        self.handle_session_events(now);
        if self.state == State::Ending && self.end_by.is_some_and(|end| end <= now.elapsed) {
            log::warn!("framework {}: calls are unanswered, giving up", self.framework());
            self.end();
        }
        self.tell_absent(now);
        if self.absence_ends().is_some_and(|end| end <= now.elapsed) {
            let waited = self.config.master_timeout.unwrap_or_default().as_secs_f64();
            let message = format!("no master at {} for {waited} s: {}", self.config.source, self.last_reason);
            self.fail(&message);
        }
        self.handle_session_events(now);
    }

    fn deadline(&self) -> Option<Duration> {
        [self.session.deadline(), self.end_by, self.absence_ends(), self.tells_next()]
            .into_iter()
            .flatten()
            .min()
    }

    fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

#[cfg(test)]
mod detection_tests;
#[cfg(test)]
mod tests;
