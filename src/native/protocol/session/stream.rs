//! The connection with SUBSCRIBE and the events.

use crate::logging::shown;
use crate::native::protocol::http::{self, Head, Part, ResponseParser};
use crate::native::protocol::recordio::Decoder;
use bytes::Bytes;
use std::time::Duration;

/// What is kept of the body of a refusal.
const MAX_REFUSAL: usize = 4096;

/// Where the connection stands. `by`: when the state times out. `hops`: how many redirects in a row led here.
pub(super) enum Stream {
    Closed,
    /// The next attempt begins at that time.
    Waiting {
        until: Duration,
    },
    Connecting {
        by: Duration,
        hops: u32,
    },
    /// SUBSCRIBE was sent.
    Subscribing {
        by: Duration,
        hops: u32,
        response: Response,
    },
    Subscribed {
        by: Option<Duration>,
        /// How long it may be silent.
        silence: Option<Duration>,
        response: Response,
    },
}

impl Stream {
    pub fn deadline(&self) -> Option<Duration> {
        match self {
            Stream::Closed => None,
            Stream::Waiting { until } => Some(*until),
            Stream::Connecting { by, .. } | Stream::Subscribing { by, .. } => Some(*by),
            Stream::Subscribed { by, .. } => *by,
        }
    }

    pub fn hops(&self) -> u32 {
        match self {
            Stream::Connecting { hops, .. } | Stream::Subscribing { hops, .. } => *hops,
            Stream::Closed | Stream::Waiting { .. } | Stream::Subscribed { .. } => 0,
        }
    }

    /// What the server answers to SUBSCRIBE, once that was sent.
    pub fn response(&mut self) -> Option<&mut Response> {
        match self {
            Stream::Subscribing { response, .. } | Stream::Subscribed { response, .. } => Some(response),
            Stream::Closed | Stream::Waiting { .. } | Stream::Connecting { .. } => None,
        }
    }
}

/// What the response tells.
pub(super) enum Incoming {
    /// Success: records will come.
    Started {
        stream_id: Option<String>,
    },
    Record(Bytes),
    Redirect(Head),
    /// Something other than success and a redirect, with all of its body that is kept.
    Refused(Head, Vec<u8>),
    /// No more records will come.
    Ended,
}

/// The response to SUBSCRIBE, as far as it has come.
#[derive(Default)]
pub(super) struct Response {
    parser: ResponseParser,
    body: Body,
}

#[derive(Default)]
enum Body {
    /// There is no head yet.
    #[default]
    Awaited,
    Records(Decoder),
    Refusal(Head, Vec<u8>),
}

impl Response {
    pub fn feed(&mut self, data: Bytes) {
        self.parser.feed_shared(data);
    }

    /// The next thing that is complete.
    pub fn next(&mut self) -> Result<Option<Incoming>, String> {
        loop {
            if let Body::Records(records) = &mut self.body {
                if let Some(record) = records.next_record().map_err(|e| e.to_string())? {
                    return Ok(Some(Incoming::Record(record)));
                }
            }
            let Some(part) = self.parser.next_part().map_err(|e| e.to_string())? else {
                return Ok(None);
            };
            match (part, &mut self.body) {
                (Part::Head(head), _) if head.status == 200 => return self.start(&head).map(Some),
                (Part::Head(head), _) if matches!(head.status, 301 | 302 | 307 | 308) => {
                    return Ok(Some(Incoming::Redirect(head)))
                }
                (Part::Head(head), body) => *body = Body::Refusal(head, Vec::new()),
                (Part::Body(data), Body::Records(records)) => records.feed(data),
                (Part::Body(data), Body::Refusal(_, kept)) => {
                    let room = MAX_REFUSAL.saturating_sub(kept.len()).min(data.len());
                    kept.extend_from_slice(&data[..room]);
                }
                (Part::Body(_), Body::Awaited) => return Err("a body without a head".to_string()),
                (Part::End, _) => return Ok(Some(self.refusal().unwrap_or(Incoming::Ended))),
            }
        }
    }

    fn start(&mut self, head: &Head) -> Result<Incoming, String> {
        if matches!(self.body, Body::Records(_)) {
            return Err("a second response on the event stream".to_string());
        }
        let content_type = head.header("Content-Type").unwrap_or_default();
        if !http::is_protobuf(&content_type) {
            return Err(format!("the event stream has the content type \"{}\"", shown(&content_type)));
        }
        let encoding = head.header("Content-Encoding").unwrap_or_default();
        if !matches!(encoding.trim(), "" | "identity") {
            return Err(format!("the event stream has the content encoding \"{}\"", shown(&encoding)));
        }
        self.body = Body::Records(Decoder::default());
        let plain = |id: &String| id.len() <= 256 && id.bytes().all(|b| b.is_ascii_graphic());
        let stream_id = head.header("Mesos-Stream-Id").filter(plain);
        Ok(Incoming::Started { stream_id })
    }

    /// The refusal that is under way: its end is here, or will not come.
    pub fn refusal(&mut self) -> Option<Incoming> {
        match std::mem::take(&mut self.body) {
            Body::Refusal(head, kept) => Some(Incoming::Refused(head, kept)),
            body => {
                self.body = body;
                None
            }
        }
    }

    /// Whether a record has begun and not ended.
    pub fn within_record(&self) -> bool {
        matches!(&self.body, Body::Records(records) if !records.at_border())
    }
}
