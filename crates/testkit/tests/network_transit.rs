//! Packets between VPCs by way of a transit gateway. Every probe is also held against the policy engine's verdict.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use host::network::{LinuxNetwork, Network};
use policy::{
    Address, Endpoint, Interface, InterfaceKind, LinkState, NatGateway, Outcome, Packet, Target, Traffic,
    TransitAttachment, TransitGateway, TransitRouteTable, plan, transit_link_name, verdict_both_ways,
};
use testkit::{Guest, Lab, Reach, Server, send_spoofed_udp, tcp_connect};
use types::{
    MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId,
};

const GATEWAY: TransitGatewayId = TransitGatewayId::from_number(1);
const OPEN: &[&str] = &["all 0.0.0.0/0"];
const PATIENCE: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(500);

/// The address of the machine in the VPC of this number.
fn machine(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number, 0, 10)
}

fn attachment(number: u128) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_number(number)
}

fn table(number: u128) -> TransitGatewayRouteTableId {
    TransitGatewayRouteTableId::from_number(number)
}

fn gateway(lab: &mut Lab) -> &mut TransitGateway {
    lab.topology.transit_gateways.entry(GATEWAY).or_default()
}

/// Gives a table of the gateway these routes: to the attachment of this number, or to nowhere.
fn set_routes(lab: &mut Lab, number: u128, routes: &[(&str, Option<u128>)]) {
    let routes = routes.iter().map(|(block, to)| (block.parse().unwrap(), to.map(attachment)));
    gateway(lab).tables.insert(table(number), TransitRouteTable { routes: routes.collect() });
}

/// Adds the VPC 10.NUMBER.0.0/16 with a machine in it. It is attached, associated with the gateway's first table, and
/// sends 10.0.0.0/8 there.
fn spoke(lab: &mut Lab, number: u8) -> Guest {
    let (id, block) = (u128::from(number), format!("10.{number}.0.0/16"));
    let vpc = lab.add_vpc(id, &block);
    lab.add_table(id, vpc, &[("10.0.0.0/8", Target::TransitGateway(attachment(id)))]);
    let subnets = [SubnetId::from_number(id)].into();
    gateway(lab).attachments.insert(attachment(id), TransitAttachment { vpc, subnets, table: Some(table(1)) });
    let group = lab.set_group(id, vpc, OPEN, OPEN);
    lab.add_instance(id, vpc, &machine(number).to_string(), None, &[group])
}

/// Two VPCs that reach each other, each with a server at port 80.
fn two() -> Option<(Lab, Guest, Guest, [Server; 2])> {
    let mut lab = Lab::start()?;
    let (a, b) = (spoke(&mut lab, 1), spoke(&mut lab, 2));
    set_routes(&mut lab, 1, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2))]);
    lab.apply();
    let servers = [&a, &b].map(|guest| Server::tcp(&guest.namespace, 80));
    Some((lab, a, b, servers))
}

#[test]
fn two_spokes_reach_each_other_under_their_own_addresses() {
    let Some((lab, a, b, _servers)) = two() else { return };
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)));
    assert_eq!(lab.tcp(&b.namespace, machine(1), 80), Reach::Answered(machine(2)));
    assert!(lab.ping(&a.namespace, machine(2)));
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(10, 2, 0, 99), 80), Reach::Silence, "nobody's");
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(10, 2, 0, 1), 80), Reach::Silence, "the other VPC's router");
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(10, 2, 0, 2), 53), Reach::Silence, "the other VPC's resolver");
    assert_eq!(lab.tcp(&a.namespace, Ipv4Addr::new(10, 9, 0, 1), 80), Reach::Silence, "no route of the gateway");
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Silence, "no route of the VPC");
}

#[test]
fn an_unchanged_plan_changes_nothing() {
    let Some((mut lab, a, _b, _servers)) = two() else { return };
    set_routes(&mut lab, 1, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2)), ("10.7.0.0/16", None)]);
    lab.apply();
    assert_eq!(lab.apply().changes, Vec::<String>::new());
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    let restarted = LinuxNetwork::with_operator_namespace(lab.tag(), lab.machine());
    assert_eq!(restarted.apply(&plan(&lab.topology)).unwrap().changes, Vec::<String>::new());
    // What somebody broke is mended.
    host::network::run_ip(
        Some(&lab.tag().transit_namespace(GATEWAY)),
        &[format!("link delete dev {}", transit_link_name(attachment(1)))],
    )
    .unwrap();
    assert_eq!(tcp_connect(&a.namespace, SocketAddrV4::new(machine(2), 80), SHORT).map(drop), Err(Reach::Silence));
    assert!(!lab.converge().changes.is_empty());
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)));
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    // A gateway that goes takes its namespace and links along.
    lab.topology.transit_gateways.clear();
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    let left = restarted.places().unwrap().into_iter().any(|place| place == policy::Place::TransitGateway(GATEWAY));
    assert!(!left);
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}

#[test]
fn route_tables_of_the_gateway_keep_spokes_apart() {
    let Some(mut lab) = Lab::start() else { return };
    let (a, b, shared) = (spoke(&mut lab, 1), spoke(&mut lab, 2), spoke(&mut lab, 3));
    // Spokes reach the shared VPC, and that reaches them; they do not reach each other.
    set_routes(&mut lab, 1, &[("10.3.0.0/16", Some(3))]);
    set_routes(&mut lab, 2, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2))]);
    gateway(&mut lab).attachments.get_mut(&attachment(3)).unwrap().table = Some(table(2));
    lab.apply();
    let _servers = [&a, &b, &shared].map(|guest| Server::tcp(&guest.namespace, 80));
    assert_eq!(lab.tcp(&a.namespace, machine(3), 80), Reach::Answered(machine(1)));
    assert_eq!(lab.tcp(&b.namespace, machine(3), 80), Reach::Answered(machine(2)));
    assert_eq!(lab.tcp(&shared.namespace, machine(1), 80), Reach::Answered(machine(3)));
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    assert_eq!(lab.tcp(&b.namespace, machine(1), 80), Reach::Silence);
    // The shared VPC is no way around: what comes from the gateway goes back to it as the subnet's routes say, and there
    // the source is the spoke's, whose own VPC takes nothing from the gateway under its own addresses.
    set_routes(&mut lab, 1, &[("10.0.0.0/8", Some(3))]);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(1), 80), Reach::Answered(machine(1)), "itself");
    assert_eq!(lab.tcp(&a.namespace, machine(3), 80), Reach::Answered(machine(1)));
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)), "by way of the shared VPC's routes");
}

#[test]
fn the_longest_prefix_decides_and_blackholes_are_silent() {
    let Some((mut lab, a, b, _servers)) = two() else { return };
    let all = [("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2))];
    set_routes(&mut lab, 1, &[all[0], all[1], ("10.2.0.10/32", None)]);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    // The way there is whole, but answers find no way back.
    set_routes(&mut lab, 1, &[all[0], all[1], ("10.1.0.0/24", None)]);
    lab.apply();
    let packet = Packet {
        from: Endpoint::Interface(a.interface),
        source: machine(1).into(),
        to: machine(2).into(),
        traffic: Traffic::Tcp(80),
    };
    let (there, back) = verdict_both_ways(&lab.topology, &packet, 40_000);
    assert_eq!((there.outcome, back.unwrap().outcome), (Outcome::Accept, Outcome::Drop));
    assert_eq!(tcp_connect(&a.namespace, SocketAddrV4::new(machine(2), 80), SHORT).map(drop), Err(Reach::Silence));
    // A route to an attachment that is not there is one to nowhere.
    set_routes(&mut lab, 1, &[all[0], all[1], ("10.2.0.0/24", Some(9))]);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    set_routes(&mut lab, 1, &all);
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, machine(1), 80), Reach::Answered(machine(2)));
}

#[test]
fn disassociation_cuts_what_was_open() {
    let Some((mut lab, a, b, _servers)) = two() else { return };
    let (mut open, _) = tcp_connect(&a.namespace, SocketAddrV4::new(machine(2), 80), PATIENCE).unwrap();
    assert!(open.echoes(PATIENCE));
    gateway(&mut lab).attachments.get_mut(&attachment(1)).unwrap().table = None;
    lab.apply();
    assert!(!open.echoes(SHORT), "no table routes what comes from the attachment");
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    assert_eq!(tcp_connect(&b.namespace, SocketAddrV4::new(machine(1), 80), SHORT).map(drop), Err(Reach::Silence));
    gateway(&mut lab).attachments.get_mut(&attachment(1)).unwrap().table = Some(table(1));
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)));
    // Nor does an attachment carry anything that is no more.
    gateway(&mut lab).attachments.remove(&attachment(2));
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}

#[test]
fn groups_and_lists_apply_and_groups_of_other_vpcs_mean_nobody() {
    let Some((mut lab, a, _, _servers)) = two() else { return };
    let (one, two) = (types::VpcId::from_number(1), types::VpcId::from_number(2));
    lab.set_group(2, two, &["tcp 80 sg-00000000000000001"], OPEN);
    lab.topology.groups.get_mut(&types::SecurityGroupId::from_number(1)).unwrap().vpcs.insert(two);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence);
    lab.set_group(2, two, &["all 10.1.0.0/16"], OPEN);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)));
    // The attachment moves to a subnet of its own: packets cross the boundaries of both subnets.
    let guard = lab.set_acl(10, &["deny tcp 80 10.1.0.0/16", "allow all 0.0.0.0/0"], &["allow all 0.0.0.0/0"]);
    let routes = types::RouteTableId::from_number(1);
    let subnet = lab.add_subnet(10, one, "10.1.9.0/24", routes, guard);
    gateway(&mut lab).attachments.get_mut(&attachment(1)).unwrap().subnets = [subnet].into();
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence, "into the attachment's subnet");
    lab.set_acl(10, &["allow all 0.0.0.0/0"], &["deny tcp 1024-65535 10.1.0.0/16", "allow all 0.0.0.0/0"]);
    lab.apply();
    assert_eq!(tcp_connect(&a.namespace, SocketAddrV4::new(machine(2), 80), SHORT).map(drop), Err(Reach::Silence));
    assert!(lab.ping(&a.namespace, machine(2)), "the answers to others leave it");
    lab.set_acl(10, &["allow all 0.0.0.0/0"], &["allow all 0.0.0.0/0"]);
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Answered(machine(1)));
    lab.topology.subnets.get_mut(&subnet).unwrap().acl = Some(NetworkAclId::from_number(99));
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence, "a list that is not known is shut");
}

#[test]
fn sources_are_not_looked_at_but_for_ones_own() {
    let Some((mut lab, a, b, _servers)) = two() else { return };
    lab.interface(&a).source_dest_check = false;
    lab.apply();
    let server = Server::udp(&b.namespace, 514);
    let received = server.received();
    let target = SocketAddrV4::new(machine(2), 514);
    let foreign = Ipv4Addr::new(192, 168, 7, 7);
    received.insist_on("foreign", |text: &str| send_spoofed_udp(&a.namespace, foreign, target, text));
    for source in [machine(2), Ipv4Addr::new(10, 2, 0, 77), Ipv4Addr::new(169, 254, 1, 1)] {
        send_spoofed_udp(&a.namespace, source, target, "spoofed");
        let from = Endpoint::Interface(a.interface);
        let packet = Packet { from, source: source.into(), to: machine(2).into(), traffic: Traffic::Udp(514) };
        assert_eq!(policy::verdict(&lab.topology, &packet).outcome, Outcome::Drop, "{source}");
    }
    received.insist_on("last", |text: &str| send_spoofed_udp(&a.namespace, foreign, target, text));
    assert!(received.all().iter().all(|(source, text)| *source == foreign && text != "spoofed"), "{received:?}");
}

/// The egress of several VPCs in one: they send everything to the gateway, that to a VPC with a NAT gateway.
#[test]
fn a_central_vpc_is_the_way_to_the_internet() {
    let Some(mut lab) = Lab::start() else { return };
    let (a, b, _) = (spoke(&mut lab, 1), spoke(&mut lab, 2), spoke(&mut lab, 3));
    let nat = NatGatewayId::from_number(1);
    for (number, guest) in [(1, &a), (2, &b)] {
        let vpc = lab.topology.interfaces[&guest.interface].vpc;
        lab.add_table(number, vpc, &[("0.0.0.0/0", Target::TransitGateway(attachment(number)))]);
    }
    let central = types::VpcId::from_number(3);
    let public = lab.add_table(
        3,
        central,
        &[("0.0.0.0/0", Target::InternetGateway), ("10.0.0.0/8", Target::TransitGateway(attachment(3)))],
    );
    let private = lab.add_table(30, central, &[("0.0.0.0/0", Target::NatGateway(nat))]);
    let acl = NetworkAclId::from_number(3);
    let public = lab.add_subnet(3, central, "10.3.0.0/24", public, acl);
    let attached = lab.add_subnet(30, central, "10.3.1.0/24", private, acl);
    gateway(&mut lab).attachments.get_mut(&attachment(3)).unwrap().subnets = [attached].into();
    let interface = NetworkInterfaceId::from_number(0x50);
    let address = Address { private: Ipv4Addr::new(10, 3, 0, 50), public: Some(Ipv4Addr::new(198, 18, 1, 50)) };
    lab.topology.interfaces.insert(
        interface,
        Interface {
            vpc: central,
            subnet: public,
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
    set_routes(&mut lab, 1, &[("0.0.0.0/0", Some(3)), ("10.1.0.0/16", None), ("10.2.0.0/16", None)]);
    set_routes(&mut lab, 2, &[("10.1.0.0/16", Some(1)), ("10.2.0.0/16", Some(2))]);
    gateway(&mut lab).attachments.get_mut(&attachment(3)).unwrap().table = Some(table(2));
    lab.apply();
    let _web = Server::tcp(&lab.internet(), 80);
    let _dns = Server::udp(&lab.internet(), 53);
    let _inside = Server::tcp(&b.namespace, 80);
    for guest in [&a, &b] {
        assert_eq!(lab.tcp(&guest.namespace, Lab::INTERNET, 80), Reach::Answered(Lab::MACHINE), "masqueraded");
        assert_eq!(lab.udp(&guest.namespace, Lab::INTERNET, 53), Reach::Answered(Lab::MACHINE));
        assert!(lab.ping(&guest.namespace, Lab::INTERNET));
        let own = lab.topology.interfaces[&guest.interface].addresses[0].private;
        let from = Endpoint::Interface(guest.interface);
        let packet = Packet { from, source: own.into(), to: Lab::INTERNET.into(), traffic: Traffic::Tcp(80) };
        let (there, back) = verdict_both_ways(&lab.topology, &packet, 40_000);
        let back = back.unwrap();
        assert_eq!((there.outcome, back.outcome), (Outcome::Accept, Outcome::Accept), "{back:#?}");
        assert_eq!(back.arrival.unwrap().to, own);
    }
    assert_eq!(lab.tcp(&a.namespace, machine(2), 80), Reach::Silence, "spokes are apart");
    assert_eq!(lab.tcp(&lab.internet(), Ipv4Addr::new(198, 18, 1, 50), 80), Reach::Silence, "nobody calls in");
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    // Without the way back through the gateway answers end in the central VPC.
    set_routes(&mut lab, 2, &[("10.1.0.0/16", Some(1))]);
    lab.apply();
    let web = SocketAddrV4::new(Lab::INTERNET, 80);
    assert_eq!(tcp_connect(&b.namespace, web, SHORT).map(drop), Err(Reach::Silence));
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Answered(Lab::MACHINE));
}
