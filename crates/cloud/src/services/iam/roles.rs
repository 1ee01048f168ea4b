//! Roles.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tags::{Tag, check_tags, shown_tags};
use super::{Done, MAX_ENTITIES, MAX_ROLE_NAME, More, Page, trust};
use super::{conflict, exists, limit, moment, new_id, no_such, path, path_prefix, validation, wanted, wanted_name};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Role;
use crate::services::read;
use crate::state::{Key, State};
use crate::transaction::Transaction;

/// The shortest and the longest session that a role may allow, in seconds.
const MIN_SESSION: i64 = 3_600;
const MAX_SESSION: i64 = 43_200;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateRoleRequest {
    path: Option<String>,
    role_name: Option<String>,
    assume_role_policy_document: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_session_duration: Option<i64>,
    permissions_boundary: Option<String>,
    #[serde(default, deserialize_with = "read::list")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RoleRequest {
    role_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListRolesRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateRoleRequest {
    role_name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_session_duration: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateDescriptionRequest {
    role_name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateTrustPolicyRequest {
    role_name: Option<String>,
    policy_document: Option<String>,
}

/// A role as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleShape {
    path: String,
    role_name: Arc<str>,
    role_id: String,
    arn: String,
    create_date: String,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_session_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_last_used: Option<Done>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleResult {
    role: RoleShape,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRolesResult {
    roles: Vec<RoleShape>,
    #[serde(flatten)]
    more: More,
}

impl RoleShape {
    /// With everything, as GetRole answers.
    fn full(role: &Role) -> Self {
        Self { role_last_used: Some(Done {}), tags: shown_tags(&role.tags), ..Self::listed(role) }
    }

    /// As ListRoles answers: without tags.
    fn listed(role: &Role) -> Self {
        Self { max_session_duration: Some(role.max_session_seconds), ..Self::inside(role) }
    }

    /// As a profile shows the role that is in it.
    pub(super) fn inside(role: &Role) -> Self {
        Self {
            path: role.path.clone(),
            role_name: Arc::clone(&role.name),
            role_id: role.id.clone(),
            arn: role.arn.clone(),
            create_date: moment(role.created),
            assume_role_policy_document: escaped(&role.trust_policy),
            description: role.description.clone(),
            max_session_duration: None,
            role_last_used: None,
            tags: Vec::new(),
        }
    }
}

/// Policy documents are answered percent-encoded (RFC 3986).
fn escaped(document: &str) -> String {
    let mut text = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The role that a request names.
pub(super) fn find<'a>(state: &'a State, name: Option<&str>) -> Result<&'a Arc<Role>, ApiError> {
    let name = wanted_name(name, "roleName", MAX_ROLE_NAME)?;
    let role = state.shared.roles.get(name);
    role.ok_or_else(|| no_such(format!("The role with name {name} cannot be found.")))
}

pub(super) fn create(
    context: &Context,
    tx: &mut Transaction,
    request: CreateRoleRequest,
) -> Result<RoleResult, ApiError> {
    let name = wanted_name(request.role_name.as_deref(), "roleName", MAX_ROLE_NAME)?;
    let path = path(request.path.as_deref())?;
    let document = wanted(request.assume_role_policy_document.as_deref(), "assumeRolePolicyDocument")?;
    trust::check(document)?;
    let max_session_seconds = session_length(request.max_session_duration)?.unwrap_or(MIN_SESSION as u32);
    let description = request.description.map(description).transpose()?;
    let tags = check_tags(request.tags)?;
    if let Some(arn) = request.permissions_boundary {
        // A limit that would not be kept is not promised.
        return Err(no_such(format!("Scope ARN: {arn} does not exist or is not attachable.")));
    }
    let roles = &tx.state().shared.roles;
    // Names differ by more than the case of their letters.
    if roles.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(exists(format!("Role with name {name} already exists.")));
    }
    if roles.len() >= MAX_ENTITIES {
        return Err(limit("RolesPerAccount", MAX_ENTITIES));
    }
    let role = Role {
        name: name.into(),
        id: new_id(context, "AROA"),
        arn: format!("arn:aws:iam::{}:role{path}{name}", context.account()),
        path,
        created: context.now,
        trust_policy: document.to_owned(),
        description,
        max_session_seconds,
        policies: Default::default(),
        tags,
    };
    let shape = RoleShape { tags: shown_tags(&role.tags), ..RoleShape::listed(&role) };
    tx.put_shared(role);
    Ok(RoleResult { role: shape })
}

pub(super) fn get(_: &Context, state: &State, request: RoleRequest) -> Result<RoleResult, ApiError> {
    Ok(RoleResult { role: RoleShape::full(find(state, request.role_name.as_deref())?) })
}

pub(super) fn list(_: &Context, state: &State, request: ListRolesRequest) -> Result<ListRolesResult, ApiError> {
    let prefix = path_prefix(request.path_prefix.as_deref())?;
    let page = Page { marker: request.marker, max_items: request.max_items };
    let roles = state.shared.roles.values().filter(|role| role.path.starts_with(prefix));
    let (roles, more) = page.of(roles, |role| &role.name)?;
    Ok(ListRolesResult { roles: roles.into_iter().map(|role| RoleShape::listed(role)).collect(), more })
}

pub(super) fn delete(_: &Context, tx: &mut Transaction, request: RoleRequest) -> Result<Done, ApiError> {
    let role = find(tx.state(), request.role_name.as_deref())?;
    if !role.policies.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if tx.state().shared.instance_profiles.values().any(|profile| profile.roles.contains(&role.name)) {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let key = Key::Role(Arc::clone(&role.name));
    tx.delete_shared(key);
    Ok(Done {})
}

pub(super) fn update(_: &Context, tx: &mut Transaction, request: UpdateRoleRequest) -> Result<Done, ApiError> {
    let mut role = Role::clone(find(tx.state(), request.role_name.as_deref())?);
    if let Some(seconds) = session_length(request.max_session_duration)? {
        role.max_session_seconds = seconds;
    }
    if let Some(text) = request.description {
        role.description = Some(description(text)?);
    }
    tx.put_shared(role);
    Ok(Done {})
}

pub(super) fn update_description(
    _: &Context,
    tx: &mut Transaction,
    request: UpdateDescriptionRequest,
) -> Result<RoleResult, ApiError> {
    let mut role = Role::clone(find(tx.state(), request.role_name.as_deref())?);
    role.description = Some(description(wanted(request.description.as_deref(), "description")?.to_owned())?);
    let shape = RoleShape::listed(&role);
    tx.put_shared(role);
    Ok(RoleResult { role: shape })
}

pub(super) fn update_trust_policy(
    _: &Context,
    tx: &mut Transaction,
    request: UpdateTrustPolicyRequest,
) -> Result<Done, ApiError> {
    let mut role = Role::clone(find(tx.state(), request.role_name.as_deref())?);
    let document = wanted(request.policy_document.as_deref(), "policyDocument")?;
    trust::check(document)?;
    role.trust_policy = document.to_owned();
    tx.put_shared(role);
    Ok(Done {})
}

fn session_length(seconds: Option<i64>) -> Result<Option<u32>, ApiError> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(MIN_SESSION..=MAX_SESSION).contains(&seconds) {
        return Err(validation(format!(
            "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy constraint: Member \
             must have value between {MIN_SESSION} and {MAX_SESSION}"
        )));
    }
    Ok(u32::try_from(seconds).ok())
}

fn description(text: String) -> Result<String, ApiError> {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    if text.chars().count() > MAX_DESCRIPTION || !text.chars().all(is_allowed) {
        return Err(validation(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have at most \
             1000 characters of Latin-1",
        ));
    }
    Ok(text)
}
