//! Many rules and many members: what a change costs must not grow with what is there already.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use host::network::configure_eni_link;
use policy::{Address, Direction, GroupRule, Interface, InterfaceKind, LinkState, Place, eni_link_name};
use testkit::{Lab, Reach, time_refusals};
use types::{MacAddress, NetworkInterfaceId, SecurityGroupRuleId, SubnetId};

const A: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);
const RULES: u32 = 10_000;
const MEMBERS: u32 = 100;

const CALLS: u32 = 3_000;

fn best_of_three(mut measure: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| measure()).min().unwrap()
}

/// The bounds are for a busy machine and an unoptimised build; the times printed are the ones to look at.
#[test]
fn one_more_rule_among_ten_thousand_is_quickly_in_force() {
    let Some(mut lab) = Lab::start() else { return };
    let vpc = lab.add_vpc(1, "172.31.0.0/16");
    let servers = lab.set_group(1, vpc, &[], &[]);
    let clients = lab.set_group(2, vpc, &[], &["all 0.0.0.0/0"]);
    *lab.rules(servers, Direction::Ingress) = (0..RULES)
        .map(|n| {
            let text = format!("tcp {} 10.{}.{}.0/24", 1 + n % 60_000, n / 250, n % 250);
            GroupRule::read(SecurityGroupRuleId::from_number(n.into()), &text).unwrap()
        })
        .collect();
    let a = lab.add_instance(0xa, vpc, &A.to_string(), None, &[servers]);
    let b = lab.add_instance(0xb, vpc, "172.31.0.11", None, &[clients]);
    for number in 0..MEMBERS {
        let id = NetworkInterfaceId::from_number(0x1000 + u128::from(number));
        let interface = Interface {
            vpc,
            subnet: SubnetId::from_number(1),
            addresses: vec![Address {
                private: Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 1, 0)) + number),
                public: None,
            }],
            ipv6: Vec::new(),
            mac: MacAddress::local(u64::from(number)),
            groups: [servers].into(),
            source_dest_check: true,
            link: LinkState::Attached,
            kind: InterfaceKind::Machine,
        };
        lab.topology.interfaces.insert(id, interface);
    }
    let start = Instant::now();
    lab.apply();
    println!("everything made: {:?}", start.elapsed());
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Silence);

    let rule = GroupRule::read(SecurityGroupRuleId::from_number(77_777), "tcp 22 172.31.0.11/32").unwrap();
    lab.rules(servers, Direction::Ingress).push(rule);
    let start = Instant::now();
    let report = lab.apply();
    let applied = start.elapsed();
    assert_eq!(lab.tcp(&b.namespace, A, 22), Reach::Refused);
    println!("one more rule: applied after {applied:?}, packet through after {:?}", start.elapsed());
    assert_eq!(report.changes.len(), 1, "{report:?}");
    assert!(applied < Duration::from_secs(2), "{applied:?}");

    // The same call by way of ten thousand rules, and past rules that let everything through.
    let target = SocketAddrV4::new(A, 22);
    let by_many = best_of_three(|| time_refusals(&b.namespace, target, CALLS));
    let all_rules = std::mem::take(lab.rules(servers, Direction::Ingress));
    lab.set_group(1, vpc, &["all 0.0.0.0/0"], &[]);
    lab.apply();
    let by_one = best_of_three(|| time_refusals(&b.namespace, target, CALLS));
    *lab.rules(servers, Direction::Ingress) = all_rules;
    lab.apply();
    println!("{CALLS} new connections: {by_many:?} with {RULES} rules, {by_one:?} with one");
    assert!(by_many < by_one * 2, "the price of a packet grows with the number of rules");

    let start = Instant::now();
    assert_eq!(lab.converge().changes, Vec::<String>::new());
    println!("everything read and compared: {:?}", start.elapsed());

    let namespace = lab.vpc_namespace_name(1);
    let start = Instant::now();
    let link = eni_link_name(a.interface);
    let plan = policy::plan(&lab.topology);
    configure_eni_link(&namespace, &link, &plan.namespaces[&Place::Vpc(vpc)].interfaces[&link]).unwrap();
    println!("host end of an interface set up: {:?}", start.elapsed());
}
