//! IAM, as far as instances need it: roles, the policies of AWS that roles have, and instance profiles.
//!
//! Codes, texts and limits follow the IAM API reference and what AWS is seen to answer. Everything belongs to the
//! account as a whole and is kept in what all regions share.

mod policies;
mod profiles;
mod roles;
mod tags;
#[cfg(test)]
mod tests;
mod trust;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::read;
use crate::context::Context;
use crate::error::ApiError;
use crate::sessions::{self, Caller};
use crate::state::State;

pub(super) use trust::{Named, trusts};

super::actions! {
    Iam:
    "AddRoleToInstanceProfile" 1 Write profiles::add_role,
    "AttachRolePolicy" 1 Write policies::attach,
    "CreateInstanceProfile" 1 Write profiles::create,
    "CreateRole" 1 Write roles::create,
    "DeleteInstanceProfile" 1 Write profiles::delete,
    "DeleteRole" 1 Write roles::delete,
    "DetachRolePolicy" 1 Write policies::detach,
    "GetInstanceProfile" 1 Read profiles::get,
    "GetRole" 1 Read roles::get,
    "GetUser" 1 Read get_user,
    "ListAttachedRolePolicies" 1 Read policies::list_attached,
    "ListInstanceProfileTags" 2 Read tags::of_profile,
    "ListInstanceProfiles" 1 Read profiles::list,
    "ListInstanceProfilesForRole" 1 Read profiles::list_for_role,
    "ListRolePolicies" 2 Read policies::list_inline,
    "ListRoleTags" 2 Read tags::of_role,
    "ListRoles" 1 Read roles::list,
    "RemoveRoleFromInstanceProfile" 1 Write profiles::remove_role,
    "TagInstanceProfile" 2 Write tags::tag_profile,
    "TagRole" 2 Write tags::tag_role,
    "UntagInstanceProfile" 2 Write tags::untag_profile,
    "UntagRole" 2 Write tags::untag_role,
    "UpdateAssumeRolePolicy" 1 Write roles::update_trust_policy,
    "UpdateRole" 1 Write roles::update,
    "UpdateRoleDescription" 2 Write roles::update_description,
}

/// The longest name of a role, and of an instance profile.
const MAX_ROLE_NAME: usize = 64;
const MAX_PROFILE_NAME: usize = 128;
/// The longest path.
const MAX_PATH: usize = 512;
/// How many roles, and how many instance profiles, an account may have.
const MAX_ENTITIES: usize = 1_000;
/// How many items a page has unless asked otherwise, and at most.
const PAGE: usize = 100;
const MAX_PAGE: i64 = 1_000;

/// An answer that says only that it was done.
#[derive(Serialize)]
struct Done {}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn exists(message: String) -> ApiError {
    ApiError::new("EntityAlreadyExists", message)
}

fn no_such(message: String) -> ApiError {
    ApiError::new("NoSuchEntity", message)
}

fn conflict(message: &str) -> ApiError {
    ApiError::new("DeleteConflict", message)
}

fn limit(quota: &str, value: usize) -> ApiError {
    ApiError::new("LimitExceeded", format!("Cannot exceed quota for {quota}: {value}"))
}

/// A member that must be there.
fn wanted<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, ApiError> {
    value.ok_or_else(|| {
        validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

/// A name that must be there and have the form that names have.
fn wanted_name<'a>(value: Option<&'a str>, name: &str, max: usize) -> Result<&'a str, ApiError> {
    let value = wanted(value, name)?;
    if value.is_empty() || value.len() > max {
        return Err(validation(format!(
            "The specified value for {name} is invalid. It must have 1 to {max} characters."
        )));
    }
    if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)) {
        return Err(validation(format!(
            "The specified value for {name} is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-"
        )));
    }
    Ok(value)
}

/// The path of what is made: `/` unless given.
fn path(value: Option<&str>) -> Result<String, ApiError> {
    let path = value.unwrap_or("/");
    let is_path = path == "/"
        || (path.len() > 2
            && path.starts_with('/')
            && path.ends_with('/')
            && path.bytes().all(|b| (0x21..=0x7e).contains(&b)));
    if is_path && path.len() <= MAX_PATH {
        return Ok(path.to_owned());
    }
    Err(validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters \
         and/or / characters.",
    ))
}

/// Whether a path is below a prefix; all are below none.
fn path_prefix(value: Option<&str>) -> Result<&str, ApiError> {
    let prefix = value.unwrap_or("/");
    if prefix.starts_with('/') && prefix.len() <= MAX_PATH {
        return Ok(prefix);
    }
    Err(validation("The specified value for pathPrefix is invalid. It must begin with the / character."))
}

/// A new unique id, such as `AROA…`.
fn new_id(context: &Context, prefix: &str) -> String {
    sessions::unique_id(prefix, 17, || context.random())
}

/// As IAM writes a moment: whole seconds.
fn moment(at: Timestamp) -> String {
    let seconds = Timestamp::from_unix_ms(at.unix_seconds() * 1000).to_string();
    seconds.replace(".000Z", "Z")
}

/// Which page of a list is wanted.
#[derive(Debug, Default, Deserialize)]
struct Page {
    #[serde(rename = "Marker")]
    marker: Option<String>,
    #[serde(rename = "MaxItems", default, deserialize_with = "read::number")]
    max_items: Option<i64>,
}

/// Whether there is more than this page, and where it goes on.
#[derive(Debug, Serialize, PartialEq)]
struct More {
    #[serde(rename = "IsTruncated")]
    is_truncated: bool,
    #[serde(rename = "Marker", skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl Page {
    /// This page of items that are in the order of their names. A marker holds the last name of its page.
    fn of<T>(&self, items: impl Iterator<Item = T>, name: impl Fn(&T) -> &str) -> Result<(Vec<T>, More), ApiError> {
        let size = match self.max_items {
            None => PAGE,
            Some(size @ 1..=MAX_PAGE) => usize::try_from(size).unwrap_or(PAGE),
            Some(size) => {
                return Err(validation(format!(
                    "1 validation error detected: Value '{size}' at 'maxItems' failed to satisfy constraint: Member \
                     must have value between 1 and {MAX_PAGE}"
                )));
            }
        };
        let after = self.marker.as_deref().map(read_marker).transpose()?;
        let mut rest = items.skip_while(|item| after.as_ref().is_some_and(|after| name(item) <= after.as_str()));
        let page: Vec<T> = rest.by_ref().take(size).collect();
        let marker = page.last().filter(|_| rest.next().is_some()).map(|last| URL_SAFE_NO_PAD.encode(name(last)));
        Ok((page, More { is_truncated: marker.is_some(), marker }))
    }
}

fn read_marker(marker: &str) -> Result<String, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| validation("Invalid Marker."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetUserRequest {
    user_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetUserResult {
    user: User,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    user_id: String,
    arn: String,
    create_date: String,
}

/// GetUser: there are no users but the root user, who has no name and no path.
fn get_user(context: &Context, _: &State, request: GetUserRequest) -> Result<GetUserResult, ApiError> {
    if let Some(name) = request.user_name {
        let name = wanted_name(Some(&name), "userName", MAX_PROFILE_NAME)?;
        return Err(no_such(format!("The user with name {name} cannot be found.")));
    }
    if context.caller.role().is_some() {
        return Err(validation("Must specify userName when calling with non-User credentials"));
    }
    let account = context.account();
    let (user_id, arn) = (Caller::Root.user_id(account), Caller::Root.arn(account));
    Ok(GetUserResult { user: User { user_id, arn, create_date: moment(Timestamp::default()) } })
}
