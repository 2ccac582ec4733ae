//! The messages, fields and enums of proto/*.proto, as tables that `tests/generated.rs` makes from the descriptors.

use super::rows::Counts;
use super::schema_tables;
use super::wire::WireType;
use super::ClassId;
use once_cell::sync::Lazy;
use std::collections::HashMap;

pub use super::rows::{Class, DefaultValue, Enum, Field, Kind, Label};

impl Field {
    pub fn name(&self) -> &'static str {
        schema_tables::KEYS[usize::from(self.key)]
    }

    #[inline]
    pub fn default(&self) -> DefaultValue {
        schema_tables::DEFAULTS[usize::from(self.default)]
    }

    #[inline]
    pub fn is_repeated(&self) -> bool {
        self.label == Label::Repeated
    }

    /// Whether it is a map: a list of entries on the wire.
    #[inline]
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
    #[inline]
    pub fn fields(&self) -> &'static [Field] {
        let first = usize::from(self.first_field);
        &schema_tables::FIELDS[first..first + usize::from(self.field_count)]
    }

    /// Whether a message of this class is of no use to Mesos without this field of it. An entry of a map without its value has an empty
    /// message for it, which is not complete if something in it is required.
    #[inline]
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
    #[inline]
    pub fn index_by_number(&self, number: u32) -> Option<usize> {
        let entry = *self.lookup.get(number as usize)?;
        usize::from(entry).checked_sub(1)
    }
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
#[inline]
pub fn fields() -> &'static [Field] {
    &schema_tables::FIELDS
}

pub fn enums() -> &'static [Enum] {
    &schema_tables::ENUMS
}

/// The class with this id. `None` for a number that came from outside and is no class.
#[inline]
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
