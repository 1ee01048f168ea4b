//! The links of a VPC that a connection passes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use types::{Cidr, Ipv4Cidr, Ipv6Cidr};

use crate::names::VPC_EGRESS_ONLY_LINK;
use crate::plan::{Data, HostPlan, InterfaceLink, Part, Place, RouteKey, RoutePlan, TABLE_OF, TableNumber};

/// After how many links a packet is taken to go round in circles.
const MOST_LINKS: usize = 16;

/// Where packets go in a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ways {
    routes: BTreeMap<RouteKey, RoutePlan>,
    /// The table that decides about what comes in by a link; for others it is the main one.
    tables: BTreeMap<String, TableNumber>,
    /// The addresses of the router itself, which are behind no link.
    local: BTreeSet<IpAddr>,
    /// The links of interfaces of machines.
    machines: BTreeSet<String>,
    /// The links to what tracks all that passes it.
    tracking: BTreeSet<String>,
}

impl Ways {
    /// As it was before a change. What was found on a host may lack an interface that needs repair: then it is as after.
    pub(super) fn new(place: Place, before: &HostPlan, after: &HostPlan) -> Self {
        let plans = [after, before].map(|plan| plan.namespaces.get(&place));
        let plans = || plans.into_iter().flatten();
        let of_interfaces = |links: &BTreeMap<String, InterfaceLink>| -> Vec<(RouteKey, RoutePlan)> {
            links.iter().flat_map(|(link, interface)| interface.routes(link)).collect()
        };
        let mut routes: BTreeMap<RouteKey, RoutePlan> =
            plans().flat_map(|plan| of_interfaces(&plan.interfaces)).collect();
        let old = before.namespaces.get(&place);
        routes.extend(old.iter().flat_map(|plan| plan.routes.iter().map(|(key, route)| (*key, route.clone()))));
        let tables = old.and_then(|plan| plan.table.sets.get(TABLE_OF)).into_iter().flat_map(|map| &map.elements);
        let tables = tables.filter_map(|(key, data)| match (key.as_slice(), data) {
            ([Part::Link(link)], Some(Data::Mark(number))) => Some((link.clone(), TableNumber(*number))),
            _ => None,
        });
        let veths = before.veths.iter().chain(&after.veths);
        let gateways = veths.filter(|veth| veth.near.place == place && matches!(veth.far.place, Place::Nat(_)));
        let gateways = gateways.map(|veth| veth.near.name.clone());
        Self {
            routes,
            tables: tables.collect(),
            local: plans().flat_map(|plan| plan.addresses.iter().map(|(_, address)| *address)).collect(),
            machines: plans().flat_map(|plan| plan.interfaces.keys().cloned()).collect(),
            tracking: gateways.chain([VPC_EGRESS_ONLY_LINK.to_owned()]).collect(),
        }
    }

    /// The links that a connection passes from its source on; none if it is the router's own, or is tracked on its way.
    ///
    /// Where the source is outside, it is the way of the answers, turned round.
    pub(super) fn between(&self, source: IpAddr, destination: IpAddr) -> Vec<&str> {
        if self.local.contains(&source) || self.local.contains(&destination) {
            return Vec::new();
        }
        let way = match (self.link_of(source), self.link_of(destination)) {
            (Some(link), _) => self.from(link, destination),
            (None, Some(link)) => self.from(link, source).into_iter().rev().collect(),
            (None, None) => Vec::new(),
        };
        if way.iter().any(|link| self.tracking.contains(*link)) { Vec::new() } else { way }
    }

    /// The link of the interface that has an address.
    fn link_of(&self, address: IpAddr) -> Option<&str> {
        link_in(self.routes.get(&RouteKey::main(Cidr::host(address)))?)
    }

    /// The links on the way from one to an address, through machines that forward.
    fn from<'a>(&'a self, link: &'a str, to: IpAddr) -> Vec<&'a str> {
        let mut way = vec![link];
        let mut at = link;
        while way.len() < MOST_LINKS && (way.len() == 1 || self.forwards(at, to)) {
            let Some(next) = self.next(at, to) else { break };
            way.push(next);
            at = next;
        }
        way
    }

    /// Whether what goes to an address comes back in by a link that it went out by.
    fn forwards(&self, link: &str, to: IpAddr) -> bool {
        self.machines.contains(link) && self.link_of(to) != Some(link)
    }

    fn next(&self, link: &str, to: IpAddr) -> Option<&str> {
        let table = self.tables.get(link).copied();
        let chosen = table.and_then(|table| self.lookup(table, to)).filter(|route| **route != RoutePlan::Main);
        link_in(chosen.or_else(|| self.lookup(TableNumber::MAIN, to))?)
    }

    /// The route of the longest prefix in a table.
    fn lookup(&self, table: TableNumber, to: IpAddr) -> Option<&RoutePlan> {
        let block = |length| match to {
            IpAddr::V4(address) => Ipv4Cidr::new(address, length).map(Cidr::from),
            IpAddr::V6(address) => Ipv6Cidr::new(address, length).map(Cidr::from),
        };
        (0..=128).rev().find_map(|length| self.routes.get(&RouteKey { table, destination: block(length)? }))
    }
}

fn link_in(route: &RoutePlan) -> Option<&str> {
    match route {
        RoutePlan::Via { link, .. } | RoutePlan::Link { link } => Some(link),
        RoutePlan::Main => None,
    }
}
