//! Which images may be used: criteria that hold for a region once they are enabled.
//!
//! As the EC2 User Guide's page on Allowed AMIs says, a list of criteria of which an image must meet one as a whole. The
//! account's own images are always allowed.

use ec2_shapes::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::wildcard_matches;
use crate::resource::{Image, Setting};
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::view::View;

const SETTING: &str = "allowed-images";
const DAY_MS: i64 = 86_400_000;

/// How much a request may name.
const MAX_CRITERIA: usize = 10;
const MAX_PROVIDERS: usize = 200;
const MAX_NAMES: usize = 50;

/// Aliases that providers go by.
const ALIASES: [&str; 3] = ["amazon", "aws-marketplace", "aws-backup-vault"];
/// The provider that stands for the account's own images alone.
const NONE: &str = "none";

/// Whether the criteria hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Disabled,
    /// They are shown and not held to.
    Audit,
    Enabled,
}

/// What an image must be to be allowed; what is not said does not matter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Criterion {
    providers: Vec<String>,
    names: Vec<String>,
    product_codes: Vec<String>,
    max_days_since_created: Option<i32>,
    max_days_since_deprecated: Option<i32>,
}

/// What is set for a region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct AllowedImages {
    mode: Mode,
    criteria: Vec<Criterion>,
}

impl AllowedImages {
    /// What is set now.
    pub(super) fn of(tables: &Tables) -> Self {
        tables.settings.get(SETTING).and_then(|setting| serde_json::from_str(&setting.value).ok()).unwrap_or_default()
    }

    fn put(&self, tx: &mut Transaction) -> Result<(), ApiError> {
        let value = serde_json::to_string(self).map_err(|_| ApiError::internal())?;
        tx.put(Setting { name: SETTING.into(), value });
        Ok(())
    }

    /// Whether an image meets the criteria; `None` where they do not matter.
    pub(super) fn verdict(&self, context: &Context, image: &Image) -> Option<bool> {
        let is_met = || !image.is_builtin || self.criteria.iter().any(|criterion| criterion.is_met(context, image));
        (self.mode != Mode::Disabled).then(is_met)
    }

    /// Whether an image is shown and may be launched.
    pub(super) fn lets_see(&self, context: &Context, image: &Image) -> bool {
        self.mode != Mode::Enabled || self.verdict(context, image) != Some(false)
    }
}

impl Criterion {
    fn is_met(&self, context: &Context, image: &Image) -> bool {
        let age = |since: types::Timestamp| context.now.unix_ms - since.unix_ms;
        let within = |days: i32, since| age(since) <= i64::from(days) * DAY_MS;
        let is_provided = self.providers.is_empty()
            || self
                .providers
                .iter()
                .any(|name| image.is_builtin && [super::AMAZON, super::AMAZON_ACCOUNT].contains(&name.as_str()));
        let is_named = self.names.is_empty() || self.names.iter().any(|name| wildcard_matches(name, &image.name));
        let is_young = self.max_days_since_created.is_none_or(|days| within(days, image.created));
        let deprecated = image.deprecation_time.filter(|at| *at <= context.now);
        let is_kept_up = match (self.max_days_since_deprecated, deprecated) {
            // Not a moment since it was deprecated.
            (Some(0), Some(_)) => false,
            (Some(days), Some(at)) => within(days, at),
            _ => true,
        };
        // No image here has a product code.
        is_provided && is_named && is_young && is_kept_up && self.product_codes.is_empty()
    }

    fn new(request: &ImageCriterionRequest) -> Result<Self, ApiError> {
        if !request.image_watermarks.is_empty() || request.scan_result_condition.is_some() {
            let message = "Criteria for watermarks and scan results are not available.";
            return Err(ApiError::new("UnsupportedOperation", message));
        }
        check_providers(&request.image_providers)?;
        if request.image_names.len() > MAX_NAMES || request.marketplace_product_codes.len() > MAX_NAMES {
            return Err(ApiError::invalid_value(format!("An image criterion may have at most {MAX_NAMES} names.")));
        }
        for name in &request.image_names {
            check_pattern(name)?;
        }
        for code in &request.marketplace_product_codes {
            let is_good = (1..=25).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_good {
                return Err(ApiError::invalid_value(format!("Invalid value '{code}' for MarketplaceProductCode.")));
            }
        }
        let days = |days: Option<i32>, name: &str| match days {
            Some(days) if days < 0 => Err(ApiError::invalid_value(format!("Invalid value '{days}' for {name}."))),
            days => Ok(days),
        };
        let created = request.creation_date_condition.as_ref().and_then(|date| date.maximum_days_since_created);
        let deprecated =
            request.deprecation_time_condition.as_ref().and_then(|time| time.maximum_days_since_deprecated);
        Ok(Self {
            providers: request.image_providers.clone(),
            names: request.image_names.clone(),
            product_codes: request.marketplace_product_codes.clone(),
            max_days_since_created: days(created, "MaximumDaysSinceCreated")?,
            max_days_since_deprecated: days(deprecated, "MaximumDaysSinceDeprecated")?,
        })
    }

    fn to_shape(&self) -> ImageCriterion {
        ImageCriterion {
            creation_date_condition: self
                .max_days_since_created
                .map(|days| CreationDateCondition { maximum_days_since_created: Some(days) }),
            deprecation_time_condition: self
                .max_days_since_deprecated
                .map(|days| DeprecationTimeCondition { maximum_days_since_deprecated: Some(days) }),
            image_names: self.names.clone(),
            image_providers: self.providers.clone(),
            marketplace_product_codes: self.product_codes.clone(),
            ..ImageCriterion::default()
        }
    }
}

fn check_providers(providers: &[String]) -> Result<(), ApiError> {
    if providers.len() > MAX_PROVIDERS {
        return Err(ApiError::invalid_value(format!("An image criterion may have at most {MAX_PROVIDERS} providers.")));
    }
    for provider in providers {
        let is_known = ALIASES.contains(&provider.as_str())
            || provider.parse::<types::AccountId>().is_ok()
            || (provider == NONE && providers.len() == 1);
        if !is_known {
            return Err(ApiError::invalid_value(format!("Invalid value '{provider}' for ImageProvider.")));
        }
    }
    Ok(())
}

fn check_pattern(name: &str) -> Result<(), ApiError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "()[]./-'@_*? ".contains(c);
    let least = if name.contains('?') { 3 } else { 1 };
    if (least..=128).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!("Invalid value '{name}' for ImageName.")))
}

pub(in crate::actions) fn get_allowed_images_settings(
    _: &Context,
    view: &View<'_>,
    _: GetAllowedImagesSettingsRequest,
) -> Result<GetAllowedImagesSettingsResult, ApiError> {
    let allowed = AllowedImages::of(view);
    let state = match allowed.mode {
        Mode::Disabled => AllowedImagesSettingsDisabledState::Disabled.as_str(),
        Mode::Audit => AllowedImagesSettingsEnabledState::AuditMode.as_str(),
        Mode::Enabled => AllowedImagesSettingsEnabledState::Enabled.as_str(),
    };
    Ok(GetAllowedImagesSettingsResult {
        image_criteria: allowed.criteria.iter().map(Criterion::to_shape).collect(),
        managed_by: Some(ManagedBy::Account),
        state: Some(state.to_owned()),
    })
}

pub(in crate::actions) fn enable_allowed_images_settings(
    _: &Context,
    tx: &mut Transaction,
    request: EnableAllowedImagesSettingsRequest,
) -> Result<EnableAllowedImagesSettingsResult, ApiError> {
    let state = request.allowed_images_settings_state.ok_or_else(|| ApiError::missing("AllowedImagesSettingsState"))?;
    let mode = match state {
        AllowedImagesSettingsEnabledState::Enabled => Mode::Enabled,
        AllowedImagesSettingsEnabledState::AuditMode => Mode::Audit,
    };
    AllowedImages { mode, ..AllowedImages::of(tx) }.put(tx)?;
    Ok(EnableAllowedImagesSettingsResult { allowed_images_settings_state: Some(state) })
}

pub(in crate::actions) fn disable_allowed_images_settings(
    _: &Context,
    tx: &mut Transaction,
    _: DisableAllowedImagesSettingsRequest,
) -> Result<DisableAllowedImagesSettingsResult, ApiError> {
    AllowedImages { mode: Mode::Disabled, ..AllowedImages::of(tx) }.put(tx)?;
    let state = AllowedImagesSettingsDisabledState::Disabled;
    Ok(DisableAllowedImagesSettingsResult { allowed_images_settings_state: Some(state) })
}

pub(in crate::actions) fn replace_image_criteria_in_allowed_images_settings(
    _: &Context,
    tx: &mut Transaction,
    request: ReplaceImageCriteriaInAllowedImagesSettingsRequest,
) -> Result<ReplaceImageCriteriaInAllowedImagesSettingsResult, ApiError> {
    if request.image_criteria.len() > MAX_CRITERIA {
        return Err(ApiError::invalid_value(format!("There may be at most {MAX_CRITERIA} image criteria.")));
    }
    let criteria = request.image_criteria.iter().map(Criterion::new).collect::<Result<_, _>>()?;
    AllowedImages { criteria, ..AllowedImages::of(tx) }.put(tx)?;
    Ok(ReplaceImageCriteriaInAllowedImagesSettingsResult { return_value: Some(true) })
}
