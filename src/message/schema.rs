//! The messages, fields and enums of proto/*.proto, as tables that `tests/generated.rs` makes from the descriptors.

use super::schema_tables;
use super::shared;
use super::wire::WireType;
use super::ClassId;
use once_cell::sync::Lazy;
use std::collections::HashMap;

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
    default: u8,
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
    lookup: &'static [u8],
}

/// One enum, its values in the order of their declaration.
#[derive(Debug)]
pub struct Enum {
    pub proto: &'static str,
    pub perl: &'static str,
    pub values: &'static [(&'static str, i32)],
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

impl Field {
    pub fn name(&self) -> &'static str {
        schema_tables::KEYS[usize::from(self.key)]
    }

    pub fn default(&self) -> DefaultValue {
        schema_tables::DEFAULTS[usize::from(self.default)]
    }

    pub fn is_repeated(&self) -> bool {
        self.label == Label::Repeated
    }

    /// Whether it is a map: a list of entries on the wire.
    pub fn is_map(&self) -> bool {
        self.kind == Kind::Message && class(ClassId(self.of.into())).is_some_and(|of| of.map_entry)
    }

    /// Whether a value with this wire type is one of the field: a single value, or a packed list of numbers for a repeated field.
    #[inline]
    pub(super) fn accepts(&self, wire: u8) -> bool {
        wire == self.wire || (wire == WireType::Bytes as u8 && self.is_repeated())
    }
}

impl Class {
    /// The fields, by ascending number.
    pub fn fields(&self) -> &'static [Field] {
        let first = usize::from(self.first_field);
        &schema_tables::FIELDS[first..first + usize::from(self.field_count)]
    }

    /// Whether a message of this class is of no use to Mesos without this field of it. An entry of a map without its value has an empty
    /// message for it, which is not complete if something in it is required.
    pub fn needs(&self, field: &Field) -> bool {
        let of = class(ClassId(field.of.into())).filter(|_| self.map_entry && field.kind == Kind::Message);
        field.label == Label::Required || of.is_some_and(|of| of.fields().iter().any(|part| part.label == Label::Required))
    }

    /// The field with this number, if a value with this wire type is one of it, and its index among [`fields`](Self::fields).
    #[inline]
    pub(super) fn accepting(&self, number: u32, wire: u8) -> Option<(usize, &'static Field)> {
        let index = self.index_by_number(number)?;
        let field = self.fields().get(index)?;
        field.accepts(wire).then_some((index, field))
    }

    /// The index among [`fields`](Self::fields) of the field with this number.
    pub fn index_by_number(&self, number: u32) -> Option<usize> {
        let entry = *self.lookup.get(number as usize)?;
        usize::from(entry).checked_sub(1)
    }
}

/// How many rows of each table there are.
pub struct Counts {
    pub keys: usize,
    pub classes: usize,
    pub enums: usize,
}

/// The tables as far as Perl has them: it has no classes for the operator API, which come last.
pub struct ForPerl {
    pub keys: &'static [&'static str],
    pub classes: &'static [Class],
    pub enums: &'static [Enum],
}

pub fn for_perl() -> ForPerl {
    let Counts { keys, classes, enums } = schema_tables::FOR_PERL;
    ForPerl {
        keys: &schema_tables::KEYS[..keys],
        classes: &schema_tables::CLASSES[..classes],
        enums: &schema_tables::ENUMS[..enums],
    }
}

/// Names of fields; index 0 is the empty string, which no field has.
pub fn keys() -> &'static [&'static str] {
    &schema_tables::KEYS
}

/// Whether Perl has this class.
pub fn is_for_perl(id: ClassId) -> bool {
    (id.0 as usize) < schema_tables::FOR_PERL.classes
}

pub fn classes() -> &'static [Class] {
    &schema_tables::CLASSES
}

/// The fields of all classes; a class has the `field_count` from `first_field` on.
pub fn fields() -> &'static [Field] {
    &schema_tables::FIELDS
}

pub fn enums() -> &'static [Enum] {
    &schema_tables::ENUMS
}

/// The class with this id. `None` for a number that came from outside and is no class.
pub fn class(id: ClassId) -> Option<&'static Class> {
    schema_tables::CLASSES.get(id.0 as usize)
}

/// The class that Perl calls `name`, as `Mesos::TaskInfo`.
pub fn class_by_perl_name(name: &str) -> Option<ClassId> {
    static BY_NAME: Lazy<HashMap<&'static str, ClassId>> = Lazy::new(|| {
        let ids = (0..).map(ClassId);
        schema_tables::CLASSES.iter().map(|class| class.perl).zip(ids).collect()
    });
    BY_NAME.get(name).copied()
}
