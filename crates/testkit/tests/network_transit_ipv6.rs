//! IPv6 between VPCs by way of a transit gateway. Every probe is also held against the policy engine's verdict.

use std::net::Ipv6Addr;

use policy::{Target, TransitAttachment, TransitGateway, TransitRouteTable};
use testkit::ipv6::serve_tcp;
use testkit::{Guest, Lab, Reach, Server};
use types::{
    RouteTableId, SecurityGroupId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
    VpcId,
};

const GATEWAY: TransitGatewayId = TransitGatewayId::from_number(1);
const TABLE: TransitGatewayRouteTableId = TransitGatewayRouteTableId::from_number(1);
const OPEN: &[&str] = &["all 0.0.0.0/0", "all ::/0"];

/// The IPv6 address of the machine in the VPC of this number.
fn machine(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, number << 8, 0, 0, 0, 0xa)
}

fn attachment(number: u128) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_number(number)
}

fn gateway(lab: &mut Lab) -> &mut TransitGateway {
    lab.topology.transit_gateways.entry(GATEWAY).or_default()
}

fn set_routes(lab: &mut Lab, routes: &[(&str, Option<u128>)]) {
    let routes = routes.iter().map(|(block, to)| (block.parse().unwrap(), to.map(attachment)));
    gateway(lab).tables.insert(TABLE, TransitRouteTable { routes: routes.collect() });
}

/// Adds the VPC 10.NUMBER.0.0/16 and 2001:db8:0:NUMBER00::/56 with a machine in it. It is attached, and sends the
/// private addresses and all of the VPCs' pool to the gateway.
fn spoke(lab: &mut Lab, number: u16) -> Guest {
    let id = u128::from(number);
    let vpc = lab.add_vpc(id, &format!("10.{number}.0.0/16"));
    lab.add_ipv6_block(vpc, &format!("2001:db8:0:{number}00::/56"));
    let to_gateway = Target::TransitGateway(attachment(id));
    lab.add_table(id, vpc, &[("10.0.0.0/8", to_gateway), ("2001:db8::/32", to_gateway)]);
    let subnets = [SubnetId::from_number(id)].into();
    gateway(lab).attachments.insert(attachment(id), TransitAttachment { vpc, subnets, table: Some(TABLE) });
    let group = lab.set_group(id, vpc, OPEN, OPEN);
    let guest = lab.add_instance(id, vpc, &format!("10.{number}.0.10"), None, &[group]);
    lab.interface(&guest).ipv6 = vec![machine(number)];
    guest
}

/// Two VPCs that reach each other by both families, each with a server for IPv6 at port 80.
fn two() -> Option<(Lab, Guest, Guest, [Server; 2])> {
    let mut lab = Lab::start()?;
    let (a, b) = (spoke(&mut lab, 1), spoke(&mut lab, 2));
    set_routes(
        &mut lab,
        &[
            ("10.1.0.0/16", Some(1)),
            ("10.2.0.0/16", Some(2)),
            ("2001:db8:0:100::/56", Some(1)),
            ("2001:db8:0:200::/56", Some(2)),
        ],
    );
    settle(&mut lab);
    let servers = [&a, &b].map(|guest| serve_tcp(&guest.namespace, 80));
    Some((lab, a, b, servers))
}

/// Brings the kernel to the topology, and sees that nothing is left to do.
fn settle(lab: &mut Lab) {
    lab.apply();
    lab.converge();
    let again = lab.converge();
    assert!(again.changes.is_empty(), "an unchanged cloud was changed: {:#?}", again.changes);
}

#[test]
fn two_spokes_reach_each_other_by_ipv6() {
    let Some((lab, a, b, _servers)) = two() else { return };
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::AnsweredIpv6(machine(1)));
    assert_eq!(lab.ipv6_tcp(&b.namespace, machine(1), 80), Reach::AnsweredIpv6(machine(2)));
    assert!(lab.ipv6_ping(&a.namespace, machine(2)));
    assert!(lab.ping(&a.namespace, [10, 2, 0, 10].into()), "IPv4 beside it");
    let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x200, 0, 0, 0, 0xb);
    assert_eq!(lab.ipv6_tcp(&a.namespace, nobody, 80), Reach::Silence);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(3), 80), Reach::Silence, "no route of the gateway");
    assert_eq!(lab.ipv6_tcp(&a.namespace, Lab::IPV6_INTERNET, 80), Reach::Silence, "no route of the VPC");
}

#[test]
fn routes_groups_and_lists_decide_about_ipv6_behind_a_gateway() {
    let Some((mut lab, a, _b, _servers)) = two() else { return };
    let both = [("2001:db8:0:100::/56", Some(1)), ("2001:db8::/32", Some(2))];
    set_routes(&mut lab, &[both[0], both[1], ("2001:db8:0:200::a/128", None)]);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::Silence, "the longest prefix leads nowhere");
    set_routes(&mut lab, &both);
    let two = VpcId::from_number(2);
    let group = lab.set_group(2, two, &["all sg-00000000000000001", "tcp 22 ::/0"], OPEN);
    lab.topology.groups.get_mut(&SecurityGroupId::from_number(1)).unwrap().vpcs.insert(two);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::Silence, "groups mean nobody beyond a gateway");
    lab.set_group(group.number(), two, &["tcp 80 2001:db8:0:100::/56"], OPEN);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::AnsweredIpv6(machine(1)));
    // The attachment moves to a subnet of its own, whose list has a word of its own about IPv6.
    let guard = lab.set_acl(10, &["allow all 0.0.0.0/0", "deny tcp 80 2001:db8:0:100::/56"], OPEN_LIST);
    let subnet = lab.add_subnet(10, VpcId::from_number(1), "10.1.9.0/24", RouteTableId::from_number(1), guard);
    gateway(&mut lab).attachments.get_mut(&attachment(1)).unwrap().subnets = [subnet].into();
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::Silence, "into the attachment's subnet");
    lab.set_acl(10, OPEN_LIST, OPEN_LIST);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::AnsweredIpv6(machine(1)));
}

const OPEN_LIST: &[&str] = &["allow all 0.0.0.0/0", "allow all ::/0"];

#[test]
fn a_vpc_without_ipv6_is_left_out_of_it() {
    let Some((mut lab, a, b, _servers)) = two() else { return };
    let two = VpcId::from_number(2);
    let blocks = std::mem::take(&mut lab.topology.vpcs.get_mut(&two).unwrap().ipv6_cidrs);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, machine(2), 80), Reach::Silence);
    assert!(lab.ping(&a.namespace, [10, 2, 0, 10].into()), "IPv4 goes on");
    let one = VpcId::from_number(1);
    let others = std::mem::take(&mut lab.topology.vpcs.get_mut(&one).unwrap().ipv6_cidrs);
    settle(&mut lab);
    assert!(lab.ping(&b.namespace, [10, 1, 0, 10].into()), "IPv4 goes on");
    for (vpc, blocks) in [(one, others), (two, blocks)] {
        lab.topology.vpcs.get_mut(&vpc).unwrap().ipv6_cidrs = blocks;
    }
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&b.namespace, machine(1), 80), Reach::AnsweredIpv6(machine(2)));
}
