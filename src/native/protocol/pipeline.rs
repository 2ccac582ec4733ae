//! The calls of a session: sent in order on one connection, several before the first is answered, answered in order.

use super::http::{Head, HttpError, Part, ResponseParser};
use crate::driver::counters::Load;
use crate::driver::limits::WINDOW;
use crate::logging::shown;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// The longest part of an answer's body that is kept (for log lines and errors).
const MAX_BODY: usize = 4096;

/// A call on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// `ACCEPT`, `UPDATE`, ... for logs.
    pub name: &'static str,
    /// The encoded Call, behind what all calls of the subscription begin with.
    pub body: Vec<u8>,
    /// Encoded TaskIDs of what an ACCEPT launches: if it is never sent, they are lost.
    pub tasks: Vec<Vec<u8>>,
    /// Of an UPDATE.
    pub uuid: Option<Vec<u8>>,
    /// Counts while this is there.
    pub load: Option<Arc<Load>>,
}

impl Outgoing {
    pub fn new(name: &'static str, body: Vec<u8>) -> Self {
        Outgoing {
            name,
            body,
            tasks: Vec::new(),
            uuid: None,
            load: None,
        }
    }
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub call: Outgoing,
    pub head: Head,
    /// The beginning, as text that can be shown.
    pub body: String,
}

/// Calls that wait and calls that are unanswered.
pub struct Pipeline {
    window: usize,
    waiting: VecDeque<Outgoing>,
    unanswered: VecDeque<Outgoing>,
    parser: ResponseParser,
    head: Option<Head>,
    body: Vec<u8>,
}

impl Default for Pipeline {
    fn default() -> Self {
        Pipeline {
            window: WINDOW,
            waiting: VecDeque::new(),
            unanswered: VecDeque::new(),
            parser: ResponseParser::default(),
            head: None,
            body: Vec::new(),
        }
    }
}

impl Pipeline {
    /// How many calls may be unanswered from now on; at least one.
    pub fn set_window(&mut self, window: usize) {
        self.window = window.max(1);
    }

    /// How many calls wait, and how many are unanswered.
    pub fn lengths(&self) -> (usize, usize) {
        (self.waiting.len(), self.unanswered.len())
    }

    pub fn push(&mut self, call: Outgoing) {
        self.waiting.push_back(call);
    }

    /// Drops what waits.
    pub fn drop_waiting(&mut self) -> usize {
        std::mem::take(&mut self.waiting).len()
    }

    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn has_unanswered(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// The next call to send, if the window has room; it counts as unanswered from now on.
    pub fn next_to_send(&mut self) -> Option<&Outgoing> {
        if self.unanswered.len() >= self.window {
            return None;
        }
        let call = self.waiting.pop_front()?;
        self.unanswered.push_back(call);
        self.unanswered.back()
    }

    pub fn feed(&mut self, data: Bytes) {
        self.parser.feed_shared(data);
    }

    /// The next complete answer. An answer that nobody asked for is an error of the server.
    pub fn next_answer(&mut self) -> Result<Option<Answer>, HttpError> {
        while let Some(part) = self.parser.next_part()? {
            match part {
                Part::Head(head) => self.head = Some(head),
                Part::Body(data) => {
                    let room = MAX_BODY.saturating_sub(self.body.len()).min(data.len());
                    self.body.extend_from_slice(&data[..room]);
                }
                Part::End => {
                    let body = shown(&String::from_utf8_lossy(&std::mem::take(&mut self.body)));
                    match (self.unanswered.pop_front(), self.head.take()) {
                        (Some(call), Some(head)) => return Ok(Some(Answer { call, head, body })),
                        _ => return Err(HttpError::Head("an answer without a call".to_string())),
                    }
                }
            }
        }
        Ok(None)
    }

    /// The connection has ended, and with it an answer that had no other end.
    pub fn last_answer(&mut self) -> Option<Answer> {
        if !self.parser.ends_with_connection() {
            return None;
        }
        let (head, call) = (self.head.take()?, self.unanswered.pop_front()?);
        let body = shown(&String::from_utf8_lossy(&std::mem::take(&mut self.body)));
        Some(Answer { call, head, body })
    }

    /// The connection closed after an answer that announced it: what is unanswered was not read by the server and waits again.
    pub fn restart(&mut self) {
        while let Some(call) = self.unanswered.pop_back() {
            self.waiting.push_front(call);
        }
        self.forget_answer();
    }

    /// Drops everything. Gives the calls that were never sent.
    pub fn clear(&mut self) -> Vec<Outgoing> {
        self.unanswered.clear();
        self.forget_answer();
        self.waiting.drain(..).collect()
    }

    fn forget_answer(&mut self) {
        self.parser = ResponseParser::default();
        self.head = None;
        self.body.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn window_and_order() {
        let mut pipeline = Pipeline::default();
        for i in 0..1000u32 {
            pipeline.push(Outgoing::new("KILL", i.to_string().into_bytes()));
        }
        let mut sent = 0;
        while pipeline.next_to_send().is_some() {
            sent += 1;
        }
        assert_eq!(sent, WINDOW);
        let mut answered = 0u32;
        while answered < 1000 {
            pipeline.feed(Bytes::from_static(ACCEPTED));
            let answer = pipeline.next_answer().expect("HTTP").expect("an answer");
            assert_eq!(answer.call.body, answered.to_string().into_bytes());
            answered += 1;
            assert_eq!(pipeline.next_to_send().is_some(), sent < 1000);
            sent += 1;
        }
        assert!(!pipeline.has_unanswered() && !pipeline.has_waiting());
        pipeline.feed(Bytes::from_static(ACCEPTED));
        assert!(pipeline.next_answer().is_err(), "an answer without a call");
    }

    #[test]
    fn of_a_long_text_the_beginning_is_kept() {
        let mut pipeline = Pipeline::default();
        pipeline.push(Outgoing::new("KILL", Vec::new()));
        pipeline.next_to_send();
        pipeline.feed(Bytes::from_static(b"HTTP/1.1 400 Bad\r\nContent-Length: 1048576\r\n\r\n"));
        for _ in 0..1024 {
            pipeline.feed(Bytes::from(vec![b'x'; 1024]));
            if let Some(answer) = pipeline.next_answer().expect("HTTP") {
                assert_eq!(answer.head.status, 400);
            }
            assert!(pipeline.body.len() <= MAX_BODY);
        }
        assert!(!pipeline.has_unanswered(), "all of it was read");
    }

    #[test]
    fn restart_keeps_the_order_and_clear_gives_the_unsent() {
        let mut pipeline = Pipeline::default();
        for name in ["a", "b", "c"] {
            pipeline.push(Outgoing::new("KILL", name.into()));
        }
        pipeline.next_to_send();
        pipeline.next_to_send();
        pipeline.restart();
        assert_eq!(pipeline.next_to_send().map(|c| c.body.clone()), Some(b"a".to_vec()));
        let unsent: Vec<_> = pipeline.clear().into_iter().map(|c| c.body).collect();
        assert_eq!(unsent, [b"b".to_vec(), b"c".to_vec()]);
        assert!(!pipeline.has_unanswered());
    }
}
