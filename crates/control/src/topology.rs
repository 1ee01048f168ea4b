//! From the State to what `policy` needs to know of it.

use std::collections::BTreeSet;

use cloud::resource::{self, RouteTarget};
use cloud::routing::RouteState;
use cloud::{State, Tables, prefix_lists, routing};
use policy::{Direction, Group, GroupRule, Interface, LinkState, Operator, Peer, Subnet, Topology, Vpc};
use types::{Cidr, InstanceState, Ipv4Cidr, Region, VpcId};

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
            topology.subnets.insert(subnet.id, subnet_of(tables, region, subnet));
        }
        let serves_any = |group: &resource::SecurityGroup| in_use.iter().any(|vpc| group.serves(*vpc));
        for group in tables.security_groups.values().filter(|group| serves_any(group)) {
            topology.groups.insert(group.id, group_of(tables, region, group, &in_use));
        }
        for interface in tables.interfaces.values() {
            topology.interfaces.insert(interface.id, interface_of(tables, interface));
        }
    }
    topology
}

fn vpc_of(tables: &Tables, vpc: &resource::Vpc) -> Vpc {
    Vpc {
        cidrs: vpc.cidrs.clone(),
        dns_support: vpc.enable_dns_support,
        internet_gateway: tables.internet_gateways.values().find(|igw| igw.vpc == Some(vpc.id)).map(|igw| igw.id),
    }
}

/// A subnet is public where its table sends every destination to the VPC's internet gateway, by a block or by a prefix
/// list that has that block. A route to anything else opens nothing.
fn subnet_of(tables: &Tables, region: &Region, subnet: &resource::Subnet) -> Subnet {
    let leads_out = |route: &resource::Route| {
        matches!(route.target, RouteTarget::InternetGateway(_))
            && routing::route_state(tables, subnet.vpc, route) == RouteState::Active
    };
    // What a block is for goes before what a list is for.
    let by_block = |routes: &[resource::Route]| {
        routes.iter().find(|route| route.destination == Ipv4Cidr::ANY.into()).map(leads_out)
    };
    let by_list = |routes: &[resource::Route]| {
        let lists = |route: &&resource::Route| {
            prefix_lists::destinations(tables, region, route.destination).contains(&Ipv4Cidr::ANY.into())
        };
        routes.iter().find(lists).is_some_and(leads_out)
    };
    let internet_route = routing::table_of(tables, subnet)
        .map(|table| routing::routes(tables, table))
        .is_some_and(|routes| by_block(&routes).unwrap_or_else(|| by_list(&routes)));
    Subnet { vpc: subnet.vpc, cidr: subnet.cidr, internet_route }
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

/// The rules for IPv4 traffic: one for each block where a prefix list is named, and none where the rule speaks of
/// something else and so opens nothing here.
fn rules_of(tables: &Tables, region: &Region, rule: &resource::SecurityGroupRule) -> Vec<GroupRule> {
    let peers = match rule.peer {
        resource::Peer::Ipv4(cidr) => vec![Peer::Cidr(cidr)],
        resource::Peer::Group(group) => vec![Peer::Group(group)],
        resource::Peer::PrefixList(list) => {
            let blocks = prefix_lists::blocks(tables, region, list);
            blocks.into_iter().filter_map(Cidr::ipv4).map(Peer::Cidr).collect()
        }
        resource::Peer::Ipv6(_) => vec![],
    };
    peers.into_iter().map(|peer| GroupRule { id: rule.id, protocol: rule.protocol, peer }).collect()
}

fn interface_of(tables: &Tables, interface: &resource::NetworkInterface) -> Interface {
    Interface {
        vpc: interface.vpc,
        subnet: interface.subnet,
        address: interface.private_ip,
        mac: interface.mac,
        public_address: interface.public.as_ref().map(|public| public.ip),
        groups: interface.groups.iter().copied().collect(),
        source_dest_check: interface.source_dest_check,
        link: if has_link(tables, interface) { LinkState::Attached } else { LinkState::Detached },
    }
}

/// Whether a machine is behind the interface: a machine has its primary interface alone, and what belongs to a
/// service has none.
fn has_link(tables: &Tables, interface: &resource::NetworkInterface) -> bool {
    let Some(attachment) = interface.attachment.as_ref().filter(|attachment| attachment.device_index == 0) else {
        return false;
    };
    tables
        .instances
        .get(&attachment.instance)
        .is_some_and(|instance| !matches!(instance.state, InstanceState::Stopped | InstanceState::Terminated))
}

#[cfg(test)]
mod tests;
