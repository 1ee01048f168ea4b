//! Verdicts and their reasons; and that the plan's sets say the same as the rules, whatever the rules.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{TABLE, VPC, add_group, add_instance, cloud, eni, ip, routes, sg};
use policy::{
    Action, ChainPlan, Component, Direction, Endpoint, Field, LinkState, METADATA_ADDRESS, Match, Outcome, Packet,
    Part, Place, Reason, TablePlan, Target, Topology, Traffic, plan, verdict,
};
use proptest::prelude::*;

/// The outcome and the last stage's reason.
fn ask(topology: &Topology, from: Endpoint, source: &str, to: &str, traffic: Traffic) -> (Outcome, Reason) {
    let packet = Packet { from, source: ip(source), to: ip(to), traffic };
    let verdict = verdict(topology, &packet);
    let last = verdict.path.last().unwrap().reason.clone();
    let drops = verdict.path.iter().filter(|stage| !stage.reason.passes()).count();
    assert_eq!(drops, usize::from(verdict.outcome == Outcome::Drop), "{verdict:?}");
    assert_eq!(last.passes(), verdict.outcome == Outcome::Accept);
    (verdict.outcome, last)
}

fn two() -> Topology {
    let mut topology = cloud();
    add_group(&mut topology, 1, &["tcp 22 198.18.0.1/32", "tcp 80-90 0.0.0.0/0"], &[]);
    add_group(&mut topology, 2, &["udp 53 sg-00000000000000002", "tcp 1 sg-00000000000000001"], &["all 0.0.0.0/0"]);
    add_instance(&mut topology, 0xa, "172.31.0.10", Some("198.18.1.10"), &[1]);
    add_instance(&mut topology, 0xb, "172.31.0.11", Some("198.18.1.11"), &[2]);
    add_instance(&mut topology, 0xc, "172.31.0.12", None, &[2]);
    topology
}

const A: Endpoint = Endpoint::Interface(eni_const(0xa));
const B: Endpoint = Endpoint::Interface(eni_const(0xb));
const C: Endpoint = Endpoint::Interface(eni_const(0xc));

const fn eni_const(number: u128) -> types::NetworkInterfaceId {
    types::NetworkInterfaceId::from_number(number)
}

#[test]
fn the_way_of_an_accepted_packet_is_told_in_full() {
    let packet =
        Packet { from: Endpoint::Outside, source: ip("198.18.0.1"), to: ip("198.18.1.10"), traffic: Traffic::Tcp(22) };
    let verdict = verdict(&two(), &packet);
    assert_eq!(verdict.outcome, Outcome::Accept);
    let gateway = Reason::Translated { from: ip("198.18.1.10"), to: ip("172.31.0.10") };
    let rule = types::SecurityGroupRuleId::from_number(100);
    let rule = Reason::Rule { direction: Direction::Ingress, group: sg(1), rule };
    let path: Vec<_> = verdict.path.into_iter().map(|stage| (stage.at, stage.reason)).collect();
    let entry = Reason::AclEntry { direction: Direction::Ingress, acl: common::ACL, number: 100 };
    let stages = [
        (Component::Gateway(VPC), gateway),
        (Component::Router(VPC), Reason::Local(eni(0xa))),
        (Component::Subnet(common::SUBNET), entry),
        (Component::Interface(eni(0xa)), rule),
    ];
    assert_eq!(path, stages);
}

#[test]
fn drops_say_why() {
    let topology = two();
    let no_rule = |direction, group| Reason::NoRule { direction, groups: vec![sg(group)] };
    let cases = [
        (Endpoint::Outside, "203.0.113.9", "198.18.1.10", Traffic::Tcp(22), no_rule(Direction::Ingress, 1)),
        (Endpoint::Outside, "203.0.113.9", "198.18.9.9", Traffic::Tcp(22), Reason::PublicAddressUnused),
        (
            Endpoint::Outside,
            "192.168.1.5",
            "198.18.1.10",
            Traffic::Tcp(80),
            Reason::NotOnTheInternet(ip("192.168.1.5")),
        ),
        (A, "172.31.0.10", "172.31.0.11", Traffic::Tcp(1), no_rule(Direction::Egress, 1)),
        (B, "172.31.0.10", "172.31.0.10", Traffic::Tcp(80), Reason::SpoofedSource { own: vec![ip("172.31.0.11")] }),
        (B, "172.31.0.11", "172.31.7.7", Traffic::Tcp(80), Reason::NoSuchAddress),
        (B, "172.31.0.11", "172.31.0.1", Traffic::PING, Reason::RouterAddress),
        (B, "172.31.0.11", "169.254.169.254", Traffic::Tcp(443), Reason::RouterAddress),
        (B, "172.31.0.11", "198.18.0.1", Traffic::Tcp(22), Reason::OperatorAddress),
        (B, "172.31.0.11", "10.0.0.1", Traffic::Tcp(22), Reason::NotOnTheInternet(ip("10.0.0.1"))),
        (C, "172.31.0.12", "8.8.8.8", Traffic::Udp(53), Reason::NoPublicAddress),
        (C, "172.31.0.12", "198.18.1.10", Traffic::Tcp(80), Reason::NoPublicAddress),
        (B, "172.31.0.11", "198.18.1.11", Traffic::Udp(53), no_rule(Direction::Ingress, 2)),
        (Endpoint::Interface(eni(0x99)), "172.31.0.9", "8.8.8.8", Traffic::Tcp(1), Reason::NoSuchInterface),
    ];
    for (from, source, to, traffic, reason) in cases {
        assert_eq!(ask(&topology, from, source, to, traffic), (Outcome::Drop, reason), "{source} to {to} {traffic:?}");
    }
}

#[test]
fn what_passes_passes() {
    let topology = two();
    let cases = [
        (Endpoint::Outside, "203.0.113.9", "198.18.1.10", Traffic::Tcp(85)),
        (B, "172.31.0.11", "172.31.0.10", Traffic::Tcp(90)),
        (B, "172.31.0.11", "198.18.1.10", Traffic::Tcp(90)),
        (B, "172.31.0.11", "172.31.0.12", Traffic::Udp(53)),
        (B, "172.31.0.11", "8.8.8.8", Traffic::Other(47)),
        (A, "172.31.0.10", "169.254.169.254", Traffic::Tcp(80)),
        (A, "172.31.0.10", "172.31.0.2", Traffic::Udp(53)),
        (A, "172.31.0.10", "169.254.169.253", Traffic::Tcp(53)),
    ];
    for (from, source, to, traffic) in cases {
        let (outcome, reason) = ask(&topology, from, source, to, traffic);
        assert_eq!(outcome, Outcome::Accept, "{source} to {to} {traffic:?}: {reason:?}");
    }
}

#[test]
fn settings_of_the_vpc_and_the_interface_count() {
    let mut topology = two();
    topology.vpcs.get_mut(&VPC).unwrap().dns_support = false;
    assert_eq!(ask(&topology, A, "172.31.0.10", "172.31.0.2", Traffic::Udp(53)).1, Reason::RouterAddress);
    let b = topology.interfaces.get_mut(&eni(0xb)).unwrap();
    b.source_dest_check = false;
    assert_eq!(ask(&topology, B, "9.9.9.9", "172.31.0.10", Traffic::Tcp(80)).0, Outcome::Accept);
    let to_metadata = ask(&topology, B, "172.31.0.10", &METADATA_ADDRESS.to_string(), Traffic::Tcp(80));
    assert_eq!(to_metadata.1, Reason::SpoofedSource { own: vec![ip("172.31.0.11")] });
    for of_router in ["172.31.0.1", "172.31.0.2", "169.254.169.254", "169.254.169.253"] {
        let spoofed = ask(&topology, B, of_router, "172.31.0.10", Traffic::Tcp(80)).1;
        assert_eq!(spoofed, Reason::SpoofedSource { own: vec![ip("172.31.0.11")] }, "{of_router}");
    }
    let all = types::Cidr::from(types::Ipv4Cidr::ANY);
    routes(&mut topology).routes.remove(&all);
    assert_eq!(ask(&topology, B, "172.31.0.11", "8.8.8.8", Traffic::Tcp(1)).1, Reason::NoRoute { table: Some(TABLE) });
    let to_gateway = Target::InternetGateway;
    routes(&mut topology).routes.insert(all, to_gateway);
    topology.vpcs.get_mut(&VPC).unwrap().internet_gateway = None;
    let dead = Reason::BlackholeRoute { table: TABLE, destination: all, target: to_gateway };
    assert_eq!(ask(&topology, B, "172.31.0.11", "8.8.8.8", Traffic::Tcp(1)).1, dead);
    topology.interfaces.get_mut(&eni(0xb)).unwrap().link = LinkState::Detached;
    assert_eq!(ask(&topology, B, "172.31.0.11", "8.8.8.8", Traffic::Tcp(1)).1, Reason::Detached);
    assert_eq!(ask(&topology, C, "172.31.0.12", "172.31.0.11", Traffic::Udp(53)).1, Reason::NoSuchAddress);
}

/// What a packet shows of a field, as a number.
fn shown(field: Field, peer: IpAddr, traffic: Traffic) -> Option<u16> {
    match (field, traffic) {
        (Field::Source | Field::Destination, _) => panic!("{peer} is no number"),
        (Field::Protocol, _) => Some(traffic.protocol().into()),
        (Field::DestinationPort, Traffic::Tcp(port) | Traffic::Udp(port)) => Some(port),
        // What stands there in other protocols is no port; a lookup goes by the protocol, too.
        (Field::DestinationPort, _) => Some(0),
        (Field::IcmpType, Traffic::Icmp { kind, .. }) => Some(kind.into()),
        (Field::IcmpCode, Traffic::Icmp { code, .. }) => Some(code.into()),
        _ => None,
    }
}

fn holds(part: &Part, field: Field, peer: IpAddr, traffic: Traffic) -> bool {
    match part {
        Part::Address(address) => *address == peer,
        Part::Prefix(cidr) => cidr.contains(peer),
        Part::Number(number) => shown(field, peer, traffic) == Some(*number),
        Part::Range(first, last) => shown(field, peer, traffic).is_some_and(|n| (*first..=*last).contains(&n)),
        // All of it is sent by one neighbour.
        Part::Link(name) => *name == policy::eni_link_name(eni(0xb)),
    }
}

/// Whether a group's chain accepts, as the kernel would read it.
fn chain_accepts(table: &TablePlan, chain: &ChainPlan, peer: IpAddr, traffic: Traffic) -> bool {
    chain.rules.iter().any(|rule| {
        assert_eq!(rule.action, Action::Accept);
        rule.matches.iter().all(|condition| {
            let Match::InSet { key, set, not: false } = condition else { panic!("{condition}") };
            let hit = |element: &Vec<Part>| element.iter().zip(key).all(|(part, f)| holds(part, *f, peer, traffic));
            table.sets[set].elements.keys().any(hit)
        })
    })
}

/// Whether two parts have something in common.
fn overlap(a: &Part, b: &Part) -> bool {
    let numbers = |part: &Part| match part {
        Part::Number(n) => Some((*n, *n)),
        Part::Range(first, last) => Some((*first, *last)),
        _ => None,
    };
    let block = |part: &Part| match part {
        Part::Address(address) => Some(types::Cidr::host(*address)),
        Part::Prefix(cidr) => Some(*cidr),
        _ => None,
    };
    match (numbers(a), numbers(b), block(a), block(b)) {
        (Some(a), Some(b), ..) => a.0 <= b.1 && b.0 <= a.1,
        (_, _, Some(a), Some(b)) => a.overlaps(b),
        _ => panic!("{a} and {b} in one place"),
    }
}

fn any_rule() -> impl Strategy<Value = String> {
    let peers = prop::sample::select(vec![
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.1.2.3/32",
        "172.31.0.0/16",
        "172.31.0.11/32",
        "sg-00000000000000001",
        "sg-00000000000000002",
        "sg-00000000000000009",
    ]);
    let ports = (0u16..12, 0u16..6).prop_map(|(from, more)| format!("{from}-{}", from + more));
    let traffic = prop_oneof![
        Just("all".to_owned()),
        ports.clone().prop_map(|ports| format!("tcp {ports}")),
        ports.prop_map(|ports| format!("udp {ports}")),
        Just("icmp".to_owned()),
        any_request().prop_map(|kind| format!("icmp {kind}")),
        (any_request(), 0u8..3).prop_map(|(kind, code)| format!("icmp {kind}/{code}")),
        prop::sample::select(vec![6u8, 17, 1, 47]).prop_map(|number| number.to_string()),
        Just("tcp 0-65535".to_owned()),
    ];
    // "All" would hide the rest too often.
    (traffic, peers).prop_map(|(traffic, peer)| format!("{traffic} {peer}"))
}

/// The ICMP types that a connection may begin with.
fn any_request() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![8u8, 13, 15, 17])
}

fn any_traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        (0u16..20).prop_map(Traffic::Tcp),
        (0u16..20).prop_map(Traffic::Udp),
        (any_request(), 0u8..4).prop_map(|(kind, code)| Traffic::Icmp { kind, code }),
        prop::sample::select(vec![47u8, 50]).prop_map(Traffic::Other),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_kernels_sets_say_what_the_verdict_says(
        texts in prop::collection::vec(any_rule(), 0..8),
        traffic in any_traffic(),
        peer in prop::sample::select(vec!["10.1.2.3", "10.1.2.4", "10.1.9.9", "10.9.9.9", "8.8.8.8", "172.31.0.11",
            "172.31.0.12", "172.31.0.10"]),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut topology = cloud();
        add_group(&mut topology, 1, &texts, &[]);
        add_group(&mut topology, 2, &[], &["all 0.0.0.0/0"]);
        add_instance(&mut topology, 0xa, "172.31.0.10", Some("198.18.1.10"), &[1]);
        add_instance(&mut topology, 0xb, "172.31.0.11", None, &[2]);
        topology.interfaces.get_mut(&eni(0xb)).unwrap().source_dest_check = false;
        let peer = ip(peer);
        // Sent by a neighbour that may use any source, so that nothing but the groups decides.
        let packet = Packet { from: B, source: peer, to: ip("172.31.0.10"), traffic };
        let said = verdict(&topology, &packet).outcome == Outcome::Accept;
        let plan = plan(&topology);
        let table = &plan.namespaces[&Place::Vpc(VPC)].table;
        let chain = &table.chains[&format!("{}.in", sg(1))];
        prop_assert_eq!(said, chain_accepts(table, chain, peer, traffic), "{}", table);
        for (name, set) in table.sets.iter().filter(|(_, set)| set.interval) {
            let elements: Vec<_> = set.elements.keys().collect();
            for (at, one) in elements.iter().enumerate() {
                for other in &elements[at + 1..] {
                    let clash = one.iter().zip(other.iter()).all(|(a, b)| overlap(a, b));
                    prop_assert!(!clash, "{}: {:?} and {:?} overlap", name, one, other);
                }
            }
        }
        let names: BTreeSet<&str> = table.sets.keys().chain(table.chains.keys()).map(String::as_str).collect();
        prop_assert!(names.iter().all(|name| name.len() < 128));
    }
}
