//! What the kernel counts for flow logs, held against packets that were really sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

use host::netns;
use host::network::{Flow, Network, Volume, run_ip};
use testkit::{Guest, Lab, Reach, Server};
use types::VpcId;

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const D: Ipv4Addr = Ipv4Addr::new(172, 31, 1, 13);
const OPEN: &[&str] = &["all 0.0.0.0/0"];

/// Sends datagrams of ten bytes from one port to another.
fn send(from: &Guest, port: u16, to: impl Into<IpAddr>, to_port: u16, count: usize) {
    let to = to.into();
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let work = || {
        let socket = UdpSocket::bind((any, port)).unwrap();
        for _ in 0..count {
            // A refusal of an earlier one may be reported here; that one is not sent then.
            while socket.send_to(b"0123456789", (to, to_port)).is_err() {}
        }
        Ok(())
    };
    netns::run_in(&from.namespace, work).unwrap();
}

fn volume(packets: u64) -> Volume {
    Volume { packets, bytes: packets * (20 + 8 + 10) }
}

/// The flows of UDP between two ports, by interface and whether they were accepted, as soon as `wanted` is met.
fn udp_flows(lab: &Lab, vpc: VpcId, port: u16, to_port: u16, wanted: &[(&Guest, bool, Volume)]) {
    let wanted: BTreeMap<_, _> = wanted.iter().map(|(guest, ok, volume)| ((guest.interface, *ok), *volume)).collect();
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let counted = lab.network.flows(vpc).unwrap();
        assert!(counted.overflowed.is_empty());
        let ours = |flow: &Flow| (flow.protocol, flow.source_port, flow.destination_port) == (17, port, to_port);
        let found: BTreeMap<_, _> = counted
            .flows
            .iter()
            .filter(|(flow, _)| ours(flow))
            .map(|(flow, volume)| ((flow.interface, flow.accepted), *volume))
            .collect();
        if found == wanted {
            return;
        }
        assert!(Instant::now() < until, "found {found:?}, wanted {wanted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn kernel_flows_are_counted_as_they_were_decided() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    lab.topology.subnets.get_mut(&types::SubnetId::from_number(1)).unwrap().cidr = "172.31.0.0/24".parse().unwrap();
    let table = lab.add_table(2, vpc, &[]);
    // What enters passes; of what leaves, no answer of port 53.
    let acl = lab.set_acl(2, &["deny udp 90 0.0.0.0/0", "allow all 0.0.0.0/0"], &["allow udp 53 0.0.0.0/0"]);
    let subnet = lab.add_subnet(2, vpc, "172.31.1.0/24", table, acl);
    let servers = lab.set_group(1, vpc, &["udp 53 0.0.0.0/0", "udp 90 0.0.0.0/0"], &[]);
    let clients = lab.set_group(2, vpc, OPEN, &["udp 1-1000 0.0.0.0/0", "icmp 8/0 0.0.0.0/0"]);
    let a = lab.add_instance(0xa, vpc, &A.to_string(), None, &[servers]);
    let b = lab.add_instance(0xb, vpc, &B.to_string(), None, &[clients]);
    let d = lab.add_instance_in(0xd, subnet, &D.to_string(), None, &[servers]);
    lab.apply();
    let plain = policy::plan(&lab.topology).to_string();
    assert!(!plain.contains("flows ") && !plain.contains("counter") && !plain.contains("log_"), "{plain}");
    assert!(lab.network.flows(vpc).unwrap().flows.is_empty());

    lab.topology.watched = [a.interface, b.interface, d.interface].into();
    lab.apply();
    let _a = Server::udp(&a.namespace, 53);
    let _d = Server::udp(&d.namespace, 53);
    // The links carry packets from here on.
    assert_eq!(lab.udp(&b.namespace, A, 53), Reach::Answered(B));

    // Accepted: sent by one, received by the other, each with its answer.
    send(&b, 40_001, A, 53, 3);
    udp_flows(&lab, vpc, 40_001, 53, &[(&a, true, volume(3)), (&b, true, volume(3))]);
    // The group of the receiver refuses.
    send(&b, 40_002, A, 54, 4);
    udp_flows(&lab, vpc, 40_002, 54, &[(&b, true, volume(4)), (&a, false, volume(4))]);
    // The group of the sender refuses: it goes nowhere.
    send(&b, 40_003, A, 2000, 2);
    udp_flows(&lab, vpc, 40_003, 2000, &[(&b, false, volume(2))]);
    // The list of the receiver's subnet refuses, though its group would not.
    send(&b, 40_004, D, 90, 2);
    udp_flows(&lab, vpc, 40_004, 90, &[(&b, true, volume(2)), (&d, false, volume(2))]);
    // The list refuses the answer: accepted in, rejected out.
    send(&b, 40_005, D, 53, 1);
    udp_flows(&lab, vpc, 40_005, 53, &[(&b, true, volume(1)), (&d, true, volume(1))]);
    let answer = |flow: &&Flow| (flow.source, flow.source_port, flow.destination_port) == (IpAddr::from(D), 53, 40_005);
    let until = Instant::now() + Duration::from_secs(5);
    let found: Vec<(Flow, u64)> = loop {
        let counted = lab.network.flows(vpc).unwrap().flows;
        let found: Vec<_> = counted.iter().filter(|(f, _)| answer(f)).map(|(f, v)| (*f, v.packets)).collect();
        if !found.is_empty() || Instant::now() > until {
            break found;
        }
    };
    assert!(
        matches!(found[..], [(Flow { accepted: false, interface, .. }, 1)] if interface == d.interface),
        "{found:?}"
    );
    // Protocols without ports have the ports 0.
    assert!(!lab.ping(&b.namespace, A));
    let flows = lab.network.flows(vpc).unwrap().flows;
    let pings = flows
        .keys()
        .filter(|f| (f.protocol, f.source, f.source_port, f.destination_port) == (1, IpAddr::from(B), 0, 0));
    let pings: Vec<_> = pings.map(|flow| (flow.interface, flow.accepted)).collect();
    assert!(pings.contains(&(a.interface, false)) && pings.contains(&(b.interface, true)), "{pings:?}");
    assert!(!pings.contains(&(b.interface, false)), "{pings:?}");

    // What the kernel counted is not part of the plan: nothing is put right, and nothing is lost.
    let converged = lab.converge();
    assert_eq!(converged.changes, Vec::<String>::new());
    udp_flows(&lab, vpc, 40_001, 53, &[(&a, true, volume(3)), (&b, true, volume(3))]);
    lab.topology.watched.clear();
    lab.apply();
    assert!(lab.network.flows(vpc).unwrap().flows.is_empty());
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}

#[test]
fn kernel_flows_of_ipv6_are_counted_beside_those_of_ipv4() {
    let Some(mut lab) = Lab::start() else { return };
    let (own_a, own_b): (Ipv6Addr, Ipv6Addr) =
        ("2001:db8:0:100::a".parse().unwrap(), "2001:db8:0:100::b".parse().unwrap());
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let servers = lab.set_group(1, vpc, &["udp 53 0.0.0.0/0", "udp 53 ::/0"], &[]);
    let clients = lab.set_group(2, vpc, &[], &["udp 1-1000 0.0.0.0/0", "udp 1-1000 ::/0", "icmpv6 128/0 ::/0"]);
    let a = lab.add_instance(0xa, vpc, &A.to_string(), None, &[servers]);
    let b = lab.add_instance(0xb, vpc, &B.to_string(), None, &[clients]);
    lab.topology.watched = [a.interface, b.interface].into();
    lab.apply();
    let plain = policy::plan(&lab.topology).to_string();
    assert!(plain.contains("flows ") && !plain.contains("of IPv6"), "{plain}");

    // A VPC that is watched gets IPv6: what was counted stays.
    let _four = Server::udp(&a.namespace, 53);
    assert_eq!(lab.udp(&b.namespace, A, 53), Reach::Answered(B));
    send(&b, 40_001, A, 53, 3);
    udp_flows(&lab, vpc, 40_001, 53, &[(&a, true, volume(3)), (&b, true, volume(3))]);
    lab.add_ipv6_block(vpc, "2001:db8:0:100::/56");
    lab.add_table(1, vpc, &[]);
    for (guest, own) in [(&a, own_a), (&b, own_b)] {
        lab.interface(guest).ipv6 = vec![own];
    }
    lab.apply();
    lab.converge();
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    for (guest, own) in [(&a, own_a), (&b, own_b)] {
        let lines = [format!("address add {own}/128 dev eth0 nodad"), "route add ::/0 via fe80::1 dev eth0".to_owned()];
        netns::run_in(&guest.namespace, || run_ip(None, &lines)).unwrap();
    }
    udp_flows(&lab, vpc, 40_001, 53, &[(&a, true, volume(3)), (&b, true, volume(3))]);

    // Pinging opens the way, and is refused at its end.
    assert!(!lab.ipv6_ping(&b.namespace, own_a));
    let longer = |packets| Volume { packets, bytes: packets * (40 + 8 + 10) };
    send(&b, 40_002, own_a, 53, 4);
    udp_flows(&lab, vpc, 40_002, 53, &[(&a, true, longer(4)), (&b, true, longer(4))]);
    send(&b, 40_003, own_a, 54, 2);
    udp_flows(&lab, vpc, 40_003, 54, &[(&b, true, longer(2)), (&a, false, longer(2))]);
    send(&b, 40_004, own_a, 2000, 1);
    udp_flows(&lab, vpc, 40_004, 2000, &[(&b, false, longer(1))]);
    let flows = lab.network.flows(vpc).unwrap().flows;
    let pings = flows.keys().filter(|flow| (flow.protocol, flow.source) == (58, own_b.into()));
    let told = pings.map(|f| (f.interface, f.accepted, f.destination, f.source_port, f.destination_port));
    let to = IpAddr::from(own_a);
    assert_eq!(told.collect::<Vec<_>>(), [(a.interface, false, to, 0, 0), (b.interface, true, to, 0, 0)]);

    // Nothing that the kernel counted is put right, and nothing stays behind.
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    udp_flows(&lab, vpc, 40_002, 53, &[(&a, true, longer(4)), (&b, true, longer(4))]);
    lab.topology.vpcs.get_mut(&vpc).unwrap().ipv6_cidrs.clear();
    lab.apply();
    assert!(lab.network.flows(vpc).unwrap().flows.keys().all(|flow| flow.source.is_ipv4()));
    udp_flows(&lab, vpc, 40_001, 53, &[(&a, true, volume(3)), (&b, true, volume(3))]);
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}
