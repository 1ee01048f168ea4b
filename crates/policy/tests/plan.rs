//! Rules in, the whole plan out, as text; and what differs between two plans.

mod common;

use std::collections::BTreeMap;

use common::{VPC, add_group, add_instance, cloud, eni, orders, rules, sg};
use policy::{HostChange, HostPlan, IdleTimeouts, LinkState, Place, Topology, diff, plan};

/// Compares with a file in `tests/plans`; `DAEMUN_UPDATE=1` writes it instead.
fn expect(name: &str, text: &str) {
    let path = format!("{}/tests/plans/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("DAEMUN_UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(wanted, text, "{path} says otherwise; the plan is:\n{text}");
}

/// A cloud with a web server, open to some, and a database, open to the web servers.
fn shop() -> Topology {
    let mut topology = cloud();
    add_group(
        &mut topology,
        1,
        &["tcp 22 198.18.0.1/32", "tcp 443 0.0.0.0/0", "icmp 8/0 0.0.0.0/0"],
        &["all 0.0.0.0/0"],
    );
    add_group(&mut topology, 2, &["tcp 3306 sg-00000000000000001"], &[]);
    add_instance(&mut topology, 0xa, "172.31.0.10", Some("198.18.1.10"), &[1]);
    add_instance(&mut topology, 0xb, "172.31.0.11", None, &[2]);
    topology
}

#[test]
fn an_empty_cloud() {
    let mut topology = cloud();
    topology.vpcs.clear();
    topology.subnets.clear();
    expect("empty", &plan(&topology).to_string());
}

#[test]
fn a_web_server_and_a_database() {
    expect("shop", &plan(&shop()).to_string());
}

/// Only what the rules make: sets and chain of group 1, incoming.
fn ingress_of_group_1(ingress: &[&str]) -> String {
    let mut topology = cloud();
    add_group(&mut topology, 1, ingress, &[]);
    add_group(&mut topology, 2, &[], &[]);
    add_instance(&mut topology, 0xa, "172.31.0.10", None, &[1]);
    add_instance(&mut topology, 0xb, "172.31.0.11", None, &[2]);
    add_instance(&mut topology, 0xc, "172.31.0.12", None, &[2]);
    let plan = plan(&topology);
    let mut table = plan.namespaces[&Place::Vpc(VPC)].table.clone();
    let of_group = |name: &str| name.starts_with(&format!("{}.in", sg(1))) || name.ends_with(".members");
    table.sets.retain(|name, _| of_group(name));
    table.chains.retain(|name, _| of_group(name));
    table.to_string()
}

#[test]
fn the_order_of_rules_means_nothing() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "overlapping",
            &["tcp 20-30 10.0.0.0/8", "tcp 25-40 10.0.0.0/8", "tcp 0-65535 10.1.0.0/16", "tcp 22 0.0.0.0/0"],
        ),
        ("duplicate", &["tcp 80 10.0.0.0/8", "tcp 80 10.0.0.0/8", "udp 80 10.0.0.0/8", "tcp 81 10.0.0.0/8"]),
        ("icmp", &["icmp 8/0 0.0.0.0/0", "icmp 3 10.0.0.0/8", "icmp 3/4 10.0.0.0/8", "icmp 10.2.0.0/16"]),
        ("protocols", &["all 10.0.0.0/8", "47 0.0.0.0/0", "50 10.0.0.0/8", "all 10.0.0.1/32"]),
        (
            "groups",
            &[
                "tcp 22-30 sg-00000000000000002",
                "tcp 25 sg-00000000000000002",
                "icmp sg-00000000000000002",
                "tcp 1 sg-00000000000000009",
            ],
        ),
    ];
    for (name, texts) in cases {
        for order in orders(texts) {
            expect(name, &ingress_of_group_1(&order));
        }
    }
}

#[test]
fn every_rule_from_a_group_is_of_no_use_beside_all_from_it() {
    let both = ingress_of_group_1(&["all sg-00000000000000002", "tcp 22 sg-00000000000000002"]);
    assert_eq!(both, ingress_of_group_1(&["all sg-00000000000000002"]));
}

/// The changes between two clouds, as text.
fn changes(old: &Topology, new: &Topology) -> Vec<String> {
    diff(&plan(old), &plan(new)).iter().map(ToString::to_string).collect()
}

#[test]
fn equal_plans_differ_in_nothing() {
    assert_eq!(changes(&shop(), &shop()), Vec::<String>::new());
}

#[test]
fn a_new_rule_is_one_element() {
    let old = shop();
    let mut new = shop();
    new.groups.get_mut(&sg(1)).unwrap().ingress.extend(rules(900, &["tcp 80 0.0.0.0/0"]));
    let added = "add element inet daemun sg-00000000000000001.in.ports { 0.0.0.0/0 . 6 . 80 }";
    assert_eq!(changes(&old, &new), [format!("{VPC}: {added}")]);
    // Everybody might call: who was let in is no longer.
    let forget = format!("{VPC}: forget untracked connections without a rule");
    assert_eq!(changes(&new, &old), [format!("{VPC}: {}", added.replace("add", "delete")), forget]);
}

#[test]
fn a_rule_of_a_group_that_nobody_has_changes_nothing() {
    let old = shop();
    let mut new = shop();
    add_group(&mut new, 3, &["tcp 80 0.0.0.0/0"], &["all 0.0.0.0/0"]);
    assert_eq!(changes(&old, &new), Vec::<String>::new());
}

#[test]
fn a_new_member_is_one_element_of_its_group() {
    let mut old = shop();
    add_group(&mut old, 3, &[], &[]);
    add_instance(&mut old, 0xc, "172.31.0.12", None, &[3]);
    let mut new = old.clone();
    new.interfaces.get_mut(&eni(0xc)).unwrap().groups.insert(sg(1));
    assert_eq!(
        changes(&old, &new),
        [format!(
            "{VPC}: flush chain inet daemun eni-0000000000000000c.in; \
             add rule inet daemun eni-0000000000000000c.in jump sg-00000000000000001.in; \
             add rule inet daemun eni-0000000000000000c.in jump sg-00000000000000003.in; \
             flush chain inet daemun eni-0000000000000000c.out; \
             add rule inet daemun eni-0000000000000000c.out jump sg-00000000000000001.out; \
             add rule inet daemun eni-0000000000000000c.out jump sg-00000000000000003.out; \
             add element inet daemun sg-00000000000000001.members {{ \"eni0000000000c\" . 172.31.0.12 }}"
        )]
    );
}

#[test]
fn a_public_address_that_goes_is_forgotten() {
    let old = shop();
    let mut new = shop();
    new.interfaces.get_mut(&eni(0xa)).unwrap().addresses[0].public = None;
    let text = changes(&old, &new).join("\n");
    for part in [
        "edge: delete element inet daemun public_addresses { \"igw00000000001\" . 198.18.1.10 }",
        "delete element inet daemun private_of { 198.18.1.10 }",
        "delete element inet daemun gateway_users { 172.31.0.10 }",
        "edge: remove route 198.18.1.10/32",
        "forget connections by 198.18.1.10",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_is_new_is_shut_before_it_is_connected() {
    let topology = shop();
    let empty = HostPlan { tag: topology.operator.tag, namespaces: BTreeMap::new(), veths: Default::default() };
    let steps = diff(&empty, &plan(&topology));
    let position = |wanted: &dyn Fn(&HostChange) -> bool| steps.iter().position(wanted).unwrap();
    for place in [Place::Operator, Place::Edge, Place::Vpc(VPC)] {
        let rules = position(&|step| matches!(step, HostChange::ChangeTable { place: p, .. } if *p == place));
        let links = position(&|step| matches!(step, HostChange::CreateLink(_) | HostChange::RaiseLink(_)));
        assert!(rules < links, "{place}");
    }
    // What was there before goes without a trace, and what was never there is not touched.
    let back = diff(&plan(&topology), &empty);
    assert!(back.contains(&HostChange::DeleteNamespace(Place::Vpc(VPC))));
}

#[test]
fn a_table_of_another_version_is_replaced_in_one_go() {
    let new = plan(&shop());
    let mut old = new.clone();
    let table = &mut old.namespaces.get_mut(&Place::Vpc(VPC)).unwrap().table;
    table.sets.get_mut("senders").unwrap().key.pop();
    let steps = diff(&old, &new);
    let [HostChange::ChangeTable { commands, .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(commands[1], policy::NftCommand::DeleteTable);
    assert!(commands.len() > 50);
}

#[test]
fn two_interfaces_with_one_address_are_not_both_plugged_in() {
    let mut topology = shop();
    add_instance(&mut topology, 0xc, "172.31.0.10", None, &[2]);
    let with_both = plan(&topology);
    let links: Vec<_> = with_both.namespaces[&Place::Vpc(VPC)].interfaces.keys().cloned().collect();
    assert_eq!(links, ["eni0000000000a", "eni0000000000b"]);
    // Nor two with one link name: ids that differ only where the name does not show it.
    add_instance(&mut topology, 0xa | 1 << 60, "172.31.0.13", None, &[2]);
    assert_eq!(plan(&topology).namespaces[&Place::Vpc(VPC)].interfaces.len(), 2);
}

#[test]
fn a_stopped_machine_has_no_part_in_the_plan() {
    let mut topology = shop();
    let interface = topology.interfaces.get_mut(&eni(0xa)).unwrap();
    interface.link = LinkState::Detached;
    let text = plan(&topology).to_string();
    assert!(!text.contains("198.18.1.10") && !text.contains("eni0000000000a"), "{text}");
    assert!(text.contains("set sg-00000000000000001.members { type ifname . ipv4_addr; }\n"), "{text}");
    assert!(!text.contains("172.31.0.10"), "{text}");
}

#[test]
fn an_interface_with_other_timeouts_has_them_from_the_first_packet_on() {
    let mut topology = shop();
    let usual = plan(&topology);
    topology.idle_timeouts.insert(eni(0xb), IdleTimeouts { udp: 60, ..IdleTimeouts::default() });
    topology.idle_timeouts.insert(eni(0xc), IdleTimeouts { tcp_established: 60, ..IdleTimeouts::default() });
    let other = plan(&topology);
    let table = &other.namespaces[&Place::Vpc(VPC)].table;
    assert_eq!(table.timeouts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["udp.30.180", "udp.60.180"]);
    let rules: Vec<String> = table.chains["timeouts"].rules.iter().map(ToString::to_string).collect();
    // The shorter one comes last, and counts.
    let rule = |link: &str, seconds| {
        format!("ct state new {link} @udp.{seconds}.180.links ct timeout set \"udp.{seconds}.180\"")
    };
    assert_eq!(rules, [rule("iifname", 60), rule("oifname", 60), rule("iifname", 30), rule("oifname", 30)]);
    let [there, back] = [diff(&usual, &other), diff(&other, &usual)].map(|changes| {
        let [HostChange::ChangeTable { .. }] = changes.as_slice() else { panic!("{changes:?}") };
        changes[0].to_string()
    });
    let made = "add ct timeout inet daemun udp.60.180 { protocol udp; policy = { unreplied : 60, replied : 180 }; }";
    assert!(there.find(made).expect("it is made") < there.find("add rule inet daemun timeouts").unwrap(), "{there}");
    assert!(
        back.find("delete ct timeout inet daemun udp.60.180") > back.find("delete chain inet daemun timeouts"),
        "{back}"
    );
}

#[test]
fn flow_logs_cost_only_the_interfaces_they_watch() {
    let mut topology = shop();
    let before = plan(&topology);
    topology.watched.insert(eni(0xb));
    let after = plan(&topology);
    let (old, new) = (&before.namespaces[&Place::Vpc(VPC)].table, &after.namespaces[&Place::Vpc(VPC)].table);
    assert!(old.flows.is_empty() && !before.to_string().contains("update @"));
    assert_eq!(new.flows.len(), 2);
    let added: Vec<&str> = new.chains.keys().filter(|name| !old.chains.contains_key(*name)).map(|n| &**n).collect();
    let (accepted, rejected) = (format!("{}.accepted", eni(0xb)), format!("{}.rejected", eni(0xb)));
    assert_eq!(added, [&accepted, &rejected, "log_received", "log_sent"]);
    let ingress = &new.chains[&format!("{}.in", eni(0xb))];
    assert_eq!(ingress.rules.last().unwrap().to_string(), format!("jump {rejected}"));
    let untouched = format!("{}.in", eni(0xa));
    assert_eq!(new.chains[&untouched], old.chains[&untouched]);
    let egress: Vec<String> = new.chains["egress"].rules.iter().map(ToString::to_string).collect();
    let at = egress.iter().position(|rule| rule == "ct state invalid drop").unwrap();
    assert_eq!(egress[at - 2], "ct state invalid iifname vmap @rejected_of");
    assert_eq!(egress[at - 1], "ct state invalid iifname @outer_links oifname vmap @rejected_of");
    // The other family has sets of its own, where the VPC has it.
    topology.vpcs.get_mut(&VPC).unwrap().ipv6_cidrs = vec!["2001:db8:0:100::/56".parse().unwrap()];
    let both = &plan(&topology).namespaces[&Place::Vpc(VPC)].table;
    let names: Vec<_> = both.flows.keys().map(|name| name.rsplit_once('.').unwrap().1).collect();
    assert_eq!(names, ["accepted", "accepted6", "rejected", "rejected6"]);
    let rules: Vec<String> = both.chains[&accepted].rules.iter().map(ToString::to_string).collect();
    let counts =
        format!("update @{accepted}6 {{ ip6 saddr . ip6 daddr . meta l4proto . th sport . th dport counter }}");
    assert!(rules.len() == 4 && rules[2].ends_with(&counts), "{rules:#?}");
    // Nothing is made anew for it, and all of it goes again.
    let text = |changes: Vec<HostChange>| changes.iter().map(|change| format!("{change}\n")).collect::<String>();
    let there = text(diff(&before, &after));
    assert!(
        there.contains(&format!("add set inet daemun {accepted} {{ type ipv4_addr . ipv4_addr . inet_proto")),
        "{there}"
    );
    assert!(!there.contains("delete table"), "{there}");
    let back = text(diff(&after, &before));
    assert!(back.contains(&format!("delete set inet daemun {accepted}")), "{back}");
    let emptied = back.find("delete element inet daemun rejected_of").expect("the map lets go of its chains");
    assert!(emptied < back.find(&format!("delete chain inet daemun {rejected}")).unwrap(), "{back}");
}
