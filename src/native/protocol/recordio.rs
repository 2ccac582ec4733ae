//! RecordIO: `<decimal length>\n<bytes>`, repeated. Borders of HTTP chunks and of socket reads mean nothing here.

use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

/// The longest record that is accepted; an OFFERS event of a very large cluster is a tenth of this.
pub const MAX_RECORD: usize = 256 << 20;

const TOO_LONG: &str = "a record of more than 268435456 bytes";

/// Whether this reason of a lost subscription says that a record is above the bound.
pub fn is_too_long(reason: &str) -> bool {
    reason.starts_with(TOO_LONG)
}

/// More digits than [`MAX_RECORD`] has cannot be a length.
const MAX_DIGITS: usize = 9;

/// The stream is not RecordIO: nothing after this can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// A length held this byte instead of a digit, or no digit at all.
    NotALength(u8),
    /// A record's length is above the bound.
    TooLong,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::NotALength(byte) => write!(f, "byte 0x{byte:02x} in the length of a record"),
            RecordError::TooLong => write!(f, "{TOO_LONG} ({} MiB, the longest event that is accepted)", MAX_RECORD >> 20),
        }
    }
}

/// Takes a stream's bytes in any portions, gives whole records: slices of a portion where it holds all of a record.
#[derive(Default)]
pub struct Decoder {
    /// What came and is not taken.
    ready: Bytes,
    /// Length of the record whose header was read.
    length: Option<usize>,
    /// The beginning of that record, if it came in earlier portions.
    partial: BytesMut,
}

impl Decoder {
    pub fn feed(&mut self, data: Bytes) {
        self.ready = match self.ready.is_empty() {
            true => data,
            // The beginning of a header, unless the caller leaves records lying.
            false => [&self.ready[..], &data[..]].concat().into(),
        };
    }

    /// The next whole record, or `None` until more was fed.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.header()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.partial.is_empty() && self.ready.len() >= length {
            self.length = None;
            return Ok(Some(self.ready.split_to(length)));
        }
        self.length = Some(length);
        let missing = length.saturating_sub(self.partial.len()).min(self.ready.len());
        self.partial.extend_from_slice(&self.ready.split_to(missing));
        if self.partial.len() < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(self.partial.split().freeze()))
    }

    /// Whether the stream may end here without having broken a record.
    pub fn at_border(&self) -> bool {
        self.length.is_none() && self.ready.is_empty()
    }

    fn header(&mut self) -> Result<Option<usize>, RecordError> {
        let mut length = 0;
        for (index, &byte) in self.ready.iter().enumerate() {
            match byte {
                b'0'..=b'9' if index < MAX_DIGITS => length = length * 10 + usize::from(byte - b'0'),
                b'0'..=b'9' => return Err(RecordError::TooLong),
                b'\n' if index > 0 => {
                    if length > MAX_RECORD {
                        return Err(RecordError::TooLong);
                    }
                    self.ready.advance(index + 1);
                    return Ok(Some(length));
                }
                other => return Err(RecordError::NotALength(other)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, RecordError> {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for piece in pieces {
            decoder.feed(Bytes::copy_from_slice(piece));
            while let Some(record) = decoder.next_record()? {
                found.push(record.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn any_portions() {
        let stream = b"5\nhello0\n12\nhello\nworld!";
        let expected = vec![b"hello".to_vec(), vec![], b"hello\nworld!".to_vec()];
        assert_eq!(records(&[stream]), Ok(expected.clone()));
        for cut in 0..stream.len() {
            assert_eq!(
                records(&[&stream[..cut], &stream[cut..]]),
                Ok(expected.clone()),
                "cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(records(&bytes), Ok(expected));
    }

    #[test]
    fn broken_lengths() {
        assert_eq!(records(&[b"5x\nhello"]), Err(RecordError::NotALength(b'x')));
        assert_eq!(records(&[b"\n"]), Err(RecordError::NotALength(b'\n')));
        assert_eq!(records(&[b"-1\n"]), Err(RecordError::NotALength(b'-')));
        assert_eq!(records(&[b"1234567890"]), Err(RecordError::TooLong));
        assert_eq!(records(&[b"268435457\n"]), Err(RecordError::TooLong));
        assert_eq!(records(&[b"268435456\n"]), Ok(vec![]));
    }

    #[test]
    fn border() {
        let mut decoder = Decoder::default();
        assert!(decoder.at_border());
        decoder.feed(Bytes::from_static(b"2\na"));
        assert_eq!(decoder.next_record(), Ok(None));
        assert!(!decoder.at_border());
        decoder.feed(Bytes::from_static(b"b"));
        assert_eq!(decoder.next_record(), Ok(Some(Bytes::from_static(b"ab"))));
        assert!(decoder.at_border());
    }
}
