//! Which addresses an interface may have: those a request names, and those chosen from what is free.

use std::net::{Ipv4Addr, Ipv6Addr};

use ec2_shapes::{InstanceIpv6Address, PrivateIpAddressSpecification};
use types::SubnetId;

use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{NetworkInterface, Subnet};
use crate::state::Tables;
use crate::transaction::Transaction;

/// The most addresses that one request may ask for; no interface can have more.
const MAX_ADDRESSES: usize = 250;

/// What a request says about the addresses of an interface that it makes.
#[derive(Clone, Copy, Default)]
pub(in crate::actions) struct AddressWish<'a> {
    /// `PrivateIpAddress`.
    pub primary: Option<&'a str>,
    /// `PrivateIpAddresses`.
    pub listed: &'a [PrivateIpAddressSpecification],
    /// `SecondaryPrivateIpAddressCount`.
    pub secondary_count: Option<i32>,
    /// `Ipv6Addresses`.
    pub ipv6: &'a [InstanceIpv6Address],
    /// `Ipv6AddressCount`.
    pub ipv6_count: Option<i32>,
    /// Whether the first IPv6 address is to stay.
    pub primary_ipv6: bool,
}

/// The addresses that an interface gets.
#[derive(Debug, Clone, Default)]
pub(in crate::actions) struct AddressPlan {
    /// The primary private address, where it was named.
    pub private_ip: Option<Ipv4Addr>,
    /// Secondary private addresses that were named.
    pub secondary: Vec<Ipv4Addr>,
    /// How many more secondary private addresses are chosen.
    pub more_secondary: usize,
    /// IPv6 addresses that were named.
    pub ipv6: Vec<Ipv6Addr>,
    /// How many more IPv6 addresses are chosen.
    pub more_ipv6: usize,
    /// Whether the first IPv6 address is to stay.
    pub primary_ipv6: bool,
}

impl AddressPlan {
    /// What a request wishes, checked against the subnet.
    ///
    /// # Errors
    /// `InvalidParameterValue` or `InvalidParameterCombination` for what makes no sense, `InvalidIPAddress.InUse` for
    /// an address that is taken.
    pub(in crate::actions) fn new(tables: &Tables, subnet: &Subnet, wish: AddressWish<'_>) -> Result<Self, ApiError> {
        let (private_ip, secondary) = named_ipv4(tables, subnet, &wish)?;
        let more_secondary = count(wish.secondary_count, "secondaryPrivateIpAddressCount")?;
        if more_secondary > 0 && !wish.listed.is_empty() {
            return Err(ApiError::invalid_combination(
                "The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses",
            ));
        }
        let named = wish.ipv6.iter().map(|address| {
            let text = address.ipv6_address.as_deref();
            text.ok_or_else(|| ApiError::missing("Ipv6Addresses.Ipv6Address"))
        });
        let named = named.collect::<Result<Vec<&str>, _>>()?;
        let ipv6 = named_ipv6(tables, subnet, &named)?;
        let asked_ipv6 = count(wish.ipv6_count, "ipv6AddressCount")?;
        if asked_ipv6 > 0 && !ipv6.is_empty() {
            return Err(ApiError::invalid_combination(
                "The parameter ipv6AddressCount cannot be used with the parameter ipv6Addresses",
            ));
        }
        let by_subnet = usize::from(subnet.assign_ipv6_address_on_creation && wish.ipv6_count.is_none());
        let more_ipv6 = if ipv6.is_empty() { asked_ipv6.max(by_subnet) } else { 0 };
        if more_ipv6 > 0 {
            check_has_ipv6(subnet)?;
        }
        if wish.primary_ipv6 && more_ipv6 == 0 && ipv6.is_empty() {
            return Err(ApiError::invalid_combination(
                "A primary IPv6 address needs an IPv6 address that is assigned to the network interface.",
            ));
        }
        Ok(Self { private_ip, secondary, more_secondary, ipv6, more_ipv6, primary_ipv6: wish.primary_ipv6 })
    }

    /// How many IPv4 addresses these are.
    pub(in crate::actions) fn ipv4_len(&self) -> usize {
        1 + self.secondary.len() + self.more_secondary
    }

    /// How many IPv6 addresses these are.
    pub(in crate::actions) fn ipv6_len(&self) -> usize {
        self.ipv6.len() + self.more_ipv6
    }

    /// Checks that no address is named here and there.
    pub(in crate::actions) fn check_distinct(&self, other: &Self) -> Result<(), ApiError> {
        let named = |plan: &Self| plan.secondary.iter().copied().chain(plan.private_ip).collect::<Vec<_>>();
        let theirs = named(other);
        match named(self).into_iter().find(|ip| theirs.contains(ip)) {
            Some(ip) => Err(in_use(ip)),
            None => match self.ipv6.iter().find(|ip| other.ipv6.contains(ip)) {
                Some(ip) => Err(in_use(ip)),
                None => Ok(()),
            },
        }
    }
}

/// The primary private address, where it is named, and the secondary ones.
fn named_ipv4(
    tables: &Tables,
    subnet: &Subnet,
    wish: &AddressWish<'_>,
) -> Result<(Option<Ipv4Addr>, Vec<Ipv4Addr>), ApiError> {
    let mut primary = wish.primary.map(|ip| check_private_ip(tables, subnet, ip)).transpose()?;
    let mut secondary = Vec::new();
    for specification in wish.listed {
        let text = specification.private_ip_address.as_deref();
        let text = text.ok_or_else(|| ApiError::missing("PrivateIpAddresses.PrivateIpAddress"))?;
        let ip = check_private_ip(tables, subnet, text)?;
        match (specification.primary == Some(true), primary) {
            (true, Some(already)) if already != ip || wish.primary.is_none() => {
                return Err(ApiError::invalid_combination("Only one private IP address can be designated as primary."));
            }
            (true, _) => primary = Some(ip),
            (false, _) => secondary.push(ip),
        }
    }
    let mut all: Vec<Ipv4Addr> = secondary.iter().copied().chain(primary).collect();
    all.sort_unstable();
    if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ApiError::invalid_value(format!(
            "The private IP address {} is specified more than once.",
            pair[0]
        )));
    }
    Ok((primary, secondary))
}

/// A private address that a request asks for, if it is the subnet's to give and free.
pub(in crate::actions) fn check_private_ip(tables: &Tables, subnet: &Subnet, text: &str) -> Result<Ipv4Addr, ApiError> {
    let ip = check_in_subnet(subnet, text)?;
    if tables.private_addresses.contains_key(&(subnet.vpc, ip)) {
        return Err(in_use(ip));
    }
    Ok(ip)
}

/// A private address that a request asks for, if it is the subnet's to give.
pub(super) fn check_in_subnet(subnet: &Subnet, text: &str) -> Result<Ipv4Addr, ApiError> {
    let ip: Ipv4Addr =
        text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for privateIpAddress.")))?;
    if !subnet.cidr.contains(ip) {
        return Err(ApiError::invalid_value(format!("Address {ip} does not fall within the subnet's address range")));
    }
    if !subnet.may_use(ip) {
        return Err(ApiError::invalid_value(format!("Address {ip} is in subnet's reserved address range")));
    }
    Ok(ip)
}

/// The error for an address that something else has.
pub(super) fn in_use(ip: impl std::fmt::Display) -> ApiError {
    ApiError::new("InvalidIPAddress.InUse", format!("Address {ip} is in use"))
}

/// IPv6 addresses that a request names, if they are the subnet's to give and free.
pub(super) fn named_ipv6(tables: &Tables, subnet: &Subnet, texts: &[&str]) -> Result<Vec<Ipv6Addr>, ApiError> {
    let mut checked = Vec::new();
    for text in texts {
        check_has_ipv6(subnet)?;
        let ip: Ipv6Addr =
            text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for ipv6Addresses.")))?;
        let Some(block) = subnet.ipv6_cidrs.iter().find(|block| block.cidr.contains(ip)) else {
            return Err(ApiError::invalid_value(format!(
                "Address {ip} does not fall within the subnet's address range"
            )));
        };
        // As with IPv4: the first four and the last.
        if u128::from(ip) - u128::from(block.cidr.first()) < 4 || ip == block.cidr.last() {
            return Err(ApiError::invalid_value(format!("Address {ip} is in subnet's reserved address range")));
        }
        if tables.ipv6_addresses.contains_key(&(subnet.vpc, ip)) {
            return Err(in_use(ip));
        }
        if checked.contains(&ip) {
            return Err(ApiError::invalid_value(format!("The IPv6 address {ip} is specified more than once.")));
        }
        checked.push(ip);
    }
    Ok(checked)
}

/// Checks that a subnet has addresses of this kind.
pub(super) fn check_has_ipv6(subnet: &Subnet) -> Result<(), ApiError> {
    if subnet.ipv6_cidrs.is_empty() {
        let message = format!("Subnet {} does not have IPv6 CIDR blocks associated with it", subnet.id);
        return Err(ApiError::invalid_value(message));
    }
    Ok(())
}

/// A free IPv6 address of the subnet that is not set aside, chosen at random.
///
/// # Errors
/// `InvalidParameterValue` where the subnet has no IPv6 block.
pub(super) fn free_ipv6_address(context: &Context, tx: &Transaction, subnet: SubnetId) -> Result<Ipv6Addr, ApiError> {
    let subnet = tx.subnets.get(&subnet).ok_or_else(ApiError::internal)?;
    check_has_ipv6(subnet)?;
    let block = subnet.ipv6_cidrs[0].cidr;
    let host_bits = 128 - u32::from(block.prefix_len());
    let mask = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
    // So many addresses are free that a few draws always find one.
    (0..64)
        .filter_map(|_| block.nth(u128::from(context.random()) & mask))
        .filter(|ip| u128::from(*ip) & mask >= 4 && *ip != block.last())
        .filter(|ip| !tx.reservations_of(subnet.id).any(|range| range.cidr.contains((*ip).into())))
        .find(|ip| !tx.ipv6_addresses.contains_key(&(subnet.vpc, *ip)))
        .ok_or_else(|| {
            let message = "The specified subnet does not have enough free IPv6 addresses to satisfy the request.";
            ApiError::new("InsufficientFreeAddressesInSubnet", message)
        })
}

/// A number of addresses that a request gives.
pub(super) fn count(value: Option<i32>, name: &str) -> Result<usize, ApiError> {
    let count = usize::try_from(value.unwrap_or(0)).ok().filter(|count| *count <= MAX_ADDRESSES);
    count.ok_or_else(|| {
        let value = value.unwrap_or_default();
        ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid."))
    })
}

/// Checks that an interface of an instance of this type may have so many addresses.
pub(in crate::actions) fn check_room_for(
    instance_type: &InstanceType,
    ipv4: usize,
    ipv6: usize,
) -> Result<(), ApiError> {
    let limit = instance_type.addresses_per_interface() as usize;
    if ipv4 > limit {
        return Err(ApiError::new(
            "PrivateIpAddressLimitExceeded",
            format!("Number of private addresses will exceed limit: {limit} for {}.", instance_type.name()),
        ));
    }
    let info = instance_type.to_shape().network_info;
    let limit = info.and_then(|info| info.ipv6_addresses_per_interface).unwrap_or(0);
    if ipv6 > usize::try_from(limit).unwrap_or(0) {
        return Err(ApiError::new(
            "Ipv6AddressLimitExceeded",
            format!("Number of IPv6 addresses will exceed limit: {limit} for {}.", instance_type.name()),
        ));
    }
    Ok(())
}

/// Checks that an interface may have so many addresses where it is.
pub(super) fn check_room(
    tables: &Tables,
    interface: &NetworkInterface,
    ipv4: usize,
    ipv6: usize,
) -> Result<(), ApiError> {
    let instance = interface.attachment.as_ref().and_then(|attachment| tables.instances.get(&attachment.instance));
    match instance.and_then(|instance| InstanceType::find(&instance.instance_type)) {
        Some(instance_type) => check_room_for(instance_type, ipv4, ipv6),
        None => Ok(()),
    }
}
