//! Where an API is: host, port, path prefix, TLS, and the Authorization header that it asks for.

use crate::driver::address::{authority, split_authority, Secret};
use crate::native::tls::Tls;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use std::fmt;
use std::path::PathBuf;

/// One server of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// What stands before `/api/v1/...`: `/master`, `/slave(1)`.
    pub prefix: String,
    /// The value of the Authorization header.
    pub authorization: Option<Secret>,
    /// A Unix domain socket to connect to instead of host and port. TLS is not for it.
    pub socket: Option<PathBuf>,
    /// If set, the API is used over https.
    pub tls: Option<Tls>,
}

impl Endpoint {
    /// The scheduler API of a master.
    pub fn master(host: impl Into<String>, port: u16) -> Self {
        Endpoint {
            host: host.into(),
            port,
            prefix: "/master".to_string(),
            authorization: None,
            socket: None,
            tls: None,
        }
    }

    /// The server of a libprocess pid, `slave(1)@10.0.0.5:5051`.
    pub fn from_pid(pid: &str) -> Option<Self> {
        let (id, address) = pid.split_once('@')?;
        let (host, port) = split_authority(address)?;
        if id.is_empty() || id.bytes().any(|b| b <= b' ' || b >= 0x7f || b == b'/') {
            return None;
        }
        Some(Endpoint {
            host,
            port,
            prefix: format!("/{id}"),
            authorization: None,
            socket: None,
            tls: None,
        })
    }

    /// Stands for the master while none is known.
    pub fn unknown() -> Self {
        Endpoint::master("", 0)
    }

    pub fn with_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    pub fn with_bearer(mut self, token: &str) -> Self {
        self.authorization = Some(Secret::new(format!("Bearer {token}")));
        self
    }

    pub fn with_basic(mut self, principal: &str, secret: &str) -> Self {
        self.authorization = Some(Endpoint::basic(principal, secret));
        self
    }

    /// An Authorization header's value for HTTP Basic.
    pub fn basic(principal: &str, secret: &str) -> Secret {
        let encoded = STANDARD.encode(format!("{principal}:{secret}"));
        Secret::new(format!("Basic {encoded}"))
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Where a `Location` header leads: `//host:port/path` from a master that does not lead, a URL, or a path on the same server
    /// (RFC 3986). The credentials stay: the leader asks for the same ones. So they must not leave https. The error is a reason.
    pub fn redirected(&self, location: &str, api: &str) -> Result<Self, &'static str> {
        let location = location.trim();
        let location = location.find(['?', '#']).map_or(location, |end| &location[..end]);
        let usual_port = if self.tls.is_some() { 443 } else { 80 };
        let rest = match (scheme(location, "http:"), scheme(location, "https:")) {
            (Some(_), _) if self.tls.is_some() => return Err("credentials that came by https do not go over plain http"),
            (_, Some(_)) if self.tls.is_none() => return Err("for https the master must be given as https://host:port"),
            (Some(rest), _) | (_, Some(rest)) => rest.strip_prefix("//").ok_or("no address of a master")?,
            (None, None) => match location.strip_prefix("//") {
                Some(rest) => rest,
                None => return self.redirected_here(location, api),
            },
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (host, port) = with_port(authority, usual_port).ok_or("no address of a master")?;
        Ok(Endpoint {
            host,
            port,
            prefix: prefix_of(&without_dots(path), api).unwrap_or(&self.prefix).to_string(),
            authorization: self.authorization.clone(),
            socket: None,
            tls: self.tls.clone(),
        })
    }

    /// A path on the same server. One that is not of the API leads to something else, a page for people, say.
    fn redirected_here(&self, location: &str, api: &str) -> Result<Self, &'static str> {
        let whole = match location.starts_with('/') {
            true => location.to_string(),
            false => format!("{}/api/v1/{location}", self.prefix),
        };
        let path = without_dots(&whole);
        let another_scheme = location.split('/').next().is_some_and(|first| first.contains(':'));
        let prefix = prefix_of(&path, api).filter(|_| !location.is_empty() && !another_scheme);
        Ok(Endpoint {
            prefix: prefix.ok_or("no address of a master")?.to_string(),
            ..self.clone()
        })
    }
}

/// What follows a scheme, which may be written in any case.
fn scheme<'a>(location: &'a str, scheme: &str) -> Option<&'a str> {
    let start = location.get(..scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then(|| &location[scheme.len()..])
}

/// `host`, `host:` or `host:port`.
fn with_port(authority: &str, usual: u16) -> Option<(String, u16)> {
    // An IPv6 address has colons of its own.
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[end_of_host..].find(':').map(|colon| end_of_host + colon + 1) {
        None => split_authority(&format!("{authority}:{usual}")),
        Some(end) if end == authority.len() => split_authority(&format!("{authority}{usual}")),
        Some(_) => split_authority(authority),
    }
}

/// An absolute path without `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => (),
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.iter().flat_map(|segment| ["/", segment]).collect()
}

/// What stands before the API in a path.
fn prefix_of<'a>(path: &'a str, api: &str) -> Option<&'a str> {
    let prefix = path.trim_end_matches('/').strip_suffix(api)?.strip_suffix("/api/v1/")?;
    prefix.bytes().all(|b| b > b' ' && b < 0x7f).then_some(prefix)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.is_empty() {
            true => f.write_str("not known yet"),
            false => f.write_str(&self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pids() {
        let agent = Endpoint::from_pid("slave(1)@10.0.0.5:5051").expect("a pid");
        assert_eq!(
            (agent.to_string(), agent.prefix.as_str()),
            ("10.0.0.5:5051".to_string(), "/slave(1)")
        );
        assert_eq!(Endpoint::from_pid("slave(1)@[::1]:1").expect("a pid").authority(), "[::1]:1");
        for text in [
            "",
            "slave(1)",
            "@1.2.3.4:5",
            "a@b",
            "a@b:0",
            "a@b:70000",
            "a b@c:1",
            "a\r\n@c:1",
            "a@b\r:1",
        ] {
            assert_eq!(Endpoint::from_pid(text), None, "{text:?}");
        }
    }

    #[test]
    fn redirects() {
        let follower = Endpoint::master("a", 1).with_basic("p", "s");
        let to = |location: &str| follower.redirected(location, "scheduler");
        let leader = to("//localhost:15050/master/api/v1/scheduler").expect("libprocess' form");
        assert_eq!(
            (leader.to_string(), leader.prefix.as_str()),
            ("localhost:15050".to_string(), "/master")
        );
        assert_eq!(leader.authorization, follower.authorization);
        assert_eq!(to("http://b:2/api/v1/scheduler").expect("a URL").prefix, "");
        assert_eq!(to("//b:2").expect("no path").prefix, "/master");
        for bad in [
            "",
            "/",
            "/master",
            "login",
            "?next=1",
            "https://b:2/",
            "http:b:2",
            "http://",
            "//",
            "//:5050/",
            "//b:x/",
            "//b:0/",
            "//[::1/",
            "//u:p@b:2/",
            "//b\r\nX: y:2/",
            "/a b/api/v1/scheduler",
            "ftp://b:2/master/api/v1/scheduler",
        ] {
            assert!(to(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn redirects_without_a_port_and_on_the_same_server() {
        let follower = Endpoint::master("a", 1).with_basic("p", "s");
        for (location, authority, prefix) in [
            ("http://b/master/api/v1/scheduler", "b:80", "/master"),
            ("HTTP://b", "b:80", "/master"),
            ("//b", "b:80", "/master"),
            ("//b:/mesos/api/v1/scheduler", "b:80", "/mesos"),
            ("http://[::1]/api/v1/scheduler/", "[::1]:80", ""),
            ("http://[::1]:7/", "[::1]:7", "/master"),
            ("http://b/x/../y/./api/v1/scheduler?a=//c:3#d", "b:80", "/y"),
            ("/mesos/api/v1/scheduler", "a:1", "/mesos"),
            ("/api/v1/scheduler", "a:1", ""),
            (" scheduler ", "a:1", "/master"),
            ("./scheduler?x", "a:1", "/master"),
            ("../../../other/api/v1/scheduler", "a:1", "/other"),
            ("../../../../../api/v1/scheduler", "a:1", ""),
        ] {
            let leader = follower.redirected(location, "scheduler").expect(location);
            assert_eq!(
                (leader.authority().as_str(), leader.prefix.as_str()),
                (authority, prefix),
                "{location}"
            );
            assert_eq!(leader.authorization, follower.authorization);
        }
        // A relative one stays on the socket.
        let mut agent = Endpoint::from_pid("slave(1)@a:1").expect("a pid");
        agent.socket = Some("/s".into());
        assert_eq!(agent.redirected("executor", "executor"), Ok(agent.clone()));
        assert_eq!(agent.redirected("//a:1", "executor").map(|e| e.socket), Ok(None));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn redirects_never_leave_https() {
        let tls = crate::native::tls::tests::unverified();
        let follower = Endpoint::master("a", 1).with_basic("p", "s").with_tls(Some(tls));
        let to = |location: &str| follower.redirected(location, "scheduler");
        for location in ["//b:2/master/api/v1/scheduler", "https://b:2/master/api/v1/scheduler"] {
            let leader = to(location).expect(location);
            assert_eq!((leader.host.as_str(), &leader.tls), ("b", &follower.tls));
            assert_eq!(leader.authorization, follower.authorization);
        }
        for (location, port) in [("//b/", 443), ("https://b", 443), ("HTTPS://b:/", 443), ("https://b:8/", 8)] {
            assert_eq!(to(location).expect(location).port, port, "{location}");
        }
        for location in ["http://b:2/master/api/v1/scheduler", "http://a:1/", "HTTP://a:1/", "http://a"] {
            assert!(to(location).expect_err("refused").contains("plain http"));
        }
    }

    #[test]
    fn secrets_stay_secret() {
        let endpoint = Endpoint::master("a", 1).with_basic("Aladdin", "open sesame");
        let value = endpoint.authorization.as_ref().map(|s| s.reveal().to_string());
        assert_eq!(value.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(!format!("{endpoint:?} {endpoint}").contains("QWxh"));
        assert!(!format!("{:?}", endpoint.with_bearer("tok")).contains("tok"));
    }
}
