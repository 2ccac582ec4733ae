//! `framework_id_file`: keeps a framework's id between runs of its program, so that the next run finds its tasks again.
//!
//! The file holds the id and a line end. It is written as a whole: beside, synced, then given its name. An id that another program
//! has stored is never replaced and never removed: two frameworks would fight over one file, and the first would lose its tasks.

use crate::descriptors::AboveStandard;
use crate::driver::framework::with_id;
use crate::driver::DriverError;
use crate::message::text;
use crate::regular_file::{self, Links};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Mesos accepts no longer ids: they are names of directories.
const MAX_ID: usize = 255;

/// Where a machine keeps the id of its framework. Errors are texts for people.
pub trait FrameworkIdStore: Send {
    /// What is stored now, by whatever program.
    fn load(&mut self) -> Result<Option<String>, String>;
    /// An error if another id is stored.
    fn save(&mut self, id: &str) -> Result<(), String>;
    /// The framework has ended; nothing stored is no error. Another framework's id stays.
    fn remove(&mut self) -> Result<(), String>;
}

/// A file with one id.
#[derive(Debug)]
pub struct FrameworkIdFile {
    path: PathBuf,
    /// This framework's id, once it is known to be in the file.
    stored: Option<String>,
}

/// What is wrong with an attribute `framework_id_file`.
pub fn wrong(problem: String) -> DriverError {
    DriverError::Argument {
        name: "framework_id_file",
        problem,
    }
}

impl FrameworkIdFile {
    /// Reads what an earlier run has left, and checks that there can be a later one.
    pub fn open(path: PathBuf) -> Result<Self, DriverError> {
        let stored = load(&path).map_err(wrong)?;
        let unusable = |problem: String| wrong(format!("{}: {problem}", path.display()));
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        rustix::fs::access(folder(&path), access)
            .map_err(|why| unusable(format!("the driver cannot make a file in its directory: {why}")))?;
        if stored.is_none() && fs::symlink_metadata(&path).is_ok() {
            return Err(unusable("it is a link to a file that is not there".to_string()));
        }
        Ok(FrameworkIdFile { path, stored })
    }

    pub fn id(&self) -> Option<&str> {
        self.stored.as_deref()
    }

    /// `framework`, an encoded FrameworkInfo, with the id that is stored. An id that it has itself must be one that can be stored.
    pub fn complete(&self, framework: Vec<u8>) -> Result<Vec<u8>, DriverError> {
        let framework = match &self.stored {
            Some(id) => with_id(framework, id)?,
            None => framework,
        };
        match crate::driver::framework::id_of(&framework) {
            Some(id) => storable(&id).map(|()| framework).map_err(wrong),
            None => Ok(framework),
        }
    }

    /// Stores `id` where nothing is stored. `AlreadyExists`: something is.
    fn create(&self, id: &str) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let _above = AboveStandard::hold();
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}-{number}.new", std::process::id()));
        let beside = self.path.with_file_name(name);
        let _ = fs::remove_file(&beside);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                let id = text::to_bytes(id);
                // The first one is not the id's when it is read again.
                let mark = id.get(..BYTE_ORDER_MARK.len()).filter(|first| *first == BYTE_ORDER_MARK);
                file.write_all(&[mark.unwrap_or_default(), &id[..], b"\n"].concat())?;
                file.sync_all()
            })
            .and_then(|()| match fs::hard_link(&beside, &self.path) {
                // Some file systems have no hard links. Their way leaves a moment for another program between look and deed.
                Err(why) if why.kind() != io::ErrorKind::AlreadyExists && fs::symlink_metadata(&self.path).is_err() => {
                    fs::rename(&beside, &self.path)
                }
                linked => linked,
            });
        let _ = fs::remove_file(&beside);
        written?;
        self.sync_folder()
    }

    /// What happened to the file's name outlives a crash of the machine.
    fn sync_folder(&self) -> io::Result<()> {
        let _above = AboveStandard::hold();
        File::open(folder(&self.path))?.sync_all()
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The id in the file; none: there is no such file.
fn load(path: &Path) -> Result<Option<String>, String> {
    let wrong = |problem: String| format!("{}: {problem}", path.display());
    let unreadable = |why: io::Error| wrong(format!("cannot be read: {why}"));
    let file = match regular_file::open(path, Links::Follow) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unreadable(why)),
    };
    let mut text = Vec::new();
    let limit = MAX_ID + 2 + BYTE_ORDER_MARK.len();
    file.take(limit as u64).read_to_end(&mut text).map_err(unreadable)?;
    // Some editors begin a file with one.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    let id = text::from_bytes(line);
    match storable(&id) {
        Ok(()) => Ok(Some(id.into_owned())),
        Err(_) => Err(wrong(
            "does not hold a framework id and nothing else: remove it to register a new framework".to_string(),
        )),
    }
}

/// Whether `id` can be stored: all ids that a master accepts can be. The error says what is wrong with it.
fn storable(id: &str) -> Result<(), String> {
    let problem = match id {
        "" => "it is empty",
        "." | ".." => "it is the name of a directory",
        _ if text::to_bytes(id).len() > MAX_ID => "it is longer than 255 bytes",
        _ if id.bytes().any(|b| b.is_ascii_control() || b == b'/' || b == b'\\') => "it has control characters or slashes",
        _ => return Ok(()),
    };
    Err(format!("the framework id {id:.300?} cannot be stored: {problem}"))
}

impl FrameworkIdStore for FrameworkIdFile {
    fn load(&mut self) -> Result<Option<String>, String> {
        self.stored = load(&self.path)?;
        Ok(self.stored.clone())
    }

    fn save(&mut self, id: &str) -> Result<(), String> {
        if self.stored.as_deref() == Some(id) {
            return Ok(());
        }
        storable(id)?;
        if let Err(why) = self.create(id) {
            let there = match why.kind() {
                io::ErrorKind::AlreadyExists => load(&self.path)?,
                _ => None,
            };
            let path = self.path.display();
            match there {
                Some(there) if there == id => (),
                Some(there) => {
                    return Err(format!(
                        "cannot store the framework id {id} in {path}: it holds {there}, which another program has stored"
                    ))
                }
                None => return Err(format!("cannot store the framework id in {path}: {why}")),
            }
        }
        self.stored = Some(id.to_string());
        Ok(())
    }

    fn remove(&mut self) -> Result<(), String> {
        let own = self.stored.take();
        if own.is_none() || load(&self.path)? != own {
            return Ok(());
        }
        match fs::remove_file(&self.path).and_then(|()| self.sync_folder()) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(format!("cannot remove {}: {why}", self.path.display())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory that ends with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("mesos-perl-id-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).expect("scratch directory");
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_id_is_kept_and_removed() {
        let scratch = Scratch::new("kept");
        let path = scratch.0.join("id");
        let open = || FrameworkIdFile::open(path.clone()).expect("a store");
        let mut store = open();
        assert_eq!(store.id(), None);
        store.remove().expect("nothing to remove");
        store.save("one-0000").expect("saved");
        assert_eq!(open().id(), Some("one-0000"));
        let mode = fs::metadata(&path).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(&scratch.0).expect("directory").count(),
            1,
            "nothing is left beside"
        );
        store.remove().expect("removed");
        assert_eq!(open().id(), None);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let scratch = Scratch::new("fifo");
        let path = scratch.0.join("id");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        let (there, (tell, told)) = (path.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || tell.send(FrameworkIdFile::open(there).expect_err("refused").to_string()));
        let error = told
            .recv_timeout(std::time::Duration::from_secs(30))
            .expect("it does not wait");
        assert!(error.ends_with("cannot be read: it is not a regular file"), "{error}");
        fs::remove_file(&path).expect("the FIFO");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("link");
        assert!(FrameworkIdFile::open(path).is_err());
    }

    #[test]
    fn damage_and_missing_directories_are_told() {
        let scratch = Scratch::new("damage");
        let path = scratch.0.join("id");
        for text in [
            "",
            "\n",
            "two\nlines\n",
            "a\tb\n",
            "a\\b\n",
            "a/b\n",
            "..\n",
            "\u{e9}\r\n",
            &"x".repeat(256),
        ] {
            fs::write(&path, text).expect("file");
            let error = FrameworkIdFile::open(path.clone()).expect_err("refused").to_string();
            assert!(
                error.starts_with("framework_id_file: /") && error.contains("does not hold"),
                "{error}"
            );
        }
        let nowhere = scratch.0.join("missing/id");
        let error = FrameworkIdFile::open(nowhere).expect_err("refused").to_string();
        assert!(error.contains("the driver cannot make a file in its directory"), "{error}");
        let error = FrameworkIdFile::open(scratch.0.clone()).expect_err("refused").to_string();
        assert!(error.contains("cannot be read"), "{error}");
        let mut store = FrameworkIdFile::open(scratch.0.join("id2")).expect("a store");
        drop(scratch);
        let error = store.save("x").expect_err("no directory");
        assert!(error.starts_with("cannot store the framework id in /"), "{error}");
    }

    /// The rules are those of Mesos' validateID.
    #[test]
    fn what_a_master_accepts_round_trips_and_nothing_else_is_stored() {
        let scratch = Scratch::new("accepted");
        let (longest, longer) = ("x".repeat(255), "x".repeat(256));
        for id in [
            "my id 1",
            " ",
            " x ",
            "a:b",
            "\u{e9}\u{20ac}",
            "\u{85}",
            "...",
            "~\"'$",
            // A byte that is not UTF-8, as in `text`.
            "B\u{10fffc}cher",
            &longest,
        ] {
            let path = scratch.0.join("id");
            let mut store = FrameworkIdFile::open(path.clone()).expect("a store");
            store.save(id).expect("saved");
            let mut again = FrameworkIdFile::open(path).expect(id);
            assert_eq!(again.id(), Some(id));
            assert_eq!(
                fs::read(scratch.0.join("id")).expect("file"),
                [&text::to_bytes(id)[..], b"\n"].concat()
            );
            again.save(id).expect("nothing to do");
            again.remove().expect("removed");
        }
        fs::write(scratch.0.join("marked"), "\u{feff}id-1\n").expect("file");
        let mut marked = FrameworkIdFile::open(scratch.0.join("marked")).expect("a store");
        assert_eq!(marked.id(), Some("id-1"), "without the mark that an editor has put there");
        marked.remove().expect("removed");
        let mut own = FrameworkIdFile::open(scratch.0.join("id")).expect("a store");
        own.save("\u{feff}id-1").expect("saved");
        let mut again = FrameworkIdFile::open(scratch.0.join("id")).expect("a store");
        assert_eq!(again.id(), Some("\u{feff}id-1"), "a mark of the id's own");
        again.remove().expect("removed");
        for id in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\n", "\u{7f}", "\0", &longer] {
            let mut store = FrameworkIdFile::open(scratch.0.join("id")).expect("a store");
            let error = store.save(id).expect_err("refused");
            assert!(error.contains("cannot be stored: it "), "{error}");
            assert_eq!(fs::read_dir(&scratch.0).expect("directory").count(), 0);
            if !id.is_empty() {
                let framework = with_id(Vec::new(), id).expect("framework");
                let error = store.complete(framework).expect_err("refused").to_string();
                assert!(error.starts_with("framework_id_file: the framework id"), "{error}");
            }
        }
    }

    #[test]
    fn an_id_of_another_program_is_neither_replaced_nor_removed() {
        let scratch = Scratch::new("other");
        let path = scratch.0.join("id");
        let open = || FrameworkIdFile::open(path.clone()).expect("a store");
        let (mut leader, mut standby) = (open(), open());
        leader.save("leader").expect("saved");
        let error = standby.save("standby").expect_err("refused");
        assert!(error.contains("it holds leader, which another program has stored"), "{error}");
        standby.remove().expect("nothing of its own");
        assert_eq!(open().id(), Some("leader"));
        assert_eq!(
            standby.load(),
            Ok(Some("leader".to_string())),
            "it can go on as that framework"
        );
        standby.save("leader").expect("the same");
        fs::write(&path, "third\n").expect("file");
        leader.remove().expect("not its own any more");
        assert_eq!(open().id(), Some("third"));
        fs::write(&path, "").expect("file");
        let mut late = FrameworkIdFile {
            path: path.clone(),
            stored: None,
        };
        late.save("late").expect_err("what is damaged is not replaced");
        assert_eq!(fs::read(&path).expect("file"), b"");
    }

    #[test]
    fn of_many_programs_at_once_one_stores_its_id() {
        let scratch = Scratch::new("many");
        let path = scratch.0.join("id");
        let barrier = std::sync::Barrier::new(8);
        let run = |number: usize| {
            let mut store = FrameworkIdFile::open(path.clone()).expect("a store");
            let id = format!("id-{number}");
            barrier.wait();
            store.save(&id).is_ok().then_some(id)
        };
        let stored: Vec<String> = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || run(number))).collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().expect("a thread"))
                .collect()
        });
        let there = FrameworkIdFile::open(path.clone()).expect("a store");
        assert_eq!(stored, there.id().into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_link_to_nothing_is_told() {
        let scratch = Scratch::new("link");
        let path = scratch.0.join("id");
        std::os::unix::fs::symlink(scratch.0.join("nothing"), &path).expect("link");
        let error = FrameworkIdFile::open(path).expect_err("refused").to_string();
        assert!(error.ends_with("it is a link to a file that is not there"), "{error}");
    }
}
