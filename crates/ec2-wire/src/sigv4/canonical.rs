//! The canonical request, the string to sign and the signing key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{ALGORITHM, Reason, SecretKey, SignedRequest};
use crate::form::{escape_into, parse_form};

/// A canonical request, hashed.
pub struct Canonical {
    hash: [u8; 32],
}

impl Canonical {
    /// The canonical form of a request with these signed headers. `in_query` says that the signature is itself a
    /// parameter, which it does not cover.
    pub fn new(
        request: &SignedRequest<'_>,
        signed_headers: &[String],
        in_query: bool,
        payload_hash: &str,
    ) -> Result<Self, Reason> {
        let unsigned = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).find(|name| {
            // Proxies on the way may add headers; those that AWS gives a meaning must be the client's.
            name.starts_with("x-amz-") && !signed_headers.contains(name)
        });
        if let Some(name) = unsigned {
            return Err(Reason::UnsignedHeader(name));
        }
        let mut text = Vec::with_capacity(1024);
        let mut line = |bytes: &[u8]| {
            text.extend_from_slice(bytes);
            text.push(b'\n');
        };
        line(request.method.as_bytes());
        line(canonical_path(request.path).as_bytes());
        line(canonical_query(request.query, in_query)?.as_bytes());
        for name in signed_headers {
            line(&canonical_header(request, name)?);
        }
        line(b"");
        line(signed_headers.join(";").as_bytes());
        text.extend_from_slice(payload_hash.as_bytes());
        Ok(Self { hash: Sha256::digest(&text).into() })
    }

    /// The signature of the request by this key, at this moment, in this scope.
    pub fn signature(&self, key: &[u8; 32], timestamp: &str, scope: &str) -> [u8; 32] {
        let text = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", hex::encode(self.hash));
        hmac(key, text.as_bytes())
    }
}

/// The key of one day, region and service.
pub fn signing_key(secret: &SecretKey, date: &str, region: &str, service: &str) -> [u8; 32] {
    let start = hmac(format!("AWS4{}", secret.expose()).as_bytes(), date.as_bytes());
    [region, service, "aws4_request"].iter().fold(start, |key, part| hmac(&key, part.as_bytes()))
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The path without empty and dotted segments, escaped once more than it came, as every service but S3 has it.
pub fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut canonical = String::new();
    for segment in &segments {
        canonical.push('/');
        escape_into(&mut canonical, segment);
    }
    if segments.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// The parameters, escaped in one way and sorted. `+` is a space here since it is one where parameters are read.
fn canonical_query(query: &str, in_query: bool) -> Result<String, Reason> {
    let parameters = parse_form(query.as_bytes()).map_err(|error| Reason::Incomplete(error.message))?;
    let mut pairs: Vec<(String, String)> = parameters
        .iter()
        .filter(|(name, _)| !(in_query && name == "X-Amz-Signature"))
        .map(|(name, value)| (escaped(name), escaped(value)))
        .collect();
    pairs.sort();
    Ok(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text);
    out
}

/// `name:value,value`, each value trimmed and its runs of blanks made one.
fn canonical_header(request: &SignedRequest<'_>, name: &str) -> Result<Vec<u8>, Reason> {
    let mut line = name.as_bytes().to_vec();
    line.push(b':');
    let start = line.len();
    let mut count = 0;
    for (given, value) in request.headers {
        if !given.eq_ignore_ascii_case(name) {
            continue;
        }
        if count > 0 {
            line.push(b',');
        }
        count += 1;
        let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(word);
        }
    }
    if count == 0 || (name == "host" && line.len() == start) {
        return Err(Reason::Incomplete(format!("The signed header {} is missing.", crate::error::echo(name))));
    }
    Ok(line)
}
