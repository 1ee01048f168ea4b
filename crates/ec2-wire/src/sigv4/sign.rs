//! Signing, for clients of our own.

use ec2_shapes::Timestamp;
use sha2::{Digest as _, Sha256};

use super::canonical::{Canonical, signing_key};
use super::{ALGORITHM, Reason, SecretKey, SignatureError, SignedRequest};
use crate::form::write_form;

/// The headers to add to a request so that it is signed: `X-Amz-Date`, `X-Amz-Content-Sha256` and `Authorization`.
///
/// The request must have a `Host` header, just as it will be sent; `Content-Type` and all `X-Amz-*` headers that it has
/// are signed with it. Fails where there is no `Host` and where the query string is malformed.
pub fn sign_headers(
    request: &SignedRequest<'_>,
    access_key_id: &str,
    secret: &SecretKey,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, SignatureError> {
    let (timestamp, date) = basic(now);
    let payload_hash = hex::encode(Sha256::digest(request.body));
    let mut headers = request.headers.to_vec();
    headers.push(("x-amz-date", timestamp.as_bytes()));
    headers.push(("x-amz-content-sha256", payload_hash.as_bytes()));
    let signed = names_to_sign(&headers)?;
    let canonical = Canonical::new(&SignedRequest { headers: &headers, ..*request }, &signed, false, &payload_hash)?;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let signature = hex::encode(canonical.signature(&signing_key(secret, &date, region, service), &timestamp, &scope));
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={}, Signature={signature}",
        signed.join(";")
    );
    Ok(vec![("X-Amz-Date", timestamp), ("X-Amz-Content-Sha256", payload_hash), ("Authorization", authorization)])
}

/// The query string that makes this request presigned, valid for some seconds from `now`.
///
/// Its headers are signed as [`sign_headers`] says, its body too, and must be sent with it.
pub fn presign(
    request: &SignedRequest<'_>,
    access_key_id: &str,
    secret: &SecretKey,
    region: &str,
    service: &str,
    now: Timestamp,
    expires_seconds: u32,
) -> Result<String, SignatureError> {
    let (timestamp, date) = basic(now);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let signed = names_to_sign(request.headers)?;
    let own = write_form(&[
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &format!("{access_key_id}/{scope}")),
        ("X-Amz-Date", &timestamp),
        ("X-Amz-Expires", &expires_seconds.to_string()),
        ("X-Amz-SignedHeaders", &signed.join(";")),
    ]);
    let query = if request.query.is_empty() { own } else { format!("{}&{own}", request.query) };
    let payload_hash = hex::encode(Sha256::digest(request.body));
    let canonical = Canonical::new(&SignedRequest { query: &query, ..*request }, &signed, true, &payload_hash)?;
    let signature = canonical.signature(&signing_key(secret, &date, region, service), &timestamp, &scope);
    Ok(format!("{query}&X-Amz-Signature={}", hex::encode(signature)))
}

fn names_to_sign(headers: &[(&str, &[u8])]) -> Result<Vec<String>, Reason> {
    let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.retain(|name| matches!(name.as_str(), "host" | "content-type") || name.starts_with("x-amz-"));
    names.sort();
    names.dedup();
    if names.iter().any(|name| name == "host") { Ok(names) } else { Err(Reason::UnsignedHeader("host".to_owned())) }
}

/// The moment as `20260208T070849Z`, and its day as `20260208`.
fn basic(now: Timestamp) -> (String, String) {
    let extended = now.to_string();
    let digits: String = extended[..19].chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let date = digits[..8].to_owned();
    (format!("{digits}Z"), date)
}
