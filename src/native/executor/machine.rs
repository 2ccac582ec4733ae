//! An executor driver's logic: which callback an event is, which tasks and updates are unacknowledged, what the loss of the agent
//! means.

use super::environment::Environment;
use super::updates::Updates;
use super::wire::{self, CallType, Event, EventType};
use crate::driver::counters::{Counters, Load};
use crate::driver::framework::value;
use crate::driver::DriverError;
use crate::event::Arg;
use crate::logging::bounded;
use crate::message::class;
use crate::message::field_number::task_status;
use crate::message::fields;
use crate::native::machine::{self, Action, Emission, Machine, Now};
use crate::native::protocol::backoff::Random;
use crate::native::protocol::pipeline::{Answer, Outgoing};
use crate::native::protocol::session::{Session, SessionEvent};
use crate::native::remembered::Remembered;
use crate::native::wire::TaskInfo;
use crate::proto;
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

/// How long updates may wait for ACKNOWLEDGED after `stop` or `close`.
const END_LIMIT: Duration = Duration::from_secs(5);
/// An agent that answers "not yet" to an executor without checkpointing kills it after this time.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(60);

/// As libmesos tells the agent that the executor is there, also to whatever is between them. The agent does nothing with it.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// What the driver's methods want.
pub enum Command {
    /// A complete TaskStatus, see [`complete`].
    Update {
        uuid: Vec<u8>,
        status: Vec<u8>,
    },
    Message {
        data: Vec<u8>,
        load: Option<Arc<Load>>,
    },
    Stop,
    Abort,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Calls are sent, events are not delivered: after SHUTDOWN or an abort.
    Silent,
    /// Waiting until the agent has what was queued.
    Ending,
    Ended,
}

/// See the module.
pub struct ExecutorMachine {
    session: Session,
    environment: Environment,
    state: State,
    /// SUBSCRIBED came at least once.
    registered: bool,
    /// Since when the agent is gone.
    gone_since: Option<Duration>,
    /// It will not come back.
    gone_for_good: bool,
    updates: Updates,
    /// TaskInfos of tasks without an acknowledged update.
    tasks: Remembered,
    kill_at: Option<Duration>,
    /// When the next HEARTBEAT goes out, unless the agent is too old for it.
    heartbeat_at: Option<Duration>,
    end_by: Option<Duration>,
    closing: bool,
    random: Random,
    counters: Arc<Counters>,
    actions: Vec<Action>,
}

/// What the driver sets itself, whatever the program has put there.
const OURS: [u32; 5] = [
    task_status::SLAVE_ID,
    task_status::TIMESTAMP,
    task_status::EXECUTOR_ID,
    task_status::SOURCE,
    task_status::UUID,
];

/// Checks an encoded TaskStatus and fills in what the driver is responsible for: agent, executor, time, uuid, source.
pub fn complete(status: &[u8], environment: &Environment, uuid: &[u8], wall: f64) -> Result<Vec<u8>, DriverError> {
    let argument = |problem: String| DriverError::Argument { name: "status", problem };
    let decoded =
        crate::native::wire::TaskStatus::decode(status).map_err(|e| argument(format!("not an encoded TaskStatus ({e})")))?;
    match decoded.task_id.as_deref().map(|id| value(id).unwrap_or_default()) {
        None => return Err(argument("TaskStatus.task_id is missing".to_string())),
        Some(id) if id.is_empty() => return Err(argument("TaskStatus.task_id is empty".to_string())),
        Some(_) => (),
    }
    match decoded.state {
        None => return Err(argument("TaskStatus.state is missing".to_string())),
        Some(state) if state == proto::TaskState::TaskStaging as i32 => {
            return Err(argument("TASK_STAGING is not for executors: agents refuse it".to_string()))
        }
        // To an agent it would be no state at all.
        Some(state) if proto::TaskState::try_from(state).is_err() => {
            return Err(argument(format!("TaskStatus.state: there is no state {state}")))
        }
        Some(_) => (),
    }
    let mut complete = fields::without(status, &OURS).map_err(|_| argument("not an encoded TaskStatus".to_string()))?;
    fields::append(&mut complete, task_status::SLAVE_ID, &fields::id(&environment.agent_id));
    fields::append_double(&mut complete, task_status::TIMESTAMP, wall);
    fields::append(&mut complete, task_status::EXECUTOR_ID, &fields::id(&environment.executor_id));
    fields::append_varint(
        &mut complete,
        task_status::SOURCE,
        proto::task_status::Source::Executor as u64,
    );
    fields::append(&mut complete, task_status::UUID, uuid);
    Ok(complete)
}

/// What is left of a complete update that the agent refuses: the task and its state, and why.
fn reduced(status: &[u8], why: &str) -> Vec<u8> {
    let kept: Vec<u32> = [task_status::TASK_ID, task_status::STATE].into_iter().chain(OURS).collect();
    // It was decoded before.
    let mut reduced = fields::only(status, &kept).unwrap_or_default();
    let message = format!("The agent refused this update: {why}; all but the task and its state is left out");
    fields::append(&mut reduced, task_status::MESSAGE, message.as_bytes());
    reduced
}

impl ExecutorMachine {
    pub fn new(environment: Environment, counters: Arc<Counters>, seed: u64) -> Self {
        let mut session = Session::new("executor", environment.endpoint.clone());
        if environment.recovery_timeout.is_none() {
            // It could not come back to an agent that is only slow.
            session.wait_for_answers();
        }
        ExecutorMachine {
            session,
            environment,
            state: State::Running,
            registered: false,
            gone_since: None,
            gone_for_good: false,
            updates: Updates::default(),
            tasks: Remembered::default(),
            kill_at: None,
            heartbeat_at: None,
            end_by: None,
            closing: false,
            random: Random(seed | 1),
            counters,
            actions: Vec::new(),
        }
    }

    fn emit(&mut self, emission: Emission) {
        if self.state == State::Running {
            self.actions.push(Action::Emit(emission));
        }
    }

    fn end(&mut self) {
        self.session.close();
        self.kill_at = None;
        self.state = State::Ended;
    }

    fn fail(&mut self, message: &str) {
        let message = &bounded(message, crate::logging::ERROR);
        log::error!(
            "executor {}, agent {}: {message}",
            self.environment.executor_id,
            self.session.target()
        );
        self.emit(Emission::fatal(message));
        self.end();
    }

    fn encode(&self, kind: CallType, call: wire::Call) -> Outgoing {
        let call = wire::Call {
            executor_id: Some(fields::id(&self.environment.executor_id)),
            framework_id: Some(fields::id(&self.environment.framework_id)),
            kind: Some(kind as i32),
            ..call
        };
        Outgoing::new(kind.as_str_name(), call.encode_to_vec())
    }

    fn subscribe(&mut self, now: Now) {
        self.counters.call(CallType::Subscribe.as_str_name());
        let unacknowledged_updates = self.updates.send_all().map(|status| wire::Update { status: status.clone() });
        let subscribe = wire::Subscribe {
            unacknowledged_updates: unacknowledged_updates.collect(),
            unacknowledged_tasks: self.tasks.messages().cloned().collect(),
        };
        let call = wire::Call {
            subscribe: Some(subscribe),
            ..Default::default()
        };
        let call = self.encode(CallType::Subscribe, call);
        self.session.subscribe(&call.body, now.elapsed);
    }

    fn record(&mut self, record: Bytes, now: Now) {
        let event = match Event::decode(record) {
            Ok(event) => event,
            Err(why) => return self.session.lose(format!("undecodable event: {why}")),
        };
        self.counters.event(event.kind().as_str_name());
        log::info!(
            "executor {}, agent {}: event {}",
            self.environment.executor_id,
            self.session.target(),
            event.kind().as_str_name()
        );
        match event.kind() {
            EventType::Subscribed => self.subscribed(event.subscribed.unwrap_or_default(), now),
            EventType::Launch => {
                if let Some(task) = event.launch.and_then(|l| l.task) {
                    self.launch(task);
                }
            }
            // v0 has no callback for groups: its tasks are launched one by one.
            EventType::LaunchGroup => {
                let group = event.launch_group.and_then(|l| l.task_group).unwrap_or_default();
                group.tasks.into_iter().for_each(|task| self.launch(task));
            }
            EventType::Kill => {
                if let Some(task_id) = event.kill.and_then(|k| k.task_id) {
                    self.emit(Emission::new("killTask", vec![Arg::message(class::TASK_ID, task_id)]));
                }
            }
            EventType::Acknowledged => {
                self.counters.count("updates_acknowledged");
                let acknowledged = event.acknowledged.unwrap_or_default();
                self.updates.remove(acknowledged.uuid.as_deref().unwrap_or_default());
                self.tasks.remove(acknowledged.task_id.as_deref().unwrap_or_default());
            }
            EventType::Message => {
                let data = event.message.and_then(|m| m.data).unwrap_or_default();
                self.emit(Emission::new("frameworkMessage", vec![Arg::string(data)]));
            }
            EventType::Shutdown => self.shutdown(now),
            EventType::Error => {
                let message = event.error.and_then(|e| e.message).unwrap_or_default();
                self.fail(&String::from_utf8_lossy(&message));
            }
            _ => (),
        }
    }

    fn subscribed(&mut self, subscribed: wire::Subscribed, now: Now) {
        if self.session.is_subscribed() {
            return;
        }
        // The agent's heartbeats come every 30 minutes and tell nothing in time: the end of the connection does.
        self.session.subscribed(None, now.elapsed);
        self.heartbeat_at = Some(now.elapsed + HEARTBEAT_INTERVAL);
        self.gone_since = None;
        self.counters.answer(200);
        self.counters.count("subscriptions");
        let agent = Arg::message(class::SLAVE_INFO, subscribed.agent_info.unwrap_or_default());
        let first = !std::mem::replace(&mut self.registered, true);
        log::info!(
            "executor {} of framework {} is {} with agent {}",
            self.environment.executor_id,
            self.environment.framework_id,
            if first { "registered" } else { "reregistered" },
            self.session.target()
        );
        let executor = Arg::message(class::EXECUTOR_INFO, subscribed.executor_info.unwrap_or_default());
        let framework = Arg::message(class::FRAMEWORK_INFO, subscribed.framework_info.unwrap_or_default());
        self.emit(match first {
            true => Emission::new("registered", vec![executor, framework, agent]),
            false => Emission::new("reregistered", vec![agent]),
        });
        self.send_updates();
    }

    fn launch(&mut self, task: Vec<u8>) {
        let Some(id) = TaskInfo::decode(&task[..]).ok().and_then(|t| t.task_id) else {
            return log::error!("executor {}: a task without an id is ignored", self.environment.executor_id);
        };
        if self.tasks.has(&id) {
            return log::warn!("executor {}: a task was launched twice", self.environment.executor_id);
        }
        if self.tasks.insert(id, task.clone()) {
            log::warn!(
                "executor {}: too many tasks, the agent will not be told again of the oldest",
                self.environment.executor_id
            );
        }
        self.emit(Emission::new("launchTask", vec![Arg::message(class::TASK_INFO, task)]));
    }

    /// SHUTDOWN came, or the agent is gone for good.
    fn shutdown(&mut self, now: Now) {
        if self.state != State::Running {
            return;
        }
        log::info!("executor {}: shutting down", self.environment.executor_id);
        self.kill_at = self.environment.grace.map(|grace| now.elapsed + grace);
        self.emit(Emission::new("shutdown", vec![]));
        self.state = State::Silent;
    }

    fn send_updates(&mut self) {
        if !self.session.is_subscribed() {
            return;
        }
        while let Some((uuid, status)) = self.updates.send_next() {
            let (uuid, status) = (uuid.clone(), status.clone());
            let call = wire::Call {
                update: Some(wire::Update { status }),
                ..Default::default()
            };
            let mut outgoing = self.encode(CallType::Update, call);
            outgoing.uuid = Some(uuid);
            self.counters.call(outgoing.name);
            self.counters.count("updates_sent");
            self.session.call(outgoing);
        }
    }

    fn heartbeat_due(&self) -> Option<Duration> {
        let sends = self.state == State::Running && self.session.is_subscribed();
        self.heartbeat_at.filter(|_| sends)
    }

    fn heartbeat(&mut self, now: Now) {
        if self.heartbeat_due().is_some_and(|due| due <= now.elapsed) {
            self.heartbeat_at = Some(now.elapsed + HEARTBEAT_INTERVAL);
            let call = self.encode(CallType::Heartbeat, wire::Call::default());
            self.counters.call(call.name);
            self.session.call(call);
        }
    }

    fn answered(&mut self, answer: &Answer) {
        let status = answer.head.status;
        self.counters.answer(status);
        if answer.call.name == CallType::Heartbeat.as_str_name() && matches!(status, 400 | 501) {
            // An agent before 1.8 does not know it.
            self.heartbeat_at = None;
            return;
        }
        if (200..=299).contains(&status) {
            return;
        }
        self.counters.count("calls_refused");
        let what = format!("{} ({}) for {}", status, answer.body, answer.call.name);
        log::error!(
            "executor {}, agent {}: answer {what}",
            self.environment.executor_id,
            self.session.target()
        );
        match status {
            401 => self.fail("Agent refused authentication"),
            403 | 404 | 429 | 500..=599 => self.session.lose(what),
            _ => self.update_refused(&answer.call, &what),
        }
    }

    /// What is wrong with an update stays wrong. But its task must not stay what it was for ever, without a word.
    fn update_refused(&mut self, call: &Outgoing, why: &str) {
        let uuid = call.uuid.as_deref().unwrap_or_default();
        let Some(update) = self.updates.get(uuid) else {
            return;
        };
        let refused = crate::native::wire::TaskStatus::decode(&update.status[..]).unwrap_or_default();
        let task = refused.task_id.and_then(|id| value(&id)).unwrap_or_default();
        if update.reduced {
            let message = format!("The agent refuses the updates of task {task}: {why}");
            return self.fail(&message);
        }
        log::error!("the update of task {task} is sent again, with its state only");
        let reduced = reduced(&update.status, why);
        self.updates.reduce(uuid, reduced);
        self.send_updates();
    }

    fn lost(&mut self, reason: String, now: Now) {
        let subscribed = self.gone_since.is_none() && self.registered;
        self.updates.none_is_sent();
        if subscribed {
            self.counters.count("disconnects");
            self.emit_disconnected();
        }
        match self.environment.recovery_timeout.is_some() {
            true => self.retry(reason, now),
            false => self.give_up(&reason, now),
        }
    }

    /// Perl's `disconnected` is told of losses that may be repaired.
    fn emit_disconnected(&mut self) {
        if self.environment.recovery_timeout.is_some() {
            self.emit(Emission::new("disconnected", vec![]));
        }
    }

    fn retry(&mut self, reason: String, now: Now) {
        self.gone_since.get_or_insert(now.elapsed);
        let Some(by) = self.gone_by().filter(|by| now.elapsed < *by) else {
            return self.give_up(&reason, now);
        };
        log::warn!(
            "executor {}, agent {}: {reason}; trying again",
            self.environment.executor_id,
            self.session.target()
        );
        // An agent that is there at once is found at once; never in a tight loop.
        let pause = self.environment.backoff_max.mul_f64(self.random.next_fraction());
        let when = (now.elapsed + pause.max(Duration::from_millis(10))).min(by);
        self.session.connect_at(when, now.elapsed);
    }

    fn give_up(&mut self, reason: &str, now: Now) {
        log::error!(
            "executor {}, agent {}: {reason}; the agent is gone",
            self.environment.executor_id,
            self.session.target()
        );
        self.session.close();
        self.gone_for_good = true;
        match self.state {
            State::Ending => {
                self.updates.clear();
            }
            _ => self.shutdown(now),
        }
    }

    /// When an agent that is away has been so for too long.
    fn gone_by(&self) -> Option<Duration> {
        let limit = self.environment.recovery_timeout.unwrap_or(REGISTRATION_TIMEOUT);
        let waits = !self.gone_for_good && self.state != State::Ended;
        self.gone_since.filter(|_| waits).map(|since| since.saturating_add(limit))
    }

    fn end_within(&mut self, limit: Duration, now: Now) {
        if self.state != State::Ending {
            self.state = State::Ending;
            self.end_by = Some(now.elapsed + limit);
            // Nobody will acknowledge them.
            if !self.registered || self.gone_for_good {
                self.updates.clear();
            }
        }
    }
}

impl Machine for ExecutorMachine {
    type Command = Command;

    fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn handle_session_events(&mut self, now: Now) {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Ready => self.subscribe(now),
                SessionEvent::Record(record) => self.record(record, now),
                SessionEvent::Answered(answer) => self.answered(&answer),
                SessionEvent::Refused { head, body } => match head.status {
                    401 => self.fail("Agent refused authentication"),
                    // An agent that does not know this executor (any more) wants it gone.
                    400 if body.contains("cannot be found") => self.give_up(&body, now),
                    404 | 408 | 429 | 500..=599 => self.retry(format!("{} {}: {body}", head.status, head.reason()), now),
                    status => self.fail(&format!(
                        "Received unexpected '{status} {}' ({body}) for SUBSCRIBE",
                        head.reason()
                    )),
                },
                SessionEvent::Lost { reason, .. } => self.lost(reason, now),
            }
        }
        // A grace period that runs outlives `stop`, but not the driver.
        let delivered = self.updates.is_empty() && self.session.is_drained();
        if self.state == State::Ending && delivered && (self.kill_at.is_none() || self.closing) {
            self.end();
        }
        let ended = self.state == State::Ended;
        machine::collect(&mut self.session, &mut self.actions, &self.counters, ended, now);
    }

    fn start(&mut self, now: Now) {
        self.session.connect_at(now.elapsed, now.elapsed);
        self.handle_session_events(now);
    }

    fn handle_command(&mut self, command: Command, now: Now) {
        if matches!(command, Command::Update { .. } | Command::Message { .. }) {
            self.counters.taken();
        }
        match command {
            _ if self.state == State::Ended => (),
            Command::Update { uuid, status } => {
                self.updates.push(uuid, status);
                self.send_updates();
            }
            Command::Message { data, load } if self.session.is_subscribed() => {
                let message = Some(wire::CallMessage { data: Some(data) });
                let call = wire::Call {
                    message,
                    ..Default::default()
                };
                let mut outgoing = self.encode(CallType::Message, call);
                outgoing.load = load;
                self.counters.call(outgoing.name);
                self.session.call(outgoing);
            }
            Command::Message { .. } => {
                self.counters.count("calls_dropped");
                log::warn!("executor {}: no agent, a message is dropped", self.environment.executor_id);
            }
            Command::Stop => self.end_within(END_LIMIT, now),
            Command::Abort if self.state == State::Running => self.state = State::Silent,
            Command::Abort => (),
            Command::Close => {
                self.closing = true;
                self.end_within(END_LIMIT, now);
            }
        }
    }

    fn tick(&mut self, now: Now) {
        self.session.tick(now.elapsed);
        self.handle_session_events(now);
        if self.gone_by().is_some_and(|by| by <= now.elapsed) {
            // An attempt may hang.
            self.give_up("nothing came of connecting again", now);
        }
        self.heartbeat(now);
        if self.kill_at.is_some_and(|at| at <= now.elapsed) {
            self.kill_at = None;
            log::error!("executor {}: the grace period is over", self.environment.executor_id);
            self.actions.push(Action::KillProcessGroup);
        }
        if self.state == State::Ending && self.end_by.is_some_and(|end| end <= now.elapsed) {
            self.end_by = None;
            if !self.updates.is_empty() {
                log::error!(
                    "executor {}: {} updates are lost",
                    self.environment.executor_id,
                    self.updates.len()
                );
            }
            self.updates.clear();
            self.session.close();
        }
        self.handle_session_events(now);
    }

    fn deadline(&self) -> Option<Duration> {
        let own = [self.kill_at, self.end_by, self.gone_by(), self.heartbeat_due()];
        own.into_iter().chain([self.session.deadline()]).flatten().min()
    }

    fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

#[cfg(test)]
mod tests;
