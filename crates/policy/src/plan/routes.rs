//! Route tables as tables of the kernel.
//!
//! A mark, set by the link that a packet came in by, says which table decides. What a table calls local it leaves to
//! the main one, which has a /32 route to each interface and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use types::{Cidr, Ipv4Cidr, Ipv6Cidr, NetworkInterfaceId, RouteTableId, VpcId};

use super::{EDGE_GATEWAY_ADDRESS, FAR_END_ADDRESS, FAR_END_IPV6_ADDRESS, RouteKey, RoutePlan, TableNumber};
use crate::names::{
    VPC_EGRESS_ONLY_LINK, VPC_GATEWAY_LINK, eni_link_name, peering_link_name, route_table_number, transit_link_name,
};
use crate::topology::{InterfaceKind, Target, Topology};

/// The routes of the tables in force in one VPC.
#[derive(Default)]
pub(super) struct Routes {
    /// The numbers of the tables.
    pub tables: BTreeMap<RouteTableId, TableNumber>,
    /// Those that lead somewhere by links that are always there.
    pub routes: BTreeMap<RouteKey, RoutePlan>,
    /// Those that lead nowhere, or by a machine's link while that is not there.
    pub blackholes: BTreeSet<RouteKey>,
    /// Those by a machine.
    pub forwards: BTreeMap<NetworkInterfaceId, BTreeSet<RouteKey>>,
}

impl Routes {
    /// The routes of these tables of a VPC. Tables of the same routes are one; of two others with one number the second
    /// one is left out.
    pub(super) fn new(topology: &Topology, vpc: VpcId, tables: &BTreeSet<RouteTableId>) -> Self {
        let mut all = Self::default();
        let mut taken: BTreeMap<TableNumber, String> = BTreeMap::new();
        let has_ipv6 = topology.vpcs.get(&vpc).is_some_and(|vpc| vpc.has_ipv6());
        for &id in tables {
            let Some(table) = topology.route_tables.get(&id) else { continue };
            let routes = table.routes.iter().filter(|(to, _)| has_ipv6 || to.ipv4().is_some());
            let ways: Vec<(Cidr, Way)> = routes.map(|(to, target)| (*to, way(topology, vpc, *to, *target))).collect();
            let text: String = ways.iter().map(|(destination, way)| format!("{destination} {way:?}\n")).collect();
            let number = TableNumber(route_table_number(&text));
            match taken.get(&number) {
                Some(other) if *other != text => continue,
                Some(_) => drop(all.tables.insert(id, number)),
                None => {
                    taken.insert(number, text);
                    all.tables.insert(id, number);
                    if has_ipv6 {
                        all.blackholes.insert(RouteKey { table: number, destination: Ipv6Cidr::ANY.into() });
                    }
                    all.add(number, ways);
                }
            }
        }
        all
    }

    fn add(&mut self, table: TableNumber, ways: Vec<(Cidr, Way)>) {
        // What no route is for goes nowhere.
        self.blackholes.insert(RouteKey { table, destination: Ipv4Cidr::ANY.into() });
        for (destination, way) in ways {
            let key = RouteKey { table, destination };
            match way {
                Way::Route(route) => drop(self.routes.insert(key, route)),
                Way::Machine(id) => drop(self.forwards.entry(id).or_default().insert(key)),
                Way::Nowhere => drop(self.blackholes.insert(key)),
            }
        }
    }
}

/// Where a target leads.
#[derive(Debug)]
enum Way {
    /// By a link that is always there.
    Route(RoutePlan),
    /// By a machine.
    Machine(NetworkInterfaceId),
    /// Nowhere.
    Nowhere,
}

fn way(topology: &Topology, vpc: VpcId, destination: Cidr, target: Target) -> Way {
    let is_ipv6 = destination.ipv6().is_some();
    let via = |gateway: IpAddr, link: &str| RoutePlan::Via { gateway, link: link.to_owned(), source: None };
    let far_end: IpAddr = if is_ipv6 { FAR_END_IPV6_ADDRESS.into() } else { FAR_END_ADDRESS.into() };
    let edge = if is_ipv6 { far_end } else { EDGE_GATEWAY_ADDRESS.into() };
    let route = match target {
        Target::Local => Some(RoutePlan::Main),
        Target::InternetGateway => {
            let has_gateway = topology.vpcs.get(&vpc).is_some_and(|vpc| vpc.internet_gateway.is_some());
            has_gateway.then(|| via(edge, VPC_GATEWAY_LINK))
        }
        Target::EgressOnlyGateway => {
            let has_gateway = topology.vpcs.get(&vpc).is_some_and(|vpc| vpc.egress_only_gateway);
            (is_ipv6 && has_gateway).then(|| via(edge, VPC_EGRESS_ONLY_LINK))
        }
        Target::Peering(id) => {
            topology.peers(vpc).any(|(peering, _)| peering == id).then(|| via(far_end, &peering_link_name(id)))
        }
        Target::NatGateway(_) | Target::Interface(_) => match topology.forwarder(vpc, target, destination) {
            Some((id, interface)) if interface.kind != InterfaceKind::Machine => Some(via(far_end, &eni_link_name(id))),
            Some((id, _)) => return Way::Machine(id),
            None => None,
        },
        Target::TransitGateway(id) => topology.transit_link(vpc, id).map(|_| via(far_end, &transit_link_name(id))),
        Target::Blackhole => None,
    };
    route.map_or(Way::Nowhere, Way::Route)
}
