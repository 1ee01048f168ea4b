//! Which routes are in force: the local ones that every block of a VPC has, and whether the others lead anywhere.

use std::sync::Arc;

pub use ec2_shapes::{RouteOrigin, RouteState};
use types::{InstanceState, VpcId};

use crate::resource::{Route, RouteDestination, RouteTable, RouteTarget, Subnet, Vpc, VpcEndpointState};
use crate::state::Tables;
use crate::transit;

/// The blocks of a VPC, each of which has a local route in every table.
pub fn local_destinations(vpc: &Vpc) -> impl Iterator<Item = RouteDestination> + '_ {
    let ipv4 = vpc.cidrs.iter().map(|cidr| RouteDestination::Ipv4(*cidr));
    ipv4.chain(vpc.ipv6_cidrs.iter().map(|block| RouteDestination::Ipv6(block.cidr)))
}

/// All routes of a table, the local ones first.
pub fn routes(tables: &Tables, table: &RouteTable) -> Vec<Route> {
    let own: Vec<_> = tables.vpcs.get(&table.vpc).map(|vpc| local_destinations(vpc).collect()).unwrap_or_default();
    let stored = |destination| table.routes.iter().find(|route| route.destination == destination).copied();
    let local =
        own.iter().map(|&destination| stored(destination).unwrap_or(Route { destination, target: RouteTarget::Local }));
    let is_further = |route: &&Route| route.target != RouteTarget::Local && !own.contains(&route.destination);
    local.chain(table.routes.iter().filter(is_further).copied()).collect()
}

/// Where a route of a table comes from.
pub fn route_origin(tables: &Tables, table: &RouteTable, route: &Route) -> RouteOrigin {
    let is_local = |vpc: &Arc<Vpc>| local_destinations(vpc).any(|destination| destination == route.destination);
    if tables.vpcs.get(&table.vpc).is_some_and(is_local) {
        RouteOrigin::CreateRouteTable
    } else {
        RouteOrigin::CreateRoute
    }
}

/// Whether a route of a VPC's table leads anywhere: its target is there, and attached where it has to be. Where not, what
/// the route is for is dropped.
pub fn route_state(tables: &Tables, vpc: VpcId, route: &Route) -> RouteState {
    let leads_somewhere = match route.target {
        RouteTarget::Local => true,
        RouteTarget::InternetGateway(id) => tables.internet_gateways.get(&id).is_some_and(|igw| igw.vpc == Some(vpc)),
        RouteTarget::NatGateway(id) => tables.nat_gateways.get(&id).is_some_and(|nat| nat.is_alive()),
        RouteTarget::NetworkInterface(id) => tables
            .interfaces
            .get(&id)
            .and_then(|interface| interface.attachment.as_ref())
            .and_then(|attachment| tables.instances.get(&attachment.instance))
            .is_some_and(|instance| instance.state != InstanceState::Terminated),
        RouteTarget::VpcPeeringConnection(id) => tables.peerings.get(&id).is_some_and(|peering| peering.is_alive()),
        RouteTarget::EgressOnlyInternetGateway(id) => tables.egress_only_internet_gateways.contains_key(&id),
        RouteTarget::VpnGateway(id) => tables.vpn_gateways.get(&id).is_some_and(|vgw| vgw.is_alive_in(vpc)),
        RouteTarget::VpcEndpoint(id) => {
            tables.vpc_endpoints.get(&id).is_some_and(|it| it.state == VpcEndpointState::Available)
        }
        RouteTarget::TransitGateway(id) => transit::attachment_between(tables, id, vpc).is_some(),
    };
    if leads_somewhere { RouteState::Active } else { RouteState::Blackhole }
}

/// The table that is in force for a subnet: its own, or else the VPC's main one.
pub fn table_of<'a>(tables: &'a Tables, subnet: &Subnet) -> Option<&'a Arc<RouteTable>> {
    let of_vpc = || tables.route_tables.values().filter(|table| table.vpc == subnet.vpc);
    of_vpc()
        .find(|table| table.associations.iter().any(|association| association.subnet == Some(subnet.id)))
        .or_else(|| of_vpc().find(|table| table.is_main()))
}
