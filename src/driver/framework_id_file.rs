//! `framework_id_file`: keeps a framework's id between runs of its program, so that the next run finds its tasks again.
//!
//! The file holds the id and a line end, and is only ever replaced as a whole: written beside, synced, renamed.

use crate::driver::DriverError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Longer ids are not Mesos'.
const MAX_ID: u64 = 1024;

/// Where a machine keeps the id of its framework. Errors are texts for people.
pub trait FrameworkIdStore: Send {
    fn save(&mut self, id: &str) -> Result<(), String>;
    /// The framework has ended; nothing stored is no error.
    fn remove(&mut self) -> Result<(), String>;
}

/// A file with one id.
#[derive(Debug)]
pub struct FrameworkIdFile {
    path: PathBuf,
    /// What is known to be in it.
    stored: Option<String>,
}

impl FrameworkIdFile {
    /// Reads what an earlier run has left, and checks that there can be a later one.
    pub fn open(path: PathBuf) -> Result<Self, DriverError> {
        let wrong = |problem: String| DriverError::Argument {
            name: "framework_id_file",
            problem: format!("{}: {problem}", path.display()),
        };
        let stored = match File::open(&path) {
            Ok(file) => Some(read(file).map_err(wrong)?),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(wrong(format!("cannot be read: {why}"))),
        };
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        rustix::fs::access(folder(&path), access).map_err(|why| wrong(format!("no file can be made in its directory: {why}")))?;
        Ok(FrameworkIdFile { path, stored })
    }

    pub fn id(&self) -> Option<&str> {
        self.stored.as_deref()
    }

    fn replace(&self, id: &str) -> io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let beside = self.path.with_file_name(name);
        let _ = fs::remove_file(&beside);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                file.write_all(format!("{id}\n").as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        self.sync_folder()
    }

    /// What happened to the file's name outlives a crash of the machine.
    fn sync_folder(&self) -> io::Result<()> {
        File::open(folder(&self.path))?.sync_all()
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read(file: File) -> Result<String, String> {
    let mut text = Vec::new();
    file.take(MAX_ID + 2)
        .read_to_end(&mut text)
        .map_err(|why| format!("cannot be read: {why}"))?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let valid = !line.is_empty() && line.len() as u64 <= MAX_ID && line.iter().all(|b| b.is_ascii_graphic() && *b != b'/');
    match String::from_utf8(line.to_vec()) {
        Ok(id) if valid => Ok(id),
        _ => Err("does not hold a framework id and nothing else: remove it to register a new framework".to_string()),
    }
}

impl FrameworkIdStore for FrameworkIdFile {
    fn save(&mut self, id: &str) -> Result<(), String> {
        if self.stored.as_deref() != Some(id) {
            self.replace(id)
                .map_err(|why| format!("cannot store the framework id in {}: {why}", self.path.display()))?;
            self.stored = Some(id.to_string());
        }
        Ok(())
    }

    fn remove(&mut self) -> Result<(), String> {
        self.stored = None;
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
        store.save("two-0001").expect("replaced");
        assert_eq!(open().id(), Some("two-0001"));
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
    fn damage_and_missing_directories_are_told() {
        let scratch = Scratch::new("damage");
        let path = scratch.0.join("id");
        for text in ["", "\n", "two\nlines\n", "a b\n", "\u{e9}\n", "a/b\n", &"x".repeat(1025)] {
            fs::write(&path, text).expect("file");
            let error = FrameworkIdFile::open(path.clone()).expect_err("refused").to_string();
            assert!(
                error.starts_with("framework_id_file: /") && error.contains("does not hold"),
                "{error}"
            );
        }
        let nowhere = scratch.0.join("missing/id");
        let error = FrameworkIdFile::open(nowhere).expect_err("refused").to_string();
        assert!(error.contains("no file can be made in its directory"), "{error}");
        let error = FrameworkIdFile::open(scratch.0.clone()).expect_err("refused").to_string();
        assert!(error.contains("cannot be read"), "{error}");
        let mut store = FrameworkIdFile::open(scratch.0.join("id2")).expect("a store");
        drop(scratch);
        let error = store.save("x").expect_err("no directory");
        assert!(error.starts_with("cannot store the framework id in /"), "{error}");
    }
}
