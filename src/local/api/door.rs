//! Who may call: secrets, tokens and credentials, and what web pages may do.

use super::refusal::Refusal;
use crate::local::core::{Core, Settings};
use crate::local::ids;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::StatusCode;
use std::net::IpAddr;

/// Who has shown that he may call.
pub enum Caller {
    /// Has the cluster's secret, which opens everything.
    Client,
    /// Has the token of this process, which opens the executor API in its own name.
    Executor(u64),
}

/// Whom the header `Authorization` stands for.
pub fn caller(headers: &HeaderMap, core: &Core) -> Option<Caller> {
    let access = &core.settings.access;
    if let Some(given) = bearer(headers) {
        if ids::is_same_secret(given, &core.settings.secret) {
            return Some(Caller::Client);
        }
        if let Some(process) = core.executor_of_token(given) {
            return Some(Caller::Executor(process));
        }
    }
    let basic = access.credentials.as_ref().zip(basic(headers));
    let known = basic.is_some_and(|(known, given)| {
        // All of them, so that the time does not say which principals there are.
        known.iter().fold(false, |found, (principal, secret)| {
            found | ids::is_same_secret(&given, &format!("{principal}:{secret}"))
        })
    });
    (known || access.open).then_some(Caller::Client)
}

/// Whether there is a token, and it is neither the cluster's secret nor that of an executor of an agent that runs.
pub fn has_unknown_token(headers: &HeaderMap, core: &Core) -> bool {
    bearer(headers)
        .is_some_and(|given| !ids::is_same_secret(given, &core.settings.secret) && core.executor_of_token(given).is_none())
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

/// `principal:secret`
fn basic(headers: &HeaderMap) -> Option<Vec<u8>> {
    let encoded = headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Basic ")?;
    STANDARD.decode(encoded).ok()
}

/// The page in a browser that a request comes from, if that may read the answer.
pub struct Page(Option<HeaderValue>);

impl Page {
    /// Says so in the headers of an answer.
    pub fn allow(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.0 else { return };
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, accept, mesos-stream-id",
            ),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "mesos-stream-id"),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
            (header::VARY, "origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// Refuses what a browser sends on behalf of somebody else's page: by a name that its owner has made to point here, or from another origin.
pub fn page(headers: &HeaderMap, settings: &Settings) -> Result<Page, Refusal> {
    let access = &settings.access;
    let origin = headers.get(header::ORIGIN);
    let listed = origin.filter(|origin| access.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
    if !access.is_for_browsers() {
        return Ok(Page(listed.cloned()));
    }
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    if host.is_some_and(|host| !is_own_name(host, settings)) {
        let text = "The header 'Host' is none of this cluster's names: use 127.0.0.1 or localhost";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    let own = |origin: &HeaderValue| {
        let origin = origin.as_bytes();
        let authority = origin.strip_prefix(b"http://").or(origin.strip_prefix(b"https://"));
        authority.is_some() && authority == host
    };
    match origin {
        Some(origin) if listed.is_none() && !own(origin) => {
            let text = "The page of this origin may not call the cluster";
            Err(Refusal::new(StatusCode::FORBIDDEN, text))
        }
        _ => Ok(Page(listed.cloned())),
    }
}

/// Whether a browser says that a script is for a page of this very address, or of an origin that may call. A page can hide what it is from
/// the cluster, but cannot pass for another one.
pub fn is_for_own_page(headers: &HeaderMap, settings: &Settings) -> bool {
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let is_from = |origin: &[u8]| {
        let rest = referer.and_then(|referer| referer.as_bytes().strip_prefix(origin));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    has("sec-fetch-site", "same-origin") || settings.access.origins.iter().any(|origin| is_from(origin.as_bytes()))
}

/// Whether a browser with this Host header was pointed here by the user, and not by somebody's name server: addresses are nobody's names.
fn is_own_name(host: &[u8], settings: &Settings) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.parse::<IpAddr>() {
        Ok(address) => !settings.local_only || address.is_loopback(),
        Err(_) => {
            let mut own = settings.access.names.iter();
            name == "localhost" || name.ends_with(".localhost") || own.any(|own| own.eq_ignore_ascii_case(&name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::settings::access::Access;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let pair = |(name, value): &(header::HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_the_whole_secret_opens() {
        let ok = |value: &str| {
            let headers = headers(&[(header::AUTHORIZATION, value)]);
            bearer(&headers).is_some_and(|given| ids::is_same_secret(given, "0123abcd"))
        };
        assert!(ok("Bearer 0123abcd"));
        for bad in [
            "Bearer 0123abce",
            "Bearer 0123abc",
            "Bearer 0123abcd0",
            "Basic 0123abcd",
            "0123abcd",
            "Bearer ",
        ] {
            assert!(!ok(bad), "{bad}");
        }
        assert!(bearer(&HeaderMap::new()).is_none());
    }

    fn settings(local_only: bool) -> Settings {
        Settings {
            owner: nix::unistd::geteuid(),
            address: (std::net::Ipv4Addr::LOCALHOST, 5050).into(),
            local_only,
            work_dir: "/".into(),
            cgroup: None,
            isolation: Default::default(),
            secret: "s".into(),
            control: None,
            access: Access {
                open: true,
                origins: vec!["http://localhost:8080".into()],
                names: vec!["box".into()],
                ..Access::default()
            },
            tls: None,
        }
    }

    #[test]
    fn names_that_others_own_are_refused() {
        let ok = |host: &str, local_only| page(&headers(&[(header::HOST, host)]), &settings(local_only)).is_ok();
        for host in [
            "127.0.0.1:5050",
            "127.0.0.1",
            "localhost:5050",
            "LOCALHOST.",
            "a.localhost:1",
            "[::1]:5050",
            "127.9.9.9",
            "box:5050",
        ] {
            assert!(ok(host, true) && ok(host, false), "{host}");
        }
        for host in [
            "evil.example:5050",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "xlocalhost",
            "[evil]:1",
            "127.1",
        ] {
            assert!(!ok(host, true) && !ok(host, false), "{host}");
        }
        assert!(
            ok("192.0.2.1:5050", false) && !ok("192.0.2.1:5050", true),
            "an address is of use to whoever listens on it"
        );
        assert!(page(&HeaderMap::new(), &settings(true)).is_ok(), "no browser");
    }

    #[test]
    fn scripts_are_for_pages_that_may_call() {
        let ok = |name: &'static str, value: &str| {
            let headers = headers(&[(header::HeaderName::from_static(name), value)]);
            is_for_own_page(&headers, &settings(true))
        };
        assert!(ok("sec-fetch-site", "same-origin"));
        assert!(ok("referer", "http://localhost:8080") && ok("referer", "http://localhost:8080/app/"));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!ok("sec-fetch-site", site), "{site}");
        }
        for bad in [
            "http://localhost:80801/",
            "http://localhost:8080@evil.example/",
            "http://127.0.0.1:5050/",
            "",
        ] {
            assert!(!ok("referer", bad), "{bad}");
        }
        assert!(
            !is_for_own_page(&HeaderMap::new(), &settings(true)),
            "it may be a page that does not say what it is"
        );
    }

    #[test]
    fn pages_of_other_origins_are_refused_unless_named() {
        let of = |origin: &str| {
            let headers = headers(&[(header::HOST, "127.0.0.1:5050"), (header::ORIGIN, origin)]);
            page(&headers, &settings(true)).map(|page| page.0)
        };
        assert!(of("http://127.0.0.1:5050").is_ok_and(|page| page.is_none()));
        assert!(of("http://localhost:8080").is_ok_and(|page| page.is_some()));
        for bad in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:8080",
            "http://localhost:80801",
        ] {
            assert!(of(bad).is_err_and(|refusal| refusal.status == StatusCode::FORBIDDEN), "{bad}");
        }
        let mut closed = settings(true);
        closed.access = Access::default();
        let foreign = headers(&[(header::HOST, "test"), (header::ORIGIN, "null")]);
        assert!(page(&foreign, &closed).is_ok(), "a secret is known to no page");
    }
}
