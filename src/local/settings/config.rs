//! What a cluster is made of, and the environment variables that say so.

use super::access::Access;
use super::collection::{self, DELAY, HEADROOM};
use super::intervals::{self, Intervals};
use super::isolation::{Isolation, CFS, ISOLATION, ROOT};
use super::minimum::Minimum;
use super::tls::Tls;
use crate::driver::duration;
use crate::logging::shown;
use crate::message::text;
use crate::regular_file::{self, Links};
use crate::resources::text as resource_text;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// How to make a [`Cluster`](crate::local::Cluster).
#[derive(Debug, Clone)]
pub struct Config {
    /// The helper executable.
    pub helper: PathBuf,
    /// Of every task and executor, below MESOS_* and below what the framework sets.
    pub executor_environment: BTreeMap<String, String>,
    /// Where sandboxes go. By default a private directory that goes when the cluster does.
    pub work_dir: Option<PathBuf>,
    /// `cpus:4;mem:2048` or a JSON array; what it does not name is the machine's.
    pub resources: Option<String>,
    /// `rack:r1;level:3`.
    pub attributes: Option<String>,
    /// What offers say; by default `localhost`.
    pub hostname: Option<String>,
    /// How many agents there are. Each has all of `resources`.
    pub agents: usize,
    /// How many masters there are, of which one leads.
    pub masters: usize,
    pub intervals: Intervals,
    /// What an offer has at least.
    pub minimum: Minimum,
    /// What keeps tasks to their resources.
    pub isolation: Isolation,
    /// Tasks are timers, not processes.
    pub simulate: bool,
    /// Updates overtake each other and offers come late, by what follows from this number.
    pub jitter: Option<u32>,
    /// Where to listen. By default a port of 127.0.0.1 that is free. Several masters have a port each from this one on, and their agents
    /// the next one.
    pub listen: SocketAddr,
    /// By which address others reach it, if not by that.
    pub advertise: Option<IpAddr>,
    pub access: Access,
    /// It speaks https, and nothing else.
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            helper: PathBuf::new(),
            executor_environment: BTreeMap::new(),
            work_dir: None,
            resources: None,
            attributes: None,
            hostname: None,
            agents: 1,
            masters: 1,
            intervals: Intervals::default(),
            minimum: Minimum::default(),
            isolation: Isolation::default(),
            simulate: false,
            jitter: None,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            advertise: None,
            access: Access::default(),
            tls: None,
        }
    }
}

/// An environment variable (or the field of [`Config`] that it fills) with a value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting {
    pub name: &'static str,
    pub reason: String,
}

impl std::fmt::Display for BadSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl std::error::Error for BadSetting {}

pub const RESOURCES: &str = "MESOS_RESOURCES";
pub const ATTRIBUTES: &str = "MESOS_ATTRIBUTES";
pub const WORK_DIR: &str = "MESOS_WORK_DIR";
pub const ENVIRONMENT: &str = "MESOS_EXECUTOR_ENVIRONMENT_VARIABLES";
pub const HOSTNAME: &str = "MESOS_HOSTNAME";
pub const AGENTS: &str = "MESOS_NUM_SLAVES";
pub const MASTERS: &str = "MESOS_NUM_MASTERS";
pub const PINGS: &str = "MESOS_MAX_AGENT_PING_TIMEOUTS";
pub const OFFER: &str = "MESOS_OFFER_TIMEOUT";
pub const SIMULATE: &str = "MESOS_SIMULATE";
pub const JITTER: &str = "MESOS_JITTER";
pub const MINIMUM: &str = "MESOS_MIN_ALLOCATABLE_RESOURCES";

/// More agents than this are a mistake.
const MOST_AGENTS: usize = 10_000;
/// And more masters.
const MOST_MASTERS: usize = 9;

impl Config {
    /// The settings that `get` knows (`std::env::var(name).ok()`, say). An empty value is none.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Config, BadSetting> {
        let mut config = Config::default();
        config.set_from_environment(get)?;
        Ok(config)
    }

    /// As [`from_environment`](Self::from_environment), on top of what is there: a variable wins.
    pub fn set_from_environment(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), BadSetting> {
        let get = |name| {
            get(name)
                .filter(|value| !value.is_empty())
                .map(|value| resolve(name, value))
                .transpose()
        };
        if let Some(text) = get(ENVIRONMENT)? {
            let variables: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|e| BadSetting {
                name: ENVIRONMENT,
                reason: format!("no JSON object of strings: {e}"),
            })?;
            self.executor_environment.extend(variables);
        }
        self.resources = get(RESOURCES)?.or(self.resources.take());
        self.attributes = get(ATTRIBUTES)?.or(self.attributes.take());
        self.work_dir = get(WORK_DIR)?.map(|path| text::to_os(&path).into()).or(self.work_dir.take());
        self.hostname = get(HOSTNAME)?.or(self.hostname.take());
        if let Some(text) = get(AGENTS)? {
            self.agents = count(AGENTS, &text, MOST_AGENTS)?;
        }
        if let Some(text) = get(MASTERS)? {
            self.masters = count(MASTERS, &text, MOST_MASTERS)?;
        }
        if let Some(text) = get(PINGS)? {
            self.intervals.pings = u32::try_from(count(PINGS, &text, MOST_AGENTS)?).unwrap_or(u32::MAX);
        }
        if let Some(text) = get(OFFER)? {
            self.intervals.offer = Some(parse_duration(OFFER, &text)?);
        }
        if let Some(text) = get(SIMULATE)? {
            self.simulate = yes_or_no(SIMULATE, &text)?;
        }
        if let Some(text) = get(JITTER)? {
            self.jitter = seed(&text)?;
        }
        if let Some(text) = get(MINIMUM)? {
            let name = MINIMUM;
            self.minimum = Minimum::parse(&text).map_err(|reason| BadSetting { name, reason })?;
        }
        if let Some(text) = get(ISOLATION)? {
            let name = ISOLATION;
            self.isolation.choose(&text).map_err(|reason| BadSetting { name, reason })?;
        }
        if let Some(text) = get(CFS)? {
            self.isolation.cfs = yes_or_no(CFS, &text)?;
        }
        self.isolation.root = get(ROOT)?.or(self.isolation.root.take());
        if let Some(text) = get(DELAY)? {
            let reason = || format!("expected a number with one of ns us ms secs mins hrs days weeks, not '{text}'");
            let parsed = duration::parse(&text).ok_or_else(reason);
            self.intervals.collection.delay = parsed.map_err(|reason| BadSetting { name: DELAY, reason })?;
        }
        if let Some(text) = get(HEADROOM)? {
            let name = HEADROOM;
            self.intervals.collection.headroom = collection::headroom(&text).map_err(|reason| BadSetting { name, reason })?;
        }
        for (name, setting) in self.intervals.durations() {
            if let Some(text) = get(name)? {
                *setting = parse_duration(name, &text)?;
            }
        }
        self.check()
    }

    /// Whether all texts can be understood.
    pub fn check(&self) -> Result<(), BadSetting> {
        count(MASTERS, &self.masters.to_string(), MOST_MASTERS)?;
        let bad = |name| {
            move |e: resource_text::BadText| BadSetting {
                name,
                reason: e.to_string(),
            }
        };
        let resources = resource_text::parse(self.resources.as_deref().unwrap_or_default()).map_err(bad(RESOURCES))?;
        crate::resources::validate(&resources).map_err(|reason| BadSetting { name: RESOURCES, reason })?;
        resource_text::parse_attributes(self.attributes.as_deref().unwrap_or_default()).map_err(bad(ATTRIBUTES))?;
        // Offers show it, and programs look it up. Longer names than this there are none.
        if let Some(name) = &self.hostname {
            if name.len() > 255 || name.chars().any(char::is_control) {
                return Err(BadSetting {
                    name: HOSTNAME,
                    reason: format!("'{}' is no name of a host", shown(name)),
                });
            }
        }
        let mut variables = self.executor_environment.iter();
        match variables.find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')) {
            Some((name, _)) => Err(BadSetting {
                name: ENVIRONMENT,
                reason: format!("'{name}' cannot be passed to a process"),
            }),
            None => Ok(()),
        }
    }
}

/// No setting is longer than this, in bytes.
const MOST: usize = 1 << 20;

fn parse_duration(name: &'static str, text: &str) -> Result<std::time::Duration, BadSetting> {
    intervals::parse(text).map_err(|reason| BadSetting { name, reason })
}

/// As Mesos' flags have it.
fn yes_or_no(name: &'static str, text: &str) -> Result<bool, BadSetting> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(BadSetting {
            name,
            reason: format!("expected true, false, 1 or 0, not '{text}'"),
        }),
    }
}

/// A seed, or whether there is to be one.
fn seed(text: &str) -> Result<Option<u32>, BadSetting> {
    let name = JITTER;
    let given = text.parse().ok().filter(|seed| *seed > 0);
    match (given, yes_or_no(name, text)) {
        (Some(seed), _) => Ok(Some(seed)),
        (None, Ok(false)) => Ok(None),
        (None, Ok(true)) => match crate::random::bytes() {
            Ok(bytes) => Ok(Some(u32::from_le_bytes(bytes).max(1))),
            Err(e) => Err(BadSetting {
                name,
                reason: e.to_string(),
            }),
        },
        (None, Err(_)) => Err(BadSetting {
            name,
            reason: format!("expected true, false, or a seed from 1 to {}, not '{text}'", u32::MAX),
        }),
    }
}

/// A whole number from 1 to `most`.
fn count(name: &'static str, text: &str, most: usize) -> Result<usize, BadSetting> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| BadSetting {
        name,
        reason: format!("expected a whole number from 1 to {most}, not '{text}'"),
    })
}

/// `file:///path` stands for what is in that file. Agents take a JSON object's absolute path without `file://`, too.
fn resolve(name: &'static str, value: String) -> Result<String, BadSetting> {
    let path = match value.strip_prefix("file://") {
        Some(path) => path,
        None if name == ENVIRONMENT && value.starts_with('/') => &value,
        None => return Ok(value),
    };
    match regular_file::read(Path::new(&text::to_os(path)), Links::Follow, MOST) {
        Ok(bytes) => Ok(text::from_bytes(&bytes).trim_end_matches(['\n', '\r']).to_string()),
        Err(e) => Err(BadSetting {
            name,
            reason: format!("cannot read file '{path}': {e}"),
        }),
    }
}

/// What agents set for executors and tasks, and what other libraries read: a scheduler that is a task itself has them, too.
const NO_SETTINGS: [&str; 23] = [
    "MESOS_AGENT_ENDPOINT",
    "MESOS_ALLOCATION_ROLE",
    "MESOS_CHECKPOINT",
    "MESOS_CONTAINER_IP",
    "MESOS_CONTAINER_NAME",
    "MESOS_DIRECTORY",
    "MESOS_DOMAIN_SOCKET",
    "MESOS_EXECUTOR_AUTHENTICATION_TOKEN",
    "MESOS_EXECUTOR_ID",
    "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
    "MESOS_FRAMEWORK_ID",
    "MESOS_HTTP_COMMAND_EXECUTOR",
    "MESOS_LOCAL",
    "MESOS_MASTER",
    "MESOS_NATIVE_JAVA_LIBRARY",
    "MESOS_NATIVE_LIBRARY",
    "MESOS_RECOVERY_TIMEOUT",
    "MESOS_SANDBOX",
    "MESOS_SLAVE_ID",
    "MESOS_SLAVE_PID",
    "MESOS_SUBSCRIPTION_BACKOFF_MAX",
    "MESOS_TASK_ID",
    "MESOS_VERSION",
];

/// Which of the environment's `names` look like settings of a Mesos and are none here.
pub fn without_effect(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut intervals = Intervals::default();
    let mut known = vec![
        RESOURCES,
        ATTRIBUTES,
        WORK_DIR,
        ENVIRONMENT,
        HOSTNAME,
        AGENTS,
        MASTERS,
        PINGS,
        OFFER,
        SIMULATE,
        JITTER,
        MINIMUM,
        ISOLATION,
        CFS,
        ROOT,
        DELAY,
        HEADROOM,
    ];
    known.extend(intervals.durations().map(|(name, _)| name));
    let foreign = |name: &String| {
        let name = name.as_str();
        // Flags are in capitals; what is not is somebody's own.
        let capitals = !name.contains(|c: char| c.is_ascii_lowercase());
        capitals
            && name.starts_with("MESOS_")
            && !name.starts_with("MESOS_TEST_")
            && !known.contains(&name)
            && !NO_SETTINGS.contains(&name)
    };
    let mut foreign: Vec<String> = names.into_iter().filter(foreign).collect();
    foreign.sort();
    foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Config, BadSetting> {
        let find = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        Config::from_environment(find)
    }

    #[test]
    fn variables_fill_the_fields() {
        let config = from(&[
            (RESOURCES, "cpus:2;mem:100"),
            (ATTRIBUTES, "rack:a"),
            (WORK_DIR, "/w"),
            (HOSTNAME, "here"),
            (ENVIRONMENT, r#"{"A":"1"}"#),
        ])
        .unwrap();
        assert_eq!(config.resources.as_deref(), Some("cpus:2;mem:100"));
        assert_eq!(config.attributes.as_deref(), Some("rack:a"));
        assert_eq!(config.work_dir, Some(PathBuf::from("/w")));
        assert_eq!(config.hostname.as_deref(), Some("here"));
        assert_eq!(config.executor_environment["A"], "1");
        assert!(from(&[(RESOURCES, "")]).unwrap().resources.is_none());
        let config = from(&[
            (AGENTS, "3"),
            (MASTERS, "5"),
            ("MESOS_ELECTION_DELAY", "3secs"),
            (PINGS, "2"),
            (OFFER, "5secs"),
            (SIMULATE, "true"),
            (MINIMUM, "cpus:1;mem:64"),
            (ISOLATION, "cgroups/mem"),
            (CFS, "true"),
            (ROOT, "some/where"),
            (DELAY, "0secs"),
            (HEADROOM, "0.25"),
            ("MESOS_DISK_WATCH_INTERVAL", "2secs"),
            ("MESOS_ALLOCATION_INTERVAL", "100ms"),
        ])
        .unwrap();
        let of_intervals = (config.intervals.pings, config.intervals.offer, config.intervals.allocation);
        let milliseconds = std::time::Duration::from_millis;
        assert_eq!(of_intervals, (2, Some(milliseconds(5000)), milliseconds(100)));
        assert_eq!(config.minimum.text(), "cpus:1;mem:64");
        let isolation = &config.isolation;
        assert!(isolation.mem && !isolation.cpu && isolation.cfs);
        assert_eq!(isolation.root.as_deref(), Some("some/where"));
        let collection = &config.intervals.collection;
        let zero = std::time::Duration::ZERO;
        assert_eq!(
            (collection.delay, collection.headroom, collection.watch),
            (zero, 0.25, milliseconds(2000))
        );
        assert_eq!((config.agents, Config::default().agents), (3, 1));
        assert_eq!((config.masters, Config::default().masters), (5, 1));
        assert_eq!(config.intervals.election, milliseconds(3000));
        assert!(config.simulate && !from(&[(SIMULATE, "0")]).unwrap().simulate);
    }

    #[test]
    fn jitter_has_a_seed() {
        let seed = |text: &str| from(&[(JITTER, text)]).unwrap().jitter;
        assert_eq!(["7", "1", "4294967295"].map(seed), [Some(7), Some(1), Some(u32::MAX)]);
        assert_eq!(["0", "false", ""].map(seed), [None; 3]);
        let drawn: std::collections::BTreeSet<_> = (0..20).map(|_| seed("true").unwrap()).collect();
        assert!(drawn.len() > 10 && !drawn.contains(&0), "{drawn:?}");
    }

    #[test]
    fn values_can_be_in_files() {
        let file = std::env::temp_dir().join(format!("mesos-perl-setting-{}", crate::local::ids::uuid()));
        let name = format!("file://{}", file.display());
        std::fs::write(&file, "cpus:2;mem:100\n").unwrap();
        assert_eq!(
            from(&[(RESOURCES, &name)]).unwrap().resources.as_deref(),
            Some("cpus:2;mem:100")
        );
        std::fs::write(&file, "here\n").unwrap();
        assert_eq!(from(&[(HOSTNAME, &name)]).unwrap().hostname.as_deref(), Some("here"));
        std::fs::write(&file, r#"{"A":"1"}"#).unwrap();
        for name in [name.as_str(), file.to_str().unwrap()] {
            assert_eq!(from(&[(ENVIRONMENT, name)]).unwrap().executor_environment["A"], "1");
        }
        std::fs::remove_file(&file).unwrap();
        for setting in [RESOURCES, ATTRIBUTES, HOSTNAME, WORK_DIR, ENVIRONMENT] {
            let error = from(&[(setting, &name)]).unwrap_err();
            assert_eq!(error.name, setting);
            assert!(error.reason.contains(file.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn settings_that_are_none_are_noticed() {
        let names = [
            "PATH",
            "MESOS_RESOURCES",
            "MESOS_RESOURCE",
            "MESOS_SANDBOX",
            "MESOS_ALLOCATION_INTERVAL",
            "MESOS_REGISTRY",
        ];
        let foreign = without_effect(names.map(str::to_string));
        assert_eq!(foreign, ["MESOS_REGISTRY", "MESOS_RESOURCE"]);
    }

    #[test]
    fn bad_values_name_the_variable() {
        for (name, value) in [
            (RESOURCES, "cpus"),
            (RESOURCES, "ports:[5-1]"),
            (RESOURCES, "cpus:nan"),
            (RESOURCES, "disks:{a,a}"),
            (ATTRIBUTES, "rack"),
            (ENVIRONMENT, "A=1"),
            (ENVIRONMENT, r#"{"A":1}"#),
            (ENVIRONMENT, r#"{"":"x"}"#),
            (HOSTNAME, "two\nlines"),
            (HOSTNAME, &"x".repeat(256)),
            (AGENTS, "0"),
            (AGENTS, "many"),
            (MASTERS, "0"),
            (MASTERS, "10"),
            ("MESOS_ELECTION_DELAY", "0secs"),
            (PINGS, "-1"),
            (OFFER, "5"),
            (SIMULATE, "yes, please"),
            (JITTER, "much"),
            (JITTER, "-1"),
            (JITTER, "4294967296"),
            (MINIMUM, "cpus"),
            (MINIMUM, "cpus:-1"),
            (ISOLATION, "cgroups/disk"),
            (CFS, "perhaps"),
            (DELAY, "-1secs"),
            (DELAY, "7"),
            (HEADROOM, "1.5"),
            (HEADROOM, "much"),
            ("MESOS_DISK_WATCH_INTERVAL", "0secs"),
            ("MESOS_ALLOCATION_INTERVAL", "0secs"),
            ("MESOS_AGENT_PING_TIMEOUT", "soon"),
        ] {
            let error = from(&[(name, value)]).unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn variables_win() {
        let mut config = Config {
            hostname: Some("old".into()),
            ..Default::default()
        };
        config.executor_environment = [("A".to_string(), "0".to_string()), ("B".into(), "2".into())].into();
        let get = |name: &str| (name == ENVIRONMENT).then(|| r#"{"A":"1"}"#.to_string());
        config.set_from_environment(get).unwrap();
        assert_eq!(
            (
                config.executor_environment["A"].as_str(),
                config.executor_environment["B"].as_str()
            ),
            ("1", "2")
        );
        assert_eq!(config.hostname.as_deref(), Some("old"));
    }
}
