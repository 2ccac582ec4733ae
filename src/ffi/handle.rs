//! What all opaque handles share: who made them, and the checks on the pointers that come back.

use super::error::{FfiError, MesosCode};
use crate::fork;
use nix::unistd::{getpid, Pid};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::OnceLock;

/// How many forks lie between the first process of this library and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);
/// This process, once forks are counted.
static PROCESS: AtomicI32 = AtomicI32::new(0);

extern "C" fn before_fork() {
    fork::prepare();
}

extern "C" fn after_fork() {
    fork::in_parent();
}

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    PROCESS.store(getpid().as_raw(), Ordering::Relaxed);
    fork::in_child();
}

/// Whether forks are counted. Asking the kernel for the process id would be a tenth of the time of an event.
fn forks_are_counted() -> bool {
    static COUNTED: OnceLock<bool> = OnceLock::new();
    *COUNTED.get_or_init(|| {
        PROCESS.store(getpid().as_raw(), Ordering::Relaxed);
        // SAFETY: the functions do not panic, and `forked` does only what is allowed in a child of a process with threads.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(forked)) == 0 }
    })
}

/// The creator of a handle. Threads do not survive a fork, and locks may be held by them for ever, so that a child must not
/// touch what its parent made.
#[derive(Clone, Copy)]
pub struct Creator {
    /// For the error text, and where forks are not counted.
    process: Pid,
    forks: u64,
}

impl Creator {
    pub fn this_process() -> Self {
        let process = match forks_are_counted() {
            true => Pid::from_raw(PROCESS.load(Ordering::Relaxed)),
            false => getpid(),
        };
        Creator {
            process,
            forks: FORKS.load(Ordering::Relaxed),
        }
    }

    pub fn is_this_process(self) -> bool {
        match forks_are_counted() {
            true => self.forks == FORKS.load(Ordering::Relaxed),
            false => self.process == getpid(),
        }
    }
}

/// A type whose values cross the ABI as opaque pointers.
pub trait Handle {
    /// For error texts: "driver", "channel", ...
    const NAME: &'static str;
    fn creator(&self) -> Creator;
}

/// The value behind a handle.
///
/// # Safety
/// `handle` is NULL, or came from the type's `_new` and was not freed.
pub unsafe fn get<'a, T: Handle>(handle: *const T) -> Result<&'a T, FfiError> {
    // SAFETY: the caller's promise.
    let value = unsafe { handle.as_ref() }
        .ok_or_else(|| FfiError::new(MesosCode::MesosNullPointer, format!("the {} is not initialised", T::NAME)))?;
    if value.creator().is_this_process() {
        return Ok(value);
    }
    Err(FfiError::new(
        MesosCode::MesosForked,
        format!(
            "this {} was made by process {}, before the fork that made this process: make a new one here",
            T::NAME,
            value.creator().process
        ),
    ))
}

/// As [`get`], to change it.
///
/// # Safety
/// As for [`get`], and no other thread uses the handle meanwhile.
pub unsafe fn get_mut<'a, T: Handle>(handle: *mut T) -> Result<&'a mut T, FfiError> {
    // SAFETY: the caller's promise, for both.
    unsafe {
        get(handle)?;
        out(handle)
    }
}

/// The place for a result.
///
/// # Safety
/// `out` is NULL, or points to a writable `T`.
pub unsafe fn out<'a, T>(out: *mut T) -> Result<&'a mut T, FfiError> {
    // SAFETY: the caller's promise.
    unsafe { out.as_mut() }.ok_or_else(|| FfiError::new(MesosCode::MesosNullPointer, "no place for the result"))
}

/// Hands a value to C, which gives it back to [`free`].
pub fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Ends a handle. NULL is nothing to do; in a forked child the value is left alone, for its locks and threads are the parent's.
///
/// # Safety
/// `handle` is NULL, or came from [`give`] and is not used after this.
pub unsafe fn free<T: Handle>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let value = unsafe { Box::from_raw(handle) };
    if value.creator().is_this_process() {
        drop(value);
    } else {
        std::mem::forget(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_another_process() {
        let creator = Creator::this_process();
        assert!(creator.is_this_process() && forks_are_counted());
        // SAFETY: the child does nothing but compare numbers and end.
        unsafe { in_child(|| !creator.is_this_process() && Creator::this_process().is_this_process()) };
        assert!(creator.is_this_process());
    }

    /// Forks, and expects that `check` becomes true in the child, within 20 s.
    ///
    /// # Safety
    /// `check` does what is allowed in a child of a process with threads.
    unsafe fn in_child(check: impl FnOnce() -> bool) {
        // SAFETY: the caller's promise.
        match unsafe { nix::unistd::fork() }.expect("fork") {
            nix::unistd::ForkResult::Child => {
                nix::unistd::alarm::set(20);
                let status = i32::from(!check());
                // SAFETY: ends the child without the test harness' destructors.
                unsafe { libc::_exit(status) }
            }
            nix::unistd::ForkResult::Parent { child } => {
                let status = nix::sys::wait::waitpid(child, None).expect("the child");
                assert_eq!(status, nix::sys::wait::WaitStatus::Exited(child, 0));
            }
        }
    }

    #[test]
    fn a_child_can_log_whatever_other_threads_do() {
        assert!(forks_are_counted());
        let folder = std::env::temp_dir().join(format!("mesos-perl-fork-{}", std::process::id()));
        let variables = [
            ("MESOS_quiet", "1".into()),
            ("MESOS_log_dir", folder.clone().into_os_string()),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value));
        crate::logging::init("fork", variables.into_iter()).expect("the first to log");
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    log::info!("in another thread");
                }
            });
            for number in 0..100 {
                // SAFETY: logging is what is tried here.
                unsafe {
                    in_child(|| {
                        log::info!("child {number}");
                        true
                    });
                };
            }
            stop.store(true, Ordering::Relaxed);
        });
        let log = std::fs::read_to_string(folder.join("fork.INFO")).expect("the log");
        let children = log.lines().filter(|line| line.contains("] child ")).count();
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(children, 100, "no line is lost");
    }

    #[test]
    fn a_child_closes_what_is_marked_and_nothing_else() {
        assert!(forks_are_counted());
        let open = |number: i32| nix::fcntl::fcntl(number, nix::fcntl::FcntlArg::F_GETFD).is_ok();
        let (closed, kept, unmarked) = (
            std::os::unix::net::UnixStream::pair().expect("sockets"),
            std::os::unix::net::UnixStream::pair().expect("sockets"),
            std::os::unix::net::UnixStream::pair().expect("sockets"),
        );
        let number = |socket: &std::os::unix::net::UnixStream| std::os::fd::AsRawFd::as_raw_fd(socket);
        let _mark = fork::Mark::new(&closed.0);
        drop(fork::Mark::new(&unmarked.0));
        // SAFETY: the child only asks the kernel.
        unsafe {
            in_child(|| {
                let [closed, unmarked, kept] = [&closed.0, &unmarked.0, &kept.0].map(number);
                !open(closed) && open(unmarked) && open(kept)
            });
        };
        assert!(open(number(&closed.0)));
    }
}
