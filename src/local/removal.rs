//! Removes a directory whose contents are a task's: whatever it has left there, and without following it anywhere.

use crate::descriptors::AboveStandard;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{chmod, chownat, fstat, openat, unlinkat, AtFlags, Dir, FileType, Mode, OFlags, Stat, CWD};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

/// A directory that is no link. It can be asked what it is, and is not opened yet.
const PLACE: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How often a directory may turn out not to be empty after all: somebody still writes there.
const PATIENCE: usize = 100;

/// A directory on the way down.
struct Level {
    /// Its name in the one above, and which that is.
    name: CString,
    above: (u64, u64),
    /// What the one above has and cannot be removed.
    stuck: BTreeSet<CString>,
}

/// Removes `path` and all below. Nothing there is an error of its kind (`NotFound`).
///
/// Takes one descriptor however deep the tree is, and gives itself the rights that its owner has taken from a directory. What is
/// mounted below is somebody else's, and stays. What cannot be removed does not keep the rest: the error tells of the first.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    remove_tree_in(&CWD, path)
}

/// The same with a path that begins at an open directory.
pub fn remove_tree_in(parent: &impl AsFd, path: &Path) -> io::Result<()> {
    let _above = AboveStandard::hold();
    let place = openat(parent, path, PLACE, Mode::empty())?;
    let mut removal = Removal {
        mount: mount_of(&place)?,
        here: enter(&place)?,
        stuck: BTreeSet::new(),
        levels: Vec::new(),
        patience: PATIENCE,
        error: None,
    };
    removal.work()?;
    match removal.error {
        Some(error) => Err(error),
        None => Ok(unlinkat(parent, path, AtFlags::REMOVEDIR)?),
    }
}

/// How far it has got.
struct Removal {
    mount: Mount,
    here: OwnedFd,
    /// What cannot be removed from here.
    stuck: BTreeSet<CString>,
    levels: Vec<Level>,
    patience: usize,
    error: Option<io::Error>,
}

impl Removal {
    fn work(&mut self) -> io::Result<()> {
        loop {
            if let Some(name) = self.empty()? {
                if let Err(error) = self.down(&name) {
                    self.is_stuck(name, &error);
                }
            } else if !self.up()? {
                return Ok(());
            }
        }
    }

    /// Removes what is no directory; returns the name of the first that is one.
    fn empty(&mut self) -> io::Result<Option<CString>> {
        let entries = Dir::read_from(&self.here)?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || self.stuck.contains(name) {
                continue;
            }
            if entry.file_type() == FileType::Directory {
                return Ok(Some(name.to_owned()));
            }
            match unlinkat(&self.here, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                // A file system that does not say what is a directory.
                Err(Errno::ISDIR) => return Ok(Some(name.to_owned())),
                Err(e) => self.is_stuck(name.to_owned(), &e.into()),
            }
        }
        Ok(None)
    }

    fn down(&mut self, name: &CStr) -> io::Result<()> {
        let above = identity(&fstat(&self.here)?);
        let place = match openat(&self.here, name, PLACE, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            place => place?,
        };
        // A task of root's can have mounted anything, and anybody's can have mounted a file system of its own making.
        if mount_of(&place)? != self.mount {
            return Err(io::Error::other("something is mounted there"));
        }
        self.here = enter(&place)?;
        let (name, stuck) = (name.to_owned(), std::mem::take(&mut self.stuck));
        self.levels.push(Level { name, above, stuck });
        Ok(())
    }

    /// Removes the directory here, which has been emptied as far as it can be, from the one above. False at the top.
    fn up(&mut self) -> io::Result<bool> {
        let Some(level) = self.levels.pop() else { return Ok(false) };
        let up = openat(&self.here, "..", DIRECTORY, Mode::empty())?;
        // Somebody has moved it: what is above now is none of our business.
        if identity(&fstat(&up)?) != level.above {
            return Err(io::Error::other("a directory was moved while it was removed"));
        }
        self.here = up;
        let full = !std::mem::replace(&mut self.stuck, level.stuck).is_empty();
        if full {
            self.stuck.insert(level.name);
            return Ok(true);
        }
        match unlinkat(&self.here, level.name.as_c_str(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            // It comes again.
            Err(Errno::NOTEMPTY | Errno::EXIST) if self.patience > 0 => self.patience -= 1,
            Err(e) => self.is_stuck(level.name, &e.into()),
        }
        Ok(true)
    }

    fn is_stuck(&mut self, name: CString, error: &io::Error) {
        if self.error.is_none() {
            let mut path = Vec::new();
            for part in self.levels.iter().map(|level| &level.name).chain([&name]) {
                path.extend([part.to_bytes(), b"/"].concat());
            }
            path.pop();
            self.error = Some(io::Error::new(
                error.kind(),
                format!("{}: {error}", String::from_utf8_lossy(&path)),
            ));
        }
        self.stuck.insert(name);
    }
}

#[allow(clippy::unnecessary_cast)] // not every kind of machine has 64 bits there
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// On which mount a file is. Two mounts can show the same file system, so its device does not say it; it has to do where the
/// kernel says no more.
#[derive(PartialEq)]
enum Mount {
    Number(u64),
    Device(u64),
}

fn mount_of(place: &OwnedFd) -> io::Result<Mount> {
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", place.as_raw_fd())).unwrap_or_default();
    let number = told
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    match number {
        Some(number) => Ok(Mount::Number(number)),
        None => Ok(Mount::Device(identity(&fstat(place)?).0)),
    }
}

/// Opens a directory so that it can be emptied, and closes it to others: they shall not put more there, nor move it away.
fn enter(place: &OwnedFd) -> io::Result<OwnedFd> {
    let stat = fstat(place)?;
    let us = rustix::process::geteuid();
    if us.is_root() && stat.st_uid != us.as_raw() {
        // Where not even root may, it is as it is.
        let _ = chownat(place, "", Some(us), None, AtFlags::EMPTY_PATH);
    }
    if stat.st_mode & 0o7777 != 0o700 {
        // By its descriptor, since chmod follows links. Not its owner: perhaps there is nothing in it.
        let link = format!("/proc/self/fd/{}", place.as_raw_fd());
        let _ = chmod(link.as_str(), Mode::RWXU);
    }
    Ok(openat(place, ".", DIRECTORY, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::open;
    use std::os::unix::fs::{symlink, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

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
        let mut here = open(&tree, DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&here, "dir", Mode::RWXU).unwrap();
            here = openat(&here, "dir", DIRECTORY, Mode::empty()).unwrap();
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

    /// A program of user 65534, for whom root's files are others'. Only root can start one.
    fn of_another(program: &str) -> Command {
        let mut command = Command::new(program);
        command.uid(65534).gid(65534);
        command
    }

    /// Says something only where the tests are run by root, who can be another.
    #[test]
    fn what_cannot_be_removed_does_not_keep_the_rest() {
        const TREE: &str = "MESOS_TEST_TREE";
        if let Some(tree) = std::env::var_os(TREE) {
            let error = remove_tree(Path::new(&tree)).unwrap_err().to_string();
            return assert!(error.starts_with("a/theirs/file: Permission denied"), "{error}");
        }
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let tree = scratch("stuck");
        for name in ["a/mine", "a/theirs", "b/c", "z"] {
            std::fs::create_dir_all(tree.join(name)).unwrap();
            std::fs::write(tree.join(name).join("file"), "").unwrap();
        }
        for name in ["", "a", "a/mine", "b", "b/c", "z"] {
            std::os::unix::fs::chown(tree.join(name), Some(65534), None).unwrap();
        }
        let test = "local::removal::tests::what_cannot_be_removed_does_not_keep_the_rest";
        let mut again = of_another("/proc/self/exe");
        let output = again.args(["--exact", test]).env(TREE, &tree).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        let left = |name: &str| std::fs::read_dir(tree.join(name)).unwrap().count();
        assert_eq!((left(""), left("a"), left("a/theirs")), (1, 1, 1));
        remove_tree(&tree).unwrap();
    }

    #[test]
    fn what_is_mounted_below_stays() {
        // Mounted everywhere.
        let root = open("/", PLACE, Mode::empty()).unwrap();
        let proc = open("/proc", PLACE, Mode::empty()).unwrap();
        assert!(mount_of(&root).unwrap() != mount_of(&proc).unwrap());

        let (tree, outside) = (scratch("mount"), scratch("mounted"));
        std::fs::write(outside.join("kept"), "").unwrap();
        std::fs::create_dir_all(tree.join("a/mounted")).unwrap();
        std::fs::create_dir_all(tree.join("b")).unwrap();
        let run = |command: &str, paths: &[&Path]| Command::new(command).args(paths).output();
        // Not everyone may, nor is root in every container.
        let mounted = run("mount", &[Path::new("--bind"), &outside, &tree.join("a/mounted")]);
        if mounted.is_ok_and(|output| output.status.success()) {
            let result = remove_tree(&tree);
            let kept = outside.join("kept").exists();
            run("umount", &[&tree.join("a/mounted")]).unwrap();
            assert!(kept, "it was emptied");
            assert_eq!(result.unwrap_err().to_string(), "a/mounted: something is mounted there");
            assert!(!tree.join("b").exists());
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        std::fs::remove_dir_all(outside).unwrap();
    }

    /// A program that goes on writing there, as a task's user can have one, does not hold it up. Needs root, too.
    #[test]
    fn who_still_writes_there_is_shut_out() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let tree = scratch("busy");
        let path = tree.join("in");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        let mut perl = of_another("perl");
        let script = "chdir shift; while () { mkdir $n++; chmod 0777, '.' }";
        let mut writer = perl.args(["-e", script]).arg(&path).spawn().unwrap();
        while std::fs::read_dir(&path).unwrap().count() < 10 {}
        let removed = remove_tree(&tree);
        writer.kill().unwrap();
        writer.wait().unwrap();
        removed.unwrap();
        assert!(!tree.exists());
    }
}
