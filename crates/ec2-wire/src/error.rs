//! Errors as EC2's clients see them, and the HTTP status that goes with each code.
//!
//! Codes and statuses as in the EC2 API Reference's page on error codes and, where clients observe otherwise, as observed.

use std::borrow::Cow;

/// The longest part of a caller's value that a message repeats, in bytes.
const MAX_ECHO: usize = 256;

/// A refusal: EC2's code and a message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct WireError {
    /// EC2's code, such as `InvalidParameterValue`.
    pub code: &'static str,
    /// What is wrong, for the caller.
    pub message: String,
}

impl WireError {
    /// An error of this code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The HTTP status that goes with the code.
    pub fn http_status(&self) -> u16 {
        http_status(self.code)
    }

    /// `MissingParameter`.
    pub fn missing_parameter(name: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {}", echo(name)))
    }

    /// `UnknownParameter`.
    pub fn unknown_parameter(name: &str) -> Self {
        Self::new("UnknownParameter", format!("The parameter {} is not recognized", echo(name)))
    }

    /// `InvalidParameterValue`; `hint` says what is expected, as a sentence.
    pub fn invalid_value(name: &str, value: &str, hint: &str) -> Self {
        let message = format!("Value ({}) for parameter {} is invalid. {hint}", echo(value), echo(name));
        Self::new("InvalidParameterValue", message)
    }

    /// `InvalidAction`.
    pub fn invalid_action(action: &str) -> Self {
        Self::new("InvalidAction", format!("The action {} is not valid for this web service.", echo(action)))
    }

    /// `UnsupportedOperation`, for an action that EC2 has and Daemun does not.
    pub fn unsupported_action(action: &str) -> Self {
        Self::new("UnsupportedOperation", format!("The action {} is not supported by Daemun yet.", echo(action)))
    }

    /// `NoSuchVersion`.
    pub fn no_such_version(service: &str, version: &str) -> Self {
        let message = format!("The requested version ({}) of service {service} does not exist", echo(version));
        Self::new("NoSuchVersion", message)
    }

    /// `MalformedQueryString`.
    pub fn malformed_query(message: impl Into<String>) -> Self {
        Self::new("MalformedQueryString", message)
    }
}

/// The caller's text, cut where it is too long to repeat.
pub(crate) fn echo(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_ECHO {
        return text.into();
    }
    let end = (0..=MAX_ECHO).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}...", &text[..end]).into()
}

/// The HTTP status of an answer with this error code; 400 unless EC2 says otherwise.
pub fn http_status(code: &str) -> u16 {
    match code {
        "AuthFailure" => 401,
        "AccessDenied"
        | "Blocked"
        | "ExpiredToken"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "OptInRequired"
        | "PendingVerification"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation" => 403,
        // IAM's, which EC2 has not got.
        "NoSuchEntity" => 404,
        "DeleteConflict" | "EntityAlreadyExists" | "LimitExceeded" => 409,
        "DryRunOperation" => 412,
        "InsufficientAddressCapacity"
        | "InsufficientCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientInstanceCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientVolumeCapacity"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceFailure" => 500,
        "RequestLimitExceeded" | "ServiceUnavailable" | "Unavailable" => 503,
        _ => 400,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_code() {
        for (code, status) in [
            ("InvalidGroup.NotFound", 400),
            ("AuthFailure", 401),
            ("UnauthorizedOperation", 403),
            ("NoSuchEntity", 404),
            ("DeleteConflict", 409),
            ("DryRunOperation", 412),
            ("InternalError", 500),
            ("RequestLimitExceeded", 503),
        ] {
            assert_eq!(http_status(code), status, "{code}");
        }
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let error = WireError::invalid_value("UserData", &"é".repeat(1_000_000), "Too long.");
        assert!(error.message.len() < 400, "{}", error.message.len());
    }
}
