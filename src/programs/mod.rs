//! The programs that are installed: [`mesos_local`], and the [`helper`] of every embedded cluster, which is the same file.
//!
//! Both lie in the library: what is installed are a few lines of C (`perl/programs/mesos-local.c`) that load it. `src/bin` has
//! them for cargo, as a program that needs no library beside it.

pub mod helper;
pub mod mesos_local;
pub mod system;

use std::ffi::OsString;
use system::Primitives;

/// Runs the program that the first argument names, which is its own name. Gives its exit status.
pub fn main(arguments: Vec<OsString>, primitives: Primitives) -> u8 {
    let mut arguments = arguments.into_iter();
    match arguments.next() {
        Some(name) if name == helper::NAME => helper::main(arguments, primitives),
        _ => mesos_local::main(arguments),
    }
}
