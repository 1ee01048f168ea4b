//! What connects a VPC with the rest: NAT gateways, peering, private gateways, endpoints; and what watches it.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use types::{
    AccountId, AddressAssociationId, AllocationId, AvailabilityZone, CustomerGatewayId, FlowLogId, NatGatewayId,
    NetworkInterfaceId, Region, SubnetId, Timestamp, VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};

use super::NetworkInterface;

/// Enums that are stored as EC2 writes them.
macro_rules! wire_enums {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $wire:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {$(
            $(#[$variant_doc])*
            #[serde(rename = $wire)]
            $variant,
        )*}

        impl $name {
            /// The value as EC2 writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),* }
            }
        }
    )*};
}
pub(super) use wire_enums;

wire_enums! {
    /// Where a NAT gateway is in its life.
    NatGatewayState {
        /// It is being made.
        Pending = "pending",
        /// It could not be made.
        Failed = "failed",
        /// It works.
        Available = "available",
        /// It is on its way out.
        Deleting = "deleting",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// What happens to an address of a NAT gateway.
    NatGatewayAddressStatus {
        /// A private address is being added.
        Assigning = "assigning",
        /// A private address is drained, then removed.
        Unassigning = "unassigning",
        /// An Elastic IP address is being added.
        Associating = "associating",
        /// An Elastic IP address is drained, then removed.
        Disassociating = "disassociating",
        /// It is in use.
        Succeeded = "succeeded",
    }
    /// Where a peering connection is in its life.
    PeeringState {
        /// The request was made and is being looked at.
        InitiatingRequest = "initiating-request",
        /// It waits for the accepter.
        PendingAcceptance = "pending-acceptance",
        /// It was accepted and is being made.
        Provisioning = "provisioning",
        /// Packets may pass.
        Active = "active",
        /// It was deleted.
        Deleted = "deleted",
        /// The accepter did not want it.
        Rejected = "rejected",
        /// It could not be requested.
        Failed = "failed",
        /// Nobody accepted it in time.
        Expired = "expired",
    }
    /// Where a virtual private gateway or a customer gateway is in its life.
    GatewayState {
        /// It is there.
        Available = "available",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// Where the attachment of a virtual private gateway to a VPC is in its life.
    VpnAttachmentState {
        /// It is being attached.
        Attaching = "attaching",
        /// It is attached.
        Attached = "attached",
        /// It is being detached.
        Detaching = "detaching",
        /// It was detached, which is shown for a while yet.
        Detached = "detached",
    }
    /// Where a VPC endpoint is in its life.
    VpcEndpointState {
        /// It is there.
        Available = "available",
        /// It is on its way out.
        Deleting = "deleting",
        /// It is gone, and described for a while yet.
        Deleted = "deleted",
    }
    /// Which packets a flow log records.
    TrafficType {
        /// Those that were let through.
        Accept = "ACCEPT",
        /// Those that were not.
        Reject = "REJECT",
        /// All.
        All = "ALL",
    }
    /// The kind of place that a flow log is meant for.
    LogDestinationType {
        /// A log group of CloudWatch Logs.
        CloudWatchLogs = "cloud-watch-logs",
        /// A bucket of S3.
        S3 = "s3",
    }
}

/// Why a NAT gateway could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayFailure {
    /// EC2's code.
    pub code: String,
    /// EC2's text.
    pub message: String,
}

/// An Elastic IP address of a NAT gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayElastic {
    /// Which allocation.
    pub allocation: AllocationId,
    /// Its association with the gateway's interface.
    pub association: AddressAssociationId,
    /// The address.
    pub ip: Ipv4Addr,
}

/// An address of a NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayAddress {
    /// The gateway's interface.
    pub interface: NetworkInterfaceId,
    /// The private address on it.
    pub private_ip: Ipv4Addr,
    /// What the private address is translated to; `None` for private gateways.
    pub elastic: Option<NatGatewayElastic>,
    /// What happens to it.
    pub status: NatGatewayAddressStatus,
    /// When that ends.
    pub until: Option<Timestamp>,
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its id.
    pub id: NatGatewayId,
    /// The VPC it is in.
    pub vpc: VpcId,
    /// The subnet it is in.
    pub subnet: SubnetId,
    /// The subnet's zone.
    pub zone: AvailabilityZone,
    /// Whether it leads to the internet by an Elastic IP address.
    pub is_public: bool,
    /// Where it is in its life.
    pub state: NatGatewayState,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// When its deletion was asked for.
    pub deleted: Option<Timestamp>,
    /// Why it fails, or will.
    pub failure: Option<NatGatewayFailure>,
    /// Its addresses, the primary one first; none where it failed. One that is gone remembers those it had.
    pub addresses: Vec<NatGatewayAddress>,
}

impl NatGateway {
    /// Whether packets that are routed to it go on. Routes to others are black holes.
    pub fn is_alive(&self) -> bool {
        self.state == NatGatewayState::Available
    }
}

/// One side of a peering connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringVpc {
    /// The VPC.
    pub vpc: VpcId,
    /// Who owns it.
    pub owner: AccountId,
    /// Its region.
    pub region: Region,
    /// Whether its public DNS names mean private addresses when the other side asks.
    pub allow_dns_resolution: bool,
}

/// A VPC peering connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// Its id.
    pub id: VpcPeeringConnectionId,
    /// The VPC that it was requested for.
    pub requester: PeeringVpc,
    /// The VPC that it was requested to.
    pub accepter: PeeringVpc,
    /// Where it is in its life.
    pub state: PeeringState,
    /// EC2's text about that.
    pub message: String,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// When a request that nobody accepts ends.
    pub expires: Timestamp,
}

impl VpcPeeringConnection {
    /// Whether packets that are routed to it may pass. Routes to others are black holes.
    pub fn is_alive(&self) -> bool {
        self.state == PeeringState::Active
    }

    /// Whether it stands between its VPCs, or may yet.
    pub fn is_open(&self) -> bool {
        use PeeringState::{Active, InitiatingRequest, PendingAcceptance, Provisioning};
        matches!(self.state, InitiatingRequest | PendingAcceptance | Provisioning | Active)
    }

    /// The VPC on the other side; `None` where `vpc` is on neither.
    pub fn peer_of(&self, vpc: VpcId) -> Option<VpcId> {
        if self.requester.vpc == vpc {
            Some(self.accepter.vpc)
        } else {
            Some(self.requester.vpc).filter(|_| self.accepter.vpc == vpc)
        }
    }
}

/// How a virtual private gateway is attached to a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnAttachment {
    /// The VPC.
    pub vpc: VpcId,
    /// Where the attachment is in its life.
    pub state: VpnAttachmentState,
    /// Since when it is in that state.
    pub since: Timestamp,
}

/// A virtual private gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnGateway {
    /// Its id.
    pub id: VpnGatewayId,
    /// The BGP number of its own side.
    pub amazon_side_asn: i64,
    /// The zone it was asked for in.
    pub zone: Option<AvailabilityZone>,
    /// Where it is in its life.
    pub state: GatewayState,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// The VPC it is, or was just, attached to.
    pub attachment: Option<VpnAttachment>,
}

impl VpnGateway {
    /// The VPC it is attached to, or on the way to or from.
    pub fn vpc(&self) -> Option<VpcId> {
        self.attachment.as_ref().filter(|it| it.state != VpnAttachmentState::Detached).map(|it| it.vpc)
    }

    /// Whether it is attached to this VPC. Routes to gateways that are not are black holes.
    pub fn is_alive_in(&self, vpc: VpcId) -> bool {
        let attached = |it: &VpnAttachment| it.vpc == vpc && it.state == VpnAttachmentState::Attached;
        self.attachment.as_ref().is_some_and(attached)
    }
}

/// A customer gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerGateway {
    /// Its id.
    pub id: CustomerGatewayId,
    /// The BGP number of the device.
    pub bgp_asn: i64,
    /// The device's address; a device with a certificate may have none.
    pub ip: Option<IpAddr>,
    /// The certificate of the device.
    pub certificate_arn: Option<String>,
    /// The device's name.
    pub device_name: Option<String>,
    /// Where it is in its life.
    pub state: GatewayState,
    /// Since when it is in that state.
    pub since: Timestamp,
}

/// A gateway endpoint of a VPC. The tables that route to it say so themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// Its id.
    pub id: VpcEndpointId,
    /// The VPC.
    pub vpc: VpcId,
    /// The name of the service, such as `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// Who may do what through it, as JSON.
    pub policy: String,
    /// Where it is in its life.
    pub state: VpcEndpointState,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

impl VpcEndpoint {
    /// Whether packets that are routed to it reach the service's side. Routes to others are black holes.
    pub fn is_alive(&self) -> bool {
        self.state == VpcEndpointState::Available
    }
}

/// What a flow log watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowLogResource {
    /// All interfaces of a VPC.
    Vpc(VpcId),
    /// All interfaces of a subnet.
    Subnet(SubnetId),
    /// One interface.
    NetworkInterface(NetworkInterfaceId),
}

impl FlowLogResource {
    /// Whether an interface is among what it names.
    pub fn covers(&self, interface: &NetworkInterface) -> bool {
        match *self {
            Self::Vpc(id) => interface.vpc == id,
            Self::Subnet(id) => interface.subnet == id,
            Self::NetworkInterface(id) => interface.id == id,
        }
    }
}

impl std::fmt::Display for FlowLogResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vpc(id) => id.fmt(f),
            Self::Subnet(id) => id.fmt(f),
            Self::NetworkInterface(id) => id.fmt(f),
        }
    }
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLog {
    /// Its id.
    pub id: FlowLogId,
    /// What it watches.
    pub resource: FlowLogResource,
    /// Which packets it records.
    pub traffic: TrafficType,
    /// The kind of place that its records are meant for.
    pub destination_type: LogDestinationType,
    /// The name of that place, an ARN.
    pub destination: Option<String>,
    /// The log group's name, where the place is one.
    pub log_group: Option<String>,
    /// The fields of a record, such as `${srcaddr} ${dstaddr}`.
    pub format: String,
    /// The longest time that one record speaks of, in seconds.
    pub interval_seconds: u32,
    /// The role that was named for writing.
    pub permission_arn: Option<String>,
    /// The role that was named for writing in another account.
    pub cross_account_role: Option<String>,
    /// Whether objects in a bucket are to be named as Hive wants it.
    pub hive_compatible_partitions: bool,
    /// Whether each hour is to have objects of its own.
    pub per_hour_partition: bool,
    /// When it was made.
    pub created: Timestamp,
}
