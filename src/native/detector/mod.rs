//! Which master leads: ZooKeeper says ([`zookeeper`]), or a file names it ([`file`]). A fixed list needs no detection: the session tries its
//! masters in turn (`protocol::servers`).

mod detection;
pub mod file;
pub mod zookeeper;

pub use detection::Detection;

use super::protocol::servers::Standalone;
use super::tls::{enabled, Settings, Tls};
use crate::driver::address::authority;
use crate::driver::address::Secret;
use crate::driver::master::{Master, Scheme, ZooKeeperUrl};
use crate::driver::DriverError;
use crate::native::protocol::endpoint::Endpoint;
use std::fmt;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

/// Where the leading master is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// These masters, to be tried in turn.
    Fixed(Vec<Endpoint>),
    /// Asked for as long as the driver runs.
    ZooKeeper {
        url: ZooKeeperUrl,
        /// TLS and authorization of the masters to come.
        template: Box<Endpoint>,
    },
}

impl Source {
    /// The source that `master` names, and through which protocol; `environment` gives variables (LIBPROCESS_SSL_...).
    /// Reads files.
    pub fn new(master: Master, environment: impl Fn(&str) -> Option<String>) -> Result<Self, DriverError> {
        let master = match master {
            Master::File(path) => file::resolve(&path)?,
            other => other,
        };
        // Made once, and only for those who need it: it reads certificates.
        let mut made: Option<Tls> = None;
        let mut tls = |scheme: Scheme| -> Result<Option<Tls>, DriverError> {
            let wanted = match scheme {
                Scheme::Environment => enabled(&environment)?,
                Scheme::Http => false,
                Scheme::Https => true,
            };
            if wanted && made.is_none() {
                made = Some(Tls::new(&Settings::read(&environment)?)?);
            }
            Ok(made.clone().filter(|_| wanted))
        };
        match master {
            Master::Addresses(addresses) => {
                let endpoints = addresses.into_iter().map(|address| {
                    let tls = tls(address.scheme)?;
                    Ok(Endpoint::master(address.host, address.port).with_tls(tls))
                });
                endpoints.collect::<Result<_, _>>().map(Source::Fixed)
            }
            Master::ZooKeeper(url) => Ok(Source::ZooKeeper {
                url,
                template: Box::new(Endpoint::unknown().with_tls(tls(Scheme::Environment)?)),
            }),
            Master::Local | Master::File(_) => Err(DriverError::Argument {
                name: "master",
                problem: "expected masters that run elsewhere, got \"local\"".to_string(),
            }),
        }
    }

    /// With this Authorization header, where there is none yet.
    pub fn authorized(mut self, authorization: &Secret) -> Self {
        let endpoints = match &mut self {
            Source::Fixed(endpoints) => endpoints.iter_mut().collect(),
            Source::ZooKeeper { template, .. } => vec![&mut **template],
        };
        for endpoint in endpoints {
            endpoint.authorization.get_or_insert_with(|| authorization.clone());
        }
        self
    }

    pub fn is_fixed(&self) -> bool {
        matches!(self, Source::Fixed(_))
    }

    /// The masters that are known without asking.
    pub fn fixed(&self) -> Standalone {
        match self {
            Source::Fixed(endpoints) => endpoints.clone().into(),
            Source::ZooKeeper { .. } => Standalone::default(),
        }
    }
}

impl From<Endpoint> for Source {
    fn from(endpoint: Endpoint) -> Self {
        Source::Fixed(vec![endpoint])
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Fixed(endpoints) => {
                let all: Vec<String> = endpoints.iter().map(|e| authority(&e.host, e.port)).collect();
                f.write_str(&all.join(","))
            }
            Source::ZooKeeper { url, .. } => url.fmt(f),
        }
    }
}

/// Starts to detect, as a task of the runtime of this thread. Ends with the runtime. `None` when there is nothing to detect.
pub fn start(source: Source) -> Option<UnboundedReceiver<Detection>> {
    match source {
        Source::Fixed(_) => None,
        Source::ZooKeeper { url, template } => {
            let (sender, receiver) = unbounded_channel();
            tokio::spawn(zookeeper::detect(url, *template, sender));
            Some(receiver)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(master: &str, variables: &[(&str, &str)]) -> Result<Source, DriverError> {
        let get = |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.to_string());
        Source::new(Master::parse(master).expect(master), get)
    }

    #[test]
    fn credentials_go_to_every_master() {
        let listed = source("a:1,http://b:2", &[]).expect("source");
        assert_eq!(listed.to_string(), "a:1,b:2");
        match listed.authorized(&Secret::new("x")) {
            Source::Fixed(all) => assert!(all
                .iter()
                .all(|e| e.authorization == Some(Secret::new("x")) && e.tls.is_none())),
            other => panic!("{other:?}"),
        }
        let detected = source("zk://u:hush@h:1/m", &[])
            .expect("source")
            .authorized(&Secret::new("x"));
        assert_eq!(detected.to_string(), "zk://h:1/m");
        assert!(!format!("{detected:?}").contains("hush"));
        let fixed: Source = Endpoint::master("a", 1).with_bearer("own").into();
        assert_eq!(fixed.clone().authorized(&Secret::new("x")), fixed);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_environment_decides_where_the_string_does_not() {
        let variables = [("LIBPROCESS_SSL_ENABLED", "1"), ("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "0")];
        match source("a:1,http://b:2,https://c:3", &variables) {
            Ok(Source::Fixed(all)) => {
                let tls: Vec<bool> = all.iter().map(|e| e.tls.is_some()).collect();
                assert_eq!(tls, [true, false, true]);
            }
            other => panic!("{other:?}"),
        }
        match source("zk://h/m", &variables) {
            Ok(Source::ZooKeeper { template, .. }) => assert!(template.tls.is_some()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_of_tls_do_not_concern_plain_http() {
        let odd = [("SSL_KEY_FILE", "/k"), ("LIBPROCESS_SSL_CA_FILE", "/missing")];
        assert!(source("http://a:1,b:2", &odd).is_ok());
        assert!(source("https://a:1", &odd).is_err());
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn without_tls_https_is_refused() {
        let error = source("https://a:1", &[]).expect_err("refused").to_string();
        assert!(error.contains("--features tls"), "{error}");
    }
}
