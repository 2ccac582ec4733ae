//! Volumes: what a program finds in its sandbox that is elsewhere.

use super::files::{self, enter, plain, replace};
use crate::local::helper_protocol::{User, Volume};
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
            return file(&here, name, own);
        }
        let fresh = mkdirat(&here, name, Mode::from_raw_mode(0o755));
        here = enter(&here, name)?;
        if fresh.is_ok() {
            own(&here)?;
        }
    }
    Ok(here)
}

/// The file below a mount. What is there already stays whose it is: it can be a link of the task's to somebody else's file.
fn file(directory: &OwnedFd, name: &OsStr, own: impl FnOnce(&OwnedFd) -> io::Result<()>) -> io::Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::from_raw_mode(0o644)) {
        Ok(fresh) => own(&fresh)?,
        Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    let there = openat(
        directory,
        name,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    match FileType::from_raw_mode(rustix::fs::fstat(&there)?.st_mode) {
        FileType::RegularFile => Ok(there),
        _ => Err(io::Error::other("what is there is no regular file")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{symlink, MetadataExt};

    /// Root makes them where tasks of that user may be at work already, for example with a hard link to a file of root's.
    #[test]
    fn places_of_files_are_given_away_only_when_they_are_new() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let sandbox = std::env::temp_dir().join(format!("mesos-perl-places-{}", std::process::id()));
        fs::create_dir_all(sandbox.join("d")).unwrap();
        fs::write(sandbox.join("roots"), "").unwrap();
        fs::hard_link(sandbox.join("roots"), sandbox.join("d/planted")).unwrap();
        symlink("roots", sandbox.join("link")).unwrap();
        let user = User {
            name: b"nobody".to_vec(),
            uid: 65534,
            gid: 65534,
        };
        let make = |to: &str, is_directory| target(sandbox.as_os_str().as_bytes(), Path::new(to), is_directory, Some(&user));
        let owner = |name: &str| fs::metadata(sandbox.join(name)).unwrap().uid();
        make("e/new", false).unwrap();
        make("e/new", false).unwrap();
        make("d/planted", false).unwrap();
        make("d/f", true).unwrap();
        assert!(make("link", false).is_err());
        assert!(make("d/f", false).is_err());
        let owners = ["e", "e/new", "d/f", "d", "d/planted", "roots"].map(owner);
        assert_eq!(owners, [65534, 65534, 65534, 0, 0, 0]);
        fs::remove_dir_all(sandbox).unwrap();
    }
}
