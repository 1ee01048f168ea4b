//! The actions that change one group of options of an instance each.

use ec2_shapes::{
    CapacityReservationPreference, CapacityReservationSpecification, HostTenancy, HostnameType,
    InstanceAutoRecoveryState, InstanceRebootMigrationState, ModifyInstanceCapacityReservationAttributesRequest,
    ModifyInstanceCapacityReservationAttributesResult, ModifyInstanceCpuOptionsRequest, ModifyInstanceCpuOptionsResult,
    ModifyInstanceMaintenanceOptionsRequest, ModifyInstanceMaintenanceOptionsResult,
    ModifyInstanceMetadataOptionsRequest, ModifyInstanceMetadataOptionsResult, ModifyInstancePlacementRequest,
    ModifyInstancePlacementResult, ModifyPrivateDnsNameOptionsRequest, ModifyPrivateDnsNameOptionsResult,
    NestedVirtualizationSpecification,
};
use types::InstanceState;

use super::launch::{choices, settings};
use super::modify::{check_alive, check_stopped};
use super::{find_instance, parse_instance_id, shape};
use crate::actions::account::metadata_defaults;
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{Instance, InstanceTenancy};
use crate::settle::SETTLE_MS;
use crate::transaction::Transaction;

/// A copy of an instance to change.
fn find(tx: &Transaction, id: &str) -> Result<Instance, ApiError> {
    Ok(Instance::clone(find_instance(tx, parse_instance_id(id)?)?))
}

/// The metadata service goes by the new options at once; a running instance still shows them as pending for a moment.
pub(in crate::actions) fn modify_instance_metadata_options(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceMetadataOptionsRequest,
) -> Result<ModifyInstanceMetadataOptionsResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_alive(&instance)?;
    let wanted = ec2_shapes::InstanceMetadataOptionsRequest {
        http_endpoint: request.http_endpoint,
        http_protocol_ipv6: request.http_protocol_ipv6,
        http_put_response_hop_limit: request.http_put_response_hop_limit,
        http_tokens: request.http_tokens,
        instance_metadata_tags: request.instance_metadata_tags,
    };
    if wanted == ec2_shapes::InstanceMetadataOptionsRequest::default() {
        return Err(ApiError::missing("HttpEndpoint"));
    }
    let changed = settings::metadata_options(Some(&wanted), instance.metadata)?;
    if changed.tokens_required != instance.metadata.tokens_required {
        metadata_defaults::check_enforced(tx, changed)?;
    }
    settings::check_metadata_tags(changed, tx.tags_of(&instance.id.to_string()))?;
    instance.metadata = changed;
    if instance.state != InstanceState::Stopped {
        instance.options.metadata_changes = true;
        instance.options.settles = Some(context.now.plus_ms(SETTLE_MS));
    }
    let answer = ModifyInstanceMetadataOptionsResult {
        instance_id: Some(instance.id.to_string()),
        instance_metadata_options: Some(shape::metadata_options(&instance)),
    };
    tx.put(instance);
    Ok(answer)
}

pub(in crate::actions) fn modify_instance_maintenance_options(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceMaintenanceOptionsRequest,
) -> Result<ModifyInstanceMaintenanceOptionsResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_alive(&instance)?;
    if request.auto_recovery.is_none() && request.reboot_migration.is_none() {
        return Err(ApiError::missing("AutoRecovery"));
    }
    let options = &mut instance.options.maintenance;
    if let Some(recovery) = request.auto_recovery {
        options.no_auto_recovery = recovery == InstanceAutoRecoveryState::Disabled;
    }
    if let Some(migration) = request.reboot_migration {
        options.no_reboot_migration = migration == InstanceRebootMigrationState::Disabled;
    }
    let shown = shape::maintenance_options(&instance);
    let answer = ModifyInstanceMaintenanceOptionsResult {
        auto_recovery: shown.auto_recovery,
        instance_id: Some(instance.id.to_string()),
        reboot_migration: shown.reboot_migration,
    };
    tx.put(instance);
    Ok(answer)
}

/// The name of a machine is given to it when it starts: only a stopped one can get another. The resolver follows at
/// once.
pub(in crate::actions) fn modify_private_dns_name_options(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyPrivateDnsNameOptionsRequest,
) -> Result<ModifyPrivateDnsNameOptionsResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_alive(&instance)?;
    let mut options = instance.options.private_dns;
    if let Some(hostname) = request.private_dns_hostname_type {
        options.resource_name = hostname == HostnameType::ResourceName;
    }
    if options.resource_name != instance.options.private_dns.resource_name {
        check_stopped(&instance)?;
    }
    options.a_record = request.enable_resource_name_dns_a_record.unwrap_or(options.a_record);
    options.aaaa_record = request.enable_resource_name_dns_aaaa_record.unwrap_or(options.aaaa_record);
    instance.options.private_dns = options;
    tx.put(instance);
    Ok(ModifyPrivateDnsNameOptionsResult { r#return: Some(true) })
}

pub(in crate::actions) fn modify_instance_cpu_options(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceCpuOptionsRequest,
) -> Result<ModifyInstanceCpuOptionsResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_stopped(&instance)?;
    if request.nested_virtualization == Some(NestedVirtualizationSpecification::Enabled) {
        let message = "The parameter NestedVirtualization asks for something that is not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    if request.core_count.is_none() && request.threads_per_core.is_none() && request.nested_virtualization.is_none() {
        return Err(ApiError::missing("CoreCount"));
    }
    let kind = InstanceType::find(&instance.instance_type).ok_or_else(ApiError::internal)?;
    let present = shape::processors(&instance, kind);
    let (cores, threads) = (request.core_count, request.threads_per_core);
    instance.options.cpu = choices::cpu_options(kind, cores, threads, present)?;
    let new = shape::processors(&instance, kind);
    let whole = |number: u32| i32::try_from(number).ok();
    let answer = ModifyInstanceCpuOptionsResult {
        core_count: whole(new.cores),
        instance_id: Some(instance.id.to_string()),
        nested_virtualization: request.nested_virtualization,
        threads_per_core: whole(new.threads_per_core),
    };
    tx.put(instance);
    Ok(answer)
}

pub(in crate::actions) fn modify_instance_capacity_reservation_attributes(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceCapacityReservationAttributesRequest,
) -> Result<ModifyInstanceCapacityReservationAttributesResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_stopped(&instance)?;
    let none = CapacityReservationSpecification::default();
    let wanted = request.capacity_reservation_specification.as_ref().unwrap_or(&none);
    if wanted.capacity_reservation_preference.is_none() && wanted.capacity_reservation_target.is_none() {
        return Err(ApiError::missing("CapacityReservationSpecification"));
    }
    instance.options.capacity = choices::capacity(tx, wanted)?;
    tx.put(instance);
    Ok(ModifyInstanceCapacityReservationAttributesResult { r#return: Some(true) })
}

pub(in crate::actions) fn modify_instance_placement(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstancePlacementRequest,
) -> Result<ModifyInstancePlacementResult, ApiError> {
    let mut instance = find(tx, &request.instance_id)?;
    check_stopped(&instance)?;
    let said = request.affinity.is_some()
        || request.group_id.is_some()
        || request.group_name.is_some()
        || request.host_id.is_some()
        || request.host_resource_group_arn.is_some()
        || request.partition_number.is_some()
        || request.tenancy.is_some();
    if !said {
        return Err(ApiError::missing("Tenancy"));
    }
    let old = instance.options.placement.clone();
    let tenancy = match request.tenancy {
        None => old.tenancy,
        Some(HostTenancy::Default) => InstanceTenancy::Default,
        Some(HostTenancy::Dedicated) => InstanceTenancy::Dedicated,
        Some(HostTenancy::Host) => InstanceTenancy::Host,
    };
    // Only a host can be exchanged for shared or dedicated hardware, and the other way round.
    let (can_change, is_change) =
        ([old.tenancy, tenancy].iter().all(|it| *it != InstanceTenancy::Default), tenancy != old.tenancy);
    if is_change && !can_change {
        let message = format!("The tenancy cannot be changed from '{}' to '{}'", old.tenancy.name(), tenancy.name());
        return Err(ApiError::new("InvalidRequest", message));
    }
    let request_names_host = request.host_id.is_some();
    let placement = ec2_shapes::Placement {
        affinity: request.affinity.map(|affinity| affinity.as_str().to_owned()),
        group_id: request.group_id,
        group_name: request.group_name.clone(),
        host_id: request.host_id,
        host_resource_group_arn: request.host_resource_group_arn,
        partition_number: request.partition_number,
        ..ec2_shapes::Placement::default()
    };
    let (chosen, group) = choices::placement(tx, Some(&placement), tenancy)?;
    if request.group_name.is_some() || placement.group_id.is_some() {
        instance.placement_group = group;
        instance.options.placement.partition = chosen.partition;
    }
    let new = &mut instance.options.placement;
    new.tenancy = tenancy;
    if tenancy != InstanceTenancy::Host {
        (new.host, new.host_affinity) = (None, false);
    }
    if request_names_host {
        new.host = chosen.host;
    }
    if request.affinity.is_some() {
        new.host_affinity = chosen.host_affinity;
    }
    tx.put(instance);
    Ok(ModifyInstancePlacementResult { r#return: Some(true) })
}

/// The preference that answers show for a choice.
pub(super) fn preference(choice: &crate::resource::CapacityChoice) -> Option<CapacityReservationPreference> {
    use crate::resource::CapacityChoice as Choice;
    match choice {
        Choice::Open => Some(CapacityReservationPreference::Open),
        Choice::None => Some(CapacityReservationPreference::None),
        Choice::ReservationsOnly => Some(CapacityReservationPreference::CapacityReservationsOnly),
        Choice::Reservation(_) => None,
    }
}
