//! Machine images.

mod describe;

use types::ImageId;

use crate::context::Context;
use crate::error::ApiError;
use crate::query::parse_id;
use crate::resource::{Image, ImageState};
use crate::view::View;

pub(super) use describe::describe_images;

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

/// The image that a launch names.
///
/// # Errors
/// As [`get`]; `InvalidAMIID.Unavailable` for one that is not available or has nothing to boot from.
pub(super) fn get_launchable<'a>(_: &Context, view: &View<'a>, text: &str) -> Result<&'a Image, ApiError> {
    let image = get(view, text)?;
    if image.state != ImageState::Available {
        let message = format!("The image ID '{text}' is not available");
        return Err(ApiError::new("InvalidAMIID.Unavailable", message));
    }
    Ok(image)
}

/// Every image of the region and those that all regions share, in the order of ids.
fn all<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Image> {
    let mut images: Vec<&Image> =
        view.tables().images.values().chain(view.state().shared.images.values()).map(AsRef::as_ref).collect();
    images.sort_by_key(|image| image.id);
    images.dedup_by_key(|image| image.id);
    images.into_iter()
}
