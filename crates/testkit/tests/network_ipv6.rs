//! IPv6 between machines, through the gateways and past those who claim to be others. Every probe is also held against
//! the policy engine's verdict.

use std::net::{Ipv6Addr, UdpSocket};
use std::time::Duration;

use host::netns;
use host::network::{Network, SocketSpec, Transport, VpcSocket, run_ip};
use policy::{Direction, METADATA_IPV6_ADDRESS, RESOLVER_IPV6_ADDRESS, ROUTER_IPV6_ADDRESS, Target};
use testkit::ipv6::{answer_tcp, icmpv6_heard, send_icmpv6, serve_tcp};
use testkit::{Guest, Lab, Reach};
use types::{SecurityGroupId, VpcId};

const BLOCK: &str = "2001:db8:0:100::/56";
const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0xa);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0xb);
const C: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x101, 0, 0, 0, 0xc);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const OPEN: &[&str] = &["all 0.0.0.0/0", "all ::/0"];
const SHORT: Duration = Duration::from_millis(500);

/// A VPC with an IPv6 block, an internet gateway and a way to it by IPv6.
fn vpc(lab: &mut Lab) -> VpcId {
    let vpc = lab.add_vpc(1, "10.0.0.0/16");
    lab.add_ipv6_block(vpc, BLOCK);
    lab.add_table(1, vpc, &[("0.0.0.0/0", Target::InternetGateway), ("::/0", Target::InternetGateway)]);
    vpc
}

fn machine(lab: &mut Lab, number: u8, vpc: VpcId, address: Ipv6Addr, groups: &[SecurityGroupId]) -> Guest {
    let guest = lab.add_instance(number.into(), vpc, &format!("10.0.0.{number}"), None, groups);
    lab.interface(&guest).ipv6 = vec![address];
    guest
}

/// Brings the kernel to the topology, and sees that nothing is left to do.
fn settle(lab: &mut Lab) {
    lab.apply();
    lab.converge();
    let again = lab.converge();
    assert!(again.changes.is_empty(), "an unchanged cloud was changed: {:#?}", again.changes);
}

#[test]
fn groups_mean_blocks_and_members_by_ipv6() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = vpc(&mut lab);
    let callers = lab.set_group(1, vpc, &[], OPEN);
    let called = lab.set_group(
        2,
        vpc,
        &["tcp 22 2001:db8:0:100::a/128", "tcp 80-81 sg-00000000000000001", "icmpv6 128/0 2001:db8:0:100::/56"],
        &[],
    );
    let a = machine(&mut lab, 0xa, vpc, A, &[callers]);
    let b = machine(&mut lab, 0xb, vpc, B, &[called]);
    let stranger = lab.set_group(3, vpc, &[], OPEN);
    let table = lab.add_table(2, vpc, &[]);
    let acl = lab.set_acl(
        2,
        &["allow tcp 22-79 ::/0", "deny all 2001:db8:0:100::b/128", "allow all ::/0"],
        &["allow all ::/0"],
    );
    let subnet = lab.add_subnet(2, vpc, "10.0.1.0/24", table, acl);
    let c = lab.add_instance_in(0xc, subnet, "10.0.1.12", None, &[stranger]);
    lab.interface(&c).ipv6 = vec![C];
    settle(&mut lab);
    let _servers = [22, 80, 81, 82].map(|port| serve_tcp(&b.namespace, port));
    assert_eq!(lab.ipv6_tcp(&a.namespace, B, 22), Reach::AnsweredIpv6(A));
    assert_eq!(lab.ipv6_tcp(&a.namespace, B, 81), Reach::AnsweredIpv6(A));
    assert_eq!(lab.ipv6_tcp(&a.namespace, B, 82), Reach::Silence);
    assert!(lab.ipv6_ping(&a.namespace, B));
    assert_eq!(lab.ipv6_tcp(&b.namespace, A, 22), Reach::Silence, "it may call nobody");
    assert_eq!(lab.ipv6_tcp(&c.namespace, B, 80), Reach::Silence, "no member");
    // The boundary of the subnet has no memory: what B would answer is refused there.
    lab.set_group(2, vpc, OPEN, &[]);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, B, 82), Reach::AnsweredIpv6(A));
    let _at_c = [23, 443].map(|port| serve_tcp(&c.namespace, port));
    lab.set_group(3, vpc, OPEN, OPEN);
    lab.apply();
    assert_eq!(lab.ipv6_tcp(&a.namespace, C, 443), Reach::AnsweredIpv6(A));
    lab.set_group(2, vpc, OPEN, OPEN);
    lab.apply();
    assert_eq!(lab.ipv6_tcp(&b.namespace, C, 23), Reach::AnsweredIpv6(B));
    assert_eq!(lab.ipv6_tcp(&b.namespace, C, 443), Reach::Silence, "the ACL denies it");
}

#[test]
fn the_internet_gateway_carries_ipv6_as_it_is() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = vpc(&mut lab);
    let group = lab.set_group(1, vpc, &["tcp 22 2001:db8::1/128", "tcp 80 2620::/64"], OPEN);
    let a = machine(&mut lab, 0xa, vpc, A, &[group]);
    settle(&mut lab);
    lab.let_ipv6_out();
    let _at_a = [22, 80].map(|port| serve_tcp(&a.namespace, port));
    let _web = serve_tcp(&lab.internet(), 80);
    let _operators_own = serve_tcp(&lab.machine(), 80);
    let operator = lab.topology.operator.ipv6_address();
    assert_eq!(lab.ipv6_tcp(&lab.machine(), A, 22), Reach::AnsweredIpv6(operator));
    assert_eq!(lab.ipv6_tcp(&lab.machine(), A, 80), Reach::Silence);
    assert_eq!(lab.ipv6_tcp(&lab.internet(), A, 80), Reach::AnsweredIpv6(Lab::IPV6_INTERNET));
    assert_eq!(lab.ipv6_tcp(&a.namespace, Lab::IPV6_INTERNET, 80), Reach::AnsweredIpv6(Lab::IPV6_MACHINE));
    assert!(lab.ipv6_ping(&a.namespace, Lab::IPV6_INTERNET));
    assert_eq!(lab.ipv6_tcp(&a.namespace, operator, 80), Reach::Silence, "the operator's machine is not called");
    assert_eq!(lab.ipv6_tcp(&a.namespace, B, 80), Reach::Silence, "nobody's address");

    // Without a route back to the gateway nothing comes in, and nothing goes out.
    lab.add_table(1, vpc, &[("0.0.0.0/0", Target::InternetGateway)]);
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&lab.machine(), A, 22), Reach::Silence);
    assert_eq!(lab.ipv6_tcp(&a.namespace, Lab::IPV6_INTERNET, 80), Reach::Silence);
    // Without the block, either.
    lab.topology.vpcs.get_mut(&vpc).unwrap().ipv6_cidrs.clear();
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&lab.machine(), A, 22), Reach::Unreachable, "the operator has no way into the cloud");
}

#[test]
fn the_egress_only_gateway_lets_out_and_not_in() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = vpc(&mut lab);
    lab.topology.vpcs.get_mut(&vpc).unwrap().egress_only_gateway = true;
    lab.add_table(1, vpc, &[("::/0", Target::EgressOnlyGateway)]);
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = machine(&mut lab, 0xa, vpc, A, &[group]);
    settle(&mut lab);
    lab.let_ipv6_out();
    let _at_a = serve_tcp(&a.namespace, 22);
    let _web = serve_tcp(&lab.internet(), 80);
    // Beside an internet gateway, and alone.
    for _ in 0..2 {
        assert_eq!(lab.ipv6_tcp(&a.namespace, Lab::IPV6_INTERNET, 80), Reach::AnsweredIpv6(Lab::IPV6_MACHINE));
        assert_eq!(lab.ipv6_tcp(&lab.internet(), A, 22), Reach::Silence);
        assert_eq!(lab.ipv6_tcp(&lab.machine(), A, 22), Reach::Silence);
        lab.topology.vpcs.get_mut(&vpc).unwrap().internet_gateway = None;
        settle(&mut lab);
    }
    lab.topology.vpcs.get_mut(&vpc).unwrap().egress_only_gateway = false;
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, Lab::IPV6_INTERNET, 80), Reach::Silence);
}

#[test]
fn peered_vpcs_meet_by_ipv6() {
    let Some(mut lab) = Lab::start() else { return };
    let one = vpc(&mut lab);
    let two = lab.add_vpc(2, "10.1.0.0/16");
    lab.add_ipv6_block(two, "2001:db8:0:200::/56");
    let there: Ipv6Addr = "2001:db8:0:200::5".parse().unwrap();
    let peering = types::VpcPeeringConnectionId::from_number(1);
    lab.topology.peerings.insert(peering, policy::Peering { requester: one, accepter: two });
    lab.add_table(1, one, &[("2001:db8:0:200::/56", Target::Peering(peering))]);
    lab.add_table(2, two, &[("2001:db8:0:100::/56", Target::Peering(peering))]);
    let group = lab.set_group(1, one, &[], OPEN);
    let a = machine(&mut lab, 0xa, one, A, &[group]);
    let called = lab.set_group(2, two, &["tcp 80 sg-00000000000000001"], &[]);
    let b = lab.add_instance(0xb, two, "10.1.0.5", None, &[called]);
    lab.interface(&b).ipv6 = vec![there];
    settle(&mut lab);
    let _servers = [80, 81].map(|port| serve_tcp(&b.namespace, port));
    assert_eq!(lab.ipv6_tcp(&a.namespace, there, 80), Reach::AnsweredIpv6(A));
    assert_eq!(lab.ipv6_tcp(&a.namespace, there, 81), Reach::Silence);
}

#[test]
fn a_machine_without_the_check_forwards_ipv6() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = vpc(&mut lab);
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = machine(&mut lab, 0xa, vpc, A, &[group]);
    let b = machine(&mut lab, 0xb, vpc, B, &[group]);
    lab.interface(&b).source_dest_check = false;
    lab.add_table(1, vpc, &[("2620:0:0:77::/64", Target::Interface(b.interface))]);
    settle(&mut lab);
    let beyond: Ipv6Addr = "2620:0:0:77::1".parse().unwrap();
    let line = format!("address add {beyond}/128 dev lo nodad");
    netns::run_in(&b.namespace, || run_ip(None, &[line])).unwrap();
    let _server = serve_tcp(&b.namespace, 80);
    assert_eq!(lab.ipv6_tcp(&a.namespace, beyond, 80), Reach::AnsweredIpv6(A));
    lab.interface(&b).source_dest_check = true;
    settle(&mut lab);
    assert_eq!(lab.ipv6_tcp(&a.namespace, beyond, 80), Reach::Silence);
}

#[test]
fn nobody_passes_for_another_nor_for_the_router() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = vpc(&mut lab);
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = machine(&mut lab, 0xa, vpc, A, &[group]);
    let b = machine(&mut lab, 0xb, vpc, B, &[group]);
    let claimed: Ipv6Addr = "2001:db8:0:100::bad".parse().unwrap();
    settle(&mut lab);
    let words: Vec<String> =
        [format!("address add {claimed}/128 dev eth0 nodad"), "address add fe80::9/64 dev eth0 nodad".to_owned()]
            .into();
    netns::run_in(&a.namespace, || run_ip(None, &words)).unwrap();
    let ping = [128, 0, 0, 0, 0, 7, 0, 1];
    let advertisement =
        |of: Ipv6Addr| [&[136, 0, 0, 0, 0xe0, 0, 0, 0][..], &of.octets(), &[2, 1, 2, 0, 0, 0, 0, 9]].concat();
    let router = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let heard = |from: Ipv6Addr, messages: &[(Ipv6Addr, &[u8])]| {
        icmpv6_heard(&b.namespace, from, SHORT, || {
            messages.iter().for_each(|(to, message)| send_icmpv6(&a.namespace, from, *to, message));
        })
    };
    assert!(lab.ipv6_ping(&a.namespace, B), "the way is open");
    assert_eq!(heard(A, &[(B, &ping)]), [128]);
    assert_eq!(heard(claimed, &[(B, &ping), (B, &advertisement(A)), (B, &router)]), [0u8; 0]);
    let link_local: Ipv6Addr = "fe80::9".parse().unwrap();
    assert_eq!(heard(link_local, &[(B, &ping), (ALL_NODES, &router), (ALL_NODES, &advertisement(B))]), [0u8; 0]);
    assert_eq!(heard(A, &[(B, &router), (B, &advertisement(ROUTER_IPV6_ADDRESS)), (ALL_NODES, &router)]), [0u8; 0]);
    // The router itself believes nobody about others, and answers nothing.
    send_icmpv6(&a.namespace, A, ROUTER_IPV6_ADDRESS, &advertisement(B));
    assert!(lab.ipv6_ping(&a.namespace, B) && !lab.ipv6_ping(&a.namespace, ROUTER_IPV6_ADDRESS));
    // A machine that may use any source still says nothing of neighbours that is not its own.
    lab.interface(&a).source_dest_check = false;
    settle(&mut lab);
    assert_eq!(heard(claimed, &[(B, &advertisement(A)), (B, &router)]), [0u8; 0]);
    assert_eq!(heard(claimed, &[(B, &ping)]), [128]);
    lab.rules(group, Direction::Ingress).clear();
    settle(&mut lab);
    assert!(!lab.ipv6_ping(&a.namespace, B));
}

/// Metadata and resolver: sockets in the VPC's namespace, which were there before it had IPv6.
#[test]
fn services_answer_by_ipv6() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "10.0.0.0/16");
    let closed = lab.set_group(1, vpc, &[], &[]);
    lab.apply();
    let open = |lab: &Lab, transport, address: Ipv6Addr, port| {
        lab.network.open_in_vpc(vpc, SocketSpec { transport, address: (address, port).into() }).unwrap()
    };
    let VpcSocket::Tcp(metadata) = open(&lab, Transport::Tcp, METADATA_IPV6_ADDRESS, 80) else { panic!("not TCP") };
    let VpcSocket::Udp(resolver) = open(&lab, Transport::Udp, RESOLVER_IPV6_ADDRESS, 53) else { panic!("not UDP") };
    let VpcSocket::Tcp(stray) = open(&lab, Transport::Tcp, METADATA_IPV6_ADDRESS, 81) else { panic!("not TCP") };
    lab.add_ipv6_block(vpc, BLOCK);
    let a = machine(&mut lab, 0xa, vpc, A, &[closed]);
    let b = machine(&mut lab, 0xb, vpc, B, &[closed]);
    lab.topology.metadata_by_ipv6.insert(a.interface);
    settle(&mut lab);
    let _serving = [metadata, stray].map(answer_tcp);
    assert_eq!(lab.ipv6_tcp(&a.namespace, METADATA_IPV6_ADDRESS, 80), Reach::AnsweredIpv6(A), "whom it sees");
    assert_eq!(lab.ipv6_tcp(&b.namespace, METADATA_IPV6_ADDRESS, 80), Reach::Silence, "it did not ask for that");
    assert_eq!(lab.ipv6_tcp(&a.namespace, METADATA_IPV6_ADDRESS, 81), Reach::Silence);
    assert!(!lab.ipv6_ping(&a.namespace, METADATA_IPV6_ADDRESS));
    resolver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut question = [0u8; 16];
    for guest in [&a, &b] {
        send_udp(guest, None, RESOLVER_IPV6_ADDRESS, 53);
        let (length, sender) = resolver.recv_from(&mut question).unwrap();
        assert_eq!((sender.ip(), length), (lab.interface(guest).ipv6[0].into(), 5));
    }
    // A machine that may send with any source still may not ask services with it.
    lab.interface(&a).source_dest_check = false;
    lab.topology.metadata_by_ipv6.clear();
    settle(&mut lab);
    let claimed = format!("address add {B}/128 dev lo nodad");
    netns::run_in(&a.namespace, || run_ip(None, &[claimed])).unwrap();
    resolver.set_read_timeout(Some(SHORT)).unwrap();
    send_udp(&a, Some(B), RESOLVER_IPV6_ADDRESS, 53);
    assert!(resolver.recv_from(&mut question).is_err(), "in another's name");
    assert_eq!(lab.ipv6_tcp(&a.namespace, METADATA_IPV6_ADDRESS, 80), Reach::Silence, "off again");
    // Without the block there is no IPv6, and nothing is left to do.
    lab.topology.vpcs.get_mut(&vpc).unwrap().ipv6_cidrs.clear();
    settle(&mut lab);
}

/// Sends a datagram of five bytes.
fn send_udp(from: &Guest, source: Option<Ipv6Addr>, to: Ipv6Addr, port: u16) {
    let work = || {
        let socket = UdpSocket::bind((source.unwrap_or(Ipv6Addr::UNSPECIFIED), 0)).unwrap();
        socket.send_to(b"hello", (to, port)).unwrap();
        Ok(())
    };
    netns::run_in(&from.namespace, work).unwrap();
}

#[test]
fn a_vpc_without_a_block_has_no_ipv6() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "10.0.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = machine(&mut lab, 0xa, vpc, A, &[group]);
    let b = machine(&mut lab, 0xb, vpc, B, &[group]);
    lab.interface(&a).source_dest_check = false;
    settle(&mut lab);
    for (guest, own) in [(&a, A), (&b, B)] {
        let lines = [format!("address add {own}/128 dev eth0 nodad"), "route add ::/0 via fe80::1 dev eth0".to_owned()];
        netns::run_in(&guest.namespace, || run_ip(None, &lines)).unwrap();
    }
    let _server = serve_tcp(&b.namespace, 80);
    assert!(!lab.ipv6_tcp(&a.namespace, B, 80).arrived(), "nobody answers for the router");
}
