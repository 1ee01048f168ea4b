//! Where a launch puts its instances: subnets, groups, addresses.
//!
//! A launch that names neither subnet nor zone goes to the first zone whose default subnet has room for all of its
//! instances.

mod places;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use ec2_shapes::RunInstancesRequest;
use types::*;

use self::places::{check_zone, default_subnet, find_groups, find_zone};
use self::wanted::Wanted;
use crate::actions::network_interfaces::{
    AddressPlan, NewInterface, check_description, check_free, check_interface_count, check_network_card,
    check_room_for, connection_tracking, new_interface,
};
use crate::catalog::{DEFAULT_TYPE, InstanceType};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{Attachment, ConnectionTracking, NetworkInterface, PublicAddress, Subnet};
use crate::state::Tables;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// The interfaces that every instance of a call gets.
pub(super) struct NetworkPlan {
    /// Where the primary one is.
    pub subnet: Arc<Subnet>,
    /// All of them, the primary one first.
    interfaces: Vec<Planned>,
}

/// One interface of every instance.
struct Planned {
    device_index: u32,
    delete_on_termination: bool,
    subnet: Arc<Subnet>,
    source: Source,
}

/// Where an interface comes from.
enum Source {
    /// It is there already, for a call that launches one instance.
    Existing(Arc<NetworkInterface>),
    /// It is made.
    New {
        groups: Vec<SecurityGroupId>,
        addresses: AddressPlan,
        auto_public: bool,
        description: String,
        connection_tracking: ConnectionTracking,
    },
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
    pub(super) fn new(context: &Context, tx: &Transaction, request: &RunInstancesRequest) -> Result<Self, ApiError> {
        let wanted = Wanted::all(request)?;
        if request.max_count > 1 {
            refuse_for_several(&wanted)?;
        }
        let name = request.instance_type.as_deref().unwrap_or(DEFAULT_TYPE);
        let instance_type = InstanceType::find(name).ok_or_else(ApiError::internal)?;
        check_interface_count(instance_type, wanted.len())?;
        let mut zone = request.placement.as_ref().map(|placement| find_zone(tx, placement)).transpose()?.flatten();
        let is_single = wanted.len() == 1;
        let mut interfaces: Vec<Planned> = Vec::new();
        for wanted in &wanted {
            check_network_card(instance_type, wanted.network_card)?;
            let planned = match wanted.interface {
                Some(id) => Planned::existing(tx, id, zone.as_ref(), wanted)?,
                None => Planned::new(context, tx, zone.as_ref(), wanted, (request.max_count, is_single))?,
            };
            planned.check_distinct(&interfaces)?;
            planned.check_room_for(instance_type)?;
            zone = Some(planned.subnet.zone.clone());
            interfaces.push(planned);
        }
        Ok(Self { subnet: Arc::clone(&interfaces[0].subnet), interfaces })
    }

    /// For how many instances there is room in the subnets; `None` where nothing there bounds them.
    pub(super) fn room(&self, tables: &Tables) -> Option<u64> {
        let mut needed: BTreeMap<SubnetId, (&Subnet, u64)> = BTreeMap::new();
        for planned in &self.interfaces {
            if let Source::New { addresses, .. } = &planned.source {
                let (_, count) = needed.entry(planned.subnet.id).or_insert((&planned.subnet, 0));
                *count += addresses.ipv4_len() as u64;
            }
        }
        needed.values().map(|(subnet, count)| tables.free_addresses(subnet) / count).min()
    }

    /// Makes the interfaces of an instance, the primary one first; attaches those that are there.
    pub(super) fn make_interfaces(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        instance: InstanceId,
    ) -> Result<Vec<NetworkInterfaceId>, ApiError> {
        self.interfaces.iter().map(|planned| planned.make(context, tx, tags, instance)).collect()
    }
}

/// Refuses what only one instance can have.
fn refuse_for_several(wanted: &[Wanted<'_>]) -> Result<(), ApiError> {
    let names = wanted.iter().find_map(|wanted| {
        let addresses = &wanted.addresses;
        let said = [
            (wanted.interface.is_some(), "networkInterfaceId"),
            (addresses.primary.is_some(), "privateIpAddress"),
            (!addresses.listed.is_empty(), "privateIpAddresses"),
            (!addresses.ipv6.is_empty(), "ipv6Addresses"),
        ];
        said.into_iter().find(|(is_said, _)| *is_said)
    });
    match names {
        Some((_, name)) => Err(ApiError::invalid_combination(format!(
            "The parameter {name} cannot be used when launching more than one instance"
        ))),
        None => Ok(()),
    }
}

impl Planned {
    /// The plan for an interface that is made. It has a public address of its own only where it is `is_single`, the
    /// only one, as on EC2.
    fn new(
        context: &Context,
        tx: &Transaction,
        zone: Option<&AvailabilityZone>,
        wanted: &Wanted<'_>,
        (max_count, is_single): (i32, bool),
    ) -> Result<Self, ApiError> {
        let subnet = match wanted.subnet {
            Some(id) => Arc::clone(get::<Subnet>(tx, id)?),
            None => default_subnet(tx, zone, max_count)?,
        };
        check_zone(&subnet, zone)?;
        if !wanted.group_names.is_empty() && wanted.subnet.is_some() {
            let message = "The parameter groupName cannot be used with the parameter subnet";
            return Err(ApiError::invalid_combination(message));
        }
        let description = wanted.description.unwrap_or_default().to_owned();
        check_description(&description)?;
        let source = Source::New {
            groups: find_groups(context, tx, &subnet, wanted.group_ids, wanted.group_names)?,
            addresses: AddressPlan::new(tx, &subnet, wanted.addresses)?,
            auto_public: is_single && wanted.public.unwrap_or(subnet.map_public_ip_on_launch),
            description,
            connection_tracking: connection_tracking(wanted.connection_tracking)?,
        };
        let delete_on_termination = wanted.delete_on_termination.unwrap_or(true);
        Ok(Self { device_index: wanted.device_index, delete_on_termination, subnet, source })
    }

    /// The plan for an interface that is there already.
    fn existing(
        tx: &Transaction,
        id: &str,
        zone: Option<&AvailabilityZone>,
        wanted: &Wanted<'_>,
    ) -> Result<Self, ApiError> {
        wanted.refuse_beside_existing()?;
        let interface = Arc::clone(get::<NetworkInterface>(tx, id)?);
        check_free(&interface)?;
        let subnet = tx.subnets.get(&interface.subnet).cloned().ok_or_else(ApiError::internal)?;
        check_zone(&subnet, zone)?;
        Ok(Self {
            device_index: wanted.device_index,
            delete_on_termination: wanted.delete_on_termination.unwrap_or(false),
            subnet,
            source: Source::Existing(interface),
        })
    }

    /// Checks that it has nothing that an interface planned before has.
    fn check_distinct(&self, others: &[Self]) -> Result<(), ApiError> {
        for other in others {
            match (&self.source, &other.source) {
                (Source::Existing(one), Source::Existing(other)) if one.id == other.id => {
                    let message = format!("Interface: [{}] in use.", one.id);
                    return Err(ApiError::new("InvalidNetworkInterface.InUse", message));
                }
                (Source::New { addresses, .. }, Source::New { addresses: others, .. })
                    if self.subnet.vpc == other.subnet.vpc =>
                {
                    addresses.check_distinct(others)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that an interface of an instance of this type may have its addresses.
    fn check_room_for(&self, instance_type: &InstanceType) -> Result<(), ApiError> {
        match &self.source {
            Source::Existing(interface) => {
                check_room_for(instance_type, interface.private_ips().count(), interface.ipv6.len())
            }
            Source::New { addresses, .. } => check_room_for(instance_type, addresses.ipv4_len(), addresses.ipv6_len()),
        }
    }

    /// Makes the interface of an instance, or attaches the one that is there.
    fn make(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        instance: InstanceId,
    ) -> Result<NetworkInterfaceId, ApiError> {
        let attachment = Some(Attachment {
            id: NetworkInterfaceAttachmentId::from_number(context.id_number()),
            instance,
            device_index: self.device_index,
            attach_time: context.now,
            delete_on_termination: self.delete_on_termination,
        });
        let (groups, addresses, auto_public, description, connection_tracking) = match &self.source {
            Source::Existing(interface) => {
                tx.put(NetworkInterface { attachment, ..NetworkInterface::clone(interface) });
                return Ok(interface.id);
            }
            Source::New { groups, addresses, auto_public, description, connection_tracking } => {
                (groups.clone(), addresses.clone(), *auto_public, description.clone(), *connection_tracking)
            }
        };
        let new = NewInterface {
            description,
            groups,
            connection_tracking,
            ..NewInterface::addressed(Arc::clone(&self.subnet), addresses)
        };
        let interface = new_interface(context, tx, new)?;
        let id = interface.id;
        let public = match auto_public {
            true => Some(PublicAddress { ip: tx.free_public_address(context)?, elastic: None }),
            false => None,
        };
        tx.put(NetworkInterface { public, auto_public, attachment, ..interface });
        tags.put(tx, "network-interface", id);
        Ok(id)
    }
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}
