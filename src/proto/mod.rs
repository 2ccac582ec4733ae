//! The messages of proto/*.proto as Rust types, made by prost-build and compared with the proto files by `tests/generated.rs`.
//!
//! Names are v0 (`SlaveId`, `slave_id`); the bytes are those of the v1 API, except where `spec` in the callers says otherwise.

#![allow(clippy::all, missing_docs)]

include!("mesos.rs");

/// Calls and events of the scheduler API.
pub mod scheduler {
    include!("mesos.scheduler.rs");
}

/// Calls and events of the executor API.
pub mod executor {
    include!("mesos.executor.rs");
}
