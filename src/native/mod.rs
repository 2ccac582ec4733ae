//! The Mesos v1 HTTP API, spoken in `application/x-protobuf`: drivers that need no libmesos.
//!
//! The path of a record, one module a step:
//!
//! | step | module | I/O |
//! |---|---|---|
//! | which master leads | [`detector`] | yes |
//! | a socket's bytes | [`io`]: `connection`, `driven`, `socket`; [`net`], [`tls`] | yes |
//! | HTTP responses out of bytes, requests into bytes | [`protocol::http`] | no |
//! | records out of a response's body | [`protocol::recordio`] | no |
//! | connecting, subscribing, pipelined calls, redirects, timeouts | [`protocol`]: `session`, `action`, `pipeline`, `backoff`, `servers`, `endpoint` | no |
//! | events and calls out of and into records | [`wire`], [`scheduler::wire`], [`executor::wire`], `message::fields` | no |
//! | calls out of arguments, callbacks out of events, FrameworkInfo and roles | [`scheduler`]: `calls`, `events`, `registration` | no |
//! | which callback, what to remember, what to answer | [`scheduler::machine`], [`executor::machine`], [`machine`] | no |
//! | the driver that Perl holds: statuses, the thread, the gate to the channel | [`scheduler`], [`executor`], [`io::handle`] | yes |
//! | what is remembered of the other side, within bounds | [`remembered`] | no |
//! | what outlives a run, and what is counted | `driver::framework_id_file`, `driver::counters` | yes |
//!
//! Everything without I/O is fed bytes and the time, and answers with [`machine::Action`]s: tests replay captures through it.

pub mod detector;
pub mod executor;
pub mod io;
pub mod machine;
pub mod net;
pub mod protocol;
pub mod remembered;
pub mod scheduler;
pub mod tls;

pub mod wire;

#[cfg(test)]
pub(crate) mod captures;

pub use detector::Source;
pub use executor::ExecutorDriver;
pub use protocol::endpoint::Endpoint;
pub use scheduler::SchedulerDriver;
