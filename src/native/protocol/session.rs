//! One subscription to a Mesos API, without I/O: connecting, SUBSCRIBE, redirects, records, pipelined calls, timeouts.
//!
//! The session reports what happened; when to connect again is its owner's decision.

use super::endpoint::Endpoint;
use super::http::{self, Head, Part, ResponseParser};
use super::pipeline::{Answer, Outgoing, Pipeline};
use super::recordio::Decoder;
use super::servers::Standalone;
use crate::logging::shown;
use crate::native::machine::{Action, Link};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From SUBSCRIBE to the SUBSCRIBED record. Each attempt without an answer doubles it: a master that has just been elected, with many
/// agents, may need longer, and would never be reached by those who ask anew each time.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);
/// Up to eight times as long: four minutes.
const MAX_DOUBLINGS: u32 = 3;
/// Without a byte of an answer while calls are unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection for calls that was idle for so long may be forgotten somewhere on the way: the next call gets a new one, and its answer
/// is waited for no longer than this. There is nothing yet that an answer could be stuck behind.
const IDLE: Duration = Duration::from_secs(60);
const ANSWER_AFTER_IDLE: Duration = Duration::from_secs(20);
/// For what a server may still say that has answered a call as one that does not know the subscription: answers to other calls, and why.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Redirects in a row before the session gives up.
const MAX_HOPS: u32 = 5;
/// What is kept of the body of a refusal.
const MAX_REFUSAL: usize = 4096;

/// What a session tells its owner.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The stream is connected: call [`Session::subscribe`].
    Ready,
    /// A record of the stream. The first one that means success is told by [`Session::subscribed`].
    Record(Bytes),
    Answered(Answer),
    /// SUBSCRIBE was answered with something other than 200 and a redirect. The session is closed.
    Refused {
        head: Head,
        body: String,
    },
    /// An attempt failed or a subscription ended. The session is closed; `unsent` calls never left.
    Lost {
        reason: String,
        unsent: Vec<Outgoing>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Waiting,
    Connecting,
    Subscribing,
    Subscribed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallsLink {
    Closed,
    Opening,
    Open,
}

/// See the module.
pub struct Session {
    /// `scheduler` or `executor`.
    api: &'static str,
    masters: Standalone,
    /// Of `masters`, or where one of them redirected to.
    target: Endpoint,
    hops: u32,
    phase: Phase,
    /// When the phase times out.
    deadline: Option<Duration>,
    response: ResponseParser,
    records: Decoder,
    /// Head and body so far of an answer that is not a stream.
    refusal: Option<(Head, Vec<u8>)>,
    streaming: bool,
    stream_id: Option<String>,
    /// How long a subscribed stream may be silent.
    silence: Option<Duration>,
    calls: Pipeline,
    /// The beginning of each call's request to the present target.
    calls_head: Option<Vec<u8>>,
    calls_link: CallsLink,
    calls_deadline: Option<Duration>,
    /// When calls were last sent, or answered.
    calls_used: Option<Duration>,
    /// Nothing was answered since the idle time.
    after_idle: bool,
    answer_timeout: Duration,
    /// Attempts since the last subscription whose SUBSCRIBE was not answered in time.
    unanswered_attempts: u32,
    draining: bool,
    condemned: Option<Condemned>,
    actions: Vec<Action>,
    events: VecDeque<SessionEvent>,
}

/// A session that ends for a reason that it knows already.
struct Condemned {
    reason: String,
    /// Not before its event stream has ended or says nothing more.
    hears_stream: bool,
    /// At the latest then.
    at: Duration,
}

impl Session {
    /// `servers`: one or several to try in turn, or none as long as none is known.
    pub fn new(api: &'static str, servers: impl Into<Standalone>) -> Self {
        let masters = servers.into();
        Session {
            api,
            target: masters.first().cloned().unwrap_or_else(Endpoint::unknown),
            masters,
            hops: 0,
            phase: Phase::Closed,
            deadline: None,
            response: ResponseParser::default(),
            records: Decoder::default(),
            refusal: None,
            streaming: false,
            stream_id: None,
            silence: None,
            calls: Pipeline::default(),
            calls_head: None,
            calls_link: CallsLink::Closed,
            calls_deadline: None,
            calls_used: None,
            after_idle: false,
            answer_timeout: ANSWER_TIMEOUT,
            unanswered_attempts: 0,
            draining: false,
            condemned: None,
            actions: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// The server of the current attempt or subscription.
    pub fn target(&self) -> &Endpoint {
        &self.target
    }

    /// Other servers for the next attempt; none: there will be no attempt.
    pub fn set_servers(&mut self, servers: impl Into<Standalone>) {
        self.masters = servers.into();
    }

    /// An attempt or a subscription is under way.
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Closed | Phase::Waiting)
    }

    pub fn is_subscribed(&self) -> bool {
        self.phase == Phase::Subscribed
    }

    /// How many calls may be unanswered; [`WINDOW`](crate::driver::limits::WINDOW) unless set.
    pub fn set_window(&mut self, window: usize) {
        self.calls.set_window(window);
    }

    /// Unanswered calls are no reason to end the session, however long: its end would cost more.
    pub fn wait_for_answers(&mut self) {
        self.answer_timeout = Duration::MAX;
        // There will be no second attempt.
        self.unanswered_attempts = MAX_DOUBLINGS;
    }

    /// How many calls wait, and how many are unanswered.
    pub fn calls(&self) -> (usize, usize) {
        self.calls.lengths()
    }

    /// No call waits or is unanswered.
    pub fn is_drained(&self) -> bool {
        !self.calls.has_waiting() && !self.calls.has_unanswered()
    }

    /// Starts an attempt at the next server, at that time. Without a server there is none.
    pub fn connect_at(&mut self, when: Duration, now: Duration) {
        self.close();
        let Some(server) = self.masters.next_server() else {
            return;
        };
        self.target = server;
        self.hops = 0;
        if when <= now {
            self.connect(now);
        } else {
            self.phase = Phase::Waiting;
            self.deadline = Some(when);
        }
    }

    /// How long SUBSCRIBE may take this time.
    fn patience(&self) -> Duration {
        SUBSCRIBE_TIMEOUT * (1 << self.unanswered_attempts.min(MAX_DOUBLINGS))
    }

    /// Answers [`SessionEvent::Ready`] with the encoded Call.
    pub fn subscribe(&mut self, call: &[u8], now: Duration) {
        self.phase = Phase::Subscribing;
        self.deadline = Some(now + self.patience());
        let request = http::post(&self.target, self.api, None, call);
        self.actions.push(Action::Send(Link::Stream, request));
    }

    /// The owner has seen SUBSCRIBED: calls may go out. `silence`: how long the stream may be without data from now on.
    /// Nothing happens if what came with the record has ended the session.
    pub fn subscribed(&mut self, silence: Option<Duration>, now: Duration) {
        if self.phase != Phase::Subscribing {
            return;
        }
        self.phase = Phase::Subscribed;
        self.unanswered_attempts = 0;
        self.hops = 0;
        self.silence = silence;
        self.deadline = silence.map(|s| now + s);
    }

    /// Queues a call of a subscribed session for the next [`pump`](Self::pump).
    pub fn call(&mut self, call: Outgoing) {
        self.calls.push(call);
    }

    /// Drops the calls that have not been sent.
    pub fn drop_waiting(&mut self) -> usize {
        self.calls.drop_waiting()
    }

    /// From now on the end of the stream is expected: queued calls are still sent and answered.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends the session for this reason, but sees first, for a moment, how the calls are answered that were sent already.
    /// `hears_stream`: and hears the event stream to its end, which may say more.
    pub fn condemn(&mut self, reason: String, hears_stream: bool, now: Duration) {
        if self.condemned.is_none() {
            let at = now + LAST_WORDS;
            self.condemned = Some(Condemned {
                reason,
                hears_stream,
                at,
            });
            self.calls_deadline = None;
        }
        self.execute();
    }

    /// Ends a session that is condemned, unless more may still come.
    fn execute(&mut self) {
        let hears = self.condemned.as_ref().is_some_and(|condemned| condemned.hears_stream);
        if !hears && (!self.calls.has_unanswered() || self.calls_link != CallsLink::Open) {
            if let Some(condemned) = self.condemned.take() {
                self.lose(condemned.reason);
            }
        }
    }

    /// Closes both connections and drops everything. Gives the calls that were never sent.
    pub fn close(&mut self) -> Vec<Outgoing> {
        if self.is_active() {
            self.actions.push(Action::Close(Link::Stream));
        }
        if self.calls_link != CallsLink::Closed {
            self.actions.push(Action::Close(Link::Calls));
        }
        self.phase = Phase::Closed;
        self.deadline = None;
        self.calls_link = CallsLink::Closed;
        self.calls_deadline = None;
        self.calls_used = None;
        self.after_idle = false;
        self.response = ResponseParser::default();
        self.records = Decoder::default();
        self.refusal = None;
        self.streaming = false;
        self.stream_id = None;
        self.calls_head = None;
        self.silence = None;
        self.condemned = None;
        self.events.clear();
        self.calls.clear()
    }

    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub fn deadline(&self) -> Option<Duration> {
        let condemned = self.condemned.as_ref().map(|condemned| condemned.at);
        [self.deadline, self.calls_deadline, condemned].into_iter().flatten().min()
    }

    pub fn tick(&mut self, now: Duration) {
        if self.deadline.is_some_and(|d| d <= now) {
            let reason = match self.phase {
                Phase::Waiting => return self.connect(now),
                Phase::Connecting => "connecting took too long".to_string(),
                Phase::Subscribing => {
                    let waited = self.patience().as_secs();
                    self.unanswered_attempts = self.unanswered_attempts.saturating_add(1);
                    format!("no answer to SUBSCRIBE for {waited} s")
                }
                _ => format!("no heartbeat for {} s", self.silence.unwrap_or_default().as_secs_f64()),
            };
            self.lose(reason);
        } else if let Some(reason) = self.condemned.as_ref().filter(|c| c.at <= now).map(|c| c.reason.clone()) {
            self.lose(reason);
        } else if self.calls_deadline.is_some_and(|d| d <= now) {
            self.lose("no answer to calls".to_string());
        }
    }

    pub fn opened(&mut self, link: Link, now: Duration) {
        match link {
            Link::Stream if self.phase == Phase::Connecting => self.events.push_back(SessionEvent::Ready),
            Link::Calls if self.calls_link == CallsLink::Opening => {
                self.calls_link = CallsLink::Open;
                self.calls_deadline = None;
                self.pump(now);
            }
            _ => (),
        }
    }

    pub fn broken(&mut self, link: Link, reason: String, now: Duration) {
        match link {
            Link::Stream if self.phase == Phase::Closed => (),
            Link::Stream => match self.refusal.take() {
                Some((head, body)) => self.refused(head, &body),
                None if !self.records.at_border() => self.lose_stream(format!("{reason} within a record")),
                None => self.lose_stream(reason),
            },
            Link::Calls if self.calls_link == CallsLink::Closed => (),
            Link::Calls if self.calls_link == CallsLink::Open => match self.calls.last_answer() {
                None if self.calls.has_unanswered() => self.lose(reason),
                // An idle connection was closed, or one after its last answer: the next call opens another.
                last => {
                    self.events.extend(last.map(SessionEvent::Answered));
                    self.calls.restart();
                    self.calls_link = CallsLink::Closed;
                    self.calls_deadline = None;
                    self.execute();
                    self.pump(now);
                }
            },
            Link::Calls => self.lose(reason),
        }
    }

    pub fn received(&mut self, link: Link, data: &[u8], now: Duration) {
        let result = match link {
            Link::Stream => self.stream_data(data, now),
            Link::Calls => self.calls_data(data, now),
        };
        if let Err(reason) = result {
            self.lose(reason);
        }
    }

    fn connect(&mut self, now: Duration) {
        self.phase = Phase::Connecting;
        self.deadline = Some(now + CONNECT_TIMEOUT);
        self.actions.push(Action::Open(Link::Stream, self.target.clone()));
    }

    fn stream_data(&mut self, data: &[u8], now: Duration) -> Result<(), String> {
        if !matches!(self.phase, Phase::Subscribing | Phase::Subscribed) {
            return Ok(());
        }
        // An empty portion says that nobody looked whether there is data.
        match self.silence {
            Some(silence) => self.deadline = Some(now + silence),
            None if data.is_empty() && self.phase == Phase::Subscribing => self.deadline = Some(now + self.patience()),
            None => (),
        }
        // What brings events, or is not read because of too many, may still have to say why it ends.
        if let Some(condemned) = self.condemned.as_mut().filter(|condemned| condemned.hears_stream) {
            condemned.at = now + LAST_WORDS;
        }
        self.response.feed(data);
        while let Some(part) = self.response.next_part().map_err(|e| e.to_string())? {
            match part {
                Part::Head(head) if head.status == 200 => self.stream_starts(&head)?,
                Part::Head(head) if matches!(head.status, 301 | 302 | 307 | 308) => return self.redirect(&head, now),
                Part::Head(head) => self.refusal = Some((head, Vec::new())),
                Part::Body(body) => match &mut self.refusal {
                    Some((_, kept)) => {
                        let room = MAX_REFUSAL.saturating_sub(kept.len()).min(body.len());
                        kept.extend_from_slice(&body[..room]);
                    }
                    None => self.record_data(body)?,
                },
                Part::End => {
                    match self.refusal.take() {
                        Some((head, body)) => self.refused(head, &body),
                        None => self.lose_stream("the event stream ended".to_string()),
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn stream_starts(&mut self, head: &Head) -> Result<(), String> {
        if std::mem::replace(&mut self.streaming, true) {
            return Err("a second response on the event stream".to_string());
        }
        let content_type = head.header("Content-Type").unwrap_or_default();
        if !http::is_protobuf(&content_type) {
            return Err(format!("the event stream has the content type \"{}\"", shown(&content_type)));
        }
        let plain = |id: &String| id.len() <= 256 && id.bytes().all(|b| b.is_ascii_graphic());
        self.stream_id = head.header("Mesos-Stream-Id").filter(plain);
        Ok(())
    }

    fn record_data(&mut self, body: Bytes) -> Result<(), String> {
        self.records.feed(body);
        while let Some(record) = self.records.next_record().map_err(|e| e.to_string())? {
            self.events.push_back(SessionEvent::Record(record));
        }
        Ok(())
    }

    fn redirect(&mut self, head: &Head, now: Duration) -> Result<(), String> {
        let location = head.header("Location").unwrap_or_default();
        let leader = self
            .target
            .redirected(&location, self.api)
            .map_err(|why| format!("{} to \"{}\": {why}", head.status, shown(&location)))?;
        let hops = self.hops + 1;
        if hops > MAX_HOPS {
            return Err(format!("{MAX_HOPS} redirects in a row, the last one to {leader}"));
        }
        log::info!("{} redirects to {leader}", self.target);
        self.close();
        self.hops = hops;
        self.target = leader;
        self.connect(now);
        Ok(())
    }

    fn calls_data(&mut self, data: &[u8], now: Duration) -> Result<(), String> {
        if self.calls_link != CallsLink::Open {
            return Ok(());
        }
        self.calls.feed(data);
        self.calls_used = Some(now);
        self.after_idle = false;
        if self.condemned.is_none() {
            self.calls_deadline = Some(now.saturating_add(self.answer_timeout));
        }
        while let Some(answer) = self.calls.next_answer().map_err(|e| e.to_string())? {
            let closes = answer.head.closes();
            self.events.push_back(SessionEvent::Answered(answer));
            if closes {
                self.calls.restart();
                self.calls_link = CallsLink::Closed;
                self.calls_deadline = None;
                self.actions.push(Action::Close(Link::Calls));
                break;
            }
        }
        self.execute();
        self.pump(now);
        Ok(())
    }

    /// Sends what the window lets through, opening the connection for calls first.
    pub fn pump(&mut self, now: Duration) {
        if self.condemned.is_some() {
            return;
        }
        let idle = self.calls_used.is_some_and(|used| now >= used + IDLE);
        if idle && self.calls.has_waiting() && !self.calls.has_unanswered() && self.calls_link != CallsLink::Opening {
            self.after_idle = true;
            self.calls_used = None;
            // Opening it again closes it before.
            self.calls.restart();
            self.calls_link = CallsLink::Closed;
        }
        match self.calls_link {
            CallsLink::Open => {
                let mut requests = Vec::new();
                while let Some(call) = self.calls.next_to_send() {
                    let head = self
                        .calls_head
                        .get_or_insert_with(|| http::post_head(&self.target, self.api, self.stream_id.as_deref()));
                    http::append_post(&mut requests, head, &call.body);
                }
                if !requests.is_empty() {
                    self.calls_used = Some(now);
                    self.actions.push(Action::Send(Link::Calls, requests));
                }
                // Without a limit there is none here either.
                let patience = match self.after_idle && self.answer_timeout < Duration::MAX {
                    true => ANSWER_AFTER_IDLE,
                    false => self.answer_timeout,
                };
                match self.calls.has_unanswered() {
                    true => drop(self.calls_deadline.get_or_insert(now.saturating_add(patience))),
                    false => self.calls_deadline = None,
                }
            }
            CallsLink::Closed if self.calls.has_waiting() => {
                self.calls_link = CallsLink::Opening;
                self.calls_deadline = Some(now + CONNECT_TIMEOUT);
                self.actions.push(Action::Open(Link::Calls, self.target.clone()));
            }
            _ => (),
        }
    }

    fn refused(&mut self, head: Head, body: &[u8]) {
        let body = shown(String::from_utf8_lossy(body).trim());
        self.close();
        self.events.push_back(SessionEvent::Refused { head, body });
    }

    /// The stream ended: the end of the session, unless calls are being drained.
    fn lose_stream(&mut self, reason: String) {
        if self.draining && self.phase == Phase::Subscribed && !self.is_drained() {
            self.phase = Phase::Closed;
            self.deadline = None;
            self.actions.push(Action::Close(Link::Stream));
        } else {
            self.lose(reason);
        }
    }

    /// Ends the session for this reason. Records that came before stay queued.
    pub fn lose(&mut self, reason: String) {
        let earlier = std::mem::take(&mut self.events);
        let unsent = self.close();
        self.events = earlier;
        self.events.push_back(SessionEvent::Lost { reason, unsent });
    }
}
