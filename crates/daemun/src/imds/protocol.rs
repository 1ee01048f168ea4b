//! Who gets an answer, and which.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SERVER};
use hyper::{Method, Response, StatusCode};

use super::metadata::Subject;
use super::token::{MAX_TTL_S, Tokens};
use super::tree::Node;

/// The session token of a request.
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// How long a new token shall live, and how long the one of the request still does.
const TOKEN_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
/// What proxies add; a request for a token that came through one is refused.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What to send back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// What the body is.
    content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// How many seconds the token, given or made, is good for.
    pub token_ttl_s: Option<u64>,
    /// Which methods would have been right.
    allow: Option<&'static str>,
    /// The TTL that the packets of this answer must carry; `None` for the ordinary one.
    pub hop_limit: Option<u8>,
}

impl Answer {
    /// An answer that is not what was hoped for.
    pub fn failure(status: StatusCode) -> Self {
        let body = format!("{status}\n").into_bytes();
        Self { status, content_type: "text/plain", body, token_ttl_s: None, allow: None, hop_limit: None }
    }

    fn ok(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, content_type, body, token_ttl_s: None, allow: None, hop_limit: None }
    }

    fn wrong_method(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::failure(StatusCode::METHOD_NOT_ALLOWED) }
    }

    /// The answer as HTTP.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // What EC2's service calls itself; some programs tell by it where they are.
        headers.insert(SERVER, HeaderValue::from_static("EC2ws"));
        if let Some(seconds) = self.token_ttl_s {
            headers.insert(TOKEN_TTL, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// The answer to one request of an instance.
///
/// Follows the User Guide's "How Instance Metadata Service Version 2 works" and "Use the Instance Metadata Service".
pub fn answer(
    subject: Subject<'_>,
    tokens: &Tokens,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    now_unix_s: u64,
) -> Answer {
    if !subject.instance.metadata.enabled {
        return Answer::failure(StatusCode::FORBIDDEN);
    }
    let Some(path) = segments(path) else { return Answer::failure(StatusCode::BAD_REQUEST) };
    let is_token_path = matches!(&path[..], [_, api, token] if api == "api" && token == "token");
    if is_token_path {
        return match (&*path[0], method) {
            ("latest", &Method::PUT) => new_token(subject, tokens, headers, now_unix_s),
            ("latest", _) => Answer::wrong_method("PUT"),
            _ => Answer::failure(StatusCode::FORBIDDEN),
        };
    }
    if method != Method::GET && method != Method::HEAD {
        return Answer::wrong_method("GET, HEAD");
    }
    let token_ttl_s = match headers.get(TOKEN) {
        None if subject.instance.metadata.tokens_required => return Answer::failure(StatusCode::UNAUTHORIZED),
        None => None,
        Some(token) => match tokens.seconds_left(subject.instance.id, token.as_bytes(), now_unix_s) {
            None => return Answer::failure(StatusCode::UNAUTHORIZED),
            left => left,
        },
    };
    let answer = match subject.find(&path) {
        None => Answer::failure(StatusCode::NOT_FOUND),
        Some(Node::Text(text)) => Answer::ok("text/plain", text.into_bytes()),
        Some(Node::Branch(branch)) => Answer::ok("text/plain", branch.listing().into_bytes()),
        Some(Node::Bytes(bytes)) => Answer::ok("application/octet-stream", bytes.into_owned()),
    };
    Answer { token_ttl_s, ..answer }
}

fn new_token(subject: Subject<'_>, tokens: &Tokens, headers: &HeaderMap, now_unix_s: u64) -> Answer {
    if headers.contains_key(FORWARDED_FOR) {
        return Answer::failure(StatusCode::FORBIDDEN);
    }
    let ttl_s = headers
        .get(TOKEN_TTL)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse::<u32>().ok())
        .filter(|ttl_s| (1..=MAX_TTL_S).contains(ttl_s))
        .map(u64::from);
    let Some(ttl_s) = ttl_s else { return Answer::failure(StatusCode::BAD_REQUEST) };
    let token = tokens.issue(subject.instance.id, now_unix_s.saturating_add(ttl_s));
    Answer {
        token_ttl_s: Some(ttl_s),
        hop_limit: Some(subject.instance.metadata.hop_limit),
        ..Answer::ok("text/plain", token.into_bytes())
    }
}

/// The names in a path, decoded. Slashes at the end, or several in a row, change nothing. `None` if a name is not
/// UTF-8.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8().ok())
        .collect()
}
