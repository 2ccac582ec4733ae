//! Bytes to a tape when the values of repeated fields are not together, or fields occur more than once.
//!
//! A message is read twice, without its sub-messages the first time: the first pass finds where each field's values are and chains
//! the values of repeated fields, so that the second writes them together, however they are interleaved on the wire. Sub-messages are
//! stepped over by their length, so that the work is linear in the number of fields; the memory is a small multiple of the input.

use super::decode::{Decoder, Failure, Occurrence, Slot, EMPTY, NONE, NUMBER};
use super::schema::{class, Class, Field, Kind};
use super::tape::MesosTokenOp;
use super::wire::{Reader, WireError, WireType};
use super::{ClassId, MAX_DEPTH};
use std::ops::Range;

impl Decoder {
    /// One message, the outermost or one inside it, and all that is in it.
    pub(super) fn gather(
        &mut self,
        id: ClassId,
        key: u16,
        bytes: &[u8],
        range: Range<usize>,
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
            self.slots.resize(first_slot + fields.len(), EMPTY);
            present = self.scan(class, first_slot, Reader::new(bytes, range.start, range.end))?;
        }
        let this = self.tape.len();
        self.push(MesosTokenOp::MesosTokenMessage, key, present.count_ones(), u64::from(id.0));
        let seen = present;
        while present != 0 {
            let index = present.trailing_zeros() as usize;
            present &= present - 1;
            if let (Some(field), Some(&slot)) = (fields.get(index), self.slots.get(first_slot + index)) {
                if let Err(failure) = self.field(field, slot, bytes, depth) {
                    self.trail.push(field.key);
                    return Err(failure);
                }
            }
        }
        if self.options.maps && class.map_entry {
            let added = self.complete_entry(fields, seen);
            if let Some(token) = self.tape.get_mut(this) {
                token.count = (seen | added).count_ones();
            }
        }
        self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0);
        self.occurrences.truncate(first_occurrence);
        self.slots.truncate(first_slot);
        Ok(())
    }

    /// The first pass: fills the slots and returns a bit for each field that is there.
    fn scan(&mut self, class: &Class, first_slot: usize, mut reader: Reader<'_>) -> Result<u64, Failure> {
        let mut present = 0;
        while !reader.at_end() {
            let start = reader.position();
            let at_start = |error| (error, start);
            let (number, wire) = reader.tag().map_err(at_start)?;
            let Some((index, field)) = class.accepting(number, wire) else {
                if self.options.reject_unknown {
                    return Err(at_start(WireError::UnknownField(number)));
                }
                reader.skip(number, wire).map_err(at_start)?;
                continue;
            };
            let wire_type = field.kind.wire_type();
            let (value, length, count) = if wire == WireType::Bytes as u8 {
                let (offset, length) = reader.delimited().map_err(at_start)?;
                let count = if wire_type == WireType::Bytes {
                    1
                } else {
                    packed_count(wire_type, reader.before(length)).map_err(at_start)?
                };
                (offset as u64, length as u32, count)
            } else {
                (reader.number(wire_type).map_err(at_start)?, NUMBER, 1)
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
        if field.is_repeated() {
            self.open_list(field, slot.count);
            key = 0;
        }
        let mut next = slot.first;
        while let Some(&occurrence) = self.occurrences.get(next as usize) {
            next = occurrence.next;
            let start = occurrence.value as usize;
            if occurrence.length == NUMBER {
                self.number(field, key, occurrence.value);
                continue;
            }
            let end = start + occurrence.length as usize;
            match field.kind {
                Kind::Message => self.gather(ClassId(u32::from(field.of)), key, bytes, start..end, depth + 1)?,
                Kind::String | Kind::Bytes => self.push(MesosTokenOp::MesosTokenBytes, key, occurrence.length, occurrence.value),
                _ => self.packed(field, Reader::new(bytes, start, end))?,
            }
        }
        if field.is_repeated() {
            self.close_list(field);
        }
        Ok(())
    }
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
