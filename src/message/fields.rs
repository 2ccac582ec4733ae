//! Changing single fields of an encoded message without decoding it: unknown fields and everything else stay as they are.

use super::{field_number, text};
use prost::encoding::{self, DecodeContext};

/// The bytes are not an encoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed;

/// `message` without the top-level fields of these numbers.
pub fn without(message: &[u8], numbers: &[u32]) -> Result<Vec<u8>, Malformed> {
    filtered(message, |number| !numbers.contains(&number))
}

/// `message` with no other top-level fields than those of these numbers.
pub fn only(message: &[u8], numbers: &[u32]) -> Result<Vec<u8>, Malformed> {
    filtered(message, |number| numbers.contains(&number))
}

fn filtered(message: &[u8], keep: impl Fn(u32) -> bool) -> Result<Vec<u8>, Malformed> {
    let mut kept = Vec::with_capacity(message.len().min(1 << 16) + 64);
    let mut rest = message;
    while !rest.is_empty() {
        let field = rest;
        let (number, wire_type) = encoding::decode_key(&mut rest).map_err(|_| Malformed)?;
        encoding::skip_field(wire_type, number, &mut rest, DecodeContext::default()).map_err(|_| Malformed)?;
        if keep(number) {
            kept.extend_from_slice(&field[..field.len() - rest.len()]);
        }
    }
    Ok(kept)
}

/// Appends a length-delimited field: a string, bytes or a message.
pub fn append(message: &mut Vec<u8>, number: u32, value: &[u8]) {
    encoding::encode_key(number, encoding::WireType::LengthDelimited, message);
    encoding::encode_varint(value.len() as u64, message);
    message.extend_from_slice(value);
}

/// Appends an integer or enum field.
pub fn append_varint(message: &mut Vec<u8>, number: u32, value: u64) {
    encoding::encode_key(number, encoding::WireType::Varint, message);
    encoding::encode_varint(value, message);
}

/// Appends a double field.
pub fn append_double(message: &mut Vec<u8>, number: u32, value: f64) {
    encoding::double::encode(number, &value, message);
}

/// An id message (FrameworkID, TaskID, ...): all have one string, `value`, number 1. `value` is as in [`text`].
pub fn id(value: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(value.len() + 4);
    append(&mut message, field_number::id::VALUE, &text::to_bytes(value));
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{SlaveId, TaskId, TaskStatus};
    use prost::Message;

    #[test]
    fn fields_are_replaced_and_others_kept() {
        let status = TaskStatus {
            task_id: TaskId { value: "t".into() },
            state: 1,
            message: Some("m".into()),
            slave_id: Some(SlaveId { value: "old".into() }),
            timestamp: Some(1.5),
            ..Default::default()
        };
        let mut bytes = status.encode_to_vec();
        append(&mut bytes, 4000, b"unknown");
        let mut changed = without(&bytes, &[5, 6]).expect("a message");
        append(&mut changed, 5, &id("new"));
        append_double(&mut changed, 6, 2.5);
        append_varint(&mut changed, 9, 2);
        let expected = TaskStatus {
            slave_id: Some(SlaveId { value: "new".into() }),
            timestamp: Some(2.5),
            source: Some(2),
            ..status
        };
        assert_eq!(TaskStatus::decode(&changed[..]), Ok(expected));
        assert!(changed.windows(7).any(|w| w == b"unknown"));
    }

    #[test]
    fn every_cut_is_malformed_or_a_shorter_message() {
        let bytes = [id("abc"), id("defgh")].concat();
        for cut in 1..bytes.len() {
            assert_eq!(without(&bytes[..cut], &[]).is_ok(), cut == 5, "cut at {cut}");
        }
        assert_eq!(without(&[0xff; 20], &[]), Err(Malformed));
    }
}
