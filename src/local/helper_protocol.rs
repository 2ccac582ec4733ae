//! What the cluster and its helper process say to each other over two pipes. Both ends are of one build, so there are no versions.
//!
//! A frame is a 32-bit little-endian length and that many bytes: one tag byte, then the fields in order. Numbers are little-endian,
//! byte strings and lists carry a 32-bit count first.

use crate::message::text;
use std::io::{self, Read, Write};

mod encoding;

/// No frame is larger: a task's environment and arguments have the kernel's limits anyway.
const MAX_FRAME: usize = 64 * 1024 * 1024;

/// No kernel starts a program with so much, see [`Program::is_too_large`].
const MAX_PROGRAM: usize = MAX_FRAME / 2;

/// One program to run. No `Debug`: the environment holds the executor's token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Working directory, absolute.
    pub directory: Vec<u8>,
    /// Files in it to which the output is appended; they are created when absent.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Searched in the environment's PATH when it holds no slash.
    pub file: Vec<u8>,
    /// argv, the zeroth included; empty means that `file` is the zeroth.
    pub arguments: Vec<Vec<u8>>,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub user: Option<User>,
    /// What is copied into `directory` before, in this order, with the rights of `user`.
    pub fetches: Vec<Fetch>,
    /// What is provided in `directory` before that.
    pub volumes: Vec<Volume>,
    pub limits: Vec<Limit>,
    /// Which it joins, made if need be.
    pub cgroup: Option<Cgroup>,
}

/// A cgroup, and what its files are to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// An absolute path.
    pub path: Vec<u8>,
    pub settings: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: String,
    pub value: String,
    /// Older kernels do not have it, or such a machine does not.
    pub optional: bool,
}

/// What setrlimit(2) is to be called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of the type in `RLimitInfo`.
    pub kind: u8,
    pub soft: u64,
    pub hard: u64,
}

impl Limit {
    /// For `soft` and `hard`: without a limit, RLIM_INFINITY.
    pub const NONE: u64 = u64::MAX;
}

impl Program {
    /// Its frame would be the end of the helper, and of all that runs.
    pub fn is_too_large(&self) -> bool {
        let arguments = self.arguments.iter().map(Vec::len);
        let variables = self.environment.iter().map(|(name, value)| name.len() + value.len());
        let fetches = self
            .fetches
            .iter()
            .map(|f| f.uri.len() + f.from.len() + f.to.len() + f.cache.len());
        let volumes = self.volumes.iter().map(|v| v.from.len() + v.root.len() + v.to.len());
        let lengths = arguments
            .chain(variables)
            .chain(fetches)
            .chain(volumes)
            .chain([self.file.len()]);
        lengths.map(|length| length.saturating_add(16)).fold(0, usize::saturating_add) > MAX_PROGRAM
    }
}

/// In Mesos' words, and why in ours. A sandbox has its container's name.
pub fn not_fetched(directory: &[u8], why: &str) -> String {
    let container = directory.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let container = String::from_utf8_lossy(container);
    format!("Failed to fetch all URIs for container '{container}': exited with status 1: {why}")
}

/// One file to fetch.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// What is loaded over http(s) if there is no path.
    pub uri: Vec<u8>,
    /// An absolute path, or empty.
    pub from: Vec<u8>,
    /// Where below the directory; only plain names between the slashes.
    pub to: Vec<u8>,
    pub executable: bool,
    /// If it is an archive by its name.
    pub extract: bool,
    /// The file in the cache, or empty.
    pub cache: Vec<u8>,
}

/// Something that a program finds at another place than where it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// An absolute path.
    pub from: Vec<u8>,
    /// The part of it that is there for sure, and is trusted.
    pub root: Vec<u8>,
    /// Absolute, or below the directory with only plain names between the slashes.
    pub to: Vec<u8>,
    pub read_only: bool,
    /// Otherwise it is a link.
    pub mount: bool,
}

/// Whom to become before the program starts; absent when it is whoever we are.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// For the supplementary groups.
    pub name: Vec<u8>,
    pub uid: u32,
    pub gid: u32,
}

/// From the cluster to the helper.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// `process` is the cluster's name for it, never used twice.
    Start { process: u64, program: Box<Program> },
    /// Sends `signal` to the process, its descendants, and the sessions and groups they lead.
    Signal { process: u64, signal: i32 },
    /// Say this in the files of a cgroup, if it is there.
    Limit(Cgroup),
    /// Kill everything and end.
    Shutdown,
}

/// From the helper to the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Sent once, before anything else: who serves, and who watches over that.
    Ready { server: u32, guard: u32 },
    /// The program itself is running (its exec succeeded).
    Started { process: u64, pid: u32 },
    /// It could not be started; no `Exited` follows.
    Failed { process: u64, reason: String },
    /// Too much memory was used in the process's cgroup: the kernel has killed something there. An `Exited` follows.
    OutOfMemory { process: u64, memory: Memory },
    /// `status` is the raw status of wait(2).
    Exited { process: u64, status: i32 },
}

/// What a cgroup says of its memory, in bytes. `None` is not known, or without a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    pub limit: Option<u64>,
    pub peak: Option<u64>,
    pub statistics: String,
}

/// A frame that no end of this build writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("malformed frame on the helper's pipe")
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for io::Error {
    fn from(e: Malformed) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, e)
    }
}

/// A message of either direction.
pub trait Frame: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(fields: &mut Fields<'_>) -> Result<Self, Malformed>;

    /// The frame, its length included.
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        self.put(&mut out);
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }

    /// Reverses [`encode`](Self::encode), without the length.
    fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields { rest: body };
        let message = Self::take(&mut fields)?;
        if fields.rest.is_empty() {
            Ok(message)
        } else {
            Err(Malformed)
        }
    }
}

/// Takes one whole frame's body out of `buffer`, if it holds one.
pub fn split(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Malformed> {
    let Some(head) = buffer.get(..4) else { return Ok(None) };
    let length = u32::from_le_bytes(head.try_into().map_err(|_| Malformed)?) as usize;
    if length > MAX_FRAME {
        return Err(Malformed);
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    let rest = buffer.split_off(4 + length);
    let mut frame = std::mem::replace(buffer, rest);
    frame.drain(..4);
    Ok(Some(frame))
}

/// Blocking: writes one frame.
pub fn write<F: Frame>(to: &mut impl Write, message: &F) -> io::Result<()> {
    to.write_all(&message.encode())?;
    to.flush()
}

/// Blocking: reads one frame; `None` at a clean end.
pub fn read<F: Frame>(from: &mut impl Read) -> io::Result<Option<F>> {
    let mut head = [0; 4];
    let mut got = 0;
    while got < head.len() {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let length = u32::from_le_bytes(head) as usize;
    if length > MAX_FRAME {
        return Err(Malformed.into());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(F::decode(&body)?))
}

/// What is left of a frame's body.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.rest.len() {
            return Err(Malformed);
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.bytes(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.bytes(4)?.try_into().map(u32::from_le_bytes).map_err(|_| Malformed)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.bytes(8)?.try_into().map(u64::from_le_bytes).map_err(|_| Malformed)
    }

    fn string(&mut self) -> Result<Vec<u8>, Malformed> {
        let count = self.u32()? as usize;
        Ok(self.bytes(count)?.to_vec())
    }

    fn text(&mut self) -> Result<String, Malformed> {
        Ok(text::from_bytes(&self.string()?).into_owned())
    }
}

fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend((string.len() as u32).to_le_bytes());
    out.extend(string);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            directory: b"/sandbox".to_vec(),
            stdout: b"stdout".to_vec(),
            stderr: b"stderr".to_vec(),
            file: b"/bin/sh".to_vec(),
            arguments: vec![b"sh".to_vec(), b"-c".to_vec(), b"echo \xff".to_vec()],
            environment: vec![(b"A".to_vec(), b"b=c".to_vec()), (b"EMPTY".to_vec(), Vec::new())],
            user: Some(User {
                name: b"nobody".to_vec(),
                uid: 65534,
                gid: 65534,
            }),
            fetches: vec![Fetch {
                uri: b"file:///bin/tool".to_vec(),
                from: b"/bin/tool".to_vec(),
                to: b"bin/tool".to_vec(),
                executable: true,
                extract: true,
                cache: b"/cache/c1-tool".to_vec(),
            }],
            volumes: vec![Volume {
                from: b"/data/x".to_vec(),
                root: b"/".to_vec(),
                to: b"data".to_vec(),
                read_only: true,
                mount: false,
            }],
            limits: vec![Limit {
                kind: 10,
                soft: 7,
                hard: u64::MAX,
            }],
            cgroup: Some(cgroup()),
        }
    }

    fn cgroup() -> Cgroup {
        let setting = Setting {
            file: "memory.swap.max".into(),
            value: "0".into(),
            optional: true,
        };
        Cgroup {
            path: b"/sys/fs/cgroup/c".to_vec(),
            settings: vec![setting],
        }
    }

    #[test]
    fn commands_survive_the_pipe() {
        let commands = [
            Command::Start {
                process: u64::MAX,
                program: Box::new(program()),
            },
            Command::Signal { process: 7, signal: 15 },
            Command::Limit(cgroup()),
            Command::Shutdown,
        ];
        let mut pipe = Vec::new();
        for command in &commands {
            write(&mut pipe, command).unwrap();
        }
        let mut reader = pipe.as_slice();
        for command in &commands {
            assert!(read::<Command>(&mut reader).unwrap().as_ref() == Some(command));
        }
        assert!(read::<Command>(&mut reader).unwrap().is_none());
    }

    #[test]
    fn reports_come_out_of_arbitrary_pieces() {
        let reports = [
            Report::Ready { server: 8, guard: 7 },
            Report::Started { process: 1, pid: 2 },
            Report::Failed {
                process: 3,
                reason: "no such file".into(),
            },
            Report::OutOfMemory {
                process: 4,
                memory: Memory {
                    limit: Some(1 << 25),
                    peak: None,
                    statistics: "anon 1\n".into(),
                },
            },
            Report::Exited { process: 4, status: -1 },
        ];
        let whole: Vec<u8> = reports.iter().flat_map(Frame::encode).collect();
        let (mut buffer, mut seen) = (Vec::new(), Vec::new());
        for byte in whole {
            buffer.push(byte);
            while let Some(body) = split(&mut buffer).unwrap() {
                seen.push(Report::decode(&body).unwrap());
            }
        }
        assert_eq!(seen, reports);
        assert!(buffer.is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Report::decode(&[]), Err(Malformed));
        assert_eq!(Report::decode(&[9]), Err(Malformed));
        assert_eq!(Report::decode(&[1, 0, 0]), Err(Malformed));
        assert_eq!(
            Report::decode(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]),
            Err(Malformed)
        );
        let cut = Command::Start {
            process: 1,
            program: Box::new(program()),
        }
        .encode();
        assert!((4..cut.len()).all(|end| Command::decode(&cut[4..end]).is_err()));
        assert_eq!(split(&mut vec![255; 8]), Err(Malformed));
    }
}
