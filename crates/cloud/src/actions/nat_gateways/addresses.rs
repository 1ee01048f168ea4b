//! The addresses of NAT gateways, and the actions that add and take away secondary ones.
//!
//! On AWS an address that is taken away serves its connections until they end, at most for `MaxDrainDurationSeconds`;
//! here it goes a moment later.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ec2_shapes::{
    AssignPrivateNatGatewayAddressRequest, AssignPrivateNatGatewayAddressResult, AssociateNatGatewayAddressRequest,
    AssociateNatGatewayAddressResult, DisassociateNatGatewayAddressRequest, DisassociateNatGatewayAddressResult,
    UnassignPrivateNatGatewayAddressRequest, UnassignPrivateNatGatewayAddressResult,
};
use types::{AddressAssociationId, AllocationId, NetworkInterfaceId, Timestamp};

use super::create::check_distinct;
use super::shown_addresses;
use crate::actions::addresses::associate;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{get, parse_id};
use crate::quotas::{self, Quota};
use crate::resource::{
    Address, NatGateway, NatGatewayAddress, NatGatewayAddressStatus as Status, NatGatewayElastic, NatGatewayState,
    NetworkInterface, SecondaryAddress, Subnet,
};
use crate::settle::SETTLE_MS;
use crate::state::Tables;
use crate::transaction::Transaction;

/// A private address that a request names, if it is one of the subnet and free.
pub(super) fn check_private(tables: &Tables, subnet: &Subnet, text: &str) -> Result<Ipv4Addr, ApiError> {
    let ip: Ipv4Addr =
        text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for IPv4 address.")))?;
    if !subnet.may_use(ip) {
        let message = format!("Address {ip} does not fall within the subnet's address range");
        return Err(ApiError::invalid_value(message));
    }
    if tables.private_addresses.contains_key(&(subnet.vpc, ip)) {
        return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {ip} is in use")));
    }
    Ok(ip)
}

/// How many addresses a request wants to be chosen.
pub(super) fn check_chosen(count: i32, parameter: &str) -> Result<usize, ApiError> {
    usize::try_from(count).ok().filter(|count| (1..=31).contains(count)).ok_or_else(|| {
        let message = format!("Value ({count}) for parameter {parameter} is invalid. Expecting a value from 1 to 31.");
        ApiError::invalid_value(message)
    })
}

/// Checks that a gateway may have this many addresses in all.
pub(super) fn check_count(context: &Context, is_public: bool, count: usize) -> Result<(), ApiError> {
    let quota = if is_public { Quota::ElasticIpsPerNatGateway } else { Quota::PrivateIpsPerNatGateway };
    quotas::check(context, quota, count.saturating_sub(1))
}

/// The addresses of a gateway's interface, as they come to be.
pub(super) struct GatewayAddresses<'a> {
    pub context: &'a Context,
    pub interface: NetworkInterfaceId,
}

impl GatewayAddresses<'_> {
    /// Lists private addresses that the interface has in the gateway, each with the Elastic one at its place, if there is
    /// one, associated with it.
    pub(super) fn add(
        &self,
        tx: &mut Transaction,
        gateway: &mut NatGateway,
        private: &[Ipv4Addr],
        allocations: &[AllocationId],
    ) {
        let until = Some(self.context.now.plus_ms(SETTLE_MS));
        for (at, &private_ip) in private.iter().enumerate() {
            let address = allocations.get(at).and_then(|allocation| tx.addresses.get(allocation)).cloned();
            let elastic = address.map(|address| NatGatewayElastic {
                allocation: address.allocation,
                association: associate(self.context, tx, &address, self.interface, private_ip),
                ip: address.ip,
            });
            let status = if elastic.is_some() { Status::Associating } else { Status::Assigning };
            gateway.addresses.push(NatGatewayAddress { interface: self.interface, private_ip, elastic, status, until });
        }
    }

    /// Gives the interface further private addresses: those named, then as many that are free.
    fn extend(&self, tx: &mut Transaction, named: &[Ipv4Addr], more: usize) -> Result<Vec<Ipv4Addr>, ApiError> {
        let mut added = Vec::new();
        for at in 0..named.len() + more {
            let interface = tx.interfaces.get(&self.interface).cloned().ok_or_else(ApiError::internal)?;
            let ip = match named.get(at) {
                Some(ip) => *ip,
                None => tx.free_private_address(self.context, interface.subnet)?,
            };
            let mut interface = NetworkInterface::clone(&interface);
            interface.secondary.push(SecondaryAddress { ip, public: None });
            tx.put(interface);
            added.push(ip);
        }
        Ok(added)
    }
}

/// A gateway whose addresses can be changed, with its subnet and interface.
struct Open {
    gateway: NatGateway,
    subnet: Arc<Subnet>,
    interface: NetworkInterfaceId,
}

impl Open {
    /// The gateway of this id, if it works, is of this kind, and none of its addresses is on the way out.
    fn new(tables: &Tables, text: &str, is_public: bool) -> Result<Self, ApiError> {
        let gateway = NatGateway::clone(get::<NatGateway>(tables, text)?);
        if gateway.state == NatGatewayState::Deleted {
            return Err(NatGateway::KIND.not_found(&[text]));
        }
        if gateway.is_public != is_public {
            let wanted = if is_public { "public" } else { "private" };
            return Err(ApiError::new("InvalidParameter", format!("The NAT gateway {text} is not a {wanted} one.")));
        }
        let is_leaving = |it: &NatGatewayAddress| matches!(it.status, Status::Unassigning | Status::Disassociating);
        if gateway.state != NatGatewayState::Available || gateway.addresses.iter().any(is_leaving) {
            let message = format!("The NAT gateway {text} is not in a state in which its addresses can be changed.");
            return Err(ApiError::new("IncorrectState", message));
        }
        let interface = gateway.addresses.first().map(|it| it.interface).ok_or_else(ApiError::internal)?;
        let subnet = tables.subnets.get(&gateway.subnet).cloned().ok_or_else(ApiError::internal)?;
        Ok(Self { gateway, subnet, interface })
    }

    /// The named private addresses, checked.
    fn named(&self, tables: &Tables, texts: &[String]) -> Result<Vec<Ipv4Addr>, ApiError> {
        let named =
            texts.iter().map(|text| check_private(tables, &self.subnet, text)).collect::<Result<Vec<_>, _>>()?;
        check_distinct(&named)?;
        Ok(named)
    }

    /// Marks the addresses at these places as on the way out, and gives them as answers show them.
    fn leave(
        mut self,
        context: &Context,
        tx: &mut Transaction,
        places: &[usize],
        status: Status,
    ) -> Vec<ec2_shapes::NatGatewayAddress> {
        let until: Option<Timestamp> = Some(context.now.plus_ms(SETTLE_MS));
        for &place in places {
            self.gateway.addresses[place].status = status;
            self.gateway.addresses[place].until = until;
        }
        let shown = shown_addresses(&self.gateway, |it| it.status == status);
        tx.put(self.gateway);
        shown
    }
}

/// Checks how long connections may go on. They do not here, but a value that AWS refuses is refused.
fn check_drain(seconds: Option<i32>) -> Result<(), ApiError> {
    match seconds {
        Some(seconds) if !(1..=4000).contains(&seconds) => Err(ApiError::invalid_value(format!(
            "Value ({seconds}) for parameter MaxDrainDurationSeconds is invalid. Expecting a value from 1 to 4000."
        ))),
        _ => Ok(()),
    }
}

pub(in crate::actions) fn associate_nat_gateway_address(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateNatGatewayAddressRequest,
) -> Result<AssociateNatGatewayAddressResult, ApiError> {
    let mut open = Open::new(tx, &request.nat_gateway_id, true)?;
    if request.availability_zone.is_some() || request.availability_zone_id.is_some() {
        let message = "An Availability Zone can be specified only for a regional NAT gateway";
        return Err(ApiError::invalid_combination(message));
    }
    if request.allocation_ids.is_empty() {
        return Err(ApiError::missing("AllocationId"));
    }
    let mut allocations = Vec::new();
    for text in &request.allocation_ids {
        let address = get::<Address>(tx, text)?;
        if address.association.is_some() {
            let message = format!("Elastic IP address {text} is already associated");
            return Err(ApiError::new("Resource.AlreadyAssociated", message));
        }
        allocations.push(address.allocation);
    }
    check_distinct(&allocations)?;
    let named = open.named(tx, &request.private_ip_addresses)?;
    if named.len() > allocations.len() {
        return Err(ApiError::invalid_combination("There are more private IP addresses than allocation IDs"));
    }
    check_count(context, true, open.gateway.addresses.len() + allocations.len())?;
    let addresses = GatewayAddresses { context, interface: open.interface };
    let private = addresses.extend(tx, &named, allocations.len() - named.len())?;
    addresses.add(tx, &mut open.gateway, &private, &allocations);
    let nat_gateway_addresses = shown_addresses(&open.gateway, |it| private.contains(&it.private_ip));
    tx.put(open.gateway);
    Ok(AssociateNatGatewayAddressResult { nat_gateway_addresses, nat_gateway_id: Some(request.nat_gateway_id) })
}

pub(in crate::actions) fn disassociate_nat_gateway_address(
    context: &Context,
    tx: &mut Transaction,
    request: DisassociateNatGatewayAddressRequest,
) -> Result<DisassociateNatGatewayAddressResult, ApiError> {
    let open = Open::new(tx, &request.nat_gateway_id, true)?;
    check_drain(request.max_drain_duration_seconds)?;
    if request.association_ids.is_empty() {
        return Err(ApiError::missing("AssociationId"));
    }
    let mut places = Vec::new();
    for text in &request.association_ids {
        let id: AddressAssociationId = parse_id(text, AddressAssociationId::PREFIX, "InvalidAssociationID.Malformed")?;
        let has = |it: &NatGatewayAddress| it.elastic.is_some_and(|elastic| elastic.association == id);
        match open.gateway.addresses.iter().position(has) {
            Some(0) => {
                return Err(ApiError::invalid_value("You cannot disassociate the primary EIP of a NAT gateway."));
            }
            Some(place) => places.push(place),
            None => {
                let message = format!("The association ID '{text}' does not exist");
                return Err(ApiError::new("InvalidAssociationID.NotFound", message));
            }
        }
    }
    let nat_gateway_addresses = open.leave(context, tx, &places, Status::Disassociating);
    Ok(DisassociateNatGatewayAddressResult { nat_gateway_addresses, nat_gateway_id: Some(request.nat_gateway_id) })
}

pub(in crate::actions) fn assign_private_nat_gateway_address(
    context: &Context,
    tx: &mut Transaction,
    request: AssignPrivateNatGatewayAddressRequest,
) -> Result<AssignPrivateNatGatewayAddressResult, ApiError> {
    let mut open = Open::new(tx, &request.nat_gateway_id, false)?;
    let named = open.named(tx, &request.private_ip_addresses)?;
    let more = match request.private_ip_address_count {
        Some(_) if !named.is_empty() => {
            return Err(ApiError::invalid_combination(
                "The parameter PrivateIpAddressCount cannot be used with the parameter PrivateIpAddress",
            ));
        }
        Some(count) => check_chosen(count, "PrivateIpAddressCount")?,
        None if named.is_empty() => return Err(ApiError::missing("PrivateIpAddress or PrivateIpAddressCount")),
        None => 0,
    };
    check_count(context, false, open.gateway.addresses.len() + named.len() + more)?;
    let addresses = GatewayAddresses { context, interface: open.interface };
    let private = addresses.extend(tx, &named, more)?;
    addresses.add(tx, &mut open.gateway, &private, &[]);
    let nat_gateway_addresses = shown_addresses(&open.gateway, |it| private.contains(&it.private_ip));
    tx.put(open.gateway);
    Ok(AssignPrivateNatGatewayAddressResult { nat_gateway_addresses, nat_gateway_id: Some(request.nat_gateway_id) })
}

pub(in crate::actions) fn unassign_private_nat_gateway_address(
    context: &Context,
    tx: &mut Transaction,
    request: UnassignPrivateNatGatewayAddressRequest,
) -> Result<UnassignPrivateNatGatewayAddressResult, ApiError> {
    let open = Open::new(tx, &request.nat_gateway_id, false)?;
    check_drain(request.max_drain_duration_seconds)?;
    if request.private_ip_addresses.is_empty() {
        return Err(ApiError::missing("PrivateIpAddress"));
    }
    let mut places = Vec::new();
    for text in &request.private_ip_addresses {
        match open.gateway.addresses.iter().position(|it| text.parse() == Ok(it.private_ip)) {
            Some(0) => {
                let message = "You cannot unassign the primary private IP address of a NAT gateway.";
                return Err(ApiError::invalid_value(message));
            }
            Some(place) => places.push(place),
            None => {
                let id = open.gateway.id;
                let message = format!("The private IP address {text} is not assigned to the NAT gateway {id}");
                return Err(ApiError::invalid_value(message));
            }
        }
    }
    let nat_gateway_addresses = open.leave(context, tx, &places, Status::Unassigning);
    Ok(UnassignPrivateNatGatewayAddressResult { nat_gateway_addresses, nat_gateway_id: Some(request.nat_gateway_id) })
}
