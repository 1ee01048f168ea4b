//! The host as the plan says: nothing done twice, what is broken mended, nothing left behind.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use host::netns;
use host::network::{LinuxNetwork, Network, run_ip};
use policy::{Direction, GroupRule, LinkState, eni_link_name, gateway_link_name, plan};
use testkit::{Guest, Lab, Reach, Server, assert_no_leftovers, leftovers, tcp_connect};
use types::{NetworkInterfaceId, SecurityGroupId, SecurityGroupRuleId};

const A_PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 10);
const OPEN: &[&str] = &["all 0.0.0.0/0"];

/// A VPC with one open instance that serves port 22.
fn one() -> Option<(Lab, Guest, SecurityGroupId, Server)> {
    let mut lab = Lab::start()?;
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let group = lab.set_group(1, vpc, &["tcp 22 0.0.0.0/0", "tcp 1000-2000 10.0.0.0/8", "icmp 8/0 0.0.0.0/0"], OPEN);
    let a = lab.add_instance(0xa, vpc, "172.31.0.10", Some("198.18.1.10"), &[group]);
    lab.apply();
    let server = Server::tcp(&a.namespace, 22);
    Some((lab, a, group, server))
}

fn nft(namespace: &str, command: &str) {
    netns::run_in(&netns::path_of(namespace), || {
        let status = std::process::Command::new("nft").arg(command).status();
        assert!(status.is_ok_and(|status| status.success()), "nft {command}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_unchanged_plan_changes_nothing() {
    let Some((mut lab, ..)) = one() else { return };
    assert_eq!(lab.apply().changes, Vec::<String>::new());
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    // A daemon that starts anew knows nothing of the last one, and finds everything as it shall be.
    let restarted = LinuxNetwork::with_operator_namespace(lab.tag(), lab.machine());
    assert_eq!(restarted.apply(&plan(&lab.topology)).unwrap().changes, Vec::<String>::new());
}

#[test]
fn one_pool_belongs_to_one_cloud() {
    let Some((lab, ..)) = one() else { return };
    let pool = lab.topology.operator.pool;
    let network = |tag| LinuxNetwork::with_operator_namespace(tag, lab.machine());
    assert_eq!(network(lab.tag()).pool_taken_by(pool).unwrap(), None);
    let other = network(policy::CloudTag::from_number(0));
    assert_eq!(other.pool_taken_by(pool).unwrap(), Some((pool, lab.tag().operator_link())));
    let part: types::Ipv4Cidr = format!("{}/28", pool.first()).parse().unwrap();
    assert_eq!(other.pool_taken_by(part).unwrap(), None, "a closer route may stand beside it");
    assert_eq!(other.pool_taken_by("198.51.100.0/24".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_change_touches_only_what_it_must() {
    let Some((mut lab, _, group, _server)) = one() else { return };
    let rule = GroupRule::read(SecurityGroupRuleId::from_number(77), "tcp 3005 0.0.0.0/0").unwrap();
    lab.rules(group, Direction::Ingress).push(rule);
    assert_eq!(
        lab.apply().changes,
        [format!("vpc-00000000000000001: add element inet daemun {group}.in.ports {{ 0.0.0.0/0 . 6 . 3005 }}")]
    );
    lab.rules(group, Direction::Ingress).pop();
    assert_eq!(
        lab.apply().changes,
        [format!("vpc-00000000000000001: delete element inet daemun {group}.in.ports {{ 0.0.0.0/0 . 6 . 3005 }}")]
    );
}

#[test]
fn what_was_removed_by_hand_comes_back_and_is_reported() {
    let Some((lab, a, group, _server)) = one() else { return };
    let vpc = lab.vpc_namespace_name(1);
    let edge = lab.tag().edge_namespace();
    let machine = format!("lab{}-machine", lab.tag());
    let link = eni_link_name(a.interface);
    let gateway = gateway_link_name(types::VpcId::from_number(1));
    let ours = lab.tag().operator_link();
    let ip = |namespace: &str, line: String| run_ip(Some(namespace), &[line]).unwrap();
    type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let damages: Vec<Damage<'_>> = vec![
        (
            "a set's element",
            Box::new(|| {
                nft(&vpc, &format!("delete element inet daemun {group}.in.ports {{ 0.0.0.0/0 . tcp . 22 }}"));
            }),
        ),
        ("a chain's rules", Box::new(|| nft(&vpc, &format!("flush chain inet daemun {group}.in")))),
        ("a foreign rule", Box::new(|| nft(&vpc, "insert rule inet daemun ingress counter drop"))),
        ("a map's element", Box::new(|| nft(&vpc, &format!("delete element inet daemun ingress_of {{ {link} }}")))),
        ("the whole table", Box::new(|| nft(&vpc, "delete table inet daemun"))),
        ("the edge's table", Box::new(|| nft(&edge, "delete table inet daemun"))),
        ("the route to a machine", Box::new(|| ip(&vpc, format!("route delete 172.31.0.10/32 dev {link}")))),
        ("a machine's link", Box::new(|| ip(&vpc, format!("link set dev {link} down")))),
        ("the VPC's way out", Box::new(|| ip(&vpc, "route delete default".to_owned()))),
        ("the route to a public address", Box::new(|| ip(&edge, format!("route delete {A_PUBLIC}/32")))),
        ("an address of the edge", Box::new(|| ip(&edge, "address delete 169.254.0.1/32 dev lo".to_owned()))),
        ("the gateway's link", Box::new(|| ip(&edge, format!("link delete dev {gateway}")))),
        ("the operator's link", Box::new(|| ip(&machine, format!("link delete dev {ours}")))),
        (
            "the operator's table",
            Box::new(|| nft(&machine, &format!("delete table inet {}", lab.tag().operator_table()))),
        ),
        ("the operator's route", Box::new(|| ip(&machine, "route delete 198.18.0.0/16".to_owned()))),
        (
            "forwarding",
            Box::new(|| {
                netns::run_in(&netns::path_of(&machine), || {
                    std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
                    Ok(())
                })
                .unwrap();
            }),
        ),
    ];
    for (what, damage) in damages {
        damage();
        let report = lab.converge();
        assert!(!report.repairs.is_empty(), "{what}: nothing was repaired");
        assert_eq!(lab.converge().changes, Vec::<String>::new(), "{what}: something was left to repair");
        let operator = lab.topology.operator.address();
        assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Answered(operator), "{what}");
        assert!(lab.ping(&a.namespace, Lab::INTERNET), "{what}");
    }
}

#[test]
fn a_change_onto_a_broken_table_mends_it() {
    let Some((mut lab, _, group, _server)) = one() else { return };
    nft(&lab.vpc_namespace_name(1), "delete table inet daemun");
    let rule = GroupRule::read(SecurityGroupRuleId::from_number(77), "tcp 3005 0.0.0.0/0").unwrap();
    lab.rules(group, Direction::Ingress).push(rule);
    lab.apply();
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 3005), Reach::Refused);
}

#[test]
fn connections_do_not_notice_a_restart() {
    let Some((lab, _, _, _server)) = one() else { return };
    let ssh = SocketAddrV4::new(A_PUBLIC, 22);
    let (mut session, _) = tcp_connect(&lab.machine(), ssh, Duration::from_secs(5)).unwrap();
    let restarted = LinuxNetwork::with_operator_namespace(lab.tag(), lab.machine());
    restarted.converge(&plan(&lab.topology)).unwrap();
    assert!(session.echoes(Duration::from_secs(5)));
}

#[test]
fn a_link_that_no_plan_names_is_shut() {
    let Some((mut lab, a, _, _server)) = one() else { return };
    let vpc = types::VpcId::from_number(1);
    let group = SecurityGroupId::from_number(1);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[group]);
    lab.apply();
    let _web = Server::tcp(&b.namespace, 22);
    let there = Ipv4Addr::new(172, 31, 0, 11);
    assert_eq!(lab.tcp(&a.namespace, there, 22), Reach::Answered(Ipv4Addr::new(172, 31, 0, 10)));
    // The link stays, the plan forgets it: as between a stop and the end of the machine.
    lab.interface(&b).link = LinkState::Detached;
    lab.apply();
    assert_eq!(lab.tcp(&a.namespace, there, 22), Reach::Silence);
    assert_eq!(lab.tcp(&b.namespace, Ipv4Addr::new(172, 31, 0, 10), 22), Reach::Silence);
    let namespace = lab.vpc_namespace_name(1);
    run_ip(Some(&namespace), &[format!("route replace {there}/32 dev {}", eni_link_name(b.interface))]).unwrap();
    assert_eq!(lab.tcp(&a.namespace, there, 22), Reach::Silence, "a route alone opens nothing");
    assert!(lab.converge().changes.iter().any(|change| change.contains("remove route 172.31.0.11/32")));
}

#[test]
fn an_instance_that_stops_keeps_nothing_and_starts_again() {
    let Some((mut lab, a, _, _server)) = one() else { return };
    lab.interface(&a).link = LinkState::Detached;
    lab.interface(&a).addresses[0].public = None;
    lab.apply();
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Silence);
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    let other = Ipv4Addr::new(198, 18, 9, 9);
    lab.interface(&a).link = LinkState::Attached;
    lab.interface(&a).addresses[0].public = Some(other);
    lab.apply();
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Silence);
    assert_eq!(lab.tcp(&lab.machine(), other, 22), Reach::Answered(lab.topology.operator.address()));
    assert_eq!(lab.converge().changes, Vec::<String>::new());
}

#[test]
fn vpcs_come_and_go() {
    let Some((mut lab, _, _, _server)) = one() else { return };
    let two = lab.add_vpc(2, "10.0.0.0/16");
    let group = lab.set_group(2, two, &[], &[]);
    lab.add_instance(0x2a, two, "10.0.0.10", Some("198.18.1.20"), &[group]);
    lab.apply();
    assert!(netns::is_namespace(&netns::path_of(&lab.vpc_namespace_name(2))));
    lab.topology.vpcs.remove(&two);
    lab.topology.subnets.retain(|_, subnet| subnet.vpc != two);
    lab.topology.interfaces.retain(|_, interface| interface.vpc != two);
    let report = lab.apply();
    // Not found by reading all anew: the link's routes are gone with it, and that is no failure.
    assert!(report.changes.iter().any(|change| change.contains("remove link")), "{report:?}");
    assert!(!netns::path_of(&lab.vpc_namespace_name(2)).exists());
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    assert_eq!(lab.tcp(&lab.machine(), A_PUBLIC, 22), Reach::Answered(lab.topology.operator.address()));
}

#[test]
fn forwarding_stays_on_while_another_cloud_needs_it() {
    let Some((lab, ..)) = one() else { return };
    let number = u32::from_str_radix(&lab.tag().to_string(), 16).unwrap();
    let mut other = lab.topology.clone();
    other.operator.tag = policy::CloudTag::from_number(!number);
    other.operator.pool = "198.19.0.0/16".parse().unwrap();
    other.interfaces.clear();
    let second = LinuxNetwork::with_operator_namespace(other.operator.tag, lab.machine());
    second.apply(&plan(&other)).unwrap();
    lab.network.teardown().unwrap();
    assert_eq!(forwarding(&lab.machine()).trim(), "1");
    second.teardown().unwrap();
    assert_no_leftovers(other.operator.tag);
}

fn forwarding(machine: &Path) -> String {
    netns::run_in(machine, || Ok(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap())).unwrap()
}

#[test]
fn teardown_leaves_nothing() {
    let Some((lab, ..)) = one() else { return };
    let machine = lab.machine();
    assert_eq!(forwarding(&machine).trim(), "1");
    let found = netns::run_in(&machine, || Ok(leftovers(lab.tag()))).unwrap();
    assert!(found.len() >= 4, "the check would not see anything: {found:?}");
    lab.network.teardown().unwrap();
    assert_eq!(forwarding(&machine).trim(), "0", "as it was before");
    netns::run_in(&machine, || {
        let ours = leftovers(lab.tag());
        // The lab's own namespaces bear the tag, too.
        let left: Vec<_> = ours.iter().filter(|line| !line.contains("/netns/lab") && !line.contains(": lab")).collect();
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .unwrap();
    lab.network.teardown().expect("a second teardown finds nothing and is content");
    let tag = lab.tag();
    drop(lab);
    // The guest's server keeps its namespace alive, not its name.
    assert_no_leftovers(tag);
}

#[test]
fn docker_like_firewalls_are_passed_or_named() {
    let Some((lab, a, _, _server)) = one() else { return };
    let machine = format!("lab{}-machine", lab.tag());
    assert_eq!(lab.network.forward_filter_check().unwrap(), []);
    let ours = lab.tag().operator_link();
    nft(
        &machine,
        "add table ip strict; add chain ip strict through { type filter hook forward priority 0; policy drop; }",
    );
    let problems = lab.network.forward_filter_check().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].remedy.contains(&format!("nft insert rule ip strict through iifname '\"{ours}\"' accept")));
    assert!(!testkit::ping(&a.namespace, Lab::INTERNET, Duration::from_millis(300)).arrived());
    // The remedy, as a shell would run it, is one.
    netns::run_in(&netns::path_of(&machine), || {
        assert!(std::process::Command::new("sh").args(["-c", &problems[0].remedy]).status().unwrap().success());
        Ok(())
    })
    .unwrap();
    assert_eq!(lab.network.forward_filter_check().unwrap(), []);
    assert!(lab.ping(&a.namespace, Lab::INTERNET));
    nft(&machine, "delete table ip strict");

    nft(
        &machine,
        "add table ip filter; add chain ip filter DOCKER-USER; \
        add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }; \
        add rule ip filter FORWARD jump DOCKER-USER",
    );
    assert_eq!(lab.network.forward_filter_check().unwrap().len(), 1);
    let report = lab.converge();
    assert_eq!(report.changes.len(), 2, "{report:?}");
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    assert_eq!(lab.network.forward_filter_check().unwrap(), []);
    assert!(lab.ping(&a.namespace, Lab::INTERNET));
    lab.network.teardown().unwrap();
    netns::run_in(&netns::path_of(&machine), || {
        let output = std::process::Command::new("nft").args(["list", "ruleset"]).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains(&ours));
        Ok(())
    })
    .unwrap();
}

#[test]
fn interfaces_beyond_the_plan_are_no_error() {
    let Some((mut lab, ..)) = one() else { return };
    // Attached in the State, not yet made by whoever starts the machine.
    let vpc = types::VpcId::from_number(1);
    let guest = lab.add_instance(0xc, vpc, "172.31.0.12", None, &[SecurityGroupId::from_number(1)]);
    let report = lab.network.apply(&plan(&lab.topology)).unwrap();
    assert!(!report.changes.iter().any(|change| change.contains("set up link")), "{report:?}");
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    lab.apply();
    assert_eq!(guest.interface, NetworkInterfaceId::from_number(0xc));
    assert!(lab.ping(&guest.namespace, Ipv4Addr::new(172, 31, 0, 10)));
}
