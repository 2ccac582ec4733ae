//! Loads a file over http or https. One request at a time, nothing is kept, and waiting is fine: the process does nothing else.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A server that says nothing for so long has nothing to say.
const PATIENCE: Duration = Duration::from_secs(60);

const REDIRECTIONS: usize = 20;

/// The head of an answer may have so many bytes.
const HEAD: u64 = 64 * 1024;

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
    let mut connection = BufReader::new(connect(url)?);
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: mesos-perl\r\nAccept: */*\r\nConnection: close\r\n",
        url.path, url.host, url.port
    );
    if let Some(user) = &url.user {
        head += &format!("Authorization: Basic {}\r\n", STANDARD.encode(user));
    }
    head += "\r\n";
    connection.get_mut().write_all(head.as_bytes())?;
    connection.get_mut().flush()?;
    let answer = loop {
        let answer = Answer::read(&mut connection)?;
        if !(100..200).contains(&answer.code) {
            break answer;
        }
    };
    match (answer.code, answer.location) {
        (200..=299, _) => {}
        (301 | 302 | 303 | 307 | 308, Some(location)) => return Ok(Some(location)),
        (code, _) => return Err(io::Error::other(format!("received HTTP response code {code}"))),
    }
    match answer.length {
        Length::Chunked => chunks(&mut connection, to)?,
        Length::Bytes(length) => exactly(&mut connection, length, to)?,
        Length::Rest => drop(io::copy(&mut connection, to)?),
    }
    Ok(None)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    Chunked,
    Bytes(u64),
    Rest,
}

struct Answer {
    code: u16,
    location: Option<String>,
    length: Length,
}

impl Answer {
    fn read(from: &mut impl BufRead) -> io::Result<Answer> {
        let mut head = Vec::new();
        let mut limited = from.take(HEAD);
        while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
            if limited.read_until(b'\n', &mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; 200];
        let mut response = httparse::Response::new(&mut headers);
        response
            .parse(&head)
            .map_err(|e| invalid(format!("the answer is not HTTP: {e}")))?;
        let header = |name: &str| {
            let mut all = response
                .headers
                .iter()
                .filter(|header| header.name.eq_ignore_ascii_case(name));
            all.next()
                .map(|header| String::from_utf8_lossy(header.value).trim().to_string())
        };
        let length = match (header("Transfer-Encoding"), header("Content-Length")) {
            (Some(encoding), _) if encoding.eq_ignore_ascii_case("chunked") => Length::Chunked,
            (Some(encoding), _) => return Err(invalid(format!("the answer is encoded as '{encoding}'"))),
            (None, Some(length)) => Length::Bytes(length.parse().map_err(|_| invalid("Content-Length is no number"))?),
            (None, None) => Length::Rest,
        };
        Ok(Answer {
            code: response.code.unwrap_or(0),
            location: header("Location"),
            length,
        })
    }
}

fn exactly(from: &mut impl Read, length: u64, to: &mut impl Write) -> io::Result<()> {
    match io::copy(&mut from.take(length), to)? == length {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut")),
    }
}

fn chunks(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        from.take(HEAD).read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| invalid("the answer's chunks are none"))?;
        if size == 0 {
            return Ok(());
        }
        exactly(from, size, to)?;
        let mut end = Vec::new();
        from.take(2).read_until(b'\n', &mut end)?;
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
        let mut out = Vec::new();
        chunks(&mut &b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"[..], &mut out).unwrap();
        assert_eq!(out, b"abc0123456789");
        for bad in [&b"5\r\nabc"[..], b"", b"zz\r\n"] {
            assert!(chunks(&mut &bad[..], &mut Vec::new()).is_err());
        }
        let head = |text: &str| Answer::read(&mut text.as_bytes());
        assert_eq!(
            head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").unwrap().length,
            Length::Bytes(7)
        );
        assert_eq!(head("HTTP/1.0 200 OK\r\n\r\n").unwrap().length, Length::Rest);
        assert!(head("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n").is_err());
        assert!(head("HTTP/1.1 200 OK\r\n").is_err());
        assert!(exactly(&mut &b"abc"[..], 4, &mut Vec::new()).is_err());
    }
}
