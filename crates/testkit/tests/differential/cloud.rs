//! Clouds made of what was drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use policy::{
    Acl, AclEntry, Address, Group, GroupRule, Interface, InterfaceKind, LinkState, NatGateway, Operator, Peer, Peering,
    RouteTable, Subnet, Target, Topology, TransitAttachment, TransitRouteTable, Vpc,
};
use types::{
    Cidr, InternetGatewayId, MacAddress, NetworkAclId, RouteTableId, SecurityGroupRuleId, TransitGatewayAttachmentId,
};

use crate::draw::{About, Entries, Plan, Routes, Rules, To, TransitPlan};
use crate::ground::*;

impl Plan {
    /// The cloud that the numbers stand for.
    pub fn topology(&self, operator: Operator) -> Topology {
        let mut topology = Topology::new(operator);
        for (at, blocks) in BLOCKS.iter().enumerate() {
            let drawn = self.vpcs[at];
            let mut vpc = Vpc::new(blocks.iter().map(|text| text.parse().unwrap()).collect());
            vpc.ipv6_cidrs = drawn.ipv6.then(|| IPV6_BLOCKS[at].parse().unwrap()).into_iter().collect();
            vpc.dns_support = drawn.resolver;
            vpc.egress_only_gateway = drawn.egress_only;
            vpc.internet_gateway = drawn.gateway.then(|| InternetGatewayId::from_number(at as u128 + 1));
            topology.vpcs.insert(vpc_id(at), vpc);
        }
        for (at, (vpc, cidr)) in SUBNETS.iter().enumerate() {
            let number = at as u128 + 1;
            let (route_table, acl) = (RouteTableId::from_number(number), NetworkAclId::from_number(number));
            topology.route_tables.insert(route_table, self.table(*vpc, &self.routes[at]));
            topology.acls.insert(acl, acl_of(self.acls[at].as_ref()));
            let (route_table, acl) = (Some(route_table), Some(acl));
            let subnet = Subnet { vpc: vpc_id(*vpc), cidr: cidr.parse().unwrap(), route_table, acl };
            topology.subnets.insert(subnet_id(at), subnet);
        }
        if let Some(routes) = &self.gateway_routes {
            let id = RouteTableId::from_number(77);
            topology.route_tables.insert(id, self.table(0, routes));
            topology.vpcs.get_mut(&vpc_id(0)).unwrap().gateway_table = Some(id);
        }
        for (at, [ingress, egress]) in self.groups.iter().enumerate() {
            let rules = |rules: &Rules, first: usize| rules_of(rules, at * 100 + first);
            let group =
                Group { vpcs: [vpc_id(at / GROUPS)].into(), ingress: rules(ingress, 0), egress: rules(egress, 50) };
            topology.groups.insert(group_id(at), group);
        }
        self.add_machines(&mut topology);
        self.add_nat_gateways(&mut topology);
        for (at, (requester, accepter)) in PEERINGS.iter().enumerate().filter(|(at, _)| self.peerings[*at]) {
            let peering = Peering { requester: vpc_id(*requester), accepter: vpc_id(*accepter) };
            topology.peerings.insert(peering_id(at), peering);
        }
        self.add_transit_gateways(&mut topology);
        topology
    }

    fn add_machines(&self, topology: &mut Topology) {
        for (at, (subnet, own)) in MACHINES.iter().enumerate() {
            let drawn = &self.machines[at];
            let vpc = SUBNETS[*subnet].0;
            let address = |(number, text): (usize, &&str)| Address {
                private: text.parse().unwrap(),
                public: drawn.public[number].then(|| public_of(at, number)),
            };
            let has_ipv6 = drawn.ipv6 && self.vpcs[vpc].ipv6;
            let interface = Interface {
                vpc: vpc_id(vpc),
                subnet: subnet_id(*subnet),
                addresses: own.iter().enumerate().map(address).collect(),
                ipv6: if has_ipv6 { ipv6_of(at) } else { Vec::new() },
                mac: MacAddress::local(at as u64 + 1),
                groups: drawn.groups.iter().map(|group| group_id(vpc * GROUPS + group)).collect(),
                source_dest_check: drawn.checked,
                link: if drawn.runs { LinkState::Attached } else { LinkState::Detached },
                kind: InterfaceKind::Machine,
            };
            topology.interfaces.insert(machine_id(at), interface);
            if drawn.metadata {
                topology.metadata_by_ipv6.insert(machine_id(at));
            }
        }
    }

    fn add_nat_gateways(&self, topology: &mut Topology) {
        for (at, (subnet, own)) in NAT_GATEWAYS.iter().enumerate().filter(|(at, _)| self.nats[*at]) {
            let public = Ipv4Addr::new(198, 18, 100, u8::try_from(at + 1).unwrap());
            // The last one is a private gateway.
            let public = Some(public).filter(|_| at + 1 < NAT_GATEWAYS.len());
            let interface = Interface {
                vpc: vpc_id(SUBNETS[*subnet].0),
                subnet: subnet_id(*subnet),
                addresses: vec![Address { private: own.parse().unwrap(), public }],
                ipv6: Vec::new(),
                mac: MacAddress::local(at as u64 + 100),
                groups: BTreeSet::new(),
                source_dest_check: false,
                link: LinkState::Attached,
                kind: InterfaceKind::NatGateway(nat_id(at)),
            };
            topology.interfaces.insert(gateway_interface(at), interface);
            topology
                .nat_gateways
                .insert(nat_id(at), NatGateway { interface: gateway_interface(at), sources: Vec::new() });
        }
    }

    fn add_transit_gateways(&self, topology: &mut Topology) {
        for (at, drawn) in self.attachments.iter().enumerate() {
            let (gateway, vpc) = ATTACHMENTS[at];
            let known = topology.transit_gateways.entry(transit_id(gateway)).or_default();
            let Some((subnets, table)) = drawn else { continue };
            let of_vpc: Vec<usize> = (0..SUBNETS.len()).filter(|at| SUBNETS[*at].0 == vpc).collect();
            let attachment = TransitAttachment {
                vpc: vpc_id(vpc),
                subnets: subnets.iter().map(|at| subnet_id(of_vpc[*at])).collect(),
                table: table.map(|at| transit_table_id(gateway, at)),
            };
            known.attachments.insert(attachment_id(at), attachment);
        }
        for (at, drawn) in self.transit_tables.iter().enumerate() {
            let (gateway, at) = (at / TRANSIT_TABLES, at % TRANSIT_TABLES);
            if let Some(known) = topology.transit_gateways.get_mut(&transit_id(gateway)) {
                known.tables.insert(transit_table_id(gateway, at), self.transit_table(drawn));
            }
        }
    }

    /// A table of a transit gateway: what somebody made goes before what is propagated.
    fn transit_table(&self, drawn: &TransitPlan) -> TransitRouteTable {
        let mut routes: BTreeMap<Cidr, Option<TransitGatewayAttachmentId>> = BTreeMap::new();
        for (at, ipv6) in drawn.propagated.iter().filter(|(at, _)| self.attachments[*at].is_some()) {
            let vpc = ATTACHMENTS[*at].1;
            let ipv6 = Some(IPV6_BLOCKS[vpc]).filter(|_| *ipv6 && self.vpcs[vpc].ipv6);
            for text in BLOCKS[vpc].iter().copied().chain(ipv6) {
                routes.entry(block(text)).or_insert(Some(attachment_id(*at)));
            }
        }
        routes.extend(drawn.routes.iter().map(|(to, at)| (block(to), at.map(attachment_id))));
        TransitRouteTable { routes }
    }

    /// A route table of a VPC; its own blocks are local unless a drawn route says otherwise.
    fn table(&self, vpc: usize, routes: &Routes) -> RouteTable {
        let ipv6 = Some(IPV6_BLOCKS[vpc]).filter(|_| self.vpcs[vpc].ipv6);
        let own: Vec<Cidr> = BLOCKS[vpc].iter().copied().chain(ipv6).map(block).collect();
        let mut all: BTreeMap<Cidr, Target> = own.iter().map(|own| (*own, Target::Local)).collect();
        for (destination, to) in routes {
            let target = match to {
                To::Local => continue,
                To::Gateway => Target::InternetGateway,
                To::EgressOnly => Target::EgressOnlyGateway,
                To::Nat(at) => Target::NatGateway(nat_id(*at)),
                To::Machine(at) => Target::Interface(machine_id(*at)),
                To::Peering(at) => Target::Peering(peering_id(*at)),
                To::Transit(at) => Target::TransitGateway(attachment_id(*at)),
                To::Nowhere => Target::Blackhole,
            };
            let destination = block(destination);
            // EC2 lets a VPC's own block lead to an interface or a NAT gateway at most.
            let is_own = own.iter().any(|own| own.contains_cidr(destination));
            if is_own && !matches!(target, Target::NatGateway(_) | Target::Interface(_)) {
                continue;
            }
            all.insert(destination, target);
        }
        RouteTable { routes: all }
    }
}

fn acl_of(drawn: Option<&[Entries; 2]>) -> Acl {
    let open = || About::ANY.map(|about| (true, about)).to_vec();
    let [ingress, egress] = drawn.cloned().unwrap_or_else(|| [open(), open()]);
    let entries = |entries: Entries| {
        let entry = |((allow, about), number): ((bool, About), u16)| AclEntry {
            number: number * 10,
            allow,
            protocol: about.protocol,
            cidr: block(about.block),
        };
        entries.into_iter().zip(1..).map(entry).collect()
    };
    Acl { ingress: entries(ingress), egress: entries(egress) }
}

fn rules_of(rules: &Rules, first: usize) -> Vec<GroupRule> {
    let rule = |((about, group), number): (&(About, Option<usize>), u128)| GroupRule {
        id: SecurityGroupRuleId::from_number(number),
        protocol: about.protocol,
        peer: group.map_or_else(|| Peer::Cidr(block(about.block)), |at| Peer::Group(group_id(at))),
    };
    rules.iter().zip(first as u128 + 1..).map(rule).collect()
}
