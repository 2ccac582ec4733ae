//! Event streams: the bodies of answers to SUBSCRIBE, in RecordIO (`<decimal length>\n<bytes>`, nothing between records).
//!
//! A subscriber that does not read is buffered without limit, as Mesos does.

use crate::message::text;
use crate::proto::{executor, scheduler};
use hyper::body::{Body, Bytes, Frame};
use prost::Message;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// An event for a scheduler, with its type; the caller puts the member in.
pub fn scheduler_event(kind: scheduler::event::Type) -> scheduler::Event {
    scheduler::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

/// The same for an executor.
pub fn executor_event(kind: executor::event::Type) -> executor::Event {
    executor::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
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

/// The sending side. Dropping it ends the answer after what has been sent.
pub struct EventStream {
    /// Unique in this cluster; never used again.
    pub id: u64,
    sender: UnboundedSender<Option<Bytes>>,
}

/// The answer's body.
pub struct Records {
    receiver: UnboundedReceiver<Option<Bytes>>,
}

/// Tells when the subscriber has gone.
pub struct Subscriber {
    sender: UnboundedSender<Option<Bytes>>,
}

impl EventStream {
    pub fn open(id: u64) -> (EventStream, Records, Subscriber) {
        let (sender, receiver) = unbounded_channel();
        (
            EventStream {
                id,
                sender: sender.clone(),
            },
            Records { receiver },
            Subscriber { sender },
        )
    }

    /// Queues one event. Nobody may be listening any more: then it is lost, as on a wire.
    pub fn send(&self, event: &impl Event) {
        let body = text::original(text::of(event.class()), event.encode_to_vec());
        let mut record = format!("{}\n", body.len()).into_bytes();
        record.extend(body);
        let _ = self.sender.send(Some(record.into()));
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let _ = self.sender.send(None);
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
        self.receiver
            .poll_recv(context)
            .map(|record| record.flatten().map(|record| Ok(Frame::data(record))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn records_end_with_the_stream() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (stream, records, subscriber) = EventStream::open(1);
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
}
