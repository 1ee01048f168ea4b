//! Route tables as tables of the kernel.
//!
//! A mark, set by the link that a packet came in by, says which table decides. What a table calls local it leaves to
//! the main one, which has a /32 route to each interface and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use types::{Ipv4Cidr, NetworkInterfaceId, RouteTableId, VpcId};

use super::{EDGE_GATEWAY_ADDRESS, FAR_END_ADDRESS, RouteKey, RoutePlan, TableNumber};
use crate::names::{VPC_GATEWAY_LINK, eni_link_name, peering_link_name, route_table_number};
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
    /// The routes of these tables of a VPC. Of two with one number the second one is left out.
    pub(super) fn new(topology: &Topology, vpc: VpcId, tables: &BTreeSet<RouteTableId>) -> Self {
        let mut all = Self::default();
        let mut taken = BTreeSet::new();
        for &id in tables {
            let number = TableNumber(route_table_number(id));
            let Some(table) = topology.route_tables.get(&id).filter(|_| taken.insert(number)) else { continue };
            all.tables.insert(id, number);
            // What no route is for goes nowhere.
            all.blackholes.insert(RouteKey { table: number, destination: Ipv4Cidr::ANY });
            for (&destination, &target) in &table.routes {
                all.add(topology, vpc, RouteKey { table: number, destination }, target);
            }
        }
        all
    }

    fn add(&mut self, topology: &Topology, vpc: VpcId, key: RouteKey, target: Target) {
        let via = |gateway, link: &str| RoutePlan::Via { gateway, link: link.to_owned(), source: None };
        let known = topology.vpcs.get(&vpc);
        let route = match target {
            Target::Local => Some(RoutePlan::Main),
            Target::InternetGateway => {
                known.filter(|vpc| vpc.internet_gateway.is_some()).map(|_| via(EDGE_GATEWAY_ADDRESS, VPC_GATEWAY_LINK))
            }
            Target::Peering(id) => topology
                .peers(vpc)
                .any(|(peering, _)| peering == id)
                .then(|| via(FAR_END_ADDRESS, &peering_link_name(id))),
            Target::NatGateway(_) | Target::Interface(_) => match topology.forwarder(vpc, target) {
                Some((id, interface)) if interface.kind != InterfaceKind::Machine => {
                    Some(via(FAR_END_ADDRESS, &eni_link_name(id)))
                }
                Some((id, _)) => {
                    self.forwards.entry(id).or_default().insert(key);
                    None
                }
                None => None,
            },
            Target::Blackhole => None,
        };
        match route {
            Some(route) => drop(self.routes.insert(key, route)),
            None => drop(self.blackholes.insert(key)),
        }
    }
}
