//! How soon a rule is in force: from the change of the topology to the first packet that it lets in.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use policy::{Address, Direction, GroupRule, Interface, InterfaceKind, LinkState};
use testkit::{Lab, Server};
use types::{MacAddress, NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId};

use crate::{Report, percentile};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const SAMPLES: usize = 60;

/// Measures groups of one, a hundred and a thousand members.
pub fn measure(report: &mut Report<'_>) {
    println!("from a new rule to its first packet");
    for members in [1u32, 100, 1_000] {
        let mut lab = Lab::start().expect("a kernel to measure");
        let vpc = lab.add_vpc(1, "172.31.0.0/16");
        let servers = lab.set_group(1, vpc, &[], &[]);
        let clients = lab.set_group(2, vpc, &[], &["all 0.0.0.0/0"]);
        let a = lab.add_instance(0xa, vpc, &A.to_string(), None, &[servers]);
        let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[clients]);
        for number in 1..members {
            let interface = member(vpc, number, servers);
            lab.topology.interfaces.insert(NetworkInterfaceId::from_number(0x1000 + u128::from(number)), interface);
        }
        lab.apply();
        let _server = Server::udp(&a.namespace, 53);
        let mut times: Vec<f64> = (0..SAMPLES).map(|sample| once(&mut lab, servers, &b, sample)).collect();
        let name = |share: &str| format!("{members} members, {share}");
        report(&name("p50"), percentile(&mut times, 50), "ms", None);
        report(&name("p99"), percentile(&mut times, 99), "ms", (members == 100).then_some("under 50"));
    }
}

/// An interface without a machine that carries a group.
pub fn member(vpc: VpcId, number: u32, group: SecurityGroupId) -> Interface {
    Interface {
        vpc,
        subnet: SubnetId::from_number(1),
        addresses: vec![Address { private: address(number), public: None }],
        ipv6: Vec::new(),
        mac: MacAddress::local(u64::from(number)),
        groups: [group].into(),
        source_dest_check: true,
        link: LinkState::Attached,
        kind: InterfaceKind::Machine,
    }
}

/// The address of a further member.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 1, 0)) + number)
}

fn once(lab: &mut Lab, group: SecurityGroupId, from: &testkit::Guest, sample: usize) -> f64 {
    lab.rules(group, Direction::Ingress).clear();
    lab.apply();
    let socket = host::netns::run_in(&from.namespace, || Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))));
    let socket = socket.expect("entering").expect("a socket");
    socket.connect(SocketAddr::V4(SocketAddrV4::new(A, 53))).expect("a target");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    // Asks every half millisecond; says when the first answer came.
    let asker = std::thread::spawn(move || {
        let mut buffer = [0u8; 64];
        while !stopped.load(Ordering::Relaxed) {
            let _ = socket.send(b"hello");
            std::thread::sleep(Duration::from_micros(500));
            if socket.recv(&mut buffer).is_ok() {
                return Some(Instant::now());
            }
        }
        None
    });
    std::thread::sleep(Duration::from_millis(3));
    let id = SecurityGroupRuleId::from_number(1_000 + sample as u128);
    lab.rules(group, Direction::Ingress).push(GroupRule::read(id, "udp 53 172.31.0.11/32").expect("a rule"));
    let start = Instant::now();
    lab.apply();
    let patience = Instant::now() + Duration::from_secs(5);
    while !asker.is_finished() && Instant::now() < patience {
        std::thread::sleep(Duration::from_micros(200));
    }
    stop.store(true, Ordering::Relaxed);
    let answered = asker.join().expect("the asker").expect("an answer within five seconds");
    answered.duration_since(start).as_secs_f64() * 1e3
}
