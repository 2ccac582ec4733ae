//! The flags of the command line: their names, what they say of themselves, and how they are read.

use crate::message::text;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// One flag. Dashes and underscores in names are the same.
pub struct Flag {
    pub name: &'static str,
    /// What its value is called; empty for a switch.
    pub value: &'static str,
    /// The environment variable that says the same.
    pub variable: &'static str,
    help: &'static str,
}

const fn flag(name: &'static str, value: &'static str, variable: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        value,
        variable,
        help,
    }
}

/// In the order in which `--help` shows them. An empty name begins a new group.
#[rustfmt::skip]
pub const FLAGS: &[Flag] = &[
    flag("", "", "", "Where it listens, and who may call"),
    flag("port", "PORT", "MESOS_PORT", "5050 by default; 0 is any free port"),
    flag("ip", "ADDRESS", "MESOS_IP", "127.0.0.1 by default: nobody else's machine can connect"),
    flag("advertise_ip", "ADDRESS", "MESOS_ADVERTISE_IP", "by which address others reach it, if not by --ip"),
    flag("open", "", "", "serve whoever can connect. The default, but root has to say so: tasks run as whoever runs this program. \
        With --no-open, callers need the token of the line of --ready-fd"),
    flag("credentials", "FILE", "MESOS_CREDENTIALS", "serve only who has one of these, over HTTP Basic: JSON as Mesos has it, or lines with a \
        principal and a secret"),
    flag("cors", "ORIGINS", "", "web pages of these origins may call: http://localhost:8080, and more after commas"),
    flag("control", "", "", "faults on demand, below /mesos-local/: stop agents, fail over, move the clock on. The line of --ready-fd has the \
        control_token that it asks for"),
    flag("ssl_cert_file", "FILE", "", "speak https, with the certificates in it (PEM). LIBPROCESS_SSL_CERT_FILE says the same with LIBPROCESS_SSL_ENABLED=true"),
    flag("ssl_key_file", "FILE", "", "their key (PEM), or LIBPROCESS_SSL_KEY_FILE"),
    flag("", "", "", "What it consists of"),
    flag("masters", "NUMBER", "MESOS_NUM_MASTERS", "how many masters there are, 1 by default. One leads, and the others send callers to it. Each has a \
        port, from --port on, and the agents have the next one"),
    flag("agents", "NUMBER", "MESOS_NUM_SLAVES", "how many agents there are, 1 by default"),
    flag("resources", "TEXT", "MESOS_RESOURCES", "of each agent: 'cpus:4;mem:2048;ports:[31000-32000]' or JSON. What it does not name is this \
        machine's"),
    flag("attributes", "TEXT", "MESOS_ATTRIBUTES", "of each agent: 'rack:r1;level:3'"),
    flag("hostname", "NAME", "MESOS_HOSTNAME", "of master and agents, 'localhost' by default"),
    flag("work_dir", "DIRECTORY", "MESOS_WORK_DIR", "where sandboxes go. By default a private one below /tmp that goes at the end"),
    flag("executor_environment_variables", "JSON", "MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", "the environment of tasks and executors"),
    flag("min_allocatable_resources", "TEXT", "MESOS_MIN_ALLOCATABLE_RESOURCES", "what an offer has at least, 'cpus:0.01|mem:32' by default; \
        '|' is between alternatives, ';' between what belongs together"),
    flag("isolation", "LIST", "MESOS_ISOLATION", "'posix/cpu,posix/mem' by default: nothing is limited. With 'cgroups/cpu,cgroups/mem' tasks get \
        their cpus, and no more memory than they have. It needs a cgroup (version 2) of its own: systemd-run --user --scope -p Delegate=yes mesos-local"),
    flag("cgroups_enable_cfs", "", "MESOS_CGROUPS_ENABLE_CFS", "with 'cgroups/cpu': no more time than their cpus, also if there is some to spare"),
    flag("cgroups_root", "PATH", "MESOS_CGROUPS_ROOT", "the cgroup in which those of tasks are made; that of this program by default"),
    flag("simulate", "", "MESOS_SIMULATE", "tasks are timers instead of processes: they take the time in their label 'simulate'"),
    flag("jitter", "", "MESOS_JITTER", "updates of different tasks overtake each other, and offers come up to 0.8 s late, so that races in a framework \
        show. The first line says by which seed; --jitter=SEED does the same again"),
    flag("", "", "", "How long things take: a number with ms, secs, mins or hrs"),
    flag("allocation_interval", "TIME", "MESOS_ALLOCATION_INTERVAL", "between two rounds of offers, 1secs by default"),
    flag("offer_timeout", "TIME", "MESOS_OFFER_TIMEOUT", "after it an offer that nobody uses is rescinded; never by default"),
    flag("agent_ping_timeout", "TIME", "MESOS_AGENT_PING_TIMEOUT", "between two pings of an agent, 15secs by default"),
    flag("max_agent_ping_timeouts", "NUMBER", "MESOS_MAX_AGENT_PING_TIMEOUTS", "so many without an answer, and it is unreachable; 5 by default"),
    flag("election_delay", "TIME", "MESOS_ELECTION_DELAY", "until another one of several masters leads when the leader is gone, 100ms by default"),
    flag("agent_reregister_timeout", "TIME", "MESOS_AGENT_REREGISTER_TIMEOUT", "for agents to come back after a failover, 10mins by default"),
    flag("executor_registration_timeout", "TIME", "MESOS_EXECUTOR_REGISTRATION_TIMEOUT", "for an executor to subscribe, 1mins by default"),
    flag("executor_reregistration_timeout", "TIME", "MESOS_EXECUTOR_REREGISTRATION_TIMEOUT", "the same after an agent's restart, 2secs by default"),
    flag("gc_delay", "TIME", "MESOS_GC_DELAY", "for the sandbox of what has ended to be removed, 1weeks by default"),
    flag("gc_disk_headroom", "NUMBER", "MESOS_GC_DISK_HEADROOM", "the part of the disk that is to be free, 0.1 by default: the fuller it is, the \
        earlier sandboxes go"),
    flag("disk_watch_interval", "TIME", "MESOS_DISK_WATCH_INTERVAL", "between two looks at how full the disk is, 1mins by default"),
    flag("", "", "", "For the program that starts it"),
    flag("ready_fd", "NUMBER", "", "write one line of JSON to this descriptor when requests are answered: address, pid, agents"),
    flag("with_parent", "", "", "end when the process ends that started this one; --with-parent=PID for another one"),
    flag("", "", "", "Its log"),
    flag("logging_level", "LEVEL", "MESOS_LOGGING_LEVEL", "INFO, WARNING (the default) or ERROR"),
    flag("log_dir", "DIRECTORY", "MESOS_LOG_DIR", "write the log into files there, too"),
    flag("quiet", "", "MESOS_QUIET", "no log on standard error"),
    flag("", "", "", "About it"),
    flag("config", "FILE", "", "TOML with flags by their names: agents = 3. A flag here or a variable counts more"),
    flag("help", "", "", "this text"),
    flag("version", "", "", "its version"),
];

/// Other names: what Mesos' own mesos-local calls it.
const ALIASES: &[(&str, &str)] = &[
    ("num_masters", "masters"),
    ("num_slaves", "agents"),
    ("num_agents", "agents"),
    ("agent_attributes", "attributes"),
];

/// What the command line says, by the flags' names, and what the file of `--config` says. A switch is `true` or `false`.
#[derive(Debug, Default)]
pub struct Given(BTreeMap<&'static str, String>, BTreeMap<&'static str, String>);

pub fn find(name: &str) -> Option<&'static Flag> {
    let name = name.replace('-', "_");
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name.as_str(), |(_, of)| of);
    FLAGS.iter().find(|flag| !flag.name.is_empty() && flag.name == name)
}

/// The flag that is spelled nearly like this.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.replace('-', "_");
    let names = FLAGS.iter().map(|flag| flag.name).filter(|flag| !flag.is_empty());
    let (apart, flag) = names.map(|flag| (distance(&name, flag), flag)).min()?;
    (!name.is_empty() && (apart <= 2 || 2 * apart < name.len())).then_some(flag)
}

/// What is said of a flag that there is not.
pub fn unknown(name: &str, meant: Option<String>) -> String {
    match meant {
        Some(meant) => format!("there is no flag '{name}': did you mean '{meant}'?"),
        None => format!("there is no flag '{name}'"),
    }
}

/// How many letters have to be put in, taken out or changed to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // The name comes from outside, and may be as long as the file.
    for (i, a) in one.chars().take(100).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

impl Given {
    /// Reads `--name=value`, `--name value`, `--switch` and `--no-switch`; of several the last one counts.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Given, String> {
        let mut given = Given::default();
        let mut arguments = arguments
            .into_iter()
            .map(|argument| text::from_bytes(argument.as_bytes()).into_owned());
        while let Some(argument) = arguments.next() {
            let shown = crate::logging::shown(&argument);
            let argument = if argument == "-h" { "--help".into() } else { argument };
            let Some(rest) = argument.strip_prefix("--") else {
                return Err(format!("expected a flag (--name=value), not '{shown}'"));
            };
            let (name, value) = match rest.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (rest, None),
            };
            let negated = name.strip_prefix("no-").or(name.strip_prefix("no_")).and_then(find);
            match (find(name), negated) {
                (Some(flag), _) if flag.value.is_empty() => {
                    given.0.insert(flag.name, value.unwrap_or_else(|| "true".into()));
                }
                (Some(flag), _) => {
                    let value = value.or_else(|| arguments.next());
                    let value = value.ok_or_else(|| format!("--{name} needs a value: {}", flag.value))?;
                    given.0.insert(flag.name, value);
                }
                (None, Some(flag)) if flag.value.is_empty() && value.is_none() => {
                    given.0.insert(flag.name, "false".into());
                }
                _ => return Err(unknown(&shown, nearest(name).map(|flag| format!("--{flag}")))),
            }
        }
        Ok(given)
    }

    /// A flag's value, or that of its variable. An empty one is none.
    pub fn get(&self, name: &str) -> Option<String> {
        let flag = find(name)?;
        let given = self.0.get(flag.name).cloned();
        let value = given
            .or_else(|| environment(flag.variable).filter(|value| !value.is_empty()))
            .or_else(|| self.1.get(flag.name).cloned());
        value.filter(|value| !value.is_empty())
    }

    /// With what a file says, of which less counts than of anything else.
    pub fn with(mut self, file: BTreeMap<&'static str, String>) -> Given {
        self.1 = file;
        self
    }

    /// The same by the variable's name.
    pub fn by_variable(&self, variable: &str) -> Option<String> {
        match FLAGS.iter().find(|flag| flag.variable == variable) {
            Some(flag) => self.get(flag.name),
            None => environment(variable),
        }
    }

    /// How to call a setting in an error: as the user did.
    pub fn called(&self, variable: &str) -> String {
        let flag = FLAGS.iter().find(|flag| flag.variable == variable);
        flag.map_or_else(|| variable.to_string(), |flag| self.as_given(flag))
    }

    fn as_given(&self, flag: &Flag) -> String {
        let is_set = || environment(flag.variable).is_some_and(|value| !value.is_empty());
        match flag.name {
            "" => flag.variable.to_string(),
            name if self.0.contains_key(name) => format!("--{name}"),
            name if !is_set() && self.1.contains_key(name) => format!("--config: {name}"),
            name if flag.variable.is_empty() => format!("--{name}"),
            _ => flag.variable.to_string(),
        }
    }

    /// The same by the flag's name.
    fn named(&self, name: &str) -> String {
        find(name).map_or_else(|| format!("--{name}"), |flag| self.as_given(flag))
    }

    /// A switch; the error says what was expected.
    pub fn switch(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(format!(
                "{}: expected true or false, not '{}'",
                self.named(name),
                crate::logging::shown(other)
            )),
        }
    }

    /// A value that can be parsed; the error says what was expected.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = |_| {
            format!(
                "{}: expected {expected}, not '{}'",
                self.named(name),
                crate::logging::shown(&value)
            )
        };
        value.parse().map(Some).map_err(wrong)
    }
}

fn environment(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|_| !name.is_empty())?;
    Some(text::from_bytes(value.as_bytes()).into_owned())
}

const WIDTH: usize = 100;
const INDENT: usize = 6;

/// What `--help` prints.
pub fn help() -> String {
    let mut all = String::from(
        "Usage: mesos-local [FLAGS]

A small Apache Mesos for tests: masters and agents in one process, ready in milliseconds.
Frameworks of any language connect to it as to a Mesos (127.0.0.1:5050), and its tasks are real
processes of this machine. Everything ends with it: press Ctrl-C.

  mesos-local                                        one agent with what this machine has
  mesos-local --agents 3 --resources 'cpus:4;mem:2048'
  mesos-local --masters 3                            at 5050, 5051 and 5052, of which one leads
  mesos-local --port 0 --ready-fd 3 --with-parent    for a test that starts its own
",
    );
    for flag in FLAGS {
        if flag.name.is_empty() {
            all += &format!("\n{}:\n", flag.help);
            continue;
        }
        let value = if flag.value.is_empty() {
            String::new()
        } else {
            format!("={}", flag.value)
        };
        all += &format!("  --{}{value}\n", flag.name);
        all += &wrapped(flag.help);
    }
    all += "\nA flag may be written with dashes or underscores. Variables like MESOS_RESOURCES say the same as --resources.\n";
    all
}

fn wrapped(text: &str) -> String {
    let (mut all, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if INDENT + line.len() + 1 + word.len() > WIDTH {
            all += &format!("{:INDENT$}{}\n", "", line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    all + &format!("{:INDENT$}{}\n", "", line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Given, String> {
        Given::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn spellings() {
        for arguments in [
            &["--work-dir=/w"][..],
            &["--work_dir", "/w"],
            &["--work-dir", "/x", "--work-dir=/w"],
        ] {
            assert_eq!(read(arguments).unwrap().get("work_dir").as_deref(), Some("/w"));
        }
        let given = read(&["--no-open", "--num_slaves=3", "--with-parent=17"]).unwrap();
        assert_eq!(given.switch("open"), Ok(Some(false)));
        assert_eq!(given.by_variable("MESOS_NUM_SLAVES").as_deref(), Some("3"));
        assert_eq!(given.called("MESOS_NUM_SLAVES"), "--agents");
        assert_eq!(given.called("MESOS_RESOURCES"), "MESOS_RESOURCES");
        assert!(given.switch("with_parent").is_err());
        assert_eq!(given.parsed::<i32>("with_parent", "a number"), Ok(Some(17)));
    }

    #[test]
    fn mistakes() {
        for (arguments, error) in [
            (&["5050"][..], "expected a flag (--name=value), not '5050'"),
            (&["--prot=1"], "there is no flag '--prot=1': did you mean '--port'?"),
            (
                &["--resource=cpus:1"],
                "there is no flag '--resource=cpus:1': did you mean '--resources'?",
            ),
            (&["--no-port"], "there is no flag '--no-port': did you mean '--port'?"),
            (&["--"], "there is no flag '--'"),
            (&["--port"], "--port needs a value: PORT"),
        ] {
            assert_eq!(read(arguments).unwrap_err(), error);
        }
        let port = read(&["--port=x"]).unwrap().parsed::<u16>("port", "a port");
        assert_eq!(port, Err("--port: expected a port, not 'x'".into()));
    }

    #[test]
    fn help_has_every_flag_and_fits() {
        let help = help();
        for flag in FLAGS.iter().filter(|flag| !flag.name.is_empty()) {
            assert!(help.contains(&format!("--{}", flag.name)), "{}", flag.name);
        }
        assert!(help.lines().all(|line| line.len() <= 120));
    }
}
