//! Elastic IP addresses.
//!
//! Rules as the EC2 User Guide's page on Elastic IP addresses and the API reference give them. An address that is
//! associated stands in three places at once: the allocation names the interface, the interface names the
//! allocation, and the automatic address the interface may have had is back in the pool.

mod association;
mod attributes;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ec2_shapes::{
    AllocateAddressRequest, AllocateAddressResult, DescribeAddressesRequest, DescribeAddressesResult, DomainType,
    ReleaseAddressRequest,
};
use types::*;

pub(in crate::actions) use self::association::{
    associate, associate_address, disassociate, disassociate_address, give_automatic_address,
};
pub(in crate::actions) use self::attributes::{
    describe_address_transfers, describe_addresses_attribute, describe_moving_addresses, modify_address_attribute,
    reset_address_attribute,
};
use crate::context::{Config, Context};
use crate::error::ApiError;
use crate::query::{Filterable, Filters, parse_id};
use crate::quotas::{self, Quota};
use crate::resource::{Address, NetworkInterface, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// The pool that addresses come from, as answers name it.
const POOL: &str = "amazon";

pub(super) fn allocate_address(
    context: &Context,
    tx: &mut Transaction,
    request: AllocateAddressRequest,
) -> Result<AllocateAddressResult, ApiError> {
    check_origin(context, &request)?;
    let tags = NewTags::new(&request.tag_specifications, &["elastic-ip"])?;
    quotas::check(context, Quota::ElasticIps, tx.addresses.len())?;
    let ip = match request.address.as_deref() {
        Some(wanted) => check_wanted(context, tx, wanted)?,
        None => tx.free_public_address(context)?,
    };
    let allocation = AllocationId::from_number(context.id_number());
    let network_border_group: Arc<str> = context.region.as_str().into();
    tx.put(Address { allocation, ip, association: None, network_border_group, ptr_record: None });
    tags.put(tx, "elastic-ip", allocation);
    Ok(AllocateAddressResult {
        allocation_id: Some(allocation.to_string()),
        domain: Some(DomainType::Vpc),
        network_border_group: Some(context.region.to_string()),
        public_ip: Some(ip.to_string()),
        public_ipv4_pool: Some(POOL.to_owned()),
        ..AllocateAddressResult::default()
    })
}

/// Refuses addresses from where none can come.
fn check_origin(context: &Context, request: &AllocateAddressRequest) -> Result<(), ApiError> {
    let unsupported = |what: &str| Err(ApiError::new("UnsupportedOperation", format!("{what} is not available.")));
    if request.domain == Some(DomainType::Standard) {
        return unsupported("An address of the domain 'standard'");
    }
    if request.customer_owned_ipv4_pool.is_some() {
        return unsupported("CustomerOwnedIpv4Pool");
    }
    if request.ipam_pool_id.is_some() {
        return unsupported("IpamPoolId");
    }
    if let Some(pool) = request.public_ipv4_pool.as_deref().filter(|pool| *pool != POOL) {
        return unsupported(&format!("The address pool '{pool}'"));
    }
    check_border_group(context, request.network_border_group.as_deref())
}

fn check_border_group(context: &Context, group: Option<&str>) -> Result<(), ApiError> {
    match group {
        Some(group) if group != context.region.as_str() => Err(ApiError::invalid_value(format!(
            "Value ({group}) for parameter networkBorderGroup is invalid. Invalid network border group."
        ))),
        _ => Ok(()),
    }
}

/// The address that was asked for, if it is one of the pool and free.
fn check_wanted(context: &Context, tx: &Transaction, wanted: &str) -> Result<Ipv4Addr, ApiError> {
    let ip: Ipv4Addr = wanted
        .parse()
        .map_err(|_| ApiError::invalid_value(format!("Invalid value '{wanted}' for address. Not an IPv4 address.")))?;
    let pool = context.config.public_pool;
    let may_be_given = pool.contains(ip)
        && ip != pool.last()
        && pool.nth(Config::RESERVED_PUBLIC).is_some_and(|first_given| ip >= first_given);
    if !may_be_given {
        return Err(address_not_found(wanted));
    }
    if tx.state().public_addresses.contains_key(&ip) {
        return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {ip} is in use")));
    }
    Ok(ip)
}

pub(super) fn release_address(
    context: &Context,
    tx: &mut Transaction,
    request: ReleaseAddressRequest,
) -> Result<(), ApiError> {
    check_border_group(context, request.network_border_group.as_deref())?;
    let (allocation_id, public_ip) = (request.allocation_id.as_deref(), request.public_ip.as_deref());
    let address = find_address(tx, allocation_id, public_ip)?.ok_or_else(|| ApiError::missing("AllocationId"))?;
    if address.association.is_some() {
        return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {} is in use", address.ip)));
    }
    tx.delete(Key::Address(address.allocation));
    Ok(())
}

pub(super) fn describe_addresses(
    context: &Context,
    view: &View<'_>,
    request: DescribeAddressesRequest,
) -> Result<DescribeAddressesResult, ApiError> {
    let filters = Filters::new::<AddressView<'_>>(&request.filters)?;
    let by_id = request.allocation_ids.iter().map(|id| find_by_allocation(view, id));
    let by_ip = request.public_ips.iter().map(|ip| find_by_ip(view, ip));
    let named = by_id.chain(by_ip).map(|found| found.map(|address| address.allocation));
    let named = named.collect::<Result<Vec<AllocationId>, _>>()?;
    let addresses = view
        .addresses
        .values()
        .filter(|address| named.is_empty() || named.contains(&address.allocation))
        .map(|address| AddressView { context, tables: view.tables(), address })
        .filter(|address| filters.matches(address))
        .map(|address| address.to_shape())
        .collect();
    Ok(DescribeAddressesResult { addresses })
}

/// The address that a request names by its allocation or by itself; `None` where it names none.
fn find_address(tables: &Tables, allocation: Option<&str>, ip: Option<&str>) -> Result<Option<Arc<Address>>, ApiError> {
    match (allocation, ip) {
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_combination("You may specify public IP or allocation id, but not both"))
        }
        (Some(id), None) => find_by_allocation(tables, id).map(Some),
        (None, Some(ip)) => find_by_ip(tables, ip).map(Some),
        (None, None) => Ok(None),
    }
}

fn find_by_allocation(tables: &Tables, text: &str) -> Result<Arc<Address>, ApiError> {
    let id: AllocationId = parse_id(text, AllocationId::PREFIX, "InvalidAllocationID.Malformed")?;
    tables.addresses.get(&id).cloned().ok_or_else(|| {
        ApiError::new("InvalidAllocationID.NotFound", format!("The allocation ID '{text}' does not exist"))
    })
}

fn find_by_ip(tables: &Tables, text: &str) -> Result<Arc<Address>, ApiError> {
    let ip: Ipv4Addr =
        text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for publicIp.")))?;
    tables.addresses.values().find(|address| address.ip == ip).cloned().ok_or_else(|| address_not_found(text))
}

fn address_not_found(ip: &str) -> ApiError {
    ApiError::new("InvalidAddress.NotFound", format!("Address '{ip}' not found."))
}

struct AddressView<'a> {
    context: &'a Context,
    tables: &'a Tables,
    address: &'a Address,
}

impl AddressView<'_> {
    fn interface(&self) -> Option<&NetworkInterface> {
        let (_, interface) = self.address.association?;
        self.tables.interfaces.get(&interface).map(AsRef::as_ref)
    }

    fn instance(&self) -> Option<InstanceId> {
        self.interface()?.attachment.as_ref().map(|attachment| attachment.instance)
    }

    /// The private address that it is translated to.
    fn private_ip(&self) -> Option<Ipv4Addr> {
        self.interface()?.private_behind(self.address.ip)
    }

    fn to_shape(&self) -> ec2_shapes::Address {
        let address = self.address;
        let interface = self.interface();
        ec2_shapes::Address {
            allocation_id: Some(address.allocation.to_string()),
            association_id: address.association.map(|(association, _)| association.to_string()),
            domain: Some(DomainType::Vpc),
            // There even when it is empty: clients index it without asking.
            instance_id: Some(self.instance().map(|id| id.to_string()).unwrap_or_default()),
            network_border_group: Some(address.network_border_group.to_string()),
            network_interface_id: interface.map(|interface| interface.id.to_string()),
            network_interface_owner_id: interface.map(|_| self.context.account().to_string()),
            private_ip_address: self.private_ip().map(|ip| ip.to_string()),
            public_ip: Some(address.ip.to_string()),
            public_ipv4_pool: Some(POOL.to_owned()),
            tags: tagging::to_shape(self.tables.tags_of(&address.allocation.to_string())),
            ..ec2_shapes::Address::default()
        }
    }
}

impl Filterable for AddressView<'_> {
    const NAMES: &'static [&'static str] = &[
        "allocation-id",
        "association-id",
        "domain",
        "instance-id",
        "network-border-group",
        "network-interface-id",
        "network-interface-owner-id",
        "private-ip-address",
        "public-ip",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let address = self.address;
        match name {
            "allocation-id" => found(&address.allocation.to_string()),
            "association-id" => address.association.iter().for_each(|(id, _)| found(&id.to_string())),
            "domain" => found(DomainType::Vpc.as_str()),
            "instance-id" => self.instance().iter().for_each(|id| found(&id.to_string())),
            "network-border-group" => found(&address.network_border_group),
            "network-interface-id" => self.interface().iter().for_each(|i| found(&i.id.to_string())),
            "network-interface-owner-id" => {
                self.interface().iter().for_each(|_| found(self.context.account().as_str()));
            }
            "private-ip-address" => self.private_ip().iter().for_each(|ip| found(&ip.to_string())),
            "public-ip" => found(&address.ip.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.address.allocation.to_string()))
    }
}
