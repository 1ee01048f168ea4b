//! Where a launch puts its instances: subnet, groups, addresses.
//!
//! A launch that names neither subnet nor zone goes to the first zone whose default subnet has room for all of its
//! instances.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ec2_shapes::{InstanceNetworkInterfaceSpecification, Placement, RunInstancesRequest};
use types::*;

use crate::actions::network_interfaces::{
    NewInterface, new_interface, not_found as interface_not_found, parse_interface_id,
};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::parse_id;
use crate::resource::{Attachment, NetworkInterface, PublicAddress, Subnet};
use crate::state::Tables;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// How many groups an interface may carry.
const MAX_GROUPS: usize = 5;

/// The name of the group that every VPC has.
const DEFAULT_GROUP: &str = "default";

/// The primary interface that every instance of a call gets.
pub(super) struct NetworkPlan {
    /// Where it is.
    pub subnet: Arc<Subnet>,
    /// An interface that is there already, for a call that launches one instance.
    pub existing: Option<Arc<NetworkInterface>>,
    groups: Vec<SecurityGroupId>,
    private_ip: Option<Ipv4Addr>,
    auto_public: bool,
    delete_on_termination: bool,
    description: String,
}

/// What requests say about the network: with a network interface or without.
#[derive(Default)]
struct Wanted<'a> {
    subnet: Option<&'a str>,
    group_ids: &'a [String],
    group_names: &'a [String],
    private_ip: Option<&'a str>,
    public: Option<bool>,
    interface: Option<&'a str>,
    delete_on_termination: Option<bool>,
    description: Option<&'a str>,
}

/// Where client tokens must differ: the zone, where the request says one or names a subnet, else the region.
pub(super) fn token_scope(context: &Context, tables: &Tables, request: &RunInstancesRequest) -> String {
    let in_interface = request.network_interfaces.iter().find_map(|interface| interface.subnet_id.as_deref());
    let subnet = request.subnet_id.as_deref().or(in_interface);
    let zone_of_subnet = subnet.and_then(|id| id.parse::<SubnetId>().ok()).and_then(|id| tables.subnets.get(&id));
    let zone = request.placement.as_ref().and_then(|placement| placement.availability_zone.clone());
    zone.or_else(|| zone_of_subnet.map(|subnet| subnet.zone.to_string())).unwrap_or_else(|| context.region.to_string())
}

impl NetworkPlan {
    /// Checks what a request says about the network.
    pub(super) fn new(tx: &Transaction, request: &RunInstancesRequest) -> Result<Self, ApiError> {
        let wanted = Wanted::new(request)?;
        if request.max_count > 1 && (wanted.private_ip.is_some() || wanted.interface.is_some()) {
            let name = if wanted.interface.is_some() { "networkInterfaceId" } else { "privateIpAddress" };
            return Err(ApiError::invalid_combination(format!(
                "The parameter {name} cannot be used when launching more than one instance"
            )));
        }
        let zone = request.placement.as_ref().map(|placement| find_zone(tx, placement)).transpose()?.flatten();
        if let Some(id) = wanted.interface {
            return Self::with_interface(tx, id, zone.as_ref(), &wanted);
        }
        let subnet = match wanted.subnet {
            Some(id) => find_subnet(tx, id)?,
            None => default_subnet(tx, zone.as_ref(), request.max_count)?,
        };
        check_zone(&subnet, zone.as_ref())?;
        let groups = find_groups(tx, &subnet, &wanted)?;
        let private_ip = wanted.private_ip.map(|ip| check_private_ip(tx, &subnet, ip)).transpose()?;
        Ok(Self {
            existing: None,
            groups,
            private_ip,
            auto_public: wanted.public.unwrap_or(subnet.map_public_ip_on_launch),
            delete_on_termination: wanted.delete_on_termination.unwrap_or(true),
            description: wanted.description.unwrap_or_default().to_owned(),
            subnet,
        })
    }

    /// The plan for an interface that is there already.
    fn with_interface(
        tx: &Transaction,
        id: &str,
        zone: Option<&AvailabilityZone>,
        wanted: &Wanted<'_>,
    ) -> Result<Self, ApiError> {
        let said = [
            (wanted.subnet.is_some(), "subnetId"),
            (!wanted.group_ids.is_empty(), "groups"),
            (wanted.private_ip.is_some(), "privateIpAddress"),
            (wanted.public.is_some(), "associatePublicIpAddress"),
            (wanted.description.is_some(), "description"),
        ];
        if let Some((_, name)) = said.into_iter().find(|(is_said, _)| *is_said) {
            return Err(ApiError::invalid_combination(format!(
                "The parameter {name} cannot be used with the parameter networkInterfaceId"
            )));
        }
        let interface = tx.interfaces.get(&parse_interface_id(id)?).cloned().ok_or_else(|| interface_not_found(id))?;
        if interface.attachment.is_some() {
            let message = format!("Interface: [{id}] in use.");
            return Err(ApiError::new("InvalidNetworkInterface.InUse", message));
        }
        let subnet = tx.subnets.get(&interface.subnet).cloned().ok_or_else(ApiError::internal)?;
        check_zone(&subnet, zone)?;
        Ok(Self {
            groups: interface.groups.clone(),
            private_ip: Some(interface.private_ip),
            auto_public: false,
            delete_on_termination: wanted.delete_on_termination.unwrap_or(false),
            description: String::new(),
            existing: Some(interface),
            subnet,
        })
    }

    /// For how many instances there is room in the subnets; `None` where nothing there bounds them.
    pub(super) fn room(&self, tables: &Tables) -> Option<u64> {
        self.existing.is_none().then(|| tables.free_addresses(&self.subnet))
    }

    /// Makes the interfaces of an instance, the primary one first; attaches those that are there.
    pub(super) fn make_interfaces(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        instance: InstanceId,
    ) -> Result<Vec<NetworkInterfaceId>, ApiError> {
        Ok(vec![self.make_interface(context, tx, tags, instance)?])
    }

    /// Makes the interface of an instance, or attaches the one that is there.
    fn make_interface(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        instance: InstanceId,
    ) -> Result<NetworkInterfaceId, ApiError> {
        let attachment = Some(Attachment {
            id: NetworkInterfaceAttachmentId::from_number(context.id_number()),
            instance,
            device_index: 0,
            attach_time: context.now,
            delete_on_termination: self.delete_on_termination,
        });
        if let Some(interface) = &self.existing {
            tx.put(NetworkInterface { attachment, ..NetworkInterface::clone(interface) });
            return Ok(interface.id);
        }
        let interface = new_interface(
            context,
            tx,
            NewInterface {
                description: self.description.clone(),
                groups: self.groups.clone(),
                private_ip: self.private_ip,
                ..NewInterface::new(Arc::clone(&self.subnet))
            },
        )?;
        let id = interface.id;
        let public = if self.auto_public {
            Some(PublicAddress { ip: tx.free_public_address(context)?, elastic: None })
        } else {
            None
        };
        tx.put(NetworkInterface { public, auto_public: self.auto_public, attachment, ..interface });
        tags.put(tx, "network-interface", id);
        Ok(id)
    }
}

impl<'a> Wanted<'a> {
    fn new(request: &'a RunInstancesRequest) -> Result<Self, ApiError> {
        let not_empty = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
        let at_top = Self {
            subnet: not_empty(&request.subnet_id),
            group_ids: &request.security_group_ids,
            group_names: &request.security_groups,
            private_ip: not_empty(&request.private_ip_address),
            ..Self::default()
        };
        let interface = match request.network_interfaces.as_slice() {
            [] => return Ok(at_top),
            [one] => one,
            [_, second, ..] => {
                return Err(unavailable(&format!(
                    "A network interface beside the primary one (DeviceIndex {})",
                    second.device_index.unwrap_or_default()
                )));
            }
        };
        at_top.refuse_beside_interface()?;
        check_specification(interface)?;
        Ok(Self {
            subnet: not_empty(&interface.subnet_id),
            group_ids: &interface.groups,
            group_names: &[],
            private_ip: not_empty(&interface.private_ip_address).or(primary_address(interface)?),
            public: interface.associate_public_ip_address,
            interface: not_empty(&interface.network_interface_id),
            delete_on_termination: interface.delete_on_termination,
            description: not_empty(&interface.description),
        })
    }

    /// Refuses what must be said inside the network interface where there is one.
    fn refuse_beside_interface(&self) -> Result<(), ApiError> {
        let said = [
            (self.subnet.is_some(), "subnet ID"),
            (!self.group_ids.is_empty() || !self.group_names.is_empty(), "security groups"),
            (self.private_ip.is_some(), "private address"),
        ];
        match said.into_iter().find(|(is_said, _)| *is_said) {
            Some((_, what)) => Err(ApiError::invalid_combination(format!(
                "Network interfaces and an instance-level {what} may not be specified on the same request"
            ))),
            None => Ok(()),
        }
    }
}

/// Refuses what a network interface cannot have here.
fn check_specification(interface: &InstanceNetworkInterfaceSpecification) -> Result<(), ApiError> {
    match interface.device_index {
        Some(0) => {}
        None if interface.network_interface_id.is_some() => {}
        None => {
            return Err(ApiError::missing("NetworkInterface.1.DeviceIndex"));
        }
        Some(_) => {
            return Err(ApiError::invalid_value("A launch must have a network interface with the device index 0."));
        }
    }
    let is_more = |count: Option<i32>| count.is_some_and(|count| count != 0);
    let asked = [
        (interface.associate_carrier_ip_address == Some(true), "AssociateCarrierIpAddress"),
        (interface.connection_tracking_specification.is_some(), "ConnectionTrackingSpecification"),
        (interface.ena_queue_count.is_some(), "EnaQueueCount"),
        (interface.ena_srd_specification.as_ref().and_then(|s| s.ena_srd_enabled) == Some(true), "EnaSrdSpecification"),
        (interface.interface_type.as_deref().is_some_and(|kind| kind != "interface"), "InterfaceType"),
        (is_more(interface.ipv4_prefix_count) || !interface.ipv4_prefixes.is_empty(), "Ipv4Prefix"),
        (is_more(interface.ipv6_address_count) || !interface.ipv6_addresses.is_empty(), "Ipv6Addresses"),
        (is_more(interface.ipv6_prefix_count) || !interface.ipv6_prefixes.is_empty(), "Ipv6Prefix"),
        (is_more(interface.network_card_index), "NetworkCardIndex"),
        (interface.primary_ipv6 == Some(true), "PrimaryIpv6"),
        (is_more(interface.secondary_private_ip_address_count), "SecondaryPrivateIpAddressCount"),
        (interface.private_ip_addresses.len() > 1, "PrivateIpAddresses with more than one address"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(&format!("NetworkInterface.{name}"))),
        None => Ok(()),
    }
}

/// The address of a list of one, which must be the primary one.
fn primary_address(interface: &InstanceNetworkInterfaceSpecification) -> Result<Option<&str>, ApiError> {
    let Some(address) = interface.private_ip_addresses.first() else { return Ok(None) };
    if interface.private_ip_address.is_some() || address.primary != Some(true) {
        return Err(unavailable("A secondary private address (NetworkInterface.PrivateIpAddresses)"));
    }
    Ok(address.private_ip_address.as_deref())
}

/// The zone that a placement names, if it names one.
fn find_zone(tx: &Transaction, placement: &Placement) -> Result<Option<AvailabilityZone>, ApiError> {
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

fn check_zone(subnet: &Subnet, wanted: Option<&AvailabilityZone>) -> Result<(), ApiError> {
    match wanted {
        Some(zone) if *zone != subnet.zone => Err(ApiError::invalid_value(format!(
            "The subnet '{}' is in the availability zone {}, not in {zone}.",
            subnet.id, subnet.zone
        ))),
        _ => Ok(()),
    }
}

fn find_subnet(tables: &Tables, text: &str) -> Result<Arc<Subnet>, ApiError> {
    let id: SubnetId = parse_id(text, SubnetId::PREFIX, "InvalidSubnetID.Malformed")?;
    tables
        .subnets
        .get(&id)
        .cloned()
        .ok_or_else(|| ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{text}' does not exist")))
}

/// The default subnet of the zone, or the first with room for `count` instances; where none has, the emptiest.
fn default_subnet(tables: &Tables, zone: Option<&AvailabilityZone>, count: i32) -> Result<Arc<Subnet>, ApiError> {
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
fn find_groups(tables: &Tables, subnet: &Subnet, wanted: &Wanted<'_>) -> Result<Vec<SecurityGroupId>, ApiError> {
    if !wanted.group_names.is_empty() && wanted.subnet.is_some() {
        return Err(ApiError::invalid_combination("The parameter groupName cannot be used with the parameter subnet"));
    }
    let by_id = wanted.group_ids.iter().map(|text| group_by_id(tables, subnet, text));
    let by_name = wanted.group_names.iter().map(|name| group_by_name(tables, subnet, name));
    let mut groups = Vec::new();
    for group in by_id.chain(by_name) {
        let group = group?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    if groups.len() > MAX_GROUPS {
        let message = "The maximum number of security groups per interface has been reached.";
        return Err(ApiError::new("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    if groups.is_empty() {
        groups.push(group_by_name(tables, subnet, DEFAULT_GROUP)?);
    }
    Ok(groups)
}

fn group_by_id(tables: &Tables, subnet: &Subnet, text: &str) -> Result<SecurityGroupId, ApiError> {
    let id = parse_id(text, SecurityGroupId::PREFIX, "InvalidGroupId.Malformed")?;
    let group = tables
        .security_groups
        .get(&id)
        .ok_or_else(|| ApiError::new("InvalidGroup.NotFound", format!("The security group '{text}' does not exist")))?;
    if group.vpc != subnet.vpc {
        let message = format!("Security group {text} and subnet {} belong to different networks.", subnet.id);
        return Err(ApiError::new("InvalidParameter", message));
    }
    Ok(id)
}

fn group_by_name(tables: &Tables, subnet: &Subnet, name: &str) -> Result<SecurityGroupId, ApiError> {
    let mut groups = tables.security_groups.values();
    groups.find(|group| group.vpc == subnet.vpc && *group.name == *name).map(|group| group.id).ok_or_else(|| {
        let message = format!("The security group '{name}' does not exist in default VPC '{}'", subnet.vpc);
        ApiError::new("InvalidGroup.NotFound", message)
    })
}

/// A private address that a request asks for, if it is the subnet's to give and free.
fn check_private_ip(tables: &Tables, subnet: &Subnet, text: &str) -> Result<Ipv4Addr, ApiError> {
    let ip: Ipv4Addr =
        text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for privateIpAddress.")))?;
    if !subnet.cidr.contains(ip) {
        return Err(ApiError::invalid_value(format!("Address {ip} does not fall within the subnet's address range")));
    }
    if !subnet.may_use(ip) {
        return Err(ApiError::invalid_value(format!("Address {ip} is in subnet's reserved address range")));
    }
    if tables.private_addresses.contains_key(&(subnet.vpc, ip)) {
        return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {ip} is in use")));
    }
    Ok(ip)
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}
