//! A NAT gateway with several addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use host::netns;
use host::network::tracked_connections;
use policy::{
    Address, Component, Endpoint, Interface, InterfaceKind, LinkState, NatGateway, Outcome, Packet, Reason, Target,
    Traffic, verdict, verdict_both_ways,
};
use testkit::{Guest, Lab, Reach, Server};
use types::{MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId};

const GATEWAY: NatGatewayId = NatGatewayId::from_number(1);
const OPEN: &[&str] = &["all 0.0.0.0/0"];
/// The gateway's addresses. The last is on its way out.
const OWN: [&str; 4] = ["172.31.0.50", "172.31.0.60", "172.31.0.55", "172.31.0.51"];

/// Three machines in a subnet whose way out is the gateway.
fn private() -> Option<(Lab, Vec<Guest>)> {
    let mut lab = Lab::start()?;
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let interface = NetworkInterfaceId::from_number(0x50);
    let address = |(number, own): (u8, &&str)| Address {
        private: own.parse().unwrap(),
        public: Some(Ipv4Addr::new(198, 18, 1, number)),
    };
    let gateway = Interface {
        vpc,
        subnet: types::SubnetId::from_number(1),
        addresses: (50..).zip(&OWN).map(address).collect(),
        ipv6: Vec::new(),
        mac: MacAddress::local(0x50),
        groups: [].into(),
        source_dest_check: false,
        link: LinkState::Attached,
        kind: InterfaceKind::NatGateway(GATEWAY),
    };
    lab.topology.interfaces.insert(interface, gateway);
    let sources = OWN[..3].iter().map(|own| own.parse().unwrap()).collect();
    lab.topology.nat_gateways.insert(GATEWAY, NatGateway { interface, sources });
    let table = lab.add_table(2, vpc, &[("0.0.0.0/0", Target::NatGateway(GATEWAY))]);
    let subnet = lab.add_subnet(2, vpc, "172.31.128.0/24", table, NetworkAclId::from_number(1));
    let add = |lab: &mut Lab, number: u8| {
        lab.add_instance_in(number.into(), subnet, &format!("172.31.128.{number}"), None, &[group])
    };
    let guests = (10..13).map(|number| add(&mut lab, number)).collect();
    lab.apply();
    lab.converge();
    assert_eq!(lab.converge().changes, Vec::<String>::new(), "the kernel has what was planned");
    Some((lab, guests))
}

#[test]
fn connections_are_spread_over_its_addresses_as_the_engine_says() {
    let Some((lab, guests)) = private() else { return };
    let router = netns::path_of(&lab.vpc_namespace_name(1));
    // The address that the gateway gives a connection, as the VPC sees it come out again.
    let given = |to: Ipv4Addr, port: u16| -> Option<IpAddr> {
        let all = netns::run_in(&router, tracked_connections).unwrap();
        let of_gateway = |source: IpAddr| OWN.iter().any(|own| own.parse() == Ok(source));
        let mut of_call = all.iter().map(|it| it.connection.original);
        of_call
            .find(|it| of_gateway(it.source) && it.destination == to && it.destination_port == port)
            .map(|it| it.source)
    };
    let mut used = BTreeSet::new();
    for (number, guest) in (1u16..).zip(&guests) {
        let source = lab.topology.interfaces[&guest.interface].addresses[0].private;
        for last in 10..20 {
            let (to, port) = (Ipv4Addr::new(203, 0, 113, last), 1000 * number);
            let from = Endpoint::Interface(guest.interface);
            let packet = Packet { from, source: source.into(), to: to.into(), traffic: Traffic::Udp(port) };
            let said = verdict(&lab.topology, &packet);
            let translated = said.path.iter().find_map(|stage| match (stage.at, &stage.reason) {
                (Component::NatGateway(GATEWAY), Reason::Translated { to, .. }) => Some(*to),
                _ => None,
            });
            let deadline = Instant::now() + Duration::from_secs(8);
            while given(to, port).is_none() {
                assert!(Instant::now() < deadline, "nothing came out for {to}");
                let call = || Ok(UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hello", (to, port))));
                netns::run_in(&guest.namespace, call).unwrap().unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(given(to, port), translated, "{source} to {to}");
            used.extend(translated);
        }
    }
    let sources: BTreeSet<IpAddr> = OWN[..3].iter().map(|own| own.parse().unwrap()).collect();
    assert_eq!(used, sources, "each of those in use, and no other");
}

#[test]
fn answers_find_back_by_each_of_its_addresses() {
    let Some((mut lab, guests)) = private() else { return };
    let _web = Server::tcp(&lab.internet(), 80);
    for sources in [&OWN[..3], &OWN[1..2], &OWN[2..], &[]] {
        let sources = sources.iter().map(|own| own.parse().unwrap()).collect();
        lab.topology.nat_gateways.get_mut(&GATEWAY).unwrap().sources = sources;
        lab.apply();
        for guest in &guests {
            assert_eq!(lab.tcp(&guest.namespace, Lab::INTERNET, 80), Reach::Answered(Lab::MACHINE));
            let own = lab.topology.interfaces[&guest.interface].addresses[0].private;
            let from = Endpoint::Interface(guest.interface);
            let packet = Packet { from, source: own.into(), to: Lab::INTERNET.into(), traffic: Traffic::Tcp(80) };
            let (there, back) = verdict_both_ways(&lab.topology, &packet, 40_000);
            let back = back.unwrap();
            assert_eq!((there.outcome, back.outcome), (Outcome::Accept, Outcome::Accept), "{back:#?}");
            assert_eq!(back.arrival.unwrap().to, own);
        }
        assert_eq!(lab.converge().changes, Vec::<String>::new());
    }
}
