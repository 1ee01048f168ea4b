//! What a launch says beside image, network and disks.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ec2_shapes::{
    HttpTokensState, InstanceBandwidthWeighting, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataProtocolState, InstanceMetadataTagsState, RunInstancesRequest,
};

use crate::catalog::InstanceType;
use crate::error::ApiError;
use crate::resource::{MetadataOptions, Tags};

/// The longest user data, in bytes before base64.
const MAX_USER_DATA: usize = 16_384;

/// Refuses the first parameter that asks for what is not available here, by its name. What says only what would be
/// so anyway is let through.
///
/// # Errors
/// `UnsupportedOperation`.
pub(super) fn refuse_unavailable(request: &RunInstancesRequest, instance_type: &InstanceType) -> Result<(), ApiError> {
    let refused =
        unavailable_features(request).into_iter().chain(unavailable_choices(request)).find(|(is_asked, _)| *is_asked);
    if let Some((_, name)) = refused {
        return Err(ApiError::new(
            "UnsupportedOperation",
            format!("The parameter {name} asks for something that is not available."),
        ));
    }
    if request.ebs_optimized == Some(true) && !instance_type.is_ebs_optimized() {
        return Err(ApiError::new(
            "Unsupported",
            "EBS-optimized instances are not supported for your requested configuration.",
        ));
    }
    Ok(())
}

/// Whether each is asked for, and the parameter's name.
type Asked = (bool, &'static str);

/// What is not available in any form.
fn unavailable_features(request: &RunInstancesRequest) -> Vec<Asked> {
    let is_some = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    vec![
        (is_some(&request.additional_info), "AdditionalInfo"),
        (!request.elastic_gpu_specification.is_empty(), "ElasticGpuSpecification"),
        (!request.elastic_inference_accelerators.is_empty(), "ElasticInferenceAccelerator"),
        (request.enclave_options.as_ref().and_then(|o| o.enabled) == Some(true), "EnclaveOptions"),
        (request.hibernation_options.as_ref().and_then(|o| o.configured) == Some(true), "HibernationOptions"),
        (is_some(&request.kernel_id), "KernelId"),
        (!request.license_specifications.is_empty(), "LicenseSpecification"),
        (request.operator.is_some(), "Operator"),
        (is_some(&request.ramdisk_id), "RamdiskId"),
        (!request.secondary_interfaces.is_empty(), "SecondaryInterface"),
    ]
}

/// What is available in one form only: the default.
fn unavailable_choices(request: &RunInstancesRequest) -> Vec<Asked> {
    let weighting = request.network_performance_options.as_ref().and_then(|options| options.bandwidth_weighting);
    vec![
        (request.monitoring.as_ref().is_some_and(|m| !m.metric_category_ids.is_empty()), "Monitoring.MetricCategoryId"),
        (
            weighting.is_some_and(|weighting| weighting != InstanceBandwidthWeighting::Default),
            "NetworkPerformanceOptions.BandwidthWeighting",
        ),
    ]
}

/// The user data of a request, decoded; `None` where there is none.
///
/// # Errors
/// `InvalidUserData.Malformed` for what is not base64, `InvalidParameterValue` for too much of it.
pub(in crate::actions::instances) fn user_data(encoded: Option<&str>) -> Result<Option<Vec<u8>>, ApiError> {
    // Callers break lines and leave padding out; EC2 takes both.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let Some(encoded) = encoded else { return Ok(None) };
    let text: String = encoded.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = LENIENT
        .decode(text)
        .map_err(|_| ApiError::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."))?;
    Ok(Some(check_user_data(bytes)?).filter(|bytes| !bytes.is_empty()))
}

/// User data that is not too long.
///
/// # Errors
/// `InvalidParameterValue` for too much of it.
pub(in crate::actions::instances) fn check_user_data(bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if bytes.len() > MAX_USER_DATA {
        return Err(ApiError::invalid_value(format!("User data is limited to {MAX_USER_DATA} bytes")));
    }
    Ok(bytes)
}

/// How the metadata service shall answer, where the request changes `present`.
///
/// # Errors
/// `InvalidParameterValue` for a hop limit that is not from 1 to 64.
pub(in crate::actions::instances) fn metadata_options(
    request: Option<&InstanceMetadataOptionsRequest>,
    present: MetadataOptions,
) -> Result<MetadataOptions, ApiError> {
    let Some(request) = request else { return Ok(present) };
    let hop_limit = match request.http_put_response_hop_limit {
        None => present.hop_limit,
        Some(limit) => u8::try_from(limit).ok().filter(|limit| (1..=64).contains(limit)).ok_or_else(|| {
            ApiError::invalid_value(format!(
                "Value ({limit}) for parameter HttpPutResponseHopLimit is invalid. It must be from 1 to 64."
            ))
        })?,
    };
    let (endpoint, tags) = (request.http_endpoint, request.instance_metadata_tags);
    Ok(MetadataOptions {
        enabled: endpoint.map_or(present.enabled, |state| state == InstanceMetadataEndpointState::Enabled),
        tokens_required: request
            .http_tokens
            .map_or(present.tokens_required, |tokens| tokens == HttpTokensState::Required),
        hop_limit,
        instance_tags: tags.map_or(present.instance_tags, |state| state == InstanceMetadataTagsState::Enabled),
        ipv6: request.http_protocol_ipv6.map_or(present.ipv6, |state| state == InstanceMetadataProtocolState::Enabled),
    })
}

/// Checks that the tags of an instance can be shown by the metadata service, where they are to be.
///
/// # Errors
/// `InvalidParameterValue` for a key that cannot stand in a path.
pub(in crate::actions::instances) fn check_metadata_tags(
    options: MetadataOptions,
    tags: &Tags,
) -> Result<(), ApiError> {
    let can_be_shown = |key: &str| {
        !matches!(key, "." | ".." | "_index")
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c))
    };
    match tags.keys().find(|key| !can_be_shown(key)) {
        Some(key) if options.instance_tags => Err(ApiError::invalid_value(format!(
            "'{key}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must \
             not be a reserved name ('.', '..', '_index')"
        ))),
        _ => Ok(()),
    }
}
