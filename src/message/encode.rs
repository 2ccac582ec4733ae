//! A tape of Perl values to bytes, in two passes: [`check`] makes every value what it is on the wire and knows the length of every
//! message after it; [`write`] fills a buffer of exactly that size.

use super::number::{self, Number};
use super::path;
use super::schema::{class, enums, fields, DefaultValue, Field, Kind};
use super::shared::{MESOS_MAX_STRINGS, MESOS_MAX_TOKENS};
use super::tape::{MesosPerlOp as Op, MesosPerlToken, MESOS_NO_FIELD};
use super::wire::WireType;
use super::{ClassId, MAX_DEPTH};
use std::fmt;

/// Why a Perl value is not a message of its class.
#[derive(Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// `Mesos::TaskInfo.resources[2].scalar.value`
    pub path: String,
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not what the field holds.
    Expected { what: String, got: String },
    /// A required field without a default is not set.
    Missing,
    /// Messages are nested deeper than [`MAX_DEPTH`], or contain themselves.
    TooDeep,
    /// The message has more bytes or values than a tape may have ([`MESOS_MAX_STRINGS`], [`MESOS_MAX_TOKENS`]).
    TooLarge,
    /// A key is not a field of the message.
    Unknown(String),
    /// The tape is not one that `perl/message.c` writes.
    Tape,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.problem {
            Problem::Expected { what, got } => write!(f, "expected {what}, got {got}"),
            Problem::Missing => f.write_str("required field is missing"),
            Problem::TooDeep => write!(f, "nested more than {MAX_DEPTH} messages deep, or in a circle"),
            Problem::TooLarge => {
                let mib = MESOS_MAX_STRINGS >> 20;
                write!(
                    f,
                    "message is too large: more than {mib} MiB, or more than {MESOS_MAX_TOKENS} values"
                )
            }
            Problem::Unknown(key) => write!(f, "there is no field {key}"),
            Problem::Tape => f.write_str("internal error (please report it): bad tape"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// What protobuf allows. Less than [`MESOS_MAX_STRINGS`] and [`MESOS_MAX_TOKENS`] can make, if barely.
const MAX_SIZE: u64 = i32::MAX as u64;

/// The parent of the outermost message.
const NO_PARENT: u64 = u64::MAX;

/// Checks a tape and makes it ready for [`write`]; returns how many bytes it takes.
///
/// `arena` holds the strings. After an error the tape is of no use.
pub fn check(root: ClassId, tape: &mut [MesosPerlToken], arena: &[u8]) -> Result<usize, EncodeError> {
    match check_tokens(root, tape, arena) {
        Ok(size) => Ok(size),
        Err((index, problem)) => Err(EncodeError {
            path: path::of_token(root, tape, arena, index),
            problem,
        }),
    }
}

/// Messages and lists that are open form a chain: `value` of their tokens is the index of the one around them, and `length` the size
/// of what they hold so far.
fn check_tokens(root: ClassId, tape: &mut [MesosPerlToken], arena: &[u8]) -> Result<usize, (usize, Problem)> {
    let broken = |index| (index, Problem::Tape);
    match tape.first_mut() {
        Some(first) if first.op == Op::MesosPerlMessage as u32 && first.field == MESOS_NO_FIELD && class(root).is_some() => {
            first.value = NO_PARENT;
            first.length = 0;
        }
        Some(first) if first.op == Op::MesosPerlWrong as u32 && first.field == MESOS_NO_FIELD => {
            return Err((0, unexpected("a hash or an object".into(), first, arena)));
        }
        Some(first) if first.op == Op::MesosPerlTooLarge as u32 => return Err((0, Problem::TooLarge)),
        _ => return Err(broken(0)),
    }
    let mut open = 0;
    for index in 1..tape.len() {
        let token = &mut tape[index];
        let size = if token.op == Op::MesosPerlEnd as u32 {
            let closed = *tape.get(open).ok_or(broken(index))?;
            if closed.length > MAX_SIZE {
                return Err((open, Problem::TooLarge));
            }
            if closed.value == NO_PARENT {
                let complete = index + 1 == tape.len();
                return if complete {
                    Ok(closed.length as usize)
                } else {
                    Err(broken(index))
                };
            }
            open = closed.value as usize;
            if is_list(&closed) {
                closed.length
            } else {
                let field = field_of(&closed).ok_or(broken(index))?;
                tag_size(field) + varint_size(closed.length) + closed.length
            }
        } else {
            if token.op == Op::MesosPerlTooLarge as u32 {
                return Err((index, Problem::TooLarge));
            }
            let Some(field) = field_of(token) else {
                return Err((index, no_field(token, arena)));
            };
            if token.op == Op::MesosPerlMessage as u32 || is_list(token) {
                token.value = open as u64;
                token.length = 0;
                open = index;
                continue;
            }
            tag_size(field) + check_value(field, token, arena).map_err(|problem| (index, problem))?
        };
        if let Some(around) = tape.get_mut(open) {
            around.length += size;
        }
    }
    Err(broken(tape.len().saturating_sub(1)))
}

/// The problem with a token that is of no field.
fn no_field(token: &MesosPerlToken, arena: &[u8]) -> Problem {
    if token.op == Op::MesosPerlUnknown as u32 {
        Problem::Unknown(quote(token.bytes(arena).unwrap_or_default()))
    } else {
        Problem::Tape
    }
}

/// Makes `token` what [`write`] wants of a value of `field`: bits, bytes or the default. Returns its size without the tag.
#[inline]
fn check_value(field: &Field, token: &mut MesosPerlToken, arena: &[u8]) -> Result<u64, Problem> {
    let op = token.op;
    if op == Op::MesosPerlMissing as u32 {
        return fill_default(field, token);
    }
    if op == Op::MesosPerlTooDeep as u32 {
        return Err(Problem::TooDeep);
    }
    let is_text = matches!(field.kind, Kind::String | Kind::Bytes);
    if op == Op::MesosPerlBytes as u32 && is_text {
        return match token.bytes(arena) {
            Some(_) => Ok(varint_size(token.length) + token.length),
            None => Err(Problem::Tape),
        };
    }
    if op == Op::MesosPerlWrong as u32 || is_text || field.kind == Kind::Message {
        return Err(unexpected(expected(field), token, arena));
    }
    let number = match op {
        _ if op == Op::MesosPerlInt as u32 => Some(Number::Int(token.value as i64)),
        _ if op == Op::MesosPerlUint as u32 => Some(Number::Uint(token.value)),
        _ if op == Op::MesosPerlDouble as u32 => Some(Number::Double(f64::from_bits(token.value))),
        _ if op == Op::MesosPerlText as u32 => token.bytes(arena).and_then(number::parse),
        _ => return Err(Problem::Tape),
    };
    let Some(number) = number else {
        return Err(unexpected(a_number(field), token, arena));
    };
    match number::to_bits(field.kind, number) {
        Some(bits) => Ok(set_bits(field, token, bits)),
        None => Err(unexpected(expected(field), token, arena)),
    }
}

#[inline]
fn set_bits(field: &Field, token: &mut MesosPerlToken, bits: u64) -> u64 {
    token.op = Op::MesosPerlUint as u32;
    token.value = bits;
    match field.kind.wire_type() {
        WireType::Fixed64 => 8,
        WireType::Fixed32 => 4,
        _ => varint_size(bits),
    }
}

fn fill_default(field: &Field, token: &mut MesosPerlToken) -> Result<u64, Problem> {
    let number = match field.default() {
        DefaultValue::None => return Err(Problem::Missing),
        DefaultValue::Text(text) => {
            token.op = Op::MesosPerlDefault as u32;
            return Ok(varint_size(text.len() as u64) + text.len() as u64);
        }
        DefaultValue::Int(value) => Number::Int(value),
        DefaultValue::Bool(value) => Number::Int(value.into()),
        DefaultValue::Double(value) => Number::Double(value),
    };
    let bits = number::to_bits(field.kind, number).ok_or(Problem::Tape)?;
    Ok(set_bits(field, token, bits))
}

fn expected(field: &Field) -> String {
    match field.kind {
        Kind::Message => {
            let name = class(ClassId(field.of.into())).map_or("message", |c| c.perl);
            format!("a hash or a {name}")
        }
        kind => number::expected(kind).to_string(),
    }
}

/// What a text that is no number is told to be; for an enum, where the numbers have names.
fn a_number(field: &Field) -> String {
    match enums().get(usize::from(field.of)) {
        Some(of) if field.kind == Kind::Enum => format!("a number (a constant of {})", of.perl),
        _ => "a number".to_string(),
    }
}

/// The error for a token whose value is of no use to its field.
fn unexpected(what: String, token: &MesosPerlToken, arena: &[u8]) -> Problem {
    let text = token.bytes(arena).unwrap_or_default();
    let got = match token.op {
        op if op == Op::MesosPerlInt as u32 => (token.value as i64).to_string(),
        op if op == Op::MesosPerlUint as u32 => token.value.to_string(),
        op if op == Op::MesosPerlDouble as u32 => Number::Double(f64::from_bits(token.value)).to_string(),
        op if op == Op::MesosPerlWrong as u32 => String::from_utf8_lossy(text).into_owned(),
        _ => quote(text),
    };
    Problem::Expected { what, got }
}

/// A string for an error's text: printable, and not too long.
fn quote(text: &[u8]) -> String {
    let (shown, dots) = path::beginning(text);
    format!("{shown:?}{dots}")
}

/// Writes a checked tape into `out`, which has the size that [`check`] returned.
pub fn write(tape: &[MesosPerlToken], arena: &[u8], out: &mut [u8]) -> Result<(), EncodeError> {
    let mut writer = Writer { out, position: 0 };
    match writer.tokens(tape.get(1..).unwrap_or_default(), arena) {
        Some(()) if writer.position == writer.out.len() => Ok(()),
        _ => Err(EncodeError {
            path: "message".to_string(),
            problem: Problem::Tape,
        }),
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    position: usize,
}

impl Writer<'_> {
    fn tokens(&mut self, tape: &[MesosPerlToken], arena: &[u8]) -> Option<()> {
        for token in tape {
            if token.op == Op::MesosPerlEnd as u32 || is_list(token) {
                continue;
            }
            let field = field_of(token)?;
            let wire_type = field.kind.wire_type();
            self.varint(u64::from(field.number) << 3 | u64::from(field.wire))?;
            match wire_type {
                WireType::Varint => self.varint(token.value)?,
                WireType::Fixed64 => self.bytes(&token.value.to_le_bytes())?,
                WireType::Fixed32 => self.bytes(&(token.value as u32).to_le_bytes())?,
                WireType::Bytes if token.op == Op::MesosPerlMessage as u32 => self.varint(token.length)?,
                WireType::Bytes => {
                    let bytes = match field.default() {
                        DefaultValue::Text(text) if token.op == Op::MesosPerlDefault as u32 => text.as_bytes(),
                        _ => token.bytes(arena)?,
                    };
                    self.varint(bytes.len() as u64)?;
                    self.bytes(bytes)?;
                }
            }
        }
        Some(())
    }

    #[inline]
    fn varint(&mut self, mut value: u64) -> Option<()> {
        while value >= 0x80 {
            *self.out.get_mut(self.position)? = value as u8 | 0x80;
            self.position += 1;
            value >>= 7;
        }
        *self.out.get_mut(self.position)? = value as u8;
        self.position += 1;
        Some(())
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.position + bytes.len();
        self.out.get_mut(self.position..end)?.copy_from_slice(bytes);
        self.position = end;
        Some(())
    }
}

/// Whether the token opens the items of a repeated field, which have no bytes around them.
#[inline]
fn is_list(token: &MesosPerlToken) -> bool {
    token.op == Op::MesosPerlList as u32 || token.op == Op::MesosPerlMap as u32
}

#[inline]
fn field_of(token: &MesosPerlToken) -> Option<&'static Field> {
    fields().get(token.field as usize)
}

#[inline]
fn tag_size(field: &Field) -> u64 {
    match field.number < 16 {
        true => 1,
        false => varint_size(u64::from(field.number) << 3),
    }
}

/// How many bytes a varint takes: one for each 7 bits, and one for zero.
#[inline]
fn varint_size(value: u64) -> u64 {
    // bits / 7 rounded up, for up to 64 bits, without the division.
    let bits = 64 - (value | 1).leading_zeros();
    u64::from((bits * 9 + 64) / 64)
}
