//! The cgroups of programs: made before the first one joins, asked about memory at its end, and removed with the last.

use crate::local::cgroups::{kill, put, remove};
use crate::local::helper_protocol::{Cgroup, Memory};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Who is not gone after so many looks can only be somebody whom we may not kill.
const LOOKS: u32 = 250;

/// No more of the kernel's figures is told.
const STATISTICS: usize = 16 * 1024;

fn path_of(cgroup: &Cgroup) -> &Path {
    Path::new(OsStr::from_bytes(&cgroup.path))
}

/// Makes it, unless it is there, and sets it.
fn make(cgroup: &Cgroup) -> Result<(), String> {
    let path = path_of(cgroup);
    match std::fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(format!("cannot make the cgroup: {e}")),
        _ => set(cgroup),
    }
}

/// Sets a cgroup that is there.
fn set(cgroup: &Cgroup) -> Result<(), String> {
    let path = path_of(cgroup);
    for setting in &cgroup.settings {
        match put(path, &setting.file, &setting.value) {
            Err(e) if setting.optional => log::debug!("{}: {e}", setting.file),
            set => set.map_err(|e| format!("cannot set {} to {}: {e}", setting.file, setting.value))?,
        }
    }
    Ok(())
}

/// This process goes into it.
pub fn join(cgroup: &Cgroup) -> Result<(), String> {
    put(path_of(cgroup), "cgroup.procs", "0").map_err(|e| format!("cannot join the cgroup: {e}"))
}

/// What a cgroup says of its memory, if the kernel has killed something there for it.
fn exceeded(path: &Path) -> Option<Memory> {
    let read = |file: &str| std::fs::read_to_string(path.join(file)).ok();
    let events = read("memory.events")?;
    let count = |name: &str| {
        let mut lines = events.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(event, _)| *event == name);
        found.and_then(|(_, count)| count.parse::<u64>().ok()).unwrap_or_default()
    };
    // Where all of the machine's memory is used up, something is killed, too, and it is not for the cgroup's limit.
    if count("oom_kill") == 0 || count("oom") == 0 {
        return None;
    }
    let number = |file: &str| read(file)?.trim().parse().ok();
    let statistics = read("memory.stat").unwrap_or_default();
    Some(Memory {
        limit: number("memory.max"),
        // Not before Linux 5.19.
        peak: number("memory.peak"),
        statistics: statistics.chars().take(STATISTICS).collect(),
    })
}

/// Who is in which.
#[derive(Default)]
pub struct Cgroups {
    /// By the program's process.
    programs: BTreeMap<i32, PathBuf>,
    /// Those whose programs have ended, and how often they were looked at. What else was in them may need a moment.
    leaving: BTreeMap<PathBuf, u32>,
}

impl Cgroups {
    /// Makes the cgroup of a program that is to be started.
    pub fn prepare(&mut self, cgroup: &Cgroup) -> Result<(), String> {
        self.leaving.remove(path_of(cgroup));
        make(cgroup)
    }

    /// How that has gone: in which process it is, if in any.
    pub fn started(&mut self, cgroup: &Cgroup, pid: Option<i32>) {
        let path = path_of(cgroup).to_path_buf();
        match pid {
            Some(pid) => drop(self.programs.insert(pid, path)),
            None => self.left(path),
        }
    }

    pub fn set(&self, cgroup: &Cgroup) {
        let is_used = self.programs.values().any(|path| path == path_of(cgroup));
        if let Err(e) = if is_used { set(cgroup) } else { Ok(()) } {
            log::warn!("{e}");
        }
    }

    /// Whether the kernel has killed something for its memory where this program is.
    pub fn exceeded(&self, pid: i32) -> Option<Memory> {
        exceeded(self.programs.get(&pid)?)
    }

    /// Kills all that is in a program's cgroup, if it has that for itself.
    pub fn kill(&self, pid: i32) {
        let Some(path) = self.programs.get(&pid) else { return };
        let others = self.programs.iter().filter(|(other, _)| **other != pid);
        if !others.map(|(_, path)| path).any(|other| other == path) {
            kill(path);
        }
    }

    /// A program has ended.
    pub fn ended(&mut self, pid: i32) {
        if let Some(path) = self.programs.remove(&pid) {
            self.left(path);
        }
    }

    fn left(&mut self, path: PathBuf) {
        if !self.programs.values().any(|used| *used == path) {
            self.leaving.insert(path, 0);
        }
    }

    /// Removes those that are empty. Whether there is none that is worth another look soon.
    pub fn tidy(&mut self) -> bool {
        self.leaving.retain(|path, looks| {
            *looks = looks.saturating_add(1);
            remove(path).is_err()
        });
        self.leaving.values().all(|looks| *looks > LOOKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::helper_protocol::Setting;

    /// A directory in the place of a cgroup, with these files.
    struct Plain(PathBuf);

    impl Plain {
        fn new(name: &str, files: &[(&str, &str)]) -> Plain {
            let path = std::env::temp_dir().join(format!("mesos-cgroup-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            for (file, text) in files {
                std::fs::write(path.join(file), text).unwrap();
            }
            Plain(path)
        }

        fn cgroup(&self, settings: &[(&str, &str, bool)]) -> Cgroup {
            let setting = |(file, value, optional): &(&str, &str, bool)| Setting {
                file: file.to_string(),
                value: value.to_string(),
                optional: *optional,
            };
            Cgroup {
                path: self.0.as_os_str().as_bytes().to_vec(),
                settings: settings.iter().map(setting).collect(),
            }
        }

        fn read(&self, file: &str) -> String {
            std::fs::read_to_string(self.0.join(file)).unwrap()
        }
    }

    impl Drop for Plain {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn settings_are_written_and_may_be_missing_if_they_are_optional() {
        let plain = Plain::new("settings", &[("cpu.weight", ""), ("memory.max", "max")]);
        let wanted = plain.cgroup(&[("cpu.weight", "39", false), ("memory.swap.max", "0", true)]);
        assert_eq!(make(&wanted), Ok(()));
        assert_eq!(plain.read("cpu.weight"), "39");
        assert!(!plain.0.join("memory.swap.max").exists(), "no file is made");
        let error = make(&plain.cgroup(&[("pids.max", "7", false)])).unwrap_err();
        assert!(error.starts_with("cannot set pids.max to 7: "), "{error}");
    }

    #[test]
    fn joining() {
        let plain = Plain::new("joining", &[]);
        let error = join(&plain.cgroup(&[])).unwrap_err();
        assert!(error.starts_with("cannot join the cgroup: "), "{error}");
        std::fs::write(plain.0.join("cgroup.procs"), "").unwrap();
        assert_eq!(join(&plain.cgroup(&[])), Ok(()));
        assert_eq!(plain.read("cgroup.procs"), "0");
    }

    #[test]
    fn memory_is_exceeded_by_the_word_of_the_kernel() {
        let plain = Plain::new("memory", &[("memory.max", "67108864\n"), ("memory.stat", "anon 5\n")]);
        assert_eq!(exceeded(&plain.0), None);
        let events = |oom: u64, killed: u64| {
            let text = format!("low 0\nhigh 0\nmax 9\noom {oom}\noom_kill {killed}\noom_group_kill 1\n");
            std::fs::write(plain.0.join("memory.events"), text).unwrap();
            exceeded(&plain.0)
        };
        assert_eq!(events(0, 0), None);
        assert_eq!(events(0, 1), None, "the machine's memory, not the cgroup's");
        let known = Memory {
            limit: Some(1 << 26),
            peak: None,
            statistics: "anon 5\n".into(),
        };
        assert_eq!(events(1, 1), Some(known.clone()));
        std::fs::write(plain.0.join("memory.peak"), "67100000\n").unwrap();
        std::fs::write(plain.0.join("memory.max"), "max\n").unwrap();
        let known = Memory {
            limit: None,
            peak: Some(67_100_000),
            ..known
        };
        assert_eq!(events(3, 2), Some(known));
    }

    #[test]
    fn a_cgroup_goes_with_its_last_program() {
        let plain = Plain::new("last", &[("cgroup.procs", ""), ("cgroup.kill", "")]);
        let wanted = plain.cgroup(&[]);
        let mut cgroups = Cgroups::default();
        for pid in [1, 2] {
            cgroups.prepare(&wanted).unwrap();
            cgroups.started(&wanted, Some(pid));
        }
        cgroups.kill(1);
        assert_eq!(plain.read("cgroup.kill"), "", "it is another's as well");
        cgroups.ended(1);
        assert!(cgroups.tidy() && plain.0.exists());
        cgroups.kill(2);
        assert_eq!(plain.read("cgroup.kill"), "1");
        cgroups.ended(2);
        assert!(!cgroups.tidy(), "not empty yet");
        // One more begins meanwhile.
        cgroups.prepare(&wanted).unwrap();
        assert!(cgroups.tidy());
        cgroups.started(&wanted, None);
        assert!(!cgroups.tidy());
        for file in ["cgroup.procs", "cgroup.kill"] {
            std::fs::remove_file(plain.0.join(file)).unwrap();
        }
        assert!(cgroups.tidy() && !plain.0.exists());
    }
}
