//! Volumes: what a program finds in its sandbox that is elsewhere.

use super::files::{self, enter, plain, replace};
use mesos_perl::local::helper_protocol::{User, Volume};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{mkdirat, openat, symlinkat, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{mount_bind, mount_change, mount_remount, MountFlags, MountPropagationFlags};
use rustix::thread::UnshareFlags;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Those that are mounts. This process and what it becomes see them, and nobody else.
///
/// Before the change of user: mounting is root's business. What is made in the sandbox for it is the user's all the same.
pub fn mount(directory: &[u8], volumes: &[Volume], user: Option<&User>) -> Result<(), String> {
    let mut mounts = volumes.iter().filter(|volume| volume.mount).peekable();
    if mounts.peek().is_none() {
        return Ok(());
    }
    let alone = rustix::thread::unshare(UnshareFlags::NEWNS);
    let alone = alone.and_then(|()| mount_change("/", MountPropagationFlags::SLAVE | MountPropagationFlags::REC));
    alone.map_err(|e| format!("volumes with a path of the host are mounts, which this user may not make: {e}"))?;
    for volume in mounts {
        mount_one(directory, volume, user).map_err(|e| failed(volume, &e))?;
    }
    Ok(())
}

fn failed(volume: &Volume, why: &io::Error) -> String {
    let (from, to) = (String::from_utf8_lossy(&volume.from), String::from_utf8_lossy(&volume.to));
    format!("cannot provide the volume '{from}' at '{to}': {why}")
}

fn mount_one(directory: &[u8], volume: &Volume, user: Option<&User>) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let from = rustix::fs::open(OsStr::from_bytes(&volume.from), flags, Mode::empty())?;
    let is_directory = FileType::from_raw_mode(rustix::fs::fstat(&from)?.st_mode) == FileType::Directory;
    let to = Path::new(OsStr::from_bytes(&volume.to));
    let to = match to.is_absolute() {
        // What is not there is not made.
        true => rustix::fs::open(to, flags, Mode::empty())?,
        false => target(directory, to, is_directory, user)?,
    };
    // By descriptors: names could be others by now.
    let name = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    mount_bind(name(&from), name(&to))?;
    if volume.read_only {
        // `to` is what lies below the mount.
        let to = Path::new(OsStr::from_bytes(directory)).join(OsStr::from_bytes(&volume.to));
        let mounted = rustix::fs::open(to, flags, Mode::empty())?;
        mount_remount(name(&mounted), MountFlags::BIND | MountFlags::RDONLY, "")?;
    }
    Ok(())
}

/// Where something is mounted in the sandbox: a directory for a directory, a file for a file.
fn target(directory: &[u8], to: &Path, is_directory: bool, user: Option<&User>) -> io::Result<OwnedFd> {
    let mut here = super::files::open_sandbox(directory)?;
    let own = |fd: &OwnedFd| match user {
        Some(user) => std::os::unix::fs::fchown(fd, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    };
    let mut parts = to.components().peekable();
    while let Some(part) = parts.next() {
        let name = plain(part)?;
        if parts.peek().is_none() && !is_directory {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat(&here, name, flags, Mode::from_raw_mode(0o644))?;
            own(&file)?;
            return Ok(openat(
                &here,
                name,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )?);
        }
        let fresh = mkdirat(&here, name, Mode::from_raw_mode(0o755));
        here = enter(&here, name)?;
        if fresh.is_ok() {
            own(&here)?;
        }
    }
    Ok(here)
}

/// Those that are links: directories of the sandbox, or of that around it. As the program's user.
pub fn link(sandbox: &OwnedFd, volumes: &[Volume]) -> Result<(), String> {
    for volume in volumes.iter().filter(|volume| !volume.mount) {
        link_one(sandbox, volume).map_err(|e| failed(volume, &e))?;
    }
    Ok(())
}

fn link_one(sandbox: &OwnedFd, volume: &Volume) -> io::Result<()> {
    // What it leads to is a directory, which is made if need be.
    let root = rustix::fs::open(
        OsStr::from_bytes(&volume.root),
        OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let from = Path::new(OsStr::from_bytes(&volume.from));
    let below = from.strip_prefix(OsStr::from_bytes(&volume.root)).map_err(io::Error::other)?;
    let mut here = root;
    for part in below.components() {
        here = enter(&here, plain(part)?)?;
    }
    let (directory, name) = files::place(sandbox, Path::new(OsStr::from_bytes(&volume.to)))?;
    match symlinkat(from, &directory, name) {
        Err(Errno::EXIST) => {
            replace(&directory, name)?;
            Ok(symlinkat(from, &directory, name)?)
        }
        made => Ok(made?),
    }
}
