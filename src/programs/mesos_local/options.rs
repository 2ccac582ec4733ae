//! What the flags and variables ask for.

use super::ends::Parent;
use super::file;
use super::flags::{self, Given, FLAGS};
use crate::driver::DriverError;
use crate::local::settings::config::without_effect;
use crate::local::{Access, Config, Credentials, Tls};
use crate::logging;
use crate::message::text;
use crate::native::tls::settings;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the program is to do.
pub enum Wanted {
    Cluster(Box<Options>),
    /// Print this.
    Text(String),
}

pub struct Options {
    pub config: Config,
    pub ready: Option<i32>,
    pub parent: Option<Parent>,
    /// Nobody else knows it, and it is needed.
    pub shows_secret: bool,
    /// Variables that look like settings and are none.
    unknown: Vec<String>,
}

/// The port of a Mesos master.
const PORT: u16 = 5050;

/// Reads the program's arguments and environment, and sets the log up.
pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Wanted, String> {
    let given = Given::read(arguments)?;
    if given.switch("help")? == Some(true) {
        return Ok(Wanted::Text(flags::help()));
    }
    if given.switch("version")? == Some(true) {
        return Ok(Wanted::Text(format!("mesos-local {}\n", env!("CARGO_PKG_VERSION"))));
    }
    let given = match given.get("config") {
        Some(path) => given.with(file::read(Path::new(&text::to_os(&path))).map_err(|e| format!("--config: {e}"))?),
        None => given,
    };
    log_as(&given)?;
    let mut config = Config {
        // Also when the file has been replaced by a newer one meanwhile.
        helper: "/proc/self/exe".into(),
        ..Config::default()
    };
    config
        .set_from_environment(|name| given.by_variable(name))
        .map_err(|bad| format!("{}: {}", given.called(bad.name), bad.reason))?;
    let ip = given
        .parsed("ip", "an address, as 127.0.0.1")?
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = given.parsed("port", "a port from 0 to 65535")?.unwrap_or(PORT);
    config.listen = (ip, port).into();
    config.advertise = given.parsed("advertise_ip", "an address, as 192.0.2.1")?;
    config.access = access(&given, &config)?;
    config.tls = tls(&given)?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let names = names.filter(|name| !FLAGS.iter().any(|flag| flag.variable == name));
    Ok(Wanted::Cluster(Box::new(Options {
        shows_secret: !config.access.open,
        config,
        ready: given.parsed("ready_fd", "the number of a descriptor")?,
        parent: parent(&given)?,
        unknown: without_effect(names),
    })))
}

fn parent(given: &Given) -> Result<Option<Parent>, String> {
    match given.get("with_parent").as_deref() {
        None | Some("false" | "0") => Ok(None),
        Some("true") => Ok(Some(Parent::Own)),
        _ => match given.parsed("with_parent", "the id of a process")? {
            Some(pid) if pid > 0 => Ok(Some(Parent::Of(pid))),
            _ => Err("--with_parent: expected the id of a process".into()),
        },
    }
}

fn access(given: &Given, config: &Config) -> Result<Access, String> {
    let credentials = given.get("credentials");
    // Mesos takes it with and without.
    let credentials = credentials.map(|file| file.strip_prefix("file://").map(str::to_string).unwrap_or(file));
    let credentials = credentials
        .map(|file| Credentials::read(Path::new(&text::to_os(&file))))
        .transpose()
        .map_err(|e| format!("--credentials: {e}"))?;
    let asked = given.switch("open")?;
    if asked == Some(true) && credentials.is_some() {
        return Err("--open and --credentials: who may call, everybody or who has one of these?".into());
    }
    let open = asked.unwrap_or(credentials.is_none());
    if open && asked.is_none() && nix::unistd::geteuid().is_root() {
        let text =
            "whoever can connect to root's cluster can run commands as root. Say --open if that is what you want, or give it \
            --credentials, or --no-open and the token of --ready-fd";
        return Err(text.into());
    }
    let origins = given.get("cors").unwrap_or_default();
    let origins: Vec<String> = origins
        .split(',')
        .map(|one| one.trim().trim_end_matches('/').to_string())
        .collect();
    let origins: Vec<String> = origins.into_iter().filter(|origin| !origin.is_empty()).collect();
    if let Some(bad) = origins.iter().find(|origin| !origin.contains("://")) {
        return Err(format!(
            "--cors: expected origins as http://localhost:8080, not '{}'",
            logging::shown(bad)
        ));
    }
    Ok(Access {
        open,
        credentials,
        control: given.switch("control")?.unwrap_or(false),
        origins,
        names: config.hostname.iter().cloned().collect(),
    })
}

/// Of the flags, or of the variables that Mesos reads. Those count only if they are said to.
fn tls(given: &Given) -> Result<Option<Tls>, String> {
    let variable = |name: &str| std::env::var_os(name).map(|value| text::from_bytes(value.as_bytes()).into_owned());
    let problem = |error: DriverError| error.to_string();
    let mut files = [given.get("ssl_cert_file"), given.get("ssl_key_file")].map(|path| path.map(|path| text::to_os(&path)));
    let enabled = settings::enabled(variable).map_err(problem)?;
    if enabled && files == [None, None] {
        let pair = settings::Settings::read(variable).map_err(problem)?.certificate;
        files = pair.map_or([None, None], |(certificate, key)| {
            [Some(certificate.into()), Some(key.into())]
        });
    }
    match files {
        [None, None] if !enabled => Ok(None),
        [Some(certificate), Some(key)] => match Tls::read(Path::new(&certificate), Path::new(&key)) {
            Ok(tls) => Ok(Some(tls)),
            Err(e) => Err(format!("--ssl_cert_file, --ssl_key_file: {e}")),
        },
        _ => Err("--ssl_cert_file and --ssl_key_file: https needs both, or LIBPROCESS_SSL_CERT_FILE and _KEY_FILE".into()),
    }
}

/// Warnings and errors go to standard error, unless something else was asked for.
fn log_as(given: &Given) -> Result<(), String> {
    let pair = |name: &str, default: Option<&str>| {
        let value = given.get(name).or(default.map(str::to_string))?;
        Some((OsString::from(format!("MESOS_{name}")), text::to_os(&value)))
    };
    let settings = [
        pair("logging_level", Some("WARNING")),
        pair("log_dir", None),
        pair("quiet", None),
    ];
    logging::init("mesos-local", settings.into_iter().flatten())
}

impl Options {
    /// What a user should think about.
    pub fn warnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        let ip = self.config.listen.ip();
        if !ip.is_loopback() {
            let who = match self.config.access.open {
                true => "whoever can connect from other machines can run commands as this user: there is no authentication",
                false if self.config.tls.is_some() => "it can be reached from other machines",
                false => "it can be reached from other machines, and credentials cross the network as they are",
            };
            all.push(format!("warning: it listens on {ip}: {who}"));
        }
        if !self.unknown.is_empty() {
            all.push(format!("warning: {} without effect", self.unknown.join(", ")));
        }
        all
    }
}
