//! The message codec: Mesos messages from and to the flat tapes that `perl/message.c` turns into Perl's hashes and makes of them.
//!
//! | module | what it does |
//! |---|---|
//! | [`schema`] | the messages, fields and enums of proto/*.proto, and their Perl names; `rows` and `schema_tables` are its tables |
//! | [`wire`] | varints, tags and lengths of untrusted bytes |
//! | [`decode`] | bytes to a tape: everything is checked here |
//! | `gather` | the same for values that are scattered over a message |
//! | [`encode`] | a tape to bytes: everything is checked here |
//! | [`number`] | what Perl may give for a numeric field |
//! | [`required`] | whether an encoded message has all that is required |
//! | [`path`] | which part of a message an error is about |
//! | [`json`] | messages from and to JSON, as the HTTP APIs have it |
//! | [`fields`], [`field_number`] | changing single fields of an encoded message |
//! | [`shared`] | limits and other numbers that C and Perl have, too |
//! | [`tape`] | the tokens, as C sees them |
//! | [`text`] | strings that are not UTF-8, in Rust's strings |
//!
//! Nothing here knows of Perl, and nothing calls back: both directions are one call with a complete tape, so that a Perl exception
//! never has a Rust frame below it.

pub mod class;
pub mod decode;
pub mod encode;
pub mod field_number;
pub mod fields;
mod gather;
pub mod json;
pub mod number;
pub mod path;
pub mod required;
mod rows;
pub mod schema;
mod schema_tables;
pub mod shared;
pub mod tape;
pub mod text;
pub mod wire;

pub use schema::class_by_perl_name;
pub use shared::MESOS_MAX_DEPTH as MAX_DEPTH;

/// Index of a message class in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassId(pub u32);
