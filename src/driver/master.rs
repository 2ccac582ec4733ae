//! What the `master` string of a scheduler driver may be. Parsing only; files are read by whoever looks for the leader.

use super::address::{authority, split_authority, Secret, MAX_HOST};
use super::DriverError;
use std::path::PathBuf;

const EXPECTED: &str =
    "\"local\", \"host\" or \"host:port\", \"http://host:port\", \"https://host:port\", a comma-separated list of those \
                        addresses, \"zk://[user:password@]host:port,.../path\" or \"file:///path\"";
/// Where masters listen unless the master string says otherwise.
const MASTER_PORT: u16 = 5050;
/// Where ZooKeeper listens unless the master string says otherwise.
const ZOOKEEPER_PORT: u16 = 2181;

/// A parsed `master` string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// `local`: a master and an agent inside this process.
    Local,
    /// Masters to try in turn; at least one.
    Addresses(Vec<Address>),
    /// `zk://`: where masters elect their leader.
    ZooKeeper(ZooKeeperUrl),
    /// `file://`: the file holds a master string.
    File(PathBuf),
}

/// One master's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub scheme: Scheme,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
}

/// How to speak to a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The string does not say: as LIBPROCESS_SSL_ENABLED says.
    Environment,
    Http,
    Https,
}

/// `zk://[user:password@]host1:port1,host2:port2/path`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZooKeeperUrl {
    /// Members of the ensemble as host and port.
    pub servers: Vec<(String, u16)>,
    /// `user:password` of the scheme `digest`.
    pub credentials: Option<Secret>,
    /// The parent of the masters' nodes, without a slash at its end: `/mesos`.
    pub path: String,
}

impl std::fmt::Display for ZooKeeperUrl {
    /// Without the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(|(host, port)| authority(host, *port)).collect();
        write!(f, "zk://{}{}", servers.join(","), self.path)
    }
}

impl Master {
    /// Parses a `master` string; the error says what was expected and what came, without passwords.
    pub fn parse(text: &str) -> Result<Master, DriverError> {
        let problem = |why: &str| DriverError::Argument {
            name: "master",
            problem: format!("expected {EXPECTED}, got {:?} ({why})", masked(text)),
        };
        let trimmed = text.trim();
        if trimmed == "local" {
            return Ok(Master::Local);
        }
        if let Some(path) = trimmed.strip_prefix("file://") {
            return match path.starts_with('/') {
                true => Ok(Master::File(PathBuf::from(path))),
                false => Err(problem("the path of a file must begin with a slash")),
            };
        }
        if let Some(rest) = trimmed.strip_prefix("zk://") {
            return zookeeper(rest).map(Master::ZooKeeper).map_err(problem);
        }
        let addresses: Result<Vec<Address>, &str> = trimmed.split(',').map(address).collect();
        addresses.map(Master::Addresses).map_err(problem)
    }
}

fn address(text: &str) -> Result<Address, &'static str> {
    let text = text.trim();
    let (scheme, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
        (Some(rest), _) => (Scheme::Http, rest),
        (_, Some(rest)) => (Scheme::Https, rest),
        _ => (Scheme::Environment, text),
    };
    if rest.contains("://") {
        return Err("unknown scheme");
    }
    let rest = rest.strip_prefix("master@").unwrap_or(rest);
    if rest.contains('@') {
        return Err("put user and password into the driver's attribute credential");
    }
    // As browsers show it: the path of the web interface is /master.
    let (rest, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !matches!(path.trim_end_matches('/'), "" | "master") {
        return Err("a master's address has no path but /master");
    }
    if rest.eq_ignore_ascii_case("local") && scheme == Scheme::Environment {
        return Err("the embedded cluster is \"local\", alone and in lower case");
    }
    let (host, port) = host_and_port(rest, MASTER_PORT)?;
    Ok(Address { scheme, host, port })
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), &'static str> {
    let bare_ipv6 = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let has_port = bare_ipv6.is_none() && text.contains(':');
    let (host, port) = match has_port {
        true => split_authority(text).ok_or_else(|| match text.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().map_or(true, |p| p == 0) => "bad port",
            _ => "bad host",
        })?,
        false => (bare_ipv6.unwrap_or(text).to_string(), default),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let bracketed = text.starts_with('[');
    let valid = match bracketed {
        true => host.parse::<std::net::Ipv6Addr>().is_ok(),
        false => (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(plain),
    };
    valid.then_some((host, port)).ok_or("bad host")
}

/// What follows `zk://`. As in libmesos the path begins at the first slash, the credentials end at the last `@` before it.
fn zookeeper(text: &str) -> Result<ZooKeeperUrl, &'static str> {
    let (authority, path) = text.find('/').map_or((text, ""), |slash| text.split_at(slash));
    let (credentials, servers) = match authority.rsplit_once('@') {
        Some((credentials, servers)) if credentials.contains(':') => (Some(Secret::new(credentials)), servers),
        Some(_) => return Err("the credentials must be user:password"),
        None => (None, authority),
    };
    let servers: Result<Vec<_>, _> = servers
        .split(',')
        .map(|server| host_and_port(server.trim(), ZOOKEEPER_PORT))
        .collect();
    let servers = servers?;
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err("the path of the masters' nodes is missing; \"/\" is not supported");
    }
    if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return Err("bad path");
    }
    Ok(ZooKeeperUrl {
        servers,
        credentials,
        path: path.to_string(),
    })
}

/// `text` with everything that may be a password replaced: what stands before the last `@`, without the scheme.
pub fn masked(text: &str) -> String {
    let Some(at) = text.rfind('@') else {
        return text.to_string();
    };
    let (before, after) = text.split_at(at);
    let kept = before.find("://").map_or(0, |scheme| scheme + 3);
    match before.get(kept..) {
        Some("master") => text.to_string(),
        _ => format!("{}***{after}", before.get(..kept).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scheme: Scheme, host: &str, port: u16) -> Address {
        Address {
            scheme,
            host: host.to_string(),
            port,
        }
    }

    #[test]
    fn addresses_alone_and_in_lists() {
        use Scheme::*;
        let parsed = |text: &str| Master::parse(text);
        let list = |all: &[Address]| Ok(Master::Addresses(all.to_vec()));
        assert_eq!(parsed("local"), Ok(Master::Local));
        assert_eq!(parsed("127.0.0.1:5050"), list(&[one(Environment, "127.0.0.1", 5050)]));
        assert_eq!(
            parsed(" mesos.example.org:1 "),
            list(&[one(Environment, "mesos.example.org", 1)])
        );
        assert_eq!(parsed("http://m:5050/"), list(&[one(Http, "m", 5050)]));
        assert_eq!(parsed("https://[::1]:5050"), list(&[one(Https, "::1", 5050)]));
        assert_eq!(parsed("master@10.0.0.1:5050"), list(&[one(Environment, "10.0.0.1", 5050)]));
        assert_eq!(parsed("[::1]:5050"), list(&[one(Environment, "::1", 5050)]));
        for same in ["m", "m:5050", "m:5050/master", "m/master/", "master@m"] {
            assert_eq!(parsed(same), list(&[one(Environment, "m", 5050)]), "{same}");
            assert_eq!(parsed(&format!("http://{same}")), list(&[one(Http, "m", 5050)]), "{same}");
            assert_eq!(parsed(&format!("https://{same}/")), list(&[one(Https, "m", 5050)]), "{same}");
        }
        assert_eq!(parsed("[::1]"), list(&[one(Environment, "::1", 5050)]));
        let all = [one(Environment, "a", 1), one(Http, "b", 2), one(Https, "fe80::1", 3)];
        assert_eq!(parsed("a:1, http://b:2/,https://[fe80::1]:3"), list(&all));
    }

    #[test]
    fn files_and_ensembles() {
        assert_eq!(
            Master::parse("file:///etc/mesos/zk\n"),
            Ok(Master::File(PathBuf::from("/etc/mesos/zk")))
        );
        let ensemble = |text: &str| match Master::parse(text) {
            Ok(Master::ZooKeeper(url)) => url,
            other => panic!("{text}: {other:?}"),
        };
        let url = ensemble("zk://us:e@r:pass@h1:1,[::1]:2,h3/a/b/");
        assert_eq!(
            url.servers,
            [("h1".to_string(), 1), ("::1".to_string(), 2), ("h3".to_string(), 2181)]
        );
        assert_eq!(url.credentials.as_ref().map(|c| c.reveal()), Some("us:e@r:pass"));
        assert_eq!(url.path, "/a/b");
        assert_eq!(url.to_string(), "zk://h1:1,[::1]:2,h3:2181/a/b");
        assert!(!format!("{url:?}").contains("pass"));
        assert_eq!(ensemble("zk://h:1/mesos").credentials, None);
    }

    #[test]
    fn refused_forms_say_what_came() {
        for (text, why) in [
            ("", "bad host"),
            ("http://", "bad host"),
            ("host/x", "no path but /master"),
            ("http://h:5050/master/x", "no path but /master"),
            ("http://h:5050/api/v1/scheduler", "no path but /master"),
            ("Local", "in lower case"),
            ("a:1,local", "alone"),
            ("host:", "bad port"),
            ("host:0", "bad port"),
            ("host:65536", "bad port"),
            (":5050", "bad host"),
            ("ho st:5050", "bad host"),
            ("[x]:1", "bad host"),
            ("h:50x", "bad port"),
            ("::1:5050", "bad host"),
            ("ftp://h:1", "unknown scheme"),
            ("a:1,,b:2", "bad host"),
            ("a:1,zk://h:1/x", "unknown scheme"),
            ("file://relative", "must begin with a slash"),
            ("zk://h:1", "path"),
            ("zk://h:1/", "path"),
            ("zk://h:1/a//b", "bad path"),
            ("zk:///mesos", "bad host"),
            ("zk://h:x/mesos", "bad port"),
        ] {
            let error = Master::parse(text).expect_err(text).to_string();
            assert!(
                error.starts_with("master: expected \"local\"") && error.contains(&format!("got {text:?}")),
                "{error}"
            );
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn errors_hold_no_passwords() {
        for text in [
            "zk://me:hush@h:1",
            "zk://me:hu/sh@h:1/mesos",
            "zk://hush@h:1/mesos",
            "http://me:hush@h:1",
            "me:hush@h:1,http://x:1",
            "zk:/me:hush@h:1/x",
        ] {
            let error = Master::parse(text).expect_err(text).to_string();
            assert!(!error.contains("hu") && error.contains("***@h:1"), "{error}");
        }
        assert!(Master::parse("master@h:x")
            .expect_err("port")
            .to_string()
            .contains("master@h:x"));
    }
}
