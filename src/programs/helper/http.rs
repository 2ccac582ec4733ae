//! Loads a file over http or https. One request at a time, nothing is kept, and waiting is fine: the process does nothing else.

use crate::native::protocol::http::{Head, Part, ResponseParser};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A server that says nothing for so long has nothing to say.
const PATIENCE: Duration = Duration::from_secs(60);

const REDIRECTIONS: usize = 20;

struct Url {
    secure: bool,
    /// `user:password`
    user: Option<String>,
    host: String,
    port: u16,
    /// With the query.
    path: String,
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl Url {
    fn parse(text: &str) -> io::Result<Url> {
        let (secure, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(invalid(format!("'{text}' is neither http nor https"))),
        };
        let text = text.split('#').next().unwrap_or_default();
        if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(invalid("it has a space or a control character"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_string()), host),
            None => (None, authority),
        };
        let usual = if secure { 443 } else { 80 };
        let (host, port) = match host.rsplit_once(':') {
            // The colons of [::1] are none of these.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| invalid("its port is no number"))?),
            _ => (host, usual),
        };
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        Ok(Url {
            secure,
            user,
            host: host.to_string(),
            port,
            path: if path.starts_with('/') {
                path.to_string()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Where an answer sends its reader.
    fn join(&self, location: &str) -> io::Result<Url> {
        let scheme = if self.secure { "https" } else { "http" };
        let authority = format!("{scheme}://{}:{}", self.host, self.port);
        if location.contains("://") {
            Url::parse(location)
        } else if location.starts_with("//") {
            Url::parse(&format!("{scheme}:{location}"))
        } else if location.starts_with('/') {
            Url::parse(&format!("{authority}{location}"))
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Url::parse(&format!("{authority}{folder}/{location}"))
        }
    }
}

/// Writes what `uri` stands for.
pub fn get(uri: &[u8], to: &mut impl Write) -> io::Result<()> {
    let text = std::str::from_utf8(uri).map_err(|_| invalid("it is not ASCII"))?;
    let mut url = Url::parse(text)?;
    for _ in 0..=REDIRECTIONS {
        match ask(&url, to)? {
            None => return Ok(()),
            Some(location) => url = url.join(&location)?,
        }
    }
    Err(io::Error::other("it is redirected too often"))
}

/// Loads it, unless it is elsewhere.
fn ask(url: &Url, to: &mut impl Write) -> io::Result<Option<String>> {
    let mut connection = connect(url)?;
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: mesos-perl\r\nAccept: */*\r\nConnection: close\r\n",
        url.path, url.host, url.port
    );
    if let Some(user) = &url.user {
        head += &format!("Authorization: Basic {}\r\n", STANDARD.encode(user));
    }
    head += "\r\n";
    connection.write_all(head.as_bytes())?;
    connection.flush()?;
    take(&mut connection, to)
}

/// Reads an answer: its body goes to `to`, unless it says where else to look.
fn take(from: &mut impl Read, to: &mut impl Write) -> io::Result<Option<String>> {
    let mut parser = ResponseParser::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while let Some(part) = parser
            .next_part()
            .map_err(|e| invalid(format!("the answer is not HTTP: {e}")))?
        {
            match part {
                Part::Head(head) => {
                    if let Some(location) = elsewhere(&head)? {
                        return Ok(Some(location));
                    }
                }
                Part::Body(bytes) => to.write_all(&bytes)?,
                Part::End => return Ok(None),
            }
        }
        match from.read(&mut buffer) {
            Ok(0) if parser.ends_with_connection() => return Ok(None),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut")),
            Ok(read) => parser.feed(&buffer[..read]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Which of the two a socket says depends on the system.
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let silence = format!("the server said nothing for {} s", PATIENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, silence));
            }
            Err(e) => return Err(e),
        }
    }
}

/// Where an answer sends its reader, or why it is none.
fn elsewhere(head: &Head) -> io::Result<Option<String>> {
    match (head.status, head.header("Location")) {
        (200..=299, _) => {}
        (301 | 302 | 303 | 307 | 308, Some(location)) => return Ok(Some(location.trim().to_string())),
        (code, _) => return Err(io::Error::other(format!("received HTTP response code {code}"))),
    }
    match head.header("Transfer-Encoding") {
        Some(encoding) if !encoding.trim().eq_ignore_ascii_case("chunked") => {
            Err(invalid(format!("the answer is encoded as '{}'", encoding.trim())))
        }
        _ => Ok(None),
    }
}

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

fn connect(url: &Url) -> io::Result<Box<dyn Connection>> {
    let name = url.host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (name, url.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(connection) => {
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.set_write_timeout(Some(PATIENCE))?;
                return match url.secure {
                    true => encrypted(connection, name),
                    false => Ok(Box::new(connection)),
                };
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

#[cfg(feature = "tls")]
fn encrypted(connection: TcpStream, name: &str) -> io::Result<Box<dyn Connection>> {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let _ = roots.add_parsable_certificates(found.certs);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_string()).map_err(io::Error::other)?;
    let client = ClientConnection::new(std::sync::Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(client, connection)))
}

#[cfg(not(feature = "tls"))]
fn encrypted(_: TcpStream, _: &str) -> io::Result<Box<dyn Connection>> {
    Err(io::Error::other("this build has no TLS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let url = Url::parse("https://me:pw@[::1]:8443/a/b.tgz?x=1#part").unwrap();
        assert_eq!(
            (url.secure, url.user.as_deref(), url.host.as_str(), url.port),
            (true, Some("me:pw"), "[::1]", 8443)
        );
        assert_eq!(url.path, "/a/b.tgz?x=1");
        let url = Url::parse("http://host?x").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("host", 80, "/?x"));
        assert_eq!(Url::parse("http://[::1]/x").unwrap().port, 80);
        for bad in [
            "ftp://x/y",
            "http://",
            "http:///x",
            "http://h:p/x",
            "http://h/a b",
            "http://h/a\r\nX: y",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
        let base = Url::parse("http://h:81/a/b?c=/d").unwrap();
        for (location, expected) in [
            ("http://x/y", "x:80/y"),
            ("//x/y", "x:80/y"),
            ("/y", "h:81/y"),
            ("y", "h:81/a/y"),
        ] {
            let url = base.join(location).unwrap();
            assert_eq!(format!("{}:{}{}", url.host, url.port, url.path), expected);
        }
    }

    #[test]
    fn bodies() {
        let load = |answer: &str| {
            let mut out = Vec::new();
            take(&mut answer.as_bytes(), &mut out).map(|_| String::from_utf8(out).unwrap())
        };
        let chunked = |body: &str| load(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        assert_eq!(
            chunked("3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n").unwrap(),
            "abc0123456789"
        );
        for bad in ["5\r\nabc", "", "zz\r\n"] {
            assert!(chunked(bad).is_err());
        }
        assert_eq!(
            load("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n1234567").unwrap(),
            "1234567"
        );
        assert_eq!(load("HTTP/1.0 200 OK\r\n\r\nthe rest").unwrap(), "the rest");
        assert!(load("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n").is_err());
        assert!(load("HTTP/1.1 200 OK\r\n").is_err());
        assert!(load("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").is_err());
    }

    #[test]
    fn a_silent_server_is_called_so() {
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
        let error = take(&mut Silent, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the server said nothing for 60 s");
    }
}
