//! The part of ZooKeeper's client protocol that reading needs, without I/O: frames of big-endian "jute" records.
//!
//! A frame is a length (i32) and that many bytes. A request begins with xid and type, a reply with xid, zxid and error.

use bytes::{Buf, BytesMut};

/// The longest frame that is believed, in bytes: four times what servers allow.
const MAX_FRAME: usize = 4 << 20;
/// What ZooKeeper writes for an absent list or buffer.
const ABSENT: i32 = -1;

/// xids that mean something of their own.
pub const WATCH_XID: i32 = -1;
pub const PING_XID: i32 = -2;
pub const AUTH_XID: i32 = -4;

/// Error codes of replies.
pub const OK: i32 = 0;
pub const NO_NODE: i32 = -101;
pub const NO_AUTH: i32 = -102;
pub const AUTH_FAILED: i32 = -115;

/// A request's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Exists = 3,
    GetData = 4,
    GetChildren = 8,
}

/// Why bytes are not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

fn framed(body: &[u8]) -> Vec<u8> {
    // Bodies are made here, of paths and credentials: none comes near 2 GB.
    let mut frame = (body.len() as i32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

fn put_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    body.extend_from_slice(bytes);
}

/// The first frame of a connection: a new session, on a server that knows `last_zxid` already.
pub fn connect(timeout_ms: i32, last_zxid: i64) -> Vec<u8> {
    let mut body = 0_i32.to_be_bytes().to_vec();
    body.extend_from_slice(&last_zxid.to_be_bytes());
    body.extend_from_slice(&timeout_ms.to_be_bytes());
    body.extend_from_slice(&0_i64.to_be_bytes());
    put_bytes(&mut body, &[0; 16]);
    // Not content with a server that is cut off from the ensemble.
    body.push(0);
    framed(&body)
}

pub fn ping() -> Vec<u8> {
    framed(&[PING_XID.to_be_bytes(), 11_i32.to_be_bytes()].concat())
}

/// The scheme `digest` with `user:password`.
pub fn digest_auth(credentials: &str) -> Vec<u8> {
    let mut body = [AUTH_XID.to_be_bytes(), 100_i32.to_be_bytes(), 0_i32.to_be_bytes()].concat();
    put_bytes(&mut body, b"digest");
    put_bytes(&mut body, credentials.as_bytes());
    framed(&body)
}

/// A read of the node at `path`.
pub fn read(xid: i32, operation: Operation, path: &str, watch: bool) -> Vec<u8> {
    let mut body = [xid.to_be_bytes(), (operation as i32).to_be_bytes()].concat();
    put_bytes(&mut body, path.as_bytes());
    body.push(u8::from(watch));
    framed(&body)
}

/// Takes the next whole frame out of what was received.
pub fn next_frame(received: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(length) = received.get(..4).and_then(|l| l.try_into().ok()).map(i32::from_be_bytes) else {
        return Ok(None);
    };
    let length = usize::try_from(length).ok().filter(|l| *l <= MAX_FRAME).ok_or(Malformed)?;
    if received.len() < 4 + length {
        return Ok(None);
    }
    received.advance(4);
    Ok(Some(received.split_to(length)))
}

/// Reads fields off a frame.
pub struct Reader(pub BytesMut);

impl Reader {
    pub fn int(&mut self) -> Result<i32, Malformed> {
        match self.0.len() >= 4 {
            true => Ok(self.0.get_i32()),
            false => Err(Malformed),
        }
    }

    pub fn long(&mut self) -> Result<i64, Malformed> {
        match self.0.len() >= 8 {
            true => Ok(self.0.get_i64()),
            false => Err(Malformed),
        }
    }

    /// Empty when absent.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Malformed> {
        match self.int()? {
            ABSENT => Ok(Vec::new()),
            length => match usize::try_from(length) {
                Ok(length) if length <= self.0.len() => Ok(self.0.split_to(length).to_vec()),
                _ => Err(Malformed),
            },
        }
    }

    /// A list of strings.
    pub fn strings(&mut self) -> Result<Vec<String>, Malformed> {
        // Not collected by the count: it may be a lie.
        let count = self.int()?.max(0);
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(String::from_utf8(self.bytes()?).map_err(|_| Malformed)?);
        }
        Ok(all)
    }
}

/// The answer to [`connect`]: the session's timeout in ms, or `None` when the server refuses the session.
pub fn connected(frame: BytesMut) -> Result<Option<i32>, Malformed> {
    let mut reader = Reader(frame);
    reader.int()?;
    let timeout = reader.int()?;
    let session = reader.long()?;
    Ok((timeout > 0 && session != 0).then_some(timeout))
}

/// The head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub error: i32,
}

impl Reply {
    pub fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Reply {
            xid: reader.int()?,
            zxid: reader.long()?,
            error: reader.int()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_at_every_portion() {
        let stream = [read(7, Operation::GetChildren, "/m", true), ping()].concat();
        assert_eq!(
            stream,
            b"\0\0\0\x0f\0\0\0\x07\0\0\0\x08\0\0\0\x02/m\x01\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x0b"
        );
        for step in 1..stream.len() {
            let (mut received, mut frames) = (BytesMut::new(), Vec::new());
            for portion in stream.chunks(step) {
                received.extend_from_slice(portion);
                while let Some(frame) = next_frame(&mut received).expect("well-formed") {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&stream[4..19], &stream[23..]]);
        }
    }

    #[test]
    fn lies_about_lengths() {
        for length in [-1_i32, i32::MAX, MAX_FRAME as i32 + 1] {
            assert_eq!(next_frame(&mut length.to_be_bytes()[..].into()), Err(Malformed));
        }
        let reader = |bytes: &[u8]| Reader(bytes.into());
        assert_eq!(reader(&[0, 0, 0, 5, 1]).bytes(), Err(Malformed));
        assert_eq!(reader(&[0xff, 0xff, 0xff, 0xfe]).bytes(), Err(Malformed));
        assert_eq!(reader(&[0xff; 4]).bytes(), Ok(vec![]));
        assert_eq!(reader(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]).strings(), Err(Malformed));
        assert_eq!(reader(&[0, 0, 0, 1, 0, 0, 0, 1, 0xff]).strings(), Err(Malformed));
        assert_eq!(Reply::read(&mut reader(&[0; 15])), Err(Malformed));
        assert_eq!(connected(BytesMut::new()), Err(Malformed));
        assert_eq!(connected(BytesMut::zeroed(36)), Ok(None));
    }
}
