//! Trust policies: who may assume a role.

use serde_json::{Map, Value};
use types::AccountId;

use super::limit;
use crate::error::ApiError;

/// The longest trust policy, in characters that are not white space.
const MAX_LEN: usize = 2_048;

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new("MalformedPolicyDocument", message)
}

/// One value, or a list of them.
fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

/// Checks that this is a trust policy.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(super) fn check(document: &str) -> Result<(), ApiError> {
    if document.chars().filter(|c| !c.is_whitespace()).count() > MAX_LEN {
        return Err(limit("ACLSizePerRole", MAX_LEN));
    }
    let policy: Value = serde_json::from_str(document).map_err(|_| malformed("This policy contains invalid Json"))?;
    let policy = policy.as_object().ok_or_else(|| malformed("Syntax errors in policy."))?;
    for (member, value) in policy {
        match (member.as_str(), value) {
            ("Version", Value::String(version)) if matches!(version.as_str(), "2012-10-17" | "2008-10-17") => {}
            ("Version", _) => return Err(malformed("The policy's Version is invalid.")),
            ("Id", Value::String(_)) | ("Statement", _) => {}
            _ => return Err(malformed("Syntax errors in policy.")),
        }
    }
    let statements = policy.get("Statement").map(one_or_more).filter(|list| !list.is_empty());
    let statements = statements.ok_or_else(|| malformed("Missing required field Statement"))?;
    for statement in statements {
        check_statement(statement.as_object().ok_or_else(|| malformed("Syntax errors in policy."))?)?;
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>) -> Result<(), ApiError> {
    for member in statement.keys() {
        match member.as_str() {
            "Sid" | "Effect" | "Principal" | "NotPrincipal" | "Action" | "NotAction" | "Condition" => {}
            "Resource" | "NotResource" => return Err(malformed(format!("Has prohibited field {member}"))),
            _ => return Err(malformed("Syntax errors in policy.")),
        }
    }
    let field = |name: &str| statement.get(name).ok_or_else(|| malformed(format!("Missing required field {name}")));
    if !matches!(field("Effect")?.as_str(), Some("Allow" | "Deny")) {
        return Err(malformed("The policy's Effect must be Allow or Deny."));
    }
    if statement.contains_key("NotPrincipal") || statement.contains_key("NotAction") {
        return Err(malformed("AssumeRole policy must name its principals and its actions."));
    }
    check_principal(field("Principal")?)?;
    let actions = one_or_more(field("Action")?);
    if actions.is_empty() || !actions.iter().all(|action| action.as_str().is_some_and(is_sts_action)) {
        return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
    }
    Ok(())
}

fn is_sts_action(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, name)| service.eq_ignore_ascii_case("sts") && !name.is_empty())
}

fn check_principal(principal: &Value) -> Result<(), ApiError> {
    let invalid = || malformed("Invalid principal in policy.");
    match principal {
        Value::String(all) if all == "*" => Ok(()),
        Value::Object(kinds) if !kinds.is_empty() => {
            for (kind, names) in kinds {
                let names = one_or_more(names);
                let is_known = matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser");
                if !is_known
                    || names.is_empty()
                    || !names.iter().all(|name| name.as_str().is_some_and(|n| !n.is_empty()))
                {
                    return Err(invalid());
                }
            }
            Ok(())
        }
        _ => Err(invalid()),
    }
}

/// Whom a trust policy may name.
#[derive(Debug, Clone, Copy)]
pub(in crate::services) enum Named<'a> {
    /// A role of the account in one of its sessions: the ARNs of both.
    Role {
        /// The role's.
        role: &'a str,
        /// The session's.
        session: &'a str,
    },
    /// A service of AWS, such as `ec2.amazonaws.com`.
    Service(&'a str),
}

/// Whether the policy lets this one assume its role. Conditions are not understood: what is allowed under one is not
/// allowed, and what is denied under one is denied.
pub(in crate::services) fn trusts(document: &str, account: &AccountId, who: Named<'_>) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(document) else { return false };
    let statements = policy.get("Statement").map(one_or_more).unwrap_or_default();
    let concerned = |statement: &&Value| {
        let acts = statement.get("Action").map(one_or_more).unwrap_or_default();
        acts.iter().filter_map(Value::as_str).any(assumes) && names(&statement["Principal"], account, who)
    };
    let effect = |statement: &Value| statement["Effect"].as_str().map(str::to_owned);
    let mut is_allowed = false;
    for statement in statements.iter().filter(concerned) {
        match effect(statement).as_deref() {
            Some("Allow") => is_allowed |= statement.get("Condition").is_none(),
            _ => return false,
        }
    }
    is_allowed
}

fn assumes(action: &str) -> bool {
    ["sts:AssumeRole", "sts:*", "sts:Assume*"].iter().any(|known| known.eq_ignore_ascii_case(action))
}

fn names(principal: &Value, account: &AccountId, who: Named<'_>) -> bool {
    if principal == "*" {
        return true;
    }
    let listed = |kind: &str| principal.get(kind).map(one_or_more).unwrap_or_default().iter().filter_map(Value::as_str);
    match who {
        Named::Service(service) => listed("Service").any(|name| name == service),
        Named::Role { role, session } => {
            let root = format!("arn:aws:iam::{account}:root");
            listed("AWS")
                .any(|name| name == "*" || name == account.as_str() || name == root || name == role || name == session)
        }
    }
}
