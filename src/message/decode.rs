//! Bytes to a tape.
//!
//! The usual message has its fields one after the other, all values of a repeated field together: it is written in one pass. At the
//! first message that has not, the decoding starts again with [`super::gather`], which takes any order. It starts again once: the work
//! stays linear whatever is nested in what.

use super::schema::{class, enums, keys, Field, Kind};
use super::tape::{MesosToken, MesosTokenOp};
use super::wire::{unzigzag, Reader, WireError, WireType};
use super::{ClassId, MAX_DEPTH};
use std::fmt;
use std::ops::Range;

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

/// What a decoding does besides. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// A field that the class does not have, or that is there with another wire type, is an error and not skipped.
    pub reject_unknown: bool,
    /// All values of enums are [`MesosTokenOp::MesosTokenEnum`], from which their names can be told, and not plain integers.
    pub enum_names: bool,
    /// Map fields are [`MesosTokenOp::MesosTokenMap`], their entries complete, and not lists of entries.
    pub maps: bool,
}

/// Decodes messages one after the other, with buffers that are used again.
#[derive(Default)]
pub struct Decoder {
    pub options: DecodeOptions,
    pub(super) tape: Vec<MesosToken>,
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) slots: Vec<Slot>,
    /// After a failure: the keys of the fields around it, the innermost first.
    pub(super) trail: Vec<u16>,
}

/// Where reading stopped, and why.
pub(super) type Failure = (WireError, usize);

/// Why the one pass does not reach the end.
enum Stop {
    /// The values of a field are not together: not an error.
    Scattered,
    Failure(WireError, usize),
}

/// Tokens that are kept allocated between messages: 1 MiB.
const KEEP: usize = 65_536;

/// The list that is open in a message.
#[derive(Clone, Copy)]
struct List {
    /// The index of its field among the class's; [`NO_LIST`] if none is open.
    field: usize,
    /// Where its token is.
    token: usize,
    count: u32,
}

const NO_LIST: List = List {
    field: usize::MAX,
    token: 0,
    count: 0,
};

/// One value on the wire.
#[derive(Clone, Copy)]
pub(super) struct Occurrence {
    /// A number's bits, or where its bytes start.
    pub(super) value: u64,
    /// How many bytes, or [`NUMBER`].
    pub(super) length: u32,
    /// The next value of the same repeated field.
    pub(super) next: u32,
}

/// The `length` of an occurrence that is one number; a packed list of numbers has a real length.
pub(super) const NUMBER: u32 = u32::MAX;

/// The end of a chain.
pub(super) const NONE: u32 = u32::MAX;

/// All values of one field of the message that is being read.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
}

pub(super) const EMPTY: Slot = Slot {
    first: NONE,
    last: NONE,
    count: 0,
};

impl Decoder {
    /// Decodes `bytes` as a message of class `id`. The tape is valid until the next call.
    ///
    /// Unknown fields, and known ones of another wire type, are skipped; of several values of a field that is not repeated the last
    /// one counts. Required fields may be missing. `id` must be a class: anything else reads as a message without fields.
    pub fn decode(&mut self, id: ClassId, bytes: &[u8]) -> Result<&[MesosToken], DecodeError> {
        self.reset();
        let result = if bytes.len() > i32::MAX as usize {
            Err((WireError::TooLarge, 0))
        } else {
            match self.straight(id, 0, bytes, 0..bytes.len(), 1) {
                Ok(()) => Ok(()),
                Err(Stop::Failure(problem, offset)) => Err((problem, offset)),
                Err(Stop::Scattered) => {
                    self.reset();
                    self.gather(id, 0, bytes, 0..bytes.len(), 1)
                }
            }
        };
        match result {
            Ok(()) => Ok(&self.tape),
            Err((problem, offset)) => Err(DecodeError {
                path: self.path(id),
                problem,
                offset,
            }),
        }
    }

    fn reset(&mut self) {
        self.tape.clear();
        self.tape.shrink_to(KEEP);
        self.occurrences.clear();
        self.occurrences.shrink_to(KEEP);
        self.slots.clear();
        self.trail.clear();
    }

    fn path(&self, root: ClassId) -> String {
        let mut path = class(root).map_or("message", |c| c.perl).to_string();
        for &key in self.trail.iter().rev() {
            path.push('.');
            path.push_str(keys().get(usize::from(key)).copied().unwrap_or_default());
        }
        path
    }

    /// One message whose values come together, the outermost or one inside it, and all that is in it.
    fn straight(&mut self, id: ClassId, key: u16, bytes: &[u8], range: Range<usize>, depth: usize) -> Result<(), Stop> {
        if depth > MAX_DEPTH {
            return Err(Stop::Failure(WireError::TooDeep, range.start));
        }
        let Some(class) = class(id) else {
            return Ok(());
        };
        let fields = class.fields();
        let this = self.tape.len();
        self.push(MesosTokenOp::MesosTokenMessage, key, 0, u64::from(id.0));
        // tests/codegen sees to it that no class has more fields.
        let mut seen: u64 = 0;
        let mut list = NO_LIST;
        let mut reader = Reader::new(bytes, range.start, range.end);
        while !reader.at_end() {
            let start = reader.position();
            let failed = |error| Stop::Failure(error, start);
            let (number, wire) = reader.tag().map_err(failed)?;
            let Some((index, field)) = class.accepting(number, wire) else {
                if self.options.reject_unknown {
                    return Err(failed(WireError::UnknownField(number)));
                }
                reader.skip(number, wire).map_err(failed)?;
                continue;
            };
            let mut key = field.key;
            if index != list.field {
                let bit = 1u64.checked_shl(index as u32).unwrap_or_default();
                if seen & bit != 0 {
                    return Err(Stop::Scattered);
                }
                seen |= bit;
                self.close(&mut list, fields);
                if field.is_repeated() {
                    list = List {
                        field: index,
                        token: self.tape.len(),
                        count: 0,
                    };
                    self.open_list(field, 0);
                }
            }
            if field.is_repeated() {
                key = 0;
                list.count += 1;
            }
            if wire != WireType::Bytes as u8 {
                let value = reader.number(field.kind.wire_type()).map_err(failed)?;
                self.number(field, key, value);
                continue;
            }
            let (at, length) = reader.delimited().map_err(failed)?;
            if field.kind == Kind::Message {
                if let Err(stop) = self.straight(ClassId(u32::from(field.of)), key, bytes, at..at + length, depth + 1) {
                    self.trail.push(field.key);
                    return Err(stop);
                }
            } else if field.kind.wire_type() != WireType::Bytes {
                let before = self.tape.len();
                let read = self.packed(field, Reader::new(bytes, at, at + length));
                read.map_err(|(error, at)| Stop::Failure(error, at))?;
                list.count += (self.tape.len() - before) as u32;
                list.count -= 1;
            } else {
                self.push(MesosTokenOp::MesosTokenBytes, key, length as u32, at as u64);
            }
        }
        self.close(&mut list, fields);
        if self.options.maps && class.map_entry {
            seen |= self.complete_entry(fields, seen);
        }
        self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0);
        if let Some(token) = self.tape.get_mut(this) {
            token.count = seen.count_ones();
        }
        Ok(())
    }

    #[inline]
    fn close(&mut self, list: &mut List, fields: &[Field]) {
        let Some(field) = fields.get(list.field) else {
            return;
        };
        if let Some(token) = self.tape.get_mut(list.token) {
            token.count = list.count;
        }
        self.close_list(field);
        *list = NO_LIST;
    }

    #[inline]
    fn is_map(&self, field: &Field) -> bool {
        self.options.maps && field.is_map()
    }

    #[inline]
    pub(super) fn open_list(&mut self, field: &Field, count: u32) {
        let op = match self.is_map(field) {
            true => MesosTokenOp::MesosTokenMap,
            false => MesosTokenOp::MesosTokenList,
        };
        self.push(op, field.key, count, 0);
    }

    #[inline]
    pub(super) fn close_list(&mut self, field: &Field) {
        match self.is_map(field) {
            true => self.push(MesosTokenOp::MesosTokenMapEnd, field.key, 0, 0),
            false => self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0),
        }
    }

    /// What an entry of a map has not is the empty value, as protobuf has it. Returns a bit for each field that was added.
    #[inline]
    pub(super) fn complete_entry(&mut self, fields: &[Field], present: u64) -> u64 {
        let mut added = 0;
        for (index, field) in fields.iter().enumerate().filter(|(index, _)| present & (1 << index) == 0) {
            added |= 1 << index;
            match field.kind {
                Kind::Message => {
                    self.push(MesosTokenOp::MesosTokenMessage, field.key, 0, u64::from(field.of));
                    self.push(MesosTokenOp::MesosTokenEnd, 0, 0, 0);
                }
                Kind::String | Kind::Bytes => self.push(MesosTokenOp::MesosTokenBytes, field.key, 0, 0),
                _ => self.number(field, field.key, 0),
            }
        }
        added
    }

    /// The numbers of a packed list.
    pub(super) fn packed(&mut self, field: &Field, mut reader: Reader<'_>) -> Result<(), Failure> {
        while !reader.at_end() {
            let at = reader.position();
            let value = reader.number(field.kind.wire_type()).map_err(|error| (error, at))?;
            self.number(field, 0, value);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn number(&mut self, field: &Field, key: u16, bits: u64) {
        // Truncation to 32 bits is protobuf's rule for varints that are too large for their field.
        let (op, value) = match field.kind {
            // One with an unknown number keeps that, and the glue notes that a Mesos knows it.
            Kind::Enum if self.options.enum_names || !enums()[usize::from(field.of)].has(bits as i32) => {
                let value = i64::from(bits as i32) as u64;
                return self.push(MesosTokenOp::MesosTokenEnum, key, u32::from(field.of), value);
            }
            Kind::Int32 | Kind::Enum | Kind::Sfixed32 => (MesosTokenOp::MesosTokenInt, i64::from(bits as i32) as u64),
            Kind::Uint32 | Kind::Fixed32 => (MesosTokenOp::MesosTokenInt, u64::from(bits as u32)),
            Kind::Int64 | Kind::Sfixed64 => (MesosTokenOp::MesosTokenInt, bits),
            Kind::Bool => (MesosTokenOp::MesosTokenInt, u64::from(bits != 0)),
            Kind::Sint32 => (MesosTokenOp::MesosTokenInt, unzigzag(u64::from(bits as u32)) as u64),
            Kind::Sint64 => (MesosTokenOp::MesosTokenInt, unzigzag(bits) as u64),
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
    pub(super) fn push(&mut self, op: MesosTokenOp, key: u16, count: u32, value: u64) {
        self.tape.push(MesosToken {
            op: op as u16,
            key,
            count,
            value,
        });
    }
}
