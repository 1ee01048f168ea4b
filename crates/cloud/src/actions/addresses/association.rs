//! Associating Elastic IP addresses with the private addresses of interfaces.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ec2_shapes::{AssociateAddressRequest, AssociateAddressResult, DisassociateAddressRequest};
use types::*;

use super::{find_address, find_by_ip};
use crate::actions::instances::{find_instance, parse_instance_id};
use crate::actions::network_interfaces::check_ours;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{get, parse_id};
use crate::resource::{Address, NetworkInterface, PublicAddress};
use crate::transaction::Transaction;

pub(in crate::actions) fn associate_address(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateAddressRequest,
) -> Result<AssociateAddressResult, ApiError> {
    let (allocation_id, public_ip) = (request.allocation_id.as_deref(), request.public_ip.as_deref());
    let address = find_address(tx, allocation_id, public_ip)?.ok_or_else(|| ApiError::missing("AllocationId"))?;
    let (interface, private_ip) = find_target(tx, &request)?;
    if let Some((association, at)) = address.association {
        if at == interface.id && interface.private_behind(address.ip) == Some(private_ip) {
            return Ok(AssociateAddressResult { association_id: Some(association.to_string()) });
        }
        if request.allow_reassociation == Some(false) {
            let message =
                format!("resource {} is already associated with associate-id {association}", address.allocation);
            return Err(ApiError::new("Resource.AlreadyAssociated", message));
        }
    }
    check_ours(&interface)?;
    if !tx.internet_gateways.values().any(|gateway| gateway.vpc == Some(interface.vpc)) {
        let message = format!("Network {} is not attached to any internet gateway", interface.vpc);
        return Err(ApiError::new("Gateway.NotAttached", message));
    }
    let association = associate(context, tx, &address, interface.id, private_ip);
    Ok(AssociateAddressResult { association_id: Some(association.to_string()) })
}

/// Associates an address with a private address of an interface. The address leaves where it was, and what the
/// private address had before leaves it: an Elastic one is free again, an automatic one goes back to the pool.
pub(in crate::actions) fn associate(
    context: &Context,
    tx: &mut Transaction,
    address: &Address,
    interface: NetworkInterfaceId,
    private_ip: Ipv4Addr,
) -> AddressAssociationId {
    let association = AddressAssociationId::from_number(context.id_number());
    let left = address.association.map(|(_, left)| left);
    if let Some(left) = left {
        take_public_address(tx, left, address.ip);
    }
    if let Some(old) = tx.interfaces.get(&interface).cloned() {
        let displaced = old.addresses().find(|(ip, _)| *ip == private_ip).and_then(|(_, public)| public?.elastic);
        if let Some(displaced) = displaced.and_then(|(allocation, _)| tx.addresses.get(&allocation)).cloned() {
            tx.put(Address { association: None, ..Address::clone(&displaced) });
        }
        let mut new = NetworkInterface::clone(&old);
        let public = PublicAddress { ip: address.ip, elastic: Some((address.allocation, association)) };
        new.set_public(private_ip, Some(public));
        tx.put(new);
    }
    tx.put(Address { association: Some((association, interface)), ..address.clone() });
    if let Some(left) = left.filter(|left| *left != interface) {
        give_back_automatic_address(context, tx, left);
    }
    association
}

/// Takes an address off what it is associated with; it stays allocated.
pub(in crate::actions) fn disassociate(context: &Context, tx: &mut Transaction, address: &Address) {
    let Some((_, interface)) = address.association else { return };
    tx.put(Address { association: None, ..address.clone() });
    take_public_address(tx, interface, address.ip);
    give_back_automatic_address(context, tx, interface);
}

/// The interface and its private address that an address is to be associated with.
fn find_target(
    tx: &Transaction,
    request: &AssociateAddressRequest,
) -> Result<(Arc<NetworkInterface>, Ipv4Addr), ApiError> {
    let interface = match (request.instance_id.as_deref(), request.network_interface_id.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter instanceId cannot be used with the parameter networkInterfaceId",
            ));
        }
        (None, None) => return Err(ApiError::missing("InstanceId or NetworkInterfaceId")),
        (Some(instance), None) => interface_of(tx, instance)?,
        (None, Some(interface)) => Arc::clone(get::<NetworkInterface>(tx, interface)?),
    };
    let Some(wanted) = request.private_ip_address.as_deref() else {
        let primary = interface.private_ip;
        return Ok((interface, primary));
    };
    let found = interface.private_ips().find(|ip| wanted.parse() == Ok(*ip));
    match found {
        Some(ip) => Ok((interface, ip)),
        None => Err(ApiError::invalid_value(format!(
            "The private IP address {wanted} is not assigned to the network interface {}",
            interface.id
        ))),
    }
}

/// The only interface of an instance.
fn interface_of(tx: &Transaction, instance: &str) -> Result<Arc<NetworkInterface>, ApiError> {
    let found = find_instance(tx, parse_instance_id(instance)?)?;
    let message = match found.interfaces.as_slice() {
        _ if found.state.is_ending() => {
            format!("The instance '{instance}' is not in a valid state for this operation.")
        }
        [only] => return tx.interfaces.get(only).cloned().ok_or_else(ApiError::internal),
        _ => {
            let message = format!(
                "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for \
                 the operation instead."
            );
            return Err(ApiError::new("InvalidInstanceID", message));
        }
    };
    Err(ApiError::new("IncorrectInstanceState", message))
}

pub(in crate::actions) fn disassociate_address(
    context: &Context,
    tx: &mut Transaction,
    request: DisassociateAddressRequest,
) -> Result<(), ApiError> {
    let address = match (request.association_id.as_deref(), request.public_ip.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination("You may specify public IP or association id, but not both"));
        }
        (None, None) => return Err(ApiError::missing("AssociationId")),
        (Some(text), None) => {
            let id = parse_id(text, AddressAssociationId::PREFIX, "InvalidAssociationID.Malformed")?;
            let of_id = |address: &&Arc<Address>| address.association.is_some_and(|(association, _)| association == id);
            tx.addresses.values().find(of_id).cloned().ok_or_else(|| {
                let message = format!("The association ID '{text}' does not exist");
                ApiError::new("InvalidAssociationID.NotFound", message)
            })?
        }
        (None, Some(ip)) => find_by_ip(tx, ip)?,
    };
    if let Some(interface) = address.association.and_then(|(_, interface)| tx.interfaces.get(&interface)) {
        check_ours(interface)?;
    }
    disassociate(context, tx, &address);
    Ok(())
}

/// Gives an interface a new address from the pool.
///
/// # Errors
/// `InsufficientAddressCapacity` where none is left.
pub(in crate::actions) fn give_automatic_address(
    context: &Context,
    tx: &mut Transaction,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let public = Some(PublicAddress { ip: tx.free_public_address(context)?, elastic: None });
    tx.put(NetworkInterface { public, ..interface.clone() });
    Ok(())
}

/// Takes a public address off an interface.
fn take_public_address(tx: &mut Transaction, interface: NetworkInterfaceId, public: Ipv4Addr) {
    if let Some(old) = tx.interfaces.get(&interface).cloned()
        && let Some(private_ip) = old.private_behind(public)
    {
        let mut new = NetworkInterface::clone(&old);
        new.set_public(private_ip, None);
        tx.put(new);
    }
}

/// Gives an interface that lost its Elastic address an automatic one again, where its launch wanted one, its
/// instance has no other interface and is not stopped. An empty pool leaves it without.
fn give_back_automatic_address(context: &Context, tx: &mut Transaction, interface: NetworkInterfaceId) {
    let Some(interface) = tx.interfaces.get(&interface).cloned() else { return };
    let is_up = interface.attachment.as_ref().and_then(|a| tx.instances.get(&a.instance)).is_some_and(|instance| {
        instance.interfaces.len() == 1 && matches!(instance.state, InstanceState::Pending | InstanceState::Running)
    });
    if is_up && interface.auto_public && interface.public.is_none() {
        // Whoever moves an address must not fail because no other is left.
        let _ = give_automatic_address(context, tx, &interface);
    }
}
