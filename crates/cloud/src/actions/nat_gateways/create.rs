//! CreateNatGateway.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ec2_shapes::{AvailabilityMode, ConnectivityType, CreateNatGatewayRequest, CreateNatGatewayResult};
use types::{AllocationId, NatGatewayId};

use super::Row;
use super::addresses::{GatewayAddresses, check_count, check_private};
use crate::actions::network_interfaces::{NewInterface, managed_by, new_interface};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::query::get;
use crate::quotas::{self, Quota};
use crate::resource::{
    Address, InterfaceManager, InterfaceType, NatGateway, NatGatewayFailure, NatGatewayState, Subnet,
};
use crate::state::Tables;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// Who asks for the interfaces of NAT gateways, as `requesterId` says it.
const REQUESTER: &str = "amazon-aws";

pub(in crate::actions) fn create_nat_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateNatGatewayRequest,
) -> Result<CreateNatGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["natgateway"])?;
    let token = request.client_token.as_deref();
    let id = idempotency::once(context, tx, "CreateNatGateway", token, &request, |tx| {
        let wanted = Wanted::new(context, tx, &request)?;
        let gateway = wanted.make(context, tx)?;
        tags.put(tx, "natgateway", gateway);
        Ok(gateway.to_string())
    })?;
    let nat_gateway = Row { tables: tx, gateway: get::<NatGateway>(tx, &id)? }.to_shape();
    Ok(CreateNatGatewayResult { client_token: request.client_token, nat_gateway: Some(nat_gateway) })
}

/// What a request asks for, checked as far as it is checked before there is a gateway.
struct Wanted {
    subnet: Arc<Subnet>,
    is_public: bool,
    /// The Elastic IP addresses, the primary one first; none for a private gateway.
    allocations: Vec<AllocationId>,
    /// The primary private address, where it was named.
    private_ip: Option<Ipv4Addr>,
    /// The further private addresses that were named.
    secondary: Vec<Ipv4Addr>,
    /// How many further private addresses are chosen.
    more_secondary: usize,
}

impl Wanted {
    fn new(context: &Context, tables: &Tables, request: &CreateNatGatewayRequest) -> Result<Self, ApiError> {
        check_mode(request)?;
        let subnet = request.subnet_id.as_deref().ok_or_else(|| ApiError::missing("SubnetId"))?;
        let subnet = Arc::clone(get::<Subnet>(tables, subnet)?);
        let is_public = request.connectivity_type != Some(ConnectivityType::Private);
        let allocations = if is_public { public_addresses(request)? } else { no_public_addresses(request)? };
        let named = request.private_ip_address.iter().chain(&request.secondary_private_ip_addresses);
        let mut named = named.map(|text| check_private(tables, &subnet, text)).collect::<Result<Vec<_>, _>>()?;
        check_distinct(&named)?;
        let private_ip = request.private_ip_address.as_ref().map(|_| named.remove(0));
        let more_secondary = if is_public {
            // Each further Elastic IP address has a private one.
            (allocations.len() - 1).saturating_sub(named.len())
        } else {
            chosen_count(request)?
        };
        let count = 1 + named.len() + more_secondary;
        check_count(context, is_public, count)?;
        let in_zone = |gateway: &NatGateway| {
            use NatGatewayState::{Available, Deleting, Pending};
            gateway.zone == subnet.zone && matches!(gateway.state, Pending | Available | Deleting)
        };
        let present = tables.nat_gateways.values().filter(|gateway| in_zone(gateway)).count();
        quotas::check(context, Quota::NatGatewaysPerZone, present)?;
        Ok(Self { subnet, is_public, allocations, private_ip, secondary: named, more_secondary })
    }

    /// Makes the gateway, or one that will fail.
    fn make(&self, context: &Context, tx: &mut Transaction) -> Result<NatGatewayId, ApiError> {
        let id = NatGatewayId::from_number(context.id_number());
        let mut gateway = NatGateway {
            id,
            vpc: self.subnet.vpc,
            subnet: self.subnet.id,
            zone: self.subnet.zone.clone(),
            is_public: self.is_public,
            state: NatGatewayState::Pending,
            since: context.now,
            created: context.now,
            deleted: None,
            failure: self.obstacle(tx),
            addresses: Vec::new(),
        };
        if gateway.failure.is_none() {
            let manager = InterfaceManager { nat_gateway: Some(id), ..managed_by(context, REQUESTER) };
            let interface = new_interface(
                context,
                tx,
                NewInterface {
                    description: format!("Interface for NAT Gateway {id}"),
                    private_ip: self.private_ip,
                    secondary: self.secondary.clone(),
                    more_secondary: self.more_secondary,
                    source_dest_check: false,
                    interface_type: InterfaceType::NatGateway,
                    manager: Some(manager),
                    ..NewInterface::new(Arc::clone(&self.subnet))
                },
            )?;
            let private: Vec<Ipv4Addr> = interface.private_ips().collect();
            GatewayAddresses { context, interface: interface.id }.add(tx, &mut gateway, &private, &self.allocations);
        }
        tx.put(gateway);
        Ok(id)
    }

    /// What stands in the way of the gateway. Codes and texts are those of the model's `failureMessage`.
    fn obstacle(&self, tables: &Tables) -> Option<NatGatewayFailure> {
        let failure = |code: &str, message: String| Some(NatGatewayFailure { code: code.to_owned(), message });
        for allocation in &self.allocations {
            match tables.addresses.get(allocation).map(AsRef::as_ref) {
                None => {
                    let message =
                        format!("Elastic IP address {allocation} could not be associated with this NAT gateway");
                    return failure("InvalidAllocationID.NotFound", message);
                }
                Some(Address { association: Some(_), .. }) => {
                    let message = format!("Elastic IP address {allocation} is already associated");
                    return failure("Resource.AlreadyAssociated", message);
                }
                Some(_) => {}
            }
        }
        let vpc = self.subnet.vpc;
        if self.is_public && !tables.internet_gateways.values().any(|gateway| gateway.vpc == Some(vpc)) {
            return failure("Gateway.NotAttached", format!("Network {vpc} has no Internet gateway attached"));
        }
        let needed = 1 + self.secondary.len() + self.more_secondary;
        if tables.free_addresses(&self.subnet) < needed as u64 {
            let message = "Subnet has insufficient free addresses to create this NAT gateway".to_owned();
            return failure("InsufficientFreeAddressesInSubnet", message);
        }
        None
    }
}

/// Refuses gateways that span the zones of a VPC.
fn check_mode(request: &CreateNatGatewayRequest) -> Result<(), ApiError> {
    if request.availability_mode == Some(AvailabilityMode::Regional) {
        return Err(ApiError::new("UnsupportedOperation", "A regional NAT gateway is not available."));
    }
    if request.vpc_id.is_some() || !request.availability_zone_addresses.is_empty() {
        return Err(ApiError::invalid_combination(
            "VpcId and AvailabilityZoneAddresses can be specified only for a regional NAT gateway",
        ));
    }
    Ok(())
}

fn public_addresses(request: &CreateNatGatewayRequest) -> Result<Vec<AllocationId>, ApiError> {
    let Some(primary) = request.allocation_id.as_ref().filter(|id| !id.is_empty()) else {
        let message =
            "The request must include the AllocationId parameter. Add the required parameter and retry the request.";
        return Err(ApiError::new("MissingParameter", message));
    };
    if request.secondary_private_ip_address_count.is_some() {
        return Err(ApiError::invalid_combination(
            "SecondaryPrivateIpAddressCount can be specified only for a private NAT gateway",
        ));
    }
    if request.secondary_private_ip_addresses.len() > request.secondary_allocation_ids.len() {
        return Err(ApiError::invalid_combination(
            "A secondary private IP address of a public NAT gateway needs a secondary allocation ID",
        ));
    }
    let ids = std::iter::once(primary).chain(&request.secondary_allocation_ids);
    let ids = ids.map(|text| text.parse().map_err(|_| Address::KIND.malformed(text))).collect::<Result<Vec<_>, _>>()?;
    check_distinct(&ids)?;
    Ok(ids)
}

fn no_public_addresses(request: &CreateNatGatewayRequest) -> Result<Vec<AllocationId>, ApiError> {
    if request.allocation_id.is_some() || !request.secondary_allocation_ids.is_empty() {
        return Err(ApiError::invalid_combination(
            "You cannot specify an Elastic IP address with a private NAT gateway",
        ));
    }
    Ok(Vec::new())
}

/// How many further private addresses a request for a private gateway wants to be chosen.
fn chosen_count(request: &CreateNatGatewayRequest) -> Result<usize, ApiError> {
    match request.secondary_private_ip_address_count {
        None => Ok(0),
        Some(_) if !request.secondary_private_ip_addresses.is_empty() => Err(ApiError::invalid_combination(
            "SecondaryPrivateIpAddressCount cannot be used with SecondaryPrivateIpAddresses",
        )),
        Some(count) => super::addresses::check_chosen(count, "SecondaryPrivateIpAddressCount"),
    }
}

/// Refuses a list that names something twice.
pub(super) fn check_distinct<T: Ord + std::fmt::Display>(items: &[T]) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    match items.iter().find(|item| !seen.insert(*item)) {
        Some(twice) => Err(ApiError::invalid_value(format!("{twice} is specified more than once."))),
        None => Ok(()),
    }
}
