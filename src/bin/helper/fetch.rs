//! Files in a sandbox, which is the task's user's: he can plant links there at any time, and they lead nowhere here.
//!
//! All of it happens in the process that becomes the program, with the rights of its user. It may take as long as it likes.

use mesos_perl::local::helper_protocol::Fetch;
use mesos_perl::regular_file::{self, Links};
use rustix::fd::OwnedFd;
use rustix::fs::{fchmod, fcntl_getfl, fcntl_setfl, mkdirat, openat, unlinkat, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

/// A directory that is no link.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

pub fn open_sandbox(path: &[u8]) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(OsStr::from_bytes(path), DIRECTORY, Mode::empty())?)
}

/// One of the files to which the program's output is appended.
pub fn open_output(sandbox: &OwnedFd, name: &[u8]) -> io::Result<File> {
    // Opening a FIFO would wait for its reader.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(sandbox, OsStr::from_bytes(name), flags, Mode::from_raw_mode(0o644))?);
    regular_file::check(&file)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Copies one file; the error says which and why not.
pub fn fetch(sandbox: &OwnedFd, fetch: &Fetch) -> Result<(), String> {
    copy(sandbox, fetch).map_err(|e| format!("Failed to fetch '{}': {e}", String::from_utf8_lossy(&fetch.uri)))
}

fn copy(sandbox: &OwnedFd, fetch: &Fetch) -> io::Result<()> {
    let mut from = regular_file::open(Path::new(OsStr::from_bytes(&fetch.from)), Links::Follow)?;
    let mode = from.metadata()?.permissions().mode() & 0o777 | if fetch.executable { 0o111 } else { 0 };
    let to = Path::new(OsStr::from_bytes(&fetch.to));
    let mut directory = sandbox.try_clone()?;
    for part in to.parent().into_iter().flat_map(Path::components) {
        directory = enter(&directory, plain(part)?)?;
    }
    let name = plain(to.components().next_back().ok_or(io::ErrorKind::InvalidInput)?)?;
    // A file that is there already is replaced, not written to: it can be a link of any kind.
    match unlinkat(&directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(&directory, name, flags, Mode::from_raw_mode(0o600))?);
    io::copy(&mut from, &mut file)?;
    Ok(fchmod(&file, Mode::from_raw_mode(mode))?)
}

/// The cluster has checked it; this is where it matters.
fn plain(part: Component<'_>) -> io::Result<&OsStr> {
    match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn enter(directory: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    match mkdirat(directory, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(openat(directory, name, DIRECTORY, Mode::empty())?)
}
