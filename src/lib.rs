//! The core of the Perl module `Mesos`: everything below `perl/Mesos.xs`.
//!
//! The path of an event, one module a step:
//!
//! | step | module |
//! |---|---|
//! | socket, HTTP, RecordIO, the Mesos v1 API | [`native`] |
//! | which callback, what to remember, what to answer | [`native`], [`driver`] |
//! | which implementation serves a driver | [`backends`] |
//! | the queue between the driver's thread and Perl | [`channel`] holding [`event`]s |
//! | waking Perl | [`notify`] |
//! | the C ABI that `perl/Mesos.xs` calls | [`ffi`] |
//! | Mesos messages from and to Perl's hashes | [`message`] |
//! | what resources are and how one reckons with them, for the cluster and for Perl | [`resources`] |
//!
//! [`local`] is a server: the embedded master and agent. It meets [`native`] on a socket, and takes from it only what checks of tasks over
//! HTTP need. [`programs`] are what is a process of its own: the cluster as a program, and the parent of its tasks.
//! Imports point one way, which `tests/floors.rs` checks: `ffi -> {backends, programs} -> {native, libmesos, local} -> driver -> {message, event,
//! channel, notify, proto, logging, random, regular_file, sync, thread, fork, descriptors, resources}`.

pub mod backends;
pub mod channel;
pub mod descriptors;
pub mod driver;
pub mod event;
pub mod ffi;
pub mod fork;
#[cfg(feature = "libmesos")]
pub mod libmesos;
pub mod local;
pub mod logging;
pub mod message;
pub mod native;
pub mod notify;
pub mod programs;
pub mod proto;
pub mod random;
pub mod regular_file;
pub mod resources;
#[cfg(test)]
mod simulation;
pub mod sync;
pub mod thread;
