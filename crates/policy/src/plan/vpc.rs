//! One VPC's namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use types::{
    Cidr, Ipv4Cidr, Ipv6Cidr, NatGatewayId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId,
};

use super::acl::add_acls;
use super::build::{
    PRIORITY_FILTER, PRIORITY_INGRESS, TABLE, answers, arp_retry, base, in_set, router_sysctls, rule, set,
};
use super::flow_logs::add_flow_logs;
use super::groups::{add_group, chain_name, members_name};
use super::nft::{
    Action, ChainKind, ChainPlan, CtState, Data, DataType, Field, FieldType, Hook, Match, Part, SetPlan, TablePlan,
};
use super::routes::Routes;
use super::senders::{Marks, is_sender};
use super::timeouts::add_timeouts;
use super::{
    FAR_END_ADDRESS, Family, InterfaceLink, METADATA_ADDRESS, NamespacePlan, RESOLVER_ADDRESS, RouteKey, RoutePlan,
    TableNumber, VPC_GATEWAY_ADDRESS, ipv6,
};
use crate::names::{VPC_EGRESS_ONLY_LINK, VPC_GATEWAY_LINK, eni_link_name, peering_link_name, transit_link_name};
use crate::topology::{Direction, Interface, InterfaceKind, LinkState, Peer, Topology, TransitLink, Vpc};

/// The links that lead out of the VPC.
const OUTER_LINKS: &str = "outer_links";
/// The protocols that the router itself never says anything in.
pub(super) const SILENT: &str = "silent_protocols";

/// Makes the plan of one VPC's namespace.
pub(super) struct VpcCompiler<'a> {
    pub(super) topology: &'a Topology,
    pub(super) id: VpcId,
    pub(super) vpc: &'a Vpc,
    /// The attached interfaces of machines by link name. Where two share a link name or an address, the first id has it.
    pub(super) machines: Links<'a>,
    /// Those of NAT gateways.
    pub(super) gateways: Links<'a>,
    /// The links to the VPCs it is peered with.
    pub(super) peers: BTreeMap<String, VpcId>,
    /// The links to the transit gateways it is attached to.
    pub(super) transits: BTreeMap<String, TransitLink>,
    pub(super) table: TablePlan,
}

/// Interfaces by link name.
type Links<'a> = BTreeMap<String, (NetworkInterfaceId, &'a Interface)>;

impl<'a> VpcCompiler<'a> {
    pub(super) fn new(topology: &'a Topology, id: VpcId, vpc: &'a Vpc) -> Self {
        let (mut machines, mut gateways) = (Links::new(), Links::new());
        let mut addresses = BTreeSet::new();
        let attached = topology.interfaces.iter().filter(|(_, i)| i.vpc == id && i.link == LinkState::Attached);
        for (&id, interface) in attached {
            let name = eni_link_name(id);
            let taken = machines.contains_key(&name) || gateways.contains_key(&name);
            if taken || interface.all_addresses().any(|address| addresses.contains(&address)) {
                continue;
            }
            match interface.kind {
                InterfaceKind::Machine => drop(machines.insert(name, (id, interface))),
                InterfaceKind::NatGateway(gateway) => {
                    if topology.nat_gateways.get(&gateway).is_none_or(|gateway| gateway.interface != id) {
                        continue;
                    }
                    gateways.insert(name, (id, interface));
                }
            }
            addresses.extend(interface.all_addresses());
        }
        let peers = topology.peers(id).map(|(peering, other)| (peering_link_name(peering), other)).collect();
        let transits = topology.transit_links().filter(|link| link.vpc == id);
        let transits = transits.map(|link| (transit_link_name(link.attachment), link)).collect();
        let table = TablePlan { name: TABLE.to_owned(), ..TablePlan::default() };
        Self { topology, id, vpc, machines, gateways, peers, transits, table }
    }

    /// The NAT gateways that have an interface here.
    pub(super) fn nat_gateways(&self) -> Vec<(NatGatewayId, NetworkInterfaceId)> {
        let gateway = |(id, interface): &(NetworkInterfaceId, &Interface)| match interface.kind {
            InterfaceKind::NatGateway(gateway) => Some((gateway, *id)),
            InterfaceKind::Machine => None,
        };
        self.gateways.values().filter_map(gateway).collect()
    }

    /// All interfaces by link name.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = (&String, &'a Interface)> {
        self.machines.iter().chain(&self.gateways).map(|(name, (_, interface))| (name, *interface))
    }

    pub(super) fn compile(mut self) -> NamespacePlan {
        let table_of: BTreeMap<String, RouteTableId> = self.tables_in_force();
        let routes = Routes::new(self.topology, self.id, &table_of.values().copied().collect());
        let marks: Marks =
            table_of.iter().filter_map(|(link, table)| Some((link.clone(), routes.tables.get(table)?.0))).collect();
        self.add_source_check(&marks);
        self.add_choice_of_table(&marks);
        self.add_services();
        let mut links: BTreeMap<String, SubnetId> =
            self.interfaces().map(|(name, interface)| (name.clone(), interface.subnet)).collect();
        links.extend(self.transits.iter().map(|(name, link)| (name.clone(), link.subnet)));
        add_acls(&mut self.table, self.topology, &links, self.vpc.has_ipv6());
        self.add_groups();
        self.add_forwarding();
        if self.vpc.internet_gateway.is_some() {
            self.add_translation();
        }
        let watched = |(name, (id, _)): (&String, &(NetworkInterfaceId, _))| {
            self.topology.watched.contains(id).then(|| (name.clone(), *id))
        };
        let watched = self.machines.iter().chain(&self.gateways).filter_map(watched).collect();
        let families = self.families();
        add_flow_logs(&mut self.table, &watched, OUTER_LINKS, &families);
        add_timeouts(&mut self.table, self.topology, self.machines.iter().map(|(name, (id, _))| (name, *id)));
        let has_ipv6 = self.vpc.has_ipv6();
        let interfaces = self.machines.iter().map(|(name, (id, interface))| {
            let link = InterfaceLink {
                interface: *id,
                addresses: interface.all_addresses().filter(|address| has_ipv6 || address.is_ipv4()).collect(),
                forwards: routes.forwards.get(id).cloned().unwrap_or_default(),
                source_dest_check: interface.source_dest_check,
            };
            (name.clone(), link)
        });
        let interfaces = interfaces.collect();
        let mut blackholes = self.blackholes();
        blackholes.extend(&routes.blackholes);
        blackholes.extend(routes.forwards.values().flatten());
        let mut all = routes.routes;
        all.extend(self.gateway_routes());
        let both = |number: TableNumber| families.iter().map(move |family| (*family, number));
        let tables = routes.tables.values().flat_map(|number| both(*number)).collect();
        if has_ipv6 {
            self.add_ipv6(&marks);
        }
        NamespacePlan {
            sysctls: self.sysctls(),
            up: self.up(),
            addresses: self.addresses(),
            tables,
            routes: all,
            blackholes,
            interfaces,
            table: self.table,
        }
    }

    /// The route table for what comes in by each link; what comes from another VPC finds interfaces alone.
    fn tables_in_force(&self) -> BTreeMap<String, RouteTableId> {
        let of_subnet = |interface: &Interface| self.topology.subnets.get(&interface.subnet)?.route_table;
        let by_interface = self.interfaces().filter_map(|(name, i)| Some((name.clone(), of_subnet(i)?)));
        let by_transit = self
            .transits
            .iter()
            .filter_map(|(name, link)| Some((name.clone(), self.topology.subnets.get(&link.subnet)?.route_table?)));
        let gateway = self.vpc.internet_gateway.and(self.vpc.gateway_table);
        by_interface.chain(by_transit).chain(gateway.map(|table| (VPC_GATEWAY_LINK.to_owned(), table))).collect()
    }

    /// The timeouts of tracked connections are AWS's (EC2 User Guide, "Security group connection tracking"). A connection
    /// of TCP begins with its first packet alone: what is left of one that was forgotten is part of none.
    fn sysctls(&self) -> BTreeMap<String, String> {
        let mut sysctls = router_sysctls();
        sysctls.extend(self.vpc.internet_gateway.map(|_| arp_retry(VPC_GATEWAY_LINK)));
        if self.vpc.has_ipv6() {
            sysctls.extend(ipv6::router_sysctls());
        }
        // A VPC that has lost its IPv6 block gets it switched off again.
        sysctls.extend(self.up().iter().flat_map(|link| ipv6::link_sysctls(link, self.vpc.has_ipv6())));
        for (name, seconds) in [
            ("tcp_timeout_established", 432_000),
            ("udp_timeout", 30),
            ("udp_timeout_stream", 180),
            ("generic_timeout", 600),
        ] {
            sysctls.insert(format!("net/netfilter/nf_conntrack_{name}"), seconds.to_string());
        }
        sysctls.insert("net/netfilter/nf_conntrack_tcp_loose".to_owned(), "0".to_owned());
        sysctls
    }

    fn up(&self) -> BTreeSet<String> {
        let mut up = BTreeSet::from(["lo".to_owned()]);
        up.extend(self.gateway_links().map(str::to_owned));
        up.extend(self.peers.keys().chain(self.transits.keys()).chain(self.gateways.keys()).cloned());
        up
    }

    /// The routers of the subnets and the addresses of services. On the loopback, which makes ARP for them answer.
    fn addresses(&self) -> BTreeSet<(String, IpAddr)> {
        let routers = self.topology.subnets.values().filter(|s| s.vpc == self.id).filter_map(|s| s.router());
        let fixed = [METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS];
        let all = routers.chain(fixed).chain(self.vpc.resolver()).map(IpAddr::V4);
        let ipv6 = ipv6::SERVICE_ADDRESSES.into_iter().filter(|_| self.vpc.has_ipv6()).map(IpAddr::V6);
        all.chain(ipv6).map(|address| ("lo".to_owned(), address)).collect()
    }

    /// What has no interface is nowhere, and says nothing: the `local` route of every route table.
    fn blackholes(&self) -> BTreeSet<RouteKey> {
        let everything = [Cidr::from(Ipv4Cidr::ANY), Ipv6Cidr::ANY.into()].into_iter();
        let in_use = everything.take(self.families().len());
        self.vpc.blocks().chain(in_use).map(RouteKey::main).collect()
    }

    /// The routes to the addresses of NAT gateways; machines have theirs with their links.
    fn gateway_routes(&self) -> impl Iterator<Item = (RouteKey, RoutePlan)> {
        self.gateways.iter().flat_map(|(name, (_, interface))| {
            interface.private_addresses().map(|address| {
                let via = RoutePlan::Via { gateway: FAR_END_ADDRESS.into(), link: name.clone(), source: None };
                (RouteKey::main(Ipv4Cidr::host(address)), via)
            })
        })
    }

    /// Metadata and resolver are sockets in this namespace. Groups never filter them; nothing else here can be called,
    /// and nobody calls them under another's address, checked or not: the address is how the daemon knows who asks.
    fn add_services(&mut self) {
        const SERVICES: &str = "services";
        let service = |address: Ipv4Addr, protocol, port| {
            vec![Part::address(address), Part::Number(protocol), Part::Number(port)]
        };
        let mut services = vec![service(METADATA_ADDRESS, 6, 80)];
        if self.vpc.dns_support {
            for address in self.vpc.resolver().into_iter().chain([RESOLVER_ADDRESS]) {
                services.extend([service(address, 6, 53), service(address, 17, 53)]);
            }
        }
        let key = [Field::Destination, Field::Protocol, Field::DestinationPort];
        let types = [FieldType::Address, FieldType::Protocol, FieldType::Port];
        let rules = vec![
            rule([is_sender(Family::Ipv4), in_set(&key, SERVICES)], Action::Accept),
            rule([Match::State(vec![CtState::Related])], Action::Accept),
        ];
        // The router itself never says anything: who calls what is not there hears nothing, as on AWS.
        let silent = vec![rule([in_set(&[Field::Protocol], SILENT)], Action::Drop)];
        self.table.sets.insert(SILENT.to_owned(), set(&[FieldType::Protocol], false, [vec![Part::Number(1)]]));
        self.table.sets.insert(SERVICES.to_owned(), set(&types, false, services));
        let chains = &mut self.table.chains;
        chains.insert("local".to_owned(), base(ChainKind::Filter, Hook::Input, PRIORITY_FILTER, true, rules));
        chains.insert("router".to_owned(), base(ChainKind::Filter, Hook::Output, PRIORITY_FILTER, false, silent));
    }

    /// The chains of the groups in use, the members of the groups they name, and a chain for each interface and
    /// direction that asks its groups.
    fn add_groups(&mut self) {
        let topology = self.topology;
        let here = |id: &SecurityGroupId| topology.groups.get(id).is_some_and(|group| group.vpcs.contains(&self.id));
        let used: BTreeSet<SecurityGroupId> =
            self.machines.values().flat_map(|(_, i)| &i.groups).filter(|id| here(id)).copied().collect();
        let named: BTreeSet<SecurityGroupId> = used
            .iter()
            .flat_map(|id| topology.groups.get(id))
            .flat_map(|group| group.ingress.iter().chain(&group.egress))
            .filter_map(|rule| match rule.peer {
                Peer::Group(id) => Some(id),
                Peer::Cidr(_) => None,
            })
            .filter(|id| topology.groups.get(id).is_some_and(|group| self.reaches(&group.vpcs)))
            .collect();
        self.add_members(&named);
        let families = self.families();
        for direction in [Direction::Ingress, Direction::Egress] {
            for id in &used {
                add_group(&mut self.table, *id, &topology.groups[id], direction, &named, &families);
            }
            self.add_dispatch(direction, &used);
        }
    }

    /// The sets of the members of groups.
    fn add_members(&mut self, named: &BTreeSet<SecurityGroupId>) {
        for family in self.families() {
            let mut members: BTreeMap<SecurityGroupId, BTreeSet<Vec<Part>>> =
                named.iter().map(|id| (*id, BTreeSet::new())).collect();
            self.each_member(|link, interface| {
                for group in interface.groups.iter().filter(|group| self.topology.carries(interface, **group)) {
                    if let Some(members) = members.get_mut(group) {
                        let own = interface.all_addresses().filter(|own| own.is_ipv6() == (family == Family::Ipv6));
                        members.extend(own.map(|own| vec![Part::Link(link.to_owned()), Part::address(own)]));
                    }
                }
            });
            let address = if family == Family::Ipv6 { FieldType::Ipv6Address } else { FieldType::Address };
            for (id, members) in members {
                let members = set(&[FieldType::LinkName, address], false, members);
                self.table.sets.insert(members_name(id, family), members);
            }
        }
    }

    /// The families that packets in it are of.
    fn families(&self) -> Vec<Family> {
        if self.vpc.has_ipv6() { vec![Family::Ipv4, Family::Ipv6] } else { vec![Family::Ipv4] }
    }

    /// The links of its gateways to the internet.
    pub(super) fn gateway_links(&self) -> impl Iterator<Item = &'static str> {
        let egress_only = self.vpc.has_ipv6() && self.vpc.egress_only_gateway;
        let internet = self.vpc.internet_gateway.map(|_| VPC_GATEWAY_LINK);
        internet.into_iter().chain(egress_only.then_some(VPC_EGRESS_ONLY_LINK))
    }

    /// Whether a group of these VPCs may have members that packets come from: of this one, or of one it is peered with.
    fn reaches(&self, vpcs: &BTreeSet<VpcId>) -> bool {
        vpcs.contains(&self.id) || self.peers.values().any(|other| vpcs.contains(other))
    }

    /// Calls with each interface that rules of groups can mean, and the link that its packets come in by. Pairs of
    /// both are what a group's members are: two peered VPCs may use the same addresses, and what a machine forwards
    /// for a member does not count as the member's.
    fn each_member(&self, mut call: impl FnMut(&str, &Interface)) {
        for (name, (_, interface)) in &self.machines {
            call(name, interface);
        }
        for (name, other) in &self.peers {
            for interface in self.topology.interfaces.values().filter(|interface| interface.vpc == *other) {
                call(name, interface);
            }
        }
    }

    /// The chains that interfaces have for one direction, and the map that leads to them.
    fn add_dispatch(&mut self, direction: Direction, used: &BTreeSet<SecurityGroupId>) {
        let suffix = if direction == Direction::Ingress { "in" } else { "out" };
        let mut dispatch = BTreeMap::new();
        for (name, (id, interface)) in &self.machines {
            let jumps = interface.groups.iter().filter(|group| used.contains(group));
            let rules = jumps.map(|group| rule([], Action::Jump(chain_name(*group, direction)))).collect();
            let chain = format!("{id}.{suffix}");
            dispatch.insert(vec![Part::Link(name.clone())], Some(Data::Goto(chain.clone())));
            self.table.chains.insert(chain, ChainPlan { base: None, rules });
        }
        let map = SetPlan {
            key: vec![FieldType::LinkName],
            interval: false,
            data: Some(DataType::Verdict),
            elements: dispatch,
        };
        self.table.sets.insert(dispatch_name(direction).to_owned(), map);
    }

    /// The two base chains of the groups. A packet between two interfaces passes both: out of one, into the other.
    ///
    /// A connection that was let through once stays, whatever becomes of its rule, until it is idle for too long, or is
    /// forgotten since EC2 would not have tracked it ([`crate::UntrackedFlows`]). A connection through the gateway also
    /// ends when the public address it came by no longer leads to the same interface.
    fn add_forwarding(&mut self) {
        let answers = rule([answers()], Action::Accept);
        let invalid = rule([Match::State(vec![CtState::Invalid])], Action::Drop);
        let mut egress = Vec::new();
        // Groups are of machines: other VPCs and gateways have none.
        let outer = self.peers.keys().chain(self.transits.keys()).chain(self.gateways.keys()).cloned();
        let outer = outer.chain(self.gateway_links().map(str::to_owned));
        let outer = set(&[FieldType::LinkName], false, outer.map(|link| vec![Part::Link(link)]));
        self.table.sets.insert(OUTER_LINKS.to_owned(), outer);
        let pass = |field| rule([in_set(&[field], OUTER_LINKS)], Action::Accept);
        let dispatch =
            |field, direction| rule([], Action::Dispatch { field, map: dispatch_name(direction).to_owned() });
        egress.extend([answers.clone(), invalid, pass(Field::InLink), dispatch(Field::InLink, Direction::Egress)]);
        let ingress = vec![answers, pass(Field::OutLink), dispatch(Field::OutLink, Direction::Ingress)];
        let chains = &mut self.table.chains;
        let filter = |priority, rules| base(ChainKind::Filter, Hook::Forward, priority, true, rules);
        chains.insert("egress".to_owned(), filter(PRIORITY_FILTER, egress));
        chains.insert("ingress".to_owned(), filter(PRIORITY_INGRESS, ingress));
        if self.vpc.internet_gateway.is_some() {
            self.add_internet_gateway_checks();
        }
    }
}

/// The map from links to the chains of their interfaces.
pub(crate) fn dispatch_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress_of",
        Direction::Egress => "egress_of",
    }
}
