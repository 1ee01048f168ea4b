//! Packets through the internet gateway, between VPCs, to services and to the internet. Every probe is also held
//! against the policy engine's verdict.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use host::network::{Network, SocketSpec, Transport, VpcSocket};
use policy::METADATA_ADDRESS;
use testkit::{Lab, Reach, Server, send_spoofed_udp, tcp_connect, udp_ask};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const A_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 10);
const B_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 11);
const OTHER_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 7, 7);
const OPEN: &[&str] = &["all 0.0.0.0/0"];
const PATIENCE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(500);

#[test]
fn a_public_address_leads_to_one_machine_and_only_with_a_rule() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let operator = lab.topology.operator.address();
    let group = lab.set_group(1, vpc, &["tcp 22 198.18.0.1/32", "udp 53 203.0.113.0/24"], OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    lab.apply();
    let _ssh = Server::tcp(&a.namespace, 22);
    let _dns = Server::udp(&a.namespace, 53);
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Answered(operator));
    assert_eq!(lab.tcp(&lab.internet(), A_PUBLIC, 22), Reach::Silence);
    assert_eq!(lab.udp(&lab.internet(), A_PUBLIC, 53), Reach::Answered(Lab::INTERNET), "the client's real address");
    assert_eq!(lab.tcp(&lab.machine(), OTHER_PUBLIC, 22), Reach::Silence, "an address that is nobody's");
}

#[test]
fn a_machine_with_a_public_address_reaches_the_internet_and_not_the_operator() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, &[], OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[group]);
    lab.apply();
    let _web = Server::tcp(&lab.internet(), 80);
    let _dns = Server::udp(&lab.internet(), 53);
    let _operators_own = Server::tcp(&lab.machine(), 80);
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Answered(Lab::MACHINE), "masqueraded");
    assert_eq!(lab.udp(&a.namespace, Lab::INTERNET, 53), Reach::Answered(Lab::MACHINE));
    assert!(lab.ping(&a.namespace, Lab::INTERNET));
    assert_eq!(lab.tcp(&b.namespace, Lab::INTERNET, 80), Reach::Silence, "no public address, no way out");
    assert_eq!(lab.tcp(&a.namespace, lab.topology.operator.address(), 80), Reach::Silence);
    // The engine cannot know the operator machine's other addresses; they are shut all the same.
    let own = tcp_connect(&a.namespace, SocketAddrV4::new(Lab::MACHINE, 80), SHORT);
    assert_eq!(own.map(drop), Err(Reach::Silence));
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(192, 168, 1, 1), 80), Reach::Silence, "not on the internet");
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(172, 31, 5, 5), 80), Reach::Silence, "in the VPC, but nobody's");
}

#[test]
fn a_private_subnet_has_no_way_out_nor_in() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    lab.add_table(1, vpc, &[]);
    lab.apply();
    let _web = Server::tcp(&lab.internet(), 80);
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Silence);
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Silence);
    lab.add_table(1, vpc, &[("0.0.0.0/0", policy::Target::InternetGateway)]);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Answered(Lab::MACHINE));
    lab.topology.vpcs.get_mut(&vpc).unwrap().internet_gateway = None;
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Silence);
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Silence);
}

#[test]
fn a_neighbours_public_address_is_called_with_ones_own() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let callers = lab.set_group(1, vpc, &[], &["tcp 80 198.18.1.11/32", "tcp 81 172.31.0.11/32", "tcp 82 0.0.0.0/0"]);
    let called = lab.set_group(2, vpc, &["tcp 80 198.18.1.10/32", "tcp 81-82 sg-00000000000000001"], OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[callers]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", Some("198.18.1.11"), &[called]);
    lab.apply();
    let _servers = [80, 81, 82].map(|port| Server::tcp(&b.namespace, port));
    assert_eq!(lab.tcp(&a.namespace, B_PUBLIC, 80), Reach::Answered(A_PUBLIC));
    assert_eq!(lab.tcp(&a.namespace, B, 81), Reach::Answered(A));
    assert_eq!(lab.tcp(&a.namespace, B, 80), Reach::Silence, "neither side's rules mean the private address");
    assert_eq!(lab.tcp(&a.namespace, B_PUBLIC, 81), Reach::Silence, "the caller's rule means the private address");
    assert_eq!(lab.tcp(&a.namespace, B_PUBLIC, 82), Reach::Silence, "a public address is no group member's");
    assert_eq!(lab.tcp(&a.namespace, B, 82), Reach::Answered(A));
    lab.interface(&a).groups = [called].into();
    lab.set_group(2, vpc, &["tcp 80 198.18.1.10/32"], OPEN);
    lab.apply();
    let _own = Server::tcp(&a.namespace, 80);
    assert_eq!(lab.tcp(&a.namespace, A_PUBLIC, 80), Reach::Answered(A_PUBLIC), "one's own, too");
    lab.interface(&a).addresses[0].public = None;
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, B_PUBLIC, 80), Reach::Silence);
}

#[test]
fn a_public_address_moves_and_takes_no_connection_along() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, &["tcp 22-23 0.0.0.0/0", "tcp 24 172.31.0.0/16"], OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[group]);
    lab.apply();
    let _at_a = Server::tcp(&a.namespace, 22);
    let _at_b = [23, 24].map(|port| Server::tcp(&b.namespace, port));
    let _outside = Server::tcp(&lab.internet(), 80);
    let ssh = SocketAddrV4::new(A_PUBLIC, 22);
    let (mut inward, _) = tcp_connect(&lab.machine(), ssh, PATIENCE).unwrap();
    let web = SocketAddrV4::new(Lab::INTERNET, 80);
    let (mut outward, _) = tcp_connect(&a.namespace, web, PATIENCE).unwrap();
    let (mut beside, _) = tcp_connect(&a.namespace, SocketAddrV4::new(B, 24), PATIENCE).unwrap();
    assert!(inward.echoes(PATIENCE) && outward.echoes(PATIENCE) && beside.echoes(PATIENCE));

    // From here on only connection tracking lets this one pass.
    lab.set_group(1, vpc, &["tcp 22-23 0.0.0.0/0"], OPEN);
    lab.interface(&a).addresses[0].public = None;
    lab.interface(&b).addresses[0].public = Some(A_PUBLIC);
    lab.apply();
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 23), Reach::Answered(lab.topology.operator.address()));
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Refused, "it leads to the other machine now");
    assert!(!inward.echoes(SHORT) && !outward.echoes(SHORT));
    assert!(beside.echoes(PATIENCE), "what did not use the address does not notice");
}

/// A socket that keeps sending from one port would be stuck with the old translation as long as it keeps sending.
#[test]
fn a_flow_that_never_pauses_gets_its_new_public_address() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", Some("198.18.1.11"), &[group]);
    lab.apply();
    let server = Server::udp(&b.namespace, 514);
    let target = SocketAddrV4::new(B_PUBLIC, 514);
    let send = |text: &str| send_spoofed_udp(&a.namespace, A, target, text);
    server.received().insist_on("before", send);
    lab.interface(&a).addresses[0].public = Some(OTHER_PUBLIC);
    lab.apply();
    server.received().insist_on("after", send);
    for (sender, text) in server.received().all() {
        assert_eq!(sender, if text == "before" { A_PUBLIC } else { OTHER_PUBLIC }, "{text}");
    }
}

#[test]
fn vpcs_with_the_same_block_do_not_meet_except_by_public_addresses() {
    let Some(mut lab) = Lab::start() else { return };
    let one = lab.add_vpc(1, "172.31.0.0/16");
    let two = lab.add_vpc(2, "172.31.0.0/16");
    let group_one = lab.set_group(1, one, OPEN, OPEN);
    let group_two = lab.set_group(2, two, &["tcp 80 198.18.1.10/32"], OPEN);
    let a = lab.add_instance(0xa, one, "172.31.0.10", Some("198.18.1.10"), &[group_one]);
    let same = lab.add_instance(0xb, two, "172.31.0.10", Some("198.18.1.11"), &[group_two]);
    lab.apply();
    let _at_a = Server::tcp(&a.namespace, 22);
    let _at_same = Server::tcp(&same.namespace, 80);
    assert_eq!(lab.tcp(&a.namespace, A, 22), Reach::Answered(A), "its own address is itself");
    assert_eq!(lab.tcp(&a.namespace, B_PUBLIC, 80), Reach::Answered(A_PUBLIC));
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Answered(lab.topology.operator.address()));
    assert_eq!(lab.tcp(&lab.machine(), B_PUBLIC, 80), Reach::Silence);
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(172, 31, 0, 99), 80), Reach::Silence);
}

/// Metadata and resolver: sockets in the VPC's namespace.
#[test]
fn services_answer_whatever_the_groups_say_and_nothing_else_does() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let closed = lab.set_group(1, vpc, &[], &[]);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[closed]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[closed]);
    lab.apply();
    let resolver = Ipv4Addr::new(172, 31, 0, 2);
    let open = |transport, address, port| {
        let spec = SocketSpec { transport, address: (address, port).into() };
        lab.network.open_in_vpc(vpc, spec).unwrap()
    };
    let VpcSocket::Tcp(metadata) = open(Transport::Tcp, METADATA_ADDRESS, 80) else { panic!("not TCP") };
    let VpcSocket::Udp(dns) = open(Transport::Udp, resolver, 53) else { panic!("not UDP") };
    let _stray = open(Transport::Tcp, Ipv4Addr::UNSPECIFIED, 8080);

    let caller = std::thread::scope(|scope| {
        scope.spawn(|| tcp_connect(&a.namespace, SocketAddrV4::new(METADATA_ADDRESS, 80), PATIENCE).map(drop));
        metadata.accept().unwrap().1
    });
    assert_eq!(caller.ip(), A, "the source says which machine asks");

    // The spoofed question never comes; the honest one behind it does.
    send_spoofed_udp(&a.namespace, B, SocketAddrV4::new(resolver, 53), "spoofed");
    std::thread::scope(|scope| {
        let answered = scope.spawn(|| udp_ask(&b.namespace, SocketAddrV4::new(resolver, 53), PATIENCE));
        let mut question = [0u8; 64];
        let (length, sender) = dns.recv_from(&mut question).unwrap();
        assert_eq!((sender.ip(), &question[..length]), (B.into(), &b"hello"[..]));
        dns.send_to(&resolver.octets(), sender).unwrap();
        assert_eq!(answered.join().unwrap(), Reach::Answered(resolver));
    });
    while dns.set_nonblocking(true).is_ok() && dns.recv_from(&mut [0u8; 64]).is_ok() {}
    dns.set_nonblocking(false).unwrap();
    // A machine that may send with any source still may not ask services with it.
    lab.interface(&a).source_dest_check = false;
    lab.apply();
    dns.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    send_spoofed_udp(&a.namespace, B, SocketAddrV4::new(resolver, 53), "spoofed");
    assert!(dns.recv_from(&mut [0u8; 64]).is_err());

    for (address, port) in [(METADATA_ADDRESS, 8080), (METADATA_ADDRESS, 53), (resolver, 80), (resolver, 8080)] {
        assert_eq!(lab.tcp(&a.namespace, address, port), Reach::Silence, "{address}:{port}");
    }
    let router = Ipv4Addr::new(172, 31, 0, 1);
    assert_eq!(lab.tcp(&a.namespace, router, 8080), Reach::Silence);
    assert!(!lab.ping(&a.namespace, router) && !lab.ping(&a.namespace, METADATA_ADDRESS));
    // While the daemon is away its clients hear nothing and ask again, instead of giving up.
    drop(dns);
    assert_eq!(udp_ask(&a.namespace, SocketAddrV4::new(resolver, 53), SHORT), Reach::Silence);
    // From outside, too.
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 8080), Reach::Silence);
}

/// The routes of the operator's machine, and what may pass it.
#[test]
fn a_machine_cannot_pass_for_another_on_the_internet() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    lab.interface(&a).source_dest_check = false;
    lab.apply();
    let server = Server::udp(&lab.internet(), 9);
    let target = SocketAddrV4::new(Lab::INTERNET, 9);
    let received = server.received();
    let send_as = |source| {
        let from = &a.namespace;
        move |text: &str| send_spoofed_udp(from, source, target, text)
    };
    received.insist_on("honest", send_as(A));
    for source in [OTHER_PUBLIC, B, Ipv4Addr::new(8, 8, 8, 8), Lab::MACHINE] {
        send_as(source)("spoofed");
    }
    received.insist_on("honest again", send_as(A));
    let honest = |(sender, text): &(Ipv4Addr, String)| *sender == Lab::MACHINE && text.starts_with("honest");
    assert!(received.all().iter().all(honest), "{received:?}");
}
