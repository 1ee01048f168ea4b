//! For how long the kernel remembers connections of interfaces that have it otherwise than usual.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use host::netns;
use host::network::tracked_connections;
use policy::IdleTimeouts;
use testkit::{Flow, Lab};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const OPEN: &[&str] = &["all 0.0.0.0/0"];
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn connections_are_remembered_as_long_as_their_interfaces_say() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, OPEN, OPEN);
    let [a, b, c] = [(0xa, "172.31.0.10"), (0xb, "172.31.0.11"), (0xc, "172.31.0.12")]
        .map(|(number, address)| lab.add_instance(number, vpc, address, None, &[group]));
    let router = netns::path_of(&lab.tag().vpc_namespace(vpc));
    let remembered = |port: u16| {
        let all = netns::run_in(&router, tracked_connections).unwrap();
        let found: Vec<_> = all.iter().filter(|it| it.connection.reply.source_port == port).collect();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        one.timeout.as_secs()
    };
    // Until its last word is acknowledged a connection has less; a few seconds may have passed since.
    let is_about = |port, seconds: u64| {
        let deadline = Instant::now() + PATIENCE;
        while !(seconds - 5..=seconds).contains(&remembered(port)) {
            assert!(Instant::now() < deadline, "port {port}: {} of {seconds} s", remembered(port));
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    lab.topology.idle_timeouts.insert(a.interface, IdleTimeouts { udp: 60, udp_stream: 75, tcp_established: 300 });
    lab.topology.idle_timeouts.insert(b.interface, IdleTimeouts { tcp_established: 100, ..IdleTimeouts::default() });
    lab.apply();
    lab.converge();
    assert_eq!(lab.converge().changes, Vec::<String>::new(), "the kernel has what was planned");

    let at = |address: Ipv4Addr, port| SocketAddr::from((address, port));
    let mut tcp = Flow::tcp(&c.namespace, at(A, 1), &a.namespace);
    assert!(tcp.lives(PATIENCE));
    is_about(1, 300);
    let mut shorter = Flow::tcp(&a.namespace, at(B, 2), &b.namespace);
    assert!(shorter.lives(PATIENCE));
    is_about(2, 100);
    let mut usual = Flow::udp(&c.namespace, at(B, 3), &b.namespace);
    assert!(usual.lives(PATIENCE));
    let left = remembered(3);
    assert!(left > 25, "{left}");
    let mut udp = Flow::udp(&c.namespace, at(A, 4), &a.namespace);
    assert!(udp.lives(PATIENCE));
    let left = remembered(4);
    assert!((55..=75).contains(&left), "one exchange or a stream: {left}");

    // What is as usual again costs nothing, and what began before goes on.
    lab.topology.idle_timeouts.clear();
    lab.apply();
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    assert!(tcp.lives(PATIENCE) && udp.lives(PATIENCE));
    is_about(1, 432_000);
}
