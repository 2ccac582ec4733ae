//! The machine's resources, by the rules that a Mesos agent follows for those that its flag does not name.

use crate::proto::Resource;
use crate::resources::text::parse;
use std::path::Path;

/// `given` plus detected cpus, mem, disk and ports, each unless `given` names it. Amounts in cores and MB.
pub fn complete(mut given: Vec<Resource>, work_dir: &Path) -> Vec<Resource> {
    let detected = format!("cpus:{};mem:{};disk:{};ports:[31000-32000]", cpus(), mem(), disk(work_dir));
    let detected = parse(&detected).unwrap_or_default();
    let missing: Vec<Resource> = detected
        .into_iter()
        .filter(|one| given.iter().all(|other| other.name != one.name))
        .collect();
    given.extend(missing);
    given
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Total less 1 GB, or half when that leaves too little.
fn mem() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_ascii_whitespace().next()?.parse().ok());
    match kilobytes.map(|kilobytes: u64| kilobytes / 1024) {
        Some(total) if total >= 2048 => total - 1024,
        Some(total) => total / 2,
        None => 1024,
    }
}

/// The size of the file system less 5 GB, or half of it.
fn disk(work_dir: &Path) -> u64 {
    match rustix::fs::statvfs(work_dir).map(|fs| fs.f_blocks.saturating_mul(fs.f_frsize) / (1024 * 1024)) {
        Ok(total) if total >= 10 * 1024 => total - 5 * 1024,
        Ok(total) => total / 2,
        Err(_) => 10 * 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_not_detected() {
        let all = complete(parse("cpus:7.5;gpus:1").unwrap(), Path::new("/"));
        let names: Vec<&str> = all.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["cpus", "gpus", "mem", "disk", "ports"]);
        assert_eq!(all[0].scalar.unwrap().value, 7.5);
        assert!(all[2].scalar.unwrap().value >= 1.0);
    }
}
