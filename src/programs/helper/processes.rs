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

/// To whom we may not signal, or who has gone meanwhile, nothing happens.
fn send(pid: i32, signal: Signal) {
    let _ = kill(pid, signal);
}

/// Signals the tree of `leader`, which has not been waited for, so that its id cannot be another's.
pub fn signal_tree(leader: i32, signal: Signal) {
    match signal {
        Signal::SIGKILL => kill_members(leader, BTreeSet::new()),
        _ => tree(leader).into_iter().for_each(|pid| send(pid, signal)),
    }
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
    kill_members(leader, BTreeSet::from([leader]));
}

/// All members of the tree but those that are `done`.
fn kill_members(leader: i32, done: BTreeSet<i32>) {
    end(done, || tree(leader), send);
}

/// Ends all that a look shows and that is not `done`, until nothing new shows up: they may fork while we look.
///
/// All are stopped before the first is killed. Who is stopped forks no more and keeps its place: killed at once, it would make room for
/// what others fork meanwhile, and where all places are taken that goes on for minutes.
fn end(mut done: BTreeSet<i32>, mut look: impl FnMut() -> BTreeSet<i32>, mut signal: impl FnMut(i32, Signal)) {
    loop {
        let stopped = stop_all(&done, &mut look, &mut signal);
        if stopped.is_empty() {
            return;
        }
        stopped.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
        done.extend(stopped);
    }
}

/// Returns whom it has stopped, and was there at the last look.
fn stop_all(
    done: &BTreeSet<i32>,
    look: &mut impl FnMut() -> BTreeSet<i32>,
    signal: &mut impl FnMut(i32, Signal),
) -> BTreeSet<i32> {
    let mut stopped = BTreeSet::new();
    loop {
        let members: BTreeSet<i32> = look().difference(done).copied().collect();
        if members.is_subset(&stopped) {
            return members;
        }
        for pid in members.difference(&stopped) {
            signal(*pid, Signal::SIGSTOP);
        }
        stopped = members;
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
        let mut look = || descendants(std::process::id() as i32);
        let left = stop_all(&BTreeSet::new(), &mut look, &mut send);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// So many processes there can be.
    const PLACES: usize = 50;

    /// A storm that takes every place that becomes free, up to a number of forks that nobody should get near to.
    #[derive(Default)]
    struct Storm {
        running: BTreeSet<i32>,
        stopped: BTreeSet<i32>,
        forks: i32,
    }

    impl Storm {
        fn fork(&mut self) {
            while !self.running.is_empty() && self.running.len() + self.stopped.len() < PLACES && self.forks < 10_000 {
                self.forks += 1;
                self.running.insert(self.forks);
            }
        }

        fn signal(&mut self, pid: i32, signal: Signal) {
            let was_there = self.running.remove(&pid) || self.stopped.remove(&pid);
            if was_there && signal == Signal::SIGSTOP {
                self.stopped.insert(pid);
            }
            self.fork();
        }
    }

    #[test]
    fn a_storm_gets_no_room_while_it_is_ended() {
        let storm = RefCell::new(Storm::default());
        storm.borrow_mut().running.insert(0);
        storm.borrow_mut().fork();
        let look = || {
            let storm = storm.borrow();
            storm.running.union(&storm.stopped).copied().collect()
        };
        end(BTreeSet::new(), look, |pid, signal| storm.borrow_mut().signal(pid, signal));
        let storm = storm.borrow();
        assert!(storm.running.is_empty() && storm.stopped.is_empty());
        assert_eq!(storm.forks, PLACES as i32 - 1, "none since the end began");
    }

    #[test]
    fn who_is_done_is_left_alone() {
        let signals = RefCell::new(Vec::new());
        let look = || BTreeSet::from([1, 2, 3]);
        end(BTreeSet::from([2]), look, |pid, signal| {
            signals.borrow_mut().push((pid, signal));
        });
        let (stop, kill) = (Signal::SIGSTOP, Signal::SIGKILL);
        assert_eq!(*signals.borrow(), [(1, stop), (3, stop), (1, kill), (3, kill)]);
    }
}
