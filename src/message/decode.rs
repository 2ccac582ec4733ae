//! Bytes to a tape.
//!
//! A message is read twice, without its sub-messages the first time: the first pass finds where each field's values are and chains
//! the values of repeated fields, so that the second writes them together, however they are interleaved on the wire. Each byte is
//! looked at once more than the messages around it are deep at most, and only as part of a length: the work is linear in the number of
//! fields, and the memory a small multiple of the input.

use super::schema::{class, keys, Field, Kind};
use super::tape::{MesosToken, MesosTokenOp};
use super::wire::{Reader, Shape, WireError, WireType};
use super::{ClassId, MAX_DEPTH};
use std::fmt;

/// Why bytes are not a message.
#[derive(Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// `Mesos::Offer.resources.scalar`, the message in which the error is.
    pub path: String,
    pub problem: WireError,
    /// Where in the bytes the value or tag starts that could not be read.
    pub offset: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: message is incomplete or invalid: {} (at byte {})",
            self.path, self.problem, self.offset
        )
    }
}

impl std::error::Error for DecodeError {}

/// One value on the wire.
#[derive(Clone, Copy)]
struct Occurrence {
    /// A number's bits, or where its bytes start.
    value: u64,
    /// How many bytes, or [`NUMBER`].
    length: u32,
    /// The next value of the same repeated field.
    next: u32,
}

/// The `length` of an occurrence that is one number; a packed list of numbers has a real length.
const NUMBER: u32 = u32::MAX;

/// The end of a chain.
const NONE: u32 = u32::MAX;

/// All values of one field of the message that is being read.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
    count: u32,
}

/// Decodes messages one after the other, with buffers that are used again.
#[derive(Default)]
pub struct Decoder {
    tape: Vec<MesosToken>,
    occurrences: Vec<Occurrence>,
    slots: Vec<Slot>,
    /// Keys of the fields around the one that is being read: what an error's path is made of.
    trail: Vec<u16>,
}

/// Where reading stopped, and why.
type Failure = (WireError, usize);

/// Tokens that are kept allocated between messages: 1 MiB.
const KEEP: usize = 65_536;

impl Decoder {
    /// Decodes `bytes` as a message of class `id`. The tape is valid until the next call.
    ///
    /// Unknown fields, and known ones of another wire type, are skipped; of several values of a field that is not repeated the last
    /// one counts. Required fields may be missing. `id` must be a class: anything else reads as a message without fields.
    pub fn decode(&mut self, id: ClassId, bytes: &[u8]) -> Result<&[MesosToken], DecodeError> {
        self.tape.clear();
        self.tape.shrink_to(KEEP);
        self.occurrences.clear();
        self.occurrences.shrink_to(KEEP);
        self.slots.clear();
        self.trail.clear();
        let result = if bytes.len() > i32::MAX as usize {
            Err((WireError::TooLarge, 0))
        } else {
            self.message(id, 0, bytes, 0..bytes.len(), 1)
        };
        match result {
            Ok(()) => Ok(&self.tape),
            Err((problem, offset)) => {
                let mut path = class(id).map_or("message", |c| c.perl).to_string();
                for &key in &self.trail {
                    path.push('.');
                    path.push_str(keys().get(usize::from(key)).copied().unwrap_or_default());
                }
                Err(DecodeError { path, problem, offset })
            }
        }
    }

    fn message(
        &mut self,
        id: ClassId,
        key: u16,
        bytes: &[u8],
        range: std::ops::Range<usize>,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err((WireError::TooDeep, range.start));
        }
        let Some(class) = class(id) else {
            return Ok(());
        };
        let fields = class.fields();
        let first_slot = self.slots.len();
        let first_occurrence = self.occurrences.len();
        let mut present = 0;
        if !range.is_empty() {
            let empty = Slot {
                first: NONE,
                last: NONE,
                count: 0,
            };
            self.slots.resize(first_slot + fields.len(), empty);
            present = self.scan(class, first_slot, Reader::new(bytes, range.start, range.end))?;
        }
        self.push(MesosTokenOp::MesosTokenMessage, key, present.count_ones(), u64::from(id.0));
        while present != 0 {
            let index = present.trailing_zeros() as usize;
            present &= present - 1;
            if let (Some(field), Some(&slot)) = (fields.get(index), self.slots.get(first_slot + index)) {
                self.field(field, slot, bytes, depth)?;
            }
        }
        self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0);
        self.occurrences.truncate(first_occurrence);
        self.slots.truncate(first_slot);
        Ok(())
    }

    /// The first pass: fills the slots and returns a bit for each field that is there.
    fn scan(&mut self, class: &super::schema::Class, first_slot: usize, mut reader: Reader<'_>) -> Result<u128, Failure> {
        let fields = class.fields();
        let mut present = 0;
        while !reader.at_end() {
            let start = reader.position();
            let at_start = |error| (error, start);
            let (number, shape) = reader.tag().map_err(at_start)?;
            let index = class.index_by_number(number);
            let known = index.and_then(|index| Some((index, fields.get(index)?)));
            let (Some((index, field)), Shape::Value(wire_type)) = (known, shape) else {
                reader.skip(number, shape).map_err(at_start)?;
                continue;
            };
            let (value, length, count) = if wire_type == WireType::Bytes {
                let (offset, length) = reader.delimited().map_err(at_start)?;
                let packed = field.kind.wire_type() != WireType::Bytes;
                if packed && !field.is_repeated() {
                    continue;
                }
                let count = if packed {
                    packed_count(field.kind.wire_type(), reader.before(length)).map_err(at_start)?
                } else {
                    1
                };
                (offset as u64, length as u32, count)
            } else {
                let value = reader.number(wire_type).map_err(at_start)?;
                if wire_type != field.kind.wire_type() {
                    continue;
                }
                (value, NUMBER, 1)
            };
            let this = self.occurrences.len() as u32;
            self.occurrences.push(Occurrence {
                value,
                length,
                next: NONE,
            });
            present |= 1 << index;
            if let Some(slot) = self.slots.get_mut(first_slot + index) {
                if slot.first == NONE || !field.is_repeated() {
                    slot.first = this;
                } else if let Some(last) = self.occurrences.get_mut(slot.last as usize) {
                    last.next = this;
                }
                slot.last = this;
                slot.count += count;
            }
        }
        Ok(present)
    }

    /// The second pass, for one field.
    fn field(&mut self, field: &Field, slot: Slot, bytes: &[u8], depth: usize) -> Result<(), Failure> {
        let mut key = field.key;
        self.trail.push(key);
        if field.is_repeated() {
            self.push(MesosTokenOp::MesosTokenList, key, slot.count, 0);
            key = 0;
        }
        let mut next = slot.first;
        while let Some(&occurrence) = self.occurrences.get(next as usize) {
            next = occurrence.next;
            let start = occurrence.value as usize;
            if occurrence.length == NUMBER {
                self.number(field.kind, key, occurrence.value);
                continue;
            }
            let end = start + occurrence.length as usize;
            match field.kind {
                Kind::Message => self.message(ClassId(u32::from(field.of)), key, bytes, start..end, depth + 1)?,
                Kind::String | Kind::Bytes => self.push(MesosTokenOp::MesosTokenBytes, key, occurrence.length, occurrence.value),
                packed => {
                    let mut reader = Reader::new(bytes, start, end);
                    while !reader.at_end() {
                        let at = reader.position();
                        let value = reader.number(packed.wire_type()).map_err(|error| (error, at))?;
                        self.number(packed, key, value);
                    }
                }
            }
        }
        if field.is_repeated() {
            self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0);
        }
        self.trail.pop();
        Ok(())
    }

    fn number(&mut self, kind: Kind, key: u16, bits: u64) {
        // Truncation to 32 bits is protobuf's rule for varints that are too large for their field.
        let (op, value) = match kind {
            Kind::Int32 | Kind::Enum | Kind::Sfixed32 => (MesosTokenOp::MesosTokenInt, bits as i32 as i64 as u64),
            Kind::Uint32 | Kind::Fixed32 => (MesosTokenOp::MesosTokenInt, u64::from(bits as u32)),
            Kind::Int64 | Kind::Sfixed64 => (MesosTokenOp::MesosTokenInt, bits),
            Kind::Bool => (MesosTokenOp::MesosTokenInt, u64::from(bits != 0)),
            Kind::Sint32 => (MesosTokenOp::MesosTokenInt, unzigzag(u64::from(bits as u32))),
            Kind::Sint64 => (MesosTokenOp::MesosTokenInt, unzigzag(bits)),
            Kind::Double => (MesosTokenOp::MesosTokenDouble, bits),
            Kind::Float => (
                MesosTokenOp::MesosTokenDouble,
                f64::from(f32::from_bits(bits as u32)).to_bits(),
            ),
            _ if bits <= i64::MAX as u64 => (MesosTokenOp::MesosTokenInt, bits),
            _ => (MesosTokenOp::MesosTokenUint, bits),
        };
        self.push(op, key, 0, value);
    }

    #[inline]
    fn push(&mut self, op: MesosTokenOp, key: u16, count: u32, value: u64) {
        self.tape.push(MesosToken {
            op: op as u16,
            key,
            count,
            value,
        });
    }
}

fn unzigzag(bits: u64) -> u64 {
    (bits >> 1) ^ (bits & 1).wrapping_neg()
}

/// How many numbers a packed list holds.
fn packed_count(wire_type: WireType, bytes: &[u8]) -> Result<u32, WireError> {
    let (count, whole) = match wire_type {
        WireType::Fixed64 => (bytes.len() / 8, bytes.len() % 8 == 0),
        WireType::Fixed32 => (bytes.len() / 4, bytes.len() % 4 == 0),
        _ => {
            let ends = bytes.iter().filter(|&&byte| byte < 0x80).count();
            (ends, bytes.last().map_or(true, |&byte| byte < 0x80))
        }
    };
    if whole {
        Ok(count as u32)
    } else {
        Err(WireError::Truncated)
    }
}
