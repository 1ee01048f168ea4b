//! Flows that EC2 does not track end with the rule they came by; those that it tracks go on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use host::netns;
use host::network::{LinuxNetwork, Network, run_nft, tracked_connections};
use policy::{Address, Direction, GroupRule, Interface, InterfaceKind, LinkState, NatGateway, Peering, Target, plan};
use testkit::{Flow, Guest, Lab};
use types::{
    MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId, VpcId,
    VpcPeeringConnectionId,
};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const A_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 10);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0xa);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0xb);
const OPEN: &[&str] = &["all 0.0.0.0/0", "all ::/0"];
const PATIENCE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(600);

fn at(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    (address.into(), port).into()
}

/// A VPC with `a`, public and in group 1, and `b` in group 2, which lets everything pass.
fn two(ingress: &[&str], egress: &[&str]) -> Option<(Lab, VpcId, [Guest; 2], SecurityGroupId)> {
    let mut lab = Lab::start()?;
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    lab.add_ipv6_block(vpc, "2001:db8:0:100::/56");
    lab.add_table(1, vpc, &[("0.0.0.0/0", Target::InternetGateway), ("::/0", Target::InternetGateway)]);
    let group = lab.set_group(1, vpc, ingress, egress);
    let open = lab.set_group(2, vpc, OPEN, OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[open]);
    lab.interface(&a).ipv6 = vec![A6];
    lab.interface(&b).ipv6 = vec![B6];
    lab.apply();
    Some((lab, vpc, [a, b], group))
}

fn set(lab: &mut Lab, group: SecurityGroupId, direction: Direction, rules: &[&str]) {
    let read = |(number, text): (u128, &&str)| GroupRule::read(SecurityGroupRuleId::from_number(number), text).unwrap();
    *lab.rules(group, direction) = (1..).zip(rules).map(read).collect();
    lab.apply();
}

#[test]
fn an_open_rule_takes_its_flows_along() {
    let rules = ["tcp 22 0.0.0.0/0", "tcp 23 0.0.0.0/0", "udp 53 0.0.0.0/0", "tcp 24 198.18.0.0/16"];
    let Some((mut lab, _, [a, b], group)) = two(&rules, &["all 0.0.0.0/0"]) else { return };
    let machine = lab.machine();
    let tcp = |port| Flow::tcp(&machine, at(A_PUBLIC, port), &a.namespace);
    let (mut cut, mut also_cut, mut tracked) = (tcp(22), tcp(22), tcp(24));
    let mut another = tcp(23);
    let mut beside = Flow::tcp(&b.namespace, at(A, 22), &a.namespace);
    let mut dns = Flow::udp(&machine, at(A_PUBLIC, 53), &a.namespace);
    let mut out = Flow::tcp(&a.namespace, at(B, 22), &b.namespace);
    let mut all = [&mut cut, &mut also_cut, &mut tracked, &mut another, &mut beside, &mut dns, &mut out];
    assert!(all.iter_mut().all(|flow| flow.lives(PATIENCE)));

    set(&mut lab, group, Direction::Ingress, &["tcp 23 0.0.0.0/0"]);
    assert!(!cut.calls(SHORT) && !beside.calls(SHORT) && !dns.calls(SHORT));
    assert!(!also_cut.answers(SHORT), "nor does it begin anew from the other side");
    assert!(tracked.lives(PATIENCE), "its rule was for some addresses");
    assert!(another.lives(PATIENCE), "its rule is there");
    assert!(out.lives(PATIENCE), "it goes the other way");
    assert_eq!(lab.converge().changes, Vec::<String>::new());

    // A rule that comes back lets in new flows; what was cut stays cut.
    set(&mut lab, group, Direction::Ingress, &rules);
    assert!(tcp(22).lives(PATIENCE) && tracked.lives(PATIENCE) && !also_cut.calls(SHORT));
    let mut web = Flow::tcp(&a.namespace, at(Lab::INTERNET, 80), &lab.internet());
    set(&mut lab, group, Direction::Egress, &["tcp 80 172.31.0.0/16"]);
    assert!(out.lives(PATIENCE) && web.lives(PATIENCE), "not every port is open for what comes back");
    assert!(another.lives(PATIENCE), "it may still begin");
    // What was open once is tracked from here on.
    set(&mut lab, group, Direction::Ingress, &[]);
    assert!(another.lives(PATIENCE));
}

#[test]
fn a_flow_that_another_rule_allows_goes_on() {
    let members = "tcp 22 sg-00000000000000002";
    let Some((mut lab, _, [a, b], group)) = two(&["tcp 22 0.0.0.0/0", "udp 53 0.0.0.0/0"], &["all 0.0.0.0/0"]) else {
        return;
    };
    let mut inside = Flow::tcp(&b.namespace, at(A, 22), &a.namespace);
    let mut outside = Flow::tcp(&lab.machine(), at(A_PUBLIC, 22), &a.namespace);
    let mut dns = Flow::udp(&lab.machine(), at(A_PUBLIC, 53), &a.namespace);
    // The rule that lets it pass becomes another one again and again, and no word is lost.
    for _ in 0..5 {
        set(&mut lab, group, Direction::Ingress, &["tcp 20-30 198.18.0.0/16", members, "udp 53 198.18.0.1/32"]);
        assert!(inside.lives(PATIENCE) && outside.lives(PATIENCE) && dns.lives(PATIENCE));
        set(&mut lab, group, Direction::Ingress, &["tcp 22 0.0.0.0/0", "udp 50-60 0.0.0.0/0"]);
        assert!(inside.lives(PATIENCE) && outside.lives(PATIENCE) && dns.lives(PATIENCE));
    }
    set(&mut lab, group, Direction::Ingress, &[members]);
    assert!(inside.lives(PATIENCE) && !outside.calls(SHORT) && !dns.calls(SHORT));
}

#[test]
fn ipv6_is_judged_by_itself() {
    let Some((mut lab, _, [a, b], group)) = two(OPEN, OPEN) else { return };
    let mut ipv4 = Flow::tcp(&b.namespace, at(A, 22), &a.namespace);
    let mut ipv6 = Flow::tcp(&b.namespace, at(A6, 22), &a.namespace);
    let mut also_ipv6 = Flow::tcp(&b.namespace, at(A6, 23), &a.namespace);
    let mut udp = Flow::udp(&b.namespace, at(A6, 53), &a.namespace);
    let mut operators = Flow::udp(&lab.machine(), at(A6, 54), &a.namespace);
    set(&mut lab, group, Direction::Ingress, &["all 0.0.0.0/0", "udp 54 2001:db8::1/128"]);
    assert!(!ipv6.calls(SHORT) && !also_ipv6.answers(SHORT) && !udp.calls(SHORT));
    assert!(ipv4.lives(PATIENCE) && operators.lives(PATIENCE));
    set(&mut lab, group, Direction::Ingress, &["all ::/0"]);
    assert!(!ipv4.calls(SHORT));
    assert!(Flow::tcp(&b.namespace, at(A6, 25), &a.namespace).lives(PATIENCE));
}

#[test]
fn what_passes_a_nat_gateway_is_tracked() {
    let Some((mut lab, vpc, [a, b], group)) = two(OPEN, OPEN) else { return };
    let nat = NatGatewayId::from_number(1);
    let interface = NetworkInterfaceId::from_number(0x50);
    let address = Address { private: Ipv4Addr::new(172, 31, 0, 50), public: Some(Ipv4Addr::new(198, 18, 1, 50)) };
    let subnet = lab.topology.interfaces[&a.interface].subnet;
    lab.topology.interfaces.insert(
        interface,
        Interface {
            vpc,
            subnet,
            addresses: vec![address],
            ipv6: Vec::new(),
            mac: MacAddress::local(0x50),
            groups: [].into(),
            source_dest_check: false,
            link: LinkState::Attached,
            kind: InterfaceKind::NatGateway(nat),
        },
    );
    lab.topology.nat_gateways.insert(nat, NatGateway { interface, sources: Vec::new() });
    let private = lab.add_table(2, vpc, &[("0.0.0.0/0", Target::NatGateway(nat))]);
    let acl = NetworkAclId::from_number(1);
    let private = lab.add_subnet(2, vpc, "172.31.128.0/24", private, acl);
    let c = lab.add_instance_in(0xc, private, "172.31.128.12", None, &[group]);
    lab.apply();
    let web = lab.internet();
    let mut by_nat = Flow::tcp(&c.namespace, at(Lab::INTERNET, 80), &web);
    let mut dns_by_nat = Flow::udp(&c.namespace, at(Lab::INTERNET, 53), &web);
    let mut by_gateway = Flow::tcp(&a.namespace, at(Lab::INTERNET, 81), &web);
    let mut inside = Flow::tcp(&c.namespace, at(B, 22), &b.namespace);
    set(&mut lab, group, Direction::Egress, &[]);
    assert!(by_nat.lives(PATIENCE) && dns_by_nat.lives(PATIENCE));
    assert!(!by_gateway.calls(SHORT) && !inside.calls(SHORT));
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}

#[test]
fn each_vpc_of_a_peering_cuts_for_itself() {
    let Some((mut lab, one, [a, _], group)) = two(&["all 0.0.0.0/0"], &["all 0.0.0.0/0"]) else { return };
    let two = lab.add_vpc(2, "10.2.0.0/16");
    let peering = VpcPeeringConnectionId::from_number(1);
    lab.topology.peerings.insert(peering, Peering { requester: one, accepter: two });
    lab.add_table(1, one, &[("10.2.0.0/16", Target::Peering(peering))]);
    lab.add_table(2, two, &[("172.31.0.0/16", Target::Peering(peering))]);
    let there = lab.set_group(3, two, &[], &["all 0.0.0.0/0"]);
    let far = lab.add_instance(0xf, two, "10.2.0.15", None, &[there]);
    lab.apply();
    let mut cut = Flow::tcp(&far.namespace, at(A, 22), &a.namespace);
    let mut member = Flow::tcp(&far.namespace, at(A, 23), &a.namespace);
    set(&mut lab, group, Direction::Ingress, &[&format!("tcp 23 {there}")]);
    assert!(!cut.calls(SHORT) && !cut.answers(SHORT) && member.lives(PATIENCE));
    // The caller's own rules let answers back from anywhere, or not: what it tracks, it tracks.
    set(&mut lab, there, Direction::Egress, &[]);
    assert!(member.lives(PATIENCE));
}

/// A daemon that was away when the rules changed sees the old ones in the kernel.
#[test]
fn a_new_daemon_cuts_them_as_well() {
    let Some((mut lab, vpc, [a, b], group)) = two(&["tcp 22 0.0.0.0/0"], &["all 0.0.0.0/0"]) else { return };
    let mut cut = Flow::tcp(&b.namespace, at(A, 22), &a.namespace);
    let router = netns::path_of(&lab.tag().vpc_namespace(vpc));
    let known = || {
        let all = netns::run_in(&router, tracked_connections).unwrap();
        all.iter().filter(|it| it.connection.reply.source_port == 22).count()
    };
    assert!(cut.lives(PATIENCE) && known() == 1);
    lab.rules(group, Direction::Ingress).clear();
    let network = LinuxNetwork::with_operator_namespace(lab.tag(), lab.machine());
    let report = network.apply(&plan(&lab.topology)).unwrap().changes;
    assert!(report.iter().any(|change| change.ends_with("forget untracked connections without a rule")), "{report:?}");
    assert_eq!(known(), 0);
    assert!(!cut.calls(SHORT));
    assert_eq!(network.converge(&plan(&lab.topology)).unwrap().changes, Vec::<String>::new());
}

/// What is there tells rules, but not which connections were still to be forgotten.
#[test]
fn a_change_that_failed_half_way_is_made_up_for() {
    let Some((mut lab, vpc, [a, _], _)) = two(OPEN, OPEN) else { return };
    let other = lab.add_vpc(2, "10.2.0.0/16");
    let group = lab.set_group(3, other, OPEN, OPEN);
    lab.add_instance(0xf, other, "10.2.0.15", None, &[group]);
    lab.apply();
    let mut inward = Flow::tcp(&lab.machine(), at(A_PUBLIC, 22), &a.namespace);
    assert!(inward.lives(PATIENCE));
    let router = netns::path_of(&lab.tag().vpc_namespace(vpc));
    let known = || {
        let all = netns::run_in(&router, tracked_connections).unwrap();
        all.iter().filter(|it| it.connection.original.destination == A_PUBLIC).count()
    };
    assert_eq!(known(), 1);
    // The first VPC's rules change, then those of the second cannot.
    run_nft(&lab.vpc_namespace_name(2), "delete table inet daemun\n").unwrap();
    lab.interface(&a).addresses[0].public = None;
    set(&mut lab, group, Direction::Ingress, &["tcp 22 10.0.0.0/8"]);
    assert_eq!(known(), 0);
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}
