//! Removes a directory whose contents are a task's: whatever it has left there, and without following it anywhere.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{fchmod, fstat, open, openat, unlinkat, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::path::Path;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory on the way down: its name in the one above, and which that is.
struct Level {
    name: CString,
    above: (u64, u64),
}

/// Removes `path` and all below. Nothing there is an error of its kind (`NotFound`).
///
/// Takes one descriptor however deep the tree is, and gives itself the rights that its owner has taken from a directory.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let mut here = enter(rustix::fs::CWD, path)?;
    let mut levels: Vec<Level> = Vec::new();
    loop {
        if let Some(name) = empty(&here)? {
            let above = identity(&fstat(&here)?);
            here = enter(&here, name.as_c_str())?;
            levels.push(Level { name, above });
            continue;
        }
        let Some(level) = levels.pop() else { break };
        let up = openat(&here, c"..", DIRECTORY, Mode::empty())?;
        // Somebody has moved it: what is above now is none of our business.
        if identity(&fstat(&up)?) != level.above {
            return Err(io::Error::other("a directory was moved while it was removed"));
        }
        unlinkat(&up, level.name.as_c_str(), AtFlags::REMOVEDIR)?;
        here = up;
    }
    std::fs::remove_dir(path)
}

#[allow(clippy::unnecessary_cast)] // not every kind of machine has 64 bits there
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// Removes what is no directory; returns the name of the first that is one.
fn empty(directory: &OwnedFd) -> io::Result<Option<CString>> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            return Ok(Some(name.to_owned()));
        }
        match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // A file system that does not say what is a directory.
            Err(Errno::ISDIR) => return Ok(Some(name.to_owned())),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(None)
}

/// Opens a directory so that it can be emptied.
fn enter<P: rustix::path::Arg + Copy>(above: impl AsFd, name: P) -> io::Result<OwnedFd> {
    let opened = match openat(above.as_fd(), name, DIRECTORY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // By its descriptor, since chmod follows links.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(above.as_fd(), name, flags, Mode::empty())?;
            let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&place));
            rustix::fs::chmod(link.as_str(), Mode::RWXU)?;
            open(format!("{link}/.").as_str(), DIRECTORY, Mode::empty())?
        }
        other => other?,
    };
    if fstat(&opened)?.st_mode & 0o700 != 0o700 {
        // Not its owner: perhaps there is nothing in it.
        let _ = fchmod(&opened, Mode::RWXU);
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{symlink, PermissionsExt};

    fn scratch(name: &str) -> std::path::PathBuf {
        let directory = std::env::temp_dir().join(format!("mesos-perl-removal-{name}-{}", crate::local::ids::uuid()));
        std::fs::create_dir(&directory).unwrap();
        directory
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let (tree, outside) = (scratch("links"), scratch("outside"));
        std::fs::write(outside.join("kept"), "").unwrap();
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        symlink(&outside, tree.join("a/b/link")).unwrap();
        symlink("nowhere", tree.join("broken")).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists() && outside.join("kept").exists());
        assert_eq!(remove_tree(&tree).unwrap_err().kind(), io::ErrorKind::NotFound);
        symlink(&outside, &tree).unwrap();
        assert!(remove_tree(&tree).is_err(), "not through a link");
        assert!(outside.join("kept").exists());
        std::fs::remove_file(&tree).unwrap();
        std::fs::remove_dir_all(outside).unwrap();
    }

    /// Deeper than there may be descriptors, and longer than a path may be.
    #[test]
    fn depth_does_not_matter() {
        let tree = scratch("deep");
        let mut here = enter(rustix::fs::CWD, tree.as_path()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&here, "dir", Mode::RWXU).unwrap();
            here = enter(&here, "dir").unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }

    /// Says something only where the tests are not run by root, who needs no rights.
    #[test]
    fn closed_directories_are_opened() {
        let tree = scratch("closed");
        for (name, mode) in [
            ("none", 0),
            ("read", 0o400),
            ("enter", 0o100),
            ("write", 0o200),
            ("fixed", 0o500),
        ] {
            std::fs::create_dir_all(tree.join(name).join("in")).unwrap();
            std::fs::write(tree.join(name).join("file"), "").unwrap();
            std::fs::set_permissions(tree.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
