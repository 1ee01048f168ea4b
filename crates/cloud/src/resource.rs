//! What a cloud consists of. Every type here is stored; a new field needs `#[serde(default)]`.

mod access;
mod capacity;
mod connect;
mod fleet;
mod fleet_run;
mod iam;
mod image;
mod instance;
mod interface;
mod launch_template;
mod options;
mod routes;
mod transit;
mod volume;
mod vpc;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::Timestamp;

pub use access::{
    GeneratedKey, KeyFormat, KeyPair, KeyType, Peer, SecurityGroup, SecurityGroupRule, SecurityGroupVpcAssociation,
    SecurityGroupVpcState,
};
pub use capacity::{CapacityReservation, Host, ReservationEnd};
pub use connect::{
    CustomerGateway, FlowLog, FlowLogResource, GatewayState, LogDestinationType, NatGateway, NatGatewayAddress,
    NatGatewayAddressStatus, NatGatewayElastic, NatGatewayFailure, NatGatewayState, PeeringState, PeeringVpc,
    TrafficType, VpcEndpoint, VpcEndpointState, VpcPeeringConnection, VpnAttachment, VpnAttachmentState, VpnGateway,
};
pub use fleet::{Fleet, FleetLaunch, PlacementGroup, PlacementStrategy, SpotRequest, SpotState, SpotStatus};
pub use fleet_run::{
    FleetEvent, FleetEventKind, FleetMember, FleetOwner, FleetRun, FleetState, FleetTie, SpotFleetRequest,
};
pub use iam::{InstanceProfile, PushedKey, PushedKeys, Role};
pub use image::{
    DeregistrationProtection, Image, ImageDevice, ImageLayer, ImageMapping, ImageState, ImageVolume, LaunchPermission,
};
pub use instance::{BlockDevice, EarlyDisk, Instance, MetadataOptions, ShutdownBehavior, StateReason};
pub use interface::{
    Address, Attachment, ConnectionTracking, InterfaceManager, InterfacePermission, InterfaceTransition, InterfaceType,
    NetworkInterface, NetworkInterfacePermission, PublicAddress, SecondaryAddress, TransitionKind,
};
pub use launch_template::{LaunchData, LaunchTemplate, LaunchTemplateVersion};
pub use options::{
    AssociationState, CapacityChoice, CpuCredits, CpuOptions, IamProfileAssociation, InstanceOptions,
    InstancePlacement, InstanceTenancy, MaintenanceOptions, PrivateDnsOptions,
};
pub use routes::{
    AddressFamily, EdgeGateway, NetworkAcl, NetworkAclEntry, PrefixList, PrefixListEntry, PrefixListState, Route,
    RouteDestination, RouteTable, RouteTableAssociation, RouteTarget,
};
pub use transit::{
    TransitAssociation, TransitAssociationState, TransitAttachmentOptions, TransitAttachmentState, TransitGateway,
    TransitGatewayAttachment, TransitGatewayOptions, TransitGatewayRouteTable, TransitGatewayState, TransitPropagation,
    TransitPropagationState, TransitTableState,
};
pub use volume::{
    FastRestore, ModificationState, Snapshot, SnapshotContent, SnapshotState, Tiering, TieringOperation, Volume,
    VolumeAttachment, VolumeAttachmentState, VolumeLife, VolumeModification, VolumeSpec, VolumeType,
};
pub use vpc::{
    DhcpOptions, EgressOnlyInternetGateway, HostnameType, InternetGateway, Ipv6Block, ReservationType, Subnet,
    SubnetCidrReservation, Vpc,
};

/// The tags of one resource, by key.
pub type Tags = BTreeMap<String, String>;

/// The tags of one resource as they are stored: apart from the resource, so that a tag never rewrites it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagSet {
    /// The id of the resource, such as `i-0123456789abcdef0`.
    pub resource: Arc<str>,
    /// Its tags; never empty.
    pub tags: Tags,
}

/// What a request with a client token led to, so that a repeat gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// Action, scope and token, joined: what repeats must share.
    pub key: Arc<str>,
    /// A digest of the parameters; a repeat with others is refused.
    pub parameters: String,
    /// The id of what was made, such as a reservation.
    pub result: String,
    /// When it was first used.
    pub created: Timestamp,
}

/// What is set for a region as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Which setting.
    pub name: Arc<str>,
    /// What it is set to.
    pub value: String,
}
