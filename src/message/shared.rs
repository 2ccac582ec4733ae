//! Numbers of messages that Rust, C and Perl must agree on. C has them from the generated header, and Perl from C.

/// How deep messages may be nested, the outermost included. Mesos' own recursive message, ContainerID, needs a handful.
pub const MESOS_MAX_DEPTH: usize = 100;

/// How many tokens a tape of Perl values may have: a walk over values without end stops here, and not when memory is full.
pub const MESOS_MAX_TOKENS: usize = 4_194_304;

/// How many bytes the strings of such a tape may have together.
pub const MESOS_MAX_STRINGS: usize = 536_870_912;

/// How many keys a tied hash may have: its keys are collected before the first of them becomes a token.
pub const MESOS_MAX_KEYS: usize = 1_048_576;

/// How many encodings may be within one another, by values that encode others when they are looked at.
pub const MESOS_MAX_NESTED: usize = 100;

/// The `label` of a field: descriptor.proto's numbers, which Perl's introspection shows.
pub const MESOS_LABEL_OPTIONAL: u8 = 1;
pub const MESOS_LABEL_REQUIRED: u8 = 2;
pub const MESOS_LABEL_REPEATED: u8 = 3;

/// The `kind` of a field: descriptor.proto's numbers of types, which Perl's introspection shows. Groups (10) do not occur.
pub const MESOS_KIND_DOUBLE: u8 = 1;
pub const MESOS_KIND_FLOAT: u8 = 2;
pub const MESOS_KIND_INT64: u8 = 3;
pub const MESOS_KIND_UINT64: u8 = 4;
pub const MESOS_KIND_INT32: u8 = 5;
pub const MESOS_KIND_FIXED64: u8 = 6;
pub const MESOS_KIND_FIXED32: u8 = 7;
pub const MESOS_KIND_BOOL: u8 = 8;
pub const MESOS_KIND_STRING: u8 = 9;
pub const MESOS_KIND_MESSAGE: u8 = 11;
pub const MESOS_KIND_BYTES: u8 = 12;
pub const MESOS_KIND_UINT32: u8 = 13;
pub const MESOS_KIND_ENUM: u8 = 14;
pub const MESOS_KIND_SFIXED32: u8 = 15;
pub const MESOS_KIND_SFIXED64: u8 = 16;
pub const MESOS_KIND_SINT32: u8 = 17;
pub const MESOS_KIND_SINT64: u8 = 18;
