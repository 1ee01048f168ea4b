//! AWS Signature Version 4: verification of both forms, and signing.
//!
//! Own code on `hmac`, `sha2` and `subtle`, where two crates were looked at first. `scratchstack-aws-signature` (0.11)
//! verifies, but brings some seventy crates (chrono, regex, tower, an older generation of the hashes) and errors that are
//! neither EC2's nor STS's; `aws-sigv4` only signs. The algorithm itself is `canonical.rs`.
//!
//! Follows "AWS Signature Version 4 for API requests" in the IAM User Guide, with EC2's codes for what fails. Stricter
//! than required in two points: the hash of the body is always compared with the body, so `UNSIGNED-PAYLOAD` is refused,
//! and every `x-amz-*` header that is there must be signed.

mod canonical;
mod error;
mod presented;
mod sign;
#[cfg(test)]
mod tests;

use std::fmt;

use ec2_shapes::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use canonical::{Canonical, signing_key};
pub use error::{Reason, SignatureError};
use presented::{Form, Presented};
pub use sign::{presign, sign_headers};

/// How far the clocks of client and server may be apart, in milliseconds.
pub const MAX_SKEW_MS: i64 = 5 * 60 * 1000;
/// The longest time a presigned request may be valid, in seconds: seven days.
pub const MAX_EXPIRES_SECONDS: i64 = 604_800;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An HTTP request, as much of it as its signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method, upper-case.
    pub method: &'a str,
    /// The path as it was sent, percent sequences and all.
    pub path: &'a str,
    /// The query string as it was sent, without the question mark; empty if there is none.
    pub query: &'a str,
    /// Every header in the order it was sent, the names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> SignedRequest<'a> {
    /// The values of a header, in order.
    fn header(&self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers.iter().filter(move |(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The only value of a header; more than one is an error, since which of them counts would be a guess.
    fn single_header(&self, name: &'a str) -> Result<Option<&'a str>, Reason> {
        let mut values = self.header(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Reason::Incomplete(format!("The header {name} is given more than once.")));
        }
        let text = first.map(std::str::from_utf8).transpose();
        text.map_err(|_| Reason::Incomplete(format!("The header {name} is not text.")))
    }
}

/// The secret half of an access key. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// The key that this text is.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The key's text, for signing or for keeping.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A service that is answered here, as the scope of a signature names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// EC2.
    Ec2,
    /// The Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// Systems Manager.
    Ssm,
    /// EC2 Instance Connect.
    InstanceConnect,
    /// What Daemun answers beyond AWS, to its own command line.
    Daemun,
}

impl Service {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Ec2, Self::Sts, Self::Iam, Self::Ssm, Self::InstanceConnect, Self::Daemun];

    /// The name in the scope of a signature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Ssm => "ssm",
            Self::InstanceConnect => "ec2-instance-connect",
            Self::Daemun => "daemun",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// Who sent a request, and to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The access key that signed it.
    pub access_key_id: String,
    /// The region of its scope: any name, so the caller checks that it is well-formed.
    pub region: String,
    /// The service of its scope.
    pub service: Service,
    /// When it says it was signed.
    pub date: Timestamp,
}

/// Says who signed the request, or why that cannot be said.
///
/// `lookup` gives the secret of an access key id; it is also told the session token, if there is one, and must give
/// nothing for a key that does not go with it. `now` is the server's clock.
pub fn verify(
    request: &SignedRequest<'_>,
    now: Timestamp,
    lookup: impl FnOnce(&str, Option<&str>) -> Option<SecretKey>,
) -> Result<Verified, SignatureError> {
    let presented = Presented::find(request)?;
    let service = presented.service.ok_or_else(|| Reason::WrongService(presented.service_name.clone()));
    let service = service.map_err(|reason| SignatureError { reason, service: Service::Ec2 })?;
    check(request, &presented, service, now, lookup).map_err(|reason| SignatureError { reason, service })
}

fn check(
    request: &SignedRequest<'_>,
    presented: &Presented,
    service: Service,
    now: Timestamp,
    lookup: impl FnOnce(&str, Option<&str>) -> Option<SecretKey>,
) -> Result<Verified, Reason> {
    check_time(presented, now)?;
    let payload_hash = check_payload(request)?;
    let canonical = Canonical::new(request, &presented.signed_headers, presented.form == Form::Query, &payload_hash)?;
    let secret = lookup(&presented.access_key_id, presented.session_token.as_deref()).ok_or(Reason::UnknownKey)?;
    let key = signing_key(&secret, &presented.scope_date, &presented.region, service.name());
    let expected = canonical.signature(&key, &presented.timestamp, &presented.scope());
    if !bool::from(expected.as_slice().ct_eq(&presented.signature)) {
        return Err(Reason::Mismatch);
    }
    Ok(Verified {
        access_key_id: presented.access_key_id.clone(),
        region: presented.region.clone(),
        service,
        date: presented.date,
    })
}

/// A signature is valid from five minutes before its date until five minutes after, a presigned one until it expires.
fn check_time(presented: &Presented, now: Timestamp) -> Result<(), Reason> {
    let age_ms = now.unix_ms.saturating_sub(presented.date.unix_ms);
    let valid_ms = presented.expires_seconds.map_or(MAX_SKEW_MS, |seconds| seconds * 1000);
    if age_ms < -MAX_SKEW_MS || age_ms > valid_ms {
        return Err(Reason::Expired { date: presented.date, now });
    }
    Ok(())
}

/// The hash of the body, in hexadecimal; what the client says of it must be true.
fn check_payload(request: &SignedRequest<'_>) -> Result<String, Reason> {
    let hash = hex::encode(Sha256::digest(request.body));
    match request.single_header("x-amz-content-sha256")? {
        None => Ok(hash),
        Some(claimed) if claimed == hash => Ok(hash),
        Some(claimed) if claimed.len() == hash.len() => Err(Reason::PayloadMismatch),
        Some(_) => Err(Reason::UnsignedPayload),
    }
}
