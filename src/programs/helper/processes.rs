//! Which processes belong together: one look at /proc.

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::process::WaitOptions;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Its first argument (argv[0]) tells it from mesos-local.
pub const NAME: &str = "mesos-perl-helper";

/// This executable, even when its file has been replaced meanwhile.
pub const SELF: &str = "/proc/self/exe";

struct Process {
    pid: i32,
    /// It has ended, and its parent has not waited for it.
    is_zombie: bool,
    parent: i32,
    group: i32,
    session: i32,
}

/// All processes that can be seen. Threads do not appear.
fn all() -> Vec<Process> {
    let Ok(list) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    list.flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read(entry.path().join("stat")).ok()?;
            // The command's name may hold anything, parentheses included; after its end: state, ppid, pgrp, session.
            let end = stat.iter().rposition(|byte| *byte == b')')?;
            let mut fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace();
            let is_zombie = fields.next()? == "Z";
            let mut field = || fields.next()?.parse().ok();
            Some(Process {
                pid,
                is_zombie,
                parent: field()?,
                group: field()?,
                session: field()?,
            })
        })
        .collect()
}

/// `leader`, its descendants, everything in a session or process group that one of those leads, and so on.
fn tree(leader: i32) -> BTreeSet<i32> {
    let processes = all();
    let mut members = BTreeSet::from([leader]);
    loop {
        let before = members.len();
        for p in &processes {
            if members.contains(&p.parent) || members.contains(&p.session) || members.contains(&p.group) {
                members.insert(p.pid);
            }
        }
        if members.len() == before {
            return members;
        }
    }
}

/// Every descendant of `ancestor` that lives.
fn descendants(ancestor: i32) -> BTreeSet<i32> {
    let mut processes = all();
    // They have no children any more, and a signal changes nothing for them.
    processes.retain(|p| !p.is_zombie);
    let mut members = BTreeSet::new();
    loop {
        let before = members.len();
        for p in &processes {
            if p.parent == ancestor || members.contains(&p.parent) {
                members.insert(p.pid);
            }
        }
        if members.len() == before {
            return members;
        }
    }
}

fn kill(pid: i32, signal: Signal) -> nix::Result<()> {
    nix::sys::signal::kill(Pid::from_raw(pid), signal)
}

/// Signals the tree of `leader`, which has not been waited for, so that its id cannot be another's.
pub fn signal_tree(leader: i32, signal: Signal) {
    signal_members(leader, signal, BTreeSet::new());
}

/// Whether this process has children of which `known` does not know. One look at one file: the kernel has a list.
///
/// The processes that a program leaves behind are such children from the program's end on, or descendants of them.
pub fn has_children_but(known: impl Fn(i32) -> bool) -> bool {
    match std::fs::read_to_string("/proc/thread-self/children") {
        Ok(list) => !list.split_ascii_whitespace().all(|pid| pid.parse().is_ok_and(&known)),
        // A kernel without the list.
        Err(_) => true,
    }
}

/// Kills what a program has left behind: `leader` has ended, and has not been waited for. Mostly that is nothing, after one look.
pub fn kill_rest(leader: i32) {
    signal_members(leader, Signal::SIGKILL, BTreeSet::from([leader]));
}

/// All members of the tree but those that are `done`.
fn signal_members(leader: i32, signal: Signal, mut done: BTreeSet<i32>) {
    // A SIGKILL is repeated until nothing new shows up: members may fork while we look.
    loop {
        let members: BTreeSet<i32> = tree(leader).difference(&done).copied().collect();
        if members.is_empty() {
            return;
        }
        for pid in &members {
            let _ = kill(*pid, signal);
        }
        done.extend(members);
        if signal != Signal::SIGKILL {
            return;
        }
    }
}

/// How long processes are asked for that we may not signal: `sudo` and its like, which have become another user.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks are cheap at first, and rare in the end: what the kernel holds up can stay for long.
const PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(200)];

/// Kills all descendants, again and again until there are none: orphans become our children when their parents die.
pub fn end_all_descendants() {
    let (begin, mut pause) = (Instant::now(), PAUSES[0]);
    loop {
        let left = descendants(std::process::id() as i32);
        let refused = left.iter().map(|pid| kill(*pid, Signal::SIGKILL));
        let refused = refused.filter(|killed| *killed == Err(Errno::EPERM)).count() == left.len();
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        if refused && begin.elapsed() > PATIENCE {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSES[1]);
    }
}
