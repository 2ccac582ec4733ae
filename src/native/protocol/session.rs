//! One subscription to a Mesos API, without I/O: connecting, SUBSCRIBE, redirects, records, pipelined calls, timeouts.
//!
//! The session reports what happened; when to connect again is its owner's decision.

mod calls;
mod stream;

use self::calls::Calls;
use self::stream::{Incoming, Response, Stream};
use super::action::{Link, LinkAction, CONNECT_TIMEOUT};
use super::endpoint::Endpoint;
use super::http::{self, Head};
use super::pipeline::{Answer, Outgoing};
use super::servers::Standalone;
use crate::logging::shown;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// From SUBSCRIBE to the SUBSCRIBED record. Each attempt without an answer doubles it: a master that has just been elected, with many
/// agents, may need longer, and would never be reached by those who ask anew each time.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);
/// Up to eight times as long: four minutes.
const MAX_DOUBLINGS: u32 = 3;
/// For what a server may still say that has answered a call as one that does not know the subscription: answers to other calls, and why.
const FINAL_WAIT: Duration = Duration::from_secs(1);
/// Redirects in a row before the session gives up.
const MAX_HOPS: u32 = 5;

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

/// See the module.
pub struct Session {
    /// `scheduler` or `executor`.
    api: &'static str,
    servers: Standalone,
    /// Of `servers`, or where one of them redirected to.
    target: Endpoint,
    stream: Stream,
    calls: Calls,
    /// Attempts since the last subscription whose SUBSCRIBE was not answered in time.
    unanswered_attempts: u32,
    draining: bool,
    ending: Option<Ending>,
    actions: Vec<LinkAction>,
    events: VecDeque<SessionEvent>,
}

/// A session that ends for a reason that it knows already.
struct Ending {
    reason: String,
    /// Not before its event stream has ended or says nothing more.
    waits_for_stream: bool,
    /// At the latest then.
    by: Duration,
}

impl Session {
    /// `servers`: one or several to try in turn, or none as long as none is known.
    pub fn new(api: &'static str, servers: impl Into<Standalone>) -> Self {
        let servers = servers.into();
        Session {
            api,
            target: servers.first().cloned().unwrap_or_else(Endpoint::unknown),
            servers,
            stream: Stream::Closed,
            calls: Calls::default(),
            unanswered_attempts: 0,
            draining: false,
            ending: None,
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
        self.servers = servers.into();
    }

    /// An attempt or a subscription is under way.
    pub fn is_active(&self) -> bool {
        !matches!(self.stream, Stream::Closed | Stream::Waiting { .. })
    }

    pub fn is_subscribed(&self) -> bool {
        matches!(self.stream, Stream::Subscribed { .. })
    }

    /// How many calls may be unanswered; [`WINDOW`](crate::driver::limits::WINDOW) unless set.
    pub fn set_window(&mut self, window: usize) {
        self.calls.pipeline.set_window(window);
    }

    /// Unanswered calls are no reason to end the session, however long: its end would cost more.
    pub fn wait_for_answers(&mut self) {
        self.calls.wait_for_answers();
        // There will be no second attempt.
        self.unanswered_attempts = MAX_DOUBLINGS;
    }

    /// How many calls wait, and how many are unanswered.
    pub fn calls(&self) -> (usize, usize) {
        self.calls.pipeline.lengths()
    }

    /// No call waits or is unanswered.
    pub fn is_drained(&self) -> bool {
        self.calls() == (0, 0)
    }

    /// Starts an attempt at the next server, at that time. Without a server there is none.
    pub fn connect_at(&mut self, when: Duration, now: Duration) {
        self.close();
        let Some(server) = self.servers.next_server() else {
            return;
        };
        self.target = server;
        if when <= now {
            self.connect(0, now);
        } else {
            self.stream = Stream::Waiting { until: when };
        }
    }

    fn connect(&mut self, hops: u32, now: Duration) {
        let by = now + CONNECT_TIMEOUT;
        self.stream = Stream::Connecting { by, hops };
        self.actions.push(LinkAction::Open(Link::Stream, self.target.clone()));
    }

    /// How long SUBSCRIBE may take this time.
    fn subscribe_timeout(&self) -> Duration {
        SUBSCRIBE_TIMEOUT * (1 << self.unanswered_attempts.min(MAX_DOUBLINGS))
    }

    /// Answers [`SessionEvent::Ready`] with the encoded Call.
    pub fn subscribe(&mut self, call: &[u8], now: Duration) {
        self.stream = Stream::Subscribing {
            by: now + self.subscribe_timeout(),
            hops: self.stream.hops(),
            response: Response::default(),
        };
        log::info!("{} at {}: call SUBSCRIBE", self.api, self.target);
        let request = http::post(&self.target, self.api, None, call);
        self.actions.push(LinkAction::Send(Link::Stream, request));
    }

    /// The owner has seen SUBSCRIBED: calls may go out. `silence`: how long the stream may be without data from now on.
    /// Nothing happens if what came with the record has ended the session.
    pub fn subscribed(&mut self, silence: Option<Duration>, now: Duration) {
        match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::Subscribing { response, .. } => {
                self.unanswered_attempts = 0;
                let by = silence.map(|s| now + s);
                self.stream = Stream::Subscribed { by, silence, response };
            }
            other => self.stream = other,
        }
    }

    /// What the body of each call to the present subscription begins with.
    pub fn set_call_beginning(&mut self, fields: Vec<u8>) {
        self.calls.set_call_beginning(fields);
    }

    /// Queues a call of a subscribed session for the next [`pump`](Self::pump).
    pub fn call(&mut self, call: Outgoing) {
        log::info!("{} at {}: call {}", self.api, self.target, call.name);
        self.calls.pipeline.push(call);
    }

    /// Drops the calls that have not been sent.
    pub fn drop_waiting(&mut self) -> usize {
        self.calls.pipeline.drop_waiting()
    }

    /// From now on the end of the stream is expected: queued calls are still sent and answered.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends the session for this reason, but sees first, for a moment, how the calls are answered that were sent already.
    /// `waits_for_stream`: and hears the event stream to its end, which may say more.
    pub fn end_after_answers(&mut self, reason: String, waits_for_stream: bool, now: Duration) {
        if self.ending.is_none() {
            let by = now + FINAL_WAIT;
            self.ending = Some(Ending {
                reason,
                waits_for_stream,
                by,
            });
            self.calls.stop_waiting();
        }
        self.end_unless_answers_come();
    }

    /// Ends a session that is ending, unless more may still come.
    fn end_unless_answers_come(&mut self) {
        if self.calls.is_open() && self.calls.pipeline.has_unanswered() {
            return;
        }
        if self.ending.as_ref().is_some_and(|ending| !ending.waits_for_stream) {
            self.end_now();
        }
    }

    fn end_now(&mut self) {
        if let Some(ending) = self.ending.take() {
            self.lose(ending.reason);
        }
    }

    /// Closes both connections and drops everything. Gives the calls that were never sent.
    pub fn close(&mut self) -> Vec<Outgoing> {
        if self.is_active() {
            self.actions.push(LinkAction::Close(Link::Stream));
        }
        if !self.calls.is_closed() {
            self.actions.push(LinkAction::Close(Link::Calls));
        }
        self.stream = Stream::Closed;
        self.ending = None;
        self.events.clear();
        self.calls.close()
    }

    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub fn take_actions(&mut self) -> Vec<LinkAction> {
        std::mem::take(&mut self.actions)
    }

    pub fn deadline(&self) -> Option<Duration> {
        let ending = self.ending.as_ref().map(|ending| ending.by);
        [self.stream.deadline(), ending, self.calls.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn tick(&mut self, now: Duration) {
        let passed = |deadline: Option<Duration>| deadline.is_some_and(|d| d <= now);
        if !passed(self.stream.deadline()) {
            if passed(self.ending.as_ref().map(|ending| ending.by)) {
                self.end_now();
            } else if passed(self.calls.deadline()) {
                self.lose("no answer to calls".to_string());
            }
            return;
        }
        let reason = match &self.stream {
            Stream::Closed => return,
            Stream::Waiting { .. } => return self.connect(0, now),
            Stream::Connecting { .. } => "connecting took too long".to_string(),
            Stream::Subscribing { .. } => {
                let waited = self.subscribe_timeout().as_secs();
                self.unanswered_attempts = self.unanswered_attempts.saturating_add(1);
                format!("no answer to SUBSCRIBE for {waited} s")
            }
            Stream::Subscribed { silence, .. } => {
                format!("no heartbeat for {} s", silence.unwrap_or_default().as_secs_f64())
            }
        };
        self.lose(reason);
    }

    pub fn opened(&mut self, link: Link, now: Duration) {
        match link {
            Link::Stream if matches!(self.stream, Stream::Connecting { .. }) => self.events.push_back(SessionEvent::Ready),
            Link::Stream => (),
            Link::Calls => {
                if self.calls.opened() {
                    self.pump(now);
                }
            }
        }
    }

    pub fn broken(&mut self, link: Link, reason: String, now: Duration) {
        match link {
            Link::Stream => self.stream_broken(reason),
            Link::Calls => self.calls_broken(reason, now),
        }
    }

    fn stream_broken(&mut self, reason: String) {
        if matches!(self.stream, Stream::Closed) {
            return;
        }
        let (refusal, within_record) = match self.stream.response() {
            Some(response) => (response.refusal(), response.within_record()),
            None => (None, false),
        };
        match refusal {
            Some(Incoming::Refused(head, body)) => self.refused(head, &body),
            _ if within_record => self.lose_stream(format!("{reason} within a record")),
            _ => self.lose_stream(reason),
        }
    }

    fn calls_broken(&mut self, reason: String, now: Duration) {
        if self.calls.is_closed() {
            return;
        }
        if !self.calls.is_open() {
            return self.lose(reason);
        }
        match self.calls.pipeline.last_answer() {
            None if self.calls.pipeline.has_unanswered() => self.lose(reason),
            // An idle connection was closed, or one after its last answer: the next call opens another.
            last => {
                self.events.extend(last.map(SessionEvent::Answered));
                self.calls.disconnect();
                self.end_unless_answers_come();
                self.pump(now);
            }
        }
    }

    pub fn received(&mut self, link: Link, data: Bytes, now: Duration) {
        let result = match link {
            Link::Stream => self.stream_data(data, now),
            Link::Calls => self.calls_data(data, now),
        };
        if let Err(reason) = result {
            self.lose(reason);
        }
    }

    /// For a time nobody looked whether the stream has data: its silence begins now.
    pub fn resume(&mut self, now: Duration) {
        let patience = self.subscribe_timeout();
        match &mut self.stream {
            Stream::Subscribing { by, .. } => *by = now + patience,
            Stream::Subscribed { by, silence, .. } => *by = silence.map(|s| now + s),
            Stream::Closed | Stream::Waiting { .. } | Stream::Connecting { .. } => return,
        }
        self.wait_on(now);
    }

    /// What brings events, or is not read because of too many, may still have to say why it ends.
    fn wait_on(&mut self, now: Duration) {
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.waits_for_stream) {
            ending.by = now + FINAL_WAIT;
        }
    }

    fn stream_data(&mut self, data: Bytes, now: Duration) -> Result<(), String> {
        if let Stream::Subscribed { by, silence, .. } = &mut self.stream {
            *by = silence.map(|s| now + s);
        }
        if self.stream.response().is_some() {
            self.wait_on(now);
        }
        let api = self.api;
        let is_new = matches!(self.stream, Stream::Subscribing { .. });
        let Some(response) = self.stream.response() else {
            return Ok(());
        };
        response.feed(data);
        while let Some(incoming) = response
            .next()
            .map_err(|why| if is_new { stranger(api, &why) } else { why })?
        {
            match incoming {
                Incoming::Started { stream_id } => {
                    let head = http::post_head(&self.target, self.api, stream_id.as_deref());
                    self.calls.set_request_head(head);
                }
                Incoming::Record(record) => self.events.push_back(SessionEvent::Record(record)),
                Incoming::Redirect(head) => return self.redirect(&head, now),
                Incoming::Refused(head, body) => {
                    self.refused(head, &body);
                    return Ok(());
                }
                Incoming::Ended => {
                    self.lose_stream("the event stream ended".to_string());
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn redirect(&mut self, head: &Head, now: Duration) -> Result<(), String> {
        let location = head.header("Location").unwrap_or_default();
        let leader = self
            .target
            .redirected(&location, self.api)
            .map_err(|why| format!("{} to \"{}\": {why}", head.status, shown(&location)))?;
        let hops = self.stream.hops() + 1;
        if hops > MAX_HOPS {
            return Err(format!("{MAX_HOPS} redirects in a row, the last one to {leader}"));
        }
        log::info!("{} redirects to {leader}", self.target);
        self.close();
        self.target = leader;
        self.connect(hops, now);
        Ok(())
    }

    fn calls_data(&mut self, data: Bytes, now: Duration) -> Result<(), String> {
        if !self.calls.is_open() {
            return Ok(());
        }
        self.calls.pipeline.feed(data);
        if self.ending.is_none() {
            self.calls.heard(now);
        }
        while let Some(answer) = self.calls.next_answer()? {
            let closes = answer.head.closes();
            self.events.push_back(SessionEvent::Answered(answer));
            if closes {
                self.calls.disconnect();
                self.actions.push(LinkAction::Close(Link::Calls));
                break;
            }
        }
        self.end_unless_answers_come();
        self.pump(now);
        Ok(())
    }

    /// Sends what the window lets through, opening the connection for calls first.
    pub fn pump(&mut self, now: Duration) {
        if self.ending.is_none() {
            self.actions.extend(self.calls.pump(&self.target, now));
        }
    }

    fn refused(&mut self, head: Head, body: &[u8]) {
        let body = match http::foreign(&head, body) {
            Some(what) => stranger(self.api, &shown(&what)),
            None => shown(String::from_utf8_lossy(body).trim()),
        };
        self.close();
        self.events.push_back(SessionEvent::Refused { head, body });
    }

    /// The stream ended: the end of the session, unless calls are being drained.
    fn lose_stream(&mut self, reason: String) {
        if self.draining && self.is_subscribed() && !self.is_drained() {
            self.stream = Stream::Closed;
            self.actions.push(LinkAction::Close(Link::Stream));
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

/// Why there is no subscription, and what that may mean.
fn stranger(api: &str, reason: &str) -> String {
    let server = if api == "scheduler" { "master" } else { "agent" };
    match reason {
        "" => format!("is this a Mesos {server}?"),
        _ => format!("{reason}: is this a Mesos {server}?"),
    }
}
