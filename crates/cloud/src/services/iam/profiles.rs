//! Instance profiles.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::roles::{self, RoleShape};
use super::tags::{Tag, check_tags, shown_tags};
use super::{Done, MAX_ENTITIES, MAX_PROFILE_NAME, More, Page};
use super::{conflict, exists, limit, moment, new_id, no_such, path, path_prefix, wanted_name};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::InstanceProfile;
use crate::services::read;
use crate::state::{Key, State};
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateProfileRequest {
    instance_profile_name: Option<String>,
    path: Option<String>,
    #[serde(default, deserialize_with = "read::list")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProfileRequest {
    instance_profile_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProfileRoleRequest {
    instance_profile_name: Option<String>,
    role_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListProfilesRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListForRoleRequest {
    role_name: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

/// A profile as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileShape {
    path: String,
    instance_profile_name: Arc<str>,
    instance_profile_id: String,
    arn: String,
    create_date: String,
    roles: Vec<RoleShape>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileResult {
    instance_profile: ProfileShape,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListProfilesResult {
    instance_profiles: Vec<ProfileShape>,
    #[serde(flatten)]
    more: More,
}

impl ProfileShape {
    fn full(state: &State, profile: &InstanceProfile) -> Self {
        Self { tags: shown_tags(&profile.tags), ..Self::listed(state, profile) }
    }

    /// As lists have it: without tags.
    fn listed(state: &State, profile: &InstanceProfile) -> Self {
        let roles = profile.roles.iter().filter_map(|name| state.shared.roles.get(name));
        Self {
            path: profile.path.clone(),
            instance_profile_name: Arc::clone(&profile.name),
            instance_profile_id: profile.id.clone(),
            arn: profile.arn.clone(),
            create_date: moment(profile.created),
            roles: roles.map(|role| RoleShape::inside(role)).collect(),
            tags: Vec::new(),
        }
    }
}

/// The profile that a request names.
pub(super) fn find<'a>(state: &'a State, name: Option<&str>) -> Result<&'a Arc<InstanceProfile>, ApiError> {
    let name = wanted_name(name, "instanceProfileName", MAX_PROFILE_NAME)?;
    let profile = state.shared.instance_profiles.get(name);
    profile.ok_or_else(|| no_such(format!("Instance Profile {name} cannot be found.")))
}

pub(super) fn create(
    context: &Context,
    tx: &mut Transaction,
    request: CreateProfileRequest,
) -> Result<ProfileResult, ApiError> {
    let name = wanted_name(request.instance_profile_name.as_deref(), "instanceProfileName", MAX_PROFILE_NAME)?;
    let path = path(request.path.as_deref())?;
    let tags = check_tags(request.tags)?;
    let profiles = &tx.state().shared.instance_profiles;
    if profiles.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(exists(format!("Instance Profile {name} already exists.")));
    }
    if profiles.len() >= MAX_ENTITIES {
        return Err(limit("InstanceProfilesPerAccount", MAX_ENTITIES));
    }
    let profile = InstanceProfile {
        name: name.into(),
        id: new_id(context, "AIPA"),
        arn: format!("arn:aws:iam::{}:instance-profile{path}{name}", context.account()),
        path,
        created: context.now,
        roles: Vec::new(),
        tags,
    };
    let shape = ProfileShape::full(tx.state(), &profile);
    tx.put_shared(profile);
    Ok(ProfileResult { instance_profile: shape })
}

pub(super) fn get(_: &Context, state: &State, request: ProfileRequest) -> Result<ProfileResult, ApiError> {
    let profile = find(state, request.instance_profile_name.as_deref())?;
    Ok(ProfileResult { instance_profile: ProfileShape::full(state, profile) })
}

pub(super) fn list(_: &Context, state: &State, request: ListProfilesRequest) -> Result<ListProfilesResult, ApiError> {
    let prefix = path_prefix(request.path_prefix.as_deref())?;
    let page = Page { marker: request.marker, max_items: request.max_items };
    let profiles = state.shared.instance_profiles.values().filter(|profile| profile.path.starts_with(prefix));
    let (profiles, more) = page.of(profiles, |profile| &profile.name)?;
    let instance_profiles = profiles.into_iter().map(|profile| ProfileShape::listed(state, profile)).collect();
    Ok(ListProfilesResult { instance_profiles, more })
}

pub(super) fn list_for_role(
    _: &Context,
    state: &State,
    request: ListForRoleRequest,
) -> Result<ListProfilesResult, ApiError> {
    let role = roles::find(state, request.role_name.as_deref())?;
    let page = Page { marker: request.marker, max_items: request.max_items };
    let profiles = state.shared.instance_profiles.values().filter(|profile| profile.roles.contains(&role.name));
    let (profiles, more) = page.of(profiles, |profile| &profile.name)?;
    let instance_profiles = profiles.into_iter().map(|profile| ProfileShape::listed(state, profile)).collect();
    Ok(ListProfilesResult { instance_profiles, more })
}

pub(super) fn delete(_: &Context, tx: &mut Transaction, request: ProfileRequest) -> Result<Done, ApiError> {
    let profile = find(tx.state(), request.instance_profile_name.as_deref())?;
    if !profile.roles.is_empty() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let key = Key::InstanceProfile(Arc::clone(&profile.name));
    tx.delete_shared(key);
    Ok(Done {})
}

pub(super) fn add_role(_: &Context, tx: &mut Transaction, request: ProfileRoleRequest) -> Result<Done, ApiError> {
    let mut profile = InstanceProfile::clone(find(tx.state(), request.instance_profile_name.as_deref())?);
    let role = Arc::clone(&roles::find(tx.state(), request.role_name.as_deref())?.name);
    if !profile.roles.is_empty() {
        return Err(limit("InstanceSessionsPerInstanceProfile", 1));
    }
    profile.roles.push(role);
    tx.put_shared(profile);
    Ok(Done {})
}

pub(super) fn remove_role(_: &Context, tx: &mut Transaction, request: ProfileRoleRequest) -> Result<Done, ApiError> {
    let mut profile = InstanceProfile::clone(find(tx.state(), request.instance_profile_name.as_deref())?);
    let role = Arc::clone(&roles::find(tx.state(), request.role_name.as_deref())?.name);
    if !profile.roles.contains(&role) {
        return Err(no_such(format!("The role with name {role} is not in the instance profile {}.", profile.name)));
    }
    profile.roles.retain(|name| *name != role);
    tx.put_shared(profile);
    Ok(Done {})
}
