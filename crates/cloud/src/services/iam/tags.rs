//! Tags of roles and instance profiles.

use serde::{Deserialize, Serialize};

use super::{Done, More, Page, profiles, roles, validation};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{InstanceProfile, Role, Tags};
use crate::services::read;
use crate::state::State;
use crate::tagging::{MAX_KEY_LEN, MAX_TAGS, MAX_VALUE_LEN, RESERVED_PREFIX};
use crate::transaction::Transaction;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagRequest {
    #[serde(alias = "InstanceProfileName")]
    role_name: Option<String>,
    #[serde(default, deserialize_with = "read::list")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UntagRequest {
    #[serde(alias = "InstanceProfileName")]
    role_name: Option<String>,
    #[serde(default, deserialize_with = "read::list")]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTagsRequest {
    #[serde(alias = "InstanceProfileName")]
    role_name: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsResult {
    tags: Vec<Tag>,
    #[serde(flatten)]
    more: More,
}

/// Tags as they are answered.
pub(super) fn shown_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The tags of a request.
///
/// # Errors
/// `ValidationError`, `InvalidInput`, `LimitExceeded`.
pub(super) fn check_tags(given: Vec<Tag>) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for Tag { key, value } in given {
        let is_allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
        if key.is_empty() || key.chars().count() > MAX_KEY_LEN || !is_allowed(&key) {
            return Err(validation(format!(
                "The tag key must have 1 to {MAX_KEY_LEN} letters, digits, spaces or _.:/=+-@."
            )));
        }
        if value.chars().count() > MAX_VALUE_LEN || !is_allowed(&value) {
            return Err(validation(format!(
                "The tag value must have up to {MAX_VALUE_LEN} letters, digits, spaces or _.:/=+-@."
            )));
        }
        if key.to_ascii_lowercase().starts_with(RESERVED_PREFIX) {
            return Err(ApiError::new("InvalidInput", "Tag keys beginning with aws: are reserved for system use."));
        }
        if tags.keys().any(|known: &String| known.eq_ignore_ascii_case(&key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(ApiError::new("InvalidInput", message));
        }
        tags.insert(key, value);
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() <= MAX_TAGS {
        return Ok(());
    }
    Err(ApiError::new("LimitExceeded", format!("The number of tags has reached the maximum limit: {MAX_TAGS}")))
}

/// Adds tags, or gives those that are there new values; keys are told apart without regard to case.
fn add(tags: &mut Tags, new: Vec<Tag>) -> Result<(), ApiError> {
    for (key, value) in check_tags(new)? {
        tags.retain(|known, _| !known.eq_ignore_ascii_case(&key));
        tags.insert(key, value);
    }
    check_count(tags)
}

fn list(tags: &Tags, request: ListTagsRequest) -> Result<ListTagsResult, ApiError> {
    let page = Page { marker: request.marker, max_items: request.max_items };
    let (tags, more) = page.of(shown_tags(tags).into_iter(), |tag| &tag.key)?;
    Ok(ListTagsResult { tags, more })
}

pub(super) fn tag_role(_: &Context, tx: &mut Transaction, request: TagRequest) -> Result<Done, ApiError> {
    let mut role = Role::clone(roles::find(tx.state(), request.role_name.as_deref())?);
    add(&mut role.tags, request.tags)?;
    tx.put_shared(role);
    Ok(Done {})
}

pub(super) fn untag_role(_: &Context, tx: &mut Transaction, request: UntagRequest) -> Result<Done, ApiError> {
    let mut role = Role::clone(roles::find(tx.state(), request.role_name.as_deref())?);
    role.tags.retain(|key, _| !request.tag_keys.contains(key));
    tx.put_shared(role);
    Ok(Done {})
}

pub(super) fn of_role(_: &Context, state: &State, request: ListTagsRequest) -> Result<ListTagsResult, ApiError> {
    list(&roles::find(state, request.role_name.as_deref())?.tags, request)
}

pub(super) fn tag_profile(_: &Context, tx: &mut Transaction, request: TagRequest) -> Result<Done, ApiError> {
    let mut profile = InstanceProfile::clone(profiles::find(tx.state(), request.role_name.as_deref())?);
    add(&mut profile.tags, request.tags)?;
    tx.put_shared(profile);
    Ok(Done {})
}

pub(super) fn untag_profile(_: &Context, tx: &mut Transaction, request: UntagRequest) -> Result<Done, ApiError> {
    let mut profile = InstanceProfile::clone(profiles::find(tx.state(), request.role_name.as_deref())?);
    profile.tags.retain(|key, _| !request.tag_keys.contains(key));
    tx.put_shared(profile);
    Ok(Done {})
}

pub(super) fn of_profile(_: &Context, state: &State, request: ListTagsRequest) -> Result<ListTagsResult, ApiError> {
    list(&profiles::find(state, request.role_name.as_deref())?.tags, request)
}
