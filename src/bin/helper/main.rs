//! `mesos-perl-helper`: parent and reaper of everything that the embedded cluster runs, so that nothing of it is ever a child of
//! the Perl process, whose event loop, `$SIG{CHLD}` and waitpid belong to the user.
//!
//! | mode | who starts it | what it does |
//! |---|---|---|
//! | `start CREATOR [DIRECTORY]` | the cluster, which waits for it at once | starts `guard` and exits, which orphans that |
//! | `guard CREATOR [DIRECTORY]` | `start` | starts `serve`, and ends what that leaves when it is killed; see [`guard`] |
//! | `serve CREATOR [DIRECTORY]` | `guard` | takes commands on stdin, reports on stdout, removes DIRECTORY at its end; see [`serve`] |
//! | `run PARENT` | `serve`, for each program that needs files | prepares the process and turns into the program; see [`run`] |
//!
//! Nothing here is of use to a person: the modes are not documented elsewhere.

mod extract;
mod fetch;
mod files;
mod guard;
mod http;
mod processes;
mod run;
mod serve;
mod start;
mod volumes;

use std::path::PathBuf;
use std::process::ExitCode;

pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let pid = arguments
        .next()
        .and_then(|text| text.to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid > 0);
    match (mode.to_str().unwrap_or_default(), pid) {
        ("start", Some(creator)) => start::start(creator, arguments.next().as_deref()),
        ("guard", Some(creator)) => guard::guard(creator, arguments.next().map(PathBuf::from)),
        ("serve", Some(creator)) => serve::serve(creator, arguments.next().map(PathBuf::from)),
        ("run", Some(parent)) => run::run(parent),
        _ => {
            eprintln!("mesos-perl-helper is started by the module Mesos (master \"local\"); it is of no use by itself");
            ExitCode::from(2)
        }
    }
}
