//! Why a signature is refused, in the words of each service.

use ec2_shapes::Timestamp;

use super::Service;
use crate::error::{WireError, echo};

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is none.
    Missing,
    /// It is of a version before 4.
    OldVersion,
    /// A part is missing or malformed; the sentence says which.
    Incomplete(String),
    /// It is for a service that is not answered here.
    WrongService(String),
    /// The access key is not known.
    UnknownKey,
    /// It is not the signature of this request by this key.
    Mismatch,
    /// The body is not the one whose hash was signed.
    PayloadMismatch,
    /// The hash of the body was left out of the signature.
    UnsignedPayload,
    /// A header that must be signed is not.
    UnsignedHeader(String),
    /// The temporary credentials that it was made with have expired.
    ExpiredToken,
    /// The date is too long ago, or too far ahead.
    Expired {
        /// The date of the signature.
        date: Timestamp,
        /// The clock of the server.
        now: Timestamp,
    },
}

/// A refused signature, and the service that refuses it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason:?} at {service:?}")]
pub struct SignatureError {
    /// What is wrong.
    pub reason: Reason,
    /// The service of the signature's scope; EC2 where there is no telling.
    pub service: Service,
}

impl From<Reason> for SignatureError {
    fn from(reason: Reason) -> Self {
        Self { reason, service: Service::Ec2 }
    }
}

/// EC2's text for an access key or signature it cannot accept.
const EC2_AUTH_FAILURE: &str = "AWS was not able to validate the provided access credentials";

/// How a kind of services spells what is wrong with a signature.
struct Codes {
    missing: &'static str,
    incomplete: &'static str,
    unknown_key: &'static str,
    mismatch: &'static str,
    expired_token: &'static str,
}

const EC2: Codes = Codes {
    missing: "MissingAuthenticationToken",
    incomplete: "IncompleteSignature",
    unknown_key: "AuthFailure",
    mismatch: "AuthFailure",
    expired_token: "RequestExpired",
};

/// Services of the query protocol.
const QUERY: Codes = Codes {
    unknown_key: "InvalidClientTokenId",
    mismatch: "SignatureDoesNotMatch",
    expired_token: "ExpiredToken",
    ..EC2
};

/// Services that speak JSON.
const JSON: Codes = Codes {
    missing: "MissingAuthenticationTokenException",
    incomplete: "IncompleteSignatureException",
    unknown_key: "UnrecognizedClientException",
    mismatch: "InvalidSignatureException",
    expired_token: "ExpiredTokenException",
};

impl SignatureError {
    /// The code and message this service gives.
    ///
    /// EC2 answers `AuthFailure` (401) to unknown keys and wrong signatures, STS and IAM `InvalidClientTokenId` and
    /// `SignatureDoesNotMatch` (403), the others codes of their own (400). Of the codes that EC2 is seen or documented
    /// to give for a request without a signature, `MissingAuthenticationToken` (403) is the one that says what is
    /// wrong.
    pub fn to_wire(&self) -> WireError {
        let (codes, at_ec2) = match self.service {
            Service::Ec2 => (EC2, true),
            Service::Sts | Service::Iam => (QUERY, false),
            Service::Ssm | Service::InstanceConnect | Service::Daemun => (JSON, false),
        };
        let mismatch = |text: &str| {
            let text = if at_ec2 { format!("{EC2_AUTH_FAILURE}. {text}") } else { text.to_owned() };
            WireError::new(codes.mismatch, text)
        };
        match &self.reason {
            Reason::Missing => WireError::new(codes.missing, "The request must contain a signature of version 4."),
            Reason::OldVersion => {
                WireError::new("AuthFailure", "The request is signed with an old signature version; use version 4.")
            }
            Reason::Incomplete(what) => WireError::new(codes.incomplete, what.clone()),
            Reason::WrongService(service) => mismatch(&format!(
                "The signature is scoped to the service {:?}; {} are answered here.",
                echo(service),
                Service::ALL.map(Service::name).join(", ")
            )),
            Reason::UnknownKey | Reason::Mismatch if at_ec2 => WireError::new(codes.mismatch, EC2_AUTH_FAILURE),
            Reason::UnknownKey => {
                WireError::new(codes.unknown_key, "The security token included in the request is invalid.")
            }
            Reason::Mismatch => mismatch("The signature is not the one of this request by this access key."),
            Reason::PayloadMismatch => mismatch("The body is not the one whose hash X-Amz-Content-Sha256 gives."),
            Reason::UnsignedPayload => mismatch("X-Amz-Content-Sha256 must be the hash of the body, in hexadecimal."),
            Reason::UnsignedHeader(name) => mismatch(&format!("The header {} is not signed.", echo(name))),
            Reason::Expired { .. } | Reason::ExpiredToken if at_ec2 => {
                WireError::new("RequestExpired", "Request has expired.")
            }
            Reason::ExpiredToken => {
                WireError::new(codes.expired_token, "The security token included in the request is expired")
            }
            Reason::Expired { date, now } => {
                WireError::new(codes.mismatch, format!("Signature expired: dated {date}, the time is {now}."))
            }
        }
    }
}
