//! `file://`: a file whose content is a master string.

use crate::driver::master::Master;
use crate::driver::DriverError;
use crate::regular_file::{self, Links};
use std::io::Read;
use std::path::Path;

/// Files that name each other are followed this far.
const MAX_DEPTH: usize = 8;
/// A master string is no longer than this, in bytes.
const MAX_LENGTH: u64 = 64 << 10;

/// Reads the file, and the one that it names, until there is a master. As in libmesos a file cannot name `local`.
pub fn resolve(path: &Path) -> Result<Master, DriverError> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_DEPTH {
        match Master::parse(&read(&path)?)? {
            Master::File(next) => path = next,
            Master::Local => return Err(problem(&path, "\"local\" is not for files")),
            master => return Ok(master),
        }
    }
    Err(problem(&path, "too many files name each other"))
}

fn read(path: &Path) -> Result<String, DriverError> {
    let mut text = String::new();
    regular_file::open(path, Links::Follow)
        .and_then(|file| file.take(MAX_LENGTH).read_to_string(&mut text))
        .map_err(|why| problem(path, &format!("cannot be read: {why}")))?;
    // Some editors begin a file with a byte order mark.
    Ok(text.trim_start_matches('\u{feff}').trim().to_string())
}

fn problem(path: &Path, why: &str) -> DriverError {
    DriverError::Argument {
        name: "master",
        problem: format!("the file {} with a master string: {why}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_parsed_again() {
        let folder = std::env::temp_dir().join(format!("mesos-master-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("write");
            path
        };
        let plain = write("plain", "  zk://u:hush@h:1/mesos \n");
        let nested = write("nested", &format!("file://{}\n", plain.display()));
        assert_eq!(resolve(&nested), Master::parse("zk://u:hush@h:1/mesos"));
        let marked = write("marked", "\u{feff}zk://u:hush@h:1/mesos\r\n");
        assert_eq!(resolve(&marked), Master::parse("zk://u:hush@h:1/mesos"));
        let endless = folder.join("endless");
        write("endless", &format!("file://{}", endless.display()));
        let fifo = folder.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("FIFO");
        for (path, why) in [
            (endless, "name each other"),
            (write("local", "local"), "not for files"),
            (folder.join("missing"), "cannot be read"),
            (fifo, "cannot be read: it is not a regular file"),
            (write("bad", "zk://u:hush@h:1/"), "***@h:1/"),
        ] {
            let error = resolve(&path).expect_err(why).to_string();
            assert!(error.contains(why) && !error.contains("hush"), "{error}");
        }
        std::fs::remove_dir_all(&folder).expect("remove");
    }
}
