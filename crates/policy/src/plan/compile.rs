//! From a topology to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use types::{Ipv4Cidr, NetworkInterfaceId, SecurityGroupId, VpcId};

use super::groups::{add_group, chain_name, members_name};
use super::nft::{
    Action, BaseChain, ChainKind, ChainPlan, CtDirection, CtState, Data, DataType, Field, FieldType, Hook, Match, Part,
    Rule, SetPlan, TablePlan,
};
use super::{ARP_RETRY_MS, HostPlan, InterfaceLink, LinkEnd, NamespacePlan, Place, RoutePlan, VethPlan};
use crate::names::{EDGE_OPERATOR_LINK, VPC_GATEWAY_LINK, eni_link_name, gateway_link_name};
use crate::ranges::from_nowhere;
use crate::topology::{Direction, Interface, LinkState, Operator, Peer, Topology, Vpc};

/// The edge's address towards VPCs: the next hop of their default route.
pub const EDGE_GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);
/// A VPC's address towards the edge: the next hop of the edge's routes to public addresses.
pub const VPC_GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 2);
/// The address of the instance metadata service in every VPC (EC2 User Guide, "Instance metadata").
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The address of the resolver that is the same in every VPC (VPC guide, "DNS attributes").
pub const RESOLVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// The table's name in namespaces that are ours alone.
const TABLE: &str = "daemun";
const PRIORITY_RAW: i32 = -300;
const PRIORITY_DSTNAT: i32 = -100;
const PRIORITY_FILTER: i32 = 0;
const PRIORITY_INGRESS: i32 = 10;
const PRIORITY_SRCNAT: i32 = 100;

/// Every interface's link with its address: who may send what.
const INTERFACE_ADDRESSES: &str = "interface_addresses";

/// The plan that makes the kernel decide as [`crate::verdict()`] does.
pub fn plan(topology: &Topology) -> HostPlan {
    let operator = &topology.operator;
    let mut plan = HostPlan {
        tag: operator.tag,
        namespaces: BTreeMap::from([(Place::Operator, operator_plan(operator)), (Place::Edge, edge_plan(topology))]),
        veths: BTreeSet::from([VethPlan {
            near: LinkEnd { place: Place::Operator, name: operator.tag.operator_link() },
            far: LinkEnd { place: Place::Edge, name: EDGE_OPERATOR_LINK.to_owned() },
        }]),
    };
    for (&id, vpc) in &topology.vpcs {
        plan.namespaces.insert(Place::Vpc(id), VpcCompiler::new(topology, id, vpc).compile());
        if vpc.internet_gateway.is_some() {
            plan.veths.insert(VethPlan {
                near: LinkEnd { place: Place::Edge, name: gateway_link_name(id) },
                far: LinkEnd { place: Place::Vpc(id), name: VPC_GATEWAY_LINK.to_owned() },
            });
        }
    }
    plan
}

/// A set of one kind of element without data.
fn set(key: &[FieldType], interval: bool, elements: impl IntoIterator<Item = Vec<Part>>) -> SetPlan {
    SetPlan {
        key: key.to_vec(),
        interval,
        data: None,
        elements: elements.into_iter().map(|element| (element, None)).collect(),
    }
}

fn base(kind: ChainKind, hook: Hook, priority: i32, drop_by_default: bool, rules: Vec<Rule>) -> ChainPlan {
    ChainPlan { base: Some(BaseChain { kind, hook, priority, drop_by_default }), rules }
}

fn rule(matches: impl Into<Vec<Match>>, action: Action) -> Rule {
    Rule { matches: matches.into(), action }
}

fn link(field: Field, name: &str) -> Match {
    Match::Link { field, name: name.to_owned(), not: false }
}

fn not_link(field: Field, name: &str) -> Match {
    Match::Link { field, name: name.to_owned(), not: true }
}

fn in_set(key: &[Field], set: &str) -> Match {
    Match::InSet { key: key.to_vec(), set: set.to_owned(), not: false }
}

fn not_in_set(key: &[Field], set: &str) -> Match {
    Match::InSet { key: key.to_vec(), set: set.to_owned(), not: true }
}

/// Settings of the namespaces that are ours alone. `default` is what new links get.
fn router_sysctls() -> BTreeMap<String, String> {
    let mut sysctls = BTreeMap::from([("net/ipv4/ip_forward".to_owned(), "1".to_owned())]);
    for of in ["all", "default"] {
        sysctls.insert(format!("net/ipv4/conf/{of}/rp_filter"), "0".to_owned());
        sysctls.insert(format!("net/ipv4/conf/{of}/send_redirects"), "0".to_owned());
        sysctls.insert(format!("net/ipv4/conf/{of}/accept_redirects"), "0".to_owned());
        sysctls.insert(format!("net/ipv6/conf/{of}/disable_ipv6"), "1".to_owned());
    }
    sysctls
}

/// The setting that makes ARP on a link ask again soon.
fn arp_retry(link: &str) -> (String, String) {
    (format!("net/ipv4/neigh/{link}/retrans_time_ms"), ARP_RETRY_MS.to_owned())
}

/// The operator's namespace: a way to the public addresses, and a way out for machines.
///
/// A machine may call the operator's machine only in answer: what listens there is no business of the cloud's.
fn operator_plan(operator: &Operator) -> NamespacePlan {
    let ours = operator.tag.operator_link();
    let from_us = link(Field::InLink, &ours);
    let pool_source = |not| Match::Block { field: Field::Source, block: operator.pool, not };
    let answers = Match::State(vec![CtState::Established, CtState::Related]);
    let chains = BTreeMap::from([
        (
            "from_machines".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Input,
                PRIORITY_FILTER,
                false,
                vec![rule([from_us.clone(), answers], Action::Accept), rule([from_us.clone()], Action::Drop)],
            ),
        ),
        (
            "through".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Forward,
                PRIORITY_FILTER,
                false,
                vec![
                    rule([from_us.clone(), pool_source(true)], Action::Drop),
                    rule([from_us, link(Field::OutLink, &ours)], Action::Drop),
                ],
            ),
        ),
        (
            "to_internet".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Postrouting,
                PRIORITY_SRCNAT,
                false,
                vec![rule([pool_source(false), not_link(Field::OutLink, &ours)], Action::Masquerade)],
            ),
        ),
    ]);
    let via_edge =
        RoutePlan::Via { gateway: operator.edge_address(), link: ours.clone(), source: Some(operator.address()) };
    NamespacePlan {
        sysctls: BTreeMap::from([
            ("net/ipv4/ip_forward".to_owned(), "1".to_owned()),
            (format!("net/ipv6/conf/{ours}/disable_ipv6"), "1".to_owned()),
            arp_retry(&ours),
        ]),
        up: BTreeSet::from([ours.clone()]),
        addresses: BTreeSet::from([(ours, operator.address())]),
        routes: BTreeMap::from([(operator.pool, via_edge)]),
        interfaces: BTreeMap::new(),
        table: TablePlan { name: operator.tag.operator_table(), sets: BTreeMap::new(), chains },
    }
}

/// The edge: each public address leads to its VPC, everything else to the operator. Keeps no state.
fn edge_plan(topology: &Topology) -> NamespacePlan {
    const PUBLIC_ADDRESSES: &str = "public_addresses";
    let operator = &topology.operator;
    let mut up = BTreeSet::from(["lo".to_owned(), EDGE_OPERATOR_LINK.to_owned()]);
    let mut routes = BTreeMap::from([
        (operator.pool, RoutePlan::Blackhole),
        (Ipv4Cidr::host(operator.address()), RoutePlan::Link { link: EDGE_OPERATOR_LINK.to_owned() }),
        (
            Ipv4Cidr::ANY,
            RoutePlan::Via {
                gateway: operator.address(),
                link: EDGE_OPERATOR_LINK.to_owned(),
                source: Some(operator.edge_address()),
            },
        ),
    ]);
    up.extend(topology.vpcs.iter().filter(|(_, v)| v.internet_gateway.is_some()).map(|(id, _)| gateway_link_name(*id)));
    let mut sysctls = router_sysctls();
    sysctls.extend(up.iter().filter(|link| *link != "lo").map(|link| arp_retry(link)));
    let mut sources = BTreeSet::new();
    for (public, (_, interface)) in topology.gateway_users() {
        let link = gateway_link_name(interface.vpc);
        sources.insert(vec![Part::Link(link.clone()), Part::Address(public)]);
        let route = RoutePlan::Via { gateway: VPC_GATEWAY_ADDRESS, link, source: None };
        routes.insert(Ipv4Cidr::host(public), route);
    }
    let operator_side = |field| link(field, EDGE_OPERATOR_LINK);
    let chains = BTreeMap::from([
        (
            "check_source".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Prerouting,
                PRIORITY_RAW,
                true,
                vec![
                    rule([operator_side(Field::InLink)], Action::Accept),
                    rule([in_set(&[Field::InLink, Field::Source], PUBLIC_ADDRESSES)], Action::Accept),
                ],
            ),
        ),
        ("local".to_owned(), base(ChainKind::Filter, Hook::Input, PRIORITY_FILTER, true, vec![])),
        (
            "through".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Forward,
                PRIORITY_FILTER,
                true,
                vec![
                    rule([in_set(&[Field::OutLink, Field::Destination], PUBLIC_ADDRESSES)], Action::Accept),
                    rule([not_link(Field::InLink, EDGE_OPERATOR_LINK), operator_side(Field::OutLink)], Action::Accept),
                ],
            ),
        ),
    ]);
    let sets = BTreeMap::from([(
        PUBLIC_ADDRESSES.to_owned(),
        set(&[FieldType::LinkName, FieldType::Address], false, sources),
    )]);
    NamespacePlan {
        sysctls,
        up,
        addresses: BTreeSet::from([
            ("lo".to_owned(), operator.edge_address()),
            ("lo".to_owned(), EDGE_GATEWAY_ADDRESS),
        ]),
        routes,
        interfaces: BTreeMap::new(),
        table: TablePlan { name: TABLE.to_owned(), sets, chains },
    }
}

/// Makes the plan of one VPC's namespace.
struct VpcCompiler<'a> {
    topology: &'a Topology,
    id: VpcId,
    vpc: &'a Vpc,
    /// The attached interfaces by link name. Where two share a link name or an address, the first id has it.
    interfaces: BTreeMap<String, (NetworkInterfaceId, &'a Interface)>,
    table: TablePlan,
}

impl<'a> VpcCompiler<'a> {
    fn new(topology: &'a Topology, id: VpcId, vpc: &'a Vpc) -> Self {
        let mut interfaces = BTreeMap::new();
        let mut addresses = BTreeSet::new();
        for (&id, interface) in topology.interfaces.iter().filter(|(_, i)| i.vpc == id && i.link == LinkState::Attached)
        {
            let name = eni_link_name(id);
            if !interfaces.contains_key(&name) && addresses.insert(interface.address) {
                interfaces.insert(name, (id, interface));
            }
        }
        Self { topology, id, vpc, interfaces, table: TablePlan { name: TABLE.to_owned(), ..TablePlan::default() } }
    }

    fn compile(mut self) -> NamespacePlan {
        self.add_source_check();
        self.add_services();
        self.add_groups();
        self.add_forwarding();
        if self.vpc.internet_gateway.is_some() {
            self.add_translation();
        }
        NamespacePlan {
            sysctls: self.sysctls(),
            up: self.up(),
            addresses: self.addresses(),
            routes: self.routes(),
            interfaces: self
                .interfaces
                .iter()
                .map(|(name, (id, i))| {
                    let source_dest_check = i.source_dest_check;
                    (name.clone(), InterfaceLink { interface: *id, address: i.address, source_dest_check })
                })
                .collect(),
            table: self.table,
        }
    }

    /// The timeouts of tracked connections are AWS's (EC2 User Guide, "Security group connection tracking").
    fn sysctls(&self) -> BTreeMap<String, String> {
        let mut sysctls = router_sysctls();
        sysctls.extend(self.vpc.internet_gateway.map(|_| arp_retry(VPC_GATEWAY_LINK)));
        for (name, seconds) in [
            ("tcp_timeout_established", 432_000),
            ("udp_timeout", 30),
            ("udp_timeout_stream", 180),
            ("generic_timeout", 600),
        ] {
            sysctls.insert(format!("net/netfilter/nf_conntrack_{name}"), seconds.to_string());
        }
        sysctls
    }

    fn up(&self) -> BTreeSet<String> {
        let mut up = BTreeSet::from(["lo".to_owned()]);
        up.extend(self.vpc.internet_gateway.map(|_| VPC_GATEWAY_LINK.to_owned()));
        up
    }

    /// The routers of the subnets and the addresses of services. On the loopback, which makes ARP for them answer.
    fn addresses(&self) -> BTreeSet<(String, Ipv4Addr)> {
        let routers = self.topology.subnets.values().filter(|s| s.vpc == self.id).filter_map(|s| s.router());
        let fixed = [METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS];
        routers.chain(fixed).chain(self.vpc.resolver()).map(|address| ("lo".to_owned(), address)).collect()
    }

    /// What has no interface is nowhere, and says nothing: the `local` route of every route table.
    fn routes(&self) -> BTreeMap<Ipv4Cidr, RoutePlan> {
        let here = self.vpc.cidrs.iter().chain([&Ipv4Cidr::ANY]);
        let mut routes: BTreeMap<_, _> = here.map(|cidr| (*cidr, RoutePlan::Blackhole)).collect();
        if self.vpc.internet_gateway.is_some() {
            let link = VPC_GATEWAY_LINK.to_owned();
            routes.insert(Ipv4Cidr::ANY, RoutePlan::Via { gateway: EDGE_GATEWAY_ADDRESS, link, source: None });
        }
        routes
    }

    /// Before anything else: nobody sends with a source that is not theirs, and an unknown link sends nothing.
    fn add_source_check(&mut self) {
        const NOT_ON_THE_INTERNET: &str = "not_on_the_internet";
        const UNCHECKED: &str = "unchecked_interfaces";
        let mut rules = vec![
            rule([in_set(&[Field::InLink, Field::Source], INTERFACE_ADDRESSES)], Action::Accept),
            rule(
                [link(Field::InLink, VPC_GATEWAY_LINK), not_in_set(&[Field::Source], NOT_ON_THE_INTERNET)],
                Action::Accept,
            ),
        ];
        let own = self.interfaces.iter().map(|(name, (_, i))| vec![Part::Link(name.clone()), Part::Address(i.address)]);
        self.table
            .sets
            .insert(INTERFACE_ADDRESSES.to_owned(), set(&[FieldType::LinkName, FieldType::Address], false, own));
        let ranges = from_nowhere(self.topology.operator.pool, &self.vpc.cidrs);
        let ranges = ranges.into_iter().map(|block| vec![Part::cidr(block)]);
        self.table.sets.insert(NOT_ON_THE_INTERNET.to_owned(), set(&[FieldType::Address], true, ranges));
        let unchecked: Vec<_> = self
            .interfaces
            .iter()
            .filter(|(_, (_, i))| !i.source_dest_check)
            .map(|(name, _)| vec![Part::Link(name.clone())])
            .collect();
        if !unchecked.is_empty() {
            rules.push(rule([in_set(&[Field::InLink], UNCHECKED)], Action::Accept));
            self.table.sets.insert(UNCHECKED.to_owned(), set(&[FieldType::LinkName], false, unchecked));
        }
        self.table
            .chains
            .insert("check_source".to_owned(), base(ChainKind::Filter, Hook::Prerouting, PRIORITY_RAW, true, rules));
    }

    /// Metadata and resolver are sockets in this namespace. Groups never filter them; nothing else here can be called,
    /// and nobody calls them under another's address, checked or not: the address is how the daemon knows who asks.
    fn add_services(&mut self) {
        const SERVICES: &str = "services";
        const SILENT: &str = "silent_protocols";
        let service = |address: Ipv4Addr, protocol, port| {
            vec![Part::Address(address), Part::Number(protocol), Part::Number(port)]
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
            self.interfaces.values().flat_map(|(_, i)| &i.groups).filter(|id| here(id)).copied().collect();
        let named: BTreeSet<SecurityGroupId> = used
            .iter()
            .flat_map(|id| topology.groups.get(id))
            .flat_map(|group| group.ingress.iter().chain(&group.egress))
            .filter_map(|rule| match rule.peer {
                Peer::Group(id) => Some(id),
                Peer::Cidr(_) => None,
            })
            .filter(here)
            .collect();
        for &id in &named {
            let members = topology.members(id, self.id).into_iter().map(|address| vec![Part::Address(address)]);
            self.table.sets.insert(members_name(id), set(&[FieldType::Address], false, members));
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            for id in &used {
                add_group(&mut self.table, *id, &topology.groups[id], direction, &named);
            }
            let suffix = if direction == Direction::Ingress { "in" } else { "out" };
            let mut dispatch = BTreeMap::new();
            for (name, (id, interface)) in &self.interfaces {
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
    }

    /// The two base chains of the groups. A packet between two interfaces passes both: out of one, into the other.
    ///
    /// A connection that was let through once stays, whatever becomes of its rule, until it is idle for too long.
    /// (On AWS a flow is not tracked, and is cut at once with its rule, where both directions are open to everyone;
    /// that is not built.) A connection through the gateway also ends when the public address it came by no longer
    /// leads to the same interface.
    fn add_forwarding(&mut self) {
        let answers = rule([Match::State(vec![CtState::Established, CtState::Related])], Action::Accept);
        let invalid = rule([Match::State(vec![CtState::Invalid])], Action::Drop);
        let mut egress = Vec::new();
        let mut ingress = vec![answers.clone()];
        if self.vpc.internet_gateway.is_some() {
            egress.extend(gateway_checks());
        }
        egress.extend([answers, invalid]);
        if self.vpc.internet_gateway.is_some() {
            egress.push(rule([link(Field::InLink, VPC_GATEWAY_LINK)], Action::Accept));
            ingress.push(rule([link(Field::OutLink, VPC_GATEWAY_LINK)], Action::Accept));
        }
        let dispatch =
            |field, direction| rule([], Action::Dispatch { field, map: dispatch_name(direction).to_owned() });
        egress.push(dispatch(Field::InLink, Direction::Egress));
        ingress.push(dispatch(Field::OutLink, Direction::Ingress));
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
        for (public, (_, interface)) in self.topology.gateway_users() {
            if interface.vpc == self.id {
                private_of.insert(public, interface.address);
                public_of.insert(interface.address, public);
            }
        }
        let map = |pairs: &BTreeMap<Ipv4Addr, Ipv4Addr>| SetPlan {
            key: vec![FieldType::Address],
            interval: false,
            data: Some(DataType::Address),
            elements: pairs.iter().map(|(k, v)| (vec![Part::Address(*k)], Some(Data::Address(*v)))).collect(),
        };
        let sets = &mut self.table.sets;
        sets.insert(PRIVATE_OF.to_owned(), map(&private_of));
        sets.insert("public_of".to_owned(), map(&public_of));
        sets.insert(
            GATEWAY_USERS.to_owned(),
            set(&[FieldType::Address], false, public_of.keys().map(|private| vec![Part::Address(*private)])),
        );
        let pairs = public_of.iter().map(|(private, public)| vec![Part::Address(*private), Part::Address(*public)]);
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
fn dispatch_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress_of",
        Direction::Egress => "egress_of",
    }
}

/// What the internet gateway drops whatever the groups say, and for established connections, too: packets to public
/// addresses that are nobody's, from machines without a public address, to addresses that are not on the internet, and
/// those of connections whose public address has since moved (VPC guide, "Internet gateways"; Reachability Analyzer,
/// explanation codes `IGW_*`).
fn gateway_checks() -> Vec<Rule> {
    let inward = link(Field::InLink, VPC_GATEWAY_LINK);
    let outward = link(Field::OutLink, VPC_GATEWAY_LINK);
    let going = Match::Direction;
    let pair = |own, public| not_in_set(&[own, public], GATEWAY_PAIRS);
    let known = Match::State(vec![CtState::Established, CtState::Related]);
    vec![
        rule([inward.clone(), outward.clone()], Action::Drop),
        rule(
            [inward.clone(), going(CtDirection::Original), pair(Field::Destination, Field::OriginalDestination)],
            Action::Drop,
        ),
        rule([inward, going(CtDirection::Reply), pair(Field::Destination, Field::ReplyDestination)], Action::Drop),
        rule([outward.clone(), not_in_set(&[Field::Source], GATEWAY_USERS)], Action::Drop),
        rule([outward.clone(), in_set(&[Field::Destination], "not_on_the_internet")], Action::Drop),
        rule(
            [outward.clone(), known, going(CtDirection::Original), pair(Field::Source, Field::ReplyDestination)],
            Action::Drop,
        ),
        rule([outward, going(CtDirection::Reply), pair(Field::Source, Field::OriginalDestination)], Action::Drop),
    ]
}
