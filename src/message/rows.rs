//! What the schema's tables consist of. What can be asked of a row, with the help of other tables, is in [`schema`](super::schema).

use super::shared;

/// How often a field occurs. The numbers are those of descriptor.proto, which Perl's introspection shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Optional = shared::MESOS_LABEL_OPTIONAL as isize,
    Required = shared::MESOS_LABEL_REQUIRED as isize,
    Repeated = shared::MESOS_LABEL_REPEATED as isize,
}

/// The type of a field. The numbers are those of descriptor.proto; groups do not occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Double = shared::MESOS_KIND_DOUBLE as isize,
    Float = shared::MESOS_KIND_FLOAT as isize,
    Int64 = shared::MESOS_KIND_INT64 as isize,
    Uint64 = shared::MESOS_KIND_UINT64 as isize,
    Int32 = shared::MESOS_KIND_INT32 as isize,
    Fixed64 = shared::MESOS_KIND_FIXED64 as isize,
    Fixed32 = shared::MESOS_KIND_FIXED32 as isize,
    Bool = shared::MESOS_KIND_BOOL as isize,
    String = shared::MESOS_KIND_STRING as isize,
    Message = shared::MESOS_KIND_MESSAGE as isize,
    Bytes = shared::MESOS_KIND_BYTES as isize,
    Uint32 = shared::MESOS_KIND_UINT32 as isize,
    Enum = shared::MESOS_KIND_ENUM as isize,
    Sfixed32 = shared::MESOS_KIND_SFIXED32 as isize,
    Sfixed64 = shared::MESOS_KIND_SFIXED64 as isize,
    Sint32 = shared::MESOS_KIND_SINT32 as isize,
    Sint64 = shared::MESOS_KIND_SINT64 as isize,
}

/// What a field is when it is not set. `None`: nothing was declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    None,
    /// Integers of all widths, and enums.
    Int(i64),
    Double(f64),
    Bool(bool),
    /// Strings and bytes.
    Text(&'static str),
}

/// One field of a message. Small, since a decoding looks at dozens of them: what is rarely wanted is in a table of its own.
#[derive(Debug)]
pub struct Field {
    pub number: u32,
    /// Index into the key table, never 0.
    pub key: u16,
    pub label: Label,
    pub kind: Kind,
    /// Of a message field: its class. Of an enum field: its index among the enums.
    pub of: u16,
    /// 0, or 1 + the index into the class's `oneofs`.
    pub oneof: u8,
    /// The wire type of a single value, as the low bits of its tag.
    pub(super) wire: u8,
    /// Index into the table of defaults.
    pub(super) default: u8,
}

/// One message.
#[derive(Debug)]
pub struct Class {
    /// `mesos.Offer.Operation`
    pub proto: &'static str,
    /// `Mesos::Offer::Operation`
    pub perl: &'static str,
    /// Where its fields start in the field table.
    pub first_field: u16,
    pub field_count: u16,
    /// Whether protoc made the message for a map field.
    pub map_entry: bool,
    pub oneofs: &'static [&'static str],
    /// At index n: 0, or 1 + the index among the fields of the field with number n.
    pub(super) lookup: &'static [u8],
}

/// One enum, its values in the order of their declaration.
#[derive(Debug)]
pub struct Enum {
    pub proto: &'static str,
    pub perl: &'static str,
    pub values: &'static [(&'static str, i32)],
}

impl Enum {
    /// Whether a value has this number. In most enums, the first one's is 1.
    #[inline]
    pub fn has(&self, number: i32) -> bool {
        let at = |index: usize| self.values.get(index).is_some_and(|(_, value)| *value == number);
        usize::try_from(number).is_ok_and(|n| n > 0 && at(n - 1)) || self.values.iter().any(|(_, value)| *value == number)
    }
}

pub(super) const fn f(number: u32, key: u16, label: Label, kind: Kind, of: u16, oneof: u8, default: u8) -> Field {
    Field {
        number,
        key,
        label,
        kind,
        of,
        oneof,
        wire: kind.wire_type() as u8,
        default,
    }
}

pub(super) const fn c(
    proto: &'static str,
    perl: &'static str,
    first_field: u16,
    field_count: u16,
    map_entry: bool,
    oneofs: &'static [&'static str],
    lookup: &'static [u8],
) -> Class {
    Class {
        proto,
        perl,
        first_field,
        field_count,
        map_entry,
        oneofs,
        lookup,
    }
}

/// How many rows of each table there are.
pub struct Counts {
    pub keys: usize,
    pub classes: usize,
    pub enums: usize,
}
