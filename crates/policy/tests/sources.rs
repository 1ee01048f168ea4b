//! All sources of an interface: that every packet is in the set exactly if its verdict says that it arrives.

mod common;
#[path = "sources/draw.rs"]
mod draw;

use std::collections::BTreeSet;
use std::net::IpAddr;

use draw::{Draw, MACHINES_COUNT, addresses, beside, machine_id, ports};
use policy::{
    Access, AddressRange, Admission, Answered, ArrivedAt, Component, Direction, Endpoint, Outcome, Packet, PacketSet,
    Reach, Reason, Topology, Traffic, TrafficRange, verdict, verdict_both_ways,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use types::NetworkInterfaceId;

/// Whether an answer to a packet arrives: at which of the ports that clients call from it may differ, all are tried.
fn answered(topology: &Topology, packet: &Packet) -> Answered {
    let mut ports: Vec<u16> = ports().into_iter().filter(|port| *port >= 1024).collect();
    if !matches!(packet.traffic, Traffic::Tcp(_) | Traffic::Udp(_)) {
        ports.truncate(1);
    }
    let passes = |port: &&u16| {
        verdict_both_ways(topology, packet, **port).1.is_some_and(|answer| answer.outcome == Outcome::Accept)
    };
    match ports.iter().filter(passes).count() {
        0 => Answered::Never,
        passing if passing == ports.len() => Answered::Always,
        _ => Answered::Sometimes,
    }
}

/// Whether a packet arrives at an interface, and the rule that lets it in.
fn arrives(topology: &Topology, interface: NetworkInterfaceId, packet: &Packet) -> Option<Admission> {
    let said = verdict(topology, packet);
    let arrival = said.arrival.filter(|arrival| arrival.at == ArrivedAt::Interface(interface));
    match (arrival, &said.path.last()?.reason) {
        (Some(_), Reason::Rule { direction: Direction::Ingress, group, rule }) => {
            Some(Admission { group: *group, rule: *rule })
        }
        (arrival, _) => {
            assert!(arrival.is_none(), "{said:?}");
            None
        }
    }
}

/// All rules that let a packet in, each asked alone.
fn rules(topology: &Topology, interface: NetworkInterfaceId, packet: &Packet) -> Vec<Admission> {
    let mut all = Vec::new();
    let groups = topology.interfaces[&interface].groups.clone();
    for group in groups.iter().filter(|id| topology.groups.contains_key(id)) {
        for rule in &topology.groups[group].ingress {
            let mut alone = topology.clone();
            for other in &groups {
                let Some(it) = alone.groups.get_mut(other) else { continue };
                it.ingress.retain(|kept| other == group && kept == rule);
            }
            all.extend(arrives(&alone, interface, packet));
        }
    }
    all
}

/// Whether a NAT gateway chooses among several addresses for a packet or its answer, of a sender that may use any source.
fn is_spread(topology: &Topology, packet: &Packet) -> bool {
    let single = match packet.from {
        Endpoint::Interface(id) => {
            topology.interfaces[&id].source_dest_check || topology.interfaces[&id].has(packet.source)
        }
        Endpoint::Outside => false,
    };
    let spreads = |stage: &policy::Stage| match stage.at {
        Component::NatGateway(id) => topology.nat_gateways[&id].sources.len() > 1,
        _ => false,
    };
    !single
        && ports().into_iter().any(|port| {
            let (there, back) = verdict_both_ways(topology, packet, port);
            there.path.iter().chain(back.iter().flat_map(|back| &back.path)).any(spreads)
        })
}

fn check(
    topology: &Topology,
    interface: NetworkInterfaceId,
    set: &PacketSet<Access>,
    packet: &Packet,
    every_rule: bool,
) -> Result<(), TestCaseError> {
    let decides = arrives(topology, interface, packet);
    let found = set.get(packet);
    let is_exact = decides == found.map(|access| access.rules[0])
        && found.is_none_or(|access| access.answered == answered(topology, packet));
    if !is_exact && is_spread(topology, packet) {
        let rules = found.map_or(&[][..], |access| &access.rules);
        prop_assert!(decides.is_none_or(|rule| rules.contains(&rule)), "{:?}", packet);
        return Ok(());
    }
    prop_assert_eq!(decides, found.map(|access| access.rules[0]), "{:?}", packet);
    if let Some(access) = found {
        prop_assert_eq!(access.answered, answered(topology, packet), "{:?}", packet);
        if every_rule && !is_spread(topology, packet) {
            prop_assert_eq!(access.rules.to_vec(), rules(topology, interface, packet), "{:?}", packet);
        }
    }
    Ok(())
}

/// The packet with the source or the traffic beside its own.
fn neighbours(packet: &Packet) -> Vec<Packet> {
    let sources = [-1, 1].into_iter().filter_map(|step| beside(packet.source, step));
    let pairs = |kind: u8, code: u8| {
        let step = |step: i16| u16::from_be_bytes([kind, code]).checked_add_signed(step).map(u16::to_be_bytes);
        [step(-1), step(1)].into_iter().flatten()
    };
    let traffic: Vec<Traffic> = match packet.traffic {
        Traffic::Tcp(port) => {
            [port.checked_sub(1), port.checked_add(1)].into_iter().flatten().map(Traffic::Tcp).collect()
        }
        Traffic::Udp(port) => {
            [port.checked_sub(1), port.checked_add(1)].into_iter().flatten().map(Traffic::Udp).collect()
        }
        Traffic::Icmp { kind, code } => pairs(kind, code).map(|[kind, code]| Traffic::Icmp { kind, code }).collect(),
        Traffic::Icmpv6 { kind, code } => {
            pairs(kind, code).map(|[kind, code]| Traffic::Icmpv6 { kind, code }).collect()
        }
        Traffic::Other(number) => [number.wrapping_sub(1), number.wrapping_add(1)].map(Traffic::Other).into(),
    };
    let sources = sources.map(|source| Packet { source, ..*packet });
    sources.chain(traffic.into_iter().map(|traffic| Packet { traffic, ..*packet })).collect()
}

/// A packet to one of some destinations.
fn any_packet(draw: &mut Draw, topology: &Topology, destinations: &[IpAddr]) -> Packet {
    let to = draw.of(destinations);
    let from = match draw.below(4) {
        0 => Endpoint::Outside,
        _ => Endpoint::Interface(machine_id(draw.below(MACHINES_COUNT))),
    };
    let own = match from {
        Endpoint::Interface(id) => topology.interfaces[&id].all_addresses().find(|own| own.is_ipv4() == to.is_ipv4()),
        Endpoint::Outside => None,
    };
    let any = draw.of(&addresses(to.is_ipv4()));
    let ports: Vec<u16> = ports().into_iter().collect();
    let code = draw.below(2) as u8;
    let traffic = match draw.below(8) {
        0..=3 => Traffic::Tcp(draw.of(&ports)),
        4 => Traffic::Udp(draw.of(&ports)),
        5 if to.is_ipv4() => Traffic::Icmp { kind: draw.of(&[8, 13, 0, 3]), code },
        5 => Traffic::Icmpv6 { kind: draw.of(&[128, 129, 135, 139, 143]), code },
        _ => Traffic::Other(draw.of(&[1, 6, 17, 50, 58, 59])),
    };
    Packet { from, source: own.filter(|_| draw.chance(60)).unwrap_or(any), to, traffic }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_packet_is_in_the_set_if_its_verdict_says_so(numbers in prop::collection::vec(any::<u32>(), 400)) {
        let mut draw = Draw::new(numbers);
        let topology = draw.topology();
        let reach = Reach::new(&topology);
        let at = draw.below(MACHINES_COUNT);
        let interface = machine_id(at);
        let it = &topology.interfaces[&interface];
        let public = it.addresses.iter().filter_map(|address| address.public).map(IpAddr::V4);
        let own: Vec<IpAddr> = it.all_addresses().chain(public).collect();
        let mut set = reach.sources(interface);
        let own_alone = own.iter().fold(PacketSet::new(), |all, to| all.union(&reach.sources_by(interface, *to)));
        prop_assert_eq!(&set, &own_alone);
        let mut destinations = own;
        if draw.chance(30) {
            // What the machine is to forward.
            let family = draw.chance(50);
            let other = draw.of(&addresses(family));
            set = set.union(&reach.sources_by(interface, other));
            destinations.push(other);
        }
        let boxes: Vec<_> = set.boxes().collect();
        for _ in 0..boxes.len().min(30) {
            let it = &boxes[draw.below(boxes.len())];
            for corner in it.corners() {
                prop_assert!(it.sources.contains(corner.source) && it.traffic.contains(corner.traffic));
                prop_assert_eq!(set.get(&corner), Some(&it.label));
                check(&topology, interface, &set, &corner, draw.chance(5))?;
                for packet in neighbours(&corner) {
                    check(&topology, interface, &set, &packet, false)?;
                }
            }
        }
        for _ in 0..150 {
            check(&topology, interface, &set, &any_packet(&mut draw, &topology, &destinations), draw.chance(5))?;
        }
        // No two boxes overlap, and together they are the set.
        for (at, one) in boxes.iter().enumerate().take(40) {
            let clash = boxes[at + 1..].iter().find(|other| {
                let same = (one.from, one.to) == (other.from, other.to);
                let corners = |of: &policy::PacketBox<Access>| -> BTreeSet<IpAddr> {
                    [of.sources.first(), of.sources.last()].into()
                };
                let sources = corners(one).iter().any(|it| other.sources.contains(*it))
                    || corners(other).iter().any(|it| one.sources.contains(*it));
                let holds = |a: TrafficRange, b: TrafficRange| a.ends().into_iter().any(|it| b.contains(it));
                same && sources && (holds(one.traffic, other.traffic) || holds(other.traffic, one.traffic))
            });
            prop_assert!(clash.is_none(), "{:?} and {:?}", one, clash);
        }
        prop_assert_eq!(boxes.into_iter().collect::<PacketSet<Access>>(), set);
    }
}

/// Who reaches the interface, a line for each box: who, from where, to where, with what, by which rules, if not answered.
fn lines(set: &PacketSet<Access>) -> Vec<String> {
    let line = |it: policy::PacketBox<Access>| {
        let from = match it.from {
            Endpoint::Outside => "outside".to_owned(),
            Endpoint::Interface(id) => id.to_string().trim_start_matches("eni-").trim_start_matches('0').to_owned(),
        };
        let number =
            |admission: &Admission| admission.rule.to_string().trim_start_matches(['s', 'g', 'r', '-', '0']).to_owned();
        let rules: Vec<String> = it.label.rules.iter().map(number).collect();
        let answered = match it.label.answered {
            Answered::Always => String::new(),
            other => format!(", {other:?}"),
        };
        format!("{from} {} {} {} {}{answered}", it.sources, it.to, it.traffic, rules.join("+"))
    };
    set.boxes().map(line).collect()
}

/// A at .10 with a public address and group 1, B at .11 with group 2; the rules of group 1 are 0x64, 0x65, ...
fn two(ingress: &[&str]) -> Topology {
    let mut topology = common::cloud();
    common::add_group(&mut topology, 1, ingress, &["all 0.0.0.0/0"]);
    common::add_group(&mut topology, 2, &[], &[]);
    common::add_instance(&mut topology, 0xa, "172.31.0.10", Some("198.18.1.10"), &[1]);
    common::add_instance(&mut topology, 0xb, "172.31.0.11", None, &[2]);
    topology
}

#[test]
fn every_box_names_its_rules() {
    let topology = two(&["tcp 22 203.0.113.0/24", "tcp 22-23 203.0.113.128/25", "udp 53 sg-00000000000000002"]);
    let outside = [
        "outside 203.0.113.0/25 198.18.1.10 tcp 22 64",
        "outside 203.0.113.128/25 198.18.1.10 tcp 22 64+65",
        "outside 203.0.113.128/25 198.18.1.10 tcp 23 65",
    ];
    // B may call nobody.
    assert_eq!(lines(&policy::sources(&topology, common::eni(0xa))), outside);
    let mut topology = topology;
    common::add_group(&mut topology, 2, &[], &["udp 50-60 172.31.0.0/16"]);
    let private = "b 172.31.0.11/32 172.31.0.10 udp 53 66";
    let set = policy::sources(&topology, common::eni(0xa));
    assert_eq!(lines(&set), [[private].as_slice(), &outside].concat());
    let reach = Reach::new(&topology);
    assert_eq!(lines(&reach.sources_by(common::eni(0xa), common::ip("172.31.0.10"))), [private]);
    assert!(reach.sources(common::eni(0xc)).is_empty());
    assert_eq!(set.lanes().count(), 2);
}

#[test]
fn what_a_gateway_takes_from_nobody_is_left_out() {
    let topology = two(&["icmp 0.0.0.0/0"]);
    let found = lines(&policy::sources(&topology, common::eni(0xa)));
    let outside = found.iter().filter(|line| line.starts_with("outside") && line.contains("icmp 8 "));
    let sources: Vec<&str> = outside.filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(sources.first(), Some(&"1.0.0.0-9.255.255.255"), "{found:?}");
    // In the middle is the pool, whose addresses nobody outside has but the operator: no answer goes there.
    assert_eq!(sources.last(), Some(&"198.19.0.0-223.255.255.255"), "{found:?}");
    let pool = "outside 198.18.1.11-198.18.255.255 198.18.1.10 icmp 8 64, Never";
    assert!(found.iter().any(|line| line == pool), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("icmp 0")), "{found:?}");
}

#[test]
fn lists_without_memory_drop_answers() {
    let mut topology = two(&["tcp 22 203.0.113.0/24"]);
    let entry = |number, text: &str| {
        let rule = common::rules(1, &[text]).remove(0);
        let policy::Peer::Cidr(cidr) = rule.peer else { panic!("{text}") };
        policy::AclEntry { number, allow: true, protocol: rule.protocol, cidr }
    };
    let acl = topology.acls.get_mut(&common::ACL).unwrap();
    acl.egress = vec![entry(1, "tcp 1024-65535 203.0.113.0/26"), entry(2, "tcp 32768-65535 203.0.113.0/25")];
    let expected = [
        "outside 203.0.113.0/26 198.18.1.10 tcp 22 64",
        "outside 203.0.113.64/26 198.18.1.10 tcp 22 64, Sometimes",
        "outside 203.0.113.128/25 198.18.1.10 tcp 22 64, Never",
    ];
    assert_eq!(lines(&policy::sources(&topology, common::eni(0xa))), expected);
}

#[test]
fn who_is_not_checked_may_forward_for_anyone() {
    let mut topology = two(&["tcp 22 10.0.0.0/8", "tcp 22 sg-00000000000000002"]);
    common::add_group(&mut topology, 2, &[], &["tcp 22 172.31.0.10/32"]);
    let own = "b 172.31.0.11/32 172.31.0.10 tcp 22 65";
    assert_eq!(lines(&policy::sources(&topology, common::eni(0xa))), [own]);
    topology.interfaces.get_mut(&common::eni(0xb)).unwrap().source_dest_check = false;
    // No route leads answers back to those it may forward for, until one does.
    let others = "b 10.0.0.0/8 172.31.0.10 tcp 22 64";
    assert_eq!(lines(&policy::sources(&topology, common::eni(0xa))), [&format!("{others}, Never"), own]);
    let target = policy::Target::Interface(common::eni(0xb));
    common::routes(&mut topology).routes.insert("10.0.0.0/8".parse().unwrap(), target);
    assert_eq!(lines(&policy::sources(&topology, common::eni(0xa))), [others, own]);
}

#[test]
fn an_answer_by_way_of_a_nat_gateway_is_a_call_of_its_own() {
    let mut topology = two(&["all 172.31.0.0/16"]);
    common::add_group(&mut topology, 2, &[], &["udp 53 172.31.0.0/16", "tcp 53 172.31.0.0/16"]);
    let cidr: types::Ipv4Cidr = "172.31.16.0/20".parse().unwrap();
    let (subnet, table) = (types::SubnetId::from_number(2), types::RouteTableId::from_number(2));
    let open = topology.route_tables[&common::TABLE].clone();
    topology.route_tables.insert(table, open);
    let it = policy::Subnet { cidr, route_table: Some(table), ..topology.subnets[&common::SUBNET].clone() };
    topology.subnets.insert(subnet, it);
    topology.interfaces.get_mut(&common::eni(0xb)).unwrap().subnet = subnet;
    let (nat, id) = (types::NatGatewayId::from_number(1), common::eni(0xf));
    common::add_instance(&mut topology, 0xf, "172.31.16.200", None, &[]);
    let gateway = topology.interfaces.get_mut(&id).unwrap();
    (gateway.subnet, gateway.kind) = (subnet, policy::InterfaceKind::NatGateway(nat));
    topology.nat_gateways.insert(nat, policy::NatGateway { interface: id, sources: Vec::new() });
    let set = |topology: &Topology| {
        let found = lines(&Reach::new(topology).sources_by(common::eni(0xa), common::ip("172.31.0.10")));
        found.into_iter().filter(|line| line.starts_with('b')).collect::<Vec<_>>()
    };
    let [tcp, udp] = ["tcp", "udp"].map(|name| format!("b 172.31.0.11/32 172.31.0.10 {name} 53 64"));
    assert_eq!(set(&topology), [tcp.clone(), udp.clone()]);
    let b = "172.31.0.11/32".parse().unwrap();
    common::routes(&mut topology).routes.insert(b, policy::Target::NatGateway(nat));
    assert_eq!(set(&topology), [format!("{tcp}, Never"), format!("{udp}, Never")]);
    // TCP does not begin with an answer, whatever B lets in.
    common::add_group(&mut topology, 2, &["all 172.31.16.200/32"], &["udp 53 172.31.0.0/16", "tcp 53 172.31.0.0/16"]);
    assert_eq!(set(&topology), [format!("{tcp}, Never"), udp]);
}

#[test]
fn a_member_beyond_a_peering_connection_may_be_spoken_for() {
    let mut topology = two(&["tcp 22 sg-00000000000000003"]);
    let (vpc, subnet) = (types::VpcId::from_number(2), types::SubnetId::from_number(2));
    let (peering, table) = (types::VpcPeeringConnectionId::from_number(1), types::RouteTableId::from_number(2));
    let block: types::Ipv4Cidr = "10.2.0.0/16".parse().unwrap();
    topology.vpcs.insert(vpc, policy::Vpc::new(vec![block]));
    topology.peerings.insert(peering, policy::Peering { requester: vpc, accepter: common::VPC });
    let there = ("172.31.0.0/16".parse().unwrap(), policy::Target::Peering(peering));
    let routes = [(block.into(), policy::Target::Local), there].into();
    topology.route_tables.insert(table, policy::RouteTable { routes });
    let acl = Some(common::ACL);
    topology.subnets.insert(subnet, policy::Subnet { vpc, cidr: block, route_table: Some(table), acl });
    common::add_group(&mut topology, 3, &[], &[]);
    common::add_group(&mut topology, 4, &[], &["all 0.0.0.0/0"]);
    for (number, address, group) in [(0xc, "10.2.0.12", 4), (0xd, "10.2.0.13", 3)] {
        topology.groups.get_mut(&common::sg(group)).unwrap().vpcs = [vpc].into();
        common::add_instance(&mut topology, number, address, None, &[group]);
        let it = topology.interfaces.get_mut(&common::eni(number)).unwrap();
        (it.vpc, it.subnet, it.source_dest_check) = (vpc, subnet, false);
    }
    let set = |topology: &Topology| lines(&policy::sources(topology, common::eni(0xa)));
    // D itself may call nobody. C is no member, but may use D's address.
    assert_eq!(set(&topology), ["c 10.2.0.13/32 172.31.0.10 tcp 22 64, Never"]);
    common::routes(&mut topology).routes.insert(block.into(), policy::Target::Peering(peering));
    assert_eq!(set(&topology), ["c 10.2.0.13/32 172.31.0.10 tcp 22 64"]);
}

#[test]
fn a_change_is_what_begins_and_what_ends() {
    let (before, after) = (two(&["tcp 22 203.0.113.0/24"]), two(&["tcp 20-22 203.0.113.0/25"]));
    let [before, after] = [before, after].map(|it| policy::sources(&it, common::eni(0xa)));
    assert_eq!(lines(&after.difference(&before)), ["outside 203.0.113.0/25 198.18.1.10 tcp 20-21 64"]);
    assert_eq!(lines(&before.difference(&after)), ["outside 203.0.113.128/25 198.18.1.10 tcp 22 64"]);
    let kept = before.intersection(&after);
    assert_eq!(kept.plain(), after.plain().difference(&after.difference(&before)));
    assert_eq!(before.difference(&after).union(&kept), before);
}

/// Boxes of a small universe: sources 10.0.0.0 to .7, ports 0 to 7, each with a label of three.
fn any_boxes() -> impl Strategy<Value = Vec<policy::PacketBox<u8>>> {
    let range = || (0u8..8, 0u8..8).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let any =
        (range(), range(), 0u8..3, any::<bool>()).prop_map(|(sources, ports, label, outside)| policy::PacketBox {
            from: if outside { Endpoint::Outside } else { Endpoint::Interface(common::eni(1)) },
            to: common::ip("10.9.9.9"),
            sources: AddressRange::new([10, 0, 0, sources.0].into(), [10, 0, 0, sources.1].into()).unwrap(),
            traffic: TrafficRange::Tcp(types::PortRange::new(ports.0.into(), ports.1.into()).unwrap()),
            label,
        });
    prop::collection::vec(any, 0..6)
}

fn universe() -> impl Iterator<Item = Packet> {
    let froms = [Endpoint::Outside, Endpoint::Interface(common::eni(1))];
    froms.into_iter().flat_map(|from| (0..64u8).map(move |at| (from, at / 8, at % 8))).map(|(from, source, port)| {
        Packet {
            from,
            source: [10, 0, 0, source].into(),
            to: common::ip("10.9.9.9"),
            traffic: Traffic::Tcp(port.into()),
        }
    })
}

proptest! {
    #[test]
    fn sets_are_told_packet_by_packet(a in any_boxes(), b in any_boxes()) {
        let says = |boxes: &[policy::PacketBox<u8>], packet: &Packet| {
            let holds = |it: &&policy::PacketBox<u8>| {
                it.from == packet.from && it.sources.contains(packet.source) && it.traffic.contains(packet.traffic)
            };
            boxes.iter().find(holds).map(|it| it.label)
        };
        let [one, other] = [&a, &b].map(|boxes| boxes.iter().cloned().collect::<PacketSet<u8>>());
        let (union, both, rest) = (one.union(&other), one.intersection(&other), one.difference(&other.plain()));
        for packet in universe() {
            let (mine, theirs) = (says(&a, &packet), says(&b, &packet));
            prop_assert_eq!(one.get(&packet).copied(), mine);
            prop_assert_eq!(union.get(&packet).copied(), mine.or(theirs));
            prop_assert_eq!(both.get(&packet).copied(), mine.filter(|_| theirs.is_some()));
            prop_assert_eq!(rest.get(&packet).copied(), mine.filter(|_| theirs.is_none()));
        }
        let same = universe().all(|packet| says(&a, &packet) == says(&b, &packet));
        prop_assert_eq!(one == other, same);
        // Made of other boxes, the same set is equal.
        let single = universe().filter_map(|packet| {
            let sources = types::Cidr::host(packet.source).into();
            let Traffic::Tcp(port) = packet.traffic else { return None };
            let traffic = TrafficRange::Tcp(types::PortRange::new(port, port)?);
            Some(policy::PacketBox { from: packet.from, to: packet.to, sources, traffic, label: says(&a, &packet)? })
        });
        prop_assert_eq!(&single.collect::<PacketSet<u8>>(), &one);
        prop_assert_eq!(&one.boxes().collect::<PacketSet<u8>>(), &one);
        prop_assert_eq!(&rest.union(&both), &one);
        prop_assert!(rest.is_empty() || !rest.plain().boxes().any(|it| it.corners().any(|packet| other.contains(&packet))));
    }

    #[test]
    fn a_range_is_its_blocks(a: u32, length in 0u32..1 << 20, b: u128, more in 0u128..1 << 90) {
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(number));
        let ipv4 = AddressRange::new(address(a), address(a.saturating_add(length))).unwrap();
        let address = |number: u128| IpAddr::from(std::net::Ipv6Addr::from(number));
        let ipv6 = AddressRange::new(address(b), address(b.saturating_add(more))).unwrap();
        for range in [ipv4, ipv6] {
            let blocks: Vec<AddressRange> = range.blocks().into_iter().map(AddressRange::from).collect();
            prop_assert_eq!(blocks.first().map(|it| it.first()), Some(range.first()));
            prop_assert_eq!(blocks.last().map(|it| it.last()), Some(range.last()));
            for pair in blocks.windows(2) {
                prop_assert_eq!(beside(pair[0].last(), 1), Some(pair[1].first()));
            }
            prop_assert_eq!(blocks.len() == 1, !range.to_string().contains('-'));
        }
    }
}

#[test]
fn everything_is_one_block() {
    for text in ["0.0.0.0/0", "::/0"] {
        let range = AddressRange::from(text.parse::<types::Cidr>().unwrap());
        assert_eq!(range.to_string(), text);
    }
}
