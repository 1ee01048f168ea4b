//! What IPv6 adds to a plan, where a VPC has it.
//!
//! The rest of a plan says nothing of it: without these rules every chain that checks sources drops IPv6, and links have
//! it switched off. Routes, members and the rules of groups and ACLs are made where those of IPv4 are.
//!
//! A machine speaks of neighbours with its router alone, which has the same address on every link
//! ([`ROUTER_IPV6_ADDRESS`]). What it says must come from an address of its own; advertisements of routers are dropped,
//! and nothing that is about a link is carried to another.

use std::net::{IpAddr, Ipv6Addr};

use types::{Ipv6Cidr, MacAddress};

use super::build::{in_set, link, not_in_set, not_link, rule, set};
use super::nft::{Action, CtState, Field, FieldType, Match, Part, Rule, TablePlan, Transport};
use super::senders::{CHOOSE_TABLE, Marks, TRANSIT_LINKS, is_sender, senders, senders_name};
use super::vpc::{SILENT, VpcCompiler};
use super::{
    FAR_END_IPV6_ADDRESS, Family, METADATA_IPV6_ADDRESS, NO_ADDRESS_OF_ITS_OWN, NamespacePlan, RESOLVER_IPV6_ADDRESS,
    ROUTER_IPV6_ADDRESS, RouteKey, RoutePlan,
};
use crate::names::{EDGE_OPERATOR_LINK, VPC_EGRESS_ONLY_LINK, egress_only_link_name, gateway_link_name};
use crate::ranges::{ipv6_from_nowhere, ipv6_never_routed, ipv6_not_from_transit};
use crate::topology::Topology;

/// Links with the addresses that may speak of neighbours there: their own and the link-local one.
const NEIGHBOURS: &str = "neighbours";
/// Whom they may speak to: the router, and the group that it listens to.
const ROUTER: &str = "router_addresses";
/// The addresses that may go out by a gateway.
const GATEWAY_USERS: &str = "gateway_users6";
/// What no gateway carries.
const NOT_ON_THE_INTERNET: &str = "not_on_the_internet6";
/// The resolver, as it is called.
const RESOLVER: &str = "resolver6";
/// Links with the addresses that may call the metadata service.
const METADATA_USERS: &str = "metadata_users6";
/// The addresses of services in every VPC that has IPv6.
pub(super) const SERVICE_ADDRESSES: [Ipv6Addr; 2] = [METADATA_IPV6_ADDRESS, RESOLVER_IPV6_ADDRESS];
/// The blocks of the VPCs behind links.
const PEER_BLOCKS: &str = "peer_blocks6";
/// What does not come from transit gateways.
const NOT_FROM_TRANSIT: &str = "not_from_transit6";
/// ICMPv6: its protocol number, and the first and last types that are about one link. They are MLD, router and neighbour
/// discovery, and redirects (130 to 137), and MLD's second version (143).
const ICMPV6: u16 = 58;
pub(crate) const OF_THE_LINK: [(u16, u16); 2] = [(130, 137), (143, 143)];
/// Neighbour solicitation and advertisement.
const NEIGHBOUR_DISCOVERY: (u16, u16) = (135, 136);

/// Settings of a namespace that forwards IPv6.
pub(super) fn router_sysctls() -> [(String, String); 1] {
    [("net/ipv6/conf/all/forwarding".to_owned(), "1".to_owned())]
}

/// Settings of a link between namespaces, which has no address of its own.
pub(super) fn link_sysctls(link: &str, on: bool) -> Vec<(String, String)> {
    let setting = |file: &str, value: &str| (format!("net/ipv6/conf/{link}/{file}"), value.to_owned());
    let mut all = vec![setting("disable_ipv6", if on { "0" } else { "1" })];
    if on {
        all.extend([setting("accept_ra", "0"), setting("addr_gen_mode", NO_ADDRESS_OF_ITS_OWN)]);
    }
    all
}

fn type_in(range: (u16, u16)) -> Match {
    Match::Number { field: Field::Icmpv6Type, range }
}

/// By way of the one other end of a link.
fn via(link: &str, source: Option<Ipv6Addr>) -> RoutePlan {
    let source = source.map(Into::into);
    RoutePlan::Via { gateway: FAR_END_IPV6_ADDRESS.into(), link: link.to_owned(), source }
}

/// The rules that drop what is about one link, wherever it comes from.
fn drop_messages_of_the_link() -> impl Iterator<Item = Rule> {
    OF_THE_LINK.into_iter().map(|range| rule([type_in(range)], Action::Drop))
}

/// The link-local address that a machine's end has (RFC 4291, appendix A).
fn link_local(mac: MacAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// The group that an address is asked for in (RFC 4291, section 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets().map(u16::from);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a, b << 8 | c)
}

/// Whether some VPC's IPv6 packets have a way to the operator's machine.
fn reaches_operator(topology: &Topology) -> bool {
    topology.vpcs.values().any(|vpc| vpc.has_ipv6_gateway())
}

/// The operator's namespace: a way to the cloud's IPv6 addresses. Whether it forwards between machines and the world is
/// the operator's own choice: a host that forwards forgets the routers it learned from advertisements.
pub(super) fn add_to_operator(plan: &mut NamespacePlan, topology: &Topology) {
    let operator = &topology.operator;
    let ours = operator.tag.operator_link();
    let on = reaches_operator(topology);
    plan.sysctls.extend(link_sysctls(&ours, on));
    if !on {
        return;
    }
    let pool = operator.ipv6_pool();
    let from_pool = |not| Match::Block { field: Field::Ipv6Source, block: pool.into(), not };
    plan.addresses.insert((ours.clone(), operator.ipv6_address().into()));
    plan.routes.insert(RouteKey::main(pool), via(&ours, Some(operator.ipv6_address())));
    let mut add = |chain: &str, rule| plan.table.chains.entry(chain.to_owned()).or_default().rules.push(rule);
    add("through", rule([link(Field::InLink, &ours), from_pool(true)], Action::Drop));
    add("to_internet", rule([from_pool(false), not_link(Field::OutLink, &ours)], Action::Masquerade));
}

/// The edge: each address of an interface leads to its VPC as it is.
pub(super) fn add_to_edge(plan: &mut NamespacePlan, topology: &Topology) {
    const ADDRESSES: &str = "public_addresses6";
    let on = reaches_operator(topology);
    let mut links = vec!["lo".to_owned(), EDGE_OPERATOR_LINK.to_owned()];
    for (id, vpc) in &topology.vpcs {
        let egress_only = vpc.has_ipv6() && vpc.egress_only_gateway;
        links.extend(vpc.internet_gateway.map(|_| gateway_link_name(*id)));
        links.extend(egress_only.then(|| egress_only_link_name(*id)));
    }
    plan.sysctls.extend(links.iter().flat_map(|link| link_sysctls(link, on)));
    plan.up.extend(links);
    if !on {
        return;
    }
    plan.sysctls.extend(router_sysctls());
    let operator = &topology.operator;
    let to_operator = RoutePlan::Link { link: EDGE_OPERATOR_LINK.to_owned() };
    plan.routes.insert(RouteKey::main(Ipv6Cidr::host(operator.ipv6_address())), to_operator);
    plan.routes.insert(RouteKey::main(Ipv6Cidr::ANY), via(EDGE_OPERATOR_LINK, None));
    plan.blackholes.insert(RouteKey::main(operator.ipv6_pool()));
    let mut pairs = Vec::new();
    for (address, (_, interface)) in topology.ipv6_gateway_users() {
        let vpc = &topology.vpcs[&interface.vpc];
        let internet = vpc.internet_gateway.map(|_| gateway_link_name(interface.vpc));
        let egress_only = vpc.egress_only_gateway.then(|| egress_only_link_name(interface.vpc));
        let mut links = internet.into_iter().chain(egress_only).peekable();
        // Answers to what went out by the egress-only gateway come in by the other one, if that is there.
        plan.routes.extend(links.peek().map(|link| (RouteKey::main(Ipv6Cidr::host(address)), via(link, None))));
        pairs.extend(links.map(|link| vec![Part::Link(link), Part::address(address)]));
    }
    let table = &mut plan.table;
    table.sets.insert(ADDRESSES.to_owned(), set(&[FieldType::LinkName, FieldType::Ipv6Address], false, pairs));
    let mut add = |chain: &str, field, address| {
        let rules = &mut table.chains.entry(chain.to_owned()).or_default().rules;
        rules.push(rule([in_set(&[field, address], ADDRESSES)], Action::Accept));
    };
    add("check_source", Field::InLink, Field::Ipv6Source);
    add("through", Field::OutLink, Field::Ipv6Destination);
}

/// Puts rules before those of a chain.
fn put_first(table: &mut TablePlan, chain: &str, rules: impl IntoIterator<Item = Rule>) {
    let chain = table.chains.entry(chain.to_owned()).or_default();
    chain.rules.splice(0..0, rules);
}

impl VpcCompiler<'_> {
    /// The sets and rules of a VPC that has IPv6.
    pub(super) fn add_ipv6(&mut self, marks: &Marks) {
        let pair = |link: &str, address: Ipv6Addr| vec![Part::Link(link.to_owned()), Part::address(address)];
        let (mut own, mut neighbours) = (Vec::new(), Vec::new());
        for (name, (_, interface)) in self.machines.iter().filter(|(_, (_, i))| !i.ipv6.is_empty()) {
            own.extend(interface.ipv6.iter().map(|address| (name, IpAddr::from(*address))));
            neighbours.extend(interface.ipv6.iter().chain([&link_local(interface.mac)]).map(|own| pair(name, *own)));
        }
        let pairs = [FieldType::LinkName, FieldType::Ipv6Address];
        let router = [ROUTER_IPV6_ADDRESS, solicited_node(ROUTER_IPV6_ADDRESS)].map(|own| vec![Part::address(own)]);
        let sets = &mut self.table.sets;
        sets.insert(senders_name(Family::Ipv6), senders(Family::Ipv6, own, marks));
        sets.insert(NEIGHBOURS.to_owned(), set(&pairs, false, neighbours));
        sets.insert(ROUTER.to_owned(), set(&[FieldType::Ipv6Address], false, router));
        self.add_ipv6_services();
        self.add_links_of_ipv4();
        self.add_neighbour_discovery();
        self.add_ipv6_peers();
        self.add_ipv6_transits();
        self.add_ipv6_gateways();
    }

    /// Metadata and resolver, which groups never filter. Metadata is for those machines alone that ask for it.
    fn add_ipv6_services(&mut self) {
        let users = self.machines.iter().filter(|(_, (id, _))| self.topology.metadata_by_ipv6.contains(id));
        let users = users.flat_map(|(name, (_, interface))| {
            let pair = |address: &Ipv6Addr| vec![Part::Link(name.clone()), Part::address(*address)];
            interface.ipv6.iter().map(pair)
        });
        let users = set(&[FieldType::LinkName, FieldType::Ipv6Address], false, users);
        let calls = |protocol| {
            let address = Part::address(RESOLVER_IPV6_ADDRESS);
            vec![address, Part::Number(protocol), Part::Number(53)]
        };
        let resolver = [6, 17].into_iter().filter(|_| self.vpc.dns_support).map(calls);
        let resolver = set(&[FieldType::Ipv6Address, FieldType::Protocol, FieldType::Port], false, resolver);
        let metadata = Match::Block {
            field: Field::Ipv6Destination,
            block: Ipv6Cidr::host(METADATA_IPV6_ADDRESS).into(),
            not: false,
        };
        let web = Match::Ports { transport: Transport::Tcp, range: (80, 80) };
        let key = [Field::Ipv6Destination, Field::Protocol, Field::DestinationPort];
        let by_users = in_set(&[Field::InLink, Field::Ipv6Source], METADATA_USERS);
        let rules = [
            rule([by_users, metadata, web], Action::Accept),
            rule([is_sender(Family::Ipv6), in_set(&key, RESOLVER)], Action::Accept),
        ];
        self.table.sets.insert(METADATA_USERS.to_owned(), users);
        self.table.sets.insert(RESOLVER.to_owned(), resolver);
        put_first(&mut self.table, "local", rules);
    }

    /// Where sources are not checked, nothing of IPv6 comes from an interface without an address of it. Its link has it
    /// switched off, which is another step of a change than that of the rules.
    fn add_links_of_ipv4(&mut self) {
        const LINKS: &str = "links_of_ipv4";
        let machines = self.machines.iter().filter(|(_, (_, i))| !i.source_dest_check && i.ipv6.is_empty());
        let links = machines.map(|(name, _)| name).chain(self.gateways.keys());
        let links: Vec<_> = links.map(|name| vec![Part::Link(name.clone())]).collect();
        if links.is_empty() {
            return;
        }
        self.table.sets.insert(LINKS.to_owned(), set(&[FieldType::LinkName], false, links));
        let closed = rule([Match::Ipv6, in_set(&[Field::InLink], LINKS)], Action::Drop);
        self.table.chains.entry("check_source".to_owned()).or_default().rules.insert(1, closed);
    }

    /// Where sources are not checked, the rule for those that no router forwards. The kernel looks at them itself, but not
    /// where a packet goes back to where it came from.
    fn drop_what_is_never_routed(&mut self) -> Option<Rule> {
        const NEVER_ROUTED: &str = "never_routed6";
        self.machines.values().find(|(_, i)| !i.source_dest_check && !i.ipv6.is_empty())?;
        let never = ipv6_never_routed().into_iter().map(|block| vec![Part::cidr(block)]);
        self.table.sets.insert(NEVER_ROUTED.to_owned(), set(&[FieldType::Ipv6Address], true, never));
        Some(rule([in_set(&[Field::Ipv6Source], NEVER_ROUTED)], Action::Drop))
    }

    /// What machines and their router say of each other, and nothing else, comes to the router.
    fn add_neighbour_discovery(&mut self) {
        let discovery = rule(
            [
                in_set(&[Field::InLink, Field::Ipv6Source], NEIGHBOURS),
                in_set(&[Field::Ipv6Destination], ROUTER),
                type_in(NEIGHBOUR_DISCOVERY),
            ],
            Action::Accept,
        );
        let own = rule([is_sender(Family::Ipv6)], Action::Accept);
        let strays = self.drop_what_is_never_routed();
        let checks = [discovery.clone()].into_iter().chain(drop_messages_of_the_link()).chain([own]).chain(strays);
        // After that of IPv4, whose packets then take no notice of them.
        self.table.chains.entry("check_source".to_owned()).or_default().rules.splice(1..1, checks);
        put_first(&mut self.table, "local", [discovery]);
        put_first(&mut self.table, "router", [rule([type_in(NEIGHBOUR_DISCOVERY)], Action::Accept)]);
        let silent = self.table.sets.get_mut(SILENT);
        silent.into_iter().for_each(|silent| drop(silent.elements.insert(vec![Part::Number(ICMPV6)], None)));
    }

    /// What comes from the VPCs it is peered with.
    fn add_ipv6_peers(&mut self) {
        let blocks = self.peers.iter().flat_map(|(name, other)| {
            let blocks = self.topology.vpcs.get(other).into_iter().flat_map(|vpc| &vpc.ipv6_cidrs);
            blocks.map(move |block| vec![Part::Link(name.clone()), Part::cidr(*block)])
        });
        let blocks: Vec<_> = blocks.collect();
        if blocks.is_empty() {
            return;
        }
        let rules = &mut self.table.chains.entry("check_source".to_owned()).or_default().rules;
        let by_link = Action::Goto(CHOOSE_TABLE.to_owned());
        rules.push(rule([in_set(&[Field::InLink, Field::Ipv6Source], PEER_BLOCKS)], by_link));
        let blocks = set(&[FieldType::LinkName, FieldType::Ipv6Address], true, blocks);
        self.table.sets.insert(PEER_BLOCKS.to_owned(), blocks);
    }

    /// What comes from transit gateways: anything but from its own addresses.
    fn add_ipv6_transits(&mut self) {
        if self.transits.is_empty() {
            return;
        }
        let not_from = ipv6_not_from_transit(&self.vpc.ipv6_cidrs).into_iter().map(|block| vec![Part::cidr(block)]);
        self.table.sets.insert(NOT_FROM_TRANSIT.to_owned(), set(&[FieldType::Ipv6Address], true, not_from));
        let from = [in_set(&[Field::InLink], TRANSIT_LINKS), not_in_set(&[Field::Ipv6Source], NOT_FROM_TRANSIT)];
        let rules = &mut self.table.chains.entry("check_source".to_owned()).or_default().rules;
        rules.push(rule(from, Action::Goto(CHOOSE_TABLE.to_owned())));
    }

    /// What the gateways drop whatever the groups say. Nothing comes in by the egress-only one but answers.
    fn add_ipv6_gateways(&mut self) {
        let links: Vec<&str> = self.gateway_links().collect();
        if links.is_empty() {
            return;
        }
        let users = self.topology.ipv6_gateway_users().into_iter();
        let users = users.filter(|(_, (_, interface))| interface.vpc == self.id);
        let users = set(&[FieldType::Ipv6Address], false, users.map(|(address, _)| vec![Part::address(address)]));
        let nowhere = ipv6_from_nowhere(&self.vpc.ipv6_cidrs).into_iter().map(|block| vec![Part::cidr(block)]);
        let sets = &mut self.table.sets;
        sets.insert(GATEWAY_USERS.to_owned(), users);
        sets.insert(NOT_ON_THE_INTERNET.to_owned(), set(&[FieldType::Ipv6Address], true, nowhere));
        let inward = vec![rule([not_in_set(&[Field::Ipv6Destination], GATEWAY_USERS)], Action::Drop)];
        let outward = vec![
            rule([not_in_set(&[Field::Ipv6Source], GATEWAY_USERS)], Action::Drop),
            rule([in_set(&[Field::Ipv6Destination], NOT_ON_THE_INTERNET)], Action::Drop),
        ];
        for name in links {
            let mut inward = inward.clone();
            if name == VPC_EGRESS_ONLY_LINK {
                inward.push(rule([Match::State(vec![CtState::New])], Action::Drop));
            }
            self.add_gateway_checks(name, [inward, outward.clone()]);
            let source = [link(Field::InLink, name), not_in_set(&[Field::Ipv6Source], NOT_ON_THE_INTERNET)];
            let rules = &mut self.table.chains.entry("check_source".to_owned()).or_default().rules;
            rules.push(rule(source, Action::Goto(CHOOSE_TABLE.to_owned())));
        }
    }
}
