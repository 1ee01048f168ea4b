//! A network interface as answers and filters show it.

use std::net::Ipv4Addr;

use ec2_shapes::{
    AttachmentStatus, ConnectionTrackingConfiguration, InstanceNetworkInterfaceAssociation,
    NetworkInterfaceAssociation, NetworkInterfaceAttachment, NetworkInterfaceIpv6Address,
    NetworkInterfacePrivateIpAddress, NetworkInterfaceStatus, NetworkInterfaceType, OperatorResponse,
};
use types::{AccountId, Timestamp};

use crate::actions::show;
use crate::names::{private_dns_name, public_dns_name};
use crate::query::Filterable;
use crate::reads::Reader;
use crate::resource::{ConnectionTracking, InterfaceType, NetworkInterface, PublicAddress, Tags, TransitionKind};
use crate::tagging;

/// Who owns what services attach.
const SERVICE_OWNER: &str = "amazon-aws";

/// The device that a service's interface is shown as.
const SERVICE_DEVICE_INDEX: u32 = 1;

/// An interface with what answers and filters say about it.
#[derive(Clone, Copy)]
pub(in crate::actions) struct InterfaceView<'a> {
    pub account: &'a AccountId,
    pub tables: Reader<'a>,
    pub interface: &'a NetworkInterface,
}

/// One private address of an interface, with what is translated to it.
type Held<'a> = (Ipv4Addr, Option<&'a PublicAddress>);

impl<'a> InterfaceView<'a> {
    /// Whether machines of the VPC have names in the DNS.
    fn has_names(&self) -> bool {
        self.tables.vpcs(&self.interface.vpc).is_some_and(|vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames)
    }

    fn name_of(&self, private_ip: Ipv4Addr) -> Option<String> {
        self.has_names().then(|| private_dns_name(&self.interface.zone.region, private_ip))
    }

    fn public_name_of(&self, public: &PublicAddress) -> Option<String> {
        self.has_names().then(|| public_dns_name(&self.interface.zone.region, public.ip))
    }

    /// Its private name, where its VPC gives interfaces names.
    pub(in crate::actions) fn private_dns_name(&self) -> Option<String> {
        self.name_of(self.interface.private_ip)
    }

    /// The name of its public address, where it has one and its VPC gives names.
    pub(in crate::actions) fn public_dns_name(&self) -> Option<String> {
        self.public_name_of(self.interface.public.as_ref()?)
    }

    /// Who owns a public address: the account for an Elastic one, else Amazon.
    fn owner_of(&self, public: &PublicAddress) -> &'a str {
        if public.elastic.is_some() { self.account.as_str() } else { "amazon" }
    }

    fn association(&self, public: &PublicAddress) -> NetworkInterfaceAssociation {
        NetworkInterfaceAssociation {
            allocation_id: public.elastic.map(|(allocation, _)| allocation.to_string()),
            association_id: public.elastic.map(|(_, association)| association.to_string()),
            ip_owner_id: Some(self.owner_of(public).to_owned()),
            public_dns_name: Some(self.public_name_of(public).unwrap_or_default()),
            public_ip: Some(public.ip.to_string()),
            ..NetworkInterfaceAssociation::default()
        }
    }

    /// What is translated to a private address, as an instance's description shows it.
    pub(in crate::actions) fn instance_association(
        &self,
        public: &PublicAddress,
    ) -> InstanceNetworkInterfaceAssociation {
        InstanceNetworkInterfaceAssociation {
            ip_owner_id: Some(self.owner_of(public).to_owned()),
            public_dns_name: Some(self.public_name_of(public).unwrap_or_default()),
            public_ip: Some(public.ip.to_string()),
            ..InstanceNetworkInterfaceAssociation::default()
        }
    }

    /// The name of one of its private addresses, where its VPC gives names.
    pub(in crate::actions) fn dns_name_of(&self, private_ip: Ipv4Addr) -> Option<String> {
        self.name_of(private_ip)
    }

    pub(super) fn attachment(&self) -> Option<NetworkInterfaceAttachment> {
        let status = Some(self.attachment_status());
        if let Some(attachment) = &self.interface.attachment {
            return Some(NetworkInterfaceAttachment {
                attach_time: Some(show::moment(attachment.attach_time)),
                attachment_id: Some(attachment.id.to_string()),
                delete_on_termination: Some(attachment.delete_on_termination),
                device_index: i32::try_from(attachment.device_index).ok(),
                instance_id: Some(attachment.instance.to_string()),
                instance_owner_id: Some(self.account.to_string()),
                network_card_index: Some(0),
                status,
                ..NetworkInterfaceAttachment::default()
            });
        }
        let manager = self.interface.manager.as_ref()?;
        Some(NetworkInterfaceAttachment {
            attach_time: Some(show::moment(manager.attach_time)),
            attachment_id: Some(manager.attachment.to_string()),
            delete_on_termination: Some(false),
            device_index: i32::try_from(SERVICE_DEVICE_INDEX).ok(),
            instance_owner_id: Some(SERVICE_OWNER.to_owned()),
            network_card_index: Some(0),
            status,
            ..NetworkInterfaceAttachment::default()
        })
    }

    /// How far its attachment is; something to ask only of an interface that has one.
    pub(in crate::actions) fn attachment_status(&self) -> AttachmentStatus {
        match self.interface.transition.map(|transition| transition.kind) {
            Some(TransitionKind::Attaching) => AttachmentStatus::Attaching,
            Some(TransitionKind::Detaching) => AttachmentStatus::Detaching,
            None => AttachmentStatus::Attached,
        }
    }

    /// Its status. The model has no word for an interface that was just made; it is available at once.
    pub(in crate::actions) fn status(&self) -> NetworkInterfaceStatus {
        if self.interface.attachment.is_some() || self.interface.manager.is_some() {
            NetworkInterfaceStatus::InUse
        } else {
            NetworkInterfaceStatus::Available
        }
    }

    /// What kind it is, as answers name it.
    pub(in crate::actions) fn interface_type(&self) -> NetworkInterfaceType {
        match self.interface.interface_type {
            InterfaceType::Interface => NetworkInterfaceType::Interface,
            InterfaceType::NatGateway => NetworkInterfaceType::NatGateway,
            InterfaceType::VpcEndpoint => NetworkInterfaceType::VpcEndpoint,
            InterfaceType::GatewayLoadBalancerEndpoint => NetworkInterfaceType::GatewayLoadBalancerEndpoint,
        }
    }

    pub(super) fn to_shape(self) -> ec2_shapes::NetworkInterface {
        let interface = self.interface;
        ec2_shapes::NetworkInterface {
            association: interface.public.as_ref().map(|public| self.association(public)),
            attachment: self.attachment(),
            availability_zone: Some(interface.zone.to_string()),
            availability_zone_id: Some(interface.zone.zone_id()),
            connection_tracking_configuration: connection_tracking(interface.connection_tracking),
            deny_all_igw_traffic: Some(false),
            description: Some(interface.description.clone()),
            groups: show::read_group_identifiers(self.tables, &interface.groups),
            interface_type: Some(self.interface_type()),
            ipv6_address: interface.ipv6.first().map(ToString::to_string),
            ipv6_addresses: self.ipv6_addresses(),
            mac_address: Some(interface.mac.to_string()),
            network_interface_id: Some(interface.id.to_string()),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            owner_id: Some(self.account.to_string()),
            private_dns_name: self.private_dns_name(),
            private_ip_address: Some(interface.private_ip.to_string()),
            private_ip_addresses: interface.addresses().map(|held| self.private_address(held)).collect(),
            requester_id: interface.manager.as_ref().map(|manager| manager.requester.to_string()),
            requester_managed: Some(interface.manager.is_some()),
            source_dest_check: Some(interface.source_dest_check),
            status: Some(self.status()),
            subnet_id: Some(interface.subnet.to_string()),
            tag_set: tagging::to_shape(self.tables.tags_of(&interface.id.to_string())),
            vpc_id: Some(interface.vpc.to_string()),
            ..ec2_shapes::NetworkInterface::default()
        }
    }

    fn private_address(&self, (ip, public): Held<'_>) -> NetworkInterfacePrivateIpAddress {
        NetworkInterfacePrivateIpAddress {
            association: public.map(|public| self.association(public)),
            primary: Some(ip == self.interface.private_ip),
            private_dns_name: self.name_of(ip),
            private_ip_address: Some(ip.to_string()),
        }
    }

    fn ipv6_addresses(&self) -> Vec<NetworkInterfaceIpv6Address> {
        let addresses = self.interface.ipv6.iter().enumerate();
        addresses
            .map(|(index, ip)| NetworkInterfaceIpv6Address {
                ipv6_address: Some(ip.to_string()),
                is_primary_ipv6: Some(index == 0 && self.interface.primary_ipv6),
                ..NetworkInterfaceIpv6Address::default()
            })
            .collect()
    }

    fn association_value(&self, public: &PublicAddress, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "allocation-id" => public.elastic.iter().for_each(|(id, _)| found(&id.to_string())),
            "association-id" => public.elastic.iter().for_each(|(_, id)| found(&id.to_string())),
            "ip-owner-id" | "owner-id" => found(self.owner_of(public)),
            "public-ip" => found(&public.ip.to_string()),
            "public-dns-name" => self.public_name_of(public).iter().for_each(|name| found(name)),
            _ => {}
        }
    }

    fn address_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for (ip, public) in self.interface.addresses() {
            match name.strip_prefix("association.") {
                Some(name) => public.iter().for_each(|public| self.association_value(public, name, found)),
                None if name == "primary" => found(show::boolean(ip == self.interface.private_ip)),
                None if name == "private-ip-address" => found(&ip.to_string()),
                None if name == "private-dns-name" => self.name_of(ip).iter().for_each(|name| found(name)),
                None => {}
            }
        }
    }

    fn attachment_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let at = |time: Timestamp| time.to_string();
        match (&self.interface.attachment, &self.interface.manager) {
            (Some(attachment), _) => match name {
                "attach-time" => found(&at(attachment.attach_time)),
                "attachment-id" => found(&attachment.id.to_string()),
                "delete-on-termination" => found(show::boolean(attachment.delete_on_termination)),
                "device-index" => found(&attachment.device_index.to_string()),
                "instance-id" => found(&attachment.instance.to_string()),
                "instance-owner-id" => found(self.account.as_str()),
                "network-card-index" => found("0"),
                "status" => found(self.attachment_status().as_str()),
                _ => {}
            },
            (None, Some(manager)) => match name {
                "attach-time" => found(&at(manager.attach_time)),
                "attachment-id" => found(&manager.attachment.to_string()),
                "delete-on-termination" => found("false"),
                "device-index" => found(&SERVICE_DEVICE_INDEX.to_string()),
                "instance-owner-id" => found(SERVICE_OWNER),
                "nat-gateway-id" => manager.nat_gateway.iter().for_each(|id| found(&id.to_string())),
                "network-card-index" => found("0"),
                "status" => found(self.attachment_status().as_str()),
                _ => {}
            },
            (None, None) => {}
        }
    }
}

fn connection_tracking(of: ConnectionTracking) -> Option<ConnectionTrackingConfiguration> {
    (of != ConnectionTracking::default()).then_some(ConnectionTrackingConfiguration {
        tcp_established_timeout: of.tcp_established_s,
        udp_stream_timeout: of.udp_stream_s,
        udp_timeout: of.udp_s,
    })
}

impl Filterable for InterfaceView<'_> {
    /// The names that the model documents, and some that only filters of instances have, under
    /// `network-interface.`.
    const NAMES: &'static [&'static str] = &[
        "addresses.association.allocation-id",
        "addresses.association.association-id",
        "addresses.association.ip-owner-id",
        "addresses.association.owner-id",
        "addresses.association.public-dns-name",
        "addresses.association.public-ip",
        "addresses.primary",
        "addresses.private-dns-name",
        "addresses.private-ip-address",
        "association.allocation-id",
        "association.association-id",
        "association.ip-owner-id",
        "association.public-dns-name",
        "association.public-ip",
        "attachment.attach-time",
        "attachment.attachment-id",
        "attachment.delete-on-termination",
        "attachment.device-index",
        "attachment.instance-id",
        "attachment.instance-owner-id",
        "attachment.nat-gateway-id",
        "attachment.network-card-index",
        "attachment.status",
        "availability-zone",
        "availability-zone-id",
        "description",
        "group-id",
        "group-name",
        "interface-type",
        "ipv6-addresses.ipv6-address",
        "mac-address",
        "network-interface-id",
        "operator.managed",
        "operator.principal",
        "owner-id",
        "private-dns-name",
        "private-ip-address",
        "requester-id",
        "requester-managed",
        "source-dest-check",
        "status",
        "subnet-id",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(name) = name.strip_prefix("addresses.") {
            return self.address_value(name, found);
        }
        if let Some(name) = name.strip_prefix("association.") {
            return self.interface.public.iter().for_each(|public| self.association_value(public, name, found));
        }
        if let Some(name) = name.strip_prefix("attachment.") {
            return self.attachment_value(name, found);
        }
        let interface = self.interface;
        let manager = interface.manager.as_ref();
        match name {
            "private-ip-address" => interface.private_ips().for_each(|ip| found(&ip.to_string())),
            "private-dns-name" => self.private_dns_name().iter().for_each(|name| found(name)),
            "availability-zone" => found(&interface.zone.to_string()),
            "availability-zone-id" => found(&interface.zone.zone_id()),
            "description" => found(&interface.description),
            "group-id" => interface.groups.iter().for_each(|id| found(&id.to_string())),
            "group-name" => interface
                .groups
                .iter()
                .filter_map(|id| self.tables.security_groups(id))
                .for_each(|group| found(&group.name)),
            "interface-type" => {
                found(self.interface_type().as_str());
                // The filter's documentation writes it so, the answer's otherwise.
                if interface.interface_type == InterfaceType::NatGateway {
                    found("nat_gateway");
                }
            }
            "ipv6-addresses.ipv6-address" => interface.ipv6.iter().for_each(|ip| found(&ip.to_string())),
            "mac-address" => found(&interface.mac.to_string()),
            "network-interface-id" => found(&interface.id.to_string()),
            "operator.managed" => found("false"),
            "owner-id" => found(self.account.as_str()),
            "requester-id" => manager.iter().for_each(|manager| found(&manager.requester)),
            "requester-managed" => found(show::boolean(manager.is_some())),
            "source-dest-check" => found(show::boolean(interface.source_dest_check)),
            "status" => found(self.status().as_str()),
            "subnet-id" => found(&interface.subnet.to_string()),
            "vpc-id" => found(&interface.vpc.to_string()),
            // No interface here has an operator.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.interface.id.to_string()))
    }
}
