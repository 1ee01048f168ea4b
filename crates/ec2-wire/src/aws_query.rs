//! The query protocol of STS and IAM: parameters in, XML out.
//!
//! It differs from EC2's: lists have `member` in their names (`Tags.member.1.Key`), results stand in an element of
//! their own, and names are the model's as they are. Requests and results are trees of JSON values here, whose texts
//! are not looked into: what an action makes of them is its own affair.

use serde_json::{Map, Value};

use crate::error::WireError;
use crate::query::is_protocol_parameter;
use crate::query::tree::{Node, Tree};
use crate::xml::encode_query_error;
use crate::xml::writer::Writer;

/// A service that speaks this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// What its errors call it.
    pub name: &'static str,
    /// The version of its API.
    pub version: &'static str,
    /// The namespace of its answers.
    pub xmlns: &'static str,
}

/// The Security Token Service.
pub const STS: Api =
    Api { name: "AWSSecurityTokenService", version: "2011-06-15", xmlns: "https://sts.amazonaws.com/doc/2011-06-15/" };

/// Identity and Access Management.
pub const IAM: Api = Api {
    name: "AWSIdentityManagementV20100508",
    version: "2010-05-08",
    xmlns: "https://iam.amazonaws.com/doc/2010-05-08/",
};

impl Api {
    /// The action that these parameters ask for, and its input.
    ///
    /// # Errors
    /// `MissingAction`, `MissingParameter` and `NoSuchVersion` for the version, `MalformedQueryString` for what is
    /// given twice or both as a text and as something with members.
    pub fn decode(&self, parameters: &[(String, String)]) -> Result<(String, Value), WireError> {
        let tree = Tree::new(parameters)?;
        let protocol = |name| tree.root().child(name).and_then(Node::value).filter(|value| !value.is_empty());
        let action = protocol("Action")
            .ok_or_else(|| WireError::new("MissingAction", "The request must contain the parameter Action"))?;
        match protocol("Version") {
            None => return Err(WireError::missing_parameter("Version")),
            Some(version) if version != self.version => return Err(WireError::no_such_version(self.name, version)),
            Some(_) => {}
        }
        let members = tree.root().children().filter(|node| !is_protocol_parameter(node.name()));
        let input = members.map(|node| Ok((node.name().to_owned(), value(node)?))).collect::<Result<_, WireError>>()?;
        Ok((action.to_owned(), Value::Object(input)))
    }

    /// The answer of an action.
    pub fn encode(&self, action: &str, result: &Value, request_id: &str) -> Vec<u8> {
        let mut out = Writer::with_capacity(1024);
        let root = format!("{action}Response");
        let response = out.open_root(&root, self.xmlns);
        write(&mut out, &format!("{action}Result"), result);
        let metadata = out.open("ResponseMetadata");
        out.element("RequestId", request_id);
        out.close("ResponseMetadata", metadata);
        out.close(&root, response);
        out.finish()
    }

    /// A refusal.
    pub fn encode_error(&self, code: &str, message: &str, request_id: &str) -> Vec<u8> {
        encode_query_error(self.xmlns, code, message, request_id)
    }
}

/// What a node holds: a text, the members of a list, or those of a structure.
fn value(node: Node<'_>) -> Result<Value, WireError> {
    let mut children = node.children();
    let Some(first) = children.next() else { return Ok(Value::String(node.value().unwrap_or_default().to_owned())) };
    if node.value().is_some() {
        return Err(WireError::malformed_query(format!(
            "The parameter {} is given both as a value and as something with members.",
            crate::error::echo(node.path())
        )));
    }
    if first.name() == "member" && children.next().is_none() {
        return list(first);
    }
    let members = node.children().map(|child| Ok((child.name().to_owned(), value(child)?)));
    Ok(Value::Object(members.collect::<Result<Map<_, _>, WireError>>()?))
}

/// A list, in the order of the numbers of its members.
fn list(node: Node<'_>) -> Result<Value, WireError> {
    let number =
        |child: Node<'_>| child.name().parse::<u32>().map_err(|_| WireError::unknown_parameter(child.parameter()));
    let mut members =
        node.children().map(|child| Ok((number(child)?, value(child)?))).collect::<Result<Vec<_>, WireError>>()?;
    if node.value().is_some() {
        return Err(WireError::unknown_parameter(node.path()));
    }
    members.sort_by_key(|(number, _)| *number);
    Ok(Value::Array(members.into_iter().map(|(_, value)| value).collect()))
}

fn write(out: &mut Writer, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.plain_element(name, value),
        Value::Number(number) => out.plain_element(name, number),
        Value::String(text) => out.element(name, text),
        Value::Array(items) => {
            let open = out.open(name);
            items.iter().for_each(|item| write(out, "member", item));
            out.close(name, open);
        }
        Value::Object(members) => {
            let open = out.open(name);
            members.iter().for_each(|(name, value)| write(out, name, value));
            out.close(name, open);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::xml::Element;

    fn decode(query: &str) -> Result<(String, Value), WireError> {
        IAM.decode(&crate::form::parse_form(query.as_bytes()).unwrap())
    }

    #[test]
    fn requests_become_trees() {
        let query = "Action=CreateRole&Version=2010-05-08&RoleName=a&Tags.member.2.Key=y&Tags.member.1.Key=x\
                     &Tags.member.1.Value=&Keys.member.10=j&Keys.member.9=i&Empty=&X-Amz-Date=1";
        let (action, input) = decode(query).unwrap();
        assert_eq!(action, "CreateRole");
        let tags = json!([{"Key": "x", "Value": ""}, {"Key": "y"}]);
        assert_eq!(input, json!({"RoleName": "a", "Tags": tags, "Keys": ["i", "j"], "Empty": ""}));
    }

    #[test]
    fn bad_requests_are_refused() {
        for (query, code) in [
            ("", "MissingAction"),
            ("Action=&Version=2010-05-08", "MissingAction"),
            ("Action=GetRole", "MissingParameter"),
            ("Action=GetRole&Version=2011-06-15", "NoSuchVersion"),
            ("Action=GetRole&Action=GetRole&Version=2010-05-08", "MalformedQueryString"),
            ("Action=GetRole&Version=2010-05-08&A=1&A.B=2", "MalformedQueryString"),
            ("Action=GetRole&Version=2010-05-08&A.member.x=2", "UnknownParameter"),
            ("Action=GetRole&Version=2010-05-08&A.member=1&A.member.1=2", "UnknownParameter"),
        ] {
            assert_eq!(decode(query).unwrap_err().code, code, "{query}");
        }
        let deep = format!("Action=GetRole&Version=2010-05-08&{}=1", "a.".repeat(10_000));
        assert_eq!(decode(&deep).unwrap_err().code, "UnknownParameter");
    }

    #[test]
    fn answers_are_written() {
        let result = json!({"Roles": [{"RoleName": "<&>"}], "IsTruncated": false, "Max": 7, "None": null, "Tags": []});
        let document = IAM.encode("ListRoles", &result, "id");
        let text = String::from_utf8(document.clone()).unwrap();
        assert!(text.contains("<ListRolesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"), "{text}");
        let root = Element::parse(&document).unwrap();
        let read = root.child("ListRolesResult").unwrap();
        assert_eq!((read.child_text("IsTruncated"), read.child_text("Max")), ("false", "7"));
        assert_eq!(read.child("Roles").unwrap().children[0].child_text("RoleName"), "<&>");
        assert!(read.child("None").is_none() && read.child("Tags").is_some());
        assert_eq!(root.child("ResponseMetadata").unwrap().child_text("RequestId"), "id");
        let refusal = String::from_utf8(STS.encode_error("AccessDenied", "no", "id")).unwrap();
        assert!(refusal.contains("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"), "{refusal}");
    }

    proptest::proptest! {
        #[test]
        fn no_parameters_are_a_surprise(parameters: Vec<(String, String)>, names: Vec<String>) {
            let mut parameters = parameters;
            parameters.push(("Action".to_owned(), "GetRole".to_owned()));
            parameters.push(("Version".to_owned(), IAM.version.to_owned()));
            parameters.push((names.join(".member."), String::new()));
            let _ = IAM.decode(&parameters);
        }
    }
}
