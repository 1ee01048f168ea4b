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

impl SignatureError {
    /// The code and message this service gives.
    ///
    /// EC2 answers `AuthFailure` (401) to unknown keys and wrong signatures, STS `InvalidClientTokenId` and
    /// `SignatureDoesNotMatch` (403). Of the codes that EC2 is seen or documented to give for a request without a
    /// signature, `MissingAuthenticationToken` (403) is the one that says what is wrong.
    pub fn to_wire(&self) -> WireError {
        let at_ec2 = self.service == Service::Ec2;
        let mismatch = |text: &str| match self.service {
            Service::Ec2 => WireError::new("AuthFailure", format!("{EC2_AUTH_FAILURE}. {text}")),
            Service::Sts => WireError::new("SignatureDoesNotMatch", text),
        };
        match &self.reason {
            Reason::Missing => {
                WireError::new("MissingAuthenticationToken", "The request must contain a signature of version 4.")
            }
            Reason::OldVersion => {
                WireError::new("AuthFailure", "The request is signed with an old signature version; use version 4.")
            }
            Reason::Incomplete(what) => WireError::new("IncompleteSignature", what.clone()),
            Reason::WrongService(service) => mismatch(&format!(
                "The signature is scoped to the service {:?}; ec2 and sts are answered here.",
                echo(service)
            )),
            Reason::UnknownKey if at_ec2 => WireError::new("AuthFailure", EC2_AUTH_FAILURE),
            Reason::UnknownKey => {
                WireError::new("InvalidClientTokenId", "The security token included in the request is invalid.")
            }
            Reason::Mismatch if at_ec2 => WireError::new("AuthFailure", EC2_AUTH_FAILURE),
            Reason::Mismatch => mismatch("The signature is not the one of this request by this access key."),
            Reason::PayloadMismatch => mismatch("The body is not the one whose hash X-Amz-Content-Sha256 gives."),
            Reason::UnsignedPayload => mismatch("X-Amz-Content-Sha256 must be the hash of the body, in hexadecimal."),
            Reason::UnsignedHeader(name) => mismatch(&format!("The header {} is not signed.", echo(name))),
            Reason::Expired { .. } if at_ec2 => WireError::new("RequestExpired", "Request has expired."),
            Reason::Expired { date, now } => {
                WireError::new("SignatureDoesNotMatch", format!("Signature expired: dated {date}, the time is {now}."))
            }
        }
    }
}
