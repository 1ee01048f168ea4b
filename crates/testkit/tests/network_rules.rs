//! Packets against rules. Every probe is also held against the policy engine's verdict.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use policy::{Direction, GroupRule};
use testkit::{Guest, Lab, Reach, Server, send_spoofed_udp, tcp_connect};
use types::{SecurityGroupId, SecurityGroupRuleId, VpcId};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const B: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 11);
const C: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 12);
const A_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 10);
const OPEN: &[&str] = &["all 0.0.0.0/0"];

/// One VPC with three instances: `a` in group 1 with a public address, `b` and `c` in group 2.
fn three(ingress: &[&str], egress: &[&str]) -> Option<(Lab, VpcId, [Guest; 3], [SecurityGroupId; 2])> {
    let mut lab = Lab::start()?;
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let servers = lab.set_group(1, vpc, ingress, egress);
    let clients = lab.set_group(2, vpc, &[], OPEN);
    let a = lab.add_instance(0xa, vpc, &A.to_string(), Some(&A_PUBLIC.to_string()), &[servers]);
    let b = lab.add_instance(0xb, vpc, &B.to_string(), None, &[clients]);
    let c = lab.add_instance(0xc, vpc, &C.to_string(), None, &[clients]);
    lab.apply();
    Some((lab, vpc, [a, b, c], [servers, clients]))
}

fn rule(number: u128, text: &str) -> GroupRule {
    GroupRule::read(SecurityGroupRuleId::from_number(number), text).unwrap()
}

#[test]
fn tcp_passes_only_where_a_rule_says_so() {
    let Some((lab, _, [a, b, c], _)) = three(&["tcp 22 172.31.0.11/32", "tcp 8000-8010 0.0.0.0/0"], &[]) else {
        return;
    };
    let _ssh = Server::tcp(&a.namespace, 22);
    let _web = Server::tcp(&a.namespace, 8005);
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Answered(B));
    assert_eq!(lab.tcp(&c.namespace, A, 22), Reach::Silence);
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Silence);
    assert_eq!(lab.tcp(&c.namespace, A, 8005), Reach::Answered(C));
    assert_eq!(lab.tcp(&c.namespace, A, 8000), Reach::Refused);
    assert_eq!(lab.tcp(&c.namespace, A, 8010), Reach::Refused);
    assert_eq!(lab.tcp(&c.namespace, A, 8011), Reach::Silence);
    assert_eq!(lab.tcp(&c.namespace, A, 7999), Reach::Silence);
    assert_eq!(lab.udp(&c.namespace, A, 8005), Reach::Silence);
    let operator = lab.topology.operator.address();
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 8005), Reach::Answered(operator));
    assert!(!lab.ping(&b.namespace, A));
}

#[test]
fn udp_and_icmp_have_rules_of_their_own() {
    let rules = ["udp 53 0.0.0.0/0", "udp 5000-5001 172.31.0.12/32", "icmp 8/0 172.31.0.11/32"];
    let Some((mut lab, _, [a, b, c], [servers, _])) = three(&rules, &[]) else { return };
    let _dns = Server::udp(&a.namespace, 53);
    let _other = Server::udp(&a.namespace, 5001);
    assert_eq!(lab.udp(&b.namespace, A, 53), Reach::Answered(B));
    assert_eq!(lab.udp(&lab.machine(), A_PUBLIC, 53), Reach::Answered(lab.topology.operator.address()));
    assert_eq!(lab.udp(&b.namespace, A, 5001), Reach::Silence);
    assert_eq!(lab.udp(&c.namespace, A, 5001), Reach::Answered(C));
    assert_eq!(lab.udp(&c.namespace, A, 5000), Reach::Refused, "a machine's own refusal comes back");
    assert_eq!(lab.tcp(&b.namespace, A, 53), Reach::Silence);
    assert!(lab.ping(&b.namespace, A));
    assert!(!lab.ping(&c.namespace, A));
    *lab.rules(servers, Direction::Ingress) = vec![rule(1, "icmp 13 0.0.0.0/0"), rule(2, "icmp 8/1 0.0.0.0/0")];
    lab.apply();
    assert!(!lab.ping(&b.namespace, A), "another type, and another code");
    *lab.rules(servers, Direction::Ingress) = vec![rule(1, "icmp 8 172.31.0.0/16"), rule(2, "icmp 13 0.0.0.0/0")];
    lab.apply();
    assert!(lab.ping(&c.namespace, A));
    assert!(!lab.ping(&lab.machine(), A_PUBLIC));
    *lab.rules(servers, Direction::Ingress) = vec![rule(1, "icmp 0.0.0.0/0")];
    lab.apply();
    assert!(lab.ping(&lab.machine(), A_PUBLIC));
}

#[test]
fn all_protocols_means_all_and_a_number_means_that_one() {
    let Some((mut lab, _, [a, b, c], [servers, _])) = three(&["all 172.31.0.11/32"], &[]) else { return };
    let _tcp = Server::tcp(&a.namespace, 1);
    let _udp = Server::udp(&a.namespace, 65535);
    assert_eq!(lab.tcp(&b.namespace, A, 1), Reach::Answered(B));
    assert_eq!(lab.udp(&b.namespace, A, 65535), Reach::Answered(B));
    assert!(lab.ping(&b.namespace, A));
    assert_eq!(lab.tcp(&c.namespace, A, 1), Reach::Silence);
    *lab.rules(servers, Direction::Ingress) = vec![rule(1, "17 0.0.0.0/0")];
    lab.apply();
    assert_eq!(lab.udp(&c.namespace, A, 65535), Reach::Answered(C));
    assert_eq!(lab.tcp(&b.namespace, A, 1), Reach::Silence);
}

#[test]
fn a_machine_without_egress_rules_calls_nobody_but_answers() {
    let Some((mut lab, _, [a, b, _], [servers, clients])) = three(OPEN, &[]) else { return };
    let _at_a = Server::tcp(&a.namespace, 80);
    let _at_b = Server::tcp(&b.namespace, 80);
    *lab.rules(clients, Direction::Ingress) = vec![rule(1, "all 0.0.0.0/0")];
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, A, 80), Reach::Answered(B), "answers are no calls");
    assert_eq!(lab.tcp(&a.namespace, B, 80), Reach::Silence);
    assert_eq!(lab.tcp(&a.namespace, Lab::INTERNET, 80), Reach::Silence);
    assert!(!lab.ping(&a.namespace, B));
    *lab.rules(servers, Direction::Egress) = vec![rule(2, "tcp 80 172.31.0.11/32"), rule(3, "icmp 203.0.113.0/24")];
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, B, 80), Reach::Answered(A));
    assert_eq!(lab.tcp(&a.namespace, C, 80), Reach::Silence);
    assert!(lab.ping(&a.namespace, Lab::INTERNET));
    assert!(!lab.ping(&a.namespace, B));
}

#[test]
fn a_rule_that_names_a_group_means_its_members() {
    let Some((mut lab, vpc, [a, b, c], [servers, clients])) = three(&[], &[]) else { return };
    let _ssh = Server::tcp(&a.namespace, 22);
    let _dns = Server::udp(&a.namespace, 53);
    *lab.rules(servers, Direction::Ingress) =
        vec![rule(1, &format!("tcp 22 {clients}")), rule(2, &format!("udp 50-60 {clients}"))];
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Answered(B));
    assert_eq!(lab.udp(&c.namespace, A, 53), Reach::Answered(C));
    assert_eq!(lab.tcp(&b.namespace, A, 23), Reach::Silence);
    assert!(!lab.ping(&b.namespace, A));

    let outsiders = lab.set_group(3, vpc, &[], OPEN);
    lab.interface(&c).groups = [outsiders].into();
    let report = lab.apply();
    let text = report.changes.join("\n");
    assert!(
        text.contains(&format!("delete element inet daemun {clients}.members {{ \"eni0000000000c\" . {C} }}")),
        "{text}"
    );
    assert_eq!(lab.tcp(&c.namespace, A, 22), Reach::Silence, "no member any more");
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Answered(B));

    lab.interface(&c).groups = [outsiders, clients].into();
    lab.apply();
    assert_eq!(lab.tcp(&c.namespace, A, 22), Reach::Answered(C), "a member again");

    *lab.rules(servers, Direction::Ingress) =
        vec![rule(3, &format!("icmp 8/0 {clients}")), rule(4, &format!("47 {clients}"))];
    lab.apply();
    assert!(lab.ping(&c.namespace, A));
    assert_eq!(lab.tcp(&c.namespace, A, 22), Reach::Silence);
    *lab.rules(servers, Direction::Ingress) = vec![rule(5, &format!("all {clients}"))];
    lab.apply();
    assert_eq!(lab.tcp(&c.namespace, A, 22), Reach::Answered(C));
}

#[test]
fn a_group_that_names_itself_lets_its_members_talk() {
    let Some((mut lab, _, [_, b, c], [_, clients])) = three(&[], &[]) else { return };
    let _ssh = Server::tcp(&b.namespace, 22);
    assert_eq!(lab.tcp(&c.namespace, B, 22), Reach::Silence);
    *lab.rules(clients, Direction::Ingress) = vec![rule(1, &format!("all {clients}"))];
    lab.apply();
    assert_eq!(lab.tcp(&c.namespace, B, 22), Reach::Answered(C));
}

#[test]
fn rules_of_several_groups_add_up() {
    let Some((mut lab, vpc, [a, b, _], [servers, _])) = three(&["tcp 22 0.0.0.0/0"], &[]) else { return };
    let web = lab.set_group(4, vpc, &["tcp 80 0.0.0.0/0"], &[]);
    assert_eq!(lab.tcp(&b.namespace, A, 80), Reach::Silence);
    lab.interface(&a).groups = [servers, web].into();
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, A, 80), Reach::Refused);
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Refused);
    lab.interface(&a).groups = [].into();
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Silence);
}

/// Overlapping rules are where elements of an interval set could clash.
#[test]
fn overlapping_rules_come_and_go_in_any_order() {
    let Some((mut lab, _, [_, b, c], [servers, _])) = three(&[], &[]) else { return };
    let texts =
        ["tcp 0-65535 172.31.0.11/32", "tcp 20-30 172.31.0.0/16", "tcp 25-40 172.31.0.0/16", "tcp 22 0.0.0.0/0"];
    let probes = |lab: &Lab| {
        for (from, port) in [(&b, 22), (&c, 22), (&c, 28), (&c, 35), (&c, 50), (&b, 50)] {
            lab.tcp(&from.namespace, A, port);
        }
    };
    for removed in 0..texts.len() {
        let rotated = (0..texts.len()).map(|i| (i + removed) % texts.len());
        *lab.rules(servers, Direction::Ingress) = rotated.map(|i| rule(i as u128, texts[i])).collect();
        lab.apply();
        assert_eq!(lab.converge().changes, Vec::<String>::new(), "the kernel has what was planned");
        lab.rules(servers, Direction::Ingress).remove(0);
        lab.apply();
        probes(&lab);
    }
}

#[test]
fn a_tracked_connection_outlives_its_rule() {
    let Some((mut lab, _, [a, b, _], [servers, _])) = three(&["tcp 22 172.31.0.0/16"], &[]) else { return };
    let _ssh = Server::tcp(&a.namespace, 22);
    let patience = Duration::from_secs(5);
    let (mut connection, _) = tcp_connect(&b.namespace, SocketAddrV4::new(A, 22), patience).unwrap();
    assert!(connection.echoes(patience));
    lab.rules(servers, Direction::Ingress).clear();
    lab.apply();
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Silence, "a new one is not let in");
    assert!(connection.echoes(patience), "the old one goes on");
}

#[test]
fn rules_change_while_traffic_runs() {
    let Some((mut lab, _, [a, b, _], [servers, _])) = three(&["tcp 22 172.31.0.0/16"], &[]) else { return };
    let _ssh = Server::tcp(&a.namespace, 22);
    let _web = Server::tcp(&a.namespace, 8080);
    let (mut connection, _) =
        tcp_connect(&b.namespace, SocketAddrV4::new(A, 22), Duration::from_secs(5)).expect("a connection");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut echoes = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(connection.echoes(Duration::from_secs(5)), "lost after {echoes} echoes");
                echoes += 1;
            }
            echoes
        });
        for round in 0..10 {
            lab.rules(servers, Direction::Ingress).push(rule(round, "tcp 8080 0.0.0.0/0"));
            let report = lab.apply();
            assert_eq!(report.changes.len(), 1, "{report:?}");
            assert_eq!(lab.tcp(&b.namespace, A, 8080), Reach::Answered(B));
            lab.rules(servers, Direction::Ingress).pop();
            lab.apply();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(traffic.join().expect("the traffic") > 0);
    });
    assert_eq!(lab.tcp(&b.namespace, A, 8080), Reach::Silence);
}

#[test]
fn a_spoofed_source_is_dropped_unless_the_check_is_off() {
    let Some((mut lab, _, [a, b, _], _)) = three(OPEN, OPEN) else { return };
    let b = &b;
    let server = Server::udp(&a.namespace, 9);
    let target = SocketAddrV4::new(A, 9);
    let received = server.received();
    let send_as = |source| move |text: &str| send_spoofed_udp(&b.namespace, source, target, text);
    received.insist_on("honest", send_as(B));
    send_as(C)("as a neighbour");
    send_as(Ipv4Addr::new(8, 8, 8, 8))("as a stranger");
    // In order on the same link: once the next honest one is there, the others would be.
    received.insist_on("honest again", send_as(B));
    assert!(received.all().iter().all(|(sender, text)| *sender == B && text.starts_with("honest")), "{received:?}");

    lab.interface(b).source_dest_check = false;
    lab.apply();
    received.insist_on("as a router", send_as(Ipv4Addr::new(8, 8, 8, 8)));
}

/// Who asks by ARP is remembered in one table that all namespaces of a kernel share: a machine must not fill it.
#[test]
fn a_machine_asks_for_neighbours_under_its_own_address_only() {
    let Some((lab, vpc, [a, b, _], _)) = three(OPEN, OPEN) else { return };
    let server = Server::udp(&a.namespace, 9);
    let received = server.received();
    let send_as = |source| {
        let from = &b.namespace;
        move |text: &str| send_spoofed_udp(from, source, SocketAddrV4::new(A, 9), text)
    };
    let stranger = Ipv4Addr::new(8, 8, 8, 8);
    let at_b = |lines: &[String]| host::netns::run_in(&b.namespace, || host::network::run_ip(None, lines)).unwrap();
    let forget = || "neigh flush dev eth0".to_owned();
    at_b(&[format!("address add {stranger}/32 dev eth0"), forget()]);
    send_as(stranger)("asked for as a stranger");
    at_b(&[format!("address delete {stranger}/32 dev eth0"), forget()]);
    received.insist_on("asked for as oneself", send_as(B));
    let router = host::netns::path_of(&lab.tag().vpc_namespace(vpc));
    let known =
        host::netns::run_in(&router, || Ok(std::fs::read_to_string("/proc/thread-self/net/arp"))).unwrap().unwrap();
    assert!(known.contains(&B.to_string()), "{known}");
    assert!(!known.contains(&stranger.to_string()), "{known}");
}
