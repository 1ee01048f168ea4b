//! The one action of STS that every AWS tool begins with: `GetCallerIdentity`, in the query protocol.

use crate::error::WireError;
use crate::xml::writer::Writer;
use crate::xml::{Element, ResponseError, encode_query_error, refusal};

/// The version of the API.
pub const VERSION: &str = "2011-06-15";
/// The namespace of its answers.
pub const XMLNS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What STS can be asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Who signed this request.
    GetCallerIdentity,
}

/// Who signed a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The Amazon resource name, `arn:aws:iam::123456789012:root`.
    pub arn: String,
    /// The user's unique id; for the root user, the account.
    pub user_id: String,
    /// The twelve digits of the account.
    pub account: String,
}

/// The request that these parameters make.
pub fn decode(parameters: &[(String, String)]) -> Result<Request, WireError> {
    let mut given = [("Action", None), ("Version", None)];
    let mut unknown = None;
    for (name, value) in parameters {
        match given.iter_mut().find(|(protocol, _)| protocol == name) {
            Some((_, slot)) if slot.is_none() => *slot = Some(value.as_str()),
            Some(_) => {
                return Err(WireError::malformed_query(format!("The parameter {name} is given more than once.")));
            }
            None if crate::query::is_protocol_parameter(name) => {}
            None => unknown = unknown.or(Some(name)),
        }
    }
    let [(_, action), (_, version)] = given;
    let action =
        action.ok_or_else(|| WireError::new("MissingAction", "The request must contain the parameter Action"))?;
    // Another action may well have parameters; what is wrong with such a request is its action.
    match (action, version) {
        ("GetCallerIdentity", _) if unknown.is_some() => {
            Err(WireError::unknown_parameter(unknown.map_or("", String::as_str)))
        }
        ("GetCallerIdentity", Some(VERSION)) => Ok(Request::GetCallerIdentity),
        ("GetCallerIdentity", None) => Err(WireError::missing_parameter("Version")),
        ("GetCallerIdentity", Some(other)) => Err(WireError::no_such_version("AWSSecurityTokenService", other)),
        (other, _) => Err(WireError::invalid_action(other)),
    }
}

/// The parameters of a request.
pub fn encode_request(request: Request) -> Vec<(String, String)> {
    let Request::GetCallerIdentity = request;
    vec![("Action".to_owned(), "GetCallerIdentity".to_owned()), ("Version".to_owned(), VERSION.to_owned())]
}

/// The answer.
pub fn encode(identity: &CallerIdentity, request_id: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(512);
    let response = out.open_root("GetCallerIdentityResponse", XMLNS);
    let result = out.open("GetCallerIdentityResult");
    out.element("Arn", &identity.arn);
    out.element("UserId", &identity.user_id);
    out.element("Account", &identity.account);
    out.close("GetCallerIdentityResult", result);
    let metadata = out.open("ResponseMetadata");
    out.element("RequestId", request_id);
    out.close("ResponseMetadata", metadata);
    out.close("GetCallerIdentityResponse", response);
    out.finish()
}

/// A refusal.
pub fn encode_error(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    encode_query_error(XMLNS, code, message, request_id)
}

/// The answer as a client reads it.
pub fn decode_response(document: &[u8]) -> Result<CallerIdentity, ResponseError> {
    let root = Element::parse(document)?;
    if let Some(refusal) = refusal(&root) {
        return Err(refusal);
    }
    let result = root
        .child("GetCallerIdentityResult")
        .ok_or_else(|| ResponseError::Malformed(format!("{} is no answer to GetCallerIdentity", root.name)))?;
    Ok(CallerIdentity {
        arn: result.child_text("Arn").to_owned(),
        user_id: result.child_text("UserId").to_owned(),
        account: result.child_text("Account").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn requests_are_decoded() {
        assert_eq!(decode(&encode_request(Request::GetCallerIdentity)), Ok(Request::GetCallerIdentity));
        for (list, code) in [
            (&[][..], "MissingAction"),
            (&[("Action", "AssumeRole"), ("Version", VERSION)], "InvalidAction"),
            (&[("Action", "AssumeRole"), ("Version", VERSION), ("RoleArn", "x")], "InvalidAction"),
            (&[("Action", "GetCallerIdentity")], "MissingParameter"),
            (&[("Action", "GetCallerIdentity"), ("Version", "2016-11-15")], "NoSuchVersion"),
            (&[("Action", "GetCallerIdentity"), ("Version", VERSION), ("Foo", "1")], "UnknownParameter"),
            (&[("Action", "GetCallerIdentity"), ("Action", "AssumeRole")], "MalformedQueryString"),
        ] {
            assert_eq!(decode(&parameters(list)).unwrap_err().code, code, "{list:?}");
        }
    }

    #[test]
    fn answers_and_refusals_read_back() {
        let identity = CallerIdentity {
            arn: "arn:aws:iam::123456789012:root".to_owned(),
            user_id: "<&>".to_owned(),
            account: "123456789012".to_owned(),
        };
        assert_eq!(decode_response(&encode(&identity, "id")), Ok(identity));
        let refusal = decode_response(&encode_error("SignatureDoesNotMatch", "no", "id")).unwrap_err();
        assert_eq!(refusal.to_string(), "SignatureDoesNotMatch: no");
    }
}
