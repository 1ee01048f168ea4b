//! Giving network interfaces further addresses, and taking them away.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ec2_shapes::{
    AssignIpv6AddressesRequest, AssignIpv6AddressesResult, AssignPrivateIpAddressesRequest,
    AssignPrivateIpAddressesResult, AssignedPrivateIpAddress, UnassignIpv6AddressesRequest,
    UnassignIpv6AddressesResult, UnassignPrivateIpAddressesRequest,
};

use super::addressing::{check_has_ipv6, check_in_subnet, check_room, count, in_use, named_ipv6};
use super::create::add_free_addresses;
use super::{check_ours, unavailable};
use crate::actions::addresses::disassociate;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{Address, NetworkInterface, SecondaryAddress, Subnet};
use crate::transaction::Transaction;

/// The interface that a request names, if its addresses are the account's to change, and its subnet.
fn find(tx: &Transaction, id: &str) -> Result<(NetworkInterface, Arc<Subnet>), ApiError> {
    let interface = NetworkInterface::clone(get::<NetworkInterface>(tx, id)?);
    check_ours(&interface)?;
    let subnet = tx.subnets.get(&interface.subnet).cloned().ok_or_else(ApiError::internal)?;
    Ok((interface, subnet))
}

/// Refuses prefixes, which no interface has here.
fn refuse_prefixes(count: Option<i32>, listed: &[String], name: &str) -> Result<(), ApiError> {
    if count.is_some_and(|count| count != 0) || !listed.is_empty() {
        return Err(unavailable(name));
    }
    Ok(())
}

pub(in crate::actions) fn assign_private_ip_addresses(
    context: &Context,
    tx: &mut Transaction,
    request: AssignPrivateIpAddressesRequest,
) -> Result<AssignPrivateIpAddressesResult, ApiError> {
    let (mut interface, subnet) = find(tx, &request.network_interface_id)?;
    refuse_prefixes(request.ipv4_prefix_count, &request.ipv4_prefixes, "Ipv4Prefix")?;
    let more = count(request.secondary_private_ip_address_count, "secondaryPrivateIpAddressCount")?;
    let mut named = Vec::new();
    for text in &request.private_ip_addresses {
        let ip = check_in_subnet(&subnet, text)?;
        if !named.contains(&ip) && !interface.private_ips().any(|held| held == ip) {
            named.push(ip);
        }
    }
    match (more, request.private_ip_addresses.as_slice()) {
        (0, []) => return Err(ApiError::missing("PrivateIpAddress or SecondaryPrivateIpAddressCount")),
        (1.., [_, ..]) => {
            return Err(ApiError::invalid_combination(
                "The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses",
            ));
        }
        _ => {}
    }
    check_room(tx, &interface, interface.private_ips().count() + named.len() + more, interface.ipv6.len())?;
    let before = interface.secondary.len();
    for ip in named {
        let address = take_over(tx, &interface, ip, request.allow_reassignment == Some(true))?;
        interface.secondary.push(address);
        tx.put(interface.clone());
    }
    add_free_addresses(context, tx, &mut interface, more, 0)?;
    let assigned = interface.secondary[before..].iter();
    Ok(AssignPrivateIpAddressesResult {
        assigned_private_ip_addresses: assigned
            .map(|address| AssignedPrivateIpAddress { private_ip_address: Some(address.ip.to_string()) })
            .collect(),
        network_interface_id: Some(interface.id.to_string()),
        ..AssignPrivateIpAddressesResult::default()
    })
}

/// The address as the interface is to have it. One that is secondary elsewhere leaves there where that is allowed, and
/// its Elastic IP address comes along.
fn take_over(
    tx: &mut Transaction,
    interface: &NetworkInterface,
    ip: Ipv4Addr,
    may_move: bool,
) -> Result<SecondaryAddress, ApiError> {
    let Some(holder) = tx.private_addresses.get(&(interface.vpc, ip)) else {
        return Ok(SecondaryAddress { ip, public: None });
    };
    let mut holder = NetworkInterface::clone(tx.interfaces.get(holder).ok_or_else(ApiError::internal)?);
    let at = holder.secondary.iter().position(|address| address.ip == ip);
    let Some(at) = at.filter(|_| may_move && holder.manager.is_none() && holder.subnet == interface.subnet) else {
        return Err(in_use(ip));
    };
    let address = holder.secondary.remove(at);
    tx.put(holder);
    if let Some((allocation, association)) = address.public.as_ref().and_then(|public| public.elastic)
        && let Some(elastic) = tx.addresses.get(&allocation).cloned()
    {
        tx.put(Address { association: Some((association, interface.id)), ..Address::clone(&elastic) });
    }
    Ok(address)
}

pub(in crate::actions) fn unassign_private_ip_addresses(
    context: &Context,
    tx: &mut Transaction,
    request: UnassignPrivateIpAddressesRequest,
) -> Result<(), ApiError> {
    let (interface, _) = find(tx, &request.network_interface_id)?;
    refuse_prefixes(None, &request.ipv4_prefixes, "Ipv4Prefix")?;
    if request.private_ip_addresses.is_empty() {
        return Err(ApiError::missing("PrivateIpAddress"));
    }
    let mut leaving = Vec::new();
    for text in &request.private_ip_addresses {
        let ip: Ipv4Addr = text
            .parse()
            .map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for privateIpAddress.")))?;
        if ip == interface.private_ip {
            return Err(ApiError::invalid_value(format!("The primary private IP address {ip} cannot be unassigned.")));
        }
        leaving.push(ip);
    }
    let missing: Vec<String> = leaving
        .iter()
        .filter(|ip| !interface.private_ips().any(|held| held == **ip))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(not_assigned(&missing, &interface));
    }
    for (ip, public) in interface.addresses().filter(|(ip, _)| leaving.contains(ip)) {
        let allocation = public.and_then(|public| public.elastic).map(|(allocation, _)| allocation);
        if let Some(address) = allocation.and_then(|allocation| tx.addresses.get(&allocation)).cloned() {
            disassociate(context, tx, &address);
        }
        if let Some(held) = tx.interfaces.get(&interface.id) {
            let mut held = NetworkInterface::clone(held);
            held.secondary.retain(|address| address.ip != ip);
            tx.put(held);
        }
    }
    Ok(())
}

fn not_assigned(missing: &[String], interface: &NetworkInterface) -> ApiError {
    let message = format!("Some of [{}] are not assigned to interface {}", missing.join(", "), interface.id);
    ApiError::invalid_value(message)
}

pub(in crate::actions) fn assign_ipv6_addresses(
    context: &Context,
    tx: &mut Transaction,
    request: AssignIpv6AddressesRequest,
) -> Result<AssignIpv6AddressesResult, ApiError> {
    let (mut interface, subnet) = find(tx, &request.network_interface_id)?;
    refuse_prefixes(request.ipv6_prefix_count, &request.ipv6_prefixes, "Ipv6Prefix")?;
    let more = count(request.ipv6_address_count, "ipv6AddressCount")?;
    match (more, request.ipv6_addresses.as_slice()) {
        (0, []) => return Err(ApiError::missing("Ipv6Addresses or Ipv6AddressCount")),
        (1.., [_, ..]) => {
            return Err(ApiError::invalid_combination(
                "The parameter ipv6AddressCount cannot be used with the parameter ipv6Addresses",
            ));
        }
        _ => {}
    }
    check_has_ipv6(&subnet)?;
    let is_held = |text: &&str| text.parse().is_ok_and(|ip: Ipv6Addr| interface.ipv6.contains(&ip));
    let wanted: Vec<&str> = request.ipv6_addresses.iter().map(String::as_str).filter(|text| !is_held(text)).collect();
    let named = named_ipv6(tx, &subnet, &wanted)?;
    check_room(tx, &interface, interface.private_ips().count(), interface.ipv6.len() + named.len() + more)?;
    let before = interface.ipv6.len();
    interface.ipv6.extend(named);
    tx.put(interface.clone());
    add_free_addresses(context, tx, &mut interface, 0, more)?;
    Ok(AssignIpv6AddressesResult {
        assigned_ipv6_addresses: interface.ipv6[before..].iter().map(ToString::to_string).collect(),
        network_interface_id: Some(interface.id.to_string()),
        ..AssignIpv6AddressesResult::default()
    })
}

pub(in crate::actions) fn unassign_ipv6_addresses(
    _: &Context,
    tx: &mut Transaction,
    request: UnassignIpv6AddressesRequest,
) -> Result<UnassignIpv6AddressesResult, ApiError> {
    let (mut interface, _) = find(tx, &request.network_interface_id)?;
    refuse_prefixes(None, &request.ipv6_prefixes, "Ipv6Prefix")?;
    if request.ipv6_addresses.is_empty() {
        return Err(ApiError::missing("Ipv6Addresses"));
    }
    let mut leaving = Vec::new();
    let mut missing = Vec::new();
    for text in &request.ipv6_addresses {
        let ip: Ipv6Addr =
            text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for ipv6Addresses.")))?;
        if interface.ipv6.contains(&ip) { leaving.push(ip) } else { missing.push(ip.to_string()) }
    }
    if !missing.is_empty() {
        return Err(not_assigned(&missing, &interface));
    }
    if interface.primary_ipv6 && interface.ipv6.first().is_some_and(|primary| leaving.contains(primary)) {
        return Err(ApiError::invalid_value("The primary IPv6 address of a network interface cannot be unassigned."));
    }
    interface.ipv6.retain(|ip| !leaving.contains(ip));
    let answer = UnassignIpv6AddressesResult {
        network_interface_id: Some(interface.id.to_string()),
        unassigned_ipv6_addresses: leaving.iter().map(ToString::to_string).collect(),
        ..UnassignIpv6AddressesResult::default()
    };
    tx.put(interface);
    Ok(answer)
}
