//! Machine images.

mod allowed;
mod attribute;
mod care;
mod create;
mod deregister;
mod describe;
mod mapping;
mod metadata;
mod tasks;
#[cfg(test)]
mod tests;

use types::ImageId;

use self::allowed::AllowedImages;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::parse_id;
use crate::resource::{Image, ImageState, SnapshotContent};
use crate::state::Tables;
use crate::view::View;

pub(super) use allowed::{
    disable_allowed_images_settings, enable_allowed_images_settings, get_allowed_images_settings,
    replace_image_criteria_in_allowed_images_settings,
};
pub(super) use attribute::{describe_image_attribute, modify_image_attribute, reset_image_attribute};
pub(super) use care::{
    disable_image, disable_image_block_public_access, disable_image_deprecation,
    disable_image_deregistration_protection, enable_image, enable_image_block_public_access, enable_image_deprecation,
    enable_image_deregistration_protection, get_image_block_public_access_state,
};
pub(super) use create::{copy_image, create_image, register_image};
pub(super) use deregister::deregister_image;
pub(super) use describe::describe_images;
pub(super) use metadata::describe_instance_image_metadata;
pub(super) use tasks::{
    cancel_import_task, describe_conversion_tasks, describe_store_image_tasks, import_image, import_snapshot,
    list_images_in_recycle_bin,
};

/// The alias of the account that the images that come with Daemun belong to in filters.
const AMAZON: &str = "amazon";
/// The account behind that alias in public regions.
const AMAZON_ACCOUNT: &str = "137112412989";

/// How many characters a name, and a description, may have.
const NAME_LEN: std::ops::RangeInclusive<usize> = 3..=128;
const MAX_DESCRIPTION_LEN: usize = 255;

/// The id of an image.
pub(super) fn parse_image_id(text: &str) -> Result<ImageId, ApiError> {
    parse_id(text, ImageId::PREFIX, "InvalidAMIID.Malformed")
}

/// The error for images that do not exist.
pub(super) fn not_found(ids: &[&str]) -> ApiError {
    let message = match ids {
        [one] => format!("The image id '[{one}]' does not exist"),
        many => format!("The image ids '[{}]' do not exist", many.join(", ")),
    };
    ApiError::new("InvalidAMIID.NotFound", message)
}

/// The error for an image that is there and not ready for what is asked.
fn unavailable(image: &Image) -> ApiError {
    ApiError::new("InvalidAMIID.Unavailable", format!("The image ID '{}' is not available", image.id))
}

/// The image of this id: one of the region, or one that all regions share.
pub(super) fn find<'a>(view: &View<'a>, id: ImageId) -> Option<&'a Image> {
    view.tables().images.get(&id).or_else(|| view.state().shared.images.get(&id)).map(AsRef::as_ref)
}

/// The image that a request names.
///
/// # Errors
/// `InvalidAMIID.Malformed`, `InvalidAMIID.NotFound`.
pub(super) fn get<'a>(view: &View<'a>, text: &str) -> Result<&'a Image, ApiError> {
    find(view, parse_image_id(text)?).ok_or_else(|| not_found(&[text]))
}

/// The image that a request names, which must be the caller's own.
///
/// # Errors
/// As [`get`]; `AuthFailure` for one that comes with Daemun.
fn get_own<'a>(view: &View<'a>, text: &str) -> Result<&'a Image, ApiError> {
    let image = get(view, text)?;
    if image.is_builtin {
        return Err(ApiError::new("AuthFailure", format!("Not authorized for image:{text}")));
    }
    Ok(image)
}

/// The image that a launch names.
///
/// # Errors
/// As [`get`], also for one that the region's settings do not allow; `InvalidAMIID.Unavailable` for one that is not
/// available, `UnsupportedOperation` and `InvalidParameterCombination` for one that nothing can boot from.
pub(super) fn get_launchable<'a>(context: &Context, view: &View<'a>, text: &str) -> Result<&'a Image, ApiError> {
    let image = get(view, text)?;
    if !AllowedImages::of(view).lets_see(context, image) {
        return Err(not_found(&[text]));
    }
    if image.state != ImageState::Available {
        return Err(unavailable(image));
    }
    if image.is_paravirtual {
        let message = "Non-Windows instances with a virtualization type of 'paravirtual' are currently not supported \
                       for this instance type.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    let root = image.root_snapshot().and_then(|id| view.tables().snapshots.get(&id));
    if let Some(root) = root.filter(|root| image.layers.is_empty() && root.content == SnapshotContent::Blank) {
        let message =
            format!("The image '{text}' has no root file system to boot from: its snapshot '{}' is blank.", root.id);
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    Ok(image)
}

/// Checks the name of a new image.
///
/// # Errors
/// `InvalidAMIName.Malformed`; `InvalidAMIName.Duplicate` where another image of the region has it.
fn check_name(tables: &Tables, name: &str) -> Result<(), ApiError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !NAME_LEN.contains(&name.chars().count()) || !name.chars().all(is_plain) {
        let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', \
                       ')', '.', '-', '/' and '_'";
        return Err(ApiError::new("InvalidAMIName.Malformed", message));
    }
    match tables.images.values().find(|image| &*image.name == name) {
        Some(other) => {
            let message = format!("AMI name {name} is already in use by AMI {}", other.id);
            Err(ApiError::new("InvalidAMIName.Duplicate", message))
        }
        None => Ok(()),
    }
}

/// Checks the description of an image.
///
/// # Errors
/// `InvalidParameterValue` for one that is too long.
fn check_description(description: Option<&str>) -> Result<(), ApiError> {
    let length = description.map_or(0, |text| text.chars().count());
    if length <= MAX_DESCRIPTION_LEN {
        return Ok(());
    }
    let message = format!(
        "Value for parameter description is invalid. The description must not be longer than {MAX_DESCRIPTION_LEN} \
         characters."
    );
    Err(ApiError::invalid_value(message))
}

/// Every image of the region and those that all regions share, in the order of ids.
fn all<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Image> + use<'a> {
    let mut images: Vec<&Image> =
        view.tables().images.values().chain(view.state().shared.images.values()).map(AsRef::as_ref).collect();
    images.sort_by_key(|image| image.id);
    images.dedup_by_key(|image| image.id);
    images.into_iter()
}
