//! What both programs have to do with the system.

use std::io;

/// What the helper needs of the system and has no safe form: only `ffi` may have it, which is above this module.
#[derive(Clone, Copy)]
pub struct Primitives {
    /// Gives all signals their default dispositions.
    pub reset_signals: fn(),
    /// Runs this in a new process.
    pub fork: fn(Box<dyn FnOnce() -> u8 + '_>) -> io::Result<i32>,
}

/// A program's status when all was well.
pub const SUCCESS: u8 = 0;
/// And when it was not.
pub const FAILURE: u8 = 1;
