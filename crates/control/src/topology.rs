//! From the State to what `policy` needs to know of it.

use std::collections::BTreeSet;

use cloud::resource::{self, RouteTarget};
use cloud::{State, Tables};
use policy::{Direction, Group, GroupRule, Interface, LinkState, Operator, Peer, Subnet, Topology, Vpc};
use types::{InstanceState, Ipv4Cidr, VpcId};

/// The network of the whole cloud, as the State describes it.
///
/// A VPC appears when it has its first interface: one that is empty needs nothing in the kernel.
pub fn topology(state: &State, operator: Operator) -> Topology {
    let mut topology = Topology::new(operator);
    for tables in state.regions.values() {
        let in_use: BTreeSet<VpcId> = tables.interfaces.values().map(|interface| interface.vpc).collect();
        for vpc in tables.vpcs.values().filter(|vpc| in_use.contains(&vpc.id)) {
            topology.vpcs.insert(vpc.id, vpc_of(tables, vpc));
        }
        for subnet in tables.subnets.values().filter(|subnet| in_use.contains(&subnet.vpc)) {
            topology.subnets.insert(subnet.id, subnet_of(tables, subnet));
        }
        for group in tables.security_groups.values().filter(|group| in_use.contains(&group.vpc)) {
            topology.groups.insert(group.id, group_of(group));
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

fn subnet_of(tables: &Tables, subnet: &resource::Subnet) -> Subnet {
    let of_vpc = || tables.route_tables.values().filter(|table| table.vpc == subnet.vpc);
    let table = of_vpc()
        .find(|table| table.associations.iter().any(|a| a.subnet == Some(subnet.id)))
        .or_else(|| of_vpc().find(|table| table.is_main()));
    let internet_route = table.is_some_and(|table| {
        table.routes.iter().any(|route| {
            route.destination == Ipv4Cidr::ANY.into()
                && matches!(&route.target, RouteTarget::InternetGateway(igw)
                    if tables.internet_gateways.get(igw).is_some_and(|igw| igw.vpc == Some(subnet.vpc)))
        })
    });
    Subnet { vpc: subnet.vpc, cidr: subnet.cidr, internet_route }
}

fn group_of(group: &resource::SecurityGroup) -> Group {
    let rules = |direction: Direction| {
        let wanted = group.rules.iter().filter(|rule| rule.is_egress == (direction == Direction::Egress));
        wanted.filter_map(rule_of).collect()
    };
    Group { vpc: group.vpc, ingress: rules(Direction::Ingress), egress: rules(Direction::Egress) }
}

/// The rule for IPv4 traffic; `None` for one that speaks of something else and so opens nothing here.
fn rule_of(rule: &resource::SecurityGroupRule) -> Option<GroupRule> {
    let peer = match &rule.peer {
        resource::Peer::Ipv4(cidr) => Peer::Cidr(*cidr),
        resource::Peer::Group(group) => Peer::Group(*group),
        resource::Peer::Ipv6(_) | resource::Peer::PrefixList(_) => return None,
    };
    Some(GroupRule { id: rule.id, protocol: rule.protocol, peer })
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
