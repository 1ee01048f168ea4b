//! The policies of roles. Those that can be attached are AWS's own; none can be written into a role.

use serde::{Deserialize, Serialize};

use super::{Done, More, Page, limit, no_such, path_prefix, roles, wanted};
use crate::access::ManagedPolicy;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Role;
use crate::services::read;
use crate::state::State;
use crate::transaction::Transaction;

/// How many policies a role may have.
const MAX_POLICIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RolePolicyRequest {
    role_name: Option<String>,
    policy_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListPoliciesRequest {
    role_name: Option<String>,
    path_prefix: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListInlineRequest {
    role_name: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicy {
    policy_name: &'static str,
    policy_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAttachedResult {
    attached_policies: Vec<AttachedPolicy>,
    #[serde(flatten)]
    more: More,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInlineResult {
    policy_names: Vec<String>,
    #[serde(flatten)]
    more: More,
}

pub(super) fn attach(_: &Context, tx: &mut Transaction, request: RolePolicyRequest) -> Result<Done, ApiError> {
    let arn = wanted(request.policy_arn.as_deref(), "policyArn")?;
    let mut role = Role::clone(roles::find(tx.state(), request.role_name.as_deref())?);
    if ManagedPolicy::by_arn(arn).is_none() {
        return Err(no_such(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if !role.policies.contains(arn) && role.policies.len() >= MAX_POLICIES {
        return Err(limit("PoliciesPerRole", MAX_POLICIES));
    }
    role.policies.insert(arn.to_owned());
    tx.put_shared(role);
    Ok(Done {})
}

pub(super) fn detach(_: &Context, tx: &mut Transaction, request: RolePolicyRequest) -> Result<Done, ApiError> {
    let arn = wanted(request.policy_arn.as_deref(), "policyArn")?;
    let mut role = Role::clone(roles::find(tx.state(), request.role_name.as_deref())?);
    if !role.policies.remove(arn) {
        return Err(no_such(format!("Policy {arn} was not found.")));
    }
    tx.put_shared(role);
    Ok(Done {})
}

pub(super) fn list_attached(
    _: &Context,
    state: &State,
    request: ListPoliciesRequest,
) -> Result<ListAttachedResult, ApiError> {
    let role = roles::find(state, request.role_name.as_deref())?;
    // AWS's policies are all at the root of the paths.
    let is_in_path = path_prefix(request.path_prefix.as_deref())? == "/";
    let attached = role.policies.iter().filter(|_| is_in_path).filter_map(|arn| {
        ManagedPolicy::by_arn(arn).map(|policy| AttachedPolicy { policy_name: policy.name, policy_arn: arn.clone() })
    });
    let page = Page { marker: request.marker, max_items: request.max_items };
    let (attached_policies, more) = page.of(attached, |policy| &policy.policy_arn)?;
    Ok(ListAttachedResult { attached_policies, more })
}

pub(super) fn list_inline(
    _: &Context,
    state: &State,
    request: ListInlineRequest,
) -> Result<ListInlineResult, ApiError> {
    roles::find(state, request.role_name.as_deref())?;
    let page = Page { marker: request.marker, max_items: request.max_items };
    let (policy_names, more) = page.of(std::iter::empty::<String>(), |name| name)?;
    Ok(ListInlineResult { policy_names, more })
}
