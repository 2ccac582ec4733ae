//! Bodies of requests: how large they may be, and how long they are waited for.

use super::guests::Guest;
use super::refusal::Refusal;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::StatusCode;
use prost::bytes::BytesMut;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A call may be so large: drivers send less.
const MAX_BODY: usize = 256 << 20;

/// A record's length has no more digits than this.
const LONGEST_NUMBER: usize = 20;

/// How long a body is waited for.
#[derive(Clone, Copy)]
pub struct Patience {
    /// A body of which nothing comes for so long does not come.
    stall: Duration,
    /// And the whole of it has so long for each MiB, besides: who sends a byte now and then keeps others' bodies out.
    for_mebibyte: Duration,
}

pub const PATIENCE: Patience = Patience {
    stall: Duration::from_secs(30),
    for_mebibyte: Duration::from_secs(1),
};

/// The body of a request as it comes, of which its connection gives account.
pub struct Arriving {
    body: Incoming,
    guest: Rc<Guest>,
    come: usize,
}

impl Arriving {
    pub fn new(body: Incoming, guest: Rc<Guest>) -> Arriving {
        Arriving { body, guest, come: 0 }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let bytes = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        if bytes > 0 || polled.is_pending() {
            self.come += bytes;
            self.guest.sends(bytes);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.guest.has_sent(self.come);
    }
}

pub async fn collect<B>(body: B, patience: Patience) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let announced = body.size_hint().exact();
    if announced.is_some_and(|bytes| bytes > MAX_BODY as u64) {
        return Err(too_large());
    }
    let mebibytes = announced.map_or(MAX_BODY >> 20, |bytes| bytes as usize >> 20);
    let end = Instant::now() + patience.stall + patience.for_mebibyte * mebibytes as u32;
    let mut body = Limited::new(body, MAX_BODY);
    let mut whole = BytesMut::new();
    loop {
        let endless = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "The request does not end");
        let left = end.saturating_duration_since(Instant::now());
        // What is there already has no time limit of tokio's.
        if left.is_zero() {
            return Err(endless());
        }
        let frame = tokio::time::timeout(left.min(patience.stall), body.frame())
            .await
            .map_err(|_| endless())?;
        match frame {
            None => return Ok(whole.freeze()),
            Some(Ok(frame)) => whole.extend(frame.into_data()),
            Some(Err(e)) if e.is::<LengthLimitError>() => {
                return Err(too_large());
            }
            Some(Err(e)) => return Err(Refusal::bad(format!("Failed to read the request: {e}"))),
        }
    }
}

/// The first record of a stream, without what follows it: that may come much later.
pub async fn first_record<B>(mut body: B, patience: Patience) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut come = BytesMut::new();
    loop {
        if let Some(line) = come.iter().take(LONGEST_NUMBER).position(|byte| *byte == b'\n') {
            let length = std::str::from_utf8(&come[..line])
                .ok()
                .and_then(|text| text.parse::<usize>().ok());
            let length = length.ok_or_else(|| Refusal::bad("Failed to decode the length of a record"))?;
            if length > MAX_BODY {
                return Err(too_large());
            }
            if come.len() > line + length {
                return Ok(come.freeze().slice(line + 1..line + 1 + length));
            }
        } else if come.len() > LONGEST_NUMBER {
            return Err(Refusal::bad("Failed to decode the length of a record"));
        }
        let frame = tokio::time::timeout(patience.stall, body.frame());
        let frame = frame
            .await
            .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "The request does not end"))?;
        match frame {
            None => return Err(Refusal::bad("Received EOF while reading request body")),
            Some(Ok(frame)) => come.extend(frame.into_data()),
            Some(Err(e)) => return Err(Refusal::bad(format!("Failed to read the request: {}", e.into()))),
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 256 MiB")
}

/// Takes a small body off the connection. Closed with bytes unread, it would be reset, and the answer lost with it.
pub async fn drain(mut body: Arriving) {
    let mut left = 64 * 1024_usize;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, |data| data.len());
        if length >= left {
            return;
        }
        left -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// A byte now and then, for ever.
    struct Trickle(tokio::time::Interval);

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let byte = || Some(Ok(Frame::data(Bytes::from_static(b"x"))));
            self.0.poll_tick(cx).map(|_| byte())
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(3 << 20)
        }
    }

    #[test]
    fn a_body_has_to_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let patience = Patience {
                stall: Duration::from_millis(200),
                for_mebibyte: Duration::from_millis(20),
            };
            let begin = Instant::now();
            let body = Trickle(tokio::time::interval(Duration::from_millis(1)));
            let collected = tokio::time::timeout(Duration::from_secs(20), collect(body, patience)).await;
            let refusal = collected.expect("it goes on for ever").unwrap_err();
            assert_eq!(refusal.status, StatusCode::REQUEST_TIMEOUT);
            assert!(begin.elapsed() >= Duration::from_millis(260), "the whole time for 3 MiB");
        });
    }
}
