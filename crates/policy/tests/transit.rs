//! Transit gateways: verdicts with their reasons, both ways, and what the plan has for them.

mod common;

use common::{cloud, eni, ip};
use policy::{
    AclEntry, Component, Endpoint, LinkState, Outcome, Packet, Place, Reason, RouteKey, RouteTable, Subnet, Target,
    Topology, Traffic, TransitAttachment, TransitGateway, TransitRouteTable, Vpc, diff, plan, transit_link_name,
    verdict, verdict_both_ways,
};
use types::{
    Cidr, Ipv4Cidr, Ipv6Cidr, NetworkAclId, Protocol, RouteTableId, SecurityGroupId, SubnetId,
    TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId,
};

const GATEWAY: TransitGatewayId = TransitGatewayId::from_number(1);
const TABLE: TransitGatewayRouteTableId = TransitGatewayRouteTableId::from_number(1);

fn attachment(number: u128) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_number(number)
}

fn gateway(topology: &mut Topology) -> &mut TransitGateway {
    topology.transit_gateways.entry(GATEWAY).or_default()
}

fn set_routes(topology: &mut Topology, routes: &[(&str, Option<u128>)]) {
    let routes = routes.iter().map(|(block, to)| (block.parse().unwrap(), to.map(attachment)));
    gateway(topology).tables.insert(TABLE, TransitRouteTable { routes: routes.collect() });
}

/// The VPCs 10.1.0.0/16 and 10.2.0.0/16, each with an open machine at .0.10, attached to one gateway.
fn two() -> Topology {
    let mut topology = cloud();
    common::add_group(&mut topology, 1, &["all 0.0.0.0/0"], &["all 0.0.0.0/0"]);
    for number in [1u128, 2] {
        let vpc = VpcId::from_number(number);
        let block: Ipv4Cidr = format!("10.{number}.0.0/16").parse().unwrap();
        topology.vpcs.insert(vpc, Vpc::new(vec![block]));
        let routes = [
            (Cidr::from(block), Target::Local),
            ("10.0.0.0/8".parse().unwrap(), Target::TransitGateway(attachment(number))),
        ];
        let table = RouteTableId::from_number(number);
        topology.route_tables.insert(table, RouteTable { routes: routes.into() });
        let subnet = SubnetId::from_number(number);
        let cidr = format!("10.{number}.0.0/20").parse().unwrap();
        let acl = Some(common::ACL);
        topology.subnets.insert(subnet, Subnet { vpc, cidr, route_table: Some(table), acl });
        common::add_instance(&mut topology, number, &format!("10.{number}.0.10"), None, &[1]);
        let interface = topology.interfaces.get_mut(&eni(number)).unwrap();
        (interface.vpc, interface.subnet) = (vpc, subnet);
        topology.groups.get_mut(&SecurityGroupId::from_number(1)).unwrap().vpcs.insert(vpc);
        let it = TransitAttachment { vpc, subnets: [subnet].into(), table: Some(TABLE) };
        gateway(&mut topology).attachments.insert(attachment(number), it);
    }
    set_routes(&mut topology, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2))]);
    topology
}

/// The same with IPv6: 2001:db8:N00::/56 in each VPC, ::a in the machine, and all of the pool by the gateway.
fn two_with_ipv6() -> Topology {
    let mut topology = two();
    for number in [1u128, 2] {
        let block: Cidr = format!("2001:db8:{number}00::/56").parse().unwrap();
        topology.vpcs.get_mut(&VpcId::from_number(number)).unwrap().ipv6_cidrs = vec![block.ipv6().unwrap()];
        let routes = &mut topology.route_tables.get_mut(&RouteTableId::from_number(number)).unwrap().routes;
        routes.insert(block, Target::Local);
        routes.insert("2001:db8::/32".parse().unwrap(), Target::TransitGateway(attachment(number)));
        let address = format!("2001:db8:{number}00::a").parse().unwrap();
        topology.interfaces.get_mut(&eni(number)).unwrap().ipv6 = vec![address];
    }
    let group = topology.groups.get_mut(&SecurityGroupId::from_number(1)).unwrap();
    (group.ingress, group.egress) = (common::rules(1, &["all ::/0"]), common::rules(50, &["all ::/0"]));
    let all = AclEntry { number: 101, allow: true, protocol: Protocol::All, cidr: Ipv6Cidr::ANY.into() };
    let acl = topology.acls.get_mut(&common::ACL).unwrap();
    acl.ingress.push(all.clone());
    acl.egress.push(all);
    set_routes(&mut topology, &[("2001:db8:100::/56", Some(1)), ("2001:db8:200::/56", Some(2))]);
    topology
}

fn packet(to: &str) -> Packet {
    Packet { from: Endpoint::Interface(eni(1)), source: ip("10.1.0.10"), to: ip(to), traffic: Traffic::Tcp(80) }
}

/// The last stage of the way from the first machine.
fn end(topology: &Topology, to: &str) -> (Component, Reason) {
    let said = verdict(topology, &packet(to));
    let last = said.path.last().unwrap().clone();
    assert_eq!(last.reason.passes(), said.outcome == Outcome::Accept, "{said:?}");
    (last.at, last.reason)
}

#[test]
fn the_way_through_a_gateway_is_told_and_so_is_the_way_back() {
    let topology = two();
    let (there, back) = verdict_both_ways(&topology, &packet("10.2.0.10"), 40_000);
    assert_eq!(there.outcome, Outcome::Accept);
    let stages: Vec<Component> = there.path.iter().map(|stage| stage.at).collect();
    let [one, two] = [1, 2].map(VpcId::from_number);
    // The attachments are in the machines' own subnets, at whose boundaries nothing is looked at therefore.
    let expected = [
        Component::Interface(eni(1)),
        Component::Interface(eni(1)),
        Component::Router(one),
        Component::TransitGateway(GATEWAY),
        Component::Router(two),
        Component::Router(two),
        Component::Interface(eni(2)),
    ];
    assert_eq!(stages, expected, "{there:#?}");
    let passed =
        Reason::TransitRoute { table: TABLE, destination: "10.2.0.0/16".parse().unwrap(), attachment: attachment(2) };
    assert_eq!(there.path[3].reason, passed);
    let back = back.unwrap();
    assert_eq!(back.outcome, Outcome::Accept);
    assert!(back.path.iter().any(|stage| stage.reason == Reason::Tracked), "{back:#?}");
}

#[test]
fn drops_at_a_gateway_say_why() {
    let mut topology = two();
    let at = Component::TransitGateway(GATEWAY);
    assert_eq!(end(&topology, "10.9.0.1"), (at, Reason::NoTransitRoute { table: TABLE }));
    let block: Cidr = "10.2.0.10/32".parse().unwrap();
    for to in [None, Some(9)] {
        set_routes(&mut topology, &[("10.2.0.0/16", Some(2)), ("10.2.0.10/32", to)]);
        let attachment = to.map(attachment);
        let reason = Reason::TransitBlackhole { table: TABLE, destination: block, attachment };
        assert_eq!(end(&topology, "10.2.0.10"), (at, reason));
    }
    gateway(&mut topology).attachments.get_mut(&attachment(1)).unwrap().table = None;
    assert_eq!(end(&topology, "10.2.0.10"), (at, Reason::NotAssociated(attachment(1))));
    gateway(&mut topology).attachments.remove(&attachment(1));
    let (_, reason) = end(&topology, "10.2.0.10");
    assert!(matches!(reason, Reason::BlackholeRoute { target: Target::TransitGateway(_), .. }), "{reason:?}");
}

#[test]
fn drops_behind_a_gateway_say_why() {
    let mut topology = two();
    let router = Component::Router(VpcId::from_number(2));
    assert_eq!(end(&topology, "10.2.0.1"), (router, Reason::RouterAddress));
    assert_eq!(end(&topology, "10.2.0.2"), (router, Reason::RouterAddress));
    assert_eq!(end(&topology, "10.2.0.99"), (router, Reason::NoSuchAddress));
    topology.interfaces.get_mut(&eni(2)).unwrap().link = LinkState::Detached;
    assert_eq!(end(&topology, "10.2.0.10"), (router, Reason::NoSuchAddress));
    // A gateway that sends back where it came from: the VPC knows its own addresses.
    set_routes(&mut topology, &[("0.0.0.0/0", Some(1))]);
    assert_eq!(end(&topology, "10.2.0.10"), (Component::Router(VpcId::from_number(1)), Reason::SourceOfThisVpc));
    // Two VPCs that send to each other what is neither's: somewhere that ends.
    topology.interfaces.get_mut(&eni(1)).unwrap().source_dest_check = false;
    set_routes(&mut topology, &[("10.0.0.0/8", Some(2))]);
    let stray = Packet { source: ip("192.168.0.1"), ..packet("10.9.0.9") };
    let said = verdict(&topology, &stray);
    assert_eq!(said.path.last().unwrap().reason, Reason::Loop);
    let link_local = Packet { source: ip("169.254.7.7"), ..packet("10.2.0.10") };
    let said = verdict(&topology, &link_local);
    assert_eq!(said.path.last().unwrap().reason, Reason::NeverRouted(ip("169.254.7.7")));
}

#[test]
fn the_list_of_the_attachments_subnet_applies_between_subnets() {
    let mut topology = two();
    let (vpc, cidr) = (VpcId::from_number(2), "10.2.240.0/24".parse().unwrap());
    let subnet = SubnetId::from_number(20);
    let shut = NetworkAclId::from_number(9);
    topology.acls.insert(shut, Default::default());
    let route_table = Some(RouteTableId::from_number(2));
    topology.subnets.insert(subnet, Subnet { vpc, cidr, route_table, acl: Some(shut) });
    gateway(&mut topology).attachments.get_mut(&attachment(2)).unwrap().subnets = [subnet].into();
    let (at, reason) = end(&topology, "10.2.0.10");
    assert_eq!(at, Component::Subnet(subnet));
    assert!(matches!(reason, Reason::AclDenies { direction: policy::Direction::Egress, .. }), "{reason:?}");
    // Of several subnets the first stands for all.
    gateway(&mut topology).attachments.get_mut(&attachment(2)).unwrap().subnets.insert(SubnetId::from_number(2));
    assert_eq!(end(&topology, "10.2.0.10").0, Component::Interface(eni(2)));
}

#[test]
fn groups_mean_nobody_beyond_a_gateway() {
    let mut topology = two();
    let text = format!("all {}", SecurityGroupId::from_number(1));
    topology.groups.get_mut(&SecurityGroupId::from_number(1)).unwrap().ingress = common::rules(1, &[&text]);
    let (at, reason) = end(&topology, "10.2.0.10");
    assert_eq!(at, Component::Interface(eni(2)));
    assert!(matches!(reason, Reason::NoRule { direction: policy::Direction::Ingress, .. }), "{reason:?}");
}

#[test]
fn ipv6_passes_between_vpcs_that_have_it() {
    let mut topology = two_with_ipv6();
    let packet = |to: &str| Packet { source: ip("2001:db8:100::a"), ..packet(to) };
    let end = |topology: &Topology, packet: Packet| {
        let last = verdict(topology, &packet).path.last().unwrap().clone();
        (last.at, last.reason)
    };
    let (there, back) = verdict_both_ways(&topology, &packet("2001:db8:200::a"), 40_000);
    assert_eq!((there.outcome, back.unwrap().outcome), (Outcome::Accept, Outcome::Accept), "{there:#?}");
    let [one, two] = [1, 2].map(|number| Component::Router(VpcId::from_number(number)));
    let at = Component::TransitGateway(GATEWAY);
    assert_eq!(end(&topology, packet("2001:db8:300::a")), (at, Reason::NoTransitRoute { table: TABLE }));
    assert_eq!(end(&topology, packet("2001:db8:200::b")), (two, Reason::NoSuchAddress));
    set_routes(&mut topology, &[("::/0", Some(1))]);
    assert_eq!(end(&topology, packet("2001:db8:200::a")), (one, Reason::SourceOfThisVpc));
    // From addresses of neither VPC, but for those that no router forwards.
    set_routes(&mut topology, &[("::/0", Some(2))]);
    topology.interfaces.get_mut(&eni(1)).unwrap().source_dest_check = false;
    for (source, expected) in [("fd00::7", Outcome::Accept), ("2001:db8:200::b", Outcome::Drop)] {
        let said = verdict(&topology, &Packet { source: ip(source), ..packet("2001:db8:200::a") });
        assert_eq!(said.outcome, expected, "{source}: {said:#?}");
    }
    let link_local = Packet { source: ip("fe80::7"), ..packet("2001:db8:200::a") };
    assert_eq!(end(&topology, link_local), (one, Reason::NeverRouted(ip("fe80::7"))));
    // To a VPC without IPv6 no route of it leads.
    topology.vpcs.get_mut(&VpcId::from_number(2)).unwrap().ipv6_cidrs.clear();
    let (destination, attachment) = ("::/0".parse().unwrap(), Some(attachment(2)));
    let reason = Reason::TransitBlackhole { table: TABLE, destination, attachment };
    assert_eq!(end(&topology, packet("2001:db8:200::a")), (at, reason));
}

#[test]
fn a_gateway_speaks_ipv6_where_a_vpc_does() {
    let mut topology = two_with_ipv6();
    let setting = |topology: &Topology, link: &str| {
        let file = format!("net/ipv6/conf/{link}/disable_ipv6");
        plan(topology).namespaces[&Place::TransitGateway(GATEWAY)].sysctls[&file].clone()
    };
    let links = [1, 2].map(|number| transit_link_name(attachment(number)));
    assert_eq!(links.each_ref().map(|link| setting(&topology, link)), ["0", "0"]);
    topology.vpcs.get_mut(&VpcId::from_number(2)).unwrap().ipv6_cidrs.clear();
    assert_eq!(links.each_ref().map(|link| setting(&topology, link)), ["0", "1"]);
    topology.vpcs.get_mut(&VpcId::from_number(1)).unwrap().ipv6_cidrs.clear();
    assert_eq!(links.each_ref().map(|link| setting(&topology, link)), ["1", "1"]);
    let alone = plan(&topology);
    let namespace = &alone.namespaces[&Place::TransitGateway(GATEWAY)];
    assert!(namespace.tables.iter().all(|(family, _)| *family == policy::Family::Ipv4), "{:?}", namespace.tables);
    assert!(!namespace.table.sets.contains_key("never_routed6"));
}

#[test]
fn a_gateway_is_a_namespace_with_a_link_for_each_attachment() {
    let mut topology = two();
    set_routes(&mut topology, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2)), ("10.3.0.0/16", None)]);
    let whole = plan(&topology);
    let namespace = &whole.namespaces[&Place::TransitGateway(GATEWAY)];
    let name = transit_link_name(attachment(1));
    assert_eq!(name, "tga00000000001");
    assert!(namespace.up.contains(&name) && whole.namespaces[&Place::Vpc(VpcId::from_number(1))].up.contains(&name));
    let (_, table) = *namespace.tables.first().unwrap();
    let key = |block: &str| RouteKey { table, destination: block.parse().unwrap() };
    assert!(namespace.routes.contains_key(&key("10.1.0.0/16")));
    assert!(namespace.blackholes.contains(&key("10.3.0.0/16")) && namespace.blackholes.contains(&key("0.0.0.0/0")));
    let read = |place: Place| {
        let name = place.namespace_name(whole.tag).unwrap();
        Place::read(name.strip_prefix(&whole.tag.namespace_prefix()).unwrap())
    };
    for place in whole.namespaces.keys().filter(|place| **place != Place::Operator) {
        assert_eq!(read(*place), Some(*place));
    }
    // Without an attachment that carries something there is nothing to route.
    let mut alone = topology.clone();
    gateway(&mut alone).attachments.clear();
    let alone = plan(&alone);
    assert!(!alone.namespaces.contains_key(&Place::TransitGateway(GATEWAY)));
    assert!(!alone.to_string().contains("tga"));
    let steps = diff(&whole, &alone);
    assert!(steps.iter().any(|step| matches!(step, policy::HostChange::DeleteNamespace(Place::TransitGateway(_)))));
    assert!(diff(&whole, &plan(&topology)).is_empty());
}
