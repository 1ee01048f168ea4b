//! What the kernel of the host shall look like: namespaces, links, addresses, routes, settings and rules, as data.
//!
//! A plan is a value: two plans compare, print as text, and have a difference ([`crate::diff`]). It says what shall be
//! there, never how to get there. Everything in it is ordered, so one topology has exactly one plan.

mod acl;
mod build;
mod cover;
mod edge;
mod flow_logs;
mod gateway;
mod groups;
mod ipv6;
mod nat;
mod nft;
mod routes;
mod senders;
mod spread;
mod text;
mod timeouts;
mod transit;
mod vpc;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use types::{Cidr, MacAddress, NatGatewayId, NetworkInterfaceId, TransitGatewayId, VpcId};

use crate::CloudTag;
use crate::names::{
    EDGE_OPERATOR_LINK, VPC_EGRESS_ONLY_LINK, VPC_GATEWAY_LINK, egress_only_link_name, gateway_link_name,
    peering_link_name,
};
use crate::topology::Topology;

pub(crate) use cover::{merge, without};
pub(crate) use gateway::PRIVATE_OF;
pub(crate) use ipv6::OF_THE_LINK;
pub(crate) use nat::TRANSLATED;
pub(crate) use nft::Joined;
pub use nft::{
    Action, BaseChain, ChainKind, ChainPlan, CtDirection, CtState, Data, DataType, Element, FLOW_IDLE_SECONDS,
    FLOWS_AT_ONCE, Field, FieldType, Hook, Key, Match, Part, Rule, SetPlan, TablePlan, Transport, flow_key,
};
pub(crate) use senders::TABLE_OF;
pub use spread::SEED as SPREAD_SEED;
pub(crate) use spread::spread;
pub use timeouts::TimeoutPlan;
pub(crate) use vpc::dispatch_name;

/// The edge's address towards VPCs: the next hop of their routes to the internet.
pub const EDGE_GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);
/// A VPC's address towards the edge: the next hop of the edge's routes to public addresses.
pub const VPC_GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 2);
/// The next hop on a link that has just one other end. Nobody has this address: the link resolves none.
pub const FAR_END_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 3);
/// The same for IPv6.
pub const FAR_END_IPV6_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 3);
/// The VPC's router on the link of every interface that has an IPv6 address: the machine's next hop.
pub const ROUTER_IPV6_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The address of the instance metadata service in every VPC (EC2 User Guide, "Instance metadata").
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The address of the resolver that is the same in every VPC (VPC guide, "DNS attributes").
pub const RESOLVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// The address of the instance metadata service in every VPC that has IPv6.
pub const METADATA_IPV6_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// The address of the resolver in every VPC that has IPv6.
pub const RESOLVER_IPV6_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253);

/// Everything a cloud has in the kernel, except the machines themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Whose plan it is.
    pub tag: CloudTag,
    /// What each namespace holds.
    pub namespaces: BTreeMap<Place, NamespacePlan>,
    /// The links between them.
    pub veths: BTreeSet<VethPlan>,
}

/// The plan that makes the kernel decide as [`crate::verdict()`] does.
pub fn plan(topology: &Topology) -> HostPlan {
    let operator = &topology.operator;
    let mut plan = HostPlan {
        tag: operator.tag,
        namespaces: BTreeMap::from([
            (Place::Operator, edge::operator_plan(topology)),
            (Place::Edge, edge::edge_plan(topology)),
        ]),
        veths: BTreeSet::from([VethPlan {
            near: LinkEnd { place: Place::Operator, name: operator.tag.operator_link() },
            far: LinkEnd { place: Place::Edge, name: EDGE_OPERATOR_LINK.to_owned() },
            shared_mac: Some(shared_mac(operator.tag.number().into())),
        }]),
    };
    for (&id, vpc) in &topology.vpcs {
        let compiler = vpc::VpcCompiler::new(topology, id, vpc);
        for (gateway, interface) in compiler.nat_gateways() {
            let (namespace, veth) = nat::nat_plan(topology, id, gateway, interface);
            plan.namespaces.insert(Place::Nat(gateway), namespace);
            plan.veths.insert(veth);
        }
        plan.namespaces.insert(Place::Vpc(id), compiler.compile());
        let internet = vpc.internet_gateway.map(|_| (gateway_link_name(id), VPC_GATEWAY_LINK));
        let egress_only =
            (vpc.has_ipv6() && vpc.egress_only_gateway).then(|| (egress_only_link_name(id), VPC_EGRESS_ONLY_LINK));
        for (name, there) in internet.into_iter().chain(egress_only) {
            plan.veths.insert(VethPlan {
                near: LinkEnd { place: Place::Edge, name },
                far: LinkEnd { place: Place::Vpc(id), name: there.to_owned() },
                shared_mac: Some(shared_mac(id.number())),
            });
        }
        // Each side sees the connection; the requester's makes the link.
        for (peering, other) in topology.peers(id).filter(|(p, _)| topology.peerings[p].requester == id) {
            let name = peering_link_name(peering);
            plan.veths.insert(VethPlan {
                near: LinkEnd { place: Place::Vpc(id), name: name.clone() },
                far: LinkEnd { place: Place::Vpc(other), name },
                shared_mac: Some(shared_mac(peering.number())),
            });
        }
    }
    transit::add_transit_gateways(&mut plan, topology);
    plan
}

/// The hardware address of both ends of a link, by the number of what it belongs to.
fn shared_mac(number: u128) -> MacAddress {
    // The last 32 bits always fit.
    MacAddress::local(u64::try_from(number & 0xffff_ffff).unwrap_or_default())
}

/// One of the namespaces of a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The namespace the daemon runs in. Shared with everything else there: only what the plan names is ours.
    Operator,
    /// Where public addresses live.
    Edge,
    /// A VPC.
    Vpc(VpcId),
    /// A NAT gateway.
    Nat(NatGatewayId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
}

impl Place {
    /// The name below `/run/netns`; `None` for the operator's, which has none.
    pub fn namespace_name(self, tag: CloudTag) -> Option<String> {
        match self {
            Self::Operator => None,
            Self::Edge => Some(tag.edge_namespace()),
            Self::Vpc(vpc) => Some(tag.vpc_namespace(vpc)),
            Self::Nat(gateway) => Some(tag.nat_namespace(gateway)),
            Self::TransitGateway(gateway) => Some(tag.transit_namespace(gateway)),
        }
    }

    /// The place that a namespace of a cloud stands for, by its name behind the cloud's prefix.
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "edge" => Some(Self::Edge),
            _ => name
                .parse()
                .ok()
                .map(Self::Vpc)
                .or_else(|| name.parse().ok().map(Self::Nat))
                .or_else(|| name.parse().ok().map(Self::TransitGateway)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Edge => f.write_str("edge"),
            Self::Vpc(vpc) => fmt::Display::fmt(vpc, f),
            Self::Nat(gateway) => fmt::Display::fmt(gateway, f),
            Self::TransitGateway(gateway) => fmt::Display::fmt(gateway, f),
        }
    }
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEnd {
    /// The namespace the end is in.
    pub place: Place,
    /// The link's name there.
    pub name: String,
}

/// A pair of links that are each other's far end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VethPlan {
    /// The end nearer to the operator.
    pub near: LinkEnd,
    /// The end nearer to the machines.
    pub far: LinkEnd,
    /// The hardware address of both ends, where neither asks for the other's: what goes in here comes out there, and no
    /// end needs an address that others could take for their own.
    pub shared_mac: Option<MacAddress>,
}

/// A table of routes of a namespace, by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableNumber(pub u32);

impl TableNumber {
    /// The table that decides where no other one does.
    pub const MAIN: Self = Self(254);
}

impl fmt::Display for TableNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAIN { f.write_str("main") } else { fmt::Display::fmt(&self.0, f) }
    }
}

/// Which packets a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The table it is in.
    pub table: TableNumber,
    /// Their destination.
    pub destination: Cidr,
}

impl RouteKey {
    /// A route of the main table.
    pub fn main(destination: impl Into<Cidr>) -> Self {
        Self { table: TableNumber::MAIN, destination: destination.into() }
    }

    /// The family of its destination.
    pub fn family(self) -> Family {
        match self.destination {
            Cidr::Ipv4(_) => Family::Ipv4,
            Cidr::Ipv6(_) => Family::Ipv6,
        }
    }
}

/// A family of addresses. Each has tables of routes of its own, though under the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// What one namespace holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespacePlan {
    /// Kernel settings: path below `/proc/sys`, value.
    pub sysctls: BTreeMap<String, String>,
    /// Links that are up.
    pub up: BTreeSet<String>,
    /// Addresses, each as /32 or /128, on the link that is named.
    pub addresses: BTreeSet<(String, IpAddr)>,
    /// The tables beside the main one. Each decides about the packets that bear its number as their mark; where it has
    /// [`RoutePlan::Main`], the main table does.
    pub tables: BTreeSet<(Family, TableNumber)>,
    /// Routes that lead somewhere.
    pub routes: BTreeMap<RouteKey, RoutePlan>,
    /// Destinations that nothing reaches where `routes` has none for them, nor an interface: silence, instead of the
    /// next wider route.
    pub blackholes: BTreeSet<RouteKey>,
    /// The host's ends of network interfaces by link name. Whoever starts a machine makes them; once they are there
    /// they get the settings of [`eni_link_sysctls`] and their routes.
    pub interfaces: BTreeMap<String, InterfaceLink>,
    /// The nftables table.
    pub table: TablePlan,
}

/// Where packets for a destination go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutePlan {
    /// To a neighbour on a link, which need not be in a subnet of ours (`onlink`).
    Via {
        /// The neighbour's address.
        gateway: IpAddr,
        /// The link it is on.
        link: String,
        /// The address that our own packets take.
        source: Option<IpAddr>,
    },
    /// To whoever answers on a link.
    Link {
        /// The link.
        link: String,
    },
    /// As the main table says (`throw`).
    Main,
}

/// The host's end of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceLink {
    /// Which interface.
    pub interface: NetworkInterfaceId,
    /// The addresses behind it: the private ones, the primary one first, then those of IPv6; a route of its own leads to
    /// each. With one of IPv6 the link also has [`ROUTER_IPV6_ADDRESS`].
    pub addresses: Vec<IpAddr>,
    /// Routes that lead to the machine behind it, which forwards: its first address of their family is their next hop.
    pub forwards: BTreeSet<RouteKey>,
    /// Whether the machine may only speak for its own addresses.
    pub source_dest_check: bool,
}

impl InterfaceLink {
    /// Whether there is an IPv6 address behind it.
    pub fn has_ipv6(&self) -> bool {
        self.addresses.iter().any(IpAddr::is_ipv6)
    }

    /// The routes that lead to it.
    pub fn routes(&self, link: &str) -> BTreeMap<RouteKey, RoutePlan> {
        let link = link.to_owned();
        let own = self
            .addresses
            .iter()
            .map(|address| (RouteKey::main(Cidr::host(*address)), RoutePlan::Link { link: link.clone() }));
        let by_it = self.forwards.iter().filter_map(|key| {
            let of_family = |address: &&IpAddr| address.is_ipv6() == (key.family() == Family::Ipv6);
            let gateway = *self.addresses.iter().find(of_family)?;
            Some((*key, RoutePlan::Via { gateway, link: link.clone(), source: None }))
        });
        own.chain(by_it).collect()
    }
}

/// Settings of the host's end of a network interface: directory below `/proc/sys/net`, file, value.
///
/// `proxy_arp`: the host answers for every neighbour, so that nothing is ever exchanged behind its back. `rp_filter`:
/// the check of source addresses is a rule, but rules do not see ARP, and without this a machine that asks under ever
/// new addresses fills the one table of neighbours that all namespaces of a kernel share. No redirects: the host *is*
/// the only way. And a machine that was not up yet when it was first asked for is asked again soon, not after a second.
/// IPv6 is off unless the interface has an address of it; then the link gets no other address than the router's.
pub fn eni_link_sysctls(source_dest_check: bool, ipv6: bool) -> [(&'static str, &'static str, &'static str); 7] {
    [
        ("ipv4/conf", "proxy_arp", "1"),
        ("ipv4/conf", "rp_filter", if source_dest_check { "1" } else { "0" }),
        ("ipv4/conf", "send_redirects", "0"),
        ("ipv4/conf", "accept_redirects", "0"),
        ("ipv4/neigh", "retrans_time_ms", ARP_RETRY_MS),
        ("ipv6/conf", "addr_gen_mode", NO_ADDRESS_OF_ITS_OWN),
        ("ipv6/conf", "disable_ipv6", if ipv6 { "0" } else { "1" }),
    ]
}

/// What keeps a link from making itself a link-local address (`IN6_ADDR_GEN_MODE_NONE`).
pub(crate) const NO_ADDRESS_OF_ITS_OWN: &str = "1";

/// How long to wait for an answer to ARP before asking again, in milliseconds. Links here are a memory copy long. A
/// whole number of ticks whatever the kernel's clock rate (100, 250, 300 or 1,000), or it would read back as another.
pub(crate) const ARP_RETRY_MS: &str = "100";
