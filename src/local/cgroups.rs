//! The cgroups (version 2) of a cluster: where they are, how that is prepared when it starts, and how they end.
//!
//! | path | is |
//! |---|---|
//! | the root | the program's own cgroup, or that of `--cgroups_root`. Only its children can have limits, so no process may be in it |
//! | `mesos-programs` in it | where the program goes if it was in the root |
//! | `mesos-local-...` in it | the cluster's place |
//! | a container's id in that | the container's |
//!
//! Everything here is writing short texts into files of a directory, so tests have a plain one.

use crate::descriptors::AboveStandard;
use crate::local::ids;
use crate::local::settings::isolation::Isolation;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

const PROGRAMS: &str = "mesos-programs";
const PLACE: &str = "mesos-local-";

/// Those of processes that are killed become empty within some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A task may make cgroups in its own. Nobody needs more than this, one within the other.
const DEEPEST: usize = 100;

const ADVICE: &str =
    "Tasks can be limited in a cgroup (version 2) that this user may change: start the program with 'systemd-run --user \
    --scope -p Delegate=yes PROGRAM', or name such a cgroup with --cgroups_root (MESOS_CGROUPS_ROOT)";

/// What the kernel says of this process.
struct Here {
    /// Where the hierarchy is mounted.
    hierarchy: PathBuf,
    /// The process's cgroup, as a path below that.
    own: PathBuf,
    /// Tells the cluster's place from all others', and which of them are left over: see [`is_left_over`].
    name: String,
    pid: u32,
}

/// Makes a place for the containers' cgroups, with the controllers that `isolation` needs, and removes those of clusters that are dead.
/// The error says what to do.
pub fn prepare(isolation: &Isolation) -> Result<PathBuf, String> {
    let _above = AboveStandard::hold();
    let told = |e: String| format!("{e}. {ADVICE}");
    let read = |path: &str| std::fs::read(path).map_err(|e| format!("cannot read {path}: {e}"));
    let files = read("/proc/self/mountinfo").and_then(|mounts| Ok((mounts, read("/proc/self/cgroup")?)));
    let (mounts, cgroups) = files.map_err(told)?;
    let (hierarchy, own) = locate(&mounts, &cgroups).map_err(told)?;
    let pid = std::process::id();
    let here = Here {
        hierarchy,
        own,
        name: format!("{PLACE}{}-{pid}-{}", namespace(), ids::uuid()),
        pid,
    };
    prepare_in(&here, isolation).map_err(told)
}

/// The number of our namespace of process ids.
fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// Where the hierarchy is mounted, and our own cgroup in it.
fn locate(mounts: &[u8], cgroups: &[u8]) -> Result<(PathBuf, PathBuf), String> {
    let own = cgroups
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"));
    let own = own.map(|path| Path::new(OsStr::from_bytes(path)));
    let none = || "this system has no cgroups of version 2".to_string();
    let mounted = mounts.split(|byte| *byte == b'\n').filter_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let end = fields.iter().position(|field| *field == b"-")?;
        let path = |index: usize| Some(PathBuf::from(OsString::from_vec(unescaped(fields.get(index)?))));
        (*fields.get(end + 1)? == b"cgroup2").then(|| Some((path(3)?, path(4)?)))?
    });
    let mounted: Vec<(PathBuf, PathBuf)> = mounted.collect();
    let own = own.filter(|_| !mounted.is_empty()).ok_or_else(none)?;
    let below = |(root, mount): &(PathBuf, PathBuf)| {
        let own = mount.join(own.strip_prefix(root).ok()?);
        // Without a slash at the end.
        Some((mount.clone(), own.components().collect()))
    };
    let found = mounted.iter().find_map(below);
    found.ok_or_else(|| format!("the program's cgroup {} is not in what is mounted", own.display()))
}

/// Blanks and the like are `\040` there.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = field;
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        text.push(code.unwrap_or(*first));
        rest = match code {
            Some(_) => &others[3..],
            None => others,
        };
    }
    text
}

fn prepare_in(here: &Here, isolation: &Isolation) -> Result<PathBuf, String> {
    let controllers = isolation.controllers();
    let root = match &isolation.root {
        Some(root) => named(here, root, &controllers)?,
        None if here.own.ends_with(PROGRAMS) => here.own.parent().unwrap_or(&here.own).to_path_buf(),
        None => here.own.clone(),
    };
    let there = std::fs::read_to_string(root.join("cgroup.controllers"));
    let there = there.map_err(|e| format!("cannot read {}/cgroup.controllers: {e}", root.display()))?;
    let there: Vec<&str> = there.split_whitespace().collect();
    let missing: Vec<&str> = controllers.iter().filter(|name| !there.contains(name)).copied().collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        return Err(format!("the cgroup {} has no controller {missing}", root.display()));
    }
    enable_in_root(here, &root, &controllers)?;
    remove_left_over(&root);
    let place = root.join(&here.name);
    std::fs::create_dir(&place).map_err(|e| format!("cannot make the cgroup {}: {e}", place.display()))?;
    let checked = enable(&place, &controllers).and_then(|()| may_move(here, &place));
    if checked.is_err() {
        let _ = std::fs::remove_dir(&place);
    }
    checked.map(|()| place)
}

/// The cgroup of `--cgroups_root`, made if need be, with the controllers if that is possible.
fn named(here: &Here, root: &str, controllers: &[&str]) -> Result<PathBuf, String> {
    let given = Path::new(root);
    let given = given.strip_prefix(&here.hierarchy).unwrap_or(given);
    // Nothing is made on the way to a mistake.
    if given.components().any(|part| part == Component::ParentDir) {
        return Err(format!("--cgroups_root: expected a path without '..', not '{root}'"));
    }
    let mut path = here.hierarchy.clone();
    for part in given.components() {
        let Component::Normal(name) = part else { continue };
        // Mostly they are there, or this is somebody else's to do. What is missing in the end is told.
        if in_the_way(&path).is_empty() {
            let _ = enable(&path, controllers);
        }
        path.push(name);
        match std::fs::create_dir(&path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!("cannot make the cgroup {}: {e}", path.display()));
            }
            _ => {}
        }
    }
    Ok(path)
}

/// Lets the cgroups in this one have limits.
fn enable(cgroup: &Path, controllers: &[&str]) -> Result<(), String> {
    let all: Vec<String> = controllers.iter().map(|name| format!("+{name}")).collect();
    put(cgroup, "cgroup.subtree_control", &all.join(" ")).map_err(|e| not_enabled(cgroup, &e.to_string()))
}

fn not_enabled(cgroup: &Path, why: &str) -> String {
    format!("cannot enable controllers in the cgroup {}: {why}", cgroup.display())
}

/// The processes beside which no cgroup can have limits. To refuse memory there, the kernel says EBUSY; cpus it takes, but makes a cgroup
/// of threads of this one. Only the hierarchy's own root, which alone has no type, may have both.
fn in_the_way(cgroup: &Path) -> Vec<i32> {
    match cgroup.join("cgroup.type").exists() {
        true => members(cgroup),
        false => Vec::new(),
    }
}

/// The same in the root. This process gets out of the way.
fn enable_in_root(here: &Here, root: &Path, controllers: &[&str]) -> Result<(), String> {
    let (own, others): (Vec<i32>, Vec<i32>) = in_the_way(root).into_iter().partition(|pid| *pid == here.pid as i32);
    if !others.is_empty() {
        let others: Vec<String> = others.iter().take(10).map(i32::to_string).collect();
        let why = format!("other processes are in it ({}), such as a shell", others.join(", "));
        return Err(not_enabled(root, &why));
    }
    if !own.is_empty() {
        let leaf = root.join(PROGRAMS);
        let made = std::fs::create_dir(&leaf).or_else(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(e),
        });
        let moved = made.and_then(|()| put(&leaf, "cgroup.procs", &here.pid.to_string()));
        moved.map_err(|e| format!("cannot move this process into the cgroup {}: {e}", leaf.display()))?;
    }
    enable(root, controllers)
}

/// Who moves a process has to have the right to do so in the cgroup that is above both.
fn may_move(here: &Here, place: &Path) -> Result<(), String> {
    let above = place.ancestors().find(|above| here.own.starts_with(above)).unwrap_or(place);
    let procs = above.join("cgroup.procs");
    let opened = OpenOptions::new().write(true).open(&procs);
    opened
        .map(drop)
        .map_err(|e| format!("cannot write to {}: {e}", procs.display()))
}

/// Whether a place belongs to a cluster whose process is no more. Of those in other namespaces we know nothing.
fn is_left_over(name: &str) -> bool {
    let mut parts = name.strip_prefix(PLACE).unwrap_or_default().split('-');
    let is_ours = parts.next().is_some_and(|theirs| theirs == namespace());
    let pid = parts.next().and_then(|pid| pid.parse::<i32>().ok());
    let is_there = |pid: i32| nix::sys::signal::kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH);
    is_ours && pid.is_some_and(|pid| pid > 0 && !is_there(pid))
}

fn remove_left_over(root: &Path) {
    for place in children(root) {
        if place.file_name().and_then(OsStr::to_str).is_some_and(is_left_over) {
            end(&place);
        }
    }
}

fn children(cgroup: &Path) -> Vec<PathBuf> {
    let list = std::fs::read_dir(cgroup).into_iter().flatten().flatten();
    let list = list.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    list.map(|entry| entry.path()).collect()
}

fn members(cgroup: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Writes to one of the files that the kernel has put there.
pub fn put(cgroup: &Path, file: &str, value: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(cgroup.join(file))?;
    file.write_all(value.as_bytes())
}

/// Kills all that is in a cgroup or below, also what is being forked. Before Linux 5.14, one after the other.
pub fn kill(cgroup: &Path) {
    kill_to(cgroup, DEEPEST);
}

fn kill_to(cgroup: &Path, depth: usize) {
    if put(cgroup, "cgroup.kill", "1").is_ok() {
        return;
    }
    for pid in members(cgroup).into_iter().filter(|pid| *pid > 0) {
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    if depth > 0 {
        children(cgroup).iter().for_each(|child| kill_to(child, depth - 1));
    }
}

/// Removes a cgroup and those below, in which no process is left. One that is not there is removed.
pub fn remove(cgroup: &Path) -> io::Result<()> {
    remove_to(cgroup, DEEPEST)
}

fn remove_to(cgroup: &Path, depth: usize) -> io::Result<()> {
    match std::fs::remove_dir(cgroup) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) if depth > 0 => {
            for child in children(cgroup) {
                remove_to(&child, depth - 1)?;
            }
            std::fs::remove_dir(cgroup)
        }
        done => done,
    }
}

/// Kills all in a cluster's place, and removes it.
pub fn end(place: &Path) {
    let (begin, mut pause) = (Instant::now(), Duration::from_millis(1));
    loop {
        kill(place);
        if remove(place).is_ok() || begin.elapsed() > PATIENCE {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain directory in the place of the hierarchy.
    struct Hierarchy(PathBuf);

    impl Hierarchy {
        fn new() -> Hierarchy {
            let path = std::env::temp_dir().join(format!("mesos-cgroups-{}", ids::uuid()));
            std::fs::create_dir(&path).unwrap();
            Hierarchy(path)
        }

        /// A cgroup with the files that the kernel makes.
        fn cgroup(&self, path: &str, controllers: &str) -> PathBuf {
            let path = self.0.join(path);
            std::fs::create_dir_all(&path).unwrap();
            for (file, text) in [
                ("cgroup.controllers", controllers),
                ("cgroup.subtree_control", ""),
                ("cgroup.procs", ""),
            ] {
                std::fs::write(path.join(file), text).unwrap();
            }
            path
        }

        fn here(&self, own: &str) -> Here {
            Here {
                hierarchy: self.0.clone(),
                own: self.0.join(own),
                name: "place".into(),
                pid: 77,
            }
        }

        fn read(&self, path: &str) -> String {
            std::fs::read_to_string(self.0.join(path)).unwrap()
        }
    }

    impl Drop for Hierarchy {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn isolation(root: Option<&str>) -> Isolation {
        Isolation {
            cpu: true,
            mem: true,
            root: root.map(str::to_string),
            ..Isolation::default()
        }
    }

    #[test]
    fn the_own_cgroup_is_found() {
        let mounts =
            b"1 2 0:3 / /proc rw - proc proc rw\n4 2 0:5 / /sys/fs/cgr\\040oup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let found = locate(mounts, b"4:memory:/x\n0::/user.slice/a\n");
        assert_eq!(found, Ok(("/sys/fs/cgr oup".into(), "/sys/fs/cgr oup/user.slice/a".into())));
        // Only a part is mounted.
        let mounts = b"4 2 0:5 /docker/c /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        let found = locate(mounts, b"0::/docker/c/d\n");
        assert_eq!(found, Ok(("/sys/fs/cgroup".into(), "/sys/fs/cgroup/d".into())));
        assert!(locate(mounts, b"0::/elsewhere\n").is_err());
        for (mounts, cgroups) in [(&mounts[..], &b"4:memory:/x\n"[..]), (b"", b"0::/\n"), (b"4 2\n", b"0::/\n")] {
            assert_eq!(locate(mounts, cgroups), Err("this system has no cgroups of version 2".into()));
        }
    }

    #[test]
    fn a_place_is_made_with_the_controllers() {
        let hierarchy = Hierarchy::new();
        hierarchy.cgroup("own", "cpuset cpu io memory pids");
        // The kernel would put the files there. Without them nothing can be enabled in it.
        let error = prepare_in(&hierarchy.here("own"), &isolation(None)).unwrap_err();
        assert!(error.contains("cannot enable controllers in the cgroup"), "{error}");
        assert!(!hierarchy.0.join("own/place").exists(), "nothing is left of an attempt");
        assert_eq!(hierarchy.read("own/cgroup.subtree_control"), "+cpu +memory");
        assert_eq!(hierarchy.read("own/cgroup.procs"), "", "nobody was in the way");
    }

    #[test]
    fn a_program_that_has_moved_finds_its_root_again() {
        let hierarchy = Hierarchy::new();
        hierarchy.cgroup("own", "cpu memory");
        hierarchy.cgroup("own/mesos-programs", "cpu memory");
        prepare_in(&hierarchy.here("own/mesos-programs"), &isolation(None)).unwrap_err();
        assert_eq!(hierarchy.read("own/cgroup.subtree_control"), "+cpu +memory");
        assert_eq!(hierarchy.read("own/mesos-programs/cgroup.subtree_control"), "");
    }

    #[test]
    fn who_is_in_the_root_goes_or_is_told() {
        let hierarchy = Hierarchy::new();
        let own = hierarchy.cgroup("own", "cpu memory");
        hierarchy.cgroup("own/mesos-programs", "cpu memory");
        std::fs::write(own.join("cgroup.type"), "domain\n").unwrap();
        std::fs::write(own.join("cgroup.procs"), "77\n78\n").unwrap();
        let error = prepare_in(&hierarchy.here("own"), &isolation(None)).unwrap_err();
        assert!(error.contains("other processes are in it (78), such as a shell"), "{error}");
        // Nor is anything done to it on the way to another.
        let below = prepare_in(&hierarchy.here("elsewhere"), &isolation(Some("own/below"))).unwrap_err();
        assert!(below.contains("cannot read"), "{below}");
        assert_eq!(hierarchy.read("own/cgroup.subtree_control"), "");
        std::fs::write(own.join("cgroup.procs"), "77\n").unwrap();
        prepare_in(&hierarchy.here("own"), &isolation(None)).unwrap_err();
        assert_eq!(hierarchy.read("own/mesos-programs/cgroup.procs"), "77");
        assert_eq!(hierarchy.read("own/cgroup.subtree_control"), "+cpu +memory");
    }

    #[test]
    fn what_is_missing_is_told() {
        let hierarchy = Hierarchy::new();
        hierarchy.cgroup("own", "pids");
        let error = |root: Option<&str>| prepare_in(&hierarchy.here("own"), &isolation(root)).unwrap_err();
        assert!(
            error(None).ends_with("own has no controller cpu and memory"),
            "{}",
            error(None)
        );
        assert!(error(Some("a/../b")).contains("expected a path without '..'"));
        assert!(!hierarchy.0.join("a").exists(), "nothing is made on the way to a mistake");
        // A cgroup of a name is made, in the hierarchy, however it is written.
        for root in ["there/deep", "/there/deep", hierarchy.0.join("there/deep").to_str().unwrap()] {
            assert!(error(Some(root)).contains("cannot read"), "{}", error(Some(root)));
            assert!(hierarchy.0.join("there/deep").is_dir());
            std::fs::remove_dir_all(hierarchy.0.join("there")).unwrap();
        }
    }

    #[test]
    fn moving_needs_a_right_above_both() {
        let hierarchy = Hierarchy::new();
        std::fs::create_dir_all(hierarchy.0.join("a/b")).unwrap();
        let here = hierarchy.here("a/own");
        let error = may_move(&here, &hierarchy.0.join("a/b/place")).unwrap_err();
        assert!(error.contains("/a/cgroup.procs"), "{error}");
        std::fs::write(hierarchy.0.join("a/cgroup.procs"), "").unwrap();
        assert_eq!(may_move(&here, &hierarchy.0.join("a/b/place")), Ok(()));
    }

    #[test]
    fn what_is_left_of_dead_clusters_goes() {
        let hierarchy = Hierarchy::new();
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        let pid = dead.id();
        dead.wait().unwrap();
        let places = [
            (format!("{PLACE}{}-{pid}-x", namespace()), false),
            (format!("{PLACE}{}-{}-x", namespace(), std::process::id()), true),
            (format!("{PLACE}7-{pid}-x"), true),
            (format!("{PLACE}{}--x", namespace()), true),
            ("somebody-else".into(), true),
        ];
        for (place, _) in &places {
            std::fs::create_dir_all(hierarchy.0.join(place).join("container/below")).unwrap();
        }
        remove_left_over(&hierarchy.0);
        for (place, stays) in &places {
            assert_eq!(hierarchy.0.join(place).exists(), *stays, "{place}");
        }
    }

    #[test]
    fn all_in_a_cgroup_is_killed_also_without_cgroup_kill() {
        let hierarchy = Hierarchy::new();
        let below = hierarchy.cgroup("c/below", "");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        std::fs::write(below.join("cgroup.procs"), format!("{}\n", child.id())).unwrap();
        kill(&hierarchy.0.join("c"));
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        // With it, nothing else is needed.
        std::fs::write(hierarchy.0.join("c/cgroup.kill"), "").unwrap();
        std::fs::write(below.join("cgroup.procs"), format!("{}\n", std::process::id())).unwrap();
        kill(&hierarchy.0.join("c"));
        assert_eq!(hierarchy.read("c/cgroup.kill"), "1");
    }
}
