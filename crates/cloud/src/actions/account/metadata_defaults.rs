//! How the metadata service answers instances whose launch does not say, as it is set for the account in a region.
//!
//! What a launch says comes first, then what is set here, then the image, then EC2's own defaults (User Guide, "Order
//! of precedence for instance metadata options").

use ec2_shapes::{
    DefaultHttpTokensEnforcedState, DefaultInstanceMetadataEndpointState, DefaultInstanceMetadataTagsState,
    GetInstanceMetadataDefaultsRequest, GetInstanceMetadataDefaultsResult, HttpTokensEnforcedState, HttpTokensState,
    InstanceMetadataDefaultsResponse, InstanceMetadataEndpointState, InstanceMetadataTagsState, ManagedBy,
    MetadataDefaultHttpTokensState, ModifyInstanceMetadataDefaultsRequest, ModifyInstanceMetadataDefaultsResult,
};

use super::{set, setting};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::MetadataOptions;
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::view::View;

const HTTP_ENDPOINT: &str = "metadata-defaults/http-endpoint";
const HTTP_TOKENS: &str = "metadata-defaults/http-tokens";
const HTTP_TOKENS_ENFORCED: &str = "metadata-defaults/http-tokens-enforced";
const HOP_LIMIT: &str = "metadata-defaults/http-put-response-hop-limit";
const INSTANCE_TAGS: &str = "metadata-defaults/instance-metadata-tags";

/// What takes a setting away.
const NO_PREFERENCE: &str = "no-preference";

/// The options of an instance whose launch says nothing; `image_wants_tokens` is what its image says.
pub(in crate::actions) fn of_new(tables: &Tables, image_wants_tokens: bool) -> MetadataOptions {
    let own = MetadataOptions::default();
    let of_image =
        if image_wants_tokens { MetadataOptions { tokens_required: true, hop_limit: 2, ..own } } else { own };
    let is = |name: &str, value: &str| setting(tables, name).map(|set| set == value);
    MetadataOptions {
        enabled: is(HTTP_ENDPOINT, "enabled").unwrap_or(of_image.enabled),
        tokens_required: is(HTTP_TOKENS, "required").unwrap_or(of_image.tokens_required),
        hop_limit: setting(tables, HOP_LIMIT).and_then(|set| set.parse().ok()).unwrap_or(of_image.hop_limit),
        instance_tags: is(INSTANCE_TAGS, "enabled").unwrap_or(of_image.instance_tags),
        ..of_image
    }
}

/// Checks that options for an instance go together with the account's enforcement of tokens.
pub(in crate::actions) fn check_enforced(tables: &Tables, options: MetadataOptions) -> Result<(), ApiError> {
    if options.tokens_required || setting(tables, HTTP_TOKENS_ENFORCED) != Some("enabled") {
        return Ok(());
    }
    Err(ApiError::new(
        "UnsupportedOperation",
        "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account. Either launch \
         the instance with httpTokens=required or contact your account owner to disable httpTokensEnforced using the \
         ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.",
    ))
}

pub(in crate::actions) fn get_instance_metadata_defaults(
    _: &Context,
    view: &View<'_>,
    _: GetInstanceMetadataDefaultsRequest,
) -> Result<GetInstanceMetadataDefaultsResult, ApiError> {
    let get = |name| setting(view.tables(), name);
    let account_level = InstanceMetadataDefaultsResponse {
        http_endpoint: get(HTTP_ENDPOINT).and_then(InstanceMetadataEndpointState::from_wire),
        http_put_response_hop_limit: get(HOP_LIMIT).and_then(|set| set.parse().ok()),
        http_tokens: get(HTTP_TOKENS).and_then(HttpTokensState::from_wire),
        http_tokens_enforced: get(HTTP_TOKENS_ENFORCED).and_then(HttpTokensEnforcedState::from_wire),
        instance_metadata_tags: get(INSTANCE_TAGS).and_then(InstanceMetadataTagsState::from_wire),
        managed_by: Some(ManagedBy::Account),
        ..InstanceMetadataDefaultsResponse::default()
    };
    Ok(GetInstanceMetadataDefaultsResult { account_level: Some(account_level) })
}

/// Changes what is given and leaves the rest as it is.
pub(in crate::actions) fn modify_instance_metadata_defaults(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceMetadataDefaultsRequest,
) -> Result<ModifyInstanceMetadataDefaultsResult, ApiError> {
    let hop_limit = match request.http_put_response_hop_limit {
        None => None,
        Some(-1) => Some(NO_PREFERENCE.to_owned()),
        Some(limit @ 1..=64) => Some(limit.to_string()),
        Some(limit) => {
            return Err(ApiError::invalid_value(format!(
                "Value ({limit}) for parameter HttpPutResponseHopLimit is invalid. It must be from 1 to 64, or -1."
            )));
        }
    };
    let given = [
        (HTTP_ENDPOINT, request.http_endpoint.map(DefaultInstanceMetadataEndpointState::as_str)),
        (HTTP_TOKENS, request.http_tokens.map(MetadataDefaultHttpTokensState::as_str)),
        (HTTP_TOKENS_ENFORCED, request.http_tokens_enforced.map(DefaultHttpTokensEnforcedState::as_str)),
        (HOP_LIMIT, hop_limit.as_deref()),
        (INSTANCE_TAGS, request.instance_metadata_tags.map(DefaultInstanceMetadataTagsState::as_str)),
    ];
    if given.iter().all(|(_, value)| value.is_none()) {
        return Err(ApiError::missing("HttpTokens"));
    }
    for (name, value) in given {
        if let Some(value) = value {
            set(tx, name, Some(value).filter(|value| *value != NO_PREFERENCE));
        }
    }
    Ok(ModifyInstanceMetadataDefaultsResult { r#return: Some(true) })
}
