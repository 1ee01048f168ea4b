//! Which connections end when rules change.

mod common;

use common::{SUBNET, TABLE, VPC, add_group, add_instance, cloud, eni, ip, routes, sg};
use policy::{
    Connection, Direction, GroupRule, HostChange, InterfaceKind, NatGateway, Place, RouteTable, Subnet, Target,
    Topology, Traffic, Tuple, UntrackedFlows, diff, plan,
};
use proptest::prelude::*;
use types::{Cidr, NatGatewayId, RouteTableId, SubnetId};

const OPEN: &[&str] = &["all 0.0.0.0/0"];
const A: &str = "172.31.0.10";
const A_PUBLIC: &str = "198.18.1.10";
const B: &str = "172.31.0.11";
const OUTSIDE: &str = "203.0.113.9";
const A6: &str = "2001:db8:0:100::a";
const B6: &str = "2001:db8:0:100::b";

/// `a`, public and of group 1, and `b`, of group 2, which lets everything pass.
fn two(ingress: &[&str], egress: &[&str]) -> Topology {
    let mut topology = cloud();
    let vpc = topology.vpcs.get_mut(&VPC).unwrap();
    vpc.ipv6_cidrs.push("2001:db8:0:100::/56".parse().unwrap());
    add_group(&mut topology, 1, ingress, egress);
    add_group(&mut topology, 2, &["all 0.0.0.0/0", "all ::/0"], &["all 0.0.0.0/0", "all ::/0"]);
    add_instance(&mut topology, 0xa, A, Some(A_PUBLIC), &[1]);
    add_instance(&mut topology, 0xb, B, None, &[2]);
    topology.interfaces.get_mut(&eni(0xa)).unwrap().ipv6.push(A6.parse().unwrap());
    topology.interfaces.get_mut(&eni(0xb)).unwrap().ipv6.push(B6.parse().unwrap());
    topology
}

/// A connection that nothing translates.
fn connection(protocol: u8, source: &str, destination: &str, port: u16) -> Connection {
    let (source, destination) = (ip(source), ip(destination));
    let original = Tuple { source, destination, source_port: 40_000, destination_port: port };
    let reply = Tuple { source: destination, destination: source, source_port: port, destination_port: 40_000 };
    Connection { protocol, original, reply }
}

/// One from outside to the public address of `a`.
fn from_outside(protocol: u8, port: u16) -> Connection {
    let mut it = connection(protocol, OUTSIDE, A, port);
    it.original.destination = ip(A_PUBLIC);
    it
}

/// One of `a` to the outside, by its public address.
fn to_outside(protocol: u8, port: u16) -> Connection {
    let mut it = connection(protocol, A, OUTSIDE, port);
    it.reply.destination = ip(A_PUBLIC);
    it
}

fn ends(before: &Topology, after: &Topology, connection: &Connection) -> bool {
    let flows = UntrackedFlows::between(Place::Vpc(VPC), &plan(before), &plan(after));
    flows.is_some_and(|flows| flows.ends(connection))
}

/// Whether a connection ends when the rules of `a` become others.
fn ends_by(before: [&[&str]; 2], after: [&[&str]; 2], connection: &Connection) -> bool {
    ends(&two(before[0], before[1]), &two(after[0], after[1]), connection)
}

#[test]
fn an_untracked_connection_ends_with_its_rule() {
    let ssh = from_outside(6, 22);
    assert!(ends_by([&["tcp 22 0.0.0.0/0"], OPEN], [&[], OPEN], &ssh));
    assert!(ends_by([&["tcp 0-1000 0.0.0.0/0"], &["tcp 0-65535 0.0.0.0/0"]], [&["tcp 23 0.0.0.0/0"], &[]], &ssh));
    assert!(ends_by([OPEN, OPEN], [&["tcp 22 10.0.0.0/8"], OPEN], &ssh), "another rule, but not for this one");
    assert!(ends_by([&["udp 53 0.0.0.0/0"], OPEN], [&[], OPEN], &from_outside(17, 53)));
    assert!(ends_by([&["tcp 22 0.0.0.0/0"], OPEN], [&[], OPEN], &connection(6, B, A, 22)), "from a neighbour, too");
    assert!(ends_by([OPEN, OPEN], [OPEN, &[]], &to_outside(6, 443)), "its own calls, too");
    assert!(ends_by([OPEN, OPEN], [OPEN, &[]], &connection(17, A, B, 53)));
}

#[test]
fn a_tracked_connection_goes_on() {
    let ssh = from_outside(6, 22);
    let narrow = format!("tcp 22 {OUTSIDE}/32");
    assert!(!ends_by([&[&narrow], OPEN], [&[], OPEN], &ssh), "its rule was for some addresses");
    assert!(!ends_by([&["tcp 22 0.0.0.0/1", "tcp 22 128.0.0.0/1"], OPEN], [&[], OPEN], &ssh));
    for egress in [&["tcp 1-65535 0.0.0.0/0"][..], &["all 10.0.0.0/8"], &["udp 0-65535 0.0.0.0/0", "all ::/0"], &[]] {
        assert!(!ends_by([&["tcp 22 0.0.0.0/0"], egress], [&[], egress], &ssh), "answers are not free: {egress:?}");
    }
    assert!(!ends_by([OPEN, OPEN], [&[], OPEN], &to_outside(6, 443)), "calls the other way");
    assert!(!ends_by([OPEN, OPEN], [&[], OPEN], &Connection { protocol: 1, ..ssh }), "another protocol");
    assert!(!ends_by([OPEN, OPEN], [&["tcp 22-23 0.0.0.0/0"], OPEN], &ssh), "still open");
    assert!(!ends_by([OPEN, OPEN], [&[&narrow], OPEN], &ssh), "another rule lets it pass");
    assert!(!ends_by([&["tcp 22 0.0.0.0/0"], OPEN], [&["tcp 22 0.0.0.0/0"], &[]], &ssh), "it may still begin");
}

#[test]
fn families_are_judged_apart() {
    let both = ["all 0.0.0.0/0", "all ::/0"];
    let (ipv4, ipv6) = (connection(6, B, A, 22), connection(6, B6, A6, 22));
    let lost = |ingress: &[&str], egress: &[&str], after: &[&str]| {
        [&ipv4, &ipv6].map(|it| ends_by([ingress, egress], [after, egress], it))
    };
    assert_eq!(lost(&both, &both, &[]), [true, true]);
    assert_eq!(lost(&both, &both, &["all 0.0.0.0/0"]), [false, true]);
    assert_eq!(lost(&both, &both, &["all ::/0"]), [true, false]);
    assert_eq!(lost(&both, &["all 0.0.0.0/0"], &[]), [true, false]);
    assert_eq!(lost(&both, &both, &["tcp 22 2001:db8::/32"]), [true, false]);
}

#[test]
fn members_of_a_group_may_stay() {
    let before = two(OPEN, OPEN);
    let after = two(&["tcp 22 sg-00000000000000002"], OPEN);
    assert!(!ends(&before, &after, &connection(6, B, A, 22)));
    assert!(ends(&before, &after, &connection(6, B, A, 23)));
    assert!(ends(&before, &after, &from_outside(6, 22)));
}

#[test]
fn another_set_of_groups_is_another_set_of_rules() {
    let mut before = two(&["tcp 22 0.0.0.0/0"], OPEN);
    add_group(&mut before, 3, &["tcp 22-23 0.0.0.0/0"], &[]);
    let mut after = before.clone();
    before.interfaces.get_mut(&eni(0xa)).unwrap().groups = [sg(1), sg(3)].into();
    assert!(!ends(&before, &after, &from_outside(6, 22)));
    assert!(ends(&before, &after, &from_outside(6, 23)));
    after.interfaces.get_mut(&eni(0xa)).unwrap().groups.clear();
    assert!(ends(&before, &after, &from_outside(6, 22)));
}

/// What `a` sends outside goes by another way than the internet gateway.
fn by_way_of(topology: &mut Topology, target: Target) {
    routes(topology).routes.insert(Cidr::from(types::Ipv4Cidr::ANY), target);
    routes(topology).routes.insert(Cidr::from(types::Ipv6Cidr::ANY), target);
}

#[test]
fn nat_gateways_and_egress_only_gateways_track_everything() {
    let gateway = NatGatewayId::from_number(1);
    let with = |egress: &[&str], target| {
        let mut topology = two(OPEN, egress);
        let vpc = topology.vpcs.get_mut(&VPC).unwrap();
        vpc.egress_only_gateway = true;
        add_instance(&mut topology, 0xc, "172.31.0.12", None, &[]);
        topology.interfaces.get_mut(&eni(0xc)).unwrap().kind = InterfaceKind::NatGateway(gateway);
        topology.nat_gateways.insert(gateway, NatGateway { interface: eni(0xc), sources: Vec::new() });
        by_way_of(&mut topology, target);
        topology
    };
    let both = ["all 0.0.0.0/0", "all ::/0"];
    let internet = |target| (with(&both, target), with(&[], target));
    let ipv4 = connection(6, A, OUTSIDE, 443);
    let (before, after) = internet(Target::InternetGateway);
    assert!(ends(&before, &after, &ipv4));
    assert!(ends(&before, &after, &connection(6, A, B, 443)));
    let (before, after) = internet(Target::NatGateway(gateway));
    assert!(!ends(&before, &after, &ipv4), "by the NAT gateway");
    assert!(ends(&before, &after, &connection(6, A, B, 443)), "not by it");
    let before = with(&both, Target::NatGateway(gateway));
    let mut after = before.clone();
    after.groups.get_mut(&sg(1)).unwrap().ingress.clear();
    assert!(!ends(&before, &after, &connection(6, "172.31.0.12", A, 22)), "what came by it");
    assert!(ends(&before, &after, &connection(6, B, A, 22)));

    let ipv6 = connection(6, A6, "2620::2", 443);
    let mut before = with(&both, Target::EgressOnlyGateway);
    before.groups.get_mut(&sg(1)).unwrap().ingress = common::rules(1, &both);
    let mut after = before.clone();
    after.groups.get_mut(&sg(1)).unwrap().egress.clear();
    assert!(!ends(&before, &after, &ipv6), "by the egress-only gateway");
    by_way_of(&mut before, Target::InternetGateway);
    assert!(ends(&before, &after, &ipv6));
}

/// `b` forwards for `a`, which is in another subnet.
#[test]
fn a_machine_that_forwards_cuts_what_it_forwards() {
    let mut before = two(OPEN, OPEN);
    let (table, subnet) = (RouteTableId::from_number(2), SubnetId::from_number(2));
    before.interfaces.get_mut(&eni(0xb)).unwrap().source_dest_check = false;
    let local = before.route_tables[&TABLE].routes.iter().filter(|(_, target)| **target == Target::Local);
    let mut local: RouteTable = RouteTable { routes: local.map(|(block, target)| (*block, *target)).collect() };
    local.routes.insert("0.0.0.0/0".parse().unwrap(), Target::Interface(eni(0xb)));
    before.route_tables.insert(table, local);
    let other =
        Subnet { cidr: "172.31.16.0/20".parse().unwrap(), route_table: Some(table), ..before.subnets[&SUBNET].clone() };
    before.subnets.insert(subnet, other);
    before.interfaces.get_mut(&eni(0xa)).unwrap().subnet = subnet;
    let out = connection(6, A, OUTSIDE, 443);
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut after = before.clone();
        let group = after.groups.get_mut(&sg(2)).unwrap();
        match direction {
            Direction::Ingress => group.ingress.clear(),
            Direction::Egress => group.egress.clear(),
        }
        assert!(ends(&before, &after, &out), "{direction:?}");
        let direct = |topology: &Topology| {
            let mut topology = topology.clone();
            topology.interfaces.get_mut(&eni(0xa)).unwrap().subnet = SUBNET;
            topology
        };
        assert!(!ends(&direct(&before), &direct(&after), &out), "{direction:?}: it does not pass there");
    }
}

#[test]
fn what_the_router_itself_answers_goes_on() {
    for service in ["169.254.169.254", "169.254.169.253", "172.31.0.2"] {
        assert!(!ends_by([OPEN, OPEN], [OPEN, &[]], &connection(6, A, service, 80)), "{service}");
    }
}

#[test]
fn it_is_a_step_right_after_the_rules() {
    let steps = diff(&plan(&two(OPEN, OPEN)), &plan(&two(&[], OPEN)));
    let [HostChange::ChangeTable { .. }, HostChange::ForgetUntracked { place, .. }] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert_eq!(*place, Place::Vpc(VPC));
    // What was never open, or still is, is no step.
    for (before, after) in [([&["tcp 22 10.0.0.0/8"][..], OPEN], [&[][..], OPEN]), ([OPEN, &[]], [&[], &[]])] {
        let steps = diff(&plan(&two(before[0], before[1])), &plan(&two(after[0], after[1])));
        assert!(matches!(steps.as_slice(), [HostChange::ChangeTable { .. }]), "{steps:?}");
    }
    let mut stopped = two(&[], OPEN);
    stopped.interfaces.remove(&eni(0xa));
    assert_eq!(UntrackedFlows::between(Place::Vpc(VPC), &plan(&two(OPEN, OPEN)), &plan(&stopped)), None);
}

fn any_rules() -> impl Strategy<Value = Vec<String>> {
    let traffic =
        prop::sample::select(vec!["all", "tcp 22", "tcp 0-65535", "udp 0-65535", "udp 20-25", "17", "tcp 1-30"]);
    let peers = ["0.0.0.0/0", "0.0.0.0/0", "203.0.113.0/24", "172.31.0.0/16", "::/0", "sg-00000000000000002"];
    let rule = (traffic, prop::sample::select(peers.to_vec())).prop_map(|(traffic, peer)| format!("{traffic} {peer}"));
    prop::collection::vec(rule, 0..5)
}

/// What the guide says, in terms of the rules themselves.
fn should_end(before: [&[GroupRule]; 2], after: &[GroupRule], traffic: Traffic, peer: &str, is_member: bool) -> bool {
    let any: policy::Peer = policy::Peer::Cidr("0.0.0.0/0".parse().unwrap());
    let all_ports = |rule: &GroupRule| match traffic {
        Traffic::Tcp(_) => [0, 22, 65535].into_iter().all(|port| Traffic::Tcp(port).is_of(rule.protocol)),
        _ => [0, 22, 65535].into_iter().all(|port| Traffic::Udp(port).is_of(rule.protocol)),
    };
    let was_open = before[0].iter().any(|rule| rule.peer == any && traffic.is_of(rule.protocol));
    let answers = before[1].iter().any(|rule| rule.peer == any && all_ports(rule));
    let is_allowed = after.iter().any(|rule| {
        let of_group = matches!(rule.peer, policy::Peer::Group(_)) && is_member;
        traffic.is_of(rule.protocol) && (rule.peer.holds(ip(peer)) || of_group)
    });
    was_open && answers && !is_allowed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_ends_is_what_the_guide_says(
        rules in [any_rules(), any_rules(), any_rules(), any_rules()],
        port in prop::sample::select(vec![22u16, 24, 40, 0]),
        udp in any::<bool>(),
        inward in any::<bool>(),
        neighbour in any::<bool>(),
    ) {
        let rules: Vec<Vec<&str>> = rules.iter().map(|texts| texts.iter().map(String::as_str).collect()).collect();
        let (before, after) = (two(&rules[0], &rules[1]), two(&rules[2], &rules[3]));
        let protocol = if udp { 17 } else { 6 };
        let connection = match (inward, neighbour) {
            (true, true) => connection(protocol, B, A, port),
            (false, true) => connection(protocol, A, B, port),
            (true, false) => from_outside(protocol, port),
            (false, false) => to_outside(protocol, port),
        };
        let directions = if inward { [Direction::Ingress, Direction::Egress] } else { [Direction::Egress, Direction::Ingress] };
        let was = directions.map(|direction| before.groups[&sg(1)].rules(direction));
        let is = after.groups[&sg(1)].rules(directions[0]);
        let traffic = if udp { Traffic::Udp(port) } else { Traffic::Tcp(port) };
        let peer = if neighbour { B } else { OUTSIDE };
        prop_assert_eq!(ends(&before, &after, &connection), should_end(was, is, traffic, peer, neighbour));
    }
}
