//! Whether an encoded message has all that its classes require: prost fills absent fields with defaults instead of refusing them.

use super::schema::{class, Kind, Label};
use super::wire::{Reader, WireError, WireType};
use super::{ClassId, MAX_DEPTH};
use std::borrow::Cow;

/// Whether `message`, of this class, has its required fields, and so have all messages in it. What is no message has not.
pub fn is_complete(id: ClassId, message: &[u8]) -> bool {
    complete(id, message, 1).unwrap_or(false)
}

fn complete(id: ClassId, message: &[u8], depth: usize) -> Result<bool, WireError> {
    let Some(class) = class(id) else { return Ok(true) };
    if depth > MAX_DEPTH {
        return Err(WireError::TooDeep);
    }
    let fields = class.fields();
    let mut there = vec![false; fields.len()];
    // The messages of fields that are not repeated. Parts of one that are far from each other are one message, as if they were joined.
    let mut single: Vec<Option<Cow<'_, [u8]>>> = vec![None; fields.len()];
    let mut reader = Reader::new(message, 0, message.len());
    while !reader.at_end() {
        let (number, wire) = reader.tag()?;
        let Some((index, field)) = class.accepting(number, wire) else {
            reader.skip(number, wire)?;
            continue;
        };
        there[index] = true;
        if wire != WireType::Bytes as u8 {
            reader.skip(number, wire)?;
            continue;
        }
        let (start, length) = reader.delimited()?;
        let value = &message[start..start + length];
        match (field.kind, field.is_repeated(), &mut single[index]) {
            (Kind::Message, true, _) if !complete(ClassId(field.of.into()), value, depth + 1)? => return Ok(false),
            (Kind::Message, false, Some(first)) => first.to_mut().extend_from_slice(value),
            (Kind::Message, false, first) => *first = Some(Cow::Borrowed(value)),
            _ => {}
        }
    }
    for (index, field) in fields.iter().enumerate() {
        let inside: &[u8] = match &single[index] {
            Some(value) => value,
            // The entry of a map has its value, if only an empty one.
            None if class.map_entry && field.kind == Kind::Message => &[],
            None if field.label == Label::Required && !there[index] => return Ok(false),
            None => continue,
        };
        if !complete(ClassId(field.of.into()), inside, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::text;

    fn scheduler(call: &[u8]) -> bool {
        is_complete(text::of("Mesos::Scheduler::Call"), call)
    }

    fn executor(call: &[u8]) -> bool {
        is_complete(text::of("Mesos::Executor::Call"), call)
    }

    #[test]
    fn what_is_missing_is_noticed() {
        assert!(scheduler(b""));
        assert!(!executor(b""));
        assert!(executor(b"\x0a\x03\x0a\x01e\x12\x03\x0a\x01f"));
        assert!(!executor(b"\x0a\x00\x12\x03\x0a\x01f"), "executor_id {{}}");
        assert!(!executor(b"\x08\x01\x12\x03\x0a\x01f"), "an executor_id that is a number");
        assert!(scheduler(b"\x10\x02"));
        assert!(!scheduler(b"\x10\x01\x1a\x00"), "subscribe {{}}");
        assert!(
            !scheduler(b"\x10\x01\x1a\x05\x0a\x03\x0a\x01u"),
            "subscribe {{ framework_info {{ user }} }}"
        );
        assert!(scheduler(b"\x10\x01\x1a\x08\x0a\x06\x0a\x01u\x12\x01n"));
    }

    #[test]
    fn however_deep_it_is_missing() {
        // subscribe { framework_info { user, name, labels { labels { key } } } }; Label.key is required.
        assert!(scheduler(b"\x1a\x0f\x0a\x0d\x0a\x01u\x12\x01n\x5a\x05\x0a\x03\x0a\x01k"));
        assert!(!scheduler(b"\x1a\x0f\x0a\x0d\x0a\x01u\x12\x01n\x5a\x05\x0a\x03\x12\x01v"));
    }

    #[test]
    fn parts_of_a_message_are_one() {
        assert!(scheduler(b"\x1a\x05\x0a\x03\x0a\x01u\x1a\x05\x0a\x03\x12\x01n"));
    }

    /// `TaskInfo.limits` maps names to Value.Scalar, whose value is required.
    #[test]
    fn the_value_of_a_map_entry_is_there_if_it_was_not_sent() {
        let task = |limits: &[u8]| {
            let task = [b"\x0a\x01n\x12\x03\x0a\x01t\x1a\x03\x0a\x01s", limits].concat();
            is_complete(text::of("Mesos::TaskInfo"), &task)
        };
        assert!(task(b""));
        let tag = [0x7a]; // limits
        assert!(task(&[&tag[..], b"\x10\x0a\x03cpu\x12\x09\x09\0\0\0\0\0\0\0\0"].concat()));
        assert!(!task(&[&tag[..], b"\x05\x0a\x03cpu"].concat()));
    }

    #[test]
    fn what_is_no_message_is_not_complete() {
        assert!(!scheduler(b"\x32\x7f"), "a length beyond the end");
        assert!(!scheduler(b"\x0c"));
        let container = text::of("Mesos::ContainerID");
        let mut nested = b"\x0a\x01c".to_vec();
        for _ in 0..MAX_DEPTH + 1 {
            let mut outer = b"\x0a\x01c\x12".to_vec();
            prost::encoding::encode_varint(nested.len() as u64, &mut outer);
            outer.extend(nested);
            nested = outer;
        }
        assert!(!is_complete(container, &nested));
    }
}
