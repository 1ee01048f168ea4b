//! What a caller is told when an action cannot be done.

use std::fmt;

/// An error of the EC2 API: one of its codes, and a message for the caller.
///
/// Nothing internal belongs in the message; what went wrong inside is logged where it happened.
/// Codes and texts follow the error code page of the EC2 API reference and what AWS is seen to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The code clients match on, such as `InvalidVpcID.NotFound`.
    pub code: &'static str,
    /// What went wrong, in words that help.
    pub message: String,
}

impl ApiError {
    /// An error with this code and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// `MissingParameter` for the parameter of this wire name.
    pub fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    /// `InvalidParameterValue` with this text.
    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// `InvalidParameterCombination` with this text.
    pub fn invalid_combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// `DependencyViolation` with this text.
    pub fn dependency(message: impl Into<String>) -> Self {
        Self::new("DependencyViolation", message)
    }

    /// The answer to a request that would have succeeded without its `DryRun` flag.
    pub fn dry_run() -> Self {
        Self::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    }

    /// A fault on our side; the caller learns no more than that, the log has the rest.
    pub fn internal() -> Self {
        Self::new("InternalError", "An internal error has occurred")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
