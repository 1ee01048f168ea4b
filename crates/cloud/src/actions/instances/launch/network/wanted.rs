//! What a launch says about its network, with network interfaces or without.

use ec2_shapes::{ConnectionTrackingSpecificationRequest, InstanceNetworkInterfaceSpecification, RunInstancesRequest};

use super::unavailable;
use crate::actions::network_interfaces::AddressWish;
use crate::error::ApiError;

/// What a launch says about one interface.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    /// Which device it is.
    pub device_index: u32,
    /// Where it is.
    pub subnet: Option<&'a str>,
    /// Its groups, by id.
    pub group_ids: &'a [String],
    /// Its groups, by name.
    pub group_names: &'a [String],
    /// Its addresses.
    pub addresses: AddressWish<'a>,
    /// Whether it gets a public address.
    pub public: Option<bool>,
    /// An interface that is there already.
    pub interface: Option<&'a str>,
    /// Whether it goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// What it is for.
    pub description: Option<&'a str>,
    /// How long idle connections are tracked.
    pub connection_tracking: Option<&'a ConnectionTrackingSpecificationRequest>,
    /// Its network card.
    pub network_card: Option<i32>,
}

fn not_empty(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl<'a> Wanted<'a> {
    /// What a request says about each of its interfaces, the primary one first.
    pub(super) fn all(request: &'a RunInstancesRequest) -> Result<Vec<Self>, ApiError> {
        let at_top = Self {
            subnet: not_empty(&request.subnet_id),
            group_ids: &request.security_group_ids,
            group_names: &request.security_groups,
            addresses: AddressWish {
                primary: not_empty(&request.private_ip_address),
                ipv6: &request.ipv6_addresses,
                ipv6_count: request.ipv6_address_count,
                primary_ipv6: request.enable_primary_ipv6 == Some(true),
                ..AddressWish::default()
            },
            ..Self::default()
        };
        if request.network_interfaces.is_empty() {
            return Ok(vec![at_top]);
        }
        at_top.refuse_beside_interface()?;
        let is_single = request.network_interfaces.len() == 1;
        let each = request.network_interfaces.iter().enumerate();
        let each = each.map(|(at, interface)| Self::of(interface, at + 1, is_single));
        let mut all = each.collect::<Result<Vec<Self>, _>>()?;
        all.sort_by_key(|wanted| wanted.device_index);
        if all[0].device_index != 0 {
            let message = "A launch must have a network interface with the device index 0.";
            return Err(ApiError::invalid_value(message));
        }
        if all.windows(2).any(|pair| pair[0].device_index == pair[1].device_index) {
            return Err(ApiError::invalid_value("Each network interface requires a unique device index."));
        }
        if !is_single && all.iter().any(|wanted| wanted.public == Some(true)) {
            return Err(ApiError::invalid_combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with multiple network \
                 interfaces.",
            ));
        }
        Ok(all)
    }

    /// What is said about one interface, the one of this number.
    fn of(
        interface: &'a InstanceNetworkInterfaceSpecification,
        number: usize,
        is_single: bool,
    ) -> Result<Self, ApiError> {
        refuse_unavailable(interface)?;
        let device_index = match interface.device_index {
            Some(index) => u32::try_from(index).map_err(|_| {
                ApiError::invalid_value(format!("Value ({index}) for parameter deviceIndex is invalid."))
            })?,
            None if is_single && interface.network_interface_id.is_some() => 0,
            None => return Err(ApiError::missing(&format!("NetworkInterface.{number}.DeviceIndex"))),
        };
        Ok(Self {
            device_index,
            subnet: not_empty(&interface.subnet_id),
            group_ids: &interface.groups,
            group_names: &[],
            addresses: AddressWish {
                primary: not_empty(&interface.private_ip_address),
                listed: &interface.private_ip_addresses,
                secondary_count: interface.secondary_private_ip_address_count,
                ipv6: &interface.ipv6_addresses,
                ipv6_count: interface.ipv6_address_count,
                primary_ipv6: interface.primary_ipv6 == Some(true),
            },
            public: interface.associate_public_ip_address,
            interface: not_empty(&interface.network_interface_id),
            delete_on_termination: interface.delete_on_termination,
            description: not_empty(&interface.description),
            connection_tracking: interface.connection_tracking_specification.as_ref(),
            network_card: interface.network_card_index,
        })
    }

    /// Refuses what must be said inside the network interface where there is one.
    fn refuse_beside_interface(&self) -> Result<(), ApiError> {
        let addresses = &self.addresses;
        let said = [
            (self.subnet.is_some(), "subnet ID"),
            (!self.group_ids.is_empty() || !self.group_names.is_empty(), "security groups"),
            (addresses.primary.is_some(), "private address"),
            (addresses.ipv6_count.is_some_and(|count| count != 0) || !addresses.ipv6.is_empty(), "IPv6 address"),
        ];
        match said.into_iter().find(|(is_said, _)| *is_said) {
            Some((_, what)) => Err(ApiError::invalid_combination(format!(
                "Network interfaces and an instance-level {what} may not be specified on the same request"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses what cannot be said about an interface that is there already.
    pub(super) fn refuse_beside_existing(&self) -> Result<(), ApiError> {
        let addresses = &self.addresses;
        let is_more = |count: Option<i32>| count.is_some_and(|count| count != 0);
        let said = [
            (self.subnet.is_some(), "subnetId"),
            (!self.group_ids.is_empty(), "groups"),
            (addresses.primary.is_some(), "privateIpAddress"),
            (!addresses.listed.is_empty(), "privateIpAddresses"),
            (is_more(addresses.secondary_count), "secondaryPrivateIpAddressCount"),
            (is_more(addresses.ipv6_count), "ipv6AddressCount"),
            (!addresses.ipv6.is_empty(), "ipv6Addresses"),
            (self.public.is_some(), "associatePublicIpAddress"),
            (self.description.is_some(), "description"),
        ];
        match said.into_iter().find(|(is_said, _)| *is_said) {
            Some((_, name)) => Err(ApiError::invalid_combination(format!(
                "The parameter {name} cannot be used with the parameter networkInterfaceId"
            ))),
            None => Ok(()),
        }
    }
}

/// Refuses what a network interface cannot have here.
fn refuse_unavailable(interface: &InstanceNetworkInterfaceSpecification) -> Result<(), ApiError> {
    let is_more = |count: Option<i32>| count.is_some_and(|count| count != 0);
    let srd = interface.ena_srd_specification.as_ref();
    let asked = [
        (interface.associate_carrier_ip_address == Some(true), "AssociateCarrierIpAddress"),
        (interface.ena_queue_count.is_some(), "EnaQueueCount"),
        (srd.and_then(|srd| srd.ena_srd_enabled) == Some(true), "EnaSrdSpecification"),
        (interface.interface_type.as_deref().is_some_and(|kind| kind != "interface"), "InterfaceType"),
        (is_more(interface.ipv4_prefix_count) || !interface.ipv4_prefixes.is_empty(), "Ipv4Prefix"),
        (is_more(interface.ipv6_prefix_count) || !interface.ipv6_prefixes.is_empty(), "Ipv6Prefix"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(&format!("NetworkInterface.{name}"))),
        None => Ok(()),
    }
}
