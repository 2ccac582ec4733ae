//! Opening files that others may have put there. Opening a FIFO waits for its writer, a device can do anything, and a link may lead to
//! a file that its maker could not read.

use crate::descriptors::AboveStandard;
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Whether the path may be a link to the file, hard or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Follow,
    Refuse,
}

/// Opens a regular file for reading. It never waits, and opens nothing else.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    let _above = AboveStandard::hold();
    let (there, flags) = match links {
        Links::Follow => (fs::metadata(path)?, OFlags::NONBLOCK),
        Links::Refuse => (fs::symlink_metadata(path)?, OFlags::NONBLOCK | OFlags::NOFOLLOW),
    };
    check_metadata(&there, links)?;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    // Another file may have taken its place.
    check_metadata(&file.metadata()?, links)?;
    Ok(file)
}

/// The whole of a regular file, which is not to have more than `most` bytes.
pub fn read(path: &Path, links: Links, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, links)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() <= most {
        true => Ok(bytes),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it has more than {most} bytes"),
        )),
    }
}

/// The same check of a file that is open, by whatever name.
pub fn check(file: &File) -> io::Result<()> {
    check_metadata(&file.metadata()?, Links::Follow)
}

fn check_metadata(metadata: &Metadata, links: Links) -> io::Result<()> {
    let problem = match links {
        _ if !metadata.is_file() => "it is not a regular file",
        Links::Refuse if metadata.nlink() > 1 => "it has other names",
        _ => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let folder = std::env::temp_dir().join(format!("mesos-regular-file-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        let path = |name: &str| folder.join(name);
        let refused = |name: &str, links| open(&path(name), links).expect_err(name).to_string();
        fs::write(path("file"), "text").expect("file");
        for links in [Links::Follow, Links::Refuse] {
            let mut text = String::new();
            let mut file = open(&path("file"), links).expect("a regular file");
            file.read_to_string(&mut text).expect("read");
            assert_eq!(text, "text");
            check(&file).expect("a regular file");
        }
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("FIFO");
        symlink("/dev/zero", path("device")).expect("link");
        symlink(path("fifo"), path("link to a fifo")).expect("link");
        for name in ["fifo", "device", "link to a fifo", "."] {
            for links in [Links::Follow, Links::Refuse] {
                assert_eq!(refused(name, links), "it is not a regular file", "{name}");
            }
        }
        check(&File::open("/dev/null").expect("device")).expect_err("a device");
        symlink(path("file"), path("link")).expect("link");
        open(&path("link"), Links::Follow).expect("a link to a file");
        assert_eq!(refused("link", Links::Refuse), "it is not a regular file");
        fs::hard_link(path("file"), path("hard link")).expect("link");
        open(&path("hard link"), Links::Follow).expect("a link to a file");
        assert_eq!(refused("hard link", Links::Refuse), "it has other names");
        fs::remove_dir_all(&folder).expect("remove");
    }
}
