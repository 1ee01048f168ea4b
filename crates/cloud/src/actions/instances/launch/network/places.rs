//! Where the interfaces of a launch are: zones, subnets, groups.

use std::sync::Arc;

use ec2_shapes::Placement;
use types::*;

use crate::actions::network_interfaces;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Subnet;
use crate::state::Tables;
use crate::transaction::Transaction;

/// The zone that a placement names, if it names one.
pub(super) fn find_zone(tx: &Transaction, placement: &Placement) -> Result<Option<AvailabilityZone>, ApiError> {
    let (name, id) = (placement.availability_zone.as_deref(), placement.availability_zone_id.as_deref());
    let Some(wanted) = name.or(id).filter(|text| !text.is_empty()) else { return Ok(None) };
    let view = tx.view();
    let mut zones = Region::ZONE_LETTERS.map(|letter| view.region().zone(letter)).into_iter();
    let found = zones.find(|zone| match name {
        Some(name) => zone.to_string() == name && id.is_none_or(|id| zone.zone_id() == id),
        None => zone.zone_id() == wanted,
    });
    found.map(Some).ok_or_else(|| ApiError::invalid_value(format!("Invalid availability zone: [{wanted}]")))
}

pub(super) fn check_zone(subnet: &Subnet, wanted: Option<&AvailabilityZone>) -> Result<(), ApiError> {
    match wanted {
        Some(zone) if *zone != subnet.zone => Err(ApiError::invalid_value(format!(
            "The subnet '{}' is in the availability zone {}, not in {zone}.",
            subnet.id, subnet.zone
        ))),
        _ => Ok(()),
    }
}

/// The default subnet of the zone, or the first with room for `count` instances; where none has, the emptiest.
pub(super) fn default_subnet(
    tables: &Tables,
    zone: Option<&AvailabilityZone>,
    count: i32,
) -> Result<Arc<Subnet>, ApiError> {
    let vpc = tables
        .default_vpc()
        .ok_or_else(|| ApiError::new("VPCIdNotSpecified", "No default VPC for this user. Please specify a subnet."))?;
    let mut subnets: Vec<&Arc<Subnet>> = tables
        .subnets
        .values()
        .filter(|subnet| subnet.vpc == vpc.id && subnet.default_for_az)
        .filter(|subnet| zone.is_none_or(|zone| *zone == subnet.zone))
        .collect();
    subnets.sort_by(|one, other| one.zone.cmp(&other.zone));
    let wanted = u64::from(count.unsigned_abs());
    let roomy = subnets.iter().find(|subnet| tables.free_addresses(subnet) >= wanted);
    let chosen = roomy.or_else(|| subnets.iter().max_by_key(|subnet| tables.free_addresses(subnet)));
    chosen.map(|subnet| Arc::clone(subnet)).ok_or_else(|| {
        let message = match zone {
            Some(zone) => format!("No default subnet for availability zone: '{zone}'."),
            None => format!("No subnets found for the default VPC '{}'. Please specify a subnet.", vpc.id),
        };
        ApiError::new("MissingInput", message)
    })
}

/// The groups by id and by name, each once; the VPC's default group where none is named.
pub(super) fn find_groups(
    context: &Context,
    tables: &Tables,
    subnet: &Subnet,
    ids: &[String],
    names: &[String],
) -> Result<Vec<SecurityGroupId>, ApiError> {
    let by_name = names.iter().map(|name| group_by_name(tables, subnet, name).map(|id| id.to_string()));
    let by_name = by_name.collect::<Result<Vec<String>, _>>()?;
    let all = [ids, by_name.as_slice()].concat();
    network_interfaces::find_groups(context, tables, subnet.vpc, subnet.id, &all)
}

fn group_by_name(tables: &Tables, subnet: &Subnet, name: &str) -> Result<SecurityGroupId, ApiError> {
    let mut groups = tables.security_groups.values();
    groups.find(|group| group.vpc == subnet.vpc && *group.name == *name).map(|group| group.id).ok_or_else(|| {
        let message = format!("The security group '{name}' does not exist in default VPC '{}'", subnet.vpc);
        ApiError::new("InvalidGroup.NotFound", message)
    })
}
