//! Subnets.
//!
//! Rules as the VPC guide's pages on subnets and default VPCs give them.

mod describe;
mod reservations;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    AssociateSubnetCidrBlockRequest, AssociateSubnetCidrBlockResult, AttributeBooleanValue, CreateDefaultSubnetRequest,
    CreateDefaultSubnetResult, CreateSubnetRequest, CreateSubnetResult, DeleteSubnetRequest,
    DisassociateSubnetCidrBlockRequest, DisassociateSubnetCidrBlockResult, ModifySubnetAttributeRequest,
    SubnetCidrBlockStateCode,
};
use types::{AvailabilityZone, Cidr, Ipv4Cidr, Ipv6Cidr, Region, SubnetCidrAssociationId, SubnetId, VpcId};

pub(super) use describe::describe_subnets;
pub(super) use reservations::{
    create_subnet_cidr_reservation, delete_subnet_cidr_reservation, get_subnet_cidr_reservations,
};

use super::vpcs::{IPV4_LENGTHS, check_pools, not_a_block, only_attribute, parse_ipv4};
use crate::context::Context;
use crate::dependencies::check_unused;
use crate::error::ApiError;
use crate::query::{get, parse_id};
use crate::quotas::{self, Quota};
use crate::resource::{HostnameType, Ipv6Block, NetworkAcl, RouteTable, Subnet, Vpc};
use crate::seed::{make_default_subnet, make_subnet};
use crate::state::Key;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// How long the prefix of a subnet's IPv6 block is.
const IPV6_LENGTH: u8 = 64;
/// How long the prefix of a default subnet is.
const DEFAULT_LENGTH: u8 = 20;

pub(super) fn create_subnet(
    context: &Context,
    tx: &mut Transaction,
    request: CreateSubnetRequest,
) -> Result<CreateSubnetResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["subnet"])?;
    let vpc = Vpc::clone(get::<Vpc>(tx, &request.vpc_id)?);
    let pools = [request.ipv4_ipam_pool_id.as_deref(), request.ipv6_ipam_pool_id.as_deref()];
    check_pools(pools, [request.ipv4_netmask_length, request.ipv6_netmask_length])?;
    if request.outpost_arn.is_some() {
        return Err(unavailable("OutpostArn"));
    }
    if request.ipv6_native == Some(true) {
        return Err(unavailable("An IPv6 only subnet"));
    }
    let zone = match wanted_zone(context, &request.availability_zone, &request.availability_zone_id)? {
        Some(zone) => zone,
        None => emptiest_zone(context, tx, vpc.id),
    };
    let text = request.cidr_block.as_deref().ok_or_else(|| ApiError::missing("cidrBlock"))?;
    let cidr = check_ipv4(tx, &vpc, text)?;
    let ipv6 = request.ipv6_cidr_block.as_deref().map(|text| check_ipv6(tx, &vpc, text)).transpose()?;
    quotas::check(context, Quota::SubnetsPerVpc, tx.subnets.values().filter(|subnet| subnet.vpc == vpc.id).count())?;
    let id = SubnetId::from_number(context.id_number());
    let mut subnet = Subnet::new(id, vpc.id, cidr, zone);
    subnet.ipv6_cidrs = ipv6.map(|cidr| ipv6_block(context, cidr)).into_iter().collect();
    make_subnet(context, tx, subnet);
    tags.put(tx, "subnet", id);
    let mut shape = describe::shape_of(context, tx, id).ok_or_else(ApiError::internal)?;
    for association in &mut shape.ipv6_cidr_block_association_set {
        association.ipv6_cidr_block_state = describe::in_state(SubnetCidrBlockStateCode::Associating);
    }
    Ok(CreateSubnetResult { subnet: Some(shape) })
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}

fn ipv6_block(context: &Context, cidr: Ipv6Cidr) -> Ipv6Block<SubnetCidrAssociationId> {
    Ipv6Block { association: SubnetCidrAssociationId::from_number(context.id_number()), cidr }
}

/// The zone that a request names by its name or its id; `None` where it leaves the choice.
fn wanted_zone(
    context: &Context,
    name: &Option<String>,
    id: &Option<String>,
) -> Result<Option<AvailabilityZone>, ApiError> {
    let zones = || Region::ZONE_LETTERS.into_iter().map(|letter| context.region.zone(letter));
    let (parameter, text, found) = match (name.as_deref(), id.as_deref()) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter availabilityZone cannot be used with the parameter availabilityZoneId",
            ));
        }
        (Some(name), None) => ("availabilityZone", name, zones().find(|zone| zone.to_string() == name)),
        (None, Some(id)) => ("availabilityZoneId", id, zones().find(|zone| zone.zone_id() == id)),
    };
    found.map(Some).ok_or_else(|| {
        let names: Vec<String> = zones().map(|zone| zone.to_string()).collect();
        ApiError::invalid_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            names.join(", ")
        ))
    })
}

/// The zone in which the VPC has the fewest subnets; the first of several.
fn emptiest_zone(context: &Context, tx: &Transaction, vpc: VpcId) -> AvailabilityZone {
    let subnets =
        |letter: char| tx.subnets.values().filter(|subnet| subnet.vpc == vpc && subnet.zone.letter == letter).count();
    let letter = Region::ZONE_LETTERS.into_iter().min_by_key(|letter| subnets(*letter));
    context.region.zone(letter.unwrap_or(Region::ZONE_LETTERS[0]))
}

fn invalid_range(text: &str) -> ApiError {
    ApiError::new("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid."))
}

fn conflict(text: &str) -> ApiError {
    ApiError::new("InvalidSubnet.Conflict", format!("The CIDR '{text}' conflicts with another subnet"))
}

/// An IPv4 block that a subnet of the VPC may have.
fn check_ipv4(tx: &Transaction, vpc: &Vpc, text: &str) -> Result<Ipv4Cidr, ApiError> {
    let cidr = parse_ipv4(text)?;
    if !IPV4_LENGTHS.contains(&cidr.prefix_len()) || !vpc.cidrs.iter().any(|block| block.contains_cidr(cidr)) {
        return Err(invalid_range(text));
    }
    if tx.subnets.values().any(|other| other.vpc == vpc.id && other.cidr.overlaps(cidr)) {
        return Err(conflict(text));
    }
    Ok(cidr)
}

/// An IPv6 block that a subnet of the VPC may have.
fn check_ipv6(tx: &Transaction, vpc: &Vpc, text: &str) -> Result<Ipv6Cidr, ApiError> {
    let cidr: Ipv6Cidr = text.parse().map_err(|_| not_a_block(text, "ipv6CidrBlock"))?;
    if cidr.prefix_len() != IPV6_LENGTH || !vpc.ipv6_cidrs.iter().any(|block| block.cidr.contains_cidr(cidr)) {
        return Err(invalid_range(text));
    }
    let mut others = tx.subnets.values().filter(|other| other.vpc == vpc.id).flat_map(|other| &other.ipv6_cidrs);
    if others.any(|block| block.cidr.overlaps(cidr)) {
        return Err(conflict(text));
    }
    Ok(cidr)
}

/// Makes the default subnet of a zone: the first free /20 of the default VPC.
pub(super) fn create_default_subnet(
    context: &Context,
    tx: &mut Transaction,
    request: CreateDefaultSubnetRequest,
) -> Result<CreateDefaultSubnetResult, ApiError> {
    let zone = wanted_zone(context, &request.availability_zone, &request.availability_zone_id)?
        .ok_or_else(|| ApiError::missing("availabilityZone"))?;
    if request.ipv6_native == Some(true) {
        return Err(unavailable("An IPv6 only subnet"));
    }
    let vpc = tx.default_vpc().cloned().ok_or_else(|| {
        ApiError::new("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
    })?;
    let subnets: Vec<&Subnet> = tx.subnets.values().map(AsRef::as_ref).filter(|subnet| subnet.vpc == vpc.id).collect();
    if let Some(present) = subnets.iter().find(|subnet| subnet.default_for_az && subnet.zone == zone) {
        let message = format!("'{}' is already the default subnet in {zone}.", present.id);
        return Err(ApiError::new("DefaultSubnetAlreadyExistsInAvailabilityZone", message));
    }
    quotas::check(context, Quota::SubnetsPerVpc, subnets.len())?;
    let mut blocks = vpc.cidrs.first().into_iter().flat_map(|primary| {
        let step = 1_u32 << (32 - DEFAULT_LENGTH);
        (0..primary.size() / u64::from(step))
            .filter_map(move |at| primary.nth(u32::try_from(at).ok()? * step))
            .filter_map(|base| Ipv4Cidr::new(base, DEFAULT_LENGTH))
    });
    let free = blocks.find(|block| !subnets.iter().any(|subnet| subnet.cidr.overlaps(*block)));
    let block = free.ok_or_else(|| {
        let message = "There are not enough available CIDR blocks to complete the request.";
        ApiError::new("InsufficientCidrBlocks", message)
    })?;
    let id = make_default_subnet(context, tx, vpc.id, block, zone);
    Ok(CreateDefaultSubnetResult { subnet: describe::shape_of(context, tx, id) })
}

/// Deletes a subnet in which nothing is left; its associations and reservations go with it.
pub(super) fn delete_subnet(_: &Context, tx: &mut Transaction, request: DeleteSubnetRequest) -> Result<(), ApiError> {
    let id = get::<Subnet>(tx, &request.subnet_id)?.id;
    check_unused(tx, &Key::Subnet(id), format!("The subnet '{id}' has dependencies and cannot be deleted."))?;
    if let Some(acl) = tx.network_acls.values().find(|acl| acl.associations.contains_key(&id)).cloned() {
        let mut acl = NetworkAcl::clone(&acl);
        acl.associations.remove(&id);
        tx.put(acl);
    }
    let is_it = |table: &RouteTable| table.associations.iter().any(|association| association.subnet == Some(id));
    if let Some(table) = tx.route_tables.values().find(|table| is_it(table)).cloned() {
        let mut table = RouteTable::clone(&table);
        table.associations.retain(|association| association.subnet != Some(id));
        tx.put(table);
    }
    let reservations: Vec<Key> =
        tx.reservations_of(id).map(|reservation| Key::SubnetCidrReservation(reservation.id)).collect();
    reservations.into_iter().chain([Key::Subnet(id)]).for_each(|key| tx.delete(key));
    Ok(())
}

/// What ModifySubnetAttribute can set.
enum Attribute {
    Is(bool),
    Hostname(HostnameType),
    Pool,
    Index,
}

/// Sets one attribute, as one call may.
pub(super) fn modify_subnet_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ModifySubnetAttributeRequest,
) -> Result<(), ApiError> {
    let mut subnet = Subnet::clone(get::<Subnet>(tx, &request.subnet_id)?);
    let (name, attribute) = only_attribute(attributes(&request).into_iter())?;
    match (name, attribute) {
        ("assignIpv6AddressOnCreation", Attribute::Is(true)) if subnet.ipv6_cidrs.is_empty() => {
            return Err(ApiError::invalid_value(format!(
                "Invalid value 'true' for assignIpv6AddressOnCreation. Subnet '{}' must be associated with an IPv6 CIDR",
                subnet.id
            )));
        }
        ("assignIpv6AddressOnCreation", Attribute::Is(value)) => subnet.assign_ipv6_address_on_creation = value,
        ("mapPublicIpOnLaunch", Attribute::Is(value)) => subnet.map_public_ip_on_launch = value,
        ("enableDns64", Attribute::Is(value)) => subnet.enable_dns64 = value,
        ("enableResourceNameDnsARecordOnLaunch", Attribute::Is(value)) => subnet.resource_name_dns_a_record = value,
        ("enableResourceNameDnsAAAARecordOnLaunch", Attribute::Is(value)) => {
            subnet.resource_name_dns_aaaa_record = value;
        }
        ("privateDnsHostnameTypeOnLaunch", Attribute::Hostname(hostname_type)) => subnet.hostname_type = hostname_type,
        // What is on an Outpost alone, and off elsewhere.
        ("mapCustomerOwnedIpOnLaunch", Attribute::Is(false)) | ("disableLniAtDeviceIndex", Attribute::Is(true)) => {}
        _ => return Err(unavailable(name)),
    }
    tx.put(subnet);
    Ok(())
}

/// The attributes that a request sets, by name.
fn attributes(request: &ModifySubnetAttributeRequest) -> Vec<(&'static str, Attribute)> {
    let is = |value: &Option<AttributeBooleanValue>| value.as_ref().and_then(|value| value.value).map(Attribute::Is);
    let hostname = request.private_dns_hostname_type_on_launch.map(|hostname_type| match hostname_type {
        ec2_shapes::HostnameType::IpName => Attribute::Hostname(HostnameType::IpName),
        ec2_shapes::HostnameType::ResourceName => Attribute::Hostname(HostnameType::ResourceName),
    });
    let all = [
        ("assignIpv6AddressOnCreation", is(&request.assign_ipv6_address_on_creation)),
        ("customerOwnedIpv4Pool", request.customer_owned_ipv4_pool.as_ref().map(|_| Attribute::Pool)),
        ("disableLniAtDeviceIndex", is(&request.disable_lni_at_device_index)),
        ("enableDns64", is(&request.enable_dns64)),
        ("enableLniAtDeviceIndex", request.enable_lni_at_device_index.map(|_| Attribute::Index)),
        ("enableResourceNameDnsAAAARecordOnLaunch", is(&request.enable_resource_name_dns_aaaa_record_on_launch)),
        ("enableResourceNameDnsARecordOnLaunch", is(&request.enable_resource_name_dns_a_record_on_launch)),
        ("mapCustomerOwnedIpOnLaunch", is(&request.map_customer_owned_ip_on_launch)),
        ("mapPublicIpOnLaunch", is(&request.map_public_ip_on_launch)),
        ("privateDnsHostnameTypeOnLaunch", hostname),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

pub(super) fn associate_subnet_cidr_block(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateSubnetCidrBlockRequest,
) -> Result<AssociateSubnetCidrBlockResult, ApiError> {
    let mut subnet = Subnet::clone(get::<Subnet>(tx, &request.subnet_id)?);
    check_pools([None, request.ipv6_ipam_pool_id.as_deref()], [None, request.ipv6_netmask_length])?;
    let text = request.ipv6_cidr_block.as_deref().ok_or_else(|| ApiError::missing("ipv6CidrBlock"))?;
    let vpc = tx.vpcs.get(&subnet.vpc).cloned().ok_or_else(ApiError::internal)?;
    let cidr = check_ipv6(tx, &vpc, text)?;
    if !subnet.ipv6_cidrs.is_empty() {
        let message = format!("This network '{}' has met its maximum number of allowed CIDRs: 1", subnet.id);
        return Err(ApiError::new("CidrLimitExceeded", message));
    }
    let block = ipv6_block(context, cidr);
    subnet.ipv6_cidrs.push(block);
    let subnet_id = Some(subnet.id.to_string());
    tx.put(subnet);
    let association = Some(describe::ipv6_shape(&block, SubnetCidrBlockStateCode::Associating));
    Ok(AssociateSubnetCidrBlockResult { ipv6_cidr_block_association: association, subnet_id })
}

pub(super) fn disassociate_subnet_cidr_block(
    _: &Context,
    tx: &mut Transaction,
    request: DisassociateSubnetCidrBlockRequest,
) -> Result<DisassociateSubnetCidrBlockResult, ApiError> {
    let text = &request.association_id;
    let malformed = "InvalidSubnetCidrBlockAssociationID.Malformed";
    let id: SubnetCidrAssociationId = parse_id(text, SubnetCidrAssociationId::PREFIX, malformed)?;
    let block_of = |subnet: &Subnet| subnet.ipv6_cidrs.iter().copied().find(|block| block.association == id);
    let holder = tx.subnets.values().find_map(|subnet| Some((subnet.clone(), block_of(subnet)?)));
    let (subnet, block) = holder.ok_or_else(|| {
        let message = format!("The subnet CIDR block with association ID '{text}' does not exist");
        ApiError::new("InvalidSubnetCidrBlockAssociationID.NotFound", message)
    })?;
    let mut subnet = Subnet::clone(&subnet);
    let refused = |why: &str| {
        let message = format!("The subnet CIDR block with association ID {id} may not be disassociated. {why}");
        Err(ApiError::new("OperationNotPermitted", message))
    };
    if subnet.assign_ipv6_address_on_creation {
        return refused("The subnet assigns IPv6 addresses on creation");
    }
    if is_ipv6_in_use(tx, subnet.id) {
        return refused("Network interfaces have addresses of it");
    }
    if tx.reservations_of(subnet.id).any(|reservation| reservation.cidr.overlaps(Cidr::Ipv6(block.cidr))) {
        return refused("Parts of it are reserved");
    }
    subnet.ipv6_cidrs.retain(|other| other.association != id);
    let subnet_id = Some(subnet.id.to_string());
    tx.put(subnet);
    let association = Some(describe::ipv6_shape(&block, SubnetCidrBlockStateCode::Disassociating));
    Ok(DisassociateSubnetCidrBlockResult { ipv6_cidr_block_association: association, subnet_id })
}

/// Whether an interface of the subnet has an IPv6 address.
fn is_ipv6_in_use(tx: &Transaction, subnet: SubnetId) -> bool {
    tx.interfaces.values().any(|interface| interface.subnet == subnet && !interface.ipv6.is_empty())
}
