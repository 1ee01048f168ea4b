//! Answers in XML, encoded and, for clients, decoded.

mod pieces;
mod reader;
#[cfg(test)]
mod tests;
pub(crate) mod value;
pub(crate) mod writer;

pub use pieces::{InstancePieces, instance_item};
pub(crate) use reader::{Element, Malformed};

use ec2_shapes::{Action, Response};

use crate::generated::xml::{response_from_xml, response_to_xml};
use crate::http_status;
use writer::Writer;

/// The namespace of EC2's answers.
pub const XMLNS: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// The answer as EC2 writes it: the request id, then the members of the result, or `<return>true</return>`.
pub fn encode(response: &Response, request_id: &str) -> Vec<u8> {
    encode_text(response, request_id).into_bytes()
}

fn encode_text(response: &Response, request_id: &str) -> String {
    let root = format!("{}Response", response.action().name());
    let mut out = Writer::with_capacity(1024);
    let open = out.open_root(&root, XMLNS);
    out.element("requestId", request_id);
    response_to_xml(response, &mut out);
    out.close(&root, open);
    out.into_text()
}

/// A refusal in EC2's form, which spells `RequestID` unlike its answers.
pub fn encode_error(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(512);
    let (response, errors, error) = (out.open("Response"), out.open("Errors"), out.open("Error"));
    out.element("Code", code);
    out.element("Message", message);
    out.close("Error", error);
    out.close("Errors", errors);
    out.element("RequestID", request_id);
    out.close("Response", response);
    out.finish()
}

/// A refusal in the form of the query protocol of STS and others; `namespace` is the service's.
pub fn encode_query_error(namespace: &str, code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let mut out = Writer::with_capacity(512);
    let response = out.open_root("ErrorResponse", namespace);
    let error = out.open("Error");
    out.element("Type", if http_status(code) >= 500 { "Receiver" } else { "Sender" });
    out.element("Code", code);
    out.element("Message", message);
    out.close("Error", error);
    out.element("RequestId", request_id);
    out.close("ErrorResponse", response);
    out.finish()
}

/// Why a client has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The service refused.
    #[error("{code}: {message}")]
    Service {
        /// The code of the refusal.
        code: String,
        /// What the service says about it.
        message: String,
        /// The id under which the service logged it.
        request_id: String,
    },
    /// What came is no answer to this action.
    #[error("malformed answer: {0}")]
    Malformed(String),
}

impl From<Malformed> for ResponseError {
    fn from(Malformed(reason): Malformed) -> Self {
        Self::Malformed(reason)
    }
}

/// The answer that a service gave to this action, or its refusal in either form.
pub fn decode_response(action: Action, document: &[u8]) -> Result<Response, ResponseError> {
    let root = Element::parse(document)?;
    if let Some(refusal) = refusal(&root) {
        return Err(refusal);
    }
    if root.name.strip_suffix("Response") != Some(action.name()) {
        return Err(ResponseError::Malformed(format!("{} answers another action than {}", root.name, action.name())));
    }
    Ok(response_from_xml(action, &root)?)
}

/// The refusal that this document is, if it is one.
pub(crate) fn refusal(root: &Element) -> Option<ResponseError> {
    let (holder, id) = match root.name.as_str() {
        "Response" => (root.child("Errors")?, root.child_text("RequestID")),
        "ErrorResponse" => (root, root.child_text("RequestId")),
        _ => return None,
    };
    let error = holder.child("Error")?;
    Some(ResponseError::Service {
        code: error.child_text("Code").to_owned(),
        message: error.child_text("Message").to_owned(),
        request_id: id.to_owned(),
    })
}
