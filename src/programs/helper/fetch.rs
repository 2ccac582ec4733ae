//! What a program needs in its sandbox before it starts: URIs, from files or over http(s), perhaps through the cache, perhaps unpacked.
//!
//! All of it happens in the process that becomes the program, with the rights of its user. It may take as long as it likes.

use super::extract::{self, Format, Limits};
use super::files::{self, create, replace, DIRECTORY};
use super::http;
use crate::local::helper_protocol::Fetch;
use crate::regular_file::{self, Links};
use rustix::fd::OwnedFd;
use rustix::fs::{fchmod, openat, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Fetches one URI; the error says which and why not.
pub fn fetch(sandbox: &OwnedFd, fetch: &Fetch) -> Result<(), String> {
    let fetched = match fetch.cache.is_empty() {
        true => directly(sandbox, fetch),
        false => through_cache(sandbox, fetch),
    };
    fetched.map_err(|e| format!("Failed to fetch '{}': {e}", String::from_utf8_lossy(&fetch.uri)))
}

/// An archive stays beside what it is unpacked to.
fn directly(sandbox: &OwnedFd, fetch: &Fetch) -> io::Result<()> {
    let (directory, name) = place(sandbox, fetch)?;
    let mut file = create(&directory, name, OFlags::RDWR)?;
    let loaded = load(fetch, &mut file).and_then(|mode| finish(&file, fetch, mode));
    if loaded.is_err() {
        replace(&directory, name)?;
    }
    loaded?;
    match fetch.format() {
        Some(format) => {
            file.rewind()?;
            unpack(sandbox, file, fetch, format)
        }
        None => Ok(()),
    }
}

/// The first who needs a URI brings it into the cache, others wait for him. An archive is unpacked from there.
fn through_cache(sandbox: &OwnedFd, fetch: &Fetch) -> io::Result<()> {
    let path = Path::new(OsStr::from_bytes(&fetch.cache));
    let (folder, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
    let folder = rustix::fs::open(folder, DIRECTORY, Mode::empty())?;
    let with = |end: &str| [name.as_bytes(), end.as_bytes()].concat();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = openat(&folder, with(".lock"), flags, Mode::from_raw_mode(0o600))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    let open = || {
        openat(
            &folder,
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )
    };
    let mut cached = match open() {
        Ok(cached) => File::from(cached),
        Err(Errno::NOENT) => {
            let fresh = with(".new");
            let fresh = OsStr::from_bytes(&fresh);
            replace(&folder, fresh)?;
            let mut file = create(&folder, fresh, OFlags::WRONLY)?;
            let mode = load(fetch, &mut file)?;
            fchmod(&file, Mode::from_raw_mode(mode | 0o400))?;
            rustix::fs::renameat(&folder, fresh, &folder, name)?;
            File::from(open()?)
        }
        Err(e) => return Err(e.into()),
    };
    drop(lock);
    if let Some(format) = fetch.format() {
        return unpack(sandbox, cached, fetch, format);
    }
    let mode = cached.metadata()?.permissions().mode() & 0o777;
    let (directory, name) = place(sandbox, fetch)?;
    let mut file = create(&directory, name, OFlags::WRONLY)?;
    io::copy(&mut cached, &mut file)?;
    finish(&file, fetch, mode)
}

/// Writes what the URI stands for, and says which mode that has.
fn load(fetch: &Fetch, to: &mut File) -> io::Result<u32> {
    if fetch.from.is_empty() {
        http::get(&fetch.uri, to)?;
        return Ok(0o644);
    }
    let mut from = regular_file::open(Path::new(OsStr::from_bytes(&fetch.from)), Links::Follow)?;
    let mode = from.metadata()?.permissions().mode() & 0o777;
    io::copy(&mut from, to)?;
    Ok(mode)
}

fn finish(file: &File, fetch: &Fetch, mode: u32) -> io::Result<()> {
    let mode = mode | if fetch.executable { 0o111 } else { 0 };
    Ok(fchmod(file, Mode::from_raw_mode(mode))?)
}

fn unpack(sandbox: &OwnedFd, archive: File, fetch: &Fetch, format: Format) -> io::Result<()> {
    let size = archive.metadata()?.len();
    let name = Path::new(OsStr::from_bytes(&fetch.to)).file_name().unwrap_or_default();
    let unpacked = extract::extract(sandbox, archive, name, format, Limits::of(size));
    unpacked.map_err(|e| io::Error::new(e.kind(), format!("cannot extract it: {e}")))
}

/// Where the file in the sandbox is to be that a URI becomes: nothing is there now.
fn place<'a>(sandbox: &OwnedFd, fetch: &'a Fetch) -> io::Result<(OwnedFd, &'a OsStr)> {
    let (directory, name) = files::place(sandbox, Path::new(OsStr::from_bytes(&fetch.to)))?;
    replace(&directory, name)?;
    Ok((directory, name))
}

trait Unpacked {
    /// How it is to be unpacked, if it is.
    fn format(&self) -> Option<Format>;
}

impl Unpacked for Fetch {
    fn format(&self) -> Option<Format> {
        Format::of(&self.to).filter(|_| self.extract && !self.executable)
    }
}
