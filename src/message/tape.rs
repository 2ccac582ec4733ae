//! The tokens of both directions, laid out for C.
//!
//! A tape is what a message is without its bytes: open, values, close. The decoder's tape is replayed by `perl/message.c`; the tape
//! to encode is written there, while it walks the Perl hash.

/// What a [`MesosToken`] of a decoded message is.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MesosTokenOp {
    /// A message begins. `value` is its class, and `count` is the number of different fields that follow.
    MesosTokenMessage = 1,
    /// A repeated field begins. `count` items follow, each with key 0.
    MesosTokenList = 2,
    /// Ends the innermost message or list.
    MesosTokenEnd = 3,
    /// `value` is an int64.
    MesosTokenInt = 4,
    /// `value` is an uint64, greater than any int64.
    MesosTokenUint = 5,
    /// `value` holds the bits of a double.
    MesosTokenDouble = 6,
    /// `count` bytes at offset `value` of the decoded bytes.
    MesosTokenBytes = 7,
    /// `value` is an int64: a value of the schema's enum at index `count`, or a number that it does not know. Of known values only
    /// with `MESOS_DECODE_ENUM_NAMES`.
    MesosTokenEnum = 8,
    /// A map field begins: `count` messages of its entries' class follow, each with key 0, and both a key and a value.
    MesosTokenMap = 9,
    /// Ends a map; it is the innermost. Its `key` is the map field's once more.
    MesosTokenMapEnd = 10,
}

/// One step of a decoded message.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MesosToken {
    /// A `MesosTokenOp`.
    pub op: u16,
    /// Index into the schema's keys: which field of the open message this is. 0 in a list, and for the outermost message.
    pub key: u16,
    pub count: u32,
    pub value: u64,
}

/// What a [`MesosPerlToken`] is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MesosPerlOp {
    /// A message begins. The outermost has its class in `value` and `MESOS_NO_FIELD` in `field`.
    MesosPerlMessage = 1,
    /// The items of a repeated field begin.
    MesosPerlList = 2,
    /// Ends the innermost message or list.
    MesosPerlEnd = 3,
    /// A number that is an integer: `value` is an int64. Also a boolean, 0 or 1.
    MesosPerlInt = 4,
    /// A number that is an integer: `value` is an uint64.
    MesosPerlUint = 5,
    /// A number: `value` holds the bits of a double.
    MesosPerlDouble = 6,
    /// A string for a numeric field: `length` bytes at offset `value` of the arena.
    MesosPerlText = 7,
    /// A string for a field of strings or bytes: `length` bytes at offset `value` of the arena.
    MesosPerlBytes = 8,
    /// A required field is not there.
    MesosPerlMissing = 9,
    /// A value that the field cannot hold. `length` bytes at offset `value` of the arena describe it. The tape ends here.
    MesosPerlWrong = 10,
    /// Messages are nested too deep, or in a circle. The tape ends here.
    MesosPerlTooDeep = 11,
    /// The field's declared default. The check makes this token, not C.
    MesosPerlDefault = 12,
    /// A key that is no field, in the open message: `length` bytes at offset `value` of the arena. Its `field` is `MESOS_NO_FIELD`.
    /// The tape ends here.
    MesosPerlUnknown = 13,
    /// The entries of a map field begin that was given as a hash: messages, whose first token is their key. Ended as a list is.
    MesosPerlMap = 14,
    /// There is more in the message than a walk takes: `MESOS_MAX_TOKENS`, `MESOS_MAX_STRINGS`. The tape ends here.
    MesosPerlTooLarge = 15,
}

/// The `field` of the outermost message.
pub const MESOS_NO_FIELD: u32 = 0xffff_ffff;

/// One step of a Perl value that is to be encoded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MesosPerlToken {
    /// A `MesosPerlOp`.
    pub op: u32,
    /// Index into the schema's fields; items of a list have the list's.
    pub field: u32,
    pub value: u64,
    pub length: u64,
}

impl MesosPerlToken {
    /// Its bytes in the arena, if it is one that has them.
    #[inline]
    pub(super) fn bytes<'a>(&self, arena: &'a [u8]) -> Option<&'a [u8]> {
        let start = usize::try_from(self.value).ok()?;
        let length = usize::try_from(self.length).ok()?;
        arena.get(start..start.checked_add(length)?)
    }
}
