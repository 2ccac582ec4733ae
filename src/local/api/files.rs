//! What is in sandboxes: `/files/browse`, `read` and `download`, and LIST_FILES and READ_FILE.
//!
//! Tasks own their sandboxes, and can put links and pipes there at any time. So each step of a path below the work directory is taken
//! by a descriptor, and follows no link.

use super::refusal::Refusal;
use crate::descriptors::AboveStandard;
use crate::local::agent::sandbox;
use crate::message::text;
use hyper::StatusCode;
use nix::unistd::Uid;
use rustix::fs::{Dir, FileType, Mode, OFlags, Stat};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};

/// So much of a file is read at most for one answer, as in Mesos.
pub const MOST_READ: u64 = 16 * 4096;

/// A download is read in pieces of this size.
const MOST_SENT: u64 = 1 << 20;

/// So many entries of a directory are shown.
const MOST_SHOWN: usize = 10_000;

/// An entry of a directory.
pub struct Entry {
    pub path: String,
    pub links: u64,
    pub size: u64,
    /// Seconds since the epoch.
    pub changed: i64,
    pub mode: u32,
    pub user: String,
    pub group: String,
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "")
}

/// Opens what is at a path below the sandboxes of `work_dir`, and says what it is.
fn open(work_dir: &Path, path: &str) -> Result<(OwnedFd, Stat), Refusal> {
    let path = std::path::PathBuf::from(text::to_os(path));
    let Ok(inside) = path.strip_prefix(work_dir) else {
        return open_of_executor(work_dir, &path).map_err(|_| not_found());
    };
    let mut steps = inside.components().peekable();
    // Nothing else of the work directory is anybody's business.
    if steps.peek().map(|step| step.as_os_str()) != Some("slaves".as_ref()) {
        return Err(not_found());
    }
    walk(work_dir, steps).map_err(|_| not_found())
}

/// The same for a path of the kind that Mesos has for clients, which know neither agents nor containers:
/// `/frameworks/F/executors/E/runs/latest/stdout`. If several agents have such an executor, the newest is meant.
fn open_of_executor(work_dir: &Path, path: &Path) -> io::Result<(OwnedFd, Stat)> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let inside = path.strip_prefix("/").map_err(|_| missing())?;
    let steps: Vec<Component<'_>> = inside.components().collect();
    let [frameworks, _, executors, _, runs, run, rest @ ..] = &steps[..] else {
        return Err(missing());
    };
    let is = |step: &Component<'_>, name: &str| step.as_os_str() == name;
    if !is(frameworks, "frameworks") || !is(executors, "executors") || !is(runs, "runs") {
        return Err(missing());
    }
    let (agents, _) = walk(work_dir, Path::new("slaves").components())?;
    let mut newest: Option<(OwnedFd, Stat)> = None;
    for agent in Dir::read_from(&agents)?.flatten() {
        let Ok(agent) = std::str::from_utf8(agent.file_name().to_bytes()) else {
            continue;
        };
        let place = Path::new("slaves").join(agent);
        let steps = place.components().chain(steps[..5].iter().copied());
        let Ok((directory, _)) = walk(work_dir, steps.clone()) else {
            continue;
        };
        let container = if is(run, "latest") {
            // The agent's own link, which names the directory beside it by its whole path.
            let Ok(target) = rustix::fs::readlinkat(&directory, "latest", Vec::new()) else {
                continue;
            };
            let target = text::to_os(&text::from_bytes(target.to_bytes()));
            match Path::new(&target).file_name() {
                Some(name) => name.to_owned(),
                None => continue,
            }
        } else {
            run.as_os_str().to_owned()
        };
        let container = Path::new(&container).components();
        let Ok(found) = walk(work_dir, steps.chain(container).chain(rest.iter().copied())) else {
            continue;
        };
        if newest.as_ref().map_or(true, |(_, known)| known.st_mtime < found.1.st_mtime) {
            newest = Some(found);
        }
    }
    newest.ok_or_else(missing)
}

fn walk<'a>(work_dir: &Path, steps: impl Iterator<Item = Component<'a>>) -> io::Result<(OwnedFd, Stat)> {
    let _above = AboveStandard::hold();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut at = rustix::fs::open(work_dir, flags | OFlags::DIRECTORY, Mode::empty())?;
    for step in steps {
        let Component::Normal(name) = step else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // Opening a device can do anything: it is looked at first, and again when it is open.
        let seen = rustix::fs::statat(&at, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
        check(&seen)?;
        at = rustix::fs::openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    let stat = rustix::fs::fstat(&at)?;
    check(&stat)?;
    Ok((at, stat))
}

fn check(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// What is in a directory, by name. A file has nothing in it.
pub fn browse(work_dir: &Path, path: &str) -> Result<Vec<Entry>, Refusal> {
    let (directory, stat) = open(work_dir, path)?;
    if !is_directory(&stat) {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in Dir::read_from(&directory)
        .map_err(|_| not_found())?
        .take(MOST_SHOWN)
        .flatten()
    {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(stat) = rustix::fs::statat(&directory, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        entries.push(Entry {
            path: format!("{}/{}", path.trim_end_matches('/'), text::from_bytes(name.to_bytes())),
            links: stat.st_nlink,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            changed: stat.st_mtime as i64,
            mode: stat.st_mode,
            user: sandbox::name_of(Uid::from_raw(stat.st_uid)),
            group: group(stat.st_gid),
        });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn group(id: u32) -> String {
    let found = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(id)).ok().flatten();
    found.map_or(id.to_string(), |group| group.name)
}

/// `-rw-r--r--`
pub fn mode_text(mode: u32) -> String {
    let kind = match FileType::from_raw_mode(mode) {
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::BlockDevice => 'b',
        FileType::CharacterDevice => 'c',
        _ => '-',
    };
    let bits = (0..9).rev().map(|bit| match mode & (1 << bit) {
        0 => '-',
        _ => ['x', 'w', 'r'][bit % 3],
    });
    std::iter::once(kind).chain(bits).collect()
}

/// A regular file, to be read.
pub struct Opened {
    file: File,
    pub size: u64,
}

/// `doing` is what cannot be done with a directory.
pub fn open_file(work_dir: &Path, path: &str, doing: &str) -> Result<Opened, Refusal> {
    let (file, stat) = open(work_dir, path)?;
    if is_directory(&stat) {
        return Err(Refusal::bad(format!("Cannot {doing} a directory.\n")));
    }
    Ok(Opened {
        file: file.into(),
        size: u64::try_from(stat.st_size).unwrap_or(0),
    })
}

impl Opened {
    /// What is from an offset on, so much of it at most.
    pub fn read(&self, offset: u64, length: Option<u64>) -> Result<Vec<u8>, Refusal> {
        let left = self.size.saturating_sub(offset);
        self.bytes(offset, length.unwrap_or(left).min(MOST_READ))
    }

    /// A piece of a download. An empty one is the last.
    pub fn piece(&self, offset: u64) -> Result<Vec<u8>, Refusal> {
        self.bytes(offset, MOST_SENT)
    }

    /// Never more than it had when it was opened.
    fn bytes(&self, offset: u64, most: u64) -> Result<Vec<u8>, Refusal> {
        let length = self.size.saturating_sub(offset).min(most);
        let mut bytes = vec![0; length as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Refusal::new(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        format!("Failed to read: {e}"),
                    ))
                }
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// The values of a query: `path=%2Fa&offset=0`.
pub fn query(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query.unwrap_or_default().split('&');
    let mut values = pairs.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    values.next().map(|(_, value)| decoded(value))
}

/// Without percent encoding; a byte that is not UTF-8 is as in [`text`].
fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = others;
            }
        }
    }
    text::from_bytes(&bytes).into_owned()
}

/// The last part of a path, as a header may have it.
pub fn file_name(path: &str) -> String {
    let name = Path::new(path)
        .file_name()
        .map(|name| text::from_bytes(name.as_bytes()).into_owned());
    let name = name.unwrap_or_default();
    name.chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';') {
                c
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_way_leads_out_of_the_sandboxes() {
        let root = std::env::temp_dir().join(format!("mesos-local-files-{}", crate::local::ids::uuid()));
        let run = root.join("slaves/s/run");
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join("stdout"), "hello").unwrap();
        std::fs::write(root.join("secret"), "secret").unwrap();
        symlink("../../../secret", run.join("link")).unwrap();
        symlink("/etc", run.join("etc")).unwrap();
        symlink("stdout", run.join("inside")).unwrap();
        nix::unistd::mkfifo(&run.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let read = |path: &str| {
            let path = format!("{}/{path}", root.display());
            open_file(&root, &path, "read").and_then(|file| file.read(0, None))
        };
        assert_eq!(read("slaves/s/run/stdout").unwrap(), b"hello");
        for bad in [
            "secret",
            "slaves/../secret",
            "slaves/s/run/link",
            "slaves/s/run/etc/passwd",
            "slaves/s/run/../../../secret",
            "slaves/s/run/pipe",
            "slaves/s/run/inside",
            "slaves/s/run/none",
            "slaves/s/run/stdout/x",
            "slaves\0/s",
            "../etc/passwd",
        ] {
            assert!(
                read(bad).is_err_and(|refusal| refusal.status == StatusCode::NOT_FOUND),
                "{bad}"
            );
        }
        assert!(read("slaves/s/run").is_err_and(|refusal| refusal.text == "Cannot read a directory.\n"));
        assert!(open_file(&root, "/etc/passwd", "read").is_err() && open_file(&root, "", "read").is_err());
        let runs = root.join("slaves/s/frameworks/f/executors/e/runs");
        std::fs::create_dir_all(runs.join("c")).unwrap();
        std::fs::write(runs.join("c/stdout"), "of c").unwrap();
        symlink(runs.join("c"), runs.join("latest")).unwrap();
        let of_executor = |path: &str| open_file(&root, path, "read").and_then(|file| file.read(0, None));
        for run in ["latest", "c"] {
            assert_eq!(
                of_executor(&format!("/frameworks/f/executors/e/runs/{run}/stdout")).unwrap(),
                b"of c"
            );
        }
        assert_eq!(browse(&root, "/frameworks/f/executors/e/runs/latest").unwrap().len(), 1);
        for bad in [
            "/frameworks/f/executors/e/runs/latest/none",
            "/frameworks/f/executors/e/runs",
            "/frameworks/f/executors/e/runs/..",
            "/frameworks/f/executors/../runs/latest/stdout",
            "/frameworks/../executors/e/runs/latest/stdout",
            "/slaves/s/frameworks/f/executors/e/runs/latest/stdout",
            "frameworks/f/executors/e/runs/latest/stdout",
        ] {
            assert!(of_executor(bad).is_err(), "{bad}");
        }
        std::fs::remove_file(runs.join("latest")).unwrap();
        symlink("../../../../../../../secret", runs.join("latest")).unwrap();
        assert!(of_executor("/frameworks/f/executors/e/runs/latest").is_err());
        let entries = browse(&root, &format!("{}/slaves/s/run/", root.display())).unwrap();
        let names: Vec<String> = entries.iter().map(|entry| file_name(&entry.path)).collect();
        assert_eq!(names, ["etc", "inside", "link", "pipe", "stdout"]);
        assert_eq!((entries[4].size, mode_text(entries[3].mode).chars().next()), (5, Some('p')));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let root = std::env::temp_dir().join(format!("mesos-local-files-{}", crate::local::ids::uuid()));
        let run = root.join("slaves/s/run");
        std::fs::create_dir_all(&run).unwrap();
        // Only its size counts: nothing is on the disk.
        File::create(run.join("stdout")).unwrap().set_len(1 << 40).unwrap();
        let file = open_file(&root, &format!("{}/slaves/s/run/stdout", root.display()), "read").unwrap();
        for length in [None, Some(u64::MAX), Some(MOST_READ + 1)] {
            assert_eq!(file.read(7, length).unwrap().len() as u64, MOST_READ, "{length:?}");
        }
        assert_eq!(file.read(u64::MAX, None).unwrap(), b"");
        for i in 0..=MOST_SHOWN {
            symlink("x", run.join(i.to_string())).unwrap();
        }
        let shown = browse(&root, &format!("{}/slaves/s/run", root.display())).unwrap().len();
        assert!((MOST_SHOWN - 2..=MOST_SHOWN).contains(&shown), "{shown}");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn queries() {
        assert_eq!(query(Some("a=1&path=%2Fw%20x+y%zz"), "path").as_deref(), Some("/w x y%zz"));
        assert_eq!((query(Some("a"), "a"), query(None, "a")), (None, None));
        assert_eq!(
            (file_name("/a/b c\".txt"), mode_text(0o100_640)),
            ("b_c_.txt".into(), "-rw-r-----".into())
        );
    }
}
