//! A network interface as the description of its instance shows it.

use std::net::Ipv4Addr;

use ec2_shapes::{
    ConnectionTrackingSpecificationResponse, InstanceIpv6Address, InstanceNetworkInterface,
    InstanceNetworkInterfaceAttachment, InstancePrivateIpAddress, OperatorResponse,
};

use super::InterfaceView;
use crate::actions::show;
use crate::resource::{ConnectionTracking, PublicAddress};

impl InterfaceView<'_> {
    /// The interface as part of its instance.
    pub(in crate::actions) fn in_instance(&self) -> InstanceNetworkInterface {
        let interface = self.interface;
        InstanceNetworkInterface {
            association: interface.public.as_ref().map(|public| self.instance_association(public)),
            attachment: self.attachment_in_instance(),
            connection_tracking_configuration: connection_tracking(interface.connection_tracking),
            description: Some(interface.description.clone()),
            groups: show::read_group_identifiers(self.tables, &interface.groups),
            interface_type: Some(self.interface_type().as_str().to_owned()),
            ipv6_addresses: self.ipv6_in_instance(),
            mac_address: Some(interface.mac.to_string()),
            network_interface_id: Some(interface.id.to_string()),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            owner_id: Some(self.account.to_string()),
            private_dns_name: self.private_dns_name(),
            private_ip_address: Some(interface.private_ip.to_string()),
            private_ip_addresses: interface
                .addresses()
                .map(|(ip, public)| self.private_in_instance(ip, public))
                .collect(),
            source_dest_check: Some(interface.source_dest_check),
            status: Some(self.status()),
            subnet_id: Some(interface.subnet.to_string()),
            vpc_id: Some(interface.vpc.to_string()),
            ..InstanceNetworkInterface::default()
        }
    }

    fn attachment_in_instance(&self) -> Option<InstanceNetworkInterfaceAttachment> {
        let attachment = self.interface.attachment.as_ref()?;
        Some(InstanceNetworkInterfaceAttachment {
            attach_time: Some(show::moment(attachment.attach_time)),
            attachment_id: Some(attachment.id.to_string()),
            delete_on_termination: Some(attachment.delete_on_termination),
            device_index: i32::try_from(attachment.device_index).ok(),
            network_card_index: Some(0),
            status: Some(self.attachment_status()),
            ..InstanceNetworkInterfaceAttachment::default()
        })
    }

    fn private_in_instance(&self, ip: Ipv4Addr, public: Option<&PublicAddress>) -> InstancePrivateIpAddress {
        InstancePrivateIpAddress {
            association: public.map(|public| self.instance_association(public)),
            primary: Some(ip == self.interface.private_ip),
            private_dns_name: self.dns_name_of(ip),
            private_ip_address: Some(ip.to_string()),
        }
    }

    fn ipv6_in_instance(&self) -> Vec<InstanceIpv6Address> {
        let addresses = self.interface.ipv6.iter().enumerate();
        addresses
            .map(|(index, ip)| InstanceIpv6Address {
                ipv6_address: Some(ip.to_string()),
                is_primary_ipv6: Some(index == 0 && self.interface.primary_ipv6),
            })
            .collect()
    }
}

fn connection_tracking(of: ConnectionTracking) -> Option<ConnectionTrackingSpecificationResponse> {
    (of != ConnectionTracking::default()).then_some(ConnectionTrackingSpecificationResponse {
        tcp_established_timeout: of.tcp_established_s,
        udp_stream_timeout: of.udp_stream_s,
        udp_timeout: of.udp_s,
    })
}
