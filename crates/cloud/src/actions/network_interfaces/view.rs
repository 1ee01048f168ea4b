//! A network interface as answers and filters show it.

use ec2_shapes::{
    AttachmentStatus, NetworkInterfaceAssociation, NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress,
    NetworkInterfaceStatus, NetworkInterfaceType,
};

use crate::actions::show;
use crate::context::Context;
use crate::names::{private_dns_name, public_dns_name};
use crate::query::Filterable;
use crate::resource::{NetworkInterface, Tags};
use crate::state::Tables;
use crate::tagging;

/// An interface with what answers and filters say about it.
#[derive(Clone, Copy)]
pub(in crate::actions) struct InterfaceView<'a> {
    pub context: &'a Context,
    pub tables: &'a Tables,
    pub interface: &'a NetworkInterface,
}

impl InterfaceView<'_> {
    /// Whether machines of the VPC have names in the DNS.
    fn has_names(&self) -> bool {
        self.tables.vpcs.get(&self.interface.vpc).is_some_and(|vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames)
    }

    /// Its private name, where its VPC gives interfaces names.
    pub(in crate::actions) fn private_dns_name(&self) -> Option<String> {
        self.has_names().then(|| private_dns_name(&self.interface.zone.region, self.interface.private_ip))
    }

    /// The name of its public address, where it has one and its VPC gives names.
    pub(in crate::actions) fn public_dns_name(&self) -> Option<String> {
        let public = self.interface.public.as_ref().filter(|_| self.has_names())?;
        Some(public_dns_name(&self.interface.zone.region, public.ip))
    }

    /// Who owns its public address: the account for an Elastic one, else Amazon.
    pub(in crate::actions) fn address_owner(&self) -> Option<&str> {
        let public = self.interface.public.as_ref()?;
        Some(if public.elastic.is_some() { self.context.account().as_str() } else { "amazon" })
    }

    fn association(&self) -> Option<NetworkInterfaceAssociation> {
        let public = self.interface.public.as_ref()?;
        Some(NetworkInterfaceAssociation {
            allocation_id: public.elastic.map(|(allocation, _)| allocation.to_string()),
            association_id: public.elastic.map(|(_, association)| association.to_string()),
            ip_owner_id: self.address_owner().map(str::to_owned),
            public_dns_name: Some(self.public_dns_name().unwrap_or_default()),
            public_ip: Some(public.ip.to_string()),
            ..NetworkInterfaceAssociation::default()
        })
    }

    fn attachment(&self) -> Option<NetworkInterfaceAttachment> {
        let attachment = self.interface.attachment.as_ref()?;
        Some(NetworkInterfaceAttachment {
            attach_time: Some(show::moment(attachment.attach_time)),
            attachment_id: Some(attachment.id.to_string()),
            delete_on_termination: Some(attachment.delete_on_termination),
            device_index: i32::try_from(attachment.device_index).ok(),
            instance_id: Some(attachment.instance.to_string()),
            instance_owner_id: Some(self.context.account().to_string()),
            network_card_index: Some(0),
            status: Some(AttachmentStatus::Attached),
            ..NetworkInterfaceAttachment::default()
        })
    }

    fn status(&self) -> NetworkInterfaceStatus {
        match self.interface.attachment {
            Some(_) => NetworkInterfaceStatus::InUse,
            None => NetworkInterfaceStatus::Available,
        }
    }

    pub(super) fn to_shape(self) -> ec2_shapes::NetworkInterface {
        let interface = self.interface;
        let association = self.association();
        let private_ip = interface.private_ip.to_string();
        ec2_shapes::NetworkInterface {
            association: association.clone(),
            attachment: self.attachment(),
            availability_zone: Some(interface.zone.to_string()),
            availability_zone_id: Some(interface.zone.zone_id()),
            deny_all_igw_traffic: Some(false),
            description: Some(interface.description.clone()),
            groups: show::group_identifiers(self.tables, &interface.groups),
            interface_type: Some(NetworkInterfaceType::Interface),
            mac_address: Some(interface.mac.to_string()),
            network_interface_id: Some(interface.id.to_string()),
            owner_id: Some(self.context.account().to_string()),
            private_dns_name: self.private_dns_name(),
            private_ip_address: Some(private_ip.clone()),
            private_ip_addresses: vec![NetworkInterfacePrivateIpAddress {
                association,
                primary: Some(true),
                private_dns_name: self.private_dns_name(),
                private_ip_address: Some(private_ip),
            }],
            requester_managed: Some(false),
            source_dest_check: Some(interface.source_dest_check),
            status: Some(self.status()),
            subnet_id: Some(interface.subnet.to_string()),
            tag_set: tagging::to_shape(self.tables.tags_of(&interface.id.to_string())),
            vpc_id: Some(interface.vpc.to_string()),
            ..ec2_shapes::NetworkInterface::default()
        }
    }

    fn association_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let Some(public) = &self.interface.public else { return };
        match name {
            "allocation-id" => public.elastic.iter().for_each(|(id, _)| found(&id.to_string())),
            "association-id" => public.elastic.iter().for_each(|(_, id)| found(&id.to_string())),
            "ip-owner-id" | "owner-id" => self.address_owner().into_iter().for_each(found),
            "public-ip" => found(&public.ip.to_string()),
            "public-dns-name" => self.public_dns_name().iter().for_each(|name| found(name)),
            _ => {}
        }
    }

    fn attachment_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let Some(attachment) = &self.interface.attachment else { return };
        match name {
            "attach-time" => found(&attachment.attach_time.to_string()),
            "attachment-id" => found(&attachment.id.to_string()),
            "delete-on-termination" => found(show::boolean(attachment.delete_on_termination)),
            "device-index" => found(&attachment.device_index.to_string()),
            "instance-id" => found(&attachment.instance.to_string()),
            "instance-owner-id" => found(self.context.account().as_str()),
            "network-card-index" => found("0"),
            "status" => found(AttachmentStatus::Attached.as_str()),
            _ => {}
        }
    }
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
        if let Some(name) = name.strip_prefix("association.").or_else(|| name.strip_prefix("addresses.association.")) {
            return self.association_value(name, found);
        }
        if let Some(name) = name.strip_prefix("attachment.") {
            return self.attachment_value(name, found);
        }
        let interface = self.interface;
        match name {
            "addresses.primary" => found("true"),
            "addresses.private-ip-address" | "private-ip-address" => found(&interface.private_ip.to_string()),
            "addresses.private-dns-name" | "private-dns-name" => {
                self.private_dns_name().iter().for_each(|name| found(name));
            }
            "availability-zone" => found(&interface.zone.to_string()),
            "availability-zone-id" => found(&interface.zone.zone_id()),
            "description" => found(&interface.description),
            "group-id" => interface.groups.iter().for_each(|id| found(&id.to_string())),
            "group-name" => interface
                .groups
                .iter()
                .filter_map(|id| self.tables.security_groups.get(id))
                .for_each(|group| found(&group.name)),
            "interface-type" => found(NetworkInterfaceType::Interface.as_str()),
            "mac-address" => found(&interface.mac.to_string()),
            "network-interface-id" => found(&interface.id.to_string()),
            "operator.managed" | "requester-managed" => found("false"),
            "owner-id" => found(self.context.account().as_str()),
            "source-dest-check" => found(show::boolean(interface.source_dest_check)),
            "status" => found(self.status().as_str()),
            "subnet-id" => found(&interface.subnet.to_string()),
            "vpc-id" => found(&interface.vpc.to_string()),
            // What no interface here has: IPv6 addresses, a NAT gateway, a service that asked for it.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.interface.id.to_string()))
    }
}
