//! What a failed command or executor wrote last: its sandbox is deleted with the cluster, and with it the reason.

use crate::logging::{shown, tell};
use crate::message::text;
use crate::regular_file::{self, Links};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a file's end is looked at, in bytes, and how many of its lines are shown.
const BYTES: u64 = 4096;
const LINES: usize = 10;

/// Tells the user the last lines of `stderr` in this sandbox, if there are any. `who`: "task t", `how`: its end. That there are none is for
/// the log alone: the framework has been told how the task ended, and may well expect it.
pub fn tell_of(who: &str, how: &str, sandbox: &Path) {
    match last_lines(&sandbox.join("stderr")) {
        Ok(lines) if !lines.is_empty() => {
            tell(&format!("{}: {how}. It ends its stderr with:", shown(who)));
            for line in lines {
                tell(&format!("    {}", shown(&line)));
            }
        }
        Ok(_) => log::info!("{}: {how}, without a word on its stderr", shown(who)),
        Err(why) => log::info!("{who}: its stderr cannot be read: {why}"),
    }
}

/// Whole lines, as far as there are any. The file is the task's: it may be anything by now.
fn last_lines(path: &Path) -> io::Result<Vec<String>> {
    // Not another file that the task has linked here: we may have rights that it has not.
    let mut file = regular_file::open(path, Links::Refuse)?;
    let start = file.metadata()?.len().saturating_sub(BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(BYTES).read_to_end(&mut end)?;
    let mut lines: Vec<&[u8]> = end.split(|byte| *byte == b'\n').collect();
    if start > 0 && lines.len() > 1 {
        // The first is cut.
        lines.remove(0);
    }
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let first = lines.len().saturating_sub(LINES);
    Ok(lines[first..]
        .iter()
        .map(|line| text::from_bytes(line).into_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_regular_file() {
        let directory = std::env::temp_dir().join(format!("mesos-last-words-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("directory");
        let path = directory.join("stderr");
        let lines = |content: &[u8]| {
            std::fs::write(&path, content).expect("write");
            last_lines(&path).expect("read")
        };
        assert!(lines(b"").is_empty());
        assert_eq!(lines(b"one\ntwo"), ["one", "two"]);
        let numbers: String = (1..=2000).map(|n| format!("{n}\n")).collect();
        assert_eq!(
            lines(numbers.as_bytes()),
            (1991..=2000).map(|n| n.to_string()).collect::<Vec<_>>()
        );
        let long = [vec![b'x'; 5000], b"\nend\n".to_vec()].concat();
        assert_eq!(lines(&long), ["end"]);
        assert_eq!(lines(&vec![b'x'; 5000])[0].len(), BYTES as usize);
        // A link, hard or not, and a FIFO: nothing of another file, and no waiting.
        let other = directory.join("other");
        std::fs::rename(&path, &other).expect("rename");
        std::os::unix::fs::symlink(&other, &path).expect("symlink");
        assert!(last_lines(&path).is_err());
        std::fs::remove_file(&path).expect("remove");
        std::fs::hard_link(&other, &path).expect("link");
        assert!(last_lines(&path).is_err());
        std::fs::remove_file(&path).expect("remove");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
        assert!(last_lines(&path).is_err());
        std::fs::remove_dir_all(&directory).expect("remove");
    }
}
