//! From the State to what `policy` needs to know of it.

use std::collections::{BTreeMap, BTreeSet};

use cloud::resource::{self, EdgeGateway, InterfaceType, NatGatewayAddressStatus, RouteTarget};
use cloud::routing::RouteState;
use cloud::{State, Tables, prefix_lists, routing, transit};
use policy::{
    Acl, AclEntry, Address, Direction, Group, GroupRule, IdleTimeouts, Interface, InterfaceKind, LinkState, NatGateway,
    Operator, Peer, Peering, RouteTable, Subnet, Target, Topology, TransitAttachment, TransitGateway,
    TransitRouteTable, Vpc,
};
use types::{Cidr, InstanceState, Region, VpcId};

/// The network of the whole cloud, as the State describes it.
///
/// A VPC appears when it has its first interface: one that is empty needs nothing in the kernel.
pub fn topology(state: &State, operator: Operator) -> Topology {
    let mut topology = Topology::new(operator);
    for (region, tables) in &state.regions {
        let in_use: BTreeSet<VpcId> = tables.interfaces.values().map(|interface| interface.vpc).collect();
        for vpc in tables.vpcs.values().filter(|vpc| in_use.contains(&vpc.id)) {
            topology.vpcs.insert(vpc.id, vpc_of(tables, vpc));
        }
        for subnet in tables.subnets.values().filter(|subnet| in_use.contains(&subnet.vpc)) {
            topology.subnets.insert(subnet.id, subnet_of(tables, subnet));
        }
        for table in tables.route_tables.values().filter(|table| in_use.contains(&table.vpc)) {
            topology.route_tables.insert(table.id, table_of(tables, region, table));
        }
        for acl in tables.network_acls.values().filter(|acl| in_use.contains(&acl.vpc)) {
            topology.acls.insert(acl.id, acl_of(acl));
        }
        let serves_any = |group: &resource::SecurityGroup| in_use.iter().any(|vpc| group.serves(*vpc));
        for group in tables.security_groups.values().filter(|group| serves_any(group)) {
            topology.groups.insert(group.id, group_of(tables, region, group, &in_use));
        }
        for interface in tables.interfaces.values() {
            if tables.flow_logs.values().any(|log| log.resource.covers(interface)) {
                topology.watched.insert(interface.id);
            }
            if is_told_by_ipv6(tables, interface) {
                topology.metadata_by_ipv6.insert(interface.id);
            }
            if let Some(timeouts) = idle_timeouts(interface.connection_tracking) {
                topology.idle_timeouts.insert(interface.id, timeouts);
            }
            topology.interfaces.insert(interface.id, interface_of(tables, interface));
        }
        for gateway in tables.nat_gateways.values().filter(|gateway| gateway.is_alive()) {
            if let Some(primary) = gateway.addresses.first() {
                let in_use = |it: &&resource::NatGatewayAddress| it.status == NatGatewayAddressStatus::Succeeded;
                let sources = gateway.addresses.iter().filter(in_use).map(|it| it.private_ip).collect();
                topology.nat_gateways.insert(gateway.id, NatGateway { interface: primary.interface, sources });
            }
        }
        for peering in tables.peerings.values().filter(|peering| peering.is_alive()) {
            let (requester, accepter) = (peering.requester.vpc, peering.accepter.vpc);
            topology.peerings.insert(peering.id, Peering { requester, accepter });
        }
        for gateway in tables.transit_gateways.values().filter(|gateway| gateway.is_alive()) {
            topology.transit_gateways.insert(gateway.id, transit_gateway_of(tables, gateway));
        }
    }
    topology
}

fn vpc_of(tables: &Tables, vpc: &resource::Vpc) -> Vpc {
    let gateway = tables.internet_gateways.values().find(|igw| igw.vpc == Some(vpc.id)).map(|igw| igw.id);
    let of_gateway = |table: &resource::RouteTable| {
        let wanted = gateway.map(EdgeGateway::InternetGateway);
        wanted.is_some() && table.associations.iter().any(|association| association.gateway == wanted)
    };
    Vpc {
        cidrs: vpc.cidrs.clone(),
        ipv6_cidrs: vpc.ipv6_cidrs.iter().map(|block| block.cidr).collect(),
        dns_support: vpc.enable_dns_support,
        internet_gateway: gateway,
        egress_only_gateway: tables.egress_only_internet_gateways.values().any(|gateway| gateway.vpc == vpc.id),
        gateway_table: tables.route_tables.values().find(|table| of_gateway(table)).map(|table| table.id),
    }
}

fn subnet_of(tables: &Tables, subnet: &resource::Subnet) -> Subnet {
    let guards = |acl: &resource::NetworkAcl| acl.associations.contains_key(&subnet.id);
    Subnet {
        vpc: subnet.vpc,
        cidr: subnet.cidr,
        route_table: routing::table_of(tables, subnet).map(|table| table.id),
        acl: tables.network_acls.values().find(|acl| guards(acl)).map(|acl| acl.id),
    }
}

/// The routes. What a block is for goes before what a prefix list is for.
fn table_of(tables: &Tables, region: &Region, table: &resource::RouteTable) -> RouteTable {
    let mut routes: BTreeMap<Cidr, Target> = BTreeMap::new();
    let all = routing::routes(tables, table);
    let (blocks, lists): (Vec<_>, Vec<_>) = all.iter().partition(|route| route.destination.cidr().is_some());
    for route in blocks.into_iter().chain(lists) {
        let target = target_of(tables, table.vpc, route);
        for destination in prefix_lists::destinations(tables, region, route.destination) {
            routes.entry(destination).or_insert(target);
        }
    }
    RouteTable { routes }
}

/// Where a route leads; nowhere if its target is not there, or is of a kind that carries nothing here.
fn target_of(tables: &Tables, vpc: VpcId, route: &resource::Route) -> Target {
    if routing::route_state(tables, vpc, route) != RouteState::Active {
        return Target::Blackhole;
    }
    match route.target {
        RouteTarget::Local => Target::Local,
        RouteTarget::InternetGateway(_) => Target::InternetGateway,
        RouteTarget::NatGateway(id) => Target::NatGateway(id),
        RouteTarget::NetworkInterface(id) => Target::Interface(id),
        RouteTarget::VpcPeeringConnection(id) => Target::Peering(id),
        RouteTarget::EgressOnlyInternetGateway(_) => Target::EgressOnlyGateway,
        RouteTarget::VpnGateway(_) | RouteTarget::VpcEndpoint(_) => Target::Blackhole,
        RouteTarget::TransitGateway(id) => {
            transit::attachment_between(tables, id, vpc).map_or(Target::Blackhole, Target::TransitGateway)
        }
    }
}

/// A transit gateway with the attachments that carry packets, and the routes of its tables.
fn transit_gateway_of(tables: &Tables, gateway: &resource::TransitGateway) -> TransitGateway {
    let attachments = tables.transit_gateway_attachments.values();
    let attachments = attachments.filter(|it| it.gateway == gateway.id && it.is_alive()).map(|it| {
        let attachment = TransitAttachment { vpc: it.vpc, subnets: it.subnets.clone(), table: it.table() };
        (it.id, attachment)
    });
    let route_tables = tables.transit_gateway_route_tables.values().filter(|it| it.gateway == gateway.id);
    let route_tables = route_tables.map(|table| {
        let routes = transit::routes(tables, table).into_iter();
        (table.id, TransitRouteTable { routes: routes.map(|route| (route.destination, route.attachment)).collect() })
    });
    TransitGateway { attachments: attachments.collect(), tables: route_tables.collect() }
}

fn acl_of(acl: &resource::NetworkAcl) -> Acl {
    let entries = |egress: bool| {
        let mut entries: Vec<AclEntry> = acl
            .entries
            .iter()
            .filter(|entry| entry.is_egress == egress)
            .map(|entry| AclEntry {
                number: entry.number,
                allow: entry.allow,
                protocol: entry.protocol,
                cidr: entry.cidr,
            })
            .collect();
        entries.sort_by_key(|entry| entry.number);
        entries
    };
    Acl { ingress: entries(false), egress: entries(true) }
}

/// A group, in those of the VPCs in use that it serves.
fn group_of(tables: &Tables, region: &Region, group: &resource::SecurityGroup, in_use: &BTreeSet<VpcId>) -> Group {
    let rules = |direction: Direction| {
        let wanted = group.rules.iter().filter(|rule| rule.is_egress == (direction == Direction::Egress));
        wanted.flat_map(|rule| rules_of(tables, region, rule)).collect()
    };
    Group {
        vpcs: in_use.iter().copied().filter(|vpc| group.serves(*vpc)).collect(),
        ingress: rules(Direction::Ingress),
        egress: rules(Direction::Egress),
    }
}

/// The rules: one for each block where a prefix list is named.
fn rules_of(tables: &Tables, region: &Region, rule: &resource::SecurityGroupRule) -> Vec<GroupRule> {
    let peers = match rule.peer {
        resource::Peer::Ipv4(cidr) => vec![Peer::Cidr(cidr.into())],
        resource::Peer::Group(group) => vec![Peer::Group(group)],
        resource::Peer::PrefixList(list) => {
            let blocks = prefix_lists::blocks(tables, region, list);
            blocks.into_iter().map(Peer::Cidr).collect()
        }
        resource::Peer::Ipv6(cidr) => vec![Peer::Cidr(cidr.into())],
    };
    peers.into_iter().map(|peer| GroupRule { id: rule.id, protocol: rule.protocol, peer }).collect()
}

fn interface_of(tables: &Tables, interface: &resource::NetworkInterface) -> Interface {
    let address = |(private, public): (_, Option<&resource::PublicAddress>)| Address {
        private,
        public: public.map(|public| public.ip),
    };
    let nat_gateway = interface.manager.as_ref().and_then(|manager| manager.nat_gateway);
    let kind = match nat_gateway.filter(|_| interface.interface_type == InterfaceType::NatGateway) {
        Some(gateway) => InterfaceKind::NatGateway(gateway),
        None => InterfaceKind::Machine,
    };
    Interface {
        vpc: interface.vpc,
        subnet: interface.subnet,
        addresses: interface.addresses().map(address).collect(),
        ipv6: interface.ipv6.clone(),
        mac: interface.mac,
        groups: interface.groups.iter().copied().collect(),
        source_dest_check: interface.source_dest_check,
        link: if has_link(tables, interface) { LinkState::Attached } else { LinkState::Detached },
        kind,
    }
}

/// Whether its instance has asked for metadata by IPv6.
fn is_told_by_ipv6(tables: &Tables, interface: &resource::NetworkInterface) -> bool {
    let instance = interface.attachment.as_ref().and_then(|it| tables.instances.get(&it.instance));
    instance.is_some_and(|instance| instance.metadata.ipv6)
}

/// For how long an interface remembers connections, if that is not as usual.
fn idle_timeouts(of: resource::ConnectionTracking) -> Option<IdleTimeouts> {
    let usual = IdleTimeouts::default();
    let seconds = |own: Option<i32>, usual| own.and_then(|own| own.try_into().ok()).unwrap_or(usual);
    let own = IdleTimeouts {
        tcp_established: seconds(of.tcp_established_s, usual.tcp_established),
        udp_stream: seconds(of.udp_stream_s, usual.udp_stream),
        udp: seconds(of.udp_s, usual.udp),
    };
    (own != usual).then_some(own)
}

/// Whether something is behind the interface: a machine that runs, or a NAT gateway that is available.
fn has_link(tables: &Tables, interface: &resource::NetworkInterface) -> bool {
    if let Some(manager) = &interface.manager {
        let gateway = manager.nat_gateway.and_then(|id| tables.nat_gateways.get(&id));
        return gateway.is_some_and(|gateway| gateway.is_alive());
    }
    let Some(attachment) = &interface.attachment else { return false };
    tables
        .instances
        .get(&attachment.instance)
        .is_some_and(|instance| !matches!(instance.state, InstanceState::Stopped | InstanceState::Terminated))
}

#[cfg(test)]
mod tests;
