//! What the kernel counts for flow logs, held against packets that were really sent.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use host::netns;
use host::network::{Flow, Network, Volume};
use testkit::{Guest, Lab, Reach, Server};
use types::VpcId;

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const D: Ipv4Addr = Ipv4Addr::new(172, 31, 1, 13);
const OPEN: &[&str] = &["all 0.0.0.0/0"];

/// Sends datagrams of ten bytes from one port to another.
fn send(from: &Guest, port: u16, to: Ipv4Addr, to_port: u16, count: usize) {
    let work = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        for _ in 0..count {
            // A refusal of an earlier one may be reported here; that one is not sent then.
            while socket.send_to(b"0123456789", SocketAddrV4::new(to, to_port)).is_err() {}
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
    let answer = |flow: &&Flow| (flow.source, flow.source_port, flow.destination_port) == (D, 53, 40_005);
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
    let pings = flows.keys().filter(|f| (f.protocol, f.source, f.source_port, f.destination_port) == (1, B, 0, 0));
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
