//! JSON to encoded messages. What is tolerated, and what errors say, is as in Mesos.

use super::names;
use crate::message::schema::{class, enums, Class, Field, Kind};
use crate::message::wire::zigzag;
use crate::message::{fields, text, ClassId, MAX_DEPTH};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use prost::encoding::{self, WireType};
use serde_json::{Map, Value};

/// Why a JSON value is not a message.
#[derive(Debug, PartialEq, Eq)]
pub struct BadJson(String);

impl std::fmt::Display for BadJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadJson {}

/// JSON text; the error says where it is none.
pub fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or_default();
        let rest = line.get(e.column().saturating_sub(1)..).unwrap_or_default();
        // At the end of the text the last column is that of what was read.
        let rest = if e.is_eof() { "" } else { rest };
        format!("syntax error at line {} near: {rest}", e.line().max(1))
    })
}

/// The encoded message, which has all that its class requires.
pub fn read(id: ClassId, value: &Value) -> Result<Vec<u8>, BadJson> {
    let Value::Object(object) = value else {
        return Err(BadJson("Expecting a JSON object".into()));
    };
    let mut reader = Reading { missing: Vec::new() };
    let bytes = reader.message(id, object, "", 1)?;
    match reader.missing.is_empty() {
        true => Ok(bytes),
        false => Err(BadJson(format!("Missing required fields: {}", reader.missing.join(", ")))),
    }
}

struct Reading {
    /// The paths of required fields that are not there.
    missing: Vec<String>,
}

impl Reading {
    /// `path` is that of the message, with a dot at its end.
    fn message(&mut self, id: ClassId, object: &Map<String, Value>, path: &str, depth: usize) -> Result<Vec<u8>, BadJson> {
        let Some(of) = class(id) else { return Ok(Vec::new()) };
        if depth > MAX_DEPTH {
            return Err(BadJson(format!("It is nested more than {MAX_DEPTH} levels deep")));
        }
        let mut bytes = Vec::new();
        for field in of.fields() {
            let name = names::field(field.name());
            match object.get(name.as_ref()) {
                None | Some(Value::Null) if of.needs(field) => self.missing.push(format!("{path}{name}")),
                None | Some(Value::Null) => {}
                Some(value) if field.is_map() => self.map(field, value, &name, path, depth, &mut bytes)?,
                Some(Value::Array(values)) if field.is_repeated() => {
                    for (index, value) in values.iter().enumerate() {
                        let inside = format!("{path}{name}[{index}].");
                        self.value(of, field, value, &name, &inside, depth, &mut bytes)?;
                    }
                }
                Some(value) => {
                    let index = if field.is_repeated() { "[0]" } else { "" };
                    let inside = format!("{path}{name}{index}.");
                    self.value(of, field, value, &name, &inside, depth, &mut bytes)?;
                }
            }
        }
        Ok(bytes)
    }

    /// A map's entries are messages with a key and a value.
    fn map(
        &mut self,
        field: &Field,
        value: &Value,
        name: &str,
        path: &str,
        depth: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), BadJson> {
        let Value::Object(entries) = value else {
            return Err(unexpected(value, name));
        };
        let id = ClassId(field.of.into());
        for (index, (key, value)) in entries.iter().enumerate() {
            let mut entry = Map::new();
            entry.insert("key".into(), Value::String(key.clone()));
            entry.insert("value".into(), value.clone());
            let inside = format!("{path}{name}[{index}].");
            let entry = self.message(id, &entry, &inside, depth + 1)?;
            fields::append(bytes, field.number, &entry);
        }
        Ok(())
    }

    /// One value of a field.
    #[allow(clippy::too_many_arguments)]
    fn value(
        &mut self,
        of: &Class,
        field: &Field,
        value: &Value,
        name: &str,
        inside: &str,
        depth: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), BadJson> {
        match (field.kind, value) {
            // An entry of a list that is not there.
            (_, Value::Null) => {}
            (Kind::Message, Value::Object(object)) => {
                let message = self.message(ClassId(field.of.into()), object, inside, depth + 1)?;
                fields::append(bytes, field.number, &message);
            }
            (Kind::String, Value::String(string)) => fields::append(bytes, field.number, &text::to_bytes(string)),
            (Kind::Bytes, Value::String(string)) => {
                let decoded = STANDARD.decode(string);
                let decoded = decoded.map_err(|e| BadJson(format!("Failed to base64 decode bytes field '{name}': {e}")))?;
                fields::append(bytes, field.number, &decoded);
            }
            (Kind::Enum, Value::String(string)) => {
                let values = enums().get(usize::from(field.of)).map_or(&[][..], |of| of.values);
                match values.iter().find(|(known, _)| names::enum_value(known) == string.as_str()) {
                    Some((_, number)) => fields::append_varint(bytes, field.number, i64::from(*number) as u64),
                    None if of.needs(field) => return Err(BadJson(format!("Failed to find enum for '{string}'"))),
                    None => {}
                }
            }
            (Kind::Bool, Value::Bool(yes)) => fields::append_varint(bytes, field.number, u64::from(*yes)),
            (Kind::Bool, Value::String(string)) if matches!(string.as_str(), "true" | "false") => {
                fields::append_varint(bytes, field.number, u64::from(string == "true"));
            }
            (Kind::Message | Kind::String | Kind::Bytes | Kind::Enum | Kind::Bool, _) => return Err(unexpected(value, name)),
            (_, Value::Number(number)) => numeric(field, number, bytes),
            (_, Value::String(string)) => match number_in(string) {
                Some(Ok(number)) => numeric(field, &number, bytes),
                Some(Err(infinite)) => append_bits(field, infinite, infinite as i64 as u64, bytes),
                None => return Err(unexpected(value, name)),
            },
            _ => return Err(unexpected(value, name)),
        }
        Ok(())
    }
}

/// A number as text; JSON has none that is infinite.
fn number_in(text: &str) -> Option<Result<serde_json::Number, f64>> {
    match text {
        "Infinity" => Some(Err(f64::INFINITY)),
        "-Infinity" => Some(Err(f64::NEG_INFINITY)),
        _ => serde_json::from_str(text).ok().map(Ok),
    }
}

/// Of an integer its low bits, of a fraction its whole part, as C++ casts them.
fn numeric(field: &Field, number: &serde_json::Number, bytes: &mut Vec<u8>) {
    let double = number.as_f64().unwrap_or_default();
    let bits = number.as_u64().or(number.as_i64().map(|number| number as u64));
    let bits = bits.unwrap_or(if double < 0.0 { double as i64 as u64 } else { double as u64 });
    append_bits(field, double, bits, bytes);
}

fn append_bits(field: &Field, double: f64, bits: u64, bytes: &mut Vec<u8>) {
    let varint = match field.kind {
        Kind::Double => return encoding::double::encode(field.number, &double, bytes),
        Kind::Float => return encoding::float::encode(field.number, &(double as f32), bytes),
        Kind::Fixed64 | Kind::Sfixed64 => {
            encoding::encode_key(field.number, WireType::SixtyFourBit, bytes);
            return bytes.extend(bits.to_le_bytes());
        }
        Kind::Fixed32 | Kind::Sfixed32 => {
            encoding::encode_key(field.number, WireType::ThirtyTwoBit, bytes);
            return bytes.extend((bits as u32).to_le_bytes());
        }
        Kind::Int32 => i64::from(bits as i32) as u64,
        Kind::Uint32 => u64::from(bits as u32),
        Kind::Sint32 => zigzag(i64::from(bits as i32)) & 0xffff_ffff,
        Kind::Sint64 => zigzag(bits as i64),
        _ => bits,
    };
    fields::append_varint(bytes, field.number, varint);
}

fn unexpected(value: &Value, name: &str) -> BadJson {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    BadJson(format!("Not expecting a JSON {kind} for field '{name}'"))
}
