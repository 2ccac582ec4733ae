//! `mesos-local`: the embedded cluster as a program of its own, for tests of frameworks in any language.
//!
//! It is its own helper, too (see `src/bin/helper`): under that name it is the parent of all tasks. So this one file is enough.

mod ends;
mod file;
mod flags;
#[path = "../helper/main.rs"]
mod helper;
mod options;
mod ready;

use mesos_perl::local::Cluster;
use mesos_perl::logging::{bounded, ERROR};
use options::Wanted;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().next().is_some_and(|name| name == "mesos-perl-helper") {
        return helper::main();
    }
    let wanted = match options::read() {
        Ok(Wanted::Cluster(options)) => options,
        Ok(Wanted::Text(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        // It may quote a file, as one that a setting names.
        Err(error) => return failed(2, &format!("{}\nTry 'mesos-local --help'.", bounded(&error, ERROR))),
    };
    match run(*wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, &error),
    }
}

fn failed(code: u8, error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "mesos-local: {error}");
    ExitCode::from(code)
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
