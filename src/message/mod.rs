//! The message codec.

/// Index of a message class in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassId(pub u32);

pub mod class;
