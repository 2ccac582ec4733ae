//! HTTP/1.1 as the Mesos API uses it: POST requests into bytes, responses out of bytes, both without I/O.

use super::endpoint::Endpoint;
use crate::logging::shown;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;
use std::time::Duration;

const MAX_HEADERS: usize = 64;
/// Bounds of a response's head and of one chunk's size line or trailer.
const MAX_HEAD: usize = 64 << 10;
const MAX_LINE: usize = 8 << 10;

pub const PROTOBUF: &str = "application/x-protobuf";

/// Whether a Content-Type is [`PROTOBUF`]: in any case, with any parameters.
pub fn is_protobuf(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(PROTOBUF)
}

/// The head of a POST to the API named `api` (`scheduler`, `executor`), up to the length of the body. SUBSCRIBE goes without
/// `stream_id`.
pub fn post_head(endpoint: &Endpoint, api: &str, stream_id: Option<&str>) -> Vec<u8> {
    let mut head = format!(
        "POST {}/api/v1/{api} HTTP/1.1\r\nHost: {}\r\nAccept: {PROTOBUF}\r\nContent-Type: {PROTOBUF}\r\n",
        endpoint.prefix,
        endpoint.authority()
    );
    if let Some(secret) = &endpoint.authorization {
        head.push_str(&format!("Authorization: {}\r\n", secret.reveal()));
    }
    if let Some(id) = stream_id {
        head.push_str(&format!("Mesos-Stream-Id: {id}\r\n"));
    }
    head.push_str("Content-Length: ");
    head.into_bytes()
}

/// Appends a POST with this head, of [`post_head`]. The body comes in two pieces.
pub fn append_post(requests: &mut Vec<u8>, head: &[u8], body: [&[u8]; 2]) {
    let length = body[0].len() + body[1].len();
    let digits = length.to_string();
    requests.reserve(head.len() + digits.len() + 4 + length);
    for piece in [head, digits.as_bytes(), b"\r\n\r\n", body[0], body[1]] {
        requests.extend_from_slice(piece);
    }
}

/// The bytes of a single POST.
pub fn post(endpoint: &Endpoint, api: &str, stream_id: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    append_post(&mut request, &post_head(endpoint, api, stream_id), [body, &[]]);
    request
}

/// What a refusal says, in a line, if no Mesos has written it: an HTML page, or a 404, which those have no reason to answer.
pub fn foreign(head: &Head, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let type_is_html = || {
        head.header("Content-Type")
            .is_some_and(|t| t.to_ascii_lowercase().contains("html"))
    };
    if text.starts_with('<') || type_is_html() {
        return Some(format!("an HTML page, \"{}\"", without_tags(text)));
    }
    let line = text.lines().next().unwrap_or_default();
    matches!(head.status, 404 | 405 | 501).then(|| line.to_string())
}

/// The title of an HTML page, or the beginning of its text.
fn without_tags(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + 7);
    let title = title.and_then(|from| Some((from, from + lower.get(from..)?.find("</")?)));
    let shown = title.and_then(|(from, to)| page.get(from..to)).unwrap_or(page);
    let mut text = String::new();
    let mut in_tag = false;
    for character in shown.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(character),
            _ => (),
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(80).collect()
}

/// Why bytes are not an HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The status line or a header is malformed.
    Head(String),
    HeadTooLong,
    /// A server that speaks TLS, and was not spoken to in it.
    Tls,
    Chunk,
    ContentLength,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Tls => f.write_str("the answer is TLS, the address needs https://"),
            HttpError::Head(why) => write!(f, "not an HTTP response: {why}"),
            HttpError::HeadTooLong => write!(f, "an HTTP head of more than {MAX_HEAD} bytes"),
            HttpError::Chunk => f.write_str("malformed chunk in an HTTP response"),
            HttpError::ContentLength => f.write_str("malformed Content-Length in an HTTP response"),
        }
    }
}

/// Status line and headers. Most are those of answers to calls, which nobody looks into: they are kept as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    closes: bool,
    bytes: Bytes,
}

impl Head {
    /// The first header of this name; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut found = None;
        // It was parsed before.
        let _ = parse_head(&self.bytes, |response| {
            found = first(response.headers, name).map(|value| String::from_utf8_lossy(value).into_owned());
        });
        found
    }

    /// The text behind the status, as it can be shown.
    pub fn reason(&self) -> String {
        let mut reason = String::new();
        let _ = parse_head(&self.bytes, |response| reason = shown(response.reason.unwrap_or("")));
        reason
    }

    /// The server closes the connection after this response.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// How long the server wants to be left alone. (It may also name a date; the usual pauses do for that.)
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("Retry-After").and_then(|value| digits(&value));
        seconds.map(Duration::from_secs)
    }
}

/// Calls `look` if `bytes` begin with a whole head; its length then.
fn parse_head(bytes: &[u8], look: impl FnOnce(&httparse::Response<'_, '_>)) -> Result<Option<usize>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        // However it was cut into portions.
        Ok(httparse::Status::Complete(length)) if length > MAX_HEAD => Err(HttpError::HeadTooLong),
        Ok(httparse::Status::Complete(length)) => {
            look(&response);
            Ok(Some(length))
        }
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => Ok(None),
        Ok(httparse::Status::Partial) => Err(HttpError::HeadTooLong),
        Err(why) => Err(HttpError::Head(why.to_string())),
    }
}

fn first<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
}

/// Whether the headers of this name have this element. A list may be spread over several headers.
fn has_token(headers: &[httparse::Header<'_>], name: &str, token: &str) -> bool {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let mut values = named.filter_map(|header| std::str::from_utf8(header.value).ok());
    values.any(|value| value.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
}

/// Whether the connection ends with the response. With HTTP/1.0 it does unless something else is said.
fn closes(response: &httparse::Response<'_, '_>) -> bool {
    let says = |token| has_token(response.headers, "Connection", token);
    says("close") || (response.version == Some(0) && !says("keep-alive"))
}

/// A piece of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Head(Head),
    Body(Bytes),
    /// The response is complete; the next byte belongs to the next one.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// This many bytes of the body are left.
    Length(u64),
    ChunkSize,
    /// This many bytes of the chunk are left.
    Chunk(u64),
    /// CR LF behind a chunk.
    ChunkEnd,
    Trailers,
    /// The body ends with the connection.
    UntilClose,
}

/// Takes the bytes of a connection in any portions, gives the parts of one response after the other.
pub struct ResponseParser {
    /// What was fed and is in no part yet.
    buffer: Bytes,
    state: State,
}

impl Default for ResponseParser {
    fn default() -> Self {
        ResponseParser {
            buffer: Bytes::new(),
            state: State::Head,
        }
    }
}

impl ResponseParser {
    pub fn feed(&mut self, data: &[u8]) {
        self.feed_shared(Bytes::copy_from_slice(data));
    }

    /// Parts will be slices of `data`, which is copied only where something before it was not complete.
    pub fn feed_shared(&mut self, data: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = data;
            return;
        }
        let mut joined = BytesMut::from(std::mem::take(&mut self.buffer));
        joined.extend_from_slice(&data);
        self.buffer = joined.freeze();
    }

    /// The body of the current response ends where the connection does.
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The next part, or `None` until more was fed.
    pub fn next_part(&mut self) -> Result<Option<Part>, HttpError> {
        loop {
            match self.state {
                // An alert, or the beginning of a handshake.
                State::Head if matches!(self.buffer[..], [0x15 | 0x16, 3, ..]) => return Err(HttpError::Tls),
                State::Head => match self.head()? {
                    // 100 and its like announce another response.
                    Some((head, _)) if head.status < 200 => (),
                    Some((head, body)) => {
                        self.state = body;
                        return Ok(Some(Part::Head(head)));
                    }
                    None => return Ok(None),
                },
                State::Length(0) => {
                    self.state = State::Head;
                    return Ok(Some(Part::End));
                }
                State::Length(left) => {
                    return Ok(self.body(left).map(|(part, left)| {
                        self.state = State::Length(left);
                        part
                    }))
                }
                State::ChunkSize => match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((used, size))) => {
                        self.buffer.advance(used);
                        self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
                    }
                    Ok(httparse::Status::Partial) if self.buffer.len() <= MAX_LINE => return Ok(None),
                    _ => return Err(HttpError::Chunk),
                },
                State::Chunk(0) => self.state = State::ChunkEnd,
                State::Chunk(left) => {
                    return Ok(self.body(left).map(|(part, left)| {
                        self.state = State::Chunk(left);
                        part
                    }))
                }
                State::ChunkEnd => match self.line()? {
                    Some(0) => self.state = State::ChunkSize,
                    Some(_) => return Err(HttpError::Chunk),
                    None => return Ok(None),
                },
                State::Trailers => match self.line()? {
                    Some(0) => self.state = State::Length(0),
                    Some(_) => (),
                    None => return Ok(None),
                },
                State::UntilClose => return Ok(self.body(u64::MAX).map(|(part, _)| part)),
            }
        }
    }

    /// A response's head, and what follows it.
    fn head(&mut self) -> Result<Option<(Head, State)>, HttpError> {
        let (mut status, mut closes, mut body) = (0, false, Ok(State::UntilClose));
        let length = parse_head(&self.buffer, |response| {
            status = response.code.unwrap_or(0);
            closes = self::closes(response);
            body = body_state(status, response.headers);
        })?;
        let Some(length) = length else { return Ok(None) };
        let bytes = self.buffer.split_to(length);
        // What announces another response has no body.
        let body = if status < 200 { State::Head } else { body? };
        Ok(Some((Head { status, closes, bytes }, body)))
    }

    /// What is here of at most `left` bytes, and how many are left then.
    fn body(&mut self, left: u64) -> Option<(Part, u64)> {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
        if here == 0 {
            return None;
        }
        let data = self.buffer.split_to(here);
        Some((Part::Body(data), left - here as u64))
    }

    /// Skips one line; its length without CR LF.
    fn line(&mut self) -> Result<Option<usize>, HttpError> {
        match self.buffer.iter().take(MAX_LINE).position(|&b| b == b'\n') {
            Some(end) => {
                let carriage_return = end > 0 && self.buffer.get(end - 1) == Some(&b'\r');
                self.buffer.advance(end + 1);
                Ok(Some(end - usize::from(carriage_return)))
            }
            None if self.buffer.len() >= MAX_LINE => Err(HttpError::Chunk),
            None => Ok(None),
        }
    }
}

/// A number without sign, as headers have them.
fn digits(text: &str) -> Option<u64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// RFC 9112, section 6.3, for responses to POST.
fn body_state(status: u16, headers: &[httparse::Header<'_>]) -> Result<State, HttpError> {
    if status == 204 || status == 304 {
        return Ok(State::Length(0));
    }
    if has_token(headers, "Transfer-Encoding", "chunked") {
        return Ok(State::ChunkSize);
    }
    match first(headers, "Content-Length") {
        Some(value) => {
            let text = std::str::from_utf8(value).map_err(|_| HttpError::ContentLength)?;
            digits(text).map(State::Length).ok_or(HttpError::ContentLength)
        }
        None => Ok(State::UntilClose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::captures;

    /// Status, body and completeness of each response in `stream`, fed in pieces of `step` bytes.
    fn responses(stream: &[u8], step: usize) -> Result<Vec<(u16, Vec<u8>, bool)>, HttpError> {
        let mut parser = ResponseParser::default();
        let mut found: Vec<(u16, Vec<u8>, bool)> = Vec::new();
        for piece in stream.chunks(step) {
            parser.feed(piece);
            while let Some(part) = parser.next_part()? {
                match (part, found.last_mut()) {
                    (Part::Head(head), _) => found.push((head.status, vec![], false)),
                    (Part::Body(data), Some(last)) => last.1.extend_from_slice(&data),
                    (Part::End, Some(last)) => last.2 = true,
                    (part, None) => panic!("{part:?} before a head"),
                }
            }
        }
        Ok(found)
    }

    #[test]
    fn bodies_are_slices_of_what_was_read() {
        let read = Bytes::from_static(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n01234\r\n");
        let range = read.as_ptr_range();
        let mut parser = ResponseParser::default();
        let mut bodies = Vec::new();
        // The second half begins where the first chunk ends.
        for half in [read.slice(..55), read.slice(55..)] {
            parser.feed_shared(half);
            while let Some(part) = parser.next_part().expect("HTTP") {
                bodies.extend(match part {
                    Part::Body(body) => Some(body),
                    _ => None,
                });
            }
        }
        assert_eq!(bodies, [&b"abc"[..], b"01234"]);
        assert!(bodies.iter().all(|body| range.contains(&body.as_ptr())), "none was copied");
    }

    #[test]
    fn every_kind_of_body_at_every_portion() {
        let stream = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n\
            HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nwrong\
            HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\n\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 503 Service Unavailable\r\n\r\nuntil the end";
        let expected = vec![
            (202, vec![], true),
            (400, b"wrong".to_vec(), true),
            (200, b"abc0123456789".to_vec(), true),
            (204, vec![], true),
            (503, b"until the end".to_vec(), false),
        ];
        for step in 1..stream.len() {
            assert_eq!(responses(stream, step), Ok(expected.clone()), "portions of {step}");
        }
    }

    #[test]
    fn malformed_responses() {
        assert!(matches!(responses(b"SSH-2.0-OpenSSH\r\n\r\n", 7), Err(HttpError::Head(_))));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let with = |body: &[u8]| [&chunked[..], body].concat();
        assert_eq!(responses(&with(b"xyz\r\n"), 1), Err(HttpError::Chunk));
        assert_eq!(responses(&with(b"1\r\nab\r\n"), 1), Err(HttpError::Chunk));
        assert_eq!(responses(&with(&[b'0'; 20_000]), 999), Err(HttpError::Chunk));
        for length in ["-1", "+1", "1 1", "", "99999999999999999999"] {
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(responses(response.as_bytes(), 1), Err(HttpError::ContentLength), "{length:?}");
        }
        // Lines between chunks, and behind the last one.
        let line = |start: &[u8], length| with(&[start, &vec![b' '; length][..]].concat());
        for start in [&b"1"[..], b"0\r\n"] {
            assert!(responses(&line(start, MAX_LINE / 2), 999).is_ok());
            assert_eq!(responses(&line(start, MAX_LINE + 1), 999), Err(HttpError::Chunk));
        }
        let endless = [&b"HTTP/1.1 200 OK\r\nA: "[..], &[b'a'; MAX_HEAD]].concat();
        assert_eq!(responses(&endless, 4096), Err(HttpError::HeadTooLong));
        let with_headers = |count| format!("HTTP/1.1 202 A\r\nContent-Length: 0\r\n{}\r\n", "A: b\r\n".repeat(count - 1));
        assert!(responses(with_headers(MAX_HEADERS).as_bytes(), 99).is_ok());
        assert!(matches!(
            responses(with_headers(MAX_HEADERS + 1).as_bytes(), 99),
            Err(HttpError::Head(_))
        ));
    }

    #[test]
    fn lists_over_several_headers_and_ends_of_connections() {
        for (head, ends) in [
            ("HTTP/1.1 202 A", false),
            ("HTTP/1.1 202 A\r\nConnection: Keep-Alive", false),
            ("HTTP/1.1 202 A\r\nConnection: x\r\nA: b\r\nconnection: y, Close", true),
            ("HTTP/1.0 202 A", true),
            ("HTTP/1.0 202 A\r\nConnection: keep-alive", false),
            ("HTTP/1.0 202 A\r\nConnection: keep-alive, close", true),
        ] {
            let mut parser = ResponseParser::default();
            parser.feed(format!("{head}\r\nContent-Length: 0\r\n\r\n").as_bytes());
            match parser.next_part() {
                Ok(Some(Part::Head(head))) => assert_eq!(head.closes(), ends, "{head:?}"),
                other => panic!("{head}: {other:?}"),
            }
        }
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
        assert_eq!(responses(chunked, 5), Ok(vec![(200, b"x".to_vec(), true)]));
    }

    #[test]
    fn captured_responses_byte_by_byte() {
        let mut seen = 0;
        for folder in ["protobuf", "auth", "errors", "protobuf-command"] {
            let records = captures::files(folder, ".recordio");
            for (name, bytes) in captures::files(folder, ".response.http") {
                let whole = responses(&bytes, bytes.len()).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(whole.len(), 1, "{name}");
                assert_eq!(responses(&bytes, 1), Ok(whole.clone()), "{name}");
                let plain = name.replace(".response.http", ".recordio");
                if let Some((_, recordio)) = records.iter().find(|(name, _)| *name == plain) {
                    assert_eq!(whole[0].1, *recordio, "{name}");
                } else {
                    assert!(whole[0].2, "{name} is incomplete");
                }
                seen += 1;
            }
        }
        assert!(seen > 60 || !captures::present());
    }

    #[test]
    fn requests_are_those_of_the_captures() {
        let Some(captured) = captures::read("protobuf/01-ACCEPT.request.http") else {
            return;
        };
        let start = captured.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
        let endpoint = Endpoint::master("127.0.0.1", 15050);
        let id = "852ea09f-51e8-45ee-b8f8-92c67eabcf3c";
        assert_eq!(post(&endpoint, "scheduler", Some(id), &captured[start..]), captured);
    }
}
