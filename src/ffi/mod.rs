//! The C ABI that `perl/Mesos.xs` is written against; `include/mesos_perl.h` is made from this folder by cbindgen.
//!
//! Rules for every function, one file for each kind of handle:
//!
//! - The body runs inside [`guard`]: no panic crosses the ABI. Functions return a [`MesosCode`]; where it is not `MESOS_OK`
//!   nothing was done, nothing was written to the out parameters, and `mesos_error_message()` says why.
//! - A handle is opaque, made by a `_new` and given back once to its `_free`, which accepts NULL. After a fork, the child's
//!   calls return `MESOS_FORKED`, and its `_free` leaves the parent's resources alone.
//! - Strings are bytes with a length. Input is only looked at during the call. Output is borrowed from the handle that the doc
//!   comment names.
//! - Functions may be called from any thread, one thread at a time for each handle unless the handle says otherwise.
//!
//! This is the only place (with the cxx bridge) that may use `unsafe`.

// The exported functions take C's pointers, which C vouches for: they are `unsafe` in C's sense, and no Rust code calls them.
#![allow(clippy::not_unsafe_ptr_arg_deref)]

mod answer;
pub mod backend;
pub mod bytes;
pub mod channel;
pub mod class;
pub mod dispatcher;
pub mod error;
pub mod event;
pub mod executor_driver;
pub mod guard;
pub mod handle;
pub mod json;
pub mod log;
pub mod message;
pub mod process;
pub mod program;
pub mod resources;
pub mod scheduler_driver;
pub mod signals;
pub mod stats;
