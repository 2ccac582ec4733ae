//! The C ABI.

pub mod signals;
