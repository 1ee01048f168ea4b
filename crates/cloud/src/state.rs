//! The State: everything there is, as one immutable value that is cheap to copy.
//!
//! All maps are persistent: a copy shares its structure with the original, so a reader keeps a snapshot for as
//! long as it likes and a writer changes its own copy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use types::*;

use crate::reads::Reader;
use crate::resource::*;
use crate::settle;

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $key:ty => $record:ident by $id:ident),* $(,)?) => {
        /// The resources of one region, by id.
        #[derive(Debug, Clone, Default)]
        pub struct Tables {
            $($(#[$doc])* pub $table: OrdMap<$key, Arc<$record>>,)*
            /// Derived: which interface holds a private address of a VPC.
            pub private_addresses: HashMap<(VpcId, Ipv4Addr), NetworkInterfaceId>,
            /// Derived: which interface holds an IPv6 address of a VPC.
            pub ipv6_addresses: HashMap<(VpcId, Ipv6Addr), NetworkInterfaceId>,
            /// Derived: how many IPv4 addresses of a subnet are taken.
            pub subnet_usage: HashMap<SubnetId, u32>,
            /// Derived: when something will happen to a resource by itself.
            pub due: OrdSet<(Timestamp, Key)>,
        }

        /// One resource of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Record { $($(#[$doc])* $record(Arc<$record>),)* }

        /// Which resource, of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Key { $($(#[$doc])* $record($key),)* }

        impl Record {
            /// Which resource this is.
            pub fn key(&self) -> Key {
                match self { $(Self::$record(r) => Key::$record(r.$id.clone()),)* }
            }
        }

        $(impl From<$record> for Record {
            fn from(record: $record) -> Self { Self::$record(Arc::new(record)) }
        })*

        impl<'a> Reader<'a> {
            $($(#[$doc])* pub fn $table(self, id: &$key) -> Option<&'a Arc<$record>> {
                self.look_up(
                    |tables| tables.$table.get(id),
                    |found| (Key::$record(id.clone()), found.cloned().map(Record::$record)),
                )
            })*
        }

        impl Tables {
            fn put(&mut self, record: Record) {
                self.forget(&record.key());
                match record { $(Record::$record(r) => { self.$table.insert(r.$id.clone(), r); })* }
            }

            fn delete(&mut self, key: &Key) {
                self.forget(key);
                match key { $(Key::$record(id) => { self.$table.remove(id); })* }
            }

            /// The resource of this key, as a record.
            pub fn record_of(&self, key: &Key) -> Option<Record> {
                match key { $(Key::$record(id) => self.$table.get(id).cloned().map(Record::$record),)* }
            }

            /// Whether this is what is there under the key: the very same record, not only an equal one.
            pub(crate) fn is_still(&self, key: &Key, found: Option<&Record>) -> bool {
                match key {
                    $(Key::$record(id) => match (self.$table.get(id), found) {
                        (Some(now), Some(Record::$record(then))) => Arc::ptr_eq(now, then),
                        (None, None) => true,
                        _ => false,
                    },)*
                }
            }

            /// Every resource, as a list of records.
            pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
                std::iter::empty()$(.chain(self.$table.values().cloned().map(Record::$record)))*
            }
        }
    };
}

tables! {
    /// Virtual private clouds.
    vpcs: VpcId => Vpc by id,
    /// Subnets.
    subnets: SubnetId => Subnet by id,
    /// Internet gateways.
    internet_gateways: InternetGatewayId => InternetGateway by id,
    /// Egress-only internet gateways.
    egress_only_internet_gateways: EgressOnlyInternetGatewayId => EgressOnlyInternetGateway by id,
    /// Ranges of subnets that are set aside.
    subnet_cidr_reservations: SubnetCidrReservationId => SubnetCidrReservation by id,
    /// Route tables.
    route_tables: RouteTableId => RouteTable by id,
    /// Network ACLs.
    network_acls: NetworkAclId => NetworkAcl by id,
    /// Customer-managed prefix lists.
    prefix_lists: PrefixListId => PrefixList by id,
    /// Sets of DHCP options.
    dhcp_options: DhcpOptionsId => DhcpOptions by id,
    /// Security groups.
    security_groups: SecurityGroupId => SecurityGroup by id,
    /// Network interfaces.
    interfaces: NetworkInterfaceId => NetworkInterface by id,
    /// Permissions on network interfaces.
    interface_permissions: NetworkInterfacePermissionId => NetworkInterfacePermission by id,
    /// Elastic IP addresses.
    addresses: AllocationId => Address by allocation,
    /// NAT gateways.
    nat_gateways: NatGatewayId => NatGateway by id,
    /// VPC peering connections.
    peerings: VpcPeeringConnectionId => VpcPeeringConnection by id,
    /// Virtual private gateways.
    vpn_gateways: VpnGatewayId => VpnGateway by id,
    /// Customer gateways.
    customer_gateways: CustomerGatewayId => CustomerGateway by id,
    /// VPC endpoints.
    vpc_endpoints: VpcEndpointId => VpcEndpoint by id,
    /// Transit gateways.
    transit_gateways: TransitGatewayId => TransitGateway by id,
    /// Attachments of VPCs to transit gateways.
    transit_gateway_attachments: TransitGatewayAttachmentId => TransitGatewayAttachment by id,
    /// Route tables of transit gateways.
    transit_gateway_route_tables: TransitGatewayRouteTableId => TransitGatewayRouteTable by id,
    /// Flow logs.
    flow_logs: FlowLogId => FlowLog by id,
    /// Key pairs, by name.
    key_pairs: Arc<str> => KeyPair by name,
    /// Instances.
    instances: InstanceId => Instance by id,
    /// Volumes.
    volumes: VolumeId => Volume by id,
    /// Snapshots, but for those of the images that come with Daemun.
    snapshots: SnapshotId => Snapshot by id,
    /// Images.
    images: ImageId => Image by id,
    /// Launch templates.
    launch_templates: LaunchTemplateId => LaunchTemplate by id,
    /// Placement groups.
    placement_groups: PlacementGroupId => PlacementGroup by id,
    /// Dedicated Hosts.
    hosts: HostId => Host by id,
    /// Capacity Reservations.
    capacity_reservations: CapacityReservationId => CapacityReservation by id,
    /// EC2 Fleets.
    fleets: FleetId => Fleet by id,
    /// Spot Fleet requests.
    spot_fleet_requests: SpotFleetRequestId => SpotFleetRequest by id,
    /// Spot Instance requests.
    spot_requests: SpotInstanceRequestId => SpotRequest by id,
    /// Tags, by the id of what they are on.
    tags: Arc<str> => TagSet by resource,
    /// Client tokens that were used.
    client_tokens: Arc<str> => ClientToken by key,
    /// Roles of IAM, by name; shared.
    roles: Arc<str> => Role by name,
    /// Instance profiles of IAM, by name; shared.
    instance_profiles: Arc<str> => InstanceProfile by name,
    /// Keys that EC2 Instance Connect pushed, by instance and user.
    pushed_keys: Arc<str> => PushedKeys by target,
    /// What is set for the region as a whole, by name.
    settings: Arc<str> => Setting by name,
}

impl Tables {
    /// The tags of a resource; empty where it has none.
    pub fn tags_of(&self, resource: &str) -> &Tags {
        static NONE: Tags = Tags::new();
        self.tags.get(resource).map_or(&NONE, |set| &set.tags)
    }

    /// The region's default VPC, unless it was deleted.
    pub fn default_vpc(&self) -> Option<&Arc<Vpc>> {
        self.vpcs.values().find(|vpc| vpc.is_default)
    }

    /// How many addresses of the subnet are free.
    pub fn free_addresses(&self, subnet: &Subnet) -> u64 {
        subnet.usable().saturating_sub(u64::from(self.subnet_usage.get(&subnet.id).copied().unwrap_or(0)))
    }

    /// The ranges of a subnet that are set aside: addresses in them are never chosen, only named.
    pub fn reservations_of(&self, subnet: SubnetId) -> impl Iterator<Item = &Arc<SubnetCidrReservation>> {
        self.subnet_cidr_reservations.values().filter(move |reservation| reservation.subnet == subnet)
    }

    /// The interface that holds an address of a VPC.
    pub fn holder_of(&self, vpc: VpcId, address: IpAddr) -> Option<NetworkInterfaceId> {
        match address {
            IpAddr::V4(address) => self.private_addresses.get(&(vpc, address)).copied(),
            IpAddr::V6(address) => self.ipv6_addresses.get(&(vpc, address)).copied(),
        }
    }

    /// The interfaces of an instance, the primary one first.
    pub fn interfaces_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Arc<NetworkInterface>> {
        instance.interfaces.iter().filter_map(|id| self.interfaces.get(id))
    }

    /// Takes what is derived from a record out of the indexes, before it is replaced or deleted.
    fn forget(&mut self, key: &Key) {
        if let Some(at) = self.record_of(key).and_then(|record| settle::due(&record)) {
            self.due.remove(&(at, key.clone()));
        }
        if let Key::NetworkInterface(id) = key
            && let Some(old) = self.interfaces.get(id).cloned()
        {
            for ip in old.private_ips() {
                self.private_addresses.remove(&(old.vpc, ip));
                if let Some(count) = self.subnet_usage.get_mut(&old.subnet) {
                    *count = count.saturating_sub(1);
                }
            }
            for ip in &old.ipv6 {
                self.ipv6_addresses.remove(&(old.vpc, *ip));
            }
        }
    }

    /// Puts what is derived from a record into the indexes, after it was stored.
    fn remember(&mut self, key: &Key) {
        if let Some(at) = self.record_of(key).and_then(|record| settle::due(&record)) {
            self.due.insert((at, key.clone()));
        }
        if let Key::NetworkInterface(id) = key
            && let Some(new) = self.interfaces.get(id).cloned()
        {
            for ip in new.private_ips() {
                self.private_addresses.insert((new.vpc, ip), new.id);
                *self.subnet_usage.entry(new.subnet).or_insert(0) += 1;
            }
            for ip in &new.ipv6 {
                self.ipv6_addresses.insert((new.vpc, *ip), new.id);
            }
        }
    }
}

/// What is done to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// It is now this, whether or not it was there.
    Put(Record),
    /// It is gone.
    Delete(Key),
}

/// One step from a State to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The region of the resource; `None` for what all regions share, such as the images that come with Daemun.
    pub region: Option<Region>,
    /// What happens to it.
    pub operation: Operation,
}

impl Change {
    /// Whether both store the same resource, so that nothing is left of this one after the other.
    pub(crate) fn is_overwritten_by(&self, later: &Self) -> bool {
        match (&self.operation, &later.operation) {
            (Operation::Put(now), Operation::Put(then)) => now.key() == then.key() && self.region == later.region,
            _ => false,
        }
    }
}

/// Everything there is.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// What all regions share.
    pub shared: Tables,
    /// What each region has.
    pub regions: OrdMap<Region, Tables>,
    /// Derived: the public addresses in use anywhere, with the region.
    pub public_addresses: OrdMap<Ipv4Addr, Region>,
    /// How often a State was published since the store was opened; set by who publishes, not stored.
    pub revision: u64,
}

impl Key {
    /// The id that tags on this resource are filed under; `None` for what cannot be tagged or goes by a name.
    pub fn resource_id(&self) -> Option<String> {
        Some(match self {
            Self::Vpc(id) => id.to_string(),
            Self::Subnet(id) => id.to_string(),
            Self::InternetGateway(id) => id.to_string(),
            Self::EgressOnlyInternetGateway(id) => id.to_string(),
            Self::SubnetCidrReservation(id) => id.to_string(),
            Self::RouteTable(id) => id.to_string(),
            Self::NetworkAcl(id) => id.to_string(),
            Self::PrefixList(id) => id.to_string(),
            Self::DhcpOptions(id) => id.to_string(),
            Self::SecurityGroup(id) => id.to_string(),
            Self::NetworkInterface(id) => id.to_string(),
            Self::Address(id) => id.to_string(),
            Self::NatGateway(id) => id.to_string(),
            Self::VpcPeeringConnection(id) => id.to_string(),
            Self::VpnGateway(id) => id.to_string(),
            Self::CustomerGateway(id) => id.to_string(),
            Self::VpcEndpoint(id) => id.to_string(),
            Self::TransitGateway(id) => id.to_string(),
            Self::TransitGatewayAttachment(id) => id.to_string(),
            Self::TransitGatewayRouteTable(id) => id.to_string(),
            Self::FlowLog(id) => id.to_string(),
            Self::Instance(id) => id.to_string(),
            Self::LaunchTemplate(id) => id.to_string(),
            Self::PlacementGroup(id) => id.to_string(),
            Self::SpotRequest(id) => id.to_string(),
            Self::Fleet(id) => id.to_string(),
            Self::SpotFleetRequest(id) => id.to_string(),
            Self::Host(id) => id.to_string(),
            Self::CapacityReservation(id) => id.to_string(),
            Self::Volume(id) => id.to_string(),
            Self::Snapshot(id) => id.to_string(),
            Self::Image(id) => id.to_string(),
            // Key pairs are tagged by id but stored by name: who deletes one deletes its tags.
            Self::KeyPair(_) | Self::TagSet(_) | Self::ClientToken(_) | Self::Setting(_) => return None,
            // IAM's have their tags in the record.
            Self::Role(_) | Self::InstanceProfile(_) | Self::PushedKeys(_) => return None,
            // Nobody can tag these.
            Self::NetworkInterfacePermission(_) => return None,
        })
    }
}

impl State {
    /// Applies one Change.
    pub fn apply(&mut self, change: Change) {
        let key = match &change.operation {
            Operation::Put(record) => record.key(),
            Operation::Delete(key) => key.clone(),
        };
        let tables = match &change.region {
            None => &mut self.shared,
            Some(region) => self.regions.entry(region.clone()).or_default(),
        };
        let before = public_addresses(tables, &key);
        match change.operation {
            Operation::Put(record) => tables.put(record),
            Operation::Delete(ref key) => tables.delete(key),
        }
        tables.remember(&key);
        let after = public_addresses(tables, &key);
        if let Some(region) = change.region
            && before != after
        {
            // An Elastic IP address is in use as long as it is allocated, associated or not; both its allocation
            // and the interface name it, and the allocation is what counts.
            let of_region = self.regions.get(&region);
            let is_allocated = |ip| of_region.is_some_and(|t| t.addresses.values().any(|a| a.ip == ip));
            for ip in before.iter().filter(|ip| !after.contains(ip) && !is_allocated(**ip)) {
                self.public_addresses.remove(ip);
            }
            for ip in after {
                self.public_addresses.insert(ip, region.clone());
            }
        }
    }

    /// Every resource as the Change that would make it.
    pub fn snapshot(&self) -> impl Iterator<Item = Change> + '_ {
        let shared = self.shared.records().map(|r| Change { region: None, operation: Operation::Put(r) });
        let regional = self.regions.iter().flat_map(|(region, tables)| {
            tables.records().map(|r| Change { region: Some(region.clone()), operation: Operation::Put(r) })
        });
        shared.chain(regional)
    }
}

fn public_addresses(tables: &Tables, key: &Key) -> Vec<Ipv4Addr> {
    match key {
        Key::NetworkInterface(id) => {
            tables.interfaces.get(id).map(|i| i.public_addresses().map(|p| p.ip).collect()).unwrap_or_default()
        }
        Key::Address(id) => tables.addresses.get(id).map(|a| a.ip).into_iter().collect(),
        _ => Vec::new(),
    }
}
