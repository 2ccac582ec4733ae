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
    /// With it the API is spoken over https.
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

    /// Where a `Location` header leads: `//host:port/path` from a master that does not lead, or a URL.
    /// The credentials stay: the leader asks for the same ones. So they must not leave https. The error is a reason.
    pub fn redirected(&self, location: &str, api: &str) -> Result<Self, &'static str> {
        let rest = match (location.strip_prefix("http:"), location.strip_prefix("https:")) {
            (Some(_), _) if self.tls.is_some() => return Err("credentials that came by https do not go over plain http"),
            (_, Some(_)) if self.tls.is_none() => return Err("for https the master must be given as https://host:port"),
            (Some(rest), _) | (_, Some(rest)) => rest,
            (None, None) => location,
        };
        let rest = rest.strip_prefix("//").ok_or("no address of a master")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (host, port) = split_authority(authority).ok_or("no address of a master")?;
        let prefix = path.trim_end_matches('/').strip_suffix(&format!("/api/v1/{api}"));
        let plain = |p: &&str| p.bytes().all(|b| b > b' ' && b < 0x7f);
        Ok(Endpoint {
            host,
            port,
            prefix: prefix.filter(plain).unwrap_or(&self.prefix).to_string(),
            authorization: self.authorization.clone(),
            socket: None,
            tls: self.tls.clone(),
        })
    }
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
        for bad in ["", "/master", "https://b:2/", "//b", "//b:x/", "//b\r\nX: y:2/"] {
            assert!(to(bad).is_err(), "{bad:?}");
        }
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
        for location in ["http://b:2/master/api/v1/scheduler", "http://a:1/"] {
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
