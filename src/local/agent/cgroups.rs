//! What the cgroup of a container is to say, by the rules of Mesos' isolators cgroups/cpu and cgroups/mem, and what is told of one that used
//! too much memory. Which container has which is in `contained`.
//!
//! Mesos sets what cgroups of version 1 have. The same in version 2: `cpu.weight` for `cpu.shares` (100 for 1024, as the kernel reckons),
//! `cpu.max` for the quota, `memory.max` for the limit.

use crate::local::helper_protocol::{Cgroup, Memory, Program, Setting};
use crate::local::settings::isolation::Isolation;
use crate::proto::{value, Resource, TaskInfo};
use crate::resources::Resources;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

const MEGABYTE: u64 = 1 << 20;

/// The file with a cgroup's limit.
const MEMORY: &str = "memory.max";

/// Mesos' MIN_MEMORY: less than that no container has.
const LEAST_MEMORY: u64 = 32 * MEGABYTE;

/// Mesos' executor of a command has this, and the command shares it: cpus, and megabytes.
pub const OVERHEAD: (f64, f64) = (0.1, 32.0);

/// Shares of a whole cpu, and the fewest.
const SHARES: f64 = 1024.0;
const FEWEST_SHARES: u64 = 2;

/// In microseconds: how often the time of a container is counted anew, and the least that it has then.
const PERIOD: u64 = 100_000;
const LEAST_QUOTA: u64 = 1000;

/// The cgroups of an agent's containers.
#[derive(Debug, Clone)]
pub struct Cgroups {
    /// Where they are.
    place: PathBuf,
    cpu: bool,
    mem: bool,
    pub cfs: bool,
}

impl Cgroups {
    pub fn new(place: PathBuf, isolation: &Isolation) -> Cgroups {
        Cgroups {
            place,
            cpu: isolation.cpu,
            mem: isolation.mem,
            cfs: isolation.cfs,
        }
    }

    /// That of a container.
    pub fn path(&self, container_id: &str) -> Vec<u8> {
        self.place.join(container_id).as_os_str().as_bytes().to_vec()
    }

    /// What a container's cgroup is to say. Its memory's limit, the highest of which is `highest`, never becomes less: what is used already
    /// would be killed for it.
    pub fn settings(&self, share: &Share, highest: &mut u64) -> Result<Vec<Setting>, String> {
        let mut all = Vec::new();
        let mut set = |file: &str, value: String, optional| {
            let file = file.to_string();
            all.push(Setting { file, value, optional });
        };
        if self.cpu {
            if share.cpus <= 0.0 {
                return Err("Failed to update subsystem 'cpu': No cpus resource given".into());
            }
            let shares = ((share.cpus * SHARES) as u64).max(FEWEST_SHARES);
            let weight = (shares * 100 + 512) / 1024;
            set("cpu.weight", weight.clamp(1, 10_000).to_string(), false);
            match share.cpu_limit.or(self.cfs.then_some(share.cpus)) {
                Some(limit) if limit.is_finite() => {
                    let quota = ((limit * PERIOD as f64).round() as u64).max(LEAST_QUOTA);
                    set("cpu.max", format!("{quota} {PERIOD}"), false);
                }
                Some(_) => set("cpu.max", format!("max {PERIOD}"), false),
                None => {}
            }
        }
        if self.mem {
            if share.mem <= 0.0 {
                return Err("Failed to update subsystem 'memory': No memory resource given".into());
            }
            let limit = share.mem_limit.unwrap_or(share.mem);
            // What is infinite becomes the highest number.
            let bytes = (limit as u64).saturating_mul(MEGABYTE).max(LEAST_MEMORY);
            *highest = bytes.max(*highest);
            let text = match *highest {
                u64::MAX => "max".to_string(),
                bytes => bytes.to_string(),
            };
            set(MEMORY, text, false);
            // Otherwise what is too much would go there, as long as that lasts.
            set("memory.swap.max", "0".into(), true);
            // A container that is killed in part is of no use. Mesos ends it as well.
            set("memory.oom.group", "1".into(), true);
        }
        Ok(all)
    }
}

/// What a container has of the agent's resources, and up to what it may use more.
#[derive(Debug, Default, PartialEq)]
pub struct Share {
    cpus: f64,
    mem: f64,
    cpu_limit: Option<f64>,
    mem_limit: Option<f64>,
}

impl Share {
    /// `own` is what the executor has. `cfs`: also those tasks get no more than their cpus that have no limit.
    pub fn of<'a>(own: (f64, f64), tasks: impl Iterator<Item = &'a TaskInfo>, cfs: bool) -> Share {
        let mut share = Share {
            cpus: own.0,
            mem: own.1,
            ..Share::default()
        };
        let add = |sum: &mut Option<f64>, amount: f64| *sum = Some(sum.unwrap_or_default() + amount);
        // Of tasks without a limit.
        let (mut cpus, mut mem) = (0.0, 0.0);
        for task in tasks {
            let resources = Resources::new(&task.resources);
            let asked = (resources.scalar("cpus"), resources.scalar("mem"));
            (share.cpus, share.mem) = (share.cpus + asked.0, share.mem + asked.1);
            match task.limits.get("cpus") {
                Some(limit) => add(&mut share.cpu_limit, limit.value),
                None => cpus += asked.0,
            }
            match task.limits.get("mem") {
                Some(limit) => add(&mut share.mem_limit, limit.value),
                None => mem += asked.1,
            }
        }
        share.cpu_limit = share.cpu_limit.map(|limit| limit + own.0 + cpus);
        if cpus > 0.0 && !cfs {
            share.cpu_limit = None;
        }
        share.mem_limit = share.mem_limit.map(|limit| limit + own.1 + mem);
        share
    }
}

/// How much memory a program's container may use at first; 0 if that is not said.
pub fn memory_limit(program: &Program) -> u64 {
    let settings = program.cgroup.iter().flat_map(|cgroup| &cgroup.settings);
    let limit = settings.filter(|one| one.file == MEMORY).map(|one| one.value.as_str()).next();
    limit.map_or(0, |limit| limit.parse().unwrap_or(u64::MAX))
}

/// A cgroup for who joins later, and does not set it.
pub fn joined(cgroup: &Cgroup) -> Cgroup {
    Cgroup {
        path: cgroup.path.clone(),
        settings: Vec::new(),
    }
}

/// As Mesos writes them: in the largest unit that makes a whole number.
fn bytes_text(bytes: u64) -> String {
    let (mut number, mut units) = (bytes, ["B", "KB", "MB", "GB", "TB"].iter());
    let mut unit = units.next();
    while number > 0 && number % 1024 == 0 {
        let Some(larger) = units.next() else { break };
        number /= 1024;
        unit = Some(larger);
    }
    format!("{number}{}", unit.unwrap_or(&"B"))
}

pub fn exceeded_text(memory: &Memory) -> String {
    let requested = memory.limit.map(|limit| format!("Requested: {} ", bytes_text(limit)));
    let used = memory.peak.map(|peak| format!("Maximum Used: {}\n", bytes_text(peak)));
    let statistics = format!("\nMEMORY STATISTICS: \n{}\n", memory.statistics);
    ["Memory limit exceeded: ".to_string()]
        .into_iter()
        .chain(requested)
        .chain(used)
        .chain([statistics])
        .collect()
}

/// `mem`, as a resource.
pub fn megabytes(bytes: u64) -> Resource {
    Resource {
        name: "mem".into(),
        r#type: value::Type::Scalar as i32,
        scalar: Some(value::Scalar {
            value: bytes as f64 / MEGABYTE as f64,
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn task(cpus: f64, mem: f64, limits: &[(&str, f64)]) -> TaskInfo {
        let scalar = |(name, value): (&str, f64)| Resource {
            name: name.into(),
            r#type: value::Type::Scalar as i32,
            scalar: Some(value::Scalar { value }),
            ..Default::default()
        };
        let limits = limits
            .iter()
            .map(|(name, value)| (name.to_string(), value::Scalar { value: *value }));
        TaskInfo {
            resources: [("cpus", cpus), ("mem", mem)].map(scalar).to_vec(),
            limits: limits.collect::<BTreeMap<_, _>>(),
            ..Default::default()
        }
    }

    fn cgroups(cfs: bool) -> Cgroups {
        Cgroups {
            place: "/c".into(),
            cpu: true,
            mem: true,
            cfs,
        }
    }

    fn said(cfs: bool, own: (f64, f64), tasks: &[TaskInfo], mut highest: u64) -> Vec<(String, String)> {
        let share = Share::of(own, tasks.iter(), cfs);
        let settings = cgroups(cfs).settings(&share, &mut highest).unwrap();
        settings.into_iter().map(|one| (one.file, one.value)).collect()
    }

    /// Weight, quota and bytes.
    fn numbers(cfs: bool, own: (f64, f64), tasks: &[TaskInfo]) -> (String, Option<String>, String) {
        let all: BTreeMap<String, String> = said(cfs, own, tasks, 0).into_iter().collect();
        (
            all["cpu.weight"].clone(),
            all.get("cpu.max").cloned(),
            all["memory.max"].clone(),
        )
    }

    fn wanted(weight: &str, quota: Option<&str>, megabytes: u64) -> (String, Option<String>, String) {
        let bytes = match megabytes {
            u64::MAX => "max".to_string(),
            megabytes => (megabytes * MEGABYTE).to_string(),
        };
        (weight.to_string(), quota.map(|quota| format!("{quota} 100000")), bytes)
    }

    #[test]
    fn a_command_has_what_its_executor_would_have_too() {
        assert_eq!(numbers(false, OVERHEAD, &[task(0.9, 96.0, &[])]), wanted("100", None, 128));
        assert_eq!(
            numbers(true, OVERHEAD, &[task(0.9, 96.5, &[])]),
            wanted("100", Some("100000"), 128)
        );
        assert_eq!(
            numbers(true, OVERHEAD, &[task(0.001, 1.0, &[])]),
            wanted("10", Some("10100"), 33)
        );
        assert_eq!(numbers(false, OVERHEAD, &[task(1000.0, 1.0, &[])]).0, "10000");
        let files: Vec<String> = said(true, OVERHEAD, &[task(1.0, 1.0, &[])], 0)
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(
            files,
            ["cpu.weight", "cpu.max", "memory.max", "memory.swap.max", "memory.oom.group"]
        );
    }

    #[test]
    fn limits_of_tasks_count_also_without_cfs() {
        let limits = [("cpus", 2.0), ("mem", 256.0)];
        assert_eq!(
            numbers(false, OVERHEAD, &[task(0.9, 64.0, &limits)]),
            wanted("100", Some("210000"), 288)
        );
        let limits = [("cpus", f64::INFINITY), ("mem", f64::INFINITY)];
        assert_eq!(
            numbers(true, OVERHEAD, &[task(0.9, 64.0, &limits)]),
            wanted("100", Some("max"), u64::MAX)
        );
        // One of two has limits: the other's cpus are only limited by cfs, but its memory is.
        let two = [task(1.0, 64.0, &[("cpus", 2.0), ("mem", 128.0)]), task(1.0, 64.0, &[])];
        assert_eq!(numbers(false, (0.0, 0.0), &two), wanted("200", None, 192));
        assert_eq!(numbers(true, (0.0, 0.0), &two), wanted("200", Some("300000"), 192));
    }

    #[test]
    fn there_is_a_least() {
        assert_eq!(numbers(true, (0.001, 1.0), &[]), wanted("1", Some("1000"), 32));
        for (own, name) in [((0.0, 1.0), "cpus"), ((1.0, 0.0), "memory")] {
            let share = Share::of(own, [].iter(), false);
            let error = cgroups(false).settings(&share, &mut 0).unwrap_err();
            assert!(error.ends_with(&format!("No {name} resource given")), "{error}");
        }
    }

    #[test]
    fn the_limit_of_memory_never_falls() {
        let mut highest = 0;
        let mut limit = |tasks: &[TaskInfo]| {
            let share = Share::of((0.1, 32.0), tasks.iter(), false);
            let settings = cgroups(false).settings(&share, &mut highest).unwrap();
            let found = settings.into_iter().find(|one| one.file == "memory.max");
            found.unwrap().value.parse::<u64>().unwrap() / MEGABYTE
        };
        let tasks = [task(1.0, 64.0, &[]), task(1.0, 64.0, &[])];
        assert_eq!(
            [limit(&tasks[..1]), limit(&tasks), limit(&tasks[..1]), limit(&[])],
            [96, 160, 160, 160]
        );
    }

    #[test]
    fn only_what_was_asked_for() {
        let cgroups = Cgroups {
            cpu: false,
            ..cgroups(true)
        };
        let share = Share::of((1.0, 64.0), [].iter(), true);
        let settings = cgroups.settings(&share, &mut 0).unwrap();
        assert!(settings.iter().all(|one| one.file.starts_with("memory.")));
    }

    #[test]
    fn texts() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KB"),
            (64 << 20, "64MB"),
            ((64 << 20) + 4096, "65540KB"),
            (3 << 30, "3GB"),
            (5 << 50, "5120TB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
        let memory = Memory {
            limit: Some(64 << 20),
            peak: Some(64 << 20),
            statistics: "anon 1\n".into(),
        };
        assert_eq!(
            exceeded_text(&memory),
            "Memory limit exceeded: Requested: 64MB Maximum Used: 64MB\n\nMEMORY STATISTICS: \nanon 1\n\n"
        );
        let memory = Memory { peak: None, ..memory };
        assert!(exceeded_text(&memory).starts_with("Memory limit exceeded: Requested: 64MB \nMEMORY"));
    }
}
