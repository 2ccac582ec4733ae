//! `mesos-local`: the embedded cluster as a program of its own, for tests of frameworks in any language.
//!
//! Its helper (see [`helper`](super::helper)) is the same file, under another name.

mod ends;
mod file;
mod flags;
mod options;
mod ready;

use crate::local::Cluster;
use crate::logging::{bounded, ERROR};
use crate::programs::system::{FAILURE, SUCCESS};
use options::Wanted;
use std::ffi::OsString;
use std::io::Write;

/// Runs it with these arguments. Gives its exit status.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let wanted = match options::read(arguments) {
        Ok(Wanted::Cluster(options)) => options,
        Ok(Wanted::Text(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return SUCCESS;
        }
        // It may quote a file, as one that a setting names.
        Err(error) => return failed(2, &format!("{}\nTry 'mesos-local --help'.", bounded(&error, ERROR))),
    };
    match run(*wanted) {
        Ok(()) => SUCCESS,
        Err(error) => failed(FAILURE, &error),
    }
}

fn failed(code: u8, error: &str) -> u8 {
    let _ = writeln!(std::io::stderr(), "mesos-local: {error}");
    code
}

/// Runs a cluster until it is told to end.
fn run(options: options::Options) -> Result<(), String> {
    // Before any thread starts: they all have these signals blocked, then.
    let ends = ends::Ends::new(options.parent).map_err(|e| format!("cannot watch for signals: {e}"))?;
    let ready = options.ready.map(ready::Descriptor::new).transpose()?;
    let warnings = options.warnings();
    let cluster = Cluster::start(options.config).map_err(|e| e.to_string())?;
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "mesos-local: {warning}");
    }
    // Nobody need read it.
    let _ = writeln!(std::io::stdout(), "{}", ready::text(&cluster));
    if let Some(ready) = ready {
        ready.tell(&ready::json(&cluster, options.shows_secret))?;
    }
    ends.wait().map_err(|e| format!("cannot wait for signals: {e}"))
    // Dropping the cluster ends all that it runs.
}
