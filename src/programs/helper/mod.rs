//! `mesos-perl-helper`: parent and reaper of everything that the embedded cluster runs, so that nothing of it is ever a child of
//! the Perl process, whose event loop, `$SIG{CHLD}` and waitpid belong to the user.
//!
//! | mode | who starts it | what it does |
//! |---|---|---|
//! | `start CREATOR WORK_DIR DIRECTORY CGROUP` | the cluster, which waits for it at once | [prepares][spread] the work directory, starts `guard` and exits, which orphans that |
//! | `guard CREATOR DIRECTORY CGROUP` | `start` | starts `serve`, and ends what that leaves when it is killed; see [`guard`] |
//! | `serve CREATOR DIRECTORY CGROUP` | `guard` | takes commands on stdin, reports on stdout, removes both at its end; see [`serve`] |
//! | `run PARENT` | `serve`, for each program that needs files | prepares the process and turns into the program; see [`run`] |
//!
//! DIRECTORY and CGROUP may be empty.
//!
//! [spread]: crate::local::spread
//!
//! Nothing here is of use to a person: the modes are not documented elsewhere.

mod cgroups;
mod extract;
mod fetch;
mod files;
mod guard;
mod http;
mod leavings;
mod limits;
mod processes;
mod run;
mod serve;
mod start;
mod volumes;

use super::system::Primitives;
use leavings::Leavings;
pub use processes::NAME;
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs it with these arguments. Gives its exit status.
pub fn main(mut arguments: impl Iterator<Item = OsString>, primitives: Primitives) -> u8 {
    let mode = arguments.next().unwrap_or_default();
    let pid = arguments
        .next()
        .and_then(|text| text.to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid > 0);
    match (mode.to_str().unwrap_or_default(), pid) {
        ("start", Some(creator)) => {
            let work_dir = PathBuf::from(arguments.next().unwrap_or_default());
            let leavings = Leavings::from_arguments(arguments);
            start::start(creator, &work_dir, &leavings, primitives.reset_signals)
        }
        ("guard", Some(creator)) => guard::guard(creator, &Leavings::from_arguments(arguments)),
        ("serve", Some(creator)) => serve::serve(creator, &Leavings::from_arguments(arguments), primitives),
        ("run", Some(parent)) => run::run(parent),
        _ => {
            eprintln!("{NAME} is started by the module Mesos (master \"local\"); it is of no use by itself");
            2
        }
    }
}
