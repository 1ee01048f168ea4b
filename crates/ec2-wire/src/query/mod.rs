//! Requests of the EC2 query protocol, decoded and, for clients, encoded.

#[cfg(test)]
mod tests;
pub(crate) mod tree;
pub(crate) mod value;

use ec2_shapes::{Action, Request};

use crate::error::WireError;
use crate::generated::query::{request_from_query, request_to_query};
pub use tree::MAX_DEPTH;
use tree::Tree;

/// The version of the API that the model describes; the last there is.
pub const VERSION: &str = "2016-11-15";

/// Whether a top-level parameter belongs to the protocol: what names the action, and both generations of signing.
///
/// No input of the model has a member of one of these names; the generator asserts that.
pub(crate) fn is_protocol_parameter(name: &str) -> bool {
    matches!(
        name,
        "Action"
            | "Version"
            | "AWSAccessKeyId"
            | "Expires"
            | "SecurityToken"
            | "Signature"
            | "SignatureMethod"
            | "SignatureVersion"
            | "Timestamp"
            | "X-Amz-Algorithm"
            | "X-Amz-Credential"
            | "X-Amz-Date"
            | "X-Amz-Expires"
            | "X-Amz-Security-Token"
            | "X-Amz-Signature"
            | "X-Amz-SignedHeaders"
    )
}

/// The request that these parameters make, their names and values already unescaped.
///
/// Errors carry EC2's codes: `MissingAction`, `InvalidAction`, `UnsupportedOperation` for an action of EC2 that is not
/// answered here, `NoSuchVersion`, `UnknownParameter`, `MissingParameter`, `InvalidParameterValue`, and
/// `MalformedQueryString` for a parameter given twice. An optional string given as empty is `Some("")`; a required one
/// given as empty is missing.
pub fn decode(parameters: &[(String, String)]) -> Result<Request, WireError> {
    let tree = Tree::new(parameters)?;
    let protocol = |name| tree.root().child(name).and_then(|node| node.value()).filter(|value| !value.is_empty());
    let name = protocol("Action")
        .ok_or_else(|| WireError::new("MissingAction", "The request must contain the parameter Action"))?;
    let version = protocol("Version").ok_or_else(|| WireError::missing_parameter("Version"))?;
    if !is_known_version(version) {
        return Err(WireError::no_such_version("AmazonEC2", version));
    }
    match Action::from_name(name) {
        Some(action) => request_from_query(action, tree.root()),
        None if ec2_shapes::is_model_action(name) => Err(WireError::unsupported_action(name)),
        None => Err(WireError::invalid_action(name)),
    }
}

/// Whether this is a version EC2 can have had: a date from its beginnings up to [`VERSION`]. Old clients ask for old
/// versions and are content with the newest one's answers.
fn is_known_version(version: &str) -> bool {
    version.len() == VERSION.len()
        && ("2006-06-26"..=VERSION).contains(&version)
        && version.parse::<ec2_shapes::Timestamp>().is_ok()
}

/// The parameters that make this request, `Action` and `Version` first.
pub fn encode_request(request: &Request) -> Vec<(String, String)> {
    let mut parameters =
        vec![("Action".to_owned(), request.action().name().to_owned()), ("Version".to_owned(), VERSION.to_owned())];
    request_to_query(request, &mut parameters);
    parameters
}
