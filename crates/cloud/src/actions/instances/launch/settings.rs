//! What a launch says beside image, network and disks.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ec2_shapes::{
    AmdSevSnpSpecification, CapacityReservationPreference, HostnameType, HttpTokensState, InstanceAutoRecoveryState,
    InstanceBandwidthWeighting, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataProtocolState, InstanceMetadataTagsState, NestedVirtualizationSpecification, Placement,
    RunInstancesRequest, Tenancy,
};

use crate::catalog::InstanceType;
use crate::error::ApiError;
use crate::resource::MetadataOptions;

/// The longest user data, in bytes before base64.
const MAX_USER_DATA: usize = 16_384;

/// Refuses the first parameter that asks for what is not available here, by its name. What says only what would be
/// so anyway is let through.
///
/// # Errors
/// `UnsupportedOperation`.
pub(super) fn refuse_unavailable(request: &RunInstancesRequest, instance_type: &InstanceType) -> Result<(), ApiError> {
    let refused = unavailable_features(request)
        .into_iter()
        .chain(unavailable_choices(request, instance_type))
        .chain(request.placement.as_ref().map(unavailable_placement).into_iter().flatten())
        .find(|(is_asked, _)| *is_asked);
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
        (request.enable_primary_ipv6 == Some(true), "EnablePrimaryIpv6"),
        (request.enclave_options.as_ref().and_then(|o| o.enabled) == Some(true), "EnclaveOptions"),
        (request.hibernation_options.as_ref().and_then(|o| o.configured) == Some(true), "HibernationOptions"),
        (request.iam_instance_profile.is_some(), "IamInstanceProfile"),
        (request.instance_market_options.is_some(), "InstanceMarketOptions"),
        (request.ipv6_address_count.is_some_and(|count| count != 0), "Ipv6AddressCount"),
        (!request.ipv6_addresses.is_empty(), "Ipv6Address"),
        (is_some(&request.kernel_id), "KernelId"),
        (request.launch_template.is_some(), "LaunchTemplate"),
        (!request.license_specifications.is_empty(), "LicenseSpecification"),
        (request.operator.is_some(), "Operator"),
        (is_some(&request.ramdisk_id), "RamdiskId"),
        (!request.secondary_interfaces.is_empty(), "SecondaryInterface"),
    ]
}

/// What is available in one form only: the default.
fn unavailable_choices(request: &RunInstancesRequest, instance_type: &InstanceType) -> Vec<Asked> {
    let differs = |given: Option<i32>, own: u32| given.is_some_and(|given| i64::from(given) != i64::from(own));
    let cpu = request.cpu_options.as_ref();
    let dns = request.private_dns_name_options.as_ref();
    let reservation = request.capacity_reservation_specification.as_ref();
    let credits = request.credit_specification.as_ref().and_then(|c| c.cpu_credits.as_deref());
    vec![
        (
            reservation.is_some_and(|r| {
                r.capacity_reservation_target.is_some()
                    || r.capacity_reservation_preference.is_some_and(|p| p != CapacityReservationPreference::Open)
            }),
            "CapacityReservationSpecification",
        ),
        (
            cpu.is_some_and(|cpu| {
                differs(cpu.core_count, instance_type.cores())
                    || differs(cpu.threads_per_core, instance_type.threads_per_core())
                    || cpu.amd_sev_snp == Some(AmdSevSnpSpecification::Enabled)
                    || cpu.nested_virtualization == Some(NestedVirtualizationSpecification::Enabled)
            }),
            "CpuOptions",
        ),
        (credits.is_some_and(|credits| Some(credits) != instance_type.default_credits()), "CreditSpecification"),
        (
            request.maintenance_options.as_ref().and_then(|m| m.auto_recovery)
                == Some(InstanceAutoRecoveryState::Disabled),
            "MaintenanceOptions.AutoRecovery",
        ),
        (
            request.metadata_options.as_ref().and_then(|m| m.http_protocol_ipv6)
                == Some(InstanceMetadataProtocolState::Enabled),
            "MetadataOptions.HttpProtocolIpv6",
        ),
        (request.monitoring.as_ref().is_some_and(|m| !m.metric_category_ids.is_empty()), "Monitoring.MetricCategoryId"),
        (
            request
                .network_performance_options
                .as_ref()
                .and_then(|options| options.bandwidth_weighting)
                .is_some_and(|weighting| weighting != InstanceBandwidthWeighting::Default),
            "NetworkPerformanceOptions.BandwidthWeighting",
        ),
        (
            dns.is_some_and(|dns| {
                dns.hostname_type.is_some_and(|hostname| hostname != HostnameType::IpName)
                    || dns.enable_resource_name_dns_a_record == Some(true)
                    || dns.enable_resource_name_dns_aaaa_record == Some(true)
            }),
            "PrivateDnsNameOptions",
        ),
    ]
}

fn unavailable_placement(placement: &Placement) -> Vec<Asked> {
    let is_some = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    vec![
        (placement.tenancy.is_some_and(|tenancy| tenancy != Tenancy::Default), "Placement.Tenancy"),
        (is_some(&placement.affinity), "Placement.Affinity"),
        (is_some(&placement.group_id), "Placement.GroupId"),
        (is_some(&placement.group_name), "Placement.GroupName"),
        (is_some(&placement.host_id), "Placement.HostId"),
        (is_some(&placement.host_resource_group_arn), "Placement.HostResourceGroupArn"),
        (placement.partition_number.is_some(), "Placement.PartitionNumber"),
        (is_some(&placement.spread_domain), "Placement.SpreadDomain"),
    ]
}

/// The user data of a request, decoded; `None` where there is none.
///
/// # Errors
/// `InvalidUserData.Malformed` for what is not base64, `InvalidParameterValue` for too much of it.
pub(super) fn user_data(encoded: Option<&str>) -> Result<Option<Vec<u8>>, ApiError> {
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
    if bytes.len() > MAX_USER_DATA {
        return Err(ApiError::invalid_value(format!("User data is limited to {MAX_USER_DATA} bytes")));
    }
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}

/// How the metadata service shall answer.
///
/// # Errors
/// `InvalidParameterValue` for a hop limit that is not from 1 to 64.
pub(super) fn metadata_options(request: Option<&InstanceMetadataOptionsRequest>) -> Result<MetadataOptions, ApiError> {
    let default = MetadataOptions::default();
    let Some(request) = request else { return Ok(default) };
    let hop_limit = match request.http_put_response_hop_limit {
        None => default.hop_limit,
        Some(limit) => u8::try_from(limit).ok().filter(|limit| (1..=64).contains(limit)).ok_or_else(|| {
            ApiError::invalid_value(format!(
                "Value ({limit}) for parameter HttpPutResponseHopLimit is invalid. It must be from 1 to 64."
            ))
        })?,
    };
    Ok(MetadataOptions {
        enabled: request.http_endpoint != Some(InstanceMetadataEndpointState::Disabled),
        tokens_required: request.http_tokens == Some(HttpTokensState::Required),
        hop_limit,
        instance_tags: request.instance_metadata_tags == Some(InstanceMetadataTagsState::Enabled),
    })
}
