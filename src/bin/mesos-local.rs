//! `mesos-local` for cargo, with all of the library in it. What `./Build` installs is perl/programs/mesos-local.c.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().collect();
    ExitCode::from(mesos_perl::programs::main(arguments, mesos_perl::ffi::program::PRIMITIVES))
}
