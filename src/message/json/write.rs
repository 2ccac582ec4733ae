//! Encoded messages to JSON.

use super::names;
use crate::message::schema::{class, enums, Class, DefaultValue, Field, Kind};
use crate::message::text;
use crate::message::wire::{unzigzag, Reader, WireError, WireType};
use crate::message::{ClassId, MAX_DEPTH};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{Map, Value};

/// The JSON text of `message`, of this class, with its strings' bytes as they are.
pub fn write(id: ClassId, message: &[u8]) -> Result<Vec<u8>, WireError> {
    let text = value(id, message)?.to_string();
    Ok(text::to_bytes(&text).into_owned())
}

/// The same as a value, whose strings are as in [`text`].
pub fn value(id: ClassId, message: &[u8]) -> Result<Value, WireError> {
    object(id, message, 1).map(Value::Object)
}

/// What has been read of a field.
enum Seen {
    Nothing,
    Values(Vec<Value>),
    /// Of a message that is not repeated: its bytes, joined if they come in parts.
    Message(Vec<u8>),
}

impl Seen {
    fn push(&mut self, value: Option<Value>) {
        match self {
            Seen::Values(values) => values.extend(value),
            other => *other = Seen::Values(value.into_iter().collect()),
        }
    }
}

fn object(id: ClassId, message: &[u8], depth: usize) -> Result<Map<String, Value>, WireError> {
    let Some(of) = class(id) else { return Ok(Map::new()) };
    if depth > MAX_DEPTH {
        return Err(WireError::TooDeep);
    }
    let mut seen: Vec<Seen> = of.fields().iter().map(|_| Seen::Nothing).collect();
    let mut reader = Reader::new(message, 0, message.len());
    while !reader.at_end() {
        let (number, wire) = reader.tag()?;
        match of.accepting(number, wire) {
            Some((index, field)) => take(&mut reader, field, wire, &mut seen[index], depth)?,
            None => reader.skip(number, wire)?,
        }
    }
    let mut made = Map::new();
    for (field, seen) in of.fields().iter().zip(seen) {
        let value = match seen {
            Seen::Nothing => default(of, field),
            Seen::Values(values) if field.is_map() => Some(map(values)),
            Seen::Values(values) if field.is_repeated() => Some(Value::Array(values)),
            Seen::Values(mut values) => values.pop(),
            Seen::Message(bytes) => Some(object(ClassId(field.of.into()), &bytes, depth + 1)?.into()),
        };
        made.extend(value.map(|value| (names::field(field.name()).into_owned(), value)));
    }
    Ok(made)
}

/// Reads one occurrence of a field.
fn take(reader: &mut Reader<'_>, field: &Field, wire: u8, seen: &mut Seen, depth: usize) -> Result<(), WireError> {
    if wire != WireType::Bytes as u8 {
        let bits = reader.number(field.kind.wire_type())?;
        seen.push(number(field, bits));
        return Ok(());
    }
    let (_, length) = reader.delimited()?;
    let bytes = reader.before(length);
    match field.kind {
        Kind::String => seen.push(Some(text::from_bytes(bytes).into_owned().into())),
        Kind::Bytes => seen.push(Some(STANDARD.encode(bytes).into())),
        Kind::Message if field.is_repeated() => {
            seen.push(Some(object(ClassId(field.of.into()), bytes, depth + 1)?.into()));
        }
        Kind::Message => match seen {
            Seen::Message(first) => first.extend_from_slice(bytes),
            other => *other = Seen::Message(bytes.to_vec()),
        },
        // Packed numbers.
        _ => {
            let mut packed = Reader::new(bytes, 0, bytes.len());
            while !packed.at_end() {
                let bits = packed.number(field.kind.wire_type())?;
                seen.push(number(field, bits));
            }
        }
    }
    Ok(())
}

/// A value of an enum that the schema does not know is as if it were not there.
fn number(field: &Field, bits: u64) -> Option<Value> {
    Some(match field.kind {
        Kind::Double => f64::from_bits(bits).into(),
        Kind::Float => f64::from(f32::from_bits(bits as u32)).into(),
        Kind::Bool => (bits != 0).into(),
        Kind::Enum => return enum_name(field, bits as i32),
        Kind::Int64 | Kind::Sfixed64 => (bits as i64).into(),
        Kind::Int32 | Kind::Sfixed32 => (bits as i32).into(),
        Kind::Sint64 => unzigzag(bits).into(),
        Kind::Sint32 => (unzigzag(bits) as i32).into(),
        Kind::Uint32 | Kind::Fixed32 => (bits as u32).into(),
        _ => bits.into(),
    })
}

fn enum_name(field: &Field, number: i32) -> Option<Value> {
    let values = enums().get(usize::from(field.of))?.values;
    let (name, _) = values.iter().find(|(_, value)| *value == number)?;
    Some(names::enum_value(name).into())
}

fn default(of: &Class, field: &Field) -> Option<Value> {
    if field.is_repeated() || field.default() == DefaultValue::None || !names::shows_default(of, field) {
        return None;
    }
    match field.default() {
        DefaultValue::None => None,
        DefaultValue::Int(number) if field.kind == Kind::Enum => enum_name(field, number as i32),
        DefaultValue::Int(number) => Some(number.into()),
        DefaultValue::Double(number) => Some(number.into()),
        DefaultValue::Bool(yes) => Some(yes.into()),
        DefaultValue::Text(text) => Some(text.into()),
    }
}

/// An object of entries, whose keys may be numbers.
fn map(entries: Vec<Value>) -> Value {
    let entry = |mut entry: Value| {
        let key = match entry["key"].take() {
            Value::String(key) => key,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        (key, entry["value"].take())
    };
    Value::Object(entries.into_iter().map(entry).collect())
}
