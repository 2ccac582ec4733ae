//! What keeps tasks to their resources: Mesos' flag `--isolation`, and those about cgroups.

pub const ISOLATION: &str = "MESOS_ISOLATION";
pub const ROOT: &str = "MESOS_CGROUPS_ROOT";
pub const CFS: &str = "MESOS_CGROUPS_ENABLE_CFS";

/// What is so in any case: processes that share the machine, the rlimits of a container, and its volumes.
const ALWAYS: [&str; 6] = [
    "posix/cpu",
    "posix/mem",
    "posix/rlimits",
    "filesystem/posix",
    "volume/host_path",
    "volume/sandbox_path",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// As it was given.
    pub text: String,
    pub cpu: bool,
    pub mem: bool,
    /// A container gets no more time than its cpus, also if there is some to spare.
    pub cfs: bool,
    /// The cgroup in which the cluster's are made, if it is not the program's own.
    pub root: Option<String>,
}

impl Default for Isolation {
    fn default() -> Self {
        Isolation {
            text: "posix/cpu,posix/mem".into(),
            cpu: false,
            mem: false,
            cfs: false,
            root: None,
        }
    }
}

impl Isolation {
    /// Takes over what `--isolation` says. The errors are in Mesos' words.
    pub fn choose(&mut self, text: &str) -> Result<(), String> {
        let names: Vec<&str> = text.split(',').filter(|name| !name.is_empty()).collect();
        for (place, name) in names.iter().enumerate() {
            if names[..place].contains(name) {
                return Err(format!("Duplicate entries found in --isolation flag '{text}'"));
            }
        }
        (self.cpu, self.mem) = (false, false);
        for name in names {
            match name {
                "cgroups/cpu" => self.cpu = true,
                "cgroups/mem" => self.mem = true,
                known if ALWAYS.contains(&known) => {}
                other => {
                    let here = format!("{}, cgroups/cpu, cgroups/mem", ALWAYS.join(", "));
                    return Err(format!(
                        "Unknown or unsupported isolator '{other}'. The embedded cluster has {here}"
                    ));
                }
            }
        }
        self.text = text.to_string();
        Ok(())
    }

    /// The kernel's controllers that are needed; none without cgroups.
    pub fn controllers(&self) -> Vec<&'static str> {
        let all = [(self.cpu, "cpu"), (self.mem, "memory")];
        all.into_iter().filter_map(|(wanted, name)| wanted.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<Vec<&'static str>, String> {
        let mut isolation = Isolation::default();
        isolation.choose(text)?;
        assert_eq!(isolation.text, text);
        Ok(isolation.controllers())
    }

    #[test]
    fn isolators() {
        assert!(Isolation::default().controllers().is_empty());
        assert_eq!(chosen("posix/cpu,posix/mem,posix/rlimits"), Ok(vec![]));
        assert_eq!(chosen("cgroups/mem,,cgroups/cpu"), Ok(vec!["cpu", "memory"]));
        assert_eq!(chosen("cgroups/mem"), Ok(vec!["memory"]));
        let unknown = chosen("cgroups/cpu,docker/runtime").unwrap_err();
        assert!(
            unknown.starts_with("Unknown or unsupported isolator 'docker/runtime'."),
            "{unknown}"
        );
        let twice = chosen("cgroups/mem,cgroups/mem").unwrap_err();
        assert_eq!(twice, "Duplicate entries found in --isolation flag 'cgroups/mem,cgroups/mem'");
    }
}
