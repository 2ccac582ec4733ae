//! Which processes belong together: one look at /proc.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::process::WaitOptions;
use std::collections::BTreeSet;

/// This executable, even when its file has been replaced meanwhile.
pub const SELF: &str = "/proc/self/exe";

struct Process {
    pid: i32,
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
            let mut fields = std::str::from_utf8(stat.get(end + 1..)?)
                .ok()?
                .split_ascii_whitespace()
                .skip(1);
            let mut field = || fields.next()?.parse().ok();
            Some(Process {
                pid,
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

/// Every descendant of `ancestor`.
fn descendants(ancestor: i32) -> BTreeSet<i32> {
    let processes = all();
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

fn send(members: impl IntoIterator<Item = i32>, signal: Signal) {
    for pid in members {
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
    }
}

/// Signals the tree of `leader`, which has not been waited for, so that its id cannot be another's.
pub fn signal_tree(leader: i32, signal: Signal) {
    signal_members(leader, signal, BTreeSet::new());
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
        send(members.iter().copied(), signal);
        done.extend(members);
        if signal != Signal::SIGKILL {
            return;
        }
    }
}

/// Kills all descendants, again and again until there are none: orphans become our children when their parents die.
pub fn end_all_descendants() {
    loop {
        send(descendants(std::process::id() as i32), Signal::SIGKILL);
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
