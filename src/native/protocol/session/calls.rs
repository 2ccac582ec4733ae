//! The connection for calls. It is opened by the first call, and again after its end.

use crate::native::protocol::action::{Link, LinkAction, CONNECT_TIMEOUT};
use crate::native::protocol::endpoint::Endpoint;
use crate::native::protocol::http;
use crate::native::protocol::pipeline::{Answer, Outgoing, Pipeline};
use std::time::Duration;

/// Without a byte of an answer while calls are unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection for calls that was idle for so long may be forgotten somewhere on the way: the next call gets a new one, and its answer
/// is waited for no longer than this. There is nothing yet that an answer could be stuck behind.
const IDLE: Duration = Duration::from_secs(60);
const ANSWER_AFTER_IDLE: Duration = Duration::from_secs(20);

/// See the module.
pub(super) struct Calls {
    pub pipeline: Pipeline,
    connection: Connection,
    /// The beginning of each call's request to the present subscription.
    request_head: Vec<u8>,
    /// The beginning of its body.
    call_beginning: Vec<u8>,
    /// When calls were last sent, or answered.
    last_used: Option<Duration>,
    /// Nothing was answered since the idle time.
    after_idle: bool,
    answer_timeout: Duration,
}

/// Where the connection stands. `by`: when the state times out.
enum Connection {
    Closed,
    Opening { by: Duration },
    Open { by: Option<Duration> },
}

impl Default for Calls {
    fn default() -> Self {
        Calls {
            pipeline: Pipeline::default(),
            connection: Connection::Closed,
            request_head: Vec::new(),
            call_beginning: Vec::new(),
            last_used: None,
            after_idle: false,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }
}

impl Calls {
    /// From now on unanswered calls are waited for, however long.
    pub fn wait_for_answers(&mut self) {
        self.answer_timeout = Duration::MAX;
    }

    /// The subscription that calls belong to from now on.
    pub fn set_request_head(&mut self, head: Vec<u8>) {
        self.request_head = head;
    }

    pub fn set_call_beginning(&mut self, fields: Vec<u8>) {
        self.call_beginning = fields;
    }

    pub fn deadline(&self) -> Option<Duration> {
        match &self.connection {
            Connection::Closed => None,
            Connection::Open { by } => *by,
            Connection::Opening { by } => Some(*by),
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.connection, Connection::Closed)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.connection, Connection::Open { .. })
    }

    /// The connection that was asked for is there. `false`: none was.
    pub fn opened(&mut self) -> bool {
        let opens = matches!(self.connection, Connection::Opening { .. });
        if opens {
            self.connection = Connection::Open { by: None };
        }
        opens
    }

    /// No answer is waited for any more.
    pub fn stop_waiting(&mut self) {
        if let Connection::Open { by } = &mut self.connection {
            *by = None;
        }
    }

    /// The connection has ended, with no answer under way: the next call opens another.
    pub fn disconnect(&mut self) {
        self.pipeline.restart();
        self.connection = Connection::Closed;
    }

    /// Drops everything of the subscription. Gives the calls that were never sent.
    pub fn close(&mut self) -> Vec<Outgoing> {
        self.connection = Connection::Closed;
        self.request_head.clear();
        self.call_beginning.clear();
        self.last_used = None;
        self.after_idle = false;
        self.pipeline.clear()
    }

    /// Something of an answer has come.
    pub fn heard(&mut self, now: Duration) {
        self.last_used = Some(now);
        self.after_idle = false;
        if let Connection::Open { by } = &mut self.connection {
            *by = Some(now.saturating_add(self.answer_timeout));
        }
    }

    pub fn next_answer(&mut self) -> Result<Option<Answer>, String> {
        self.pipeline.next_answer().map_err(|e| e.to_string())
    }

    /// Sends what the window lets through, opening the connection before.
    pub fn pump(&mut self, target: &Endpoint, now: Duration) -> Option<LinkAction> {
        let waiting = self.pipeline.has_waiting();
        let idle = self.last_used.is_some_and(|used| now >= used + IDLE);
        match &self.connection {
            Connection::Opening { .. } => return None,
            Connection::Open { .. } | Connection::Closed if idle && waiting && !self.pipeline.has_unanswered() => {
                self.after_idle = true;
                self.last_used = None;
                // Opening it again closes it before.
                self.disconnect();
            }
            Connection::Open { .. } | Connection::Closed => (),
        }
        if !self.is_open() {
            return waiting.then(|| {
                let by = now + CONNECT_TIMEOUT;
                self.connection = Connection::Opening { by };
                LinkAction::Open(Link::Calls, target.clone())
            });
        }
        let mut requests = Vec::new();
        while let Some(call) = self.pipeline.next_to_send() {
            http::append_post(&mut requests, &self.request_head, [&self.call_beginning, &call.body]);
        }
        if !requests.is_empty() {
            self.last_used = Some(now);
        }
        // Without a limit there is none after an idle time either.
        let patience = match self.after_idle && self.answer_timeout < Duration::MAX {
            true => ANSWER_AFTER_IDLE,
            false => self.answer_timeout,
        };
        if let Connection::Open { by } = &mut self.connection {
            *by = match self.pipeline.has_unanswered() {
                true => by.or(Some(now.saturating_add(patience))),
                false => None,
            };
        }
        (!requests.is_empty()).then_some(LinkAction::Send(Link::Calls, requests))
    }
}
