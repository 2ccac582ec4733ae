//! Files in a sandbox, which is the task's user's: he can plant links there at any time, and they lead nowhere here.

use crate::regular_file;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{fcntl_getfl, fcntl_setfl, mkdirat, openat, unlinkat, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// A directory that is no link.
pub const DIRECTORY: OFlags = OFlags::RDONLY
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

/// A file that is there already is replaced, not written to: it can be a link of any kind.
pub fn replace(directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

pub fn create(directory: &OwnedFd, name: &OsStr, access: OFlags) -> io::Result<File> {
    let flags = access | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(openat(directory, name, flags, Mode::from_raw_mode(0o600))?))
}

/// The cluster has checked it; this is where it matters.
pub fn plain(part: Component<'_>) -> io::Result<&OsStr> {
    match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

pub fn enter(directory: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    match mkdirat(directory, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(openat(directory, name, DIRECTORY, Mode::empty())?)
}

/// The directory below `root` in which something is to be, made if need be, and its name there.
pub fn place(root: impl AsFd, path: &Path) -> io::Result<(OwnedFd, &OsStr)> {
    let mut directory = root.as_fd().try_clone_to_owned()?;
    for part in path.parent().into_iter().flat_map(Path::components) {
        directory = enter(&directory, plain(part)?)?;
    }
    let name = plain(path.components().next_back().ok_or(io::ErrorKind::InvalidInput)?)?;
    Ok((directory, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, read_to_string};
    use std::io::Write;
    use std::os::unix::fs::symlink;

    /// What the task's user has planted in the sandbox leads nowhere, whatever it is.
    #[test]
    fn planted_links_are_replaced_or_refused() {
        let folder = std::env::temp_dir().join(format!("mesos-perl-files-{}", std::process::id()));
        let (path, outside) = (folder.join("sandbox"), folder.join("outside"));
        fs::create_dir_all(path.join("own")).unwrap();
        fs::create_dir(folder.join("elsewhere")).unwrap();
        fs::write(&outside, "untouched").unwrap();
        for name in ["program", "own/program", "stdout"] {
            symlink(&outside, path.join(name)).unwrap();
        }
        symlink(folder.join("elsewhere"), path.join("folder")).unwrap();
        nix::unistd::mkfifo(&path.join("stderr"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let sandbox = open_sandbox(path.as_os_str().as_bytes()).unwrap();

        for to in ["program", "own/program"] {
            let (directory, name) = place(&sandbox, Path::new(to)).unwrap();
            // Planted after the place was cleared: an error, and never the other file.
            assert!(create(&directory, name, OFlags::WRONLY).is_err(), "{to}");
            replace(&directory, name).unwrap();
            create(&directory, name, OFlags::WRONLY)
                .unwrap()
                .write_all(b"fetched")
                .unwrap();
            assert_eq!(read_to_string(path.join(to)).unwrap(), "fetched");
        }
        assert!(place(&sandbox, Path::new("folder/program")).is_err());
        assert!(place(&sandbox, Path::new("../program")).is_err());
        assert!(open_output(&sandbox, b"stdout").is_err(), "a link");
        assert!(open_output(&sandbox, b"stderr").is_err(), "a FIFO, at once");
        assert_eq!(read_to_string(&outside).unwrap(), "untouched");
        assert_eq!(fs::read_dir(folder.join("elsewhere")).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }
}
