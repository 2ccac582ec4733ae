//! Event streams: the bodies of answers to SUBSCRIBE, in RecordIO (`<decimal length>\n<bytes>`, nothing between records).
//!
//! Nothing that must arrive is dropped for a subscriber that does not read. But its [`Backlog`] tells when that much waits
//! for it that whoever has more has to wait, too.

use super::events::Backlog;
use crate::message::json;
use crate::message::text;
use crate::proto::{executor, scheduler};
use hyper::body::{Body, Bytes, Frame};
use prost::Message;
use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::Notify;

pub const JSON: &str = "application/json";
pub const PROTOBUF: &str = "application/x-protobuf";
pub const RECORDIO: &str = "application/recordio";

/// What events and answers are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    Json,
    #[default]
    Protobuf,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => JSON,
            Format::Protobuf => PROTOBUF,
        }
    }

    /// An encoded message of this class (its Perl name), as prost has it.
    pub fn write(self, class: &str, message: Vec<u8>) -> Vec<u8> {
        let class = text::of(class);
        let message = text::original(class, message);
        match self {
            Format::Protobuf => message,
            // What prost has made can be read.
            Format::Json => json::write(class, &message).unwrap_or_default(),
        }
    }
}

/// One record of a stream.
pub fn record(body: &[u8]) -> Bytes {
    let mut record = format!("{}\n", body.len()).into_bytes();
    record.extend_from_slice(body);
    record.into()
}

/// What a stream carries.
pub trait Event: Message {
    /// Its Perl name in the schema.
    fn class(&self) -> &'static str;
}

impl Event for scheduler::Event {
    fn class(&self) -> &'static str {
        "Mesos::Scheduler::Event"
    }
}

impl Event for executor::Event {
    fn class(&self) -> &'static str {
        "Mesos::Executor::Event"
    }
}

/// What a record costs beside its bytes.
const OVERHEAD: usize = 100;

/// What waits in a stream. `relief` is notified when it is full no longer.
struct Queue {
    backlog: Backlog,
    relief: Arc<Notify>,
}

impl Queue {
    fn taken(&self, record: &Bytes) {
        if self.backlog.take(record.len() + OVERHEAD) {
            self.relief.notify_waiters();
        }
    }
}

/// The sending side. Dropping it ends the answer after what has been sent.
pub struct EventStream {
    format: Format,
    /// What waits while the stream is muted.
    held: RefCell<Option<Vec<Bytes>>>,
    sender: UnboundedSender<Option<Bytes>>,
    queue: Arc<Queue>,
}

/// The answer's body.
pub struct Records {
    receiver: UnboundedReceiver<Option<Bytes>>,
    queue: Arc<Queue>,
}

/// Tells when the subscriber has gone.
pub struct Subscriber {
    sender: UnboundedSender<Option<Bytes>>,
}

impl EventStream {
    /// `backlog` is what tells how much waits in it.
    pub fn open(format: Format, backlog: Backlog, relief: Arc<Notify>) -> (EventStream, Records, Subscriber) {
        let (sender, receiver) = unbounded_channel();
        let queue = Arc::new(Queue { backlog, relief });
        let stream = EventStream {
            format,
            held: RefCell::default(),
            sender: sender.clone(),
            queue: queue.clone(),
        };
        (stream, Records { receiver, queue }, Subscriber { sender })
    }

    /// Queues one event. Nobody may be listening any more: then it is lost, as on a wire.
    pub fn send(&self, event: &impl Event) {
        let body = self.format.write(event.class(), event.encode_to_vec());
        let record = record(&body);
        self.queue.backlog.add(record.len() + OVERHEAD);
        match &mut *self.held.borrow_mut() {
            // Bounded as all that waits for a reader is.
            Some(held) => held.push(record),
            None => drop(self.sender.send(Some(record))),
        }
    }

    /// Holds back all that is sent, or lets that and what follows go.
    pub fn mute(&self, muted: bool) {
        let mut held = self.held.borrow_mut();
        match muted {
            true => drop(held.get_or_insert_with(Vec::new)),
            false => held
                .take()
                .into_iter()
                .flatten()
                .for_each(|record| drop(self.sender.send(Some(record)))),
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let _ = self.sender.send(None);
        self.queue.relief.notify_waiters();
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.receiver.close();
        self.queue.backlog.close();
        self.queue.relief.notify_waiters();
    }
}

#[cfg(test)]
impl Records {
    /// The next record that is there already; the inner `None` is the end.
    pub fn try_next(&mut self) -> Option<Option<Bytes>> {
        self.receiver.try_recv().ok()
    }
}

impl Subscriber {
    /// Returns when the body has been dropped: its end was sent, or the connection is gone.
    pub async fn gone(self) {
        self.sender.closed().await;
    }
}

impl Body for Records {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(context).map(|record| {
            let record = record.flatten()?;
            self.queue.taken(&record);
            Some(Ok(Frame::data(record)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::events::{executor_event, scheduler_event, FULL};
    use http_body_util::BodyExt;

    #[test]
    fn records_end_with_the_stream() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (stream, records, subscriber) = EventStream::open(Format::Protobuf, Backlog::default(), Arc::default());
            stream.send(&executor_event(executor::event::Type::Shutdown));
            let message = "B\u{10fffc}".to_string();
            stream.send(&scheduler::Event {
                error: Some(scheduler::event::Error { message }),
                ..scheduler_event(scheduler::event::Type::Error)
            });
            drop(stream);
            let body = records.collect().await.unwrap().to_bytes();
            // The second one holds a byte that is not UTF-8.
            assert_eq!(&body[..], b"2\n\x08\x078\n\x08\x07\x42\x04\x0a\x02B\xfc");
            subscriber.gone().await;
        });
    }

    #[test]
    fn a_muted_stream_says_all_of_it_later() {
        let (stream, mut records, _subscriber) = EventStream::open(Format::Protobuf, Backlog::default(), Arc::default());
        stream.mute(true);
        stream.send(&executor_event(executor::event::Type::Shutdown));
        stream.mute(true);
        stream.send(&executor_event(executor::event::Type::Kill));
        assert_eq!(records.try_next(), None);
        stream.mute(false);
        stream.send(&executor_event(executor::event::Type::Error));
        let kinds: Vec<u8> = std::iter::from_fn(|| records.try_next().flatten())
            .map(|record| record[3])
            .collect();
        let wanted = [
            executor::event::Type::Shutdown,
            executor::event::Type::Kill,
            executor::event::Type::Error,
        ];
        assert_eq!(kinds, wanted.map(|kind| kind as u8));
    }

    #[test]
    fn a_full_stream_tells_when_it_has_room_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let relief: Arc<Notify> = Arc::default();
            let backlog = Backlog::default();
            let (stream, mut records, _) = EventStream::open(Format::Protobuf, backlog.clone(), relief.clone());
            let large = || {
                let message = "x".repeat(FULL / 2);
                let error = Some(scheduler::event::Error { message });
                stream.send(&scheduler::Event {
                    error,
                    ..scheduler_event(scheduler::event::Type::Error)
                });
            };
            large();
            assert!(!backlog.is_full());
            large();
            assert!(backlog.is_full());
            let relieved = relief.notified();
            records.frame().await.unwrap().unwrap();
            let at_once = std::time::Duration::ZERO;
            assert!(!backlog.is_full() && tokio::time::timeout(at_once, relieved).await.is_ok());
            // Nobody needs to wait for who has gone.
            large();
            let relieved = relief.notified();
            assert!(backlog.is_full());
            drop(records);
            assert!(!backlog.is_full() && tokio::time::timeout(at_once, relieved).await.is_ok());
        });
    }
}
