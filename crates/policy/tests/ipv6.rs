//! Verdicts on IPv6, with their reasons.

mod common;

use common::{ACL, SUBNET, TABLE, VPC, add_group, add_instance, cloud, eni, ip, routes, sg};
use policy::{
    AclEntry, ArrivedAt, Component, Direction, Endpoint, METADATA_ADDRESS, METADATA_IPV6_ADDRESS, Outcome, Packet,
    Part, Peering, Place, RESOLVER_IPV6_ADDRESS, ROUTER_IPV6_ADDRESS, Reason, Target, Topology, Traffic, Vpc,
    eni_link_name, plan, verdict, verdict_both_ways,
};
use types::{Cidr, Ipv6Cidr, NetworkInterfaceId, Protocol, SubnetId, VpcId, VpcPeeringConnectionId};

const A: Endpoint = Endpoint::Interface(NetworkInterfaceId::from_number(0xa));
const B: Endpoint = Endpoint::Interface(NetworkInterfaceId::from_number(0xb));
const OWN_A: &str = "2001:db8:0:100::a";
const OWN_B: &str = "2001:db8:0:100::b";
const OPERATOR: &str = "2001:db8::1";
const OUTSIDE: &str = "2620::9";
const BLOCK: &str = "2001:db8:0:100::/56";
const OTHER: VpcId = VpcId::from_number(2);
const THERE: &str = "2001:db8:0:200::c";

fn block(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn vpc(topology: &mut Topology) -> &mut Vpc {
    topology.vpcs.get_mut(&VPC).unwrap()
}

/// A public VPC with IPv6: A may call everyone and be called at 22 by the operator and at 80 by everyone; B is called at
/// 53 by members of A's group, pinged from the VPC, and calls nobody.
fn two() -> Topology {
    let mut topology = cloud();
    vpc(&mut topology).ipv6_cidrs = vec![BLOCK.parse().unwrap()];
    routes(&mut topology).routes.extend([(block(BLOCK), Target::Local), (block("::/0"), Target::InternetGateway)]);
    let all = AclEntry { number: 101, allow: true, protocol: Protocol::All, cidr: Ipv6Cidr::ANY.into() };
    let acl = topology.acls.get_mut(&ACL).unwrap();
    acl.ingress.push(all.clone());
    acl.egress.push(all);
    add_group(&mut topology, 1, &["tcp 22 2001:db8::1/128", "tcp 80 ::/0", "tcp 443 0.0.0.0/0"], &["all ::/0"]);
    add_group(&mut topology, 2, &["udp 53 sg-00000000000000001", "icmpv6 128/0 2001:db8:0:100::/56"], &[]);
    add_instance(&mut topology, 0xa, "172.31.0.10", Some("198.18.1.10"), &[1]);
    add_instance(&mut topology, 0xb, "172.31.0.11", Some("198.18.1.11"), &[2]);
    for (number, own) in [(0xa, OWN_A), (0xb, OWN_B)] {
        topology.interfaces.get_mut(&eni(number)).unwrap().ipv6 = vec![own.parse().unwrap()];
    }
    topology
}

fn packet(from: Endpoint, source: &str, to: &str, traffic: Traffic) -> Packet {
    Packet { from, source: ip(source), to: ip(to), traffic }
}

/// The last stage of a way.
fn end(topology: &Topology, from: Endpoint, source: &str, to: &str, traffic: Traffic) -> (Component, Reason) {
    let said = verdict(topology, &packet(from, source, to, traffic));
    let last = said.path.last().unwrap();
    assert_eq!(last.reason.passes(), said.outcome == Outcome::Accept, "{said:?}");
    (last.at, last.reason.clone())
}

fn passes(topology: &Topology, from: Endpoint, source: &str, to: &str, traffic: Traffic) -> bool {
    end(topology, from, source, to, traffic).1.passes()
}

#[test]
fn the_internet_gateway_translates_nothing_and_the_answer_goes_out_by_it() {
    let topology = two();
    let call = packet(Endpoint::Outside, OUTSIDE, OWN_A, Traffic::Tcp(80));
    let (there, back) = verdict_both_ways(&topology, &call, 40_000);
    let arrival = there.arrival.unwrap();
    assert_eq!((arrival.at, arrival.source, arrival.to), (ArrivedAt::Interface(eni(0xa)), ip(OUTSIDE), ip(OWN_A)));
    assert_eq!((there.path[0].at, &there.path[0].reason), (Component::Gateway(VPC), &Reason::AsItIs));
    let back = back.unwrap();
    assert_eq!((back.outcome, back.arrival.unwrap().source), (Outcome::Accept, ip(OWN_A)), "{back:#?}");
    let (out, _) = verdict_both_ways(&topology, &packet(A, OWN_A, OUTSIDE, Traffic::Tcp(1)), 40_000);
    assert_eq!(out.arrival.unwrap().source, ip(OWN_A));
    let refused = |of| Reason::NoRule { direction: Direction::Ingress, groups: vec![sg(of)] };
    for (source, to, traffic, reason) in [
        (OUTSIDE, OWN_A, Traffic::Tcp(22), refused(1)),
        // A rule for all of IPv4 means nobody of IPv6.
        (OUTSIDE, OWN_A, Traffic::Tcp(443), refused(1)),
        (OUTSIDE, OWN_B, Traffic::Udp(53), refused(2)),
        (OUTSIDE, "2001:db8:0:100::99", Traffic::Tcp(80), Reason::PublicAddressUnused),
        ("fd00::1", OWN_A, Traffic::Tcp(80), Reason::NotOnTheInternet(ip("fd00::1"))),
        (OWN_B, OWN_A, Traffic::Tcp(80), Reason::NotOnTheInternet(ip(OWN_B))),
        (OUTSIDE, OWN_A, Traffic::Icmpv6 { kind: 134, code: 0 }, Reason::OfTheLink),
    ] {
        assert_eq!(end(&topology, Endpoint::Outside, source, to, traffic).1, reason, "{source} to {to} {traffic:?}");
    }
    assert!(passes(&topology, Endpoint::Outside, OPERATOR, OWN_A, Traffic::Tcp(22)));
    assert_eq!(end(&topology, A, OWN_A, OPERATOR, Traffic::Tcp(22)).1, Reason::OperatorAddress);
    assert_eq!(end(&topology, A, OWN_A, "fd00::1", Traffic::Tcp(1)).1, Reason::NotOnTheInternet(ip("fd00::1")));
}

#[test]
fn without_a_route_to_the_gateway_nothing_comes_in_or_goes_out() {
    let mut topology = two();
    routes(&mut topology).routes.remove(&block("::/0"));
    let router = Component::Router(VPC);
    assert_eq!(
        end(&topology, Endpoint::Outside, OUTSIDE, OWN_A, Traffic::Tcp(80)),
        (router, Reason::NoRouteBack { table: Some(TABLE) })
    );
    assert_eq!(end(&topology, A, OWN_A, OUTSIDE, Traffic::Tcp(80)), (router, Reason::NoRoute { table: Some(TABLE) }));
    let gone = Target::Blackhole;
    routes(&mut topology).routes.insert(block("::/0"), gone);
    let dead = Reason::BlackholeRoute { table: TABLE, destination: block("::/0"), target: gone };
    assert_eq!(end(&topology, A, OWN_A, OUTSIDE, Traffic::Tcp(80)), (router, dead));
    // The table of IPv4 is as it was.
    assert!(passes(&topology, Endpoint::Outside, "203.0.113.9", "198.18.1.10", Traffic::Tcp(443)));
}

#[test]
fn an_egress_only_gateway_takes_in_answers_alone() {
    let mut topology = two();
    vpc(&mut topology).egress_only_gateway = true;
    routes(&mut topology).routes.insert(block("::/0"), Target::EgressOnlyGateway);
    // Beside an internet gateway calls come in by that one, and have no way back.
    let call = |topology: &Topology| end(topology, Endpoint::Outside, OUTSIDE, OWN_A, Traffic::Tcp(80));
    assert_eq!(call(&topology), (Component::Router(VPC), Reason::NoRouteBack { table: Some(TABLE) }));
    vpc(&mut topology).internet_gateway = None;
    assert_eq!(call(&topology), (Component::EgressOnlyGateway(VPC), Reason::EgressOnly));
    let (there, _) = verdict_both_ways(&topology, &packet(A, OWN_A, OUTSIDE, Traffic::Tcp(80)), 40_000);
    assert_eq!((there.outcome, there.arrival.unwrap().at), (Outcome::Accept, ArrivedAt::Outside));
    assert!(there.path.iter().any(|stage| stage.at == Component::EgressOnlyGateway(VPC)), "{there:#?}");
    // IPv4 does not go by it.
    routes(&mut topology).routes.insert(block("0.0.0.0/0"), Target::EgressOnlyGateway);
    let reason = end(&topology, A, "172.31.0.10", "8.8.8.8", Traffic::Tcp(80)).1;
    assert!(!reason.passes(), "{reason:?}");
    vpc(&mut topology).egress_only_gateway = false;
    let dead = Reason::BlackholeRoute { table: TABLE, destination: block("::/0"), target: Target::EgressOnlyGateway };
    assert_eq!(end(&topology, A, OWN_A, OUTSIDE, Traffic::Tcp(80)).1, dead);
}

#[test]
fn groups_mean_members_and_blocks() {
    let topology = two();
    assert!(passes(&topology, A, OWN_A, OWN_B, Traffic::Udp(53)));
    assert!(passes(&topology, A, OWN_A, OWN_B, Traffic::IPV6_PING));
    let refused = |direction, of| Reason::NoRule { direction, groups: vec![sg(of)] };
    assert_eq!(end(&topology, A, OWN_A, OWN_B, Traffic::Tcp(53)).1, refused(Direction::Ingress, 2));
    assert_eq!(end(&topology, B, OWN_B, OWN_A, Traffic::Tcp(80)).1, refused(Direction::Egress, 2));
    // ICMP is of IPv4 and a mere number here.
    assert_eq!(end(&topology, A, OWN_A, OWN_B, Traffic::PING).1, refused(Direction::Ingress, 2));
    assert_eq!(end(&topology, A, OWN_A, "2001:db8:0:100::99", Traffic::Tcp(1)).1, Reason::NoSuchAddress);
}

#[test]
fn a_list_speaks_of_ipv6_by_itself_and_has_no_memory() {
    let mut topology = two();
    let ingress = &mut topology.acls.get_mut(&ACL).unwrap().ingress;
    let deny = AclEntry { number: 50, allow: false, protocol: Protocol::All, cidr: block("2620::/16") };
    ingress.insert(0, deny);
    let denied = Reason::AclDenies { direction: Direction::Ingress, acl: Some(ACL), number: Some(50) };
    let at = Component::Subnet(SUBNET);
    assert_eq!(end(&topology, Endpoint::Outside, OUTSIDE, OWN_A, Traffic::Tcp(80)), (at, denied.clone()));
    assert!(passes(&topology, Endpoint::Outside, OPERATOR, OWN_A, Traffic::Tcp(22)));
    // What goes out is let out; the answer is refused, though it is one.
    let call = packet(A, OWN_A, OUTSIDE, Traffic::Tcp(80));
    let (there, back) = verdict_both_ways(&topology, &call, 40_000);
    let back = back.unwrap().path.pop().unwrap();
    assert_eq!((there.outcome, back.at, back.reason), (Outcome::Accept, at, denied));
    // Inside the subnet nothing is looked at.
    topology.acls.insert(ACL, Default::default());
    assert!(passes(&topology, A, OWN_A, OWN_B, Traffic::Udp(53)));
    // Only IPv4 is let pass: IPv6 is denied by the end of the list.
    let all = AclEntry { number: 100, allow: true, protocol: Protocol::All, cidr: block("0.0.0.0/0") };
    topology.acls.get_mut(&ACL).unwrap().ingress.push(all);
    let denied = Reason::AclDenies { direction: Direction::Ingress, acl: Some(ACL), number: None };
    assert_eq!(end(&topology, Endpoint::Outside, OPERATOR, OWN_A, Traffic::Tcp(22)), (at, denied));
    assert!(!passes(&topology, A, OWN_A, OUTSIDE, Traffic::Tcp(80)));
}

#[test]
fn peered_vpcs_meet_and_nobody_beyond() {
    let mut topology = two();
    let peering = VpcPeeringConnectionId::from_number(1);
    topology.peerings.insert(peering, Peering { requester: VPC, accepter: OTHER });
    let ipv6_cidrs = vec!["2001:db8:0:200::/56".parse().unwrap()];
    topology.vpcs.insert(OTHER, Vpc { ipv6_cidrs, ..Vpc::new(vec!["10.2.0.0/16".parse().unwrap()]) });
    let subnet = SubnetId::from_number(2);
    let mut of_other = topology.subnets[&SUBNET].clone();
    (of_other.vpc, of_other.cidr, of_other.route_table) = (OTHER, "10.2.0.0/24".parse().unwrap(), None);
    topology.subnets.insert(subnet, of_other);
    add_instance(&mut topology, 0xc, "10.2.0.12", None, &[3]);
    add_group(&mut topology, 3, &["tcp 80 sg-00000000000000001"], &[]);
    topology.groups.get_mut(&sg(3)).unwrap().vpcs = [OTHER].into();
    let c = topology.interfaces.get_mut(&eni(0xc)).unwrap();
    (c.vpc, c.subnet, c.ipv6) = (OTHER, subnet, vec![THERE.parse().unwrap()]);
    // Without a route it goes to the internet gateway, and in at none.
    assert!(!passes(&topology, A, OWN_A, THERE, Traffic::Tcp(80)));
    routes(&mut topology).routes.insert(block("2001:db8:0:200::/56"), Target::Peering(peering));
    assert!(passes(&topology, A, OWN_A, THERE, Traffic::Tcp(80)), "by the group of the other side");
    let reason = end(&topology, A, OWN_A, THERE, Traffic::Tcp(81)).1;
    assert_eq!(reason, Reason::NoRule { direction: Direction::Ingress, groups: vec![sg(3)] });
    let (_, back) = verdict_both_ways(&topology, &packet(A, OWN_A, THERE, Traffic::Tcp(80)), 40_000);
    assert!(!back.unwrap().path.last().unwrap().reason.passes(), "the other side has no route back");
    topology.interfaces.get_mut(&eni(0xa)).unwrap().source_dest_check = false;
    let stray = end(&topology, A, OUTSIDE, THERE, Traffic::Tcp(80));
    assert_eq!(stray, (Component::Peering(peering), Reason::NotTransitive));
    topology.peerings.clear();
    let reason = end(&topology, A, OWN_A, THERE, Traffic::Tcp(80)).1;
    assert!(matches!(reason, Reason::BlackholeRoute { target: Target::Peering(_), .. }), "{reason:?}");
}

#[test]
fn services_answer_by_ipv6_and_metadata_only_who_asked_for_it() {
    let mut topology = two();
    let (metadata, resolver) = (METADATA_IPV6_ADDRESS.to_string(), RESOLVER_IPV6_ADDRESS.to_string());
    assert_eq!((&*metadata, &*resolver), ("fd00:ec2::254", "fd00:ec2::253"));
    topology.metadata_by_ipv6.insert(eni(0xb));
    let router = Component::Router(VPC);
    // B may call nobody: groups are not asked.
    for (from, own, to, traffic, reason) in [
        (B, OWN_B, &metadata, Traffic::Tcp(80), Reason::Service),
        (A, OWN_A, &metadata, Traffic::Tcp(80), Reason::NoMetadataByIpv6),
        (B, OWN_B, &metadata, Traffic::Tcp(443), Reason::RouterAddress),
        (A, OWN_A, &metadata, Traffic::IPV6_PING, Reason::RouterAddress),
        (A, OWN_A, &resolver, Traffic::Udp(53), Reason::Service),
        (B, OWN_B, &resolver, Traffic::Tcp(53), Reason::Service),
        (B, OWN_B, &resolver, Traffic::Tcp(80), Reason::RouterAddress),
    ] {
        assert_eq!(end(&topology, from, own, to, traffic), (router, reason), "{own} to {to} {traffic:?}");
    }
    // Nobody asks in another's name, checked or not.
    let b = topology.interfaces.get_mut(&eni(0xb)).unwrap();
    b.source_dest_check = false;
    let own = vec![ip("172.31.0.11"), ip(OWN_B)];
    assert_eq!(end(&topology, B, OWN_A, &metadata, Traffic::Tcp(80)), (router, Reason::SpoofedSource { own }));
    vpc(&mut topology).dns_support = false;
    assert_eq!(end(&topology, A, OWN_A, &resolver, Traffic::Udp(53)).1, Reason::RouterAddress);
    // The rest of the block is nobody's, and not of the internet.
    let beside = "fd00:ec2::123";
    assert_eq!(end(&topology, A, OWN_A, beside, Traffic::Udp(123)).1, Reason::NotOnTheInternet(ip(beside)));
    vpc(&mut topology).ipv6_cidrs.clear();
    assert!(matches!(end(&topology, B, OWN_B, &metadata, Traffic::Tcp(80)).1, Reason::SpoofedSource { .. }));
}

#[test]
fn an_unchecked_interface_without_an_address_speaks_no_ipv6() {
    let mut topology = two();
    topology.interfaces.get_mut(&eni(0xb)).unwrap().source_dest_check = false;
    let closed = |topology: &Topology| {
        let table = plan(topology).namespaces.remove(&Place::Vpc(VPC)).unwrap().table;
        table.sets.get("links_of_ipv4").map(|set| set.elements.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(closed(&topology), None);
    let own = std::mem::take(&mut topology.interfaces.get_mut(&eni(0xb)).unwrap().ipv6);
    let spoofed = Reason::SpoofedSource { own: vec![ip("172.31.0.11")] };
    assert_eq!(end(&topology, B, &own[0].to_string(), OWN_A, Traffic::IPV6_PING).1, spoofed);
    assert_eq!(closed(&topology), Some(vec![vec![Part::Link(eni_link_name(eni(0xb)))]]));
}

#[test]
fn nobody_speaks_for_another_nor_without_a_block() {
    let mut topology = two();
    let spoofed = Reason::SpoofedSource { own: vec![ip("172.31.0.10"), ip(OWN_A)] };
    for source in [OWN_B, "2001:db8:0:100::bad", "fe80::9", OUTSIDE] {
        assert_eq!(end(&topology, A, source, OWN_B, Traffic::Udp(53)).1, spoofed, "{source}");
    }
    for kind in [134, 135, 136, 137, 143] {
        let message = Traffic::Icmpv6 { kind, code: 0 };
        assert_eq!(end(&topology, A, OWN_A, OWN_B, message).1, Reason::OfTheLink, "{kind}");
    }
    let router = ROUTER_IPV6_ADDRESS.to_string();
    assert_eq!(end(&topology, A, OWN_A, &router, Traffic::IPV6_PING).1, Reason::RouterAddress);
    assert!(passes(&topology, A, "172.31.0.10", &METADATA_ADDRESS.to_string(), Traffic::Tcp(80)));
    topology.interfaces.get_mut(&eni(0xa)).unwrap().source_dest_check = false;
    assert_eq!(end(&topology, A, OUTSIDE, OWN_B, Traffic::IPV6_PING).0, Component::Interface(eni(0xb)));
    // A link without an address of the family does not speak it, checked or not; nor does a VPC without a block.
    topology.interfaces.get_mut(&eni(0xa)).unwrap().ipv6.clear();
    let spoofed = Reason::SpoofedSource { own: vec![ip("172.31.0.10")] };
    assert_eq!(end(&topology, A, OWN_A, OWN_B, Traffic::Udp(53)).1, spoofed);
    let mut topology = two();
    vpc(&mut topology).ipv6_cidrs.clear();
    assert!(matches!(end(&topology, A, OWN_A, OWN_B, Traffic::Udp(53)).1, Reason::SpoofedSource { .. }));
    assert_eq!(end(&topology, Endpoint::Outside, OUTSIDE, OWN_A, Traffic::Tcp(80)).1, Reason::PublicAddressUnused);
}
