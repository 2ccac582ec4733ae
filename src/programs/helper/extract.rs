//! Archives, whose names and links are whatever somebody wrote into them: nothing of one may land outside of the sandbox, be a device,
//! or fill the disk.
//!
//! The libraries read, this module writes: each entry by descriptors from the sandbox on, through no link.

use super::files::{self, create, enter, replace};
use bzip2_rs::DecoderReader;
use flate2::read::MultiGzDecoder;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{fchmod, linkat, mkdirat, openat, symlinkat, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// So many files and folders an archive may have.
const MOST_ENTRIES: u64 = 1_000_000;

/// What one archive may become.
#[derive(Clone, Copy)]
pub struct Limits {
    pub bytes: u64,
    pub entries: u64,
}

impl Limits {
    /// For an archive of so many bytes. What people pack shrinks to a tenth, mostly; what is made to fill disks to a thousandth.
    pub fn of(size: u64) -> Limits {
        const GIB: u64 = 1 << 30;
        Limits {
            bytes: size.saturating_mul(100).saturating_add(GIB),
            entries: MOST_ENTRIES,
        }
    }
}

/// How a file is packed, by its name, as Mesos sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Tar(Packing),
    Zip,
    /// One file, whose name ends with `.gz`.
    Gz,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    None,
    Gz,
    Bz2,
    Xz,
}

impl Format {
    pub fn of(name: &[u8]) -> Option<Format> {
        let formats = [
            (&b".tar"[..], Format::Tar(Packing::None)),
            (b".tgz", Format::Tar(Packing::Gz)),
            (b".tar.gz", Format::Tar(Packing::Gz)),
            (b".tbz2", Format::Tar(Packing::Bz2)),
            (b".tar.bz2", Format::Tar(Packing::Bz2)),
            (b".txz", Format::Tar(Packing::Xz)),
            (b".tar.xz", Format::Tar(Packing::Xz)),
            (b".zip", Format::Zip),
            (b".gz", Format::Gz),
        ];
        let fits = formats.into_iter().find(|(end, _)| name.ends_with(end));
        fits.map(|(_, format)| format)
    }
}

/// Unpacks `archive`, which is called `name`, into the sandbox.
pub fn extract(sandbox: &OwnedFd, archive: File, name: &OsStr, format: Format, limits: Limits) -> io::Result<()> {
    let mut target = Target {
        sandbox: sandbox.as_fd(),
        left: limits,
        modes: Vec::new(),
    };
    match format {
        Format::Zip => target.zip(archive)?,
        Format::Gz => {
            let bytes = name.as_bytes();
            let name = OsStr::from_bytes(bytes.strip_suffix(b".gz").unwrap_or(bytes));
            let path = Path::new(name);
            target.file(path, 0o644, None, &mut MultiGzDecoder::new(BufReader::new(archive)))?;
        }
        Format::Tar(Packing::None) => target.tar(BufReader::new(archive))?,
        Format::Tar(Packing::Gz) => target.tar(MultiGzDecoder::new(BufReader::new(archive)))?,
        Format::Tar(Packing::Bz2) => target.tar(DecoderReader::new(BufReader::new(archive)))?,
        Format::Tar(Packing::Xz) => {
            let unpacked = unpacked(sandbox, archive, limits)?;
            target.tar(BufReader::new(unpacked))?;
        }
    }
    // Not before: one without the right to write would have stayed empty.
    for (directory, mode) in target.modes.into_iter().rev() {
        fchmod(&directory, mode)?;
    }
    Ok(())
}

/// The library for xz wants to write, not to be read from. What it writes has no name.
fn unpacked(sandbox: &OwnedFd, archive: File, limits: Limits) -> io::Result<File> {
    let name = format!(".unpacked-{}", std::process::id());
    let file = create(sandbox, OsStr::new(&name), OFlags::RDWR)?;
    rustix::fs::unlinkat(sandbox, name.as_str(), AtFlags::empty())?;
    let mut limited = Limited {
        inner: file,
        left: limits.bytes,
    };
    let unpacked = lzma_rs::xz_decompress(&mut BufReader::new(archive), &mut limited);
    unpacked.map_err(|e| match e {
        lzma_rs::error::Error::IoError(e) => e,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    })?;
    let mut file = limited.inner;
    file.rewind()?;
    Ok(file)
}

fn too_large() -> io::Error {
    io::Error::other("what is in it is too large")
}

/// Takes so many bytes and no more.
struct Limited<W> {
    inner: W,
    left: u64,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("its entry '{}' {why}", path.display()))
}

const OUT: &str = "leads out of the sandbox";

/// The plain names of a path; an error if it has others.
fn inside(path: &Path) -> io::Result<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            _ => return Err(refused(path, OUT)),
        }
    }
    Ok(clean)
}

/// Whether a link at `path` to `to` stays inside, as far as its text says.
fn stays_inside(path: &Path, to: &Path) -> bool {
    let mut depth = path.components().count() as i64 - 1;
    to.components().all(|part| {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => return false,
        }
        depth >= 0
    })
}

struct Target<'a> {
    sandbox: BorrowedFd<'a>,
    left: Limits,
    /// Directories that get their own modes in the end.
    modes: Vec<(OwnedFd, Mode)>,
}

impl Target<'_> {
    /// One more entry.
    fn count(&mut self) -> io::Result<()> {
        let left = self.left.entries.checked_sub(1);
        self.left.entries = left.ok_or_else(|| io::Error::other("it has too many entries"))?;
        Ok(())
    }

    /// The directory of an entry, made if need be, and its name there. None for the sandbox itself.
    fn place(&self, path: &Path) -> io::Result<Option<(OwnedFd, OsString)>> {
        let clean = inside(path)?;
        if clean.file_name().is_none() {
            return Ok(None);
        }
        let (directory, name) = files::place(self.sandbox, &clean)?;
        Ok(Some((directory, name.to_os_string())))
    }

    fn file(&mut self, path: &Path, mode: u32, modified: Option<u64>, from: &mut dyn Read) -> io::Result<()> {
        let place = self.place(path)?;
        let (directory, name) = place.ok_or_else(|| refused(path, "has no name"))?;
        replace(&directory, &name)?;
        let mut limited = Limited {
            inner: create(&directory, &name, OFlags::WRONLY)?,
            left: self.left.bytes,
        };
        io::copy(from, &mut limited)?;
        self.left.bytes = limited.left;
        fchmod(&limited.inner, Mode::from_raw_mode(mode & 0o777))?;
        if let Some(time) = modified.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since))) {
            limited.inner.set_modified(time)?;
        }
        Ok(())
    }

    fn directory(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        let Some((directory, name)) = self.place(path)? else {
            return Ok(());
        };
        match mkdirat(&directory, &name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        // By its path: so many descriptors would be too many.
        let made = enter(&directory, &name)?;
        let mode = Mode::from_raw_mode(mode & 0o777);
        match mode.contains(Mode::RWXU) {
            true => fchmod(&made, mode)?,
            false => self.modes.push((made, mode)),
        }
        Ok(())
    }

    fn symlink(&mut self, path: &Path, to: &Path) -> io::Result<()> {
        if !stays_inside(&inside(path)?, to) {
            return Err(refused(path, &format!("is a link that {OUT}")));
        }
        let place = self.place(path)?;
        let (directory, name) = place.ok_or_else(|| refused(path, "has no name"))?;
        replace(&directory, &name)?;
        Ok(symlinkat(to, &directory, &name)?)
    }

    fn hard_link(&mut self, path: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.place(to)?, self.place(path)?);
        let ((old, old_name), (new, new_name)) = from.zip(to).ok_or_else(|| refused(path, "has no name"))?;
        // To a file that the archive has brought itself, or the task's user may read anyway.
        openat(
            &old,
            &old_name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        replace(&new, &new_name)?;
        Ok(linkat(&old, &old_name, &new, &new_name, AtFlags::empty())?)
    }

    fn tar(&mut self, from: impl Read) -> io::Result<()> {
        // The library inflates the tape, so this is all that it can read: headers and padding, too.
        let tape = from.take(self.left.bytes.saturating_mul(2).saturating_add(1 << 20));
        let mut archive = tar::Archive::new(tape);
        for entry in archive.entries()? {
            self.count()?;
            let mut entry = entry?;
            let path = PathBuf::from(OsString::from_vec(entry.path_bytes().into_owned()));
            let header = entry.header();
            let (mode, modified) = (header.mode()?, header.mtime().ok());
            let link = entry.link_name_bytes().map(|name| name.into_owned());
            let link = link.map(|name| PathBuf::from(OsString::from_vec(name)));
            let link = || link.ok_or_else(|| refused(&path, "is a link to nothing"));
            match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                    self.file(&path, mode, modified, &mut entry)?;
                }
                tar::EntryType::Directory => self.directory(&path, mode)?,
                tar::EntryType::Symlink => self.symlink(&path, &link()?)?,
                tar::EntryType::Link => self.hard_link(&path, &link()?)?,
                tar::EntryType::Block | tar::EntryType::Char | tar::EntryType::Fifo => {
                    return Err(refused(&path, "is a device"));
                }
                // Remarks on others.
                _ => {}
            }
        }
        Ok(())
    }

    fn zip(&mut self, from: File) -> io::Result<()> {
        let mut archive = zip::ZipArchive::new(BufReader::new(from)).map_err(io::Error::from)?;
        for index in 0..archive.len() {
            self.count()?;
            let mut entry = archive.by_index(index).map_err(io::Error::from)?;
            let path = PathBuf::from(OsString::from_vec(entry.name_raw().to_vec()));
            let mode = entry.unix_mode();
            match mode.map(|mode| mode & libc::S_IFMT) {
                _ if entry.is_dir() => self.directory(&path, mode.unwrap_or(0o755) | 0o700)?,
                Some(libc::S_IFLNK) => {
                    let mut to = Vec::new();
                    (&mut entry).take(4096).read_to_end(&mut to)?;
                    self.symlink(&path, Path::new(OsStr::from_bytes(&to)))?;
                }
                Some(libc::S_IFCHR | libc::S_IFBLK | libc::S_IFIFO | libc::S_IFSOCK) => {
                    return Err(refused(&path, "is a device"))
                }
                _ => self.file(&path, mode.unwrap_or(0o644), None, &mut entry)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::open_sandbox;
    use super::*;

    struct Sandbox(PathBuf);

    impl Sandbox {
        fn new(name: &str) -> Sandbox {
            let path = std::env::temp_dir().join(format!("mesos-perl-extract-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Sandbox(path)
        }

        fn extract(&self, name: &str, bytes: &[u8], limits: Limits) -> io::Result<()> {
            let path = self.0.join(name);
            std::fs::write(&path, bytes).unwrap();
            let sandbox = open_sandbox(self.0.as_os_str().as_bytes())?;
            let format = Format::of(name.as_bytes()).unwrap();
            extract(&sandbox, File::open(path)?, OsStr::new(name), format, limits)
        }
    }

    impl Drop for Sandbox {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tape(files: &[usize]) -> Vec<u8> {
        let mut tape = tar::Builder::new(Vec::new());
        for (index, size) in files.iter().enumerate() {
            let mut header = tar::Header::new_gnu();
            header.set_size(*size as u64);
            header.set_mode(0o644);
            tape.append_data(&mut header, format!("f{index}"), &vec![0; *size][..])
                .unwrap();
        }
        tape.into_inner().unwrap()
    }

    #[test]
    fn what_becomes_too_large_or_too_much_is_refused() {
        let sandbox = Sandbox::new("limits");
        let limits = |bytes, entries| Limits { bytes, entries };
        let two = tape(&[600, 600]);
        let mut xz = Vec::new();
        lzma_rs::xz_compress(&mut &two[..], &mut xz).unwrap();
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for name in ["f0", "f1"] {
            zip.start_file(name, zip::write::FileOptions::default()).unwrap();
            zip.write_all(&[0; 600]).unwrap();
        }
        let zip = zip.finish().unwrap().into_inner();
        // The unpacked tape itself counts for xz.
        for (name, bytes, enough) in [
            ("x.tar", two.clone(), 1200),
            ("x.tgz", gzipped(&two), 1200),
            ("x.tar.xz", xz, two.len() as u64),
            ("x.zip", zip, 1200),
        ] {
            sandbox.extract(name, &bytes, limits(enough, 2)).unwrap();
            let error = sandbox.extract(name, &bytes, limits(1199, 2)).unwrap_err();
            assert!(error.to_string().contains("too large"), "{name}: {error}");
            let error = sandbox.extract(name, &bytes, limits(enough, 1)).unwrap_err();
            assert!(error.to_string().contains("too many"), "{name}: {error}");
        }
        let one = gzipped(&[0; 1000]);
        sandbox.extract("x.gz", &one, limits(1000, 1)).unwrap();
        assert!(sandbox.extract("x.gz", &one, limits(999, 1)).is_err());
        // A name that goes on for ever is read into memory by the library.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(u64::MAX / 2);
        header.set_cksum();
        let long = [header.as_bytes().as_slice(), &vec![b'x'; 4 << 20]].concat();
        assert!(sandbox.extract("long.tar", &long, limits(1000, 10)).is_err());
    }

    #[test]
    fn where_links_lead() {
        for (path, to, inside) in [
            ("l", "x", true),
            ("l", ".", true),
            ("l", "..", false),
            ("a/l", "..", true),
            ("a/l", "../..", false),
            ("a/l", "b/../../..", false),
            ("a/b/l", "../../x", true),
            ("l", "/x", false),
        ] {
            assert_eq!(stays_inside(Path::new(path), Path::new(to)), inside, "{path} -> {to}");
        }
    }
}
