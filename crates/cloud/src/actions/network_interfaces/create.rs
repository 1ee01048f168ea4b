//! Making network interfaces, and taking them away.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ec2_shapes::{
    ConnectionTrackingSpecificationRequest, CreateNetworkInterfaceRequest, CreateNetworkInterfaceResult,
    DeleteNetworkInterfaceRequest,
};
use types::*;

use super::addressing::{AddressPlan, AddressWish, free_ipv6_address};
use super::{InterfaceView, unavailable};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::get;
use crate::quotas::{self, Quota};
use crate::resource::*;
use crate::state::{Key, Tables};
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// The action's name among client tokens.
const ACTION: &str = "CreateNetworkInterface";

/// The longest description.
const MAX_DESCRIPTION_LEN: usize = 255;

/// The name of the group that every VPC has.
const DEFAULT_GROUP: &str = "default";

/// A network interface that is to be made; all of it was checked.
pub(in crate::actions) struct NewInterface {
    /// Where it is.
    pub subnet: Arc<Subnet>,
    /// What it is for.
    pub description: String,
    /// The groups it carries; none only for what belongs to a service.
    pub groups: Vec<SecurityGroupId>,
    /// Its primary private address; a free one of the subnet where `None`.
    pub private_ip: Option<Ipv4Addr>,
    /// Further private addresses.
    pub secondary: Vec<Ipv4Addr>,
    /// How many more are chosen from what is free.
    pub more_secondary: usize,
    /// Its IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// How many more are chosen from what is free.
    pub more_ipv6: usize,
    /// Whether the first of them stays with it.
    pub primary_ipv6: bool,
    /// Whether packets must be from or to its own addresses.
    pub source_dest_check: bool,
    /// What kind it is.
    pub interface_type: InterfaceType,
    /// The service it belongs to.
    pub manager: Option<InterfaceManager>,
    /// How long idle connections are tracked.
    pub connection_tracking: ConnectionTracking,
}

impl NewInterface {
    /// One of which no more is said than where it is.
    pub(in crate::actions) fn new(subnet: Arc<Subnet>) -> Self {
        Self::addressed(subnet, AddressPlan::default())
    }

    /// One with these addresses.
    pub(in crate::actions) fn addressed(subnet: Arc<Subnet>, plan: AddressPlan) -> Self {
        Self {
            subnet,
            description: String::new(),
            groups: Vec::new(),
            private_ip: plan.private_ip,
            secondary: plan.secondary,
            more_secondary: plan.more_secondary,
            ipv6: plan.ipv6,
            more_ipv6: plan.more_ipv6,
            primary_ipv6: plan.primary_ipv6,
            source_dest_check: true,
            interface_type: InterfaceType::Interface,
            manager: None,
            connection_tracking: ConnectionTracking::default(),
        }
    }
}

/// The manager of an interface that a service asks for; `requester` is what answers give as `requesterId`.
pub(in crate::actions) fn managed_by(context: &Context, requester: &str) -> InterfaceManager {
    InterfaceManager {
        requester: requester.into(),
        attachment: NetworkInterfaceAttachmentId::from_number(context.id_number()),
        attach_time: context.now,
        nat_gateway: None,
    }
}

/// Makes a network interface and gives what was stored.
///
/// # Errors
/// `InsufficientFreeAddressesInSubnet` where the subnet has no address left, `NetworkInterfaceLimitExceeded`.
pub(in crate::actions) fn new_interface(
    context: &Context,
    tx: &mut Transaction,
    new: NewInterface,
) -> Result<NetworkInterface, ApiError> {
    quotas::check(context, Quota::NetworkInterfaces, tx.interfaces.len())?;
    let id = NetworkInterfaceId::from_number(context.id_number());
    let private_ip = match new.private_ip {
        Some(ip) => ip,
        None => tx.free_private_address(context, new.subnet.id)?,
    };
    let mac = MacAddress::local(context.random());
    let mut interface = NetworkInterface {
        description: new.description,
        groups: new.groups,
        source_dest_check: new.source_dest_check,
        interface_type: new.interface_type,
        manager: new.manager,
        secondary: new.secondary.into_iter().map(|ip| SecondaryAddress { ip, public: None }).collect(),
        ipv6: new.ipv6,
        primary_ipv6: new.primary_ipv6,
        connection_tracking: new.connection_tracking,
        ..NetworkInterface::new(id, &new.subnet, mac, private_ip)
    };
    tx.put(interface.clone());
    add_free_addresses(context, tx, &mut interface, new.more_secondary, new.more_ipv6)?;
    Ok(interface)
}

/// Adds so many addresses to an interface, from what is free.
pub(super) fn add_free_addresses(
    context: &Context,
    tx: &mut Transaction,
    interface: &mut NetworkInterface,
    ipv4: usize,
    ipv6: usize,
) -> Result<(), ApiError> {
    // What is free is seen from what is stored.
    for _ in 0..ipv4 {
        let ip = tx.free_private_address(context, interface.subnet)?;
        interface.secondary.push(SecondaryAddress { ip, public: None });
        tx.put(interface.clone());
    }
    for _ in 0..ipv6 {
        interface.ipv6.push(free_ipv6_address(context, tx, interface.subnet)?);
        tx.put(interface.clone());
    }
    Ok(())
}

/// Takes an interface away: its Elastic IP addresses are free again, its permissions are gone.
pub(crate) fn delete_interface(tx: &mut Transaction, id: NetworkInterfaceId) {
    let is_here = |address: &&Arc<Address>| address.association.is_some_and(|(_, at)| at == id);
    let held: Vec<Arc<Address>> = tx.addresses.values().filter(is_here).cloned().collect();
    for address in held {
        tx.put(Address { association: None, ..Address::clone(&address) });
    }
    let permissions: Vec<_> = tx.interface_permissions.values().filter(|p| p.interface == id).map(|p| p.id).collect();
    for permission in permissions {
        tx.delete(Key::NetworkInterfacePermission(permission));
    }
    tx.delete(Key::NetworkInterface(id));
}

pub(in crate::actions) fn create_network_interface(
    context: &Context,
    tx: &mut Transaction,
    request: CreateNetworkInterfaceRequest,
) -> Result<CreateNetworkInterfaceResult, ApiError> {
    let token = request.client_token.as_deref().unwrap_or_default();
    let parameters = idempotency::digest(&CreateNetworkInterfaceRequest { dry_run: None, ..request.clone() });
    if let Some(made) = idempotency::check(context, tx, ACTION, "", token, &parameters)? {
        return Ok(answer(context, tx, get::<NetworkInterface>(tx, &made)?, &request));
    }
    refuse_unavailable(&request)?;
    let subnet = Arc::clone(get::<Subnet>(tx, &request.subnet_id)?);
    let groups = find_groups(context, tx, subnet.vpc, subnet.id, &request.groups)?;
    let description = request.description.clone().unwrap_or_default();
    check_description(&description)?;
    let connection_tracking = connection_tracking(request.connection_tracking_specification.as_ref())?;
    let wish = AddressWish {
        primary: request.private_ip_address.as_deref().filter(|text| !text.is_empty()),
        listed: &request.private_ip_addresses,
        secondary_count: request.secondary_private_ip_address_count,
        ipv6: &request.ipv6_addresses,
        ipv6_count: request.ipv6_address_count,
        primary_ipv6: request.enable_primary_ipv6 == Some(true),
    };
    let plan = AddressPlan::new(tx, &subnet, wish)?;
    let tags = NewTags::new(&request.tag_specifications, &["network-interface"])?;
    let new = NewInterface { description, groups, connection_tracking, ..NewInterface::addressed(subnet, plan) };
    let made = new_interface(context, tx, new)?;
    tags.put(tx, "network-interface", made.id);
    idempotency::remember(context, tx, ACTION, "", token, parameters, made.id.to_string());
    Ok(answer(context, tx, &made, &request))
}

fn answer(
    context: &Context,
    tables: &Tables,
    interface: &NetworkInterface,
    request: &CreateNetworkInterfaceRequest,
) -> CreateNetworkInterfaceResult {
    CreateNetworkInterfaceResult {
        client_token: request.client_token.clone().filter(|token| !token.is_empty()),
        network_interface: Some(
            InterfaceView { account: context.account(), tables: tables.into(), interface }.to_shape(),
        ),
    }
}

/// Refuses what an interface cannot have here.
fn refuse_unavailable(request: &CreateNetworkInterfaceRequest) -> Result<(), ApiError> {
    let is_more = |count: Option<i32>| count.is_some_and(|count| count != 0);
    let asked = [
        (request.interface_type.is_some(), "InterfaceType"),
        (is_more(request.ipv4_prefix_count) || !request.ipv4_prefixes.is_empty(), "Ipv4Prefix"),
        (is_more(request.ipv6_prefix_count) || !request.ipv6_prefixes.is_empty(), "Ipv6Prefix"),
        (request.operator.is_some(), "Operator"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(name)),
        None => Ok(()),
    }
}

/// Checks the description of an interface.
pub(in crate::actions) fn check_description(text: &str) -> Result<(), ApiError> {
    if text.chars().count() > MAX_DESCRIPTION_LEN {
        return Err(ApiError::invalid_value(format!(
            "Value ({text}) for parameter description is invalid. Length exceeds maximum of {MAX_DESCRIPTION_LEN}."
        )));
    }
    Ok(())
}

/// How long idle connections are to be tracked.
pub(in crate::actions) fn connection_tracking(
    wanted: Option<&ConnectionTrackingSpecificationRequest>,
) -> Result<ConnectionTracking, ApiError> {
    let Some(wanted) = wanted else { return Ok(ConnectionTracking::default()) };
    let settings = [
        ("tcpEstablishedTimeout", wanted.tcp_established_timeout, 60..=432_000),
        ("udpStreamTimeout", wanted.udp_stream_timeout, 60..=180),
        ("udpTimeout", wanted.udp_timeout, 30..=60),
    ];
    for (name, value, allowed) in settings {
        if let Some(value) = value.filter(|value| !allowed.contains(value)) {
            return Err(ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid.")));
        }
    }
    Ok(ConnectionTracking {
        tcp_established_s: wanted.tcp_established_timeout,
        udp_stream_s: wanted.udp_stream_timeout,
        udp_s: wanted.udp_timeout,
    })
}

/// The groups with these ids, each once; the VPC's default group where none is named.
pub(in crate::actions) fn find_groups(
    context: &Context,
    tables: &Tables,
    vpc: VpcId,
    subnet: SubnetId,
    ids: &[String],
) -> Result<Vec<SecurityGroupId>, ApiError> {
    let mut groups = Vec::new();
    for text in ids {
        let group = get::<SecurityGroup>(tables, text)?;
        if !group.serves(vpc) {
            let message = format!("Security group {text} and subnet {subnet} belong to different networks.");
            return Err(ApiError::new("InvalidParameter", message));
        }
        if !groups.contains(&group.id) {
            quotas::check(context, Quota::SecurityGroupsPerInterface, groups.len())?;
            groups.push(group.id);
        }
    }
    if groups.is_empty() {
        let mut of_vpc = tables.security_groups.values();
        let default = of_vpc.find(|group| group.vpc == vpc && &*group.name == DEFAULT_GROUP);
        groups.push(default.ok_or_else(ApiError::internal)?.id);
    }
    Ok(groups)
}

pub(in crate::actions) fn delete_network_interface(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteNetworkInterfaceRequest,
) -> Result<(), ApiError> {
    let interface = Arc::clone(get::<NetworkInterface>(tx, &request.network_interface_id)?);
    if interface.attachment.is_some() || interface.manager.is_some() {
        let message = format!("Network interface '{}' is currently in use.", interface.id);
        return Err(ApiError::invalid_value(message));
    }
    delete_interface(tx, interface.id);
    Ok(())
}
