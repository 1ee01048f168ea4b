//! What network interfaces do, through their actions.

mod assign;
mod attach;
mod attributes;
mod create;
mod describe;

use std::sync::Arc;

use ec2_shapes::*;
use types::{AllocationId, InstanceId, NatGatewayId, SubnetCidrAssociationId, SubnetId};

use super::{NewInterface, managed_by, new_interface};
use crate::actions::addresses::associate;
use crate::actions::testbed::Bed;
use crate::resource;
use crate::transaction::Transaction;

impl Bed {
    /// Changes the State as nothing but a test does.
    fn edit<T>(&mut self, work: impl FnOnce(&crate::context::Context, &mut Transaction) -> T) -> T {
        let mut tx = Transaction::new(&self.state, self.context.region.clone());
        let result = work(&self.context, &mut tx);
        self.state = tx.finish().1;
        result
    }

    /// The default subnet of a zone.
    fn subnet(&self, letter: char) -> resource::Subnet {
        let view = self.view();
        let mut subnets = view.tables().subnets.values();
        resource::Subnet::clone(subnets.find(|subnet| subnet.zone.letter == letter).unwrap())
    }

    /// Gives the default subnet of a zone an IPv6 block.
    fn with_ipv6(&mut self, letter: char) -> SubnetId {
        let mut subnet = self.subnet(letter);
        subnet.ipv6_cidrs = vec![resource::Ipv6Block {
            association: SubnetCidrAssociationId::from_number(1),
            cidr: "2001:db8:1:1::/64".parse().unwrap(),
        }];
        let id = subnet.id;
        self.edit(|_, tx| tx.put(subnet));
        id
    }

    fn create(&mut self, edit: impl FnOnce(&mut CreateNetworkInterfaceRequest)) -> NetworkInterface {
        let mut request =
            CreateNetworkInterfaceRequest { subnet_id: self.subnet('a').id.to_string(), ..Default::default() };
        edit(&mut request);
        match self.ask(request).unwrap() {
            Response::CreateNetworkInterface(answer) => answer.network_interface.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn create_error(&mut self, edit: impl FnOnce(&mut CreateNetworkInterfaceRequest)) -> (&'static str, String) {
        let mut request =
            CreateNetworkInterfaceRequest { subnet_id: self.subnet('a').id.to_string(), ..Default::default() };
        edit(&mut request);
        self.error(request)
    }

    fn eni(&mut self, id: &str) -> NetworkInterface {
        let network_interface_ids = vec![id.to_owned()];
        match self.ask(DescribeNetworkInterfacesRequest { network_interface_ids, ..Default::default() }).unwrap() {
            Response::DescribeNetworkInterfaces(mut answer) => answer.network_interfaces.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn attach(&mut self, interface: &str, instance: InstanceId, device_index: i32) -> String {
        match self.ask(attach(interface, &instance.to_string(), device_index)).unwrap() {
            Response::AttachNetworkInterface(answer) => answer.attachment_id.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn allocate(&mut self) -> String {
        match self.ask(AllocateAddressRequest::default()).unwrap() {
            Response::AllocateAddress(answer) => answer.allocation_id.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The interface that a NAT gateway would have, with an Elastic IP address; its id.
    fn nat_interface(&mut self) -> String {
        let allocation: AllocationId = self.allocate().parse().unwrap();
        let subnet = Arc::new(self.subnet('a'));
        self.edit(|context, tx| {
            let mut manager = managed_by(context, "amazon-nat");
            manager.nat_gateway = Some(NatGatewayId::from_number(7));
            let new = NewInterface {
                description: "Interface for NAT Gateway".to_owned(),
                interface_type: resource::InterfaceType::NatGateway,
                manager: Some(manager),
                source_dest_check: false,
                ..NewInterface::new(subnet)
            };
            let made = new_interface(context, tx, new).unwrap();
            let address = resource::Address::clone(&tx.addresses[&allocation]);
            associate(context, tx, &address, made.id, made.private_ip);
            made.id.to_string()
        })
    }
}

fn attach(interface: &str, instance: &str, device_index: i32) -> AttachNetworkInterfaceRequest {
    AttachNetworkInterfaceRequest {
        network_interface_id: interface.to_owned(),
        instance_id: instance.to_owned(),
        device_index,
        ..Default::default()
    }
}

fn detach(attachment: &str) -> DetachNetworkInterfaceRequest {
    DetachNetworkInterfaceRequest { attachment_id: attachment.to_owned(), ..Default::default() }
}

fn delete(interface: &str) -> DeleteNetworkInterfaceRequest {
    DeleteNetworkInterfaceRequest { network_interface_id: interface.to_owned(), ..Default::default() }
}

fn specification(ip: &str, primary: bool) -> PrivateIpAddressSpecification {
    PrivateIpAddressSpecification { primary: Some(primary), private_ip_address: Some(ip.to_owned()) }
}

fn id_of(interface: &NetworkInterface) -> String {
    interface.network_interface_id.clone().unwrap()
}

/// The private addresses of an interface, the primary one first.
fn ips_of(interface: &NetworkInterface) -> Vec<String> {
    interface.private_ip_addresses.iter().map(|address| address.private_ip_address.clone().unwrap()).collect()
}

fn ipv6_of(interface: &NetworkInterface) -> Vec<String> {
    interface.ipv6_addresses.iter().map(|address| address.ipv6_address.clone().unwrap()).collect()
}
