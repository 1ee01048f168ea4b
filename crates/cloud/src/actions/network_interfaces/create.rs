//! Making network interfaces, and taking them away.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use types::*;

use crate::context::Context;
use crate::error::ApiError;
use crate::quotas::{self, Quota};
use crate::resource::{
    Address, ConnectionTracking, InterfaceManager, InterfaceType, NetworkInterface, SecondaryAddress, Subnet,
};
use crate::state::Key;
use crate::transaction::Transaction;

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
        Self {
            subnet,
            description: String::new(),
            groups: Vec::new(),
            private_ip: None,
            secondary: Vec::new(),
            more_secondary: 0,
            ipv6: Vec::new(),
            primary_ipv6: false,
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
    let secondary = new.secondary.into_iter().map(|ip| SecondaryAddress { ip, public: None }).collect();
    let mut interface = NetworkInterface {
        description: new.description,
        groups: new.groups,
        source_dest_check: new.source_dest_check,
        interface_type: new.interface_type,
        manager: new.manager,
        secondary,
        ipv6: new.ipv6,
        primary_ipv6: new.primary_ipv6,
        connection_tracking: new.connection_tracking,
        ..NetworkInterface::new(id, &new.subnet, mac, private_ip)
    };
    tx.put(interface.clone());
    for _ in 0..new.more_secondary {
        let ip = tx.free_private_address(context, new.subnet.id)?;
        interface.secondary.push(SecondaryAddress { ip, public: None });
        // What is free is seen from what is stored.
        tx.put(interface.clone());
    }
    Ok(interface)
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
