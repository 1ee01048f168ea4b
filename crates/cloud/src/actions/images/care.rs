//! What an owner does with an image besides sharing it: deprecating, disabling and protecting it, and what holds for
//! all images of a region.

use ec2_shapes::*;
use types::Timestamp;

use super::{get_own, unavailable};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{DeregistrationProtection, Image, ImageState, Setting};
use crate::state::{Key, Tables};
use crate::transaction::Transaction;
use crate::view::View;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How far ahead the deprecation of an image may lie: ten years from now.
const MAX_DEPRECATION_MS: i64 = 3_653 * DAY_MS;
/// How long after it was made a public image is deprecated at the latest: two years.
const MAX_PUBLIC_LIFE_MS: i64 = 731 * DAY_MS;
/// How long an image stays protected after the protection was taken away, where that was asked for.
const COOLDOWN_MS: i64 = DAY_MS;

/// The setting that keeps images from being made public.
const BLOCK_PUBLIC_ACCESS: &str = "image-block-public-access";

pub(in crate::actions) fn enable_image_deprecation(
    context: &Context,
    tx: &mut Transaction,
    request: EnableImageDeprecationRequest,
) -> Result<EnableImageDeprecationResult, ApiError> {
    let image = get_settled(tx, &request.image_id)?;
    let asked = request.deprecate_at;
    // EC2 rounds to whole minutes.
    let at = (asked.unix_ms + MINUTE_MS / 2).div_euclid(MINUTE_MS) * MINUTE_MS;
    let at = Timestamp::from_unix_ms(at);
    if at < context.now {
        return Err(ApiError::invalid_value(format!("The deprecation date '{at}' must not be in the past.")));
    }
    if at > context.now.plus_ms(MAX_DEPRECATION_MS) {
        let message = format!("The deprecation date '{at}' must not be more than 10 years from now.");
        return Err(ApiError::invalid_value(message));
    }
    if image.is_public() && at > image.created.plus_ms(MAX_PUBLIC_LIFE_MS) {
        let message =
            format!("The deprecation date '{at}' of a public AMI must not be more than 2 years after its creation.");
        return Err(ApiError::invalid_value(message));
    }
    tx.put(Image { deprecation_time: Some(at), ..image });
    Ok(EnableImageDeprecationResult { r#return: Some(true) })
}

pub(in crate::actions) fn disable_image_deprecation(
    _: &Context,
    tx: &mut Transaction,
    request: DisableImageDeprecationRequest,
) -> Result<DisableImageDeprecationResult, ApiError> {
    let image = get_settled(tx, &request.image_id)?;
    tx.put(Image { deprecation_time: None, ..image });
    Ok(DisableImageDeprecationResult { r#return: Some(true) })
}

/// Sees to it that an image that has just become public is deprecated in time.
pub(super) fn limit_public_life(image: &mut Image, now: Timestamp) {
    let limit = image.created.plus_ms(MAX_PUBLIC_LIFE_MS).max(now);
    image.deprecation_time = Some(image.deprecation_time.map_or(limit, |at| at.min(limit)));
}

pub(in crate::actions) fn disable_image(
    _: &Context,
    tx: &mut Transaction,
    request: DisableImageRequest,
) -> Result<DisableImageResult, ApiError> {
    let mut image = get_settled(tx, &request.image_id)?;
    image.state = ImageState::Disabled;
    image.launch_permissions.clear();
    tx.put(image);
    Ok(DisableImageResult { r#return: Some(true) })
}

pub(in crate::actions) fn enable_image(
    _: &Context,
    tx: &mut Transaction,
    request: EnableImageRequest,
) -> Result<EnableImageResult, ApiError> {
    let image = get_settled(tx, &request.image_id)?;
    tx.put(Image { state: ImageState::Available, ..image });
    Ok(EnableImageResult { r#return: Some(true) })
}

pub(in crate::actions) fn enable_image_deregistration_protection(
    _: &Context,
    tx: &mut Transaction,
    request: EnableImageDeregistrationProtectionRequest,
) -> Result<EnableImageDeregistrationProtectionResult, ApiError> {
    let image = get_settled(tx, &request.image_id)?;
    let deregistration_protection = match request.with_cooldown {
        Some(true) => DeregistrationProtection::OnWithCooldown,
        _ => DeregistrationProtection::On,
    };
    tx.put(Image { deregistration_protection, ..image });
    Ok(EnableImageDeregistrationProtectionResult { r#return: Some("true".to_owned()) })
}

pub(in crate::actions) fn disable_image_deregistration_protection(
    context: &Context,
    tx: &mut Transaction,
    request: DisableImageDeregistrationProtectionRequest,
) -> Result<DisableImageDeregistrationProtectionResult, ApiError> {
    let image = get_settled(tx, &request.image_id)?;
    let deregistration_protection = match image.deregistration_protection {
        DeregistrationProtection::OnWithCooldown => {
            DeregistrationProtection::OffAfter(context.now.plus_ms(COOLDOWN_MS))
        }
        // Once more does not make it longer.
        cooling @ DeregistrationProtection::OffAfter(_) => cooling,
        DeregistrationProtection::On | DeregistrationProtection::Off => DeregistrationProtection::Off,
    };
    tx.put(Image { deregistration_protection, ..image });
    Ok(DisableImageDeregistrationProtectionResult { r#return: Some("true".to_owned()) })
}

/// Checks that an image may be deregistered now.
///
/// # Errors
/// `OperationNotPermitted` while it is protected.
pub(super) fn check_unprotected(image: &Image, now: Timestamp) -> Result<(), ApiError> {
    let is_protected = match image.deregistration_protection {
        DeregistrationProtection::Off => false,
        DeregistrationProtection::On | DeregistrationProtection::OnWithCooldown => true,
        DeregistrationProtection::OffAfter(at) => now < at,
    };
    if !is_protected {
        return Ok(());
    }
    let message =
        format!("The image '{}' cannot be deregistered while deregistration protection is enabled.", image.id);
    Err(ApiError::new("OperationNotPermitted", message))
}

/// An image of the caller's that is there: neither on its way nor failed.
fn get_settled(tx: &Transaction, text: &str) -> Result<Image, ApiError> {
    let image = get_own(&tx.view(), text)?;
    match image.state {
        ImageState::Available | ImageState::Disabled => Ok(image.clone()),
        ImageState::Pending | ImageState::Failed => Err(unavailable(image)),
    }
}

/// Whether images of the region must not be made public.
pub(super) fn blocks_public_access(tables: &Tables) -> bool {
    tables.settings.contains_key(BLOCK_PUBLIC_ACCESS)
}

pub(in crate::actions) fn enable_image_block_public_access(
    _: &Context,
    tx: &mut Transaction,
    request: EnableImageBlockPublicAccessRequest,
) -> Result<EnableImageBlockPublicAccessResult, ApiError> {
    let state = request.image_block_public_access_state;
    let state = state.ok_or_else(|| ApiError::missing("ImageBlockPublicAccessState"))?;
    tx.put(Setting { name: BLOCK_PUBLIC_ACCESS.into(), value: state.to_string() });
    Ok(EnableImageBlockPublicAccessResult { image_block_public_access_state: Some(state) })
}

pub(in crate::actions) fn disable_image_block_public_access(
    _: &Context,
    tx: &mut Transaction,
    _: DisableImageBlockPublicAccessRequest,
) -> Result<DisableImageBlockPublicAccessResult, ApiError> {
    if blocks_public_access(tx) {
        tx.delete(Key::Setting(BLOCK_PUBLIC_ACCESS.into()));
    }
    let state = ImageBlockPublicAccessDisabledState::Unblocked;
    Ok(DisableImageBlockPublicAccessResult { image_block_public_access_state: Some(state) })
}

pub(in crate::actions) fn get_image_block_public_access_state(
    _: &Context,
    view: &View<'_>,
    _: GetImageBlockPublicAccessStateRequest,
) -> Result<GetImageBlockPublicAccessStateResult, ApiError> {
    let state = match blocks_public_access(view) {
        true => ImageBlockPublicAccessEnabledState::BlockNewSharing.as_str(),
        false => ImageBlockPublicAccessDisabledState::Unblocked.as_str(),
    };
    Ok(GetImageBlockPublicAccessStateResult {
        image_block_public_access_state: Some(state.to_owned()),
        managed_by: Some(ManagedBy::Account),
    })
}
