//! What a launch, or a later change, chooses for an instance: each choice checked, and refused where it could not be
//! kept.

use std::sync::Arc;

use ec2_shapes::{
    AmdSevSnpSpecification, CapacityReservationPreference, CapacityReservationSpecification, CpuOptionsRequest,
    CreditSpecificationRequest, HostnameType, InstanceAutoRecoveryState, NestedVirtualizationSpecification, Placement,
    PrivateDnsNameOptionsRequest, RunInstancesRequest, Tenancy,
};
use types::AvailabilityZone;

use super::super::credits;
use crate::actions::{capacity_reservations, hosts, placement_groups};
use crate::catalog::InstanceType;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{
    CapacityChoice, CapacityReservation, CpuCredits, CpuOptions, InstanceOptions, InstancePlacement, InstanceTenancy,
    MaintenanceOptions, PrivateDnsOptions,
};
use crate::state::Tables;
use crate::transaction::Transaction;

/// The options of every instance of a launch, and the name of its placement group. In a VPC that is dedicated no
/// instance has the default tenancy.
pub(super) fn at_launch(
    tx: &Transaction,
    request: &RunInstancesRequest,
    kind: &InstanceType,
    default_names: PrivateDnsOptions,
    is_dedicated: bool,
) -> Result<(InstanceOptions, Option<Arc<str>>), ApiError> {
    let tenancy = match request.placement.as_ref().and_then(|placement| placement.tenancy) {
        Some(Tenancy::Dedicated) => InstanceTenancy::Dedicated,
        Some(Tenancy::Host) => InstanceTenancy::Host,
        None if names_host(request.placement.as_ref()) => InstanceTenancy::Host,
        Some(Tenancy::Default) | None if is_dedicated => InstanceTenancy::Dedicated,
        Some(Tenancy::Default) | None => InstanceTenancy::Default,
    };
    let (placement, group) = placement(tx, request.placement.as_ref(), tenancy)?;
    let maintenance = request.maintenance_options.as_ref().and_then(|options| options.auto_recovery);
    let reservation = request.capacity_reservation_specification.as_ref();
    let options = InstanceOptions {
        credits: credits_at_launch(tx, request.credit_specification.as_ref(), kind)?,
        cpu: cpu_at_launch(request.cpu_options.as_ref(), kind)?,
        maintenance: MaintenanceOptions {
            no_auto_recovery: maintenance == Some(InstanceAutoRecoveryState::Disabled),
            no_reboot_migration: false,
        },
        private_dns: private_dns(request.private_dns_name_options.as_ref(), default_names),
        placement,
        capacity: reservation.map(|wanted| capacity(tx, wanted)).transpose()?.unwrap_or_default(),
        ..InstanceOptions::default()
    };
    Ok((options, group))
}

fn names_host(placement: Option<&Placement>) -> bool {
    placement.and_then(|placement| placement.host_id.as_deref()).is_some_and(|host| !host.is_empty())
}

/// How many instances with these options there is room for; `None` for as many as one likes.
///
/// # Errors
/// `InsufficientHostCapacity` and `ReservationCapacityExceeded` where not even for `least`.
pub(super) fn room(
    tables: &Tables,
    options: &InstanceOptions,
    kind: &InstanceType,
    zone: &AvailabilityZone,
    least: u32,
) -> Result<Option<u32>, ApiError> {
    let on_hosts = hosts::room(tables, &options.placement, kind, zone, least)?;
    let like = (kind.name(), zone, options.placement.tenancy);
    let reserved = capacity_reservations::room(tables, &options.capacity, like, least)?;
    Ok(on_hosts.into_iter().chain(reserved).min())
}

fn credits_at_launch(
    tables: &Tables,
    wanted: Option<&CreditSpecificationRequest>,
    kind: &InstanceType,
) -> Result<Option<CpuCredits>, ApiError> {
    let wanted = wanted.and_then(|wanted| wanted.cpu_credits.as_deref()).map(credits::parse).transpose()?;
    let of_new = credits::of_new(tables, kind);
    if wanted.is_some() && of_new.is_none() {
        return Err(ApiError::invalid_combination(format!(
            "The CreditSpecification parameter is only supported for burstable performance instances, not for {}.",
            kind.name()
        )));
    }
    Ok(wanted.or(of_new))
}

fn cpu_at_launch(wanted: Option<&CpuOptionsRequest>, kind: &InstanceType) -> Result<Option<CpuOptions>, ApiError> {
    let Some(wanted) = wanted else { return Ok(None) };
    if wanted.amd_sev_snp == Some(AmdSevSnpSpecification::Enabled)
        || wanted.nested_virtualization == Some(NestedVirtualizationSpecification::Enabled)
    {
        let message = "The parameter CpuOptions asks for something that is not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    if wanted.core_count.is_some() != wanted.threads_per_core.is_some() {
        return Err(ApiError::invalid_combination(
            "CpuOptions requires that both CoreCount and ThreadsPerCore are specified.",
        ));
    }
    let own = CpuOptions { cores: kind.cores(), threads_per_core: kind.threads_per_core() };
    cpu_options(kind, wanted.core_count, wanted.threads_per_core, own)
}

/// The processors an instance of this type is to have, where `present` are those it has; `None` for all of its type.
///
/// # Errors
/// `InvalidParameterCombination` for numbers that the type does not know.
pub(in crate::actions::instances) fn cpu_options(
    kind: &InstanceType,
    cores: Option<i32>,
    threads: Option<i32>,
    present: CpuOptions,
) -> Result<Option<CpuOptions>, ApiError> {
    let number = |wanted: Option<i32>, present: u32| wanted.map_or(present, |wanted| wanted.try_into().unwrap_or(0));
    let wanted =
        CpuOptions { cores: number(cores, present.cores), threads_per_core: number(threads, present.threads_per_core) };
    if wanted == (CpuOptions { cores: kind.cores(), threads_per_core: kind.threads_per_core() }) {
        return Ok(None);
    }
    if kind.valid_cores().any(|cores| cores == wanted.cores)
        && kind.valid_threads().any(|threads| threads == wanted.threads_per_core)
    {
        return Ok(Some(wanted));
    }
    Err(ApiError::invalid_combination(format!(
        "The specified CpuOptions (CoreCount {}, ThreadsPerCore {}) are not supported for the instance type '{}'.",
        wanted.cores,
        wanted.threads_per_core,
        kind.name()
    )))
}

fn private_dns(wanted: Option<&PrivateDnsNameOptionsRequest>, default: PrivateDnsOptions) -> PrivateDnsOptions {
    let Some(wanted) = wanted else { return default };
    PrivateDnsOptions {
        resource_name: wanted.hostname_type.map_or(default.resource_name, |name| name == HostnameType::ResourceName),
        a_record: wanted.enable_resource_name_dns_a_record.unwrap_or(default.a_record),
        aaaa_record: wanted.enable_resource_name_dns_aaaa_record.unwrap_or(default.aaaa_record),
    }
}

/// Which reserved capacity an instance is to use.
///
/// # Errors
/// `InvalidParameterCombination` where a preference comes with a target, `InvalidCapacityReservationId.NotFound` for a
/// reservation that is not there.
pub(in crate::actions::instances) fn capacity(
    tables: &Tables,
    wanted: &CapacityReservationSpecification,
) -> Result<CapacityChoice, ApiError> {
    let Some(target) = &wanted.capacity_reservation_target else {
        return match wanted.capacity_reservation_preference {
            Some(CapacityReservationPreference::Open) | None => Ok(CapacityChoice::Open),
            Some(CapacityReservationPreference::None) => Ok(CapacityChoice::None),
            Some(CapacityReservationPreference::CapacityReservationsOnly) => Ok(CapacityChoice::ReservationsOnly),
        };
    };
    if wanted.capacity_reservation_preference.is_some() {
        return Err(ApiError::invalid_combination(
            "The parameters CapacityReservationPreference and CapacityReservationTarget cannot be used together",
        ));
    }
    if target.capacity_reservation_resource_group_arn.is_some() {
        let message = "The parameter CapacityReservationResourceGroupArn asks for something that is not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    let id = target.capacity_reservation_id.as_deref().ok_or_else(|| ApiError::missing("CapacityReservationId"))?;
    Ok(CapacityChoice::Reservation(get::<CapacityReservation>(tables, id)?.id))
}

/// Where an instance is to stand, and the name of its placement group.
///
/// # Errors
/// `InvalidPlacementGroup.Unknown` for a group that is not there, `InvalidHostID.NotFound` for a host that is not,
/// `InvalidParameterCombination` for what does not go with the tenancy.
pub(in crate::actions::instances) fn placement(
    tables: &Tables,
    wanted: Option<&Placement>,
    tenancy: InstanceTenancy,
) -> Result<(InstancePlacement, Option<Arc<str>>), ApiError> {
    let Some(wanted) = wanted else { return Ok((InstancePlacement { tenancy, ..Default::default() }, None)) };
    fn said(text: &Option<String>) -> Option<&str> {
        text.as_deref().filter(|text| !text.is_empty())
    }
    for (is_asked, name) in [
        (said(&wanted.host_resource_group_arn).is_some(), "HostResourceGroupArn"),
        (said(&wanted.spread_domain).is_some(), "SpreadDomain"),
    ] {
        if is_asked {
            let message = format!("The parameter Placement.{name} asks for something that is not available.");
            return Err(ApiError::new("UnsupportedOperation", message));
        }
    }
    let host = said(&wanted.host_id).map(|id| hosts::named(tables, id)).transpose()?.map(|host| host.id);
    if host.is_some() && tenancy != InstanceTenancy::Host {
        return Err(ApiError::invalid_combination("A host ID requires the tenancy 'host'."));
    }
    let affinity = said(&wanted.affinity).unwrap_or("default");
    if !["default", "host"].contains(&affinity) {
        return Err(ApiError::invalid_value(format!("Value ({affinity}) for parameter affinity is invalid.")));
    }
    if affinity == "host" && tenancy != InstanceTenancy::Host {
        return Err(ApiError::invalid_combination("Host affinity requires the tenancy 'host'."));
    }
    let group = placement_groups::named(tables, said(&wanted.group_name), said(&wanted.group_id))?;
    let partition = placement_groups::partition(tables, group.map(AsRef::as_ref), wanted.partition_number)?;
    let placement = InstancePlacement { tenancy, host, host_affinity: affinity == "host", partition };
    Ok((placement, group.map(|group| Arc::clone(&group.name))))
}
