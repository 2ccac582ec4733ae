//! The last mode: becomes the program of a task or executor, in its sandbox, with nothing inherited.

use super::{cgroups, fetch, files, limits, volumes};
use crate::local::helper_protocol::{not_fetched, Frame, Program};
use crate::programs::system::FAILURE;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Reads the [`Program`] from stdin up to its end. Either turns into the program, which closes stdout, or writes why not to it.
pub fn run(parent: i32) -> u8 {
    // Kept apart, since stdout becomes the sandbox's file before it is known whether exec succeeds. Close-on-exec.
    let Ok(mut answer) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).map(File::from) else {
        return FAILURE;
    };
    let reason = why_not(read_program().and_then(|program| become_program(&program, parent)));
    let _ = answer.write_all(reason.as_bytes());
    FAILURE
}

pub enum Never {}

/// What is left of an outcome that is no success: older versions of Rust want to hear that there is none.
pub fn why_not(outcome: Result<Never, String>) -> String {
    match outcome {
        Ok(never) => match never {},
        Err(reason) => reason,
    }
}

fn read_program() -> Result<Program, String> {
    let mut encoded = Vec::new();
    std::io::stdin()
        .read_to_end(&mut encoded)
        .map_err(|e| format!("cannot read the program: {e}"))?;
    Program::decode(&encoded).map_err(|e| e.to_string())
}

/// This process, which is a child of `parent`, turns into the program. Or it says why it cannot.
pub fn become_program(program: &Program, parent: i32) -> Result<Never, String> {
    // The second stage blocks all signals, and masks are inherited.
    SigSet::all()
        .thread_unblock()
        .map_err(|e| format!("cannot unblock signals: {e}"))?;
    rustix::process::setsid().map_err(|e| format!("setsid failed: {e}"))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let null = File::open("/dev/null").map_err(|e| format!("cannot open /dev/null: {e}"))?;
    let failed = |e| format!("cannot redirect output: {e}");
    // Before the change of user, who need not have the right to it.
    program.cgroup.iter().try_for_each(cgroups::join)?;
    volumes::mount(&program.directory, &program.volumes, program.user.as_ref())?;
    limits::raise(&program.limits)?;
    // As the user of the program, so that the files are his.
    if let Some(user) = &program.user {
        let name = CString::new(user.name.clone()).map_err(|_| "user name with a NUL byte".to_string())?;
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        nix::unistd::initgroups(&name, gid)
            .and_then(|()| nix::unistd::setgid(gid))
            .and_then(|()| nix::unistd::setuid(uid))
            .map_err(|e| format!("cannot become user {}: {e}", String::from_utf8_lossy(&user.name)))?;
    } else {
        // A program that has set its effective user (`$>`) keeps the real one, to go back to it. The task cannot.
        let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
        nix::unistd::setresgid(gid, gid, gid)
            .and_then(|()| nix::unistd::setresuid(uid, uid, uid))
            .map_err(|e| format!("cannot stay the cluster's user: {e}"))?;
    }
    // It holds the environment, and a file to fetch can be /proc/self/fd/0.
    rustix::stdio::dup2_stdin(&null).map_err(failed)?;
    // After the change of user, which clears it. The second look catches a parent that died before.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|e| format!("prctl failed: {e}"))?;
    if nix::unistd::getppid().as_raw() != parent {
        return Err("the cluster has ended".into());
    }

    let directory = || String::from_utf8_lossy(&program.directory);
    let sandbox = files::open_sandbox(&program.directory).map_err(|e| format!("cannot enter {}: {e}", directory()))?;
    volumes::link(&sandbox, &program.volumes)?;
    for one in &program.fetches {
        fetch::fetch(&sandbox, one).map_err(|e| not_fetched(&program.directory, &e))?;
    }
    let output = |name: &[u8]| {
        let open = files::open_output(&sandbox, name);
        open.map_err(|e| format!("cannot open {}/{}: {e}", directory(), String::from_utf8_lossy(name)))
    };
    let (stdout, stderr) = (output(&program.stdout)?, output(&program.stderr)?);
    rustix::stdio::dup2_stdout(&stdout).map_err(failed)?;
    rustix::stdio::dup2_stderr(&stderr).map_err(failed)?;
    rustix::process::fchdir(&sandbox).map_err(|e| format!("cannot enter {}: {e}", directory()))?;

    let mut command = Command::new(OsStr::from_bytes(&program.file));
    if let Some((zeroth, rest)) = program.arguments.split_first() {
        command
            .arg0(OsStr::from_bytes(zeroth))
            .args(rest.iter().map(|a| OsStr::from_bytes(a)));
    }
    command.env_clear().envs(
        program
            .environment
            .iter()
            .map(|(n, v)| (OsStr::from_bytes(n), OsStr::from_bytes(v))),
    );
    // Last, since they count for what we do, too.
    limits::set(&program.limits)?;
    let error = command.exec();
    Err(format!(
        "cannot execute '{}': {error}",
        String::from_utf8_lossy(&program.file)
    ))
}
