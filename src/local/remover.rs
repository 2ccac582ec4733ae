//! Removes the sandboxes of what has ended, on a thread of its own: they can be large, and nobody is to wait for that.

use super::agent::litter::Litter;
use super::agent::sandbox;
use super::removal;
use crate::thread::lock;
use rustix::fs::{readlinkat, unlinkat, AtFlags};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// What waits to be removed, and who does it.
#[derive(Debug, Clone, Default)]
pub struct Remover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    /// Held while directories are made or removed that several sandboxes have above them.
    way: Mutex<()>,
}

#[derive(Debug, Default)]
struct Work {
    waits: VecDeque<Litter>,
    /// There is a thread that takes from it.
    runs: bool,
}

impl Remover {
    /// Has these removed. Returns at once.
    pub fn remove(&self, work_dir: &Path, litter: Vec<Litter>) {
        let mut work = lock(&self.0.work);
        work.waits.extend(litter);
        if std::mem::replace(&mut work.runs, true) {
            return;
        }
        let (shared, work_dir) = (self.0.clone(), work_dir.to_path_buf());
        if let Err(e) = crate::thread::spawn("mesos-remover", move || shared.work(&work_dir)) {
            // The next one tries it again.
            work.runs = false;
            log::warn!("cannot remove sandboxes now: {e}");
        }
    }

    /// While this is held, no directory above a sandbox disappears.
    pub fn keep_ways(&self) -> MutexGuard<'_, ()> {
        lock(&self.0.way)
    }
}

impl Shared {
    fn work(&self, work_dir: &Path) {
        while let Some(litter) = self.next() {
            let (path, done) = match &litter {
                Litter::Sandbox {
                    agent,
                    framework,
                    executor,
                    container,
                } => {
                    let place = sandbox::Place {
                        agent,
                        framework,
                        executor,
                        container,
                    };
                    let path = sandbox::path(work_dir, &place);
                    let done = self.remove_sandbox(&path);
                    (path, done)
                }
                Litter::Agent(id) => {
                    let path = sandbox::of_agent(work_dir, id);
                    let done = remove(&path);
                    (path, done)
                }
            };
            match done {
                // There was never one, or its agent's went with all.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => log::warn!("cannot remove all of {}: {e}", path.display()),
                Ok(()) => {}
            }
        }
    }

    fn next(&self) -> Option<Litter> {
        let mut work = lock(&self.work);
        let next = work.waits.pop_front();
        if next.is_none() {
            work.runs = false;
            work.waits.shrink_to_fit();
        }
        next
    }

    /// Removes a sandbox, the link to it, and the directories above that are empty then: `runs`, the executor's, `executors` and the
    /// framework's.
    fn remove_sandbox(&self, path: &Path) -> io::Result<()> {
        remove(path)?;
        let _way = lock(&self.way);
        let mut here = PathBuf::from(path);
        for level in 0..4 {
            let Some(above) = here.parent().map(Path::to_path_buf) else {
                break;
            };
            if level == 0 {
                forget_latest(&above, path)?;
            }
            let (Some(parent), Some(name)) = (above.parent(), above.file_name()) else {
                break;
            };
            if unlinkat(sandbox::known_way(parent)?, name, AtFlags::REMOVEDIR).is_err() {
                // Others are in it.
                break;
            }
            here = above;
        }
        Ok(())
    }
}

/// Removes `runs/latest` if it leads to this sandbox.
fn forget_latest(runs: &Path, sandbox: &Path) -> io::Result<()> {
    let runs = sandbox::known_way(runs)?;
    let is_it = readlinkat(&runs, "latest", Vec::new()).is_ok_and(|to| OsStr::from_bytes(to.to_bytes()) == sandbox.as_os_str());
    if is_it {
        unlinkat(&runs, "latest", AtFlags::empty())?;
    }
    Ok(())
}

/// Removes a directory without following links on the way to it, nor in it.
fn remove(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    removal::remove_tree_in(&sandbox::known_way(parent)?, Path::new(name))
}

/// Which part of the disk with this directory is used, as Mesos reckons it.
pub fn disk_usage(path: &Path) -> Option<f64> {
    let found = rustix::fs::statvfs(path).ok()?;
    let used = found.f_blocks.saturating_sub(found.f_bfree);
    (found.f_blocks > 0).then(|| used as f64 / found.f_blocks as f64)
}
