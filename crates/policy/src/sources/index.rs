//! What the walk looks up again and again, made once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use types::{NetworkInterfaceId, SecurityGroupId, VpcId};

use super::range::AddressRange;
use crate::plan::{
    METADATA_ADDRESS, METADATA_IPV6_ADDRESS, RESOLVER_ADDRESS, RESOLVER_IPV6_ADDRESS, ROUTER_IPV6_ADDRESS,
    VPC_GATEWAY_ADDRESS,
};
use crate::ranges::{from_nowhere, ipv6_from_nowhere, ipv6_never_routed, never_routed};
use crate::topology::{Interface, InterfaceKind, LinkState, Topology, TransitLink};

type Named<'a> = (NetworkInterfaceId, &'a Interface);

pub(super) struct Index<'a> {
    pub(super) topology: &'a Topology,
    /// The interfaces that have an address, whatever their state.
    having: BTreeMap<(VpcId, IpAddr), Vec<Named<'a>>>,
    /// Whom an internet gateway translates for, by public address; the VPC and the private one.
    pub(super) privates: BTreeMap<IpAddr, (VpcId, Ipv4Addr)>,
    /// The same the other way.
    pub(super) publics: BTreeMap<(VpcId, IpAddr), Ipv4Addr>,
    /// The VPC that a gateway leads to by IPv6.
    pub(super) ipv6_users: BTreeMap<IpAddr, VpcId>,
    /// The addresses of the router of a VPC and of its services.
    services: BTreeMap<VpcId, BTreeSet<IpAddr>>,
    /// What no gateway of a VPC forwards from or to.
    nowhere: BTreeMap<VpcId, Vec<AddressRange>>,
    /// What no transit gateway does.
    pub(super) never_routed: Vec<AddressRange>,
    pub(super) transit: Vec<TransitLink>,
}

impl<'a> Index<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        let mut having: BTreeMap<_, Vec<Named<'a>>> = BTreeMap::new();
        for (&id, interface) in &topology.interfaces {
            let own: BTreeSet<IpAddr> = interface.all_addresses().collect();
            own.into_iter().for_each(|it| having.entry((interface.vpc, it)).or_default().push((id, interface)));
        }
        let mut privates = BTreeMap::new();
        let mut publics = BTreeMap::new();
        for (public, (_, interface, private)) in topology.gateway_users() {
            privates.insert(public.into(), (interface.vpc, private));
            publics.entry((interface.vpc, private.into())).or_insert(public);
        }
        let ipv6_users = topology.ipv6_gateway_users().into_iter();
        let ipv6_users = ipv6_users.map(|(address, (_, interface))| (address.into(), interface.vpc)).collect();
        let never = never_routed().into_iter().map(types::Cidr::from);
        let never = never.chain(ipv6_never_routed().into_iter().map(types::Cidr::from));
        Self {
            topology,
            having,
            privates,
            publics,
            ipv6_users,
            services: services(topology),
            nowhere: nowhere(topology),
            never_routed: never.map(AddressRange::from).collect(),
            transit: topology.transit_links().collect(),
        }
    }

    /// The interfaces of a VPC that have an address.
    pub(super) fn having(&self, vpc: VpcId, address: IpAddr) -> &[Named<'a>] {
        self.having.get(&(vpc, address)).map_or(&[], Vec::as_slice)
    }

    /// The nearest addresses of a VPC's interfaces on both sides of one.
    pub(super) fn beside(&self, vpc: VpcId, address: IpAddr) -> [Option<IpAddr>; 2] {
        beside(&self.having, vpc, address)
    }

    /// The attached interface of a VPC that has the address: a machine's, or that of a NAT gateway that is there.
    pub(super) fn attached_at(&self, vpc: VpcId, address: IpAddr) -> Option<Named<'a>> {
        let there = |id: NetworkInterfaceId, interface: &Interface| match interface.kind {
            InterfaceKind::Machine => true,
            InterfaceKind::NatGateway(nat) => {
                self.topology.nat_gateways.get(&nat).is_some_and(|nat| nat.interface == id)
            }
        };
        let mut found = self.having(vpc, address).iter();
        found.find(|(id, interface)| interface.link == LinkState::Attached && there(*id, interface)).copied()
    }

    /// The addresses of interfaces of a VPC that carry a group.
    pub(super) fn members(&self, vpc: VpcId, group: SecurityGroupId) -> impl Iterator<Item = IpAddr> {
        let of_vpc = self.topology.interfaces.values().filter(move |interface| interface.vpc == vpc);
        of_vpc.filter(move |it| self.topology.carries(it, group)).flat_map(Interface::all_addresses)
    }

    pub(super) fn services(&self, vpc: VpcId) -> impl Iterator<Item = IpAddr> {
        self.services.get(&vpc).into_iter().flatten().copied()
    }

    pub(super) fn nowhere(&self, vpc: VpcId) -> &[AddressRange] {
        self.nowhere.get(&vpc).map_or(&[], Vec::as_slice)
    }
}

/// The nearest addresses of a VPC in a map on both sides of one.
pub(super) fn beside<T>(map: &BTreeMap<(VpcId, IpAddr), T>, vpc: VpcId, address: IpAddr) -> [Option<IpAddr>; 2] {
    let before = map.range(..(vpc, address)).next_back();
    let after = map.range((vpc, address)..).find(|((_, it), _)| *it != address);
    [before, after].map(|found| found.filter(|((of, _), _)| *of == vpc).map(|((_, it), _)| *it))
}

fn services(topology: &Topology) -> BTreeMap<VpcId, BTreeSet<IpAddr>> {
    let mut all = BTreeMap::new();
    for (&id, vpc) in &topology.vpcs {
        let ipv4 = [METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS].into_iter().chain(vpc.resolver());
        let ipv6: &[Ipv6Addr] = match vpc.has_ipv6() {
            true => &[ROUTER_IPV6_ADDRESS, METADATA_IPV6_ADDRESS, RESOLVER_IPV6_ADDRESS],
            false => &[ROUTER_IPV6_ADDRESS],
        };
        let own: BTreeSet<IpAddr> = ipv4.map(IpAddr::from).chain(ipv6.iter().copied().map(IpAddr::from)).collect();
        all.insert(id, own);
    }
    for subnet in topology.subnets.values() {
        if let (Some(own), Some(router)) = (all.get_mut(&subnet.vpc), subnet.router()) {
            own.insert(router.into());
        }
    }
    all
}

fn nowhere(topology: &Topology) -> BTreeMap<VpcId, Vec<AddressRange>> {
    let of_vpc = |vpc: &crate::topology::Vpc| {
        let ipv4 = from_nowhere(topology.operator.pool, &vpc.cidrs).into_iter().map(types::Cidr::from);
        let ipv6 = ipv6_from_nowhere(&vpc.ipv6_cidrs).into_iter().map(types::Cidr::from);
        ipv4.chain(ipv6).map(AddressRange::from).collect()
    };
    topology.vpcs.iter().map(|(id, vpc)| (*id, of_vpc(vpc))).collect()
}
