//! The protocol JSON 1.1, which Systems Manager and EC2 Instance Connect speak: a header names the action, the body is
//! its input.

use serde_json::{Value, json};

use crate::error::{WireError, echo};

/// What the bodies of answers are.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What Systems Manager's actions begin with in the header.
pub const SSM: &str = "AmazonSSM";
/// What EC2 Instance Connect's actions begin with in the header.
pub const INSTANCE_CONNECT: &str = "AWSEC2InstanceConnectService";

/// What Daemun's own questions begin with in the header.
pub const DAEMUN: &str = "Daemun";

/// The action that the header `X-Amz-Target` names, and its input; an empty body is an empty input.
///
/// # Errors
/// `UnknownOperationException` where the header is missing or names another service, `SerializationException` where
/// the body is not a JSON object.
pub fn decode(service: &str, target: Option<&str>, body: &[u8]) -> Result<(String, Value), WireError> {
    let unknown = |message: String| WireError::new("UnknownOperationException", message);
    let target = target.ok_or_else(|| unknown("The header X-Amz-Target is missing.".to_owned()))?;
    let action = target.strip_prefix(service).and_then(|rest| rest.strip_prefix('.')).filter(|name| !name.is_empty());
    let action = action.ok_or_else(|| unknown(format!("{service} has no operation {:?}.", echo(target))))?;
    if body.is_empty() {
        return Ok((action.to_owned(), json!({})));
    }
    // The parser bounds how deep a body may nest.
    match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok((action.to_owned(), input)),
        Ok(_) => Err(WireError::new("SerializationException", "The body must be a JSON object.")),
        Err(error) => Err(WireError::new("SerializationException", format!("The body is not JSON: {error}"))),
    }
}

/// A refusal: an action that the service has not got.
pub fn unknown_operation(action: &str) -> WireError {
    WireError::new("UnknownOperationException", format!("The operation {:?} is not known.", echo(action)))
}

/// The answer of an action.
pub fn encode(result: &Value) -> Vec<u8> {
    result.to_string().into_bytes()
}

/// A refusal.
pub fn encode_error(code: &str, message: &str) -> Vec<u8> {
    json!({"__type": code, "message": message}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        let (action, input) = decode(SSM, Some("AmazonSSM.GetParameter"), b"{\"Name\": \"a\"}").unwrap();
        assert_eq!((action.as_str(), input), ("GetParameter", json!({"Name": "a"})));
        assert_eq!(decode(SSM, Some("AmazonSSM.X"), b"").unwrap().1, json!({}));
        let (unknown, broken) = ("UnknownOperationException", "SerializationException");
        for (target, body, code) in [
            (None, "{}", unknown),
            (Some(""), "{}", unknown),
            (Some("AmazonSSM"), "{}", unknown),
            (Some("AmazonSSM."), "{}", unknown),
            (Some("AmazonEC2ContainerServiceV20141113.ListClusters"), "{}", unknown),
            (Some("AmazonSSM.GetParameter"), "[]", broken),
            (Some("AmazonSSM.GetParameter"), "{", broken),
            (Some("AmazonSSM.GetParameter"), "{} x", broken),
            (Some("AmazonSSM.GetParameter"), "\"a\"", broken),
        ] {
            assert_eq!(decode(SSM, target, body.as_bytes()).unwrap_err().code, code, "{target:?} {body}");
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(decode(SSM, Some("AmazonSSM.X"), deep.as_bytes()).unwrap_err().code, broken);
        assert_eq!(decode(SSM, Some("AmazonSSM.X"), b"\xff").unwrap_err().code, broken);
    }

    #[test]
    fn refusals_are_written() {
        let error: Value = serde_json::from_slice(&encode_error("ParameterNotFound", "\"no\"")).unwrap();
        assert_eq!(error, json!({"__type": "ParameterNotFound", "message": "\"no\""}));
    }
}
