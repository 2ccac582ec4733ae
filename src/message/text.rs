//! Strings of messages that are not UTF-8, in Rust's strings, which are.
//!
//! To protobuf's C++ of Mesos' age a `string` is bytes: a master and an agent pass on what is no UTF-8. prost refuses it. So whoever
//! decodes a message into Rust's structures makes it [`readable`] first: a byte that is no part of UTF-8 becomes one of the last 128
//! characters of Unicode (U+10FF80 to U+10FFFF), which are for private use. Those characters themselves, should they come, are taken
//! for such bytes, too: so the way back, [`original`], is always exact.

use super::schema::{class, class_by_perl_name, Kind};
use super::wire::{Reader, WireError, WireType};
use super::{ClassId, MAX_DEPTH};
use bytes::Bytes;
use prost::encoding;
use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The byte 0x80; that of a byte `b` is `b` - 0x80 characters behind it.
const FIRST: u32 = 0x10_ff80;

/// How each of those characters begins in UTF-8; the third byte is 0xbe or 0xbf.
const BEGINNING: [u8; 2] = [0xf4, 0x8f];

fn stands_for(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(FIRST)? + 0x80).ok()
}

fn may_hold_stand_ins(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| w[..2] == BEGINNING && matches!(w[2], 0xbe | 0xbf))
}

/// The text for any bytes.
pub fn from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !may_hold_stand_ins(bytes) => return Cow::Borrowed(text),
        _ => {}
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    let stand_in = |byte: u8| char::from_u32(FIRST + u32::from(byte) - 0x80).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(valid) => valid,
            Err(e) => std::str::from_utf8(&rest[..e.valid_up_to()]).unwrap_or_default(),
        };
        for character in valid.chars() {
            match stands_for(character) {
                None => text.push(character),
                Some(_) => {
                    let mut encoded = [0; 4];
                    text.extend(character.encode_utf8(&mut encoded).bytes().map(stand_in));
                }
            }
        }
        rest = &rest[valid.len()..];
        // The first byte that is no part of a character; it is no ASCII.
        if let Some((&byte, others)) = rest.split_first() {
            text.push(stand_in(byte));
            rest = others;
        }
    }
    Cow::Owned(text)
}

/// The bytes that [`from_bytes`] got.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !may_hold_stand_ins(text.as_bytes()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match stands_for(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The same as a part of a path, or the value of a variable.
pub fn to_os(text: &str) -> OsString {
    OsString::from_vec(to_bytes(text).into_owned())
}

/// `message`, of this class, with strings that are all UTF-8. What is no message stays as it is.
pub fn readable(id: ClassId, message: Bytes) -> Bytes {
    if message.is_ascii() {
        return message;
    }
    let change = |bytes: &[u8]| match from_bytes(bytes) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text.into_bytes()),
    };
    match rewritten(id, &message, &change, 0) {
        Ok(Some(changed)) => changed.into(),
        Ok(None) | Err(_) => message,
    }
}

/// The message that [`readable`] got, or one made of such structures.
pub fn original(id: ClassId, message: Vec<u8>) -> Vec<u8> {
    if !may_hold_stand_ins(&message) {
        return message;
    }
    let change = |bytes: &[u8]| match to_bytes(std::str::from_utf8(bytes).ok()?) {
        Cow::Borrowed(_) => None,
        Cow::Owned(bytes) => Some(bytes),
    };
    match rewritten(id, &message, &change, 0) {
        Ok(Some(changed)) => changed,
        Ok(None) | Err(_) => message,
    }
}

/// The class of this Perl name, which must be one.
pub fn of(perl_name: &str) -> ClassId {
    // A class that does not exist leaves every message as it is.
    class_by_perl_name(perl_name).unwrap_or(ClassId(u32::MAX))
}

/// v1's Subscribe has the suppressed roles where v0's has a bool. Everything else of a call has the same number in both.
const SUBSCRIBE: &str = "mesos.scheduler.Call.Subscribe";
const SUPPRESSED_ROLES: u32 = 2;

/// `message` with `change` applied to its strings, and those of the messages in it. `None`: nothing has changed.
fn rewritten(
    id: ClassId,
    message: &[u8],
    change: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
    depth: usize,
) -> Result<Option<Vec<u8>>, WireError> {
    let Some(class) = class(id) else { return Ok(None) };
    if depth >= MAX_DEPTH {
        return Err(WireError::TooDeep);
    }
    let mut all: Option<Vec<u8>> = None;
    // Up to here everything is in `all`.
    let mut copied = 0;
    let mut reader = Reader::new(message, 0, message.len());
    while !reader.at_end() {
        let field_start = reader.position();
        let (number, wire) = reader.tag()?;
        if wire != WireType::Bytes as u8 {
            reader.skip(number, wire)?;
            continue;
        }
        let (start, length) = reader.delimited()?;
        let value = &message[start..start + length];
        let field = class.index_by_number(number).and_then(|index| class.fields().get(index));
        let changed = match field.map(|field| (field.kind, field.of)) {
            Some((Kind::String, _)) => change(value),
            Some((Kind::Message, of)) => rewritten(ClassId(u32::from(of)), value, change, depth + 1)?,
            Some((Kind::Bool, _)) if number == SUPPRESSED_ROLES && class.proto == SUBSCRIBE => change(value),
            _ => None,
        };
        if let Some(changed) = changed {
            let all = all.get_or_insert_with(|| Vec::with_capacity(message.len() + 64));
            all.extend_from_slice(&message[copied..field_start]);
            encoding::encode_key(number, encoding::WireType::LengthDelimited, all);
            encoding::encode_varint(changed.len() as u64, all);
            all.extend_from_slice(&changed);
            copied = start + length;
        }
    }
    if let Some(all) = &mut all {
        all.extend_from_slice(&message[copied..]);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::class::{TASK_INFO, TASK_STATUS};
    use crate::message::field_number::{task_info, task_status};
    use crate::message::fields;
    use crate::proto;
    use prost::Message;

    const TEXTS: [&[u8]; 7] = [
        b"",
        b"plain",
        "Bücher \u{10ff7f}\u{ffff}".as_bytes(),
        b"B\xfccher",
        b"\xff\x80\xc3",
        "a\u{10ff80}\u{10ffff}z".as_bytes(),
        b"\xf4\x8f\xbe\xff\xf4\x8f\xbe\x80",
    ];

    #[test]
    fn bytes_come_back() {
        for bytes in TEXTS {
            assert_eq!(to_bytes(&from_bytes(bytes)), bytes, "{bytes:02x?}");
        }
        assert!(matches!(from_bytes("Bücher".as_bytes()), Cow::Borrowed("Bücher")));
        assert_eq!(from_bytes(b"B\xfc"), "B\u{10fffc}");
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(to_bytes(&from_bytes(&every)), every);
        assert_eq!(to_os("a\u{10fffc}").into_vec(), b"a\xfc");
    }

    fn labels(text: &[u8]) -> Vec<u8> {
        let (mut label, mut labels) = (Vec::new(), Vec::new());
        fields::append(&mut label, 1, text);
        fields::append(&mut label, 2, text);
        fields::append(&mut labels, 1, &label);
        labels
    }

    /// With strings at several depths, bytes, and unknown fields.
    fn task(text: &[u8]) -> Vec<u8> {
        let mut task = Vec::new();
        fields::append(&mut task, task_info::NAME, text);
        for id in [task_info::TASK_ID, task_info::SLAVE_ID] {
            let mut value = Vec::new();
            fields::append(&mut value, 1, text);
            fields::append(&mut task, id, &value);
        }
        fields::append(&mut task, task_info::DATA, text);
        fields::append_varint(&mut task, 4000, 7);
        fields::append(&mut task, task_info::LABELS, &labels(text));
        fields::append(&mut task, 4001, text);
        task
    }

    #[test]
    fn messages_become_readable_and_come_back() {
        for text in TEXTS {
            let bytes = task(text);
            let readable = readable(TASK_INFO, bytes.clone().into());
            let decoded = proto::TaskInfo::decode(readable.clone()).expect("readable");
            assert_eq!(to_bytes(&decoded.name), text);
            assert_eq!(decoded.data.as_deref(), Some(text), "bytes stay");
            let label = &decoded.labels.expect("labels").labels[0];
            assert_eq!(to_bytes(&label.key), text);
            assert_eq!(original(TASK_INFO, readable.to_vec()), bytes);
        }
    }

    #[test]
    fn what_is_no_message_stays() {
        let mut status = Vec::new();
        fields::append(&mut status, task_status::MESSAGE, b"B\xfccher");
        for cut in 1..status.len() {
            let part = Bytes::copy_from_slice(&status[..cut]);
            assert_eq!(readable(TASK_STATUS, part.clone()), part);
        }
        assert_ne!(readable(TASK_STATUS, status.clone().into()), status);
        // A ContainerID in a ContainerID, and so on.
        let mut deep = b"\x0a\x01\xff".to_vec();
        for _ in 0..2 * MAX_DEPTH {
            let inner = std::mem::take(&mut deep);
            fields::append(&mut deep, 2, &inner);
        }
        let deep = Bytes::from(deep);
        assert_eq!(readable(crate::message::class::CONTAINER_ID, deep.clone()), deep);
    }

    #[test]
    fn suppressed_roles_of_v1() {
        let call = of("Mesos::Scheduler::Call");
        let subscribe = b"\x1a\x06\x12\x04web\xfc";
        let readable = readable(call, Bytes::from_static(subscribe));
        assert_eq!(&readable[..], "\u{1a}\u{9}\u{12}\u{7}web\u{10fffc}".as_bytes());
        assert_eq!(original(call, readable.to_vec()), subscribe);
    }
}
