//! Network interfaces, what hangs on them, and the Elastic IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{
    AddressAssociationId, AllocationId, AvailabilityZone, InstanceId, MacAddress, NatGatewayId,
    NetworkInterfaceAttachmentId, NetworkInterfaceId, NetworkInterfacePermissionId, SecurityGroupId, SubnetId,
    Timestamp, VpcId,
};

use super::Subnet;

/// How an interface hangs on an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: NetworkInterfaceAttachmentId,
    /// The instance.
    pub instance: InstanceId,
    /// 0 for the primary interface.
    pub device_index: u32,
    /// Since when.
    pub attach_time: Timestamp,
    /// Whether the interface goes with the instance.
    pub delete_on_termination: bool,
}

/// A public address that is translated to an interface's private one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// The address.
    pub ip: Ipv4Addr,
    /// For an Elastic IP address, which allocation and association it is; `None` for one given at launch.
    pub elastic: Option<(AllocationId, AddressAssociationId)>,
}

/// A private address beside the primary one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryAddress {
    /// The address.
    pub ip: Ipv4Addr,
    /// The public address translated to it: always an Elastic one.
    pub public: Option<PublicAddress>,
}

/// What an interface is for (`interfaceType`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceType {
    /// An instance.
    #[default]
    Interface,
    /// A NAT gateway.
    NatGateway,
    /// An interface endpoint of a VPC.
    VpcEndpoint,
    /// A Gateway Load Balancer endpoint of a VPC.
    GatewayLoadBalancerEndpoint,
}

/// The service that asked for an interface (`requesterManaged`): it alone may change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceManager {
    /// Who asked for it (`requesterId`).
    pub requester: Arc<str>,
    /// How it hangs on the service, which takes the place of an instance.
    pub attachment: NetworkInterfaceAttachmentId,
    /// Since when.
    pub attach_time: Timestamp,
    /// The NAT gateway it belongs to.
    pub nat_gateway: Option<NatGatewayId>,
}

/// What an interface is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionKind {
    /// It was just attached to an instance.
    Attaching,
    /// It is being taken off its instance.
    Detaching,
}

/// Something that an interface is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceTransition {
    /// What.
    pub kind: TransitionKind,
    /// When it is over.
    pub until: Timestamp,
}

/// How long idle connections of an interface are tracked, in seconds; `None` for the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTracking {
    /// Established TCP connections.
    pub tcp_established_s: Option<i32>,
    /// UDP flows of more than one exchange.
    pub udp_stream_s: Option<i32>,
    /// Other UDP flows.
    pub udp_s: Option<i32>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// What it is for.
    pub description: String,
    /// The VPC it is in.
    pub vpc: VpcId,
    /// The subnet it is in.
    pub subnet: SubnetId,
    /// The zone of its subnet.
    pub zone: AvailabilityZone,
    /// Its hardware address.
    pub mac: MacAddress,
    /// Its primary private address.
    pub private_ip: Ipv4Addr,
    /// The public address translated to the primary private one, if there is one.
    pub public: Option<PublicAddress>,
    /// Whether a start of its instance gives it a public address: decided at launch, as on AWS.
    pub auto_public: bool,
    /// The groups it carries.
    pub groups: Vec<SecurityGroupId>,
    /// Whether packets must be from or to its own address.
    pub source_dest_check: bool,
    /// The instance it is attached to.
    pub attachment: Option<Attachment>,
    /// What it is for.
    #[serde(default)]
    pub interface_type: InterfaceType,
    /// The service it belongs to; `None` for one that the account made.
    #[serde(default)]
    pub manager: Option<InterfaceManager>,
    /// Its private addresses beside the primary one.
    #[serde(default)]
    pub secondary: Vec<SecondaryAddress>,
    /// Its IPv6 addresses.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Addr>,
    /// Whether the first of its IPv6 addresses stays with it for as long as it is there.
    #[serde(default)]
    pub primary_ipv6: bool,
    /// How long idle connections are tracked.
    #[serde(default)]
    pub connection_tracking: ConnectionTracking,
    /// What it is in the middle of.
    #[serde(default)]
    pub transition: Option<InterfaceTransition>,
}

impl NetworkInterface {
    /// An interface of this subnet that nothing else was said about.
    pub fn new(id: NetworkInterfaceId, subnet: &Subnet, mac: MacAddress, private_ip: Ipv4Addr) -> Self {
        Self {
            id,
            description: String::new(),
            vpc: subnet.vpc,
            subnet: subnet.id,
            zone: subnet.zone.clone(),
            mac,
            private_ip,
            public: None,
            auto_public: false,
            groups: Vec::new(),
            source_dest_check: true,
            attachment: None,
            interface_type: InterfaceType::Interface,
            manager: None,
            secondary: Vec::new(),
            ipv6: Vec::new(),
            primary_ipv6: false,
            connection_tracking: ConnectionTracking::default(),
            transition: None,
        }
    }

    /// Its private addresses with the public address that is translated to each; the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = (Ipv4Addr, Option<&PublicAddress>)> {
        let secondary = self.secondary.iter().map(|address| (address.ip, address.public.as_ref()));
        std::iter::once((self.private_ip, self.public.as_ref())).chain(secondary)
    }

    /// Its private addresses, the primary one first.
    pub fn private_ips(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.addresses().map(|(ip, _)| ip)
    }

    /// Its public addresses.
    pub fn public_addresses(&self) -> impl Iterator<Item = &PublicAddress> {
        self.addresses().filter_map(|(_, public)| public)
    }

    /// The private address that this public one is translated to.
    pub fn private_behind(&self, public: Ipv4Addr) -> Option<Ipv4Addr> {
        self.addresses().find(|(_, held)| held.is_some_and(|held| held.ip == public)).map(|(ip, _)| ip)
    }

    /// Sets what is translated to one of its private addresses; nothing where the address is not one of its own.
    pub fn set_public(&mut self, private: Ipv4Addr, public: Option<PublicAddress>) {
        if private == self.private_ip {
            self.public = public;
        } else if let Some(address) = self.secondary.iter_mut().find(|address| address.ip == private) {
            address.public = public;
        }
    }

    /// Whether it is in the middle of this.
    pub fn is_in(&self, kind: TransitionKind) -> bool {
        self.transition.is_some_and(|transition| transition.kind == kind)
    }
}

/// What somebody else may do with an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfacePermission {
    /// Attach it to an instance of their own.
    InstanceAttach,
    /// Associate Elastic IP addresses of their own with it.
    EipAssociate,
}

/// A permission on an interface, given to another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterfacePermission {
    /// Its id.
    pub id: NetworkInterfacePermissionId,
    /// The interface it is about.
    pub interface: NetworkInterfaceId,
    /// The account it is given to.
    pub account: String,
    /// What it allows.
    pub permission: InterfacePermission,
}

/// An allocated Elastic IP address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its id.
    pub allocation: AllocationId,
    /// The address.
    pub ip: Ipv4Addr,
    /// What it is associated with: the association and the interface.
    pub association: Option<(AddressAssociationId, NetworkInterfaceId)>,
    /// The group of zones it is announced from: the region's name.
    pub network_border_group: Arc<str>,
    /// The name that a reverse look-up of the address gives, with a dot at the end.
    #[serde(default)]
    pub ptr_record: Option<String>,
}
