//! The numbers 0, 1 and 2 are the program's, also while it has closed them: what somebody writes to "standard error" must not end up in
//! a socket of ours, and a program that opens its STDERR again must get its number.
//!
//! Libraries make most of our descriptors, and the system gives each the lowest free number. So while a thread of ours makes some,
//! the free ones of the three are occupied. The program may give one free in that very moment; so what can be moved is moved.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use rustix::fs::MemfdFlags;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;

/// As long as one lives, new descriptors have numbers from 3 on, in all threads of the process. Meant for moments.
pub struct AboveStandard(());

/// How many [`AboveStandard`] there are.
static USERS: AtomicUsize = AtomicUsize::new(0);
/// By which of our files the numbers are occupied: its identity, or 0.
static OCCUPIED: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
/// Guards both. It is held for some system calls at most. Not a mutex, for a forked child must be able to take it back.
static LOCKED: AtomicBool = AtomicBool::new(false);

/// What the files are called with which we occupy numbers.
const NAME: &str = "mesos-standard";

struct Locked;

impl Locked {
    fn new() -> Self {
        while LOCKED
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            std::thread::yield_now();
        }
        Locked
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        LOCKED.store(false, Ordering::Release);
    }
}

fn standard() -> [BorrowedFd<'static>; 3] {
    [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()]
}

/// What tells an open file from all others; 0 if there is none.
fn identity(descriptor: BorrowedFd<'_>) -> u64 {
    rustix::fs::fstat(descriptor).map_or(0, |file| file.st_dev.rotate_left(32) ^ file.st_ino)
}

fn occupy() {
    for (descriptor, occupied) in standard().into_iter().zip(&OCCUPIED) {
        if rustix::io::fcntl_getfd(descriptor).is_ok() {
            continue;
        }
        // It gets the lowest free number: this one, unless another thread was quicker. Without a free one nothing is made anyway.
        if let Ok(made) = rustix::fs::memfd_create(NAME, MemfdFlags::CLOEXEC) {
            if made.as_raw_fd() == descriptor.as_raw_fd() {
                occupied.store(identity(made.as_fd()), Ordering::Relaxed);
                let _ = made.into_raw_fd();
            }
        }
    }
}

/// What the program has put in the place of our file meanwhile is its own.
fn give_back() {
    for (descriptor, occupied) in standard().into_iter().zip(&OCCUPIED) {
        let ours = occupied.swap(0, Ordering::Relaxed);
        if ours != 0 && identity(descriptor) == ours {
            let _ = nix::unistd::close(descriptor.as_raw_fd());
        }
    }
}

impl AboveStandard {
    pub fn hold() -> Self {
        let _locked = Locked::new();
        USERS.fetch_add(1, Ordering::Relaxed);
        occupy();
        AboveStandard(())
    }

    /// A future that makes descriptors when it is polled.
    pub async fn polled<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| -> Poll<F::Output> {
            let _above = AboveStandard::hold();
            future.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for AboveStandard {
    fn drop(&mut self) {
        let _locked = Locked::new();
        let last = USERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |users| users.checked_sub(1));
        if last == Ok(1) {
            give_back();
        }
    }
}

/// The same file by a number from 3 on.
pub fn moved(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    match descriptor.as_raw_fd() {
        0..=2 => Ok(rustix::io::fcntl_dupfd_cloexec(&descriptor, 3)?),
        _ => Ok(descriptor),
    }
}

/// In a child that was just forked: who made descriptors in the parent is not there.
pub fn release_in_child() {
    USERS.store(0, Ordering::Relaxed);
    give_back();
    LOCKED.store(false, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    // In a process of its own: the three numbers belong to all tests.
    #[test]
    fn numbers_are_kept_free_and_given_back() {
        const CHILD: &str = "MESOS_TEST_DESCRIPTORS";
        if std::env::var_os(CHILD).is_none() {
            let myself = std::env::current_exe().expect("the test");
            let name = "descriptors::tests::numbers_are_kept_free_and_given_back";
            let status = std::process::Command::new(myself)
                .args(["--exact", name, "--nocapture"])
                .env(CHILD, "1")
                .status();
            assert!(status.expect("a process").success());
            return;
        }
        let is_open = |number: usize| rustix::io::fcntl_getfd(standard()[number]).is_ok();
        let errors = rustix::io::dup(rustix::stdio::stderr()).expect("a duplicate");
        for number in [0, 2] {
            nix::unistd::close(number).expect("closed");
        }
        let outer = AboveStandard::hold();
        let made = rustix::pipe::pipe().expect("a pipe");
        drop(AboveStandard::hold());
        let more = rustix::pipe::pipe().expect("a pipe");
        assert!([&made.0, &made.1, &more.0, &more.1].iter().all(|end| end.as_raw_fd() > 2));
        assert!(is_open(0) && is_open(2), "occupied, also after another one has ended");
        // The program opens its STDERR.
        rustix::stdio::dup2_stderr(&errors).expect("stderr");
        drop(outer);
        assert!(!is_open(0) && is_open(2), "given back, except what is somebody else's by now");
        let below = rustix::pipe::pipe().expect("a pipe");
        assert_eq!(below.0.as_raw_fd(), 0, "the test sees what it is about");
        let above = moved(below.0).expect("moved");
        assert!(above.as_raw_fd() > 2 && !is_open(0));
        rustix::io::write(&below.1, b"x").expect("written");
        assert_eq!(rustix::io::read(&above, &mut [0; 2]), Ok(1), "the same pipe");
    }
}
