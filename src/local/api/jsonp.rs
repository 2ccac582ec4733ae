//! Answers as a script that calls a function: `?jsonp=NAME`, with which Mesos' web UI reads its master and its agents.
//!
//! A browser runs scripts from anywhere for any page, and says no `Origin`. So these answers are for pages that may call the cluster, and
//! the browser has to say that it is for one of them.

use super::door;
use super::files;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::local::core::Settings;
use http_body_util::BodyExt;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};

/// Longer names are nobody's.
const MOST: usize = 256;

/// The function to be called, if there is to be one.
pub fn wanted<B>(request: &Request<B>, settings: &Settings) -> Result<Option<String>, Refusal> {
    let name = match files::query(request.uri().query(), "jsonp") {
        Some(name) if request.method() == Method::GET => name,
        _ => return Ok(None),
    };
    if !door::is_for_own_page(request.headers(), settings) {
        let text = "'jsonp' is for the cluster's own pages, and for those of origins that --cors names";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    if !is_name(&name) {
        return Err(Refusal::bad("Expecting the name of a function as 'jsonp=value' in query.\n"));
    }
    Ok(Some(name))
}

/// `angular.callbacks._0`: what could be more than a name is none.
fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
    !name.is_empty() && name.len() <= MOST && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(known)
}

/// The answer as a script, if it is JSON.
pub async fn script(answer: Reply, name: &str) -> Reply {
    let is_json = is_json(answer.headers());
    if answer.status() != StatusCode::OK || !is_json {
        return answer;
    }
    let body = match answer.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let mut script = Vec::with_capacity(name.len() + body.len() + 2);
    for piece in [name.as_bytes(), b"(", &body, b")"] {
        script.extend_from_slice(piece);
    }
    let mut made = reply::reply(StatusCode::OK, Some("text/javascript"), script.into());
    made.headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    made
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes() == b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions() {
        for good in ["angular.callbacks._0", "jQuery32106_1606", "$f"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "0", "alert(1)//", "a b", "a;b", "a\n", "<script>", &"x".repeat(MOST + 1)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
