//! One VPC's namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use types::{
    Cidr, Ipv4Cidr, Ipv6Cidr, NatGatewayId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId,
};

use super::acl::add_acls;
use super::build::{
    PRIORITY_CHOOSE, PRIORITY_DSTNAT, PRIORITY_FILTER, PRIORITY_INGRESS, PRIORITY_RAW, PRIORITY_SRCNAT, TABLE, answers,
    arp_retry, base, in_set, link, not_in_set, router_sysctls, rule, set,
};
use super::flow_logs::add_flow_logs;
use super::groups::{add_group, chain_name, members_name};
use super::nft::{
    Action, ChainKind, ChainPlan, CtDirection, CtState, Data, DataType, Field, FieldType, Hook, Match, Part, Rule,
    SetPlan, TablePlan,
};
use super::routes::Routes;
use super::{
    FAR_END_ADDRESS, Family, InterfaceLink, METADATA_ADDRESS, NamespacePlan, RESOLVER_ADDRESS, RouteKey, RoutePlan,
    TableNumber, VPC_GATEWAY_ADDRESS, ipv6,
};
use crate::names::{VPC_EGRESS_ONLY_LINK, VPC_GATEWAY_LINK, eni_link_name, peering_link_name, transit_link_name};
use crate::ranges::{from_nowhere, not_from_transit};
use crate::topology::{Direction, Interface, InterfaceKind, LinkState, Peer, Topology, TransitLink, Vpc};

/// Every interface's link with its addresses: who may send what.
const INTERFACE_ADDRESSES: &str = "interface_addresses";
/// The links that lead out of the VPC.
const OUTER_LINKS: &str = "outer_links";
/// The links of its attachments to transit gateways.
pub(super) const TRANSIT_LINKS: &str = "transit_links";
/// The number of the route table that decides about what comes in by a link.
pub(crate) const TABLE_OF: &str = "table_of";

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
    gateways: Links<'a>,
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
    fn interfaces(&self) -> impl Iterator<Item = (&String, &'a Interface)> {
        self.machines.iter().chain(&self.gateways).map(|(name, (_, interface))| (name, *interface))
    }

    pub(super) fn compile(mut self) -> NamespacePlan {
        let table_of: BTreeMap<String, RouteTableId> = self.tables_in_force();
        let routes = Routes::new(self.topology, self.id, &table_of.values().copied().collect());
        self.add_source_check();
        self.add_choice_of_table(&table_of, &routes);
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
            self.add_ipv6();
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

    /// Before anything else: nobody sends with a source that is not theirs, and an unknown link sends nothing.
    fn add_source_check(&mut self) {
        const NOT_ON_THE_INTERNET: &str = "not_on_the_internet";
        const UNCHECKED: &str = "unchecked_interfaces";
        const PEER_BLOCKS: &str = "peer_blocks";
        const NOT_FROM_TRANSIT: &str = "not_from_transit";
        let mut rules = vec![
            rule([in_set(&[Field::InLink, Field::Source], INTERFACE_ADDRESSES)], Action::Accept),
            rule(
                [link(Field::InLink, VPC_GATEWAY_LINK), not_in_set(&[Field::Source], NOT_ON_THE_INTERNET)],
                Action::Accept,
            ),
        ];
        if self.vpc.internet_gateway.is_some() {
            self.add_self_check(&mut rules);
        }
        let pair = |link: &String, address| vec![Part::Link(link.clone()), Part::address(address)];
        let own = self.interfaces().flat_map(|(name, i)| i.private_addresses().map(move |own| pair(name, own)));
        let own = set(&[FieldType::LinkName, FieldType::Address], false, own);
        self.table.sets.insert(INTERFACE_ADDRESSES.to_owned(), own);
        if !self.peers.is_empty() {
            // Nobody calls through a peering connection from beyond the other VPC: it is not transitive.
            let blocks = self.peers.iter().flat_map(|(name, other)| {
                let blocks = self.topology.vpcs.get(other).into_iter().flat_map(|vpc| &vpc.cidrs);
                blocks.map(move |block| vec![Part::Link(name.clone()), Part::cidr(*block)])
            });
            let blocks = set(&[FieldType::LinkName, FieldType::Address], true, blocks);
            self.table.sets.insert(PEER_BLOCKS.to_owned(), blocks);
            rules.push(rule([in_set(&[Field::InLink, Field::Source], PEER_BLOCKS)], Action::Accept));
        }
        if !self.transits.is_empty() {
            // What a machine of this VPC says does not come back by a transit gateway.
            let links = self.transits.keys().map(|name| vec![Part::Link(name.clone())]);
            self.table.sets.insert(TRANSIT_LINKS.to_owned(), set(&[FieldType::LinkName], false, links));
            let blocks = not_from_transit(&self.vpc.cidrs).into_iter().map(|block| vec![Part::cidr(block)]);
            self.table.sets.insert(NOT_FROM_TRANSIT.to_owned(), set(&[FieldType::Address], true, blocks));
            rules.push(rule(
                [in_set(&[Field::InLink], TRANSIT_LINKS), not_in_set(&[Field::Source], NOT_FROM_TRANSIT)],
                Action::Accept,
            ));
        }
        let ranges = from_nowhere(self.topology.operator.pool, &self.vpc.cidrs);
        let ranges = ranges.into_iter().map(|block| vec![Part::cidr(block)]);
        self.table.sets.insert(NOT_ON_THE_INTERNET.to_owned(), set(&[FieldType::Address], true, ranges));
        // What NAT gateways bring back is from anywhere.
        let forwarders = self.machines.iter().filter(|(_, (_, i))| !i.source_dest_check).map(|(name, _)| name);
        let unchecked: Vec<_> =
            forwarders.chain(self.gateways.keys()).map(|name| vec![Part::Link(name.clone())]).collect();
        if !unchecked.is_empty() {
            rules.push(rule([in_set(&[Field::InLink], UNCHECKED)], Action::Accept));
            self.table.sets.insert(UNCHECKED.to_owned(), set(&[FieldType::LinkName], false, unchecked));
        }
        self.table
            .chains
            .insert("check_source".to_owned(), base(ChainKind::Filter, Hook::Prerouting, PRIORITY_RAW, true, rules));
    }

    /// A machine that calls its own public address, by a protocol without ports: what comes back in cannot be told from
    /// an answer to what went out, so that groups would not be asked.
    fn add_self_check(&mut self, rules: &mut Vec<Rule>) {
        const SELF: &str = "public_to_itself";
        const WITH_PORTS: &str = "protocols_with_ports";
        let users = self.topology.gateway_users();
        let own = users.iter().filter(|(_, (_, interface, _))| interface.vpc == self.id).map(|(public, _)| *public);
        let own = own.map(|public| vec![Part::address(public), Part::address(public)]);
        let own = set(&[FieldType::Address, FieldType::Address], false, own);
        let numbers = super::TRANSLATED.map(|number| vec![Part::Number(number)]);
        self.table.sets.insert(SELF.to_owned(), own);
        self.table.sets.insert(WITH_PORTS.to_owned(), set(&[FieldType::Protocol], false, numbers));
        let to_itself = in_set(&[Field::Source, Field::Destination], SELF);
        let closed = rule([to_itself, not_in_set(&[Field::Protocol], WITH_PORTS)], Action::Drop);
        rules.insert(0, closed);
    }

    /// The mark that says which route table decides, before any route is looked up.
    fn add_choice_of_table(&mut self, table_of: &BTreeMap<String, RouteTableId>, routes: &Routes) {
        let number = |(link, table): (&String, &RouteTableId)| {
            let number = routes.tables.get(table)?;
            Some((vec![Part::Link(link.clone())], Some(Data::Mark(number.0))))
        };
        let elements = table_of.iter().filter_map(number).collect();
        let key = vec![FieldType::LinkName];
        let map = SetPlan { key, interval: false, data: Some(DataType::Mark), elements };
        self.table.sets.insert(TABLE_OF.to_owned(), map);
        let rules = vec![rule([], Action::Mark { field: Field::InLink, map: TABLE_OF.to_owned() })];
        let chain = base(ChainKind::Filter, Hook::Prerouting, PRIORITY_CHOOSE, false, rules);
        self.table.chains.insert("choose_table".to_owned(), chain);
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
            rule(
                [in_set(&[Field::InLink, Field::Source], INTERFACE_ADDRESSES), in_set(&key, SERVICES)],
                Action::Accept,
            ),
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
        if self.vpc.internet_gateway.is_some() {
            egress.extend(gateway_checks());
        }
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
    }

    /// The 1:1 translation of the internet gateway: public to private coming in, private to public going out. Groups
    /// therefore see private addresses of this side, and the other side's as they are on the internet. A machine that
    /// calls a neighbour's public address goes out to the edge and comes in again, with its own public address.
    fn add_translation(&mut self) {
        let mut private_of = BTreeMap::new();
        let mut public_of = BTreeMap::new();
        for (public, (_, interface, private)) in self.topology.gateway_users() {
            if interface.vpc == self.id {
                private_of.insert(public, private);
                public_of.insert(private, public);
            }
        }
        let map = |pairs: &BTreeMap<Ipv4Addr, Ipv4Addr>| SetPlan {
            key: vec![FieldType::Address],
            interval: false,
            data: Some(DataType::Address),
            elements: pairs.iter().map(|(k, v)| (vec![Part::address(*k)], Some(Data::Address(*v)))).collect(),
        };
        let sets = &mut self.table.sets;
        sets.insert(PRIVATE_OF.to_owned(), map(&private_of));
        sets.insert("public_of".to_owned(), map(&public_of));
        sets.insert(
            GATEWAY_USERS.to_owned(),
            set(&[FieldType::Address], false, public_of.keys().map(|private| vec![Part::address(*private)])),
        );
        let pairs = public_of.iter().map(|(private, public)| vec![Part::address(*private), Part::address(*public)]);
        sets.insert(GATEWAY_PAIRS.to_owned(), set(&[FieldType::Address, FieldType::Address], false, pairs));
        let chains = &mut self.table.chains;
        let inward = Action::TranslateDestination { map: PRIVATE_OF.to_owned() };
        let outward = Action::TranslateSource { map: "public_of".to_owned() };
        chains.insert(
            "translate_in".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Prerouting,
                PRIORITY_DSTNAT,
                false,
                vec![rule([link(Field::InLink, VPC_GATEWAY_LINK)], inward)],
            ),
        );
        chains.insert(
            "translate_out".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Postrouting,
                PRIORITY_SRCNAT,
                false,
                vec![rule([link(Field::OutLink, VPC_GATEWAY_LINK)], outward)],
            ),
        );
    }
}

/// The map from public addresses to the private ones they lead to.
pub(crate) const PRIVATE_OF: &str = "private_of";
/// The private addresses that may go out by the gateway.
const GATEWAY_USERS: &str = "gateway_users";
/// Private addresses with the public addresses that lead to them.
const GATEWAY_PAIRS: &str = "gateway_pairs";

/// The map from links to the chains of their interfaces.
pub(crate) fn dispatch_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress_of",
        Direction::Egress => "egress_of",
    }
}

/// What the internet gateway drops whatever the groups say, and for established connections, too: packets to public
/// addresses that are nobody's, from machines without a public address, to addresses that are not on the internet, and
/// those of connections whose public address has since moved (VPC guide, "Internet gateways"; Reachability Analyzer,
/// explanation codes `IGW_*`). A connection starts only towards a subnet whose routes lead back out the same way.
fn gateway_checks() -> Vec<Rule> {
    let inward = link(Field::InLink, VPC_GATEWAY_LINK);
    let outward = link(Field::OutLink, VPC_GATEWAY_LINK);
    let going = Match::Direction;
    let pair = |own, public| not_in_set(&[own, public], GATEWAY_PAIRS);
    let starts = Match::State(vec![CtState::New]);
    vec![
        rule([inward.clone(), outward.clone()], Action::Drop),
        rule(
            [inward.clone(), going(CtDirection::Original), pair(Field::Destination, Field::OriginalDestination)],
            Action::Drop,
        ),
        rule(
            [inward.clone(), going(CtDirection::Reply), pair(Field::Destination, Field::ReplyDestination)],
            Action::Drop,
        ),
        rule([inward.clone(), starts.clone()], Action::Mark { field: Field::OutLink, map: TABLE_OF.to_owned() }),
        rule([inward, starts, Match::WayBack { link: VPC_GATEWAY_LINK.to_owned(), not: true }], Action::Drop),
        rule([outward.clone(), not_in_set(&[Field::Source], GATEWAY_USERS)], Action::Drop),
        rule([outward.clone(), in_set(&[Field::Destination], "not_on_the_internet")], Action::Drop),
        rule(
            [outward.clone(), answers(), going(CtDirection::Original), pair(Field::Source, Field::ReplyDestination)],
            Action::Drop,
        ),
        rule([outward, going(CtDirection::Reply), pair(Field::Source, Field::OriginalDestination)], Action::Drop),
    ]
}
